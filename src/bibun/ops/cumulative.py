"""Running sums, products, extremes and log-sum-exps along an axis.

Compiled, one loop per line with the running value in a register, lines side by side in
vector lanes. `cumsum` is linear. The running product and log-sum-exp differentiate by
doubling: after step k each place knows the value and tangent of the window of 2^k elements
that ends there, and two neighbouring windows combine. That needs no division (products are
right at zeros) and no common scale (log-sum-exps do not underflow). The tangent of a
running extreme is the tangent at the place where it was last attained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.errors import DTypeError
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import quietly
from bibun.ops.families.shape import (
    INT64,
    check_axes,
    clear_errors,
    move_axis,
    numpy_of,
    shape_of,
)
from bibun.ops.op import LIBRARY, Op, Sample
from bibun.ops.registry import register


def _cumulative(
    name: str,
    *,
    kinds: str,
    wanted: str,
    accumulate: Callable[..., np.ndarray],
    combine: Callable[..., Any],
    jvp: Callable[..., Any],
    doc: str,
    transpose: Callable[..., Any] | None = None,
    cost: float = 1.0,
) -> Op:
    """One op of the family: NumPy's `accumulate(x, axis)`, and `combine(b, running, new)`."""

    def type_rule(x: ArrayType, axis: int, reverse: bool) -> ArrayType:
        if x.dtype.kind not in kinds:
            raise DTypeError(f"{name}: expected {wanted}, got {x}")
        check_axes(name, (axis,), x.ndim)
        return x

    def eval(x: Any, axis: int, reverse: bool) -> np.ndarray:
        x = numpy_of(x)
        if x.dtype.kind not in kinds or not 0 <= axis < x.ndim:
            raise ValueError("operand that does not fit")
        if not reverse:
            return accumulate(x, axis)
        return np.flip(accumulate(np.flip(x, axis), axis), axis)

    def batch(size: int, args: Any, dims: Any, axis: int, reverse: bool) -> Any:
        return op(args[0], axis=axis + (axis >= dims[0]), reverse=reverse), dims[0]

    def lower(b: Any, ins: Any, outs: Any, axis: int, reverse: bool) -> None:
        shape = ins[0].shape
        n = shape[axis]
        if 0 in shape:
            return

        def line(rest: list[Any]) -> None:
            def at(i: Any) -> list[Any]:
                if reverse:
                    i = b.sub(b.const(n - 1, INT64), i)
                idx = list(rest)
                idx.insert(axis, i)
                return idx

            first = at(b.const(0, INT64))
            start = ins[0].read(first)
            outs[0].store(first, start)
            running = b.slot(start, b.width)

            def step(i: Any) -> None:
                value = combine(b, running.get(), ins[0].read(at(i)))
                running.set(value)
                outs[0].store(at(i), value)

            if n > 1:
                b.loop(1, n, step)

        others = [m for k, m in enumerate(shape) if k != axis]
        if others:
            b.nest(others, line)
        else:
            line([])

    op = Op(
        name,
        LIBRARY,
        type_rule=type_rule,
        eval=clear_errors(type_rule, quietly(eval)),
        jvp=jvp,
        transpose=transpose,
        batch=batch,
        lower=lower,
        lazy_inputs=True,
        cost=cost,
        simplify=lambda eq: (
            eq.inputs[0] if eq.inputs[0].type.shape[eq.params["axis"]] < 2 else None
        ),
        samples=lambda: _samples(kinds),
        doc=doc,
    )
    return register(op)


def _samples(kinds: str) -> list[Sample]:
    x = np.sin(np.arange(24.0) * 1.7).reshape(2, 3, 4) * 2
    out = [
        Sample(x, axis=0, reverse=False), Sample(x, axis=1, reverse=True),
        Sample(x, axis=2, reverse=False), Sample(x[0, 0], axis=0, reverse=True),
        Sample(x[0].astype(np.float32), axis=1, reverse=False),
        Sample(x[:0], axis=1, reverse=False), Sample(x[:, :0], axis=1, reverse=True),
        Sample(np.array([1.0, np.nan, 2.0, -np.inf]), axis=0, reverse=False, diff=(),
               smooth=False),
    ]  # fmt: skip
    if "i" in kinds:
        out.append(Sample(np.array([[3, -1, 2], [5, 5, 0]], np.int32), axis=1, reverse=False))
    if "c" in kinds:
        out.append(Sample(x[0] + 1j * x[1], axis=0, reverse=True))
        out.append(Sample(np.array([2.0, 0.0, 3.0, 0.0, -1.0]), axis=0, reverse=False))
    return out


# sum ---------------------------------------------------------------------------------------------

cumsum = _cumulative(
    "cumsum",
    kinds="iufc",
    wanted="numbers (convert booleans first)",
    accumulate=lambda x, axis: np.add.accumulate(x, axis, dtype=x.dtype),
    combine=lambda b, acc, x: b.add(acc, x),
    jvp=lambda primals, tangents, **params: (
        cumsum(primals[0], **params), cumsum(tangents[0], **params)
    ),
    transpose=lambda ct, x, axis, reverse: (cumsum(ct, axis=axis, reverse=not reverse),),
    doc="`cumsum(x, axis, reverse)`: running sums; from the end where `reverse`.",
)  # fmt: skip


# product and log-sum-exp, by doubling


def _shifted(v: Any, d: int, neutral: Any) -> Any:
    """v[i - d] along the last axis (i + |d| for negative d), the neutral element outside."""
    from bibun.ops.shape import pad

    config = ((0, 0, 0),) * (len(shape_of(v)) - 1) + ((d, -d, 0),)
    return pad(v, v.dtype.type(neutral), config=config)


def _doubling(
    x: Any, t: Any, axis: int, reverse: bool, neutral: float, pair: Callable[..., Any]
) -> Any:
    """The tangent of a running combination; `pair(a, b)` -> (value, d/da, d/db)."""
    from bibun.ops.elementwise import absorb_mul, add

    last = len(shape_of(x)) - 1
    x, t = move_axis(x, axis, last), move_axis(t, axis, last)
    n, d = shape_of(x)[-1], 1
    while d < n:
        step = -d if reverse else d
        x, by_before, by_own = pair(_shifted(x, step, neutral), x)
        t = add(absorb_mul(_shifted(t, step, 0), by_before), absorb_mul(t, by_own))
        d *= 2
    return move_axis(t, last, axis)


def _product_pair(a: Any, b: Any) -> tuple[Any, Any, Any]:
    from bibun.ops.elementwise import mul

    return mul(a, b), b, a


def _logaddexp_pair(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """log(e^a + e^b) and the weights of both, which are exact at infinities."""
    from bibun.ops.elementwise import add, eq, exp, log1p, logistic, max, min, select, sub

    equal = eq(a, b)  # also where both are the same infinity: a - b would be nan there
    gap = select(equal, sub(a, b), 0.0)
    value = add(max(a, b), log1p(exp(min(gap, sub(0.0, gap)))))
    return value, logistic(gap), logistic(sub(0.0, gap))


def _doubling_jvp(op: Callable[[], Op], neutral: float, pair: Callable[..., Any]) -> Any:
    def jvp(primals: Any, tangents: Any, axis: int, reverse: bool) -> Any:
        (x,), (t,) = primals, tangents
        out = op()(x, axis=axis, reverse=reverse)
        return out, _doubling(x, t, axis, reverse, neutral, pair)

    return jvp


cumprod = _cumulative(
    "cumprod",
    kinds="iufc",
    wanted="numbers (convert booleans first)",
    accumulate=lambda x, axis: np.multiply.accumulate(x, axis, dtype=x.dtype),
    combine=lambda b, acc, x: b.mul(acc, x),
    jvp=_doubling_jvp(lambda: cumprod, 1.0, _product_pair),
    doc="`cumprod(x, axis, reverse)`: running products; from the end where `reverse`.",
)


def _lower_logaddexp(b: Any, x: Any, y: Any) -> Any:
    """max + log1p(exp(-|x - y|)); equal infinities stay what they are, nan wins."""
    gap = b.neg(b.abs(b.sub(x, y)))
    gap = b.select(b.compare("eq", x, y), b.const(0, x.dtype), gap)
    return b.add(b.max(x, y), b.math("log1p", b.math("exp", gap)))


cumlogsumexp = _cumulative(
    "cumlogsumexp",
    kinds="f",
    wanted="floats",
    accumulate=lambda x, axis: np.logaddexp.accumulate(x, axis),
    combine=_lower_logaddexp,
    jvp=_doubling_jvp(lambda: cumlogsumexp, -np.inf, _logaddexp_pair),
    cost=20.0,
    doc="`cumlogsumexp(x, axis, reverse)`: log of running sums of exponentials, stable.",
)


# extremes ----------------------------------------------------------------------------------------


def _extreme_jvp(op: Callable[[], Op]) -> Any:
    def jvp(primals: Any, tangents: Any, axis: int, reverse: bool) -> Any:
        """Where x equals the running extreme, it is attained anew; later places look back."""
        from bibun.ops.elementwise import eq, select
        from bibun.ops.index.gather import take_along
        from bibun.ops.shape import iota

        (x,), (t,) = primals, tangents
        out = op()(x, axis=axis, reverse=reverse)
        shape = shape_of(x)
        places = iota(shape=shape, dtype=INT64, axis=axis)
        end = max(shape[axis] - 1, 0) if reverse else 0
        attained = select(eq(x, out), np.int64(end), places)
        latest = cummin if reverse else cummax
        last = latest(attained, axis=axis, reverse=reverse)
        return out, take_along(t, last, axis)

    return jvp


cummax = _cumulative(
    "cummax",
    kinds="biuf",
    wanted="ordered elements",
    accumulate=lambda x, axis: np.maximum.accumulate(x, axis),
    combine=lambda b, acc, x: (b.bit_or if x.dtype.kind == "b" else b.max)(acc, x),
    jvp=_extreme_jvp(lambda: cummax),
    doc="`cummax(x, axis, reverse)`: running maxima; nan from the first nan on.",
)
cummin = _cumulative(
    "cummin",
    kinds="biuf",
    wanted="ordered elements",
    accumulate=lambda x, axis: np.minimum.accumulate(x, axis),
    combine=lambda b, acc, x: (b.bit_and if x.dtype.kind == "b" else b.min)(acc, x),
    jvp=_extreme_jvp(lambda: cummin),
    doc="`cummin(x, axis, reverse)`: running minima; nan from the first nan on.",
)
