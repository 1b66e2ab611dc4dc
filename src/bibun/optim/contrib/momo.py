"""MoMo: Polyak's step size for momentum, from a model of the averaged loss.

Schaipp, Ohana, Eickenberg, Defazio & Gower, "MoMo: momentum models for adaptive learning rates"
(2023). The losses, gradients and ⟨gradient, point⟩ of all batches are averaged with the same
weights; the step reaches the least value of the linear model that they make, cut off at a lower
bound of the loss, and is at most the learning rate. `momo_adam` measures steps in Adam's metric.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    GradientTransformationExtraArgs,
    ScalarOrSchedule,
    need_params,
    safe_increment,
    tree_vdot,
    zeros_like,
)
from bibun.optim.moments import rate_at, update_moment


class MomoState(NamedTuple):
    """Averages of gradients, losses and ⟨g, x⟩; the lower bound; step count."""

    exp_avg: Any
    barf: Any
    gamma: Any
    lb: Any
    count: Any


class MomoAdamState(NamedTuple):
    """As `MomoState`, and the average of squared gradients."""

    exp_avg: Any
    exp_avg_sq: Any
    barf: Any
    gamma: Any
    lb: Any
    count: Any


def _step(
    state: Any, m: Any, barf: Any, gamma: Any, square: Any, params: Any, alpha: Any,
    decay: float, floor: float, adapt: bool, weight: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """The size of the step and the new lower bound; `weight`: the sum of the averages' weights."""
    inner = tree_vdot(m, params)
    more = 1.0 + alpha * decay
    bound = state.lb
    if adapt:  # a bound above the model was too high
        cap = more * (barf - gamma) + inner
        bound = bnp.where(
            cap < more * weight * bound, bnp.maximum(cap / (2.0 * weight * more), floor), bound
        )
    gap = bnp.maximum(more * (barf - weight * bound - gamma) + inner, 0.0)
    flat = square <= bnp.finfo(float).eps
    tau = bnp.minimum(alpha / weight, bnp.where(flat, 0.0, gap / bnp.where(flat, 1.0, square)))
    if adapt:
        bound = bnp.maximum((barf + inner - gamma - 0.5 * tau * square) / weight, floor)
    return tau, bound


def _shrinkage(alpha: Any, decay: float) -> Any:
    return alpha * decay / (1.0 + alpha * decay)


def momo(
    learning_rate: ScalarOrSchedule = 1.0, beta: float = 0.9, lower_bound: float = 0.0,
    weight_decay: float = 0.0, adapt_lower_bound: bool = False,
) -> GradientTransformationExtraArgs:  # fmt: skip
    """Momentum with adaptive steps, at most `learning_rate`; `update` needs `value=`, the loss.

    `lower_bound`: one of the loss; `adapt_lower_bound`: improve it on the way.

    >>> from bibun import optim
    >>> tx = optim.contrib.momo()
    >>> p = 3.0
    >>> s = tx.init(p)
    >>> for _ in range(300):
    ...     u, s = tx.update(2.0 * p, s, p, value=p**2)
    ...     p = optim.apply_updates(p, u)
    >>> abs(float(p)) < 0.1
    True
    """

    def init(params: Any) -> MomoState:
        zero = bnp.asarray(0.0)
        return MomoState(
            zeros_like(params), zero, zero, bnp.asarray(lower_bound * 1.0), bnp.asarray(0)
        )

    def update(
        updates: Any, state: MomoState, params: Any = None, *, value: Any, **extra: Any
    ) -> Any:
        need_params(params, "momo")
        b = bnp.where(bnp.equal(state.count, 0), 0.0, beta)  # the first batch is the first mean
        m = update_moment(updates, state.exp_avg, b, 1)
        barf = b * state.barf + (1.0 - b) * value
        gamma = b * state.gamma + (1.0 - b) * tree_vdot(updates, params)
        alpha = rate_at(learning_rate, state.count)
        tau, bound = _step(
            state, m, barf, gamma, tree_vdot(m, m), params, alpha, weight_decay, lower_bound,
            adapt_lower_bound, 1.0,
        )  # fmt: skip
        shrink = _shrinkage(alpha, weight_decay)
        out = tree.map(lambda a, p: -shrink * p - tau * a, m, params)
        return out, MomoState(m, barf, gamma, bound, safe_increment(state.count))

    return GradientTransformationExtraArgs(init, update)


def momo_adam(
    learning_rate: ScalarOrSchedule = 1e-2, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    lower_bound: float = 0.0, weight_decay: float = 0.0, adapt_lower_bound: bool = False,
) -> GradientTransformationExtraArgs:  # fmt: skip
    """Adam with adaptive steps, at most `learning_rate`; `update` needs `value=`, the loss."""

    def init(params: Any) -> MomoAdamState:
        zero, zeros = bnp.asarray(0.0), zeros_like(params)
        return MomoAdamState(
            zeros, zeros, zero, zero, bnp.asarray(lower_bound * 1.0), bnp.asarray(0)
        )

    def update(
        updates: Any, state: MomoAdamState, params: Any = None, *, value: Any, **extra: Any
    ) -> Any:
        need_params(params, "momo_adam")
        count = safe_increment(state.count)
        m = update_moment(updates, state.exp_avg, b1, 1)
        v = update_moment(updates, state.exp_avg_sq, b2, 2)
        barf = b1 * state.barf + (1.0 - b1) * value
        gamma = b1 * state.gamma + (1.0 - b1) * tree_vdot(updates, params)
        correction = 1.0 - b2**count
        metric = tree.map(lambda v: eps + bnp.sqrt(v / correction), v)
        direction = tree.map(lambda a, s: a / s, m, metric)
        alpha = rate_at(learning_rate, state.count)
        tau, bound = _step(
            state, m, barf, gamma, tree_vdot(m, direction), params, alpha, weight_decay,
            lower_bound, adapt_lower_bound, 1.0 - b1**count,
        )  # fmt: skip
        shrink = _shrinkage(alpha, weight_decay)
        out = tree.map(lambda d, p: -shrink * p - tau * d, direction, params)
        return out, MomoAdamState(m, v, barf, gamma, bound, count)

    return GradientTransformationExtraArgs(init, update)
