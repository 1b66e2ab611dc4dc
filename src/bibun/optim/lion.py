"""Lion: the sign of an interpolated momentum (Chen et al., 2023)."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    GradientTransformation,
    ScalarOrSchedule,
    chain,
    safe_increment,
    zeros_like,
)
from bibun.optim.decay import add_decayed_weights
from bibun.optim.moments import update_moment
from bibun.optim.scaling import scale_by_learning_rate


class ScaleByLionState(NamedTuple):
    """Step count and momentum."""

    count: Any
    mu: Any


def scale_by_lion(
    b1: float = 0.9, b2: float = 0.99, mu_dtype: Any = None
) -> GradientTransformation:
    """`sign(b1 m + (1 - b1) g)`; the momentum then decays with b2."""

    def init(params: Any) -> ScaleByLionState:
        return ScaleByLionState(bnp.asarray(0), zeros_like(params, mu_dtype))

    def update(updates: Any, state: ScaleByLionState, params: Any = None) -> Any:
        out = tree.map(lambda g, m: bnp.sign((1.0 - b1) * g + b1 * m), updates, state.mu)
        mu = update_moment(updates, state.mu, b2, 1)
        return out, ScaleByLionState(safe_increment(state.count), mu)

    return GradientTransformation(init, update)


def lion(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.99, mu_dtype: Any = None,
    weight_decay: float = 1e-3, mask: Any = None,
) -> GradientTransformation:  # fmt: skip
    """Lion with decoupled weight decay; learning rates about a tenth of Adam's."""
    return chain(
        scale_by_lion(b1, b2, mu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
