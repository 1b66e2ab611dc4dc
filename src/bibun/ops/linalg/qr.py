"""`qr(a, *, full_matrices)`: a = Q R with orthonormal columns of Q and upper triangular R.

a (..., m, n) gives Q (..., m, k), R (..., k, n), k = min(m, n); with `full_matrices` k = m.
Signs are LAPACK's (geqrf): R's diagonal is real, not always positive.

Derivative (Walter, Lehmann, Lamour, "On evaluating higher-order derivatives of the QR
decomposition of tall matrices", 2012): for tall a of full rank, with M = Qᴴ dA R⁻¹ and Ω the
skew-Hermitian matrix with M's strictly lower triangle, dQ = Q (Ω - M) + dA R⁻¹ and
dR = (M - Ω) R. Of a wide a the first m columns fix Q, and R's other columns are Qᴴ times a's.
With `full_matrices` the columns of Q beyond a's rank are an arbitrary basis and have no
derivative: m > n is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import DifferentiationError
from bibun.ir.types import ArrayType
from bibun.ops.families.linalg import (
    LETTER,
    adjoint,
    block,
    copy_transposed,
    imaginary_part,
    matmul,
    matrix_op,
    matrix_type,
    only_diagonal,
    per_matrix,
    place,
    routine,
    sample_array,
    tril,
    workspace,
)
from bibun.ops.families.shape import INT64
from bibun.ops.families.squares import each
from bibun.ops.op import Sample


def _type_rule(a: ArrayType, full_matrices: bool) -> list[ArrayType]:
    dtype = matrix_type("qr", a)
    *batch, m, n = a.shape
    k = m if full_matrices else min(m, n)
    return [ArrayType((*batch, m, k), dtype), ArrayType((*batch, k, n), dtype)]


def _generator(dtype: np.dtype) -> str:
    """LAPACK's name for making Q from its reflectors."""
    return "orgqr" if dtype.kind == "f" else "ungqr"


def _sizes(dtype: np.dtype, m: int, n: int, k: int) -> tuple[int, int]:
    """Workspace of the factorisation and of making Q."""
    (first,) = workspace("geqrf", dtype, m, n)
    return first, max(1, k) * 32


def _one(a: np.ndarray, full_matrices: bool) -> tuple[np.ndarray, np.ndarray]:
    m, n = a.shape
    k = m if full_matrices else min(m, n)
    first, second = _sizes(a.dtype, m, n, k)
    factored, tau, _, _ = routine("geqrf", a.dtype)(a, lwork=first)
    columns = np.zeros((m, k), a.dtype, order="F")
    columns[:, : min(k, n)] = factored[:, : min(k, n)]
    q, _, _ = routine(_generator(a.dtype), a.dtype)(columns, tau, lwork=second)
    return q, np.triu(factored[:k])


def _jvp(primals: Any, tangents: Any, full_matrices: bool) -> Any:
    from bibun.ops.elementwise import add, sub
    from bibun.ops.linalg.triangular_solve import triangular_solve
    from bibun.ops.shape import concatenate

    (a,), (ta,) = primals, tangents
    m, n = a.shape[-2:]
    if full_matrices and m > n:
        raise DifferentiationError(
            f"qr: with full_matrices=True the last {m - n} columns of Q are an arbitrary basis "
            f"for a of shape {a.shape} and have no derivative; use full_matrices=False"
        )
    q, r = qr(a, full_matrices=full_matrices)
    k = min(m, n)
    square = block(r, (0, k), (0, k)) if n > k else r
    moved = block(ta, (0, m), (0, k)) if n > k else ta
    scaled = triangular_solve(
        square, moved, left_side=False, lower=False, transpose_a=False, conjugate_a=False,
        unit_diagonal=False,
    )  # fmt: skip
    inner = matmul(adjoint(q), scaled)
    below = tril(inner, strict=True)
    skew = sub(below, adjoint(below))
    if a.dtype.kind == "c":
        skew = add(skew, imaginary_part(only_diagonal(inner)))
    tq = add(matmul(q, sub(skew, inner)), scaled)
    tr = matmul(sub(inner, skew), square)
    if n > k:
        rest = add(
            matmul(adjoint(tq), block(a, (0, m), (k, n))),
            matmul(adjoint(q), block(ta, (0, m), (k, n))),
        )
        tr = concatenate(tr, rest, axis=len(a.shape) - 1)
    return [q, r], [tq, tr]


def _lower(b: Any, ins: Any, outs: Any, full_matrices: bool) -> None:
    m, n = ins[0].shape[-2:]
    k, dtype = outs[0].shape[-1], ins[0].dtype
    q_out, r_out = outs
    zero = b.const(0, dtype)
    if 0 in ins[0].shape:
        if q_out.type.size:  # full Q of a matrix without columns
            one = b.const(1, dtype)
            per_matrix(b, ins, outs, (2, 2, 2), lambda p: each(
                b, (0, m), (0, k), lambda i, j: b.store(
                    p[1], place(b, i, k, j), b.select(b.compare("eq", i, j), one, zero)
                )
            ))  # fmt: skip
        return
    columns = b.scratch(m * max(n, k), dtype)
    tau = b.scratch(min(m, n), dtype)
    sizes = _sizes(dtype, m, n, k)
    work = b.scratch(max(sizes), dtype)
    letter = LETTER[dtype.name]

    def body(p: list[str]) -> None:
        a, q, r = p
        rows, info = b.ref(m), b.ref(0)
        copy_transposed(b, columns, a, m, n, dtype)
        b.call(letter + "geqrf", [rows, b.ref(n), columns, rows, tau, work, b.ref(sizes[0]), info])

        def upper(i: Any, j: Any) -> None:
            x = b.load(columns, place(b, j, m, i), dtype)
            b.store(r, place(b, i, n, j), b.select(b.compare("le", i, j), x, zero))

        each(b, (0, k), (0, n), upper)
        if k > n:  # LAPACK overwrites these, but reads them first
            b.fill(b.offset(columns, b.const(m * n, INT64), dtype), zero, m * (k - n))
        b.call(
            letter + _generator(dtype),
            [rows, b.ref(k), b.ref(min(m, n)), columns, rows, tau, work, b.ref(sizes[1]), info],
        )
        copy_transposed(b, q, columns, k, m, dtype)

    per_matrix(b, ins, outs, (2, 2, 2), body)


def _samples() -> list[Sample]:
    shapes = [(1, 1), (3, 3), (5, 3), (3, 5), (2, 4, 3), (2, 2, 2, 3), (40, 35)]
    return [
        *(Sample(sample_array(*s), full_matrices=False) for s in shapes[:-1]),
        Sample(sample_array(*shapes[-1]), full_matrices=False, smooth=False),
        Sample(sample_array(5, 3), full_matrices=True, smooth=False),
        Sample(sample_array(2, 3, 5), full_matrices=True),
        Sample(sample_array(3, 3), full_matrices=True),
        Sample(sample_array(4, 3, dtype=np.complex128), full_matrices=False),
        Sample(sample_array(3, 4, dtype=np.complex128), full_matrices=False),
        Sample(sample_array(4, 3, dtype=np.float32), full_matrices=False),
        Sample(sample_array(3, 3, dtype=np.complex64), full_matrices=False),
        Sample(np.zeros((3, 0)), full_matrices=True, smooth=False),
        Sample(np.zeros((0, 3)), full_matrices=False, smooth=False),
    ]


qr = matrix_op(
    "qr",
    type_rule=_type_rule,
    one=_one,
    multiple=True,
    jvp=_jvp,
    lower=_lower,
    samples=_samples,
    doc="`qr(a, *, full_matrices)` -> (q, r): a = q r by Householder reflections (LAPACK's "
    "geqrf). a (..., m, n); q (..., m, k), r (..., k, n), k = min(m, n), or m if full.",
)
