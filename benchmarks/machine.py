"""The machine a figure comes from."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

BUSY = 0.1  # share of the cores that others may use while figures are taken


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


class Others:
    """How much of the machine other processes use, from its making to the call of `share`.

    All processor time spent, less that of this process and of its children that have ended.
    """

    def __init__(self) -> None:
        self.begin = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float] | None:
        """Seconds spent by everybody, seconds idle, seconds spent by us; None if unknown."""
        try:
            first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
            tick = os.sysconf("SC_CLK_TCK")
        except (AttributeError, OSError, ValueError):
            return None
        # user nice system idle iowait irq softirq steal; guests are counted in user
        ticks = [int(x) / tick for x in first.split()[1:9]]
        idle = ticks[3] + ticks[4]
        return sum(ticks) - idle, idle, sum(os.times()[:4])

    def share(self) -> float | None:
        """Between 0 and 1, of all cores; None where it cannot be known (not on Linux)."""
        end = self._now()
        if self.begin is None or end is None:
            return None
        busy, idle, ours = (e - b for e, b in zip(end, self.begin, strict=True))
        return max(0.0, busy - ours) / max(busy + idle, 1e-9)


def _processor() -> tuple[str, list[str]]:
    """Name of the processor, and which of the vector extensions it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), []
    facts: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    wanted = ("avx2", "fma", "avx512f", "avx512dq", "asimd", "sve")
    return facts.get("model name", platform.machine()), [f for f in wanted if f in flags]


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _commit() -> str | None:
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=root, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def describe() -> dict[str, Any]:
    """Processor, cores, memory, system, Python, and the commit of bibun."""
    name, extensions = _processor()
    return {
        "processor": name,
        "extensions": extensions,
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": _commit(),
    }
