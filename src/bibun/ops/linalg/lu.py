"""`lu(a)`: LU decomposition with row exchanges, and `lu_pivots_to_permutation`.

`lu(a)` -> (lu, pivots, permutation) for a (..., m, n) and k = min(m, n): `lu` holds U and,
below the diagonal, L without its unit diagonal; `pivots` (..., k) int32, the row exchanged
with row i in step i; `permutation` (..., m) int32, with a[permutation] = L U. A singular
matrix has a zero on the diagonal of U.

Derivative (de Hoog, Anderssen, Lukas, "Differentiation of matrix functionals using triangular
factorization", Math. Comp. 80, 2011): with F = L⁻¹ P dA U⁻¹, dL = L·tril(F, -1) and
dU = triu(F)·U. For rectangular a, L or U is made square with rows of the identity. The order
of the rows is held fixed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.linalg import (
    INT32,
    LETTER,
    block,
    copy_transposed,
    matmul,
    matrix_op,
    matrix_type,
    per_matrix,
    routine,
    sample_array,
    tril,
    triu,
)
from bibun.ops.families.shape import INT64, result_type
from bibun.ops.op import Sample


def _type_rule(a: ArrayType) -> list[ArrayType]:
    dtype = matrix_type("lu", a)
    *batch, m, n = a.shape
    return [
        ArrayType(a.shape, dtype),
        ArrayType((*batch, min(m, n)), INT32),
        ArrayType((*batch, m), INT32),
    ]


def permutation_of(pivots: np.ndarray, size: int) -> np.ndarray:
    order = np.arange(size, dtype=np.int32)
    for i, j in enumerate(pivots):
        order[i], order[j] = order[j], order[i]
    return order


def _one(a: np.ndarray) -> tuple[np.ndarray, ...]:
    factors, pivots, _ = routine("getrf", a.dtype)(a)
    return factors, pivots, permutation_of(pivots, a.shape[0])


def take_rows(x: Any, permutation: Any) -> Any:
    """x[..., permutation, :] for stacks of permutations (..., m) and matrices (..., m, n)."""
    from bibun.ops.index import gather
    from bibun.ops.shape import iota

    shape = permutation.shape
    stack = [iota(shape=shape, dtype=INT32, axis=k) for k in range(len(shape) - 1)]
    axes = tuple(range(len(shape)))
    return gather(x, *stack, permutation, axes=axes, mode="promise_in_bounds")


def _with_identity(x: Any, size: int, rows: bool) -> Any:
    """x with rows (columns) of the identity appended, up to `size` of them."""
    from bibun.ops.elementwise import add, convert, eq
    from bibun.ops.shape import broadcast_to, concatenate, iota

    *batch, m, n = x.shape
    have = m if rows else n
    if have == size:
        return x
    core = (size - have, n) if rows else (m, size - have)
    i, j = (iota(shape=core, dtype=INT64, axis=k) for k in (0, 1))
    same = eq(add(i, have), j) if rows else eq(i, add(j, have))
    more = broadcast_to(convert(same, new_dtype=x.dtype), shape=(*batch, *core))
    return concatenate(x, more, axis=len(x.shape) - (2 if rows else 1))


def _jvp(primals: Any, tangents: Any) -> Any:
    from bibun.ops.elementwise import add
    from bibun.ops.linalg.triangular_solve import triangular_solve

    (a,), (ta,) = primals, tangents
    factors, pivots, permutation = lu(a)
    m, n = a.shape[-2:]
    k = min(m, n)
    if k == 0:
        return [factors, pivots, permutation], [ta, None, None]
    # L is m by m and U n by n; where a is not square, the factor's missing part is identity.
    left = _with_identity(block(factors, (0, m), (0, k)), m, rows=False)
    right = _with_identity(block(factors, (0, k), (0, n)), n, rows=True)
    flags = {"transpose_a": False, "conjugate_a": False}
    inner = triangular_solve(
        left, take_rows(ta, permutation), left_side=True, lower=True, unit_diagonal=True, **flags
    )
    inner = triangular_solve(
        right, inner, left_side=False, lower=False, unit_diagonal=False, **flags
    )
    unit = add(tril(left, strict=True), _identity_like(left))
    d_lower = matmul(unit, tril(inner, strict=True))
    d_upper = matmul(triu(inner), triu(right))
    return [factors, pivots, permutation], [add(d_lower, d_upper), None, None]


def _identity_like(x: Any) -> Any:
    from bibun.ops.elementwise import convert, eq
    from bibun.ops.shape import iota

    i, j = (iota(shape=x.shape[-2:], dtype=INT64, axis=k) for k in (0, 1))
    return convert(eq(i, j), new_dtype=x.dtype)


def _lower(b: Any, ins: Any, outs: Any) -> None:
    m, n = ins[0].shape[-2:]
    k, dtype = min(m, n), ins[0].dtype
    if m == 0 or 0 in ins[0].shape[:-2]:
        return
    columns = b.scratch(m * n, dtype)
    letter = LETTER[dtype.name]

    def body(p: list[str]) -> None:
        a, out, pivots, permutation = p
        if k:
            rows, info = b.ref(m), b.ref(0)
            copy_transposed(b, columns, a, m, n, dtype)
            b.call(letter + "getrf", [rows, b.ref(n), columns, rows, pivots, info])
            copy_transposed(b, out, columns, n, m, dtype)
            one = b.const(1, INT32)
            b.loop(0, k, lambda i: b.store(pivots, i, b.sub(b.load(pivots, i, INT32), one)))
        exchange_pivots(b, pivots, permutation, k, m)

    per_matrix(b, ins, outs, (2, 2, 1, 1), body)


def exchange_pivots(b: Any, pivots: str, permutation: str, k: int, size: int) -> None:
    """The permutation that the exchanges of k pivots amount to."""
    b.loop(0, size, lambda i: b.store(permutation, i, b.convert(i, INT32)))
    top = b.const(size - 1, INT64)

    def step(i: Any) -> None:
        j = b.clip(b.convert(b.load(pivots, i, INT32), INT64), b.const(0, INT64), top)
        x, y = b.load(permutation, i, INT32), b.load(permutation, j, INT32)
        b.store(permutation, i, y)
        b.store(permutation, j, x)

    b.loop(0, k, step)


def _samples() -> list[Sample]:
    def array(*shape: int, dtype: Any = np.float64) -> np.ndarray:
        x = sample_array(*shape, dtype=dtype)
        # Rows in the wrong order, with pivots far from a tie.
        return (x + 4 * np.eye(*shape[-2:]))[..., ::-1, :].astype(dtype)

    shapes = [(1, 1), (3, 3), (5, 3), (3, 5), (2, 3, 3), (2, 2, 2, 3), (12, 12)]
    return [
        *(Sample(array(*s)) for s in shapes),
        Sample(array(4, 4, dtype=np.complex128)), Sample(array(4, 3, dtype=np.float32)),
        Sample(array(3, 3, dtype=np.complex64)),
        Sample(np.ones((3, 3)), smooth=False), Sample(np.zeros((2, 3, 0)), smooth=False),
        Sample(np.zeros((0, 3)), smooth=False), Sample(np.zeros((0, 2, 2)), smooth=False),
    ]  # fmt: skip


lu = matrix_op(
    "lu",
    type_rule=_type_rule,
    one=_one,
    multiple=True,
    jvp=_jvp,
    lower=_lower,
    samples=_samples,
    doc="`lu(a)` -> (lu, pivots, permutation): P a = L U with partial pivoting, by LAPACK's "
    "getrf. a (..., m, n); lu (..., m, n), pivots (..., min(m, n)), permutation (..., m) int32.",
)


# pivots ------------------------------------------------------------------------------------------


def _pivots_type(pivots: ArrayType, permutation_size: int) -> ArrayType:
    if pivots.dtype != INT32:
        raise DTypeError(f"lu_pivots_to_permutation: pivots must be int32, got {pivots}")
    if not pivots.ndim or pivots.shape[-1] > permutation_size:
        raise ShapeError(
            f"lu_pivots_to_permutation: pivots of shape {pivots.shape} for a permutation of "
            f"{permutation_size} rows; the last axis must be there and not be longer"
        )
    return result_type((*pivots.shape[:-1], permutation_size), INT32, pivots)


def _pivots_one(pivots: np.ndarray, permutation_size: int) -> np.ndarray:
    return permutation_of(np.clip(pivots, 0, permutation_size - 1), permutation_size)


def _pivots_lower(b: Any, ins: Any, outs: Any, permutation_size: int) -> None:
    k = ins[0].shape[-1]
    if 0 not in outs[0].shape:
        per_matrix(b, ins, outs, (1, 1), lambda p: exchange_pivots(b, *p, k, permutation_size))


lu_pivots_to_permutation = matrix_op(
    "lu_pivots_to_permutation",
    type_rule=_pivots_type,
    one=_pivots_one,
    ranks=(1,),
    lower=_pivots_lower,
    samples=lambda: [
        Sample(np.array([2, 2, 2], np.int32), permutation_size=3),
        Sample(np.array([[1, 3], [0, 1]], np.int32), permutation_size=4),
    ],
    doc="`lu_pivots_to_permutation(pivots, permutation_size)`: the permutation (..., size) that "
    "the row exchanges (..., k) of `lu` amount to.",
)
