"""Flows, guides in parts, MAP, and bounds for guides with discrete sites."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats as ss

import bibun
import bibun.numpy as bnp
import bibun.prob.distributions as dist
from bibun import optim, prob, random
from bibun.prob import handlers
from bibun.prob.infer import (
    MAP,
    SVI,
    Predictive,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    config_enumerate,
)
from bibun.prob.infer import autoguide as ag
from bibun.prob.infer.enumeration import markov


def fit(guide, model, *args, steps=1500, rate=0.02, loss=None, seed=0):
    schedule = optim.exponential_decay(rate, steps // 2, 0.1)
    svi = SVI(model, guide, optim.adam(schedule), loss or Trace_ELBO(8))
    return svi.run(seed, steps, *args, progress_bar=False)


# guides -------------------------------------------------------------------------------------------


def banana():
    x = prob.sample("x", dist.Normal(0.0, 1.0))
    prob.sample("y", dist.Normal(x**2, 0.5))


@pytest.mark.parametrize(
    "make, most",
    [
        (lambda m: ag.AutoIAFNormal(m, num_flows=2, hidden_dims=[16, 16]), 0.06),
        (lambda m: ag.AutoIAFNormal(m, num_flows=2, hidden_dims=[16], skip_connections=True), 0.15),
        (lambda m: ag.AutoBNAFNormal(m, hidden_factors=[8]), 0.15),
    ],
    ids=["IAF", "IAF skip", "BNAF"],
)
def test_flows_bend(make, most):
    """The evidence is 1: the loss is the divergence, 0.55 for the best normal."""
    guide = make(banana)
    result = fit(guide, banana, steps=4000, rate=0.03, seed=3)
    assert -0.02 < float(result.losses[-500:].mean()) < most
    draws = guide.sample_posterior(0, result.params, sample_shape=(4000,))
    x, y = np.asarray(draws["x"]), np.asarray(draws["y"])
    assert x.std() == pytest.approx(1.0, abs=0.15)
    assert (y - x**2).std() == pytest.approx(0.5, abs=0.12)
    # the density by inversion is that of the way there
    q = guide.get_posterior(result.params)
    e = random.normal(random.key(1), (5, 2))
    z = q.transform(e)
    log_det = q.transform.log_abs_det_jacobian(e, z)
    slopes = bibun.vmap(bibun.jacfwd(q.transform.__call__))(e)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(slopes)[1], rtol=1e-9)
    want = ss.norm.logpdf(np.asarray(e)).sum(1) - np.asarray(log_det)
    if guide.invertible:
        np.testing.assert_allclose(q.log_prob(z), want, rtol=1e-9)
    else:
        with pytest.raises(NotImplementedError, match="no inverse"):
            q.log_prob(z)
    with pytest.raises(NotImplementedError, match="sample_posterior"):
        guide.median(result.params)


def test_flows_want_two_values():
    def model():
        prob.sample("x", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match="two latent values"):
        handlers.seed(ag.AutoIAFNormal(model), 0)()


def test_a_guide_in_parts():
    def model(y):
        a = prob.sample("a", dist.Normal(0.0, 1.0))
        b = prob.sample("b", dist.Gamma(3.0, 2.0))
        prob.sample("ya", dist.Normal(a, 1.0), obs=y[0])
        prob.sample("yb", dist.Poisson(b), obs=y[1])

    guide = ag.AutoGuideList(model)
    guide.append(ag.AutoDiagonalNormal(handlers.block(handlers.seed(model, 0), hide=["b", "yb"])))
    guide.append(ag.AutoDelta(handlers.block(handlers.seed(model, 1), hide=["a", "ya"])))
    y = np.array([2.0, 4.0])
    result = fit(guide, model, y, steps=2000, rate=0.05)
    median = guide.median(result.params)
    assert float(median["a"]) == pytest.approx(1.0, abs=0.05)
    assert float(median["b"]) == pytest.approx(2.0, rel=1e-2)
    draws = guide.sample_posterior(0, result.params, y, sample_shape=(3000,))
    assert np.asarray(draws["a"]).std() == pytest.approx(0.5**0.5, rel=0.1)
    assert draws["b"].shape == (3000,)
    with pytest.raises(ValueError, match="no parts"):
        handlers.seed(ag.AutoGuideList(model), 0)(y)


def test_predictive_of_a_guide():
    def model(n=4, y=None):
        mu = prob.sample("mu", dist.Normal(0.0, 10.0))
        with prob.plate("n", n):
            prob.sample("y", dist.Normal(mu, 1.0), obs=y)

    guide = ag.AutoNormal(model)
    result = fit(guide, model, 4, np.array([2.0, 3.0, 3.0, 4.0]), rate=0.05)
    predict = Predictive(model, guide=guide, params=result.params, num_samples=3000)
    y = np.asarray(predict(0)["y"])
    assert y.shape == (3000, 4)
    assert y.mean() == pytest.approx(3.0, abs=0.1)
    assert y[:, 0].std() == pytest.approx(1.25**0.5, rel=0.1)
    draws = Predictive(guide, params=result.params, num_samples=1000)(0)
    assert np.asarray(draws["mu"]).std() == pytest.approx(0.5, rel=0.15)
    with pytest.raises(ValueError, match="num_samples"):
        Predictive(model, guide=guide, params=result.params)


# MAP ----------------------------------------------------------------------------------------------


def gamma_poisson(y):
    rate = prob.sample("rate", dist.Gamma(3.0, 2.0))
    with prob.plate("n", len(y)):
        prob.sample("y", dist.Poisson(rate), obs=y)


COUNTS = np.array([3, 1, 4, 1, 5])
A, B = 3.0 + COUNTS.sum(), 2.0 + len(COUNTS)


def test_map_finds_the_mode_with_and_without_the_jacobian():
    mode = MAP(gamma_poisson).run(0, COUNTS)
    assert float(mode.params["rate"]) == pytest.approx((A - 1) / B, rel=1e-8)
    assert float(mode.covariance[0, 0]) == pytest.approx(1 / (A - 1), rel=1e-6)
    want = ss.gamma.logpdf((A - 1) / B, 3, scale=0.5)
    want += ss.poisson.logpmf(COUNTS, (A - 1) / B).sum()
    assert mode.log_density == pytest.approx(want, rel=1e-10)
    there = MAP(gamma_poisson, jacobian=True, num_starts=3).run(0, COUNTS)
    assert float(there.params["rate"]) == pytest.approx(A / B, rel=1e-8)
    assert float(there.covariance[0, 0]) == pytest.approx(1 / A, rel=1e-6)


def test_map_where_supports_depend_on_sites_and_discrete_sites_are_summed_out():
    def nested():
        top = prob.sample("top", dist.Gamma(4.0, 1.0))
        prob.sample("x", dist.Uniform(0.0, top))
        prob.sample("obs", dist.Normal(prob.deterministic("twice", 2 * top), 1.0), obs=7.0)

    got = (
        MAP(nested, init_strategy=prob.infer.init_to_uniform)
        .run(0, init_params={"top": np.array(1.0), "x": np.array(0.0)})
        .params
    )
    top = float(got["top"])  # 3/t - 1 - 1/t + 2 (7 - 2 t) = 0
    assert 2 / top - 1 + 2 * (7 - 2 * top) == pytest.approx(0.0, abs=1e-5)
    assert float(got["twice"]) == pytest.approx(2 * top)

    def mixed(y):
        w = prob.sample("w", dist.Beta(2.0, 2.0))
        with prob.plate("n", len(y)):
            z = prob.sample("z", dist.Bernoulli(w))
            prob.sample("y", dist.Normal(2.0 * z, 1.0), obs=y)

    y = np.array([0.3, 2.5, 1.9])
    grid = np.linspace(0.001, 0.999, 9981)
    lp = ss.beta(2, 2).logpdf(grid)
    for v in y:
        lp += np.log(grid * ss.norm.pdf(v, 2) + (1 - grid) * ss.norm.pdf(v))
    assert float(MAP(mixed).run(0, y).params["w"]) == pytest.approx(grid[lp.argmax()], abs=2e-4)


def test_map_says_when_there_is_no_mode():
    def model():
        x = prob.sample("x", dist.Normal(0.0, 1.0))
        prob.factor("up", x**2)

    with pytest.raises(RuntimeError, match="unbounded"):
        MAP(model, maxiter=50).run(0)


# bounds ---------------------------------------------------------------------------------------


Y = np.array([0.3, 2.5, 1.9])


def discrete_model(y):
    a = prob.sample("a", dist.Categorical(np.array([0.5, 0.3, 0.2])))
    with prob.plate("n", 3):
        z = prob.sample("z", dist.Bernoulli(bnp.array([0.2, 0.5, 0.7])[a]))
        prob.sample("y", dist.Normal(2.0 * z + 0.3 * a, 1.0), obs=y)


def discrete_guide(y):
    a = prob.sample("a", dist.Categorical(prob.param("qa", np.array([0.2, 0.5, 0.3]))))
    with prob.plate("n", 3):
        q = prob.param("qz", np.array([[0.3, 0.4, 0.1], [0.6, 0.9, 0.5], [0.2, 0.5, 0.7]]))
        index = bnp.arange(3)
        prob.sample("z", dist.Bernoulli(q[a, index]))


PARAMS = {
    "qa": bnp.array([0.2, 0.5, 0.3]),
    "qz": bnp.array([[0.3, 0.4, 0.1], [0.6, 0.9, 0.5], [0.2, 0.5, 0.7]]),
}


def exact_bound(params):
    """The bound of the discrete guide, written out (a traced function of the parameters)."""
    total = 0.0
    pa, pz = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.5, 0.7])
    for a in range(3):
        for z in itertools.product((0, 1), repeat=3):
            z = np.array(z)
            q_z = bnp.where(z == 1, params["qz"][a], 1 - params["qz"][a])
            q = params["qa"][a] * bnp.prod(q_z)
            p = np.log(pa[a]) + np.where(z == 1, np.log(pz[a]), np.log(1 - pz[a])).sum()
            p += ss.norm.logpdf(Y, 2.0 * z + 0.3 * a).sum()
            total = total + q * (p - bnp.log(q))
    return total


def test_a_guide_with_enumerated_sites_gives_the_exact_bound():
    loss = TraceEnum_ELBO()
    guide = config_enumerate(discrete_guide)

    def f(params):
        return loss.loss(random.key(0), params, discrete_model, guide, Y)

    value, slopes = bibun.jit(bibun.value_and_grad(f))(PARAMS)
    want, want_slopes = bibun.value_and_grad(lambda p: -exact_bound(p))(PARAMS)
    assert float(value) == pytest.approx(float(want), rel=1e-10)
    for k in PARAMS:
        np.testing.assert_allclose(slopes[k], want_slopes[k], rtol=1e-9)


def test_the_models_own_discrete_sites_are_summed_out_given_the_guides():
    """The guide has a, the model sums z: the bound is sum_a q(a) [log p(y, a) - log q(a)]."""

    @config_enumerate
    def guide(y):
        prob.sample("a", dist.Categorical(prob.param("qa", np.array([0.2, 0.5, 0.3]))))

    got = TraceEnum_ELBO().loss(random.key(0), {"qa": PARAMS["qa"]}, discrete_model, guide, Y)
    qa, total = np.asarray(PARAMS["qa"]), 0.0
    for a, p in enumerate((0.5, 0.3, 0.2)):
        w = (0.2, 0.5, 0.7)[a]
        lp = (
            np.log(p)
            + np.log(w * ss.norm.pdf(Y, 2 + 0.3 * a) + (1 - w) * ss.norm.pdf(Y, 0.3 * a)).sum()
        )
        total += qa[a] * (lp - np.log(qa[a]))
    assert float(got) == pytest.approx(-total, rel=1e-10)


def test_a_model_summed_out_under_a_continuous_guide():
    """A mixture's weight, fitted with classes summed out, against its posterior on a grid."""
    y = np.concatenate([np.random.default_rng(0).normal(0, 1, 14), np.full(6, 4.2)])

    @config_enumerate
    def model(y):
        w = prob.sample("w", dist.Beta(2.0, 2.0))
        with prob.plate("n", len(y)):
            z = prob.sample("z", dist.Bernoulli(w))
            prob.sample("y", dist.Normal(4.0 * z, 1.0), obs=y)

    guide = ag.AutoNormal(model)
    result = fit(guide, model, y, loss=TraceEnum_ELBO(4), rate=0.05)
    w = np.asarray(guide.sample_posterior(0, result.params, y, sample_shape=(4000,))["w"])
    grid = np.linspace(0.001, 0.999, 999)
    lp = ss.beta(2, 2).logpdf(grid)
    for v in y:
        lp += np.log(grid * ss.norm.pdf(v, 4) + (1 - grid) * ss.norm.pdf(v))
    p = np.exp(lp - lp.max())
    p /= p.sum()
    assert w.mean() == pytest.approx(p @ grid, abs=0.02)
    assert w.std() == pytest.approx(np.sqrt(p @ grid**2 - (p @ grid) ** 2), rel=0.15)


def test_a_chain_in_the_model():
    @config_enumerate
    def model(y):
        s = prob.sample("s", dist.HalfNormal(1.0))
        z = 0
        for t in markov(range(3)):
            p = bnp.array([0.2, 0.8])[z]
            z = prob.sample(f"z{t}", dist.Bernoulli(p))
            prob.sample(f"y{t}", dist.Normal(2.0 * z, s), obs=y[t])

    def guide(y):
        prob.sample("s", dist.LogNormal(prob.param("m", 0.1), 1e-9))

    got = TraceEnum_ELBO().loss(random.key(0), {"m": bnp.asarray(0.1)}, model, guide, Y)
    s = np.exp(0.1)
    lp = np.array([0.8, 0.2])
    alpha = lp * ss.norm.pdf(Y[0], [0.0, 2.0], s)
    move = np.array([[0.8, 0.2], [0.2, 0.8]])
    for v in Y[1:]:
        alpha = (alpha @ move) * ss.norm.pdf(v, [0.0, 2.0], s)
    want = np.log(alpha.sum()) + ss.halfnorm.logpdf(s)
    e = float(got) + want  # minus the guide's own density, at whatever was drawn
    density = ss.norm.logpdf(0.0) - np.log(1e-9) - 0.1
    assert -30 < e - density < 1e-6


def test_score_functions_are_unbiased():
    """The mean of many gradients is the exact gradient, within its standard error."""
    loss = TraceGraph_ELBO()

    def f(params, key):
        return loss.loss(key, params, discrete_model, discrete_guide, Y)

    keys = random.split(random.key(3), 20_000)
    slopes = bibun.jit(bibun.vmap(bibun.grad(f), in_axes=(None, 0)))(PARAMS, keys)
    want = bibun.grad(lambda p: -exact_bound(p))(PARAMS)
    for k in PARAMS:
        rows = np.asarray(slopes[k])
        error = rows.std(0) / np.sqrt(len(rows))
        np.testing.assert_array_less(abs(rows.mean(0) - want[k]), 4.5 * error + 1e-12)
        assert error.max() < 0.2


def test_score_functions_beside_differentiable_draws():
    def model():
        z = prob.sample("z", dist.Bernoulli(0.3))
        prob.sample("x", dist.Normal(2.0 * z, 1.0))

    def guide():
        z = prob.sample(
            "z", dist.Bernoulli(prob.param("p", 0.5, constraint=dist.constraints.unit_interval))
        )
        prob.sample("x", dist.Normal(prob.param("m", bnp.zeros(2))[z], 1.0))

    result = fit(guide, model, loss=TraceGraph_ELBO(16), steps=1500, rate=0.02)
    assert float(result.params["p"]) == pytest.approx(0.3, abs=0.05)
    np.testing.assert_allclose(result.params["m"], [0.0, 2.0], atol=0.15)


def test_a_guide_that_draws_all_particles_at_once():
    def model():
        x = prob.sample("x", dist.Normal(1.0, 2.0))
        prob.sample("y", dist.Normal(x, 1.0), obs=0.5)

    def guide():
        loc, scale = prob.param("loc", 0.6), prob.param("scale", 0.9)
        prob.sample("x", dist.Normal(loc, scale).expand((2000,)))

    loss = Trace_ELBO(2000, multi_sample_guide=True)
    mean = 0.8 * (0.5 + 0.25)
    exact = {"loc": bnp.asarray(mean), "scale": bnp.asarray(0.8**0.5)}
    got = float(loss.loss(random.key(0), exact, model, guide))
    assert got == pytest.approx(-ss.norm.logpdf(0.5, 1.0, 5**0.5), rel=1e-9)
    with pytest.raises(ValueError, match="first axis"):
        Trace_ELBO(3, multi_sample_guide=True).loss(random.key(0), exact, model, guide)


def test_a_discrete_guide_site_is_refused_by_the_plain_bound():
    with pytest.raises(ValueError, match="TraceGraph_ELBO"):
        Trace_ELBO().loss(random.key(0), PARAMS, discrete_model, discrete_guide, Y)


@pytest.mark.parametrize("base", ["diagonal", "cholesky"])
def test_annealing_tightens_the_bound_and_keeps_it_one(base):
    """A correlated normal with evidence 1: the loss is a divergence, so never below 0."""
    cov = np.array([[1.0, 0.95], [0.95, 1.0]])

    def model():
        x = prob.sample("x", dist.Normal(bnp.zeros(2), 10.0).to_event(1))
        prior = -0.005 * bnp.sum(x * x) - 2 * np.log(10.0) - np.log(2 * np.pi)
        prob.factor("f", dist.MultivariateNormal(np.zeros(2), cov).log_prob(x) - prior)

    plain = 0.5 * np.log(1 / np.linalg.det(cov))  # the best diagonal normal's divergence
    guide = ag.AutoDAIS(model, K=8, base_dist=base, eta_max=1.0, eta_init=0.1)
    result = fit(guide, model, steps=2500, rate=0.02)
    loss, error = float(result.losses[-800:].mean()), 0.03
    assert -3 * error < loss < (0.6 * plain if base == "diagonal" else 3 * error)
    draws = np.asarray(guide.sample_posterior(0, result.params, sample_shape=(4000,))["x"])
    assert np.corrcoef(draws.T)[0, 1] > 0.6
    with pytest.raises(NotImplementedError, match="sample_posterior"):
        guide.median(result.params)

    # at any parameters: the mean of exp(-loss) is the evidence
    def weight(key):
        return bnp.exp(-Trace_ELBO().loss(key, result.params, model, guide))

    w = np.asarray(bibun.jit(bibun.vmap(weight))(random.split(random.key(4), 4000)))
    assert abs(w.mean() - 1.0) < 5 * w.std() / np.sqrt(len(w))
