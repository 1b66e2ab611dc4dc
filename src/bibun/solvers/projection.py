"""Euclidean projections onto convex sets: projection(x, hyperparams) = argmin_{y in C} ‖y - x‖.

All take and return pytrees and can be differentiated. Simplex: Held, Wolfe & Crowder (1974),
by sorting; l1 ball through the simplex: Duchi et al. (2008).
"""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import tree


def _flat(x: Any) -> tuple[Any, Any]:
    vector, back = tree.ravel(x)
    return vector * 1.0, back


def _like(bound: Any, x: Any) -> Any:
    """A pytree like x of bounds: a number for all leaves, or one for each."""
    if tree.treedef_is_leaf(tree.structure(bound)):
        return tree.map(lambda _: bound, x)
    return bound


def projection_non_negative(x: Any, hyperparams: Any = None) -> Any:
    """y ≥ 0."""
    del hyperparams
    return tree.map(lambda v: bnp.maximum(v, 0.0), x)


def projection_box(x: Any, hyperparams: Any) -> Any:
    """lower ≤ y ≤ upper; hyperparams = (lower, upper), numbers or pytrees like x.

    >>> import bibun.numpy as bnp
    >>> [float(v) for v in projection_box(bnp.array([-1.0, 0.5, 3.0]), (0.0, 1.0))]
    [0.0, 0.5, 1.0]
    """
    lower, upper = hyperparams
    return tree.map(bnp.clip, x, _like(lower, x), _like(upper, x))


def projection_hypercube(x: Any, hyperparams: Any = 1.0) -> Any:
    """0 ≤ y ≤ hyperparams."""
    return projection_box(x, (0.0, hyperparams))


def _simplex(v: Any, total: Any) -> Any:
    falling = -bnp.sort(-v)
    excess = bnp.cumsum(falling) - total
    ranks = bnp.arange(1, v.shape[0] + 1)
    support = bnp.sum(falling - excess / ranks > 0)
    theta = excess[support - 1] / support
    return bnp.maximum(v - theta, 0.0)


def projection_simplex(x: Any, value: Any = 1.0) -> Any:
    """y ≥ 0 with sum `value`, over all leaves.

    >>> import bibun.numpy as bnp
    >>> [float(v) for v in projection_simplex(bnp.array([2.0, 0.0]))]
    [1.0, 0.0]
    """
    v, back = _flat(x)
    return back(_simplex(v, 1.0 if value is None else value))


def projection_l1_sphere(x: Any, value: Any = 1.0) -> Any:
    """‖y‖₁ = value."""
    v, back = _flat(x)
    return back(bnp.where(v < 0, -1.0, 1.0) * _simplex(bnp.abs(v), value))


def projection_l1_ball(x: Any, max_value: Any = 1.0) -> Any:
    """‖y‖₁ ≤ max_value."""
    v, back = _flat(x)
    inside = bnp.sum(bnp.abs(v)) <= max_value
    return back(bnp.where(inside, v, bnp.sign(v) * _simplex(bnp.abs(v), max_value)))


def _scaled_to(v: Any, size: Any) -> Any:
    square = bnp.sum(v * v)
    return v * size / bnp.sqrt(bnp.where(square > 0, square, 1.0))


def projection_l2_sphere(x: Any, value: Any = 1.0) -> Any:
    """‖y‖₂ = value; x = 0 stays 0."""
    v, back = _flat(x)
    return back(_scaled_to(v, value))


def projection_l2_ball(x: Any, max_value: Any = 1.0) -> Any:
    """‖y‖₂ ≤ max_value.

    >>> import bibun.numpy as bnp
    >>> [round(float(v), 6) for v in projection_l2_ball(bnp.array([3.0, 4.0]), 1.0)]
    [0.6, 0.8]
    """
    v, back = _flat(x)
    return back(bnp.where(bnp.sum(v * v) <= max_value**2, v, _scaled_to(v, max_value)))


def projection_linf_ball(x: Any, max_value: Any = 1.0) -> Any:
    """‖y‖∞ ≤ max_value."""
    return tree.map(lambda v: bnp.clip(v, -max_value, max_value), x)


def projection_hyperplane(x: Any, hyperparams: Any) -> Any:
    """⟨a, y⟩ = b; hyperparams = (a, b), a like x."""
    a, b = hyperparams
    v, back = _flat(x)
    a, _ = _flat(a)
    return back(v - (bnp.sum(a * v) - b) / bnp.sum(a * a) * a)


def projection_halfspace(x: Any, hyperparams: Any) -> Any:
    """⟨a, y⟩ ≤ b; hyperparams = (a, b), a like x."""
    a, b = hyperparams
    v, back = _flat(x)
    a, _ = _flat(a)
    return back(v - bnp.maximum(bnp.sum(a * v) - b, 0.0) / bnp.sum(a * a) * a)


def projection_affine_set(x: Any, hyperparams: Any) -> Any:
    """A y = b; hyperparams = (A, b), A of full row rank."""
    a, b = hyperparams
    v, back = _flat(x)
    return back(v - a.T @ bnp.linalg.solve(a @ a.T, a @ v - b))


def projection_polyhedron(x: Any, hyperparams: Any) -> Any:
    """A y = b and G y ≤ h; hyperparams = (A, b, G, h). A quadratic program."""
    from bibun.solvers.interior_point import InteriorPointQP

    a, b, g, h = hyperparams
    v, back = _flat(x)
    eye = bnp.eye(v.shape[0], dtype=v.dtype)
    return back(InteriorPointQP().run(None, (eye, -v), (a, b), (g, h)).params.primal)
