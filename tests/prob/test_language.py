"""Primitives and handlers: what the stack does, and what errors say."""

from __future__ import annotations

import doctest
import threading

import numpy as np
import pytest

import bibun
from bibun import numpy as bnp
from bibun import prob, random
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.util import format_shapes, site_log_prob


def linear(x, y=None):
    a = prob.sample("a", dist.Normal(0.0, 1.0))
    s = prob.sample("s", dist.HalfNormal(1.0))
    mu = prob.deterministic("mu", a * x)
    return prob.sample("y", dist.Normal(mu, s), obs=y)


X = np.linspace(0, 1, 5)


def test_trace_and_seed():
    t = handlers.trace(handlers.seed(linear, 0)).get_trace(X)
    assert list(t) == ["a", "s", "mu", "y"]
    assert [t[n]["type"] for n in t] == ["sample", "sample", "deterministic", "sample"]
    again = handlers.trace(handlers.seed(linear, random.key(0))).get_trace(X)
    assert float(t["a"]["value"]) == float(again["a"]["value"])
    other = handlers.trace(handlers.seed(linear, 1)).get_trace(X)
    assert float(t["a"]["value"]) != float(other["a"]["value"])
    assert "y" in format_shapes(t)


def test_seed_splits_as_numpyro():
    key, first = random.split(random.PRNGKey(7))
    _, second = random.split(key)
    t = handlers.trace(handlers.seed(linear, 7)).get_trace(X)
    assert float(t["a"]["value"]) == float(random.normal(first))
    assert float(t["s"]["value"]) == abs(float(random.normal(second)))


def test_condition_substitute_replay_block_do():
    y = np.ones(5)
    t = handlers.trace(handlers.seed(handlers.condition(linear, {"y": y}), 0)).get_trace(X)
    assert t["y"]["is_observed"] and not t["a"]["is_observed"]
    t = handlers.trace(
        handlers.substitute(handlers.seed(linear, 0), {"a": 2.0, "s": 0.5})
    ).get_trace(X)
    assert t["a"]["value"] == 2.0 and not t["a"]["is_observed"]
    np.testing.assert_allclose(np.asarray(t["mu"]["value"]), 2 * X)
    r = handlers.trace(handlers.replay(handlers.seed(linear, 9), t)).get_trace(X)
    assert r["a"]["value"] == 2.0 and r["y"]["value"] is t["y"]["value"]
    b = handlers.trace(handlers.block(handlers.seed(linear, 0), hide=["a"])).get_trace(X)
    assert "a" not in b and "s" in b
    d = handlers.trace(handlers.do(handlers.seed(linear, 0), {"a": 3.0})).get_trace(X)
    assert "a" not in d
    np.testing.assert_allclose(np.asarray(d["mu"]["value"]), 3 * X)


def test_log_density_of_a_trace():
    y = np.array([0.0, 0.1, 0.5, 0.2, 1.0])
    t = handlers.trace(handlers.substitute(linear, {"a": 0.7, "s": 0.4})).get_trace(X, y)
    total = sum(float(site_log_prob(s)) for s in t.values() if s["type"] == "sample")
    import scipy.stats as ss

    expected = ss.norm.logpdf(0.7) + ss.halfnorm.logpdf(0.4) + ss.norm(0.7 * X, 0.4).logpdf(y).sum()
    assert total == pytest.approx(expected)


def test_mask_scale_factor():
    def model():
        with handlers.scale(scale=3.0), handlers.mask(mask=bnp.array([True, False])):
            prob.sample("x", dist.Normal(bnp.zeros(2), 1.0), obs=bnp.zeros(2))
        prob.factor("f", -2.5)

    t = handlers.trace(model).get_trace()
    assert float(site_log_prob(t["x"])) == pytest.approx(3 * -0.5 * np.log(2 * np.pi))
    assert float(site_log_prob(t["f"])) == -2.5


def test_plate():
    def model():
        with prob.plate("outer", 3):
            prob.sample("a", dist.Normal())
            with prob.plate("inner", 2):
                prob.sample("b", dist.Normal())
                prob.sample("c", dist.Normal(bnp.zeros((2, 3)), 1.0))
        with prob.plate("alone", 4, dim=-2):
            prob.sample("d", dist.Dirichlet(bnp.ones(5)))

    t = handlers.trace(handlers.seed(model, 0)).get_trace()
    shapes = {n: s["value"].shape for n, s in t.items() if s["type"] == "sample"}
    assert shapes == {"a": (3,), "b": (2, 3), "c": (2, 3), "d": (4, 1, 5)}
    frames = t["b"]["cond_indep_stack"]
    assert {(f.name, f.dim, f.size) for f in frames} == {("outer", -1, 3), ("inner", -2, 2)}


def test_plate_subsampling_scales():
    def model(data):
        with prob.plate("N", 100, subsample_size=10) as i:
            prob.sample("y", dist.Normal(0.0, 1.0), obs=bnp.take(data, i))
            assert prob.subsample(data, event_dim=0).shape == (10,)

    t = handlers.trace(handlers.seed(model, 0)).get_trace(bnp.arange(100.0))
    assert t["y"]["scale"] == 10.0
    assert len(set(t["N"]["value"].tolist())) == 10


def test_plate_errors():
    def clash():
        with prob.plate("p", 3), prob.plate("q", 2, dim=-1):
            prob.sample("x", dist.Normal())

    with pytest.raises(ValueError, match="used by the enclosing plate 'p'"):
        handlers.seed(clash, 0)()

    def wrong():
        with prob.plate("p", 3):
            prob.sample("x", dist.Normal(bnp.zeros(4), 1.0))

    with pytest.raises(ValueError, match="'x' in plate 'p'.*length 4.*3 elements"):
        handlers.seed(wrong, 0)()


def test_the_likelihood_must_have_the_shape_of_the_data():
    def slip(y):
        w = prob.sample("w", dist.Normal(bnp.zeros((1, 1)), 1.0))
        prob.sample("y", dist.Normal(bnp.ones((5, 1)) @ w, 1.0), obs=y)

    with pytest.raises(ValueError, match=r"'y'.*\(5, 1\).*\(5,\).*\(5, 5\)"):
        handlers.seed(slip, 0)(bnp.zeros(5))
    handlers.seed(slip, 0)(bnp.zeros((5, 1)))

    def ragged(y):
        prob.sample("y", dist.Normal(bnp.ones(4), 1.0), obs=y)

    with pytest.raises(ValueError, match="cannot be broadcast"):
        handlers.seed(ragged, 0)(bnp.zeros(5))


def test_data_outside_the_support():
    def model(y):
        prob.sample("y", dist.Exponential(1.0), obs=y)

    with pytest.raises(ValueError, match=r"'y'.*-2.*index \(1,\).*support of Exponential"):
        handlers.seed(model, 0)(bnp.array([1.0, -2.0]))


def test_parameters_are_validated():
    with pytest.raises(ValueError, match="Normal: parameter scale.*got -1"):
        dist.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match=r"scale.*got -2 at \(1,\)"):
        dist.Normal(0.0, np.array([1.0, -2.0]))
    with pytest.raises(ValueError, match="low must be below high"):
        dist.Uniform(1.0, 0.0)
    with pytest.raises(ValueError, match=r"do not broadcast.*loc: \(2,\), scale: \(3,\)"):
        dist.Normal(np.zeros(2), np.ones(3))
    dist.Normal(0.0, -1.0, validate_args=False)
    bibun.jit(lambda s: dist.Normal(0.0, s).log_prob(0.0))(-1.0)  # unknown: not validated


def test_errors_of_sample():
    with pytest.raises(TypeError, match="expected a distribution"):
        prob.sample("x", 3.0)
    with pytest.raises(ValueError, match="'a'.*seed"):
        handlers.trace(linear).get_trace(X)

    def twice():
        prob.sample("x", dist.Normal())
        prob.sample("x", dist.Normal())

    with pytest.raises(ValueError, match="named 'x'"):
        handlers.trace(handlers.seed(twice, 0)).get_trace()


def test_an_error_leaves_the_stack_clean():
    def bad():
        prob.sample("x", dist.Normal())
        raise RuntimeError("user")

    with pytest.raises(RuntimeError, match="user"):
        handlers.trace(handlers.seed(bad, 0)).get_trace()
    assert prob.deterministic("d", 1.0) == 1.0
    from bibun.prob.primitives import _stack

    assert _stack.handlers == []


def test_threads_have_stacks_of_their_own():
    out = {}

    def run(i):
        out[i] = handlers.trace(handlers.seed(linear, i)).get_trace(X)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(list(t) == ["a", "s", "mu", "y"] for t in out.values())


def test_obs_mask():
    y = bnp.array([1.0, np.nan, 3.0])
    keep = bnp.array([True, False, True])

    def model():
        with prob.plate("N", 3):
            return prob.sample("y", dist.Normal(0.0, 1.0), obs=y, obs_mask=keep)

    t = handlers.trace(handlers.seed(model, 0)).get_trace()
    value = np.asarray(t["y"]["value"])
    assert value[0] == 1.0 and value[2] == 3.0 and np.isfinite(value[1])
    lp = float(site_log_prob(t["y_observed"]))
    assert lp == pytest.approx(-0.5 * 10 - np.log(2 * np.pi))


def test_param_lift_scope_infer_config():
    def model():
        w = prob.param("w", 1.5)
        with handlers.scope(prefix="in"):
            prob.sample("x", dist.Normal(w, 1.0))

    t = handlers.trace(handlers.seed(model, 0)).get_trace()
    assert t["w"]["value"] == 1.5 and "in/x" in t
    lifted = handlers.trace(handlers.seed(handlers.lift(model, {"w": dist.Normal()}), 0))
    assert lifted.get_trace()["w"]["type"] == "sample"
    configured = handlers.infer_config(handlers.seed(model, 0), lambda site: {"tag": 1})
    assert handlers.trace(configured).get_trace()["in/x"]["infer"]["tag"] == 1


def test_density_under_transformations():
    y = np.array([0.0, 0.1, 0.5, 0.2, 1.0])

    def density(a, s):
        t = handlers.trace(handlers.substitute(linear, {"a": a, "s": s})).get_trace(X, y)
        return sum(site_log_prob(site) for site in t.values() if site["type"] == "sample")

    plain = float(density(0.3, 0.5))
    assert float(bibun.jit(density)(0.3, 0.5)) == pytest.approx(plain)
    slope = float(bibun.grad(density)(0.3, 0.5))
    expected = -0.3 + (X * (y - 0.3 * X)).sum() / 0.25
    assert slope == pytest.approx(expected)
    out = bibun.vmap(density)(bnp.array([0.3, 0.4]), bnp.array([0.5, 0.6]))
    assert float(out[0]) == pytest.approx(plain)


def test_examples():
    import importlib

    for name in ("primitives", "handlers", "distributions.distribution",
                 "distributions.real_line", "distributions.bounded", "distributions.discrete",
                 "distributions.counts",
                 "distributions.multivariate", "distributions.mixture",
                 "distributions.transformed"):  # fmt: skip
        result = doctest.testmod(importlib.import_module(f"bibun.prob.{name}"))
        assert not result.failed, name
