"""Anderson acceleration of another solver's steps.

The step of a solver is a map of its parameters; `AndersonWrapper` looks for its fixed point with
`anderson.py`'s extrapolation, and lets the solver carry its own state (step sizes, momentum)
along. Between extrapolations `mixing_frequency - 1` plain steps are made.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun.solvers.anderson import extrapolate
from bibun.solvers.base import IterativeSolver, is_converged, reason


class AndersonWrapperState(NamedTuple):
    """State: iterations, objective, the solver's error and status; its state; last points."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    solver_state: Any
    points: Any
    residuals: Any

    converged = property(is_converged)
    reason = property(reason)


@dataclasses.dataclass(eq=False)
class AndersonWrapper(IterativeSolver):
    """Accelerate `solver` (a first-order one) by Anderson extrapolation of its iterates.

    `run` takes the arguments of `solver.run`; `state.error` and `tol` are measured as by the
    solver. `history_size`, `beta`, `ridge`: as for `AndersonAcceleration`; `mixing_frequency`:
    steps from one extrapolation to the next (default `history_size`).

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> scales = bnp.array([1.0, 30.0])
    >>> gd = solvers.GradientDescent(lambda x: bnp.sum(scales * (x - 1.0) ** 2), stepsize=0.01,
    ...                              acceleration=False)
    >>> fast = solvers.AndersonWrapper(gd, maxiter=200).run(bnp.zeros(2)).state
    >>> bool(fast.converged), int(fast.iter_num) < int(gd.run(bnp.zeros(2)).state.iter_num)
    (True, True)
    """

    solver: IterativeSolver
    history_size: int = dataclasses.field(default=5, kw_only=True)
    mixing_frequency: int | None = dataclasses.field(default=None, kw_only=True)
    beta: float = dataclasses.field(default=1.0, kw_only=True)
    ridge: float = dataclasses.field(default=1e-10, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.solver, IterativeSolver):
            raise TypeError(f"AndersonWrapper: expected a solver, got {self.solver!r}")

    @property
    def minimizes(self) -> bool:  # type: ignore[override]
        """Whether state.value is an objective: as the solver says."""
        return self.solver.minimizes

    @property
    def _inner(self) -> IterativeSolver:
        """The solver with this one's tolerance."""
        return dataclasses.replace(self.solver, tol=self.tol)

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        return self.solver._problem(params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return self.solver._residual(p, x)

    def _start(self, p: Any, x: Any) -> AndersonWrapperState:
        inner = self._inner._start(p, x)
        empty = bnp.zeros((self.history_size, x.shape[0]), dtype=x.dtype)
        return AndersonWrapperState(
            bnp.asarray(0), inner.value, inner.error, inner.status, inner, empty, empty
        )

    def _step(self, p: Any, x: Any, state: AndersonWrapperState) -> Any:
        solver = self._inner
        image, inner = solver._step(p, x, state.solver_state)
        every = self.history_size if self.mixing_frequency is None else self.mixing_frequency
        mixed, points, residuals, good = extrapolate(
            state.points, state.residuals, x, image - x, state.iter_num, self.beta, self.ridge
        )
        due = bnp.equal(bnp.remainder(state.iter_num + 1, every), 0)
        new = bnp.where(due & good & bnp.equal(inner.status, 0), mixed, image)
        return new, AndersonWrapperState(
            state.iter_num + 1, inner.value, inner.error, inner.status, inner, points, residuals
        )
