"""Recurrent units against loops in NumPy; losses of sequences against sums over all paths."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.special as sp

import bibun.variable as chainer
import bibun.variable.functions as F
from bibun.variable import Variable
from tests.variable.test_functions import check_gradients

rng = np.random.default_rng(21)
s, tanh = sp.expit, np.tanh


# units --------------------------------------------------------------------------------------------


def test_lstm_of_fewer_rows_leaves_the_rest_of_the_cell() -> None:
    c, x = rng.normal(size=(3, 2)), rng.normal(size=(2, 8))
    new, h = F.lstm(c, x)
    part, h_part = F.lstm(c[:2], x)
    assert np.array_equal(new.data, np.vstack([part.data, c[2:]]))
    assert np.array_equal(h.data, h_part.data)
    check_gradients(lambda c, x: F.lstm(c, x)[0], (c, x))


def test_slstm() -> None:
    c1, c2 = rng.normal(size=(2, 3, 2))
    x1, x2 = rng.normal(size=(2, 3, 8))
    a, i, f, o = (x1.reshape(3, 2, 4)[:, :, j] for j in range(4))
    a2, i2, f2, o2 = (x2.reshape(3, 2, 4)[:, :, j] for j in range(4))
    c = tanh(a) * s(i) + tanh(a2) * s(i2) + s(f) * c1 + s(f2) * c2
    got = F.slstm(c1, c2, x1, x2)
    assert np.allclose(got[0].data, c, rtol=1e-13)
    assert np.allclose(got[1].data, s(o + o2) * tanh(c), rtol=1e-13)
    check_gradients(lambda *v: F.slstm(*v)[1], (c1, c2, x1, x2))


@pytest.mark.parametrize("n", [1, 3])
def test_tree_lstm(n: int) -> None:
    cells, x = rng.normal(size=(n, 2, 3)), rng.normal(size=(2, 3 * (n + 3)))
    a, i, o, *fs = np.split(x, n + 3, axis=1)
    c = tanh(a) * s(i) + sum(s(f) * c for f, c in zip(fs, cells, strict=True))
    got = F.tree_lstm(*cells, x)
    assert np.allclose(got[0].data, c, rtol=1e-13)
    assert np.allclose(got[1].data, s(o) * tanh(c), rtol=1e-13)
    check_gradients(lambda *v: F.tree_lstm(*v)[1], (*cells, x))
    with pytest.raises(ValueError, match="equal gates"):
        F.tree_lstm(*cells, x[:, 1:])


# sequences ----------------------------------------------------------------------------------------

ROWS = (3, 3, 2, 1)  # sequences of lengths 4, 3, 2
GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def _step(kind: str, x: Any, h: Any, c: Any, w: Any, b: Any) -> tuple[Any, Any]:
    g = GATES[kind]
    px = [x @ w[k].T + b[k] for k in range(g)]
    ph = [h @ w[g + k].T + b[g + k] for k in range(g)]
    if kind == "lstm":
        i, f, o, a = (p + q for p, q in zip(px, ph, strict=True))
        c = s(f) * c + s(i) * tanh(a)
        return s(o) * tanh(c), c
    if kind == "gru":
        r, z = s(px[0] + ph[0]), s(px[1] + ph[1])
        return (1 - z) * tanh(px[2] + r * ph[2]) + z * h, c
    return tanh(px[0] + ph[0]), c


def _problem(kind: str, directions: int, layers: int) -> tuple[Any, ...]:
    units, features, g = 2, 3, GATES[kind]
    xs = [rng.normal(size=(n, features)) for n in ROWS]
    states = rng.normal(size=(2, layers * directions, 3, units))
    ws, bs = [], []
    for k in range(layers * directions):
        inputs = features if k < directions else directions * units
        ws.append([rng.normal(size=(units, inputs if j < g else units)) for j in range(2 * g)])
        bs.append([rng.normal(size=units) for _ in range(2 * g)])
    return states, ws, bs, xs


def _by_loops(kind: str, directions: int, layers: int, states: Any, ws: Any, bs: Any, xs: Any):
    """Each sequence by itself."""
    lengths = [sum(n > k for n in ROWS) for k in range(3)]
    ends = np.zeros_like(states)
    ys = [np.zeros((n, 2 * directions)) for n in ROWS]
    for k, length in enumerate(lengths):
        seq = [x[k] for x in xs[:length]]
        for layer in range(layers):
            outs = []
            for d in range(directions):
                at = layer * directions + d
                h, c = states[0, at, k], states[1, at, k]
                out = []
                for x in seq if d == 0 else seq[::-1]:
                    h, c = _step(kind, x, h, c, ws[at], bs[at])
                    out.append(h)
                ends[:, at, k] = h, c
                outs.append(out if d == 0 else out[::-1])
            seq = [np.concatenate(o) for o in zip(*outs, strict=True)]
        for t, y in enumerate(seq):
            ys[t][k] = y
    return ends, ys


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kind", GATES)
def test_n_step(kind: str, directions: int) -> None:
    layers = 2
    states, ws, bs, xs = _problem(kind, directions, layers)
    f = getattr(F, f"n_step_{'bi' if directions == 2 else ''}{kind}")
    given = list(states[: 2 if kind == "lstm" else 1])
    *last, ys = f(layers, 0.0, *given, ws, bs, xs)
    ends, want = _by_loops(kind, directions, layers, states, ws, bs, xs)
    for got, end in zip(last, ends, strict=False):
        assert np.allclose(got.data, end, rtol=1e-12)
    assert len(last) == len(given)
    for y, w in zip(ys, want, strict=True):
        assert np.allclose(y.data, w, rtol=1e-12)

    def total(*v: Any) -> Any:
        n = len(given)
        *last, ys = f(layers, 0.0, *v[:n], [[v[n], *ws[0][1:]], *ws[1:]],
                      [*bs[:-1], [*bs[-1][:-1], v[n + 1]]], [*v[n + 2 :]])  # fmt: skip
        return F.concat([F.flatten(a) for a in (*last, *ys)], axis=0)

    check_gradients(total, (*given, ws[0][0], bs[-1][-1], *xs))


def test_n_step_rnn_relu_and_dropout() -> None:
    states, ws, bs, xs = _problem("rnn", 1, 2)
    _, ys = F.n_step_rnn(2, 0.0, states[0], ws, bs, xs, activation="relu")
    assert min(y.data.min() for y in ys) == 0.0
    np.random.seed(0)
    dropped = [F.n_step_rnn(2, 0.5, states[0], ws, bs, xs)[1][0].data for _ in range(2)]
    assert not np.array_equal(*dropped)
    with chainer.using_config("train", False):
        still = F.n_step_rnn(2, 0.5, states[0], ws, bs, xs)[1][0].data
    assert np.array_equal(still, F.n_step_rnn(2, 0.0, states[0], ws, bs, xs)[1][0].data)
    with pytest.raises(ValueError, match="longest first"):
        F.n_step_rnn(2, 0.0, states[0], ws, bs, xs[::-1])
    with pytest.raises(ValueError, match="'relu'"):
        F.n_step_rnn(2, 0.0, states[0], ws, bs, xs, activation="elu")
    with pytest.raises(ValueError, match=r"states must have shape \(2, 3, units\)"):
        F.n_step_rnn(2, 0.0, states[0][:1], ws, bs, xs)
    with pytest.raises(ValueError, match="ws must be 2 lists of 2 arrays"):
        F.n_step_rnn(2, 0.0, states[0], ws[:1], bs, xs)


def test_transpose_sequence() -> None:
    seqs = [rng.normal(size=(n, 2)) for n in (4, 3, 1)]
    xs = F.transpose_sequence(seqs)
    assert [x.shape[0] for x in xs] == [3, 2, 2, 1]
    assert np.array_equal(xs[1].data, [seqs[0][1], seqs[1][1]])
    back = F.transpose_sequence(xs)
    assert all(np.array_equal(a.data, b) for a, b in zip(back, seqs, strict=True))


# losses -------------------------------------------------------------------------------------------


def _ctc(x: Any, label: list[int], blank: int) -> float:
    """(time, symbols) and one label: minus the log of the sum over all paths."""
    log_p = x - sp.logsumexp(x, 1, keepdims=True)
    found = []
    for path in itertools.product(range(x.shape[1]), repeat=len(x)):
        read = [k for k, _ in itertools.groupby(path)]
        if [k for k in read if k != blank] == label:
            found.append(sum(log_p[t, k] for t, k in enumerate(path)))
    return -sp.logsumexp(found) if found else np.inf


def test_ctc() -> None:
    xs = rng.normal(size=(5, 4, 3))
    t = np.array([[1, 2], [1, 1], [2, -1], [0, 0]])
    lengths, times = np.array([2, 2, 1, 0]), np.array([5, 4, 3, 2])
    f = lambda *x, **k: F.connectionist_temporal_classification(x, t, 0, times, lengths, **k)  # noqa: E731
    got = f(*xs, reduce="no")
    want = [_ctc(xs[:n, k], list(t[k, :m]), 0)
            for k, (n, m) in enumerate(zip(times, lengths, strict=True))]  # fmt: skip
    assert np.allclose(got.data, want, rtol=1e-12)
    assert f(*xs).data == pytest.approx(np.mean(want), rel=1e-12)
    check_gradients(lambda *x: f(*x, reduce="no"), tuple(xs))
    full = F.connectionist_temporal_classification(list(xs), t[:2][[0, 1, 1, 0]], 2, reduce="no")
    want = [_ctc(xs[:, k], [1, 2] if k in (0, 3) else [1, 1], 2) for k in (1, 2)]
    assert np.allclose(full.data[1:3], want, rtol=1e-12)


def test_ctc_of_what_cannot_be() -> None:
    xs = [Variable(a) for a in rng.normal(size=(2, 1, 3))]
    loss = F.connectionist_temporal_classification(xs, np.array([[1, 1]]), 0)
    assert loss.data == np.inf
    loss.backward()
    assert np.array_equal(xs[0].grad, np.zeros((1, 3)))
    with pytest.raises(IndexError):
        F.connectionist_temporal_classification(xs, np.array([[7, 1]]), 0)
    with pytest.raises(ValueError, match="blank_symbol 3"):
        F.connectionist_temporal_classification(xs, np.array([[1, 1]]), 3)
    with pytest.raises(ValueError, match="lengths must be in"):
        F.connectionist_temporal_classification(xs, np.array([[1, 1]]), 0, np.array([3]))


@pytest.mark.parametrize("ends", [False, True])
def test_crf(ends: bool) -> None:
    cost, xs = rng.normal(size=(3, 3)), [rng.normal(size=(n, 3)) for n in ROWS]
    ys = [rng.integers(0, 3, size=n) for n in ROWS]
    more = rng.normal(size=(2, 3)) if ends else np.zeros((2, 3))

    def score(k: int, path: Any) -> float:
        steps = sum(cost[a, b] for a, b in itertools.pairwise(path))
        return (sum(xs[t][k, y] for t, y in enumerate(path)) + steps + more[0, path[0]]
                + more[1, path[-1]])  # fmt: skip

    options = {"initial_cost": more[0], "terminal_cost": more[1]} if ends else {}
    loss = F.crf1d(cost, xs, ys, reduce="no", **options)
    best, paths = F.argmax_crf1d(cost, xs, **options)
    assert [p.shape for p in paths] == [(n,) for n in ROWS]
    for k, length in enumerate([4, 3, 2]):
        every = list(itertools.product(range(3), repeat=length))
        scores = [score(k, p) for p in every]
        true = score(k, [y[k] for y in ys[:length]])
        assert loss.data[k] == pytest.approx(sp.logsumexp(scores) - true, rel=1e-12)
        assert best.data[k] == pytest.approx(max(scores), rel=1e-12)
        assert tuple(p[k] for p in paths[:length]) == every[int(np.argmax(scores))]
    assert F.crf1d(cost, xs, ys, **options).data == pytest.approx(loss.data.mean(), rel=1e-13)
    given = (cost, *(more if ends else ()), *xs)
    m = len(given) - len(xs)

    def loss_of(*v: Any) -> Any:
        options = {"initial_cost": v[1], "terminal_cost": v[2]} if ends else {}
        return F.crf1d(v[0], v[m:], ys, reduce="no", **options)

    check_gradients(loss_of, given)
