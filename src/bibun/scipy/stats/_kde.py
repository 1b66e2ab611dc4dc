"""Kernel density estimation with Gaussian kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.ops import elementwise as el
from bibun.scipy.special import logsumexp, ndtr
from bibun.scipy.stats._family import floats

__all__ = ["gaussian_kde"]


class gaussian_kde:  # noqa: N801
    """The density estimated from a sample by a Gaussian around each point.

    dataset: (n,) or (d, n). bw_method: "scott" (default), "silverman", a number, or a function
    of the estimate; the kernel's covariance is the sample's times its square. weights: (n,).
    Differentiable in the sample, the weights and the points of evaluation.

    Source: D. W. Scott, "Multivariate Density Estimation", 1992.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import gaussian_kde
    >>> kde = gaussian_kde(bnp.array([-1.0, 0.0, 1.0]))
    >>> round(float(kde(0.0)[0]), 6)
    0.318156
    """

    def __init__(
        self, dataset: Any, bw_method: str | float | Callable[..., Any] | None = None,
        weights: Any = None,
    ) -> None:  # fmt: skip
        (x,) = floats("gaussian_kde", dataset)
        self.dataset = bnp.atleast_2d(x)
        if self.dataset.ndim != 2 or self.dataset.shape[1] < 2:
            raise ShapeError(f"gaussian_kde: expected (n,) or (d, n) with n > 1, got {x.shape}")
        self.d, self.n = self.dataset.shape
        if weights is None:
            self.weights = bnp.full(self.n, 1.0 / self.n, dtype=x.dtype)
        else:
            (w,) = floats("gaussian_kde", weights)
            if w.shape != (self.n,):
                raise ShapeError(f"gaussian_kde: {self.n} points and weights of shape {w.shape}")
            self.weights = w / bnp.sum(w)
        self.neff = 1 / bnp.sum(self.weights**2)
        if bw_method is None or bw_method == "scott":
            self.factor = self.scotts_factor()
        elif bw_method == "silverman":
            self.factor = self.silverman_factor()
        elif callable(bw_method):
            self.factor = bw_method(self)
        elif isinstance(bw_method, str):
            raise ValueError(f"gaussian_kde: bw_method 'scott' or 'silverman', got {bw_method!r}")
        else:
            self.factor = bw_method
        data = bnp.atleast_2d(bnp.cov(self.dataset, bias=True, aweights=self.weights))
        data = data / (1 - bnp.sum(self.weights**2))
        self.covariance = data * self.factor**2
        self._factor = bnp.linalg.cholesky(self.covariance)
        self._white = bnp.linalg.solve(self._factor, self.dataset)

    def scotts_factor(self) -> Value:
        """n_eff^(-1/(d+4))."""
        return self.neff ** (-1.0 / (self.d + 4))

    def silverman_factor(self) -> Value:
        """(n_eff (d+2)/4)^(-1/(d+4))."""
        return (self.neff * (self.d + 2) / 4.0) ** (-1.0 / (self.d + 4))

    def logpdf(self, x: Any) -> Value:
        """Logarithm of the density at points x: (m,) or (d, m), or one point (d,)."""
        (points,) = floats("gaussian_kde.logpdf", x)
        points = bnp.atleast_2d(points)
        if points.shape[0] != self.d:
            if points.shape != (1, self.d):
                raise ShapeError(f"gaussian_kde: points of shape {points.shape}, d = {self.d}")
            points = points.T
        white = bnp.linalg.solve(self._factor, points)
        gap = white[:, :, None] - self._white[:, None, :]
        energy = -0.5 * bnp.sum(gap * gap, 0)
        size = bnp.sum(el.log(bnp.diagonal(self._factor))) + 0.5 * self.d * math.log(2 * math.pi)
        return logsumexp(energy, axis=1, b=self.weights) - size

    def evaluate(self, points: Any) -> Value:
        """The density at points."""
        return el.exp(self.logpdf(points))

    __call__ = pdf = evaluate

    def integrate_box_1d(self, low: Any, high: Any) -> Value:
        """The probability of [low, high], for one dimension."""
        if self.d != 1:
            raise ShapeError("gaussian_kde.integrate_box_1d: the sample has more dimensions")
        scale = self._factor[0, 0]
        upper, lower = (high - self.dataset[0]) / scale, (low - self.dataset[0]) / scale
        return bnp.sum(self.weights * (ndtr(upper) - ndtr(lower)))
