"""Posteriors to compare samplers on, each written once for bibun and NumPyro.

Those of `../shared/reference_posteriors` (posteriordb's models, data and moments), a sine fit, and
a logistic regression of 1000 rows and 20 columns; `workloads/nuts.py` times three of them. A
posterior is a model, its arguments, a start where the default one may fail, and options of the
sampler.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "reference_posteriors"


@dataclass(frozen=True)
class Posterior:
    """`model(lib)` is the model; `arguments(data)` its arguments from the stored data."""

    model: Callable[[Any], Callable[..., None]]
    arguments: Callable[[dict[str, Any]], tuple[np.ndarray, ...]]
    start: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    stored: bool = True  # whether data and moments are in FOLDER
    hard: bool = False  # the sampler is expected to fail, and to say so


def _flat(dist: Any) -> Any:
    return dist.ImproperUniform(dist.constraints.real, (), ())


def eight_schools_centered(lib: Any) -> Any:
    prob, dist = lib.prob, lib.dist

    def model(y: Any, sigma: Any) -> None:
        mu = prob.sample("mu", dist.Normal(0.0, 5.0))
        tau = prob.sample("tau", dist.HalfCauchy(5.0))
        with prob.plate("J", 8):
            theta = prob.sample("theta", dist.Normal(mu, tau))
        prob.sample("y", dist.Normal(theta, sigma), obs=y)

    return model


def eight_schools_noncentered(lib: Any) -> Any:
    prob, dist = lib.prob, lib.dist

    def model(y: Any, sigma: Any) -> None:
        mu = prob.sample("mu", dist.Normal(0.0, 5.0))
        tau = prob.sample("tau", dist.HalfCauchy(5.0))
        with prob.plate("J", 8):
            z = prob.sample("theta_trans", dist.Normal(0.0, 1.0))
        theta = prob.deterministic("theta", mu + tau * z)
        prob.sample("y", dist.Normal(theta, sigma), obs=y)

    return model


def kidiq(lib: Any) -> Any:
    prob, dist = lib.prob, lib.dist

    def model(kid_score: Any, mom_hs: Any, mom_iq: Any) -> None:
        b = prob.sample("beta", _flat(dist).expand((4,)).to_event(1))
        sigma = prob.sample("sigma", dist.HalfCauchy(2.5))
        mean = b[0] + b[1] * mom_hs + b[2] * mom_iq + b[3] * mom_hs * mom_iq
        prob.sample("y", dist.Normal(mean, sigma), obs=kid_score)

    return model


def wells(lib: Any) -> Any:
    prob, dist = lib.prob, lib.dist

    def model(switched: Any, dist_m: Any, arsenic: Any) -> None:
        alpha = prob.sample("alpha", _flat(dist))
        b = prob.sample("beta", _flat(dist).expand((2,)).to_event(1))
        logits = alpha + b[0] * dist_m / 100 + b[1] * arsenic
        prob.sample("y", dist.Bernoulli(logits=logits), obs=switched)

    return model


def gp_regression(lib: Any) -> Any:
    jnp, prob, dist = lib.numpy, lib.prob, lib.dist

    def model(x: Any, y: Any) -> None:
        rho = prob.sample("rho", dist.Gamma(25.0, 4.0))
        alpha = prob.sample("alpha", dist.HalfNormal(2.0))
        sigma = prob.sample("sigma", dist.HalfNormal(1.0))
        k = alpha**2 * jnp.exp(-((x[:, None] - x[None, :]) ** 2) / (2 * rho**2))
        cov = k + sigma * jnp.eye(len(x))
        prob.sample("y", dist.MultivariateNormal(jnp.zeros(len(x)), covariance_matrix=cov), obs=y)

    return model


def ark(lib: Any) -> Any:
    prob, dist = lib.prob, lib.dist

    def model(lags: Any, y: Any) -> None:
        alpha = prob.sample("alpha", dist.Normal(0.0, 10.0))
        b = prob.sample("beta", dist.Normal(0.0, 10.0).expand((5,)).to_event(1))
        sigma = prob.sample("sigma", dist.HalfCauchy(2.5))
        prob.sample("y", dist.Normal(alpha + lags @ b, sigma), obs=y)

    return model


def radon(lib: Any) -> Any:
    prob, dist = lib.prob, lib.dist

    def model(county: Any, floor: Any, uppm: Any, y: Any) -> None:
        mu = prob.sample("mu_alpha", dist.Normal(0.0, 10.0))
        b = prob.sample("beta", dist.Normal(0.0, 10.0).expand((2,)).to_event(1))
        sigma_a = prob.sample("sigma_alpha", dist.HalfNormal(1.0))
        sigma_y = prob.sample("sigma_y", dist.HalfNormal(1.0))
        raw = prob.sample("alpha_raw", dist.Normal(0.0, 1.0).expand((85,)).to_event(1))
        alpha = prob.deterministic("alpha", mu + sigma_a * raw)
        prob.sample("y", dist.Normal(alpha[county] + b[0] * uppm + b[1] * floor, sigma_y), obs=y)

    return model


def mixture(lib: Any) -> Any:
    jnp, prob, dist = lib.numpy, lib.prob, lib.dist

    def model(y: Any) -> None:
        mu = prob.sample("mu", dist.Normal(0.0, 2.0).expand((2,)).to_event(1))
        sigma = prob.sample("sigma", dist.HalfNormal(2.0).expand((2,)).to_event(1))
        theta = prob.sample("theta", dist.Beta(5.0, 5.0))
        prob.factor("ordered", jnp.where(mu[0] < mu[1], 0.0, -jnp.inf))
        parts = dist.Normal(mu, sigma).log_prob(y[:, None])
        weights = jnp.log(jnp.stack([theta, 1 - theta]))
        both = parts + weights
        top = jnp.max(both, axis=1)
        prob.factor("y", jnp.sum(top + jnp.log(jnp.sum(jnp.exp(both - top[:, None]), axis=1))))

    return model


def sine(lib: Any) -> Any:
    jnp, prob, dist = lib.numpy, lib.prob, lib.dist

    def model(x: Any, y: Any) -> None:
        phase = prob.sample("phase", dist.Uniform(-jnp.pi, jnp.pi))
        sigma = prob.sample("sigma", dist.Exponential(1.0))
        prob.sample("y", dist.Normal(jnp.sin(x + phase), sigma), obs=y)

    return model


def logistic(lib: Any) -> Any:
    prob, dist = lib.prob, lib.dist

    def model(x: Any, y: Any) -> None:
        w = prob.sample("w", dist.Normal(0.0, 1.0).expand([x.shape[1]]).to_event(1))
        prob.sample("y", dist.Bernoulli(logits=x @ w), obs=y)

    return model


def sine_data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.RandomState(32)
    x = np.sort(rng.rand(20)) * 4.0 * np.pi
    return x, np.sin(x + 0.5) + rng.normal(0.0, 0.3, size=20)


def logistic_data(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, columns))
    eta = x @ (rng.normal(size=columns) / 2.0)
    return x, (rng.uniform(size=rows) < 1.0 / (1.0 + np.exp(-eta))).astype(int)


def _columns(*names: str) -> Callable[[dict[str, Any]], tuple[np.ndarray, ...]]:
    return lambda d: tuple(np.array(d[k], float) for k in names)


def _lags(d: dict[str, Any]) -> tuple[np.ndarray, ...]:
    y = np.array(d["y"])
    return np.stack([y[5 - k : len(y) - k] for k in range(1, 6)], axis=1), y[5:]


def _counties(d: dict[str, Any]) -> tuple[np.ndarray, ...]:
    return (np.array(d["county_idx"]) - 1, *_columns("floor_measure", "log_uppm", "log_radon")(d))


POSTERIORS = {
    "eight_schools-eight_schools_noncentered": Posterior(
        eight_schools_noncentered, _columns("y", "sigma"), options={"target_accept_prob": 0.9}
    ),
    "kidiq-kidscore_interaction": Posterior(
        kidiq, _columns("kid_score", "mom_hs", "mom_iq"), options={"dense_mass": True}
    ),
    "wells_data-wells_dist100ars_model": Posterior(wells, _columns("switched", "dist", "arsenic")),
    "gp_pois_regr-gp_regr": Posterior(gp_regression, _columns("x", "y")),
    "arK-arK": Posterior(ark, _lags),
    "radon_mn-radon_hierarchical_intercept_noncentered": Posterior(radon, _counties),
    "low_dim_gauss_mix-low_dim_gauss_mix": Posterior(
        mixture,
        _columns("y"),
        {"mu": np.array([-1.0, 1.0]), "sigma": np.array([1.0, 1.0]), "theta": np.array(0.5)},
    ),
    "eight_schools-eight_schools_centered": Posterior(
        eight_schools_centered, _columns("y", "sigma"), hard=True
    ),
    "sine": Posterior(sine, lambda _: sine_data(), stored=False),
    "logistic": Posterior(logistic, lambda _: logistic_data(1000, 20), stored=False),
}


def load(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The data of a posterior and the reference moments of its parameters; empty if not stored.

    Errors: FileNotFoundError where the folder of reference posteriors is missing.
    """
    if not POSTERIORS[name].stored:
        return {}, {}
    folder = FOLDER / name
    data = json.loads((folder / "data.json").read_text())
    return data, json.loads((folder / "reference.json").read_text())["params"]


def kernel_options(lib: Any, name: str) -> dict[str, Any]:
    """Options of NUTS for this posterior."""
    p = POSTERIORS[name]
    if p.start is None:
        return dict(p.options)
    return {**p.options, "init_strategy": lib.infer.init_to_value(values=p.start)}


def sampler(
    lib: Any, name: str, sizes: dict[str, int], options: dict[str, Any] | None = None,
    chain_method: str = "sequential",
) -> tuple[Any, tuple[Any, ...]]:  # fmt: skip
    """NUTS of one stack for a posterior, and the model's arguments.

    `sizes`: warmup, draws and chains. `options`: of the kernel; the posterior's own go before.
    """
    data = tuple(lib.numpy.asarray(a) for a in POSTERIORS[name].arguments(load(name)[0]))
    options = {**(options or {}), **kernel_options(lib, name)}
    kernel = lib.infer.NUTS(POSTERIORS[name].model(lib), **options)
    mcmc = lib.infer.MCMC(
        kernel, num_warmup=sizes["warmup"], num_samples=sizes["draws"],
        num_chains=sizes["chains"], chain_method=chain_method, progress_bar=False,
    )  # fmt: skip
    return mcmc, data


def latent(mcmc: Any) -> dict[str, np.ndarray]:
    """The draws of what was sampled, by chain; not of what the model computes from it."""
    samples = mcmc.get_samples(group_by_chain=True)
    derived = {"theta": "theta_trans", "alpha": "alpha_raw"}
    return {k: np.asarray(v) for k, v in samples.items() if derived.get(k) not in samples}


def columns(samples: dict[str, np.ndarray]) -> np.ndarray:
    """(chains, draws, parameters) of all sites; what never moves is left out."""
    x = np.concatenate([v.reshape(*v.shape[:2], -1) for v in samples.values()], axis=2)
    return x[:, :, x.std(axis=(0, 1)) > 0]
