"""All prefix combinations of an associative function, in logarithmic depth.

Blelloch's recursion: combine neighbours, scan the half as long list of pairs, which gives
every second prefix, and combine those with the elements between. About 2n combinations in
2 log2(n) vectorised steps; the function sees whole slices, never single elements. It is
made of slices, `concatenate` and what the function does, so it needs no rules of its own.

Source: G. E. Blelloch, Prefix Sums and Their Applications, CMU-CS-90-190 (1990).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.ops.shape import concatenate, expand_dims, reshape
from bibun.ops.shape import slice as slice_op

Values = list[Any]


def slice_axis(x: Any, axis: int, start: int, stop: int, stride: int = 1) -> Any:
    """`x[..., start:stop:stride, ...]` on one axis."""
    nd = len(x.shape)
    starts, limits, strides = [0] * nd, list(x.shape), [1] * nd
    starts[axis], limits[axis], strides[axis] = start, max(stop, start), stride
    return slice_op(x, starts=tuple(starts), limits=tuple(limits), strides=tuple(strides))


def _interleave(even: Any, odd: Any, axis: int) -> Any:
    """even[0], odd[0], even[1], …: `even` is as long as `odd` or one longer."""
    n = odd.shape[axis]
    longer = even.shape[axis] > n
    head = slice_axis(even, axis, 0, n) if longer else even
    pairs = concatenate(
        expand_dims(head, axes=(axis + 1,)), expand_dims(odd, axes=(axis + 1,)), axis=axis + 1
    )
    shape = list(odd.shape)
    shape[axis] = 2 * n
    mixed = reshape(pairs, shape=tuple(shape))
    if not longer:
        return mixed
    return concatenate(mixed, slice_axis(even, axis, n, n + 1), axis=axis)


def associative_scan(
    fun: Callable[[Values, Values], Values], xs: Sequence[Any], axis: int
) -> Values:
    """Prefixes along `axis` of a flat function `(lists of arrays, lists of arrays) -> arrays`."""
    n = xs[0].shape[axis]
    if n < 2:
        return list(xs)
    half = n // 2
    left = [slice_axis(x, axis, 0, 2 * half, 2) for x in xs]
    right = [slice_axis(x, axis, 1, 2 * half, 2) for x in xs]
    odd = associative_scan(fun, fun(left, right), axis)  # prefixes that end at 1, 3, 5, …
    first = [slice_axis(x, axis, 0, 1) for x in xs]
    if n == 2:
        even = first
    else:
        count = (n - 1) // 2  # elements 2, 4, …
        before = [slice_axis(o, axis, 0, count) for o in odd]
        between = [slice_axis(x, axis, 2, n, 2) for x in xs]
        later = fun(before, between)
        even = [concatenate(f, e, axis=axis) for f, e in zip(first, later, strict=True)]
    return [_interleave(e, o, axis) for e, o in zip(even, odd, strict=True)]
