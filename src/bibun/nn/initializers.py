"""Initializers: functions `(key, shape, dtype) -> array` for parameters, with the names of JAX.

Variance scaling (Glorot and Bengio 2010; LeCun et al. 1998; He et al. 2015) keeps the variance
of activations the same from layer to layer: entries have variance `scale / fan`, where fan is the
number of inputs or outputs of a unit, or their mean. For the same key and dtype the numbers are
those of `jax.nn.initializers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from bibun import numpy as bnp
from bibun import random
from bibun.dtypes import default_float

Initializer = Callable[..., Any]


def _dtype(dtype: Any) -> Any:
    return default_float() if dtype is None else dtype


def zeros(key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
    """Zeros."""
    return bnp.zeros(tuple(shape), _dtype(dtype))


def ones(key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
    """Ones."""
    return bnp.ones(tuple(shape), _dtype(dtype))


def zeros_init() -> Initializer:
    """The initializer `zeros`."""
    return zeros


def ones_init() -> Initializer:
    """The initializer `ones`."""
    return ones


def constant(value: Any, dtype: Any = None) -> Initializer:
    """All entries `value`."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        return bnp.full(tuple(shape), value, dtype=_dtype(dtype))

    return init


def uniform(scale: Any = 1e-2, dtype: Any = None) -> Initializer:
    """Uniform on [0, scale)."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        dtype = _dtype(dtype)
        return random.uniform(key, tuple(shape), dtype) * bnp.asarray(scale, dtype)

    return init


def normal(stddev: Any = 1e-2, dtype: Any = None) -> Initializer:
    """Normal with standard deviation `stddev`."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        dtype = _dtype(dtype)
        return random.normal(key, tuple(shape), dtype) * bnp.asarray(stddev, dtype)

    return init


def truncated_normal(
    stddev: Any = 1e-2, dtype: Any = None, lower: Any = -2.0, upper: Any = 2.0
) -> Initializer:
    """Normal cut off at `lower` and `upper` standard deviations, then times `stddev`."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        dtype = _dtype(dtype)
        draws = random.truncated_normal(key, lower, upper, tuple(shape), dtype)
        return draws * bnp.asarray(stddev, dtype)

    return init


def _axes(axes: Any) -> tuple[int, ...]:
    return (axes,) if isinstance(axes, int) else tuple(axes)


def _fans(shape: Sequence[int], in_axis: Any, out_axis: Any, batch_axis: Any) -> tuple[float, ...]:
    """Fan in and fan out: all axes that are none of these count as receptive field."""
    if len(shape) <= 1:
        raise ValueError(
            f"variance scaling needs a shape of two axes or more, got {tuple(shape)}: fans are of "
            "matrices and kernels"
        )
    n_in = math.prod(shape[k] for k in _axes(in_axis))
    n_out = math.prod(shape[k] for k in _axes(out_axis))
    field = math.prod(shape) / n_in / n_out / math.prod(shape[k] for k in _axes(batch_axis))
    return n_in * field, n_out * field


def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: Any = -2,
    out_axis: Any = -1,
    batch_axis: Any = (),
    dtype: Any = None,
) -> Initializer:
    """Variance `scale / fan`; mode "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".

    `distribution`: "normal", "truncated_normal" or "uniform". Errors: ValueError for another mode
    or distribution, or a shape of fewer than two axes.

    >>> from bibun import nn, random
    >>> w = nn.initializers.variance_scaling(2.0, "fan_in", "normal")(random.key(0), (500, 100))
    >>> round(float(w.std()) * 500**0.5, 2)
    1.41
    """
    if distribution not in ("normal", "truncated_normal", "uniform"):
        raise ValueError(f"variance_scaling: unknown distribution {distribution!r}")
    modes = {
        "fan_in": lambda i, o: i,
        "fan_out": lambda i, o: o,
        "fan_avg": lambda i, o: (i + o) / 2,
        "fan_geo_avg": lambda i, o: math.sqrt(i * o),
    }
    if mode not in modes:
        raise ValueError(f"variance_scaling: unknown mode {mode!r}; there are {list(modes)}")

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        shape, dtype = tuple(shape), bnp.dtype(_dtype(dtype))
        variance = scale / modes[mode](*_fans(shape, in_axis, out_axis, batch_axis))
        if distribution == "uniform":
            if dtype.kind == "c":
                raise ValueError("variance_scaling: a complex uniform distribution is not defined")
            draws = random.uniform(key, shape, dtype, -1)
            return draws * bnp.sqrt(bnp.asarray(3 * variance, dtype))
        if distribution == "normal":
            return random.normal(key, shape, dtype) * bnp.sqrt(bnp.asarray(variance, dtype))
        if dtype.kind == "c":
            raise ValueError("variance_scaling: a complex truncated normal is not offered")
        # 0.8796… is the standard deviation of a standard normal cut off at -2 and 2
        spread = bnp.sqrt(bnp.asarray(variance, dtype)) / bnp.asarray(0.87962566103423978, dtype)
        return random.truncated_normal(key, -2, 2, shape, dtype) * spread

    return init


def _named(name: str, scale: float, mode: str, distribution: str, doc: str) -> Any:
    def made(in_axis: Any = -2, out_axis: Any = -1, batch_axis: Any = (), dtype: Any = None) -> Any:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    made.__name__ = made.__qualname__ = name
    made.__doc__ = f"{doc} (variance {scale:g} / {mode}, {distribution.replace('_', ' ')})."
    return made


glorot_uniform = _named("glorot_uniform", 1.0, "fan_avg", "uniform", "Glorot and Bengio 2010")
glorot_normal = _named("glorot_normal", 1.0, "fan_avg", "truncated_normal",
                       "Glorot and Bengio 2010")  # fmt: skip
lecun_uniform = _named("lecun_uniform", 1.0, "fan_in", "uniform", "LeCun et al. 1998")
lecun_normal = _named("lecun_normal", 1.0, "fan_in", "truncated_normal", "LeCun et al. 1998")
he_uniform = _named("he_uniform", 2.0, "fan_in", "uniform", "He et al. 2015")
he_normal = _named("he_normal", 2.0, "fan_in", "truncated_normal", "He et al. 2015")
xavier_uniform, xavier_normal = glorot_uniform, glorot_normal
kaiming_uniform, kaiming_normal = he_uniform, he_normal


def orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """Rows or columns (the fewer) orthonormal, times `scale` (Saxe et al. 2014).

    Errors: ValueError for a shape of fewer than two axes.

    >>> from bibun import nn, random
    >>> q = nn.initializers.orthogonal()(random.key(0), (3, 3))
    >>> import bibun.numpy as bnp
    >>> bool(bnp.allclose(q.T @ q, bnp.eye(3)))
    True
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        shape, dtype = tuple(shape), _dtype(dtype)
        if len(shape) < 2:
            raise ValueError(f"orthogonal needs a shape of two axes or more, got {shape}")
        columns = shape[column_axis]
        rows = math.prod(shape) // columns
        wide = rows < columns
        draws = random.normal(key, (columns, rows) if wide else (rows, columns), dtype)
        q, r = bnp.linalg.qr(draws)
        d = bnp.diagonal(r)
        q = q * bnp.expand_dims(bnp.where(d == 0, 1, d / bnp.abs(d)), 0).astype(dtype)
        if wide:
            q = q.T
        rest = tuple(n for k, n in enumerate(shape) if k != column_axis % len(shape))
        return bnp.asarray(scale, dtype) * bnp.moveaxis(
            bnp.reshape(q, (*rest, columns)), -1, column_axis
        )

    return init


def delta_orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """A convolution that is an orthogonal matrix at its centre (Xiao et al. 2018).

    For shapes of 3 to 5 axes whose last is not smaller than the one before. Errors: ValueError.
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        shape, dtype = tuple(shape), _dtype(dtype)
        if not 3 <= len(shape) <= 5:
            raise ValueError(f"delta_orthogonal needs a shape of 3 to 5 axes, got {shape}")
        if shape[-1] < shape[-2]:
            raise ValueError(f"delta_orthogonal: the last axis of {shape} is the shorter one")
        q = orthogonal(scale, column_axis, dtype)(key, (shape[-1], shape[-1]))[: shape[-2]]
        centre = tuple((n - 1) // 2 for n in shape[:-2])
        return bnp.zeros(shape, dtype).at[centre].set(q)

    return init
