"""Guards against gradients that are nan or infinite."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import lax, tree
from bibun import numpy as bnp
from bibun.optim.base import (
    GradientTransformationExtraArgs,
    safe_increment,
    stateless,
    with_extra_args_support,
)


class ApplyIfFiniteState(NamedTuple):
    """How many bad gradients in a row, whether the last was good, how many bad in all."""

    notfinite_count: Any
    last_finite: Any
    total_notfinite: Any
    inner_state: Any


def all_finite(values: Any) -> Any:
    """Whether every element of every leaf is finite; a bool scalar."""
    parts = [bnp.all(bnp.isfinite(x)) for x in tree.leaves(values)]
    out = bnp.asarray(True)
    for p in parts:
        out = out & p
    return out


def apply_if_finite(inner: Any, max_consecutive_errors: int) -> GradientTransformationExtraArgs:
    """Zero updates and an unchanged state where a gradient is not finite.

    After more than `max_consecutive_errors` bad ones in a row they are let through, so that
    the failure is seen.
    """
    inner = with_extra_args_support(inner)

    def init(params: Any) -> ApplyIfFiniteState:
        return ApplyIfFiniteState(
            bnp.asarray(0), bnp.asarray(True), bnp.asarray(0), inner.init(params)
        )

    def update(updates: Any, state: ApplyIfFiniteState, params: Any = None, **extra: Any) -> Any:
        good = all_finite(updates)
        row = bnp.where(good, 0, safe_increment(state.notfinite_count))

        def go() -> Any:
            u, s = inner.update(updates, state.inner_state, params, **extra)
            return tree.map(bnp.asarray, u), s

        def stay() -> Any:
            # in the dtype that `go` gives
            return tree.map(lambda g: bnp.zeros_like(bnp.asarray(g)), updates), state.inner_state

        out, after = lax.cond(good | (row > max_consecutive_errors), go, stay)
        bad = bnp.where(good, state.total_notfinite, safe_increment(state.total_notfinite))
        return out, ApplyIfFiniteState(row, good, bad, after)

    return GradientTransformationExtraArgs(init, update)


def zero_nans() -> Any:
    """Updates with nan replaced by 0."""
    return stateless(
        lambda u, p: tree.map(lambda g: bnp.where(bnp.isnan(g), bnp.zeros_like(g), g), u)
    )
