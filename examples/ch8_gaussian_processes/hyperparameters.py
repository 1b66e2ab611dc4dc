"""A Gaussian process whose scale, variance and noise are unknown.

The likelihood of the hyperparameters is the marginal one, with the process integrated out, and
NUTS samples them. Given each draw of them the process is Gaussian again: its mean and covariance
are known, at the data's times and at others, and a draw of each gives the joint posterior.
"""

import sys
import warnings
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun import jit, random, vmap
from bibun.gp import GaussianProcess, kernels
from bibun.prob.diagnostics import hpdi
from bibun.prob.infer import MCMC, NUTS, Predictive

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # ArviZ on its own future
    import arviz

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")

TRUTH = {"tau": 0.4, "a": 1.0, "sigma": 0.6}


def process(t, tau, a, sigma=None):
    """The process, with white noise if there is a sigma: a exp(-Δt²/2τ²) + σ² on the diagonal."""
    return GaussianProcess(a * kernels.RBF(tau), t, diag=None if sigma is None else sigma**2)


def data():
    t = np.linspace(0, 10, 101)
    smooth, noise = random.split(random.key(2))
    m = process(t, TRUTH["tau"], TRUTH["a"]).sample(smooth)
    return t, m, m + TRUTH["sigma"] * random.normal(noise, t.shape)


def model(t, d=None):
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    tau = prob.sample("tau", dist.Exponential(1.0))
    a = prob.sample("a", dist.Exponential(1.0))
    prob.sample("d", process(t, tau, a, sigma).distribution(), obs=d)


def band(axes, t, draws, colour, label, alpha=0.25, line=True):
    low, high = hpdi(draws, 0.9)
    axes.fill_between(t, low, high, color=colour, alpha=alpha, lw=0, label=label)
    if line:
        axes.plot(t, draws.mean(axis=0), color=colour)


def panel(t, d):
    figure, axes = plt.subplots()
    axes.plot(t, d, ".", color="#222222", label="data $d$")
    axes.set(xlabel="$t$", ylabel="$d$", ylim=(-4, 4.4))
    return figure, axes


def finish(figure, axes, path):
    axes.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.14))
    figure.savefig(path)


@partial(jit, static_argnames="noise")
def given_data(key, samples, t, d, at, noise=False):
    """For each draw of the hyperparameters, a draw of the process at other times."""

    def one(key, sample):
        return process(t, **sample).condition(d, at, include_noise=noise).gp.sample(key)

    return vmap(one)(random.split(key, len(samples["tau"])), samples)


def main(out):
    t, m, d = data()
    figure, axes = panel(t, d)
    axes.plot(t, m, color="C0", label="process $m$, without noise")
    finish(figure, axes, out / "fig-8-1.png")

    mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=500, num_chains=2, progress_bar=False)
    mcmc.run(random.key(0), t=t, d=d)
    panels = arviz.plot_pair(
        mcmc.to_arviz(), kind="kde", marginals=True, reference_values=TRUTH,
        figsize=(6.6, 6.2), textsize=10,
        kde_kwargs={"contourf_kwargs": {"cmap": "Blues"}, "contour_kwargs": {"colors": "C0"}},
        reference_values_kwargs={"color": "C1", "marker": "o", "markersize": 8},
    )  # fmt: skip
    panels[0, 0].figure.savefig(out / "fig-8-2.png")

    samples = mcmc.get_samples()
    prior = Predictive(model, samples)(random.key(1), t=t)["d"]
    figure, axes = panel(t, d)
    band(axes, t, prior, "C0", "90 % of the process with these hyperparameters")
    finish(figure, axes, out / "fig-8-3.png")

    samples = {name: draws[::2] for name, draws in samples.items()}
    at_data = given_data(random.key(2), samples, t, d, t)
    figure, axes = panel(t, d)
    band(axes, t, at_data, "C1", "90 % of $m$, given the data")
    axes.plot(t, m, color="C0", lw=1, ls="--", label="truth")
    finish(figure, axes, out / "fig-8-4.png")

    at = np.linspace(-1, 12, 131)
    figure, axes = panel(t, d)
    noisy = given_data(random.key(3), samples, t, d, at, noise=True)
    band(axes, at, noisy, "C0", "90 % of new data $d^*$", alpha=0.15, line=False)
    band(axes, at, given_data(random.key(4), samples, t, d, at), "C1", "90 % of $m^*$")
    finish(figure, axes, out / "fig-8-5.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
