"""Functions of matrices by their spectrum, with derivatives that hold where eigenvalues meet.

f(A) = V f(w) V⁻¹ is smooth in A where f is, but neither V nor the gaps between eigenvalues are:
differentiating V and w one by one divides by w[j] - w[i]. Here the function is differentiated as
a whole (Daleckii and Krein; Higham, "Functions of Matrices", 2008, ch. 3): with M = V⁻¹ E V

    L(A, E) = V (F ∘ M) V⁻¹,              F[i,j] = f[w_i, w_j],
    L²(A, E, E') = V (Σ_k f[w_i, w_k, w_j] (M_ik M'_kj + M'_ik M_kj)) V⁻¹

where f[..] are divided differences: where the arguments meet, f' and f'' / 2. Both go through the
op `spectral_change`, in either mode; from the third derivative on, eigenvectors are
differentiated, and equal eigenvalues are out of reach. The second costs n³ numbers of memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.array import Value
from bibun.dtypes import complex_of, real_of
from bibun.ops import elementwise as el
from bibun.ops import linalg as la
from bibun.ops.families.linalg import hermitian
from bibun.scipy.linalg._factor import matrix
from bibun.scipy.linalg._functions import _norm, expm

__all__ = ["coshm", "cosm", "funm", "funm_hermitian", "sinhm", "sinm", "tanhm", "tanm"]

Function = Callable[[Any], Any]


def _slope(func: Function) -> Function:
    from bibun.transforms import jvp

    return lambda x: jvp(func, (x,), (bnp.ones_like(x),))[1]


def _near(w: Value, gap: Value) -> Value:
    """Where a difference quotient would lose more than the derivative at the middle."""
    eps = float(np.finfo(w.dtype).eps)
    size = bnp.max(bnp.abs(w), -1, initial=0.0)
    return bnp.abs(gap) <= eps ** (1 / 3) * size.reshape(size.shape + (1,) * (gap.ndim - size.ndim))


def _first(func: Function, w: Value) -> Value:
    """f[w_i, w_j]: (..., n) -> (..., n, n)."""
    x, y = w[..., :, None], w[..., None, :]
    fx = func(w)
    near = _near(w, x - y)
    quotient = (fx[..., :, None] - fx[..., None, :]) / bnp.where(near, 1, x - y)
    return bnp.where(near, _slope(func)((x + y) / 2), quotient)


def _second(func: Function, w: Value) -> Value:
    """f[w_i, w_k, w_j]: (..., n) -> (..., n, n, n), by the widest of its three gaps."""
    slope = _slope(func)
    one = _first(func, w)
    x, y, z = w[..., :, None, None], w[..., None, :, None], w[..., None, None, :]
    xy, yz, xz = one[..., :, :, None], one[..., None, :, :], one[..., :, None, :]
    best, top = x - z, xy - yz
    for gap, difference in ((x - y, xz - yz), (y - z, xy - xz)):
        wider = bnp.abs(gap) > bnp.abs(best)
        best, top = bnp.where(wider, gap, best), bnp.where(wider, difference, top)
    near = _near(w, best)
    middle = 0.5 * _slope(slope)((x + y + z) / 3)
    return bnp.where(near, middle, top / bnp.where(near, 1, best))


@functools.lru_cache(maxsize=64)
def _matrix_function(func: Function, is_hermitian: bool) -> Function:
    """f of matrices, as a function with its own first and second derivative."""
    from bibun.trace.stage import stage_program
    from bibun.transforms import custom_jvp

    def spectrum(a: Any) -> tuple[Any, Function, Function]:
        """(w, E ↦ V⁻¹ E V, its inverse)."""
        if is_hermitian:
            v, w = la.eigh(a, lower=True)
            back = bnp.conjugate(v.mT)
            return w, lambda e: back @ e @ v, lambda m: v @ m @ back
        w, v = la.eig(a, compute_left=False, compute_right=True)
        inverse = bnp.linalg.inv(v)
        return w, lambda e: inverse @ e @ v, lambda m: v @ m @ inverse

    @custom_jvp
    def f(a: Any) -> Any:
        w, _, out = spectrum(a)
        fw = func(w)
        return out(fw[..., :, None] * bnp.eye(a.shape[-1], dtype=fw.dtype))

    def change(a: Any, e: Any) -> Any:
        w, into, out = spectrum(a)
        return out(_first(func, w) * into(e))

    def second(a: Any, e: Any, d: Any) -> Any:
        w, into, out = spectrum(a)
        m, k, g = into(e), into(d), _second(func, w)
        twice = bnp.einsum("...ikj,...ik,...kj->...ij", g, m, k)
        return out(twice + bnp.einsum("...ikj,...ik,...kj->...ij", g, k, m))

    @functools.lru_cache(maxsize=64)
    def programs(type: Any) -> dict[str, Any]:
        return {
            "program": stage_program(lambda *v: [change(*v)], [type] * 2),
            "second": stage_program(lambda *v: [second(*v)], [type] * 3),
        }

    @f.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (a,), (e,) = primals, tangents
        (moved,) = la.spectral_change(a, e, **programs(a.type.strong()))
        return f(a), moved

    return f


def funm_hermitian(a: Any, func: Function, *, lower: bool = True) -> Value:
    """f(a) = V f(w) Vᴴ for Hermitian a = V diag(w) Vᴴ, with derivatives at repeated eigenvalues.

    a: (..., n, n), of which one triangle is read. func: maps an array of real eigenvalues to one of
    their images, elementwise, differentiable to the order that is wanted. First and second
    derivatives are right wherever func is smooth; higher ones need distinct eigenvalues. Source:
    N. Higham, "Functions of Matrices", 2008, theorem 3.11. Errors: ShapeError.

    >>> import bibun
    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> e = bnp.array([[0.0, 1.0], [1.0, 0.0]])
    >>> square = lambda a: linalg.funm_hermitian(a, lambda w: w**2)
    >>> print(bibun.jvp(square, (bnp.eye(2),), (e,))[1])
    [[0. 2.]
     [2. 0.]]
    """
    x = hermitian(matrix("funm_hermitian", a, True), lower)
    return _matrix_function(func, True)(x)


def funm(A: Any, func: Function, disp: bool = True) -> Any:
    """f(A) for diagonalisable square matrices (..., n, n), complex.

    func: maps an array of complex eigenvalues to one of their images, elementwise. Derivatives, to
    the second, hold for repeated eigenvalues that have a full set of eigenvectors; a defective A
    has none and gives what rounding makes of it. Unless `disp`, the result is (f(A), error), the
    1-norm of A f(A) - f(A) A relative to that of f(A). Functions that have an algorithm of
    their own (expm, sqrtm, logm) are better and need no eigenvectors. Errors: ShapeError.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.funm(bnp.diag(bnp.array([1.0, 2.0])), lambda w: w**2))
    [[1.+0.j 0.+0.j]
     [0.+0.j 4.+0.j]]
    """
    x = matrix("funm", A, True)
    x = x.astype(complex_of(x.dtype))
    y = _matrix_function(func, False)(x)
    if disp:
        return y
    return y, _norm(x @ y - y @ x) / bnp.maximum(_norm(y), np.finfo(real_of(y.dtype)).tiny)


def _exponentials(name: str, A: Any) -> tuple[Value, Value, bool]:
    """exp(iA), exp(-iA), and whether A is real."""
    x = matrix(name, A, True)
    z = x.astype(complex_of(x.dtype)) * 1j
    y = expm(z)
    real = x.dtype.kind == "f"
    return y, bnp.conjugate(y) if real else expm(-z), real


def cosm(A: Any) -> Value:
    """The cosine of square matrices.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.cosm(bnp.zeros((1, 1))))
    [[1.]]
    """
    y, back, real = _exponentials("cosm", A)
    return el.real(y) if real else (y + back) / 2


def sinm(A: Any) -> Value:
    """The sine of square matrices.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.sinm(bnp.zeros((1, 1))))
    [[0.]]
    """
    y, back, real = _exponentials("sinm", A)
    return el.imag(y) if real else (y - back) / 2j


def tanm(A: Any) -> Value:
    """The tangent of square matrices: cos(A)⁻¹ sin(A).

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.tanm(bnp.zeros((1, 1))))
    [[0.]]
    """
    return bnp.linalg.solve(cosm(A), sinm(A))


def coshm(A: Any) -> Value:
    """The hyperbolic cosine of square matrices.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.coshm(bnp.zeros((1, 1))))
    [[1.]]
    """
    x = matrix("coshm", A, True)
    return (expm(x) + expm(-x)) / 2


def sinhm(A: Any) -> Value:
    """The hyperbolic sine of square matrices.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.sinhm(bnp.zeros((1, 1))))
    [[0.]]
    """
    x = matrix("sinhm", A, True)
    return (expm(x) - expm(-x)) / 2


def tanhm(A: Any) -> Value:
    """The hyperbolic tangent of square matrices: cosh(A)⁻¹ sinh(A).

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import linalg
    >>> print(linalg.tanhm(bnp.zeros((1, 1))))
    [[0.]]
    """
    return bnp.linalg.solve(coshm(A), sinhm(A))
