"""Barker's proposal: a random walk that leans downhill.

Each coordinate draws a step from a normal and keeps or flips its sign with probability
expit(-step * gradient). One gradient a draw, as Langevin's algorithm, but steps that are too
long, or gradients that are huge, flip signs instead of flying off: robust where HMC's step
size is hard to tune.

Source: Livingstone and Zanella, "The Barker proposal" (2022), algorithm 1 and section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bibun.numpy as bnp
from bibun import random
from bibun.prob.distributions.transforms import softplus
from bibun.prob.infer import trajectory as tr
from bibun.prob.infer.hmc import HMC, HMCState
from bibun.prob.infer.initialization import init_to_uniform
from bibun.scipy.special import expit
from bibun.transforms import value_and_grad


class BarkerMH(HMC):
    """Metropolis-Hastings with Barker's proposal, its step size and scales adapted in warmup.

    `step_size`: the proposal's standard deviation, relative to the adapted scales. The other
    options are those of `HMC`.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import MCMC, BarkerMH
    >>> def model():
    ...     prob.sample("x", dist.Normal(0.0, 1.0))
    >>> mcmc = MCMC(BarkerMH(model), num_warmup=100, num_samples=100, progress_bar=False)
    >>> mcmc.run(0)
    >>> mcmc.get_samples()["x"].shape
    (100,)
    """

    def __init__(
        self,
        model: Callable[..., Any] | None = None,
        potential_fn: Callable[[Any], Any] | None = None,
        step_size: float = 1.0,
        adapt_step_size: bool = True,
        adapt_mass_matrix: bool = True,
        dense_mass: bool = False,
        target_accept_prob: float = 0.4,
        init_strategy: Callable[..., Any] = init_to_uniform,
    ) -> None:
        super().__init__(
            model,
            potential_fn,
            step_size=step_size,
            adapt_step_size=adapt_step_size,
            adapt_mass_matrix=adapt_mass_matrix,
            dense_mass=dense_mass,
            target_accept_prob=target_accept_prob,
            num_steps=1,
            init_strategy=init_strategy,
            mass_matrix_from="draws",  # the scales of a random walk are those of the marginals
        )

    def _transition(
        self, potential: Callable[[Any], Any], state: HMCState, key: Any
    ) -> tuple[tr.Proposal, Any, Any, Any]:
        metric, step = state.adapt_state.metric, state.adapt_state.step_size
        keys = random.split(key, 3)
        # with the covariance L Lᵀ: moves are L e, and gradients with respect to e are Lᵀ g
        e = step * random.normal(keys[0], state.z.shape)
        slope = metric.pull(state.z_grad)
        flip = random.uniform(keys[1], state.z.shape) >= expit(-e * slope)
        e = bnp.where(flip, -e, e)
        z = state.z + metric.push(e)
        value, grad = value_and_grad(potential)(z)
        back = metric.pull(grad)
        log_ratio = state.potential_energy - value
        log_ratio = log_ratio + bnp.sum(softplus(e * slope) - softplus(-e * back))
        log_ratio = bnp.where(bnp.isnan(log_ratio), -bnp.inf, log_ratio)
        accept = bnp.exp(bnp.minimum(log_ratio, 0.0))
        take = random.uniform(keys[2]) < accept
        there = tr.Proposal(z, grad, value, value)
        here = tr.Proposal(state.z, state.z_grad, *2 * (state.potential_energy,))
        return tr.choose(take, there, here), bnp.asarray(1), accept, bnp.asarray(False)
