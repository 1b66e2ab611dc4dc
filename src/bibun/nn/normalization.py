"""Layers that shift and scale activations to mean 0 and variance 1, or to norm 1.

They differ in the axes that statistics are taken over: the batch (`BatchNorm`, Ioffe and Szegedy
2015), the features of one example (`LayerNorm`, Ba et al. 2016; `RMSNorm`, Zhang and Sennrich
2019, without the mean), groups of features (`GroupNorm`, Wu and He 2018), or each feature's own
places (`InstanceNorm`). Variances are those of the sample (divided by n), by the mean of the
squares of what deviates from the mean: `E[x²] - E[x]²` cancels where the mean is large.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bibun import numpy as bnp
from bibun.nn.initializers import ones, zeros
from bibun.nn.linear import promote
from bibun.nn.module import Module
from bibun.nn.rngs import stream_of
from bibun.nn.variables import BatchStat, Param

Axes = int | Sequence[int]


def _axes(axes: Axes, ndim: int) -> tuple[int, ...]:
    return tuple(sorted(a % ndim for a in ((axes,) if isinstance(axes, int) else axes)))


def _moments(x: Any, axes: tuple[int, ...], mask: Any) -> tuple[Any, Any]:
    """Mean and variance along axes, which stay with length 1; of the entries of a mask."""
    where = {} if mask is None else {"where": mask}
    mean = bnp.mean(x, axis=axes, keepdims=True, **where)
    return mean, bnp.mean(bnp.square(bnp.abs(x - mean)), axis=axes, keepdims=True, **where)


class _Norm(Module):
    """Scale and bias, and their place among the axes."""

    def __init__(
        self,
        num_features: int | Sequence[int],
        *,
        epsilon: float = 1e-6,
        dtype: Any = None,
        param_dtype: Any = None,
        use_bias: bool = True,
        use_scale: bool = True,
        bias_init: Any = zeros,
        scale_init: Any = ones,
        rngs: Any,
    ) -> None:
        key = stream_of(rngs, "params")
        shape = (num_features,) if isinstance(num_features, int) else tuple(num_features)
        self.scale = Param(scale_init(key(), shape, param_dtype)) if use_scale else None
        self.bias = Param(bias_init(key(), shape, param_dtype)) if use_bias else None
        self.epsilon = epsilon
        self.dtype = dtype

    def _affine(self, y: Any, features: tuple[int, ...]) -> Any:
        shape = [n if k in features else 1 for k, n in enumerate(y.shape)]
        y, scale, bias = promote(self.dtype, y, self.scale, self.bias)
        if scale is not None:
            y = y * bnp.reshape(scale, shape)
        return y if bias is None else y + bnp.reshape(bias, shape)


class BatchNorm(_Norm):
    """Normalise each feature (axis `axis`) over all others; running statistics for evaluation.

    A call in training moves `mean` and `var` by `momentum`: new = momentum·old + (1 - momentum)·
    batch. `use_running_average` (or `model.eval()`): use them as they are. `mask`: the entries
    that count.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> norm = nn.BatchNorm(1, rngs=nn.Rngs(0), momentum=0.5)
    >>> norm(bnp.array([[1.0], [3.0]])).ravel().round(3), norm.mean.value
    (Array([-1.,  1.], dtype=float64), Array([1.], dtype=float64))
    """

    def __init__(
        self,
        num_features: int,
        *,
        use_running_average: bool = False,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-5,
        dtype: Any = None,
        param_dtype: Any = None,
        use_bias: bool = True,
        use_scale: bool = True,
        bias_init: Any = zeros,
        scale_init: Any = ones,
        rngs: Any,
    ) -> None:
        self.mean = BatchStat(zeros(None, (num_features,), param_dtype))
        self.var = BatchStat(ones(None, (num_features,), param_dtype))
        super().__init__(num_features, epsilon=epsilon, dtype=dtype, param_dtype=param_dtype,
                         use_bias=use_bias, use_scale=use_scale, bias_init=bias_init,
                         scale_init=scale_init, rngs=rngs)  # fmt: skip
        self.use_running_average = use_running_average
        self.axis = axis
        self.momentum = momentum

    def __call__(self, x: Any, use_running_average: bool | None = None, *, mask: Any = None) -> Any:
        x = bnp.asarray(x)
        if use_running_average is None:
            use_running_average = self.use_running_average
        feature = _axes(self.axis, x.ndim)
        shape = [n if k in feature else 1 for k, n in enumerate(x.shape)]
        if use_running_average:
            mean = bnp.reshape(self.mean.value, shape)
            var = bnp.reshape(self.var.value, shape)
        else:
            mean, var = _moments(x, tuple(k for k in range(x.ndim) if k not in feature), mask)
            keep = self.momentum
            for box, new in ((self.mean, mean), (self.var, var)):
                old = box.value
                box.value = (keep * old + (1 - keep) * bnp.reshape(new, old.shape)).astype(
                    old.dtype
                )
        return self._affine((x - mean) / bnp.sqrt(var + self.epsilon), feature)


class LayerNorm(_Norm):
    """Normalise over `reduction_axes` of each example; scale and bias for `feature_axes`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.LayerNorm(2, rngs=nn.Rngs(0))(bnp.array([[1.0, 3.0]])).round(3)
    Array([[-1.,  1.]], dtype=float64)
    """

    centred = True

    def __init__(
        self,
        num_features: int | Sequence[int],
        *,
        epsilon: float = 1e-6,
        dtype: Any = None,
        param_dtype: Any = None,
        use_bias: bool = True,
        use_scale: bool = True,
        bias_init: Any = zeros,
        scale_init: Any = ones,
        reduction_axes: Axes = -1,
        feature_axes: Axes = -1,
        rngs: Any,
    ) -> None:
        super().__init__(num_features, epsilon=epsilon, dtype=dtype, param_dtype=param_dtype,
                         use_bias=use_bias, use_scale=use_scale, bias_init=bias_init,
                         scale_init=scale_init, rngs=rngs)  # fmt: skip
        self.reduction_axes = reduction_axes if isinstance(reduction_axes, int) else tuple(
            reduction_axes)  # fmt: skip
        self.feature_axes = feature_axes if isinstance(feature_axes, int) else tuple(feature_axes)

    def __call__(self, x: Any, *, mask: Any = None) -> Any:
        x = bnp.asarray(x)
        axes = _axes(self.reduction_axes, x.ndim)
        if self.centred:
            mean, var = _moments(x, axes, mask)
            x = x - mean
        else:
            where = {} if mask is None else {"where": mask}
            var = bnp.mean(bnp.square(bnp.abs(x)), axis=axes, keepdims=True, **where)
        return self._affine(x / bnp.sqrt(var + self.epsilon), _axes(self.feature_axes, x.ndim))


class RMSNorm(LayerNorm):
    """x / √(mean(x²)) · scale: `LayerNorm` without the mean and the bias.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.RMSNorm(2, rngs=nn.Rngs(0))(bnp.array([3.0, 3.0])).round(3)
    Array([1., 1.], dtype=float64)
    """

    centred = False

    def __init__(
        self,
        num_features: int | Sequence[int],
        *,
        epsilon: float = 1e-6,
        dtype: Any = None,
        param_dtype: Any = None,
        use_scale: bool = True,
        scale_init: Any = ones,
        reduction_axes: Axes = -1,
        feature_axes: Axes = -1,
        rngs: Any,
    ) -> None:
        super().__init__(num_features, epsilon=epsilon, dtype=dtype, param_dtype=param_dtype,
                         use_bias=False, use_scale=use_scale, scale_init=scale_init,
                         reduction_axes=reduction_axes, feature_axes=feature_axes,
                         rngs=rngs)  # fmt: skip


class GroupNorm(_Norm):
    """Normalise each example over groups of features (the last axis) and all places.

    Give `num_groups`, or `group_size` with `num_groups=None`. Errors: ValueError for groups that
    do not divide the features.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.GroupNorm(4, num_groups=2, rngs=nn.Rngs(0))(bnp.array([[1.0, 3.0, 5.0, 9.0]])).round(3)
    Array([[-1.,  1., -1.,  1.]], dtype=float64)
    """

    def __init__(
        self,
        num_features: int,
        num_groups: int | None = 32,
        group_size: int | None = None,
        *,
        epsilon: float = 1e-6,
        dtype: Any = None,
        param_dtype: Any = None,
        use_bias: bool = True,
        use_scale: bool = True,
        bias_init: Any = zeros,
        scale_init: Any = ones,
        rngs: Any,
    ) -> None:
        if (num_groups is None) == (group_size is None):
            raise ValueError("GroupNorm: give num_groups, or group_size and num_groups=None")
        groups = num_features // group_size if num_groups is None else num_groups  # type: ignore
        if groups <= 0 or num_features % groups or num_features % (group_size or 1):
            raise ValueError(
                f"GroupNorm: {num_features} features do not fall into "
                f"{f'groups of {group_size}' if num_groups is None else f'{num_groups} groups'}"
            )
        super().__init__(num_features, epsilon=epsilon, dtype=dtype, param_dtype=param_dtype,
                         use_bias=use_bias, use_scale=use_scale, bias_init=bias_init,
                         scale_init=scale_init, rngs=rngs)  # fmt: skip
        self.num_features = num_features
        self.num_groups = groups

    def __call__(self, x: Any, *, mask: Any = None) -> Any:
        x = bnp.asarray(x)
        shape = (*x.shape[:-1], self.num_groups, self.num_features // self.num_groups)
        parts = bnp.reshape(x, shape)
        if mask is not None:
            mask = bnp.reshape(bnp.broadcast_to(mask, x.shape), shape)
        axes = (*range(1, x.ndim - 1), x.ndim)
        mean, var = _moments(parts, axes, mask)
        y = (parts - mean) / bnp.sqrt(var + self.epsilon)
        return self._affine(bnp.reshape(y, x.shape), (x.ndim - 1,))


class InstanceNorm(_Norm):
    """Normalise each feature (axes `feature_axes`) of each example over its places.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.InstanceNorm(1, rngs=nn.Rngs(0))(bnp.array([[[1.0], [3.0]]])).ravel().round(3)
    Array([-1.,  1.], dtype=float64)
    """

    def __init__(
        self, num_features: int | Sequence[int], *, feature_axes: Axes = -1, **options: Any
    ) -> None:
        super().__init__(num_features, **options)
        self.feature_axes = feature_axes if isinstance(feature_axes, int) else tuple(feature_axes)

    def __call__(self, x: Any, *, mask: Any = None) -> Any:
        x = bnp.asarray(x)
        features = _axes(self.feature_axes, x.ndim)
        places = tuple(k for k in range(1, x.ndim) if k not in features)
        mean, var = _moments(x, places, mask)
        return self._affine((x - mean) / bnp.sqrt(var + self.epsilon), features)
