"""Normal vectors and matrices whose covariance has structure that is cheaper than its entries.

Low rank plus diagonal: all algebra in the rank, by Woodbury's identity. Kronecker product:
a factor for rows and one for columns. A graph: the precision is written down, and its
determinant comes from the eigenvalues of the graph. A copula: only the dependence is normal.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.errors import ShapeError
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, _Wrapper, one_of
from bibun.prob.distributions.multivariate import (
    MultivariateNormal,
    _log_diagonal,
    _mahalanobis,
    _solve_lower,
)
from bibun.prob.distributions.special import LOG_2PI
from bibun.scipy.special import ndtr, ndtri
from bibun.trace.core import concrete


def _transposed(x: Any) -> Any:
    return bnp.swapaxes(x, -1, -2)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors with covariance W Wᵀ + diag(d): `cov_factor` W (..., n, k), `cov_diag` d.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.LowRankMultivariateNormal(bnp.zeros(3), bnp.ones((3, 1)), bnp.ones(3))
    >>> d.variance.tolist()
    [2.0, 2.0, 2.0]
    """

    arg_constraints = {
        "loc": c.real_vector,
        "cov_factor": c.real_matrix,
        "cov_diag": c.independent(c.positive, 1),
    }
    support = c.real_vector
    reparametrized_params = ("loc", "cov_factor", "cov_diag")

    def __init__(
        self, loc: Any, cov_factor: Any, cov_diag: Any, *, validate_args: bool | None = None
    ) -> None:
        loc, cov_factor, cov_diag = (bnp.asarray(x) for x in (loc, cov_factor, cov_diag))
        if loc.ndim < 1 or cov_factor.ndim < 2 or cov_diag.ndim < 1:
            raise ShapeError(
                "LowRankMultivariateNormal: expected loc (..., n), cov_factor (..., n, k) and "
                f"cov_diag (..., n), got shapes {loc.shape}, {cov_factor.shape}, {cov_diag.shape}"
            )
        n = loc.shape[-1]
        if cov_factor.shape[-2] != n or cov_diag.shape[-1] != n:
            raise ShapeError(
                f"LowRankMultivariateNormal: loc has {n} elements, but cov_factor has shape "
                f"{cov_factor.shape} and cov_diag {cov_diag.shape}"
            )
        self._setup(validate_args, loc=loc, cov_factor=cov_factor, cov_diag=cov_diag)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch = np.broadcast_shapes(
            self.loc.shape[:-1], self.cov_factor.shape[:-2], self.cov_diag.shape[:-1]
        )
        return batch, self.loc.shape[-1:]

    def _capacitance(self) -> tuple[Any, Any]:
        """(Wᵀ D⁻¹, the Cholesky factor of I + Wᵀ D⁻¹ W)."""
        scaled = _transposed(self.cov_factor) / self.cov_diag[..., None, :]
        k = self.cov_factor.shape[-1]
        return scaled, bnp.linalg.cholesky(bnp.matmul(scaled, self.cov_factor) + bnp.eye(k))

    def _log_prob(self, value: Any) -> Any:
        diff = value - self.loc
        scaled, tril = self._capacitance()
        inner = bnp.matmul(scaled, diff[..., None])[..., 0]
        m = bnp.sum(diff * diff / self.cov_diag, axis=-1) - _mahalanobis(tril, inner)
        return -0.5 * (self.event_shape[0] * LOG_2PI + self._log_det(tril) + m)

    def _log_det(self, tril: Any) -> Any:
        return 2 * _log_diagonal(tril) + bnp.sum(bnp.log(self.cov_diag), axis=-1)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_factor, k_diagonal = random.split(key)
        shape = self.shape(sample_shape)
        low = random.normal(k_factor, (*shape[:-1], self.cov_factor.shape[-1]))
        rest = random.normal(k_diagonal, shape) * bnp.sqrt(self.cov_diag)
        return self.loc + bnp.matmul(self.cov_factor, low[..., None])[..., 0] + rest

    @property
    def mean(self) -> Any:
        return bnp.broadcast_to(self.loc, self.shape())

    @property
    def variance(self) -> Any:
        v = bnp.sum(bnp.square(self.cov_factor), axis=-1) + self.cov_diag
        return bnp.broadcast_to(v, self.shape())

    @property
    def covariance_matrix(self) -> Any:
        n = self.event_shape[0]
        low = bnp.matmul(self.cov_factor, _transposed(self.cov_factor))
        full = low + self.cov_diag[..., None] * bnp.eye(n)
        return bnp.broadcast_to(full, (*self.batch_shape, n, n))

    @property
    def scale_tril(self) -> Any:
        return bnp.linalg.cholesky(self.covariance_matrix)

    @property
    def precision_matrix(self) -> Any:
        n = self.event_shape[0]
        scaled, tril = self._capacitance()
        half = _solve_lower(*_common_batch(tril, scaled))
        full = bnp.eye(n) / self.cov_diag[..., None] - bnp.matmul(_transposed(half), half)
        return bnp.broadcast_to(full, (*self.batch_shape, n, n))

    def entropy(self) -> Any:
        log_det = self._log_det(self._capacitance()[1])
        return self._wide(0.5 * (self.event_shape[0] * (1 + LOG_2PI) + log_det))


def _common_batch(a: Any, b: Any) -> tuple[Any, Any]:
    """Two stacks of matrices with their batch axes broadcast."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return (
        bnp.broadcast_to(a, batch + a.shape[-2:]),
        bnp.broadcast_to(b, batch + b.shape[-2:]),
    )


class MatrixNormal(Distribution):
    """Normal matrices loc + A Z Bᵀ: A is `scale_tril_row` (n, n), B `scale_tril_column` (p, p).

    >>> from bibun.prob import distributions as dist
    >>> dist.MatrixNormal(bnp.zeros((2, 3)), bnp.eye(2), bnp.eye(3)).event_shape
    (2, 3)
    """

    arg_constraints = {
        "loc": c.real_matrix,
        "scale_tril_row": c.lower_cholesky,
        "scale_tril_column": c.lower_cholesky,
    }
    support = c.real_matrix
    reparametrized_params = ("loc", "scale_tril_row", "scale_tril_column")

    def __init__(
        self,
        loc: Any,
        scale_tril_row: Any,
        scale_tril_column: Any,
        *,
        validate_args: bool | None = None,
    ) -> None:
        self._setup(
            validate_args,
            loc=loc,
            scale_tril_row=scale_tril_row,
            scale_tril_column=scale_tril_column,
        )

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, _ = super()._compute_shapes()
        event = self.loc.shape[-2:]
        row, column = self.scale_tril_row.shape[-2:], self.scale_tril_column.shape[-2:]
        if row != event[:1] * 2 or column != event[1:] * 2:
            raise ShapeError(
                f"MatrixNormal: loc of shape {self.loc.shape} needs factors of shapes "
                f"{event[:1] * 2} and {event[1:] * 2}, got {row} and {column}"
            )
        return batch, event

    def _log_prob(self, value: Any) -> Any:
        n, p = self.event_shape
        half = _solve_lower(*_common_batch(self.scale_tril_row, value - self.loc))
        z = _solve_lower(*_common_batch(self.scale_tril_column, _transposed(half)))
        log_det = p * _log_diagonal(self.scale_tril_row) + n * _log_diagonal(self.scale_tril_column)
        return -0.5 * (bnp.sum(z * z, axis=(-2, -1)) + n * p * LOG_2PI) - log_det

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        z = random.normal(key, self.shape(sample_shape))
        left = bnp.matmul(self.scale_tril_row, z)
        return self.loc + bnp.matmul(left, _transposed(self.scale_tril_column))

    @property
    def mean(self) -> Any:
        return bnp.broadcast_to(self.loc, self.shape())

    @property
    def variance(self) -> Any:
        rows = bnp.sum(bnp.square(self.scale_tril_row), axis=-1)[..., :, None]
        columns = bnp.sum(bnp.square(self.scale_tril_column), axis=-1)[..., None, :]
        return bnp.broadcast_to(rows * columns, self.shape())


class CAR(Distribution):
    """Conditional autoregression: precision tau (D - rho A) on a graph with adjacency matrix A.

    `correlation` rho in (0, 1) (or down to -1), `conditional_precision` tau, `adj_matrix`
    (n, n), symmetric and not negative; D is the diagonal of its row sums.
    Source: Besag (1974); the determinant by Jin, Carlin and Banerjee (2005).

    >>> from bibun.prob import distributions as dist
    >>> w = bnp.array([[0.0, 1.0], [1.0, 0.0]])
    >>> dist.CAR(bnp.zeros(2), 0.5, 2.0, w).event_shape
    (2,)
    """

    arg_constraints = {
        "loc": c.real_vector,
        "correlation": c.open_interval(-1.0, 1.0),
        "conditional_precision": c.positive,
        "adj_matrix": c.dependent,
    }
    support = c.real_vector
    reparametrized_params = ("loc", "correlation", "conditional_precision", "adj_matrix")

    def __init__(
        self,
        loc: Any,
        correlation: Any,
        conditional_precision: Any,
        adj_matrix: Any,
        *,
        validate_args: bool | None = None,
    ) -> None:
        adj_matrix = bnp.asarray(adj_matrix, dtype=float)
        shape = adj_matrix.shape
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ShapeError(f"CAR: adj_matrix must have shape (..., n, n), got {shape}")
        loc = bnp.asarray(loc)
        loc = bnp.broadcast_to(loc, (*loc.shape[:-1], shape[-1]))
        self._setup(
            validate_args,
            loc=loc,
            correlation=correlation,
            conditional_precision=conditional_precision,
            adj_matrix=adj_matrix,
        )

    def _validate_parameters(self) -> None:
        super()._validate_parameters()
        a = concrete(self.adj_matrix)
        if a is None:
            return
        if not np.array_equal(a, np.swapaxes(a, -1, -2)):
            raise ValueError("CAR: adj_matrix must be symmetric")
        if (a < 0).any() or (a.sum(-1) <= 0).any():
            raise ValueError(
                "CAR: adj_matrix must not be negative, and every node needs a neighbour"
            )

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch = np.broadcast_shapes(
            self.loc.shape[:-1], np.shape(self.correlation),
            np.shape(self.conditional_precision), self.adj_matrix.shape[:-2],
        )  # fmt: skip
        return batch, self.loc.shape[-1:]

    def _log_prob(self, value: Any) -> Any:
        n = self.event_shape[0]
        rho, tau = bnp.asarray(self.correlation), self.conditional_precision
        degrees = bnp.sum(self.adj_matrix, axis=-1)
        root = bnp.sqrt(degrees)
        # det(D - rho A) = det(D) prod(1 - rho lambda), lambda of D^-1/2 A D^-1/2
        normal = self.adj_matrix / root[..., None, :] / root[..., None]
        spectrum = bnp.linalg.eigvalsh(normal)
        log_det = bnp.sum(bnp.log1p(-rho[..., None] * spectrum), axis=-1)
        log_det = n * bnp.log(tau) + log_det + bnp.sum(bnp.log(degrees), axis=-1)
        diff = value - self.loc
        neighbours = bnp.matmul(self.adj_matrix, diff[..., None])[..., 0]
        quadratic = bnp.sum(diff * (degrees * diff - rho[..., None] * neighbours), axis=-1)
        return 0.5 * (log_det - n * LOG_2PI - tau * quadratic)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        normal = MultivariateNormal(
            self.loc, precision_matrix=self.precision_matrix, validate_args=False
        )
        return normal.sample(key, sample_shape)

    @property
    def precision_matrix(self) -> Any:
        n = self.event_shape[0]
        rho = bnp.asarray(self.correlation)[..., None, None]
        tau = bnp.asarray(self.conditional_precision)[..., None, None]
        degrees = bnp.sum(self.adj_matrix, axis=-1)[..., None] * bnp.eye(n)
        full = tau * (degrees - rho * self.adj_matrix)
        return bnp.broadcast_to(full, (*self.batch_shape, n, n))

    @property
    def mean(self) -> Any:
        return bnp.broadcast_to(self.loc, self.shape())

    @property
    def variance(self) -> Any:
        cov = bnp.linalg.inv(self.precision_matrix)
        return bnp.diagonal(cov, axis1=-2, axis2=-1)


class GaussianCopula(_Wrapper):
    """Vectors with given marginals and the dependence of a multivariate normal.

    `marginal_dist`: scalar, its last batch axis becomes the event; it needs `cdf` and, for
    draws, `icdf`. One of `correlation_matrix` and `correlation_cholesky`.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.GaussianCopula(dist.Gamma(bnp.array([1.0, 2.0])), correlation_matrix=bnp.eye(2))
    >>> d.event_shape, d.mean.tolist()
    ((2,), [1.0, 2.0])
    """

    _fields = ("base_dist", "correlation_cholesky")

    def __init__(
        self,
        marginal_dist: Distribution,
        correlation_matrix: Any = None,
        correlation_cholesky: Any = None,
        *,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = one_of(
            "GaussianCopula", correlation_matrix=correlation_matrix,
            correlation_cholesky=correlation_cholesky,
        )  # fmt: skip
        if name == "correlation_matrix":
            matrix = bnp.linalg.cholesky(matrix)
        self._wrap(marginal_dist, validate_args, correlation_cholesky=matrix)

    @property
    def marginal_dist(self) -> Distribution:
        return self.base_dist

    @property
    def base_normal(self) -> MultivariateNormal:
        """The normal with the same dependence."""
        return MultivariateNormal(
            0.0, scale_tril=self.correlation_cholesky, validate_args=False
        )  # fmt: skip

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, event = self.base_dist.shapes
        n = self.correlation_cholesky.shape[-1]
        if event or batch[-1:] != (n,):
            raise ShapeError(
                f"GaussianCopula: the marginal needs a last batch axis of {n} and scalar events, "
                f"got batch shape {batch} and event shape {event}"
            )
        return np.broadcast_shapes(batch[:-1], self.correlation_cholesky.shape[:-2]), (n,)

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.independent(self.base_dist.support, 1)

    def _log_prob(self, value: Any) -> Any:
        u = self.base_dist.cdf(value)
        info = np.finfo(np.float64)
        z = ndtri(bnp.clip(u, float(info.tiny), 1 - float(info.eps)))
        marginal = bnp.sum(self.base_dist.log_prob(value), axis=-1)
        independent = bnp.sum(-0.5 * z * z - 0.5 * LOG_2PI, axis=-1)
        return marginal + self.base_normal.log_prob(z) - independent

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        z = self.base_normal.expand(self.batch_shape).sample(key, sample_shape)
        return self.base_dist.icdf(ndtr(z))

    @property
    def mean(self) -> Any:
        return bnp.broadcast_to(self.base_dist.mean, self.shape())

    @property
    def variance(self) -> Any:
        return bnp.broadcast_to(self.base_dist.variance, self.shape())

    def entropy(self) -> Any:
        raise self._missing("entropy")


def GaussianCopulaBeta(
    concentration1: Any, concentration0: Any, correlation_matrix: Any = None,
    correlation_cholesky: Any = None, *, validate_args: bool | None = None,
) -> GaussianCopula:  # fmt: skip
    """Beta marginals with the dependence of a multivariate normal.

    >>> from bibun.prob import distributions as dist
    >>> dist.GaussianCopulaBeta([1.0, 2.0], [3.0, 2.0], bnp.eye(2)).mean.tolist()
    [0.25, 0.5]
    """
    from bibun.prob.distributions.bounded import Beta

    marginal = Beta(concentration1, concentration0, validate_args=validate_args)
    return GaussianCopula(
        marginal, correlation_matrix, correlation_cholesky, validate_args=validate_args
    )
