"""Proximal operators: prox(x, hyperparams, scaling) = argmin_y ½‖y - x‖² + scaling g(y).

All take and return pytrees. Parikh & Boyd, *Proximal Algorithms* (2014). Constraints are the
operators of indicator functions: `make_prox_from_projection` and `projection.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun import tree


def _each(f: Callable[..., Any], x: Any, *hypers: Any) -> Any:
    """`f(leaf, *hyperparameters)`; each of them one for all leaves, or a pytree; None is 1."""

    def like(hyper: Any) -> Any:
        if hyper is None:
            hyper = 1.0
        if tree.treedef_is_leaf(tree.structure(hyper)):
            return tree.map(lambda _: hyper, x)
        return hyper

    return tree.map(f, x, *map(like, hypers))


def prox_none(x: Any, hyperparams: Any = None, scaling: Any = 1.0) -> Any:
    """x: the operator of g = 0."""
    del hyperparams, scaling
    return x


def prox_lasso(x: Any, l1reg: Any = None, scaling: Any = 1.0) -> Any:
    """Soft thresholding, g = l1reg ‖y‖₁.

    >>> import bibun.numpy as bnp
    >>> [float(v) for v in prox_lasso(bnp.array([3.0, 0.5]), 1.0)]
    [2.0, 0.0]
    """
    return _each(
        lambda v, r: bnp.sign(v) * bnp.maximum(bnp.abs(v) - r * scaling, 0.0), x, l1reg
    )


def prox_non_negative_lasso(x: Any, l1reg: Any = None, scaling: Any = 1.0) -> Any:
    """g = l1reg ‖y‖₁ with y ≥ 0."""
    return _each(lambda v, r: bnp.maximum(v - r * scaling, 0.0), x, l1reg)


def prox_elastic_net(x: Any, hyperparams: Any = None, scaling: Any = 1.0) -> Any:
    """g = λ (‖y‖₁ + ½ γ ‖y‖²), hyperparams = (λ, γ), each a number or a pytree like x."""
    lam, gamma = (None, None) if hyperparams is None else hyperparams

    def one(v: Any, lam: Any, gamma: Any) -> Any:
        soft = bnp.sign(v) * bnp.maximum(bnp.abs(v) - scaling * lam, 0.0)
        return soft / (1.0 + scaling * lam * gamma)

    return _each(one, x, lam, gamma)


def prox_ridge(x: Any, l2reg: Any = 1.0, scaling: Any = 1.0) -> Any:
    """g = ½ l2reg ‖y‖²."""
    return _each(lambda v, r: v / (1.0 + scaling * r), x, l2reg)


def prox_non_negative_ridge(x: Any, l2reg: Any = 1.0, scaling: Any = 1.0) -> Any:
    """g = ½ l2reg ‖y‖² with y ≥ 0."""
    return _each(lambda v, r: bnp.maximum(v / (1.0 + scaling * r), 0.0), x, l2reg)


def prox_group_lasso(x: Any, l2reg: Any = 1.0, scaling: Any = 1.0) -> Any:
    """g = l2reg ‖y‖₂ of all leaves together: the whole block becomes zero, or shrinks.

    For several blocks `vmap` it, or map it over them.

    >>> import bibun.numpy as bnp
    >>> bnp.round(prox_group_lasso(bnp.array([3.0, 4.0]), 1.0), 6).tolist()
    [2.4, 3.2]
    """
    v, back = tree.ravel(x)
    square = bnp.sum(v * v)
    size = bnp.sqrt(bnp.where(square > 0, square, 1.0))
    left = bnp.maximum(1.0 - (1.0 if l2reg is None else l2reg) * scaling / size, 0.0)
    return back(v * bnp.where(square > 0, left, 0.0))


def prox_log_barrier(x: Any, hyperparams: Any = 1.0, scaling: Any = 1.0) -> Any:
    """g = -hyperparams Σ log y."""
    return _each(lambda v, r: 0.5 * (v + bnp.sqrt(v * v + 4.0 * scaling * r)), x, hyperparams)


def make_prox_from_projection(projection: Callable[..., Any]) -> Callable[..., Any]:
    """The proximal operator of a set's indicator function: the projection onto it."""

    def prox(x: Any, hyperparams: Any = None, scaling: Any = 1.0) -> Any:
        del scaling
        return projection(x, hyperparams)

    return prox
