"""Installs operators and methods on `Value`, so that arrays and tracers have the same ones.

Arithmetic between concrete Arrays of one dtype, or with Python numbers of a kind that the
dtype holds, calls the op at once; everything else goes through the function's promotion.
What asks for a Python number (`bool`, `float`, an index) needs a concrete value. `float` and
`__array__` are stricter: they refuse tracers even where the value is known, because
`math.exp(x)` or `np.array([x])` would go on without the derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.errors import ConcretizationError
from bibun.numpy import arithmetic as ar
from bibun.numpy import elementwise as ew
from bibun.numpy import formulas as fm
from bibun.numpy import reductions as rd
from bibun.numpy import shape as shp
from bibun.numpy._common import OPERANDS, Tracer, check_device, need_concrete
from bibun.numpy.at import At
from bibun.numpy.cumulative import cumprod, cumsum
from bibun.numpy.elementwise import BINARY_FAST
from bibun.numpy.indexing import getitem, setitem
from bibun.numpy.taking import diagonal, take
from bibun.ops import elementwise as el
from bibun.trace.sites import current_site, describe

__all__: list[str] = []


def _install(name: str, method: Any) -> None:
    if callable(method) and not isinstance(method, property):
        method.__name__ = name
        method.__qualname__ = f"Value.{name}"
    setattr(Value, name, method)


# ---- arithmetic -------------------------------------------------------------------------------


def _methods(op: Any, kinds: str, function: Callable[..., Any]) -> tuple[Any, Any]:
    float_kinds = "".join(k for k in kinds if k in "fc")
    int_kinds = "".join(k for k in kinds if k in "iufc")

    def forward(self: Value, other: Any) -> Any:
        if type(self) is Array:
            kind = type(other)
            dtype = self._value.dtype
            if kind is Array:
                if other._value.dtype is dtype and dtype.kind in kinds:
                    return op(self, other)
            elif kind is float:
                if dtype.kind in float_kinds and not self._weak:
                    return op(self, other)
            elif kind is int and dtype.kind in int_kinds and not self._weak:
                return op(self, other)
        if not isinstance(other, OPERANDS) and not hasattr(type(other), "__bibun_array__"):
            return NotImplemented
        return function(self, other)

    def backward(self: Value, other: Any) -> Any:
        if type(self) is Array and not self._weak:
            kind = type(other)
            if (kind is float and self._value.dtype.kind in float_kinds) or (
                kind is int and self._value.dtype.kind in int_kinds
            ):
                return op(other, self)
        if not isinstance(other, OPERANDS) and not hasattr(type(other), "__bibun_array__"):
            return NotImplemented
        return function(other, self)

    return forward, backward


def _plain_methods(function: Callable[..., Any]) -> tuple[Any, Any]:
    def forward(self: Value, other: Any) -> Any:
        if not isinstance(other, OPERANDS) and not hasattr(type(other), "__bibun_array__"):
            return NotImplemented
        return function(self, other)

    def backward(self: Value, other: Any) -> Any:
        if not isinstance(other, OPERANDS) and not hasattr(type(other), "__bibun_array__"):
            return NotImplemented
        return function(other, self)

    return forward, backward


_ARITHMETIC = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide",
    "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "left_shift",
}  # fmt: skip
for _short, _name in _ARITHMETIC.items():
    _forward, _backward = _methods(*BINARY_FAST[_name])
    _install(f"__{_short}__", _forward)
    _install(f"__r{_short}__", _backward)

_PLAIN = {
    "floordiv": ar.floor_divide, "mod": ar.remainder, "pow": ar.power, "divmod": ar.divmod,
    "rshift": ew.right_shift,
}  # fmt: skip
for _short, _function in _PLAIN.items():
    _forward, _backward = _plain_methods(_function)
    _install(f"__{_short}__", _forward)
    _install(f"__r{_short}__", _backward)

_COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal",
}  # fmt: skip
for _short, _name in _COMPARISONS.items():
    _install(f"__{_short}__", _methods(*BINARY_FAST[_name])[0])

Value.__hash__ = None  # type: ignore[assignment]  # equality is elementwise, as in NumPy


def _matmul(self: Value, other: Any) -> Any:
    if not isinstance(other, OPERANDS) and not hasattr(type(other), "__bibun_array__"):
        return NotImplemented
    from bibun.numpy.contraction import matmul

    return matmul(self, other)


def _rmatmul(self: Value, other: Any) -> Any:
    if not isinstance(other, OPERANDS) and not hasattr(type(other), "__bibun_array__"):
        return NotImplemented
    from bibun.numpy.contraction import matmul

    return matmul(other, self)


def _neg(self: Value) -> Any:
    if type(self) is Array and self._value.dtype.kind in "iufc":
        return el.neg(self)
    return ew.negative(self)


_install("__matmul__", _matmul)
_install("__rmatmul__", _rmatmul)
_install("__neg__", _neg)
_install("__pos__", lambda self: self)
_install("__abs__", lambda self: ew.abs(self))
_install("__invert__", lambda self: ew.bitwise_not(self))
_install("__round__", lambda self, ndigits=0: ar.round(self, ndigits or 0))


# ---- Python numbers ---------------------------------------------------------------------------


def _scalar(self: Value, what: str) -> np.ndarray:
    known = need_concrete(self, what)
    if known.size != 1:
        hint = "; use .any() or .all()" if what == "bool(x)" else ""
        raise TypeError(f"{what} needs an array of one element, got shape {known.shape}{hint}")
    return known.reshape(())


def _no_derivative(self: Value, what: str) -> None:
    if isinstance(self, Tracer) and self.dtype.kind in "fc":
        raise ConcretizationError(
            f"{what} of {self!r}, which is being differentiated, batched or traced, would lose "
            f"what is tracked.\nAt {describe(current_site(2))}\n"
            "Use the function of bibun.numpy or bibun.scipy instead of the one of math; or "
            f"{what.split('(')[0]}(bibun.lax.stop_gradient(x)) for a number with no derivative."
        )


def _bool(self: Value) -> bool:
    return bool(_scalar(self, "bool(x)"))


def _int(self: Value) -> int:
    return int(_scalar(self, "int(x)"))


def _float(self: Value) -> float:
    _no_derivative(self, "float(x)")
    return float(_scalar(self, "float(x)"))


def _complex(self: Value) -> complex:
    _no_derivative(self, "complex(x)")
    return complex(_scalar(self, "complex(x)"))


def _index(self: Value) -> int:
    if self.dtype.kind not in "iu" or self.ndim:
        raise TypeError(
            f"only a 0-d array of integers can be an index, got {self.dtype} of shape {self.shape}"
        )
    return int(_scalar(self, "an index"))


def _item(self: Value, *args: int) -> Any:
    """The element as a Python number. Errors: TypeError if there are more."""
    if args:
        index = args if len(args) > 1 else np.unravel_index(args[0], self.shape)
        return _item(getitem(self, tuple(int(i) for i in index)))
    _no_derivative(self, "item(x)")
    return _scalar(self, "x.item()").item()


def _tolist(self: Value) -> Any:
    """Nested lists of Python numbers."""
    return need_concrete(self, "x.tolist()").tolist()


def _len(self: Value) -> int:
    if not self.shape:
        raise TypeError("len() of a 0-d array")
    return self.shape[0]


def _iter(self: Value) -> Iterator[Any]:
    if not self.shape:
        raise TypeError("iteration over a 0-d array")
    return (getitem(self, i) for i in range(self.shape[0]))


def _contains(self: Value, item: Any) -> bool:
    return bool(rd.any(ew.equal(self, item)))


_install("__bool__", _bool)
_install("__int__", _int)
_install("__float__", _float)
_install("__complex__", _complex)
_install("__index__", _index)
_install("__len__", _len)
_install("__iter__", _iter)
_install("__contains__", _contains)
_install("__getitem__", lambda self, index: getitem(self, index))
_install("__setitem__", lambda self, index, new: setitem(self, index, new))
_install("item", _item)
_install("tolist", _tolist)


# ---- NumPy and the array API ------------------------------------------------------------------


def _array(self: Value, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    if isinstance(self, Tracer):
        raise ConcretizationError(
            f"a NumPy array cannot be made of {self!r}, which stands for a value that a "
            f"transformation tracks.\nAt {describe(current_site(2))}\n"
            "Use bibun.numpy.array([...]), .stack or .asarray instead of numpy's, and "
            "x.at[i].set(v) instead of writing into a NumPy array."
        )
    known = self._value
    if (dtype is not None and np.dtype(dtype) != known.dtype) or copy:
        if copy is False:
            raise ValueError(f"a copy is needed to make {known.dtype} into {np.dtype(dtype)}")
        return known.astype(known.dtype if dtype is None else dtype)
    view = known.view()
    view.flags.writeable = False
    return view


def _array_ufunc(self: Value, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    from bibun.numpy.dispatch import call_ufunc

    return call_ufunc(ufunc, method, inputs, kwargs)


def _array_function(self: Value, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    from bibun.numpy.dispatch import call_function

    return call_function(func, args, kwargs)


def _array_namespace(self: Value, *, api_version: str | None = None) -> Any:
    import bibun.numpy

    if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        raise ValueError(
            f"__array_namespace__: the Array API version {api_version!r} is not known; bibun "
            f"follows {bibun.numpy.__array_api_version__}"
        )
    return bibun.numpy


def _to_device(self: Value, device: Any, /, *, stream: None = None) -> Value:
    """The array itself: there is one device."""
    check_device("x.to_device", device)
    if stream is not None:
        raise ValueError(f"x.to_device: the device 'cpu' has no streams, got stream={stream!r}")
    return self


_install("__array__", _array)
_install("__array_ufunc__", _array_ufunc)
_install("__array_function__", _array_function)
_install("__array_namespace__", _array_namespace)


def _format(self: Value, spec: str) -> str:
    """A number in a text. Tracers without `spec` give their type; with one they must be known."""
    if not spec:
        return str(self)
    return format(need_concrete(self, f"format(x, {spec!r}), as in an f-string,")[()], spec)


_install("__format__", _format)


# ---- methods ----------------------------------------------------------------------------------


def _spread(args: tuple[Any, ...]) -> Any:
    """`x.reshape(2, 3)` means `x.reshape((2, 3))`."""
    return args[0] if len(args) == 1 and isinstance(args[0], tuple | list) else args


def _reshape(self: Value, *shape: Any, order: str = "C", **kwargs: Any) -> Value:
    return shp.reshape(self, _spread(shape) if shape else kwargs.pop("shape"), order, **kwargs)


def _transpose(self: Value, *axes: Any) -> Value:
    chosen = _spread(axes)
    return shp.transpose(self, None if chosen in ((), None) or chosen == (None,) else chosen)


def _late(module: str, name: str) -> Callable[..., Any]:
    """A method from a room that is imported when first used."""

    def method(self: Value, *args: Any, **kwargs: Any) -> Any:
        import importlib

        return getattr(importlib.import_module(f"bibun.numpy.{module}"), name)(
            self, *args, **kwargs
        )

    return method


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Value, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__doc__ = function.__doc__
    return method


_METHODS = {
    "all": rd.all, "any": rd.any, "argmax": rd.argmax, "argmin": rd.argmin, "astype": ew.astype,
    "clip": ar.clip, "conj": ew.conjugate, "conjugate": ew.conjugate, "cumprod": cumprod,
    "cumsum": cumsum, "diagonal": diagonal, "flatten": shp.ravel, "max": rd.max,
    "mean": rd.mean, "min": rd.min, "prod": rd.prod, "ptp": rd.ptp, "ravel": shp.ravel,
    "round": ar.round, "squeeze": shp.squeeze, "std": rd.std, "sum": rd.sum,
    "swapaxes": shp.swapaxes, "take": take, "var": rd.var,
}  # fmt: skip
for _name, _function in _METHODS.items():
    _install(_name, _method(_function))

_LATE = {
    "argsort": "sorting", "sort": "sorting", "nonzero": "sorting", "searchsorted": "sorting",
    "argpartition": "sorting", "partition": "sorting", "repeat": "joining", "dot": "contraction",
    "trace": "contraction", "choose": "indexing", "compress": "indexing", "copy": "creation",
}  # fmt: skip
for _name, _room in _LATE.items():
    _install(_name, _late(_room, _name))


def _view(self: Value, dtype: Any = None, type: Any = None) -> Value:
    """The bits read as another dtype of the same size."""
    from bibun.dtypes import canonical

    return self if dtype is None else el.bitcast(self, new_dtype=canonical(dtype))


_install("reshape", _reshape)
_install("transpose", _transpose)
_install("view", _view)
_install("tobytes", lambda self, order="C": need_concrete(self, "x.tobytes()").tobytes(order))
_install("block_until_ready", lambda self: self)  # values are there when a call returns
_install("to_device", _to_device)
_install("T", property(lambda self: shp.transpose(self)))
_install("mT", property(lambda self: shp.matrix_transpose(self)))
_install("real", property(lambda self: fm.real(self)))
_install("imag", property(lambda self: fm.imag(self)))
_install("at", property(At, doc="`x.at[index]`: copies with elements changed."))
_install("itemsize", property(lambda self: self.dtype.itemsize))
_install("nbytes", property(lambda self: self.size * self.dtype.itemsize))
_install("device", property(lambda self: "cpu"))
_install("flat", property(lambda self: iter(shp.ravel(self))))

