"""Images read between their elements: bilinear sampling, warping, other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.errors import ShapeError
from bibun.variable.functions._common import function, tuple_of


def bilinear_at(x: Any, u: Any, v: Any) -> Any:
    """Images (B, C, H, W) at the points (u along W, v along H), (B, points): (B, C, points).

    In elements, (0, 0) the first; the image goes down to zero within one element of its edge.
    """
    batch, _, height, width = x.shape
    x = bnp.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    u = bnp.clip(u + 1, 0, width + 1)
    v = bnp.clip(v + 1, 0, height + 1)
    left = bnp.clip(bnp.floor(u).astype(int), 0, width)
    top = bnp.clip(bnp.floor(v).astype(int), 0, height)
    u, v = (u - left)[..., None], (v - top)[..., None]
    image = np.arange(batch)[:, None]

    def at(j: Any, i: Any) -> Any:  # (B, points, C); in bounds by the clips
        return x.at[image, :, j, i].get(mode="promise_in_bounds")

    upper = at(top, left) * (1 - u) + at(top, left + 1) * u
    lower = at(top + 1, left) * (1 - u) + at(top + 1, left + 1) * u
    return bnp.swapaxes(upper * (1 - v) + lower * v, 1, 2)


@function
def spatial_transformer_grid(theta: Any, output_shape: Sequence[int]) -> Any:
    """Where affine maps theta (N, 2, 3) take the points of an image: (N, 2, H, W), x before y.

    Both images are [-1, 1] wide and high, corners included. (Jaderberg et al. 2015.)
    """
    if theta.shape[1:] != (2, 3):
        raise ShapeError(f"spatial_transformer_grid: theta must be (N, 2, 3), got {theta.shape}")
    h, w = tuple_of(output_shape, 2, "output_shape")
    y, x = np.meshgrid(np.linspace(-1, 1, h), np.linspace(-1, 1, w), indexing="ij")
    points = np.stack([x, y, np.ones((h, w))]).reshape(3, h * w).astype(theta.dtype)
    return bnp.reshape(bnp.matmul(theta, points), (theta.shape[0], 2, h, w))


@function
def spatial_transformer_sampler(x: Any, grid: Any) -> Any:
    """Images (N, C, H, W) at the points of grid (N, 2, h, w), x before y, bilinearly.

    [-1, 1] is the image, corners included; zeros outside. Differentiable in x and grid.
    """
    if grid.ndim != 4 or grid.shape[:2] != (x.shape[0], 2):
        raise ShapeError(
            f"spatial_transformer_sampler: grid must be ({x.shape[0]}, 2, h, w), got {grid.shape}"
        )
    n, channels, height, width = x.shape
    points = bnp.reshape(grid, (n, 2, -1))
    u, v = (points[:, 0] + 1) * ((width - 1) / 2), (points[:, 1] + 1) * ((height - 1) / 2)
    return bnp.reshape(bilinear_at(x, u, v), (n, channels, *grid.shape[2:]))


def _places(old: int, size: int, align_corners: bool) -> np.ndarray:
    if align_corners:
        return np.linspace(0, old - 1, size)
    return np.clip((np.arange(size) + 0.5) * (old / size) - 0.5, 0, old - 1)


@function
def resize_images(
    x: Any, output_shape: Sequence[int], mode: str = "bilinear", align_corners: bool = True
) -> Any:
    """Images (N, C, H, W) in another size, `bilinear` or `nearest`.

    align_corners: the middles of the corner elements stay where they are; else the outer edges.
    """
    if mode not in ("bilinear", "nearest"):
        raise ValueError(f"resize_images: mode must be 'bilinear' or 'nearest', got {mode!r}")
    for axis, size in zip((2, 3), tuple_of(output_shape, 2, "output_shape"), strict=True):
        old = x.shape[axis]
        place = _places(old, size, align_corners)
        if mode == "nearest":
            x = bnp.take(x, np.floor(place + 0.5).astype(int), axis=axis)
            continue
        low = np.clip(np.floor(place).astype(int), 0, max(old - 2, 0))
        shape = [1] * 4
        shape[axis] = size
        share = (place - low).reshape(shape).astype(x.dtype)
        high = np.minimum(low + 1, old - 1)
        x = bnp.take(x, low, axis=axis) * (1 - share) + bnp.take(x, high, axis=axis) * share
    return x


__all__ = ["resize_images", "spatial_transformer_grid", "spatial_transformer_sampler"]
