"""`svd(a, *, full_matrices, compute_uv)`: a = U diag(s) Vᴴ.

a (..., m, n), k = min(m, n): s (..., k) real, descending; with `compute_uv` also U (..., m, k)
and Vᴴ (..., k, n), or square ones with `full_matrices`. Results: [s, u, vh] or [s]. Where
LAPACK does not converge, or a has a nan, all are nan.

Derivative (Giles, "Collected matrix derivative results", 2008, §3.2; Townsend, "Differentiating
the singular value decomposition", 2016): with M = Uᴴ dA V, ds = real(diag M),
dU = U (F ∘ (M S + S Mᴴ)) + (1 - U Uᴴ) dA V S⁻¹, dV likewise, F[i,j] = 1 / (s[j]² - s[i]²). By the
Hermitian and the skew part of M, X and Y, the first terms are U (X/(s[j] - s[i]) + Y/(s[j] + s[i]))
and V (X/(s[j] - s[i]) - Y/(s[j] + s[i])): gaps stand under X alone, so where singular values are
equal the polar factor U Vᴴ, in which X cancels, keeps its right derivative.
ds is written as the column sums of conj(U) ∘ (dA V): backwards it is one product, (U s̄) Vᴴ. For
complex a the common phase of a pair of vectors is free; it is given to U. Where singular values
are equal, to the rounding of the largest, X/0 is 0, and where one is zero so is 1/s: what depends
only on the spaces, not on the choice of their bases, still has its right derivative. The vectors
beyond k of `full_matrices` are an arbitrary basis and have no derivative: an error for m != n.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import real_of
from bibun.errors import DifferentiationError
from bibun.ir.types import ArrayType
from bibun.ops.families.linalg import (
    INT32,
    LETTER,
    adjoint,
    as_column,
    as_row,
    copy_transposed,
    imaginary_part,
    inverse_gaps,
    matmul,
    matrix_op,
    matrix_type,
    nan_where_failed,
    negligible,
    only_diagonal,
    per_matrix,
    place,
    real_columns,
    reciprocals,
    routine,
    sample_array,
    workspace,
)
from bibun.ops.families.squares import each
from bibun.ops.op import Sample


def _type_rule(a: ArrayType, full_matrices: bool, compute_uv: bool) -> list[ArrayType]:
    dtype = matrix_type("svd", a)
    *batch, m, n = a.shape
    k = min(m, n)
    values = ArrayType((*batch, k), real_of(dtype))
    if not compute_uv:
        return [values]
    left, right = (m, n) if full_matrices else (k, k)
    return [values, ArrayType((*batch, m, left), dtype), ArrayType((*batch, right, n), dtype)]


def _lwork(dtype: np.dtype, m: int, n: int, full: bool, vectors: bool) -> int:
    return workspace("gesdd", dtype, m, n, compute_uv=vectors, full_matrices=full)[0]


def _one(a: np.ndarray, full_matrices: bool, compute_uv: bool) -> tuple[np.ndarray, ...]:
    lwork = _lwork(a.dtype, *a.shape, full_matrices, compute_uv)
    u, s, vh, info = routine("gesdd", a.dtype)(
        a, compute_uv=compute_uv, full_matrices=full_matrices, lwork=lwork
    )
    if info != 0:
        u, s, vh = (np.full_like(x, np.nan) for x in (u, s, vh))
    return (s, u, vh) if compute_uv else (s,)


def _jvp(primals: Any, tangents: Any, full_matrices: bool, compute_uv: bool) -> Any:
    import bibun.ops.elementwise as e

    (a,), (ta,) = primals, tangents
    m, n = a.shape[-2:]
    if full_matrices and compute_uv and m != n:
        raise DifferentiationError(
            f"svd: with full_matrices=True and a of shape {a.shape}, the vectors beyond the "
            f"first {min(m, n)} are an arbitrary basis and have no derivative; use "
            "full_matrices=False"
        )
    s, u, vh = svd(a, full_matrices=False, compute_uv=True)
    complex_ = a.dtype.kind == "c"
    v = adjoint(vh)
    tav = matmul(ta, v)
    ts = real_columns(tav, u)
    if not compute_uv:
        return [s], [ts]
    inner = matmul(adjoint(u), tav)
    cast = (lambda x: e.convert(x, new_dtype=a.dtype)) if complex_ else (lambda x: x)
    least = negligible(s)
    sums = reciprocals(e.add(as_row(s), as_column(s)), as_row(least))
    inverse = cast(as_row(reciprocals(s, least)))
    turned = adjoint(inner)
    odd = e.sub(inner, turned)
    if complex_:  # on the diagonal: phases, below
        odd = e.sub(odd, only_diagonal(odd))
    even = e.absorb_mul(e.add(inner, turned), cast(e.mul(inverse_gaps(s), 0.5)))
    odd = e.absorb_mul(odd, cast(e.mul(sums, 0.5)))
    in_u, in_v = e.add(even, odd), e.sub(even, odd)
    if complex_:
        in_u = e.add(in_u, e.mul(imaginary_part(only_diagonal(inner)), inverse))
    tu, tv = matmul(u, in_u), matmul(v, in_v)
    if m > n:
        tu = e.add(tu, e.mul(e.sub(tav, matmul(u, inner)), inverse))
    if n > m:
        tau = matmul(adjoint(ta), u)
        tv = e.add(tv, e.mul(e.sub(tau, matmul(v, adjoint(inner))), inverse))
    return [s, u, vh], [ts, tu, adjoint(tv)]


def _lower(b: Any, ins: Any, outs: Any, full_matrices: bool, compute_uv: bool) -> None:
    m, n = ins[0].shape[-2:]
    k, dtype = min(m, n), ins[0].dtype
    real = real_of(dtype)
    left, right = (m, n) if full_matrices else (k, k)
    if 0 in ins[0].shape:
        for out in outs[1:]:
            if out.type.size:
                _identities(b, out)
        return
    columns = b.scratch(m * n, dtype)
    lwork = _lwork(dtype, m, n, full_matrices, compute_uv)
    work, integers = b.scratch(lwork, dtype), b.scratch(8 * k, INT32)
    extra = []
    if dtype.kind == "c":  # the largest that any version of LAPACK asks for
        large = max(m, n)
        count = max(7 * k, 5 * k * k + 7 * k, 2 * large * k + 2 * k * k + k)
        extra = [b.scratch(count, real)]
    u_columns = b.scratch(m * left if compute_uv else 1, dtype)
    v_columns = b.scratch(right * n if compute_uv else 1, dtype)
    job = "N" if not compute_uv else "A" if full_matrices else "S"

    def body(p: list[str]) -> None:
        a, s, *vectors = p
        rows, info = b.ref(m), b.ref(0)
        copy_transposed(b, columns, a, m, n, dtype)
        b.call(
            LETTER[dtype.name] + "gesdd",
            [b.ref(job), rows, b.ref(n), columns, rows, s, u_columns, rows, v_columns,
             b.ref(right if compute_uv else 1), work, b.ref(lwork), *extra, integers, info],
        )  # fmt: skip
        nan_where_failed(b, info, s, k, real)
        if vectors:
            copy_transposed(b, vectors[0], u_columns, left, m, dtype)
            copy_transposed(b, vectors[1], v_columns, n, right, dtype)
            nan_where_failed(b, info, vectors[0], m * left, dtype)
            nan_where_failed(b, info, vectors[1], right * n, dtype)

    per_matrix(b, ins, outs, (2, 1, 2, 2)[: 1 + len(outs)], body)


def _identities(b: Any, out: Any) -> None:
    """U or Vᴴ of a matrix without rows or columns."""
    n = out.shape[-1]
    zero, one = b.const(0, out.dtype), b.const(1, out.dtype)
    per_matrix(b, [], [out], (2,), lambda p: each(
        b, (0, n), (0, n), lambda i, j: b.store(
            p[0], place(b, i, n, j), b.select(b.compare("eq", i, j), one, zero)
        )
    ))  # fmt: skip


def _samples() -> list[Sample]:
    def array(*shape: int, dtype: Any = np.float64) -> np.ndarray:
        x = sample_array(*shape, dtype=dtype)
        return (x + np.eye(*shape[-2:]) * np.arange(1, shape[-1] + 1)).astype(dtype)

    thin = {"full_matrices": False, "compute_uv": True}
    full = {"full_matrices": True, "compute_uv": True}
    values = {"full_matrices": False, "compute_uv": False}
    return [
        Sample(array(1, 1), **thin), Sample(array(3, 3), **thin), Sample(array(5, 3), **thin),
        Sample(array(3, 5), **thin), Sample(array(2, 2, 3, 2), **thin),
        Sample(array(3, 3), **full), Sample(array(5, 3), **full, smooth=False),
        Sample(array(2, 3, 5), **full, smooth=False),
        Sample(array(4, 3), **values), Sample(array(2, 3, 4), **values),
        Sample(array(4, 3, dtype=np.complex128), **values),
        Sample(array(4, 3, dtype=np.complex128), **thin, smooth=False),
        Sample(array(3, 4, dtype=np.complex64), **full, smooth=False),
        Sample(array(3, 3, dtype=np.float32), **thin), Sample(array(40, 30), **thin, smooth=False),
        Sample(np.zeros((3, 0)), **full, smooth=False),
        Sample(np.zeros((0, 3)), **thin, smooth=False),
    ]  # fmt: skip


svd = matrix_op(
    "svd",
    type_rule=_type_rule,
    one=_one,
    multiple=True,
    jvp=_jvp,
    lower=_lower,
    samples=_samples,
    doc="`svd(a, *, full_matrices, compute_uv)` -> (s, u, vh) or (s,): singular values, "
    "descending, and vectors of a (..., m, n), by LAPACK's gesdd.",
)
