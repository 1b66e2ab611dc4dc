"""AdaBelief: the second moment is that of the gradient's surprise (Zhuang et al., 2020)."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    GradientTransformation,
    ScalarOrSchedule,
    chain,
    safe_increment,
    zeros_like,
)
from bibun.optim.moments import bias_correction, first_moment, real_zeros_like, update_moment
from bibun.optim.scaling import scale_by_learning_rate


class ScaleByBeliefState(NamedTuple):
    """Step count, first moment, second moment of g minus the first."""

    count: Any
    mu: Any
    nu: Any


def scale_by_belief(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-16, eps_root: float = 1e-16, *,
    nesterov: bool = False,
) -> GradientTransformation:  # fmt: skip
    """Updates rescaled by how far gradients are from their running average."""

    def init(params: Any) -> ScaleByBeliefState:
        return ScaleByBeliefState(bnp.asarray(0), zeros_like(params), real_zeros_like(params))

    def update(updates: Any, state: ScaleByBeliefState, params: Any = None) -> Any:
        mu = update_moment(updates, state.mu, b1, 1)
        surprise = tree.map(lambda g, m: g - m, updates, mu)
        nu = update_moment(surprise, state.nu, b2, 2)
        count = safe_increment(state.count)
        v = bias_correction(nu, b2, count)
        m = first_moment(updates, mu, b1, count, nesterov)
        out = tree.map(lambda m, v: m / (bnp.sqrt(v + eps_root) + eps), m, v)
        return out, ScaleByBeliefState(count, mu, nu)

    return GradientTransformation(init, update)


def adabelief(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-16,
    eps_root: float = 1e-16, *, nesterov: bool = False,
) -> GradientTransformation:  # fmt: skip
    """AdaBelief, with Nesterov's momentum if asked for."""
    return chain(
        scale_by_belief(b1, b2, eps, eps_root, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )
