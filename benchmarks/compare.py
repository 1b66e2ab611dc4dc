"""Whether two stacks have computed the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

MEANS_MAY_DIFFER = 5.0  # Monte Carlo standard errors


def difference(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> float:
    """The largest relative difference of two lists of arrays; inf where they are no match.

    Elements smaller than the root mean square of their array are measured against that. Equal
    infinities, and nan in both places, are no difference.

    >>> one = {"x": np.array([1.0, 2.0, np.nan])}
    >>> difference(one, one), difference(one, {"x": np.ones(2)})
    (0.0, inf)
    """
    if list(a) != list(b):
        return float("inf")
    return max((_difference(a[k], b[k]) for k in a), default=0.0)


def _difference(x: np.ndarray, y: np.ndarray) -> float:
    if x.shape != y.shape:
        return float("inf")
    x, y = x.astype(float), y.astype(float)
    open_ = ~((x == y) | (np.isnan(x) & np.isnan(y)))
    if not open_.any():
        return 0.0
    if not (np.isfinite(x[open_]).all() and np.isfinite(y[open_]).all()):
        return float("inf")
    largest = np.max(np.abs(x[np.isfinite(x)]))
    if largest == 0.0:
        return float("inf")
    # divided first, so that squares of tiny or huge numbers neither vanish nor overflow
    size = largest * np.sqrt(np.mean((x[np.isfinite(x)] / largest) ** 2))
    return float(np.max(np.abs(x - y)[open_] / np.maximum(np.abs(x[open_]), size)))


def effective(draws: Mapping[str, np.ndarray]) -> float:
    """The smallest bulk effective sample size over all elements of all sites."""
    from bibun.prob.diagnostics import ess_bulk

    return float(min(np.min(ess_bulk(x)) for x in draws.values()))


def mean_distance(
    a: Sequence[Mapping[str, np.ndarray]], b: Sequence[Mapping[str, np.ndarray]]
) -> float:
    """The largest distance of two samples' means, in Monte Carlo standard errors of it.

    A sample is a list of dicts, site -> (runs, draws, ...). inf where the sites differ.
    """
    from bibun.prob.diagnostics import ess_bulk

    if set(a[0]) != set(b[0]):
        return float("inf")

    def mean_and_error(parts: Sequence[Mapping[str, np.ndarray]], name: str) -> tuple:
        x = np.concatenate([p[name] for p in parts])
        variance = x.var(axis=(0, 1)) / ess_bulk(x)
        if len(x) > 3:  # runs that disagree among themselves are worse than their ESS says
            variance = np.maximum(variance, x.mean(axis=1).var(axis=0, ddof=1) / len(x))
        return x.mean(axis=(0, 1)), variance

    worst = 0.0
    for name in a[0]:
        (mean_a, error_a), (mean_b, error_b) = mean_and_error(a, name), mean_and_error(b, name)
        worst = max(worst, float(np.max(np.abs(mean_a - mean_b) / np.sqrt(error_a + error_b))))
    return worst
