"""Sorted points and quasiseparable kernels: everything in O(n m³) for m states.

Below the diagonal, K[i, j] = h_iᵀ Φ(t_i - t_j) P h_j (equation (1) of `kernels/quasisep.py`).
Its factor K = L D Lᵀ has the same form, L[i, j] = h_iᵀ Φ(t_i - t_j) w_j and L[i, i] = 1. With S
what the observations before t_i say about the state there, Φ_i = Φ(t_i - t_{i-1}):

    S_i = Φ_i (S_{i-1} + d_{i-1} w_{i-1} w_{i-1}ᵀ) Φ_iᵀ,     S_0 = 0
    g_i = (P - S_i) h_i,   d_i = h_iᵀ g_i + σ_i²,   w_i = g_i / d_i                     (2)

which is celerite's recursion and, with P - S the state's predicted covariance, d the innovation
variance and w the gain, the Kalman filter's. L⁻¹ y and L z are one more recursion each, of
f_i = Σ_{j<i} Φ(t_i - t_j) w_j z_j. All are scans, so that derivatives come from the engine.

**At other points** t between t_i and t_{i+1}: S is carried there from the left, and what the
observations to the right say comes from a second recursion, backwards (the smoother of Bryson
& Frazier; Foreman-Mackey et al. 2017 have O(n) per point):

    Λ_i = h_i h_iᵀ / d_i + (1 - w_i h_iᵀ)ᵀ Φ_{i+1}ᵀ Λ_{i+1} Φ_{i+1} (1 - w_i h_iᵀ)
    Var = hᵀ g - gᵀ Λ g,     g = (P - S) h,  Λ = Φ(t_{i+1} - t)ᵀ Λ_{i+1} Φ(t_{i+1} - t)      (3)

**Posterior draws** are prior draws at all points, data's and others', corrected by what the
data say of the error (Matheron's rule), with (2) once more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import lax, random, tree, vmap
from bibun import numpy as bnp
from bibun.errors import ShapeError
from bibun.gp.kernels.base import Kernel
from bibun.gp.kernels.quasisep import Quasisep
from bibun.gp.noise import Dense, Noise
from bibun.gp.solvers.base import LOG_2PI, Solver, raise_unless_definite
from bibun.ops.check import check_true
from bibun.trace.core import concrete


def _outer(a: Any, b: Any) -> Any:
    return a[:, None] * b[None, :]


def _parts(kernel: Quasisep, X: Any, t: Any) -> tuple[Any, Any, Any]:
    """(Φ (n, m, m), h (n, m), P h (n, m)) at sorted points."""
    dt = bnp.concatenate([bnp.zeros_like(t[:1]), t[1:] - t[:-1]])
    h = vmap(kernel.observation_model)(X)
    return vmap(kernel.transition_matrix)(dt), h, bnp.matmul(h, kernel.stationary_covariance())


def _factor(parts: tuple[Any, Any, Any], sigma2: Any, floor: Any = None) -> tuple[Any, Any, Any]:
    """(d, w, S + d w wᵀ) of equation (2).

    With `floor`, d below that fraction of the variance counts as none: the point is a function
    of those before it.
    """

    def step(S: Any, x: Any) -> tuple[Any, Any]:
        Phi, h, Ph, s2 = x
        S = Phi @ S @ bnp.transpose(Phi)
        g = Ph - S @ h
        d = h @ g + s2
        if floor is None:
            w = g / d
        else:
            free = d > floor * (h @ Ph)
            d = bnp.where(free, d, 0.0)
            w = bnp.where(free, g / d, 0.0)
        S = S + _outer(g, w)
        return S, (d, w, S)

    m = parts[1].shape[1]
    return lax.scan(step, bnp.zeros((m, m)), (*parts, sigma2))[1]


def _dot(Phi: Any, h: Any, w: Any, z: Any) -> Any:
    """L z for z (n, k), L of unit diagonal."""

    def step(f: Any, x: Any) -> tuple[Any, Any]:
        Phi, h, w, z = x
        f = Phi @ f
        return f + _outer(w, z), z + h @ f

    return lax.scan(step, bnp.zeros((h.shape[1], z.shape[1])), (Phi, h, w, z))[1]


class QuasisepSolver(Solver):
    """K = L D Lᵀ by recursion.

    Errors: TypeError for other kernels and noise, ValueError for points that are not sorted.

    >>> from bibun.gp import kernels, noise
    >>> s = QuasisepSolver.build(
    ...     kernels.quasisep.Exp(), bnp.arange(3.0), noise.Homoscedastic(0.1))
    >>> s.solve(bnp.ones(3)).shape
    (3,)
    """

    t: Any
    parts: Any
    d: Any
    w: Any
    S: Any

    @classmethod
    def build(cls, kernel: Kernel, X: Any, noise: Noise) -> QuasisepSolver:
        if not isinstance(kernel, Quasisep):
            raise TypeError(
                f"QuasisepSolver: the kernel must be one of bibun.gp.kernels.quasisep or a sum or "
                f"product of such, got {type(kernel).__name__}; use DirectSolver for others"
            )
        if isinstance(noise, Dense):
            raise TypeError(
                "QuasisepSolver: the noise must be independent (diag=, noise.Diagonal), got "
                "noise.Dense; use solver=DirectSolver for correlated noise"
            )
        t = sortable(kernel, X)
        check_sorted(t)
        parts = _parts(kernel, X, t)
        d, w, S = _factor(parts, noise.diagonal(t.shape[0]))
        raise_unless_definite(d > 0, "GaussianProcess", t.shape[0])
        return cls(kernel, X, noise, t, parts, d, w, S)

    def normalization(self) -> Any:
        return 0.5 * bnp.sum(bnp.log(self.d)) + 0.5 * self.d.shape[0] * LOG_2PI

    def solve_triangular(self, y: Any, *, transpose: bool = False) -> Any:
        """L⁻¹ y, or L⁻ᵀ y, L with √d on its diagonal."""
        if bnp.ndim(y) == 1:
            return self.solve_triangular(y[:, None], transpose=transpose)[:, 0]
        Phi, h, _ = self.parts
        root = bnp.sqrt(self.d)[:, None]

        def forward(f: Any, x: Any) -> tuple[Any, Any]:
            Phi, h, w, y = x
            f = Phi @ f
            z = y - h @ f
            return f + _outer(w, z), z

        def backward(f: Any, x: Any) -> tuple[Any, Any]:
            Phi, h, w, y = x
            z = y - w @ f
            return bnp.transpose(Phi) @ (f + _outer(h, z)), z

        zero = bnp.zeros((h.shape[1], y.shape[1]))
        if transpose:
            return lax.scan(backward, zero, (Phi, h, self.w, y / root), reverse=True)[1]
        return lax.scan(forward, zero, (Phi, h, self.w, y))[1] / root

    def dot_triangular(self, z: Any) -> Any:
        """L z, L with √d on its diagonal."""
        if bnp.ndim(z) == 1:
            return self.dot_triangular(z[:, None])[:, 0]
        Phi, h, _ = self.parts
        return _dot(Phi, h, self.w, bnp.sqrt(self.d)[:, None] * z)

    def quadratic(self, y: Any) -> Any:
        return bnp.sum(bnp.square(self.solve_triangular(y)), axis=0)

    def solve(self, y: Any) -> Any:
        return self.solve_triangular(self.solve_triangular(y), transpose=True)

    def draw(self, key: Any, count: int) -> Any:
        return self.dot_triangular(random.normal(key, (self.d.shape[0], count)))

    # other points ---------------------------------------------------------------------------

    def _between(self, kernel: Quasisep, t: Any) -> tuple[Any, Any, Any]:
        """(number of data not after t, Φ from the last of them, Φ to the next)."""
        count = bnp.searchsorted(self.t, t, side="right")
        last = self.t.shape[0] - 1
        after, before = self.t[bnp.clip(count - 1, 0, last)], self.t[bnp.clip(count, 0, last)]
        # where there is no such neighbour, what is carried is zero
        phi = vmap(kernel.transition_matrix)
        return count, phi(bnp.maximum(t - after, 0.0)), phi(bnp.maximum(before - t, 0.0))

    def posterior_mean(self, X_test: Any, alpha: Any, kernel: Kernel | None = None) -> Any:
        k = kernel or self.kernel
        if not isinstance(k, Quasisep):
            return super().posterior_mean(X_test, alpha, k)
        Phi, h, Ph = self.parts if kernel is None else _parts(k, self.X, self.t)

        def forward(f: Any, x: Any) -> tuple[Any, Any]:
            Phi, Ph, a = x
            f = Phi @ f + Ph * a
            return f, f

        def backward(f: Any, x: Any) -> tuple[Any, Any]:
            Phi, h, a = x
            f = f + h * a
            return bnp.transpose(Phi) @ f, f

        zero = bnp.zeros((1, h.shape[1]))
        left = lax.scan(forward, zero[0], (Phi, Ph, alpha))[1]
        right = lax.scan(backward, zero[0], (Phi, h, alpha), reverse=True)[1]
        left, right = bnp.concatenate([zero, left]), bnp.concatenate([right, zero])
        count, from_left, to_right = self._between(k, sortable(k, X_test))
        h_test = vmap(k.observation_model)(X_test)
        Ph_test = bnp.matmul(h_test, k.stationary_covariance())
        return bnp.einsum("ni,nij,nj->n", h_test, from_left, left[count]) + bnp.einsum(
            "ni,nji,nj->n", Ph_test, to_right, right[count]
        )

    def posterior_variance(self, X_test: Any, kernel: Kernel | None = None) -> Any:
        if kernel is not None:
            return super().posterior_variance(X_test, kernel)
        Phi, h, _ = self.parts

        def backward(carried: Any, x: Any) -> tuple[Any, Any]:
            Phi, h, w, d = x
            v = carried @ w
            crossed = _outer(h, v)
            here = carried - crossed - bnp.transpose(crossed) + (1 / d + w @ v) * _outer(h, h)
            return bnp.transpose(Phi) @ here @ Phi, here

        zero = bnp.zeros((1, h.shape[1], h.shape[1]))
        right = lax.scan(backward, zero[0], (Phi, h, self.w, self.d), reverse=True)[1]
        S, Lambda = bnp.concatenate([zero, self.S]), bnp.concatenate([right, zero])
        count, from_left, to_right = self._between(self.kernel, sortable(self.kernel, X_test))
        P = self.kernel.stationary_covariance()

        def one(h: Any, S: Any, Lambda: Any, left: Any, right: Any) -> Any:
            g = P @ h - left @ (S @ (bnp.transpose(left) @ h))
            v = right @ g
            return h @ g - v @ (Lambda @ v)

        h_test = vmap(self.kernel.observation_model)(X_test)
        return vmap(one)(h_test, S[count], Lambda[count], from_left, to_right)

    def posterior_draw(self, key: Any, X_test: Any, count: int, kernel: Kernel | None) -> Any:
        if kernel is not None:
            return super().posterior_draw(key, X_test, count, kernel)
        n = self.size()
        X = tree.map(lambda a, b: bnp.concatenate([a, b]), self.X, X_test)
        t = sortable(self.kernel, X)
        order = bnp.argsort(t)
        place = bnp.argsort(order)
        X, t = tree.map(lambda x: x[order], X), t[order]
        noise = bnp.concatenate([self.noise.diagonal(n), bnp.zeros(t.shape[0] - n)])[order]
        parts = _parts(self.kernel, X, t)
        # the least innovation that is not rounding; smaller ones are drawn as none
        d, w, _ = _factor(parts, noise, floor=8 * float(bnp.finfo(t.dtype).eps))
        z = random.normal(key, (t.shape[0], count)) * bnp.sqrt(d)[:, None]
        drawn = _dot(parts[0], parts[1], w, z)[place]
        alpha = self.solve(drawn[:n])
        known = vmap(lambda a: self.posterior_mean(X_test, a), in_axes=1, out_axes=1)(alpha)
        return drawn[n:] - known


def sortable(kernel: Quasisep, X: Any) -> Any:
    """The ordered coordinate of points, (n,), floating. Errors: ShapeError for any other shape."""
    t = vmap(kernel.coord_to_sortable)(X)
    if bnp.ndim(t) != 1:
        raise ShapeError(
            f"QuasisepSolver: the coordinate must have shape (n,), got {bnp.shape(t)}; a kernel of "
            "points with several features says by coord_to_sortable(x) which one is time"
        )
    return t * 1.0


def check_sorted(t: Any) -> None:
    """ValueError unless t increases (points may repeat); in compiled code too."""
    advice = "sort them first: order = numpy.argsort(t); t, y = t[order], y[order]"
    known = concrete(t)
    if known is None:
        check_true(
            t[1:] >= t[:-1], t[:-1], t[1:], error="value",
            message="QuasisepSolver: points must be sorted, got {} before {}; " + advice,
        )  # fmt: skip
        return
    bad = ~(known[1:] >= known[:-1])
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(
            f"QuasisepSolver: points must be sorted, got {known[i]:g} before {known[i + 1]:g} (at "
            f"{i} and {i + 1}); {advice}"
        )
