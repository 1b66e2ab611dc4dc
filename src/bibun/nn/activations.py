"""Activations: the functions of `jax.nn`.

Each is written so that it neither overflows nor loses its derivative: `softplus` is
`logaddexp(x, 0)`, `log_sigmoid` its mirror, `softmax` subtracts the largest entry first.
"""

from __future__ import annotations

import math
from typing import Any

from bibun import numpy as bnp
from bibun.ops import elementwise as el
from bibun.scipy.special import log_softmax as _log_softmax
from bibun.scipy.special import logsumexp
from bibun.scipy.special import softmax as _softmax
from bibun.transforms import custom_jvp

_A = Any


def _float(x: _A) -> _A:
    x = bnp.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(float)


def identity(x: _A) -> _A:
    """x."""
    return bnp.asarray(x)


@custom_jvp
def relu(x: _A) -> _A:
    """max(x, 0); the derivative at 0 is 0.

    >>> import bibun
    >>> from bibun import nn
    >>> bibun.grad(nn.relu)(0.0)
    Array(0., dtype=float64)
    """
    return bnp.maximum(x, 0)


@relu.defjvp
def _relu_jvp(primals: _A, tangents: _A) -> _A:
    (x,), (t,) = primals, tangents
    return relu(x), bnp.where(bnp.asarray(x) > 0, t, 0)


def relu6(x: _A) -> _A:
    """min(max(x, 0), 6), with derivative 0 at both ends."""
    x = bnp.asarray(x)
    inside = (x > 0) & (x < 6)
    return bnp.where(inside, x, bnp.where(x > 0, bnp.full_like(x, 6), bnp.zeros_like(x)))


def sigmoid(x: _A) -> _A:
    """1 / (1 + exp(-x))."""
    return el.logistic(_float(x))


def softplus(x: _A) -> _A:
    """log(1 + exp(x))."""
    return bnp.logaddexp(x, 0)


def sparse_plus(x: _A) -> _A:
    """0 below -1, x above 1, (x + 1)²/4 between (Liu et al. 2022)."""
    x = _float(x)
    return bnp.where(x <= -1, 0, bnp.where(x >= 1, x, (x + 1) ** 2 / 4))


def sparse_sigmoid(x: _A) -> _A:
    """0 below -1, 1 above 1, (x + 1)/2 between: the derivative of `sparse_plus`."""
    return 0.5 * bnp.clip(_float(x) + 1, 0, 2)


def soft_sign(x: _A) -> _A:
    """x / (|x| + 1)."""
    x = _float(x)
    return x / (bnp.abs(x) + 1)


def silu(x: _A) -> _A:
    """x · sigmoid(x)."""
    x = _float(x)
    return x * sigmoid(x)


swish = silu


def mish(x: _A) -> _A:
    """x · tanh(softplus(x)) (Misra 2019)."""
    x = _float(x)
    return x * bnp.tanh(softplus(x))


def log_sigmoid(x: _A) -> _A:
    """log(sigmoid(x)) = -softplus(-x)."""
    return -softplus(-_float(x))


def tanh(x: _A) -> _A:
    """tanh(x)."""
    return bnp.tanh(x)


def leaky_relu(x: _A, negative_slope: _A = 1e-2) -> _A:
    """x for x >= 0, `negative_slope`·x below."""
    x = _float(x)
    return bnp.where(x >= 0, x, negative_slope * x)


def hard_tanh(x: _A) -> _A:
    """-1 below -1, 1 above 1, x between."""
    x = _float(x)
    return bnp.where(x > 1, 1, bnp.where(x < -1, -1, x))


def hard_sigmoid(x: _A) -> _A:
    """relu6(x + 3) / 6."""
    return relu6(_float(x) + 3) / 6


def hard_silu(x: _A) -> _A:
    """x · hard_sigmoid(x)."""
    x = _float(x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def elu(x: _A, alpha: _A = 1.0) -> _A:
    """x above 0, alpha·(exp(x) - 1) below (Clevert et al. 2015)."""
    x = _float(x)
    return bnp.where(x > 0, x, alpha * bnp.expm1(bnp.where(x > 0, 0, x)))


def celu(x: _A, alpha: _A = 1.0) -> _A:
    """max(x, 0) + min(alpha·(exp(x/alpha) - 1), 0) (Barron 2017)."""
    x = _float(x)
    return bnp.where(x > 0, x, alpha * bnp.expm1(bnp.where(x > 0, 0, x) / alpha))


def selu(x: _A) -> _A:
    """`elu` with the constants that keep mean and variance (Klambauer et al. 2017)."""
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def gelu(x: _A, approximate: bool = True) -> _A:
    """x·Φ(x) (Hendrycks and Gimpel 2016); by default its approximation with tanh.

    >>> from bibun import nn
    >>> round(float(nn.gelu(1.0, approximate=False)), 6)
    0.841345
    """
    x = _float(x)
    if approximate:
        return x * (0.5 * (1 + bnp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return 0.5 * x * el.erfc(-x * math.sqrt(0.5))


def glu(x: _A, axis: int = -1) -> _A:
    """The first half times the sigmoid of the second (Dauphin et al. 2016).

    Errors: ValueError for an axis of odd length.
    """
    x = _float(x)
    if x.shape[axis] % 2:
        raise ValueError(f"glu: axis {axis} of {x.shape} has an odd length, {x.shape[axis]}")
    a, b = bnp.split(x, 2, axis=axis)
    return a * sigmoid(b)


def squareplus(x: _A, b: _A = 4) -> _A:
    """(x + √(x² + b)) / 2 (Barron 2021)."""
    x = _float(x)
    return (x + bnp.sqrt(x * x + b)) / 2


@custom_jvp
def log1mexp(x: _A) -> _A:
    """log(1 - exp(-x)) for x >= 0, right near 0 and far out (Mächler 2012)."""
    x = _float(x)
    near = x < math.log(2)
    return bnp.where(
        near,
        bnp.log(-bnp.expm1(-bnp.where(near, x, 1.0))),
        bnp.log1p(-bnp.exp(-bnp.where(near, 1.0, x))),
    )


@log1mexp.defjvp
def _log1mexp_jvp(primals: _A, tangents: _A) -> _A:
    (x,), (t,) = primals, tangents
    return log1mexp(x), t / bnp.expm1(_float(x))


def softmax(x: _A, axis: _A = -1, where: _A = None) -> _A:
    """exp(x) / Σ exp(x) along `axis`; entries where `where` is false count for nothing and are 0.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.softmax(bnp.array([0.0, 0.0, 9.0]), where=bnp.array([True, True, False]))
    Array([0.5, 0.5, 0. ], dtype=float64)
    """
    x = _float(x)
    if where is None:
        return _softmax(x, axis=axis)
    y = _softmax(bnp.where(where, x, -bnp.inf), axis=axis)
    return bnp.where(where, y, 0)


def log_softmax(x: _A, axis: _A = -1, where: _A = None) -> _A:
    """log(softmax(x)); -inf where `where` is false."""
    x = _float(x)
    return _log_softmax(x if where is None else bnp.where(where, x, -bnp.inf), axis=axis)


def logmeanexp(x: _A, axis: _A = None, where: _A = None, keepdims: bool = False) -> _A:
    """log of the mean of exp(x)."""
    x = _float(x)
    if where is None:
        total = logsumexp(x, axis=axis, keepdims=keepdims)
        n: _A = x.size / bnp.size(total)
    else:
        total = logsumexp(bnp.where(where, x, -bnp.inf), axis=axis, keepdims=keepdims)
        n = bnp.sum(bnp.broadcast_to(where, x.shape), axis=axis, keepdims=keepdims)
    return total - bnp.log(n)


def standardize(
    x: _A, axis: _A = -1, mean: _A = None, variance: _A = None, epsilon: _A = 1e-5,
    where: _A = None, *, algorithm: str = "stable",
) -> _A:  # fmt: skip
    """(x - mean) / √(variance + epsilon), of the array itself unless given.

    algorithm: of the variance, "stable" (mean (x - mean)²) or "fast" (mean x² - mean², cut off at
    0, which loses the digits that the mean has more than the spread).

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> print(nn.standardize(bnp.array([1e9, 1e9 + 2.0])).round(3))
    [-1.  1.]
    """
    if algorithm not in ("stable", "fast"):
        raise ValueError(f"standardize: algorithm must be 'stable' or 'fast', got {algorithm!r}")
    x = _float(x)
    kwargs: dict[str, Any] = {"axis": axis, "keepdims": True}
    if where is not None:
        kwargs["where"] = where
    if mean is None:
        mean = bnp.mean(x, **kwargs)
    if variance is None:
        if algorithm == "stable":
            variance = bnp.mean(bnp.square(x - mean), **kwargs)
        else:
            variance = bnp.maximum(bnp.mean(bnp.square(x), **kwargs) - bnp.square(mean), 0)
    return (x - mean) / bnp.sqrt(variance + epsilon)


def one_hot(x: _A, num_classes: int, *, dtype: _A = None, axis: int = -1) -> _A:
    """1 at the class's place along a new axis, 0 elsewhere; all 0 for a class out of range.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.one_hot(bnp.array([0, 2]), 3)
    Array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float64)
    """
    x = bnp.asarray(x)
    axis = axis % (x.ndim + 1)
    shape = [1] * (x.ndim + 1)
    shape[axis] = num_classes
    classes = bnp.arange(num_classes, dtype=x.dtype).reshape(shape)
    return (bnp.expand_dims(x, axis) == classes).astype(float if dtype is None else dtype)


__all__ = [
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "identity",
    "leaky_relu", "log1mexp", "log_sigmoid", "log_softmax", "logmeanexp", "logsumexp", "mish",
    "one_hot", "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softmax", "softplus",
    "sparse_plus", "sparse_sigmoid", "squareplus", "standardize", "swish", "tanh",
]  # fmt: skip
