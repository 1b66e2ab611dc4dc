"""Transforms that move numbers about: to other places, shapes and kinds.

All are isometries, their log-determinant is 0, but for `CatTransform`, which has those of its
parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import tree
from bibun.errors import ShapeError
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.constraints import Constraint
from bibun.prob.distributions.transforms import Transform, sum_rightmost
from bibun.prob.distributions.vector_transforms import biject_to
from bibun.transforms import vmap


class CatTransform(Transform):
    """Transforms on consecutive slices along an axis, as `concatenate` would join them.

    `tseq`: the transforms; `dim`: the axis; `lengths`: of the slices, 1 each by default.

    >>> from bibun.prob.distributions.transforms import ExpTransform, IdentityTransform
    >>> t = CatTransform([ExpTransform(), IdentityTransform()], dim=-1, lengths=[1, 2])
    >>> t(bnp.zeros(3)).tolist()
    [1.0, 0.0, 0.0]
    """

    fields = ("transforms",)

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None
    ) -> None:
        self.transforms = tuple(tseq)
        self.dim = dim
        self.lengths = c.slice_lengths("CatTransform", self.transforms, lengths)

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return c.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return c.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    def _join(self, maps: Sequence[Callable[[Any], Any]], x: Any) -> Any:
        parts = c.slices(x, self.dim, self.lengths)
        return bnp.concatenate([f(p) for f, p in zip(maps, parts, strict=True)], axis=self.dim)

    def __call__(self, x: Any) -> Any:
        return self._join(self.transforms, x)

    def _inverse(self, y: Any) -> Any:
        return self._join([t._inverse for t in self.transforms], y)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        """Of each element along the axis; summed over it where an event reaches it."""
        parts = zip(
            self.transforms,
            c.slices(x, self.dim, self.lengths),
            c.slices(y, self.dim, self.lengths),
            strict=True,
        )
        event = self.event_dim
        terms = [
            sum_rightmost(t.log_abs_det_jacobian(a, b), event - t.event_dim) for t, a, b in parts
        ]
        dim = self.dim if self.dim >= 0 else self.dim + np.ndim(x)
        if dim >= np.ndim(x) - event:
            total: Any = 0.0
            for term in terms:
                total = total + term
            return total
        return bnp.concatenate(terms, axis=dim)


class ComplexTransform(Transform):
    """Pairs of reals, along the last axis, to complex numbers.

    >>> complex(ComplexTransform()(bnp.array([1.0, 2.0])))
    (1+2j)
    """

    domain = c.real_vector
    codomain = c.complex

    def _check(self, shape: tuple[int, ...]) -> None:
        if shape[-1:] != (2,):
            raise ShapeError(f"ComplexTransform: expected a last axis of length 2, got {shape}")

    def __call__(self, x: Any) -> Any:
        self._check(np.shape(x))
        return x[..., 0] + 1j * x[..., 1]

    def _inverse(self, y: Any) -> Any:
        return bnp.stack([y.real, y.imag], axis=-1)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.zeros(np.shape(y))

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        self._check(shape)
        return tuple(shape[:-1])

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape, 2)


class PermuteTransform(Transform):
    """y_i = x_p(i) along the last axis, for a permutation p of 0 … n - 1.

    >>> PermuteTransform(bnp.array([2, 0, 1]))(bnp.array([5.0, 6.0, 7.0])).tolist()
    [7.0, 5.0, 6.0]
    """

    domain = c.real_vector
    codomain = c.real_vector
    fields = ("permutation",)

    def __init__(self, permutation: Any) -> None:
        self.permutation = bnp.asarray(permutation)

    def __call__(self, x: Any) -> Any:
        return bnp.take(x, self.permutation, axis=-1)

    def _inverse(self, y: Any) -> Any:
        return bnp.take(y, bnp.argsort(self.permutation), axis=-1)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.zeros(np.shape(x)[:-1])


class ReshapeTransform(Transform):
    """Events of shape `inverse_shape` as events of shape `forward_shape`.

    >>> ReshapeTransform((2, 2), (4,))(bnp.arange(4.0)).tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """

    def __init__(self, forward_shape: tuple[int, ...], inverse_shape: tuple[int, ...]) -> None:
        if math.prod(forward_shape) != math.prod(inverse_shape):
            raise ShapeError(
                f"ReshapeTransform: {tuple(inverse_shape)} and {tuple(forward_shape)} do not "
                "hold the same number of elements"
            )
        self._after = tuple(forward_shape)
        self._before = tuple(inverse_shape)

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return c.independent(c.real, len(self._before))

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return c.independent(c.real, len(self._after))

    def _turn(self, shape: Any, old: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...]:
        cut = len(shape) - len(old)
        if cut < 0 or tuple(shape[cut:]) != old:
            raise ShapeError(
                f"ReshapeTransform: expected a shape that ends in {old}, got {tuple(shape)}"
            )
        return (*shape[:cut], *new)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._turn(shape, self._before, self._after)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._turn(shape, self._after, self._before)

    def __call__(self, x: Any) -> Any:
        return bnp.reshape(x, self.forward_shape(np.shape(x)))

    def _inverse(self, y: Any) -> Any:
        return bnp.reshape(y, self.inverse_shape(np.shape(y)))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.zeros(np.shape(x)[: np.ndim(x) - len(self._before)])


class UnpackTransform(Transform):
    """A vector to the pytree that `unpack_fn` makes of it, over batch axes too.

    `pack_fn`, its inverse, is needed for `inv` only, and takes one pytree without batch axes.

    >>> UnpackTransform(lambda x: {"a": x[0], "b": x[1:]})(bnp.arange(3.0))["b"].tolist()
    [1.0, 2.0]
    """

    domain = c.real_vector
    codomain = c.dependent

    def __init__(
        self, unpack_fn: Callable[[Any], Any], pack_fn: Callable[[Any], Any] | None = None
    ) -> None:
        self.unpack_fn = unpack_fn
        self.pack_fn = pack_fn

    def __call__(self, x: Any) -> Any:
        batch = np.shape(x)[:-1]
        if not batch:
            return self.unpack_fn(x)
        rows = vmap(self.unpack_fn)(bnp.reshape(x, (-1, np.shape(x)[-1])))
        return tree.map(lambda z: bnp.reshape(z, (*batch, *z.shape[1:])), rows)

    def _inverse(self, y: Any) -> Any:
        if self.pack_fn is None:
            raise NotImplementedError("UnpackTransform: the inverse needs pack_fn")
        return self.pack_fn(y)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.zeros(np.shape(x)[:-1])

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        raise NotImplementedError("UnpackTransform gives a pytree, which has no one shape")

    inverse_shape = forward_shape


biject_to.register(
    c.Cat, lambda k: CatTransform([biject_to(part) for part in k.cseq], k.dim, k.lengths)
)
