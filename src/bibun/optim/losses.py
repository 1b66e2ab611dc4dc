"""Losses with Optax's names: one number for each element or example, nothing averaged.

Logits and labels have their classes on the last axis (or `axis`). Written so that nothing
overflows: by log-sum-exp and softplus.
"""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp

__all__ = [
    "cosine_distance", "cosine_similarity", "hinge_loss", "huber_loss", "kl_divergence",
    "l2_loss", "log_cosh", "sigmoid_binary_cross_entropy", "sigmoid_focal_loss", "smooth_labels",
    "softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels", "squared_error",
]  # fmt: skip


def _log_softmax(logits: Any, axis: Any) -> Any:
    x = bnp.asarray(logits)
    shifted = x - bnp.max(x, axis=axis, keepdims=True)
    return shifted - bnp.log(bnp.sum(bnp.exp(shifted), axis=axis, keepdims=True))


def _softplus(x: Any) -> Any:
    return bnp.logaddexp(x, 0.0)


def squared_error(predictions: Any, targets: Any = None) -> Any:
    """(prediction - target)², elementwise; without targets they are 0.

    >>> from bibun import optim
    >>> float(optim.squared_error(3.0, 1.0))
    4.0
    """
    errors = bnp.asarray(predictions) if targets is None else bnp.subtract(predictions, targets)
    return errors**2


def l2_loss(predictions: Any, targets: Any = None) -> Any:
    """Half the squared error.

    >>> from bibun import optim
    >>> float(optim.l2_loss(3.0, 1.0))
    2.0
    """
    return 0.5 * squared_error(predictions, targets)


def huber_loss(predictions: Any, targets: Any = None, delta: float = 1.0) -> Any:
    """Quadratic up to `delta`, linear beyond (Huber, 1964).

    >>> from bibun import optim
    >>> float(optim.huber_loss(3.0, 0.0))
    2.5
    """
    errors = bnp.asarray(predictions) if targets is None else bnp.subtract(predictions, targets)
    size = bnp.abs(errors)
    quadratic = bnp.minimum(size, delta)
    return 0.5 * quadratic**2 + delta * (size - quadratic)


def log_cosh(predictions: Any, targets: Any = None) -> Any:
    """log cosh of the error: quadratic near 0, |error| - log 2 far away.

    >>> from bibun import optim
    >>> float(optim.log_cosh(0.0))
    0.0
    """
    errors = bnp.asarray(predictions) if targets is None else bnp.subtract(predictions, targets)
    return bnp.logaddexp(errors, -errors) - bnp.log(2.0)


def cosine_similarity(predictions: Any, targets: Any, epsilon: float = 0.0, axis: Any = -1) -> Any:
    """Cosine of the angle between vectors, their lengths at least `epsilon`.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> float(optim.cosine_similarity(bnp.array([1.0, 0.0]), bnp.array([2.0, 0.0])))
    1.0
    """
    a, b = bnp.asarray(predictions), bnp.asarray(targets)
    length = lambda v: bnp.linalg.norm(v, axis=axis, keepdims=True)  # noqa: E731
    return bnp.sum(
        a / bnp.maximum(length(a), epsilon) * (b / bnp.maximum(length(b), epsilon)), axis=axis
    )


def cosine_distance(predictions: Any, targets: Any, epsilon: float = 0.0, axis: Any = -1) -> Any:
    """1 - `cosine_similarity`.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> float(optim.cosine_distance(bnp.array([1.0, 0.0]), bnp.array([0.0, 2.0])))
    1.0
    """
    return 1.0 - cosine_similarity(predictions, targets, epsilon, axis)


def hinge_loss(predictor_outputs: Any, targets: Any) -> Any:
    """max(0, 1 - output · target), targets -1 or 1.

    >>> from bibun import optim
    >>> float(optim.hinge_loss(0.25, 1.0))
    0.75
    """
    return bnp.maximum(0.0, 1.0 - bnp.multiply(predictor_outputs, targets))


def sigmoid_binary_cross_entropy(logits: Any, labels: Any) -> Any:
    """-log likelihood of labels (0, 1, or probabilities) under sigmoid(logits), elementwise.

    >>> from bibun import optim
    >>> round(float(optim.sigmoid_binary_cross_entropy(0.0, 1.0)), 6)
    0.693147
    """
    x, y = bnp.asarray(logits), bnp.asarray(labels)
    return y * _softplus(-x) + (1.0 - y) * _softplus(x)


def sigmoid_focal_loss(logits: Any, labels: Any, alpha: float | None = None,
                       gamma: float = 2.0) -> Any:  # fmt: skip
    """Binary cross-entropy, down-weighted where it is already small (Lin et al., 2017).

    >>> from bibun import optim
    >>> round(float(optim.sigmoid_focal_loss(0.0, 1.0)), 6)
    0.173287
    """
    x, y = bnp.asarray(logits), bnp.asarray(labels)
    loss = sigmoid_binary_cross_entropy(x, y)
    p = bnp.exp(-_softplus(-x))
    loss = loss * (1.0 - (p * y + (1.0 - p) * (1.0 - y))) ** gamma
    return loss if alpha is None else loss * (alpha * y + (1.0 - alpha) * (1.0 - y))


def softmax_cross_entropy(logits: Any, labels: Any, axis: Any = -1) -> Any:
    """-Σ label · log softmax(logits): labels are probabilities, or one-hot.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> round(float(optim.softmax_cross_entropy(bnp.zeros(4), bnp.eye(4)[1])), 6)
    1.386294
    """
    return -bnp.sum(bnp.asarray(labels) * _log_softmax(logits, axis), axis=axis)


def softmax_cross_entropy_with_integer_labels(logits: Any, labels: Any, axis: int = -1) -> Any:
    """`softmax_cross_entropy` with labels as numbers of classes.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> loss = optim.softmax_cross_entropy_with_integer_labels
    >>> round(float(loss(bnp.zeros((1, 4)), bnp.array([2]))[0]), 6)
    1.386294
    """
    chosen = bnp.take_along_axis(
        _log_softmax(logits, axis), bnp.expand_dims(bnp.asarray(labels), axis), axis=axis
    )
    return -bnp.squeeze(chosen, axis=axis)


def kl_divergence(log_predictions: Any, targets: Any, axis: Any = -1) -> Any:
    """Σ target (log target - log prediction); a target of 0 counts nothing.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> p = bnp.array([0.5, 0.5])
    >>> float(optim.kl_divergence(bnp.log(p), p))
    0.0
    """
    t = bnp.asarray(targets)
    entropy = bnp.where(t == 0, 0.0, t * bnp.log(bnp.where(t == 0, 1.0, t)))
    return bnp.sum(entropy - t * bnp.asarray(log_predictions), axis=axis)


def smooth_labels(labels: Any, alpha: float) -> Any:
    """(1 - alpha) label + alpha / classes.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> print(optim.smooth_labels(bnp.array([0.0, 1.0]), 0.2))
    [0.1 0.9]
    """
    y = bnp.asarray(labels)
    return (1.0 - alpha) * y + alpha / y.shape[-1]
