"""`python -m benchmarks.checkpoints`: `bibun.store`, Orbax and the bare disk.

Two trees of the same size (1 GiB of float64 unless told otherwise): one big array, and many small
ones. Both libraries have the same names, so one source measures both, each in fresh processes
of its own interpreter, by turns:

- synchronous: until `Checkpointer.save` returns;
- asynchronous: until `StandardCheckpointer.save` returns, and until `wait_until_finished` does;
- restoring, from the disk (its pages dropped from the cache before) and from the cache, until
  every number has been added up once: a restored array may be a map of the file.

Both sync what they write to the disk. Beside them stands what the disk does by itself: the same
bytes written to one file and synced, and read with their pages dropped. A figure is the median
over repetitions; every process makes a small save and restore first. The table goes into
docs/design/store.md, between the markers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
NOTE = ROOT / "docs" / "design" / "store.md"
MODULES = {"bibun": ("bibun.numpy", "bibun.store"), "orbax": ("jax.numpy", "orbax.checkpoint")}
PHASES = {
    "save": "save, synchronous",
    "returns": "asynchronous save: the call returns",
    "finished": "asynchronous save: all is on the disk",
    "restore_disk": "restore from the disk",
    "restore_cache": "restore from the cache",
}
TREES = {"big": "one array", "many": "{count} arrays"}
SMALL = 2**18  # bytes of one of the many arrays
BLOCK = 2**22  # bytes that the bare disk gets at a time


def seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def arrays(kind: str, size: int) -> list[np.ndarray]:
    """The contents of a tree of `size` bytes. Random: nothing can be compressed."""
    numbers = np.random.default_rng(0).random(size // 8)
    return [numbers] if kind == "big" else np.split(numbers, max(1, size // SMALL))


def settle() -> None:
    """Let the disk finish what is under way, so that a save waits for its own bytes alone."""
    if hasattr(os, "sync"):
        os.sync()


def forget(folder: Path) -> None:
    """Drop the pages of all files below from the system's cache, where it can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as f:
                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def library(stack: str, kind: str, size: int, folder: Path) -> dict[str, float]:
    """The seconds of every phase."""
    import importlib

    if stack == "orbax":
        import jax

        jax.config.update("jax_enable_x64", True)
    xnp, ocp = map(importlib.import_module, MODULES[stack])
    tree = {f"a{k}": xnp.asarray(a) for k, a in enumerate(arrays(kind, size))}
    sums = {name: float(np.asarray(x).sum()) for name, x in tree.items()}

    def checked(path: Path) -> None:
        found = later.restore(path, tree)
        if {name: float(np.asarray(x).sum()) for name, x in found.items()} != sums:
            raise AssertionError(f"{stack} restored other numbers than it saved")

    at_once, later = ocp.Checkpointer(ocp.StandardCheckpointHandler()), ocp.StandardCheckpointer()
    first = {"a": xnp.asarray(np.ones(3))}
    at_once.save(folder / "first", args=ocp.args.StandardSave(first))
    later.save(folder / "second", first)
    later.wait_until_finished()
    later.restore(folder / "second", first)

    figures = {}
    path = folder / "sync"
    save = ocp.args.StandardSave(tree)
    settle()
    figures["save"] = seconds(lambda: at_once.save(path, args=save))
    shutil.rmtree(path)
    path = folder / "async"
    settle()
    figures["returns"] = seconds(lambda: later.save(path, tree))
    figures["finished"] = figures["returns"] + seconds(later.wait_until_finished)
    forget(path)
    figures["restore_disk"] = seconds(lambda: checked(path))
    figures["restore_cache"] = seconds(lambda: checked(path))
    return figures


def disk(size: int, folder: Path) -> dict[str, float]:
    """The same bytes in one file: written and synced, read from the disk, read again."""
    (numbers,) = arrays("big", size)
    path = folder / "plain"

    def write() -> None:
        with path.open("wb") as f:
            for part in np.array_split(numbers, max(1, size // BLOCK)):
                f.write(memoryview(part).cast("B"))
            f.flush()
            os.fsync(f.fileno())

    def read() -> None:
        with path.open("rb", buffering=0) as f:
            f.readinto(numbers)

    settle()
    figures = {"save": seconds(write)}
    forget(folder)
    figures["restore_disk"] = seconds(read)
    figures["restore_cache"] = seconds(read)
    return figures


def start(python: str, stack: str, kind: str, size: int, folder: Path) -> dict[str, float]:
    """One process. Errors: RuntimeError with the last lines it wrote."""
    folder.mkdir()
    paths = os.pathsep.join([str(ROOT), *([str(ROOT / "src")] if stack == "bibun" else [])])
    env = {**os.environ, "PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"}
    order = json.dumps([stack, kind, size, str(folder)])
    done = subprocess.run(
        [python, "-m", "benchmarks.checkpoints", "--worker", order],
        cwd=ROOT, env=env, capture_output=True, text=True,
    )  # fmt: skip
    shutil.rmtree(folder)
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-12:])
        raise RuntimeError(f"{stack}, {kind}: exit status {done.returncode}\n{tail}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(
    python: dict[str, str], size: int, repetitions: int, folder: Path
) -> dict[str, dict[str, dict[str, float]]]:
    """tree -> stack -> phase -> median seconds."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in TREES:
        runs: dict[str, list[dict[str, float]]] = {s: [] for s in python}
        for k in range(repetitions):
            for stack in list(python)[:: 1 if k % 2 == 0 else -1]:
                runs[stack].append(start(python[stack], stack, kind, size, folder / "run"))
                print(kind, stack, runs[stack][-1], file=sys.stderr, flush=True)
        found[kind] = {
            stack: {phase: float(np.median([r[phase] for r in rs])) for phase in rs[0]}
            for stack, rs in runs.items()
        }
    return found


def table(found: dict[str, dict[str, dict[str, float]]], size: int) -> str:
    """Seconds, the ratios to Orbax (how many times as fast) and to the disk, in Markdown."""
    lines = [
        "| tree | | bibun | Orbax | times as fast | disk | share of the disk's speed |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for kind, stacks in found.items():
        name = TREES[kind].format(count=max(1, size // SMALL))
        for phase, title in PHASES.items():
            ours, theirs, plain = (
                stacks.get(s, {}).get(phase) for s in ("bibun", "orbax", "disk")
            )
            if phase == "finished":
                plain = stacks["disk"]["save"]
            cells = [
                f"{ours:.3f} s",
                "" if theirs is None else f"{theirs:.3f} s",
                "" if theirs is None else f"{theirs / ours:.1f}",
                "" if plain is None else f"{plain:.3f} s",
                "" if plain is None else f"{plain / ours:.0%}",
            ]
            lines.append(f"| {name} | {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    from benchmarks.machine import Others, describe
    from benchmarks.report import distrust, rewrite

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--peer-python", help="a Python that has orbax-checkpoint")
    parser.add_argument("--mib", type=int, default=1024, help="size of a tree")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--folder", help="where to write; its disk is measured")
    parser.add_argument("--print", action="store_true", help="leave the design note as it is")
    given = parser.parse_args(arguments)
    if given.worker:
        stack, kind, size, name = json.loads(given.worker)
        folder = Path(name)
        figures = disk(size, folder) if stack == "disk" else library(stack, kind, size, folder)
        print(json.dumps(figures))
        return
    python = {"bibun": sys.executable, "disk": sys.executable}
    if given.peer_python:
        python["orbax"] = given.peer_python
    others, size = Others(), given.mib * 2**20
    with tempfile.TemporaryDirectory(prefix="bibun-store-", dir=given.folder) as folder:
        found = measure(python, size, given.repetitions, Path(folder))
    busy = others.share()
    machine = describe()
    text = (
        f"{given.mib} MiB, medians of {given.repetitions}, {datetime.now(UTC):%Y-%m-%d} at "
        f"{machine['commit']} on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['system']}.\n\n{table(found, size)}"
    )
    text += distrust(busy)
    print(text)
    if not given.print:
        rewrite(NOTE, text)


if __name__ == "__main__":
    main()
