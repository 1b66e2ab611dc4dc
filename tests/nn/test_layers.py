"""Layers against PyTorch on the same weights, and against what defines them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import bibun
import bibun.numpy as bnp
from bibun import nn, random, tree


def draws(seed, *shape):
    return random.normal(random.key(seed), shape)


def filled(module, seed=7):
    """The module with every parameter drawn, biases and scales too."""
    flat, unravel = tree.ravel(nn.state(module, nn.Param))
    nn.update(module, unravel(0.5 * draws(seed, flat.size)))
    return module


def check(torch, module, layer, pairs, x, call=None, to=None, back=None, rtol=1e-9):
    """Values and gradients (of sum(sin(y)), by parameters and input) of a module and torch's."""
    call = call or (lambda m, x: m(x))
    to = to or (lambda a: a)
    layer = layer.double()
    with torch.no_grad():
        for p, get, change in pairs:
            value = change(np.asarray(get(nn.state(module)).value))
            p.copy_(torch.tensor(np.ascontiguousarray(value)))
    xt = torch.tensor(np.ascontiguousarray(to(np.asarray(x))), requires_grad=True)
    yt = layer(xt)
    yt = yt[0] if isinstance(yt, tuple) else yt
    torch.sin(yt).sum().backward()

    def loss(m, x):
        y = call(m, x)
        return bnp.sin(y).sum(), y

    (gm, gx), y = nn.jit(nn.grad(loss, argnums=(0, 1), has_aux=True))(module, x)
    back = back or (lambda a: a)
    np.testing.assert_allclose(y, back(yt.detach().numpy()), rtol=rtol, atol=1e-10)
    np.testing.assert_allclose(gx, back(xt.grad.numpy()), rtol=rtol, atol=1e-10)
    for p, get, change in pairs:
        np.testing.assert_allclose(
            change(np.asarray(get(gm).value)), p.grad.numpy(), rtol=rtol, atol=1e-10
        )


def same(a):
    return a


def test_linear_and_norms(torch) -> None:
    x = draws(0, 5, 4, 6)
    layer = torch.nn.Linear(6, 3)
    kernel = (layer.weight, lambda s: s.kernel, np.transpose)
    check(torch, filled(nn.Linear(6, 3, rngs=nn.Rngs(0))), layer,
          [kernel, (layer.bias, lambda s: s.bias, same)], x)  # fmt: skip
    layer = torch.nn.LayerNorm(6, eps=1e-6)
    own = [(layer.weight, lambda s: s.scale, same), (layer.bias, lambda s: s.bias, same)]
    check(torch, filled(nn.LayerNorm(6, rngs=nn.Rngs(0))), layer, own, x)
    layer = torch.nn.RMSNorm(6, eps=1e-6)
    check(torch, filled(nn.RMSNorm(6, rngs=nn.Rngs(0))), layer,
          [(layer.weight, lambda s: s.scale, same)], x)  # fmt: skip
    for module, layer in (
        (nn.GroupNorm(6, num_groups=3, rngs=nn.Rngs(0)), torch.nn.GroupNorm(3, 6, eps=1e-6)),
        (nn.InstanceNorm(6, epsilon=1e-5, rngs=nn.Rngs(0)),
         torch.nn.InstanceNorm1d(6, affine=True)),
        (nn.BatchNorm(6, momentum=0.9, rngs=nn.Rngs(0)), torch.nn.BatchNorm1d(6)),
    ):
        own = [(layer.weight, lambda s: s.scale, same), (layer.bias, lambda s: s.bias, same)]
        check(torch, filled(module), layer, own, x, to=lambda a: np.moveaxis(a, -1, 1),
              back=lambda a: np.moveaxis(a, 1, -1))  # fmt: skip
        if isinstance(module, nn.BatchNorm):
            np.testing.assert_allclose(module.mean.value, layer.running_mean.numpy(), rtol=1e-6)
            n = 20  # torch's running variance is divided by n - 1, its normalising one by n
            var = (layer.running_var.numpy() - 0.9) * (n - 1) / n + 0.9
            np.testing.assert_allclose(module.var.value, var, rtol=1e-6)


@pytest.mark.parametrize("places", [1, 2])
@pytest.mark.parametrize(
    "options",
    [{"padding": "VALID"}, {"padding": 1, "strides": 2}, {"padding": "SAME", "kernel_dilation": 2},
     {"padding": "CIRCULAR"}, {"padding": 1, "feature_group_count": 2}],
    ids=str,
)  # fmt: skip
def test_convolution(torch, places, options) -> None:
    x = draws(1, 2, *[7, 8][:places], 4)
    kinds = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d}
    given = dict(options)
    theirs = {"stride": given.get("strides", 1), "dilation": given.get("kernel_dilation", 1),
              "groups": given.get("feature_group_count", 1)}  # fmt: skip
    padding = given["padding"]
    if padding == "CIRCULAR":
        theirs |= {"padding": "same", "padding_mode": "circular"}
    else:
        theirs["padding"] = padding.lower() if isinstance(padding, str) else padding
    layer = kinds[places](4, 6, 3, **theirs)
    module = filled(nn.Conv(4, 6, (3,) * places, rngs=nn.Rngs(0), **options))
    kernel = lambda a: np.moveaxis(a, (-1, -2), (0, 1))  # noqa: E731
    check(torch, module, layer,
          [(layer.weight, lambda s: s.kernel, kernel), (layer.bias, lambda s: s.bias, same)], x,
          to=lambda a: np.moveaxis(a, -1, 1), back=lambda a: np.moveaxis(a, 1, -1))  # fmt: skip


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_transposed_convolution(torch, stride) -> None:
    x = draws(1, 2, 5, 6, 3)
    layer = torch.nn.ConvTranspose2d(3, 4, 3, stride=stride)
    module = filled(
        nn.ConvTranspose(3, 4, (3, 3), strides=stride, padding="VALID", transpose_kernel=True,
                         rngs=nn.Rngs(0)))  # fmt: skip
    kernel = lambda a: np.moveaxis(a, (-1, -2), (0, 1))  # noqa: E731
    check(torch, module, layer,
          [(layer.weight, lambda s: s.kernel, kernel), (layer.bias, lambda s: s.bias, same)], x,
          to=lambda a: np.moveaxis(a, -1, 1), back=lambda a: np.moveaxis(a, 1, -1))  # fmt: skip


def test_transposed_convolution_is_the_transpose() -> None:
    conv = nn.Conv(3, 4, (3, 2), strides=(2, 1), use_bias=False, rngs=nn.Rngs(0))
    back = nn.ConvTranspose(4, 3, (3, 2), strides=(2, 1), use_bias=False, transpose_kernel=True,
                            rngs=nn.Rngs(1))  # fmt: skip
    back.kernel.value = conv.kernel.value
    x, w = draws(0, 1, 8, 6, 3), draws(1, 1, 4, 6, 4)
    assert float((conv(x) * w).sum()) == pytest.approx(float((x * back(w)).sum()), rel=1e-12)


def test_paddings_that_there_are_not() -> None:
    for padding in ("CAUSAL", "FULL"):
        with pytest.raises(ValueError, match="padding is 'SAME', 'VALID' or numbers"):
            nn.ConvTranspose(1, 1, 3, padding=padding, rngs=nn.Rngs(0))
    with pytest.raises(ValueError, match="'FULL': there are 'SAME'"):
        nn.Conv(1, 1, 3, padding="FULL", rngs=nn.Rngs(0))(bnp.ones((1, 4, 1)))


def test_pooling(torch) -> None:
    x = draws(2, 2, 6, 7, 3)
    xt = torch.tensor(np.moveaxis(np.asarray(x), -1, 1).copy())
    f = torch.nn.functional
    back = lambda t: np.moveaxis(t.numpy(), 1, -1)  # noqa: E731
    np.testing.assert_allclose(
        nn.max_pool(x, (2, 3), (2, 1)), back(f.max_pool2d(xt, (2, 3), (2, 1)))
    )
    np.testing.assert_allclose(nn.min_pool(x, (2, 2)), back(-f.max_pool2d(-xt, (2, 2), 1)))
    got = nn.avg_pool(x, (3, 3), (2, 2), [(1, 1), (1, 1)])
    np.testing.assert_allclose(got, back(f.avg_pool2d(xt, 3, 2, 1)), rtol=1e-12)
    got = nn.avg_pool(x, (3, 3), (2, 2), [(1, 1), (1, 1)], count_include_pad=False)
    np.testing.assert_allclose(
        got, back(f.avg_pool2d(xt, 3, 2, 1, count_include_pad=False)), rtol=1e-12
    )


@pytest.mark.parametrize("kind", ["LSTM", "OptimizedLSTM", "GRU", "Simple"])
def test_recurrent(torch, kind) -> None:
    x, h = draws(3, 4, 6, 3), 5
    module = filled(nn.RNN(getattr(nn, f"{kind}Cell")(3, h, rngs=nn.Rngs(0))))
    layer = {"LSTM": torch.nn.LSTM, "OptimizedLSTM": torch.nn.LSTM, "GRU": torch.nn.GRU,
             "Simple": torch.nn.RNN}[kind](3, h, batch_first=True).double()  # fmt: skip
    cell = module.cell
    side = lambda *ms: np.concatenate([np.asarray(m) for m in ms], -1).T  # noqa: E731
    zero = np.zeros_like
    with torch.no_grad():
        if kind == "LSTM":
            wi = side(*(getattr(cell, n).kernel.value for n in ("ii", "if_", "ig", "io")))
            wh = side(*(getattr(cell, n).kernel.value for n in ("hi", "hf", "hg", "ho")))
            bh = side(*(getattr(cell, n).bias.value for n in ("hi", "hf", "hg", "ho")))
            bi = zero(bh)
        else:
            wi, wh = side(cell.dense_i.kernel.value), side(cell.dense_h.kernel.value)
            has = cell.dense_i.bias is not None
            bi = np.asarray(cell.dense_i.bias.value if has else zero(cell.dense_h.bias.value))
            bh = zero(bi) if has else np.asarray(cell.dense_h.bias.value)
        for name, value in zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"),
                               (wi, wh, bi, bh), strict=True):  # fmt: skip
            getattr(layer, name).copy_(torch.tensor(np.ascontiguousarray(value)))
    xt = torch.tensor(np.asarray(x), requires_grad=True)
    yt, _ = layer(xt)
    torch.sin(yt).sum().backward()
    loss = lambda m, x: (bnp.sin(m(x)).sum(), m(x))  # noqa: E731
    (gm, gx), y = nn.jit(nn.grad(loss, argnums=(0, 1), has_aux=True))(module, x)
    np.testing.assert_allclose(y, yt.detach().numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gx, xt.grad.numpy(), rtol=1e-9, atol=1e-12)
    if kind == "LSTM":
        got = side(*(gm.cell[n].kernel.value for n in ("ii", "if_", "ig", "io")))
    else:
        got = side(gm.cell.dense_i.kernel.value)
    np.testing.assert_allclose(got, layer.weight_ih_l0.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_rnn_with_lengths() -> None:
    module = filled(nn.RNN(nn.GRUCell(2, 3, rngs=nn.Rngs(0)), return_carry=True))
    x, lengths = draws(4, 3, 5, 2), bnp.array([2, 5, 3])
    carry, _ = module(x, seq_lengths=lengths)
    for k, n in enumerate(lengths.tolist()):
        alone, _ = module(x[k : k + 1, :n])
        np.testing.assert_allclose(carry[k], alone[0], rtol=1e-12)
        _, there = module(x, seq_lengths=lengths, reverse=True, keep_order=True)
        _, back = module(x[k : k + 1, :n][:, ::-1])
        np.testing.assert_allclose(there[k, :n], back[0, ::-1], rtol=1e-12)
    first, ys = module(x, time_major=False)
    _, major = module(bnp.swapaxes(x, 0, 1), time_major=True)
    np.testing.assert_allclose(ys, bnp.swapaxes(major, 0, 1), rtol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_attention(torch, causal) -> None:
    q, k, v = (draws(s, 2, 5, 3, 4) for s in range(3))
    ts = [torch.tensor(np.asarray(a).swapaxes(1, 2).copy(), requires_grad=True) for a in (q, k, v)]
    want = torch.nn.functional.scaled_dot_product_attention(*ts, is_causal=causal)
    torch.sin(want).sum().backward()
    f = lambda q, k, v: nn.dot_product_attention(q, k, v, is_causal=causal)  # noqa: E731
    np.testing.assert_allclose(f(q, k, v), want.detach().numpy().swapaxes(1, 2), rtol=1e-10)
    grads = bibun.jit(bibun.grad(lambda *a: bnp.sin(f(*a)).sum(), argnums=(0, 1, 2)))(q, k, v)
    for g, t in zip(grads, ts, strict=True):
        np.testing.assert_allclose(g, t.grad.numpy().swapaxes(1, 2), rtol=1e-9, atol=1e-12)


def test_multi_head_attention(torch) -> None:
    module = filled(nn.MultiHeadAttention(2, 6, rngs=nn.Rngs(0)))
    layer = torch.nn.MultiheadAttention(6, 2, batch_first=True).double()
    x = draws(5, 3, 4, 6)
    flat = lambda m: np.asarray(m.kernel.value).reshape(6, 6).T  # noqa: E731
    with torch.no_grad():
        parts = (module.query, module.key, module.value)
        layer.in_proj_weight.copy_(torch.tensor(np.concatenate([flat(m) for m in parts])))
        layer.in_proj_bias.copy_(
            torch.tensor(np.concatenate([np.asarray(m.bias.value).ravel() for m in parts]))
        )
        layer.out_proj.weight.copy_(
            torch.tensor(np.asarray(module.out.kernel.value).reshape(6, 6).T.copy())
        )
        layer.out_proj.bias.copy_(torch.tensor(np.asarray(module.out.bias.value)))
    xt = torch.tensor(np.asarray(x), requires_grad=True)
    want, _ = layer(xt, xt, xt)
    torch.sin(want).sum().backward()
    (_, gx), y = nn.grad(lambda m, x: (bnp.sin(m(x)).sum(), m(x)), argnums=(0, 1), has_aux=True)(
        module, x
    )
    np.testing.assert_allclose(y, want.detach().numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gx, xt.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_attention_step_by_step_is_causal_attention() -> None:
    module = filled(nn.MultiHeadAttention(2, 6, num_kv_heads=1, normalize_qk=True, rngs=nn.Rngs(0)))
    x = draws(6, 3, 4, 6)
    whole = module(x, is_causal=True)
    module.init_cache((3, 4, 6))
    step = nn.jit(lambda m, x: m(x, decode=True))
    for t in range(4):
        np.testing.assert_allclose(step(module, x[:, t : t + 1])[:, 0], whole[:, t], rtol=1e-10)
    assert int(module.cache_index.value) == 4


def test_attention_masks_and_rows_that_see_nothing() -> None:
    q, v = draws(0, 1, 3, 1, 2), draws(1, 1, 3, 1, 2)
    f = lambda q: nn.dot_product_attention(q, q, v, key_value_seq_lengths=bnp.array([0]))  # noqa: E731
    np.testing.assert_array_equal(f(q), bnp.zeros((1, 3, 1, 2)))
    assert bool(bnp.isfinite(bibun.grad(lambda q: f(q).sum())(q)).all())
    window = nn.dot_product_attention(q, q, v, local_window_size=0)
    np.testing.assert_allclose(window, v, rtol=1e-14)
    assert nn.make_causal_mask(bnp.ones((2, 3))).shape == (2, 1, 3, 3)
    both = nn.combine_masks(nn.make_causal_mask(bnp.ones(2)), None, bnp.array([[[0, 1], [0, 1]]]))
    np.testing.assert_array_equal(both, [[[0, 0], [0, 1]]])


def test_embed_and_general_linear() -> None:
    embed = filled(nn.Embed(5, 3, rngs=nn.Rngs(0)))
    ids = bnp.array([[0, 4], [4, 2]])
    g = nn.grad(lambda m: m(ids).sum())(embed)
    np.testing.assert_array_equal(
        g.embedding.value, np.array([[1], [0], [1], [0], [2]]) * np.ones(3)
    )
    np.testing.assert_allclose(
        embed.attend(embed(ids))[0, 0, 0], (embed.embedding.value[0] ** 2).sum()
    )
    with pytest.raises(IndexError):
        embed(bnp.array([5]))
    x = draws(0, 2, 3, 4, 5)
    layer = filled(nn.LinearGeneral((3, 5), (6, 7), axis=(1, 3), rngs=nn.Rngs(0)))
    want = np.einsum("bxcy,xyfg->bcfg", x, layer.kernel.value) + np.asarray(layer.bias.value)
    np.testing.assert_allclose(layer(x), want, rtol=1e-12)
    layer = filled(nn.LinearGeneral(5, 6, axis=-1, batch_axis={1: 3}, rngs=nn.Rngs(0)))
    want = np.einsum("bxcy,xyf->xbcf", x, layer.kernel.value)
    want = want + np.asarray(layer.bias.value)[:, None, None]
    np.testing.assert_allclose(layer(x), want, rtol=1e-12)
    layer = filled(nn.Einsum("abcd,cde->abe", (4, 5, 6), (6,), rngs=nn.Rngs(0)))
    want = np.einsum("abcd,cde->abe", x, layer.kernel.value) + np.asarray(layer.bias.value)
    np.testing.assert_allclose(layer(x), want, rtol=1e-12)


def test_dropout() -> None:
    drop = nn.Dropout(0.25, rngs=nn.Rngs(0))
    x = bnp.ones((200, 100))
    y = drop(x)
    assert float((y == 0).mean()) == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 20000))
    np.testing.assert_allclose(y[y != 0], 1 / 0.75)
    assert bool((drop(x) != y).any())
    rows = nn.Dropout(0.5, broadcast_dims=(1,), rngs=nn.Rngs(0))(x)
    assert bool((rows == rows[:, :1]).all())
    with pytest.raises(ValueError, match="needs random keys"):
        nn.Dropout(0.5)(x)


ACTIVATIONS = {
    "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "softplus": "softplus", "silu": "silu",
    "soft_sign": "softsign", "log_sigmoid": "logsigmoid", "leaky_relu": "leaky_relu",
    "hard_tanh": "hardtanh", "hard_sigmoid": "hardsigmoid", "hard_silu": "hardswish", "elu": "elu",
    "celu": "celu", "selu": "selu", "mish": "mish", "tanh": "tanh",
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(torch, name) -> None:
    x = np.concatenate([np.linspace(-8, 8, 33) + 0.01, [-800.0, 800.0, -40.0, 40.0]])
    xt = torch.tensor(x, requires_grad=True)
    want = getattr(torch.nn.functional, ACTIVATIONS[name])(xt)
    want.sum().backward()
    f = getattr(nn, name)
    # torch's softplus and mish are x itself above 20, an error of 2e-9; its 1/6 is float32's
    tolerance = 4e-8 if name in ("softplus", "mish", "hard_sigmoid", "hard_silu") else 1e-12
    np.testing.assert_allclose(f(x), want.detach().numpy(), rtol=tolerance, atol=1e-17)
    g = bibun.grad(lambda x: f(x).sum())(bnp.array(x))
    np.testing.assert_allclose(g, xt.grad.numpy(), rtol=max(tolerance, 1e-9), atol=1e-16)


def test_other_functions() -> None:
    x = draws(0, 3, 4)
    np.testing.assert_allclose(nn.gelu(x, approximate=False),
                               x * scipy.special.ndtr(np.asarray(x)), rtol=1e-13)  # fmt: skip
    np.testing.assert_allclose(nn.gelu(x), nn.gelu(x, approximate=False), atol=2e-3)
    np.testing.assert_allclose(
        nn.softmax(x, 0), scipy.special.softmax(np.asarray(x), 0), rtol=1e-13
    )
    np.testing.assert_allclose(
        nn.log_softmax(x), scipy.special.log_softmax(np.asarray(x), -1), rtol=1e-13
    )
    np.testing.assert_allclose(
        nn.logmeanexp(x, 1), np.log(np.exp(np.asarray(x)).mean(1)), rtol=1e-13
    )
    where = x > 0
    some = nn.softmax(x, where=where)
    assert float(some[~where].sum()) == 0
    np.testing.assert_allclose(some.sum(1), 1)
    np.testing.assert_allclose(
        nn.glu(x), x[:, :2] / (1 + np.exp(-np.asarray(x[:, 2:]))), rtol=1e-13
    )
    z = nn.standardize(x, epsilon=0.0)
    np.testing.assert_allclose(z.mean(-1), 0, atol=1e-14)
    np.testing.assert_allclose(z.std(-1), 1)
    t = bnp.array([1e-10, 0.5, 5.0, 50.0])
    want = [np.log(1e-10) - 0.5e-10, np.log(-np.expm1(-0.5)), np.log1p(-np.exp(-5)), -np.exp(-50)]
    np.testing.assert_allclose(nn.log1mexp(t), want, rtol=1e-14)
    np.testing.assert_array_equal(nn.one_hot(bnp.array([1, -1, 3]), 3, axis=0).T,
                                  [[0, 1, 0], [0, 0, 0], [0, 0, 0]])  # fmt: skip
    bibun.testing.check_grads(nn.squareplus, (x,), order=2)
    bibun.testing.check_grads(nn.sparse_plus, (x,), order=1)
    np.testing.assert_array_equal(nn.sparse_sigmoid(bnp.array([-2.0, 0.0, 2.0])), [0, 0.5, 1])


@pytest.mark.parametrize("kind", ["glorot", "lecun", "he"])
@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_initializers_have_their_variance(kind, law) -> None:
    shape = (3, 3, 40, 60)
    w = np.asarray(getattr(nn.initializers, f"{kind}_{law}")()(random.key(0), shape))
    fan_in, fan_out = 9 * 40, 9 * 60
    want = {"glorot": 2 / (fan_in + fan_out), "lecun": 1 / fan_in, "he": 2 / fan_in}[kind]
    assert w.var() == pytest.approx(want, rel=5 * np.sqrt(2 / w.size))
    assert w.mean() == pytest.approx(0, abs=5 * np.sqrt(want / w.size))


def test_other_initializers() -> None:
    i = nn.initializers
    key = random.key(0)
    assert i.constant(3)(key, (2,)).tolist() == [3, 3]
    wide = i.orthogonal(2.0)(key, (3, 7))
    np.testing.assert_allclose(wide @ wide.T, 4 * np.eye(3), atol=1e-12)
    delta = i.delta_orthogonal()(key, (3, 3, 2, 4))
    np.testing.assert_allclose(delta[1, 1] @ delta[1, 1].T, np.eye(2), atol=1e-12)
    assert float(bnp.abs(delta).sum() - bnp.abs(delta[1, 1]).sum()) == 0
    cut = i.truncated_normal(2.0)(key, (1000,))
    assert (
        float(bnp.abs(cut).max()) <= 4 and i.normal()(key, (3,), bnp.float32).dtype == bnp.float32
    )
    for bad in (
        lambda: i.variance_scaling(1, "fan", "normal"),
        lambda: i.lecun_normal()(key, (3,)),
    ):
        with pytest.raises(ValueError):
            bad()


def test_digits_with_a_small_network() -> None:
    """A convolutional network learns to tell vertical from horizontal bars."""
    from bibun import optim

    key = random.key(0)
    n, size = 64, 8
    lines = random.randint(key, (n,), 1, size - 1)
    labels = bnp.arange(n) % 2
    grid = bnp.arange(size)
    across = (grid[None, :, None] == lines[:, None, None]) & (labels == 1)[:, None, None]
    down = (grid[None, None, :] == lines[:, None, None]) & (labels == 0)[:, None, None]
    images = (across | down).astype(float) + 0.3 * random.normal(random.key(1), (n, size, size))

    class CNN(nn.Module):
        def __init__(self, rngs):
            self.conv = nn.Conv(1, 4, (3, 3), rngs=rngs)
            self.norm = nn.BatchNorm(4, rngs=rngs)
            self.out = nn.Linear(64, 2, rngs=rngs)

        def __call__(self, x):
            x = nn.max_pool(nn.relu(self.norm(self.conv(x[..., None]))), (2, 2), (2, 2))
            return self.out(x.reshape(x.shape[0], -1))

    model = CNN(nn.Rngs(2))
    optimizer = nn.Optimizer(model, optim.adam(0.02))

    @nn.jit
    def step(model, optimizer):
        def loss(m):
            logits = m(images)
            return -(nn.log_softmax(logits) * nn.one_hot(labels, 2)).sum(1).mean(), logits

        (value, logits), grads = nn.value_and_grad(loss, has_aux=True)(model)
        optimizer.update(model, grads)
        return value, logits

    first = float(step(model, optimizer)[0])
    for _ in range(60):
        value, logits = step(model, optimizer)
    accuracy = nn.metrics.Accuracy()
    accuracy.update(logits=logits, labels=labels)
    assert float(value) < 0.1 * first and float(accuracy.compute()) == 1.0


def test_an_lstm_learns_to_remember() -> None:
    """The first of eight inputs, told at the end."""
    from bibun import optim

    x = random.normal(random.key(0), (32, 8, 1))
    y = x[:, 0, 0]

    class Memory(nn.Module):
        def __init__(self, rngs):
            self.rnn = nn.RNN(nn.LSTMCell(1, 8, rngs=rngs))
            self.out = nn.Linear(8, 1, rngs=rngs)

        def __call__(self, x):
            return self.out(self.rnn(x)[:, -1])[:, 0]

    model = Memory(nn.Rngs(0))
    optimizer = nn.Optimizer(model, optim.adam(0.03))

    @nn.jit
    def step(model, optimizer):
        value, grads = nn.value_and_grad(lambda m: ((m(x) - y) ** 2).mean())(model)
        optimizer.update(model, grads)
        return value

    losses = [float(step(model, optimizer)) for _ in range(200)]
    assert losses[-1] < 0.05 * losses[0]


def test_linear_of_a_batched_input_under_vmap():
    # the tracer of vmap has an attribute `value` too; the layer once took it for a Variable's
    layer = nn.Linear(3, 2, rngs=nn.Rngs(0))
    x = draws(0, 5, 4, 3)
    seen = []

    def call(x):
        seen.append(layer(x).shape)
        return layer(x)

    np.testing.assert_allclose(np.asarray(bibun.vmap(call)(x)), np.asarray(layer(x)), rtol=1e-12)
    assert seen == [(4, 2)]


def test_norms_have_the_epsilons_of_flax() -> None:
    rngs = nn.Rngs(0)
    found = [
        norm.epsilon
        for norm in (nn.BatchNorm(2, rngs=rngs), nn.LayerNorm(2, rngs=rngs),
                     nn.RMSNorm(2, rngs=rngs), nn.GroupNorm(2, 1, rngs=rngs),
                     nn.InstanceNorm(2, rngs=rngs))
    ]  # fmt: skip
    assert found == [1e-5, 1e-6, 1e-6, 1e-6, 1e-6]


def test_residual_of_attention_and_stable_standardization():
    q, k, v = np.random.default_rng(4).normal(size=(3, 2, 5, 4, 3))
    out, residual = nn.dot_product_attention(q, k, v, is_causal=True, return_residual=True)
    assert np.array_equal(out, nn.dot_product_attention(q, k, v, is_causal=True))
    scores = np.einsum("btnh,bsnh->bnts", q, k) / np.sqrt(3)
    scores = np.where(np.tril(np.ones((5, 5), bool)), scores, -np.inf)
    want = np.log(np.exp(scores).sum(-1)).swapaxes(1, 2)
    np.testing.assert_allclose(residual, want, rtol=1e-12)
    with pytest.raises(ValueError, match="'cudnn'"):
        nn.dot_product_attention(q, k, v, implementation="cudnn")
    x = 1e9 + np.array([0.0, 1.0, 5.0])
    want = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    np.testing.assert_allclose(nn.standardize(x), want, rtol=1e-7)
    flat = nn.standardize(np.full(7, 1e8 + 0.3), algorithm="fast")  # a variance below 0 is none
    assert np.all(np.isfinite(flat))
    with pytest.raises(ValueError, match="algorithm must be"):
        nn.standardize(x, algorithm="two")
