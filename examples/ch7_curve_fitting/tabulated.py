"""A model whose function is a table: interpolation differentiates.

`interp` is linear between the points of the table, so its derivative is a staircase; NUTS needs
no more than that. The table holds a sine, which the fit is not told.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun import grad, random, vmap
from bibun.prob.diagnostics import hpdi
from bibun.prob.infer import MCMC, NUTS, Predictive

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")

TABLE_X = np.linspace(-np.pi, 3 * np.pi, 32)
TABLE_Y = np.sin(TABLE_X)


def tabulated(x):
    return bnp.interp(x, TABLE_X, TABLE_Y)


def model(x, y=None):
    shift = prob.sample("c", dist.Uniform(-0.5, 0.5))
    amplitude = prob.sample("A", dist.Uniform(0.1, 100.0))
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    prob.sample("y", dist.Normal(amplitude * tabulated(x + shift), sigma), obs=y)


def draw_table(out):
    x = np.linspace(-np.pi, 3 * np.pi, 1000)
    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(7, 4.8))
    top.plot(x, tabulated(x), label="interp")
    top.plot(TABLE_X, TABLE_Y, "o", color="#222222", ms=3.5, label="table")
    top.set_ylabel("$f$")
    top.legend(loc="lower right", ncols=2)
    bottom.plot(x, np.cos(x), color="#888888", ls="--", lw=1.2, label=r"$\cos x$")
    bottom.plot(x, vmap(grad(tabulated))(x), color="C1", label="grad of interp")
    bottom.set(xlabel="$x$", ylabel=r"$\partial_x f$", ylim=(-1.65, 1.15))
    bottom.legend(loc="lower right", ncols=2)
    figure.savefig(out / "fig-7-7.png")


def draw_fit(out):
    rng = np.random.default_rng(3)
    x = np.linspace(0.5, 1.7, 10)
    y = 10.0 * np.sin(x + 0.3) + rng.normal(0, 0.5, x.size)
    mcmc = MCMC(NUTS(model), num_warmup=1000, num_samples=2000, progress_bar=False)
    mcmc.run(random.key(0), x=x, y=y)
    at = np.linspace(0.4, 1.8, 150)
    predicted = Predictive(model, mcmc.get_samples())(random.key(1), x=at)["y"]
    low, high = hpdi(predicted, 0.9)

    figure, axes = plt.subplots()
    axes.fill_between(at, low, high, alpha=0.25, lw=0, label="90 % of new data")
    axes.plot(at, predicted.mean(axis=0), label="their mean")
    axes.plot(x, y, "o", color="#222222", label="data")
    axes.set(xlabel="$x$", ylabel="$y$")
    axes.legend(loc="lower center", ncols=3)
    figure.savefig(out / "fig-7-8.png")


def main(out):
    draw_table(out)
    draw_fit(out)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
