"""Kernels of the distance r = |x1 - x2| / scale, as a table of formulas.

`scale` is a number, or one number a feature (automatic relevance determination). The distance
is Euclidean unless another is given; tinygp measures most of these by the L1 norm, under which
Matérn kernels in several dimensions need not be positive definite.

Spectral densities: Rasmussen & Williams, "Gaussian Processes for Machine Learning" (2006),
equations 4.11 and 4.15, with angular frequencies.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.errors import ShapeError
from bibun.gp.kernels.base import Kernel
from bibun.gp.kernels.distance import Distance, L2Distance
from bibun.scipy.special import gammaln, logsumexp


class Stationary(Kernel):
    """Base class: `scale` and `distance`, the scaled distance and its square."""

    scale: Any = 1.0
    distance: Distance = dataclasses.field(default_factory=L2Distance)

    def __post_init__(self) -> None:
        self._convert(scale=1)

    def _scaled(self, X1: Any, X2: Any) -> tuple[Any, Any, Any]:
        """Two points and the factor that the distance between them is to be multiplied by."""
        shape = np.shape(self.scale)
        if not shape:
            return X1, X2, 1.0 / self.scale
        if bnp.shape(X1) != shape:
            raise ShapeError(
                f"{type(self).__name__}: scale of shape {shape} is one number a feature, but a "
                f"point has shape {bnp.shape(X1)}"
            )
        return X1 / self.scale, X2 / self.scale, 1.0

    def r(self, X1: Any, X2: Any) -> Any:
        """The distance in units of the scale."""
        X1, X2, factor = self._scaled(X1, X2)
        return self.distance.distance(X1, X2) * factor

    def r2(self, X1: Any, X2: Any) -> Any:
        """The squared distance in units of the scale."""
        X1, X2, factor = self._scaled(X1, X2)
        return self.distance.squared_distance(X1, X2) * (factor * factor)

    def evaluate_diag(self, X: Any) -> Any:
        return bnp.ones(())

    def _density(self, omega: Any, log_form: Any) -> Any:
        """A spectral density from that of unit scale: `log_form(d, |s ω|²)`, and s^d."""
        omega = bnp.atleast_1d(omega)
        if not isinstance(self.distance, L2Distance):
            return Kernel.spectral_density(self, omega)
        d = omega.shape[-1]
        scale = bnp.broadcast_to(bnp.asarray(self.scale), (d,))
        return bnp.prod(scale) * bnp.exp(log_form(d, bnp.sum(bnp.square(scale * omega))))


class ExpSquared(Stationary):
    """k = exp(-r²/2), the RBF or squared exponential kernel.

    >>> float(ExpSquared(2.0).evaluate(0.0, 2.0)) == math.exp(-0.5)
    True
    """

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return bnp.exp(-0.5 * self.r2(X1, X2))

    def spectral_density(self, omega: Any) -> Any:
        return self._density(omega, lambda d, w2: 0.5 * d * math.log(2 * math.pi) - 0.5 * w2)


def _log_matern_density(nu: float) -> Any:
    """Log spectral density of the Matérn kernel of unit scale."""

    def log_form(d: int, w2: Any) -> Any:
        constant = (
            d * math.log(2) + 0.5 * d * math.log(math.pi) + math.lgamma(nu + 0.5 * d)
            - math.lgamma(nu) + nu * math.log(2 * nu)
        )  # fmt: skip
        return constant - (nu + 0.5 * d) * bnp.log(2 * nu + w2)

    return log_form


class Exp(Stationary):
    """k = exp(-r), Matérn 1/2: the Ornstein-Uhlenbeck process in one dimension.

    >>> float(Exp().evaluate(0.0, 1.0)) == math.exp(-1)
    True
    """

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return bnp.exp(-self.r(X1, X2))

    def spectral_density(self, omega: Any) -> Any:
        return self._density(omega, _log_matern_density(0.5))


class Matern32(Stationary):
    """k = (1 + √3 r) exp(-√3 r).

    >>> float(Matern32(2.0).evaluate(1.0, 1.0))
    1.0
    """

    def evaluate(self, X1: Any, X2: Any) -> Any:
        x = math.sqrt(3) * self.r(X1, X2)
        return (1 + x) * bnp.exp(-x)

    def spectral_density(self, omega: Any) -> Any:
        return self._density(omega, _log_matern_density(1.5))


class Matern52(Stationary):
    """k = (1 + √5 r + 5 r²/3) exp(-√5 r).

    >>> float(Matern52(2.0).evaluate(1.0, 1.0))
    1.0
    """

    def evaluate(self, X1: Any, X2: Any) -> Any:
        x = math.sqrt(5) * self.r(X1, X2)
        return (1 + x + x * x / 3) * bnp.exp(-x)

    def spectral_density(self, omega: Any) -> Any:
        return self._density(omega, _log_matern_density(2.5))


class Cosine(Stationary):
    """k = cos(2π r): `scale` is the period. Positive definite in one dimension.

    >>> round(float(Cosine(2.0).evaluate(0.0, 1.0)), 12)
    -1.0
    """

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return bnp.cos(2 * math.pi * self.r(X1, X2))


class ExpSineSquared(Stationary):
    """k = exp(-γ sin²(π r)), periodic: `scale` is the period.

    >>> round(float(ExpSineSquared(2.0, gamma=1.5).evaluate(0.0, 2.0)), 12)
    1.0
    """

    gamma: Any = None

    def __post_init__(self) -> None:
        _required(self, "gamma")
        self._convert(scale=1, gamma=0)

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return bnp.exp(-self.gamma * bnp.square(bnp.sin(math.pi * self.r(X1, X2))))


class RationalQuadratic(Stationary):
    """k = (1 + r²/2α)^-α, RBF kernels of many scales.

    >>> round(float(RationalQuadratic(alpha=1.0).evaluate(0.0, 2.0 ** 0.5)), 12)
    0.5
    """

    alpha: Any = None

    def __post_init__(self) -> None:
        _required(self, "alpha")
        self._convert(scale=1, alpha=0)

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return bnp.exp(-self.alpha * bnp.log1p(0.5 * self.r2(X1, X2) / self.alpha))

    def spectral_density(self, omega: Any) -> Any:
        return self._density(omega, self._log_density)

    def _log_density(self, d: int, w2: Any) -> Any:
        """Of unit scale, by quadrature of what it is a mixture of: RBF kernels of precision t,

            S(w) = ∫ Gamma(t; α, α) (2π/t)^(d/2) exp(-w²/2t) dt,   t = e^s,

        with even steps in s, exact to rounding up to α of a thousand. α must be above d/2 for
        a density at w = 0.
        """
        s = np.linspace(-42.0, 8.0, 2001)
        a = self.alpha
        log_gamma = a * bnp.log(a) - gammaln(a) + a * (s - np.exp(s))
        terms = log_gamma + 0.5 * d * (math.log(2 * math.pi) - s) - 0.5 * w2 * np.exp(-s)
        return logsumexp(terms) + math.log(s[1] - s[0])


def _required(kernel: Kernel, name: str) -> None:
    if getattr(kernel, name) is None:
        raise ValueError(f"{type(kernel).__name__}: {name} must be given")


RBF = ExpSquared
Matern12 = Exp
