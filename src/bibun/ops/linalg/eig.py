"""`eig(a, *, compute_left, compute_right)`: eigenvalues and vectors of general matrices.

a (..., n, n) -> [w, vl, vr]: w (..., n) complex, in LAPACK's order; the columns of vr satisfy
a vr = vr w, those of vl vlᴴ a = w vlᴴ; each has norm 1 and its largest component real.
Results that are not asked for are left out. All are nan where LAPACK does not converge or a
is not finite. Compiled code calls back into SciPy.

Derivative of w and vr (Boeddeker et al., "On the computation of complex-valued gradients with
application to statistically optimum beamforming", 2017, §4.2): with M = V⁻¹ dA V,
dw = diag M, dV = V (F ∘ M) made to keep the normalisation. Equal eigenvalues: F is 0, as in
`eigh`. Left vectors have none: an error says to use the right vectors of aᴴ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import complex_of
from bibun.errors import DifferentiationError
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import call_host
from bibun.ops.families.linalg import (
    as_row,
    diagonal,
    inverse_gaps,
    matmul,
    matrix_op,
    matrix_type,
    sample_array,
    solve,
)
from bibun.ops.op import Sample


def _type_rule(a: ArrayType, compute_left: bool, compute_right: bool) -> list[ArrayType]:
    dtype = complex_of(matrix_type("eig", a, square=True))
    vectors = ArrayType(a.shape, dtype)
    return [ArrayType(a.shape[:-1], dtype), *[vectors] * (compute_left + compute_right)]


def _one(a: np.ndarray, compute_left: bool, compute_right: bool) -> tuple[np.ndarray, ...]:
    from scipy.linalg import LinAlgError
    from scipy.linalg import eig as scipy_eig

    count = compute_left + compute_right
    try:
        if not np.isfinite(a).all():
            raise LinAlgError("not finite")
        found = scipy_eig(a, left=compute_left, right=compute_right, check_finite=False)
    except LinAlgError:
        return (np.full(a.shape[0], np.nan), *[np.full(a.shape, np.nan)] * count)
    return found if count else (found,)


def _jvp(primals: Any, tangents: Any, compute_left: bool, compute_right: bool) -> Any:
    import bibun.ops.elementwise as e
    from bibun.ops.reduce import reduce_sum

    (a,), (ta,) = primals, tangents
    if compute_left:
        raise DifferentiationError(
            "eig: the derivative of left eigenvectors is not defined here; they are the right "
            "eigenvectors of the conjugate transpose of a, whose derivative is"
        )
    w, v = eig(a, compute_left=False, compute_right=True)
    if ta.dtype != w.dtype:
        ta = e.convert(ta, new_dtype=w.dtype)
    inner = solve(v, matmul(ta, v))
    tw = diagonal(inner)
    if not compute_right:
        return [w], [tw]
    if not v.shape[-1]:
        return [w, v], [tw, ta]  # no column has a phase to turn back
    tv = matmul(v, e.absorb_mul(inner, inverse_gaps(w)))
    # Norm 1: no part of a column's change lies along the column itself.
    rows = len(a.shape) - 2
    along = e.real(reduce_sum(e.mul(e.conj(v), tv), axes=(rows,)))
    tv = e.sub(tv, e.mul(v, as_row(e.convert(along, new_dtype=w.dtype))))
    # The largest component stays real: turn each column back by its change of phase.
    pivot = _largest(v)
    size = reduce_sum(e.select(pivot, 0.0, e.real(v)), axes=(rows,))
    turn = reduce_sum(e.select(pivot, 0.0, e.imag(tv)), axes=(rows,))
    turn = e.absorb_mul(turn, e.div(1.0, size))
    zero = e.mul(turn, 0.0)
    return [w, v], [tw, e.sub(tv, e.mul(v, as_row(e.complex(zero, turn))))]


def _largest(v: Any) -> Any:
    """Mask of the largest component of each column, the first among equals."""
    import bibun.ops.elementwise as e
    from bibun.ops.families.shape import INT64
    from bibun.ops.reduce import argmax
    from bibun.ops.shape import iota

    size = e.add(e.square(e.real(v)), e.square(e.imag(v)))
    where = argmax(size, axes=(len(v.shape) - 2,), index_dtype=INT64)
    return e.eq(iota(shape=v.shape[-2:], dtype=INT64, axis=0), as_row(where))


def _samples() -> list[Sample]:
    def array(*shape: int, dtype: Any = np.float64) -> np.ndarray:
        x = sample_array(*shape, dtype=dtype)
        return (x + np.diag(np.arange(shape[-1]) ** 1.5)).astype(dtype)

    right = {"compute_left": False, "compute_right": True}
    return [
        Sample(array(3, 3), **right), Sample(array(2, 2, 2), **right),
        Sample(array(3, 3, dtype=np.complex128), **right),
        Sample(array(4, 4), compute_left=False, compute_right=False),
        Sample(array(3, 3), compute_left=True, compute_right=True, smooth=False),
        Sample(array(3, 3, dtype=np.float32), **right, smooth=False),
        Sample(np.array([[0.0, 1.0], [-1.0, 0.0]]), **right, smooth=False),
        Sample(np.array([[np.inf, 1.0], [-1.0, 0.0]]), **right, smooth=False),
        Sample(np.zeros((2, 0, 0)), **right, smooth=False),
    ]


eig = matrix_op(
    "eig",
    type_rule=_type_rule,
    one=_one,
    multiple=True,
    jvp=_jvp,
    lower=call_host(lambda: eig),
    samples=_samples,
    doc="`eig(a, *, compute_left, compute_right)` -> [w, vl, vr]: complex eigenvalues and unit "
    "eigenvectors (columns) of a (..., n, n), by LAPACK's geev on the host.",
)
