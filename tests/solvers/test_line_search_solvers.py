"""Line searches by themselves, and the settings of the solvers that use them."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import solvers
from tests.solvers.problems import rosenbrock

START = np.array([-1.2, 1.0])
SLOPE = np.asarray(bibun.grad(rosenbrock)(START))
SEARCHES = {
    "zoom": (solvers.ZoomLineSearch(rosenbrock), 1e-4, 0.9),
    "hager-zhang": (solvers.HagerZhangLineSearch(rosenbrock), 1e-4, 0.9),
    "armijo": (solvers.BacktrackingLineSearch(rosenbrock, condition="armijo"), 1e-4, None),
    "wolfe": (solvers.BacktrackingLineSearch(rosenbrock, condition="wolfe"), 1e-4, 0.9),
    "strong-wolfe": (solvers.BacktrackingLineSearch(rosenbrock), 1e-4, 0.9),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_conditions_hold_where_the_search_ends(name: str) -> None:
    search, c1, c2 = SEARCHES[name]
    size, state = search.run(1.0, START)
    assert not bool(state.failed)
    np.testing.assert_allclose(state.params, START - float(size) * SLOPE, rtol=1e-14)
    np.testing.assert_allclose(state.value, rosenbrock(np.asarray(state.params)), rtol=1e-14)
    np.testing.assert_allclose(state.grad, bibun.grad(rosenbrock)(state.params), rtol=1e-12)
    descent = -float(SLOPE @ SLOPE)
    assert float(state.value) <= float(rosenbrock(START)) + c1 * float(size) * descent
    if c2 is not None:
        assert -float(np.asarray(state.grad) @ SLOPE) >= c2 * descent


def test_goldstein_steps_are_not_too_short() -> None:
    search = solvers.BacktrackingLineSearch(lambda x: x * x, condition="goldstein", c1=0.25)
    size, state = search.run(4.0, 1.0)  # f(t) = (1 - 2t)²: t in [1/4, 3/4]
    assert 0.25 <= float(size) <= 0.75 and not bool(state.failed)


def test_a_direction_and_arguments_of_the_users_own() -> None:
    search = solvers.ZoomLineSearch(lambda p, t, s=1.0: s * bnp.sum((p["x"] - t) ** 2))
    given = {"x": bnp.zeros(2)}
    size, state = search.run(
        3.0, given, descent_direction={"x": bnp.array([1.0, 0.0])}, fun_args=(3.0,),
        fun_kwargs={"s": 2.0},
    )  # fmt: skip
    assert float(size) == pytest.approx(3.0)
    np.testing.assert_allclose(state.params["x"], [3.0, 0.0], atol=1e-12)
    with pytest.raises(ValueError, match="structure of params"):
        search.run(1.0, given, descent_direction=bnp.ones(2), fun_args=(3.0,))


def test_an_uphill_direction_fails_and_stays() -> None:
    for search, _, _ in SEARCHES.values():
        size, state = search.run(1.0, START, descent_direction=bnp.array(SLOPE))
        assert bool(state.failed) and float(size) == 0.0
        np.testing.assert_array_equal(state.params, START)


def test_auxiliary_output_and_given_gradient() -> None:
    search = solvers.HagerZhangLineSearch(
        bibun.value_and_grad(lambda x: (rosenbrock(x), 2.0 * x), has_aux=True),
        value_and_grad=True, has_aux=True, max_stepsize=1e-3,
    )  # fmt: skip
    size, state = search.run(1.0, START)
    assert 0.0 < float(size) <= 1e-3
    np.testing.assert_allclose(state.aux, 2.0 * np.asarray(state.params), rtol=1e-14)


SETTINGS = [
    {"linesearch": "backtracking", "condition": "wolfe", "decrease_factor": 0.8},
    {"linesearch": "backtracking", "condition": "strong-wolfe"},
    {"linesearch_init": "increase", "increase_factor": 2.0}, {"linesearch_init": "current"},
    {"linesearch_init": "max", "max_stepsize": 1.0}, {"stop_if_linesearch_fails": True},
]  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("solver", [solvers.BFGS, solvers.LBFGS])
def test_every_setting_solves(solver, setting) -> None:
    params, state = solver(rosenbrock, **setting).run(START)
    assert bool(state.converged), state.reason
    np.testing.assert_allclose(params, 1.0, atol=1e-5)


def test_a_given_step_size_is_the_step_that_is_taken() -> None:
    for solver in (solvers.BFGS, solvers.LBFGS, solvers.NonlinearCG):
        for size in (0.01, lambda i: 0.01 + 0.0 * i):
            s = solver(lambda x: bnp.sum(x * x), stepsize=size)
            x = np.array([1.0, 2.0])
            after, _ = s.update(x, s.init_state(x))
            np.testing.assert_allclose(after, x - 0.01 * 2.0 * x, rtol=1e-14)


def test_settings_that_contradict_each_other() -> None:
    f = rosenbrock
    for bad, match in (
        ({"linesearch": "exact"}, "linesearch must be one of"),
        ({"linesearch_init": "min"}, "linesearch_init must be one of"),
        ({"condition": "wolfe"}, "linesearch='backtracking'"),
        ({"linesearch_init": "max"}, "needs max_stepsize"),
    ):
        with pytest.raises(ValueError, match=match):
            solvers.LBFGS(f, **bad)


def test_searches_on_bent_paths_shrink_as_told() -> None:
    sizes = {}
    for factor in (0.5, 0.1):
        s = solvers.LBFGSB(lambda x: 15.0 * bnp.sum(x * x), decrease_factor=factor)
        x = np.array([0.01])
        _, state = s.update(x, s.init_state(x, (-2.0, 2.0)), (-2.0, 2.0))
        sizes[factor] = float(state.stepsize)
        b = solvers.Broyden(lambda x: bnp.arctan(x), decrease_factor=factor)
        x, state = b.update(np.array(20.0), b.init_state(np.array(20.0)))
        power = np.log(float(state.stepsize)) / np.log(factor)
        assert float(state.stepsize) < 1.0 and power == pytest.approx(round(power))
    # steps below 2 / 30 go downhill
    assert sizes == pytest.approx({0.5: 0.5**4, 0.1: 0.1**2})
    stop = solvers.LBFGSB(rosenbrock, stop_if_linesearch_fails=True)
    assert bool(stop.run(START, (-3.0, 3.0)).state.converged)
