"""A guide that walks towards the posterior: differentiable annealed importance sampling.

A draw of a normal takes K leapfrog-like steps on densities between the normal and the posterior,
its momentum partly refreshed after each. No step is accepted or rejected, so everything is
differentiable: step size, refreshment and temperatures are fitted along with the normal. The
densities of the momenta before and after each step make the bound a valid one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Unpack

import bibun.numpy as bnp
from bibun import lax
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.distributions import constraints as c
from bibun.prob.infer.autoguide.base import GuideOptions
from bibun.prob.infer.autoguide.continuous import AutoContinuous
from bibun.prob.infer.util import potential_energy
from bibun.prob.primitives import param, sample
from bibun.transforms import grad


class DAISOptions(GuideOptions, total=False):
    """The options of `AutoDAIS`."""

    K: int
    base_dist: str
    eta_init: float
    eta_max: float
    gamma_init: float


def walk(
    target: Callable[[Any], Any], base: Any, z: Any, eps: Any, beta: Any, lengths: Any, gamma: Any,
    mass: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """The annealed steps from `z`, and log(density of the momenta back / that of those forth).

    `target`: the log density of all of `z` (..., n); `base`: a distribution of batch shape (...).
    `eps`: standard normal noise (K, ..., n); `beta`, `lengths`: how far between base and target
    each step is, and its length (K, ...); `gamma` (...): the share of the momentum that is kept;
    `mass` (..., n).
    """
    root = bnp.sqrt(mass)
    momentum = dist.Normal(0.0, root, validate_args=False).to_event(1)
    towards, away = grad(target), grad(lambda z: bnp.sum(base.log_prob(z)))
    kept = bnp.asarray(gamma)[..., None]

    def step(carry: Any, row: Any) -> Any:
        z, v, weight = carry
        b, e, fresh = row
        z = z + 0.5 * e * v / mass
        after = v + e * (b * towards(z) + (1.0 - b) * away(z))
        z = z + 0.5 * e * after / mass
        weight = weight + momentum.log_prob(after) - momentum.log_prob(v)
        v = kept * after + bnp.sqrt(1.0 - kept**2) * root * fresh
        return (z, v, weight), None

    # the refreshment after the last step is of no use
    fresh = bnp.concatenate([eps[1:], bnp.zeros((1, *z.shape))])
    start = z, root * eps[0], bnp.zeros(z.shape[:-1])
    (z, _, weight), _ = lax.scan(step, start, (beta[..., None], lengths[..., None], fresh))
    return z, weight


def check_settings(name: str, K: int, eta_init: float, eta_max: float, gamma_init: float) -> None:
    """Errors: ValueError for a setting of an annealed walk out of its range."""
    if K < 1:
        raise ValueError(f"{name}: K must be at least 1, got {K}")
    if not 0.0 < eta_init < eta_max:
        raise ValueError(f"{name}: expected 0 < eta_init < eta_max, got {eta_init}, {eta_max}")
    if not 0.0 < gamma_init < 1.0:
        raise ValueError(f"{name}: gamma_init must be in (0, 1), got {gamma_init}")


def with_params(
    model: Callable[..., Any], key: Any, args: Any, kwargs: Any
) -> tuple[Mapping[str, Any], Callable[..., Any]]:
    """One run of a model whose params are the guide's: its trace, and the model given them."""
    seeded = handlers.seed(model, rng_seed=key)
    with handlers.block(hide_fn=lambda site: site["type"] != "param"):
        trace = handlers.trace(seeded).get_trace(*args, **kwargs)
    params = {k: s["value"] for k, s in trace.items() if s["type"] == "param"}
    return trace, handlers.substitute(seeded, data=params)


def no_closed_form(guide: Any, what: str) -> NotImplementedError:
    """The error for what only draws can tell."""
    return NotImplementedError(
        f"{type(guide).__name__} has no {what} in closed form; take it from "
        "guide.sample_posterior(key, params, *args, sample_shape=(n,))"
    )


class AutoDAIS(AutoContinuous):
    """Differentiable annealed importance sampling from a normal base.

    `K`: steps. `base_dist`: "diagonal" or "cholesky". `eta_init`, `eta_max`: the step size at
    first and at most; `gamma_init`: how much of the momentum a step keeps, at first. It has no
    density in closed form: use `sample_posterior`. Sources: Geffner and Domke (2021); Zhang et
    al. (2021); names are NumPyro's.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        K: int = 4,
        base_dist: str = "diagonal",
        eta_init: float = 0.01,
        eta_max: float = 0.1,
        gamma_init: float = 0.9,
        **options: Unpack[GuideOptions],
    ) -> None:
        super().__init__(model, **options)
        check_settings(type(self).__name__, K, eta_init, eta_max, gamma_init)
        if base_dist not in ("diagonal", "cholesky"):
            raise ValueError(
                f"AutoDAIS: base_dist must be 'diagonal' or 'cholesky', got {base_dist!r}"
            )
        self.K = int(K)
        self.base_dist = base_dist
        self.eta_init, self.eta_max = float(eta_init), float(eta_max)
        self.gamma_init = float(gamma_init)

    def _base(self) -> Any:
        loc = param(f"{self.prefix}_z_0_loc", self._start)
        n = self.latent_dim
        if self.base_dist == "cholesky":
            tril = param(
                f"{self.prefix}_z_0_scale_tril", bnp.eye(n) * self.init_scale,
                constraint=c.scaled_unit_lower_cholesky,
            )  # fmt: skip
            return dist.MultivariateNormal(loc, scale_tril=tril, validate_args=False)
        scale = param(
            f"{self.prefix}_z_0_scale", bnp.full(n, self.init_scale),
            constraint=c.softplus_positive,
        )  # fmt: skip
        return dist.Normal(loc, scale, validate_args=False).to_event(1)

    def _target(self, args: Any, kwargs: Any) -> Callable[[Any], Any]:
        """The log density, of flat unconstrained vectors, that the walk goes towards."""
        flat = self._need()

        def posterior(z: Any) -> Any:
            with handlers.block():
                seeded = handlers.seed(self.model, rng_seed=self._key)
                return -potential_energy(seeded, args, kwargs, flat.unflatten(z))

        return posterior

    def _draw(self, args: Any, kwargs: Any) -> Any:
        n, name = self.latent_dim, self.prefix
        eta = param(f"{name}_eta0", self.eta_init, constraint=c.interval(0, self.eta_max))
        # each step a little longer or shorter than the one before
        slope = param(f"{name}_eta_coeff", 0.0)
        gamma = param(f"{name}_gamma", self.gamma_init, constraint=c.interval(0, 1))
        rises = param(f"{name}_beta_increments", bnp.ones(self.K), constraint=c.positive)
        mass = param(f"{name}_mass_matrix", bnp.ones(n), constraint=c.positive)
        beta = bnp.cumsum(rises) / bnp.sum(rises)
        base = self._base()
        z = sample(f"{name}_z_0", base, infer={"is_auxiliary": True})
        standard = dist.Normal(bnp.zeros((self.K, n)), 1.0, validate_args=False).to_event(2)
        eps = sample(f"{name}_momentum", standard, infer={"is_auxiliary": True})
        lengths = bnp.clip(eta + slope * beta, 0.0, self.eta_max)
        z, weight = walk(
            self._target(args, kwargs), base, z, eps, beta, lengths, gamma, mass
        )
        # the noise was counted when it was drawn
        point = dist.Delta(z, log_density=-weight - standard.log_prob(eps), event_dim=1)
        return sample(f"{name}_latent", point, infer={"is_auxiliary": True})

    def get_posterior(self, params: Mapping[str, Any]) -> Any:
        """Errors: NotImplementedError: it has draws, not a density."""
        raise no_closed_form(self, "density")

    def median(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Errors: NotImplementedError: it has draws, not a density."""
        raise no_closed_form(self, "median")

    def quantiles(self, params: Mapping[str, Any], quantiles: Any) -> dict[str, Any]:
        """Errors: NotImplementedError: it has draws, not a density."""
        raise no_closed_form(self, "quantiles")


class AutoSurrogateLikelihoodDAIS(AutoDAIS):
    """AutoDAIS whose walk goes towards a cheap stand-in for the posterior.

    `surrogate_model`: without arguments, with the model's latent sites and a likelihood of its own,
    such as that of a few rows scaled by `param` weights, which are fitted along. Each step of
    the walk then costs the surrogate alone, and `model` may subsample its data. The other options
    are those of `AutoDAIS`. Source: Jankowiak and Phan (2022).
    """

    def __init__(
        self,
        model: Callable[..., Any],
        surrogate_model: Callable[[], Any],
        **options: Unpack[DAISOptions],
    ) -> None:
        super().__init__(model, **options)
        if not callable(surrogate_model):
            raise TypeError(
                f"surrogate_model must be callable, got {type(surrogate_model).__name__}"
            )
        self.surrogate_model = surrogate_model

    def _target(self, args: Any, kwargs: Any) -> Callable[[Any], Any]:
        flat = self._need()
        trace, known = with_params(self.surrogate_model, self._key, (), {})
        sites = {k for k, s in trace.items() if s["type"] == "sample" and not s["is_observed"]}
        if sites != set(flat.sites):
            raise ValueError(
                f"{type(self).__name__}: surrogate_model has the latent sites {sorted(sites)}, the "
                f"model {sorted(flat.sites)}"
            )

        def surrogate(z: Any) -> Any:
            with handlers.block():
                return -potential_energy(known, (), {}, flat.unflatten(z))

        return surrogate
