"""Document 1, chapters 8 and 9: Gaussian processes, sampling without nan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
from scipy.stats import multivariate_normal as smn

import bibun.numpy as jnp
import bibun.prob as numpyro
import bibun.prob.distributions as dist
from bibun import random
from bibun.prob.diagnostics import hpdi
from bibun.prob.infer import MCMC, NUTS

N = 101


def RBF(t, tau):
    Dt = t - np.array([t]).T
    K = np.exp(-((Dt) ** 2) / 2 / (tau**2))
    return K  # noqa: RET504


def Matern32(t, tau):
    Dt = t - np.array([t]).T
    fac = np.sqrt(3.0) * np.abs(Dt) / tau
    K = (1.0 + fac) * np.exp(-fac)
    return K  # noqa: RET504


def RBFx(t, td, tau):
    Dt = t - np.array([td]).T
    return np.exp(-((Dt) ** 2) / 2 / (tau**2))


@pytest.fixture(scope="module")
def data() -> Any:
    np.random.seed(seed=1)
    t = np.linspace(0, 10, N)
    tau = 0.4
    a = 1.0
    ave = jnp.zeros(N)
    cov = a * RBF(t, tau)
    di = smn(mean=ave, cov=cov, allow_singular=True).rvs(1).T
    sigma = 0.6
    d = di + np.random.normal(0.0, sigma, len(di))
    return t, d


@pytest.fixture(scope="module")
def posterior(data: Any) -> Any:
    t, d = data

    def modelcov(t, tau, a, sigma):
        Dt = t - jnp.array([t]).T
        K = a * jnp.exp(-((Dt) ** 2) / 2 / (tau**2)) + jnp.eye(N) * sigma**2
        return K  # noqa: RET504

    def model(t, y):
        sigma = numpyro.sample("sigma", dist.Exponential(1.0))
        tau = numpyro.sample("tau", dist.Exponential(1.0))
        a = numpyro.sample("a", dist.Exponential(1.0))
        cov = modelcov(t, tau, a, sigma)
        numpyro.sample(
            "y", dist.MultivariateNormal(loc=jnp.zeros(N), covariance_matrix=cov), obs=y
        )

    rng_key = random.PRNGKey(0)
    rng_key, rng_key_ = random.split(rng_key)
    num_warmup, num_samples = 200, 400  # the document: 1000, 2000
    kernel = NUTS(model)
    mcmc = MCMC(kernel, num_warmup, num_samples, progress_bar=False)
    mcmc.run(rng_key_, t=t, y=d)
    return mcmc


def log_posterior(t: np.ndarray, d: np.ndarray, tau: float, a: float, sigma: float) -> float:
    K = a * RBF(t, tau) + sigma**2 * np.eye(N)
    L = np.linalg.cholesky(K)
    z = scipy.linalg.solve_triangular(L, d, lower=True)
    return -0.5 * z @ z - np.log(np.diag(L)).sum() - tau - a - sigma


def test_8_1_hyperparameters(data: Any, posterior: Any) -> None:
    """Figure 8.2: the posterior against importance sampling from a lognormal around it."""
    t, d = data
    draws = posterior.get_samples()
    names = ("tau", "a", "sigma")
    logs = np.log(np.stack([np.asarray(draws[n]) for n in names], axis=1))
    mean, cov = logs.mean(0), np.cov(logs.T) * 1.5
    rng = np.random.default_rng(0)
    proposal = rng.multivariate_normal(mean, cov, size=1500)
    logw = np.array(
        [log_posterior(t, d, *np.exp(p)) + p.sum() - smn(mean, cov).logpdf(p) for p in proposal]
    )
    w = np.exp(logw - logw.max())
    w /= w.sum()
    assert 1 / (w**2).sum() > 200  # effective number
    for k, _ in enumerate(names):
        want = (w * proposal[:, k]).sum()
        std = np.sqrt((w * (proposal[:, k] - want) ** 2).sum())
        assert logs[:, k].mean() == pytest.approx(want, abs=0.35 * std)
        assert logs[:, k].std() == pytest.approx(std, rel=0.3)
    for name, true in (("tau", 0.4), ("sigma", 0.6)):
        low, high = np.quantile(draws[name], [0.005, 0.995])
        assert low < true < high


def test_8_1_resampled_gaussian_process(data: Any, posterior: Any) -> None:
    t, d = data
    posterior_sigma = posterior.get_samples()["sigma"]
    posterior_tau = posterior.get_samples()["tau"]
    posterior_a = posterior.get_samples()["a"]

    def muGP(tau, a, sigma):
        cov = a * RBF(t, tau)
        IKw = sigma**2 * np.eye(N) + cov

        A = scipy.linalg.solve(IKw, d, assume_a="pos")
        return cov @ A

    def covGP(tau, a, sigma):
        cov = a * RBF(t, tau)
        IKw = np.eye(N) + cov / sigma**2
        IKw = scipy.linalg.inv(IKw)
        return cov @ IKw

    Ns = 5  # the document: len(posterior_sigma); SciPy takes an eigendecomposition for each
    np.random.seed(seed=1)
    marr = []
    for i in range(Ns):
        sigmas = float(posterior_sigma[i])
        taus = float(posterior_tau[i])
        a_s = float(posterior_a[i])
        ave = muGP(taus, a_s, sigmas)
        cov = covGP(taus, a_s, sigmas)
        mk = smn(mean=ave, cov=cov, allow_singular=True).rvs(1).T
        marr.append(mk)
    marr = np.array(marr)

    mean_muy = np.mean(marr, axis=0)
    hpdi_muy = hpdi(marr, 0.9)
    # figure 8.4: the model follows the data, inside its interval, nearer than the noise
    assert np.sqrt(np.mean((mean_muy - d) ** 2)) < 0.75
    assert np.corrcoef(mean_muy, d)[0, 1] > 0.7
    low, high = np.asarray(hpdi_muy)
    assert np.mean((low <= mean_muy) & (mean_muy <= high)) > 0.99


def test_8_1_prediction_at_other_times(data: Any, posterior: Any) -> None:
    t, d = data

    def mucovGPx(t, td, tau, a, sigma):
        cov = a * RBF(t, tau) + sigma**2 * np.eye(N)
        covx = a * RBFx(t, td, tau)
        covxx = a * RBF(td, tau)
        IKw = cov
        A = scipy.linalg.solve(IKw, d, assume_a="pos")
        IKw = scipy.linalg.inv(IKw)
        return covx @ A, covxx - covx @ IKw @ covx.T

    draws = posterior.get_samples()
    args = [float(draws[k][0]) for k in ("tau", "a", "sigma")]
    td = np.linspace(0, 10, 31)
    mean, cov = mucovGPx(t, td, *args)
    # bibun's own conditional distribution says the same (Appendix, equation 8.38)
    tau, a, sigma = args
    K = a * jnp.exp(-((t[:, None] - t) ** 2) / 2 / tau**2) + sigma**2 * jnp.eye(N)
    Kx = a * jnp.exp(-((td[:, None] - t) ** 2) / 2 / tau**2)
    assert np.allclose(Kx @ jnp.linalg.solve(K, d), mean, rtol=1e-8, atol=1e-10)
    same = a * RBF(td, tau) - np.asarray(Kx @ jnp.linalg.solve(K, Kx.T))
    assert np.allclose(cov, same, atol=1e-9)


def test_8_2_trend_and_signal() -> None:
    """A model f(t) inside Gaussian noise: its parameters come back."""
    rng = np.random.RandomState(4)
    n = 60
    t = np.linspace(0, 10, n)
    wave = lambda P, m: m.sin(2 * np.pi * t / P)
    signal = lambda k, T0, s, P, m: k * m.exp(-((t - T0) ** 2) / 2 / s**2) * wave(P, m)
    truth = signal(2.0, 5.0, 1.5, 1.0, np)
    noise = rng.multivariate_normal(np.zeros(n), RBF(t, 3.0) + 0.04 * np.eye(n))
    d = truth + noise

    def model(t, y):
        k = numpyro.sample("k", dist.Exponential(0.5))
        T0 = numpyro.sample("T0", dist.Uniform(3.0, 7.0))
        sigma = numpyro.sample("sigma", dist.Exponential(1.0))
        a = numpyro.sample("a", dist.Exponential(1.0))
        mu = signal(k, T0, 1.5, 1.0, jnp)
        Dt = t - jnp.array([t]).T
        cov = a * jnp.exp(-((Dt) ** 2) / 2 / 9.0) + jnp.eye(n) * sigma**2
        numpyro.sample("y", dist.MultivariateNormal(loc=mu, covariance_matrix=cov), obs=y)

    mcmc = MCMC(NUTS(model), num_warmup=200, num_samples=300, progress_bar=False)
    mcmc.run(random.PRNGKey(0), t=t, y=d)
    draws = mcmc.get_samples()
    for name, true in (("k", 2.0), ("T0", 5.0), ("sigma", 0.2)):
        assert abs(np.mean(draws[name]) - true) < 3.5 * np.std(draws[name]), name


@pytest.mark.parametrize("tip", [0.1, 1e-6])
def test_9_1_sampling(tip: float) -> None:
    """With tip = 1e-6, JAX's default precision gives nan; here it is fine, unasked."""
    from bibun.random import multivariate_normal as jmn

    key = random.PRNGKey(4)
    N = 1200
    t = np.linspace(-5, 5, N)
    ave = np.zeros(N)
    tau = 1.5
    cov = RBF(t, tau) + tip * np.eye(N)

    # (as the document has it, smn(mean=ave, cov=cov, allow_singular=True).rvs(1).T takes seconds)
    ds = np.linalg.cholesky(cov) @ np.random.default_rng(0).normal(size=N)
    dj = jmn(key, ave, cov)
    mn = dist.MultivariateNormal(loc=ave, covariance_matrix=cov)
    dn = numpyro.sample("a", mn, rng_key=random.PRNGKey(20))

    for sample in (ds, dj, dn):
        sample = np.asarray(sample)
        assert sample.shape == (N,)
        assert np.all(np.isfinite(sample))
        # smooth up to the tip: the second differences are those of the tip alone
        rough = np.diff(sample, 2)
        assert np.std(rough) == pytest.approx(np.sqrt(6 * tip), rel=0.15)


def test_9_1_config_and_keys() -> None:
    from bibun.config import config

    config.update("jax_enable_x64", True)
    mn = dist.MultivariateNormal(loc=np.zeros(3), covariance_matrix=np.eye(3))
    okey = random.PRNGKey(20)  # original key
    seen = []
    for _ in range(10):
        okey, key = random.split(okey)
        dn = numpyro.sample("a", mn, rng_key=key)
        seen.append(np.asarray(dn))
    assert len({tuple(s) for s in seen}) == 10
    assert float(Matern32(np.array([0.0, 1.0]), 2.0)[0, 0]) == 1.0
