"""Accumulation: one step for every k gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import lax, tree
from bibun import numpy as bnp
from bibun.optim.base import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    safe_increment,
    with_extra_args_support,
    zeros_like,
)


class MultiStepsState(NamedTuple):
    """Where in the group we are, how many steps were made, and the mean gradient so far."""

    mini_step: Any
    gradient_step: Any
    inner_opt_state: Any
    acc_grads: Any
    skip_state: Any = ()


class ApplyEvery(NamedTuple):
    """Step count and the sum of updates held back."""

    count: Any
    grad_acc: Any


class MultiSteps:
    """Hand the mean of every `every_k_schedule` gradients to an optimizer; zero updates between.

    `every_k_schedule`: a number, or a function from the number of steps made to one.
    `should_skip_update_fn(updates, gradient_step, params)` returns whether to leave a gradient
    out, and what the state keeps as `skip_state`: see `skip_not_finite`, `skip_large_updates`.
    `accumulator_dtype`: of the mean, and so of the updates; default: that of the parameters.

    >>> from bibun import optim
    >>> tx = optim.MultiSteps(optim.sgd(1.0), 2)
    >>> s = tx.init(0.0)
    >>> u, s = tx.update(1.0, s, 0.0)
    >>> v, s = tx.update(3.0, s, 0.0)
    >>> float(u), float(v)
    (0.0, -2.0)
    """

    def __init__(
        self, opt: Any, every_k_schedule: Any, use_grad_mean: bool = True,
        should_skip_update_fn: Any = None, *, accumulator_dtype: Any = None,
    ) -> None:  # fmt: skip
        self.opt = with_extra_args_support(opt)
        k = every_k_schedule
        self.every = k if callable(k) else lambda step: k
        self.mean = use_grad_mean
        self.skip = should_skip_update_fn
        self.dtype = accumulator_dtype

    def init(self, params: Any) -> MultiStepsState:
        """The state before the first gradient."""
        return MultiStepsState(
            bnp.asarray(0), bnp.asarray(0), self.opt.init(params),
            zeros_like(params, self.dtype),
            () if self.skip is None else self.skip(zeros_like(params), 0, params)[1],
        )  # fmt: skip

    def update(
        self, updates: Any, state: MultiStepsState, params: Any = None, **extra: Any
    ) -> tuple[Any, MultiStepsState]:
        """Take in one gradient; the step of the optimizer at the end of a group, else zero."""
        if self.skip is None:
            return self._taken(updates, state, params, extra)
        skipped, note = self.skip(updates, state.gradient_step, params)
        state = state._replace(skip_state=note)
        return lax.cond(
            skipped, lambda: (tree.map(bnp.zeros_like, state.acc_grads), state),
            lambda: self._taken(updates, state, params, extra),
        )  # fmt: skip

    def _taken(
        self, updates: Any, state: MultiStepsState, params: Any, extra: dict[str, Any]
    ) -> tuple[Any, MultiStepsState]:
        mini, total = state.mini_step, state.acc_grads
        if self.mean:
            held = tree.map(
                lambda g, a: (a + (g - a) / (mini + 1)).astype(a.dtype), updates, total
            )
        else:
            held = tree.map(lambda g, a: (a + g).astype(a.dtype), updates, total)
        last = bnp.equal(mini, bnp.asarray(self.every(state.gradient_step)) - 1)

        def step() -> Any:
            u, inner = self.opt.update(held, state.inner_opt_state, params, **extra)
            u = tree.map(lambda x, a: bnp.asarray(x).astype(a.dtype), u, total)
            return u, inner, tree.map(bnp.zeros_like, total)

        def wait() -> Any:
            return tree.map(bnp.zeros_like, total), state.inner_opt_state, held

        u, inner, held = lax.cond(last, step, wait)
        after = MultiStepsState(
            bnp.where(last, 0, mini + 1),
            bnp.where(last, state.gradient_step + 1, state.gradient_step),
            inner,
            held,
            state.skip_state,
        )
        return u, after

    def has_updated(self, state: MultiStepsState) -> Any:
        """Whether the latest update was a step."""
        return bnp.equal(state.mini_step, 0) & (state.gradient_step > 0)

    def gradient_transformation(self) -> GradientTransformationExtraArgs:
        """The same as a link of a chain."""
        return GradientTransformationExtraArgs(self.init, self.update)


def skip_not_finite(updates: Any, gradient_step: Any, params: Any) -> tuple[Any, Any]:
    """For `MultiSteps`: leave out gradients with a nan or infinity."""
    count = sum(bnp.sum(~bnp.isfinite(g)) for g in tree.leaves(updates))
    return bnp.asarray(count) > 0, {"should_skip": bnp.asarray(count) > 0, "num_not_finite": count}


def skip_large_updates(
    updates: Any, gradient_step: Any, params: Any, max_squared_norm: float
) -> tuple[Any, Any]:
    """For `MultiSteps`, with `functools.partial`: leave out gradients of a norm² not below a bound.
    """
    square = sum(bnp.sum(bnp.square(g)) for g in tree.leaves(updates))
    skipped = ~(bnp.asarray(square) < max_squared_norm)
    return skipped, {"should_skip": skipped, "norm_squared": square}


def apply_every(k: int = 1) -> GradientTransformation:
    """Add up updates and let their sum pass every k-th time, zeros between."""

    def update(updates: Any, state: ApplyEvery, params: Any = None) -> Any:
        place = bnp.remainder(state.count, k)
        total = tree.map(lambda g, a: bnp.where(place == 0, 0.0, a) + g, updates, state.grad_acc)
        out = tree.map(lambda a: bnp.where(place == k - 1, a, bnp.zeros_like(a)), total)
        return out, ApplyEvery(safe_increment(state.count), total)

    return GradientTransformation(
        lambda params: ApplyEvery(bnp.asarray(0), zeros_like(params)), update
    )
