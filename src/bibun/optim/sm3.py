"""SM3: second moments of whole rows and columns, in little memory (Anil et al., 2019)."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import GradientTransformation, ScalarOrSchedule, as_float, chain, zeros_like
from bibun.optim.scaling import scale_by_learning_rate


class ScaleBySM3State(NamedTuple):
    """Momentum, and for each leaf a tuple of one vector an axis."""

    mu: Any
    nu: Any


def _along(v: Any, axis: int, ndim: int) -> Any:
    """A vector placed along one axis of an array of `ndim` dimensions."""
    return bnp.reshape(v, tuple(-1 if k == axis else 1 for k in range(ndim)))


def _bound(vectors: tuple[Any, ...], ndim: int) -> Any:
    """The least of the vectors' entries at each place."""
    if ndim == 0:
        return vectors[0]
    return functools.reduce(bnp.minimum, [_along(v, k, ndim) for k, v in enumerate(vectors)])


def scale_by_sm3(
    b1: float = 0.9, b2: float = 1.0, eps: float = 1e-8
) -> GradientTransformation:
    """Gradients over the root of a second moment kept as its maxima along each axis."""

    def vectors_like(p: Any) -> tuple[Any, ...]:
        p = as_float(p)
        return tuple(bnp.zeros(n, p.dtype) for n in p.shape) or (bnp.zeros((), p.dtype),)

    def init(params: Any) -> ScaleBySM3State:
        return ScaleBySM3State(zeros_like(params), tree.map(vectors_like, params))

    def update(updates: Any, state: ScaleBySM3State, params: Any = None) -> Any:
        leaves, structure = tree.flatten(updates)
        vectors = structure.flatten_up_to(state.nu)
        fresh = 1.0 if b2 == 1.0 else 1.0 - b2
        steps, nus = [], []
        for g, vs in zip(leaves, vectors, strict=True):
            g = bnp.asarray(g)
            full = fresh * bnp.square(g) + b2 * _bound(vs, g.ndim)
            steps.append(bnp.where(full > 0, g / bnp.sqrt(full + eps), 0.0))
            if g.ndim < 2:
                nus.append((full,))
            else:
                axes = range(g.ndim)
                nus.append(
                    tuple(bnp.max(full, axis=tuple(a for a in axes if a != k)) for k in axes)
                )
        steps = tree.unflatten(structure, steps)
        mu = tree.map(lambda u, m: (1.0 - b1) * u + b1 * m, steps, state.mu)
        return mu, ScaleBySM3State(mu, tree.unflatten(structure, nus))

    return GradientTransformation(init, update)


def sm3(learning_rate: ScalarOrSchedule, momentum: float = 0.9) -> GradientTransformation:
    """SM3."""
    return chain(scale_by_sm3(momentum), scale_by_learning_rate(learning_rate))
