"""Transformations that act only when a condition on the step holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import lax, tree
from bibun import numpy as bnp
from bibun.optim.base import (
    GradientTransformationExtraArgs,
    safe_increment,
    with_extra_args_support,
)


class ConditionallyTransformState(NamedTuple):
    """The inner state, and the step count."""

    inner_state: Any
    step: Any


class ConditionallyMaskState(NamedTuple):
    """The step count, and the inner state."""

    step: Any
    inner_state: Any


def _conditional(
    inner: Any, condition: Callable[..., Any], forward: bool, otherwise: Callable[[Any], Any],
    state_type: Any,
) -> GradientTransformationExtraArgs:  # fmt: skip
    inner = with_extra_args_support(inner)

    def init(params: Any) -> Any:
        return state_type(step=bnp.asarray(0), inner_state=inner.init(params))

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        updates = tree.map(bnp.asarray, updates)

        def act() -> Any:
            out, after = inner.update(updates, state.inner_state, params, **extra)
            # in the dtype that `rest` gives
            return tree.map(lambda u, g: bnp.asarray(u).astype(g.dtype), out, updates), after

        def rest() -> Any:
            return tree.map(otherwise, updates), state.inner_state

        acts = bnp.asarray(condition(state.step, **(extra if forward else {})))
        out, after = lax.cond(acts, act, rest)
        return out, state_type(step=safe_increment(state.step), inner_state=after)

    return GradientTransformationExtraArgs(init, update)


def conditionally_transform(
    inner: Any, should_transform_fn: Callable[..., Any], forward_extra_args: bool = False
) -> GradientTransformationExtraArgs:
    """`inner` where `should_transform_fn(step)` holds; else updates pass unchanged.

    `forward_extra_args`: the condition also gets `update`'s keyword arguments.

    >>> from bibun import optim
    >>> tx = optim.conditionally_transform(optim.scale(10.0), lambda step: step < 1)
    >>> u, s = tx.update(1.0, tx.init(0.0))
    >>> float(u), float(tx.update(1.0, s)[0])
    (10.0, 1.0)
    """
    return _conditional(
        inner, should_transform_fn, forward_extra_args, lambda g: g, ConditionallyTransformState
    )


def conditionally_mask(
    inner: Any, should_transform_fn: Callable[..., Any], forward_extra_args: bool = False
) -> GradientTransformationExtraArgs:
    """`inner` where `should_transform_fn(step)` holds; else zero updates, and its state stays."""
    return _conditional(
        inner, should_transform_fn, forward_extra_args, bnp.zeros_like, ConditionallyMaskState
    )
