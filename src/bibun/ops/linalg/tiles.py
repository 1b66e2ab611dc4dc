"""Products, solutions and transposes of blocks in registers, for matrices of middling size.

A call of BLAS costs half a microsecond before it multiplies, and a factorisation of a hundred
rows in narrow blocks is fifty calls. Here the same steps are loops of ours: a tile of the
result, ROWS rows of a vector, stays in registers while the contracted index runs. Each step is
one function of the module, shared by all that call it.

Blocks are WIDTH columns wide; numbers of columns are multiples of SQUARE but in scratch, where
what is beyond the matrix is written and never read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.ops.families.shape import INT64
from bibun.ops.families.squares import SQUARE, transpose
from bibun.ops.linalg.blocks import Matrix

WIDTH = 16  # columns of a block
ROWS = 6  # of a tile: with AVX2, twelve accumulators of sixteen registers
STRIPS = 4  # vectors of a row that are solved for together
MOST = 1000  # rows up to which this was measured to beat BLAS (docs/design/linear-algebra.md)


def is_tiled(n: int, dtype: np.dtype) -> bool:
    """Whether n by n matrices are worked on with these steps."""
    return dtype.kind == "f" and n <= MOST


def minus_product(
    b: Any, out: Matrix, x: Matrix, flipped: bool, y: Matrix, m: Any, n: Any, k: Any
) -> None:
    """out (m, n) -= x y, or xᵀ y if `flipped`; k the contracted size, n a multiple of SQUARE."""
    dtype = out.dtype

    def body(
        out_at: Any, out_row: Any, x_at: Any, along: Any, across: Any, y_at: Any, y_row: Any,
        m: Any, n: Any, k: Any,
    ) -> None:  # fmt: skip
        result, right = Matrix(b, out_at, out_row, dtype), Matrix(b, y_at, y_row, dtype)

        def tile(i: Any, j: Any, rows: int) -> None:
            lines = [result.at(b.add(i, b.const(r, INT64)), j) for r in range(rows)]
            sums = [b.slot(b.whole(line.ptr, SQUARE, dtype), SQUARE) for line in lines]

            def term(p: Any) -> None:
                minus = b.neg(b.whole(right.at(p, j).ptr, SQUARE, dtype))
                first = b.add(b.mul(i, along), b.mul(p, across))
                for r, total in enumerate(sums):
                    factor = b.load(x_at, b.add(first, b.mul(b.const(r, INT64), along)), dtype)
                    total.set(b.fma(factor, minus, total.get()))

            b.loop(0, k, term)
            for line, total in zip(lines, sums, strict=True):
                b.store_whole(line.ptr, total.get())

        def column(j: Any) -> None:
            whole = b.sub(m, b.rem(m, b.const(ROWS, INT64)))
            b.loop(0, whole, lambda i: tile(i, j, ROWS), step=ROWS)
            b.loop(whole, m, lambda i: tile(i, j, 1))

        b.loop(0, n, column, step=SQUARE)

    along, across, *rest = map(
        b.index, ((1, x.row) if flipped else (x.row, 1)) + (out.row, y.row, m, n, k)
    )
    out_row, y_row, *sizes = rest
    args = [out.ptr, out_row, x.ptr, along, across, y.ptr, y_row, *sizes]
    b.routine(("minus_product", dtype), args, body)


def solve(b: Any, d: Matrix, flipped: bool, x: Matrix, s: Any, n: Any) -> None:
    """x (s, n) = d⁻¹ x, or d⁻ᵀ x if `flipped`, d lower triangular; n a multiple of SQUARE."""
    dtype = x.dtype

    def body(d_at: Any, d_row: Any, x_at: Any, x_row: Any, s: Any, n: Any) -> None:
        low, right = Matrix(b, d_at, d_row, dtype), Matrix(b, x_at, x_row, dtype)
        one = b.const(1, INT64)

        def strip(j: Any, vectors: int) -> None:
            def at(i: Any, v: int) -> str:
                return right.at(i, b.add(j, b.const(v * SQUARE, INT64))).ptr

            def row(t: Any) -> None:
                i = b.sub(b.sub(s, one), t) if flipped else t
                sums = [b.slot(b.whole(at(i, v), SQUARE, dtype), SQUARE) for v in range(vectors)]

                def term(p: Any) -> None:
                    factor = b.neg(low.load(p, i) if flipped else low.load(i, p))
                    for v, total in enumerate(sums):
                        other = b.whole(at(p, v), SQUARE, dtype)
                        total.set(b.fma(factor, other, total.get()))

                b.loop(*((b.add(i, one), s) if flipped else (0, i)), term)
                inverse = b.div(b.const(1, dtype), low.load(i, i))
                for v, total in enumerate(sums):
                    b.store_whole(at(i, v), b.mul(total.get(), inverse))

            b.loop(0, s, row)

        step = STRIPS * SQUARE
        wide = b.sub(n, b.rem(n, b.const(step, INT64)))
        b.loop(0, wide, lambda j: strip(j, STRIPS), step=step)
        b.loop(wide, n, lambda j: strip(j, 1), step=SQUARE)

    d_row, x_row, s, n = map(b.index, (d.row, x.row, s, n))
    b.routine(("solve", dtype, flipped), [d.ptr, d_row, x.ptr, x_row, s, n], body)


def transposed(b: Any, out: Matrix, x: Matrix, m: Any, n: Any) -> None:
    """out (n, m) = xᵀ, x (m, n)."""
    transpose(b, out.ptr, out.row, x.ptr, x.row, m, n, x.dtype)


def padded(m: Any, b: Any) -> Any:
    """The next multiple of SQUARE."""
    up = b.add(m, b.const(SQUARE - 1, INT64))
    return b.sub(up, b.rem(up, b.const(SQUARE, INT64)))
