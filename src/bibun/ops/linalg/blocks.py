"""Level-3 BLAS on blocks of row-major matrices, for lowering rules.

A blocked algorithm names parts of matrices that lie in memory and multiplies or solves with
them in place. `Matrix` is such a part: an address and the row length of what it lies in.
`Blas` makes the calls. BLAS sees columns where we have rows, that is, the transpose of
everything: sides and triangles are exchanged here, once, so that the algorithms above read
like their formulas. Sizes may be known only at run time (the last block of a loop is smaller).

`op` of an operand is "N", "T" or "C" (conjugate transpose), as in BLAS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.ops.families.linalg import CTYPE, INT32, LETTER
from bibun.ops.families.shape import INT64
from bibun.ops.families.squares import SQUARE, conj_value, turned


class Matrix:
    """A block of a row-major matrix: `ptr` its first element, `row` the distance of rows.

    `row` is an int, or a value inside a routine that serves matrices of any width.
    """

    __slots__ = ("b", "ptr", "row", "dtype")

    def __init__(self, b: Any, ptr: str, row: Any, dtype: np.dtype) -> None:
        self.b = b
        self.ptr = ptr
        self.row = row
        self.dtype = dtype

    def position(self, i: Any, j: Any) -> Any:
        b = self.b
        return b.add(b.mul(b.index(i), b.index(self.row)), b.index(j))

    def at(self, i: Any, j: Any) -> Matrix:
        """The block that starts at element (i, j)."""
        return Matrix(
            self.b, self.b.offset(self.ptr, self.position(i, j), self.dtype), self.row, self.dtype
        )

    def load(self, i: Any, j: Any) -> Any:
        return self.b.load(self.ptr, self.position(i, j), self.dtype)

    def store(self, i: Any, j: Any, value: Any) -> None:
        self.b.store(self.ptr, self.position(i, j), value)


class Blas:
    """Calls of BLAS for one dtype; sizes are ints or int64 values."""

    def __init__(self, b: Any, dtype: np.dtype) -> None:
        self.b = b
        self.dtype = dtype
        self.letter = LETTER[dtype.name]
        self.adjoint = "C" if dtype.kind == "c" else "T"

    def _size(self, n: Any) -> str:
        return self.b.ref(n if isinstance(n, int) else self.b.convert(n, INT32))

    def _scalar(self, x: float) -> str:
        return self.b.ref(x, CTYPE[self.letter])

    def gemm(
        self, alpha: float, x: Matrix, op_x: str, y: Matrix, op_y: str, beta: float, out: Matrix,
        m: Any, n: Any, k: Any,
    ) -> None:  # fmt: skip
        """out (m, n) = alpha op(x) op(y) + beta out, k the contracted size."""
        b = self.b
        b.call(
            self.letter + "gemm",
            [b.ref(op_y), b.ref(op_x), self._size(n), self._size(m), self._size(k),
             self._scalar(alpha), y.ptr, self._size(y.row), x.ptr, self._size(x.row),
             self._scalar(beta), out.ptr, self._size(out.row)],
        )  # fmt: skip

    def _triangular(
        self, name: str, side: str, lower: bool, op: str, a: Matrix, x: Matrix, m: Any, n: Any,
        unit: bool,
    ) -> None:  # fmt: skip
        b = self.b
        b.call(
            self.letter + name,
            [b.ref("R" if side == "L" else "L"), b.ref("U" if lower else "L"), b.ref(op),
             b.ref("U" if unit else "N"), self._size(n), self._size(m), self._scalar(1.0),
             a.ptr, self._size(a.row), x.ptr, self._size(x.row)],
        )  # fmt: skip

    def trsm(
        self, side: str, lower: bool, op: str, a: Matrix, x: Matrix, m: Any, n: Any,
        unit: bool = False,
    ) -> None:  # fmt: skip
        """x (m, n) = op(a)⁻¹ x for side "L", x op(a)⁻¹ for "R"; a triangular."""
        self._triangular("trsm", side, lower, op, a, x, m, n, unit)

    def trmm(
        self, side: str, lower: bool, op: str, a: Matrix, x: Matrix, m: Any, n: Any,
        unit: bool = False,
    ) -> None:  # fmt: skip
        """x (m, n) = op(a) x for side "L", x op(a) for "R"; a triangular."""
        self._triangular("trmm", side, lower, op, a, x, m, n, unit)

    def trsv(self, lower: bool, op: str, a: Matrix, x: str, n: Any, unit: bool = False) -> None:
        """x = op(a)⁻¹ x for a contiguous vector; real only, or op "T" or "N"."""
        b = self.b
        flag = {"N": "T", "T": "N"}[op]
        b.call(
            self.letter + "trsv",
            [b.ref("U" if lower else "L"), b.ref(flag), b.ref("U" if unit else "N"),
             self._size(n), a.ptr, self._size(a.row), x, self._size(1)],
        )  # fmt: skip


def blocked(n: int, largest: int) -> tuple[int, int]:
    """(size, count): n in blocks of about equal size, none above `largest`."""
    count = max(1, -(-n // largest))
    size = -(-n // count)
    size = min(largest, -(-size // 8) * 8)
    return size, max(1, -(-n // size))


def real_value(b: Any, x: Any) -> Any:
    """The real part of an element, in its own dtype."""
    return b.complex(b.real(x), b.const(0, b.real(x).dtype)) if x.dtype.kind == "c" else x


def lower_part(b: Any, n: Any, body: Callable[[Any, Any], None], diagonal: bool = True) -> None:
    """`body(i, j)` for every j <= i < n, or j < i."""
    extra = b.const(1 if diagonal else 0, INT64)
    b.loop(0, n, lambda i: b.loop(0, b.add(i, extra), lambda j: body(i, j)))


def hermitian(b: Any, out: Matrix, x: Matrix, n: Any) -> None:
    """out = the Hermitian matrix with x's lower triangle."""

    def element(i: Any, j: Any) -> None:
        value = x.load(i, j)
        out.store(j, i, conj_value(b, value))
        out.store(i, j, value)

    lower_part(b, n, element, diagonal=False)
    b.loop(0, n, lambda i: out.store(i, i, real_value(b, x.load(i, i))))


def lower(
    b: Any, out: Matrix, x: Matrix, n: Any, halved: bool = False, cleared: bool = False
) -> None:
    """out's lower triangle = x's, the diagonal halved, zero above it if told; may be in place."""
    half, zero = b.const(0.5, x.dtype), b.const(0, x.dtype)

    def element(i: Any, j: Any) -> None:
        out.store(i, j, x.load(i, j))
        if cleared:
            out.store(j, i, zero)

    lower_part(b, n, element, diagonal=False)
    scale = (lambda v: b.mul(v, half)) if halved else (lambda v: v)
    b.loop(0, n, lambda i: out.store(i, i, scale(x.load(i, i))))


def clear_upper(b: Any, x: Matrix, n: int) -> None:
    """Zero above the diagonal of n rows."""
    zero = b.const(0, x.dtype)
    last = b.const(n - 1, INT64)

    def row(i: Any) -> None:
        after = b.add(i, b.const(1, INT64))
        b.fill(x.at(i, after).ptr, zero, b.sub(last, i))

    b.loop(0, n - 1, row)


def each_pair(b: Any, x: Matrix, n: int, change: Callable[[Any, Any], tuple[Any, Any]]) -> None:
    """New elements (i, j) and (j, i), j < i < n, from the old: `change(below, above)`.

    Off the diagonal in squares of 8 by 8: rows of both are vectors, those above transposed in
    registers, so that memory is read and written along rows alone.
    """
    full = n // SQUARE

    def one(i: Any, j: Any) -> None:
        below, above = change(x.load(i, j), x.load(j, i))
        x.store(i, j, below)
        x.store(j, i, above)

    def square(t: Any, u: Any) -> None:
        step = b.const(SQUARE, INT64)
        i, j = b.mul(t, step), b.mul(u, step)
        below, above = ([m.at(k, 0) for k in range(SQUARE)] for m in (x.at(i, j), x.at(j, i)))
        rows, columns = (
            [b.whole(m.ptr, SQUARE, x.dtype) for m in part] for part in (below, above)
        )
        changed = [change(*pair) for pair in zip(rows, turned(b, columns), strict=True)]
        for m, (value, _) in zip(below, changed, strict=True):
            b.store_whole(m.ptr, value)
        for m, value in zip(above, turned(b, [v for _, v in changed]), strict=True):
            b.store_whole(m.ptr, value)

    def on_diagonal(t: Any) -> None:
        start = b.mul(t, b.const(SQUARE, INT64))
        end = b.add(start, b.const(SQUARE, INT64))
        b.loop(start, end, lambda i: b.loop(start, i, lambda j: one(i, j)))

    b.loop(1, full, lambda t: b.loop(0, t, lambda u: square(t, u)))
    b.loop(0, full, on_diagonal)
    b.loop(full * SQUARE, n, lambda i: b.loop(0, i, lambda j: one(i, j)))


def mean_below(b: Any, x: Matrix, n: int) -> None:
    """The lower triangle of (x + xᴴ) / 2, in place; above the diagonal zero."""
    zero, half = b.const(0, x.dtype), b.const(0.5, x.dtype)

    def mean(below: Any, above: Any) -> tuple[Any, Any]:
        return b.mul(b.add(below, conj_value(b, above)), half), b.pick(zero, [0] * below.width)

    each_pair(b, x, n, mean)


def mirror_half(b: Any, x: Matrix, n: int) -> None:
    """Both triangles from half of what is below the diagonal, in place: Hermitian."""
    half = b.const(0.5, x.dtype)

    def share(below: Any, above: Any) -> tuple[Any, Any]:
        value = b.mul(below, half)
        return value, conj_value(b, value)

    each_pair(b, x, n, share)


def mirror(b: Any, x: Matrix, n: int) -> None:
    """Above the diagonal what is below it, in place."""
    each_pair(b, x, n, lambda below, above: (below, below))
