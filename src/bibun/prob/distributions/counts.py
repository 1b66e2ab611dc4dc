"""Counts without a bound: Poisson, geometric, negative binomial; and counts of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, one_of
from bibun.prob.distributions.multivariate import Multinomial
from bibun.prob.distributions.special import betaln, floating
from bibun.scipy.special import betainc, expit, gammaincc, gammaln, xlog1py, xlogy


class Poisson(Distribution):
    """Counts of mean `rate`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(bnp.exp(dist.Poisson(2.0).log_prob(0))), 4)
    0.1353
    """

    arg_constraints = {"rate": c.positive}
    support = c.nonnegative_integer

    def __init__(self, rate: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, rate=rate)

    def _log_prob(self, value: Any) -> Any:
        k = floating(value)
        return xlogy(k, self.rate) - gammaln(k + 1) - self.rate

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return random.poisson(key, self.rate, self.shape(sample_shape))

    def cdf(self, value: Any) -> Any:
        k = bnp.floor(floating(value))
        return bnp.where(k < 0, 0.0, gammaincc(bnp.maximum(k, 0.0) + 1, self.rate))

    @property
    def mean(self) -> Any:
        return self._wide(self.rate)

    @property
    def variance(self) -> Any:
        return self._wide(self.rate)


class GeometricProbs(Distribution):
    """Failures before the first success of probability `probs`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.GeometricProbs(0.25).mean), 4)
    3.0
    """

    arg_constraints = {"probs": c.unit_interval}
    support = c.nonnegative_integer

    def __init__(self, probs: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, probs=probs)

    def _log_prob(self, value: Any) -> Any:
        return xlog1py(floating(value), -self.probs) + bnp.log(self.probs)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        u = random.uniform(key, self.shape(sample_shape))
        return bnp.floor(bnp.log1p(-u) / bnp.log1p(-self.probs)).astype(int)

    def cdf(self, value: Any) -> Any:
        k = bnp.floor(floating(value))
        return bnp.where(k < 0, 0.0, -bnp.expm1((k + 1) * bnp.log1p(-self.probs)))

    @property
    def mean(self) -> Any:
        return self._wide(1 / bnp.asarray(self.probs) - 1)

    @property
    def variance(self) -> Any:
        p = bnp.asarray(self.probs)
        return self._wide((1 / p - 1) / p)

    def entropy(self) -> Any:
        p = bnp.asarray(self.probs)
        return self._wide(-(xlog1py(1 - p, -p) + p * bnp.log(p)) / p)


def Geometric(
    probs: Any = None, logits: Any = None, *, validate_args: bool | None = None
) -> GeometricProbs:
    """Failures before the first success, by `probs` or by `logits`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Geometric(probs=0.25).mean), 4)
    3.0
    """
    one_of("Geometric", probs=probs, logits=logits)
    p = probs if logits is None else expit(logits)
    return GeometricProbs(p, validate_args=validate_args)


def GeometricLogits(logits: Any, *, validate_args: bool | None = None) -> GeometricProbs:
    """Failures before the first success, of log odds `logits`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.GeometricLogits(0.0).mean), 4)
    1.0
    """
    return GeometricProbs(expit(bnp.asarray(logits)), validate_args=validate_args)


class GammaPoisson(Distribution):
    """Poisson counts whose rate is gamma: the negative binomial.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.GammaPoisson(3.0, 2.0)
    >>> float(d.mean), float(d.variance)
    (1.5, 2.25)
    """

    arg_constraints = {"concentration": c.positive, "rate": c.positive}
    support = c.nonnegative_integer

    def __init__(
        self, concentration: Any, rate: Any = 1.0, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, concentration=concentration, rate=rate)

    def _log_prob(self, value: Any) -> Any:
        k, a, b = floating(value), self.concentration, self.rate
        ways = gammaln(a + k) - gammaln(a) - gammaln(k + 1)
        return ways + a * bnp.log(b) - (a + k) * bnp.log1p(b)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_gamma, k_poisson = random.split(key)
        shape = self.shape(sample_shape)
        rate = random.gamma(k_gamma, self.concentration, shape) / self.rate
        return random.poisson(k_poisson, rate, shape)

    def cdf(self, value: Any) -> Any:
        k = bnp.floor(floating(value))
        p = betainc(self.concentration, bnp.maximum(k, 0.0) + 1, self.rate / (1.0 + self.rate))
        return bnp.where(k < 0, 0.0, p)

    @property
    def mean(self) -> Any:
        return self._wide(self.concentration / bnp.asarray(self.rate))

    @property
    def variance(self) -> Any:
        return self._wide(self.concentration / bnp.square(self.rate) * (1 + self.rate))


def NegativeBinomial2(
    mean: Any, concentration: Any, *, validate_args: bool | None = None
) -> GammaPoisson:
    """Negative binomial by its mean; its variance is mean + mean**2 / concentration.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.NegativeBinomial2(3.0, 2.0).variance), 4)
    7.5
    """
    rate = concentration / bnp.asarray(mean)
    return GammaPoisson(concentration, rate, validate_args=validate_args)


def NegativeBinomialProbs(
    total_count: Any, probs: Any, *, validate_args: bool | None = None
) -> GammaPoisson:
    """Successes of probability `probs` before `total_count` failures.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.NegativeBinomialProbs(2, 0.75).mean), 4)
    6.0
    """
    return GammaPoisson(total_count, 1.0 / bnp.asarray(probs) - 1.0, validate_args=validate_args)


def NegativeBinomialLogits(
    total_count: Any, logits: Any, *, validate_args: bool | None = None
) -> GammaPoisson:
    """Successes, of log odds `logits`, before `total_count` failures.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.NegativeBinomialLogits(2, 0.0).mean), 4)
    2.0
    """
    return GammaPoisson(total_count, bnp.exp(-bnp.asarray(logits)), validate_args=validate_args)


def NegativeBinomial(
    total_count: Any, probs: Any = None, logits: Any = None, *, validate_args: bool | None = None
) -> GammaPoisson:
    """Successes before `total_count` failures, by `probs` or `logits` of a success.

    >>> from bibun.prob import distributions as dist
    >>> float(dist.NegativeBinomial(3.0, probs=0.5).mean)
    3.0
    """
    one_of("NegativeBinomial", probs=probs, logits=logits)
    if probs is not None:
        return NegativeBinomialProbs(total_count, probs, validate_args=validate_args)
    return NegativeBinomialLogits(total_count, logits, validate_args=validate_args)


class BetaNegativeBinomial(Distribution):
    """Negative binomial counts of `n` failures whose success probability is beta.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.BetaNegativeBinomial(3.0, 2.0, 4.0)
    >>> round(float(d.mean), 4)
    12.0
    """

    arg_constraints = {
        "concentration1": c.positive, "concentration0": c.positive, "n": c.positive,
    }  # fmt: skip
    support = c.nonnegative_integer

    def __init__(
        self, concentration1: Any, concentration0: Any, n: Any, *, validate_args: bool | None = None
    ) -> None:
        self._setup(
            validate_args, concentration1=concentration1, concentration0=concentration0, n=n
        )

    def _log_prob(self, value: Any) -> Any:
        k, n, a, b = floating(value), self.n, self.concentration1, self.concentration0
        ways = gammaln(n + k) - gammaln(bnp.asarray(n)) - gammaln(k + 1)
        return ways + betaln(a + k, b + n) - betaln(a, b)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_beta, k_count = random.split(key)
        shape = self.shape(sample_shape)
        p = random.beta(k_beta, self.concentration1, self.concentration0, shape)
        return NegativeBinomialProbs(self.n, p, validate_args=False).sample(k_count)

    @property
    def mean(self) -> Any:
        b = bnp.asarray(self.concentration0)
        safe = bnp.where(b > 1, b - 1, 1.0)
        return self._wide(bnp.where(b > 1, self.n * self.concentration1 / safe, bnp.inf))

    @property
    def variance(self) -> Any:
        a, b, n = self.concentration1, bnp.asarray(self.concentration0), self.n
        safe = bnp.where(b > 2, b, 3.0)
        out = n * a * (n + safe - 1) * (a + safe - 1) / ((safe - 2) * bnp.square(safe - 1))
        return self._wide(bnp.where(b > 2, out, bnp.inf))


def MultinomialLogits(
    logits: Any, total_count: Any = 1, *, validate_args: bool | None = None
) -> Distribution:
    """Counts of classes, by logits.

    >>> from bibun.prob import distributions as dist
    >>> dist.MultinomialLogits([0.0, 0.0], total_count=10).mean.tolist()
    [5.0, 5.0]
    """
    return Multinomial(total_count, logits=logits, validate_args=validate_args)


class DirichletMultinomial(Distribution):
    """Counts of classes in `total_count` draws whose probabilities are Dirichlet.

    >>> from bibun.prob import distributions as dist
    >>> dist.DirichletMultinomial([1.0, 3.0], total_count=8).mean.tolist()
    [2.0, 6.0]
    """

    arg_constraints = {
        "concentration": c.independent(c.positive, 1), "total_count": c.nonnegative_integer,
    }  # fmt: skip

    def __init__(
        self, concentration: Any, total_count: Any = 1, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, concentration=concentration, total_count=total_count)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        shape = np.shape(self.concentration)
        return np.broadcast_shapes(shape[:-1], np.shape(self.total_count)), shape[-1:]

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.multinomial(self.total_count)

    def _log_prob(self, value: Any) -> Any:
        k, a = floating(value), bnp.asarray(self.concentration)
        n, total = self.total_count, bnp.sum(a, axis=-1)
        ways = gammaln(bnp.asarray(n) + 1.0) + gammaln(total) - gammaln(total + n)
        return ways + bnp.sum(gammaln(a + k) - gammaln(a) - gammaln(k + 1), axis=-1)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_probs, k_counts = random.split(key)
        shape = (*sample_shape, *self.batch_shape)
        probs = random.dirichlet(k_probs, bnp.asarray(self.concentration), shape)
        n = bnp.broadcast_to(bnp.asarray(self.total_count, dtype=float), shape)
        return random.multinomial(k_counts, n, probs, shape=self.shape(sample_shape)).astype(int)

    @property
    def mean(self) -> Any:
        a = bnp.asarray(self.concentration)
        return a / bnp.sum(a, axis=-1, keepdims=True) * bnp.asarray(self.total_count)[..., None]

    @property
    def variance(self) -> Any:
        total = bnp.sum(bnp.asarray(self.concentration), axis=-1, keepdims=True)
        n = bnp.asarray(self.total_count)[..., None]
        share = self.mean / n
        return n * share * (1 - share) * (n + total) / (1 + total)
