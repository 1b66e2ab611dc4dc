"""`bibun.scipy.ndimage`: arrays at positions between their elements."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import promote_inexact, value
from bibun.ops import elementwise as el

__all__ = ["map_coordinates"]


def _wrapped(i: Any, n: int) -> Any:
    return i % n


def _mirrored(i: Any, n: int) -> Any:
    """… c b | a b c | b a …"""
    if n == 1:
        return i * 0
    j = i % (2 * n - 2)
    return bnp.where(j < n, j, 2 * n - 2 - j)


def _reflected(i: Any, n: int) -> Any:
    """… b a | a b c | c b …"""
    j = i % (2 * n)
    return bnp.where(j < n, j, 2 * n - 1 - j)


def _clipped(i: Any, n: int) -> Any:
    return bnp.clip(i, 0, n - 1)


_PLACES = {
    "nearest": _clipped, "grid-wrap": _wrapped, "mirror": _mirrored, "reflect": _reflected,
    "grid-mirror": _reflected, "constant": _clipped, "grid-constant": _clipped, "wrap": _clipped,
}  # fmt: skip


def _into_period(c: Any, n: int) -> Any:
    """SciPy's "wrap": positions have the period n - 1, so that the ends coincide."""
    if n == 1:
        return c * 0
    outside = (c < 0) | (c > n - 1)
    return bnp.where(outside, c - (n - 1) * el.floor(c / (n - 1)), c)


def map_coordinates(input: Any, coordinates: Sequence[Any], order: int, mode: str = "constant",
                    cval: Any = 0.0) -> Value:  # fmt: skip
    """The elements of an array at positions that need not be whole.

    coordinates: one array of positions for each axis of the input. order: 0 (nearest) or 1
    (linear). mode: what lies outside: "constant" (cval), "grid-constant" (cval, with
    interpolation up to it), "nearest", "mirror", "reflect", "wrap" (period n - 1), "grid-wrap"
    (period n). Differentiable in input and coordinates.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import ndimage
    >>> x = bnp.array([[0.0, 1.0], [2.0, 3.0]])
    >>> print(ndimage.map_coordinates(x, [bnp.array([0.5]), bnp.array([0.5])], order=1))
    [1.5]
    """
    x = value("map_coordinates", "input", bnp.asarray(input))
    positions = [bnp.asarray(c) for c in coordinates]
    if len(positions) != x.ndim:
        raise ShapeError(
            f"map_coordinates: {len(positions)} coordinates for an array of {x.ndim} dimensions"
        )
    if order not in (0, 1):
        raise NotImplementedError(f"map_coordinates: order must be 0 or 1, got {order!r}")
    if mode not in _PLACES:
        raise ValueError(f"map_coordinates: mode must be one of {', '.join(_PLACES)}, got {mode!r}")
    whole = x.dtype.kind in "iub"
    source = x.astype(promote_inexact("map_coordinates", x, *positions)[0].dtype)
    dtype = source.dtype
    positions = bnp.broadcast_arrays(*positions)
    real = (el.real(source) if dtype.kind == "c" else source).dtype
    positions = [c.astype(real) for c in positions]
    inside: Any = None
    corners = []  # for each axis, (index, weight, whether it is there) of the neighbours
    for c, n in zip(positions, x.shape, strict=True):
        if mode == "constant":
            here = (c >= 0) & (c <= n - 1)
            inside = here if inside is None else inside & here
            c = bnp.where(here, c, 0.0)
        elif mode == "wrap":
            c = _into_period(c, n)
        if order == 0:
            low = el.floor(c + 0.5).astype(int)
            pairs = [(low, None)]
        else:
            floor = el.floor(c)
            low = floor.astype(int)
            pairs = [(low, 1 - (c - floor)), (low + 1, c - floor)]
        corners.append([
            (_PLACES[mode](i, n), w, (i >= 0) & (i < n) if mode == "grid-constant" else None)
            for i, w in pairs
        ])  # fmt: skip
    total: Any = None
    for chosen in itertools.product(*corners):
        term = source[tuple(i for i, _, _ in chosen)]
        for _, _, here in chosen:
            if here is not None:
                term = bnp.where(here, term, cval)
        for _, w, _ in chosen:
            if w is not None:
                term = term * w
        total = term if total is None else total + term
    if total is None:
        total = source
    if inside is not None:
        total = bnp.where(inside, total, cval)
    return bnp.round(total).astype(x.dtype) if whole else total
