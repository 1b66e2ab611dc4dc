"""Strategies of `reparam`: the density in new coordinates is the old, Jacobian included."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import optim, prob, random
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.distributions import transforms as t
from bibun.prob.infer import SVI, Trace_ELBO, autoguide, log_density, potential_energy, reparam


def density(model, values):
    return float(log_density(handlers.seed(model, 0), (), {}, values)[0])


def test_explicit():
    def model():
        return prob.sample("x", dist.Gamma(4.0, 3.0).expand((2,)).to_event(1))

    easy = handlers.reparam(model, {"x": reparam.ExplicitReparam(t.ExpTransform().inv)})
    y = bnp.array([0.3, -0.7])
    exact = dist.Gamma(4.0, 3.0).log_prob(bnp.exp(y)) + y
    assert density(easy, {"x_base": y}) == pytest.approx(float(exact.sum()))
    with handlers.substitute(data={"x_base": y}), handlers.seed(rng_seed=0):
        np.testing.assert_allclose(easy(), np.exp(np.asarray(y)))


@pytest.mark.parametrize(
    "strategy, suffix",
    [
        (reparam.DiscreteCosineReparam(), "dct"),
        (reparam.DiscreteCosineReparam(smooth=1.0), "dct"),
        (reparam.HaarReparam(), "haar"),
        (reparam.HaarReparam(flip=True), "haar"),
    ],
)
@pytest.mark.parametrize("fn", [dist.GaussianRandomWalk(0.7, 6), dist.Gamma(2.0, 1.0)])
def test_orthogonal_coordinates(strategy, suffix, fn):
    if fn.event_dim == 0:
        fn = fn.expand((6,)).to_event(1)
    x = fn.sample(random.PRNGKey(0))
    easy = handlers.reparam(lambda: prob.sample("x", fn), {"x": strategy})
    free = dist.biject_to(fn.support)
    u = free._inverse(x)
    y = strategy.transform(u)
    exact = fn.log_prob(x) + bnp.sum(free.log_abs_det_jacobian(u, x))
    assert density(easy, {f"x_{suffix}": y}) == pytest.approx(float(exact), rel=1e-9)
    with handlers.substitute(data={f"x_{suffix}": y}), handlers.seed(rng_seed=0):
        np.testing.assert_allclose(easy(), x, rtol=1e-9)


def test_directions_and_angles():
    mean = bnp.array([1.0, -0.5, 0.2])
    easy = handlers.reparam(
        lambda: prob.sample("x", dist.ProjectedNormal(mean)),
        {"x": reparam.ProjectedNormalReparam()},
    )
    z = bnp.array([3.0, 0.0, 4.0])
    with handlers.trace() as trace, handlers.substitute(data={"x_normal": z}):
        np.testing.assert_allclose(easy(), [0.6, 0.0, 0.8])
    assert trace["x_normal"]["fn"].event_shape == (3,)
    fn = dist.VonMises(0.3, 2.0).expand((2,))
    turn = handlers.reparam(
        lambda: prob.sample("x", fn.to_event(1)), {"x": reparam.CircularReparam()}
    )
    x = bnp.array([7.0, -9.0])
    exact = fn.log_prob(bnp.array([7.0 - 2 * np.pi, -9.0 + 2 * np.pi]))
    assert density(turn, {"x_unwrapped": x}) == pytest.approx(float(exact.sum()), rel=1e-9)


def test_what_does_not_fit_is_refused():
    def run(fn, strategy, obs=None):
        model = handlers.reparam(lambda: prob.sample("x", fn, obs=obs), {"x": strategy})
        return handlers.seed(model, 0)()

    with pytest.raises(ValueError, match=r"event axes.*\.to_event\(1\)"):
        run(dist.Normal(bnp.zeros(4), 1.0), reparam.HaarReparam())
    with pytest.raises(ValueError, match="must have a ProjectedNormal, got Normal"):
        run(dist.Normal(), reparam.ProjectedNormalReparam())
    with pytest.raises(ValueError, match="distribution of angles"):
        run(dist.Normal(), reparam.CircularReparam())
    with pytest.raises(ValueError, match="'x' is observed"):
        run(dist.Normal(), reparam.ExplicitReparam(t.ExpTransform()), obs=1.0)
    q = autoguide.AutoDiagonalNormal(lambda: prob.sample("x", dist.Normal()))
    handlers.seed(q, 0)()
    neutra = reparam.NeuTraReparam(q, {"auto_loc": bnp.zeros(1), "auto_scale": bnp.ones(1)})
    with pytest.raises(ValueError, match=r"use neutra\.reparam"):
        run(dist.Normal(), neutra)
    with pytest.raises(TypeError, match="must be an AutoContinuous"):
        reparam.NeuTraReparam(autoguide.AutoNormal(lambda: None), {})


def two(y):
    s = prob.sample("s", dist.LogNormal(0.0, 0.4))
    with prob.plate("n", 3):
        x = prob.sample("x", dist.Normal(1.0, s))
    prob.sample("w", dist.Uniform(0.0, s))
    prob.sample("y", dist.Normal(x, 0.5), obs=y)


@pytest.mark.parametrize(
    "guide",
    ["AutoDiagonalNormal", "AutoMultivariateNormal", "AutoLowRankMultivariateNormal",
     "AutoLaplaceApproximation", "AutoIAFNormal", "AutoBNAFNormal"],
)  # fmt: skip
def test_neural_transport_is_a_change_of_coordinates(guide):
    """Also where one site's support depends on another."""
    y = bnp.array([0.5, 1.5, 1.0])
    q = getattr(autoguide, guide)(two)
    steps = 300 if guide == "AutoLaplaceApproximation" else 20
    fit = SVI(two, q, optim.adam(0.05), Trace_ELBO()).run(0, steps, y, progress_bar=False)
    neutra = reparam.NeuTraReparam(q, fit.params)
    model = neutra.reparam(two)
    z = bnp.array([0.1, -0.4, 0.8, 0.3, -1.1])
    x, jacobian = neutra.transform(z), bibun.jacfwd(neutra.transform)(z)
    plain = potential_energy(handlers.seed(two, 0), (y,), {}, q.unpack(x))
    seeded = handlers.seed(model, 0)
    got = log_density(seeded, (y,), {}, {"auto_shared_latent": z})[0]
    exact = -float(plain) + np.linalg.slogdet(np.asarray(jacobian))[1]
    assert float(got) == pytest.approx(exact, rel=1e-8)
    draws = neutra.transform_sample(bnp.stack([z, -z]))
    assert draws["x"].shape == (2, 3) and np.all(np.asarray(draws["w"]) < np.asarray(draws["s"]))
