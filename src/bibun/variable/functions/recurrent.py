"""Recurrent units: one step (`lstm`, `slstm`, `tree_lstm`), and whole sequences (`n_step_*`).

Sequences of different lengths come as Chainer's functions take them: sorted, the longest first,
and transposed, so that `xs[t]` has a row for each sequence that is that long. Here they are one
padded array and a mask, and a layer is one `scan` whose state stands still where the mask is
off; so it does not matter from which end a layer runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun import lax
from bibun.errors import ShapeError
from bibun.variable.configuration import config
from bibun.variable.functions._common import function
from bibun.variable.functions.noise import drawn
from bibun.variable.variable import Variable, as_variable

sigmoid = lax.logistic


def _gates(x: Any, count: int) -> list[Any]:
    """Gates interleaved along axis 1: element count · k + j belongs to gate j of unit k."""
    n, width, *rest = x.shape
    if width % count:
        raise ShapeError(f"{count} gates do not divide the {width} elements of axis 1")
    parts = bnp.reshape(x, (n, width // count, count, *rest))
    return [parts[:, :, j] for j in range(count)]


@function
def lstm(c_prev: Any, x: Any) -> Any:
    """One step of a long short-term memory: (c, h) from the cell and the four gates' inputs.

    x holds cell input, input gate, forget gate and output gate, interleaved along axis 1: element
    4 k + j belongs to gate j of unit k. With fewer rows in x than in c_prev, the others of c_prev
    stay as they are.
    """
    a, i, f, o = _gates(x, 4)
    now = c_prev[: x.shape[0]]
    c = bnp.tanh(a) * sigmoid(i) + sigmoid(f) * now
    h = sigmoid(o) * bnp.tanh(c)
    return (c if now.shape == c_prev.shape else bnp.concatenate([c, c_prev[x.shape[0] :]])), h


@function
def slstm(c_prev1: Any, c_prev2: Any, x1: Any, x2: Any) -> Any:
    """`lstm` with two cells that come before, for binary trees: (c, h). (Zhu et al. 2015.)

    c = σ(f1) c1 + σ(f2) c2 + tanh(a1) σ(i1) + tanh(a2) σ(i2), h = σ(o1 + o2) tanh(c); the gates
    a, i, f, o interleaved as in `lstm`.
    """
    (a1, i1, f1, o1), (a2, i2, f2, o2) = _gates(x1, 4), _gates(x2, 4)
    c = bnp.tanh(a1) * sigmoid(i1) + sigmoid(f1) * c_prev1
    c = c + bnp.tanh(a2) * sigmoid(i2) + sigmoid(f2) * c_prev2
    return c, sigmoid(o1 + o2) * bnp.tanh(c)


@function
def tree_lstm(*inputs: Any) -> Any:
    """tree_lstm(c1, …, cN, x) -> (c, h), for trees with N children. (Tai et al. 2015.)

    x: a, i, o, f1, …, fN one after the other along axis 1; c = tanh(a) σ(i) + Σ σ(fk) ck and
    h = σ(o) tanh(c).
    """
    *cells, x = inputs
    if x.shape[1] % (len(cells) + 3):
        raise ShapeError(f"tree_lstm: x of shape {x.shape} has no {len(cells) + 3} equal gates")
    a, i, o, *fs = bnp.split(x, len(cells) + 3, axis=1)
    c = bnp.tanh(a) * sigmoid(i)
    for f, cell in zip(fs, cells, strict=True):
        c = c + sigmoid(f) * cell
    return c, sigmoid(o) * bnp.tanh(c)


# Whole sequences --------------------------------------------------------------------------------


class _Cell(NamedTuple):
    """`step(states, x gates, h gates)` gives new states, the output first."""

    gates: int
    states: int
    step: Callable[..., tuple[Any, ...]]


def _lstm_step(states: Any, x: Any, h: Any) -> tuple[Any, ...]:
    i, f, o, a = bnp.split(x + h, 4, axis=-1)
    c = sigmoid(f) * states[1] + sigmoid(i) * bnp.tanh(a)
    return sigmoid(o) * bnp.tanh(c), c


def _gru_step(states: Any, x: Any, h: Any) -> tuple[Any, ...]:
    (xr, xz, xn), (hr, hz, hn) = bnp.split(x, 3, axis=-1), bnp.split(h, 3, axis=-1)
    z = sigmoid(xz + hz)
    n = bnp.tanh(xn + sigmoid(xr + hr) * hn)
    return ((1 - z) * n + z * states[0],)


_CELLS = {
    "lstm": _Cell(4, 2, _lstm_step),
    "gru": _Cell(3, 1, _gru_step),
    "tanh": _Cell(1, 1, lambda states, x, h: (bnp.tanh(x + h),)),
    "relu": _Cell(1, 1, lambda states, x, h: (bnp.where(x + h > 0, x + h, 0.0),)),
}


def lengths(xs: Sequence[Any], name: str) -> list[int]:
    """Rows of each of transposed sequences. Errors: ValueError where they grow."""
    rows = [x.shape[0] for x in xs]
    if not rows or any(a < b for a, b in zip(rows, rows[1:], strict=False)):
        raise ValueError(
            f"{name}: xs must hold the batch at each time, of sequences sorted by length, the "
            f"longest first; the batches have sizes {rows}"
        )
    return rows


def padded(xs: Sequence[Any]) -> tuple[Any, np.ndarray]:
    """(time, batch, ...) of transposed sequences, and the mask (time, batch) of what is there."""
    rows = [x.shape[0] for x in xs]
    rest = ((0, 0),) * (xs[0].ndim - 1)
    whole = bnp.stack(
        [bnp.pad(x, ((0, rows[0] - n), *rest)) for x, n in zip(xs, rows, strict=True)]
    )
    return whole, np.arange(rows[0]) < np.array(rows)[:, None]


def _layer(cell: _Cell, states: Any, w: Sequence[Any], b: Sequence[Any], x: Any, there: Any,
           reverse: bool) -> tuple[Any, Any]:  # fmt: skip
    """One layer in one direction: its last states, and its outputs (time, batch, units)."""
    g = cell.gates
    from_x, from_h = bnp.concatenate(list(w[:g])), bnp.concatenate(list(w[g:])).T
    bias_x, bias_h = bnp.concatenate(list(b[:g])), bnp.concatenate(list(b[g:]))

    def step(states: Any, now: Any) -> Any:
        x, live = now
        new = cell.step(states, x, states[0] @ from_h + bias_h)
        kept = tuple(bnp.where(live, a, old) for a, old in zip(new, states, strict=True))
        return kept, kept[0]

    return lax.scan(step, tuple(states), (x @ from_x.T + bias_x, there[..., None]),
                    reverse=reverse)  # fmt: skip


@function
def _run(states: Any, ws: Any, bs: Any, xs: Any, masks: Any, kind: str, directions: int) -> Any:
    cell = _CELLS[kind]
    x, there = padded(xs)
    last = []
    for k in range(len(ws) // directions):
        if k and masks is not None:
            x = x * masks[k - 1]
        outs = []
        for d in range(directions):
            at = directions * k + d
            end, y = _layer(cell, [s[at] for s in states], ws[at], bs[at], x, there, d == 1)
            last.append(end)
            outs.append(y)
        x = outs[0] if directions == 1 else bnp.concatenate(outs, axis=-1)
    ends = [bnp.stack([e[j] for e in last]) for j in range(cell.states)]
    return ends, [x[t, : a.shape[0]] for t, a in enumerate(xs)]


def _n_step(kind: str, directions: int, name: str, n_layers: int, ratio: float,
            states: Sequence[Any], ws: Any, bs: Any, xs: Any) -> tuple[Any, ...]:  # fmt: skip
    cell, count = _CELLS[kind], n_layers * directions
    states = [as_variable(s) for s in states]
    rows = lengths(xs, name)
    units = states[0].shape[2] if states[0].ndim == 3 else 0
    for s in states:
        if s.shape != (count, rows[0], units):
            raise ShapeError(
                f"{name}: states must have shape ({count}, {rows[0]}, units), got {s.shape}"
            )
    for what, given in (("ws", ws), ("bs", bs)):
        if len(given) != count or any(len(g) != 2 * cell.gates for g in given):
            raise ShapeError(f"{name}: {what} must be {count} lists of {2 * cell.gates} arrays")
    masks = None
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"{name}: dropout_ratio must be in [0, 1), got {ratio}")
    if ratio > 0 and config.train and n_layers > 1:
        shape = (n_layers - 1, len(rows), rows[0], directions * units)
        masks = drawn(states[0], name, None, lambda _: (np.random.rand(*shape) >= ratio)
                      / (1 - ratio), (*xs, *chain(*ws, *bs)))  # fmt: skip
    found, ys = _run(states, ws, bs, list(xs), masks, kind, directions)
    return (*found, tuple(ys))


_TEXT = """{what} over sequences, {n} layers deep{both}: (hy{c}, ys).

    hx{c0}: first states ({layers}, batch, units). ws, bs: for each layer{dirs} a list of
    matrices and of vectors, those of the input first, then those of h:
    {gates}.
    xs: at each time the batch of the sequences that are that long (sorted, the longest first);
    ys likewise. Between layers a share `dropout_ratio` is dropped while training.
    """
_KINDS = {
    "lstm": ("A long short-term memory", "i, f, o, a: c' = σ(f) c + σ(i) tanh(a), h' = σ(o) "
             "tanh(c')"),
    "gru": ("A gated recurrent unit", "r, z, n: h' = (1 - z) n + z h, n = tanh(Wx + r·(Uh))"),
    "rnn": ("A recurrent network", "h' = tanh(Wx + Uh), or relu (`activation`)"),
}  # fmt: skip


def _made(kind: str, directions: int) -> Callable[..., Any]:
    name = f"n_step_{'bi' if directions == 2 else ''}{kind}"

    def n_step_lstm(n_layers: int, dropout_ratio: float, hx: Variable, cx: Variable, ws: Any,
                    bs: Any, xs: Any) -> Any:  # fmt: skip
        return _n_step("lstm", directions, name, n_layers, dropout_ratio, (hx, cx), ws, bs, xs)

    def n_step_gru(n_layers: int, dropout_ratio: float, hx: Variable, ws: Any, bs: Any,
                   xs: Any) -> Any:  # fmt: skip
        return _n_step("gru", directions, name, n_layers, dropout_ratio, (hx,), ws, bs, xs)

    def n_step_rnn(n_layers: int, dropout_ratio: float, hx: Variable, ws: Any, bs: Any, xs: Any,
                   activation: str = "tanh") -> Any:  # fmt: skip
        if activation not in ("tanh", "relu"):
            raise ValueError(f"{name}: activation must be 'tanh' or 'relu', got {activation!r}")
        return _n_step(activation, directions, name, n_layers, dropout_ratio, (hx,), ws, bs, xs)

    f = {"lstm": n_step_lstm, "gru": n_step_gru, "rnn": n_step_rnn}[kind]
    what, gates = _KINDS[kind]
    both = directions == 2
    f.__name__ = f.__qualname__ = name
    f.__doc__ = _TEXT.format(
        what=what, n="n_layers", gates=gates, both=", both ways" if both else "",
        c=", cy" if kind == "lstm" else "", c0=", cx" if kind == "lstm" else "",
        layers="2 n_layers" if both else "n_layers",
        dirs=" and direction (forwards first)" if both else "",
    )  # fmt: skip
    return f


__all__ = ["lstm", "slstm", "tree_lstm"]
for _kind in _KINDS:
    for _directions in (1, 2):
        _f = _made(_kind, _directions)
        globals()[_f.__name__] = _f
        __all__.append(_f.__name__)
