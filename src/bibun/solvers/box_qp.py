"""Quadratic programs with bounds: coordinate descent, and operator splitting for l ≤ A x ≤ u.

`BoxCDQP`, min ½xᵀQx + cᵀx with l ≤ x ≤ u: each coordinate in turn goes to its exact minimum
within its bounds. `BoxOSQP`: the form that OSQP itself takes (Stellato et al., 2020), where an
equality is a row with l = u and a missing bound is infinite.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import lax
from bibun import numpy as bnp
from bibun.solvers.admm import Splitting
from bibun.solvers.base import IterativeSolver, flat, is_converged, norm, reason
from bibun.solvers.quadratic import Box, KKTSolution, half_square, matrix, objective


class BoxCDQPState(NamedTuple):
    """State: sweeps, objective, ‖x - P(x - Qx - c)‖, status."""

    iter_num: Any
    value: Any
    error: Any
    status: Any

    converged = property(is_converged)
    reason = property(reason)


class _BoxProblem:
    """min ½xᵀQx + cᵀx within bounds, for given arguments."""

    def __init__(self, init: Any, params_obj: Any, params_ineq: Any) -> None:
        q, c = params_obj
        self.c, self.back = flat(c)
        n = self.c.shape[0]
        self.q = bnp.asarray(q).astype(self.c.dtype)
        if self.q.shape != (n, n):
            raise ValueError(f"BoxCDQP: Q must have shape {(n, n)}, got {self.q.shape}")
        low, high = params_ineq
        self.low, self.high = (
            bnp.broadcast_to(flat(b)[0], (n,)).astype(self.c.dtype) for b in (low, high)
        )
        self.x = flat(init)[0].astype(self.c.dtype)

    def clip(self, x: Any) -> Any:
        return bnp.clip(x, self.low, self.high)

    def value(self, x: Any) -> Any:
        return half_square(self.q, self.c, x)

    def residual(self, x: Any) -> Any:
        return x - self.clip(x - self.q @ x - self.c)


@dataclasses.dataclass(eq=False)
class BoxCDQP(IterativeSolver):
    """Solve min ½xᵀQx + cᵀx with l ≤ x ≤ u by coordinate descent.

    `run(init_params, params_obj=(Q, c), params_ineq=(l, u))`. Q: symmetric positive semidefinite;
    l and u: numbers or vectors, infinite where there is no bound. `maxiter` counts sweeps.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> q, c = bnp.array([[2.0, 0.5], [0.5, 1.0]]), bnp.array([-1.0, 1.0])
    >>> x = solvers.BoxCDQP().run(bnp.zeros(2), (q, c), (0.0, 1.0)).params
    >>> [round(float(v), 6) for v in x]
    [0.5, 0.0]
    """

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> _BoxProblem:
        return _BoxProblem(params, *args, **kwargs)

    def _residual(self, p: _BoxProblem, x: Any) -> Any:
        return p.residual(x)

    def _state(self, p: _BoxProblem, x: Any, count: Any) -> BoxCDQPState:
        error, value = norm(p.residual(x)), p.value(x)
        return BoxCDQPState(count, value, error, self._status(error, value=value))

    def _start(self, p: _BoxProblem, x: Any) -> BoxCDQPState:
        return self._state(p, x, bnp.asarray(0))

    def _step(self, p: _BoxProblem, x: Any, state: BoxCDQPState) -> tuple[Any, BoxCDQPState]:
        def one(i: Any, x: Any) -> Any:
            slope, curvature = p.q[i] @ x + p.c[i], p.q[i, i]
            # a straight line has its minimum at an end
            step = bnp.where(
                curvature > 0, slope / bnp.where(curvature > 0, curvature, 1.0),
                bnp.where(slope == 0, 0.0, bnp.sign(slope) * bnp.inf),
            )  # fmt: skip
            return x.at[i].set(bnp.clip(x[i] - step, p.low[i], p.high[i]))

        x = lax.fori_loop(0, x.shape[0], one, x)
        return x, self._state(p, x, state.iter_num + 1)


class _BoxSplitting:
    """A box program for given arguments; a flat vector is (x, z, y)."""

    def __init__(
        self, solver: Any, init: Any, params_obj: Any, params_eq: Any, params_ineq: Any
    ) -> None:
        start = init.primal[0] if isinstance(init, KKTSolution) else init
        q, c, self.back_x = objective(solver, params_obj, start)
        n = c.shape[0]
        k = matrix(solver.matvec_A, params_eq, self.back_x, n, c.dtype, "A")
        m = k.shape[0]
        low, high = (flat(b)[0].astype(c.dtype) for b in params_ineq)
        for name, bound in (("l", low), ("u", high)):
            if bound.shape not in ((m,), (1,)):
                raise ValueError(
                    f"BoxOSQP: A has {m} rows, so {name} must have {m} elements, got "
                    f"{bound.shape[0]}"
                )
        self.box = Box(q, c, k, bnp.broadcast_to(low, (m,)), bnp.broadcast_to(high, (m,)))
        self.back_z = flat(params_ineq[0])[1] if low.shape == (m,) else lambda z: z
        x = bnp.zeros_like(c) if init is None else flat(start)[0].astype(c.dtype)
        z, y = k @ x, bnp.zeros(m, dtype=c.dtype)
        if isinstance(init, KKTSolution):
            z = z if init.primal[1] is None else flat(init.primal[1])[0].astype(c.dtype)
            y = y if init.dual_eq is None else flat(init.dual_eq)[0].astype(c.dtype)
        self.x = self.join(x, z, y)

    def split(self, v: Any) -> tuple[Any, Any, Any]:
        n, m = self.box.c.shape[0], self.box.low.shape[0]
        return v[:n], v[n : n + m], v[n + m :]

    def join(self, x: Any, z: Any, y: Any) -> Any:
        return bnp.concatenate([x, z, y])

    def value(self, v: Any) -> Any:
        return self.box.value(self.split(v)[0])

    def back(self, v: Any) -> KKTSolution:
        x, z, y = self.split(v)
        above, below = bnp.maximum(y, 0.0), bnp.maximum(-y, 0.0)
        return KKTSolution(
            (self.back_x(x), self.back_z(z)), self.back_z(y),
            (self.back_z(above), self.back_z(below)),
        )  # fmt: skip


@dataclasses.dataclass(eq=False)
class BoxOSQP(Splitting):
    """Solve min ½xᵀQx + cᵀx with A x = z, l ≤ z ≤ u by ADMM.

    `run(init_params=None, params_obj=(Q, c), params_eq=A, params_ineq=(l, u))`; l = u is an
    equality, ±inf no bound. `matvec_Q(params_Q, x)`, `matvec_A(params_A, x)`: the products, if Q
    and A are not matrices; x and z may then be pytrees. `fun(x, params_obj)`: the objective,
    instead of (Q, c). `init_params`: None, x, or a `KKTSolution`. `params` is a `KKTSolution` with
    primal = (x, z), dual_eq = y and dual_ineq = (max(y, 0), max(-y, 0)). Other settings as for
    `OSQP`.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> eye, c = bnp.eye(2), bnp.array([-2.0, 1.0])
    >>> params, state = solvers.BoxOSQP().run(None, (eye, c), eye, (bnp.zeros(2), bnp.ones(2)))
    >>> [abs(round(float(v), 4)) for v in params.primal[0]], bool(state.converged)
    ([1.0, 0.0], True)
    """

    matvec_Q: Callable[..., Any] | None = None
    matvec_A: Callable[..., Any] | None = None
    fun: Callable[..., Any] | None = None

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> _BoxSplitting:
        given = dict(zip(("params_obj", "params_eq", "params_ineq"), args, strict=False)) | kwargs
        missing = [k for k in ("params_obj", "params_eq", "params_ineq") if given.get(k) is None]
        if missing:
            raise TypeError(f"BoxOSQP.run: missing {', '.join(missing)}")
        return _BoxSplitting(self, params, **given)

    def _residual(self, p: _BoxSplitting, x: Any) -> Any:
        return p.box.residual(*p.split(x))
