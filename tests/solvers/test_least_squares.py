"""Least squares: Moré, Garbow & Hillstrom's problems, held against SciPy's MINPACK."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize

import bibun.numpy as bnp
from bibun import grad, jacfwd, jit, solvers
from tests.solvers.problems import LEAST_SQUARES, LeastSquares, is_solved


def squares(state: Any) -> float:
    return 2.0 * float(state.value)


@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=lambda p: p.name)
def test_levenberg_marquardt(problem: LeastSquares) -> None:
    x, state = solvers.LevenbergMarquardt(problem.residual).run(problem.start)
    assert is_solved(squares(state), problem.least)
    assert bool(state.converged), state.reason
    r = np.asarray(problem.residual(x))
    assert squares(state) == pytest.approx(float(r @ r), rel=1e-9, abs=1e-22)


def test_as_many_as_minpack() -> None:
    count = {"lm": 0, "dogleg": 0, "minpack": 0, "dogbox": 0}
    for problem in LEAST_SQUARES:
        f, j = jit(problem.residual), jit(jacfwd(problem.residual))
        for name, method in (("minpack", "lm"), ("dogbox", "dogbox")):
            found = scipy.optimize.least_squares(
                lambda x, f=f: np.array(f(x)), problem.start, jac=lambda x, j=j: np.array(j(x)),
                method=method, max_nfev=1000,
            )  # fmt: skip
            count[name] += is_solved(2.0 * found.cost, problem.least)
        for name, cls in (("lm", solvers.LevenbergMarquardt), ("dogleg", solvers.Dogleg)):
            _, state = cls(problem.residual).run(problem.start)
            count[name] += is_solved(squares(state), problem.least)
    assert count["lm"] == len(LEAST_SQUARES) >= count["minpack"]
    assert count["dogleg"] >= count["dogbox"]


@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=lambda p: p.name)
def test_gauss_newton(problem: LeastSquares) -> None:
    _, state = solvers.GaussNewton(problem.residual).run(problem.start)
    assert is_solved(squares(state), problem.least)
    assert bool(state.converged), state.reason


# where SciPy's BFGS or L-BFGS-B stop early at their default settings
@pytest.mark.parametrize("name", ["powell badly scaled", "jennrich-sampson", "meyer"])
@pytest.mark.parametrize("solver", [solvers.BFGS, solvers.LBFGS])
def test_sums_of_squares_as_plain_functions(solver: Any, name: str) -> None:
    problem = next(p for p in LEAST_SQUARES if p.name.endswith(name))
    found = solver(lambda x: bnp.sum(bnp.asarray(problem.residual(x)) ** 2), maxiter=3000)
    assert is_solved(float(found.run(problem.start).state.value), problem.least)


def test_undamped_steps_are_newtons() -> None:
    """On a quadratic (in r) one whole step; without a search it may also go uphill."""
    solver = solvers.GaussNewton(lambda x: bnp.arctan(x), linesearch=False)
    x, _ = solver.update(bnp.asarray(2.0), solver.init_state(bnp.asarray(2.0)))
    assert float(x) == pytest.approx(2.0 - np.arctan(2.0) * 5.0)
    found, state = solvers.GaussNewton(lambda x: bnp.arctan(x)).run(2.0)
    assert bool(state.converged) and float(found) == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("cls", [solvers.GaussNewton, solvers.LevenbergMarquardt, solvers.Dogleg])
def test_fit_is_differentiable_in_the_data(cls: Any) -> None:
    t = np.linspace(0.0, 2.0, 9)
    y = 2.0 * np.exp(-0.7 * t) + 0.05 * np.cos(9 * t)
    solver = cls(lambda p, y: p["a"] * bnp.exp(p["b"] * t) - y, tol=1e-10)
    start = {"a": 1.0, "b": 0.0}

    def slope(y: Any) -> Any:
        return solver.run(start, y).params["b"]

    g = np.asarray(jit(grad(slope))(y))
    for k in (0, 4):
        h = np.zeros(9)
        h[k] = 1e-5
        assert g[k] == pytest.approx((slope(y + h) - slope(y - h)) / 2e-5, rel=1e-5)


def test_rank_deficient_and_wide() -> None:
    # more unknowns than equations: the nearest solution
    x, state = solvers.GaussNewton(lambda x: bnp.reshape(x[0] + x[1] - 2.0, (1,))).run(np.zeros(2))
    np.testing.assert_allclose(x, [1.0, 1.0], atol=1e-9)
    x, state = solvers.LevenbergMarquardt(lambda x: bnp.reshape(x[0] + x[1] - 2.0, (1,))).run(
        np.zeros(2)
    )
    assert float(state.value) < 1e-14


def test_residual_aux() -> None:
    lm = solvers.LevenbergMarquardt(lambda x: (x - 3.0, x * 2.0), has_aux=True)
    _, state = lm.run(np.zeros(2))
    np.testing.assert_allclose(state.aux, [6.0, 6.0], atol=1e-6)
