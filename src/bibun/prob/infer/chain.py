"""One chain: chunks of transitions in native code, and what they drew.

A chain advances in chunks. One chunk is one native call that runs `n` transitions and writes
each draw into its row; `n` is an argument, so warmup and sampling share the compiled code,
and is chosen so that a call takes about a tenth of a second: often enough for a progress bar
and for Ctrl-C, seldom enough to cost nothing. Native code holds no GIL, so chains of several
threads run side by side. After each chunk a chain marks where it is (`Chain.mark`), which is what
`checkpoint.py` stores and goes on from, and what `jobs.py` sends to other processes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun import lax
from bibun.compiler import jit
from bibun.prob.infer import checkpoint as ck
from bibun.prob.infer.hmc import HMC, HMCState, Potential
from bibun.prob.infer.progress import Progress

CHUNK = 512  # rows of a chunk's buffers
CHUNK_SECONDS = 0.1
# What is kept of each draw, by its dtype.
STATISTICS = {
    "potential_energy": np.dtype(float), "energy": np.dtype(float), "num_steps": np.dtype(int),
    "accept_prob": np.dtype(float), "diverging": np.dtype(bool), "step_size": np.dtype(float),
}  # fmt: skip


def _statistic(state: HMCState, name: str) -> Any:
    return state.adapt_state.step_size if name == "step_size" else getattr(state, name)


def make_runner(kernel: HMC, potential: Potential) -> Callable[..., Any]:
    """Compile `run(state, n, adapting, learning, data) -> (state, draws, statistics)`.

    Both have a row a draw; statistics are columns of floats, in the order of STATISTICS.
    """

    def run(state: HMCState, n: Any, adapting: Any, learning: Any, data: Any) -> Any:
        draws = bnp.zeros((CHUNK, state.z.shape[0]))
        stats = bnp.zeros((CHUNK, len(STATISTICS)))

        def density(z: Any) -> Any:
            return potential.fn(z, data)

        def body(k: Any, carry: Any) -> Any:
            state, draws, stats = carry
            state = kernel.transition(density, state, adapting, learning)
            draws = draws.at[k].set(state.z, mode="promise_in_bounds")
            row = [bnp.asarray(_statistic(state, name), dtype=float) for name in STATISTICS]
            return state, draws, stats.at[k].set(bnp.stack(row), mode="promise_in_bounds")

        return lax.fori_loop(0, n, body, (state, draws, stats))

    return jit(run)


class Plan(NamedTuple):
    """What a chain is to do: warm up, draw, and whether draws of the warmup are kept."""

    warm: bool
    sample: bool
    collect: bool


class Course(NamedTuple):
    """What all chains of a run are to do, and what they share while they do it."""

    plan: Plan
    num_warmup: int
    num_samples: int
    sampler: HMC
    runner: Callable[..., Any]  # of `make_runner`
    progress: Progress
    stop: threading.Event  # set: every chain ends after its chunk


class Chain:
    """One chain: where it is and all that it has drawn."""

    def __init__(self, number: int, mark: ck.Mark, data: Any) -> None:
        self.number = number
        self.data = data  # the model's arrays
        self.mark = mark  # replaced as a whole: other threads read it
        self.draws: list[np.ndarray] = []
        self.stats: dict[str, list[np.ndarray]] = {k: [] for k in STATISTICS}
        self.pace = 8  # draws in the next chunk
        self.divergences = 0
        self.error: BaseException | None = None

    @property
    def state(self) -> HMCState:
        return self.mark.state

    @property
    def done(self) -> int:
        return self.mark.done

    @classmethod
    def restored(cls, number: int, run: ck.Run, data: Any) -> Chain:
        """A chain as it was stored."""
        chain = cls(number, run.marks[number], data)
        if chain.done:
            chain.draws = [run.draws[number]]
            chain.stats = {k: [run.stats[number][k]] for k in STATISTICS}
            chain.divergences = int(run.stats[number]["diverging"].sum())
        return chain

    def compile(self, runner: Callable[..., Any]) -> None:
        """Have the chunk compiled for this chain's state and data, without a transition."""
        runner(self.state, 0, False, False, self.data)

    def follow(self, course: Course) -> None:
        """Go on from the mark to the end of the course, or until it is stopped."""
        if course.plan.warm:
            self._warm_up(course)
        if course.plan.sample:
            left = course.num_samples - self.done
            self._advance(course, left, adapting=False, learning=False, keep=True)

    def _warm_up(self, course: Course) -> None:
        schedule = course.sampler.windows(course.num_warmup)
        for k, (_, end, learning) in enumerate(schedule):
            if k < self.mark.window:
                continue
            left = end - self.mark.moved
            self._advance(course, left, adapting=True, learning=learning, keep=course.plan.collect)
            if course.stop.is_set():
                return
            last = end == course.num_warmup
            state = course.sampler.end_window(self.state, learned=learning, last=last)
            self.mark = self.mark._replace(state=state, window=k + 1)
        if self.mark.window == len(schedule):
            state = self.state._replace(i=bnp.asarray(0), mean_accept_prob=bnp.zeros(()))
            self.mark = self.mark._replace(state=state, window=len(schedule) + 1)

    def _advance(
        self, course: Course, left: int, *, adapting: bool, learning: bool, keep: bool
    ) -> None:
        """Run `left` transitions in chunks."""
        label = "warmup" if adapting else "sample"
        while left > 0 and not course.stop.is_set():
            n = min(self.pace, left, CHUNK)
            begin = time.perf_counter()
            state, draws, stats = course.runner(self.state, n, adapting, learning, self.data)
            spent = time.perf_counter() - begin
            left -= n
            if keep:  # copies: a view would keep all CHUNK rows of the buffer
                self.draws.append(np.asarray(draws)[:n].copy())
                for k, (name, dtype) in enumerate(STATISTICS.items()):
                    self.stats[name].append(np.asarray(stats)[:n, k].astype(dtype))
                self.divergences += int(self.stats["diverging"][-1].sum())
            at = self.mark
            self.mark = at._replace(
                state=state, moved=at.moved + n * adapting, done=at.done + n * keep
            )
            course.progress.update(self.number, n, state, self.divergences, label)
            self.pace = max(1, min(CHUNK, int(n * min(8.0, CHUNK_SECONDS / max(spent, 1e-9)))))
