"""What families on the integers share: sums of probabilities, and quantiles by search.

The quantile of q is the least k whose distribution function reaches q. The function rises, so k
is bracketed by steps of doubled length and then found by bisection, for all elements at once, in
one loop. It is piecewise constant: its derivative is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from bibun.numpy import broadcast_arrays
from bibun.numpy.elementwise import astype, maximum, minimum, where
from bibun.numpy.reductions import any as any_
from bibun.numpy.reductions import max as max_
from bibun.ops import elementwise as el

FAR = 2.0**53  # a bracket never goes further: beyond, not every whole number is a float


def summed(pmf: Callable[..., Any], low: Any, high: Any, k: Any, params: Sequence[Any],
           upper: bool) -> Any:  # fmt: skip
    """The sum of pmf from `low` to k, or (`upper`) from k + 1 to `high`: k inside the support."""
    from bibun.lax import fori_loop

    k, low, high, *shapes = broadcast_arrays(k, low, high, *params)
    first = k + 1 if upper else low
    last = high if upper else k
    span = last - first
    span = where(span == span, span, 0.0)  # a nan among the parameters is its own element's
    steps = maximum(astype(max_(span), int) + 1, 0) if k.size else 0

    def body(i: Any, total: Any) -> Any:
        at = first + astype(i, k.dtype)
        inside = at <= last
        return total + where(inside, pmf(where(inside, at, low), *shapes), 0.0)

    return fori_loop(0, steps, body, k * 0.0)


def least(reached: Callable[[Any], Any], low: Any, high: Any) -> Any:
    """For each element the least whole number in [low, high] where `reached` is true."""
    from bibun.lax import while_loop

    low, high = broadcast_arrays(low, high)
    bound = where(high > FAR, FAR, high)

    def grow(state: tuple[Any, ...]) -> tuple[Any, ...]:
        below, top, step = state
        short = ~reached(top) & (top < bound)
        return (
            where(short, top, below),
            where(short, minimum(top + step, bound), top),
            where(short, 2 * step, step),
        )

    def halve(state: tuple[Any, ...]) -> tuple[Any, ...]:
        below, top, step = state
        middle = el.floor((below + top) * 0.5)
        open_ = top - below > 1
        there = reached(where(open_, middle, top))
        return (
            where(open_ & ~there, middle, below),
            where(open_ & there, middle, top),
            step,
        )

    start = low - 1, low, low * 0.0 + 1
    found = while_loop(lambda s: any_(~reached(s[1]) & (s[1] < bound)), grow, start)
    _, top, _ = while_loop(lambda s: any_(s[1] - s[0] > 1), halve, found)
    return where((top >= FAR) & (high == math.inf), math.inf, top)
