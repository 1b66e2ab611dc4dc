"""Evidence lower bounds: what variational inference maximises.

For a model p(x, z) and a guide q(z), log p(x) >= E_q[log p(x, z) - log q(z)]. A loss here is
the negative bound, estimated from draws of the guide that are differentiable in its
parameters (the reparametrisation trick), so that its gradient is one of the estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import random
from bibun.prob import handlers
from bibun.prob.distributions.kl import kl_divergence
from bibun.prob.infer.util import trace_log_density
from bibun.prob.primitives import Message, Messenger
from bibun.prob.util import site_log_prob
from bibun.scipy.special import logsumexp
from bibun.transforms import vmap

Trace = Mapping[str, Mapping[str, Any]]


def guided_traces(
    rng_key: Any, params: Mapping[str, Any], model: Callable[..., Any],
    guide: Callable[..., Any], args: Any, kwargs: Any, check: bool = True,
) -> tuple[Trace, Trace]:  # fmt: skip
    """One run of the guide at constrained `params`, and of the model at its draws.

    `check`: whether this must be a guide for differentiable draws of all latent sites.

    Errors: ValueError where a draw of the guide is not differentiable in its parameters, or
    where the guide leaves out a latent site of the model.
    """
    keys = random.split(rng_key)
    guide = handlers.substitute(handlers.seed(guide, rng_seed=keys[0]), data=dict(params))
    guide_trace = handlers.trace(guide).get_trace(*args, **kwargs)
    if check:
        check_reparametrized(guide_trace)
    replayed = handlers.replay(handlers.seed(model, rng_seed=keys[1]), trace=guide_trace)
    replayed = handlers.substitute(replayed, data=dict(params))
    model_trace = handlers.trace(replayed).get_trace(*args, **kwargs)
    if check:
        check_covered(model_trace, guide_trace)
    return model_trace, guide_trace


def check_reparametrized(guide_trace: Trace) -> None:
    """Errors: ValueError where a draw of the guide has no derivative in its parameters."""
    for name, site in guide_trace.items():
        if (
            site["type"] == "sample"
            and not site["is_observed"]
            and not site["infer"].get("is_enumerated")
            and not site["fn"].has_rsample
        ):
            raise ValueError(
                f"guide site {name!r}: draws of {type(site['fn']).__name__} are not "
                "differentiable in all its parameters, so the gradient of this ELBO would be "
                "wrong; use TraceGraph_ELBO, enumerate the site with TraceEnum_ELBO, or use "
                "another distribution for it"
            )


def check_covered(model_trace: Trace, guide_trace: Trace) -> None:
    """Errors: ValueError where the guide leaves out a latent site that is not summed out."""
    for name, site in model_trace.items():
        if (
            site["type"] == "sample"
            and not site["is_observed"]
            and not site["infer"].get("is_enumerated")
            and name not in guide_trace
        ):
            raise ValueError(
                f"the model's latent site {name!r} has no site of that name in the guide"
            )


class _Mutable(Messenger):
    """Notes the mutable statements of a model or guide, to read them when it has run."""

    inside_loops, outside_loops = False, True

    def __init__(self, fn: Callable[..., Any], found: dict[str, Any]) -> None:
        super().__init__(fn)
        self.found = found

    def postprocess_message(self, msg: Message) -> None:
        if msg["type"] == "mutable":
            self.found[msg["name"]] = msg


class ELBO:
    """Base of the losses: `num_particles` draws of the guide, mapped in one batch.

    `draws_everything`: whether the guide must draw all latent sites differentiably.
    """

    draws_everything = True

    def __init__(self, num_particles: int = 1, vectorize_particles: bool = True) -> None:
        if not isinstance(num_particles, int) or num_particles < 1:
            raise ValueError(f"num_particles must be a positive integer, got {num_particles!r}")
        self.num_particles = num_particles
        self.vectorize_particles = vectorize_particles

    def particle(self, model_trace: Trace, guide_trace: Trace) -> Any:
        """What one draw of the guide contributes; a scalar."""
        return trace_log_density(model_trace) - trace_log_density(guide_trace)

    def combine(self, values: Any) -> Any:
        """The bound from the contributions of all draws."""
        return bnp.mean(values)

    def once(
        self, rng_key: Any, params: Mapping[str, Any], model: Callable[..., Any],
        guide: Callable[..., Any], args: Any, kwargs: Any,
    ) -> Any:  # fmt: skip
        """One draw of the guide and what it contributes."""
        return self.particle(*guided_traces(rng_key, params, model, guide, args, kwargs))

    def loss(
        self,
        rng_key: Any,
        param_map: Mapping[str, Any],
        model: Callable[..., Any],
        guide: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """The negative bound at constrained parameters; a scalar."""

        def one(key: Any) -> Any:
            return self.once(key, param_map, model, guide, args, kwargs)

        n = self.num_particles
        if n == 1:
            return -self.combine(one(rng_key)[None])
        keys = random.split(rng_key, n)
        if self.vectorize_particles:
            return -self.combine(vmap(one)(keys))
        return -self.combine(bnp.stack([one(keys[i]) for i in range(n)]))

    def loss_with_mutable_state(
        self, rng_key: Any, param_map: Mapping[str, Any], model: Callable[..., Any],
        guide: Callable[..., Any], *args: Any, **kwargs: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """{"loss": the loss, "mutable_state": what the run left of the mutable sites, or None}.

        `param_map`: parameters, and the mutable sites' values that the run starts with. Errors:
        ValueError for more than one particle, as each would leave a state of its own.
        """
        found: dict[str, Any] = {}
        loss = self.loss(
            rng_key, param_map, _Mutable(model, found), _Mutable(guide, found), *args, **kwargs
        )
        if found and (self.num_particles != 1 or getattr(self, "multi_sample_guide", False)):
            raise ValueError(
                f"mutable sites {sorted(found)}: the loss must have num_particles=1, and no "
                f"multi_sample_guide; it has {self.num_particles} particles"
            )
        state = {
            name: msg["kwargs"].get("read", lambda msg=msg: msg["value"])()
            for name, msg in found.items()
        }
        return {"loss": loss, "mutable_state": state or None}


class Trace_ELBO(ELBO):  # noqa: N801 (the field's name)
    """The bound from log densities alone: log p(x, z) - log q(z) at draws z.

    `num_particles`: draws an estimate averages. `vectorize_particles`: whether they are one
    batch or one after the other. `multi_sample_guide`: the guide makes all its draws in one
    run, its latent sites having a leading axis of them, and the model is mapped over that.
    Source: Kingma and Welling (2014).

    >>> from bibun import prob, random
    >>> from bibun.prob import distributions as dist
    >>> def model():
    ...     prob.sample("x", dist.Normal(0.0, 1.0))
    >>> abs(float(Trace_ELBO().loss(random.key(0), {}, model, model))) < 1e-12  # the guide is exact
    True
    """

    def __init__(
        self,
        num_particles: int = 1,
        vectorize_particles: bool = True,
        multi_sample_guide: bool = False,
    ) -> None:
        super().__init__(num_particles, vectorize_particles)
        self.multi_sample_guide = bool(multi_sample_guide)

    def loss(
        self, rng_key: Any, param_map: Mapping[str, Any], model: Callable[..., Any],
        guide: Callable[..., Any], *args: Any, **kwargs: Any,
    ) -> Any:  # fmt: skip
        if not self.multi_sample_guide:
            return super().loss(rng_key, param_map, model, guide, *args, **kwargs)
        keys = random.split(rng_key)
        seeded = handlers.substitute(handlers.seed(guide, rng_seed=keys[0]), data=dict(param_map))
        guide_trace = handlers.trace(seeded).get_trace(*args, **kwargs)
        check_reparametrized(guide_trace)
        draws = {
            name: site["value"]
            for name, site in guide_trace.items()
            if site["type"] == "sample" and not site["is_observed"]
        }
        for name, value in draws.items():
            if np.shape(value)[:1] != (self.num_particles,):
                raise ValueError(
                    f"multi_sample_guide: guide site {name!r} has shape {np.shape(value)}; its "
                    f"first axis must be the num_particles = {self.num_particles} draws"
                )

        def model_density(values: Any, key: Any) -> Any:
            known = handlers.substitute(handlers.seed(model, rng_seed=key), data=dict(param_map))
            given = {**{k: guide_trace[k] for k in guide_trace if k not in values}}
            given |= {k: {**guide_trace[k], "value": v} for k, v in values.items()}
            trace = handlers.trace(handlers.replay(known, trace=given)).get_trace(*args, **kwargs)
            check_covered(trace, guide_trace)
            return trace_log_density(trace)

        densities = vmap(model_density)(draws, random.split(keys[1], self.num_particles))
        return -(bnp.mean(densities) - trace_log_density(guide_trace) / self.num_particles)


class TraceMeanField_ELBO(ELBO):  # noqa: N801
    """As `Trace_ELBO`, with closed forms of KL(q || p) where there are some: less noise.

    The guide's sites must be independent of one another where a closed form is used.
    Source: Kingma and Welling (2014), appendix B.

    >>> from bibun import prob, random
    >>> from bibun.prob import distributions as dist
    >>> def model():
    ...     prob.sample("x", dist.Normal(0.0, 1.0))
    >>> def guide():
    ...     prob.sample("x", dist.Normal(1.0, 1.0))
    >>> loss = TraceMeanField_ELBO().loss(random.key(0), {}, model, guide)
    >>> round(float(loss), 4)  # the Kullback-Leibler divergence of the two normals
    0.5
    """

    def particle(self, model_trace: Trace, guide_trace: Trace) -> Any:
        total: Any = 0.0
        for name, site in model_trace.items():
            if site["type"] != "sample":
                continue
            if site["is_observed"]:
                total = total + site_log_prob(site)
                continue
            drawn = guide_trace[name]
            try:
                kl = kl_divergence(drawn["fn"], site["fn"])
            except NotImplementedError:
                total = total + site_log_prob(site) - site_log_prob(drawn)
                continue
            scale = drawn["scale"]
            total = total - bnp.sum(kl if scale is None else scale * kl)
        for name, site in guide_trace.items():
            if site["type"] == "sample" and name not in model_trace:
                total = total - site_log_prob(site)
        return total


class RenyiELBO(ELBO):
    """Rényi's bound of order `alpha`: log mean w^(1 - alpha) / (1 - alpha), w = p(x, z) / q(z).

    alpha = 0 is the importance weighted bound (IWAE), which tightens with `num_particles`.
    Errors: ValueError for alpha = 1, which is `Trace_ELBO`. Source: Li and Turner (2016).

    >>> from bibun import prob, random
    >>> from bibun.prob import distributions as dist
    >>> def model():
    ...     prob.sample("x", dist.Normal(0.0, 1.0))
    >>> bound = RenyiELBO(alpha=0.5, num_particles=3)
    >>> abs(float(bound.loss(random.key(0), {}, model, model))) < 1e-12  # the guide is exact
    True
    """

    def __init__(self, alpha: float = 0.0, num_particles: int = 2) -> None:
        if alpha == 1:
            raise ValueError("RenyiELBO: alpha = 1 is the ordinary bound; use Trace_ELBO")
        super().__init__(num_particles)
        self.alpha = float(alpha)

    def combine(self, values: Any) -> Any:
        order = 1.0 - self.alpha
        return (logsumexp(order * values, axis=-1) - math.log(self.num_particles)) / order
