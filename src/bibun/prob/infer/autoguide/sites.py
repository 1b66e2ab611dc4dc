"""Guides that treat each latent site by itself, plates included."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.prob import distributions as dist
from bibun.prob.distributions import constraints as c
from bibun.prob.infer.autoguide.base import AutoGuide, NormalGuide
from bibun.prob.infer.initialization import init_to_median
from bibun.prob.primitives import Message, Messenger, param, plate, sample


class _SameIndices(Messenger):
    """A subsampling plate that is entered again uses the indices of the first time."""

    def __init__(self) -> None:
        super().__init__(None)
        self.indices: dict[str, Any] = {}

    def process_message(self, msg: Message) -> None:
        if msg["type"] == "plate" and msg["name"] in self.indices:
            msg["value"] = self.indices[msg["name"]]

    def postprocess_message(self, msg: Message) -> None:
        if msg["type"] == "plate":
            self.indices[msg["name"]] = msg["value"]


class _SiteGuide(AutoGuide):
    """The plates of a site, and starting values that cover the whole of each plate."""

    @contextlib.contextmanager
    def _plates(self, name: str) -> Any:
        flat = self._need()
        with contextlib.ExitStack() as stack:
            for frame in flat.sites[name]["cond_indep_stack"]:
                size, part = flat.template[frame.name]["args"]
                stack.enter_context(plate(frame.name, size, subsample_size=part, dim=frame.dim))
            yield

    def _whole(self, name: str, value: Any, event_dim: int) -> Any:
        """A value of the subsample, repeated to the size of each plate."""
        flat = self._need()
        for frame in flat.sites[name]["cond_indep_stack"]:
            size, part = flat.template[frame.name]["args"]
            axis = np.ndim(value) + frame.dim - event_dim
            if size != part:
                value = bnp.take(value, np.arange(size) % part, axis=axis)
        return value


class AutoNormal(_SiteGuide, NormalGuide):
    """An independent normal for each unconstrained value, site by site.

    Parameters are named `{site}_{prefix}_loc` and `{site}_{prefix}_scale`. Sites on the real
    line are normal sites of the guide itself, so that `TraceMeanField_ELBO` finds closed forms.
    `init_scale`: the standard deviations at first.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        flat = self._prepare(args, kwargs)
        start = flat.unflatten(self._start)
        with _SameIndices():
            free, real = {}, {}
            for name, site in flat.sites.items():
                fn, u = site["fn"], start[name]
                event_dim = fn.event_dim + np.ndim(u) - np.ndim(site["value"])
                is_real = _unconstrained(fn.support)
                with self._plates(name):
                    q = self._normal(name, self._whole(name, u, event_dim), event_dim)
                    if is_real:
                        free[name] = real[name] = sample(name, q)
                    else:
                        free[name] = sample(
                            f"{name}_unconstrained", q, infer={"is_auxiliary": True}
                        )
            placed = self._constrained(free, args, kwargs) if len(real) < len(free) else {}
            out = {}
            for name, site in flat.sites.items():
                if name in real:
                    out[name] = real[name]
                    continue
                value, ladj = placed[name]
                with self._plates(name):
                    delta = dist.Delta(value, log_density=-ladj, event_dim=site["fn"].event_dim)
                    out[name] = sample(name, delta)
        return out

    def _normal(self, name: str, u: Any, event_dim: int) -> Any:
        loc = param(f"{name}_{self.prefix}_loc", u, event_dim=event_dim)
        scale = param(
            f"{name}_{self.prefix}_scale", bnp.full(np.shape(u), self.init_scale),
            constraint=c.softplus_positive, event_dim=event_dim,
        )  # fmt: skip
        return dist.Normal(loc, scale, validate_args=False).to_event(event_dim)

    def _vectors(self, params: Mapping[str, Any]) -> tuple[Any, Any]:
        """Location and scale as flat vectors. Errors: ValueError for a subsampled model."""
        flat = self._need()
        for name, site in flat.template.items():
            if site["type"] == "plate" and site["args"][0] != site["args"][1]:
                raise ValueError(
                    f"plate {name!r} is subsampled: the whole posterior is not that of the "
                    "model's first call; use sample_posterior"
                )
        return tuple(
            flat.flatten({k: params[f"{k}_{self.prefix}_{what}"] for k in flat.sizes})
            for what in ("loc", "scale")
        )  # type: ignore[return-value]

    def median(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The sites' values at the location: medians, as the bijections are monotone."""
        return self._unpack_and_constrain(self._vectors(params)[0], params)

    def quantiles(self, params: Mapping[str, Any], quantiles: Any) -> dict[str, Any]:
        """Quantiles of each unconstrained value's marginal, constrained: (quantiles, ...)."""
        loc, scale = self._vectors(params)
        at = bnp.asarray(quantiles)[..., None]
        z = dist.Normal(loc, scale, validate_args=False).icdf(at)
        return self._unpack_and_constrain(z, params)


class AutoDelta(_SiteGuide):
    """A point for each site: the maximum a posteriori estimate, in constrained space.

    Parameters are named `{site}_{prefix}_loc` and have the support of their site.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        prefix: str = "auto",
        init_loc_fn: Callable[..., Any] = init_to_median,
    ) -> None:
        super().__init__(model, prefix=prefix, init_loc_fn=init_loc_fn)

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        flat = self._prepare(args, kwargs)
        start = flat.unflatten(self._start)
        out = {}
        with _SameIndices():
            for name, site in flat.sites.items():
                fn = site["fn"]
                value = flat.transforms[name](start[name])
                with self._plates(name):
                    loc = param(
                        f"{name}_{self.prefix}_loc",
                        self._whole(name, value, fn.event_dim),
                        constraint=fn.support,
                        event_dim=fn.event_dim,
                    )
                    out[name] = sample(name, dist.Delta(loc, event_dim=fn.event_dim))
        return out

    def median(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The point itself."""
        return {k: params[f"{k}_{self.prefix}_loc"] for k in self._need().sites}

    def quantiles(self, params: Mapping[str, Any], quantiles: Any) -> dict[str, Any]:
        """The point, once for each quantile: (quantiles, ...)."""
        shape = np.shape(quantiles)
        return {
            k: bnp.broadcast_to(v, (*shape, *np.shape(v))) for k, v in self.median(params).items()
        }


def _unconstrained(support: Any) -> bool:
    """Whether all reals are allowed, elementwise."""
    if isinstance(support, c.Independent):
        support = support.base_constraint
    return isinstance(support, c.Real)
