"""Line searches: how far to go along a direction.

All of them look at φ(t) = f(x + t d) and return a `Step`; each is one loop with one
evaluation of φ an iteration, so that a batch of searches does no idle work.

- `backtracking`: the largest t = t0, t0 s, t0 s², … with Armijo's sufficient decrease.
- `zoom`: the strong Wolfe conditions, by bracketing and cubic interpolation (Nocedal & Wright,
  *Numerical Optimization*, 2nd ed., algorithms 3.5 and 3.6, written as one loop).
- `hager_zhang`: the approximate Wolfe conditions with the secant² update (Hager & Zhang,
  SIAM J. Optim. 16, 2005).

Close to a minimum φ is flat to rounding and Armijo's condition cannot be tested; there both
Wolfe searches accept the slope condition (2 c1 - 1) φ'(0) ≥ φ'(t) with no visible increase
(Hager & Zhang's approximate Wolfe condition).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun.solvers import loop
from bibun.solvers.base import keep

LARGEST = 1e10  # no step is longer, unless a caller says so: φ has no minimum along the line


class Step(NamedTuple):
    """Step size, value, gradient and auxiliary output there, and whether conditions hold."""

    size: Any
    value: Any
    grad: Any
    aux: Any
    ok: Any


class Point(NamedTuple):
    """A trial: step size, φ, φ', gradient, auxiliary output."""

    t: Any
    f: Any
    d: Any
    g: Any
    aux: Any


Evaluate = Callable[[Any], tuple[Any, Any, Any]]  # x -> value, aux, gradient


def _cubic(a: Point, b: Point) -> Any:
    """The minimum of the cubic with the values and slopes of both points (N & W, eq. 3.59)."""
    span = b.t - a.t
    d1 = a.d + b.d - 3.0 * (a.f - b.f) / bnp.where(span == 0, 1.0, a.t - b.t)
    square = d1 * d1 - a.d * b.d
    d2 = bnp.sign(span) * bnp.sqrt(bnp.maximum(square, 0.0))
    below = b.d - a.d + 2.0 * d2
    t = b.t - span * (b.d + d2 - d1) / bnp.where(below == 0, 1.0, below)
    good = (square >= 0) & (below != 0) & bnp.isfinite(t)
    return bnp.where(good, t, 0.5 * (a.t + b.t))


def _noise(f0: Any) -> Any:
    """What a value of this size may vary by through rounding."""
    return 10.0 * bnp.finfo(f0.dtype).eps * bnp.abs(f0)


def zoom(
    evaluate: Evaluate, x: Any, direction: Any, value: Any, grad: Any, aux: Any, first: Any = 1.0,
    *, c1: float = 1e-4, c2: float = 0.9, maxls: int = 30, grow: float = 4.0,
    largest: float = LARGEST,
) -> Step:  # fmt: skip
    """A step that satisfies the strong Wolfe conditions.

    `first`: the trial to begin with; `largest`: none is longer. Where `maxls` trials do
    not suffice, the lowest point with sufficient decrease is returned and `ok` says whether there
    was one.
    """
    slope = bnp.sum(direction * grad)
    noise = _noise(value)
    zero = bnp.zeros_like(value)
    start = Point(zero, value, slope, grad, aux)

    def one(carry: Any) -> Any:
        i, t, lo, hi, have_hi, _, _ = carry
        f, a, g = evaluate(x + t * direction)
        now = Point(t, f, bnp.sum(g * direction), g, a)
        finite = bnp.isfinite(f) & bnp.isfinite(now.d)
        armijo = f <= value + c1 * t * slope
        flat = (f <= value + noise) & (now.d <= (2.0 * c1 - 1.0) * slope)
        high = ~finite | ~(armijo | flat) | ((f > lo.f + noise) & (lo.t != 0.0))
        wolfe = ~high & (bnp.abs(now.d) <= c2 * bnp.abs(slope))
        side = bnp.where(have_hi, hi.t - lo.t, 1.0)
        past = now.d * side >= 0  # the minimum lies behind
        new_hi = keep(high, now, keep(past, lo, hi))
        bracketed = have_hi | high | past
        new_lo = keep(high, lo, now)
        lo, hi = new_lo, new_hi
        # the next trial: inside the bracket, not too near its ends; or further out
        width = hi.t - lo.t
        t_in = _cubic(lo, hi)
        left = bnp.minimum(lo.t, hi.t) + 0.1 * bnp.abs(width)
        right = bnp.maximum(lo.t, hi.t) - 0.1 * bnp.abs(width)
        usable = bnp.isfinite(hi.f) & bnp.isfinite(hi.d)
        t_in = bnp.where(usable, bnp.clip(t_in, left, right), lo.t + 0.1 * width)
        t_next = bnp.where(bracketed, t_in, bnp.minimum(grow * lo.t, largest))
        ended = bracketed & (bnp.abs(width) <= 1e-15 * bnp.maximum(bnp.abs(hi.t), 1e-30))
        ended = ended | (~bracketed & (lo.t >= largest))
        return i + 1, t_next, lo, hi, bracketed, wolfe, wolfe | ended

    def go_on(carry: Any) -> Any:
        return (carry[0] < maxls) & ~carry[-1]

    first = bnp.minimum(bnp.asarray(first, dtype=value.dtype), largest) + zero
    downhill = (slope < 0) & bnp.isfinite(slope)
    no = bnp.asarray(False)
    _, _, lo, _, _, wolfe, _ = loop.while_loop(
        go_on, one, (bnp.asarray(0), first, start, start, no, no, ~downhill)
    )
    ok = wolfe | (lo.f < value)  # lower than the start, or at a point with the conditions
    best = keep(ok, lo, start)
    return Step(best.t, best.f, best.g, best.aux, ok)


def backtracking(
    value_at: Callable[[Any], Any], value: Any, slope_at: Callable[[Any], Any], first: Any, *,
    c1: float = 1e-4, shrink: float = 0.5, maxls: int = 30,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The first t of first, first·shrink, … with `value_at(t) <= value + c1 · slope_at(t)`.

    `slope_at(t)` is the decrease that the linear model promises at t (t φ'(0) on a line; on a
    projected path something else). Returns `(t, value_at(t), ok)`.
    """
    noise = _noise(value)

    def bad(t: Any, f: Any) -> Any:
        return ~(f <= value + c1 * slope_at(t) + noise)  # nan counts as bad

    def one(carry: Any) -> Any:
        i, t, _ = carry
        t = t * shrink
        return i + 1, t, value_at(t)

    t0 = bnp.asarray(first, dtype=value.dtype) + bnp.zeros_like(value)
    carry = (bnp.asarray(0), t0, value_at(t0))
    _, t, f = loop.while_loop(lambda c: (c[0] < maxls) & bad(c[1], c[2]), one, carry)
    return t, f, ~bad(t, f)


def hager_zhang(
    evaluate: Evaluate, x: Any, direction: Any, value: Any, grad: Any, aux: Any, first: Any = 1.0,
    *, c1: float = 0.1, c2: float = 0.9, maxls: int = 30, grow: float = 5.0,
    epsilon: float = 1e-6, largest: float = LARGEST, slow_above: float = 0.66,
) -> Step:  # fmt: skip
    """A step that satisfies the Wolfe or the approximate Wolfe conditions.

    The bracket [a, b] always has φ(a) ≤ φ(0) + ε|φ(0)|, φ'(a) < 0 ≤ φ'(b); trials are secants
    of φ', or the middle where the bracket keeps more than `slow_above` of its width.
    """
    slope = bnp.sum(direction * grad)
    limit = value + epsilon * bnp.abs(value)
    zero = bnp.zeros_like(value)
    start = Point(zero, value, slope, grad, aux)

    def one(carry: Any) -> Any:
        i, t, a, b, best, have_b, width, _ = carry
        f, extra, g = evaluate(x + t * direction)
        now = Point(t, f, bnp.sum(g * direction), g, extra)
        finite = bnp.isfinite(f) & bnp.isfinite(now.d)
        wolfe = (f <= value + c1 * t * slope) & (now.d >= c2 * slope)
        approximate = (f <= limit) & ((2.0 * c1 - 1.0) * slope >= now.d) & (now.d >= c2 * slope)
        done = finite & (wolfe | approximate)
        best = keep(finite & (done | (f < best.f)), now, best)
        behind = ~finite | (now.d >= 0) | (f > limit)  # b moves; else a does
        a = keep(behind, a, now)
        b = keep(behind, now, b)
        have_b = have_b | behind
        span = b.t - a.t
        rise = b.d - a.d
        secant = (a.t * b.d - b.t * a.d) / bnp.where(rise == 0, 1.0, rise)
        inside = (rise > 0) & (b.d >= 0) & (secant > a.t) & (secant < b.t) & bnp.isfinite(secant)
        slow = span > slow_above * width
        middle = 0.5 * (a.t + b.t)
        further = bnp.minimum(grow * t, largest)
        t_next = bnp.where(have_b, bnp.where(inside & ~slow, secant, middle), further)
        done = done | (~have_b & (t >= largest))
        return i + 1, t_next, a, b, best, have_b, bnp.where(have_b, span, width), done

    def go_on(carry: Any) -> Any:
        return (carry[0] < maxls) & ~carry[-1]

    first = bnp.minimum(bnp.asarray(first, dtype=value.dtype), largest) + zero
    downhill = (slope < 0) & bnp.isfinite(slope)
    wide = bnp.asarray(bnp.inf, dtype=value.dtype) + zero
    carry = (bnp.asarray(0), first, start, start, start, bnp.asarray(False), wide, ~downhill)
    best = loop.while_loop(go_on, one, carry)[4]
    return Step(best.t, best.f, best.g, best.aux, best.t > 0)


SEARCHES = {"zoom": zoom, "hager-zhang": hager_zhang}
CONDITIONS = ("armijo", "goldstein", "wolfe", "strong-wolfe")


def search_names() -> tuple[str, ...]:
    """The names that `search` knows."""
    return ("backtracking", *SEARCHES)


def conditional_step(
    evaluate: Evaluate, x: Any, direction: Any, value: Any, grad: Any, aux: Any, first: Any, *,
    condition: str, c1: float = 1e-4, c2: float = 0.9, shrink: float = 0.5, maxls: int = 30,
    largest: float = LARGEST,
) -> Step:  # fmt: skip
    """The first t of first, first·shrink, … that satisfies Armijo's condition and another one.

    "goldstein": f(t) ≥ f(0) + (1 - c1) t φ'(0) too; "wolfe": φ'(t) ≥ c2 φ'(0); "strong-wolfe":
    |φ'(t)| ≤ c2 |φ'(0)|. Where no trial has both, the lowest one counts, if it has Armijo's.
    """
    slope = bnp.sum(direction * grad)
    noise = _noise(value)
    start = Point(bnp.zeros_like(value), value, slope, grad, aux)

    def one(carry: Any) -> Any:
        i, t, best, _, _ = carry
        f, a, g = evaluate(x + t * direction)
        now = Point(t, f, bnp.sum(g * direction), g, a)
        armijo = f <= value + c1 * t * slope + noise  # nan counts as failed
        other = {
            "goldstein": f >= value + (1.0 - c1) * t * slope - noise,
            "wolfe": now.d >= c2 * slope,
            "strong-wolfe": bnp.abs(now.d) <= c2 * bnp.abs(slope),
        }[condition]
        done = armijo & other
        better = armijo & ((f < best.f) | (best.t == 0.0))
        return i + 1, t * shrink, keep(done | better, now, best), done | better | carry[3], done

    first = bnp.minimum(bnp.asarray(first, dtype=value.dtype), largest) + start.t
    no, downhill = bnp.asarray(False), (slope < 0) & bnp.isfinite(slope)
    _, _, best, ok, _ = loop.while_loop(
        lambda c: (c[0] <= maxls) & ~c[4], one,
        (bnp.asarray(0), first, start, no, ~downhill),
    )  # fmt: skip
    return Step(best.t, best.f, best.g, best.aux, ok)


def armijo_step(
    evaluate: Evaluate, value_of: Callable[[Any], Any], x: Any, direction: Any, value: Any,
    grad: Any, first: Any, maxls: int = 30, largest: float = LARGEST, shrink: float = 0.5,
    c1: float = 1e-4,
) -> Step:  # fmt: skip
    """`backtracking` along a line, with the gradient where it ends."""
    slope = bnp.sum(direction * grad)
    first = bnp.minimum(first, largest)
    t, _, ok = backtracking(
        lambda t: value_of(x + t * direction), value, lambda t: t * slope, first, c1=c1,
        shrink=shrink, maxls=maxls,
    )  # fmt: skip
    ok = ok & (slope < 0)
    t = bnp.where(ok, t, 0.0)
    f, aux, g = evaluate(x + t * direction)
    return Step(t, f, g, aux, ok)


def search(
    name: str, evaluate: Evaluate, value_of: Callable[[Any], Any], x: Any, direction: Any,
    value: Any, grad: Any, aux: Any, first: Any, maxls: int, largest: float = LARGEST,
    **options: Any,
) -> Step:  # fmt: skip
    """The line search of that name, no step longer than `largest` times the direction.

    Errors: ValueError listing the names there are.
    """
    if name == "backtracking":
        condition = options.pop("condition", "armijo")
        if condition == "armijo":
            return armijo_step(
                evaluate, value_of, x, direction, value, grad, first, maxls, largest, **options
            )
        return conditional_step(
            evaluate, x, direction, value, grad, aux, first, condition=condition, maxls=maxls,
            largest=largest, **options,
        )  # fmt: skip
    if name not in SEARCHES:
        raise ValueError(f"linesearch must be one of {list(search_names())}, got {name!r}")
    return SEARCHES[name](
        evaluate, x, direction, value, grad, aux, first, maxls=maxls, largest=largest, **options
    )
