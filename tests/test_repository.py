"""What the README, the Makefile and the checks promise is the same."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import bibun

ROOT = Path(__file__).parents[1]


def commands() -> list[str]:
    """The shell commands of the README's first block of commands."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    return [line for line in blocks[0].splitlines() if line.strip()]


def test_readme_begins_with_two_commands_that_set_up_all_they_need():
    fit, test = commands()
    example = "examples/radial_velocity"
    assert f"bibun fit {example}/model.py {example}/k2-24.csv --out results/" in fit
    for command in (fit, test):
        assert "-m venv .venv" in command
        assert "pip install" in command


def test_ci_runs_the_second_command():
    script = (ROOT / ".ci" / "run").read_text()
    _, test = commands()
    steps = [step.strip() for step in test.split("&&")]
    for step in steps:
        wanted = step.replace("python3 -m venv", "-m venv")
        assert wanted in script.replace('"$python" -m venv', "-m venv"), step


def python_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


@pytest.mark.parametrize("k", range(len(python_blocks())))
def test_the_readmes_examples_run(k, capsys):
    exec(compile(python_blocks()[k], f"README.md, example {k + 1}", "exec"), {})


def test_every_picture_and_file_the_readme_shows_is_there():
    for name in ("README.md", "CONTRIBUTING.md", "examples/radial_velocity/README.md"):
        text = (ROOT / name).read_text()
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if not target.startswith("http"):
                assert ((ROOT / name).parent / target).exists(), f"{name} points at {target}"


def test_version_is_said_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"]
    assert f"## {bibun.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_ci_script_is_well_formed():
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)


def test_contributing_shows_the_source_as_it_is():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    op, distribution = re.findall(r"```python\n(.*?)```", text, re.S)
    source = ROOT / "src" / "bibun"
    assert op in (source / "ops" / "elementwise" / "trigonometric.py").read_text()
    bounded = (source / "prob" / "distributions" / "bounded.py").read_text()
    body = bounded.partition("class Exponential(")[2].partition("\nclass ")[0]
    for line in distribution.splitlines()[2:]:
        assert line in body, line
