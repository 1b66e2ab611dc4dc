"""What samplers without gradients share: their state, and their place in `MCMC`.

Such a kernel keeps a set of points, an *ensemble*: the walkers of AIES and ESS, the points that
SA proposes from. A kernel whose walkers are the chains themselves is an ensemble kernel:
`MCMC` runs it as one chain whose position is all walkers end to end, and takes them apart at the
end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun import random
from bibun.compiler import jit
from bibun.prob.infer.hmc import Potential
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.infer.util import FlatModel, find_valid_initial, split_arguments
from bibun.transforms import vmap


class Tuning(NamedTuple):
    """What warmup learns: one length, and how often it has been looked at."""

    step_size: Any
    count: Any


class WalkState(NamedTuple):
    """The state of a chain; `points` (n, d) and their potentials `values` (n,) are its ensemble."""

    i: Any
    z: Any
    potential_energy: Any
    energy: Any
    num_steps: Any
    accept_prob: Any
    mean_accept_prob: Any
    diverging: Any
    adapt_state: Tuning
    rng_key: Any
    points: Any
    values: Any


class WalkKernel:
    """Base class. Subclasses write `start` and `move`.

    `model` or `potential_fn`, and `init_strategy`: as for HMC.
    """

    is_ensemble = False  # whether the walkers are the chains
    state_type = WalkState
    num_walkers = 1  # set by MCMC for an ensemble: its number of chains

    def __init__(
        self,
        model: Callable[..., Any] | None,
        potential_fn: Callable[[Any], Any] | None,
        init_strategy: Callable[..., Any] = init_to_uniform,
    ) -> None:
        if (model is None) == (potential_fn is None):
            raise ValueError("give exactly one of `model` and `potential_fn`")
        self.model = model
        self.potential_fn = potential_fn
        self.init_strategy = init_strategy
        self.flat: FlatModel | None = None

    # subclasses -------------------------------------------------------------------------------

    def number_of_points(self, dimension: int, chains: int) -> int:
        """How many points the ensemble has."""
        return chains

    def move(
        self, potential: Callable[[Any], Any], state: WalkState, key: Any, adapting: Any
    ) -> WalkState:
        """One transition; `potential` is of all points of an (m, d) array."""
        raise NotImplementedError

    # what MCMC asks for -----------------------------------------------------------------------

    def setup(self, rng_key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Potential:
        """The potential as a function of (vector, data arrays)."""
        if self.potential_fn is not None:
            fn = self.potential_fn
            return _Summed(lambda z, data: fn(z), [], None, (self.num_walkers, -1))
        flat = self.flat = FlatModel(self.model, args, kwargs, rng_key)  # type: ignore[arg-type]
        data, potential, constrain = flat.functions(args, kwargs)
        return _Summed(potential, data, constrain, (-1, flat.dimension))

    def renew(self, potential: Potential, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Other data of the same structure and shapes."""
        if self.flat is not None:
            self.flat.args, self.flat.kwargs = tuple(args), dict(kwargs)
            potential.data = split_arguments(args, kwargs)[0]

    def windows(self, num_warmup: int) -> list[tuple[int, int, bool]]:
        """Warmup is one window: nothing is changed between native calls."""
        return [(0, num_warmup, False)] if num_warmup else []

    def end_window(self, state: WalkState, learned: bool, last: bool) -> WalkState:
        return state

    def init(self, potential: Potential, rng_key: Any, init_params: Any = None) -> WalkState:
        """Valid points to start from: given ones (one, or all of them), or by `init_strategy`."""
        keys = random.split(rng_key, 3)
        value_and_grad = potential.value_and_grad()
        if init_params is not None:
            points = np.atleast_2d(np.asarray(init_params, dtype=float))
        elif self.flat is None:
            raise ValueError("with potential_fn, run(...) needs init_params")
        else:
            points = np.zeros((0, self.flat.dimension))
        dimension = points.shape[1]
        wanted = self.number_of_points(dimension, self.num_walkers)
        if self.flat is not None:
            found = [
                np.asarray(
                    find_valid_initial(
                        self.flat, value_and_grad, self.init_strategy, random.fold_in(keys[0], k)
                    )[0]
                )
                for k in range(len(points), wanted)
            ]
            points = np.concatenate([points, np.reshape(found, (-1, dimension))])
        elif len(points) < wanted:  # a cloud around what was given
            cloud = np.asarray(random.normal(keys[0], (wanted - len(points), dimension)))
            points = np.concatenate([points, points[0] + cloud])
        values = np.asarray(jit(vmap(lambda z: potential.fn(z, potential.data)))(points))
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            k = int(bad[0])
            why = f"\n{self.flat.report(bnp.asarray(points[k]))}" if self.flat is not None else ""
            raise RuntimeError(f"starting point {k} of {wanted} has potential {values[k]}{why}")
        points, zero = bnp.asarray(points), bnp.zeros(())
        z = self.position(points, 0)
        total = bnp.asarray(values.sum() if self.is_ensemble else values[0])
        return WalkState(
            bnp.asarray(0), z, total, zero, bnp.asarray(0), zero, zero,
            bnp.asarray(False), Tuning(bnp.asarray(self.first_step), bnp.asarray(0.0)), keys[1],
            points, bnp.asarray(values),
        )  # fmt: skip

    first_step = 1.0

    def position(self, points: Any, which: Any) -> Any:
        """What of the ensemble is the draw: all of it, or one point."""
        return bnp.reshape(points, (-1,)) if self.is_ensemble else points[which]

    def transition(
        self, potential: Callable[[Any], Any], state: WalkState, adapting: Any, learning: Any
    ) -> WalkState:
        """One draw, with the bookkeeping of it."""
        next_key, key = random.split(state.rng_key)
        moved = self.move(vmap(potential), state, key, adapting)
        i = state.i + 1
        mean = state.mean_accept_prob + (moved.accept_prob - state.mean_accept_prob) / i
        return moved._replace(
            i=i, mean_accept_prob=mean, rng_key=next_key, energy=moved.potential_energy
        )


class _Summed(Potential):
    """A potential of one point, that can also be asked for the sum of several end to end."""

    def __init__(self, fn: Any, data: list[Any], constrain: Any, rows: tuple[int, int]) -> None:
        super().__init__(fn, data, constrain)
        self.rows = rows

    def value_and_grad(self) -> Callable[[Any], tuple[Any, Any]]:
        one = super().value_and_grad()

        def total(z: Any) -> tuple[Any, Any]:
            pairs = [one(row) for row in bnp.reshape(bnp.asarray(z), self.rows)]
            values, grads = zip(*pairs, strict=True)
            return bnp.sum(bnp.stack(values)), bnp.concatenate(grads)

        return total
