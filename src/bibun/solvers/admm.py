"""Operator splitting for quadratic programs, as OSQP does it.

ADMM on min ½xᵀQx + cᵀx with z = K x, l ≤ z ≤ u (Stellato, Banjac, Goulart, Bemporad & Boyd, Math.
Prog. Comp. 12, 2020). One matrix is factored before the loop and only solved with inside it; the
step ρ is adapted from time to time, which factors again; rows that are equalities are a thousand
times as stiff. Differences of iterates that persist prove that there is no solution (§3.4).
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from bibun import lax
from bibun import numpy as bnp
from bibun.solvers.base import INFEASIBLE, RUNNING, OptionalStart
from bibun.solvers.quadratic import Box, QPState, lu_solve


class Inner(NamedTuple):
    """z = K x within the bounds, its multipliers y, the step ρ, and the factored matrix."""

    z: Any
    y: Any
    rho: Any
    factors: Any


def largest(v: Any) -> Any:
    """max |v|, 0 for an empty vector."""
    return bnp.max(bnp.abs(v), initial=0.0)


def _finite(v: Any) -> Any:
    return bnp.where(bnp.isfinite(v), v, 0.0)


@dataclasses.dataclass(eq=False)
class Splitting(OptionalStart):
    """Base of the ADMM solvers.

    A problem has a `box`, `split(v) -> (x, z, y)` (z may be None) and `join(x, z, y) -> v`.
    """

    momentum: float = dataclasses.field(default=1.6, kw_only=True)
    sigma: float = dataclasses.field(default=1e-6, kw_only=True)
    rho_start: float = dataclasses.field(default=0.1, kw_only=True)
    rho_min: float = dataclasses.field(default=1e-6, kw_only=True)
    rho_max: float = dataclasses.field(default=1e6, kw_only=True)
    stepsize_updates_frequency: int = dataclasses.field(default=50, kw_only=True)
    primal_infeasible_tol: float = dataclasses.field(default=1e-6, kw_only=True)
    dual_infeasible_tol: float = dataclasses.field(default=1e-6, kw_only=True)
    maxiter: int = dataclasses.field(default=4000, kw_only=True)
    tol: float = dataclasses.field(default=1e-6, kw_only=True)

    def _weights(self, box: Box, rho: Any) -> Any:
        return rho * bnp.where(bnp.equal(box.low, box.high), 1e3, 1.0).astype(rho.dtype)

    def _factor(self, box: Box, rho: Any) -> Any:
        weights = self._weights(box, rho)
        eye = bnp.eye(box.c.shape[0], dtype=rho.dtype)
        return lax.linalg.lu(
            box.Q + self.sigma * eye + box.K.T @ (weights[:, None] * box.K)
        )

    def _start(self, p: Any, v: Any) -> QPState:
        box = p.box
        x, z, y = p.split(v)
        rho = bnp.full((), self.rho_start, dtype=v.dtype)
        error = bnp.full((), bnp.finfo(v.dtype).max, dtype=v.dtype)
        inner = Inner(box.clip(box.K @ x if z is None else z), y, rho, self._factor(box, rho))
        return QPState(bnp.asarray(0), box.value(x), error, bnp.asarray(RUNNING), inner)

    def _step(self, p: Any, v: Any, state: QPState) -> tuple[Any, QPState]:
        box, inner = p.box, state.inner
        x, (z, y, rho, factors) = p.split(v)[0], inner
        weights, alpha = self._weights(box, rho), self.momentum
        half = lu_solve(factors, self.sigma * x - box.c + box.K.T @ (weights * z - y))
        new_x = alpha * half + (1.0 - alpha) * x
        relaxed = alpha * (box.K @ half) + (1.0 - alpha) * z
        new_z = box.clip(relaxed + y / weights)
        new_y = y + weights * (relaxed - new_z)
        kx, qx, ky = box.K @ new_x, box.Q @ new_x, box.K.T @ new_y
        primal, dual = largest(kx - new_z), largest(qx + box.c + ky)
        error = bnp.maximum(primal, dual)
        bounds = bnp.maximum(largest(_finite(box.low)), largest(_finite(box.high)))
        scale = 1.0 + bnp.maximum(bnp.maximum(largest(box.c), largest(new_x)), bounds)
        status = self._status(error / scale)
        hopeless = self._infeasible(box, new_x - x, new_y - y) & (state.iter_num > 10)
        status = bnp.where(bnp.equal(status, RUNNING) & hopeless, INFEASIBLE, status)

        def adapted() -> Any:
            top = primal / bnp.maximum(largest(kx), 1e-12)
            below = dual / bnp.maximum(bnp.maximum(largest(qx), largest(ky)), 1e-12)
            ratio = bnp.sqrt(top / bnp.maximum(below, 1e-30))
            moved = bnp.clip(rho * bnp.clip(ratio, 0.1, 10.0), self.rho_min, self.rho_max)
            return moved, self._factor(box, moved)

        due = bnp.equal(bnp.remainder(state.iter_num + 1, self.stepsize_updates_frequency), 0)
        rho, factors = lax.cond(due, adapted, lambda: (rho, factors))
        return p.join(new_x, new_z, new_y), QPState(
            state.iter_num + 1, box.value(new_x), error, status, Inner(new_z, new_y, rho, factors)
        )

    def _infeasible(self, box: Box, dx: Any, dy: Any) -> Any:
        """Whether dy proves that the bounds contradict each other, or dx that there is no minimum.
        """
        size_y, size_x = largest(dy), largest(dx)
        eps = self.primal_infeasible_tol * size_y
        support = bnp.sum(
            bnp.where(dy > eps, dy * box.high, 0.0) + bnp.where(dy < -eps, dy * box.low, 0.0)
        )
        contradiction = (size_y > 0) & (largest(box.K.T @ dy) <= eps) & (support < -eps)
        eps = self.dual_infeasible_tol * size_x
        kdx = box.K @ dx
        recedes = bnp.all(
            ((kdx <= eps) | ~bnp.isfinite(box.high)) & ((kdx >= -eps) | ~bnp.isfinite(box.low))
        )
        downhill = bnp.sum(box.c * dx) < -eps
        unbounded = (size_x > 0) & (largest(box.Q @ dx) <= eps) & downhill & recedes
        return contradiction | unbounded
