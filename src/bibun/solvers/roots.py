"""`custom_root`, `custom_fixed_point`: implicit derivatives for solvers of your own; `root`."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

from bibun import custom_jvp, tree, vjp
from bibun import grad as gradient
from bibun.solvers.base import OptStep, flat
from bibun.solvers.implicit import tangent_of_root
from bibun.solvers.quadratic import KKTSolution


def _bind(fun: Callable[..., Any], args: tuple[Any, ...], kwargs: dict) -> tuple[Any, ...]:
    """All arguments by position. Errors: TypeError for those that have no position."""
    if not kwargs:
        return args
    bound = inspect.signature(fun).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(
            f"custom_root: keyword-only arguments {sorted(bound.kwargs)} cannot be differentiated; "
            "pass them by position"
        )
    return bound.args


def custom_root(
    optimality_fun: Callable[..., Any],
    has_aux: bool = False,
    solve: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that gives a solver the derivative of the root it finds.

    The solver `f(init_params, *args)` returns params with `optimality_fun(params, *args) == 0`
    (or `(params, aux)` with `has_aux`; the auxiliary part has no derivative). Both modes, any
    order, under `jit` and `vmap`; the start has no influence. `solve(matvec, b)`: a method of
    `bibun.solvers.linear_solve`; by default chosen by size.

    >>> import bibun, bibun.numpy as bnp
    >>> from bibun import solvers
    >>> @solvers.custom_root(lambda x, a: x**2 - a)
    ... def square_root(init, a):
    ...     return bnp.sqrt(bibun.stop_gradient(a))
    >>> round(float(bibun.grad(square_root, argnums=1)(1.0, 4.0)), 6)
    0.25
    """

    def decorate(solver: Callable[..., Any]) -> Callable[..., Any]:
        @custom_jvp
        def solution(init: Any, args: tuple[Any, ...]) -> Any:
            return solver(init, *args)

        @solution.defjvp
        def rule(primals: Any, tangents: Any) -> Any:
            init, args = primals
            out = solution(init, args)
            params = out[0] if has_aux else out
            x, back = flat(params)
            dx = tangent_of_root(
                lambda y, th: flat(optimality_fun(back(y), *th))[0], x, args, tangents[1],
                solve,
            )  # fmt: skip
            if not has_aux:
                return out, back(dx)
            rest = tree.map(lambda _: None, tuple(out[1:]))
            return out, tree.unflatten(
                tree.structure(out),
                tree.leaves((back(dx), *rest), is_leaf=lambda v: v is None),
            )

        def wrapped(init_params: Any, *args: Any, **kwargs: Any) -> Any:
            bound = _bind(solver, (init_params, *args), kwargs)
            return solution(bound[0], tuple(bound[1:]))

        wrapped.__name__ = getattr(solver, "__name__", "solver")
        wrapped.__doc__ = solver.__doc__
        return wrapped

    return decorate


def custom_fixed_point(
    fixed_point_fun: Callable[..., Any],
    has_aux: bool = False,
    solve: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`custom_root` for solvers of params = fixed_point_fun(params, *args).

    >>> import bibun, bibun.numpy as bnp
    >>> from bibun import lax, solvers
    >>> T = lambda x, a: 0.5 * (x + a / x)
    >>> @solvers.custom_fixed_point(T)
    ... def square_root(init, a):
    ...     return lax.fori_loop(0, 10, lambda i, x: T(x, a), init)
    >>> round(float(bibun.grad(square_root, argnums=1)(1.0, 4.0)), 6)
    0.25
    """

    def optimality(params: Any, *args: Any) -> Any:
        return tree.map(lambda a, b: a - b, fixed_point_fun(params, *args), params)

    return custom_root(optimality, has_aux, solve)


def root_jvp(
    optimality_fun: Callable[..., Any], sol: Any, args: tuple[Any, ...], tangents: tuple[Any, ...],
    solve: Callable[..., Any] | None = None,
) -> Any:  # fmt: skip
    """The tangent of a root `sol` of `optimality_fun(sol, *args)`, from those of `args`."""
    x, back = flat(sol)
    dx = tangent_of_root(
        lambda y, th: flat(optimality_fun(back(y), *th))[0], x, tuple(args),
        tuple(tangents), solve,
    )  # fmt: skip
    return back(dx)


def root_vjp(
    optimality_fun: Callable[..., Any], sol: Any, args: tuple[Any, ...], cotangent: Any,
    solve: Callable[..., Any] | None = None,
) -> Any:  # fmt: skip
    """Cotangents of `args` from one of the root `sol` of `optimality_fun(sol, *args)`."""
    found = custom_root(optimality_fun, solve=solve)(lambda init, *a: sol)
    return vjp(lambda *a: found(sol, *a), *args)[1](cotangent)


def make_kkt_optimality_fun(
    obj_fun: Callable[..., Any], eq_fun: Callable[..., Any] | None = None,
    ineq_fun: Callable[..., Any] | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """The KKT conditions of min obj_fun with eq_fun = 0 and ineq_fun ≤ 0, for `custom_root`.

    `obj_fun(x, params_obj)`, `eq_fun(x, params_eq)`, `ineq_fun(x, params_ineq)`. Returns
    `optimality_fun(kkt_solution, params_obj, params_eq=None, params_ineq=None)`: a `KKTSolution` of
    stationarity, the equalities, and λ times the inequalities; constraints whose multipliers are
    None do not count.

    >>> from bibun.solvers import KKTSolution
    >>> kkt = make_kkt_optimality_fun(lambda x, a: (x - a) ** 2, lambda x, b: x - b)
    >>> zero = kkt(KKTSolution(1.0, 4.0), 3.0, 1.0)  # x = 1, its multiplier is 4
    >>> float(zero.primal), float(zero.dual_eq)
    (0.0, 0.0)
    """

    def optimality_fun(
        params: Any, params_obj: Any, params_eq: Any = None, params_ineq: Any = None
    ) -> KKTSolution:
        x, nu, lam = params
        stationarity = gradient(obj_fun)(x, params_obj)

        def constraint(name: str, fun: Any, dual: Any, given: Any) -> Any:
            nonlocal stationarity
            if dual is None:
                return None
            if fun is None:
                raise ValueError(f"KKT conditions: multipliers are given, but no {name}")
            value, pull = vjp(lambda v: fun(v, given), x)
            stationarity = tree.map(operator.add, stationarity, pull(dual)[0])
            return value

        equalities = constraint("eq_fun", eq_fun, nu, params_eq)
        inequalities = constraint("ineq_fun", ineq_fun, lam, params_ineq)
        slackness = None if lam is None else tree.map(operator.mul, inequalities, lam)
        return KKTSolution(stationarity, equalities, slackness)

    return optimality_fun


def root(
    fun: Callable[..., Any], init_params: Any, *args: Any, method: str = "newton",
    options: dict[str, Any] | None = None, **kwargs: Any,
) -> OptStep:  # fmt: skip
    """A root of `fun(params, *args, **kwargs)`, differentiable in the arguments.

    `method`: "newton", "broyden", "lm" (Levenberg–Marquardt), "dogleg", "bisection" or "brent"
    (the last two with `options={"lower": …, "upper": …}`); `options` are settings of the solver.
    For repeated calls make the solver once: it keeps its compiled code.

    >>> from bibun import solvers
    >>> round(float(solvers.root(lambda x: x**3 - 8.0, 1.0).params), 6)
    2.0
    """
    from bibun import solvers

    methods = {
        "newton": solvers.Newton, "broyden": solvers.Broyden, "lm": solvers.LevenbergMarquardt,
        "dogleg": solvers.Dogleg, "bisection": solvers.Bisection, "brent": solvers.Brent,
    }  # fmt: skip
    if method not in methods:
        raise ValueError(f"root: method must be one of {sorted(methods)}, got {method!r}")
    return methods[method](fun, **(options or {})).run(init_params, *args, **kwargs)
