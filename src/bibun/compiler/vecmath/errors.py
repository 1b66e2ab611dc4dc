"""The table of vector math's errors: measured against mpmath, stored, rendered.

    python -m bibun.compiler.vecmath.errors [points per range [kernel ...]]

measures every kernel (or those named) on the ranges of `cases.py`, in double and single
precision, writes `docs/design/vecmath.json`, and renders it into `docs/design/vecmath.md` between
two markers; with 0 points it only renders. A test measures a fixed sample, which is part of what
the command measures, and holds it against the stored figures.

An error is counted in ulps: the distance from the exact value over the distance of the floats
around it (subnormals included). A correctly rounded result has at most 0.5. Needs mpmath and
a checkout of the repository.
"""

from __future__ import annotations

import ctypes
import functools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

from bibun.compiler.engine import compile_module
from bibun.compiler.vecmath.cases import CASES, Case, float32, float64
from bibun.compiler.vecmath.mapping import map_function

PAGE = Path(__file__).parents[4] / "docs" / "design" / "vecmath.md"
STORED = PAGE.with_suffix(".json")
BEGIN, END = "<!-- errors: begin, made by bibun.compiler.vecmath.errors -->", "<!-- errors: end -->"
FIXED = (7, 60)  # seed and points per range of the sample that tests measure again
DTYPES = (float64, float32)
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, "tiny", "-tiny", "max", "-max")


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


Worst = tuple[float, tuple[float, ...]]


def worst(
    name: str,
    dtype: np.dtype,
    points: int = 400,
    seed: int = 1,
    evaluate: Callable[..., np.ndarray] | None = None,
) -> Worst:
    """The largest error of a kernel over its ranges, and where."""
    case = CASES[name]
    evaluate = evaluate or compiled(name, dtype, case.arity)
    rng = np.random.default_rng(seed)
    best: Worst = (-1.0, ())
    for floor, xs in case.arguments(rng, points, dtype):
        errors = ulps(evaluate(*xs), exact_values(case, xs), floor)
        k = int(np.argmax(errors))
        if errors[k] > best[0]:
            best = (float(errors[k]), tuple(float(x[k]) for x in xs))
    return best


def special_values(name: str, dtype: np.dtype) -> list[float]:
    """What a kernel of one argument gives at zeros, infinities, nan, and the ends of range."""
    info = np.finfo(dtype)
    ends = {"tiny": info.smallest_subnormal, "max": info.max}
    x = [ends[s.strip("-")] * (-1 if s[0] == "-" else 1) if isinstance(s, str) else s
         for s in SPECIAL]  # fmt: skip
    return [float(v) for v in compiled(name, dtype)(np.array(x, dtype))]


def measure(points: int, names: Sequence[str]) -> dict[str, Any]:
    """Everything that is stored, by kernel and dtype; of kernels not named what was stored."""
    known = stored() if names else {}
    found: dict[str, Any] = {}
    for name, case in CASES.items():
        if names and name not in names:
            found[name] = known[name]
            continue
        found[name] = {}
        for dtype in DTYPES:
            seed, few = FIXED
            error, at = max(worst(name, dtype, few, seed), worst(name, dtype, points))
            entry: dict[str, Any] = {"ulp": round(error + 0.0005, 3), "at": [repr(v) for v in at],
                                     "bound": case.limit(dtype)}  # fmt: skip
            if case.arity == 1:
                entry["special"] = [_shown(v) for v in special_values(name, dtype)]
            found[name][dtype.name] = entry
        print(name, *(e["ulp"] for e in found[name].values()), flush=True)
    return found


def _shown(x: float) -> str:
    return f"{x:.6g}"


def render(found: dict[str, Any]) -> str:
    """The tables, as Markdown."""
    lines = ["| function | float64: worst ulp | at | bound | float32: worst ulp | at | bound |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, by_dtype in found.items():
        cells = []
        for e in by_dtype.values():
            cells += [f"{e['ulp']:.2f}", ", ".join(_shown(float(v)) for v in e["at"]),
                      f"{e['bound']:g}"]  # fmt: skip
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    heads = " | ".join(f"{s:g}" if not isinstance(s, str) else s for s in SPECIAL)
    lines += ["", "Special values, float64 (`tiny`: the smallest subnormal, `max`: the largest "
              "float)", "", f"| function | {heads} |",
              "|---" * (len(SPECIAL) + 1) + "|"]  # fmt: skip
    for name, by_dtype in found.items():
        values = by_dtype["float64"].get("special")
        if values:
            lines.append(f"| `{name}` | " + " | ".join(values) + " |")
    return "\n".join(lines)


def page(text: str, found: dict[str, Any]) -> str:
    """The document with the tables put between the markers."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{render(found)}\n\n{END}{rest.split(END)[1]}"


def stored() -> dict[str, Any]:
    """What the command measured last."""
    return json.loads(STORED.read_text(encoding="utf-8"))


def main(points: str = "300", *names: str) -> None:
    """Measure (unless `points` is 0), store, render."""
    if int(points):
        found = measure(int(points), names)
        STORED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), stored()), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
