"""`bibun.scipy.optimize`: SciPy's interface to the minimizers of `bibun.solvers`.

The whole minimization is one compiled loop, works under `jit` and `vmap`, and is differentiable
in `args` by the implicit function theorem at the minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["OptimizeResults", "minimize"]


class OptimizeResults(NamedTuple):
    """What `minimize` returns.

    x: the minimum; success; status: 0 if it converged, else `bibun.solvers`' code; fun and jac:
    value and gradient there; hess_inv: BFGS's estimate, else None; nit: iterations.
    """

    x: Any
    success: Any
    status: Any
    fun: Any
    jac: Any
    hess_inv: Any
    nit: Any


# method -> (solver, options it takes: SciPy's name -> the solver's)
_METHODS: dict[str, tuple[str, dict[str, str]]] = {
    "bfgs": ("BFGS", {"gtol": "tol", "maxiter": "maxiter", "line_search_maxiter": "maxls"}),
    "l-bfgs-b": ("LBFGSB", {"gtol": "tol", "maxiter": "maxiter", "maxcor": "history_size",
                            "maxls": "maxls"}),
    "l-bfgs": ("LBFGS", {"gtol": "tol", "maxiter": "maxiter", "maxcor": "history_size",
                         "maxls": "maxls"}),
    "cg": ("NonlinearCG", {"gtol": "tol", "maxiter": "maxiter"}),
    "nelder-mead": ("NelderMead", {"fatol": "tol", "maxiter": "maxiter"}),
}  # fmt: skip
# SciPy's own, called on the host: those that take bounds, and those that do not.
_HOSTED = {"powell", "tnc", "slsqp", "trust-constr", "cobyla"}, {"newton-cg"}
_ALIASES = {"l-bfgs-experimental-do-not-rely-on-this": "l-bfgs"}


def minimize(
    fun: Callable[..., Any], x0: Any, args: tuple[Any, ...] = (), method: str | None = None, *,
    bounds: Any = None, tol: float | None = None, options: dict[str, Any] | None = None,
) -> OptimizeResults:  # fmt: skip
    """Minimize fun(x, *args) from x0, an array (or pytree).

    method: "BFGS" (default), "L-BFGS-B" (default with bounds: pairs (low, high) with None for
    none, or arrays (low, high) under `bibun.solvers`), "L-BFGS", "CG", "Nelder-Mead"; and on the
    host, by SciPy: "Powell", "TNC", "SLSQP", "trust-constr", "COBYLA", "Newton-CG".
    tol: on the norm of the gradient (1e-5). options: `gtol`, `maxiter`, `maxcor`, … by method;
    `disp` prints every iteration.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.optimize import minimize
    >>> result = minimize(lambda x: bnp.sum((x - 3.0) ** 2), bnp.zeros(2))
    >>> print(result.x.round(6), result.success)
    [3. 3.] True
    """
    from bibun import numpy as bnp
    from bibun import solvers, tree

    if not isinstance(args, tuple):
        raise TypeError(f"minimize: args must be a tuple, got {type(args).__name__}")
    key = ("bfgs" if bounds is None else "l-bfgs-b") if method is None else method.lower()
    key = _ALIASES.get(key, key)
    if key == "l-bfgs-b" and bounds is None:
        key = "l-bfgs"
    bounded, free = _HOSTED
    if key not in _METHODS and key not in bounded | free:
        raise ValueError(
            f"minimize: method {method!r} is not one of BFGS, L-BFGS-B, L-BFGS, CG, Nelder-Mead, "
            "Powell, TNC, SLSQP, trust-constr, COBYLA, Newton-CG"
        )
    if bounds is not None and key != "l-bfgs-b" and key not in bounded:
        raise ValueError(f"minimize: bounds are not for method {method!r}; take 'L-BFGS-B'")
    if key in bounded | free:
        cls = solvers.ScipyMinimize if bounds is None else solvers.ScipyBoundedMinimize
        hosted = cls(fun, method=method, tol=tol, options=options)
        return _result(fun, hosted, tree.map(lambda v: bnp.asarray(v) * 1.0, x0), bounds, args)
    name, known = _METHODS[key]
    settings: dict[str, Any] = {"tol": 1e-5} if key != "nelder-mead" else {}
    if tol is not None:
        settings["tol"] = tol
    for option, given in (options or {}).items():
        if option == "disp":
            settings["verbose"] = bool(given)
            continue
        if option == "norm":
            if given != 2:
                raise ValueError(f"minimize: gtol is on the Euclidean norm, norm=2; got {given!r}")
            continue
        if option not in known:
            raise ValueError(f"minimize: {name} takes the options {sorted(known)}, got {option!r}")
        settings[known[option]] = given
    solver = getattr(solvers, name)(fun, **settings)
    x0 = tree.map(lambda v: bnp.asarray(v) * 1.0, x0)
    return _result(fun, solver, x0, bounds, args)


def _result(fun: Any, solver: Any, x0: Any, bounds: Any, args: Any) -> OptimizeResults:
    from bibun import numpy as bnp
    from bibun.transforms import value_and_grad

    limits = () if bounds is None else (_limits(bounds, x0),)
    x, state = solver.run(x0, *limits, *args)
    value, gradient = value_and_grad(fun)(x, *args)
    success = state.converged
    status = bnp.where(success, 0, state.status)
    estimate = getattr(state, "H", None)
    return OptimizeResults(x, success, status, value, gradient, estimate, state.iter_num)


def _limits(bounds: Any, x0: Any) -> tuple[Any, Any]:
    """SciPy's pairs, one for each element of a vector, as arrays (low, high)."""
    from bibun import numpy as bnp

    lows = [-bnp.inf if low is None else low for low, _ in bounds]
    highs = [bnp.inf if high is None else high for _, high in bounds]
    if len(lows) != x0.size:
        raise ValueError(f"minimize: {len(lows)} bounds for {x0.size} parameters")
    return bnp.asarray(lows).reshape(x0.shape), bnp.asarray(highs).reshape(x0.shape)
