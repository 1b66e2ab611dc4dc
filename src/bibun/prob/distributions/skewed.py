"""Scalar distributions with skew or soft peaks, and other parametrisations of known ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.bounded import Beta, Interval, TwoShapes
from bibun.prob.distributions.distribution import Distribution, Shape
from bibun.prob.distributions.real_line import LocationScale
from bibun.prob.distributions.special import betaln
from bibun.scipy.special import digamma, xlog1py


class AsymmetricLaplace(Distribution):
    """Exponential tails of scale `scale * asymmetry` to the left, `scale / asymmetry` to the right.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.AsymmetricLaplace(0.0, 1.0, 2.0).cdf(0.0)), 6)
    0.8
    """

    arg_constraints = {"loc": c.real, "scale": c.positive, "asymmetry": c.positive}
    support = c.real
    reparametrized_params = ("loc", "scale", "asymmetry")

    def __init__(
        self, loc: Any = 0.0, scale: Any = 1.0, asymmetry: Any = 1.0,
        *, validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self._setup(validate_args, loc=loc, scale=scale, asymmetry=asymmetry)

    @property
    def left_scale(self) -> Any:
        return self.scale * self.asymmetry

    @property
    def right_scale(self) -> Any:
        return self.scale / self.asymmetry

    def _log_prob(self, value: Any) -> Any:
        x = value - self.loc
        left, right = self.left_scale, self.right_scale
        return -bnp.abs(x) / bnp.where(x < 0, left, right) - bnp.log(left + right)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        # the difference of two independent exponentials has this law
        k_left, k_right = random.split(key)
        shape = self.shape(sample_shape)
        left = random.exponential(k_left, shape) * self.left_scale
        return self.loc + random.exponential(k_right, shape) * self.right_scale - left

    def cdf(self, value: Any) -> Any:
        left, right = self.left_scale, self.right_scale
        x = value - self.loc
        below = left * bnp.exp(bnp.minimum(x, 0.0) / left)
        above = right * bnp.exp(-bnp.maximum(x, 0.0) / right)
        return bnp.where(x < 0, below / (left + right), 1 - above / (left + right))

    def icdf(self, q: Any) -> Any:
        left, right = self.left_scale, self.right_scale
        total = left + right
        below = left * bnp.log(q * total / left)
        above = -right * (bnp.log1p(-q) + bnp.log(total / right))
        return self.loc + bnp.where(q * total < left, below, above)

    @property
    def mean(self) -> Any:
        return self._wide(self.loc + self.right_scale - self.left_scale)

    @property
    def variance(self) -> Any:
        return self._wide(bnp.square(self.left_scale) + bnp.square(self.right_scale))

    def entropy(self) -> Any:
        return self._wide(1 + bnp.log(self.left_scale + self.right_scale))


class AsymmetricLaplaceQuantile(AsymmetricLaplace):
    """Asymmetric Laplace by the quantile that `loc` is: the likelihood of quantile regression.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.AsymmetricLaplaceQuantile(2.0, 1.0, 0.9).cdf(2.0)), 4)
    0.9
    """

    arg_constraints = {"loc": c.real, "scale": c.positive, "quantile": c.open_interval(0.0, 1.0)}
    reparametrized_params = ("loc", "scale", "quantile")

    def __init__(
        self, loc: Any = 0.0, scale: Any = 1.0, quantile: Any = 0.5,
        *, validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self._setup(validate_args, loc=loc, scale=scale, quantile=quantile)

    @property
    def left_scale(self) -> Any:
        return self.scale / (1 - self.quantile)

    @property
    def right_scale(self) -> Any:
        return self.scale / self.quantile


class SoftLaplace(LocationScale):
    """Hyperbolic secant: exponential tails and a smooth, log-concave peak.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.SoftLaplace().cdf(0.0)), 4)
    0.5
    """

    _moments = (0.0, (math.pi / 2) ** 2)
    _entropy = math.log(2 * math.pi)

    def _standard_log_prob(self, z: Any) -> Any:
        return math.log(2 / math.pi) - bnp.logaddexp(z, -z)

    def _standard_sample(self, key: Any, shape: Shape) -> Any:
        tiny = float(np.finfo(np.float64).tiny)
        return self._standard_icdf(random.uniform(key, shape, minval=tiny))

    def _standard_cdf(self, z: Any) -> Any:
        tail = 2 / math.pi * bnp.arctan(bnp.exp(-bnp.abs(z)))
        return bnp.where(z < 0, tail, 1 - tail)

    def _standard_icdf(self, q: Any) -> Any:
        return bnp.log(bnp.tan(q * (math.pi / 2)))


class Kumaraswamy(TwoShapes):
    """On [0, 1], with distribution function 1 - (1 - x**a)**b: much like beta, in closed form.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Kumaraswamy(2.0, 1.0).cdf(0.5)), 4)
    0.25
    """

    def _log_prob(self, value: Any) -> Any:
        a, b = self.concentration1, self.concentration0
        log = bnp.log(value)
        rest = xlog1py(b - 1, -bnp.exp(a * log))
        return bnp.log(a) + bnp.log(b) + (a - 1) * log + rest

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        tiny = float(np.finfo(np.float64).tiny)
        return self.icdf(random.uniform(key, self.shape(sample_shape), minval=tiny))

    def cdf(self, value: Any) -> Any:
        x = bnp.clip(value, 0.0, 1.0)
        power = bnp.power(x, self.concentration1)
        return -bnp.expm1(self.concentration0 * bnp.log1p(-power))

    def icdf(self, q: Any) -> Any:
        power = -bnp.expm1(bnp.log1p(-q) / self.concentration0)
        return bnp.exp(bnp.log(power) / self.concentration1)

    def _moment(self, n: int) -> Any:
        a, b = bnp.asarray(self.concentration1), self.concentration0
        return b * bnp.exp(betaln(1 + n / a, b))

    @property
    def mean(self) -> Any:
        return self._wide(self._moment(1))

    @property
    def variance(self) -> Any:
        return self._wide(self._moment(2) - bnp.square(self._moment(1)))

    def entropy(self) -> Any:
        a, b = bnp.asarray(self.concentration1), bnp.asarray(self.concentration0)
        harmonic = digamma(b + 1) + np.euler_gamma
        return self._wide((1 - 1 / b) + (1 - 1 / a) * harmonic - bnp.log(a) - bnp.log(b))


class LogUniform(Interval):
    """On [low, high], with the logarithm uniform: density proportional to 1 / x.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.LogUniform(1.0, 100.0).icdf(0.5)), 4)
    10.0
    """

    arg_constraints = {"low": c.positive, "high": c.positive}

    def __init__(self, low: Any, high: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, low=low, high=high)

    def _log_range(self) -> Any:
        return bnp.log(self.high) - bnp.log(self.low)

    def _log_prob(self, value: Any) -> Any:
        return -bnp.log(value) - bnp.log(self._log_range())

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        x = self.icdf(random.uniform(key, self.shape(sample_shape)))
        return bnp.clip(x, self.low, self.high)

    def cdf(self, value: Any) -> Any:
        x = bnp.clip(value, self.low, self.high)
        return (bnp.log(x) - bnp.log(self.low)) / self._log_range()

    def icdf(self, q: Any) -> Any:
        return bnp.exp(bnp.log(self.low) + q * self._log_range())

    @property
    def mean(self) -> Any:
        return self._wide((self.high - self.low) / self._log_range())

    @property
    def variance(self) -> Any:
        second = 0.5 * (bnp.square(self.high) - bnp.square(self.low)) / self._log_range()
        return self._wide(second - bnp.square(self.mean))

    def entropy(self) -> Any:
        return self._wide(
            0.5 * (bnp.log(self.low) + bnp.log(self.high)) + bnp.log(self._log_range())
        )


class BetaProportion(Beta):
    """Beta by its mean and its concentration, the sum of both shape parameters.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.BetaProportion(0.25, 4.0).concentration1), 4)
    1.0
    """

    arg_constraints = {"_mean": c.open_interval(0.0, 1.0), "concentration": c.positive}
    reparametrized_params = ("_mean", "concentration")

    def __init__(self, mean: Any, concentration: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, _mean=mean, concentration=concentration)

    @property
    def concentration1(self) -> Any:
        return self._mean * self.concentration

    @property
    def concentration0(self) -> Any:
        return (1 - self._mean) * self.concentration
