"""SciPy's solvers with bibun's derivatives: a loop on the host, compiled functions inside.

The objective and its gradient (residuals and their Jacobian) are jitted; SciPy calls them
with NumPy vectors. What comes back has the implicit derivative of every other solver. Inside
`jit` and `vmap` the solve is a callback to the host, which a batch makes once for each lane.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from bibun import (
    ShapeDtypeStruct,
    closure_convert,
    eval_shape,
    jacfwd,
    jacrev,
    jit,
    pure_callback,
    tree,
)
from bibun import numpy as bnp
from bibun import value_and_grad as value_and_gradient
from bibun.errors import TracerError
from bibun.solvers import implicit
from bibun.solvers.base import (
    CONVERGED,
    HOST,
    OptStep,
    Problem,
    Solver,
    as_floats,
    is_converged,
    norm,
    reason,
)
from bibun.solvers.lbfgsb import _Boxed
from bibun.solvers.least_squares import Residuals
from bibun.solvers.root_base import System


class ScipyState(NamedTuple):
    """State: iterations, objective, norm of the optimality conditions, status, evaluations."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    num_fun_eval: Any

    converged = property(is_converged)
    reason = property(reason)

    @property
    def fun_val(self) -> Any:
        """JAXopt's name for `value`."""
        return self.value

    @property
    def success(self) -> Any:
        """JAXopt's name for `converged`."""
        return self.converged


@dataclasses.dataclass(eq=False)
class ScipyWrapper(Solver):
    """Base of the wrappers. Subclasses write `_solve` on NumPy vectors."""

    minimizes: ClassVar[bool] = True
    function: ClassVar[str] = "fun"  # the setting that holds the user's function

    maxiter: int = dataclasses.field(default=500, kw_only=True)
    tol: float | None = dataclasses.field(default=None, kw_only=True)
    options: dict[str, Any] | None = dataclasses.field(default=None, kw_only=True)
    implicit_diff_solve: Callable[..., Any] | None = dataclasses.field(default=None, kw_only=True)
    message: str = dataclasses.field(default="", init=False, repr=False)

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        return Problem(self, params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return p.grad(x)

    def _solve(self, p: Any, x: np.ndarray) -> Any:
        raise NotImplementedError

    def optimality_fun(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """What is zero at the solution."""
        p = self._problem(params, args, kwargs)
        return p.back(self._residual(p, p.x))

    def run(self, init_params: Any, *args: Any, **kwargs: Any) -> OptStep:
        """Solve with SciPy; the message it gave is in `self.message`."""
        params = as_floats(init_params)
        solver, consts = self._without_captures(params, args, kwargs)
        found = implicit.implicit_run(solver, params, (*args, *consts), kwargs, True)
        self.message = solver.message
        return OptStep(*found)

    def _without_captures(
        self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[ScipyWrapper, tuple[Any, ...]]:
        """The solver with traced values that the user's function closes over as last argument."""
        fun = getattr(self, self.function)
        p = self._problem(params, args, kwargs)
        converted, consts = closure_convert(
            lambda x, a, k: fun(x, *a, **k), params, p.args, p.kwargs
        )
        if not consts:
            return self, ()
        bare = copy.copy(self)
        setattr(
            bare, self.function, lambda x, *a, **k: converted(x, tuple(a[:-1]), k, *a[-1])
        )
        return bare, (tuple(consts),)

    def _iterate(self, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        p = self._problem(params, args, kwargs)
        try:
            x = np.asarray(p.x, dtype=float)
            tree.map(np.asarray, (args, kwargs))
        except TracerError:
            return self._on_host(p, params, args, kwargs)
        result = self._solve(p, x)
        self.message = str(result.message)
        found = bnp.asarray(np.asarray(result.x, dtype=float).reshape(x.shape))
        error = float(np.linalg.norm(np.asarray(self._residual(p, found))))
        state = ScipyState(
            bnp.asarray(int(result.get("nit", result.get("nfev", 0)))),
            bnp.asarray(float(p.value(found))),
            bnp.asarray(error),
            bnp.asarray(CONVERGED if result.success else HOST),
            bnp.asarray(int(result.get("nfev", 0))),
        )
        return p.back(found), state


    def _on_host(self, p: Any, params: Any, args: Any, kwargs: Any) -> Any:
        """The same from inside traced code: a callback, one call for each lane of a batch."""
        leaves, spec = tree.flatten((params, args, kwargs))

        def solve(*values: Any) -> Any:
            given = tree.unflatten(spec, [bnp.array(v) for v in values])
            return tree.map(np.asarray, self._iterate(*given))

        scalar = lambda dtype: ShapeDtypeStruct((), np.dtype(dtype))  # noqa: E731
        found = eval_shape(lambda v: p.back(bnp.asarray(v, float)), p.x)
        state = ScipyState(
            scalar(int), scalar(float), scalar(float), scalar(int), scalar(int)
        )
        return pure_callback(solve, (found, state), *leaves, vmap_method="sequential")


def _value_and_gradient(p: Any) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    compiled = jit(value_and_gradient(p.value))

    def both(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, g = compiled(x)
        return float(value), np.array(g, dtype=float)

    return both


@dataclasses.dataclass(eq=False)
class ScipyMinimize(ScipyWrapper):
    """`scipy.optimize.minimize` with exact gradients.

    `method`: any of SciPy's that takes a gradient, or "Nelder-Mead" and the like. `tol`,
    `maxiter`, `options` go to SciPy; `callback(params)` is called after each of its iterations.

    >>> import bibun, bibun.numpy as bnp
    >>> from bibun import solvers
    >>> solver = solvers.ScipyMinimize(fun=lambda x, a: bnp.sum((x - a) ** 2), method="BFGS")
    >>> round(float(bibun.grad(lambda a: solver.run(bnp.zeros(2), a).params[0])(3.0)), 6)
    1.0
    """

    fun: Callable[..., Any]
    method: str | None = None
    has_aux: bool = False
    value_and_grad: bool = False
    callback: Callable[[Any], Any] | None = None

    def _solve(self, p: Any, x: np.ndarray) -> Any:
        return self._minimize(p, x, None)

    def _minimize(self, p: Any, x: np.ndarray, bounds: Any) -> Any:
        import scipy.optimize

        free = (self.method or "").lower() in ("nelder-mead", "powell", "cobyla")
        both = _value_and_gradient(p)
        options = {"maxiter": self.maxiter, **(self.options or {})}
        if (self.method or "").lower() == "tnc":  # which counts evaluations
            options["maxfun"] = options.pop("maxiter")
        return scipy.optimize.minimize(
            (lambda v: both(v)[0]) if free else both, x, jac=None if free else True,
            method=self.method, tol=self.tol, bounds=bounds, options=options,
            callback=None if self.callback is None else lambda v: self.callback(p.back(v)),
        )  # fmt: skip


@dataclasses.dataclass(eq=False)
class ScipyBoundedMinimize(ScipyMinimize):
    """`scipy.optimize.minimize` with bounds: `run(init_params, (lower, upper), *args)`."""

    method: str | None = "L-BFGS-B"

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        return _Boxed(self, params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return x - p.clip(x - p.grad(x))

    def _solve(self, p: Any, x: np.ndarray) -> Any:
        import scipy.optimize

        bounds = scipy.optimize.Bounds(np.asarray(p.lower), np.asarray(p.upper))
        return self._minimize(p, x, bounds)


@dataclasses.dataclass(eq=False)
class ScipyRootFinding(ScipyWrapper):
    """`scipy.optimize.root` with exact Jacobians, by reverse mode or (`use_jacrev=False`) forward.

    >>> from bibun import solvers
    >>> solver = solvers.ScipyRootFinding(optimality_fun=lambda x, a: x**2 - a)
    >>> round(float(solver.run(1.0, 4.0).params), 6)
    2.0
    """

    minimizes: ClassVar[bool] = False
    function: ClassVar[str] = "optimality_fun"

    optimality_fun: Callable[..., Any] = dataclasses.field()
    method: str = "hybr"
    has_aux: bool = False
    use_jacrev: bool = True

    def l2_optimality_error(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """The Euclidean norm of the function at `params`."""
        p = self._problem(params, args, kwargs)
        return norm(self._residual(p, p.x))

    @property
    def _equations(self) -> Callable[..., Any]:
        return self.optimality_fun

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        p = System(self, params, args, kwargs)
        p.value = lambda x: 0.5 * bnp.sum(p.residual(x)[0] ** 2)  # type: ignore[method-assign]
        return p

    def _residual(self, p: Any, x: Any) -> Any:
        return p.residual(x)[0]

    def _solve(self, p: Any, x: np.ndarray) -> Any:
        import scipy.optimize

        f = jit(lambda v: p.residual(v)[0])
        j = jit((jacrev if self.use_jacrev else jacfwd)(lambda v: p.residual(v)[0]))
        limit = "maxfev" if self.method in ("hybr", "df-sane") else "maxiter"
        options = {limit: self.maxiter, **(self.options or {})}
        return scipy.optimize.root(
            lambda v: np.array(f(v)), x, method=self.method, tol=self.tol, options=options,
            jac=(lambda v: np.array(j(v))) if self.method in ("hybr", "lm") else None,
        )  # fmt: skip


@dataclasses.dataclass(eq=False)
class ScipyLeastSquares(ScipyWrapper):
    """`scipy.optimize.least_squares` with exact Jacobians.

    `fun(params, *args, **kwargs)` returns the residuals.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> solver = solvers.ScipyLeastSquares(lambda x, a: bnp.stack([x - a, 2.0 * (x - a)]))
    >>> round(float(solver.run(0.0, 3.0).params), 6)
    3.0
    """

    fun: Callable[..., Any]
    method: str = "trf"
    loss: str = "linear"
    has_aux: bool = False

    def __post_init__(self) -> None:
        if self.loss != "linear":
            raise ValueError(
                f"{type(self).__name__}: only loss='linear' has its derivative here, got "
                f"{self.loss!r}"
            )

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        return Residuals(self, params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return value_and_gradient(p.value)(x)[1]

    def _limits(self, p: Any) -> dict[str, Any]:
        """Further arguments for SciPy."""
        return {}

    def _solve(self, p: Any, x: np.ndarray) -> Any:
        import scipy.optimize

        f = jit(lambda v: p.residual(v)[0])
        rows = int(p.residual(p.x)[0].shape[0])
        j = jit(lambda v: p.jacobian(v, rows))
        limits = {} if self.tol is None else dict.fromkeys(("ftol", "xtol", "gtol"), self.tol)
        return scipy.optimize.least_squares(
            lambda v: np.array(f(v)), x, jac=lambda v: np.array(j(v)), method=self.method,
            loss=self.loss, max_nfev=self.maxiter, **limits, **self._limits(p),
            **(self.options or {}),
        )  # fmt: skip


class _BoxedResiduals(_Boxed, Residuals):
    """Residuals whose first extra argument is the pair of bounds."""


@dataclasses.dataclass(eq=False)
class ScipyBoundedLeastSquares(ScipyLeastSquares):
    """`scipy.optimize.least_squares` with bounds: `run(init_params, (lower, upper), *args)`.

    >>> from bibun import solvers
    >>> solver = solvers.ScipyBoundedLeastSquares(lambda x: x - 3.0)
    >>> round(float(solver.run(0.5, (0.0, 1.0)).params), 6)
    1.0
    """

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        return _BoxedResiduals(self, params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return x - p.clip(x - super()._residual(p, x))

    def _limits(self, p: Any) -> dict[str, Any]:
        return {"bounds": (np.asarray(p.lower), np.asarray(p.upper))}
