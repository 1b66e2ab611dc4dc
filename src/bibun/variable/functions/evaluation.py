"""How good predictions are: shares and ratios of counts, with Chainer's names."""

from __future__ import annotations

from typing import Any

import bibun.numpy as bnp
from bibun.variable.functions._common import function


@function
def accuracy(y: Any, t: Any, ignore_label: int | None = None) -> Any:
    """The share of rows whose largest element is number t[i]."""
    right = bnp.argmax(y, axis=1) == t
    if ignore_label is None:
        return bnp.mean(right.astype(y.dtype))
    counts = t != ignore_label
    total = bnp.maximum(bnp.sum(counts), 1)
    return bnp.sum(right & counts).astype(y.dtype) / total


@function
def binary_accuracy(y: Any, t: Any) -> Any:
    """The share of elements whose sign says the label, 1 (y >= 0) or 0; labels -1 do not count."""
    counts = t != -1
    right = (y >= 0) == (t != 0)
    return bnp.sum(right & counts).astype(y.dtype) / bnp.maximum(bnp.sum(counts), 1)


def _summary(y: Any, t: Any, label_num: int | None, beta: float, ignore_label: Any) -> Any:
    count = y.shape[1] if label_num is None else label_num
    classes = bnp.arange(count)
    kept = bnp.ones_like(t, bool) if ignore_label is None else t != ignore_label
    said = (bnp.argmax(y, axis=1)[..., None] == classes) & kept[..., None]
    true = (t[..., None] == classes) & kept[..., None]
    axes = tuple(range(said.ndim - 1))
    both, claimed, support = (bnp.sum(m, axis=axes) for m in (said & true, said, true))
    divide = lambda a, b: bnp.where(b > 0, a / bnp.maximum(b, 1), bnp.nan)  # noqa: E731
    precision_, recall_ = divide(both, claimed), divide(both, support)
    weight = beta * beta
    total = weight * precision_ + recall_
    score = bnp.where(
        total == 0, 0.0, (1 + weight) * precision_ * recall_ / bnp.where(total == 0, 1.0, total)
    )
    return precision_, recall_, score, support


@function
def classification_summary(y: Any, t: Any, label_num: int | None = None, beta: float = 1.0,
                           ignore_label: int = -1) -> Any:  # fmt: skip
    """(precision, recall, F-beta score, support), each for every class; nan where undefined."""
    return _summary(y, t, label_num, beta, ignore_label)


@function
def precision(y: Any, t: Any, label_num: int | None = None, ignore_label: int = -1) -> Any:
    """(precision, support) of every class."""
    found = _summary(y, t, label_num, 1.0, ignore_label)
    return found[0], found[3]


@function
def recall(y: Any, t: Any, label_num: int | None = None, ignore_label: int = -1) -> Any:
    """(recall, support) of every class."""
    found = _summary(y, t, label_num, 1.0, ignore_label)
    return found[1], found[3]


@function
def f1_score(y: Any, t: Any, label_num: int | None = None, ignore_label: int = -1) -> Any:
    """(F1 score, support) of every class."""
    found = _summary(y, t, label_num, 1.0, ignore_label)
    return found[2], found[3]


@function
def r2_score(pred: Any, true: Any, multioutput: str = "uniform_average") -> Any:
    """1 - the squared errors over the squares around the mean, column by column; 0 of constants.

    multioutput: "uniform_average", the mean over columns, or "raw_values".
    """
    if multioutput not in ("uniform_average", "raw_values"):
        raise ValueError(
            "r2_score: multioutput must be 'uniform_average' or 'raw_values', got "
            f"{multioutput!r}"
        )
    wrong = bnp.sum((pred - true) ** 2, axis=0)
    total = bnp.sum((true - bnp.mean(true, axis=0)) ** 2, axis=0)
    score = bnp.where(total != 0, 1 - wrong / total, 0.0)
    return bnp.mean(score) if multioutput == "uniform_average" else score


__all__ = [
    "accuracy", "binary_accuracy", "classification_summary", "f1_score", "precision", "r2_score",
    "recall",
]  # fmt: skip
