"""AdaGrad: steps shrink with the sum of all squared gradients (Duchi, Hazan & Singer, 2011)."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import GradientTransformation, ScalarOrSchedule, chain
from bibun.optim.moments import real_zeros_like, squared
from bibun.optim.scaling import scale_by_learning_rate


class ScaleByRssState(NamedTuple):
    """The sum of squares."""

    sum_of_squares: Any


def scale_by_rss(
    initial_accumulator_value: float = 0.1, eps: float = 1e-7
) -> GradientTransformation:
    """`g / sqrt(sum of g² + eps)`; zero where nothing was summed yet."""

    def init(params: Any) -> ScaleByRssState:
        return ScaleByRssState(
            tree.map(lambda z: z + initial_accumulator_value, real_zeros_like(params))
        )

    def update(updates: Any, state: ScaleByRssState, params: Any = None) -> Any:
        total = tree.map(lambda g, s: s + squared(g), updates, state.sum_of_squares)
        out = tree.map(
            lambda g, s: bnp.where(s > 0, g / bnp.sqrt(bnp.where(s > 0, s, 1.0) + eps), 0.0),
            updates, total,
        )  # fmt: skip
        return out, ScaleByRssState(total)

    return GradientTransformation(init, update)


def adagrad(
    learning_rate: ScalarOrSchedule, initial_accumulator_value: float = 0.1, eps: float = 1e-7
) -> GradientTransformation:
    """AdaGrad."""
    return chain(
        scale_by_rss(initial_accumulator_value, eps), scale_by_learning_rate(learning_rate)
    )
