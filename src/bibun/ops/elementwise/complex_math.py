"""Elementary functions of complex Vals, emitted from real kernels.

The formulas keep branch cuts and signed zeros where C99's do (W. Kahan, "Branch cuts for
complex elementary functions", 1987), and scale so that moduli do not overflow early. For infinite
and nan parts they give what C99's annex G says, which NumPy gives too; a nan's sign means nothing.
"""

from __future__ import annotations

import math
from typing import Any


def _infinite(b: Any, x: Any) -> Any:
    return b.compare("eq", b.abs(x), b.const(math.inf, x.dtype))


def hypot(b: Any, x: Any, y: Any) -> Any:
    """sqrt(x² + y²) of two reals; inf if either is inf, even beside nan."""
    x, y = b.abs(x), b.abs(y)
    one, zero = b.const(1.0, x.dtype), b.const(0.0, x.dtype)
    inf = b.const(math.inf, x.dtype)
    big = b.select(b.compare("gt", x, y), x, y)
    small = b.select(b.compare("gt", x, y), y, x)
    ratio = b.div(small, b.select(b.compare("eq", big, zero), one, big))
    out = b.mul(big, b.sqrt(b.add(one, b.mul(ratio, ratio))))
    infinite = b.bit_or(b.compare("eq", x, inf), b.compare("eq", y, inf))
    return b.select(infinite, inf, b.select(b.compare("eq", big, zero), small, out))


def modulus(b: Any, z: Any) -> Any:
    return hypot(b, b.real(z), b.imag(z))


def sign(b: Any, z: Any) -> Any:
    """z / |z|; ±1 or ±i for one infinite part, nan for two."""
    x, y = b.real(z), b.imag(z)
    size = hypot(b, x, y)
    zero, one = b.const(0.0, size.dtype), b.const(1.0, size.dtype)
    far, nan = b.compare("eq", size, b.const(math.inf, x.dtype)), b.const(math.nan, x.dtype)
    safe = b.select(b.compare("eq", size, zero), one, size)
    both = b.bit_and(_infinite(b, x), _infinite(b, y))

    def part(v: Any) -> Any:
        at_end = b.select(_infinite(b, v), b.copysign(one, v), zero)
        return b.select(far, b.select(both, nan, at_end), b.div(v, safe))

    return b.complex(part(x), part(y))


def _beside(b: Any, growing: Any, wave: Any, imaginary: bool) -> Any:
    """growing * wave, where the wave of an infinite angle is nan: 0 keeps 0, and inf (as a real
    part, whose sign nobody knows) inf."""
    unknown = b.compare("ne", wave, wave)
    known = b.compare("eq", growing, b.const(0.0, growing.dtype))
    if not imaginary:
        known = b.bit_or(known, _infinite(b, growing))
    return b.select(b.bit_and(unknown, known), growing, b.mul(growing, wave))


def _cis(b: Any, size: Any, angle: Any) -> Any:
    """size * exp(i angle) for size >= 0."""
    one = b.const(1.0, angle.dtype)
    flat = b.compare("eq", angle, b.const(0.0, angle.dtype))  # inf * sin 0 would be nan
    im = _beside(b, size, b.math("sin", angle), True)
    im = b.select(flat, b.mul(angle, b.copysign(one, size)), im)
    return b.complex(_beside(b, size, b.math("cos", angle), False), im)


def exp(b: Any, z: Any) -> Any:
    return _cis(b, b.math("exp", b.real(z)), b.imag(z))


def expm1(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    half = b.math("sin", b.mul(y, b.const(0.5, y.dtype)))
    e = b.math("exp", x)
    # e^x cos y - 1 = expm1(x) - 2 e^x sin²(y/2), which for large x is inf - inf
    re = b.sub(
        b.math("expm1", x), b.mul(b.mul(b.const(2.0, x.dtype), e), b.mul(half, half))
    )
    re = b.select(
        b.compare("gt", x, b.const(50.0, x.dtype)), b.mul(e, b.math("cos", y)), re
    )
    wave = _cis(b, e, y)
    extreme = b.bit_or(_infinite(b, x), b.compare("ne", x, x))
    low = b.compare("lt", x, b.const(0.0, x.dtype))
    end = b.select(low, b.const(-1.0, x.dtype), b.real(wave))
    return b.complex(b.select(extreme, end, re), b.imag(wave))


def argument(b: Any, z: Any) -> Any:
    return b.math("atan2", b.imag(z), b.real(z))


def log(b: Any, z: Any) -> Any:
    return b.complex(_log_modulus(b, z), argument(b, z))


def _log_modulus(b: Any, z: Any) -> Any:
    """log |z|, accurate near |z| = 1: ½ log1p((|z| - 1)(|z| + 1)) with the larger part split."""
    x, y = b.abs(b.real(z)), b.abs(b.imag(z))
    swap = b.compare("lt", x, y)
    big, small = b.select(swap, y, x), b.select(swap, x, y)
    one, half = b.const(1.0, x.dtype), b.const(0.5, x.dtype)
    excess = b.add(b.mul(b.sub(big, one), b.add(big, one)), b.mul(small, small))
    near = b.bit_and(
        b.compare("lt", big, b.const(1.5, x.dtype)), b.compare("gt", big, b.const(0.6, x.dtype))
    )
    safe = b.select(near, excess, b.const(0.0, x.dtype))
    return b.select(
        near, b.mul(half, b.math("log1p", safe)), b.math("log", modulus(b, z))
    )


def log1p(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    one, half, two = (b.const(c, x.dtype) for c in (1.0, 0.5, 2.0))
    excess = b.add(b.mul(x, b.add(two, x)), b.mul(y, y))  # |1 + z|² - 1
    near = b.compare("lt", modulus(b, z), half)
    safe = b.select(near, excess, b.const(0.0, x.dtype))
    shifted = b.complex(b.add(x, one), y)
    re = b.select(near, b.mul(half, b.math("log1p", safe)), _log_modulus(b, shifted))
    return b.complex(re, argument(b, shifted))


def exp2(b: Any, z: Any) -> Any:
    """2^z: the modulus is 2^x, not rounded through x log 2."""
    y = b.imag(z)
    return _cis(b, b.math("exp2", b.real(z)), b.mul(y, b.const(math.log(2.0), y.dtype)))


def log2(b: Any, z: Any) -> Any:
    return _log_to(b, z, 2.0)


def _log_to(b: Any, z: Any, base: float) -> Any:
    out = log(b, z)
    factor = b.const(1.0 / math.log(base), b.real(out).dtype)
    return b.complex(b.mul(b.real(out), factor), b.mul(b.imag(out), factor))


def log10(b: Any, z: Any) -> Any:
    return _log_to(b, z, 10.0)


def sqrt(b: Any, z: Any) -> Any:
    """The root in the right half plane: w = sqrt((|z| + |x|) / 2), the other part y / 2w."""
    x, y = b.real(z), b.imag(z)
    half = b.const(0.5, x.dtype)
    zero, one = b.const(0.0, x.dtype), b.const(1.0, x.dtype)
    quarter, two = b.const(0.25, x.dtype), b.const(2.0, x.dtype)
    ax = b.abs(x)
    # scaled by a quarter so that |z| + |x| does not overflow
    size = hypot(b, b.mul(x, quarter), b.mul(y, quarter))
    w = b.mul(b.sqrt(b.mul(half, b.add(size, b.mul(ax, quarter)))), two)
    none = b.compare("eq", w, zero)
    other = b.div(b.abs(y), b.mul(two, b.select(none, one, w)))
    right = b.compare("ge", x, zero)
    re = b.select(none, zero, b.select(right, w, other))
    im = b.select(none, b.abs(y), b.select(right, other, w))
    infinite = b.compare("eq", b.abs(y), b.const(math.inf, x.dtype))
    re = b.select(infinite, b.abs(y), re)
    im = b.select(infinite, b.abs(y), im)
    return b.complex(re, b.copysign(im, y))


def _product(b: Any, wave: Any, growing: Any, angle: Any) -> Any:
    """wave * growing, where `wave` is the sine of `angle`: a zero angle stays, beside inf too."""
    one = b.const(1.0, angle.dtype)
    flat = b.compare("eq", angle, b.const(0.0, angle.dtype))
    return b.select(
        flat, b.mul(angle, b.copysign(one, growing)), _beside(b, growing, wave, True)
    )


def sinh(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    return b.complex(
        _beside(b, b.math("sinh", x), b.math("cos", y), False),
        _product(b, b.math("sin", y), b.math("cosh", x), y),
    )


def cosh(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    return b.complex(
        _beside(b, b.math("cosh", x), b.math("cos", y), False),
        _product(b, b.math("sin", y), b.math("sinh", x), y),
    )


def sin(b: Any, z: Any) -> Any:
    return _back(b, sinh(b, _turn(b, z)))


def cos(b: Any, z: Any) -> Any:
    return cosh(b, _turn(b, z))


def tanh(b: Any, z: Any) -> Any:
    """Kahan's: with t = tan y, s = sinh x, (s cosh x (1+t²) + i t) / (1 + (1+t²) s²)."""
    x, y = b.real(z), b.imag(z)
    one, limit = b.const(1.0, x.dtype), b.const(20.0, x.dtype)
    small = b.clip(x, b.neg(limit), limit)
    t, s = b.math("tan", y), b.math("sinh", small)
    beta = b.add(one, b.mul(t, t))
    rho = b.sqrt(b.add(one, b.mul(s, s)))
    bottom = b.add(one, b.mul(beta, b.mul(s, s)))
    re = b.div(b.mul(beta, b.mul(rho, s)), bottom)
    im = b.div(t, bottom)
    far = b.compare("gt", b.abs(x), limit)
    decay = b.math("exp", b.mul(b.const(-2.0, x.dtype), b.abs(x)))
    both = b.mul(b.math("sin", y), b.math("cos", y))
    tail = b.mul(b.const(4.0, x.dtype), b.mul(both, decay))
    # an infinite or unknown angle leaves a part that is 0 as it is
    unknown = b.compare("ne", both, both)
    still = b.compare("eq", x, b.const(0.0, x.dtype))
    re = b.select(b.bit_and(unknown, still), x, re)
    tail = b.select(b.bit_and(unknown, _infinite(b, x)), b.copysign(decay, y), tail)
    im = b.select(b.compare("eq", y, b.const(0.0, y.dtype)), y, im)
    sure = b.bit_or(b.bit_not(unknown), _infinite(b, x))
    end = b.select(sure, b.copysign(one, x), both)
    return b.complex(b.select(far, end, re), b.select(far, tail, im))


def _turn(b: Any, z: Any) -> Any:
    """i z."""
    return b.complex(b.neg(b.imag(z)), b.real(z))


def _back(b: Any, z: Any) -> Any:
    """-i z."""
    return b.complex(b.imag(z), b.neg(b.real(z)))


def tan(b: Any, z: Any) -> Any:
    return _back(b, tanh(b, _turn(b, z)))


def _roots(b: Any, z: Any) -> tuple[Any, Any]:
    """sqrt(1 - z) and sqrt(1 + z)."""
    x, y = b.real(z), b.imag(z)
    one = b.const(1.0, x.dtype)
    return (
        sqrt(b, b.complex(b.sub(one, x), b.neg(y))),
        sqrt(b, b.complex(b.add(one, x), y)),
    )


def _imag_of_product(b: Any, u: Any, v: Any) -> Any:
    """Im(conj(u) v)."""
    return b.sub(b.mul(b.real(u), b.imag(v)), b.mul(b.imag(u), b.real(v)))


def _directions(b: Any, z: Any) -> tuple[Any, Any, Any]:
    """(whether z is infinite; its parts as seen from afar: ±1 for infinite ones, ±0 for others)."""
    x, y = b.real(z), b.imag(z)
    one, zero = b.const(1.0, x.dtype), b.const(0.0, x.dtype)

    def seen(v: Any) -> Any:
        return b.select(_infinite(b, v), b.copysign(one, v), b.mul(v, zero))

    return b.bit_or(_infinite(b, x), _infinite(b, y)), seen(x), seen(y)


def _far(b: Any, y: Any) -> Any:
    return b.copysign(b.const(math.inf, y.dtype), y)


def asin(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    u, v = _roots(b, z)
    down = b.sub(b.mul(b.real(u), b.real(v)), b.mul(b.imag(u), b.imag(v)))
    infinite, east, north = _directions(b, z)
    re = b.select(infinite, b.math("atan2", east, b.abs(north)), b.math("atan2", x, down))
    re = b.select(b.compare("eq", x, b.const(0.0, x.dtype)), x, re)
    im = b.math("asinh", _imag_of_product(b, u, v))
    return b.complex(re, b.select(infinite, _far(b, y), im))


def acos(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    u, v = _roots(b, z)
    infinite, east, north = _directions(b, z)
    re = b.mul(b.const(2.0, x.dtype), b.math("atan2", b.real(u), b.real(v)))
    re = b.select(infinite, b.math("atan2", b.abs(north), east), re)
    upright = b.compare("eq", x, b.const(0.0, x.dtype))
    re = b.select(upright, b.const(math.pi / 2, x.dtype), re)
    im = b.math("asinh", _imag_of_product(b, v, u))
    return b.complex(re, b.select(infinite, b.neg(_far(b, y)), im))


def asinh(b: Any, z: Any) -> Any:
    return _back(b, asin(b, _turn(b, z)))


def acosh(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    one, two = b.const(1.0, x.dtype), b.const(2.0, x.dtype)
    u = sqrt(b, b.complex(b.sub(x, one), y))
    v = sqrt(b, b.complex(b.add(x, one), y))
    re = b.math("asinh", b.add(b.mul(b.real(u), b.real(v)), b.mul(b.imag(u), b.imag(v))))
    im = b.mul(two, b.math("atan2", b.imag(u), b.real(v)))
    infinite, east, north = _directions(b, z)
    re = b.select(infinite, b.const(math.inf, x.dtype), re)
    im = b.select(infinite, b.copysign(b.math("atan2", b.abs(north), east), y), im)
    unknown = b.bit_and(b.compare("eq", x, b.const(0.0, x.dtype)), b.compare("ne", y, y))
    return b.complex(re, b.select(unknown, b.const(math.pi / 2, x.dtype), im))


def atanh(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    one, two, four = (b.const(c, x.dtype) for c in (1.0, 2.0, 4.0))
    size = b.abs(x)  # the real part is odd in x; for negative x the logarithm would cancel
    left = b.sub(one, size)
    y2 = b.mul(y, y)
    ratio = b.div(b.mul(four, size), b.add(b.mul(left, left), y2))
    infinite = b.bit_or(_infinite(b, x), _infinite(b, y))
    none = b.bit_or(infinite, b.compare("eq", x, b.const(0.0, x.dtype)))
    ratio = b.select(none, b.const(0.0, x.dtype), ratio)
    re = b.copysign(b.mul(b.const(0.25, x.dtype), b.math("log1p", ratio)), x)
    im = b.mul(
        b.const(0.5, x.dtype),
        b.math("atan2", b.mul(two, y), b.sub(b.mul(left, b.add(one, size)), y2)),
    )
    quarter_turn = b.copysign(b.const(math.pi / 2, y.dtype), y)
    known = b.bit_and(infinite, b.compare("eq", y, y))
    return b.complex(re, b.select(known, quarter_turn, im))


def atan(b: Any, z: Any) -> Any:
    return _back(b, atanh(b, _turn(b, z)))


def power(b: Any, z: Any, w: Any) -> Any:
    """exp(w log z), with z^0 = 1 and z^1 = z; 0^w is 0 for a w to the right of 0, else nan."""
    out = exp(b, b.mul(w, log(b, z)))
    zero, one = b.const(0, z.dtype), b.const(1, z.dtype)
    right = b.compare("gt", b.real(w), b.const(0.0, b.real(w).dtype))
    of_zero = b.select(right, zero, b.const(complex(math.nan, math.nan), z.dtype))
    out = b.select(b.compare("eq", z, zero), of_zero, out)
    out = b.select(b.compare("eq", w, one), z, out)
    return b.select(b.compare("eq", w, zero), one, out)
