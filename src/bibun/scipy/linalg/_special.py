"""Matrices of special structure: block diagonal, Toeplitz and their kin."""

from __future__ import annotations

from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import DTypeError, ShapeError
from bibun.numpy._common import as_int, promote_args, value

__all__ = [
    "block_diag", "circulant", "companion", "convolution_matrix", "dft", "fiedler",
    "fiedler_companion", "hadamard", "hankel", "helmert", "hilbert", "invhilbert", "invpascal",
    "khatri_rao", "leslie", "pascal", "toeplitz",
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
    rest = _monic("companion", a)
    n = rest.shape[0]
    return bnp.concatenate([-rest[None], bnp.eye(n - 1, n, dtype=rest.dtype)])


def _monic(name: str, a: Any) -> Value:
    """The coefficients of a polynomial after the first, over the first."""
    x = _vector(name, a)
    if x.shape[0] < 2:
        raise ShapeError(f"{name}: expected at least two coefficients, got {x.shape[0]}")
    return x[1:] / x[0]


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


def convolution_matrix(a: Any, n: int, mode: str = "full") -> Value:
    """The matrix that convolves vectors of length n with a: `m @ v` is `convolve(a, v, mode)`.

    >>> from bibun.scipy import linalg
    >>> import bibun.numpy as bnp
    >>> print(linalg.convolution_matrix(bnp.array([1, 2]), 2))
    [[1 0]
     [2 1]
     [0 2]]
    """
    x, n = _vector("convolution_matrix", a), as_int("convolution_matrix", "n", n)
    m = x.shape[0]
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"convolution_matrix: mode must be full, same or valid, got {mode!r}")
    if n < 1:
        raise ValueError(f"convolution_matrix: n must be positive, got {n}")
    zeros = bnp.zeros(n - 1, dtype=x.dtype)
    full = toeplitz(bnp.concatenate([x, zeros]), bnp.concatenate([x[:1], zeros]))
    short, long = min(m, n), max(m, n)
    if mode == "full":
        return full
    start = short - 1 if mode == "valid" else (short - 1) // 2
    return full[start : start + (long - short + 1 if mode == "valid" else long)]


def dft(n: int, scale: str | None = None, *, dtype: Any = None) -> Value:
    """The matrix of the discrete Fourier transform; scale "sqrtn" makes it unitary, "n" divides.

    dtype: complex128 by default, or complex64.

    >>> from bibun.scipy import linalg
    >>> print(linalg.dft(2).real)
    [[ 1.  1.]
     [ 1. -1.]]
    """
    n = as_int("dft", "n", n)
    if scale not in (None, "sqrtn", "n"):
        raise ValueError(f"dft: scale must be None, 'sqrtn' or 'n', got {scale!r}")
    k = bnp.arange(n)
    turns = (k[:, None] * k % n).astype(float) / max(n, 1)
    m = bnp.exp(-2j * bnp.pi * turns)
    m = m / {None: 1.0, "sqrtn": float(max(n, 1)) ** 0.5, "n": float(max(n, 1))}[scale]
    if dtype is None:
        return m
    if not bnp.issubdtype(dtype, bnp.complexfloating):
        raise DTypeError(f"dft: dtype must be complex, got {bnp.dtype(dtype)}")
    return m.astype(dtype)


def fiedler(a: Any) -> Value:
    """|a[i] - a[j]|.

    >>> from bibun.scipy import linalg
    >>> import bibun.numpy as bnp
    >>> print(linalg.fiedler(bnp.array([1, 4])))
    [[0 3]
     [3 0]]
    """
    x = _vector("fiedler", a)
    return bnp.abs(x[:, None] - x)


def fiedler_companion(a: Any) -> Value:
    """A pentadiagonal matrix whose eigenvalues are the roots of a[0] x^n + … + a[n].

    Source: M. Fiedler, "A note on companion matrices", Linear Algebra Appl. 372, 2003.

    >>> from bibun.scipy import linalg
    >>> import bibun.numpy as bnp
    >>> print(linalg.fiedler_companion(bnp.array([1.0, -3.0, 2.0])))
    [[ 3. -2.]
     [ 1.  0.]]
    """
    rest = _monic("fiedler_companion", a)
    n = rest.shape[0]
    out = bnp.zeros((n, n), dtype=rest.dtype).at[0, 0].set(-rest[0])
    # Row by row a coefficient and, two columns off, a one: odd rows to the left, even to the right.
    for k in range(1, n):
        row = k - 1 if k % 2 else k
        out = out.at[row, row + 1 if k % 2 else k - 1].set(-rest[k])
        out = out.at[(row + 1, row) if k % 2 else (row - 2, row)].set(1)
    return out


def helmert(n: int, full: bool = False) -> Value:
    """The Helmert matrix: orthonormal contrasts; `full` with the constant row first.

    >>> from bibun.scipy import linalg
    >>> print(linalg.helmert(2).round(4))
    [[ 0.7071 -0.7071]]
    """
    n = as_int("helmert", "n", n)
    k = bnp.arange(n).astype(float)
    row, column = k[:, None], k
    m = bnp.where(column < row, 1.0, bnp.where(column == row, -row, 0.0))
    m = m / bnp.sqrt(bnp.where(row > 0, row * (row + 1), 1.0))
    return bnp.where(row == 0, 1 / float(max(n, 1)) ** 0.5, m) if full else m[1:]


def _binomials(n: int) -> list[list[int]]:
    from math import comb

    return [[comb(i, j) for j in range(n)] for i in range(n)]


def _integers(rows: list[list[int]], n: int) -> Value:
    """Exact integers as int64, or as floats where they are larger."""
    large = max((abs(x) for row in rows for x in row), default=0) >= 2**63
    return bnp.array(rows, dtype=float if large else int).reshape(n, n)


def pascal(n: int, kind: str | None = None) -> Value:
    """Binomial coefficients: symmetric by default, or kind "lower" or "upper".

    >>> from bibun.scipy import linalg
    >>> print(linalg.pascal(3))
    [[1 1 1]
     [1 2 3]
     [1 3 6]]
    """
    n = as_int("pascal", "n", n)
    if kind not in (None, "symmetric", "lower", "upper"):
        raise ValueError(f"pascal: kind must be 'symmetric', 'lower' or 'upper', got {kind!r}")
    low = _binomials(n)
    if kind == "lower":
        return _integers(low, n)
    if kind == "upper":
        return _integers([list(row) for row in zip(*low, strict=True)], n)
    both = [[sum(p * q for p, q in zip(r, s, strict=True)) for s in low] for r in low]
    return _integers(both, n)


def invpascal(n: int, kind: str | None = None) -> Value:
    """The inverse of `pascal(n, kind)`, exact.

    >>> from bibun.scipy import linalg
    >>> print(linalg.invpascal(2))
    [[ 2 -1]
     [-1  1]]
    """
    n = as_int("invpascal", "n", n)
    if kind not in (None, "symmetric", "lower", "upper"):
        raise ValueError(f"invpascal: kind must be 'symmetric', 'lower' or 'upper', got {kind!r}")
    low = [[(-1) ** (i + j) * x for j, x in enumerate(row)] for i, row in enumerate(_binomials(n))]
    up = [list(row) for row in zip(*low, strict=True)]
    if kind == "lower":
        return _integers(low, n)
    if kind == "upper":
        return _integers(up, n)
    both = [[sum(p * q for p, q in zip(r, s, strict=True)) for s in up] for r in up]
    return _integers(both, n)


def invhilbert(n: int) -> Value:
    """The inverse of `hilbert(n)`, whose elements are integers.

    >>> from bibun.scipy import linalg
    >>> print(linalg.invhilbert(2))
    [[ 4. -6.]
     [-6. 12.]]
    """
    from math import comb

    n = as_int("invhilbert", "n", n)
    rows = [
        [(-1) ** (i + j) * (i + j + 1) * comb(n + i, n - j - 1) * comb(n + j, n - i - 1)
         * comb(i + j, i) ** 2 for j in range(n)] for i in range(n)
    ]  # fmt: skip
    return bnp.array([[float(x) for x in row] for row in rows]).reshape(n, n)


def leslie(f: Any, s: Any) -> Value:
    """The Leslie matrix: fecundities f (n) in the first row, survival s (n - 1) below the diagonal.

    >>> from bibun.scipy import linalg
    >>> import bibun.numpy as bnp
    >>> print(linalg.leslie(bnp.array([1.0, 2.0]), bnp.array([0.5])))
    [[1.  2. ]
     [0.5 0. ]]
    """
    x, y = promote_args("leslie", _vector("leslie", f), _vector("leslie", s))
    if x.shape[0] != y.shape[0] + 1:
        raise ShapeError(f"leslie: expected f (n,) and s (n - 1,), got {x.shape} and {y.shape}")
    return bnp.diag(y, -1).at[0].set(x)
