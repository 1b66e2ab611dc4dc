"""`bibun.lax`, windows that slide over an array: their places, and reductions of them.

A window of size w over n elements, in steps of s, with d between the elements it sees, has
(n - (w - 1) d - 1) // s + 1 places. A box of sizes (w1, w2, …) is reduced one axis after the
other, which is Σ w steps and not Π w; along an axis, a window of many elements is
made of windows of 1, 2, 4, … elements, so that the steps grow as log w. Each step is one
elementwise operation on slices: so derivatives, batches and compilation are those of slices.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Sequence
from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.lax.arrays import joined_by, lanes, neutral
from bibun.numpy._common import as_int, promote_args, value
from bibun.ops import elementwise as el
from bibun.ops import shape as sh

__all__ = ["padtype_to_pads", "reduce_window", "reduce_window_shape_tuple"]

DIRECT = 6  # elements of a window up to which it is joined one by one

Pairs = tuple[tuple[int, int], ...]


def each(name: str, what: str, given: Any, n: int) -> tuple[int, ...]:
    """One positive integer for each of n axes; None is ones."""
    if given is None:
        return (1,) * n
    out = tuple(as_int(name, what, k) for k in given)
    if len(out) != n:
        raise ShapeError(f"{name}: {what} must have {n} numbers, one for each axis; got {out}")
    if min(out, default=1) < 1:
        raise ValueError(f"{name}: {what} must be positive, got {out}")
    return out


def spread_size(n: int, dilation: int) -> int:
    """The length of n elements with `dilation - 1` places between neighbours."""
    return (n - 1) * dilation + 1 if n else 0


def places(n: int, window: int, stride: int) -> int:
    """How many places a window (as dilated) has among n elements."""
    return max((n - window) // stride + 1, 0) if n >= window else 0


def padtype_to_pads(in_shape: Sequence[int], window_shape: Sequence[int],
                    window_strides: Sequence[int], padding: str
                    ) -> list[tuple[int, int]]:  # fmt: skip
    """What "VALID", "SAME" or "SAME_LOWER" adds before and after each axis.

    "SAME": as many results as elements over the stride, rounded up; where the number to
    add is odd, the one more comes after, with "SAME_LOWER" before.

    >>> from bibun import lax
    >>> lax.padtype_to_pads((10,), (4,), (1,), "SAME")
    [(1, 2)]
    """
    kind = padding.upper()
    if kind == "VALID":
        return [(0, 0)] * len(in_shape)
    if kind not in ("SAME", "SAME_LOWER"):
        raise ValueError(
            f"padding {padding!r}: expected 'VALID', 'SAME', 'SAME_LOWER' or a pair of numbers "
            "for each axis"
        )
    out = []
    for n, w, s in zip(in_shape, window_shape, window_strides, strict=True):
        total = max((-(-n // s) - 1) * s + w - n, 0)
        lower = total // 2 if kind == "SAME" else total - total // 2
        out.append((lower, total - lower))
    return out


def pairs(name: str, padding: Any, sizes: Sequence[int], window: Sequence[int],
          strides: Sequence[int]) -> Pairs:  # fmt: skip
    """Padding as pairs; `sizes` and `window` as dilated."""
    if isinstance(padding, str):
        return tuple(padtype_to_pads(sizes, window, strides, padding))
    out = []
    for pair in padding:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ShapeError(f"{name}: padding must be pairs (low, high), got {padding!r}")
        out.append((as_int(name, "padding", pair[0]), as_int(name, "padding", pair[1])))
    if len(out) != len(sizes):
        raise ShapeError(f"{name}: padding has {len(out)} pairs for {len(sizes)} axes")
    return tuple(out)


def _every(x: Any, axis: int, start: int, count: int, stride: int) -> Any:
    cut = [builtins.slice(None)] * x.ndim
    cut[axis] = builtins.slice(start, start + (count - 1) * stride + 1, stride)
    return x[tuple(cut)]


def _along(xs: list[Any], axis: int, window: int, stride: int, dilation: int,
           join: Callable[[list[Any], list[Any]], list[Any]]) -> list[Any]:  # fmt: skip
    """Windows along one axis, joined in order."""
    count = places(xs[0].shape[axis], spread_size(window, dilation), stride)

    def at(level: list[Any], k: int) -> list[Any]:
        return [_every(x, axis, k * dilation, count, stride) for x in level]

    if window <= DIRECT:
        return functools.reduce(join, [at(xs, k) for k in range(window)])
    level, size, start, out = xs, 1, 0, None
    while True:
        if window & size:  # from the left: this bit's elements follow those taken so far
            part = at(level, start)
            out, start = (part if out is None else join(out, part)), start + size
        if start == window:
            return out  # type: ignore[return-value]
        n = level[0].shape[axis] - size * dilation
        level = join([_every(x, axis, 0, n, 1) for x in level],
                     [_every(x, axis, size * dilation, n, 1) for x in level])  # fmt: skip
        size *= 2


def reduce_window_shape_tuple(
    operand_shape: Sequence[int], window_dimensions: Sequence[int], window_strides: Sequence[int],
    padding: Any, base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> tuple[int, ...]:  # fmt: skip
    """The shape of `reduce_window`'s result.

    >>> from bibun import lax
    >>> lax.reduce_window_shape_tuple((5, 5), (2, 2), (1, 2), "VALID")
    (4, 2)
    """
    name, n = "reduce_window", len(operand_shape)
    strides = each(name, "window_strides", window_strides, n)
    base = each(name, "base_dilation", base_dilation, n)
    spread = each(name, "window_dilation", window_dilation, n)
    window = tuple(map(spread_size, each(name, "window_dimensions", window_dimensions, n), spread))
    sizes = tuple(map(spread_size, operand_shape, base))
    pads = pairs(name, padding, sizes, window, strides)
    return tuple(places(m + a + b, w, s)
                 for m, (a, b), w, s in zip(sizes, pads, window, strides, strict=True))  # fmt: skip


def reduce_window(
    operand: Any, init_value: Any, computation: Callable[..., Any],
    window_dimensions: Sequence[int], window_strides: Sequence[int] | None = None,
    padding: Any = "VALID", base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:  # fmt: skip
    """Every window of an array reduced by an associative function of two elements.

    operand: an array, or a pytree of arrays of one shape with one init_value each, then
    `computation` takes and returns two such pytrees of scalars. window_dimensions, …: one number
    for each axis. padding: "VALID", "SAME", "SAME_LOWER" or pairs (low, high), filled with
    init_value, which also begins each window: so it should be neutral, as 0 is for `lax.add`
    and -inf for `lax.max`. base_dilation, window_dilation: steps between the elements of the
    array and of the window. The derivative of a maximum goes to the first of equals.

    >>> from bibun import lax
    >>> x = lax.iota(float, 6)
    >>> print(lax.reduce_window(x, 0.0, lax.add, (3,)))
    [ 3.  6.  9. 12.]
    >>> print(lax.reduce_window(x, -float("inf"), lax.max, (2,), (2,), "SAME"))
    [1. 3. 5.]
    """
    name = "reduce_window"
    leaves, structure = tree.flatten(operand)
    starts = tree.leaves(init_value)
    if len(starts) != len(leaves) or not leaves:
        raise ValueError(f"{name}: {len(leaves)} operands need as many init_values, got "
                         f"{len(starts)}")  # fmt: skip
    xs, inits = [], []
    for x, start in zip(leaves, starts, strict=True):
        a, b = promote_args(name, x, start)
        xs.append(value(name, "operand", a))
        inits.append(value(name, "init_value", b))
        if inits[-1].ndim or xs[-1].shape != xs[0].shape:
            raise ShapeError(
                f"{name}: operands must have one shape and init_values be scalars, got "
                f"{xs[-1].shape} and {inits[-1].shape}"
            )
    shape = xs[0].shape
    n = len(shape)
    out_shape = reduce_window_shape_tuple(
        shape, window_dimensions, window_strides, padding, base_dilation, window_dilation
    )  # fmt: skip
    window = each(name, "window_dimensions", window_dimensions, n)
    strides = each(name, "window_strides", window_strides, n)
    base = each(name, "base_dilation", base_dilation, n)
    spread = each(name, "window_dilation", window_dilation, n)
    if 0 in out_shape:
        return tree.unflatten(structure, [bnp.zeros(out_shape, x.dtype) for x in xs])
    pads = pairs(name, padding, tuple(map(spread_size, shape, base)),
                 tuple(map(spread_size, window, spread)), strides)  # fmt: skip
    config = tuple((a, b, d - 1) for (a, b), d in zip(pads, base, strict=True))
    join = _joiner(computation, structure)
    if any(map(any, config)):
        xs = [sh.pad(x, start, config=config) for x, start in zip(xs, inits, strict=True)]
    for axis in reversed(range(n)):
        if (window[axis], strides[axis]) != (1, 1):
            xs = _along(xs, axis, window[axis], strides[axis], spread[axis], join)
    known = joined_by(computation)
    if known is None or not neutral(known, starts[0], xs[0].dtype):
        xs = join([bnp.broadcast_to(start, out_shape) for start in inits], xs)
    return tree.unflatten(structure, xs)


def _first_largest(x: Value, y: Value) -> Value:
    return el.select(el.or_(el.ge(x, y), el.ne(x, x)), y, x)


def _first_smallest(x: Value, y: Value) -> Value:
    return el.select(el.or_(el.le(x, y), el.ne(x, x)), y, x)


def _joiner(computation: Callable[..., Any], structure: Any
            ) -> Callable[[list[Any], list[Any]], list[Any]]:  # fmt: skip
    join = joined_by(computation)
    if join is not None and structure.num_leaves == 1:
        join = {el.max: _first_largest, el.min: _first_smallest}.get(join, join)
        return lambda xs, ys: [join(xs[0], ys[0])]
    return lanes("reduce_window", computation, structure)
