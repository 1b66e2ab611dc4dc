"""Gamma distributions restricted to an interval.

The mass between the bounds is a difference of the lower or of the upper incomplete gamma
function, whichever is small there, so that an interval far out in a tail keeps its digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions.bounded import Gamma
from bibun.prob.distributions.distribution import Distribution, Shape
from bibun.prob.distributions.truncated import _Truncated
from bibun.scipy.special import gammainc, gammaincc, gammainccinv, gammaincinv, gammaln
from bibun.trace.core import concrete


class _TruncatedGamma(_Truncated):
    """A gamma distribution between `low` and `high`; either may be absent."""

    def _restrict(self, base_dist: Gamma, low: Any, high: Any, validate: bool | None) -> None:
        name = type(self).__name__
        if not isinstance(base_dist, Gamma):
            raise TypeError(f"{name}: the base must be a Gamma, got {type(base_dist).__name__}")
        self._between(base_dist, 0.0 if low is None else low, high, validate)
        lo, hi = concrete(self.low), concrete(np.inf if high is None else self.high)
        if self._validate and lo is not None and hi is not None:
            if not (lo >= 0).all():
                raise ValueError(f"{name}: parameter low must not be negative, got {low}")
            if not (lo < hi).all():
                raise ValueError(f"{name}: low must be below high, got low={low}, high={high}")

    def _ends(self) -> tuple[Any, Any, Any]:
        """(shape, low, high) in units of 1 / rate."""
        rate = self.base_dist.rate
        a = bnp.asarray(self.base_dist.concentration, dtype=float)
        return a, bnp.asarray(self.low * rate), None if self.high is None else self.high * rate

    def _mass(self, a: Any, low: Any, high: Any) -> Any:
        """The probability of an interval: differences of upper tails beyond the mean."""
        if high is None:
            return gammaincc(a, low)
        upper = gammaincc(a, low) - gammaincc(a, high)
        return bnp.where(low > a, upper, gammainc(a, high) - gammainc(a, low))

    def _log_mass(self) -> Any:
        return bnp.log(self._mass(*self._ends()))

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self.icdf(random.uniform(key, self.shape(sample_shape), minval=2.0**-53))

    def cdf(self, value: Any) -> Any:
        a, low, high = self._ends()
        x = bnp.maximum(value * self.base_dist.rate, low)
        x = x if high is None else bnp.minimum(x, high)
        return bnp.clip(self._mass(a, low, x) / self._mass(a, low, high), 0.0, 1.0)

    def icdf(self, q: Any) -> Any:
        """The quantile; nan where the interval is so far out that its mass is 0."""
        a, low, high = self._ends()
        q = bnp.asarray(q, dtype=float)
        mass = self._mass(a, low, high)
        right = gammainccinv(a, gammaincc(a, low) - q * mass)
        left = gammaincinv(a, gammainc(a, low) + q * mass)
        x = bnp.where(low > a, right, left) / self.base_dist.rate
        x = bnp.maximum(x, self.low)  # rounding may leave the interval
        x = x if high is None else bnp.minimum(x, self.high)
        return bnp.where((q >= 0) & (q <= 1) & (mass > 0), x, bnp.nan)

    def _moment(self, k: int) -> Any:
        """E[(rate x)**k]."""
        a, low, high = self._ends()
        grown = bnp.exp(gammaln(a + k) - gammaln(a))
        return grown * self._mass(a + k, low, high) / self._mass(a, low, high)

    @property
    def mean(self) -> Any:
        return self._wide(self._moment(1) / self.base_dist.rate)

    @property
    def variance(self) -> Any:
        """As a difference of moments: it loses digits for intervals narrow beside their place."""
        spread = self._moment(2) - bnp.square(self._moment(1))
        return self._wide(spread / bnp.square(self.base_dist.rate))


class LeftTruncatedGamma(_TruncatedGamma):
    """A gamma distribution restricted to values above `low`.

    >>> from bibun.prob import distributions as dist
    >>> float(dist.LeftTruncatedGamma(dist.Gamma(1.0, 2.0), low=3.0).mean.round(6))
    3.5
    """

    def __init__(
        self, base_dist: Gamma, low: Any = 0.0, *, validate_args: bool | None = None
    ) -> None:
        self._restrict(base_dist, low, None, validate_args)


class RightTruncatedGamma(_TruncatedGamma):
    """A gamma distribution restricted to values below `high`.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.RightTruncatedGamma(dist.Gamma(1.0, 1.0), high=1.0)
    >>> round(float(d.cdf(0.5)), 4)
    0.6225
    """

    def __init__(
        self, base_dist: Gamma, high: Any = 1.0, *, validate_args: bool | None = None
    ) -> None:
        self._restrict(base_dist, None, high, validate_args)


class TwoSidedTruncatedGamma(_TruncatedGamma):
    """A gamma distribution restricted to [low, high].

    >>> from bibun.prob import distributions as dist
    >>> d = dist.TwoSidedTruncatedGamma(dist.Gamma(1.0, 1.0), 0.0, 1.0)
    >>> round(float(d.cdf(0.5)), 4)
    0.6225
    """

    def __init__(
        self, base_dist: Gamma, low: Any = 0.0, high: Any = 1.0, *,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self._restrict(base_dist, low, high, validate_args)


def TruncatedGamma(
    concentration: Any = 1.0,
    rate: Any = 1.0,
    *,
    low: Any = None,
    high: Any = None,
    validate_args: bool | None = None,
) -> Distribution:
    """A gamma distribution restricted to (low, high); either may be absent.

    >>> from bibun.prob import distributions as dist
    >>> float(dist.TruncatedGamma(2.0, 1.0, low=1.0, high=3.0).log_prob(4.0))
    -inf
    """
    base = Gamma(concentration, rate, validate_args=validate_args)
    if low is None:
        return base if high is None else RightTruncatedGamma(base, high)
    if high is None:
        return LeftTruncatedGamma(base, low)
    return TwoSidedTruncatedGamma(base, low, high)
