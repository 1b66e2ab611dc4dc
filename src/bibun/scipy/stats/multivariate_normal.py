"""The multivariate normal distribution."""

from __future__ import annotations

import math
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.ops import elementwise as el
from bibun.scipy.stats._family import floats

__all__ = ["logpdf", "pdf"]


def logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: None = None) -> Value:
    """Logarithm of the density of the multivariate normal distribution.

    x: (..., d), or (...) for one dimension. mean: (d,) or broadcasting against x, 0 by
    default. cov: a matrix (..., d, d), or a number or (d,) variances of independent
    components. By a Cholesky factorisation: nan where cov is not positive definite.
    Differentiable in x, mean and cov.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import multivariate_normal
    >>> round(float(multivariate_normal.logpdf(bnp.zeros(2), bnp.zeros(2), bnp.eye(2))), 6)
    -1.837877
    """
    if allow_singular is not None:
        raise NotImplementedError("multivariate_normal: allow_singular is not supported")
    args = [x, cov] if mean is None else [x, cov, mean]
    x, cov, *means = floats("multivariate_normal.logpdf", *args)
    gap = x - means[0] if means else x
    if cov.ndim < 2:
        if gap.ndim == 0:
            gap = gap.reshape(1)
        elif cov.ndim == 0 and (not means or means[0].ndim == 0):
            gap = gap[..., None]  # points on the line
        variances = bnp.broadcast_to(cov, gap.shape[-1:])
        square = bnp.sum(gap * gap / variances, -1)
        log_det = bnp.sum(el.log(variances))
        return -0.5 * (square + log_det + gap.shape[-1] * math.log(2 * math.pi))
    d = cov.shape[-1]
    if cov.shape[-2] != d or (gap.ndim and gap.shape[-1] not in (1, d)):
        raise ShapeError(
            f"multivariate_normal.logpdf: cov of shape {cov.shape} does not fit x - mean of "
            f"shape {gap.shape}; expected (..., d, d) and (..., d)"
        )
    from bibun.ops.linalg import triangular_solve

    factor = bnp.linalg.cholesky(cov)
    lead = bnp.broadcast_shapes(gap.shape[:-1], cov.shape[:-2])
    log_det = bnp.sum(el.log(bnp.diagonal(factor, 0, -2, -1)), -1)
    gap = bnp.broadcast_to(gap, (*lead, d))
    if cov.ndim == 2:  # one factor, all points as right-hand sides
        columns = gap.reshape(-1, d).T
    else:
        factor = bnp.broadcast_to(factor, (*lead, d, d))
        columns = gap[..., None]
    white = triangular_solve(
        factor, columns, left_side=True, lower=True, transpose_a=False, conjugate_a=False,
        unit_diagonal=False,
    )  # fmt: skip
    square = bnp.sum(white * white, -2)
    return -0.5 * (square.reshape(lead) + d * math.log(2 * math.pi)) - log_det


def pdf(x: Any, mean: Any = None, cov: Any = 1) -> Value:
    """Density of the multivariate normal distribution; arguments as of `logpdf`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import multivariate_normal
    >>> round(float(multivariate_normal.pdf(bnp.zeros(2), bnp.zeros(2), bnp.eye(2))), 6)
    0.159155
    """
    return el.exp(logpdf(x, mean, cov))
