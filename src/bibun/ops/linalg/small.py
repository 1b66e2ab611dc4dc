"""Small matrices in registers, as many side by side as a vector has lanes.

A matrix of a few rows is straight-line code: its elements are values, and no routine is called.
How many is decided by what n³ instructions cost to compile and by what they win
(docs/design/linear-algebra.md). In a stack the same code runs on vectors, lane k on matrix k of a
block (ten thousand 3 by 3 systems are 1250 rounds of it): the builder emits an algorithm once for
any width, so nothing below knows whether it is a number or eight of them that it divides. Elements
of one block lie a matrix apart and are collected one by one, which costs less than the divisions,
roots and latencies that are shared.

An algorithm here must not branch on its data: pivots are exchanged by `select`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.ops.families.shape import INT64

# The largest matrices that are worked on in registers.
ELIMINATION = 8  # LU: every pivot is a row of selections
CHOLESKY = 12
SUBSTITUTION = 16


def is_inline(n: int, dtype: np.dtype, most: int) -> bool:
    """Whether an n by n matrix is worked on in registers; `most`: a limit above."""
    return n <= most and dtype.kind == "f"


class Cell:
    """One matrix of a stack, or one in each lane: rows of length `row` from `start` on."""

    __slots__ = ("b", "ptr", "start", "row", "dtype")

    def __init__(self, b: Any, ptr: str, start: Any, row: int, dtype: np.dtype) -> None:
        self.b = b
        self.ptr = ptr
        self.start = start
        self.row = row
        self.dtype = dtype

    def position(self, i: Any, j: Any) -> Any:
        b = self.b
        if isinstance(i, int) and isinstance(j, int):
            return b.add(self.start, b.const(i * self.row + j, INT64))
        i, j = (b.const(k, INT64) if isinstance(k, int) else k for k in (i, j))
        return b.add(b.add(self.start, b.mul(i, b.const(self.row, INT64))), j)

    def load(self, i: Any, j: Any) -> Any:
        return self.b.load(self.ptr, self.position(i, j), self.dtype)

    def store(self, i: Any, j: Any, value: Any) -> None:
        self.b.store(self.ptr, self.position(i, j), value)


def each_small(
    b: Any, values: Sequence[Any], ranks: Sequence[int], body: Callable[[list[Cell]], None]
) -> None:
    """`body(cells)`, a cell for each of `values`, for all matrices of the stack.

    `ranks`: how many trailing axes of a value belong to one matrix; a vector is a single row.
    """
    shape = values[0].shape
    count = math.prod(shape[: len(shape) - ranks[0]])
    sizes = [math.prod(v.shape[len(v.shape) - r :]) for v, r in zip(values, ranks, strict=True)]

    def at(index: Any) -> None:
        body([
            Cell(b, v.ptr, b.mul(index, b.const(n, INT64)), v.shape[-1], v.dtype)
            for v, n in zip(values, sizes, strict=True)
        ])  # fmt: skip

    b.blocks(count, at)


def magnitude_pivots(
    b: Any, m: list[list[Any]], exchange: Callable[[int, Any, Callable[[Any, Any], Any]], None]
) -> None:
    """Eliminate in place with column pivots: m[i][j] become L (with its diagonal) and U (unit).

    `exchange(k, pivot, swap)` is told each pivot column, an int32, before elimination.
    """
    n = len(m)
    one = b.const(1, m[0][0].dtype)
    int32 = np.dtype(np.int32)
    for k in range(n):
        pivot, best = b.const(k, int32), b.abs(m[k][k])
        for j in range(k + 1, n):
            size = b.abs(m[k][j])
            larger = b.compare("gt", size, best)
            pivot = b.select(larger, b.const(j, int32), pivot)
            best = b.select(larger, size, best)
        chosen = [b.compare("eq", pivot, b.const(j, int32)) for j in range(k + 1, n)]

        def swap(row: list[Any], k: int = k, chosen: list[Any] = chosen) -> None:
            first = row[k]
            for j, there in enumerate(chosen, k + 1):
                row[k], row[j] = b.select(there, row[j], row[k]), b.select(there, first, row[j])

        for row in m:
            swap(row)
        exchange(k, pivot, swap)
        # A column of zeros is left as it is: U stays finite, L's diagonal says singular.
        zero = b.compare("eq", m[k][k], b.const(0, one.dtype))
        scale = b.div(one, b.select(zero, one, m[k][k]))
        for j in range(k + 1, n):
            m[k][j] = b.mul(m[k][j], scale)
        for i in range(k + 1, n):
            for j in range(k + 1, n):
                m[i][j] = b.sub(m[i][j], b.mul(m[i][k], m[k][j]))
