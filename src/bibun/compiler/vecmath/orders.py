"""Integrals by fixed rules: Owen's T function, and K of real order with its order's derivatives.

Owen's T(h, a) = 1/2π ∫_0^a e^{-h²(1+x²)/2}/(1+x²) dx: Gauss and Legendre's rule of 24 points for
a <= 1, as far as the integrand counts; larger a through T(ah, 1/a) and normal tails (Patefield and
Tandy, J. Stat. Software 5, 2000, eq. 2).

e^x ∂^n K_v/∂v^n = ∫_0^∞ t^n {cosh, sinh}(vt) e^{-x (cosh t - 1)} dt (DLMF 10.32.9): the integrand
is even and falls doubly exponentially, so the trapezoidal rule is exact to rounding.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from bibun.compiler.vecmath.num import (
    Num,
    call,
    copysign,
    float64,
    floor,
    fma,
    isnan,
    kernel,
    repeat,
    table,
    where,
    widened,
)

INF, NAN = float("inf"), float("nan")
POINTS = 24
STEPS = 320
_LOGS = tuple(math.log(k / STEPS) if k else -INF for k in range(STEPS + 1))


@functools.cache
def _quadrature() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Nodes and weights of Gauss and Legendre; made when asked for, which imports something."""
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    return tuple(map(float, nodes)), tuple(map(float, weights))


@widened
@kernel
def owens_t(h0: Num, a0: Num) -> Num:
    h, a = abs(h0), abs(a0)
    wide = a > 1.0
    p = where(wide, a * h, h)
    r = where(wide, 1.0 / a, a)
    r = where(r == 0.0, 0.0, r)
    reach = 8.6 / where(p < 1.0, 1.0, p)  # beyond, e^{-p²x²/2} is below 2**-53
    r_cut = where(r > reach, reach, r)
    half = 0.5 * p * p
    nodes, weights = _quadrature()

    def step(k: Num, total: Num) -> tuple[Any, Num]:
        x = r_cut * (0.5 + 0.5 * table(nodes, float64, k))
        square = x * x
        value = call("exp", -half * (1.0 + square)) / (1.0 + square)
        return (fma(table(weights, float64, k), value, total),), p < INF

    (total,) = repeat(p < INF, (p.const(0.0),), step, POINTS)
    y = total * r_cut * (0.25 / math.pi)
    root = math.sqrt(0.5)
    one, two = 0.5 * call("erfc", h * root), 0.5 * call("erfc", where(wide, a * h, 0.0) * root)
    y = where(wide, (0.5 * (one + two) - one * two) - y, y)
    y = where(h == 0.0, call("atan", a) * (0.5 / math.pi), y)
    y = where((a == INF) & (h > 0.0), 0.5 * one, y)
    y = where(h == INF, 0.0, y)
    return where(isnan(h0) | isnan(a0), NAN, copysign(y, a0))


@widened
@kernel
def bessel_ke_by_order(v: Num, x0: Num, n: Num) -> Num:
    """e^x ∂^n K_v(x)/∂v^n, for n = 0, 1, …"""
    inside = (x0 > 0.0) & (x0 < INF)
    x = where(inside, x0, 1.0)
    size = abs(v)

    def wide(ratio: Num) -> Num:
        return call("acosh", 1.0 + where(ratio > 1e300, 1e300, ratio))

    reach = wide(760.0 / x)
    for _ in range(3):  # until the exponential has beaten cosh(v t) t^n
        grown = fma(size, reach, n * call("log1p", reach))
        reach = wide((760.0 + grown) / x)
    spread, log_reach = reach * (1.0 / STEPS), call("log", reach)
    sign = where(floor(0.5 * n) * 2.0 == n, n.const(1.0), -1.0)
    first = where(n == 0.0, 0.5, n.const(0.0))  # the end of the rule; t^n is 0 there for n > 0

    def step(k: Num, total: Num) -> tuple[Any, Num]:
        t = spread * (k.to(float64) + 1.0)
        s = call("sinh", 0.5 * t)
        power = n * (table(_LOGS, float64, k + 1) + log_reach)
        decay = fma(-2.0 * x * s, s, power)
        grow = v * t
        total = total + 0.5 * (call("exp", decay + grow) + sign * call("exp", decay - grow))
        return (total,), inside

    (total,) = repeat(inside, (first,), step, STEPS)
    y = total * spread
    y = where(x0 == 0.0, where(sign > 0.0, x.const(INF), copysign(x.const(INF), v)), y)
    y = where((x0 == 0.0) & (sign < 0.0) & (v == 0.0), 0.0, y)
    y = where(x0 == INF, 0.0, y)
    return where(isnan(v) | isnan(x0) | (x0 < 0.0) | (size == INF), NAN, y)
