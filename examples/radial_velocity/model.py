"""Two planets of K2-24 in the radial velocities of their star.

    bibun fit examples/radial_velocity/model.py examples/radial_velocity/k2-24.csv --out results/

The columns of the table arrive as the arguments of `model`, by their names.
"""

from __future__ import annotations

from kepler import kepler, radial_velocity

import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist

# Periods and transit times, from the light curve (Petigura et al. 2016); days, BJD - 2454833.
PLANETS = {"b": (20.885258, 2072.79438), "c": (42.363011, 2082.62516)}
EPOCH = 2420.0  # where the offset is measured, in the middle of the observations
YEAR = 365.25

settings = {
    "x": "t",
    "show": "K_b,K_c,gamma,trend,jitter,e_b,e_c,ecosw_b,esinw_b,ecosw_c,esinw_c",
}


def planet(name, t, solve):
    """The velocity that one planet gives the star, m/s."""
    period, transit = PLANETS[name]
    amplitude = prob.sample(f"K_{name}", dist.HalfNormal(20.0))
    # Planets of transiting systems of several planets have small eccentricities: Rayleigh
    # with scale 0.05 (Van Eylen & Albrecht 2015), that is, two normal components. Dividing
    # by √(1 + |v|²) keeps e below 1 wherever the sampler looks, and changes nothing else.
    v = 0.05 * prob.sample(f"v_{name}", dist.Normal(0.0, 1.0).expand((2,)).to_event(1))
    k, h = v / bnp.sqrt(1 + bnp.sum(v * v))
    prob.deterministic(f"ecosw_{name}", k)
    prob.deterministic(f"esinw_{name}", h)
    prob.deterministic(f"e_{name}", bnp.sqrt(k * k + h * h))
    return radial_velocity(t, period, transit, amplitude, k, h, solve)


def model(t, vel, errvel, solve=kepler):
    """`t` in days, `vel` and `errvel` in m/s."""
    gamma = prob.sample("gamma", dist.Normal(0.0, 10.0))  # offset, m/s
    trend = prob.sample("trend", dist.Normal(0.0, 50.0))  # m/s a year
    jitter = prob.sample("jitter", dist.HalfNormal(5.0))  # of the star, m/s
    mean = gamma + trend * (t - EPOCH) / YEAR
    for name in PLANETS:
        mean = mean + planet(name, t, solve)
    prob.sample("vel", dist.Normal(mean, bnp.sqrt(errvel**2 + jitter**2)), obs=vel)
