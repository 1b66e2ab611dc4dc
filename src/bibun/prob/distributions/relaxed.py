"""Continuous stand-ins for 0 and 1, and the truncated Pólya gamma distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.lax import fori_loop
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.discrete import _logit
from bibun.prob.distributions.distribution import Distribution, Shape, one_of
from bibun.prob.distributions.real_line import Logistic
from bibun.prob.distributions.special import LOG_2PI
from bibun.prob.distributions.transformed import TransformedDistribution
from bibun.prob.distributions.transforms import SigmoidTransform
from bibun.scipy.special import erfc


class RelaxedBernoulliLogits(TransformedDistribution):
    """The logistic function of a logistic variable: near 0 or 1 at low `temperature`.

    P(x > 1/2) is the logistic function of `logits`, at any temperature. Source: Maddison, Mnih
    and Teh (2017); Jang, Gu and Poole (2017).

    >>> d = RelaxedBernoulliLogits(0.1, 0.0)
    >>> float(d.cdf(0.5))
    0.5
    """

    arg_constraints = {"temperature": c.positive, "logits": c.real}
    support = c.unit_interval
    reparametrized_params = ("temperature", "logits")
    _fields = ("temperature", "logits")
    transform = SigmoidTransform()

    def __init__(
        self, temperature: Any, logits: Any, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, temperature=temperature, logits=logits)

    @property
    def base_dist(self) -> Logistic:
        t = bnp.asarray(self.temperature, dtype=float)
        return Logistic(self.logits / t, 1 / t, validate_args=False)


def RelaxedBernoulli(
    temperature: Any, probs: Any = None, logits: Any = None, *, validate_args: bool | None = None
) -> RelaxedBernoulliLogits:
    """A relaxed Bernoulli by one of `probs` and `logits`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.RelaxedBernoulli(0.5, probs=0.5).cdf(0.5)), 4)
    0.5
    """
    one_of("RelaxedBernoulli", probs=probs, logits=logits)
    if probs is not None:
        logits = _logit(bnp.asarray(probs))
    return RelaxedBernoulliLogits(temperature, logits, validate_args=validate_args)


class TruncatedPolyaGamma(Distribution):
    """Pólya and gamma's PG(1, 0), restricted to (0, 2.5).

    Density and distribution function are two alternating series, one fast for small values,
    one for large; draws are quantiles, found by bisection. Source: Polson, Scott and Windle
    (2013), Devroye (2009). NumPyro puts the mass beyond 2.5, 5.6e-6, at that end.

    >>> round(float(TruncatedPolyaGamma().cdf(0.25)), 3)
    0.629
    """

    truncation_point = 2.5
    support = c.interval(0.0, truncation_point)
    _static = ("_batch",)
    _terms = 6
    _cross = 0.25

    def __init__(self, batch_shape: Shape = (), *, validate_args: bool | None = None) -> None:
        self._batch = tuple(batch_shape)
        self._setup(validate_args)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return self._batch, ()

    def _series(self, x: Any) -> tuple[Any, Any]:
        """(log density, distribution function) of PG(1, 0) at x > 0."""
        n = 2.0 * np.arange(self._terms) + 1
        sign = (-1.0) ** np.arange(self._terms)
        small = bnp.minimum(x, self._cross)[..., None]
        large = bnp.maximum(x, self._cross)[..., None]
        # relative to the first term of each, so that neither tail underflows
        near = bnp.sum(sign * n * bnp.exp((1 - n * n) / (8 * small)), axis=-1)
        x0 = small[..., 0]
        near = bnp.log(near) - 1 / (8 * x0) - 1.5 * bnp.log(x0) - 0.5 * LOG_2PI
        decay = 0.5 * math.pi**2 * large
        far = bnp.sum(sign * n * bnp.exp((1 - n * n) * decay), axis=-1)
        far = bnp.log(far) - decay[..., 0] + LOG_2PI
        below = bnp.sum(sign * 2 * erfc(n / bnp.sqrt(8 * small)), axis=-1)
        above = bnp.sum(sign / n * bnp.exp(-n * n * decay), axis=-1) * (4 / math.pi)
        here = x < self._cross
        return bnp.where(here, near, far), bnp.where(here, below, 1 - above)

    @property
    def _mass(self) -> Any:
        return self._series(bnp.asarray(self.truncation_point))[1]

    def _log_prob(self, value: Any) -> Any:
        inside = self.support(value)
        density = self._series(bnp.where(inside & (value > 0), value, 1.0))[0] - bnp.log(self._mass)
        return bnp.where(value > 0, density, -np.inf)

    def cdf(self, value: Any) -> Any:
        x = bnp.clip(value, 0.0, self.truncation_point)
        whole = self._series(bnp.where(x > 0, x, 1.0))[1] / self._mass
        return bnp.where(x > 0, whole, 0.0)

    def icdf(self, q: Any) -> Any:
        q = bnp.asarray(q, dtype=float)

        def halve(_: Any, ends: Any) -> Any:
            low, high = ends
            middle = 0.5 * (low + high)
            above = self.cdf(middle) >= q
            return bnp.where(above, low, middle), bnp.where(above, middle, high)

        start = (bnp.zeros(q.shape), bnp.full(q.shape, self.truncation_point))
        low, high = fori_loop(0, 60, halve, start)
        return bnp.where((q >= 0) & (q <= 1), 0.5 * (low + high), bnp.nan)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self.icdf(random.uniform(key, self.shape(sample_shape), minval=2.0**-53))
