"""`python -m benchmarks`: measure, print the table, store the results. See `--help`."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
from dataclasses import replace

from benchmarks import report
from benchmarks.runner import Plan, WorkerError, interpreters, measure
from benchmarks.workloads import REGISTRY


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(
        prog="python -m benchmarks", description="bibun against its peers, as ratios."
    )
    p.add_argument(
        "--only", action="append", metavar="NAME",
        help="only this workload (or pattern, such as 'nuts-*'); may be given again",
    )  # fmt: skip
    p.add_argument("--quick", action="store_true", help="one short repetition; nothing is stored")
    p.add_argument("--progress-bar", action="store_true", help="samplers show theirs; not stored")
    p.add_argument("--repetitions", type=int, metavar="N", help="default: 5, or 1 if quick")
    p.add_argument("--json", action="store_true", help="print the records instead of the table")
    p.add_argument("--list", action="store_true", help="print the workloads' names and stop")
    p.add_argument(
        "--table", action="store_true", help="measure nothing; the table of the stored results"
    )
    p.add_argument(
        "--peer-python", metavar="PATH", default=os.environ.get("BIBUN_BENCH_PEER"),
        help="the interpreter that has the extra `peers` (default: $BIBUN_BENCH_PEER, or this one)",
    )  # fmt: skip
    return p.parse_args(arguments)


def chosen(patterns: list[str] | None) -> list[str]:
    """The names that match. Errors: SystemExit for a pattern that none does."""
    if not patterns:
        return list(REGISTRY)
    for pattern in patterns:
        if not fnmatch.filter(REGISTRY, pattern):
            sys.exit(f"no workload is named {pattern!r}; there are: {', '.join(REGISTRY)}")
    return [n for n in REGISTRY if any(fnmatch.fnmatch(n, p) for p in patterns)]


def show(records: list[report.Record], as_json: bool) -> None:
    if as_json:
        print(json.dumps(records, indent=1, ensure_ascii=False))
        return
    rows = [row for record in records for row in report.rows(record)]
    print(report.as_text(report.main_table(rows)))
    if any(r.effective for r in rows):
        print("\n" + report.as_text(report.sampling_table(rows)))
    print("\n" + report.imports_line(records))


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 if all workloads ran and all results agree (whatever the speed), else 1."""
    options = parse(arguments)
    names = chosen(options.only)
    if options.list:
        print("\n".join(f"{n:20} {REGISTRY[n].title}" for n in names))
        return 0
    if options.table:
        records = report.stored(names)
        if not records:
            sys.exit(f"nothing is stored in {report.RESULTS}")
        show(records, options.json)
        report.write_note(report.stored(REGISTRY))
        return 0
    try:
        python, missing = interpreters(options.peer_python)
    except WorkerError as e:
        sys.exit(str(e))
    if "jax" in missing:
        sys.exit(
            f"{options.peer_python or sys.executable} has no jax and numpyro; `make bench` "
            "installs them, or name an interpreter that has them with --peer-python"
        )
    if missing:
        print(f"skipped, because not installed: {', '.join(missing)}", file=sys.stderr)
    plan = Plan(python, progress_bar=options.progress_bar)
    keep = not (options.quick or options.progress_bar)
    if options.quick:
        plan = plan.quick()
    if options.repetitions:
        plan = replace(plan, repetitions=options.repetitions)
    records, failed = [], []
    for k, name in enumerate(names):
        print(f"[{k + 1}/{len(names)}] {REGISTRY[name].title}", file=sys.stderr, flush=True)
        try:
            record = measure(REGISTRY[name], plan)
        except WorkerError as e:
            failed.append(name)
            print(f"FAILED: {e}", file=sys.stderr, flush=True)
            continue
        records.append(record)
        if warning := report.noise_warning(record):
            print(warning, file=sys.stderr, flush=True)
        if keep:
            report.save(record)
    if records:
        show(records, options.json)
        if keep:
            report.write_note(report.stored(REGISTRY))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    differ = [r.title for record in records for r in report.rows(record) if not r.agrees]
    if differ:
        print(f"results differ: {'; '.join(differ)}", file=sys.stderr)
    return 1 if failed or differ else 0


if __name__ == "__main__":
    sys.exit(main())
