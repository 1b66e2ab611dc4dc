"""Matrices of special structure: block diagonal, Toeplitz and their kin."""

from __future__ import annotations

from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import as_int, promote_args, value

__all__ = [
    "block_diag", "circulant", "companion", "hadamard", "hankel", "hilbert", "khatri_rao",
    "toeplitz",
]  # fmt: skip


def block_diag(*arrs: Any) -> Value:
    """A matrix with the given ones along its diagonal, 0 elsewhere; vectors are rows.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.block_diag(bnp.ones((1, 2)), 5.0))
    [[1. 1. 0.]
     [0. 0. 5.]]
    """
    if not arrs:
        return bnp.zeros((1, 0))
    blocks = [bnp.atleast_2d(bnp.asarray(a)) for a in arrs]
    if any(b.ndim != 2 for b in blocks):
        raise ShapeError(f"block_diag: expected matrices, got shapes {[b.shape for b in blocks]}")
    blocks = promote_args("block_diag", *blocks)
    width = sum(b.shape[1] for b in blocks)
    rows, start = [], 0
    for b in blocks:
        n = b.shape[1]
        rows.append(bnp.pad(b, ((0, 0), (start, width - start - n))))
        start += n
    return bnp.concatenate(rows)


def _vector(name: str, x: Any) -> Value:
    return bnp.atleast_1d(value(name, "c", bnp.asarray(x))).ravel()


def toeplitz(c: Any, r: Any = None) -> Value:
    """Constant diagonals, from the first column and row (by default its conjugate).

    >>> from bibun.scipy import linalg
    >>> import bibun.numpy as bnp
    >>> print(linalg.toeplitz(bnp.array([1, 2]), bnp.array([1, 3])))
    [[1 3]
     [2 1]]
    """
    column = _vector("toeplitz", c)
    row = bnp.conjugate(column) if r is None else _vector("toeplitz", r)
    line = bnp.concatenate([column[::-1], row[1:]])
    m, n = column.shape[0], row.shape[0]
    return line[(m - 1) - bnp.arange(m)[:, None] + bnp.arange(n)]


def hankel(c: Any, r: Any = None) -> Value:
    """Constant anti-diagonals, from the first column and last row (0 by default).

    >>> from bibun.scipy import linalg
    >>> import bibun.numpy as bnp
    >>> print(linalg.hankel(bnp.array([1, 2])))
    [[1 2]
     [2 0]]
    """
    column = _vector("hankel", c)
    row = bnp.zeros_like(column) if r is None else _vector("hankel", r)
    line = bnp.concatenate([column, row[1:]])
    return line[bnp.arange(column.shape[0])[:, None] + bnp.arange(row.shape[0])]


def circulant(c: Any) -> Value:
    """The circulant matrix of a first column.

    >>> from bibun.scipy import linalg
    >>> import bibun.numpy as bnp
    >>> print(linalg.circulant(bnp.array([1, 2])))
    [[1 2]
     [2 1]]
    """
    column = _vector("circulant", c)
    n = column.shape[0]
    return column[(bnp.arange(n)[:, None] - bnp.arange(n)) % n]


def companion(a: Any) -> Value:
    """The companion matrix of the polynomial a[0] x^n + … + a[n].

    >>> from bibun.scipy import linalg
    >>> import bibun.numpy as bnp
    >>> print(linalg.companion(bnp.array([1.0, -3.0, 2.0])))
    [[ 3. -2.]
     [ 1.  0.]]
    """
    x = _vector("companion", a)
    n = x.shape[0] - 1
    if n < 1:
        raise ShapeError("companion: expected at least two coefficients")
    top = -x[1:] / x[0]
    return bnp.concatenate([top[None], bnp.eye(n - 1, n, dtype=top.dtype)])


def hilbert(n: int) -> Value:
    """1/(i + j + 1), notoriously ill-conditioned.

    >>> from bibun.scipy import linalg
    >>> print(linalg.hilbert(1))
    [[1.]]
    """
    k = bnp.arange(as_int("hilbert", "n", n)).astype(float)
    return 1 / (k[:, None] + k + 1)


def hadamard(n: int, dtype: Any = int) -> Value:
    """Sylvester's Hadamard matrix; n is a power of 2.

    >>> from bibun.scipy import linalg
    >>> print(linalg.hadamard(2))
    [[ 1  1]
     [ 1 -1]]
    """
    n = as_int("hadamard", "n", n)
    if n < 1 or n & (n - 1):
        raise ValueError(f"hadamard: n must be a power of 2, got {n}")
    out = bnp.ones((1, 1), dtype=dtype)
    while out.shape[0] < n:
        out = bnp.block([[out, out], [out, -out]])
    return out


def khatri_rao(a: Any, b: Any) -> Value:
    """Kronecker products of columns: (m, k) and (n, k) give (m n, k).

    >>> from bibun.scipy import linalg
    >>> import bibun.numpy as bnp
    >>> print(linalg.khatri_rao(bnp.array([[2, 3]]), bnp.array([[5, 7]])))
    [[10 21]]
    """
    x, y = bnp.asarray(a), bnp.asarray(b)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ShapeError(f"khatri_rao: shapes {x.shape} and {y.shape} do not fit")
    return (x[:, None, :] * y[None, :, :]).reshape(-1, x.shape[1])
