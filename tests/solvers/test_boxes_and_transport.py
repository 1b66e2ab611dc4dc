"""Isotonic fits, projections with budgets and marginals, noise, refinement, box programs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize

import bibun
import bibun.numpy as bnp
from bibun import solvers
from bibun.solvers import isotonic, perturbations, projection
from bibun.testing import check_grads


@pytest.mark.parametrize("n", [0, 1, 2, 5, 40, 3000])
def test_isotonic_regression_against_scipy(n: int) -> None:
    y = np.random.default_rng(n).normal(size=n)
    for up in (True, False):
        wanted = scipy.optimize.isotonic_regression(y, increasing=up).x if n else y
        got = isotonic.isotonic_l2_pav(y, increasing=up)
        np.testing.assert_allclose(got, wanted, atol=1e-12)
        clipped = isotonic.isotonic_l2_pav(y, y_min=-0.2, y_max=0.3, increasing=up)
        np.testing.assert_allclose(clipped, np.clip(wanted, -0.2, 0.3), atol=1e-12)


def test_isotonic_derivatives_and_batches() -> None:
    rows = np.random.default_rng(3).normal(size=(3, 6))
    check_grads(isotonic.isotonic_l2_pav, (rows[0],), order=1)
    batch = bibun.jit(bibun.vmap(isotonic.isotonic_l2_pav))(rows)
    np.testing.assert_allclose(
        batch, [scipy.optimize.isotonic_regression(r).x for r in rows], atol=1e-12
    )


def box_section(x, low, high, w, c):
    found = scipy.optimize.minimize(
        lambda y: 0.5 * np.sum((y - x) ** 2), np.clip(x, low, high), jac=lambda y: y - x,
        bounds=[(low, high)] * x.size, method="SLSQP", options={"ftol": 1e-15, "maxiter": 500},
        constraints={"type": "eq", "fun": lambda y: w @ y - c, "jac": lambda y: w},
    )  # fmt: skip
    return found.x


@pytest.mark.parametrize("seed", range(5))
def test_box_section_against_slsqp(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = 2.0 * rng.normal(size=6), rng.normal(size=6)
    c = 0.8 * rng.uniform(-1, 1) * np.abs(w).sum()
    got = projection.projection_box_section(x, (-1.0, 1.0, w, c))
    np.testing.assert_allclose(got, box_section(x, -1.0, 1.0, w, c), atol=1e-6)
    check_grads(
        lambda x, w, c: projection.projection_box_section(x, (-1.0, 1.0, w, c)), (x, w, c), order=1
    )


def test_box_section_at_its_ends() -> None:
    x, w = np.array([0.3, -0.7, 2.0]), np.array([1.0, -2.0, 0.5])
    plane = projection.projection_box_section(x, (-np.inf, np.inf, w, 1.0))
    np.testing.assert_allclose(plane, projection.projection_hyperplane(x, (w, 1.0)), atol=1e-12)
    simplex = projection.projection_box_section(x, (0.0, np.inf, np.ones(3), 1.0))
    np.testing.assert_allclose(simplex, projection.projection_simplex(x), atol=1e-12)
    ones = np.ones(3)
    full = projection.projection_box_section(x, (-1.0, 1.0, ones, 3.0), check_feasible=True)
    np.testing.assert_array_equal(full, ones)
    none = projection.projection_box_section(x, (-1.0, 1.0, ones, 9.0), check_feasible=True)
    assert np.isnan(none).all()


def test_sparse_simplex_takes_the_largest() -> None:
    x = np.array([0.9, -3.0, 1.0, 0.2])
    y = np.asarray(projection.projection_sparse_simplex(x, 2, value=2.0))
    np.testing.assert_allclose(y, [0.95, 0.0, 1.05, 0.0], atol=1e-12)


A, B = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.5, 0.2, 0.3])
SIM = np.random.default_rng(0).normal(size=(4, 3))


def test_entropic_transport_is_sinkhorns() -> None:
    kernel, u = np.exp(SIM), np.ones(4)
    for _ in range(2000):
        v = B / (kernel.T @ u)
        u = A / (kernel @ v)
    for semi in (True, False):
        p = projection.kl_projection_transport(SIM, (A, B), use_semi_dual=semi)
        np.testing.assert_allclose(p, u[:, None] * kernel * v, atol=1e-8)


def test_euclidean_transport_is_a_quadratic_program() -> None:
    rows = np.kron(np.eye(4), np.ones((1, 3)))
    columns = np.kron(np.ones((1, 4)), np.eye(3))[:-1]  # one of the equations follows
    eye = np.eye(12)
    wanted = solvers.InteriorPointQP().run(
        None, (eye, -SIM.ravel()),
        (np.concatenate([rows, columns]), np.concatenate([A, B[:-1]])), (-eye, np.zeros(12)),
    ).params.primal  # fmt: skip
    for semi in (True, False):
        p = projection.projection_transport(SIM, (A, B), use_semi_dual=semi)
        np.testing.assert_allclose(np.ravel(p), wanted, atol=1e-7)


@pytest.mark.parametrize("name", ["projection_transport", "kl_projection_transport"])
def test_derivatives_of_transport(name: str) -> None:
    f = getattr(projection, name)
    check_grads(lambda s: f(s, (A, B)), (SIM,), order=1, atol=1e-5, rtol=1e-5)


def test_birkhoff_sums_are_one() -> None:
    for f in (projection.projection_birkhoff, projection.kl_projection_birkhoff):
        p = np.asarray(f(SIM[:3]))
        np.testing.assert_allclose(p.sum(0), 1.0, atol=1e-8)
        np.testing.assert_allclose(p.sum(1), 1.0, atol=1e-8)
        assert p.min() >= 0
    with pytest.raises(ValueError, match="square"):
        projection.projection_birkhoff(SIM)


def one_hot_max(x):
    return bnp.equal(bnp.arange(x.shape[0]), bnp.argmax(x)) * 1.0


def test_gumbel_argmax_is_a_softmax() -> None:
    x, key, n = np.array([0.3, -0.5, 0.8]), bibun.random.key(1), 40000
    soft = perturbations.make_perturbed_argmax(one_hot_max, n, 1.0)
    p = np.exp(x) / np.exp(x).sum()
    np.testing.assert_allclose(soft(x, key), p, atol=5 / np.sqrt(n))
    wanted = np.diag(p) - np.outer(p, p)
    for jac in (bibun.jacfwd, bibun.jacrev):
        np.testing.assert_allclose(jac(soft)(x, key), wanted, atol=12 / np.sqrt(n))
    quiet = perturbations.make_perturbed_argmax(one_hot_max, n, 1.0, control_variate=True)
    np.testing.assert_allclose(bibun.jacfwd(quiet)(x, key), wanted, atol=12 / np.sqrt(n))
    top = perturbations.make_perturbed_max(one_hot_max, n, 1.0)
    np.testing.assert_allclose(bibun.grad(top)(x, key), p, atol=5 / np.sqrt(n))
    np.testing.assert_allclose(
        top(x, key), np.log(np.exp(x).sum()) + np.euler_gamma, atol=8 / np.sqrt(n)
    )


def test_perturbed_functions_have_second_derivatives() -> None:
    # E (x + σZ)² = x² + σ²: slope 2x, curvature 2
    f = perturbations.make_perturbed_fun(lambda x: x * x, 100000, 0.5, perturbations.Normal())
    key = bibun.random.key(0)
    assert float(f(1.0, key)) == pytest.approx(1.25, abs=0.02)
    assert float(bibun.grad(f)(1.0, key)) == pytest.approx(2.0, abs=0.08)
    assert float(bibun.grad(bibun.grad(f))(1.0, key)) == pytest.approx(2.0, abs=0.3)


def test_refinement_reaches_the_solution_of_the_true_matrix() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 4)) + 4 * np.eye(4), rng.normal(size=4)
    rough = solvers.IterativeRefinement(
        matvec_A=lambda a, x: a @ x, solve=solvers.solve_lu, maxiter=60
    )
    x, state = rough.run(None, a, b, a + 0.2 * np.eye(4))
    assert bool(state.converged) and int(state.iter_num) > 3
    np.testing.assert_allclose(x, np.linalg.solve(a, b), atol=1e-9)
    check_grads(lambda a, b: rough.run(None, a, b).params, (a, b), order=1)


def box_program():
    rng = np.random.default_rng(0)
    half = rng.normal(size=(5, 5))
    q, c, a, x = half @ half.T + 0.1 * np.eye(5), rng.normal(size=5), rng.normal(size=(4, 5)), rng
    inside = a @ x.normal(size=5)
    low, high = inside - rng.uniform(0, 1, 4), inside + rng.uniform(0, 1, 4)
    low[0], high[1] = high[0], np.inf
    return q, c, a, low, high


def by_interior_point(q, c, a, low, high):
    g, h = bnp.concatenate([a[2:], -a[1:]]), bnp.concatenate([high[2:], -low[1:]])
    return solvers.InteriorPointQP().run(None, (q, c), (a[:1], low[:1]), (g, h)).params.primal


def test_box_osqp_with_equalities_and_free_sides() -> None:
    q, c, a, low, high = box_program()
    solver = solvers.BoxOSQP(tol=1e-9)

    def primal(c, low):
        return solver.run(None, (q, c), a, (low, high)).params.primal[0]

    (x, z), y, (above, below) = solver.run(None, (q, c), a, (low, high)).params
    np.testing.assert_allclose(x, by_interior_point(q, c, a, low, high), atol=1e-7)
    np.testing.assert_allclose(z, a @ np.asarray(x), atol=1e-7)
    np.testing.assert_allclose(np.asarray(above) - np.asarray(below), y, atol=1e-12)
    for jac in (bibun.jacfwd, bibun.jacrev):
        got = jac(primal)(c, low)
        wanted = bibun.jacrev(lambda c: by_interior_point(q, c, a, low, high))(c)
        np.testing.assert_allclose(got, wanted, atol=1e-6)


@pytest.mark.parametrize("rows, bounds, cost", [
    ([[1.0], [1.0]], ([1.0, -5.0], [5.0, 0.0]), 0.0), ([[1.0]], ([-np.inf], [0.0]), 1.0),
])  # fmt: skip
def test_programs_without_solutions_are_named(rows, bounds, cost) -> None:
    q = np.full((1, 1), 0.0 if cost else 1.0)
    a, (low, high) = np.array(rows), map(np.array, bounds)
    state = solvers.BoxOSQP().run(None, (q, np.array([cost])), a, (low, high)).state
    assert not bool(state.converged) and "contradict" in state.reason
    assert int(state.iter_num) < 500


def test_programs_of_pytrees_and_products() -> None:
    solver = solvers.OSQP(
        matvec_Q=lambda q, x: {"a": q * x["a"], "b": 3.0 * x["b"]},
        matvec_A=lambda a, x: a * bnp.sum(x["a"]), matvec_G=lambda g, x: {"k": g * x["b"]},
    )  # fmt: skip
    solution, state = solver.run(
        None, (2.0, {"a": bnp.ones(2), "b": bnp.ones(())}), (1.0, bnp.array(0.5)),
        (1.0, {"k": bnp.array(-1.0)}),
    )  # fmt: skip
    assert bool(state.converged)
    np.testing.assert_allclose(solution.primal["a"], 0.25, atol=1e-8)
    np.testing.assert_allclose(solution.primal["b"], -1.0, atol=1e-8)
    np.testing.assert_allclose(solution.dual_ineq["k"], 2.0, atol=1e-8)
    by_fun = solvers.EqualityConstrainedQP(fun=lambda x, t: bnp.sum((x - t) ** 2))
    x = by_fun.run(bnp.zeros(2), np.array([1.0, 2.0]), (np.ones((1, 2)), np.ones(1))).params.primal
    np.testing.assert_allclose(x, [0.0, 1.0], atol=1e-10)


def test_box_coordinate_descent() -> None:
    q, c, *_ = box_program()
    solver = solvers.BoxCDQP(tol=1e-10)
    x, state = solver.run(bnp.zeros(5), (q, c), (-0.3, 0.3))
    assert bool(state.converged)
    wanted = solvers.InteriorPointQP().run(
        None, (q, c), None, (np.concatenate([np.eye(5), -np.eye(5)]), np.full(10, 0.3))
    )
    np.testing.assert_allclose(x, wanted.params.primal, atol=1e-7)
    check_grads(lambda c: solver.run(bnp.zeros(5), (q, c), (-0.3, 0.3)).params, (c,), order=1)


def test_dual_of_the_multiclass_svm_has_no_gap() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 4)), np.eye(3)[rng.integers(0, 3, 12)]
    solver = solvers.BlockCoordinateDescent(
        solvers.objective.multiclass_linear_svm_dual,
        lambda row, hyper, scaling: projection.projection_simplex(row), tol=1e-8, maxiter=2000,
    )  # fmt: skip
    beta, state = solver.run(np.full((12, 3), 1 / 3), None, l2reg=2.0, data=(x, y))
    weights = x.T @ (y - np.asarray(beta)) / 2.0
    scores = x @ weights
    primal = np.sum((scores + 1 - y).max(1) - (scores * y).sum(1)) + np.sum(weights**2)
    assert primal == pytest.approx(-float(state.value), rel=1e-6)


def test_anderson_makes_gradient_descent_fast() -> None:
    scales = np.array([1.0, 30.0, 5.0])

    def fun(x, t):
        return bnp.sum(scales * (x - t) ** 2)

    plain = solvers.GradientDescent(fun, stepsize=0.01, acceleration=False, maxiter=5000)
    fast = solvers.AndersonWrapper(plain, maxiter=500)
    slow_state, (x, state) = plain.run(bnp.zeros(3), 2.0).state, fast.run(bnp.zeros(3), 2.0)
    assert bool(state.converged) and int(state.iter_num) * 5 < int(slow_state.iter_num)
    np.testing.assert_allclose(x, 2.0, atol=1e-6)
    slope = bibun.grad(lambda t: bnp.sum(fast.run(bnp.zeros(3), t).params))(2.0)
    np.testing.assert_allclose(slope, 3.0, atol=1e-6)


def test_kkt_conditions_are_differentiated() -> None:
    kkt = solvers.implicit_diff.make_kkt_optimality_fun(
        lambda x, t: bnp.sum((x - t) ** 2), lambda x, total: bnp.sum(x) - total, lambda x, _: -x
    )

    @solvers.custom_root(kkt)
    def simplex(init, t, total, _):
        eye = bnp.eye(3)
        found = solvers.InteriorPointQP().run(
            None, (2.0 * eye, -2.0 * bibun.stop_gradient(t)),
            (bnp.ones((1, 3)), bnp.ones(1)), (-eye, bnp.zeros(3)),
        ).params  # fmt: skip
        return found._replace(dual_eq=found.dual_eq[0])

    t = np.array([0.2, 0.4, -1.0])
    got = bibun.jacrev(lambda t: simplex(None, t, 1.0, None).primal)(t)
    np.testing.assert_allclose(
        got, bibun.jacrev(projection.projection_simplex)(t), atol=1e-6
    )


def test_bounded_least_squares_of_scipy() -> None:
    solver = solvers.ScipyBoundedLeastSquares(lambda x, t: x - t)
    bounds = (np.zeros(2), np.ones(2))
    np.testing.assert_allclose(
        solver.run(bnp.full(2, 0.5), bounds, np.array([3.0, 0.2])).params, [1.0, 0.2], atol=1e-6
    )
    slope = bibun.jacrev(lambda t: solver.run(bnp.full(2, 0.5), bounds, t).params)
    np.testing.assert_allclose(slope(np.array([3.0, 0.2])), np.diag([0.0, 1.0]), atol=1e-9)


def test_names_for_functions_are_those_of_jaxopt() -> None:
    assert float(solvers.Brent(optimality_fun=lambda x: x - 0.3, lower=0.0, upper=1.0).run()
                 .params) == pytest.approx(0.3)  # fmt: skip
    root = solvers.ScipyRootFinding(optimality_fun=lambda x: x - 0.3, use_jacrev=False)
    x, state = root.run(0.0)
    assert bool(state.success) and float(x) == pytest.approx(0.3)
    assert float(root.l2_optimality_error(x)) < 1e-9
    seen: list = []
    solvers.ScipyMinimize(lambda p: (p["a"] - 1.0) ** 2, callback=seen.append).run({"a": 0.0})
    assert float(seen[-1]["a"]) == pytest.approx(1.0)
