"""Functions that rearrange an array without computing: one op each, most of them views."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import (
    arraylike,
    as_int,
    as_shape,
    axes_tuple,
    axis_index,
    one_of,
    shape_of,
    value,
)
from bibun.ops import shape as sh

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_shapes",
    "broadcast_to", "expand_dims", "flip", "fliplr", "flipud", "iterable", "matrix_transpose",
    "moveaxis", "ndim", "permute_dims", "ravel", "reshape", "roll", "rollaxis", "rot90", "shape",
    "size", "squeeze", "swapaxes", "transpose", "unravel_index", "ravel_multi_index", "resize",
]  # fmt: skip


def shape(a: Any) -> tuple[int, ...]:
    """The sizes of the axes; static, also under jit.

    >>> import bibun.numpy as bnp
    >>> bnp.shape(bnp.zeros((2, 3)))
    (2, 3)
    """
    return shape_of(arraylike("shape", "a", a))


def ndim(a: Any) -> int:
    """The number of axes.

    >>> import bibun.numpy as bnp
    >>> bnp.ndim(3.0)
    0
    """
    return len(shape(a))


def size(a: Any, axis: int | tuple[int, ...] | None = None) -> int:
    """The number of elements, or of those along an axis.

    >>> import bibun.numpy as bnp
    >>> bnp.size(bnp.zeros((2, 3)))
    6
    """
    dims = shape(a)
    return math.prod(dims[k] for k in axes_tuple("size", axis, len(dims)))


def iterable(y: Any) -> bool:
    """Whether y can be iterated over: not the case for a 0-d array.

    >>> import bibun.numpy as bnp
    >>> bnp.iterable(bnp.array(1.0))
    False
    """
    return y.ndim > 0 if isinstance(y, Value) else np.iterable(y)


def reshape(a: Any, shape: Any = None, order: str = "C", *, newshape: Any = None,
            copy: bool | None = None) -> Value:  # fmt: skip
    """The same elements in another shape; one size may be -1, to be worked out.

    order: "C" (row-major, the default) or "F" (column-major).
    Errors: ShapeError if the numbers of elements differ.

    >>> import bibun.numpy as bnp
    >>> print(bnp.reshape(bnp.arange(6), (2, -1)))
    [[0 1 2]
     [3 4 5]]
    """
    x = value("reshape", "a", a)
    target = newshape if shape is None else shape
    if target is None:
        raise TypeError("reshape: argument shape is missing")
    given = target if isinstance(target, tuple | list) else (target,)
    dims = [as_int("reshape", "shape", n) for n in given]
    if dims.count(-1) > 1:
        raise ShapeError(f"reshape: only one size of {tuple(dims)} may be -1")
    if -1 in dims:
        known = math.prod(n for n in dims if n != -1)
        if known == 0 or x.size % known:
            raise ShapeError(f"reshape: shape {x.shape} cannot be cut into {tuple(dims)}")
        dims[dims.index(-1)] = x.size // known
    new = tuple(dims)
    if order == "F":
        flipped = sh.reshape(transpose(x), shape=new[::-1])
        return transpose(flipped)
    if order not in ("C", "A", "K"):
        raise ValueError(f"reshape: order must be 'C' or 'F', got {order!r}")
    return x if new == x.shape else sh.reshape(x, shape=new)


def ravel(a: Any, order: str = "C") -> Value:
    """All elements in one axis.

    >>> import bibun.numpy as bnp
    >>> print(bnp.ravel(bnp.eye(2)))
    [1. 0. 0. 1.]
    """
    return reshape(a, (size(a),), order)


def transpose(a: Any, axes: Sequence[int] | None = None) -> Value:
    """The axes in another order; reversed if none is given.

    >>> import bibun.numpy as bnp
    >>> bnp.transpose(bnp.zeros((2, 3, 4)), (1, 0, 2)).shape
    (3, 2, 4)
    """
    x = value("transpose", "a", a)
    if axes is None:
        order = tuple(range(x.ndim))[::-1]
    else:
        order = tuple(axis_index("transpose", k, x.ndim) for k in axes)
        if sorted(order) != list(range(x.ndim)):
            raise ShapeError(f"transpose: axes {tuple(axes)} do not name each axis of {x.shape}")
    return x if order == tuple(range(x.ndim)) else sh.transpose(x, permutation=order)


def permute_dims(a: Any, /, axes: Sequence[int]) -> Value:
    """`transpose` under the array API's name.

    >>> import bibun.numpy as bnp
    >>> bnp.permute_dims(bnp.zeros((2, 3)), (1, 0)).shape
    (3, 2)
    """
    return transpose(a, axes)


def matrix_transpose(x: Any, /) -> Value:
    """The last two axes exchanged.

    >>> import bibun.numpy as bnp
    >>> bnp.matrix_transpose(bnp.zeros((5, 2, 3))).shape
    (5, 3, 2)
    """
    if ndim(x) < 2:
        raise ShapeError(f"matrix_transpose: needs at least 2 dimensions, got shape {shape(x)}")
    return swapaxes(x, -1, -2)


def swapaxes(a: Any, axis1: int, axis2: int) -> Value:
    """Two axes exchanged.

    >>> import bibun.numpy as bnp
    >>> bnp.swapaxes(bnp.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    n = ndim(a)
    i, j = axis_index("swapaxes", axis1, n), axis_index("swapaxes", axis2, n)
    order = list(range(n))
    order[i], order[j] = j, i
    return transpose(a, order)


def moveaxis(a: Any, source: Any, destination: Any) -> Value:
    """Axes moved to other places, the rest staying in order.

    >>> import bibun.numpy as bnp
    >>> bnp.moveaxis(bnp.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    n = ndim(a)
    src = source if isinstance(source, tuple | list) else (source,)
    dst = destination if isinstance(destination, tuple | list) else (destination,)
    if len(src) != len(dst):
        raise ShapeError(f"moveaxis: {len(src)} sources but {len(dst)} destinations")
    src = [axis_index("moveaxis", k, n) for k in src]
    dst = [axis_index("moveaxis", k, n) for k in dst]
    order = [k for k in range(n) if k not in src]
    for to, k in sorted(zip(dst, src, strict=True)):
        order.insert(to, k)
    return transpose(a, order)


def rollaxis(a: Any, axis: int, start: int = 0) -> Value:
    """An axis moved to just before position `start`.

    >>> import bibun.numpy as bnp
    >>> bnp.rollaxis(bnp.zeros((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    n = ndim(a)
    k = axis_index("rollaxis", axis, n)
    start = start + n if start < 0 else start
    return moveaxis(a, k, start - 1 if start > k else start)


def expand_dims(a: Any, axis: Any = 0) -> Value:
    """Axes of size 1 put in, at positions of the result.

    >>> import bibun.numpy as bnp
    >>> bnp.expand_dims(bnp.zeros(3), 0).shape
    (1, 3)
    """
    x = value("expand_dims", "a", a)
    count = len(axis) if isinstance(axis, tuple | list) else 1
    axes = axes_tuple("expand_dims", axis, x.ndim + count)
    return sh.expand_dims(x, axes=axes) if axes else x


def squeeze(a: Any, axis: Any = None) -> Value:
    """Axes of size 1 taken out: all of them, or those named.

    >>> import bibun.numpy as bnp
    >>> bnp.squeeze(bnp.zeros((1, 3, 1))).shape
    (3,)
    """
    x = value("squeeze", "a", a)
    if axis is None:
        axes = tuple(k for k, n in enumerate(x.shape) if n == 1)
    else:
        axes = axes_tuple("squeeze", axis, x.ndim)
    return sh.squeeze(x, axes=axes) if axes else x


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that all of these broadcast to.

    >>> import bibun.numpy as bnp
    >>> bnp.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    from bibun.ops.families.elementwise import broadcast_shapes as join

    return join("broadcast_shapes", *(as_shape("broadcast_shapes", s) for s in shapes), ())


def broadcast_to(array: Any, shape: Any) -> Value:
    """The array repeated along new or unit axes, without copying.

    >>> import bibun.numpy as bnp
    >>> print(bnp.broadcast_to(bnp.array([1, 2]), (2, 2)))
    [[1 2]
     [1 2]]
    """
    x = value("broadcast_to", "array", array)
    new = as_shape("broadcast_to", shape)
    return x if x.shape == new else sh.broadcast_to(x, shape=new)


def broadcast_arrays(*args: Any) -> list[Value]:
    """Each array broadcast to the common shape.

    >>> import bibun.numpy as bnp
    >>> [x.shape for x in bnp.broadcast_arrays(bnp.zeros((3, 1)), bnp.zeros(4))]
    [(3, 4), (3, 4)]
    """
    if not args:
        return []
    common = broadcast_shapes(*(shape(a) for a in args))
    return [broadcast_to(a, common) for a in args]


def flip(m: Any, axis: Any = None) -> Value:
    """The order of elements reversed along all axes, or those named.

    >>> import bibun.numpy as bnp
    >>> print(bnp.flip(bnp.array([1, 2, 3])))
    [3 2 1]
    """
    x = value("flip", "m", m)
    return sh.rev(x, axes=axes_tuple("flip", axis, x.ndim))


def flipud(m: Any) -> Value:
    """Rows in reverse order.

    >>> import bibun.numpy as bnp
    >>> print(bnp.flipud(bnp.array([1, 2, 3])))
    [3 2 1]
    """
    return flip(m, 0)


def fliplr(m: Any) -> Value:
    """Columns in reverse order.

    >>> import bibun.numpy as bnp
    >>> print(bnp.fliplr(bnp.array([[1, 2], [3, 4]])))
    [[2 1]
     [4 3]]
    """
    return flip(m, 1)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Value:
    """Turned by k quarter turns in the plane of two axes, from the first to the second.

    >>> import bibun.numpy as bnp
    >>> print(bnp.rot90(bnp.array([[1, 2], [3, 4]])))
    [[2 4]
     [1 3]]
    """
    n = ndim(m)
    i, j = (axis_index("rot90", a, n) for a in axes)
    if i == j:
        raise ShapeError(f"rot90: axes {axes} must be different")
    k = as_int("rot90", "k", k) % 4
    if k == 0:
        return value("rot90", "m", m)
    if k == 2:
        return flip(m, (i, j))
    if k == 1:
        return swapaxes(flip(m, j), i, j)
    return flip(swapaxes(m, i, j), j)


def roll(a: Any, shift: Any, axis: Any = None) -> Value:
    """Elements moved along an axis, those pushed off the end coming in at the start.

    The shift may be a traced integer.

    >>> import bibun.numpy as bnp
    >>> print(bnp.roll(bnp.arange(4), 1))
    [3 0 1 2]
    """
    x = value("roll", "a", a)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    shifts = shift if isinstance(shift, tuple | list) else [shift] * len(axes)
    if len(shifts) != len(axes):
        raise ShapeError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    for s, k in zip(shifts, axes, strict=True):
        x = _roll_one(x, s, axis_index("roll", k, x.ndim))
    return x


def _roll_one(x: Value, shift: Any, k: int) -> Value:
    from bibun.trace.core import concrete

    n = x.shape[k]
    if n == 0:
        return x
    known = concrete(shift)
    if known is None:
        from bibun.numpy.arithmetic import remainder
        from bibun.numpy.creation import arange
        from bibun.numpy.taking import take

        return take(x, remainder(arange(n) - shift, n), axis=k, mode="promise_in_bounds")
    cut = (-as_int("roll", "shift", known)) % n
    if cut == 0:
        return x
    starts, limits = [0] * x.ndim, list(x.shape)
    starts[k] = cut
    tail = sh.slice(x, starts=tuple(starts), limits=x.shape, strides=None)
    limits[k] = cut
    head = sh.slice(x, starts=(0,) * x.ndim, limits=tuple(limits), strides=None)
    return sh.concatenate(tail, head, axis=k)


def _at_least(n: int, name: str, arys: tuple[Any, ...]) -> Any:
    def one(a: Any) -> Value:
        x = value(name, "arys", a)
        if x.ndim >= n:
            return x
        if n == 3:  # NumPy's places: (1, N, 1) and (M, N, 1)
            return expand_dims(x, {0: (0, 1, 2), 1: (0, 2), 2: (2,)}[x.ndim])
        return expand_dims(x, tuple(range(n - x.ndim)))

    out = [one(a) for a in arys]
    return out[0] if len(out) == 1 else out


def atleast_1d(*arys: Any) -> Any:
    """Each argument with at least one axis.

    >>> import bibun.numpy as bnp
    >>> bnp.atleast_1d(3.0).shape
    (1,)
    """
    return _at_least(1, "atleast_1d", arys)


def atleast_2d(*arys: Any) -> Any:
    """Each argument with at least two axes, new ones in front.

    >>> import bibun.numpy as bnp
    >>> bnp.atleast_2d(bnp.zeros(3)).shape
    (1, 3)
    """
    return _at_least(2, "atleast_2d", arys)


def atleast_3d(*arys: Any) -> Any:
    """Each argument with at least three axes.

    >>> import bibun.numpy as bnp
    >>> bnp.atleast_3d(bnp.zeros(3)).shape
    (1, 3, 1)
    """
    return _at_least(3, "atleast_3d", arys)


def resize(a: Any, new_shape: Any) -> Value:
    """The elements repeated or cut to fill another shape.

    >>> import bibun.numpy as bnp
    >>> print(bnp.resize(bnp.array([1, 2]), (3,)))
    [1 2 1]
    """
    x = ravel(a)
    new = as_shape("resize", new_shape)
    count = math.prod(new)
    if x.size == 0:
        if count:
            raise ShapeError("resize: an empty array cannot fill a shape that is not")
        return reshape(x, new)
    copies = sh.concatenate(*[x] * builtins.max(1, -(-count // x.size)), axis=0)
    return reshape(sh.slice(copies, starts=(0,), limits=(count,), strides=None), new)


def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Value, ...]:
    """Flat indices into an array of this shape, as one index for each axis.

    order: whether the last axis ("C") or the first ("F") runs fastest.

    >>> import bibun.numpy as bnp
    >>> print(*bnp.unravel_index(5, (2, 3)))
    1 2
    """
    from bibun.numpy.arithmetic import floor_divide, remainder

    one_of("unravel_index", "order", order, ("C", "F"))
    left = value("unravel_index", "indices", indices)
    sizes = as_shape("unravel_index", shape)
    out = []
    for n in sizes if order == "F" else reversed(sizes):
        out.append(remainder(left, n))
        left = floor_divide(left, n)
    return tuple(out if order == "F" else out[::-1])


def ravel_multi_index(multi_index: Sequence[Any], dims: Any, mode: str = "raise",
                      order: str = "C", *, dtype: Any = None) -> Value:  # fmt: skip
    """One index for each axis, made a flat index, of `dtype` if given. mode: "raise", "wrap" or
    "clip".

    >>> import bibun.numpy as bnp
    >>> print(bnp.ravel_multi_index((1, 2), (2, 3)))
    5
    """
    from bibun.numpy.arithmetic import clip, remainder
    from bibun.numpy.elementwise import add, astype, multiply
    from bibun.numpy.indexing import checked

    sizes = as_shape("ravel_multi_index", dims, "dims")
    if len(multi_index) != len(sizes):
        raise ShapeError(f"ravel_multi_index: {len(multi_index)} indices for {len(sizes)} dims")
    parts = []
    for axis, (i, n) in enumerate(zip(multi_index, sizes, strict=True)):
        if mode == "wrap":
            i = remainder(i, n)
        elif mode == "clip":
            i = clip(i, 0, n - 1)
        elif mode == "raise":
            i = checked(i, axis, n, "ravel_multi_index")
        else:
            raise ValueError(f"ravel_multi_index: unknown mode {mode!r}")
        parts.append((i, n))
    if order == "F":
        parts.reverse()
    flat: Any = 0
    for i, n in parts:
        flat = add(multiply(flat, n), i)
    out = value("ravel_multi_index", "multi_index", flat)
    return out if dtype is None else astype(out, dtype)
