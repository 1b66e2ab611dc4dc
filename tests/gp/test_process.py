"""Processes against equations 8.26-8.48 of document 1 in NumPy, SciPy's normal, differences."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

import bibun
import bibun.numpy as bnp
from bibun import random, tree
from bibun.errors import NotPositiveDefiniteError, ShapeError
from bibun.gp import GaussianProcess, kernels, means, noise, solvers

RNG = np.random.default_rng(1)
N, M = 15, 7
t = np.sort(RNG.uniform(0, 6, N))
ts = np.linspace(-1, 8, M)
d = np.sin(t) + RNG.normal(0, 0.3, N)
a, tau, sigma = 1.3, 0.8, 0.4


def k(x, y):
    """a k_RBF of equation 8.3."""
    return a * np.exp(-((x[:, None] - y) ** 2) / 2 / tau**2)


K, Kx, Kss = k(t, t), k(t, ts), k(ts, ts)
Ks = K + sigma**2 * np.eye(N)
GP = GaussianProcess(a * kernels.RBF(tau), t, diag=sigma**2)


def f(t):
    """A mean as in equation 8.45."""
    return 0.7 * np.exp(-((t - 3) ** 2) / 8) * np.sin(2 * np.pi * t / 1.7)


def bf(t):
    return 0.7 * bnp.exp(-((t - 3) ** 2) / 8) * bnp.sin(2 * np.pi * t / 1.7)


def test_marginal_likelihood():
    """Equation 8.26, against SciPy."""
    expected = scipy.stats.multivariate_normal(np.zeros(N), Ks).logpdf(d)
    np.testing.assert_allclose(GP.log_probability(d), expected, rtol=1e-12)
    two = np.stack([d, 2 * d, d - 1])
    expected = scipy.stats.multivariate_normal(np.zeros(N), Ks).logpdf(two)
    np.testing.assert_allclose(GP.log_probability(two), expected, rtol=1e-12)
    np.testing.assert_allclose(
        bibun.vmap(GP.log_probability)(two), expected, rtol=1e-12
    )


def test_posterior_at_the_data():
    """Equations 8.31 and 8.32, in their own form."""
    mu = K @ np.linalg.solve(sigma**2 * np.eye(N) + K, d)
    cov = K @ np.linalg.inv(np.eye(N) + K / sigma**2)
    mean, got = GP.predict(d, return_cov=True)
    np.testing.assert_allclose(mean, mu, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(got, cov, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        GP.predict(d, return_var=True)[1], np.diag(cov), rtol=1e-9, atol=1e-12
    )


def test_posterior_elsewhere():
    """Equation 8.38; with observation noise, equations 8.41 and 8.42."""
    mu = Kx.T @ np.linalg.solve(Ks, d)
    cov = Kss - Kx.T @ np.linalg.solve(Ks, Kx)
    for extra, kwargs in (
        (0.0, {}),
        (sigma**2, {"include_noise": True}),
        (0.2, {"diag": 0.2}),
        (np.linspace(0.1, 0.2, M), {"diag": np.linspace(0.1, 0.2, M)}),
    ):
        mean, got = GP.predict(d, ts, return_cov=True, **kwargs)
        expected = cov + np.diag(np.broadcast_to(extra, M))
        np.testing.assert_allclose(mean, mu, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-11)
        _, variance = GP.predict(d, ts, return_var=True, **kwargs)
        np.testing.assert_allclose(variance, np.diag(expected), rtol=1e-10, atol=1e-11)


def test_with_a_mean():
    """Equations 8.44, 8.46 and 8.47; 8.48 is a draw."""
    gp = GaussianProcess(a * kernels.RBF(tau), t, diag=sigma**2, mean=bf)
    expected = scipy.stats.multivariate_normal(f(t), Ks).logpdf(d)
    np.testing.assert_allclose(gp.log_probability(d), expected, rtol=1e-12)
    mu = f(ts) + Kx.T @ np.linalg.solve(Ks, d - f(t))
    cov = Kss - Kx.T @ np.linalg.solve(Ks, Kx)
    mean, got = gp.predict(d, ts, return_cov=True)
    np.testing.assert_allclose(mean, mu, rtol=1e-10)
    np.testing.assert_allclose(got, cov, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(
        gp.predict(d, ts, include_mean=False), mu - f(ts), rtol=1e-9, atol=1e-12
    )
    draws = gp.condition(d, ts, include_noise=True).gp.sample(random.key(0), (20000,))
    total = cov + sigma**2 * np.eye(M)
    np.testing.assert_allclose(draws.mean(0), mu, atol=5 * np.sqrt(total.max() / 20000))
    np.testing.assert_allclose(np.cov(draws.T), total, atol=0.06)


def test_condition_gives_a_process():
    result = GP.condition(d, ts, diag=0.1)
    np.testing.assert_allclose(result.log_probability, GP.log_probability(d), rtol=1e-12)
    given = result.gp
    cov = Kss - Kx.T @ np.linalg.solve(Ks, Kx) + 0.1 * np.eye(M)
    mu = Kx.T @ np.linalg.solve(Ks, d)
    y = RNG.normal(size=M)
    expected = scipy.stats.multivariate_normal(mu, cov).logpdf(y)
    np.testing.assert_allclose(given.log_probability(y), expected, rtol=1e-10)
    # given further data, it is what all data at once give
    again = given.condition(y, np.array([0.5, 1.5]))
    both = GaussianProcess(
        a * kernels.RBF(tau),
        np.concatenate([t, ts]),
        diag=np.concatenate([np.full(N, sigma**2), np.full(M, 0.1)]),
    )
    mean, want = both.predict(np.concatenate([d, y]), np.array([0.5, 1.5]), return_cov=True)
    np.testing.assert_allclose(again.gp.loc, mean, rtol=1e-9)
    np.testing.assert_allclose(again.gp.covariance, want, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(
        result.log_probability + again.log_probability,
        both.log_probability(np.concatenate([d, y])),
        rtol=1e-10,
    )
    # its kernel and mean make an ordinary process, too
    same = GaussianProcess(given.kernel, ts, diag=0.1, mean=given.mean_function)
    np.testing.assert_allclose(same.log_probability(y), expected, rtol=1e-10)


def test_components_add_up():
    slow, fast = 2.0 * kernels.RBF(3.0), 0.5 * kernels.Matern32(0.4)
    gp = GaussianProcess(slow + fast, t, diag=0.1, mean=0.3)
    parts = [gp.predict(d, ts, kernel=p, include_mean=False) for p in (slow, fast)]
    np.testing.assert_allclose(0.3 + parts[0] + parts[1], gp.predict(d, ts), rtol=1e-10)
    S, X = np.asarray(slow(t, t)), np.asarray(slow(t, ts))
    total = S + np.asarray(fast(t, t)) + 0.1 * np.eye(N)
    cov = np.asarray(slow(ts, ts)) - X.T @ np.linalg.solve(total, X)
    _, got = gp.predict(d, ts, kernel=slow, return_cov=True)
    np.testing.assert_allclose(got, cov, rtol=1e-9, atol=1e-11)


def test_noise_models():
    dense = 0.1 * np.eye(N) + 0.05 * np.exp(-np.abs(t[:, None] - t))
    for model, matrix in (
        (noise.Homoscedastic(0.2), 0.2 * np.eye(N)),
        (noise.Diagonal(0.1 + t / 10), np.diag(0.1 + t / 10)),
        (noise.Dense(dense), dense),
    ):
        gp = GaussianProcess(a * kernels.RBF(tau), t, noise=model)
        normal = scipy.stats.multivariate_normal(np.zeros(N), K + matrix)
        np.testing.assert_allclose(gp.log_probability(d), normal.logpdf(d), rtol=1e-11)
        np.testing.assert_allclose(gp.covariance, K + matrix, rtol=1e-13)
        np.testing.assert_allclose(gp.variance, np.diag(K + matrix), rtol=1e-13)
        _, v = gp.predict(d, return_var=True, include_noise=True)
        _, w = gp.predict(d, return_var=True)
        np.testing.assert_allclose(v - w, np.diag(matrix), rtol=1e-9)


def test_means():
    X = RNG.normal(size=(N, 2))
    for mean, expected in (
        (None, np.zeros(N)),
        (1.5, np.full(N, 1.5)),
        (means.Linear([1.0, 2.0], 0.5), X @ [1, 2] + 0.5),
        (means.Linear([1.0, 2.0]) + 3.0, X @ [1, 2] + 3),
        (lambda x: x[0] * x[1], X[:, 0] * X[:, 1]),
        (means.Function(lambda x, p: p["k"] * x[0], {"k": 2.0}), 2 * X[:, 0]),
    ):
        gp = GaussianProcess(kernels.RBF(), X, diag=0.1, mean=mean)
        np.testing.assert_allclose(gp.loc, expected, rtol=1e-13)


def test_draws_have_the_covariance():
    draws = np.asarray(GP.sample(random.key(1), (200, 100)))
    assert draws.shape == (200, 100, N)
    np.testing.assert_allclose(np.cov(draws.reshape(-1, N).T), Ks, atol=0.08)
    # a singular posterior gives draws, not nan
    fine = np.linspace(0, 6, 200)
    draws = GP.condition(d, fine).gp.sample(random.key(2), (500,))
    assert np.isfinite(np.asarray(draws)).all()
    _, v = GP.predict(d, fine, return_var=True)
    np.testing.assert_allclose(np.asarray(draws).var(0), v, rtol=0.5)


def log_density(p):
    gp = GaussianProcess(
        p["a"] * kernels.RBF(p["tau"]), t, diag=p["sigma"] ** 2, mean=means.Constant(p["m"])
    )
    return gp.log_probability(d)


PARAMS = {"a": 1.3, "tau": 0.8, "sigma": 0.4, "m": 0.1}


def differences(fun, params, h=1e-5):
    out = {}
    for n in params:
        up, down = ({**params, n: params[n] + e} for e in (h, -h))
        out[n] = (fun(up) - fun(down)) / (2 * h)
    return out


@pytest.mark.parametrize("transform", [lambda f: f, bibun.jit], ids=["eager", "jit"])
def test_gradient(transform):
    g = transform(bibun.grad(log_density))(PARAMS)
    for n, expected in differences(log_density, PARAMS).items():
        np.testing.assert_allclose(g[n], expected, rtol=1e-6, err_msg=n)
    forward = transform(bibun.jacfwd(log_density))(PARAMS)
    for n in g:
        np.testing.assert_allclose(g[n], forward[n], rtol=1e-9)


def test_hessian_and_vmap():
    h = bibun.jit(bibun.hessian(log_density))(PARAMS)
    g = bibun.jit(bibun.grad(log_density))
    slopes = differences(lambda p: np.array([float(g(p)[m]) for m in PARAMS]), PARAMS)
    for n, column in slopes.items():
        for m, expected in zip(PARAMS, column, strict=True):
            np.testing.assert_allclose(h[m][n], expected, rtol=1e-5, atol=1e-6)
    taus = bnp.array([0.5, 0.8, 1.1])
    batch = bibun.jit(bibun.vmap(lambda s: log_density({**PARAMS, "tau": s})))(taus)
    one_by_one = [log_density({**PARAMS, "tau": float(s)}) for s in taus]
    np.testing.assert_allclose(batch, one_by_one, rtol=1e-11)


def test_gradient_of_points_in_several_dimensions():
    X = RNG.normal(size=(8, 2))
    y = RNG.normal(size=8)

    def fun(scale, X):
        return GaussianProcess(kernels.Matern52(scale), X, diag=0.1).log_probability(y)

    scale = np.array([0.7, 1.2])
    gs, gx = bibun.jit(bibun.grad(fun, (0, 1)))(scale, X)
    h = 1e-6
    e = np.eye(2)[1] * h
    np.testing.assert_allclose(gs[1], (fun(scale + e, X) - fun(scale - e, X)) / (2 * h), rtol=1e-6)
    step = np.zeros_like(X)
    step[3, 0] = h
    expected = (fun(scale, X + step) - fun(scale, X - step)) / (2 * h)
    np.testing.assert_allclose(gx[3, 0], expected, rtol=1e-5)


def test_processes_are_trees():
    leaves, structure = tree.flatten(GP)
    again = tree.unflatten(structure, leaves)
    np.testing.assert_array_equal(again.log_probability(d), GP.log_probability(d))
    compiled = bibun.jit(lambda gp, y: gp.log_probability(y))
    np.testing.assert_allclose(compiled(GP, d), GP.log_probability(d), rtol=1e-12)
    made = bibun.jit(lambda s: GaussianProcess(kernels.RBF(s), t, diag=0.1))(0.8)
    assert isinstance(made, GaussianProcess)
    assert np.isfinite(float(made.log_probability(d)))
    given = bibun.jit(lambda gp, y: gp.condition(y, ts).gp)(GP, d)
    np.testing.assert_allclose(given.loc, GP.predict(d, ts), rtol=1e-11)


def test_default_jitter_is_root_eps():
    gp = GaussianProcess(kernels.RBF(0.3), t)
    np.testing.assert_allclose(gp.variance - 1, np.sqrt(np.finfo(float).eps), rtol=1e-6)


def test_single_precision():
    gp = GaussianProcess(
        kernels.RBF(bnp.float32(0.8)), t.astype(np.float32), diag=bnp.float32(0.1)
    )
    assert gp.log_probability(d.astype(np.float32)).dtype == np.float32


# errors -------------------------------------------------------------------------------------------


def test_errors_of_shape():
    with pytest.raises(ShapeError, match=r"y must have shape \(15,\)"):
        GP.log_probability(d[:3])
    with pytest.raises(ShapeError, match="vmap"):
        GP.condition(np.stack([d, d]), ts)
    with pytest.raises(ShapeError, match="diag must be one variance or one a point"):
        GaussianProcess(kernels.RBF(), t, diag=np.ones(3))
    with pytest.raises(ShapeError, match="common leading axis"):
        GaussianProcess(kernels.RBF(), 1.0)
    with pytest.raises(ShapeError, match="same features"):
        GP.predict(d, np.ones((3, 2)))
    with pytest.raises(ShapeError, match=r"noise.Dense of 15 points"):
        GaussianProcess(kernels.RBF(), t, noise=noise.Dense(np.eye(3)))
    with pytest.raises(TypeError, match="kernel must be a kernel"):
        GaussianProcess(np.exp, t)
    with pytest.raises(TypeError, match="noise must be a noise model"):
        GaussianProcess(kernels.RBF(), t, noise=0.1)
    with pytest.raises(ValueError, match="not both"):
        GaussianProcess(kernels.RBF(), t, diag=0.1, noise=noise.Homoscedastic(0.1))
    with pytest.raises(ValueError, match="not both"):
        GP.predict(d, return_var=True, return_cov=True)


def test_include_noise_needs_to_know_the_noise():
    gp = GaussianProcess(kernels.RBF(), t, diag=np.full(N, 0.1))
    with pytest.raises(ValueError, match="give the test points' variances as diag"):
        gp.predict(d, ts, include_noise=True)
    with pytest.raises(ValueError, match="not both"):
        GP.predict(d, ts, include_noise=True, diag=0.1)


def test_indefinite_says_what_to_do():
    with pytest.raises(NotPositiveDefiniteError, match="jitter such as diag=1e-6"):
        GaussianProcess(kernels.RBF(), np.zeros(3), diag=0.0)
    with pytest.raises(NotPositiveDefiniteError, match="contains nan"):
        GaussianProcess(kernels.RBF(np.nan), t, diag=0.1)
    # compiled, a sampler sees nan and rejects it
    fun = bibun.jit(lambda s: GaussianProcess(kernels.RBF(), t, diag=s).log_probability(d))
    assert np.isnan(float(fun(-0.5)))
    assert np.isfinite(float(fun(0.5)))


def test_solver_by_name():
    gp = GaussianProcess(kernels.quasisep.Matern32(), t, diag=0.1, solver=solvers.DirectSolver)
    assert isinstance(gp.solver, solvers.DirectSolver)
    with pytest.raises(TypeError, match="use DirectSolver"):
        GaussianProcess(kernels.RBF(), t, solver=solvers.QuasisepSolver)
    with pytest.raises(TypeError, match="use DirectSolver"):
        GaussianProcess(kernels.RBF(), t, solver=solvers.LowRankSolver)
