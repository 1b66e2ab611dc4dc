"""The log likelihood of each observation at each posterior draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import bibun.numpy as bnp
from bibun import random
from bibun.compiler import jit
from bibun.prob import handlers
from bibun.prob.infer.enumeration.likelihood import pointwise
from bibun.prob.infer.enumeration.sites import enumerated, is_enumerable
from bibun.prob.infer.util import split_arguments
from bibun.transforms import vmap


def log_likelihood(
    model: Callable[..., Any],
    posterior_samples: Mapping[str, Any],
    *args: Any,
    parallel: bool = False,
    batch_ndims: int = 1,
    **kwargs: Any,
) -> dict[str, Any]:
    """Log densities of the observed sites: site -> (draws, batch of the site).

    `batch_ndims`: how many leading axes of `posterior_samples` count draws (2: by chain).
    `args`, `kwargs`: the model's, data included. `parallel` is accepted for compatibility:
    all draws are one compiled map. Discrete sites that the samples do not have are summed out.

    Errors: ValueError for other latent sites that they do not have, and where observations
    share a summed out variable.

    >>> import bibun.prob as prob, bibun.prob.distributions as dist
    >>> def model(y):
    ...     mu = prob.sample("mu", dist.Normal(0.0, 1.0))
    ...     with prob.plate("n", 3):
    ...         prob.sample("y", dist.Normal(mu, 1.0), obs=y)
    >>> log_likelihood(model, {"mu": bnp.zeros(5)}, bnp.ones(3))["y"].shape
    (5, 3)
    """
    samples = {k: bnp.asarray(v) for k, v in posterior_samples.items()}
    leading = {k: v.shape[:batch_ndims] for k, v in samples.items()}
    if not samples:
        raise ValueError("log_likelihood: posterior_samples is empty")
    if len(set(leading.values())) > 1:
        raise ValueError(f"posterior_samples differ in their number of draws: {leading}")
    batch = next(iter(leading.values()))
    n = math.prod(batch)
    flat = {k: bnp.reshape(v, (n, *v.shape[batch_ndims:])) for k, v in samples.items()}
    data, rebuild = split_arguments(args, kwargs)

    # a subsampling plate may need a key; sites that draw are given by the samples
    seeded = handlers.seed(model, rng_seed=random.PRNGKey(0))
    first = {k: v[0] for k, v in flat.items()}
    plain = handlers.trace(handlers.substitute(seeded, data=first)).get_trace(*args, **kwargs)
    missing = [
        name
        for name, site in plain.items()
        if site["type"] == "sample" and not site["is_observed"] and name not in samples
    ]
    unknown = [name for name in missing if not is_enumerable(plain[name])]
    if unknown:
        raise ValueError(
            f"log_likelihood: posterior_samples have no {', '.join(map(repr, unknown))}, which "
            "the model draws"
        )

    def one(values: Any, arrays: Any) -> dict[str, Any]:
        a, k = rebuild(arrays)
        known = handlers.substitute(seeded, data=values)
        if missing:
            return pointwise(handlers.trace(enumerated(known, plain)).get_trace(*a, **k))
        trace = handlers.trace(known).get_trace(*a, **k)
        return {
            name: site["fn"].log_prob(site["value"])
            for name, site in trace.items()
            if site["type"] == "sample"
            and site["is_observed"]
            and not site["infer"].get("is_auxiliary")
        }

    out = jit(vmap(one, in_axes=(0, None)))(flat, data)
    return {k: bnp.reshape(v, (*batch, *v.shape[1:])) for k, v in out.items()}
