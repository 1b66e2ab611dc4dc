"""Two posteriors in one corner plot: what thirty more points tell.

`plot_pair` takes the axes of an earlier call, so a second posterior is drawn over the first.
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
from bibun.prob.infer import MCMC, NUTS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # ArviZ on its own future
    import arviz

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")

TRUTH = {"amplitude": 1.0, "phase": 0.5, "sigma": 0.3}


def model(x, y):
    amplitude = prob.sample("amplitude", dist.HalfNormal(3.0))
    phase = prob.sample("phase", dist.Uniform(-np.pi, np.pi))
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    prob.sample("y", dist.Normal(amplitude * bnp.sin(x + phase), sigma), obs=y)


def posterior(x, y):
    mcmc = MCMC(NUTS(model), num_warmup=1000, num_samples=2000, progress_bar=False)
    mcmc.run(random.key(0), x=x, y=y)
    return mcmc.to_arviz()


def main(out):
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 4 * np.pi, 50)
    y = np.sin(x + 0.5) + rng.normal(0, 0.3, x.size)

    axes = None
    for points, colour in ((20, "C0"), (50, "C1")):
        axes = arviz.plot_pair(
            posterior(x[:points], y[:points]), var_names=list(TRUTH), kind="scatter",
            marginals=True, ax=axes, figsize=(6.6, 6.2), textsize=10, reference_values=TRUTH,
            scatter_kwargs={"color": colour, "alpha": 0.15, "s": 4, "lw": 0},
            marginal_kwargs={"color": colour},
            reference_values_kwargs={"color": "#222222", "marker": "+", "markersize": 11},
        )  # fmt: skip
    figure = axes[0, 0].figure
    labels = (("C0", "20 points"), ("C1", "50 points"))
    handles = [plt.Line2D([], [], color=colour, label=label) for colour, label in labels]
    figure.legend(handles=handles, loc="upper right")
    figure.savefig(out / "fig-b-1.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
