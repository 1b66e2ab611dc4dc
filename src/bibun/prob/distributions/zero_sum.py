"""Normal vectors whose elements sum to zero.

The hyperplane of zero sums has one dimension less than the space. An isometry from R^(n-1)
onto it (a Householder reflection, applied without forming a matrix) carries a standard normal
there, so no direction of the hyperplane is favoured and the log-determinant is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.constraints import Constraint
from bibun.prob.distributions.distribution import Distribution, Shape
from bibun.prob.distributions.special import LOG_2PI
from bibun.prob.distributions.transforms import Transform
from bibun.prob.distributions.vector_transforms import biject_to


class ZeroSum(Constraint):
    """Sums to zero along each of the last `event_dim` axes."""

    def __init__(self, event_dim: int = 1) -> None:
        self.event_dim = event_dim

    def __call__(self, x: Any) -> Any:
        ok: Any = True
        scale = 1e-6 * (1.0 + bnp.max(bnp.abs(x), axis=tuple(range(-self.event_dim, 0))))
        for k in range(-self.event_dim, 0):
            total = bnp.abs(bnp.sum(x, axis=k))
            if self.event_dim > 1:
                total = bnp.max(total, axis=tuple(range(1 - self.event_dim, 0)))
            ok = ok & (total <= scale)
        return ok

    def feasible_like(self, prototype: Any) -> Any:
        return bnp.zeros_like(prototype)


class ZeroSumTransform(Transform):
    """Isometric: each of the last `transform_ndims` axes gets one more element, and sum 0.

    >>> abs(float(bnp.sum(ZeroSumTransform(1)(bnp.array([1.0, 2.0]))))) < 1e-12
    True
    """

    def __init__(self, transform_ndims: int = 1) -> None:
        self.transform_ndims = transform_ndims

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return c.independent(c.real, self.transform_ndims)

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return ZeroSum(self.transform_ndims)

    def __call__(self, x: Any) -> Any:
        for axis in range(-self.transform_ndims, 0):
            n = x.shape[axis] + 1
            total = bnp.sum(x, axis=axis, keepdims=True)
            shift = total / (math.sqrt(n) + n)
            last = shift - total / math.sqrt(n)
            x = bnp.concatenate([x, last], axis=axis) - shift
        return x

    def _inverse(self, y: Any) -> Any:
        for axis in range(-self.transform_ndims, 0):
            n = y.shape[axis]
            index: list[Any] = [slice(None)] * y.ndim
            index[axis] = slice(n - 1, n)
            last = y[tuple(index)]
            index[axis] = slice(0, n - 1)
            y = y[tuple(index)] - last * (math.sqrt(n) / (math.sqrt(n) + n))
        return y

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.zeros(np.shape(x)[: np.ndim(x) - self.transform_ndims])

    def _grown(self, shape: tuple[int, ...], by: int) -> tuple[int, ...]:
        cut = len(shape) - self.transform_ndims
        return (*shape[:cut], *(n + by for n in shape[cut:]))

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._grown(shape, 1)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._grown(shape, -1)


biject_to.register(ZeroSum, lambda k: ZeroSumTransform(k.event_dim))


class ZeroSumNormal(Distribution):
    """Normal with standard deviation `scale`, conditioned on sums of zero along all event axes.

    >>> from bibun import random
    >>> x = ZeroSumNormal(1.0, (3, 4)).sample(random.key(0))
    >>> bool(bnp.allclose(bnp.sum(x, axis=0), 0.0)), bool(bnp.allclose(bnp.sum(x, axis=1), 0.0))
    (True, True)
    """

    arg_constraints = {"scale": c.positive}
    reparametrized_params = ("scale",)
    _static = ("_event",)

    def __init__(
        self, scale: Any, event_shape: Shape, *, validate_args: bool | None = None
    ) -> None:
        self._event = tuple(event_shape)
        if not self._event or any(n < 2 for n in self._event):
            raise ValueError(
                "ZeroSumNormal: event_shape must have at least one axis and lengths of at least "
                f"2, got {event_shape}"
            )
        self._setup(validate_args, scale=scale)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return np.shape(self.scale), self._event

    @property
    def support(self) -> Any:  # type: ignore[override]
        return ZeroSum(len(self._event))

    def _log_prob(self, value: Any) -> Any:
        # the map is an isometry: the norm of the value is that of its coordinates
        n = math.prod(k - 1 for k in self._event)
        axes = tuple(range(-len(self._event), 0))
        square = bnp.sum(bnp.square(value), axis=axes) / bnp.square(self.scale)
        return -0.5 * square - n * (bnp.log(self.scale) + 0.5 * LOG_2PI)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        transform = ZeroSumTransform(len(self._event))
        z = random.normal(key, transform.inverse_shape(self.shape(sample_shape)))
        scale = bnp.asarray(self.scale)
        return transform(z) * bnp.reshape(scale, scale.shape + (1,) * len(self._event))

    @property
    def mean(self) -> Any:
        return bnp.zeros(self.shape())

    @property
    def variance(self) -> Any:
        share = math.prod(1 - 1 / k for k in self._event)
        scale = bnp.asarray(self.scale)
        v = bnp.square(scale) * share
        return bnp.broadcast_to(bnp.reshape(v, v.shape + (1,) * len(self._event)), self.shape())

    def entropy(self) -> Any:
        n = math.prod(k - 1 for k in self._event)
        return n * (bnp.log(self.scale) + 0.5 * (1 + LOG_2PI))
