"""Arithmetic of pytrees, and what to find and change in an optimizer's state, by Optax's names.

    optim.tree_utils.tree_get(state, "count")
    state = optim.tree_utils.tree_set(state, learning_rate=1e-3)
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

from bibun import numpy as bnp
from bibun import random, tree
from bibun.optim.base import global_norm, tree_add, tree_cast, tree_scale, tree_sub, tree_vdot
from bibun.optim.moments import bias_correction as tree_bias_correction
from bibun.optim.moments import update_moment as tree_update_moment

__all__ = [
    "tree_add", "tree_add_scale", "tree_allclose", "tree_bias_correction", "tree_cast",
    "tree_cast_like", "tree_clip", "tree_conj", "tree_div", "tree_dtype", "tree_full_like",
    "tree_get", "tree_get_all_with_path", "tree_max", "tree_min", "tree_mul", "tree_norm",
    "tree_ones_like", "tree_random_like", "tree_real", "tree_scale", "tree_set", "tree_size",
    "tree_split_key_like", "tree_sub", "tree_sum", "tree_update_infinity_moment",
    "tree_update_moment", "tree_vdot", "tree_where", "tree_zeros_like",
]  # fmt: skip


# leaf by leaf -----------------------------------------------------------------------------------


def tree_mul(tree_x: Any, tree_y: Any) -> Any:
    """x y, leaf by leaf."""
    return tree.map(operator.mul, tree_x, tree_y)


def tree_div(tree_x: Any, tree_y: Any) -> Any:
    """x / y, leaf by leaf."""
    return tree.map(operator.truediv, tree_x, tree_y)


def tree_add_scale(tree_x: Any, scalar: Any, tree_y: Any) -> Any:
    """x + scalar y, leaf by leaf."""
    return tree.map(lambda x, y: x + scalar * y, tree_x, tree_y)


def tree_conj(tree_x: Any) -> Any:
    """Complex conjugates."""
    return tree.map(bnp.conj, tree_x)


def tree_real(tree_x: Any) -> Any:
    """Real parts."""
    return tree.map(bnp.real, tree_x)


def tree_clip(tree_x: Any, min_value: Any = None, max_value: Any = None) -> Any:
    """Every element within [min_value, max_value]."""
    return tree.map(lambda x: bnp.clip(x, min_value, max_value), tree_x)


def tree_where(condition: Any, tree_x: Any, tree_y: Any) -> Any:
    """x where the condition holds, else y."""
    return tree.map(lambda x, y: bnp.where(condition, x, y), tree_x, tree_y)


def tree_full_like(tree_x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Leaves filled with a number."""
    return tree.map(lambda x: bnp.full_like(x, fill_value, dtype=dtype), tree_x)


def tree_zeros_like(tree_x: Any, dtype: Any = None) -> Any:
    """Leaves of zeros."""
    return tree.map(lambda x: bnp.zeros_like(x, dtype=dtype), tree_x)


def tree_ones_like(tree_x: Any, dtype: Any = None) -> Any:
    """Leaves of ones."""
    return tree.map(lambda x: bnp.ones_like(x, dtype=dtype), tree_x)


def tree_cast_like(tree_x: Any, other_tree: Any) -> Any:
    """Leaves with the dtypes of another tree's."""
    return tree.map(lambda x, y: bnp.asarray(x).astype(bnp.asarray(y).dtype), tree_x, other_tree)


def tree_update_infinity_moment(updates: Any, moments: Any, decay: Any, eps: Any) -> Any:
    """max(|g| + eps, decay m), leaf by leaf: AdaMax's second moment."""
    return tree.map(lambda g, m: bnp.maximum(bnp.abs(g) + eps, decay * m), updates, moments)


# of all leaves ----------------------------------------------------------------------------------


def _over(tree_x: Any, each: Callable[[Any], Any], both: Callable[..., Any], empty: Any) -> Any:
    return functools.reduce(both, map(each, tree.leaves(tree_x)), bnp.asarray(empty))


def tree_sum(tree_x: Any) -> Any:
    """The sum of all elements."""
    return _over(tree_x, bnp.sum, operator.add, 0.0)


def tree_max(tree_x: Any) -> Any:
    """The largest element; -inf of none."""
    return _over(tree_x, lambda x: bnp.max(x, initial=-bnp.inf), bnp.maximum, -bnp.inf)


def tree_min(tree_x: Any) -> Any:
    """The smallest element; inf of none."""
    return _over(tree_x, lambda x: bnp.min(x, initial=bnp.inf), bnp.minimum, bnp.inf)


def tree_size(tree_x: Any) -> int:
    """How many elements there are."""
    return sum(int(bnp.asarray(x).size) for x in tree.leaves(tree_x))


def tree_norm(tree_x: Any, ord: Any = None, squared: bool = False) -> Any:
    """The norm of all elements: Euclidean (None, 2), 1, or infinity; or its square.

    >>> float(tree_norm({"a": 3.0, "b": 4.0})), float(tree_norm([3.0, -4.0], ord=1))
    (5.0, 7.0)
    """
    if ord in (None, 2):
        return tree_vdot(tree_x, tree_x) if squared else global_norm(tree_x)
    if ord == 1:
        size = _over(tree_x, lambda x: bnp.sum(bnp.abs(x)), operator.add, 0.0)
    elif ord in ("inf", float("inf")):
        size = _over(tree_x, lambda x: bnp.max(bnp.abs(x), initial=0.0), bnp.maximum, 0.0)
    else:
        raise ValueError(f"tree_norm: ord must be None, 1, 2 or inf, got {ord!r}")
    return size**2 if squared else size


def tree_allclose(tree_x: Any, tree_y: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    """Whether all elements are close, as `numpy.allclose` tells."""
    pairs = tree.map(lambda x, y: bnp.allclose(x, y, rtol=rtol, atol=atol), tree_x, tree_y)
    return functools.reduce(operator.and_, tree.leaves(pairs), bnp.asarray(True))


def tree_dtype(tree_x: Any, mixed_dtype_handler: str | None = None) -> Any:
    """The dtype of the leaves; of different ones the "lowest", "highest" or (None) an error.

    "promote": the dtype that all of them promote to.
    """
    dtypes = {bnp.asarray(x).dtype for x in tree.leaves(tree_x)}
    if not dtypes:
        return bnp.zeros(0).dtype
    ordered = sorted(dtypes, key=lambda d: (d.kind == "c", d.kind == "f", d.itemsize))
    picks = {
        "lowest": lambda: ordered[0], "highest": lambda: ordered[-1],
        "promote": lambda: functools.reduce(bnp.promote_types, ordered),
    }  # fmt: skip
    if mixed_dtype_handler in picks:
        return picks[mixed_dtype_handler]()
    if mixed_dtype_handler is not None or len(dtypes) > 1:
        raise ValueError(
            f"tree_dtype: the leaves have the dtypes {[str(d) for d in ordered]}; "
            f"mixed_dtype_handler must be one of {sorted(picks)}, got {mixed_dtype_handler!r}"
        )
    return ordered[0]


def tree_split_key_like(rng_key: Any, target_tree: Any) -> Any:
    """A random key of its own for each leaf."""
    leaves, structure = tree.flatten(target_tree)
    keys = random.split(rng_key, max(len(leaves), 1))
    return tree.unflatten(structure, [keys[i] for i in range(len(leaves))])


def tree_random_like(
    rng_key: Any, target_tree: Any, sampler: Callable[..., Any] = random.normal, dtype: Any = None
) -> Any:
    """Independent random leaves with the shapes of a tree's: `sampler(key, shape, dtype)`."""

    def one(key: Any, x: Any) -> Any:
        x = bnp.asarray(x)
        return sampler(key, x.shape, dtype or x.dtype)

    leaves, structure = tree.flatten(target_tree)
    keys = random.split(rng_key, max(len(leaves), 1))
    return tree.unflatten(structure, [one(keys[i], x) for i, x in enumerate(leaves)])


# states -----------------------------------------------------------------------------------------


def _children(node: Any) -> list[tuple[str, Any]] | None:
    """The parts of a container by their names; None for a leaf."""
    if hasattr(node, "_fields"):
        return [(name, getattr(node, name)) for name in node._fields]
    if isinstance(node, dict):
        return [(str(k), v) for k, v in node.items()]
    if isinstance(node, list | tuple):
        return [(str(i), v) for i, v in enumerate(node)]
    return None


def _walk(node: Any, key: str, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if hasattr(node, "_fields") and type(node).__name__ == key:
        yield path, node
    for name, child in _children(node) or ():
        if name == key and not isinstance(node, list) and type(node) is not tuple:
            yield (*path, name), child
        yield from _walk(child, key, (*path, name))


def tree_get_all_with_path(
    tree: Any, key: str, filtering: Callable[[Any, Any], bool] | None = None
) -> list[tuple[tuple[str, ...], Any]]:
    """All fields, dict entries and named tuples called `key`: (path, value).

    `filtering(path, value)` leaves some out; a path is a tuple of names and places.
    """
    found = list(_walk(tree, key, ()))
    return found if filtering is None else [f for f in found if filtering(*f)]


def tree_get(
    tree: Any, key: str, default: Any = None, filtering: Callable[[Any, Any], bool] | None = None
) -> Any:
    """The one field, dict entry or named tuple called `key`, or `default`.

    Errors: KeyError where there are several.

    >>> from bibun import optim
    >>> state = optim.chain(optim.clip(1.0), optim.adam(0.1)).init(0.0)
    >>> int(optim.tree_utils.tree_get(state, "count"))
    0
    """
    found = tree_get_all_with_path(tree, key, filtering)
    if len(found) > 1:
        places = [".".join(path) for path, _ in found]
        raise KeyError(f"tree_get: {key!r} is at {places}; filtering(path, value) picks one")
    return found[0][1] if found else default


def tree_set(
    tree: Any, filtering: Callable[[Any, Any], bool] | None = None, /, **kwargs: Any
) -> Any:
    """The tree with the fields, dict entries and named tuples of these names replaced.

    Errors: KeyError for a name that is not there.

    >>> from bibun import optim
    >>> tx = optim.inject_hyperparams(optim.sgd)(learning_rate=0.1)
    >>> state = optim.tree_utils.tree_set(tx.init(0.0), learning_rate=1.0)
    >>> float(tx.update(1.0, state)[0])
    -1.0
    """
    for key in kwargs:
        if not tree_get_all_with_path(tree, key, filtering):
            raise KeyError(f"tree_set: no {key!r} in the tree that may be replaced")

    def replaced(node: Any, path: tuple[str, ...]) -> Any:
        if hasattr(node, "_fields") and type(node).__name__ in kwargs:
            if filtering is None or filtering(path, node):
                return kwargs[type(node).__name__]
        children = _children(node)
        if children is None:
            return node
        named = type(node) is not tuple and not isinstance(node, list)
        new = [
            kwargs[name]
            if named and name in kwargs and (filtering is None or filtering((*path, name), child))
            else replaced(child, (*path, name))
            for name, child in children
        ]
        if hasattr(node, "_fields"):
            return type(node)(*new)
        if isinstance(node, dict):
            return type(node)(zip(node, new, strict=True))
        return type(node)(new)

    return replaced(tree, ())
