"""Processes inside models of bibun.prob: densities, draws, NUTS on hyperparameters."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import prob, random
from bibun.gp import GaussianProcess, kernels
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.infer import MCMC, NUTS, Predictive
from bibun.prob.infer.util import log_density

RNG = np.random.default_rng(4)
N = 40
t = np.linspace(0, 6, N)
L = np.linalg.cholesky(1.2 * np.exp(-((t[:, None] - t) ** 2) / 2 / 0.7**2) + 1e-9 * np.eye(N))
d = L @ RNG.normal(size=N) + RNG.normal(0, 0.3, N)

KERNELS = {
    "direct": lambda a, tau: a * kernels.Matern32(tau),
    "quasisep": lambda a, tau: a * kernels.quasisep.Matern32(tau),
}


def model(t, y=None, kind="quasisep"):
    """Document 1, section 8.1."""
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    tau = prob.sample("tau", dist.Exponential(1.0))
    a = prob.sample("a", dist.Exponential(1.0))
    gp = GaussianProcess(KERNELS[kind](a, tau), t, diag=sigma**2)
    prob.sample("y", gp.distribution(), obs=y)


def by_hand(t, y):
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    tau = prob.sample("tau", dist.Exponential(1.0))
    a = prob.sample("a", dist.Exponential(1.0))
    r = np.sqrt(3) * bnp.abs(t[:, None] - t) / tau
    cov = a * (1 + r) * bnp.exp(-r) + sigma**2 * bnp.eye(N)
    prob.sample("y", dist.MultivariateNormal(bnp.zeros(N), covariance_matrix=cov), obs=y)


@pytest.mark.parametrize("kind", KERNELS)
def test_density_is_the_multivariate_normals(kind):
    p = {"sigma": 0.3, "tau": 0.8, "a": 1.1}
    got, trace = log_density(model, (t, d), {"kind": kind}, p)
    want, _ = log_density(by_hand, (t, d), {}, p)
    np.testing.assert_allclose(got, want, rtol=1e-10)
    site = trace["y"]["fn"]
    assert site.event_shape == (N,)
    assert site.batch_shape == ()


def test_distribution():
    gp = GaussianProcess(1.2 * kernels.quasisep.Matern32(0.8), t, diag=0.1, mean=0.5)
    ours = gp.distribution()
    normal = dist.MultivariateNormal(0.5 * bnp.ones(N), covariance_matrix=gp.covariance)
    values = RNG.normal(size=(2, 3, N))
    np.testing.assert_allclose(ours.log_prob(values), normal.log_prob(values), rtol=1e-10)
    np.testing.assert_allclose(ours.mean, normal.mean)
    np.testing.assert_allclose(ours.variance, normal.variance, rtol=1e-12)
    np.testing.assert_allclose(ours.entropy(), normal.entropy(), rtol=1e-11)
    assert ours.sample(random.key(0), (2, 3)).shape == (2, 3, N)
    assert gp.numpyro_dist().event_shape == (N,)
    compiled = bibun.jit(lambda dst, v: dst.log_prob(v))(ours, values)
    np.testing.assert_allclose(compiled, ours.log_prob(values), rtol=1e-11)


def test_prior_predictive():
    draws = Predictive(model, num_samples=5)(random.key(0), t)
    assert draws["y"].shape == (5, N)
    with handlers.seed(rng_seed=1):
        model(t)


@pytest.mark.parametrize("kind", KERNELS)
def test_nuts(kind):
    """Hyperparameters, then the process elsewhere, drawn for each of them (equation 8.48)."""
    mcmc = MCMC(NUTS(model), num_warmup=300, num_samples=500, progress_bar=False)
    mcmc.run(random.key(0), t, d, kind=kind)
    s = {k: np.asarray(v) for k, v in mcmc.get_samples().items()}
    # the posterior by a grid of 40^3 points: means and sds
    means, sds = GRID()
    for n in means:
        assert abs(s[n].mean() - means[n]) < 0.35 * sds[n], (n, s[n].mean(), means[n])
        assert 0.7 < s[n].std() / sds[n] < 1.4, (n, s[n].std(), sds[n])

    def draw(key, p):
        gp = GaussianProcess(KERNELS[kind](p["a"], p["tau"]), t, diag=p["sigma"] ** 2)
        return gp.condition(d, np.array([1.0, 7.0])).gp.sample(key)

    keys = random.split(random.key(1), 500)
    f = np.asarray(bibun.jit(bibun.vmap(draw))(keys, s))
    assert np.isfinite(f).all()
    assert f[:, 0].std() < 0.4 < f[:, 1].std()


_grid: list = []


def GRID():
    """Posterior means and standard deviations by quadrature over the model's density."""
    if not _grid:
        axes = {
            "sigma": np.linspace(0.15, 0.6, 24),
            "tau": np.geomspace(0.1, 12, 48),
            "a": np.geomspace(0.05, 12, 40),
        }
        S, T, A = np.meshgrid(*axes.values(), indexing="ij")

        def one(p):
            return log_density(model, (t, d), {}, dict(zip(axes, p, strict=True)))[0]

        points = np.stack([S, T, A], -1).reshape(-1, 3)
        lp = np.asarray(bibun.jit(bibun.vmap(one))(points)).reshape(S.shape)
        w = np.exp(lp - lp.max()) * T * A  # the grid of tau and a is logarithmic
        w /= w.sum()
        m = {n: float((w * x).sum()) for n, x in zip(axes, (S, T, A), strict=True)}
        v = {n: float((w * (x - m[n]) ** 2).sum()) ** 0.5
             for n, x in zip(axes, (S, T, A), strict=True)}  # fmt: skip
        _grid.append((m, v))
    return _grid[0]
