"""Projections with Optax's names and arguments; `bibun.solvers.projection` has more of them."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.optim.base import tree_scale, tree_vdot
from bibun.solvers.projection import sets

projection_non_negative = sets.projection_non_negative


def projection_box(tree: Any, lower: Any, upper: Any) -> Any:
    """lower ≤ y ≤ upper; numbers, or trees like `tree`.

    >>> float(projection_box(3.0, 0.0, 1.0))
    1.0
    """
    return sets.projection_box(tree, (lower, upper))


def projection_hypercube(tree: Any, scale: Any = 1.0) -> Any:
    """0 ≤ y ≤ scale."""
    return sets.projection_hypercube(tree, scale)


def projection_simplex(tree: Any, scale: Any = 1.0) -> Any:
    """y ≥ 0 with sum `scale`, over all leaves."""
    return sets.projection_simplex(tree, scale)


def projection_l1_sphere(tree: Any, scale: Any = 1.0) -> Any:
    """‖y‖₁ = scale."""
    return sets.projection_l1_sphere(tree, scale)


def projection_l1_ball(tree: Any, scale: Any = 1.0) -> Any:
    """‖y‖₁ ≤ scale."""
    return sets.projection_l1_ball(tree, scale)


def projection_l2_sphere(tree: Any, scale: Any = 1.0) -> Any:
    """‖y‖₂ = scale."""
    return sets.projection_l2_sphere(tree, scale)


def projection_l2_ball(tree: Any, scale: Any = 1.0) -> Any:
    """‖y‖₂ ≤ scale."""
    return sets.projection_l2_ball(tree, scale)


def projection_linf_ball(tree: Any, scale: Any = 1.0) -> Any:
    """‖y‖∞ ≤ scale."""
    return sets.projection_linf_ball(tree, scale)


def projection_hyperplane(x: Any, a: Any, b: Any) -> Any:
    """⟨a, y⟩ = b; a like x."""
    return sets.projection_hyperplane(x, (a, b))


def projection_halfspace(x: Any, a: Any, b: Any) -> Any:
    """⟨a, y⟩ ≤ b; a like x."""
    return sets.projection_halfspace(x, (a, b))


def projection_vector(x: Any, a: Any) -> Any:
    """The multiple of a nearest to x; a like x.

    >>> import bibun.numpy as bnp
    >>> projection_vector(bnp.array([3.0, 1.0]), bnp.array([0.0, 2.0])).tolist()
    [0.0, 1.0]
    """
    square = tree_vdot(a, a)
    share = tree_vdot(a, x) / bnp.where(square > 0, square, 1.0)
    return tree_scale(share, tree.map(bnp.asarray, a))
