"""What users hand to solvers by mistake or of necessity: nan, complex, mixed precision, nothing."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import solvers

START = bnp.array([1.0, -0.5])

# every solver with the nan that its kind of function can return
NAN = {
    "GradientDescent": lambda bad: solvers.GradientDescent(lambda x: bad * bnp.sum(x)),
    "BFGS": lambda bad: solvers.BFGS(lambda x: bad * bnp.sum(x)),
    "LBFGS": lambda bad: solvers.LBFGS(lambda x: bad * bnp.sum(x)),
    "LBFGSB": lambda bad: solvers.LBFGSB(lambda x, _=0: bad * bnp.sum(x)),
    "NonlinearCG": lambda bad: solvers.NonlinearCG(lambda x: bad * bnp.sum(x)),
    "NelderMead": lambda bad: solvers.NelderMead(lambda x: bad * bnp.sum(x)),
    "MirrorDescent": lambda bad: solvers.MirrorDescent(lambda x: bad * bnp.sum(x)),
    "GaussNewton": lambda bad: solvers.GaussNewton(lambda x: bad * x),
    "LevenbergMarquardt": lambda bad: solvers.LevenbergMarquardt(lambda x: bad * x),
    "Dogleg": lambda bad: solvers.Dogleg(lambda x: bad * x),
    "Newton": lambda bad: solvers.Newton(lambda x: bad * x),
    "Broyden": lambda bad: solvers.Broyden(lambda x: bad * x),
    "FixedPointIteration": lambda bad: solvers.FixedPointIteration(lambda x: bad * x),
    "AndersonAcceleration": lambda bad: solvers.AndersonAcceleration(lambda x: bad * x),
}


@pytest.mark.parametrize("name", sorted(NAN))
def test_nan_is_a_failure_that_is_named(name: str) -> None:
    extra = {"LBFGSB": ((-5.0, 5.0),), "MirrorDescent": (None,)}.get(name, ())
    _, state = NAN[name](bnp.nan).run(START, *extra)
    assert not bool(state.converged)
    assert "nan" in state.reason
    assert int(state.iter_num) < 5


def paraboloid(z, t):  # |z - t|²
    d = z - t
    return bnp.sum(bnp.real(d) ** 2 + bnp.imag(d) ** 2)


@pytest.mark.parametrize(
    "solver", [solvers.LBFGS, solvers.BFGS, solvers.GradientDescent, solvers.NonlinearCG,
               solvers.NelderMead, solvers.ScipyMinimize]
)  # fmt: skip
def test_complex_parameters_keep_their_imaginary_parts(solver) -> None:
    def solve(t):
        return solver(paraboloid).run(bnp.zeros(2, dtype=complex), t).params

    np.testing.assert_allclose(solve(1.0 + 2.0j), [1.0 + 2.0j] * 2, atol=1e-4)
    np.testing.assert_allclose(bibun.jvp(solve, (1.0 + 2.0j,), (3.0j,))[1], [3.0j] * 2, atol=1e-4)
    slope = bibun.grad(lambda b: bnp.imag(solve(1.0 + b * 1.0j)[0]))(2.0)
    np.testing.assert_allclose(slope, 1.0, atol=1e-4)


def test_complex_gradients_that_the_user_computes() -> None:
    given = bibun.value_and_grad(lambda z: paraboloid(z, 1.0 + 2.0j))
    z = solvers.LBFGS(given, value_and_grad=True).run(bnp.zeros(2, dtype=complex)).params
    np.testing.assert_allclose(z, [1.0 + 2.0j] * 2, atol=1e-6)


def test_complex_equations_and_residuals() -> None:
    root = solvers.Newton(lambda z, a: z**2 - a).run(1.0 + 0.5j, -3.0 + 4.0j).params
    np.testing.assert_allclose(root, 1.0 + 2.0j, atol=1e-9)
    fitted = solvers.LevenbergMarquardt(lambda z: z**2 - (-3.0 + 4.0j)).run(1.0 + 0.5j).params
    np.testing.assert_allclose(fitted, 1.0 + 2.0j, atol=1e-8)


@pytest.mark.parametrize(
    "solver", [solvers.LBFGS, solvers.BFGS, solvers.GradientDescent, solvers.NonlinearCG]
)
def test_single_precision_parameters_with_double_precision_data(solver) -> None:
    data = np.array([0.3, 0.7])
    start = bnp.zeros(2, dtype="float32")
    params, state = solver(lambda x: bnp.sum((x - data) ** 2), tol=1e-3).run(start)
    assert params.dtype == np.float32
    assert bool(state.converged)
    np.testing.assert_allclose(params, data, atol=1e-3)


def test_single_precision_residuals_roots_and_brackets() -> None:
    data, start = np.array([0.3, 0.7]), bnp.zeros(2, dtype="float32")
    for solver in (solvers.LevenbergMarquardt, solvers.GaussNewton, solvers.Newton):
        params = solver(lambda x: x - data, tol=1e-3).run(start).params
        assert params.dtype == np.float32
        np.testing.assert_allclose(params, data, atol=2e-3)
    for solver in (solvers.Bisection, solvers.Brent):
        x = solver(lambda x: x - data[0], 0.0, 1.0).run(bnp.float32(0.5)).params
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, 0.3, atol=1e-6)


@pytest.mark.parametrize("name", ["LBFGS", "NelderMead", "GradientDescent"])
def test_no_parameters_is_a_solved_problem(name: str) -> None:
    params, state = getattr(solvers, name)(lambda x: bnp.sum(x * x)).run(bnp.zeros(0))
    assert params.shape == (0,) and bool(state.converged)


@pytest.mark.parametrize("name", ["LevenbergMarquardt", "GaussNewton", "Dogleg", "Newton"])
def test_no_unknowns_is_a_solved_system(name: str) -> None:
    params, state = getattr(solvers, name)(lambda x: x).run(bnp.zeros(0))
    assert params.shape == (0,) and bool(state.converged)


def test_residuals_that_are_not_there() -> None:
    with pytest.raises(TypeError, match="residual_fun must return"):
        solvers.LevenbergMarquardt(lambda x: None).run(START)


@pytest.mark.parametrize(
    "make", [lambda **k: solvers.Bisection(lambda x: x, -1.0, 1.0, **k),
             lambda **k: solvers.NelderMead(lambda x: bnp.sum(x * x), **k)]
)  # fmt: skip
def test_iterations_that_only_compare_have_no_derivative(make) -> None:
    with pytest.raises(ValueError, match="only compare values"):
        make(implicit_diff=False)


def test_nelder_mead_keeps_the_auxiliary_output_of_the_solution() -> None:
    solver = solvers.NelderMead(lambda x: (bnp.sum((x - 1.0) ** 2), 2.0 * x), has_aux=True)
    params, state = solver.run(bnp.zeros(2))
    np.testing.assert_array_equal(state.aux, 2.0 * np.asarray(params))
