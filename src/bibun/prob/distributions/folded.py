"""The distribution of |x|."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, _Wrapper
from bibun.prob.distributions.transforms import AbsTransform


class FoldedDistribution(_Wrapper):
    """|x| for x of a scalar distribution on the real line.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.FoldedDistribution(dist.Normal(0.0, 2.0))
    >>> round(float(d.log_prob(1.0) - dist.HalfNormal(2.0).log_prob(1.0)), 12)
    0.0
    """

    support = c.nonnegative  # type: ignore[assignment]
    transform = AbsTransform()

    def __init__(self, base_dist: Distribution, *, validate_args: bool | None = None) -> None:
        self._wrap(base_dist, validate_args)
        if base_dist.support is not c.real or base_dist.event_shape:
            raise ValueError(
                "FoldedDistribution: the base must be scalar with real support, got "
                f"{base_dist!r} on {base_dist.support!r}"
            )

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return self.base_dist.shapes

    def _log_prob(self, value: Any) -> Any:
        lp = bnp.logaddexp(self.base_dist.log_prob(value), self.base_dist.log_prob(-value))
        return bnp.where(value >= 0, lp, -np.inf)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return bnp.abs(self.base_dist.sample(key, sample_shape))

    def cdf(self, value: Any) -> Any:
        x = bnp.maximum(value, 0.0)
        return self.base_dist.cdf(x) - self.base_dist.cdf(-x)

    @property
    def mean(self) -> Any:
        raise self._missing("mean")

    @property
    def variance(self) -> Any:
        raise self._missing("variance")

    def entropy(self) -> Any:
        raise self._missing("entropy")
