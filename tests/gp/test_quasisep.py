"""The O(n) solver against the dense one, to 1e-10."""

from __future__ import annotations

import time

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import random
from bibun.errors import NotPositiveDefiniteError, ShapeError
from bibun.gp import GaussianProcess, kernels, noise, solvers
from tests.gp.test_kernels import QUASISEP

RNG = np.random.default_rng(2)
N = 30
t = np.sort(RNG.uniform(0, 8, N))
t[10] = t[11]  # two observations at one time
y = np.sin(2 * t) + RNG.normal(0, 0.3, N)
DIAG = 0.05 + 0.1 * RNG.uniform(size=N)
# before, among, at and after the data, in no order
TEST = np.concatenate([RNG.uniform(-2, 10, 12), t[[3, 10]], [-1.0, 9.5]])


def both(kernel, **kwargs):
    fast = GaussianProcess(kernel, t, diag=DIAG, **kwargs)
    dense = GaussianProcess(kernel, t, diag=DIAG, solver=solvers.DirectSolver, **kwargs)
    assert isinstance(fast.solver, solvers.QuasisepSolver)
    return fast, dense


@pytest.mark.parametrize("name", QUASISEP)
def test_against_dense(name):
    fast, dense = both(QUASISEP[name], mean=0.2)
    close = {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(fast.log_probability(y), dense.log_probability(y), **close)
    np.testing.assert_allclose(fast.variance, dense.variance, **close)
    np.testing.assert_allclose(fast.covariance, dense.covariance, **close)
    z = RNG.normal(size=(N, 3))
    s, r = fast.solver, dense.solver
    np.testing.assert_allclose(s.solve(z), r.solve(z), **close)
    np.testing.assert_allclose(s.quadratic(z), r.quadratic(z), **close)
    np.testing.assert_allclose(s.solve_triangular(z), r.solve_triangular(z), **close)
    np.testing.assert_allclose(
        s.solve_triangular(z, transpose=True), r.solve_triangular(z, transpose=True), **close
    )
    np.testing.assert_allclose(s.dot_triangular(z[:, 0]), r.dot_triangular(z[:, 0]), **close)
    for X in (None, TEST):
        mean, variance = fast.predict(y, X, return_var=True)
        want, want_var = dense.predict(y, X, return_var=True)
        np.testing.assert_allclose(mean, want, **close)
        np.testing.assert_allclose(variance, want_var, **close)
    _, cov = fast.predict(y, TEST, return_cov=True)
    np.testing.assert_allclose(cov, dense.predict(y, TEST, return_cov=True)[1], **close)


def test_gradient_of_a_carma_process():
    def fun(p):
        kernel = kernels.quasisep.CARMA(p[:2], p[2:])
        return GaussianProcess(kernel, t, diag=DIAG).log_probability(y)

    p = np.array([1.2, 0.9, 1.0, 0.3])
    slope = bibun.jit(bibun.grad(fun))(p)
    for i in range(4):
        e = 1e-5 * np.eye(4)[i]
        np.testing.assert_allclose(slope[i], (fun(p + e) - fun(p - e)) / 2e-5, rtol=1e-6, atol=1e-7)


def test_components():
    slow, fast_part = kernels.quasisep.Matern52(3.0), kernels.quasisep.SHO(4.0, 3.0, 0.5)
    fast, dense = both(slow + fast_part)
    for part in (slow, fast_part, kernels.Matern52(3.0)):
        got = fast.predict(y, TEST, kernel=part, return_var=True)
        want = dense.predict(y, TEST, kernel=part, return_var=True)
        np.testing.assert_allclose(got[0], want[0], atol=1e-10)
        np.testing.assert_allclose(got[1], want[1], atol=1e-10)


@pytest.mark.parametrize("name", ["Matern32", "Matern52", "Celerite", "SHO", "product"])
def test_gradients(name):
    """With respect to every leaf of the kernel, the noise, the times and the data."""
    from bibun import tree

    leaves, structure = tree.flatten(QUASISEP[name])

    def density(solver):
        def fun(leaves, s, t, y):
            kernel = tree.unflatten(structure, leaves)
            return GaussianProcess(kernel, t, diag=s * DIAG, solver=solver).log_probability(y)

        return fun

    at = np.linspace(0, 8, N) + 0.1 * np.sin(np.arange(N))
    args = ([float(x) for x in leaves], 1.0, bnp.asarray(at), bnp.asarray(y))
    got = bibun.jit(bibun.grad(density(solvers.QuasisepSolver), (0, 1, 2, 3)))(*args)
    want = bibun.jit(bibun.grad(density(solvers.DirectSolver), (0, 1, 2, 3)))(*args)
    for g, w in zip(tree.leaves(got), tree.leaves(want), strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-8, atol=1e-8)
    fun, h = density(solvers.QuasisepSolver), 1e-6
    for i in range(len(leaves)):
        up, down = ([x + (j == i) * e for j, x in enumerate(args[0])] for e in (h, -h))
        slope = (fun(up, *args[1:]) - fun(down, *args[1:])) / (2 * h)
        np.testing.assert_allclose(got[0][i], slope, rtol=1e-6, atol=1e-6)


def test_vmap_and_forward_mode():
    def fun(s):
        kernel = kernels.quasisep.Matern32(s)
        return GaussianProcess(kernel, t, diag=DIAG).log_probability(y)

    scales = bnp.array([0.5, 1.0, 2.0])
    one_by_one = [float(fun(s)) for s in scales]
    np.testing.assert_allclose(bibun.jit(bibun.vmap(fun))(scales), one_by_one, rtol=1e-11)
    np.testing.assert_allclose(bibun.vmap(fun)(scales), one_by_one, rtol=1e-11)
    g = bibun.jit(bibun.grad(fun))(1.0)
    np.testing.assert_allclose(bibun.jit(bibun.jacfwd(fun))(1.0), g, rtol=1e-9)
    np.testing.assert_allclose(bibun.grad(fun)(1.0), g, rtol=1e-10)


@pytest.mark.parametrize("name", ["Exp", "Matern52", "SHO", "sum"])
def test_draws(name):
    fast, dense = both(QUASISEP[name], mean=1.0)
    draws = np.asarray(fast.sample(random.key(0), (20000,)))
    scale = np.asarray(dense.variance).max()
    np.testing.assert_allclose(np.cov(draws.T), dense.covariance, atol=0.05 * scale)
    np.testing.assert_allclose(draws.mean(0), 1.0, atol=5 * np.sqrt(scale / 20000))
    given, want = (gp.condition(y, TEST, diag=0.01).gp for gp in (fast, dense))
    draws = np.asarray(given.sample(random.key(1), (20000,)))
    np.testing.assert_allclose(np.cov(draws.T), want.covariance, atol=0.05 * scale)
    np.testing.assert_allclose(draws.mean(0), want.loc, atol=5 * np.sqrt(scale / 20000))


def test_draws_at_equal_points_agree():
    fast, _ = both(kernels.quasisep.Matern52(2.0))
    at = np.array([1.0, 4.0, 1.0, 1.0 + 1e-9])
    draws = np.asarray(fast.condition(y, at).gp.sample(random.key(0), (50,)))
    assert np.isfinite(draws).all()
    np.testing.assert_allclose(draws[:, 0], draws[:, 2], atol=1e-6)
    np.testing.assert_allclose(draws[:, 0], draws[:, 3], atol=1e-6)
    assert np.ptp(draws[:, 0]) > 0.1


def test_points_with_more_than_time():
    """A kernel of (time, band): bands see one process with amplitudes of their own."""

    class Bands(kernels.quasisep.Quasisep):
        base: kernels.quasisep.Quasisep
        amplitudes: object

        def coord_to_sortable(self, X):
            return X[0]

        def stationary_covariance(self):
            return self.base.stationary_covariance()

        def transition_matrix(self, dt):
            return self.base.transition_matrix(dt)

        def observation_model(self, X):
            return self.amplitudes[X[1]] * self.base.observation_model(X[0])

    band = RNG.integers(0, 2, N)
    amplitudes = np.array([1.0, 2.5])
    kernel = Bands(kernels.quasisep.Matern32(1.5), bnp.asarray(amplitudes))
    gp = GaussianProcess(kernel, (t, band), diag=DIAG)
    K = np.asarray(kernels.Matern32(1.5)(t, t)) * np.outer(amplitudes[band], amplitudes[band])
    K += np.diag(DIAG)
    expected = -0.5 * (y @ np.linalg.solve(K, y) + np.linalg.slogdet(2 * np.pi * K)[1])
    np.testing.assert_allclose(gp.log_probability(y), expected, rtol=1e-11)
    where = (TEST, np.arange(len(TEST)) % 2)
    Kx = np.asarray(kernels.Matern32(1.5)(t, TEST)) * np.outer(
        amplitudes[band], amplitudes[where[1]]
    )
    mean, variance = gp.predict(y, where, return_var=True)
    np.testing.assert_allclose(mean, Kx.T @ np.linalg.solve(K, y), atol=1e-10)
    want = amplitudes[where[1]] ** 2 - np.sum(Kx * np.linalg.solve(K, Kx), axis=0)
    np.testing.assert_allclose(variance, want, atol=1e-10)


def test_errors():
    k = kernels.quasisep.Matern32()
    with pytest.raises(ValueError, match=r"must be sorted, got 2 before 1 \(at 1 and 2\); sort"):
        GaussianProcess(k, np.array([0.0, 2.0, 1.0]))
    with pytest.raises(ValueError, match="must be sorted, got 2.0 before 1.0"):
        bibun.jit(lambda t: GaussianProcess(k, t, diag=1.0).log_probability(t))(
            np.array([0.0, 2.0, 1.0])
        )
    with pytest.raises(ShapeError, match="coord_to_sortable"):
        GaussianProcess(k, np.ones((3, 2)))
    with pytest.raises(NotPositiveDefiniteError, match="jitter"):
        GaussianProcess(k, np.zeros(3), diag=0.0)
    gp = GaussianProcess(k, t, noise=noise.Dense(np.eye(N)))
    assert isinstance(gp.solver, solvers.DirectSolver)
    with pytest.raises(TypeError, match="noise must be independent"):
        GaussianProcess(k, t, noise=noise.Dense(np.eye(N)), solver=solvers.QuasisepSolver)


def test_one_point():
    gp = GaussianProcess(kernels.quasisep.SHO(2.0, 3.0), np.array([1.0]), diag=0.5)
    np.testing.assert_allclose(
        gp.log_probability(np.array([0.3])), -0.5 * (0.09 / 1.5 + np.log(2 * np.pi * 1.5))
    )
    mean, variance = gp.predict(np.array([0.3]), np.array([1.0, 1e6]), return_var=True)
    np.testing.assert_allclose(mean, [0.2, 0.0], atol=1e-12)
    np.testing.assert_allclose(variance, [1 / 3, 1.0], rtol=1e-12)


def test_cost_is_linear():
    """1e5 points: density and gradient within a second, ten times what it takes here."""
    n = 100_000
    times = np.linspace(0, 1000, n)
    values = np.sin(times)

    @bibun.jit
    def both(p, times, values):
        def density(p):
            kernel = p[0] * kernels.quasisep.Matern32(p[1])
            return GaussianProcess(kernel, times, diag=p[2]).log_probability(values)

        return bibun.value_and_grad(density)(p)

    p = bnp.array([1.0, 2.0, 0.1])
    both(p, times, values)
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        value, gradient = both(p, times, values)
        taken.append(time.perf_counter() - start)
    assert np.isfinite(float(value)) and np.isfinite(np.asarray(gradient)).all()
    assert min(taken) < 1.0, taken
