"""Modules as objects and as data: sharing, split and merge, transformations, training."""

from __future__ import annotations

import copy
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import nn, optim, random, tree
from bibun.errors import TracerError


class MLP(nn.Module):
    def __init__(self, rngs, width=8):
        self.first = nn.Linear(2, width, rngs=rngs)
        self.norm = nn.BatchNorm(width, rngs=rngs)
        self.drop = nn.Dropout(0.2, rngs=rngs)
        self.layers = [nn.Linear(width, width, rngs=rngs), nn.Linear(width, 1, rngs=rngs)]

    def __call__(self, x):
        x = nn.relu(self.drop(self.norm(self.first(x))))
        for layer in self.layers:
            x = layer(x)
        return x[..., 0]


class Shared(nn.Module):
    def __init__(self):
        self.a = nn.Linear(3, 3, use_bias=False, rngs=nn.Rngs(1))
        self.b = self.a
        self.w = nn.Param(bnp.ones(3))
        self.ws = (self.w, bnp.arange(2.0))

    def __call__(self, x):
        return self.b(self.a(x)) * self.w + self.ws[0]


def data():
    x = random.normal(random.key(3), (40, 2))
    return x, bnp.sin(x[:, 0]) + x[:, 1]


def test_split_merge_keep_sharing() -> None:
    m = Shared()
    graphdef, state = nn.split(m)
    assert set(state.flat_state()) == {("a", "kernel"), ("w",), ("ws", 1)}
    again = nn.merge(graphdef, state)
    assert again.a is again.b and again.ws[0] is again.w and again.a is not m.a
    assert nn.graphdef(again) == graphdef and hash(nn.graphdef(again)) == hash(graphdef)
    np.testing.assert_array_equal(again(bnp.ones(3)), m(bnp.ones(3)))
    doubled = tree.map(lambda v: 2 * v, m)
    assert doubled.a is doubled.b and len(tree.leaves(m)) == 3
    np.testing.assert_array_equal(doubled.ws[1], [0, 2])


def test_split_by_filters_and_errors() -> None:
    m = MLP(nn.Rngs(0))
    graphdef, params, stats, rest = nn.split(m, nn.Param, nn.BatchStat, ...)
    assert {p[-1] for p in params.flat_state()} == {"kernel", "bias", "scale"}
    assert set(stats.flat_state()) == {("norm", "mean"), ("norm", "var")}
    assert set(rest.flat_state()) == {("drop", "rngs", "key"), ("drop", "rngs", "count")}
    assert params.layers[1].kernel.value.shape == (8, 1)
    with pytest.raises(ValueError, match=r"no filter takes .*RngCount"):
        nn.split(m, nn.Param)
    with pytest.raises(ValueError, match=r"lack.*norm\.mean"):
        nn.merge(graphdef, params, rest)
    with pytest.raises(ValueError, match="has no nowhere"):
        nn.update(m, nn.State({"nowhere": bnp.ones(1)}))
    assert set(nn.state(m, "default").flat_state()) == set(rest.flat_state())
    kernels = nn.filter_state(params, nn.PathContains("kernel"))
    assert len(kernels.flat_state()) == 3
    flat = nn.from_flat_state(nn.to_flat_state(params))
    assert tree.structure(flat) == tree.structure(params)


def test_update_writes_in_place_also_inside_a_tuple() -> None:
    m = Shared()
    w = m.w
    nn.update(m, nn.State({"w": 2 * bnp.ones(3), "ws": {1: bnp.zeros(2)}}))
    assert m.w is w and float(w.value[0]) == 2 and float(m.ws[1].sum()) == 0 and m.ws[0] is w


def test_variables_act_as_their_values() -> None:
    v = nn.Param(bnp.array([1.0, 4.0]), tag="t")
    np.testing.assert_array_equal(bnp.sqrt(v), [1, 2])
    np.testing.assert_array_equal(np.ones(2) + v, [2, 5])
    np.testing.assert_array_equal(2 - v, [1, -2])
    np.testing.assert_array_equal(-v @ v, -17)
    assert (v > 2).tolist() == [False, True] and v.tag == "t" and v.T.shape == (2,)
    v[...] = 7
    v[0] = 1.0
    np.testing.assert_array_equal(v.value, [1, 7])
    with pytest.raises(AttributeError):
        v.name = "x"
    c = copy.deepcopy(v)
    c.value = bnp.zeros(2)
    assert float(v.value[1]) == 7 and pickle.loads(pickle.dumps(v)).tag == "t"


def test_a_module_is_a_pytree_under_plain_transformations() -> None:
    m = nn.Linear(2, 1, rngs=nn.Rngs(0))
    x, _ = data()
    loss = lambda m, x: (m(x) ** 2).mean()  # noqa: E731
    g = bibun.jit(bibun.grad(loss))(m, x)
    assert type(g) is nn.Linear
    by_hand = 2 * (x.T @ m(x)) / 40
    np.testing.assert_allclose(g.kernel.value, by_hand, rtol=1e-12)
    stacked = tree.map(lambda a: bnp.stack([a, 2 * a]), m)
    assert bibun.vmap(loss, in_axes=(0, None))(stacked, x).shape == (2,)
    assert [tree.keystr(p) for p, _ in tree.leaves_with_path(m)] == [".bias", ".kernel"]
    np.testing.assert_allclose(bibun.jvp(lambda m: loss(m, x), (m,), (m,))[1], 2 * loss(m, x))


def test_jit_carries_changes_out() -> None:
    x, _ = data()
    plain, compiled = MLP(nn.Rngs(0)), MLP(nn.Rngs(0))
    step = nn.jit(lambda m, x: m(x))
    for _ in range(3):
        np.testing.assert_allclose(step(compiled, x), plain(x), rtol=1e-10, atol=1e-12)
    for (p, a), (_, b) in zip(
        nn.to_flat_state(nn.state(plain, nn.BatchStat)),
        nn.to_flat_state(nn.state(compiled, nn.BatchStat)),
        strict=True,
    ):
        np.testing.assert_allclose(a.value, b.value, rtol=1e-12, err_msg=str(p))
    assert int(compiled.drop.rngs.count.value) == 3
    assert len(step.compiled.history) == 1
    compiled.eval()
    plain.eval()
    np.testing.assert_allclose(step(compiled, x), plain(x), rtol=1e-10)
    assert len(step.compiled.history) == 2  # the mode is structure


def test_jit_structural_changes_and_identity() -> None:
    class Noted(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(2, 2, rngs=nn.Rngs(0))
            self.calls = 0

        def __call__(self, x):
            y = self.inner(x)
            self.sow(nn.Intermediate, "seen", y.sum())
            self.calls += 1
            return y

    m = Noted()
    inner, kernel = m.inner, m.inner.kernel

    @nn.jit
    def call(m, x):
        return m(x), m.inner

    y, returned = call(m, bnp.ones(2))
    assert returned is inner and m.inner is inner and inner.kernel is kernel
    assert m.calls == 1 and len(m.seen.value) == 1
    call(m, bnp.ones(2))
    seen = nn.pop(m, nn.Intermediate).seen.value
    assert len(seen) == 2 and float(seen[0]) == pytest.approx(float(y.sum()))
    assert not hasattr(m, "seen")

    @nn.jit
    def swap(m):
        m.inner = nn.Linear(2, 3, rngs=nn.Rngs(5))
        return m

    assert swap(m) is m and m.inner.kernel.shape == (2, 3) and m.inner is not inner


def test_arguments_that_share_stay_shared() -> None:
    m = Shared()

    @nn.jit
    def both(m, w):
        assert m.w is w
        w.value = w * 2
        return m.w.value

    np.testing.assert_array_equal(both(m, m.w), [2, 2, 2])
    np.testing.assert_array_equal(m.w.value, [2, 2, 2])


def test_change_of_a_tuple_inside_jit() -> None:
    m = Shared()

    @nn.jit
    def change(m):
        m.ws = (m.w, m.ws[1] + 1)

    change(m)
    change(m)
    np.testing.assert_array_equal(m.ws[1], [2, 3])
    assert m.ws[0] is m.w


def test_writes_by_closure_are_refused() -> None:
    m = nn.BatchNorm(2, rngs=nn.Rngs(0))
    with pytest.raises(TracerError, match="as an argument"):
        bibun.jit(lambda x: m(x))(bnp.ones((3, 2)))
    assert float(m.mean.value[0]) == 0


def test_failure_inside_leaves_the_objects_alone() -> None:
    m = MLP(nn.Rngs(0))
    before = nn.state(m).flat_state()

    def bad(m, x):
        m(x)
        raise RuntimeError("no")

    for f in (nn.jit(bad), nn.grad(bad)):
        with pytest.raises(RuntimeError):
            f(m, data()[0])
    after = nn.state(m).flat_state()
    assert all(after[p].value is before[p].value for p in before)


def test_methods_and_modules_are_jitted_with_self_as_argument() -> None:
    m = nn.Linear(2, 1, rngs=nn.Rngs(0))
    f, g = nn.jit(m), nn.jit(m.__call__)
    x = bnp.ones((1, 2))
    before = float(f(x)[0, 0])
    m.bias.value = m.bias + 1
    assert float(f(x)[0, 0]) == pytest.approx(before + 1) == float(g(x)[0, 0])


def test_static_arguments() -> None:
    f = nn.jit(lambda m, n, how: m(bnp.ones(2)) * n if how == "times" else n, static_argnums=1)
    m = nn.Linear(2, 1, rngs=nn.Rngs(0))
    f(m, 2, "times")
    f(m, 2, "times")
    f(m, 3, "times")
    assert len(f.compiled.history) == 2


def test_value_and_grad() -> None:
    m, (x, y) = MLP(nn.Rngs(0)), data()

    def loss(m, x, y):
        out = m(x)
        return ((out - y) ** 2).mean(), out

    (value, out), grads = nn.value_and_grad(loss, has_aux=True)(m, x, y)
    assert out.shape == (40,) and int(m.drop.rngs.count.value) == 1
    assert tree.structure(grads) == tree.structure(nn.state(m, nn.Param))
    # finite differences, with dropout and running statistics as they were
    graphdef, params, rest = nn.split(MLP(nn.Rngs(0)), nn.Param, ...)
    flat, unravel = tree.ravel(params)
    direction = random.normal(random.key(1), flat.shape)

    def at(t):
        return float(loss(nn.merge(graphdef, unravel(flat + t * direction), rest), x, y)[0])

    slope = float(tree.ravel(grads)[0] @ direction)
    assert at(0.0) == pytest.approx(float(value))
    assert slope == pytest.approx((at(1e-6) - at(-1e-6)) / 2e-6, rel=1e-5)


def test_grad_by_filters_and_arguments() -> None:
    m, x = nn.Linear(2, 1, rngs=nn.Rngs(0)), bnp.ones((3, 2))
    bias = nn.DiffState(0, nn.PathContains("bias"))
    g = nn.grad(lambda m, x: m(x).sum(), argnums=bias)(m, x)
    assert list(g.flat_state()) == [("bias",)]
    gm, gx = nn.grad(lambda m, x: m(x).sum(), argnums=(0, 1))(m, x)
    np.testing.assert_allclose(gx, bnp.broadcast_to(m.kernel.value[:, 0], (3, 2)))
    np.testing.assert_allclose(gm.kernel.value, [[3], [3]])
    pair = nn.grad(lambda ms: ms[0](ms[1](x)).sum())((nn.Linear(2, 1, rngs=nn.Rngs(1)), MLPid()))
    assert isinstance(pair[0], nn.State) and float(pair[1].scale.value) != 0
    with pytest.raises(ValueError, match="nothing to differentiate"):
        nn.grad(lambda m: m.mean.value.sum(), wrt=nn.Cache)(nn.BatchNorm(2, rngs=nn.Rngs(0)))


class MLPid(nn.Module):
    def __init__(self):
        self.scale = nn.Param(bnp.array(2.0))

    def __call__(self, x):
        return x * self.scale


@pytest.mark.parametrize("jit", [True, False])
def test_training_with_batch_norm_and_dropout(jit) -> None:
    m, (x, y) = MLP(nn.Rngs(0), 16), data()
    optimizer = nn.Optimizer(m, optim.adam(3e-2), wrt=nn.Param)
    metrics = nn.MultiMetric(loss=nn.metrics.Average("loss"))

    def step(m, optimizer, metrics, x, y):
        loss, grads = nn.value_and_grad(lambda m: ((m(x) - y) ** 2).mean())(m)
        optimizer.update(m, grads)
        metrics.update(loss=loss)
        return loss

    run = nn.jit(step) if jit else step
    n = 150 if jit else 3
    losses = [float(run(m, optimizer, metrics, x, y)) for _ in range(n)]
    assert int(optimizer.step.value) == n
    assert float(metrics.compute()["loss"]) == pytest.approx(np.mean(losses))
    if jit:
        assert len(run.compiled.history) == 1
        m.eval()
        assert float(((m(x) - y) ** 2).mean()) < 0.1 * float(bnp.var(y))
    else:
        assert losses[0] == pytest.approx(STEPS["first"], rel=1e-9)


STEPS = {}


@pytest.fixture(autouse=True, scope="module")
def first_loss():
    m, (x, y) = MLP(nn.Rngs(0), 16), data()
    STEPS["first"] = float(((m(x) - y) ** 2).mean())


def test_vmap_and_scan_over_layers() -> None:
    rngs = nn.Rngs(0)
    layers = nn.vmap(lambda rngs: nn.Linear(3, 3, rngs=rngs))(rngs.split(4))
    x = random.normal(random.key(0), (3,))
    deep = nn.scan(lambda m, x: bnp.tanh(m(x)), in_axes=(0, nn.Carry), out_axes=nn.Carry)
    want = x
    for k in range(4):
        want = bnp.tanh(want @ layers.kernel.value[k] + layers.bias.value[k])
    np.testing.assert_allclose(deep(layers, x), want, rtol=1e-13)
    g = nn.grad(lambda m: deep(m, x).sum())(layers)
    r = nn.grad(lambda m: nn.remat(lambda m, x: deep(m, x))(m, x).sum())(layers)
    np.testing.assert_allclose(g.kernel.value, r.kernel.value, rtol=1e-13)
    assert g.kernel.value.shape == (4, 3, 3)


def test_vmap_and_scan_carry_state() -> None:
    norms = nn.vmap(lambda rngs: nn.BatchNorm(2, momentum=0.0, rngs=rngs))(nn.Rngs(0).split(3))
    xs = random.normal(random.key(0), (3, 5, 2))
    nn.vmap(lambda m, x: m(x))(norms, xs)
    np.testing.assert_allclose(norms.mean.value, xs.mean(1), rtol=1e-12)
    with pytest.raises(ValueError, match="not mapped and was changed"):
        nn.vmap(lambda m, x: m(x), in_axes=(None, 0))(nn.BatchNorm(2, rngs=nn.Rngs(0)), xs)

    one = nn.BatchNorm(2, momentum=0.5, rngs=nn.Rngs(0))
    axes = nn.StateAxes({nn.BatchStat: nn.Carry, ...: None})
    ys = nn.scan(lambda m, x: m(x), in_axes=(axes, 0), out_axes=0)(one, xs)
    other = nn.BatchNorm(2, momentum=0.5, rngs=nn.Rngs(0))
    np.testing.assert_allclose(ys, bnp.stack([other(x) for x in xs]), rtol=1e-12)
    np.testing.assert_allclose(one.mean.value, other.mean.value, rtol=1e-12)


def test_eval_shape_gives_an_empty_model() -> None:
    empty = nn.eval_shape(lambda: MLP(nn.Rngs(0)))
    full = MLP(nn.Rngs(0))
    assert nn.graphdef(empty) == nn.graphdef(full)
    shapes = [(v.value.shape, v.value.dtype) for _, v in nn.to_flat_state(nn.state(empty))]
    assert shapes == [(v.value.shape, v.value.dtype) for _, v in nn.to_flat_state(nn.state(full))]
    nn.update(empty, nn.state(full))
    empty.eval(), full.eval()
    np.testing.assert_array_equal(empty(data()[0]), full(data()[0]))
    out = nn.eval_shape(lambda m, x: m(x), full, data()[0])
    assert out.shape == (40,)


def test_lists_and_dicts_are_part_of_the_graph() -> None:
    m = nn.Module()
    m.layers = []
    m.layers.append(nn.Linear(1, 1, rngs=nn.Rngs(0)))
    m.parts = {"a": nn.Param(bnp.ones(1)), "sizes": [1, 2]}
    assert set(nn.state(m).flat_state()) == {
        ("layers", 0, "bias"), ("layers", 0, "kernel"), ("parts", "a"),
    }  # fmt: skip
    assert m.parts.sizes == [1, 2]
    m.layers.append(nn.Linear(1, 1, rngs=nn.Rngs(0)))  # a kept plan would not see it
    assert len(nn.state(m).flat_state()) == 5
    del m.layers[0]
    assert len(nn.state(m).flat_state()) == 3
    assert [p for p, x in nn.iter_modules(m)] == [("layers", 0), ()]
    c = copy.deepcopy(m)
    assert nn.graphdef(c) == nn.graphdef(m) and c.parts is not m.parts
    assert nn.graphdef(pickle.loads(pickle.dumps(nn.clone(m).layers))) == nn.graphdef(m.layers)


def test_what_is_neither_data_nor_hashable_is_named() -> None:
    m = nn.Module()
    m.inner = nn.Module()
    m.inner.bad = {1, 2}
    with pytest.raises(TypeError, match=r"inner\.bad is a set"):
        nn.split(m)


def test_static_values_are_compared_exactly() -> None:
    a, b = nn.Module(), nn.Module()
    a.x, b.x = 1, True
    assert nn.graphdef(a) != nn.graphdef(b)
    a.x, b.x = 0.0, -0.0
    assert nn.graphdef(a) != nn.graphdef(b)


def test_a_module_in_use_is_walked_once() -> None:
    """What a compiled step costs beside its native call: reading values, not walking attributes."""
    from bibun.nn import graph

    x, y = data()
    m = MLP(nn.Rngs(0))
    optimizer = nn.Optimizer(m, optim.sgd(0.01))

    @nn.jit
    def step(m, optimizer, x, y):
        loss, grads = nn.value_and_grad(lambda m: ((m(x) - y) ** 2).mean())(m)
        optimizer.update(m, grads)
        return loss

    step(m, optimizer, x, y)
    step(m, optimizer, x, y)
    walks = []
    original = graph.Walker.walk
    graph.Walker.walk = lambda self, *a: walks.append(a) or original(self, *a)
    try:
        for _ in range(3):
            step(m, optimizer, x, y)
            nn.Linear(2, 2, rngs=nn.Rngs(0))  # other objects do not disturb
    finally:
        graph.Walker.walk = original
    assert not walks


def test_rngs() -> None:
    rngs = nn.Rngs(0, dropout=1)
    want = random.fold_in(random.key(1), 0)
    assert random.key_data(rngs.dropout()).tolist() == random.key_data(want).tolist()
    assert random.key_data(rngs.x()).tolist() != random.key_data(rngs.x()).tolist()
    with pytest.raises(AttributeError, match="no stream 'noise'"):
        nn.Rngs(params=0).noise()
    nn.reseed(rngs, dropout=1)
    assert random.key_data(rngs.dropout()).tolist() == random.key_data(want).tolist()
    assert rngs.split(3).dropout.key.shape == (3,) and "dropout" in rngs and len(rngs) == 2


# a module's methods under plain bibun.jit ---------------------------------------------------------


def test_jit_of_a_method_sees_its_module_and_compiles_once() -> None:
    m = nn.Linear(2, 1, rngs=nn.Rngs(0))
    x = bnp.ones((3, 2))
    functions = [bibun.jit(m.__call__), bibun.jit(m)]
    for k in range(3):
        m.bias.value = m.bias.value + k
        for f in functions:
            np.testing.assert_allclose(f(x), np.asarray(m(x)), rtol=1e-15)
            np.testing.assert_allclose(f(x=x), np.asarray(m(x)), rtol=1e-15)
    for f in functions:
        assert len(f.history) == 2  # by position and by name
        assert "dot" in f.lower(x).as_text() or "define" in f.lower(x).as_text()
        assert f.eval_shape(x).shape == (3, 1)
    np.testing.assert_allclose(
        bibun.jit(lambda y: functions[0](y) * 2)(x), 2 * np.asarray(m(x)), rtol=1e-15
    )


def test_jit_of_a_method_with_static_arguments() -> None:
    class Power(nn.Module):
        def __init__(self) -> None:
            self.w = nn.Param(bnp.array(2.0))
            self.offset = 1

        def f(self, x: Any, n: int, *, twice: bool = False) -> Any:
            y = self.w * x**n + self.offset
            return 2 * y if twice else y

    m = Power()
    f = bibun.jit(m.f, static_argnums=1, static_argnames="twice")
    assert float(f(3.0, 2)) == 19.0
    assert float(f(3.0, 1, twice=True)) == 14.0
    m.offset = 0  # structure: another trace
    m.w.value = bnp.array(1.0)
    assert float(f(3.0, 2)) == 9.0
    g = bibun.jit(m.f, static_argnums=-1)
    assert float(g(3.0, 2)) == 9.0


def test_jit_of_a_method_that_changes_its_module_is_refused() -> None:
    norm = nn.BatchNorm(2, rngs=nn.Rngs(0))
    x = bnp.array([[0.0, 1.0], [2.0, 3.0]])
    with pytest.raises(TracerError, match="BatchNorm.*nn.jit"):
        bibun.jit(norm)(x)
    assert np.array_equal(norm.mean.value, np.zeros(2))
    norm.eval()
    np.testing.assert_allclose(bibun.jit(norm)(x), np.asarray(norm(x)), rtol=1e-12)


def test_a_module_in_an_attribute_of_a_plain_object() -> None:
    class Trainer:
        def __init__(self) -> None:
            self.model = nn.Linear(2, 1, rngs=nn.Rngs(0))
            self.scale = nn.Param(bnp.array(1.0))

        def predict(self, x: Any) -> Any:
            return self.model(x) * self.scale

        @partial(bibun.jit, static_argnums=0)
        def compiled(self, x: Any) -> Any:
            return self.predict(x)

    t = Trainer()
    x = bnp.ones((3, 2))
    f = bibun.jit(t.predict)
    outer = bibun.jit(lambda x: t.compiled(x) + 0.0)
    for _ in range(2):
        for g in (f, f, t.compiled, outer):
            np.testing.assert_allclose(g(x), np.asarray(t.predict(x)), rtol=1e-15)
        t.model.bias.value = t.model.bias.value + 1
    t.scale.value = bnp.array(3.0)
    np.testing.assert_allclose(f(x), np.asarray(t.predict(x)), rtol=1e-15)
    np.testing.assert_allclose(outer(x), np.asarray(t.predict(x)), rtol=1e-15)
    assert len(f.history) == 3


def test_a_module_as_a_static_argument() -> None:
    m = nn.Linear(2, 1, rngs=nn.Rngs(0))
    f = bibun.jit(lambda m, x: m(x), static_argnums=0)
    x = bnp.ones((3, 2))
    for _ in range(2):
        np.testing.assert_allclose(f(m, x), np.asarray(m(x)), rtol=1e-15)
        m.kernel.value = m.kernel.value * 2
