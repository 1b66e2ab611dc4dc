"""`schur(a)`: a = Z T Zᴴ with Z orthogonal (unitary) and T upper triangular.

a (..., n, n) -> [t, z]. For real a, T has a 2 by 2 block on its diagonal for each pair of complex
eigenvalues. Both are nan where LAPACK does not converge or a is not finite. Compiled code calls
back into SciPy.

No derivative: the order of the eigenvalues, and T with it, jumps where they cross, and blocks come
and go. Functions of matrices have derivatives of their own (`bibun.scipy.linalg.funm`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import DifferentiationError
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import call_host
from bibun.ops.families.linalg import matrix_op, matrix_type, sample_array
from bibun.ops.op import Sample


def _type_rule(a: ArrayType) -> list[ArrayType]:
    dtype = matrix_type("schur", a, square=True)
    return [ArrayType(a.shape, dtype)] * 2


def _one(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.linalg import LinAlgError
    from scipy.linalg import schur as scipy_schur

    try:
        t, z = scipy_schur(a, output="real" if a.dtype.kind == "f" else "complex")
    except (LinAlgError, ValueError):  # no convergence; not finite
        return np.full_like(a, np.nan), np.full_like(a, np.nan)
    return t, z


def _jvp(primals: Any, tangents: Any) -> Any:
    raise DifferentiationError(
        "schur: the Schur form has no derivative here (it jumps where eigenvalues cross); "
        "functions of matrices (expm, sqrtm, logm, funm) and solve_sylvester have theirs"
    )


def _samples() -> list[Sample]:
    return [
        Sample(x, diff=[])
        for x in (
            sample_array(1, 1), sample_array(4, 4), sample_array(2, 3, 3),
            sample_array(3, 3, dtype=np.complex128), sample_array(3, 3, dtype=np.float32),
            np.full((2, 2), np.nan), np.zeros((2, 0, 0)),
        )
    ]  # fmt: skip


schur = matrix_op(
    "schur",
    type_rule=_type_rule,
    one=_one,
    multiple=True,
    jvp=_jvp,
    lower=call_host(lambda: schur),
    samples=_samples,
    doc="`schur(a)` -> [t, z]: a = z t zᴴ, t (quasi-)upper triangular, z orthogonal; (..., n, n).",
)
