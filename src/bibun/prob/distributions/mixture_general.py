"""Mixtures of components of different families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.errors import ShapeError
from bibun.prob.distributions.discrete import _Categorical
from bibun.prob.distributions.distribution import Distribution, Shape, parameter
from bibun.prob.distributions.mixture import MixtureSameFamily
from bibun.scipy.special import logsumexp


class MixtureGeneral(Distribution):
    """A mixture of a list of distributions of one event shape, and weights from a categorical.

    `support`: that of the mixture, where the components' differ; each component then counts
    only where the value lies in its own.

    >>> from bibun.prob import distributions as dist
    >>> weights = dist.Categorical(probs=bnp.array([0.25, 0.75]))
    >>> d = dist.MixtureGeneral(weights, [dist.Normal(1.0, 1.0), dist.Laplace(-1.0, 1.0)])
    >>> float(d.mean)
    -0.5
    """

    _fields = ("mixing_distribution", "component_distributions", "_support")

    def __init__(
        self,
        mixing_distribution: Any,
        component_distributions: Sequence[Distribution],
        *,
        support: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixing_distribution, _Categorical):
            raise TypeError(
                "MixtureGeneral: the mixing distribution must be Categorical, got "
                f"{type(mixing_distribution).__name__}"
            )
        parts = tuple(component_distributions)
        if len(parts) != mixing_distribution._classes:
            raise ValueError(
                f"MixtureGeneral: {mixing_distribution._classes} weights for "
                f"{len(parts)} components"
            )
        supports = [p.support for p in parts]
        if support is None and any(s != supports[0] for s in supports):
            raise ValueError(
                f"MixtureGeneral: the supports of the components differ: {supports}; give the "
                "mixture's as support="
            )
        self.mixing_distribution = mixing_distribution
        self.component_distributions = parts
        self._support = supports[0] if support is None else support
        self._separate = support is not None
        self._validate = parts[0]._validate if validate_args is None else validate_args
        self.shapes  # noqa: B018 (raises for shapes that do not fit)

    _static = ("_separate",)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        parts = self.component_distributions
        events = {p.event_shape for p in parts}
        if len(events) > 1:
            raise ShapeError(f"MixtureGeneral: event shapes of components differ: {sorted(events)}")
        batches = (p.batch_shape for p in parts)
        return np.broadcast_shapes(self.mixing_distribution.batch_shape, *batches), events.pop()

    @property
    def mixture_size(self) -> int:
        return len(self.component_distributions)

    @property
    def support(self) -> Any:  # type: ignore[override]
        return self._support

    @property
    def has_rsample(self) -> bool:
        return False

    def _stack(self, items: Sequence[Any], event: Shape = ()) -> Any:
        shape = np.broadcast_shapes(*(np.shape(x) for x in items), self.batch_shape + event)
        return bnp.stack([bnp.broadcast_to(x, shape) for x in items], axis=-1 - len(event))

    def component_log_probs(self, value: Any) -> Any:
        """Log weight plus log density of each component, components last."""
        value = parameter("value", value)
        parts = [d.log_prob(value) for d in self.component_distributions]
        if self._separate:
            parts = [
                bnp.where(d.support(value), lp, -np.inf)
                for d, lp in zip(self.component_distributions, parts, strict=True)
            ]
        return self.mixing_distribution._log_weights() + self._stack(parts)

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        return logsumexp(self.component_log_probs(value), axis=-1)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        keys = random.split(key, self.mixture_size + 1)
        shape = (*sample_shape, *self.batch_shape)
        index = self.mixing_distribution.expand(shape).sample(keys[0])
        index = bnp.reshape(index, (*shape, *(1,) * self.event_dim))
        out: Any = None
        for i, d in enumerate(self.component_distributions):
            x = d.expand(shape).sample(keys[i + 1])
            out = x if out is None else bnp.where(bnp.equal(index, i), x, out)
        return out

    def _average(self, items: Sequence[Any]) -> Any:
        p = bnp.asarray(self.mixing_distribution.probs)
        p = bnp.reshape(p, p.shape + (1,) * self.event_dim)
        axis = -1 - self.event_dim
        return bnp.sum(p * self._stack(items, self.event_shape), axis=axis)

    @property
    def mean(self) -> Any:
        return self._average([d.mean for d in self.component_distributions])

    @property
    def variance(self) -> Any:
        parts = self.component_distributions
        second = self._average([d.variance + bnp.square(d.mean) for d in parts])
        return second - bnp.square(self.mean)

    def cdf(self, value: Any) -> Any:
        parts = [d.cdf(value) for d in self.component_distributions]
        return bnp.sum(self.mixing_distribution.probs * self._stack(parts), axis=-1)


def Mixture(
    mixing_distribution: Any,
    component_distributions: Distribution | Sequence[Distribution],
    *,
    validate_args: bool | None = None,
) -> MixtureSameFamily | MixtureGeneral:
    """A mixture: of one family along its last batch axis, or of a list of distributions.

    >>> from bibun.prob import distributions as dist
    >>> parts = [dist.Normal(-1.0, 1.0), dist.Laplace(3.0, 1.0)]
    >>> round(float(dist.Mixture(dist.Categorical([0.5, 0.5]), parts).mean), 4)
    1.0
    """
    kind = (
        MixtureSameFamily if isinstance(component_distributions, Distribution) else MixtureGeneral
    )
    return kind(mixing_distribution, component_distributions, validate_args=validate_args)  # type: ignore[arg-type]
