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


class ApplyEvery(NamedTuple):
    """Step count and the sum of updates held back."""

    count: Any
    grad_acc: Any


class MultiSteps:
    """Hand the mean of every `every_k_schedule` gradients to an optimizer; zero updates between.

    `every_k_schedule`: a number, or a function from the number of steps made to one.

    >>> from bibun import optim
    >>> tx = optim.MultiSteps(optim.sgd(1.0), 2)
    >>> s = tx.init(0.0)
    >>> u, s = tx.update(1.0, s, 0.0)
    >>> v, s = tx.update(3.0, s, 0.0)
    >>> float(u), float(v)
    (0.0, -2.0)
    """

    def __init__(
        self, opt: Any, every_k_schedule: Any, use_grad_mean: bool = True
    ) -> None:
        self.opt = with_extra_args_support(opt)
        k = every_k_schedule
        self.every = k if callable(k) else lambda step: k
        self.mean = use_grad_mean

    def init(self, params: Any) -> MultiStepsState:
        """The state before the first gradient."""
        return MultiStepsState(
            bnp.asarray(0), bnp.asarray(0), self.opt.init(params), zeros_like(params)
        )

    def update(
        self, updates: Any, state: MultiStepsState, params: Any = None, **extra: Any
    ) -> tuple[Any, MultiStepsState]:
        """Take in one gradient; the step of the optimizer at the end of a group, else zero."""
        mini, total = state.mini_step, state.acc_grads
        if self.mean:
            held = tree.map(lambda g, a: a + (g - a) / (mini + 1), updates, total)
        else:
            held = tree.map(lambda g, a: a + g, updates, total)
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
        )
        return u, after

    def has_updated(self, state: MultiStepsState) -> Any:
        """Whether the latest update was a step."""
        return bnp.equal(state.mini_step, 0) & (state.gradient_step > 0)

    def gradient_transformation(self) -> GradientTransformationExtraArgs:
        """The same as a link of a chain."""
        return GradientTransformationExtraArgs(self.init, self.update)


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
