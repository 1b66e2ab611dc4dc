"""Proximal operators: prox(x, hyperparams, scaling) = argmin_y ½‖y - x‖² + scaling g(y).

All take and return pytrees. Parikh & Boyd, *Proximal Algorithms* (2014). Constraints are the
operators of indicator functions: `make_prox_from_projection` and `projection.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun import tree


def _each(f: Callable[..., Any], x: Any, hyper: Any) -> Any:
    """`f(leaf, hyperparameter)`; the hyperparameter may be one for all leaves, or a pytree."""
    if tree.treedef_is_leaf(tree.structure(hyper)):
        return tree.map(lambda v: f(v, hyper), x)
    return tree.map(f, x, hyper)


def prox_none(x: Any, hyperparams: Any = None, scaling: Any = 1.0) -> Any:
    """x: the operator of g = 0."""
    del hyperparams, scaling
    return x


def prox_lasso(x: Any, l1reg: Any = 1.0, scaling: Any = 1.0) -> Any:
    """Soft thresholding, g = l1reg ‖y‖₁.

    >>> import bibun.numpy as bnp
    >>> [float(v) for v in prox_lasso(bnp.array([3.0, 0.5]), 1.0)]
    [2.0, 0.0]
    """
    return _each(
        lambda v, r: bnp.sign(v) * bnp.maximum(bnp.abs(v) - r * scaling, 0.0), x,
        1.0 if l1reg is None else l1reg,
    )  # fmt: skip


def prox_non_negative_lasso(x: Any, l1reg: Any = 1.0, scaling: Any = 1.0) -> Any:
    """g = l1reg ‖y‖₁ with y ≥ 0."""
    return _each(lambda v, r: bnp.maximum(v - r * scaling, 0.0), x, l1reg)


def prox_elastic_net(x: Any, hyperparams: Any = (1.0, 1.0), scaling: Any = 1.0) -> Any:
    """g = λ (‖y‖₁ + ½ γ ‖y‖²), hyperparams = (λ, γ)."""
    lam, gamma = hyperparams

    def one(v: Any) -> Any:
        soft = bnp.sign(v) * bnp.maximum(bnp.abs(v) - scaling * lam, 0.0)
        return soft / (1.0 + scaling * lam * gamma)

    return tree.map(one, x)


def prox_ridge(x: Any, l2reg: Any = 1.0, scaling: Any = 1.0) -> Any:
    """g = ½ l2reg ‖y‖²."""
    return _each(lambda v, r: v / (1.0 + scaling * r), x, l2reg)


def prox_non_negative_ridge(x: Any, l2reg: Any = 1.0, scaling: Any = 1.0) -> Any:
    """g = ½ l2reg ‖y‖² with y ≥ 0."""
    return _each(lambda v, r: bnp.maximum(v / (1.0 + scaling * r), 0.0), x, l2reg)


def prox_group_lasso(x: Any, l2reg: Any = 1.0, scaling: Any = 1.0) -> Any:
    """g = l2reg ‖y‖₂ of each leaf: whole leaves become zero."""

    def one(v: Any, r: Any) -> Any:
        square = bnp.sum(v * v)
        size = bnp.sqrt(bnp.where(square > 0, square, 1.0))
        return v * bnp.where(square > 0, bnp.maximum(1.0 - r * scaling / size, 0.0), 0.0)

    return _each(one, x, l2reg)


def prox_log_barrier(x: Any, hyperparams: Any = 1.0, scaling: Any = 1.0) -> Any:
    """g = -hyperparams Σ log y."""
    return _each(lambda v, r: 0.5 * (v + bnp.sqrt(v * v + 4.0 * scaling * r)), x, hyperparams)


def make_prox_from_projection(projection: Callable[..., Any]) -> Callable[..., Any]:
    """The proximal operator of a set's indicator function: the projection onto it."""

    def prox(x: Any, hyperparams: Any = None, scaling: Any = 1.0) -> Any:
        del scaling
        return projection(x, hyperparams)

    return prox
