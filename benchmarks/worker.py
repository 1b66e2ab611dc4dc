"""One process, one workload, one stack: import, first call, steady state.

Started by `benchmarks.runner` with the interpreter of the stack, so it must run where bibun is
not installed: it needs NumPy and the stack, no more. It takes one JSON argument (`Order`) and
writes its figures to `order.report` (JSON) and the results to `order.results` (npz).
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

MOST_CALLS = 5000
MOST_RUNS = 40  # of a sampler: their draws are kept


@dataclass(frozen=True)
class Order:
    """What a worker is to do. `seconds`: for the steady state; 0: the first call alone."""

    workload: str
    stack: str
    report: str
    results: str | None = None
    seconds: float = 0.0
    fewest_calls: int = 5
    small: bool = False
    seed: int = 0
    progress_bar: bool = False  # of a sampler

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))


def leaves(tree: Any) -> list[Any]:
    """The arrays of nested dicts, lists and tuples, in order."""
    if isinstance(tree, dict):
        return [x for key in sorted(tree) for x in leaves(tree[key])]
    if isinstance(tree, list | tuple):
        return [x for part in tree for x in leaves(part)]
    return [tree]


def peak_memory() -> float | None:
    """The most memory this process has held so far, in MiB; None where it cannot be known."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


class Caller:
    """Calls the workload and times it; a sampler gets a new seed with each call."""

    def __init__(self, stack: Any, work: Any, order: Order) -> None:
        self.stack, self.sampler, self.seed = stack, work.sampler, order.seed
        changes = {"progress_bar": order.progress_bar} if work.sampler else {}
        self.function, self.arguments = work.make(stack, order.small, **changes)

    def __call__(self) -> tuple[float, Any]:
        """Milliseconds and result of one call."""
        arguments = self.arguments
        if self.sampler:
            arguments = (self.seed, *arguments)
            self.seed += 1
        begin = time.perf_counter()
        result = self.stack.block(self.function(*arguments))
        return (time.perf_counter() - begin) * 1e3, result


def work(order: Order) -> dict[str, Any]:
    """Carry out the order; the figures, times in milliseconds."""
    from benchmarks.stack import ROOTS

    begin = time.perf_counter()
    importlib.import_module(ROOTS[order.stack])
    imported = time.perf_counter()

    import numpy as np

    from benchmarks.stack import Stack
    from benchmarks.workloads import REGISTRY

    workload = REGISTRY[order.workload]
    stack = Stack(order.stack)
    call = Caller(stack, workload, order)
    memory = peak_memory()
    ready = time.perf_counter()
    first, result = call()
    steady: list[float] = []
    runs: list[Any] = []
    if order.seconds > 0:
        if not workload.sampler:
            call()  # what is looked up once, is looked up now
        most = MOST_RUNS if workload.sampler else MOST_CALLS
        end = time.perf_counter() + order.seconds
        while len(steady) < most and (
            len(steady) < order.fewest_calls or time.perf_counter() < end
        ):
            ms, result = call()
            steady.append(ms)
            if workload.sampler:
                runs.append({k: np.asarray(v) for k, v in result.items()})
    peak = peak_memory()
    if order.results is not None:
        if workload.sampler:
            runs = runs or [{k: np.asarray(v) for k, v in result.items()}]
            np.savez(order.results, **{k: np.stack([r[k] for r in runs]) for k in runs[0]})
        else:
            np.savez(order.results, *[np.asarray(x) for x in leaves(result)])
    return {
        "import_ms": (imported - begin) * 1e3,
        "setup_ms": (ready - imported) * 1e3,
        "first_ms": first,
        "steady_ms": steady,
        "memory_mib": None if memory is None or peak is None else peak - memory,
        "versions": stack.versions(),
    }


def main(argument: str) -> None:
    order = Order(**json.loads(argument))
    figures = work(order)
    with open(order.report, "w", encoding="utf-8") as f:
        json.dump(figures, f)


if __name__ == "__main__":
    main(sys.argv[1])
