"""Minimizers on the classical problems, held against SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import bibun.numpy as bnp
from bibun import grad, jit, solvers, value_and_grad, vmap
from tests.solvers.problems import SMOOTH, Smooth, is_solved, rosenbrock

MINIMIZERS: dict[str, Callable[[Any], Any]] = {
    "bfgs": solvers.BFGS,
    "bfgs-hager-zhang": lambda f: solvers.BFGS(f, linesearch="hager-zhang"),
    "bfgs-backtracking": lambda f: solvers.BFGS(f, linesearch="backtracking"),
    "lbfgs": solvers.LBFGS,
    "lbfgs-hager-zhang": lambda f: solvers.LBFGS(f, linesearch="hager-zhang"),
    "cg": lambda f: solvers.NonlinearCG(f, maxiter=5000),
    "gd": lambda f: solvers.GradientDescent(f, maxiter=20000),
    "newton": lambda f: solvers.Newton(grad(f)),
}
SCIPY = {"bfgs": "BFGS", "lbfgs": "L-BFGS-B", "cg": "CG"}


def solve(solver: Any, problem: Smooth) -> tuple[Any, Any]:
    return solver.run(np.array(problem.start))


@pytest.mark.parametrize("problem", SMOOTH, ids=lambda p: p.name)
@pytest.mark.parametrize("name", [n for n in MINIMIZERS if n != "newton"])
def test_solves(name: str, problem: Smooth) -> None:
    x, state = solve(MINIMIZERS[name](problem.fun), problem)
    assert bool(state.converged), state.reason
    assert is_solved(float(state.value), problem.least)
    g = np.asarray(grad(problem.fun)(x))
    assert np.linalg.norm(g) <= 1e-6
    assert float(state.error) == pytest.approx(np.linalg.norm(g), rel=1e-3, abs=1e-12)


@pytest.mark.parametrize("name", SCIPY)
def test_as_many_as_scipy(name: str) -> None:
    ours = theirs = 0
    for problem in SMOOTH:
        _, state = solve(MINIMIZERS[name](problem.fun), problem)
        ours += is_solved(float(state.value), problem.least)
        both = jit(value_and_grad(problem.fun))
        found = scipy.optimize.minimize(
            lambda x, both=both: (float(both(x)[0]), np.array(both(x)[1])),
            np.array(problem.start), jac=True, method=SCIPY[name],
        )  # fmt: skip
        theirs += is_solved(found.fun, problem.least)
    assert ours >= theirs


@pytest.mark.parametrize("linesearch", ["zoom", "hager-zhang", "backtracking"])
def test_no_step_is_longer_than_the_largest(linesearch: str) -> None:
    far = bnp.array([9.0])
    sizes = []
    solver = solvers.BFGS(lambda x: bnp.sum(x**4), linesearch=linesearch, max_stepsize=0.125)
    x, state = far, solver.init_state(far)
    for _ in range(6):
        x, state = solver.update(x, state)
        sizes.append(float(state.stepsize))
    assert max(sizes) == 0.125  # Newton's own steps, of size 1, come after the first
    assert min(sizes) > 0
    free = solvers.BFGS(lambda x: bnp.sum(x**4), linesearch=linesearch)
    _, state = free.update(*free.update(far, free.init_state(far)))
    assert float(state.stepsize) > 0.125


@pytest.mark.parametrize("problem", SMOOTH[:7], ids=lambda p: p.name)
def test_nelder_mead(problem: Smooth) -> None:
    _, state = solve(solvers.NelderMead(problem.fun), problem)
    assert bool(state.converged), state.reason
    assert is_solved(float(state.value), problem.least)


def test_nelder_mead_without_derivatives() -> None:
    x, state = solvers.NelderMead(lambda x: bnp.abs(x[0] - 1) + 2 * bnp.abs(x[1] + x[0])).run(
        bnp.array([3.0, 4.0])
    )
    np.testing.assert_allclose(x, [1.0, -1.0], atol=1e-7)


def test_pytrees_aux_and_given_gradients() -> None:
    target = {"a": np.array([1.0, 2.0]), "b": (np.array([[3.0]]), 4.0)}

    def f(p: Any, t: Any) -> Any:
        r = bnp.sum((p["a"] - t["a"]) ** 2) + bnp.sum((p["b"][0] - t["b"][0]) ** 2)
        return r + (p["b"][1] - t["b"][1]) ** 4 + (p["b"][1] - t["b"][1]) ** 2, p["a"][0]

    start = {"a": np.zeros(2), "b": (np.zeros((1, 1)), 0)}
    for cls in (solvers.BFGS, solvers.LBFGS, solvers.NonlinearCG, solvers.GradientDescent):
        p, state = cls(f, has_aux=True).run(start, target)
        np.testing.assert_allclose(p["a"], target["a"], atol=1e-6)
        np.testing.assert_allclose(p["b"][0], target["b"][0], atol=1e-6)
        assert float(p["b"][1]) == pytest.approx(4.0, abs=1e-6)
        assert p["b"][0].shape == (1, 1)
        assert float(state.aux) == pytest.approx(1.0, abs=1e-5)

    both = value_and_grad(lambda x: bnp.sum((x - 1.0) ** 2))
    for cls in (solvers.BFGS, solvers.LBFGS, solvers.NonlinearCG, solvers.GradientDescent):
        x, _ = cls(both, value_and_grad=True).run(np.zeros(3))
        np.testing.assert_allclose(x, 1.0, atol=1e-6)


@pytest.mark.parametrize("cls", [solvers.BFGS, solvers.LBFGS, solvers.GradientDescent])
def test_init_state_and_update_are_one_step_of_run(cls: Any) -> None:
    solver = cls(rosenbrock, maxiter=3)
    x = np.array([-1.2, 1.0])
    state = solver.init_state(x)
    update = jit(solver.update)
    for _ in range(3):
        x, state = update(x, state)
    y, last = solver.run(np.array([-1.2, 1.0]))
    np.testing.assert_allclose(x, y, rtol=1e-12)
    assert int(last.iter_num) == 3
    assert "maxiter" in last.reason
    assert not bool(last.converged)


def test_reasons() -> None:
    wall = solvers.BFGS(lambda x: bnp.log(x))
    assert "nan or infinite" in wall.run(-1.0).state.reason
    # a gradient that points the wrong way
    liar = solvers.BFGS(lambda x: (x**2, -2.0 * x), value_and_grad=True)
    assert "line search" in liar.run(1.0).state.reason
    there = solvers.BFGS(lambda x: x**2).run(0.0).state
    assert bool(there.converged)
    assert int(there.iter_num) == 0


def test_objective_must_be_scalar() -> None:
    with pytest.raises(TypeError, match="must return a scalar, got shape"):
        solvers.BFGS(lambda x: x * 2).run(np.zeros(3))
    with pytest.raises(ValueError, match="linesearch must be one of"):
        solvers.LBFGS(rosenbrock, linesearch="nope").run(np.zeros(2))


def test_vmap_of_run_matches_single_runs() -> None:
    starts = np.random.default_rng(1).normal(size=(5, 2)) * 2
    for cls in (solvers.BFGS, solvers.LBFGS):
        solver = cls(rosenbrock)
        many = vmap(lambda x, solver=solver: solver.run(x))(starts)
        np.testing.assert_allclose(many.params, np.ones((5, 2)), atol=1e-5)
        assert many.state.iter_num.shape == (5,)
        for k, start in enumerate(starts):
            assert int(solver.run(start).state.iter_num) == int(many.state.iter_num[k])
        assert many.state.reason == "5 × converged: error is at most tol"


def test_run_is_compiled_once() -> None:
    traced = 0

    def f(x: Any, a: Any) -> Any:
        nonlocal traced
        traced += 1
        return bnp.sum((x - a) ** 2)

    solver = solvers.BFGS(f)
    solver.run(np.zeros(3), 2.0)
    after_first = traced
    for k in range(3):
        solver.run(np.full(3, float(k)), 3.0 + k)
    assert traced == after_first > 0


def test_changed_settings_and_methods_are_noticed() -> None:
    solver = solvers.GradientDescent(rosenbrock)
    start = np.array([-1.2, 1.0])
    assert int(solver.run(start).state.iter_num) > 7
    solver.maxiter = 7
    assert int(solver.run(start).state.iter_num) == 7

    class Model:
        def __init__(self) -> None:
            self.target = 1.0

        def loss(self, x: Any) -> Any:
            return (x - self.target) ** 2

    model = Model()
    solver = solvers.BFGS(model.loss)
    assert float(solver.run(0.0).params) == pytest.approx(1.0)
    model.target = 2.0
    assert float(solver.run(0.0).params) == pytest.approx(2.0)


def test_single_precision() -> None:
    x, state = solvers.LBFGS(rosenbrock, tol=1e-3).run(np.array([-1.2, 1.0], "float32"))
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, 1.0, atol=1e-2)
