"""Losses of one example: label (or target) first, then the model's score; JAXopt's names.

For many examples: `vmap`, then the mean. The Fenchel–Young losses: Blondel, Martins & Niculae
(JMLR 2020); sparsemax: Martins & Astudillo (2016).
"""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun.nn import logsumexp, softplus
from bibun.solvers.projection import projection_simplex


def huber_loss(target: Any, pred: Any, delta: float = 1.0) -> Any:
    """½ r² for |r| ≤ delta, δ|r| - ½ δ² beyond, r = pred - target.

    >>> float(huber_loss(0.0, 3.0))
    2.5
    """
    size = bnp.abs(bnp.asarray(target) - bnp.asarray(pred))
    inside = bnp.minimum(size, delta)
    return 0.5 * inside**2 + delta * (size - inside)


def _signed(label: Any, logit: Any) -> Any:
    """The logit where the label is 1, its negative where it is 0."""
    return bnp.where(bnp.asarray(label) > 0, bnp.asarray(logit), -bnp.asarray(logit))


def binary_logistic_loss(label: Any, logit: Any) -> Any:
    """log(1 + exp(-logit)) for label 1, log(1 + exp(logit)) for label 0.

    >>> round(float(binary_logistic_loss(1, 0.0)), 6)
    0.693147
    """
    return softplus(-_signed(label, logit))


def binary_hinge_loss(label: Any, score: Any) -> Any:
    """max(0, 1 - score) for label 1, max(0, 1 + score) for label 0."""
    return bnp.maximum(1.0 - _signed(label, score), 0.0)


def binary_perceptron_loss(label: Any, score: Any) -> Any:
    """max(0, -score) for label 1, max(0, score) for label 0."""
    return bnp.maximum(-_signed(label, score), 0.0)


def sparse_plus(x: Any) -> Any:
    """0 below -1, x above 1, (x + 1)² / 4 between: a softplus that reaches its ends."""
    x = bnp.asarray(x)
    inside = bnp.clip(x, -1.0, 1.0)
    return bnp.where(x >= 1.0, x, (inside + 1.0) ** 2 / 4.0)


def sparse_sigmoid(x: Any) -> Any:
    """0 below -1, 1 above 1, (x + 1) / 2 between: the derivative of `sparse_plus`."""
    return bnp.clip((bnp.asarray(x) + 1.0) / 2.0, 0.0, 1.0)


def binary_sparsemax_loss(label: Any, logit: Any) -> Any:
    """`sparse_plus` of -logit for label 1, of logit for label 0."""
    return sparse_plus(-_signed(label, logit))


def multiclass_logistic_loss(label: Any, logits: Any) -> Any:
    """logsumexp(logits) - logits[label]; label: an integer.

    >>> import bibun.numpy as bnp
    >>> round(float(multiclass_logistic_loss(1, bnp.zeros(4))), 6)
    1.386294
    """
    logits = bnp.asarray(logits)
    return logsumexp(logits) - logits[label]


def _one_hot(label: Any, scores: Any) -> Any:
    return bnp.equal(bnp.arange(scores.shape[-1]), label).astype(scores.dtype)


def multiclass_perceptron_loss(label: Any, scores: Any) -> Any:
    """max(scores) - scores[label]."""
    scores = bnp.asarray(scores)
    return bnp.max(scores) - scores[label]


def multiclass_hinge_loss(label: Any, scores: Any) -> Any:
    """max over j of (scores[j] + [j is not the label]) - scores[label]."""
    scores = bnp.asarray(scores)
    return bnp.max(scores + 1.0 - _one_hot(label, scores)) - scores[label]


def make_fenchel_young_loss(max_fun: Any) -> Any:
    """The loss max_fun(scores) - ⟨y, scores⟩ of a convex function of the scores.

    >>> import bibun.numpy as bnp
    >>> perceptron = make_fenchel_young_loss(bnp.max)
    >>> float(perceptron(bnp.array([0.0, 1.0]), bnp.array([3.0, 1.0])))
    2.0
    """

    def loss(y_true: Any, scores: Any) -> Any:
        return max_fun(scores) - bnp.vdot(y_true, scores)

    return loss


def multiclass_sparsemax_loss(label: Any, scores: Any) -> Any:
    """½ + ⟨p, s⟩ - ½‖p‖² - s[label] with p the scores' projection onto the simplex."""
    scores = bnp.asarray(scores)
    p = projection_simplex(scores)
    return bnp.vdot(p, scores) - 0.5 * bnp.vdot(p, p) + 0.5 - scores[label]
