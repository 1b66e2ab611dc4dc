"""RAdam: Adam with a rectified variance in its first steps (Liu et al., 2020)."""

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
from bibun.optim.moments import bias_correction, real_zeros_like, update_moment
from bibun.optim.scaling import scale_by_learning_rate


def scale_by_radam(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_root: float = 0.0,
    threshold: float = 5.0, *, nesterov: bool = False,
) -> GradientTransformation:  # fmt: skip
    """Adam's rescaling where the second moment has enough samples, plain momentum before."""
    rho_inf = 2.0 / (1.0 - b2) - 1.0

    def init(params: Any) -> ScaleByAdamState:
        return ScaleByAdamState(bnp.asarray(0), zeros_like(params), real_zeros_like(params))

    def update(updates: Any, state: ScaleByAdamState, params: Any = None) -> Any:
        mu = update_moment(updates, state.mu, b1, 1)
        nu = update_moment(updates, state.nu, b2, 2)
        count = safe_increment(state.count)
        decayed = bnp.asarray(b2) ** count
        rho = rho_inf - 2.0 * count * decayed / (1.0 - decayed)
        ready = rho >= threshold
        safe = bnp.where(ready, rho, threshold)
        r = bnp.sqrt(
            (safe - 4.0) * (safe - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * safe)
        )
        m = bias_correction(mu, b1, count)
        if nesterov:
            ahead = bias_correction(mu, b1, count + 1)
            now = bias_correction(tree.map(bnp.asarray, updates), b1, count)
            m = tree.map(lambda a, g: b1 * a + (1 - b1) * g, ahead, now)
        v = bias_correction(nu, b2, count)
        out = tree.map(
            lambda m, v: bnp.where(ready, r * m / (bnp.sqrt(v + eps_root) + eps), m), m, v
        )
        return out, ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init, update)


def radam(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    eps_root: float = 0.0, threshold: float = 5.0, *, nesterov: bool = False,
) -> GradientTransformation:  # fmt: skip
    """RAdam."""
    return chain(
        scale_by_radam(b1, b2, eps, eps_root, threshold, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )
