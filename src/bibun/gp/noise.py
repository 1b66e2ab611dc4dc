"""Noise models: the covariance of what is observed, given the process.

A model of so many observations is a matrix of that size; `Homoscedastic` has no size of its
own, so that it also says what the noise of an observation yet to be made would be.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.errors import ShapeError
from bibun.gp._record import Record


class Noise(Record):
    """Base class."""

    def check(self, n: int) -> None:
        """ShapeError unless this is a model of n observations."""

    def diagonal(self, n: int) -> Any:
        """The variances of n observations, (n,)."""
        raise NotImplementedError(f"{type(self).__name__} must define diagonal(n)")

    def add_to(self, covariance: Any) -> Any:
        """A covariance matrix with that of the noise added."""
        return covariance + bnp.diag(self.diagonal(covariance.shape[-1]))

    def draw(self, key: Any, n: int, count: int) -> Any:
        """Columns of noise, (n, count)."""
        return bnp.sqrt(self.diagonal(n))[:, None] * random.normal(key, (n, count))


class Homoscedastic(Noise):
    """Independent noise of one variance.

    >>> Homoscedastic(0.5).diagonal(2).tolist()
    [0.5, 0.5]
    """

    variance: Any

    def __post_init__(self) -> None:
        self._convert(variance=0)

    def diagonal(self, n: int) -> Any:
        return bnp.broadcast_to(bnp.asarray(self.variance), (n,))

    def add_to(self, covariance: Any) -> Any:
        return covariance + self.variance * bnp.eye(covariance.shape[-1], dtype=covariance.dtype)


class Diagonal(Noise):
    """Independent noise with variances `diag` (n,).

    >>> Diagonal([1.0, 2.0]).add_to(bnp.zeros((2, 2))).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """

    diag: Any

    def __post_init__(self) -> None:
        self._convert(diag=1)
        if np.ndim(self.diag) != 1:
            raise ShapeError(
                f"Diagonal: diag must have shape (n,), got {np.shape(self.diag)}; for one "
                "variance of all observations use Homoscedastic"
            )

    def check(self, n: int) -> None:
        _fits("Diagonal", self.diag, (n,), n)

    def diagonal(self, n: int) -> Any:
        return self.diag


class Dense(Noise):
    """Correlated noise with covariance matrix `value` (n, n).

    >>> Dense(bnp.eye(2)).diagonal(2).tolist()
    [1.0, 1.0]
    """

    value: Any

    def __post_init__(self) -> None:
        self._convert(value=2)

    def check(self, n: int) -> None:
        _fits("Dense", self.value, (n, n), n)

    def diagonal(self, n: int) -> Any:
        return bnp.diagonal(self.value)

    def add_to(self, covariance: Any) -> Any:
        return covariance + self.value

    def draw(self, key: Any, n: int, count: int) -> Any:
        return bnp.matmul(bnp.linalg.cholesky(self.value), random.normal(key, (n, count)))


def _fits(name: str, x: Any, shape: tuple[int, ...], n: int) -> None:
    if np.shape(x) != shape:
        raise ShapeError(f"noise.{name} of {n} points must have shape {shape}, got {np.shape(x)}")


def as_noise(diag: Any, noise: Any, n: int, what: str = "X") -> Noise | None:
    """What a user gave as `diag` or `noise`, or None for neither.

    Errors: ValueError for both, ShapeError for a size that is not n.
    """
    if noise is not None:
        if diag is not None:
            raise ValueError("give diag or noise, not both")
        if not isinstance(noise, Noise):
            raise TypeError(
                f"noise must be a noise model such as noise.Diagonal(...), got "
                f"{type(noise).__name__}; variances can be given as diag"
            )
        noise.check(n)
        return noise
    if diag is None:
        return None
    shape = np.shape(diag)
    if shape not in ((), (n,)):
        raise ShapeError(
            f"diag must be one variance or one a point, shape ({n},) as {what} has {n} points; "
            f"got shape {shape}"
        )
    return Diagonal(diag) if shape else Homoscedastic(diag)
