"""Ensemble samplers on densities known exactly."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as ss

import bibun.numpy as bnp
import bibun.prob.distributions as dist
from bibun import prob
from bibun.prob.diagnostics import effective_sample_size
from bibun.prob.infer import AIES, ESS, MCMC

COV = np.array([[1.0, 1.2, 0.0], [1.2, 4.0, 0.3], [0.0, 0.3, 0.25]])
LOC = np.array([1.0, -2.0, 0.5])


def normal_model():
    prob.sample("x", dist.MultivariateNormal(LOC, COV))


def gamma_model():
    prob.sample("g", dist.Gamma(3.0, 2.0))


def run(kernel, warmup, samples, chains=20, seed=0, **kwargs):
    mcmc = MCMC(kernel, warmup, samples, num_chains=chains, chain_method="vectorized",
                progress_bar=False)  # fmt: skip
    mcmc.run(seed, **kwargs)
    return mcmc


def ensemble_error(x):
    """Standard errors of the means of (walkers, draws, d): walkers are not independent."""
    means = x.mean(0)  # over walkers, by draw
    ess = np.asarray(effective_sample_size(means[None]))
    return means.std(0) / np.sqrt(ess)


KERNELS = {
    "AIES": lambda: AIES(normal_model),
    "DE": lambda: AIES(normal_model, moves={AIES.DEMove(): 1.0}),
    "stretch": lambda: AIES(normal_model, moves={AIES.StretchMove(): 1.0}, randomize_split=True),
    "ESS": lambda: ESS(normal_model),
    "random": lambda: ESS(normal_model, moves={ESS.RandomMove(): 1.0}),
    "gaussian": lambda: ESS(normal_model, moves={ESS.GaussianMove(): 1.0}),
    "KDE": lambda: ESS(normal_model, moves={ESS.KDEMove(): 1.0}, randomize_split=False),
    "mixed": lambda: ESS(
        normal_model, moves={ESS.KDEMove("silverman"): 0.5, ESS.DifferentialMove(): 0.5}
    ),
}


@pytest.mark.parametrize("name", KERNELS)
def test_the_normal(name):
    mcmc = run(KERNELS[name](), 500, 1500)
    x = np.asarray(mcmc.get_samples(group_by_chain=True)["x"])
    assert x.shape == (20, 1500, 3)
    np.testing.assert_array_less(abs(x.mean((0, 1)) - LOC), 5 * ensemble_error(x))
    second = (x - LOC)[..., :, None] * (x - LOC)[..., None, :]
    second = second.reshape(*x.shape[:2], 9)
    error = ensemble_error(second)
    np.testing.assert_array_less(abs(second.mean((0, 1)) - COV.ravel()), 5 * error)
    assert error.max() < 0.3


@pytest.mark.parametrize("kernel", [AIES, ESS])
def test_a_transformed_site(kernel):
    mcmc = run(kernel(gamma_model), 500, 4000, chains=6, seed=1)
    x = np.asarray(mcmc.get_samples(group_by_chain=True)["g"])[:, ::40].ravel()
    assert ss.kstest(x, ss.gamma(3, scale=0.5).cdf).pvalue > 1e-3


def test_warmup_tunes_mu():
    kernel = ESS(normal_model, init_mu=50.0)
    mcmc = run(kernel, 300, 10)
    mu = float(np.asarray(mcmc.get_extra_fields()["step_size"])[-1])
    assert mu < 20.0
    fixed = run(ESS(normal_model, init_mu=50.0, tune_mu=False), 300, 10)
    assert float(np.asarray(fixed.get_extra_fields()["step_size"])[-1]) == 50.0


def test_a_potential_and_given_points():
    start = np.random.default_rng(0).normal(size=(8, 2))
    kernel = AIES(potential_fn=lambda z: 0.5 * bnp.sum((z - 3.0) ** 2))
    mcmc = run(kernel, 300, 2000, chains=8, init_params=start)
    x = np.asarray(mcmc.get_samples(group_by_chain=True)["Param:0"])
    np.testing.assert_array_less(abs(x.mean((0, 1)) - 3.0), 5 * ensemble_error(x))


def test_a_stored_ensemble_goes_on(tmp_path):
    whole = run(AIES(normal_model), 50, 80, chains=6)
    part = MCMC(AIES(normal_model), 50, 30, num_chains=6, chain_method="vectorized",
                progress_bar=False)  # fmt: skip
    part.run(0, checkpoint=tmp_path / "run")
    rest = MCMC(AIES(normal_model), 50, 80, num_chains=6, chain_method="vectorized",
                progress_bar=False)  # fmt: skip
    rest.resume(tmp_path / "run")
    np.testing.assert_array_equal(rest.get_samples()["x"], whole.get_samples()["x"])


def test_wrong_numbers_of_chains():
    with pytest.raises(ValueError, match="vectorized"):
        MCMC(AIES(normal_model), 5, 5, num_chains=4)
    with pytest.raises(ValueError, match="even"):
        run(ESS(normal_model), 5, 5, chains=5)
    with pytest.raises(ValueError, match="at least 4"):
        run(AIES(normal_model), 5, 5, chains=2)
