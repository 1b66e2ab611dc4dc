"""AdaDelta: steps in the units of the parameters (Zeiler, 2012)."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import GradientTransformation, ScalarOrSchedule, chain, zeros_like
from bibun.optim.decay import add_decayed_weights
from bibun.optim.moments import update_moment
from bibun.optim.scaling import scale_by_learning_rate


class ScaleByAdaDeltaState(NamedTuple):
    """Running averages of squared gradients and squared updates."""

    e_g: Any
    e_x: Any


def scale_by_adadelta(rho: float = 0.9, eps: float = 1e-6) -> GradientTransformation:
    """`g * RMS(updates) / RMS(gradients)`."""

    def init(params: Any) -> ScaleByAdaDeltaState:
        return ScaleByAdaDeltaState(zeros_like(params), zeros_like(params))

    def update(updates: Any, state: ScaleByAdaDeltaState, params: Any = None) -> Any:
        e_g = update_moment(updates, state.e_g, rho, 2)
        out = tree.map(
            lambda g, a, b: bnp.sqrt(b + eps) / bnp.sqrt(a + eps) * g, updates, e_g, state.e_x
        )
        return out, ScaleByAdaDeltaState(e_g, update_moment(out, state.e_x, rho, 2))

    return GradientTransformation(init, update)


def adadelta(
    learning_rate: ScalarOrSchedule = 1.0, rho: float = 0.9, eps: float = 1e-6,
    weight_decay: float = 0.0, weight_decay_mask: Any = None,
) -> GradientTransformation:  # fmt: skip
    """AdaDelta."""
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_adadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )
