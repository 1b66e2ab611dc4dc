"""Step sizes from distances: how far the iterates went, over how large the gradients were.

DoG: Ivgi, Hinder & Carmon (2023), step r / √Σ‖g‖² with r the largest distance from the start.
DoWG: Khaled, Mishchenko & Jin (2023), r² / √Σ r²‖g‖².
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import (
    GradientTransformation,
    ScalarOrSchedule,
    chain,
    global_norm,
    identity,
    need_params,
    tree_scale,
    tree_sub,
    tree_vdot,
)
from bibun.optim.decay import add_decayed_weights
from bibun.optim.scaling import scale_by_learning_rate

_INITS = ("distance", "learning_rate", "heuristic")


class DoGState(NamedTuple):
    """Is this the first step, where it began, the largest distance, the sum of ‖g‖²."""

    is_init_step: Any
    init_params: Any
    max_dist: Any
    sum_sq_norm_grads: Any


class DoWGState(NamedTuple):
    """Where it began, the sum of r²‖g‖², and r²."""

    init_params: Any
    weighted_sq_norm_grads: Any
    estim_sq_dist: Any


def scale_by_dog(init_step: tuple[str, float], eps: float = 1e-8) -> GradientTransformation:
    """Updates times (largest distance from the start) / √(sum of squared gradients).

    `init_step`: what stands for the distance at first: ("distance", r), ("heuristic", a) for
    a (1 + ‖params‖), or ("learning_rate", a) for the size of the first step itself.
    """
    kind, first = init_step
    if kind not in _INITS:
        raise ValueError(f"scale_by_dog: init_step[0] must be one of {_INITS}, got {kind!r}")

    def init(params: Any) -> DoGState:
        far = {"distance": first, "learning_rate": 0.0}.get(kind)
        far = first * (1.0 + global_norm(params)) if far is None else far
        return DoGState(
            bnp.asarray(True), tree.map(bnp.asarray, params), bnp.asarray(far), bnp.asarray(0.0)
        )

    def update(updates: Any, state: DoGState, params: Any = None) -> Any:
        need_params(params, "scale_by_dog")
        far = bnp.maximum(state.max_dist, global_norm(tree_sub(state.init_params, params)))
        total = state.sum_sq_norm_grads + tree_vdot(updates, updates)
        size = far / bnp.sqrt(total + eps)
        if kind == "learning_rate":
            size = bnp.where(state.is_init_step, first, size)
        after = DoGState(bnp.asarray(False), state.init_params, far, total)
        return tree_scale(size, updates), after

    return GradientTransformation(init, update)


def scale_by_dowg(
    init_estim_sq_dist: float | None = None, eps: float = 1e-4
) -> GradientTransformation:
    """Updates times r² / (√Σ r²‖g‖² + eps), r² the largest squared distance from the start.

    `init_estim_sq_dist`: the first r², default `eps`.
    """

    def init(params: Any) -> DoWGState:
        first = eps if init_estim_sq_dist is None else init_estim_sq_dist
        return DoWGState(tree.map(bnp.asarray, params), bnp.asarray(0.0), bnp.asarray(first * 1.0))

    def update(updates: Any, state: DoWGState, params: Any = None) -> Any:
        need_params(params, "scale_by_dowg")
        way = tree_sub(state.init_params, params)
        square = bnp.maximum(state.estim_sq_dist, tree_vdot(way, way))
        total = state.weighted_sq_norm_grads + square * tree_vdot(updates, updates)
        size = square / (bnp.sqrt(total) + eps)
        return tree_scale(size, updates), DoWGState(state.init_params, total, square)

    return GradientTransformation(init, update)


def _with_decay(link: Any, learning_rate: Any, weight_decay: float | None, mask: Any) -> Any:
    decay = identity() if weight_decay is None else add_decayed_weights(weight_decay, mask)
    return chain(decay, link, scale_by_learning_rate(learning_rate))


def dog(
    learning_rate: ScalarOrSchedule = 1.0, init_step: tuple[str, float] = ("heuristic", 1e-6),
    eps: float = 1e-8, weight_decay: float | None = None, mask: Any = None,
) -> GradientTransformation:  # fmt: skip
    """Gradient descent with the step sizes of `scale_by_dog`; average the iterates in the end."""
    return _with_decay(scale_by_dog(init_step, eps), learning_rate, weight_decay, mask)


def dowg(
    learning_rate: ScalarOrSchedule = 1.0, init_estim_sq_dist: float | None = None,
    eps: float = 1e-4, weight_decay: float | None = None, mask: Any = None,
) -> GradientTransformation:  # fmt: skip
    """Gradient descent with the step sizes of `scale_by_dowg`.

    >>> from bibun import optim
    >>> tx = optim.contrib.dowg()
    >>> p = 10.0
    >>> s = tx.init(p)
    >>> for _ in range(300):
    ...     u, s = tx.update(2.0 * p, s, p)
    ...     p = optim.apply_updates(p, u)
    >>> abs(float(p)) < 0.5
    True
    """
    return _with_decay(scale_by_dowg(init_estim_sq_dist, eps), learning_rate, weight_decay, mask)
