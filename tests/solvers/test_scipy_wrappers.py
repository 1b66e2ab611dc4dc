"""SciPy's solvers on the host, with implicit derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import grad, jacfwd, jacrev, jit, solvers, vmap
from tests.solvers.problems import rosenbrock

A = np.array([0.5, -1.0])


@pytest.mark.parametrize("method", [None, "BFGS", "CG", "L-BFGS-B", "Newton-CG", "Nelder-Mead"])
def test_minimize(method: str | None) -> None:
    solver = solvers.ScipyMinimize(fun=rosenbrock, method=method, tol=1e-10)
    x, state = solver.run(np.array([-1.2, 1.0]))
    np.testing.assert_allclose(x, [1.0, 1.0], atol=1e-4)
    assert bool(state.converged)
    assert int(state.iter_num) > 5
    assert isinstance(solver.message, str)


def test_minimize_derivative_on_trees() -> None:
    def f(p: Any, a: Any) -> Any:
        return bnp.sum((p["x"] - bnp.sin(a)) ** 2) + (p["y"] - a[0] * a[1]) ** 2

    solver = solvers.ScipyMinimize(fun=f, method="BFGS", tol=1e-10)
    g = lambda a: solver.run({"x": bnp.zeros(2), "y": 0.0}, a).params["y"]
    for mode in (jacrev, jacfwd):
        np.testing.assert_allclose(mode(g)(A), A[::-1], atol=1e-7)
    np.testing.assert_allclose(jacfwd(jacrev(g))(A), [[0.0, 1.0], [1.0, 0.0]], atol=1e-6)


def test_bounded() -> None:
    solver = solvers.ScipyBoundedMinimize(fun=lambda x, a: bnp.sum((x - a) ** 2), tol=1e-12)
    x = lambda a, upper: solver.run(bnp.zeros(2), (-2.0, upper), a).params
    np.testing.assert_allclose(x(np.array([3.0, 0.5]), 1.0), [1.0, 0.5], atol=1e-7)
    np.testing.assert_allclose(jacrev(x, argnums=1)(np.array([3.0, 0.5]), 1.0), [1.0, 0.0])


def test_root_and_least_squares() -> None:
    root = solvers.ScipyRootFinding(lambda x, a: x**3 + x - a)
    x = lambda a: root.run(bnp.ones(2), a).params
    np.testing.assert_allclose(x(np.array([2.0, 10.0])), [1.0, 2.0], rtol=1e-9)
    np.testing.assert_allclose(
        jacrev(x)(np.array([2.0, 10.0])), np.diag([1 / 4, 1 / 13]), rtol=1e-8
    )
    fit = solvers.ScipyLeastSquares(lambda x, a: bnp.concatenate([x - a, 0.5 * x]), tol=1e-12)
    y = lambda a: fit.run(bnp.zeros(2), a).params
    np.testing.assert_allclose(y(A), A / 1.25, atol=1e-8)
    np.testing.assert_allclose(jacfwd(y)(A), np.eye(2) / 1.25, atol=1e-8)
    with pytest.raises(ValueError, match="loss='linear'"):
        solvers.ScipyLeastSquares(lambda x: x, loss="huber")


def test_under_jit_and_vmap() -> None:
    solver = solvers.ScipyMinimize(fun=lambda x, a: bnp.sum((x - bnp.sin(a)) ** 2), tol=1e-12)
    f = lambda a: solver.run({"x": bnp.zeros(2)}["x"], a)
    x, state = jit(f)(A)
    np.testing.assert_allclose(x, np.sin(A), atol=1e-8)
    assert bool(state.converged)
    slope = jit(jacrev(lambda a: f(a).params))(A)
    np.testing.assert_allclose(slope, np.diag(np.cos(A)), atol=1e-7)
    many = np.linspace(-1.0, 1.0, 6).reshape(3, 2)
    np.testing.assert_allclose(vmap(lambda a: f(a).params)(many), np.sin(many), atol=1e-8)
    batch = jit(vmap(jacfwd(lambda a: f(a).params)))(many)
    np.testing.assert_allclose(batch, [np.diag(np.cos(a)) for a in many], atol=1e-7)
    root = solvers.ScipyRootFinding(lambda x, a: x**3 + x - a)
    found = jit(lambda a: root.run(bnp.ones(2), a).params)(np.array([2.0, 10.0]))
    np.testing.assert_allclose(found, [1.0, 2.0], rtol=1e-9)


def test_values_closed_over() -> None:
    def g(a: Any) -> Any:
        solver = solvers.ScipyMinimize(fun=lambda x: bnp.sum((x - bnp.sin(a)) ** 2))
        return solver.run(bnp.zeros(2)).params[0]

    np.testing.assert_allclose(grad(g)(A), [np.cos(A[0]), 0.0], atol=1e-6)

    def bounded(a: Any) -> Any:
        solver = solvers.ScipyBoundedMinimize(fun=lambda x: bnp.sum((x - a) ** 2), tol=1e-12)
        return bnp.sum(solver.run(bnp.zeros(2), (-0.9, 2.0)).params)

    np.testing.assert_allclose(grad(bounded)(A), [1.0, 0.0], atol=1e-6)


def test_root_finding_stops_after_maxiter() -> None:
    for method in ("hybr", "lm", "broyden1", "df-sane"):
        solver = solvers.ScipyRootFinding(lambda x: x**3 - 2.0 * x + 20.0, method, maxiter=2)
        _, state = solver.run(np.array([9.0]))
        assert not bool(state.converged), method
        assert int(state.num_fun_eval) < 12
