"""Derivatives of solutions by the implicit function theorem.

Where F(x*, θ) = 0 defines x*(θ), dx* = -(∂F/∂x)⁻¹ (∂F/∂θ) dθ. That is written here once, as
the forward rule of a `custom_jvp`: a Jacobian, a `jvp` in θ, and a linear solve that is
linear in its right-hand side and can be transposed. Reverse mode follows by transposition,
higher order because the rule takes x* from the very function it belongs to, and `vmap` and
`jit` because all parts have them. No second rule for reverse mode exists.

Small systems are solved by LU of the Jacobian, large ones by conjugate gradients on the
normal equations without forming it (`linear_solve.py`). Values that the user's function
closes over are turned into arguments first, so that their derivatives are right too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from bibun import closure_convert, custom_jvp, jacfwd, jvp, lax, tree
from bibun import numpy as bnp

DENSE = 256  # unknowns up to which the Jacobian is formed


def tangent_of_root(
    residual: Callable[[Any, Any], Any], x: Any, theta: Any, dtheta: Any, solve: Any
) -> Any:
    """dx for a flat root x of `residual(x, theta)`, from the tangent of theta."""
    _, rhs = jvp(lambda th: residual(x, th), (theta,), (dtheta,))
    return solve_linearized(lambda y: residual(y, theta), x, -rhs, solve)


def solve_linearized(f: Callable[[Any], Any], x: Any, rhs: Any, solve: Any) -> Any:
    """u with (∂f/∂x) u = rhs, for flat x; linear and transposable in rhs."""
    if solve is None and x.shape[0] <= DENSE:
        return bnp.linalg.solve(jacfwd(f)(x), rhs)
    if solve is None:
        from bibun.solvers.linear_solve import solve_normal_cg

        solve = functools.partial(solve_normal_cg, tol=1e-12, maxiter=10 * x.shape[0])

    def matvec(u: Any) -> Any:
        return jvp(f, (x,), (u,))[1]

    return lax.custom_linear_solve(matvec, rhs, solve, solve)


def _without_closure(
    fun: Callable[..., Any], params: Any, args: Any, kwargs: Any
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """`fun(params, args, kwargs)` with its traced captures as a further argument."""
    converted, consts = closure_convert(fun, params, args, kwargs)
    return (lambda x, a, k, c: converted(x, a, k, *c)), tuple(consts)


def _as_it_is(
    fun: Callable[..., Any], params: Any, args: Any, kwargs: Any
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return (lambda x, a, k, c: fun(x, a, k)), ()


def implicit_run(
    solver: Any, params: Any, args: tuple[Any, ...], kwargs: dict[str, Any], host: bool = False
) -> Any:
    """`solver._iterate` with the derivative of its solution.

    A `host` solver runs on concrete values only and is not traced; its function must not close
    over traced values (LeakedTracerError).

    The start has no influence on the solution: its tangent is zero. The tangent of
    `state.value` is that of the objective at the solution; other parts of the state have none.
    """
    trace = _as_it_is if host else _without_closure
    whole, captured = trace(solver._iterate, params, args, kwargs)

    def residual_of(x: Any, a: Any, k: Any) -> Any:
        p = solver._problem(x, a, k)
        return solver._residual(p, p.x)

    def value_of(x: Any, a: Any, k: Any) -> Any:
        p = solver._problem(x, a, k)
        return p.value(p.x)

    # what the iteration does not capture, its parts do not capture
    extract = _without_closure if captured else _as_it_is
    residual, of_residual = extract(residual_of, params, args, kwargs)
    value, of_value = extract(value_of, params, args, kwargs) if solver.minimizes else (None, ())

    @custom_jvp
    def solution(params: Any, args: Any, kwargs: Any, consts: Any) -> Any:
        return whole(params, args, kwargs, consts[0])

    @solution.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        start, a, k, consts = primals
        found, state = solution(*primals)
        # what is unknown may be less than what is returned (multipliers and their parts)
        p = solver._problem(found, a, k)
        x, back = p.x, p.back
        theta, dtheta = (a, k, consts), tuple(tangents[1:])
        dx = tangent_of_root(
            lambda y, th: residual(back(y), th[0], th[1], th[2][1]),
            x, theta, dtheta, solver.implicit_diff_solve,
        )  # fmt: skip
        dstate = tree.map(lambda _: None, state)
        if value is not None:
            _, dvalue = jvp(
                lambda y, th: value(back(y), th[0], th[1], th[2][2]), (x, theta), (dx, dtheta)
            )
            dstate = dstate._replace(value=dvalue)
        return (found, state), (jvp(back, (x,), (dx,))[1], dstate)

    return solution(params, args, kwargs, (captured, of_residual, of_value))
