"""What automatic guides share: the model seen once, its sites, and draws of the posterior.

A guide is made from its model. At its first call, which must be outside of compiled code
(`SVI.init` does it), the model runs once; names, shapes and supports come from that run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import numpy as np

import bibun.numpy as bnp
from bibun import random, tree
from bibun.prob import handlers
from bibun.prob.distributions import biject_to
from bibun.prob.distributions.transforms import sum_rightmost
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.infer.util import FlatModel, constrain_fn, find_valid_initial, potential_energy
from bibun.prob.primitives import prng_key
from bibun.trace.core import concrete
from bibun.transforms import value_and_grad, vmap


class GuideOptions(TypedDict, total=False):
    """The options of every guide of normals."""

    prefix: str
    init_loc_fn: Callable[..., Any]
    init_scale: float


class AutoGuide:
    """Base class. `prefix` begins or ends the names of parameters; `init_loc_fn`: an `init_to_*`
    strategy for the starting location."""

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        prefix: str = "auto",
        init_loc_fn: Callable[..., Any] = init_to_uniform,
    ) -> None:
        if not callable(model):
            raise TypeError(f"expected a model, a callable, got {type(model).__name__}")
        self.model = model
        self.prefix = prefix
        self.init_loc_fn = init_loc_fn
        self.flat: FlatModel | None = None

    # the model, seen once -------------------------------------------------------------------------

    def _prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> FlatModel:
        """Run the model at the first call, and find a starting point."""
        if self.flat is not None:
            return self.flat
        key = prng_key()
        if key is None:
            raise ValueError(
                f"{type(self).__name__}: the first call needs a random key; use SVI.init, or "
                "bibun.prob.handlers.seed(guide, 0)"
            )
        if any(concrete(x) is None for x in tree.leaves((key, args, kwargs))):
            raise ValueError(
                f"{type(self).__name__}: the first call must be outside of compiled code: call "
                "svi.init(...) before compiling svi.update"
            )
        with handlers.block():
            flat = FlatModel(self.model, args, kwargs, key)
            seeded = handlers.seed(self.model, rng_seed=key)

            def potential(z: Any) -> Any:
                return potential_energy(seeded, args, kwargs, flat.unflatten(z))

            keys = random.split(key)
            z, _, _ = find_valid_initial(
                flat, value_and_grad(potential), self.init_loc_fn, keys[1]
            )
        self._key = keys[0]
        self._start = z
        self.flat = flat
        return flat

    def _need(self) -> FlatModel:
        if self.flat is None:
            raise ValueError(f"{type(self).__name__} has not seen its model: call svi.init first")
        return self.flat

    def _constrained(
        self, unconstrained: Mapping[str, Any], args: Any, kwargs: Any
    ) -> dict[str, tuple[Any, Any]]:
        """By site: its value in the support, and log |d value / d unconstrained| by batch.

        Where a support depends on other values, the model runs to tell it.
        """
        flat = self._need()
        out: dict[str, tuple[Any, Any]] = {}

        def place(site: Mapping[str, Any], transform: Any) -> Any:
            u = unconstrained[site["name"]]
            value = transform(u)
            ladj = transform.log_abs_det_jacobian(u, value)
            batch = np.ndim(value) - flat.sites[site["name"]]["fn"].event_dim
            out[site["name"]] = value, sum_rightmost(ladj, np.ndim(ladj) - batch)
            return value

        if flat.fixed_supports:
            for name in unconstrained:
                place(flat.sites[name], flat.transforms[name])
            return out

        def supply(site: Mapping[str, Any]) -> Any:
            if site["type"] != "sample" or site["name"] not in unconstrained:
                return None
            return place(site, biject_to(site["fn"].support))

        with handlers.block():
            seeded = handlers.seed(self.model, rng_seed=self._key)
            handlers.substitute(seeded, substitute_fn=supply)(*args, **kwargs)
        return out

    def _unpack_and_constrain(self, z: Any, params: Mapping[str, Any]) -> dict[str, Any]:
        """The sites' values at flat vectors `z`, over leading axes."""
        flat = self._need()

        def one(z: Any) -> dict[str, Any]:
            model = handlers.seed(self.model, rng_seed=self._key)
            model = handlers.substitute(model, data=dict(params))
            return constrain_fn(model, flat.args, flat.kwargs, flat.unflatten(z))

        for _ in range(np.ndim(z) - 1):
            one = vmap(one)
        return one(z)

    # results ----------------------------------------------------------------------------------

    def sample_posterior(
        self,
        rng_key: Any,
        params: Mapping[str, Any],
        *args: Any,
        sample_shape: tuple[int, ...] = (),
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Draws of the latent sites from the fitted guide: site -> sample_shape + its shape.

        `args`, `kwargs`: the model's; those of the first call if none are given.
        """
        flat = self._need()
        if not args and not kwargs:
            args, kwargs = flat.args, flat.kwargs
        key = handlers.as_key(rng_key)

        def one(key: Any) -> dict[str, Any]:
            guide = handlers.substitute(handlers.seed(self, rng_seed=key), data=dict(params))
            trace = handlers.trace(guide).get_trace(*args, **kwargs)
            return {k: trace[k]["value"] for k in flat.sites}

        if not sample_shape:
            return one(key)
        draws = vmap(one)(random.split(key, math.prod(sample_shape)))
        return {k: bnp.reshape(v, (*sample_shape, *v.shape[1:])) for k, v in draws.items()}

    def median(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The median of each site's marginal under the fitted guide."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The guide as a program: its statements are the latent sites of the model."""
        raise NotImplementedError


class NormalGuide(AutoGuide):
    """Base class of guides made of normals. `init_scale`: their standard deviation at first."""

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        prefix: str = "auto",
        init_loc_fn: Callable[..., Any] = init_to_uniform,
        init_scale: float = 0.1,
    ) -> None:
        super().__init__(model, prefix=prefix, init_loc_fn=init_loc_fn)
        if not init_scale > 0:
            raise ValueError(f"init_scale must be positive, got {init_scale}")
        self.init_scale = float(init_scale)
