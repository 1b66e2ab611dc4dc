"""Joining, splitting and repeating arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.errors import DTypeError, ShapeError
from bibun.numpy._common import (
    Tracer,
    as_int,
    axes_tuple,
    axis_index,
    cast,
    concrete,
    need_concrete,
    no_out,
    promote_args,
    value,
)
from bibun.numpy.shape import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_to,
    expand_dims,
    ravel,
    reshape,
    squeeze,
)
from bibun.ops import shape as sh

__all__ = [
    "append", "array_split", "block", "column_stack", "concat", "concatenate", "delete", "dsplit",
    "dstack", "hsplit", "hstack", "insert", "repeat", "split", "stack", "tile", "unstack",
    "vsplit", "vstack", "trim_zeros",
]  # fmt: skip


def _items(name: str, arrays: Any) -> list[Value]:
    if isinstance(arrays, Value | np.ndarray):
        arrays = list(arrays)
    if not isinstance(arrays, Sequence):
        raise TypeError(
            f"{name}: argument arrays must be a sequence of arrays, got {type(arrays).__name__}"
        )
    if not arrays:
        raise ShapeError(f"{name}: needs at least one array")
    if any(isinstance(a, list | tuple) for a in arrays):
        from bibun.numpy.creation import asarray

        arrays = [asarray(a) for a in arrays]
    return [value(name, "arrays", a) for a in promote_args(name, *arrays)]


def concatenate(arrays: Any, axis: int | None = 0, dtype: Any = None) -> Value:
    """Arrays joined end to end along an axis that they have; None: raveled first.

    >>> import bibun.numpy as bnp
    >>> print(bnp.concatenate([bnp.zeros(2), bnp.ones(1)]))
    [0. 0. 1.]
    """
    xs = _items("concatenate", arrays)
    if axis is None:
        xs, axis = [ravel(x) for x in xs], 0
    if xs[0].ndim == 0:
        raise ShapeError("concatenate: 0-d arrays cannot be concatenated; use stack")
    if dtype is not None:
        from bibun.dtypes import canonical

        xs = [cast(x, canonical(dtype)) for x in xs]
    return sh.concatenate(*xs, axis=axis_index("concatenate", axis, xs[0].ndim))


def concat(arrays: Any, /, *, axis: int | None = 0) -> Value:
    """`concatenate` under the array API's name.

    >>> import bibun.numpy as bnp
    >>> print(bnp.concat([bnp.zeros(1), bnp.ones(1)]))
    [0. 1.]
    """
    return concatenate(arrays, axis)


def stack(arrays: Any, axis: int = 0, out: None = None, dtype: Any = None) -> Value:
    """Arrays of one shape joined along a new axis.

    >>> import bibun.numpy as bnp
    >>> bnp.stack([bnp.zeros(3), bnp.ones(3)]).shape
    (2, 3)
    """
    no_out("stack", out)
    xs = _items("stack", arrays)
    for x in xs:
        if x.shape != xs[0].shape:
            shapes = ", ".join(str(x.shape) for x in xs[:8])
            raise ShapeError(f"stack: all arrays must have one shape, got {shapes}")
    k = axis_index("stack", axis, xs[0].ndim + 1)
    return concatenate([sh.expand_dims(x, axes=(k,)) for x in xs], k, dtype)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Value, ...]:
    """The slices along an axis, as a tuple.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.unstack(bnp.array([1, 2])))
    1 2
    """
    x = value("unstack", "x", x)
    k = axis_index("unstack", axis, x.ndim)
    return tuple(squeeze(part, k) for part in _cut(x, range(1, x.shape[k]), k)) if x.shape[
        k
    ] else ()


def vstack(tup: Any, dtype: Any = None) -> Value:
    """Arrays joined as rows.

    >>> import bibun.numpy as bnp
    >>> bnp.vstack([bnp.zeros(3), bnp.ones(3)]).shape
    (2, 3)
    """
    return concatenate([atleast_2d(x) for x in _items("vstack", tup)], 0, dtype)


def hstack(tup: Any, dtype: Any = None) -> Value:
    """Arrays joined side by side: along the second axis, or the first of 1-d ones.

    >>> import bibun.numpy as bnp
    >>> print(bnp.hstack([bnp.zeros(1), bnp.ones(2)]))
    [0. 1. 1.]
    """
    xs = [atleast_1d(x) for x in _items("hstack", tup)]
    return concatenate(xs, 0 if xs[0].ndim == 1 else 1, dtype)


def dstack(tup: Any, dtype: Any = None) -> Value:
    """Arrays joined along the third axis.

    >>> import bibun.numpy as bnp
    >>> bnp.dstack([bnp.zeros(3), bnp.ones(3)]).shape
    (1, 3, 2)
    """
    return concatenate([atleast_3d(x) for x in _items("dstack", tup)], 2, dtype)


def column_stack(tup: Any) -> Value:
    """1-d arrays joined as columns.

    >>> import bibun.numpy as bnp
    >>> bnp.column_stack([bnp.zeros(3), bnp.ones(3)]).shape
    (3, 2)
    """
    xs = [x if x.ndim > 1 else reshape(x, (-1, 1)) for x in _items("column_stack", tup)]
    return concatenate(xs, 1)


def block(arrays: Any) -> Value:
    """An array assembled from nested lists of blocks.

    >>> import bibun.numpy as bnp
    >>> bnp.block([[bnp.eye(2), bnp.zeros((2, 1))]]).shape
    (2, 3)
    """

    def depth(a: Any) -> int:
        return 1 + depth(a[0]) if isinstance(a, list) else 0

    def build(a: Any, level: int) -> Value:
        if not isinstance(a, list):
            return _pad_dims(value("block", "arrays", a), total)
        return concatenate([build(b, level - 1) for b in a], axis=-level)

    def widest(a: Any) -> int:
        if isinstance(a, list):
            return max((widest(b) for b in a), default=0)
        return value("block", "arrays", a).ndim

    total = max(depth(arrays), widest(arrays))
    return build(arrays, depth(arrays))


def _pad_dims(x: Value, n: int) -> Value:
    return x if x.ndim >= n else expand_dims(x, tuple(range(n - x.ndim)))


def append(arr: Any, values: Any, axis: int | None = None) -> Value:
    """`values` joined to the end of `arr` (both raveled unless an axis is given).

    >>> import bibun.numpy as bnp
    >>> print(bnp.append(bnp.array([1, 2]), 3))
    [1 2 3]
    """
    return concatenate([ravel(arr), ravel(values)] if axis is None else [arr, values], axis or 0)


def _cut(x: Value, points: Any, k: int) -> list[Value]:
    bounds = [0, *points, x.shape[k]]
    out = []
    for lo, hi in zip(bounds[:-1], bounds[1:], strict=True):
        lo, hi, _ = slice(lo, hi).indices(x.shape[k])
        starts, limits = [0] * x.ndim, list(x.shape)
        starts[k], limits[k] = lo, max(lo, hi)
        out.append(sh.slice(x, starts=tuple(starts), limits=tuple(limits), strides=None))
    return out


def _splits(name: str, ary: Any, parts: Any, axis: int, equal: bool) -> list[Value]:
    x = value(name, "ary", ary)
    k = axis_index(name, axis, x.ndim)
    if isinstance(parts, int | np.integer):
        n = int(parts)
        if n < 1:
            raise ValueError(f"{name}: the number of parts must be positive, got {n}")
        q, r = divmod(x.shape[k], n)
        if r and equal:
            raise ShapeError(f"{name}: size {x.shape[k]} cannot be cut into {n} equal parts")
        points = np.cumsum([q + 1] * r + [q] * (n - r))[:-1].tolist()
    else:
        if isinstance(parts, Value):
            parts = need_concrete(parts, f"{name}: argument indices_or_sections")
        points = [as_int(name, "indices_or_sections", p) for p in parts]
    return _cut(x, points, k)


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Value]:
    """Cut into equal parts, or before given indices.

    >>> import bibun.numpy as bnp
    >>> [print(x) for x in bnp.split(bnp.arange(4), 2)] and None
    [0 1]
    [2 3]
    """
    return _splits("split", ary, indices_or_sections, axis, True)


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Value]:
    """Cut into parts as equal as can be.

    >>> import bibun.numpy as bnp
    >>> [x.size for x in bnp.array_split(bnp.arange(5), 2)]
    [3, 2]
    """
    return _splits("array_split", ary, indices_or_sections, axis, False)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Value]:
    """Cut along the second axis (the first of a 1-d array).

    >>> import bibun.numpy as bnp
    >>> [x.shape for x in bnp.hsplit(bnp.zeros((2, 4)), 2)]
    [(2, 2), (2, 2)]
    """
    axis = 0 if value("hsplit", "ary", ary).ndim == 1 else 1
    return _splits("hsplit", ary, indices_or_sections, axis, True)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Value]:
    """Cut along the first axis.

    >>> import bibun.numpy as bnp
    >>> [x.shape for x in bnp.vsplit(bnp.zeros((2, 4)), 2)]
    [(1, 4), (1, 4)]
    """
    return _splits("vsplit", ary, indices_or_sections, 0, True)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Value]:
    """Cut along the third axis.

    >>> import bibun.numpy as bnp
    >>> [x.shape for x in bnp.dsplit(bnp.zeros((2, 2, 4)), 2)]
    [(2, 2, 2), (2, 2, 2)]
    """
    return _splits("dsplit", ary, indices_or_sections, 2, True)


def tile(A: Any, reps: Any) -> Value:
    """The whole array repeated, `reps` times along each axis.

    >>> import bibun.numpy as bnp
    >>> print(bnp.tile(bnp.array([1, 2]), 2))
    [1 2 1 2]
    """
    x = value("tile", "A", A)
    each = reps if isinstance(reps, tuple | list) else [reps]
    counts = [as_int("tile", "reps", r) for r in each]
    n = max(x.ndim, len(counts))
    x = _pad_dims(x, n)
    counts = [1] * (n - len(counts)) + counts
    dims = [m for r, s in zip(counts, x.shape, strict=True) for m in (r, s)]
    spread = broadcast_to(expand_dims(x, tuple(range(0, 2 * n, 2))), tuple(dims))
    return reshape(spread, tuple(r * s for r, s in zip(counts, x.shape, strict=True)))


def repeat(a: Any, repeats: Any, axis: int | None = None, *,
           total_repeat_length: int | None = None) -> Value:  # fmt: skip
    """Each element repeated: as often as one number says, or one number for each.

    Under jit an array of `repeats` needs `total_repeat_length`, for the result's shape; a
    result that is too short is filled with the last element.

    >>> import bibun.numpy as bnp
    >>> print(bnp.repeat(bnp.array([1, 2]), 2))
    [1 1 2 2]
    """
    x = value("repeat", "a", a)
    if axis is None:
        x, axis = ravel(x), 0
    k = axis_index("repeat", axis, x.ndim)
    n = x.shape[k]
    known = concrete(repeats) if isinstance(repeats, Tracer) or not isinstance(
        repeats, list | tuple) else np.asarray(repeats)  # fmt: skip
    if known is None:
        if total_repeat_length is None:
            need_concrete(repeats, "repeat: argument repeats (or give total_repeat_length=)")
        from bibun.numpy.cumulative import cumsum
        from bibun.numpy.sorting import searchsorted
        from bibun.numpy.taking import take

        ends = cumsum(broadcast_to(ravel(repeats), (n,)))
        place = searchsorted(ends, np.arange(total_repeat_length), side="right")
        return take(x, place, axis=k, mode="clip")
    if known.dtype.kind not in "iu" or (known < 0).any():
        raise ValueError(f"repeat: repeats must be integers, not negative, got {known}")
    if known.size == 1 and total_repeat_length is None:
        count = int(known.reshape(()))
        wide = expand_dims(x, k + 1)
        wide = broadcast_to(wide, (*x.shape[: k + 1], count, *x.shape[k + 1 :]))
        return reshape(wide, (*x.shape[:k], n * count, *x.shape[k + 1 :]))
    from bibun.numpy.taking import take

    places = np.repeat(np.arange(n), np.broadcast_to(known.ravel(), (n,)))
    if total_repeat_length is not None:
        short = total_repeat_length - places.size
        places = np.concatenate([places[:total_repeat_length],
                                 np.full(max(short, 0), n - 1, places.dtype)])  # fmt: skip
    return take(x, places, axis=k)


def delete(arr: Any, obj: Any, axis: int | None = None, *,
           assume_unique_indices: bool = False) -> Value:  # fmt: skip
    """Without the elements at some indices (a number, a slice, or an array).

    The size of the result must be known: indices that are traced are one number, or an array of
    different ones by promise of `assume_unique_indices`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.delete(bnp.array([1, 2, 3]), 1))
    [1 3]
    """
    from bibun.numpy.taking import take

    x = value("delete", "arr", arr)
    if axis is None:
        x, axis = ravel(x), 0
    k = axis_index("delete", axis, x.ndim)
    if isinstance(obj, Value):
        if concrete(obj) is None and (assume_unique_indices or obj.size == 1):
            return _delete_traced(x, obj, k)
        obj = need_concrete(obj, "delete (or give assume_unique_indices=True): argument obj")
    return take(x, np.delete(np.arange(x.shape[k]), obj), axis=k)


def _delete_traced(x: Value, obj: Value, k: int) -> Value:
    from bibun.numpy.creation import ones
    from bibun.numpy.sorting import nonzero
    from bibun.numpy.taking import take

    n = x.shape[k]
    if obj.dtype.kind not in "iu":
        raise DTypeError(f"delete: indices must be integers, got dtype {obj.dtype}")
    kept = ones(n, bool).at[ravel(obj)].set(False)
    return take(x, nonzero(kept, size=n - obj.size)[0], axis=k)


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Value:
    """Values put in before some static indices.

    >>> import bibun.numpy as bnp
    >>> print(bnp.insert(bnp.array([1, 3]), 1, 2))
    [1 2 3]
    """
    from bibun.numpy.taking import take

    x = value("insert", "arr", arr)
    if axis is None:
        x, axis = ravel(x), 0
    k = axis_index("insert", axis, x.ndim)
    if isinstance(obj, Value):
        obj = need_concrete(obj, "insert: argument obj")
    v = value("insert", "values", values if not isinstance(values, list) else np.asarray(values))
    n = x.shape[k]
    count = np.size(np.arange(n)[obj] if isinstance(obj, slice) else obj)
    if count == 1 and v.ndim and not isinstance(obj, list | np.ndarray):
        count = v.shape[min(k, v.ndim - 1)] if v.ndim == x.ndim else 1
        order = np.insert(np.arange(n), [int(np.asarray(obj))] * count, np.arange(n, n + count))
    else:
        order = np.insert(np.arange(n), obj, np.arange(n, n + count))
    v = broadcast_to(cast(v, x.dtype), (*x.shape[:k], count, *x.shape[k + 1 :]))
    return take(concatenate([x, v], k), order, axis=k)


def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Value:
    """A concrete array without the zeros at its edges ("f": in front, "b": at the back).

    axis: the axis or axes trimmed, all if None.

    >>> import bibun.numpy as bnp
    >>> print(bnp.trim_zeros(bnp.array([0, 1, 2, 0])))
    [1 2]
    """
    known = need_concrete(value("trim_zeros", "filt", filt), "trim_zeros")
    if trim not in ("f", "b", "fb", "bf"):
        raise ValueError(f"trim_zeros: trim must be 'f', 'b' or 'fb', got {trim!r}")
    cut = [slice(None)] * known.ndim
    places = np.nonzero(known)
    for k in axes_tuple("trim_zeros", axis, known.ndim):
        n, inside = known.shape[k], places[k]
        if inside.size == 0:
            cut[k] = slice(n, n)
            continue
        lo = int(inside.min()) if "f" in trim else 0
        cut[k] = slice(lo, int(inside.max()) + 1 if "b" in trim else n)
    return value("trim_zeros", "filt", filt)[tuple(cut)]
