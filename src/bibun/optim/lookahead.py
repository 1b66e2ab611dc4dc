"""Lookahead: slow parameters that follow fast ones (Zhang et al., 2019).

The fast optimizer makes `sync_period` steps; then the slow parameters go a part of the way to
where it has come, and the fast ones begin anew from there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import GradientTransformation


class LookaheadParams(NamedTuple):
    """The two sets of parameters; gradients are taken at `fast`, results read from `slow`."""

    fast: Any
    slow: Any

    @classmethod
    def init_synced(cls, params: Any) -> LookaheadParams:
        """Both the same."""
        return cls(params, params)


class LookaheadState(NamedTuple):
    """The fast optimizer's state, and its steps since the last meeting."""

    fast_state: Any
    steps_since_sync: Any


def lookahead(
    fast_optimizer: GradientTransformation, sync_period: int, slow_step_size: float,
    reset_state: bool = False,
) -> GradientTransformation:  # fmt: skip
    """Lookahead over an optimizer; params are `LookaheadParams`, updates are for `fast`.

    `reset_state`: the fast optimizer forgets its state at each meeting.

    >>> from bibun import optim
    >>> tx = optim.lookahead(optim.sgd(1.0), 1, 0.5)
    >>> params = optim.LookaheadParams.init_synced(2.0)
    >>> updates, _ = tx.update(1.0, tx.init(params), params)
    >>> float(updates.slow), float(updates.fast)
    (-0.5, -0.5)
    """
    if sync_period < 1:
        raise ValueError(f"lookahead: sync_period must be at least 1, got {sync_period}")

    def init(params: Any) -> LookaheadState:
        fast = params.fast if isinstance(params, LookaheadParams) else params
        return LookaheadState(fast_optimizer.init(fast), bnp.asarray(0))

    def update(updates: Any, state: LookaheadState, params: Any = None) -> Any:
        if not isinstance(params, LookaheadParams):
            raise TypeError(
                f"lookahead: update needs params as LookaheadParams, got {type(params).__name__}; "
                "make them by LookaheadParams.init_synced(params)"
            )
        steps, inner = fast_optimizer.update(updates, state.fast_state, params.fast)
        meet = bnp.equal(state.steps_since_sync, sync_period - 1)
        apart = tree.map(
            lambda f, u, s: bnp.where(meet, f + u - s, 0.0), params.fast, steps, params.slow
        )
        slow = tree.map(lambda d: slow_step_size * d, apart)
        fast = tree.map(lambda u, d: u - (1.0 - slow_step_size) * d, steps, apart)
        if reset_state:
            fresh = fast_optimizer.init(params.fast)
            inner = tree.map(lambda a, b: bnp.where(meet, b, a), inner, fresh)
        count = bnp.where(meet, 0, state.steps_since_sync + 1)
        return LookaheadParams(fast, slow), LookaheadState(inner, count)

    return GradientTransformation(init, update)
