"""Bounds, projections, proximal operators, mirror descent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import bibun.numpy as bnp
from bibun import jacfwd, jacrev, jit, solvers, value_and_grad, vmap
from bibun.solvers import projection, prox
from tests.solvers.problems import SMOOTH, rosenbrock

vectors = arrays(float, 5, elements=st.floats(-10, 10))
rng = np.random.default_rng(2)
ROW = rng.normal(size=5)
ROWS = rng.normal(size=(2, 5))

SETS: dict[str, tuple[Any, Any, Any]] = {
    # name: projection, hyperparameters, is the point in the set?
    "non-negative": (projection.projection_non_negative, None, lambda y: np.all(y >= 0)),
    "box": (projection.projection_box, (-1.0, 2.0), lambda y: np.all((y >= -1) & (y <= 2))),
    "simplex": (
        projection.projection_simplex, 2.0,
        lambda y: np.all(y >= 0) and np.isclose(y.sum(), 2.0),
    ),
    "l1": (projection.projection_l1_ball, 3.0, lambda y: np.abs(y).sum() <= 3.0 + 1e-9),
    "l2": (projection.projection_l2_ball, 3.0, lambda y: np.linalg.norm(y) <= 3.0 + 1e-9),
    "linf": (projection.projection_linf_ball, 3.0, lambda y: np.abs(y).max() <= 3.0),
    "hyperplane": (
        projection.projection_hyperplane, (ROW, 1.5), lambda y: np.isclose(ROW @ y, 1.5)
    ),
    "halfspace": (projection.projection_halfspace, (ROW, 1.5), lambda y: ROW @ y <= 1.5 + 1e-9),
    "affine": (
        projection.projection_affine_set, (ROWS, np.ones(2)), lambda y: np.allclose(ROWS @ y, 1.0)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
@settings(max_examples=25, deadline=None)
@given(x=vectors, z=vectors)
def test_projection(name: str, x: np.ndarray, z: np.ndarray) -> None:
    """In the set, idempotent, and ⟨x - Px, y - Px⟩ ≤ 0 for every y of the set."""
    project, hyper, inside = SETS[name]
    p = np.asarray(project(x, hyper))
    assert inside(p)
    np.testing.assert_allclose(project(p, hyper), p, atol=1e-9)
    y = np.asarray(project(z, hyper))
    assert (x - p) @ (y - p) <= 1e-7


def test_spheres_polyhedron_and_trees() -> None:
    x = np.array([3.0, -4.0])
    np.testing.assert_allclose(projection.projection_l2_sphere(x, 1.0), [0.6, -0.8])
    assert np.abs(projection.projection_l1_sphere(0.01 * x, 1.0)).sum() == pytest.approx(1.0)
    tree = projection.projection_simplex({"a": bnp.array([2.0, 0.0]), "b": bnp.array(1.9)})
    np.testing.assert_allclose(tree["a"], [0.55, 0.0])
    np.testing.assert_allclose(tree["b"], 0.45)
    eye = np.eye(3)
    found = projection.projection_polyhedron(
        np.array([2.0, 0.3, -1.0]), (np.ones((1, 3)), np.ones(1), -eye, np.zeros(3))
    )
    np.testing.assert_allclose(
        found, projection.projection_simplex(np.array([2.0, 0.3, -1.0])), atol=1e-8
    )


PROX = {
    "lasso": (prox.prox_lasso, 0.7, lambda y: 0.7 * np.abs(y).sum()),
    "ridge": (prox.prox_ridge, 0.7, lambda y: 0.35 * (y**2).sum()),
    "elastic": (
        prox.prox_elastic_net, (0.7, 2.0), lambda y: 0.7 * (np.abs(y).sum() + (y**2).sum())
    ),
    "group": (prox.prox_group_lasso, 2.0, lambda y: 2.0 * np.linalg.norm(y)),
    "nn-lasso": (
        prox.prox_non_negative_lasso, 0.7,
        lambda y: 0.7 * y.sum() if np.all(y >= 0) else np.inf,
    ),
    "nn-ridge": (
        prox.prox_non_negative_ridge, 0.7,
        lambda y: 0.35 * (y**2).sum() if np.all(y >= 0) else np.inf,
    ),
    "log": (
        prox.prox_log_barrier, 0.7, lambda y: -0.7 * np.log(y).sum() if np.all(y > 0) else np.inf
    ),
    "none": (prox.prox_none, None, lambda y: 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", PROX)
@settings(max_examples=25, deadline=None)
@given(x=vectors, d=arrays(float, 5, elements=st.floats(-1, 1)))
def test_prox_is_a_minimizer(name: str, x: np.ndarray, d: np.ndarray) -> None:
    operator, hyper, g = PROX[name]
    y = np.asarray(operator(x, hyper, 1.3))

    def objective(y: np.ndarray) -> float:
        return 0.5 * ((y - x) ** 2).sum() + 1.3 * g(y)

    for scale in (1.0, 1e-2):
        assert objective(y) <= objective(y + scale * d) + 1e-9


def test_lasso_against_optimality_conditions_and_derivative() -> None:
    x, y = rng.normal(size=(40, 6)), rng.normal(size=40)
    pg = solvers.ProximalGradient(
        lambda w, y: 0.5 * bnp.sum((x @ w - y) ** 2), prox.prox_lasso, tol=1e-9, maxiter=5000
    )
    lam = 6.0
    w, state = pg.run(bnp.zeros(6), lam, y)
    assert bool(state.converged), state.reason
    w = np.asarray(w)
    corr = x.T @ (y - x @ w)
    active = w != 0
    assert 0 < active.sum() < 6
    np.testing.assert_allclose(corr[active], lam * np.sign(w[active]), atol=1e-7)
    assert np.all(np.abs(corr[~active]) <= lam)
    # dw/dλ on the support: -(XᵀX)⁻¹ sign(w)
    wanted = np.zeros(6)
    xa = x[:, active]
    wanted[active] = -np.linalg.solve(xa.T @ xa, np.sign(w[active]))
    for mode in (jacfwd, jacrev):
        got = mode(lambda lam: pg.run(bnp.zeros(6), lam, y).params)(lam)
        np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_projected_gradient_and_mirror_descent_on_the_simplex() -> None:
    q = np.diag([1.0, 2.0, 4.0])
    c = np.array([-1.0, -0.5, 0.4])

    def f(x: Any, c: Any) -> Any:
        return 0.5 * x @ (q @ x) + c @ x

    found = scipy.optimize.minimize(
        lambda x: 0.5 * x @ q @ x + c @ x, np.ones(3) / 3, bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda x: x.sum() - 1}, tol=1e-12,
    )  # fmt: skip
    pg = solvers.ProjectedGradient(f, projection.projection_simplex, tol=1e-10)
    x, state = pg.run(bnp.ones(3) / 3, 1.0, c)
    np.testing.assert_allclose(x, found.x, atol=1e-6)
    md = solvers.MirrorDescent(f, stepsize=0.5, maxiter=5000, tol=1e-9)
    z, _ = md.run(bnp.ones(3) / 3, None, c)
    np.testing.assert_allclose(z, found.x, atol=1e-5)
    g = jacrev(lambda c: pg.run(bnp.ones(3) / 3, 1.0, c).params)(c)
    h = np.array([0.0, 1e-4, 0.0])
    up, down = (pg.run(bnp.ones(3) / 3, 1.0, v).params for v in (c + h, c - h))
    diff = (up - down) / 2e-4
    np.testing.assert_allclose(g[:, 1], diff, atol=1e-5)
    same = pg.run(bnp.ones(3) / 3, hyperparams_proj=1.0, c=c).params
    np.testing.assert_allclose(same, x)


def test_make_projection_grad() -> None:
    """The entropy as mirror map, given by its function."""
    step = solvers.MirrorDescent.make_projection_grad(
        lambda dual, _: bnp.exp(dual - 1.0) / bnp.sum(bnp.exp(dual - 1.0)),
        lambda x: bnp.sum(x * bnp.log(x)),
    )
    x, g = np.array([0.2, 0.8]), np.array([1.0, -1.0])
    np.testing.assert_allclose(
        step(x, g, 0.3, None), solvers.mirror_descent.projection_grad_simplex(x, g, 0.3), rtol=1e-12
    )


@pytest.mark.parametrize(
    "problem", [p for p in SMOOTH if p.name != "rosenbrock-far"], ids=lambda p: p.name
)
@pytest.mark.parametrize("bounds", [(-0.5, 0.8), (None, 0.5), (1.1, 5.0)])
def test_lbfgsb_against_scipy(problem: Any, bounds: Any) -> None:
    n = len(problem.start)
    low = -np.inf if bounds[0] is None else bounds[0]
    x, state = solvers.LBFGSB(problem.fun).run(np.array(problem.start), bounds)
    assert bool(state.converged), state.reason
    assert np.all(np.asarray(x) >= low)
    assert np.all(np.asarray(x) <= bounds[1])
    both = jit(value_and_grad(problem.fun))

    def scipys(start: np.ndarray) -> float:
        return scipy.optimize.minimize(
            lambda v: (float(both(v)[0]), np.array(both(v)[1])), start, jac=True,
            bounds=[(low, bounds[1])] * n, method="L-BFGS-B",
            options={"ftol": 1e-15, "gtol": 1e-9},
        ).fun  # fmt: skip

    # as low as SciPy's; or another local minimum, from which SciPy finds nothing lower
    value = float(state.value)
    slack = 1e-6 * (1 + abs(value))
    assert value <= scipys(np.array(problem.start)) + slack or value <= scipys(np.array(x)) + slack


def test_lbfgsb_derivative_in_bounds_and_arguments() -> None:
    solver = solvers.LBFGSB(lambda x, a: bnp.sum((x - a) ** 2) + 0.3 * x[0] * x[1], tol=1e-9)

    def g(upper: Any, a: Any) -> Any:
        return solver.run(bnp.zeros(2), (-1.0, upper), a).params

    a, upper = np.array([2.0, 0.5]), np.array([1.0, 1.0])
    np.testing.assert_allclose(g(upper, a), [1.0, 0.35], atol=1e-7)
    du, da = jacrev(g, argnums=(0, 1))(upper, a)
    np.testing.assert_allclose(du, [[1.0, 0.0], [-0.15, 0.0]], atol=1e-7)
    np.testing.assert_allclose(da, [[0.0, 0.0], [0.0, 1.0]], atol=1e-7)
    many = vmap(lambda a: g(upper, a))(np.stack([a, -a]))
    np.testing.assert_allclose(many[0], [1.0, 0.35], atol=1e-7)
    with pytest.raises(TypeError, match="bounds"):
        solver.run(bnp.zeros(2))


def test_bounds_may_be_trees() -> None:
    solver = solvers.LBFGSB(lambda p: rosenbrock(bnp.stack([p["x"], p["y"][0]])))
    p, _ = solver.run(
        {"x": 0.0, "y": bnp.zeros(1)}, ({"x": -2.0, "y": -2.0}, {"x": 0.5, "y": np.array([9.0])})
    )
    assert float(p["x"]) == 0.5
    assert float(p["y"][0]) == pytest.approx(0.25, abs=1e-6)


PROXES = {
    "prox_lasso": lambda y, r: r * np.abs(y).sum(),
    "prox_non_negative_lasso": lambda y, r: r * np.abs(y).sum() + 1e9 * np.minimum(y, 0).sum() ** 2,
    "prox_ridge": lambda y, r: 0.5 * r * (y**2).sum(),
    "prox_non_negative_ridge": lambda y, r: 0.5 * r * (y**2).sum()
    + 1e9 * np.minimum(y, 0).sum() ** 2,
    "prox_elastic_net": lambda y, r: r * (np.abs(y).sum() + 0.5 * r * (y**2).sum()),
    "prox_group_lasso": lambda y, r: r * np.linalg.norm(y),
}


@pytest.mark.parametrize("name", PROXES)
def test_operators_minimize_what_they_say(name: str) -> None:
    """On a pytree, whose leaves count together; None stands for 1."""
    prox, rng = getattr(solvers.prox, name), np.random.default_rng(0)
    x = {"a": rng.normal(size=2), "b": [rng.normal(size=(1, 2))]}
    v = np.concatenate([x["a"], x["b"][0].ravel()])
    for r in (0.4, None):
        weight = 1.0 if r is None else r
        hyper = (r, r) if name == "prox_elastic_net" and r is not None else r
        y = prox(x, hyper, 0.7)
        y = np.concatenate([y["a"], np.ravel(y["b"][0])])

        def objective(y, weight=weight):
            return 0.5 * np.sum((y - v) ** 2) + 0.7 * PROXES[name](y, weight)

        for _ in range(50):
            step = 1e-3 * rng.normal(size=4)
            assert objective(y) <= objective(y + step) + 1e-12
    pair = solvers.prox.prox_elastic_net(
        {"a": 2.0, "b": -3.0}, ({"a": 0.5, "b": 1.0}, {"a": 0.0, "b": 1.0})
    )
    assert float(pair["a"]) == 1.5 and float(pair["b"]) == -1.0
