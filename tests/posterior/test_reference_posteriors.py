"""NUTS on posteriors whose moments others established (`../shared/reference_posteriors`).

A mean may differ from the reference by 5 Monte Carlo standard errors of both sides, a
standard deviation by the like. Where the folder is missing, these tests skip and say so.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from benchmarks.posteriors import FOLDER, POSTERIORS, kernel_options, load
from benchmarks.stack import Stack

from bibun.prob.diagnostics import effective_sample_size, ess_bulk, rhat
from bibun.prob.infer import MCMC, NUTS

LIB = Stack("bibun")
EASY = [name for name, p in POSTERIORS.items() if p.stored and not p.hard]


def _arguments(name: str) -> tuple[tuple, dict]:
    if not FOLDER.is_dir():
        pytest.skip(f"no reference posteriors at {FOLDER}")
    data, reference = load(name)
    return POSTERIORS[name].arguments(data), reference


def _element(samples: dict, name: str) -> np.ndarray | None:
    """Draws (chains, draws) of `beta[2]`, numbered from 1."""
    match = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", name)
    base, index = match.group(1), match.group(2)
    if base not in samples:
        return None
    x = np.asarray(samples[base])
    return x[..., int(index) - 1] if index else x


@pytest.mark.parametrize("name", EASY)
def test_moments(name: str) -> None:
    arguments, reference = _arguments(name)
    kernel = NUTS(POSTERIORS[name].model(LIB), **kernel_options(LIB, name))
    mcmc = MCMC(kernel, 1000, 1500, num_chains=4, progress_bar=False)
    mcmc.run(20261121, *arguments)
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
    name = "eight_schools-eight_schools_centered"
    arguments, _ = _arguments(name)
    mcmc = MCMC(NUTS(POSTERIORS[name].model(LIB)), 1000, 1000, num_chains=4, progress_bar=False)
    mcmc.run(0, *arguments)
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
