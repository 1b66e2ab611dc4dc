"""Making a class a pytree node.

A node splits into *children*, which transformations see, and *metadata*, which must be
hashable and comparable because it becomes part of a function's cache key.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self, TypeVar

import optree

from bibun.tree.core import NAMESPACE
from bibun.tree.paths import GetAttrKey

T = TypeVar("T", bound=type)


def register_pytree_node(
    nodetype: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_with_keys_func: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Register a class: `flatten(obj) -> (children, metadata)`, `unflatten(metadata, children)`.

    `flatten_with_keys` may give `(key, child)` pairs instead, for readable paths.
    Errors: ValueError if the class is registered already.
    """

    if flatten_with_keys_func is None:

        def split(obj: Any) -> tuple[Any, ...]:
            children, metadata = flatten_func(obj)
            return tuple(children), metadata
    else:
        # The number and the names of the children are asked of one function, the children of
        # the other: optree wants all three at each flattening, so only the former is called.
        def split(obj: Any) -> tuple[Any, ...]:
            pairs, metadata = flatten_with_keys_func(obj)
            pairs = tuple(pairs)
            return tuple(c for _, c in pairs), metadata, tuple(k for k, _ in pairs)

    optree.register_pytree_node(
        nodetype,
        split,
        lambda metadata, children: unflatten_func(metadata, tuple(children)),
        path_entry_type=optree.FlattenedEntry,
        namespace=NAMESPACE,
    )


def register_pytree_with_keys(
    nodetype: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_func: Callable[[Any], Any] | None = None,
) -> None:
    """Register a class whose children have keys: `flatten_with_keys(obj) -> (pairs, metadata)`."""
    register_pytree_node(nodetype, flatten_func, unflatten_func, flatten_with_keys)  # type: ignore[arg-type]


def register_pytree_node_class(cls: T) -> T:
    """Class decorator: uses the methods `tree_flatten` and the classmethod `tree_unflatten`.

    >>> @register_pytree_node_class
    ... class Point:
    ...     def __init__(self, x, y): self.x, self.y = x, y
    ...     def tree_flatten(self): return (self.x, self.y), None
    ...     @classmethod
    ...     def tree_unflatten(cls, metadata, children): return cls(*children)
    >>> from bibun import tree
    >>> tree.leaves(Point(1, 2))
    [1, 2]
    """
    register_pytree_node(cls, lambda obj: obj.tree_flatten(), cls.tree_unflatten)
    return cls


def register_pytree_with_keys_class(cls: T) -> T:
    """Class decorator: uses `tree_flatten_with_keys` and the classmethod `tree_unflatten`."""
    register_pytree_with_keys(cls, lambda obj: obj.tree_flatten_with_keys(), cls.tree_unflatten)
    return cls


def register_dataclass(
    nodetype: T | None = None,
    data_fields: Sequence[str] | None = None,
    meta_fields: Sequence[str] | None = None,
    drop_fields: Sequence[str] = (),
) -> Any:
    """Register a dataclass: `data_fields` are children, `meta_fields` metadata.

    Without lists, fields with `metadata={"static": True}` are metadata and all others that
    `__init__` takes are children. Usable as a decorator. Errors: ValueError when the lists do
    not cover the fields, TypeError when nothing says what the fields are.

    >>> import dataclasses
    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Params:
    ...     w: float
    ...     name: str = dataclasses.field(default="p", metadata={"static": True})
    >>> from bibun import tree
    >>> tree.map(lambda w: 2 * w, Params(1.5, "q"))
    Params(w=3.0, name='q')
    """
    if nodetype is None:
        return functools.partial(
            register_dataclass,
            data_fields=data_fields,
            meta_fields=meta_fields,
            drop_fields=drop_fields,
        )
    if (data_fields is None) != (meta_fields is None):
        raise TypeError("register_dataclass: give both data_fields and meta_fields, or neither")
    if dataclasses.is_dataclass(nodetype):
        fields = [f for f in dataclasses.fields(nodetype) if f.init]
        if data_fields is None:
            meta_fields = [f.name for f in fields if f.metadata.get("static", False)]
            data_fields = [f.name for f in fields if f.name not in meta_fields]
        else:
            given = {*data_fields, *meta_fields, *drop_fields}  # type: ignore[misc]
            wanted = {f.name for f in fields}
            if given - wanted or wanted - given:
                raise ValueError(
                    f"register_dataclass({nodetype.__name__}): unknown fields "
                    f"{sorted(given - wanted)}, missing fields {sorted(wanted - given)}; every "
                    "init field belongs in data_fields, meta_fields or drop_fields"
                )
    elif data_fields is None:
        raise TypeError(
            f"register_dataclass: {nodetype.__name__} is not a dataclass; "
            "give data_fields and meta_fields"
        )
    data, meta = tuple(data_fields), tuple(meta_fields)  # type: ignore[arg-type]
    entries = tuple(GetAttrKey(name) for name in data)

    def split(obj: Any) -> tuple[Any, ...]:
        children = tuple([getattr(obj, name) for name in data])
        return children, tuple([getattr(obj, name) for name in meta]), entries

    def join(metadata: tuple[Any, ...], children: Sequence[Any]) -> Any:
        return nodetype(
            **dict(zip(data, children, strict=True)), **dict(zip(meta, metadata, strict=True))
        )

    optree.register_pytree_node(
        nodetype, split, join, path_entry_type=optree.FlattenedEntry, namespace=NAMESPACE
    )
    return nodetype


def static(**kwargs: Any) -> Any:
    """`dataclasses.field` of metadata: what `register_dataclass` takes for no child.

    >>> import dataclasses
    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Layer:
    ...     w: float
    ...     kind: str = static(default="dense")
    >>> from bibun import tree
    >>> tree.leaves(Layer(1.5))
    [1.5]
    """
    marked = {**(kwargs.pop("metadata", None) or {}), "static": True}
    return dataclasses.field(metadata=marked, **kwargs)


def register_static(cls: T) -> T:
    """Class decorator: an instance is a node without children, its own metadata.

    The class needs `__eq__` and `__hash__`: an instance becomes part of a function's key.
    """
    register_pytree_node(cls, lambda obj: ((), obj), lambda obj, _: obj)
    return cls


@dataclasses.dataclass(frozen=True)
class _Nested:
    """A partial in function position, kept apart so that `functools.partial` does not merge it."""

    func: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, **kwargs)


class Partial(functools.partial):
    """`functools.partial` that is a pytree: its arguments are children, its function metadata.

    >>> from bibun import tree
    >>> add = Partial(lambda x, y: x + y, 1)
    >>> tree.leaves(add), add(2)
    ([1], 3)
    """

    def __new__(cls, func: Any, /, *args: Any, **kwargs: Any) -> Self:
        if isinstance(func, functools.partial):
            func = _Nested(func)
        return super().__new__(cls, func, *args, **kwargs)


register_pytree_node(
    Partial,
    lambda p: ((p.args, p.keywords), p.func),
    lambda func, children: Partial(func, *children[0], **children[1]),
    lambda p: (((GetAttrKey("args"), p.args), (GetAttrKey("keywords"), p.keywords)), p.func),
)
