"""Arithmetic of pytrees, leaf by leaf, by JAXopt's names."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun import tree

tree_map = tree.map
tree_reduce = tree.reduce


def _leafwise(name: str, summary: str, f: Callable[..., Any]) -> Callable[..., Any]:
    def function(*trees: Any) -> Any:
        return tree.map(f, *trees)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = summary
    return function


tree_add = _leafwise("tree_add", "x + y.", operator.add)
tree_sub = _leafwise("tree_sub", "x - y.", operator.sub)
tree_mul = _leafwise("tree_mul", "x y.", operator.mul)
tree_div = _leafwise("tree_div", "x / y.", operator.truediv)
tree_negative = _leafwise("tree_negative", "-x.", operator.neg)
tree_conj = _leafwise("tree_conj", "Complex conjugates.", bnp.conj)
tree_real = _leafwise("tree_real", "Real parts.", bnp.real)
tree_imag = _leafwise("tree_imag", "Imaginary parts.", bnp.imag)
tree_zeros_like = _leafwise("tree_zeros_like", "Zeros.", bnp.zeros_like)
tree_ones_like = _leafwise("tree_ones_like", "Ones.", bnp.ones_like)


def tree_scalar_mul(scalar: Any, tree_x: Any) -> Any:
    """scalar · x.

    >>> tree_scalar_mul(2.0, {"a": 3.0})
    {'a': 6.0}
    """
    return tree.map(lambda x: scalar * x, tree_x)


def tree_add_scalar_mul(tree_x: Any, scalar: Any, tree_y: Any) -> Any:
    """x + scalar · y."""
    return tree.map(lambda x, y: x + scalar * y, tree_x, tree_y)


def tree_dot(tree_x: Any, tree_y: Any) -> Any:
    """Leaf by leaf, the product of arrays."""
    return tree.map(bnp.dot, tree_x, tree_y)


def tree_sum(tree_x: Any) -> Any:
    """The sum of all elements."""
    return functools.reduce(operator.add, map(bnp.sum, tree.leaves(tree_x)), 0)


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
    square = tree_sum(tree.map(lambda x: bnp.sum(bnp.abs(x) ** 2), tree_x))
    return square if squared else bnp.sqrt(square)


def tree_inf_norm(tree_x: Any) -> Any:
    """The largest absolute value."""
    return functools.reduce(bnp.maximum, (bnp.max(bnp.abs(x)) for x in tree.leaves(tree_x)))


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
