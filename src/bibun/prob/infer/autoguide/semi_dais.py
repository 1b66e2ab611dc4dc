"""A guide for many local variables and few global ones, with data in subsamples.

The global variables have a guide of their own; those of each element of a plate walk from a normal
of their own towards their posterior given the global ones, by differentiable annealed importance
sampling. Given the global variables the elements are independent, so a subsample is enough: the
bound of the elements in it is scaled up, as the model's density is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.distributions import constraints as c
from bibun.prob.infer.autoguide.base import NormalGuide
from bibun.prob.infer.autoguide.dais import (
    check_settings,
    no_closed_form,
    walk,
    with_params,
)
from bibun.prob.infer.util import FlatModel, potential_energy
from bibun.prob.primitives import param, plate, sample


class AutoSemiDAIS(NormalGuide):
    """`global_guide` for the global latent sites, annealed importance sampling for local ones.

    `local_model`: the part of `model` with the local sites, those in the plate `subsample_plate`
    (by default the one that subsamples, or the only one); its argument is what the model of
    `global_guide` returns, or, where that guide is None, the arguments of `model`. `K`, `eta_init`,
    `eta_max`, `gamma_init`: as of `AutoDAIS`; `use_global_dais_params`: whether the elements of
    the plate share these. `init_scale`: the standard deviation of the local normals at first. To
    draw for chosen elements, substitute the indices of the plate. Source: Jankowiak and Phan
    (2022); names are NumPyro's.

    Errors: ValueError where there is not one such plate, where it has no latent sites or their
    supports vary.

    >>> from bibun import optim, prob
    >>> from bibun.prob import distributions as dist
    >>> from bibun.prob.infer import SVI, Trace_ELBO
    >>> from bibun.prob.infer.autoguide import AutoNormal
    >>> def global_model():
    ...     return prob.sample("theta", dist.Normal(0.0, 1.0))
    >>> def local_model(theta):
    ...     with prob.plate("data", 8, subsample_size=2):
    ...         tau = prob.sample("tau", dist.Gamma(5.0, 5.0))
    ...         prob.sample("obs", dist.Normal(theta, tau), obs=bnp.ones(2))
    >>> model = lambda: local_model(global_model())
    >>> guide = AutoSemiDAIS(model, local_model, AutoNormal(global_model), K=4)
    >>> svi = SVI(model, guide, optim.adam(0.01), Trace_ELBO())
    >>> svi.get_params(svi.init(0))["auto_z_0_loc"].shape
    (8, 1)
    """

    def __init__(
        self,
        model: Callable[..., Any],
        local_model: Callable[..., Any],
        global_guide: Any = None,
        *,
        prefix: str = "auto",
        K: int = 4,
        eta_init: float = 0.01,
        eta_max: float = 0.1,
        gamma_init: float = 0.9,
        init_scale: float = 0.1,
        subsample_plate: str | None = None,
        use_global_dais_params: bool = False,
    ) -> None:
        super().__init__(model, prefix=prefix, init_scale=init_scale)
        check_settings(type(self).__name__, K, eta_init, eta_max, gamma_init)
        if global_guide is not None and not hasattr(global_guide, "model"):
            raise TypeError(
                "AutoSemiDAIS: global_guide must be an automatic guide, whose model tells what the "
                f"local one is given; got {type(global_guide).__name__}"
            )
        self.local_model = local_model
        self.global_guide = global_guide
        self.K = int(K)
        self.eta_init, self.eta_max = float(eta_init), float(eta_max)
        self.gamma_init = float(gamma_init)
        self.subsample_plate = subsample_plate
        self.use_global_dais_params = use_global_dais_params

    def _prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> FlatModel:
        if self.flat is not None:
            return self.flat
        flat = super()._prepare(args, kwargs)
        self.flat = None  # until all is well
        plates = {k: s["args"] for k, s in flat.template.items() if s["type"] == "plate"}
        chosen = [self.subsample_plate] if self.subsample_plate is not None else (
            [k for k, (size, part) in plates.items() if part < size] or list(plates)
        )  # fmt: skip
        if len(chosen) != 1 or chosen[0] not in plates:
            raise ValueError(
                f"AutoSemiDAIS needs one plate of local variables, got {chosen} of the model's "
                f"plates {list(plates)}; name it with subsample_plate"
            )
        self._plate = chosen[0], *plates[chosen[0]]
        self._axes: dict[str, int] = {}  # of the plate, in the unconstrained values
        for name, site in flat.sites.items():
            for frame in site["cond_indep_stack"]:
                if frame.name == chosen[0]:
                    self._axes[name] = frame.dim - flat.transforms[name].domain.event_dim
        if not self._axes or not flat.fixed_supports or flat.model is not flat.plain:
            raise ValueError(
                f"AutoSemiDAIS: plate {chosen[0]!r} must have continuous latent sites, of supports "
                f"that depend on nothing; the model's latent sites are {sorted(flat.sites)}"
            )
        self.flat = flat
        return flat

    def _local(self, rows: Any) -> dict[str, Any]:
        """Unconstrained values by site, from one row an element of the plate."""
        flat, out, at = self._need(), {}, 0
        for name, axis in self._axes.items():
            shape = list(flat.shapes[name])
            count = shape.pop(axis)
            width = int(np.prod(shape))
            part = bnp.reshape(rows[:, at : at + width], (count, *shape))
            out[name] = bnp.moveaxis(part, 0, axis)
            at += width
        return out

    def _target(self, args: Any, kwargs: Any, indices: Any) -> Callable[[Any], Any]:
        """The log density of the rows of a subsample."""
        name, size, part = self._plate
        _, known = with_params(self.local_model, self._key, args, kwargs)
        local = handlers.substitute(known, data={name: indices})

        def target(rows: Any) -> Any:
            with handlers.block():
                return -part / size * potential_energy(local, args, kwargs, self._local(rows))

        return target

    def _walk(self, args: Any, kwargs: Any) -> Any:
        """The rows of the plate's elements."""
        name, size, part = self._plate
        width = sum(self._need().sizes[k] for k in self._axes) // part
        shared = self.use_global_dais_params

        def setting(what: str, value: float, shape: tuple[int, ...], constraint: Any) -> Any:
            """A parameter of each element, or one for all."""
            if shared:
                start = bnp.full(shape, value)
                out = param(f"{self.prefix}_{what}", start, constraint=constraint)
                return bnp.broadcast_to(out, (part, *shape))
            start = bnp.full((size, *shape), value)
            return param(
                f"{self.prefix}_{what}", start, constraint=constraint, event_dim=len(shape)
            )

        with plate(name, size, subsample_size=part) as indices:
            eta = setting("eta0", self.eta_init, (), c.interval(0, self.eta_max))
            slope = setting("eta_coeff", 0.0, (), c.real)
            gamma = setting("gamma", self.gamma_init, (), c.interval(0, 1))
            rises = setting("beta_increments", 1.0, (self.K,), c.positive)
            mass = setting("mass_matrix", 1.0, (width,), c.positive)
            loc = param(f"{self.prefix}_z_0_loc", bnp.zeros((size, width)), event_dim=1)
            scale = param(
                f"{self.prefix}_z_0_scale", bnp.full((size, width), self.init_scale),
                constraint=c.softplus_positive, event_dim=1,
            )  # fmt: skip
            base = dist.Normal(loc, scale, validate_args=False).to_event(1)
            z = sample(f"{self.prefix}_z_0", base, infer={"is_auxiliary": True})
            standard = dist.Normal(
                bnp.zeros((part, self.K, width)), 1.0, validate_args=False
            ).to_event(2)
            eps = sample(f"{self.prefix}_momentum", standard, infer={"is_auxiliary": True})
            beta = bnp.cumsum(rises, axis=-1) / bnp.sum(rises, axis=-1, keepdims=True)
            beta, noise = bnp.swapaxes(beta, 0, 1), bnp.swapaxes(eps, 0, 1)  # steps first
            lengths = bnp.clip(eta + slope * beta, 0.0, self.eta_max)
            target = self._target(args, kwargs, indices)
            z, weight = walk(target, base, z, noise, beta, lengths, gamma, mass)
            # the noise was counted when it was drawn
            density = -weight - standard.log_prob(eps)
            point = dist.Delta(z, log_density=density, event_dim=1)
            return sample(f"{self.prefix}_local_latent", point, infer={"is_auxiliary": True})

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        flat = self._prepare(args, kwargs)
        out: dict[str, Any] = {}
        if self.global_guide is not None:
            out.update(self.global_guide(*args, **kwargs))
            known = handlers.substitute(self.global_guide.model, data=dict(out))
            with handlers.block():
                given = handlers.seed(known, rng_seed=self._key)(*args, **kwargs)
            args, kwargs = (given,), {}
        _, size, part = self._plate
        values = self._constrained(self._local(self._walk(args, kwargs)), args, kwargs)
        for name, (value, ladj) in values.items():
            event_dim = flat.sites[name]["fn"].event_dim
            point = dist.Delta(value, log_density=-size / part * ladj, event_dim=event_dim)
            out[name] = sample(name, point)
        return out

    def median(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Errors: NotImplementedError: it has draws, not a density."""
        raise no_closed_form(self, "median")
