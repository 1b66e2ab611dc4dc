"""Small functions of ops, and numbers to check derivatives against."""

from __future__ import annotations

import numpy as np

from bibun.ops.dot import dot_general
from bibun.ops.elementwise import add, cos, exp, mul, select, sin, sub, tanh
from bibun.ops.reduce import reduce_sum
from bibun.tree import flatten, unflatten
from bibun.tree import map as tree_map

VECTOR = np.array([0.3, -1.2, 2.0])
MATRIX = np.array([[0.5, -0.3, 1.0], [0.2, 0.8, -0.7]])


def num(tree):
    """A pytree of arrays as a pytree of NumPy arrays."""
    return tree_map(lambda x: np.asarray(getattr(x, "_value", x)), tree)


def total(x):
    return reduce_sum(x, axes=tuple(range(len(x.shape))))


def dot(x, y):
    return dot_general(x, y, dimension_numbers=(((len(x.shape) - 1,), (0,)), ((), ())))


def energy(x):
    """A scalar function of a vector with a full Hessian."""
    return add(total(mul(sin(x), exp(mul(x, 0.5)))), mul(total(x), total(mul(x, x))))


def layer(w, x):
    return tanh(dot(w, x))


def loss(params, x):
    """A scalar function of a pytree."""
    return total(mul(layer(params["w"], x), params["b"]))


PARAMS = {"w": MATRIX, "b": np.array([1.5, -0.5])}


def close(a, b, tol=1e-6):
    a_leaves, a_tree = flatten(num(a))
    b_leaves, b_tree = flatten(num(b))
    assert a_tree == b_tree
    for x, y in zip(a_leaves, b_leaves, strict=True):
        np.testing.assert_allclose(x, y, rtol=tol, atol=tol)
        assert x.shape == y.shape


def numeric_jvp(fun, primals, tangents, eps=1e-6):
    """Central differences along a direction."""
    leaves, tree = flatten(primals)
    dirs, _ = flatten(tangents)

    def at(h):
        moved = [np.asarray(x) + h * np.asarray(t) for x, t in zip(leaves, dirs, strict=True)]
        return num(fun(*unflatten(tree, moved)))

    return tree_map(lambda a, b: (a - b) / (2 * eps), at(eps), at(-eps))


__all__ = [
    "MATRIX", "PARAMS", "VECTOR", "add", "close", "cos", "dot", "energy", "exp", "layer", "loss",
    "mul", "num", "numeric_jvp", "select", "sin", "sub", "tanh", "total",
]  # fmt: skip
