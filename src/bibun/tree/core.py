"""Flattening and rebuilding nested containers.

A *pytree* is any nesting of registered containers: tuples, lists, dicts (by sorted key),
named tuples, `OrderedDict`, `defaultdict`, `deque`, `None` (a node without children) and
whatever was registered. Everything else is a leaf. The work is done by optree, in a
namespace of bibun's own, so that registering a class here changes no other library.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from typing import Any

import optree

NAMESPACE = "bibun"
PyTreeDef = optree.PyTreeSpec
IsLeaf = Callable[[Any], bool] | None

_flatten = optree.tree_flatten


def flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], PyTreeDef]:
    """The leaves of a tree, in order, and its structure.

    >>> leaves, structure = flatten({"b": 1, "a": (2, None)})
    >>> leaves
    [2, 1]
    >>> unflatten(structure, [20, 10])
    {'b': 10, 'a': (20, None)}
    """
    return _flatten(tree, is_leaf, namespace=NAMESPACE)


def unflatten(treedef: PyTreeDef, leaves: Iterable[Any]) -> Any:
    """The tree of a structure with the given leaves; the inverse of `flatten`.

    Errors: ValueError where the number of leaves does not fit.
    """
    return treedef.unflatten(leaves)


def leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves of a tree, in order.

    >>> leaves([1, (2, {"x": 3})])
    [1, 2, 3]
    """
    return optree.tree_leaves(tree, is_leaf, namespace=NAMESPACE)


def structure(tree: Any, is_leaf: IsLeaf = None) -> PyTreeDef:
    """The structure of a tree: comparable, hashable, without the leaves.

    >>> structure((1, [2])) == structure((3.0, ["x"]))
    True
    """
    return optree.tree_structure(tree, is_leaf, namespace=NAMESPACE)


def map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """Apply `f` to each leaf, and to the subtrees of `rest` in the same places.

    Errors: ValueError where a tree of `rest` does not have the structure of the first.

    >>> map(lambda x, y: x + y, {"a": 1, "b": (2,)}, {"a": 10, "b": (20,)})
    {'a': 11, 'b': (22,)}
    """
    try:
        return optree.tree_map(f, tree, *rest, is_leaf=is_leaf, namespace=NAMESPACE)
    except ValueError:  # from `f`, or because the trees differ: then say where
        from bibun.tree.prefix import mismatch

        for k, other in enumerate(rest):
            place = mismatch(tree, other, is_leaf, "the first tree", f"tree {k + 2}")
            if place is not None:
                raise ValueError(f"tree.map: {place}") from None
        raise


_NOTHING = object()


def reduce(
    function: Callable[[Any, Any], Any],
    tree: Any,
    initializer: Any = _NOTHING,
    is_leaf: IsLeaf = None,
) -> Any:
    """Fold the leaves of a tree from the left.

    Errors: TypeError for a tree without leaves when no initializer is given.

    >>> reduce(lambda a, b: a + b, {"x": 1, "y": [2, 3]})
    6
    """
    todo = iter(leaves(tree, is_leaf))
    total = next(todo, _NOTHING) if initializer is _NOTHING else initializer
    if total is _NOTHING:
        raise TypeError("reduce of a tree without leaves needs an initializer")
    for leaf in todo:
        total = function(total, leaf)
    return total


def reduce_associative(
    operation: Callable[[Any, Any], Any],
    tree: Any,
    *,
    identity: Any = _NOTHING,
    is_leaf: IsLeaf = None,
) -> Any:
    """Fold the leaves of a tree in pairs, pairs of pairs, …: a logarithmic number of steps deep.

    identity: the result for a tree without leaves. Errors: TypeError for one if it is not given.

    >>> reduce_associative(lambda a, b: a + b, [1, (2, 3), [4]])
    10
    """
    found = leaves(tree, is_leaf)
    if not found:
        if identity is _NOTHING:
            raise TypeError("reduce_associative of a tree without leaves needs identity=")
        return identity
    while len(found) > 1:
        pairs = zip(found[::2], found[1::2], strict=False)
        odd = found[-1:] if len(found) % 2 else []
        found = [operation(a, b) for a, b in pairs] + odd
    return found[0]


def all(tree: Any, *, is_leaf: IsLeaf = None) -> bool:
    """Whether every leaf is true."""
    return builtins.all(leaves(tree, is_leaf))


def transpose(
    outer_treedef: PyTreeDef, inner_treedef: PyTreeDef | None, pytree_to_transpose: Any
) -> Any:
    """A tree of trees turned inside out.

    It has structure `outer_treedef` with a subtree of structure `inner_treedef` at each leaf; the
    result has `inner_treedef` outside. None: the inner structure of the first.

    >>> transpose(structure([0, 0]), None, [{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    {'a': [1, 3], 'b': [2, 4]}
    """
    subtrees = outer_treedef.flatten_up_to(pytree_to_transpose)
    if inner_treedef is None:
        if not subtrees:
            raise ValueError("transpose: an outer tree without leaves needs inner_treedef")
        inner_treedef = structure(subtrees[0])
    columns = [inner_treedef.flatten_up_to(s) for s in subtrees]
    rows = [
        outer_treedef.unflatten([c[i] for c in columns]) for i in range(inner_treedef.num_leaves)
    ]
    return inner_treedef.unflatten(rows)


def flatten_up_to(treedef: PyTreeDef, tree: Any) -> list[Any]:
    """The subtrees of `tree` at the leaves of `treedef`. Errors: ValueError on mismatch."""
    return treedef.flatten_up_to(tree)


def flatten_one_level(tree: Any) -> tuple[list[Any], tuple[Any, ...]] | None:
    """Children of the outermost node and their path entries; None for a leaf."""
    if treedef_is_leaf(structure(tree, lambda x: x is not tree)):
        return None
    children, _, entries, _ = optree.tree_flatten_one_level(tree, namespace=NAMESPACE)
    return list(children), tuple(entries)


def all_leaves(iterable: Iterable[Any], is_leaf: IsLeaf = None) -> bool:
    """Whether every element is a leaf by itself.

    >>> all_leaves([1, 2]), all_leaves([1, (2,)])
    (True, False)
    """
    return optree.all_leaves(iterable, is_leaf, namespace=NAMESPACE)


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Whether a structure is that of one leaf."""
    return treedef.num_nodes == 1 and treedef.num_leaves == 1


def treedef_children(treedef: PyTreeDef) -> list[PyTreeDef]:
    """The structures of a node's children."""
    return treedef.children()


def treedef_tuple(treedefs: Iterable[PyTreeDef]) -> PyTreeDef:
    """The structure of a tuple whose elements have these structures."""
    return optree.treespec_tuple(tuple(treedefs), namespace=NAMESPACE)
