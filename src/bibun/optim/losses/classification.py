"""Losses of classes and of probabilities.

Logits and labels have their classes on the last axis (or `axis`); `where` leaves elements of it
out. Written so that nothing overflows: by log-sum-exp and softplus.
"""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import vmap


def _log_softmax(logits: Any, axis: Any, where: Any = None) -> Any:
    x = bnp.asarray(logits)
    if where is not None:  # what is left out weighs nothing; its own entry is never used
        x = bnp.where(where, x, -bnp.inf)
    top = bnp.max(x, axis=axis, keepdims=True)
    shifted = x - bnp.where(bnp.isfinite(top), top, 0.0)
    return shifted - bnp.log(bnp.sum(bnp.exp(shifted), axis=axis, keepdims=True))


def _total(values: Any, axis: Any, where: Any) -> Any:
    """The sum of what `where` keeps; elsewhere values may be infinite."""
    return bnp.sum(values if where is None else bnp.where(where, values, 0.0), axis=axis)


def _mask(where: Any, like: Any, axis: Any) -> Any:
    """`where` with the axis of the classes."""
    if where is None or bnp.ndim(where) == bnp.ndim(like):
        return where
    return bnp.expand_dims(bnp.asarray(where), axis)


def _one_hot(labels: Any, scores: Any) -> Any:
    chosen = bnp.equal(bnp.asarray(labels)[..., None], bnp.arange(scores.shape[-1]))
    return chosen.astype(scores.dtype)


def _softplus(x: Any) -> Any:
    return bnp.logaddexp(x, 0.0)


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


def softmax_cross_entropy(logits: Any, labels: Any, axis: Any = -1, where: Any = None) -> Any:
    """-Σ label · log softmax(logits): labels are probabilities, or one-hot.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> round(float(optim.softmax_cross_entropy(bnp.zeros(4), bnp.eye(4)[1])), 6)
    1.386294
    """
    where = _mask(where, logits, axis)
    return -_total(bnp.asarray(labels) * _log_softmax(logits, axis, where), axis, where)


def safe_softmax_cross_entropy(logits: Any, labels: Any) -> Any:
    """`softmax_cross_entropy` where a logit may be -inf, if its label is 0.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> logits, labels = bnp.array([0.0, 0.0, -bnp.inf]), bnp.array([1.0, 0.0, 0.0])
    >>> round(float(optim.safe_softmax_cross_entropy(logits, labels)), 6)
    0.693147
    """
    y = bnp.asarray(labels)
    return -bnp.sum(bnp.where(y == 0, 0.0, y * _log_softmax(logits, -1)), axis=-1)


def poly_loss_cross_entropy(
    logits: Any, labels: Any, *, epsilon: float = 2.0, axis: Any = -1, where: Any = None
) -> Any:
    """`softmax_cross_entropy` + epsilon (1 - probability of the label) (Leng et al., 2022)."""
    where = _mask(where, logits, axis)
    missed = bnp.asarray(labels) * (1.0 - bnp.exp(_log_softmax(logits, axis, where)))
    entropy = softmax_cross_entropy(logits, labels, axis, where)
    return entropy + epsilon * _total(missed, axis, where)


def softmax_cross_entropy_with_integer_labels(
    logits: Any, labels: Any, axis: int = -1, where: Any = None
) -> Any:
    """`softmax_cross_entropy` with labels as numbers of classes.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> loss = optim.softmax_cross_entropy_with_integer_labels
    >>> round(float(loss(bnp.zeros((1, 4)), bnp.array([2]))[0]), 6)
    1.386294
    """
    chosen = bnp.take_along_axis(
        _log_softmax(logits, axis, _mask(where, logits, axis)),
        bnp.expand_dims(bnp.asarray(labels), axis), axis=axis,
    )  # fmt: skip
    return -bnp.squeeze(chosen, axis=axis)


def kl_divergence(
    log_predictions: Any, targets: Any, axis: Any = -1, where: Any = None
) -> Any:
    """Σ target (log target - log prediction); a target of 0 counts nothing.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> p = bnp.array([0.5, 0.5])
    >>> float(optim.kl_divergence(bnp.log(p), p))
    0.0
    """
    t = bnp.asarray(targets)
    entropy = bnp.where(t == 0, 0.0, t * bnp.log(bnp.where(t == 0, 1.0, t)))
    return _total(entropy - t * bnp.asarray(log_predictions), axis, where)


def kl_divergence_with_log_targets(
    log_predictions: Any, log_targets: Any, axis: Any = -1, where: Any = None
) -> Any:
    """`kl_divergence` of targets given by their logarithms."""
    t = bnp.asarray(log_targets)
    return _total(bnp.exp(t) * (t - bnp.asarray(log_predictions)), axis, where)


def generalized_kl_divergence(
    log_predictions: Any, targets: Any, axis: Any = -1, where: Any = None
) -> Any:
    """`kl_divergence` + Σ (prediction - target): convex also where these do not sum to 1.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> float(optim.generalized_kl_divergence(bnp.zeros(2), bnp.zeros(2)))
    2.0
    """
    excess = bnp.exp(bnp.asarray(log_predictions)) - bnp.asarray(targets)
    return kl_divergence(log_predictions, targets, axis, where) + _total(excess, axis, where)


def smooth_labels(labels: Any, alpha: float, *, axis: Any = -1, where: Any = None) -> Any:
    """(1 - alpha) label + alpha / classes; classes along `axis`, those that `where` keeps.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> print(optim.smooth_labels(bnp.array([0.0, 1.0]), 0.2))
    [0.1 0.9]
    """
    y = bnp.asarray(labels)
    ones = bnp.ones_like(y) if where is None else bnp.where(where, 1.0, 0.0)
    return (1.0 - alpha) * y + alpha / bnp.sum(ones, axis=axis, keepdims=True)


def perceptron_loss(predictor_outputs: Any, targets: Any) -> Any:
    """max(0, -output · target), targets -1 or 1."""
    return bnp.maximum(0.0, -bnp.multiply(predictor_outputs, targets))


def sparsemax_loss(logits: Any, labels: Any) -> Any:
    """(x + 1)² / 4 within [-1, 1], 0 below, x above; x = -logit for label 1, logit for label 0."""
    x = bnp.where(bnp.asarray(labels), -bnp.asarray(logits), bnp.asarray(logits))
    inside = bnp.clip(x, -1.0, 1.0)
    return bnp.where(x >= 1.0, x, (inside + 1.0) ** 2 / 4.0)


def multiclass_hinge_loss(scores: Any, labels: Any) -> Any:
    """max over j of (score j + [j is not the label]) - score of the label; labels are integers.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> float(optim.losses.multiclass_hinge_loss(bnp.array([2.0, 1.5]), 0))
    0.5
    """
    x = bnp.asarray(scores)
    y = _one_hot(labels, x)
    return bnp.max(x + 1.0 - y, axis=-1) - bnp.sum(x * y, axis=-1)


def multiclass_perceptron_loss(scores: Any, labels: Any) -> Any:
    """max score - score of the label."""
    x = bnp.asarray(scores)
    return bnp.max(x, axis=-1) - bnp.sum(x * _one_hot(labels, x), axis=-1)


def make_fenchel_young_loss(max_fun: Any) -> Any:
    """The loss max_fun(scores) - ⟨target, scores⟩ over the last axis, of a convex function.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> perceptron = optim.losses.make_fenchel_young_loss(bnp.max)
    >>> float(perceptron(bnp.array([3.0, 1.0]), bnp.array([0.0, 1.0])))
    2.0
    """

    def loss(scores: Any, targets: Any, *args: Any, **kwargs: Any) -> Any:
        x = bnp.asarray(scores)
        rows = bnp.reshape(x, (-1, x.shape[-1]))
        top = vmap(lambda row: max_fun(row, *args, **kwargs))(rows)
        return bnp.reshape(top, x.shape[:-1]) - bnp.sum(x * bnp.asarray(targets), axis=-1)

    return loss
