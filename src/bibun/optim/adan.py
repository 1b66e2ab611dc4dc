"""Adan: Nesterov's momentum from differences of gradients (Xie et al., 2022)."""

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
from bibun.optim.moments import bias_correction, update_moment
from bibun.optim.scaling import scale_by_learning_rate


class ScaleByAdanState(NamedTuple):
    """Moments of gradients, of their differences and of the square; last gradient; step count."""

    m: Any
    v: Any
    n: Any
    g: Any
    t: Any


def scale_by_adan(
    b1: float = 0.98, b2: float = 0.92, b3: float = 0.99, eps: float = 1e-8, eps_root: float = 0.0
) -> GradientTransformation:
    """Updates rescaled by Adan's three moments."""

    def init(params: Any) -> ScaleByAdanState:
        zero = zeros_like(params)
        return ScaleByAdanState(zero, zero, zero, zero, bnp.asarray(0))

    def update(updates: Any, state: ScaleByAdanState, params: Any = None) -> Any:
        first = bnp.equal(state.t, 0)
        change = tree.map(lambda g, last: bnp.where(first, 0.0, g - last), updates, state.g)
        m = update_moment(updates, state.m, b1, 1)
        v = update_moment(change, state.v, b2, 1)
        ahead = tree.map(lambda g, d: g + (1.0 - b2) * d, updates, change)
        n = update_moment(ahead, state.n, b3, 2)
        t = safe_increment(state.t)
        out = tree.map(
            lambda m, v, n: (m + (1.0 - b2) * v) / (bnp.sqrt(n + eps_root) + eps),
            bias_correction(m, b1, t), bias_correction(v, b2, t), bias_correction(n, b3, t),
        )  # fmt: skip
        return out, ScaleByAdanState(m, v, n, tree.map(bnp.asarray, updates), t)

    return GradientTransformation(init, update)


def adan(
    learning_rate: ScalarOrSchedule, b1: float = 0.98, b2: float = 0.92, b3: float = 0.99,
    eps: float = 1e-8, eps_root: float = 1e-8, weight_decay: float = 0.0, mask: Any = None,
) -> GradientTransformation:  # fmt: skip
    """Adan, with decoupled weight decay."""
    return chain(
        scale_by_adan(b1, b2, b3, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
