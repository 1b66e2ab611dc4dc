"""Roots: systems by Newton and Broyden, single equations by bisection and Brent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

import bibun.numpy as bnp
from bibun import grad, jit, solvers, vmap
from tests.solvers.problems import LEAST_SQUARES

SQUARE = [
    p
    for p in LEAST_SQUARES
    if p.least == (0.0,) and p.name.split()[0] in {"1", "7", "25", "28", "29", "30"}
    and np.asarray(p.residual(p.start)).shape == p.start.shape
]  # fmt: skip


@pytest.mark.parametrize("problem", SQUARE, ids=lambda p: p.name)
@pytest.mark.parametrize("cls", [solvers.Newton, solvers.Broyden])
def test_systems(cls: Any, problem: Any) -> None:
    x, state = cls(problem.residual).run(problem.start)
    assert bool(state.converged), state.reason
    assert np.linalg.norm(problem.residual(x)) <= 1e-9


def test_there_are_systems() -> None:
    assert len(SQUARE) >= 4


def f(x: Any, a: Any) -> Any:
    return bnp.exp(x) - a + x


coarse = solvers.Bisection(f, -50.0, 50.0, maxiter=200)
quick = solvers.Brent(f, -50.0, 50.0)


@settings(max_examples=40, deadline=None)
@given(st.floats(-40.0, 1e3))
def test_scalar_roots_against_scipy(a: float) -> None:
    wanted = scipy.optimize.brentq(lambda x: np.exp(x) + x - a, -50.0, 50.0, xtol=1e-14)
    for solver in (coarse, quick):
        x, state = solver.run(None, a)
        assert bool(state.converged), state.reason
        assert float(x) == pytest.approx(wanted, rel=1e-10, abs=1e-11)


def test_brent_is_quick() -> None:
    assert int(quick.run(None, 10.0).state.iter_num) < 20
    assert int(coarse.run(None, 10.0).state.iter_num) > 30


@pytest.mark.parametrize("solver", [coarse, quick], ids=["bisection", "brent"])
def test_scalar_derivative_and_batch(solver: Any) -> None:
    def g(a: Any) -> Any:
        return solver.run(None, a).params

    x = float(g(3.0))
    assert float(grad(g)(3.0)) == pytest.approx(1.0 / (np.exp(x) + 1.0))
    assert float(jit(grad(g))(3.0)) == pytest.approx(1.0 / (np.exp(x) + 1.0))
    a = np.array([0.0, 3.0, 100.0])
    np.testing.assert_allclose(vmap(g)(a), [float(g(v)) for v in a], rtol=1e-12)


def test_no_bracket_is_said() -> None:
    for cls in (solvers.Bisection, solvers.Brent):
        x, state = cls(lambda x: x * x + 1.0, -1.0, 2.0).run()
        assert "same sign at both ends" in state.reason
        assert np.isnan(float(x))
        with pytest.raises(ValueError, match="lower and upper"):
            cls(lambda x: x)
        with pytest.raises(ValueError, match="one number"):
            cls(lambda x: x, -1.0, 1.0).run(np.zeros(3))


def test_a_root_at_an_end() -> None:
    for cls in (solvers.Bisection, solvers.Brent):
        assert float(cls(lambda x: x, 0.0, 1.0).run().params) == pytest.approx(0.0, abs=1e-12)
        assert float(cls(lambda x: x, -1.0, 0.0).run().params) == pytest.approx(0.0, abs=1e-12)


def test_newton_says_when_shapes_do_not_fit() -> None:
    with pytest.raises(ValueError, match="2 unknowns, 3 equations"):
        solvers.Newton(lambda x: bnp.concatenate([x, x[:1]])).run(np.ones(2))


def test_fixed_points() -> None:
    m = np.array([[0.4, 0.3], [-0.2, 0.5]])
    b = np.array([1.0, -1.0])
    wanted = np.linalg.solve(np.eye(2) - m, b)
    plain = solvers.FixedPointIteration(lambda x, b: m @ x + b).run(np.zeros(2), b)
    mixed = solvers.AndersonAcceleration(lambda x, b: m @ x + b).run(np.zeros(2), b)
    np.testing.assert_allclose(plain.params, wanted, atol=1e-9)
    np.testing.assert_allclose(mixed.params, wanted, atol=1e-9)
    assert int(mixed.state.iter_num) < int(plain.state.iter_num)
    assert bool(mixed.state.converged)


def test_diverging_iteration_is_not_called_converged() -> None:
    state = solvers.FixedPointIteration(lambda x: 2.0 * x + 1.0, maxiter=5000).run(1.0).state
    assert not bool(state.converged)
    assert "nan or infinite" in state.reason


@pytest.mark.parametrize("method", ["newton", "broyden", "lm", "dogleg"])
def test_root_function(method: str) -> None:
    def system(x: Any, a: Any) -> Any:
        return bnp.stack([x[0] ** 2 + x[1] - a, x[0] - x[1]])

    g = lambda a: solvers.root(system, bnp.array([1.0, 1.0]), a, method=method).params[0]
    x = float(g(6.0))
    assert x == pytest.approx(2.0)
    assert float(grad(g)(6.0)) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="method must be one of"):
        solvers.root(system, bnp.ones(2), 1.0, method="magic")
