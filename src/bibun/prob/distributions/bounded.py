"""Distributions on the positive half-line and on intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape
from bibun.prob.distributions.special import betaln
from bibun.scipy.special import (
    betainc,
    betaincinv,
    digamma,
    gammainc,
    gammaincc,
    gammainccinv,
    gammaincinv,
    gammaln,
    xlog1py,
    xlogy,
)
from bibun.trace.core import concrete


class Interval(Distribution):
    """On [low, high]. Errors: ValueError unless low < high."""

    reparametrized_params = ("low", "high")

    def _validate_parameters(self) -> None:
        super()._validate_parameters()
        low, high = concrete(self.low), concrete(self.high)
        if low is not None and high is not None and not np.all(low < high):
            raise ValueError(
                f"{type(self).__name__}: low must be below high, got low={self.low}, "
                f"high={self.high}"
            )

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.interval(self.low, self.high)


class Uniform(Interval):
    """Uniform on [low, high].

    >>> from bibun.prob import distributions as dist
    >>> d = dist.Uniform(1.0, 3.0)
    >>> float(d.mean), round(float(d.log_prob(2.0)), 4)
    (2.0, -0.6931)
    """

    arg_constraints = {"low": c.dependent, "high": c.dependent}

    def __init__(
        self, low: Any = 0.0, high: Any = 1.0, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, low=low, high=high)

    def _log_prob(self, value: Any) -> Any:
        shape = np.broadcast_shapes(np.shape(value), self.batch_shape)
        return -bnp.broadcast_to(bnp.log(self.high - self.low), shape)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return random.uniform(key, self.shape(sample_shape), minval=self.low, maxval=self.high)

    def cdf(self, value: Any) -> Any:
        return bnp.clip((value - self.low) / (self.high - self.low), 0.0, 1.0)

    def icdf(self, q: Any) -> Any:
        return self.low + q * (self.high - self.low)

    @property
    def mean(self) -> Any:
        return self._wide(self.low + (self.high - self.low) / 2)

    @property
    def variance(self) -> Any:
        return self._wide(bnp.square(self.high - self.low) / 12)

    def entropy(self) -> Any:
        return self._wide(bnp.log(self.high - self.low))


class Exponential(Distribution):
    """Exponential of the given rate (mean 1 / rate).

    >>> from bibun.prob import distributions as dist
    >>> float(dist.Exponential(2.0).mean), float(dist.Exponential(2.0).log_prob(-1.0))
    (0.5, -inf)
    """

    arg_constraints = {"rate": c.positive}
    support = c.nonnegative
    reparametrized_params = ("rate",)

    def __init__(self, rate: Any = 1.0, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, rate=rate)

    def _log_prob(self, value: Any) -> Any:
        return bnp.log(self.rate) - self.rate * value

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return random.exponential(key, self.shape(sample_shape)) / self.rate

    def cdf(self, value: Any) -> Any:
        return -bnp.expm1(-self.rate * value)

    def icdf(self, q: Any) -> Any:
        return -bnp.log1p(-q) / self.rate

    @property
    def mean(self) -> Any:
        return self._wide(1 / bnp.asarray(self.rate))

    @property
    def variance(self) -> Any:
        return self._wide(1 / bnp.square(self.rate))

    def entropy(self) -> Any:
        return self._wide(1 - bnp.log(self.rate))


class _ShapeAndRate(Distribution):
    """On the positive half-line, by a shape and a rate."""

    arg_constraints = {"concentration": c.positive, "rate": c.positive}
    support = c.positive
    reparametrized_params = ("concentration", "rate")

    def __init__(
        self, concentration: Any, rate: Any = 1.0, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, concentration=concentration, rate=rate)


class Gamma(_ShapeAndRate):
    """Gamma of shape `concentration` and the given rate (mean concentration / rate).

    >>> from bibun.prob import distributions as dist
    >>> float(dist.Gamma(3.0, 2.0).mean), float(dist.Gamma(3.0, 2.0).variance)
    (1.5, 0.75)
    """

    def _log_prob(self, value: Any) -> Any:
        a, b = self.concentration, self.rate
        return a * bnp.log(b) + (a - 1) * bnp.log(value) - b * value - gammaln(a)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return random.gamma(key, self.concentration, self.shape(sample_shape)) / self.rate

    def cdf(self, value: Any) -> Any:
        return gammainc(self.concentration, self.rate * value)

    def icdf(self, q: Any) -> Any:
        return gammaincinv(self.concentration, q) / self.rate

    @property
    def mean(self) -> Any:
        return self._wide(self.concentration / bnp.asarray(self.rate))

    @property
    def variance(self) -> Any:
        return self._wide(self.concentration / bnp.square(self.rate))

    def entropy(self) -> Any:
        a = self.concentration
        return self._wide(a - bnp.log(self.rate) + gammaln(a) + (1 - a) * digamma(a))


class Chi2(Gamma):
    """Chi-squared with `df` degrees of freedom.

    >>> from bibun.prob import distributions as dist
    >>> float(dist.Chi2(3.0).mean), float(dist.Chi2(3.0).variance)
    (3.0, 6.0)
    """

    arg_constraints = {"df": c.positive}
    reparametrized_params = ("df",)

    def __init__(self, df: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, df=df)

    @property
    def concentration(self) -> Any:
        return 0.5 * self.df

    rate = 0.5


class InverseGamma(_ShapeAndRate):
    """1 / x for x gamma of the same concentration and rate.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.InverseGamma(3.0, 4.0).mean), 4)
    2.0
    """

    def _log_prob(self, value: Any) -> Any:
        a, b = self.concentration, self.rate
        return a * bnp.log(b) - (a + 1) * bnp.log(value) - b / value - gammaln(a)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self.rate / random.gamma(key, self.concentration, self.shape(sample_shape))

    def cdf(self, value: Any) -> Any:
        return gammaincc(self.concentration, self.rate / value)

    def icdf(self, q: Any) -> Any:
        return self.rate / gammainccinv(self.concentration, q)

    @property
    def mean(self) -> Any:
        a = bnp.asarray(self.concentration)
        return self._wide(bnp.where(a > 1, self.rate / bnp.where(a > 1, a - 1, 1.0), np.inf))

    @property
    def variance(self) -> Any:
        a = bnp.asarray(self.concentration)
        safe = bnp.where(a > 2, a, 3.0)
        finite = bnp.square(self.rate / (safe - 1)) / (safe - 2)
        return self._wide(bnp.where(a > 2, finite, np.inf))

    def entropy(self) -> Any:
        a = self.concentration
        return self._wide(a + bnp.log(self.rate) + gammaln(a) - (1 + a) * digamma(a))


class TwoShapes(Distribution):
    """On [0, 1], by a shape at 1 and one at 0."""

    arg_constraints = {"concentration1": c.positive, "concentration0": c.positive}
    support = c.unit_interval
    reparametrized_params = ("concentration1", "concentration0")

    def __init__(
        self, concentration1: Any, concentration0: Any, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, concentration1=concentration1, concentration0=concentration0)


class Beta(TwoShapes):
    """Beta with densities proportional to x**(concentration1 - 1) (1 - x)**(concentration0 - 1).

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Beta(1.0, 3.0).mean), 4)
    0.25
    """

    def _log_prob(self, value: Any) -> Any:
        a, b = self.concentration1, self.concentration0
        return xlogy(a - 1, value) + xlog1py(b - 1, -value) - betaln(a, b)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        shape = self.shape(sample_shape)
        pair = bnp.stack(
            [self._wide(bnp.asarray(k, dtype=float))
             for k in (self.concentration1, self.concentration0)], axis=-1
        )  # fmt: skip
        x = random.dirichlet(key, pair, shape)[..., 0]
        info = np.finfo(x.dtype)
        return bnp.clip(x, float(info.tiny), float(1 - info.eps))

    def cdf(self, value: Any) -> Any:
        return betainc(self.concentration1, self.concentration0, value)

    def icdf(self, q: Any) -> Any:
        return betaincinv(self.concentration1, self.concentration0, q)

    @property
    def mean(self) -> Any:
        a, b = self.concentration1, self.concentration0
        return self._wide(a / bnp.asarray(a + b))

    @property
    def variance(self) -> Any:
        a, b = self.concentration1, self.concentration0
        return self._wide(a * b / (bnp.square(a + b) * (a + b + 1)))

    def entropy(self) -> Any:
        a, b = self.concentration1, self.concentration0
        h = betaln(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b)
        return self._wide(h + (a + b - 2) * digamma(a + b))


class Weibull(Distribution):
    """Weibull: cdf 1 - exp(-(x / scale)**concentration).

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Weibull(2.0, 1.0).mean), 4)
    2.0
    """

    arg_constraints = {"scale": c.positive, "concentration": c.positive}
    support = c.positive
    reparametrized_params = ("scale", "concentration")

    def __init__(
        self, scale: Any, concentration: Any, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, scale=scale, concentration=concentration)

    def _log_prob(self, value: Any) -> Any:
        k = self.concentration
        log = bnp.log(value) - bnp.log(self.scale)
        return bnp.log(k) - bnp.log(self.scale) + (k - 1) * log - bnp.exp(k * log)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return random.weibull_min(key, self.scale, self.concentration, self.shape(sample_shape))

    def cdf(self, value: Any) -> Any:
        return -bnp.expm1(-bnp.power(value / self.scale, self.concentration))

    def icdf(self, q: Any) -> Any:
        return self.scale * bnp.power(-bnp.log1p(-q), 1 / bnp.asarray(self.concentration))

    @property
    def mean(self) -> Any:
        return self._wide(self.scale * bnp.exp(gammaln(1 + 1 / bnp.asarray(self.concentration))))

    @property
    def variance(self) -> Any:
        k = bnp.asarray(self.concentration)
        second = bnp.exp(gammaln(1 + 2 / k))
        return self._wide(bnp.square(self.scale) * (second - bnp.exp(2 * gammaln(1 + 1 / k))))

    def entropy(self) -> Any:
        k = bnp.asarray(self.concentration)
        return self._wide(np.euler_gamma * (1 - 1 / k) + bnp.log(self.scale / k) + 1)


class Pareto(Distribution):
    """Pareto with minimum `scale` and index `alpha`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Pareto(1.0, 3.0).mean), 4)
    1.5
    """

    arg_constraints = {"scale": c.positive, "alpha": c.positive}
    reparametrized_params = ("scale", "alpha")

    def __init__(self, scale: Any, alpha: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, scale=scale, alpha=alpha)

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.greater_than_eq(self.scale)

    def _log_prob(self, value: Any) -> Any:
        a = self.alpha
        return bnp.log(a) + a * bnp.log(self.scale) - (a + 1) * bnp.log(value)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        e = random.exponential(key, self.shape(sample_shape))
        return self.scale * bnp.exp(e / self.alpha)

    def cdf(self, value: Any) -> Any:
        return 1 - bnp.power(self.scale / value, self.alpha)

    def icdf(self, q: Any) -> Any:
        return self.scale * bnp.exp(-bnp.log1p(-q) / self.alpha)

    @property
    def mean(self) -> Any:
        a = bnp.asarray(self.alpha)
        safe = bnp.where(a > 1, a, 2.0)
        return self._wide(bnp.where(a > 1, safe * self.scale / (safe - 1), np.inf))

    @property
    def variance(self) -> Any:
        a = bnp.asarray(self.alpha)
        safe = bnp.where(a > 2, a, 3.0)
        finite = bnp.square(self.scale / (safe - 1)) * safe / (safe - 2)
        return self._wide(bnp.where(a > 2, finite, np.inf))

    def entropy(self) -> Any:
        a = bnp.asarray(self.alpha)
        return self._wide(bnp.log(self.scale / a) + 1 + 1 / a)
