"""Kernels with finitely many features, k(x1, x2) = φ(x1)ᵀ φ(x2): O(n M²) for M of them.

With B the features of the data (n, M) and D the variances of independent noise, K = B Bᵀ + D,
and with L the Cholesky factor of A = 1 + Bᵀ D⁻¹ B (Woodbury's identity),

    yᵀ K⁻¹ y = yᵀ D⁻¹ y - |L⁻¹ Bᵀ D⁻¹ y|²,    det K = det A det D.

The process is φ(x)ᵀ β with β standard normal; given the data, β ~ N(A⁻¹ Bᵀ D⁻¹ y, A⁻¹).
"""

from __future__ import annotations

from typing import Any

from bibun import lax, random
from bibun import numpy as bnp
from bibun.gp.kernels.base import Kernel
from bibun.gp.noise import Dense, Noise
from bibun.gp.solvers.base import LOG_2PI, Solver, raise_unless_definite


class LowRankSolver(Solver):
    """For kernels with a method `features(X)`, such as `HSGP`, and independent noise.

    >>> from bibun.gp import HSGP, kernels, noise
    >>> k = HSGP(kernels.ExpSquared(), ell=5.0, m=20)
    >>> s = LowRankSolver.build(k, bnp.linspace(-1, 1, 50), noise.Homoscedastic(0.1))
    >>> s.solve(bnp.ones(50)).shape
    (50,)
    """

    B: Any
    diag: Any
    factor: Any

    @classmethod
    def build(cls, kernel: Kernel, X: Any, noise: Noise) -> LowRankSolver:
        if not hasattr(kernel, "features"):
            raise TypeError(
                f"LowRankSolver: the kernel must have a method features(X), as HSGP has, got "
                f"{type(kernel).__name__}; use DirectSolver for others"
            )
        if isinstance(noise, Dense):
            raise TypeError(
                "LowRankSolver: the noise must be independent (diag=, noise.Diagonal), got "
                "noise.Dense; use solver=DirectSolver for correlated noise"
            )
        B = kernel.features(X)
        diag = noise.diagonal(B.shape[0])
        A = bnp.eye(B.shape[1]) + bnp.matmul(bnp.transpose(B) / diag, B)
        factor = lax.linalg.cholesky(A, symmetrize_input=False)
        good = bnp.isfinite(bnp.diagonal(factor)).all() & bnp.all(diag > 0)
        raise_unless_definite(good, "GaussianProcess", B.shape[0])
        return cls(kernel, X, noise, B, diag, factor)

    def _whiten(self, b: Any) -> Any:
        return lax.linalg.triangular_solve(self.factor, b, left_side=True, lower=True)

    def _unwhiten(self, b: Any) -> Any:
        return lax.linalg.triangular_solve(
            self.factor, b, left_side=True, lower=True, transpose_a=True
        )

    def _over_noise(self, y: Any) -> Any:
        return bnp.transpose(bnp.transpose(y) / self.diag)

    def normalization(self) -> Any:
        half = bnp.sum(bnp.log(bnp.diagonal(self.factor))) + 0.5 * bnp.sum(bnp.log(self.diag))
        return half + 0.5 * self.diag.shape[0] * LOG_2PI

    def quadratic(self, y: Any) -> Any:
        z = self._over_noise(y)
        explained = self._whiten(bnp.matmul(bnp.transpose(self.B), z))
        return bnp.sum(y * z, axis=0) - bnp.sum(bnp.square(explained), axis=0)

    def solve(self, y: Any) -> Any:
        z = self._over_noise(y)
        beta = self._unwhiten(self._whiten(bnp.matmul(bnp.transpose(self.B), z)))
        return z - self._over_noise(bnp.matmul(self.B, beta))

    def draw(self, key: Any, count: int) -> Any:
        key, key_noise = random.split(key)
        n, m = self.B.shape
        weights = random.normal(key, (m, count))
        return bnp.matmul(self.B, weights) + self.noise.draw(key_noise, n, count)

    # other points ---------------------------------------------------------------------------

    def posterior_mean(self, X_test: Any, alpha: Any, kernel: Kernel | None = None) -> Any:
        if kernel is not None:
            return super().posterior_mean(X_test, alpha, kernel)
        beta = bnp.matmul(bnp.transpose(self.B), alpha)
        return bnp.matmul(self.kernel.features(X_test), beta)  # type: ignore[attr-defined]

    def _posterior_root(self, X: Any) -> Any:
        """L⁻¹ φ of each point, as columns."""
        return self._whiten(bnp.transpose(self.kernel.features(X)))  # type: ignore[attr-defined]

    def posterior_variance(self, X_test: Any, kernel: Kernel | None = None) -> Any:
        if kernel is not None:
            return super().posterior_variance(X_test, kernel)
        return bnp.sum(bnp.square(self._posterior_root(X_test)), axis=0)

    def posterior_covariance(self, X1: Any, X2: Any, kernel: Kernel | None = None) -> Any:
        if kernel is not None:
            return super().posterior_covariance(X1, X2, kernel)
        return bnp.matmul(bnp.transpose(self._posterior_root(X1)), self._posterior_root(X2))

    def posterior_draw(self, key: Any, X_test: Any, count: int, kernel: Kernel | None) -> Any:
        if kernel is not None:
            return super().posterior_draw(key, X_test, count, kernel)
        z = random.normal(key, (self.B.shape[1], count))
        return bnp.matmul(bnp.transpose(self._posterior_root(X_test)), z)
