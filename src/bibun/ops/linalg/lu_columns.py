"""`lu_columns(a)`: LU with column exchanges, and `lu_columns_inverse`; for solving.

`lu_columns(a)` -> (factors, pivots, order, place) of a (..., n, n): a[:, order] = L U with L
lower triangular *with* its diagonal and U *unit* upper triangular, both in `factors`; column k was
exchanged with column pivots[k] in step k; `place` is the inverse of the permutation `order`.

*Why columns.* A matrix with contiguous rows is, to LAPACK, its own transpose. Exchanging the rows
of aᵀ means exchanging columns of a, which is as stable; so `getrf` works in a's own memory and
nothing is moved, where `lu` moves the matrix to columns and back, as much time as the
factorisation takes at n = 100. The same holds for `getri`: (aᵀ)⁻¹ = (a⁻¹)ᵀ.

`lu_columns_inverse(factors, pivots)` is a⁻¹: nan and inf where a is singular.

Neither has a derivative (asking is an error): solutions, inverses and
determinants are differentiated as what they are (`bibun.numpy.solutions`), with these factors as
data. Up to 8 by 8 both are straight-line code (`small.py`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun.errors import DifferentiationError
from bibun.ir.types import ArrayType
from bibun.ops.families.linalg import (
    INT32,
    LETTER,
    failed,
    matrix_op,
    matrix_type,
    per_matrix,
    routine,
    workspace,
)
from bibun.ops.families.shape import INT64, result_type
from bibun.ops.linalg.lu import exchange_pivots, permutation_of
from bibun.ops.linalg.small import ELIMINATION, Cell, each_small, is_inline, magnitude_pivots
from bibun.ops.op import Sample

# factors -----------------------------------------------------------------------------------------


def _type_rule(a: ArrayType) -> list[ArrayType]:
    dtype = matrix_type("lu_columns", a, square=True)
    numbers = ArrayType(a.shape[:-1], INT32)
    return [ArrayType(a.shape, dtype), numbers, numbers, numbers]


def _one(a: np.ndarray) -> tuple[np.ndarray, ...]:
    factors, pivots, _ = routine("getrf", a.dtype)(a.T)
    order = permutation_of(pivots, a.shape[0])
    return factors.T, pivots, order, np.argsort(order)


def _no_derivative(name: str) -> Any:
    def jvp(primals: Any, tangents: Any) -> Any:
        raise DifferentiationError(
            f"{name}: these factors are data of a solution and have no derivative of their own; "
            "differentiate `solve`, `inv`, `slogdet` or `det`, or the factors of `lu`"
        )

    return jvp


def _lower(b: Any, ins: Any, outs: Any) -> None:
    n, dtype = outs[0].shape[-1], outs[0].dtype
    if 0 in outs[0].shape:
        return
    if is_inline(n, dtype, ELIMINATION):
        each_small(b, outs, (2, 1, 1, 1), lambda cells: _inline(b, cells, n))
        return

    def body(p: list[str]) -> None:
        a, pivots, order, place = p
        size, info = b.ref(n), b.ref(0)
        b.call(LETTER[dtype.name] + "getrf", [size, size, a, size, pivots, info])
        one = b.const(1, INT32)
        b.loop(0, n, lambda i: b.store(pivots, i, b.sub(b.load(pivots, i, INT32), one)))
        exchange_pivots(b, pivots, order, n, n)
        # nan in `a` may have left LAPACK without a pivot: every index is in range all the same.
        b.loop(0, n, lambda i: b.store(
            place, b.convert(b.load(order, i, INT32), INT64), b.convert(i, INT32)
        ))  # fmt: skip

    per_matrix(b, [], outs, (2, 1, 1, 1), body)


def _inline(b: Any, cells: list[Cell], n: int) -> None:
    a, pivots, order, place = cells
    m = [[a.load(i, j) for j in range(n)] for i in range(n)]
    columns = [b.const(j, INT32) for j in range(n)]

    def exchange(k: int, pivot: Any, swap: Any) -> None:
        pivots.store(0, k, pivot)
        swap(columns)

    magnitude_pivots(b, m, exchange)
    for i in range(n):
        for j in range(n):
            a.store(i, j, m[i][j])
    for k, column in enumerate(columns):
        order.store(0, k, column)
        place.store(0, b.convert(column, INT64), b.const(k, INT32))


# the inverse -------------------------------------------------------------------------------------


def _inverse_type(factors: ArrayType, pivots: ArrayType) -> ArrayType:
    from bibun.errors import DTypeError, ShapeError

    dtype = matrix_type("lu_columns_inverse", factors, square=True)
    if pivots.dtype != INT32:
        raise DTypeError(f"lu_columns_inverse: pivots must be int32, got {pivots}")
    if pivots.shape != factors.shape[:-1]:
        raise ShapeError(
            f"lu_columns_inverse: pivots for factors of shape {factors.shape} must have shape "
            f"{factors.shape[:-1]}, got {pivots.shape}"
        )
    return result_type(factors.shape, dtype, factors, pivots)


def _lwork(dtype: np.dtype, n: int) -> int:
    return workspace("getri", dtype, n)[0]


def _inverse_one(factors: np.ndarray, pivots: np.ndarray) -> np.ndarray:
    n = factors.shape[0]
    pivots = np.clip(pivots, 0, n - 1)
    inverse, info = routine("getri", factors.dtype)(
        factors.T, pivots, lwork=_lwork(factors.dtype, n)
    )
    # Adding 0 makes zeros of the inverse positive, which getri leaves negative.
    return inverse.T + 0 if info == 0 else np.full_like(factors, np.nan)


def _inverse_lower(b: Any, ins: Any, outs: Any) -> None:
    n, dtype = outs[0].shape[-1], outs[0].dtype
    if 0 in outs[0].shape:
        return
    if is_inline(n, dtype, ELIMINATION):
        each_small(b, [outs[0], ins[1]], (2, 1), lambda cells: _inverse_inline(b, *cells, n))
        return
    lwork = _lwork(dtype, n)
    work, places = b.scratch(lwork, dtype), b.scratch(n, INT32)
    zero, one, last = (b.const(k, INT32) for k in (0, 1, n - 1))

    def body(p: list[str]) -> None:
        pivots, a = p
        size, info = b.ref(n), b.ref(0)
        b.loop(0, n, lambda i: b.store(
            places, i, b.add(b.clip(b.load(pivots, i, INT32), zero, last), one)
        ))  # fmt: skip
        b.call(LETTER[dtype.name] + "getri", [size, a, size, places, work, b.ref(lwork), info])
        b.if_(failed(b, info), lambda: b.fill(a, b.const(math.nan, dtype), n * n))

    per_matrix(b, [ins[1]], outs, (1, 2), body)


def _inverse_inline(b: Any, a: Cell, pivots: Cell, n: int) -> None:
    """U⁻¹ L⁻¹, column by column, its rows put back in the order of a's columns."""
    dtype = a.dtype
    m = [[a.load(i, j) for j in range(n)] for i in range(n)]
    one, nan = b.const(1, dtype), b.const(math.nan, dtype)
    regular = b.compare("ne", m[0][0], b.const(0, dtype))
    for k in range(1, n):
        regular = b.bit_and(regular, b.compare("ne", m[k][k], b.const(0, dtype)))
    scale = [b.div(one, m[k][k]) for k in range(n)]
    x: list[list[Any]] = [[None] * n for _ in range(n)]
    for c in range(n):
        for i in range(c, n):  # L y = e_c
            v = None if i > c else scale[i]
            for k in range(c, i):
                term = b.mul(m[i][k], x[k][c])
                v = b.neg(term) if v is None else b.sub(v, term)
            x[i][c] = v if i == c else b.mul(v, scale[i])
        for i in range(n - 2, -1, -1):  # U z = y
            for k in range(i + 1, n):
                term = b.mul(m[i][k], x[k][c])
                x[i][c] = b.neg(term) if x[i][c] is None else b.sub(x[i][c], term)
    for k in range(n - 1, -1, -1):  # the exchanges, from the last to the first
        pivot = pivots.load(0, k)
        for j in range(k + 1, n):
            there = b.compare("eq", pivot, b.const(j, INT32))
            for c in range(n):
                x[k][c], x[j][c] = (
                    b.select(there, x[j][c], x[k][c]), b.select(there, x[k][c], x[j][c]),
                )  # fmt: skip
    for i in range(n):
        for j in range(n):
            a.store(i, j, b.select(regular, b.add(x[i][j], b.const(0, dtype)), nan))


# the records -------------------------------------------------------------------------------------


def _array(*shape: int, dtype: Any = np.float64) -> np.ndarray:
    x = np.sin(np.arange(math.prod(shape)) ** 2 * 0.37 + 1).reshape(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * np.cos(np.arange(x.size) * 0.7).reshape(shape)
    # Columns in the wrong order, with pivots far from a tie.
    return (x + 4 * np.eye(shape[-1]))[..., ::-1].astype(dtype)


_SHAPES = [(1, 1), (3, 3), (8, 8), (12, 12), (2, 3, 3), (9, 2, 3, 3), (2, 10, 10), (2, 0, 0),
           (0, 3, 3)]  # fmt: skip
_OTHER = [
    _array(4, 4, dtype=np.complex128), _array(4, 4, dtype=np.float32), np.ones((3, 3)),
    _array(3, 9, 9, dtype=np.complex64), np.zeros((2, 4, 4)),
]  # fmt: skip


def _inverse_samples() -> list[Sample]:
    out = []
    for a in [*(_array(*s) for s in _SHAPES), *_OTHER]:
        numbers = np.zeros(a.shape[:-1], np.int32) + np.arange(a.shape[-1], dtype=np.int32)[::-1]
        # Factors are any numbers; pivots come after their columns.
        pivots = np.maximum(numbers, np.arange(a.shape[-1], dtype=np.int32))
        out.append(Sample(a + 2 * np.eye(a.shape[-1], dtype=a.dtype), pivots, diff=[]))
    out.append(Sample(np.ones((3, 3)) - np.eye(3), np.arange(3, dtype=np.int32), diff=[]))
    return out


lu_columns = matrix_op(
    "lu_columns",
    type_rule=_type_rule,
    one=_one,
    multiple=True,
    jvp=_no_derivative("lu_columns"),
    lower=_lower,
    alias=0,
    samples=lambda: [Sample(a, diff=[]) for a in [*(_array(*s) for s in _SHAPES), *_OTHER]],
    doc="`lu_columns(a)` -> (factors, pivots, order, place): a[:, order] = L U with column "
    "exchanges, U unit upper triangular. a (..., n, n); the others (..., n) int32, place the "
    "inverse of order.",
)

lu_columns_inverse = matrix_op(
    "lu_columns_inverse",
    type_rule=_inverse_type,
    one=_inverse_one,
    ranks=(2, 1),
    jvp=_no_derivative("lu_columns_inverse"),
    lower=_inverse_lower,
    alias=0,
    samples=_inverse_samples,
    doc="`lu_columns_inverse(factors, pivots)`: the inverse (..., n, n) of the matrix that "
    "`lu_columns` factored; nan where it is singular.",
)
