"""A model as bare functions: values against densities written out."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as ss

import bibun
import bibun.numpy as bnp
import bibun.prob.distributions as dist
from bibun import prob, random
from bibun.prob.infer import (
    init_to_feasible,
    init_to_uniform,
    init_to_value,
    initialize_model,
)


def model(y):
    s = prob.sample("s", dist.HalfNormal(1.0))
    x = prob.sample("x", dist.Normal(0.0, 1.0).expand((2,)).to_event(1))
    prob.deterministic("twice", 2 * x)
    prob.sample("y", dist.Normal(x, s), obs=y)


Y = np.array([0.3, -1.0])
Z = {"s": bnp.asarray(0.2), "x": bnp.array([0.5, -0.5])}


def density(y):
    s, x = np.exp(0.2), np.array([0.5, -0.5])
    return ss.halfnorm.logpdf(s) + 0.2 + (ss.norm.logpdf(x) + ss.norm.logpdf(y, x, s)).sum()


@pytest.mark.parametrize("forward", [False, True])
def test_functions_and_start(forward):
    info = initialize_model(
        random.PRNGKey(0), model, model_args=(Y,), forward_mode_differentiation=forward
    )
    assert float(info.potential_fn(Z)) == pytest.approx(-density(Y))
    values = info.postprocess_fn(Z)
    assert float(values["s"]) == pytest.approx(np.exp(0.2))
    np.testing.assert_array_equal(values["twice"], [1.0, -1.0])
    start = info.param_info
    assert float(start.potential_energy) == pytest.approx(float(info.potential_fn(start.z)))
    slopes = bibun.grad(info.potential_fn)(start.z)
    for k in slopes:
        np.testing.assert_allclose(start.z_grad[k], slopes[k], rtol=1e-9)
    assert set(info.model_trace) == {"s", "x", "twice", "y"}


def test_many_starts_and_other_arguments():
    keys = random.split(random.PRNGKey(0), 3)
    info = initialize_model(keys, model, model_args=(Y,), dynamic_args=True)
    assert info.param_info.z["x"].shape == (3, 2) and info.param_info.potential_energy.shape == (3,)
    assert float(info.potential_fn(Y + 1)(Z)) == pytest.approx(-density(Y + 1))
    fixed = initialize_model(
        random.PRNGKey(0), model, model_args=(Y,), init_strategy=init_to_value(values={"s": 1.0})
    )
    assert float(fixed.param_info.z["s"]) == pytest.approx(0.0)


def test_a_strategy_that_does_not_look_at_the_sites():
    """Its `vector` is the start; those of a radius are within it, and reach it."""

    def mine(site=None):
        raise AssertionError("the model ran for a start that is known without it")

    mine.vector = lambda key, dimension: bnp.arange(float(dimension)) / 10.0
    start = initialize_model(random.PRNGKey(0), model, model_args=(Y,), init_strategy=mine)
    np.testing.assert_allclose(
        np.concatenate([np.ravel(start.param_info.z[k]) for k in ("s", "x")]), [0.0, 0.1, 0.2]
    )
    for strategy, radius in (
        (init_to_uniform, 2.0), (init_to_uniform(radius=0.5), 0.5), (init_to_feasible, 0.0)
    ):  # fmt: skip
        z = np.asarray(strategy.vector(random.PRNGKey(0), 1000))
        assert np.abs(z).max() == pytest.approx(radius, rel=0.01)
