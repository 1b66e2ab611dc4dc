"""Losses of numbers and vectors."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp


def _errors(predictions: Any, targets: Any) -> Any:
    return bnp.asarray(predictions) if targets is None else bnp.subtract(predictions, targets)


def squared_error(predictions: Any, targets: Any = None) -> Any:
    """(prediction - target)², elementwise; without targets they are 0.

    >>> from bibun import optim
    >>> float(optim.squared_error(3.0, 1.0))
    4.0
    """
    return _errors(predictions, targets) ** 2


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
    size = bnp.abs(_errors(predictions, targets))
    quadratic = bnp.minimum(size, delta)
    return 0.5 * quadratic**2 + delta * (size - quadratic)


def log_cosh(predictions: Any, targets: Any = None) -> Any:
    """log cosh of the error: quadratic near 0, |error| - log 2 far away.

    >>> from bibun import optim
    >>> float(optim.log_cosh(0.0))
    0.0
    """
    errors = _errors(predictions, targets)
    return bnp.logaddexp(errors, -errors) - bnp.log(2.0)


def cosine_similarity(
    predictions: Any, targets: Any, epsilon: float = 0.0, axis: Any = -1, where: Any = None
) -> Any:
    """Cosine of the angle between vectors, their lengths at least `epsilon`.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> float(optim.cosine_similarity(bnp.array([1.0, 0.0]), bnp.array([2.0, 0.0])))
    1.0
    """
    a, b = bnp.asarray(predictions), bnp.asarray(targets)
    if where is not None:
        a, b = bnp.where(where, a, 0.0), bnp.where(where, b, 0.0)
    length = lambda v: bnp.linalg.norm(v, axis=axis, keepdims=True)  # noqa: E731
    return bnp.sum(
        a / bnp.maximum(length(a), epsilon) * (b / bnp.maximum(length(b), epsilon)), axis=axis
    )


def cosine_distance(
    predictions: Any, targets: Any, epsilon: float = 0.0, axis: Any = -1, where: Any = None
) -> Any:
    """1 - `cosine_similarity`.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> float(optim.cosine_distance(bnp.array([1.0, 0.0]), bnp.array([0.0, 2.0])))
    1.0
    """
    return 1.0 - cosine_similarity(predictions, targets, epsilon, axis, where)
