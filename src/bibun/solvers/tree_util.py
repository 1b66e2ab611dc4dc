"""Arithmetic of pytrees, leaf by leaf, by JAXopt's names."""

from __future__ import annotations

import operator
from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.tree_utils import (
    tree_add,
    tree_add_scale,
    tree_conj,
    tree_div,
    tree_mul,
    tree_norm,
    tree_ones_like,
    tree_real,
    tree_scale,
    tree_sub,
    tree_sum,
    tree_zeros_like,
)

__all__ = [
    "broadcast_pytrees", "tree_add", "tree_add_scalar_mul", "tree_conj", "tree_div", "tree_dot",
    "tree_imag", "tree_inf_norm", "tree_l2_norm", "tree_map", "tree_mul", "tree_negative",
    "tree_ones_like", "tree_real", "tree_reduce", "tree_scalar_mul", "tree_sub", "tree_sum",
    "tree_vdot", "tree_vdot_real", "tree_where", "tree_zeros_like",
]  # fmt: skip

tree_map = tree.map
tree_reduce = tree.reduce
tree_add_scalar_mul = tree_add_scale


def tree_scalar_mul(scalar: Any, tree_x: Any) -> Any:
    """scalar · x.

    >>> tree_scalar_mul(2.0, {"a": 3.0})
    {'a': 6.0}
    """
    return tree_scale(scalar, tree_x)


def tree_negative(tree_x: Any) -> Any:
    """-x."""
    return tree.map(operator.neg, tree_x)


def tree_imag(tree_x: Any) -> Any:
    """Imaginary parts."""
    return tree.map(bnp.imag, tree_x)


def tree_dot(tree_x: Any, tree_y: Any) -> Any:
    """Leaf by leaf, the product of arrays."""
    return tree.map(bnp.dot, tree_x, tree_y)


def tree_vdot(tree_x: Any, tree_y: Any) -> Any:
    """Σ conj(x) y over all elements."""
    return tree_sum(tree.map(bnp.vdot, tree_x, tree_y))


def tree_vdot_real(tree_x: Any, tree_y: Any) -> Any:
    """The real part of `tree_vdot`."""
    return bnp.real(tree_vdot(tree_x, tree_y))


def tree_l2_norm(tree_x: Any, squared: bool = False) -> Any:
    """The Euclidean norm of all elements, or its square.

    >>> float(tree_l2_norm((3.0, 4.0)))
    5.0
    """
    return tree_norm(tree_x, squared=squared)


def tree_inf_norm(tree_x: Any) -> Any:
    """The largest absolute value."""
    return tree_norm(tree_x, ord="inf")


def tree_where(cond: Any, a: Any, b: Any) -> Any:
    """a where the condition (one, or a pytree like a) holds, else b."""
    if tree.treedef_is_leaf(tree.structure(cond)):
        return tree.map(lambda x, y: bnp.where(cond, x, y), a, b)
    return tree.map(bnp.where, cond, a, b)


def broadcast_pytrees(*trees: Any) -> tuple[Any, ...]:
    """All trees with the structure of the deepest; single leaves are repeated over it.

    Errors: ValueError for structures that differ.

    >>> broadcast_pytrees(1.0, {"a": 2.0, "b": 3.0})
    ({'a': 1.0, 'b': 1.0}, {'a': 2.0, 'b': 3.0})
    """
    full = next((t for t in trees if not tree.treedef_is_leaf(tree.structure(t))), None)
    if full is None:
        return trees
    wanted = tree.structure(full)

    def one(t: Any) -> Any:
        if tree.treedef_is_leaf(tree.structure(t)):
            return tree.map(lambda _: t, full)
        if tree.structure(t) != wanted:
            raise ValueError(f"broadcast_pytrees: structures differ: {wanted}, {tree.structure(t)}")
        return t

    return tuple(one(t) for t in trees)
