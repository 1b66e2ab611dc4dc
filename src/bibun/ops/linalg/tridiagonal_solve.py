"""`tridiagonal_solve(dl, d, du, b)`: x with T x = b for tridiagonal T.

dl, d, du (..., n) are the diagonals below, on and above the main one, element i in row i of T:
dl[0] and du[n-1] are not read. b (..., n, m). By elimination with row exchanges (LAPACK's gtsv),
8 n operations and more for each column; inf or nan where T is singular.

Linear in b. The transpose has the outer diagonals exchanged, each moved by a row.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun.errors import ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import INEXACT, check_dtype
from bibun.ops.families.linalg import (
    LETTER,
    copy_transposed,
    failed,
    matrix_op,
    per_matrix,
    routine,
)
from bibun.ops.families.shape import result_type
from bibun.ops.op import Sample, is_linear


def _type_rule(dl: ArrayType, d: ArrayType, du: ArrayType, b: ArrayType) -> ArrayType:
    dtype = check_dtype("tridiagonal_solve", (dl, d, du, b), INEXACT)
    if not dl.shape == d.shape == du.shape or b.ndim < 2 or b.shape[:-1] != d.shape:
        raise ShapeError(
            "tridiagonal_solve: expected diagonals (..., n) of one shape and b (..., n, m), got "
            f"shapes {dl.shape}, {d.shape}, {du.shape} and {b.shape}"
        )
    return result_type(b.shape, dtype, dl, d, du, b)


def _one(dl: np.ndarray, d: np.ndarray, du: np.ndarray, b: np.ndarray) -> np.ndarray:
    if len(d) == 1:
        return b / d
    *_, x, info = routine("gtsv", b.dtype)(dl[1:], d, du[:-1], b)
    return x if info == 0 else np.full_like(b, np.nan)


def _moved(x: Any, by: int) -> Any:
    """x[..., i - by, :], zero from outside."""
    from bibun.ops.shape import pad

    rows = len(x.shape) - 2
    config = [(0, 0, 0)] * len(x.shape)
    config[rows] = (by, -by, 0)
    return pad(x, x.dtype.type(0), config=tuple(config))


def _jvp(primals: Any, tangents: Any) -> Any:
    from bibun.ops.elementwise import mul, neg, sub
    from bibun.ops.families.linalg import as_column

    (dl, d, du, b), (tl, td, tu, right) = primals, tangents
    x = tridiagonal_solve(dl, d, du, b)
    for t, by in ((tl, 1), (td, 0), (tu, -1)):
        if t is not None:
            moved = mul(as_column(t), _moved(x, by) if by else x)
            right = neg(moved) if right is None else sub(right, moved)
    return x, tridiagonal_solve(dl, d, du, right)


def _transpose(ct: Any, dl: Any, d: Any, du: Any, b: Any) -> Any:
    from bibun.ops.families.linalg import as_column
    from bibun.ops.shape import squeeze

    assert is_linear(b)

    def moved(v: Any, by: int) -> Any:
        return squeeze(_moved(as_column(v), by), axes=(len(v.shape),))

    return None, None, None, tridiagonal_solve(moved(du, 1), d, moved(dl, -1), ct)


def _lower(b: Any, ins: Any, outs: Any) -> None:
    (n, m), dtype = outs[0].shape[-2:], outs[0].dtype
    if 0 in outs[0].shape:
        return
    copies = [b.scratch(n, dtype) for _ in range(3)]
    columns = b.scratch(n * m, dtype) if m > 1 else None
    nan = b.const(math.nan, dtype)

    def body(p: list[str]) -> None:
        *diagonals, x = p
        for copy, source in zip(copies, diagonals, strict=True):
            b.copy(copy, source, n, dtype)
        below = b.offset(copies[0], 1, dtype)
        if columns is not None:
            copy_transposed(b, columns, x, n, m, dtype)
        size, info = b.ref(n), b.ref(0)
        b.call(
            LETTER[dtype.name] + "gtsv",
            [size, b.ref(m), below, copies[1], copies[2], columns or x, size, info],
        )  # fmt: skip
        if columns is not None:
            copy_transposed(b, x, columns, m, n, dtype)
        b.if_(failed(b, info), lambda: b.fill(x, nan, n * m))

    per_matrix(b, ins[:3], outs, (1, 1, 1, 2), body)


def _samples() -> list[Sample]:
    def sample(*shape: int, dtype: Any = np.float64, **options: Any) -> Sample:
        x = np.sin(np.arange(3 * math.prod(shape[:-1])) * 1.7 + 1).reshape(3, *shape[:-1])
        b = np.cos(np.arange(math.prod(shape)) * 2.1).reshape(shape)
        if np.dtype(dtype).kind == "c":
            x, b = x + 1j * x[::-1] * 0.5, b * (1 - 2j)
        return Sample(*(v.astype(dtype) for v in (x[0], x[1] + 3, x[2], b)), **options)

    return [
        sample(4, 1), sample(5, 3), sample(1, 2), sample(2, 1), sample(2, 3, 4, 2),
        sample(4, 2, dtype=np.complex128), sample(4, 1, dtype=np.float32),
        sample(40, 33, smooth=False), sample(3, 0, smooth=False), sample(0, 2, smooth=False),
        sample(0, 3, 2, smooth=False),
        Sample(np.zeros(3), np.zeros(3), np.zeros(3), np.ones((3, 1)), diff=[]),
    ]  # fmt: skip


tridiagonal_solve = matrix_op(
    "tridiagonal_solve",
    type_rule=_type_rule,
    one=_one,
    ranks=(1, 1, 1, 2),
    jvp=_jvp,
    transpose=_transpose,
    lower=_lower,
    alias=3,
    samples=_samples,
    doc="`tridiagonal_solve(dl, d, du, b)`: x with T x = b, T tridiagonal with diagonals (..., n) "
    "whose element i is in row i; b (..., n, m). nan where T is singular.",
)
