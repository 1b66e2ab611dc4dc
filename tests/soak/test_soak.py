"""A slice of the soak, the same each time; the long one is `python -m tests.soak`."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from tests.soak import leaks
from tests.soak.__main__ import run_batch
from tests.soak.check import Different, check
from tests.soak.generate import Generator
from tests.soak.minimise import smaller

BATCH = 60


@pytest.mark.parametrize("first", [0, 1_000_000, 2_000_000])
def test_random_programs(first: int, tmp_path: Path) -> None:
    """In a process of their own, so that a crash is a failed test and not the end of it."""
    records, covered = run_batch(first, BATCH, tmp_path)
    failures = [r for r in records if r["failure"]]
    shown = "\n\n".join(f"{r['failure']}\n{r['source']}" for r in failures[:3])
    assert not failures, f"{len(failures)} of {covered} programs failed:\n{shown}"
    assert len(records) == BATCH


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("name", leaks.CASES)
def test_memory_does_not_grow(name: str) -> None:
    assert leaks.growth(leaks.CASES[name], 400) < leaks.ALLOWED


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_leak_would_be_seen() -> None:
    kept = []
    before = leaks.resident()
    for _ in range(40):  # tests before this one may have left room that is taken first
        for _ in range(400):
            kept.append(np.ones(leaks.SIZE))
        gc.collect()
        if leaks.resident() - before > leaks.ALLOWED:
            break
    else:
        raise AssertionError(f"{len(kept)} arrays of {leaks.SIZE} numbers were not seen")


def test_generation_is_reproducible_and_varied() -> None:
    first = [Generator(seed).program() for seed in range(25)]
    again = [Generator(seed).program() for seed in range(25)]
    assert [p.source() for p in first] == [p.source() for p in again]
    assert len({p.mode for p in first}) >= 5
    assert sum("lax.scan" in p.source() or "while_loop" in p.source() for p in first) >= 3


def _broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler whose sin is off by a little."""
    from bibun.ops.elementwise import cos, sin

    right = sin.lower
    monkeypatch.setattr(
        sin, "lower", lambda b, x, **p: b.mul(right(b, x, **p), b.const(1.001, x.dtype))
    )
    assert cos.lower is not sin.lower


PROGRAM = """
import numpy as np
import bibun.numpy as bnp
MODE, OPTIONS = "jit", {}
INPUTS = [np.linspace(0, 1, 9)]
def f(x):
    return (bnp.sin(x) + 1,)
"""


def test_a_wrong_compiler_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    bibun.config.update("cache_dir", "")
    check(PROGRAM)
    from bibun.compiler import pipeline

    pipeline._native.clear()
    _broken(monkeypatch)
    try:
        with pytest.raises(Different, match="differs in 8 of 9 elements"):
            check(PROGRAM)
    finally:
        pipeline._native.clear()


def test_programs_are_made_small() -> None:
    """A failure that needs one statement is reduced to about that."""
    program = next(
        p
        for p in (Generator(seed).program() for seed in range(100, 200))
        if "lax.scan(" in p.source() and len(p.source()) > 2000
    )
    small = smaller(program, lambda source: "lax.scan(" in source)
    assert "lax.scan(" in small.source()
    assert len(small.source()) < 0.7 * len(program.source())


def test_ill_conditioned_programs_are_let_off() -> None:
    """floor of what is nearly an integer says nothing about the compiler."""
    check(PROGRAM.replace("bnp.sin(x) + 1", "bnp.floor((bnp.sin(x) / 3 * 3) / bnp.sin(x))"))
    assert bnp is not None
