"""Losses over large vocabularies, that look at few of the classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.errors import ShapeError
from bibun.scipy.special import log_softmax
from bibun.variable.functions._common import function, reduced
from bibun.variable.utils import tree_paths
from bibun.variable.variable import Variable, as_variable


@function
def black_out(x: Any, t: Any, W: Any, samples: Any, reduce: str = "mean") -> Any:
    """-log p(t) - Σ log(1 - p(s)), p the softmax of x·W over t and the samples alone.

    x: (batch, D), t: (batch,), W: (classes, D), samples: (batch, S) negative classes.
    (Ji et al. 2015.)
    """
    classes = bnp.concatenate([t[:, None], samples], axis=1)
    scores = bnp.einsum("nd,nsd->ns", x, W[classes])
    log_p = log_softmax(scores, 1)
    loss = -(log_p[:, 0] + bnp.sum(bnp.log(-bnp.expm1(log_p[:, 1:])), axis=1))
    return reduced(loss, reduce, {"mean": bnp.mean}, "black_out")


@function
def _negative_sampling(x: Any, W: Any, samples: Any, counts: Any, reduce: str) -> Any:
    scores = bnp.einsum("nd,nsd->ns", x, W[samples])
    sign = np.where(np.arange(samples.shape[1]) == 0, -1.0, 1.0).astype(scores.dtype)
    loss = bnp.where(counts, bnp.sum(bnp.logaddexp(sign * scores, 0.0), axis=1), 0.0)
    return reduced(loss, reduce, {"sum": bnp.sum}, "negative_sampling")


def negative_sampling(
    x: Any,
    t: Any,
    W: Any,
    sampler: Callable[[tuple[int, ...]], Any],
    sample_size: int,
    reduce: str = "sum",
    *,
    return_samples: bool = False,
) -> Any:
    """-log σ(x·W[t]) - Σ log σ(-x·W[s]) over sampled classes s. (Mikolov et al. 2013.)

    x: (batch, D), t: (batch,), -1 counts nothing. `sampler(shape)` draws classes, for example
    `utils.WalkerAlias(p).sample`. return_samples: (loss, samples), t first.
    """
    t = np.asarray(as_variable(t).array)
    counts = t != -1
    samples = np.array(sampler((t.shape[0], sample_size + 1)))
    samples[:, 0] = np.where(counts, t, 0)
    loss = _negative_sampling(x, W, samples, counts, reduce)
    return (loss, samples) if return_samples else loss


@function
def _along_paths(x: Any, W: Any, nodes: Any, signs: Any, reduce: str) -> Any:
    scores = bnp.einsum("nd,nsd->ns", x, W[nodes])
    loss = bnp.sum(bnp.where(signs == 0, 0.0, bnp.logaddexp(-signs * scores, 0.0)), axis=1)
    return reduced(loss, reduce, {"sum": bnp.sum}, "binary_hierarchical_softmax")


def binary_hierarchical_softmax(
    x: Any, t: Any, W: Any, tree: Any, reduce: str = "sum"
) -> Variable:
    """Minus the log probability of class t as a way down a binary tree. (Morin & Bengio 2005.)

    x: (batch, D), t: (batch,); tree: nested pairs of classes, ((0, 1), 2) for three, as
    `utils.huffman_tree` makes them; W: a row for each inner node, (classes - 1, D), in the order
    in which they are met from the root, the first of a pair before the second. At a node the way
    to the first has probability σ(x·W). What Chainer has as a Link.
    """
    t = np.asarray(as_variable(t).array)
    nodes, signs = tree_paths(tree)
    if as_variable(W).shape[:1] != (len(nodes) - 1,):
        raise ShapeError(
            f"binary_hierarchical_softmax: a tree of {len(nodes)} classes needs {len(nodes) - 1} "
            f"rows of W, got {as_variable(W).shape}"
        )
    if t.size and not 0 <= t.min() <= t.max() < len(nodes):
        raise IndexError(
            f"binary_hierarchical_softmax: classes {t.min()} to {t.max()} of {len(nodes)}"
        )
    return _along_paths(x, W, nodes[t], signs[t].astype(as_variable(x).dtype), reduce)


__all__ = ["binary_hierarchical_softmax", "black_out", "negative_sampling"]
