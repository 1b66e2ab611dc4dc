"""`jit=False`: iterations in plain Python, on functions that cannot be traced."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import solvers

START = bnp.array([-1.0, 0.5])


def branching(x, t=0.0):  # a Python if on a value
    square = bnp.sum((x - 1.0 - t) ** 2)
    return square if x[0] > 0 else 2.0 * square


def branching_residual(x, t=0.0):
    return x - 1.0 - t if x[0] > 0 else 2.0 * (x - 1.0 - t)


SOLVERS = {
    "GradientDescent": solvers.GradientDescent(branching, jit=False),
    "BFGS": solvers.BFGS(branching, jit=False),
    "LBFGS hager-zhang": solvers.LBFGS(branching, jit=False, linesearch="hager-zhang"),
    "LBFGS backtracking": solvers.LBFGS(branching, jit=False, linesearch="backtracking"),
    "NonlinearCG": solvers.NonlinearCG(branching, jit=False),
    "NelderMead": solvers.NelderMead(branching, jit=False),
    "LevenbergMarquardt": solvers.LevenbergMarquardt(branching_residual, jit=False),
    "GaussNewton": solvers.GaussNewton(branching_residual, jit=False),
    "Dogleg": solvers.Dogleg(branching_residual, jit=False),
    "Newton": solvers.Newton(branching_residual, jit=False),
    "Broyden": solvers.Broyden(branching_residual, jit=False),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_functions_may_branch(name: str) -> None:
    solver = SOLVERS[name]
    params, state = solver.run(START)
    assert bool(state.converged), state.reason
    np.testing.assert_allclose(params, 1.0, atol=1e-4)
    slope = bibun.jacrev(lambda t: solver.run(START, t).params)(0.2)
    np.testing.assert_allclose(slope, 1.0, atol=1e-6)


@pytest.mark.parametrize(
    "kind", [solvers.ZoomLineSearch, solvers.HagerZhangLineSearch, solvers.BacktrackingLineSearch]
)
def test_line_searches_of_functions_that_cannot_be_traced(kind: type) -> None:
    def on_the_host(x):
        x = np.asarray(x)
        return float(np.sum(x**4)), 4.0 * x**3

    size, state = kind(on_the_host, value_and_grad=True, jit=False).run(1.0, START)
    compiled = kind(lambda x: bnp.sum(x**4)).run(1.0, START)
    assert not bool(state.failed)
    np.testing.assert_allclose(size, compiled.stepsize, rtol=1e-12)
    np.testing.assert_allclose(state.params, compiled.state.params, rtol=1e-12)


def test_nothing_has_to_be_traceable() -> None:
    seen = []

    def by_numpy(x):
        v = np.array(x)  # raises on a traced value
        seen.append(v)
        return float(((v - 2.0) ** 2).sum()), 2.0 * (v - 2.0)

    solver = solvers.LBFGS(by_numpy, value_and_grad=True, jit=False)
    params, state = solver.run(START)
    np.testing.assert_allclose(params, 2.0, atol=1e-6)
    assert len(seen) > int(state.iter_num)
    first, _ = solver.update(START, solver.init_state(START))
    assert float(np.sum((np.asarray(first) - 2.0) ** 2)) < 11.25


def test_the_same_steps_as_compiled() -> None:
    def fun(x):
        return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2

    for maxiter in (1, 7):
        plain, whole = (
            solvers.BFGS(fun, maxiter=maxiter, jit=jit).run(np.array([-1.2, 1.0]))
            for jit in (False, True)
        )
        np.testing.assert_allclose(plain.params, whole.params, rtol=1e-9)
        assert int(plain.state.iter_num) == int(whole.state.iter_num) == maxiter


@pytest.mark.parametrize("transform", ["grad", "jvp", "vmap", "jit"])
def test_transformed_values_in_a_closure(transform: str) -> None:
    def solve(a):
        return solvers.LBFGS(lambda x: (x - a) ** 2, jit=False).run(0.0).params

    got = {
        "grad": lambda: bibun.grad(solve)(2.0), "jvp": lambda: bibun.jvp(solve, (2.0,), (1.0,))[1],
        "vmap": lambda: bibun.vmap(solve)(bnp.ones(3))[2], "jit": lambda: bibun.jit(solve)(1.0),
    }[transform]()  # fmt: skip
    assert float(got) == pytest.approx(1.0, abs=1e-6)


def test_derivative_of_the_iterations_themselves() -> None:
    solver = solvers.GradientDescent(
        branching, jit=False, implicit_diff=False, maxiter=3, stepsize=0.1, acceleration=False
    )
    # from the far side: x - 0.4 (x - 1 - t) once, then x - 0.2 (x - 1 - t)
    slope = bibun.jacfwd(lambda t: solver.run(bnp.array([-1.0, -1.0]), t).params)(0.0)
    path = [-1.0]
    for _ in range(3):
        path.append(path[-1] - (0.2 if path[-1] > 0 else 0.4) * (path[-1] - 1.0))
    keep = np.prod([1.0 - (0.2 if x > 0 else 0.4) for x in path[:-1]])
    np.testing.assert_allclose(slope, 1.0 - keep, rtol=1e-9)


def test_unrolled_is_plain_python() -> None:
    found = solvers.BFGS(branching, jit=False, unroll=True).run(START).params
    np.testing.assert_allclose(found, 1.0, atol=1e-5)
    with pytest.raises(ValueError, match="jit=False"):
        solvers.BFGS(branching, unroll=True)
