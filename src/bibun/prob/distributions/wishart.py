"""Wishart matrices, and their Cholesky factors.

If x_1 … x_nu are normal vectors with covariance V, the sum of x_i x_iᵀ is Wishart with
`concentration` nu and `scale_matrix` V. Draws are by Bartlett's decomposition: W = (L A)(L A)ᵀ
with V = L Lᵀ and A lower triangular, chi variates on its diagonal, normal ones below.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.errors import ShapeError
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, one_of
from bibun.prob.distributions.multivariate import (
    _log_diagonal,
    _solve_lower,
    _tril_of_precision,
)
from bibun.prob.distributions.structured_normal import _common_batch
from bibun.prob.distributions.vector_transforms import vector_to_tril
from bibun.scipy.special import digamma, gammaln
from bibun.trace.core import concrete


def _multigammaln(a: Any, p: int) -> Any:
    """log of the multivariate gamma function."""
    steps = gammaln(bnp.asarray(a)[..., None] - 0.5 * np.arange(p))
    return 0.25 * p * (p - 1) * math.log(math.pi) + bnp.sum(steps, axis=-1)


class WishartCholesky(Distribution):
    """Lower Cholesky factors of Wishart matrices.

    `concentration` exceeds p - 1 for p by p matrices; one of `scale_matrix`, `rate_matrix` (its
    inverse) and `scale_tril`.

    >>> from bibun.prob import distributions as dist
    >>> dist.WishartCholesky(4.0, scale_matrix=bnp.eye(2)).event_shape
    (2, 2)
    """

    arg_constraints = {
        "concentration": c.positive,
        "scale_matrix": c.positive_definite,
        "rate_matrix": c.positive_definite,
        "scale_tril": c.lower_cholesky,
    }
    support: Any = c.lower_cholesky
    reparametrized_params = tuple(arg_constraints)
    _fields = ("concentration", "scale_tril")

    def __init__(
        self,
        concentration: Any,
        scale_matrix: Any = None,
        rate_matrix: Any = None,
        scale_tril: Any = None,
        *,
        validate_args: bool | None = None,
    ) -> None:
        name = type(self).__name__
        kind, matrix = one_of(
            name, scale_matrix=scale_matrix, rate_matrix=rate_matrix, scale_tril=scale_tril
        )
        shape = np.shape(matrix)
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ShapeError(f"{name}: {kind} must have shape (..., p, p), got {shape}")
        if kind == "scale_matrix":
            matrix = bnp.linalg.cholesky(matrix)
        elif kind == "rate_matrix":
            matrix = _tril_of_precision(matrix)
        self._setup(validate_args, concentration=concentration, scale_tril=matrix)

    def _validate_parameters(self) -> None:
        super()._validate_parameters()
        nu, p = concrete(self.concentration), self.scale_tril.shape[-1]
        if nu is not None and not np.all(nu > p - 1):
            raise ValueError(
                f"{type(self).__name__}: concentration must exceed {p - 1} for {p} by {p} "
                f"matrices, got {self.concentration}"
            )

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch = np.broadcast_shapes(np.shape(self.concentration), self.scale_tril.shape[:-2])
        return batch, self.scale_tril.shape[-2:]

    @property
    def _nu(self) -> Any:
        return bnp.asarray(self.concentration)

    def _log_density(self, tril: Any) -> Any:
        """The Wishart log density at tril trilᵀ."""
        p = self.event_shape[0]
        ratio = _solve_lower(*_common_batch(self.scale_tril, tril))
        trace = bnp.sum(ratio * ratio, axis=(-2, -1))
        norm = 0.5 * self._nu * p * math.log(2.0) + _multigammaln(0.5 * self._nu, p)
        norm = norm + self._nu * _log_diagonal(self.scale_tril)
        return (self._nu - p - 1) * _log_diagonal(tril) - 0.5 * trace - norm

    def _log_prob(self, value: Any) -> Any:
        # from W to its factor: |dW/dL| = 2^p prod L_ii^(p - i), i from 0
        p = self.event_shape[0]
        logs = bnp.log(bnp.diagonal(value, axis1=-2, axis2=-1))
        jacobian = p * math.log(2.0) + bnp.sum(np.arange(p, 0, -1.0) * logs, axis=-1)
        return self._log_density(value) + jacobian

    def _sample_tril(self, key: Any, sample_shape: Shape) -> Any:
        p = self.event_shape[0]
        k_normal, k_gamma = random.split(key)
        batch = (*sample_shape, *self.batch_shape)
        a = 0.5 * (self._nu[..., None] - np.arange(p))
        diagonal = bnp.sqrt(2 * random.gamma(k_gamma, a, (*batch, p)))
        below = bnp.zeros((*batch, p, p))
        if p > 1:
            free = random.normal(k_normal, (*batch, p * (p - 1) // 2))
            below = vector_to_tril(free, p, -1)
        return bnp.matmul(self.scale_tril, below + diagonal[..., None] * np.eye(p))

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self._sample_tril(key, tuple(sample_shape))

    @property
    def scale_matrix(self) -> Any:
        return bnp.matmul(self.scale_tril, bnp.swapaxes(self.scale_tril, -1, -2))

    @property
    def mean(self) -> Any:
        """Expected factor: that of Bartlett's triangle has only its diagonal."""
        p = self.event_shape[0]
        a = 0.5 * (self._nu[..., None] - np.arange(p))
        chi = math.sqrt(2.0) * bnp.exp(gammaln(a + 0.5) - gammaln(a))
        return bnp.broadcast_to(self.scale_tril * chi[..., None, :], self.shape())

    @property
    def variance(self) -> Any:
        # L A has element (i, j) = sum_k L_ik A_kj: A_jj chi, A_kj normal for k > j
        p = self.event_shape[0]
        a = 0.5 * (self._nu[..., None] - np.arange(p))
        mean2 = 2 * bnp.exp(2 * (gammaln(a + 0.5) - gammaln(a)))
        spread = np.tri(p, p, -1) + (2 * a - mean2)[..., None] * np.eye(p)
        v = bnp.matmul(bnp.square(self.scale_tril), spread)
        return bnp.broadcast_to(v, self.shape())


class Wishart(WishartCholesky):
    """Wishart matrices: `concentration` degrees of freedom, mean concentration * scale_matrix.

    >>> from bibun.prob import distributions as dist
    >>> dist.Wishart(4.0, scale_matrix=bnp.eye(2)).mean.tolist()
    [[4.0, 0.0], [0.0, 4.0]]
    """

    support = c.positive_definite

    def _log_prob(self, value: Any) -> Any:
        return self._log_density(bnp.linalg.cholesky(value))

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        tril = self._sample_tril(key, tuple(sample_shape))
        return bnp.matmul(tril, bnp.swapaxes(tril, -1, -2))

    @property
    def mean(self) -> Any:
        return bnp.broadcast_to(self._nu[..., None, None] * self.scale_matrix, self.shape())

    @property
    def variance(self) -> Any:
        v = self.scale_matrix
        d = bnp.diagonal(v, axis1=-2, axis2=-1)
        full = self._nu[..., None, None] * (bnp.square(v) + d[..., :, None] * d[..., None, :])
        return bnp.broadcast_to(full, self.shape())

    def entropy(self) -> Any:
        p, nu = self.event_shape[0], self._nu
        steps = bnp.sum(digamma(0.5 * (nu[..., None] - np.arange(p))), axis=-1)
        h = (p + 1) * (_log_diagonal(self.scale_tril) + 0.5 * p * math.log(2.0))
        h = h + _multigammaln(0.5 * nu, p) - 0.5 * (nu - p - 1) * steps + 0.5 * nu * p
        return self._wide(h)


class InverseWishartCholesky(WishartCholesky):
    """Lower Cholesky factors of matrices whose inverse is Wishart.

    `concentration` exceeds p - 1; one of `scale_matrix`, `rate_matrix` (its inverse) and
    `scale_tril`.

    >>> from bibun import random
    >>> d = InverseWishartCholesky(5.0, scale_tril=bnp.eye(2))
    >>> d.sample(random.key(0)).shape
    (2, 2)
    """

    def _log_density(self, tril: Any) -> Any:
        """The inverse Wishart log density at tril trilᵀ."""
        p = self.event_shape[0]
        ratio = _solve_lower(*_common_batch(tril, self.scale_tril))
        trace = bnp.sum(ratio * ratio, axis=(-2, -1))
        norm = 0.5 * self._nu * p * math.log(2.0) + _multigammaln(0.5 * self._nu, p)
        norm = norm - self._nu * _log_diagonal(self.scale_tril)
        return -(self._nu + p + 1) * _log_diagonal(tril) - 0.5 * trace - norm

    def _sample_matrix(self, key: Any, sample_shape: Shape) -> Any:
        p = self.event_shape[0]
        eye = bnp.broadcast_to(bnp.eye(p), self.shape())
        plain = WishartCholesky(self.concentration, scale_tril=eye, validate_args=False)
        a = plain.sample(key, sample_shape)
        wide = bnp.broadcast_to(bnp.swapaxes(self.scale_tril, -1, -2), a.shape)
        rows = _solve_lower(a, wide)  # with A Aᵀ standard Wishart: L (A Aᵀ)⁻¹ Lᵀ
        return bnp.matmul(bnp.swapaxes(rows, -1, -2), rows)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return bnp.linalg.cholesky(self._sample_matrix(key, tuple(sample_shape)))

    @property
    def mean(self) -> Any:
        raise self._missing("mean")

    @property
    def variance(self) -> Any:
        raise self._missing("variance")


class InverseWishart(InverseWishartCholesky):
    """Matrices whose inverse is Wishart: if W has `rate_matrix` P, its inverse has scale P.

    `concentration` exceeds p - 1; one of `scale_matrix`, `rate_matrix` (its inverse) and
    `scale_tril`.

    >>> from bibun.prob import distributions as dist
    >>> dist.InverseWishart(5.0, scale_matrix=bnp.eye(2) * 2).mean.round(6).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    support: Any = c.positive_definite

    def _log_prob(self, value: Any) -> Any:
        return self._log_density(bnp.linalg.cholesky(value))

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self._sample_matrix(key, tuple(sample_shape))

    @property
    def mean(self) -> Any:
        """Of scale / (concentration - p - 1); nan where it does not exist."""
        left = self._nu - self.event_shape[0] - 1
        m = self.scale_matrix / bnp.where(left > 0, left, 1.0)[..., None, None]
        return bnp.broadcast_to(bnp.where((left > 0)[..., None, None], m, bnp.nan), self.shape())

    @property
    def mode(self) -> Any:
        """scale / (concentration + p + 1)."""
        return self.scale_matrix / (self._nu + self.event_shape[0] + 1)[..., None, None]

    @property
    def variance(self) -> Any:
        """Elementwise, for a concentration above p + 3; nan where it does not exist."""
        s, left = self.scale_matrix, (self._nu - self.event_shape[0])[..., None, None]
        d = bnp.diagonal(s, axis1=-2, axis2=-1)
        top = (left + 1) * bnp.square(s) + (left - 1) * d[..., :, None] * d[..., None, :]
        safe = bnp.where(left > 3, left, 4.0)
        out = top / (safe * bnp.square(safe - 1) * (safe - 3))
        return bnp.broadcast_to(bnp.where(left > 3, out, bnp.nan), self.shape())
