"""Ensemble slice sampling: slices along directions that the other walkers give.

Along its direction each walker steps out to an interval that holds the slice, and shrinks it to
a point inside (Neal 2003), so nothing is ever rejected. The interval's first length is tuned
in warmup until as many steps go out as come in.

Sources: Karamanis and Beutler (2020), "Ensemble slice sampling"; names are NumPyro's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bibun.numpy as bnp
from bibun import lax, random
from bibun.prob.infer.ensemble import EnsembleKernel, distinct_pairs
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.infer.walk import Tuning, WalkState

Move = Callable[[Any, Any, Any], Any]


class ESS(EnsembleKernel):
    """Ensemble Slice Sampling: no gradients, nothing rejected.

    `moves`: move -> probability, of `ESS.DifferentialMove()` (the default), `RandomMove()`,
    `GaussianMove()`, `KDEMove()`; a move maps (key, others, mu) to one direction a walker.
    `max_steps`: of stepping out, each way; `max_iter`: of shrinking. `init_mu`, `tune_mu`: the
    first length of the interval, and whether warmup tunes it.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import ESS, MCMC
    >>> def model():
    ...     prob.sample("x", dist.Normal(0.0, 1.0))
    >>> mcmc = MCMC(ESS(model), 50, 50, num_chains=10, chain_method="vectorized",
    ...             progress_bar=False)
    >>> mcmc.run(0)
    >>> mcmc.get_samples()["x"].shape
    (500,)
    """

    def __init__(
        self,
        model: Callable[..., Any] | None = None,
        potential_fn: Callable[[Any], Any] | None = None,
        randomize_split: bool = True,
        moves: Mapping[Move, float] | None = None,
        max_steps: int = 10_000,
        max_iter: int = 10_000,
        init_mu: float = 1.0,
        tune_mu: bool = True,
        init_strategy: Callable[..., Any] = init_to_uniform,
    ) -> None:
        if moves is None:
            moves = {ESS.DifferentialMove(): 1.0}
        super().__init__(model, potential_fn, randomize_split, moves, init_strategy)
        if not init_mu > 0:
            raise ValueError(f"init_mu must be positive, got {init_mu}")
        self.max_steps = int(max_steps)
        self.max_iter = int(max_iter)
        self.first_step = float(init_mu)
        self.tune_mu = bool(tune_mu)

    @staticmethod
    def RandomMove() -> Move:
        """Directions drawn uniformly from the sphere."""

        def random_move(key: Any, others: Any, mu: Any) -> Any:
            d = random.normal(key, others.shape)
            return 2.0 * mu * d / bnp.linalg.norm(d, axis=-1, keepdims=True)

        return random_move

    @staticmethod
    def DifferentialMove() -> Move:
        """Differences of two of the other walkers."""

        def differential_move(key: Any, others: Any, mu: Any) -> Any:
            i, j = distinct_pairs(key, others.shape[0], others.shape[0])
            return 2.0 * mu * (others[i] - others[j])

        return differential_move

    @staticmethod
    def GaussianMove() -> Move:
        """Directions from a normal with the other walkers' covariance."""

        def gaussian_move(key: Any, others: Any, mu: Any) -> Any:
            count = others.shape[0]
            spread = (others - bnp.mean(others, axis=0)) / count**0.5
            # a weighted sum of deviations has their covariance, and needs no factor of it
            return 2.0 * mu * bnp.matmul(random.normal(key, (count, count)), spread)

        return gaussian_move

    @staticmethod
    def KDEMove(bw_method: Any = None) -> Move:
        """Differences of two draws from a kernel density estimate of the other walkers.

        `bw_method`: "scott" (default), "silverman" or a number, as in SciPy's `gaussian_kde`.
        """
        if not (bw_method in (None, "scott", "silverman") or isinstance(bw_method, int | float)):
            raise ValueError(
                f"KDEMove: bw_method must be 'scott', 'silverman' or a number, got {bw_method!r}"
            )

        def kde_move(key: Any, others: Any, mu: Any) -> Any:
            count, dimension = others.shape
            if bw_method in (None, "scott"):
                width = count ** (-1.0 / (dimension + 4))
            elif bw_method == "silverman":
                width = (count * (dimension + 2) / 4.0) ** (-1.0 / (dimension + 4))
            else:
                width = float(bw_method)
            keys = random.split(key, 3)
            i, j = distinct_pairs(keys[0], count, count)
            spread = (others - bnp.mean(others, axis=0)) / count**0.5
            noise = [bnp.matmul(random.normal(k, (count, count)), spread) for k in keys[1:]]
            return 2.0 * mu * (others[i] - others[j] + width * (noise[0] - noise[1]))

        return kde_move

    def half(
        self, potential: Any, key: Any, active: Any, values: Any, others: Any, state: WalkState
    ) -> tuple[Any, Any, Any, Any]:
        keys = random.split(key, 4)
        mu = state.adapt_state.step_size
        eta = self.chosen(keys[0], [lambda m=m: m(keys[1], others, mu) for m in self.moves])
        count = active.shape[0]
        level = values - bnp.log(random.uniform(keys[2], (count,)))  # the slice: potential < level
        u = random.uniform(keys[3], (count, 2))

        def inside(t: Any) -> tuple[Any, Any]:
            v = potential(active + t[:, None] * eta)
            return v < level, v

        # all walkers step at once; one that is done stays where it is
        def out(side: float, start: Any, limit: Any) -> tuple[Any, Any]:
            def more(s: Any) -> Any:
                return bnp.any(s[2])

            def step(s: Any) -> Any:
                end, left, going = s
                going = going & inside(end)[0] & (left > 0)
                return end + side * going, left - going, going

            end, left, _ = lax.while_loop(more, step, (start, limit, bnp.ones(count, dtype=bool)))
            return end, bnp.sum(limit - left)

        steps = bnp.floor(self.max_steps * u[:, 1]).astype(int)
        low, grown_low = out(-1.0, -u[:, 0], steps)
        high, grown_high = out(1.0, 1.0 - u[:, 0], self.max_steps - 1 - steps)

        def shrinking(s: Any) -> Any:
            return bnp.any(~s[3]) & (s[5] < self.max_iter)

        def shrink(s: Any) -> Any:
            low, high, t, done, key, k, now, shrunk = s
            key, draw = random.split(key)
            new = low + (high - low) * random.uniform(draw, (count,))
            t = bnp.where(done, t, new)
            ok, v = inside(t)
            now = bnp.where(~done & ok, v, now)
            failed = ~done & ~ok
            low = bnp.where(failed & (t < 0), t, low)
            high = bnp.where(failed & (t >= 0), t, high)
            return low, high, t, done | ok, key, k + 1, now, shrunk + bnp.sum(failed)

        none = bnp.zeros(count, dtype=bool)
        _, _, t, done, _, _, now, shrunk = lax.while_loop(
            shrinking, shrink,
            (low, high, bnp.zeros(count), none, keys[1], bnp.asarray(0), values, bnp.asarray(0)),
        )  # fmt: skip
        t = bnp.where(done, t, 0.0)  # out of patience: stay
        return active + t[:, None] * eta, now, bnp.mean(done * 1.0), (
            grown_low + grown_high, shrunk
        )  # fmt: skip

    def tuned(self, state: WalkState, notes: list[Any], adapting: Any) -> Any:
        """mu -> 2 mu N_out / (N_out + N_in), until the two balance."""
        if not self.tune_mu:
            return state.adapt_state
        grown = bnp.maximum(notes[0][0] + notes[1][0], 1)
        shrunk = notes[0][1] + notes[1][1]
        a = state.adapt_state
        share = grown / (grown + shrunk)
        balanced = (bnp.abs(share - 0.5) < 0.05) | (a.count < 0)
        count = bnp.where(adapting & balanced, -1.0, a.count)
        mu = bnp.where(adapting & ~balanced, a.step_size * 2.0 * share, a.step_size)
        return Tuning(mu, count)
