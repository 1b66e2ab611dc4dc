"""Boxes of arrays: `slice` takes one out, `concatenate` and `pad` put some together.

A static slice is an index map, read through by the compiler. What has several sources
writes each region of the output with a nest of its own and reads its inputs as it goes,
so they need not be in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from bibun.errors import ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.shape import (
    INT64,
    check_axes,
    clear_errors,
    mapped_front,
    numpy_like,
    numpy_of,
    result_type,
    same_dtype,
    shape_op,
    zeros,
    zeros_like,
)
from bibun.ops.op import LIBRARY, Op, Sample, is_linear
from bibun.ops.registry import register
from bibun.ops.shape.layout import broadcast_to, reshape, same_type

_F = np.arange(24.0).reshape(2, 3, 4) - 7.5
_C = (_F[0] + 1j * _F[1]).astype(np.complex64)
_I = np.arange(12, dtype=np.int32).reshape(3, 4)
_B = _I % 3 == 0
_EMPTY = np.zeros((0, 3))


# slice -------------------------------------------------------------------------------------------


def _steps(starts: Sequence[int], strides: Sequence[int] | None) -> tuple[int, ...]:
    return (1,) * len(starts) if strides is None else tuple(strides)


def _slice_type(x: ArrayType, starts: Any, limits: Any, strides: Any = None) -> ArrayType:
    steps = _steps(starts, strides)
    if not len(starts) == len(limits) == len(steps) == x.ndim:
        raise ShapeError(
            f"slice: starts {starts}, limits {limits} and strides {strides} must each have "
            f"{x.ndim} entries for an operand of shape {x.shape}"
        )
    for s, e, d, n in zip(starts, limits, steps, x.shape, strict=True):
        if not 0 <= s <= e <= n or d < 1:
            raise ShapeError(
                f"slice: starts {starts}, limits {limits}, strides {steps} must satisfy "
                f"0 <= start <= limit <= size and stride >= 1 for shape {x.shape}"
            )
    return x.with_shape(
        tuple(-(-(e - s) // d) for s, e, d in zip(starts, limits, steps, strict=True))
    )


def _slice_eval(x: Any, starts: Any, limits: Any, strides: Any = None) -> np.ndarray:
    x = numpy_of(x)
    if len(starts) != x.ndim or any(
        not 0 <= s <= e <= n for s, e, n in zip(starts, limits, x.shape, strict=True)
    ):
        raise ValueError("slice out of range")
    if strides is None:
        return x[tuple(map(_builtin_slice, starts, limits))]
    return x[tuple(map(_builtin_slice, starts, limits, strides))]


def _slice_transpose(ct: Any, x: Any, starts: Any, limits: Any, strides: Any = None) -> Any:
    config = []
    for s, d, n, m in zip(starts, _steps(starts, strides), x.shape, ct.shape, strict=True):
        used = s + ((m - 1) * d + 1 if m else 0)
        config.append((s, n - used, d - 1))
    return pad(ct, np.zeros((), x.dtype)[()], config=tuple(config))


def _slice_batch(x: Any, dim: int, starts: Any, limits: Any, strides: Any = None) -> Any:
    def put(values: Any, extra: int) -> tuple[int, ...]:
        return (*values[:dim], extra, *values[dim:])

    steps = None if strides is None else put(strides, 1)
    return slice(x, starts=put(starts, 0), limits=put(limits, x.shape[dim]), strides=steps), dim


def _slice_lower(b: Any, idx: Any, ins: Any, out_type: Any, starts: Any, limits: Any,
                 strides: Any = None) -> Any:  # fmt: skip
    steps = _steps(starts, strides)
    return ins[0].read(
        [b.add(b.mul(i, b.const(d, INT64)), b.const(s, INT64))
         for i, s, d in zip(idx, starts, steps, strict=True)]
    )  # fmt: skip


_builtin_slice = slice
slice = shape_op(  # noqa: A001
    "slice",
    type_rule=_slice_type,
    eval=_slice_eval,
    transpose=_slice_transpose,
    batch=_slice_batch,
    lower=_slice_lower,
    simplify=same_type,
    samples=lambda: [
        Sample(_F, starts=(0, 1, 0), limits=(2, 3, 4), strides=(1, 1, 3)),
        Sample(_F, starts=(1, 0, 1), limits=(2, 3, 3), strides=None),
        Sample(_C, starts=(0, 1), limits=(3, 4), strides=(2, 2)),
        Sample(_I, starts=(1, 1), limits=(1, 3), strides=None),
        Sample(_B, starts=(0, 0), limits=(3, 4), strides=(2, 1)),
        Sample(_EMPTY, starts=(0, 1), limits=(0, 3), strides=None),
    ],
    doc="`slice(x, starts, limits, strides=None)`: a static strided box. Errors: ShapeError.",
)


# concatenate -------------------------------------------------------------------------------------


def _concatenate_type(*xs: ArrayType, axis: int) -> ArrayType:
    if not xs:
        raise ShapeError("concatenate: needs at least one array")
    dtype = same_dtype("concatenate", *xs)
    first = xs[0].shape
    check_axes("concatenate", (axis,), len(first))
    for t in xs[1:]:
        if t.ndim != len(first) or any(
            n != m for k, (n, m) in enumerate(zip(t.shape, first, strict=True)) if k != axis
        ):
            listed = ", ".join(str(t.shape) for t in xs)
            raise ShapeError(f"concatenate: shapes {listed} differ outside axis {axis}")
    shape = (*first[:axis], sum(t.shape[axis] for t in xs), *first[axis + 1 :])
    return result_type(shape, dtype, *xs)


def _concatenate_jvp(primals: Any, tangents: Any, axis: int) -> Any:
    filled = [
        zeros_like(x) if t is None else t for x, t in zip(primals, tangents, strict=True)
    ]
    return concatenate(*primals, axis=axis), concatenate(*filled, axis=axis)


def _bounds(xs: Any, axis: int) -> list[tuple[int, int]]:
    ends = np.cumsum([0, *(x.shape[axis] for x in xs)]).tolist()
    return list(pairwise(ends))


def _concatenate_transpose(ct: Any, *xs: Any, axis: int) -> Any:
    out = []
    for x, (lo, hi) in zip(xs, _bounds(xs, axis), strict=True):
        starts, limits = [0] * len(ct.shape), list(ct.shape)
        starts[axis], limits[axis] = lo, hi
        out.append(
            slice(ct, starts=tuple(starts), limits=tuple(limits), strides=None)
            if is_linear(x)
            else None
        )
    return out


def _concatenate_batch(size: int, args: Any, dims: Any, axis: int) -> Any:
    fronted = [mapped_front(x, d, size) for x, d in zip(args, dims, strict=True)]
    return concatenate(*fronted, axis=axis + 1), 0


def _concatenate_lower(b: Any, ins: Any, outs: Any, axis: int) -> None:
    for x, (lo, _) in zip(ins, _bounds(ins, axis), strict=True):
        shift = b.const(lo, INT64)

        def body(idx: Any, x: Any = x, shift: Any = shift) -> None:
            to = [b.add(i, shift) if k == axis else i for k, i in enumerate(idx)]
            outs[0].store(to, x.read(idx))

        if 0 not in x.shape:
            b.nest(x.shape, body)


concatenate = register(
    Op(
        "concatenate",
        LIBRARY,
        type_rule=_concatenate_type,
        eval=clear_errors(
            _concatenate_type,
            lambda *xs, axis: (
                numpy_of(xs[0]) if len(xs) == 1 else np.concatenate(xs, axis, dtype=xs[0].dtype,
                                                                    casting="no")
            ),
        ),
        jvp=_concatenate_jvp,
        transpose=_concatenate_transpose,
        batch=_concatenate_batch,
        lower=_concatenate_lower,
        lazy_inputs=True,
        simplify=lambda eq: eq.inputs[0] if len(eq.inputs) == 1 else None,
        samples=lambda: [
            Sample(_F, _F[:, :1] * 2, axis=1),
            Sample(_F[0, 0], _F[1, 1], _F[1, 2, ::2], axis=0),
            Sample(_C, _C[:1], axis=0),
            Sample(_I, _I, axis=1),
            Sample(_B, axis=0),
            Sample(_EMPTY, _F[:, :, 0], axis=0),
        ],
        doc="`concatenate(*xs, axis)`: arrays of one dtype end to end. Errors: ShapeError.",
    )
)  # fmt: skip


# pad ---------------------------------------------------------------------------------------------


def _padded(n: int, lo: int, hi: int, interior: int) -> int:
    return lo + hi + n + max(n - 1, 0) * interior


def _pad_type(x: ArrayType, value: ArrayType, config: Any) -> ArrayType:
    same_dtype("pad", x, value)
    if value.shape:
        raise ShapeError(f"pad: the padding value must be a scalar, got shape {value.shape}")
    if len(config) != x.ndim:
        raise ShapeError(f"pad: {len(config)} (low, high, interior) triples for shape {x.shape}")
    shape = tuple(_padded(n, *c) for n, c in zip(x.shape, config, strict=True))
    if any(n < 0 for n in shape) or any(c[2] < 0 for c in config):
        raise ShapeError(f"pad: config {config} of shape {x.shape} gives the shape {shape}")
    return result_type(shape, x.dtype, x, value)


def _kept(n: int, m: int, lo: int, step: int) -> tuple[int, int]:
    """The range of source indices that land inside an output axis of size m."""
    first = min(max(0, -(lo // step)), n)
    return first, max(first, min(n, -((lo - m) // step)))


def _pad_eval(x: Any, value: Any, config: Any) -> np.ndarray:
    x = numpy_of(x)
    shape = tuple(_padded(n, *c) for n, c in zip(x.shape, config, strict=True))
    out = np.empty(shape, x.dtype)
    out[...] = numpy_like(value, x)
    source, dest = [], []
    for n, m, (lo, _, interior) in zip(x.shape, shape, config, strict=True):
        step = interior + 1
        i, j = _kept(n, m, lo, step)
        source.append(_builtin_slice(i, j))
        dest.append(_builtin_slice(lo + i * step, max(lo + (j - 1) * step + 1, 0), step)
                    if j > i else _builtin_slice(0, 0))  # fmt: skip
    out[tuple(dest)] = x[tuple(source)]
    return out


def _pad_jvp(primals: Any, tangents: Any, config: Any) -> Any:
    filled = [
        zeros_like(x) if t is None else t for x, t in zip(primals, tangents, strict=True)
    ]
    return pad(*primals, config=config), pad(*filled, config=config)


def _pad_mask(shape: Sequence[int], config: Any) -> Any:
    """True where the padding shows."""
    return pad(zeros(shape, np.bool_), np.True_, config=config)


def _pad_transpose(ct: Any, x: Any, value: Any, config: Any) -> Any:
    from bibun.ops.elementwise import select
    from bibun.ops.reduce import reduce_sum

    zero = np.zeros((), ct.dtype)[()]
    ct_x = ct_value = None
    if is_linear(x):
        inner = pad(ct, zero, config=tuple((-lo, -hi, 0) for lo, hi, _ in config))
        ct_x = slice(
            inner,
            starts=(0,) * len(config),
            limits=inner.shape,
            strides=tuple(interior + 1 for *_, interior in config),
        )
    if is_linear(value):
        shown = select(_pad_mask(x.shape, config), zeros_like(ct), ct)
        ct_value = reduce_sum(shown, axes=tuple(range(len(config))))
    return ct_x, ct_value


def _pad_batch(size: int, args: Any, dims: Any, config: Any) -> Any:
    x, value = args
    if dims[1] is None:
        d = dims[0]
        return pad(x, value, config=(*config[:d], (0, 0, 0), *config[d:])), d
    from bibun.ops.elementwise import select

    x = mapped_front(x, dims[0], size)
    padded = pad(x, np.zeros((), x.dtype)[()], config=((0, 0, 0), *config))
    mask = _pad_mask(x.shape[1:], config)
    values = broadcast_to(
        reshape(value, shape=(size,) + (1,) * len(config)), shape=padded.shape
    )
    mask = broadcast_to(mask, shape=padded.shape)
    return select(mask, padded, values), 0


def _pad_lower(b: Any, ins: Any, outs: Any, config: Any) -> None:
    """Slabs of padding in front, the operand, slabs behind: in the order of memory, because
    SROA of LLVM 22.1 makes invalid code of vector stores that fill an array out of order.
    Holes inside need a whole fill before."""
    x, out = ins[0], outs[0]
    value = ins[1].read([])
    kept = [
        _kept(n, m, lo, interior + 1)
        for n, m, (lo, _, interior) in zip(x.shape, out.shape, config, strict=True)
    ]
    # The box of the output that the operand covers, holes included.
    box = [
        (lo + i * (c + 1), lo + (j - 1) * (c + 1) + 1) if j > i else (0, 0)
        for (i, j), (lo, _, c) in zip(kept, config, strict=True)
    ]

    def put(first: Sequence[int], counts: Sequence[int]) -> None:
        def body(idx: Any) -> None:
            at = [b.add(i, b.const(f, INT64)) for i, f in zip(idx, first, strict=True)]
            out.store(at, value)

        if 0 not in counts:
            b.nest(counts, body)

    def slab(k: int, start: int, end: int) -> None:
        """Padding along axis k, within the box along the axes before it."""
        first = [*(a for a, _ in box[:k]), start, *(0 for _ in box[k + 1 :])]
        put(first, [*(e - a for a, e in box[:k]), end - start, *out.shape[k + 1 :]])

    def operand(idx: Any) -> None:
        source = [b.add(q, b.const(i, INT64)) for q, (i, _) in zip(idx, kept, strict=True)]
        at = [
            b.add(b.mul(s, b.const(c + 1, INT64)), b.const(lo, INT64))
            for s, (lo, _, c) in zip(source, config, strict=True)
        ]
        out.store(at, x.read(source))

    counts = [j - i for i, j in kept]
    holes = any(c and n > 1 for n, (*_, c) in zip(counts, config, strict=True))
    if holes:
        put([0] * len(box), out.shape)
    else:
        for k, (lo, _) in enumerate(box):
            slab(k, 0, lo)
    if 0 not in counts:
        b.nest(counts, operand)
    if not holes:
        for k in reversed(range(len(box))):
            slab(k, box[k][1], out.shape[k])


pad = register(
    Op(
        "pad",
        LIBRARY,
        type_rule=_pad_type,
        eval=clear_errors(_pad_type, _pad_eval),
        jvp=_pad_jvp,
        transpose=_pad_transpose,
        batch=_pad_batch,
        lower=_pad_lower,
        lazy_inputs=True,
        simplify=lambda eq: eq.inputs[0] if not any(map(any, eq.params["config"])) else None,
        samples=lambda: [
            Sample(_F[0], 1.5, config=((1, 2, 0), (0, 1, 0))),
            Sample(_F[0], np.array(-2.0), config=((1, -1, 1), (-1, 2, 2))),
            Sample(_F[0, 0].astype(np.float32), np.float32(0.5), config=((-2, -2, 1),)),
            Sample(_C, np.complex64(1j), config=((0, 0, 0), (2, 0, 1))),
            Sample(_I, np.int32(7), config=((1, 1, 0), (-1, -1, 0))),
            Sample(_B, np.True_, config=((0, 0, 0), (0, 0, 2))),
            Sample(_EMPTY, 2.0, config=((2, 1, 3), (0, 0, 0))),
        ],
        doc="`pad(x, value, config)`: (low, high, interior) for each axis, as lax.pad: "
        "`interior` values between neighbours, negative low and high cut off.",
    )
)
