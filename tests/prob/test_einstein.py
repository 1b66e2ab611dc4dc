"""Stein variational inference: kernels by hand, forces by hand, posteriors known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import optim, prob, random
from bibun.prob import distributions as dist
from bibun.prob.contrib.einstein import (
    ASVGD,
    SVGD,
    GraphicalKernel,
    IMQKernel,
    LinearKernel,
    MixtureGuidePredictive,
    MixtureKernel,
    ProbabilityProductKernel,
    RandomFeatureKernel,
    RBFKernel,
    SteinVI,
)
from bibun.prob.infer import Predictive, autoguide
from bibun.prob.optim import SGD, Adagrad

X = bnp.array([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]])
INFO = {"a": (0, 1), "b": (1, 2)}


def at(kernel, x=X[0], y=X[1], info=INFO):
    return np.asarray(kernel.compute(random.PRNGKey(0), X, info, None)(x, y))


def test_kernels_by_hand():
    apart = np.array([4.0, 4.0])
    distances = np.linalg.norm(np.asarray(X)[:, None] - np.asarray(X)[None], axis=-1)
    h = np.median(distances) ** 2 / math.log(3) + 1e-5
    np.testing.assert_allclose(at(RBFKernel()), np.exp(-8.0 / h))
    np.testing.assert_allclose(at(RBFKernel("matrix")), np.exp(-8.0 / h) * np.eye(2))
    by_axis = np.median(np.abs(np.asarray(X)[:, None] - np.asarray(X)[None]), axis=(0, 1))
    vector = np.exp(-apart / (by_axis**2 / math.log(3) + 1e-5))
    np.testing.assert_allclose(at(RBFKernel("vector")), vector)
    np.testing.assert_allclose(at(RBFKernel("matrix", "vector_diag")), np.diag(vector))
    np.testing.assert_allclose(at(IMQKernel(const=2.0, expon=-0.3)), 12.0**-0.3)
    np.testing.assert_allclose(at(IMQKernel("vector")), (1 + apart) ** -0.5)
    np.testing.assert_allclose(at(LinearKernel()), 0.0)
    np.testing.assert_allclose(at(LinearKernel("vector")), [1.0, 0.0])
    mixed = MixtureKernel([0.5, 2.0], [LinearKernel(), IMQKernel()])
    np.testing.assert_allclose(at(mixed), 2.0 / 3.0)
    graph = GraphicalKernel(local_kernel_fns={"a": IMQKernel()}, default_kernel_fn=LinearKernel())
    np.testing.assert_allclose(at(graph), np.diag([5.0**-0.5, 0.0]))
    waves = RandomFeatureKernel(bandwidth_subset=2)
    assert at(waves, X[0], X[0]) > 0 and at(waves) == pytest.approx(at(waves, X[1], X[0]))


def test_the_product_of_normals_by_quadrature():
    """exp(-ρ/2 ...) is ∫ (p q)^ρ over its value where the means are equal, for equal widths."""
    kernel = ProbabilityProductKernel(autoguide.AutoNormal(rate), scale=0.7)
    info = {"x_auto_loc": (0, 1), "x_auto_scale": (1, 2)}
    raw = float(dist.biject_to(dist.constraints.softplus_positive)._inverse(bnp.asarray(1.3)))
    ours = at(kernel, bnp.array([0.2, raw]), bnp.array([1.1, raw]), info)
    grid = np.linspace(-20, 20, 40001)

    def overlap(m):
        both = -0.5 * ((grid - 0.2) ** 2 + (grid - m) ** 2) / 1.3**2
        return np.exp(0.7 * both).sum()

    assert float(ours) == pytest.approx(overlap(1.1) / overlap(0.2), rel=1e-8)
    with pytest.raises(ValueError, match="no 'a_scale'"):
        at(kernel, info={"a_loc": (0, 1)})


def test_wrong_options():
    with pytest.raises(ValueError, match="mode must be in"):
        LinearKernel("matrix")
    with pytest.raises(ValueError, match="not of its mode"):
        MixtureKernel([1.0], [LinearKernel("vector")])
    with pytest.raises(ValueError, match=r"no parameters \['z'\]"):
        at(GraphicalKernel(local_kernel_fns={"z": RBFKernel()}))
    with pytest.raises(TypeError, match="must be the AutoNormal"):
        ProbabilityProductKernel(autoguide.AutoDelta(rate))
    with pytest.raises(TypeError, match="must be a Stein kernel"):
        SVGD(lambda: None, SGD(0.1), lambda x, y: 1.0)
    with pytest.raises(ValueError, match="fewer than"):
        ASVGD(rate, SGD(0.1), RBFKernel()).run(0, 5)


def test_what_the_particles_cannot_hold_is_refused():
    """A state that a run changes, and a start outside of its constraint."""

    def counts():
        prob.mutable("seen", {"count": 0})["count"] += 1
        prob.sample("x", dist.Normal())

    with pytest.raises(NotImplementedError, match=r"mutable sites \['seen'\]"):
        SVGD(counts, SGD(0.1), RBFKernel()).init(0)

    def guide():
        m = prob.param("m", -1.0, constraint=dist.constraints.positive)
        prob.sample("x", dist.Normal(m, 1.0))

    with pytest.raises(ValueError, match="does not satisfy its constraint"):
        SteinVI(lambda: prob.sample("x", dist.Normal()), guide, SGD(0.1), RBFKernel()).init(0)


def rate():
    prob.sample("rate", dist.Gamma(4.0, 2.0))
    prob.sample("w", dist.Normal(bnp.array([1.0, -1.0]), 0.5).to_event(1))


@pytest.mark.parametrize(
    "kernel", [IMQKernel(), IMQKernel("vector"), GraphicalKernel(default_kernel_fn=IMQKernel())]
)
def test_one_step_is_steins_force(kernel):
    """φ_i = mean_j k(x_j, x_i) ∇L(x_j) + ∇k in unconstrained space, Jacobian included."""
    svgd = SVGD(rate, SGD(1.0), kernel, num_stein_particles=3, repulsion_temperature=1.5)
    state = svgd.init(random.PRNGKey(0))
    assert svgd.guide_sites == ["rate_auto_loc", "w_auto_loc"]
    before = svgd._optimizer.get_params(state.optim_state)
    moved, loss = svgd.update(state)
    after = svgd._optimizer.get_params(moved.optim_state)

    def flat(params):
        parts = [np.asarray(params[k]).reshape(3, -1) for k in svgd.guide_sites]
        return np.concatenate(parts, axis=1)

    x = flat(before)

    def density(u):
        gamma = dist.Gamma(4.0, 2.0).log_prob(bnp.exp(u[0])) + u[0]
        return gamma + dist.Normal(bnp.array([1.0, -1.0]), 0.5).log_prob(u[1:]).sum()

    g = np.asarray(bibun.vmap(bibun.grad(density))(bnp.asarray(x)))
    exact = np.zeros_like(x)
    for i in range(3):
        for j in range(3):
            d = x[j] - x[i]
            if kernel.mode == "norm":
                s = 1 + d @ d
                exact[i] += s**-0.5 * g[j] - 1.5 * s**-1.5 * d
            elif kernel.mode == "vector":
                s = 1 + d**2
                exact[i] += s**-0.5 * g[j] - 1.5 * s**-1.5 * d
            else:
                for part in (slice(0, 1), slice(1, 3)):
                    s = 1 + d[part] @ d[part]
                    exact[i, part] += s**-0.5 * g[j, part] - 1.5 * s**-1.5 * d[part]
    np.testing.assert_allclose(flat(after) - x, exact / 3, rtol=1e-8)
    mean = -np.mean([float(density(bnp.asarray(row))) for row in x])
    assert float(loss) == pytest.approx(mean) and float(svgd.evaluate(state)) == pytest.approx(mean)


def test_particles_become_the_posterior():
    svgd = SVGD(rate, Adagrad(0.4), RBFKernel(), num_stein_particles=40)
    fit = svgd.run(random.PRNGKey(1), 600, progress_bar=False)
    draws = np.asarray(fit.params["rate_auto_loc"])
    assert abs(draws.mean() - 2.0) < 0.2 and abs(draws.std() - 1.0) < 0.25
    np.testing.assert_allclose(np.asarray(fit.params["w_auto_loc"]).mean(0), [1.0, -1.0], atol=0.1)
    predict = Predictive(
        rate, guide=svgd.guide, params=fit.params, num_samples=2, batch_ndims=1,
        return_sites=["rate"],
    )  # fmt: skip
    out = np.asarray(predict(random.PRNGKey(0))["rate"])
    np.testing.assert_allclose(out, np.stack([draws, draws], axis=1))


def test_annealed_particles_find_both_modes():
    def two():
        parts = dist.MixtureSameFamily(
            dist.Categorical(probs=bnp.array([0.5, 0.5])), dist.Normal(bnp.array([-4.0, 4.0]), 0.5)
        )
        prob.sample("x", parts)

    asvgd = ASVGD(two, Adagrad(0.5), RBFKernel(), 20, num_cycles=4, transition_speed=3)
    x = np.asarray(asvgd.run(random.PRNGKey(0), 800, progress_bar=False).params["x_auto_loc"])
    assert 4 <= (x > 0).sum() <= 16
    assert np.all(np.abs(np.abs(x) - 4) < 2.0)
    with pytest.raises(ValueError, match="use run"):
        fresh = ASVGD(two, Adagrad(0.5), RBFKernel())
        fresh.update(fresh.init(0))


def test_a_mixture_of_guides():
    """A normal posterior: components of the mixture agree with it together."""

    def model(y=None):
        m = prob.sample("m", dist.Normal(0.0, 10.0))
        prob.sample("y", dist.Normal(m, 1.0), obs=y)

    stein = SteinVI(
        model, autoguide.AutoNormal(model), optim.adam(0.05), RBFKernel(), num_stein_particles=3,
        num_elbo_particles=8,
    )  # fmt: skip
    fit = stein.run(random.PRNGKey(0), 500, 3.0, progress_bar=False)
    assert stein.guide_sites == ["m_auto_loc", "m_auto_scale"]
    predictive = MixtureGuidePredictive(
        model, stein.guide, fit.params, stein.guide_sites, num_samples=2000,
        return_sites=["m", "y"],
    )  # fmt: skip
    draws = predictive(random.PRNGKey(1))
    assert draws["mixture_assignments"].shape == (2000,)
    assert set(np.asarray(draws["mixture_assignments"]).tolist()) == {0, 1, 2}
    assert abs(float(draws["m"].mean()) - 3.0 / 1.01) < 0.3
    assert 0.6 < float(draws["m"].std()) < 1.6
    assert abs(float(draws["y"].std()) - math.sqrt(1 + float(draws["m"].var()))) < 0.15


def test_shared_parameters_have_no_axis_of_particles():
    def guide():
        m = prob.param("m", lambda key: random.normal(key))
        s = prob.param("s", 1.0, constraint=dist.constraints.positive)
        prob.sample("x", dist.Normal(m, s))

    def model():
        prob.sample("x", dist.Normal(2.0, 0.3))

    stein = SteinVI(
        model, guide, Adagrad(0.3), RBFKernel(), 2, 4,
        non_mixture_guide_params_fn=lambda name: name == "s",
    )  # fmt: skip
    fit = stein.run(0, 300, progress_bar=False, stable_update=True)
    assert fit.params["m"].shape == (2,) and fit.params["s"].shape == ()
    assert abs(float(fit.params["m"].mean()) - 2.0) < 0.3 and float(fit.params["s"]) < 0.6
