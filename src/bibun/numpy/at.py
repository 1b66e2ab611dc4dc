"""`x.at[index].set(value)` and its kin: copies of an array with some elements changed.

Under jit the copy disappears: the compiler writes into the old buffer where that is dead.
Three ways, cheapest first. A box (integers, also traced ones, and slices without gaps) is
one `dynamic_update_slice`. A boolean mask with a value that broadcasts is a `where`, so the
mask may be traced. Everything else is a scatter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import default_int
from bibun.errors import DTypeError, IndexOutOfBoundsError, ShapeError
from bibun.numpy._common import EVAL, cast, dtype_of, state, value
from bibun.numpy.creation import arange
from bibun.numpy.elementwise import where
from bibun.numpy.indexing import (
    GATHER_MODE,
    MODES,
    Plan,
    _new_axes,
    _NotPlain,
    _plain,
    bounded,
    plan_index,
    read,
)
from bibun.numpy.shape import broadcast_to
from bibun.ops import elementwise as el
from bibun.ops import index as ix
from bibun.ops import shape as sh

__all__ = ["At", "AtIndex"]

# name -> (how an old and a new element combine, scatter op, NumPy's in-place form)
_UPDATES: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "set": (lambda old, new: new, ix.scatter, None),
    "add": (el.add, ix.scatter_add, np.add),
    "multiply": (el.mul, ix.scatter_mul, np.multiply),
    "min": (el.min, ix.scatter_min, np.minimum),
    "max": (el.max, ix.scatter_max, np.maximum),
}
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3, "V": 4}


class At:
    """`x.at`: waits for an index.

    >>> import bibun.numpy as bnp
    >>> print(bnp.zeros(2).at[0].add(1.0))
    [1. 0.]
    """

    __slots__ = ("_array",)

    def __init__(self, array: Value) -> None:
        self._array = array

    def __getitem__(self, index: Any) -> AtIndex:
        return AtIndex(self._array, index)

    def __repr__(self) -> str:
        return f"At({self._array!r})"


class AtIndex:
    """`x.at[index]`: waits for what to do there.

    Each method returns a new array. `mode` says what happens out of bounds: None or "raise"
    (the default: IndexError), "drop" or "fill" (nothing there is written), "clip" (the
    nearest element), "promise_in_bounds". `unique_indices=True` promises that no element is
    named twice.

    >>> import bibun.numpy as bnp
    >>> print(bnp.zeros(3).at[1].set(5.0))
    [0. 5. 0.]
    """

    __slots__ = ("_array", "_index")

    def __init__(self, array: Value, index: Any) -> None:
        self._array = array
        self._index = index

    def __repr__(self) -> str:
        return f"AtIndex({self._array!r}, {self._index!r})"

    def _update(self, how: str, values: Any, mode: Any, unique: bool) -> Value:
        if mode not in MODES or mode == "wrap":
            raise ValueError(
                f"x.at[...].{how}: mode must be 'raise', 'drop', 'fill', 'clip' or "
                f"'promise_in_bounds', got {mode!r}"
            )
        return update(self._array, self._index, values, how, mode, unique)

    def set(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False,
            mode: Any = None) -> Value:  # fmt: skip
        """Replace. Where an element is named twice, the last value stays.

        >>> import bibun.numpy as bnp
        >>> print(bnp.zeros(3).at[1:].set(bnp.array([1.0, 2.0])))
        [0. 1. 2.]
        """
        return self._update("set", values, mode, unique_indices)

    def add(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False,
            mode: Any = None) -> Value:  # fmt: skip
        """Add; an element that is named twice gets both.

        >>> import bibun.numpy as bnp
        >>> print(bnp.zeros(3).at[bnp.array([0, 0, 2])].add(1.0))
        [2. 0. 1.]
        """
        return self._update("add", values, mode, unique_indices)

    def subtract(self, values: Any, *, indices_are_sorted: bool = False,
                 unique_indices: bool = False, mode: Any = None) -> Value:  # fmt: skip
        """Subtract.

        >>> import bibun.numpy as bnp
        >>> print(bnp.zeros(2).at[0].subtract(1.0))
        [-1.  0.]
        """
        values = value("x.at[...].subtract", "values", values)
        return self._update("add", el.neg(values), mode, unique_indices)

    sub = subtract

    def multiply(self, values: Any, *, indices_are_sorted: bool = False,
                 unique_indices: bool = False, mode: Any = None) -> Value:  # fmt: skip
        """Multiply.

        >>> import bibun.numpy as bnp
        >>> print(bnp.ones(2).at[0].multiply(3.0))
        [3. 1.]
        """
        return self._update("multiply", values, mode, unique_indices)

    mul = multiply

    def divide(self, values: Any, *, indices_are_sorted: bool = False,
               unique_indices: bool = False, mode: Any = None) -> Value:  # fmt: skip
        """Divide; a float array only.

        >>> import bibun.numpy as bnp
        >>> print(bnp.ones(2).at[0].divide(2.0))
        [0.5 1. ]
        """
        from bibun.numpy.creation import ones_like

        if self._array.dtype.kind not in "fc":
            raise DTypeError(f"x.at[...].divide: x must be a float array, not {self._array.dtype}")
        factor = update(ones_like(self._array), self._index, values, "multiply", mode,
                        unique_indices)  # fmt: skip
        return el.div(self._array, factor)

    def power(self, values: Any, *, indices_are_sorted: bool = False,
              unique_indices: bool = False, mode: Any = None) -> Value:  # fmt: skip
        """Raise to a power.

        >>> import bibun.numpy as bnp
        >>> print(bnp.array([2.0, 3.0]).at[1].power(2.0))
        [2. 9.]
        """
        from bibun.numpy.arithmetic import power
        from bibun.numpy.creation import ones_like

        exponent = update(ones_like(self._array), self._index, values, "multiply", mode,
                          unique_indices)  # fmt: skip
        return power(self._array, exponent)

    def min(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False,
            mode: Any = None) -> Value:  # fmt: skip
        """The smaller of old and new.

        >>> import bibun.numpy as bnp
        >>> print(bnp.ones(2).at[0].min(-1.0))
        [-1.  1.]
        """
        return self._update("min", values, mode, unique_indices)

    def max(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False,
            mode: Any = None) -> Value:  # fmt: skip
        """The larger of old and new.

        >>> import bibun.numpy as bnp
        >>> print(bnp.ones(2).at[0].max(4.0))
        [4. 1.]
        """
        return self._update("max", values, mode, unique_indices)

    def apply(self, func: Callable[[Any], Any], *, indices_are_sorted: bool = False,
              unique_indices: bool = False, mode: Any = None) -> Value:  # fmt: skip
        """Replace the elements by a function of them.

        >>> import bibun.numpy as bnp
        >>> print(bnp.ones(2).at[0].apply(bnp.negative))
        [-1.  1.]
        """
        read_mode = "clip" if mode in ("drop", "fill") else mode
        old = self.get(mode=read_mode)
        return self._update("set", func(old), mode, unique_indices)

    def get(self, *, indices_are_sorted: bool = False, unique_indices: bool = False,
            mode: Any = None, fill_value: Any = None) -> Value:  # fmt: skip
        """Read, with a mode: "fill" gives `fill_value` (nan by default) out of bounds.

        >>> import bibun.numpy as bnp
        >>> print(bnp.ones(2).at[bnp.array([0, 7])].get(mode="fill", fill_value=0.0))
        [1. 0.]
        """
        if mode not in MODES:
            raise ValueError(f"x.at[...].get: unknown mode {mode!r}")
        plan = plan_index(self._array.shape, self._index, "x.at[...].get", mode)
        return read(self._array, plan, mode, fill_value, "x.at[...].get")


# ---- the three ways ---------------------------------------------------------------------------


def update(x: Value, index: Any, values: Any, how: str, mode: Any, unique: bool) -> Value:
    """x with `values` written, or combined by `how`, at an index."""
    what = f"x.at[...].{how}"
    values = value(what, "values", values)
    if _RANK[dtype_of(values).kind] > _RANK[x.dtype.kind] and not values.weak:
        raise DTypeError(
            f"{what}: values of dtype {values.dtype} do not fit into an array of {x.dtype}; "
            "convert one of them with .astype(...)"
        )
    if values.weak and values.dtype.kind in "fc" and x.dtype.kind in "biu":
        raise DTypeError(
            f"{what}: a {values.dtype.kind == 'c' and 'complex' or 'float'} does not fit into an "
            f"array of {x.dtype}; convert the array with .astype(float)"
        )
    values = cast(values, x.dtype)

    if type(x) is Array and type(values) is Array and mode is None and state.trace is EVAL:
        done = _eager(x, index, values, how)
        if done is not None:
            return done
    mask = _whole_mask(x, index, values)
    if mask is not None:
        return where(mask, _UPDATES[how][0](x, values), x)
    plan = plan_index(x.shape, index, what, mode)
    if _is_box(plan, mode):
        return _write_box(x, plan, values, how, mode, what)
    return _scatter(x, plan, values, how, mode, unique, what)


def _eager(x: Array, index: Any, values: Array, how: str) -> Array | None:
    """NumPy itself, on a copy; None where it does not take the index."""
    if x.dtype.kind == "c" and how in ("min", "max"):
        return None  # NumPy has an order for them; the op refuses
    try:
        plain = _plain(index)
    except _NotPlain:
        return None
    out = x._value.copy()
    ufunc = _UPDATES[how][2]
    try:
        if ufunc is None:
            out[plain] = values._value
        else:
            new = values._value
            if out.ndim == 1 and new.ndim:
                # NumPy's (2.4) fast way reads beyond the end of values that it should broadcast
                new = np.broadcast_to(new, out[plain].shape)
            ufunc.at(out, plain, new)
    except (IndexError, ValueError):
        return None  # the general way has the better message
    return Array(out, x._weak)


def _whole_mask(x: Value, index: Any, values: Value) -> Any:
    """The mask, broadcastable to x, if the index is one and the value broadcasts too."""
    if type(index) is tuple:
        if len(index) != 1:
            return None
        (index,) = index
    if not isinstance(index, Value | np.ndarray) or index.dtype.kind != "b":
        return None
    rest = x.ndim - index.ndim
    if index.ndim == 0 or rest < 0 or x.shape[: index.ndim] != index.shape:
        return None
    if values.ndim > rest:
        return None
    return sh.expand_dims(index, axes=tuple(range(index.ndim, x.ndim))) if rest else index


def _is_box(plan: Plan, mode: Any) -> bool:
    if plan.advanced and (not plan.scalars or mode in ("drop", "fill")):
        return False
    return all(type(e) is not tuple or abs(e[2]) == 1 or e[1] < 2 for e in plan.entries)


def _fitted(values: Value, plan: Plan, what: str) -> Value:
    """Values broadcast to the shape of x[index]."""
    shape = values.shape
    while len(shape) > len(plan.shape) and shape[0] == 1:  # NumPy allows leading unit axes
        shape = shape[1:]
    if shape != values.shape:
        values = sh.reshape(values, shape=shape)
    try:
        return broadcast_to(values, plan.shape)
    except ShapeError:
        raise ShapeError(
            f"{what}: values of shape {values.shape} do not broadcast to the shape {plan.shape} "
            "of the indexed elements"
        ) from None


def _write_box(x: Value, plan: Plan, values: Value, how: str, mode: Any, what: str) -> Value:
    if 0 in plan.shape:
        return x
    dynamic = dict(zip(plan.advanced, bounded(plan, x.shape, mode, what), strict=True))
    starts: list[Any] = []
    sizes, flips = [], []
    for k, entry in enumerate(plan.entries):
        if k in dynamic:
            starts.append(dynamic[k])
            sizes.append(1)
        elif type(entry) is int:
            starts.append(np.int64(entry))
            sizes.append(1)
        else:
            first, count, step = entry
            if step < 0 and count > 1:
                first += (count - 1) * step
                flips.append(k)
            starts.append(np.int64(first))
            sizes.append(count)
    box = tuple(sizes)
    new = _fitted(values, plan, what)
    if new.shape != box:
        new = sh.reshape(new, shape=box)  # they differ by unit axes only
    if flips:
        new = sh.rev(new, axes=tuple(flips))
    if how != "set":
        old = ix.dynamic_slice(x, *starts, sizes=box)
        new = _UPDATES[how][0](old, new)
    return ix.dynamic_update_slice(x, new, *starts)


def _scatter(x: Value, plan: Plan, values: Value, how: str, mode: Any, unique: bool,
             what: str) -> Value:  # fmt: skip
    arrays = dict(zip(plan.advanced, bounded(plan, x.shape, mode, what), strict=True))
    whole = {
        k for k, e in enumerate(plan.entries) if type(e) is tuple and e == (0, x.shape[k], 1)
    }
    # S, the axes of the scatter: arrays and partial slices, in the order of the result.
    lead = [a for a in plan.layout if a is not None and a not in whole]
    width = {a: len(plan.array_shape) if a == "arrays" else 1 for a in lead}
    s: list[int] = []
    place: dict[Any, int] = {}
    for a in lead:
        place[a] = len(s)
        s.extend(plan.array_shape if a == "arrays" else [plan.entries[a][1]])
    shape = tuple(s)

    indices, axes = [], []
    for k, entry in enumerate(plan.entries):
        if k in whole:
            continue
        axes.append(k)
        if k in arrays:
            at, inner = place["arrays"], arrays[k]
        elif type(entry) is int:
            at, inner = 0, np.asarray(entry, dtype=default_int())
        else:
            first, count, step = entry
            at, inner = place[k], arange(first, first + count * step, step)
        target = [1] * len(shape)
        target[at : at + inner.ndim] = inner.shape
        if tuple(target) != inner.shape:
            inner = sh.reshape(inner, shape=tuple(target))
        indices.append(sh.broadcast_to(inner, shape=shape))

    new = _fitted(values, plan, what)
    dropped = tuple(_new_axes(plan))
    if dropped:
        new = sh.squeeze(new, axes=dropped)
    at, front, back = 0, [], []
    for a in plan.layout:
        if a is None:
            continue
        n = width.get(a, 1)
        (back if a in whole else front).extend(range(at, at + n))
        at += n
    if front + back != list(range(at)):
        new = sh.transpose(new, permutation=(*front, *back))
    if not indices:
        raise IndexOutOfBoundsError(f"{what}: empty index")
    return _UPDATES[how][1](
        x, new, *indices, axes=tuple(axes), mode=GATHER_MODE[mode],
        unique=unique or not plan.advanced or plan.scalars,
    )  # fmt: skip
