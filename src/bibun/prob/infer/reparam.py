"""Strategies for the handler `reparam`: the same model in coordinates that sample better.

A strategy is called as `strategy(name, fn, obs)` and returns a distribution, or None, and a
value. Wrappers that expand, mask or count axes as events are taken off and put back on the
sites that the strategy makes. Names are NumPyro's.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bibun import numpy as bnp
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions import transforms as t
from bibun.prob.distributions.transforms import sum_rightmost
from bibun.prob.primitives import deterministic, factor, param, sample

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


class ExplicitReparam(Reparam):
    """x as y = transform(x), site `{name}_base`: TransformReparam with the transform given here.

    >>> from bibun.prob import handlers, sample
    >>> def model():
    ...     return sample("x", dist.Gamma(4.0, 4.0))
    >>> log = ExplicitReparam(t.ExpTransform().inv)
    >>> list(handlers.trace(handlers.seed(handlers.reparam(model, {"x": log}), 0)).get_trace())
    ['x_base', 'x']
    """

    def __init__(self, transform: Any) -> None:
        self.transform = transform

    def __call__(self, name: str, fn: Any, obs: Any) -> tuple[Any, Any]:
        self._latent_only(obs, name)
        y = sample(f"{name}_base", dist.TransformedDistribution(fn, self.transform))
        return None, self.transform.inv(y)


class UnitJacobianReparam(Reparam):
    """x by an orthogonal transform of its unconstrained values, site `{name}_{suffix}`.

    For processes along an axis, whose values are coupled: in the new coordinates they are
    nearly independent, which suits diagonal mass matrices and guides. The axis must be one of
    an event: `.to_event(1)`. Errors: ValueError where it is not.
    """

    def __init__(self, transform: Any, suffix: str = "transformed") -> None:
        self.transform = transform
        self.suffix = suffix

    def __call__(self, name: str, fn: Any, obs: Any) -> tuple[Any, Any]:
        self._latent_only(obs, name)
        wanted = self.transform.domain.event_dim
        if fn.event_dim < wanted:
            raise ValueError(
                f"{type(self).__name__}: site {name!r} has {fn.event_dim} event axes, and the "
                f"transform needs {wanted}; mark the axis with .to_event({wanted})"
            )
        free = dist.biject_to(fn.support)
        both = t.ComposeTransform([free.inv, self.transform])
        y = sample(f"{name}_{self.suffix}", dist.TransformedDistribution(fn, both))
        return None, both.inv(y)


class DiscreteCosineReparam(UnitJacobianReparam):
    """x by its discrete cosine transform along `dim`, site `{name}_dct`.

    `smooth`: 0 for white noise, 1 for what is continuous along the axis, as a Brownian path.

    >>> from bibun.prob import handlers, sample
    >>> def model():
    ...     return sample("x", dist.GaussianRandomWalk(1.0, 8))
    >>> easy = handlers.reparam(model, {"x": DiscreteCosineReparam(smooth=1.0)})
    >>> list(handlers.trace(handlers.seed(easy, 0)).get_trace())
    ['x_dct', 'x']
    """

    def __init__(self, dim: int = -1, smooth: float = 0.0) -> None:
        super().__init__(t.DiscreteCosineTransform(dim=dim, smooth=smooth), "dct")


class HaarReparam(UnitJacobianReparam):
    """x by its Haar wavelets along `dim`, site `{name}_haar`; `flip` turns the axis round."""

    def __init__(self, dim: int = -1, flip: bool = False) -> None:
        super().__init__(t.HaarTransform(dim=dim, flip=flip), "haar")


class ProjectedNormalReparam(Reparam):
    """A direction as a normal vector, site `{name}_normal`, divided by its length."""

    def __call__(self, name: str, fn: Any, obs: Any) -> tuple[Any, Any]:
        self._latent_only(obs, name)
        inner, batch, wrap = self._unwrap(fn)
        if not isinstance(inner, dist.ProjectedNormal):
            raise ValueError(
                f"ProjectedNormalReparam: site {name!r} must have a ProjectedNormal, got "
                f"{type(inner).__name__}"
            )
        normal = dist.Normal(inner.concentration, 1.0).to_event(1)
        x = sample(f"{name}_normal", wrap(normal.expand(batch)))
        return None, x / bnp.linalg.norm(x, axis=-1, keepdims=True)


class CircularReparam(Reparam):
    """An angle as a number on the whole line, site `{name}_unwrapped`: no edge at ±π.

    The density on the line is periodic, so the number wanders over turns; the angle, site
    `{name}_wrapped`, does not.
    """

    def __call__(self, name: str, fn: Any, obs: Any) -> tuple[Any, Any]:
        self._latent_only(obs, name)
        if fn.support is not c.circular and getattr(fn.support, "base_constraint", None) is not (
            c.circular
        ):
            raise ValueError(
                f"CircularReparam: site {name!r} must have a distribution of angles, such as "
                f"VonMises, got {type(fn).__name__}"
            )
        line = dist.ImproperUniform(c.real, fn.shape(), ()).to_event(fn.event_dim)
        x = sample(f"{name}_unwrapped", line)
        angle = deterministic(f"{name}_wrapped", bnp.remainder(x + math.pi, 2 * math.pi) - math.pi)
        factor(f"{name}_factor", fn.log_prob(angle))
        return None, angle


class NeuTraReparam(Reparam):
    """All latent sites through a fitted guide: the sampler sees its standard normal base.

    `guide`: an `AutoContinuous`, flows included, and `params`, what SVI has fitted. Use
    `neutra.reparam(model)`, and `transform_sample` for the sites' values of draws of
    `{prefix}_shared_latent`.

    Source: Hoffman et al. (2019).

    >>> from bibun import optim
    >>> from bibun.prob import sample
    >>> from bibun.prob.infer import MCMC, NUTS, SVI, Trace_ELBO
    >>> from bibun.prob.infer.autoguide import AutoDiagonalNormal
    >>> def model():
    ...     sample("x", dist.Normal(5.0, 0.1))
    >>> guide = AutoDiagonalNormal(model)
    >>> fit = SVI(model, guide, optim.adam(0.1), Trace_ELBO()).run(0, 500, progress_bar=False)
    >>> neutra = NeuTraReparam(guide, fit.params)
    >>> mcmc = MCMC(NUTS(neutra.reparam(model)), 100, 100, progress_bar=False)
    >>> mcmc.run(0)
    >>> sorted(neutra.transform_sample(mcmc.get_samples()["auto_shared_latent"]))
    ['x']
    """

    def __init__(self, guide: Any, params: Mapping[str, Any]) -> None:
        for method in ("get_transform", "get_base_dist"):
            if not hasattr(guide, method):
                raise TypeError(
                    f"NeuTraReparam: guide must be an AutoContinuous, got {type(guide).__name__}"
                )
        self.guide = guide
        self.params = dict(params)
        self.transform = guide.get_transform(self.params)
        self._values: dict[str, Any] | None = None

    def reparam(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The model with all its latent sites made of one normal vector."""
        placed = handlers.reparam(
            fn, config=lambda site: self if site["name"] in self.guide.latent_sites else None
        )

        @functools.wraps(fn)
        def model(*args: Any, **kwargs: Any) -> Any:
            z = sample(f"{self.guide.prefix}_shared_latent", self.guide.get_base_dist().mask(False))
            x = self.transform(z)
            factor("neutra_jacobian", bnp.sum(self.transform.log_abs_det_jacobian(z, x)))
            self._values = self.guide.unpack(x)
            try:
                return placed(*args, **kwargs)
            finally:
                self._values = None

        return model

    def __call__(self, name: str, fn: Any, obs: Any) -> tuple[Any, Any]:
        self._latent_only(obs, name)
        if self._values is None:
            raise ValueError("NeuTraReparam: use neutra.reparam(model), not handlers.reparam")
        u = self._values[name]
        bijection = dist.biject_to(fn.support)
        value = bijection(u)
        ladj = bijection.log_abs_det_jacobian(u, value)
        batch = bnp.ndim(value) - fn.event_dim
        factor(f"{name}_log_prob", fn.log_prob(value) + sum_rightmost(ladj, bnp.ndim(ladj) - batch))
        return None, value

    def transform_sample(self, latent: Any) -> dict[str, Any]:
        """The sites' values at draws of the shared latent vector, over leading axes."""
        return self.guide._unpack_and_constrain(self.transform(bnp.asarray(latent)), self.params)
