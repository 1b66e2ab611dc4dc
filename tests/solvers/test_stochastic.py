"""PolyakSGD, ArmijoSGD, OptaxSolver and BlockCoordinateDescent; losses and objectives."""

import itertools

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import optim, solvers
from bibun.solvers import loss, objective, tree_util

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
W = np.array([1.0, -2.0, 0.0, 0.5, 3.0])


def batch_loss(w, data):
    a, b = data
    return 0.5 * bnp.mean((a @ w - b) ** 2)


@pytest.mark.parametrize("make", [
    lambda f: solvers.PolyakSGD(f, max_stepsize=2.0, tol=1e-8),
    lambda f: solvers.PolyakSGD(f, variant="SPS+", momentum=0.1, tol=1e-8),
    lambda f: solvers.ArmijoSGD(f, tol=1e-8),
    lambda f: solvers.ArmijoSGD(f, reset_option="goldstein", momentum=0.1, tol=1e-8),
    lambda f: solvers.ArmijoSGD(f, reset_option="conservative", tol=1e-8),
    lambda f: solvers.OptaxSolver(f, optim.adam(0.1), tol=1e-8),
])  # fmt: skip
def test_batches_that_a_model_fits(make):
    rows = np.array_split(RNG.permutation(40), 4)
    batches = itertools.cycle([(X[r], X[r] @ W) for r in rows])
    params, state = make(batch_loss).run_iterator(bnp.zeros(5), batches)
    np.testing.assert_allclose(params, W, atol=2e-4)
    assert int(state.iter_num) <= 500
    whole, state = make(batch_loss).run(bnp.zeros(5), data=(X, X @ W))
    np.testing.assert_allclose(whole, W, atol=1e-4)


def test_one_polyak_step_by_hand_and_derivatives_through_steps():
    sgd = solvers.PolyakSGD(lambda x, a: a * x**2, max_stepsize=10.0, momentum=0.5, maxiter=2)
    state = sgd.init_state(3.0, 2.0)
    x, state = sgd.update(3.0, state, 2.0)  # step 18 / 144, so 3 - 12 / 8
    assert float(x) == 1.5 and float(state.stepsize) == 0.125
    x, state = sgd.update(x, state, 2.0)  # velocity -0.75 - 0.75
    assert float(x) == 0.0
    f = lambda a: solvers.PolyakSGD(lambda x: a * x**2, max_stepsize=0.1, maxiter=3).run(  # noqa: E731
        1.0).params  # fmt: skip
    h = 1e-6
    want = (f(0.7 + h) - f(0.7 - h)) / (2 * h)
    assert bibun.grad(f)(0.7) == pytest.approx(float(want), rel=1e-6)
    assert bibun.jvp(f, (0.7,), (1.0,))[1] == pytest.approx(float(want), rel=1e-6)


def test_pre_update_aux_verbose_and_settings(capfd):
    halve = lambda params, state, *args: (params * 0.5, state)  # noqa: E731
    fun = lambda x: (x**2, x + 1)  # noqa: E731
    sgd = solvers.ArmijoSGD(fun, has_aux=True, pre_update=halve, maxiter=1, verbose=True)
    params, state = sgd.run(2.0)
    assert float(state.aux) == 2.0
    assert "ArmijoSGD: iteration 1" in capfd.readouterr().out
    with pytest.raises(ValueError, match="unroll"):
        solvers.LBFGS(lambda x: x**2, unroll=True)
    with pytest.raises(ValueError, match="SPS_max"):
        solvers.PolyakSGD(lambda x: x, variant="max")
    with pytest.raises(ValueError, match="reset_option"):
        solvers.ArmijoSGD(lambda x: x, reset_option="none")
    with pytest.raises(TypeError, match="init and update"):
        solvers.OptaxSolver(lambda x: x, 0.1)
    with pytest.raises(ValueError, match="no batch"):
        sgd.run_iterator(1.0, [])


@pytest.mark.parametrize("kind", ["lasso", "logistic", "matrix"])
def test_block_coordinate_descent_agrees_with_proximal_gradient(kind):
    if kind == "matrix":
        y, start, fun = X @ RNG.normal(size=(5, 3)), bnp.zeros((5, 3)), objective.least_squares
        prox = solvers.prox.prox_ridge
    else:
        fun = objective.least_squares if kind == "lasso" else objective.binary_logreg
        noisy = X @ W + RNG.normal(size=40)
        y, start = (noisy if kind == "lasso" else (noisy > 0).astype(int)), bnp.zeros(5)
        prox = solvers.prox.prox_lasso
    blocks = solvers.BlockCoordinateDescent(fun, prox, tol=1e-12, maxiter=3000)
    whole = solvers.ProximalGradient(fun, prox, tol=1e-11, maxiter=20000)
    got, state = blocks.run(start, 0.05, (X, y))
    want = whole.run(start, 0.05, (X, y)).params
    assert bool(state.converged)
    np.testing.assert_allclose(got, want, atol=1e-8)
    size = lambda s: lambda reg: bnp.sum(s.run(start, reg, (X, y)).params ** 2)  # noqa: E731
    a, b = (bibun.grad(size(s))(0.05) for s in (blocks, whole))
    np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_allclose(bibun.jvp(size(blocks), (0.05,), (1.0,))[1], a, rtol=1e-8)


def test_losses():
    s = np.array([0.3, -0.2, 1.1])
    assert float(loss.multiclass_logistic_loss(1, s)) == pytest.approx(
        np.log(np.exp(s).sum()) + 0.2)  # fmt: skip
    assert float(loss.multiclass_hinge_loss(1, s)) == pytest.approx(1.1 + 1 + 0.2)
    assert float(loss.multiclass_perceptron_loss(2, s)) == 0
    assert float(loss.binary_hinge_loss(0, 0.3)) == pytest.approx(1.3)
    assert float(loss.binary_logistic_loss(1, -800.0)) == 800
    assert float(loss.huber_loss(1.0, 1.5)) == pytest.approx(0.125)
    # the gradient of a Fenchel-Young loss is the prediction less the label
    p = solvers.projection.projection_simplex(s)
    g = bibun.grad(lambda v: loss.multiclass_sparsemax_loss(1, v))(s)
    np.testing.assert_allclose(g, np.asarray(p) - [0, 1, 0], atol=1e-12)
    for x in (-2.0, -0.5, 0.7, 3.0):
        slope = bibun.grad(loss.sparse_plus)(x)
        assert float(slope) == pytest.approx(float(loss.sparse_sigmoid(x)))


def test_objectives_and_trees():
    y = X @ W + 1
    assert float(objective.ridge_regression(W, 2.0, (X, y))) == pytest.approx(0.5 + W @ W)
    labels = RNG.integers(0, 3, 40)
    m, b = RNG.normal(size=(5, 3)), RNG.normal(size=3)
    z = X @ m + b
    want = np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(40), labels]) + 0.05 * (m * m).sum()
    got = objective.l2_multiclass_logreg_with_intercept((m, b), 0.1, (X, labels))
    assert float(got) == pytest.approx(want)
    t = {"a": bnp.array([3.0, 0.0]), "b": bnp.array(-4.0)}
    assert float(tree_util.tree_l2_norm(t)) == 5 and float(tree_util.tree_inf_norm(t)) == 4
    assert float(tree_util.tree_vdot(t, tree_util.tree_add_scalar_mul(t, 1.0, t))) == 50
    assert float(tree_util.tree_where(False, t, tree_util.tree_negative(t))["b"]) == 4
