"""`diagonal(x, offset)` and its transpose `embed_diagonal`, as index maps.

An index map is read where it is used. The cotangent of the diagonal of an n by n factor (the
log determinant of every Gaussian) then costs a comparison in the loop that reads it; as a
gather its transpose is a scatter into n² zeros, and another pass to add them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.shape import INT64, move_axis, numpy_of, result_type, shape_op
from bibun.ops.op import Sample


def _layout(rows: int, columns: int, offset: int) -> tuple[int, int, int]:
    """(first row, first column, length) of a diagonal."""
    row, column = max(-offset, 0), max(offset, 0)
    return row, column, max(0, min(rows - row, columns - column))


def _diagonal_type(x: ArrayType, offset: int) -> ArrayType:
    if x.ndim < 2:
        raise ShapeError(f"diagonal: expected matrices (..., m, n), got shape {x.shape}")
    return x.with_shape((*x.shape[:-2], _layout(*x.shape[-2:], offset)[2]))


def _diagonal_lower(b: Any, idx: Any, ins: Any, out_type: Any, offset: int) -> Any:
    row, column, _ = _layout(*ins[0].shape[-2:], offset)
    *lead, k = idx
    return ins[0].read([*lead, b.add(k, b.const(row, INT64)), b.add(k, b.const(column, INT64))])


def _embed_type(x: ArrayType, rows: int, columns: int, offset: int) -> ArrayType:
    count = _layout(rows, columns, offset)[2]
    if not x.ndim or x.shape[-1] != count:
        raise ShapeError(
            f"embed_diagonal: diagonal {offset} of ({rows}, {columns}) has {count} elements, got "
            f"shape {x.shape}"
        )
    return result_type((*x.shape[:-1], rows, columns), x.dtype, x)


def _embed_eval(x: Any, rows: int, columns: int, offset: int) -> np.ndarray:
    x = numpy_of(x)
    row, column, count = _layout(rows, columns, offset)
    out = np.zeros((*x.shape[:-1], rows, columns), x.dtype)
    along = np.arange(count)
    out[..., along + row, along + column] = x
    return out


def _embed_lower(
    b: Any, idx: Any, ins: Any, out_type: Any, rows: int, columns: int, offset: int
) -> Any:
    row, column, count = _layout(rows, columns, offset)
    zero = b.const(0, out_type.dtype)
    if count == 0:
        return zero
    *lead, i, j = idx
    # Either row or column is 0, so a j on the diagonal means that i is too.
    k = b.sub(i, b.const(row, INT64))
    within = b.clip(k, b.const(0, INT64), b.const(count - 1, INT64))
    there = b.compare("eq", b.sub(j, b.const(column, INT64)), k)
    return b.select(there, ins[0].read([*lead, within]), zero)


def _batch_front(op: Any) -> Any:
    """Batch rule: the mapped axis moves to the front."""

    def batch(x: Any, dim: int, **params: Any) -> Any:
        return op()(move_axis(x, dim, 0), **params), 0

    return batch


_F = np.arange(24.0).reshape(2, 3, 4) - 7.5
_I = np.arange(12, dtype=np.int32).reshape(3, 4)

diagonal = shape_op(
    "diagonal",
    type_rule=_diagonal_type,
    eval=lambda x, offset: np.diagonal(numpy_of(x), offset, -2, -1),
    transpose=lambda ct, x, offset: embed_diagonal(
        ct, rows=x.shape[-2], columns=x.shape[-1], offset=offset
    ),
    batch=_batch_front(lambda: diagonal),
    lower=_diagonal_lower,
    samples=lambda: [
        Sample(_F, offset=0), Sample(_F, offset=-1), Sample(_F[0], offset=2),
        Sample(_I, offset=0), Sample(_F[0] > 0, offset=1), Sample(_F[0].T, offset=5),
        Sample((_F[0] + 1j).astype(np.complex64), offset=-2), Sample(np.zeros((0, 3)), offset=0),
    ],
    doc="`diagonal(x, offset)`: the diagonals (..., k) of matrices (..., m, n). "
    "Errors: ShapeError.",
)  # fmt: skip

embed_diagonal = shape_op(
    "embed_diagonal",
    type_rule=_embed_type,
    eval=_embed_eval,
    transpose=lambda ct, x, rows, columns, offset: diagonal(ct, offset=offset),
    batch=_batch_front(lambda: embed_diagonal),
    lower=_embed_lower,
    samples=lambda: [
        Sample(_F[0], rows=4, columns=4, offset=0),
        Sample(_F[0, 0, :2], rows=3, columns=2, offset=-1),
        Sample(_F[:, 0, :3], rows=3, columns=5, offset=2), Sample(_I, rows=6, columns=4, offset=-2),
        Sample(_F[0, :0, 0], rows=2, columns=3, offset=4),
        Sample(_F[0, 0, :1], rows=1, columns=1, offset=0),
        Sample((_F[0] + 1j).astype(np.complex128), rows=4, columns=4, offset=0),
    ],
    doc="`embed_diagonal(x, rows, columns, offset)`: matrices (..., rows, columns) that are zero "
    "but for a diagonal, x (..., k). Errors: ShapeError.",
)  # fmt: skip
