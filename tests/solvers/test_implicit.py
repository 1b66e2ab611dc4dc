"""Derivatives of solutions: implicit and unrolled, both modes, jit, vmap, second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import grad, hessian, jacfwd, jacrev, jit, jvp, solvers, vmap

A = np.array([0.3, -0.8])


def objective(x: Any, a: Any) -> Any:
    """Its minimum is at sin(a), componentwise, and is cos(a0)."""
    return bnp.sum((x - bnp.sin(a)) ** 2 * (1.0 + a**2)) + bnp.cos(a[0])


def residual(x: Any, a: Any) -> Any:
    return (x - bnp.sin(a)) * (1.0 + 0.1 * x**2)


MINIMIZERS: dict[str, Callable[..., Any]] = {
    "gd": lambda **kw: solvers.GradientDescent(objective, tol=1e-10, **kw),
    "bfgs": lambda **kw: solvers.BFGS(objective, tol=1e-10, **kw),
    "lbfgs": lambda **kw: solvers.LBFGS(objective, tol=1e-10, **kw),
    "cg": lambda **kw: solvers.NonlinearCG(objective, tol=1e-10, **kw),
}
OTHERS: dict[str, Callable[..., Any]] = {
    "lm": lambda **kw: solvers.LevenbergMarquardt(residual, tol=1e-12, **kw),
    "gauss-newton": lambda **kw: solvers.GaussNewton(residual, tol=1e-12, **kw),
    "dogleg": lambda **kw: solvers.Dogleg(residual, tol=1e-12, **kw),
    "newton": lambda **kw: solvers.Newton(residual, **kw),
    "broyden": lambda **kw: solvers.Broyden(residual, **kw),
    "fixed-point": lambda **kw: solvers.FixedPointIteration(
        lambda x, a: x - 0.5 * (x - bnp.sin(a)), **kw
    ),
    "anderson": lambda **kw: solvers.AndersonAcceleration(
        lambda x, a: x - 0.5 * (x - bnp.sin(a)), **kw
    ),
}
ALL = MINIMIZERS | OTHERS
UNROLLED_TOO = [n for n in ALL if n not in ("dogleg",)]


def solution(solver: Any) -> Callable[[Any], Any]:
    return lambda a: solver.run(bnp.array([0.1, 0.2]), a).params


@pytest.mark.parametrize("name", ALL)
def test_implicit(name: str) -> None:
    g = solution(ALL[name]())
    np.testing.assert_allclose(g(A), np.sin(A), atol=1e-8)
    wanted = np.diag(np.cos(A))
    np.testing.assert_allclose(jacrev(g)(A), wanted, atol=1e-7)
    np.testing.assert_allclose(jacfwd(g)(A), wanted, atol=1e-7)
    np.testing.assert_allclose(jit(jacrev(g))(A), wanted, atol=1e-7)


@pytest.mark.parametrize("name", ["bfgs", "lm", "newton", "fixed-point"])
def test_second_order_and_batches(name: str) -> None:
    g = solution(ALL[name]())
    first = lambda a: g(a)[0]
    wanted = np.zeros((2, 2))
    wanted[0, 0] = -np.sin(A[0])
    np.testing.assert_allclose(hessian(first)(A), wanted, atol=1e-6)
    np.testing.assert_allclose(jit(jacrev(jacrev(first)))(A), wanted, atol=1e-6)
    batch = np.stack([A, A + 0.5, A - 0.5])
    found = vmap(grad(first))(batch)
    np.testing.assert_allclose(found[:, 0], np.cos(batch[:, 0]), atol=1e-7)


@pytest.mark.parametrize("name", UNROLLED_TOO)
def test_unrolled(name: str) -> None:
    g = solution(ALL[name](implicit_diff=False))
    wanted = np.diag(np.cos(A))
    np.testing.assert_allclose(jacrev(g)(A), wanted, atol=2e-4)
    np.testing.assert_allclose(jacfwd(g)(A), wanted, atol=2e-4)


def test_unrolled_sees_the_iterations() -> None:
    """Few steps: the derivative is that of the iterate, not of the solution."""
    a = 0.7
    solver = solvers.GradientDescent(
        lambda x, a: 0.5 * (x - a) ** 2, stepsize=0.25, acceleration=False, maxiter=3,
        implicit_diff=False,
    )  # fmt: skip
    wanted = 1.0 - 0.75**3
    assert float(grad(lambda a: solver.run(0.0, a).params)(a)) == pytest.approx(wanted)
    assert float(grad(lambda x: solver.run(x, a).params)(0.0)) == pytest.approx(0.75**3)
    solver.implicit_diff = True
    assert float(grad(lambda a: solver.run(0.0, a).params)(a)) == pytest.approx(1.0)
    assert float(grad(lambda x: solver.run(x, a).params)(0.0)) == 0.0


def test_listing_of_chapter_5_2() -> None:
    def f(x: Any, a: Any) -> Any:
        return (x - bnp.sin(a)) ** 2

    gd = solvers.GradientDescent(fun=f, maxiter=500)

    def g(a: Any) -> Any:
        res = gd.run(init_params=np.random.default_rng(0).normal(0.0, 1.0), a=a)
        params, state = res
        return params

    assert float(g(0.1)) == pytest.approx(0.0998334166, abs=1e-8)
    assert float(grad(g)(-0.2)) == pytest.approx(0.9800666, abs=1e-7)


@pytest.mark.parametrize("name", MINIMIZERS)
def test_value_has_its_derivative(name: str) -> None:
    """d min f / da = ∂f/∂a at the minimum."""
    solver = MINIMIZERS[name]()
    g = grad(lambda a: solver.run(bnp.zeros(2), a).state.value)(A)
    np.testing.assert_allclose(g, [-np.sin(A[0]), 0.0], atol=1e-8)


def test_values_closed_over_are_differentiated() -> None:
    def g(a: Any) -> Any:
        return solvers.BFGS(lambda x: bnp.sum((x - bnp.sin(a)) ** 2)).run(bnp.zeros(2)).params[0]

    np.testing.assert_allclose(grad(g)(A), [np.cos(A[0]), 0.0], atol=1e-7)
    np.testing.assert_allclose(jit(grad(g))(A), [np.cos(A[0]), 0.0], atol=1e-7)
    np.testing.assert_allclose(
        vmap(grad(g))(np.stack([A, 2 * A]))[:, 0], np.cos([A[0], 2 * A[0]]), atol=1e-7
    )


def test_solver_inside_solver() -> None:
    """A bilevel problem: the outer objective contains the inner solution."""
    inner = solvers.Newton(lambda x, b: x**3 + x - b)
    outer = solvers.BFGS(lambda b, a: (inner.run(0.0, b).params - a) ** 2, tol=1e-9)

    def g(a: Any) -> Any:
        return outer.run(1.0, a).params

    assert float(g(2.0)) == pytest.approx(10.0, abs=1e-5)
    assert float(grad(g)(2.0)) == pytest.approx(13.0, rel=1e-5)  # b = a³ + a


def test_integers_and_trees_among_the_arguments() -> None:
    def f(x: Any, data: Any, power: Any) -> Any:
        return bnp.sum((x - data["t"]) ** 2) * 1.0 + 0.0 * power

    solver = solvers.LBFGS(f)
    g = grad(lambda t: bnp.sum(solver.run(bnp.zeros(3), {"t": t}, 2).params ** 2))(np.arange(3.0))
    np.testing.assert_allclose(g, 2 * np.arange(3.0), atol=1e-6)


def test_ridge_regression_against_its_formula() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=30)

    def f(w: Any, lam: Any) -> Any:
        return 0.5 * bnp.sum((x @ w - y) ** 2) + 0.5 * lam * bnp.sum(w**2)

    gram = x.T @ x + 2.0 * np.eye(4)
    w = np.linalg.solve(gram, x.T @ y)
    wanted = -np.linalg.solve(gram, w)
    for solve in (None, solvers.solve_cg, solvers.solve_normal_cg, solvers.solve_gmres):
        solver = solvers.LBFGS(f, tol=1e-10, implicit_diff_solve=solve)
        found, t = jvp(lambda lam, s=solver: s.run(bnp.zeros(4), lam).params, (2.0,), (1.0,))
        np.testing.assert_allclose(found, w, atol=1e-9)
        np.testing.assert_allclose(t, wanted, rtol=1e-6)
        rev = jacrev(lambda lam, s=solver: s.run(bnp.zeros(4), lam).params)(2.0)
        np.testing.assert_allclose(rev, wanted, rtol=1e-6)


def test_large_systems_go_by_conjugate_gradients() -> None:
    n = 400
    d = np.linspace(1.0, 3.0, n)
    solver = solvers.LBFGS(lambda x, a: 0.5 * bnp.sum(d * x**2) - a * bnp.sum(x), tol=1e-9)
    g = grad(lambda a: bnp.sum(solver.run(bnp.zeros(n), a).params))(2.0)
    assert float(g) == pytest.approx(np.sum(1 / d), rel=1e-8)


def test_custom_root_and_fixed_point() -> None:
    def optimality(x: Any, a: Any, b: Any) -> Any:
        return {"u": x["u"] ** 2 - a, "v": x["v"] * x["u"] - b}

    @solvers.custom_root(optimality, has_aux=True)
    def solve(init: Any, a: Any, b: Any) -> Any:
        u = a**0.5
        return {"u": u, "v": b / u}, {"note": bnp.asarray(7.0)}

    init = {"u": 1.0, "v": 1.0}
    f = lambda a, b: solve(init, a, b=b)[0]["v"]
    assert float(grad(f, argnums=0)(4.0, 3.0)) == pytest.approx(-3.0 / 16.0)
    assert float(jacfwd(f, argnums=1)(4.0, 3.0)) == pytest.approx(0.5)
    assert float(grad(grad(f))(4.0, 3.0)) == pytest.approx(0.75 * 3.0 * 4.0**-2.5)
    assert float(jit(vmap(grad(f), (0, None)))(np.array([4.0, 9.0]), 3.0)[1]) == pytest.approx(
        -1.5 / 27.0
    )

    ct = solvers.root_vjp(lambda x, a: x**2 - a, 2.0, (4.0,), 1.0)
    assert float(ct[0]) == pytest.approx(0.25)
    assert float(solvers.root_jvp(lambda x, a: x**2 - a, 2.0, (4.0,), (2.0,))) == pytest.approx(0.5)
