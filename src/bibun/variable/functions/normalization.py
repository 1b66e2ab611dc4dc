"""Normalization: over the batch, over elements, over channels."""

from __future__ import annotations

from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.errors import ShapeError
from bibun.transforms import stop_gradient
from bibun.variable.functions._common import along, function
from bibun.variable.variable import Variable, as_variable


def _channels(x: Any, axis: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes averaged over, and the shape that lines parameters up with x."""
    if axis is None:
        axes = (0, *range(2, x.ndim))
    else:
        axes = tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    return axes, tuple(1 if k in axes else n for k, n in enumerate(x.shape))


def _centered(x: Any, axes: Any) -> tuple[Any, Any, Any]:
    """x less its mean along axes, that mean, and the variance; the axes stay, of size one."""
    mean = bnp.mean(x, axis=axes, keepdims=True)
    centered = x - mean
    return centered, mean, bnp.mean(centered * centered, axis=axes, keepdims=True)


@function
def _batch_normalization(x: Any, gamma: Any, beta: Any, eps: float, axis: Any) -> Any:
    axes, shape = _channels(x, axis)
    centered, mean, var = _centered(x, axes)
    y = centered / bnp.sqrt(var + eps)
    return bnp.reshape(gamma, shape) * y + bnp.reshape(beta, shape), mean, var


def _update(running: Any, now: Any, decay: float, scale: float = 1.0) -> None:
    """Running statistics, NumPy's, in place. Errors: TypeError for what cannot be written to."""
    if running is not None:
        if not isinstance(running, np.ndarray):
            raise TypeError(
                "running statistics are updated in place and must be NumPy arrays, got "
                f"{type(running).__name__}"
            )
        running *= decay
        running += ((1 - decay) * scale) * np.asarray(now.data).reshape(running.shape)


def _unbiased(x: Variable, channels: int) -> float:
    count = x.size // max(channels, 1)
    return count / max(count - 1.0, 1.0)


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
    _update(running_mean, mean, decay)
    _update(running_var, var, decay, _unbiased(x, mean.size))
    return y


@function
def _batch_renormalization(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, rmax: float,
                           dmax: float, eps: float) -> Any:  # fmt: skip
    axes, shape = _channels(x, None)
    centered, now, spread = _centered(x, axes)
    std = bnp.sqrt(spread + eps)
    mean, old = bnp.reshape(mean, shape), bnp.sqrt(bnp.reshape(var, shape) + eps)
    r = stop_gradient(bnp.clip(std / old, 1.0 / rmax, rmax))
    d = stop_gradient(bnp.clip((now - mean) / old, -dmax, dmax))
    y = centered / std * r + d
    return bnp.reshape(gamma, shape) * y + bnp.reshape(beta, shape), now, spread


def batch_renormalization(
    x: Any,
    gamma: Any,
    beta: Any,
    rmax: float,
    dmax: float,
    eps: float = 2e-5,
    running_mean: Any = None,
    running_var: Any = None,
    decay: float = 0.9,
    update_statistics: bool = False,
) -> Variable:
    """`batch_normalization` drawn towards the running statistics, as far as rmax and dmax allow.

    The correction, a factor and a shift, counts as constant. With `update_statistics` the
    running arrays (NumPy's, zeros where None is given) are updated in place. (Ioffe 2017.)
    """
    x, gamma = as_variable(x), as_variable(gamma)
    zeros = np.zeros(gamma.shape, gamma.dtype)
    before = [zeros if a is None else np.array(a) for a in (running_mean, running_var)]
    y, mean, var = _batch_renormalization(x, gamma, beta, *before, rmax, dmax, eps)
    if update_statistics:
        _update(running_mean, mean, decay)
        _update(running_var, var, decay, _unbiased(x, mean.size))
    return y


def fixed_batch_renormalization(
    x: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: float = 2e-5
) -> Variable:
    """`fixed_batch_normalization`, which it is the same as."""
    return fixed_batch_normalization(x, gamma, beta, mean, var, eps)


def _grouped(x: Any, groups: int) -> Any:
    """(groups, channels of a group, all places of all images)."""
    if x.shape[1] % groups:
        raise ShapeError(f"{groups} groups do not divide the {x.shape[1]} channels")
    return bnp.reshape(bnp.moveaxis(x, 1, 0), (groups, x.shape[1] // groups, -1))


def _ungrouped(y: Any, shape: tuple[int, ...]) -> Any:
    return bnp.moveaxis(bnp.reshape(y, (shape[1], shape[0], *shape[2:])), 0, 1)


@function
def _decorrelated(x: Any, groups: int, eps: float) -> Any:
    parts = _grouped(x, groups)
    mean = bnp.mean(parts, axis=2, keepdims=True)
    centered = parts - mean
    cov = centered @ bnp.swapaxes(centered, 1, 2) / parts.shape[2]
    cov = cov + eps * bnp.eye(parts.shape[1], dtype=x.dtype)
    values, vectors = bnp.linalg.eigh(cov)
    projection = (vectors / bnp.sqrt(values)[:, None, :]) @ bnp.swapaxes(vectors, 1, 2)
    return _ungrouped(projection @ centered, x.shape), mean[..., 0], projection


def decorrelated_batch_normalization(
    x: Any,
    *,
    groups: int = 16,
    eps: float = 2e-5,
    running_mean: Any = None,
    running_projection: Any = None,
    decay: float = 0.9,
) -> Variable:
    """x with mean 0 and covariance 1 among the channels of each group. (Huang et al. 2018.)

    By the symmetric root of the inverse covariance (ZCA). The running arrays (NumPy's;
    (groups, c) and (groups, c, c) elements) are updated in place.
    """
    x = as_variable(x)
    y, mean, projection = _decorrelated(x, groups, eps)
    _update(running_mean, mean, decay)
    _update(running_projection, projection, decay, _unbiased(x, mean.size))
    return y


@function
def fixed_decorrelated_batch_normalization(
    x: Any, mean: Any, projection: Any, groups: int = 16
) -> Any:
    """`decorrelated_batch_normalization` with given mean and projection."""
    parts = _grouped(x, groups)
    c = parts.shape[1]
    centered = parts - bnp.reshape(mean, (groups, c, 1))
    return _ungrouped(bnp.reshape(projection, (groups, c, c)) @ centered, x.shape)


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
    centered, _, var = _centered(x, 1)
    return gamma * centered / bnp.sqrt(var + eps) + beta


@function
def group_normalization(
    x: Any, groups: int, gamma: Any, beta: Any, eps: float = 1e-5
) -> Any:
    """Mean 0 and variance 1 in each group of channels of each element. (Wu & He 2018.)"""
    rows = bnp.reshape(x, (x.shape[0], groups, -1))
    centered, _, var = _centered(rows, 2)
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


__all__ = [
    "batch_normalization", "batch_renormalization", "decorrelated_batch_normalization",
    "fixed_batch_normalization", "fixed_batch_renormalization",
    "fixed_decorrelated_batch_normalization", "group_normalization", "layer_normalization",
    "local_response_normalization", "normalize",
]  # fmt: skip
