"""Shape, order, selection: functions that move elements about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.variable.functions._common import function, named
from bibun.variable.operators import get_item, plain_index
from bibun.variable.variable import Variable, as_variable

_MOVES = {
    "broadcast_to": (bnp.broadcast_to, "x repeated to a shape, as NumPy broadcasts."),
    "diagonal": (bnp.diagonal, "The diagonal of the matrices in two axes."),
    "expand_dims": (bnp.expand_dims, "A new axis of size one."),
    "flip": (bnp.flip, "The elements along an axis in reverse order."),
    "fliplr": (bnp.fliplr, "The second axis in reverse order."),
    "flipud": (bnp.flipud, "The first axis in reverse order."),
    "moveaxis": (bnp.moveaxis, "Axes moved to new places."),
    "repeat": (bnp.repeat, "Each element several times."),
    "reshape": (bnp.reshape, "The same elements in another shape; one size may be -1."),
    "roll": (bnp.roll, "Elements shifted around along an axis."),
    "rollaxis": (bnp.rollaxis, "An axis moved before another."),
    "squeeze": (bnp.squeeze, "Without axes of size one."),
    "swapaxes": (bnp.swapaxes, "Two axes interchanged."),
    "tile": (bnp.tile, "The whole array several times."),
    "tril": (bnp.tril, "Zero above a diagonal."),
    "triu": (bnp.triu, "Zero below a diagonal."),
}
for _name, (_fun, _doc) in _MOVES.items():
    globals()[_name] = named(_name, _fun, _doc)


def broadcast(*args: Any) -> Any:
    """The arguments repeated to their common shape: a tuple, or the one Variable of one."""
    if len(args) == 1:
        return as_variable(args[0])
    return tuple(_broadcast(args))


@function
def _broadcast(args: Sequence[Any]) -> Any:
    return list(bnp.broadcast_arrays(*args))


@function
def concat(xs: Sequence[Any], axis: int = 1) -> Any:
    """Arrays one after the other along an axis."""
    return bnp.concatenate(list(xs), axis=axis)


@function
def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape along a new axis."""
    return bnp.stack(list(xs), axis=axis)


@function
def hstack(xs: Sequence[Any]) -> Any:
    """Arrays one after the other along the second axis (the first, of vectors)."""
    return bnp.hstack(list(xs))


@function
def vstack(xs: Sequence[Any]) -> Any:
    """Arrays one below the other."""
    return bnp.vstack(list(xs))


@function
def dstack(xs: Sequence[Any]) -> Any:
    """Arrays one behind the other, along the third axis."""
    return bnp.dstack(list(xs))


@function
def transpose(x: Any, axes: Any = None) -> Any:
    """Axes in another order, reversed by default."""
    return bnp.transpose(x, axes)


@function
def flatten(x: Any) -> Any:
    """All elements in one axis."""
    return bnp.ravel(x)


@function
def _split(x: Any, sections: Any, axis: int) -> Any:
    return list(bnp.split(x, sections, axis=axis))


def split_axis(
    x: Any, indices_or_sections: Any, axis: int, force_tuple: bool = True
) -> tuple[Variable, ...] | Variable:
    """Pieces along an axis: a number of equal ones, or between the given indices."""
    if not isinstance(indices_or_sections, int):
        indices_or_sections = tuple(int(k) for k in indices_or_sections)
    pieces = tuple(_split(x, indices_or_sections, axis))
    return pieces if force_tuple or len(pieces) > 1 else pieces[0]


@function
def _separate(x: Any, axis: int) -> Any:
    return [bnp.take(x, k, axis=axis) for k in range(x.shape[axis])]


def separate(x: Any, axis: int = 0) -> tuple[Variable, ...]:
    """The slices along an axis, which is gone from them: the inverse of `stack`."""
    return tuple(_separate(x, axis))


@function
def cast(x: Any, typ: Any) -> Any:
    """x in another dtype."""
    return x.astype(typ)


@function
def _copy(x: Any) -> Any:
    return x + 0 if x.dtype.kind != "b" else x


def copy(x: Any, dst: Any = None) -> Variable:
    """x itself as a new Variable. `dst`, a device: there is the CPU, None, -1 or "@numpy"."""
    if dst not in (None, -1, "@numpy"):
        raise ValueError(f"copy: there is one device, the CPU: None, -1 or '@numpy'; got {dst!r}")
    return _copy(x)


def as_strided(
    x: Any, shape: Sequence[int], strides: Sequence[int], storage_offset: int | None = None
) -> Variable:
    """The elements of x (in C order) at storage_offset + Σ index · stride, strides in elements.

    An element that occurs twice gets both gradients. Errors: IndexError outside of x.
    """
    place = np.full(tuple(shape), 0 if storage_offset is None else int(storage_offset))
    if len(shape) != len(strides):
        raise ValueError(f"as_strided: {len(strides)} strides for shape {tuple(shape)}")
    for axis, (n, s) in enumerate(zip(shape, strides, strict=True)):
        place = place + (np.arange(n) * s).reshape((-1,) + (1,) * (len(shape) - 1 - axis))
    x = as_variable(x)
    if place.size and (place.min() < 0 or place.max() >= x.size):
        raise IndexError(
            f"as_strided: elements {place.min()} to {place.max()} of an array of {x.size}"
        )
    return _take(flatten(x), place, 0)


@function
def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y."""
    return bnp.where(condition, x, y)


@function
def pad(x: Any, pad_width: Any, mode: str = "constant", **keywords: Any) -> Any:
    """x with a border; modes and keywords as `numpy.pad`."""
    return bnp.pad(x, pad_width, mode=mode, **keywords)


@function
def select_item(x: Any, t: Any) -> Any:
    """x[i, t[i]] for each i."""
    return bnp.take_along_axis(x, t[:, None], axis=1)[:, 0]


@function
def _take(x: Any, indices: Any, axis: int) -> Any:
    return bnp.take(x, indices, axis=axis)


def permutate(x: Any, indices: Any, axis: int = 0, inv: bool = False) -> Variable:
    """Elements along an axis in the order `indices`; with `inv` the other way round."""
    order = np.asarray(indices)
    if not np.array_equal(np.sort(order), np.arange(as_variable(x).shape[axis])):
        raise ValueError(f"permutate: {order} is no permutation of axis {axis}")
    return _take(x, np.argsort(order) if inv else order, axis)


@function
def _add_at(a: Any, index: Any, b: Any) -> Any:
    return a.at[index].add(b)


def scatter_add(a: Any, slices: Any, b: Any) -> Variable:
    """a with b added at an index; an index that occurs twice is added to twice."""
    return _add_at(a, plain_index(slices), b)


@function
def pad_sequence(xs: Sequence[Any], length: int | None = None, padding: float = 0) -> Any:
    """Arrays of different lengths as one, filled up along the first axis."""
    n = max(x.shape[0] for x in xs) if length is None else length
    return bnp.stack(
        [
            bnp.pad(
                x, ((0, n - x.shape[0]),) + ((0, 0),) * (x.ndim - 1), constant_values=padding
            )
            for x in xs
        ]
    )


@function
def depth2space(X: Any, r: int) -> Any:
    """(N, r²C, H, W) to (N, C, rH, rW): channels become pixels."""
    n, c, h, w = X.shape
    X = bnp.reshape(bnp.transpose(X, (0, 2, 3, 1)), (n, h, w, r, r, c // (r * r)))
    X = bnp.reshape(bnp.transpose(X, (0, 1, 3, 2, 4, 5)), (n, r * h, r * w, c // (r * r)))
    return bnp.transpose(X, (0, 3, 1, 2))


@function
def space2depth(X: Any, r: int) -> Any:
    """(N, C, rH, rW) to (N, r²C, H, W): the inverse of `depth2space`."""
    n, c, h, w = X.shape
    X = bnp.transpose(X, (0, 2, 3, 1))
    X = bnp.transpose(
        bnp.reshape(X, (n, h // r, r, w // r, r, c)), (0, 1, 3, 2, 4, 5)
    )
    return bnp.transpose(bnp.reshape(X, (n, h // r, w // r, r * r * c)), (0, 3, 1, 2))


__all__ = [
    *_MOVES, "as_strided", "broadcast", "cast", "concat", "copy", "depth2space", "dstack",
    "flatten", "get_item", "hstack", "pad", "pad_sequence", "permutate", "scatter_add",
    "select_item", "separate", "space2depth", "split_axis", "stack", "transpose", "vstack",
    "where",
]  # fmt: skip
