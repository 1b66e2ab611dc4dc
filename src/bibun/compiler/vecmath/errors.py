"""The worst errors of vector math, measured against mpmath.

    python -m bibun.compiler.vecmath.errors [points per range]

prints the table of `docs/design/vecmath.md`. An error is counted in ulps: the distance from
the exact value, over the distance of the floats around it (subnormals included). A correctly
rounded result has at most 0.5. Points are drawn uniformly, or uniformly in the exponent,
from ranges that cover each function's whole domain, seeded; the tests use the same ranges.
Needs mpmath.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

from bibun.compiler.engine import compile_module
from bibun.compiler.vecmath.mapping import map_function

float32, float64 = np.dtype(np.float32), np.dtype(np.float64)


@functools.cache
def compiled(name: str, dtype: np.dtype, arity: int = 1, width: int = 8) -> Callable[..., Any]:
    """The kernel as a native function over arrays (whose size is made a multiple of width)."""
    native = compile_module(map_function("f", name, dtype, width, arity), "f")
    entry = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity + 1), ctypes.c_int64)(native.address)

    def run(*xs: Any) -> np.ndarray:
        n = len(xs[0])
        padded = -(-n // width) * width
        arrays = [np.resize(np.ascontiguousarray(x, dtype), padded) for x in xs]
        out = np.empty(padded, dtype)
        entry(*(a.ctypes.data for a in arrays), out.ctypes.data, padded)
        return out[:n]

    run.native = native  # type: ignore[attr-defined]  # keeps the code alive
    return run


@dataclass(frozen=True)
class Range:
    """Arguments from lo to hi; `log`: uniform in the exponent, both of one sign.

    `floor`: the error is counted in ulps of max(|value|, floor), for functions whose zeros
    are not representable and not specially treated.
    """

    lo: float
    hi: float
    log: bool = False
    floor: float = 0.0

    def draw(self, rng: np.random.Generator, n: int, dtype: np.dtype) -> np.ndarray:
        info = np.finfo(dtype)
        if not self.log:
            return (self.lo + (self.hi - self.lo) * rng.random(n)).astype(dtype)
        sign = -1.0 if self.hi <= 0 else 1.0
        a, b = sorted((abs(self.lo), abs(self.hi)))
        a, b = max(a, float(info.smallest_subnormal)), min(b, float(info.max))
        e = np.log2(a) + (np.log2(b) - np.log2(a)) * rng.random(n)
        # the significand is random too: 2**e has few distinct low bits near powers of two
        x = np.exp2(np.clip(e, -1074, 1023)) * (1 + rng.random(n) * 1e-3)
        return (sign * np.clip(x, a, b)).astype(dtype)


@dataclass(frozen=True)
class Case:
    """How one kernel is measured: exact function, ranges, promised bound in ulps."""

    exact: Callable[..., Any]
    ranges: Sequence[Any]
    bound: float
    bound32: float | None = None
    arity: int = 1
    slow: bool = False  # mpmath is slow: fewer points
    ranges32: Sequence[Any] | None = field(default=None)

    def limit(self, dtype: np.dtype) -> float:
        return self.bound32 or self.bound if dtype == float32 else self.bound

    def arguments(self, rng: np.random.Generator, n: int, dtype: np.dtype) -> Any:
        """Yields (floor, arguments) range by range."""
        if self.slow:
            n = max(n // 4, 50)
        for r in self.ranges32 if dtype == float32 and self.ranges32 else self.ranges:
            parts = r if isinstance(r, tuple) else (r,)
            yield parts[0].floor, [p.draw(rng, n, dtype) for p in parts]


BIG = 1e308
TINY = 5e-324
EVERY = [Range(TINY, BIG, log=True), Range(-BIG, -TINY, log=True)]
UNIT = [Range(-1, 1), Range(1e-300, 1, log=True), Range(-1, -1e-30, log=True)]


def _loggamma(x: Any) -> Any:
    return mp.log(abs(mp.gamma(x))) if x < 0 else mp.loggamma(x)


CASES: dict[str, Case] = {
    "exp": Case(
        mp.exp, [Range(-745.5, 709.8), Range(-1, 1), Range(-0.3, 0.3), *UNIT], 1.0,
        ranges32=[Range(-104, 88.8), Range(-1, 1), *UNIT],
    ),
    "exp2": Case(
        lambda x: mp.power(2, x), [Range(-1075, 1024), Range(-2, 2), *UNIT], 1.0,
        ranges32=[Range(-150, 128), Range(-2, 2), *UNIT],
    ),
    "expm1": Case(
        mp.expm1, [Range(-40, 709.8), Range(-2, 2), Range(-0.5, 0.5), *UNIT], 1.5,
        ranges32=[Range(-20, 88.8), Range(-2, 2), Range(-0.5, 0.5), *UNIT],
    ),
    "log": Case(mp.log, [EVERY[0], Range(0.4, 3), Range(0.99, 1.01)], 1.0),
    "log1p": Case(mp.log1p, [*EVERY[:1], Range(-1, 3), Range(-0.3, 0.5), *UNIT], 1.5),
    "log2": Case(
        lambda x: mp.log(x, 2), [EVERY[0], Range(0.4, 3), Range(0.99, 1.01)], 1.0
    ),
    "pow": Case(
        mp.power,
        [
            (Range(1e-20, 1e20, log=True), Range(-15, 15)),
            (Range(0.5, 2), Range(-1000, 1000)),
            (Range(0.99, 1.01), Range(-60000, 60000)),
            (Range(TINY, BIG, log=True), Range(-1, 1)),
        ],
        1.0,
        arity=2,
        ranges32=[
            (Range(1e-4, 1e4, log=True), Range(-9, 9)),
            (Range(0.5, 2), Range(-120, 120)),
            (Range(1e-45, 3e38, log=True), Range(-1, 1)),
        ],
    ),
    **{
        name: Case(
            exact,
            [Range(-10, 10), Range(-1e5, 1e5), Range(1e-30, 1e9, log=True), Range(1e8, 2e9),
             *EVERY],
            1.0 if name != "tan" else 1.5,
        )
        for name, exact in (("sin", mp.sin), ("cos", mp.cos), ("tan", mp.tan))
    },
    "asin": Case(mp.asin, [*UNIT, Range(0.45, 0.55), Range(0.99, 1)], 1.5),
    "acos": Case(mp.acos, [*UNIT, Range(0.45, 0.55), Range(0.99, 1), Range(-1, -0.99)], 1.5),
    "atan": Case(mp.atan, [Range(-3, 3), Range(0.4, 0.43), Range(2.3, 2.5), *EVERY], 1.0),
    "atan2": Case(
        mp.atan2,
        [
            (Range(-3, 3), Range(-3, 3)),
            (Range(1e-30, 1e30, log=True), Range(-1e30, -1e-30, log=True)),
            (Range(-1e-30, -1e-35, log=True), Range(1e-35, 1e-30, log=True)),
            (Range(1e30, 1e38, log=True), Range(1e30, 1e38, log=True)),
        ],
        1.0,
        arity=2,
    ),
    "sinh": Case(
        mp.sinh, [Range(-710, 710), Range(-3, 3), Range(0.9, 1.1), *UNIT], 1.5,
        ranges32=[Range(-89, 89), Range(-3, 3), Range(0.9, 1.1), *UNIT],
    ),
    "cosh": Case(
        mp.cosh, [Range(-710, 710), Range(-3, 3), *UNIT], 1.5,
        ranges32=[Range(-89, 89), Range(-3, 3), *UNIT],
    ),
    "tanh": Case(mp.tanh, [Range(-20, 20), Range(-1.5, 1.5), Range(0.5, 0.65), *UNIT], 1.5),
    "asinh": Case(mp.asinh, [Range(-3, 3), *EVERY, Range(1e-3, 1e12, log=True)], 1.5),
    "acosh": Case(
        mp.acosh, [Range(1, 1.01), Range(1, 3), Range(1, BIG, log=True),
                   Range(1, 1e12, log=True)], 1.5,
    ),
    "atanh": Case(mp.atanh, [Range(-1, 1), Range(0.9, 1), *UNIT], 1.5),
    "cbrt": Case(lambda x: mp.sign(x) * mp.cbrt(abs(x)), [Range(-10, 10), *EVERY], 1.0),
    "erf": Case(mp.erf, [Range(-6, 6), Range(-1.2, 1.2), *UNIT], 1.5),
    "erfc": Case(
        mp.erfc, [Range(-6, 6), Range(0, 27), Range(-1, 1), *UNIT], 4.0,
        ranges32=[Range(-4, 10), Range(-1, 1), *UNIT],
    ),
    "erf_inv": Case(
        mp.erfinv, [Range(-1, 1), Range(1e-30, 1, log=True), Range(0.99, 1),
                  Range(0.9999999, 1)], 4.0, slow=True,
    ),
    "lgamma": Case(
        _loggamma,
        [Range(TINY, 1e305, log=True), Range(0, 3), Range(0.9, 2.1), Range(2, 12),
         Range(8, 200), Range(-10, 0, floor=1.0), Range(-1, -1e-30, log=True, floor=1.0)],
        6.0,
        bound32=1.0,
        ranges32=[Range(1e-45, 1e36, log=True), Range(0, 3), Range(2, 12),
                  Range(-10, 0, floor=1.0)],
        slow=True,
    ),
    "digamma": Case(
        mp.digamma,
        [Range(1e-300, 1e305, log=True), Range(0, 3), Range(1.4, 1.5), Range(2, 12),
         Range(8, 200), Range(-10, 0, floor=4.0)],
        8.0,
        bound32=1.0,
        ranges32=[Range(1e-36, 1e36, log=True), Range(0, 3), Range(2, 12),
                  Range(-10, 0, floor=4.0)],
        slow=True,
    ),
}  # fmt: skip


def exact_values(case: Case, xs: Sequence[np.ndarray]) -> list[Any]:
    """mpmath's values at the arguments."""
    with mp.workdps(45):
        return [case.exact(*(mpmath.mpf(float(v)) for v in row)) for row in zip(*xs, strict=True)]


def ulps(got: np.ndarray, exact: Sequence[Any], floor: float = 0.0) -> np.ndarray:
    """Errors in ulps; a finite result where the exact one overflows counts as it is."""
    info = np.finfo(got.dtype)
    smallest = mpmath.mpf(float(info.smallest_subnormal))
    out = np.empty(len(got))
    with mp.workdps(45):
        top = mpmath.mpf(float(info.max)) * (1 + mpmath.mpf(2) ** -(info.nmant + 2))
        for i, (g, e) in enumerate(zip(got.tolist(), exact, strict=True)):
            if np.isinf(g):
                out[i] = 0.0 if abs(e) > top and (e > 0) == (g > 0) else np.inf
                continue
            if np.isnan(g):
                out[i] = np.inf
                continue
            size = max(abs(e), floor)
            exponent = mpmath.frexp(size)[1] if size else -2000
            ulp = max(mpmath.ldexp(mpmath.mpf(1), exponent - info.nmant - 1), smallest)
            out[i] = float(abs(mpmath.mpf(g) - e) / ulp)
    return out


def worst(
    name: str,
    dtype: np.dtype,
    points: int = 400,
    seed: int = 1,
    evaluate: Callable[..., np.ndarray] | None = None,
) -> tuple[float, tuple[float, ...]]:
    """The largest error of a kernel over its ranges, and where."""
    case = CASES[name]
    evaluate = evaluate or compiled(name, dtype, case.arity)
    rng = np.random.default_rng(seed)
    best: tuple[float, tuple[float, ...]] = (-1.0, ())
    for floor, xs in case.arguments(rng, points, dtype):
        errors = ulps(evaluate(*xs), exact_values(case, xs), floor)
        k = int(np.argmax(errors))
        if errors[k] > best[0]:
            best = (float(errors[k]), tuple(float(x[k]) for x in xs))
    return best


def main(points: int = 2000) -> None:
    """Print the table in Markdown."""
    print("| function | float64: worst ulp | at | float32: worst ulp | at |")
    print("|---|---|---|---|---|")
    for name in CASES:
        cells = []
        for dtype in (float64, float32):
            error, at = worst(name, dtype, points)
            cells += [f"{error:.2f}", ", ".join(f"{v:.6g}" for v in at)]
        print(f"| `{name}` | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
