"""Scatters: x with elements, or boxes, at integer places replaced or combined with updates.

`scatter(x, updates, *indices, axes, mode, unique)` is `x.at[indices along axes].set(updates)`;
updates have the shape S of the index arrays followed by the axes that are not indexed.
Where several updates meet one element: sums, products and extremes take them all, and
`scatter` keeps the last in row-major order of S, compiled as well as eager. So its
derivative is exact too: only the update that won gets a cotangent. `unique` promises that
no two updates meet.

An update of the element that the one before has just written waits until it can be read again,
three times as long as the rest takes. So where many updates meet in few elements, one index
array's sums and products go to COPIES of the array in turn, which are combined at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.errors import DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import quietly
from bibun.ops.families.shape import (
    INT64,
    clear_errors,
    full,
    mapped_front,
    move_axis,
    numpy_like,
    numpy_of,
    result_type,
    same_dtype,
    shape_of,
    zeros,
    zeros_like,
)
from bibun.ops.index.common import (
    batch_indices,
    clamp_index,
    clipped,
    in_bounds,
    index_arrays,
    indexed_shape,
    loops,
    other_axes,
    read_indices,
    staged_indices,
)
from bibun.ops.index.gather import gather
from bibun.ops.op import LIBRARY, Op, Sample, is_linear
from bibun.ops.registry import register

Combine = Callable[[np.ndarray, Any, np.ndarray], None]
COPIES = 4
FEW = 1 << 15  # bytes of an array whose copies stay in the caches


def _family(
    name: str,
    *,
    kinds: str,
    wanted: str,
    write: Combine,
    combine: Callable[..., Any] | None,
    neutral: int | None = None,
    jvp: Callable[..., Any],
    transpose: Callable[..., Any] | None = None,
    doc: str,
) -> Op:
    """One op of the family: `write(view, places, updates)` in NumPy, `combine(b, old, new)`.

    `neutral`: what changes nothing where it is combined, for sums and products.
    """

    def type_rule(
        x: ArrayType, u: ArrayType, *indices: ArrayType, axes: Any, mode: str, unique: bool
    ) -> ArrayType:
        same_dtype(name, x, u)
        if x.dtype.kind not in kinds:
            raise DTypeError(f"{name}: expected {wanted}, got {x}")
        # Nothing may be indexed on an empty axis unless what is out of bounds is dropped.
        s, rest = indexed_shape(name, x, indices, axes, mode)
        expected = (*s, *(x.shape[k] for k in rest))
        if u.shape != expected:
            raise ShapeError(
                f"{name}: updates must have shape {expected} (indices {s}, then the other axes "
                f"of {x.shape}), got {u.shape}"
            )
        return result_type(x.shape, x.dtype, x, u, *indices)

    def eval(x: Any, u: Any, *indices: Any, axes: Any, mode: str, unique: bool) -> np.ndarray:
        x = numpy_of(x)
        u, arrays = numpy_like(u, x), index_arrays(indices)
        rest = other_axes(x.ndim, axes)
        if x.dtype.kind not in kinds:
            raise TypeError("a dtype this op is not defined for")
        if u.shape != (*arrays[0].shape, *(x.shape[k] for k in rest)):
            raise ValueError("updates of the wrong shape")
        out = x.copy()
        view = out.transpose(*axes, *rest)
        if mode in ("fill", "zero"):
            ok = in_bounds(x, arrays, axes)
            if not ok.all():
                write(view, tuple(i[ok].astype(np.intp) for i in arrays), u[ok])
                return out
        write(view, clipped(x, arrays, axes), u)
        return out

    def batch(size: int, args: Any, dims: Any, axes: Any, mode: str, unique: bool) -> Any:
        (x, u, *indices), (xdim, udim, *index_dims) = args, dims
        s = len(shape_of(indices[0])) - (index_dims[0] is not None)
        x, u = mapped_front(x, xdim, size), mapped_front(u, udim, size)
        shifted = tuple(a + 1 for a in axes)
        params = {"mode": mode, "unique": unique}
        if all(d is None for d in index_dims):
            return op(x, move_axis(u, 0, s), *indices, axes=shifted, **params), 0
        fronted = batch_indices(size, indices, index_dims, own_axis=True)
        return op(x, u, *fronted, axes=(0, *shifted), **params), 0

    def lower(b: Any, ins: Any, outs: Any, axes: Any, mode: str, unique: bool) -> None:
        u, indices, out = ins[1], ins[2:], outs[0]
        rest = other_axes(len(out.shape), axes)
        sizes = [out.shape[a] for a in axes]
        if 0 in u.shape or 0 in out.shape:
            return
        if neutral is not None and len(u.shape) == 1 and len(indices) == len(out.shape):
            size = math.prod(out.shape)
            many = u.shape[0] >= 2 * COPIES * size
            if many and not unique and size * out.dtype.itemsize <= FEW:
                many_in_few(b, u, indices, out, mode)
                return

        def place(idx: list[Any]) -> None:
            safe, ok = read_indices(b, indices, idx, sizes, mode)

            def put(inner: list[Any]) -> None:
                at: list[Any] = [None] * len(out.shape)
                for a, i in zip((*axes, *rest), (*safe, *inner), strict=True):
                    at[a] = i
                new = u.read([*idx, *inner])
                out.store(at, new if combine is None else combine(b, out.read(at), new))

            def write_box() -> None:
                if rest:
                    b.nest([out.shape[k] for k in rest], put)
                else:
                    put([])

            if ok is None:
                write_box()
            else:
                b.if_(ok, write_box)

        loops(b, indices[0].shape, place)

    def many_in_few(b: Any, u: Any, indices: Any, out: Any, mode: str) -> None:
        size = math.prod(out.shape)
        copies = [out.ptr, *(b.scratch(size, out.dtype) for _ in range(COPIES - 1))]

        def clear(i: Any) -> None:
            for ptr in copies[1:]:
                b.store(ptr, i, b.const(neutral, out.dtype))

        def put(k: Any, ptr: Any) -> None:
            safe, ok = read_indices(b, indices, [k], out.shape, mode)
            at = safe[0]
            for i, n in zip(safe[1:], out.shape[1:], strict=True):
                at = b.add(b.mul(at, b.const(n, INT64)), i)

            def write() -> None:
                b.store(ptr, at, combine(b, b.load(ptr, at, out.dtype), u.read([k])))  # type: ignore[misc]

            if ok is None:
                write()
            else:
                b.if_(ok, write)

        def turn(j: Any) -> None:
            first = b.mul(j, b.const(COPIES, INT64))
            for k, ptr in enumerate(copies):
                put(b.add(first, b.const(k, INT64)), ptr)

        def gather_up(i: Any) -> None:
            total = b.load(out.ptr, i, out.dtype)
            for ptr in copies[1:]:
                total = combine(b, total, b.load(ptr, i, out.dtype))  # type: ignore[misc]
            b.store(out.ptr, i, total)

        turns = u.shape[0] // COPIES
        b.nest((size,), lambda i: clear(*i))
        b.loop(0, turns, turn)
        b.loop(turns * COPIES, u.shape[0], lambda k: put(k, out.ptr))
        b.nest((size,), lambda i: gather_up(*i))

    op = Op(
        name,
        LIBRARY,
        type_rule=type_rule,
        eval=clear_errors(type_rule, quietly(eval)),
        jvp=jvp,
        transpose=transpose,
        batch=batch,
        lower=lower,
        alias=0,
        stage=staged_indices(2),
        samples=lambda: _samples(kinds) + (_crowds() if neutral is not None else []),
        doc=doc,
    )
    return register(op)


def _samples(kinds: str) -> list[Sample]:
    x = np.cos(np.arange(24.0)).reshape(2, 3, 4)
    i, j = np.array([[2, 0], [1, 2]]), np.array([[3, 0], [0, 1]])
    same, far = np.array([1, 1, 0, 1]), np.array([-1, 0, 3, 2])
    u = np.sin(1 + np.arange(32.0)).reshape(2, 2, 2, 4)
    clip = {"mode": "clip", "unique": False}
    drop = {"mode": "fill", "unique": False}
    zero_updates = np.where(np.arange(4) == 1, 0.0, u[0, 0, 0])
    out = [
        Sample(x, u, i, axes=(1,), **clip),
        Sample(x, u[..., 0].transpose(0, 2, 1), i, j, axes=(1, 2), mode="promise_in_bounds",
               unique=True),
        Sample(x[0, 0], u[0, 0, 0], same, axes=(0,), **clip),
        Sample(x[0, 0], zero_updates, same, axes=(0,), **clip),
        Sample(x[0, :, :2], u[0, :, 0].T, far, axes=(0,), **drop),
        Sample(x[0], u[0, 0, 1, :3], np.int64(1), axes=(1,), **drop),
        Sample(x[0], u[0, 1, :, :2].T.reshape(2, 2)[:, :0].reshape(0, 3)[:, :3],
               np.zeros(0, np.int64), axes=(1,), **clip),
        Sample(x[0].astype(np.float32), u[0, 0].astype(np.float32), np.array([2, 2]), axes=(0,),
               **clip),
        Sample(np.arange(5, dtype=np.int32), np.array([7, -8, 9], np.int32),
               np.array([1, 1, 4]), axes=(0,), **clip),
    ]  # fmt: skip
    if "c" in kinds:
        c = x[0] + 1j * x[1]
        out.append(Sample(c, (2 - 1j) * c[:, :2].T[:, :3], np.array([0, 3]), axes=(1,), **clip))
    if "b" in kinds:
        out.append(Sample(x[0, 0] > 0, np.array([True, False]), np.array([1, 1]), axes=(0,),
                          **clip))  # fmt: skip
    return out


def _crowds() -> list[Sample]:
    """Many updates of few elements."""
    x, u = np.cos(np.arange(24.0)).reshape(2, 3, 4), np.cos(np.arange(35.0))
    i, j = np.arange(35) % 2, np.arange(35) // 9 % 2
    return [
        Sample(x[0, 0, :3], u[:27], np.arange(27) // 2 % 4, axes=(0,), mode="fill", unique=False),
        Sample(x[:, 0, :2], u, i, j, axes=(0, 1), mode="clip", unique=False),
        Sample(np.float32([2, 3]), np.float32(u[:18]), i[:18], axes=(0,), mode="clip",
               unique=False),
        Sample(np.array([1, 2]), np.arange(17), i[:17], axes=(0,), mode="promise_in_bounds",
               unique=False),
        Sample(x[0, 0, :2] + 1j, u[:20] - 2j, i[:20], axes=(0,), mode="clip", unique=False),
    ]  # fmt: skip


def _filled(primals: Any, tangents: Any) -> list[Any]:
    """The tangents of x and updates, zeros where there is none."""
    return [
        zeros_like(p) if t is None else t
        for p, t in zip(primals[:2], tangents[:2], strict=True)
    ]


def _gather_mode(mode: str) -> str:
    return "zero" if mode == "fill" else mode


# set ---------------------------------------------------------------------------------------------


def _set(view: np.ndarray, places: Any, u: np.ndarray) -> None:
    view[places] = u


def _set_jvp(primals: Any, tangents: Any, **params: Any) -> Any:
    x, u, *indices = primals
    return (
        scatter(x, u, *indices, **params),
        scatter(*_filled(primals, tangents), *indices, **params),
    )


def _winners(shape: tuple[int, ...], indices: Any, axes: Any, mode: str) -> Any:
    """Boolean, of the shape of the indices: which updates are the last at their place."""
    from bibun.ops.elementwise import eq
    from bibun.ops.shape import iota, reshape

    s = shape_of(indices[0])
    ids = reshape(iota(shape=(math.prod(s),), dtype=INT64, axis=0), shape=s)
    board = full([shape[a] for a in axes], -1, INT64)
    own = tuple(range(len(axes)))
    last = scatter(board, ids, *indices, axes=own, mode=mode, unique=False)
    return eq(gather(last, *indices, axes=own, mode=_gather_mode(mode)), ids)


def _set_transpose(
    ct: Any, x: Any, u: Any, *indices: Any, axes: Any, mode: str, unique: bool
) -> Any:
    ct_x = ct_u = None
    if is_linear(x):
        ct_x = scatter(ct, zeros(shape_of(u), ct.dtype), *indices, axes=axes, mode=mode,
                       unique=unique)  # fmt: skip
    if is_linear(u):
        ct_u = gather(ct, *indices, axes=axes, mode=_gather_mode(mode))
        if not unique:
            from bibun.ops.elementwise import select
            from bibun.ops.shape import broadcast_to, reshape

            won = _winners(ct.shape, indices, axes, mode)
            won = reshape(won, shape=won.shape + (1,) * (len(ct_u.shape) - len(won.shape)))
            ct_u = select(broadcast_to(won, shape=ct_u.shape), zeros_like(ct_u), ct_u)
    return ct_x, ct_u, *(None,) * len(indices)


scatter = _family(
    "scatter",
    kinds="biufcV",
    wanted="an array",
    write=_set,
    combine=None,
    jvp=_set_jvp,
    transpose=_set_transpose,
    doc="`scatter(x, updates, *indices, axes, mode, unique)`: x with updates put at the "
    "indices; the last one wins where several meet.",
)


# add ---------------------------------------------------------------------------------------------


def _add_jvp(primals: Any, tangents: Any, **params: Any) -> Any:
    x, u, *indices = primals
    out = scatter_add(x, u, *indices, **params)
    if tangents[1] is None:
        return out, tangents[0]
    return out, scatter_add(*_filled(primals, tangents), *indices, **params)


def _add_transpose(
    ct: Any, x: Any, u: Any, *indices: Any, axes: Any, mode: str, unique: bool
) -> Any:
    ct_x = ct if is_linear(x) else None
    ct_u = gather(ct, *indices, axes=axes, mode=_gather_mode(mode)) if is_linear(u) else None
    return ct_x, ct_u, *(None,) * len(indices)


scatter_add = _family(
    "scatter_add",
    kinds="biufc",
    wanted="numbers",
    write=np.add.at,
    combine=lambda b, old, new: b.add(old, new),
    neutral=0,
    jvp=_add_jvp,
    transpose=_add_transpose,
    doc="`scatter_add(x, updates, *indices, axes, mode, unique)`: x plus all updates.",
)


# mul ---------------------------------------------------------------------------------------------


def _others_by_place(u: Any, flat: Any) -> Any:
    """For each of n updates the product of the other updates of the same flat place.

    Sorted by place, updates of one place are neighbours; products of those before and of
    those after within the place come from log2(n) doubling steps. No division: right at
    zeros, and differentiable again.
    """
    from bibun.ops.elementwise import eq, mul, select
    from bibun.ops.shape import broadcast_to, iota, pad, reshape
    from bibun.ops.sort import sort

    n = u.shape[0]
    places, order = sort(
        flat, iota(shape=(n,), dtype=INT64, axis=0), axis=0, num_keys=1, stable=True
    )
    params = {"axes": (0,), "mode": "promise_in_bounds"}
    one = np.ones((), u.dtype)[()]
    none = ((0, 0, 0),) * (len(u.shape) - 1)

    def from_neighbour(v: Any, d: int) -> Any:
        """v[i - d] where that is of the same place, else one."""
        near = eq(pad(places, np.int64(-2), config=((d, -d, 0),)), places)
        near = reshape(near, shape=(n,) + (1,) * len(none))
        moved = pad(v, one, config=((d, -d, 0), *none))
        return select(broadcast_to(near, shape=v.shape), full(v.shape, 1, v.dtype), moved)

    def before(sign: int) -> Any:
        v, d = gather(u, order, **params), 1
        while d < n:
            v = mul(v, from_neighbour(v, sign * d))
            d *= 2
        return from_neighbour(v, sign)

    others = mul(before(1), before(-1))
    return scatter(zeros_like(u), others, order, unique=True, **params)


def _mul_jvp(primals: Any, tangents: Any, axes: Any, mode: str, unique: bool) -> Any:
    from bibun.ops.elementwise import absorb_mul, add, mul
    from bibun.ops.shape import reshape

    x, u, *indices = primals
    tx, tu = tangents[:2]
    params = {"axes": axes, "mode": mode, "unique": unique}
    total = None
    if tx is not None:
        factor = scatter_mul(full(shape_of(x), 1, x.dtype), u, *indices, **params)
        total = absorb_mul(tx, factor)
    if tu is not None:
        factor = gather(x, *indices, axes=axes, mode=_gather_mode(mode))
        n = math.prod(shape_of(indices[0]))
        if not unique and n > 1:
            flat = reshape(_flat_places(shape_of(x), indices, axes, mode), shape=(n,))
            rest = tuple(shape_of(x)[k] for k in other_axes(len(shape_of(x)), axes))
            others = _others_by_place(reshape(u, shape=(n, *rest)), flat)
            factor = mul(factor, reshape(others, shape=shape_of(u)))
        part = scatter_add(zeros_like(x), absorb_mul(tu, factor), *indices, **params)
        total = part if total is None else add(total, part)
    return scatter_mul(x, u, *indices, **params), total


def _flat_places(shape: tuple[int, ...], indices: Any, axes: Any, mode: str) -> Any:
    """Indices as one number per place; -1 for those that are dropped."""
    from bibun.ops.elementwise import add, and_, convert, ge, lt, mul, select

    flat, ok = np.int64(0), None
    for i, a in zip(indices, axes, strict=True):
        wide = convert(i, new_dtype=INT64)
        inside = and_(ge(wide, np.int64(0)), lt(wide, np.int64(shape[a])))
        ok = inside if ok is None else and_(ok, inside)
        i = clamp_index(i, max(shape[a] - 1, 0))
        flat = add(mul(flat, np.int64(shape[a])), i)
    return select(ok, np.int64(-1), flat) if mode in ("fill", "zero") else flat


scatter_mul = _family(
    "scatter_mul",
    kinds="biufc",
    wanted="numbers",
    write=np.multiply.at,
    combine=lambda b, old, new: b.mul(old, new),
    neutral=1,
    jvp=_mul_jvp,
    doc="`scatter_mul(x, updates, *indices, axes, mode, unique)`: x times all updates.",
)


# min, max ----------------------------------------------------------------------------------------


def _extreme_jvp(op: Op, primals: Any, tangents: Any, axes: Any, mode: str, unique: bool) -> Any:
    """The tangent of what is the extreme at its place, in equal parts where there are ties."""
    from bibun.ops.elementwise import absorb_mul, add, convert, div, eq

    x, u, *indices = primals
    tx, tu = tangents[:2]
    params = {"axes": axes, "mode": mode, "unique": unique}
    near = {"axes": axes, "mode": _gather_mode(mode)}
    out = op(x, u, *indices, **params)
    hit_x = convert(eq(x, out), new_dtype=x.dtype)
    hit_u = convert(eq(u, gather(out, *indices, **near)), new_dtype=x.dtype)
    count = scatter_add(hit_x, hit_u, *indices, **params)
    total = None
    if tx is not None:
        total = absorb_mul(tx, div(hit_x, count))
    if tu is not None:
        share = absorb_mul(tu, div(hit_u, gather(count, *indices, **near)))
        part = scatter_add(zeros_like(x), share, *indices, **params)
        total = part if total is None else add(total, part)
    return out, total


scatter_min = _family(
    "scatter_min",
    kinds="biuf",
    wanted="ordered elements",
    write=np.minimum.at,
    combine=lambda b, old, new: (b.bit_and if old.dtype.kind == "b" else b.min)(old, new),
    jvp=lambda p, t, **params: _extreme_jvp(scatter_min, p, t, **params),
    doc="`scatter_min(x, updates, *indices, axes, mode, unique)`: the least of x and updates.",
)
scatter_max = _family(
    "scatter_max",
    kinds="biuf",
    wanted="ordered elements",
    write=np.maximum.at,
    combine=lambda b, old, new: (b.bit_or if old.dtype.kind == "b" else b.max)(old, new),
    jvp=lambda p, t, **params: _extreme_jvp(scatter_max, p, t, **params),
    doc="`scatter_max(x, updates, *indices, axes, mode, unique)`: the greatest of x and updates.",
)
