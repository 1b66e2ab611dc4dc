"""NUTS on posteriors whose moments others established (`../shared/reference_posteriors`).

A mean may differ from the reference by 5 Monte Carlo standard errors of both sides, a
standard deviation by the like. Where the folder is missing, these tests skip and say so.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun.prob.diagnostics import effective_sample_size, ess_bulk, rhat
from bibun.prob.infer import MCMC, NUTS

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "reference_posteriors"

flat = dist.ImproperUniform(dist.constraints.real, (), ())


def eight_schools_centered(y, sigma):
    mu = prob.sample("mu", dist.Normal(0.0, 5.0))
    tau = prob.sample("tau", dist.HalfCauchy(5.0))
    with prob.plate("J", 8):
        theta = prob.sample("theta", dist.Normal(mu, tau))
    prob.sample("y", dist.Normal(theta, sigma), obs=y)


def eight_schools_noncentered(y, sigma):
    mu = prob.sample("mu", dist.Normal(0.0, 5.0))
    tau = prob.sample("tau", dist.HalfCauchy(5.0))
    with prob.plate("J", 8):
        z = prob.sample("theta_trans", dist.Normal(0.0, 1.0))
    theta = prob.deterministic("theta", mu + tau * z)
    prob.sample("y", dist.Normal(theta, sigma), obs=y)


def kidiq(kid_score, mom_hs, mom_iq):
    b = prob.sample("beta", flat.expand((4,)).to_event(1))
    sigma = prob.sample("sigma", dist.HalfCauchy(2.5))
    mean = b[0] + b[1] * mom_hs + b[2] * mom_iq + b[3] * mom_hs * mom_iq
    prob.sample("y", dist.Normal(mean, sigma), obs=kid_score)


def wells(switched, dist_m, arsenic):
    alpha = prob.sample("alpha", flat)
    b = prob.sample("beta", flat.expand((2,)).to_event(1))
    logits = alpha + b[0] * dist_m / 100 + b[1] * arsenic
    prob.sample("y", dist.Bernoulli(logits=logits), obs=switched)


def gp_regression(x, y):
    rho = prob.sample("rho", dist.Gamma(25.0, 4.0))
    alpha = prob.sample("alpha", dist.HalfNormal(2.0))
    sigma = prob.sample("sigma", dist.HalfNormal(1.0))
    k = alpha**2 * bnp.exp(-((x[:, None] - x[None, :]) ** 2) / (2 * rho**2))
    cov = k + sigma * bnp.eye(len(x))
    prob.sample("y", dist.MultivariateNormal(bnp.zeros(len(x)), covariance_matrix=cov), obs=y)


def ark(lags, y):
    alpha = prob.sample("alpha", dist.Normal(0.0, 10.0))
    b = prob.sample("beta", dist.Normal(0.0, 10.0).expand((5,)).to_event(1))
    sigma = prob.sample("sigma", dist.HalfCauchy(2.5))
    prob.sample("y", dist.Normal(alpha + lags @ b, sigma), obs=y)


def radon(county, floor, uppm, y):
    mu = prob.sample("mu_alpha", dist.Normal(0.0, 10.0))
    b = prob.sample("beta", dist.Normal(0.0, 10.0).expand((2,)).to_event(1))
    sigma_a = prob.sample("sigma_alpha", dist.HalfNormal(1.0))
    sigma_y = prob.sample("sigma_y", dist.HalfNormal(1.0))
    raw = prob.sample("alpha_raw", dist.Normal(0.0, 1.0).expand((85,)).to_event(1))
    alpha = prob.deterministic("alpha", mu + sigma_a * raw)
    prob.sample("y", dist.Normal(alpha[county] + b[0] * uppm + b[1] * floor, sigma_y), obs=y)


def mixture(y):
    mu = prob.sample("mu", dist.Normal(0.0, 2.0).expand((2,)).to_event(1))
    sigma = prob.sample("sigma", dist.HalfNormal(2.0).expand((2,)).to_event(1))
    theta = prob.sample("theta", dist.Beta(5.0, 5.0))
    prob.factor("ordered", bnp.where(mu[0] < mu[1], 0.0, -bnp.inf))
    parts = dist.Normal(mu, sigma).log_prob(y[:, None])
    weights = bnp.log(bnp.stack([theta, 1 - theta]))
    both = parts + weights
    top = bnp.max(both, axis=1)
    prob.factor("y", bnp.sum(top + bnp.log(bnp.sum(bnp.exp(both - top[:, None]), axis=1))))


def _ark_data(d):
    y = np.array(d["y"])
    lags = np.stack([y[5 - k : len(y) - k] for k in range(1, 6)], axis=1)
    return lags, y[5:]


# name -> (model, data -> arguments, constrained start or None, options)
CASES = {
    "eight_schools-eight_schools_noncentered": (
        eight_schools_noncentered,
        lambda d: (np.array(d["y"], float), np.array(d["sigma"], float)),
        None,
        {"target_accept_prob": 0.9},
    ),
    "kidiq-kidscore_interaction": (
        kidiq,
        lambda d: tuple(np.array(d[k], float) for k in ("kid_score", "mom_hs", "mom_iq")),
        None,
        {"dense_mass": True},
    ),
    "wells_data-wells_dist100ars_model": (
        wells,
        lambda d: tuple(np.array(d[k], float) for k in ("switched", "dist", "arsenic")),
        None,
        {},
    ),
    "gp_pois_regr-gp_regr": (
        gp_regression,
        lambda d: (np.array(d["x"], float), np.array(d["y"], float)),
        None,
        {},
    ),
    "arK-arK": (ark, _ark_data, None, {}),
    "radon_mn-radon_hierarchical_intercept_noncentered": (
        radon,
        lambda d: (
            np.array(d["county_idx"]) - 1,
            np.array(d["floor_measure"], float),
            np.array(d["log_uppm"], float),
            np.array(d["log_radon"], float),
        ),
        None,
        {},
    ),
    "low_dim_gauss_mix-low_dim_gauss_mix": (
        mixture,
        lambda d: (np.array(d["y"], float),),
        {"mu": np.array([-1.0, 1.0]), "sigma": np.array([1.0, 1.0]), "theta": 0.5},
        {},
    ),
}


def _load(name: str) -> tuple[dict, dict]:
    if not FOLDER.is_dir():
        pytest.skip(f"no reference posteriors at {FOLDER}")
    folder = FOLDER / name
    data = json.loads((folder / "data.json").read_text())
    return data, json.loads((folder / "reference.json").read_text())["params"]


def _element(samples: dict, name: str) -> np.ndarray | None:
    """Draws (chains, draws) of `beta[2]`, numbered from 1."""
    match = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", name)
    base, index = match.group(1), match.group(2)
    if base not in samples:
        return None
    x = np.asarray(samples[base])
    return x[..., int(index) - 1] if index else x


@pytest.mark.parametrize("name", list(CASES))
def test_moments(name: str) -> None:
    data, reference = _load(name)
    model, arguments, start, options = CASES[name]
    from bibun.prob.infer import init_to_value

    if start is not None:
        options = {**options, "init_strategy": init_to_value(values=start)}
    mcmc = MCMC(NUTS(model, **options), 1000, 1500, num_chains=4, progress_bar=False)
    mcmc.run(20261121, *arguments(data))
    samples = mcmc.get_samples(group_by_chain=True)
    compared = 0
    for parameter, expected in reference.items():
        x = _element(samples, parameter)
        if x is None:
            continue
        compared += 1
        assert rhat(x) < 1.02, parameter
        error = x.std() / np.sqrt(float(effective_sample_size(x)))
        bound = 5 * np.hypot(error, expected["mcse"])
        assert abs(x.mean() - expected["mean"]) < bound, (parameter, x.mean(), expected)
        spread = expected["sd"] * (5 / np.sqrt(2 * float(ess_bulk(x))) + 0.03)
        assert abs(x.std() - expected["sd"]) < spread + 5 * expected.get("mcse_sd", 0.0), parameter
    assert compared >= min(3, len(reference))
    assert mcmc.num_divergences <= 15


def test_centred_eight_schools_is_said_to_be_bad() -> None:
    """The funnel: what the sampler reports must warn, whatever the means are."""
    data, _ = _load("eight_schools-eight_schools_centered")
    mcmc = MCMC(NUTS(eight_schools_centered), 1000, 1000, num_chains=4, progress_bar=False)
    mcmc.run(0, np.array(data["y"], float), np.array(data["sigma"], float))
    tau = np.log(np.asarray(mcmc.get_samples(group_by_chain=True)["tau"]))
    energy = np.asarray(mcmc.get_extra_fields(group_by_chain=True)["energy"])
    from bibun.prob.diagnostics import e_bfmi

    warned = (
        mcmc.num_divergences > 0
        or rhat(tau) > 1.01
        or ess_bulk(tau) < 400
        or e_bfmi(energy).min() < 0.3
    )
    assert warned
