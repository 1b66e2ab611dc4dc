"""Is a guide close enough to its posterior? The tail of its importance weights says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import random
from bibun.compiler import jit
from bibun.prob import handlers
from bibun.prob.infer.elbo import guided_traces
from bibun.prob.infer.util import split_arguments, trace_log_density
from bibun.prob.model_comparison import psis
from bibun.transforms import vmap


def psis_diagnostic(
    rng_key: Any,
    param_map: Mapping[str, Any],
    model: Callable[..., Any],
    guide: Callable[..., Any],
    *args: Any,
    num_particles: int = 1000,
    chunk_size: int | None = None,
    **kwargs: Any,
) -> float:
    """The shape k of the upper tail of p(x, z) / q(z) over draws z of the guide.

    Below 0.5 the weights have a finite variance and the guide is close; above 0.7 importance
    sampling from it, and its moments, are not to be trusted. `chunk_size`: draws computed at once.

    Source: Yao, Vehtari, Simpson & Gelman, "Yes, but did it work?" (2018).

    >>> import bibun.prob as prob, bibun.prob.distributions as dist
    >>> def model():
    ...     prob.sample("x", dist.StudentT(3.0))
    >>> def narrow():
    ...     prob.sample("x", dist.Normal(0.0, 0.3))
    >>> psis_diagnostic(0, {}, model, narrow) > 0.7
    True
    """
    if num_particles < 1 or (chunk_size is not None and chunk_size < 1):
        raise ValueError(
            f"num_particles and chunk_size must be positive, got {num_particles}, {chunk_size}"
        )
    data, rebuild = split_arguments(args, kwargs)

    def log_weight(key: Any, params: Any, arrays: Any) -> Any:
        a, k = rebuild(arrays)
        traces = guided_traces(key, params, model, guide, a, k, check=False)
        return trace_log_density(traces[0]) - trace_log_density(traces[1])

    run = jit(vmap(log_weight, in_axes=(0, None, None)))
    keys = random.split(handlers.as_key(rng_key), num_particles)
    size = num_particles if chunk_size is None else chunk_size
    params = {k: bnp.asarray(v) if np.ndim(v) else v for k, v in param_map.items()}
    parts = [
        np.asarray(run(keys[at : at + size], params, data)) for at in range(0, num_particles, size)
    ]
    _, k = psis(np.concatenate(parts)[:, None])
    return float(k[0])
