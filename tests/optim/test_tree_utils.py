"""Trees: arithmetic against NumPy, search in states, projections with Optax's arguments."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import optim
from bibun.optim import projections, tree_utils
from bibun.solvers import projection

X = {"a": np.array([1.0, -2.0]), "b": [np.array([[3.0], [0.5]])]}
Y = {"a": np.array([0.5, 4.0]), "b": [np.array([[-1.0], [2.0]])]}


def flat(t) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(v)) for v in bibun.tree.leaves(t)])


def test_arithmetic() -> None:
    u, v, t = flat(X), flat(Y), tree_utils
    for got, want in (
        (t.tree_add(X, Y, X), u + v + u), (t.tree_sub(X, Y), u - v), (t.tree_mul(X, Y), u * v),
        (t.tree_div(X, Y), u / v), (t.tree_scale(3.0, X), 3 * u),
        (t.tree_add_scale(X, 2.0, Y), u + 2 * v), (t.tree_clip(X, -1.0, 1.0), np.clip(u, -1, 1)),
        (t.tree_where(False, X, Y), v), (t.tree_full_like(X, 7.0), 0 * u + 7),
        (t.tree_ones_like(X), 0 * u + 1), (t.tree_zeros_like(X), 0 * u),
        (t.tree_update_infinity_moment(X, Y, 0.5, 0.1), np.maximum(np.abs(u) + 0.1, 0.5 * v)),
    ):  # fmt: skip
        np.testing.assert_allclose(flat(got), want, rtol=1e-14)
    for got, want in (
        (t.tree_sum(X), u.sum()), (t.tree_max(X), u.max()), (t.tree_min(X), u.min()),
        (t.tree_vdot(X, Y), u @ v), (t.tree_norm(X), np.linalg.norm(u)),
        (t.tree_norm(X, squared=True), u @ u), (t.tree_norm(X, 1), np.abs(u).sum()),
        (t.tree_norm(X, np.inf), np.abs(u).max()), (t.tree_size(X), 4),
    ):  # fmt: skip
        assert float(got) == pytest.approx(want)
    assert bool(t.tree_allclose(X, t.tree_add(X, t.tree_scale(1e-9, Y))))
    assert not bool(t.tree_allclose(X, Y))
    with pytest.raises(ValueError, match="ord"):
        t.tree_norm(X, 3)


def test_dtypes_and_random_leaves() -> None:
    t, mixed = tree_utils, {"a": bnp.ones(2, "float32"), "b": bnp.ones(1)}
    assert t.tree_dtype(mixed, "lowest") == np.float32
    assert t.tree_dtype(mixed, "highest") == t.tree_dtype(mixed, "promote") == np.float64
    with pytest.raises(ValueError, match="float32"):
        t.tree_dtype(mixed)
    assert t.tree_dtype(t.tree_cast(mixed, "float32")) == np.float32
    assert t.tree_cast_like(X, t.tree_cast(X, "float32"))["a"].dtype == np.float32
    key = bibun.random.key(0)
    r = t.tree_random_like(key, X)
    assert r["b"][0].shape == (2, 1) and len(set(flat(r))) == 4
    keys = t.tree_split_key_like(key, X)
    np.testing.assert_array_equal(bibun.random.normal(keys["a"], (2,)), r["a"])


def test_states_are_searched_by_name() -> None:
    tx = optim.chain(optim.trace(0.9), optim.inject_hyperparams(optim.adam)(learning_rate=0.1))
    state = tx.init({"w": 1.0})
    t = tree_utils
    assert float(t.tree_get(state, "learning_rate")) == 0.1
    assert t.tree_get(state, "nothing", default=3) == 3
    with pytest.raises(KeyError, match="count"):
        t.tree_get(state, "count")  # of adam, and of the injection
    assert len(t.tree_get_all_with_path(state, "count")) == 2
    inner = t.tree_get(state, "count", filtering=lambda path, value: "inner_state" in path)
    assert int(inner) == 0
    assert isinstance(t.tree_get(state, "TraceState"), optim.TraceState)
    new = t.tree_set(state, learning_rate=0.5, TraceState=optim.TraceState({"w": 2.0}))
    assert float(t.tree_get(new, "learning_rate")) == 0.5
    assert t.tree_get(new, "TraceState").trace == {"w": 2.0}
    assert bibun.tree.structure(new) == bibun.tree.structure(state)
    with pytest.raises(KeyError, match="lr"):
        t.tree_set(state, lr=0.1)


def test_projections_take_optax_arguments() -> None:
    x = bnp.array([0.7, -2.0, 3.0])
    a = bnp.array([1.0, 2.0, -1.0])
    p = projections
    assert optim.projections is p
    for got, want in (
        (p.projection_box(x, 0.0, 1.0), projection.projection_box(x, (0.0, 1.0))),
        (p.projection_simplex(x, 2.0), projection.projection_simplex(x, 2.0)),
        (p.projection_hyperplane(x, a, 1.0), projection.projection_hyperplane(x, (a, 1.0))),
        (p.projection_halfspace(x, a, 9.0), x),
        (p.projection_vector(x, a), np.asarray(a) * float(a @ x) / 6.0),
        (p.projection_l2_ball(x, 0.5), 0.5 * np.asarray(x) / np.linalg.norm(x)),
    ):  # fmt: skip
        np.testing.assert_allclose(got, want, atol=1e-14)
