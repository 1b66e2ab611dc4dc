"""Carbon dioxide at Mauna Loa: a sum of Gaussian processes with a meaning each.

Rasmussen & Williams (2006), section 5.4.3: a smooth rise, a season that changes slowly,
irregularities of the medium term, and noise that is correlated over weeks. Here the
hyperparameters have priors: about the magnitudes one would guess, each within a factor of two
or so.
"""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np

import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun.gp import GaussianProcess, kernels

DATA = Path(__file__).parent / "mauna-loa-co2.csv"
MEAN = 335.0  # ppmv, about the middle of the record

# name: (median, log standard deviation) of a log-normal prior; ppmv and years
PRIORS = {
    "rise": (60.0, 0.7),
    "rise_scale": (50.0, 0.5),
    "season": (3.0, 0.5),
    "season_life": (80.0, 0.7),
    "season_shape": (1.2, 0.5),
    "medium": (0.7, 0.7),
    "medium_scale": (1.3, 0.7),
    "medium_alpha": (1.0, 0.7),
    "weather": (0.2, 0.7),
    "weather_scale": (0.15, 0.7),
    "noise": (0.2, 0.7),
}


def weekly(path=DATA):
    """(years, ppmv) of all weeks with a measurement."""
    with open(path) as f:
        rows = [r for r in csv.DictReader(f) if r["co2"]]
    days = [date(int(r["date"][:4]), int(r["date"][4:6]), int(r["date"][6:])) for r in rows]
    years = np.array([d.year + (d.timetuple().tm_yday - 0.5) / 365.25 for d in days])
    return years, np.array([float(r["co2"]) for r in rows])


def monthly(path=DATA):
    """(years, ppmv): the means of each month's measurements, at their mean time."""
    years, co2 = weekly(path)
    month = np.floor(years * 12).astype(int)
    _, index, count = np.unique(month, return_inverse=True, return_counts=True)
    return np.bincount(index, years) / count, np.bincount(index, co2) / count


def components(p):
    """The kernels, by name, for hyperparameters `p`."""
    season = kernels.ExpSineSquared(scale=1.0, gamma=p["season_shape"])
    return {
        "rise": p["rise"] ** 2 * kernels.RBF(p["rise_scale"]),
        "season": p["season"] ** 2 * kernels.RBF(p["season_life"]) * season,
        "medium": p["medium"] ** 2
        * kernels.RationalQuadratic(p["medium_scale"], alpha=p["medium_alpha"]),
        "weather": p["weather"] ** 2 * kernels.RBF(p["weather_scale"]),
    }


def process(p, t):
    """The process of CO₂ at times t in years, for hyperparameters `p`."""
    rise, season, medium, weather = components(p).values()
    kernel = rise + season + medium + weather
    return GaussianProcess(kernel, t, diag=p["noise"] ** 2, mean=MEAN)


def model(t, co2=None):
    """`t` in years, `co2` in ppmv."""
    p = {
        name: prob.sample(name, dist.LogNormal(np.log(median), width))
        for name, (median, width) in PRIORS.items()
    }
    prob.sample("co2", process(p, t).distribution(), obs=co2)


def hyperparameters(z):
    """Hyperparameters from as many standard normal numbers."""
    return {
        name: median * bnp.exp(width * z[i])
        for i, (name, (median, width)) in enumerate(PRIORS.items())
    }


def negative_log_posterior(z, t, co2):
    """Minus the log density of z given the data, to a constant: to be minimised."""
    return 0.5 * bnp.sum(z * z) - process(hyperparameters(z), t).log_probability(co2)
