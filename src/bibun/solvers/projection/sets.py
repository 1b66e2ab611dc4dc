"""Euclidean projections onto convex sets: projection(x, hyperparams) = argmin_{y in C} ‖y - x‖.

All take and return pytrees and can be differentiated. Simplex: Held, Wolfe & Crowder (1974),
by sorting; l1 ball through the simplex: Duchi et al. (2008).
"""

from __future__ import annotations

from typing import Any

from bibun import lax, stop_gradient, tree
from bibun import numpy as bnp


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


def projection_sparse_simplex(x: Any, max_nz: int, value: Any = 1.0) -> Any:
    """y ≥ 0 with sum `value` and at most `max_nz` elements that are not 0.

    The largest elements, projected onto their simplex (Kyrillidis et al., 2013).

    >>> import bibun.numpy as bnp
    >>> bnp.round(projection_sparse_simplex(bnp.array([0.5, 2.0, 1.9]), 2), 6).tolist()
    [0.0, 0.55, 0.45]
    """
    v, back = _flat(x)
    if not 0 < max_nz <= v.shape[0]:
        raise ValueError(f"max_nz must lie in 1 … {v.shape[0]}, got {max_nz}")
    top = bnp.argsort(-v)[:max_nz]
    return back(bnp.zeros_like(v).at[top].set(_simplex(v[top], value)))


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


def projection_polyhedron(x: Any, hyperparams: Any, check_feasible: bool = True) -> Any:
    """A y = b and G y ≤ h; hyperparams = (A, b, G, h). A quadratic program.

    Where no such y exists the result is nan, unless `check_feasible` is False.
    """
    from bibun.solvers.interior_point import InteriorPointQP

    a, b, g, h = hyperparams
    v, back = _flat(x)
    eye = bnp.eye(v.shape[0], dtype=v.dtype)
    solution, state = InteriorPointQP().run(None, (eye, -v), (a, b), (g, h))
    y = solution.primal
    return back(bnp.where(state.converged, y, bnp.nan) if check_feasible else y)


def projection_box_section(x: Any, hyperparams: Any, check_feasible: bool = False) -> Any:
    """lower ≤ y ≤ upper with ⟨w, y⟩ = c; hyperparams = (lower, upper, w, c).

    y = clip(x - τ w, lower, upper) for a number τ, found exactly: ⟨w, y⟩ falls with τ and is linear
    between the places where an element meets a bound. Where no such y exists the result is nan if
    `check_feasible`, else the nearest end.

    >>> import bibun.numpy as bnp
    >>> w = bnp.array([1.0, 2.0])
    >>> bnp.round(projection_box_section(bnp.array([1.0, 1.0]), (0.0, 0.75, w, 1.0)), 6).tolist()
    [0.6, 0.2]
    """
    lower, upper, w, c = hyperparams
    v, back = _flat(x)
    w = _flat(w)[0]
    low, high = (bnp.broadcast_to(_flat(b)[0], v.shape) for b in (lower, upper))
    v_, w_, low_, high_, c_ = (stop_gradient(u) for u in (v, w, low, high, bnp.asarray(c) * 1.0))

    def at(tau: Any) -> Any:
        return bnp.clip(v_ - tau * w_, low_, high_)

    moving = w_ != 0
    safe = bnp.where(moving, w_, 1.0)
    kinks = bnp.concatenate([(v_ - high_) / safe, (v_ - low_) / safe])
    kinks = bnp.sort(bnp.where(bnp.concatenate([moving, moving]), kinks, bnp.inf))

    def halve(i: Any, ends: Any) -> Any:
        first, last = ends  # the answer lies between kinks number first and last
        middle = (first + last) // 2
        past = ~(bnp.sum(w_ * at(kinks[middle])) > c_)
        return bnp.where(past, first, middle), bnp.where(past, middle, last)

    size = kinks.shape[0]
    ends = (bnp.asarray(-1), bnp.asarray(size))
    first, last = lax.fori_loop(0, (size + 1).bit_length(), halve, ends)
    a, b = kinks[bnp.clip(first, 0, size - 1)], kinks[bnp.clip(last, 0, size - 1)]
    left, right = bnp.where(first < 0, b - 1.0, a), bnp.where(last >= size, a + 1.0, b)
    left = bnp.where(bnp.isfinite(left), left, bnp.where(bnp.isfinite(right), right - 1.0, -1.0))
    right = bnp.where(bnp.isfinite(right), right, left + 1.0)
    inside = v_ - 0.5 * (left + right) * w_
    free = (inside > low_) & (inside < high_) & moving
    # on this piece ⟨w, y⟩ is linear in τ; its derivatives are those of the projection
    held = bnp.clip(inside, low_, high_) - inside
    resting = bnp.where(held > 0, low, bnp.where(held < 0, high, v))
    square = bnp.sum(bnp.where(free, w * w, 0.0))
    excess = bnp.sum(w * bnp.where(free, v, resting)) - c
    tau = excess / bnp.where(square > 0, square, 1.0)
    y = bnp.where(free, v - tau * w, resting)
    if check_feasible:
        possible = bnp.abs(bnp.sum(w * y) - c) <= 1e-9 * (1.0 + bnp.abs(c))
        y = bnp.where(possible & bnp.all(low <= high), y, bnp.nan)
    return back(y)
