"""The triples, as chapter 5.1 of the document uses them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bibun.numpy as jnp
from bibun import jit, optimizers, value_and_grad


def booth(x: Any, y: Any) -> Any:
    return (x + 2.0 * y - 7.0) ** 2 + (2.0 * x + y - 5.0) ** 2


def objective(r: Any) -> Any:
    return booth(r[0], r[1])


def doopt(r0: Any, triple: Any, steps: int) -> list[Any]:
    opt_init, opt_update, get_params = triple

    def step(t: int, opt_state: Any) -> Any:
        value, grads = value_and_grad(objective)(get_params(opt_state))
        return value, opt_update(t, grads, opt_state)

    opt_state = opt_init(r0)
    path = [r0]
    for t in range(steps):
        _, opt_state = step(t, opt_state)
        path.append(get_params(opt_state))
    return path


def test_adam_on_booth() -> None:
    path = doopt(jnp.array([7.5, -7.5]), optimizers.adam(1e0), 100)
    # an independent NumPy Adam
    p, m, v = np.array([7.5, -7.5]), 0.0, 0.0
    matrix = np.array([[10.0, 8.0], [8.0, 10.0]])
    for i in range(100):
        g = matrix @ p - np.array([34.0, 38.0])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        p = p - m / (1 - 0.9 ** (i + 1)) / (np.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8)
        np.testing.assert_allclose(path[i + 1], p, rtol=1e-9)
    np.testing.assert_allclose(path[-1], [1.0, 3.0], atol=0.05)


def test_sgd_on_booth() -> None:
    path = doopt(jnp.array([7.5, -7.5]), optimizers.sgd(1e-1), 100)
    np.testing.assert_allclose(path[-1], [1.0, 3.0], atol=1e-6)


@pytest.mark.parametrize(
    ("triple", "steps"),
    [
        (optimizers.momentum(1e-2, 0.9), 300), (optimizers.nesterov(1e-2, 0.9), 300),
        (optimizers.adagrad(1.0), 2000), (optimizers.rmsprop(0.01), 2000),
        (optimizers.rmsprop_momentum(0.01), 1500), (optimizers.adamax(0.5), 400),
        (optimizers.sm3(1.0), 2000),
    ],
)  # fmt: skip
def test_others_reach_the_minimum(triple: Any, steps: int) -> None:
    init, update, get_params = triple

    @jit
    def step(i, state):
        _, g = value_and_grad(objective)(get_params(state))
        return update(i, g, state)

    state = init(jnp.array([7.5, -7.5]))
    for i in range(steps):
        state = step(i, state)
    np.testing.assert_allclose(get_params(state), [1.0, 3.0], atol=0.02)


def test_formulas_of_two_steps() -> None:
    g1, g2 = np.array([1.0, -4.0]), np.array([2.0, 0.5])

    def two(triple: Any) -> np.ndarray:
        init, update, get_params = triple
        return np.asarray(get_params(update(1, g2, update(0, g1, init(np.zeros(2))))))

    np.testing.assert_allclose(two(optimizers.momentum(0.1, 0.5)), -0.1 * (g1 + g2 + 0.5 * g1))
    v1, v2 = g1, 0.5 * g1 + g2
    np.testing.assert_allclose(
        two(optimizers.nesterov(0.1, 0.5)), -0.1 * (0.5 * v1 + g1 + 0.5 * v2 + g2)
    )
    s1, s2 = g1**2, g1**2 + g2**2
    m1 = 0.1 * g1 / np.sqrt(s1)
    np.testing.assert_allclose(
        two(optimizers.adagrad(0.1)), -0.1 * (m1 + 0.1 * g2 / np.sqrt(s2) + 0.9 * m1)
    )
    a1 = 0.1 * g1**2
    a2 = 0.9 * a1 + 0.1 * g2**2
    u1, u2 = g1 / np.sqrt(a1 + 1e-8), g2 / np.sqrt(a2 + 1e-8)
    np.testing.assert_allclose(two(optimizers.rmsprop(0.1)), -0.1 * (u1 + u2))
    np.testing.assert_allclose(
        two(optimizers.rmsprop_momentum(0.1)), -(0.1 * u1 + 0.9 * 0.1 * u1 + 0.1 * u2)
    )
    schedule = optimizers.piecewise_constant([0], [1.0, 10.0])
    np.testing.assert_allclose(two(optimizers.sgd(schedule)), -(g1 + 10.0 * g2))


def test_clip_grads_and_norm() -> None:
    g = {"a": np.array([3.0]), "b": [np.array([[4.0]])]}
    assert float(optimizers.l2_norm(g)) == 5.0
    clipped = optimizers.clip_grads(g, 1.0)
    assert float(optimizers.l2_norm(clipped)) == pytest.approx(1.0)
    np.testing.assert_array_equal(optimizers.clip_grads(g, 10.0)["a"], [3.0])


def test_integer_parameters_become_floats() -> None:
    init, update, get_params = optimizers.sgd(0.5)
    assert float(get_params(update(0, 1.0, init(3)))) == 2.5


def test_an_optimizer_of_the_users_own() -> None:
    @optimizers.optimizer
    def heavy_ball(step_size: float, mass: float) -> Any:
        def init(x: Any) -> Any:
            return x, jnp.zeros_like(x)

        def update(i: Any, g: Any, state: Any) -> Any:
            x, v = state
            v = mass * v + g
            return x - step_size * v, v

        return init, update, lambda state: state[0]

    start = {"a": jnp.array([7.5, -7.5]), "b": [1]}
    mine, theirs = heavy_ball(0.02, 0.8), optimizers.momentum(0.02, 0.8)
    states = [mine.init_fn(start), theirs.init_fn(start)]
    for i in range(5):
        for k, opt in enumerate((mine, theirs)):
            p = opt.params_fn(states[k])
            grads = {"a": 2.0 * p["a"], "b": [3.0 * p["b"][0]]}
            states[k] = jit(opt.update_fn)(i, grads, states[k])
    a, b = mine.params_fn(states[0]), theirs.params_fn(states[1])
    np.testing.assert_allclose(a["a"], b["a"], rtol=1e-14)
    np.testing.assert_allclose(a["b"][0], b["b"][0], rtol=1e-14)
    with pytest.raises(ValueError, match="structure"):
        mine.update_fn(0, {"a": jnp.zeros(2)}, states[0])
