"""Convolution and pooling over images of any number of dimensions, (batch, channels, ...).

All of them start from the windows of an image: for each place in the window one strided slice
of the padded image, stacked. A convolution is then one matrix product, a pooling one reduction,
and a deconvolution is, by definition, the transpose of a convolution.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import bibun.numpy as bnp
from bibun.errors import ShapeError
from bibun.transforms import ShapeDtypeStruct, linear_transpose
from bibun.variable.functions._common import function, tuple_of

Sizes = int | Sequence[int]


def _outsize(size: int, k: int, s: int, p: int, d: int, cover_all: bool, name: str) -> int:
    wide = k + (k - 1) * (d - 1)
    n = (size + 2 * p - wide + (s - 1 if cover_all else 0)) // s + 1
    if n < 1:
        raise ShapeError(f"{name}: a window of {wide} does not fit an image of {size} + 2 · {p}")
    return n


def _windows(
    x: Any,
    ksize: tuple[int, ...],
    stride: tuple[int, ...],
    pad: tuple[int, ...],
    dilate: tuple[int, ...],
    cover_all: bool,
    fill: float,
    name: str,
) -> Any:
    """(N, C, places in the window, out...): what each window sees."""
    sizes = x.shape[2:]
    dims = list(zip(sizes, ksize, stride, pad, dilate, strict=True))
    out = [_outsize(n, k, s, p, d, cover_all, name) for n, k, s, p, d in dims]
    spans = [(m - 1) * s + 1 for m, s in zip(out, stride, strict=True)]
    border = [(0, 0), (0, 0)]
    for (n, k, _, p, d), span in zip(dims, spans, strict=True):
        border.append((p, max(p, (k - 1) * d + span - n - p)))
    if any(b != (0, 0) for b in border):
        x = bnp.pad(x, tuple(border), constant_values=fill)
    parts = []
    for place in itertools.product(*map(range, ksize)):
        starts = [k * d for k, d in zip(place, dilate, strict=True)]
        index = tuple(
            slice(a, a + span, s) for a, span, s in zip(starts, spans, stride, strict=True)
        )
        parts.append(x[(slice(None), slice(None), *index)])
    return bnp.stack(parts, axis=2)


def _convolve(
    x: Any, W: Any, stride: Any, pad: Any, dilate: Any, cover_all: bool, groups: int, name: str
) -> Any:
    n, channels = x.shape[:2]
    filters, per_group = W.shape[:2]
    if channels != per_group * groups or filters % groups:
        raise ShapeError(
            f"{name}: {channels} channels in {groups} groups do not fit filters of shape {W.shape}"
        )
    seen = _windows(x, W.shape[2:], stride, pad, dilate, cover_all, 0.0, name)
    out = seen.shape[3:]
    rows = bnp.reshape(W, (groups, filters // groups, -1))
    columns = bnp.reshape(seen, (n, groups, rows.shape[2], -1))
    return bnp.reshape(bnp.matmul(rows, columns), (n, filters, *out))


def _biased(y: Any, b: Any) -> Any:
    return y if b is None else y + bnp.reshape(b, (1, -1) + (1,) * (y.ndim - 2))


@function
def convolution_nd(
    x: Any,
    W: Any,
    b: Any = None,
    stride: Sizes = 1,
    pad: Sizes = 0,
    cover_all: bool = False,
    dilate: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Cross-correlation of images (N, C, ...) with filters W (filters, C / groups, ...).

    `pad` zeros on each side, windows `stride` apart, places in a window `dilate` apart; with
    `cover_all` the last window may hang over.
    """
    n = W.ndim - 2
    s, p, d = (tuple_of(v, n, "convolution") for v in (stride, pad, dilate))
    return _biased(_convolve(x, W, s, p, d, cover_all, groups, "convolution"), b)


@function
def deconvolution_nd(
    x: Any,
    W: Any,
    b: Any = None,
    stride: Sizes = 1,
    pad: Sizes = 0,
    outsize: Sequence[int] | None = None,
    dilate: Sizes = 1,
    groups: int = 1,
) -> Any:
    """The transpose of a convolution with filters W (channels of x, channels out / groups, ...)."""
    n = W.ndim - 2
    s, p, d = (tuple_of(v, n, "deconvolution") for v in (stride, pad, dilate))
    if outsize is None:
        outsize = [
            (m - 1) * s_ + (k - 1) * d_ + 1 - 2 * p_
            for m, k, s_, p_, d_ in zip(x.shape[2:], W.shape[2:], s, p, d, strict=True)
        ]
    shape = (x.shape[0], W.shape[1] * groups, *tuple_of(outsize, n, "outsize"))

    def forward(image: Any) -> Any:
        return _convolve(image, W, s, p, d, False, groups, "deconvolution")

    (y,) = linear_transpose(forward, ShapeDtypeStruct(shape, x.dtype))(x)
    return _biased(y, b)


@function
def im2col(
    x: Any,
    ksize: Sizes,
    stride: Sizes = 1,
    pad: Sizes = 0,
    cover_all: bool = False,
    dilate: Sizes = 1,
) -> Any:
    """The windows of images (N, C, H, W) as (N, C · window, out...)."""
    n = x.ndim - 2
    k, s, p, d = (tuple_of(v, n, "im2col") for v in (ksize, stride, pad, dilate))
    seen = _windows(x, k, s, p, d, cover_all, 0.0, "im2col")
    return bnp.reshape(seen, (seen.shape[0], -1, *seen.shape[3:]))


@function
def max_pooling_nd(
    x: Any, ksize: Sizes, stride: Sizes | None = None, pad: Sizes = 0, cover_all: bool = True
) -> Any:
    """The largest element of each window; the stride is the window by default."""
    n = x.ndim - 2
    k, p = tuple_of(ksize, n, "ksize"), tuple_of(pad, n, "pad")
    s = k if stride is None else tuple_of(stride, n, "stride")
    return bnp.max(_windows(x, k, s, p, (1,) * n, cover_all, -bnp.inf, "max_pooling"), axis=2)


@function
def average_pooling_nd(
    x: Any,
    ksize: Sizes,
    stride: Sizes | None = None,
    pad: Sizes = 0,
    pad_value: float | None = 0,
) -> Any:
    """The mean of each window; with `pad_value=None` the padding does not count."""
    n = x.ndim - 2
    k, p = tuple_of(ksize, n, "ksize"), tuple_of(pad, n, "pad")
    s = k if stride is None else tuple_of(stride, n, "stride")
    ones = (1,) * n
    total = bnp.sum(
        _windows(x, k, s, p, ones, False, pad_value or 0.0, "average_pooling"), axis=2
    )
    if pad_value is None:
        inside = bnp.ones((1, 1, *x.shape[2:]), x.dtype)
        counts = bnp.sum(_windows(inside, k, s, p, ones, False, 0.0, "average_pooling"), axis=2)
        return total / counts
    size = 1
    for m in k:
        size *= m
    return total / size


def _for_dimension(fun: Any, dims: int) -> Any:
    stem = fun.__name__.removesuffix("_nd")

    def fixed(x: Any, *args: Any, **kwargs: Any) -> Any:
        if x.ndim != dims + 2:
            raise ShapeError(
                f"{stem}_{dims}d: expected an array of {dims + 2} dimensions (batch, channels, "
                f"{dims} of space), got shape {x.shape}"
            )
        return fun(x, *args, **kwargs)

    fixed.__name__ = fixed.__qualname__ = f"{stem}_{dims}d"
    fixed.__doc__ = fun.__doc__
    return fixed


__all__ = ["im2col"]
for _fun in (
    convolution_nd, deconvolution_nd, max_pooling_nd, average_pooling_nd
):  # fmt: skip
    __all__.append(_fun.__name__)
    for _dims in (1, 2, 3):
        _fixed = _for_dimension(_fun, _dims)
        globals()[_fixed.__name__] = _fixed
        __all__.append(_fixed.__name__)
