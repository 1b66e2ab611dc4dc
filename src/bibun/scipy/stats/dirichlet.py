"""The Dirichlet distribution."""

from __future__ import annotations

import math
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.ops import elementwise as el
from bibun.scipy.special import xlogy
from bibun.scipy.stats._family import floats

__all__ = ["logpdf", "pdf"]


def logpdf(x: Any, alpha: Any) -> Value:
    """Logarithm of the density of the Dirichlet distribution.

    x: (k, ...) points of the simplex along the first axis, or (k - 1, ...) without the last
    coordinate; alpha: (k,) positive. -inf off the simplex, nan for other alpha.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import dirichlet
    >>> round(float(dirichlet.logpdf(bnp.array([0.2, 0.8]), bnp.array([2.0, 3.0]))), 6)
    0.429182
    """
    x, alpha = floats("dirichlet.logpdf", x, alpha)
    if alpha.ndim != 1 or x.ndim == 0 or x.shape[0] not in (alpha.shape[0], alpha.shape[0] - 1):
        raise ShapeError(
            f"dirichlet.logpdf: x of shape {x.shape} and alpha of shape {alpha.shape}; "
            "expected (k, ...) or (k - 1, ...), and (k,)"
        )
    if x.shape[0] == alpha.shape[0] - 1:
        x = bnp.concatenate([x, 1 - bnp.sum(x, 0, keepdims=True)])
    off = bnp.any(x < 0, 0) | (bnp.abs(bnp.sum(x, 0) - 1) > 1e-7)
    inside = bnp.where(off, 1.0, x)
    powers = bnp.sum(xlogy(alpha.reshape(-1, *(1,) * (x.ndim - 1)) - 1, inside), 0)
    size = el.lgamma(bnp.sum(alpha)) - bnp.sum(el.lgamma(alpha))
    return bnp.where(bnp.all(alpha > 0), bnp.where(off, -math.inf, powers + size), math.nan)


def pdf(x: Any, alpha: Any) -> Value:
    """Density of the Dirichlet distribution; arguments as of `logpdf`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import dirichlet
    >>> round(float(dirichlet.pdf(bnp.array([0.2, 0.8]), bnp.array([2.0, 3.0]))), 6)
    1.536
    """
    return el.exp(logpdf(x, alpha))
