"""What all solvers share: the loop, its state, and the derivative of what it returns.

A solver is a dataclass of settings with four methods: `init_state`, `update` (one step),
`run` (all steps) and `optimality_fun`, whose root is the solution. Inside, every algorithm
works on one flat vector: `Problem` ravels the pytree of parameters and calls the user's
function on the pytree again, so that the linear algebra of an algorithm is written once and
any pytree will do.

`run` is one `lax.while_loop`, compiled whole. Its derivative is that of the implicit
function theorem at the solution (`implicit.py`), whatever went on inside; or, with
`implicit_diff=False`, that of the iterations.

The interface follows JAXopt's (Blondel et al., 2021); the state says why it stopped.
"""

from __future__ import annotations

import abc
import copy
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from bibun import debug, jit, tree
from bibun import grad as gradient
from bibun import numpy as bnp
from bibun import value_and_grad as value_and_gradient
from bibun.errors import LeakedTracerError
from bibun.solvers import implicit, loop
from bibun.solvers.vectors import as_floats, flat, norm

(
    RUNNING, CONVERGED, MAXITER, LINESEARCH, NONFINITE, STALLED, NO_BRACKET, INFEASIBLE, HOST,
    SETTLED,
) = range(10)  # fmt: skip

REASONS = {
    RUNNING: "still running",
    CONVERGED: "converged: error is at most tol",
    MAXITER: "stopped after maxiter iterations, error still above tol",
    LINESEARCH: "stopped: the line search found no lower point (at the limit of precision, or "
    "the gradient is wrong)",
    NONFINITE: "stopped: the function or its derivative is nan or infinite",
    STALLED: "stopped: steps became too small to change the parameters, error still above tol",
    NO_BRACKET: "stopped: the function has the same sign at both ends of the interval",
    INFEASIBLE: "stopped: the constraints contradict each other, or the objective is unbounded",
    HOST: "stopped by SciPy before it converged; state.message has its reason",
    SETTLED: "converged: neither the objective nor its model changes any more (ftol, xtol)",
}


class OptStep(NamedTuple):
    """What `run` and `update` return."""

    params: Any
    state: Any


def reason(state: Any) -> str:
    """Why a solver stopped, in words (on concrete values)."""
    import numpy as np

    status = np.asarray(state.status)
    if status.ndim:
        return "; ".join(
            f"{int(np.sum(status == k))} × {REASONS[int(k)]}" for k in np.unique(status)
        )
    return REASONS[int(status)]


def is_converged(state: Any) -> Any:
    """Whether the solver reached a solution; a bool, an array of them under vmap."""
    return bnp.equal(state.status, CONVERGED) | bnp.equal(state.status, SETTLED)


class Problem:
    """A user's objective for given arguments, as a function of one flat vector.

    `value(x)` is a scalar; `full(x)` has the auxiliary output too; `value_and_grad(x)` is
    `(value, aux, gradient)`.
    """

    def __init__(
        self, solver: Any, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.args = args
        self.kwargs = kwargs
        self.x, self.back = flat(params)
        fun = getattr(solver, "fun", None)
        self.has_aux = bool(getattr(solver, "has_aux", False))
        self.both = bool(getattr(solver, "value_and_grad", False))
        self.fun = fun

    def call(self, x: Any) -> Any:
        """What the user's function returns at the pytree that x stands for."""
        return self.fun(self.back(x), *self.args, **self.kwargs)  # type: ignore[misc]

    def full(self, x: Any) -> tuple[Any, Any]:
        """Value and auxiliary output (() without one)."""
        out = self.call(x)
        if self.both:
            out = out[0]
        return self._split(out)

    def _split(self, out: Any) -> tuple[Any, Any]:
        """Value, in the precision of the parameters, and auxiliary output."""
        value, aux = out if self.has_aux else (out, ())
        return scalar(value).astype(self.x.dtype), aux

    def value(self, x: Any) -> Any:
        return self.full(x)[0]

    def value_and_grad(self, x: Any) -> tuple[Any, Any, Any]:
        if self.both:
            out, g = self.call(x)
            value, aux = self._split(out)
            # complex: the steepest ascent is the conjugate of the derivative
            return value, aux, flat(tree.map(bnp.conj, g))[0].astype(x.dtype)
        (value, aux), g = value_and_gradient(self.full, has_aux=True)(x)
        return value, aux, g

    def grad(self, x: Any) -> Any:
        return self.value_and_grad(x)[2] if self.both else gradient(self.value)(x)


def scalar(value: Any) -> Any:
    """A value as a floating scalar. Errors: TypeError for an array."""
    value = bnp.asarray(value)
    if value.shape not in ((), (1,)):
        raise TypeError(
            f"the objective of a solver must return a scalar, got shape {value.shape}; sum it, or "
            "use a least-squares solver (LevenbergMarquardt, GaussNewton) for residuals"
        )
    return bnp.reshape(value, ()) * 1.0


def keep(condition: Any, new: Any, old: Any) -> Any:
    """`new` where the condition holds, else `old`, for pytrees."""
    return tree.map(lambda n, o: bnp.where(condition, n, o), new, old)


class Solver(abc.ABC):
    """A method that finds the params at which `optimality_fun` is zero."""

    @abc.abstractmethod
    def run(self, init_params: Any, *args: Any, **kwargs: Any) -> OptStep:
        """Solve, from `init_params`; the other arguments go to the user's function."""

    @abc.abstractmethod
    def optimality_fun(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """Zero at a solution, in the structure of the parameters."""

    def l2_optimality_error(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """The Euclidean norm of `optimality_fun`."""
        return norm(flat(self.optimality_fun(params, *args, **kwargs))[0])

    def attribute_names(self) -> tuple[str, ...]:
        """Names of the settings."""
        return tuple(f.name for f in dataclasses.fields(self))  # type: ignore[arg-type]

    def attribute_values(self) -> tuple[Any, ...]:
        """Values of the settings."""
        return tuple(getattr(self, n) for n in self.attribute_names())


class _Whole:
    """A solver's loop as `jit` sees it.

    If the user's function is a method, its object is presented as `__self__`, so that `jit`
    watches what it reads there.
    """

    def __init__(self, solver: Any, owner: Any) -> None:
        self.solver = solver
        self.__name__ = type(solver).__name__
        if owner is not None:
            self.__self__ = owner

    def __call__(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.solver._whole(params, args, kwargs)


@dataclasses.dataclass(eq=False)
class IterativeSolver(Solver):
    """A solver that repeats a step.

    Settings of all: `maxiter`, `tol`, `implicit_diff` (False: the derivative of the iterations),
    `implicit_diff_solve(matvec, b)`, `jit` (False: iterations in plain Python, for functions that
    cannot be traced), `verbose` (a line for each iteration), `unroll` ("auto" or False: nothing has
    to be unrolled; True with jit=False only). Subclasses write `_start` and `_step` on flat
    vectors.

    `_start(problem, x)` returns the first state, `_step(problem, x, state)` the next point
    and state, whose `status` it sets.
    """

    minimizes: ClassVar[bool] = True  # state.value is fun at the solution
    smooth: ClassVar[bool] = True  # the iterates depend smoothly on the arguments

    maxiter: int = dataclasses.field(default=500, kw_only=True)
    tol: float = dataclasses.field(default=1e-6, kw_only=True)
    implicit_diff: bool = dataclasses.field(default=True, kw_only=True)
    implicit_diff_solve: Callable[..., Any] | None = dataclasses.field(default=None, kw_only=True)
    jit: bool = dataclasses.field(default=True, kw_only=True)
    verbose: bool | int = dataclasses.field(default=False, kw_only=True)
    unroll: bool | str = dataclasses.field(default="auto", kw_only=True)

    def __post_init__(self) -> None:
        if not (self.smooth or self.implicit_diff):
            raise ValueError(
                f"{type(self).__name__}: implicit_diff=False asks for the derivative of the "
                "iterations, which only compare values and have none; leave implicit_diff=True"
            )
        if self.unroll not in (False, "auto") and (self.jit or self.unroll is not True):
            raise ValueError(
                f"{type(self).__name__}: unroll must be False or 'auto', got {self.unroll!r}: the "
                "loop is one compiled loop, and can be differentiated as it is "
                "(implicit_diff=False). With jit=False it is unrolled, by plain Python"
            )

    @abc.abstractmethod
    def _start(self, p: Problem, x: Any) -> Any: ...

    @abc.abstractmethod
    def _step(self, p: Problem, x: Any, state: Any) -> tuple[Any, Any]: ...

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Problem:
        return Problem(self, params, args, kwargs)

    # the public face -----------------------------------------------------------------------

    def init_state(self, init_params: Any, *args: Any, **kwargs: Any) -> Any:
        """The state before the first step."""
        p = self._problem(init_params, args, kwargs)
        return self._start(p, p.x)

    def update(self, params: Any, state: Any, *args: Any, **kwargs: Any) -> OptStep:
        """One step."""
        p = self._problem(params, args, kwargs)
        with loop.plain_python(not self.jit):
            x, state = self._step(p, p.x, state)
        return OptStep(p.back(x), state)

    def run(self, init_params: Any, *args: Any, **kwargs: Any) -> OptStep:
        """Iterate until `state.status` is set or `maxiter` steps are done.

        `init_params`: pytree of the start. Further arguments are passed to the user's
        function and may be differentiated. Returns `(params, state)`; `state.converged` is a
        bool, `state.reason` says in words why the iteration stopped.
        """
        if self.jit:
            return OptStep(*self._compiled(as_floats(init_params), args, kwargs))
        with loop.plain_python(True):
            return OptStep(*self._whole(as_floats(init_params), args, kwargs))

    def optimality_fun(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """The gradient of the objective, in the structure of the parameters."""
        p = self._problem(params, args, kwargs)
        return p.back(self._residual(p, p.x))

    # inside --------------------------------------------------------------------------------

    def _residual(self, p: Problem, x: Any) -> Any:
        """Optimality conditions on flat vectors; zero at a solution."""
        return p.grad(x)

    @property
    def _compiled(self) -> Any:
        """The jitted loop for the settings of now: a setting that was changed compiles anew."""
        settings = self.attribute_values()
        for before, whole in self.__dict__.setdefault("_made", []):
            if all(a is b for a, b in zip(before, settings, strict=True)):
                return whole
        owners = (getattr(v, "__self__", None) for v in settings if callable(v))
        owner = next((o for o in owners if o is not None), None)
        whole = jit(_Whole(copy.copy(self), owner))
        made = self.__dict__["_made"]
        made.append((settings, whole))
        del made[:-8]  # settings that change all the time leave nothing behind
        return whole

    def _whole(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.implicit_diff:
            return self._iterate(params, args, kwargs)
        if not self.jit:
            try:
                return implicit.implicit_run(self, params, args, kwargs, host=True)
            except LeakedTracerError:
                pass  # the function closes over traced values: to make them arguments traces it
        return implicit.implicit_run(self, params, args, kwargs)

    def _iterate(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The loop itself."""
        p = self._problem(params, args, kwargs)
        first = self._start(p, p.x)

        def go_on(carry: Any) -> Any:
            state = carry[1]
            return bnp.equal(state.status, RUNNING) & (state.iter_num < self.maxiter)

        def step(carry: Any) -> Any:
            x, state = self._step(p, *carry)
            if self.verbose:
                debug.print(
                    type(self).__name__ + ": iteration {}, value {}, error {}", state.iter_num,
                    getattr(state, "value", ""), state.error,
                )  # fmt: skip
            return x, state

        x, state = loop.while_loop(go_on, step, (p.x, first))
        state = state._replace(
            status=bnp.where(bnp.equal(state.status, RUNNING), MAXITER, state.status)
        )
        return p.back(x), state

    def _status(
        self, error: Any, failed: Any = False, stalled: Any = False, value: Any = 0.0
    ) -> Any:
        """The status after a step with this error; `failed`: the line search found nothing."""
        status = bnp.where(stalled, STALLED, RUNNING)
        status = bnp.where(failed, LINESEARCH, status)
        status = bnp.where(error <= self.tol, CONVERGED, status)
        return bnp.where(bnp.isfinite(error) & bnp.isfinite(value), status, NONFINITE)


class OptionalStart(IterativeSolver):
    """A solver whose start may be None: its problem, made for None, knows where to begin."""

    def run(self, init_params: Any = None, *args: Any, **kwargs: Any) -> OptStep:
        """Solve; `init_params` may be None. See `IterativeSolver.run`."""
        p = self._problem(init_params, args, kwargs)
        return super().run(p.back(p.x), *args, **kwargs)

    def init_state(self, init_params: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The state before the first step."""
        return super().init_state(init_params, *args, **kwargs)
