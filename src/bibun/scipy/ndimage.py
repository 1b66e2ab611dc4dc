"""`bibun.scipy.ndimage`: arrays at positions between their elements.

Orders 0 and 1 read neighbours. Orders 2 to 5 are B-splines: a recursive filter turns samples into
coefficients (Unser, "Splines: a perfect fit for signal and image processing", 1999), each pole
run over the samples forwards and backwards, and a position reads order + 1 of them an axis.
"""

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


_POLES = {
    2: (8**0.5 - 3,), 3: (3**0.5 - 2,),
    4: ((664 - 438976**0.5) ** 0.5 + 304**0.5 - 19, (664 + 438976**0.5) ** 0.5 - 304**0.5 - 19),
    5: ((67.5 - 4436.25**0.5) ** 0.5 + 26.25**0.5 - 6.5,
        (67.5 + 4436.25**0.5) ** 0.5 - 26.25**0.5 - 6.5),
}  # fmt: skip
_MARGIN = 64  # the slowest pole is -0.43; its 64th power is below the rounding of a double
# What continues the samples and the coefficients of a spline, in SciPy, by mode.
_SPLINES = {
    "constant": _mirrored, "wrap": _mirrored, "mirror": _mirrored, "reflect": _reflected,
    "grid-mirror": _reflected, "nearest": _reflected, "grid-constant": _mirrored,
    "grid-wrap": _wrapped,
}  # fmt: skip
_PADDED = 12  # SciPy continues "nearest" and "grid-constant" by hand so far


def _spline_coefficients(x: Value, order: int, place: Any) -> Value:
    """The B-spline coefficients of samples, filtered along every axis."""
    from bibun.lax import scan

    for axis, n in enumerate(x.shape):
        if n == 1:
            continue
        around = place(bnp.arange(-_MARGIN, n + _MARGIN), n)
        lines = bnp.moveaxis(bnp.take(x, around, axis=axis), axis, 0)
        for z in _POLES[order]:
            lines = lines * ((1 - z) * (1 - 1 / z))

            def step(before: Any, sample: Any, z: float = z) -> Any:
                now = sample + z * before
                return now, now

            def back(after: Any, sample: Any, z: float = z) -> Any:
                now = z * (after - sample)
                return now, now

            lines = scan(step, 0 * lines[0], lines)[1]
            # a signal that goes on as its last sample would end at z / (z - 1) of it
            lines = scan(back, lines[-1] * (z / (z - 1)), lines, reverse=True)[1]
        x = bnp.moveaxis(lines[_MARGIN : _MARGIN + n], 0, axis)
    return x


def _spline_weights(c: Any, order: int) -> list[tuple[Any, Any]]:
    """(index, weight) of the coefficients around a position: the uniform B-spline's recursion."""
    shift = 0.0 if order % 2 else 0.5
    floor = el.floor(c + shift)
    t = c + shift - floor
    weights = [1.0 - 0.0 * t]
    for k in range(1, order + 1):
        rising = [(t + j) / k * w for j, w in enumerate(weights)] + [None]
        falling = [None] + [(k - j - t) / k * w for j, w in enumerate(weights)]
        weights = [
            a if b is None else b if a is None else a + b
            for a, b in zip(rising, falling, strict=True)
        ]
    first = floor.astype(int) + (order + 1) // 2
    return [(first - j, w) for j, w in enumerate(weights)]


def _into_period(c: Any, n: int) -> Any:
    """SciPy's "wrap": positions have the period n - 1, so that the ends coincide."""
    if n == 1:
        return c * 0
    outside = (c < 0) | (c > n - 1)
    return bnp.where(outside, c - (n - 1) * el.floor(c / (n - 1)), c)


def map_coordinates(input: Any, coordinates: Sequence[Any], order: int, mode: str = "constant",
                    cval: Any = 0.0) -> Value:  # fmt: skip
    """The elements of an array at positions that need not be whole.

    coordinates: one array of positions for each axis of the input. order: 0 (nearest), 1
    (linear), 2 to 5 (B-spline through the elements, as SciPy has it). mode: what lies outside:
    "constant" (cval), "grid-constant" (cval, with interpolation up to it), "nearest", "mirror",
    "reflect", "wrap" (period n - 1), "grid-wrap" (period n). Differentiable in input and
    coordinates.

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
    if order not in range(6):
        raise ValueError(f"map_coordinates: order must be 0, 1, 2, 3, 4 or 5, got {order!r}")
    if mode not in _PLACES:
        raise ValueError(f"map_coordinates: mode must be one of {', '.join(_PLACES)}, got {mode!r}")
    whole = x.dtype.kind in "iub"
    source = x.astype(promote_inexact("map_coordinates", x, *positions)[0].dtype)
    dtype = source.dtype
    positions = bnp.broadcast_arrays(*positions)
    real = (el.real(source) if dtype.kind == "c" else source).dtype
    positions = [c.astype(real) for c in positions]
    sizes = x.shape
    place = _PLACES[mode]
    if order > 1:
        if mode in ("nearest", "grid-constant"):
            how = {"mode": "edge"} if mode == "nearest" else {"constant_values": cval}
            source = bnp.pad(source, _PADDED, **how)
            positions = [c + _PADDED for c in positions]
            sizes = source.shape
        if mode == "nearest":
            positions = [bnp.clip(c, 0, n - 1) for c, n in zip(positions, sizes, strict=True)]
        place = _SPLINES[mode]
        source = _spline_coefficients(source, order, place)
    inside: Any = None
    corners = []  # for each axis, (index, weight, whether it is there) of the neighbours
    for c, n in zip(positions, sizes, strict=True):
        if mode == "constant":
            here = (c >= 0) & (c <= n - 1)
            inside = here if inside is None else inside & here
            c = bnp.where(here, c, 0.0)
        elif mode == "wrap":
            c = _into_period(c, n)
        if order == 0:
            low = el.floor(c + 0.5).astype(int)
            pairs: list[tuple[Any, Any]] = [(low, None)]
        elif order == 1:
            floor = el.floor(c)
            low = floor.astype(int)
            pairs = [(low, 1 - (c - floor)), (low + 1, c - floor)]
        else:
            pairs = _spline_weights(c, order)
        corners.append([
            (place(i, n), w, (i >= 0) & (i < n) if mode == "grid-constant" else None)
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
