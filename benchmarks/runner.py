"""Runs a workload on bibun and its peers, process by process, and collects the figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare import difference, effective, mean_distance
from benchmarks.machine import Others, describe
from benchmarks.stack import NEEDS, PEERS
from benchmarks.worker import Order
from benchmarks.workload import Workload

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 1800  # seconds a process may take

# settings of ours that a user's shell could bring into a measurement
_FOREIGN = ("JAX_COMPILATION_CACHE_DIR", "BIBUN_CACHE_DIR", "JAX_PLATFORMS", "XLA_FLAGS")


class WorkerError(Exception):
    """A process failed; says which, and how."""


@dataclass(frozen=True)
class Plan:
    """How often and how long; `python` maps a stack to its interpreter."""

    python: Mapping[str, str]
    repetitions: int = 5
    seconds: float = 1.0
    fewest_calls: int = 5
    fewest_runs: int = 3  # of a sampler
    small: bool = False
    progress_bar: bool = False

    def quick(self) -> Plan:
        return replace(self, repetitions=1, seconds=0.2, fewest_calls=3, fewest_runs=1)


def available(python: str) -> tuple[str, ...]:
    """The peers that this interpreter can import."""
    needs = {stack: NEEDS[stack] for stack in PEERS}
    code = (
        "import json, sys; from importlib.util import find_spec; "
        "print(json.dumps([s for s, names in json.loads(sys.argv[1]).items() "
        "if all(find_spec(n) for n in names)]))"
    )
    try:
        out = subprocess.run(
            [python, "-c", code, json.dumps(needs)], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as e:
        raise WorkerError(f"the peers' interpreter {python!r} does not run: {e}") from e
    return tuple(json.loads(out.stdout))


def environment(stack: str, cache: Path | None) -> dict[str, str]:
    """The environment of a process; `cache` None: without a persistent cache (JAX's default)."""
    env = {k: v for k, v in os.environ.items() if k not in _FOREIGN and k != "PYTHONPATH"}
    paths = [str(ROOT)]
    if stack == "bibun":
        paths.append(str(ROOT / "src"))
        env["BIBUN_CACHE_DIR"] = str(cache)
    elif stack == "jax":
        env["JAX_PLATFORMS"] = "cpu"
        if cache is not None:
            env["JAX_COMPILATION_CACHE_DIR"] = str(cache)
            env["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
            env["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    else:
        env["NUMBA_CACHE_DIR"] = str(cache)
        env["PYTENSOR_FLAGS"] = f"base_compiledir={cache}"
    env["PYTHONPATH"] = os.pathsep.join(paths)
    return env


def start(order: Order, python: str, cache: Path | None) -> dict[str, Any]:
    """Run one worker to its end. Errors: WorkerError with the last lines it wrote."""
    what = f"{order.workload} on {order.stack}"
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        done = subprocess.run(
            [python, "-m", "benchmarks.worker", order.to_json()],
            cwd=ROOT, env=environment(order.stack, cache), capture_output=True, text=True,
            timeout=LONGEST,
        )  # fmt: skip
    except subprocess.TimeoutExpired as e:
        raise WorkerError(f"{what}: not done after {LONGEST} s") from e
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-12:])
        raise WorkerError(f"{what}: exit status {done.returncode}\n{tail}")
    return json.loads(Path(order.report).read_text(encoding="utf-8"))


class Series:
    """The figures of one stack, over the repetitions."""

    def __init__(self) -> None:
        self.cold: list[float] = []
        self.warm: list[float] = []
        self.steady: list[float] = []  # the median of each repetition
        self.imports: list[float] = []
        self.setup: list[float] = []
        self.memory: list[float] = []
        self.versions: dict[str, str] = {}
        self.sampling: list[dict[str, float]] = []
        self.runs: list[dict[str, np.ndarray]] = []

    def add(self, cold: dict[str, Any], warm: dict[str, Any]) -> None:
        self.cold.append(cold["first_ms"])
        self.warm.append(warm["first_ms"])
        self.steady.append(float(np.median(warm["steady_ms"])))
        for figures in (cold, warm):
            self.imports.append(figures["import_ms"])
            self.setup.append(figures["setup_ms"])
        if warm["memory_mib"] is not None:
            self.memory.append(warm["memory_mib"])
        self.versions = warm["versions"]

    def add_runs(self, runs: dict[str, np.ndarray], steady_ms: list[float]) -> None:
        """Draws of the steady runs of one repetition, (runs, draws, ...) a site."""
        self.runs.append(runs)
        for k, ms in enumerate(steady_ms):
            least = effective({name: draws[k : k + 1] for name, draws in runs.items()})
            self.sampling.append({"ess": least, "ess_per_second": least / ms * 1e3})

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "cold_ms": self.cold, "warm_ms": self.warm, "steady_ms": self.steady,
            "import_ms": float(np.median(self.imports)), "setup_ms": float(np.median(self.setup)),
            "memory_mib": max(self.memory, default=None), "versions": self.versions,
        }  # fmt: skip
        if self.sampling:
            for key in ("ess", "ess_per_second"):
                found[key] = float(np.median([s[key] for s in self.sampling]))
            found["runs"] = len(self.sampling)
            found["means"] = {
                name: np.mean(np.concatenate([r[name] for r in self.runs]), axis=(0, 1)).tolist()
                for name in self.runs[0]
            }
        return found


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {k: file[k] for k in file.files}


def measure(workload: Workload, plan: Plan) -> dict[str, Any]:
    """All figures of a workload, ready for JSON. Errors: WorkerError.

    Keys: `stacks` (figures of each), `difference` (each peer's result against bibun's),
    `others` (the share of the machine that other processes took), `machine`, `date`, and the
    facts of the workload that the table shows.
    """
    stacks = ["bibun", *(p for p in workload.peers if p in plan.python)]
    bars = workload.sampler and plan.progress_bar
    others = Others()
    with tempfile.TemporaryDirectory(prefix="bibun-bench-") as folder:
        series, differences = _measure(workload, plan, stacks, Path(folder))
    return {
        "workload": workload.name,
        "title": workload.title + (", progress bars on" if bars else ""),
        "sampler": workload.sampler,
        "targets": {"steady": dict(workload.steady), "first": list(workload.first_targets)},
        "tolerance": workload.tolerance,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe(),
        "others": others.share(),
        "stacks": {s: series[s].record() for s in stacks},
        "difference": differences,
    }


def _measure(
    workload: Workload, plan: Plan, stacks: list[str], folder: Path
) -> tuple[dict[str, Series], dict[str, float]]:
    fewest = plan.fewest_runs if workload.sampler else plan.fewest_calls
    results = {s: folder / f"{s}.npz" for s in stacks}

    def go(stack: str, cache: Path | None, seconds: float, keep: bool, seed: int) -> dict[str, Any]:
        order = Order(
            workload.name, stack, str(folder / "report.json"),
            results=str(results[stack]) if keep else None, seconds=seconds, fewest_calls=fewest,
            small=plan.small, seed=seed, progress_bar=plan.progress_bar,
        )  # fmt: skip
        return start(order, plan.python[stack], cache)

    warm_cache = {s: folder / "warm" / s for s in stacks}
    for s in stacks:  # fills the warm cache; its times are not used, its results are
        go(s, warm_cache[s], 0.0, not workload.sampler, 0)
    differences = {}
    if not workload.sampler:
        ours = _read(results["bibun"])
        differences = {s: difference(_read(results[s]), ours) for s in stacks[1:]}
    series = {s: Series() for s in stacks}
    for k in range(plan.repetitions):
        for s in stacks if k % 2 == 0 else stacks[::-1]:
            empty = None if s == "jax" else folder / f"cold-{k}" / s
            cold = go(s, empty, 0.0, False, 1000 * k)
            warm = go(s, warm_cache[s], plan.seconds, workload.sampler, 1000 * k)
            series[s].add(cold, warm)
            if workload.sampler:
                series[s].add_runs(_read(results[s]), warm["steady_ms"])
    if workload.sampler:
        ours = series["bibun"].runs
        differences = {s: mean_distance(series[s].runs, ours) for s in stacks[1:]}
    return series, differences


def interpreters(peer: str | None) -> tuple[dict[str, str], list[str]]:
    """Stack -> interpreter, and the peers that are missing. `peer` None: this interpreter."""
    python = peer or sys.executable
    found = available(python)
    return (
        {"bibun": sys.executable, **dict.fromkeys(found, python)},
        [p for p in PEERS if p not in found],
    )
