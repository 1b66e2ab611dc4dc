"""Schedules: functions from the step count to a step size (or any other number).

Each factory returns `schedule(count)`; the count may be traced. Formulas are those of Optax
and, for cosine restarts, of Loshchilov & Hutter, SGDR (2017); one-cycle: Smith & Topin (2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from bibun import numpy as bnp

Schedule = Callable[[Any], Any]


def constant_schedule(value: Any) -> Schedule:
    """Always `value`.

    >>> constant_schedule(0.5)(10)
    0.5
    """
    return lambda count: value


def polynomial_schedule(
    init_value: Any, end_value: Any, power: Any, transition_steps: int, transition_begin: int = 0
) -> Schedule:
    """From `init_value` to `end_value` along `(1 - t)^power`, t from 0 to 1.

    >>> float(polynomial_schedule(1.0, 0.0, power=2, transition_steps=10)(5))
    0.25
    """
    if transition_steps <= 0:
        return constant_schedule(init_value)

    def schedule(count: Any) -> Any:
        count = bnp.clip(bnp.asarray(count) - transition_begin, 0, transition_steps)
        left = 1.0 - count / transition_steps
        return (init_value - end_value) * left**power + end_value

    return schedule


def linear_schedule(
    init_value: Any, end_value: Any, transition_steps: int, transition_begin: int = 0
) -> Schedule:
    """A straight line from `init_value` to `end_value`.

    >>> float(linear_schedule(1.0, 0.0, 4)(1))
    0.75
    """
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


def exponential_decay(
    init_value: Any,
    transition_steps: int,
    decay_rate: Any,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: Any = None,
) -> Schedule:
    """`init_value * decay_rate ** (count / transition_steps)`, stopping at `end_value`.

    >>> float(exponential_decay(1.0, 2, 0.25)(1))
    0.5
    """
    if transition_steps <= 0 or decay_rate == 0:
        return constant_schedule(init_value)
    bound = None
    if end_value is not None:
        bound = bnp.maximum if decay_rate < 1.0 else bnp.minimum

    def schedule(count: Any) -> Any:
        count = bnp.asarray(count) - transition_begin
        p = count / transition_steps
        if staircase:
            p = bnp.floor(p)
        value = bnp.where(count <= 0, init_value, init_value * decay_rate ** bnp.maximum(p, 0.0))
        return value if bound is None else bound(value, end_value)

    return schedule


def inverse_time_decay(
    init_value: Any, transition_steps: int, decay_rate: Any, staircase: bool = False
) -> Schedule:
    """`init_value / (1 + decay_rate * count / transition_steps)`.

    >>> float(inverse_time_decay(1.0, 10, 1.0)(10))
    0.5
    """

    def schedule(count: Any) -> Any:
        p = bnp.asarray(count) / transition_steps
        return init_value / (1.0 + decay_rate * (bnp.floor(p) if staircase else p))

    return schedule


def cosine_decay_schedule(
    init_value: Any, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0
) -> Schedule:
    """Half a cosine from `init_value` to `alpha * init_value`.

    >>> round(float(cosine_decay_schedule(1.0, 10)(5)), 12)
    0.5
    """
    if decay_steps <= 0:
        raise ValueError(f"cosine_decay_schedule: decay_steps must be positive, got {decay_steps}")

    def schedule(count: Any) -> Any:
        t = bnp.minimum(bnp.asarray(count), decay_steps) / decay_steps
        decay = 0.5 * (1.0 + bnp.cos(math.pi * t))
        return init_value * ((1.0 - alpha) * decay**exponent + alpha)

    return schedule


def piecewise_constant_schedule(
    init_value: Any, boundaries_and_scales: dict[int, Any] | None = None
) -> Schedule:
    """`init_value` times the scales of all boundaries that the count has passed.

    >>> s = piecewise_constant_schedule(1.0, {5: 0.5})
    >>> float(s(5)), float(s(6))
    (1.0, 0.5)
    """
    steps = sorted((boundaries_and_scales or {}).items())
    if any(scale < 0 for _, scale in steps):
        raise ValueError("piecewise_constant_schedule: scales must not be negative")

    def schedule(count: Any) -> Any:
        value = bnp.asarray(init_value)
        for boundary, scale in steps:
            value = value * bnp.where(bnp.asarray(count) > boundary, scale, 1.0)
        return value

    return schedule


def piecewise_interpolate_schedule(
    interpolate_type: str, init_value: float, boundaries_and_scales: dict[int, float] | None = None
) -> Schedule:
    """Like `piecewise_constant_schedule`, with lines or half cosines between the boundaries.

    `interpolate_type`: "linear" or "cosine".
    """
    if interpolate_type not in ("linear", "cosine"):
        raise ValueError(f"interpolate_type must be 'linear' or 'cosine', got {interpolate_type!r}")
    places, values = [0], [init_value]
    for boundary, scale in sorted((boundaries_and_scales or {}).items()):
        places.append(boundary)
        values.append(values[-1] * scale)

    def schedule(count: Any) -> Any:
        value = bnp.asarray(values[-1]) * 1.0
        for a, b, v, w in list(zip(places, places[1:], values, values[1:], strict=False))[::-1]:
            t = (bnp.asarray(count) - a) / (b - a)
            t = t if interpolate_type == "linear" else 0.5 * (1.0 - bnp.cos(math.pi * t))
            value = bnp.where(bnp.asarray(count) < b, v + (w - v) * t, value)
        return value

    return schedule


def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """One schedule after another; each counts from its own boundary.

    >>> s = join_schedules([constant_schedule(1.0), constant_schedule(2.0)], [3])
    >>> float(s(2)), float(s(3))
    (1.0, 2.0)
    """
    if len(schedules) != len(boundaries) + 1:
        raise ValueError(
            f"join_schedules: {len(schedules)} schedules need {len(schedules) - 1} boundaries, "
            f"got {len(boundaries)}"
        )

    def schedule(count: Any) -> Any:
        value = schedules[0](count)
        for boundary, s in zip(boundaries, schedules[1:], strict=True):
            count_here = bnp.maximum(bnp.asarray(count) - boundary, 0)
            value = bnp.where(bnp.asarray(count) < boundary, value, s(count_here))
        return value

    return schedule


def warmup_cosine_decay_schedule(
    init_value: float, peak_value: float, warmup_steps: int, decay_steps: int,
    end_value: float = 0.0, exponent: float = 1.0,
) -> Schedule:  # fmt: skip
    """A line up to `peak_value`, then half a cosine down; `decay_steps` counts both."""
    alpha = 0.0 if peak_value == 0.0 else end_value / peak_value
    return join_schedules(
        [
            linear_schedule(init_value, peak_value, warmup_steps),
            cosine_decay_schedule(peak_value, decay_steps - warmup_steps, alpha, exponent),
        ],
        [warmup_steps],
    )


def warmup_constant_schedule(init_value: float, peak_value: float, warmup_steps: int) -> Schedule:
    """A line up to `peak_value`, which is then kept."""
    return linear_schedule(init_value, peak_value, warmup_steps)


def warmup_exponential_decay_schedule(
    init_value: float, peak_value: float, warmup_steps: int, transition_steps: int,
    decay_rate: float, transition_begin: int = 0, staircase: bool = False,
    end_value: float | None = None,
) -> Schedule:  # fmt: skip
    """A line up to `peak_value`, then exponential decay."""
    return join_schedules(
        [
            linear_schedule(init_value, peak_value, warmup_steps),
            exponential_decay(
                peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value
            ),
        ],
        [warmup_steps],
    )


def sgdr_schedule(cosine_kwargs: Sequence[dict[str, Any]]) -> Schedule:
    """Cosine decay with warm restarts; each dict holds the arguments of one
    `warmup_cosine_decay_schedule`."""
    boundaries, step = [], 0
    schedules = []
    for kw in cosine_kwargs:
        schedules.append(warmup_cosine_decay_schedule(**kw))
        step += kw["decay_steps"]
        boundaries.append(step)
    return join_schedules(schedules, boundaries[:-1])


def linear_onecycle_schedule(
    transition_steps: int, peak_value: float, pct_start: float = 0.3, pct_final: float = 0.85,
    div_factor: float = 25.0, final_div_factor: float = 1e4,
) -> Schedule:  # fmt: skip
    """One cycle of straight lines: up, down, and far down."""
    return piecewise_interpolate_schedule(
        "linear", peak_value / div_factor,
        {
            int(pct_start * transition_steps): div_factor,
            int(pct_final * transition_steps): 1.0 / div_factor,
            transition_steps: 1.0 / final_div_factor,
        },
    )  # fmt: skip


def cosine_onecycle_schedule(
    transition_steps: int, peak_value: float, pct_start: float = 0.3, div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:  # fmt: skip
    """One cycle of half cosines: up, and far down."""
    return piecewise_interpolate_schedule(
        "cosine", peak_value / div_factor,
        {
            int(pct_start * transition_steps): div_factor,
            transition_steps: 1.0 / (div_factor * final_div_factor),
        },
    )  # fmt: skip
