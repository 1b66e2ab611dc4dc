"""Bijections of vectors and matrices: simplex, order, Cholesky factors; and the registry.

`biject_to(constraint)` gives the transform from unconstrained space to a constraint. A
matrix's unconstrained form is a vector of its free elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.errors import ShapeError
from bibun.lax import scan
from bibun.ops.elementwise import logistic
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.constraints import Constraint
from bibun.prob.distributions.transforms import (
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    IdentityTransform,
    IndependentTransform,
    SigmoidTransform,
    SoftplusTransform,
    TanhTransform,
    Transform,
    clipped_sigmoid,
    softplus,
)
from bibun.scipy.linalg import solve_triangular


class StickBreakingTransform(Transform):
    """n - 1 reals to a point of the n-simplex, by breaking a stick; 0 goes to the centre."""

    domain = c.real_vector
    codomain = c.simplex

    def _shifted(self, x: Any) -> Any:
        n = np.shape(x)[-1]
        return x - np.log(np.arange(n, 0, -1.0))

    def __call__(self, x: Any) -> Any:
        z = clipped_sigmoid(self._shifted(x))
        left = bnp.cumprod(1 - z, axis=-1)
        ones = bnp.ones_like(z[..., :1])
        return bnp.concatenate([z, ones], axis=-1) * bnp.concatenate([ones, left], axis=-1)

    def _inverse(self, y: Any) -> Any:
        head = y[..., :-1]
        left = bnp.maximum(1 - bnp.cumsum(head, axis=-1), float(np.finfo(y.dtype).tiny))
        n = head.shape[-1]
        return bnp.log(head) - bnp.log(left) + np.log(np.arange(n, 0, -1.0))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        # dy_i/dx_i = y_i (1 - z_i), and the Jacobian is triangular
        return bnp.sum(bnp.log(y[..., :-1]) - softplus(self._shifted(x)), axis=-1)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], shape[-1] - 1)


class OrderedTransform(Transform):
    """Reals to an increasing vector: y_1 = x_1, y_k = y_(k-1) + exp(x_k)."""

    domain = c.real_vector
    codomain = c.ordered_vector

    def __call__(self, x: Any) -> Any:
        steps = bnp.concatenate([x[..., :1], bnp.exp(x[..., 1:])], axis=-1)
        return bnp.cumsum(steps, axis=-1)

    def _inverse(self, y: Any) -> Any:
        return bnp.concatenate([y[..., :1], bnp.log(y[..., 1:] - y[..., :-1])], axis=-1)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.sum(x[..., 1:], axis=-1)


class SimplexToOrderedTransform(Transform):
    """A point of the simplex to the cutpoints of a logistic with these probabilities between.

    `anchor_point`: the location of the logistic. Source: Betancourt's case study of ordinal
    regression, section 2.2.

    >>> t = SimplexToOrderedTransform()
    >>> t(bnp.array([0.3, 0.1, 0.4, 0.2])).round(4).tolist()
    [-0.8473, -0.4055, 1.3863]
    """

    domain = c.simplex
    codomain = c.ordered_vector
    fields = ("anchor_point",)

    def __init__(self, anchor_point: Any = 0.0) -> None:
        self.anchor_point = anchor_point

    def _anchor(self) -> Any:
        return bnp.asarray(self.anchor_point)[..., None]

    def __call__(self, x: Any) -> Any:
        s = bnp.cumsum(x[..., :-1], axis=-1)
        return bnp.log(s) - bnp.log1p(-s) + self._anchor()

    def _inverse(self, y: Any) -> Any:
        s = logistic(bnp.asarray(y - self._anchor(), dtype=float))
        ones = bnp.ones_like(s[..., :1])
        return bnp.concatenate([s, ones], axis=-1) - bnp.concatenate([0 * ones, s], axis=-1)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        z = y - self._anchor()
        return bnp.sum(softplus(z) + softplus(-z), axis=-1)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], shape[-1] - 1)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], shape[-1] + 1)


class L1BallTransform(Transform):
    """Reals to the L1 ball: signed pieces tanh(x) broken off a stick of length 1."""

    domain = c.real_vector
    codomain = c.l1_ball
    _tanh = TanhTransform()

    def _left(self, used: Any) -> Any:
        """What is left of the stick before each element, given what each one takes."""
        left = bnp.maximum(1 - bnp.cumsum(used, axis=-1), float(np.finfo(used.dtype).tiny))
        return bnp.concatenate([bnp.ones_like(left[..., :1]), left[..., :-1]], axis=-1)

    def __call__(self, x: Any) -> Any:
        t = bnp.tanh(x)
        left = bnp.cumprod(1 - bnp.abs(t), axis=-1)
        return t * bnp.concatenate([bnp.ones_like(left[..., :1]), left[..., :-1]], axis=-1)

    def _inverse(self, y: Any) -> Any:
        near = 1.0 - float(np.finfo(y.dtype).eps)
        return bnp.arctanh(bnp.clip(y / self._left(bnp.abs(y)), -near, near))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        pieces = self._tanh.log_abs_det_jacobian(x, None) + bnp.log(self._left(bnp.abs(y)))
        return bnp.sum(pieces, axis=-1)


class LowerCholeskyAffine(Transform):
    """y = loc + scale_tril x, with a lower triangular matrix.

    >>> t = LowerCholeskyAffine(bnp.zeros(2), bnp.array([[0.5, 0.0], [1.0, 2.0]]))
    >>> t(bnp.ones(2)).tolist()
    [0.5, 3.0]
    """

    domain = c.real_vector
    codomain = c.real_vector
    fields = ("loc", "scale_tril")

    def __init__(self, loc: Any, scale_tril: Any) -> None:
        shape = np.shape(scale_tril)
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ShapeError(
                f"LowerCholeskyAffine: scale_tril must have shape (..., n, n), got {shape}"
            )
        self.loc = loc
        self.scale_tril = bnp.asarray(scale_tril)

    def __call__(self, x: Any) -> Any:
        return self.loc + bnp.matmul(self.scale_tril, x[..., None])[..., 0]

    def _inverse(self, y: Any) -> Any:
        rows = bnp.asarray(y - self.loc)[..., None]
        batch = np.broadcast_shapes(self.scale_tril.shape[:-2], rows.shape[:-2])
        tril, rows = (bnp.broadcast_to(z, batch + z.shape[-2:]) for z in (self.scale_tril, rows))
        return solve_triangular(tril, rows, lower=True)[..., 0]

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        diagonal = bnp.diagonal(self.scale_tril, axis1=-2, axis2=-1)
        total = bnp.sum(bnp.log(bnp.abs(diagonal)), axis=-1)
        return bnp.broadcast_to(total, self.forward_shape(np.shape(x))[:-1])

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return np.broadcast_shapes(shape, np.shape(self.loc), self.scale_tril.shape[:-1])

    inverse_shape = forward_shape


class RecursiveLinearTransform(Transform):
    """y_t = A y_(t-1) + x_t along the next to last axis, from y_0 = `initial_value` (or 0).

    `transition_matrix` A: (..., n, n). The Jacobian is triangular with a unit diagonal.

    >>> t = RecursiveLinearTransform(bnp.array([[2.0]]))
    >>> t(bnp.ones((3, 1)))[:, 0].tolist()
    [1.0, 3.0, 7.0]
    """

    domain = c.real_matrix
    codomain = c.real_matrix
    fields = ("transition_matrix", "initial_value")

    def __init__(self, transition_matrix: Any, initial_value: Any = None) -> None:
        self.transition_matrix = bnp.asarray(transition_matrix, dtype=float)
        shape = self.transition_matrix.shape
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ShapeError(
                f"RecursiveLinearTransform: transition_matrix must have shape (..., n, n), "
                f"got {shape}"
            )
        self.initial_value = bnp.zeros(shape[-1]) if initial_value is None else initial_value

    def __call__(self, x: Any) -> Any:
        x = bnp.broadcast_to(x, self.forward_shape(np.shape(x)))
        start = bnp.broadcast_to(self.initial_value, (*x.shape[:-2], x.shape[-1]))

        def step(y: Any, innovation: Any) -> Any:
            y = bnp.matmul(self.transition_matrix, y[..., None])[..., 0] + innovation
            return y, y

        _, rows = scan(step, start, bnp.moveaxis(x, -2, 0))
        return bnp.moveaxis(rows, 0, -2)

    def _inverse(self, y: Any) -> Any:
        first = bnp.broadcast_to(self.initial_value, (*y.shape[:-2], y.shape[-1]))[..., None, :]
        before = bnp.concatenate([first, y[..., :-1, :]], axis=-2)
        return y - bnp.matmul(before, bnp.swapaxes(self.transition_matrix, -1, -2))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.zeros(self.forward_shape(np.shape(x))[:-2])

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        batch = np.broadcast_shapes(
            shape[:-2], self.transition_matrix.shape[:-2], np.shape(self.initial_value)[:-1]
        )
        return (*batch, *shape[-2:])

    inverse_shape = forward_shape


class _MatrixTransform(Transform):
    """From a vector of free elements; subclasses say whether the diagonal is among them."""

    domain = c.real_vector
    free_diagonal = True

    def size(self, n: int) -> int:
        """The number of free elements of an n by n matrix."""
        return n * (n + 1) // 2 if self.free_diagonal else n * (n - 1) // 2

    def order(self, size: int) -> int:
        """The order of the matrix with `size` free elements. Errors: ValueError if none has."""
        root = (math.isqrt(8 * size + 1) - 1) // 2
        n = root if self.free_diagonal else root + 1
        if self.size(n) != size:
            raise ValueError(
                f"{type(self).__name__}: no triangular matrix has {size} free elements"
            )
        return n

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        n = self.order(shape[-1])
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-2], self.size(shape[-1]))


def _place(n: int, k: int) -> np.ndarray:
    """For each place of an n by n matrix the number of its element in a row-major vector of
    the triangle below diagonal `k`; elsewhere the number after the last."""
    rows, cols = np.tril_indices(n, k)
    index = np.full((n, n), len(rows))
    index[rows, cols] = np.arange(len(rows))
    return index


def vector_to_tril(x: Any, n: int, k: int = 0) -> Any:
    """A lower triangular n by n matrix, filled row by row; zero elsewhere."""
    padded = bnp.concatenate([x, bnp.zeros_like(x[..., :1])], axis=-1) if x.shape[-1] else (
        bnp.zeros((*x.shape[:-1], 1), x.dtype)
    )  # fmt: skip
    return bnp.take(padded, _place(n, k), axis=-1)


def tril_to_vector(y: Any, k: int = 0) -> Any:
    """The elements of the triangle below diagonal `k`, row by row."""
    n = y.shape[-1]
    rows, cols = np.tril_indices(n, k)
    flat = bnp.reshape(y, (*y.shape[:-2], n * n))
    return bnp.take(flat, rows * n + cols, axis=-1)


class LowerCholeskyTransform(_MatrixTransform):
    """n(n+1)/2 reals: the strict triangle row by row, then the logarithms of the diagonal."""

    codomain = c.lower_cholesky

    def _positive(self, x: Any) -> Any:
        return bnp.exp(x)

    def _unpositive(self, y: Any) -> Any:
        return bnp.log(y)

    def _log_slope(self, x: Any) -> Any:
        return x

    def __call__(self, x: Any) -> Any:
        n = self.order(np.shape(x)[-1])
        diagonal = self._positive(x[..., x.shape[-1] - n :])
        below = vector_to_tril(x[..., : x.shape[-1] - n], n, -1)
        return below + diagonal[..., None] * np.eye(n)

    def _inverse(self, y: Any) -> Any:
        diagonal = bnp.diagonal(y, axis1=-2, axis2=-1)
        return bnp.concatenate([tril_to_vector(y, -1), self._unpositive(diagonal)], axis=-1)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        n = self.order(np.shape(x)[-1])
        return bnp.sum(self._log_slope(x[..., x.shape[-1] - n :]), axis=-1)


class SoftplusLowerCholeskyTransform(LowerCholeskyTransform):
    """As LowerCholeskyTransform, with softplus for the diagonal."""

    codomain = c.softplus_lower_cholesky
    _softplus = SoftplusTransform()

    def _positive(self, x: Any) -> Any:
        return self._softplus(x)

    def _unpositive(self, y: Any) -> Any:
        return self._softplus._inverse(y)

    def _log_slope(self, x: Any) -> Any:
        return -softplus(-x)


class ScaledUnitLowerCholeskyTransform(LowerCholeskyTransform):
    """A unit lower triangle whose rows are scaled by exp of the last n elements."""

    codomain = c.scaled_unit_lower_cholesky

    def __call__(self, x: Any) -> Any:
        n = self.order(np.shape(x)[-1])
        unit = vector_to_tril(x[..., : x.shape[-1] - n], n, -1) + np.eye(n)
        return unit * bnp.exp(x[..., x.shape[-1] - n :])[..., None]

    def _inverse(self, y: Any) -> Any:
        diagonal = bnp.diagonal(y, axis1=-2, axis2=-1)
        below = tril_to_vector(y / diagonal[..., None], -1)
        return bnp.concatenate([below, bnp.log(diagonal)], axis=-1)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        n = self.order(np.shape(x)[-1])
        return bnp.sum(x[..., x.shape[-1] - n :] * np.arange(1.0, n + 1), axis=-1)


class CorrCholeskyTransform(_MatrixTransform):
    """n(n-1)/2 reals to the Cholesky factor of a correlation matrix.

    Row i: partial correlations r = tanh(x) broken off a stick of squared length 1.
    Source: Lewandowski, Kurowicka and Joe (2009); the Stan reference manual.
    """

    codomain = c.corr_cholesky
    free_diagonal = False
    _tanh = TanhTransform()

    def __call__(self, x: Any) -> Any:
        n = self.order(np.shape(x)[-1])
        r = vector_to_tril(bnp.tanh(x), n, -1)
        left = bnp.sqrt(bnp.cumprod(1 - r * r, axis=-1))
        left = bnp.concatenate([bnp.ones_like(left[..., :1]), left[..., :-1]], axis=-1)
        return bnp.tril((r + np.eye(n)) * left)

    def _inverse(self, y: Any) -> Any:
        used = bnp.cumsum(y * y, axis=-1)
        used = bnp.concatenate([bnp.zeros_like(used[..., :1]), used[..., :-1]], axis=-1)
        left = bnp.sqrt(bnp.maximum(1 - used, float(np.finfo(y.dtype).tiny)))
        return bnp.arctanh(tril_to_vector(y / left, -1))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        # dL_ij/dr_ij is the product of sqrt(1 - r_ik^2) over k < j: element (i, k) counts
        # once for tanh and half for each of the i - 1 - k elements to its right
        n = self.order(np.shape(x)[-1])
        rows, cols = np.tril_indices(n, -1)
        weights = 1.0 + 0.5 * (rows - 1 - cols)
        return bnp.sum(self._tanh.log_abs_det_jacobian(x, None) * weights, axis=-1)


class CholeskyTransform(Transform):
    """A positive definite matrix to its lower Cholesky factor."""

    domain = c.positive_definite
    codomain = c.lower_cholesky

    def __call__(self, x: Any) -> Any:
        return bnp.linalg.cholesky(x)

    def _inverse(self, y: Any) -> Any:
        return bnp.matmul(y, bnp.swapaxes(y, -1, -2))

    def _powers(self, n: int) -> np.ndarray:
        return -np.arange(n, 0, -1.0)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        n = y.shape[-1]
        diagonal = bnp.diagonal(y, axis1=-2, axis2=-1)
        return -n * math.log(2.0) + bnp.sum(self._powers(n) * bnp.log(diagonal), axis=-1)


class CorrMatrixCholeskyTransform(CholeskyTransform):
    """A correlation matrix to its Cholesky factor."""

    domain = c.corr_matrix
    codomain = c.corr_cholesky

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        # the diagonal is not free: only the strict triangle counts, without factors of 2
        n = y.shape[-1]
        diagonal = bnp.diagonal(y, axis1=-2, axis2=-1)
        return bnp.sum(-np.arange(n - 1, -1, -1.0) * bnp.log(diagonal), axis=-1)


# The registry -----------------------------------------------------------------------------


class ConstraintRegistry:
    """From a constraint's class to a function that makes its transform."""

    def __init__(self) -> None:
        self._makers: dict[type, Callable[[Any], Transform]] = {}

    def register(self, constraint: Any, maker: Callable[[Any], Transform] | None = None) -> Any:
        """Register a maker for a constraint or its class; usable as a decorator."""
        if maker is None:
            return lambda maker: self.register(constraint, maker)
        kind = constraint if isinstance(constraint, type) else type(constraint)
        self._makers[kind] = maker
        return maker

    def __call__(self, constraint: Constraint) -> Transform:
        """The transform from unconstrained space. Errors: NotImplementedError if none is known."""
        maker = self._makers.get(type(constraint))
        if maker is None:
            why = (
                "it is discrete, and discrete values have no unconstrained form"
                if constraint.is_discrete
                else "register one with biject_to.register"
            )
            raise NotImplementedError(f"no bijection onto {constraint!r}: {why}")
        return maker(constraint)


biject_to = ConstraintRegistry()

_MAKERS: list[tuple[type, Callable[[Any], Transform]]] = [
    (c.Real, lambda k: IdentityTransform()),
    (c.GreaterThan, lambda k: _above(k.lower_bound)),
    (c.GreaterThanEq, lambda k: _above(k.lower_bound)),
    (c.LessThan, lambda k: _below(k.upper_bound)),
    (c.LessThanEq, lambda k: _below(k.upper_bound)),
    (c.Interval, lambda k: _inside(k.lower_bound, k.upper_bound)),
    (c.OpenInterval, lambda k: _inside(k.lower_bound, k.upper_bound)),
    (c.Circular, lambda k: _inside(k.lower_bound, k.upper_bound)),
    (c.SoftplusPositive, lambda k: SoftplusTransform()),
    (c.Independent, lambda k: IndependentTransform(
        biject_to(k.base_constraint), k.reinterpreted_batch_ndims)),
    (c.Simplex, lambda k: StickBreakingTransform()),
    (c.OrderedVector, lambda k: OrderedTransform()),
    (c.PositiveOrderedVector, lambda k: ComposeTransform(
        [OrderedTransform(), IndependentTransform(ExpTransform(), 1)])),
    (c.L1Ball, lambda k: L1BallTransform()),
    (c.LowerCholesky, lambda k: LowerCholeskyTransform()),
    (c.SoftplusLowerCholesky, lambda k: SoftplusLowerCholeskyTransform()),
    (c.ScaledUnitLowerCholesky, lambda k: ScaledUnitLowerCholeskyTransform()),
    (c.CorrCholesky, lambda k: CorrCholeskyTransform()),
    (c.CorrMatrix, lambda k: ComposeTransform(
        [CorrCholeskyTransform(), CorrMatrixCholeskyTransform().inv])),
    (c.PositiveDefinite, lambda k: ComposeTransform(
        [LowerCholeskyTransform(), CholeskyTransform().inv])),
]  # fmt: skip
for _kind, _maker in _MAKERS:
    biject_to.register(_kind, _maker)


def _is(x: Any, value: float) -> bool:
    return isinstance(x, int | float) and x == value


def _above(low: Any) -> Transform:
    if _is(low, 0.0):
        return ExpTransform()
    return ComposeTransform([ExpTransform(), AffineTransform(low, 1.0, domain=c.positive)])


def _below(high: Any) -> Transform:
    return ComposeTransform([ExpTransform(), AffineTransform(high, -1.0, domain=c.positive)])


def _inside(low: Any, high: Any) -> Transform:
    if _is(low, 0.0) and _is(high, 1.0):
        return SigmoidTransform()
    scale = AffineTransform(low, high - low, domain=c.unit_interval)
    return ComposeTransform([SigmoidTransform(), scale])
