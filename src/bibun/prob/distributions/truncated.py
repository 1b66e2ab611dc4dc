"""A distribution restricted to an interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, _Wrapper, parameter
from bibun.prob.distributions.real_line import Cauchy, LocationScale, Normal


class _Truncated(_Wrapper):
    """A scalar continuous base between `low` and `high`, either of which may be None."""

    _fields = ("base_dist", "low", "high")

    def _between(
        self, base_dist: Distribution, low: Any, high: Any, validate_args: bool | None
    ) -> None:
        self._wrap(
            base_dist,
            validate_args,
            low=None if low is None else parameter("low", low),
            high=None if high is None else parameter("high", high),
        )

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        ends = [np.shape(e) for e in (self.low, self.high) if e is not None]
        return np.broadcast_shapes(self.base_dist.batch_shape, *ends), ()

    @property
    def has_rsample(self) -> bool:
        return True

    @property
    def support(self) -> Any:  # type: ignore[override]
        if self.high is None:
            return c.greater_than_eq(self.low)
        return c.less_than_eq(self.high) if self.low is None else c.interval(self.low, self.high)

    def _log_mass(self) -> Any:
        """The logarithm of the base's probability of the interval."""
        raise NotImplementedError

    def _log_prob(self, value: Any) -> Any:
        lp = self.base_dist._log_prob(value) - self._log_mass()
        return bnp.where(self.support(value), lp, -np.inf)


class TruncatedDistribution(_Truncated):
    """A symmetric location-scale distribution restricted to (low, high); either may be absent.

    Draws are by inversion of the uniform number that `bibun.random.uniform` gives. The mass
    between the bounds is taken on the side where the cdf is small, so that an interval far
    out in one tail keeps its digits.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.TruncatedDistribution(dist.Normal(), low=0.0).mean), 4)
    0.7979
    """

    def __init__(
        self,
        base_dist: LocationScale,
        low: Any = None,
        high: Any = None,
        *,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(base_dist, LocationScale) or type(base_dist).__name__ == "Gumbel":
            raise TypeError(
                "TruncatedDistribution: the base must be one of Normal, Cauchy, Laplace, "
                f"Logistic and StudentT, got {type(base_dist).__name__}"
            )
        if low is None and high is None:
            raise ValueError("TruncatedDistribution: give low, high or both")
        self._between(base_dist, low, high, validate_args)

    def _tails(self) -> tuple[Any, Any, Any]:
        """(sign, cdf at the near end, mass): mirrored where the interval is right of centre.

        With sign -1 the reflected distribution is meant, whose cdf at x is that at -x.
        """
        base = self.base_dist
        low = -np.inf if self.low is None else (self.low - base.loc) / base.scale
        high = np.inf if self.high is None else (self.high - base.loc) / base.scale
        sign = bnp.where(bnp.asarray(low) > 0, -1.0, 1.0)
        a = base._standard_cdf(bnp.where(sign > 0, low, -high))
        b = base._standard_cdf(bnp.where(sign > 0, high, -low))
        return sign, a, b - a

    def _log_mass(self) -> Any:
        return bnp.log(self._tails()[2])

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        shape = self.shape(sample_shape)
        u = random.uniform(key, shape, minval=float(np.finfo(np.float64).tiny))
        return self.icdf(u)

    def cdf(self, value: Any) -> Any:
        sign, a, mass = self._tails()
        base = self.base_dist
        here = (base._standard_cdf(sign * base._z(value)) - a) / mass
        return bnp.clip(bnp.where(sign > 0, here, 1 - here), 0.0, 1.0)

    def icdf(self, q: Any) -> Any:
        sign, a, mass = self._tails()
        base = self.base_dist
        z = sign * base._standard_icdf(a + mass * bnp.where(sign > 0, q, 1 - q))
        x = base.loc + base.scale * z
        if self.low is not None:
            x = bnp.maximum(x, self.low)
        return x if self.high is None else bnp.minimum(x, self.high)

    def _normal_terms(self) -> tuple[Any, Any, Any]:
        """Density ratios of a truncated standard normal, for its moments."""
        base = self.base_dist
        if not isinstance(base, Normal):
            raise self._missing("moments")
        _, _, mass = self._tails()
        total: list[Any] = [0.0, 0.0]
        for end, side in ((self.low, 1.0), (self.high, -1.0)):
            if end is not None:
                z = base._z(end)
                p = side * bnp.exp(base._standard_log_prob(z)) / mass
                total[0] = total[0] + p
                total[1] = total[1] + z * p
        return total[0], total[1], mass

    @property
    def mean(self) -> Any:
        first, _, _ = self._normal_terms()
        return self._wide(self.base_dist.loc + self.base_dist.scale * first)

    @property
    def variance(self) -> Any:
        first, second, _ = self._normal_terms()
        return self._wide(bnp.square(self.base_dist.scale) * (1 + second - first * first))


def _restricted(
    base: LocationScale, low: Any, high: Any, validate_args: bool | None
) -> Distribution:
    """The base itself where there is no bound."""
    if low is None and high is None:
        return base
    return TruncatedDistribution(base, low=low, high=high, validate_args=validate_args)


def TruncatedNormal(
    loc: Any = 0.0,
    scale: Any = 1.0,
    *,
    low: Any = None,
    high: Any = None,
    validate_args: bool | None = None,
) -> Distribution:
    """A normal distribution restricted to (low, high).

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.TruncatedNormal(0.0, 1.0, low=0.0).mean), 4)
    0.7979
    """
    return _restricted(Normal(loc, scale, validate_args=validate_args), low, high, validate_args)


def TruncatedCauchy(
    loc: Any = 0.0,
    scale: Any = 1.0,
    *,
    low: Any = None,
    high: Any = None,
    validate_args: bool | None = None,
) -> Distribution:
    """A Cauchy distribution restricted to (low, high).

    >>> from bibun.prob import distributions as dist
    >>> d = dist.TruncatedCauchy(0.0, 1.0, low=0.0)
    >>> round(float(d.icdf(0.5)), 4)
    1.0
    """
    return _restricted(Cauchy(loc, scale, validate_args=validate_args), low, high, validate_args)


def LeftTruncatedDistribution(
    base_dist: Any, low: Any = 0.0, *, validate_args: bool | None = None
) -> TruncatedDistribution:
    """A symmetric location-scale distribution restricted to values above `low`.

    >>> from bibun.prob import distributions as dist
    >>> float(dist.LeftTruncatedDistribution(dist.Normal(), 0.0).log_prob(-1.0))
    -inf
    """
    return TruncatedDistribution(base_dist, low=low, validate_args=validate_args)


def RightTruncatedDistribution(
    base_dist: Any, high: Any = 0.0, *, validate_args: bool | None = None
) -> TruncatedDistribution:
    """A symmetric location-scale distribution restricted to values below `high`.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.RightTruncatedDistribution(dist.Normal(), 0.0)
    >>> round(float(d.mean), 4)
    -0.7979
    """
    return TruncatedDistribution(base_dist, high=high, validate_args=validate_args)


def TwoSidedTruncatedDistribution(
    base_dist: Any, low: Any = 0.0, high: Any = 1.0, *, validate_args: bool | None = None
) -> TruncatedDistribution:
    """A symmetric location-scale distribution restricted to (low, high).

    >>> from bibun.prob import distributions as dist
    >>> d = dist.TwoSidedTruncatedDistribution(dist.Normal(), -1.0, 1.0)
    >>> abs(float(d.mean)) < 1e-12, round(float(d.variance), 4)
    (True, 0.2911)
    """
    return TruncatedDistribution(base_dist, low=low, high=high, validate_args=validate_args)
