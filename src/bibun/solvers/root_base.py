"""What the root finders share: F(x, …) = 0 on flat vectors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from bibun import numpy as bnp
from bibun.solvers.base import IterativeSolver, Problem, flat, norm


class System(Problem):
    """A user's system of equations for given arguments, on flat vectors."""

    def __init__(self, solver: Any, params: Any, args: tuple[Any, ...], kwargs: dict) -> None:
        super().__init__(solver, params, args, kwargs)
        self.fun = solver._equations

    def residual(self, x: Any) -> tuple[Any, Any]:
        """F(x) and the auxiliary output."""
        out = self.call(x)
        f, aux = out if self.has_aux else (out, ())
        f = flat(f)[0].astype(x.dtype)
        if f.shape != x.shape:
            raise ValueError(
                f"a root finder needs as many equations as unknowns: {x.shape[0]} unknowns, "
                f"{f.shape[0]} equations; for more equations use LevenbergMarquardt"
            )
        return f, aux


@dataclasses.dataclass(eq=False)
class RootFinder(IterativeSolver):
    """Base of the solvers of optimality_fun(params, *args, **kwargs) = 0."""

    minimizes: ClassVar[bool] = False

    def _equations(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """The user's function."""
        return self._function(params, *args, **kwargs)

    @property
    def _function(self) -> Callable[..., Any]:
        raise NotImplementedError

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> System:
        return System(self, params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return p.residual(x)[0]

    def optimality_fun(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """The function whose root is sought."""
        p = self._problem(params, args, kwargs)
        return p.back(self._residual(p, p.x))

    def l2_optimality_error(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """The Euclidean norm of the function at `params`."""
        p = self._problem(params, args, kwargs)
        return norm(self._residual(p, p.x))


def half_square(f: Any) -> Any:
    """½‖f‖²."""
    return 0.5 * bnp.sum(f * f)
