"""Networks of bibun.nn in models: sites, priors by name, a Bayesian network under SVI and NUTS."""

from __future__ import annotations

import numpy as np
import pytest

from bibun import nn, optim, prob, random
from bibun import numpy as bnp
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.contrib.module import nnx_module, random_nnx_module
from bibun.prob.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO, autoguide, log_likelihood

X = np.linspace(-1.5, 1.5, 30)[:, None]
Y = np.sin(2 * X[:, 0]) + 0.1 * np.random.default_rng(0).normal(size=30)


class MLP(nn.Module):
    def __init__(self, width, rngs):
        self.hidden = nn.Linear(1, width, rngs=rngs)
        self.out = nn.Linear(width, 1, rngs=rngs)

    def __call__(self, x):
        return self.out(nn.tanh(self.hidden(x)))[..., 0]


def net(width=4):
    return MLP(width, nn.Rngs(3))


PATHS = ["hidden.bias", "hidden.kernel", "out.bias", "out.kernel"]


def trace(model, *args):
    return handlers.trace(handlers.seed(model, 0)).get_trace(*args)


def test_parameters_are_one_site_with_the_values_of_the_network():
    base = net()
    t = trace(lambda: prob.deterministic("y", prob.module("net", base)(X)))
    assert list(t) == ["net$params", "y"] and t["net$params"]["type"] == "param"
    np.testing.assert_array_equal(np.asarray(t["y"]["value"]), np.asarray(base(X)))
    zero = {"hidden": {"kernel": bnp.zeros((1, 4)), "bias": bnp.zeros(4)},
            "out": {"kernel": bnp.zeros((4, 1)), "bias": bnp.ones(1)}}  # fmt: skip
    with handlers.substitute(data={"net$params": zero}):
        np.testing.assert_array_equal(np.asarray(prob.module("net", base)(X)), np.ones(30))
    assert nnx_module is prob.module and random_nnx_module is prob.random_module


def test_one_prior_for_all():
    base = net()
    t = trace(lambda: prob.random_module("net", base, dist.Normal(0.0, 2.0))(X))
    assert list(t) == [f"net/{p}" for p in PATHS]
    site = t["net/hidden.kernel"]
    assert site["fn"].event_shape == (1, 4) and site["fn"].batch_shape == ()
    exact = dist.Normal(0.0, 2.0).log_prob(site["value"]).sum()
    assert float(site["fn"].log_prob(site["value"])) == pytest.approx(float(exact))


def test_priors_by_name_and_by_function():
    base = net()
    some = {"out.kernel": dist.Cauchy(), "out.bias": dist.Normal(bnp.array([5.0]), 1.0).to_event(1)}
    t = trace(lambda: prob.random_module("net", base, some, scope_divider=".")(X))
    assert sorted(t) == ["net$params", "net.out.bias", "net.out.kernel"]
    assert sorted(t["net$params"]["value"]) == ["hidden"]
    by_rule = trace(
        lambda: prob.random_module(
            "net", base,
            lambda path, shape: dist.Laplace() if path.endswith("bias") else dist.Normal(),
        )(X)
    )  # fmt: skip
    kinds = [type(by_rule[f"net/{p}"]["fn"].base_dist.base_dist).__name__ for p in PATHS]
    assert kinds == ["Laplace", "Normal", "Laplace", "Normal"]


def test_errors():
    base = net()
    with pytest.raises(ValueError, match=r"names \['wrong'\].*hidden.bias"):
        prob.random_module("net", base, {"wrong": dist.Normal()})
    with pytest.raises(TypeError, match="expected a bibun.nn.Module, got function"):
        prob.random_module("net", lambda x: x, dist.Normal())
    with pytest.raises(TypeError, match="prior of 'hidden.bias' must be a distribution"):
        prob.random_module("net", base, lambda path, shape: 1.0)
    with pytest.raises(ValueError, match=r"'hidden.bias' has shape \(4,\).*\(3,\)"):
        prob.random_module("net", base, dist.Normal(bnp.zeros(3), 1.0).to_event(1))


def test_svi_learns_a_network():
    base = net(8)

    def model(x, y=None):
        mean = prob.module("net", base)(x)
        prob.sample("y", dist.Normal(mean, 0.1), obs=y)

    svi = SVI(model, lambda *_: None, optim.adam(0.02), Trace_ELBO())
    result = svi.run(random.PRNGKey(0), 600, X, Y, progress_bar=False)
    with handlers.substitute(data=result.params):
        fitted = np.asarray(prob.module("net", base)(X))
    assert np.sqrt(np.mean((fitted - Y) ** 2)) < 0.15
    assert np.sqrt(np.mean((np.asarray(base(X)) - Y) ** 2)) > 0.3  # the network itself stays


def bayesian(x, y=None, base=net(4)):  # noqa: B008
    f = prob.random_module("net", base, dist.Normal())
    s = prob.sample("s", dist.HalfNormal(0.5))
    prob.sample("y", dist.Normal(f(x), s), obs=y)


def test_bayesian_network_under_nuts():
    mcmc = MCMC(NUTS(bayesian), num_warmup=200, num_samples=200, progress_bar=False)
    mcmc.run(random.PRNGKey(0), X, Y)
    draws = mcmc.get_samples()
    assert draws["net/hidden.kernel"].shape == (200, 1, 4)
    predicted = Predictive(bayesian, draws)(random.PRNGKey(1), X)["y"]
    error = np.asarray(predicted).mean(0) - Y
    assert np.sqrt(np.mean(error**2)) < 0.2
    assert np.asarray(log_likelihood(bayesian, draws, X, Y)["y"]).shape == (200, 30)
    # the density that NUTS used is the sum of priors and likelihood, composed by hand
    one = {k: v[7] for k, v in draws.items()}
    total = handlers_log_density(one)
    by_hand = sum(dist.Normal().log_prob(one[f"net/{p}"]).sum() for p in PATHS)
    by_hand = by_hand + dist.HalfNormal(0.5).log_prob(one["s"])
    hidden = np.tanh(X @ np.asarray(one["net/hidden.kernel"]) + np.asarray(one["net/hidden.bias"]))
    mean = hidden @ np.asarray(one["net/out.kernel"])[:, 0] + np.asarray(one["net/out.bias"])[0]
    by_hand = by_hand + dist.Normal(mean, one["s"]).log_prob(Y).sum()
    assert float(total) == pytest.approx(float(by_hand), rel=1e-10)


def handlers_log_density(values):
    from bibun.prob.infer.util import log_density

    return log_density(bayesian, (X, Y), {}, values)[0]


def test_bayesian_network_under_svi():
    guide = autoguide.AutoNormal(bayesian)
    svi = SVI(bayesian, guide, optim.adam(0.02), Trace_ELBO())
    result = svi.run(random.PRNGKey(0), 800, X, Y, progress_bar=False)
    losses = np.asarray(result.losses)
    assert losses[-50:].mean() < 0.5 * losses[:20].mean()
    draws = Predictive(guide, params=result.params, num_samples=100)(random.PRNGKey(1))
    assert draws["net/out.kernel"].shape == (100, 4, 1)


class Normed(nn.Module):
    """Batch statistics, and noise from a random stream."""

    def __init__(self, rngs):
        self.norm = nn.BatchNorm(1, momentum=0.9, rngs=rngs)
        self.drop = nn.Dropout(0.5, rngs=rngs)
        self.line = nn.Linear(1, 1, rngs=rngs)

    def __call__(self, x):
        return self.line(self.drop(self.norm(x)))[..., 0]


@pytest.mark.parametrize("step", ["update", "stable_update"])
def test_svi_carries_batch_statistics_and_random_streams(step):
    base = Normed(nn.Rngs(0))

    def model(x, y):
        prob.sample("y", dist.Normal(prob.module("net", base)(x), 1.0), obs=y)

    svi = SVI(model, lambda *_: None, optim.sgd(0.0), Trace_ELBO())
    start = svi.init(random.PRNGKey(0), X, Y)
    assert list(svi.get_params(start)) == ["net$params"]
    stay = np.asarray(base.norm.mean.value)
    state, losses = start, []
    mean, var = (np.asarray(start.mutable_state["net$state"]["state"]["norm"][k].value)
                 for k in ("mean", "var"))  # fmt: skip
    for k in range(4):
        x = X + k
        state, loss = getattr(svi, step)(state, x, Y)
        losses.append(float(loss))
        mean, var = 0.9 * mean + 0.1 * x.mean(0), 0.9 * var + 0.1 * x.var(0)
        now = state.mutable_state["net$state"]["state"]["norm"]
        np.testing.assert_allclose(now["mean"].value, mean, rtol=1e-10)
        np.testing.assert_allclose(now["var"].value, var, rtol=1e-10)
    assert len(set(losses)) == 4  # another mask each step, from the stream that is carried
    np.testing.assert_array_equal(np.asarray(base.norm.mean.value), stay)
    run = svi.run(random.PRNGKey(0), 3, X, Y, progress_bar=False, stable_update=step != "update")
    after = run.state.mutable_state["net$state"]["state"]["norm"]["mean"].value
    first = np.asarray(start.mutable_state["net$state"]["state"]["norm"]["mean"].value)
    expected = 0.9**3 * first + (1 - 0.9**3) * X.mean(0)
    np.testing.assert_allclose(after, expected, atol=1e-12)


def test_mutable_sites():
    def model(y):
        seen = prob.mutable("seen", {"count": 0, "sum": 0.0})
        seen["count"] = seen["count"] + 1
        seen["sum"] = seen["sum"] + y.sum()
        prob.sample("y", dist.Normal(prob.param("m", 0.0), 1.0), obs=y)

    assert prob.mutable("out", {"a": 1}) == {"a": 1}
    y = bnp.ones(1)
    svi = SVI(model, lambda *_: None, optim.sgd(0.1), Trace_ELBO())
    start = svi.init(random.PRNGKey(0), y)
    before = start.mutable_state["seen"]["count"]
    state = svi.update(start, y)[0]
    state = svi.update(state, y)[0]
    assert start.mutable_state["seen"]["count"] == before == 1
    assert int(state.mutable_state["seen"]["count"]) == 3
    assert float(state.mutable_state["seen"]["sum"]) == 3.0
    many = SVI(model, lambda *_: None, optim.sgd(0.1), Trace_ELBO(num_particles=2))
    with pytest.raises(ValueError, match="num_particles=1"):
        many.update(many.init(random.PRNGKey(0), y), y)
