"""Updates that keep parameters where they belong."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    EmptyState,
    GradientTransformation,
    GradientTransformationExtraArgs,
    need_params,
    stateless,
    with_extra_args_support,
)


def keep_params_nonnegative() -> GradientTransformation:
    """Updates cut so that `params + updates` is not negative."""

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        need_params(params, "keep_params_nonnegative")
        out = tree.map(lambda p, u: bnp.where(p + u < 0.0, -p, u), params, updates)
        return out, state

    return GradientTransformation(lambda params: EmptyState(), update)


def _subtract_mean(g: Any) -> Any:
    g = bnp.asarray(g)
    return g - bnp.mean(g, axis=tuple(range(1, g.ndim)), keepdims=True) if g.ndim > 1 else g


def centralize() -> GradientTransformation:
    """Updates minus their mean over all axes but the first (Yong et al., 2020)."""
    return stateless(lambda updates, params: tree.map(_subtract_mean, updates))


def normalize_by_update_norm(
    scale_factor: float = 1.0, eps: float = 1e-6
) -> GradientTransformation:
    """Updates times `scale_factor` over their global norm."""
    from bibun.optim.base import global_norm

    def f(updates: Any, params: Any) -> Any:
        size = global_norm(updates) + eps
        return tree.map(lambda g: g * scale_factor / size, updates)

    return stateless(f)


def flatten(inner: Any) -> GradientTransformationExtraArgs:
    """`inner` on all leaves in one vector: fewer, larger operations."""
    inner = with_extra_args_support(inner)

    def init(params: Any) -> Any:
        return inner.init(tree.ravel(params)[0])

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        vector, back = tree.ravel(updates)
        at = None if params is None else tree.ravel(params)[0]
        out, state = inner.update(vector, state, at, **extra)
        return back(out), state

    return GradientTransformationExtraArgs(init, update)
