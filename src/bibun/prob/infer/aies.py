"""The affine invariant ensemble sampler: stretch moves and differential evolution.

Sources: Goodman and Weare (2010); ter Braak (2006); names are NumPyro's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import bibun.numpy as bnp
from bibun import random
from bibun.prob.infer.ensemble import EnsembleKernel, distinct_pairs
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.infer.walk import WalkState

Move = Callable[[Any, Any, Any], tuple[Any, Any]]


class AIES(EnsembleKernel):
    """Affine Invariant Ensemble Sampler: no gradients, no tuning.

    `moves`: move -> probability, of `AIES.DEMove()` and `AIES.StretchMove()` (default: half
    each); a move maps (key, active, others) to (proposals, log factor of the acceptance).
    `randomize_split`: part the walkers anew each time. Errors: ValueError for an odd number of
    chains, or another `chain_method` than "vectorized".

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import AIES, MCMC
    >>> def model():
    ...     prob.sample("x", dist.Normal(0.0, 1.0))
    >>> mcmc = MCMC(AIES(model), 50, 50, num_chains=10, chain_method="vectorized",
    ...             progress_bar=False)
    >>> mcmc.run(0)
    >>> mcmc.get_samples(group_by_chain=True)["x"].shape
    (10, 50)
    """

    def __init__(
        self,
        model: Callable[..., Any] | None = None,
        potential_fn: Callable[[Any], Any] | None = None,
        randomize_split: bool = False,
        moves: Mapping[Move, float] | None = None,
        init_strategy: Callable[..., Any] = init_to_uniform,
    ) -> None:
        if moves is None:
            moves = {AIES.DEMove(): 0.5, AIES.StretchMove(): 0.5}
        super().__init__(model, potential_fn, randomize_split, moves, init_strategy)

    @staticmethod
    def DEMove(sigma: float = 1e-5, g0: float | None = None) -> Move:
        """Differential evolution: a step along the difference of two other walkers.

        `g0`: its length (2.38 / sqrt(2 d) by default), `sigma`: the spread of the length.
        """

        def de_move(key: Any, active: Any, others: Any) -> tuple[Any, Any]:
            keys = random.split(key)
            count, dimension = active.shape
            i, j = distinct_pairs(keys[0], count, others.shape[0])
            mean = 2.38 / math.sqrt(2.0 * dimension) if g0 is None else g0
            length = mean * (1.0 + sigma * random.normal(keys[1], (count, 1)))
            return active + length * (others[i] - others[j]), bnp.zeros(count)

        return de_move

    @staticmethod
    def StretchMove(a: float = 2.0) -> Move:
        """A step on the line through another walker, stretched by up to `a`.

        Source: Goodman and Weare (2010), section 3.
        """
        if not a > 1:
            raise ValueError(f"StretchMove: a must be greater than 1, got {a}")

        def stretch_move(key: Any, active: Any, others: Any) -> tuple[Any, Any]:
            keys = random.split(key)
            count, dimension = active.shape
            u = random.uniform(keys[0], (count,))
            stretch = ((a - 1.0) * u + 1.0) ** 2 / a
            pivot = others[random.randint(keys[1], (count,), 0, others.shape[0])]
            proposal = pivot + stretch[:, None] * (active - pivot)
            return proposal, (dimension - 1.0) * bnp.log(stretch)

        return stretch_move

    def half(
        self, potential: Any, key: Any, active: Any, values: Any, others: Any, state: WalkState
    ) -> tuple[Any, Any, Any, Any]:
        keys = random.split(key, 3)
        proposal, factor = self.chosen(
            keys[0], [lambda m=m: m(keys[1], active, others) for m in self.moves]
        )
        now = potential(proposal)
        log_ratio = values - now + factor
        log_ratio = bnp.where(bnp.isnan(log_ratio), -bnp.inf, log_ratio)
        take = bnp.log(random.uniform(keys[2], log_ratio.shape)) < log_ratio
        accept = bnp.mean(bnp.exp(bnp.minimum(log_ratio, 0.0)))
        return (
            bnp.where(take[:, None], proposal, active), bnp.where(take, now, values), accept, None
        )  # fmt: skip
