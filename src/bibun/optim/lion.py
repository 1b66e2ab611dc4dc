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
    tree_cast,
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
    b1: float = 0.9, b2: float = 0.99, mu_dtype: Any = None, *, mode: str = "hard",
    smooth_beta: float = 1.0,
) -> GradientTransformation:  # fmt: skip
    """`sign(b1 m + (1 - b1) g)`; the momentum then decays with b2.

    `mode`: "hard" (the sign), "smooth" (tanh of `smooth_beta` times it), or "refined" (the sign of
    what is 1 or larger, the rest as it is).
    """
    signs = {
        "hard": bnp.sign, "smooth": lambda x: bnp.tanh(smooth_beta * x),
        "refined": lambda x: bnp.where(bnp.abs(x) < 1.0, x, bnp.sign(x)),
    }  # fmt: skip
    if mode not in signs:
        raise ValueError(f"scale_by_lion: mode must be one of {sorted(signs)}, got {mode!r}")

    def init(params: Any) -> ScaleByLionState:
        return ScaleByLionState(bnp.asarray(0), zeros_like(params, mu_dtype))

    def update(updates: Any, state: ScaleByLionState, params: Any = None) -> Any:
        out = tree.map(lambda g, m: signs[mode]((1.0 - b1) * g + b1 * m), updates, state.mu)
        mu = update_moment(updates, state.mu, b2, 1)
        return out, ScaleByLionState(safe_increment(state.count), tree_cast(mu, mu_dtype))

    return GradientTransformation(init, update)


def lion(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.99, mu_dtype: Any = None,
    weight_decay: float = 1e-3, mask: Any = None, *, mode: str = "hard", smooth_beta: float = 1.0,
) -> GradientTransformation:  # fmt: skip
    """Lion with decoupled weight decay; learning rates about a tenth of Adam's."""
    return chain(
        scale_by_lion(b1, b2, mu_dtype, mode=mode, smooth_beta=smooth_beta),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
