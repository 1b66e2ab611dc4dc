"""The mode of the posterior, found by L-BFGS in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun import random
from bibun.compiler import jit
from bibun.prob import handlers
from bibun.prob.infer.initialization import init_to_median
from bibun.prob.infer.util import FlatModel, find_valid_initial, log_density, split_arguments
from bibun.solvers import LBFGS
from bibun.transforms import hessian, value_and_grad


class MAPResult(NamedTuple):
    """The mode: values by site, its log density, unconstrained values, and how it ended.

    `covariance`: inverse of the Hessian of what was minimised, with respect to the flat
    vector of unconstrained values, in the order of `unconstrained`; nan where it is singular.
    """

    params: dict[str, Any]
    log_density: float
    unconstrained: dict[str, Any]
    covariance: Any
    iterations: int
    gradient_norm: float


class MAP:
    """Maximum a posteriori estimation of all continuous latent sites.

    `jacobian=False` (default) finds the mode of the density of the sites as they are declared,
    what `AutoDelta` finds; True that of their unconstrained values, where HMC moves. Discrete
    latent sites are summed out. `tol`: of the gradient's norm. `num_starts`: the best of so many
    starting points of `init_strategy`.

    Errors: RuntimeError if the gradient does not fall below `tol` in `maxiter` iterations, with
    the norm reached; ValueError from `run` without latent sites.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import MAP
    >>> def model(y):
    ...     rate = prob.sample("rate", dist.Gamma(3.0, 2.0))
    ...     prob.sample("y", dist.Poisson(rate), obs=y)
    >>> result = MAP(model).run(0, np.array([3, 1, 4]))  # the mode is (3 + 8 - 1) / (2 + 3)
    >>> round(float(result.params["rate"]), 6)
    2.0
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        init_strategy: Callable[..., Any] = init_to_median,
        jacobian: bool = False,
        tol: float = 1e-6,
        maxiter: int = 1000,
        num_starts: int = 1,
    ) -> None:
        if not callable(model):
            raise TypeError(f"expected a model, a callable, got {type(model).__name__}")
        if num_starts < 1:
            raise ValueError(f"num_starts must be at least 1, got {num_starts}")
        self.model = model
        self.init_strategy = init_strategy
        self.jacobian = bool(jacobian)
        self.tol = float(tol)
        self.maxiter = int(maxiter)
        self.num_starts = int(num_starts)

    def run(
        self, rng_key: Any, *args: Any, init_params: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> MAPResult:
        """Find the mode for these model arguments. `init_params`: unconstrained start, by site."""
        key = handlers.as_key(rng_key)
        flat = FlatModel(self.model, args, kwargs, key)
        data, rebuild = split_arguments(args, kwargs)

        def objective(z: Any, arrays: Any) -> Any:
            a, k = rebuild(arrays)
            if self.jacobian:
                return flat.potential(z, a, k)
            values = flat.place(z, a, k)
            return -log_density(flat.model, a, k, values)[0]

        vg = jit(value_and_grad(objective))
        best: Any = None
        for k in range(1 if init_params is not None else self.num_starts):
            if init_params is not None:
                start = flat.flatten(init_params)
            else:
                start, _, _ = find_valid_initial(
                    flat, lambda z: vg(z, data), self.init_strategy, random.fold_in(key, k)
                )
            solver = LBFGS(fun=objective, tol=self.tol, maxiter=self.maxiter)
            z, state = solver.run(start, data)
            value, grad = vg(z, data)
            if best is None or float(value) < best[0]:
                norm = float(bnp.linalg.norm(grad))
                best = float(value), z, norm, int(np.asarray(state.iter_num))
        value, z, norm, count = best
        # rounding of a large density may keep the gradient from falling further
        size = 1.0 + float(bnp.linalg.norm(z))
        if not norm <= max(10 * self.tol, 1e-9 * abs(value) / size):
            raise RuntimeError(
                f"MAP: after {count} iterations the gradient's norm is {norm:.3g}, not below "
                f"tol={self.tol:g}. The density may be unbounded, or flat in some direction; look "
                "at the priors, give init_params or a larger maxiter"
            )
        a, k = rebuild(data)
        values = flat.constrain(z, a, k)
        precision = np.asarray(hessian(objective)(z, data))
        try:
            covariance = np.linalg.inv(precision)
        except np.linalg.LinAlgError:
            covariance = np.full(precision.shape, np.nan)
        density = log_density(flat.model, a, k, {n: values[n] for n in flat.sites})[0]
        return MAPResult(
            values, float(density), flat.unflatten(z), bnp.asarray(covariance), count, norm
        )
