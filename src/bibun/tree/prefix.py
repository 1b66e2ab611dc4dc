"""Prefix trees: one value standing for a whole subtree, as `in_axes` of `vmap` does."""

from __future__ import annotations

from typing import Any

from bibun.tree.core import IsLeaf, flatten, flatten_one_level, leaves, structure, unflatten


def broadcast_prefix(
    prefix: Any, tree: Any, is_leaf: IsLeaf = None, *, what: str = "prefix", of: str = "tree"
) -> list[Any]:
    """One element of `prefix` for each leaf of `tree`, in the order of its leaves.

    `what` and `of` name the two trees in errors. Errors: ValueError that gives the place where
    `prefix` stops being a prefix of `tree`.

    >>> broadcast_prefix((0, None), ((1, 2), [3, {"a": 4}]), is_leaf=lambda x: x is None)
    [0, 0, None, None]
    """
    heads, spec = flatten(prefix, is_leaf)
    try:
        subtrees = spec.flatten_up_to(tree)
    except ValueError as error:
        raise ValueError(mismatch(prefix, tree, is_leaf, what, of) or str(error)) from None
    result: list[Any] = []
    for head, subtree in zip(heads, subtrees, strict=True):
        result.extend([head] * len(leaves(subtree)))
    return result


def broadcast(prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf = None) -> Any:
    """A tree of the structure of `full_tree`, each leaf of the prefix at all leaves it stands for.

    Errors: ValueError that gives the place where `prefix_tree` stops being a prefix.

    >>> broadcast((1, 2), (0, {"a": 0, "b": 0}))
    (1, {'a': 2, 'b': 2})
    """
    found = broadcast_prefix(prefix_tree, full_tree, is_leaf, what="prefix_tree", of="full_tree")
    return unflatten(structure(full_tree, is_leaf), found)


def mismatch(prefix: Any, tree: Any, is_leaf: IsLeaf, what: str, of: str) -> str | None:
    """The first place, depth first, where `prefix` is no prefix of `tree`."""
    todo: list[tuple[Any, Any, tuple[Any, ...]]] = [(prefix, tree, ())]
    while todo:
        p, t, path = todo.pop()
        head = None if is_leaf is not None and is_leaf(p) else flatten_one_level(p)
        if head is None:
            continue
        there = flatten_one_level(t)
        where = f" at {of}{''.join(f'[{k!r}]' for k in path)}" if path else ""
        opening = f"{what} must be a tree prefix of {of}, but{where} "
        if type(p) is not type(t) or there is None:
            return opening + (
                f"{what} has a {type(p).__name__} where {of} has a {type(t).__name__}"
                + (": None is a node without children, not a leaf" if p is None else "")
            )
        (mine, my_keys), (theirs, their_keys) = head, there
        if len(mine) != len(theirs):
            return opening + (
                f"{what} has a {type(p).__name__} of length {len(mine)} where {of} has one of "
                f"length {len(theirs)}"
            )
        if my_keys != their_keys:
            return opening + f"the keys are {list(my_keys)} in {what}, {list(their_keys)} in {of}"
        todo.extend(
            (a, b, (*path, getattr(k, "key", k)))
            for a, b, k in reversed(list(zip(mine, theirs, my_keys, strict=True)))
        )
    return None
