"""Counts with too many zeros.

With probability `gate` the count is zero, else it is drawn from a base distribution that may
give zeros too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions.constraints import real, unit_interval
from bibun.prob.distributions.counts import NegativeBinomial2, Poisson
from bibun.prob.distributions.distribution import (
    Distribution,
    Shape,
    _Wrapper,
    one_of,
    parameter,
    satisfied,
)
from bibun.prob.distributions.transforms import softplus
from bibun.scipy.special import expit


class _ZeroInflated(_Wrapper):
    """What both parametrisations of the gate share; subclasses give `_log_gate`."""

    _any_base = False  # whether the base may be continuous

    def __init__(
        self, base_dist: Distribution, gate: Any, *, validate_args: bool | None = None
    ) -> None:
        if not (base_dist.is_discrete or self._any_base) or base_dist.event_shape:
            raise ValueError(
                f"{type(self).__name__} needs a scalar base (on whole numbers, if zeros are "
                "added to its own), got "
                f"{type(base_dist).__name__} with event shape {base_dist.event_shape}"
            )
        name = self._fields[1]
        self._wrap(base_dist, validate_args, **{name: parameter(name, gate)})
        if self._validate:
            self._check_gate()

    def _check_gate(self) -> None:
        pass

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        gate = np.shape(self.__dict__[self._fields[1]])
        return np.broadcast_shapes(self.base_dist.batch_shape, gate), ()

    def _log_gate(self) -> tuple[Any, Any]:
        """(log gate, log(1 - gate))."""
        raise NotImplementedError

    def _log_prob(self, value: Any) -> Any:
        log_gate, log_rest = self._log_gate()
        lp = self.base_dist.log_prob(value) + log_rest
        return bnp.where(bnp.equal(value, 0), bnp.logaddexp(log_gate, lp), lp)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_gate, k_base = random.split(key)
        zero = random.bernoulli(k_gate, self.gate, self.shape(sample_shape))
        x = self.base_dist.expand(self.batch_shape).sample(k_base, sample_shape)
        return bnp.where(zero, 0, x)

    def cdf(self, value: Any) -> Any:
        below = bnp.less(value, 0)
        return bnp.where(below, 0.0, self.gate + (1 - self.gate) * self.base_dist.cdf(value))

    @property
    def mean(self) -> Any:
        return self._wide((1 - self.gate) * self.base_dist.mean)

    @property
    def variance(self) -> Any:
        g, m = self.gate, self.base_dist.mean
        return self._wide((1 - g) * (self.base_dist.variance + g * bnp.square(m)))

    def enumerate_support(self, expand: bool = True) -> Any:
        return self.base_dist.expand(self.batch_shape).enumerate_support(expand=expand)


class ZeroInflatedProbs(_ZeroInflated):
    """Zero with probability `gate`, else a draw of the base.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.ZeroInflatedProbs(dist.Poisson(2.0), 0.25).mean), 4)
    1.5
    """

    _fields = ("base_dist", "gate")

    def _check_gate(self) -> None:
        ok = satisfied(unit_interval, self.gate)
        if ok is not None and not ok.all():
            raise ValueError(f"{type(self).__name__}: gate must lie in [0, 1], got {self.gate}")

    def _log_gate(self) -> tuple[Any, Any]:
        return bnp.log(self.gate), bnp.log1p(-self.gate)


class ZeroInflatedLogits(_ZeroInflated):
    """Zero by the log odds `gate_logits`, else a draw of the base.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.ZeroInflatedLogits(dist.Poisson(2.0), 0.0).mean), 4)
    1.0
    """

    _fields = ("base_dist", "gate_logits")

    def __init__(
        self, base_dist: Distribution, gate_logits: Any, *, validate_args: bool | None = None
    ) -> None:
        super().__init__(base_dist, gate_logits, validate_args=validate_args)

    @property
    def gate(self) -> Any:
        return expit(self.gate_logits)

    def _check_gate(self) -> None:
        ok = satisfied(real, self.gate_logits)
        if ok is not None and not ok.all():
            name = type(self).__name__
            raise ValueError(f"{name}: gate_logits must be real, got {self.gate_logits}")

    def _log_gate(self) -> tuple[Any, Any]:
        return -softplus(-self.gate_logits), -softplus(self.gate_logits)


def ZeroInflatedDistribution(
    base_dist: Distribution,
    *,
    gate: Any = None,
    gate_logits: Any = None,
    validate_args: bool | None = None,
) -> _ZeroInflated:
    """Zero by `gate` (a probability) or `gate_logits`, else a draw of `base_dist`.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.ZeroInflatedDistribution(dist.Poisson(2.0), gate=0.5)
    >>> float(d.mean)
    1.0
    """
    one_of("ZeroInflatedDistribution", gate=gate, gate_logits=gate_logits)
    if gate_logits is None:
        return ZeroInflatedProbs(base_dist, gate, validate_args=validate_args)
    return ZeroInflatedLogits(base_dist, gate_logits, validate_args=validate_args)


def ZeroInflatedPoisson(
    gate: Any, rate: Any = 1.0, *, validate_args: bool | None = None
) -> ZeroInflatedProbs:
    """Zero with probability `gate`, else Poisson of the given rate.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.ZeroInflatedPoisson(0.25, 2.0).mean), 4)
    1.5
    """
    base = Poisson(rate, validate_args=validate_args)
    return ZeroInflatedProbs(base, gate, validate_args=validate_args)


def ZeroInflatedNegativeBinomial2(
    mean: Any,
    concentration: Any,
    *,
    gate: Any = None,
    gate_logits: Any = None,
    validate_args: bool | None = None,
) -> _ZeroInflated:
    """Zero by the gate, else negative binomial by mean and concentration.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.ZeroInflatedNegativeBinomial2(3.0, 2.0, gate=0.25)
    >>> round(float(d.mean), 4)
    2.25
    """
    base = NegativeBinomial2(mean, concentration, validate_args=validate_args)
    return ZeroInflatedDistribution(
        base, gate=gate, gate_logits=gate_logits, validate_args=validate_args
    )
