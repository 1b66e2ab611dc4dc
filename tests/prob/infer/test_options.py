"""Options of HMC and NUTS: each has the effect its name promises."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as ss

import bibun.numpy as bnp
import bibun.prob.distributions as dist
from bibun import prob
from bibun.prob.infer import (
    HMC,
    MCMC,
    NUTS,
    init_to_feasible,
    init_to_mean,
    init_to_median,
    init_to_sample,
    init_to_uniform,
    init_to_value,
    mass,
)
from bibun.prob.infer.chain import make_runner

COV = np.array([[1.0, 0.8, 0.5], [0.8, 1.0, 0.3], [0.5, 0.3, 1.0]])


def three():
    """Three sites whose posterior has the covariance COV."""
    a = prob.sample("a", dist.Normal(0.0, 10.0))
    b = prob.sample("b", dist.Normal(0.0, 10.0))
    c = prob.sample("c", dist.Normal(0.0, 10.0))
    x = bnp.stack([a, b, c])
    prior = -0.5 * bnp.sum(x * x) / 100.0
    prob.factor("f", -0.5 * bnp.dot(x, bnp.matmul(np.linalg.inv(COV), x)) - prior)


def wide():
    prob.sample("x", dist.Normal(bnp.zeros(2), np.array([1.0, 30.0])).to_event(1))


def run(kernel, warmup=300, samples=300, **kwargs):
    mcmc = MCMC(kernel, warmup, samples, progress_bar=False)
    mcmc.run(0, **kwargs)
    return mcmc


def inverse_mass(mcmc):
    return np.asarray(mcmc.last_state[0].adapt_state.metric.inverse_mass)


def step_size(mcmc):
    return float(np.asarray(mcmc.last_state[0].adapt_state.step_size))


@pytest.mark.parametrize("kernel", [NUTS, HMC])
@pytest.mark.parametrize("source", ["gradients", "draws"])
def test_dense_mass_by_groups_of_sites(kernel, source):
    options = {"num_steps": 6} if kernel is HMC else {}
    sampler = kernel(three, dense_mass=[("a", "c")], mass_matrix_from=source, **options)
    m = inverse_mass(run(sampler, 600))
    assert m.shape == (3, 3)
    assert m[0, 1] == m[1, 2] == m[1, 0] == 0.0
    assert m[0, 2] == pytest.approx(m[2, 0]) and m[0, 2] > 0.2


def test_dense_mass_whole_or_not():
    assert inverse_mass(run(NUTS(three, dense_mass=False))).shape == (3,)
    m = inverse_mass(run(NUTS(three, dense_mass=True), 600))
    np.testing.assert_allclose(m, COV, atol=0.35)
    assert inverse_mass(run(NUTS(three, dense_mass=[]))).shape == (3,)


def test_dense_mass_errors():
    for wrong, error, match in (
        ([("a", "w")], ValueError, "latent sites are"), ([("a",), ("a", "b")], ValueError, "more"),
        (["a"], TypeError, "tuple of site names"), ("a", TypeError, "list of tuples"),
    ):  # fmt: skip
        with pytest.raises(error, match=match):
            run(NUTS(three, dense_mass=wrong), 5, 5)
    with pytest.raises(ValueError, match="needs a model"):
        run(NUTS(potential_fn=lambda z: z @ z, dense_mass=[("a",)]), 5, 5, init_params=np.zeros(2))


@pytest.mark.parametrize(
    "given, want",
    [
        (np.array([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]),
        (COV, COV),
        ({("a", "b"): COV[:2, :2]}, np.block([[COV[:2, :2], np.zeros((2, 1))], [0, 0, 1]])),
        ({("c",): np.array([4.0]), "b": 2.0}, [1.0, 2.0, 4.0]),
    ],
    ids=["vector", "matrix", "sites", "diagonal sites"],
)
def test_a_given_inverse_mass_matrix_is_kept_without_adaptation(given, want):
    mcmc = run(NUTS(three, inverse_mass_matrix=given, adapt_mass_matrix=False), 60, 60)
    np.testing.assert_allclose(inverse_mass(mcmc), want)


def test_a_given_inverse_mass_matrix_of_the_wrong_size():
    with pytest.raises(ValueError, match="2 unconstrained"):
        run(NUTS(wide, inverse_mass_matrix=np.ones(5)), 5, 5)
    with pytest.raises(ValueError, match="'x',.*2 unconstrained"):
        run(NUTS(wide, inverse_mass_matrix={("x",): np.ones(5)}), 5, 5)


def test_adaptation_switches():
    fixed = run(NUTS(wide, step_size=0.37, adapt_step_size=False, adapt_mass_matrix=False))
    assert step_size(fixed) == 0.37
    np.testing.assert_array_equal(inverse_mass(fixed), np.eye(2))
    adapted = run(NUTS(wide, step_size=0.37))
    assert step_size(adapted) != 0.37
    assert np.diag(inverse_mass(adapted))[1] > 100


@pytest.mark.parametrize("target", [0.6, 0.95])
def test_target_accept_prob(target):
    mcmc = run(HMC(three, num_steps=3, target_accept_prob=target, dense_mass=True), 1500, 1500)
    accept = np.asarray(mcmc.get_extra_fields()["accept_prob"]).mean()
    assert accept == pytest.approx(target, abs=0.06)


def test_number_of_steps_and_trajectory_length():
    steps = run(HMC(wide, num_steps=7), 50, 50).get_extra_fields()["num_steps"]
    assert np.all(np.asarray(steps) == 7)
    kernel = HMC(wide, trajectory_length=2.0, step_size=0.25, adapt_step_size=False)
    steps = run(kernel, 50, 50).get_extra_fields()["num_steps"]
    assert np.all(np.asarray(steps) == 8)
    with pytest.raises(ValueError, match="not both"):
        HMC(wide, num_steps=3, trajectory_length=1.0)


def test_max_tree_depth_in_warmup_and_after():
    options = {"step_size": 1e-3, "adapt_step_size": False, "adapt_mass_matrix": False}
    shallow = run(NUTS(wide, max_tree_depth=3, **options), 10, 30)
    assert np.all(np.asarray(shallow.get_extra_fields()["num_steps"]) == 7)
    for pair, (before, after) in (((2, 4), (3, 15)), ((4, 2), (15, 3))):
        mcmc = MCMC(NUTS(wide, max_tree_depth=pair, **options), 10, 30, progress_bar=False)
        mcmc.warmup(0, collect_warmup=True)
        assert np.all(np.asarray(mcmc.get_extra_fields()["num_steps"]) == before)
        mcmc.run(0)
        assert np.all(np.asarray(mcmc.get_extra_fields()["num_steps"]) == after)
    with pytest.raises(ValueError, match="pair"):
        NUTS(wide, max_tree_depth=(3, 50))


def test_heuristic_step_size():
    def narrow():
        prob.sample("x", dist.Normal(bnp.zeros(2), 1e-4).to_event(1))

    start = {"x": np.zeros(2)}
    steps = {}
    for find in (False, True):
        kernel = NUTS(narrow, find_heuristic_step_size=find)
        potential = kernel.setup(prob.infer.util.random.PRNGKey(0), (), {})
        state = kernel.init(
            potential, prob.infer.util.random.PRNGKey(1), kernel.flat.flatten(start)
        )
        steps[find] = float(np.asarray(state.adapt_state.step_size))
    assert steps[False] == 1.0
    assert 1e-5 < steps[True] < 1e-3


def test_regularised_mass_matrix():
    """One short window: shrinkage pulls a variance of 900 down to what a few draws may say."""
    size = {}
    for regularize in (False, True):
        kernel = NUTS(wide, regularize_mass_matrix=regularize, mass_matrix_from="draws",
                      dense_mass=False)  # fmt: skip
        mcmc = run(kernel, 40, 5)
        size[regularize] = inverse_mass(mcmc)[1]
    assert size[True] < size[False]


def test_forward_mode_gives_the_same_draws():
    draws = [
        np.asarray(run(NUTS(three, forward_mode_differentiation=f), 50, 50).get_samples()["a"])
        for f in (False, True)
    ]
    np.testing.assert_allclose(draws[0], draws[1], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kernel", [NUTS, HMC])
def test_kinetic_fn_is_what_moves_the_momenta(kernel):
    def potential(z):
        return 0.5 * z @ z

    asked = []

    def kinetic(inverse_mass, r):
        asked.append(r)
        return 0.5 * bnp.sum(inverse_mass * r * r)

    def longer(inverse_mass, r):
        return 2.0 * kinetic(inverse_mass, r)

    options = {"num_steps": 4} if kernel is HMC else {}

    def draws(kinetic_fn):
        sampler = kernel(potential_fn=potential, kinetic_fn=kinetic_fn, dense_mass=False, **options)
        mcmc = run(sampler, 60, 60, init_params=np.ones(2))
        return np.asarray(mcmc.get_samples()["Param:0"])

    np.testing.assert_allclose(draws(kinetic), draws(None), rtol=1e-8)
    assert asked
    assert not np.allclose(draws(longer), draws(None))
    with pytest.raises(TypeError, match="callable"):
        kernel(potential_fn=potential, kinetic_fn=3)


def test_kinetic_fn_of_a_full_matrix():
    def kinetic(inverse_mass, r):
        return 0.5 * r @ inverse_mass @ r

    def draws(kinetic_fn):
        sampler = NUTS(
            potential_fn=lambda z: 0.5 * z @ z + 0.3 * z[0] * z[1], kinetic_fn=kinetic_fn,
            inverse_mass_matrix=np.array([[2.0, 0.5], [0.5, 0.3]]), adapt_mass_matrix=False,
        )  # fmt: skip
        mcmc = run(sampler, 40, 40, init_params=np.ones(2))
        return np.asarray(mcmc.get_samples()["Param:0"])

    np.testing.assert_allclose(draws(kinetic), draws(None), rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "match"),
    [(np.array([1.0, 0.0]), "variance of 0.0"), (np.array([1.0, np.nan]), "variance of nan"),
     (np.array([[1.0, 2.0], [2.0, 1.0]]), "eigenvalue -1")],
)  # fmt: skip
def test_an_inverse_mass_matrix_that_is_none(given, match):
    sampler = NUTS(potential_fn=lambda z: 0.5 * z @ z, inverse_mass_matrix=given)
    with pytest.raises(ValueError, match=match):
        run(sampler, 5, 5, init_params=np.ones(2))


def test_a_metric_is_its_inverse_mass():
    """With scales of 1e-8 beside 1e8 too, whose eigenvalues a covariance would lose."""
    scale = np.array([1e-8, 1.0, 1e8])
    cov = np.array([[1.0, 0.6, 0.2], [0.6, 1.0, -0.3], [0.2, -0.3, 1.0]]) * scale[:, None] * scale
    for given in (cov, scale**2):
        metric = mass.metric(given)
        np.testing.assert_allclose(metric.inverse_mass, given, rtol=1e-13)
        full = given if given.ndim == 2 else np.diag(given)
        g = np.array([0.3, -0.2, 0.7]) / scale
        np.testing.assert_allclose(metric.push(metric.pull(g)), full @ g, rtol=1e-12)


@pytest.mark.parametrize(
    "options", [{}, {"dense_mass": False}, {"num_steps": 7}, {"trajectory_length": 3.0}]
)
def test_starts_are_evaluated_by_the_transitions(options):
    """What a run finds at its start is the potential and its gradient there, and a bad one is."""

    def potential(z):
        return bnp.sum(bnp.log(z) ** 2 + z)

    kernel = (HMC if options.keys() & {"num_steps", "trajectory_length"} else NUTS)(
        potential_fn=potential, **options
    )
    key, z = prob.infer.util.random.PRNGKey(0), bnp.array([0.5, 2.0, 3.0])
    found = kernel.setup(key, (), {})
    plain = kernel.init(found, key, z)
    found.runner = make_runner(kernel, found)
    state = kernel.init(found, key, z)
    np.testing.assert_allclose(state.potential_energy, plain.potential_energy, rtol=1e-14)
    np.testing.assert_allclose(state.z_grad, plain.z_grad, rtol=1e-14)
    np.testing.assert_array_equal(state.z, z)
    with pytest.raises(RuntimeError, match="potential nan"):
        kernel.init(found, key, bnp.array([0.5, -2.0, 3.0]))


def test_init_strategies():
    def model():
        prob.sample("g", dist.Gamma(9.0, 3.0))
        prob.sample("x", dist.Normal(5.0, 1.0).expand((40,)).to_event(1))

    def start(strategy):
        kernel = NUTS(model, init_strategy=strategy)
        key = prob.infer.util.random.PRNGKey(3)
        potential = kernel.setup(key, (), {})
        z = kernel.init(potential, key).z
        return {k: np.asarray(v) for k, v in kernel.flat.constrain(z, (), {}).items()}

    at = start(init_to_feasible)
    assert at["g"] == 1.0 and np.all(at["x"] == 0.0)
    at = start(init_to_mean)
    assert at["g"] == pytest.approx(3.0) and np.all(at["x"] == 5.0)
    at = start(init_to_value(values={"g": 2.5}))
    assert at["g"] == pytest.approx(2.5) and np.all(abs(at["x"]) < 2)
    assert np.std(at["x"]) > 0.5
    at = start(init_to_uniform(radius=0.1))
    assert np.all(abs(at["x"]) < 0.1) and np.std(at["x"]) > 0.02
    at = start(init_to_sample)
    assert ss.kstest(at["x"], ss.norm(5, 1).cdf).pvalue > 1e-3
    at = start(init_to_median(num_samples=50))
    assert np.all(abs(at["x"] - 5) < 0.8) and np.std(at["x"]) < 0.4
