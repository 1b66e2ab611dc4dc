"""The line searches as solvers of their own, for algorithms that users write.

    search = solvers.ZoomLineSearch(fun)
    stepsize, state = search.run(1.0, params, descent_direction=direction, fun_args=(data,))

`state.params` is the point reached, with its value, gradient and auxiliary output;
`state.failed` says that the conditions do not hold there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from bibun import jit, tree
from bibun import numpy as bnp
from bibun.solvers import loop
from bibun.solvers.base import Problem
from bibun.solvers.line_search import CONDITIONS, LARGEST, search
from bibun.solvers.vectors import as_floats, flat


class LineSearchState(NamedTuple):
    """The point reached, value, gradient and auxiliary output there; did the search fail?"""

    params: Any
    value: Any
    grad: Any
    aux: Any
    failed: Any


class LineSearchStep(NamedTuple):
    """What a line search returns."""

    stepsize: Any
    state: LineSearchState


@dataclasses.dataclass(eq=False)
class LineSearch:
    """Base of the line searches: `run` looks along a direction from a point.

    `fun(params, *args, **kwargs)` returns a scalar (with an auxiliary output if `has_aux`, with its
    gradient if `value_and_grad`). `maxiter`: most trials. `jit=False`: trials in plain Python, for
    functions that cannot be traced.
    """

    name: ClassVar[str]

    fun: Callable[..., Any]
    value_and_grad: bool = dataclasses.field(default=False, kw_only=True)
    has_aux: bool = dataclasses.field(default=False, kw_only=True)
    maxiter: int = dataclasses.field(default=30, kw_only=True)
    max_stepsize: float | None = dataclasses.field(default=None, kw_only=True)
    jit: bool = dataclasses.field(default=True, kw_only=True)

    def _options(self) -> dict[str, Any]:
        raise NotImplementedError

    def run(
        self, init_stepsize: Any, params: Any, value: Any = None, grad: Any = None,
        descent_direction: Any = None, fun_args: Any = (), fun_kwargs: Any = None,
    ) -> LineSearchStep:  # fmt: skip
        """A step from `params` along `descent_direction` (default: minus the gradient).

        `value` and `grad` at `params` are computed if not given (with an auxiliary output they
        are computed in any case).
        """
        given = (
            init_stepsize, as_floats(params), value, grad, descent_direction, tuple(fun_args),
            fun_kwargs or {},
        )  # fmt: skip
        if self.jit:
            return jit(self._run)(*given)
        with loop.plain_python(True):
            return self._run(*given)

    def _run(
        self, first: Any, params: Any, value: Any, grad: Any, direction: Any, args: Any, kwargs: Any
    ) -> LineSearchStep:
        p = Problem(self, params, args, kwargs)

        def like_params(v: Any) -> Any:
            if tree.structure(v) != tree.structure(params):
                raise ValueError(
                    f"{type(self).__name__}: a gradient or direction must have the structure of "
                    f"params, {tree.structure(params)}, got {tree.structure(v)}"
                )
            return flat(v)[0].astype(p.x.dtype)

        aux: Any = ()
        if value is None or grad is None or self.has_aux:
            at, aux, g = p.value_and_grad(p.x)
        if value is not None:
            at = bnp.asarray(value).astype(p.x.dtype)
        if grad is not None:
            g = like_params(tree.map(bnp.conj, grad))
        d = -g if direction is None else like_params(direction)
        largest = LARGEST if self.max_stepsize is None else self.max_stepsize
        step = search(
            self.name, p.value_and_grad, p.value, p.x, d, at, g, aux, first, self.maxiter, largest,
            **self._options(),
        )  # fmt: skip
        there = p.back(p.x + step.size * d)
        state = LineSearchState(there, step.value, p.back(step.grad), step.aux, ~step.ok)
        return LineSearchStep(step.size, state)


@dataclasses.dataclass(eq=False)
class BacktrackingLineSearch(LineSearch):
    """Shorten a step by `decrease_factor` until `condition` holds.

    `condition`: "armijo", "goldstein", "wolfe" or "strong-wolfe", with constants c1 and c2.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> search = solvers.BacktrackingLineSearch(lambda x: bnp.sum(x**2), condition="armijo")
    >>> size, state = search.run(1.0, bnp.array([3.0, 4.0]))
    >>> float(size) < 1.0, float(state.value) < 25.0, bool(state.failed)
    (True, True, False)
    """

    name: ClassVar[str] = "backtracking"

    condition: str = dataclasses.field(default="strong-wolfe", kw_only=True)
    c1: float = dataclasses.field(default=1e-4, kw_only=True)
    c2: float = dataclasses.field(default=0.9, kw_only=True)
    decrease_factor: float = dataclasses.field(default=0.8, kw_only=True)

    def __post_init__(self) -> None:
        if self.condition not in CONDITIONS:
            raise ValueError(f"condition must be one of {CONDITIONS}, got {self.condition!r}")

    def _options(self) -> dict[str, Any]:
        given = {"condition": self.condition, "shrink": self.decrease_factor, "c1": self.c1}
        return given if self.condition == "armijo" else {**given, "c2": self.c2}


@dataclasses.dataclass(eq=False)
class ZoomLineSearch(LineSearch):
    """A step with the strong Wolfe conditions, by bracketing and cubic interpolation.

    Trials grow by `increase_factor` until a minimum is bracketed.

    >>> from bibun import solvers
    >>> size, state = solvers.ZoomLineSearch(lambda x: (x - 3.0) ** 2).run(1.0, 0.0)
    >>> round(float(state.params), 6)
    3.0
    """

    name: ClassVar[str] = "zoom"

    c1: float = dataclasses.field(default=1e-4, kw_only=True)
    c2: float = dataclasses.field(default=0.9, kw_only=True)
    increase_factor: float = dataclasses.field(default=2.0, kw_only=True)

    def _options(self) -> dict[str, Any]:
        return {"c1": self.c1, "c2": self.c2, "grow": self.increase_factor}


@dataclasses.dataclass(eq=False)
class HagerZhangLineSearch(LineSearch):
    """A step with the (approximate) Wolfe conditions, by secants of the slope.

    Trials grow by `expansion_factor` until a minimum is bracketed; a bracket that keeps more than
    `shrinkage_factor` of its width is halved.

    >>> from bibun import solvers
    >>> size, state = solvers.HagerZhangLineSearch(lambda x: (x - 3.0) ** 2).run(0.5, 0.0)
    >>> round(float(state.params), 6)
    3.0
    """

    name: ClassVar[str] = "hager-zhang"

    c1: float = dataclasses.field(default=0.1, kw_only=True)
    c2: float = dataclasses.field(default=0.9, kw_only=True)
    expansion_factor: float = dataclasses.field(default=5.0, kw_only=True)
    shrinkage_factor: float = dataclasses.field(default=0.66, kw_only=True)

    def _options(self) -> dict[str, Any]:
        return {
            "c1": self.c1, "c2": self.c2, "grow": self.expansion_factor,
            "slow_above": self.shrinkage_factor,
        }  # fmt: skip
