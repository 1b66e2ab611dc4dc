"""`bibun.lax`, gather and scatter with XLA's dimension numbers.

A row of `start_indices` (its last axis) says where a window of fixed size begins in the
operand, on the axes that `start_index_map` names; the windows of all rows are the result. Each
axis of the operand is one of three things: left whole (neither named nor cut), indexed by a
start plus its place in the window, or walked along with the rows (a batching axis). Written
so, it is one gather in bibun's own, NumPy-like form (`ops/index`): index arrays of one
shape for the indexed axes, the others left alone. A scatter is the same the other way.

By default a window that does not lie inside raises IndexError, as indexing does everywhere in
bibun; JAX's modes are there: "clip" moves the window inside, "fill"/"drop" takes nan (or
fill_value) and drops the update, "promise_in_bounds" does not look.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bibun import numpy as bnp
from bibun.array import Value
from bibun.errors import DTypeError, ShapeError
from bibun.numpy._common import as_int, as_shape, promote_args, value
from bibun.ops import elementwise as el
from bibun.ops import index as ix
from bibun.ops import shape as sh
from bibun.ops.check import check_true

__all__ = [
    "GatherDimensionNumbers", "GatherScatterMode", "ScatterDimensionNumbers", "gather",
    "index_take", "scatter", "scatter_add", "scatter_apply", "scatter_max", "scatter_min",
    "scatter_mul", "scatter_sub",
]  # fmt: skip


class GatherDimensionNumbers(NamedTuple):
    """Which axis is which in a gather.

    offset_dims: axes of the result that run inside a window. collapsed_slice_dims: axes of the
    operand where the window has one element and no axis in the result. start_index_map: the
    axis of the operand that each component of an index row is for. operand_batching_dims,
    start_indices_batching_dims: axes walked together.

    >>> import bibun.numpy as bnp
    >>> from bibun import lax
    >>> rows = lax.GatherDimensionNumbers((1,), (0,), (0,))
    >>> lax.gather(bnp.arange(6).reshape(3, 2), bnp.array([[2], [0]]), rows, (1, 2)).tolist()
    [[4, 5], [0, 1]]
    """

    offset_dims: tuple[int, ...]
    collapsed_slice_dims: tuple[int, ...]
    start_index_map: tuple[int, ...]
    operand_batching_dims: tuple[int, ...] = ()
    start_indices_batching_dims: tuple[int, ...] = ()


class ScatterDimensionNumbers(NamedTuple):
    """Which axis is which in a scatter: as `GatherDimensionNumbers`, with updates for the result.

    update_window_dims: axes of updates inside a window. inserted_window_dims: axes of the
    operand with one element and no axis in updates. scatter_dims_to_operand_dims: the axis of
    the operand that each component of an index row is for.

    >>> import bibun.numpy as bnp
    >>> from bibun import lax
    >>> places = lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> lax.scatter_add(bnp.zeros(3), bnp.array([[2], [0]]), bnp.ones(2), places).tolist()
    [1.0, 0.0, 1.0]
    """

    update_window_dims: tuple[int, ...]
    inserted_window_dims: tuple[int, ...]
    scatter_dims_to_operand_dims: tuple[int, ...]
    operand_batching_dims: tuple[int, ...] = ()
    scatter_indices_batching_dims: tuple[int, ...] = ()


class GatherScatterMode(enum.Enum):
    """What happens to windows that do not lie inside: see `gather`.

    >>> from bibun import lax
    >>> lax.GatherScatterMode.from_any("drop")
    <GatherScatterMode.FILL_OR_DROP: 'fill'>
    """

    CLIP = "clip"
    FILL_OR_DROP = "fill"
    PROMISE_IN_BOUNDS = "promise_in_bounds"

    @staticmethod
    def from_any(mode: Any) -> GatherScatterMode | None:
        """A mode of its name; None and "raise" stand for an error. Errors: ValueError."""
        if mode is None or mode == "raise":
            return None
        if isinstance(mode, GatherScatterMode):
            return mode
        known = {"clip": GatherScatterMode.CLIP, "fill": GatherScatterMode.FILL_OR_DROP,
                 "drop": GatherScatterMode.FILL_OR_DROP,
                 "promise_in_bounds": GatherScatterMode.PROMISE_IN_BOUNDS}  # fmt: skip
        if mode not in known:
            raise ValueError(f"mode must be None, 'raise' or one of {[*known]}, got {mode!r}")
        return known[mode]


def _ints(name: str, what: str, axes: Any, n: int) -> tuple[int, ...]:
    out = tuple(as_int(name, what, k) for k in axes)
    if len(set(out)) != len(out) or any(not 0 <= k < n for k in out):
        raise ShapeError(f"{name}: {what} {out} must be different axes in [0, {n})")
    return out


class _Windows:
    """The index arrays of a gather or scatter, and where its axes go.

    `axes`: the operand's axes that are indexed; `indices`: their arrays, of the shape
    (rows…, window axes that are indexed…); `order`: the axes of the result (or of updates) in
    the order in which bibun's own gather has them.
    """

    def __init__(self, name: str, shape: tuple[int, ...], rows: Value, d: GatherDimensionNumbers,
                 sizes: tuple[int, ...], mode: Any) -> None:  # fmt: skip
        n = len(shape)
        mapped = _ints(name, "the axes of index rows", d.start_index_map, n)
        collapsed = _ints(name, "collapsed or inserted axes", d.collapsed_slice_dims, n)
        batching = _ints(name, "operand_batching_dims", d.operand_batching_dims, n)
        if rows.ndim < 1 or rows.shape[-1] != len(mapped):
            raise ShapeError(
                f"{name}: the last axis of indices of shape {rows.shape} must have {len(mapped)} "
                "elements, as many as axes they index"
            )
        if rows.dtype.kind not in "iu":
            raise DTypeError(f"{name}: indices must be integers, got {rows.dtype}")
        walked = _ints(name, "batching axes of indices", d.start_indices_batching_dims,
                       rows.ndim - 1)  # fmt: skip
        if {*collapsed} & {*batching} or len(walked) != len(batching) or {*mapped} & {*batching}:
            raise ShapeError(f"{name}: batching, collapsed and mapped axes do not fit: {d}")
        for k in range(n):
            if not 0 <= sizes[k] <= shape[k] or (k in (*collapsed, *batching) and sizes[k] != 1):
                raise ShapeError(
                    f"{name}: a window of {sizes} does not fit shape {shape} (collapsed and "
                    "batching axes have windows of 1)"
                )
        for k, j in zip(batching, walked, strict=True):
            if shape[k] != rows.shape[j]:
                raise ShapeError(
                    f"{name}: batching axis {k} has {shape[k]} elements, the indices' axis {j} "
                    f"{rows.shape[j]}"
                )
        batch = rows.shape[:-1]
        offset = [k for k in range(n) if k not in collapsed and k not in batching]
        dims = _ints(name, "offset or window axes", d.offset_dims, len(batch) + len(offset))
        if len(dims) != len(offset):
            raise ShapeError(f"{name}: {len(dims)} window axes {dims} for {len(offset)} of {d}")
        self.axes = tuple(k for k in range(n) if k in mapped or k in batching or
                          sizes[k] != shape[k] or k in collapsed)  # fmt: skip
        inside = [k for k in offset if k in self.axes]
        wide = len(batch) + len(inside)
        starts, self.ok = self._starts(name, shape, rows, mapped, sizes, mode)
        self.indices: list[Any] = []
        full = (*batch, *(sizes[k] for k in inside))
        for k in self.axes:
            parts = []
            if k in mapped:
                at = starts[mapped.index(k)]
                parts.append(sh.expand_dims(at, axes=tuple(range(len(batch), wide)))
                             if inside else at)  # fmt: skip
            if k in batching:
                parts.append(sh.iota(shape=full, dtype=np.dtype(np.int64),
                                     axis=walked[batching.index(k)]))  # fmt: skip
            elif k in inside and sizes[k] != 1:
                axis = len(batch) + inside.index(k)
                parts.append(sh.iota(shape=full, dtype=np.dtype(np.int64), axis=axis))
            index = parts[0] if parts else np.zeros(full, np.int64)
            for more in parts[1:]:
                index = el.add(index, more)
            self.indices.append(bnp.broadcast_to(bnp.asarray(index), full))
        if self.ok is not None:
            self.ok = bnp.broadcast_to(
                sh.expand_dims(self.ok, axes=tuple(range(len(batch), wide))) if inside
                else self.ok, full)  # fmt: skip
        others = [k for k in offset if k not in self.axes]
        free = [j for j in range(len(batch) + len(offset)) if j not in dims]
        self.order = (*free, *(dims[offset.index(k)] for k in inside),
                      *(dims[offset.index(k)] for k in others))  # fmt: skip
        self.shape = tuple(
            ([*full, *(shape[k] for k in others)])[self.order.index(j)]
            for j in range(len(self.order))
        )
        self.rest = len(others)

    def _starts(self, name: str, shape: tuple[int, ...], rows: Value, mapped: tuple[int, ...],
                sizes: tuple[int, ...], mode: Any) -> tuple[list[Any], Any]:  # fmt: skip
        """Starts as int64, checked, clipped or with a mask of the windows that lie inside."""
        starts, ok = [], None
        for j, k in enumerate(mapped):
            start = rows[..., j].astype(np.int64)
            top = shape[k] - sizes[k]
            if mode is GatherScatterMode.CLIP:
                start = bnp.clip(start, 0, top)
            elif mode is not GatherScatterMode.PROMISE_IN_BOUNDS:
                inside = el.and_(el.ge(start, np.int64(0)), el.le(start, np.int64(top)))
                if mode is None:
                    first = bnp.where(bnp.all(inside), 0, bnp.ravel(start)[
                        bnp.argmin(bnp.ravel(inside))]) if start.size else 0  # fmt: skip
                    check_true(bnp.all(inside), first, error="index", message=(
                        f"{name}: start {{}} of a window of {sizes[k]} is out of bounds for axis "
                        f"{k} with size {shape[k]}"))  # fmt: skip
                ok = inside if ok is None else el.and_(ok, inside)
                start = bnp.clip(start, 0, max(top, 0))
            starts.append(start)
        return starts, ok if mode is GatherScatterMode.FILL_OR_DROP else None


def _fill_of(dtype: np.dtype) -> Any:
    """What a filled element is: nan, the least integer, the largest unsigned one, True."""
    if dtype.kind in "fc":
        return np.nan
    if dtype.kind == "b":
        return True
    return np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max


def gather(
    operand: Any, start_indices: Any, dimension_numbers: GatherDimensionNumbers,
    slice_sizes: Sequence[int], *, unique_indices: bool = False, indices_are_sorted: bool = False,
    mode: Any = None, fill_value: Any = None,
) -> Value:  # fmt: skip
    """Windows of `slice_sizes` of the operand, one for each row of start_indices.

    start_indices: integers (rows…, components). mode: None or "raise" (IndexError for a window
    that is not inside), "clip", "fill" (with fill_value: nan, the least integer), and
    "promise_in_bounds". unique_indices, indices_are_sorted: promises, which need nothing here.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> rows = lax.GatherDimensionNumbers((1,), (0,), (0,))
    >>> print(lax.gather(bnp.arange(6).reshape(3, 2), bnp.array([[2], [0]]), rows, (1, 2)))
    [[4 5]
     [0 1]]
    """
    x = value("gather", "operand", operand)
    rows = value("gather", "start_indices", start_indices)
    d = GatherDimensionNumbers(*dimension_numbers)
    sizes = as_shape("gather", tuple(slice_sizes), "slice_sizes")
    if len(sizes) != x.ndim:
        raise ShapeError(f"gather: slice_sizes {sizes} for an operand of shape {x.shape}")
    windows = _Windows("gather", x.shape, rows, d, sizes, GatherScatterMode.from_any(mode))
    if 0 in windows.shape:
        return bnp.zeros(windows.shape, x.dtype)
    if windows.axes:
        x = ix.gather(x, *windows.indices, axes=windows.axes, mode="promise_in_bounds")
    else:
        x = bnp.broadcast_to(x, (*rows.shape[:-1], *x.shape))
    if windows.ok is not None:
        fill = _fill_of(x.dtype) if fill_value is None else fill_value
        ok = sh.expand_dims(windows.ok, axes=tuple(range(windows.ok.ndim, x.ndim)))
        x = bnp.where(ok, x, bnp.asarray(fill).astype(x.dtype))
    return bnp.transpose(x, sh.inverse(windows.order))


def _scattered(name: str, op: Callable[..., Value], operand: Any, scatter_indices: Any,
               updates: Any, dimension_numbers: Any, mode: Any, unique: bool) -> Value:  # fmt: skip
    x, new = (value(name, "operand", a) for a in promote_args(name, operand, updates))
    rows = value(name, "scatter_indices", scatter_indices)
    d = ScatterDimensionNumbers(*dimension_numbers)
    outside = {*d.inserted_window_dims, *d.operand_batching_dims}
    kept = [k for k in range(x.ndim) if k not in outside]
    if len(kept) != len(d.update_window_dims) or any(j >= new.ndim for j in d.update_window_dims):
        raise ShapeError(f"{name}: updates of shape {new.shape} do not fit {x.shape} with {d}")
    sizes = [1] * x.ndim
    for k, j in zip(kept, d.update_window_dims, strict=True):
        sizes[k] = new.shape[j]
    windows = _Windows(name, x.shape, rows, GatherDimensionNumbers(*d), tuple(sizes),
                       GatherScatterMode.from_any(mode))  # fmt: skip
    if windows.shape != new.shape:
        raise ShapeError(f"{name}: expected updates of shape {windows.shape}, got {new.shape}")
    if 0 in new.shape:
        return x
    new = bnp.transpose(new, windows.order)
    axes, indices = windows.axes, windows.indices
    if not axes:  # every row names all of the operand: a new axis of one element to index
        x, axes = sh.expand_dims(x, axes=(0,)), (0,)
        indices = [bnp.zeros(rows.shape[:-1], np.int64)]
    if windows.ok is not None:
        beyond = np.int64(x.shape[axes[0]])
        indices = [bnp.where(windows.ok, indices[0], beyond), *indices[1:]]
    out = op(x, new, *indices, axes=axes, mode="promise_in_bounds" if windows.ok is None
             else "fill", unique=bool(unique))  # fmt: skip
    return out if windows.axes else sh.squeeze(out, axes=(0,))


def _scatter(name: str, op: Callable[..., Any], summary: str, result: str) -> Callable[..., Value]:
    def function(
        operand: Any, scatter_indices: Any, updates: Any,
        dimension_numbers: ScatterDimensionNumbers, *, indices_are_sorted: bool = False,
        unique_indices: bool = False, mode: Any = None,
    ) -> Value:  # fmt: skip
        return _scattered(name, op, operand, scatter_indices, updates, dimension_numbers, mode,
                          unique_indices)  # fmt: skip

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{summary}, in windows that begin at the rows of scatter_indices.

    mode: None or "raise" (IndexError for a window that is not inside), "clip", "drop" and
    "promise_in_bounds". unique_indices: a promise that no element is named twice;
    indices_are_sorted: a promise that needs nothing here.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> d = lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> print(lax.{name}(bnp.full(3, 2), bnp.array([[1]]), bnp.array([5]), d))
    {result}
    """
    return function


def _subtract(x: Any, updates: Any, *indices: Any, **params: Any) -> Any:
    return ix.scatter_add(x, el.neg(updates), *indices, **params)


scatter = _scatter("scatter", ix.scatter, "The operand with updates put in", "[2 5 2]")
scatter_add = _scatter("scatter_add", ix.scatter_add, "The operand plus updates", "[2 7 2]")
scatter_sub = _scatter("scatter_sub", _subtract, "The operand minus updates", "[ 2 -3  2]")
scatter_mul = _scatter("scatter_mul", ix.scatter_mul, "The operand times updates", "[ 2 10  2]")
scatter_min = _scatter(
    "scatter_min", ix.scatter_min, "The smaller of operand and updates", "[2 2 2]"
)
scatter_max = _scatter(
    "scatter_max", ix.scatter_max, "The larger of operand and updates", "[2 5 2]"
)


def scatter_apply(
    operand: Any, scatter_indices: Any, func: Callable[[Any], Any],
    dimension_numbers: ScatterDimensionNumbers, *, update_shape: Sequence[int] = (),
    indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
) -> Value:  # fmt: skip
    """The operand with an elementwise function applied in windows; see `scatter`.

    update_shape: the shape that updates would have. An element that is named twice is
    replaced once.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> d = lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> x, at = bnp.array([1.0, 4.0, 9.0]), bnp.array([[1]])
    >>> print(lax.scatter_apply(x, at, bnp.sqrt, d, update_shape=(1,)))
    [1. 2. 9.]
    """
    x = value("scatter_apply", "operand", operand)
    touched = _scattered("scatter_apply", ix.scatter, bnp.zeros(x.shape, bool), scatter_indices,
                         bnp.ones(tuple(update_shape), bool), dimension_numbers, mode,
                         unique_indices)  # fmt: skip
    return bnp.where(touched, func(x).astype(x.dtype), x)


def index_take(src: Any, idxs: Any, axes: Sequence[int]) -> Value:
    """The elements at index arrays (axes of idxs first) along axes, which go to the front.

    idxs: a sequence of integer arrays, one for each axis, of one shape.

    >>> from bibun import lax
    >>> import bibun.numpy as bnp
    >>> print(lax.index_take(bnp.arange(6).reshape(2, 3), (bnp.array([2, 0]),), (1,)))
    [[2 5]
     [0 3]]
    """
    x = value("index_take", "src", src)
    places = _ints("index_take", "axes", axes, x.ndim)
    moved = bnp.moveaxis(x, places, tuple(range(len(places))))
    return moved[tuple(value("index_take", "idxs", i) for i in idxs)]
