"""Kernels of transformed coordinates: k(x1, x2) = kernel(T x1, T x2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun import lax
from bibun import numpy as bnp
from bibun.errors import ShapeError
from bibun.gp._record import static
from bibun.gp.kernels.base import Kernel


class Transformed(Kernel):
    """Base class: a subclass writes `apply(x)`, of one point."""

    def apply(self, X: Any) -> Any:
        """The transformed coordinates of one point."""
        raise NotImplementedError(f"{type(self).__name__} must define apply(X)")

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return self.kernel.evaluate(self.apply(X1), self.apply(X2))  # type: ignore[attr-defined]

    def evaluate_diag(self, X: Any) -> Any:
        return self.kernel.evaluate_diag(self.apply(X))  # type: ignore[attr-defined]


class Transform(Transformed):
    """Coordinates through any function of one point.

    >>> from bibun.gp import kernels
    >>> k = Transform(bnp.log, kernels.Matern32())
    >>> float(k.evaluate(1.0, 1.0))
    1.0
    """

    transform: Callable[[Any], Any] = static()
    kernel: Kernel

    def apply(self, X: Any) -> Any:
        return self.transform(X)


class Linear(Transformed):
    """Coordinates times `scale`: a number, one number a feature, or a matrix (k, d).

    Note that tinygp's scales multiply here: large `scale`, short correlation.

    >>> from bibun.gp import kernels
    >>> k = Linear(bnp.array([1.0, 0.0]), kernels.ExpSquared())
    >>> float(k.evaluate(bnp.array([1.0, 2.0]), bnp.array([1.0, 5.0])))
    1.0
    """

    scale: Any
    kernel: Kernel

    def __post_init__(self) -> None:
        self._convert(scale=2)

    def apply(self, X: Any) -> Any:
        if np.ndim(self.scale) < 2:
            return self.scale * X
        _fits(self, self.scale, X)
        return bnp.matmul(self.scale, X)


class Cholesky(Transformed):
    """Coordinates L⁻¹ x for a lower triangular `factor` L: a metric (L Lᵀ)⁻¹.

    >>> from bibun.gp import kernels
    >>> k = Cholesky(2 * bnp.eye(2), kernels.ExpSquared())
    >>> round(float(k.evaluate(bnp.zeros(2), bnp.array([0.0, 2.0]))), 6)
    0.606531
    """

    factor: Any
    kernel: Kernel

    def __post_init__(self) -> None:
        self._convert(factor=2)

    @classmethod
    def from_parameters(cls, diagonal: Any, off_diagonal: Any, kernel: Kernel) -> Cholesky:
        """L from its diagonal (d,) and, row by row, what is below it (d (d - 1) / 2,)."""
        diagonal, off_diagonal = bnp.asarray(diagonal), bnp.asarray(off_diagonal)
        d = diagonal.shape[0]
        if off_diagonal.shape != (d * (d - 1) // 2,):
            raise ShapeError(
                f"Cholesky: {d} diagonal elements want {d * (d - 1) // 2} below, got shape "
                f"{off_diagonal.shape}"
            )
        return cls(bnp.diag(diagonal).at[np.tril_indices(d, -1)].set(off_diagonal), kernel)

    def apply(self, X: Any) -> Any:
        if np.ndim(self.factor) < 2:
            return X / self.factor
        _fits(self, self.factor, X)
        return lax.linalg.triangular_solve(self.factor, X, left_side=True, lower=True)


class Subspace(Transformed):
    """Some features only: `axis`, a number or a sequence of numbers.

    >>> from bibun.gp import kernels
    >>> float(Subspace(1, kernels.Exp()).evaluate(bnp.array([1.0, 2.0]), bnp.array([3.0, 2.0])))
    1.0
    """

    axis: int | Sequence[int] = static()
    kernel: Kernel

    def __post_init__(self) -> None:
        if not isinstance(self.axis, int):
            self._set(axis=tuple(int(a) for a in self.axis))

    def apply(self, X: Any) -> Any:
        return X[self.axis] if isinstance(self.axis, int) else X[np.array(self.axis)]


def _fits(owner: Any, matrix: Any, X: Any) -> None:
    if bnp.shape(X) != np.shape(matrix)[1:]:
        raise ShapeError(
            f"{type(owner).__name__}: a matrix of shape {np.shape(matrix)} wants points of shape "
            f"{np.shape(matrix)[1:]}, got {bnp.shape(X)}"
        )
