"""Adam with another momentum: AdEMAMix (two of them), ADOPT (normalized by the last variance).

AdEMAMix: Pagliardini, Ablin & Grangier (2024): a fast and a very slow average of gradients.
ADOPT: Taniguchi et al. (NeurIPS 2024): each gradient is divided by the second moment of those
before it, then averaged; converges for any b2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.adam import ScaleByAdamState
from bibun.optim.base import (
    GradientTransformation,
    ScalarOrSchedule,
    chain,
    safe_increment,
    tree_cast,
    zeros_like,
)
from bibun.optim.decay import add_decayed_weights
from bibun.optim.moments import bias_correction, rate_at, real_zeros_like, update_moment
from bibun.optim.scaling import scale_by_learning_rate


class ScaleByAdemamixState(NamedTuple):
    """Step counts (the second may be reset to start the schedules anew), moments."""

    count: Any
    count_m2: Any
    m1: Any
    m2: Any
    nu: Any


class ScaleBySimplifiedAdEMAMixState(NamedTuple):
    """Step count, sum of gradients, second moment."""

    t: Any
    m: Any
    n: Any


def scale_by_ademamix(
    b1: float = 0.9, b2: float = 0.999, b3: ScalarOrSchedule = 0.9999,
    alpha: ScalarOrSchedule = 6.0, eps: float = 1e-8, eps_root: float = 0.0, mu_dtype: Any = None,
) -> GradientTransformation:  # fmt: skip
    """(m̂₁ + alpha m₂) / (√(v̂ + eps_root) + eps), m₂ an average with the slow decay b3."""

    def init(params: Any) -> ScaleByAdemamixState:
        zero, zeros = bnp.asarray(0), zeros_like(params, mu_dtype)
        return ScaleByAdemamixState(zero, zero, zeros, zeros, real_zeros_like(params))

    def update(updates: Any, state: ScaleByAdemamixState, params: Any = None) -> Any:
        slow, share = rate_at(b3, state.count_m2), rate_at(alpha, state.count_m2)
        m1 = update_moment(updates, state.m1, b1, 1)
        m2 = update_moment(updates, state.m2, slow, 1)
        nu = update_moment(updates, state.nu, b2, 2)
        count = safe_increment(state.count)
        out = tree.map(
            lambda m1, m2, v: (m1 + share * m2) / (bnp.sqrt(v + eps_root) + eps),
            bias_correction(m1, b1, count), m2, bias_correction(nu, b2, count),
        )  # fmt: skip
        m1, m2 = tree_cast((m1, m2), mu_dtype)
        return out, ScaleByAdemamixState(count, safe_increment(state.count_m2), m1, m2, nu)

    return GradientTransformation(init, update)


def ademamix(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999,
    b3: ScalarOrSchedule = 0.9999, alpha: ScalarOrSchedule = 5.0, eps: float = 1e-8,
    eps_root: float = 0.0, mu_dtype: Any = None, weight_decay: float = 0.0, mask: Any = None,
) -> GradientTransformation:  # fmt: skip
    """AdEMAMix with decoupled weight decay; b3 and alpha may be schedules."""
    return chain(
        scale_by_ademamix(b1, b2, b3, alpha, eps, eps_root, mu_dtype),
        add_decayed_weights(weight_decay, mask), scale_by_learning_rate(learning_rate),
    )  # fmt: skip


def scale_by_simplified_ademamix(
    b1: float = 0.99, b2: float = 0.95, alpha: ScalarOrSchedule = 0.0, eps: float = 1e-8,
    eps_root: float = 0.0,
) -> GradientTransformation:  # fmt: skip
    """(m + alpha g) / (√(v̂ + eps_root) + eps), m⁺ = b1 m + g (Morwani et al., 2025)."""

    def init(params: Any) -> ScaleBySimplifiedAdEMAMixState:
        return ScaleBySimplifiedAdEMAMixState(
            bnp.asarray(0), zeros_like(params), real_zeros_like(params)
        )

    def update(updates: Any, state: ScaleBySimplifiedAdEMAMixState, params: Any = None) -> Any:
        share = rate_at(alpha, state.t)
        m = tree.map(lambda g, m: g + b1 * m, updates, state.m)
        n = update_moment(updates, state.n, b2, 2)
        t = safe_increment(state.t)
        out = tree.map(
            lambda m, g, v: (m + share * g) / (bnp.sqrt(v + eps_root) + eps), m, updates,
            bias_correction(n, b2, t),
        )  # fmt: skip
        return out, ScaleBySimplifiedAdEMAMixState(t, m, n)

    return GradientTransformation(init, update)


def simplified_ademamix(
    learning_rate: ScalarOrSchedule, b1: float = 0.99, b2: float = 0.95,
    alpha: ScalarOrSchedule = 0.0, eps: float = 1e-8, eps_root: float = 0.0,
    weight_decay: float = 0.0, mask: Any = None,
) -> GradientTransformation:  # fmt: skip
    """Simplified AdEMAMix with decoupled weight decay; rates about 1 - b1 times Adam's."""
    return chain(
        scale_by_simplified_ademamix(b1, b2, alpha, eps, eps_root),
        add_decayed_weights(weight_decay, mask), scale_by_learning_rate(learning_rate),
    )  # fmt: skip


def _fourth_root(count: Any) -> Any:
    return bnp.asarray(count) ** 0.25


def scale_by_adopt(
    b1: float = 0.9, b2: float = 0.9999, eps: float = 1e-6, mu_dtype: Any = None, *,
    nesterov: bool = False, use_clipping: bool = True,
    clip_value_fn: Callable[[Any], Any] = _fourth_root,
) -> GradientTransformation:  # fmt: skip
    """An average of g / max(√v, eps), v the second moment before this gradient.

    The first gradient only sets v. `use_clipping`: elements at most `clip_value_fn(count)`.
    """

    def init(params: Any) -> ScaleByAdamState:
        return ScaleByAdamState(
            bnp.asarray(0), zeros_like(params, mu_dtype), real_zeros_like(params)
        )

    def update(updates: Any, state: ScaleByAdamState, params: Any = None) -> Any:
        first = bnp.equal(state.count, 0)
        decay1, decay2 = bnp.where(first, 1.0, b1), bnp.where(first, 0.0, b2)
        limit = clip_value_fn(state.count)

        def normalized(g: Any, v: Any) -> Any:
            u = g / bnp.maximum(bnp.sqrt(v), eps)
            return bnp.clip(u, -limit, limit) if use_clipping else u

        units = tree.map(normalized, updates, state.nu)
        nu = update_moment(updates, state.nu, decay2, 2)
        mu = update_moment(units, state.mu, decay1, 1)
        out = update_moment(units, mu, decay1, 1) if nesterov else mu
        return out, ScaleByAdamState(safe_increment(state.count), tree_cast(mu, mu_dtype), nu)

    return GradientTransformation(init, update)


def adopt(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.9999, eps: float = 1e-6,
    mu_dtype: Any = None, *, nesterov: bool = False, use_clipping: bool = True,
    clip_value_fn: Callable[[Any], Any] = _fourth_root,
) -> GradientTransformation:  # fmt: skip
    """ADOPT; the first update is zero."""
    return chain(
        scale_by_adopt(
            b1, b2, eps, mu_dtype, nesterov=nesterov, use_clipping=use_clipping,
            clip_value_fn=clip_value_fn,
        ),
        scale_by_learning_rate(learning_rate),
    )  # fmt: skip
