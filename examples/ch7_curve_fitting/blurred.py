"""How wide is the response of the instrument? Sharp lines, blurred by a width to be found.

The signal is known, a few lines of zero width; what is measured is its convolution with a Gaussian.
`convolve` differentiates, so the width is a parameter as any other.
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

LINES = np.zeros(120)
LINES[[14, 38, 46, 71, 100]] = [3.0, 5.0, 2.0, 4.0, 2.5]
OFFSETS = np.arange(-20, 21)


def response(width):
    weights = bnp.exp(-0.5 * (OFFSETS / width) ** 2)
    return weights / bnp.sum(weights)


def blurred(width):
    return bnp.convolve(LINES, response(width), mode="same")


def model(y=None):
    width = prob.sample("width", dist.Uniform(0.5, 10.0))
    sigma = prob.sample("sigma", dist.Exponential(10.0))
    prob.sample("y", dist.Normal(blurred(width), sigma), obs=y)


def draw_lines(axes):
    position = np.flatnonzero(LINES)
    axes.vlines(position, 0, LINES[position] / 5, color="#888888", lw=1, label="lines ÷ 5")


def main(out):
    figure, axes = plt.subplots()
    draw_lines(axes)
    for width in (1.0, 2.0, 4.0):
        axes.plot(blurred(width), label=f"width {width:.0f}")
    axes.set(xlabel="channel", ylabel="signal")
    axes.legend()
    figure.savefig(out / "fig-7-9.png")

    rng = np.random.default_rng(5)
    y = np.asarray(blurred(2.5)) + rng.normal(0, 0.06, LINES.size)
    mcmc = MCMC(NUTS(model), num_warmup=1000, num_samples=2000, progress_bar=False)
    mcmc.run(random.key(0), y=y)
    width = np.asarray(mcmc.get_samples()["width"])
    predicted = Predictive(model, mcmc.get_samples())(random.key(1))["y"]
    low, high = hpdi(predicted, 0.9)

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), width_ratios=(2.4, 1))
    draw_lines(left)
    left.fill_between(np.arange(y.size), low, high, alpha=0.25, lw=0, label="90 % of new data")
    left.plot(predicted.mean(axis=0), label="their mean")
    left.plot(y, ".", color="#222222", label="data")
    left.set(xlabel="channel", ylabel="signal", ylim=(-0.25, 1.25))
    left.legend(ncols=2, loc="upper right")
    right.hist(width, bins=40, density=True, color="C0", alpha=0.5)
    right.axvline(2.5, color="C1", label="truth")
    right.set(xlabel="width (channels)", ylabel="posterior density")
    right.legend()
    figure.savefig(out / "fig-7-10.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
