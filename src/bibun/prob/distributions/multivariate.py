"""Distributions of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.errors import ShapeError
from bibun.ops.linalg import triangular_solve
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.bounded import Beta
from bibun.prob.distributions.distribution import Distribution, Shape, one_of
from bibun.prob.distributions.special import LOG_2PI, floating
from bibun.prob.distributions.vector_transforms import vector_to_tril
from bibun.scipy.special import digamma, gammaln, xlogy


def _solve_lower(tril: Any, b: Any) -> Any:
    """x with L x = b, over batch axes."""
    return triangular_solve(
        tril, b, left_side=True, lower=True, transpose_a=False, conjugate_a=False,
        unit_diagonal=False,
    )  # fmt: skip


def _mahalanobis(tril: Any, diff: Any) -> Any:
    """|L^-1 diff|^2, over batch axes of either.

    An unbatched factor is solved once for all vectors, as the columns of one matrix.
    """
    if tril.ndim == 2 and diff.ndim > 1:
        n = diff.shape[-1]
        columns = bnp.transpose(bnp.reshape(diff, (-1, n)))
        z = _solve_lower(tril, columns)
        return bnp.reshape(bnp.sum(z * z, axis=0), diff.shape[:-1])
    batch = np.broadcast_shapes(tril.shape[:-2], diff.shape[:-1])
    n = diff.shape[-1]
    tril = bnp.broadcast_to(tril, (*batch, n, n))
    z = _solve_lower(tril, bnp.broadcast_to(diff, (*batch, n))[..., None])[..., 0]
    return bnp.sum(z * z, axis=-1)


def _log_diagonal(tril: Any) -> Any:
    return bnp.sum(bnp.log(bnp.diagonal(tril, axis1=-2, axis2=-1)), axis=-1)


class MultivariateNormal(Distribution):
    """Normal vectors: `loc` (..., n) and one of covariance, precision or Cholesky factor.

    The factor is computed once, when the distribution is made.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.MultivariateNormal(bnp.zeros(2), covariance_matrix=bnp.eye(2))
    >>> round(float(d.log_prob(bnp.zeros(2))), 6)
    -1.837877
    """

    arg_constraints = {
        "loc": c.real_vector,
        "covariance_matrix": c.positive_definite,
        "precision_matrix": c.positive_definite,
        "scale_tril": c.lower_cholesky,
    }
    support = c.real_vector
    reparametrized_params = tuple(arg_constraints)
    _fields = ("loc", "scale_tril")

    def __init__(
        self,
        loc: Any = 0.0,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        *,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = one_of(
            "MultivariateNormal", covariance_matrix=covariance_matrix,
            precision_matrix=precision_matrix, scale_tril=scale_tril,
        )  # fmt: skip
        shape = np.shape(matrix)
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ShapeError(f"MultivariateNormal: {name} must have shape (..., n, n), got {shape}")
        loc = bnp.asarray(loc)
        if loc.ndim == 0:
            loc = loc[None]
        n = shape[-1]
        if loc.shape[-1] not in (1, n):
            raise ShapeError(
                f"MultivariateNormal: loc of shape {loc.shape} does not fit {name} of shape {shape}"
            )
        loc = bnp.broadcast_to(loc, (*loc.shape[:-1], n))
        if name == "covariance_matrix":
            matrix = bnp.linalg.cholesky(matrix)
        elif name == "precision_matrix":
            matrix = _tril_of_precision(matrix)
        self._setup(validate_args, loc=loc, scale_tril=matrix)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        try:
            batch = np.broadcast_shapes(self.loc.shape[:-1], self.scale_tril.shape[:-2])
        except ValueError:
            raise ShapeError(
                f"MultivariateNormal: batch shapes {self.loc.shape[:-1]} of loc and "
                f"{self.scale_tril.shape[:-2]} of the matrix do not broadcast"
            ) from None
        return batch, self.loc.shape[-1:]

    @property
    def has_rsample(self) -> bool:
        return True

    def _log_prob(self, value: Any) -> Any:
        m = _mahalanobis(self.scale_tril, value - self.loc)
        return -0.5 * (m + self.event_shape[0] * LOG_2PI) - _log_diagonal(self.scale_tril)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        eps = random.normal(key, self.shape(sample_shape))
        return self.loc + bnp.matmul(self.scale_tril, eps[..., None])[..., 0]

    @property
    def covariance_matrix(self) -> Any:
        tril = self.scale_tril
        cov = bnp.matmul(tril, bnp.swapaxes(tril, -1, -2))
        return bnp.broadcast_to(cov, self.batch_shape + self.event_shape * 2)

    @property
    def precision_matrix(self) -> Any:
        eye = bnp.broadcast_to(bnp.eye(self.event_shape[0]), self.scale_tril.shape)
        inverse = _solve_lower(self.scale_tril, eye)
        precision = bnp.matmul(bnp.swapaxes(inverse, -1, -2), inverse)
        return bnp.broadcast_to(precision, self.batch_shape + self.event_shape * 2)

    @property
    def mean(self) -> Any:
        return bnp.broadcast_to(self.loc, self.shape())

    @property
    def variance(self) -> Any:
        return bnp.broadcast_to(bnp.sum(bnp.square(self.scale_tril), axis=-1), self.shape())

    def entropy(self) -> Any:
        h = 0.5 * self.event_shape[0] * (1 + LOG_2PI) + _log_diagonal(self.scale_tril)
        return self._wide(h)


def _tril_of_precision(precision: Any) -> Any:
    """The Cholesky factor of the inverse: factor the matrix with both axes reversed."""
    reverse = bnp.flip(bnp.linalg.cholesky(bnp.flip(precision, (-2, -1))), (-2, -1))
    upper = bnp.swapaxes(reverse, -1, -2)
    return _solve_lower(upper, bnp.broadcast_to(bnp.eye(precision.shape[-1]), precision.shape))


class MultivariateStudentT(Distribution):
    """Student's t vectors with `df` degrees of freedom.

    >>> from bibun.prob import distributions as dist
    >>> dist.MultivariateStudentT(4.0, bnp.zeros(2), bnp.eye(2)).variance.tolist()
    [2.0, 2.0]
    """

    arg_constraints = {"df": c.positive, "loc": c.real_vector, "scale_tril": c.lower_cholesky}
    support = c.real_vector
    reparametrized_params = ("df", "loc", "scale_tril")

    def __init__(
        self, df: Any, loc: Any = 0.0, scale_tril: Any = None, *, validate_args: bool | None = None
    ) -> None:
        if scale_tril is None:
            raise ValueError("MultivariateStudentT: scale_tril must be given")
        scale_tril = bnp.asarray(scale_tril)
        loc = bnp.asarray(loc)
        loc = loc[None] if loc.ndim == 0 else loc
        loc = bnp.broadcast_to(loc, (*loc.shape[:-1], scale_tril.shape[-1]))
        self._setup(validate_args, df=df, loc=loc, scale_tril=scale_tril)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch = np.broadcast_shapes(
            np.shape(self.df), self.loc.shape[:-1], self.scale_tril.shape[:-2]
        )
        return batch, self.loc.shape[-1:]

    def _log_prob(self, value: Any) -> Any:
        n, df = self.event_shape[0], self.df
        m = _mahalanobis(self.scale_tril, value - self.loc)
        const = gammaln(0.5 * (df + n)) - gammaln(0.5 * df) - 0.5 * n * bnp.log(df * math.pi)
        return const - _log_diagonal(self.scale_tril) - 0.5 * (df + n) * bnp.log1p(m / df)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_normal, k_chi2 = random.split(key)
        shape = self.shape(sample_shape)
        z = random.normal(k_normal, shape)
        chi2 = random.gamma(k_chi2, 0.5 * self.df, shape[:-1]) / 0.5
        y = z * bnp.sqrt(self.df / chi2)[..., None]
        return self.loc + bnp.matmul(self.scale_tril, y[..., None])[..., 0]

    @property
    def mean(self) -> Any:
        df = bnp.asarray(self.df)[..., None]
        return bnp.broadcast_to(bnp.where(df > 1, self.loc, np.nan), self.shape())

    @property
    def variance(self) -> Any:
        df = bnp.asarray(self.df)[..., None]
        finite = bnp.sum(bnp.square(self.scale_tril), axis=-1) * df / bnp.where(df > 2, df - 2, 1.0)
        value = bnp.where(df > 2, finite, bnp.where(df > 1, np.inf, np.nan))
        return bnp.broadcast_to(value, self.shape())


class Dirichlet(Distribution):
    """Points of the simplex, with density proportional to the product of x**(a - 1).

    >>> from bibun.prob import distributions as dist
    >>> dist.Dirichlet([1.0, 1.0, 2.0]).mean.tolist()
    [0.25, 0.25, 0.5]
    """

    arg_constraints = {"concentration": c.independent(c.positive, 1)}
    support = c.simplex
    reparametrized_params = ("concentration",)

    def __init__(self, concentration: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, concentration=concentration)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        shape = np.shape(self.concentration)
        if not shape:
            raise ShapeError("Dirichlet: concentration must have at least one axis")
        return shape[:-1], shape[-1:]

    def _log_prob(self, value: Any) -> Any:
        a = self.concentration
        norm = bnp.sum(gammaln(a), axis=-1) - gammaln(bnp.sum(a, axis=-1))
        return bnp.sum(xlogy(a - 1, value), axis=-1) - norm

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        x = random.dirichlet(key, self.concentration, (*sample_shape, *self.batch_shape))
        info = np.finfo(x.dtype)
        return bnp.clip(x, float(info.tiny), float(1 - info.eps))

    @property
    def mean(self) -> Any:
        return self.concentration / bnp.sum(self.concentration, axis=-1, keepdims=True)

    @property
    def variance(self) -> Any:
        total = bnp.sum(self.concentration, axis=-1, keepdims=True)
        return self.mean * (1 - self.mean) / (total + 1)

    def entropy(self) -> Any:
        a = self.concentration
        n, total = a.shape[-1], bnp.sum(a, axis=-1)
        norm = bnp.sum(gammaln(a), axis=-1) - gammaln(total)
        return norm + (total - n) * digamma(total) - bnp.sum((a - 1) * digamma(a), axis=-1)


class MultinomialProbs(Distribution):
    """Counts of classes in `total_count` draws.

    >>> from bibun.prob import distributions as dist
    >>> dist.MultinomialProbs([0.5, 0.3, 0.2], total_count=10).mean.tolist()
    [5.0, 3.0, 2.0]
    """

    arg_constraints = {"probs": c.simplex, "total_count": c.nonnegative_integer}

    def __init__(
        self, probs: Any, total_count: Any = 1, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, probs=probs, total_count=total_count)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        shape = np.shape(self.probs)
        return np.broadcast_shapes(shape[:-1], np.shape(self.total_count)), shape[-1:]

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.multinomial(self.total_count)

    def _log_prob(self, value: Any) -> Any:
        k = floating(value)
        ways = gammaln(self.total_count + 1) - bnp.sum(gammaln(k + 1), axis=-1)
        return ways + bnp.sum(xlogy(k, self.probs), axis=-1)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        n = bnp.asarray(self.total_count, dtype=float)
        return random.multinomial(key, n, self.probs, shape=self.shape(sample_shape)).astype(int)

    @property
    def mean(self) -> Any:
        return self.probs * bnp.asarray(self.total_count)[..., None]

    @property
    def variance(self) -> Any:
        return self.mean * (1 - self.probs)


def Multinomial(
    total_count: Any = 1,
    probs: Any = None,
    logits: Any = None,
    *,
    validate_args: bool | None = None,
) -> MultinomialProbs:
    """Counts of classes in `total_count` draws, by `probs` or by `logits`.

    >>> from bibun.prob import distributions as dist
    >>> dist.Multinomial(10, probs=[0.5, 0.3, 0.2]).mean.tolist()
    [5.0, 3.0, 2.0]
    """
    from bibun.prob.distributions.discrete import CategoricalLogits

    one_of("Multinomial", probs=probs, logits=logits)
    p = probs if logits is None else CategoricalLogits(logits, validate_args=False).probs
    return MultinomialProbs(p, total_count, validate_args=validate_args)


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices R with density proportional to det(R)**(eta - 1).

    `sample_method`: how draws are made, of one law: "onion", row by row, or "cvine", by partial
    correlations. Source: Lewandowski, Kurowicka and Joe, "Generating random correlation matrices
    based on vines and extended onion method" (2009), sections 3.2 and 2.4.

    >>> from bibun.prob import distributions as dist
    >>> dist.LKJCholesky(3, 2.0).sample(random.key(0)).shape
    (3, 3)
    """

    arg_constraints = {"concentration": c.positive}
    support = c.corr_cholesky
    _static = ("dimension", "sample_method")

    def __init__(
        self, dimension: int, concentration: Any = 1.0, sample_method: str = "onion", *,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(dimension, int) or dimension < 2:
            raise ValueError(
                f"LKJCholesky: dimension must be an int of at least 2, got {dimension}"
            )
        if sample_method not in ("onion", "cvine"):
            raise ValueError(
                f"LKJCholesky: sample_method must be 'onion' or 'cvine', got {sample_method!r}"
            )
        self.dimension = dimension
        self.sample_method = sample_method
        self._setup(validate_args, concentration=concentration)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return np.shape(self.concentration), (self.dimension, self.dimension)

    def _log_prob(self, value: Any) -> Any:
        n, eta = self.dimension, bnp.asarray(self.concentration)
        diagonal = bnp.diagonal(value, axis1=-2, axis2=-1)[..., 1:]
        powers = 2 * eta[..., None] - 2 + (n - np.arange(2.0, n + 1))
        kernel = bnp.sum(powers * bnp.log(diagonal), axis=-1)
        # the integral over the rows below the first (paper: theorem 5; Stan: lkj_corr)
        k = np.arange(1.0, n)
        a = eta[..., None] + 0.5 * (n - 1 - k)
        log_volume = bnp.sum(
            0.5 * k * math.log(math.pi) + gammaln(a) - gammaln(a + 0.5 * k), axis=-1
        )
        return kernel - log_volume

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        n = self.dimension
        draw = self._onion if self.sample_method == "onion" else self._vine
        below, squares = draw(key, tuple(sample_shape))
        diagonal = bnp.sqrt(bnp.concatenate([bnp.ones((*squares.shape[:-1], 1)), squares], -1))
        tril = bnp.pad(below, [(0, 0)] * (below.ndim - 2) + [(1, 0), (0, 1)])
        return tril + diagonal[..., None] * np.eye(n)

    def _onion(self, key: Any, sample_shape: Shape) -> tuple[Any, Any]:
        """What is below the diagonal, and the squares on it, of all rows but the first."""
        n = self.dimension
        k_beta, k_normal = random.split(key)
        batch = (*sample_shape, *self.batch_shape)
        offset = 0.5 * np.arange(n - 1)
        b = (bnp.asarray(self.concentration) + 0.5 * (n - 2))[..., None] - offset
        radius2 = Beta(offset + 0.5, b).sample(k_beta, sample_shape)
        z = vector_to_tril(random.normal(k_normal, (*batch, n * (n - 1) // 2)), n - 1)
        direction = z / bnp.sqrt(bnp.sum(z * z, axis=-1, keepdims=True))
        return bnp.sqrt(radius2[..., None]) * direction, 1 - radius2

    def _vine(self, key: Any, sample_shape: Shape) -> tuple[Any, Any]:
        """As `_onion`: the partial correlation with column j given those before it is a beta."""
        n = self.dimension
        b = (bnp.asarray(self.concentration) + 0.5 * (n - 2))[..., None] - 0.5 * np.arange(n - 1)
        b = bnp.broadcast_to(b[..., None, :], (*self.batch_shape, n - 1, n - 1))
        partial = bnp.tril(2 * Beta(b, b).sample(key, sample_shape) - 1)
        left = bnp.cumprod(1 - partial * partial, axis=-1)
        before = bnp.concatenate([bnp.ones_like(left[..., :1]), left[..., :-1]], axis=-1)
        return partial * bnp.sqrt(before), left[..., -1]


class LKJ(Distribution):
    """Correlation matrices R with density proportional to det(R)**(concentration - 1).

    `sample_method`: "onion" or "cvine", as for `LKJCholesky`.

    >>> from bibun.prob import distributions as dist
    >>> dist.LKJ(3, 2.0).sample(random.key(0)).shape
    (3, 3)
    """

    arg_constraints = {"concentration": c.positive}
    support = c.corr_matrix
    _static = ("dimension", "sample_method")

    def __init__(
        self, dimension: int, concentration: Any = 1.0, sample_method: str = "onion", *,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        # the same conditions
        LKJCholesky(dimension, concentration, sample_method, validate_args=validate_args)
        self.dimension = dimension
        self.sample_method = sample_method
        self._setup(validate_args, concentration=concentration)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return np.shape(self.concentration), (self.dimension, self.dimension)

    @property
    def _factors(self) -> LKJCholesky:
        return LKJCholesky(
            self.dimension, self.concentration, self.sample_method, validate_args=False
        )

    def _log_prob(self, value: Any) -> Any:
        tril = bnp.linalg.cholesky(value)
        logs = bnp.log(bnp.diagonal(tril, axis1=-2, axis2=-1)[..., 1:])
        powers = self.dimension - np.arange(2.0, self.dimension + 1)  # of |dR/dL|
        return self._factors.log_prob(tril) - bnp.sum(powers * logs, axis=-1)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        tril = self._factors.sample(key, sample_shape)
        return bnp.matmul(tril, bnp.swapaxes(tril, -1, -2))

    @property
    def mean(self) -> Any:
        return bnp.broadcast_to(bnp.eye(self.dimension), self.shape())
