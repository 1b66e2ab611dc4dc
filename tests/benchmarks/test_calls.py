"""The table of what a call costs: a short run from end to end."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from benchmarks import calls

import bibun
from bibun.runtime.entry import entry_maker


@pytest.mark.skipif(entry_maker() is None, reason="no native entry on this Python")
def test_every_way_of_a_call_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "SECONDS", 1e-3)
    before = calls.NOTE.read_text(encoding="utf-8")
    calls.main(["--repetitions", "1", "--print"])
    assert calls.NOTE.read_text(encoding="utf-8") == before
    printed = capsys.readouterr().out.splitlines()
    rows = [line.split("|")[1:-1] for line in printed if line.startswith("|")]
    figures = {name.strip(): (entry.strip(), whole.strip()) for name, entry, whole in rows[2:]}
    assert {*calls.cases()} < {*figures}
    assert len(figures) == len(calls.cases()) + 4
    for entry, whole in figures.values():
        assert re.fullmatch(r"\d+", whole)
        assert re.fullmatch(r"\d*", entry)


def test_a_figure_is_of_one_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0

    def work() -> None:
        nonlocal clock
        clock += 2e-6

    monkeypatch.setattr(calls, "time", SimpleNamespace(thread_time=lambda: clock))
    assert calls.nanoseconds("work()", {"work": work}, 3) == pytest.approx(2000.0)


def test_a_function_without_the_native_way_is_refused() -> None:
    first = bibun.jit(lambda x: x, static_argnames="x")
    with pytest.raises(RuntimeError, match="no native entry"):
        calls.ready(first, (1.0,))
