"""Convolutions and pooling over images, series and volumes, features last.

The convolution itself is `lax.conv_general_dilated`; here are the paddings and the layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bibun import lax
from bibun import numpy as bnp
from bibun.nn.initializers import zeros
from bibun.nn.linear import default_kernel_init, promote
from bibun.nn.module import Module
from bibun.nn.rngs import stream_of
from bibun.nn.variables import Param

Padding = str | int | Sequence[int | tuple[int, int]]
_WRAPS = {"CIRCULAR": "wrap", "REFLECT": "reflect"}


def _each(x: Any, n: int) -> tuple[int, ...]:
    """One number for each of n axes."""
    x = 1 if x is None else x
    out = (x,) * n if isinstance(x, int) else tuple(x)
    if len(out) != n:
        raise ValueError(f"expected {n} numbers, one for each axis of the window, got {out}")
    return out


def _pads(
    padding: Padding, sizes: Sequence[int], window: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """Numbers of elements to add before and after, axis by axis; `window` as dilated."""
    if isinstance(padding, str):
        if padding in ("SAME", "VALID"):
            return lax.padtype_to_pads(sizes, window, strides, padding)
        if padding == "CAUSAL" and len(sizes) == 1:
            return [(window[0] - 1, 0)]
        raise ValueError(
            f"padding {padding!r}: there are 'SAME', 'VALID', 'CAUSAL' (for one axis), a number, a "
            "pair of numbers for each axis, and for a Conv 'CIRCULAR' and 'REFLECT'"
        )
    if isinstance(padding, int):
        return [(padding, padding)] * len(sizes)
    pairs = [(p, p) if isinstance(p, int) else tuple(p) for p in padding]
    if len(pairs) != len(sizes):
        raise ValueError(f"padding has {len(pairs)} entries for {len(sizes)} axes")
    return pairs  # type: ignore[return-value]


def _layout(n: int) -> tuple[str, str, str]:
    """Where batch, n places and features are: in input, kernel and output."""
    places = "".join(chr(97 + k) for k in range(n))
    return f"N{places}C", f"{places}IO", f"N{places}C"


def convolve(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: Padding = "VALID",
    input_dilation: Any = 1,
    kernel_dilation: Any = 1,
    feature_group_count: int = 1,
) -> Any:
    """Convolution (correlation, as the field has it) of (batch, *places, features) with a kernel.

    `kernel`: (*window, features / groups, out features). Returns (batch, *places, out features).

    >>> import bibun.numpy as bnp
    >>> from bibun import nn
    >>> nn.convolve(bnp.arange(4.0).reshape(1, 4, 1), bnp.ones((2, 1, 1))).ravel()
    Array([1., 3., 5.], dtype=float64)
    """
    n = kernel.ndim - 2
    window, groups = kernel.shape[:n], feature_group_count
    strides, spread, dilation = (_each(a, n) for a in (strides, input_dilation, kernel_dilation))
    if x.ndim != n + 2 or x.shape[-1] != kernel.shape[-2] * groups or kernel.shape[-1] % groups:
        raise ValueError(
            f"an input of shape {x.shape} does not fit a kernel of shape {kernel.shape} with "
            f"{groups} groups: expected (batch, {n} places, {kernel.shape[-2] * groups} features)"
        )
    dilated = [(w - 1) * d + 1 for w, d in zip(window, dilation, strict=True)]
    sizes = [(m - 1) * s + 1 if m else 0 for m, s in zip(x.shape[1:-1], spread, strict=True)]
    if isinstance(padding, str) and padding in _WRAPS:
        around = [(0, 0), *(((w - 1) // 2, w // 2) for w in dilated), (0, 0)]
        x, pads = bnp.pad(x, around, mode=_WRAPS[padding]), [(0, 0)] * n
    else:
        pads = _pads(padding, sizes, dilated, strides)
    return lax.conv_general_dilated(x, kernel, strides, pads, spread, dilation, _layout(n),
                                    feature_group_count=groups)  # fmt: skip


def _batched(x: Any, n: int) -> tuple[Any, tuple[int, ...]]:
    """All batch axes (or none) as one, and their shape."""
    batch = x.shape[: x.ndim - n - 1]
    return (
        x if len(batch) == 1 else bnp.reshape(x, (math.prod(batch), *x.shape[len(batch) :]))
    ), batch


class _Convolution(Module):
    """What the layers share: kernel, bias, mask, and batches of any number of axes."""

    kernel: Any
    bias: Any
    mask: Any
    dtype: Any
    kernel_size: tuple[int, ...]

    def _keep(
        self, kernel_size: Any, features: tuple[int, int], out_features: int, use_bias: bool,
        mask: Any, dtype: Any, param_dtype: Any, kernel_init: Any, bias_init: Any, rngs: Any,
        padding: Padding, **each: Any,
    ) -> None:  # fmt: skip
        self.kernel_size = (kernel_size,) if isinstance(kernel_size, int) else tuple(kernel_size)
        key = stream_of(rngs, "params")
        self.kernel = Param(kernel_init(key(), (*self.kernel_size, *features), param_dtype))
        self.bias = Param(bias_init(key(), (out_features,), param_dtype)) if use_bias else None
        self.mask = mask
        self.padding = padding if isinstance(padding, str | int) else tuple(
            p if isinstance(p, int) else tuple(p) for p in padding)  # fmt: skip
        self.dtype = dtype
        for name, value in each.items():
            setattr(self, name, _each(value, len(self.kernel_size)))

    def _convolved(self, x: Any, kernel: Any) -> Any:
        """The convolution itself, of one batch axis."""
        raise NotImplementedError

    def __call__(self, x: Any) -> Any:
        x, kernel, bias = promote(self.dtype, x, self.kernel, self.bias)
        x, batch = _batched(x, len(self.kernel_size))
        y = self._convolved(x, kernel if self.mask is None else kernel * self.mask)
        return _unbatched(y if bias is None else y + bias, batch)


class Conv(_Convolution):
    """A convolution of (..., *places, in_features) to (..., *places, out_features).

    `kernel_size`: a number (one axis of places) or one for each; `padding`: "SAME", "VALID",
    "CIRCULAR", "REFLECT", "CAUSAL", numbers, or pairs. `mask`: multiplies the kernel.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> nn.Conv(1, 8, (3, 3), strides=2, rngs=nn.Rngs(0))(bnp.ones((5, 28, 28, 1))).shape
    (5, 14, 14, 8)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        *,
        padding: Padding = "SAME",
        input_dilation: int | Sequence[int] = 1,
        kernel_dilation: int | Sequence[int] = 1,
        feature_group_count: int = 1,
        use_bias: bool = True,
        mask: Any = None,
        dtype: Any = None,
        param_dtype: Any = None,
        kernel_init: Any = default_kernel_init,
        bias_init: Any = zeros,
        rngs: Any,
    ) -> None:
        if in_features % feature_group_count or out_features % feature_group_count:
            raise ValueError(
                f"Conv: {feature_group_count} groups do not divide {in_features} and {out_features}"
            )
        self._keep(
            kernel_size, (in_features // feature_group_count, out_features), out_features,
            use_bias, mask, dtype, param_dtype, kernel_init, bias_init, rngs, padding,
            strides=strides, input_dilation=input_dilation, kernel_dilation=kernel_dilation,
        )  # fmt: skip
        self.feature_group_count = feature_group_count

    def _convolved(self, x: Any, kernel: Any) -> Any:
        return convolve(x, kernel, self.strides, self.padding, self.input_dilation,
                        self.kernel_dilation, self.feature_group_count)  # fmt: skip


class ConvTranspose(_Convolution):
    """A convolution of the input with `strides - 1` zeros between its elements.

    "SAME": places times strides; "VALID": what a convolution that gave the input could have had;
    numbers: what to add around. `transpose_kernel`: the exact transpose of a `Conv` of the same
    kernel.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> up = nn.ConvTranspose(8, 3, (3, 3), strides=(2, 2), rngs=nn.Rngs(0))
    >>> up(bnp.ones((1, 7, 7, 8))).shape
    (1, 14, 14, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        *,
        padding: Padding = "SAME",
        kernel_dilation: int | Sequence[int] | None = None,
        use_bias: bool = True,
        mask: Any = None,
        dtype: Any = None,
        param_dtype: Any = None,
        kernel_init: Any = default_kernel_init,
        bias_init: Any = zeros,
        transpose_kernel: bool = False,
        rngs: Any,
    ) -> None:
        if isinstance(padding, str) and padding not in ("SAME", "VALID"):
            raise ValueError(
                f"ConvTranspose: padding is 'SAME', 'VALID' or numbers, got {padding!r}"
            )
        ends = (out_features, in_features) if transpose_kernel else (in_features, out_features)
        self._keep(
            kernel_size, ends, out_features, use_bias, mask, dtype, param_dtype, kernel_init,
            bias_init, rngs, padding, strides=strides, kernel_dilation=kernel_dilation,
        )  # fmt: skip
        self.transpose_kernel = transpose_kernel

    def _convolved(self, x: Any, kernel: Any) -> Any:
        n = len(self.kernel_size)
        pads: Any = self.padding
        if not isinstance(pads, str):
            pads = _pads(pads, self.kernel_size, self.kernel_size, self.strides)
        return lax.conv_transpose(x, kernel, self.strides, pads, self.kernel_dilation, _layout(n),
                                  self.transpose_kernel)  # fmt: skip


def _unbatched(y: Any, batch: tuple[int, ...]) -> Any:
    return y if len(batch) == 1 else bnp.reshape(y, (*batch, *y.shape[1:]))


def pool(
    x: Any, init: Any, reduce_fn: Any, window_shape: Any, strides: Any = None,
    padding: Padding = "VALID",
) -> Any:  # fmt: skip
    """Each window of (..., *places, features) reduced by a function of two elements.

    `init`: what padding holds and each window begins with, neutral for `reduce_fn` (-inf for
    `lax.max`); steps of 1 unless `strides`.

    >>> import bibun.numpy as bnp
    >>> from bibun import lax, nn
    >>> nn.pool(bnp.arange(4.0).reshape(1, 4, 1), 0.0, lax.add, (3,)).ravel()
    Array([3., 6.], dtype=float64)
    """
    window = (window_shape,) if isinstance(window_shape, int) else tuple(window_shape)
    n = len(window)
    strides = _each(strides, n)
    x = bnp.asarray(x)
    if x.ndim < n + 1:
        raise ValueError(f"pooling over {n} axes wants (..., {n} places, features), got {x.shape}")
    x, batch = _batched(x, n)
    sizes = x.shape[1:-1]
    pads = _pads(padding, sizes, window, strides)
    if any(m + a + b < w for m, (a, b), w in zip(sizes, pads, window, strict=True)):
        raise ValueError(f"a window of {window} does not fit into an input of {sizes}")
    y = lax.reduce_window(x, bnp.asarray(init, x.dtype), reduce_fn, (1, *window, 1),
                          (1, *strides, 1), ((0, 0), *pads, (0, 0)))  # fmt: skip
    return _unbatched(y, batch)


def _extreme(dtype: Any, sign: int) -> Any:
    dtype = bnp.dtype(dtype)
    if dtype.kind == "f":
        return sign * math.inf
    return bnp.iinfo(dtype).max if sign > 0 else bnp.iinfo(dtype).min


def max_pool(x: Any, window_shape: Any, strides: Any = None, padding: Padding = "VALID") -> Any:
    """The largest of each window of (..., *places, features); steps of 1 unless `strides`.

    The gradient goes to the first of equals.

    >>> import bibun.numpy as bnp
    >>> from bibun import nn
    >>> nn.max_pool(bnp.arange(4.0).reshape(1, 4, 1), (2,), (2,)).ravel()
    Array([1., 3.], dtype=float64)
    """
    x = bnp.asarray(x)
    return pool(x, _extreme(x.dtype, -1), lax.max, window_shape, strides, padding)


def min_pool(x: Any, window_shape: Any, strides: Any = None, padding: Padding = "VALID") -> Any:
    """The smallest of each window; see `max_pool`."""
    x = bnp.asarray(x)
    return pool(x, _extreme(x.dtype, 1), lax.min, window_shape, strides, padding)


def avg_pool(
    x: Any,
    window_shape: Any,
    strides: Any = None,
    padding: Padding = "VALID",
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window; what padding added counts as zeros, or not at all.

    >>> import bibun.numpy as bnp
    >>> from bibun import nn
    >>> nn.avg_pool(bnp.arange(4.0).reshape(1, 4, 1), (2,), (2,)).ravel()
    Array([0.5, 2.5], dtype=float64)
    """
    total = pool(x, 0, lax.add, window_shape, strides, padding)
    if count_include_pad:
        return total / math.prod((window_shape,) if isinstance(window_shape, int) else window_shape)
    return total / pool(bnp.ones_like(x), 0, lax.add, window_shape, strides, padding)
