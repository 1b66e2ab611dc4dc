"""Records of parameters: what kernels, means, noise models and processes are made of.

A subclass of `Record` is written like a dataclass, its annotations being its fields, and is
at once an immutable pytree: its fields are the children, those declared with `static()` are
not. So every object of this package passes through `jit`, `grad` and `vmap`, as an argument,
as a result, or as the thing differentiated; and so does a kernel that a user writes.
"""

from __future__ import annotations

import dataclasses
from typing import Any, dataclass_transform

import numpy as np

from bibun import numpy as bnp
from bibun import tree
from bibun.array import Array
from bibun.errors import ShapeError

_NUMBERS = (bool, int, float)


def static(**kwargs: Any) -> Any:
    """A field that is not an array: part of the structure that functions are compiled for."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


def parameter(owner: str, name: str, x: Any, ndim: int | None = None) -> Any:
    """A parameter as given; lists become arrays.

    Errors: TypeError for what is no number, ShapeError for more than `ndim` axes.
    """
    if type(x) not in _NUMBERS:
        try:
            x = bnp.asarray(x)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{owner}: parameter {name}: {error}") from None
    if ndim is not None and np.ndim(x) > ndim:
        raise ShapeError(
            f"{owner}: parameter {name} must have at most {ndim} axes, got shape {np.shape(x)}"
        )
    return x


@dataclass_transform(frozen_default=True, eq_default=False)
class Record:
    """Base class: an immutable dataclass that is a pytree."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        data = tuple(f.name for f in fields if not f.metadata.get("static"))
        meta = tuple(f.name for f in fields if f.metadata.get("static"))
        keys = tuple(tree.GetAttrKey(n) for n in data)

        def unflatten(values: tuple[Any, ...], children: Any, cls: type = cls) -> Any:
            # not through __init__: children may be anything that a tree of arrays may hold
            new = object.__new__(cls)
            new.__dict__.update(zip(data, children, strict=True))
            new.__dict__.update(zip(meta, values, strict=True))
            return new

        tree.register_pytree_node(
            cls,
            lambda r: (
                tuple(r.__dict__[n] for n in data),
                tuple(r.__dict__[n] for n in meta),
            ),
            unflatten,
            lambda r: (
                tuple((k, r.__dict__[n]) for k, n in zip(keys, data, strict=True)),
                tuple(r.__dict__[n] for n in meta),
            ),
        )

    _infix = ""  # of a sum or product of its fields: the sign that its repr has between them

    def __repr__(self) -> str:
        fields = {f.name: self.__dict__[f.name] for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        if not self._infix:
            inside = ", ".join(f"{k}={brief(v)}" for k, v in fields.items() if v is not None)
            return f"{type(self).__name__}({inside})"
        parts = (
            f"({v!r})" if getattr(v, "_infix", "") not in ("", self._infix) else repr(v)
            for v in fields.values()
        )
        return f" {self._infix} ".join(parts)

    def _set(self, **values: Any) -> None:
        """Set fields, while an object is made."""
        self.__dict__.update(values)

    def _convert(self, **ndims: int | None) -> None:
        """Make parameters of the fields named, of at most so many axes."""
        self._set(
            **{k: parameter(type(self).__name__, k, self.__dict__[k], n) for k, n in ndims.items()}
        )


def brief(x: Any) -> str:
    """A value in few words: of a large array dtype and shape, of a function its name."""
    if isinstance(x, dict):
        return "{" + ", ".join(f"{k!r}: {brief(v)}" for k, v in x.items()) + "}"
    if isinstance(x, tuple | list):
        return "(" + ", ".join(map(brief, x)) + ")"
    if isinstance(x, np.ndarray | Array):
        if x.size > 4:
            return f"{x.dtype}[{', '.join(map(str, x.shape))}]"
        return np.array2string(np.asarray(x), separator=", ", precision=6)
    return getattr(x, "__qualname__", None) or repr(x)


def length_of(X: Any, what: str = "X") -> int:
    """The number of points of a pytree of coordinates, its leaves' common leading axis.

    Errors: ShapeError where there is no such axis.
    """
    shapes = [np.shape(x) for x in tree.leaves(X)]
    if not shapes or any(not s for s in shapes) or len({s[0] for s in shapes}) != 1:
        listed = ", ".join(map(str, shapes)) or "no arrays"
        raise ShapeError(
            f"{what} must be one or more arrays with the points along a common leading axis, "
            f"(n,) or (n, d); got {listed}"
        )
    return shapes[0][0]


def coordinates(X: Any, what: str = "X") -> tuple[Any, int]:
    """A pytree of coordinates as arrays, and the number of points."""
    if isinstance(X, list):
        X = bnp.asarray(X)
    X = tree.map(bnp.asarray, X)
    return X, length_of(X, what)
