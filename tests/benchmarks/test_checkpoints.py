"""The comparison of checkpoints: a small run from end to end, without the peer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import checkpoints


def test_a_run_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints.main(
        ["--mib", "1", "--repetitions", "1", "--print", "--folder", str(tmp_path)]
    )  # fmt: skip
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 2 * len(checkpoints.PHASES)
    assert list(tmp_path.iterdir()) == []
    assert "| 4 arrays | restore from the disk | 0." in rows[-2]


def test_the_table_has_ratios() -> None:
    seconds = dict.fromkeys(checkpoints.PHASES, 1.0)
    plain = {"save": 0.5, "restore_disk": 0.25, "restore_cache": 0.25}
    orbax = dict.fromkeys(seconds, 3.0)
    stacks: dict[str, Any] = {"bibun": seconds, "disk": plain, "orbax": orbax}
    lines = checkpoints.table({"big": stacks}, 2**20).splitlines()
    assert lines[2] == "| one array | save, synchronous | 1.000 s | 3.000 s | 3.0 | 0.500 s | 50% |"
    assert lines[3].endswith("| 3.0 |  |  |")  # when the call returns, the disk has no say


def test_the_trees_have_the_size_asked_for() -> None:
    for kind in checkpoints.TREES:
        parts = checkpoints.arrays(kind, 2**20)
        assert sum(a.nbytes for a in parts) == 2**20
    assert np.array_equal(np.concatenate(parts), checkpoints.arrays("big", 2**20)[0])


def test_a_failing_process_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="(?s)none, big: exit status 1.*KeyError"):
        checkpoints.start(sys.executable, "none", "big", 8, tmp_path / "run")
