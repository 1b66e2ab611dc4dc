"""Whether to believe a fit: simulation-based calibration and posterior predictive checks.

Calibration: parameters are drawn from the prior, data from the model, and the model is fitted to
each such data set. The rank of the true parameter among the posterior's draws is then uniform
if, and only if, model and sampler agree (Talts, Betancourt, Simpson, Vehtari & Gelman 2018).
All data sets are one compiled program (`MCMC.run(batch=)`).

Predictive check: data drawn from the fitted model should look like the data; a statistic
of the data that is extreme among theirs is what the model misses (Gelman, Meng & Stern 1996).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bibun import random
from bibun.prob import handlers
from bibun.prob.infer.arviz import observed_sites
from bibun.prob.infer.hmc import NUTS
from bibun.prob.infer.mcmc import MCMC
from bibun.prob.infer.predictive import Predictive
from bibun.prob.infer.util import latent_sites


@dataclasses.dataclass(frozen=True)
class SBC:
    """Ranks of true parameters: site -> (simulations, ...) integers from 0 to `num_draws`."""

    ranks: dict[str, np.ndarray]
    num_draws: int
    num_divergences: int

    def p_values(self, bins: int | None = None) -> dict[str, np.ndarray]:
        """Of a chi-squared test of uniformity, for each element of each site.

        `bins`: by default the most that divide num_draws + 1 and hold 5 simulations each.
        """
        from scipy.stats import chi2

        out = {}
        for name, ranks in self.ranks.items():
            n, values = len(ranks), self.num_draws + 1
            fitting = [b for b in range(2, values + 1) if values % b == 0 and n / b >= 5]
            count = bins if bins is not None else max(fitting, default=2)
            if values % count:
                raise ValueError(f"{count} bins do not divide the {values} values of a rank")
            which = ranks * count // values
            seen = np.stack([np.sum(which == b, axis=0) for b in range(count)])
            statistic = np.sum((seen - n / count) ** 2, axis=0) / (n / count)
            out[name] = chi2.sf(statistic, count - 1)
        return out


def sbc(
    rng_key: Any,
    model: Callable[..., Any],
    *args: Any,
    num_simulations: int = 100,
    num_draws: int = 63,
    thinning: int = 8,
    num_warmup: int = 500,
    kernel: Callable[[Callable[..., Any]], Any] = NUTS,
    fitted: Callable[..., Any] | None = None,
    executor: Any = None,
    **kwargs: Any,
) -> SBC:
    """Simulation-based calibration of a model with a sampler.

    `model(*args, **kwargs)` is run with its data, whose values do not matter: the observed
    sites are simulated in their shapes. `num_draws` posterior draws, one of `thinning`, give
    the rank. `kernel(model)` makes the sampler; `fitted`: the model to fit, if it is not the
    one that simulates; `executor` as in `MCMC.run`.

    Errors: ValueError if the model observes nothing.

    >>> import bibun.prob as prob, bibun.prob.distributions as dist
    >>> def model(y):
    ...     mu = prob.sample("mu", dist.Normal(0.0, 1.0))
    ...     prob.sample("y", dist.Normal(mu, 1.0).expand([3]), obs=y)
    >>> found = sbc(0, model, np.zeros(3), num_simulations=20, num_draws=7, num_warmup=100)
    >>> found.ranks["mu"].shape, bool(found.ranks["mu"].max() <= 7)
    ((20,), True)
    """
    key_simulate, key_fit = random.split(handlers.as_key(rng_key))
    trace = handlers.trace(handlers.seed(model, rng_seed=0)).get_trace(*args, **kwargs)
    data_names = [k for k, s in trace.items() if _is_data(s)]
    if not data_names:
        raise ValueError("the model observes nothing: there is nothing to calibrate against")
    simulated = Predictive(handlers.uncondition(model), num_samples=num_simulations)(
        key_simulate, *args, **kwargs
    )
    data = {k: np.asarray(simulated[k]) for k in data_names}
    target = fitted or model

    def conditioned(data: Any) -> Any:
        return handlers.condition(handlers.uncondition(target), data=data)(*args, **kwargs)

    mcmc = MCMC(kernel(conditioned), num_warmup, num_draws * thinning, thinning=thinning,
                progress_bar=False)  # fmt: skip
    mcmc.run(key_fit, data, batch=0, executor=executor)
    draws = mcmc.get_samples()
    names = [k for k in latent_sites(trace) if k in draws]
    ranks = {
        k: np.sum(np.asarray(draws[k]) < np.asarray(simulated[k])[:, None], axis=1) for k in names
    }
    return SBC(ranks, num_draws, mcmc.num_divergences)


def _is_data(site: Mapping[str, Any]) -> bool:
    return (
        site["type"] == "sample" and site["is_observed"] and not site["infer"].get("is_auxiliary")
    )


STATISTICS: dict[str, Callable[[np.ndarray], Any]] = {
    "mean": np.mean, "sd": np.std, "min": np.min, "median": np.median, "max": np.max,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class PPC:
    """Data and what the fitted model draws in their place.

    `observed`: site -> data; `draws`: site -> (draws, ...); `statistics`: site -> name ->
    (of the data, of the draws, share of draws that are as large or larger).
    """

    observed: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]
    statistics: dict[str, dict[str, tuple[float, np.ndarray, float]]]

    def coverage(self, prob: float = 0.9) -> dict[str, float]:
        """The share of each site's data that lie in their central predictive interval."""
        out = {}
        for name, x in self.draws.items():
            low, high = np.quantile(x, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
            out[name] = float(np.mean((self.observed[name] >= low) & (self.observed[name] <= high)))
        return out

    def __str__(self) -> str:
        lines = []
        for site, table in self.statistics.items():
            for name, (value, drawn, p) in table.items():
                lines.append(f"{site} {name}: data {value:.4g}, model {np.mean(drawn):.4g} "
                             f"± {np.std(drawn):.2g}, p {p:.3f}")  # fmt: skip
        return "\n".join(lines)


def ppc(
    rng_key: Any,
    mcmc: MCMC,
    statistics: Mapping[str, Callable[[np.ndarray], Any]] | None = None,
) -> PPC:
    """Posterior predictive check of a finished run: its data against draws of the fitted model.

    `statistics`: functions of a site's data; by default mean, sd, min, median and max.

    >>> import bibun.prob as prob, bibun.prob.distributions as dist
    >>> from bibun.prob.infer import MCMC, NUTS
    >>> def model(y):
    ...     mu = prob.sample("mu", dist.Normal(0.0, 10.0))
    ...     prob.sample("y", dist.Normal(mu, 1.0).expand([5]), obs=y)
    >>> mcmc = MCMC(NUTS(model), 200, 200, progress_bar=False)
    >>> mcmc.run(0, np.array([-9.0, 9.0, -8.0, 8.0, 0.0]))
    >>> ppc(1, mcmc).statistics["y"]["sd"][2] < 0.01  # the scale of 1 is far too small
    True
    """
    observed = {k: np.asarray(s["value"]) for k, s in observed_sites(mcmc).items()}
    if not observed:
        raise ValueError("the model observes nothing: there is nothing to check")
    samples = mcmc.get_samples()
    args, kwargs = mcmc._args
    model = handlers.uncondition(mcmc.sampler.model)
    predictive = Predictive(model, samples, return_sites=list(observed))
    drawn = predictive(handlers.as_key(rng_key), *args, **kwargs)
    draws = {k: np.asarray(v) for k, v in drawn.items()}
    table: dict[str, dict[str, tuple[float, np.ndarray, float]]] = {}
    for site, data in observed.items():
        table[site] = {}
        for name, of in (statistics or STATISTICS).items():
            drawn = np.array([of(x) for x in draws[site]], dtype=float)
            value = float(of(data))
            table[site][name] = (value, drawn, float(np.mean(drawn >= value)))
    return PPC(observed, draws, table)
