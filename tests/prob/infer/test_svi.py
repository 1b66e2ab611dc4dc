"""Variational inference against posteriors and evidences known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats as ss

import bibun
from bibun import numpy as bnp
from bibun import optim, optimizers, prob, random
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.infer import SVI, RenyiELBO, Trace_ELBO, TraceMeanField_ELBO, log_likelihood
from bibun.prob.infer import autoguide as ag

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 2)) + np.array([0.0, 0.8])
Y = X @ np.array([1.0, -0.5]) + 0.5 * rng.normal(size=20)
PRECISION = np.eye(2) / 4 + X.T @ X / 0.25
COV = np.linalg.inv(PRECISION)
MEAN = COV @ X.T @ Y / 0.25
EVIDENCE = ss.multivariate_normal(np.zeros(20), 4 * X @ X.T + 0.25 * np.eye(20)).logpdf(Y)


def linear(x, y=None):
    w = prob.sample("w", dist.Normal(bnp.zeros(2), 2.0).to_event(1))
    with prob.plate("n", x.shape[0]):
        prob.sample("y", dist.Normal(bnp.dot(x, w), 0.5), obs=y)


def exact_guide(x, y=None):
    loc = prob.param("loc", bnp.array(MEAN))
    prob.sample("w", dist.MultivariateNormal(loc, covariance_matrix=COV))


@pytest.mark.parametrize(
    "loss", [Trace_ELBO(3), Trace_ELBO(3, vectorize_particles=False), RenyiELBO(0.5, 4)],
    ids=["Trace", "Trace loop", "Renyi"],
)  # fmt: skip
def test_the_bound_at_the_posterior_is_the_evidence(loss):
    svi = SVI(linear, exact_guide, optim.sgd(0.0), loss)
    state = svi.init(random.key(1), X, Y)
    assert float(svi.evaluate(state, X, Y)) == pytest.approx(-EVIDENCE, rel=1e-9)


def test_mean_field_bound_uses_closed_forms():
    # E_q of the likelihood is left to draws; KL(q || p) is exact, so the mean is the bound
    loss = TraceMeanField_ELBO(2000)
    params = {"loc": bnp.array(MEAN)}
    value = float(loss.loss(random.key(0), params, linear, exact_guide, X, Y))
    assert value == pytest.approx(-EVIDENCE, abs=0.15)

    def prior_only():
        prob.sample("z", dist.Normal(1.0, 2.0))

    def guide():
        prob.sample("z", dist.Normal(prob.param("m", 0.3), 1.2))

    kl = float(dist.kl_divergence(dist.Normal(0.3, 1.2), dist.Normal(1.0, 2.0)))
    one = TraceMeanField_ELBO().loss(random.key(0), {"m": 0.3}, prior_only, guide)
    assert float(one) == pytest.approx(kl, rel=1e-12)


def test_renyi_bound_tightens_with_particles():
    def guide(x, y=None):
        loc = prob.param("loc", bnp.array(MEAN))
        prob.sample("w", dist.MultivariateNormal(loc, covariance_matrix=2 * COV))

    losses = [
        float(loss.loss(random.key(0), {"loc": MEAN}, linear, guide, X, Y))
        for loss in (Trace_ELBO(500), RenyiELBO(0.0, 500))
    ]
    assert losses[0] > losses[1] > -EVIDENCE - 0.2
    with pytest.raises(ValueError, match="use Trace_ELBO"):
        RenyiELBO(1.0)


DIAGONAL = np.diag(1 / np.diag(PRECISION))
GUIDES = [
    (ag.AutoNormal, DIAGONAL),
    (ag.AutoDiagonalNormal, DIAGONAL),
    (ag.AutoMultivariateNormal, COV),
    (ag.AutoLowRankMultivariateNormal, COV),
    (ag.AutoLaplaceApproximation, COV),
]


@pytest.mark.parametrize("make, cov", GUIDES, ids=lambda x: getattr(x, "__name__", ""))
def test_guides_find_the_normal_posterior(make, cov):
    guide = make(linear)
    schedule = optim.exponential_decay(0.05, 1000, 0.05)
    svi = SVI(linear, guide, optim.adam(schedule), Trace_ELBO(4))
    result = svi.run(0, 2000, X, Y, progress_bar=False)
    assert result.losses.shape == (2000,)
    draws = np.asarray(
        guide.sample_posterior(random.key(5), result.params, X, sample_shape=(6000,))["w"]
    )
    sd = np.sqrt(np.diag(cov))
    np.testing.assert_allclose(draws.mean(0), MEAN, atol=0.25 * sd.max())
    np.testing.assert_allclose(draws.std(0), sd, rtol=0.15)
    target = cov[0, 1] / (sd[0] * sd[1])
    assert np.corrcoef(draws.T)[0, 1] == pytest.approx(target, abs=0.1)
    median = np.asarray(guide.median(result.params)["w"])
    np.testing.assert_allclose(median, draws.mean(0), atol=0.1 * sd.max())
    # above the evidence by the divergence of the guide from the posterior
    if make is not ag.AutoLaplaceApproximation:
        gap = 0.5 * np.log(np.linalg.det(COV) / np.linalg.det(cov))
        gap += 0.5 * (np.trace(PRECISION @ cov) - 2)
        assert float(result.losses[-300:].mean()) == pytest.approx(-EVIDENCE + gap, abs=0.15)
        q = guide.quantiles(result.params, [0.25, 0.5, 0.75])["w"]
        width = np.asarray(q[2] - q[0])
        np.testing.assert_allclose(width, 1.349 * sd, rtol=0.2)


def gamma_poisson(y):
    rate = prob.sample("rate", dist.Gamma(3.0, 2.0))
    with prob.plate("n", y.shape[0]):
        prob.sample("y", dist.Poisson(rate), obs=y)


COUNTS = np.array([3, 1, 4, 1, 5, 9, 2, 6])
A, B = 3.0 + COUNTS.sum(), 2.0 + len(COUNTS)


def fit(guide, model, *args, steps=1500, rate=0.05, loss=None, seed=0):
    schedule = optim.exponential_decay(rate, steps // 2, 0.1)
    svi = SVI(model, guide, optim.adam(schedule), loss or Trace_ELBO(4))
    return svi.run(seed, steps, *args, progress_bar=False)


def test_delta_is_the_mode():
    guide = ag.AutoDelta(gamma_poisson)
    result = fit(guide, gamma_poisson, COUNTS)
    assert float(result.params["rate_auto_loc"]) == pytest.approx((A - 1) / B, rel=1e-3)
    assert float(guide.median(result.params)["rate"]) == pytest.approx((A - 1) / B, rel=1e-3)


def test_laplace_is_the_mode_and_curvature_of_the_logarithm():
    # log rate has density exp(A u - B exp(u)): mode log(A / B), curvature A
    guide = ag.AutoLaplaceApproximation(gamma_poisson)
    result = fit(guide, gamma_poisson, COUNTS)
    q = guide.get_posterior(result.params)
    assert float(q.mean[0]) == pytest.approx(math.log(A / B), abs=1e-3)
    assert float(q.variance[0]) == pytest.approx(1 / A, rel=5e-3)
    draws = guide.sample_posterior(0, result.params, sample_shape=(2, 3))
    assert draws["rate"].shape == (2, 3) and bool(bnp.all(draws["rate"] > 0))


@pytest.mark.parametrize("make", [ag.AutoNormal, ag.AutoMultivariateNormal])
@pytest.mark.parametrize("loss", [Trace_ELBO(4), TraceMeanField_ELBO(4)], ids=["Trace", "MF"])
def test_positive_site(make, loss):
    guide = make(gamma_poisson)
    result = fit(guide, gamma_poisson, COUNTS, loss=loss)
    x = np.asarray(guide.sample_posterior(1, result.params, sample_shape=(4000,))["rate"])
    assert x.mean() == pytest.approx(A / B, rel=0.03)
    assert x.std() == pytest.approx(math.sqrt(A) / B, rel=0.1)


def test_support_that_depends_on_another_site():
    def model(y):
        top = prob.sample("top", dist.Gamma(20.0, 5.0))
        x = prob.sample("x", dist.Uniform(0.0, top))
        prob.sample("y", dist.Normal(x, 0.5), obs=y)

    guide = ag.AutoNormal(model)
    result = fit(guide, model, bnp.array(1.5))
    draws = guide.sample_posterior(0, result.params, sample_shape=(2000,))
    assert bool(bnp.all(draws["x"] < draws["top"]))
    # the density of the guide's draws is right: its integral over x at fixed top is one
    trace = handlers.trace(
        handlers.substitute(handlers.seed(guide, 3), data=result.params)
    ).get_trace(bnp.array(1.5))
    x, site = trace["x"]["value"], trace["x"]["fn"]
    top = trace["top"]["value"]
    slope = bibun.grad(lambda u: top / (1 + bnp.exp(-u)))(trace["x_unconstrained"]["value"])
    assert float(site.log_prob(x)) == pytest.approx(-math.log(float(slope)), rel=1e-9)


def test_subsampled_plate_has_parameters_for_all():
    def model(y):
        scale = prob.sample("scale", dist.HalfNormal(5.0))
        with prob.plate("n", y.shape[0], subsample_size=4):
            part = prob.subsample(y, event_dim=0)
            z = prob.sample("z", dist.Normal(0.0, 2.0))
            prob.sample("y", dist.Normal(z, 0.1 + 0.0 * scale), obs=part)

    y = bnp.array(np.linspace(-3, 3, 12))
    guide = ag.AutoNormal(model)
    result = fit(guide, model, y, steps=3000)
    assert result.params["z_auto_loc"].shape == (12,)
    expected = np.asarray(y) / (1 + 0.01 / 4)
    np.testing.assert_allclose(np.asarray(result.params["z_auto_loc"]), expected, atol=0.15)
    with pytest.raises(ValueError, match="'n' is subsampled"):
        guide.median(result.params)


def test_parameters_in_the_model():
    # maximum likelihood of a constrained parameter: the empirical standard deviation
    def model(y):
        sd = prob.param("sd", 1.0, constraint=dist.constraints.positive)
        with prob.plate("n", y.shape[0]):
            prob.sample("y", dist.Normal(0.0, sd), obs=y)

    svi = SVI(model, lambda y: None, optimizers.adam(0.05), Trace_ELBO())
    result = svi.run(0, 800, Y, progress_bar=False)
    assert float(result.params["sd"]) == pytest.approx(math.sqrt((Y**2).mean()), rel=1e-3)


def test_steps_by_hand_and_runs_in_parts_are_the_run():
    def make():
        return SVI(linear, ag.AutoNormal(linear), optim.adam(0.05), Trace_ELBO())

    whole = make()
    result = whole.run(7, 40, X, Y, progress_bar=False)
    by_hand = make()
    state = by_hand.init(7, X, Y)
    step = bibun.jit(by_hand.update)
    losses = []
    for _ in range(40):
        state, loss = step(state, X, Y)
        losses.append(float(loss))
    np.testing.assert_allclose(np.asarray(result.losses), losses, rtol=1e-9)
    parts = make()
    first = parts.run(7, 25, X, Y, progress_bar=True)
    second = parts.run(0, 15, X, Y, progress_bar=False, init_state=first.state)
    joined = np.concatenate([np.asarray(first.losses), np.asarray(second.losses)])
    np.testing.assert_allclose(joined, losses, rtol=1e-9)
    forward = make().run(7, 5, X, Y, progress_bar=False, forward_mode_differentiation=True)
    np.testing.assert_allclose(np.asarray(forward.losses), losses[:5], rtol=1e-9)


def test_stable_update_stays():
    def model():
        p = prob.param("p", 1.0)
        prob.factor("f", bnp.log(p))

    svi = SVI(model, lambda: None, optim.sgd(-5.0), Trace_ELBO())
    result = svi.run(0, 3, progress_bar=False, stable_update=True)
    assert float(result.params["p"]) == pytest.approx(-4.0)  # log is nan there, and it stays


def test_errors():
    def discrete_guide(x, y):
        prob.param("a", 1.0)
        prob.sample("w", dist.Poisson(bnp.ones(2)).to_event(1))

    svi = SVI(linear, discrete_guide, optim.adam(0.1), Trace_ELBO())
    with pytest.raises(ValueError, match="guide site 'w'.*not differentiable"):
        svi.init(0, X, Y)
    with pytest.raises(ValueError, match="latent site 'w' has no site"):
        SVI(linear, lambda x, y: None, optim.adam(0.1), Trace_ELBO()).init(0, X, Y)
    with pytest.raises(TypeError, match="gradient transformation"):
        SVI(linear, exact_guide, 0.1, Trace_ELBO())
    svi = SVI(linear, ag.AutoNormal(linear), optim.adam(0.1), Trace_ELBO())
    with pytest.raises(ValueError, match="outside of compiled code"):
        bibun.jit(svi.init)(random.key(0), X, Y)


def test_log_likelihood():
    draws = rng.normal(size=(2, 5, 2))
    ll = log_likelihood(linear, {"w": draws}, X, Y, batch_ndims=2)
    assert set(ll) == {"y"} and ll["y"].shape == (2, 5, 20)
    np.testing.assert_allclose(
        np.asarray(ll["y"]), ss.norm(draws @ X.T, 0.5).logpdf(Y), rtol=1e-9
    )  # fmt: skip
    with pytest.raises(ValueError, match="differ in their number of draws"):
        log_likelihood(linear, {"w": draws, "v": draws[:1]}, X, Y)
