"""Evidence lower bounds: what variational inference maximises.

For a model p(x, z) and a guide q(z), log p(x) >= E_q[log p(x, z) - log q(z)]. A loss here is
the negative bound, estimated from draws of the guide that are differentiable in its
parameters (the reparametrisation trick), so that its gradient is one of the estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import bibun.numpy as bnp
from bibun import random
from bibun.prob import handlers
from bibun.prob.distributions.kl import kl_divergence
from bibun.prob.distributions.special import logsumexp
from bibun.prob.infer.util import site_log_prob, trace_log_density
from bibun.transforms import vmap

Trace = Mapping[str, Mapping[str, Any]]


def guided_traces(
    rng_key: Any, params: Mapping[str, Any], model: Callable[..., Any],
    guide: Callable[..., Any], args: Any, kwargs: Any,
) -> tuple[Trace, Trace]:  # fmt: skip
    """One run of the guide at constrained `params`, and of the model at its draws.

    Errors: ValueError where a draw of the guide is not differentiable in its parameters, or
    where the guide leaves out a latent site of the model.
    """
    keys = random.split(rng_key)
    guide = handlers.substitute(handlers.seed(guide, rng_seed=keys[0]), data=dict(params))
    guide_trace = handlers.trace(guide).get_trace(*args, **kwargs)
    for name, site in guide_trace.items():
        if site["type"] == "sample" and not site["is_observed"] and not site["fn"].has_rsample:
            raise ValueError(
                f"guide site {name!r}: draws of {type(site['fn']).__name__} are not "
                "differentiable in all its parameters, so the gradient of the ELBO would be "
                "wrong; use another distribution for this site"
            )
    replayed = handlers.replay(handlers.seed(model, rng_seed=keys[1]), trace=guide_trace)
    replayed = handlers.substitute(replayed, data=dict(params))
    model_trace = handlers.trace(replayed).get_trace(*args, **kwargs)
    for name, site in model_trace.items():
        if site["type"] == "sample" and not site["is_observed"] and name not in guide_trace:
            raise ValueError(
                f"the model's latent site {name!r} has no site of that name in the guide"
            )
    return model_trace, guide_trace


class ELBO:
    """Base of the losses: `num_particles` draws of the guide, mapped in one batch."""

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
            return self.particle(*guided_traces(key, param_map, model, guide, args, kwargs))

        n = self.num_particles
        if n == 1:
            return -self.combine(one(rng_key)[None])
        keys = random.split(rng_key, n)
        if self.vectorize_particles:
            return -self.combine(vmap(one)(keys))
        return -self.combine(bnp.stack([one(keys[i]) for i in range(n)]))


class Trace_ELBO(ELBO):  # noqa: N801 (the field's name)
    """The bound from log densities alone: log p(x, z) - log q(z) at draws z.

    `num_particles`: draws an estimate averages. `vectorize_particles`: whether they are one
    batch or one after the other. Source: Kingma and Welling (2014).
    """


class TraceMeanField_ELBO(ELBO):  # noqa: N801
    """As `Trace_ELBO`, with closed forms of KL(q || p) where there are some: less noise.

    The guide's sites must be independent of one another where a closed form is used.
    Source: Kingma and Welling (2014), appendix B.
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
    """

    def __init__(self, alpha: float = 0.0, num_particles: int = 2) -> None:
        if alpha == 1:
            raise ValueError("RenyiELBO: alpha = 1 is the ordinary bound; use Trace_ELBO")
        super().__init__(num_particles)
        self.alpha = float(alpha)

    def combine(self, values: Any) -> Any:
        order = 1.0 - self.alpha
        return (logsumexp(order * values) - math.log(self.num_particles)) / order
