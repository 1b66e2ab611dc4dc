"""Polyak's step size: the step that would reach the least value were the function linear.

Loizou et al., "Stochastic Polyak step-size" (2021). `update` needs `value=`, the objective.
"""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    EmptyState,
    GradientTransformationExtraArgs,
    ScalarOrSchedule,
    chain,
    tree_vdot,
)
from bibun.optim.scaling import scale_by_learning_rate


def scale_by_polyak(
    f_min: float = 0.0, max_learning_rate: float = 1.0, eps: float = 0.0, variant: str = "sps"
) -> GradientTransformationExtraArgs:
    """Updates times min((value - f_min) / (‖update‖² + eps), max_learning_rate).

    variant: "sps", or "sps+", where the gap to f_min counts as 0 when negative.
    """
    if variant not in ("sps", "sps+"):
        raise ValueError(f"scale_by_polyak: variant must be 'sps' or 'sps+', got {variant!r}")

    def update(updates: Any, state: Any, params: Any = None, *, value: Any, **extra: Any) -> Any:
        square = tree_vdot(updates, updates) + eps
        gap = bnp.asarray(value) - f_min
        gap = bnp.maximum(gap, 0.0) if variant == "sps+" else gap
        there = square <= bnp.finfo(float).eps
        size = bnp.minimum(gap / bnp.where(there, 1.0, square), max_learning_rate)
        size = bnp.where(there, 0.0, size)
        return tree.map(lambda g: (size * g).astype(bnp.asarray(g).dtype), updates), state

    return GradientTransformationExtraArgs(lambda params: EmptyState(), update)


def polyak_sgd(
    max_learning_rate: float = 1.0, scaling: ScalarOrSchedule = 1.0, f_min: float = 0.0,
    eps: float = 0.0, variant: str = "sps",
) -> GradientTransformationExtraArgs:  # fmt: skip
    """Gradient steps with Polyak's step size.

    >>> from bibun import optim
    >>> tx = optim.polyak_sgd()
    >>> float(tx.update(6.0, tx.init(3.0), 3.0, value=9.0)[0])
    -1.5
    """
    return chain(
        scale_by_learning_rate(scaling), scale_by_polyak(f_min, max_learning_rate, eps, variant)
    )
