"""Predictions of a mixture of guides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import bibun.numpy as bnp
from bibun import random
from bibun.compiler import jit
from bibun.prob import handlers
from bibun.prob.infer.predictive import Predictive
from bibun.transforms import vmap


class MixtureGuidePredictive:
    """Draw from the predictive distribution of what `SteinVI` has fitted.

    `params`: its parameters; `guide_sites`: those of the mixture, `stein.guide_sites`. Each of
    `num_samples` draws is of a component chosen at random, whose number is the site
    `mixture_assignment_sitename`. `return_sites`: as of `Predictive`.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        params: Mapping[str, Any],
        guide_sites: Sequence[str],
        num_samples: int | None = None,
        return_sites: Sequence[str] | None = None,
        mixture_assignment_sitename: str = "mixture_assignments",
    ) -> None:
        self.model, self.guide = model, guide
        missing = [k for k in guide_sites if k not in params]
        if missing or not guide_sites:
            raise ValueError(f"MixtureGuidePredictive: params have no guide_sites {missing}")
        self.mixture = {k: bnp.asarray(params[k]) for k in guide_sites}
        self.shared = {k: v for k, v in params.items() if k not in self.mixture}
        self.num_samples = 1 if num_samples is None else int(num_samples)
        self.return_sites = return_sites
        self.mixture_assignment_sitename = mixture_assignment_sitename

    def __call__(self, rng_key: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Draws of the sites at these model arguments: site -> (num_samples, ...)."""
        keys = random.split(handlers.as_key(rng_key), 3)
        count = next(iter(self.mixture.values())).shape[0]
        which = random.randint(keys[0], (self.num_samples,), 0, count)

        def draw(key: Any, k: Any) -> dict[str, Any]:
            params = {**self.shared, **{name: v[k] for name, v in self.mixture.items()}}
            known = handlers.substitute(handlers.seed(self.guide, rng_seed=key), data=params)
            trace = handlers.trace(known).get_trace(*args, **kwargs)
            return {
                name: site["value"] for name, site in trace.items()
                if site["type"] == "sample" and not site["is_observed"]
            }  # fmt: skip

        draws = jit(vmap(draw))(random.split(keys[1], self.num_samples), which)
        predictive = Predictive(
            self.model, draws, params=self.shared, return_sites=self.return_sites
        )
        out = predictive(keys[2], *args, **kwargs)
        return {**out, self.mixture_assignment_sitename: which}
