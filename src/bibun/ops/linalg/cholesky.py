"""`cholesky(a)`: the lower triangular L with a = L Lᴴ.

Only the lower triangle of `a` is read. Where `a` is not positive definite the lower triangle
of the result is nan, for that matrix of the stack alone; the numpy layer may check.

Derivative: Murray, "Differentiation of the Cholesky decomposition" (arXiv:1602.07527), eq. 8:
dL = L Φ(L⁻¹ dA L⁻ᴴ), Φ the lower triangle with its diagonal halved; dA is the Hermitian
matrix whose lower triangle changes.

Compiled, a real matrix up to 8 by 8 is straight-line code in registers; others are `potrf`.
LAPACK sees the transpose of what lies in memory, aᵀ = Uᴴ U, so that Uᵀ = L is where it
belongs without a copy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from bibun.ir.types import ArrayType
from bibun.ops.families.linalg import (
    LETTER,
    each,
    failed,
    hermitian,
    matmul,
    matrix_op,
    matrix_type,
    only_diagonal,
    per_matrix,
    place,
    routine,
    tril,
)
from bibun.ops.families.shape import INT64, result_type
from bibun.ops.linalg.triangular_solve import triangular_solve
from bibun.ops.op import Sample

INLINE = 8  # the largest matrix that is factored by code of our own


def _type_rule(a: ArrayType) -> ArrayType:
    dtype = matrix_type("cholesky", a, square=True)
    return result_type(a.shape, dtype, a)


def _one(a: np.ndarray) -> np.ndarray:
    factor, info = routine("potrf", a.dtype)(a, lower=1, clean=1)
    return factor if info == 0 else np.tril(np.full(a.shape, np.nan, a.dtype))


def _jvp(primals: Any, tangents: Any) -> Any:
    from bibun.ops.elementwise import mul, sub

    (a,), (ta,) = primals, tangents
    factor = cholesky(a)
    flags = {"lower": True, "unit_diagonal": False}
    inner = triangular_solve(
        factor, hermitian(ta), left_side=True, transpose_a=False, conjugate_a=False, **flags
    )
    complex_ = a.dtype.kind == "c"
    inner = triangular_solve(
        factor, inner, left_side=False, transpose_a=True, conjugate_a=complex_, **flags
    )
    phi = sub(tril(inner), mul(only_diagonal(inner), 0.5))
    return factor, matmul(factor, phi)


def _lower(b: Any, ins: Any, outs: Any) -> None:
    out = outs[0]
    n, dtype = out.shape[-1], out.dtype
    if 0 in out.shape:
        return
    if n <= INLINE and dtype.kind == "f":
        per_matrix(b, ins, outs, (2, 2), lambda p: _inline(b, p[0], p[1], n, dtype))
    else:
        per_matrix(b, ins, outs, (2, 2), lambda p: _potrf(b, p[0], p[1], n, dtype))


def _inline(b: Any, a: str, out: str, n: int, dtype: np.dtype) -> None:
    """Row by row, all of L in registers: L[i,j] = (A[i,j] - Σ_k<j L[i,k] L[j,k]) / L[j,j]."""
    zero, nan = b.const(0, dtype), b.const(math.nan, dtype)
    rows: list[list[Any]] = []
    good = None
    for i in range(n):
        row: list[Any] = []
        for j in range(i + 1):
            x = b.load(a, i * n + j, dtype)
            for k in range(j):
                x = b.sub(x, b.mul(row[k], (rows[j] if j < i else row)[k]))
            if j < i:
                row.append(b.div(x, rows[j][j]))
            else:
                positive = b.compare("gt", x, zero)
                good = positive if good is None else b.bit_and(good, positive)
                row.append(b.sqrt(x))
        rows.append(row)
    for i in range(n):
        for j in range(n):
            b.store(out, i * n + j, b.select(good, rows[i][j], nan) if j <= i else zero)


def _potrf(b: Any, a: str, out: str, n: int, dtype: np.dtype) -> None:
    zero = b.const(0, dtype)
    b.loop(0, n, lambda i: b.copy(
        b.offset(out, place(b, i, n, b.const(0, INT64)), dtype),
        b.offset(a, place(b, i, n, b.const(0, INT64)), dtype),
        b.add(i, b.const(1, INT64)), dtype,
    ))  # fmt: skip
    size, info = b.ref(n), b.ref(0)
    b.call(LETTER[dtype.name] + "potrf", [b.ref("U"), size, out, size, info])
    nan = b.const(math.nan, dtype)
    bad = failed(b, info)

    def finish(i: Any, j: Any) -> None:
        at = place(b, i, n, j)
        below = b.compare("ge", i, j)
        x = b.select(bad, nan, b.load(out, at, dtype))
        b.store(out, at, b.select(below, x, zero))

    each(b, n, n, finish)


def _samples() -> list[Sample]:
    def positive(*shape: int, dtype: Any = np.float64) -> np.ndarray:
        a = np.sin(np.arange(math.prod(shape)) * 1.7 + 1).reshape(shape)
        if np.dtype(dtype).kind == "c":
            a = a + 1j * np.cos(np.arange(a.size) * 2.3).reshape(shape)
        spd = a @ a.conj().swapaxes(-1, -2) + shape[-1] * np.eye(shape[-1])
        return spd.astype(dtype)

    indefinite = np.stack([positive(3, 3), np.diag([1.0, -1.0, 2.0]), positive(3, 3) * 2])
    large = np.stack([positive(12, 12), -positive(12, 12)])
    return [
        Sample(positive(1, 1)), Sample(positive(3, 3)), Sample(positive(2, 2, 4, 4)),
        Sample(positive(11, 11)), Sample(positive(2, 9, 9)),
        Sample(positive(4, 4, dtype=np.complex128)), Sample(positive(4, 4, dtype=np.float32)),
        Sample(positive(10, 10, dtype=np.complex64)),
        Sample(indefinite, smooth=False), Sample(large, smooth=False),
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
    samples=_samples,
    doc="`cholesky(a)`: (..., n, n) -> (..., n, n), the lower triangular L with a = L Lᴴ, from "
    "the lower triangle of a; nan where a is not positive definite.",
)
