"""Chains, masks, partitions, accumulation, guards, averages, injected hyperparameters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bibun.numpy as bnp
from bibun import jit, lax, optim, tree, value_and_grad

floats = st.floats(-1e3, 1e3, allow_nan=False)


def test_chain_is_composition_and_checks_its_state() -> None:
    tx = optim.chain(optim.clip(1.0), optim.scale(-2.0))
    updates, state = tx.update(bnp.array([3.0, -0.25]), tx.init(bnp.zeros(2)))
    np.testing.assert_allclose(updates, [-2.0, 0.5])
    with pytest.raises(ValueError, match="2 transformations got 1 states"):
        tx.update(bnp.zeros(2), state[:1])


def test_named_chain_states_by_name() -> None:
    tx = optim.named_chain(("clip", optim.clip(1.0)), ("adam", optim.scale_by_adam()))
    state = tx.init(bnp.zeros(2))
    assert list(state) == ["clip", "adam"]
    with pytest.raises(ValueError, match="must differ"):
        optim.named_chain(("a", optim.clip(1.0)), ("a", optim.clip(2.0)))


@settings(max_examples=30, deadline=None)
@given(st.lists(floats, min_size=1, max_size=6), st.floats(0.01, 100.0))
def test_global_norm_clipping(values: list[float], limit: float) -> None:
    g = np.array(values)
    out = np.asarray(optim.clip_by_global_norm(limit).update(g, None)[0])
    size = np.linalg.norm(g)
    assert np.linalg.norm(out) <= limit * (1 + 1e-12)
    np.testing.assert_allclose(out, g if size < limit else g * limit / size, rtol=1e-12)


def test_adaptive_clipping_is_by_unit() -> None:
    p, g = np.ones((4, 2)), np.stack([np.full(4, 10.0), np.full(4, 1e-3)], axis=1)
    out = np.asarray(optim.adaptive_grad_clip(0.1).update(g, optim.EmptyState(), p)[0])
    np.testing.assert_allclose(out[:, 1], g[:, 1])  # a small column is left alone
    np.testing.assert_allclose(np.linalg.norm(out[:, 0]), 0.1 * 2.0)
    with pytest.raises(ValueError, match="needs the current parameters"):
        optim.adaptive_grad_clip(0.1).update(g, optim.EmptyState())


def test_block_rms() -> None:
    out = np.asarray(optim.clip_by_block_rms(1.0).update(np.array([3.0, 4.0]), None)[0])
    np.testing.assert_allclose(np.sqrt(np.mean(out**2)), 1.0)


def test_masked_leaves_pass_and_keep_no_state() -> None:
    params = {"w": bnp.ones(2), "b": bnp.ones(3)}
    tx = optim.masked(optim.trace(0.9), {"w": True, "b": False})
    state = tx.init(params)
    assert len(tree.leaves(state)) == 1
    for _ in range(2):
        updates, state = tx.update(params, state, params)
    np.testing.assert_allclose(updates["w"], 1.9 * np.ones(2))
    np.testing.assert_allclose(updates["b"], np.ones(3))


def test_mask_may_be_a_function_or_a_prefix() -> None:
    params = {"deep": {"a": bnp.ones(2), "b": bnp.ones(2)}, "x": bnp.ones(2)}
    tx = optim.masked(optim.scale(0.0), {"deep": True, "x": False})
    updates, _ = tx.update(params, tx.init(params))
    assert float(updates["deep"]["b"][0]) == 0.0
    assert float(updates["x"][0]) == 1.0
    tx = optim.masked(optim.scale(0.0), lambda p: tree.map(lambda v: v.ndim > 1, p))
    updates, _ = tx.update({"m": bnp.ones((2, 2)), "v": bnp.ones(2)}, tx.init(
        {"m": bnp.ones((2, 2)), "v": bnp.ones(2)}))
    assert float(updates["m"][0, 0]) == 0.0
    assert float(updates["v"][0]) == 1.0


def test_multi_transform() -> None:
    tx = optim.multi_transform(
        {"fast": optim.sgd(1.0), "slow": optim.adam(0.1), "off": optim.set_to_zero()},
        {"a": "fast", "b": "slow", "c": "off"},
    )
    params = dict.fromkeys("abc", bnp.asarray(1.0))

    @jit
    def step(params, state):
        updates, state = tx.update(tree.map(lambda p: 2.0 * p, params), state, params)
        return optim.apply_updates(params, updates), state

    params, _ = step(params, tx.init(params))
    np.testing.assert_allclose([params[k] for k in "abc"], [-1.0, 0.9, 1.0], rtol=1e-7)
    with pytest.raises(ValueError, match=r"no transformation for the labels \['z'\]"):
        optim.partition({"a": optim.identity()}, {"x": "z"}).init({"x": 1.0})


def test_multi_steps_is_one_step_on_the_mean() -> None:
    gs = [1.0, 5.0, -2.0, 4.0, 0.0, 2.0]
    tx = optim.MultiSteps(optim.adam(0.1), 3)
    update = jit(tx.update)
    p, state = bnp.asarray(1.0), tx.init(bnp.asarray(1.0))
    whole = optim.adam(0.1)
    q, whole_state = bnp.asarray(1.0), whole.init(bnp.asarray(1.0))
    for k, g in enumerate(gs):
        u, state = update(g, state, p)
        p = optim.apply_updates(p, u)
        assert bool(tx.has_updated(state)) == (k % 3 == 2)
        if k % 3 == 2:
            v, whole_state = whole.update(np.mean(gs[k - 2 : k + 1]), whole_state, q)
            q = optim.apply_updates(q, v)
        np.testing.assert_allclose(p, q, rtol=1e-12)


def test_apply_every() -> None:
    tx = optim.apply_every(2)
    state, out = tx.init(0.0), []
    for g in (1.0, 2.0, 3.0, 4.0):
        u, state = tx.update(g, state)
        out.append(float(u))
    assert out == [0.0, 3.0, 0.0, 7.0]


def test_apply_if_finite() -> None:
    tx = optim.apply_if_finite(optim.trace(0.5), 2)
    update = jit(tx.update)
    state = tx.init(bnp.zeros(2))
    u, state = update(bnp.ones(2), state)
    bad = bnp.array([1.0, np.nan])
    for k in (1, 2):
        u, state = update(bad, state)
        np.testing.assert_array_equal(u, [0.0, 0.0])
        assert int(state.notfinite_count) == k
    np.testing.assert_array_equal(state.inner_state.trace, [1.0, 1.0])
    u, state = update(bad, state)
    assert np.isnan(np.asarray(u)[1])
    assert int(state.total_notfinite) == 3


def test_zero_nans() -> None:
    out = optim.zero_nans().update(bnp.array([np.nan, 2.0]), None)[0]
    np.testing.assert_array_equal(out, [0.0, 2.0])


def test_ema_debiased() -> None:
    tx, held = optim.ema(0.9), 0.0
    state = tx.init(0.0)
    for t, g in enumerate([2.0, -1.0, 4.0], 1):
        held = 0.9 * held + 0.1 * g
        u, state = tx.update(g, state)
        assert float(u) == pytest.approx(held / (1 - 0.9**t))


def test_injected_hyperparameters_follow_schedules_and_can_be_set() -> None:
    tx = optim.inject_hyperparams(optim.adam)(
        learning_rate=optim.linear_schedule(1.0, 0.0, 10), b1=0.5
    )
    state = tx.init(0.0)
    assert float(state.hyperparams["learning_rate"]) == 1.0
    _, state = tx.update(1.0, state)
    u, state = tx.update(1.0, state)
    assert float(state.hyperparams["learning_rate"]) == pytest.approx(0.9)
    assert float(u) == pytest.approx(-0.9, rel=1e-6)


def test_nonnegative() -> None:
    tx = optim.chain(optim.sgd(1.0), optim.keep_params_nonnegative())
    p = bnp.array([1.0, 1.0])
    u, _ = tx.update(bnp.array([5.0, 0.25]), tx.init(p), p)
    np.testing.assert_allclose(optim.apply_updates(p, u), [0.0, 0.75])


def test_noise_is_seeded_and_scaled() -> None:
    tx = optim.add_noise(0.25, 0.0, 3)
    zeros = bnp.zeros(20000)
    u, state = tx.update(zeros, tx.init(zeros))
    v, _ = tx.update(zeros, state)
    again, _ = tx.update(zeros, tx.init(zeros))
    np.testing.assert_array_equal(u, again)
    assert not np.allclose(u, v)
    assert np.std(np.asarray(u)) == pytest.approx(0.5, rel=0.03)


def test_training_loop_in_a_scan() -> None:
    """The whole optimization as one compiled loop."""
    tx = optim.chain(optim.clip_by_global_norm(10.0), optim.adam(0.1))
    target = np.array([1.0, -2.0, 0.5])

    @jit
    def train(p):
        def body(carry, _):
            p, s = carry
            value, g = value_and_grad(lambda p: bnp.sum((p - target) ** 2))(p)
            u, s = tx.update(g, s, p)
            return (optim.apply_updates(p, u), s), value

        return lax.scan(body, (p, tx.init(p)), None, length=500)

    (p, _), values = train(bnp.zeros(3))
    np.testing.assert_allclose(p, target, atol=1e-5)
    assert float(values[-1]) < 1e-8 < float(values[0])


@pytest.mark.parametrize("n", [2, 20])
def test_lbfgs_with_zoom(n: int) -> None:
    def f(x):
        return bnp.sum(100.0 * (x[1::2] - x[::2] ** 2) ** 2 + (1.0 - x[::2]) ** 2)

    tx = optim.lbfgs()
    x = bnp.array([-1.2, 1.0] * (n // 2))
    state = tx.init(x)

    @jit
    def step(x, state):
        value, g = optim.value_and_grad_from_state(f)(x, state=state)
        u, state = tx.update(g, state, x, value=value, grad=g, value_fn=f)
        return optim.apply_updates(x, u), state, value

    values = []
    for _ in range(60):
        x, state, value = step(x, state)
        values.append(float(value))
    assert np.all(np.diff(values) <= 1e-12)  # each step goes down
    np.testing.assert_allclose(x, np.ones(n), atol=1e-6)


def test_backtracking_line_search() -> None:
    def f(x):
        return bnp.sum(x**4)

    tx = optim.chain(optim.sgd(1.0), optim.scale_by_backtracking_linesearch(store_grad=True))
    x = bnp.array([3.0, -2.0])
    state = tx.init(x)
    for _ in range(40):
        value, g = optim.value_and_grad_from_state(f)(x, state=state)
        np.testing.assert_allclose(g, 4.0 * np.asarray(x) ** 3, rtol=1e-9)
        u, state = tx.update(g, state, x, value=value, grad=g, value_fn=f)
        x = optim.apply_updates(x, u)
    assert float(f(x)) < 1e-2
    with pytest.raises(ValueError, match="no line search"):
        optim.value_and_grad_from_state(f)(x, state=optim.adam(1.0).init(x))
