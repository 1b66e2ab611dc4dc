"""Objectives of linear models, and what block coordinate descent must know of one.

A *composite linear function* is f(x, data) = subfun(X x, y): all of the features' influence goes
through predictions, so a change of one coordinate changes them by one column of X.
`data` is (X, y) throughout.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun import vmap
from bibun.solvers import loss


@dataclasses.dataclass(frozen=True)
class CompositeLinearFunction:
    """f(params, data) = subfun(X @ params, y), data = (X, y).

    `curvature`: a bound of the second derivative of subfun in any prediction.
    """

    subfun: Callable[[Any, Any], Any]
    curvature: Callable[[Any], Any]

    def __call__(self, params: Any, data: tuple[Any, Any]) -> Any:
        features, y = data
        return self.subfun(bnp.asarray(features) @ params, y)

    def columnwise_lipschitz_const(self, data: tuple[Any, Any]) -> Any:
        """For each coordinate, a bound of the gradient's change along it."""
        features = bnp.asarray(data[0])
        return self.curvature(features) * bnp.sum(features * features, axis=0)


def _half_mean_square(predictions: Any, y: Any) -> Any:
    residual = predictions - y
    return 0.5 * bnp.sum(residual * residual) / residual.shape[0]


def _mean_loss(one: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda predictions, y: bnp.mean(vmap(one)(bnp.asarray(y), predictions))


# ½ ‖X w - y‖² / n; w a vector, or a matrix for a matrix of targets
least_squares = CompositeLinearFunction(_half_mean_square, lambda x: 1.0 / x.shape[0])

# the mean logistic loss of X w for labels 0 and 1
binary_logreg = CompositeLinearFunction(
    _mean_loss(loss.binary_logistic_loss), lambda x: 0.25 / x.shape[0]
)

# the mean logistic loss of X W (features, classes) for integer labels
multiclass_logreg = CompositeLinearFunction(
    _mean_loss(loss.multiclass_logistic_loss), lambda x: 0.5 / x.shape[0]
)


def ridge_regression(params: Any, l2reg: Any, data: tuple[Any, Any]) -> Any:
    """½ ‖X w - y‖² / n + ½ l2reg ‖w‖²."""
    return least_squares(params, data) + 0.5 * l2reg * bnp.sum(params * params)


def multiclass_logreg_with_intercept(params: Any, data: tuple[Any, Any]) -> Any:
    """Mean logistic loss of X W + b; params = (W, b)."""
    weights, intercept = params
    features, y = data
    return multiclass_logreg.subfun(bnp.asarray(features) @ weights + intercept, y)


def l2_multiclass_logreg(weights: Any, l2reg: Any, data: tuple[Any, Any]) -> Any:
    """`multiclass_logreg` + ½ l2reg ‖W‖²."""
    return multiclass_logreg(weights, data) + 0.5 * l2reg * bnp.sum(weights * weights)


def l2_multiclass_logreg_with_intercept(params: Any, l2reg: Any, data: tuple[Any, Any]) -> Any:
    """`multiclass_logreg_with_intercept` + ½ l2reg ‖W‖²; the intercept is free."""
    penalty = 0.5 * l2reg * bnp.sum(params[0] * params[0])
    return multiclass_logreg_with_intercept(params, data) + penalty
