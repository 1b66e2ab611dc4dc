"""Layers' functions: linear maps, embeddings, noise, normalization, scores."""

from __future__ import annotations

from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.errors import TracerError
from bibun.trace.core import concrete
from bibun.variable.configuration import config
from bibun.variable.functions._common import along, function
from bibun.variable.variable import Variable, as_variable

# Connections ---------------------------------------------------------------------------------


@function
def linear(x: Any, W: Any, b: Any = None, n_batch_axes: int = 1) -> Any:
    """x Wᵀ + b, the axes of x after the first `n_batch_axes` taken as one."""
    batch = x.shape[:n_batch_axes]
    y = bnp.matmul(bnp.reshape(x, (*batch, -1)), bnp.transpose(W))
    return y if b is None else y + b


@function
def bilinear(
    e1: Any, e2: Any, W: Any, V1: Any = None, V2: Any = None, b: Any = None
) -> Any:
    """Σ e1[j] e2[k] W[j, k, l], plus e1 V1 + e2 V2 + b if they are given."""
    e1, e2 = (bnp.reshape(e, (e.shape[0], -1)) for e in (e1, e2))
    y = bnp.einsum("ij,ik,jkl->il", e1, e2, W)
    return y if V1 is None else y + bnp.matmul(e1, V1) + bnp.matmul(e2, V2) + b


@function
def embed_id(x: Any, W: Any, ignore_label: int | None = None) -> Any:
    """W[x]: the row of W for each integer of x, zeros for `ignore_label`."""
    if ignore_label is None:
        return W[x]
    counts = x != ignore_label
    return bnp.where(counts[..., None], W[bnp.where(counts, x, 0)], 0.0)


# Noise ------------------------------------------------------------------------------------------


def _drawn(x: Variable, name: str, keyword: str, draw: Any) -> np.ndarray:
    if concrete(x.value) is None:
        raise TracerError(
            f"{name} draws from numpy.random, which a compiled function would do once and for "
            f"all. Draw outside and pass {keyword}="
        )
    return draw(x.shape).astype(x.dtype)


def dropout(x: Any, ratio: float = 0.5, *, mask: Any = None, return_mask: bool = False) -> Any:
    """x with a share `ratio` of its elements set to zero and the rest scaled up.

    Outside of training (`using_config('train', False)`) x itself. Drawn from `numpy.random`
    unless `mask` is given; `return_mask` returns (y, mask).
    """
    x = as_variable(x)
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"dropout: ratio must be in [0, 1), got {ratio}")
    if not config.train:
        return (x, None) if return_mask else x
    if mask is None:
        draw = lambda shape: (np.random.rand(*shape) >= ratio) / (1.0 - ratio)  # noqa: E731
        mask = _drawn(x, "dropout", "mask", draw)
    y = x * mask
    return (y, mask) if return_mask else y


@function
def _gaussian(mean: Any, ln_var: Any, eps: Any) -> Any:
    return mean + bnp.exp(0.5 * ln_var) * eps


def gaussian(mean: Any, ln_var: Any, *, eps: Any = None, return_eps: bool = False) -> Any:
    """A draw from a normal distribution, differentiable in mean and log variance."""
    mean = as_variable(mean)
    if eps is None:
        eps = _drawn(mean, "gaussian", "eps", lambda shape: np.random.standard_normal(shape))
    y = _gaussian(mean, ln_var, eps)
    return (y, eps) if return_eps else y


@function
def _tempered(log_pi: Any, noise: Any, tau: float, axis: int) -> Any:
    z = (log_pi + noise) / tau
    e = bnp.exp(z - bnp.max(z, axis=axis, keepdims=True))
    return e / bnp.sum(e, axis=axis, keepdims=True)


def gumbel_softmax(log_pi: Any, tau: float = 0.1, axis: int = 1) -> Variable:
    """A differentiable draw of a one-hot vector, at temperature tau. (Jang et al. 2017.)"""
    log_pi = as_variable(log_pi)
    noise = _drawn(log_pi, "gumbel_softmax", "nothing else", lambda s: np.random.gumbel(size=s))
    return _tempered(log_pi, noise, tau, axis)


def zoneout(h: Any, x: Any, ratio: float = 0.5) -> Variable:
    """Elements of h with probability `ratio`, else of x; their mean outside of training."""
    h, x = as_variable(h), as_variable(x)
    if not config.train:
        return h * ratio + x * (1.0 - ratio)
    keep = _drawn(h, "zoneout", "nothing else", lambda shape: np.random.rand(*shape) < ratio)
    return h * keep + x * (1 - keep)


# Normalization ------------------------------------------------------------------------------


def _channels(x: Any, axis: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes averaged over, and the shape that lines parameters up with x."""
    if axis is None:
        axes = (0, *range(2, x.ndim))
    else:
        axes = tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    return axes, tuple(1 if k in axes else n for k, n in enumerate(x.shape))


@function
def _batch_normalization(x: Any, gamma: Any, beta: Any, eps: float, axis: Any) -> Any:
    axes, shape = _channels(x, axis)
    mean = bnp.mean(x, axis=axes, keepdims=True)
    centered = x - mean
    var = bnp.mean(centered * centered, axis=axes, keepdims=True)
    y = centered / bnp.sqrt(var + eps)
    return bnp.reshape(gamma, shape) * y + bnp.reshape(beta, shape), mean, var


def batch_normalization(
    x: Any,
    gamma: Any,
    beta: Any,
    eps: float = 2e-5,
    running_mean: Any = None,
    running_var: Any = None,
    decay: float = 0.9,
    axis: Any = None,
) -> Variable:
    """x with mean 0 and variance 1 over the batch in each channel, times gamma plus beta.

    `axis`: what is averaged over, by default all but the second. The running arrays (NumPy's) are
    updated in place. (Ioffe & Szegedy 2015.)
    """
    x = as_variable(x)
    y, mean, var = _batch_normalization(x, gamma, beta, eps, axis)
    if running_mean is not None:
        count = x.size // max(running_mean.size, 1)
        for running, now in ((running_mean, mean.data), (running_var, var.data)):
            now = np.asarray(now).reshape(running.shape)
            if running is running_var:
                now = now * (count / max(count - 1.0, 1.0))
            running *= decay
            running += (1 - decay) * now
    return y


@function
def fixed_batch_normalization(
    x: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: float = 2e-5, axis: Any = None
) -> Any:
    """Batch normalization with given mean and variance."""
    _, shape = _channels(x, axis)
    g, b, m, v = (bnp.reshape(a, shape) for a in (gamma, beta, mean, var))
    return g * (x - m) / bnp.sqrt(v + eps) + b


@function
def layer_normalization(x: Any, gamma: Any, beta: Any, eps: float = 1e-5) -> Any:
    """Each row of (N, D) with mean 0 and variance 1, times gamma plus beta. (Ba et al. 2016.)"""
    centered = x - bnp.mean(x, axis=1, keepdims=True)
    var = bnp.mean(centered * centered, axis=1, keepdims=True)
    return gamma * centered / bnp.sqrt(var + eps) + beta


@function
def group_normalization(
    x: Any, groups: int, gamma: Any, beta: Any, eps: float = 1e-5
) -> Any:
    """Mean 0 and variance 1 in each group of channels of each element. (Wu & He 2018.)"""
    rows = bnp.reshape(x, (x.shape[0], groups, -1))
    centered = rows - bnp.mean(rows, axis=2, keepdims=True)
    var = bnp.mean(centered * centered, axis=2, keepdims=True)
    y = bnp.reshape(centered / bnp.sqrt(var + eps), x.shape)
    return y * along(x, gamma, 1, "group_normalization") + along(
        x, beta, 1, "group_normalization"
    )


@function
def local_response_normalization(
    x: Any, n: int = 5, k: float = 2, alpha: float = 1e-4, beta: float = 0.75
) -> Any:
    """x over a power of the squares in the n channels around. (Krizhevsky et al. 2012.)"""
    half = n // 2
    square = bnp.pad(x * x, ((0, 0), (half, half)) + ((0, 0),) * (x.ndim - 2))
    total = sum(square[:, i : i + x.shape[1]] for i in range(n))
    return x / (k + alpha * total) ** beta


@function
def normalize(x: Any, eps: float = 1e-5, axis: Any = 1) -> Any:
    """x over its Euclidean norm (plus eps) along axes."""
    return x / (bnp.sqrt(bnp.sum(x * x, axis=axis, keepdims=True)) + eps)


# Scores -------------------------------------------------------------------------------------------


__all__ = [
    "batch_normalization", "bilinear", "dropout", "embed_id",
    "fixed_batch_normalization", "gaussian", "group_normalization", "gumbel_softmax",
    "layer_normalization", "linear", "local_response_normalization", "normalize",
    "zoneout",
]  # fmt: skip
