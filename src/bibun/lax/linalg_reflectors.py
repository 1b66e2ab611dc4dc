"""Householder reflectors: products of them, and the reductions that are made of them.

A reflector is H = I - τ v vᴴ, v zero above its place and one there; the vectors are kept below the
diagonal (or below the subdiagonal) of a matrix, the τ beside it, as LAPACK has them.

A product of reflectors is never taken one at a time. Q = H₁ … H_k = I - V T Vᴴ with T upper
triangular, T⁻¹ = D⁻¹ + S for D = diag(τ) and S the strict upper triangle of VᴴV (Schreiber and
Van Loan, "A storage-efficient WY representation", SIAM J. Sci. Stat. Comput. 10, 1989; Puglisi,
1992), so T = D (I + S D)⁻¹: three products and a triangular solution, in matrices, with
derivatives of every order from those.

The reductions (Hessenberg, tridiagonal) are loops over columns, written in ops: both modes of
differentiation go through them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import promote_inexact, value
from bibun.ops import elementwise as el
from bibun.ops import linalg as la
from bibun.ops.families.linalg import adjoint, hermitian, tril, triu

__all__ = ["hessenberg", "householder_product", "ormqr", "tridiagonal"]


def _each(f: Callable[..., Any], x: Value) -> Any:
    """`f` of each matrix of a stack."""
    from bibun.transforms import vmap

    for _ in range(x.ndim - 2):
        f = vmap(f)
    return f(x)


def _reflected(vectors: Value, taus: Value, c: Value, conjugated: bool) -> Value:
    """Q c or Qᴴ c for the reflectors in the unit lower columns of `vectors` (..., m, k)."""
    m, k = vectors.shape[-2:]
    v = tril(vectors, strict=True) + bnp.eye(m, k, dtype=vectors.dtype)
    gram = triu(adjoint(v) @ v, strict=True) * taus[..., None, :] + bnp.eye(k, dtype=v.dtype)
    scale = taus[..., None]
    inner = adjoint(v) @ c
    if conjugated:
        inner = bnp.conjugate(scale) * inner
    inner = la.triangular_solve(
        gram, inner, left_side=True, lower=False, transpose_a=conjugated,
        conjugate_a=conjugated, unit_diagonal=True,
    )  # fmt: skip
    return c - v @ (inner if conjugated else scale * inner)


def _reflectors(name: str, a: Any, taus: Any, *more: Any) -> list[Value]:
    """The arguments in one dtype, the columns of `a` cut to those that have a τ."""
    found = [value(name, "a", x) for x in promote_inexact(name, a, taus, *more)]
    x, t = found[:2]
    if x.ndim < 2 or t.shape[:-1] != x.shape[:-2] or t.ndim < 1 or t.shape[-1] > min(x.shape[-2:]):
        raise ShapeError(
            f"{name}: expected a (..., m, n) and taus (..., k) with k <= min(m, n), got shapes "
            f"{x.shape} and {t.shape}"
        )
    found[0] = x[..., : t.shape[-1]]
    return found


def householder_product(a: Any, taus: Any) -> Value:
    """The first n columns of H₁ … H_k, the reflectors in the columns of a, τ in taus.

    a: (..., m, n), m >= n, read below its diagonal; taus: (..., k). Result (..., m, n). LAPACK's
    orgqr. Errors: ShapeError.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.householder_product(bnp.zeros((2, 1)), bnp.array([2.0])))
    [[-1.]
     [ 0.]]
    """
    shape = bnp.shape(a)
    v, t = _reflectors("householder_product", a, taus)
    if shape[-2] < shape[-1]:
        raise ShapeError(f"householder_product: a must have m >= n, got shape {shape}")
    start = bnp.broadcast_to(bnp.eye(*shape[-2:], dtype=v.dtype), shape)
    return _reflected(v, t, start, False)


def ormqr(a: Any, taus: Any, c: Any, *, left: bool = True, transpose: bool = False) -> Value:
    """Q c (c Q unless `left`), or with Qᴴ in Q's place, for Q = H₁ … H_k in a and taus.

    Errors: ShapeError.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.ormqr(bnp.zeros((2, 1)), bnp.array([2.0]), bnp.ones((2, 1))))
    [[-1.]
     [ 1.]]
    """
    v, t, x = _reflectors("ormqr", a, taus, c)
    if x.ndim < 2 or x.shape[-2 if left else -1] != v.shape[-2]:
        raise ShapeError(f"ormqr: c of shape {x.shape} does not fit a of shape {bnp.shape(a)}")
    if left:
        return _reflected(v, t, x, transpose)
    return adjoint(_reflected(v, t, adjoint(x), not transpose))


def _reflector(x: Value, place: Any) -> tuple[Value, Value]:
    """(v, τ) with (I - τ v vᴴ)ᴴ x zero below `place`, and real there (LAPACK's larfg)."""
    at = bnp.arange(x.shape[0])
    alpha = x[place]
    tail = bnp.where(at > place, x, 0)
    rest = bnp.sum(el.real(tail) ** 2 + el.imag(tail) ** 2) if x.dtype.kind == "c" else (
        bnp.sum(tail**2)
    )  # fmt: skip
    real, turn = (el.real(alpha), el.imag(alpha)) if x.dtype.kind == "c" else (alpha, 0 * alpha)
    trivial = (rest == 0) & (turn == 0)
    size = bnp.sqrt(bnp.where(trivial, 1.0, real**2 + turn**2 + rest))
    beta = bnp.where(real > 0, -size, size).astype(x.dtype)
    tau = bnp.where(trivial, 0, (beta - alpha) / beta)
    v = tail / bnp.where(trivial, 1, alpha - beta)
    return bnp.where(at == place, 1, v), tau


def _hessenberg(a: Value) -> tuple[Value, Value]:
    from bibun import lax

    n = a.shape[0]
    at = bnp.arange(n)

    def step(k: Any, state: Any) -> Any:
        h, vectors, taus = state
        v, tau = _reflector(h[:, k], k + 1)
        left = bnp.conjugate(tau) * (bnp.conjugate(v) @ h)
        h = h - v[:, None] * left
        h = h - tau * (h @ v)[:, None] * bnp.conjugate(v)
        vectors = bnp.where(at == k, v[:, None], vectors)
        return h, vectors, bnp.where(bnp.arange(n - 1) == k, tau, taus)

    start = (a, bnp.zeros_like(a), bnp.zeros(max(n - 1, 0), dtype=a.dtype))
    h, vectors, taus = lax.fori_loop(0, n - 1, step, start) if n > 1 else start
    return bnp.where(at[:, None] > at + 1, vectors, h), taus


def _square(name: str, a: Any) -> Value:
    x = value(name, "a", promote_inexact(name, a)[0])
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: expected square matrices, got shape {x.shape}")
    return x


def hessenberg(a: Any) -> tuple[Value, Value]:
    """(packed, taus): a = Q H Qᴴ with H zero below its subdiagonal.

    a: (..., n, n). packed holds H and, below its subdiagonal, the reflectors of Q; taus
    (..., n - 1). LAPACK's gehrd. Errors: ShapeError.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.hessenberg(bnp.eye(2))[0])
    [[1. 0.]
     [0. 1.]]
    """
    return _each(_hessenberg, _square("hessenberg", a))


def tridiagonal(a: Any, *, lower: bool = True) -> tuple[Value, Value, Value, Value]:
    """(packed, d, e, taus): Hermitian a = Q T Qᴴ with T real and tridiagonal.

    a: (..., n, n), of which one triangle is read; d (..., n) and e (..., n - 1) are T's diagonals,
    packed holds them and Q's reflectors. LAPACK's sytrd and hetrd. Errors: ShapeError.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.linalg.tridiagonal(2 * bnp.eye(2))[1])
    [2. 2.]
    """
    x = _square("tridiagonal", a)
    full = hermitian(x, lower)
    turned = full if lower else bnp.flip(full, (-2, -1))
    packed, taus = _each(_hessenberg, turned)
    d, e = (bnp.diagonal(packed, k, -2, -1) for k in (0, -1))
    d, e = (el.real(v) if v.dtype.kind == "c" else v for v in (d, e))
    if not lower:
        packed, d, e, taus = bnp.flip(packed, (-2, -1)), d[..., ::-1], e[..., ::-1], taus[..., ::-1]
    at = bnp.arange(x.shape[-1])
    below = at[:, None] >= at if lower else at[:, None] <= at
    return bnp.where(below, packed, x), d, e, taus
