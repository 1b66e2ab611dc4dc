"""The bijection that takes a standard normal vector to a fitted distribution of vectors."""

from __future__ import annotations

import functools
from typing import Any

import bibun.numpy as bnp
from bibun.prob import distributions as dist
from bibun.prob.distributions import transforms as t


@functools.singledispatch
def transport(q: Any) -> Any:
    """A transform T such that T(z) is distributed as `q` where z is standard normal.

    Errors: NotImplementedError, naming the distribution, where none is known.

    >>> T = transport(dist.Normal(bnp.array([1.0, 2.0]), 3.0).to_event(1))
    >>> T(bnp.array([0.0, 1.0])).tolist()
    [1.0, 5.0]
    """
    raise NotImplementedError(
        f"no bijection from a standard normal to {type(q).__name__} is known; use an "
        "AutoDiagonalNormal, AutoMultivariateNormal, AutoLowRankMultivariateNormal, "
        "AutoLaplaceApproximation, AutoIAFNormal or AutoBNAFNormal"
    )


@transport.register
def _(q: dist.Normal) -> Any:
    return t.AffineTransform(q.loc, q.scale)


@transport.register
def _(q: dist.Independent) -> Any:
    return t.IndependentTransform(transport(q.base_dist), q.reinterpreted_batch_ndims)


@transport.register
def _(q: dist.MultivariateNormal) -> Any:
    return t.LowerCholeskyAffine(q.loc, q.scale_tril)


@transport.register
def _(q: dist.LowRankMultivariateNormal) -> Any:
    return t.LowerCholeskyAffine(q.loc, bnp.linalg.cholesky(q.covariance_matrix))


@transport.register
def _(q: dist.TransformedDistribution) -> Any:
    return t.ComposeTransform([transport(q.base_dist), q.transform])
