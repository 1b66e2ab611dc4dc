"""Kepler's equation and the radial velocity of a star with one planet.

A velocity is wanted at times t for a period P, a transit at time T, a semi-amplitude K and
the eccentricity vector (k, h) = (e cos ω, e sin ω), ω the argument of periastron of the
star's orbit. With e and ω themselves, an almost circular orbit is a trap for a sampler: ω
means nothing there and everything bends around e = 0. So angles are measured from the sky
plane and not from the periastron (Broucke & Cefola 1972): with the mean longitude λ = M + ω
and the eccentric longitude F = E + ω, Kepler's equation M = E - e sin E reads

    λ = F - k sin F + h cos F,                                                   (1)

and nothing in it is special at e = 0. With η = √(1 - e²), β = 1/(1 + η), the true longitude
L = ν + ω (ν the true anomaly), r the distance over the semi-major axis:

    r cos L = (1 - βh²) cos F + βhk sin F - k
    r sin L = (1 - βk²) sin F + βhk cos F - h,    r = 1 - k cos F - h sin F       (2)

    velocity = K (cos(ν + ω) + e cos ω) = K (cos L + k).

In transit the planet stands between the star and us, which is L = π/2: the star is farthest
from us and then falls towards us, its velocity decreases. There r = (1 - e²)/(1 + h), so
that (2), solved for F, gives

    cos F = k - βhk r/η,    sin F = h + (1 - βh²) r/η,                            (3)

(1) the mean longitude λ_T of the transit, and λ(t) = λ_T + 2π (t - T)/P at all times. (The
time of periastron passage would be T - P M_T/2π with M_T = λ_T - ω: `periastron` has it.)
"""

from __future__ import annotations

import bibun
import bibun.numpy as bnp
from bibun import lax

TOLERANCE = 1e-12  # radians
MAX_STEPS = 50


def kepler_newton(mean, k, h):
    """The eccentric longitude F of equation (1), by Newton's method; `mean` in radians.

    The steps are limited to half a radian, which makes it converge from this start for
    every e < 1 and costs nothing where e is small.
    """

    def step(state):
        f, _, count = state
        error = f - k * bnp.sin(f) + h * bnp.cos(f) - mean
        slope = 1 - k * bnp.cos(f) - h * bnp.sin(f)
        change = bnp.clip(error / slope, -0.5, 0.5)
        return f - change, bnp.max(bnp.abs(change)), count + 1

    def unfinished(state):
        _, change, count = state
        return (change > TOLERANCE) & (count < MAX_STEPS)

    start = mean + k * bnp.sin(mean) - h * bnp.cos(mean)
    f, _, _ = lax.while_loop(unfinished, step, (start, bnp.asarray(1.0), 0))
    return f


@bibun.custom_vjp
def kepler(mean, k, h):
    """The same F, with its derivative by the implicit function theorem.

    Equation (1) holds whatever the arguments are; differentiated, it says
    r dF = dλ + sin F dk - cos F dh. So the backward pass needs no loop and no tape.
    """
    return kepler_newton(mean, k, h)


def _forward(mean, k, h):
    f = kepler_newton(mean, k, h)
    return f, (f, k, h)


def _backward(residuals, cotangent):
    f, k, h = residuals
    w = cotangent / (1 - k * bnp.cos(f) - h * bnp.sin(f))
    return w, bnp.sum(w * bnp.sin(f)), -bnp.sum(w * bnp.cos(f))


kepler.defvjp(_forward, _backward)


def transit_longitude(k, h):
    """The mean longitude λ_T at which the planet transits: equations (3) and (1)."""
    eta = bnp.sqrt(1 - k * k - h * h)
    beta = 1 / (1 + eta)
    r = eta * eta / (1 + h)
    cos_f = k - beta * h * k * r / eta
    sin_f = h + (1 - beta * h * h) * r / eta
    return bnp.arctan2(sin_f, cos_f) - k * sin_f + h * cos_f


def radial_velocity(t, period, transit, amplitude, k, h, solve=kepler):
    """Velocity of the star in the unit of `amplitude`; `t`, `period`, `transit` in days.

    `k`, `h`: e cos ω and e sin ω. `solve`: `kepler`, or `kepler_newton` to differentiate
    straight through the loop.
    """
    turns = (t - transit) / period
    mean = transit_longitude(k, h) + 2 * bnp.pi * (turns - bnp.floor(turns))
    f = solve(mean, k, h)
    cos_f, sin_f = bnp.cos(f), bnp.sin(f)
    beta = 1 / (1 + bnp.sqrt(1 - k * k - h * h))
    cos_l = ((1 - beta * h * h) * cos_f + beta * h * k * sin_f - k) / (1 - k * cos_f - h * sin_f)
    return amplitude * (cos_l + k)


def periastron(period, transit, k, h):
    """The time of periastron passage that belongs to a transit; days, as `transit`."""
    anomaly = transit_longitude(k, h) - bnp.arctan2(h, k)
    return transit - period * anomaly / (2 * bnp.pi)
