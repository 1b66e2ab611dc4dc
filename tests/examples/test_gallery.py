"""`bibun gallery`: what it lists, what it draws, what it does when an example fails."""

from __future__ import annotations

import html
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bibun.cli import gallery, gallery_page
from bibun.cli.main import main

pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2] / "examples"
WANTED = (
    *(f"2.{k}" for k in range(1, 7)), "3.8", "5.1", *(f"7.{k}" for k in range(1, 11)),
    *(f"8.{k}" for k in range(1, 8)), "9.1", "B.1", "Greeks",
)  # fmt: skip


def namespace(script: str) -> dict:
    return runpy.run_path(str(ROOT / script))


def test_the_table_names_every_figure_a_reader_looks_for():
    examples = gallery.catalogue()
    numbers = [f.number for e in examples for f in e.figures]
    assert set(WANTED) <= set(numbers)
    assert len(numbers) == len(set(numbers))
    files = [f.file for e in examples for f in e.figures]
    assert len(files) == len(set(files))
    for example in examples:
        for texts in (example.chapter, *(t for f in example.figures for t in (f.title, f.text))):
            assert set(texts) == {"en", "ja"}
        for figure in example.figures:
            assert re.search(r"[ぁ-ん]", figure.text["ja"]), figure.number
            assert not re.search(r"[ぁ-ん]", figure.text["en"])


def test_every_script_is_in_the_table():
    listed = {e.script.resolve() for e in gallery.catalogue()}
    chapters = {script.parent for script in listed}
    assert {p.resolve() for folder in chapters for p in folder.glob("*.py")} == listed
    others = {"radial_velocity", "mauna_loa"}  # analyses of their own, with a README each
    assert {p.parent.name for p in ROOT.rglob("*.py")} - others == {p.name for p in chapters}


def test_list_and_choice(capsys):
    assert main(["gallery", "--list", "--only", "2.1,b"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["2.1", "B.1"]
    assert main(["gallery", "--list", "--only", "9"]) == 0
    assert capsys.readouterr().out.split()[0] == "9.1"
    assert main(["gallery", "--only", "2.9"]) == 2
    assert "no figure 2.9" in capsys.readouterr().err


def test_out_is_a_file(tmp_path, capsys):
    (tmp_path / "x").write_text("")
    assert main(["gallery", "--only", "2.1", "--out", str(tmp_path / "x")]) == 2
    assert "--out" in capsys.readouterr().err


FIGURE = """
[[chapter.figure]]
number = "{number}"
script = "{script}"
file = "{number}.png"
en = {{title = "T `x < y`", text = "t"}}
ja = {{title = "T `x < y`", text = "t"}}
"""
SCRIPTS = {
    "bad.py": "def main(out):\n    raise ValueError('<no & good>')\n",
    "idle.py": "def main(out):\n    pass\n",
    "good.py": (
        "import matplotlib.pyplot as plt\n\n"
        "def main(out):\n    plt.figure().savefig(out / '3.png')\n"
    ),
}


def test_one_example_fails_and_the_others_are_drawn(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "examples" / "some"
    folder.mkdir(parents=True)
    table = '[[chapter]]\nfolder = "some"\nen = "Some"\nja = "ある"\n'
    for number, (name, source) in enumerate(SCRIPTS.items(), 1):
        (folder / name).write_text(source)
        table += FIGURE.format(number=number, script=name)
    (tmp_path / "examples" / "gallery.toml").write_text(table, encoding="utf-8")
    monkeypatch.setattr(gallery, "folder", lambda: tmp_path / "examples")

    assert main(["gallery", "--out", str(tmp_path / "site")]) == 1
    out, err = capsys.readouterr()
    assert "1 figures, 2 examples failed" in out
    assert "<no & good>" in err
    assert "did not write 2.png" in err
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 1
    assert "&lt;no &amp; good&gt;" in page
    assert "<code>x &lt; y</code>" in page
    assert "bad.py" in page


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_colours_do_not_change_the_code(path):
    source = path.read_text(encoding="utf-8")
    text = re.sub(r"</?span[^>]*>", "", gallery_page.highlighted(source))
    assert html.unescape(text) == source


def test_examples_are_found_beside_the_package_of_an_installed_bibun(tmp_path):
    """What a wheel holds: the package, and the examples inside it."""
    code = (
        "import bibun, pathlib; from bibun.cli import gallery;"
        "bibun.__file__ = str(pathlib.Path(r'{0}') / 'bibun' / '__init__.py');"
        "print(gallery.folder())"
    )
    inside = tmp_path / "bibun" / "examples"
    inside.mkdir(parents=True)
    (inside / "gallery.toml").write_text("")
    found = subprocess.run(
        [sys.executable, "-c", code.format(tmp_path)], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert Path(found) == inside


# What the examples compute ------------------------------------------------------------------------


def test_1_dual_numbers_and_grad_are_exact_to_rounding():
    mpmath = pytest.importorskip("mpmath")
    ns = namespace("ch1_dual_numbers/three_ways.py")
    with mpmath.workdps(40):
        exact = mpmath.diff(ns["composed"](mpmath), 1)
    assert float(exact) == ns["EXACT"]
    assert ns["relative_error"](ns["bibun"].grad(ns["composed"](ns["bnp"]))(1.0)) < 5e-15


def test_2_4_relative_aversion_of_a_power_of_wealth_is_constant():
    ns = namespace("ch2_derivatives/utility.py")
    x = np.linspace(0.5, 3, 20)
    slope = ns["along"](ns["grad"](ns["relative"]))(x, 0.0)
    assert np.max(np.abs(slope)) < 1e-14
    assert np.allclose(ns["along"](ns["grad"](ns["absolute"]))(x, 1.0), -1 / (1 + x) ** 2)


def test_2_5_the_derivative_of_the_loop_is_the_closed_form():
    ns = namespace("ch2_derivatives/loop.py")
    x = np.linspace(0, 1, 30)
    slope = ns["jit"](ns["vmap"](ns["grad"](ns["fraction"])))(x)
    assert np.max(np.abs(slope / ns["closed_form"](x) - 1)) < 2e-15


def test_3_8_both_rules_for_kepler():
    ns = namespace("ch3_implicit_functions/kepler.py")
    mean = np.linspace(0.1, 6.2, 40)
    E = np.asarray(ns["along"](ns["anomaly"])(0.7, mean))
    assert np.allclose(E - 0.7 * np.sin(E), mean, atol=1e-12)
    for rule in (ns["anomaly"], ns["newton"]):
        slope = ns["along"](ns["grad"](rule, argnums=1))(0.7, mean)
        assert np.allclose(slope, 1 / (1 - 0.7 * np.cos(E)), rtol=1e-9)


def test_4_walkers_on_the_map_leave_a_mark_each():
    ns = namespace("ch4_arrays_and_loops/walkers.py")
    count, inside = ns["visits"](ns["random"].key(1))
    assert int(count.sum()) == round(float(inside.sum()) * ns["WALKERS"])
    assert np.all(np.asarray(count) >= 0)


def test_greeks_lie_within_their_errors():
    ns = namespace("article_greeks/greeks.py")
    spots = np.array([90.0, 100.0, 115.0])
    simulated = ns["simulated"](spots, np.random.default_rng(1))
    rounding = 3e-2, 3e-3, 3e-4  # of the payoff's corner
    for (mean, error), exact, shift in zip(
        simulated, ns["black_scholes"](spots), rounding, strict=True
    ):
        assert np.all(np.abs(mean - exact) < 4 * error + shift)


def test_8_4_the_process_given_data_has_the_mean_and_variance_of_the_formulas():
    """Equations 8.31 and 8.32, by NumPy, for one set of hyperparameters drawn 600 times."""
    ns = namespace("ch8_gaussian_processes/hyperparameters.py")
    t, at = np.linspace(0, 10, 25), np.array([0.4, 5.1, 11.0])
    d = np.sin(t)
    n, tau, a, sigma = 600, 0.8, 1.3, 0.4

    def covariance(x, y):
        return a * np.exp(-((x[:, None] - y) ** 2) / (2 * tau**2))

    weights = np.linalg.solve(covariance(t, t) + sigma**2 * np.eye(25), covariance(t, at)).T
    mean = weights @ d
    variance = np.diag(covariance(at, at) - weights @ covariance(t, at))
    samples = {k: np.full(n, v) for k, v in (("tau", tau), ("a", a), ("sigma", sigma))}
    for noise in (False, True):
        draws = np.asarray(ns["given_data"](ns["random"].key(0), samples, t, d, at, noise=noise))
        wanted = variance + noise * sigma**2
        assert np.all(np.abs(draws.mean(0) - mean) < 4 * np.sqrt(wanted / n))
        assert np.allclose(draws.var(0), wanted, rtol=4 * np.sqrt(2 / n))


@pytest.mark.parametrize("script", ["sine", "two_series"])
def test_7_curves_fit(script):
    """The posterior of phase and sigma, against the same on a grid, to Monte Carlo accuracy."""
    ns = namespace(f"ch7_curve_fitting/{script}.py")
    if script == "sine":
        x, y = ns["data"]()
        parts, given = [(np.sin, x, y)], {"x": x, "y": y}
    else:
        x1, x2, y1, y2 = ns["data"]()
        parts = [(np.sin, x1, y1), (np.cos, x2, y2)]
        given = {"x1": x1, "x2": x2, "y1": y1, "y2": y2}
    mcmc = ns["MCMC"](ns["NUTS"](ns["model"]), num_warmup=500, num_samples=2000, progress_bar=False)
    mcmc.run(ns["random"].key(3), **given)

    phase, sigma = np.linspace(-0.5, 1.5, 400), np.linspace(0.1, 1.2, 400)
    squares = sum(((y[:, None] - f(x[:, None] + phase)) ** 2).sum(0) for f, x, y in parts)
    points = sum(x.size for _, x, _ in parts)
    logp = -0.5 * squares[:, None] / sigma**2 - points * np.log(sigma) - sigma
    p = np.exp(logp - logp.max())
    p /= p.sum()
    for name, grid, weight in (("phase", phase, p.sum(1)), ("sigma", sigma, p.sum(0))):
        mean = (grid * weight).sum()
        std = np.sqrt(((grid - mean) ** 2 * weight).sum())
        draws = np.asarray(mcmc.get_samples()[name])
        assert abs(draws.mean() - mean) < 5 * std / np.sqrt(600)
        assert draws.std() == pytest.approx(std, rel=0.15)
