"""AutoSemiDAIS: a walk for local variables, a guide for global ones, data in subsamples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import bibun
import bibun.numpy as bnp
from bibun import optim, prob, random
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.infer import SVI, Trace_ELBO
from bibun.prob.infer.autoguide import AutoDiagonalNormal, AutoSemiDAIS

N, S = 8, 0.6
Y = np.random.default_rng(0).normal(1.0, 1.3, size=N)


def top(y, m=N):
    return prob.sample("theta", dist.Normal(0.0, 2.0)), y, m


def bottom(given):
    """Of each element a location, and a positive size that no datum sees."""
    theta, y, m = given
    with prob.plate("data", N, subsample_size=m):
        z = prob.sample("z", dist.Normal(theta, 1.0))
        prob.sample("w", dist.LogNormal(0.3, 0.5).expand((2,)).to_event(1))
        prob.sample("y", dist.Normal(z, S), obs=prob.subsample(y, event_dim=0))


def model(y, m=N):
    bottom(top(y, m))


def evidence(y):
    return multivariate_normal(np.zeros(N), (1 + S**2) * np.eye(N) + 4.0).logpdf(y)


def make(**options):
    options = {"K": 3, "eta_init": 0.2, "eta_max": 1.0, "init_scale": 0.5} | options
    return AutoSemiDAIS(model, bottom, AutoDiagonalNormal(top, init_scale=0.3), **options)


@pytest.mark.parametrize("shared", [False, True])
def test_weights_are_those_of_importance_sampling(shared):
    """For any parameters E[p(y, z)/q(z)] is the evidence: exact, before any fit."""
    guide = make(use_global_dais_params=shared)
    svi = SVI(model, guide, optim.adam(0.01), Trace_ELBO())
    params = dict(svi.get_params(svi.init(0, Y)))
    assert params["auto_eta0"].shape == (() if shared else (N,))
    assert params["auto_mass_matrix"].shape == ((3,) if shared else (N, 3))
    # near the posterior, so that weights have a variance
    posterior = 1 / (1 / 4 + N / (1 + S**2))
    mean = posterior * Y.sum() / (1 + S**2)
    params["auto_loc"] = bnp.array([mean])
    params["auto_scale"] = bnp.array([1.3 * posterior**0.5])
    gain = 1 / (1 + S**2)
    local = mean + gain * (Y - mean)
    params["auto_z_0_loc"] = bnp.asarray(np.stack([local, np.full(N, 0.3), np.full(N, 0.2)], 1))
    elbo = Trace_ELBO()

    def weight(key):
        return elbo.once(key, params, model, guide, (Y,), {})

    logs = np.asarray(bibun.jit(bibun.vmap(weight))(random.split(random.PRNGKey(1), 20000)))
    ratio = np.exp(logs - evidence(Y))
    assert abs(ratio.mean() - 1) < 4.5 * ratio.std() / np.sqrt(len(ratio))
    assert ratio.std() < 10 and logs.mean() < evidence(Y)


def test_a_fit_on_subsamples():
    guide = make()
    svi = SVI(model, guide, optim.adam(0.01), Trace_ELBO(num_particles=4))
    fit = svi.run(random.PRNGKey(0), 2000, Y, 4, progress_bar=False)
    cov = np.linalg.inv(np.block([
        [np.array([[1 / 4 + N]]), -np.ones((1, N))],
        [-np.ones((N, 1)), np.eye(N) * (1 + 1 / S**2)],
    ]))  # fmt: skip
    exact = cov @ np.r_[0.0, Y / S**2]
    for chosen in ([3, 7, 0, 1], [2, 4, 5, 6]):
        with handlers.substitute(data={"data": bnp.array(chosen)}):
            draws = guide.sample_posterior(
                random.PRNGKey(1), fit.params, Y, 4, sample_shape=(3000,)
            )
        z, theta = np.asarray(draws["z"]), np.asarray(draws["theta"])
        assert z.shape == (3000, 4) and draws["w"].shape == (3000, 4, 2)
        at = 1 + np.array(chosen)
        np.testing.assert_allclose(z.mean(0), exact[at], atol=0.12)
        np.testing.assert_allclose(z.std(0), np.sqrt(np.diag(cov)[at]), rtol=0.25)
        np.testing.assert_allclose(theta.mean(), exact[0], atol=0.15)
        np.testing.assert_allclose(np.log(draws["w"]).mean(), 0.3, atol=0.06)
    loss = float(Trace_ELBO(500).loss(random.PRNGKey(2), fit.params, model, guide, Y, 4))
    assert -0.1 < loss + evidence(Y) < 1.0


def test_what_it_cannot_do():
    with pytest.raises(ValueError, match="eta_init"):
        make(eta_init=2.0)
    with pytest.raises(TypeError, match="automatic guide"):
        AutoSemiDAIS(model, bottom, lambda y: {})
    with pytest.raises(ValueError, match="subsample_plate"):
        handlers.seed(make(subsample_plate="rows"), 0)(Y)

    def no_locals(y):
        theta = prob.sample("theta", dist.Normal(0.0, 2.0))
        with prob.plate("data", N):
            prob.sample("y", dist.Normal(theta, 1.0), obs=y)

    with pytest.raises(ValueError, match="latent sites"):
        handlers.seed(AutoSemiDAIS(no_locals, no_locals), 0)(Y)
    with pytest.raises(NotImplementedError, match="sample_posterior"):
        make().median({})
