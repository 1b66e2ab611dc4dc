"""Loss functions. `reduce="no"` returns the loss by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.errors import ShapeError
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
    soft_target_loss: str = "cross-entropy",
) -> Any:
    """Minus the log probability of class t[i] under softmax(x[i]).

    x: (batch, classes, ...), t: integers (batch, ...); elements with `ignore_label` count
    nothing. `mean` divides by the number of the others, or with `normalize=False` by the batch
    size. Of probabilities t (the shape of x) the cross entropy, or with
    `soft_target_loss="kl-divergence"` that less the entropy of t. `cache_score` and
    `enable_double_backprop`, which choose between ways to compute the same in Chainer, have
    nothing to choose here: it is always twice differentiable.
    """
    shifted = x - stop_gradient(bnp.max(x, axis=1, keepdims=True))
    log_p = shifted - bnp.log(bnp.sum(bnp.exp(shifted), axis=1, keepdims=True))
    kinds = ("cross-entropy", "kl-divergence")
    if soft_target_loss not in kinds:
        raise ValueError(
            f"softmax_cross_entropy: soft_target_loss is one of {kinds}, got {soft_target_loss!r}"
        )
    if class_weight is not None:
        log_p = log_p * bnp.reshape(class_weight, (1, -1) + (1,) * (x.ndim - 2))
    if t.dtype.kind == "f":
        loss = -bnp.sum(t * log_p, axis=1)
        if soft_target_loss == kinds[1]:
            loss = loss + bnp.sum(bnp.where(t > 0, t * bnp.log(t), 0.0), axis=1)
        total: Any = loss.size if normalize else x.shape[0]
    else:
        counts = t != ignore_label
        chosen = bnp.where(counts, t, 0)[:, None]
        loss = bnp.where(counts, -bnp.take_along_axis(log_p, chosen, axis=1)[:, 0], 0.0)
        total = bnp.sum(counts) if normalize else x.shape[0]
    total = bnp.maximum(total, 1)
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


def _root(square: Any) -> Any:
    """The square root, whose derivative at 0 is 0."""
    return bnp.where(square > 0, bnp.sqrt(square), 0.0)


@function
def contrastive(x0: Any, x1: Any, y: Any, margin: float = 1, reduce: str = "mean") -> Any:
    """Squared distance of like pairs (y = 1), squared lack of margin of unlike ones (y = 0)."""
    square = bnp.sum((x0 - x1) ** 2, axis=1)
    short = margin - _root(square)
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


def _covariance(y: Any, z: Any) -> Any:
    center = lambda a: a - bnp.mean(a, axis=0, keepdims=True)  # noqa: E731
    return center(y).T @ center(z) / y.shape[0]


_HALF = {"half_squared_sum": lambda c: 0.5 * bnp.sum(c * c)}


@function
def cross_covariance(y: Any, z: Any, reduce: str = "half_squared_sum") -> Any:
    """Half the squared covariances of the columns of y with those of z. (Cheung et al. 2014.)"""
    return reduced(_covariance(y, z), reduce, _HALF, "cross_covariance")


@function
def decov(h: Any, reduce: str = "half_squared_sum") -> Any:
    """Half the squared covariances of different columns of h. (Cogswell et al. 2015.)"""
    off = 1 - bnp.eye(h.shape[1], dtype=h.dtype)
    return reduced(_covariance(h, h) * off, reduce, _HALF, "decov")


@function
def discriminative_margin_based_clustering_loss(
    embeddings: Any,
    labels: Any,
    delta_v: float,
    delta_d: float,
    max_embedding_dim: int,
    norm: int = 1,
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 0.001,
) -> Any:
    """(variance, distance, regularization) of clusters of pixels. (De Brabandere et al. 2017.)

    embeddings: (N, max_embedding_dim, H, W); labels: (N, H, W), 1 to max_embedding_dim, 0 for
    none. Pixels are drawn to within delta_v of their cluster's mean (times alpha), means pushed
    2 delta_d apart (times beta), and kept small (times gamma). norm: 1 or 2.
    """
    name = "discriminative_margin_based_clustering_loss"
    if norm not in (1, 2):
        raise ValueError(f"{name}: norm must be 1 or 2, got {norm!r}")
    if embeddings.shape[1] != max_embedding_dim:
        raise ShapeError(
            f"{name}: embeddings of shape {embeddings.shape} for {max_embedding_dim} dimensions"
        )

    def size(a: Any, axis: Any) -> Any:
        return bnp.sum(bnp.abs(a), axis) if norm == 1 else _root(bnp.sum(a * a, axis))

    def hinge2(a: Any) -> Any:
        return bnp.where(a > 0, a * a, 0.0)

    n, count = embeddings.shape[0], max_embedding_dim
    classes = bnp.arange(1, count + 1)[:, None, None, None]
    inside = (labels[None] == classes)[:, :, None].astype(embeddings.dtype)  # (K, N, 1, H, W)
    pixels = bnp.sum(inside, (3, 4))
    means = bnp.sum(embeddings[None] * inside, (3, 4)) / bnp.maximum(pixels, 1)  # (K, N, C)
    away = hinge2(size((means[..., None, None] - embeddings[None]) * inside, 2) - delta_v)
    variance = bnp.sum(bnp.sum(away, (1, 2, 3)) / bnp.maximum(bnp.sum(pixels, (1, 2)), 1)) / count
    one, other = np.triu_indices(count, 1)
    near = hinge2(2 * delta_d - size(means[one] - means[other], 2))
    distance = bnp.sum(near) / max(len(one) * n, 1)
    regularization = bnp.sum(size(means, (1, 2))) / (count * n)
    return alpha * variance, beta * distance, gamma * regularization


__all__ = [
    "absolute_error", "bernoulli_nll", "contrastive", "cross_covariance", "decov",
    "discriminative_margin_based_clustering_loss", "gaussian_kl_divergence", "gaussian_nll",
    "hinge", "huber_loss", "mean_absolute_error", "mean_squared_error",
    "sigmoid_cross_entropy", "softmax_cross_entropy", "squared_error", "triplet",
]  # fmt: skip
