"""RMSProp: gradients over their running root mean square (Tieleman & Hinton, 2012)."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    GradientTransformation,
    ScalarOrSchedule,
    chain,
    identity,
    safe_increment,
    zeros_like,
)
from bibun.optim.moments import bias_correction as correct
from bibun.optim.moments import real_zeros_like, squared, update_moment
from bibun.optim.momentum import trace
from bibun.optim.scaling import scale_by_learning_rate


class ScaleByRmsState(NamedTuple):
    """Step count and running mean of squares."""

    count: Any
    nu: Any


class ScaleByStddevState(NamedTuple):
    """Step count, running mean, running mean of squares."""

    count: Any
    mu: Any
    nu: Any


def _divide(g: Any, v: Any, eps: float, eps_in_sqrt: bool) -> Any:
    if eps_in_sqrt:
        return g / bnp.sqrt(v + eps)
    return g / (bnp.sqrt(v) + eps)


def scale_by_rms(
    decay: float = 0.9, eps: float = 1e-8, initial_scale: float = 0.0, eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> GradientTransformation:  # fmt: skip
    """`g / sqrt(running mean of g² + eps)`."""

    def init(params: Any) -> ScaleByRmsState:
        nu = tree.map(lambda z: z + initial_scale, real_zeros_like(params))
        return ScaleByRmsState(bnp.asarray(0), nu)

    def update(updates: Any, state: ScaleByRmsState, params: Any = None) -> Any:
        nu = update_moment(updates, state.nu, decay, 2)
        count = safe_increment(state.count)
        v = correct(nu, decay, count) if bias_correction else nu
        out = tree.map(lambda g, v: _divide(g, v, eps, eps_in_sqrt), updates, v)
        return out, ScaleByRmsState(count, nu)

    return GradientTransformation(init, update)


def scale_by_stddev(
    decay: float = 0.9, eps: float = 1e-8, initial_scale: float = 0.0, eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> GradientTransformation:  # fmt: skip
    """Like `scale_by_rms`, with the running variance in place of the mean square."""

    def init(params: Any) -> ScaleByStddevState:
        nu = tree.map(lambda z: z + initial_scale, real_zeros_like(params))
        return ScaleByStddevState(bnp.asarray(0), zeros_like(params), nu)

    def update(updates: Any, state: ScaleByStddevState, params: Any = None) -> Any:
        mu = update_moment(updates, state.mu, decay, 1)
        nu = update_moment(updates, state.nu, decay, 2)
        count = safe_increment(state.count)
        m, v = (correct(x, decay, count) if bias_correction else x for x in (mu, nu))
        out = tree.map(
            lambda g, m, v: _divide(g, v - squared(m), eps, eps_in_sqrt), updates, m, v
        )
        return out, ScaleByStddevState(count, mu, nu)

    return GradientTransformation(init, update)


def rmsprop(
    learning_rate: ScalarOrSchedule, decay: float = 0.9, eps: float = 1e-8,
    initial_scale: float = 0.0, eps_in_sqrt: bool = True, centered: bool = False,
    momentum: float | None = None, nesterov: bool = False, bias_correction: bool = False,
) -> GradientTransformation:  # fmt: skip
    """RMSProp; `centered` subtracts the mean (Graves, 2013), momentum acts on the steps."""
    first = scale_by_stddev if centered else scale_by_rms
    return chain(
        first(decay, eps, initial_scale, eps_in_sqrt, bias_correction),
        scale_by_learning_rate(learning_rate),
        identity() if momentum is None else trace(momentum, nesterov),
    )
