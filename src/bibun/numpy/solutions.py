"""Solutions of linear systems and inverses: parts of `linalg` with rules of their own.

Solutions are differentiated as solutions, not through the factorisation: with x = A⁻¹ b,
dx = A⁻¹ (db - dA x), with the factors of A used again; likewise inverses, d(A⁻¹) = -A⁻¹ dA A⁻¹,
and pseudo-inverses (Golub & Pereyra 1973). So every order of derivative needs one
factorisation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.dtypes import default_int, real_of
from bibun.errors import ShapeError
from bibun.numpy._common import cast, promote_inexact, value
from bibun.numpy.contraction import matmul
from bibun.numpy.creation import eye, zeros
from bibun.numpy.elementwise import abs as abs_
from bibun.numpy.elementwise import conjugate
from bibun.numpy.reductions import max as max_
from bibun.numpy.reductions import sum as sum_
from bibun.numpy.shape import (
    broadcast_to,
    expand_dims,
    matrix_transpose,
)
from bibun.numpy.taking import take_along_axis
from bibun.ops import elementwise as el
from bibun.ops import linalg as la
from bibun.ops import shape as sh

__all__ = ["inv", "lstsq", "matrix_rank", "pinv", "solve"]


def _matrix(name: str, a: Any, square: bool = False) -> Value:
    (x,) = promote_inexact(name, a)
    x = value(name, "a", x)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ShapeError(f"{name}: expected {kind} (in the last two axes), got shape {x.shape}")
    return x


def _adjoint(x: Value) -> Value:
    return conjugate(matrix_transpose(x))


def _times(v: Value, scale: Value) -> Value:
    """Columns scaled."""
    return el.mul(v, expand_dims(cast(scale, v.dtype), scale.ndim - 1))


def _triangular(a: Value, b: Value, lower: bool, unit: bool, transposed: bool) -> Value:
    return la.triangular_solve(
        a, b, left_side=True, lower=lower, transpose_a=transposed, conjugate_a=False,
        unit_diagonal=unit,
    )  # fmt: skip


def _rows(b: Value, permutation: Value) -> Value:
    places = expand_dims(permutation, permutation.ndim)
    return take_along_axis(b, places, -2, mode="promise_in_bounds")


@functools.lru_cache(maxsize=512)
def _solver_programs(a: Any, lu: Any, order: Any, b: Any) -> dict[str, Any]:
    """The programs of `linear_solve` for A[:, order] = L U, in terms of (A, LU, order, place, b).

    With P the matrix of the exchanges, A P = L U: x = P U⁻¹ L⁻¹ b, and of the transposed
    system w = L⁻ᵀ U⁻ᵀ Pᵀ c.
    """
    from bibun.trace.stage import stage_program

    def program(a_: Any, lu_: Any, order_: Any, place: Any, v: Any) -> list[Any]:
        v = _triangular(lu_, _triangular(lu_, v, True, False, False), False, True, False)
        return [_rows(v, place)]

    def adjoint(a_: Any, lu_: Any, order_: Any, place: Any, v: Any) -> list[Any]:
        v = _triangular(lu_, _rows(v, order_), False, True, True)
        return [_triangular(lu_, v, True, False, True)]

    def matvec(a_: Any, lu_: Any, order_: Any, place: Any, v: Any) -> list[Any]:
        return [matmul(a_, v)]

    def rmatvec(a_: Any, lu_: Any, order_: Any, place: Any, v: Any) -> list[Any]:
        return [matmul(matrix_transpose(a_), v)]

    types = [a, lu, order, order, b]
    return {
        f.__name__: stage_program(f, types, f.__name__)
        for f in (program, adjoint, matvec, rmatvec)
    }


def _factored_solve(a: Value, factors: Any, b: Value) -> Value:
    """A⁻¹ b by the `lu_columns` of A, which take no part in derivatives."""
    from bibun.ops.control.linear_solve import linear_solve

    lu, _, order, place = factors
    types = (a.type.strong(), lu.type.strong(), order.type, b.type.strong())
    programs = _solver_programs(*types)
    return linear_solve(a, lu, order, place, b, num_consts=4, name="solve", **programs)[0]


@functools.cache
def inverse_rule() -> Callable[..., Any]:
    """(a, its factors, their pivots) -> a⁻¹, whose derivative is two products."""
    from bibun.transforms import custom_jvp

    def factored_inverse(a: Any, lu: Any, pivots: Any) -> Any:
        return la.lu_columns_inverse(lu, pivots)

    f = custom_jvp(factored_inverse)

    @f.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        x = f(*primals)
        return x, el.neg(matmul(matmul(x, tangents[0]), x))

    return f


def _stacked(name: str, a: Value, b: Value) -> tuple[Value, Value]:
    """Batch axes broadcast against each other."""
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(f"{name}: a of shape {a.shape} and b of shape {b.shape} do not fit")
    try:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"{name}: batch axes of shapes {a.shape} and {b.shape} do not broadcast"
        ) from None
    return broadcast_to(a, (*lead, *a.shape[-2:])), broadcast_to(b, (*lead, *b.shape[-2:]))


def constant(x: Any) -> Any:
    from bibun.transforms import stop_gradient

    return stop_gradient(x)


def solve(a: Any, b: Any) -> Value:
    """x with a x = b, by LU with partial pivoting; inf and nan where a is singular.

    a: (..., n, n); b: (n,) a vector, or (..., n, m).

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.solve(bnp.array([[2.0, 0.0], [0.0, 4.0]]), bnp.array([2.0, 4.0])))
    [1. 1.]
    """
    x, y = promote_inexact("solve", a, b)
    x = _matrix("solve", x, True)
    y = value("solve", "b", y)
    if y.ndim == 0:
        raise ShapeError("solve: b must have at least one axis")
    vector = y.ndim == 1
    x, y = _stacked("solve", x, expand_dims(y, 1) if vector else y)
    out = _factored_solve(x, la.lu_columns(constant(x)), y)
    return sh.squeeze(out, axes=(out.ndim - 1,)) if vector else out


def inv(a: Any) -> Value:
    """The inverse of square matrices. To apply one, `solve` is faster and more accurate.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.inv(bnp.array([[2.0, 0.0], [0.0, 4.0]])))
    [[0.5  0.  ]
     [0.   0.25]]
    """
    x = _matrix("inv", a, True)
    lu, pivots, *_ = la.lu_columns(constant(x))
    return inverse_rule()(x, lu, pivots)


@functools.cache
def _pseudoinverse_rule() -> Callable[..., Any]:
    from bibun.transforms import custom_jvp

    def pseudo_inverse(a: Any, cutoff: Any) -> Any:
        s, u, vh = la.svd(a, full_matrices=False, compute_uv=True)
        limit = el.mul(max_(s, -1, keepdims=True, initial=0.0), expand_dims(cutoff, cutoff.ndim))
        keep = el.gt(s, limit)
        zero, one = s.dtype.type(0), s.dtype.type(1)
        inverse = el.select(keep, zero, el.div(one, el.select(keep, one, s)))
        return matmul(_times(_adjoint(vh), inverse), _adjoint(u))

    f = custom_jvp(pseudo_inverse)

    @f.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        a, cutoff = primals
        da = tangents[0]
        p = f(a, cutoff)
        # Golub & Pereyra, "The differentiation of pseudo-inverses", SIAM J. Num. Anal. 1973.
        m, n = a.shape[-2:]
        outside = el.sub(eye(m, dtype=a.dtype), matmul(a, p))
        inside = el.sub(eye(n, dtype=a.dtype), matmul(p, a))
        dh = _adjoint(da)
        change = el.neg(matmul(matmul(p, da), p))
        change = el.add(change, matmul(matmul(matmul(p, _adjoint(p)), dh), outside))
        return p, el.add(change, matmul(matmul(inside, dh), matmul(_adjoint(p), p)))

    return f


def pinv(a: Any, rtol: Any = None, hermitian: bool = False, *, rcond: Any = None) -> Value:
    """The Moore-Penrose inverse; singular values below rtol times the largest count as 0.

    `hermitian` promises that the matrices are; the algorithm is the same. The derivative takes the
    rank as constant.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.pinv(bnp.array([[2.0], [0.0]])))
    [[0.5 0. ]]
    """
    x = _matrix("pinv", a)
    tolerance = rcond if rtol is None else rtol
    if tolerance is None:
        tolerance = 10.0 * max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    cutoff = cast(value("pinv", "rtol", tolerance), real_of(x.dtype))
    return _pseudoinverse_rule()(x, cutoff)


def lstsq(a: Any, b: Any, rcond: Any = None, *, numpy_resid: bool = False) -> Any:
    """(x, residuals, rank, singular values) of the least-squares problem min |a x - b|.

    >>> import bibun.numpy as bnp
    >>> x, *_ = bnp.linalg.lstsq(bnp.eye(2), bnp.array([1.0, 2.0]))
    >>> print(x)
    [1. 2.]
    """
    x, y = promote_inexact("lstsq", a, b)
    x, y = value("lstsq", "a", x), value("lstsq", "b", y)
    if x.ndim != 2 or y.ndim not in (1, 2) or x.shape[0] != y.shape[0]:
        raise ShapeError(f"lstsq: a of shape {x.shape} and b of shape {y.shape} do not fit")
    m, n = x.shape
    if rcond is None:
        rcond = max(m, n) * float(np.finfo(x.dtype).eps)
    s = la.svd(constant(x), full_matrices=False, compute_uv=False)[0]
    rank = sum_(el.gt(s, rcond * max_(s, initial=0.0)))
    solution = matmul(pinv(x, rcond), y)
    left = el.sub(matmul(x, solution), y)
    columns = left if left.ndim == 2 else expand_dims(left, 1)
    residuals = sum_(abs_(columns) ** 2, 0)
    if m <= n or (numpy_resid and int(rank) < n):
        residuals = zeros(0, residuals.dtype)
    return solution, residuals, rank, s


def matrix_rank(M: Any, rtol: Any = None, *, tol: Any = None,
                hermitian: bool = False) -> Value:  # fmt: skip
    """How many singular values are above rtol times the largest (or above tol).

    `hermitian` promises that the matrices are; the algorithm is the same.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.matrix_rank(bnp.ones((2, 2))))
    1
    """
    (x,) = promote_inexact("matrix_rank", M)
    x = value("matrix_rank", "M", x)
    if x.ndim < 2:
        return cast(el.ne(max_(abs_(x)), real_of(x.dtype).type(0)), default_int())
    s = la.svd(x, full_matrices=False, compute_uv=False)[0]
    if tol is None:
        factor = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps) if rtol is None else rtol
        tol = max_(s, -1, keepdims=True, initial=0.0) * factor
    return sum_(el.gt(s, cast(value("matrix_rank", "tol", tol), s.dtype)), -1)
