"""Gibbs kernels and SA against posteriors computed exactly."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as ss

import bibun.prob.distributions as dist
from bibun import numpy as bnp
from bibun import prob, random
from bibun.prob.diagnostics import effective_sample_size
from bibun.prob.infer import HMC, MCMC, NUTS, SA, DiscreteHMCGibbs, HMCGibbs, MixedHMC

Y = np.array([0.3, 2.5, 1.9])
PROBS = np.array([0.5, 0.2, 0.3])
LEVELS = np.array([-1.0, 0.5, 2.5])


def classes(y):
    """Three classes an element, a switch for all, a shift that is normal given these."""
    switch = prob.sample("switch", dist.Bernoulli(0.4))
    shift = prob.sample("shift", dist.Normal(0.0, 1.0))
    with prob.plate("n", 3):
        z = prob.sample("z", dist.Categorical(PROBS))
        prob.sample("y", dist.Normal(bnp.asarray(LEVELS)[z] + shift + switch, 1.0), obs=y)


def exact_classes():
    """Probabilities of each z element's classes and of the switch; mean and sd of the shift."""
    grid = np.linspace(-6, 6, 2401)
    joint = {}
    for s, p in ((0, 0.6), (1, 0.4)):
        by_class = ss.norm.pdf(Y[:, None, None], LEVELS[:, None] + grid + s) * PROBS[:, None]
        evidence = by_class.sum(1)
        joint[s] = p * ss.norm.pdf(grid) * evidence.prod(0), by_class / evidence[:, None]
    total = sum(j[0].sum() for j in joint.values())
    z = sum((j[0] * j[1]).sum(-1) for j in joint.values()) / total
    density = (joint[0][0] + joint[1][0]) / total
    mean = density @ grid
    return z, joint[1][0].sum() / total, mean, np.sqrt(density @ (grid - mean) ** 2)


def near(draws, mean, sd):
    """Whether the mean of (chains, draws) is within its Monte Carlo error."""
    ess = float(effective_sample_size(draws))
    assert ess > 100
    assert abs(draws.mean() - mean) < 4.5 * sd / np.sqrt(ess)


def check_classes(mcmc):
    z, switch, mean, sd = exact_classes()
    draws = {k: np.asarray(v) for k, v in mcmc.get_samples(group_by_chain=True).items()}
    assert draws["z"].dtype.kind == "i"
    near(draws["shift"], mean, sd)
    near(draws["switch"].astype(float), switch, np.sqrt(switch * (1 - switch)))
    for k in range(3):
        for c in range(3):
            p = z[k, c]
            near((draws["z"][..., k] == c).astype(float), p, np.sqrt(p * (1 - p)))


@pytest.mark.parametrize("modified", [False, True], ids=["", "modified"])
@pytest.mark.parametrize("random_walk", [False, True], ids=["conditional", "walk"])
def test_discrete_gibbs(random_walk, modified):
    kernel = DiscreteHMCGibbs(NUTS(classes), random_walk=random_walk, modified=modified)
    mcmc = MCMC(kernel, 300, 4000, num_chains=2, progress_bar=False)
    mcmc.run(0, Y)
    check_classes(mcmc)


@pytest.mark.parametrize(
    "options",
    [{}, {"random_walk": True, "num_discrete_updates": 2}, {"modified": True},
     {"random_walk": True, "modified": True, "num_discrete_updates": 9}],
    ids=["conditional", "walk", "modified", "modified walk"],
)  # fmt: skip
def test_mixed_hmc(options):
    kernel = MixedHMC(HMC(classes, trajectory_length=1.5), **options)
    mcmc = MCMC(kernel, 300, 6000, num_chains=2, progress_bar=False)
    mcmc.run(0, Y)
    check_classes(mcmc)


def test_mixed_hmc_wants_a_length():
    with pytest.raises(TypeError, match="must be HMC"):
        MixedHMC(NUTS(classes))


def test_discrete_gibbs_with_a_site_summed_out():
    def model(y):
        switch = prob.sample("switch", dist.Bernoulli(0.4))
        shift = prob.sample("shift", dist.Normal(0.0, 1.0))
        with prob.plate("n", 3):
            z = prob.sample("z", dist.Categorical(PROBS), infer={"enumerate": "parallel"})
            prob.sample("y", dist.Normal(bnp.asarray(LEVELS)[z] + shift + switch, 1.0), obs=y)

    mcmc = MCMC(DiscreteHMCGibbs(HMC(model, num_steps=4)), 300, 5000, progress_bar=False)
    mcmc.run(0, Y)
    draws = mcmc.get_samples(group_by_chain=True)
    assert set(draws) == {"switch", "shift"}
    _, switch, mean, sd = exact_classes()
    near(np.asarray(draws["shift"]), mean, sd)
    near(np.asarray(draws["switch"]).astype(float), switch, np.sqrt(switch * (1 - switch)))


def test_hmc_within_gibbs():
    """x + y is observed: their posterior is normal."""

    def model(seen):
        x = prob.sample("x", dist.Normal(0.0, 2.0))
        y = prob.sample("y", dist.Normal(bnp.zeros(2), 2.0).to_event(1))
        prob.sample("obs", dist.Normal(x + bnp.sum(y), 1.0), obs=seen)

    def gibbs_fn(rng_key, gibbs_sites, hmc_sites):
        assert set(gibbs_sites) == {"x"} and set(hmc_sites) == {"y"}
        mean = 0.8 * (3.0 - bnp.sum(hmc_sites["y"]))
        return {"x": mean + 0.8**0.5 * random.normal(rng_key)}

    mcmc = MCMC(HMCGibbs(NUTS(model), gibbs_fn, ["x"]), 300, 4000, progress_bar=False)
    mcmc.run(0, np.array(3.0))
    draws = mcmc.get_samples(group_by_chain=True)
    cov = np.linalg.inv(np.eye(3) / 4 + np.ones((3, 3)))
    mean = cov @ np.full(3, 3.0)
    near(np.asarray(draws["x"]), mean[0], np.sqrt(cov[0, 0]))
    near(np.asarray(draws["y"])[..., 0], mean[1], np.sqrt(cov[1, 1]))
    assert np.asarray(draws["x"]).std() == pytest.approx(np.sqrt(cov[0, 0]), rel=0.1)


def test_a_stored_gibbs_run_goes_on(tmp_path):
    def make(n):
        return MCMC(DiscreteHMCGibbs(NUTS(classes)), 60, n, progress_bar=False)

    whole, part, rest = make(60), make(30), make(60)
    whole.run(0, Y)
    part.run(0, Y, checkpoint=tmp_path / "run")
    rest.resume(tmp_path / "run", Y)
    for k, v in whole.get_samples().items():
        np.testing.assert_array_equal(rest.get_samples()[k], v)


def test_errors():
    def continuous():
        prob.sample("x", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match="no discrete latent site"):
        MCMC(DiscreteHMCGibbs(NUTS(continuous)), 5, 5, progress_bar=False).run(0)
    with pytest.raises(ValueError, match="not latent"):
        kernel = HMCGibbs(NUTS(continuous), lambda *a: {}, ["w"])
        MCMC(kernel, 5, 5, progress_bar=False).run(0)
    with pytest.raises(ValueError, match="must return values of"):

        def two():
            prob.sample("x", dist.Normal(0.0, 1.0))
            prob.sample("y", dist.Normal(0.0, 1.0))

        MCMC(HMCGibbs(NUTS(two), lambda *a: {}, ["x"]), 5, 5, progress_bar=False).run(0)
    with pytest.raises(TypeError, match="HMC or NUTS"):
        DiscreteHMCGibbs(SA(continuous))


# sample adaptive ------------------------------------------------------------------------------


@pytest.mark.parametrize("dense", [True, False], ids=["dense", "diagonal"])
def test_sample_adaptive(dense):
    cov = np.array([[1.0, 1.2], [1.2, 4.0]]) if dense else np.diag([1.0, 4.0])
    loc = np.array([1.0, -2.0])

    def model():
        prob.sample("x", dist.MultivariateNormal(loc, cov))

    mcmc = MCMC(SA(model, dense_mass=dense, adapt_state_size=10), 2000, 30_000, num_chains=2,
                progress_bar=False)  # fmt: skip
    mcmc.run(0)
    x = np.asarray(mcmc.get_samples(group_by_chain=True)["x"])
    for k in range(2):
        near(x[..., k], loc[k], np.sqrt(cov[k, k]))
    np.testing.assert_allclose(np.cov(x.reshape(-1, 2).T), cov, atol=0.15, rtol=0.15)


def test_sample_adaptive_in_one_dimension_and_with_a_bound():
    mcmc = MCMC(SA(lambda: prob.sample("g", dist.Gamma(3.0, 2.0))), 1000, 20_000,
                progress_bar=False)  # fmt: skip
    mcmc.run(1)
    x = np.asarray(mcmc.get_samples()["g"])[::25]
    assert ss.kstest(x, ss.gamma(3, scale=0.5).cdf).pvalue > 1e-3
    with pytest.raises(ValueError, match="adapt_state_size"):
        MCMC(SA(classes_free, adapt_state_size=2), 5, 5, progress_bar=False).run(0)


def classes_free():
    prob.sample("x", dist.Normal(bnp.zeros(3), 1.0).to_event(1))
