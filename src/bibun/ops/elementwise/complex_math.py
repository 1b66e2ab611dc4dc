"""Elementary functions of complex Vals, emitted from real kernels.

The formulas keep branch cuts and signed zeros where C99's do (W. Kahan, "Branch cuts for
complex elementary functions", 1987), and scale so that moduli do not overflow early.
"""

from __future__ import annotations

import math
from typing import Any


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
    size = modulus(b, z)
    zero, one = b.const(0.0, size.dtype), b.const(1.0, size.dtype)
    none = b.compare("eq", size, zero)
    safe = b.select(none, one, size)
    return b.complex(b.div(b.real(z), safe), b.div(b.imag(z), safe))


def exp(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    size = b.math("exp", x)
    zero = b.const(0.0, x.dtype)
    flat = b.compare("eq", y, zero)  # a real argument stays real: inf * sin 0 would be nan
    im = b.select(flat, y, b.mul(size, b.math("sin", y)))
    return b.complex(b.mul(size, b.math("cos", y)), im)


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
    flat = b.compare("eq", y, b.const(0.0, y.dtype))
    return b.complex(re, b.select(flat, y, b.mul(e, b.math("sin", y))))


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
    x, y = b.real(z), b.imag(z)
    size = b.math("exp2", x)
    angle = b.mul(y, b.const(math.log(2.0), y.dtype))
    return b.complex(
        b.mul(size, b.math("cos", angle)), _product(b, b.math("sin", angle), size, angle)
    )


def log2(b: Any, z: Any) -> Any:
    out = log(b, z)
    factor = b.const(1.0 / math.log(2.0), b.real(out).dtype)
    return b.complex(b.mul(b.real(out), factor), b.mul(b.imag(out), factor))


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
    return b.select(flat, b.mul(angle, b.copysign(one, growing)), b.mul(wave, growing))


def sin(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    return b.complex(
        _product(b, b.math("sin", x), b.math("cosh", y), x),
        b.mul(b.math("cos", x), b.math("sinh", y)),
    )


def cos(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    return b.complex(
        b.mul(b.math("cos", x), b.math("cosh", y)),
        b.neg(_product(b, b.math("sin", x), b.math("sinh", y), x)),
    )


def sinh(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    return b.complex(
        b.mul(b.math("sinh", x), b.math("cos", y)),
        _product(b, b.math("sin", y), b.math("cosh", x), y),
    )


def cosh(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    return b.complex(
        b.mul(b.math("cosh", x), b.math("cos", y)),
        _product(b, b.math("sin", y), b.math("sinh", x), y),
    )


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
    return b.complex(b.select(far, b.copysign(one, x), re), b.select(far, tail, im))


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


def asin(b: Any, z: Any) -> Any:
    u, v = _roots(b, z)
    down = b.sub(b.mul(b.real(u), b.real(v)), b.mul(b.imag(u), b.imag(v)))
    return b.complex(
        b.math("atan2", b.real(z), down), b.math("asinh", _imag_of_product(b, u, v))
    )


def acos(b: Any, z: Any) -> Any:
    u, v = _roots(b, z)
    two = b.const(2.0, b.real(z).dtype)
    return b.complex(
        b.mul(two, b.math("atan2", b.real(u), b.real(v))),
        b.math("asinh", _imag_of_product(b, v, u)),
    )


def asinh(b: Any, z: Any) -> Any:
    return _back(b, asin(b, _turn(b, z)))


def acosh(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    one, two = b.const(1.0, x.dtype), b.const(2.0, x.dtype)
    u = sqrt(b, b.complex(b.sub(x, one), y))
    v = sqrt(b, b.complex(b.add(x, one), y))
    re = b.math("asinh", b.add(b.mul(b.real(u), b.real(v)), b.mul(b.imag(u), b.imag(v))))
    return b.complex(re, b.mul(two, b.math("atan2", b.imag(u), b.real(v))))


def atanh(b: Any, z: Any) -> Any:
    x, y = b.real(z), b.imag(z)
    one, two, four = (b.const(c, x.dtype) for c in (1.0, 2.0, 4.0))
    size = b.abs(x)  # the real part is odd in x; for negative x the logarithm would cancel
    left = b.sub(one, size)
    y2 = b.mul(y, y)
    ratio = b.div(b.mul(four, size), b.add(b.mul(left, left), y2))
    inf = b.const(math.inf, x.dtype)
    infinite = b.bit_or(b.compare("eq", size, inf), b.compare("eq", b.abs(y), inf))
    ratio = b.select(infinite, b.const(0.0, x.dtype), ratio)
    re = b.copysign(b.mul(b.const(0.25, x.dtype), b.math("log1p", ratio)), x)
    im = b.mul(
        b.const(0.5, x.dtype),
        b.math("atan2", b.mul(two, y), b.sub(b.mul(left, b.add(one, size)), y2)),
    )
    return b.complex(re, im)


def atan(b: Any, z: Any) -> Any:
    return _back(b, atanh(b, _turn(b, z)))


def power(b: Any, z: Any, w: Any) -> Any:
    """exp(w log z), with 0^w = 0 and z^0 = 1."""
    out = exp(b, b.mul(w, log(b, z)))
    zero, one = b.const(0, z.dtype), b.const(1, z.dtype)
    out = b.select(b.compare("eq", z, zero), zero, out)
    return b.select(b.compare("eq", w, zero), one, out)
