"""Bijections between constrained and unconstrained values.

`t(x)` maps `domain` to `codomain`, `t.inv(y)` back, and `t.log_abs_det_jacobian(x, y)` is
log |det dy/dx| with the axes of an event summed. Samplers walk in unconstrained space, so
these formulas are written to stay finite far out in both tails.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import tree
from bibun.ops.elementwise import logistic
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.constraints import Constraint
from bibun.trace.core import concrete


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow."""
    return bnp.logaddexp(x, 0.0)


def sum_rightmost(x: Any, n: int) -> Any:
    """`x` summed over its last `n` axes."""
    return bnp.sum(x, axis=tuple(range(-n, 0))) if n else x


def clipped_sigmoid(x: Any) -> Any:
    """The logistic function, kept inside (0, 1)."""
    x = bnp.asarray(x)
    x = x if x.dtype.kind == "f" else x.astype(float)
    info = np.finfo(x.dtype)
    return bnp.clip(logistic(x), float(info.tiny), float(1.0 - info.eps))


class Transform:
    """Base class. `fields` name the attributes that hold arrays or other transforms."""

    domain: Constraint = c.real
    codomain: Constraint = c.real
    fields: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        tree.register_pytree_node(
            cls,
            lambda t: (
                tuple(getattr(t, n) for n in t.fields),
                tuple((k, v) for k, v in t.__dict__.items() if k not in t.fields),
            ),
            lambda static, children, cls=cls: cls._rebuild(static, children),
        )

    @classmethod
    def _rebuild(cls, static: Any, children: tuple[Any, ...]) -> Transform:
        new = object.__new__(cls)
        new.__dict__.update(zip(cls.fields, children, strict=True))
        new.__dict__.update(static)
        return new

    @property
    def inv(self) -> Transform:
        """The inverse transform."""
        return InverseTransform(self)

    def __call__(self, x: Any) -> Any:
        raise NotImplementedError

    def _inverse(self, y: Any) -> Any:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        """log |det dy/dx| at `x`, where `y` is `self(x)`."""
        raise NotImplementedError

    @property
    def event_dim(self) -> int:
        """Axes of an event: the larger of the domain's and the codomain's."""
        return max(self.domain.event_dim, self.codomain_event_dim)

    @property
    def codomain_event_dim(self) -> int:
        """Axes of an event of the codomain."""
        return self.codomain.event_dim

    def call_with_intermediates(self, x: Any) -> tuple[Any, Any]:
        return self(x), None

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of `self(x)` for `x` of this shape."""
        return tuple(shape)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of `x` for a value of this shape."""
        return tuple(shape)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or self.__dict__.keys() != other.__dict__.keys():
            return False
        return all(c._same(v, other.__dict__[k]) if k in self.fields and not isinstance(
            v, Transform | tuple | list) else v == other.__dict__[k]
            for k, v in self.__dict__.items())  # fmt: skip

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        parts = ", ".join(f"{k}={v!r}" for k, v in self.__dict__.items())
        return f"{type(self).__name__}({parts})"


class InverseTransform(Transform):
    """A transform turned round."""

    fields = ("base",)

    def __init__(self, base: Transform) -> None:
        self.base = base

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return self.base.codomain

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return self.base.domain

    @property
    def inv(self) -> Transform:
        return self.base

    @property
    def event_dim(self) -> int:
        return self.base.event_dim

    def __call__(self, x: Any) -> Any:
        return self.base._inverse(x)

    def _inverse(self, y: Any) -> Any:
        return self.base(y)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return -self.base.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.base.inverse_shape(shape)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.base.forward_shape(shape)


class IdentityTransform(Transform):
    """y = x."""

    def __call__(self, x: Any) -> Any:
        return x

    _inverse = __call__

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.zeros_like(x)


class AffineTransform(Transform):
    """y = loc + scale x; `domain` tells its codomain."""

    fields = ("loc", "scale", "domain")

    def __init__(self, loc: Any, scale: Any, domain: Constraint = c.real) -> None:
        self.loc = loc
        self.scale = scale
        self.domain = domain

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        d = self.domain
        if not isinstance(d, c.GreaterThan | c.LessThan | c.Interval):
            return c.real
        ends = [None if e is None else self(e) for e in (d.lower_bound, d.upper_bound)]
        scale = concrete(self.scale)
        if scale is None:
            raise ValueError("AffineTransform: the codomain needs a concrete sign of scale")
        if (scale < 0).all():
            ends.reverse()
        if ends[0] is None:
            return c.LessThan(ends[1])
        return c.GreaterThan(ends[0]) if ends[1] is None else c.Interval(*ends)

    @property
    def codomain_event_dim(self) -> int:
        # that of the domain; asking the codomain would need the sign of scale
        return self.domain.event_dim

    def __call__(self, x: Any) -> Any:
        return self.loc + self.scale * x

    def _inverse(self, y: Any) -> Any:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        shape = np.broadcast_shapes(np.shape(x), np.shape(self.loc), np.shape(self.scale))
        return bnp.broadcast_to(bnp.log(bnp.abs(self.scale)), shape)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return np.broadcast_shapes(shape, np.shape(self.loc), np.shape(self.scale))

    inverse_shape = forward_shape


class ExpTransform(Transform):
    """y = exp(x)."""

    codomain = c.positive

    def __call__(self, x: Any) -> Any:
        return bnp.exp(x)

    def _inverse(self, y: Any) -> Any:
        return bnp.log(y)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.asarray(x)


class AbsTransform(Transform):
    """y = |x|: two to one; its inverse takes the positive branch."""

    codomain = c.nonnegative

    def __call__(self, x: Any) -> Any:
        return bnp.abs(x)

    def _inverse(self, y: Any) -> Any:
        return y


class PowerTransform(Transform):
    """y = x ** exponent, for positive x."""

    domain = c.positive
    codomain = c.positive
    fields = ("exponent",)

    def __init__(self, exponent: Any) -> None:
        self.exponent = exponent

    def __call__(self, x: Any) -> Any:
        return bnp.power(x, self.exponent)

    def _inverse(self, y: Any) -> Any:
        return bnp.power(y, 1 / self.exponent)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.log(bnp.abs(self.exponent * y / x))

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return np.broadcast_shapes(shape, np.shape(self.exponent))

    inverse_shape = forward_shape


class SigmoidTransform(Transform):
    """y = 1 / (1 + exp(-x)), kept inside (0, 1)."""

    codomain = c.unit_interval

    def __call__(self, x: Any) -> Any:
        return clipped_sigmoid(x)

    def _inverse(self, y: Any) -> Any:
        return bnp.log(y) - bnp.log1p(-y)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        a = bnp.abs(x)
        return -a - 2 * bnp.log1p(bnp.exp(-a))


class SoftplusTransform(Transform):
    """y = log(1 + exp(x))."""

    codomain = c.softplus_positive

    def __call__(self, x: Any) -> Any:
        return softplus(x)

    def _inverse(self, y: Any) -> Any:
        return y + bnp.log(-bnp.expm1(-y))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return -softplus(-x)


class TanhTransform(Transform):
    """y = tanh(x)."""

    codomain = c.Interval(-1.0, 1.0)

    def __call__(self, x: Any) -> Any:
        return bnp.tanh(x)

    def _inverse(self, y: Any) -> Any:
        return bnp.arctanh(y)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return 2 * (math.log(2.0) - x - softplus(-2 * x))


class ComposeTransform(Transform):
    """Transforms one after another, the first one first."""

    fields = ("parts",)

    def __init__(self, parts: Sequence[Transform]) -> None:
        self.parts = tuple(parts)

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return self.parts[0].domain if self.parts else c.real

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return self.parts[-1].codomain if self.parts else c.real

    @property
    def event_dim(self) -> int:
        return max((p.event_dim for p in self.parts), default=0)

    def __call__(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Any) -> Any:
        for part in reversed(self.parts):
            y = part._inverse(y)
        return y

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        total: Any = 0.0
        event = 0  # event axes of the value on its way, counted from the end
        for part in reversed(self.parts):
            event += part.domain.event_dim - part.codomain_event_dim
            event = max(event, part.domain.event_dim)
        for part in self.parts:
            z = part(x) if part is not self.parts[-1] else y
            ladj = part.log_abs_det_jacobian(x, z)
            total = total + sum_rightmost(ladj, event - part.domain.event_dim)
            event += part.codomain_event_dim - part.domain.event_dim
            x = z
        return total

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape


class IndependentTransform(Transform):
    """A transform whose last `reinterpreted_batch_ndims` batch axes belong to the event."""

    fields = ("base_transform",)

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int) -> None:
        self.base_transform = base_transform
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return c.Independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return c.Independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def event_dim(self) -> int:
        return self.base_transform.event_dim + self.reinterpreted_batch_ndims

    def __call__(self, x: Any) -> Any:
        return self.base_transform(x)

    def _inverse(self, y: Any) -> Any:
        return self.base_transform._inverse(y)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        ladj = self.base_transform.log_abs_det_jacobian(x, y)
        return sum_rightmost(ladj, self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.base_transform.inverse_shape(shape)
