"""Paths to the leaves of a tree, and how they print.

A path is a tuple of keys, one a level: `SequenceKey(idx)`, `DictKey(key)`,
`GetAttrKey(name)`, `FlattenedIndexKey(key)`. `keystr` prints it as Python would reach there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import optree

from bibun.tree.core import NAMESPACE, PyTreeDef, treedef_is_leaf


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """The place `[idx]` in a tuple, list or deque."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx}]"

    def simple(self) -> str:
        return str(self.idx)


@dataclasses.dataclass(frozen=True)
class DictKey:
    """The place `[key]` in a mapping."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def simple(self) -> str:
        return str(self.key)


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """The attribute `name` of a dataclass or named tuple."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def simple(self) -> str:
        return self.name


@dataclasses.dataclass(frozen=True)
class FlattenedIndexKey:
    """The child number `key` of a class registered without key paths."""

    key: int

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"

    def simple(self) -> str:
        return str(self.key)


KeyEntry = SequenceKey | DictKey | GetAttrKey | FlattenedIndexKey
KeyPath = tuple[KeyEntry, ...]
_KEYS = (SequenceKey, DictKey, GetAttrKey, FlattenedIndexKey)

_KIND = optree.PyTreeKind
_SEQUENCES = {_KIND.TUPLE, _KIND.LIST, _KIND.DEQUE}
_MAPPINGS = {_KIND.DICT, _KIND.ORDEREDDICT, _KIND.DEFAULTDICT}


def _key(entry: optree.PyTreeEntry) -> KeyEntry:
    if isinstance(entry.entry, _KEYS):
        return entry.entry
    if entry.kind in _SEQUENCES:
        return SequenceKey(entry.entry)
    if entry.kind in _MAPPINGS:
        return DictKey(entry.entry)
    if entry.kind == _KIND.NAMEDTUPLE:
        return GetAttrKey(entry.type._fields[entry.entry])
    if isinstance(entry.entry, int):
        return FlattenedIndexKey(entry.entry)
    return GetAttrKey(str(entry.entry))


def _decisions(is_leaf: Callable[..., bool], tree: Any) -> Callable[[Any], bool]:
    """`is_leaf(path, node)` as a function of nodes alone, which are met in one known order."""
    found: list[bool] = []

    def walk(node: Any, path: KeyPath) -> None:
        found.append(bool(is_leaf(path, node)))
        if found[-1]:
            return
        accessors, children, spec = optree.tree_flatten_with_accessor(
            node, lambda x: x is not node, namespace=NAMESPACE
        )
        if not treedef_is_leaf(spec):
            for a, child in zip(accessors, children, strict=True):
                walk(child, (*path, *map(_key, a)))

    walk(tree, ())
    answers = iter(found)
    return lambda node: next(answers)


def flatten_with_path(
    tree: Any, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[KeyPath, Any]], PyTreeDef]:
    """(path, leaf) pairs, and the structure. is_leaf_takes_path: it is `is_leaf(path, node)`.

    >>> pairs, _ = flatten_with_path({"a": [1, 2]})
    >>> [(keystr(p), leaf) for p, leaf in pairs]
    [("['a'][0]", 1), ("['a'][1]", 2)]
    """
    if is_leaf is not None and is_leaf_takes_path:
        is_leaf = _decisions(is_leaf, tree)
    accessors, found, treedef = optree.tree_flatten_with_accessor(
        tree, is_leaf, namespace=NAMESPACE
    )
    paths = [tuple(_key(e) for e in a) for a in accessors]
    return list(zip(paths, found, strict=True)), treedef


def leaves_with_path(
    tree: Any, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> list[tuple[KeyPath, Any]]:
    """(path, leaf) pairs of a tree, in order; the options are those of `flatten_with_path`."""
    return flatten_with_path(tree, is_leaf, is_leaf_takes_path)[0]


def map_with_path(
    f: Callable[..., Any],
    tree: Any,
    *rest: Any,
    is_leaf: Callable[..., bool] | None = None,
    is_leaf_takes_path: bool = False,
) -> Any:
    """`map` whose function gets the path first: `f(path, leaf, *rest_leaves)`.

    >>> map_with_path(lambda p, x: keystr(p, simple=True, separator="."), {"a": (1,)})
    {'a': ('a.0',)}
    """
    pairs, treedef = flatten_with_path(tree, is_leaf, is_leaf_takes_path)
    others = [treedef.flatten_up_to(r) for r in rest]
    return treedef.unflatten(
        f(path, leaf, *(o[i] for o in others)) for i, (path, leaf) in enumerate(pairs)
    )


def keystr(keys: Iterable[Any], *, simple: bool = False, separator: str = "") -> str:
    """A path as text, as Python would reach the leaf.

    >>> keystr((DictKey("w"), SequenceKey(0)))
    "['w'][0]"
    >>> keystr((DictKey("w"), SequenceKey(0)), simple=True, separator="/")
    'w/0'
    """
    return separator.join(k.simple() if simple and hasattr(k, "simple") else str(k) for k in keys)
