"""Chains and data sets elsewhere: on threads, processes or machines of an executor.

What a chain does follows from where it is (`checkpoint.Mark`), its data and the sampler. So an
order is these three and what to do; a worker carries it out and sends back where the chain
has come to and what it drew. A worker keeps the sampler of a run, set up and compiled, between
orders. As nothing else enters, the draws are those of a run at home.
"""

from __future__ import annotations

import copy
import pickle
import threading
import uuid
from collections.abc import Sequence
from concurrent import futures
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bibun import tree
from bibun.config import config
from bibun.prob.infer.chain import Chain, Plan
from bibun.prob.infer.checkpoint import Mark
from bibun.prob.infer.progress import Progress

if TYPE_CHECKING:
    from bibun.prob.infer.mcmc import MCMC

Axes = int | tuple[int | None, ...] | None
KEPT = 4  # samplers that a worker keeps
_SETTINGS = ("enable_x64",)


class Order(NamedTuple):
    """A chain's work, wherever it is done."""

    run: str  # the same for all orders of a run
    mcmc: MCMC
    settings: dict[str, Any]
    number: int
    mark: Mark
    arguments: tuple[Any, Any]
    plan: Plan


class Outcome(NamedTuple):
    """Where a chain has come to and what it drew."""

    mark: Mark
    draws: list[np.ndarray]
    stats: dict[str, list[np.ndarray]]
    divergences: int


# data sets ----------------------------------------------------------------------------------------


def data_sets(args: Any, kwargs: Any, batch: Axes) -> list[tuple[Any, Any]]:
    """The arguments of each data set; one of them where `batch` is None.

    Errors: TypeError or ValueError if `batch` does not fit the arguments, or no array is mapped.

    >>> [a[0].tolist() for a, _ in data_sets((np.array([[1, 2], [3, 4]]), 0.5), {}, (0, None))]
    [[1, 2], [3, 4]]
    """
    if batch is None:
        return [(args, kwargs)]
    if isinstance(batch, bool) or not isinstance(batch, int | tuple):
        raise TypeError(f"batch must be an axis or a tuple of axes and Nones, got {batch!r}")
    axes = (batch,) * len(args) if isinstance(batch, int) else batch
    if len(axes) != len(args):
        raise ValueError(f"batch has {len(axes)} axes for {len(args)} positional arguments")
    mapped: list[tuple[str, int]] = []

    def pick(value: Any, axis: int | None, name: str) -> Any:
        def leaf(x: Any) -> Any:
            if axis is None or not hasattr(x, "shape"):
                return lambda _: x
            if not -np.ndim(x) <= axis < np.ndim(x):
                raise ValueError(f"batch: {name} has shape {np.shape(x)}, and no axis {axis}")
            mapped.append((name, np.shape(x)[axis]))
            rows = np.moveaxis(np.asarray(x), axis, 0)
            return lambda k: rows[k]

        return tree.map(leaf, value)

    by_position = [pick(args[i], axis, f"argument {i}") for i, axis in enumerate(axes)]
    makers = (tuple(by_position), {k: pick(v, 0, k) for k, v in kwargs.items()})
    sizes = {n for _, n in mapped}
    if len(sizes) != 1 or 0 in sizes:
        found = ", ".join(f"{name}: {n}" for name, n in mapped) or "no array is mapped"
        raise ValueError(f"batch: the number of data sets must be one and the same; {found}")
    return [tree.map(lambda f, k=k: f(k), makers) for k in range(sizes.pop())]


# at home ------------------------------------------------------------------------------------------


def spread(
    mcmc: MCMC, chains: Sequence[Chain], sets: Sequence[Any], executor: Any, plan: Plan,
    progress: Progress,
) -> None:  # fmt: skip
    """Have an executor run all chains; each gets its outcome, or its error.

    Ctrl-C takes back what has not begun, and keeps what is finished.
    Errors: TypeError if this is no executor, or the model cannot travel.
    """
    pool = _pool(executor)
    traveller = copy.copy(mcmc)
    vars(traveller).update(_samples=None, _stats={}, _last=None, _warmup_states=None,
                           _args=((), {}), _sets=None, progress_bar=False)  # fmt: skip
    settings = {name: getattr(config, name) for name in _SETTINGS}
    run, per_set = uuid.uuid4().hex, len(chains) // len(sets)
    orders = [
        Order(run, traveller, settings, c.number, c.mark, sets[c.number // per_set], plan)
        for c in chains
    ]
    if isinstance(pool, futures.ProcessPoolExecutor):
        _check_travels(orders[0])
    waiting = {pool.submit(work, order): c for order, c in zip(orders, chains, strict=True)}
    try:
        while waiting:
            done, _ = futures.wait(waiting, timeout=0.2, return_when=futures.FIRST_COMPLETED)
            for future in done:
                _take(waiting.pop(future), future.result(), progress)
    except KeyboardInterrupt:
        mcmc.interrupted = True
        mcmc._stop.set()
    finally:
        for future in waiting:
            future.cancel()


def _pool(executor: Any) -> Any:
    if isinstance(executor, futures.Executor):
        return executor
    if hasattr(executor, "get_executor"):  # a Dask client
        return executor.get_executor(pure=False)
    raise TypeError(
        "executor must be a concurrent.futures.Executor or a dask.distributed.Client, got "
        f"{type(executor).__name__}"
    )


def _check_travels(order: Order) -> None:
    try:
        pickle.dumps(order)
    except Exception as e:
        sampler = order.mcmc.sampler
        model = sampler.model or sampler.potential_fn
        raise TypeError(
            f"the model {getattr(model, '__qualname__', model)} or something with it cannot be "
            f"sent to another process ({e}). A process pool takes functions by name: define "
            "them at the top level of a module, with no lambda, closure or decorator that "
            "replaces them; or use a Dask client, which sends their code"
        ) from e


def _take(chain: Chain, outcome: Outcome, progress: Progress) -> None:
    moved = outcome.mark.moved - chain.mark.moved + outcome.mark.done - chain.mark.done
    chain.draws += outcome.draws
    for name, rows in outcome.stats.items():
        chain.stats[name] += rows
    chain.divergences += outcome.divergences
    chain.mark = outcome.mark
    progress.update(chain.number, moved, chain.state, chain.divergences, "done")


# away ---------------------------------------------------------------------------------------------

_samplers: dict[str, MCMC] = {}
_lock = threading.Lock()


def _sampler(order: Order) -> MCMC:
    """This process's copy of the run's sampler."""
    found = _samplers.get(order.run)
    if found is None:
        found = _samplers[order.run] = copy.copy(order.mcmc)  # threads may share the original
        found.sampler = copy.deepcopy(found.sampler)
        found._runners = {}
        for old in list(_samplers)[:-KEPT]:
            del _samplers[old]
    return found


def work(order: Order) -> Outcome:
    """Carry out an order."""
    from bibun import random

    with config.using(**order.settings):
        with _lock:  # setting up is not for two threads at once
            mcmc = _sampler(order)
            potential, _ = mcmc._prepare(random.PRNGKey(0), *order.arguments)
            chain = Chain(order.number, order.mark, potential.data)
            chain.compile(potential.runner)
        chain.follow(mcmc._course(order.plan, potential.runner, Progress(0, 1, False)))
    return Outcome(chain.mark, chain.draws, chain.stats, chain.divergences)
