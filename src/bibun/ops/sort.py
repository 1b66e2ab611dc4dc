"""Sorting: `sort` of several arrays by the first of them, and what is made from it.

Along one axis, ascending, nan last; equal elements keep their order. Compiled, it is a
merge sort of the keys, and of the places that other operands come from: runs of doubling
width are merged between two halves of one buffer, without branches inside a merge. The
derivative moves the tangents along the same permutation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.shape import (
    INT64,
    check_axes,
    clear_errors,
    mapped_front,
    numpy_of,
    shape_of,
)
from bibun.ops.op import LIBRARY, Op, Sample
from bibun.ops.registry import register


def _type_rule(*xs: ArrayType, axis: int, num_keys: int, stable: bool) -> list[ArrayType]:
    if not xs or not 1 <= num_keys <= len(xs):
        raise ShapeError(f"sort: num_keys must be from 1 to {len(xs)} operands, got {num_keys}")
    check_axes("sort", (axis,), xs[0].ndim)
    if any(t.shape != xs[0].shape for t in xs):
        listed = ", ".join(str(t.shape) for t in xs)
        raise ShapeError(f"sort: operands must have one shape, got {listed}")
    for t in xs[:num_keys]:
        if t.dtype.kind not in "biufc":
            raise DTypeError(f"sort: {t} has no order to sort by")
    return [t.strong() for t in xs]


def _eval(*xs: Any, axis: int, num_keys: int, stable: bool) -> list[np.ndarray]:
    arrays = [numpy_of(x) for x in xs]
    if any(x.shape != arrays[0].shape for x in arrays) or not 1 <= num_keys <= len(xs):
        raise ValueError("operands that do not fit")
    if not 0 <= axis < arrays[0].ndim or any(x.dtype.kind == "V" for x in arrays[:num_keys]):
        raise ValueError("an axis or a key that cannot be sorted by")
    if len(arrays) == 1:
        return [np.sort(arrays[0], axis, kind="stable")]
    if num_keys == 1:
        order = np.argsort(arrays[0], axis, kind="stable")
    else:
        order = np.lexsort(arrays[:num_keys][::-1], axis)
    return [np.take_along_axis(x, order, axis) for x in arrays]


def _jvp(primals: Any, tangents: Any, axis: int, num_keys: int, stable: bool) -> Any:
    from bibun.ops.index.gather import take_along
    from bibun.ops.shape import iota

    places = iota(shape=shape_of(primals[0]), dtype=INT64, axis=axis)
    *outs, order = sort(*primals, places, axis=axis, num_keys=num_keys, stable=stable)
    return outs, [None if t is None else take_along(t, order, axis) for t in tangents]


def _batch(
    size: int, args: Any, dims: Any, axis: int, num_keys: int, stable: bool
) -> tuple[list[Any], list[int]]:
    fronted = [mapped_front(x, d, size) for x, d in zip(args, dims, strict=True)]
    outs = sort(*fronted, axis=axis + 1, num_keys=num_keys, stable=stable)
    return outs, [0] * len(outs)


# lowering ----------------------------------------------------------------------------------------


def comes_before(b: Any, xs: list[Any], ys: list[Any]) -> Any:
    """Whether the keys `xs` sort strictly before `ys`: lexicographic, nan last."""
    pairs = [p for x, y in zip(xs, ys, strict=True) for p in _parts(b, x, y)]
    less = None
    for x, y in reversed(pairs):
        here = b.compare("lt", x, y)
        same = b.compare("eq", x, y)
        if x.dtype.kind == "f":
            x_nan, y_nan = b.compare("ne", x, x), b.compare("ne", y, y)
            here = b.bit_or(here, b.bit_and(y_nan, b.bit_not(x_nan)))
            same = b.bit_or(same, b.bit_and(x_nan, y_nan))
        less = here if less is None else b.bit_or(here, b.bit_and(same, less))
    return less


def _parts(b: Any, x: Any, y: Any) -> list[tuple[Any, Any]]:
    """A key as real keys. NumPy's order of complex numbers: what has no nan, then a nan in
    the imaginary part, in the real part, in both; within these by what is not nan."""
    if x.dtype.kind != "c":
        return [(x, y)]

    def split(z: Any) -> tuple[Any, Any, Any]:
        re, im = b.real(z), b.imag(z)
        zero = b.const(0, re.dtype)
        re_nan, im_nan = b.compare("ne", re, re), b.compare("ne", im, im)
        one, two = b.const(1, INT64), b.const(2, INT64)
        none = b.const(0, INT64)
        place = b.add(b.select(re_nan, two, none), b.select(im_nan, one, none))
        return place, b.select(re_nan, zero, re), b.select(im_nan, zero, im)

    return list(zip(split(x), split(y), strict=True))


def _lower(b: Any, ins: Any, outs: Any, axis: int, num_keys: int, stable: bool) -> None:
    """Columns are sorted together: the keys, and the places where there is more to move."""
    from bibun.ops.index.common import loops

    shape = ins[0].shape
    n = shape[axis]
    if 0 in shape:
        return
    dtypes = [x.dtype for x in ins[:num_keys]]
    if len(ins) > num_keys:
        dtypes.append(INT64)
    columns = [(b.scratch(2 * n, dtype), dtype) for dtype in dtypes]

    def i64(value: int) -> Any:
        return b.const(value, INT64)

    def load(i: Any) -> list[Any]:
        return [b.load(ptr, i, dtype) for ptr, dtype in columns]

    def store(i: Any, row: list[Any]) -> None:
        for (ptr, _), value in zip(columns, row, strict=True):
            b.store(ptr, i, value)

    def line(rest: list[Any]) -> None:
        def at(i: Any) -> list[Any]:
            return [*rest[:axis], i, *rest[axis:]]

        def fetch(i: Any) -> None:
            store(i, [*(x.read(at(i)) for x in ins[:num_keys]), i][: len(columns)])

        b.loop(0, n, fetch)
        width, source, dest = b.slot(i64(1)), b.slot(i64(0)), b.slot(i64(n))

        def merge_all() -> None:
            w, src, dst = width.get(), source.get(), dest.get()
            low = b.slot(i64(0))

            def merge() -> None:
                lo = low.get()
                mid = b.min(b.add(lo, w), i64(n))
                hi = b.min(b.add(mid, w), i64(n))
                left, right = b.slot(lo), b.slot(mid)

                def take(k: Any) -> None:
                    i, j = left.get(), right.get()
                    x = load(b.add(src, b.min(i, i64(n - 1))))
                    y = load(b.add(src, b.min(j, i64(n - 1))))
                    used_up = b.compare("ge", i, mid)
                    smaller = comes_before(b, y[:num_keys], x[:num_keys])
                    use_right = b.bit_or(used_up, b.bit_and(b.compare("lt", j, hi), smaller))
                    store(
                        b.add(dst, k),
                        [b.select(use_right, q, p) for p, q in zip(x, y, strict=True)],
                    )
                    step = b.convert(use_right, INT64)
                    left.set(b.add(i, b.sub(i64(1), step)))
                    right.set(b.add(j, step))

                b.loop(lo, hi, take)
                low.set(hi)

            b.while_(lambda: b.compare("lt", low.get(), i64(n)), merge)
            width.set(b.add(w, w))
            source.set(dst)
            dest.set(src)

        if n > 1:
            b.while_(lambda: b.compare("lt", width.get(), i64(n)), merge_all)

        def write(k: Any) -> None:
            row = load(b.add(source.get(), k))
            for out, value in zip(outs, row[:num_keys], strict=False):
                out.store(at(k), value)
            for x, out in zip(ins[num_keys:], outs[num_keys:], strict=True):
                out.store(at(k), x.read(at(row[-1])))

        b.loop(0, n, write)

    loops(b, [m for k, m in enumerate(shape) if k != axis], line)


def _samples() -> list[Sample]:
    x = np.sin(np.arange(24.0) * 2.1).reshape(2, 3, 4)
    nans = np.array([[2.0, np.nan, -np.inf, 1.0], [np.inf, 0.0, np.nan, -0.0]])
    i = np.array([[3, 1, 2, 1, 3], [0, 0, -1, 5, 4]], np.int32)
    y = np.arange(10.0).reshape(2, 5)
    one = {"num_keys": 1, "stable": True}
    return [
        Sample(x, axis=2, **one), Sample(x, axis=0, **one), Sample(nans, axis=1, diff=(), **one),
        Sample(i, axis=1, **one), Sample(i, y, axis=1, **one),
        Sample(x[0].astype(np.float32), x[1], axis=1, **one),
        Sample(i, -y % 3, y, axis=1, num_keys=2, stable=True, diff=(2,)),
        Sample(x[0] + 1j * x[1], axis=1, **one), Sample(i > 1, y, axis=0, **one),
        Sample(x[:0], axis=1, **one), Sample(x[:, :0], axis=1, **one),
        Sample(np.array([2.5]), np.array([1]), axis=0, **one),
    ]  # fmt: skip


sort = register(
    Op(
        "sort",
        LIBRARY,
        type_rule=_type_rule,
        eval=clear_errors(_type_rule, _eval),
        jvp=_jvp,
        batch=_batch,
        lower=_lower,
        multiple_results=True,
        cost=20.0,
        samples=_samples,
        doc="`sort(*operands, axis, num_keys, stable)`: all operands put in the ascending "
        "lexicographic order of the first `num_keys` along `axis`; nan last, ties in order.",
    )
)


def top_k(x: Any, k: int) -> tuple[Any, Any]:
    """The `k` greatest elements along the last axis, in descending order, and their indices.

    x: (..., n) with k <= n. Returns (..., k) values and int64 indices; among equals the
    lowest index comes first, nan counts as greatest. Errors: ShapeError if k > n.
    """
    from bibun.ops.shape import iota, rev
    from bibun.ops.shape import slice as static_slice

    shape = shape_of(x)
    if not shape or not 0 <= k <= shape[-1]:
        raise ShapeError(f"top_k: k={k} of shape {shape}; k must be from 0 to the last axis' size")
    last = len(shape) - 1
    places = rev(iota(shape=shape, dtype=INT64, axis=last), axes=(last,))
    pair = sort(rev(x, axes=(last,)), places, axis=last, num_keys=1, stable=True)
    limits = (*shape[:-1], k)
    values, indices = (
        static_slice(
            rev(v, axes=(last,)), starts=(0,) * len(shape), limits=limits, strides=None
        )
        for v in pair
    )
    return values, indices
