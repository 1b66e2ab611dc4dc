"""Control flow over modules against plain Python; adapters and wrapped layers; random streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax, nn, optim

rng = np.random.default_rng(3)


class Counter(nn.Module):
    def __init__(self) -> None:
        self.n = nn.Variable(bnp.zeros((), int))
        self.w = nn.Param(bnp.array([2.0, 3.0]))

    def up(self, x: Any) -> Any:
        self.n.value = self.n.value + 1
        return x * self.w.value

    def down(self, x: Any) -> Any:
        self.w.value = self.w.value * 10.0
        return x - self.w.value


@pytest.mark.parametrize("compiled", [False, True])
def test_cond_brings_out_what_the_branch_changed(compiled: bool) -> None:
    def f(m: Any, flag: Any, x: Any) -> Any:
        return nn.cond(flag, lambda m, x: m.up(x), lambda m, x: m.down(x), m, x)

    f = nn.jit(f) if compiled else f
    x = bnp.array([1.0, 1.0])
    for flag, out, n, w in ((True, [2, 3], 1, [2, 3]), (False, [-19, -29], 0, [20, 30])):
        m = Counter()
        assert np.array_equal(f(m, bnp.array(flag), x), out)
        assert int(m.n.value) == n
        assert np.array_equal(m.w.value, w)


def test_branches_may_be_methods_and_modules() -> None:
    m = Counter()
    y = nn.switch(bnp.array(1), [m.down, m.up, nn.Linear(2, 2, rngs=nn.Rngs(0))], bnp.ones(2))
    assert np.array_equal(y, [2.0, 3.0])
    assert (int(m.n.value), float(m.w.value[0])) == (1, 2.0)


def test_cond_errors() -> None:
    m = Counter()
    with pytest.raises(TypeError, match="branches return different things"):
        nn.cond(True, lambda m: (1.0, 2.0), lambda m: 1.0, m)
    with pytest.raises(ValueError, match="added, removed or exchanged"):
        nn.cond(True, lambda m: setattr(m, "extra", bnp.ones(2)), lambda m: None, m)


def test_gradient_through_cond_and_loops() -> None:
    def loss(m: Any, x: Any, flag: Any) -> Any:
        y = nn.cond(flag, lambda m, x: m.up(x), lambda m, x: m.w.value + x, m, x)
        _, y = nn.fori_loop(0, 3, lambda i, v: (v[0], v[0].up(v[1])), (m, y))
        return y.sum()

    for flag, power in ((True, 4), (False, None)):
        m = Counter()
        g = nn.grad(loss)(m, bnp.ones(2), bnp.array(flag)).w.value
        w = np.array([2.0, 3.0])
        want = 4 * w**3 if power else 3 * w**2 * (w + 1) + w**3
        assert np.allclose(g, want, rtol=1e-13)
        assert int(m.n.value) == (4 if flag else 3)


@pytest.mark.parametrize("compiled", [False, True])
def test_while_loop(compiled: bool) -> None:
    def f(m: Any, x: Any, limit: Any) -> Any:
        def more(val: Any) -> Any:
            return val["x"].max() < limit

        def step(val: Any) -> Any:
            return {"m": val["m"], "x": val["m"].up(val["x"])}

        out = nn.while_loop(more, step, {"m": m, "x": x})
        assert out["m"] is m
        return out["x"]

    m = Counter()
    y = (nn.jit(f) if compiled else f)(m, bnp.ones(2), 50.0)
    assert np.array_equal(y, [16.0, 81.0])
    assert int(m.n.value) == 4


def test_batch_statistics_move_in_a_loop() -> None:
    x = bnp.asarray(rng.normal(size=(8, 3)) + 2.0)
    one, other = (nn.BatchNorm(3, momentum=0.5, rngs=nn.Rngs(0)) for _ in range(2))
    nn.fori_loop(0, 4, lambda i, v: (v[0], v[0](x + i)), (one, x))
    for k in range(4):
        other(x + k)
    assert np.allclose(one.mean.value, other.mean.value, rtol=1e-13)
    assert np.allclose(one.var.value, other.var.value, rtol=1e-13)


def test_a_loop_carries_what_changes_and_no_more() -> None:
    def count(w: Any, n: Any) -> Any:
        m = Counter()
        m.w.value, m.n.value = w, n

        def step(i: Any, m: Any) -> Any:
            m.up(bnp.ones(2))
            return m

        return nn.fori_loop(0, 3, step, m).n.value

    m = Counter()
    program = bibun.make_program(count)(m.w.value, m.n.value).program
    (loop,) = (e for e in program.equations if e.op.name in ("scan", "while"))
    assert all(v.type.shape == () for v in loop.outputs)


def test_loop_errors() -> None:
    m = Counter()
    with pytest.raises(TypeError, match="went out as"):
        nn.fori_loop(0, 2, lambda i, v: v[1], (m, bnp.ones(2)))
    with pytest.raises(TypeError, match="must return the modules that it got"):
        nn.fori_loop(0, 2, lambda i, v: (Counter(), v[1]), (m, bnp.ones(2)))

    def changing(val: Any) -> Any:
        val[0].n.value = val[0].n.value + 1
        return val[1] < 3

    with pytest.raises(ValueError, match="condition changes a module"):
        nn.while_loop(changing, lambda v: (v[0], v[1] + 1), (m, bnp.zeros(())))


# adapters -----------------------------------------------------------------------------------------


def test_lora_trains_alone() -> None:
    base = nn.Linear(3, 2, rngs=nn.Rngs(0))
    model = nn.LoRA(3, 1, 2, base_module=base, rngs=nn.Rngs(1))
    x, target = bnp.asarray(rng.normal(size=(20, 3))), bnp.asarray(rng.normal(size=(20, 2)))
    before = np.array(base.kernel.value)
    optimizer = nn.Optimizer(model, optim.sgd(0.1), wrt=nn.LoRAParam)
    losses = []
    for _ in range(5):
        loss, grads = nn.value_and_grad(
            lambda m: ((m(x) - target) ** 2).mean(), argnums=nn.DiffState(0, nn.LoRAParam)
        )(model)
        optimizer.update(model, grads)
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    assert np.array_equal(base.kernel.value, before)
    a, b = model.lora_a.value, model.lora_b.value
    assert np.allclose(model(x), x @ (before + a @ b) + base.bias.value, rtol=1e-12)
    layer = nn.LoRALinear(3, 2, lora_rank=1, use_bias=False, rngs=nn.Rngs(0))
    assert np.array_equal(layer(x), x @ layer.kernel.value)
    assert layer.bias is None
    with pytest.raises(TypeError, match="callable"):
        nn.LoRA(3, 1, 2, base_module=3, rngs=nn.Rngs(0))


def test_weight_norm() -> None:
    layer = nn.Linear(3, 2, rngs=nn.Rngs(0))
    before = np.array(layer.kernel.value)
    wrapped = nn.WeightNorm(layer, rngs=nn.Rngs(1))
    wrapped.scales["kernel"].value = bnp.array([2.0, 5.0])
    x = bnp.asarray(rng.normal(size=(4, 3)))
    kernel = before / np.linalg.norm(before, axis=0) * [2.0, 5.0]
    assert np.allclose(wrapped(x), x @ kernel, rtol=1e-11)
    assert np.array_equal(layer.kernel.value, before)
    assert np.allclose(nn.jit(lambda m, x: m(x))(wrapped, x), x @ kernel, rtol=1e-11)
    grads = nn.grad(lambda m: (m(x) ** 2).sum())(wrapped)
    g, v = np.asarray(grads.layer_instance.kernel.value), before
    assert np.allclose((g * v).sum(0), 0, atol=1e-9)  # its length does not matter
    y = np.asarray(wrapped(x))
    assert np.allclose(grads.scales.kernel.value, 2 * (y * y).sum(0) / [2.0, 5.0], rtol=1e-9)
    whole = nn.WeightNorm(layer, feature_axes=None, use_scale=False, rngs=nn.Rngs(1))
    assert np.allclose(whole(x), x @ before / np.linalg.norm(before), rtol=1e-11)
    with pytest.raises(ValueError, match="takes no Variable"):
        nn.WeightNorm(layer, variable_filter=nn.BatchStat, rngs=nn.Rngs(0))


def test_spectral_norm() -> None:
    layer = nn.Linear(4, 3, rngs=nn.Rngs(0))
    before = np.array(layer.kernel.value)
    wrapped = nn.SpectralNorm(layer, n_steps=60, rngs=nn.Rngs(1))
    x = bnp.asarray(rng.normal(size=(5, 4)))
    want = x @ before / np.linalg.norm(before, 2)
    assert np.allclose(wrapped(x, update_stats=True), want, rtol=1e-8)
    assert np.allclose(wrapped(x, update_stats=False), want, rtol=1e-8)
    assert float(wrapped.sigma["kernel"].value) == pytest.approx(np.linalg.norm(before, 2))
    assert np.array_equal(layer.kernel.value, before)
    g = nn.grad(lambda m: (m(x, update_stats=True) ** 2).sum())(wrapped).layer_instance.kernel.value
    assert abs(float((g * before).sum())) < 1e-7  # its size does not matter
    conv = nn.Conv(2, 3, (2, 2), rngs=nn.Rngs(0))
    assert nn.SpectralNorm(conv, rngs=nn.Rngs(0)).u["kernel"].shape == (1, 3)
    with pytest.raises(ValueError, match="no matrix"):
        nn.SpectralNorm(conv, error_on_non_matrix=True, rngs=nn.Rngs(0))


def test_prelu() -> None:
    layer = nn.PReLU(0.3)
    x = bnp.array([-2.0, 0.0, 3.0])
    assert np.allclose(layer(x), [-0.6, 0.0, 3.0])
    assert float(nn.grad(lambda m: m(x).sum())(layer).negative_slope.value) == -2.0


def test_pool_of_any_function() -> None:
    x = bnp.asarray(rng.uniform(1, 2, size=(2, 5, 3)))
    y = nn.pool(x, 1.0, lax.mul, (2,), (2,), "SAME")
    want = [x[:, 0] * x[:, 1], x[:, 2] * x[:, 3], x[:, 4]]
    assert np.allclose(y, np.stack(want, 1), rtol=1e-14)
    g = bibun.grad(lambda x: nn.max_pool(x, (2,), (2,)).sum())(bnp.ones((1, 4, 1)))
    assert np.array_equal(g.ravel(), [1, 0, 1, 0])


def test_model_and_optimizer_under_jit() -> None:
    state = nn.ModelAndOptimizer(nn.Linear(2, 1, rngs=nn.Rngs(0)), optim.sgd(0.1))

    @nn.jit
    def step(state: Any, x: Any) -> Any:
        loss, grads = nn.value_and_grad(lambda m: (m(x) ** 2).mean())(state.model)
        state.update(grads)
        return loss

    losses = [float(step(state, bnp.ones((3, 2)))) for _ in range(30)]
    assert losses[-1] < 1e-3 * losses[0]
    assert int(state.step.value) == 30


# random streams, notes ----------------------------------------------------------------------------


def test_split_rngs() -> None:
    rngs = nn.Rngs(params=0, dropout=1)
    same = nn.Rngs(params=0, dropout=1)
    backups = nn.split_rngs(rngs, splits=3, only="params")
    assert rngs.params.key.value.shape == (3,)
    assert rngs.dropout.key.value.shape == ()
    nn.restore_rngs(backups)
    assert int(rngs.params.count.value) == 1
    same.params()
    key = lambda s: bibun.random.key_data(s())  # noqa: E731
    assert np.array_equal(key(rngs.params), key(same.params))
    with nn.split_rngs(rngs, splits=1, squeeze=True):
        assert rngs.params.key.value.shape == ()
    with pytest.raises(ValueError, match="squeeze"):
        nn.split_rngs(rngs, splits=2, squeeze=True)

    @nn.split_rngs(splits=4, only="dropout")
    @nn.vmap(in_axes=(nn.StateAxes({"dropout": 0, ...: None}), None))
    def drop(rngs: Any, x: Any) -> Any:
        return nn.Dropout(0.5)(x, rngs=rngs)

    out = np.asarray(drop(rngs, bnp.ones(64)))
    assert out.shape == (4, 64)
    assert len({tuple(row) for row in out}) == 4
    assert rngs.dropout.key.value.shape == ()


def test_fork_rngs() -> None:
    rngs = nn.Rngs(params=0, dropout=1)
    with nn.fork_rngs(rngs, split={"params": 2, "dropout": None}):
        assert rngs.params.key.value.shape == (2,)
        assert rngs.dropout.key.value.shape == ()
        inside = bibun.random.key_data(rngs.dropout())
    assert int(rngs.dropout.count.value) == 1
    assert not np.array_equal(inside, bibun.random.key_data(rngs.dropout()))


def test_sow_and_perturb_by_name() -> None:
    m = nn.Module()
    m.sow("losses", "seen", 1.0)
    kind = nn.variable_type_from_name("losses")
    assert type(m.seen) is kind
    assert nn.variable_name_from_type(kind) == "losses"
    assert nn.state(m, nn.Intermediate) == {}
    m.perturb("p", bnp.ones(2), "perturbations")
    assert type(m.p) is nn.Perturbation
    with pytest.raises(ValueError, match="perturb: Module.seen is a losses"):
        m.perturb("seen", bnp.ones(2))
    with pytest.raises(ValueError, match="no kind of Variable has the name"):
        nn.variable_type_from_name("nothing")
    with pytest.raises(ValueError, match="is that of Param already"):
        nn.register_variable_name("params", nn.Cache)
    with pytest.raises(ValueError, match="has no name"):
        nn.variable_name_from_type(nn.OptState)


def test_map_state() -> None:
    state = nn.state(nn.Sequential(nn.Linear(2, 1, rngs=nn.Rngs(0))))
    names = []
    doubled = nn.map_state(lambda p, v: names.append(p) or v.replace(2 * v.value), state)
    assert names == [("layers", 0, "bias"), ("layers", 0, "kernel")]
    kernel = state["layers"][0]["kernel"].value
    assert np.array_equal(doubled["layers"][0]["kernel"].value, 2 * kernel)


def test_marks() -> None:
    m = nn.Module()
    m.layers = nn.data([nn.Linear(1, 1, rngs=nn.Rngs(0))])
    assert type(m.layers) is nn.List
    m.kind, m.rate = nn.static("tanh"), nn.data(2)
    assert set(nn.state(m)) == {"layers", "rate"}
    assert nn.is_data((1, bnp.ones(2)))
    assert not nn.is_data((1, "a"))
    with pytest.raises(TypeError, match="is data"):
        nn.static(bnp.ones(2))
    with pytest.raises(TypeError, match="unhashable"):
        nn.static({1, 2})
    with pytest.raises(TypeError, match="holds no array"):
        nn.data("text")


def test_shared_objects_are_found() -> None:
    layer = nn.Linear(1, 1, rngs=nn.Rngs(0))
    model = nn.Sequential(layer, nn.Sequential(layer))
    model.again = layer.kernel
    assert nn.find_duplicates(model) == [
        [("layers", 0), ("layers", 1, "layers", 0)], [("layers", 0, "kernel"), ("again",)]
    ]  # fmt: skip
    assert nn.find_duplicates(layer) == []
    model.again, model.both = None, (layer.bias, {"b": layer.bias})
    assert nn.find_duplicates(model)[1] == [
        ("layers", 0, "bias"), ("both", 0), ("both", 1, "b")
    ]  # fmt: skip


def test_methods_of_a_graph_in_pieces() -> None:
    model = Counter()
    graphdef, params, rest = nn.split(model, nn.Param, ...)
    y, (again, state) = graphdef.apply(params, rest).up(bnp.ones(2))
    assert np.array_equal(y, [2.0, 3.0])
    assert (again, int(state.n.value), int(model.n.value)) == (graphdef, 1, 0)
    g = bibun.grad(lambda p: graphdef.apply(p, rest).up(bnp.ones(2))[0].sum())(params)
    assert np.array_equal(g.w.value, [1.0, 1.0])
    (_, pair) = nn.call(nn.split(model)).up(1.0)
    (_, pair) = nn.call(pair).up(1.0)
    assert int(nn.merge(*pair).n.value) == 2


def test_attention_of_ones_own() -> None:
    seen: list[Any] = []

    def attention(q: Any, k: Any, v: Any, **options: Any) -> Any:
        seen.append(options)
        return nn.dot_product_attention(q, k, v, **options)

    x = bnp.asarray(rng.normal(size=(2, 3, 4)))
    own = nn.MultiHeadAttention(2, 4, attention_fn=attention, rngs=nn.Rngs(0))
    plain = nn.MultiHeadAttention(2, 4, rngs=nn.Rngs(0))
    assert np.array_equal(own(x, is_causal=True), plain(x, is_causal=True))
    assert seen[0]["is_causal"]
    own(x)
    assert "is_causal" not in seen[1]


def test_instance_norm_of_other_axes() -> None:
    x = bnp.asarray(rng.normal(size=(2, 3, 4, 5)))
    first = nn.InstanceNorm(3, feature_axes=1, rngs=nn.Rngs(0))(x)
    last = nn.InstanceNorm(3, rngs=nn.Rngs(0))(bnp.moveaxis(x, 1, -1))
    assert np.allclose(first, bnp.moveaxis(last, -1, 1), rtol=1e-13)


def test_paths_that_contain_a_part() -> None:
    state = nn.state(nn.LSTMCell(1, 1, rngs=nn.Rngs(0)))
    assert not nn.filter_state(state, nn.PathContains("ern"))
    assert len(nn.filter_state(state, nn.PathContains("ern", exact=False)).flat_state()) == 8


def test_views_share_variables_and_differ_in_attributes() -> None:
    drop = nn.Dropout(0.5, rngs=nn.Rngs(0))
    norm = nn.BatchNorm(2, momentum=0.0, rngs=nn.Rngs(0))
    net = nn.Sequential(norm, drop, norm)
    net.table = {"pair": (drop, 3)}
    seen = nn.view(net, deterministic=True, use_running_average=True)
    assert seen.layers[0] is seen.layers[2] is not norm
    assert seen.table["pair"][0] is seen.layers[1]
    assert seen.table["pair"][1] == 3
    x = bnp.asarray(rng.normal(size=(50, 2)) + 3.0)
    assert np.allclose(seen(x), x / (1 + 1e-5), rtol=1e-5)
    norm(x)  # moves the statistics of both
    assert np.allclose(np.asarray(seen.layers[0](x)).mean(0), 0, atol=1e-10)
    assert not drop.deterministic
    only = nn.with_attributes(net, only=nn.Dropout, deterministic=True)
    assert (only.layers[1].deterministic, only.layers[0].use_running_average) == (True, False)
    with pytest.raises(ValueError, match="no module has"):
        nn.view(net, determinstic=True)
