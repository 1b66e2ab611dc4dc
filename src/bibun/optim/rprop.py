"""Rprop: a step size for each parameter, from the signs of gradients alone.

It grows while the sign stays and shrinks where it turns, and then the parameter waits one step
(Riedmiller & Braun, 1993; iRprop-, Igel & Hüsken, 2003). For full batches.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import GradientTransformation, as_float, chain, zeros_like
from bibun.optim.scaling import scale


class ScaleByRpropState(NamedTuple):
    """Step sizes, and the last step of each parameter (0 where it waited)."""

    step_sizes: Any
    prev_updates: Any


def scale_by_rprop(
    learning_rate: float, eta_minus: float = 0.5, eta_plus: float = 1.2,
    min_step_size: float = 1e-6, max_step_size: float = 50.0,
) -> GradientTransformation:  # fmt: skip
    """Signs of gradients times step sizes, which begin as `learning_rate`.

    Errors: TypeError for a schedule: the step sizes go their own ways.
    """
    if callable(learning_rate):
        raise TypeError(
            "scale_by_rprop: learning_rate must be a number, that of the first step; got a schedule"
        )

    def init(params: Any) -> ScaleByRpropState:
        sizes = tree.map(lambda p: bnp.full_like(as_float(p), learning_rate), params)
        return ScaleByRpropState(sizes, zeros_like(params))

    def update(updates: Any, state: ScaleByRpropState, params: Any = None) -> Any:
        turn = tree.map(lambda g, last: bnp.sign(g) * bnp.sign(last), updates, state.prev_updates)

        def sized(s: Any, size: Any) -> Any:
            new = size * bnp.where(s > 0, eta_plus, eta_minus)
            return bnp.where(s == 0, size, bnp.clip(new, min_step_size, max_step_size))

        sizes = tree.map(sized, turn, state.step_sizes)
        steps = tree.map(
            lambda s, g, size: bnp.where(s < 0, 0.0, size * bnp.sign(g)), turn, updates, sizes
        )
        return steps, ScaleByRpropState(sizes, steps)

    return GradientTransformation(init, update)


def rprop(
    learning_rate: float, eta_minus: float = 0.5, eta_plus: float = 1.2,
    min_step_size: float = 1e-6, max_step_size: float = 50.0,
) -> GradientTransformation:  # fmt: skip
    """Rprop.

    >>> from bibun import optim
    >>> tx = optim.rprop(0.1)
    >>> float(tx.update(-7.0, tx.init(1.0))[0])
    0.1
    """
    return chain(
        scale_by_rprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size),
        scale(-1.0),
    )
