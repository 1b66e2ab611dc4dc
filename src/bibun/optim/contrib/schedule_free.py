"""Schedule-free learning: an average of the iterates in place of a falling learning rate.

Defazio et al., "The road less scheduled" (2024): a base optimizer moves z; gradients are taken at
y = (1 - b1) z + b1 x, where x is the weighted mean of all z, the point to be used in the end
(`schedule_free_eval_params`). The parameters that the loop holds are y.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.adam import scale_by_adam
from bibun.optim.base import (
    GradientTransformationExtraArgs,
    ScalarOrSchedule,
    as_float,
    chain,
    need_params,
    safe_increment,
    with_extra_args_support,
)
from bibun.optim.decay import add_decayed_weights
from bibun.optim.moments import rate_at
from bibun.optim.scaling import scale_by_learning_rate
from bibun.optim.schedules import warmup_constant_schedule
from bibun.optim.sgd import sgd


class ScheduleFreeState(NamedTuple):
    """b1, the sum of weights, the step (from 1), the largest rate, the base's state, z."""

    b1: Any
    weight_sum: Any
    step_count: Any
    max_lr: Any
    base_optimizer_state: Any
    z: Any


def schedule_free(
    base_optimizer: Any, learning_rate: ScalarOrSchedule, b1: float = 0.9,
    weight_lr_power: float = 2.0, state_dtype: Any = None,
) -> GradientTransformationExtraArgs:  # fmt: skip
    """`base_optimizer` (without momentum) made schedule-free.

    `learning_rate`: that of the base, for the weights: (the largest rate so far)^`weight_lr_power`.
    b1 in (0, 1]: how near to the average gradients are taken.

    >>> from bibun import optim
    >>> tx = optim.contrib.schedule_free(optim.sgd(0.5), 0.5)
    >>> p = 1.0
    >>> s = tx.init(p)
    >>> for _ in range(200):
    ...     u, s = tx.update(2.0 * p, s, p)
    ...     p = optim.apply_updates(p, u)
    >>> abs(float(optim.contrib.schedule_free_eval_params(s, p))) < 0.01
    True
    """
    if not 0 < b1 <= 1:
        raise ValueError(f"schedule_free: b1 must lie in (0, 1], got {b1}")
    base = with_extra_args_support(base_optimizer)

    def init(params: Any) -> ScheduleFreeState:
        z = tree.map(lambda p: as_float(p).astype(state_dtype or as_float(p).dtype), params)
        return ScheduleFreeState(
            bnp.asarray(b1), bnp.asarray(0.0), bnp.asarray(1), bnp.asarray(0.0),
            base.init(params), z,
        )  # fmt: skip

    def update(updates: Any, state: ScheduleFreeState, params: Any = None, **extra: Any) -> Any:
        need_params(params, "schedule_free")
        rate = rate_at(learning_rate, state.step_count)
        largest = bnp.maximum(state.max_lr, rate)
        weight = largest**weight_lr_power
        total = state.weight_sum + weight
        share = bnp.where(total > 0, weight / bnp.where(total > 0, total, 1.0), 0.0)
        moves, inner = base.update(updates, state.base_optimizer_state, params, **extra)
        z = tree.map(lambda z, u: (z + u).astype(z.dtype), state.z, moves)

        def change(y: Any, old_z: Any, new_z: Any) -> Any:
            x = (y - (1.0 - b1) * old_z) / b1
            x = (1.0 - share) * x + share * new_z
            return b1 * x + (1.0 - b1) * new_z - y

        out = tree.map(change, params, state.z, z)
        return out, ScheduleFreeState(
            state.b1, total, safe_increment(state.step_count), largest, inner, z
        )

    return GradientTransformationExtraArgs(init, update)


def schedule_free_eval_params(state: ScheduleFreeState, params: Any) -> Any:
    """x, the averaged parameters, to be used in place of the loop's own."""
    b1, z = state.b1, state.z
    return tree.map(lambda y, z: (y - (1.0 - b1) * z) / b1, params, z)


def _warmed(learning_rate: ScalarOrSchedule, warmup_steps: int | None) -> ScalarOrSchedule:
    if not warmup_steps:
        return learning_rate
    return warmup_constant_schedule(0.0, learning_rate, warmup_steps)


def schedule_free_sgd(
    learning_rate: ScalarOrSchedule = 1.0, warmup_steps: int | None = None, b1: float = 0.9,
    weight_decay: float | None = None, weight_lr_power: float = 2.0, state_dtype: Any = None,
) -> GradientTransformationExtraArgs:  # fmt: skip
    """Schedule-free gradient descent, with linear warm-up if asked for."""
    rate = _warmed(learning_rate, warmup_steps)
    base = sgd(rate)
    if weight_decay is not None:
        base = chain(add_decayed_weights(weight_decay), base)
    return schedule_free(base, rate, b1, weight_lr_power, state_dtype)


def schedule_free_adamw(
    learning_rate: ScalarOrSchedule = 0.0025, warmup_steps: int | None = None, b1: float = 0.9,
    b2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0,
    weight_lr_power: float = 2.0, state_dtype: Any = None,
) -> GradientTransformationExtraArgs:  # fmt: skip
    """Schedule-free AdamW: Adam without its momentum moves z."""
    rate = _warmed(learning_rate, warmup_steps)
    base = chain(
        scale_by_adam(0.0, b2, eps), add_decayed_weights(weight_decay),
        scale_by_learning_rate(rate),
    )  # fmt: skip
    return schedule_free(base, rate, b1, weight_lr_power, state_dtype)
