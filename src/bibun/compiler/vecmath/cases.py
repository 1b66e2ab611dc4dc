"""What vector math is measured on: for each kernel its exact function, ranges and bound.

The ranges of a kernel cover its domain: uniform draws, draws uniform in the exponent, floats
of random bits (every exponent, subnormals too), and the floats around the hard points of its
algorithm: seams, multiples of π/2, zeros, poles, the edges of overflow and underflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

float32, float64 = np.dtype(np.float32), np.dtype(np.float64)


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
class Bits:
    """Floats of random bits from lo to hi: all exponents alike, subnormals among them."""

    lo: float = -math.inf
    hi: float = math.inf
    floor: float = 0.0

    def ends(self, dtype: np.dtype) -> tuple[int, int]:
        """The positions of lo and hi among the floats; a positive lo stays positive."""
        top = float(np.finfo(dtype).max)
        lo, hi = (_position(float(np.clip(v, -top, top)), dtype) for v in (self.lo, self.hi))
        return max(lo, int(self.lo > 0)), hi

    def draw(self, rng: np.random.Generator, n: int, dtype: np.dtype) -> np.ndarray:
        return _float_at(rng.integers(*self.ends(dtype), n, endpoint=True), dtype)


@dataclass(frozen=True)
class Near:
    """The floats around given points, up to `reach` away in either direction, of a domain."""

    points: Sequence[float]
    domain: Bits = Bits()  # noqa: RUF009  frozen, so one for all
    reach: int = 64
    floor: float = 0.0

    def draw(self, rng: np.random.Generator, n: int, dtype: np.dtype) -> np.ndarray:
        at = np.array([_position(p, dtype) for p in self.points])
        steps = np.rint(rng.normal(size=n) ** 3 * self.reach / 20).clip(-self.reach, self.reach)
        where = np.resize(at, n) + steps.astype(np.int64)
        return _float_at(where.clip(*self.domain.ends(dtype)), dtype)


def _position(x: float, dtype: np.dtype) -> int:
    """Where x stands when all floats are counted from zero."""
    with np.errstate(over="ignore"):  # a double beyond the floats of single precision
        size = min(np.array(abs(x)).astype(dtype), np.finfo(dtype).max)
    bits = int(np.array(size, dtype).view(f"i{dtype.itemsize}"))
    return -bits if x < 0 else bits


def _float_at(position: np.ndarray, dtype: np.dtype) -> np.ndarray:
    size = np.abs(position).astype(f"i{dtype.itemsize}").view(dtype)
    return np.where(position < 0, -size, size)


@dataclass(frozen=True)
class Case:
    """How one kernel is measured: exact function, ranges, promised bound in ulps."""

    exact: Callable[..., Any]
    ranges: Sequence[Any]
    bound: float
    bound32: float | None = None
    arity: int = 1
    slow: int = 1  # mpmath is slow: so many times fewer points
    extra: Sequence[Any] = ()  # further ranges, for either format
    ranges32: Sequence[Any] | None = field(default=None)

    def limit(self, dtype: np.dtype) -> float:
        return self.bound32 or self.bound if dtype == float32 else self.bound

    def arguments(
        self, rng: np.random.Generator, n: int, dtype: np.dtype
    ) -> Iterator[tuple[float, list[np.ndarray]]]:
        """Yields (floor, arguments) range by range."""
        n = max(n // self.slow, 12)
        ranges = self.ranges32 if dtype == float32 and self.ranges32 else self.ranges
        for r in (*ranges, *self.extra):
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
    "log10": Case(mp.log10, [EVERY[0], Range(0.4, 3), Range(0.99, 1.01)], 1.0),
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
                  Range(0.9999999, 1)], 4.0, slow=4,
    ),
    "lgamma": Case(
        _loggamma,
        [Range(TINY, 1e305, log=True), Range(0, 3), Range(0.9, 2.1), Range(2, 12),
         Range(8, 200), Range(-10, 0, floor=1.0), Range(-1, -1e-30, log=True, floor=1.0)],
        6.0,
        bound32=1.0,
        ranges32=[Range(1e-45, 1e36, log=True), Range(0, 3), Range(2, 12),
                  Range(-10, 0, floor=1.0)],
        slow=4,
    ),
    "digamma": Case(
        mp.digamma,
        [Range(1e-300, 1e305, log=True), Range(0, 3), Range(1.4, 1.5), Range(2, 12),
         Range(8, 200), Range(-10, 0, floor=4.0)],
        8.0,
        bound32=1.0,
        ranges32=[Range(1e-36, 1e36, log=True), Range(0, 3), Range(2, 12),
                  Range(-10, 0, floor=4.0)],
        slow=4,
    ),
}  # fmt: skip




def _in(k: int, f: Callable[..., Any]) -> Callable[..., Any]:
    """The derivative of f in argument k, by central differences in many digits."""

    def slope(*x: Any) -> Any:
        with mp.workdps(70):
            h = x[k] * mp.mpf(10) ** -24
            up, down = ([*x[:k], x[k] + s * h, *x[k + 1 :]] for s in (1, -1))
            return (f(*up) - f(*down)) / (2 * h)

    return slope


def _lower_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def _upper_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


def _quantile_slope(a: Any, x: Any) -> Any:
    density = mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))
    return -_in(0, _lower_gamma)(a, x) / density


def _owens(h: Any, a: Any) -> Any:
    f = lambda x: mp.exp(-h * h * (1 + x * x) / 2) / (1 + x * x)  # noqa: E731
    return mp.quad(f, [0, a / 8, a / 4, a / 2, a]) / (2 * mp.pi)


def _beta(a: Any, b: Any, x: Any) -> Any:
    with mp.workdps(60):
        return mp.betainc(a, b, 0, x, regularized=True)


_SHAPES = [
    (Range(0.01, 1), Range(0.001, 3)), (Range(1, 20), Range(0.5, 40)),
    (Range(20, 100), Range(15, 150)), (Range(1e4, 1.01e4), Range(0.99e4, 1.02e4)),
]  # fmt: skip
_ONE, _TINY = Near([1.0], Bits(1.0, 1.0)), Range(1e-30, 1e-20, log=True)
_BETAS = [
    (Range(0.05, 1), Range(0.05, 1), Range(0.001, 0.999)),
    (Range(1, 20), Range(1, 20), Range(0.05, 0.95)),
    (Range(100, 120), Range(300, 320), Range(0.2, 0.32)),
]  # fmt: skip
CASES |= {
    "hurwitz": Case(mp.zeta, [(Range(1.01, 9), Range(0.01, 30))], 16.0, 1.0, arity=2, slow=2),
    "zeta": Case(mp.zeta, [(Range(1.01, 9), Range(0.01, 30))], 16.0, 1.0, arity=2, slow=2),
    "trigamma": Case(
        lambda x: mp.psi(1, x),
        [Range(1e-150, 1e150, log=True), Range(0, 12), Range(-9, 0)], 8.0, 1.0, slow=2,
        ranges32=[Range(1e-18, 1e36, log=True), Range(0, 12), Range(-9, 0)],
    ),
    "polygamma": Case(
        lambda m, x: mp.psi(int(m), x),
        [(Near([1.0, 2.0, 3.0, 7.0], reach=0), Range(0.05, 30)),
         (Near([1.0, 2.0, 3.0], reach=0), Range(-5, 0, floor=8.0))],
        24.0, 1.0, arity=2, slow=2,
    ),
    **{
        f"bessel_{kind}{n}e": Case(
            exact, [Range(1e-30, 1e300, log=True), Range(0.001, 12), Range(7, 60)], 12.0, 1.0,
            slow=2, ranges32=[Range(1e-30, 1e30, log=True), Range(0.001, 12), Range(7, 60)],
        )
        for n in (0, 1)
        for kind, exact in (
            ("i", lambda x, n=n: mp.exp(-x) * mp.besseli(n, x)),
            ("k", lambda x, n=n: mp.exp(x) * mp.besselk(n, x)),
        )
    },
    **{
        f"bessel_{kind}{n}": Case(
            exact, [Range(1e-9, 0.7, log=True), Range(0.2, 8, floor=0.25), Range(8, 60, floor=0.06),
                    Range(1e3, 1e6, floor=1e-3)], 32.0, 2.0, slow=2,
        )
        for n in (0, 1)
        for kind, exact in (
            ("j", lambda x, n=n: mp.besselj(n, x)),
            ("y", lambda x, n=n: mp.bessely(n, x)),
        )
    },
    "owens_t": Case(
        _owens, [(Range(0, 6), Range(0.01, 1)), (Range(0, 4), Range(1, 20))], 64.0, 1.0, arity=2,
        slow=8,
    ),
    "bessel_ke_by_order": Case(
        lambda v, x, n: mp.exp(x) * mp.besselk(v, x),
        [(Range(0, 5), Range(0.05, 30), Near([0.0], reach=0))], 64.0, 1.0, arity=3, slow=4,
    ),
    "igamma": Case(_lower_gamma, _SHAPES, 400.0, 1.0, arity=2, slow=4),
    "igammac": Case(_upper_gamma, _SHAPES, 400.0, 1.0, arity=2, slow=4),
    "igamma_grad_a": Case(_in(0, _lower_gamma), _SHAPES, 400.0, 1.0, arity=2, slow=16),
    "random_gamma_grad": Case(_quantile_slope, _SHAPES, 100.0, 1.0, arity=2, slow=16),
    "betainc": Case(_beta, _BETAS, 500.0, 1.0, arity=3, slow=4),
    "betainc_parted": Case(  # y alone is right where x is next to 1
        lambda a, b, x, y: _beta(a, b, x) if x < y else 1 - _beta(b, a, y),
        [(*_BETAS[0][:2], _TINY, _ONE), *((*row[:2], _ONE, _TINY) for row in _BETAS[:2])],
        500.0, 1.0, arity=4, slow=4,
    ),
    "betainc_grad_a": Case(_in(0, _beta), _BETAS, 2000.0, 1.0, arity=3, slow=16),
    "betainc_grad_b": Case(_in(1, _beta), _BETAS, 2000.0, 1.0, arity=3, slow=16),
}  # fmt: skip

def _expn(n: Any, x: Any) -> Any:
    return mp.expint(int(n), x)


def _spence(x: Any) -> Any:
    return mp.polylog(2, 1 - x).real


def _inverse(f: Callable[..., Any], start: str) -> Callable[..., Any]:
    """The inverse of a distribution function in its last argument, found from SciPy's."""

    def exact(*args: Any) -> Any:
        import scipy.special

        *shapes, p = args
        x = mpmath.mpf(float(getattr(scipy.special, start)(*map(float, args))))
        for _ in range(4):  # Newton; each step doubles the digits
            h = x * mp.mpf(10) ** -12
            slope = (f(*shapes, x + h) - f(*shapes, x - h)) / (2 * h)
            x = x - (f(*shapes, x) - p) / slope
        return x

    return exact


_QUANTILES = [
    (Range(0.05, 1), Range(1e-3, 0.999)), (Range(1, 20), Range(1e-3, 0.999)),
    (Range(20, 100), Range(1e-3, 0.999)), (Range(0.3, 30), Range(1e-12, 1e-3, log=True)),
]  # fmt: skip
_BETA_QUANTILES = [
    (Range(0.1, 1), Range(0.1, 1), Range(1e-2, 0.99)),
    (Range(1, 20), Range(1, 20), Range(1e-3, 0.999)),
    (Range(20, 100), Range(1, 100), Range(1e-8, 1e-3, log=True)),
]  # fmt: skip
_ORDERS = [
    (Range(0, 3), Range(0.01, 2)), (Range(40, 60), Range(1, 38)), (Range(0, 3), Range(1e-12, 1e-2)),
]  # fmt: skip
_WAVES = [
    *_ORDERS, (Range(0, 5, floor=0.1), Range(2, 30)), (Range(0, 30, floor=0.1), Range(32, 60)),
    (Range(0, 7, floor=0.008), Range(25, 1e4)), (Range(-5, 0, floor=0.1), Range(0.1, 30)),
]  # fmt: skip
_LINE = [Range(1e-300, 1e-3, log=True), Range(0.001, 8), Range(-8, -0.001)]
CASES |= {
    "exponential_integral": Case(
        mp.ei, [Range(1e-300, 1, log=True), Range(0.2, 0.6), Range(0.5, 30), Range(20, 700),
                Range(-700, -1e-3)], 16.0, 1.0,
        ranges32=[Range(1e-36, 1, log=True), Range(0.5, 30), Range(20, 85), Range(-80, -1e-3)],
    ),
    "exponential_integral_e1": Case(
        lambda x: mp.expint(1, x), [Range(1e-300, 1, log=True), Range(0.5, 6), Range(3, 700)],
        16.0, 1.0, ranges32=[Range(1e-36, 1, log=True), Range(0.5, 6), Range(3, 80)],
    ),
    "generalized_exponential_integral": Case(
        _expn,
        [(Near([0.0, 1.0, 2.0, 3.0, 8.0, 30.0], reach=0), r)
         for r in (Range(1e-3, 1), Range(1, 3), Range(3, 60))], 64.0, 1.0, arity=2, slow=2,
    ),
    "sine_integral": Case(mp.si, [*_LINE, Range(8, 1e3), Range(1e3, 1e6)], 8.0, 1.0,
                          ranges32=[Range(1e-30, 1, log=True), Range(-30, 30)]),
    "cosine_integral": Case(
        mp.ci, [Range(1e-300, 3, log=True), Range(0.5, 0.7), Range(2, 8, floor=0.25),
                Range(8, 1e3, floor=1e-2), Range(1e3, 1e6, floor=1e-5)], 32.0, 1.0,
        ranges32=[Range(1e-30, 3, log=True), Range(2, 8, floor=0.25), Range(8, 90, floor=0.01)],
    ),
    "hyperbolic_sine_integral": Case(
        mp.shi, [*_LINE, Range(8, 700)], 16.0, 1.0,
        ranges32=[Range(1e-30, 1, log=True), Range(-80, 80)],
    ),
    "hyperbolic_cosine_integral": Case(
        mp.chi, [Range(1e-300, 3, log=True), Range(0.5, 0.55), Range(1, 9), Range(8, 700)],
        16.0, 1.0, ranges32=[Range(1e-30, 3, log=True), Range(1, 80)],
    ),
    "fresnel_sine": Case(
        mp.fresnels, [Range(1e-100, 1e-3, log=True), Range(-3, 3), Range(2, 300)], 16.0, 1.0,
        ranges32=[Range(1e-12, 1, log=True), Range(-30, 30)],
    ),
    "fresnel_cosine": Case(
        mp.fresnelc, [Range(1e-300, 1e-3, log=True), Range(-3, 3), Range(2, 300)], 16.0, 1.0,
        ranges32=[Range(1e-30, 1, log=True), Range(-30, 30)],
    ),
    "dawson": Case(
        lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
        [Range(1e-300, 1, log=True), Range(-6, 6), Range(4, 20)], 16.0, 1.0,
        ranges32=[Range(1e-30, 1, log=True), Range(-6, 6), Range(4, 20)],
    ),
    "imaginary_erf": Case(
        mp.erfi, [Range(1e-300, 1, log=True), Range(-6, 6), Range(4, 26.6)], 16.0, 1.0,
        ranges32=[Range(1e-30, 1, log=True), Range(-6, 6), Range(4, 9.3)],
    ),
    "dilogarithm": Case(
        _spence, [Range(1e-300, 1, log=True), Range(0, 4), Range(0.9, 1.1),
                  Range(2, 1e300, log=True)], 16.0, 1.0,
        ranges32=[Range(1e-30, 1, log=True), Range(0, 4), Range(2, 1e30, log=True)],
    ),
    "igamma_inv": Case(
        _inverse(_lower_gamma, "gammaincinv"), _QUANTILES, 1000.0, 1.0, arity=2, slow=8
    ),
    "igammac_inv": Case(
        _inverse(_upper_gamma, "gammainccinv"), _QUANTILES, 1000.0, 1.0, arity=2, slow=8
    ),
    "betainc_inv": Case(_inverse(_beta, "betaincinv"), _BETA_QUANTILES, 500.0, 1.0, arity=3,
                        slow=8),
    "betainc_inv_logit": Case(
        lambda a, b, p: mp.log((x := _inverse(_beta, "betaincinv")(a, b, p)) / (1 - x)),
        [tuple(replace(r, floor=0.1) for r in row) for row in _BETA_QUANTILES], 500.0, 1.0,
        arity=3, slow=8,
    ),
    "bessel_j": Case(mp.besselj, _WAVES, 128.0, 2.0, arity=2, slow=2),
    "bessel_y": Case(mp.bessely, _WAVES, 128.0, 2.0, arity=2, slow=2),
    "bessel_ie": Case(
        lambda v, x: mp.exp(-x) * mp.besseli(v, x),
        [*_ORDERS, (Range(0, 60), Range(1, 60)), (Range(0, 7), Range(25, 1e4)),
         (Range(-5, 0), Range(0.1, 30))], 512.0, 1.0, arity=2, slow=2,
    ),
    "elliptic_k": Case(
        mp.ellipk, [Range(0, 1), Range(-8, 0), Range(-1e300, -1, log=True)], 16.0, 1.0,
        ranges32=[Range(0, 1), Range(-8, 0), Range(-1e30, -1, log=True)],
    ),
    "elliptic_e": Case(
        mp.ellipe, [Range(0, 1), Range(-8, 0), Range(-1e300, -1, log=True)], 16.0, 1.0,
        ranges32=[Range(0, 1), Range(-8, 0), Range(-1e30, -1, log=True)],
    ),
}  # fmt: skip

# Where algorithms change or numbers are hard: (floats around these points, further ranges).
_HALF_PIS = [s * k * math.pi / 2 for k in (1, 2, 3, 4, 7, 11, 22, 355, 103993, 4 * 10**8)
             for s in (1, -1)]  # fmt: skip
_EXP_EDGES = [709.782712893384, -708.3964185322641, -745.1332191019411, 88.72283, -87.33654,
              -103.97208]  # fmt: skip
_LN2_HALVES = [k * math.log(2) / 2 for k in (-41, -3, -1, 1, 3, 7, 41)]
_HARD: dict[str, tuple[list[float], list[Any]]] = {
    "exp": ([*_EXP_EDGES, *_LN2_HALVES, 0.0], [Bits(-745, 709)]),
    "exp2": ([1024.0, -1022.0, -1074.0, 128.0, -126.0, -149.0, 0.5, -0.5, 3.5, 0.0],
             [Bits(-1074, 1023)]),
    "expm1": ([*_EXP_EDGES[:1], *_LN2_HALVES, 0.0, -37.4], [Bits(-745, 709)]),
    "log": ([1.0, math.sqrt(0.5), math.sqrt(2), 0.5, 2.0, 2.0**-1022], [Bits(TINY)]),
    "log2": ([1.0, math.sqrt(0.5), math.sqrt(2), 0.5, 2.0, 2.0**-1022], [Bits(TINY)]),
    "log10": ([1.0, math.sqrt(0.5), math.sqrt(2), 0.1, 10.0, 1e22, 2.0**-1022], [Bits(TINY)]),
    "log1p": ([0.0, math.sqrt(0.5) - 1, math.sqrt(2) - 1, 1.0, -0.5, 2.0**53], [Bits(-0.999)]),
    "pow": ([], [(Bits(TINY), Bits(-2, 2)), (Near([1.0]), Bits(-1e17, 1e17)),
                 (Near([2.0, 10.0, 0.5]), Near([1023.0, 308.25, -1022.0, -1074.0, 0.5]))]),
    **{name: ([*_HALF_PIS, 2.0**30, 2.0**15, math.pi / 4, 0.0], [Bits()])
       for name in ("sin", "cos", "tan")},
    "asin": ([0.5, -0.5, 1 - 1e-12, 0.0], [Bits(-1, 1)]),
    "acos": ([0.5, -0.5, 1 - 1e-12, 0.0], [Bits(-1, 1)]),
    "atan": ([0.0, math.tan(math.pi / 8), 1.0, 1 / math.tan(math.pi / 8)], [Bits()]),
    "atan2": ([], [(Bits(), Bits()), (Near([1.0, -1.0]), Near([1.0, -1.0, 0.41421356]))]),
    "sinh": ([0.0, 1.0, 710.4758600739439, 89.41598], [Bits(-710, 710)]),
    "cosh": ([0.0, 1.0, 710.4758600739439, 89.41598], [Bits(-710, 710)]),
    "tanh": ([0.0, 0.62, -0.62, 9.0, 22.0, 19.06], [Bits()]),
    "asinh": ([0.0, 0.5, 1.0, 2.0**27], [Bits()]),
    "acosh": ([1.0 + 1e-9, 1.5, 2.0, 2.0**27], [Bits(1)]),
    "atanh": ([0.0, 0.5, -0.5, 1 - 1e-7], [Bits(-0.99999, 0.99999)]),
    "cbrt": ([0.0, 1.0, 8.0, -27.0, 2.0**-1022], [Bits()]),
    "erf": ([0.0, 1.0, -1.0, 5.9, 3.9], [Bits()]),
    "erfc": ([0.0, 1.0, -1.0, 0.5, 26.543, 10.05, 9.19], [Bits(-30, 27.2)]),
    "erf_inv": ([0.0, 0.5, 0.97, 1 - 1e-6], [Bits(-0.999999, 0.999999)]),
    "lgamma": ([1.0, 2.0, 0.5, 1.5, 2.5, 8.0, 1e17], [Bits(TINY, 1e305)]),
    "digamma": ([1.4616321449683622, 1.0, 2.0, 10.0, 1e-8], [Bits(1e-307, 1e305)]),
}  # fmt: skip



def _with_hard(name: str, case: Case) -> Case:
    points, ranges = _HARD.get(name, ((), ()))
    return replace(case, extra=[*([Near(points, ranges[0])] if points else []), *ranges])


CASES = {name: _with_hard(name, case) for name, case in CASES.items()}
