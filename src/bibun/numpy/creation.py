"""Making arrays: from data, filled, counted, spaced.

Under a trace nothing is put in memory: fills are broadcast literals and ranges are `iota`,
so that they fuse into what uses them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.dtypes import canonical, default_float, default_int
from bibun.errors import DTypeError, ShapeError
from bibun.numpy._common import (
    SCALARS,
    arraylike,
    as_int,
    as_shape,
    as_value,
    axis_index,
    check_device,
    full_value,
    is_eager,
    need_concrete,
    one_of,
    promote_inexact,
    value,
)
from bibun.numpy.elementwise import astype, less_equal, subtract
from bibun.numpy.shape import broadcast_to, expand_dims, moveaxis, reshape
from bibun.ops import elementwise as el
from bibun.ops import shape as sh
from bibun.trace.core import plain, shared

__all__ = [
    "arange", "array", "asarray", "ascontiguousarray", "copy", "empty", "empty_like", "eye",
    "from_dlpack", "frombuffer", "fromiter", "full", "full_like", "geomspace", "identity",
    "linspace", "logspace", "ones", "ones_like", "tri", "vander", "zeros", "zeros_like",
]  # fmt: skip


def _holds_values(obj: Any) -> bool:
    """Whether nested lists hold a tracer or array, which NumPy cannot be given."""
    if isinstance(obj, list | tuple):
        return any(_holds_values(o) for o in obj)
    return isinstance(obj, Value) or hasattr(type(obj), "__bibun_array__")


def _from_object(name: str, obj: Any, dtype: Any, copy: bool | None) -> Value:
    new = None if dtype is None else canonical(dtype)
    if isinstance(obj, Value):
        if copy and type(obj) is Array:
            obj = Array(obj._value.copy(), obj.weak)
        return obj if new is None else astype(obj, new)
    if type(obj) in SCALARS:
        if new is None:
            return as_value(obj)
        if new.kind in "iu" and isinstance(obj, float | complex):
            return Array(np.asarray(obj).astype(new))
        return Array(np.asarray(obj, dtype=new))
    if isinstance(obj, list | tuple) and _holds_values(obj):
        from bibun.numpy.joining import stack

        items = [_from_object(name, o, None, False) for o in obj]
        shapes = {x.shape for x in items}
        if len(shapes) > 1:
            raise ShapeError(f"{name}: nested sequences have different shapes: {sorted(shapes)}")
        out = stack(items)
        return out if new is None else astype(out, new)
    if hasattr(type(obj), "__bibun_array__"):
        return _from_object(name, obj.__bibun_array__(), dtype, copy)
    if obj is None:
        raise TypeError(f"{name}: expected an array or a number, got None")
    try:
        data = shared(np.asarray(plain(obj)), obj)
    except ValueError as error:
        raise ShapeError(f"{name}: {error}") from None
    if data.dtype.kind in "OUSMm" or (data.dtype.kind == "V" and data.dtype.names is None):
        raise DTypeError(
            f"{name}: expected numbers, got {type(obj).__name__} of dtype {data.dtype}: "
            f"{str(obj)[:60]!r}"
        )
    made_here = not isinstance(obj, np.ndarray | np.generic) and data.base is None
    target = canonical(data.dtype) if new is None else new
    if data.dtype != target:
        if copy is False and isinstance(obj, np.ndarray):
            raise ValueError(f"{name}: dtype {data.dtype} becomes {target}, which needs a copy")
        if data.dtype.kind == "c" and target.kind in "iuf":
            data = data.real
        return Array(data.astype(target))
    if copy and not made_here:
        data = data.copy()
    if type(data) is not np.ndarray:
        data = np.asarray(data)
    return Array(data)


_ORDERS = (None, "K", "A", "C", "F")


def array(object: Any, dtype: Any = None, copy: bool = True, order: str = "K",
          ndmin: int = 0, *, device: Any = None) -> Value:  # fmt: skip
    """An array of a copy of the data: numbers, nested lists, NumPy arrays, or tracers.

    Floats are float64 and integers int64 unless `dtype` says otherwise. `order`, how NumPy lays
    elements out in memory, changes no value; the compiler lays them out as it needs them.
    Errors: ShapeError for ragged lists, DTypeError for what are not numbers.

    >>> import bibun.numpy as bnp
    >>> bnp.array([1, 2.5])
    Array([1. , 2.5], dtype=float64)
    """
    check_device("array", device)
    one_of("array", "order", order, _ORDERS)
    out = _from_object("array", object, dtype, bool(copy))
    if out.ndim < ndmin:
        out = expand_dims(out, tuple(range(ndmin - out.ndim)))
    return out


def asarray(a: Any, dtype: Any = None, order: str | None = None, *,
            device: Any = None, copy: bool | None = None) -> Value:  # fmt: skip
    """The data as an array, sharing NumPy's memory where the dtype fits.

    The memory must then not be written to while the array lives; `array` copies.

    >>> import bibun.numpy as bnp
    >>> import numpy as np
    >>> x = np.zeros(2)
    >>> np.shares_memory(x, np.asarray(bnp.asarray(x)))
    True
    """
    check_device("asarray", device)
    one_of("asarray", "order", order, _ORDERS)
    return _from_object("asarray", a, dtype, copy)


def ascontiguousarray(a: Any, dtype: Any = None) -> Value:
    """`asarray` with row-major memory and at least one axis.

    >>> import bibun.numpy as bnp
    >>> bnp.ascontiguousarray(1.0).shape
    (1,)
    """
    out = _from_object("ascontiguousarray", a, dtype, None)
    if type(out) is Array:
        return Array(np.ascontiguousarray(out._value), out.weak)
    return reshape(out, (1,)) if out.ndim == 0 else out


def copy(a: Any, order: str = "K") -> Value:
    """A copy; needed only where memory is shared with NumPy, since arrays do not change.

    >>> import bibun.numpy as bnp
    >>> print(bnp.copy(bnp.array([1, 2])))
    [1 2]
    """
    return array(a, order=order)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Value:
    """An array from any object with `__dlpack__`, sharing its memory if it can.

    >>> import bibun.numpy as bnp, numpy as np
    >>> print(bnp.from_dlpack(np.array([1.0, 2.0])))
    [1. 2.]
    """
    check_device("from_dlpack", device)
    return asarray(np.from_dlpack(x), copy=copy)


def frombuffer(buffer: Any, dtype: Any = float, count: int = -1, offset: int = 0) -> Value:
    """Bytes read as numbers.

    >>> import bibun.numpy as bnp
    >>> print(bnp.frombuffer(bytes([1, 2]), dtype=bnp.uint8))
    [1 2]
    """
    return Array(np.frombuffer(buffer, canonical(dtype), count, offset))


def fromiter(iter: Any, dtype: Any = float, count: int = -1) -> Value:
    """The numbers of an iterator.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fromiter((i * i for i in range(3)), int))
    [0 1 4]
    """
    return array(list(iter if count < 0 else itertools.islice(iter, count)), dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None, *, device: Any = None) -> Value:
    """An array of one value (or of an array broadcast to the shape).

    >>> import bibun.numpy as bnp
    >>> print(bnp.full((2,), 7.0))
    [7. 7.]
    """
    check_device("full", device)
    dims = as_shape("full", shape)
    fill = arraylike("full", "fill_value", fill_value)
    new = _strong_dtype(fill) if dtype is None else canonical(dtype)
    if type(fill) not in SCALARS:
        return broadcast_to(astype(fill, new), dims)
    return full_value(fill, dims, new)


def _strong_dtype(x: Any) -> np.dtype:
    return as_value(x).dtype if not isinstance(x, Value) else x.dtype


def zeros(shape: Any, dtype: Any = float, *, device: Any = None) -> Value:
    """An array of zeros; float64 unless told otherwise.

    >>> import bibun.numpy as bnp
    >>> print(bnp.zeros(2))
    [0. 0.]
    """
    check_device("zeros", device)
    dt = canonical(float if dtype is None else dtype)
    return full_value(dt.type(0), as_shape("zeros", shape), dt)


def ones(shape: Any, dtype: Any = float, *, device: Any = None) -> Value:
    """An array of ones; float64 unless told otherwise.

    >>> import bibun.numpy as bnp
    >>> print(bnp.ones(2))
    [1. 1.]
    """
    check_device("ones", device)
    dt = canonical(float if dtype is None else dtype)
    return full_value(dt.type(1), as_shape("ones", shape), dt)


def empty(shape: Any, dtype: Any = float, *, device: Any = None) -> Value:
    """An array of zeros: nothing is left undefined.

    >>> import bibun.numpy as bnp
    >>> bnp.empty((2, 3)).shape
    (2, 3)
    """
    return zeros(shape, dtype, device=device)


def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None, *,
              device: Any = None) -> Value:  # fmt: skip
    """An array of one value, with the shape and dtype of another.

    >>> import bibun.numpy as bnp
    >>> print(bnp.full_like(bnp.zeros(2), 3))
    [3. 3.]
    """
    a = value("full_like", "a", a)
    dims = a.shape if shape is None else shape
    return full(dims, fill_value, a.dtype if dtype is None else dtype, device=device)


def zeros_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Value:
    """Zeros with the shape and dtype of another array.

    >>> import bibun.numpy as bnp
    >>> print(bnp.zeros_like(bnp.arange(2)))
    [0 0]
    """
    a = value("zeros_like", "a", a)
    dims, dt = a.shape if shape is None else shape, a.dtype if dtype is None else dtype
    return zeros(dims, dt, device=device)


def ones_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Value:
    """Ones with the shape and dtype of another array.

    >>> import bibun.numpy as bnp
    >>> print(bnp.ones_like(bnp.zeros(2)))
    [1. 1.]
    """
    a = value("ones_like", "a", a)
    dims, dt = a.shape if shape is None else shape, a.dtype if dtype is None else dtype
    return ones(dims, dt, device=device)


def empty_like(prototype: Any, dtype: Any = None, shape: Any = None, *,
               device: Any = None) -> Value:  # fmt: skip
    """`zeros_like`.

    >>> import bibun.numpy as bnp
    >>> print(bnp.empty_like(bnp.ones(2)))
    [0. 0.]
    """
    return zeros_like(prototype, dtype, shape, device=device)


def _static(name: str, arg: str, x: Any) -> Any:
    if type(x) in SCALARS:
        return x
    known = need_concrete(arraylike(name, arg, x), f"{name}: argument {arg}")
    if known.shape:
        raise ShapeError(f"{name}: argument {arg} must be a scalar, got shape {known.shape}")
    return known.item()


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None, *,
           device: Any = None) -> Value:  # fmt: skip
    """start, start + step, … below stop. The bounds are static: they decide the shape.

    >>> import bibun.numpy as bnp
    >>> print(bnp.arange(1, 7, 2))
    [1 3 5]
    """
    check_device("arange", device)
    lo = _static("arange", "start", start)
    if stop is None:
        lo, hi = 0, lo
    else:
        hi = _static("arange", "stop", stop)
    by = 1 if step is None else _static("arange", "step", step)
    if by == 0:
        raise ValueError("arange: step must not be 0")
    if dtype is None:
        floats = any(isinstance(v, float) for v in (lo, hi, by))
        dt = default_float() if floats else default_int()
    else:
        dt = canonical(dtype)
    count = max(0, math.ceil((hi - lo) / by))
    if is_eager():
        if lo == 0 and by == 1:
            return Array(np.arange(count, dtype=dt))
        steps = np.arange(count, dtype=default_int() if dt.kind in "iub" else dt)
        return Array((steps * by + lo).astype(dt, copy=False))
    counter = sh.iota(shape=(count,), dtype=dt, axis=0)
    if by != 1:
        counter = el.mul(counter, dt.type(by))
    return counter if lo == 0 else el.add(counter, dt.type(lo))


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
             dtype: Any = None, axis: int = 0, *, device: Any = None) -> Any:  # fmt: skip
    """`num` evenly spaced values from start to stop, differentiable in both.

    >>> import bibun.numpy as bnp
    >>> print(bnp.linspace(0.0, 1.0, 3))
    [0.  0.5 1. ]
    """
    check_device("linspace", device)
    n = as_int("linspace", "num", num)
    if n < 0:
        raise ValueError(f"linspace: num must not be negative, got {n}")
    a, b = promote_inexact("linspace", start, stop)
    a, b = value("linspace", "start", a), value("linspace", "stop", b)
    gaps = n - 1 if endpoint else n
    step = el.div(el.sub(b, a), a.dtype.type(gaps)) if gaps > 0 else None
    width = max(a.ndim, b.ndim)
    count = reshape(arange(n, dtype=a.dtype), (n,) + (1,) * width)
    if step is None:
        out = broadcast_to(a, (n, *np.broadcast_shapes(a.shape, b.shape)))
    else:
        out = el.add(el.mul(count, step), a)
        if endpoint and n > 1:
            last = reshape(el.eq(arange(n), default_int().type(n - 1)), (n,) + (1,) * width)
            out = el.select(last, out, b)
    if dtype is not None:
        dt = canonical(dtype)
        out = el.floor(out) if dt.kind in "iu" else out
        out = astype(out, dt)
    elif out.weak:
        out = astype(out, out.dtype)
    out = moveaxis(out, 0, axis_index("linspace", axis, out.ndim))
    return (out, step if step is not None else a.dtype.type(np.nan)) if retstep else out


def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0,
             dtype: Any = None, axis: int = 0) -> Value:  # fmt: skip
    """Powers of `base` with evenly spaced exponents.

    >>> import bibun.numpy as bnp
    >>> print(bnp.logspace(0, 2, 3))
    [  1.  10. 100.]
    """
    from bibun.numpy.arithmetic import float_power

    out = float_power(base, linspace(start, stop, num, endpoint, axis=axis))
    return out if dtype is None else astype(out, dtype)


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None,
              axis: int = 0) -> Value:  # fmt: skip
    """Values of constant ratio from start to stop (of one sign).

    >>> import bibun.numpy as bnp
    >>> print(bnp.round(bnp.geomspace(1, 100, 3), 6))
    [  1.  10. 100.]
    """
    a, b = promote_inexact("geomspace", start, stop)
    a, b = value("geomspace", "start", a), value("geomspace", "stop", b)
    ratio = el.log(el.div(b, a))
    n = as_int("geomspace", "num", num)
    exponents = linspace(el.mul(ratio, a.dtype.type(0)), ratio, n, endpoint)
    out = el.mul(el.exp(exponents), a)
    if endpoint and n > 1:
        last = reshape(el.eq(arange(n), default_int().type(n - 1)), (n,) + (1,) * (out.ndim - 1))
        out = el.select(last, out, b)
    out = moveaxis(out, 0, axis_index("geomspace", axis, out.ndim))
    return out if dtype is None else astype(out, dtype)


def _band(n: int, m: int, k: Any, compare: Callable[..., Any]) -> Value:
    rows = sh.iota(shape=(n, m), dtype=default_int(), axis=0)
    columns = sh.iota(shape=(n, m), dtype=default_int(), axis=1)
    return compare(subtract(columns, rows), k)


def eye(N: int, M: int | None = None, k: Any = 0, dtype: Any = float, *,
        device: Any = None) -> Value:  # fmt: skip
    """Ones on the k-th diagonal, zeros elsewhere.

    >>> import bibun.numpy as bnp
    >>> print(bnp.eye(2))
    [[1. 0.]
     [0. 1.]]
    """
    check_device("eye", device)
    n = as_int("eye", "N", N)
    m = n if M is None else as_int("eye", "M", M)
    as_shape("eye", (n, m))
    dt = canonical(dtype)
    if is_eager() and not isinstance(k, Value):
        return Array(np.eye(n, m, k, dtype=dt))
    from bibun.numpy.elementwise import equal

    return el.convert(_band(n, m, k, equal), new_dtype=dt)


def identity(n: int, dtype: Any = float) -> Value:
    """The identity matrix.

    >>> import bibun.numpy as bnp
    >>> print(bnp.identity(2, int))
    [[1 0]
     [0 1]]
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: Any = 0, dtype: Any = float) -> Value:
    """Ones on and below the k-th diagonal.

    >>> import bibun.numpy as bnp
    >>> print(bnp.tri(2))
    [[1. 0.]
     [1. 1.]]
    """
    n = as_int("tri", "N", N)
    m = n if M is None else as_int("tri", "M", M)
    dt = canonical(dtype)
    if is_eager() and not isinstance(k, Value):
        return Array(np.tri(n, m, k, dtype=dt))
    return el.convert(_band(n, m, k, less_equal), new_dtype=dt)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Value:
    """The Vandermonde matrix: powers of x as columns.

    >>> import bibun.numpy as bnp
    >>> print(bnp.vander(bnp.array([2.0, 3.0]), 3))
    [[4. 2. 1.]
     [9. 3. 1.]]
    """
    x = value("vander", "x", x)
    if x.ndim != 1:
        raise ShapeError(f"vander: x must be 1-d, got shape {x.shape}")
    n = x.shape[0] if N is None else as_int("vander", "N", N)
    from bibun.numpy.arithmetic import power
    from bibun.numpy.joining import stack

    if n == 0:
        return zeros((x.shape[0], 0), x.dtype)
    order = range(n) if increasing else range(n - 1, -1, -1)
    return stack([power(x, k) for k in order], axis=1)
