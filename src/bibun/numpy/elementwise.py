"""Elementwise functions with NumPy's names: thin faces of the elementwise ops.

Most are one op between promotion rules, and are made by the tables below: name, op, what
it computes, and a worked example that runs as a test. The few that are formulas follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import default_float
from bibun.errors import DTypeError
from bibun.numpy._common import (
    SCALARS,
    arraylike,
    cast,
    check_device,
    converted,
    dtype_of,
    promote_args,
    promote_inexact,
    public,
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


def _nearest(x: Any) -> Value:
    """The nearest integer; of complex numbers part by part."""
    if dtype_of(x).kind == "f":
        return el.round_even(x)
    return el.complex(el.round_even(el.real(x)), el.round_even(el.imag(x)))


_UNARY_INEXACT = [
    # name, op, summary, example argument, example result
    ("sqrt", el.sqrt, "Square root.", "9.0", "3.0"),
    ("cbrt", el.cbrt, "Cube root.", "27.0", "3.0"),
    ("exp", el.exp, "Exponential.", "0.0", "1.0"),
    ("exp2", el.exp2, "Power of two, 2**x.", "3.0", "8.0"),
    ("expm1", el.expm1, "exp(x) - 1, exact near 0.", "0.0", "0.0"),
    ("log", el.log, "Natural logarithm.", "1.0", "0.0"),
    ("log1p", el.log1p, "log(1 + x), exact near 0.", "0.0", "0.0"),
    ("rint", _nearest, "Nearest integer, as a float, halves to even.", "2.5", "2.0"),
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


_COMPARISONS = (el.eq, el.ne, el.lt, el.le, el.gt, el.ge)


def _comparable(name: str, x1: Any, x2: Any) -> list[Any]:
    """The operands in a common dtype; an integer that the other cannot hold is ±inf beside it."""
    operands = [x1, x2]
    for k, number in enumerate((x2, x1)):
        if type(number) is int and isinstance(operands[k], Value | np.ndarray | np.generic):
            dtype = operands[k].dtype
            if dtype.kind in "iu" and not np.iinfo(dtype).min <= number <= np.iinfo(dtype).max:
                operands[k] = cast(operands[k], default_float())
                operands[1 - k] = math.inf if number > 0 else -math.inf
    return promote_args(name, *operands)


def _binary(
    name: str, op: Any, kinds: str, for_bool: Any, inexact: bool, summary: str, given: str,
    result: str,
) -> None:  # fmt: skip
    rules = "Elementwise, with NumPy's broadcasting; dtypes are promoted."
    promoted = promote_inexact if inexact else promote_args
    if op in _COMPARISONS:
        promoted = _comparable

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
            if kind == "V" and name in _OF_KEYS:
                return _OF_KEYS[name](a, b)
            raise DTypeError(f"{name} is not defined for dtype {dtype_of(a)}")
        return op(a, b)

    BINARY_FAST[name] = (op, kinds, function)


def _same_key(a: Any, b: Any) -> Value:
    """Whether random keys are the same: all of their words."""
    from bibun.ops.random_bits import unwrap_key
    from bibun.ops.reduce import reduce_and

    words = el.eq(unwrap_key(a), unwrap_key(b))
    return reduce_and(words, axes=(words.ndim - 1,))


_OF_KEYS: dict[str, Callable[[Any, Any], Value]] = {
    "equal": _same_key, "not_equal": lambda a, b: el.not_(_same_key(a, b)),
}  # fmt: skip
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


def _constant_factor(name: str, factor: float, summary: str, given: str, result: str) -> None:
    @_make(name, "Elementwise; integers become floats first.", summary, given, result)
    def function(x: Any, /) -> Value:
        (x,) = promote_inexact(name, x)
        return el.mul(x, dtype_of(x).type(factor))


_constant_factor("deg2rad", np.pi / 180, "Degrees to radians.", "0.0", "0.0")
_constant_factor("rad2deg", 180 / np.pi, "Radians to degrees.", "0.0", "0.0")


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


@_export
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Value:
    """x in another dtype. A complex number made real loses its imaginary part.

    >>> import bibun.numpy as bnp
    >>> print(bnp.astype(bnp.array([1.9, -1.9]), int))
    [ 1 -1]
    """
    from bibun.dtypes import canonical

    check_device("astype", device)
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
    "absolute": "abs", "fabs": "abs", "divide": "true_divide", "conj": "conjugate",
    "invert": "bitwise_not", "bitwise_invert": "bitwise_not", "asin": "arcsin", "acos":
    "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "fix": "trunc", "radians": "deg2rad",
    "degrees": "rad2deg", "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
}  # fmt: skip

for _alias, _name in _ALIASES.items():
    globals()[_alias] = globals()[_name]
    __all__.append(_alias)
