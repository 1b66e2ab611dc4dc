"""Greeks of an option by double backpropagation, against the formulas of Black and Scholes.

A call pays max(S_T - K, 0). Its price is a mean over simulated paths, its delta the first
derivative of that mean by the price of the stock today, its gamma the second. The payoff has a
corner, whose second derivative no path would see; `softplus` rounds it a little.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

import bibun.variable as chainer
import bibun.variable.functions as F
from bibun.variable import Variable

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")

STRIKE, RATE, VOLATILITY, YEARS = 100.0, 0.01, 0.1, 1.0
PATHS, STEPS = 20_000, 50


def simulated(spots, rng):
    """(price, delta, gamma), arrays over spots, by one simulation differentiated twice."""
    dt = YEARS / STEPS
    # every path of every spot is an input of its own, so derivatives come out path by path
    start = Variable(np.tile(spots[:, None], (1, PATHS)))
    stocks = start
    for _ in range(STEPS):
        z = rng.normal(size=(1, PATHS))  # the same paths for all spots: smooth curves
        growth = np.exp((RATE - VOLATILITY**2 / 2) * dt + VOLATILITY * np.sqrt(dt) * z)
        stocks = stocks * growth
    payoff = np.exp(-RATE * YEARS) * F.softplus(stocks - STRIKE, beta=3)
    (delta,) = chainer.grad([F.sum(payoff)], [start], enable_double_backprop=True)
    (gamma,) = chainer.grad([F.sum(delta)], [start])
    return [(x.data.mean(1), x.data.std(1) / np.sqrt(PATHS)) for x in (payoff, delta, gamma)]


def black_scholes(s):
    d1 = np.log(s / STRIKE) + (RATE + VOLATILITY**2 / 2) * YEARS
    d1 = d1 / (VOLATILITY * np.sqrt(YEARS))
    d2 = d1 - VOLATILITY * np.sqrt(YEARS)
    price = s * norm.cdf(d1) - STRIKE * np.exp(-RATE * YEARS) * norm.cdf(d2)
    return price, norm.cdf(d1), norm.pdf(d1) / (s * VOLATILITY * np.sqrt(YEARS))


def main(out):
    spots = np.linspace(75, 130, 23)
    fine = np.linspace(75, 130, 300)
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.6))
    rows = zip(
        panels, ("price", "delta", "gamma"), black_scholes(fine),
        simulated(spots, np.random.default_rng(2017)), strict=True,
    )  # fmt: skip
    for axes, name, exact, (mean, error) in rows:
        axes.plot(fine, exact, color="#222222", lw=1.2, label="Black–Scholes")
        axes.errorbar(spots, mean, 2 * error, fmt="o", ms=3.5, lw=1, label="simulated, ± 2 s.e.")
        axes.set(xlabel="price of the stock today", title=name)
    panels[0].legend()
    figure.savefig(out / "fig-greeks.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
