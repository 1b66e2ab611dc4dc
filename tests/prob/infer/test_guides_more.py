"""Batched guides, surrogate annealing, and points' quantiles."""

from __future__ import annotations

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import optim, prob, random
from bibun.errors import ShapeError
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.infer import SVI, Trace_ELBO, autoguide

RNG = np.random.default_rng(0)
Y = RNG.normal(size=(4, 3))


def batch(y):
    """Four independent pairs (x, the two of w); x and w are correlated given y."""
    with prob.plate("n", 4):
        x = prob.sample("x", dist.Normal(0.0, 1.0))
        w = prob.sample("w", dist.Normal(0.0, 1.0).expand((2,)).to_event(1))
        mean = bnp.stack([x + w[..., 0], x - w[..., 1], w[..., 0] + w[..., 1]], axis=-1)
        prob.sample("y", dist.Normal(mean, 0.7).to_event(1), obs=y)


@pytest.mark.parametrize("name", ["MultivariateNormal", "LowRankMultivariateNormal"])
def test_batched_guides_find_normal_posteriors(name):
    options = {"rank": 2} if "Low" in name else {}
    guide = getattr(autoguide, f"AutoBatched{name}")(batch, **options)
    svi = SVI(batch, guide, optim.adam(0.02), Trace_ELBO(num_particles=32))
    fit = svi.run(random.PRNGKey(0), 1500, Y, progress_bar=False)
    a = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, -1.0], [0.0, 1.0, 1.0]]) / 0.7
    cov = np.linalg.inv(np.eye(3) + a.T @ a)
    exact = Y / 0.7 @ a @ cov
    median = guide.median(fit.params)
    found = np.concatenate([np.asarray(median["x"])[:, None], np.asarray(median["w"])], axis=1)
    np.testing.assert_allclose(found, exact, atol=0.12)
    draws = guide.sample_posterior(random.PRNGKey(1), fit.params, sample_shape=(4000,))
    x, w = np.asarray(draws["x"]), np.asarray(draws["w"])
    assert w.shape == (4000, 4, 2)
    for k in range(4):
        np.testing.assert_allclose(np.cov(np.stack([x[:, k], *w[:, k].T])), cov, atol=0.15)
    assert abs(np.corrcoef(x[:, 0], x[:, 1])[0, 1]) < 0.06  # independent between
    quantiles = guide.quantiles(fit.params, [0.1, 0.9])
    at = np.quantile(w, [0.1, 0.9], axis=0)
    np.testing.assert_allclose(quantiles["w"], at, atol=0.08)


def test_batched_guides_want_one_batch():
    def model():
        prob.sample("x", dist.Normal(bnp.zeros(3), 1.0))
        prob.sample("z", dist.Normal(bnp.zeros(2), 1.0))

    guide = autoguide.AutoBatchedMultivariateNormal(model)
    with pytest.raises(ShapeError, match="same 1 leading axes"):
        handlers.seed(guide, 0)()


def regression(x, y, m=5):
    w = prob.sample("w", dist.Normal(0.0, 1.0).expand((2,)).to_event(1))
    with prob.plate("N", 40, subsample_size=m):
        rows, seen = prob.subsample(x, event_dim=1), prob.subsample(y, event_dim=0)
        prob.sample("y", dist.Normal(rows @ w, 0.5), obs=seen)


def test_a_surrogate_leads_the_walk_and_is_fitted():
    x = RNG.normal(size=(40, 2))
    y = x @ [1.0, -0.5] + 0.5 * RNG.normal(size=40)

    def surrogate():
        w = prob.sample("w", dist.Normal(0.0, 1.0).expand((2,)).to_event(1))
        weight = prob.param("weight", bnp.full(10, 2.0), constraint=dist.constraints.positive)
        with prob.plate("few", 10), handlers.scale(scale=weight):
            prob.sample("few_y", dist.Normal(x[:10] @ w, 0.5), obs=y[:10])

    guide = autoguide.AutoSurrogateLikelihoodDAIS(regression, surrogate, K=3)
    svi = SVI(regression, guide, optim.adam(0.02), Trace_ELBO())
    fit = svi.run(random.PRNGKey(0), 1500, x, y, progress_bar=False)
    assert fit.params["weight"].shape == (10,)
    assert not np.allclose(np.asarray(fit.params["weight"]), 2.0)
    draws = guide.sample_posterior(random.PRNGKey(1), fit.params, x, y, sample_shape=(2000,))
    cov = np.linalg.inv(np.eye(2) + x.T @ x / 0.25)
    mean = cov @ x.T @ y / 0.25
    w = np.asarray(draws["w"])
    np.testing.assert_allclose(w.mean(0), mean, atol=0.08)
    np.testing.assert_allclose(w.std(0), np.sqrt(np.diag(cov)), rtol=0.4)
    # a bound it stays: never above the evidence
    evidence = -svi_evidence(x, y)
    losses = [
        float(Trace_ELBO(64).loss(random.PRNGKey(k), fit.params, regression, guide, x, y, 40))
        for k in range(4)
    ]
    assert np.mean(losses) > evidence - 0.05
    other = autoguide.AutoSurrogateLikelihoodDAIS(regression, lambda: None)
    with pytest.raises(ValueError, match=r"latent sites \[\], the model \['w'\]"):
        handlers.seed(other, 0)(x, y)


def svi_evidence(x, y):
    from scipy.stats import multivariate_normal

    return multivariate_normal(np.zeros(40), x @ x.T + 0.25 * np.eye(40)).logpdf(y)


def test_quantiles_of_points():
    guide = autoguide.AutoDelta(batch)
    handlers.seed(guide, 0)(Y)
    params = {"x_auto_loc": bnp.arange(4.0), "w_auto_loc": bnp.ones((4, 2))}
    out = guide.quantiles(params, [0.1, 0.5, 0.9])
    assert out["w"].shape == (3, 4, 2) and out["x"][2].tolist() == [0.0, 1.0, 2.0, 3.0]
