"""Functions of matrices: exponential, logarithm, square root, polar factors.

All are written as products and solutions in loops, so derivatives of every order, in both
modes, are those of the algorithm itself, and hold for repeated eigenvalues as well, where
formulas with eigenvectors break down.
"""

from __future__ import annotations

import functools
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.dtypes import real_of
from bibun.errors import ShapeError
from bibun.numpy._common import one_of
from bibun.ops import elementwise as el
from bibun.ops import linalg as la
from bibun.scipy.linalg._factor import matrix

__all__ = ["expm", "expm_frechet", "logm", "polar", "sqrtm"]

# Padé [13/13] of exp and the largest norm for which its backward error is below 2^-53 (Higham).
_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0,
    960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
_REACH = 5.371920351148152
# [3/3] and [7/7] for matrices of small norm, with how far each reaches, its derivative included
# (A. Al-Mohy and N. Higham, "Computing the Fréchet derivative of the matrix exponential", SIAM J.
# Matrix Anal. Appl. 30, 2009, table 6.1).
_PADE_SMALL = (
    (1.08e-2, (120.0, 60.0, 12.0, 1.0)),
    (7.83e-1, (17297280.0, 8648640.0, 1995840.0, 277200.0, 25200.0, 1512.0, 56.0, 1.0)),
)
_PRODUCTS_ARE_CHEAP = 16  # rows up to which one degree for all is better than a choice


def _pade_large(x: Value) -> tuple[Value, Value]:
    """Even and odd part of the numerator [13/13]: six products."""
    eye, c = _eye(x), _PADE
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    odd = x6 @ (c[13] * x6 + c[11] * x4 + c[9] * x2)
    odd = x @ (odd + c[7] * x6 + c[5] * x4 + c[3] * x2 + c[1] * eye)
    even = x6 @ (c[12] * x6 + c[10] * x4 + c[8] * x2)
    return even + c[6] * x6 + c[4] * x4 + c[2] * x2 + c[0] * eye, odd


def _pade_small(c: tuple[float, ...], x: Value) -> tuple[Value, Value]:
    """Even and odd part of the numerator with coefficients c, power by power of x²."""
    power, x2 = _eye(x), x @ x
    even, odd = c[0] * power, c[1] * power
    for k in range(2, len(c), 2):
        power = x2 if k == 2 else power @ x2
        even, odd = even + c[k] * power, odd + c[k + 1] * power
    return even, x @ odd


def _norm(x: Value) -> Value:
    """The 1-norm (largest column sum) of each matrix, constant for derivatives."""
    from bibun.transforms import stop_gradient

    return bnp.max(bnp.sum(bnp.abs(stop_gradient(x)), -2), -1, initial=0.0)


def _eye(x: Value) -> Value:
    return bnp.eye(x.shape[-1], dtype=x.dtype)


def expm(A: Any, *, upper_triangular: bool = False, max_squarings: int = 1000) -> Value:
    """The exponential of square matrices (..., n, n).

    By scaling and squaring with a Padé approximant, of a degree that fits the norm. Higher
    derivatives are those of the algorithm. `upper_triangular` says that all matrices are. nan for
    matrices that are not finite or would need more than `max_squarings` squarings.

    Source: N. Higham, "The scaling and squaring method for the matrix exponential revisited",
    SIAM J. Matrix Anal. Appl. 26, 2005.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.expm(bnp.array([[0.0, 1.0], [0.0, 0.0]])))
    [[1. 1.]
     [0. 1.]]
    """
    from bibun import lax

    x = matrix("expm", A, True)
    size = _norm(x)
    ratio = bnp.where(bnp.isfinite(size) & (size > _REACH), size / _REACH, 1.0)
    count = el.ceil(bnp.log2(ratio))
    fits = bnp.isfinite(size) & (count <= max_squarings)
    count = bnp.where(fits, count, 0.0)
    x = x * el.exp2(-count)[..., None, None].astype(x.dtype)
    if x.shape[-1] <= _PRODUCTS_ARE_CHEAP:
        even, odd = _pade_large(x)
    else:
        # The largest matrix of the stack decides; nan goes to the last branch.
        most = bnp.max(size, initial=0.0)
        level = 2 - sum((most <= reach).astype(int) for reach, _ in _PADE_SMALL)
        few = [functools.partial(_pade_small, c) for _, c in _PADE_SMALL]
        even, odd = lax.switch(level, [*few, _pade_large], x)
    if upper_triangular:
        y = la.triangular_solve(
            even - odd, even + odd, left_side=True, lower=False, transpose_a=False,
            conjugate_a=False, unit_diagonal=False,
        )  # fmt: skip
    else:
        y = bnp.linalg.solve(even - odd, even + odd)
    count = count.astype(int)

    def square(i: Any, y: Any) -> Any:
        return bnp.where((i < count)[..., None, None], y @ y, y)

    y = lax.fori_loop(0, bnp.max(count, initial=0), square, y)
    return bnp.where(fits[..., None, None], y, bnp.nan)


def expm_frechet(A: Any, E: Any, *, method: str | None = None, compute_expm: bool = True) -> Any:
    """(expm(A), its derivative at A in direction E), or the derivative alone.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.expm_frechet(bnp.zeros((1, 1)), 3 * bnp.eye(1), compute_expm=False))
    [[3.]]
    """
    from bibun.transforms import jvp

    x, e = bnp.promote_types(matrix("expm_frechet", A, True).dtype, bnp.asarray(E).dtype), E
    a, e = bnp.asarray(A).astype(x), bnp.asarray(e).astype(x)
    if a.shape != e.shape:
        raise ShapeError(f"expm_frechet: A of shape {a.shape} and E of shape {e.shape} differ")
    y, change = jvp(expm, (a,), (e,))
    return (y, change) if compute_expm else change


_MOST_STEPS = 100


def sqrtm(A: Any, blocksize: int = 1) -> Value:
    """The principal square root of square matrices (..., n, n), no eigenvalue on (-∞, 0].

    Real for real matrices; one with negative eigenvalues has no real principal root and gives
    nan. A matrix that is singular gives nan too.

    By Denman and Beavers' iteration in product form with determinantal scaling. Source:
    S. Cheng, N. Higham, C. Kenney, A. Laub, "Approximating the logarithm of a matrix to
    specified accuracy", SIAM J. Matrix Anal. Appl. 22, 2001.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.sqrtm(bnp.diag(bnp.array([4.0, 9.0]))).round(12))
    [[2. 0.]
     [0. 3.]]
    """
    return _square_root(matrix("sqrtm", A, True))


def _square_root(x: Value) -> Value:
    """The loop carries M -> 1 and X -> A^{1/2}, with X² = A M throughout."""
    from bibun import lax
    from bibun.transforms import stop_gradient

    n = x.shape[-1]
    if n == 0:
        return x
    real = real_of(x.dtype)
    eps = float(bnp.finfo(real).eps)
    eye = _eye(x)

    def gap(m: Value) -> Value:
        return _norm(m - eye)

    def unfinished(state: Any) -> Any:
        k, m, _, last = state
        far = (last > 10 * n * eps) & bnp.isfinite(last)
        return (k < _MOST_STEPS) & bnp.any(far)

    def step(state: Any) -> Any:
        k, m, y, last = state
        # |det M|^{-1/2n}; near convergence scaling no longer helps
        _, log = bnp.linalg.slogdet(stop_gradient(m))
        mu = bnp.where(last > 1e-2, el.exp(-log / (2 * n)), 1.0)[..., None, None]
        mu = bnp.where(bnp.isfinite(mu), mu, 1.0)
        inverse = bnp.linalg.inv(m)
        y = 0.5 * mu * (y @ (eye + inverse / (mu * mu)))
        m = 0.5 * (eye + 0.5 * (mu * mu * m + inverse / (mu * mu)))
        return k + 1, m, y, gap(m)

    # The derivative converges one step behind the value: go on twice after the end.
    state = lax.while_loop(unfinished, step, (0, x, x, gap(x)))
    for _ in range(2):
        state = step(state)
    _, m, y, last = state
    bad = ~(last < 1e-3)
    return bnp.where(bad[..., None, None], bnp.nan, y)


# Gauss-Legendre on [0, 1]: log(1 + X) = Σ w_j X (1 + x_j X)⁻¹ is the Padé approximant [8/8]
_NODES = (
    0.01985507175123188415821957, 0.10166676129318663020422303, 0.23723379504183550709113047,
    0.40828267875217509753026193, 0.59171732124782490246973807, 0.76276620495816449290886953,
    0.89833323870681336979577697, 0.98014492824876811584178043,
)  # fmt: skip
_WEIGHTS = (
    0.05061426814518812957626567, 0.11119051722668723527217800, 0.15685332293894364366898110,
    0.18134189168918099148257522, 0.18134189168918099148257522, 0.15685332293894364366898110,
    0.11119051722668723527217800, 0.05061426814518812957626567,
)  # fmt: skip


def logm(A: Any, disp: bool = True) -> Any:
    """The principal logarithm of square matrices (..., n, n), no eigenvalue on (-∞, 0].

    Real for real matrices; nan where there is no real principal logarithm. By square roots
    until the matrix is near 1, and a Padé approximant in partial fractions. Source: N. Higham,
    "Evaluating Padé approximants of the matrix logarithm", SIAM J. Matrix Anal. Appl. 22, 2001.
    disp: if false, (logarithm, ‖exp(logarithm) - A‖₁ / ‖A‖₁).

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.logm(bnp.eye(2)))
    [[0. 0.]
     [0. 0.]]
    """
    from bibun import lax

    x = matrix("logm", A, True)
    eye = _eye(x)

    def far(state: Any) -> Any:
        k, _, size = state
        return (k < _MOST_STEPS) & bnp.any((size > 0.25) & bnp.isfinite(size))

    def root(state: Any) -> Any:
        k, y, _ = state
        y = _square_root(y)
        return k + 1, y, _norm(y - eye)

    count, y, _ = lax.while_loop(far, root, (0, x, _norm(x - eye)))
    gap = y - eye
    total = bnp.zeros_like(gap)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total = total + weight * bnp.linalg.solve(eye + node * gap, gap)
    found = total * el.exp2(count.astype(real_of(x.dtype))).astype(x.dtype)
    if disp:
        return found
    size = lambda m: bnp.linalg.norm(m, 1, axis=(-2, -1))  # noqa: E731
    return found, size(expm(found) - x) / size(x)


def polar(a: Any, side: str = "right", *, method: str = "newton") -> tuple[Value, Value]:
    """(u, p) with a = u p (or p u for side "left"), u unitary and p positive semi-definite.

    a: (..., m, n) of full rank min(m, n); of any rank with method "svd", whose derivatives need
    distinct singular values. By the scaled Newton iteration on the triangular factor ("newton";
    JAX's "qdwh" is another iteration to the same result). Errors: ValueError. Source: N. Higham,
    "Computing the polar decomposition", SIAM J. Sci. Stat. Comput. 7, 1986.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.polar(bnp.diag(bnp.array([-2.0, 3.0])))[0].round(12))
    [[-1.  0.]
     [ 0.  1.]]
    """
    if side not in ("left", "right"):
        raise ValueError(f"polar: side must be 'right' or 'left', got {side!r}")
    one_of("polar", "method", method, ("newton", "qdwh", "svd"))
    x = matrix("polar", a)
    m, n = x.shape[-2:]
    if method == "svd":
        left, _, right = bnp.linalg.svd(x, full_matrices=False)
        u = left @ right
    elif m == n:
        u = _unitary(x)
    elif m > n:
        q, r = bnp.linalg.qr(x)
        u = q @ _unitary(r)
    else:
        q, r = bnp.linalg.qr(bnp.conjugate(x.mT))
        u = bnp.conjugate((q @ _unitary(r)).mT)
    adjoint = bnp.conjugate(u.mT)
    p = adjoint @ x if side == "right" else x @ adjoint
    return u, 0.5 * (p + bnp.conjugate(p.mT))


def _unitary(x: Value) -> Value:
    """The unitary polar factor of nonsingular square matrices."""
    from bibun import lax
    from bibun.transforms import stop_gradient

    eps = float(bnp.finfo(real_of(x.dtype)).eps)
    tolerance = 10 * x.shape[-1] * eps

    def unfinished(state: Any) -> Any:
        k, _, change = state
        return (k < _MOST_STEPS) & bnp.any((change > tolerance) & bnp.isfinite(change))

    def step(state: Any) -> Any:
        k, u, change = state
        inverse = bnp.conjugate(bnp.linalg.inv(u).mT)
        sizes = bnp.linalg.matrix_norm(stop_gradient(inverse)) / bnp.linalg.matrix_norm(
            stop_gradient(u)
        )
        mu = bnp.where(change > 1e-2, el.sqrt(sizes), 1.0)[..., None, None]
        new = 0.5 * (mu * u + inverse / mu)
        return k + 1, new, _norm(new - u) / _norm(new)

    start = (0, x, bnp.full(x.shape[:-2], 1.0, dtype=real_of(x.dtype)))
    state = lax.while_loop(unfinished, step, start)
    for _ in range(2):
        state = step(state)
    return state[1]
