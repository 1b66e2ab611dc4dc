"""Pooling: windows and regions of images as one element each, and the way back.

Regions of interest are rectangles in the coordinates of another image. Which elements a
cell of a region sees, and with which weights, is a product of a table for rows and one for
columns, made from the rectangles in NumPy; a pooling is then two contractions (means) or two
reductions (maxima) with these tables, so it is differentiable to any order, in the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import lax
from bibun.errors import ShapeError
from bibun.variable.functions import windows as win
from bibun.variable.functions._common import function, tuple_of
from bibun.variable.functions.array import stack
from bibun.variable.functions.windows import Sizes, of_dimensions, windows
from bibun.variable.variable import Variable, as_variable


@function
def _max_pooling(x: Any, ksize: Sizes, stride: Any, pad: Sizes, cover_all: bool) -> Any:
    w = windows("max_pooling", x.shape[2:], ksize, stride, pad, 1, cover_all)
    return win.reduced(x, w, -math.inf, lax.max)


@function
def _window_argmax(x: Any, ksize: Sizes, stride: Any, pad: Sizes, cover_all: bool) -> Any:
    w = windows("max_pooling", x.shape[2:], ksize, stride, pad, 1, cover_all)
    seen = win.patches(x, w, -math.inf)
    return bnp.argmax(bnp.reshape(seen, (*x.shape[:2], -1, *w.out)), axis=2)


def max_pooling_nd(
    x: Any,
    ksize: Sizes,
    stride: Sizes | None = None,
    pad: Sizes = 0,
    cover_all: bool = True,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window; the stride is the window by default.

    The gradient goes to the first of equals. return_indices: (y, indices), the places of the
    largest in their windows, as integers, for `upsampling_nd`.
    """
    y = _max_pooling(x, ksize, stride, pad, cover_all)
    if not return_indices:
        return y
    return y, _window_argmax(as_variable(x).array, ksize, stride, pad, cover_all).array


@function
def average_pooling_nd(
    x: Any,
    ksize: Sizes,
    stride: Sizes | None = None,
    pad: Sizes = 0,
    pad_value: float | None = 0,
) -> Any:
    """The mean of each window; the padding counts as zeros, or with `pad_value=None` not at all."""
    if pad_value not in (0, None):
        raise ValueError(f"average_pooling: pad_value must be 0 or None, got {pad_value!r}")
    w = windows("average_pooling", x.shape[2:], ksize, stride, pad)
    total = win.reduced(x, w, 0.0, lax.add)
    if pad_value is not None:
        return total / math.prod(w.size)
    return total / win.reduced(bnp.ones((1, 1, *x.shape[2:]), x.dtype), w, 0.0, lax.add)


def _image(
    name: str, x: Any, ksize: Sizes, stride: Any, pad: Sizes, outsize: Any, cover_all: bool
) -> tuple[tuple[int, ...], win.Windows]:
    """The shape of the image that x was pooled from, and its windows."""
    n = x.ndim - 2
    k = tuple_of(ksize, n, "ksize")
    s = k if stride is None else tuple_of(stride, n, "stride")
    if outsize is None:
        given = (k, s, tuple_of(pad, n, "pad"), (1,) * n)
        outsize = win.source_size(x.shape[2:], given, cover_all)
    shape = (*x.shape[:2], *tuple_of(outsize, n, "outsize"))
    return shape, windows(name, shape[2:], k, s, pad, 1, cover_all)


@function
def unpooling_nd(
    x: Any,
    ksize: Sizes,
    stride: Sizes | None = None,
    pad: Sizes = 0,
    outsize: Sequence[int] | None = None,
    cover_all: bool = True,
) -> Any:
    """Each element all over its window, overlaps added: the transpose of summing windows."""
    shape, w = _image("unpooling", x, ksize, stride, pad, outsize, cover_all)
    return win.spread(
        "unpooling", x, w.out, lambda image: win.reduced(image, w, 0.0, lax.add), shape
    )


@function
def upsampling_nd(
    x: Any,
    indexes: Any,
    ksize: Sizes,
    stride: Sizes | None = None,
    pad: Sizes = 0,
    outsize: Sequence[int] | None = None,
    cover_all: bool = True,
) -> Any:
    """Each element at the place of its window that `indexes` says, zeros elsewhere.

    `indexes`: of the shape of x, as `max_pooling_nd(return_indices=True)` returns them.
    """
    if indexes.shape != x.shape:
        raise ShapeError(f"upsampling: indexes of shape {indexes.shape} for an input of {x.shape}")
    shape, w = _image("upsampling", x, ksize, stride, pad, outsize, cover_all)

    def chosen(image: Any) -> Any:
        seen = bnp.reshape(win.patches(image, w), (*shape[:2], -1, *w.out))
        return bnp.take_along_axis(seen, indexes[:, :, None], axis=2)[:, :, 0]

    return win.spread("upsampling", x, w.out, chosen, shape)


def spatial_pyramid_pooling_2d(x: Any, pyramid_height: int, pooling: str = "max") -> Variable:
    """Maxima over 1, 4, 16, … parts of images, one after the other: (N, C · (1 + 4 + …), 1, 1).

    (He et al. 2014.) Errors: ValueError for a pooling other than "max".
    """
    if pooling != "max":
        raise ValueError(f"spatial_pyramid_pooling_2d: pooling must be 'max', got {pooling!r}")
    return _pyramid(x, pyramid_height)


@function
def _pyramid(x: Any, height: int) -> Any:
    levels = []
    for parts in (2**k for k in range(height)):
        k = [-(-n // parts) for n in x.shape[2:]]
        p = [(m * parts - n) // 2 for m, n in zip(k, x.shape[2:], strict=True)]
        w = windows("spatial_pyramid_pooling_2d", x.shape[2:], k, None, p, 1, True)
        y = win.reduced(x, w, -math.inf, lax.max)
        levels.append(bnp.reshape(y, (x.shape[0], -1, 1, 1)))
    return bnp.concatenate(levels, axis=1)


# Regions of interest ------------------------------------------------------------------------------


def _regions(name: str, rois: Any, indices: Any, columns: int = 4) -> tuple[Any, Any]:
    boxes, which = (np.asarray(as_variable(a).array) for a in (rois, indices))
    if boxes.ndim != 2 or boxes.shape[1] != columns or which.shape != boxes.shape[:1]:
        raise ShapeError(
            f"{name}: rois must have shape (n, {columns}) and their indices (n,), got "
            f"{boxes.shape} and {which.shape}"
        )
    return boxes, which.astype(int)


def _bins(low: np.ndarray, high: np.ndarray, cells: int, size: int) -> np.ndarray:
    """(regions, cells, size): which elements each cell of [low, high) sees."""
    low, high = (np.round(a).astype(int)[:, None] for a in (low, high))
    step = np.maximum(high - low, 1) / cells
    k = np.arange(cells)
    first = np.clip(np.floor(k * step).astype(int) + low, 0, size)
    last = np.clip(np.ceil((k + 1) * step).astype(int) + low, 0, size)
    places = np.arange(size)
    return (places >= first[..., None]) & (places < last[..., None])


def _samples(low: float, high: float, cells: int, ratio: int | None, size: int) -> np.ndarray:
    """(cells, samples, size): linear weights of the points at which each cell is sampled."""
    step = max(high - low, 1.0) / cells
    count = math.ceil(step) if ratio is None else ratio
    at = low + (np.arange(cells)[:, None] + (np.arange(count) + 0.5) / count) * step
    inside = (at >= -1) & (at <= size)
    at = np.clip(at, 0, size - 1)[..., None]
    return np.maximum(1 - np.abs(at - np.arange(size)), 0) * inside[..., None]


@function
def _region_means(x: Any, rows: Any, columns: Any, which: Any) -> Any:
    return bnp.einsum("roh,rchw,rpw->rcop", rows, x[which], columns)


@function
def _region_maxima(x: Any, rows: Any, columns: Any, which: Any) -> Any:
    def one(region: Any) -> Any:
        row, column, k = region
        wide = bnp.where(column[None, None], x[k][:, :, None], -math.inf)  # (C, H, cells, W)
        high = bnp.where(row[None, :, None], bnp.max(wide, axis=3).swapaxes(1, 2)[:, None],
                         -math.inf)  # (C, cells, cells, H)  # fmt: skip
        found = bnp.max(high, axis=3)
        return bnp.where(found == -math.inf, 0.0, found)  # an empty cell

    return lax.map(one, (rows, columns, which))


@function
def _sampled_maxima(x: Any, rows: Any, columns: Any) -> Any:
    seen = bnp.einsum("oyh,chw,pxw->copyx", rows, x, columns)
    return bnp.max(bnp.reshape(seen, (*seen.shape[:3], -1)), axis=3)


def _pooled_regions(how: str, x: Any, rois: Any, indices: Any, outsize: Sizes,
                    scale: float, name: str) -> Variable:  # fmt: skip
    boxes, which = _regions(name, rois, indices)
    boxes = boxes * scale
    tables = [
        _bins(boxes[:, k], boxes[:, k + 2], cells, size)
        for k, (cells, size) in enumerate(
            zip(tuple_of(outsize, 2, "outsize"), x.shape[2:], strict=True)
        )
    ]
    if how == "max":
        return _region_maxima(x, *tables, which)
    shares = [t / np.maximum(t.sum(axis=2, keepdims=True), 1) for t in tables]
    return _region_means(x, *(s.astype(x.dtype) for s in shares), which)


def _aligned_regions(how: str, x: Any, rois: Any, indices: Any, outsize: Sizes, scale: float,
                     sampling_ratio: Any, name: str) -> Variable:  # fmt: skip
    boxes, which = _regions(name, rois, indices)
    if sampling_ratio is None or isinstance(sampling_ratio, int):
        sampling_ratio = (sampling_ratio,) * 2
    if any(r is not None and r < 1 for r in sampling_ratio):
        raise ValueError(f"{name}: sampling_ratio must be positive or None, got {sampling_ratio}")
    cells = tuple_of(outsize, 2, "outsize")
    tables = [
        [_samples(box[k] * scale, box[k + 2] * scale, cells[k], sampling_ratio[k],
                  x.shape[2 + k]).astype(x.dtype) for k in (0, 1)]
        for box in boxes
    ]  # fmt: skip
    if how == "average":
        rows, columns = (np.stack([t[k].mean(axis=1) for t in tables]) for k in (0, 1))
        return _region_means(x, rows, columns, which)
    x = as_variable(x)
    return stack([_sampled_maxima(x[int(k)], *t) for k, t in zip(which, tables, strict=True)])


_ROIS = """{} pooling of regions of images: (regions, C, *outsize).

    rois: (regions, 4), each (y_min, x_min, y_max, x_max), times `spatial_scale` in elements of x;
    roi_indices: which image each is of. {}
    """


def _roi(name: str, how: str, text: str) -> Callable[..., Any]:
    kind = "Max" if how == "max" else "Mean"
    if name.endswith("align_2d"):

        def f(x: Any, rois: Any, roi_indices: Any, outsize: Sizes, spatial_scale: float,
              sampling_ratio: Any = None) -> Variable:  # fmt: skip
            return _aligned_regions(how, x, rois, roi_indices, outsize, spatial_scale,
                                    sampling_ratio, name)  # fmt: skip
    else:

        def f(x: Any, rois: Any, roi_indices: Any, outsize: Sizes,  # type: ignore[misc]
              spatial_scale: float) -> Variable:  # fmt: skip
            return _pooled_regions(how, x, rois, roi_indices, outsize, spatial_scale, name)

    f.__name__ = f.__qualname__ = name
    f.__doc__ = _ROIS.format(kind, text)
    return f


_CELLS = "Cells have whole elements; an empty one gives 0. (Girshick 2015.)"
_POINTS = (
    "Cells are sampled bilinearly at sampling_ratio² points, by default\n    one an element. "
    "(He et al. 2017.)"
)
roi_max_pooling_2d = _roi("roi_max_pooling_2d", "max", _CELLS)
roi_average_pooling_2d = _roi("roi_average_pooling_2d", "average", _CELLS)
roi_max_align_2d = _roi("roi_max_align_2d", "max", _POINTS)
roi_average_align_2d = _roi("roi_average_align_2d", "average", _POINTS)


def roi_pooling_2d(x: Any, rois: Any, outh: int, outw: int, spatial_scale: float) -> Variable:
    """`roi_max_pooling_2d` of regions (image, x_min, y_min, x_max, y_max), ends included."""
    boxes, _ = _regions("roi_pooling_2d", rois, np.asarray(as_variable(rois).array)[:, 0], 5)
    boxes = np.round(boxes * [1, *[spatial_scale] * 4])
    inner = boxes[:, [2, 1, 4, 3]] + [0, 0, 1, 1]
    return _pooled_regions("max", x, inner, boxes[:, 0], (outh, outw), 1.0, "roi_pooling_2d")


__all__ = [
    name
    for fun in (average_pooling_nd, max_pooling_nd, unpooling_nd, upsampling_nd)
    for name in of_dimensions(fun, globals())
] + [
    "roi_average_align_2d", "roi_average_pooling_2d", "roi_max_align_2d", "roi_max_pooling_2d",
    "roi_pooling_2d", "spatial_pyramid_pooling_2d",
]  # fmt: skip
