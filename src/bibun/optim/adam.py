"""Adam (Kingma & Ba, 2015) and its close kin: AdamW, NAdam, AMSGrad, AdaMax.

m and v are running averages of g and g²; the update is m̂ / (√(v̂ + eps_root) + eps) with
hats for bias correction. NAdam puts Nesterov's look-ahead into m̂ (Dozat, 2016), AMSGrad
never lets v̂ decrease (Reddi et al., 2018), AdaMax takes the infinity norm for v, AdamW
(Loshchilov & Hutter, 2019) decays weights apart from the gradient.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    GradientTransformation,
    ScalarOrSchedule,
    chain,
    safe_increment,
    tree_cast,
    zeros_like,
)
from bibun.optim.decay import add_decayed_weights
from bibun.optim.moments import bias_correction, first_moment, real_zeros_like, update_moment
from bibun.optim.scaling import scale_by_learning_rate


class ScaleByAdamState(NamedTuple):
    """Step count, first and second moment."""

    count: Any
    mu: Any
    nu: Any


class ScaleByAmsgradState(NamedTuple):
    """Step count, moments, and the largest corrected second moment so far."""

    count: Any
    mu: Any
    nu: Any
    nu_max: Any


def scale_by_adam(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_root: float = 0.0,
    mu_dtype: Any = None, *, nesterov: bool = False,
) -> GradientTransformation:  # fmt: skip
    """Updates rescaled by Adam's moments."""

    def init(params: Any) -> ScaleByAdamState:
        return ScaleByAdamState(
            bnp.asarray(0), zeros_like(params, mu_dtype), real_zeros_like(params)
        )

    def update(updates: Any, state: ScaleByAdamState, params: Any = None) -> Any:
        mu = update_moment(updates, state.mu, b1, 1)
        nu = update_moment(updates, state.nu, b2, 2)
        count = safe_increment(state.count)
        m = first_moment(updates, mu, b1, count, nesterov)
        v = bias_correction(nu, b2, count)
        out = tree.map(lambda m, v: m / (bnp.sqrt(v + eps_root) + eps), m, v)
        return out, ScaleByAdamState(count, tree_cast(mu, mu_dtype), nu)

    return GradientTransformation(init, update)


def scale_by_amsgrad(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_root: float = 0.0,
    mu_dtype: Any = None, bias_correction_mu: bool = True, bias_correction_nu: bool = True,
) -> GradientTransformation:  # fmt: skip
    """Updates rescaled by AMSGrad's moments; either may go without the correction of its start."""

    def init(params: Any) -> ScaleByAmsgradState:
        return ScaleByAmsgradState(
            bnp.asarray(0), zeros_like(params, mu_dtype), real_zeros_like(params),
            real_zeros_like(params),
        )  # fmt: skip

    def update(updates: Any, state: ScaleByAmsgradState, params: Any = None) -> Any:
        mu = update_moment(updates, state.mu, b1, 1)
        nu = update_moment(updates, state.nu, b2, 2)
        count = safe_increment(state.count)
        m = bias_correction(mu, b1, count) if bias_correction_mu else mu
        v = bias_correction(nu, b2, count) if bias_correction_nu else nu
        top = tree.map(bnp.maximum, state.nu_max, v)
        out = tree.map(lambda m, v: m / (bnp.sqrt(v + eps_root) + eps), m, top)
        return out, ScaleByAmsgradState(count, tree_cast(mu, mu_dtype), nu, top)

    return GradientTransformation(init, update)


def scale_by_adamax(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> GradientTransformation:
    """Updates rescaled by AdaMax's moments: `v = max(|g| + eps, b2 v)`."""

    def init(params: Any) -> ScaleByAdamState:
        return ScaleByAdamState(bnp.asarray(0), zeros_like(params), real_zeros_like(params))

    def update(updates: Any, state: ScaleByAdamState, params: Any = None) -> Any:
        mu = update_moment(updates, state.mu, b1, 1)
        nu = tree.map(lambda g, v: bnp.maximum(bnp.abs(g) + eps, b2 * v), updates, state.nu)
        count = safe_increment(state.count)
        out = tree.map(lambda m, v: m / v, bias_correction(mu, b1, count), nu)
        return out, ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init, update)


def adam(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    eps_root: float = 0.0, mu_dtype: Any = None, *, nesterov: bool = False,
) -> GradientTransformation:  # fmt: skip
    """Adam. The first step has the size of the learning rate, whatever the gradient.

    >>> from bibun import optim
    >>> tx = optim.adam(0.1)
    >>> round(float(tx.update(123.0, tx.init(1.0))[0]), 9)
    -0.1
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )


def nadam(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    eps_root: float = 0.0, mu_dtype: Any = None, *, nesterov: bool = True,
) -> GradientTransformation:  # fmt: skip
    """Adam with Nesterov's momentum."""
    return adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)


def adamw(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    eps_root: float = 0.0, mu_dtype: Any = None, weight_decay: float = 1e-4, mask: Any = None,
    *, nesterov: bool = False,
) -> GradientTransformation:  # fmt: skip
    """Adam with decoupled weight decay; `mask` says which leaves decay."""
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def nadamw(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    eps_root: float = 0.0, mu_dtype: Any = None, weight_decay: float = 1e-4, mask: Any = None,
    *, nesterov: bool = True,
) -> GradientTransformation:  # fmt: skip
    """NAdam with decoupled weight decay."""
    return adamw(
        learning_rate, b1, b2, eps, eps_root, mu_dtype, weight_decay, mask, nesterov=nesterov
    )


def amsgrad(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    eps_root: float = 0.0, mu_dtype: Any = None, bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> GradientTransformation:  # fmt: skip
    """AMSGrad."""
    return chain(
        scale_by_amsgrad(
            b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu
        ),
        scale_by_learning_rate(learning_rate),
    )  # fmt: skip


def adamax(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> GradientTransformation:
    """AdaMax."""
    return chain(scale_by_adamax(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adamaxw(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    weight_decay: float = 1e-4, mask: Any = None,
) -> GradientTransformation:  # fmt: skip
    """AdaMax with decoupled weight decay."""
    return chain(
        scale_by_adamax(b1, b2, eps),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
