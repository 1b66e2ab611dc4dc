"""Exponential moving average of the updates."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun.optim.base import GradientTransformation, safe_increment, tree_cast, zeros_like
from bibun.optim.moments import bias_correction, update_moment


class EmaState(NamedTuple):
    """Step count and average."""

    count: Any
    ema: Any


def ema(
    decay: float, debias: bool = True, accumulator_dtype: Any = None
) -> GradientTransformation:
    """The running average of what passes, corrected for its start at zero.

    >>> from bibun import optim
    >>> tx = optim.ema(0.9)
    >>> round(float(tx.update(2.0, tx.init(0.0))[0]), 12)
    2.0
    """

    def update(updates: Any, state: EmaState, params: Any = None) -> Any:
        average = update_moment(updates, state.ema, decay, 1)
        count = safe_increment(state.count)
        out = bias_correction(average, decay, count) if debias else average
        return out, EmaState(count, tree_cast(average, accumulator_dtype))

    return GradientTransformation(
        lambda params: EmaState(bnp.asarray(0), zeros_like(params, accumulator_dtype)), update
    )
