"""Adam whose learning rate is an estimate of the distance to the solution: D-Adaptation, Prodigy.

A lower bound d of the distance from the start to the solution is found from the gradients alone
and only grows; it multiplies the step. D-Adaptation: Defazio & Mishchenko (ICML 2023); Prodigy,
whose estimate grows faster: Mishchenko & Defazio (2023).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    GradientTransformation,
    ScalarOrSchedule,
    need_params,
    safe_increment,
    tree_scale,
    tree_sub,
    tree_vdot,
    zeros_like,
)
from bibun.optim.moments import rate_at, update_moment
from bibun.optim.tree_utils import tree_norm


class DAdaptAdamWState(NamedTuple):
    """Moments, weighted sum of gradients, the estimate d, its numerator, step count."""

    exp_avg: Any
    exp_avg_sq: Any
    grad_sum: Any
    estim_lr: Any
    numerator_weighted: Any
    count: Any


class ProdigyState(NamedTuple):
    """Moments, weighted sum of gradients, the start, the estimate d, its numerator, step count."""

    exp_avg: Any
    exp_avg_sq: Any
    grad_sum: Any
    params0: Any
    estim_lr: Any
    numerator_weighted: Any
    count: Any


def _larger(d: Any, numerator: Any, below: Any) -> Any:
    """max(d, numerator / below); d while there is no gradient."""
    known = below > 0
    return bnp.where(known, bnp.maximum(d, numerator / bnp.where(known, below, 1.0)), d)


def dadapt_adamw(
    learning_rate: ScalarOrSchedule = 1.0, betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8, estim_lr0: float = 1e-6, weight_decay: float = 0.0,
) -> GradientTransformation:  # fmt: skip
    """AdamW without a learning rate to choose, by D-Adaptation.

    `learning_rate`: a factor, mostly 1, or a schedule of it; `estim_lr0`: the first estimate, too
    small.
    """
    b1, b2 = betas
    root = b2**0.5

    def init(params: Any) -> DAdaptAdamWState:
        zeros = zeros_like(params)
        return DAdaptAdamWState(
            zeros, zeros, zeros, bnp.asarray(estim_lr0), bnp.asarray(0.0), bnp.asarray(0)
        )

    def update(updates: Any, state: DAdaptAdamWState, params: Any = None) -> Any:
        need_params(params, "dadapt_adamw")
        count = safe_increment(state.count)
        correction = (1.0 - b2**count) ** 0.5 / (1.0 - b1**count)
        step = state.estim_lr * rate_at(learning_rate, state.count) * correction
        weighted = tree.map(
            lambda s, v: s / (bnp.sqrt(v) + eps), state.grad_sum, state.exp_avg_sq
        )
        gain = tree_vdot(updates, weighted)
        steps = tree_scale(step, updates)
        m = update_moment(steps, state.exp_avg, b1, 1)
        v = update_moment(updates, state.exp_avg_sq, b2, 2)
        total = update_moment(steps, state.grad_sum, root, 1)
        numerator = root * state.numerator_weighted + (1.0 - root) * step * gain
        d = _larger(state.estim_lr, numerator, (1.0 - root) * tree_norm(total, ord=1))
        out = tree.map(
            lambda m, v, p: -weight_decay * step * p - m / (bnp.sqrt(v) + eps), m, v, params
        )
        return out, DAdaptAdamWState(m, v, total, d, numerator, count)

    return GradientTransformation(init, update)


def prodigy(
    learning_rate: ScalarOrSchedule = 1.0, betas: tuple[float, float] = (0.9, 0.999),
    beta3: float | None = None, eps: float = 1e-8, estim_lr0: float = 1e-6,
    estim_lr_coef: float = 1.0, weight_decay: float = 0.0, safeguard_warmup: bool = False,
) -> GradientTransformation:  # fmt: skip
    """AdamW without a learning rate to choose, by Prodigy.

    `estim_lr_coef` multiplies the estimate; `beta3` (default √β₂) is its memory;
    `safeguard_warmup`: leave a schedule that begins low out of the estimate.

    >>> from bibun import optim
    >>> tx = optim.contrib.prodigy()
    >>> p = 10.0
    >>> s = tx.init(p)
    >>> for _ in range(300):
    ...     u, s = tx.update(2.0 * p, s, p)
    ...     p = optim.apply_updates(p, u)
    >>> abs(float(p)) < 0.1
    True
    """
    b1, b2 = betas
    b3 = b2**0.5 if beta3 is None else beta3

    def init(params: Any) -> ProdigyState:
        zeros = zeros_like(params)
        return ProdigyState(
            zeros, zeros, zeros, tree.map(bnp.asarray, params), bnp.asarray(estim_lr0),
            bnp.asarray(0.0), bnp.asarray(0),
        )  # fmt: skip

    def update(updates: Any, state: ProdigyState, params: Any = None) -> Any:
        need_params(params, "prodigy")
        count, d = safe_increment(state.count), state.estim_lr
        correction = (1.0 - b2**count) ** 0.5 / (1.0 - b1**count)
        step = d * rate_at(learning_rate, state.count) * correction
        way = tree_sub(state.params0, params)
        scaled = tree_scale(d, updates)
        m = update_moment(scaled, state.exp_avg, b1, 1)
        v = update_moment(scaled, state.exp_avg_sq, b2, 2)
        factor = (d if safeguard_warmup else step) / estim_lr0
        total = tree.map(lambda s, g: b3 * s + factor * g, state.grad_sum, scaled)
        numerator = b3 * state.numerator_weighted + d / estim_lr0 * step * tree_vdot(updates, way)
        new_d = _larger(d, estim_lr_coef * numerator, tree_norm(total, ord=1))
        out = tree.map(
            lambda m, v, p: -weight_decay * step * p - step * m / (bnp.sqrt(v) + new_d * eps),
            m, v, params,
        )  # fmt: skip
        return out, ProdigyState(m, v, total, state.params0, new_d, numerator, count)

    return GradientTransformation(init, update)
