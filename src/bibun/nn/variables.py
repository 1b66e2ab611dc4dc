"""Variables: boxes that a module holds its numbers in, and what kind of number each is.

A model is easiest to write down as objects that change; transformations want pure functions of
arrays. A `Variable` is the seam: the object is the box, the array in it is what a
transformation sees. The kind (`Param`, `BatchStat`, …) is its class, so that
`split(model, Param, ...)` can tell what an optimizer trains from what it doesn't.

A box may be written only under the trace it was made in. One that came into a transformed
function by closure would keep a tracer when the function ends; the write says so instead.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bibun import tree
from bibun.array import Value
from bibun.errors import TracerError
from bibun.trace.core import as_value, state
from bibun.transforms import ShapeDtypeStruct
from bibun.tree import GetAttrKey


class Variable:
    """A mutable box of an array (or a pytree of arrays), with metadata.

    `v.value` or `v[...]` is what it holds; operators, attributes of arrays and functions of
    `bibun.numpy` act on that. `v[index] = x` writes in place, for the user: the array itself
    is replaced. Errors: TracerError for a write under another trace than the one it was made in.

    >>> import bibun.numpy as bnp
    >>> from bibun import nn
    >>> w = nn.Param(bnp.ones(2), name="w")
    >>> w.value = w * 3
    >>> w[0] = 1.0
    >>> w.value, w.shape, w.name
    (Array([1., 3.], dtype=float64), (2,), 'w')
    """

    __slots__ = ("_value", "_metadata", "_trace", "__weakref__")
    __bibun_state__ = True  # for `bibun.jit`: all that it is, is in its tree

    def __init__(self, value: Any, **metadata: Any) -> None:
        self._value = value._value if isinstance(value, Variable) else value
        self._metadata = metadata
        self._trace = state.trace

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _register(cls)

    @property
    def value(self) -> Any:
        """What the box holds."""
        return self._value

    @value.setter
    def value(self, new: Any) -> None:
        if state.trace is not self._trace:
            raise TracerError(
                f"a {type(self).__name__} was written inside a transformed function that did not "
                "get its module as an argument: the value would be lost, or a tracer kept. Pass "
                "the module as an argument, and use nn.jit, nn.grad, nn.vmap, nn.scan"
            )
        self._value = new._value if isinstance(new, Variable) else new

    def get_value(self) -> Any:
        """What the box holds; the same as `.value`."""
        return self._value

    def set_value(self, new: Any) -> None:
        """Put a value into the box; the same as assigning to `.value`."""
        self.value = new

    def get_metadata(self, name: str | None = None, default: Any = None) -> Any:
        """The metadata of a name, or all of it."""
        return dict(self._metadata) if name is None else self._metadata.get(name, default)

    def replace(self, value: Any) -> Any:
        """Another Variable of this kind and metadata."""
        return type(self)(value, **self._metadata)

    def copy(self) -> Any:
        """Another Variable with the same value."""
        return self.replace(self._value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._metadata:
            return self._metadata[name]
        return getattr(self._value, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name == "value":
            object.__setattr__(self, name, value)
        else:
            raise AttributeError(
                f"a Variable has no attribute {name!r} to set; metadata is given when it is made"
            )

    def __getitem__(self, index: Any) -> Any:
        return self._value if index is ... else self._value[index]

    def __setitem__(self, index: Any, new: Any) -> None:
        if index is ...:
            from bibun import numpy as bnp

            new = new._value if isinstance(new, Variable) else new
            old = self._value
            if hasattr(old, "shape") and not hasattr(new, "shape"):
                new = bnp.full(old.shape, new, dtype=old.dtype)
            self.value = new
        else:
            self.value = as_value(self._value).at[index].set(new)

    def __bibun_array__(self) -> Any:
        return as_value(self._value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self._value, dtype=dtype)

    __array_ufunc__ = None  # `ndarray + variable` asks the variable

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __int__(self) -> int:
        return int(self._value)

    def __float__(self) -> float:
        return float(self._value)

    def __index__(self) -> int:
        return operator.index(self._value)

    __hash__ = object.__hash__

    def __getstate__(self) -> Any:
        return self._value, self._metadata

    def __setstate__(self, saved: Any) -> None:
        self._value, self._metadata = saved
        self._trace = state.trace

    def __repr__(self) -> str:
        inside = [_short(self._value), *(f"{k}={v!r}" for k, v in self._metadata.items())]
        return f"{type(self).__name__}({', '.join(inside)})"


def _short(x: Any) -> str:
    if hasattr(x, "shape") and hasattr(x, "dtype") and getattr(x, "size", 0) > 8:
        return f"{x.dtype}{list(x.shape)}"
    return repr(x)


def _bare(x: Any) -> Any:
    return x._value if isinstance(x, Variable) else x


def _forward(name: str, f: Callable[..., Any], reflected: bool) -> None:
    def binary(self: Variable, other: Any) -> Any:
        return f(self._value, _bare(other))

    def swapped(self: Variable, other: Any) -> Any:
        return f(_bare(other), self._value)

    setattr(Variable, f"__{name}__", binary)
    if reflected:
        setattr(Variable, f"__r{name}__", swapped)


def _forward_unary(name: str, f: Callable[[Any], Any]) -> None:
    setattr(Variable, f"__{name}__", lambda self: f(self._value))


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or",
              "xor", "lshift", "rshift"):  # fmt: skip
    _forward(_name, getattr(operator, f"__{_name}__"), True)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _forward(_name, getattr(operator, _name), False)
for _name in ("neg", "pos", "abs", "invert"):
    _forward_unary(_name, getattr(operator, f"__{_name}__"))


def metadata_key(metadata: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(metadata.items()))


def make(cls: type, metadata: dict[str, Any], value: Any) -> Any:
    """A Variable without asking `cls.__init__`."""
    v = object.__new__(cls)
    object.__setattr__(v, "_value", value)
    object.__setattr__(v, "_metadata", metadata)
    object.__setattr__(v, "_trace", state.trace)
    return v


def _register(cls: type) -> None:
    """A Variable by itself is a node with one child, `.value`."""
    entry = (GetAttrKey("value"),)

    def pairs(v: Any) -> tuple[Any, Any]:
        return ((entry[0], v._value),), metadata_key(v._metadata)

    tree.register_pytree_node(
        cls,
        lambda v: ((v._value,), metadata_key(v._metadata)),
        lambda metadata, children: make(cls, dict(metadata), children[0]),
        pairs,
    )


_register(Variable)


class Param(Variable):
    """What an optimizer trains."""

    __slots__ = ()


class BatchStat(Variable):
    """A running statistic of batches, as in `BatchNorm`."""

    __slots__ = ()


class Cache(Variable):
    """What a module remembers between calls, as keys and values of attention."""

    __slots__ = ()


class Intermediate(Variable):
    """A value noted in passing with `Module.sow`, to be taken out with `pop`."""

    __slots__ = ()


class Perturbation(Intermediate):
    """A zero added to an intermediate value, whose gradient is that value's."""

    __slots__ = ()


class RngState(Variable):
    """The state of a stream of random keys: `RngKey` and `RngCount`."""

    __slots__ = ()


class RngKey(RngState):
    """The key of a stream."""

    __slots__ = ()


class RngCount(RngState):
    """How many keys a stream has given."""

    __slots__ = ()


class OptState(Variable):
    """The state of an optimizer."""

    __slots__ = ()


class OptVariable(OptState):
    """The state that an optimizer keeps for one parameter."""

    __slots__ = ()


class MetricState(Variable):
    """The state of a metric."""

    __slots__ = ()


def is_array(x: Any) -> bool:
    """Whether a module's attribute is data: an array of bibun's or NumPy's."""
    return isinstance(x, Value | np.ndarray | np.generic | ShapeDtypeStruct)


# names of kinds -----------------------------------------------------------------------------------

_NAMES: dict[str, type[Variable]] = {
    "params": Param, "batch_stats": BatchStat, "cache": Cache, "intermediates": Intermediate,
    "perturbations": Perturbation,
}  # fmt: skip


def register_variable_name(name: str, typ: type[Variable], *, overwrite: bool = False) -> None:
    """Give a kind of Variable a name, as of a collection. Errors: ValueError for a name taken."""
    if name in _NAMES and _NAMES[name] is not typ and not overwrite:
        raise ValueError(f"the name {name!r} is that of {_NAMES[name].__name__} already")
    _NAMES[name] = typ


def variable_type_from_name(name: str, *, allow_register: bool = False) -> type[Variable]:
    """The kind of Variable of a name; with `allow_register` a new one is made where there is none.

    >>> from bibun import nn
    >>> nn.variable_type_from_name("params").__name__
    'Param'
    """
    if name not in _NAMES:
        if not allow_register:
            raise ValueError(f"no kind of Variable has the name {name!r}; there are {list(_NAMES)}")
        _NAMES[name] = type(name, (Variable,), {"__slots__": ()})
    return _NAMES[name]


def variable_name_from_type(typ: type[Variable], *, allow_register: bool = False) -> str:
    """The name of a kind of Variable; with `allow_register` its class's where it has none.

    Errors: ValueError where it has none.
    """
    for name, kind in _NAMES.items():
        if kind is typ:
            return name
    if allow_register:
        register_variable_name(typ.__name__, typ)
        return typ.__name__
    raise ValueError(f"{typ.__name__} has no name; give it one with register_variable_name")
