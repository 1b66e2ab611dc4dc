"""Operators, methods and NumPy's functions on Variables, each a function of the graph.

A Python number beside a Variable is an input of the program, so a loop over many numbers makes
one program; the exponent of a power is part of it, which keeps x² smooth at 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.array import Value
from bibun.numpy.dispatch import call_function, call_ufunc
from bibun.variable.lifting import apply_binary, apply_function
from bibun.variable.variable import Variable

OPERANDS = (Variable, np.ndarray, np.generic, Value, int, float, complex)


def _binary(fun: Callable[..., Any], name: str) -> tuple[Any, Any]:
    def forward(self: Variable, other: Any) -> Any:
        if not isinstance(other, OPERANDS):
            return NotImplemented
        return apply_binary(fun, self, other, name)

    def backward(self: Variable, other: Any) -> Any:
        if not isinstance(other, OPERANDS):
            return NotImplemented
        return apply_binary(fun, other, self, name)

    return forward, backward


_BINARY = {
    "add": (bnp.add, "_ + _"), "sub": (bnp.subtract, "_ - _"), "mul": (bnp.multiply, "_ * _"),
    "truediv": (bnp.true_divide, "_ / _"), "floordiv": (bnp.floor_divide, "_ // _"),
    "mod": (bnp.remainder, "_ % _"), "matmul": (bnp.matmul, "_ @ _"),
}  # fmt: skip
_UNARY = {"neg": (bnp.negative, "-_"), "abs": (bnp.abs, "|_|")}
_COMPARISONS = {
    "eq": bnp.equal, "ne": bnp.not_equal, "lt": bnp.less, "le": bnp.less_equal,
    "gt": bnp.greater, "ge": bnp.greater_equal,
}  # fmt: skip


def _install(name: str, method: Any) -> None:
    if callable(method):
        method.__name__ = name
        method.__qualname__ = f"Variable.{name}"
    setattr(Variable, name, method)


for _name, (_fun, _label) in _BINARY.items():
    _forward, _backward = _binary(_fun, _label)
    _install(f"__{_name}__", _forward)
    _install(f"__r{_name}__", _backward)
for _name, (_fun, _label) in _UNARY.items():
    _install(
        f"__{_name}__",
        lambda self, f=_fun, label=_label: apply_function(f, (self,), {}, label),
    )
_install("__pos__", lambda self: self)


def power(x: Any, y: Any) -> Variable:
    """x to the y-th power, of Variables, arrays and numbers."""
    if isinstance(y, int | float) or isinstance(x, int | float):
        return apply_function(bnp.power, (x, y), {}, "_ ** _")
    return apply_binary(bnp.power, x, y, "_ ** _")


def _pow(self: Variable, other: Any) -> Any:
    return power(self, other) if isinstance(other, OPERANDS) else NotImplemented


def _rpow(self: Variable, other: Any) -> Any:
    return power(other, self) if isinstance(other, OPERANDS) else NotImplemented


_install("__pow__", _pow)
_install("__rpow__", _rpow)


def _comparison(fun: Callable[..., Any]) -> Callable[..., Any]:
    def compare(self: Variable, other: Any) -> Any:
        """An array of truth values, outside the graph."""
        if not isinstance(other, OPERANDS):
            return NotImplemented
        other = other._data if isinstance(other, Variable) else other
        found = fun(self.value, other)
        return found if isinstance(self._data, Value) else np.asarray(found)

    return compare


for _name, _fun in _COMPARISONS.items():
    _install(f"__{_name}__", _comparison(_fun))
Variable.__hash__ = object.__hash__  # type: ignore[assignment]  # by identity


# Elements and shape ---------------------------------------------------------------------------


def read(x: Any, index: Any) -> Any:
    """`x[index]`, for bibun's values; a function with a name for the graph."""
    return x[index]


def plain_index(index: Any) -> Any:
    """An index whose Variables are arrays, whose masks are integers and whose numbers are plain."""
    if isinstance(index, tuple):
        flat: list[Any] = []
        for part in index:
            part = plain_index(part)
            if isinstance(part, tuple):
                flat += part
            else:
                flat.append(part)
        return tuple(flat)
    if isinstance(index, Variable):
        index = index._data
    if isinstance(index, list):
        index = np.asarray(index, dtype=None if index else np.intp)
    if isinstance(index, np.generic):
        return index.item()
    if isinstance(index, np.ndarray) and index.dtype.kind == "b":
        return tuple(np.nonzero(index)) if index.ndim else index
    return index


def get_item(x: Any, slices: Any) -> Variable:
    """Elements of x: any NumPy index. Errors: IndexError out of bounds, with the line."""
    return apply_function(read, (x, plain_index(slices)), {}, "GetItem")


_install("__getitem__", lambda self, index: get_item(self, index))


def _method(fun: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Variable, *args: Any, **kwargs: Any) -> Any:
        return apply_function(fun, (self, *args), kwargs)

    method.__doc__ = fun.__doc__
    return method


for _name, _fun in {
    "sum": bnp.sum, "max": bnp.max, "min": bnp.min, "prod": bnp.prod,
    "cumsum": bnp.cumsum, "ravel": bnp.ravel, "squeeze": bnp.squeeze, "dot": bnp.dot,
    "clip": bnp.clip, "astype": bnp.astype,
}.items():  # fmt: skip
    _install(_name, _method(_fun))


def _reshape(self: Variable, *shape: Any) -> Any:
    """The same elements in another shape; one size may be -1."""
    return apply_function(
        bnp.reshape, (self, shape[0] if len(shape) == 1 else shape), {}, "Reshape"
    )


def mean_of(x: Any, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Any:
    """The mean along axes, weighted by `weights` if given, which may have the size of one axis."""
    if weights is None:
        return bnp.mean(x, axis=axis, keepdims=keepdims)
    if weights.ndim != x.ndim and axis is not None:
        (k,) = axis if isinstance(axis, tuple) else (axis,)
        shape = [1] * x.ndim
        shape[k % x.ndim] = -1
        weights = bnp.reshape(weights, shape)
    total = bnp.sum(bnp.broadcast_to(weights, x.shape), axis=axis, keepdims=keepdims)
    return bnp.sum(x * weights, axis=axis, keepdims=keepdims) / total


_install("mean", _method(mean_of))


def _transpose(self: Variable, *axes: Any) -> Any:
    """Axes in another order, reversed by default."""
    order = axes[0] if len(axes) == 1 else (axes or None)
    return apply_function(bnp.transpose, (self, order), {}, "Transpose")


_install("reshape", _reshape)
_install("transpose", _transpose)
_install("T", property(_transpose))


# NumPy's own functions --------------------------------------------------------------------------


def _bibun_name(function: Any) -> str:
    return "".join(part[:1].upper() + part[1:] for part in function.__name__.split("_"))


def _array_ufunc(self: Variable, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if kwargs.get("out") is not None:
        raise TypeError(
            f"numpy.{ufunc.__name__}: a Variable cannot be written into an array; write "
            "a = a + v instead of a += v"
        )
    return apply_function(call_ufunc, (ufunc, method, inputs, kwargs), {}, _bibun_name(ufunc))


def _array_function(self: Variable, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    return apply_function(call_function, (func, args, kwargs), {}, _bibun_name(func))


_install("__array_ufunc__", _array_ufunc)
_install("__array_function__", _array_function)
