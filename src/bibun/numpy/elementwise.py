"""Elementwise functions with NumPy's names: thin faces of the elementwise ops.

Most are one op between promotion rules, and are made by the tables below: name, op, what
it computes, and a worked example that runs as a test. The few that are formulas follow.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import default_float, real_of
from bibun.errors import DTypeError
from bibun.numpy._common import (
    SCALARS,
    arraylike,
    as_int,
    cast,
    converted,
    dtype_of,
    full_value,
    promote_args,
    promote_inexact,
    public,
    shape_of,
    value,
)
from bibun.ops import elementwise as el

__all__: list[str] = []

_EXAMPLE = """{summary}

    {rules}

    >>> import bibun.numpy as bnp
    >>> print(bnp.{name}({given}))
    {result}
    """


def _export(f: Any) -> Any:
    __all__.append(f.__name__)
    return f


def _make(name: str, rules: str, summary: str, given: str, result: str) -> Callable[[Any], Any]:
    doc = _EXAMPLE.format(summary=summary, rules=rules, name=name, given=given, result=result)

    def apply(f: Any) -> Any:
        f = public(name, __name__, doc)(f)
        globals()[name] = f
        return _export(f)

    return apply


# ---- unary functions of floats ------------------------------------------------------------

_UNARY_INEXACT = [
    # name, op, summary, example argument, example result
    ("sqrt", el.sqrt, "Square root.", "9.0", "3.0"),
    ("cbrt", el.cbrt, "Cube root.", "27.0", "3.0"),
    ("exp", el.exp, "Exponential.", "0.0", "1.0"),
    ("exp2", el.exp2, "Power of two, 2**x.", "3.0", "8.0"),
    ("expm1", el.expm1, "exp(x) - 1, exact near 0.", "0.0", "0.0"),
    ("log", el.log, "Natural logarithm.", "1.0", "0.0"),
    ("log1p", el.log1p, "log(1 + x), exact near 0.", "0.0", "0.0"),
    ("sin", el.sin, "Sine; x in radians.", "0.0", "0.0"),
    ("cos", el.cos, "Cosine; x in radians.", "0.0", "1.0"),
    ("tan", el.tan, "Tangent; x in radians.", "0.0", "0.0"),
    ("arcsin", el.asin, "Inverse sine, in radians.", "0.0", "0.0"),
    ("arccos", el.acos, "Inverse cosine, in radians.", "1.0", "0.0"),
    ("arctan", el.atan, "Inverse tangent, in radians.", "0.0", "0.0"),
    ("sinh", el.sinh, "Hyperbolic sine.", "0.0", "0.0"),
    ("cosh", el.cosh, "Hyperbolic cosine.", "0.0", "1.0"),
    ("tanh", el.tanh, "Hyperbolic tangent.", "0.0", "0.0"),
    ("arcsinh", el.asinh, "Inverse hyperbolic sine.", "0.0", "0.0"),
    ("arccosh", el.acosh, "Inverse hyperbolic cosine.", "1.0", "0.0"),
    ("arctanh", el.atanh, "Inverse hyperbolic tangent.", "0.0", "0.0"),
]


def _unary_inexact(name: str, op: Any, summary: str, given: str, result: str) -> None:
    rules = "Elementwise; integers and booleans become floats first."

    @_make(name, rules, summary, given, result)
    def function(x: Any, /) -> Value:
        if type(x) is Array and x._value.dtype.kind in "fc":
            return op(x)
        return op(promote_inexact(name, x)[0])


for _row in _UNARY_INEXACT:
    _unary_inexact(*_row)


# ---- unary functions that keep the dtype --------------------------------------------------


def _identity(x: Any) -> Value:
    return value("positive", "x", x)


_UNARY = [
    # name, op, dtype kinds the op takes, what to do with the others, summary, example
    ("negative", el.neg, "iufc", None, "Minus x.", "2.0", "-2.0"),
    ("positive", _identity, "iufc", None, "x itself.", "2.0", "2.0"),
    ("abs", el.abs, "iufc", "b", "Absolute value; real for complex x.", "-2.0", "2.0"),
    ("sign", el.sign, "iufc", None, "-1, 0 or 1; x/|x| for complex x.", "-2.0", "-1.0"),
    ("floor", el.floor, "f", "biu", "Largest integer not above x.", "1.7", "1.0"),
    ("ceil", el.ceil, "f", "biu", "Smallest integer not below x.", "1.2", "2.0"),
    ("trunc", el.trunc, "f", "biu", "The integer part of x, towards 0.", "-1.7", "-1.0"),
    ("rint", el.round_even, "f", "biu", "Nearest integer, halves to even.", "2.5", "2.0"),
    ("square", el.square, "iufc", None, "x times x.", "3.0", "9.0"),
    ("conjugate", el.conj, "c", "biuf", "Complex conjugate.", "1 + 2j", "(1-2j)"),
    ("bitwise_not", el.not_, "biu", None, "Every bit inverted.", "0", "-1"),
]


def _unary(
    name: str, op: Any, kinds: str, identity: str | None, summary: str, given: str, result: str
) -> None:
    rules = "Elementwise; the dtype stays."

    @_make(name, rules, summary, given, result)
    def function(x: Any, /) -> Value:
        if type(x) is Array:
            kind = x._value.dtype.kind
        else:
            x = arraylike(name, "x", x)
            kind = dtype_of(x).kind
        if kind in kinds:
            return op(promote_args(name, x)[0] if type(x) in SCALARS else x)
        if identity is not None and kind in identity:
            return value(name, "x", x)
        raise DTypeError(f"{name} is not defined for dtype {dtype_of(x)}")


for _row in _UNARY:
    _unary(*_row)


# ---- binary functions ---------------------------------------------------------------------

_BINARY = [
    # name, op, kinds, op for booleans, whether integers become floats, summary, example
    ("add", el.add, "iufc", el.or_, False, "Sum.", "1.0, 2.0", "3.0"),
    ("subtract", el.sub, "iufc", None, False, "Difference.", "5.0, 2.0", "3.0"),
    ("multiply", el.mul, "iufc", el.and_, False, "Product.", "2.0, 3.0", "6.0"),
    ("true_divide", el.div, "fc", None, True, "Quotient, a float.", "3, 2", "1.5"),
    ("maximum", el.max, "iufc", el.or_, False, "The larger; nan wins.", "1.0, 2.0", "2.0"),
    ("minimum", el.min, "iufc", el.and_, False, "The smaller; nan wins.", "1.0, 2.0", "1.0"),
    ("arctan2", el.atan2, "f", None, True, "Angle of the point (x2, x1).", "0.0, 1.0", "0.0"),
    ("nextafter", el.nextafter, "f", None, True, "Next float after x1 towards x2.", "0.0, 1.0",
     "5e-324"),
    ("bitwise_and", el.and_, "iu", el.and_, False, "Bits set in both.", "6, 3", "2"),
    ("bitwise_or", el.or_, "iu", el.or_, False, "Bits set in either.", "6, 3", "7"),
    ("bitwise_xor", el.xor, "iu", el.xor, False, "Bits set in one only.", "6, 3", "5"),
    ("left_shift", el.shift_left, "iu", None, False, "x1 times 2**x2.", "3, 2", "12"),
    ("equal", el.eq, "biufc", None, False, "Whether equal.", "1.0, 1.0", "True"),
    ("not_equal", el.ne, "biufc", None, False, "Whether different.", "1.0, 1.0", "False"),
    ("less", el.lt, "biufc", None, False, "Whether smaller.", "1.0, 2.0", "True"),
    ("less_equal", el.le, "biufc", None, False, "Whether not larger.", "1.0, 2.0", "True"),
    ("greater", el.gt, "biufc", None, False, "Whether larger.", "1.0, 2.0", "False"),
    ("greater_equal", el.ge, "biufc", None, False, "Whether not smaller.", "1.0, 2.0", "False"),
]  # fmt: skip


def _binary(
    name: str, op: Any, kinds: str, for_bool: Any, inexact: bool, summary: str, given: str,
    result: str,
) -> None:  # fmt: skip
    rules = "Elementwise, with NumPy's broadcasting; dtypes are promoted."
    promoted = promote_inexact if inexact else promote_args

    @_make(name, rules, summary, given, result)
    def function(x1: Any, x2: Any, /) -> Value:
        if (
            type(x1) is Array
            and type(x2) is Array
            and x1._value.dtype is x2._value.dtype
            and x1._value.dtype.kind in kinds
        ):
            return op(x1, x2)
        a, b = promoted(name, x1, x2)
        kind = dtype_of(a).kind
        if kind not in kinds:
            if kind == "b" and for_bool is not None:
                return for_bool(a, b)
            raise DTypeError(f"{name} is not defined for dtype {dtype_of(a)}")
        return op(a, b)

    BINARY_FAST[name] = (op, kinds, function)


# For the operators: name -> (op, kinds it takes directly, the function for the rest).
BINARY_FAST: dict[str, tuple[Any, str, Callable[..., Value]]] = {}

for _row in _BINARY:
    _binary(*_row)

equal, less_equal, maximum, minimum, add, multiply, arctan2 = (
    BINARY_FAST[_name][2]
    for _name in ("equal", "less_equal", "maximum", "minimum", "add", "multiply", "arctan2")
)


@_export
def right_shift(x1: Any, x2: Any, /) -> Value:
    """x1 divided by 2**x2, rounded down: arithmetic shift for signed, logical for unsigned.

    >>> import bibun.numpy as bnp
    >>> print(bnp.right_shift(-8, 1))
    -4
    """
    a, b = promote_args("right_shift", x1, x2)
    if dtype_of(a).kind not in "iu":
        raise DTypeError(f"right_shift is not defined for dtype {dtype_of(a)}")
    signed = dtype_of(a).kind == "i"
    return (el.shift_right_arithmetic if signed else el.shift_right_logical)(a, b)


# ---- logic ----------------------------------------------------------------------------------


def _truth(name: str, x: Any) -> Any:
    x = arraylike(name, "x", x)
    if dtype_of(x).kind == "b":
        return np.bool_(x) if type(x) in SCALARS else x
    return el.ne(x, dtype_of(x).type(0))


def _logical(name: str, op: Any, summary: str, given: str, result: str) -> None:
    @_make(name, "Elementwise; any nonzero number counts as true.", summary, given, result)
    def function(x1: Any, x2: Any, /) -> Value:
        return op(_truth(name, x1), _truth(name, x2))


_logical("logical_and", el.and_, "Whether both are true.", "True, False", "False")
_logical("logical_or", el.or_, "Whether one is true.", "True, False", "True")
_logical("logical_xor", el.xor, "Whether exactly one is true.", "True, True", "False")


@_export
def logical_not(x: Any, /) -> Value:
    """Whether x is zero or False.

    >>> import bibun.numpy as bnp
    >>> print(bnp.logical_not(0.0))
    True
    """
    x = arraylike("logical_not", "x", x)
    if dtype_of(x).kind == "b":
        return el.not_(np.bool_(x) if type(x) in SCALARS else x)
    return el.eq(x, dtype_of(x).type(0))


@_export
def where(condition: Any, x: Any = None, y: Any = None, /, *, size: Any = None,
          fill_value: Any = None) -> Any:  # fmt: skip
    """x where the condition holds, else y; with the condition alone, the indices of its truths.

    Gradients flow to the chosen elements only, whatever happens on the other side: an inf
    or nan there does no harm. `size` and `fill_value` go with the one-argument form, as in
    `nonzero`. Broadcasts; the dtypes of x and y are promoted.

    >>> import bibun.numpy as bnp
    >>> print(bnp.where(bnp.array([True, False]), 1.0, bnp.array([5.0, 6.0])))
    [1. 6.]
    """
    if x is None and y is None:
        from bibun.numpy.sorting import nonzero

        return nonzero(condition, size=size, fill_value=fill_value)
    if x is None or y is None:
        raise ValueError("where: give both x and y, or neither")
    c = _truth("where", condition)
    a, b = promote_args("where", x, y)
    if type(a) in SCALARS and type(b) in SCALARS:
        a, b = value("where", "x", a), value("where", "y", b)
    return el.select(c, b, a)


# ---- formulas -------------------------------------------------------------------------------


@_export
def power(x1: Any, x2: Any, /) -> Value:
    """x1 to the power x2.

    A Python integer exponent is multiplied out (negative ones need a float base).
    Errors: ValueError for an integer base with a negative Python exponent.

    >>> import bibun.numpy as bnp
    >>> print(bnp.power(2.0, 3))
    8.0
    """
    x1 = arraylike("power", "x1", x1)
    kind = dtype_of(x1).kind
    if type(x2) is float and x2.is_integer() and -8 <= x2 <= 8 and kind in "fc":
        x2 = int(x2)
    if type(x2) is int and type(x1) not in SCALARS:
        if kind in "fc" or (kind in "iu" and x2 >= 0):
            return el.square(x1) if x2 == 2 else el.integer_pow(x1, y=x2)
        if kind in "iu":
            raise ValueError(
                f"power: an integer array cannot be raised to the negative power {x2}; "
                "make the base a float"
            )
    a, b = promote_args("power", x1, x2)
    dtype = dtype_of(a)
    if dtype.kind in "fc":
        return el.pow(a, b)
    if dtype.kind == "b":
        return el.or_(a, el.not_(b))
    return _integer_power(a, b, dtype)


def _integer_power(base: Any, exponent: Any, dtype: np.dtype) -> Value:
    """Square and multiply; a negative exponent gives what truncation would: 1/x towards 0."""
    one, zero = dtype.type(1), dtype.type(0)
    bits = 8 * dtype.itemsize - (dtype.kind == "i")
    result: Any = full_value(one, np.broadcast_shapes(shape_of(base), shape_of(exponent)), dtype)
    square_, left = base, exponent
    for i in range(builtins.min(bits, 6)):  # beyond 63 only 0, 1 and -1 do not overflow
        odd = el.ne(el.and_(left, one), zero)
        result = el.select(odd, result, el.mul(result, square_))
        left = el.shift_right_logical(left, one)
        if i < 5:
            square_ = el.mul(square_, square_)
    if dtype.kind == "i":
        unit = el.eq(el.abs(base), one)
        negative_ = el.lt(exponent, zero)
        odd = el.ne(el.and_(exponent, one), zero)
        sign_ = el.select(odd, one, base)
        result = el.select(negative_, result, el.select(unit, zero, sign_))
    return result


@_export
def float_power(x1: Any, x2: Any, /) -> Value:
    """x1 to the power x2, computed in floats.

    >>> import bibun.numpy as bnp
    >>> print(bnp.float_power(2, -1))
    0.5
    """
    a, b = promote_inexact("float_power", x1, x2)
    return el.pow(a, b)


@_export
def remainder(x1: Any, x2: Any, /) -> Value:
    """What is left of x1 after whole x2's, with the sign of x2, as Python's %.

    An integer divided by 0 gives 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.remainder(-7, 3))
    2
    """
    a, b = promote_args("remainder", x1, x2)
    dtype = dtype_of(a)
    if dtype.kind not in "iuf":
        raise DTypeError(f"remainder is not defined for dtype {dtype}")
    zero = dtype.type(0)
    rest = el.rem(a, b)
    if isinstance(b, np.generic) and b != 0:  # a known divisor: its sign need not be asked
        if dtype.kind == "u":
            return rest
        fix = el.lt(rest, zero) if b > 0 else el.gt(rest, zero)
        return el.select(fix, rest, el.add(rest, b))
    if dtype.kind == "u":
        return el.select(el.eq(b, zero), rest, zero)
    fix = el.and_(el.ne(rest, zero), el.ne(el.lt(rest, zero), el.lt(b, zero)))
    out = el.select(fix, rest, el.add(rest, b))
    return el.select(el.eq(b, zero), out, zero) if dtype.kind == "i" else out


@_export
def floor_divide(x1: Any, x2: Any, /) -> Value:
    """x1 / x2 rounded down. An integer divided by 0 gives 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.floor_divide(-7, 2))
    -4
    """
    a, b = promote_args("floor_divide", x1, x2)
    dtype = dtype_of(a)
    if dtype.kind == "f":
        return divmod(a, b)[0]
    if dtype.kind not in "iu":
        raise DTypeError(f"floor_divide is not defined for dtype {dtype}")
    zero = dtype.type(0)
    out = el.div(a, b)
    if isinstance(b, np.generic) and b != 0:
        if dtype.kind == "u":
            return out
        rest = el.rem(a, b)
        below = el.lt(rest, zero) if b > 0 else el.gt(rest, zero)
        return el.select(below, out, el.sub(out, dtype.type(1)))
    if dtype.kind == "i":
        rest = el.rem(a, b)
        below = el.and_(el.ne(rest, zero), el.ne(el.lt(rest, zero), el.lt(b, zero)))
        out = el.select(below, out, el.sub(out, dtype.type(1)))
    return el.select(el.eq(b, zero), out, zero)


@_export
def divmod(x1: Any, x2: Any, /) -> tuple[Value, Value]:
    """(x1 // x2, x1 % x2), with Python's signs.

    >>> import bibun.numpy as bnp
    >>> q, r = bnp.divmod(-7, 2)
    >>> print(q, r)
    -4 1
    """
    a, b = promote_args("divmod", x1, x2)
    dtype = dtype_of(a)
    if dtype.kind != "f":
        return floor_divide(a, b), remainder(a, b)
    rest = remainder(a, b)
    # (a - rest) / b is an integer up to rounding, except where b is 0 or infinite.
    quotient = el.round_even(el.div(el.sub(a, rest), b))
    plain = el.floor(el.div(a, b))
    usual = el.and_(el.is_finite(quotient), el.is_finite(b))
    return el.select(usual, plain, quotient), rest


@_export
def fmod(x1: Any, x2: Any, /) -> Value:
    """What is left of x1 after whole x2's, with the sign of x1, as C's fmod.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fmod(-7.0, 3.0))
    -1.0
    """
    a, b = promote_args("fmod", x1, x2)
    if dtype_of(a).kind not in "iuf":
        raise DTypeError(f"fmod is not defined for dtype {dtype_of(a)}")
    return el.rem(a, b)


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
def bitwise_count(x: Any, /) -> Value:
    """How many bits of |x| are 1, as uint8.

    >>> import bibun.numpy as bnp
    >>> print(bnp.bitwise_count(-7))
    3
    """
    x = value("bitwise_count", "x", x)
    if x.dtype.kind not in "iu":
        raise DTypeError(f"bitwise_count is not defined for dtype {x.dtype}")
    return converted(el.population_count(el.abs(x)), np.dtype(np.uint8))


@_export
def log2(x: Any, /) -> Value:
    """Logarithm to base 2.

    >>> import bibun.numpy as bnp
    >>> print(bnp.log2(8.0))
    3.0
    """
    op = getattr(el, "log2", None)
    (x,) = promote_inexact("log2", x)
    return op(x) if op is not None else el.div(el.log(x), dtype_of(x).type(np.log(2.0)))


@_export
def log10(x: Any, /) -> Value:
    """Logarithm to base 10.

    >>> import bibun.numpy as bnp
    >>> print(bnp.log10(1.0))
    0.0
    """
    op = getattr(el, "log10", None)
    (x,) = promote_inexact("log10", x)
    return op(x) if op is not None else el.div(el.log(x), dtype_of(x).type(np.log(10.0)))


@_export
def reciprocal(x: Any, /) -> Value:
    """1 / x; integers become floats first.

    >>> import bibun.numpy as bnp
    >>> print(bnp.reciprocal(4.0))
    0.25
    """
    (x,) = promote_inexact("reciprocal", x)
    return el.div(dtype_of(x).type(1), x)


def _constant_factor(name: str, factor: float, summary: str, given: str, result: str) -> None:
    @_make(name, "Elementwise; integers become floats first.", summary, given, result)
    def function(x: Any, /) -> Value:
        (x,) = promote_inexact(name, x)
        return el.mul(x, dtype_of(x).type(factor))


_constant_factor("deg2rad", np.pi / 180, "Degrees to radians.", "0.0", "0.0")
_constant_factor("rad2deg", 180 / np.pi, "Radians to degrees.", "0.0", "0.0")


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
def isposinf(x: Any, /) -> Value:
    """Whether x is plus infinity.

    >>> import bibun.numpy as bnp
    >>> print(bnp.isposinf(bnp.inf))
    True
    """
    return equal(promote_inexact("isposinf", x)[0], np.inf)


@_export
def isneginf(x: Any, /) -> Value:
    """Whether x is minus infinity.

    >>> import bibun.numpy as bnp
    >>> print(bnp.isneginf(bnp.inf))
    False
    """
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
def real(x: Any, /) -> Value:
    """The real part.

    >>> import bibun.numpy as bnp
    >>> print(bnp.real(1 + 2j))
    1.0
    """
    x = value("real", "x", x)
    return el.real(x) if x.dtype.kind == "c" else x


@_export
def imag(x: Any, /) -> Value:
    """The imaginary part, 0 for real x.

    >>> import bibun.numpy as bnp
    >>> print(bnp.imag(1 + 2j))
    2.0
    """
    x = value("imag", "x", x)
    if x.dtype.kind == "c":
        return el.imag(x)
    return full_value(x.dtype.type(0), x.shape, x.dtype)


@_export
def angle(x: Any, deg: bool = False) -> Value:
    """The argument of a complex number, in radians (or degrees).

    >>> import bibun.numpy as bnp
    >>> print(bnp.angle(-1.0) / bnp.pi)
    1.0
    """
    (x,) = promote_inexact("angle", x)
    out = arctan2(imag(x), real(x))
    return multiply(out, 180 / np.pi) if deg else out


@_export
def round(a: Any, decimals: int = 0, out: None = None) -> Value:
    """To `decimals` places, halves to even.

    >>> import bibun.numpy as bnp
    >>> print(bnp.round(2.345, 1))
    2.3
    """
    a = value("round", "a", a)
    decimals = as_int("round", "decimals", decimals)
    if a.dtype.kind == "c":
        return el.complex(round(el.real(a), decimals), round(el.imag(a), decimals))
    if a.dtype.kind != "f":
        if decimals >= 0:
            return a
        unit = a.dtype.type(10 ** (-decimals))
        return cast(el.mul(round(el.div(cast(a, default_float()), float(unit))), float(unit)),
                    a.dtype)  # fmt: skip
    if decimals == 0:
        return el.round_even(a)
    unit = a.dtype.type(10.0 ** builtins.abs(decimals))
    if decimals > 0:
        return el.div(el.round_even(el.mul(a, unit)), unit)
    return el.mul(el.round_even(el.div(a, unit)), unit)


@_export
def clip(arr: Any, /, min: Any = None, max: Any = None, *, a_min: Any = None,  # noqa: A002
         a_max: Any = None) -> Value:  # fmt: skip
    """arr limited to [min, max]; either limit may be None.

    >>> import bibun.numpy as bnp
    >>> print(bnp.clip(bnp.array([-1.0, 0.5, 2.0]), 0, 1))
    [0.  0.5 1. ]
    """
    low = a_min if min is None else min
    high = a_max if max is None else max
    out = value("clip", "arr", arr)
    if low is not None:
        out = maximum(out, low)
    if high is not None:
        out = minimum(out, high)
    return out


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
def ldexp(x1: Any, x2: Any, /) -> Value:
    """x1 times 2**x2, for an integer x2.

    >>> import bibun.numpy as bnp
    >>> print(bnp.ldexp(0.75, 2))
    3.0
    """
    (a,) = promote_inexact("ldexp", x1)
    b = cast(value("ldexp", "x2", x2), dtype_of(a))
    half = el.floor(el.mul(b, dtype_of(a).type(0.5)))  # in two steps, so neither overflows
    return el.mul(el.mul(a, el.exp2(half)), el.exp2(el.sub(b, half)))


@_export
def modf(x: Any, /) -> tuple[Value, Value]:
    """(fractional part, integer part), both with the sign of x.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.modf(-1.5))
    -0.5 -1.0
    """
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


@_export
def gcd(x1: Any, x2: Any, /) -> Value:
    """Greatest common divisor of integers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.gcd(12, 18))
    6
    """
    from bibun.lax import while_loop

    a, b = promote_args("gcd", x1, x2)
    a, b = value("gcd", "x1", a), value("gcd", "x2", b)
    if a.dtype.kind not in "iu":
        raise DTypeError(f"gcd is not defined for dtype {a.dtype}")
    from bibun.numpy.shape import broadcast_arrays

    pair = tuple(broadcast_arrays(el.abs(a), el.abs(b)))
    zero = a.dtype.type(0)

    def step(state: Any) -> Any:
        p, q = state
        done = el.eq(q, zero)
        return el.select(done, q, p), el.select(done, el.rem(p, q), q)

    from bibun.numpy.reductions import any as any_

    return while_loop(lambda s: any_(el.ne(s[1], zero)), step, pair)[0]


@_export
def lcm(x1: Any, x2: Any, /) -> Value:
    """Least common multiple of integers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.lcm(4, 6))
    12
    """
    a, b = promote_args("lcm", x1, x2)
    divisor = gcd(a, b)
    zero = divisor.dtype.type(0)
    part = el.select(el.eq(divisor, zero), el.div(el.abs(value("lcm", "x1", a)), divisor), divisor)
    return el.mul(part, el.abs(value("lcm", "x2", b)))


@_export
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: None = None) -> Value:
    """x in another dtype. A complex number made real loses its imaginary part.

    >>> import bibun.numpy as bnp
    >>> print(bnp.astype(bnp.array([1.9, -1.9]), int))
    [ 1 -1]
    """
    from bibun.dtypes import canonical

    x = value("astype", "x", x)
    new = canonical(dtype)
    if x.dtype == new:
        return x if not x.weak else converted(x, new)
    if x.dtype.kind == "c" and new.kind in "iuf":
        x = el.real(x)
    if new.kind == "b" and x.dtype.kind in "iufc":
        return el.ne(x, x.dtype.type(0))
    return converted(x, new)


_ALIASES = {
    "absolute": "abs", "fabs": "abs", "divide": "true_divide", "mod": "remainder",
    "pow": "power", "conj": "conjugate", "invert": "bitwise_not", "bitwise_invert": "bitwise_not",
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "radians": "deg2rad",
    "degrees": "rad2deg", "around": "round", "fix": "trunc",
    "bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift",
}  # fmt: skip

for _alias, _name in _ALIASES.items():
    globals()[_alias] = globals()[_name]
    __all__.append(_alias)

