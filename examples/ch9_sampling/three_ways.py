"""One distribution, three ways to draw from it: SciPy, `bibun.random`, `bibun.prob`.

The covariance is smooth, so it is almost singular; the little that is added to its diagonal (`tip`)
keeps it positive definite. In single precision 1e-6 is not enough; bibun computes in double
precision unless told otherwise.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import multivariate_normal

import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun import random

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")


def covariance(t, tau, tip):
    difference = t[:, None] - t
    return np.exp(-(difference**2) / (2 * tau**2)) + tip * np.eye(t.size)


def main(out):
    t = np.linspace(-5, 5, 301)
    mean = np.zeros(t.size)
    figure, panels = plt.subplots(1, 2, figsize=(9.5, 4), sharey=True)
    for axes, tip in zip(panels, (0.1, 1e-6), strict=True):
        cov = covariance(t, 1.5, tip)
        normal = dist.MultivariateNormal(mean, covariance_matrix=cov)
        draws = {
            "SciPy": multivariate_normal(mean, cov, allow_singular=True).rvs(random_state=4),
            "bibun.random": random.multivariate_normal(random.key(4), mean, cov),
            "bibun.prob": prob.sample("x", normal, rng_key=random.key(20)),
        }
        for k, (name, draw) in enumerate(draws.items()):
            axes.plot(t, np.asarray(draw) - 5 * k, lw=1, label=name)
            axes.axhline(-5 * k, color="#888888", lw=0.5)
        axes.set(xlabel="$t$", title=f"tip = {tip:g}")
    panels[0].set(ylabel="draws, shifted by 5", yticks=[-10, -5, 0], ylim=(-13.5, 5.5))
    panels[0].legend(ncols=3, loc="upper left")
    figure.savefig(out / "fig-9-1.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
