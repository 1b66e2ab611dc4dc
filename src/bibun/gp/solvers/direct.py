"""Any kernel and any noise: the Cholesky factor of the covariance matrix, O(n³)."""

from __future__ import annotations

from typing import Any

from bibun import lax, random
from bibun import numpy as bnp
from bibun.gp.kernels.base import Kernel
from bibun.gp.noise import Noise
from bibun.gp.solvers.base import LOG_2PI, Solver, raise_unless_definite


class DirectSolver(Solver):
    """K = L Lᵀ by LAPACK.

    >>> from bibun.gp import kernels, noise
    >>> s = DirectSolver.build(kernels.White(3.0), bnp.arange(2.0), noise.Homoscedastic(1.0))
    >>> s.solve_triangular(bnp.ones(2)).tolist()
    [0.5, 0.5]
    """

    factor: Any

    @classmethod
    def build(cls, kernel: Kernel, X: Any, noise: Noise) -> DirectSolver:
        covariance = noise.add_to(kernel(X, X))
        factor = lax.linalg.cholesky(covariance, symmetrize_input=False)
        n = factor.shape[0]
        good = bnp.isfinite(bnp.diagonal(factor))
        raise_unless_definite(good, "GaussianProcess", n, covariance)
        return cls(kernel, X, noise, factor)

    def normalization(self) -> Any:
        diagonal = bnp.diagonal(self.factor)
        return bnp.sum(bnp.log(diagonal)) + 0.5 * self.factor.shape[0] * LOG_2PI

    def solve_triangular(self, y: Any, *, transpose: bool = False) -> Any:
        """L⁻¹ y, or L⁻ᵀ y."""
        return lax.linalg.triangular_solve(
            self.factor, y, left_side=True, lower=True, transpose_a=transpose
        )

    def dot_triangular(self, z: Any) -> Any:
        """L z."""
        return bnp.matmul(self.factor, z)

    def quadratic(self, y: Any) -> Any:
        return bnp.sum(bnp.square(self.solve_triangular(y)), axis=0)

    def solve(self, y: Any) -> Any:
        return self.solve_triangular(self.solve_triangular(y), transpose=True)

    def draw(self, key: Any, count: int) -> Any:
        return self.dot_triangular(random.normal(key, (self.factor.shape[0], count)))

    def posterior_covariance(self, X1: Any, X2: Any, kernel: Kernel | None = None) -> Any:
        k = kernel or self.kernel
        left = self.solve_triangular(k(self.X, X1))
        right = left if X2 is X1 else self.solve_triangular(k(self.X, X2))
        return k(X1, X2) - bnp.matmul(bnp.transpose(left), right)
