"""Yogi: an additive second moment that grows slowly (Zaheer et al., 2018)."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.adam import ScaleByAdamState
from bibun.optim.base import (
    GradientTransformation,
    ScalarOrSchedule,
    chain,
    safe_increment,
    zeros_like,
)
from bibun.optim.moments import bias_correction, real_zeros_like, squared, update_moment
from bibun.optim.scaling import scale_by_learning_rate


def scale_by_yogi(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-3, eps_root: float = 0.0,
    initial_accumulator_value: float = 1e-6,
) -> GradientTransformation:  # fmt: skip
    """`v = v - (1 - b2) sign(v - g²) g²`, else as Adam; both moments start at the value given."""

    def init(params: Any) -> ScaleByAdamState:
        mu, nu = (
            tree.map(lambda z: z + initial_accumulator_value, zeros(params))
            for zeros in (zeros_like, real_zeros_like)
        )
        return ScaleByAdamState(bnp.asarray(0), mu, nu)

    def update(updates: Any, state: ScaleByAdamState, params: Any = None) -> Any:
        mu = update_moment(updates, state.mu, b1, 1)
        nu = tree.map(
            lambda g, v: v - (1 - b2) * bnp.sign(v - squared(g)) * squared(g), updates, state.nu
        )
        count = safe_increment(state.count)
        m, v = bias_correction(mu, b1, count), bias_correction(nu, b2, count)
        out = tree.map(lambda m, v: m / (bnp.sqrt(v + eps_root) + eps), m, v)
        return out, ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init, update)


def yogi(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-3
) -> GradientTransformation:
    """Yogi."""
    return chain(scale_by_yogi(b1, b2, eps), scale_by_learning_rate(learning_rate))
