"""Nested sampling against evidences and posteriors known exactly."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special as sp
import scipy.stats as ss

import bibun.numpy as bnp
import bibun.prob.distributions as dist
from bibun import prob
from bibun.prob.contrib.nested_sampling import NestedSampler

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3))
Y = X @ np.array([1.0, -0.5, 0.3]) + 0.5 * rng.normal(size=20)


def linear(x, y):
    w = prob.sample("w", dist.Normal(bnp.zeros(3), 2.0).to_event(1))
    prob.sample("y", dist.Normal(bnp.dot(x, w), 0.5), obs=y)


def within(ns, exact):
    assert abs(ns.log_evidence - exact) < 4 * ns.log_evidence_error
    assert ns.log_evidence_error < 0.5


def test_a_linear_model():
    ns = NestedSampler(linear, constructor_kwargs={"num_live_points": 400})
    ns.run(0, X, Y)
    within(ns, ss.multivariate_normal(np.zeros(20), 4 * X @ X.T + 0.25 * np.eye(20)).logpdf(Y))
    cov = np.linalg.inv(np.eye(3) / 4 + X.T @ X / 0.25)
    mean = cov @ X.T @ Y / 0.25
    sd = np.sqrt(np.diag(cov))
    w = np.asarray(ns.get_samples(1, num_samples=4000)["w"])
    error = sd / np.sqrt(ns.effective_sample_size)
    np.testing.assert_array_less(abs(w.mean(0) - mean), 5 * error)
    np.testing.assert_allclose(w.std(0), sd, rtol=0.15)
    samples, log_weights = ns.get_weighted_samples()
    weights = np.exp(np.asarray(log_weights))
    assert weights.sum() == pytest.approx(1.0)
    np.testing.assert_array_less(abs(weights @ np.asarray(samples["w"]) - mean), 5 * error)


def test_bounded_sites_and_counts():
    """Beta-binomial: the evidence is a ratio of beta functions."""

    def model(k):
        p = prob.sample("p", dist.Beta(2.0, 3.0))
        prob.deterministic("odds", p / (1 - p))
        prob.sample("k", dist.Binomial(20, p), obs=k)

    ns = NestedSampler(model)
    ns.run(0, np.array(15))
    within(ns, ss.betabinom(20, 2, 3).logpmf(15))
    draws = ns.get_samples(0, 3000)
    p = np.asarray(draws["p"])
    np.testing.assert_allclose(draws["odds"], p / (1 - p))
    assert ss.kstest(p[::10], ss.beta(17, 8).cdf).pvalue > 1e-4


def test_two_far_modes_have_their_shares():
    def model():
        x = prob.sample("x", dist.Uniform(-10.0, 10.0).expand((2,)).to_event(1))
        left = -0.5 * bnp.sum((x + 5.0) ** 2) / 0.09 + np.log(0.25)
        right = -0.5 * bnp.sum((x - 5.0) ** 2) / 0.09 + np.log(0.75)
        prob.factor("two", bnp.logaddexp(left, right))

    ns = NestedSampler(model, constructor_kwargs={"num_live_points": 600})
    ns.run(1)
    within(ns, np.log(2 * np.pi * 0.09 / 400.0))
    x = np.asarray(ns.get_samples(0, 4000)["x"])
    # the share of a mode is decided while the modes part, by so many live points
    assert (x[:, 0] > 0).mean() == pytest.approx(0.75, abs=0.12)
    assert x[x[:, 0] > 0].std(0) == pytest.approx(0.3, rel=0.15)


def test_discrete_sites_are_summed_out():
    def model(y):
        w = prob.sample("w", dist.Uniform(0.0, 1.0))
        with prob.plate("n", 3):
            z = prob.sample("z", dist.Bernoulli(w))
            prob.sample("y", dist.Normal(3.0 * z, 1.0), obs=y)

    y = np.array([0.1, 2.9, 3.3])
    a, b = ss.norm.logpdf(y, 3), ss.norm.logpdf(y)
    grid = (np.arange(20_000) + 0.5) / 20_000
    lp = np.logaddexp(a[:, None] + np.log(grid), b[:, None] + np.log1p(-grid)).sum(0)
    ns = NestedSampler(model)
    ns.run(0, y)
    within(ns, sp.logsumexp(lp) - np.log(len(grid)))


def test_what_it_says(capsys):
    ns = NestedSampler(linear, termination_kwargs={"dlogZ": 0.1})
    with pytest.raises(RuntimeError, match="call run"):
        ns.get_samples(0, 10)
    ns.run(0, X, Y)
    ns.print_summary()
    out = capsys.readouterr().out
    assert "log evidence" in out and "w[2]" in out
    with pytest.raises(ValueError, match="num_live_points"):
        NestedSampler(linear, constructor_kwargs={"live": 3})
    with pytest.raises(RuntimeError, match="max_samples"):
        NestedSampler(linear, constructor_kwargs={"max_samples": 10}).run(0, X, Y)
