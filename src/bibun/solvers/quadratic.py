"""Convex quadratic programs: what their solvers share.

minimize ½ xᵀQx + cᵀx subject to A x = b, G x ≤ h. A solution is a `KKTSolution` at which
Q x + c + Aᵀν + Gᵀλ = 0, A x = b, and λ ∘ (G x - h) = 0 with λ ≥ 0 and G x ≤ h: the equations that
are differentiated (Amos & Kolter, OptNet, 2017).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from bibun import lax
from bibun import numpy as bnp
from bibun.solvers.base import CONVERGED, IterativeSolver, OptStep, is_converged, reason


class KKTSolution(NamedTuple):
    """Primal variables, multipliers of the equalities, multipliers (≥ 0) of the inequalities."""

    primal: Any
    dual_eq: Any
    dual_ineq: Any


class QPState(NamedTuple):
    """State: iterations, objective, largest violation of a KKT condition, status; iterate."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    inner: Any

    converged = property(is_converged)
    reason = property(reason)


class QP(NamedTuple):
    """The matrices of a program, with empty ones for constraints that are not there."""

    Q: Any
    c: Any
    A: Any
    b: Any
    G: Any
    h: Any

    def value(self, x: Any) -> Any:
        """The objective."""
        return 0.5 * bnp.sum(x * (self.Q @ x)) + bnp.sum(self.c * x)

    def stationarity(self, x: Any, nu: Any, lam: Any) -> Any:
        """Qx + c + Aᵀν + Gᵀλ."""
        return self.Q @ x + self.c + self.A.T @ nu + self.G.T @ lam

    def error(self, x: Any, nu: Any, lam: Any) -> Any:
        """The largest violation of a KKT condition."""
        slack = self.h - self.G @ x
        parts = [
            self.stationarity(x, nu, lam), self.A @ x - self.b, bnp.minimum(slack, 0.0),
            bnp.minimum(lam, 0.0), bnp.minimum(bnp.abs(slack), bnp.abs(lam)),
        ]  # fmt: skip
        return bnp.max(bnp.abs(bnp.concatenate(parts)))


def matrices(params_obj: Any, params_eq: Any, params_ineq: Any) -> QP:
    """The program as six arrays. Errors: ValueError for shapes that do not fit."""
    q, c = (bnp.asarray(m) * 1.0 for m in params_obj)
    n = c.shape[0]
    empty = (bnp.zeros((0, n), dtype=c.dtype), bnp.zeros(0, dtype=c.dtype))
    a, b = empty if params_eq is None else (bnp.asarray(m) * 1.0 for m in params_eq)
    g, h = empty if params_ineq is None else (bnp.asarray(m) * 1.0 for m in params_ineq)
    for name, shape, wanted in (
        ("Q", q.shape, (n, n)), ("A", a.shape, (b.shape[0], n)), ("G", g.shape, (h.shape[0], n)),
    ):  # fmt: skip
        if shape != wanted:
            raise ValueError(f"quadratic program: {name} must have shape {wanted}, got {shape}")
    return QP(q, c, a, b, g, h)


class QPProblem:
    """A quadratic program for given arguments, in the shape that `IterativeSolver` wants.

    x is the flat (primal, dual_eq, dual_ineq).
    """

    def __init__(self, init: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        names = ("params_obj", "params_eq", "params_ineq")
        unknown = set(kwargs) - set(names)
        if unknown:
            raise TypeError(f"quadratic program: unknown arguments {sorted(unknown)}")
        given = dict(zip(names, args, strict=False)) | kwargs
        if given.get("params_obj") is None:
            raise TypeError("quadratic program: params_obj=(Q, c) is missing")
        self.qp = matrices(*(given.get(k) for k in names))
        self.sizes = (self.qp.c.shape[0], self.qp.b.shape[0], self.qp.h.shape[0])
        dtype = self.qp.c.dtype
        if init is None:
            self.x = bnp.zeros(sum(self.sizes), dtype=dtype)
        elif isinstance(init, KKTSolution):
            parts = [
                bnp.zeros(n, dtype=dtype) if v is None else bnp.asarray(v).astype(dtype)
                for v, n in zip(init, self.sizes, strict=True)
            ]
            self.x = bnp.concatenate(parts)
        else:
            start = bnp.asarray(init).astype(dtype)
            self.x = bnp.concatenate([start, bnp.zeros(sum(self.sizes[1:]), dtype=dtype)])

    def parts(self, x: Any) -> tuple[Any, Any, Any]:
        """(primal, dual_eq, dual_ineq) of a flat vector."""
        n, p, _ = self.sizes
        return x[:n], x[n : n + p], x[n + p :]

    def back(self, x: Any) -> KKTSolution:
        return KKTSolution(*self.parts(x))

    def value(self, x: Any) -> Any:
        return self.qp.value(self.parts(x)[0])


def kkt_residual(qp: QP, x: Any, nu: Any, lam: Any) -> Any:
    """The equations that a solution satisfies: stationarity, equalities, complementarity."""
    return bnp.concatenate(
        [qp.stationarity(x, nu, lam), qp.A @ x - qp.b, lam * (qp.G @ x - qp.h)]
    )


@dataclasses.dataclass(eq=False)
class QPSolver(IterativeSolver):
    """Base of the solvers of quadratic programs.

    `run(init_params=None, params_obj=(Q, c), params_eq=(A, b), params_ineq=(G, h))`.
    """

    minimizes: ClassVar[bool] = True

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        return QPProblem(params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return kkt_residual(p.qp, *p.parts(x))

    def _scale(self, p: Any, z: Any) -> Any:
        """What errors are compared with: the size of the data and of the primal variables."""
        return 1.0 + bnp.max(bnp.abs(bnp.concatenate([p.qp.c, p.qp.b, p.qp.h, z])))

    def _polished(self, p: Any, solution: KKTSolution, state: QPState) -> tuple[Any, QPState]:
        """The solution on its active set, and the error that is left."""
        new = KKTSolution(*polish(p.qp, *solution))
        error = p.qp.error(*new)
        good = error <= self.tol * self._scale(p, new.primal)
        state = state._replace(
            value=p.qp.value(new.primal), error=error,
            status=bnp.where(good, CONVERGED, state.status),
        )  # fmt: skip
        return new, state

    def run(self, init_params: Any = None, *args: Any, **kwargs: Any) -> OptStep:
        """Solve; `init_params` (None, x, or a KKTSolution) is where the iteration starts."""
        p = self._problem(init_params, args, kwargs)
        return super().run(p.back(p.x), *args, **kwargs)

    def init_state(self, init_params: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The state before the first step."""
        return super().init_state(init_params, *args, **kwargs)


@dataclasses.dataclass(eq=False)
class EqualityConstrainedQP(QPSolver):
    """Solve a quadratic program without inequalities: one linear system.

    `refine`: steps of iterative refinement after the first solve.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> qp = solvers.EqualityConstrainedQP()
    >>> eye, ones = bnp.eye(2), bnp.ones((1, 2))
    >>> [float(v) for v in qp.run(None, (eye, bnp.zeros(2)), (ones, bnp.ones(1))).params.primal]
    [0.5, 0.5]
    """

    solve: Callable[..., Any] | None = None
    maxiter: int = dataclasses.field(default=3, kw_only=True)
    tol: float = dataclasses.field(default=1e-10, kw_only=True)

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        p = super()._problem(params, args, kwargs)
        if p.sizes[2]:
            raise ValueError("EqualityConstrainedQP takes no inequalities; use InteriorPointQP")
        return p

    def _start(self, p: Any, x: Any) -> QPState:
        error = p.qp.error(*p.parts(x))
        return QPState(bnp.asarray(0), p.value(x), error, self._status(error), ())

    def _step(self, p: Any, x: Any, state: QPState) -> tuple[Any, QPState]:
        from bibun.solvers.linear_solve import solve_lu

        qp = p.qp

        def matvec(v: Any) -> Any:
            dx, nu, _ = p.parts(v)
            return bnp.concatenate([qp.Q @ dx + qp.A.T @ nu, qp.A @ dx])

        x = x - (self.solve or solve_lu)(matvec, self._residual(p, x))
        error = p.qp.error(*p.parts(x))
        return x, QPState(state.iter_num + 1, p.value(x), error, self._status(error), ())


def polish(qp: QP, x: Any, nu: Any, lam: Any) -> tuple[Any, Any, Any]:
    """The solution with the active set that (x, λ) suggests, if that is better.

    Inequalities count as active where their multiplier exceeds their slack (Stellato et al.,
    OSQP, 2020, §5.2); the equality-constrained program is solved with a small regularization
    and iterative refinement.
    """
    n, p, m = qp.c.shape[0], qp.b.shape[0], qp.h.shape[0]
    active = bnp.where(lam > qp.h - qp.G @ x, 1.0, 0.0)
    delta = 1e-9
    zero_pm = bnp.zeros((p, m), dtype=x.dtype)
    rows = bnp.concatenate([qp.A, active[:, None] * qp.G])
    lower = bnp.concatenate(
        [
            bnp.concatenate([bnp.zeros((p, p), dtype=x.dtype), zero_pm], axis=1),
            bnp.concatenate([zero_pm.T, bnp.diag(active - 1.0)], axis=1),
        ]
    )
    top = bnp.concatenate([qp.Q, rows.T], axis=1)
    exact = bnp.concatenate([top, bnp.concatenate([rows, lower], axis=1)])
    shift = bnp.concatenate([bnp.full(n, delta), bnp.full(p + m, -delta)]).astype(x.dtype)
    factors = lax.linalg.lu(exact + bnp.diag(shift))
    rhs = bnp.concatenate([-qp.c, qp.b, active * qp.h])

    z = bnp.zeros(n + p + m, dtype=x.dtype)
    for _ in range(4):
        z = z + lu_solve(factors, rhs - exact @ z)
    px, pnu, plam = z[:n], z[n : n + p], z[n + p :] * active
    better = qp.error(px, pnu, plam) < qp.error(x, nu, lam)
    return (
        bnp.where(better, px, x), bnp.where(better, pnu, nu), bnp.where(better, plam, lam)
    )


def lu_solve(factors: Any, b: Any) -> Any:
    """A⁻¹ b for a vector b, from `lax.linalg.lu(A)`."""
    lu, _, permutation = factors
    y = lax.linalg.triangular_solve(
        lu, b[permutation][:, None], left_side=True, lower=True, unit_diagonal=True
    )
    return lax.linalg.triangular_solve(lu, y, left_side=True, lower=False)[:, 0]
