"""A short signal on a slow, correlated trend: what is signal, what is noise?

The mean function of the process is the signal, a wave in an envelope, and has parameters of its
own; the covariance is the trend. All are sampled together, and the trend need not be modelled.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun import jit, random, vmap
from bibun.gp import GaussianProcess, kernels
from bibun.prob.diagnostics import hpdi
from bibun.prob.infer import MCMC, NUTS, init_to_value

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")

TRUTH = {"k": 1.2, "T0": 10.0, "s": 2.0, "P": 1.6, "tau": 3.0, "a": 1.0, "sigma": 0.35}


def signal(t, k, T0, s, P):  # noqa: N803
    return k * bnp.exp(-((t - T0) ** 2) / (2 * s**2)) * bnp.sin(2 * bnp.pi * t / P)


def process(t, k, T0, s, P, tau, a, sigma=None):  # noqa: N803
    """Signal and trend, with white noise if there is a sigma."""
    noise = None if sigma is None else sigma**2
    return GaussianProcess(
        a * kernels.RBF(tau), t, diag=noise, mean=lambda t: signal(t, k, T0, s, P)
    )


def data():
    t = np.linspace(0, 20, 121)
    trend, noise = random.split(random.key(8))
    m = process(t, **{**TRUTH, "sigma": None}).sample(trend)
    return t, m, m + TRUTH["sigma"] * random.normal(noise, t.shape)


def model(t, d):
    parameters = {
        "k": prob.sample("k", dist.Exponential(1.0)),
        "T0": prob.sample("T0", dist.Uniform(0.0, 20.0)),
        "s": prob.sample("s", dist.LogNormal(0.5, 0.7)),
        "P": prob.sample("P", dist.Uniform(1.4, 1.8)),
        "tau": prob.sample("tau", dist.LogNormal(1.0, 0.7)),
        "a": prob.sample("a", dist.Exponential(1.0)),
        "sigma": prob.sample("sigma", dist.Exponential(1.0)),
    }
    prob.sample("d", process(t, **parameters).distribution(), obs=d)


@jit
def given_data(key, samples, t, d, at):
    def one(key, sample):
        given = process(t, **sample).condition(d, at).gp.sample(key)
        names = ("k", "T0", "s", "P")
        return given, signal(at, *(sample[n] for n in names))

    return vmap(one)(random.split(key, len(samples["k"])), samples)


def main(out):
    t, m, d = data()
    only_signal = signal(t, *(TRUTH[n] for n in ("k", "T0", "s", "P")))
    figure, axes = plt.subplots()
    axes.plot(t, d, ".", color="#222222", label="data")
    axes.plot(t, m, color="C0", label="signal + trend")
    axes.plot(t, only_signal, color="C1", lw=1.2, label="signal $f(t)$")
    axes.set(xlabel="$t$", ylabel="$d$")
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.14))
    figure.savefig(out / "fig-8-6.png")

    # chains start from the middle of the priors: an envelope far from the signal sees nothing
    start = {"k": 1.0, "T0": 10.0, "s": 1.6, "P": 1.6, "tau": 2.7, "a": 1.0, "sigma": 0.5}
    kernel = NUTS(model, init_strategy=init_to_value(values=start))
    mcmc = MCMC(kernel, num_warmup=500, num_samples=500, num_chains=2, progress_bar=False)
    mcmc.run(random.key(0), t=t, d=d)
    thinned = {name: draws[::2] for name, draws in mcmc.get_samples().items()}
    at = np.linspace(0, 20, 181)
    whole, part = given_data(random.key(1), thinned, t, d, at)

    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(7, 5.2), height_ratios=(3, 2))
    top.plot(t, d, ".", color="#222222", label="data")
    for axes, draws, colour, label in (
        (top, whole, "C0", "90 % of signal + trend"),
        (bottom, part, "C1", "90 % of the signal"),
    ):
        axes.fill_between(at, *hpdi(draws, 0.9), color=colour, alpha=0.3, lw=0, label=label)
        axes.plot(at, draws.mean(axis=0), color=colour, lw=1.3)
    bottom.plot(t, only_signal, color="#222222", ls="--", lw=1, label="truth")
    top.set_ylabel("$d$")
    bottom.set(xlabel="$t$", ylabel="$f$")
    top.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.2))
    bottom.legend(ncols=2, loc="upper left")
    figure.savefig(out / "fig-8-7.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
