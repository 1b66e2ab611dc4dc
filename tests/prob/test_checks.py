"""Calibration, predictive checks, LOO and WAIC, and what goes to ArviZ."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun.prob import diagnostics as dg
from bibun.prob.checks import ppc, sbc
from bibun.prob.infer import HMC, MCMC, NUTS

X = np.linspace(-1.0, 1.0, 12)


def normal_mean(y):
    mu = prob.sample("mu", dist.Normal(1.0, 2.0))
    with prob.plate("n", 8):
        prob.sample("y", dist.Normal(mu, 1.5), obs=y)


def regression(x, y):
    a = prob.sample("a", dist.Normal(0.0, 2.0))
    b = prob.sample("b", dist.Normal(0.0, 2.0))
    sigma = prob.sample("sigma", dist.LogNormal(0.0, 0.5))
    mean = prob.deterministic("mean", a + b * x)
    with prob.plate("rows", 12):
        prob.sample("y", dist.Normal(mean, sigma), obs=y)


def counts(y):
    rate = prob.sample("rate", dist.Gamma(3.0, 1.0))
    with prob.plate("n", 6):
        prob.sample("y", dist.Poisson(rate), obs=y)


def coin(y):
    p = prob.sample("p", dist.Beta(2.0, 3.0))
    with prob.plate("n", 10):
        prob.sample("y", dist.Bernoulli(p), obs=y)


def groups(y):
    tau = prob.sample("tau", dist.HalfNormal(1.0))
    with prob.plate("groups", 4):
        z = prob.sample("z", dist.Normal(0.0, 1.0))
        with prob.plate("each", 3):
            prob.sample("y", dist.Normal(tau * z, 0.7), obs=y)


FIVE = {
    "normal": (normal_mean, (np.zeros(8),)),
    "regression": (regression, (X, np.zeros(12))),
    "counts": (counts, (np.zeros(6, int),)),
    "coin": (coin, (np.zeros(10, int),)),
    "groups": (groups, (np.zeros((3, 4)),)),
}


@pytest.mark.parametrize("name", list(FIVE))
def test_calibration_is_uniform(name) -> None:
    model, args = FIVE[name]
    found = sbc(11, model, *args, num_simulations=160, num_draws=31, num_warmup=300)
    for site, p in found.p_values().items():
        assert np.all(p > 1e-3), (site, p)
    assert all(np.all((r >= 0) & (r <= 31)) for r in found.ranks.values())


def test_calibration_notices_a_wrong_model() -> None:
    def too_sure(y):
        mu = prob.sample("mu", dist.Normal(1.0, 2.0))
        with prob.plate("n", 8):
            prob.sample("y", dist.Normal(mu, 0.7), obs=y)

    found = sbc(1, normal_mean, np.zeros(8), num_simulations=160, num_draws=31, num_warmup=200,
                fitted=too_sure)  # fmt: skip
    assert found.p_values()["mu"] < 1e-6
    with pytest.raises(ValueError, match="7 bins do not divide"):
        found.p_values(7)


def test_nothing_to_calibrate_or_check() -> None:
    def prior_only():
        prob.sample("x", dist.Normal())

    with pytest.raises(ValueError, match="observes nothing"):
        sbc(0, prior_only)
    mcmc = MCMC(NUTS(prior_only), 20, 20, progress_bar=False)
    mcmc.run(0)
    with pytest.raises(ValueError, match="observes nothing"):
        ppc(0, mcmc)


@pytest.fixture(scope="module")
def run() -> MCMC:
    y = 1.0 + 2.0 * X + 0.5 * np.random.default_rng(0).normal(size=12)
    mcmc = MCMC(NUTS(regression), 300, 500, num_chains=2, progress_bar=False)
    mcmc.warmup(0, X, y, collect_warmup=True)
    mcmc.run(0, X, y)
    return mcmc


def test_predictive_check(run) -> None:
    good = ppc(1, run)
    assert good.draws["y"].shape == (1000, 12)
    for _, _, p in good.statistics["y"].values():
        assert 0.01 < p < 0.99
    assert good.coverage(0.99)["y"] == 1.0 and good.coverage(0.01)["y"] < 0.5
    assert "y mean: data" in str(good)
    skew = ppc(1, run, {"first": lambda y: y[0]})
    assert skew.statistics["y"]["first"][0] == run._args[0][1][0]


# leave-one-out -----------------------------------------------------------------------------------


def test_loo_of_a_normal_mean_is_the_exact_one() -> None:
    """With a known variance, leaving one out has a closed form."""
    rng = np.random.default_rng(3)
    y, n, s = rng.normal(size=25), 25, 1.0
    precision = n / s**2 + 1 / 100.0
    mu = y.sum() / precision + rng.normal(size=(4, 4000)) / np.sqrt(precision)
    ll = -0.5 * (y - mu[..., None]) ** 2 - 0.5 * np.log(2 * np.pi)
    without = (y.sum() - y) / (precision - 1)
    var = 1 / (precision - 1) + s**2
    exact = -0.5 * (y - without) ** 2 / var - 0.5 * np.log(2 * np.pi * var)
    found = dg.loo(ll)
    np.testing.assert_allclose(found.pointwise, exact, atol=0.02)
    assert found.elpd == pytest.approx(exact.sum(), abs=0.05)
    with pytest.warns(RuntimeWarning, match="varies by more than 0.4"):
        found_waic = dg.waic(ll)
    assert found_waic.elpd == pytest.approx(exact.sum(), abs=0.1)
    assert len(found.bad) == 0 and found.p == pytest.approx(1.0, abs=0.4)
    worse = dg.loo(ll - 0.1)
    difference, error = found.compare(worse)
    assert difference == pytest.approx(2.5) and error == pytest.approx(0.0, abs=1e-9)


def test_loo_and_waic_are_arviz() -> None:
    arviz = pytest.importorskip("arviz")
    rng = np.random.default_rng(5)
    ll = -0.5 * (rng.standard_t(3, size=(4, 500, 1)) * rng.uniform(0.2, 1.5, 10) - 1.0) ** 2
    data = arviz.from_dict(posterior={"m": np.zeros((4, 500))}, log_likelihood={"y": ll})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there, here = arviz.loo(data, pointwise=True, reff=0.8), dg.loo(ll, r_eff=0.8)
        waic_there, waic_here = arviz.waic(data, pointwise=True), dg.waic(ll)
    k = np.asarray(there.pareto_k)
    np.testing.assert_allclose(here.k, k, rtol=1e-8)
    heavy = k > 1 / 3  # ArviZ leaves light tails as they are
    assert heavy.sum() >= 3
    np.testing.assert_allclose(here.pointwise[heavy], there.loo_i.values[heavy], rtol=1e-8)
    np.testing.assert_allclose(here.pointwise, there.loo_i.values, rtol=2e-2)
    np.testing.assert_allclose(waic_here.pointwise, waic_there.waic_i.values, rtol=2e-3)
    assert waic_here.se == pytest.approx(waic_there.se, rel=2e-3)


@pytest.mark.filterwarnings("ignore:LOO.*of 12:RuntimeWarning")
def test_loo_warns_where_one_observation_decides(run) -> None:
    y = np.zeros(20)
    y[7] = 9.0
    rng = np.random.default_rng(0)
    mu = 0.2 * rng.normal(size=(2, 500))
    with pytest.warns(RuntimeWarning, match=r"LOO: k > .* at 1 of 20 .*\[7\]"):
        found = dg.loo(-0.5 * (y - mu[..., None]) ** 2 * 3.0)
    assert list(found.bad) == [7] and "1 of 20" in str(found)
    assert dg.loo(run).elpd == pytest.approx(dg.loo(dg_pointwise(run)["y"]).elpd)
    with pytest.raises(ValueError, match="chains, draws"):
        dg.loo(np.zeros(4))
    with pytest.raises(ValueError, match="12 and 3"):
        dg.loo(run).compare(dg.loo(rng.normal(size=(2, 400, 3)) * 0.01))


def dg_pointwise(run):
    from bibun.prob.infer.arviz import pointwise_log_likelihood

    return pointwise_log_likelihood(run)


def test_pareto_fit_finds_shape_and_scale() -> None:
    rng = np.random.default_rng(0)
    for k in (0.2, 0.7):
        x = np.sort(2.0 * np.expm1(-k * np.log(rng.uniform(size=20000))) / k)
        shape, scale = dg.psis.__globals__["fit_pareto"](x)
        assert shape == pytest.approx(k, abs=0.03) and scale == pytest.approx(2.0, rel=0.04)


def test_constant_weights_stay() -> None:
    weights, k = dg.psis(np.zeros((100, 2)))
    np.testing.assert_allclose(weights, -np.log(100.0))
    assert np.all(k == -np.inf)


# divergences --------------------------------------------------------------------------------------


def test_divergences_of_a_funnel_are_in_its_neck() -> None:
    def funnel():
        v = prob.sample("v", dist.Normal(0.0, 3.0))
        prob.sample("x", dist.Normal(0.0, bnp.exp(v / 2)).expand([5]).to_event(1))

    mcmc = MCMC(NUTS(funnel), 300, 700, num_chains=2, progress_bar=False)
    mcmc.run(0)
    rows = dg.locate_divergences(mcmc)
    assert mcmc.num_divergences > 2
    table = {name: (bad, good) for name, _, bad, good in rows}
    assert table["v"][0] < table["v"][1]
    assert rows[0][1] >= rows[-1][1] and len(rows) == 6

    def easy():
        prob.sample("v", dist.Normal())

    calm = MCMC(HMC(easy, num_steps=3), 100, 50, progress_bar=False)
    calm.run(0)
    assert dg.locate_divergences(calm) == []


# ArviZ --------------------------------------------------------------------------------------------


def test_arviz_groups_and_names_of_axes(run) -> None:
    pytest.importorskip("arviz")
    data = run.to_arviz(
        posterior_predictive=True, prior=40, save_warmup=True, coords={"rows": list("abcdefghijkl")}
    )
    assert set(data.groups()) >= {
        "posterior", "posterior_predictive", "log_likelihood", "sample_stats", "prior",
        "prior_predictive", "observed_data", "warmup_posterior", "warmup_sample_stats",
    }  # fmt: skip
    assert data.observed_data["y"].dims == ("rows",)
    assert data.log_likelihood["y"].dims == ("chain", "draw", "rows")
    assert list(data.posterior_predictive["y"].coords["rows"].values) == list("abcdefghijkl")
    assert data.posterior["mean"].dims == ("chain", "draw", "mean_dim_0")
    assert data.warmup_posterior["a"].shape == (2, 300)
    assert data.prior["a"].shape == (1, 40) and data.prior_predictive["y"].shape == (1, 40, 12)
    assert "n_steps" in data.sample_stats and "diverging" in data.warmup_sample_stats
    renamed = run.to_arviz(dims={"mean": ["place"]}, log_likelihood=False)
    assert renamed.posterior["mean"].dims[2:] == ("place",)
    assert "log_likelihood" not in renamed.groups()


def test_arviz_of_a_data_set_and_of_nested_plates() -> None:
    pytest.importorskip("arviz")
    mcmc = MCMC(NUTS(groups), 100, 60, progress_bar=False)
    mcmc.run(0, np.zeros((2, 3, 4)), batch=0)
    data = mcmc.data_set(1).to_arviz()
    assert data.posterior["z"].dims == ("chain", "draw", "groups")
    assert data.observed_data["y"].dims == ("each", "groups")
    with pytest.raises(ValueError, match="save_warmup needs"):
        mcmc.data_set(0).to_arviz(save_warmup=True)
    with pytest.raises(ValueError, match=r"take mcmc.data_set\(k\).to_arviz"):
        mcmc.to_arviz()
