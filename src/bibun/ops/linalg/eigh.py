"""`eigh(a, *, lower, vectors=True)` -> (v, w): eigenvectors and eigenvalues of Hermitian matrices.

Only one triangle of a (..., n, n) is read. w (..., n) real, ascending; v (..., n, n), the
vectors its orthonormal columns, a v = v w; without `vectors` the result is (w,). Where LAPACK does
not converge both are nan.

Derivative (Giles, "Collected matrix derivative results", 2008, §3.1): with M = Vᴴ dA V,
dw = real(diag M), dV = V (F ∘ M), F[i,j] = 1 / (w[j] - w[i]) off the diagonal. dw is written as
the column sums of conj(V) ∘ (dA V): backwards that is one product, (V w̄) Vᴴ, and three where the
vectors matter too. A vector is determined only up to a factor of modulus one; the factor is taken
as constant (Vᴴ dV has no diagonal).

Where two eigenvalues are *equal*, to the rounding of the larger ones, vectors are any basis of
their space and have no derivative: F is 0 there, so that functions that depend on the space alone,
and not on the basis, still have their right derivative. What no rule for (v, w) can give is the
derivative of V g(w) Vᴴ, which needs g' between equal eigenvalues: that is `bibun.scipy.linalg.
funm_hermitian`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import real_of
from bibun.ir.types import ArrayType
from bibun.ops.families.linalg import (
    INT32,
    LETTER,
    adjoint,
    copy_transposed,
    hermitian,
    inverse_gaps,
    matmul,
    matrix_op,
    matrix_type,
    nan_where_failed,
    per_matrix,
    real_columns,
    routine,
    sample_array,
)
from bibun.ops.op import Sample


def _type_rule(a: ArrayType, lower: bool, vectors: bool = True) -> list[ArrayType]:
    dtype = matrix_type("eigh", a, square=True)
    values = ArrayType(a.shape[:-1], real_of(dtype))
    return [ArrayType(a.shape, dtype), values] if vectors else [values]


def _sizes(dtype: np.dtype, n: int) -> dict[str, int]:
    """Workspace of LAPACK's divide and conquer, as its documentation has it."""
    if dtype.kind == "f":
        return {"lwork": 1 + 6 * n + 2 * n * n, "liwork": 3 + 5 * n}
    return {"lwork": 2 * n + n * n, "lrwork": 1 + 5 * n + 2 * n * n, "liwork": 3 + 5 * n}


def _name(dtype: np.dtype) -> str:
    return "syevd" if dtype.kind == "f" else "heevd"


def _one(a: np.ndarray, lower: bool, vectors: bool = True) -> tuple[np.ndarray, ...]:
    sizes = _sizes(a.dtype, a.shape[0])
    w, v, info = routine(_name(a.dtype), a.dtype)(a, lower=lower, compute_v=vectors, **sizes)
    if info != 0:
        v, w = np.full_like(v, np.nan), np.full_like(w, np.nan)
    return (v, w) if vectors else (w,)


def _jvp(primals: Any, tangents: Any, lower: bool, vectors: bool = True) -> Any:
    import bibun.ops.elementwise as e

    (a,), (ta,) = primals, tangents
    v, w = eigh(a, lower=lower)
    moved = matmul(hermitian(ta, lower), v)
    tw = real_columns(moved, v)
    if not vectors:
        return [w], [tw]
    gaps = inverse_gaps(w)
    gaps = e.convert(gaps, new_dtype=a.dtype) if a.dtype.kind == "c" else gaps
    tv = matmul(v, e.absorb_mul(matmul(adjoint(v), moved), gaps))
    return [v, w], [tv, tw]


def _lower(b: Any, ins: Any, outs: Any, lower: bool, vectors: bool = True) -> None:
    n, dtype = ins[0].shape[-1], ins[0].dtype
    if 0 in ins[0].shape:
        return
    real = real_of(dtype)
    sizes = _sizes(dtype, n)
    columns = b.scratch(n * n, dtype)
    kinds = {"lwork": dtype, "lrwork": real, "liwork": INT32}
    spaces = [(b.scratch(size, kinds[k]), size) for k, size in sizes.items()]

    def body(p: list[str]) -> None:
        a, *v, w = p
        size, info = b.ref(n), b.ref(0)
        copy_transposed(b, columns, a, n, n, dtype)
        b.call(
            LETTER[dtype.name] + _name(dtype),
            [b.ref("V" if vectors else "N"), b.ref("L" if lower else "U"), size, columns, size, w,
             *(x for s, count in spaces for x in (s, b.ref(count))), info],
        )  # fmt: skip
        for out in v:
            copy_transposed(b, out, columns, n, n, dtype)
            nan_where_failed(b, info, out, n * n, dtype)
        nan_where_failed(b, info, w, n, real)

    per_matrix(b, ins, outs, (2, 2, 1) if vectors else (2, 1), body)


def _samples() -> list[Sample]:
    def array(*shape: int, dtype: Any = np.float64) -> np.ndarray:
        x = sample_array(*shape, dtype=dtype)
        return (x + 3 * np.diag(np.arange(shape[-1]) ** 1.5)).astype(dtype)

    return [
        Sample(array(1, 1), lower=True), Sample(array(3, 3), lower=True),
        Sample(array(2, 2, 3, 3), lower=True), Sample(array(2, 4, 4), lower=False),
        Sample(array(30, 30), lower=True, smooth=False),
        Sample(array(3, 3), lower=True, vectors=False),
        Sample(array(2, 5, 5, dtype=np.complex128), lower=False, vectors=False),
        Sample(array(30, 30), lower=True, vectors=False, smooth=False),
        Sample(array(3, 3, dtype=np.float32), lower=True),
        Sample(array(4, 4, dtype=np.complex128), lower=True, smooth=False),
        Sample(array(2, 3, 3, dtype=np.complex64), lower=False, smooth=False),
        Sample(np.zeros((2, 0, 0)), lower=True, smooth=False),
        Sample(np.zeros((0, 2, 2)), lower=True, smooth=False),
    ]  # fmt: skip


eigh = matrix_op(
    "eigh",
    type_rule=_type_rule,
    one=_one,
    multiple=True,
    jvp=_jvp,
    lower=_lower,
    samples=_samples,
    doc="`eigh(a, *, lower, vectors=True)` -> (v, w): orthonormal eigenvectors (columns) and "
    "ascending real eigenvalues of Hermitian a (..., n, n), from its lower or upper triangle.",
)
