"""The radial velocity example against an independent treatment of the same likelihood.

The other side is written here from textbooks' formulas (eccentricity and argument of
periastron, time of periastron, true anomaly) in plain NumPy, and fitted by SciPy.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize

import bibun
import bibun.numpy as bnp
from bibun.cli.main import main
from bibun.prob.diagnostics import rhat
from bibun.prob.infer import MCMC, NUTS, log_density

EXAMPLE = Path(__file__).parents[2] / "examples" / "radial_velocity"


@pytest.fixture(scope="module")
def example():
    """The example's modules: (model, kepler)."""
    sys.path.insert(0, str(EXAMPLE))
    try:
        import kepler
        import model

        yield model, kepler
    finally:
        sys.path.remove(str(EXAMPLE))
        for name in ("model", "kepler"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def data():
    with open(EXAMPLE / "k2-24.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {n: np.array([float(r[n]) for r in rows]) for n in ("t", "vel", "errvel")}


# the other side --------------------------------------------------------------------------


def eccentric_anomaly(mean, e):
    """Kepler's equation by bracketing, one time after another."""
    turns = np.floor(mean / (2 * np.pi))
    m = mean - 2 * np.pi * turns
    roots = [brentq(lambda x, m=m: x - e * np.sin(x) - m, -1.0, 8.0, xtol=1e-14) for m in m]
    return np.array(roots) + 2 * np.pi * turns


def textbook_velocity(t, period, transit, amplitude, e, omega, solve=eccentric_anomaly):
    """K (cos(ν + ω) + e cos ω), with the periastron that makes `transit` a transit."""
    at_transit = np.pi / 2 - omega  # the true anomaly
    anomaly = 2 * np.arctan(np.sqrt((1 - e) / (1 + e)) * np.tan(at_transit / 2))
    periastron = transit - period / (2 * np.pi) * (anomaly - e * np.sin(anomaly))
    big = solve(2 * np.pi * (t - periastron) / period, e)
    true = 2 * np.arctan2(np.sqrt(1 + e) * np.sin(big / 2), np.sqrt(1 - e) * np.cos(big / 2))
    return amplitude * (np.cos(true + omega) + e * np.cos(omega))


def fixed_point(mean, e):
    """Kepler's equation for small e, all times at once."""
    big = mean
    for _ in range(60):
        big = mean + e * np.sin(big)
    return big


def textbook_log_posterior(p, data, planets, solve=eccentric_anomaly):
    """The model's log density, from its description; `p` as the model's sites."""
    t, vel, err = data["t"], data["vel"], data["errvel"]
    mean = p["gamma"] + p["trend"] * (t - 2420.0) / 365.25
    prior = -0.5 * (p["gamma"] / 10) ** 2 - np.log(10 * np.sqrt(2 * np.pi))
    prior += -0.5 * (p["trend"] / 50) ** 2 - np.log(50 * np.sqrt(2 * np.pi))
    prior += -0.5 * (p["jitter"] / 5) ** 2 + np.log(2 / (5 * np.sqrt(2 * np.pi)))
    for name, (period, transit) in planets.items():
        v = 0.05 * np.asarray(p[f"v_{name}"])
        e = np.sqrt(v @ v / (1 + v @ v))
        omega = np.arctan2(v[1], v[0])
        mean = mean + textbook_velocity(t, period, transit, p[f"K_{name}"], e, omega, solve)
        prior += -0.5 * (p[f"K_{name}"] / 20) ** 2 + np.log(2 / (20 * np.sqrt(2 * np.pi)))
        prior += -0.5 * np.sum(np.asarray(p[f"v_{name}"]) ** 2) - np.log(2 * np.pi)
    variance = err**2 + p["jitter"] ** 2
    return prior - 0.5 * np.sum((vel - mean) ** 2 / variance + np.log(2 * np.pi * variance))


def points(n, seed=0):
    """Sensible and wild values of the model's sites."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        scale = rng.choice([1.0, 10.0])
        yield {
            "gamma": rng.normal(-2, 3), "trend": rng.normal(-20, 10), "jitter": rng.gamma(3, 1),
            "K_b": rng.gamma(5, 1), "K_c": rng.gamma(5, 1),
            "v_b": scale * rng.normal(size=2), "v_c": scale * rng.normal(size=2),
        }  # fmt: skip


# Kepler's equation -----------------------------------------------------------------------


@given(st.floats(-20, 20), st.floats(0, 0.98), st.floats(-np.pi, np.pi))
def test_newton_solves_keplers_equation(example, longitude, e, omega):
    _, kepler = example
    k, h = e * np.cos(omega), e * np.sin(omega)
    f = float(kepler.kepler_newton(bnp.array([longitude]), k, h)[0])
    assert abs(f - k * np.sin(f) + h * np.cos(f) - longitude) < 1e-11


def test_velocity_agrees_with_the_textbooks(example, data):
    _, kepler = example
    t = data["t"]
    for e in (0.0, 1e-9, 0.1, 0.5, 0.9):
        for omega in np.linspace(-3, 3, 7):
            expected = textbook_velocity(t, 20.885258, 2072.79438, 4.5, e, omega)
            found = kepler.radial_velocity(
                t, 20.885258, 2072.79438, 4.5, e * np.cos(omega), e * np.sin(omega)
            )
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_the_star_turns_towards_us_at_transit(example):
    """At the transit the planet is nearest: the star's velocity has no orbital part and falls."""
    _, kepler = example
    for k, h in ((0.0, 0.0), (0.3, 0.1), (-0.2, 0.5)):

        def velocity(t, k=k, h=h):
            return kepler.radial_velocity(bnp.reshape(t, (1,)), 10.0, 3.0, 2.0, k, h)[0]

        value, slope = bibun.value_and_grad(velocity)(3.0)
        assert abs(float(value) - 2.0 * k) < 1e-12
        assert float(slope) < 0


def test_periastron_is_where_the_true_anomaly_is_zero(example):
    _, kepler = example
    e, omega = 0.4, 0.7
    k, h = e * np.cos(omega), e * np.sin(omega)
    at = float(kepler.periastron(10.0, 3.0, k, h))
    found = kepler.radial_velocity(bnp.array([at]), 10.0, 3.0, 2.0, k, h)[0]
    assert abs(float(found) - 2.0 * (np.cos(omega) + e * np.cos(omega))) < 1e-9


@pytest.mark.parametrize("compiled", [False, True])
def test_both_ways_to_differentiate_agree(example, data, compiled):
    """The implicit function theorem, straight through the loop, and finite differences."""
    model, kepler = example

    def density(p, solve):
        return log_density(model.model, (), {**data, "solve": solve}, p)[0]

    def gradient(solve):
        g = bibun.grad(lambda p: density(p, solve))
        return bibun.jit(g) if compiled else g

    implicit, straight = gradient(kepler.kepler), gradient(kepler.kepler_newton)
    for p in points(6):
        a, b = implicit(p), straight(p)
        for name in p:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-8, atol=1e-9)
            for at in np.ndindex(*np.shape(p[name])):
                step = 1e-5 * max(1.0, abs(float(np.asarray(p[name])[at])))
                ends = []
                for sign in (1, -1):
                    moved = np.array(p[name], dtype=float)
                    moved[at] += sign * step
                    ends.append(textbook_log_posterior({**p, name: moved}, data, model.PLANETS))
                numeric = (ends[0] - ends[1]) / (2 * step)
                np.testing.assert_allclose(
                    np.asarray(a[name])[at], numeric, rtol=1e-5, atol=1e-5 * max(1, abs(ends[0]))
                )


def test_second_derivatives_through_the_loop(example):
    """Newton's loop may be differentiated twice; the result is that of a difference."""
    _, kepler = example

    def velocity(k):
        return kepler.radial_velocity(
            bnp.array([1.0, 4.0]), 10.0, 3.0, 2.0, k, 0.2, kepler.kepler_newton
        )[1]

    second = float(bibun.grad(bibun.grad(velocity))(0.1))
    first = bibun.grad(velocity)
    expected = (float(first(0.1 + 1e-5)) - float(first(0.1 - 1e-5))) / 2e-5
    assert abs(second - expected) < 1e-6 * max(1, abs(expected))


# the posterior ---------------------------------------------------------------------------


def test_the_likelihood_is_the_same(example, data):
    model, _ = example
    for p in points(20, seed=3):
        found = float(log_density(model.model, (), data, p)[0])
        expected = textbook_log_posterior(p, data, model.PLANETS)
        assert abs(found - expected) < 1e-9 * max(1, abs(expected))


@pytest.fixture(scope="module")
def independent(data, example):
    """SciPy's best fit from several starts: semi-amplitudes, their covariance."""
    model, _ = example

    def unpack(x):
        return {
            "K_b": np.exp(x[0]), "K_c": np.exp(x[1]), "v_b": x[2:4], "v_c": x[4:6],
            "gamma": x[6], "trend": x[7], "jitter": np.exp(x[8]),
        }  # fmt: skip

    def loss(x):
        return -textbook_log_posterior(unpack(x), data, model.PLANETS, fixed_point)

    rng = np.random.default_rng(5)
    fits = []
    for _ in range(6):
        start = np.concatenate(
            [np.log(rng.uniform(1, 10, 2)), rng.normal(0, 1, 4), rng.normal(0, 3, 1),
             rng.normal(0, 20, 1), np.log(rng.uniform(1, 6, 1))]
        )  # fmt: skip
        fits.append(minimize(loss, start, method="BFGS"))
    best = min(fits, key=lambda f: f.fun)
    found_it = [f for f in fits if f.fun < best.fun + 1e-3]
    assert len(found_it) >= 4, "SciPy's starts do not agree on one maximum"
    amplitudes = np.exp(best.x[:2])
    return amplitudes, amplitudes * np.sqrt(np.diag(best.hess_inv)[:2])


def test_semi_amplitudes_agree_with_an_independent_fit(example, data, independent):
    model, _ = example
    best, error = independent
    mcmc = MCMC(
        NUTS(model.model), num_warmup=1000, num_samples=1000, num_chains=4, progress_bar=False
    )
    mcmc.run(0, **data)
    draws = {k: np.asarray(v) for k, v in mcmc.get_samples(group_by_chain=True).items()}
    assert mcmc.num_divergences <= 4
    for name in ("K_b", "K_c", "gamma", "trend", "jitter", "v_b", "v_c"):
        assert np.all(rhat(draws[name]) < 1.01), name
    for k, name in enumerate(("K_b", "K_c")):
        mean, sd = draws[name].mean(), draws[name].std()
        # a posterior's mean and its maximum differ by a part of the standard deviation
        assert abs(mean - best[k]) < 0.3 * sd, (name, mean, best[k])
        assert 0.6 < sd / error[k] < 1.6, (name, sd, error[k])
        assert mean > 3 * sd  # both planets are seen


def test_the_command_runs_the_example(tmp_path, capsys):
    pytest.importorskip("arviz")
    out = tmp_path / "results"
    status = main(
        ["fit", str(EXAMPLE / "model.py"), str(EXAMPLE / "k2-24.csv"), "--out", str(out),
         "--chains", "2", "--warmup", "300", "--samples", "300"]
    )  # fmt: skip
    said = capsys.readouterr().out
    assert status == 0
    assert "K_b" in said
    names = {p.name for p in out.iterdir()}
    assert names == {"posterior.nc", "trace.png", "pair.png", "predictive.png", "report.html"}
    picture = tmp_path / "k2-24.png"
    sys.path.insert(0, str(EXAMPLE))
    try:
        import figure

        figure.main(str(out / "posterior.nc"), str(picture))
    finally:
        sys.path.remove(str(EXAMPLE))
    assert picture.read_bytes().startswith(b"\x89PNG")
