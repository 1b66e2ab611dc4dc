"""Adaptation during warmup: step size by dual averaging, mass matrix in windows.

Dual averaging: Hoffman & Gelman 2014, section 3.2 (Nesterov 2009). Its published constants
search fast: the step swings by a factor of two from draw to draw. Acceptance is a concave function
of the logarithm of the step, so what is 0.8 on average over the swings is about 0.9 at their
middle, and that is the step that a sampler keeps: Stan and NumPyro take shorter steps than they
were asked for. Once a window has taught a metric worth keeping, the search goes on from its last
result with a gain ten times smaller: acceptance is then what `target_accept_prob` says, and where
the posterior is near normal an effective draw costs half the gradients.

The mass matrix is estimated anew at the end of each window from what Welford's algorithm has
gathered in it. Two estimates:

- from draws alone, as in Stan: the (co)variance of the draws, shrunk towards a small multiple
  of the identity; windows are Stan's (a start without, then windows of doubling length).
- from draws and gradients: the scaling under which draws and gradients vary alike, sqrt of
  variance of draws over variance of gradients, and for a full matrix the geometric mean of the
  covariance of draws and the inverse covariance of gradients. It minimises the Fisher
  divergence between the scaled posterior and a standard normal. On a normal posterior a few
  draws give the full matrix exactly, whatever part of it they have seen, so windows may be
  short at first and each is a good start for the next; and the diagonal one is a compromise
  between the scales of marginals and of conditionals, where correlations cannot be removed.
  (Seyboldt, Carlson & Carpenter, "Preconditioning Hamiltonian Monte Carlo by minimizing
  Fisher divergence", 2026; the sampler nutpie.)

The windows' ends come between native calls; what happens at every draw is part of the compiled
transition.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp

GAMMA, T0 = 0.05, 10.0
SETTLED = 0.5  # the GAMMA of a search that starts near its end
LOST = 0.75  # sum of errors in acceptance over the root of their number; chance makes it about 0.2
WIDE = float(np.log(10.0))  # how far above its start a search tends at first
PSEUDO = 5.0  # how many draws the shrinkage of a mass matrix counts for
RIDGE = 1e-2  # and how little uncorrelated those are, relative to the scales
MANY = 100.0  # from so many draws on, variances of draws are scales enough
FULL = 64  # with as many parameters or fewer, a full matrix unless told otherwise


class DualAveraging(NamedTuple):
    """The state of the step size search, on the log scale."""

    log_step: Any
    log_step_avg: Any
    gradient_avg: Any
    count: Any
    center: Any
    gamma: Any


def dual_averaging_init(step_size: Any, settled: bool = False) -> DualAveraging:
    """A search from `step_size`: over orders of magnitude, or `settled`, close around it."""
    log_step = np.log(np.asarray(step_size, dtype=float))
    center, gamma = (log_step, SETTLED) if settled else (log_step + WIDE, GAMMA)
    start, center, gamma = (bnp.asarray(x, dtype=float) for x in (log_step, center, gamma))
    zero = bnp.zeros(())
    return DualAveraging(start, zero, zero, zero, center, gamma)


def dual_averaging_update(s: DualAveraging, accept_prob: Any, target: float) -> DualAveraging:
    """One step towards an average acceptance of `target`.

    A settled search that is lost, its acceptance off for longer than chance explains, begins anew
    over orders of magnitude: a chain may have left a region where no step was short enough.
    """
    count = s.count + 1.0
    root = bnp.sqrt(count)
    weight = 1.0 / (count + T0)
    gradient = (1.0 - weight) * s.gradient_avg + weight * (target - accept_prob)
    log_step = s.center - root / s.gamma * gradient
    decay = 1.0 / (root * bnp.sqrt(root))  # kappa is 3/4
    average = decay * log_step + (1.0 - decay) * s.log_step_avg
    lost = (s.gamma == SETTLED) & (root * bnp.abs(gradient) > LOST)
    found = bnp.where(lost, 0.0, 1.0)
    return DualAveraging(
        log_step, found * average, found * gradient, found * count,
        bnp.where(lost, log_step + WIDE, s.center), bnp.where(lost, GAMMA, s.gamma),
    )  # fmt: skip


class Moments(NamedTuple):
    """What a window gathers: means and sums of squares by Welford's algorithm.

    Of the draws, and in a second row of the gradients of the potential at them if they count.
    `mean`: (rows, d); `m2`: the same, or (rows, d, d) for a full mass matrix.
    """

    mean: Any
    m2: Any
    count: Any


def moments_init(dimension: int, dense: bool, rows: int = 2) -> Moments:
    shape = (rows, dimension, dimension) if dense else (rows, dimension)
    return Moments(bnp.zeros((rows, dimension)), bnp.zeros(shape), bnp.zeros(()))


def moments_update(m: Moments, x: Any) -> Moments:
    """`x`: (rows, d)."""
    count = m.count + 1.0
    before = x - m.mean
    mean = m.mean + before / count
    after = x - mean
    square = after * before if len(m.m2.shape) == 2 else after[:, :, None] * before[:, None, :]
    return Moments(mean, m.m2 + square, count)


def draws_covariance(m: Moments, regularize: bool = True) -> np.ndarray:
    """The estimated (co)variance of the draws, shrunk as in Stan."""
    m2, n = np.asarray(m.m2)[0], float(np.asarray(m.count))
    cov = m2 / max(n - 1.0, 1.0)
    if regularize:
        shrunk = n / (n + 5.0) * cov
        small = 1e-3 * (5.0 / (n + 5.0))
        cov = shrunk + (small if cov.ndim == 1 else small * np.eye(len(cov)))
    return cov


def fisher_metric(m: Moments, before: np.ndarray, regularize: bool = True) -> np.ndarray:
    """The inverse mass from draws and gradients: a vector, or a matrix if one was gathered.

    Where nothing has moved, the variances `before` stay. `regularize`: a few pseudo-draws say
    `before`, and that there are no correlations.
    """
    n = float(np.asarray(m.count))
    z, g = np.asarray(m.m2)
    var_z, var_g = (z, g) if z.ndim == 1 else (np.diag(z), np.diag(g))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = np.sqrt(var_z / var_g)
        if regularize:
            scale = np.exp((n * np.log(scale) + PSEUDO * np.log(before)) / (n + PSEUDO))
    moved = np.isfinite(scale) & (scale > 0)
    scale = np.where(moved, scale, before)
    if z.ndim == 1:
        return scale
    s = np.sqrt(scale)
    few = RIDGE * PSEUDO / (n + PSEUDO) if regularize else 1e-12
    few = np.diag(few * np.where(moved, np.sqrt(var_z * var_g), 1.0))
    root_z = np.linalg.cholesky(z / s[:, None] / s + few)
    root_g = np.linalg.cholesky(g * s[:, None] * s + few)
    # with Z Zᵀ and G Gᵀ of the two, and Gᵀ Z = U S Vᵀ, the geometric mean is G⁻ᵀ U S Uᵀ G⁻¹
    u, size, _ = np.linalg.svd(root_g.T @ root_z)
    half = np.linalg.solve(root_g.T, u * np.sqrt(size)) * s[:, None]
    return half @ half.T


def windows(num_warmup: int) -> list[tuple[int, int, bool]]:
    """Stan's schedule: (start, end, whether the mass matrix is learned in it)."""
    if num_warmup < 20:
        return [(0, num_warmup, False)] if num_warmup else []
    start, end, base = 75, 50, 25
    if start + base + end > num_warmup:
        start = int(0.15 * num_warmup)
        end = int(0.1 * num_warmup)
        base = num_warmup - start - end
    return [(0, start, False), *_doubling(start, num_warmup - end, base, num_warmup)]


def early_windows(num_warmup: int) -> list[tuple[int, int, bool]]:
    """The schedule of the estimate with gradients: it learns from the first draws."""
    if num_warmup < 20:
        return [(0, num_warmup, False)] if num_warmup else []
    end = min(50, int(0.15 * num_warmup))
    return _doubling(0, num_warmup - end, 10, num_warmup)


def _doubling(at: int, last: int, size: int, num_warmup: int) -> list[tuple[int, int, bool]]:
    """Learning windows of doubling size from `at` to `last`, and one for the step size alone."""
    schedule = []
    while at < last:
        following = at + size
        if following + 2 * size > last:
            following = last
        schedule.append((at, following, True))
        at, size = following, 2 * size
    return [*schedule, (last, num_warmup, False)]
