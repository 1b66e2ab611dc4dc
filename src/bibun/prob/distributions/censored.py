"""Observations of which only a bound is known.

The base distribution describes what would have been seen. A censored observation adds not
its density but the probability of the side on which the true value lies. Tails of symmetric
families are taken as mirrored cdfs, which keeps their digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, _Wrapper
from bibun.prob.distributions.real_line import Gumbel, LocationScale


def log_survival(base: Distribution, value: Any) -> Any:
    """log P(X > value)."""
    if isinstance(base, LocationScale) and not isinstance(base, Gumbel):
        return bnp.log(base._standard_cdf(-base._z(value)))
    return bnp.log1p(-base.cdf(value))


def _indicator(x: Any) -> Any:
    return bnp.asarray(x).astype(bool)


class _Censored(_Wrapper):
    """A scalar continuous base and boolean indicators."""

    def _censor(self, base_dist: Distribution, validate_args: bool | None, **flags: Any) -> None:
        if isinstance(base_dist, Distribution) and base_dist.event_shape:
            raise ValueError(
                f"{type(self).__name__}: the base must have scalar events, got event shape "
                f"{base_dist.event_shape}"
            )
        self._wrap(base_dist, validate_args, **{k: _indicator(v) for k, v in flags.items()})

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        flags = [np.shape(self.__dict__[k]) for k in self._fields[1:]]
        return np.broadcast_shapes(self.base_dist.batch_shape, *flags), ()

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        """Draws of the base: the values that censoring would hide."""
        return self.base_dist.expand(self.batch_shape).sample(key, sample_shape)


class _OneSided(_Censored):
    """A boolean indicator; a subclass says what a bound adds to the log density."""

    _fields = ("base_dist", "censored")

    def __init__(
        self, base_dist: Distribution, censored: Any = False, *, validate_args: bool | None = None
    ) -> None:
        self._censor(base_dist, validate_args, censored=censored)

    def _log_bound(self, value: Any) -> Any:
        raise NotImplementedError

    def _log_prob(self, value: Any) -> Any:
        return bnp.where(self.censored, self._log_bound(value), self.base_dist.log_prob(value))

    def cdf(self, value: Any) -> Any:
        """The base's."""
        return self.base_dist.cdf(value)

    @property
    def mean(self) -> Any:
        """The base's."""
        return self._wide(self.base_dist.mean)

    @property
    def variance(self) -> Any:
        """The base's."""
        return self._wide(self.base_dist.variance)


class LeftCensoredDistribution(_OneSided):
    """Where `censored`, the value is an upper bound: its log density is log P(X <= value).

    >>> from bibun.prob import distributions as dist
    >>> d = dist.LeftCensoredDistribution(dist.Normal(), censored=bnp.array([True, False]))
    >>> [round(float(x), 4) for x in d.log_prob(bnp.zeros(2))]
    [-0.6931, -0.9189]
    """

    def _log_bound(self, value: Any) -> Any:
        return bnp.log(self.base_dist.cdf(value))


class RightCensoredDistribution(_OneSided):
    """Where `censored`, the value is a lower bound: its log density is log P(X > value).

    >>> from bibun.prob import distributions as dist
    >>> d = dist.RightCensoredDistribution(dist.Normal(), True)
    >>> round(float(bnp.exp(d.log_prob(0.0))), 4)
    0.5
    """

    def _log_bound(self, value: Any) -> Any:
        return log_survival(self.base_dist, value)


class IntervalCensoredDistribution(_Censored):
    """Values (lower, upper), of shape (..., 2), between which the true value lies.

    The log density is that of: X <= upper where only `left_censored`; X > lower where only
    `right_censored`; lower < X <= upper where neither; X outside the interval where both;
    and the base's density where lower equals upper and neither is set.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.IntervalCensoredDistribution(dist.Uniform(0.0, 4.0), False, False)
    >>> round(float(bnp.exp(d.log_prob(bnp.array([1.0, 2.0])))), 4)
    0.25
    """

    _fields = ("base_dist", "left_censored", "right_censored")

    def __init__(
        self,
        base_dist: Distribution,
        left_censored: Any,
        right_censored: Any,
        *,
        validate_args: bool | None = None,
    ) -> None:
        self._censor(
            base_dist, validate_args, left_censored=left_censored, right_censored=right_censored
        )

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return super()._compute_shapes()[0], (2,)

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.independent(self.base_dist.support, 1)

    def _log_prob(self, value: Any) -> Any:
        base, left, right = self.base_dist, self.left_censored, self.right_censored
        lower, upper = value[..., 0], value[..., 1]
        point = bnp.equal(lower, upper) & ~left & ~right
        # bounds that do not count may be infinite: keep them off the formulas
        low = bnp.where(left & ~right, upper, lower)
        high = bnp.where(right & ~left, lower, upper)
        inside = bnp.where(point, 1.0, base.cdf(high) - base.cdf(low))
        interval = bnp.log(bnp.where(left ^ right, 1.0, inside))
        outside = bnp.log1p(-bnp.where(left & right, inside, 0.0))
        out = bnp.where(left & right, outside, bnp.where(point, base.log_prob(low), interval))
        out = bnp.where(left & ~right, bnp.log(base.cdf(high)), out)
        return bnp.where(right & ~left, log_survival(base, low), out)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        """Draws of the base, each as an interval of no length."""
        x = super().sample(key, sample_shape)
        return bnp.stack([x, x], axis=-1)
