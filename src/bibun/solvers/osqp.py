"""OSQP: convex quadratic programs by operator splitting (`admm.py`), polished at the end.

Stellato, Banjac, Goulart, Bemporad & Boyd, Math. Prog. Comp. 12 (2020). The active set is guessed
from the multipliers (§5.2) and the solution brought to full precision on it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bibun.solvers.admm import Splitting
from bibun.solvers.quadratic import QPSolver


@dataclasses.dataclass(eq=False)
class OSQP(Splitting, QPSolver):
    """Solve min ½xᵀQx + cᵀx with A x = b, G x ≤ h by ADMM and polishing.

    Arguments and result as for `InteriorPointQP`, which is more precise on small programs; an
    iteration is cheaper here, and a good `init_params` shortens the work. `momentum`: α of the
    paper; `rho_start`: the first step ρ, adapted every `stepsize_updates_frequency` iterations
    within [`rho_min`, `rho_max`]; `primal_infeasible_tol`, `dual_infeasible_tol`: for the proof
    that there is no solution. `polishing=False` leaves the iterate as it is.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> eye, c = bnp.eye(2), bnp.array([-2.0, 1.0])
    >>> solution, state = solvers.OSQP().run(None, (eye, c), None, (-eye, bnp.zeros(2)))
    >>> [abs(round(float(v), 6)) for v in solution.primal], bool(state.converged)
    ([2.0, 0.0], True)
    """

    polishing: bool = dataclasses.field(default=True, kw_only=True)

    def _iterate(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        solution, state = super()._iterate(params, args, kwargs)
        if self.polishing:
            return self._polished(self._problem(solution, args, kwargs), state)
        return solution, state
