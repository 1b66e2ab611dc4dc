"""Where a value may lie: the supports of distributions and the domains of parameters.

A constraint is called on a value and answers with booleans, of the value's shape without
its `event_dim` last axes. Two constraints are equal if they are of one kind with equal
bounds. Constraints with bounds are pytrees of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import tree
from bibun.errors import ShapeError
from bibun.trace.core import concrete


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, Constraint) or isinstance(b, Constraint):
        return a == b
    x, y = concrete(a), concrete(b)
    return x is not None and y is not None and np.array_equal(x, y)


class Constraint:
    """Base class. `fields` name the attributes that hold bounds."""

    is_discrete = False
    event_dim = 0
    fields: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        tree.register_pytree_node(
            cls,
            lambda c: (tuple(getattr(c, n) for n in c.fields), c._static()),
            lambda static, children, cls=cls: cls._rebuild(static, children),
        )

    @classmethod
    def _rebuild(cls, static: Any, children: tuple[Any, ...]) -> Constraint:
        new = object.__new__(cls)
        new.__dict__.update(zip(cls.fields, children, strict=True))
        new.__dict__.update(static)
        return new

    def _static(self) -> tuple[tuple[str, Any], ...]:
        return tuple((k, v) for k, v in self.__dict__.items() if k not in self.fields)

    def __call__(self, x: Any) -> Any:
        """Whether `x` satisfies the constraint, elementwise over batch axes."""
        raise NotImplementedError

    check = __call__

    def feasible_like(self, prototype: Any) -> Any:
        """A value that satisfies the constraint, of the prototype's shape."""
        raise NotImplementedError(f"no known feasible value of {self!r}")

    def __eq__(self, other: object) -> bool:
        return (
            type(self) is type(other)
            and self._static() == other._static()
            and all(_same(getattr(self, n), getattr(other, n)) for n in self.fields)
        )

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        name = type(self).__name__.lstrip("_")
        name = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
        bounds = ", ".join(f"{n}={_show(getattr(self, n))}" for n in self.fields)
        return f"{name}({bounds})" if bounds else name


def _show(x: Any) -> str:
    value = None if isinstance(x, Constraint) else concrete(x)
    if value is None:
        return repr(x)
    return f"{value.item():g}" if value.ndim == 0 else f"array of shape {value.shape}"


def _all_last(x: Any, n: int = 1) -> Any:
    return bnp.all(x, axis=tuple(range(-n, 0)))


class Real(Constraint):
    """Any real number, infinities included, nan excluded."""

    def __call__(self, x: Any) -> Any:
        return x == x

    def feasible_like(self, prototype: Any) -> Any:
        return bnp.zeros_like(prototype)


class Dependent(Constraint):
    """Stands at class level for a support that depends on parameters."""

    def __call__(self, x: Any) -> Any:
        raise ValueError("the support depends on parameters: ask an instance, not the class")


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint stands for a support that depends on parameters."""
    return isinstance(constraint, Dependent)


class Complex(Constraint):
    """Any finite complex number."""

    def __call__(self, x: Any) -> Any:
        return bnp.isfinite(x)

    def feasible_like(self, prototype: Any) -> Any:
        return bnp.zeros_like(prototype)


class _Bounded(Constraint):
    """Between optional bounds, each open or closed, and perhaps whole numbers only."""

    lower_bound: Any = None
    upper_bound: Any = None
    open_below = False
    open_above = False

    def __call__(self, x: Any) -> Any:
        ok = None
        if self.lower_bound is not None:
            ok = (x > self.lower_bound) if self.open_below else (x >= self.lower_bound)
        if self.upper_bound is not None:
            below = (x < self.upper_bound) if self.open_above else (x <= self.upper_bound)
            ok = below if ok is None else ok & below
        if self.is_discrete and getattr(x, "dtype", np.dtype(float)).kind == "f":
            ok = ok & (bnp.floor(x) == x)
        return ok

    def feasible_like(self, prototype: Any) -> Any:
        lo, hi = self.lower_bound, self.upper_bound
        if self.is_discrete:
            value = lo if lo is not None else hi
        elif lo is not None and hi is not None:
            value = (lo + hi) / 2
        else:
            value = lo + 1 if lo is not None else hi - 1
        return bnp.broadcast_to(value, np.shape(prototype))


class GreaterThan(_Bounded):
    """x > lower_bound."""

    fields = ("lower_bound",)
    open_below = True

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound


class GreaterThanEq(GreaterThan):
    """x >= lower_bound."""

    open_below = False


class LessThan(_Bounded):
    """x < upper_bound."""

    fields = ("upper_bound",)
    open_above = True

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound


class LessThanEq(LessThan):
    """x <= upper_bound."""

    open_above = False


class Interval(_Bounded):
    """lower_bound <= x <= upper_bound."""

    fields = ("lower_bound", "upper_bound")

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound


class OpenInterval(Interval):
    """lower_bound < x < upper_bound."""

    open_below = open_above = True


class IntegerInterval(Interval):
    """A whole number between two bounds, both included."""

    is_discrete = True


class IntegerGreaterThan(GreaterThanEq):
    """A whole number not below a bound."""

    is_discrete = True


class Boolean(Constraint):
    """0 or 1."""

    is_discrete = True

    def __call__(self, x: Any) -> Any:
        return (x == 0) | (x == 1)

    def feasible_like(self, prototype: Any) -> Any:
        return bnp.zeros_like(prototype)


class Integers(Constraint):
    """Any whole number."""

    is_discrete = True

    def __call__(self, x: Any) -> Any:
        return bnp.floor(x) == x

    def feasible_like(self, prototype: Any) -> Any:
        return bnp.zeros_like(prototype)


class Independent(Constraint):
    """A constraint that holds for each element of the last axes."""

    fields = ("base_constraint",)

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        if isinstance(base_constraint, Independent):
            reinterpreted_batch_ndims += base_constraint.reinterpreted_batch_ndims
            base_constraint = base_constraint.base_constraint
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def __call__(self, x: Any) -> Any:
        ok = self.base_constraint(x)
        n = self.reinterpreted_batch_ndims
        return _all_last(ok, n) if n else ok

    def feasible_like(self, prototype: Any) -> Any:
        return self.base_constraint.feasible_like(prototype)

    def __repr__(self) -> str:
        return f"independent({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class Cat(Constraint):
    """Constraints on consecutive slices along an axis, as `concatenate` would join them.

    `cseq`: the constraints; `dim`: the axis; `lengths`: of the slices, 1 each by default.
    The answer keeps the axis where the constraints are of scalars.

    >>> import bibun.numpy as bnp
    >>> cat([positive, unit_interval], dim=-1)(bnp.array([2.0, 2.0])).tolist()
    [True, False]
    """

    fields = ("cseq",)

    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ) -> None:
        self.cseq = tuple(cseq)
        self.dim = dim
        self.lengths = slice_lengths("Cat", self.cseq, lengths)

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return any(k.is_discrete for k in self.cseq)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return max(k.event_dim for k in self.cseq)

    def __call__(self, x: Any) -> Any:
        parts = slices(x, self.dim, self.lengths)
        return bnp.concatenate([k(p) for k, p in zip(self.cseq, parts, strict=True)], axis=self.dim)

    def feasible_like(self, prototype: Any) -> Any:
        parts = slices(prototype, self.dim, self.lengths)
        return bnp.concatenate(
            [k.feasible_like(p) for k, p in zip(self.cseq, parts, strict=True)], axis=self.dim
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cat) and (self.cseq, self.dim, self.lengths) == (
            other.cseq, other.dim, other.lengths
        )  # fmt: skip

    __hash__ = Constraint.__hash__

    def __repr__(self) -> str:
        return f"cat({list(self.cseq)!r}, dim={self.dim}, lengths={list(self.lengths)})"


def slice_lengths(
    name: str, parts: Sequence[Any], lengths: Sequence[int] | None
) -> tuple[int, ...]:
    """The lengths of the slices of a concatenation, checked against its parts."""
    if not parts:
        raise ValueError(f"{name}: give at least one part")
    known = (1,) * len(parts) if lengths is None else tuple(lengths)
    if len(known) != len(parts) or any(n < 0 for n in known):
        raise ValueError(
            f"{name}: expected {len(parts)} lengths, none of them negative, got {list(known)}"
        )
    return known


def slices(x: Any, dim: int, lengths: Sequence[int]) -> list[Any]:
    """Consecutive slices of `x` along an axis. Errors: ShapeError if the lengths do not fit."""
    shape = np.shape(x)
    if not -len(shape) <= dim < len(shape) or shape[dim] != sum(lengths):
        raise ShapeError(
            f"slices of lengths {list(lengths)} along axis {dim} need {sum(lengths)} elements "
            f"there, got shape {shape}"
        )
    ends = np.cumsum(lengths)
    lead = (slice(None),) * (dim % len(shape))
    return [x[(*lead, slice(int(e) - n, int(e)))] for e, n in zip(ends, lengths, strict=True)]


# Vectors and matrices. Sums and symmetry hold to rounding.
_TOLERANCE = 1e-6


class _Vector(Constraint):
    event_dim = 1


class Simplex(_Vector):
    """Not negative, summing to 1 along the last axis."""

    def __call__(self, x: Any) -> Any:
        total = bnp.sum(x, axis=-1)
        near = (total < 1 + _TOLERANCE) & (total > 1 - _TOLERANCE)
        return _all_last(bnp.asarray(x) >= 0) & near

    def feasible_like(self, prototype: Any) -> Any:
        return bnp.full_like(prototype, 1.0 / np.shape(prototype)[-1])


class Sphere(_Vector):
    """Of Euclidean length 1."""

    def __call__(self, x: Any) -> Any:
        return bnp.abs(bnp.sqrt(bnp.sum(x * x, axis=-1)) - 1) < _TOLERANCE

    def feasible_like(self, prototype: Any) -> Any:
        return bnp.full_like(prototype, np.shape(prototype)[-1] ** -0.5)


class L1Ball(_Vector):
    """With absolute values that sum to at most 1."""

    def __call__(self, x: Any) -> Any:
        return bnp.sum(bnp.abs(x), axis=-1) < 1 + _TOLERANCE

    def feasible_like(self, prototype: Any) -> Any:
        return bnp.zeros_like(prototype)


class PositiveDefiniteCirculantVector(_Vector):
    """The first row of a circulant matrix that is symmetric and positive definite."""

    def __call__(self, x: Any) -> Any:
        spectrum = bnp.fft.rfft(x)
        scale = _TOLERANCE * (1 + bnp.sum(bnp.abs(x), axis=-1, keepdims=True))
        return _all_last((bnp.abs(spectrum.imag) < scale) & (spectrum.real > 0))

    def feasible_like(self, prototype: Any) -> Any:
        first = np.eye(1, np.shape(prototype)[-1])[0]
        return bnp.broadcast_to(first, np.shape(prototype))


class OrderedVector(_Vector):
    """Strictly increasing along the last axis."""

    def __call__(self, x: Any) -> Any:
        return _all_last(x[..., 1:] > x[..., :-1])

    def feasible_like(self, prototype: Any) -> Any:
        return bnp.broadcast_to(bnp.arange(float(np.shape(prototype)[-1])), np.shape(prototype))


class PositiveOrderedVector(OrderedVector):
    """Positive and strictly increasing along the last axis."""

    def __call__(self, x: Any) -> Any:
        return super().__call__(x) & (x[..., 0] > 0)

    def feasible_like(self, prototype: Any) -> Any:
        return super().feasible_like(prototype) + 1.0


class Multinomial(_Vector):
    """Counts, not negative, that sum to `upper_bound`."""

    is_discrete = True
    fields = ("upper_bound",)

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def __call__(self, x: Any) -> Any:
        return _all_last(x >= 0) & (bnp.sum(x, axis=-1) == self.upper_bound)


class _Matrix(Constraint):
    event_dim = 2

    def feasible_like(self, prototype: Any) -> Any:
        return bnp.broadcast_to(bnp.eye(np.shape(prototype)[-1]), np.shape(prototype))


class LowerCholesky(_Matrix):
    """Lower triangular with a positive diagonal."""

    def __call__(self, x: Any) -> Any:
        lower = _all_last(bnp.tril(x) == x, 2)
        return lower & _all_last(bnp.diagonal(x, axis1=-2, axis2=-1) > 0)


class CorrCholesky(LowerCholesky):
    """A Cholesky factor whose rows have length 1."""

    def __call__(self, x: Any) -> Any:
        norms = bnp.sum(x * x, axis=-1)
        return super().__call__(x) & _all_last(bnp.abs(norms - 1) < _TOLERANCE)


def _symmetric(x: Any) -> Any:
    return _all_last(bnp.abs(x - bnp.swapaxes(x, -1, -2)) <= _TOLERANCE, 2)


class PositiveDefinite(_Matrix):
    """Symmetric, with positive eigenvalues."""

    def __call__(self, x: Any) -> Any:
        smallest = bnp.linalg.eigvalsh(x)[..., 0]
        return _symmetric(x) & (smallest > 0)


class PositiveSemidefinite(PositiveDefinite):
    """Symmetric, with no negative eigenvalue beyond rounding."""

    def __call__(self, x: Any) -> Any:
        smallest = bnp.linalg.eigvalsh(x)[..., 0]
        return _symmetric(x) & (smallest >= -_TOLERANCE)


class CorrMatrix(PositiveDefinite):
    """Positive definite with a unit diagonal."""

    def __call__(self, x: Any) -> Any:
        d = bnp.diagonal(x, axis1=-2, axis2=-1)
        return super().__call__(x) & _all_last(bnp.abs(d - 1) < _TOLERANCE)


class SoftplusPositive(GreaterThan):
    """Positive, to be reached through softplus rather than exp."""

    def __init__(self) -> None:
        super().__init__(0.0)


class SoftplusLowerCholesky(LowerCholesky):
    """Lower Cholesky, its diagonal to be reached through softplus."""


class ScaledUnitLowerCholesky(LowerCholesky):
    """Lower Cholesky, parametrised as a unit triangle times a scale."""


class Circular(Interval):
    """An angle in [-pi, pi]."""

    def __init__(self) -> None:
        super().__init__(-math.pi, math.pi)


def independent(base_constraint: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """A constraint on each element of the last axes; the constraint itself for none."""
    if reinterpreted_batch_ndims == 0:
        return base_constraint
    return Independent(base_constraint, reinterpreted_batch_ndims)


boolean = Boolean()
cat = Cat
circular = Circular()
complex = Complex()
corr_cholesky = CorrCholesky()
corr_matrix = CorrMatrix()
dependent = Dependent()
greater_than = GreaterThan
greater_than_eq = GreaterThanEq
less_than = LessThan
less_than_eq = LessThanEq
integer_interval = IntegerInterval
integer_greater_than = IntegerGreaterThan
integers = Integers()
interval = Interval
l1_ball = L1Ball()
open_interval = OpenInterval
lower_cholesky = LowerCholesky()
multinomial = Multinomial
nonnegative = GreaterThanEq(0.0)
nonnegative_integer = IntegerGreaterThan(0)
ordered_vector = OrderedVector()
positive = GreaterThan(0.0)
positive_definite = PositiveDefinite()
positive_definite_circulant_vector = PositiveDefiniteCirculantVector()
positive_integer = IntegerGreaterThan(1)
positive_ordered_vector = PositiveOrderedVector()
positive_semidefinite = PositiveSemidefinite()
real = Real()
real_matrix = Independent(real, 2)
real_vector = Independent(real, 1)
scaled_unit_lower_cholesky = ScaledUnitLowerCholesky()
simplex = Simplex()
softplus_lower_cholesky = SoftplusLowerCholesky()
softplus_positive = SoftplusPositive()
sphere = Sphere()
unit_interval = Interval(0.0, 1.0)
