"""Mixed HMC: discrete elements change in the middle of a trajectory.

Each discrete element has a kinetic energy, exponentially distributed. At random times on the
way of an HMC trajectory one of them meets a wall: a new value is proposed, and taken if its
kinetic energy pays for the rise of the potential, which it does without loss. So only the
leapfrog's error is left to accept or reject at the end, and continuous and discrete parameters
move together over long trajectories.

Source: Zhou, "Mixed Hamiltonian Monte Carlo for mixed discrete and continuous variables"
(NeurIPS 2020), algorithm 1 with Laplace momenta; names are NumPyro's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import bibun.numpy as bnp
from bibun import lax, random
from bibun.prob.infer import trajectory as tr
from bibun.prob.infer.discrete_gibbs import DiscreteKernel
from bibun.prob.infer.hmc import HMC, NUTS, HMCState
from bibun.transforms import value_and_grad


class MixedHMC(DiscreteKernel):
    """HMC whose trajectories update discrete sites on their way.

    `inner_kernel`: an HMC (not NUTS). `num_discrete_updates`: in a trajectory; by default one for
    each discrete element. `random_walk`, `modified`: the proposals, as for
    `DiscreteHMCGibbs`.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import HMC, MCMC, MixedHMC
    >>> def model():
    ...     z = prob.sample("z", dist.Bernoulli(0.7))
    ...     prob.sample("x", dist.Normal(3.0 * z, 1.0))
    >>> kernel = MixedHMC(HMC(model, trajectory_length=1.2), num_discrete_updates=5)
    >>> mcmc = MCMC(kernel, 100, 100, progress_bar=False)
    >>> mcmc.run(0)
    >>> sorted(mcmc.get_samples())
    ['x', 'z']
    """

    def __init__(
        self,
        inner_kernel: HMC,
        *,
        num_discrete_updates: int | None = None,
        random_walk: bool = False,
        modified: bool = False,
    ) -> None:
        super().__init__(inner_kernel, random_walk=random_walk, modified=modified)
        if isinstance(inner_kernel, NUTS):
            raise TypeError("MixedHMC: inner_kernel must be HMC, whose trajectories have a length")
        if num_discrete_updates is not None and num_discrete_updates < 1:
            raise ValueError(f"num_discrete_updates must be at least 1, got {num_discrete_updates}")
        self.num_discrete_updates = num_discrete_updates

    def transition(
        self, potential: Callable[[Any], Any], state: HMCState, adapting: Any, learning: Any
    ) -> HMCState:
        mine, part = self.split(state.z)
        parts: list[Any] = []

        def trajectory(_: Any, state: HMCState, key: Any) -> Any:
            *moved, new = self._trajectory(potential, state, part, key)
            parts.append(new)
            return moved

        inner = copy.copy(self.inner)
        inner._transition = trajectory  # type: ignore[method-assign]
        state = inner.transition(potential, state._replace(z=mine), adapting, learning)
        return state._replace(z=bnp.concatenate([state.z, parts[0]]))

    def _trajectory(self, potential: Any, state: HMCState, part: Any, key: Any) -> Any:
        """(where it ends, steps, acceptance, diverging, discrete part)."""
        metric, step = state.adapt_state.metric, state.adapt_state.step_size
        keys = random.split(key, 6)
        n = part.shape[0]
        updates = n if self.num_discrete_updates is None else int(self.num_discrete_updates)
        if self.inner.num_steps is not None:
            length = step * self.inner.num_steps
        else:
            length = bnp.asarray(self.inner.trajectory_length)
        # times and elements have the same law in either direction of time
        times = bnp.sort(random.uniform(keys[0], (updates,))) * length
        if updates <= n:
            elements = random.permutation(keys[1], n)[:updates]
        else:
            elements = random.randint(keys[1], (updates,), 0, n)
        funds = random.exponential(keys[2], (n,))
        start = tr.launch(metric, state.z, state.z_grad, keys[3])

        def fly(carry: Any, span: Any, part: Any) -> Any:
            point, value, grad, error, count = carry
            steps = bnp.maximum(1, bnp.ceil(span / step)).astype(int)
            before = value + tr.kinetic(metric, point.r)

            def conditional(z: Any) -> Any:
                return potential(bnp.concatenate([z, part]))

            def leap(_: Any, s: Any) -> Any:
                return tr.leapfrog(conditional, metric, span / steps, s[0])

            point, value, grad = lax.fori_loop(0, steps, leap, (point, value, grad))
            error = error + value + tr.kinetic(metric, point.r) - before
            return point, value, grad, error, count + steps

        def update(i: Any, carry: Any) -> Any:
            flight, part, funds, last = carry
            point, value, _, error, count = fly(flight, times[i] - last, part)
            k = elements[i]

            def density(part: Any) -> Any:
                return potential(bnp.concatenate([point.z, part]))

            new, now, factor = self.step_element(
                density, part, value, k, random.fold_in(keys[4], i)
            )
            rise = now - value - factor
            pays = funds[k] > rise  # false for nan
            part = bnp.where(pays, new, part)
            funds = funds.at[k].add(bnp.where(pays, -rise, 0.0))
            value, grad = value_and_grad(lambda z: potential(bnp.concatenate([z, part])))(point.z)
            point = point._replace(slope=metric.pull(grad))
            return (point, value, grad, error, count), part, funds, times[i]

        zero = bnp.zeros(())
        flight = start, state.potential_energy, state.z_grad, zero, bnp.asarray(0)
        flight, new, _, last = lax.fori_loop(0, updates, update, (flight, part, funds, zero))
        end, value, grad, error, count = fly(flight, length - last, new)
        error = bnp.where(bnp.isnan(error), bnp.inf, error)
        accept = bnp.minimum(1.0, bnp.exp(-error))
        take = random.uniform(keys[5]) < accept
        energy0 = state.potential_energy + tr.kinetic(metric, start.r)
        there = tr.Proposal(end.z, grad, value, value + tr.kinetic(metric, end.r))
        here = tr.Proposal(state.z, state.z_grad, state.potential_energy, energy0)
        return (
            tr.choose(take, there, here), count, accept, error > tr.DIVERGENCE,
            bnp.where(take, new, part),
        )  # fmt: skip
