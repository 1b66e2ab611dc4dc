"""Discrete values given everything else: joint posterior draws, and the most probable values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bibun.numpy as bnp
from bibun import random
from bibun.prob import handlers
from bibun.prob.infer.enumeration.factors import draw_back, eliminate
from bibun.prob.infer.enumeration.sites import (
    enumerated,
    is_enumerable,
    max_plate_nesting,
    placed,
    trace_factors,
)


def posterior_discrete(
    model: Callable[..., Any],
    args: Any,
    kwargs: Any,
    key: Any,
    maximise: bool = False,
    first_available_dim: int | None = None,
) -> dict[str, Any]:
    """Values of all enumerable latent sites, drawn jointly given the model's other values.

    `model` must have values (or keys) for its continuous sites.
    """  # fmt: skip
    keys = random.split(key, 3)
    with handlers.block():
        seeded = handlers.seed(model, rng_seed=keys[0])
        plain = handlers.trace(seeded).get_trace(*args, **kwargs)
        # continuous sites without a value keep the one drawn here
        held = {
            name: site["value"]
            for name, site in plain.items()
            if site["type"] == "sample" and not site["is_observed"] and not is_enumerable(site)
        }
        spread = enumerated(handlers.substitute(model, data=held), plain)
        if first_available_dim is not None:
            if -first_available_dim <= max_plate_nesting(plain):
                raise ValueError(
                    f"first_available_dim={first_available_dim} is an axis that sites of the "
                    f"model use; the first free one is {spread.first}"
                )
            spread.first = first_available_dim
        spread.maximise = maximise
        seeded = handlers.seed(spread, rng_seed=keys[0])
        trace = handlers.trace(seeded).get_trace(*args, **kwargs)
    factors, homes, scales = trace_factors(trace)
    _, steps = eliminate(factors, homes, plate_scales=scales, maximise=maximise)
    found = draw_back(steps, keys[1], {}, maximise)
    values: dict[str, Any] = held
    for name, site in trace.items():
        if site["type"] == "control_flow" and "enum_draw" in site:
            values.update(site["enum_draw"](found, keys[2], maximise))
        if not site["infer"].get("is_enumerated") or site.get("scanned"):
            continue
        plates, index = found[name]
        frames = {frame.name: frame.dim for frame in site["cond_indep_stack"]}
        index = placed(plates, index, frames)
        values[name] = bnp.take(site["enum_support"], index, axis=0)
    return values


def infer_discrete(
    fn: Callable[..., Any] | None = None,
    first_available_dim: int | None = None,
    temperature: int = 1,
    rng_key: Any = None,
) -> Callable[..., Any]:
    """The model with its discrete latent sites set to posterior values, given all else.

    `temperature`: 1 for an exact joint draw, 0 for the jointly most probable values (Viterbi
    in a chain). `rng_key`: for the draw (an enclosing `seed` serves too). Condition or substitute
    the continuous sites first, or they are drawn from the prior.
    `first_available_dim`: the first axis left of all plates; found out where not given.

    >>> from bibun import prob
    >>> import bibun.prob.distributions as dist
    >>> def model(y):
    ...     z = prob.sample("z", dist.Bernoulli(0.5))
    ...     prob.sample("y", dist.Normal(10.0 * z, 1.0), obs=y)
    ...     return z
    >>> int(infer_discrete(model, temperature=0)(9.0))
    1
    """
    if temperature not in (0, 1):
        raise ValueError(f"infer_discrete: temperature must be 0 or 1, got {temperature!r}")
    if fn is None:
        return lambda fn: infer_discrete(fn, first_available_dim, temperature, rng_key)

    def inferred(*args: Any, **kwargs: Any) -> Any:
        from bibun.prob.primitives import prng_key

        key = rng_key if rng_key is not None else prng_key()
        if key is None:
            if temperature == 1:
                raise ValueError("infer_discrete: a draw (temperature=1) needs rng_key or seed")
            key = 0  # maxima are not drawn
        key = handlers.as_key(key)
        values = posterior_discrete(fn, args, kwargs, key, temperature == 0, first_available_dim)
        return handlers.substitute(fn, data=values)(*args, **kwargs)

    return inferred
