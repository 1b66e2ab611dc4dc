"""Scalar distributions whose quantile function is a formula: draws are quantiles of uniforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape
from bibun.scipy.special import exp1, gammaln, ndtr, ndtri


class _ByInversion(Distribution):
    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self.icdf(random.uniform(key, self.shape(sample_shape), minval=2.0**-53))


class Dagum(_ByInversion):
    """Dagum's distribution of incomes: its cdf is (1 + (x / scale)**-sharpness)**-concentration.

    >>> from bibun.prob import distributions as dist
    >>> float(dist.Dagum(1.0, 2.0, 3.0).cdf(3.0))
    0.5
    """

    arg_constraints = {
        "concentration": c.positive, "sharpness": c.positive, "scale": c.positive,
    }  # fmt: skip
    support = c.positive
    reparametrized_params = tuple(arg_constraints)

    def __init__(
        self, concentration: Any, sharpness: Any, scale: Any, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, concentration=concentration, sharpness=sharpness, scale=scale)

    def _log_prob(self, value: Any) -> Any:
        p, a = self.concentration, self.sharpness
        x = a * (bnp.log(value) - bnp.log(self.scale))
        return bnp.log(a) + bnp.log(p) - bnp.log(value) + p * x - (p + 1) * bnp.logaddexp(x, 0.0)

    def cdf(self, value: Any) -> Any:
        x = self.sharpness * (bnp.log(value) - bnp.log(self.scale))
        return bnp.exp(-self.concentration * bnp.logaddexp(-x, 0.0))

    def icdf(self, q: Any) -> Any:
        odds = bnp.expm1(-bnp.log(q) / self.concentration)
        return self.scale * bnp.power(odds, -1 / bnp.asarray(self.sharpness))

    def _moment(self, k: int) -> Any:
        """E x^k; inf where it does not exist, for a sharpness of at most k."""
        p, a = bnp.asarray(self.concentration), bnp.asarray(self.sharpness)
        safe = k / bnp.where(a > k, a, 2.0 * k)
        log_m = gammaln(p + safe) + gammaln(1 - safe) - gammaln(p) + k * bnp.log(self.scale)
        return bnp.where(a > k, bnp.exp(log_m), bnp.inf)

    @property
    def mean(self) -> Any:
        return self._wide(self._moment(1))

    @property
    def variance(self) -> Any:
        square, mean = self._moment(2), self._moment(1)
        finite = square - bnp.square(bnp.where(bnp.isfinite(mean), mean, 0.0))
        return self._wide(bnp.where(bnp.isfinite(square), finite, bnp.inf))


class Gompertz(_ByInversion):
    """Lifetimes under a hazard that grows exponentially: concentration * rate * exp(rate * x).

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Gompertz(0.1, 2.0).icdf(0.5)), 4)
    1.0354
    """

    arg_constraints = {"concentration": c.positive, "rate": c.positive}
    support = c.positive
    reparametrized_params = tuple(arg_constraints)

    def __init__(
        self, concentration: Any, rate: Any = 1.0, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, concentration=concentration, rate=rate)

    def _log_prob(self, value: Any) -> Any:
        x = self.rate * value
        return (
            bnp.log(self.concentration) + bnp.log(self.rate) + x - self.concentration * bnp.expm1(x)
        )

    def cdf(self, value: Any) -> Any:
        return -bnp.expm1(-self.concentration * bnp.expm1(self.rate * value))

    def icdf(self, q: Any) -> Any:
        return bnp.log1p(-bnp.log1p(-q) / self.concentration) / self.rate

    @property
    def mean(self) -> Any:
        c0 = bnp.asarray(self.concentration)
        return self._wide(bnp.exp(c0) * exp1(c0) / self.rate)


class Levy(_ByInversion):
    """The stable distribution of index 1/2: of when a Brownian motion first reaches a level.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Levy(0.0, 1.0).icdf(0.5)), 4)
    2.1981
    """

    arg_constraints = {"loc": c.real, "scale": c.positive}
    reparametrized_params = tuple(arg_constraints)

    def __init__(self, loc: Any, scale: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, loc=loc, scale=scale)

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.greater_than(self.loc)

    def _log_prob(self, value: Any) -> Any:
        x = value - self.loc
        return 0.5 * bnp.log(self.scale / (2 * bnp.pi)) - 1.5 * bnp.log(x) - 0.5 * self.scale / x

    def cdf(self, value: Any) -> Any:
        return 2 * ndtr(-bnp.sqrt(self.scale / (value - self.loc)))

    def icdf(self, q: Any) -> Any:
        return self.loc + self.scale / bnp.square(ndtri(0.5 * bnp.asarray(q)))

    @property
    def mean(self) -> Any:
        return self._wide(bnp.inf)

    @property
    def variance(self) -> Any:
        return self._wide(bnp.inf)

    def entropy(self) -> Any:
        standard = 0.5 * (1 + 3 * np.euler_gamma + np.log(16 * np.pi))
        return self._wide(standard + bnp.log(self.scale))


class LowerTruncatedPowerLaw(_ByInversion):
    """Density proportional to x**alpha from `low` on, for alpha < -1.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.LowerTruncatedPowerLaw(-3.0, 1.0).icdf(0.75)), 4)
    2.0
    """

    arg_constraints = {"alpha": c.less_than(-1.0), "low": c.positive}
    reparametrized_params = tuple(arg_constraints)

    def __init__(self, alpha: Any, low: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, alpha=alpha, low=low)

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.greater_than_eq(self.low)

    def _log_prob(self, value: Any) -> Any:
        above = self.alpha + 1.0
        return self.alpha * bnp.log(value) + bnp.log(-above) - above * bnp.log(self.low)

    def cdf(self, value: Any) -> Any:
        return -bnp.expm1((self.alpha + 1.0) * bnp.log(value / self.low))

    def icdf(self, q: Any) -> Any:
        return self.low * bnp.exp(bnp.log1p(-q) / (self.alpha + 1.0))


class DoublyTruncatedPowerLaw(_ByInversion):
    """Density proportional to x**alpha between `low` and `high`, for any alpha.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.DoublyTruncatedPowerLaw(-1.0, 1.0, 100.0).icdf(0.5)), 4)
    10.0
    """

    arg_constraints = {"alpha": c.real, "low": c.positive, "high": c.positive}
    reparametrized_params = tuple(arg_constraints)

    def __init__(
        self, alpha: Any, low: Any, high: Any, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, alpha=alpha, low=low, high=high)

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.interval(self.low, self.high)

    def _mass(self, x: Any) -> Any:
        """The integral of (t / low)**alpha / low from `low` to x: (r**b - 1) / b, b = alpha + 1."""
        b, log_r = bnp.asarray(self.alpha) + 1.0, bnp.log(x / bnp.asarray(self.low))
        small = bnp.abs(b) < 1e-9
        return bnp.where(small, log_r, bnp.expm1(b * log_r) / bnp.where(small, 1.0, b))

    def _log_prob(self, value: Any) -> Any:
        log_low = bnp.log(self.low)
        density = self.alpha * (bnp.log(value) - log_low) - log_low
        return density - bnp.log(self._mass(self.high))

    def cdf(self, value: Any) -> Any:
        return bnp.clip(self._mass(value) / self._mass(self.high), 0.0, 1.0)

    def icdf(self, q: Any) -> Any:
        b, m = bnp.asarray(self.alpha) + 1.0, q * self._mass(self.high)
        small = bnp.abs(b) < 1e-9
        return self.low * bnp.exp(bnp.where(small, m, bnp.log1p(b * m) / bnp.where(small, 1.0, b)))
