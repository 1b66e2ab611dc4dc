"""Phase and noise of a sine wave from twenty points: the first posterior.

A model is a function that draws its parameters with `sample` and hands the data to `obs=`. NUTS
draws from the posterior; ArviZ looks at the draws; `Predictive` turns them into new data.
"""

import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun import random
from bibun.prob.diagnostics import hpdi
from bibun.prob.infer import MCMC, NUTS, Predictive

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # ArviZ on its own future
    import arviz

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")

TRUTH = {"phase": 0.5, "sigma": 0.3}


def data():
    rng = np.random.default_rng(7)
    x = np.sort(rng.uniform(0, 4 * np.pi, 20))
    return x, np.sin(x + TRUTH["phase"]) + rng.normal(0, TRUTH["sigma"], 20)


def model(x, y=None):
    phase = prob.sample("phase", dist.Uniform(-np.pi, np.pi))
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    prob.sample("y", dist.Normal(bnp.sin(x + phase), sigma), obs=y)


def posterior(x, y, chains=4):
    mcmc = MCMC(
        NUTS(model), num_warmup=1000, num_samples=1000, num_chains=chains, progress_bar=False
    )
    mcmc.run(random.key(0), x=x, y=y)
    return mcmc


def draw_data(out, x, y):
    figure, axes = plt.subplots()
    axes.plot(x, y, "o", color="#222222")
    axes.set(xlabel="$x$", ylabel="$y$", xlim=(-0.3, 12.9))
    figure.savefig(out / "fig-7-1.png")


def draw_chains(out, mcmc):
    panels = arviz.plot_trace(
        mcmc.to_arviz(), var_names=["phase", "sigma"], figsize=(9, 4.4), compact=False,
        lines=[(name, {}, value) for name, value in TRUTH.items()],
    )  # fmt: skip
    for row in panels:
        row[0].set_xlabel("value")
        row[1].set_xlabel("draw")
    panels[0, 0].figure.savefig(out / "fig-7-2.png")


def draw_pair(out, mcmc):
    panels = arviz.plot_pair(
        mcmc.to_arviz(), kind="kde", marginals=True, reference_values=TRUTH,
        figsize=(5.6, 5.2), textsize=10,
        kde_kwargs={"contourf_kwargs": {"cmap": "Blues"}, "contour_kwargs": {"colors": "C0"}},
        reference_values_kwargs={"color": "C1", "marker": "o", "markersize": 9},
    )  # fmt: skip
    panels[0, 0].figure.savefig(out / "fig-7-3.png")


def draw_predictions(out, mcmc, x, y):
    at = np.linspace(0, 4 * np.pi, 200)
    predicted = Predictive(model, mcmc.get_samples())(random.key(1), x=at)["y"]
    low, high = hpdi(predicted, 0.9)

    figure, axes = plt.subplots()
    axes.fill_between(at, low, high, alpha=0.25, lw=0, label="90 % of new data")
    axes.plot(at, predicted.mean(axis=0), label="their mean")
    axes.plot(x, y, "o", color="#222222", label="data")
    axes.set(xlabel="$x$", ylabel="$y$", xlim=(-0.3, 12.9))
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.14))
    figure.savefig(out / "fig-7-4.png")


def main(out):
    x, y = data()
    mcmc = posterior(x, y)
    draw_data(out, x, y)
    draw_chains(out, mcmc)
    draw_pair(out, mcmc)
    draw_predictions(out, mcmc, x, y)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
