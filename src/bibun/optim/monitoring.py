"""Transformations that look at updates and change nothing: measurements are in their state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bibun.optim.averaging import ema
from bibun.optim.base import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    chain,
    stateless,
    with_extra_args_support,
)


class SnapshotState(NamedTuple):
    """The last measurement, by its name."""

    measurement: dict[str, Any]


class MonitorState(NamedTuple):
    """The last measurements by their names, and the states of what measures."""

    measurements: dict[str, Any]
    measure_states: tuple[Any, ...]


def snapshot(measure_name: str, measure: Callable[[Any], Any]) -> GradientTransformation:
    """Keeps `measure(updates)` in its state under that name.

    >>> from bibun import optim
    >>> tx = optim.snapshot("norm", optim.global_norm)
    >>> _, s = tx.update([3.0, 4.0], tx.init([0.0, 0.0]))
    >>> float(s.measurement["norm"])
    5.0
    """
    return GradientTransformation(
        lambda params: SnapshotState({measure_name: measure(params)}),
        lambda updates, state, params=None: (
            updates, SnapshotState({measure_name: measure(updates)})
        ),
    )  # fmt: skip


def monitor(measures: Mapping[str, Any]) -> GradientTransformationExtraArgs:
    """Keeps several measurements: functions of the updates, or transformations with a memory.

    See `measure_with_ema` for one of those. The first state has the measurements of the parameters.
    """

    def link(measure: Any) -> GradientTransformationExtraArgs:
        if isinstance(measure, tuple):  # a transformation
            return with_extra_args_support(measure)
        return with_extra_args_support(stateless(lambda updates, params: measure(updates)))

    links = {name: link(m) for name, m in measures.items()}

    def init(params: Any) -> MonitorState:
        states = {name: t.init(params) for name, t in links.items()}
        found = {name: t.update(params, states[name], params)[0] for name, t in links.items()}
        return MonitorState(found, tuple(states.values()))

    def update(updates: Any, state: MonitorState, params: Any = None, **extra: Any) -> Any:
        found, after = {}, []
        for (name, t), s in zip(links.items(), state.measure_states, strict=True):
            found[name], s = t.update(updates, s, params, **extra)
            after.append(s)
        return updates, MonitorState(found, tuple(after))

    return GradientTransformationExtraArgs(init, update)


def measure_with_ema(
    measure: Callable[[Any], Any], decay: float, debias: bool = True,
    accumulator_dtype: Any = None,
) -> Any:  # fmt: skip
    """The running average of `measure(updates)`, for `monitor`."""
    average = ema(decay, debias, accumulator_dtype)
    remembering = GradientTransformation(
        lambda params: average.init(measure(params)), average.update
    )
    return chain(stateless(lambda updates, params: measure(updates)), remembering)
