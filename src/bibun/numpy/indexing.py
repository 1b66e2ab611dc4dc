"""Reading elements: `x[...]`, take, take_along_axis and their kin.

An index is worked out once into a `Plan`: what happens to each axis of x, and where the
axes of the result come from. The plan then reads (here) or writes (`at.py`):

- integers and slices that are known: a `slice` op, reversed and squeezed as needed;
- integer arrays, and integers that are traced: a `gather`, after a `check_index` that
  raises IndexError in eager and compiled code alike;
- boolean masks become integer arrays, so they must be known while tracing.

A concrete Array outside of any transformation goes straight to NumPy.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import default_int
from bibun.errors import ConcretizationError, DTypeError, IndexOutOfBoundsError
from bibun.numpy._common import (
    EVAL,
    Tracer,
    as_int,
    concrete,
    is_staged,
    state,
)
from bibun.ops import elementwise as el
from bibun.ops import shape as sh
from bibun.trace.sites import current_site, describe

__all__ = [
    "index_exp", "s_",
]  # fmt: skip

MODES = (None, "raise", "clip", "fill", "drop", "wrap", "promise_in_bounds")
s_, index_exp = np.s_, np.index_exp


# ---- bounds -----------------------------------------------------------------------------------


def out_of_bounds(index: Any, axis: int, size: int, what: str) -> IndexOutOfBoundsError:
    """The error for an index outside its axis, with the user's line."""
    return IndexOutOfBoundsError(
        f"{what}: index {index} is out of bounds for axis {axis} with size {size}\n"
        f"At {describe(current_site(2))}"
    )


def refuse(index: int, axis: int, size: int, what: str) -> int:
    """A known index is outside its axis: an error at once.

    In a program that is being written the error comes when it runs, because a branch that is
    not taken must not raise; the result is an index to go on with.
    """
    if not is_staged() or size == 0:
        raise out_of_bounds(index, axis, size, what)
    from bibun.ops.check import check_index

    check_index(np.int64(index), axis=axis, size=size, what=f"{what}: index")
    return 0


def widened(index: Any) -> Any:
    """Indices of 32 bits at least, which hold the size of any axis."""
    return index if index.dtype.itemsize >= 4 else index.astype(default_int())


def wrapped(index: Any, size: int) -> Any:
    """Negative indices counted from the end."""
    index = widened(index)
    known = concrete(index)
    if known is not None and not isinstance(index, Tracer):
        if known.dtype.kind == "u" or not (known < 0).any():
            return index
        return np.where(known < 0, known + known.dtype.type(size), known)
    if index.dtype.kind == "u":
        return index
    dtype = index.dtype
    shifted = el.add(index, dtype.type(size))
    return el.select(el.lt(index, dtype.type(0)), index, shifted)


def checked(index: Any, axis: int, size: int, what: str) -> Any:
    """`index` counted from 0, after a check that it is inside its axis.

    Known indices are checked at once; others by a `check_index` in the program.
    """
    known = concrete(index)
    if known is not None:
        bad = (known < -size) | (known >= size)
        if bad.any():
            refuse(int(known[bad].flat[0]), axis, size, what)
            return np.where(bad, known.dtype.type(0), known)
        return wrapped(index if isinstance(index, Tracer) else known, size)
    index = wrapped(index, size)
    from bibun.ops.check import check_index

    check_index(index, axis=axis, size=size, what=f"{what}: index")
    return index


# ---- the plan ---------------------------------------------------------------------------------


class Plan:
    """What an index does to an array of a given shape.

    `entries[k]` is for axis k of x: an int (static), a `slice` (static, as start, count,
    step), or an integer array (NumPy, Array or tracer; 0-d for a traced number). `advanced`
    are the axes read by arrays; their common shape is `array_shape`. `layout` lists the
    result's axes: an axis of x, None for a new axis, or "arrays" for all of `array_shape`.
    """

    __slots__ = ("entries", "advanced", "array_shape", "layout", "shape", "scalars")

    entries: list[Any]
    advanced: tuple[int, ...]
    array_shape: tuple[int, ...]
    layout: list[Any]
    shape: tuple[int, ...]
    scalars: bool  # the arrays are all 0-d: numbers known only at run time


def _slice_entry(part: slice, size: int, axis: int) -> tuple[int, int, int]:
    bounds = []
    for name, bound in (("start", part.start), ("stop", part.stop), ("step", part.step)):
        if bound is not None and isinstance(bound, Tracer) and concrete(bound) is None:
            raise ConcretizationError(
                f"x[start:stop]: the {name} of the slice along axis {axis} is traced, and the "
                f"result would have no static shape.\nAt {describe(current_site(2))}\n"
                "Use bibun.lax.dynamic_slice_in_dim(x, start, size, axis) for a window of "
                "static size at a traced start."
            )
        bounds.append(None if bound is None else as_int("x[...]", name, bound))
    start, stop, step = slice(*bounds).indices(size)
    return start, len(range(start, stop, step)), step


def _mask_indices(mask: Any, what: str) -> tuple[np.ndarray, ...]:
    known = concrete(mask)
    if known is None:
        raise ConcretizationError(
            f"{what}: a boolean mask that is traced gives a result of unknown size.\n"
            f"At {describe(current_site(2))}\n"
            "Use bibun.numpy.where(mask, x, other), or bibun.numpy.nonzero(mask, size=...), "
            "whose size= makes the shape static."
        )
    return np.nonzero(known)


def _one(part: Any) -> Any:
    """An element of the index tuple in normal form: int, slice, None, Ellipsis or array."""
    if part is None or part is Ellipsis or type(part) in (int, slice):
        return part
    if isinstance(part, bool | np.bool_):
        return np.asarray(part)
    if isinstance(part, Value):
        if part.dtype.kind not in "biu":
            raise DTypeError(
                f"x[...]: indices must be integers or booleans, got an array of {part.dtype}; "
                "convert it with .astype(int)"
            )
        if type(part) is Array:
            known = part._value
            return int(known) if known.ndim == 0 and known.dtype.kind != "b" else known
        if part.ndim == 0 and part.dtype.kind != "b":
            known = concrete(part)
            return part if known is None else int(known)
        return part
    if isinstance(part, np.ndarray | list | tuple):
        found = np.asarray(part)
        if found.dtype == object:
            from bibun.numpy.creation import asarray

            return _one(asarray(part))
        if found.size == 0 and isinstance(part, list | tuple):
            found = found.astype(np.intp)
        if found.dtype.kind not in "biu":
            raise DTypeError(f"x[...]: indices must be integers or booleans, got {found.dtype}")
        return found if found.ndim or found.dtype.kind == "b" else int(found)
    if hasattr(type(part), "__bibun_array__"):
        return _one(part.__bibun_array__())
    try:
        return operator.index(part)
    except TypeError:
        raise DTypeError(
            "x[...]: an index must be an integer, a slice, None, ..., or an array of integers "
            f"or booleans, got {type(part).__name__}: {str(part)[:60]!r}"
        ) from None


def plan_index(shape: tuple[int, ...], index: Any, what: str = "x[...]", mode: Any = None) -> Plan:
    """Work out an index. Errors: IndexError out of bounds or for too many indices."""
    raw = index if type(index) is tuple else (index,)
    parts: list[Any] = []  # (part, whether it counts as an array for NumPy's layout rule)
    for p in map(_one, raw):
        if isinstance(p, np.ndarray | Value) and p.dtype.kind == "b":
            if p.ndim == 0:
                raise DTypeError(f"{what}: a single boolean is not an index; use where")
            _check_mask(p, shape, parts, what)
            parts.extend(_mask_indices(p, what))
        else:
            parts.append(p)

    used = sum(p is not None and p is not Ellipsis for p in parts)
    dots = sum(p is Ellipsis for p in parts)
    if dots > 1:
        raise IndexOutOfBoundsError(f"{what}: an index can have only one ...")
    if used > len(shape):
        raise IndexOutOfBoundsError(
            f"{what}: {used} indices for an array of {len(shape)} dimensions, shape {shape}\n"
            f"At {describe(current_site(2))}"
        )
    full = [slice(None)] * (len(shape) - used)
    if dots:
        k = next(i for i, p in enumerate(parts) if p is Ellipsis)
        parts[k : k + 1] = full or [Ellipsis]  # even for no axis it keeps arrays apart
    else:
        parts += full
    return _lay_out(shape, parts, what, mode)


def _check_mask(mask: Any, shape: tuple[int, ...], before: list[Any], what: str) -> None:
    at = sum(p is not None and p is not Ellipsis for p in before)
    if any(p is Ellipsis for p in before):
        return  # its axes are known only when all parts are
    covered = shape[at : at + mask.ndim]
    if covered != mask.shape:
        raise IndexOutOfBoundsError(
            f"{what}: a boolean mask of shape {mask.shape} does not fit axes {at} and after of "
            f"an array of shape {shape}"
        )


def _lay_out(shape: tuple[int, ...], parts: list[Any], what: str, mode: Any) -> Plan:
    arrays = any(isinstance(p, np.ndarray) or (isinstance(p, Value) and p.ndim) for p in parts)
    plan = Plan()
    plan.entries, plan.layout = [], []
    advanced: list[int] = []
    runs, inside = 0, False  # runs of neighbouring array parts decide where their axes go
    for p in parts:
        axis = len(plan.entries)
        if p is None or p is Ellipsis:
            if p is None:
                plan.layout.append(None)
            inside = False
            continue
        if type(p) is slice:
            plan.entries.append(_slice_entry(p, shape[axis], axis))
            plan.layout.append(axis)
            inside = False
            continue
        if type(p) is int and mode in (None, "raise", "promise_in_bounds"):
            if not -shape[axis] <= p < shape[axis]:
                p = refuse(p, axis, shape[axis], what)
            p %= shape[axis]
        if type(p) is int and not arrays and 0 <= p < shape[axis]:
            plan.entries.append(p)
            continue
        plan.entries.append(np.asarray(p) if type(p) is int else p)
        advanced.append(axis)
        if arrays or "arrays" not in plan.layout:
            if not inside:
                runs += 1
                if "arrays" not in plan.layout:
                    plan.layout.append("arrays")
            inside = True
    if runs > 1 and arrays:
        plan.layout.remove("arrays")
        plan.layout.insert(0, "arrays")
    plan.advanced = tuple(advanced)
    try:
        plan.array_shape = np.broadcast_shapes(*(plan.entries[k].shape for k in advanced))
    except ValueError:
        shapes = ", ".join(str(plan.entries[k].shape) for k in advanced)
        raise IndexOutOfBoundsError(
            f"{what}: index arrays of shapes {shapes} cannot be broadcast together"
        ) from None
    plan.scalars = bool(advanced) and not arrays
    out: list[int] = []
    for axis in plan.layout:
        if axis == "arrays":
            out.extend(plan.array_shape)
        else:
            out.append(1 if axis is None else plan.entries[axis][1])
    plan.shape = tuple(out)
    return plan


def bounded(plan: Plan, shape: tuple[int, ...], mode: Any, what: str) -> list[Any]:
    """The index arrays, checked or wrapped as `mode` says, broadcast to one shape."""
    out = []
    for k in plan.advanced:
        i = plan.entries[k]
        if mode in (None, "raise"):
            i = checked(i, k, shape[k], what)
        elif mode == "wrap":
            from bibun.numpy.arithmetic import remainder

            i = remainder(widened(i), shape[k])
        else:
            i = wrapped(i, shape[k])
        if i.shape != plan.array_shape:
            i = sh.broadcast_to(i, shape=plan.array_shape)
        out.append(i)
    return out


GATHER_MODE = {
    None: "clip", "raise": "clip", "wrap": "clip", "clip": "clip", "fill": "fill", "drop": "fill",
    "promise_in_bounds": "promise_in_bounds",
}  # fmt: skip


def read(x: Any, plan: Plan, mode: Any = None, fill_value: Any = None, what: str = "x[...]") -> Any:
    """Carry the plan out on an array."""
    x = _read_basic(x, plan)
    kept = [k for k, e in enumerate(plan.entries) if type(e) is not int]
    if plan.advanced:
        full_shape = {k: x.shape[i] for i, k in enumerate(kept)}
        shape = tuple(full_shape.get(k, 1) for k in range(len(plan.entries)))
        indices = bounded(plan, shape, mode, what)
        axes = tuple(kept.index(k) for k in plan.advanced)
        from bibun.ops.index import gather

        source = x
        x = gather(source, *indices, axes=axes, mode=GATHER_MODE[mode])
        if mode == "fill" and fill_value is not None:
            x = _refill(x, indices, [source.shape[a] for a in axes], fill_value)
        rest = [k for k in kept if k not in plan.advanced]
        x = _place_arrays(x, plan, rest)
    new = tuple(_new_axes(plan))
    return sh.expand_dims(x, axes=new) if new else x


def _read_basic(x: Any, plan: Plan) -> Any:
    starts, limits, strides, flips, drops = [], [], [], [], []
    for k, (entry, n) in enumerate(zip(plan.entries, x.shape, strict=True)):
        if type(entry) is int:
            starts.append(entry)
            limits.append(entry + 1)
            strides.append(1)
            drops.append(k)
        elif type(entry) is tuple:
            first, count, step = entry
            if count == 0:
                first, step = 0, 1
            elif step < 0:
                first, step = first + (count - 1) * step, -step
                flips.append(k)
            starts.append(first)
            limits.append(first + (count - 1) * step + 1 if count else 0)
            strides.append(step)
        else:
            starts.append(0)
            limits.append(n)
            strides.append(1)
    if any(starts) or tuple(limits) != x.shape or any(s != 1 for s in strides):
        plain = all(s == 1 for s in strides)
        x = sh.slice(x, starts=tuple(starts), limits=tuple(limits),
                     strides=None if plain else tuple(strides))  # fmt: skip
    if flips:
        x = sh.rev(x, axes=tuple(flips))
    return sh.squeeze(x, axes=tuple(drops)) if drops else x


def _refill(x: Any, indices: list[Any], sizes: list[int], fill_value: Any) -> Any:
    from bibun.numpy.elementwise import where

    inside: Any = None
    for i, n in zip(indices, sizes, strict=True):
        ok = el.and_(el.ge(i, i.dtype.type(0)), el.lt(i, i.dtype.type(n)))
        inside = ok if inside is None else el.and_(inside, ok)
    tail = tuple(range(len(inside.shape), len(x.shape)))
    return where(sh.expand_dims(inside, axes=tail) if tail else inside, x, fill_value)


def _place_arrays(x: Any, plan: Plan, rest: list[int]) -> Any:
    """Gather puts the arrays' axes first; NumPy's rule may want them further on."""
    before = 0
    for axis in plan.layout:
        if axis == "arrays":
            break
        before += axis is not None
    width = len(plan.array_shape)
    if before == 0 or width == 0:
        return x
    order = [
        *range(width, width + before), *range(width), *range(width + before, width + len(rest))
    ]  # fmt: skip
    return sh.transpose(x, permutation=tuple(order))


def _new_axes(plan: Plan) -> list[int]:
    out, at = [], 0
    for axis in plan.layout:
        if axis is None:
            out.append(at)
        at += len(plan.array_shape) if axis == "arrays" else 1
    return out


# ---- x[...] -----------------------------------------------------------------------------------


def _plain(index: Any) -> Any:
    """The index for NumPy: Arrays unwrapped; raises _NotPlain for tracers."""
    kind = type(index)
    if kind is Array:
        known = index._value
        if known.dtype.kind not in "biu":
            raise _NotPlain
        return known
    if kind is tuple:
        return tuple(_plain(i) for i in index)
    if kind is int or index is None or index is Ellipsis:
        return index
    if kind is slice:
        for bound in (index.start, index.stop, index.step):
            if bound is not None and type(bound) is not int:
                raise _NotPlain
        return index
    if kind is np.ndarray and index.dtype.kind in "biu":
        return index
    raise _NotPlain


class _NotPlain(Exception):
    pass


def getitem(x: Value, index: Any) -> Any:
    """`x[index]`, with NumPy's rules. Errors: IndexError with index, axis, size and line."""
    if type(x) is Array and state.trace is EVAL:
        try:
            out = x._value[_plain(index)]
        except _NotPlain:
            pass
        except IndexError:
            plan_index(x.shape, index)
            read(x, plan_index(x.shape, index))
            raise
        else:
            return Array(out if type(out) is np.ndarray else np.asarray(out), x._weak)
    return read(x, plan_index(x.shape, index))


def setitem(x: Value, index: Any, new: Any) -> None:
    """Refuses `x[index] = new`: arrays are immutable."""
    raise TypeError(
        "arrays are immutable: x[index] = value is not possible.\n"
        f"At {describe(current_site(2))}\n"
        "Use x = x.at[index].set(value) (also .add, .multiply, .min, .max, .apply)."
    )
