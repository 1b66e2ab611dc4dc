"""Loss functions. `reduce="no"` returns the loss by element."""

from __future__ import annotations

import math
from typing import Any

import bibun.numpy as bnp
from bibun.transforms import stop_gradient
from bibun.variable.functions._common import function, reduced

_SUM = {"sum": bnp.sum, "mean": bnp.mean}


@function
def mean_squared_error(x0: Any, x1: Any) -> Any:
    """The mean of (x0 - x1)²."""
    return bnp.mean((x0 - x1) ** 2)


@function
def mean_absolute_error(x0: Any, x1: Any) -> Any:
    """The mean of |x0 - x1|."""
    return bnp.mean(bnp.abs(x0 - x1))


@function
def squared_error(x0: Any, x1: Any) -> Any:
    """(x0 - x1)², element by element."""
    return (x0 - x1) ** 2


@function
def absolute_error(x0: Any, x1: Any) -> Any:
    """|x0 - x1|, element by element."""
    return bnp.abs(x0 - x1)


@function
def softmax_cross_entropy(
    x: Any,
    t: Any,
    normalize: bool = True,
    cache_score: bool = True,
    class_weight: Any = None,
    ignore_label: int = -1,
    reduce: str = "mean",
    enable_double_backprop: bool = True,
) -> Any:
    """Minus the log probability of class t[i] under softmax(x[i]).

    x: (batch, classes, ...), t: integers (batch, ...); elements with `ignore_label` count
    nothing. `mean` divides by the number of the others, or with `normalize=False` by the batch
    size. `cache_score` and `enable_double_backprop` are accepted and change nothing.
    """
    shifted = x - stop_gradient(bnp.max(x, axis=1, keepdims=True))
    log_p = shifted - bnp.log(bnp.sum(bnp.exp(shifted), axis=1, keepdims=True))
    if class_weight is not None:
        log_p = log_p * bnp.reshape(class_weight, (1, -1) + (1,) * (x.ndim - 2))
    counts = t != ignore_label
    chosen = bnp.where(counts, t, 0)[:, None]
    loss = bnp.where(counts, -bnp.take_along_axis(log_p, chosen, axis=1)[:, 0], 0.0)
    total = bnp.maximum(bnp.sum(counts), 1) if normalize else max(x.shape[0], 1)
    return reduced(
        loss, reduce, {"mean": lambda v: bnp.sum(v) / total}, "softmax_cross_entropy"
    )


@function
def sigmoid_cross_entropy(x: Any, t: Any, normalize: bool = True, reduce: str = "mean") -> Any:
    """Minus the log probability of t (0 or 1; -1 counts nothing) under sigmoid(x)."""
    counts = t != -1
    loss = bnp.where(counts, bnp.logaddexp(x, 0.0) - x * t, 0.0)
    total = bnp.maximum(bnp.sum(counts), 1) if normalize else max(x.shape[0], 1)
    return reduced(
        loss, reduce, {"mean": lambda v: bnp.sum(v) / total}, "sigmoid_cross_entropy"
    )


@function
def huber_loss(x: Any, t: Any, delta: float, reduce: str = "sum_along_second_axis") -> Any:
    """Half the squared error up to `delta`, linear beyond."""
    a = bnp.abs(x - t)
    loss = bnp.where(a <= delta, 0.5 * a * a, delta * (a - 0.5 * delta))
    how = {"sum_along_second_axis": lambda v: bnp.sum(v, axis=1)}
    return reduced(loss, reduce, how, "huber_loss")


@function
def hinge(x: Any, t: Any, norm: str = "L1", reduce: str = "mean") -> Any:
    """max(0, 1 - x) for the class t[i] of each row, max(0, 1 + x) for the others, or squares."""
    sign = bnp.where(bnp.arange(x.shape[1])[None, :] == t[:, None], -1.0, 1.0)
    loss = 1 + sign * x
    loss = bnp.where(loss > 0, loss, 0.0)
    if norm not in ("L1", "L2"):
        raise ValueError(f"hinge: norm must be 'L1' or 'L2', got {norm!r}")
    loss = loss * loss if norm == "L2" else loss
    return reduced(loss, reduce, {"mean": lambda v: bnp.sum(v) / x.shape[0]}, "hinge")


@function
def bernoulli_nll(x: Any, y: Any, reduce: str = "sum") -> Any:
    """Minus the log probability of x (between 0 and 1) under sigmoid(y)."""
    return reduced(bnp.logaddexp(y, 0.0) - x * y, reduce, _SUM, "bernoulli_nll")


@function
def gaussian_nll(x: Any, mean: Any, ln_var: Any, reduce: str = "sum") -> Any:
    """Minus the log density of x under a normal distribution of this mean and log variance."""
    d = x - mean
    loss = 0.5 * (ln_var + math.log(2 * math.pi) + d * d * bnp.exp(-ln_var))
    return reduced(loss, reduce, _SUM, "gaussian_nll")


@function
def gaussian_kl_divergence(mean: Any, ln_var: Any, reduce: str = "sum") -> Any:
    """The divergence of a normal distribution from the standard one."""
    loss = 0.5 * (mean * mean + bnp.exp(ln_var) - ln_var - 1)
    return reduced(loss, reduce, _SUM, "gaussian_kl_divergence")


@function
def contrastive(x0: Any, x1: Any, y: Any, margin: float = 1, reduce: str = "mean") -> Any:
    """Squared distance of like pairs (y = 1), squared lack of margin of unlike ones (y = 0)."""
    square = bnp.sum((x0 - x1) ** 2, axis=1)
    short = margin - bnp.sqrt(square)
    short = bnp.where(short > 0, short, 0.0)
    loss = 0.5 * (y * square + (1 - y) * short * short)
    return reduced(loss, reduce, {"mean": bnp.mean}, "contrastive")


@function
def triplet(
    anchor: Any, positive: Any, negative: Any, margin: float = 0.2, reduce: str = "mean"
) -> Any:
    """How far the positive is not nearer than the negative, squared distances and a margin."""
    near = bnp.sum((anchor - positive) ** 2, axis=1)
    far = bnp.sum((anchor - negative) ** 2, axis=1)
    loss = near - far + margin
    return reduced(bnp.where(loss > 0, loss, 0.0), reduce, {"mean": bnp.mean}, "triplet")


__all__ = [
    "absolute_error", "bernoulli_nll", "contrastive", "gaussian_kl_divergence", "gaussian_nll",
    "hinge", "huber_loss", "mean_absolute_error", "mean_squared_error", "sigmoid_cross_entropy",
    "softmax_cross_entropy", "squared_error", "triplet",
]  # fmt: skip
