"""A learning rate that falls when the loss no longer does."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import GradientTransformationExtraArgs, safe_increment


class ReduceLROnPlateauState(NamedTuple):
    """The factor now, the best mean loss, how long nothing was better, how long to wait; a mean."""

    scale: Any
    best_value: Any
    plateau_count: Any
    cooldown_count: Any
    count: Any
    avg_value: Any


def reduce_on_plateau(
    factor: float = 0.1, patience: int = 10, rtol: float = 1e-4, atol: float = 0.0,
    cooldown: int = 0, accumulation_size: int = 1, min_scale: float = 0.0,
) -> GradientTransformationExtraArgs:  # fmt: skip
    """Updates times a number that is multiplied by `factor` after `patience` means without gain.

    `update` needs `value=`, the loss; means are taken over `accumulation_size` of them. A gain is a
    mean below (1 - rtol) best - atol. After a reduction `cooldown` means do not count. The number
    is at least `min_scale`.

    >>> from bibun import optim
    >>> tx = optim.contrib.reduce_on_plateau(factor=0.5, patience=2)
    >>> s = tx.init(0.0)
    >>> for _ in range(4):
    ...     u, s = tx.update(1.0, s, value=3.0)
    >>> float(u)
    0.5
    """
    if not 0.0 < factor < 1.0:
        raise ValueError(f"reduce_on_plateau: factor must lie in (0, 1), got {factor}")
    if not (0.0 <= rtol <= 1.0 and atol >= 0.0 and rtol + atol > 0.0):
        raise ValueError(
            "reduce_on_plateau: rtol in [0, 1] and atol ≥ 0 are needed, one of them positive, got "
            f"rtol={rtol}, atol={atol}"
        )

    def init(params: Any) -> ReduceLROnPlateauState:
        zero = bnp.asarray(0)
        return ReduceLROnPlateauState(
            bnp.asarray(1.0), bnp.asarray(bnp.inf), zero, zero, zero, bnp.asarray(0.0)
        )

    def judged(state: ReduceLROnPlateauState) -> ReduceLROnPlateauState:
        """After a whole mean."""
        better = state.avg_value < (1.0 - rtol) * state.best_value - atol
        waited = bnp.where(better, 0, safe_increment(state.plateau_count))
        waiting = state.cooldown_count > 0
        reduce = ~waiting & bnp.equal(waited, patience)
        smaller = bnp.maximum(state.scale * factor, min_scale)
        return ReduceLROnPlateauState(
            bnp.where(reduce, smaller, state.scale),
            bnp.where(better, state.avg_value, state.best_value),
            bnp.where(waiting | reduce, 0, waited),
            bnp.where(waiting, state.cooldown_count - 1, bnp.where(reduce, cooldown, 0)),
            bnp.zeros_like(state.count), bnp.zeros_like(state.avg_value),
        )  # fmt: skip

    def update(
        updates: Any, state: ReduceLROnPlateauState, params: Any = None, *, value: Any,
        **extra: Any,
    ) -> Any:  # fmt: skip
        count = safe_increment(state.count)
        mean = (state.count * state.avg_value + value) / count
        state = state._replace(count=count, avg_value=mean)
        whole = bnp.equal(count, accumulation_size)
        state = tree.map(lambda a, b: bnp.where(whole, a, b), judged(state), state)
        return tree.map(lambda g: state.scale * g, updates), state

    return GradientTransformationExtraArgs(init, update)
