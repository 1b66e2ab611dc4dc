"""Momentum: the running sum of gradients (Polyak, 1964; Nesterov, 1983)."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import tree
from bibun.optim.base import GradientTransformation, zeros_like


class TraceState(NamedTuple):
    """The running sum."""

    trace: Any


def trace(
    decay: float, nesterov: bool = False, accumulator_dtype: Any = None
) -> GradientTransformation:
    """`t = g + decay * t`; the update is t, or with Nesterov `g + decay * t`.

    >>> from bibun import optim
    >>> tx = optim.trace(0.5)
    >>> u, s = tx.update(1.0, tx.init(0.0))
    >>> float(tx.update(1.0, s)[0])
    1.5
    """

    def update(updates: Any, state: TraceState, params: Any = None) -> Any:
        new = tree.map(lambda g, t: g + decay * t, updates, state.trace)
        out = tree.map(lambda g, t: g + decay * t, updates, new) if nesterov else new
        return out, TraceState(new)

    return GradientTransformation(
        lambda params: TraceState(zeros_like(params, accumulator_dtype)), update
    )
