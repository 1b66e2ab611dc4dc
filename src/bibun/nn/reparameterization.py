"""Layers with other weights than they hold: of norm 1 (`WeightNorm`), or of spectral norm 1.

The weights of the layer inside are exchanged for the call and put back, so what is trained stays
what the layer holds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bibun import numpy as bnp
from bibun.nn.filters import PathContains, predicate
from bibun.nn.graph import Dict
from bibun.nn.initializers import normal, ones
from bibun.nn.module import Module
from bibun.nn.rngs import stream_of
from bibun.nn.state import iter_graph
from bibun.nn.variables import BatchStat, Param, Variable
from bibun.transforms import stop_gradient


def _boxes(layer: Any, takes: Callable[..., bool]) -> list[tuple[str, Variable]]:
    """The Variables of a layer that a filter takes, by the names of their paths."""
    return [(".".join(map(str, path)), x) for path, x in iter_graph(layer)
            if isinstance(x, Variable) and takes(path, x)]  # fmt: skip


@contextlib.contextmanager
def _exchanged(values: Sequence[tuple[Variable, Any]]) -> Iterator[None]:
    before = [box.value for box, _ in values]
    try:
        for box, value in values:
            box.value = value
        yield
    finally:
        for (box, _), value in zip(values, before, strict=True):
            box.value = value


class WeightNorm(Module):
    """A layer whose weights are scale · v / |v|, v being what it holds. (Salimans & Kingma 2016.)

    `feature_axes`: of the weights, each of these has its own norm and scale (None: one for all).
    `use_scale=False`: norm 1. `variable_filter`: which weights, by default those named "kernel".
    Errors: ValueError where it takes none.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> layer = nn.WeightNorm(nn.Linear(2, 1, rngs=nn.Rngs(0)), rngs=nn.Rngs(1))
    >>> layer.layer_instance.kernel.value = bnp.array([[3.0], [4.0]])
    >>> layer(bnp.array([1.0, 0.0]))
    Array([0.6], dtype=float64)
    """

    def __init__(
        self,
        layer_instance: Any,
        *,
        feature_axes: int | Sequence[int] | None = -1,
        use_scale: bool = True,
        scale_init: Any = ones,
        epsilon: float = 1e-12,
        dtype: Any = None,
        param_dtype: Any = None,
        variable_filter: Any = PathContains("kernel"),  # noqa: B008
        rngs: Any,
    ) -> None:
        self.layer_instance = layer_instance
        self.feature_axes = feature_axes if isinstance(feature_axes, int | None) else tuple(
            feature_axes)  # fmt: skip
        self.epsilon = epsilon
        self.dtype = dtype
        self.variable_filter = variable_filter
        boxes = self._boxes()
        if not boxes:
            raise ValueError("WeightNorm: variable_filter takes no Variable of the layer")
        self.scales = None
        if use_scale:
            key = stream_of(rngs, "params")
            self.scales = Dict({name: Param(scale_init(key(), self._features(box), param_dtype))
                                for name, box in boxes})  # fmt: skip

    def _boxes(self) -> list[tuple[str, Variable]]:
        return _boxes(self.layer_instance, predicate(self.variable_filter))

    def _axes(self, box: Variable) -> tuple[int, ...]:
        axes = self.feature_axes
        axes = () if axes is None else (axes,) if isinstance(axes, int) else axes
        return tuple(sorted(a % box.ndim for a in axes))

    def _features(self, box: Variable) -> tuple[int, ...]:
        return tuple(box.shape[a] for a in self._axes(box))

    def _value(self, name: str, box: Variable) -> Any:
        v = box.value if self.dtype is None else box.value.astype(self.dtype)
        kept = self._axes(box)
        others = tuple(k for k in range(v.ndim) if k not in kept)
        square = bnp.sum(bnp.square(bnp.abs(v)), axis=others, keepdims=True)
        v = v / bnp.sqrt(square + self.epsilon)
        if self.scales is None:
            return v
        shape = [n if k in kept else 1 for k, n in enumerate(v.shape)]
        return v * bnp.reshape(self.scales[name].value, shape)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with _exchanged([(box, self._value(name, box)) for name, box in self._boxes()]):
            return self.layer_instance(*args, **kwargs)


class SpectralNorm(Module):
    """A layer whose weight matrices have largest singular value 1. (Miyato et al. 2018.)

    Of each Param of two axes and more (a matrix with the last axis as its columns). The singular
    value is approached by `n_steps` power iterations at each call with `update_stats` (said here or
    with the call), from where the last one ended. Errors: ValueError with `error_on_non_matrix`
    for more than two axes.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> layer = nn.SpectralNorm(nn.Linear(2, 2, rngs=nn.Rngs(0)), n_steps=20, rngs=nn.Rngs(1))
    >>> layer.layer_instance.kernel.value = bnp.array([[4.0, 0.0], [0.0, 1.0]])
    >>> layer(bnp.array([1.0, 1.0])).round(6)
    Array([1.  , 0.25], dtype=float64)
    """

    def __init__(
        self,
        layer_instance: Any,
        *,
        n_steps: int = 1,
        epsilon: float = 1e-12,
        dtype: Any = None,
        param_dtype: Any = None,
        error_on_non_matrix: bool = False,
        update_stats: bool = True,
        rngs: Any,
    ) -> None:
        if n_steps < 1:
            raise ValueError(f"SpectralNorm: n_steps must be positive, got {n_steps}")
        self.layer_instance = layer_instance
        self.n_steps = n_steps
        self.epsilon = epsilon
        self.dtype = dtype
        self.update_stats = update_stats
        key = stream_of(rngs, "params")
        self.u, self.sigma = Dict(), Dict()
        for name, box in self._boxes():
            if box.ndim > 2 and error_on_non_matrix:
                raise ValueError(f"SpectralNorm: {name} has {box.ndim} axes, and is no matrix")
            self.u[name] = BatchStat(normal()(key(), (1, box.shape[-1]), param_dtype))
            self.sigma[name] = BatchStat(ones(None, (), param_dtype))

    def _boxes(self) -> list[tuple[str, Variable]]:
        return _boxes(
            self.layer_instance, lambda path, x: isinstance(x, Param) and bnp.ndim(x.value) > 1
        )

    def _value(self, name: str, box: Variable, update_stats: bool) -> Any:
        v = box.value if self.dtype is None else box.value.astype(self.dtype)
        if not update_stats:
            return v / self.sigma[name].value
        matrix, u = bnp.reshape(v, (-1, v.shape[-1])), self.u[name].value
        fixed = stop_gradient(matrix)
        unit = lambda a: a / (bnp.sqrt(bnp.sum(a * a)) + self.epsilon)  # noqa: E731
        for _ in range(self.n_steps):
            left = unit(u @ fixed.T)
            u = unit(left @ fixed)
        sigma = (left @ matrix @ u.T)[0, 0]
        sigma = bnp.where(sigma != 0, sigma, 1.0)
        self.u[name].value = u.astype(self.u[name].dtype)
        self.sigma[name].value = stop_gradient(sigma).astype(self.sigma[name].dtype)
        return v / sigma

    def __call__(self, *args: Any, update_stats: bool | None = None, **kwargs: Any) -> Any:
        moving = self.update_stats if update_stats is None else update_stats
        values = [(box, self._value(name, box, moving)) for name, box in self._boxes()]
        with _exchanged(values):
            return self.layer_instance(*args, **kwargs)
