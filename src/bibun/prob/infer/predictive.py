"""Predictions: a model run forward at posterior draws, or from the prior."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import random, tree
from bibun.compiler import jit
from bibun.prob import handlers
from bibun.prob.infer.enumeration.posterior import posterior_discrete
from bibun.prob.infer.util import split_arguments
from bibun.transforms import vmap


class Predictive:
    """Sample a model's sites given draws of some of them.

    `posterior_samples`: site -> (draws, ...); with `num_samples` and none, the prior
    predictive. `guide`: a guide whose draws, `num_samples` of them, take the place of
    `posterior_samples`; `params`: values of the param sites of guide and model.
    `return_sites`: names to return (default: all that are not in `posterior_samples`,
    deterministic ones included). `infer_discrete`: discrete latent sites are drawn from their
    joint posterior given the draws and the data in the arguments. `batch_ndims`: leading axes
    that are draws (2 for draws by chain); with a guide, 1 says that `params` have a leading axis
    of particles, as those of `SVGD`. `condition_deterministic`: deterministic sites keep
    the values they have in `posterior_samples`; else they are computed anew. `parallel` is
    accepted for compatibility: all draws are one compiled map.

    >>> import bibun.prob as prob, numpy as np
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import Predictive
    >>> def model(y=None):
    ...     mu = prob.sample("mu", dist.Normal(0.0, 1.0))
    ...     prob.sample("y", dist.Normal(mu, 0.1), obs=y)
    >>> draws = Predictive(model, {"mu": np.linspace(-1.0, 1.0, 5)})(0)
    >>> draws["y"].shape
    (5,)
    """

    def __init__(
        self,
        model: Callable[..., Any],
        posterior_samples: Mapping[str, Any] | None = None,
        *,
        guide: Callable[..., Any] | None = None,
        params: Mapping[str, Any] | None = None,
        num_samples: int | None = None,
        return_sites: Sequence[str] | None = None,
        infer_discrete: bool = False,
        parallel: bool = False,
        batch_ndims: int | None = None,
        condition_deterministic: bool = False,
        exclude_deterministic: bool | None = None,
    ) -> None:
        if exclude_deterministic is not None:  # NumPyro's older name, the other way round
            condition_deterministic = not exclude_deterministic
        if not posterior_samples and num_samples is None:
            raise ValueError("Predictive needs posterior_samples or num_samples")
        if guide is not None and (posterior_samples is not None or num_samples is None):
            raise ValueError(
                "Predictive: with guide=, give num_samples, how many draws of it to take, and no "
                "posterior_samples"
            )
        values = {} if params is None else dict(params)
        self.model = handlers.substitute(model, data=values) if values else model
        self.guide = handlers.substitute(guide, data=values) if values and guide else guide
        self._particles = None  # with a guide, params may have a leading axis of particles
        if guide is not None and batch_ndims == 1 and values:
            self._particles = [
                {k: bnp.asarray(v)[j] for k, v in values.items()}
                for j in range(np.shape(next(iter(values.values())))[0])
            ]
            self._one = (model, guide, num_samples, return_sites, infer_discrete)
        self.infer_discrete = bool(infer_discrete)
        self.batch_ndims = batch_ndims if batch_ndims is not None else 1
        samples = {k: np.asarray(v) for k, v in (posterior_samples or {}).items()}
        shapes = {k: v.shape[: self.batch_ndims] for k, v in samples.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(f"posterior_samples differ in their number of draws: {shapes}")
        if shapes:
            self.batch_shape = next(iter(shapes.values()))
            if num_samples is not None and math.prod(self.batch_shape) != num_samples:
                raise ValueError(
                    f"num_samples is {num_samples}, but posterior_samples hold "
                    f"{math.prod(self.batch_shape)} draws"
                )
        else:
            self.batch_shape = (int(num_samples),)  # type: ignore[arg-type]
        self.samples = samples
        self.return_sites = list(return_sites) if return_sites is not None else None
        self.condition_deterministic = condition_deterministic
        self._compiled: dict[Any, Any] = {}

    def __call__(self, rng_key: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Draws of the sites at these model arguments: site -> (draws, ...)."""
        key = handlers.as_key(rng_key)
        if self._particles is not None:
            return self._by_particle(key, args, kwargs)
        if self.guide is not None:
            keys = random.split(key)
            key = keys[0]
            drawn = Predictive(self.guide, num_samples=self.batch_shape[0], return_sites=[""])
            self.samples = {k: np.asarray(v) for k, v in drawn(keys[1], *args, **kwargs).items()}
        data, rebuild = split_arguments(args, kwargs)
        n = math.prod(self.batch_shape)
        flat = {k: v.reshape(n, *v.shape[self.batch_ndims :]) for k, v in self.samples.items()}
        given = self._given_sites(key, flat, args, kwargs)
        flat = {k: v for k, v in flat.items() if k in given}

        def one(key: Any, values: Any, arrays: Any) -> dict[str, Any]:
            a, k = rebuild(arrays)
            model = handlers.substitute(handlers.seed(self.model, rng_seed=key), data=values)
            if self.infer_discrete:
                known = handlers.substitute(self.model, data=values)
                key, now = random.split(key)
                found = posterior_discrete(known, a, k, now)
                model = handlers.substitute(model, data=found)
            trace = handlers.trace(model).get_trace(*a, **k)
            return {name: trace[name]["value"] for name in self._wanted(trace)}

        run = jit(vmap(one, in_axes=(0, 0, None)))
        keys = random.split(key, n)
        out = run(keys, {k: bnp.asarray(v) for k, v in flat.items()}, data)
        return {k: bnp.reshape(v, (*self.batch_shape, *v.shape[1:])) for k, v in out.items()}

    def _by_particle(self, key: Any, args: Any, kwargs: Any) -> dict[str, Any]:
        """The predictions with each particle's parameters: (particles, draws, ...)."""
        model, guide, count, sites, discrete = self._one
        out = []
        for k, params in enumerate(self._particles or ()):
            one = Predictive(
                model, guide=guide, params=params, num_samples=count, return_sites=sites,
                infer_discrete=discrete,
            )  # fmt: skip
            out.append(one(random.fold_in(key, k), *args, **kwargs))
        return tree.map(lambda *xs: bnp.stack(xs), *out)

    def _given_sites(self, key: Any, flat: Any, args: Any, kwargs: Any) -> set[str]:
        """Which of the draws the model takes: deterministic sites are computed anew."""
        seeded = handlers.seed(self.model, rng_seed=key)
        first = {k: bnp.asarray(v[0]) for k, v in flat.items()} if self.samples else {}
        trace = handlers.trace(handlers.substitute(seeded, data=first)).get_trace(*args, **kwargs)
        return {
            name
            for name in flat
            if name in trace
            and not (trace[name]["type"] == "deterministic" and not self.condition_deterministic)
        }

    def _wanted(self, trace: Mapping[str, Any]) -> list[str]:
        kinds = ("sample", "deterministic")
        if self.return_sites is not None:
            if "" in self.return_sites:
                return [k for k, s in trace.items() if s["type"] in kinds]
            missing = [k for k in self.return_sites if k not in trace]
            if missing:
                known = ", ".join(k for k, s in trace.items() if s["type"] in kinds)
                raise KeyError(f"return_sites has {missing}, the model has: {known}")
            return self.return_sites
        return [
            k
            for k, s in trace.items()
            if s["type"] in kinds and (k not in self.samples or s["type"] == "deterministic")
        ]
