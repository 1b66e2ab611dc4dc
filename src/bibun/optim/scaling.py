"""Links of a chain that multiply: by a number, a schedule, a trust ratio."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    EmptyState,
    GradientTransformation,
    ScalarOrSchedule,
    need_params,
    safe_increment,
    stateless,
)


class ScaleByScheduleState(NamedTuple):
    """How many updates were made."""

    count: Any


def scale(step_size: Any) -> GradientTransformation:
    """Updates times a number."""
    return stateless(lambda updates, params: tree.map(lambda g: step_size * g, updates))


def scale_by_schedule(step_size_fn: Any) -> GradientTransformation:
    """Updates times `step_size_fn(count)`; the count starts at 0."""

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        size = step_size_fn(state.count)
        updates = tree.map(lambda g: bnp.asarray(size, dtype=bnp.asarray(g).dtype) * g, updates)
        return updates, ScaleByScheduleState(safe_increment(state.count))

    return GradientTransformation(lambda params: ScaleByScheduleState(bnp.asarray(0)), update)


def scale_by_learning_rate(
    learning_rate: ScalarOrSchedule, *, flip_sign: bool = True
) -> GradientTransformation:
    """Updates times minus the learning rate, which may be a schedule: the last link of a chain."""
    sign = -1 if flip_sign else 1
    if callable(learning_rate):
        return scale_by_schedule(lambda count: sign * learning_rate(count))
    return scale(sign * learning_rate)


def scale_by_sign() -> GradientTransformation:
    """The signs of the updates."""
    return stateless(lambda updates, params: tree.map(bnp.sign, updates))


def norm(x: Any) -> Any:
    """Euclidean norm of one leaf; its derivative at 0 is never asked for."""
    return bnp.sqrt(bnp.sum(bnp.real(bnp.conj(x) * x)))


def scale_by_trust_ratio(
    min_norm: float = 0.0, trust_coefficient: float = 1.0, eps: float = 0.0
) -> GradientTransformation:
    """Each leaf's update times ‖param‖ / (‖update‖ + eps): LARS and LAMB (You et al., 2017, 2019).

    Where either norm is zero the ratio is 1.
    """

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        need_params(params, "scale_by_trust_ratio")

        def one(u: Any, p: Any) -> Any:
            pn = bnp.maximum(norm(bnp.asarray(p)), min_norm)
            un = bnp.maximum(norm(u), min_norm)
            zero = (pn == 0.0) | (un == 0.0)
            ratio = bnp.where(zero, 1.0, trust_coefficient * pn / bnp.where(zero, 1.0, un + eps))
            return u * ratio.astype(bnp.asarray(u).dtype)

        return tree.map(one, updates, params), state

    return GradientTransformation(lambda params: EmptyState(), update)


def _by_block(size_of: Any, name: str, min_scale: float) -> GradientTransformation:
    """Each leaf's update times max(size of the leaf of the parameters, min_scale)."""

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        need_params(params, name)

        def one(u: Any, p: Any) -> Any:
            size = bnp.maximum(size_of(bnp.asarray(p) * 1.0), min_scale)
            return u * size.astype(bnp.asarray(u).dtype)

        return tree.map(one, updates, params), state

    return GradientTransformation(lambda params: EmptyState(), update)


def scale_by_param_block_norm(min_scale: float = 1e-3) -> GradientTransformation:
    """Each leaf's update times the Euclidean norm of that leaf of the parameters."""
    return _by_block(norm, "scale_by_param_block_norm", min_scale)


def scale_by_param_block_rms(min_scale: float = 1e-3) -> GradientTransformation:
    """Each leaf's update times the root mean square of that leaf of the parameters."""
    return _by_block(
        lambda p: norm(p) / max(p.size, 1) ** 0.5, "scale_by_param_block_rms", min_scale
    )
