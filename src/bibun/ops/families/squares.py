"""Transposing in registers, in squares of 8 by 8.

Eight rows of a square are eight vectors; three rounds of shuffles exchange halves, quarters and
single elements between pairs of them, and they are its columns. So memory is read and
written along rows alone, whatever is transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.ops.families.shape import INT64

SQUARE = 8


def conj_value(b: Any, x: Any) -> Any:
    """The conjugate of an element."""
    return b.complex(b.real(x), b.neg(b.imag(x))) if x.dtype.kind == "c" else x


def turned(b: Any, rows: Sequence[Any]) -> list[Any]:
    """The transpose of SQUARE vectors."""
    rows = list(rows)
    apart = SQUARE // 2
    while apart:
        first = [k if not k & apart else k - apart + SQUARE for k in range(SQUARE)]
        second = [k + apart if not k & apart else k + SQUARE for k in range(SQUARE)]
        for k in (k for k in range(SQUARE) if not k & apart):
            one, other = rows[k], rows[k + apart]
            rows[k], rows[k + apart] = b.pick(one, first, other), b.pick(one, second, other)
        apart //= 2
    return rows


def transpose(
    b: Any, out: str, out_row: Any, x: str, x_row: Any, m: Any, n: Any, dtype: np.dtype,
    conj: bool = False,
) -> None:  # fmt: skip
    """out (n, m) = xᵀ, x (m, n), its conjugate if told; rows lie `out_row` and `x_row` apart."""

    def body(out: Any, out_row: Any, x: Any, x_row: Any, m: Any, n: Any) -> None:
        def at(ptr: Any, row: Any, i: Any, j: Any, r: int = 0) -> Any:
            i = b.add(i, b.const(r, INT64))
            return b.offset(ptr, b.add(b.mul(i, row), j), dtype)

        def value(v: Any) -> Any:
            return conj_value(b, v) if conj else v

        def whole(i: Any, j: Any) -> None:
            lines = [b.whole(at(x, x_row, i, j, r), SQUARE, dtype) for r in range(SQUARE)]
            for r, line in enumerate(turned(b, lines)):
                b.store_whole(at(out, out_row, j, i, r), value(line))

        def one(i: Any, j: Any) -> None:
            b.store(at(out, out_row, j, i), 0, value(b.load(at(x, x_row, i, j), 0, dtype)))

        square = b.const(SQUARE, INT64)
        rows, columns = (b.sub(size, b.rem(size, square)) for size in (m, n))
        each(b, (0, rows), (0, columns), whole, SQUARE)
        each(b, (0, rows), (columns, n), one)
        each(b, (rows, m), (0, n), one)

    sizes = [b.index(k) for k in (out_row, x_row, m, n)]
    args = [out, sizes[0], x, *sizes[1:]]
    b.routine(("transpose", dtype, conj), args, body)


def each(
    b: Any, rows: tuple[Any, Any], columns: tuple[Any, Any], body: Callable[[Any, Any], None],
    step: int = 1,
) -> None:  # fmt: skip
    """`body(i, j)` over a rectangle."""
    b.loop(*rows, lambda i: b.loop(*columns, lambda j: body(i, j), step=step), step=step)
