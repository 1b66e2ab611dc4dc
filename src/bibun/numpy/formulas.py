"""Elementwise functions that are formulas of several ops, with care for their derivatives.

Where a formula has branches, `select` chooses and gradients follow the choice; where a
scale cancels out it takes no part in the derivative; near removable singularities a series
keeps derivatives of every order right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.array import Value
from bibun.dtypes import real_of
from bibun.errors import DTypeError
from bibun.numpy._common import (
    dtype_of,
    full_value,
    no_out,
    promote_args,
    promote_inexact,
    value,
)
from bibun.numpy.elementwise import (
    add,
    arctan2,
    equal,
    less_equal,
    logical_not,
    maximum,
    minimum,
    multiply,
    where,
)
from bibun.ops import elementwise as el

__all__: list[str] = []


def _export(f: Any) -> Any:
    __all__.append(f.__name__)
    return f


@_export
def fmax(x1: Any, x2: Any, /) -> Value:
    """The larger; a nan loses against a number.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fmax(bnp.nan, 2.0))
    2.0
    """
    a, b = promote_args("fmax", x1, x2)
    return where(isnan(a), b, where(isnan(b), a, maximum(a, b)))


@_export
def fmin(x1: Any, x2: Any, /) -> Value:
    """The smaller; a nan loses against a number.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fmin(bnp.nan, 2.0))
    2.0
    """
    a, b = promote_args("fmin", x1, x2)
    return where(isnan(a), b, where(isnan(b), a, minimum(a, b)))


@_export
def log2(x: Any, /) -> Value:
    """Logarithm to base 2.

    >>> import bibun.numpy as bnp
    >>> print(bnp.log2(8.0))
    3.0
    """
    return el.log2(*promote_inexact("log2", x))


@_export
def log10(x: Any, /) -> Value:
    """Logarithm to base 10.

    >>> import bibun.numpy as bnp
    >>> print(bnp.log10(1.0))
    0.0
    """
    return el.log10(*promote_inexact("log10", x))


@_export
def hypot(x1: Any, x2: Any, /) -> Value:
    """The length of (x1, x2), without overflow or underflow on the way.

    >>> import bibun.numpy as bnp
    >>> print(bnp.hypot(3.0, 4.0))
    5.0
    """
    a, b = promote_inexact("hypot", x1, x2)
    dtype = dtype_of(a)
    zero, one = dtype.type(0), dtype.type(1)
    # The scale cancels out, so it takes no part in the derivative.
    scale = _stopped(el.max(el.abs(a), el.abs(b)))
    plain = el.and_(el.gt(scale, zero), el.is_finite(scale))
    safe = el.select(plain, one, scale)
    length = el.mul(
        safe, el.sqrt(el.add(el.square(el.div(a, safe)), el.square(el.div(b, safe))))
    )
    infinite = dtype.type(np.inf)
    endless = el.or_(el.eq(el.abs(a), infinite), el.eq(el.abs(b), infinite))
    return el.select(endless, el.select(plain, scale, length), infinite)


def _stopped(x: Any) -> Any:
    from bibun.transforms import stop_gradient

    return stop_gradient(x)


@_export
def logaddexp(x1: Any, x2: Any, /) -> Value:
    """log(exp(x1) + exp(x2)) without overflow; smooth, derivatives of every order included.

    >>> import bibun.numpy as bnp
    >>> print(bnp.logaddexp(1000.0, -1000.0))
    1000.0
    """
    a, b = promote_inexact("logaddexp", x1, x2)
    # Choosing by `where`, not by max and abs, keeps second derivatives right at x1 == x2.
    first = el.ge(a, b)
    high, low = el.select(first, b, a), el.select(first, a, b)
    gap = el.sub(low, high)
    out = el.add(high, el.log1p(el.exp(gap)))
    return el.select(el.ne(gap, gap), out, el.add(a, b))


@_export
def logaddexp2(x1: Any, x2: Any, /) -> Value:
    """log2(2**x1 + 2**x2) without overflow.

    >>> import bibun.numpy as bnp
    >>> print(bnp.logaddexp2(3.0, 3.0))
    4.0
    """
    a, b = promote_inexact("logaddexp2", x1, x2)
    factor = dtype_of(a).type(np.log(2.0))
    first = el.ge(a, b)
    high, low = el.select(first, b, a), el.select(first, a, b)
    gap = el.sub(low, high)
    out = el.add(high, el.div(el.log1p(el.exp2(gap)), factor))
    return el.select(el.ne(gap, gap), out, el.add(a, b))


@_export
def sinc(x: Any, /) -> Value:
    """sin(pi x) / (pi x), 1 at 0; derivatives of every order are right at 0 too.

    >>> import bibun.numpy as bnp
    >>> print(bnp.sinc(0.0))
    1.0
    """
    (x,) = promote_inexact("sinc", x)
    dtype = dtype_of(x)
    y = el.mul(x, dtype.type(np.pi))
    near = el.lt(el.abs(y), real_of(dtype).type(0.5))
    z = el.square(y)
    series: Any = dtype.type(0)
    for k in range(8, -1, -1):  # Taylor: 0.5**18 / 19! is far below rounding
        coefficient = (-1.0) ** k / float(_factorial(2 * k + 1))
        series = el.add(el.mul(series, z), dtype.type(coefficient))
    far = el.div(el.sin(y), el.select(near, y, dtype.type(1)))
    return el.select(near, far, series)


def _factorial(n: int) -> int:
    out = 1
    for k in range(2, n + 1):
        out *= k
    return out


@_export
def heaviside(x1: Any, x2: Any, /) -> Value:
    """0 for x1 < 0, x2 at 0, 1 for x1 > 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.heaviside(-1.0, 0.5))
    0.0
    """
    a, b = promote_inexact("heaviside", x1, x2)
    dtype = dtype_of(a)
    step = el.select(el.gt(a, dtype.type(0)), dtype.type(0), dtype.type(1))
    out = el.select(el.eq(a, dtype.type(0)), step, b)
    return el.select(el.ne(a, a), out, a)


@_export
def signbit(x: Any, /) -> Value:
    """Whether the sign bit is set: true for negative numbers and -0.0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.signbit(-0.0))
    True
    """
    x = value("signbit", "x", x)
    if x.dtype.kind == "f":
        bits = np.dtype(f"int{8 * x.dtype.itemsize}")
        return el.lt(el.bitcast(x, new_dtype=bits), bits.type(0))
    if x.dtype.kind not in "biu":
        raise DTypeError(f"signbit is not defined for dtype {x.dtype}")
    return el.lt(x, x.dtype.type(0))


@_export
def copysign(x1: Any, x2: Any, /) -> Value:
    """|x1| with the sign of x2.

    >>> import bibun.numpy as bnp
    >>> print(bnp.copysign(2.0, -0.0))
    -2.0
    """
    a, b = promote_inexact("copysign", x1, x2)
    return where(el.ne(signbit(a), signbit(b)), el.neg(a), a)


@_export
def isfinite(x: Any, /) -> Value:
    """Whether x is neither infinite nor nan.

    >>> import bibun.numpy as bnp
    >>> print(bnp.isfinite(bnp.inf))
    False
    """
    x = value("isfinite", "x", x)
    if x.dtype.kind == "c":
        return el.and_(el.is_finite(el.real(x)), el.is_finite(el.imag(x)))
    if x.dtype.kind == "f":
        return el.is_finite(x)
    return full_value(np.bool_(True), x.shape, np.dtype(bool))


@_export
def isnan(x: Any, /) -> Value:
    """Whether x is nan.

    >>> import bibun.numpy as bnp
    >>> print(bnp.isnan(bnp.nan))
    True
    """
    x = value("isnan", "x", x)
    return el.ne(x, x)


@_export
def isinf(x: Any, /) -> Value:
    """Whether x is plus or minus infinity.

    >>> import bibun.numpy as bnp
    >>> print(bnp.isinf(-bnp.inf))
    True
    """
    x = value("isinf", "x", x)
    if x.dtype.kind == "c":
        return el.or_(isinf(el.real(x)), isinf(el.imag(x)))
    if x.dtype.kind == "f":
        return el.eq(el.abs(x), x.dtype.type(np.inf))
    return full_value(np.bool_(False), x.shape, np.dtype(bool))


@_export
def isposinf(x: Any, /, out: None = None) -> Value:
    """Whether x is plus infinity.

    >>> import bibun.numpy as bnp
    >>> print(bnp.isposinf(bnp.inf))
    True
    """
    no_out("isposinf", out)
    return equal(promote_inexact("isposinf", x)[0], np.inf)


@_export
def isneginf(x: Any, /, out: None = None) -> Value:
    """Whether x is minus infinity.

    >>> import bibun.numpy as bnp
    >>> print(bnp.isneginf(bnp.inf))
    False
    """
    no_out("isneginf", out)
    return equal(promote_inexact("isneginf", x)[0], -np.inf)


@_export
def isreal(x: Any, /) -> Value:
    """Whether the imaginary part is 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.isreal(1.0))
    True
    """
    x = value("isreal", "x", x)
    if x.dtype.kind == "c":
        return el.eq(el.imag(x), real_of(x.dtype).type(0))
    return full_value(np.bool_(True), x.shape, np.dtype(bool))


@_export
def iscomplex(x: Any, /) -> Value:
    """Whether the imaginary part is not 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.iscomplex(1j))
    True
    """
    return logical_not(isreal(x))


@_export
def real(val: Any) -> Value:
    """The real part.

    >>> import bibun.numpy as bnp
    >>> print(bnp.real(1 + 2j))
    1.0
    """
    x = value("real", "val", val)
    return el.real(x) if x.dtype.kind == "c" else x


@_export
def imag(val: Any) -> Value:
    """The imaginary part, 0 for real x.

    >>> import bibun.numpy as bnp
    >>> print(bnp.imag(1 + 2j))
    2.0
    """
    x = value("imag", "val", val)
    if x.dtype.kind == "c":
        return el.imag(x)
    return full_value(x.dtype.type(0), x.shape, x.dtype)


@_export
def angle(z: Any, deg: bool = False) -> Value:
    """The argument of a complex number, in radians (or degrees).

    >>> import bibun.numpy as bnp
    >>> print(bnp.angle(-1.0) / bnp.pi)
    1.0
    """
    (x,) = promote_inexact("angle", z)
    out = arctan2(imag(x), real(x))
    return multiply(out, 180 / np.pi) if deg else out


@_export
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None,
               neginf: Any = None) -> Value:  # fmt: skip
    """nan replaced by 0 and infinities by the largest finite numbers, or by what is given.

    >>> import bibun.numpy as bnp
    >>> print(bnp.nan_to_num(bnp.array([1.0, bnp.nan])))
    [1. 0.]
    """
    x = value("nan_to_num", "x", x)
    if x.dtype.kind == "c":
        return el.complex(
            nan_to_num(el.real(x), copy, nan, posinf, neginf),
            nan_to_num(el.imag(x), copy, nan, posinf, neginf),
        )
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    out = where(isnan(x), nan, x)
    out = where(isposinf(x), limits.max if posinf is None else posinf, out)
    return where(isneginf(x), limits.min if neginf is None else neginf, out)


@_export
def modf(x: Any, /, out: None = None) -> tuple[Value, Value]:
    """(fractional part, integer part), both with the sign of x.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.modf(-1.5))
    -0.5 -1.0
    """
    no_out("modf", out)
    (x,) = promote_inexact("modf", x)
    x = value("modf", "x", x)
    whole = el.trunc(x)
    part = where(isinf(x), x.dtype.type(0), el.sub(x, whole))
    return copysign(part, x), whole


@_export
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08,
            equal_nan: bool = False) -> Value:  # fmt: skip
    """Whether |a - b| <= atol + rtol |b|; infinities are close to themselves.

    >>> import bibun.numpy as bnp
    >>> print(bnp.isclose(1.0, 1.0 + 1e-9))
    True
    """
    a, b = promote_inexact("isclose", a, b)
    a, b = value("isclose", "a", a), value("isclose", "b", b)
    near = less_equal(el.abs(el.sub(a, b)), add(atol, multiply(rtol, el.abs(b))))
    finite = el.and_(isfinite(a), isfinite(b))
    out = el.or_(el.eq(a, b), el.and_(finite, near))
    return el.or_(out, el.and_(isnan(a), isnan(b))) if equal_nan else out
