"""The harness itself: a run from end to end, comparisons, tables. No peer is needed."""

from __future__ import annotations

import doctest
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import compare, report
from benchmarks.compare import difference, mean_distance
from benchmarks.machine import Others, describe
from benchmarks.runner import Plan, WorkerError, available, environment, measure, start
from benchmarks.worker import Order
from benchmarks.workloads import REGISTRY


def test_a_workload_from_end_to_end() -> None:
    plan = Plan({"bibun": sys.executable}, 1, seconds=0.01, small=True)
    record = measure(REGISTRY["adam-step"], plan)
    figures = record["stacks"]["bibun"]
    for key in ("cold_ms", "warm_ms", "steady_ms"):
        assert len(figures[key]) == 1
        assert figures[key][0] > 0
    assert figures["versions"]["numpy"] == np.__version__
    assert record["machine"] == describe()
    assert report.rows(record) == []  # nobody to compare with


def test_a_failing_process_is_reported(tmp_path: Path) -> None:
    order = Order("no-such-workload", "bibun", str(tmp_path / "report.json"))
    with pytest.raises(
        WorkerError, match=r"no-such-workload on bibun: exit status 1\n(.|\n)*KeyErr"
    ):
        start(order, sys.executable, tmp_path / "cache")


def test_an_interpreter_that_is_not_there() -> None:
    with pytest.raises(WorkerError, match="does not run"):
        available("/no/such/python")


def test_environment_keeps_the_users_caches_out(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/elsewhere")
    monkeypatch.setenv("BIBUN_CACHE_DIR", "/elsewhere")
    assert "JAX_COMPILATION_CACHE_DIR" not in environment("jax", None)
    assert environment("jax", tmp_path)["JAX_COMPILATION_CACHE_DIR"] == str(tmp_path)
    assert environment("bibun", tmp_path)["BIBUN_CACHE_DIR"] == str(tmp_path)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([np.nan, np.inf], [np.nan, np.inf], 0.0),
        ([4.0, 4.0], [4.0, 5.0], 0.25),
        ([1e-9, np.sqrt(2.0)], [0.0, np.sqrt(2.0)], 1e-9),  # against the root mean square, 1
        ([1e-200, 1e-200], [1e-200, 2e-200], 1.0),
        ([1.0, 2.0], [1.0, np.nan], np.inf),
        ([1.0, np.inf], [1.0, -np.inf], np.inf),
        ([0.0, 0.0], [0.0, 1.0], np.inf),
        ([1.0, 2.0], [1.0], np.inf),
    ],
)
def test_difference(a: list[float], b: list[float], expected: float) -> None:
    assert difference({"x": np.array(a)}, {"x": np.array(b)}) == pytest.approx(expected)


def test_mean_distance_tells_equal_from_different_means() -> None:
    rng = np.random.default_rng(0)
    a, b = ([{"x": rng.normal(size=(4, 500, 2))}] for _ in range(2))
    assert mean_distance(a, b) < 4
    assert mean_distance(a, [{"x": b[0]["x"] + np.array([0.0, 0.5])}]) > 8
    assert mean_distance(a, [{"y": b[0]["x"]}]) == np.inf


def record(steady: float = 1.0, apart: float = 0.0, ess: float = 100.0) -> dict[str, Any]:
    """A sampler's record: the peer takes 100 ms; bibun `steady` ms for `ess` effective draws."""

    def figures(ms: float, ess: float) -> dict[str, Any]:
        return {
            "cold_ms": [ms, 3 * ms, 2 * ms], "warm_ms": [ms], "steady_ms": [ms], "import_ms": 50.0,
            "setup_ms": 1.0, "memory_mib": None, "versions": {"some": "1.0"}, "ess": ess,
            "ess_per_second": ess / ms * 1e3,
        }  # fmt: skip

    return {
        "workload": "it", "title": "It", "sampler": True, "tolerance": 0.0, "others": 0.0,
        "targets": {"steady": {"jax": 10.0}, "first": [15.0, 30.0]}, "date": "2026-01-01T00:00:00",
        "machine": describe(), "difference": {"jax": apart},
        "stacks": {"bibun": figures(steady, ess), "jax": figures(100.0, 100.0)},
    }  # fmt: skip


def test_rows_take_medians_and_judge() -> None:
    (row,) = report.rows(record(steady=5.0))
    assert (row.peer, row.cold.peer, row.cold.ours) == ("NumPyro", 200.0, 10.0)
    assert row.steady.ratio == 20.0
    assert row.verdict == "yes"
    assert report.rows(record(steady=20.0))[0].verdict == "no"


def test_worse_mixing_buys_no_target() -> None:
    (row,) = report.rows(record(steady=5.0, ess=40.0))
    assert row.steady.reached
    assert row.effective_ratio == pytest.approx(8.0)
    assert row.verdict == "no"


def test_other_results_are_a_failure_at_any_speed() -> None:
    assert report.rows(record(steady=0.1, apart=5.1))[0].verdict == "RESULTS DIFFER"


def test_noise_is_told() -> None:
    assert report.noise_warning(record()) is None
    assert "30% of the machine" in str(report.noise_warning(record() | {"others": 0.3}))
    share = Others().share()
    assert share is None or 0.0 <= share <= 1.0


def test_tables_go_between_the_markers(tmp_path: Path) -> None:
    note = tmp_path / "note.md"
    note.write_text(f"before\n{report.BEGIN}\noutdated\n{report.END}\nafter\n")
    report.write_note([record(steady=5.0)], note)
    text = note.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "outdated" not in text
    assert "| It | NumPyro | 100 | 5.00 | 20.0× | ≥ 10 | yes | 0.0 MC errors |" in text
    report.write_note([record(steady=5.0)], note)
    assert note.read_text() == text  # again: the same
    with pytest.raises(ValueError, match="benchmarks: begin"):
        report.between("no markers", "x")


def test_the_design_note_has_its_markers() -> None:
    text = report.NOTE.read_text()
    assert report.between(text, "x") != text


def test_terminal_tables_are_aligned() -> None:
    lines = report.as_text(report.main_table(report.rows(record()))).splitlines()
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("module", [compare, report])
def test_examples(module: Any) -> None:
    done = doctest.testmod(module)
    assert done.attempted > 0
    assert done.failed == 0


def test_plans() -> None:
    plan = Plan({}).quick()
    assert plan.repetitions == 1
    assert replace(plan, repetitions=3).repetitions == 3


def test_workloads_stand_in_the_order_of_the_table() -> None:
    names = list(REGISTRY)
    assert names[:2] == ["abs-sin", "twice-log-cos-sin"]
    assert names[-4:] == ["nuts-sine", "nuts-schools", "nuts-logistic", "nuts-gp"]
