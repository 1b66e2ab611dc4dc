"""`bibun fit` from end to end on small models: what it writes, says, and refuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import bibun
from bibun.cli.main import main

pytest.importorskip("arviz")
pytest.importorskip("matplotlib")

LINE = """
import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist

settings = {"chains": 2, "warmup": 500, "samples": 1000}


def model(x, y, weight=None):
    a = prob.sample("a", dist.Normal(0.0, 10.0))
    b = prob.sample("b", dist.Normal(0.0, 10.0))
    s = prob.sample("s", dist.HalfNormal(5.0))
    mean = prob.deterministic("mean", a + b * x)
    prob.deterministic("at_ten", a + 10 * b)
    prob.sample("y", dist.Normal(mean, s), obs=y)
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(bibun.__file__).parents[1])}
RESULTS = {"posterior.nc", "trace.png", "pair.png", "predictive.png", "report.html"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with a model and its data."""
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 25)
    y = 1.0 + 2.0 * x + 0.1 * rng.normal(size=25)
    rows = "".join(f"{k},{a},{b},red\n" for k, (a, b) in enumerate(zip(x, y, strict=True)))
    (tmp_path / "data.csv").write_text(",x,y,colour\n" + rows)
    (tmp_path / "line.py").write_text(LINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fit(*arguments, model="line.py", data="data.csv"):
    return main(["fit", model, data, *arguments])


def refused(capsys, *arguments, **where):
    """The message of a run that must be refused: status 2, no traceback, nothing written."""
    before = sorted(Path().rglob("*"))
    status = fit(*arguments, **where)
    out, err = capsys.readouterr()
    assert status == 2, out + err
    assert "Traceback" not in out + err
    assert sorted(p for p in Path().rglob("*") if "__pycache__" not in str(p)) == before
    assert err.startswith("bibun fit: ")
    return err


def test_a_fit_from_end_to_end(folder, capsys):
    import arviz

    assert fit("--out", "results") == 0
    out = capsys.readouterr().out
    assert {p.name for p in (folder / "results").iterdir()} == RESULTS
    assert "line.py on data.csv: 25 rows, columns x, y" in out
    assert "Nothing speaks against this result." in out
    (row,) = [line.split() for line in out.splitlines() if line.startswith("a ")]
    assert abs(float(row[1]) - 1.0) < 0.15
    assert "mean[0]" not in out  # a long deterministic site is kept, not shown
    assert "at_ten" in out
    assert re.search(r"y: \d+ of 25 observed values lie inside", out)

    data = arviz.from_netcdf("results/posterior.nc")
    assert data.posterior["b"].shape == (2, 1000)
    assert data.posterior["mean"].shape == (2, 1000, 25)
    assert data.posterior_predictive["y"].shape == (2, 1000, 25)
    assert data.log_likelihood["y"].shape == (2, 1000, 25)
    assert abs(float(data.posterior["b"].mean()) - 2.0) < 0.2
    np.testing.assert_array_equal(data.constant_data["y"], data.observed_data["y"])
    assert data.posterior.attrs["command"].startswith("bibun fit line.py")

    for name in ("trace.png", "pair.png", "predictive.png"):
        assert (folder / "results" / name).read_bytes().startswith(b"\x89PNG")
    page = (folder / "results" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert not re.search(r'(src|href)="(?!data:)', page)  # nothing is loaded from elsewhere
    for said in ("Nothing speaks against", "def model(x, y, weight=None)", "bibun fit line.py"):
        assert said in page


def test_the_same_seed_gives_the_same_draws(folder):
    import arviz

    for out, seed in (("one", "3"), ("two", "3"), ("other", "4")):
        assert fit("--out", out, "--seed", seed, "--chains", "1", "--samples", "60") == 0
    results = [arviz.from_netcdf(f"{n}/posterior.nc") for n in ("one", "two", "other")]
    one, two, other = (r.posterior["a"].values for r in results)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_bad_results_are_called_bad(folder, capsys):
    (folder / "modes.py").write_text(
        LINE.replace(
            'prob.sample("y", dist.Normal(mean, s), obs=y)',
            'prob.factor("two modes", -50.0 * (bnp.abs(a) - 5.0) ** 2)',
        )
    )
    assert fit("--chains", "4", "--seed", "1", model="modes.py") == 0
    out = capsys.readouterr().out
    assert "Do not trust this result:" in out
    assert "sit in different places" in out
    five, chains = r"(5\.0|4\.9)\d+", r"chains? [\d, ]+"
    assert re.search(rf"a: {chains} near -{five}; {chains} near {five}\.", out)
    assert "nothing is observed" in out
    assert not (folder / "results" / "predictive.png").exists()


@pytest.mark.parametrize("samples", ["1", "3", "9"])
@pytest.mark.parametrize("chains", ["1", "2"])
def test_the_smallest_runs_still_give_results(folder, capsys, chains, samples):
    assert fit("--chains", chains, "--samples", samples, "--warmup", "50") == 0
    assert "Do not trust this result:" in capsys.readouterr().out
    assert {p.name for p in (folder / "results").iterdir()} == RESULTS


def test_nan_among_the_results_is_said(folder, capsys):
    text = LINE.replace('"at_ten", a + 10 * b', '"root", bnp.sqrt(b - 2.0)')
    (folder / "line.py").write_text(text)
    assert fit() == 0
    out = capsys.readouterr().out
    assert "values that are not finite: root" in out
    assert {p.name for p in (folder / "results").iterdir()} == RESULTS


def test_what_to_show_and_predict_can_be_said(folder, capsys):
    assert fit("--show", "s,a", "--observed", "y", "--x", "x", "--samples", "100") == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(k for k, line in enumerate(lines) if "R-hat" in line)
    assert [line.split()[0] for line in lines[start + 1 : start + 3]] == ["s", "a"]
    assert "(not shown, but judged and kept: b, mean, at_ten)" in lines


def test_rows_without_values(folder, capsys):
    text = (folder / "data.csv").read_text().splitlines()
    text[3] = "2,,1.2,red"
    text[5] = "4,0.5,nan,"
    (folder / "data.csv").write_text("\n".join(text))
    message = refused(capsys)
    assert "data.csv, line 4 (row 3), column 'x': the value is missing ('')" in message
    assert "--missing drop" in message
    assert fit("--missing", "drop", "--samples", "50", "--chains", "1") == 0
    assert "2 of 25 rows lack a value and are left out" in capsys.readouterr().out


def model_text(body):
    mean = "    mean = prob.deterministic("
    return LINE.replace(mean, f"    {body}\n{mean}")


REFUSED_MODELS = {
    "a name that is not there": (
        model_text("c = bb + 1"),
        ["line.py, line 13, in model", "c = bb + 1", "NameError"],
    ),
    "an error of ours": (
        model_text("c = bnp.dot(x, bnp.ones(3))"),
        ["line.py, line 13, in model", "c = bnp.dot(x, bnp.ones(3))"],
    ),
    "a distribution's": (
        model_text('prob.sample("q", 3.0)'),
        ["line.py, line 13, in model", "expected a distribution"],
    ),
    "no syntax": (LINE + "\ndef broken(:\n", ["line.py, line 17", "def broken(:", "SyntaxError"]),
    "at import": ("import not_there\n" + LINE, ["line.py, line 1", "ModuleNotFoundError"]),
    "no model": (
        LINE.replace("def model", "def other"),
        ["no function 'model'", "it defines: other", "--model NAME"],
    ),
    "nothing to infer": (
        "import bibun.prob as prob, bibun.prob.distributions as dist\n"
        "def model(x):\n    prob.sample('x', dist.Normal(0.0, 1.0), obs=x)\n",
        ["nothing to infer"],
    ),
    "a shape slip": (
        LINE.replace("obs=y)", "obs=y[:, None])"),
        ["line 15, in model", "would broadcast to (25, 25)"],
    ),
    "a discrete parameter": (
        model_text('prob.sample("k", dist.Poisson(3.0))'),
        ["'k' (Poisson) is discrete and latent"],
    ),
    "no start": (
        LINE.replace("dist.Normal(mean, s), obs", "dist.Normal(mean / 0.0, s), obs"),
        ["no valid starting point", "site 'y'"],
    ),
    "settings that are none": (
        LINE.replace('"samples"', '"sample"'),
        ["settings has no option 'sample'; did you mean 'samples'?"],
    ),
    "settings of a wrong type": (
        LINE.replace('"samples": 1000', '"samples": "many"'),
        ["settings['samples'] must be of type int, got 'many'"],
    ),
}


@pytest.mark.parametrize("what", REFUSED_MODELS)
def test_models_that_fail(folder, capsys, what):
    text, said = REFUSED_MODELS[what]
    (folder / "line.py").write_text(text)
    message = refused(capsys)
    for words in said:
        assert words in message


def test_the_traceback_is_there_for_who_wants_it(folder, capsys):
    (folder / "line.py").write_text(model_text("c = bb + 1"))
    assert fit("--traceback") == 2
    assert "Traceback" in capsys.readouterr().err


def test_columns_that_are_not_there(folder, capsys):
    (folder / "line.py").write_text(LINE.replace("def model(x, y", "def model(x, y, Colours"))
    message = refused(capsys)
    assert "data.csv: no column 'Colours', which model() of line.py needs" in message
    assert "did you mean 'colour'?" in message
    assert "(columns: x, y, colour)" in message


def test_text_where_a_number_should_be(folder, capsys):
    (folder / "line.py").write_text(LINE.replace("def model(x, y", "def model(x, y, colour"))
    message = refused(capsys)
    assert "data.csv, line 2 (row 1), column 'colour': expected a number, found 'red'" in message


def test_files_that_are_not_there_or_empty(folder, capsys):
    assert "none.csv: there is no such data file" in refused(capsys, data="none.csv")
    assert "none.py: there is no such model file" in refused(capsys, model="none.py")
    assert "expected a Python file" in refused(capsys, model="data.csv")
    (folder / "empty.csv").write_text("")
    assert "empty.csv: the file is empty" in refused(capsys, data="empty.csv")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--chains", "0"], "--chains must be at least 1, got 0"),
        (["--target-accept", "1.5"], "--target-accept must be between 0 and 1"),
        (["--max-tree-depth", "50"], "--max-tree-depth must be from 1 to 20"),
        (["--observed", "x"], "no site of line.py observes a column of that name"),
        (["--x", "xx"], "data.csv has no such column; did you mean 'x'?"),
        (["--show", "c"], "--show c: the model has no such site (it has a, b, s, mean, at_ten)"),
        (["--model", "modle"], "no function 'modle' (it defines: model)"),
        (["--out", "line.py"], "line.py: is a file; --out needs a directory"),
    ],
)
def test_options_that_do_not_fit(folder, capsys, arguments, said):
    assert said in refused(capsys, *arguments)


def test_unknown_options_are_argparse_errors(folder, capsys):
    with pytest.raises(SystemExit) as stop:
        fit("--sampels", "3")
    assert stop.value.code == 2
    assert "--sampels" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a file size limit")
def test_a_disk_that_takes_no_more_harms_nothing(folder):
    """A process that may write no file beyond 20 kB, as a stand-in for a disk that is full."""
    (folder / "results").mkdir()
    (folder / "results" / "posterior.nc").write_text("earlier")
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "from bibun.config import config; config.update('cache_dir', '');"
        "from bibun.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, "fit", "line.py", "data.csv", "--samples", "50"],
        capture_output=True, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert run.returncode == 2, run.stderr
    assert "results/posterior.nc: cannot be written" in run.stderr
    assert "Nothing in results was changed" in run.stderr
    assert "Traceback" not in run.stderr
    assert (folder / "results" / "posterior.nc").read_text() == "earlier"
    assert [p.name for p in (folder / "results").iterdir()] == ["posterior.nc"]


def interrupt(folder, wait_for, *arguments):
    """Start a fit, send Ctrl-C once its progress bar says so, and let it end."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "bibun.cli.main", "fit", "line.py", "data.csv", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        env=ENVIRONMENT,
    )  # fmt: skip
    seen = ""
    while wait_for not in seen:
        letter = process.stderr.read(1)
        assert letter, f"it ended by itself, status {process.wait()}: {seen}"
        seen += letter
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, seen + err


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_keeps_the_draws_so_far(folder):
    status, out, err = interrupt(
        folder, "sample:", "--samples", "50000000", "--warmup", "100", "--progress"
    )
    assert status == 130, out + err
    assert "Traceback" not in err
    assert re.search(r"Stopped by Ctrl-C: these are the first \d+ of 50000000 draws", out)
    assert {p.name for p in (folder / "results").iterdir()} == RESULTS


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_before_the_first_draw_writes_nothing(folder):
    status, out, err = interrupt(
        folder, "warmup:", "--samples", "1000", "--warmup", "50000000", "--progress"
    )
    assert status == 130, out + err
    assert "Traceback" not in err
    assert "stopped before the first draw; nothing was written" in err
    assert not (folder / "results").exists()


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("bibun 0.")
