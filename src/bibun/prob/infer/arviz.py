"""Handing a run over to ArviZ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bibun.compiler import jit
from bibun.prob import handlers
from bibun.prob.infer.util import split_arguments
from bibun.transforms import vmap

_NAMES = {"accept_prob": "acceptance_rate", "num_steps": "n_steps", "potential_energy": "lp"}


def observed_sites(mcmc: Any) -> dict[str, Any]:
    """The observed sites of a run's model, with the data of its last run."""
    args, kwargs = mcmc._args
    seeded = handlers.seed(mcmc.sampler.flat.model, rng_seed=0)
    trace = handlers.trace(seeded).get_trace(*args, **kwargs)
    return {k: s for k, s in trace.items() if s["type"] == "sample" and s["is_observed"]}


def pointwise_log_likelihood(mcmc: Any) -> dict[str, np.ndarray]:
    """log p of each observed element at each draw: site -> (chains, draws, ...)."""
    flat = mcmc.sampler.flat
    args, kwargs = mcmc._args
    observed = list(observed_sites(mcmc))
    if not observed:
        return {}
    data, rebuild = split_arguments(args, kwargs)

    def one(values: Any, arrays: Any) -> dict[str, Any]:
        a, k = rebuild(arrays)
        model = handlers.substitute(flat.model, data=values)
        trace = handlers.trace(model).get_trace(*a, **k)
        return {name: trace[name]["fn"].log_prob(trace[name]["value"]) for name in observed}

    samples = {k: v for k, v in mcmc.get_samples(group_by_chain=True).items() if k in flat.sites}
    c, n = next(iter(samples.values())).shape[:2]
    joined = {k: v.reshape(c * n, *v.shape[2:]) for k, v in samples.items()}
    out = jit(vmap(one, in_axes=(0, None)))(joined, data)
    return {k: np.asarray(v).reshape(c, n, *v.shape[1:]) for k, v in out.items()}


def to_arviz(
    mcmc: Any,
    *,
    posterior_predictive: Mapping[str, Any] | None = None,
    prior: Mapping[str, Any] | None = None,
    coords: Mapping[str, Sequence[Any]] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    log_likelihood: bool = True,
) -> Any:
    """An `arviz.InferenceData` of a finished run."""
    try:
        import arviz
    except ImportError as e:
        raise ImportError("mcmc.to_arviz() needs ArviZ: pip install 'bibun[plots]'") from e

    posterior = {k: np.asarray(v) for k, v in mcmc.get_samples(group_by_chain=True).items()}
    stats = {
        _NAMES.get(k, k): np.asarray(v)
        for k, v in mcmc.get_extra_fields(group_by_chain=True).items()
    }
    if "lp" in stats:
        stats["lp"] = -stats["lp"]
    groups: dict[str, Any] = {"posterior": posterior, "sample_stats": stats}
    flat = mcmc.sampler.flat
    if flat is not None:
        observed = {k: np.asarray(s["value"]) for k, s in observed_sites(mcmc).items()}
        if observed:
            groups["observed_data"] = observed
        if log_likelihood:
            likelihood = pointwise_log_likelihood(mcmc)
            if likelihood:
                groups["log_likelihood"] = likelihood
    if posterior_predictive:
        shape = next(iter(posterior.values())).shape[:2]
        groups["posterior_predictive"] = {
            k: np.asarray(v).reshape(*shape, *_event(np.asarray(v), shape))
            for k, v in posterior_predictive.items()
        }
    if prior:
        groups["prior"] = {k: np.asarray(v)[None] for k, v in prior.items()}
    return arviz.from_dict(**groups, coords=coords, dims=dims)


def _event(v: np.ndarray, shape: tuple[int, int]) -> tuple[int, ...]:
    """The shape of one draw, whether draws come as (chains, draws) or in one axis."""
    if v.shape[:2] == shape:
        return v.shape[2:]
    return v.shape[1:]
