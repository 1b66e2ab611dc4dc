"""`bibun.lax`, elementwise: one function an op, with JAX's names. Operands are promoted."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from typing import Any

from bibun.array import Value
from bibun.dtypes import canonical
from bibun.numpy._common import as_int, converted, promote_args, promote_inexact, public, value
from bibun.ops import elementwise as el

__all__ = ["RoundingMethod", "bitcast_convert_type", "clamp", "convert_element_type",
           "integer_pow", "round", "select", "select_n"]  # fmt: skip

_DOC = """{summary} Elementwise, with broadcasting.

    >>> from bibun import lax
    >>> print(lax.{name}({given}))
    {result}
    """

# name, op, integers become floats, summary, example arguments, example result
_TABLE: list[tuple[str, Callable[..., Any], bool, str, str, str]] = [
    ("neg", el.neg, False, "Minus x.", "2.0", "-2.0"),
    ("sign", el.sign, False, "-1, 0 or 1.", "-2.0", "-1.0"),
    ("abs", el.abs, False, "Absolute value.", "-2.0", "2.0"),
    ("floor", el.floor, True, "Largest integer not above x.", "1.5", "1.0"),
    ("ceil", el.ceil, True, "Smallest integer not below x.", "1.5", "2.0"),
    ("trunc", el.trunc, True, "Integer part.", "-1.5", "-1.0"),
    ("is_finite", el.is_finite, True, "Neither infinite nor nan.", "1.0", "True"),
    ("exp", el.exp, True, "Exponential.", "0.0", "1.0"),
    ("exp2", el.exp2, True, "Power of two.", "3.0", "8.0"),
    ("expm1", el.expm1, True, "exp(x) - 1.", "0.0", "0.0"),
    ("log", el.log, True, "Natural logarithm.", "1.0", "0.0"),
    ("log1p", el.log1p, True, "log(1 + x).", "0.0", "0.0"),
    ("sqrt", el.sqrt, True, "Square root.", "4.0", "2.0"),
    ("rsqrt", el.rsqrt, True, "1 / sqrt(x).", "4.0", "0.5"),
    ("cbrt", el.cbrt, True, "Cube root.", "8.0", "2.0"),
    ("square", el.square, False, "x times x.", "3.0", "9.0"),
    ("sin", el.sin, True, "Sine.", "0.0", "0.0"),
    ("cos", el.cos, True, "Cosine.", "0.0", "1.0"),
    ("tan", el.tan, True, "Tangent.", "0.0", "0.0"),
    ("asin", el.asin, True, "Inverse sine.", "0.0", "0.0"),
    ("acos", el.acos, True, "Inverse cosine.", "1.0", "0.0"),
    ("atan", el.atan, True, "Inverse tangent.", "0.0", "0.0"),
    ("sinh", el.sinh, True, "Hyperbolic sine.", "0.0", "0.0"),
    ("cosh", el.cosh, True, "Hyperbolic cosine.", "0.0", "1.0"),
    ("tanh", el.tanh, True, "Hyperbolic tangent.", "0.0", "0.0"),
    ("asinh", el.asinh, True, "Inverse hyperbolic sine.", "0.0", "0.0"),
    ("acosh", el.acosh, True, "Inverse hyperbolic cosine.", "1.0", "0.0"),
    ("atanh", el.atanh, True, "Inverse hyperbolic tangent.", "0.0", "0.0"),
    ("logistic", el.logistic, True, "1 / (1 + exp(-x)).", "0.0", "0.5"),
    ("erf", el.erf, True, "Error function.", "0.0", "0.0"),
    ("erfc", el.erfc, True, "1 - erf(x), exact for large x.", "0.0", "1.0"),
    ("erf_inv", el.erf_inv, True, "Inverse of erf.", "0.0", "0.0"),
    ("lgamma", el.lgamma, True, "Logarithm of |gamma(x)|.", "1.0", "0.0"),
    ("digamma", el.digamma, True, "Derivative of lgamma.", "lax.exp(99.0)", "99.0"),
    ("bessel_i0e", el.bessel_i0e, True, "exp(-|x|) I0(x).", "0.0", "1.0"),
    ("bessel_i1e", el.bessel_i1e, True, "exp(-|x|) I1(x).", "0.0", "0.0"),
    ("real", el.real, True, "Real part.", "1 + 2j", "1.0"),
    ("imag", el.imag, True, "Imaginary part.", "1 + 2j", "2.0"),
    ("conj", el.conj, True, "Complex conjugate.", "1 + 2j", "(1-2j)"),
    ("bitwise_not", el.not_, False, "Every bit inverted.", "0", "-1"),
    ("population_count", el.population_count, False, "How many bits are 1.", "7", "3"),
    ("clz", el.clz, False, "Leading zero bits.", "1", "63"),
    ("add", el.add, False, "Sum.", "1.0, 2.0", "3.0"),
    ("sub", el.sub, False, "Difference.", "1.0, 2.0", "-1.0"),
    ("mul", el.mul, False, "Product.", "2.0, 3.0", "6.0"),
    ("div", el.div, False, "Quotient; integers are truncated towards 0.", "-7, 2", "-3"),
    ("rem", el.rem, False, "Remainder with the sign of x.", "-7, 2", "-1"),
    ("pow", el.pow, False, "x to the power y.", "2.0, 3.0", "8.0"),
    ("max", el.max, False, "The larger; nan wins.", "1.0, 2.0", "2.0"),
    ("min", el.min, False, "The smaller; nan wins.", "1.0, 2.0", "1.0"),
    ("atan2", el.atan2, True, "Angle of the point (y, x).", "0.0, 1.0", "0.0"),
    ("nextafter", el.nextafter, True, "Next float towards y.", "0.0, 1.0", "5e-324"),
    ("complex", el.complex, True, "A complex number of its parts.", "1.0, 2.0", "(1+2j)"),
    ("eq", el.eq, False, "Whether equal.", "1.0, 1.0", "True"),
    ("ne", el.ne, False, "Whether different.", "1.0, 1.0", "False"),
    ("lt", el.lt, False, "Whether smaller.", "1.0, 2.0", "True"),
    ("le", el.le, False, "Whether not larger.", "1.0, 2.0", "True"),
    ("gt", el.gt, False, "Whether larger.", "1.0, 2.0", "False"),
    ("ge", el.ge, False, "Whether not smaller.", "1.0, 2.0", "False"),
    ("bitwise_and", el.and_, False, "Bits set in both.", "6, 3", "2"),
    ("bitwise_or", el.or_, False, "Bits set in either.", "6, 3", "7"),
    ("bitwise_xor", el.xor, False, "Bits set in one only.", "6, 3", "5"),
    ("shift_left", el.shift_left, False, "x times 2**y.", "3, 2", "12"),
    ("shift_right_logical", el.shift_right_logical, False, "Zeros come in.", "8, 2", "2"),
    ("shift_right_arithmetic", el.shift_right_arithmetic, False, "The sign comes in.", "-8, 2",
     "-2"),
    ("polygamma", el.polygamma, True, "The m-th derivative of digamma.", "1.0, 1e18",
     "1e-18"),
    ("zeta", el.zeta, True, "Hurwitz zeta function.", "2.0, 1e18", "1e-18"),
    ("igamma", el.igamma, True, "Lower regularised incomplete gamma.", "1.0, 0.0", "0.0"),
    ("igammac", el.igammac, True, "Upper regularised incomplete gamma.", "1.0, 0.0", "1.0"),
    ("igamma_grad_a", el.igamma_grad_a, True, "Derivative of igamma in a.", "1.0, 0.0", "0.0"),
    ("random_gamma_grad", el.random_gamma_grad, True,
     "Derivative of a gamma draw in its shape a.", "1.0, 0.0", "0.0"),
    ("betainc", el.betainc, True, "Regularised incomplete beta.", "1.0, 1.0, 0.5", "0.5"),
]  # fmt: skip


# What JAX calls the arguments, where not x and y.
_NAMES = {
    "nextafter": ("x1", "x2"), "polygamma": ("m", "x"), "zeta": ("x", "q"), "igamma": ("a", "x"),
    "igammac": ("a", "x"), "igamma_grad_a": ("a", "x"), "random_gamma_grad": ("a", "x"),
}  # fmt: skip


def _of_two(run: Callable[[Any, Any], Value], names: tuple[str, str]) -> Callable[..., Value]:
    """`run` with these names for its arguments."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(n, kind) for n in names])

    def function(*args: Any, **kwargs: Any) -> Value:
        if len(args) == 2 and not kwargs:
            return run(*args)
        return run(*signature.bind(*args, **kwargs).args)

    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _make(name: str, op: Callable[..., Any], inexact: bool, summary: str, given: str,
          result: str) -> None:  # fmt: skip
    promoted = promote_inexact if inexact else promote_args
    doc = _DOC.format(summary=summary, name=name, given=given, result=result)
    count = len(given.split(", "))

    if count == 1:

        def function(x: Any) -> Value:
            return op(*promoted(name, x))
    elif count == 2:

        def function(x: Any, y: Any) -> Value:  # type: ignore[misc]
            return op(*promoted(name, x, y))

        if name in _NAMES:
            function = _of_two(function, _NAMES[name])
    else:

        def function(a: Any, b: Any, x: Any) -> Value:  # type: ignore[misc]
            return op(*promoted(name, a, b, x))

    globals()[name] = public(name, __name__, doc)(function)
    __all__.append(name)


for _row in _TABLE:
    _make(*_row)


def integer_pow(x: Any, y: int) -> Value:
    """x to a static integer power, multiplied out.

    >>> from bibun import lax
    >>> print(lax.integer_pow(2.0, 3))
    8.0
    """
    return el.integer_pow(value("integer_pow", "x", x), y=as_int("integer_pow", "y", y))


class RoundingMethod(enum.Enum):
    """Where halves go when rounding.

    >>> from bibun import lax
    >>> print(lax.round(0.5, lax.RoundingMethod.TO_NEAREST_EVEN))
    0.0
    """

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


def round(x: Any, rounding_method: RoundingMethod = RoundingMethod.AWAY_FROM_ZERO) -> Value:
    """To the nearest integer; halves away from zero, or to even.

    >>> from bibun import lax
    >>> print(lax.round(2.5), lax.round(2.5, lax.RoundingMethod.TO_NEAREST_EVEN))
    3.0 2.0
    """
    (x,) = promote_inexact("round", x)
    x = value("round", "x", x)
    even = el.round_even(x)
    if rounding_method is RoundingMethod.TO_NEAREST_EVEN:
        return even
    half = x.dtype.type(0.5)
    tie = el.eq(el.abs(el.sub(x, el.trunc(x))), half)
    return el.select(tie, even, el.add(el.trunc(x), el.sign(x)))


def convert_element_type(operand: Any, new_dtype: Any) -> Value:
    """The operand in another dtype.

    >>> from bibun import lax
    >>> lax.convert_element_type(1.5, int)
    Array(1, dtype=int64)
    """
    x = value("convert_element_type", "operand", operand)
    new = canonical(new_dtype)
    if x.dtype.kind == "c" and new.kind in "iuf":
        x = el.real(x)
    if x.dtype == new and not x.weak:
        return x
    return converted(x, new)


def bitcast_convert_type(operand: Any, new_dtype: Any) -> Value:
    """The bits read as another dtype of the same size.

    >>> from bibun import lax
    >>> print(lax.bitcast_convert_type(1.0, "int64"))
    4607182418800017408
    """
    x = value("bitcast_convert_type", "operand", operand)
    return el.bitcast(x, new_dtype=canonical(new_dtype))


def clamp(min: Any, x: Any, max: Any) -> Value:
    """x limited to [min, max].

    >>> from bibun import lax
    >>> print(lax.clamp(0.0, 2.5, 1.0))
    1.0
    """
    return el.clamp(*promote_args("clamp", min, x, max))


def select(pred: Any, on_true: Any, on_false: Any) -> Value:
    """on_true where the predicate holds, else on_false.

    >>> from bibun import lax
    >>> print(lax.select(True, 1.0, 2.0))
    1.0
    """
    a, b = promote_args("select", on_true, on_false)
    a, b = value("select", "on_true", a), value("select", "on_false", b)
    return el.select(value("select", "pred", pred), b, a)


def select_n(which: Any, *cases: Any) -> Value:
    """For each element the case that `which` names; a boolean chooses between two.

    >>> from bibun import lax
    >>> print(lax.select_n(True, 1.0, 2.0))
    2.0
    """
    w = value("select_n", "which", which)
    if w.dtype.kind == "b" and len(cases) > 2:
        raise TypeError(f"select_n: a boolean chooses between two cases, got {len(cases)}")
    chosen = [value("select_n", "cases", c) for c in promote_args("select_n", *cases)]
    return el.select(w, *chosen)


