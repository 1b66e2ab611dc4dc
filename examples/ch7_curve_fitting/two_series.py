"""Two kinds of data that share their parameters, fitted together.

A sine and a cosine have one phase and one noise. Two `sample` statements with `obs=` multiply their
likelihoods; `Predictive` predicts both.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun import random
from bibun.prob.diagnostics import hpdi
from bibun.prob.infer import MCMC, NUTS, Predictive

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")


def data():
    rng = np.random.default_rng(11)
    x1, x2 = np.sort(rng.uniform(0, 4 * np.pi, 20)), np.sort(rng.uniform(0, 4 * np.pi, 12))
    y1 = np.sin(x1 + 0.5) + rng.normal(0, 0.3, x1.size)
    y2 = np.cos(x2 + 0.5) + rng.normal(0, 0.3, x2.size)
    return x1, x2, y1, y2


def model(x1, x2, y1=None, y2=None):
    phase = prob.sample("phase", dist.Uniform(-np.pi, np.pi))
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    prob.sample("y1", dist.Normal(bnp.sin(x1 + phase), sigma), obs=y1)
    prob.sample("y2", dist.Normal(bnp.cos(x2 + phase), sigma), obs=y2)


def panel():
    figure, axes = plt.subplots()
    axes.set(xlabel="$x$", ylabel="$y$", xlim=(-0.3, 12.9), ylim=(-2.1, 2.1))
    return figure, axes


def draw_points(axes, x1, x2, y1, y2):
    axes.plot(x1, y1, "o", color="C0", label=r"$y_1=\sin(x+\phi)+\epsilon$")
    axes.plot(x2, y2, "s", color="C1", label=r"$y_2=\cos(x+\phi)+\epsilon$")
    axes.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.14))


def main(out):
    x1, x2, y1, y2 = data()
    figure, axes = panel()
    draw_points(axes, x1, x2, y1, y2)
    figure.savefig(out / "fig-7-5.png")

    mcmc = MCMC(NUTS(model), num_warmup=1000, num_samples=2000, progress_bar=False)
    mcmc.run(random.key(0), x1=x1, x2=x2, y1=y1, y2=y2)
    at = np.linspace(0, 4 * np.pi, 200)
    predicted = Predictive(model, mcmc.get_samples())(random.key(1), x1=at, x2=at)

    figure, axes = panel()
    for name, colour in (("y1", "C0"), ("y2", "C1")):
        low, high = hpdi(predicted[name], 0.9)
        axes.fill_between(at, low, high, color=colour, alpha=0.22, lw=0)
        axes.plot(at, predicted[name].mean(axis=0), color=colour)
    draw_points(axes, x1, x2, y1, y2)
    figure.savefig(out / "fig-7-6.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
