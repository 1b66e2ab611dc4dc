"""Adaptation during warmup: step size by dual averaging, mass matrix in windows.

Dual averaging: Hoffman & Gelman 2014, section 3.2 (Nesterov 2009). Windows: Stan's scheme of
a fast start, slow windows of doubling length, and a fast end. The mass matrix is estimated
by Welford's algorithm in each slow window and shrunk towards a small multiple of the
identity as in Stan. The windows' ends come between native calls; what happens at every
draw is part of the compiled transition.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp

GAMMA, T0, KAPPA = 0.05, 10.0, 0.75


class DualAveraging(NamedTuple):
    """The state of the step size search, on the log scale."""

    log_step: Any
    log_step_avg: Any
    gradient_avg: Any
    count: Any
    center: Any


def dual_averaging_init(step_size: Any) -> DualAveraging:
    log_step = bnp.log(bnp.asarray(step_size, dtype=float))
    zero = bnp.zeros(())
    return DualAveraging(log_step, zero, zero, zero, log_step + np.log(10.0))


def dual_averaging_update(s: DualAveraging, accept_prob: Any, target: float) -> DualAveraging:
    """One step towards an average acceptance of `target`."""
    count = s.count + 1.0
    weight = 1.0 / (count + T0)
    gradient = (1.0 - weight) * s.gradient_avg + weight * (target - accept_prob)
    log_step = s.center - bnp.sqrt(count) / GAMMA * gradient
    decay = bnp.power(count, -KAPPA)
    average = decay * log_step + (1.0 - decay) * s.log_step_avg
    return DualAveraging(log_step, average, gradient, count, s.center)


class Welford(NamedTuple):
    """Running mean and sum of squares (a vector, or a matrix for a dense mass)."""

    mean: Any
    m2: Any
    count: Any


def welford_init(dimension: int, dense: bool) -> Welford:
    shape = (dimension, dimension) if dense else (dimension,)
    return Welford(bnp.zeros(dimension), bnp.zeros(shape), bnp.zeros(()))


def welford_update(w: Welford, x: Any) -> Welford:
    count = w.count + 1.0
    before = x - w.mean
    mean = w.mean + before / count
    after = x - mean
    if len(w.m2.shape) == 2:
        return Welford(mean, w.m2 + after[:, None] * before[None, :], count)
    return Welford(mean, w.m2 + after * before, count)


def welford_covariance(w: Welford, regularize: bool = True) -> np.ndarray:
    """The estimated (co)variance, shrunk as in Stan."""
    m2, n = np.asarray(w.m2), float(np.asarray(w.count))
    cov = m2 / max(n - 1.0, 1.0)
    if regularize:
        shrunk = n / (n + 5.0) * cov
        small = 1e-3 * (5.0 / (n + 5.0))
        cov = shrunk + (small if cov.ndim == 1 else small * np.eye(len(cov)))
    return cov


def windows(num_warmup: int) -> list[tuple[int, int, bool]]:
    """Stan's schedule: (start, end, whether the mass matrix is learned in it)."""
    if num_warmup < 20:
        return [(0, num_warmup, False)] if num_warmup else []
    start, end, base = 75, 50, 25
    if start + base + end > num_warmup:
        start = int(0.15 * num_warmup)
        end = int(0.1 * num_warmup)
        base = num_warmup - start - end
    schedule = [(0, start, False)]
    at, size = start, base
    last = num_warmup - end
    while at < last:
        following = at + size
        if following + 2 * size > last:
            following = last
        schedule.append((at, following, True))
        at, size = following, 2 * size
    schedule.append((last, num_warmup, False))
    return [w for w in schedule if w[1] > w[0]]
