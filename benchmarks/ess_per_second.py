"""Effective draws per second of NUTS, compilation included: bibun against NumPyro.

    python -m benchmarks.ess_per_second --peer-python /path/to/python [--only NAME] [--quick]

The clock starts before the model's function is made and stops when all draws are NumPy arrays:
tracing, compiling, warmup, draws. The figure is the smallest bulk ESS of a latent parameter over
that time. Every run is a process of its own, libraries alternating; *cold* has no compiled code
stored (NumPyro: JAX's default), *warm* what an earlier process stored (NumPyro: JAX's
persistent cache), *again* is another seed in the warm process. Chains run side by side, in
NumPyro on as many host devices. Each ratio is of medians over the repetitions.

The machine must be quiet. Without `--quick` the figures go to `results/ess-per-second.json` and
the table into `docs/design/0003-sampler.md`; `--table` makes the table again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

PHASES = ("cold", "warm", "again")
FEW = 1000  # with fewer data than that, TARGET is the ratio to reach
TARGET = 10.0


def run(stack: str, name: str, sizes: dict[str, int], out: str) -> None:
    """Sample one posterior twice, store seconds and draws of both."""
    from benchmarks.posteriors import latent, sampler
    from benchmarks.stack import Stack

    lib = Stack(stack)
    if stack == "jax":
        lib.prob.set_host_device_count(sizes["chains"])
    lib.infer.NUTS, lib.random.PRNGKey  # noqa: B018 (imports are not part of the time)
    begin = time.perf_counter()
    mcmc, data = sampler(lib, name, sizes, chain_method="parallel")
    seconds, kept = [], {}
    for k, phase in enumerate(("first", "again")):
        mcmc.run(lib.random.PRNGKey(sizes["seed"] + k), *data)
        kept |= {f"{phase}_{site}": v for site, v in latent(mcmc).items()}
        end = time.perf_counter()
        seconds.append(end - begin)
        begin = end
    np.savez(out, seconds=seconds, **kept)


def start(stack: str, python: str, name: str, sizes: dict[str, int], cache: Path | None) -> Any:
    """One process: {"first": (seconds, least ESS), "again": ...}."""
    from benchmarks.posteriors import columns
    from benchmarks.runner import ROOT, environment
    from bibun.prob.diagnostics import ess_bulk

    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "run.npz")
        order = json.dumps([stack, name, sizes, out])
        command = [python, "-m", "benchmarks.ess_per_second", "--worker", order]
        subprocess.run(command, check=True, env=environment(stack, cache), cwd=ROOT)
        with np.load(out) as f:
            found = dict(f)
    result = {}
    for seconds, phase in zip(found.pop("seconds"), ("first", "again"), strict=True):
        mine = {k: v for k, v in found.items() if k.startswith(phase)}
        result[phase] = (float(seconds), float(ess_bulk(columns(mine)).min()))
    return result


def measure(name: str, python: dict[str, str], sizes: dict[str, int], repetitions: int) -> Any:
    """phase -> stack -> {"seconds": [...], "ess": [...]}."""
    figures: Any = {p: {s: {"seconds": [], "ess": []} for s in python} for p in PHASES}

    def add(phase: str, stack: str, pair: tuple[float, float]) -> None:
        for key, value in zip(("seconds", "ess"), pair, strict=True):
            figures[phase][stack][key].append(value)

    with tempfile.TemporaryDirectory(prefix="bibun-ess-") as folder:
        for stack in python:  # fills the caches
            start(stack, python[stack], name, sizes, Path(folder, "warm", stack))
        for k in range(repetitions):
            sizes = {**sizes, "seed": sizes["seed"] + 10}
            for stack in list(python)[:: 1 if k % 2 == 0 else -1]:
                empty = None if stack == "jax" else Path(folder, f"cold-{k}", stack)
                add("cold", stack, start(stack, python[stack], name, sizes, empty)["first"])
                warm = start(stack, python[stack], name, sizes, Path(folder, "warm", stack))
                add("warm", stack, warm["first"])
                add("again", stack, warm["again"])
    return figures


def rate(figures: dict[str, list[float]]) -> float:
    """Effective draws per second, the median of the runs."""
    return float(np.median(np.divide(figures["ess"], figures["seconds"])))


def data_count(name: str) -> int:
    """How many observations a posterior has."""
    from benchmarks.posteriors import POSTERIORS, load

    return len(POSTERIORS[name].arguments(load(name)[0])[-1])


def table(results: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Head and rows, for `report.as_text` and `report.as_markdown`."""
    from benchmarks.report import digits, times

    head = ["posterior", "data"]
    for phase in PHASES:
        head += [f"{phase}: NumPyro ESS/s", "bibun ESS/s", "ratio"]
    rows = []
    for name, record in results.items():
        few = record["data"] < FEW
        row = [name.split("-")[-1], str(record["data"])]
        for phase in PHASES:
            theirs, ours = (rate(record["figures"][phase][s]) for s in ("jax", "bibun"))
            row += [digits(theirs), digits(ours), times(ours / theirs, TARGET if few else None)]
        rows.append(row)
    return [*head], rows


def write_note(record: dict[str, Any]) -> None:
    from benchmarks.report import as_markdown, between
    from benchmarks.runner import ROOT

    path = ROOT / "docs" / "design" / "0003-sampler.md"
    m, sizes = record["machine"], record["sizes"]
    said = (
        f"Measured {record['date'][:10]} at {m['commit']} on {m['processor']}, {m['cores']} cores; "
        f"{sizes['chains']} chains, {sizes['warmup']} + {sizes['draws']} draws, medians of "
        f"{record['repetitions']}."
    )
    marks = ("<!-- ess-per-second: begin -->", "<!-- ess-per-second: end -->")
    new = f"{said}\n\n{as_markdown(table(record['results']))}"
    path.write_text(between(path.read_text("utf-8"), new, *marks), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--peer-python", help="a Python that has JAX and NumPyro")
    parser.add_argument("--only", action="append", help="a posterior; may be given again")
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--warmup", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repetition; nothing is stored")
    parser.add_argument("--table", action="store_true", help="the table of the stored figures")
    given = parser.parse_args()
    if given.worker:
        run(*json.loads(given.worker))
        return
    from benchmarks.machine import BUSY, Others, describe
    from benchmarks.posteriors import POSTERIORS
    from benchmarks.report import RESULTS, as_text

    stored = RESULTS / "ess-per-second.json"
    if given.table:
        record = json.loads(stored.read_text("utf-8"))
        print(as_text(table(record["results"])))
        write_note(record)
        return
    if not given.peer_python:
        parser.error("--peer-python is needed")
    sizes = {k: getattr(given, k) for k in ("chains", "warmup", "draws", "seed")}
    repetitions = 1 if given.quick else given.repetitions
    python = {"bibun": sys.executable, "jax": given.peer_python}
    results: dict[str, Any] = {}
    others = Others()
    for name in given.only or [n for n, p in POSTERIORS.items() if p.stored and not p.hard]:
        print(name, file=sys.stderr, flush=True)
        figures = measure(name, python, sizes, repetitions)
        results[name] = {"data": data_count(name), "figures": figures}
    print(as_text(table(results)))
    share = others.share()
    if share is not None and share > BUSY:
        print(f"other processes took {share:.0%} of the machine", file=sys.stderr)
    if given.quick or given.only:
        return
    record = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": describe(),
        "others": share, "sizes": sizes, "repetitions": repetitions, "results": results,
    }  # fmt: skip
    stored.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    write_note(record)


if __name__ == "__main__":
    main()
