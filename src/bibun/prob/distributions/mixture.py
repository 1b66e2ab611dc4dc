"""Mixtures of components of one family."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions.discrete import _Categorical
from bibun.prob.distributions.distribution import Distribution, Shape, parameter
from bibun.scipy.special import logsumexp


class MixtureSameFamily(Distribution):
    """A mixture: weights from a categorical, components along the last batch axis.

    >>> from bibun.prob import distributions as dist
    >>> weights = dist.Categorical(probs=bnp.array([0.3, 0.7]))
    >>> d = dist.MixtureSameFamily(weights, dist.Normal(bnp.array([-1.0, 1.0]), 0.5))
    >>> d.batch_shape, round(float(d.mean), 6)
    ((), 0.4)
    """

    _fields = ("mixing_distribution", "component_distribution")

    def __init__(
        self,
        mixing_distribution: Any,
        component_distribution: Distribution,
        *,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixing_distribution, _Categorical):
            raise TypeError(
                "MixtureSameFamily: the mixing distribution must be Categorical, got "
                f"{type(mixing_distribution).__name__}"
            )
        batch = component_distribution.batch_shape
        n = mixing_distribution._classes
        if batch[-1:] != (n,):
            raise ValueError(
                f"MixtureSameFamily: {n} weights, but the components have batch shape {batch}, "
                "whose last axis must count them"
            )
        self.mixing_distribution = mixing_distribution
        self.component_distribution = component_distribution
        inherited = component_distribution._validate
        self._validate = inherited if validate_args is None else validate_args
        self.shapes  # noqa: B018 (raises for shapes that do not fit)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, event = self.component_distribution.shapes
        return np.broadcast_shapes(self.mixing_distribution.batch_shape, batch[:-1]), event

    @property
    def mixture_size(self) -> int:
        return self.mixing_distribution._classes

    @property
    def support(self) -> Any:  # type: ignore[override]
        return self.component_distribution.support

    @property
    def has_rsample(self) -> bool:
        return False

    def component_log_probs(self, value: Any) -> Any:
        """Log weight plus log density of each component, components last."""
        value = bnp.expand_dims(parameter("value", value), -1 - self.event_dim)
        return self.mixing_distribution._log_weights() + self.component_distribution.log_prob(value)

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        return logsumexp(self.component_log_probs(value), axis=-1)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_components, k_index = random.split(key)
        batch = (*sample_shape, *self.batch_shape)
        draws = self.component_distribution.expand((*batch, self.mixture_size)).sample(k_components)
        index = self.mixing_distribution.expand(batch).sample(k_index)
        index = bnp.reshape(index, (*batch, *(1,) * (self.event_dim + 1)))
        index = bnp.broadcast_to(index, (*batch, 1, *self.event_shape))
        axis = -1 - self.event_dim
        return bnp.squeeze(bnp.take_along_axis(draws, index, axis=axis), axis=axis)

    def _weights(self) -> Any:
        p = bnp.asarray(self.mixing_distribution.probs)
        return bnp.reshape(p, p.shape + (1,) * self.event_dim)

    def _average(self, x: Any) -> Any:
        return bnp.sum(self._weights() * x, axis=-1 - self.event_dim)

    @property
    def mean(self) -> Any:
        return self._average(self.component_distribution.mean)

    @property
    def variance(self) -> Any:
        parts = self.component_distribution
        within = self._average(parts.variance)
        return within + self._average(bnp.square(parts.mean)) - bnp.square(self.mean)

    def cdf(self, value: Any) -> Any:
        value = bnp.expand_dims(parameter("value", value), -1)
        return bnp.sum(
            self.mixing_distribution.probs * self.component_distribution.cdf(value), axis=-1
        )
