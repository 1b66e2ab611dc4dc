"""Sample adaptive MCMC: a set of points that proposes from its own mean and covariance.

The state is N points, each with the target's density. A new point is drawn from the normal
fitted to them; then one of the N + 1 points is dropped, with probability proportional to
how likely the others would have proposed it over its density. That is exact for the product
density of the N points, though the proposal changes all the time.

Source: Zhu, "Sample adaptive MCMC" (NeurIPS 2019), algorithm 1; names are NumPyro's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import random
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.infer.walk import WalkKernel, WalkState
from bibun.scipy.linalg import solve_triangular
from bibun.transforms import vmap


class SA(WalkKernel):
    """Sample Adaptive MCMC: no gradients; good for cheap, low-dimensional densities.

    `adapt_state_size`: how many points (2 d by default, at least d + 3). `dense_mass`: propose
    with their full covariance, or variances alone. Each draw is one of the points.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import MCMC, SA
    >>> def model():
    ...     prob.sample("x", dist.Normal(0.0, 1.0))
    >>> mcmc = MCMC(SA(model), 200, 200, progress_bar=False)
    >>> mcmc.run(0)
    >>> mcmc.get_samples()["x"].shape
    (200,)
    """

    def __init__(
        self,
        model: Callable[..., Any] | None = None,
        potential_fn: Callable[[Any], Any] | None = None,
        adapt_state_size: int | None = None,
        dense_mass: bool = True,
        init_strategy: Callable[..., Any] = init_to_uniform,
    ) -> None:
        super().__init__(model, potential_fn, init_strategy)
        self.adapt_state_size = adapt_state_size
        self.dense_mass = bool(dense_mass)

    def number_of_points(self, dimension: int, chains: int) -> int:
        least = dimension + 2 if self.dense_mass else 3
        count = self.adapt_state_size
        if count is None:
            return max(2 * dimension, least + 1)
        if count < least:
            raise ValueError(
                f"SA: adapt_state_size must be at least {least} for {dimension} parameters, "
                f"got {count}"
            )
        return int(count)

    def _fit(self, points: Any) -> tuple[Any, Any]:
        """Mean and lower factor of the covariance (or standard deviations) of points."""
        mean = bnp.mean(points, axis=0)
        apart = points - mean
        if not self.dense_mass:
            return mean, bnp.sqrt(bnp.mean(apart**2, axis=0))
        cov = bnp.matmul(apart.T, apart) / points.shape[0]
        return mean, bnp.linalg.cholesky(cov)

    def _log_density(self, points: Any, x: Any) -> Any:
        """Of x under the normal fitted to points, without the constant."""
        mean, scale = self._fit(points)
        if not self.dense_mass:
            e = (x - mean) / scale
            return -0.5 * bnp.sum(e * e) - bnp.sum(bnp.log(scale))
        e = solve_triangular(scale, x - mean, lower=True)
        return -0.5 * bnp.sum(e * e) - bnp.sum(bnp.log(bnp.diagonal(scale)))

    def move(self, potential: Any, state: WalkState, key: Any, adapting: Any) -> WalkState:
        keys = random.split(key, 3)
        points, values = state.points, state.values
        n, dimension = points.shape
        mean, scale = self._fit(points)
        e = random.normal(keys[0], (dimension,))
        new = mean + (bnp.matmul(scale, e) if self.dense_mass else scale * e)
        value = potential(new[None])[0]
        value = bnp.where(bnp.isnan(value), bnp.inf, value)
        all_points = bnp.concatenate([points, new[None]])
        all_values = bnp.concatenate([values, value[None]])
        others = np.array([[j for j in range(n + 1) if j != k] for k in range(n + 1)])
        proposed = vmap(lambda rest, x: self._log_density(all_points[rest], x))(others, all_points)
        weights = proposed + all_values  # drop k in proportion to q(k | others) / p(k)
        # a point without density is dropped for certain: inf is the whole weight
        weights = bnp.where(bnp.isinf(all_values), 1e300, weights)
        drop = random.categorical(keys[1], weights)
        points = bnp.where((bnp.arange(n) == drop)[:, None], new, points)
        values = bnp.where(bnp.arange(n) == drop, value, values)
        which = random.randint(keys[2], (), 0, n)
        return state._replace(
            z=self.position(points, which), points=points, values=values,
            potential_energy=values[which], num_steps=bnp.asarray(1),
            accept_prob=1.0 * (drop < n),
        )  # fmt: skip
