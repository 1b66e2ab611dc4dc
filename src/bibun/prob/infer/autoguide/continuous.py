"""Guides that give one joint distribution to the flat vector of all unconstrained values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Unpack

import numpy as np

import bibun.numpy as bnp
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.distributions import constraints as c
from bibun.prob.infer.autoguide.base import GuideOptions, NormalGuide
from bibun.prob.infer.autoguide.transport import transport
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.infer.util import potential_energy
from bibun.prob.primitives import param, sample
from bibun.transforms import hessian


class AutoContinuous(NormalGuide):
    """Base class: subclasses write `_posterior()`, the distribution of the flat vector."""

    @property
    def latent_dim(self) -> int:
        """The number of unconstrained latent values."""
        return self._need().dimension

    def _posterior(self) -> Any:
        raise NotImplementedError

    def _draw(self, args: Any, kwargs: Any) -> Any:
        """The site of the flat vector."""
        return sample(f"{self.prefix}_latent", self._posterior(), infer={"is_auxiliary": True})

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        flat = self._prepare(args, kwargs)
        z = self._draw(args, kwargs)
        out = {}
        for name, (value, ladj) in self._constrained(flat.unflatten(z), args, kwargs).items():
            event_dim = flat.sites[name]["fn"].event_dim
            out[name] = sample(name, dist.Delta(value, log_density=-ladj, event_dim=event_dim))
        return out

    def get_posterior(self, params: Mapping[str, Any]) -> Any:
        """The fitted distribution of the flat unconstrained vector."""
        self._need()
        with handlers.block():
            return handlers.substitute(self._posterior, data=dict(params))()

    def get_base_dist(self) -> Any:
        """The standard normal that `get_transform` takes to the fitted distribution."""
        return dist.Normal(bnp.zeros(self.latent_dim), 1.0, validate_args=False).to_event(1)

    def get_transform(self, params: Mapping[str, Any]) -> Any:
        """The bijection from a standard normal vector to the fitted one, all unconstrained."""
        return transport(self.get_posterior(params))

    @property
    def latent_sites(self) -> tuple[str, ...]:
        """The names of the model's latent sites, in the order of the flat vector."""
        return tuple(self._need().sites)

    def unpack(self, z: Any) -> dict[str, Any]:
        """The unconstrained values by site in a flat vector."""
        return self._need().unflatten(z)

    def _moments(self, params: Mapping[str, Any]) -> tuple[Any, Any]:
        """Mean and variance of each element of the flat vector, which is normal."""
        q = self.get_posterior(params)
        return q.mean, q.variance

    def median(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The sites' values at the location: medians, as the bijections are monotone."""
        return self._unpack_and_constrain(self._moments(params)[0], params)

    def quantiles(self, params: Mapping[str, Any], quantiles: Any) -> dict[str, Any]:
        """Quantiles of each unconstrained value's marginal, constrained: (quantiles, ...)."""
        mean, variance = self._moments(params)
        at = bnp.asarray(quantiles)[..., None]
        z = dist.Normal(mean, bnp.sqrt(variance), validate_args=False).icdf(at)
        return self._unpack_and_constrain(z, params)


class AutoDiagonalNormal(AutoContinuous):
    """Independent normals for all unconstrained values, as one vector."""

    def _posterior(self) -> Any:
        loc = param(f"{self.prefix}_loc", self._start)
        scale = param(
            f"{self.prefix}_scale", bnp.full(self.latent_dim, self.init_scale),
            constraint=c.softplus_positive,
        )  # fmt: skip
        return dist.Normal(loc, scale, validate_args=False).to_event(1)


class AutoMultivariateNormal(AutoContinuous):
    """One multivariate normal, with a full covariance."""

    def _posterior(self) -> Any:
        loc = param(f"{self.prefix}_loc", self._start)
        scale_tril = param(
            f"{self.prefix}_scale_tril", bnp.eye(self.latent_dim) * self.init_scale,
            constraint=c.scaled_unit_lower_cholesky,
        )  # fmt: skip
        return dist.MultivariateNormal(loc, scale_tril=scale_tril, validate_args=False)


class AutoLowRankMultivariateNormal(AutoContinuous):
    """A multivariate normal whose covariance is of low rank plus a diagonal.

    `rank`: by default the square root of the dimension.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        rank: int | None = None,
        **options: Unpack[GuideOptions],
    ) -> None:
        super().__init__(model, **options)
        self.rank = rank

    def _posterior(self) -> Any:
        n = self.latent_dim
        rank = round(n**0.5) if self.rank is None else self.rank
        loc = param(f"{self.prefix}_loc", self._start)
        factor = param(f"{self.prefix}_cov_factor", bnp.zeros((n, rank)))
        scale = param(
            f"{self.prefix}_scale", bnp.full(n, self.init_scale), constraint=c.softplus_positive
        )
        return dist.LowRankMultivariateNormal(
            loc, factor * scale[..., None], scale * scale, validate_args=False
        )


class AutoLaplaceApproximation(AutoContinuous):
    """A normal at the posterior mode, with the curvature there for its precision.

    The fit finds the mode in unconstrained space; `get_posterior` takes the Hessian.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        prefix: str = "auto",
        init_loc_fn: Callable[..., Any] = init_to_uniform,
        hessian_fn: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(model, prefix=prefix, init_loc_fn=init_loc_fn)
        self.hessian_fn = hessian_fn

    def _posterior(self) -> Any:
        return dist.Delta(param(f"{self.prefix}_loc", self._start), event_dim=1)

    def get_posterior(self, params: Mapping[str, Any]) -> dist.MultivariateNormal:
        """The normal approximation. Errors: ValueError where the curvature is not positive."""
        flat = self._need()
        model = handlers.seed(self.model, rng_seed=self._key)
        model = handlers.substitute(model, data=dict(params))
        loc = params[f"{self.prefix}_loc"]

        def potential(z: Any) -> Any:
            return potential_energy(model, flat.args, flat.kwargs, flat.unflatten(z))

        if self.hessian_fn is not None:
            precision = self.hessian_fn(potential, loc)
        else:
            precision = hessian(potential)(loc)
        smallest = np.linalg.eigvalsh(np.asarray(precision)).min()
        if not smallest > 0:
            raise ValueError(
                f"the Hessian at {self.prefix}_loc is not positive definite (smallest eigenvalue "
                f"{smallest:.3g}): it is no mode; run SVI longer or with a smaller step, or use "
                "another guide"
            )
        return dist.MultivariateNormal(loc, precision_matrix=precision, validate_args=False)

    def sample_posterior(
        self,
        rng_key: Any,
        params: Mapping[str, Any],
        *args: Any,
        sample_shape: tuple[int, ...] = (),
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Draws of the latent sites from the normal approximation."""
        key = handlers.as_key(rng_key)
        z = self.get_posterior(params).sample(key, tuple(sample_shape))
        return self._unpack_and_constrain(z, params)
