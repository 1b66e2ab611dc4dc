"""Running chains: many transitions in one native call, a thread per chain.

A chain advances in chunks. One chunk is one native call that runs `n` transitions and writes
each draw into its row; `n` is an argument, so warmup and sampling share the compiled code,
and is chosen so that a call takes about a tenth of a second: often enough for a progress bar
and for Ctrl-C, seldom enough to cost nothing. Chains run in threads; native code holds no
GIL. Ctrl-C stops all chains after their chunk and keeps the draws made so far. After each
chunk a chain marks where it is, which is what `checkpoint.py` stores and goes on from.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import lax, random, tree
from bibun.compiler import jit
from bibun.prob.infer import checkpoint as ck
from bibun.prob.infer.hmc import HMC, HMCState, Potential
from bibun.prob.infer.progress import Progress
from bibun.transforms import vmap

CHUNK = 512  # rows of a chunk's buffers
CHUNK_SECONDS = 0.1
STATISTICS = (
    "potential_energy", "energy", "num_steps", "accept_prob", "diverging", "step_size",
)  # fmt: skip


def _statistic(state: HMCState, name: str) -> Any:
    return state.adapt_state.step_size if name == "step_size" else getattr(state, name)


def make_runner(kernel: HMC, potential: Potential) -> Callable[..., Any]:
    """Compile `run(state, n, adapting, learning, data) -> (state, draws, statistics)`."""

    def run(state: HMCState, n: Any, adapting: Any, learning: Any, data: Any) -> Any:
        dimension = state.z.shape[0]
        draws = bnp.zeros((CHUNK, dimension))
        stats = {
            k: bnp.zeros((CHUNK,), dtype=np.asarray(_statistic_dtype(k)).dtype) for k in STATISTICS
        }

        def density(z: Any) -> Any:
            return potential.fn(z, data)

        def body(k: Any, carry: Any) -> Any:
            state, draws, stats = carry
            state = kernel.transition(density, state, adapting, learning)
            draws = draws.at[k].set(state.z, mode="promise_in_bounds")
            stats = {
                name: rows.at[k].set(
                    bnp.asarray(_statistic(state, name)).astype(rows.dtype),
                    mode="promise_in_bounds",
                )
                for name, rows in stats.items()
            }
            return state, draws, stats

        return lax.fori_loop(0, n, body, (state, draws, stats))

    return jit(run)


def _statistic_dtype(name: str) -> Any:
    return {"num_steps": 0, "diverging": False}.get(name, 0.0)


class Chain:
    """One chain: its state and all that it has drawn."""

    def __init__(self, number: int, state: HMCState) -> None:
        self.number = number
        self.mark = ck.Mark(state)  # where it is; replaced as a whole
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
    def restored(cls, number: int, run: ck.Run) -> Chain:
        """A chain as it was stored."""
        chain = cls(number, run.marks[number].state)
        chain.mark = run.marks[number]
        if chain.done:
            chain.draws = [run.draws[number]]
            chain.stats = {k: [run.stats[number][k]] for k in STATISTICS}
            chain.divergences = int(run.stats[number]["diverging"].sum())
        return chain


class MCMC:
    """Run a sampler: warmup, draws, several chains.

    `num_warmup`, `num_samples`: per chain. `thinning`: keep one draw of so many, so
    num_samples // thinning in all.
    `chain_method`: "parallel" (a thread per chain) or "sequential". `progress_bar`: draws done,
    step size, divergences and acceptance while it runs.

    The names and results are NumPyro's: `run`, `get_samples`, `get_extra_fields`,
    `print_summary`, `post_warmup_state`, `last_state`.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import MCMC, NUTS
    >>> def model():
    ...     prob.sample("x", dist.Normal(0.0, 1.0))
    >>> mcmc = MCMC(NUTS(model), num_warmup=100, num_samples=100, num_chains=2,
    ...             progress_bar=False)
    >>> mcmc.run(0)
    >>> mcmc.get_samples(group_by_chain=True)["x"].shape
    (2, 100)
    """

    def __init__(
        self,
        sampler: HMC,
        num_warmup: int,
        num_samples: int,
        num_chains: int = 1,
        thinning: int = 1,
        postprocess_fn: Callable[..., Any] | None = None,
        chain_method: str = "parallel",
        progress_bar: bool = True,
        jit_model_args: bool = True,
    ) -> None:
        for name, value, least in (
            ("num_warmup", num_warmup, 0), ("num_samples", num_samples, 1),
            ("num_chains", num_chains, 1), ("thinning", thinning, 1),
        ):  # fmt: skip
            if not isinstance(value, int | np.integer) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
        if chain_method not in ("parallel", "sequential", "vectorized"):
            raise ValueError(
                "chain_method must be 'parallel', 'sequential' or 'vectorized', "
                f"got {chain_method!r}"
            )
        self.sampler = sampler
        self._groups = int(num_chains)  # chains that run by themselves
        if getattr(sampler, "is_ensemble", False):
            if chain_method != "vectorized":
                raise ValueError(
                    f"{type(sampler).__name__} moves all chains together: it needs "
                    f"chain_method='vectorized', got {chain_method!r}"
                )
            sampler.num_walkers, self._groups = int(num_chains), 1  # type: ignore[attr-defined]
        self.num_warmup = int(num_warmup)
        self.num_samples = int(num_samples)
        self.num_chains = int(num_chains)
        self.thinning = int(thinning)
        self.postprocess_fn = postprocess_fn
        self.chain_method = chain_method
        self.progress_bar = progress_bar
        self.interrupted = False
        self._runners: dict[Any, tuple[Potential, Any, Any]] = {}
        self._samples: dict[str, np.ndarray] | None = None
        self._stats: dict[str, np.ndarray] = {}
        self._warmup_states: list[HMCState] | None = None
        self._last: list[HMCState] | None = None
        self._args: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        self._stop = threading.Event()

    # running --------------------------------------------------------------------------------

    def warmup(
        self, rng_key: Any, *args: Any, init_params: Any = None, collect_warmup: bool = False,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Run the warmup alone; `run` then goes on from its end."""
        self._go(
            rng_key, args, kwargs, init_params, warm=True, sample=False, collect=collect_warmup
        )

    def run(
        self, rng_key: Any, *args: Any, init_params: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool | str | os.PathLike[str] = False, checkpoint_every: float = ck.EVERY,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Warm up (unless `warmup` has, or `post_warmup_state` is set) and draw.

        `args` and `kwargs` are the model's; a second `run` warms up again.

        `rng_key`: a key or an integer seed. `init_params`: unconstrained start, a dict of
        arrays or a flat vector; with a leading chain axis for several chains.

        `checkpoint`: a directory in which the run is stored every `checkpoint_every` seconds and at
        its end; `resume=True` goes on with the run that is there, if any, and `resume=path`
        is both. However often it was killed, the draws are those of an unbroken run.

        Errors: RuntimeError if no valid starting point is found, naming the sites;
        FileExistsError if a run is stored at `checkpoint` and `resume` is not given;
        `bibun.store.CheckpointMismatchError` if that was another run.
        KeyboardInterrupt is not raised: the run ends with the draws so far and `interrupted`.
        """
        if not isinstance(resume, bool):
            checkpoint, resume = resume, True
        elif resume and checkpoint is None:
            raise ValueError("resume=True needs checkpoint=path: where the run is stored")
        if checkpoint is not None and not resume:
            ck.refuse_existing(checkpoint)
        go_on = checkpoint is not None and resume and ck.exists(checkpoint)
        self._go(
            rng_key, args, kwargs, init_params, warm=self._warmup_states is None, sample=True,
            collect=False, checkpoint=checkpoint, go_on=go_on, every=checkpoint_every,
        )  # fmt: skip

    def resume(
        self, checkpoint: str | os.PathLike[str], *args: Any,
        checkpoint_every: float = ck.EVERY, **kwargs: Any,
    ) -> None:  # fmt: skip
        """Go on with a run stored by `run(..., checkpoint=path)`, whatever ended it.

        `args` and `kwargs` are the model's, those of the stored run. `num_samples` may be greater
        than it was. The draws are bit for bit those of an unbroken run; a finished run is read
        back.

        Errors: FileNotFoundError where nothing is stored; `bibun.store.CheckpointMismatchError` if
        model, data or options differ. Another version or processor is a warning.

        >>> import tempfile
        >>> import bibun.prob as prob
        >>> import bibun.prob.distributions as dist
        >>> from bibun.prob.infer import MCMC, NUTS
        >>> def model():
        ...     prob.sample("x", dist.Normal(0.0, 1.0))
        >>> path = tempfile.mkdtemp() + "/run"
        >>> MCMC(NUTS(model), 50, 50, progress_bar=False).run(0, checkpoint=path)
        >>> mcmc = MCMC(NUTS(model), 50, 80, progress_bar=False)
        >>> mcmc.resume(path)
        >>> mcmc.get_samples()["x"].shape
        (80,)
        """
        self._go(
            None, args, kwargs, None, warm=True, sample=True, collect=False,
            checkpoint=checkpoint, go_on=True, every=checkpoint_every,
        )  # fmt: skip

    def _go(
        self, rng_key: Any, args: Any, kwargs: Any, init_params: Any, warm: bool, sample: bool,
        collect: bool, checkpoint: str | os.PathLike[str] | None = None, go_on: bool = False,
        every: float = ck.EVERY,
    ) -> None:  # fmt: skip
        key = random.PRNGKey(rng_key) if isinstance(rng_key, int | np.integer) else rng_key
        stored: ck.Run | None = None
        if checkpoint is not None:
            print_of_run = ck.fingerprint(self, args, kwargs)
            if go_on:
                stored = ck.load(checkpoint, self, print_of_run, key)
                key, warm = stored.key, stored.warm
        self._args = (args, kwargs)
        self.interrupted = False
        self._stop.clear()
        key_setup, key_chains = random.split(key)
        potential, runner = self._prepare(key_setup, args, kwargs)
        keys = random.split(key_chains, self._groups)
        if stored is not None:
            states = [m.state for m in stored.marks]
            vg = potential.value_and_grad()
            ck.check_density(stored.marks, lambda z: vg(z)[0], checkpoint)
        elif warm:
            states = [
                self.sampler.init(potential, keys[k], self._start(init_params, k))
                for k in range(self._groups)
            ]
        else:  # another key, other draws
            states = [s._replace(rng_key=keys[k]) for k, s in enumerate(self._warmup_states or [])]
        if len(states) > 1:  # compile once, before the threads ask for it at once
            runner(states[0], 0, warm, False, potential.data)
        if stored is not None:
            chains = [Chain.restored(k, stored) for k in range(self._groups)]
        else:
            chains = [Chain(k, s) for k, s in enumerate(states)]
        saver = None
        if checkpoint is not None:
            about = ck.describe(print_of_run, key, warm)
            saver = ck.Saver(checkpoint, chains, about, every, replace=go_on)
        total = (self.num_warmup if warm else 0) + (self.num_samples if sample else 0)
        with (
            Progress(total, self._groups, self.progress_bar) as progress,
            saver or contextlib.nullcontext(),
        ):
            for c in chains if stored is not None else ():
                progress.update(c.number, c.mark.moved + c.done, c.state, c.divergences, "resumed")

            def work(chain: Chain) -> None:
                try:
                    if warm:
                        self._warm(chain, runner, potential, progress, collect)
                    if sample:
                        self._draw(chain, runner, potential, progress)
                except BaseException as e:  # handed to the main thread
                    chain.error = e
                    self._stop.set()

            self._run_chains(chains, work)
        for chain in chains:
            if chain.error is not None and not isinstance(chain.error, KeyboardInterrupt):
                raise chain.error
        if not sample:
            self._warmup_states = None if self.interrupted else [c.state for c in chains]
        self._finish(chains, potential, sample or collect)
        if saver is not None:
            saver.finish()

    def _run_chains(self, chains: list[Chain], work: Callable[[Chain], None]) -> None:
        try:
            if self.chain_method == "sequential" or len(chains) == 1:
                for chain in chains:
                    if not self._stop.is_set():
                        work(chain)
            else:
                threads = [threading.Thread(target=work, args=(c,), daemon=True) for c in chains]
                for t in threads:
                    t.start()
                try:
                    for t in threads:
                        while t.is_alive():
                            t.join(0.2)
                except KeyboardInterrupt:
                    self._stop.set()
                    self.interrupted = True
                    for t in threads:
                        t.join()
        finally:
            if any(isinstance(c.error, KeyboardInterrupt) for c in chains):
                self.interrupted = True

    def _start(self, init_params: Any, k: int) -> Any:
        if init_params is None:
            return None
        flat = self.sampler.flat
        if isinstance(init_params, Mapping):
            if flat is None:
                raise TypeError("init_params must be a vector where the sampler has potential_fn")
            values = {n: np.asarray(v) for n, v in init_params.items()}
            if self._groups < self.num_chains:  # an ensemble starts with all its points
                rows = [{n: v[i] for n, v in values.items()} for i in range(self.num_chains)]
                return np.stack([np.asarray(flat.flatten(row)) for row in rows])
            if self.num_chains > 1:
                values = {n: v[k] for n, v in values.items()}
            return flat.flatten(values)
        vector = np.asarray(init_params, dtype=float)
        return vector[k] if self._groups > 1 and vector.ndim == 2 else vector

    def _prepare(self, key: Any, args: Any, kwargs: Any) -> tuple[Potential, Any]:
        """The compiled chunk for these arguments; one per structure and shapes."""
        leaves, structure = tree.flatten((args, kwargs))
        signature = tuple(
            (np.shape(x), str(x.dtype)) if hasattr(x, "dtype") else (type(x), repr(x))
            for x in leaves
        )
        found = self._runners.get((structure, signature))
        if found is None:
            potential = self.sampler.setup(key, args, kwargs)
            constrain = potential.constrain
            post = jit(vmap(constrain, in_axes=(0, None))) if constrain is not None else None
            runner = make_runner(self.sampler, potential)
            self._runners[structure, signature] = (potential, runner, post)
        else:
            potential, runner, _ = found
            self.sampler.renew(potential, args, kwargs)
        return potential, runner

    def _advance(
        self, chain: Chain, runner: Any, data: Any, count: int, adapting: bool, learning: bool,
        keep: bool, progress: Progress, label: str,
    ) -> None:  # fmt: skip
        """Run `count` transitions in chunks."""
        left = count
        while left > 0 and not self._stop.is_set():
            n = min(chain.pace, left, CHUNK)
            begin = time.perf_counter()
            state, draws, stats = runner(chain.state, n, adapting, learning, data)
            spent = time.perf_counter() - begin
            left -= n
            diverging = np.asarray(stats["diverging"])[:n]
            if keep:
                chain.draws.append(np.asarray(draws)[:n])
                for name in STATISTICS:
                    chain.stats[name].append(np.asarray(stats[name])[:n])
                chain.divergences += int(diverging.sum())
            at = chain.mark
            chain.mark = at._replace(
                state=state, moved=at.moved + n * adapting, done=at.done + n * keep
            )
            progress.update(chain.number, n, state, chain.divergences, label)
            chain.pace = max(1, min(CHUNK, int(n * min(8.0, CHUNK_SECONDS / max(spent, 1e-9)))))

    def _warm(
        self, chain: Chain, runner: Any, potential: Potential, progress: Progress, collect: bool
    ) -> None:
        schedule = self.sampler.windows(self.num_warmup)
        for k, (_, end, learning) in enumerate(schedule):
            if k < chain.mark.window:
                continue
            self._advance(
                chain, runner, potential.data, end - chain.mark.moved, True, learning, collect,
                progress, "warmup",
            )  # fmt: skip
            if self._stop.is_set():
                return
            last = end == self.num_warmup
            state = self.sampler.end_window(chain.state, learned=learning, last=last)
            chain.mark = chain.mark._replace(state=state, window=k + 1)
        if chain.mark.window == len(schedule):
            state = chain.state._replace(i=bnp.asarray(0), mean_accept_prob=bnp.zeros(()))
            chain.mark = chain.mark._replace(state=state, window=len(schedule) + 1)

    def _draw(self, chain: Chain, runner: Any, potential: Potential, progress: Progress) -> None:
        self._advance(
            chain, runner, potential.data, self.num_samples - chain.done, False, False, True,
            progress, "sample",
        )  # fmt: skip

    def _finish(self, chains: list[Chain], potential: Potential, keep: bool) -> None:
        self._last = [c.state for c in chains]
        if not keep:
            return
        count = min(c.done for c in chains)
        if count == 0:
            self._samples, self._stats = {}, {}
            return
        kept = slice(count % self.thinning + self.thinning - 1, None, self.thinning)
        z = np.stack([np.concatenate(c.draws)[:count] for c in chains])[:, kept]
        self._stats = {
            name: np.stack([np.concatenate(c.stats[name])[:count] for c in chains])[:, kept]
            for name in STATISTICS
        }
        if self._groups < self.num_chains:  # an ensemble: take its walkers apart
            z = np.moveaxis(z.reshape(z.shape[1], self.num_chains, -1), 0, 1)
            self._stats = {k: np.repeat(v, self.num_chains, 0) for k, v in self._stats.items()}
        if potential.constrain is None:
            samples = {"Param:0": z}
        else:
            _, _, post = next(v for v in self._runners.values() if v[0] is potential)
            c, n = z.shape[:2]
            values = post(z.reshape(c * n, -1), potential.data)
            samples = {k: np.asarray(v).reshape(c, n, *v.shape[1:]) for k, v in values.items()}
        if self.postprocess_fn is not None:
            samples = {k: np.asarray(v) for k, v in self.postprocess_fn(samples).items()}
        self._samples = samples
        self._unconstrained = z

    # results --------------------------------------------------------------------------------

    @property
    def post_warmup_state(self) -> Any:
        """The state after `warmup`, or one assigned: `run` starts there, without a warmup."""
        return self._warmup_states

    @post_warmup_state.setter
    def post_warmup_state(self, states: Any) -> None:
        self._warmup_states = states

    @property
    def last_state(self) -> Any:
        """The last state of each chain."""
        return self._last

    def _need(self) -> dict[str, np.ndarray]:
        if self._samples is None:
            raise RuntimeError("there are no samples yet: call mcmc.run(rng_key, ...) first")
        return self._samples

    def get_samples(self, group_by_chain: bool = False) -> dict[str, Any]:
        """The draws of each site: (draws, ...), or (chains, draws, ...) by chain."""
        out = {}
        for k, v in self._need().items():
            out[k] = bnp.asarray(v if group_by_chain else v.reshape(-1, *v.shape[2:]))
        return out

    def get_extra_fields(self, group_by_chain: bool = False) -> dict[str, Any]:
        """Statistics of each draw: energy, accept_prob, diverging, num_steps, step_size, …"""
        self._need()
        return {
            k: bnp.asarray(v if group_by_chain else v.reshape(-1)) for k, v in self._stats.items()
        }

    @property
    def num_divergences(self) -> int:
        """How many of the kept draws diverged."""
        self._need()
        return int(self._stats["diverging"].sum()) if self._stats else 0

    def print_summary(self, prob: float = 0.9, exclude_deterministic: bool = True) -> None:
        """Print mean, sd, median, HPD interval, effective sample size and R-hat of each site."""
        from bibun.prob.diagnostics import print_summary

        samples = self._need()
        flat = self.sampler.flat
        if exclude_deterministic and flat is not None:
            samples = {k: v for k, v in samples.items() if k in flat.sites}
        print_summary(samples, prob=prob, group_by_chain=True)
        print(f"Number of divergences: {self.num_divergences}")

    def to_arviz(self, **kwargs: Any) -> Any:
        """An `arviz.InferenceData`: posterior, sample statistics, observed data, log likelihood.

        Needs the extra `bibun[plots]`. Keywords: coords, dims, log_likelihood (default True).
        """
        from bibun.prob.infer.arviz import to_arviz

        return to_arviz(self, **kwargs)
