"""The multivariate normal distribution."""

from __future__ import annotations

import math
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.ops import elementwise as el
from bibun.scipy.stats._family import floats

__all__ = ["entropy", "logpdf", "pdf"]


def logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool | None = None) -> Value:
    """Logarithm of the density of the multivariate normal distribution.

    x: (..., d), or (...) for one dimension. mean: (d,) or broadcasting against x, 0 by
    default. cov: a matrix (..., d, d), or a number or (d,) variances of independent
    components. By a Cholesky factorisation: nan where cov is not positive definite.
    allow_singular: cov, of a matrix, may be semidefinite; the density is then that on the plane
    which its range spans around the mean, and 0 off it. By eigenvalues, those below 1e6 eps of the
    largest counting as 0. Differentiable in x, mean and cov.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import multivariate_normal
    >>> round(float(multivariate_normal.logpdf(bnp.zeros(2), bnp.zeros(2), bnp.eye(2))), 6)
    -1.837877
    """
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
    if allow_singular:
        return _on_a_plane(gap, cov)
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


def _on_a_plane(gap: Value, cov: Value) -> Value:
    w, v = bnp.linalg.eigh(cov)
    least = 1e6 * bnp.finfo(w.dtype).eps * bnp.max(bnp.abs(w), -1, keepdims=True)
    spread = w > least
    parts = (bnp.broadcast_to(gap, (*gap.shape[:-1], cov.shape[-1]))[..., None, :] @ v)[..., 0, :]
    square = bnp.sum(bnp.where(spread, parts * parts / bnp.where(spread, w, 1.0), 0.0), -1)
    log_det = bnp.sum(bnp.where(spread, el.log(bnp.where(spread, w, 1.0)), 0.0), -1)
    off = bnp.sum(bnp.where(spread, 0.0, parts * parts), -1) > least[..., 0] ** 2
    y = -0.5 * (square + log_det + bnp.sum(spread, -1) * math.log(2 * math.pi))
    valid = bnp.all(w > -least, -1)
    return bnp.where(valid, bnp.where(off, -math.inf, y), math.nan)


def entropy(mean: Any = None, cov: Any = 1) -> Value:
    """Entropy of the multivariate normal distribution, in nats; `mean` gives the dimension only.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import multivariate_normal
    >>> round(float(multivariate_normal.entropy(cov=bnp.eye(2))), 6)
    2.837877
    """
    (cov,) = floats("multivariate_normal.entropy", cov)
    d = cov.shape[-1] if cov.ndim else bnp.size(0.0 if mean is None else mean)
    if cov.ndim < 2:
        log_det = bnp.sum(el.log(bnp.broadcast_to(cov, (d,))))
    else:
        factor = bnp.linalg.cholesky(cov)
        log_det = 2 * bnp.sum(el.log(bnp.diagonal(factor, 0, -2, -1)), -1)
    return 0.5 * (log_det + d * math.log(2 * math.pi * math.e))


def pdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool | None = None) -> Value:
    """Density of the multivariate normal distribution; arguments as of `logpdf`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy.stats import multivariate_normal
    >>> round(float(multivariate_normal.pdf(bnp.zeros(2), bnp.zeros(2), bnp.eye(2))), 6)
    0.159155
    """
    return el.exp(logpdf(x, mean, cov, allow_singular))
