"""The multinomial distribution."""

from __future__ import annotations

import math
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.ops import elementwise as el
from bibun.scipy.special import xlogy
from bibun.scipy.stats._family import floats

__all__ = ["logpmf", "pmf"]


def logpmf(x: Any, n: Any, p: Any) -> Value:
    """Logarithm of the probability of counts x (..., k) in n trials of probabilities p (..., k).

    -inf unless x is whole, not negative and sums to n; nan unless p is not negative and sums
    to 1.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import multinomial
    >>> round(float(multinomial.logpmf(bnp.array([1, 2]), 3, bnp.array([0.4, 0.6]))), 6)
    -0.83933
    """
    x, n, p = floats("multinomial.logpmf", x, n, p)
    bad = bnp.any((x < 0) | (el.floor(x) != x), -1) | (bnp.sum(x, -1) != n)
    counts = bnp.where(x < 0, 0.0, x)
    ways = el.lgamma(n + 1) - bnp.sum(el.lgamma(counts + 1), -1)
    out = bnp.where(bad, -math.inf, ways + bnp.sum(xlogy(counts, p), -1))
    good = bnp.all(p >= 0, -1) & (bnp.abs(bnp.sum(p, -1) - 1) < 1e-7)
    return bnp.where(good, out, math.nan)


def pmf(x: Any, n: Any, p: Any) -> Value:
    """Probability of counts; arguments as of `logpmf`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import multinomial
    >>> round(float(multinomial.pmf(bnp.array([1, 2]), 3, bnp.array([0.4, 0.6]))), 6)
    0.432
    """
    return el.exp(logpmf(x, n, p))
