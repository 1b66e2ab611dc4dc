"""Bisection: a root of a function of one variable between two points of opposite sign."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from bibun import numpy as bnp
from bibun.solvers.base import (
    CONVERGED,
    NO_BRACKET,
    NONFINITE,
    RUNNING,
    OptStep,
    is_converged,
    reason,
)
from bibun.solvers.root_base import RootFinder


class BisectionState(NamedTuple):
    """State: iterations, F, |F|, status; the interval and the value at its lower end."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    low: Any
    high: Any
    f_low: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


def scalar_start(lower: Any, upper: Any, init_params: Any) -> Any:
    """The start of a search in an interval: its middle, unless one is given."""
    lower, upper = bnp.asarray(lower) * 1.0, bnp.asarray(upper) * 1.0
    if init_params is None:
        return 0.5 * (lower + upper)
    return bnp.asarray(init_params) * 1.0


@dataclasses.dataclass(eq=False)
class Bisection(RootFinder):
    """Find a root of `optimality_fun(x, *args, **kwargs)` in [lower, upper]; the sign changes.

    `run(init_params=None, *args, **kwargs)`; the interval decides, not the start.
    `state.error` is |F|; the search also ends where the interval is as small as rounding
    permits. Without a change of sign `state.reason` says so, and the result is nan if
    `check_bracket`.

    >>> from bibun import solvers
    >>> round(float(solvers.Bisection(lambda x: x**3 - 2.0, 0.0, 2.0).run().params) ** 3, 9)
    2.0
    """

    smooth: ClassVar[bool] = False

    optimality_fun: Callable[..., Any] = dataclasses.field()
    lower: Any = None
    upper: Any = None
    check_bracket: bool = True
    has_aux: bool = False
    maxiter: int = dataclasses.field(default=100, kw_only=True)
    tol: float = dataclasses.field(default=1e-12, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lower is None or self.upper is None:
            raise ValueError(f"{type(self).__name__} needs the interval: lower and upper")

    @property
    def _function(self) -> Callable[..., Any]:
        return self.optimality_fun

    def run(self, init_params: Any = None, *args: Any, **kwargs: Any) -> OptStep:
        """Search; see `IterativeSolver.run`."""
        start = scalar_start(self.lower, self.upper, init_params)
        if start.shape != ():
            raise ValueError(
                f"{type(self).__name__} finds one number, got a start of shape {start.shape}; "
                "vmap it for many"
            )
        return super().run(start, *args, **kwargs)

    def init_state(self, init_params: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The state before the first step."""
        start = scalar_start(self.lower, self.upper, init_params)
        return super().init_state(start, *args, **kwargs)

    def _bracket(self, p: Any, x: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Both ends, the values there, and the status: is there a change of sign?"""
        ends = (self.lower, self.upper)
        low, high = (
            bnp.broadcast_to(bnp.asarray(v).astype(x.dtype), x.shape) for v in ends
        )
        f_low, f_high = p.residual(low)[0], p.residual(high)[0]
        crosses = bnp.sign(f_low) * bnp.sign(f_high) <= 0
        status = bnp.where(bnp.all(crosses), RUNNING, NO_BRACKET)
        finite = bnp.all(bnp.isfinite(f_low) & bnp.isfinite(f_high))
        return low, high, f_low, f_high, bnp.where(finite, status, NONFINITE)

    def _start(self, p: Any, x: Any) -> BisectionState:
        low, high, f_low, _, status = self._bracket(p, x)
        f, aux = p.residual(x)
        return BisectionState(
            bnp.asarray(0), f[0], bnp.abs(f[0]), status, low, high, f_low, aux
        )

    def _step(self, p: Any, x: Any, state: BisectionState) -> tuple[Any, BisectionState]:
        low, high, f_low = state.low, state.high, state.f_low
        # an end of the interval may be the root itself
        middle = bnp.where(f_low == 0, low, 0.5 * (low + high))
        f, aux = p.residual(middle)
        left = bnp.sign(f) * bnp.sign(f_low) > 0
        after_low, after_high = bnp.where(left, middle, low), bnp.where(left, high, middle)
        error = bnp.abs(f[0])
        eps = bnp.finfo(x.dtype).eps
        narrow = (after_high - after_low)[0] <= 2.0 * eps * bnp.abs(middle[0])
        status = bnp.where((error <= self.tol) | narrow, CONVERGED, RUNNING)
        status = bnp.where(bnp.isfinite(error), status, NONFINITE)
        return middle, BisectionState(
            state.iter_num + 1, f[0], error, status, after_low, after_high,
            bnp.where(left, f, f_low), aux,
        )  # fmt: skip

    def _iterate(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        x, state = super()._iterate(params, args, kwargs)
        if self.check_bracket:
            x = bnp.where(bnp.equal(state.status, NO_BRACKET), bnp.nan, x)
        return x, state
