"""Determinants, and derivatives that do not divide by them.

log|A| has the derivative tr A⁻¹ dA (Jacobi). The determinant itself is a polynomial: its
derivative, tr adj(A) dA, exists where A is singular too, and there A⁻¹ det A is 0 · inf. So:

- up to 4 by 4 the determinant is computed as the polynomial, by minors: every derivative is right;
- above, adj(A) is det(A) A⁻¹ where the pivots of A say that this is accurate, and where A is near
  a singular matrix it comes from A = U S Vᴴ: adj(A) = det(U) det(Vᴴ) V adj(S) Uᴴ, in which adj(S)
  has products of all singular values but one. With M = Uᴴ dA V the adjugate moves by
  det(U) det(Vᴴ) V G Uᴴ, where G[i,j] = -M[i,j] P[i,j] off the diagonal, G[i,i] = Σ_k M[k,k] P[i,k],
  and P[i,j] is the product of all singular values but the i-th and j-th. So first and second
  derivatives hold at any rank; a third one at a singular matrix takes P as it comes from `svd`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bibun.array import Value
from bibun.dtypes import default_int
from bibun.numpy._common import cast, one_of, value
from bibun.numpy.contraction import matmul
from bibun.numpy.contraction import trace as _trace
from bibun.numpy.creation import arange, eye, ones_like
from bibun.numpy.cumulative import cumprod
from bibun.numpy.elementwise import abs as abs_
from bibun.numpy.formulas import real
from bibun.numpy.reductions import all as all_
from bibun.numpy.reductions import max as max_
from bibun.numpy.reductions import min as min_
from bibun.numpy.reductions import prod
from bibun.numpy.reductions import sum as sum_
from bibun.numpy.shape import broadcast_to, expand_dims, flip, matrix_transpose
from bibun.numpy.solutions import _adjoint, _matrix, _times, constant, inverse_rule
from bibun.numpy.taking import diagonal as _diagonal
from bibun.ops import elementwise as el
from bibun.ops import linalg as la

__all__ = ["det", "slogdet"]


class SlogdetResult(NamedTuple):
    """Sign (of modulus 1 where complex) and logarithm of the absolute value."""

    sign: Value
    logabsdet: Value


def _trace_of_ratio(a: Value, lu: Value, pivots: Value, da: Value) -> Value:
    """tr(a⁻¹ da): a sum over elements, so that its transpose is a multiple of a⁻ᵀ."""
    x = inverse_rule()(a, lu, pivots)
    return sum_(el.absorb_mul(da, matrix_transpose(x)), (-2, -1))


def _parity(pivots: Value, dtype: np.dtype) -> Value:
    """The sign of the row exchanges."""
    moved = el.ne(cast(pivots, default_int()), arange(pivots.shape[-1]))
    count = sum_(moved, -1)
    odd = el.eq(el.and_(count, default_int().type(1)), default_int().type(1))
    return el.select(odd, dtype.type(1), dtype.type(-1))


@functools.cache
def _log_determinant() -> Callable[..., Any]:
    from bibun.transforms import custom_jvp

    def factored_slogdet(a: Any, lu: Any, pivots: Any) -> Any:
        d = _diagonal(lu, 0, -2, -1)
        size = abs_(d)
        if d.dtype.kind == "c":
            sign = prod(el.div(d, cast(size, d.dtype)), -1)
        else:
            sign = prod(el.sign(d), -1)
        return el.mul(sign, _parity(pivots, d.dtype)), sum_(el.log(size), -1)

    f = custom_jvp(factored_slogdet)

    @f.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        sign, log = f(*primals)
        a = primals[0]
        change = _trace_of_ratio(*primals, tangents[0])
        if a.dtype.kind == "c":
            turn = el.sub(change, cast(real(change), change.dtype))
            return (sign, log), (el.mul(sign, turn), real(change))
        return (sign, log), (el.mul(sign, sign.dtype.type(0)), change)

    return f


def slogdet(a: Any, *, method: str | None = None) -> SlogdetResult:
    """Sign and logarithm of the absolute value of the determinant.

    method: "lu" (the default). Errors: ValueError for another.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.slogdet(-bnp.eye(3)).sign)
    -1.0
    """
    one_of("slogdet", "method", method, (None, "lu"))
    x = _matrix("slogdet", a, True)
    lu, pivots, *_ = la.lu_columns(constant(x))
    return SlogdetResult(*_log_determinant()(x, lu, pivots))


def _factored_determinant(lu: Value, pivots: Value) -> Value:
    return el.mul(prod(_diagonal(lu, 0, -2, -1), -1), _parity(pivots, lu.dtype))


@functools.cache
def _determinant() -> Callable[..., Any]:
    from bibun.transforms import custom_jvp

    f = custom_jvp(lambda a, lu, pivots: _factored_determinant(lu, pivots))

    @f.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        adjugate = matrix_transpose(_adjugate()(*primals))
        return f(*primals), sum_(el.absorb_mul(tangents[0], adjugate), (-2, -1))

    return f


def _is_regular(lu: Value) -> Value:
    """Whether a matrix is so far from a singular one that A⁻¹ det A is more than rounding."""
    size = abs_(_diagonal(lu, 0, -2, -1))
    least = el.mul(max_(size, -1), float(np.sqrt(np.finfo(size.dtype).eps)))
    return el.gt(min_(size, -1), least)


def _orthogonal_factors(a: Value) -> tuple[Value, Value, Value, Value]:
    """(U, singular values, V, det U det Vᴴ)."""
    s, u, vh = la.svd(a, full_matrices=False, compute_uv=True)
    signs = [_factored_determinant(*la.lu_columns(constant(x))[:2]) for x in (u, vh)]
    return u, cast(s, a.dtype), _adjoint(vh), constant(el.mul(*signs))


def _all_but_one(s: Value) -> Value:
    """Products of all elements but each one: (..., n) -> (..., n)."""
    one = ones_like(s[..., :1])
    from bibun.numpy.joining import concatenate

    before = concatenate([one, cumprod(s[..., :-1], -1)], -1)
    after = concatenate([one, cumprod(flip(s[..., 1:], -1), -1)], -1)
    return el.mul(before, flip(after, -1))


def _all_but_two(s: Value) -> Value:
    """Products of all elements but each two, 0 on the diagonal: (..., n) -> (..., n, n)."""
    n = s.shape[-1]
    column, row = arange(n)[:, None], arange(n)
    one = s.dtype.type(1)
    rest = el.select(el.eq(column, row), expand_dims(s, -2), one)  # row i: all but the i-th
    return el.select(el.eq(column, row), _all_but_one(rest), s.dtype.type(0))


@functools.cache
def _adjugate() -> Callable[..., Any]:
    """(a, its factors, their pivots) -> adj(a), also where a is singular."""
    from bibun.transforms import custom_jvp

    def regular(a: Any, lu: Any, pivots: Any) -> Any:
        return _scaled(inverse_rule()(a, lu, pivots), _factored_determinant(lu, pivots))

    def singular(a: Any, lu: Any, pivots: Any) -> Any:
        u, s, v, sign = _orthogonal_factors(a)
        return _scaled(matmul(_times(v, _all_but_one(s)), _adjoint(u)), sign)

    def regular_change(a: Any, lu: Any, pivots: Any, da: Any) -> Any:
        inverse = inverse_rule()(a, lu, pivots)
        moved = matmul(inverse, da)
        change = el.sub(_scaled(inverse, _trace(moved, 0, -2, -1)), matmul(moved, inverse))
        return _scaled(change, _determinant()(a, lu, pivots))

    def singular_change(a: Any, lu: Any, pivots: Any, da: Any) -> Any:
        u, s, v, sign = _orthogonal_factors(a)
        m = matmul(matmul(_adjoint(u), da), v)
        p = _all_but_two(s)
        own = matmul(p, expand_dims(_diagonal(m, 0, -2, -1), -1))
        g = el.sub(el.mul(own, eye(s.shape[-1], dtype=s.dtype)), el.mul(m, p))
        return _scaled(matmul(matmul(v, g), _adjoint(u)), sign)

    def prepared(a: Any, lu: Any) -> Any:
        """Whether each matrix is regular, and factors without nan where it is not."""
        good = _is_regular(lu)
        keep = good[..., None, None]
        return all_(good), keep, el.select(keep, eye(a.shape[-1], dtype=a.dtype), lu)

    @custom_jvp
    def f(a: Any, lu: Any, pivots: Any) -> Any:
        # A loop of one turn or none: in a batch, where a `cond` would do both for every matrix,
        # the decomposition is made only if some matrix asks for it.
        from bibun.lax import while_loop

        done, keep, finite = prepared(a, lu)

        def turn(state: Any) -> Any:
            return True, el.select(keep, singular(a, lu, pivots), state[1])

        first = regular(a, finite, pivots)
        return while_loop(lambda state: el.not_(state[0]), turn, (done, first))[1]

    @f.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        from bibun.lax import cond

        a, lu, pivots = primals
        done, keep, finite = prepared(a, lu)

        def both(a: Any, lu: Any, pivots: Any, da: Any) -> Any:
            change = regular_change(a, finite, pivots, da)
            return el.select(keep, singular_change(a, lu, pivots, da), change)

        change = cond(
            done, lambda a, lu, pivots, da: regular_change(a, finite, pivots, da), both,
            *primals, tangents[0],
        )  # fmt: skip
        return f(*primals), change

    return f


def _scaled(x: Value, factor: Value) -> Value:
    """Each matrix of a stack times a number."""
    return el.mul(x, factor[..., None, None])


def det(a: Any) -> Value:
    """The determinant of square matrices (..., n, n): (...).

    Its derivative is the adjugate, at singular matrices too.

    >>> import bibun
    >>> import bibun.numpy as bnp
    >>> print(bnp.linalg.det(2 * bnp.eye(2)))
    4.0
    >>> print(bibun.grad(bnp.linalg.det)(bnp.diag(bnp.array([1.0, 2.0, 3.0, 4.0, 0.0])))[4, 4])
    24.0
    """
    x = _matrix("det", a, True)
    n = x.shape[-1]
    if n == 0:
        return broadcast_to(value("det", "a", x.dtype.type(1)), x.shape[:-2])
    if n <= 4:
        return _minors(x, n)
    lu, pivots, *_ = la.lu_columns(constant(x))
    return _determinant()(x, lu, pivots)


def _minors(x: Value, n: int) -> Value:
    """The determinant as a polynomial, n <= 4: by the first row, or by the 2 by 2 minors of the
    first two rows and of the last two (Laplace)."""
    m = [[x[..., i, j] for j in range(n)] for i in range(n)]

    def minor(i: int, j: int, k: int) -> Value:  # of rows i and i + 1
        return m[i][j] * m[i + 1][k] - m[i][k] * m[i + 1][j]

    if n == 1:
        return m[0][0]
    if n == 2:
        return minor(0, 0, 1)
    if n == 3:
        return m[0][0] * minor(1, 1, 2) - m[0][1] * minor(1, 0, 2) + m[0][2] * minor(1, 0, 1)
    return (
        minor(0, 0, 1) * minor(2, 2, 3) - minor(0, 0, 2) * minor(2, 1, 3)
        + minor(0, 0, 3) * minor(2, 1, 2) + minor(0, 1, 2) * minor(2, 0, 3)
        - minor(0, 1, 3) * minor(2, 0, 2) + minor(0, 2, 3) * minor(2, 0, 1)
    )  # fmt: skip
