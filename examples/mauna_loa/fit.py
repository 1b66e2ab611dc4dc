"""Fit to 1991, predict ten years that the model has not seen, and look.

    python examples/mauna_loa/fit.py [--nuts] [mauna_loa.png]

Without `--nuts`, hyperparameters are those of highest posterior density (seconds); with it, they
are sampled, and the prediction is made for each draw (equation 8.48 of document 1; a minute).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from model import (
    PRIORS,
    components,
    hyperparameters,
    model,
    monthly,
    negative_log_posterior,
    process,
)

import bibun
from bibun import lax, random, solvers
from bibun.prob.infer import MCMC, NUTS

UNTIL = 1992.0


def fit(t, co2):
    """The hyperparameters of highest posterior density given z (in the prior's units)."""
    solver = solvers.BFGS(fun=negative_log_posterior, maxiter=200, tol=1e-3)
    z, state = solver.run(np.zeros(len(PRIORS)), t, co2)
    return hyperparameters(z), state


def sampled(t, co2, at, draws=200):
    """Observations at other times, a draw of them for each draw of the hyperparameters."""
    mcmc = MCMC(NUTS(model, target_accept_prob=0.9), num_warmup=200, num_samples=draws)
    mcmc.run(random.key(0), t, co2)
    mcmc.print_summary()

    def one(x):
        p, key = x
        return process(p, t).condition(co2, at, include_noise=True).gp.sample(key)

    keys = random.split(random.key(1), draws)
    return np.asarray(bibun.jit(lambda x: lax.map(one, x))((mcmc.get_samples(), keys)))


def main(picture=None, nuts=False):
    t, co2 = monthly()
    seen = t < UNTIL
    if nuts:
        d = sampled(t[seen], co2[seen], t[~seen])
        low, high = np.quantile(d, [0.025, 0.975], axis=0)
        error = np.sqrt(np.mean((co2[~seen] - d.mean(axis=0)) ** 2))
        covered = np.mean((low < co2[~seen]) & (co2[~seen] < high))
        print(f"sampled: rms error {error:.2f} ppmv, {covered:.0%} within 95 %")
    start = time.perf_counter()
    p, state = fit(t[seen], co2[seen])
    seconds = time.perf_counter() - start
    print(f"{seen.sum()} months, {int(state.iter_num)} iterations, {seconds:.1f} s")
    for name, value in p.items():
        print(f"  {name:14s} {float(value):8.3f}")

    @bibun.jit
    def predict(p, at):
        gp = process(p, t[seen])
        return gp.predict(co2[seen], at, return_var=True, include_noise=True)

    mean, variance = (np.asarray(x) for x in predict(p, t[~seen]))
    z = (co2[~seen] - mean) / np.sqrt(variance)
    error = np.sqrt(np.mean((co2[~seen] - mean) ** 2))
    covered = np.mean(np.abs(z) < 1.96)
    print(f"{(~seen).sum()} months not seen: rms error {error:.2f} ppmv, {covered:.0%} within 95 %")
    if picture:
        draw(picture, p, t, co2, seen, predict)
    return p, error, covered


def draw(path, p, t, co2, seen, predict):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    blue, orange, ink = "#0072B2", "#D55E00", "#222222"
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(9, 6), layout="constrained", height_ratios=(2, 1)
    )
    grid = np.linspace(t[seen][-1], 2012, 500)
    mean, variance = (np.asarray(x) for x in predict(p, grid))
    sd = np.sqrt(variance)
    top.plot(t[seen], co2[seen], ".", ms=2, color=ink, label="monthly means, to 1991")
    top.plot(t[~seen], co2[~seen], ".", ms=3, color=orange, label="not seen by the fit")
    top.plot(grid, mean, color=blue, lw=1, label="prediction, 95 %")
    top.fill_between(grid, mean - 1.96 * sd, mean + 1.96 * sd, color=blue, alpha=0.25, lw=0)
    top.set_ylabel("CO₂ (ppmv)")
    top.legend(frameon=False)
    gp = process(p, t[seen])
    year = np.linspace(0, 1, 200)
    for when, colour in ((1960, orange), (1975, "#009E73"), (1990, blue)):
        wave = gp.predict(
            co2[seen], when + year, kernel=components(p)["season"], include_mean=False
        )
        bottom.plot(12 * year, wave, color=colour, label=str(when))
    bottom.set_xlabel("month")
    bottom.set_ylabel("season (ppmv)")
    bottom.legend(frameon=False)
    for axis in (top, bottom):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    print(path)


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--nuts"]
    main(*arguments, nuts="--nuts" in sys.argv)
