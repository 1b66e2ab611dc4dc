"""Strategies for the handler `reparam`: the same model in coordinates that sample better.

A strategy is called as `strategy(name, fn, obs)` and returns a distribution, or None, and a
value. Wrappers that expand, mask or count axes as events are taken off and put back on the
sites that the strategy makes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun import numpy as bnp
from bibun.prob import distributions as dist
from bibun.prob.distributions import constraints as c
from bibun.prob.primitives import param, sample

_WRAPPERS = dist.Independent | dist.ExpandedDistribution | dist.MaskedDistribution


class Reparam:
    """Base class of strategies."""

    def __call__(self, name: str, fn: Any, obs: Any) -> tuple[Any, Any]:
        raise NotImplementedError

    def _unwrap(self, fn: Any) -> tuple[Any, tuple[int, ...], Callable[[Any], Any]]:
        """(the distribution inside, its full batch shape, what wraps one of that shape alike)."""
        shape, layers = fn.shape(), []
        while isinstance(fn, _WRAPPERS):
            layers.append(fn)
            fn = fn.base_dist

        def wrap(inner: Any) -> Any:
            for layer in reversed(layers):
                if isinstance(layer, dist.MaskedDistribution):
                    inner = inner.mask(layer.mask_value)
                elif isinstance(layer, dist.Independent):
                    inner = inner.to_event(layer.reinterpreted_batch_ndims)
            return inner

        return fn, shape[: len(shape) - fn.event_dim], wrap

    def _latent_only(self, obs: Any, name: str) -> None:
        if obs is not None:
            raise ValueError(
                f"{type(self).__name__}: site {name!r} is observed; only latent sites can be "
                "reparametrised"
            )


class LocScaleReparam(Reparam):
    """x ~ F(loc, scale) as x = loc + scale * z, wholly or in part: removes funnels.

    `centered`: 0 for z standard (non-centred), 1 for no change, between for partly, or None
    for a parameter `{name}_centered` in [0, 1] to learn by SVI. `shape_params`: names of the
    parameters that are neither location nor scale, such as "df" of Student's t.

    Source: Gorinova, Moore and Hoffman (2020).

    >>> from bibun.prob import handlers, sample
    >>> def model():
    ...     s = sample("s", dist.LogNormal(0.0, 1.0))
    ...     return sample("x", dist.Normal(0.0, s))
    >>> easy = handlers.reparam(model, config={"x": LocScaleReparam(0)})
    >>> list(handlers.trace(handlers.seed(easy, 0)).get_trace())
    ['s', 'x_decentered', 'x']
    """

    def __init__(self, centered: Any = None, shape_params: Sequence[str] = ()) -> None:
        if isinstance(centered, int | float) and not 0 <= centered <= 1:
            raise ValueError(f"centered must lie in [0, 1], got {centered}")
        self.centered = centered
        self.shape_params = tuple(shape_params)

    def __call__(self, name: str, fn: Any, obs: Any) -> tuple[Any, Any]:
        self._latent_only(obs, name)
        base, batch, wrap = self._unwrap(fn)
        if base.support is not c.real or not {"loc", "scale"} <= set(base.arg_constraints):
            raise ValueError(
                f"LocScaleReparam: site {name!r} must have a real distribution with parameters "
                f"loc and scale, got {type(base).__name__}"
            )
        if isinstance(self.centered, int | float) and self.centered == 1.0:
            return fn, None
        centered = self.centered
        if centered is None:
            event = fn.event_shape
            centered = param(f"{name}_centered", bnp.full(event, 0.5), constraint=c.unit_interval)
        loc, scale = base.loc, base.scale
        shapes = {k: getattr(base, k) for k in self.shape_params}
        inner = type(base)(
            loc=loc * centered, scale=bnp.power(scale, centered), **shapes, validate_args=False
        )
        z = sample(f"{name}_decentered", wrap(inner.expand(batch)))
        return None, loc + bnp.power(scale, 1 - centered) * (z - centered * loc)


class TransformReparam(Reparam):
    """A transformed distribution as its base, site `{name}_base`, and a deterministic value."""

    def __call__(self, name: str, fn: Any, obs: Any) -> tuple[Any, Any]:
        self._latent_only(obs, name)
        inner, batch, wrap = self._unwrap(fn)
        if not isinstance(inner, dist.TransformedDistribution):
            raise ValueError(
                f"TransformReparam: site {name!r} must have a TransformedDistribution, got "
                f"{type(inner).__name__}"
            )
        transform, base = inner.transform, inner.base_dist
        # axes of the base's batch that the transform counts as its event, and those on top
        inside = max(transform.domain.event_dim - base.event_dim, 0)
        own = base.batch_shape[base.batch_dim - inside :] if inside else ()
        wide = base.expand((*batch, *own))
        z = sample(f"{name}_base", wrap(wide.to_event(inside)))
        return None, transform(z)
