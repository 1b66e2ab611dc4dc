"""Guides with a normal for each element of a batch: correlated within, independent between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Unpack

import numpy as np

import bibun.numpy as bnp
from bibun.errors import ShapeError
from bibun.prob import distributions as dist
from bibun.prob import handlers
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions import transforms as t
from bibun.prob.infer.autoguide.base import GuideOptions
from bibun.prob.infer.autoguide.continuous import AutoContinuous
from bibun.prob.primitives import param


class _Batched(AutoContinuous):
    """All latent sites have the same `batch_ndim` leading axes.

    The flat vector is a permutation of a matrix with one row an element of the batch.
    """

    def __init__(
        self, model: Callable[..., Any], *, batch_ndim: int = 1, **options: Unpack[GuideOptions]
    ) -> None:
        super().__init__(model, **options)
        if batch_ndim < 1:
            raise ValueError(f"batch_ndim must be at least 1, got {batch_ndim}")
        self.batch_ndim = int(batch_ndim)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The axes that all latent sites share. Errors: ShapeError where they do not."""
        shapes = {k: s[: self.batch_ndim] for k, s in self._need().shapes.items()}
        first = next(iter(shapes.values()))
        if len(first) < self.batch_ndim or any(s != first for s in shapes.values()):
            raise ShapeError(
                f"{type(self).__name__}: all latent sites must have the same {self.batch_ndim} "
                f"leading axes, unconstrained; got {self._need().shapes}"
            )
        return first

    @property
    def _order(self) -> np.ndarray:
        """Where in the rows of the matrix each element of the flat vector is."""
        flat, count = self._need(), int(np.prod(self.batch_shape))
        numbers = np.arange(flat.dimension).reshape(count, -1)
        order, at = [], 0
        for size in flat.sizes.values():
            width = size // count
            order.append(numbers[:, at : at + width].reshape(-1))
            at += width
        return np.concatenate(order)

    def _rows(self) -> Any:
        """The distribution of rows: of batch shape (elements,)."""
        raise NotImplementedError

    def _matrix(self) -> tuple[int, int]:
        count = int(np.prod(self.batch_shape))
        return count, self.latent_dim // count

    def _start_rows(self) -> Any:
        rows = np.empty(self.latent_dim)
        rows[self._order] = np.asarray(self._start)
        return bnp.asarray(rows.reshape(self._matrix()))

    def _posterior(self) -> Any:
        rows = self._rows().to_event(1)
        flatten = t.ReshapeTransform((self.latent_dim,), self._matrix())
        return dist.TransformedDistribution(rows, [flatten, t.PermuteTransform(self._order)])

    def _moments(self, params: Mapping[str, Any]) -> tuple[Any, Any]:
        with handlers.block():
            rows = handlers.substitute(self._rows, data=dict(params))()
        return tuple(bnp.reshape(m, (-1,))[self._order] for m in (rows.mean, rows.variance))  # type: ignore[return-value]


class AutoBatchedMultivariateNormal(_Batched):
    """A multivariate normal for each element of the leading `batch_ndim` axes of all sites.

    >>> from bibun import optim, prob
    >>> from bibun.prob.infer import SVI, Trace_ELBO
    >>> def model():
    ...     with prob.plate("n", 5):
    ...         x = prob.sample("x", dist.Normal(0.0, 1.0))
    ...         prob.sample("y", dist.Normal(x, 0.1))
    >>> guide = AutoBatchedMultivariateNormal(model)
    >>> svi = SVI(model, guide, optim.adam(0.01), Trace_ELBO())
    >>> svi.get_params(svi.init(0))["auto_scale_tril"].shape
    (5, 2, 2)
    """

    def _rows(self) -> Any:
        count, width = self._matrix()
        loc = param(f"{self.prefix}_loc", self._start_rows())
        scale_tril = param(
            f"{self.prefix}_scale_tril",
            bnp.broadcast_to(bnp.eye(width) * self.init_scale, (count, width, width)),
            constraint=c.scaled_unit_lower_cholesky,
        )
        return dist.MultivariateNormal(loc, scale_tril=scale_tril, validate_args=False)


class AutoBatchedLowRankMultivariateNormal(_Batched):
    """A normal of low rank plus a diagonal for each element of the leading axes of all sites.

    `rank`: by default the square root of an element's dimension.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        rank: int | None = None,
        batch_ndim: int = 1,
        **options: Unpack[GuideOptions],
    ) -> None:
        super().__init__(model, batch_ndim=batch_ndim, **options)
        self.rank = rank

    def _rows(self) -> Any:
        count, width = self._matrix()
        rank = round(width**0.5) if self.rank is None else self.rank
        loc = param(f"{self.prefix}_loc", self._start_rows())
        factor = param(f"{self.prefix}_cov_factor", bnp.zeros((count, width, rank)))
        scale = param(
            f"{self.prefix}_scale", bnp.full((count, width), self.init_scale),
            constraint=c.softplus_positive,
        )  # fmt: skip
        return dist.LowRankMultivariateNormal(
            loc, factor * scale[..., None], scale * scale, validate_args=False
        )
