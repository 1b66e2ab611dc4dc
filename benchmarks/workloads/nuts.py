"""NUTS: a sine with unknown phase, eight schools, a logistic regression, a Gaussian process.

A call is a whole run of one chain, warmup included, on a sampler that has run before (but for
the first call): the same number of draws for every stack, another seed for every call. Progress
bars are off, which is not the default of any of them: with its bar on, NumPyro dispatches each
transition from Python. `--progress-bar` measures that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.posteriors import (
    eight_schools_noncentered,
    logistic,
    logistic_data,
    sine,
    sine_data,
)
from benchmarks.stack import Stack
from benchmarks.workload import workload

FULL = {"warmup": 1000, "draws": 2000, "progress_bar": False}
SMALL = {"warmup": 300, "draws": 500, "progress_bar": False}
Run = Callable[[int], dict[str, Any]]


def sampler(
    lib: Stack, model: Any, data: tuple[Any, ...], warmup: int, draws: int, progress_bar: bool
) -> Run:
    """A function of the seed that runs NUTS and returns the draws of each site."""
    mcmc = lib.infer.MCMC(
        lib.infer.NUTS(model), num_warmup=warmup, num_samples=draws, progress_bar=progress_bar
    )
    data = tuple(lib.numpy.asarray(d) for d in data)

    def run(seed: int) -> dict[str, Any]:
        mcmc.run(lib.random.PRNGKey(seed), *data)
        return mcmc.get_samples()

    return run


def sine_fit_pymc(lib: Stack, warmup: int, draws: int, progress_bar: bool) -> Any:
    """The sine fit as PyMC writes it, sampled by nutpie."""
    import pymc as pm

    x, y = sine_data()
    compiled: list[Any] = []

    def run(seed: int) -> dict[str, Any]:
        if not compiled:  # part of the first call, as the others' compiling is
            with pm.Model() as model:
                phase = pm.Uniform("phase", -np.pi, np.pi)
                sigma = pm.Exponential("sigma", 1.0)
                pm.Normal("y", pm.math.sin(x + phase), sigma, observed=y)
            compiled.append(lib.compile_pymc_model(model))
        trace = lib.sample(
            compiled[0], draws=draws, tune=warmup, chains=1, cores=1, seed=seed,
            progress_bar=progress_bar,
        )  # fmt: skip
        return {name: trace.posterior[name].values[0] for name in ("phase", "sigma")}

    return run, ()


@workload(
    "nuts-sine", "NUTS, sine fit (1000 + 2000)", full=FULL, small=SMALL, sampler=True,
    steady={"jax": 100.0, "nutpie": 4.0}, other={"nutpie": sine_fit_pymc},
)  # fmt: skip
def sine_fit(lib: Stack, **run: Any) -> Any:
    return sampler(lib, sine(lib), sine_data(), **run), ()


@workload(
    "nuts-schools", "NUTS, eight schools non-centred", full=FULL, small=SMALL, sampler=True,
    steady={"jax": 80.0},
)  # fmt: skip
def eight_schools(lib: Stack, **run: Any) -> Any:
    y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    sigma = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
    return sampler(lib, eight_schools_noncentered(lib), (y, sigma), **run), ()


@workload(
    "nuts-logistic", "NUTS, logistic regression 1000×20",
    full={"rows": 1000, "columns": 20, **FULL}, small={"rows": 100, "columns": 3, **SMALL},
    sampler=True, steady={"jax": 8.0},
)  # fmt: skip
def logistic_regression(lib: Stack, rows: int, columns: int, **run: Any) -> Any:
    return sampler(lib, logistic(lib), logistic_data(rows, columns), **run), ()


def process_data(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    t = np.linspace(0.0, 10.0 * n / 101, n)
    k = np.exp(-((t[:, None] - t) ** 2) / (2.0 * 0.4**2))
    signal = np.linalg.cholesky(k + 1e-9 * np.eye(n)) @ rng.normal(size=n)
    return t, signal + rng.normal(0.0, 0.6, size=n)


@workload(
    "nuts-gp", "NUTS, GP with 101 points", full={"n": 101, **FULL}, small={"n": 30, **SMALL},
    sampler=True, steady={"jax": 4.0},
)  # fmt: skip
def gaussian_process(lib: Stack, n: int, **run: Any) -> Any:
    jnp, prob, dist = lib.numpy, lib.prob, lib.dist

    def covariance(t: Any, tau: Any, a: Any, sigma: Any) -> Any:
        distance = t[:, None] - t[None, :]
        return a * jnp.exp(-(distance**2) / 2.0 / tau**2) + sigma**2 * jnp.eye(n)

    def model(t: Any, y: Any) -> None:
        sigma = prob.sample("sigma", dist.Exponential(1.0))
        tau = prob.sample("tau", dist.Exponential(1.0))
        a = prob.sample("a", dist.Exponential(1.0))
        k = covariance(t, tau, a, sigma)
        prob.sample("y", dist.MultivariateNormal(loc=jnp.zeros(n), covariance_matrix=k), obs=y)

    return sampler(lib, model, process_data(n), **run), ()
