"""Are the samplers' means and variances right to a percent, as options change what they learn?

Posteriors with exact moments (in closed form, or summed on a grid), many short chains each. Chains
are independent, so the mean over chains has a standard error from their own spread: nothing
depends on an estimate of autocorrelation, and a bias of a few hundredths of a standard
deviation is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bibun.numpy as jnp
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun.prob.infer import HMC, MCMC, NUTS

CHAINS, DRAWS = 120, 600
Moments = dict[str, tuple[Any, Any]]  # site -> mean and variance


def _on_grid(log_density: Callable[..., np.ndarray], **axes: np.ndarray) -> Moments:
    """Moments of a density of two variables; ends of the axes count half."""
    points = np.meshgrid(*axes.values(), indexing="ij")
    log_p = log_density(*points)
    p = np.exp(log_p - log_p.max())
    for k in range(len(axes)):
        np.moveaxis(p, k, 0)[[0, -1]] *= 0.5
    p /= p.sum()
    means = [(p * v).sum() for v in points]
    return {
        name: (m, (p * (v - m) ** 2).sum()) for name, v, m in zip(axes, points, means, strict=True)
    }


def sine() -> tuple[Callable[[], None], Moments]:
    rng = np.random.default_rng(32)
    x = np.sort(rng.uniform(0, 4 * np.pi, 20))
    y = np.sin(x + 0.5) + rng.normal(0, 0.3, 20)

    def model() -> None:
        phase = prob.sample("phase", dist.Uniform(-jnp.pi, jnp.pi))
        sigma = prob.sample("sigma", dist.Exponential(1.0))
        prob.sample("y", dist.Normal(jnp.sin(x + phase), sigma), obs=y)

    def log_density(phase: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        r2 = ((y - np.sin(x + phase[..., None])) ** 2).sum(-1)
        return -0.5 * r2 / sigma**2 - len(y) * np.log(sigma) - sigma

    axes = {"phase": np.linspace(-np.pi, np.pi, 1000), "sigma": np.linspace(0.1, 1.2, 200)}
    return model, _on_grid(log_density, **axes)


def normal() -> tuple[Callable[[], None], Moments]:
    cov = np.array([[1.0, 2.85], [2.85, 9.0]])

    def model() -> None:
        prob.sample("x", dist.MultivariateNormal(jnp.zeros(2), covariance_matrix=cov))

    return model, {"x": (np.zeros(2), np.diag(cov))}


def funnel() -> tuple[Callable[[], None], Moments]:
    """A funnel as wide as a sampler can follow."""

    def model() -> None:
        v = prob.sample("v", dist.Normal(0.0, 1.0))
        prob.sample("x", dist.Normal(0.0, jnp.exp(v / 4)))

    return model, {"v": (0.0, 1.0), "x": (0.0, np.exp(1 / 8))}


def schools() -> tuple[Callable[[], None], Moments]:
    """Eight schools, non-centred; the effects can be integrated out by hand."""
    y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    sigma = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])

    def model() -> None:
        mu = prob.sample("mu", dist.Normal(0.0, 5.0))
        tau = prob.sample("tau", dist.HalfNormal(5.0))
        with prob.plate("J", 8):
            z = prob.sample("z", dist.Normal(0.0, 1.0))
        prob.sample("y", dist.Normal(mu + tau * z, sigma), obs=y)

    def log_density(mu: np.ndarray, tau: np.ndarray) -> np.ndarray:
        v = tau[..., None] ** 2 + sigma**2
        fit = ((y - mu[..., None]) ** 2 / v + np.log(v)).sum(-1)
        return -0.5 * fit - (mu**2 + tau**2) / 50

    axes = {"mu": np.linspace(-20, 28, 240), "tau": np.linspace(0, 30, 400)}
    return model, _on_grid(log_density, **axes)


def logistic() -> tuple[Callable[[], None], Moments]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=30)
    y = (rng.random(30) < 1 / (1 + np.exp(-(0.5 + 2 * x)))).astype(float)

    def model() -> None:
        a = prob.sample("a", dist.Normal(0.0, 2.0))
        b = prob.sample("b", dist.Normal(0.0, 2.0))
        prob.sample("y", dist.Bernoulli(logits=a + b * x), obs=y)

    def log_density(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        e = a[..., None] + b[..., None] * x
        return (y * e - np.logaddexp(0, e)).sum(-1) - (a**2 + b**2) / 8

    axes = {"a": np.linspace(-4, 6, 200), "b": np.linspace(-3, 12, 240)}
    return model, _on_grid(log_density, **axes)


def scores(kernel: HMC, moments: Moments) -> dict[str, np.ndarray]:
    """How many standard errors means and variances are from the truth."""
    mcmc = MCMC(kernel, 300, DRAWS, CHAINS, chain_method="sequential", progress_bar=False)
    mcmc.run(20261121)
    draws = mcmc.get_samples(group_by_chain=True)
    out = {}
    for name, (mean, variance) in moments.items():
        x = np.asarray(draws[name])
        for what, y, want in (
            ("mean", x.mean(1), mean), ("variance", ((x - mean) ** 2).mean(1), variance),
        ):  # fmt: skip
            error = y.std(0, ddof=1) / np.sqrt(CHAINS)
            out[f"{what} of {name}"] = np.atleast_1d((y.mean(0) - want) / error)
            # power: a bias of 5 % of the standard deviation, or 10 % of the variance, is seen
            scale = 0.05 * np.sqrt(variance) if what == "mean" else 0.1 * np.asarray(variance)
            assert np.all(4 * error < scale), (name, what, error / scale)
    return out


@pytest.mark.parametrize("posterior", [sine, normal, funnel, schools, logistic])
@pytest.mark.parametrize("dense", [None, False], ids=["default", "diagonal"])
def test_nuts(posterior: Callable[[], Any], dense: bool | None) -> None:
    model, moments = posterior()
    z = scores(NUTS(model, dense_mass=dense), moments)
    assert all(np.all(np.abs(v) < 4.0) for v in z.values()), z


@pytest.mark.parametrize(
    "kernel",
    [
        lambda m: HMC(m, trajectory_length=1.5),
        lambda m: NUTS(m, dense_mass=True, mass_matrix_from="draws"),
        lambda m: NUTS(m, max_tree_depth=2),
        lambda m: NUTS(m, target_accept_prob=0.6),
    ],
    ids=["hmc", "draws", "shallow", "coarse"],
)
def test_options(kernel: Callable[[Any], HMC]) -> None:
    model, moments = logistic()
    z = scores(kernel(model), moments)
    assert all(np.all(np.abs(v) < 4.0) for v in z.values()), z
