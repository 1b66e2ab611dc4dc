"""Enumerated models against sums over all assignments, written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats as ss

import bibun
import bibun.numpy as bnp
import bibun.prob.distributions as dist
from bibun import prob, random
from bibun.prob import handlers
from bibun.prob.contrib.indexing import Vindex
from bibun.prob.infer import MCMC, NUTS, Predictive, log_density, log_likelihood
from bibun.prob.infer.enumeration import config_enumerate, enum, infer_discrete, markov
from bibun.prob.infer.enumeration.sites import enumerated

Y = np.array([0.1, 2.0, 1.5, -0.3, 0.7])
T = np.array([[0.8, 0.2], [0.3, 0.7]])
LOC = bnp.array([0.0, 1.5])


def summed(model, *args, **params):
    """The log density with all discrete sites summed out."""
    trace = handlers.trace(handlers.seed(model, 0)).get_trace(*args)
    return float(log_density(enumerated(model, trace), args, {}, params)[0])


def brute(model, sizes, *args, **params):
    """The same by running the model at every assignment; sizes: site -> (shape, values)."""
    names = list(sizes)
    grids = [list(itertools.product(range(k), repeat=int(np.prod(s)))) for s, k in sizes.values()]
    lps = []
    for values in itertools.product(*grids):
        z = {
            n: np.reshape(np.array(v, dtype=int), sizes[n][0])
            for n, v in zip(names, values, strict=True)
        }
        lps.append(float(log_density(model, args, {}, {**params, **z})[0]))
    return np.logaddexp.reduce(lps)


def chain(y):
    loc = prob.sample("loc", dist.Normal(0.0, 1.0).expand((2,)).to_event(1))
    z = 0
    for t in markov(range(len(y))):
        z = prob.sample(f"z{t}", dist.Categorical(bnp.asarray(T)[z]))
        prob.sample(f"y{t}", dist.Normal(loc[z], 1.0), obs=y[t])


def mixture(y):
    w = prob.sample("w", dist.Beta(1.0, 1.0))
    loc = prob.sample("loc", dist.Normal(0.0, 3.0).expand((2,)).to_event(1))
    shift = prob.sample("shift", dist.Bernoulli(0.3))
    with prob.plate("n", len(y)):
        z = prob.sample("z", dist.Bernoulli(w))
        prob.sample("y", dist.Normal(loc[z] + shift, 1.0), obs=y)


def nested_plates(y):
    """A class by group, a class by element that depends on it, one by column."""
    with prob.plate("groups", 2, dim=-2):
        g = prob.sample("g", dist.Categorical(np.array([0.2, 0.3, 0.5])))
        with prob.plate("columns", 2, dim=-1):
            z = prob.sample("z", dist.Bernoulli(bnp.array([0.1, 0.5, 0.8])[g]))
            prob.sample("y", dist.Normal(1.0 * g - 2.0 * z, 1.0), obs=y)


def test_a_chain_is_the_sum_over_all_paths():
    sizes = {f"z{t}": ((), 2) for t in range(5)}
    assert summed(chain, Y, loc=LOC) == pytest.approx(brute(chain, sizes, Y, loc=LOC), abs=1e-10)


def test_a_chain_uses_few_axes():
    model = enum(config_enumerate(chain), -1)
    y = np.zeros(60)
    lp, _ = log_density(model, (y,), {}, {"loc": LOC})
    assert sorted(model.axes) == [-2, -1]
    emit = ss.norm.logpdf(0.0, np.asarray(LOC))
    forward = np.log(T[0]) + emit
    for _ in range(59):
        forward = np.logaddexp.reduce(forward[:, None] + np.log(T), axis=0)
        forward = forward + emit
    want = np.logaddexp.reduce(forward) + ss.norm.logpdf(np.asarray(LOC)).sum()
    assert float(lp) == pytest.approx(want, abs=1e-9)


def test_a_mixture_with_a_variable_outside_of_its_plate():
    sizes = {"shift": ((), 2), "z": ((5,), 2)}
    params = {"w": 0.4, "loc": LOC}
    want = brute(mixture, sizes, Y, **params)
    assert summed(mixture, Y, **params) == pytest.approx(want, abs=1e-10)


def test_nested_plates():
    y = np.array([[0.3, -1.0], [2.0, 0.1]])
    sizes = {"g": ((2, 1), 3), "z": ((2, 2), 2)}
    want = brute(nested_plates, sizes, y)
    assert summed(nested_plates, y) == pytest.approx(want, abs=1e-10)


def test_plates_that_do_not_nest_are_refused():
    def model():
        with prob.plate("a", 3, dim=-1):
            u = prob.sample("u", dist.Bernoulli(0.5))
        with prob.plate("b", 2, dim=-2):
            v = prob.sample("v", dist.Bernoulli(0.5))
            with prob.plate("a", 3, dim=-1):
                prob.sample("y", dist.Normal(u + v, 1.0), obs=np.zeros((2, 3)))

    with pytest.raises(ValueError, match="no order of elimination"):
        summed(model)


def test_a_subsampled_plate_raises_its_product_to_a_power():
    def model(y):
        z = prob.sample("z", dist.Bernoulli(0.3))
        with prob.plate("n", 10, subsample_size=5):
            prob.sample("y", dist.Normal(1.0 * z, 1.0), obs=y)

    lps = [np.log(p) + 2 * ss.norm.logpdf(Y, z).sum() for z, p in ((0, 0.7), (1, 0.3))]
    trace = handlers.trace(handlers.seed(model, 0)).get_trace(Y)
    spread = handlers.seed(enumerated(model, trace), 0)
    got = float(log_density(spread, (Y,), {}, {})[0])
    assert got == pytest.approx(np.logaddexp(*lps), abs=1e-10)


def test_scales_that_differ_are_refused():
    def model():
        z = prob.sample("z", dist.Bernoulli(0.3))
        with handlers.scale(scale=2.0):
            prob.sample("y", dist.Normal(1.0 * z, 1.0), obs=0.3)

    with pytest.raises(ValueError, match="different scales"):
        summed(model)


def test_a_batch_outside_of_a_plate_is_refused():
    def model():
        prob.sample("z", dist.Bernoulli(bnp.array([0.1, 0.2])))

    with pytest.raises(ValueError, match="put the axis in a plate"):
        summed(model)


def test_the_gradient_is_that_of_the_sum():
    trace = handlers.trace(handlers.seed(mixture, 0)).get_trace(Y)
    model = enumerated(mixture, trace)

    def f(w):
        return log_density(model, (Y,), {}, {"w": w, "loc": LOC})[0]

    def exact(w):
        return brute(mixture, {"shift": ((), 2), "z": ((5,), 2)}, Y, w=w, loc=LOC)

    slope = (exact(0.4 + 1e-5) - exact(0.4 - 1e-5)) / 2e-5
    assert float(bibun.jit(bibun.grad(f))(0.4)) == pytest.approx(slope, rel=1e-7)


def test_nuts_sums_out_by_itself():
    """Weights of a mixture with known components: the posterior of w on a grid."""
    y = np.concatenate([np.random.default_rng(0).normal(-2, 1, 14), np.full(6, 2.2)])

    def model(y):
        w = prob.sample("w", dist.Beta(2.0, 2.0))
        with prob.plate("n", len(y)):
            z = prob.sample("z", dist.Bernoulli(w))
            prob.sample("y", dist.Normal(4.0 * z - 2.0, 1.0), obs=y)
        prob.deterministic("twice", 2 * w)
        prob.deterministic("odd", z + w)

    mcmc = MCMC(NUTS(model), 300, 2000, progress_bar=False)
    mcmc.run(0, y)
    draws = mcmc.get_samples()
    assert set(draws) == {"w", "twice"}  # what depends on z has no value
    grid = np.linspace(0.0005, 0.9995, 1000)
    lp = ss.beta(2, 2).logpdf(grid)
    for yi in y:
        lp += np.log(grid * ss.norm.pdf(yi, 2) + (1 - grid) * ss.norm.pdf(yi, -2))
    p = np.exp(lp - lp.max())
    p /= p.sum()
    mean, sd = p @ grid, np.sqrt(p @ grid**2 - (p @ grid) ** 2)
    w = np.asarray(draws["w"])
    ess = float(prob.diagnostics.effective_sample_size(w[None]))
    assert abs(w.mean() - mean) < 4.5 * sd / np.sqrt(ess)
    assert w.std() == pytest.approx(sd, rel=0.12)


def posterior_of(model, sizes, args, params):
    """Joint posterior probabilities of all assignments."""
    names = list(sizes)
    grids = [list(itertools.product(range(k), repeat=int(np.prod(s)))) for s, k in sizes.values()]
    table = {}
    for values in itertools.product(*grids):
        z = {
            n: np.reshape(np.array(v, dtype=int), sizes[n][0])
            for n, v in zip(names, values, strict=True)
        }
        table[sum(values, ())] = float(log_density(model, args, {}, {**params, **z})[0])
    logs = np.array(list(table.values()))
    p = np.exp(logs - np.logaddexp.reduce(logs))
    return dict(zip(table, p, strict=True))


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize(
    "model, sizes, args, params",
    [
        (chain, {f"z{t}": ((), 2) for t in range(5)}, (Y,), {"loc": LOC}),
        (mixture, {"shift": ((), 2), "z": ((5,), 2)}, (Y,), {"loc": LOC, "w": 0.4}),
        (nested_plates, {"g": ((2, 1), 3), "z": ((2, 2), 2)},
         (np.array([[0.3, -1.0], [2.0, 0.1]]),), {}),
    ],
    ids=["chain", "mixture", "nested"],
)  # fmt: skip
def test_infer_discrete_draws_the_joint_posterior(model, sizes, args, params, temperature):
    exact = posterior_of(model, sizes, args, params)
    given = handlers.condition(model, data={k: bnp.asarray(v) for k, v in params.items()})

    def draw(key):
        inferred = infer_discrete(given, temperature=temperature, rng_key=key)
        trace = handlers.trace(handlers.seed(inferred, key)).get_trace(*args)
        return bnp.concatenate([bnp.reshape(trace[n]["value"], (-1,)) for n in sizes])

    if temperature == 0:
        got = tuple(np.asarray(draw(random.PRNGKey(0))).tolist())
        assert exact[got] == pytest.approx(max(exact.values()))
        return
    n = 20_000
    rows = np.asarray(bibun.jit(bibun.vmap(draw))(random.split(random.PRNGKey(1), n)))
    counts = dict.fromkeys(exact, 0)
    for row in map(tuple, rows.tolist()):
        counts[row] += 1
    keys = [k for k, p in exact.items() if n * p > 8]
    rest = n - sum(counts[k] for k in keys)
    observed = [counts[k] for k in keys] + [rest]
    expected = [n * exact[k] for k in keys]
    expected.append(n - sum(expected))
    if expected[-1] < 8:  # too little to test by itself
        observed[-2:], expected[-2:] = [sum(observed[-2:])], [sum(expected[-2:])]
    assert ss.chisquare(observed, expected).pvalue > 1e-4


def test_vindex_reads_the_same_with_and_without_enumeration():
    x = np.arange(24.0).reshape(2, 3, 4)
    i, j = np.array([[[0]], [[1]]]), np.array([0, 2, 1])
    got = Vindex(x)[bnp.asarray(i), bnp.asarray(j), :]
    np.testing.assert_array_equal(got, x[np.broadcast_to(i, (2, 1, 3)), j])
    np.testing.assert_array_equal(Vindex(x)[0, :, 2], x[0, :, 2])
    got = Vindex(x)[bnp.asarray(i[:, 0]), :, 2]
    np.testing.assert_array_equal(got, x[:, :, 2][:, None])
    got = Vindex(x)[..., bnp.asarray(i)]  # batch (2, 3) with indices (2, 1, 1)
    np.testing.assert_array_equal(got, np.stack([x[..., 0], x[..., 1]]))


def test_predictive_draws_the_discrete_sites():
    w, loc = np.full(4000, 0.4), np.tile(np.asarray(LOC), (4000, 1))
    predict = Predictive(mixture, {"w": w, "loc": loc}, infer_discrete=True)
    out = predict(0, Y)
    assert out["z"].shape == (4000, 5) and set(out) == {"shift", "z", "y"}
    exact = posterior_of(mixture, {"shift": ((), 2), "z": ((5,), 2)}, (Y,), {"loc": LOC, "w": 0.4})
    rows = np.array(list(exact))
    want = np.array(list(exact.values())) @ rows
    got = np.column_stack([out["shift"], out["z"]]).mean(0)
    np.testing.assert_array_less(abs(got - want), 4.5 * np.sqrt(want * (1 - want) / 4000) + 1e-9)


def test_log_likelihood_sums_out_what_the_samples_have_not():
    def model(y):
        w = prob.sample("w", dist.Beta(2.0, 2.0))
        with prob.plate("n", len(y)):
            z = prob.sample("z", dist.Bernoulli(w))
            prob.sample("y", dist.Normal(3.0 * z, 1.0), obs=y)
        prob.sample("other", dist.Normal(w, 1.0), obs=0.2)

    w = np.array([0.3, 0.6])
    out = log_likelihood(model, {"w": w}, Y)
    want = np.log(w[:, None] * ss.norm.pdf(Y, 3) + (1 - w[:, None]) * ss.norm.pdf(Y))
    np.testing.assert_allclose(out["y"], want, rtol=1e-12)
    np.testing.assert_allclose(out["other"], ss.norm.logpdf(0.2, w), rtol=1e-12)
    z = np.array([[0, 1, 1, 0, 0], [1, 1, 1, 0, 0]])
    out = log_likelihood(model, {"w": w, "z": z}, Y)
    np.testing.assert_allclose(out["y"], ss.norm.logpdf(Y, 3.0 * z), rtol=1e-12)
    with pytest.raises(ValueError, match="share a discrete variable"):
        log_likelihood(mixture, {"w": w, "loc": np.zeros((2, 2))}, Y)
    with pytest.raises(ValueError, match="'loc'"):
        log_likelihood(mixture, {"w": w}, Y)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_data_in_no_plate_share_the_variable(count: int) -> None:
    """Two of them would fit the axis of a variable of two values: they must not be taken for it."""
    y = np.array([0.3, -1.2, 2.5])[:count]

    def model(y):
        k = prob.sample("k", dist.Bernoulli(0.3))
        a = prob.sample("a", dist.Normal(0.0, 1.0))
        prob.sample("y", dist.Normal(3.0 * k + a, 1.0), obs=y)

    a = 0.4
    assert summed(model, y, a=a) == pytest.approx(brute(model, {"k": ((), 2)}, y, a=a), rel=1e-12)
    by_k = [np.log(w) + ss.norm.logpdf(y, a + 3 * k).sum() for k, w in ((0, 0.7), (1, 0.3))]
    wanted = ss.norm.logpdf(a) + np.logaddexp(*by_k)
    assert summed(model, y, a=a) == pytest.approx(wanted, rel=1e-12)


def test_data_on_the_axis_of_a_variable_are_refused() -> None:
    def model(y):
        k = prob.sample("k", dist.Bernoulli(0.3), infer={"enumerate": "parallel"})
        prob.sample("y", dist.Normal(3.0 * k, 1.0), obs=y)

    told_wrong = enum(handlers.seed(model, 0), first_available_dim=-1)
    with pytest.raises(ValueError, match=r"site 'y'[\s\S]*must be in plates"):
        told_wrong(np.zeros(2))
