"""Zeros of their own, and values that are never zero.

With probability `gate` the value is zero, else it is drawn from a base distribution given that it
is not zero. Unlike zero inflation, all zeros come from the gate.
"""

from __future__ import annotations

from typing import Any

from bibun import lax, random
from bibun import numpy as bnp
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.bounded import Gamma
from bibun.prob.distributions.counts import NegativeBinomial2, Poisson
from bibun.prob.distributions.distribution import Distribution, Shape, one_of
from bibun.prob.distributions.real_line import LogNormal
from bibun.prob.distributions.zero_inflated import ZeroInflatedLogits, ZeroInflatedProbs


class _Hurdle:
    """What differs from zero inflation; `_log_gate` and the gate's checks are taken from there."""

    @property
    def support(self) -> Any:
        return self.base_dist.support if self.base_dist.is_discrete else c.nonnegative

    def _log_any(self) -> Any:
        """log P(base is not zero)."""
        if not self.base_dist.is_discrete:
            return 0.0
        return bnp.log(-bnp.expm1(self.base_dist.log_prob(0)))

    def _log_prob(self, value: Any) -> Any:
        log_gate, log_rest = self._log_gate()
        zero = bnp.equal(value, 0)
        # where the value is zero the base gets one that it may have
        safe = bnp.where(zero, bnp.ones_like(value), value)
        beyond = self.base_dist.log_prob(safe) - self._log_any() + log_rest
        return bnp.where(zero, log_gate, beyond)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_gate, k_base = random.split(key)
        zero = random.bernoulli(k_gate, self.gate, self.shape(sample_shape))
        base = self.base_dist.expand(self.batch_shape)
        x = base.sample(k_base, sample_shape)
        if base.is_discrete:  # drawn again where it is zero

            def again(state: Any) -> Any:
                k, x = state
                other = base.sample(random.fold_in(k_base, k), sample_shape)
                return k + 1, bnp.where((x == 0) & ~zero, other, x)

            _, x = lax.while_loop(
                lambda s: bnp.any((s[1] == 0) & ~zero), again, (bnp.asarray(0), x)
            )
        return bnp.where(zero, bnp.zeros_like(x), x)

    def cdf(self, value: Any) -> Any:
        positive = bnp.maximum(bnp.asarray(value), 0)
        at_zero = bnp.exp(self.base_dist.log_prob(0)) if self.base_dist.is_discrete else 0.0
        share = (self.base_dist.cdf(positive) - at_zero) / (1 - at_zero)
        share = bnp.where(positive > 0, share, 0.0)
        return bnp.where(bnp.less(value, 0), 0.0, self.gate + (1 - self.gate) * share)

    @property
    def mean(self) -> Any:
        return self._wide((1 - self.gate) * self.base_dist.mean * bnp.exp(-self._log_any()))

    @property
    def variance(self) -> Any:
        share = (1 - self.gate) * bnp.exp(-self._log_any())
        m = self.base_dist.mean
        second = share * (self.base_dist.variance + bnp.square(m))
        return self._wide(second - bnp.square(share * m))


class HurdleProbs(_Hurdle, ZeroInflatedProbs):
    """Zero with probability `gate`, else a draw of the base that is not zero.

    >>> from bibun.prob import distributions as dist
    >>> round(float(bnp.exp(dist.HurdleProbs(dist.Poisson(2.0), 0.3).log_prob(0))), 6)
    0.3
    """

    _any_base = True


class HurdleLogits(_Hurdle, ZeroInflatedLogits):
    """Zero by the log odds `gate_logits`, else a draw of the base that is not zero.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.HurdleLogits(dist.Poisson(2.0), 0.0)
    >>> round(float(bnp.exp(d.log_prob(0))), 4)
    0.5
    """

    _any_base = True


def HurdleDistribution(
    base_dist: Distribution, *, gate: Any = None, gate_logits: Any = None,
    validate_args: bool | None = None,
) -> Distribution:  # fmt: skip
    """Zero by `gate` (a probability) or `gate_logits`, else a draw of the base, not zero.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.HurdleDistribution(dist.Poisson(2.0), gate=0.25)
    >>> round(float(bnp.exp(d.log_prob(0))), 4)
    0.25
    """
    one_of("HurdleDistribution", gate=gate, gate_logits=gate_logits)
    if gate_logits is None:
        return HurdleProbs(base_dist, gate, validate_args=validate_args)
    return HurdleLogits(base_dist, gate_logits, validate_args=validate_args)


def HurdlePoisson(gate: Any, rate: Any = 1.0, *, validate_args: bool | None = None) -> Distribution:
    """Zero with probability `gate`, else a Poisson count of at least one.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.HurdlePoisson(0.25, 2.0).mean), 4)
    1.7348
    """
    return HurdleProbs(
        Poisson(rate, validate_args=validate_args), gate, validate_args=validate_args
    )


def HurdleNegativeBinomial2(
    gate: Any, mean: Any, concentration: Any, *, validate_args: bool | None = None
) -> Distribution:
    """Zero with probability `gate`, else a negative binomial count of at least one.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.HurdleNegativeBinomial2(0.25, 3.0, 2.0)
    >>> round(float(bnp.exp(d.log_prob(0))), 4)
    0.25
    """
    base = NegativeBinomial2(mean, concentration, validate_args=validate_args)
    return HurdleProbs(base, gate, validate_args=validate_args)


def HurdleGamma(
    gate: Any, concentration: Any, rate: Any = 1.0, *, validate_args: bool | None = None
) -> Distribution:
    """Zero with probability `gate`, else gamma.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.HurdleGamma(0.25, 3.0, 2.0).mean), 4)
    1.125
    """
    base = Gamma(concentration, rate, validate_args=validate_args)
    return HurdleProbs(base, gate, validate_args=validate_args)


def HurdleLogNormal(
    gate: Any, loc: Any = 0.0, scale: Any = 1.0, *, validate_args: bool | None = None
) -> Distribution:
    """Zero with probability `gate`, else log-normal.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.HurdleLogNormal(0.25, 0.0, 1.0).mean), 4)
    1.2365
    """
    base = LogNormal(loc, scale, validate_args=validate_args)
    return HurdleProbs(base, gate, validate_args=validate_args)
