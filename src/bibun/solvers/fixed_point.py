"""Fixed points: x = T(x), by iteration."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun.solvers.base import is_converged, norm, reason
from bibun.solvers.root_base import RootFinder


class FixedPointState(NamedTuple):
    """State: iterations, ½‖T(x) - x‖², ‖T(x) - x‖, status."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


@dataclasses.dataclass(eq=False)
class FixedPointIteration(RootFinder):
    """Iterate x ← fixed_point_fun(x, *args, **kwargs) until it stays.

    `state.error` is the length of the last step.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> x, state = solvers.FixedPointIteration(lambda x: bnp.cos(x)).run(1.0)
    >>> round(float(x), 6)
    0.739085
    """

    fixed_point_fun: Callable[..., Any]
    has_aux: bool = False
    tol: float = dataclasses.field(default=1e-10, kw_only=True)

    @property
    def _function(self) -> Callable[..., Any]:
        return self.fixed_point_fun

    def _residual(self, p: Any, x: Any) -> Any:
        return p.residual(x)[0] - x

    def _start(self, p: Any, x: Any) -> FixedPointState:
        _, aux = p.residual(x)
        infinite = bnp.full((), bnp.inf, dtype=x.dtype)
        return FixedPointState(bnp.asarray(0), infinite, infinite, bnp.asarray(0), aux)

    def _step(self, p: Any, x: Any, state: FixedPointState) -> tuple[Any, FixedPointState]:
        new, aux = p.residual(x)
        error = norm(new - x)
        return new, FixedPointState(
            state.iter_num + 1, 0.5 * error * error, error, self._status(error), aux
        )
