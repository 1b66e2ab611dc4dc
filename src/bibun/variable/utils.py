"""Helpers around the functions, with the names of `chainer.utils`."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bibun.errors import ShapeError
from bibun.variable import type_check
from bibun.variable.variable import Variable, as_variable

__all__ = ["CooMatrix", "WalkerAlias", "force_array", "huffman_tree", "to_coo", "type_check"]


class CooMatrix:
    """A sparse matrix by its elements: data[k] at (row[k], col[k]), for `functions.sparse_matmul`.

    Or a stack of matrices of one shape: arrays of two axes, filled up with -1 in row and col.
    data may be a Variable, which gets a gradient. Elements that are not there are zero; two at one
    place add up.

    >>> import numpy as np
    >>> from bibun.variable.utils import CooMatrix
    >>> CooMatrix(np.array([2.0, 3.0]), np.array([0, 1]), np.array([1, 0]), (2, 2)).to_dense()
    array([[0., 2.],
           [3., 0.]])
    """

    def __init__(
        self, data: Any, row: Any, col: Any, shape: Sequence[int], *, requires_grad: bool = False
    ) -> None:
        self.row, self.col = np.asarray(row), np.asarray(col)
        self.data = data if isinstance(data, Variable) else Variable(
            np.asarray(data), requires_grad=requires_grad)  # fmt: skip
        self.shape = tuple(int(n) for n in shape)
        if len(self.shape) != 2 or self.row.ndim not in (1, 2) or not (
                self.data.shape == self.row.shape == self.col.shape):  # fmt: skip
            raise ShapeError(
                f"CooMatrix: data, row and col must be of one shape, (n,) or (batch, n), got "
                f"{self.data.shape}, {self.row.shape}, {self.col.shape}, and shape {self.shape} "
                "two numbers"
            )
        for name, at, n in (("row", self.row, self.shape[0]), ("col", self.col, self.shape[1])):
            if at.size and at.max() >= n:
                raise IndexError(f"CooMatrix: {name} {at.max()} of a matrix of shape {self.shape}")

    def to_dense(self) -> np.ndarray:
        """The whole matrix, or stack, as an array."""
        out = np.zeros((*self.row.shape[:-1], *self.shape), self.data.dtype)
        there = self.row >= 0
        places = (*np.nonzero(there)[:-1], self.row[there], self.col[there])
        np.add.at(out, places, np.asarray(self.data.array)[there])
        return out


def to_coo(x: Any, ldnz: int | None = None, requires_grad: bool = False) -> CooMatrix:
    """The elements of a matrix, or of a stack of them, that are not zero.

    ldnz: how many places to keep for each matrix, by default as many as the fullest needs.
    Errors: ValueError for fewer than that.
    """
    x = np.asarray(as_variable(x).array)
    if x.ndim not in (2, 3):
        raise ShapeError(f"to_coo: expected a matrix or a stack of them, got shape {x.shape}")
    stack = x if x.ndim == 3 else x[None]
    found = [np.nonzero(m) for m in stack]
    most = max((len(row) for row, _ in found), default=0)
    width = most if ldnz is None else ldnz
    if width < most:
        raise ValueError(f"to_coo: ldnz is {ldnz}, but a matrix has {most} elements")
    data = np.zeros((len(stack), width), x.dtype)
    rows, cols = np.full((2, len(stack), width), -1)
    for k, (row, col) in enumerate(found):
        data[k, : len(row)] = stack[k, row, col]
        rows[k, : len(row)], cols[k, : len(row)] = row, col
    parts = (data, rows, cols) if x.ndim == 3 else (data[0], rows[0], cols[0])
    return CooMatrix(*parts, x.shape[-2:], requires_grad=requires_grad)


class WalkerAlias:
    """Draws of integers with given probabilities, each in constant time. (Walker 1974.)

    probs: weights, which need not add up to 1. Draws come from `numpy.random`.

    >>> import numpy as np
    >>> from bibun.variable.utils import WalkerAlias
    >>> np.random.seed(0)
    >>> int(WalkerAlias([0.0, 1.0, 0.0]).sample(5).sum())
    5
    """

    def __init__(self, probs: Any) -> None:
        weights = np.asarray(probs, float)
        if weights.ndim != 1 or not weights.size or weights.min() < 0 or not weights.sum() > 0:
            raise ValueError(f"WalkerAlias: weights must be positive numbers, got {probs!r}")
        share = weights * (len(weights) / weights.sum())
        self.alias = np.arange(len(weights))
        small = [k for k, p in enumerate(share) if p < 1]
        large = [k for k, p in enumerate(share) if p >= 1]
        while small and large:  # a column of height 1 is filled up from a taller one
            k, giver = small.pop(), large[-1]
            self.alias[k] = giver
            share[giver] -= 1 - share[k]
            if share[giver] < 1:
                small.append(large.pop())
        share[small + large] = 1  # rounding
        self.threshold = share

    def sample(self, shape: Any) -> np.ndarray:
        """An array of draws."""
        place = np.random.uniform(0, len(self.threshold), shape)
        column = place.astype(int)
        return np.where(place - column < self.threshold[column], column, self.alias[column])


def huffman_tree(counts: Any) -> Any:
    """Nested pairs of classes, the rarest the deepest: for `functions.binary_hierarchical_softmax`.

    counts: how often each class occurs, as a list or {class: count}. (Huffman 1952.)

    >>> from bibun.variable.utils import huffman_tree
    >>> huffman_tree({0: 8, 1: 1, 2: 2})
    ((1, 2), 0)
    """
    rows = counts.items() if isinstance(counts, Mapping) else enumerate(counts)
    heap = [(n, k, label) for k, (label, n) in enumerate(rows)]  # k: the earlier of equals first
    if len(heap) < 2:
        raise ValueError(f"huffman_tree: expected two classes at least, got {counts!r}")
    heapq.heapify(heap)
    for k in range(len(heap), 2 * len(heap) - 1):
        (n, _, a), (m, _, b) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (n + m, k, (a, b)))
    return heap[0][2]


def tree_paths(tree: Any) -> tuple[np.ndarray, np.ndarray]:
    """For each class the inner nodes on its way, and 1 for the first, -1 for the second, 0 after.

    Errors: ValueError unless the classes are 0, 1, 2, …, each once.
    """
    ways: dict[int, list[tuple[int, int]]] = {}
    count, stack = 0, [(tree, [])]
    while stack:
        node, way = stack.pop()
        if not isinstance(node, tuple):
            if node in ways:
                raise ValueError(f"the class {node!r} is twice in the tree")
            ways[node] = way
            continue
        if len(node) != 2:
            raise ValueError(f"a tree is made of pairs, got {node!r}")
        stack += [(node[1], [*way, (count, -1)]), (node[0], [*way, (count, 1)])]
        count += 1
    if sorted(ways) != list(range(len(ways))):
        raise ValueError(f"the classes of a tree are 0, 1, 2, …, got {sorted(ways)}")
    depth = max(map(len, ways.values()))
    nodes, signs = np.zeros((2, len(ways), depth), int)
    for label, way in ways.items():
        for k, (node, sign) in enumerate(way):
            nodes[label, k], signs[label, k] = node, sign
    return nodes, signs


def force_array(x: Any, dtype: Any = None) -> np.ndarray:
    """A NumPy scalar as an array; `forward` of a user's function must return arrays."""
    return np.asarray(x, dtype)
