"""How well a model would predict data it has not seen: PSIS-LOO and WAIC.

Both estimate the expected log predictive density (elpd) of each observation from the draws of
one fit. Leaving observation i out reweights the draws by 1 / p(y_i | draw): the largest weights
are replaced by expected order statistics of a generalised Pareto distribution fitted to
them, whose shape k says whether the estimate can be trusted. WAIC corrects the density of the data
that were fitted by its variance over the draws.

Sources: Vehtari, Gelman & Gabry 2017 (LOO, WAIC); Vehtari, Simpson, Gelman, Yao & Gabry 2024
(PSIS, its diagnostics); Zhang & Stephens 2009 (the fit of the tail); Watanabe 2010.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class ELPD:
    """An estimate of expected log predictive density.

    `elpd`: the sum over observations; `se`: its standard error; `p`: effective number of
    parameters; `pointwise`: (observations,); `k`: shapes of the tails (PSIS-LOO only).
    """

    kind: str
    elpd: float
    se: float
    p: float
    pointwise: np.ndarray
    k: np.ndarray | None = None
    threshold: float = 0.7

    @property
    def bad(self) -> np.ndarray:
        """Observations whose k is above the threshold: their estimates cannot be trusted."""
        return np.zeros(0, int) if self.k is None else np.flatnonzero(self.k > self.threshold)

    def compare(self, other: ELPD) -> tuple[float, float]:
        """Difference of elpd to that of another model of the same data, and its standard error."""
        if self.pointwise.shape != other.pointwise.shape:
            raise ValueError(
                f"the models have {len(self.pointwise)} and {len(other.pointwise)} observations"
            )
        d = self.pointwise - other.pointwise
        return float(d.sum()), float(np.sqrt(len(d)) * d.std(ddof=0))

    def __str__(self) -> str:
        text = f"elpd_{self.kind} {self.elpd:.2f} (se {self.se:.2f}), p_{self.kind} {self.p:.2f}"
        if self.k is not None:
            text += f", {len(self.bad)} of {len(self.k)} with k > {self.threshold:.2f}"
        return text


def _matrix(log_likelihood: Any) -> np.ndarray:
    """Draws by observations, of (chains, draws, ...) for one site or a mapping of sites."""
    if hasattr(log_likelihood, "get_samples"):
        from bibun.prob.infer.arviz import pointwise_log_likelihood

        log_likelihood = pointwise_log_likelihood(log_likelihood)
    sites = log_likelihood if isinstance(log_likelihood, Mapping) else {"": log_likelihood}
    parts = []
    for name, value in sites.items():
        x = np.asarray(value, dtype=float)
        if x.ndim < 2:
            raise ValueError(f"log likelihood {name!r} must be (chains, draws, ...), got {x.shape}")
        parts.append(x.reshape(x.shape[0] * x.shape[1], -1))
    if not parts:
        raise ValueError("there is no observed site to compute a log likelihood of")
    matrix = np.concatenate(parts, axis=1)
    if np.any(np.isnan(matrix)):
        raise ValueError("the log likelihood has nan")
    return matrix


def _log_mean_exp(x: np.ndarray) -> np.ndarray:
    top = x.max(axis=0)
    return top + np.log(np.mean(np.exp(x - top), axis=0))


def waic(log_likelihood: Any) -> ELPD:
    """The widely applicable information criterion, on the scale of elpd (higher is better).

    `log_likelihood`: a finished MCMC, or (chains, draws, ...), or site -> the like.

    >>> rng = np.random.default_rng(0)
    >>> ll = -0.5 * (rng.normal(size=(2, 500, 1)) * 0.1 - rng.normal(size=20)) ** 2
    >>> bool(waic(ll).p < 1)
    True
    """
    x = _matrix(log_likelihood)
    variance = x.var(axis=0, ddof=1)
    pointwise = _log_mean_exp(x) - variance
    if np.any(variance > 0.4):
        warnings.warn(
            f"WAIC: the log density of {int(np.sum(variance > 0.4))} observations varies by more "
            "than 0.4 over the draws; use loo, which says where it can be trusted",
            RuntimeWarning, stacklevel=2,
        )  # fmt: skip
    return _result("waic", pointwise, variance.sum(), None, 0.4)


def loo(log_likelihood: Any, r_eff: float = 1.0) -> ELPD:
    """Leave-one-out cross-validation by Pareto-smoothed importance sampling.

    `log_likelihood`: a finished MCMC, or (chains, draws, ...), or site -> the like. `r_eff`: the
    draws' relative efficiency, effective over actual number; it sets the tail's length.
    Warns where some k is above min(1 - 1/log10(draws), 0.7).

    >>> rng = np.random.default_rng(0)
    >>> ll = -0.5 * (rng.normal(size=(2, 500, 1)) * 0.1 - rng.normal(size=20)) ** 2
    >>> len(loo(ll).bad)
    0
    """
    x = _matrix(log_likelihood)
    weights, k = psis(-x, r_eff)
    pointwise = _log_sum_exp(weights + x)
    threshold = min(1.0 - 1.0 / np.log10(len(x)), 0.7) if len(x) > 10 else 0.0
    result = _result("loo", pointwise, float(np.sum(_log_mean_exp(x) - pointwise)), k, threshold)
    if len(result.bad):
        warnings.warn(
            f"LOO: k > {threshold:.2f} at {len(result.bad)} of {len(k)} observations (such as "
            f"{result.bad[:5].tolist()}): one draw or few decide there; fit without them",
            RuntimeWarning, stacklevel=2,
        )  # fmt: skip
    return result


def _result(kind: str, pointwise: np.ndarray, p: float, k: Any, threshold: float) -> ELPD:
    se = float(np.sqrt(len(pointwise)) * pointwise.std(ddof=0))
    return ELPD(kind, float(pointwise.sum()), se, float(p), pointwise, k, threshold)


def _log_sum_exp(x: np.ndarray) -> np.ndarray:
    top = x.max(axis=0)
    return top + np.log(np.sum(np.exp(x - top), axis=0))


def psis(log_ratios: Any, r_eff: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Pareto-smoothed log weights, normalised, and shapes k, of (draws, ...) log ratios.

    >>> import numpy as np
    >>> weights, k = psis(np.random.default_rng(0).normal(size=1000) * 0.1)
    >>> bool(k < 0.7), weights.shape
    (True, (1000,))
    """
    x = np.array(log_ratios, dtype=float)
    flat = x.reshape(len(x), -1)
    draws = len(flat)
    size = int(np.ceil(min(0.2 * draws, 3.0 * np.sqrt(draws / r_eff))))
    shapes = np.full(flat.shape[1], np.inf)
    for j in range(flat.shape[1]):
        column = flat[:, j] - flat[:, j].max()
        if size > 4:
            order = np.argsort(column)[-size - 1 :]
            edge, tail = np.exp(max(column[order[0]], np.log(np.finfo(float).tiny))), order[1:]
            excess = np.exp(column[tail]) - edge
            tail, excess = tail[excess > 0], excess[excess > 0]
            if len(tail) > 4 and excess[-1] > excess[0]:
                k, scale = fit_pareto(excess)
                shapes[j] = k
                at = (np.arange(len(tail)) + 0.5) / len(tail)
                quantiles = (
                    -scale * np.log1p(-at) if abs(k) < 1e-12
                    else scale * np.expm1(-k * np.log1p(-at)) / k
                )  # fmt: skip
                column[tail] = np.minimum(np.log(quantiles + edge), 0.0)
            elif len(tail) <= 4 or excess[-1] == excess[0]:
                shapes[j] = -np.inf if np.ptp(column) < 1e-12 else np.inf
        flat[:, j] = column - _log_sum_exp(column)
    return flat.reshape(x.shape), shapes.reshape(x.shape[1:])


def fit_pareto(excess: np.ndarray) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution, of ascending positive excesses.

    Zhang & Stephens' quasi-Bayesian estimate of b = -k/scale, and a weak prior on k (ten
    observations' worth of 0.5) as in Vehtari et al. 2024, appendix G.
    """
    n = len(excess)
    grid = 30 + int(np.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    b = 1.0 / excess[-1] + (1.0 - np.sqrt(grid / (np.arange(grid) + 0.5))) / (3.0 * quartile)
    k = np.log1p(-b[:, None] * excess).mean(axis=1)
    profile = n * (np.log(-b / k) - k - 1.0)
    weights = np.exp(profile - profile.max())
    best = float(np.sum(b * weights) / np.sum(weights))
    shape = float(np.log1p(-best * excess).mean())
    return (n * shape + 10 * 0.5) / (n + 10), -shape / best
