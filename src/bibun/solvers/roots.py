"""`custom_root`, `custom_fixed_point`: implicit derivatives for solvers of your own; `root`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from bibun import custom_jvp, tree
from bibun.solvers.base import OptStep, flat
from bibun.solvers.implicit import tangent_of_root


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
    from bibun import vjp

    found = custom_root(optimality_fun, solve=solve)(lambda init, *a: sol)
    return vjp(lambda *a: found(sol, *a), *args)[1](cotangent)


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
