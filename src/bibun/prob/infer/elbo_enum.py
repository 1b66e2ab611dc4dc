"""The evidence bound with discrete sites summed exactly, in the model and in the guide.

Enumerated sites of the model that the guide leaves out are eliminated from the model's factors:
the bound is that of the marginal model. Enumerated sites of the guide are not drawn either: each
cost term that is left is averaged over them, weighted with their exact marginal under the guide.
So neither adds noise to the gradient, and none needs a score function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bibun.numpy as bnp
from bibun import random
from bibun.prob import handlers
from bibun.prob.infer.elbo import ELBO, check_covered, check_reparametrized
from bibun.prob.infer.enumeration.factors import Factor, aligned, eliminate
from bibun.prob.infer.enumeration.sites import enum, enumerated, max_plate_nesting, trace_factors


class TraceEnum_ELBO(ELBO):  # noqa: N801 (the field's name)
    """The bound with sites marked `infer={"enumerate": "parallel"}` summed out exactly.

    Mark sites of model or guide with `config_enumerate`; discrete sites of the model without a
    site in the guide are marked by themselves. `max_plate_nesting`: how many axes plates use,
    found out where not given. The other options are those of `Trace_ELBO`.
    Source: Obermeyer et al. (2019); names are NumPyro's.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun import optim
    >>> from bibun.prob.infer import SVI, TraceEnum_ELBO, autoguide, config_enumerate
    >>> @config_enumerate
    ... def model(y):
    ...     p = prob.sample("p", dist.Beta(1.0, 1.0))
    ...     with prob.plate("n", 4):
    ...         z = prob.sample("z", dist.Bernoulli(p))
    ...         prob.sample("y", dist.Normal(4.0 * z, 1.0), obs=y)
    >>> svi = SVI(model, autoguide.AutoNormal(model), optim.adam(0.05), TraceEnum_ELBO())
    >>> svi.run(0, 200, bnp.array([0.0, 4.0, 4.0, 4.0]), progress_bar=False).losses.shape
    (200,)
    """

    draws_everything = False

    def __init__(
        self,
        num_particles: int = 1,
        max_plate_nesting: float = float("inf"),
        vectorize_particles: bool = True,
    ) -> None:
        super().__init__(num_particles, vectorize_particles)
        self.max_plate_nesting = max_plate_nesting

    def once(
        self, rng_key: Any, params: Mapping[str, Any], model: Callable[..., Any],
        guide: Callable[..., Any], args: Any, kwargs: Any,
    ) -> Any:  # fmt: skip
        keys = random.split(rng_key)
        guide = handlers.substitute(handlers.seed(guide, rng_seed=keys[0]), data=dict(params))
        model = handlers.substitute(handlers.seed(model, rng_seed=keys[1]), data=dict(params))
        depth = self.max_plate_nesting
        if depth == float("inf"):
            # one plain run of both, to see which axes are taken
            plain = handlers.trace(guide).get_trace(*args, **kwargs)
            replayed = handlers.replay(model, trace=plain)
            depth = max(
                max_plate_nesting(plain),
                max_plate_nesting(handlers.trace(replayed).get_trace(*args, **kwargs)),
            )
        spread = enum(guide, first_available_dim=-1 - int(depth))
        guide_trace = handlers.trace(spread).get_trace(*args, **kwargs)
        check_reparametrized(guide_trace)
        axes = dict(spread.axes)
        # values of the guide's enumerated sites go into the model with their axes
        whole = enumerated(handlers.replay(model, trace=guide_trace), {})
        whole.first = -1 - int(depth)
        whole.given = axes
        model_trace = handlers.trace(whole).get_trace(*args, **kwargs)
        check_covered(model_trace, guide_trace)

        q_factors, q_homes, q_scales = trace_factors(guide_trace)
        p_factors, p_homes, p_scales = trace_factors(model_trace)
        homes = {**p_homes, **q_homes}
        keep = set(q_homes)
        costs, _ = eliminate(p_factors, homes, keep, {**q_scales, **p_scales})
        total: Any = 0.0
        for f in costs:
            total = total + expectation(f, q_factors, q_homes, {})
        for f in q_factors:
            total = total - expectation(f, q_factors, q_homes, q_scales)
        return total


def expectation(
    f: Factor, q_factors: list[Factor], homes: Mapping[str, Any], scales: Mapping[str, float]
) -> Any:
    """The sum of a cost term over its plates, averaged over its variables under the guide.

    `scales`: of plates whose elements stand for more; those of `f`'s own plates count.
    """
    mine = [n for n in f.names if n in homes]
    table = f.table
    if mine:
        # without their scales: a probability has none
        plain = [q._replace(scale=None) for q in q_factors if any(n in homes for n in q.names)]
        left, _ = eliminate(plain, homes, keep=mine)
        names = f.names
        for q in left:
            if any(n in mine for n in q.names):
                table = table * bnp.exp(aligned(q, names))
    power: Any = 1.0 if f.scale is None else f.scale
    for name in f.plates:
        power = power * scales.get(name, 1.0)
    return power * bnp.sum(table)
