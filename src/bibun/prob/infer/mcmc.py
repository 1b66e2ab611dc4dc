"""Running chains: from a sampler and data to draws by site.

`MCMC` sets the sampler up for the data it is given, has every chain run (`chain.py`), and makes
draws of flat vectors into values of the model's sites. Chains run in threads here, or wherever
an executor takes them (`jobs.py`). Ctrl-C stops all chains after their chunk and keeps the draws
made so far. Many data sets of one shape (`batch=`) are more chains of the same compiled code,
each with its data.
"""

from __future__ import annotations

import contextlib
import copy
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun import random, tree
from bibun.compiler import jit
from bibun.errors import ShapeError
from bibun.prob import handlers
from bibun.prob.infer import checkpoint as ck
from bibun.prob.infer import jobs
from bibun.prob.infer.chain import STATISTICS, Chain, Course, Plan, make_runner
from bibun.prob.infer.hmc import HMC, HMCState, Potential
from bibun.prob.infer.progress import Progress
from bibun.transforms import vmap


class _Prepared(NamedTuple):
    """What runs chains on arguments of one structure and shapes."""

    potential: Potential  # and in it the compiled chunk
    post: Callable[..., Any] | None  # (draws, data) -> values of sites; None for a potential_fn


class MCMC:
    """Run a sampler: warmup, draws, several chains.

    `num_warmup`, `num_samples`: per chain. `thinning`: keep one draw of so many, so
    num_samples // thinning in all.
    `chain_method`: "parallel" (a thread per chain) or "sequential". `progress_bar`: draws done,
    step size, divergences and acceptance while it runs; with `progress_rate`, when so many draws
    have come. `jit_model_args` is accepted for compatibility: arrays are always arguments of the
    compiled code, so new data of the same shapes compile nothing.

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
        progress_rate: int | None = None,
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
        is_kernel = hasattr(sampler, "init") and hasattr(sampler, "setup")
        if isinstance(sampler, type) or not is_kernel:
            raise TypeError(
                "sampler must be a kernel such as NUTS(model), got "
                + (f"the class {sampler.__name__}" if isinstance(sampler, type)
                   else type(sampler).__name__)
            )  # fmt: skip
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
        if progress_rate is not None and progress_rate < 1:
            raise ValueError(f"progress_rate must be at least 1, got {progress_rate}")
        self.progress_rate = progress_rate
        self.interrupted = False
        self._runners: dict[Any, _Prepared] = {}
        self._samples: dict[str, np.ndarray] | None = None
        self._stats: dict[str, np.ndarray] = {}
        self._aliases: dict[str, str] = {}  # statistics by the names they were asked for
        self._warmup_states: list[HMCState] | None = None
        self._last: list[HMCState] | None = None
        self._args: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        self._warmup_draws: Any = None
        self._sets: list[Any] | None = None  # the arguments of each data set of a batch
        self._stop = threading.Event()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("_runners", "_stop")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _runners={}, _stop=threading.Event())

    # running --------------------------------------------------------------------------------

    def warmup(
        self, rng_key: Any, *args: Any, init_params: Any = None, collect_warmup: bool = False,
        extra_fields: Sequence[str] = (), batch: jobs.Axes = None, executor: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Run the warmup alone; `run` then goes on from its end. Options are those of `run`."""
        self._ask(extra_fields)
        self._go(
            rng_key, args, kwargs, init_params, warm=True, sample=False, collect=collect_warmup,
            batch=batch, executor=executor,
        )  # fmt: skip

    def run(
        self, rng_key: Any, *args: Any, init_params: Any = None,
        extra_fields: Sequence[str] = (),
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool | str | os.PathLike[str] = False, checkpoint_every: float = ck.EVERY,
        batch: jobs.Axes = None, executor: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """Warm up (unless `warmup` has, or `post_warmup_state` is set) and draw.

        `args` and `kwargs` are the model's; a second `run` warms up again.

        `rng_key`: a key or an integer seed. `init_params`: unconstrained start, a dict of
        arrays or a flat vector; with a leading axis of chains, or one start for all of them.

        `extra_fields`: statistics that `get_extra_fields` must have; it has all that are kept, and
        those by NumPyro's longer names that are asked for, such as "adapt_state.step_size".

        `checkpoint`: a directory in which the run is stored every `checkpoint_every` seconds and at
        its end; `resume=True` goes on with the run that is there, if any, and `resume=path`
        is both. However often it was killed, the draws are those of an unbroken run.

        `batch`: many data sets of one shape, sampled by one compiled program: as `vmap`'s in_axes,
        an axis of data sets for all positional arguments or a tuple with one (or None) for
        each; arrays given by keyword have it in front. Results get a first axis of data
        sets; set k draws what `run(random.fold_in(rng_key, k), ...)` does with its data alone.
        `init_params` then has a first axis of data sets too.

        `executor`: where chains and data sets run: any `concurrent.futures.Executor`, or a Dask
        client. The draws are those of a run without. A process pool takes models by name; Dask
        sends their code. With `checkpoint`, a chain is stored when it is finished.

        Errors: RuntimeError if no valid starting point is found, naming the sites;
        FileExistsError if a run is stored at `checkpoint` and `resume` is not given;
        `bibun.store.CheckpointMismatchError` if that was another run.
        KeyboardInterrupt is not raised: the run ends with the draws so far and `interrupted`.
        """
        self._ask(extra_fields)
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
            batch=batch, executor=executor,
        )  # fmt: skip

    def resume(
        self, checkpoint: str | os.PathLike[str], *args: Any,
        checkpoint_every: float = ck.EVERY, batch: jobs.Axes = None, executor: Any = None,
        **kwargs: Any,
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
            checkpoint=checkpoint, go_on=True, every=checkpoint_every, batch=batch,
            executor=executor,
        )  # fmt: skip

    def _ask(self, extra_fields: Sequence[str]) -> None:
        """Errors: ValueError for a statistic that is not kept."""
        self._aliases = {f: f.removeprefix("adapt_state.") for f in extra_fields}
        unknown = [f for f, name in self._aliases.items() if name not in STATISTICS]
        if unknown:
            raise ValueError(
                f"extra_fields {unknown} are not kept; there are {', '.join(STATISTICS)}"
            )

    def _go(
        self, rng_key: Any, args: Any, kwargs: Any, init_params: Any, warm: bool, sample: bool,
        collect: bool, checkpoint: str | os.PathLike[str] | None = None, go_on: bool = False,
        every: float = ck.EVERY, batch: jobs.Axes = None, executor: Any = None,
    ) -> None:  # fmt: skip
        if executor is not None and self.chain_method == "sequential":
            raise ValueError("chain_method='sequential' and executor exclude each other")
        key = handlers.as_key(rng_key)
        sets = jobs.data_sets(args, kwargs, batch)
        stored: ck.Run | None = None
        if checkpoint is not None:
            print_of_run = ck.fingerprint(self, args, kwargs)
            if batch is not None:
                print_of_run["data"]["batch"] = repr(batch)
            if go_on:
                stored = ck.load(checkpoint, self, print_of_run, key)
                key, warm = stored.key, stored.warm
        self._args, self._sets = (args, kwargs), None if batch is None else sets
        self.interrupted = False
        self._stop.clear()
        if stored is not None:
            chains, prepared = self._restored(key, sets, stored, checkpoint)
        else:
            chains, prepared = self._begun(key, sets, init_params, warm)
        saver = None
        if checkpoint is not None:
            about = ck.describe(print_of_run, key, warm)
            saver = ck.Saver(checkpoint, chains, about, every, replace=go_on)
        total = (self.num_warmup if warm else 0) + (self.num_samples if sample else 0)
        plan = Plan(warm, sample, collect)
        with (
            Progress(total, len(chains), self.progress_bar, self.progress_rate) as progress,
            saver or contextlib.nullcontext(),
        ):
            for c in chains if stored is not None else ():
                progress.update(c.number, c.mark.moved + c.done, c.state, c.divergences, "resumed")
            if executor is not None:
                jobs.spread(self, chains, sets, executor, plan, progress)
            else:
                self._run_chains(chains, self._course(plan, prepared.potential.runner, progress))
        for chain in chains:
            if chain.error is not None and not isinstance(chain.error, KeyboardInterrupt):
                raise chain.error
        if not sample:
            self._warmup_states = None if self.interrupted else [c.state for c in chains]
        self._finish(chains, prepared.post, sample or collect)
        if not sample or warm:  # a run that goes on from a warmup leaves what that one kept
            self._warmup_draws = (self._samples, self._stats) if collect else None
        if saver is not None:
            saver.finish()

    def _set_up(self, key: Any, sets: list[Any]) -> Iterator[tuple[int, Any, _Prepared]]:
        """Of each data set: its number, its chains' numbers and keys, and what runs them.

        The potential has this set's data until the next set is asked for.
        """
        for k, data_set in enumerate(sets):
            key_of_set = key if self._sets is None else random.fold_in(key, k)
            key_setup, key_chains = random.split(key_of_set)
            prepared = self._prepare(key_setup, *data_set)
            numbers = range(k * self._groups, (k + 1) * self._groups)
            yield k, zip(numbers, random.split(key_chains, self._groups), strict=True), prepared

    def _begun(
        self, key: Any, sets: list[Any], init_params: Any, warm: bool
    ) -> tuple[list[Chain], _Prepared]:
        """Chains that start, or that go on from a warmup."""
        warmed = self._warmup_states or []
        if not warm and len(warmed) != len(sets) * self._groups:
            raise ValueError(
                f"post_warmup_state holds {len(warmed)} chain(s), and this run has "
                f"{len(sets) * self._groups}: {len(sets)} data set(s) of {self._groups}"
            )
        chains = []
        for k, mine, prepared in self._set_up(key, sets):
            potential, starts = prepared.potential, init_params
            if self._sets is not None:
                starts = tree.map(lambda x, k=k: x[k], init_params)
            for number, chain_key in mine:
                if warm:
                    start = self._start(starts, number % self._groups)
                    state = self.sampler.init(potential, chain_key, start)
                else:  # another key, other draws
                    state = warmed[number]._replace(rng_key=chain_key)
                chains.append(Chain(number, ck.Mark(state), potential.data))
        return chains, prepared

    def _restored(
        self, key: Any, sets: list[Any], stored: ck.Run, path: Any
    ) -> tuple[list[Chain], _Prepared]:
        """Chains as they were stored in `path`."""
        chains = []
        for _, mine, prepared in self._set_up(key, sets):
            potential = prepared.potential
            new = [Chain.restored(number, stored, potential.data) for number, _ in mine]
            ck.check_density([c.mark for c in new], potential.value_and_grad(), path)
            chains += new
        return chains, prepared

    def _course(self, plan: Plan, runner: Any, progress: Progress) -> Course:
        return Course(
            plan, self.num_warmup, self.num_samples, self.sampler, runner, progress, self._stop
        )

    def _run_chains(self, chains: list[Chain], course: Course) -> None:
        if len(chains) > 1:  # compile once, before the threads ask for it at once
            chains[0].compile(course.runner)

        def work(chain: Chain) -> None:
            try:
                chain.follow(course)
            except BaseException as e:  # handed to the main thread
                chain.error = e
                self._stop.set()

        try:
            if self.chain_method == "sequential" or len(chains) == 1:
                for chain in chains:
                    if not self._stop.is_set():
                        work(chain)
            else:
                self._run_threads(chains, work)
        finally:
            if any(isinstance(c.error, KeyboardInterrupt) for c in chains):
                self.interrupted = True

    def _run_threads(self, chains: list[Chain], work: Callable[[Chain], None]) -> None:
        """A thread per chain; with many data sets, as many as there are processors."""
        waiting = iter(chains)
        lock = threading.Lock()

        def serve() -> None:
            while not self._stop.is_set():
                with lock:
                    chain = next(waiting, None)
                if chain is None:
                    return
                work(chain)

        count = min(len(chains), max(self._groups, os.cpu_count() or 1))
        threads = [threading.Thread(target=serve, daemon=True) for _ in range(count)]
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

    def _start(self, init_params: Any, k: int) -> Any:
        if init_params is None:
            return None
        flat = self.sampler.flat
        if isinstance(init_params, Mapping):
            if flat is None:
                raise TypeError("init_params must be a vector where the sampler has potential_fn")
            starts = flat.starts(init_params, self.num_chains)
            if self._groups == self.num_chains:
                return starts[k]
            # an ensemble: all its points, or one; it cannot move if they are equal
            return starts if len(np.unique(starts, axis=0)) > 1 else starts[:1]
        vector = np.asarray(init_params, dtype=float)
        if self._groups == 1 or vector.ndim == 1:
            return vector
        if vector.ndim != 2 or len(vector) != self.num_chains:
            raise ShapeError(
                f"init_params must be a vector, or {self.num_chains} of them, one a chain, or a "
                f"dict of sites; got shape {vector.shape}"
            )
        return vector[k]

    def _prepare(self, key: Any, args: Any, kwargs: Any) -> _Prepared:
        """What runs chains on these arguments; kept by their structure and shapes."""
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
            potential.runner = make_runner(self.sampler, potential)
            found = _Prepared(potential, post)
            self._runners[structure, signature] = found
        else:
            self.sampler.renew(found.potential, args, kwargs)
        return found

    def _finish(self, chains: list[Chain], post: Any, keep: bool) -> None:
        self._last = [c.state for c in chains]
        if not keep:
            return
        count = min(c.done for c in chains)
        if count == 0:
            self._samples, self._stats = {}, {}
            return
        kept = slice(count % self.thinning + self.thinning - 1, None, self.thinning)
        sets = []
        for k in range(0, len(chains), self._groups):
            mine = chains[k : k + self._groups]
            z = np.stack([np.concatenate(c.draws)[:count] for c in mine])[:, kept]
            stats = {
                name: np.stack([np.concatenate(c.stats[name])[:count] for c in mine])[:, kept]
                for name in STATISTICS
            }
            if self._groups < self.num_chains:
                stats = {n: np.repeat(v, self.num_chains, 0) for n, v in stats.items()}
            sets.append((self._values(z, mine[0].data, post), stats))
        self._samples, self._stats = (
            sets[0] if self._sets is None
            else tuple({n: np.stack([s[i][n] for s in sets]) for n in sets[0][i]} for i in (0, 1))
        )  # fmt: skip

    def _values(self, z: np.ndarray, data: Any, post: Any) -> dict[str, np.ndarray]:
        """What the draws of one data set say of the model's sites."""
        if self._groups < self.num_chains:  # an ensemble: take its walkers apart
            z = np.moveaxis(z.reshape(z.shape[1], self.num_chains, -1), 0, 1)
        if post is None:
            samples = {"Param:0": z}
        else:
            c, n = z.shape[:2]
            values = post(z.reshape(c * n, -1), data)
            samples = {k: np.asarray(v).reshape(c, n, *v.shape[1:]) for k, v in values.items()}
        if self.postprocess_fn is not None:
            samples = {k: np.asarray(v) for k, v in self.postprocess_fn(samples).items()}
        return samples

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
        """The draws of each site: (draws, ...), or (chains, draws, ...) by chain.

        With `batch`, an axis of data sets comes first.
        """
        return self._grouped(self._need(), group_by_chain)

    def _grouped(self, values: Mapping[str, np.ndarray], by_chain: bool) -> dict[str, Any]:
        front = 0 if self._sets is None else 1
        out = {}
        for k, v in values.items():
            shape = v.shape if by_chain else (*v.shape[:front], -1, *v.shape[front + 2 :])
            out[k] = bnp.asarray(v.reshape(shape))
        return out

    def get_extra_fields(self, group_by_chain: bool = False) -> dict[str, Any]:
        """Statistics of each draw: energy, accept_prob, diverging, num_steps, step_size, …"""
        self._need()
        out = self._grouped(self._stats, group_by_chain)
        return out | {f: out[name] for f, name in self._aliases.items() if name in out}

    def data_set(self, k: int) -> MCMC:
        """The finished run on the k-th data set of a `batch`, as a run of its own."""
        self._need()
        if self._sets is None:
            raise ValueError("data_set(k) is for a run with batch=")
        one = copy.copy(self)
        one._args, one._sets = self._sets[k], None
        one._samples = {n: v[k] for n, v in self._samples.items()}  # type: ignore[union-attr]
        one._stats = {n: v[k] for n, v in self._stats.items()}
        one._last = (self._last or [])[k * self._groups : (k + 1) * self._groups]
        one._warmup_states = None
        return one

    def _one_data_set(self, what: str) -> None:
        if self._sets is not None:
            raise ValueError(
                f"{what} is of one data set, and this run had {len(self._sets)}: take "
                f"mcmc.data_set(k).{what}"
            )

    @property
    def num_divergences(self) -> int:
        """How many of the kept draws diverged."""
        self._need()
        return int(self._stats["diverging"].sum()) if self._stats else 0

    def print_summary(self, prob: float = 0.9, exclude_deterministic: bool = True) -> None:
        """Print mean, sd, median, HPD interval, effective sample size and R-hat of each site."""
        from bibun.prob.diagnostics import print_summary

        self._one_data_set("print_summary()")
        samples = self._need()
        flat = self.sampler.flat
        if exclude_deterministic and flat is not None:
            samples = {k: v for k, v in samples.items() if k in flat.sites}
        print_summary(samples, prob=prob, group_by_chain=True)
        print(f"Number of divergences: {self.num_divergences}")

    def to_arviz(self, **kwargs: Any) -> Any:
        """An `arviz.InferenceData`: posterior, sample statistics, observed data, log likelihood.

        Axes take names from plates; `coords` and `dims` add to them or change them. Keywords:
        `posterior_predictive` and `prior`: draws by site, or True and a number of draws, to
        draw them with `rng_key`; `log_likelihood=False` leaves it out; `save_warmup`: with
        what `warmup(collect_warmup=True)` kept. Needs the extra `bibun[plots]`.
        """
        from bibun.prob.infer.arviz import to_arviz

        self._one_data_set("to_arviz()")
        return to_arviz(self, **kwargs)
