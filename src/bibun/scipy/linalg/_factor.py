"""Factorisations, and solutions of systems with them.

Options that only speak of memory or trust (`overwrite_a`, `check_finite`) are accepted and
have no effect. All work on stacks (..., n, n) and are differentiable.
"""

from __future__ import annotations

from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import promote_inexact, value
from bibun.ops import elementwise as el
from bibun.ops import linalg as la

__all__ = [
    "cho_factor", "cho_solve", "cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lu",
    "lu_factor", "lu_solve", "qr", "solve", "solve_triangular", "svd",
]  # fmt: skip


def matrix(name: str, a: Any, square: bool = False) -> Value:
    """A stack of matrices of inexact dtype. Errors: ShapeError for fewer axes, or not square."""
    x = value(name, "a", promote_inexact(name, bnp.asarray(a))[0])
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ShapeError(f"{name}: expected {kind} in the last two axes, got shape {x.shape}")
    return x


def system(name: str, a: Any, b: Any) -> tuple[Value, Value, bool]:
    """(a, b as columns, whether b was a vector), in one dtype, batch axes broadcast."""
    x, y = promote_inexact(name, bnp.asarray(a), bnp.asarray(b))
    x, y = matrix(name, x, True), value(name, "b", y)
    if y.ndim == 0:
        raise ShapeError(f"{name}: b must have at least one axis")
    vector = y.ndim == 1
    if vector:
        y = y[:, None]
    if y.shape[-2] != x.shape[-1]:
        raise ShapeError(f"{name}: a of shape {x.shape} and b of shape {bnp.shape(b)} do not fit")
    lead = bnp.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x = bnp.broadcast_to(x, (*lead, *x.shape[-2:]))
    return x, bnp.broadcast_to(y, (*lead, *y.shape[-2:])), vector


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Value:
    """The determinants of square matrices.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.det(2 * bnp.eye(2)))
    4.0
    """
    return bnp.linalg.det(a)


def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Value:
    """The inverses of square matrices; inf and nan where one is singular.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.inv(2 * bnp.eye(1)))
    [[0.5]]
    """
    return bnp.linalg.inv(a)


def _triangular(a: Value, b: Value, lower: bool, trans: int = 0, unit: bool = False) -> Value:
    return la.triangular_solve(
        a, b, left_side=True, lower=lower, transpose_a=trans != 0, conjugate_a=trans == 2,
        unit_diagonal=unit,
    )  # fmt: skip


_TRANS = {0: 0, "N": 0, 1: 1, "T": 1, 2: 2, "C": 2}


def _trans(name: str, trans: Any) -> int:
    if trans not in _TRANS:
        raise ValueError(f"{name}: trans must be 0, 1, 2, 'N', 'T' or 'C', got {trans!r}")
    return _TRANS[trans]


def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False,
             check_finite: bool = True) -> Value:  # fmt: skip
    """The triangular U with a = Uᴴ U, or L with a = L Lᴴ if `lower`; nan if not definite.

    Reads the upper (lower) triangle only.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.cholesky(bnp.array([[4.0, 2.0], [2.0, 5.0]])))
    [[2. 1.]
     [0. 2.]]
    """
    x = matrix("cholesky", a, True)
    if lower:
        return la.cholesky(_hermitian(x, True))
    return bnp.conjugate(la.cholesky(_hermitian(x, False)).mT)


def _hermitian(x: Value, lower: bool) -> Value:
    """The Hermitian matrix of which x has the lower (upper) triangle."""
    from bibun.ops.families.linalg import hermitian

    return hermitian(x, lower)


def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False,
               check_finite: bool = True) -> tuple[Value, bool]:  # fmt: skip
    """(factor, lower) for `cho_solve`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.cho_factor(4 * bnp.eye(1))[0])
    [[2.]]
    """
    return cholesky(a, lower), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False,
              check_finite: bool = True) -> Value:  # fmt: skip
    """x with a x = b, from `cho_factor(a)`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.cho_solve(linalg.cho_factor(4 * bnp.eye(2)), bnp.ones(2)))
    [0.25 0.25]
    """
    c, lower = c_and_lower
    x, y, vector = system("cho_solve", c, b)
    y = _triangular(x, y, lower, 0 if lower else 2)
    y = _triangular(x, y, lower, 2 if lower else 0)
    return y[..., 0] if vector else y


def solve_triangular(a: Any, b: Any, trans: int | str = 0, lower: bool = False,
                     unit_diagonal: bool = False, overwrite_b: bool = False,
                     check_finite: bool = True) -> Value:  # fmt: skip
    """x with a x = b for triangular a (trans 1: aᵀ x = b, 2: aᴴ x = b).

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> a = bnp.array([[2.0, 0.0], [1.0, 1.0]])
    >>> print(linalg.solve_triangular(a, bnp.array([2.0, 3.0]), lower=True))
    [1. 2.]
    """
    x, y, vector = system("solve_triangular", a, b)
    out = _triangular(x, y, lower, _trans("solve_triangular", trans), unit_diagonal)
    return out[..., 0] if vector else out


def solve(a: Any, b: Any, lower: bool = False, overwrite_a: bool = False,
          overwrite_b: bool = False, check_finite: bool = True, assume_a: str = "gen",
          transposed: bool = False) -> Value:  # fmt: skip
    """x with a x = b (aᵀ x = b if `transposed`).

    assume_a: "gen", "sym", "her" (a full solution; one triangle is read), "pos" (by Cholesky),
    "diagonal", "upper triangular", "lower triangular".

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.solve(4 * bnp.eye(2), bnp.ones(2), assume_a="pos"))
    [0.25 0.25]
    """
    kind = {"general": "gen", "symmetric": "sym", "hermitian": "her", "positive definite": "pos",
            None: "gen"}.get(assume_a, assume_a)  # fmt: skip
    if kind == "pos":
        if transposed:
            b = bnp.conjugate(b)
        out = cho_solve(cho_factor(a, lower), b)
        return bnp.conjugate(out) if transposed else out
    if kind in ("upper triangular", "lower triangular"):
        return solve_triangular(a, b, 1 if transposed else 0, kind.startswith("lower"))
    x, y, vector = system("solve", a, b)
    if kind == "diagonal":
        out = y / bnp.diagonal(x, 0, -2, -1)[..., None]
    elif kind in ("gen", "sym", "her"):
        if kind == "her":
            x = _hermitian(x, lower)
        elif kind == "sym":
            half = bnp.tril(x, -1) if lower else bnp.triu(x, 1)
            x = half + half.mT + x * bnp.eye(x.shape[-1], dtype=x.dtype)
        out = bnp.linalg.solve(x.mT if transposed else x, y)
    else:
        raise ValueError(
            "solve: assume_a must be 'gen', 'sym', 'her', 'pos', 'diagonal', 'upper triangular' or "
            f"'lower triangular', got {assume_a!r}"
        )
    return out[..., 0] if vector else out


def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """(L and U in one matrix, pivots) for `lu_solve`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.lu_factor(2 * bnp.eye(1))[0])
    [[2.]]
    """
    factors, pivots, _ = la.lu(matrix("lu_factor", a))
    return factors, pivots


def lu_solve(lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0, overwrite_b: bool = False,
             check_finite: bool = True) -> Value:  # fmt: skip
    """x with a x = b (trans 1: aᵀ x = b, 2: aᴴ x = b), from `lu_factor(a)`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.lu_solve(linalg.lu_factor(4 * bnp.eye(2)), bnp.ones(2)))
    [0.25 0.25]
    """
    factors, pivots = lu_and_piv
    x, y, vector = system("lu_solve", factors, b)
    how = _trans("lu_solve", trans)
    order = la.lu_pivots_to_permutation(bnp.asarray(pivots), permutation_size=x.shape[-1])
    order = bnp.broadcast_to(order, (*x.shape[:-2], x.shape[-1]))
    if how == 0:
        y = bnp.take_along_axis(y, order[..., None], -2)
        out = _triangular(x, _triangular(x, y, True, unit=True), False)
    else:
        y = _triangular(x, y, False, how)
        y = _triangular(x, y, True, how, unit=True)
        out = bnp.take_along_axis(y, bnp.argsort(order, -1)[..., None], -2)
    return out[..., 0] if vector else out


def lu(a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True,
       p_indices: bool = False) -> Any:  # fmt: skip
    """(P, L, U) with a = P L U; with `permute_l` (P L, U); with `p_indices` P as indices.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> p, l, u = linalg.lu(bnp.array([[0.0, 2.0], [1.0, 0.0]]))
    >>> print(p @ l @ u)
    [[0. 2.]
     [1. 0.]]
    """
    x = matrix("lu", a)
    factors, _, permutation = la.lu(x)
    m, n = x.shape[-2:]
    k = min(m, n)
    left = bnp.tril(factors[..., :, :k], -1) + bnp.eye(m, k, dtype=x.dtype)
    right = bnp.triu(factors[..., :k, :])
    back = bnp.argsort(permutation, -1)
    if permute_l:
        return bnp.take_along_axis(left, back[..., None], -2), right
    if p_indices:
        return back, left, right
    places = bnp.arange(m)
    p = (back[..., :, None] == places).astype(el.real(x).dtype if x.dtype.kind == "c" else x.dtype)
    return p, left, right


def qr(a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
       pivoting: bool = False, check_finite: bool = True) -> Any:  # fmt: skip
    """(Q, R) with a = Q R. mode: "full", "economic", or "r" for (R,) alone.

    With `pivoting` a last result, the order p of columns: a[..., :, p] = Q R, the diagonal of R not
    increasing in modulus.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(abs(linalg.qr(bnp.eye(1))[1]))
    [[1.]]
    """
    if mode not in ("full", "economic", "r"):
        raise ValueError(f"qr: mode must be 'full', 'economic' or 'r', got {mode!r}")
    x, order = matrix("qr", a), ()
    if pivoting:
        order = (la.qr_pivots(x),)
        x = bnp.take_along_axis(x, order[0][..., None, :], -1)
    q, r = la.qr(x, full_matrices=mode != "economic")
    return (r, *order) if mode == "r" else (q, r, *order)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
        check_finite: bool = True, lapack_driver: str = "gesdd") -> Any:  # fmt: skip
    """(U, s, Vh) with a = U diag(s) Vh, or s alone.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.svd(2 * bnp.eye(1), compute_uv=False))
    [2.]
    """
    out = bnp.linalg.svd(matrix("svd", a), full_matrices, compute_uv)
    return tuple(out) if compute_uv else out


def eig(a: Any, b: Any = None, left: bool = False, right: bool = True, overwrite_a: bool = False,
        overwrite_b: bool = False, check_finite: bool = True) -> Any:  # fmt: skip
    """(eigenvalues[, left vectors][, right vectors]) of square matrices, complex.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.eig(bnp.eye(2))[0])
    [1.+0.j 1.+0.j]
    """
    if b is not None:
        raise NotImplementedError("eig: generalised problems are not supported; solve b⁻¹ a")
    out = la.eig(matrix("eig", a, True), compute_left=bool(left), compute_right=bool(right))
    return tuple(out) if left or right else out[0]


def eigvals(a: Any) -> Value:
    """Eigenvalues of square matrices, complex.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.eigvals(bnp.eye(2)))
    [1.+0.j 1.+0.j]
    """
    return eig(a, right=False)


def eigh(a: Any, b: Any = None, lower: bool = True, eigvals_only: bool = False,
         overwrite_a: bool = False, overwrite_b: bool = False, type: int = 1,
         check_finite: bool = True, subset_by_index: Any = None, subset_by_value: None = None,
         driver: str | None = None) -> Any:  # fmt: skip
    """(eigenvalues ascending, eigenvectors) of Hermitian a, or of a v = w b v for definite b.

    type 2: a b v = w v; type 3: b a v = w v. subset_by_index: (first, last), both included.
    Derivatives of vectors need distinct eigenvalues.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.eigh(bnp.diag(bnp.array([3.0, 1.0])), eigvals_only=True))
    [1. 3.]
    """
    if subset_by_value is not None:
        raise NotImplementedError("eigh: subset_by_value has a shape that depends on values")
    x = _hermitian(matrix("eigh", a, True), lower)
    if b is None:
        if eigvals_only and subset_by_index is None:
            return la.eigh(x, lower=True, vectors=False)[0]
        v, w = la.eigh(x, lower=True)
    elif type in (1, 2, 3):
        x, y = promote_inexact("eigh", x, matrix("eigh", b, True))
        # b = L Lᴴ: type 1 is L⁻¹ a L⁻ᴴ u = w u with v = L⁻ᴴ u; 2 and 3 are Lᴴ a L
        factor = la.cholesky(_hermitian(y, lower))
        upper = bnp.conjugate(factor.mT)
        if type == 1:
            inner = _triangular(factor, x, True)
            inner = bnp.conjugate(_triangular(factor, bnp.conjugate(inner.mT), True).mT)
        else:
            inner = upper @ x @ factor
        u, w = la.eigh(_hermitian(inner, True), lower=True)
        if type == 3:
            v = factor @ u
        else:
            v = _triangular(factor, u, True, 2)
    else:
        raise ValueError(f"eigh: type must be 1, 2 or 3, got {type}")
    if subset_by_index is not None:
        first, last = (int(k) for k in subset_by_index)
        w, v = w[..., first : last + 1], v[..., :, first : last + 1]
    return w if eigvals_only else (w, v)


def eigvalsh(a: Any, b: Any = None, lower: bool = True, **options: Any) -> Value:
    """Eigenvalues of Hermitian matrices, ascending; options as of `eigh`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.eigvalsh(bnp.diag(bnp.array([3.0, 1.0]))))
    [1. 3.]
    """
    return eigh(a, b, lower, eigvals_only=True, **options)
