"""Handing a run over to ArviZ."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bibun.prob import handlers
from bibun.prob.infer.likelihood import log_likelihood as log_likelihood_of
from bibun.prob.infer.predictive import Predictive

_NAMES = {"accept_prob": "acceptance_rate", "num_steps": "n_steps", "potential_energy": "lp"}


def import_arviz() -> Any:
    """ArviZ, also where the user's cache cannot be written.

    Its import notes there on which day it last announced its next version. A full disk or a
    home that is read only must not cost a finished run its results.
    """
    try:
        import arviz
    except ImportError as e:
        raise ImportError("mcmc.to_arviz() needs ArviZ: pip install 'bibun[plots]'") from e
    except OSError:
        import platformdirs

        usual = platformdirs.user_cache_dir
        with tempfile.TemporaryDirectory(prefix="bibun-") as folder:
            platformdirs.user_cache_dir = lambda *_, **__: folder
            try:
                import arviz
            finally:
                platformdirs.user_cache_dir = usual
    return arviz


def observed_sites(mcmc: Any) -> dict[str, Any]:
    """The observed sites of a run's model, with the data of its last run."""
    return {
        k: s
        for k, s in _trace(mcmc).items()
        if s["type"] == "sample" and s["is_observed"] and not s["infer"].get("is_auxiliary")
    }


def _trace(mcmc: Any) -> dict[str, Any]:
    args, kwargs = mcmc._args
    seeded = handlers.seed(mcmc.sampler.model, rng_seed=0)
    return handlers.trace(seeded).get_trace(*args, **kwargs)


def pointwise_log_likelihood(mcmc: Any) -> dict[str, np.ndarray]:
    """log p of each observed element at each draw: site -> (chains, draws, ...)."""
    if not observed_sites(mcmc):
        return {}
    args, kwargs = mcmc._args
    trace = _trace(mcmc)
    samples = {
        k: v
        for k, v in mcmc.get_samples(group_by_chain=True).items()
        if trace[k]["type"] != "deterministic"
    }
    found = log_likelihood_of(mcmc.sampler.model, samples, *args, batch_ndims=2, **kwargs)
    return {k: np.asarray(v) for k, v in found.items()}


def plate_dims(trace: Mapping[str, Any]) -> tuple[dict[str, list[str]], dict[str, np.ndarray]]:
    """Names of axes from plates, site -> one for each axis of a value, and each plate's indices."""
    dims, coords = {}, {}
    for name, site in trace.items():
        if site["type"] not in ("sample", "deterministic"):
            continue
        shape = np.shape(site["value"])
        event = site["fn"].event_dim if site["type"] == "sample" else 0
        names = [f"{name}_dim_{i}" for i in range(len(shape))]
        for frame in site["cond_indep_stack"]:
            axis = len(shape) - event + frame.dim
            if axis >= 0 and shape[axis] == frame.size:
                names[axis] = frame.name
                coords[frame.name] = np.arange(frame.size)
        dims[name] = names
    return dims, coords


def to_arviz(
    mcmc: Any,
    *,
    posterior_predictive: Mapping[str, Any] | bool | None = None,
    prior: Mapping[str, Any] | int | None = None,
    coords: Mapping[str, Sequence[Any]] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    log_likelihood: bool = True,
    save_warmup: bool = False,
    rng_key: Any = 0,
) -> Any:
    """An `arviz.InferenceData` of a finished run; see `MCMC.to_arviz`."""
    arviz = import_arviz()
    samples = mcmc.get_samples(group_by_chain=True)
    posterior = {k: np.asarray(v) for k, v in samples.items()}
    groups: dict[str, Any] = {
        "posterior": posterior,
        "sample_stats": _statistics(mcmc.get_extra_fields(group_by_chain=True)),
    }
    if save_warmup:
        if mcmc._warmup_draws is None:
            raise ValueError("save_warmup needs mcmc.warmup(..., collect_warmup=True) before run")
        groups["warmup_posterior"], stats = mcmc._warmup_draws
        groups["warmup_sample_stats"] = _statistics(stats)
    model = mcmc.sampler.model
    names: dict[str, Sequence[str]] = {}
    axes: dict[str, Any] = {}
    observed: dict[str, Any] = {}
    if model is not None:
        args, kwargs = mcmc._args
        names, axes = plate_dims(_trace(mcmc))  # type: ignore[assignment]
        observed = {k: np.asarray(s["value"]) for k, s in observed_sites(mcmc).items()}
        if observed:
            groups["observed_data"] = observed
        if observed and log_likelihood:
            groups["log_likelihood"] = pointwise_log_likelihood(mcmc)
        if posterior_predictive is True:
            draw = Predictive(
                handlers.uncondition(model), samples, return_sites=list(observed), batch_ndims=2
            )
            posterior_predictive = draw(rng_key, *args, **kwargs)
        if isinstance(prior, int) and not isinstance(prior, bool):
            prior = Predictive(handlers.uncondition(model), num_samples=prior)(
                rng_key, *args, **kwargs
            )
    if posterior_predictive:
        shape = next(iter(posterior.values())).shape[:2]
        groups["posterior_predictive"] = {
            k: np.asarray(v).reshape(*shape, *_event(np.asarray(v), shape))
            for k, v in posterior_predictive.items()  # type: ignore[union-attr]
        }
    if prior:
        drawn = {k: np.asarray(v)[None] for k, v in prior.items()}  # type: ignore[union-attr]
        groups["prior"] = {k: v for k, v in drawn.items() if k not in observed}
        if predictive := {k: v for k, v in drawn.items() if k in observed}:
            groups["prior_predictive"] = predictive
    held = {k for values in groups.values() for k in values}
    names = {k: v for k, v in {**names, **(dims or {})}.items() if k in held}
    used = {d for ds in names.values() for d in ds}
    axes = {k: v for k, v in {**axes, **(coords or {})}.items() if k in used}
    return arviz.from_dict(**groups, coords=axes, dims=names, save_warmup=save_warmup)


def _statistics(fields: Mapping[str, Any]) -> dict[str, np.ndarray]:
    stats = {_NAMES.get(k, k): np.asarray(v) for k, v in fields.items()}
    return {k: -v if k == "lp" else v for k, v in stats.items()}


def _event(v: np.ndarray, shape: tuple[int, int]) -> tuple[int, ...]:
    """The shape of one draw, whether draws come as (chains, draws) or in one axis."""
    if v.shape[:2] == shape:
        return v.shape[2:]
    return v.shape[1:]
