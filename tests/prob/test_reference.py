"""Draws and densities equal NumPyro's: a migrated model can be verified number by number."""

from __future__ import annotations

import contextlib
import json
import pathlib

import numpy as np
import pytest
from scipy import stats

from bibun import grad, jit, prob, random
from bibun import numpy as bnp
from bibun.prob import distributions as dist
from bibun.prob import handlers

REF = json.loads(pathlib.Path(__file__).with_name("reference.json").read_text())


def given(x):
    if x == "Normal":
        return dist.Normal(0.0, 1.0)
    return bnp.array(x) if isinstance(x, list) else x


@pytest.mark.parametrize("case", REF["draws"], ids=lambda c: f"{c['name']}-{c['kwargs']}")
def test_draws(case):
    make = getattr(dist, case["name"])
    d = make(*map(given, case["args"]), **{k: given(v) for k, v in case["kwargs"].items()})
    x = d.sample(random.PRNGKey(3), (4,))
    if case["name"] != "BinomialProbs":  # bibun draws as jax.random.binomial does
        np.testing.assert_allclose(np.asarray(x), case["draws"], rtol=1e-10)
    lp = d.log_prob(bnp.array(case["draws"]))
    np.testing.assert_allclose(np.asarray(lp), case["log_prob"], rtol=1e-10)


@pytest.mark.parametrize("case", REF["densities"], ids=lambda c: f"{c['name']}-{c['kwargs']}")
def test_densities(case):
    make = getattr(dist, case["name"])
    d = make(*map(given, case["args"]), **{k: given(v) for k, v in case["kwargs"].items()})
    values = bnp.array(case["values"])
    if case["name"] == "BetaNegativeBinomial":  # NumPyro's own value is good to 1e-7 only
        case["log_prob"] = stats.betanbinom(4.0, 3.5, 2.0).logpmf(case["values"])
    np.testing.assert_allclose(np.asarray(d.log_prob(values)), case["log_prob"], rtol=1e-8)
    inside = np.asarray(jit(lambda d, v: d.log_prob(v))(d, values))
    np.testing.assert_allclose(inside, case["log_prob"], rtol=1e-8)
    x = np.asarray(d.sample(random.PRNGKey(0), (4000,)))
    assert x.shape == (4000, *d.batch_shape, *d.event_shape)
    assert np.all(np.asarray(d.support(bnp.array(x))))
    check_draws(d, x)


def check_draws(d, x):
    """Draws against the distribution function, or the mean, or the density's own classes."""
    if not d.event_shape:
        with contextlib.suppress(NotImplementedError):
            edges = np.quantile(x, [0.1, 0.4, 0.8], method="higher")
            for e in edges:
                expected, seen = float(d.cdf(e)), np.mean(x <= e)
                assert abs(seen - expected) < 5 * np.sqrt(expected * (1 - expected) / len(x)) + 1e-9
            return
    with contextlib.suppress(NotImplementedError):
        mean = np.asarray(d.mean)
        if np.all(np.isfinite(mean)):
            error = x.std(axis=0) / np.sqrt(len(x))
            assert np.all(np.abs(x.mean(axis=0) - mean) < 5 * error + 1e-9)


def test_quantiles_undo_cdfs():
    q = np.array([1e-6, 0.2, 0.7, 1 - 1e-6])
    for d in (
        dist.Dagum(1.5, 2.5, 0.7), dist.Gompertz(0.7, 1.3), dist.Levy(0.5, 1.2),
        dist.LowerTruncatedPowerLaw(-2.5, 0.5), dist.DoublyTruncatedPowerLaw(-2.5, 0.5, 5.0),
        dist.DoublyTruncatedPowerLaw(-1.0, 0.5, 5.0),
    ):  # fmt: skip
        np.testing.assert_allclose(np.asarray(d.cdf(d.icdf(q))), q, rtol=1e-9)
        x = np.asarray(d.icdf(q[1:3]))
        slope = [float(grad(d.cdf)(v)) for v in x]  # the density is the slope of the cdf
        np.testing.assert_allclose(np.log(slope), np.asarray(d.log_prob(x)), rtol=1e-6, atol=1e-7)


def test_hurdles():
    gates = bnp.array([0.1, 0.8])
    d = dist.HurdleDistribution(dist.Poisson(1.5), gate_logits=bnp.log(gates / (1 - gates)))
    k = np.arange(60)[:, None]
    np.testing.assert_allclose(np.exp(np.asarray(d.log_prob(k))).sum(0), 1.0, rtol=1e-12)
    p = np.exp(np.asarray(d.log_prob(k)))
    np.testing.assert_allclose(np.asarray(d.mean), (k * p).sum(0), rtol=1e-10)
    spread = (k**2 * p).sum(0) - (k * p).sum(0) ** 2
    np.testing.assert_allclose(np.asarray(d.variance), spread, rtol=1e-10)
    np.testing.assert_allclose(np.asarray(d.cdf(3)), p[:4].sum(0), rtol=1e-10)
    slope = grad(lambda g: dist.HurdleGamma(g, 2.0).log_prob(0.0))(0.25)
    np.testing.assert_allclose(float(slope), 4.0)
    with pytest.raises(ValueError, match="exactly one of gate"):
        dist.HurdleDistribution(dist.Poisson(1.0))
    with pytest.raises(ValueError, match="gate must lie"):
        dist.HurdlePoisson(1.5, 1.0)


def test_model():
    def model():
        a = prob.sample("a", dist.Normal(0.0, 1.0))
        with prob.plate("N", 4):
            b = prob.sample("b", dist.Gamma(2.0, 1.0))
            with prob.plate("M", 2):
                prob.sample("c", dist.Normal(a, b))
        with prob.plate("K", 10, subsample_size=3) as i:
            prob.sample("d", dist.Exponential(1.0 + i))
        prob.sample("e", dist.Normal(bnp.zeros((1, 3)), 1.0).expand([2, 3]).to_event(1))

    trace = handlers.trace(handlers.seed(model, 5)).get_trace()
    assert list(trace) == list(REF["model"])
    for name, value in REF["model"].items():
        np.testing.assert_allclose(np.asarray(trace[name]["value"]), value, rtol=1e-10)
