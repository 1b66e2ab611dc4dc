"""Iterative refinement: a linear system solved again for what is left of its right-hand side.

x⁺ = x + S(b - A x), where S solves with Ā, an approximation of A that is easier to solve with:
better conditioned (a ridge), of lower precision, or cheaper. Golub & Van Loan, *Matrix
Computations*, §3.5.3.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from bibun import numpy as bnp
from bibun.solvers.base import OptionalStart, flat, is_converged, norm, reason
from bibun.solvers.linear_solve import solve_gmres


class IterativeRefinementState(NamedTuple):
    """State: iterations, ½‖b - A x‖², ‖b - A x‖, status."""

    iter_num: Any
    value: Any
    error: Any
    status: Any

    converged = property(is_converged)
    reason = property(reason)


class _System:
    """A linear system for given arguments, on flat vectors."""

    def __init__(self, solver: Any, init: Any, a: Any, b: Any, a_bar: Any = None) -> None:
        self.b, self.back = flat(b)
        self.x = bnp.zeros_like(self.b) if init is None else flat(init)[0].astype(self.b.dtype)
        self.solve = solver.solve

        def product(matvec: Any, given: Any) -> Any:
            times = matvec or (lambda m, v: bnp.asarray(m) @ v)
            return lambda v: flat(times(given, self.back(v)))[0].astype(self.b.dtype)

        self.matvec = product(solver.matvec_A, a)
        other = solver.matvec_A_bar or (solver.matvec_A if a_bar is not None else None)
        if a_bar is None and solver.matvec_A_bar is None:
            self.approximate = self.matvec
        else:
            self.approximate = product(other, a_bar)

    def residual(self, x: Any) -> Any:
        return self.b - self.matvec(x)


@dataclasses.dataclass(eq=False)
class IterativeRefinement(OptionalStart):
    """Solve A x = b by corrections from an approximate solver.

    `run(init_params, A, b, A_bar=None)`; the start may be None, for 0. `matvec_A(A, x)`: the
    product, if A is not a matrix; `matvec_A_bar(A_bar, x)`: that of the approximation (default: A
    itself). `solve(matvec, b)` solves with the approximation (default: GMRES with a ridge of 1e-6).
    `state.error` is ‖b - A x‖.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> a, b = bnp.array([[2.0, 1.0], [0.0, 4.0]]), bnp.array([4.0, 8.0])
    >>> [round(float(v), 6) for v in solvers.IterativeRefinement().run(None, a, b).params]
    [1.0, 2.0]
    """

    minimizes: ClassVar[bool] = False

    matvec_A: Callable[..., Any] | None = None
    matvec_A_bar: Callable[..., Any] | None = None
    solve: Callable[..., Any] = dataclasses.field(
        default=functools.partial(solve_gmres, ridge=1e-6), kw_only=True
    )
    maxiter: int = dataclasses.field(default=10, kw_only=True)
    tol: float = dataclasses.field(default=1e-10, kw_only=True)

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> _System:
        return _System(self, params, *args, **kwargs)

    def _residual(self, p: _System, x: Any) -> Any:
        return -p.residual(x)

    def _state(self, p: _System, x: Any, count: Any) -> IterativeRefinementState:
        error = norm(p.residual(x))
        return IterativeRefinementState(count, 0.5 * error * error, error, self._status(error))

    def _start(self, p: _System, x: Any) -> IterativeRefinementState:
        return self._state(p, x, bnp.asarray(0))

    def _step(self, p: _System, x: Any, state: IterativeRefinementState) -> Any:
        x = x + p.solve(p.approximate, p.residual(x))
        return x, self._state(p, x, state.iter_num + 1)
