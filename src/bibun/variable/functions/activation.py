"""Activation functions."""

from __future__ import annotations

from typing import Any

import bibun.numpy as bnp
from bibun import lax
from bibun.transforms import stop_gradient
from bibun.variable.functions._common import along, function, named

sigmoid = named("sigmoid", lax.logistic, "1 / (1 + exp(-x)).")
tanh = named("tanh", bnp.tanh, "The hyperbolic tangent.")


@function
def softplus(x: Any, beta: float = 1.0) -> Any:
    """log(1 + exp(beta x)) / beta, a smooth relu."""
    return bnp.logaddexp(beta * x, 0.0) / beta


@function
def relu(x: Any) -> Any:
    """max(x, 0); the derivative at 0 is 0."""
    return bnp.where(x > 0, x, 0.0)


@function
def leaky_relu(x: Any, slope: float = 0.2) -> Any:
    """x where it is positive, else slope · x."""
    return bnp.where(x > 0, x, slope * x)


@function
def prelu(x: Any, W: Any) -> Any:
    """Leaky relu with learnt slopes W, lined up with the axes of x after the first."""
    return bnp.where(x > 0, x, along(x, W, 1, "prelu") * x)


@function
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha (exp(x) - 1)."""
    return bnp.where(x > 0, x, alpha * bnp.expm1(x))


@function
def selu(x: Any, alpha: float = 1.6732632423543772, scale: float = 1.0507009873554805) -> Any:
    """elu scaled to keep mean and variance. (Klambauer et al. 2017.)"""
    return scale * bnp.where(x > 0, x, alpha * bnp.expm1(x))


@function
def clipped_relu(x: Any, z: float = 20.0) -> Any:
    """min(max(x, 0), z)."""
    return bnp.where(x > 0, bnp.where(x < z, x, z), 0.0)


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6)."""
    return clipped_relu(x, 6.0)


@function
def crelu(x: Any, axis: int = 1) -> Any:
    """relu(x) and relu(-x), one after the other along an axis."""
    return bnp.concatenate([bnp.where(x > 0, x, 0.0), bnp.where(x < 0, -x, 0.0)], axis=axis)


@function
def hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5 held between 0 and 1."""
    y = 0.2 * x + 0.5
    return bnp.where(y > 0, bnp.where(y < 1, y, 1.0), 0.0)


@function
def swish(x: Any, beta: Any = 1.0) -> Any:
    """x · sigmoid(beta x); beta is a number, or lined up with the axes after the first."""
    if not isinstance(beta, int | float):
        beta = along(x, beta, 1, "swish") if beta.ndim else beta
    return x * lax.logistic(beta * x)


@function
def glu(x: Any, axis: int = 1) -> Any:
    """The first half along an axis times the sigmoid of the second."""
    a, b = bnp.split(x, 2, axis=axis)
    return a * lax.logistic(b)


@function
def maxout(x: Any, pool_size: int, axis: int = 1) -> Any:
    """The largest of each `pool_size` elements that are neighbours along an axis."""
    axis %= x.ndim
    size = x.shape[axis]
    if size % pool_size:
        raise ValueError(f"maxout: axis {axis} has {size} elements, no multiple of {pool_size}")
    shape = x.shape[:axis] + (size // pool_size, pool_size) + x.shape[axis + 1 :]
    return bnp.max(bnp.reshape(x, shape), axis=axis + 1)


@function
def log_softmax(x: Any, axis: int = 1) -> Any:
    """x - logsumexp(x) along an axis: logarithms of probabilities."""
    shifted = x - stop_gradient(bnp.max(x, axis=axis, keepdims=True))
    return shifted - bnp.log(bnp.sum(bnp.exp(shifted), axis=axis, keepdims=True))


@function
def softmax(x: Any, axis: int = 1) -> Any:
    """exp(x) / sum(exp(x)) along an axis: probabilities."""
    e = bnp.exp(x - stop_gradient(bnp.max(x, axis=axis, keepdims=True)))
    return e / bnp.sum(e, axis=axis, keepdims=True)


__all__ = [
    "clipped_relu", "crelu", "elu", "glu", "hard_sigmoid", "leaky_relu", "log_softmax",
    "maxout", "prelu", "relu", "relu6", "selu", "sigmoid", "softmax", "softplus", "swish", "tanh",
]  # fmt: skip
