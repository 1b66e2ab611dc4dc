"""Grids and index arrays: coordinates along each axis of a shape, triangles, diagonals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import default_int
from bibun.errors import ShapeError
from bibun.numpy._common import as_shape, need_concrete, value
from bibun.numpy.creation import arange, asarray, linspace, ones
from bibun.numpy.joining import concatenate
from bibun.numpy.shape import broadcast_to, reshape

__all__ = [
    "c_", "diag_indices", "diag_indices_from", "fromfunction", "indices", "ix_", "mask_indices",
    "meshgrid", "mgrid", "ogrid", "r_", "tril_indices", "tril_indices_from", "triu_indices",
    "triu_indices_from",
]  # fmt: skip


def meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> list[Value]:
    """Coordinate arrays of a grid; indexing "xy" (the second axis first) or "ij".

    >>> import bibun.numpy as bnp
    >>> [g.shape for g in bnp.meshgrid(bnp.zeros(3), bnp.zeros(2))]
    [(2, 3), (2, 3)]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    xs = [value("meshgrid", "xi", x) for x in xi]
    xs = [reshape(x, (-1,)) for x in xs]
    places = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        places[:2] = [1, 0]
    sizes = [0] * len(xs)
    for x, p in zip(xs, places, strict=True):
        sizes[p] = x.size
    out = []
    for x, p in zip(xs, places, strict=True):
        line = reshape(x, tuple(x.size if k == p else 1 for k in range(len(xs))))
        out.append(line if sparse else broadcast_to(line, tuple(sizes)))
    return out


class _Grid:
    """`mgrid` and `ogrid`: grids by slices; a step like 5j counts points, the end included."""

    def __init__(self, sparse: bool) -> None:
        self._sparse = sparse

    def __getitem__(self, key: Any) -> Any:
        single = not isinstance(key, tuple)
        lines = []
        for part in (key,) if single else key:
            start = 0 if part.start is None else part.start
            step = 1 if part.step is None else part.step
            if isinstance(step, complex):
                lines.append(linspace(start, part.stop, int(abs(step))))
            else:
                lines.append(arange(start, part.stop, step))
        if single:
            return lines[0]
        grids = meshgrid(*lines, sparse=self._sparse, indexing="ij")
        if self._sparse:
            return tuple(grids)
        from bibun.numpy.joining import stack

        return stack(grids)


mgrid = _Grid(sparse=False)
ogrid = _Grid(sparse=True)


class _Join:
    """`r_` and `c_`: arrays, numbers and slices (which are ranges) joined along an axis.

    A first item such as "1", "0,2" or "0,2,1" says the axis, the least number of dimensions, and
    where the axes of arrays with fewer go, as in NumPy.
    """

    def __init__(self, axis: int, ndmin: int, trans1d: int) -> None:
        self._defaults = axis, ndmin, trans1d

    def __getitem__(self, key: Any) -> Value:
        items = list(key) if isinstance(key, tuple) else [key]
        axis, ndmin, trans1d = self._defaults
        if items and isinstance(items[0], str):
            try:
                said = [int(part) for part in items[0].split(",")]
            except ValueError:
                raise ValueError(f"r_: {items[0]!r} is not 'axis,ndmin,trans1d'") from None
            items.pop(0)
            axis, ndmin, trans1d = (said + list(self._defaults)[len(said) :])[:3]
        return concatenate([self._piece(item, ndmin, trans1d) for item in items], axis)

    def _piece(self, item: Any, ndmin: int, trans1d: int) -> Value:
        if isinstance(item, slice):
            start = 0 if item.start is None else item.start
            step = 1 if item.step is None else item.step
            if isinstance(step, complex):
                x = linspace(start, item.stop, int(abs(step)))
            else:
                x = arange(start, item.stop, step)
        else:
            x = asarray(item)
            if x.ndim == 0:
                x = reshape(x, (1,))
        missing = ndmin - x.ndim
        if missing > 0:  # NumPy: trans1d says where the first axis of the array goes
            place = trans1d + missing + 1 if trans1d < 0 else trans1d
            if not 0 <= place <= missing:
                raise ShapeError(f"r_: trans1d {trans1d} does not fit ndmin {ndmin}")
            x = reshape(x, (1,) * place + x.shape + (1,) * (missing - place))
        return x


r_ = _Join(0, 1, -1)
c_ = _Join(-1, 2, 0)


def indices(dimensions: Sequence[int], dtype: Any = int, sparse: bool = False) -> Any:
    """The index along each axis, for every element of a shape.

    >>> import bibun.numpy as bnp
    >>> bnp.indices((2, 3)).shape
    (2, 2, 3)
    """
    dims = as_shape("indices", dimensions, "dimensions")
    grids = meshgrid(*(arange(n, dtype=dtype) for n in dims), sparse=sparse, indexing="ij")
    if sparse:
        return tuple(grids)
    from bibun.numpy.joining import stack

    return stack(grids)


def ix_(*args: Any) -> tuple[Value, ...]:
    """Index arrays shaped to select a grid.

    >>> import bibun.numpy as bnp
    >>> print(bnp.eye(3)[bnp.ix_(bnp.array([0, 2]), bnp.array([2]))])
    [[0.]
     [1.]]
    """
    out = []
    for i, a in enumerate(args):
        x = value("ix_", f"{i + 1}", asarray(a))
        if x.ndim != 1:
            raise ShapeError(f"ix_: needs 1-d arrays, got shape {x.shape}")
        if x.dtype.kind == "b":
            x = Array(np.flatnonzero(need_concrete(x, "ix_: a mask")))
        out.append(reshape(x, tuple(x.size if k == i else 1 for k in range(len(args)))))
    return tuple(out)


def fromfunction(function: Callable[..., Any], shape: Any, *, dtype: Any = float,
                 **kwargs: Any) -> Any:  # fmt: skip
    """The function of the index arrays of a shape.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fromfunction(lambda i, j: i + j, (2, 2)))
    [[0. 1.]
     [1. 2.]]
    """
    dims = as_shape("fromfunction", shape)
    grids = meshgrid(*(arange(n, dtype=dtype) for n in dims), indexing="ij")
    return function(*grids, **kwargs)


def _static_indices(found: Any) -> tuple[Value, ...]:
    return tuple(Array(np.asarray(i, dtype=default_int())) for i in found)


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Value, ...]:
    """Row and column indices of the lower triangle.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.tril_indices(2))
    [0 1 1] [0 0 1]
    """
    return _static_indices(np.tril_indices(n, k, m))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Value, ...]:
    """Row and column indices of the upper triangle.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.triu_indices(2))
    [0 0 1] [0 1 1]
    """
    return _static_indices(np.triu_indices(n, k, m))


def tril_indices_from(arr: Any, k: int = 0) -> tuple[Value, ...]:
    """`tril_indices` for the shape of a matrix.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.tril_indices_from(bnp.eye(2)))
    [0 1 1] [0 0 1]
    """
    n, m = value("tril_indices_from", "arr", arr).shape
    return tril_indices(n, k, m)


def triu_indices_from(arr: Any, k: int = 0) -> tuple[Value, ...]:
    """`triu_indices` for the shape of a matrix.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.triu_indices_from(bnp.eye(2)))
    [0 0 1] [0 1 1]
    """
    n, m = value("triu_indices_from", "arr", arr).shape
    return triu_indices(n, k, m)


def diag_indices(n: int, ndim: int = 2) -> tuple[Value, ...]:
    """Indices of the main diagonal.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.diag_indices(2))
    [0 1] [0 1]
    """
    return (arange(n),) * ndim


def diag_indices_from(arr: Any) -> tuple[Value, ...]:
    """`diag_indices` for the shape of an array.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.diag_indices_from(bnp.eye(2)))
    [0 1] [0 1]
    """
    x = value("diag_indices_from", "arr", arr)
    if len(set(x.shape)) != 1:
        raise ShapeError(f"diag_indices_from: all sizes must be equal, got shape {x.shape}")
    return diag_indices(x.shape[0], x.ndim)


def mask_indices(n: int, mask_func: Callable[..., Any], k: Any = 0, *,
                 size: int | None = None) -> tuple[Value, ...]:  # fmt: skip
    """Indices that a masking function such as `triu` keeps of an (n, n) array.

    size: their number, needed if the function's result is traced.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.mask_indices(2, bnp.triu))
    [0 0 1] [0 1 1]
    """
    from bibun.numpy.sorting import nonzero

    return nonzero(mask_func(ones((n, n), int), k), size=size)
