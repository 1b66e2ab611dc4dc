"""Quadratic programs against SciPy, and their derivatives against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize

import bibun.numpy as bnp
from bibun import grad, jacfwd, jacrev, jit, solvers, vmap

QPS = {"interior": solvers.InteriorPointQP(), "osqp": solvers.OSQP()}


def program(seed: int, n: int = 6, p: int = 2, m: int = 8) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(n, n))
    x = rng.normal(size=n)
    a, g = rng.normal(size=(p, n)), rng.normal(size=(m, n))
    return (
        (half @ half.T + 0.1 * np.eye(n), rng.normal(size=n)), (a, a @ x),
        (g, g @ x + rng.uniform(0.0, 1.0, m)),
    )  # fmt: skip


def by_scipy(obj: Any, eq: Any, ineq: Any) -> np.ndarray:
    (q, c), (a, b), (g, h) = obj, eq, ineq
    found = scipy.optimize.minimize(
        lambda x: 0.5 * x @ q @ x + c @ x, np.linalg.lstsq(a, b, rcond=None)[0],
        jac=lambda x: q @ x + c, method="SLSQP", tol=1e-13,
        constraints=[
            {"type": "eq", "fun": lambda x: a @ x - b, "jac": lambda x: a},
            {"type": "ineq", "fun": lambda x: h - g @ x, "jac": lambda x: -g},
        ], options={"maxiter": 500},
    )  # fmt: skip
    return found.x


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", QPS)
def test_against_slsqp(name: str, seed: int) -> None:
    obj, eq, ineq = program(seed)
    solution, state = QPS[name].run(None, obj, eq, ineq)
    assert bool(state.converged), state.reason
    np.testing.assert_allclose(solution.primal, by_scipy(obj, eq, ineq), atol=2e-6)
    assert float(state.error) < 1e-6
    lam = np.asarray(solution.dual_ineq)
    slack = ineq[1] - ineq[0] @ np.asarray(solution.primal)
    assert lam.min() >= -1e-8
    assert slack.min() >= -1e-7
    assert np.abs(lam * slack).max() < 1e-6


@pytest.mark.parametrize("name", QPS)
def test_derivatives(name: str) -> None:
    solver = QPS[name]
    (q, c), eq, (g, h) = program(5, m=4)

    def value(c: Any, h: Any, q: Any) -> Any:
        x = solver.run(None, (q, c), eq, (g, h)).params.primal
        return bnp.sum(bnp.sin(x))

    found = jit(grad(value, argnums=(0, 1, 2)))(c, h, q)
    for k, (x, got) in enumerate(zip((c, h, q), found, strict=True)):
        d = np.random.default_rng(9).normal(size=x.shape)
        d = d + d.T if k == 2 else d
        args = [c, h, q]
        args[k] = x + 1e-5 * d
        up = float(value(*args))
        args[k] = x - 1e-5 * d
        wanted = (up - float(value(*args))) / 2e-5
        assert abs(wanted) > 1e-3
        assert np.sum(np.asarray(got) * d) == pytest.approx(wanted, rel=1e-4)
    forward = jacfwd(value)(c, h, q)
    np.testing.assert_allclose(forward, found[0], rtol=1e-8, atol=1e-10)


def test_batches() -> None:
    (q, c), eq, ineq = program(1)
    cs = np.stack([c, 2 * c, -c])
    solver = QPS["interior"]
    many = vmap(lambda c: solver.run(None, (q, c), eq, ineq).params.primal)(cs)
    for c, x in zip(cs, many, strict=True):
        np.testing.assert_allclose(x, solver.run(None, (q, c), eq, ineq).params.primal, atol=1e-8)


@pytest.mark.parametrize("name", QPS)
def test_parts_may_be_missing(name: str) -> None:
    (q, c), eq, ineq = program(2)
    solver = QPS[name]
    free, _ = solver.run(None, (q, c))
    np.testing.assert_allclose(free.primal, -np.linalg.solve(q, c), atol=1e-7)
    only_eq, _ = solver.run(None, params_obj=(q, c), params_eq=eq)
    exact, state = solvers.EqualityConstrainedQP().run(None, (q, c), eq)
    assert bool(state.converged)
    np.testing.assert_allclose(only_eq.primal, exact.primal, atol=1e-7)
    kkt = np.block([[q, eq[0].T], [eq[0], np.zeros((2, 2))]])
    np.testing.assert_allclose(
        exact.primal, np.linalg.solve(kkt, np.concatenate([-c, eq[1]]))[:6], atol=1e-9
    )


def test_linear_program() -> None:
    """Q = 0: the interior-point method solves linear programs too."""
    c = np.array([-1.0, -2.0])
    g = np.array([[1.0, 1.0], [1.0, 3.0], [-1.0, 0.0], [0.0, -1.0]])
    h = np.array([4.0, 6.0, 0.0, 0.0])
    x, state = QPS["interior"].run(None, (np.zeros((2, 2)), c), None, (g, h))
    found = scipy.optimize.linprog(c, g, h)
    assert bool(state.converged), state.reason
    np.testing.assert_allclose(x.primal, found.x, atol=1e-6)
    np.testing.assert_allclose(jacrev(lambda h: QPS["interior"].run(
        None, (np.zeros((2, 2)), c), None, (g, h)).state.value)(h), -x.dual_ineq, atol=1e-5)


def test_contradictory_constraints_do_not_converge() -> None:
    g, h = np.array([[1.0], [-1.0]]), np.array([0.0, -1.0])  # x <= 0 and x >= 1
    for solver in QPS.values():
        state = solver.run(None, (np.eye(1), np.zeros(1)), None, (g, h)).state
        assert not bool(state.converged)


def test_bad_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"Q must have shape \(2, 2\), got \(3, 3\)"):
        QPS["osqp"].run(None, (np.eye(3), np.zeros(2)))
    with pytest.raises(TypeError, match="params_obj"):
        QPS["osqp"].run(None)
    with pytest.raises(ValueError, match="no inequalities"):
        solvers.EqualityConstrainedQP().run(
            None, (np.eye(2), np.zeros(2)), None, (np.eye(2), np.ones(2))
        )
