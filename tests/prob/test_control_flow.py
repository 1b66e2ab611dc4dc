"""`scan` in models: densities, simulation, and chains of discrete states summed out."""

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
from bibun.prob.contrib.control_flow import cond, scan
from bibun.prob.infer import MCMC, NUTS, Predictive, log_density, log_likelihood, potential_energy
from bibun.prob.infer.enumeration import infer_discrete
from bibun.prob.infer.enumeration.sites import enumerated

Y = np.array([0.1, 2.0, 1.5, -0.3, 0.7])
T = bnp.array([[0.8, 0.2], [0.3, 0.7]])
LOC = bnp.array([0.0, 1.5])


def walk(y, n=5):
    s = prob.sample("s", dist.HalfNormal(1.0))

    def step(x, y):
        x = prob.sample("x", dist.Normal(x, s))
        prob.sample("y", dist.Normal(x, 0.5), obs=y)
        return x, 2 * x

    return scan(step, 0.0, y, length=n)


def states(y):
    """Initial state before the loop, one state a step."""
    loc = prob.sample("loc", dist.Normal(0.0, 1.0).expand((2,)).to_event(1))
    z = prob.sample("z0", dist.Bernoulli(0.4))

    def step(z, y):
        z = prob.sample("z", dist.Categorical(T[z]))
        prob.sample("y", dist.Normal(loc[z], 1.0), obs=y)
        return z, None

    scan(step, z, y)


def many_states(y):
    """Two sequences in a plate, a class of each, a switch for all."""
    flip = prob.sample("flip", dist.Bernoulli(0.3))
    with prob.plate("sequences", 2, dim=-1):
        kind = prob.sample("kind", dist.Bernoulli(0.6))

    def step(z, y):
        with prob.plate("sequences", 2, dim=-1):
            z = prob.sample("z", dist.Categorical(T[z]))
            prob.sample("y", dist.Normal(LOC[z] + flip - 0.5 * kind, 1.0), obs=y)
        return z, None

    scan(step, bnp.zeros(2, dtype=int), y)


def backwards(y):
    def step(z, y):
        z = prob.sample("z", dist.Categorical(T[z]))
        prob.sample("y", dist.Normal(LOC[z], 1.0), obs=y)
        return z, None

    scan(step, 0, y, reverse=True)


T2 = bnp.array([[[0.8, 0.2], [0.3, 0.7]], [[0.55, 0.45], [0.1, 0.9]]])


def second_order(y):
    """A state depends on the two before it; data after the loop on the last two."""

    def step(carry, y):
        a, b = carry
        z = prob.sample("z", dist.Categorical(T2[a, b]))
        prob.sample("y", dist.Normal(LOC[z] + 0.6 * a, 1.0), obs=y)
        return (b, z), z

    (b, z), _ = scan(step, (0, 1), y, history=2)
    prob.sample("end", dist.Normal(LOC[z] - b, 1.0), obs=0.3)


def second_order_plate(y):
    """As above in a plate of two, backwards, with a class that all share."""
    kind = prob.sample("kind", dist.Bernoulli(0.3))

    def step(carry, y):
        a, b = carry
        with prob.plate("sequences", 2, dim=-1):
            z = prob.sample("z", dist.Categorical(T2[a, b]))
            prob.sample("y", dist.Normal(LOC[z] + 0.6 * a * kind, 1.0), obs=y)
        return (b, z), None

    scan(step, (bnp.zeros(2, dtype=int), bnp.array([0, 1])), y, reverse=True, history=2)


def lagged(y):
    """Only the state of three steps ago matters, and two sites a step."""

    def step(carry, y):
        a, b, c = carry
        z = prob.sample("z", dist.Categorical(T[a]))
        w = prob.sample("w", dist.Categorical(T[z]))
        prob.sample("y", dist.Normal(LOC[z] + w, 1.0), obs=y)
        return (b, c, w), (z, w)

    scan(step, (0, 1, 1), y, history=3)


def factorial(y):
    """Two chains that meet in the data, and a carry with an axis of its own."""

    def step(carry, y):
        a, b, v = carry
        a = prob.sample("a", dist.Categorical(T[a]))
        b = prob.sample("b", dist.Categorical(T[b]))
        prob.sample("y", dist.Normal(LOC[a] + 2 * b + bnp.sum(v), 1.0), obs=y)
        return (a, b, 0.5 * v), (a + b, v)

    _, (_, v) = scan(step, (0, 0, bnp.array([0.2, 0.4, 0.1])), y)
    assert v.shape == (len(y), 3)


def independent(y):
    """No step sees another."""

    def step(carry, y):
        z = prob.sample("z", dist.Categorical(T[0]))
        prob.sample("y", dist.Normal(LOC[z], 1.0), obs=y)
        return carry, z

    scan(step, 0.0, y, history=0)


def paths(sizes):
    names = list(sizes)
    ranges = [list(itertools.product(range(2), repeat=int(np.prod(sizes[n])))) for n in names]
    for values in itertools.product(*ranges):
        yield {
            n: np.reshape(np.array(v, dtype=int), sizes[n])
            for n, v in zip(names, values, strict=True)
        }


def table(model, sizes, y, **params):
    """Log densities of all assignments."""
    return {
        tuple(np.concatenate([np.ravel(v) for v in z.values()]).tolist()): float(
            log_density(model, (y,), {}, {**params, **{k: bnp.asarray(v) for k, v in z.items()}})[0]
        )
        for z in paths(sizes)
    }


CASES = {
    "chain": (states, {"z0": (), "z": (4,)}, Y[:4], {"loc": LOC}),
    "plate": (many_states, {"flip": (), "kind": (2,), "z": (3, 2)},
              np.array([[0.1, 1.0], [2.0, -1.0], [1.5, 0.3]]), {}),
    "backwards": (backwards, {"z": (4,)}, Y[:4], {}),
    "second order": (second_order, {"z": (5,)}, Y, {}),
    "second order, plate": (second_order_plate, {"kind": (), "z": (4, 2)},
                            np.array([[0.1, 1.0], [2.0, -1.0], [1.5, 0.3], [0.4, 0.6]]), {}),
    "lagged": (lagged, {"z": (4,), "w": (4,)}, Y[:4], {}),
    "fewer steps than history": (lagged, {"z": (2,), "w": (2,)}, Y[:2], {}),
    "as many steps as history": (lagged, {"z": (3,), "w": (3,)}, Y[:3], {}),
    "factorial": (factorial, {"a": (3,), "b": (3,)}, Y[:3], {}),
    "independent": (independent, {"z": (3,)}, Y[:3], {}),
    "one step": (states, {"z0": (), "z": (1,)}, Y[:1], {"loc": LOC}),
}  # fmt: skip


def test_the_sites_are_in_the_trace_once_with_a_time_axis():
    trace = handlers.trace(handlers.seed(walk, 0)).get_trace(Y)
    assert {k: np.shape(s["value"]) for k, s in trace.items()} == {"s": (), "x": (5,), "y": (5,)}
    assert trace["y"]["is_observed"] and not trace["x"]["is_observed"]
    np.testing.assert_array_equal(trace["y"]["value"], Y)


def test_the_density_is_that_of_the_loop_written_out():
    x, s = np.arange(5) * 0.3, 0.7
    want = ss.halfnorm.logpdf(s) + ss.norm.logpdf(np.diff(np.r_[0, x]), 0, s).sum()
    want += ss.norm.logpdf(Y, x, 0.5).sum()
    got, _ = log_density(walk, (Y,), {}, {"x": bnp.asarray(x), "s": s})
    assert float(got) == pytest.approx(want, abs=1e-10)
    u = {"x": bnp.asarray(x), "s": np.log(s)}
    assert float(potential_energy(walk, (Y,), {}, u)) == pytest.approx(-want - np.log(s))


def test_the_jacobian_of_sites_in_a_loop_counts():
    def model():
        scan(lambda c, _: (prob.sample("x", dist.HalfNormal(1.0)), None), 0.0, None, length=3)

    u = np.array([0.1, -0.5, 0.3])
    want = ss.halfnorm.logpdf(np.exp(u)).sum() + u.sum()
    assert float(potential_energy(model, (), {}, {"x": bnp.asarray(u)})) == pytest.approx(-want)


def test_masks_scales_and_conditions_reach_the_body():
    model = handlers.scale(handlers.mask(walk, mask=True), scale=2.0)
    params = {"x": bnp.zeros(5), "s": 0.5}
    plain = float(log_density(walk, (Y,), {}, params)[0])
    assert float(log_density(model, (Y,), {}, params)[0]) == pytest.approx(2 * plain)
    off = handlers.mask(walk, mask=False)
    assert float(log_density(off, (Y,), {}, params)[0]) == 0.0
    trace = handlers.trace(
        handlers.seed(handlers.condition(walk, {"x": bnp.arange(5.0)}), 0)
    ).get_trace(None)
    np.testing.assert_array_equal(trace["x"]["value"], np.arange(5.0))
    assert trace["x"]["is_observed"] and not trace["y"]["is_observed"]
    hidden = handlers.trace(handlers.block(handlers.seed(walk, 0), hide=["x"])).get_trace(Y)
    assert set(hidden) == {"s", "y"}


def test_nuts_smooths_a_walk():
    """Given s, states and data are jointly normal: compare with the exact smoother."""
    model = handlers.condition(walk, {"s": bnp.asarray(0.8)})
    mcmc = MCMC(NUTS(model), 400, 3000, progress_bar=False)
    mcmc.run(0, Y)
    x = np.asarray(mcmc.get_samples()["x"])
    times = np.arange(1, 6)
    prior = 0.64 * np.minimum(times[:, None], times[None])
    gain = prior @ np.linalg.inv(prior + 0.25 * np.eye(5))
    sd = np.sqrt(np.diag(prior - gain @ prior))
    ess = np.asarray(prob.diagnostics.effective_sample_size(x[None]))
    np.testing.assert_array_less(abs(x.mean(0) - gain @ Y), 4.5 * sd / np.sqrt(ess))
    np.testing.assert_allclose(x.std(0), sd, rtol=0.1)


def test_prediction_and_log_likelihood():
    s = np.full(3, 0.5)
    x = np.random.default_rng(0).normal(size=(3, 5))
    out = Predictive(walk, {"s": s, "x": x})(0, None)
    assert out["y"].shape == (3, 5)
    ll = log_likelihood(walk, {"s": s, "x": x}, Y)
    np.testing.assert_allclose(ll["y"], ss.norm.logpdf(Y, x, 0.5), rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_states_are_summed_out(case):
    model, sizes, y, params = CASES[case]
    trace = handlers.trace(handlers.seed(model, 0)).get_trace(y)
    spread = enumerated(model, trace)

    def f(params):
        return log_density(spread, (y,), {}, params)[0]

    want = np.logaddexp.reduce(list(table(model, sizes, y, **params).values()))
    assert float(f(params)) == pytest.approx(want, abs=1e-10)
    assert float(bibun.jit(f)(params)) == pytest.approx(want, abs=1e-10)


def test_the_gradient_through_the_forward_algorithm():
    trace = handlers.trace(handlers.seed(states, 0)).get_trace(Y[:4])
    spread = enumerated(states, trace)

    def f(loc):
        return log_density(spread, (Y[:4],), {}, {"loc": loc})[0]

    slope = bibun.jit(bibun.grad(f))(LOC)

    def exact(loc):
        lps = table(states, {"z0": (), "z": (4,)}, Y[:4], loc=bnp.asarray(loc))
        return np.logaddexp.reduce(list(lps.values()))

    loc, h = np.asarray(LOC), 1e-5
    want = [(exact(loc + h * e) - exact(loc - h * e)) / (2 * h) for e in np.eye(2)]
    np.testing.assert_allclose(slope, want, rtol=1e-7)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("temperature", [0, 1])
def test_states_are_drawn_back(case, temperature):
    model, sizes, y, params = CASES[case]
    logs = table(model, sizes, y, **params)
    norm = np.logaddexp.reduce(list(logs.values()))
    exact = {k: np.exp(v - norm) for k, v in logs.items()}
    given = handlers.condition(model, data=params) if params else model

    def draw(key):
        inferred = infer_discrete(given, temperature=temperature, rng_key=key)
        trace = handlers.trace(handlers.seed(inferred, key)).get_trace(y)
        return bnp.concatenate([bnp.reshape(trace[n]["value"], (-1,)) for n in sizes])

    if temperature == 0:
        assert exact[tuple(np.asarray(draw(random.PRNGKey(0))).tolist())] == pytest.approx(
            max(exact.values())
        )
        return
    n = 8000
    rows = np.asarray(bibun.jit(bibun.vmap(draw))(random.split(random.PRNGKey(1), n)))
    counts = dict.fromkeys(exact, 0)
    for row in map(tuple, rows.tolist()):
        counts[row] += 1
    often = [k for k, p in exact.items() if n * p > 8]
    observed = [counts[k] for k in often] + [n - sum(counts[k] for k in often)]
    expected = [n * exact[k] for k in often]
    expected.append(n - sum(expected))
    if expected[-1] < 8:
        observed[-2:], expected[-2:] = [sum(observed[-2:])], [sum(expected[-2:])]
    assert ss.chisquare(observed, expected).pvalue > 1e-4


@pytest.mark.parametrize("history", [0, 1])
def test_a_carry_from_further_back_is_refused(history):
    def model(y):
        def step(carry, y):
            before, z = carry
            new = prob.sample("z", dist.Categorical(T[z]))
            prob.sample("y", dist.Normal(LOC[new] + before, 1.0), obs=y)
            return (z, new), None

        scan(step, (0, 0), y, history=history)

    trace = handlers.trace(handlers.seed(model, 0)).get_trace(Y)
    with pytest.raises(Exception, match=f"history={history}"):
        log_density(enumerated(model, trace), (Y,), {}, {})


def test_a_latent_value_whose_parent_is_summed_out():
    """A continuous site of the body under an enumerated one, in a plate."""

    def model(y):
        def step(z, y):
            with prob.plate("two", 2):
                z = prob.sample("z", dist.Categorical(T[z]))
                x = prob.sample("x", dist.Normal(LOC[z], 1.0))
                prob.sample("y", dist.Normal(x, 1.0), obs=y)
            return z, z

        scan(step, bnp.zeros(2, dtype=int), y)

    y = np.array([[0.1, 1.0], [2.0, -1.0], [1.5, 0.3]])
    x = bnp.asarray(y - 0.2)
    trace = handlers.trace(handlers.seed(model, 0)).get_trace(y)
    want = np.logaddexp.reduce(list(table(model, {"z": (3, 2)}, y, x=x).values()))
    got = log_density(enumerated(model, trace), (y,), {}, {"x": x})[0]
    assert float(got) == pytest.approx(want, abs=1e-10)
    samples = MCMC(NUTS(model), 20, 10, progress_bar=False)
    samples.run(0, y)
    assert samples.get_samples()["x"].shape == (10, 3, 2)


def test_wrong_lengths():
    with pytest.raises(ValueError, match="number of steps"):
        scan(lambda c, x: (c, x), 0, bnp.zeros(3), length=4)
    with pytest.raises(ValueError, match="history"):
        scan(lambda c, x: (c, x), 0, bnp.zeros(3), history=-1)


# branches -------------------------------------------------------------------------------------


def branches(flag, y):
    s = prob.sample("s", dist.HalfNormal(1.0))

    def one(m):
        x = prob.sample("x", dist.Normal(m, s))
        prob.sample("y", dist.Normal(x, 1.0), obs=y)
        return x

    def other(m):
        x = prob.sample("x", dist.Normal(-m, 2.0))
        prob.sample("y", dist.Normal(2 * x, 1.0), obs=y)
        return 10 * x

    return cond(flag, one, other, 3.0)


@pytest.mark.parametrize("flag", [True, False])
def test_the_density_of_the_branch_taken(flag):
    def f(flag):
        return log_density(branches, (flag, 0.7), {}, {"x": 1.3, "s": 0.5})[0]

    want = ss.halfnorm.logpdf(0.5)
    if flag:
        want += ss.norm.logpdf(1.3, 3, 0.5) + ss.norm.logpdf(0.7, 1.3)
    else:
        want += ss.norm.logpdf(1.3, -3, 2.0) + ss.norm.logpdf(0.7, 2.6)
    assert float(f(flag)) == pytest.approx(want)
    assert float(bibun.jit(f)(bnp.asarray(flag))) == pytest.approx(want)


def test_nuts_through_a_branch():
    model = handlers.condition(branches, {"s": bnp.asarray(0.5)})
    mcmc = MCMC(NUTS(model), 300, 2000, progress_bar=False)
    mcmc.run(0, np.array(False), 0.7)
    x = np.asarray(mcmc.get_samples()["x"])
    var = 1 / (1 / 4 + 4)
    ess = float(prob.diagnostics.effective_sample_size(x[None]))
    assert abs(x.mean() - var * (-3 / 4 + 1.4)) < 4.5 * np.sqrt(var / ess)
    assert x.std() == pytest.approx(np.sqrt(var), rel=0.12)


def test_branches_with_different_sites():
    def model(flag):
        cond(flag, lambda m: prob.sample("x", dist.Normal(m, 1.0)),
             lambda m: prob.sample("z", dist.Normal(m, 1.0)), 0.0)  # fmt: skip

    with pytest.raises(ValueError, match="same sites"):
        bibun.jit(lambda f: handlers.trace(handlers.seed(model, 0)).get_trace(f)["x"]["value"])(
            bnp.asarray(True)
        )


def test_nuts_on_a_hidden_markov_model():
    """The persistence of a two-state chain, its states summed out: the posterior on a grid."""
    rng = np.random.default_rng(1)
    z, y = 0, []
    for _ in range(40):
        z = z if rng.random() < 0.85 else 1 - z
        y.append(rng.normal(2.5 * z))
    y = np.array(y)

    def model(y):
        stay = prob.sample("stay", dist.Beta(2.0, 2.0))
        rows = bnp.stack([bnp.stack([stay, 1 - stay]), bnp.stack([1 - stay, stay])])

        def step(z, y):
            z = prob.sample("z", dist.Categorical(rows[z]))
            prob.sample("y", dist.Normal(2.5 * z, 1.0), obs=y)
            return z, None

        scan(step, 0, y)

    mcmc = MCMC(NUTS(model), 300, 1500, progress_bar=False)
    mcmc.run(0, y)
    grid = np.linspace(0.0025, 0.9975, 400)
    emit = ss.norm.pdf(y[:, None], [0.0, 2.5])
    lp = []
    for p in grid:
        alpha, total = np.array([1.0, 0.0]), ss.beta(2, 2).logpdf(p)
        for e in emit:
            alpha = (alpha @ np.array([[p, 1 - p], [1 - p, p]])) * e
            total, alpha = total + np.log(alpha.sum()), alpha / alpha.sum()
        lp.append(total)
    w = np.exp(np.array(lp) - max(lp))
    w /= w.sum()
    mean, sd = w @ grid, np.sqrt(w @ grid**2 - (w @ grid) ** 2)
    draws = np.asarray(mcmc.get_samples()["stay"])
    ess = float(prob.diagnostics.effective_sample_size(draws[None]))
    assert abs(draws.mean() - mean) < 4.5 * sd / np.sqrt(ess)
    assert draws.std() == pytest.approx(sd, rel=0.12)
    states = Predictive(model, mcmc.get_samples(), infer_discrete=True)(0, y)["z"]
    assert states.shape == (1500, 40)
