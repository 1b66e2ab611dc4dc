"""Convex quadratic programs: what their solvers share.

minimize ½ xᵀQx + cᵀx subject to A x = b, G x ≤ h. A solution is a `KKTSolution` at which
Q x + c + Aᵀν + Gᵀλ = 0, A x = b, and λ ∘ (G x - h) = 0 with λ ≥ 0 and G x ≤ h: the equations that
are differentiated (Amos & Kolter, OptNet, 2017).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import grad as gradient
from bibun import hessian, lax, vmap
from bibun import numpy as bnp
from bibun.solvers.base import CONVERGED, OptionalStart, flat, is_converged, reason


class KKTSolution(NamedTuple):
    """Primal variables, multipliers of the equalities, multipliers (≥ 0) of the inequalities."""

    primal: Any
    dual_eq: Any = None
    dual_ineq: Any = None


class QPState(NamedTuple):
    """State: iterations, objective, largest violation of a KKT condition, status; iterate."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    inner: Any

    converged = property(is_converged)
    reason = property(reason)


def half_square(q: Any, c: Any, x: Any) -> Any:
    """½ xᵀQx + cᵀx."""
    return 0.5 * bnp.sum(x * (q @ x)) + bnp.sum(c * x)


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
        return half_square(self.Q, self.c, x)

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


class Box(NamedTuple):
    """min ½xᵀQx + cᵀx with low ≤ K x ≤ high."""

    Q: Any
    c: Any
    K: Any
    low: Any
    high: Any

    def value(self, x: Any) -> Any:
        """The objective."""
        return half_square(self.Q, self.c, x)

    def clip(self, z: Any) -> Any:
        """z within the bounds."""
        return bnp.clip(z, self.low, self.high)

    def residual(self, x: Any, z: Any, y: Any) -> Any:
        """Zero at a solution: stationarity, z = K x, and y in the normal cone of the box at z."""
        return bnp.concatenate(
            [self.Q @ x + self.c + self.K.T @ y, self.K @ x - z, z - self.clip(z + y)]
        )


def matrix(matvec: Any, given: Any, back: Any, n: int, dtype: Any, name: str) -> Any:
    """A matrix with n columns: as it is given, or that of the function `matvec(given, x)`."""
    if matvec is not None:
        eye = bnp.eye(n, dtype=dtype)
        return vmap(lambda v: flat(matvec(given, back(v)))[0], out_axes=1)(eye).astype(dtype)
    found = bnp.asarray(given).astype(dtype)
    if found.ndim != 2 or found.shape[1] != n:
        rows = n if name == "Q" else "rows"
        raise ValueError(
            f"quadratic program: {name} must have shape ({rows}, {n}), got {found.shape}; give "
            f"matvec_{name} for anything else than a matrix"
        )
    return found


def objective(solver: Any, params_obj: Any, start: Any) -> tuple[Any, Any, Any]:
    """Q, c as a vector, and from vectors to x; from (Q, c) or from the objective itself."""
    if solver.fun is None:
        q, c = params_obj
        c, back = flat(c)
        q = matrix(solver.matvec_Q, q, back, c.shape[0], c.dtype, "Q")
    else:
        if start is None:
            raise TypeError(
                f"{type(solver).__name__}(fun=…): init_params is needed, to know what x looks like"
            )
        x, back = flat(start)

        def value(v: Any) -> Any:
            return solver.fun(back(v), params_obj)

        q, c = hessian(value)(bnp.zeros_like(x)), gradient(value)(bnp.zeros_like(x))
    if q.shape != (c.shape[0],) * 2:
        raise ValueError(
            f"quadratic program: Q must have shape {(c.shape[0],) * 2}, got {q.shape}"
        )
    return q, c, back


class QPProblem:
    """A quadratic program for given arguments, in the shape that `IterativeSolver` wants.

    x is the flat (primal, dual_eq, dual_ineq).
    """

    def __init__(
        self, solver: Any, init: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        names = ("params_obj", "params_eq", "params_ineq")
        unknown = set(kwargs) - set(names)
        if unknown:
            raise TypeError(f"quadratic program: unknown arguments {sorted(unknown)}")
        given = dict(zip(names, args, strict=False)) | kwargs
        if given.get("params_obj") is None:
            raise TypeError("quadratic program: params_obj=(Q, c) is missing")
        start = init.primal if isinstance(init, KKTSolution) else init
        q, c, back_x = objective(solver, given["params_obj"], start)
        n, dtype = c.shape[0], c.dtype

        def constraint(key: str, matvec: Any, name: str, right: str) -> tuple[Any, Any, Any]:
            if given.get(key) is None:
                return bnp.zeros((0, n), dtype=dtype), bnp.zeros(0, dtype=dtype), lambda v: v
            left, bound = given[key]
            bound, back = flat(bound)
            k = matrix(matvec, left, back_x, n, dtype, name)
            if k.shape[0] != bound.shape[0]:
                raise ValueError(
                    f"quadratic program: {name} has {k.shape[0]} rows, {right} "
                    f"{bound.shape[0]} elements"
                )
            return k, bound.astype(dtype), back

        a, b, back_nu = constraint("params_eq", solver.matvec_A, "A", "b")
        g, h, back_lam = constraint("params_ineq", solver.matvec_G, "G", "h")
        self.qp = QP(q, c, a, b, g, h)
        self.sizes = (n, b.shape[0], h.shape[0])
        self.backs = (back_x, back_nu, back_lam)
        parts = init if isinstance(init, KKTSolution) else (init, None, None)
        self.x = bnp.concatenate([
            bnp.zeros(size, dtype=dtype) if v is None else flat(v)[0].astype(dtype)
            for v, size in zip(parts, self.sizes, strict=True)
        ])  # fmt: skip

    def parts(self, x: Any) -> tuple[Any, Any, Any]:
        """(primal, dual_eq, dual_ineq) of a flat vector, as vectors."""
        n, p, _ = self.sizes
        return x[:n], x[n : n + p], x[n + p :]

    def back(self, x: Any) -> KKTSolution:
        """The solution that a flat vector stands for."""
        return KKTSolution(*(f(v) for f, v in zip(self.backs, self.parts(x), strict=True)))

    def value(self, x: Any) -> Any:
        return self.qp.value(self.parts(x)[0])

    # as `admm.py` sees it: low ≤ [A; G] x ≤ high

    @property
    def box(self) -> Any:
        """The same program with bounds on both sides."""
        q, c, a, b, g, h = self.qp
        low = bnp.concatenate([b, bnp.full_like(h, -bnp.inf)])
        return Box(q, c, bnp.concatenate([a, g]), low, bnp.concatenate([b, h]))

    def split(self, v: Any) -> tuple[Any, Any, Any]:
        x, nu, lam = self.parts(v)
        return x, None, bnp.concatenate([nu, lam])

    def join(self, x: Any, z: Any, y: Any) -> Any:
        return bnp.concatenate([x, y])


def kkt_residual(qp: QP, x: Any, nu: Any, lam: Any) -> Any:
    """The equations that a solution satisfies: stationarity, equalities, complementarity."""
    return bnp.concatenate(
        [qp.stationarity(x, nu, lam), qp.A @ x - qp.b, lam * (qp.G @ x - qp.h)]
    )


@dataclasses.dataclass(eq=False)
class QPSolver(OptionalStart):
    """Base of the solvers of quadratic programs.

    `run(init_params=None, params_obj=(Q, c), params_eq=(A, b), params_ineq=(G, h))`; the start is
    None, x, or a `KKTSolution`.
    `matvec_Q(params_Q, x)`, `matvec_A`, `matvec_G`: the products, where these are no matrices; x, b
    and h may then be pytrees. `fun(x, params_obj)`: the objective, instead of (Q, c).
    """

    matvec_Q: Callable[..., Any] | None = None
    matvec_A: Callable[..., Any] | None = None
    matvec_G: Callable[..., Any] | None = dataclasses.field(default=None, kw_only=True)
    fun: Callable[..., Any] | None = dataclasses.field(default=None, kw_only=True)

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        return QPProblem(self, params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return kkt_residual(p.qp, *p.parts(x))

    def _scale(self, p: Any, z: Any) -> Any:
        """What errors are compared with: the size of the data and of the primal variables."""
        return 1.0 + bnp.max(bnp.abs(bnp.concatenate([p.qp.c, p.qp.b, p.qp.h, z])))

    def _polished(self, p: Any, state: QPState) -> tuple[Any, QPState]:
        """The solution p.x on its active set, and the error that is left."""
        new = polish(p.qp, *p.parts(p.x))
        error = p.qp.error(*new)
        good = error <= self.tol * self._scale(p, new[0])
        state = state._replace(
            value=p.qp.value(new[0]), error=error,
            status=bnp.where(good, CONVERGED, state.status),
        )  # fmt: skip
        return p.back(bnp.concatenate(new)), state


@dataclasses.dataclass(eq=False)
class EqualityConstrainedQP(QPSolver):
    """Solve a quadratic program without inequalities: one linear system.

    `solve(matvec, b)`: a method of `linear_solve`, default LU; `maxiter`: solves, all but the first
    of which refine.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> qp = solvers.EqualityConstrainedQP()
    >>> eye, ones = bnp.eye(2), bnp.ones((1, 2))
    >>> [float(v) for v in qp.run(None, (eye, bnp.zeros(2)), (ones, bnp.ones(1))).params.primal]
    [0.5, 0.5]
    """

    solve: Callable[..., Any] | None = dataclasses.field(default=None, kw_only=True)
    maxiter: int = dataclasses.field(default=3, kw_only=True)
    tol: float = dataclasses.field(default=1e-10, kw_only=True)

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        p = super()._problem(params, args, kwargs)
        if p.sizes[2] or self.matvec_G is not None:
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
