"""Where chains and fits start: strategies that give a site a first value.

A strategy is called with a site of the model, its random key in it, and returns a value in the
site's support, or None to leave it alone. Called without a site, it is itself, with its options:
`init_to_uniform(radius=1.0)`. One that does not look at the sites may say so by an attribute
`vector(key, dimension)`, a start of all of them in unconstrained space: then the model does not run
to find one. Names are NumPyro's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import random
from bibun.prob.distributions import biject_to


def _uniform(key: Any, dimension: int, radius: float) -> Any:
    return random.uniform(key, (dimension,), minval=-radius, maxval=radius)


def _within(radius: float) -> Callable[[Any], Any]:
    """Marks a strategy that is uniform in (-radius, radius) at every site."""

    def mark(strategy: Any) -> Any:
        strategy.vector = functools.partial(_uniform, radius=radius)
        return strategy

    return mark


@_within(2.0)
def init_to_uniform(site: Any = None, radius: float = 2.0) -> Any:
    """Uniform in (-radius, radius) in unconstrained space (Stan's default)."""
    if site is None:
        return _within(radius)(functools.partial(init_to_uniform, radius=radius))
    if site["type"] != "sample" or site["is_observed"]:
        return None
    transform = biject_to(site["fn"].support)
    shape = transform.inverse_shape(tuple(np.shape(site["value"])))
    u = random.uniform(site["kwargs"]["rng_key"], shape, minval=-radius, maxval=radius)
    return transform(u)


@_within(0.0)
def init_to_feasible(site: Any = None) -> Any:
    """Zero in unconstrained space: the middle of the support."""
    if site is None:
        return init_to_feasible
    return init_to_uniform(site, radius=0.0)


def init_to_value(site: Any = None, values: Mapping[str, Any] | None = None) -> Any:
    """The given constrained values; uniform for sites not named."""
    values = values or {}
    if site is None:
        return functools.partial(init_to_value, values=values)
    if site["type"] == "sample" and not site["is_observed"]:
        if site["name"] in values:
            return bnp.asarray(values[site["name"]])
        return init_to_uniform(site)
    return None


def init_to_sample(site: Any = None) -> Any:
    """A draw from the prior."""
    if site is None:
        return init_to_sample
    if site["type"] == "sample" and not site["is_observed"]:
        return site["value"]
    return None


def init_to_median(site: Any = None, num_samples: int = 15) -> Any:
    """The median of a few draws from the prior."""
    if site is None:
        return functools.partial(init_to_median, num_samples=num_samples)
    if site["type"] == "sample" and not site["is_observed"]:
        fn = site["fn"]
        draws = fn.sample(site["kwargs"]["rng_key"], (num_samples,))
        return bnp.median(draws, axis=0)
    return None


def init_to_mean(site: Any = None) -> Any:
    """The prior's mean; its median where the mean does not exist."""
    if site is None:
        return init_to_mean
    if site["type"] == "sample" and not site["is_observed"]:
        mean = site["fn"].mean
        if not np.all(np.isfinite(np.asarray(mean))):
            return init_to_median(site)
        return bnp.broadcast_to(mean, np.shape(site["value"]))
    return None
