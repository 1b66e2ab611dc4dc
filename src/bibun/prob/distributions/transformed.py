"""Distributions of transformed draws, point masses, and improper ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, _Wrapper, parameter
from bibun.prob.distributions.transforms import ComposeTransform, Transform, sum_rightmost
from bibun.prob.distributions.vector_transforms import biject_to


class TransformedDistribution(_Wrapper):
    """The distribution of `transform(x)` for `x` of a base distribution.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.TransformedDistribution(dist.Normal(), dist.transforms.ExpTransform())
    >>> round(float(d.log_prob(2.0)), 6)
    -1.852312
    """

    _fields = ("base_dist", "transform")

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        *,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(transforms, Transform):
            parts = list(transforms)
            transforms = parts[0] if len(parts) == 1 else ComposeTransform(parts)
        self._wrap(base_distribution, validate_args, transform=transforms)

    @property
    def transforms(self) -> list[Transform]:
        t = self.transform
        return list(t.parts) if isinstance(t, ComposeTransform) else [t]

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, event = self.base_dist.shapes
        shape = self.transform.forward_shape(batch + event)
        before, after = self.transform.domain.event_dim, self.transform.codomain.event_dim
        event_dim = after + max(len(event) - before, 0)
        cut = len(shape) - event_dim
        return shape[:cut], shape[cut:]

    @property
    def support(self) -> Any:  # type: ignore[override]
        codomain = self.transform.codomain
        extra = self.event_dim - codomain.event_dim
        return c.independent(codomain, extra) if extra > 0 else codomain

    def _log_prob(self, value: Any) -> Any:
        x = self.transform._inverse(value)
        ladj = self.transform.log_abs_det_jacobian(x, value)
        inside = max(self.transform.domain.event_dim, self.transform.codomain.event_dim)
        ladj = sum_rightmost(ladj, max(self.event_dim, inside) - inside)
        lp = self.base_dist.log_prob(x)
        # base axes that the transform counts as its event
        lp = sum_rightmost(lp, max(self.transform.domain.event_dim - self.base_dist.event_dim, 0))
        return lp - ladj

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self.transform(self.base_dist.sample(key, sample_shape))

    def sample_with_intermediates(self, key: Any, sample_shape: Shape = ()) -> tuple[Any, list]:
        x = self.base_dist.sample(key, sample_shape)
        return self.transform(x), [[x, None]]

    def cdf(self, value: Any) -> Any:
        """For increasing transforms of scalars."""
        return self.base_dist.cdf(self.transform._inverse(value))

    def icdf(self, q: Any) -> Any:
        """For increasing transforms of scalars."""
        return self.transform(self.base_dist.icdf(q))


class Delta(Distribution):
    """All mass at `v`, with log density `log_density` there and -inf elsewhere.

    >>> from bibun.prob import distributions as dist
    >>> float(dist.Delta(2.0).log_prob(2.0)), float(dist.Delta(2.0).log_prob(1.0))
    (0.0, -inf)
    """

    arg_constraints = {"v": c.dependent, "log_density": c.real}
    reparametrized_params = ("v", "log_density")
    _fields = ("v", "log_density")
    _static = ("_event_ndims",)

    def __init__(
        self,
        v: Any = 0.0,
        log_density: Any = 0.0,
        event_dim: int = 0,
        *,
        validate_args: bool | None = None,
    ) -> None:
        self._event_ndims = event_dim
        self._setup(validate_args, v=v, log_density=log_density)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        shape = np.shape(self.v)
        cut = len(shape) - self._event_ndims
        if cut < 0:
            raise ValueError(f"Delta: event_dim {self._event_ndims} for v of shape {shape}")
        return np.broadcast_shapes(shape[:cut], np.shape(self.log_density)), shape[cut:]

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.independent(c.real, self._event_ndims)

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        here = bnp.equal(parameter("value", value), self.v)
        n = self._event_ndims
        here = bnp.all(here, axis=tuple(range(-n, 0))) if n else here
        return bnp.where(here, self.log_density, -np.inf)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return bnp.broadcast_to(self.v, self.shape(sample_shape))

    @property
    def mean(self) -> Any:
        return bnp.broadcast_to(self.v, self.shape())

    @property
    def variance(self) -> Any:
        return bnp.zeros(self.shape())

    def entropy(self) -> Any:
        """Minus its `log_density`."""
        return -bnp.broadcast_to(self.log_density, self.batch_shape)


class Unit(Distribution):
    """A distribution over nothing, with a log density: what `factor` adds to a model.

    >>> from bibun.prob import distributions as dist
    >>> float(dist.Unit(-3.0).log_prob(bnp.zeros(0)))
    -3.0
    """

    arg_constraints = {"log_factor": c.real}
    support = c.real_vector

    def __init__(self, log_factor: Any, *, validate_args: bool | None = False) -> None:
        self._setup(validate_args, log_factor=log_factor)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return np.shape(self.log_factor), (0,)

    def sample(self, key: Any = None, sample_shape: Shape = ()) -> Any:
        return bnp.zeros(self.shape(sample_shape))

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        shape = np.broadcast_shapes(self.batch_shape, np.shape(value)[:-1])
        return bnp.broadcast_to(self.log_factor, shape)


class ImproperUniform(Distribution):
    """Log density 0 over a support of infinite volume: a flat prior.

    Draws are transformed from uniform numbers in (-2, 2) of unconstrained space and serve as
    starting points only.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.ImproperUniform(dist.constraints.positive, (), ())
    >>> round(float(d.log_prob(3.0)), 4)
    0.0
    """

    _static = ("_support", "_given_shapes")

    def __init__(
        self,
        support: c.Constraint,
        batch_shape: Shape,
        event_shape: Shape,
        *,
        validate_args: bool | None = None,
    ) -> None:
        self._support = c.independent(support, len(event_shape) - support.event_dim)
        self._given_shapes = (tuple(batch_shape), tuple(event_shape))
        self._setup(validate_args)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return self._given_shapes

    @property
    def support(self) -> Any:  # type: ignore[override]
        return self._support

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        inside = self._support(parameter("value", value))
        shape = np.broadcast_shapes(np.shape(inside), self.batch_shape)
        return bnp.broadcast_to(bnp.where(inside, 0.0, -np.inf), shape)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        transform = biject_to(self._support)
        shape = transform.inverse_shape(self.shape(sample_shape))
        return transform(random.uniform(key, shape, minval=-2.0, maxval=2.0))
