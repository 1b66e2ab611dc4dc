"""Optimistic gradient descent: the next gradient guessed from the last two.

For games and saddle points, where plain steps circle around the solution (Mokhtari et al., 2019).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import GradientTransformation, ScalarOrSchedule, chain, zeros_like
from bibun.optim.scaling import scale_by_learning_rate


class ScaleByOptimisticGradientState(NamedTuple):
    """Whether no step was made, and the last gradient."""

    is_initial_step: Any
    previous_gradient: Any


def scale_by_optimistic_gradient(alpha: float = 1.0, beta: float = 1.0) -> GradientTransformation:
    """(alpha + beta) g - beta times the last g; in the first step, the last is g itself."""

    def init(params: Any) -> ScaleByOptimisticGradientState:
        return ScaleByOptimisticGradientState(bnp.asarray(True), zeros_like(params))

    def update(updates: Any, state: ScaleByOptimisticGradientState, params: Any = None) -> Any:
        def one(g: Any, last: Any) -> Any:
            return (alpha + beta) * g - beta * bnp.where(state.is_initial_step, g, last)

        out = tree.map(one, updates, state.previous_gradient)
        last = tree.map(bnp.asarray, updates)
        return out, ScaleByOptimisticGradientState(bnp.asarray(False), last)

    return GradientTransformation(init, update)


def optimistic_gradient_descent(
    learning_rate: ScalarOrSchedule, alpha: float = 1.0, beta: float = 1.0
) -> GradientTransformation:
    """Optimistic gradient descent.

    >>> from bibun import optim
    >>> tx = optim.optimistic_gradient_descent(0.5)
    >>> _, s = tx.update(1.0, tx.init(0.0))
    >>> float(tx.update(2.0, s)[0])
    -1.5
    """
    return chain(scale_by_optimistic_gradient(alpha, beta), scale_by_learning_rate(learning_rate))
