"""Windows that slide over images (batch, channels, places…): their geometry, and what they see.

Convolutions and poolings have the same windows: of size k, `stride` apart, over an image with
`pad` elements added on each side, their own elements `dilate` apart; with `cover_all` the last
may hang over. `bibun.lax` does the work (`conv_general_dilated`, `reduce_window`, patches); what
goes from windows to images (deconvolution, unpooling) is the transpose of what goes the other way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import bibun.numpy as bnp
from bibun import lax
from bibun.errors import ShapeError
from bibun.transforms import ShapeDtypeStruct, linear_transpose
from bibun.variable.functions._common import tuple_of

Sizes = int | Sequence[int]


class Windows(NamedTuple):
    """Size, stride, borders (low, high), dilation and number of windows along each axis."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    dilate: tuple[int, ...]
    out: tuple[int, ...]


def windows(
    name: str,
    places: Sequence[int],
    ksize: Sizes,
    stride: Sizes | None,
    pad: Sizes = 0,
    dilate: Sizes = 1,
    cover_all: bool = False,
) -> Windows:
    """The windows over an image of these sizes; the stride is the window by default.

    Errors: ShapeError where not one fits.
    """
    n = len(places)
    k = tuple_of(ksize, n, f"{name}: ksize")
    s = k if stride is None else tuple_of(stride, n, f"{name}: stride")
    p, d = tuple_of(pad, n, f"{name}: pad"), tuple_of(dilate, n, f"{name}: dilate")
    if min((*k, *s, *d), default=1) < 1 or min(p, default=0) < 0:
        raise ValueError(
            f"{name}: sizes, strides and dilations are positive, and pads not negative; got "
            f"{k}, {s}, {d} and {p}"
        )
    out, pads = [], []
    for size, k1, s1, p1, d1 in zip(places, k, s, p, d, strict=True):
        wide = k1 + (k1 - 1) * (d1 - 1)
        m = (size + 2 * p1 - wide + (s1 - 1 if cover_all else 0)) // s1 + 1
        if m < 1:
            raise ShapeError(
                f"{name}: a window of {wide} does not fit an image of {size} + 2 · {p1}"
            )
        out.append(m)
        pads.append((p1, max(p1, (m - 1) * s1 + wide - size - p1)))
    return Windows(k, s, tuple(pads), d, tuple(out))


def source_size(
    outs: Sequence[int], w: tuple[Sequence[int], ...], cover_all: bool
) -> tuple[int, ...]:
    """The image sizes that as many windows come from; `w`: sizes, strides, pads, dilations."""
    return tuple(
        (m - 1) * s + (k - 1) * d + 1 - 2 * p - (s - 1 if cover_all else 0)
        for m, k, s, p, d in zip(outs, *w, strict=True)
    )


def patches(x: Any, w: Windows, fill: float = 0.0) -> Any:
    """(batch, channels · window, out…): what each window sees, channel by channel."""
    pads = w.pads
    if fill != 0 and any(map(any, pads)):
        x = bnp.pad(x, ((0, 0), (0, 0), *pads), constant_values=fill)
        pads = ((0, 0),) * len(pads)
    return lax.conv_general_dilated_patches(x, w.size, w.stride, pads, None, w.dilate)


def reduced(x: Any, w: Windows, init: float, how: Any) -> Any:
    """Each window as one element."""
    border = ((0, 0), (0, 0), *w.pads)
    return lax.reduce_window(x, init, how, (1, 1, *w.size), (1, 1, *w.stride), border)


def spread(
    name: str, y: Any, places: Sequence[int], of: Callable[[Any], Any], shape: tuple[int, ...]
) -> Any:
    """The transpose of `of`, a linear function of images of `shape`, at `y`.

    Errors: ShapeError where images of that size have another number of windows.
    """
    if y.shape[2:] != tuple(places):
        raise ShapeError(
            f"{name}: an image of {shape[2:]} has {tuple(places)} windows, but the input has "
            f"{y.shape[2:]}; give another outsize"
        )
    (image,) = linear_transpose(of, ShapeDtypeStruct(shape, y.dtype))(y)
    return image


def of_dimensions(fun: Callable[..., Any], module: dict[str, Any]) -> list[str]:
    """`fun_nd` as `fun_1d`, `fun_2d` and `fun_3d`, put into a module; their names."""
    stem = fun.__name__.removesuffix("_nd")

    def fixed(dims: int) -> Callable[..., Any]:
        @functools.wraps(fun)
        def f(x: Any, *args: Any, **kwargs: Any) -> Any:
            if x.ndim != dims + 2:
                raise ShapeError(
                    f"{stem}_{dims}d: expected an array of {dims + 2} dimensions (batch, "
                    f"channels, {dims} of space), got shape {x.shape}"
                )
            return fun(x, *args, **kwargs)

        return f

    names = [f"{stem}_{dims}d" for dims in (1, 2, 3)]
    for dims, name in zip((1, 2, 3), names, strict=True):
        f = module[name] = fixed(dims)
        f.__name__ = f.__qualname__ = name
    return [fun.__name__, *names]
