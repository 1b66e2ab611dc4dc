"""Distributions on finitely many whole numbers: Bernoulli, binomial, categorical, uniform."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, one_of
from bibun.prob.distributions.special import betaln, floating
from bibun.prob.distributions.transforms import softplus
from bibun.scipy.special import betainc, expit, gammaln, logsumexp, xlog1py, xlogy
from bibun.trace.core import concrete, need_concrete


def _logit(p: Any) -> Any:
    return bnp.log(p) - bnp.log1p(-p)


def _same(kind: str, name: str, value: Any) -> int:
    """A parameter that a support depends on. Errors: NotImplementedError where it varies."""
    known = np.asarray(need_concrete(value, "enumerate_support"))
    if (known != known.flat[0]).any():
        raise NotImplementedError(f"{kind}.enumerate_support: {name} varies")
    return int(known.flat[0])


def _listed(values: Any, batch_shape: Shape, expand: bool) -> Any:
    """The values of a support along a new first axis, of one batch or of all."""
    n = len(values)
    values = bnp.reshape(values, (n,) + (1,) * len(batch_shape))
    return bnp.broadcast_to(values, (n, *batch_shape)) if expand else values


class _Bernoulli(Distribution):
    """What both parametrisations share, in terms of `probs`."""

    support = c.boolean
    has_enumerate_support = True

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return random.bernoulli(key, self.probs, self.shape(sample_shape)).astype(int)

    @property
    def mean(self) -> Any:
        return self._wide(self.probs)

    @property
    def variance(self) -> Any:
        return self._wide(self.probs * (1 - self.probs))

    def cdf(self, value: Any) -> Any:
        value = bnp.asarray(value)
        return bnp.where(value < 0, 0.0, bnp.where(value < 1, 1 - self.probs, 1.0))

    def entropy(self) -> Any:
        p = self.probs
        # flat at 0 and 1: the slope there is infinite, that of p in the logits is 0
        flat = (p == 0) | (p == 1)
        return self._wide(bnp.where(flat, 0.0, -xlogy(p, p) - xlog1py(1 - p, -p)))

    def enumerate_support(self, expand: bool = True) -> Any:
        return _listed(bnp.arange(2), self.batch_shape, expand)


class BernoulliProbs(_Bernoulli):
    """0 or 1, with probability `probs` of 1.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.BernoulliProbs(0.25).variance), 4)
    0.1875
    """

    arg_constraints = {"probs": c.unit_interval}

    def __init__(self, probs: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, probs=probs)

    def _log_prob(self, value: Any) -> Any:
        value = floating(value)
        return xlogy(value, self.probs) + xlog1py(1 - value, -self.probs)

    @property
    def logits(self) -> Any:
        return _logit(self.probs)


class BernoulliLogits(_Bernoulli):
    """0 or 1, by the log odds of 1.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.BernoulliLogits(0.0).mean), 4)
    0.5
    """

    arg_constraints = {"logits": c.real}

    def __init__(self, logits: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, logits=logits)

    def _log_prob(self, value: Any) -> Any:
        return floating(value) * self.logits - softplus(self.logits)

    @property
    def probs(self) -> Any:
        return expit(self.logits)


def Bernoulli(
    probs: Any = None, logits: Any = None, *, validate_args: bool | None = None
) -> _Bernoulli:
    """0 or 1, by `probs` or by `logits`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Bernoulli(0.25).log_prob(1)), 6)
    -1.386294
    """
    one_of("Bernoulli", probs=probs, logits=logits)
    if logits is None:
        return BernoulliProbs(probs, validate_args=validate_args)
    return BernoulliLogits(logits, validate_args=validate_args)


class _Binomial(Distribution):
    """Counts of successes in `total_count` trials."""

    has_enumerate_support = True

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.integer_interval(0, self.total_count)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        shape = self.shape(sample_shape)
        return random.binomial(key, self.total_count, self.probs, shape).astype(int)

    @property
    def mean(self) -> Any:
        return self._wide(self.total_count * self.probs)

    @property
    def variance(self) -> Any:
        return self._wide(self.total_count * self.probs * (1 - self.probs))

    def cdf(self, value: Any) -> Any:
        k = bnp.floor(floating(value))
        inside = bnp.clip(k, 0.0, self.total_count - 1.0)
        p = betainc(self.total_count - inside, inside + 1, 1 - self.probs)
        return bnp.where(k < 0, 0.0, bnp.where(k >= self.total_count, 1.0, p))

    def _log_ways(self, k: Any) -> Any:
        n = self.total_count
        return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)

    def enumerate_support(self, expand: bool = True) -> Any:
        n = _same("Binomial", "total_count", self.total_count) + 1
        return _listed(bnp.arange(n), self.batch_shape, expand)


class BinomialProbs(_Binomial):
    """Binomial, by the probability of success.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.BinomialProbs(0.25, total_count=8).variance), 4)
    1.5
    """

    arg_constraints = {"probs": c.unit_interval, "total_count": c.nonnegative_integer}

    def __init__(
        self, probs: Any, total_count: Any = 1, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, probs=probs, total_count=total_count)

    def _log_prob(self, value: Any) -> Any:
        k = floating(value)
        successes = xlogy(k, self.probs) + xlog1py(self.total_count - k, -self.probs)
        return self._log_ways(k) + successes

    @property
    def logits(self) -> Any:
        return _logit(self.probs)


class BinomialLogits(_Binomial):
    """Binomial, by the log odds of success.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.BinomialLogits(0.0, total_count=10).mean), 4)
    5.0
    """

    arg_constraints = {"logits": c.real, "total_count": c.nonnegative_integer}

    def __init__(
        self, logits: Any, total_count: Any = 1, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, logits=logits, total_count=total_count)

    def _log_prob(self, value: Any) -> Any:
        k = floating(value)
        return self._log_ways(k) + k * self.logits - self.total_count * softplus(self.logits)

    @property
    def probs(self) -> Any:
        return expit(self.logits)


def Binomial(
    total_count: Any = 1,
    probs: Any = None,
    logits: Any = None,
    *,
    validate_args: bool | None = None,
) -> _Binomial:
    """Counts of successes in `total_count` trials, by `probs` or by `logits`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Binomial(10, probs=0.3).mean), 4)
    3.0
    """
    one_of("Binomial", probs=probs, logits=logits)
    if logits is None:
        return BinomialProbs(probs, total_count, validate_args=validate_args)
    return BinomialLogits(logits, total_count, validate_args=validate_args)


class _Categorical(Distribution):
    """Class indices; the classes lie along the last axis of the parameter."""

    has_enumerate_support = True

    @property
    def _classes(self) -> int:
        return np.shape(self.__dict__[self._fields[0]])[-1]

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.integer_interval(0, self._classes - 1)

    def _log_prob(self, value: Any) -> Any:
        logits = self._log_weights()
        value = bnp.asarray(value)
        shape = np.broadcast_shapes(value.shape, logits.shape[:-1])
        index = bnp.broadcast_to(bnp.clip(value.astype(int), 0, self._classes - 1), shape)
        logits = bnp.broadcast_to(logits, (*shape, self._classes))
        return bnp.take_along_axis(logits, index[..., None], axis=-1)[..., 0]

    def _moment(self, power: int) -> Any:
        return bnp.sum(self.probs * np.arange(self._classes, dtype=float) ** power, axis=-1)

    @property
    def mean(self) -> Any:
        """The mean of the class indices."""
        return self._moment(1)

    @property
    def variance(self) -> Any:
        """The variance of the class indices."""
        return self._moment(2) - self._moment(1) ** 2

    def entropy(self) -> Any:
        p = self.probs
        # flat at 0: the slope there is infinite, that of p in the logits is 0
        return -bnp.sum(bnp.where(p == 0, 0.0, xlogy(p, p)), axis=-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        return _listed(bnp.arange(self._classes), self.batch_shape, expand)


class CategoricalProbs(_Categorical):
    """Class indices, by probabilities.

    >>> from bibun.prob import distributions as dist
    >>> round(float(bnp.exp(dist.CategoricalProbs([0.5, 0.3, 0.2]).log_prob(1))), 4)
    0.3
    """

    arg_constraints = {"probs": c.simplex}

    def __init__(self, probs: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, probs=probs)

    def _log_weights(self) -> Any:
        return bnp.log(self.probs)

    @property
    def logits(self) -> Any:
        return bnp.log(self.probs)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        # the number of classes whose cumulative probability lies below a uniform number
        cumulative = bnp.cumsum(self.probs, axis=-1)
        cuts = cumulative[..., :-1] / cumulative[..., -1:]
        u = random.uniform(key, (*self.shape(sample_shape), 1))
        return bnp.sum(cuts < u, axis=-1)


class CategoricalLogits(_Categorical):
    """Class indices, by unnormalised log probabilities.

    >>> from bibun.prob import distributions as dist
    >>> [round(float(p), 4) for p in dist.CategoricalLogits([0.0, 0.0]).probs]
    [0.5, 0.5]
    """

    arg_constraints = {"logits": c.real_vector}

    def __init__(self, logits: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, logits=logits)

    def _log_weights(self) -> Any:
        return self.logits - logsumexp(self.logits, axis=-1, keepdims=True)

    @property
    def probs(self) -> Any:
        return bnp.exp(self._log_weights())

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return random.categorical(key, self.logits, shape=self.shape(sample_shape))


def Categorical(
    probs: Any = None, logits: Any = None, *, validate_args: bool | None = None
) -> _Categorical:
    """Class indices, by `probs` or by `logits`, with classes along the last axis.

    >>> from bibun.prob import distributions as dist
    >>> dist.Categorical(probs=[0.5, 0.3, 0.2]).enumerate_support().tolist()
    [0, 1, 2]
    """
    one_of("Categorical", probs=probs, logits=logits)
    if logits is None:
        return CategoricalProbs(probs, validate_args=validate_args)
    return CategoricalLogits(logits, validate_args=validate_args)


def OrderedLogistic(
    predictor: Any, cutpoints: Any, *, validate_args: bool | None = None
) -> CategoricalProbs:
    """The class 0, 1, … between whose ascending `cutpoints` a logistic variable falls.

    The variable has location `predictor`; there is one more class than cutpoints.

    >>> from bibun.prob import distributions as dist
    >>> [round(float(p), 4) for p in dist.OrderedLogistic(0.0, [-1.0, 1.0]).probs]
    [0.2689, 0.4621, 0.2689]
    """
    below = expit(bnp.asarray(cutpoints) - bnp.asarray(predictor)[..., None])
    edge = below[..., :1]
    ends = bnp.concatenate([bnp.zeros_like(edge), below, bnp.ones_like(edge)], axis=-1)
    return CategoricalProbs(ends[..., 1:] - ends[..., :-1], validate_args=validate_args)


class DiscreteUniform(Distribution):
    """Whole numbers from `low` to `high`, both included.

    >>> from bibun.prob import distributions as dist
    >>> dist.DiscreteUniform(1, 6).enumerate_support().tolist()
    [1, 2, 3, 4, 5, 6]
    """

    arg_constraints = {"low": c.dependent, "high": c.dependent}

    def __init__(self, low: Any = 0, high: Any = 1, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, low=low, high=high)

    def _validate_parameters(self) -> None:
        low, high = concrete(self.low), concrete(self.high)
        if low is not None and high is not None and not (low <= high).all():
            raise ValueError(
                f"DiscreteUniform: low must not exceed high, got low={self.low}, high={self.high}"
            )

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.integer_interval(self.low, self.high)

    def _log_prob(self, value: Any) -> Any:
        shape = np.broadcast_shapes(np.shape(value), self.batch_shape)
        return -bnp.broadcast_to(bnp.log(self.high + 1.0 - self.low), shape)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return random.randint(key, self.shape(sample_shape), self.low, self.high + 1)

    def cdf(self, value: Any) -> Any:
        n = self.high + 1.0 - self.low
        return bnp.clip((bnp.floor(floating(value)) + 1 - self.low) / n, 0.0, 1.0)

    @property
    def mean(self) -> Any:
        return self._wide((self.low + self.high) / 2)

    @property
    def variance(self) -> Any:
        return self._wide((bnp.square(self.high - self.low + 1.0) - 1) / 12)

    def icdf(self, q: Any) -> Any:
        n = self.high + 1.0 - self.low
        steps = bnp.clip(bnp.ceil(bnp.asarray(q) * n), 1.0, n)
        return (self.low + steps - 1).astype(int)

    def entropy(self) -> Any:
        return self._wide(bnp.log(self.high + 1.0 - self.low))

    has_enumerate_support = True

    def enumerate_support(self, expand: bool = True) -> Any:
        low, high = (
            _same("DiscreteUniform", name, getattr(self, name)) for name in ("low", "high")
        )
        return _listed(bnp.arange(low, high + 1), self.batch_shape, expand)


class BetaBinomial(Distribution):
    """Binomial counts whose probability is beta.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.BetaBinomial(1.0, 3.0, total_count=8).mean), 4)
    2.0
    """

    arg_constraints = {
        "concentration1": c.positive,
        "concentration0": c.positive,
        "total_count": c.nonnegative_integer,
    }

    def __init__(
        self,
        concentration1: Any,
        concentration0: Any,
        total_count: Any = 1,
        *,
        validate_args: bool | None = None,
    ) -> None:
        self._setup(
            validate_args,
            concentration1=concentration1,
            concentration0=concentration0,
            total_count=total_count,
        )

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.integer_interval(0, self.total_count)

    def _log_prob(self, value: Any) -> Any:
        k, n = floating(value), self.total_count
        a, b = self.concentration1, self.concentration0
        ways = -bnp.log(n + 1.0) - betaln(n - k + 1, k + 1)
        return ways + betaln(k + a, n - k + b) - betaln(a, b)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_beta, k_binomial = random.split(key)
        shape = self.shape(sample_shape)
        p = random.beta(k_beta, self.concentration1, self.concentration0, shape)
        return random.binomial(k_binomial, self.total_count, p, shape).astype(int)

    @property
    def mean(self) -> Any:
        a, b = self.concentration1, self.concentration0
        return self._wide(self.total_count * a / bnp.asarray(a + b))

    has_enumerate_support = True

    def enumerate_support(self, expand: bool = True) -> Any:
        n = _same("BetaBinomial", "total_count", self.total_count) + 1
        return _listed(bnp.arange(n), self.batch_shape, expand)

    @property
    def variance(self) -> Any:
        a, b, n = self.concentration1, self.concentration0, self.total_count
        s = bnp.asarray(a + b)
        return self._wide(n * a * b * (s + n) / (bnp.square(s) * (s + 1)))
