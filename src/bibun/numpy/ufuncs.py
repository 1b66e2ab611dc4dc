"""`add.reduce`, `subtract.outer`, `maximum.accumulate`, `add.at`: the methods of NumPy's ufuncs.

They are attributes of the functions with two operands, so the functions stay plain ones. Where
bibun has a reduction (`sum` for `add`) that is the method; other functions are folded by `scan`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy import arithmetic, elementwise, formulas
from bibun.numpy._common import axes_tuple, axis_index, no_out, shape_of, value
from bibun.numpy.elementwise import astype
from bibun.numpy.shape import broadcast_to, expand_dims, moveaxis

__all__: list[str] = []

# function -> what reduces with it; what accumulates with it; what `x.at[i]` calls it
_REDUCE = {
    "add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_and": "all",
    "logical_or": "any",
}  # fmt: skip
_ACCUMULATE = {"add": "cumsum", "multiply": "cumprod", "maximum": "cummax", "minimum": "cummin"}
_AT = {
    "add": "add", "subtract": "subtract", "multiply": "multiply", "true_divide": "divide",
    "power": "power", "maximum": "max", "minimum": "min",
}  # fmt: skip


def _outer(function: Callable[..., Value]) -> Callable[..., Value]:
    def outer(A: Any, B: Any, /) -> Value:
        """The function of every pair of elements; the axes of A come first."""
        a = value(f"{function.__name__}.outer", "A", A)
        width = len(shape_of(value(f"{function.__name__}.outer", "B", B)))
        return function(expand_dims(a, tuple(range(a.ndim, a.ndim + width))), B)

    return outer


def _named(name: str) -> Callable[..., Value]:
    room = "cumulative" if name.startswith("cum") else "reductions"
    return getattr(importlib.import_module(f"bibun.numpy.{room}"), name)


def _fold(name: str, function: Callable[..., Value], a: Any, axis: Any, start: Any,
          of_none: Any = None) -> Any:  # fmt: skip
    """(the last, all) of function(function(a0, a1), a2), …"""
    from bibun.lax import scan

    x = value(name, "a", a)
    x = moveaxis(x, axis_index(name, axis, x.ndim), 0)
    if start is None and x.shape[0] == 0 and of_none is not None:
        start = broadcast_to(astype(of_none, x.dtype), x.shape[1:])
    if start is None:
        if x.shape[0] == 0:
            raise ShapeError(f"{name}: no elements along axis {axis}, and no initial= given")
        start, x = x[0], x[1:]
        first = start
    else:
        first = None
    final = function(start, x[0]) if x.shape[0] else start
    start = astype(value(name, "a", start), value(name, "a", final).dtype)

    def step(carry: Any, item: Any) -> Any:
        new = astype(function(carry, item), carry.dtype)
        return new, new

    last, rest = scan(step, start, x)
    return last, rest, first


def _reduce(name: str, function: Callable[..., Value], known: dict[str, str],
            identity: Any) -> Callable[..., Value]:  # fmt: skip
    what = f"{name}.reduce"

    def reduce(a: Any, axis: Any = 0, dtype: Any = None, out: None = None, keepdims: bool = False,
               initial: Any = None, where: Any = None) -> Value:  # fmt: skip
        """The function between all elements along an axis (None: along all), from the left."""
        no_out(what, out)
        x = value(what, "a", a)
        x = x if dtype is None else astype(x, dtype)
        if name in known:
            start = {"initial": initial} if initial is not None else {}
            return _named(known[name])(x, axis, keepdims=keepdims, where=where, **start)
        if where is not None:
            raise TypeError(f"{what}: where= is for {', '.join(_REDUCE)}")
        axes = axes_tuple(what, axis, x.ndim)
        for k in reversed(axes):
            x = _fold(what, function, x, k, initial, identity)[0]
        return expand_dims(x, axes) if keepdims and axes else x

    return reduce


def _accumulate(name: str, function: Callable[..., Value],
                known: dict[str, str]) -> Callable[..., Value]:  # fmt: skip
    what = f"{name}.accumulate"

    def accumulate(a: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Value:
        """What `reduce` gives of the first one, two, three, … elements along an axis."""
        no_out(what, out)
        x = value(what, "a", a)
        x = x if dtype is None else astype(x, dtype)
        if name in known:
            return _named(known[name])(x, axis)
        from bibun.numpy.joining import concatenate

        _, rest, first = _fold(what, function, x, axis, None)
        out_ = concatenate([expand_dims(astype(first, rest.dtype), 0), rest])
        return moveaxis(out_, 0, axis_index(what, axis, x.ndim))

    return accumulate


def _at(name: str, known: dict[str, str]) -> Callable[..., Value]:
    def at(a: Any, indices: Any, b: Any, /, *, inplace: bool = False) -> Value:
        """A copy of `a` with the function applied at indices, repeated ones repeatedly."""
        if inplace:
            raise ValueError(f"{name}.at: arrays are immutable; use the result, inplace=False")
        x = value(f"{name}.at", "a", a)
        if name not in known:
            raise TypeError(f"{name}.at: only {', '.join(_AT)} can be applied at indices")
        return getattr(x.at[indices], known[name])(b)

    return at


_BINARY = [elementwise.BINARY_FAST[n][2] for n in elementwise.BINARY_FAST] + [
    elementwise.right_shift, elementwise.logical_and, elementwise.logical_or,
    elementwise.logical_xor, arithmetic.power, arithmetic.float_power, arithmetic.remainder,
    arithmetic.floor_divide, arithmetic.fmod, arithmetic.gcd, arithmetic.lcm, arithmetic.ldexp,
    formulas.fmax, formulas.fmin, formulas.hypot, formulas.logaddexp, formulas.logaddexp2,
    formulas.copysign, formulas.heaviside,
]  # fmt: skip


def add_methods(function: Any, identity: Any = None, own: bool = False) -> Any:
    """`function`, of two operands and one value, with the methods of NumPy's ufuncs.

    own: it is bibun's, so the tables above know its name; others are folded, and `identity` is
    what they give of no elements.
    """
    name = function.__name__
    function.nin, function.nout, function.nargs = 2, 1, 3
    reductions, runs, places = (_REDUCE, _ACCUMULATE, _AT) if own else ({}, {}, {})
    for method in (_outer(function), _reduce(name, function, reductions, identity),
                   _accumulate(name, function, runs), _at(name, places)):  # fmt: skip
        method.__qualname__ = f"{name}.{method.__name__}"
        setattr(function, method.__name__, method)
    return function


for _function in _BINARY:
    add_methods(_function, own=True)
