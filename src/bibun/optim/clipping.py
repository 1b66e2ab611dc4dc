"""Clipping of gradients: by value, by each leaf's norm, by the norm of all, adaptively."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    EmptyState,
    GradientTransformation,
    global_norm,
    need_params,
    stateless,
)
from bibun.optim.scaling import norm


def clip(max_delta: Any) -> GradientTransformation:
    """Each element into [-max_delta, max_delta].

    >>> from bibun import optim
    >>> float(optim.clip(1.0).update(-3.0, None)[0])
    -1.0
    """
    return stateless(
        lambda updates, params: tree.map(lambda g: bnp.clip(g, -max_delta, max_delta), updates)
    )


def _shrink(g: Any, size: Any, limit: Any) -> Any:
    g = bnp.asarray(g)
    factor = bnp.where(size < limit, 1.0, limit / bnp.where(size < limit, 1.0, size))
    return g * factor.astype(g.dtype)


def clip_by_block_rms(threshold: float) -> GradientTransformation:
    """Each leaf scaled down to a root mean square of at most `threshold`."""

    def one(u: Any) -> Any:
        return _shrink(u, bnp.sqrt(bnp.mean(bnp.square(u))), threshold)

    return stateless(lambda updates, params: tree.map(one, updates))


def clip_by_global_norm(max_norm: float) -> GradientTransformation:
    """All leaves scaled down together to a Euclidean norm of at most `max_norm` (Pascanu, 2013).

    >>> from bibun import optim
    >>> [round(float(x), 6) for x in optim.clip_by_global_norm(1.0).update([3.0, 4.0], None)[0]]
    [0.6, 0.8]
    """

    def f(updates: Any, params: Any) -> Any:
        size = global_norm(updates)
        return tree.map(lambda g: _shrink(g, size, max_norm), updates)

    return stateless(f)


def adaptive_grad_clip(clipping: float, eps: float = 1e-3) -> GradientTransformation:
    """Each unit's gradient at most `clipping` times the norm of its weights (Brock et al., 2021).

    A unit is a column of a matrix (all axes but the last of a larger array), a whole vector.
    """

    def unitwise(x: Any) -> Any:
        if bnp.ndim(x) <= 1:
            return bnp.broadcast_to(norm(x), bnp.shape(x))
        axes = 0 if x.ndim == 2 else tuple(range(x.ndim - 1))
        return bnp.sqrt(bnp.sum(bnp.square(x), axis=axes, keepdims=True))

    def one(g: Any, p: Any) -> Any:
        g = bnp.asarray(g)
        size, limit = unitwise(g), clipping * bnp.maximum(unitwise(bnp.asarray(p)), eps)
        return bnp.where(size < limit, g, g * (limit / bnp.maximum(size, 1e-6)))

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        need_params(params, "adaptive_grad_clip")
        return tree.map(one, updates, params), state

    return GradientTransformation(lambda params: EmptyState(), update)
