"""The small interface between a process and its linear algebra.

With K the covariance matrix of the observations, noise included, and k(·, ·) a kernel, a solver
knows K's determinant, K⁻¹ y, and how to draw with covariance K; and what K says about other
points. The defaults here of the latter use matrices of all pairs; solvers of structured K do
better. Where `kernel` is None, it is the process's own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.errors import NotPositiveDefiniteError
from bibun.gp._record import Record, length_of
from bibun.gp.kernels.base import Kernel
from bibun.gp.noise import Noise
from bibun.trace.core import concrete

LOG_2PI = math.log(2 * math.pi)


class Solver(Record):
    """Base class of solvers. `build(kernel, X, noise)` factors; the rest uses the factor."""

    kernel: Kernel
    X: Any
    noise: Noise

    @classmethod
    def build(cls, kernel: Kernel, X: Any, noise: Noise) -> Solver:
        """The solver of a process. Errors: NotPositiveDefiniteError where K is known and isn't."""
        raise NotImplementedError(f"{cls.__name__} must define build(kernel, X, noise)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size()} points)"

    def size(self) -> int:
        """The number of observations."""
        return length_of(self.X)

    def normalization(self) -> Any:
        """log √((2π)ⁿ det K)."""
        raise NotImplementedError

    def quadratic(self, y: Any) -> Any:
        """yᵀ K⁻¹ y, of each column of y (n, k)."""
        raise NotImplementedError

    def solve(self, y: Any) -> Any:
        """K⁻¹ y, of each column of y (n, k)."""
        raise NotImplementedError

    def draw(self, key: Any, count: int) -> Any:
        """Columns with covariance K, (n, count)."""
        raise NotImplementedError

    def variance(self) -> Any:
        """The diagonal of K, (n,)."""
        return self.kernel(self.X) + self.noise.diagonal(self.size())

    def covariance(self) -> Any:
        """K, (n, n)."""
        return self.noise.add_to(self.kernel(self.X, self.X))

    # other points ---------------------------------------------------------------------------

    def posterior_mean(self, X_test: Any, alpha: Any, kernel: Kernel | None = None) -> Any:
        """k(X_test, X) alpha for alpha (n,)."""
        return bnp.matmul((kernel or self.kernel)(X_test, self.X), alpha)

    def posterior_covariance(self, X1: Any, X2: Any, kernel: Kernel | None = None) -> Any:
        """k(X1, X2) - k(X1, X) K⁻¹ k(X, X2)."""
        k = kernel or self.kernel
        return k(X1, X2) - bnp.matmul(k(X1, self.X), self.solve(k(self.X, X2)))

    def posterior_variance(self, X_test: Any, kernel: Kernel | None = None) -> Any:
        """The diagonal of `posterior_covariance`, without the rest of it."""
        k = kernel or self.kernel
        return k(X_test) - self.quadratic(k(self.X, X_test))

    def posterior_draw(self, key: Any, X_test: Any, count: int, kernel: Kernel | None) -> Any:
        """Columns with covariance `posterior_covariance`, (n_test, count)."""
        return draw_by_eigenvectors(key, self.posterior_covariance(X_test, X_test, kernel), count)


def draw_by_eigenvectors(key: Any, covariance: Any, count: int) -> Any:
    """Columns with a covariance that may be singular, as a posterior's without noise is.

    Its eigenvalues below zero, which are rounding, count as zero. (A Cholesky factor would be
    nan there.)
    """
    values, vectors = bnp.linalg.eigh(covariance)
    root = vectors * bnp.sqrt(bnp.maximum(values, 0.0))
    return bnp.matmul(root, random.normal(key, (covariance.shape[0], count)))


def raise_unless_definite(good: Any, name: str, n: int, covariance: Any = None) -> None:
    """NotPositiveDefiniteError where a factor is known and is not one.

    Where it is not known, while tracing, the log density is nan, which samplers reject.
    """
    known = concrete(good)
    if known is None or known.all():
        return
    detail = ""
    matrix = concrete(covariance)
    if matrix is not None:
        if np.isnan(matrix).any():
            raise NotPositiveDefiniteError(
                f"{name}: the covariance matrix of {n} points contains nan: look at the "
                "parameters of the kernel, at X and at the noise"
            )
        if n <= 2000:
            detail = f" (its smallest eigenvalue is {np.linalg.eigvalsh(matrix)[0]:.2g})"
    raise NotPositiveDefiniteError(
        f"{name}: the covariance matrix of {n} points is not positive definite{detail}. Points "
        "close to each other make it nearly singular, equal points singular: give the variance of "
        "the observations' noise, or a small jitter such as diag=1e-6 times the kernel's variance. "
        "Otherwise the kernel is not positive definite at these parameters."
    )
