"""What the least-squares solvers share: residuals, Jacobian, and when to stop.

The objective is ½‖r(x)‖². `state.error` is ‖Jᵀr‖, the norm of its gradient; besides `tol` on it,
an iteration ends (as MINPACK's do) where the objective and its model no longer decrease by
more than `ftol` of it, or where a step is below `xtol` of the parameters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import grad as gradient
from bibun import jacfwd, jacrev, tree
from bibun import numpy as bnp
from bibun.solvers.base import (
    SETTLED,
    IterativeSolver,
    Problem,
    flat,
    is_converged,
    norm,
    reason,
)


class LeastSquaresState(NamedTuple):
    """State: iterations, ½‖r‖², ‖Jᵀr‖, status; residual, Jacobian, damping or radius, scales."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    residual: Any
    jacobian: Any
    damping: Any
    growth: Any
    scale: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)

    @property
    def gradient(self) -> Any:
        """Jᵀr."""
        return self.jacobian.T @ self.residual


class Residuals(Problem):
    """A user's residual function for given arguments, on flat vectors."""

    def __init__(self, solver: Any, params: Any, args: tuple[Any, ...], kwargs: dict) -> None:
        super().__init__(solver, params, args, kwargs)
        if self.fun is None:  # SciPy's wrappers call it fun
            self.fun = solver.residual_fun

    def residual(self, x: Any) -> tuple[Any, Any]:
        """The residual vector and the auxiliary output."""
        out = self.call(x)
        r, aux = out if self.has_aux else (out, ())
        if not tree.leaves(r):
            raise TypeError(f"residual_fun must return an array or a pytree of them, got {r!r}")
        return flat(r)[0].astype(x.dtype), aux

    def jacobian(self, x: Any, rows: int) -> Any:
        """dr/dx, forward or backward, whichever has fewer passes."""
        mode = jacfwd if x.shape[0] <= 4 * rows else jacrev
        return mode(lambda y: self.residual(y)[0])(x)

    def value(self, x: Any) -> Any:
        r = self.residual(x)[0]
        return 0.5 * bnp.sum(r * r)


@dataclasses.dataclass(eq=False)
class LeastSquaresSolver(IterativeSolver):
    """Base of the solvers of min ½‖residual_fun(params, *args, **kwargs)‖²."""

    residual_fun: Callable[..., Any]
    has_aux: bool = False
    maxiter: int = dataclasses.field(default=200, kw_only=True)
    tol: float = dataclasses.field(default=1e-8, kw_only=True)
    ftol: float = dataclasses.field(default=1e-14, kw_only=True)
    xtol: float = dataclasses.field(default=1e-14, kw_only=True)

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Residuals:
        return Residuals(self, params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return gradient(p.value)(x)

    def _damping(self, x: Any, jacobian: Any, scale: Any) -> Any:
        """The first damping parameter (or trust radius)."""
        return bnp.ones((), dtype=x.dtype)

    def _start(self, p: Any, x: Any) -> LeastSquaresState:
        r, aux = p.residual(x)
        j = p.jacobian(x, r.shape[0])
        error = norm(j.T @ r)
        scale = self._scale(j, bnp.zeros_like(x))
        return LeastSquaresState(
            bnp.asarray(0), 0.5 * bnp.sum(r * r), error, self._status(error), r, j,
            self._damping(x, j, scale), bnp.full((), 2.0, dtype=x.dtype), scale, aux,
        )  # fmt: skip

    def _scale(self, j: Any, before: Any) -> Any:
        """Column norms of the Jacobian, never decreasing (Moré, 1978); 1 for empty columns."""
        columns = bnp.maximum(bnp.sqrt(bnp.sum(j * j, axis=0)), before)
        return bnp.where(columns > 0, columns, 1.0)

    def _end(self, error: Any, actual: Any, predicted: Any, value: Any, step: Any, x: Any) -> Any:
        """The status after a trial step."""
        settled = (bnp.abs(actual) <= self.ftol * value) & (predicted <= self.ftol * value)
        settled = settled | (norm(step) <= self.xtol * (norm(x) + self.xtol))
        status = self._status(error)
        return bnp.where(bnp.equal(status, 0) & settled, SETTLED, status)


def solve_least_squares(j: Any, r: Any) -> Any:
    """The d that minimizes ‖J d + r‖, by QR; columns that add nothing get zero steps."""
    from bibun import lax

    q, upper = lax.linalg.qr(j, full_matrices=False)
    diagonal = bnp.abs(bnp.diagonal(upper))
    eps = bnp.finfo(r.dtype).eps
    dead = diagonal <= eps * j.shape[0] * bnp.max(diagonal, initial=0.0)
    upper = bnp.where(dead[:, None], bnp.eye(upper.shape[0], dtype=r.dtype), upper)
    rhs = bnp.where(dead, 0.0, -(q.T @ r))
    return lax.linalg.triangular_solve(upper, rhs[:, None], left_side=True, lower=False)[:, 0]


def damped_step(j: Any, r: Any, mu: Any, scale: Any) -> Any:
    """The d that minimizes ‖J d + r‖² + μ‖D d‖², D = diag(scale), by QR of the stacked matrix."""
    n = j.shape[1]
    stacked = bnp.concatenate([j, bnp.sqrt(mu) * scale * bnp.eye(n, dtype=r.dtype)])
    return solve_least_squares(stacked, bnp.concatenate([r, bnp.zeros(n, dtype=r.dtype)]))
