"""Dual numbers: forward-mode differentiation in its smallest form.

A dual number is a + bε with ε² = 0. Written out, its sum, product and quotient carry the
rules of differentiation in the part of ε, and a function is extended to

    F(x + x'ε) = F(x) + F'(x) x' ε,

so that the chain rule is nothing but composition. Start with x' = 1 and the part of ε of the
result is the derivative, exact to rounding.

Everything here is one function, `_extend`: a plain function and its partial derivatives become
a function of plain *and* dual numbers. The partial derivatives are written with extended
functions, and each `derivative` has an ε of its own, so derivatives nest to any order.

This module knows nothing of the rest of bibun, and is its second oracle in the tests.
Components may be Python numbers (`Fraction` too), NumPy scalars, or NumPy arrays, which are
taken element by element. (Clifford 1873; Wengert 1964.)
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Dual", "derivative", "value_and_derivative"]  # and the functions, below

_fresh = itertools.count(1)


class Dual:
    """The dual number `real + eps·ε`.

    `unit` tells one ε from another: an inner `derivative` must not take the ε of an outer
    one for its own. Comparisons look at the real part only.

    >>> Dual(3.0, 1.0) * Dual(2.0, 5.0)
    Dual(6.0, 17.0)
    """

    __slots__ = ("real", "eps", "unit")

    def __init__(self, real: Any, eps: Any = 0.0, unit: int = 0) -> None:
        self.real = real
        self.eps = eps
        self.unit = unit

    def __repr__(self) -> str:
        return f"Dual({_plain(self.real)!r}, {_plain(self.eps)!r})"

    def __bool__(self) -> bool:
        return bool(self.real)

    __hash__ = None  # type: ignore[assignment]

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """`np.sin(x)`, `array * x`: the extended function of the ufunc's name."""
        extended = _UFUNCS.get(ufunc)
        if extended is None or method != "__call__" or kwargs:
            raise TypeError(
                f"bibun.dual has no numpy.{ufunc.__name__} ({method}); there are: "
                + ", ".join(sorted(u.__name__ for u in _UFUNCS))
            )
        return extended(*args)


def _plain(x: Any) -> Any:
    return x.item() if isinstance(x, np.generic) else x


def _extend(fun: Callable[..., Any], *partials: Callable[..., Any]) -> Callable[..., Any]:
    """`fun` on plain and dual numbers. `partials[i](*args, result)` is ∂fun/∂args[i]."""

    def extended(*args: Any) -> Any:
        unit = max((x.unit for x in args if isinstance(x, Dual)), default=None)
        if unit is None:
            return fun(*args)
        is_dual = [isinstance(x, Dual) and x.unit == unit for x in args]
        reals = [x.real if d else x for x, d in zip(args, is_dual, strict=True)]
        result = extended(*reals)  # other units are inside
        terms = [
            partial(*reals, result) * x.eps
            for partial, x, d in zip(partials, args, is_dual, strict=True)
            if d
        ]
        return Dual(result, sum(terms[1:], start=terms[0]), unit)

    extended.__name__ = extended.__qualname__ = getattr(fun, "__name__", "extended")
    extended.__doc__ = f"{extended.__name__} of a number or a dual number."
    return extended


def _power_by_base(x: Any, y: Any, _: Any) -> Any:
    constant = not isinstance(y, Dual) and np.ndim(y) == 0
    return y * x ** (y - 1) if not constant or y != 0 else 0 * x  # 0·x⁻¹ is no nan


# The operators ------------------------------------------------------------------------------

_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": _extend(operator.add, lambda x, y, r: 1, lambda x, y, r: 1),
    "sub": _extend(operator.sub, lambda x, y, r: 1, lambda x, y, r: -1),
    "mul": _extend(operator.mul, lambda x, y, r: y, lambda x, y, r: x),
    "truediv": _extend(operator.truediv, lambda x, y, r: 1 / y, lambda x, y, r: -r / y),
    "pow": _extend(operator.pow, _power_by_base, lambda x, y, r: r * log(x)),
}
_UNARY: dict[str, Callable[..., Any]] = {
    "neg": _extend(operator.neg, lambda x, r: -1),
    "pos": _extend(operator.pos, lambda x, r: 1),
    "abs": _extend(operator.abs, lambda x, r: np.sign(real_part(x))),
}


def real_part(x: Any) -> Any:
    """The plain number inside, all ε left out."""
    while isinstance(x, Dual):
        x = x.real
    return x


def _method(name: str, fun: Callable[..., Any]) -> Callable[..., Any]:
    def method(*args: Any) -> Any:
        return fun(*args)

    method.__name__ = name
    return method


for _name, _fun in _OPERATORS.items():
    setattr(Dual, f"__{_name}__", _method(f"__{_name}__", _fun))
    setattr(Dual, f"__r{_name}__", _method(f"__r{_name}__", lambda x, y, f=_fun: f(y, x)))
for _name, _fun in _UNARY.items():
    setattr(Dual, f"__{_name}__", _method(f"__{_name}__", _fun))
for _fun in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
    _name = f"__{_fun.__name__}__"
    setattr(Dual, _name, _method(_name, lambda x, y, f=_fun: f(real_part(x), real_part(y))))


# The functions --------------------------------------------------------------------------------

sin = _extend(np.sin, lambda x, y: cos(x))
cos = _extend(np.cos, lambda x, y: -sin(x))
tan = _extend(np.tan, lambda x, y: 1 + y * y)
arcsin = _extend(np.arcsin, lambda x, y: 1 / sqrt(1 - x * x))
arccos = _extend(np.arccos, lambda x, y: -1 / sqrt(1 - x * x))
arctan = _extend(np.arctan, lambda x, y: 1 / (1 + x * x))
arctan2 = _extend(
    np.arctan2,
    lambda y, x, r: x / (x * x + y * y),
    lambda y, x, r: -y / (x * x + y * y),
)
sinh = _extend(np.sinh, lambda x, y: cosh(x))
cosh = _extend(np.cosh, lambda x, y: sinh(x))
tanh = _extend(np.tanh, lambda x, y: 1 - y * y)
arcsinh = _extend(np.arcsinh, lambda x, y: 1 / sqrt(x * x + 1))
arccosh = _extend(np.arccosh, lambda x, y: 1 / sqrt(x * x - 1))
arctanh = _extend(np.arctanh, lambda x, y: 1 / (1 - x * x))
exp = _extend(np.exp, lambda x, y: y)
exp2 = _extend(np.exp2, lambda x, y: y * np.log(2.0))
expm1 = _extend(np.expm1, lambda x, y: y + 1)
log = _extend(np.log, lambda x, y: 1 / x)
log2 = _extend(np.log2, lambda x, y: 1 / (x * np.log(2.0)))
log10 = _extend(np.log10, lambda x, y: 1 / (x * np.log(10.0)))
log1p = _extend(np.log1p, lambda x, y: 1 / (1 + x))
sqrt = _extend(np.sqrt, lambda x, y: 0.5 / y)
cbrt = _extend(np.cbrt, lambda x, y: y / (3 * x))
square = _extend(np.square, lambda x, y: 2 * x)
reciprocal = _extend(np.reciprocal, lambda x, y: -y * y)
hypot = _extend(np.hypot, lambda x, y, r: x / r, lambda x, y, r: y / r)
maximum = _extend(
    np.maximum,
    lambda x, y, r: 1.0 * (real_part(x) >= real_part(y)),
    lambda x, y, r: 1.0 * (real_part(x) < real_part(y)),
)
minimum = _extend(
    np.minimum,
    lambda x, y, r: 1.0 * (real_part(x) <= real_part(y)),
    lambda x, y, r: 1.0 * (real_part(x) > real_part(y)),
)

_FUNCTIONS = [
    sin, cos, tan, arcsin, arccos, arctan, arctan2, sinh, cosh, tanh, arcsinh, arccosh, arctanh,
    exp, exp2, expm1, log, log2, log10, log1p, sqrt, cbrt, square, reciprocal, hypot, maximum,
    minimum,
]  # fmt: skip
__all__ += [f.__name__ for f in _FUNCTIONS]
_UFUNCS = {getattr(np, f.__name__): f for f in _FUNCTIONS} | {
    np.add: _OPERATORS["add"], np.subtract: _OPERATORS["sub"], np.multiply: _OPERATORS["mul"],
    np.true_divide: _OPERATORS["truediv"], np.power: _OPERATORS["pow"],
    np.negative: _UNARY["neg"], np.positive: _UNARY["pos"], np.absolute: _UNARY["abs"],
}  # fmt: skip


# Derivatives ----------------------------------------------------------------------------------


def value_and_derivative(
    fun: Callable[..., Any], argnum: int = 0
) -> Callable[..., tuple[Any, Any]]:
    """A function that returns `(fun(x, ...), dfun/dx)`, x being argument `argnum`.

    >>> value, slope = value_and_derivative(lambda x: x * sin(x))(2.0)
    >>> bool(slope == np.sin(2.0) + 2.0 * np.cos(2.0))
    True
    """

    def both(*args: Any) -> tuple[Any, Any]:
        unit = next(_fresh)
        x = args[argnum]
        inner = list(args)
        # np.ones_like would make an array of a scalar
        inner[argnum] = Dual(x, np.ones(np.shape(x)) if np.ndim(x) else 1, unit)
        out = fun(*inner)
        if isinstance(out, Dual) and out.unit == unit:
            return out.real, out.eps
        return out, 0 * x  # fun does not depend on x

    return both


def derivative(fun: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """The derivative of a function of plain numbers, by dual numbers; nests to any order.

    Of a NumPy array the derivative is taken element by element.

    >>> from fractions import Fraction
    >>> derivative(lambda x: x**3 - x)(Fraction(1, 3))
    Fraction(-2, 3)
    >>> float(derivative(derivative(sin))(0.5)) == -float(np.sin(0.5))
    True
    """
    both = value_and_derivative(fun, argnum)

    def slope(*args: Any) -> Any:
        return both(*args)[1]

    return slope
