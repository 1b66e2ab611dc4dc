"""What the solvers that search along lines share: their settings, and a step's size.

A step is either of a given size (`stepsize`), or found by one of the searches of
`line_search.py`; where that search begins is `linesearch_init`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from bibun import numpy as bnp
from bibun.solvers.base import IterativeSolver, Problem, norm
from bibun.solvers.line_search import CONDITIONS, LARGEST, Step, search, search_names

_INITS = ("auto", "current", "increase", "max")


@dataclasses.dataclass(eq=False)
class LineSearched(IterativeSolver):
    """Base of the solvers that go along lines.

    `stepsize`: 0 for a line search, else the size of all steps, or a function of the iteration.
    `linesearch`: "zoom", "hager-zhang" or "backtracking" (until `condition` holds: "armijo",
    "goldstein", "wolfe" or "strong-wolfe"; each trial is `decrease_factor` times the last one).
    `linesearch_init`: the first trial is what the method knows to be good ("auto"), the last step
    ("current"), `increase_factor` times it ("increase"), these not below `min_stepsize`, or
    `max_stepsize` ("max"). No step is longer than `max_stepsize` times its direction. Where a
    search fails, the next one goes along the gradient, unless `stop_if_linesearch_fails`.
    """

    fun: Callable[..., Any]
    value_and_grad: bool = False
    has_aux: bool = False
    stepsize: float | Callable[[Any], Any] = dataclasses.field(default=0.0, kw_only=True)
    linesearch: str = dataclasses.field(default="zoom", kw_only=True)
    linesearch_init: str = dataclasses.field(default="auto", kw_only=True)
    stop_if_linesearch_fails: bool = dataclasses.field(default=False, kw_only=True)
    condition: str = dataclasses.field(default="armijo", kw_only=True)
    maxls: int = dataclasses.field(default=30, kw_only=True)
    decrease_factor: float = dataclasses.field(default=0.5, kw_only=True)
    increase_factor: float = dataclasses.field(default=1.5, kw_only=True)
    max_stepsize: float = dataclasses.field(default=LARGEST, kw_only=True)
    min_stepsize: float = dataclasses.field(default=1e-6, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting, allowed in (
            ("linesearch", search_names()), ("linesearch_init", _INITS), ("condition", CONDITIONS)
        ):  # fmt: skip
            given = getattr(self, setting)
            if given not in allowed:
                raise ValueError(
                    f"{type(self).__name__}: {setting} must be one of {list(allowed)}, got "
                    f"{given!r}"
                )
        if self.condition != "armijo" and self.linesearch != "backtracking":
            raise ValueError(
                f"{type(self).__name__}: condition={self.condition!r} is one of "
                f"linesearch='backtracking'; {self.linesearch!r} has its own (Wolfe's)"
            )
        if self.linesearch_init == "max" and self.max_stepsize >= LARGEST:
            raise ValueError(f"{type(self).__name__}: linesearch_init='max' needs max_stepsize=")

    def _search(
        self, p: Problem, x: Any, direction: Any, state: Any, first: Any, **options: Any
    ) -> Step:
        """The step along a direction; `first` is the trial that "auto" begins with."""
        if callable(self.stepsize) or self.stepsize > 0:
            size = self.stepsize(state.iter_num) if callable(self.stepsize) else self.stepsize
            size = bnp.asarray(size, dtype=x.dtype) + bnp.zeros_like(state.value)
            value, aux, g = p.value_and_grad(x + size * direction)
            return Step(size, value, g, aux, bnp.isfinite(value))
        if self.linesearch_init == "max":
            first = self.max_stepsize
        elif self.linesearch_init != "auto":
            factor = self.increase_factor if self.linesearch_init == "increase" else 1.0
            again = bnp.maximum(factor * state.stepsize, self.min_stepsize)
            known = (state.iter_num > 0) & (state.stepsize > 0)
            first = bnp.where(known, again, first)
        if self.linesearch == "backtracking":
            options = {"condition": self.condition, "shrink": self.decrease_factor}
        return search(
            self.linesearch, p.value_and_grad, p.value, x, direction, state.value, state.grad,
            state.aux, first, self.maxls, self.max_stepsize, **options,
        )  # fmt: skip


def cautious(g: Any) -> Any:
    """A first trial along -g: not further than 1."""
    return bnp.minimum(1.0, 1.0 / bnp.maximum(norm(g), 1e-30))
