"""Losses of sequences: connectionist temporal classification, conditional random fields.

Both sum over paths by a forward recursion on logarithms, one `scan` over time. What cannot
be is not -inf but `NEVER`, so far down that it never counts and so finite that derivatives of
every order are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import lax
from bibun.errors import ShapeError
from bibun.scipy.special import log_softmax, logsumexp
from bibun.variable.functions._common import function, reduced
from bibun.variable.functions.recurrent import lengths, padded
from bibun.variable.variable import Variable, as_variable

NEVER = -1e30


@function
def _transposed(xs: Sequence[Any]) -> Any:
    return [
        bnp.stack([x[k] for x in xs if x.shape[0] > k]) for k in range(max(x.shape[0] for x in xs))
    ]


def transpose_sequence(xs: Sequence[Any]) -> tuple[Variable, ...]:
    """Sequences, the longest first, as the batches at each time, or such batches as sequences."""
    lengths(xs, "transpose_sequence")
    return tuple(_transposed(list(xs)))


# Connectionist temporal classification ----------------------------------------------------------


@function
def _ctc(xs: Any, t: Any, x_lengths: Any, t_lengths: Any, blank: int, reduce: str) -> Any:
    x = bnp.stack(list(xs))
    log_p = log_softmax(x, 2)
    n_times, n, _ = x.shape
    if t_lengths is None:
        t_lengths = bnp.full(n, t.shape[1])
    label = bnp.where(bnp.arange(t.shape[1]) < t_lengths[:, None], t, blank)

    # The path: a blank, a label, a blank, …; steps stay, go on, or leap over a blank.
    states = 2 * t.shape[1] + 1
    path = bnp.full((n, states), blank).at[:, 1::2].set(label)
    leap = (path[:, 2:] != path[:, :-2]) & (path[:, 2:] != blank)
    leap = bnp.pad(leap, ((0, 0), (2, 0)))
    seen = bnp.take_along_axis(log_p, bnp.broadcast_to(path, (n_times, n, states)), axis=2)
    alpha = bnp.where(bnp.arange(states) < 2, seen[0], NEVER)

    def step(alpha: Any, now: Any) -> Any:
        log_p, k = now
        back = bnp.pad(alpha, ((0, 0), (2, 0)), constant_values=NEVER)
        ways = [alpha, back[:, 1:-1], bnp.where(leap, back[:, :-2], NEVER)]
        new = logsumexp(bnp.stack(ways), axis=0) + log_p
        if x_lengths is not None:
            new = bnp.where((k < x_lengths)[:, None], new, alpha)
        return new, None

    alpha, _ = lax.scan(step, alpha, (seen[1:], bnp.arange(1, n_times)))
    last = 2 * t_lengths[:, None]
    ends = bnp.take_along_axis(alpha, bnp.concatenate([last, bnp.maximum(last - 1, 0)], 1), axis=1)
    empty = (t_lengths == 0)[:, None] & (bnp.arange(2) == 1)
    loss = -logsumexp(bnp.where(empty, NEVER, ends), axis=1)
    loss = bnp.where(loss > -NEVER / 2, bnp.inf, loss)  # no path at all
    return reduced(loss, reduce, {"mean": bnp.mean}, "connectionist_temporal_classification")


def connectionist_temporal_classification(
    x: Sequence[Any],
    t: Any,
    blank_symbol: int,
    input_length: Any = None,
    label_length: Any = None,
    reduce: str = "mean",
) -> Variable:
    """Minus the log probability of label sequences under outputs in time. (Graves et al. 2006.)

    x: for each time the outputs (batch, symbols) before softmax; t: labels (batch, labels), of
    which `label_length` count; `input_length`: how many times count. A path is read without its
    repetitions and blanks. Labels that no path of that length gives cost inf.

    Errors: ShapeError, IndexError for a label that is no symbol.
    """
    name = "connectionist_temporal_classification"
    x = list(x)
    shapes = {as_variable(a).shape for a in x}
    if len(shapes) != 1 or len(shape := next(iter(shapes))) != 2:
        raise ShapeError(f"{name}: x must hold arrays (batch, symbols), got shapes {shapes}")
    if not 0 <= blank_symbol < shape[1]:
        raise ValueError(f"{name}: blank_symbol {blank_symbol} is none of {shape[1]} symbols")
    t = as_variable(t).array
    sizes = [None if a is None else as_variable(a).array for a in (input_length, label_length)]
    if t.ndim != 2 or any(a is not None and a.shape != shape[:1] for a in (t[:, 0], *sizes)):
        raise ShapeError(
            f"{name}: t must be ({shape[0]}, labels) and lengths ({shape[0]},), got {t.shape}"
        )
    for a, most in zip(sizes, (len(x), t.shape[1]), strict=True):
        if isinstance(a, np.ndarray) and (a.min() < 0 or a.max() > most):
            raise ValueError(f"{name}: lengths must be in [0, {most}], got {a}")
    return _ctc(x, t, *sizes, int(blank_symbol), reduce)


# Conditional random fields ----------------------------------------------------------------------


@function
def _crf(cost: Any, xs: Any, ys: Any, start: Any, end: Any, reduce: str) -> Any:
    x, there = padded(xs)
    y, _ = padded(ys)
    first = x[0] if start is None else x[0] + start

    def step(alpha: Any, now: Any) -> Any:
        x, live = now
        new = logsumexp(alpha[:, :, None] + cost, axis=1) + x
        return bnp.where(live, new, alpha), None

    alpha, _ = lax.scan(step, first, (x[1:], there[1:, :, None]))
    chosen = bnp.take_along_axis(x, y[..., None], axis=2)[..., 0]
    score = bnp.sum(bnp.where(there, chosen, 0.0), axis=0)
    score = score + bnp.sum(bnp.where(there[1:], cost[y[:-1], y[1:]], 0.0), axis=0)
    if start is not None:
        score = score + start[y[0]]
    if end is not None:
        alpha = alpha + end
        last = there.sum(axis=0) - 1
        score = score + end[y[last, np.arange(len(last))]]
    loss = logsumexp(alpha, axis=1) - score
    return reduced(loss, reduce, {"mean": bnp.mean}, "crf1d")


def crf1d(
    cost: Any,
    xs: Sequence[Any],
    ys: Sequence[Any],
    reduce: str = "mean",
    *,
    initial_cost: Any = None,
    terminal_cost: Any = None,
) -> Variable:
    """Minus the log probability of label sequences under a linear chain. (Lafferty et al. 2001.)

    cost[i, j]: the score of label j after i; xs: at each time scores (batch, labels) of the
    sequences that are that long (sorted, the longest first); ys: their labels. initial_cost,
    terminal_cost: scores of the first and of the last label.
    """
    rows = lengths(xs, "crf1d")
    if rows != [y.shape[0] for y in ys]:
        raise ShapeError(f"crf1d: ys must have {rows} labels, got {[y.shape[0] for y in ys]}")
    return _crf(cost, list(xs), list(ys), initial_cost, terminal_cost, reduce)


def argmax_crf1d(
    cost: Any, xs: Sequence[Any], *, initial_cost: Any = None, terminal_cost: Any = None
) -> tuple[Variable, list[np.ndarray]]:
    """The most probable labels of a chain (Viterbi): (their scores, at each time the labels).

    Arguments as for `crf1d`. The scores are not part of the graph.
    """
    rows = lengths(xs, "argmax_crf1d")
    given = (cost, initial_cost, terminal_cost)
    step, start, end = (None if a is None else np.asarray(as_variable(a).array) for a in given)
    arrays = [np.asarray(as_variable(x).array) for x in xs]
    best = arrays[0] + (0 if start is None else start)
    history = []
    for x, n in zip(arrays[1:], rows[1:], strict=True):
        scores = best[:n, :, None] + step
        history.append(scores.argmax(axis=1))
        best = best.copy()
        best[:n] = scores.max(axis=1) + x
    if end is not None:
        best = best + end
    label = best.argmax(axis=1)
    path = [label[: rows[-1]].copy()]
    for n, came in zip(rows[-2::-1], history[::-1], strict=True):
        m = came.shape[0]
        label[:m] = came[np.arange(m), label[:m]]
        path.append(label[:n].copy())
    return Variable(best.max(axis=1), requires_grad=False), path[::-1]


__all__ = [
    "argmax_crf1d", "connectionist_temporal_classification", "crf1d", "transpose_sequence",
]  # fmt: skip
