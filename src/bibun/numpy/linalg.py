"""`bibun.numpy.linalg`: factorisations, solutions, norms, on stacks of matrices."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bibun.array import Value
from bibun.dtypes import real_of
from bibun.errors import ShapeError
from bibun.numpy._common import as_int, axes_tuple, cast, promote_inexact, value
from bibun.numpy.contraction import cross as _cross
from bibun.numpy.contraction import dot, matmul, outer, tensordot, vecdot
from bibun.numpy.contraction import trace as _trace
from bibun.numpy.creation import eye
from bibun.numpy.determinants import det, slogdet
from bibun.numpy.elementwise import abs as abs_
from bibun.numpy.reductions import max as max_
from bibun.numpy.reductions import min as min_
from bibun.numpy.reductions import sum as sum_
from bibun.numpy.shape import (
    broadcast_to,
    expand_dims,
    matrix_transpose,
    moveaxis,
    reshape,
    transpose,
)
from bibun.numpy.solutions import (
    _adjoint,
    _matrix,
    inv,
    lstsq,
    matrix_rank,
    pinv,
    solve,
)
from bibun.numpy.taking import diagonal as _diagonal
from bibun.ops import elementwise as el
from bibun.ops import linalg as la

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals",
    "eigvalsh", "inv", "lstsq", "matmul", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd",
    "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vecdot", "vector_norm",
]  # fmt: skip

LinAlgError = np.linalg.LinAlgError


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors in columns."""

    eigenvalues: Value
    eigenvectors: Value


class EigResult(NamedTuple):
    """Eigenvalues and right eigenvectors in columns."""

    eigenvalues: Value
    eigenvectors: Value


class QRResult(NamedTuple):
    """Orthonormal columns Q and upper triangular R."""

    Q: Value
    R: Value


class SVDResult(NamedTuple):
    """Left vectors in columns, singular values, right vectors in rows."""

    U: Value
    S: Value
    Vh: Value


# ---- factorisations ---------------------------------------------------------------------------


def cholesky(a: Any, *, upper: bool = False, symmetrize_input: bool = True) -> Value:
    """The lower triangular L with a = L Lᴴ (or upper U with a = Uᴴ U).

    nan where a is not positive definite. `symmetrize_input`: (a + aᴴ) / 2 is factored, so
    that the gradient is symmetric; otherwise the lower triangle is read.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.cholesky(bnp.array([[4.0, 2.0], [2.0, 5.0]])))
    [[2. 0.]
     [1. 2.]]
    """
    x = _matrix("cholesky", a, True)
    if upper and not symmetrize_input:
        x = _adjoint(x)
    lower = la.cholesky(x, symmetrize=bool(symmetrize_input))
    return _adjoint(lower) if upper else lower


def _symmetric(x: Value) -> Value:
    return el.mul(el.add(x, _adjoint(x)), x.dtype.type(0.5))


def qr(a: Any, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and upper triangular R, a = Q R.

    mode: "reduced", "complete" (Q square), "r" (R alone).

    >>> import bibun.numpy as bnp
    >>> q, r = bnp.linalg.qr(bnp.eye(2))
    >>> print(abs(r))
    [[1. 0.]
     [0. 1.]]
    """
    if mode not in ("reduced", "complete", "full", "r"):
        raise ValueError(f"qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    q, r = la.qr(_matrix("qr", a), full_matrices=mode in ("complete", "full"))
    return r if mode == "r" else QRResult(q, r)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False, *,
        subset_by_index: tuple[int, int] | None = None) -> Any:  # fmt: skip
    """Singular values (descending) and vectors: a = U diag(S) Vh.

    subset_by_index: (first, last + 1) of the singular values to give, with their vectors; not
    with full_matrices. `hermitian` promises that the matrices are; the algorithm is the same.
    Derivatives of vectors need distinct singular values.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.svd(bnp.diag(bnp.array([1.0, 2.0])), compute_uv=False))
    [2. 1.]
    """
    x = _matrix("svd", a)
    part = _subset("svd", subset_by_index, min(x.shape[-2:]))
    if not compute_uv:
        return la.svd(x, full_matrices=False, compute_uv=False)[0][..., part]
    if full_matrices and subset_by_index is not None:
        raise ValueError("svd: subset_by_index= needs full_matrices=False")
    s, u, vh = la.svd(x, full_matrices=bool(full_matrices), compute_uv=True)
    if subset_by_index is None:
        return SVDResult(u, s, vh)
    return SVDResult(u[..., part], s[..., part], vh[..., part, :])


def _subset(name: str, given: Any, n: int) -> slice:
    """(first, last + 1) among n values, as a slice; all of them for None."""
    if given is None:
        return slice(0, n)
    first, last = (as_int(name, "subset_by_index", k) for k in given)
    if not 0 <= first < last <= n:
        raise ValueError(f"{name}: subset_by_index {tuple(given)} is not a range of 0 to {n}")
    return slice(first, last)


def svdvals(x: Any, /) -> Value:
    """Singular values, descending.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.svdvals(2 * bnp.eye(2)))
    [2. 2.]
    """
    return svd(x, compute_uv=False)


def eigh(a: Any, UPLO: str | None = None, symmetrize_input: bool = True) -> EighResult:
    """Eigenvalues (ascending) and eigenvectors of symmetric or Hermitian matrices.

    Derivatives of vectors need distinct eigenvalues.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.eigh(bnp.diag(bnp.array([3.0, 1.0]))).eigenvalues)
    [1. 3.]
    """
    if UPLO not in (None, "L", "U"):
        raise ValueError(f"eigh: UPLO must be 'L' or 'U', got {UPLO!r}")
    x = _matrix("eigh", a, True)
    if symmetrize_input:
        x = _symmetric(x)
    v, w = la.eigh(x, lower=UPLO != "U")
    return EighResult(w, v)


def eigvalsh(a: Any, UPLO: str | None = "L", *, symmetrize_input: bool = True) -> Value:
    """Eigenvalues of symmetric or Hermitian matrices, ascending.

    symmetrize_input: of (a + aᴴ) / 2; otherwise the triangle `UPLO` is read.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.eigvalsh(bnp.diag(bnp.array([3.0, 1.0]))))
    [1. 3.]
    """
    if UPLO not in (None, "L", "U"):
        raise ValueError(f"eigvalsh: UPLO must be 'L' or 'U', got {UPLO!r}")
    x = _matrix("eigvalsh", a, True)
    if symmetrize_input:
        x = _symmetric(x)
    return la.eigh(x, lower=UPLO != "U", vectors=False)[0]


def eig(a: Any) -> EigResult:
    """Eigenvalues and eigenvectors of square matrices, complex; computed on the host.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.eig(bnp.eye(2)).eigenvalues)
    [1.+0.j 1.+0.j]
    """
    w, v = la.eig(_matrix("eig", a, True), compute_left=False, compute_right=True)
    return EigResult(w, v)


def eigvals(a: Any) -> Value:
    """Eigenvalues of square matrices, complex.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.eigvals(bnp.eye(2)))
    [1.+0.j 1.+0.j]
    """
    return la.eig(_matrix("eigvals", a, True), compute_left=False, compute_right=False)[0]


def cond(x: Any, p: Any = None) -> Value:
    """The condition number: by singular values, or norm(x) norm(x⁻¹) for another norm.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.cond(bnp.diag(bnp.array([1.0, 4.0]))))
    4.0
    """
    x = _matrix("cond", x)
    if 0 in x.shape[-2:]:
        raise ShapeError(f"cond: not defined for matrices without elements, got shape {x.shape}")
    if p in (None, 2, -2):
        s = svd(x, compute_uv=False)
        return el.div(s[..., -1], s[..., 0]) if p == -2 else el.div(s[..., 0], s[..., -1])
    return norm(x, p, axis=(-2, -1)) * norm(inv(x), p, axis=(-2, -1))


# ---- norms ------------------------------------------------------------------------------------


def _root(total: Value) -> Value:
    """sqrt whose derivative at 0 is 0, the subgradient of least norm."""
    zero, one = total.dtype.type(0), total.dtype.type(1)
    null = el.eq(total, zero)
    return el.select(null, el.sqrt(el.select(null, total, one)), zero)


def _squares(x: Value) -> Value:
    if x.dtype.kind == "c":
        return el.add(el.square(el.real(x)), el.square(el.imag(x)))
    return el.square(x)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Value:
    """A norm of vectors or matrices; the Euclidean (Frobenius) one by default.

    ord: for vectors a number, inf, -inf or 0; for matrices "fro", "nuc", 1, -1, 2, -2, inf,
    -inf. The gradient of the Euclidean norm at 0 is 0.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.norm(bnp.array([3.0, 4.0])))
    5.0
    """
    (x,) = promote_inexact("norm", x)
    x = value("norm", "x", x)
    if axis is None and ord is None:
        return _root(sum_(_squares(x), keepdims=keepdims))
    if axis is None and x.ndim > 2:
        raise ShapeError(f"norm: ord={ord!r} of an array of shape {x.shape} needs axis=")
    if isinstance(axis, tuple | list):
        axes = tuple(int(k) % x.ndim for k in axis)
    else:
        axes = axes_tuple("norm", axis, x.ndim)
    if len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) != 2:
        raise ShapeError(f"norm: one or two axes have a norm, got {axes}")
    lines = moveaxis(x, axes, (-2, -1))
    out = matrix_norm(lines, ord="fro" if ord is None else ord)
    return expand_dims(out, tuple(sorted(axes))) if keepdims else out


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Value:
    """A vector norm along axes, all of them by default.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.vector_norm(bnp.array([3.0, -4.0]), ord=1))
    7.0
    """
    (x,) = promote_inexact("vector_norm", x)
    x = value("vector_norm", "x", x)
    axes = axes_tuple("vector_norm", axis, x.ndim)
    if isinstance(ord, str):
        raise ValueError(f"norm: {ord!r} is a norm of matrices, not of vectors")
    if ord == 2:
        return _root(sum_(_squares(x), axes, keepdims=keepdims))
    if ord == math.inf:
        return max_(abs_(x), axes, keepdims=keepdims)
    if ord == -math.inf:
        return min_(abs_(x), axes, keepdims=keepdims)
    if ord == 0:
        zero = x.dtype.type(0)
        return cast(sum_(el.ne(x, zero), axes, keepdims=keepdims), real_of(x.dtype))
    if ord == 1:
        return sum_(abs_(x), axes, keepdims=keepdims)
    return sum_(abs_(x) ** ord, axes, keepdims=keepdims) ** (1.0 / ord)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Value:
    """A matrix norm of the last two axes.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.matrix_norm(bnp.eye(4)))
    2.0
    """
    x = _matrix("matrix_norm", x)
    if ord in ("fro", "f"):
        out = _root(sum_(_squares(x), (-2, -1)))
    elif ord == "nuc":
        out = sum_(svd(x, compute_uv=False), -1)
    elif ord in (2, -2):
        out = (max_ if ord > 0 else min_)(svd(x, compute_uv=False), -1)
    elif ord in (1, -1):
        out = (max_ if ord > 0 else min_)(sum_(abs_(x), -2), -1)
    elif ord in (math.inf, -math.inf):
        out = (max_ if ord > 0 else min_)(sum_(abs_(x), -1), -1)
    else:
        raise ValueError(f"norm: {ord!r} is not a norm of matrices")
    return expand_dims(out, (out.ndim, out.ndim + 1)) if keepdims else out


# ---- products ---------------------------------------------------------------------------------


def matrix_power(a: Any, n: int) -> Value:
    """The n-th power by repeated squaring; n may be negative.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.matrix_power(bnp.array([[1, 1], [0, 1]]), 3))
    [[1 3]
     [0 1]]
    """
    x = value("matrix_power", "a", a)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"matrix_power: expected square matrices, got shape {x.shape}")
    n = as_int("matrix_power", "n", n)
    if n < 0:
        x, n = inv(x), -n
    out: Any = None
    while n:
        if n & 1:
            out = x if out is None else matmul(out, x)
        n >>= 1
        x = matmul(x, x) if n else x
    return broadcast_to(eye(x.shape[-1], dtype=x.dtype), x.shape) if out is None else out


def multi_dot(arrays: Sequence[Any], *, precision: Any = None) -> Value:
    """The product of several matrices in the cheapest order.

    >>> import bibun.numpy as bnp
    >>> bnp.linalg.multi_dot([bnp.ones((2, 3)), bnp.ones((3, 4)), bnp.ones(4)]).shape
    (2,)
    """
    xs = [value("multi_dot", "arrays", a) for a in arrays]
    if len(xs) < 2:
        raise ShapeError("multi_dot: needs at least two arrays")
    sizes = [1 if xs[0].ndim == 1 else xs[0].shape[0]]
    sizes += [x.shape[0] if x.ndim == 1 and k < len(xs) - 1 else x.shape[0]
              for k, x in enumerate(xs) if k]  # fmt: skip
    sizes.append(1 if xs[-1].ndim == 1 else xs[-1].shape[-1])

    @functools.cache
    def best(i: int, j: int) -> tuple[int, int]:
        if i == j:
            return 0, i
        return min(
            (best(i, k)[0] + best(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
            for k in range(i, j)
        )

    def product(i: int, j: int) -> Value:
        if i == j:
            return xs[i]
        k = best(i, j)[1]
        return dot(product(i, k), product(k + 1, j))

    return product(0, len(xs) - 1)


def tensorinv(a: Any, ind: int = 2) -> Value:
    """The inverse of a tensor as a map from its last axes to its first `ind`.

    >>> import bibun.numpy as bnp
    >>> bnp.linalg.tensorinv(bnp.reshape(bnp.eye(4), (2, 2, 4)), 2).shape
    (4, 2, 2)
    """
    x = value("tensorinv", "a", a)
    n = math.prod(x.shape[:ind])
    return reshape(inv(reshape(x, (n, -1))), (*x.shape[ind:], *x.shape[:ind]))


def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Value:
    """x with tensordot(a, x, x.ndim) = b.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.tensorsolve(bnp.eye(2), bnp.ones(2)))
    [1. 1.]
    """
    x, y = value("tensorsolve", "a", a), value("tensorsolve", "b", b)
    if axes is not None:
        rest = [k for k in range(x.ndim) if k not in axes]
        x = transpose(x, [*rest, *axes])
    shape = x.shape[y.ndim :]
    return reshape(solve(reshape(x, (-1, math.prod(shape))), reshape(y, (-1,))), shape)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Value:
    """Sum of the diagonal of the last two axes.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.trace(bnp.eye(3)))
    3.0
    """
    return _trace(x, offset, -2, -1, dtype)


def diagonal(x: Any, /, *, offset: int = 0) -> Value:
    """The diagonal of the last two axes.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.diagonal(bnp.eye(2)))
    [1. 1.]
    """
    return _diagonal(x, offset, -2, -1)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Value:
    """Cross product of vectors of three components.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.cross(bnp.array([1, 0, 0]), bnp.array([0, 1, 0])))
    [0 0 1]
    """
    return _cross(x1, x2, axis=axis)


