"""NovoGrad: one second moment a layer, gradients normalized by it (Ginsburg et al., 2019)."""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    GradientTransformation,
    ScalarOrSchedule,
    chain,
    need_params,
    safe_increment,
    tree_cast,
    zeros_like,
)
from bibun.optim.moments import squared
from bibun.optim.scaling import scale_by_learning_rate


class ScaleByNovogradState(NamedTuple):
    """Step count, momentum, one second moment (a scalar) for each leaf."""

    count: Any
    mu: Any
    nu: Any


def scale_by_novograd(
    b1: float = 0.9, b2: float = 0.25, eps: float = 1e-6, eps_root: float = 0.0,
    weight_decay: float = 0.0, mu_dtype: Any = None,
) -> GradientTransformation:  # fmt: skip
    """Momentum of gradients over the running norm of their leaf; the first step sets both."""

    # a number in the state of inject_hyperparams may be traced
    decays = not isinstance(weight_decay, int | float) or weight_decay != 0

    def init(params: Any) -> ScaleByNovogradState:
        return ScaleByNovogradState(
            bnp.asarray(0), zeros_like(params, mu_dtype),
            tree.map(lambda p: bnp.asarray(0.0), params),
        )  # fmt: skip

    def update(updates: Any, state: ScaleByNovogradState, params: Any = None) -> Any:
        if decays:
            need_params(params, "scale_by_novograd with weight_decay")
        first = bnp.equal(state.count, 0)

        def second(g: Any, v: Any) -> Any:
            now = bnp.sum(squared(g))
            return bnp.where(first, now, (1 - b2) * now + b2 * v)

        nu = tree.map(second, updates, state.nu)
        unit = tree.map(lambda g, v: g / (bnp.sqrt(v + eps_root) + eps), updates, nu)
        if decays:
            unit = tree.map(lambda u, p: u + weight_decay * p, unit, params)
        mu = tree.map(lambda u, m: bnp.where(first, u, b1 * m + u), unit, state.mu)
        kept = tree_cast(mu, mu_dtype)
        return mu, ScaleByNovogradState(safe_increment(state.count), kept, nu)

    return GradientTransformation(init, update)


def novograd(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.25, eps: float = 1e-6,
    eps_root: float = 0.0, weight_decay: float = 0.0,
) -> GradientTransformation:  # fmt: skip
    """NovoGrad."""
    return chain(
        scale_by_novograd(b1, b2, eps, eps_root, weight_decay),
        scale_by_learning_rate(learning_rate),
    )
