"""Objectives of linear models, and what block coordinate descent must know of one.

A *composite linear function* is f(x, data) = subfun(X x, data): all of the features' influence
goes through predictions, so a change of one coordinate changes them by one column of X.
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
    """f(params, *args) = subfun(M @ params, *args) + ⟨b, params⟩; usually args = (data,).

    `curvature(M, *args)`: a bound of the second derivative of subfun in any prediction.
    `matrix(*args)`: M, by default the features X of data = (X, y). `linear(*args)`: b, or None.
    """

    subfun: Callable[..., Any]
    curvature: Callable[..., Any]
    matrix: Callable[..., Any] = lambda data: bnp.asarray(data[0])
    linear: Callable[..., Any] | None = None

    def __call__(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        value = self.subfun(self.matrix(*args, **kwargs) @ params, *args, **kwargs)
        if self.linear is None:
            return value
        return value + bnp.sum(self.linear(*args, **kwargs) * params)

    def columnwise_lipschitz_const(self, *args: Any, **kwargs: Any) -> Any:
        """For each coordinate, a bound of the gradient's change along it."""
        m = self.matrix(*args, **kwargs)
        return self.curvature(m, *args, **kwargs) * bnp.sum(m * m, axis=0)


def _half_mean_square(predictions: Any, data: Any) -> Any:
    residual = predictions - bnp.asarray(data[1])
    return 0.5 * bnp.sum(residual * residual) / residual.shape[0]


def _mean_loss(one: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda predictions, data: bnp.mean(vmap(one)(bnp.asarray(data[1]), predictions))


# ½ ‖X w - y‖² / n; w a vector, or a matrix for a matrix of targets
least_squares = CompositeLinearFunction(_half_mean_square, lambda m, data: 1.0 / m.shape[0])

# the mean logistic loss of X w for labels 0 and 1
binary_logreg = CompositeLinearFunction(
    _mean_loss(loss.binary_logistic_loss), lambda m, data: 0.25 / m.shape[0]
)

# the mean logistic loss of X W (features, classes) for integer labels
multiclass_logreg = CompositeLinearFunction(
    _mean_loss(loss.multiclass_logistic_loss), lambda m, data: 0.5 / m.shape[0]
)

def _svm_square(image: Any, l2reg: Any, data: Any) -> Any:
    features, y = (bnp.asarray(d) for d in data)
    weights = features.T @ y - image  # times l2reg: the primal solution
    return 0.5 / l2reg * bnp.sum(weights * weights)


# the dual of a multiclass linear SVM, f(beta, l2reg, (X, Y)), to be minimized over rows of beta in
# the simplex; Y: one-hot labels. The weights are Xᵀ(Y - beta) / l2reg
multiclass_linear_svm_dual = CompositeLinearFunction(
    _svm_square, lambda m, l2reg, data: 1.0 / l2reg,
    lambda l2reg, data: bnp.asarray(data[0]).T, lambda l2reg, data: bnp.asarray(data[1]) - 1.0,
)  # fmt: skip


def ridge_regression(params: Any, l2reg: Any, data: tuple[Any, Any]) -> Any:
    """½ ‖X w - y‖² / n + ½ l2reg ‖w‖²."""
    return least_squares(params, data) + 0.5 * l2reg * bnp.sum(params * params)


def multiclass_logreg_with_intercept(params: Any, data: tuple[Any, Any]) -> Any:
    """Mean logistic loss of X W + b; params = (W, b)."""
    weights, intercept = params
    features, _ = data
    return multiclass_logreg.subfun(bnp.asarray(features) @ weights + intercept, data)


def l2_multiclass_logreg(weights: Any, l2reg: Any, data: tuple[Any, Any]) -> Any:
    """`multiclass_logreg` + ½ l2reg ‖W‖²."""
    return multiclass_logreg(weights, data) + 0.5 * l2reg * bnp.sum(weights * weights)


def l2_multiclass_logreg_with_intercept(params: Any, l2reg: Any, data: tuple[Any, Any]) -> Any:
    """`multiclass_logreg_with_intercept` + ½ l2reg ‖W‖²; the intercept is free."""
    penalty = 0.5 * l2reg * bnp.sum(params[0] * params[0])
    return multiclass_logreg_with_intercept(params, data) + penalty
