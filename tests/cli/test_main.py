"""The command itself, and what surrounds it: no arguments, a cache that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bibun
from bibun.cli.main import main


def test_without_arguments_it_says_what_it_does(capsys) -> None:
    assert main([]) == 2
    said = capsys.readouterr().err
    for word in ("bibun fit model.py data.csv", "gallery", "--help"):
        assert word in said


def test_help_names_the_commands_with_an_example(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert "bibun fit model.py data.csv --out results/" in capsys.readouterr().out


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="XDG_CACHE_HOME is Linux's")
def test_arviz_is_imported_where_the_cache_cannot_be_written(tmp_path) -> None:
    """Its import writes there: on a full disk a finished `bibun fit` had lost its draws."""
    pytest.importorskip("arviz")
    (tmp_path / "cache").write_text("a file where a folder is expected")
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(bibun.__file__).parents[1]),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    code = (
        "import bibun, bibun.numpy as bnp; from bibun.prob.infer.arviz import import_arviz;"
        "print(import_arviz().InferenceData.__name__, bibun.jit(bnp.sum)(bnp.ones(3)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["InferenceData", "3.0"]


def test_the_package_is_a_command() -> None:
    """Where the script is not on the path: `python -m bibun`."""
    environment = {**os.environ, "PYTHONPATH": str(Path(bibun.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-m", "bibun", "--version"], env=environment,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["bibun", bibun.__version__]
