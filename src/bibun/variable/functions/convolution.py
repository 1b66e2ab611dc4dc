"""Convolutions of images (batch, channels, places…) of any number of dimensions.

`bibun.lax` does them; a deconvolution is, by definition, the transpose of a convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import lax
from bibun.errors import ShapeError
from bibun.variable.functions import windows as win
from bibun.variable.functions._common import function, tuple_of
from bibun.variable.functions.sampling import bilinear_at
from bibun.variable.functions.windows import Sizes, Windows, of_dimensions, windows


def _convolve(x: Any, W: Any, w: Windows, groups: int, name: str) -> Any:
    channels, (filters, per_group) = x.shape[1], W.shape[:2]
    if channels != per_group * groups or filters % groups:
        raise ShapeError(
            f"{name}: {channels} channels in {groups} groups do not fit filters of shape {W.shape}"
        )
    return lax.conv_general_dilated(
        x, W, w.stride, w.pads, None, w.dilate, feature_group_count=groups
    )


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
    w = windows("convolution", x.shape[2:], W.shape[2:], stride, pad, dilate, cover_all)
    return _biased(_convolve(x, W, w, groups, "convolution"), b)


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
    n, name = W.ndim - 2, "deconvolution"
    if outsize is None:
        given = [tuple_of(v, n, name) for v in (stride, pad, dilate)]
        outsize = win.source_size(x.shape[2:], (W.shape[2:], *given), False)
    shape = (x.shape[0], W.shape[1] * groups, *tuple_of(outsize, n, "outsize"))
    w = windows(name, shape[2:], W.shape[2:], stride, pad, dilate)
    y = win.spread(name, x, w.out, lambda image: _convolve(image, W, w, groups, name), shape)
    return _biased(y, b)


def dilated_convolution_2d(
    x: Any, W: Any, b: Any = None, stride: Sizes = 1, pad: Sizes = 0, dilate: Sizes = 1,
    cover_all: bool = False,
) -> Any:  # fmt: skip
    """`convolution_2d` with places in a window `dilate` apart. (Yu & Koltun 2015.)"""
    return convolution_nd(x, W, b, stride, pad, cover_all, dilate)


@function
def depthwise_convolution_2d(
    x: Any, W: Any, b: Any = None, stride: Sizes = 1, pad: Sizes = 0
) -> Any:
    """Each channel with filters of its own: W is (filters a channel, channels, kh, kw).

    The results of a channel are neighbours: (N, channels · filters, ...).
    """
    multiplier, channels, *size = W.shape
    rows = bnp.reshape(bnp.swapaxes(W, 0, 1), (multiplier * channels, 1, *size))
    w = windows("depthwise_convolution_2d", x.shape[2:], size, stride, pad)
    return _biased(_convolve(x, rows, w, channels, "depthwise_convolution_2d"), b)


@function
def local_convolution_2d(x: Any, W: Any, b: Any = None, stride: Sizes = 1) -> Any:
    """A convolution with filters of its own at each place: W is (filters, oh, ow, C, kh, kw).

    b: (filters, oh, ow).
    """
    filters, oh, ow, channels, *size = W.shape
    w = windows("local_convolution_2d", x.shape[2:], size, stride)
    if x.shape[1] != channels or w.out != (oh, ow):
        raise ShapeError(
            f"local_convolution_2d: an input of shape {x.shape} with {w.out} windows does not fit "
            f"filters of shape {W.shape}"
        )
    kernels = bnp.reshape(bnp.transpose(W, (0, 3, 4, 5, 1, 2)), (filters, -1, oh, ow))
    y = lax.conv_general_dilated_local(x, kernels, w.stride, "VALID", size)
    return y if b is None else y + b


@function
def deformable_convolution_2d_sampler(
    x: Any, offset: Any, W: Any, b: Any = None, stride: Sizes = 1, pad: Sizes = 0
) -> Any:
    """A convolution whose windows look at displaced places, bilinearly. (Dai et al. 2017.)

    offset: (N, 2 · kh · kw, oh, ow), first the displacements along x of all places in the
    window, then those along y; in elements. Differentiable in offset too.
    """
    name, (n, channels) = "deformable_convolution_2d_sampler", x.shape[:2]
    filters, _, kh, kw = W.shape
    w = windows(name, x.shape[2:], (kh, kw), stride, pad)
    if offset.shape != (n, 2 * kh * kw, *w.out):
        raise ShapeError(
            f"{name}: offset must have shape {(n, 2 * kh * kw, *w.out)}, got {offset.shape}"
        )
    row, column = (
        np.arange(m) * s - low for m, s, (low, _) in zip(w.out, w.stride, w.pads, strict=True)
    )
    dy, dx = (a.reshape(-1, 1, 1) for a in np.divmod(np.arange(kh * kw), kw))
    u = offset[:, : kh * kw] + (dx + column[None, None, :])
    v = offset[:, kh * kw :] + (dy + row[None, :, None])
    seen = bilinear_at(x, bnp.reshape(u, (n, -1)), bnp.reshape(v, (n, -1)))
    columns = bnp.reshape(seen, (n, channels * kh * kw, -1))
    y = bnp.matmul(bnp.reshape(W, (filters, -1)), columns)
    return _biased(bnp.reshape(y, (n, filters, *w.out)), b)


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
    return win.patches(x, windows("im2col", x.shape[2:], ksize, stride, pad, dilate, cover_all))


@function
def shift(x: Any, ksize: Sizes = 3, dilate: Sizes = 1) -> Any:
    """Groups of channels moved, one to each place of a window; zeros come in. (Wu et al. 2017.)

    The group of the window's middle, which does not move, is the last, and has the channels left
    over. Errors: ValueError for a window of even size.
    """
    (kh, kw), (dy, dx) = tuple_of(ksize, 2, "ksize"), tuple_of(dilate, 2, "dilate")
    if kh % 2 == 0 or kw % 2 == 0:
        raise ValueError(f"shift: ksize must be odd, got {(kh, kw)}")
    channels, height, width = x.shape[1:]
    py, px = kh // 2 * dy, kw // 2 * dx
    wide = bnp.pad(x, ((0, 0), (0, 0), (py, py), (px, px)))
    groups = kh * kw
    order = list(range(groups))
    order[groups // 2], order[-1] = order[-1], order[groups // 2]
    each, parts = channels // groups, []
    for k, place in enumerate(order):
        top, left = py - (place // kw - kh // 2) * dy, px - (place % kw - kw // 2) * dx
        end = channels if k == groups - 1 else (k + 1) * each
        parts.append(wide[:, k * each : end, top : top + height, left : left + width])
    return bnp.concatenate(parts, axis=1)


__all__ = [
    *of_dimensions(convolution_nd, globals()), *of_dimensions(deconvolution_nd, globals()),
    "deformable_convolution_2d_sampler", "depthwise_convolution_2d", "dilated_convolution_2d",
    "im2col", "local_convolution_2d", "shift",
]  # fmt: skip
