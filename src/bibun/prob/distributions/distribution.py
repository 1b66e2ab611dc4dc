"""What every distribution has, and the wrappers that make one distribution from another.

A distribution is a pytree of its parameters, so that it passes through every
transformation. Its *batch shape* is the common shape of its parameters and counts
independent draws of different parameters; its *event shape* is that of one draw. A subclass
is a table, `arg_constraints` and `support`, and formulas; shapes, validation, support and
pytree registration follow from the table here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import tree
from bibun.errors import ShapeError
from bibun.prob.distributions import constraints as c
from bibun.trace.core import EVAL, concrete, using_trace

Shape = tuple[int, ...]
_SCALARS = (bool, int, float)


def parameter(name: str, x: Any) -> Any:
    """A parameter as given: Python numbers stay, lists and NumPy arrays become arrays."""
    if type(x) in _SCALARS:
        return x
    try:
        return bnp.asarray(x)
    except TypeError as error:
        raise TypeError(f"parameter {name}: {error}") from None


def one_of(what: str, **options: Any) -> tuple[str, Any]:
    """Name and value of the one option that is given. Errors: ValueError for none or several."""
    given = [k for k, v in options.items() if v is not None]
    if len(given) != 1:
        *first, last = options
        raise ValueError(
            f"{what}: give exactly one of {', '.join(first)} and {last}, got "
            f"{' and '.join(given) or 'none'}"
        )
    return given[0], parameter(given[0], options[given[0]])


def satisfied(constraint: c.Constraint, value: Any) -> np.ndarray | None:
    """Where a value satisfies a constraint, or None while either is not known."""
    bounds = tree.map(concrete, constraint)
    known = value if type(value) in _SCALARS else concrete(value)
    if known is None or len(tree.leaves(bounds)) != len(tree.leaves(constraint)):
        return None
    if type(known) is np.ndarray and known.dtype.kind not in "biuf":
        return None
    with using_trace(EVAL):
        ok = bounds(bnp.asarray(known) if type(known) is np.ndarray else known)
        return np.asarray(getattr(ok, "_value", ok))


class Distribution:
    """Base class of all distributions.

    Subclasses set `arg_constraints`, `support`, and write `_log_prob(value)` and
    `sample(key, sample_shape)`, and those of `mean`, `variance`, `cdf`, `icdf`, `entropy`
    that have closed forms.
    """

    arg_constraints: dict[str, c.Constraint] = {}
    support: Any = None
    has_enumerate_support = False
    reparametrized_params: Sequence[str] = ()
    # What a pytree of this class carries: attributes with arrays, and others.
    _fields: tuple[str, ...] = ()
    _static: tuple[str, ...] = ()
    _validate_default = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_fields" not in cls.__dict__ and "arg_constraints" in cls.__dict__:
            cls._fields = tuple(cls.arg_constraints)
        tree.register_pytree_node(
            cls,
            lambda d: (
                tuple(d.__dict__[n] for n in d._fields),
                tuple(d.__dict__[n] for n in (*d._static, "_validate")),
            ),
            lambda static, children, cls=cls: cls._rebuild(static, children),
            lambda d: (
                [(tree.GetAttrKey(n), d.__dict__[n]) for n in d._fields],
                tuple(d.__dict__[n] for n in (*d._static, "_validate")),
            ),
        )

    @classmethod
    def _rebuild(cls, static: tuple[Any, ...], children: tuple[Any, ...]) -> Distribution:
        new = object.__new__(cls)
        new.__dict__.update(zip(cls._fields, children, strict=True))
        new.__dict__.update(zip((*cls._static, "_validate"), static, strict=True))
        return new

    def _setup(self, validate_args: bool | None, **params: Any) -> None:
        """Store parameters, work out shapes, validate."""
        self.__dict__.update({k: parameter(k, v) for k, v in params.items()})
        self._validate = self._validate_default if validate_args is None else validate_args
        self.shapes  # noqa: B018 (raises for parameters that do not fit)
        if self._validate:
            self._validate_parameters()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions validate where `validate_args` is not given."""
        Distribution._validate_default = bool(value)

    def _validate_parameters(self) -> None:
        for name in self._fields:
            constraint = self.arg_constraints.get(name)
            if constraint is None or constraint is c.dependent:
                continue
            value = self.__dict__[name]
            ok = satisfied(constraint, value)
            if ok is not None and not ok.all():
                known = np.asarray(concrete(value))
                at = np.unravel_index(int(np.argmin(ok)), ok.shape)
                shown = known[at]
                where = f" at {tuple(map(int, at))}" if ok.ndim else ""
                text = f"{shown:g}" if np.ndim(shown) == 0 else f"\n{shown}"
                raise ValueError(
                    f"{type(self).__name__}: parameter {name} must satisfy {constraint!r}, "
                    f"got {text}{where}"
                )

    # shapes --------------------------------------------------------------------------

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch = []
        for name in self._fields:
            shape = np.shape(self.__dict__[name])
            n = self.arg_constraints[name].event_dim
            if len(shape) < n:
                raise ShapeError(
                    f"{type(self).__name__}: parameter {name} must have at least {n} axes, "
                    f"got shape {shape}"
                )
            batch.append(shape[: len(shape) - n])
        try:
            return np.broadcast_shapes(*batch), ()
        except ValueError:
            listed = ", ".join(f"{n}: {s}" for n, s in zip(self._fields, batch, strict=True))
            raise ShapeError(
                f"{type(self).__name__}: parameters do not broadcast, their batch shapes are "
                f"{listed}"
            ) from None

    @property
    def shapes(self) -> tuple[Shape, Shape]:
        """(batch shape, event shape)."""
        known = self.__dict__.get("_shapes")
        if known is None:
            known = self.__dict__["_shapes"] = self._compute_shapes()
        return known

    @property
    def batch_shape(self) -> Shape:
        """Shape over which draws have parameters of their own."""
        return self.shapes[0]

    @property
    def event_shape(self) -> Shape:
        """Shape of one draw."""
        return self.shapes[1]

    @property
    def event_dim(self) -> int:
        return len(self.event_shape)

    @property
    def batch_dim(self) -> int:
        return len(self.batch_shape)

    def shape(self, sample_shape: Shape = ()) -> Shape:
        """Shape of `sample(key, sample_shape)`."""
        return (*sample_shape, *self.batch_shape, *self.event_shape)

    @property
    def is_discrete(self) -> bool:
        return self.support is not None and self.support.is_discrete

    @property
    def has_rsample(self) -> bool:
        """Whether draws are differentiable in every parameter."""
        return not self.is_discrete and set(self.reparametrized_params) == set(self.arg_constraints)

    # density and draws --------------------------------------------------------------------

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """Log density (or log mass) at `value`, of shape broadcast(batch, value's batch).

        Outside a scalar support it is -inf.
        """
        value = parameter("value", value)
        lp = self._log_prob(value)
        support = self.support
        if support is None or support.event_dim or support is c.real or support is c.dependent:
            return lp
        return bnp.where(support(value), lp, -np.inf)

    def _log_prob(self, value: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no log density")

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        """Draws of shape `sample_shape + batch_shape + event_shape`."""
        raise NotImplementedError(f"{type(self).__name__} cannot be sampled")

    def rsample(self, key: Any, sample_shape: Shape = ()) -> Any:
        """Differentiable draws. Errors: NotImplementedError where there are none."""
        if not self.has_rsample:
            raise NotImplementedError(
                f"draws of {type(self).__name__} are not differentiable in its parameters"
            )
        return self.sample(key, sample_shape)

    def sample_with_intermediates(self, key: Any, sample_shape: Shape = ()) -> tuple[Any, list]:
        return self.sample(key, sample_shape), []

    def __call__(self, *, rng_key: Any = None, sample_shape: Shape = (), **_: Any) -> Any:
        if rng_key is None:
            raise ValueError(
                f"drawing from {type(self).__name__} needs a key: pass rng_key, or run the "
                "model in bibun.prob.handlers.seed(model, rng_seed)"
            )
        return self.sample(rng_key, sample_shape)

    def _missing(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no closed form for its {what}")

    @property
    def mean(self) -> Any:
        """Expected value, of shape batch + event; nan where undefined."""
        raise self._missing("mean")

    @property
    def variance(self) -> Any:
        """Variance of each element, of shape batch + event; nan where undefined."""
        raise self._missing("variance")

    def cdf(self, value: Any) -> Any:
        """P(X <= value)."""
        raise self._missing("cdf")

    def icdf(self, q: Any) -> Any:
        """The quantile of probability `q`."""
        raise self._missing("inverse cdf")

    def entropy(self) -> Any:
        """Entropy in nats, of the batch shape."""
        raise self._missing("entropy")

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values of a finite support, along a new first axis."""
        raise NotImplementedError(f"{type(self).__name__} has no finite support to list")

    def _wide(self, x: Any) -> Any:
        """`x` in the batch shape."""
        return bnp.broadcast_to(x, self.batch_shape)

    # deriving -----------------------------------------------------------------------------

    def to_event(self, reinterpreted_batch_ndims: int | None = None) -> Distribution:
        """The same draws with the last batch axes counted as part of the event.

        >>> from bibun.prob import distributions as dist
        >>> d = dist.Normal(bnp.zeros((3, 2)), 1.0).to_event(1)
        >>> d.batch_shape, d.event_shape
        ((3,), (2,))
        """
        n = self.batch_dim if reinterpreted_batch_ndims is None else reinterpreted_batch_ndims
        return self if n == 0 else Independent(self, n)

    def expand(self, batch_shape: Shape) -> Distribution:
        """The same distribution, independently over a larger batch shape.

        Errors: ShapeError where the batch shape does not broadcast to it.
        """
        batch_shape = tuple(batch_shape)
        return self if batch_shape == self.batch_shape else ExpandedDistribution(self, batch_shape)

    def expand_by(self, sample_shape: Shape) -> Distribution:
        """`expand` by new leading axes."""
        return self.expand((*sample_shape, *self.batch_shape))

    def mask(self, mask: Any) -> Distribution:
        """The same draws, with log density 0 where `mask` is false."""
        return self if mask is True else MaskedDistribution(self, mask)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(batch_shape={self.batch_shape}, event_shape={self.event_shape})"
        )


class _Wrapper(Distribution):
    """A distribution that says of most things what `base_dist` says."""

    _fields = ("base_dist",)

    @property
    def support(self) -> Any:  # type: ignore[override]
        return self.base_dist.support

    @property
    def arg_constraints(self) -> Any:  # type: ignore[override]
        return {}

    @property
    def is_discrete(self) -> bool:
        return self.base_dist.is_discrete

    @property
    def has_rsample(self) -> bool:
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_enumerate_support

    def _wrap(
        self, base_dist: Distribution, validate_args: bool | None = None, **fields: Any
    ) -> None:
        """Store them; `validate_args` is the base's unless it is given."""
        if not isinstance(base_dist, Distribution):
            raise TypeError(f"expected a distribution, got {type(base_dist).__name__}")
        self.base_dist = base_dist
        self.__dict__.update(fields)
        self._validate = base_dist._validate if validate_args is None else validate_args
        self.shapes  # noqa: B018 (raises for shapes that do not fit)

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        return self._log_prob(parameter("value", value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist!r})"


class Independent(_Wrapper):
    """The last `reinterpreted_batch_ndims` batch axes as part of the event.

    >>> from bibun.prob import distributions as dist
    >>> dist.Independent(dist.Normal(bnp.zeros((3, 2)), 1.0), 1).event_shape
    (2,)
    """

    _static = ("reinterpreted_batch_ndims",)

    def __init__(
        self,
        base_dist: Distribution,
        reinterpreted_batch_ndims: int,
        *,
        validate_args: bool | None = None,
    ) -> None:
        self._wrap(
            base_dist, validate_args, reinterpreted_batch_ndims=reinterpreted_batch_ndims
        )

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, event = self.base_dist.shapes
        n = self.reinterpreted_batch_ndims
        if not 0 <= n <= len(batch):
            raise ShapeError(f"to_event({n}): the batch shape {batch} has {len(batch)} axes")
        cut = len(batch) - n
        return batch[:cut], batch[cut:] + event

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.independent(self.base_dist.support, self.reinterpreted_batch_ndims)

    def _log_prob(self, value: Any) -> Any:
        lp = self.base_dist.log_prob(value)
        n = self.reinterpreted_batch_ndims
        return bnp.sum(lp, axis=tuple(range(-n, 0))) if n else lp

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self.base_dist.sample(key, sample_shape)

    @property
    def mean(self) -> Any:
        return self.base_dist.mean

    @property
    def variance(self) -> Any:
        return self.base_dist.variance

    def entropy(self) -> Any:
        n = self.reinterpreted_batch_ndims
        h = self.base_dist.entropy()
        return bnp.sum(h, axis=tuple(range(-n, 0))) if n else h

    def expand(self, batch_shape: Shape) -> Distribution:
        n = self.reinterpreted_batch_ndims
        inner = self.base_dist.batch_shape[len(self.base_dist.batch_shape) - n :]
        return Independent(self.base_dist.expand((*batch_shape, *inner)), n)


class ExpandedDistribution(_Wrapper):
    """Independent copies of a distribution over a larger batch shape.

    >>> from bibun.prob import distributions as dist
    >>> dist.Normal().expand((3,)).batch_shape
    (3,)
    """

    _static = ("target",)

    def __init__(self, base_dist: Distribution, batch_shape: Shape = ()) -> None:
        if isinstance(base_dist, ExpandedDistribution):
            base_dist = base_dist.base_dist
        self._wrap(base_dist, target=tuple(batch_shape))

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, event = self.base_dist.shapes
        try:
            fits = np.broadcast_shapes(batch, self.target) == self.target
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(f"cannot expand batch shape {batch} to {self.target}")
        return self.target, event

    def _log_prob(self, value: Any) -> Any:
        lp = self.base_dist.log_prob(value)
        return bnp.broadcast_to(lp, np.broadcast_shapes(np.shape(lp), self.target))

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        batch = self.base_dist.batch_shape
        lead = len(self.target) - len(batch)
        # axes of length 1 in the base that are longer here are drawn in front, then moved
        grown = [
            i for i, (have, want) in enumerate(zip(batch, self.target[lead:], strict=True))
            if have != want
        ]  # fmt: skip
        front = (*sample_shape, *self.target[:lead])
        sizes = tuple(self.target[lead + i] for i in grown)
        x = self.base_dist.sample(key, (*front, *sizes))
        if grown:
            first, n = len(front), len(grown)
            order = list(range(first))
            for i in range(len(batch)):
                if i in grown:
                    order.append(first + grown.index(i))
                order.append(first + n + i)
            order.extend(range(first + n + len(batch), x.ndim))
            x = bnp.transpose(x, tuple(order))
        return bnp.reshape(x, self.shape(tuple(sample_shape)))

    def _broaden(self, x: Any) -> Any:
        return bnp.broadcast_to(x, self.target + self.event_shape)

    @property
    def mean(self) -> Any:
        return self._broaden(self.base_dist.mean)

    @property
    def variance(self) -> Any:
        return self._broaden(self.base_dist.variance)

    def cdf(self, value: Any) -> Any:
        return self.base_dist.cdf(value)

    def icdf(self, q: Any) -> Any:
        return self.base_dist.icdf(q)

    def entropy(self) -> Any:
        return bnp.broadcast_to(self.base_dist.entropy(), self.target)

    def enumerate_support(self, expand: bool = True) -> Any:
        values = self.base_dist.enumerate_support(expand=False)
        n = values.shape[0]
        values = bnp.reshape(values, (n,) + (1,) * len(self.target))
        return bnp.broadcast_to(values, (n, *self.target)) if expand else values


class MaskedDistribution(_Wrapper):
    """A distribution whose log density counts only where a mask is true.

    >>> from bibun.prob import distributions as dist
    >>> dist.Normal().mask(bnp.array([True, False])).log_prob(0.0).round(4).tolist()
    [-0.9189, 0.0]
    """

    _fields = ("base_dist", "mask_value")

    def __init__(self, base_dist: Distribution, mask: Any) -> None:
        mask = mask if isinstance(mask, bool) else bnp.asarray(mask)
        self._wrap(base_dist, mask_value=mask)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, event = self.base_dist.shapes
        return np.broadcast_shapes(batch, np.shape(self.mask_value)), event

    def _log_prob(self, value: Any) -> Any:
        if self.mask_value is True:
            return self.base_dist.log_prob(value)
        lp = self.base_dist.log_prob(value)
        return bnp.where(self.mask_value, lp, 0.0)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self.base_dist.expand(self.batch_shape).sample(key, sample_shape)

    @property
    def mean(self) -> Any:
        return bnp.broadcast_to(self.base_dist.mean, self.shape())

    @property
    def variance(self) -> Any:
        return bnp.broadcast_to(self.base_dist.variance, self.shape())

    def enumerate_support(self, expand: bool = True) -> Any:
        return self.base_dist.enumerate_support(expand=expand)
