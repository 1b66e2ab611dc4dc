"""`python -m tests.soak [--minutes 10] [--seed 0] [--batch 60]`, or `--one SEED`, `--file PATH`.

Runs batches of seeds in processes of their own until the time is over, then the leak checks.
Failing programs, made small, go to the folder `--out` and to the screen. Exit status 1 if
anything failed.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def run_batch(first: int, count: int, folder: Path) -> tuple[list[dict[str, Any]], int]:
    """Run seeds in a process; the records of all that ended, and how many seeds that covers."""
    log = folder / f"batch-{first}.jsonl"
    errors = folder / f"batch-{first}.err"
    with open(errors, "w") as err:
        code = subprocess.run(
            [sys.executable, "-m", "tests.soak.worker", str(first), str(count), str(log)],
            stderr=err, stdout=err, env=os.environ, check=False,
        ).returncode  # fmt: skip
    records: list[dict[str, Any]] = []
    started: dict[str, Any] = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        record = json.loads(line)
        if "start" in record:
            started = record
        else:
            records.append({**record, "source": started.get("source", "")})
    if code:
        seed = records[-1]["done"] + 1 if records else first
        text = errors.read_text()[-3000:]
        records.append(
            {"done": seed, "failure": f"CRASH (exit {code})\n{text}", "mode": "crash", "s": 0.0,
             "source": started.get("source", "") if started.get("start") == seed else ""}
        )  # fmt: skip
        return records, seed + 1 - first
    log.unlink(missing_ok=True)
    errors.unlink(missing_ok=True)
    return records, count


def fails_in_process(kind: str) -> Any:
    """Whether a source crashes a process of its own (for the minimiser)."""

    def fails(source: str) -> bool:
        with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as f:
            f.write(source)
        try:
            code = subprocess.run(
                [sys.executable, "-m", "tests.soak", "--file", f.name],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=120,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            return kind == "crash"
        finally:
            os.unlink(f.name)
        return code < 0 or code > 1 if kind == "crash" else code == 1

    return fails


def one(source: str) -> int:
    import faulthandler

    from bibun.config import config
    from tests.soak.check import Different, check

    faulthandler.enable()
    config.update("cache_dir", "")
    config.update("verify", True)
    try:
        check(source)
    except Different as e:
        print(e)
        return 1
    return 0


def signature(failure: str) -> str:
    """What failures have in common: the last line of an exception, or the kind of difference."""
    lines = failure.strip().splitlines()
    if failure.startswith("CRASH"):
        return "crash"
    if " raised " in lines[0] or lines[0].startswith("reference"):
        return lines[0].split(":", 1)[1].strip()[:60] if ":" in lines[0] else lines[0][:60]
    return lines[0].split(":")[0] + " differs"


def reduced(record: dict[str, Any]) -> str:
    """The source of a failing program, as small as it gets."""
    from bibun.config import config
    from tests.soak.check import Different, check
    from tests.soak.generate import Generator
    from tests.soak.minimise import smaller

    config.update("cache_dir", "")
    program = Generator(record["done"]).program()
    if record["mode"] == "crash":
        return smaller(program, fails_in_process("crash"), 60).source()
    wanted = signature(record["failure"])

    def fails(source: str) -> bool:
        try:
            check(source)
        except Different as e:
            return signature(str(e)) == wanted
        except Exception:
            return False
        return False

    return smaller(program, fails).source()


def soak(minutes: float, seed: int, batch: int, out: Path, leaks: bool = True) -> int:
    """Run for a time. Returns the number of failures."""
    out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * minutes
    count, failures = 0, []
    seen: collections.Counter[str] = collections.Counter()
    modes: collections.Counter[str] = collections.Counter()
    at = seed
    while time.monotonic() < end:
        records, covered = run_batch(at, batch, out)
        at += covered
        for r in records:
            count += 1
            modes[r["mode"]] += 1
            if not r["failure"]:
                continue
            failures.append(r)
            key = signature(r["failure"])
            seen[key] += 1
            print(
                f"\n=== seed {r['done']} ({r['mode']}): {r['failure'].splitlines()[0][:300]}",
                flush=True,
            )
            if seen[key] > 2 or not r["source"]:  # no source: the generator itself was at fault
                continue
            try:
                source = reduced(r)
            except Exception as e:  # the report must not end the run
                source = f"# not minimised: {type(e).__name__}: {e}\n{r['source']}"
            (out / f"seed-{r['done']}.py").write_text(
                source + "\n\n# " + r["failure"].replace("\n", "\n# ") + "\n"
            )
            print(source, flush=True)
    print(f"\n{count} programs from seed {seed}, {len(failures)} failures; modes {dict(modes)}")
    for key, n in seen.most_common():
        print(f"  {n:4d}  {key}")
    if leaks:
        from tests.soak.leaks import report

        failures += report()
    return len(failures)


def main() -> int:
    p = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    p.add_argument("--minutes", type=float, default=10.0)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--batch", type=int, default=60)
    p.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "bibun-soak")
    p.add_argument("--one", type=int, help="run and minimise one seed")
    p.add_argument("--file", type=Path, help="check the program in a file")
    a = p.parse_args()
    if a.file:
        return one(a.file.read_text())
    if a.one is not None:
        from tests.soak.generate import Generator

        source = Generator(a.one).program().source()
        print(source)
        return one(source)
    return 1 if soak(a.minutes, a.seed, a.batch, a.out) else 0


if __name__ == "__main__":
    sys.exit(main())
