"""`bibun.image`: arrays sampled anew on another grid, as images are made larger and smaller.

The work is separable: along each axis every new element is a weighted sum of the old ones around
it, so an axis is one matrix, and an image a product with a matrix from each side. A filter's kernel
gives the weights; where the image shrinks the kernel is as much wider (`antialias`), so that every
old element counts, and at the edges the weights that are left add up to one. Linear in the image;
`scale_and_translate` differentiates in scale and translation too.

Elements are squares with their centres at k + 1/2. Names, kernels and edges are JAX's.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.array import Array, Value
from bibun.errors import ShapeError
from bibun.numpy._common import as_shape, axis_index, promote_inexact, value

__all__ = ["ResizeMethod", "resize", "scale_and_translate"]


class ResizeMethod(enum.Enum):
    """How elements are weighted by distance.

    >>> from bibun import image
    >>> image.ResizeMethod.from_string("bilinear")
    <ResizeMethod.LINEAR: 1>
    """

    NEAREST = 0
    LINEAR = 1
    LANCZOS3 = 2
    LANCZOS5 = 3
    CUBIC = 4
    CUBIC_PYTORCH = 5
    AREA = 6

    @staticmethod
    def from_string(s: str) -> ResizeMethod:
        """The method of a name. Errors: ValueError that lists the names."""
        if s not in _NAMES:
            raise ValueError(f"method must be one of {', '.join(_NAMES)}; got {s!r}")
        return _NAMES[s]


_NAMES = {
    "nearest": ResizeMethod.NEAREST,
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), ResizeMethod.LINEAR),
    "lanczos3": ResizeMethod.LANCZOS3,
    "lanczos5": ResizeMethod.LANCZOS5,
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), ResizeMethod.CUBIC),
    **dict.fromkeys(("cubic-pytorch", "bicubic-pytorch"), ResizeMethod.CUBIC_PYTORCH),
    "area": ResizeMethod.AREA,
}


# ---- kernels: of the distance in elements, for NumPy (`xp`) where it is known --------------------


def _triangle(xp: Any, x: Any) -> Any:
    return xp.maximum(0, 1 - x)


def _keys(a: float) -> Callable[[Any, Any], Any]:
    """R. Keys, "Cubic convolution interpolation", IEEE Trans. ASSP 29, 1981, with slope a at 1."""

    def kernel(xp: Any, x: Any) -> Any:
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((x - 5) * x + 8) * x * a - 4 * a
        return xp.where(x >= 2, 0.0, xp.where(x >= 1, far, near))

    return kernel


def _lanczos(radius: int) -> Callable[[Any, Any], Any]:
    def kernel(xp: Any, x: Any) -> Any:
        safe = math.pi * xp.where(x > 1e-3, x, 1.0)
        wave = radius * xp.sin(safe) * xp.sin(safe / radius) / (safe * safe)
        return xp.where(x > radius, 0.0, xp.where(x > 1e-3, wave, 1.0))

    return kernel


_KERNELS = {
    ResizeMethod.LINEAR: _triangle,
    ResizeMethod.LANCZOS3: _lanczos(3),
    ResizeMethod.LANCZOS5: _lanczos(5),
    ResizeMethod.CUBIC: _keys(-0.5),
    ResizeMethod.CUBIC_PYTORCH: _keys(-0.5),
}


def _weights(
    old: int, new: int, scale: Any, translation: Any, method: ResizeMethod, antialias: bool
) -> Any:
    """The matrix (old, new) of an axis."""
    xp: Any = np if isinstance(scale, float) and isinstance(translation, float) else bnp
    inverse = 1.0 / scale
    places = (np.arange(new) + 0.5) * inverse - translation * inverse - 0.5
    if method is ResizeMethod.AREA:
        half = 0.5 * inverse
        k = np.arange(old)[:, None]
        right = xp.minimum(places + half, k + 0.5)
        weights = xp.maximum(right - xp.maximum(places - half, k - 0.5), 0.0)
    elif method is ResizeMethod.CUBIC_PYTORCH and not antialias:
        return _edge_padded(xp, old, places)
    else:
        width = xp.maximum(inverse, 1.0) if antialias else 1.0
        distance = xp.abs(places - np.arange(old)[:, None]) / width
        weights = _KERNELS[method](xp, distance)
    total = xp.sum(weights, 0, keepdims=True)
    some = xp.abs(total) > 1000 * float(np.finfo(np.float32).eps)
    weights = xp.where(some, weights / xp.where(some, total, 1.0), 0.0)
    return xp.where((places >= -0.5) & (places <= old - 0.5), weights, 0.0)


def _edge_padded(xp: Any, old: int, places: Any) -> Any:
    """Keys' kernel with slope -3/4 and, beyond the edges, the elements there for ever."""
    margin = 2
    far = np.arange(-margin, old + margin)
    weights = _keys(-0.75)(xp, xp.abs(xp.clip(places, -1.0, old) - far[:, None]))
    fold = (np.clip(far, 0, old - 1) == np.arange(old)[:, None]).astype(float)
    return fold @ weights


def _method(given: Any) -> ResizeMethod:
    return given if isinstance(given, ResizeMethod) else ResizeMethod.from_string(given)


def _resampled(x: Value, k: int, weights: Any) -> Value:
    out = bnp.tensordot(x, bnp.asarray(weights).astype(x.dtype), axes=((k,), (0,)))
    return bnp.moveaxis(out, -1, k)


def resize(image: Any, shape: Sequence[int], method: str | ResizeMethod, antialias: bool = True,
           precision: Any = None) -> Value:  # fmt: skip
    """An array of another shape and the same rank that shows the same image.

    method: "nearest", "linear" ("bilinear", …), "cubic" ("bicubic"), "cubic-pytorch", "lanczos3",
    "lanczos5", "area", or a `ResizeMethod`. antialias: wider kernels where an axis shrinks.
    Errors: ShapeError for another rank, ValueError for another method.

    >>> import bibun.numpy as bnp
    >>> from bibun import image
    >>> print(image.resize(bnp.array([0.0, 4.0]), (4,), "linear"))
    [0. 1. 3. 4.]
    """
    x = value("resize", "image", promote_inexact("resize", image)[0])
    sizes = as_shape("resize", shape)
    if len(sizes) != x.ndim:
        raise ShapeError(f"resize: shape {sizes} for an image of shape {x.shape}")
    how = _method(method)
    for k, (old, new) in enumerate(zip(x.shape, sizes, strict=True)):
        if old == new:
            continue
        if not old:
            raise ShapeError(f"resize: axis {k} of shape {x.shape} has no elements")
        if how is ResizeMethod.NEAREST:
            x = bnp.take(x, np.floor((np.arange(new) + 0.5) * old / new).astype(int), axis=k)
        else:
            x = _resampled(x, k, _weights(old, new, new / old, 0.0, how, antialias))
    return x


def scale_and_translate(
    image: Any, shape: Sequence[int], spatial_dims: Sequence[int], scale: Any, translation: Any,
    method: str | ResizeMethod, antialias: bool = True, precision: Any = None,
) -> Value:  # fmt: skip
    """The image with each place p of its spatial axes moved to p * scale + translation.

    spatial_dims: which axes; scale, translation: a number for each. 0 where the image does not
    reach. The other axes keep their sizes, which `shape` repeats. Methods as in `resize`, but
    "nearest"; "cubic-pytorch" without antialias repeats the edges instead of 0.
    Errors: ShapeError, ValueError.

    >>> import bibun.numpy as bnp
    >>> from bibun import image
    >>> moved = image.scale_and_translate(
    ...     bnp.array([1.0, 2.0, 3.0]), (3,), (0,), bnp.array([1.0]), bnp.array([1.0]), "linear")
    >>> print(moved)
    [0. 1. 2.]
    """
    x = value("scale_and_translate", "image", promote_inexact("scale_and_translate", image)[0])
    sizes = as_shape("scale_and_translate", shape)
    if len(sizes) != x.ndim:
        raise ShapeError(f"scale_and_translate: shape {sizes} for an image of shape {x.shape}")
    how = _method(method)
    if how is ResizeMethod.NEAREST:
        raise ValueError("scale_and_translate: there is no method 'nearest'; take 'linear'")
    axes = [axis_index("scale_and_translate", k, x.ndim) for k in spatial_dims]
    scales, moves = bnp.asarray(scale), bnp.asarray(translation)
    for name, given in (("scale", scales), ("translation", moves)):
        if given.shape != (len(axes),):
            raise ShapeError(
                f"scale_and_translate: {name} of shape {given.shape} for {len(axes)} spatial_dims"
            )
    for k in range(x.ndim):
        if k not in axes and sizes[k] != x.shape[k]:
            raise ShapeError(
                f"scale_and_translate: axis {k} is not in spatial_dims, and {x.shape[k]} elements "
                f"cannot become {sizes[k]}"
            )
    known = type(scales) is Array and type(moves) is Array
    for i, k in enumerate(axes):
        s, t = scales[i], moves[i]
        s, t = (float(s), float(t)) if known else (s, t)
        x = _resampled(x, k, _weights(x.shape[k], sizes[k], s, t, how, antialias))
    return x
