"""Tables out of records: for the terminal, and between the markers of the design note.

A record is what `runner.measure` returns; one JSON file a workload lies in `results/`, so a
workload measured again replaces its row and no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare import MEANS_MAY_DIFFER
from benchmarks.machine import BUSY
from benchmarks.runner import ROOT

RESULTS = ROOT / "benchmarks" / "results"
NOTE = ROOT / "docs" / "design" / "performance.md"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"

Record = dict[str, Any]


@dataclass(frozen=True)
class Phase:
    """One of the three figures of a row: medians in milliseconds, and the ratio to reach."""

    peer: float
    ours: float
    target: float | None

    @property
    def ratio(self) -> float:
        return self.peer / self.ours

    @property
    def reached(self) -> bool:
        return self.target is None or self.ratio >= self.target


@dataclass(frozen=True)
class Row:
    """A workload against one peer."""

    name: str
    title: str
    peer: str
    cold: Phase
    warm: Phase
    steady: Phase
    difference: float
    allowed: float
    effective: tuple[float, float, float, float] | None  # ESS, ESS/s of the peer; of bibun
    memory: tuple[float | None, float | None]  # MiB: the peer's, bibun's
    start: tuple[float, ...]  # ms of import and setting up: the peer, bibun

    @property
    def agrees(self) -> bool:
        """Whether both have computed the same."""
        return self.difference <= self.allowed

    @property
    def effective_ratio(self) -> float | None:
        """bibun's effective draws a second over the peer's."""
        return self.effective[3] / self.effective[1] if self.effective else None

    @property
    def reached(self) -> bool:
        """The steady target, by effective draws as well as by time; never with other results."""
        draws = self.effective_ratio
        enough = draws is None or self.steady.target is None or draws >= self.steady.target
        return self.agrees and self.steady.reached and enough

    @property
    def verdict(self) -> str:
        if not self.agrees:
            return "RESULTS DIFFER"
        return "yes" if self.reached else "no"


def label(peer: str, sampler: bool) -> str:
    """The peer's name in a table."""
    return {"jax": "NumPyro" if sampler else "JAX"}.get(peer, peer)


def rows(record: Record) -> list[Row]:
    """A row for each peer the workload was measured against."""
    ours = record["stacks"]["bibun"]
    made = []
    for peer, theirs in record["stacks"].items():
        if peer == "bibun":
            continue
        first = record["targets"]["first"] if peer == "jax" else [None, None]
        targets = dict(zip(("cold_ms", "warm_ms"), first, strict=True))
        targets["steady_ms"] = record["targets"]["steady"][peer]
        cold, warm, steady = (
            Phase(float(np.median(theirs[key])), float(np.median(ours[key])), target)
            for key, target in targets.items()
        )
        effective = None
        if record["sampler"]:
            effective = tuple(s[k] for s in (theirs, ours) for k in ("ess", "ess_per_second"))
        made.append(
            Row(
                record["workload"],
                record["title"],
                label(peer, record["sampler"]),
                cold,
                warm,
                steady,
                record["difference"][peer],
                MEANS_MAY_DIFFER if record["sampler"] else record["tolerance"],
                effective,
                (theirs["memory_mib"], ours["memory_mib"]),
                tuple(s["import_ms"] + s["setup_ms"] for s in (theirs, ours)),
            )
        )
    return made


# formatting ---------------------------------------------------------------------------------------


def digits(x: float | None) -> str:
    """A number with three figures, no exponent where it can be helped.

    >>> digits(1234.5), digits(12.345), digits(0.012345), digits(None)
    ('1234', '12.3', '0.0123', '–')
    """
    if x is None:
        return "–"
    if not np.isfinite(x):
        return str(x)
    if abs(x) >= 100:
        return f"{x:.0f}"
    if x != 0 and abs(x) < 1e-4:
        return f"{x:.1e}"
    return f"{x:#.3g}".rstrip(".")


def times(ratio: float, target: float | None = None) -> str:
    """A ratio, with the one to reach."""
    return f"{digits(ratio)}×" + (f" (≥ {target:g})" if target is not None else "")


Table = tuple[Sequence[str], list[list[str]]]


def main_table(all_rows: Iterable[Row]) -> Table:
    """All phases of each workload in one line."""
    head = [
        "workload", "peer", "(a) cold: peer ms", "bibun ms", "ratio", "(b) warm: peer ms",
        "bibun ms", "ratio", "(c) steady: peer ms", "bibun ms", "ratio", "to reach", "reached",
    ]  # fmt: skip
    body = []
    for r in all_rows:
        line = [r.name, r.peer]
        for phase in (r.cold, r.warm, r.steady):
            line += [digits(phase.peer), digits(phase.ours), times(phase.ratio)]
        body.append([*line, f"≥ {r.steady.target:g}", r.verdict])
    return head, body


def steady_table(all_rows: Iterable[Row]) -> Table:
    head = ["workload", "peer", "peer ms", "bibun ms", "ratio", "to reach", "reached", "difference"]
    body = [
        [
            r.title, r.peer, digits(r.steady.peer), digits(r.steady.ours), times(r.steady.ratio),
            f"≥ {r.steady.target:g}", r.verdict,
            f"{r.difference:.1f} MC errors" if r.effective else f"{r.difference:.0e}",
        ]
        for r in all_rows
    ]  # fmt: skip
    return head, body


def first_table(all_rows: Iterable[Row]) -> Table:
    head = [
        "workload", "peer", "cold: peer ms", "bibun ms", "ratio", "warm: peer ms", "bibun ms",
        "ratio", "reached",
    ]  # fmt: skip
    body = []
    for r in all_rows:
        line = [r.title, r.peer]
        for phase in (r.cold, r.warm):
            line += [digits(phase.peer), digits(phase.ours), times(phase.ratio, phase.target)]
        if r.cold.target is None:
            verdict = "–"
        else:
            both = (r.cold.reached, r.warm.reached)
            verdict = {(True, True): "yes", (False, False): "no"}.get(
                both, "cold only" if both[0] else "warm only"
            )
        body.append([*line, verdict])
    return head, body


def start_table(all_rows: Iterable[Row]) -> Table:
    """First results counted from the start of the process: import and setting up included."""
    head = [
        "workload", "peer", "cold: peer ms", "bibun ms", "ratio", "warm: peer ms", "bibun ms",
        "ratio",
    ]  # fmt: skip
    body = []
    for r in all_rows:
        line = [r.title, r.peer]
        for phase in (r.cold, r.warm):
            peer, ours = phase.peer + r.start[0], phase.ours + r.start[1]
            line += [digits(peer), digits(ours), times(peer / ours)]
        body.append(line)
    return head, body


def sampling_table(all_rows: Iterable[Row]) -> Table:
    head = [
        "workload", "peer", "peer: least ESS", "ESS/s", "bibun: least ESS", "ESS/s",
        "ratio of ESS/s", "means apart",
    ]  # fmt: skip
    body = [
        [
            r.title, r.peer, *map(digits, r.effective), times(r.effective_ratio, r.steady.target),
            f"{r.difference:.1f} MC errors",
        ]
        for r in all_rows
        if r.effective
    ]  # fmt: skip
    return head, body


def memory_table(all_rows: Iterable[Row]) -> Table:
    head = ["workload", "peer", "peer MiB", "bibun MiB"]
    return head, [[r.title, r.peer, *map(digits, r.memory)] for r in all_rows]


def as_markdown(table: Table) -> str:
    head, body = table
    right = ["---" if k < 2 else "---:" for k in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, right, *body))


def as_text(table: Table) -> str:
    """Columns padded to their widest, numbers to the right."""
    lines = [list(table[0]), *table[1]]
    widths = [max(len(line[k]) for line in lines) for k in range(len(table[0]))]
    pads = [str.ljust if k < 2 else str.rjust for k in range(len(widths))]
    padded = [
        "  ".join(pad(cell, w) for pad, cell, w in zip(pads, line, widths, strict=True))
        for line in lines
    ]
    return "\n".join([padded[0], "-" * len(padded[0]), *padded[1:]])


def imports_line(records: Sequence[Record]) -> str:
    """The median import time of each stack, over all records."""
    found: dict[str, list[float]] = {}
    for record in records:
        for stack, figures in record["stacks"].items():
            found.setdefault(stack, []).append(figures["import_ms"])
    parts = [f"`import {s}` {digits(float(np.median(v)))} ms" for s, v in found.items()]
    return "Import: " + ", ".join(parts) + " (bibun's target: 200 ms)."


def noise_warning(record: Record) -> str | None:
    """A line where others used the machine while the workload was measured."""
    if record["others"] is None or record["others"] <= BUSY:
        return None
    return (
        f"{record['workload']}: other processes took {record['others']:.0%} of the machine "
        f"(at most {BUSY:.0%} for figures worth keeping)"
    )


# files --------------------------------------------------------------------------------------------


def save(record: Record) -> Path:
    """Write a record to its file in `results/`."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{record['workload']}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def stored(names: Iterable[str]) -> list[Record]:
    """The records of these workloads that have been stored, in this order."""
    paths = [RESULTS / f"{name}.json" for name in names]
    return [json.loads(p.read_text(encoding="utf-8")) for p in paths if p.exists()]


def generated(records: Sequence[Record]) -> str:
    """The generated part of the design note."""
    if not records:
        return "*No results yet: run `make bench`.*"
    all_rows = [row for record in records for row in rows(record)]
    reached = sum(r.reached for r in all_rows)
    machines = sorted(
        {
            "{processor} ({extensions}), {cores} cores, {system}, Python {python}".format(
                **{**r["machine"], "extensions": " ".join(r["machine"]["extensions"])}
            )
            for r in records
        }
    )
    stacks = [s for r in records for s in r["stacks"].values()]
    versions = {f"{name} {v}" for s in stacks for name, v in s["versions"].items()}
    dates = sorted(r["date"][:10] for r in records)
    span = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    commits = sorted({r["machine"]["commit"] or "?" for r in records})
    parts = [
        f"Measured {span} at {', '.join(commits)} on {'; '.join(machines)}. "
        f"{', '.join(sorted(versions))}. {imports_line(records)} "
        f"{reached} of {len(all_rows)} steady targets reached.",
        "### Steady state", as_markdown(steady_table(all_rows)),
        "### First calls", as_markdown(first_table(all_rows)),
        "### From the start of the process",
        "Import, setting up and the first call: what a user waits for. JAX loads its compiler "
        "when it is imported, bibun LLVM when there is something to compile.",
        as_markdown(start_table(all_rows)),
        "### Effective draws", as_markdown(sampling_table(all_rows)),
        "### Memory",
        "Growth of the process's peak memory from before the first call (with a warm cache) to "
        "the end of the steady state.",
        as_markdown(memory_table(all_rows)),
    ]  # fmt: skip
    busy = [w for r in records if (w := noise_warning(r))]
    if busy:
        parts.append("**Not to be trusted:** " + "; ".join(busy) + ".")
    return "\n\n".join(parts)


def between(text: str, new: str, begin: str = BEGIN, end: str = END) -> str:
    """`text` with what is between the markers replaced. Errors: ValueError without markers."""
    before, first, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"no {begin} … {end} to put the table between")
    return f"{before}{begin}\n\n{new}\n\n{end}{after}"


def rewrite(path: Path, new: str) -> None:
    """Put `new` between the markers of a page."""
    path.write_text(between(path.read_text(encoding="utf-8"), new), encoding="utf-8")


def write_note(records: Sequence[Record], path: Path = NOTE) -> None:
    """Regenerate the tables of the design note."""
    rewrite(path, generated(records))


def distrust(busy: float | None) -> str:
    """What to add to figures taken while others used too much of the machine; empty if not."""
    if busy is None or busy <= BUSY:
        return ""
    return f"\n\n**Not to be trusted:** other processes took {busy:.0%} of the machine."
