"""What every room of `bibun.numpy` shares: reading arguments, promotion, axes.

Arguments arrive as Arrays, tracers, NumPy arrays and scalars, or Python scalars. Ops want
operands of one dtype, with Python scalars left as they are where that keeps them weak. The
common case, Arrays of one dtype, must cost next to nothing: it is tested for first, and by
identity of the dtype objects.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import canonical, default_float, default_int, promote, scalar_dtype
from bibun.errors import DTypeError, ShapeError
from bibun.ops import elementwise as el
from bibun.trace.core import (
    EVAL,
    Tracer,
    as_value,
    concrete,
    need_concrete,
    plain,
    state,
    type_of,
)
from bibun.trace.stage import StageTrace

SCALARS = (bool, int, float, complex)
OPERANDS = (Value, np.ndarray, np.generic, bool, int, float, complex)


def is_eager() -> bool:
    """No transformation is running: values may be computed with NumPy directly."""
    return state.trace is EVAL


class _Lists(threading.local):
    """Whether lists of numbers count as arrays: in functions called by NumPy's names they do."""

    allowed = False


lists = _Lists()


def arraylike(name: str, arg: str, x: Any) -> Any:
    """`x` if it is an array or a number. Errors: TypeError naming function and argument."""
    if isinstance(x, Value) or type(x) in SCALARS:
        return x
    if isinstance(x, np.ndarray | np.generic):
        if type(x) is not np.ndarray and isinstance(x, np.ndarray):
            x = np.asarray(plain(x))
        return x if canonical(x.dtype) == x.dtype else as_value(x)
    for kind in SCALARS:  # subclasses of the numbers, an IntEnum say
        if isinstance(x, kind):
            return kind(x)
    convert = getattr(type(x), "__bibun_array__", None)
    if convert is not None:
        return convert(x)
    if lists.allowed and isinstance(x, list | tuple):
        from bibun.numpy.creation import array

        return array(x)
    hint = (
        "; make it an array first, with bibun.numpy.array(...)"
        if isinstance(x, list | tuple)
        else ""
    )
    raise TypeError(
        f"{name}: argument {arg} must be an array or a number, "
        f"got {type(x).__name__}: {str(x)[:60]!r}{hint}"
    )


def value(name: str, arg: str, x: Any) -> Value:
    """`x` as an Array or tracer; Python scalars become weak arrays."""
    if isinstance(x, Value):
        return x
    x = arraylike(name, arg, x)
    if type(x) is not np.ndarray and not isinstance(x, Value) and is_staged():
        from bibun.ops.shape import broadcast_to

        return broadcast_to(x, shape=())  # a literal of the program, not a captured array
    return as_value(x)


def is_staged() -> bool:
    """Some transformation that is running writes a program."""
    trace: Any = state.trace
    while trace is not None:
        if type(trace) is StageTrace:
            return True
        trace = trace.parent
    return False


def cast(x: Any, dtype: np.dtype, weak: bool = False) -> Any:
    """`x` (an array or a number) in `dtype`; weak Python scalars stay Python scalars."""
    if type(x) in SCALARS:
        if weak:
            if is_eager():
                return Array(np.asarray(x, dtype=dtype), True)
            return _PYTHON[dtype.kind](x)
        return dtype.type(x)
    if x.dtype == dtype:
        return x
    if isinstance(x, Value):
        return converted(x, dtype, weak)
    return x.astype(dtype)


def converted(x: Value, dtype: np.dtype, weak: bool = False) -> Value:
    """`x` in `dtype`, strong unless `weak`."""
    out = el.convert(x, new_dtype=dtype, weak=True) if weak else el.convert(x, new_dtype=dtype)
    # Eager ops are weak where all their operands are; a conversion is what ends that.
    return Array(out._value) if type(out) is Array and out.weak and not weak else out


_PYTHON: dict[str, type] = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


def promote_args(name: str, *args: Any) -> list[Any]:
    """The operands in their common dtype."""
    first = args[0]
    if isinstance(first, Value):
        dtype = first.dtype
        for a in args:
            if not isinstance(a, Value) or a.dtype is not dtype:
                break
        else:
            return list(args)
    return _promote(name, args, False)


def promote_inexact(name: str, *args: Any) -> list[Any]:
    """The operands in their common floating or complex dtype; integers become floats."""
    first = args[0]
    if isinstance(first, Value):
        dtype = first.dtype
        if dtype.kind in "fc":
            for a in args:
                if not isinstance(a, Value) or a.dtype is not dtype:
                    break
            else:
                return list(args)
    return _promote(name, args, True)


def _promote(name: str, args: Sequence[Any], inexact: bool) -> list[Any]:
    args = [arraylike(name, f"{i + 1} of {len(args)}", a) for i, a in enumerate(args)]
    types = [type_of(a) for a in args]
    try:
        dtype, weak = promote([(t.dtype, t.weak) for t in types])
    except (DTypeError, KeyError):
        given = ", ".join(str(t.dtype) for t in types)
        raise DTypeError(f"{name}: no common dtype for operands of dtypes {given}") from None
    if inexact and dtype.kind not in "fc":
        if dtype.kind not in "biu":
            raise DTypeError(f"{name}: expected numbers, got dtype {dtype}")
        dtype = default_float()
    return [cast(a, dtype, weak) for a in args]


def dtype_of(x: Any) -> np.dtype:
    """The dtype of an array or a number."""
    return type_of(x).dtype


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array or a number."""
    return x.shape if isinstance(x, Value | np.ndarray) else ()


def as_int(name: str, arg: str, x: Any) -> int:
    """A static integer argument. Errors: TypeError for the rest, tracers with the line."""
    if isinstance(x, Tracer):
        return int(need_concrete(x, f"{name}: argument {arg}"))
    try:
        return operator.index(x)
    except TypeError:
        raise TypeError(f"{name}: argument {arg} must be an integer, got {x!r}") from None


def as_shape(name: str, shape: Any, arg: str = "shape") -> tuple[int, ...]:
    """A static shape from an integer or a sequence of integers."""
    if isinstance(shape, int | np.integer) or (isinstance(shape, Value) and shape.ndim == 0):
        dims = (as_int(name, arg, shape),)
    else:
        if isinstance(shape, Value):
            shape = need_concrete(shape, f"{name}: argument {arg}")
        if not isinstance(shape, Iterable):
            raise TypeError(
                f"{name}: {arg} must be an integer or a sequence of integers, got "
                f"{type(shape).__name__}: {shape!r}"
            )
        dims = tuple(as_int(name, arg, n) for n in shape)
    for n in dims:
        if n < 0:
            raise ShapeError(f"{name}: {arg} {dims} has a negative size")
    return dims


def axis_index(name: str, axis: Any, ndim: int) -> int:
    """One axis as a number from 0. Errors: ValueError if it is out of range."""
    k = as_int(name, "axis", axis)
    if not -ndim <= k < ndim:
        raise ShapeError(f"{name}: axis {k} is out of range for an array of {ndim} dimensions")
    return k % ndim


def axes_tuple(name: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as ascending numbers; None means all. Errors: ValueError for repeated axes."""
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, tuple | list):
        return (axis_index(name, axis, ndim),)
    axes = sorted(axis_index(name, k, ndim) for k in axis)
    if len(set(axes)) != len(axes):
        raise ShapeError(f"{name}: axis {tuple(axis)} names an axis twice")
    return tuple(axes)


def no_out(name: str, out: Any) -> None:
    """Arrays are immutable: `out=` is refused."""
    if out is not None:
        raise TypeError(
            f"{name}: out= is not supported, because arrays are immutable; use the result"
        )


def one_of(name: str, arg: str, given: Any, known: tuple[Any, ...]) -> None:
    """`given` is among the known values. Errors: ValueError that lists them."""
    if given not in known:
        raise ValueError(
            f"{name}: {arg} must be one of {', '.join(map(repr, known))}, got {given!r}"
        )


def check_device(name: str, device: Any) -> None:
    """There is one device, "cpu". Errors: ValueError for any other."""
    if device is not None and str(device).lower().removesuffix(":0") != "cpu":
        raise ValueError(f"{name}: there is one device, 'cpu', got {device!r}")


def index_dtype() -> np.dtype:
    """The dtype of computed indices: the default integer."""
    return default_int()


def public(name: str, module: str, doc: str) -> Callable[[Any], Any]:
    """Name and document a function made by a table."""

    def apply(f: Any) -> Any:
        f.__name__ = f.__qualname__ = name
        f.__module__ = module
        f.__doc__ = doc
        return f

    return apply


def full_value(fill: Any, shape: tuple[int, ...], dtype: np.dtype) -> Value:
    """An array of one value: in memory when eager, a broadcast literal when traced."""
    if is_eager() and not isinstance(fill, Tracer):
        known = fill if type(fill) is int else concrete(fill)  # NumPy refuses what does not fit
        if type(fill) is not int and dtype.kind in "iu" and known.dtype.kind in "fc":
            known = known.astype(dtype)
        return Array(np.full(shape, known, dtype=dtype))
    from bibun.ops import shape as sh

    scalar = cast(fill, dtype)
    return sh.broadcast_to(scalar, shape=shape)


__all__ = [
    "EVAL", "OPERANDS", "SCALARS", "Array", "Tracer", "Value", "arraylike", "as_int",
    "as_shape", "as_value", "axes_tuple", "axis_index", "cast", "check_device", "concrete",
    "converted", "dtype_of", "full_value", "index_dtype", "is_eager", "is_staged", "lists",
    "need_concrete", "no_out", "one_of", "promote_args", "promote_inexact", "public",
    "scalar_dtype", "shape_of", "state", "type_of", "value",
]  # fmt: skip
