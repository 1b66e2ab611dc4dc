"""`qr_pivots(a)`: the order in which QR with column pivoting takes the columns of a.

a (..., m, n) -> int32 (..., n): column k of a[:, order] is, of those that are left, the one with
the most outside the span of the columns before it (LAPACK's geqp3). The factors are those of
`qr` of a[:, order], and so are their derivatives; an order has none. Compiled code calls back.
"""

from __future__ import annotations

import numpy as np

from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import call_host
from bibun.ops.families.linalg import INT32, matrix_op, matrix_type, routine, sample_array
from bibun.ops.families.shape import result_type
from bibun.ops.op import Sample


def _type_rule(a: ArrayType) -> ArrayType:
    matrix_type("qr_pivots", a)
    return result_type((*a.shape[:-2], a.shape[-1]), INT32, a)


def _one(a: np.ndarray) -> np.ndarray:
    return routine("geqp3", a.dtype)(a)[1] - 1


def _samples() -> list[Sample]:
    return [
        Sample(x, diff=[])
        for x in (
            sample_array(3, 3), sample_array(5, 3), sample_array(2, 3, 5),
            sample_array(4, 4, dtype=np.complex64), sample_array(3, 2, dtype=np.float32),
            np.zeros((0, 3, 3)),
        )
    ]  # fmt: skip


qr_pivots = matrix_op(
    "qr_pivots",
    type_rule=_type_rule,
    one=_one,
    lower=call_host(lambda: qr_pivots),
    samples=_samples,
    doc="`qr_pivots(a)`: the order (..., n) int32 of columns in QR with column pivoting.",
)
