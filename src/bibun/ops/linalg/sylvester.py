"""`sylvester(a, b, c)`: the x with a x + x b = c.

a (..., m, m), b (..., n, n), c (..., m, n). One solution exists where no eigenvalue of a is minus
one of b; otherwise the result is inf or nan. By Schur forms and LAPACK's trsyl (Bartels and
Stewart, "Solution of the matrix equation AX + XB = C", Comm. ACM 15, 1972), in SciPy's routines:
compiled code calls back.

Linear in c; in a and b, dx solves a dx + dx b = dc - da x - x db. The transpose is the same
equation with a and b transposed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import call_host
from bibun.ops.families.linalg import flip, matmul, matrix_op, matrix_type, routine, sample_array
from bibun.ops.families.shape import result_type
from bibun.ops.op import Sample, is_linear


def _type_rule(a: ArrayType, b: ArrayType, c: ArrayType) -> ArrayType:
    dtype = matrix_type("sylvester", a, b, c, square=True)
    if b.shape[-1] != b.shape[-2] or c.shape[-2:] != (a.shape[-1], b.shape[-1]):
        raise ShapeError(
            f"sylvester: expected a (m, m), b (n, n) and c (m, n), got shapes {a.shape}, "
            f"{b.shape}, {c.shape}"
        )
    return result_type(c.shape, dtype, a, b, c)


def _one(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    from scipy.linalg import LinAlgError, schur

    form = "real" if c.dtype.kind == "f" else "complex"
    try:
        (r, u), (s, v) = schur(a, output=form), schur(b, output=form)
    except (LinAlgError, ValueError):  # not finite, or no convergence
        return np.full_like(c, np.nan)
    inner = u.conj().T @ c @ v
    y, scale, info = routine("trsyl", c.dtype)(r, s, inner)
    if info != 0:  # an eigenvalue of a is minus one of b, and was perturbed
        return np.full_like(c, np.nan)
    return (u @ (y * (1 / scale)) @ v.conj().T).astype(c.dtype, copy=False)


def _jvp(primals: Any, tangents: Any) -> Any:
    from bibun.ops.elementwise import neg, sub

    (a, b, c), (ta, tb, right) = primals, tangents
    x = sylvester(a, b, c)
    for moved in (
        None if ta is None else matmul(ta, x), None if tb is None else matmul(x, tb)
    ):  # fmt: skip
        if moved is not None:
            right = neg(moved) if right is None else sub(right, moved)
    return x, sylvester(a, b, right)


def _transpose(ct: Any, a: Any, b: Any, c: Any) -> Any:
    assert is_linear(c)
    return None, None, sylvester(flip(a), flip(b), ct)


def _samples() -> list[Sample]:
    def sample(m: int, n: int, *batch: int, dtype: Any = np.float64, **options: Any) -> Sample:
        a = sample_array(*batch, m, m, dtype=dtype) + 3 * np.eye(m)
        b = sample_array(*batch, n, n, dtype=dtype)[..., ::-1, :] + 2 * np.eye(n)
        c = sample_array(*batch, m, n, dtype=dtype)
        return Sample(*(x.astype(dtype) for x in (a, b, c)), **options)

    return [
        sample(3, 2), sample(1, 1), sample(2, 3, 2), sample(4, 4, dtype=np.complex128),
        sample(3, 3, dtype=np.float32, smooth=False), sample(2, 2, 0, smooth=False),
        sample(0, 2, smooth=False), sample(3, 0, 2, smooth=False),
        Sample(np.eye(2), -np.eye(2), np.ones((2, 2)), smooth=False, diff=[]),
        Sample(np.full((2, 2), np.nan), np.eye(2), np.ones((2, 2)), smooth=False, diff=[]),
    ]  # fmt: skip


sylvester = matrix_op(
    "sylvester",
    type_rule=_type_rule,
    one=_one,
    ranks=(2, 2, 2),
    jvp=_jvp,
    transpose=_transpose,
    lower=call_host(lambda: sylvester),
    samples=_samples,
    doc="`sylvester(a, b, c)`: x with a x + x b = c. a (..., m, m), b (..., n, n), c (..., m, n); "
    "nan where an eigenvalue of a is minus one of b.",
)
