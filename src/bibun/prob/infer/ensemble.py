"""Ensemble samplers: walkers that propose from where the others are.

The walkers are parted in two halves, and each half moves given the other. As proposals are
built from the other half's positions alone, every move is a valid step for the product of all
walkers' densities, and no scale or covariance has to be tuned: whatever linear map stretches
the target stretches the proposals as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import lax, random
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.infer.walk import WalkKernel, WalkState


class EnsembleKernel(WalkKernel):
    """Base class of AIES and ESS. `moves`: move -> its probability.

    Needs `MCMC(..., chain_method="vectorized")` with an even number of chains, at least 4 (a move
    takes differences of two walkers of the other half); twice the number of parameters or more
    is advisable.
    """

    is_ensemble = True

    def __init__(
        self,
        model: Callable[..., Any] | None,
        potential_fn: Callable[[Any], Any] | None,
        randomize_split: bool,
        moves: Mapping[Any, float],
        init_strategy: Callable[..., Any] = init_to_uniform,
    ) -> None:
        super().__init__(model, potential_fn, init_strategy)
        weights = np.array(list(moves.values()), dtype=float)
        if not len(weights) or np.any(weights < 0) or not weights.sum() > 0:
            raise ValueError(f"moves must map moves to weights with a positive sum, got {moves!r}")
        if not all(callable(m) for m in moves):
            raise ValueError(f"moves: each must be callable, got {list(moves)!r}")
        self.moves = tuple(moves)
        self.weights = tuple(weights / weights.sum())
        self.randomize_split = bool(randomize_split)

    def number_of_points(self, dimension: int, chains: int) -> int:
        if chains < 4 or chains % 2:
            raise ValueError(
                f"{type(self).__name__} moves its walkers in two halves of two or more: num_chains "
                f"must be even and at least 4, got {chains}"
            )
        return chains

    def chosen(self, key: Any, branches: list[Callable[[], Any]]) -> Any:
        """The result of one branch, drawn by the moves' weights."""
        if len(branches) == 1:
            return branches[0]()
        which = random.choice(key, len(branches), p=bnp.asarray(self.weights))
        return lax.switch(which, branches)

    def half(
        self, potential: Any, key: Any, active: Any, values: Any, others: Any, state: WalkState
    ) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        """Move one half: points, potentials, acceptance, and what tuning needs."""
        raise NotImplementedError

    def tuned(self, state: WalkState, notes: list[Any], adapting: Any) -> Any:
        """The tuning after a move."""
        return state.adapt_state

    def move(self, potential: Any, state: WalkState, key: Any, adapting: Any) -> WalkState:
        keys = random.split(key, 3)
        n = state.points.shape[0]
        order = bnp.arange(n)
        if self.randomize_split:
            order = random.permutation(keys[2], n)
        points, values = state.points[order], state.values[order]
        first, second, notes, accepts = slice(0, n // 2), slice(n // 2, n), [], []
        for k, (mine, other) in enumerate(((first, second), (second, first))):
            moved, now, accept, note = self.half(
                potential, keys[k], points[mine], values[mine], points[other], state
            )
            points, values = points.at[mine].set(moved), values.at[mine].set(now)
            notes.append(note)
            accepts.append(accept)
        points = bnp.zeros_like(points).at[order].set(points)
        values = bnp.zeros_like(values).at[order].set(values)
        return state._replace(
            z=self.position(points, 0), points=points, values=values,
            potential_energy=bnp.sum(values), num_steps=bnp.asarray(1),
            accept_prob=bnp.mean(bnp.stack(accepts)),
            adapt_state=self.tuned(state, notes, adapting),
        )  # fmt: skip


def distinct_pairs(key: Any, count: int, n: int) -> tuple[Any, Any]:
    """`count` pairs of different indices below n."""
    keys = random.split(key)
    i = random.randint(keys[0], (count,), 0, n)
    j = random.randint(keys[1], (count,), 0, n - 1)
    return i, j + (j >= i)
