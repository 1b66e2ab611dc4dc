"""`cholesky(a, *, symmetrize=False)`: the lower triangular L with a = L Lᴴ.

Only the lower triangle of `a` is read; with `symmetrize`, (a + aᴴ) / 2 is factored. Where that
is not positive definite the lower triangle of the result is nan, for that matrix of the
stack alone; the numpy layer may check. The derivative has a room of its own,
`cholesky_derivative.py`.

Compiled, a real matrix up to 12 by 12 is straight-line code in registers (`small.py`), one up to
1000 loops of ours over blocks in registers (`cholesky_tiles.py`); others are `potrf`. All work in
a's memory if nothing else reads it. LAPACK sees the transpose of what lies in memory,
aᵀ = Uᴴ U, so that Uᵀ = L is where it belongs without a copy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun.ir.types import ArrayType
from bibun.ops.families.linalg import (
    LETTER,
    failed,
    matrix_op,
    matrix_type,
    per_matrix,
    routine,
)
from bibun.ops.families.shape import result_type
from bibun.ops.linalg.blocks import Matrix, clear_upper, lower_part, mean_below
from bibun.ops.linalg.cholesky_derivative import cholesky_tangent
from bibun.ops.linalg.cholesky_tiles import factor
from bibun.ops.linalg.small import CHOLESKY, Cell, each_small, is_inline
from bibun.ops.linalg.tiles import is_tiled
from bibun.ops.op import Sample


def _type_rule(a: ArrayType, symmetrize: bool = False) -> ArrayType:
    dtype = matrix_type("cholesky", a, square=True)
    return result_type(a.shape, dtype, a)


def _one(a: np.ndarray, symmetrize: bool = False) -> np.ndarray:
    if symmetrize:
        a = (a + a.conj().T) * a.dtype.type(0.5)
    factor, info = routine("potrf", a.dtype)(a, lower=1, clean=1)
    return factor if info == 0 else np.tril(np.full(a.shape, np.nan, a.dtype))


def _jvp(primals: Any, tangents: Any, symmetrize: bool = False) -> Any:
    (a,), (ta,) = primals, tangents
    factor = cholesky(a, symmetrize=symmetrize)
    return factor, cholesky_tangent(factor, ta, symmetrize=symmetrize)


def _lower(b: Any, ins: Any, outs: Any, symmetrize: bool = False) -> None:
    out = outs[0]
    n, dtype = out.shape[-1], out.dtype
    if 0 in out.shape:
        return
    if is_inline(n, dtype, CHOLESKY):
        each_small(b, outs, (2,), lambda cells: _inline(b, *cells, n, symmetrize))
    else:
        per_matrix(b, [], outs, (2,), lambda p: _potrf(b, p[0], n, dtype, symmetrize))


def _inline(b: Any, a: Cell, n: int, symmetrize: bool) -> None:
    """Row by row, all of L in registers: L[i,j] = (A[i,j] - Σ_k<j L[i,k] L[j,k]) / L[j,j]."""
    dtype = a.dtype
    zero, nan = b.const(0, dtype), b.const(math.nan, dtype)
    one, half = b.const(1, dtype), b.const(0.5, dtype)
    rows: list[list[Any]] = []
    inverse: list[Any] = []
    good = None
    for i in range(n):
        row: list[Any] = []
        for j in range(i + 1):
            x = a.load(i, j)
            if symmetrize and j < i:
                x = b.mul(b.add(x, a.load(j, i)), half)
            for k in range(j):
                x = b.sub(x, b.mul(row[k], (rows[j] if j < i else row)[k]))
            if j < i:
                row.append(b.mul(x, inverse[j]))
            else:
                positive = b.compare("gt", x, zero)
                good = positive if good is None else b.bit_and(good, positive)
                row.append(b.sqrt(x))
                inverse.append(b.div(one, row[j]))
        rows.append(row)
    for i in range(n):
        for j in range(n):
            a.store(i, j, b.select(good, rows[i][j], nan) if j <= i else zero)


def _potrf(b: Any, a: str, n: int, dtype: np.dtype, symmetrize: bool) -> None:
    x = Matrix(b, a, n, dtype)
    (mean_below if symmetrize else clear_upper)(b, x, n)
    if is_tiled(n, dtype):
        factor(b, x, n)
        return
    size, info = b.ref(n), b.ref(0)
    b.call(LETTER[dtype.name] + "potrf", [b.ref("U"), size, a, size, info])
    nan = b.const(math.nan, dtype)
    b.if_(failed(b, info), lambda: lower_part(b, n, lambda i, j: x.store(i, j, nan)))


def _samples() -> list[Sample]:
    def positive(*shape: int, dtype: Any = np.float64) -> np.ndarray:
        a = np.sin(np.arange(math.prod(shape)) * 1.7 + 1).reshape(shape)
        if np.dtype(dtype).kind == "c":
            a = a + 1j * np.cos(np.arange(a.size) * 2.3).reshape(shape)
        spd = a @ a.conj().swapaxes(-1, -2) + shape[-1] * np.eye(shape[-1])
        return spd.astype(dtype)

    indefinite = np.stack([positive(3, 3), np.diag([1.0, -1.0, 2.0]), positive(3, 3) * 2])
    large = np.stack([positive(13, 13), -positive(13, 13)])
    return [
        Sample(positive(1, 1)), Sample(positive(3, 3)), Sample(positive(2, 2, 4, 4)),
        Sample(positive(11, 11)), Sample(positive(2, 14, 14)),
        Sample(positive(4, 4, dtype=np.complex128)), Sample(positive(4, 4, dtype=np.float32)),
        Sample(positive(10, 10, dtype=np.complex64)),
        Sample(indefinite, smooth=False), Sample(large, smooth=False),
        Sample(positive(3, 3) + np.triu(np.ones((3, 3)), 1), symmetrize=True),
        Sample(positive(2, 14, 14), symmetrize=True),
        Sample(positive(35, 35), symmetrize=True, smooth=False),
        Sample(positive(3, 3, dtype=np.complex128), symmetrize=True),
        Sample(np.full((2, 2), np.nan), smooth=False),
        Sample(np.zeros((0, 0)), smooth=False), Sample(np.zeros((2, 0, 0)), smooth=False),
        Sample(np.zeros((0, 3, 3)), smooth=False),
    ]  # fmt: skip


cholesky = matrix_op(
    "cholesky",
    type_rule=_type_rule,
    one=_one,
    jvp=_jvp,
    lower=_lower,
    alias=0,
    samples=_samples,
    doc="`cholesky(a, *, symmetrize=False)`: (..., n, n) -> (..., n, n), the lower triangular L "
    "with a = L Lᴴ, from the lower triangle of a, or with L Lᴴ = (a + aᴴ) / 2 if `symmetrize`; "
    "nan where that is not positive definite.",
)
