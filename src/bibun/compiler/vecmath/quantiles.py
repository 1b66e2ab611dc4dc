"""Inverses of the incomplete gamma and beta functions, in their last argument.

In u = log x the density of log X, X of Gamma(a), is log-concave, and in u = log(x/(1-x)) that of
Beta(a, b) is; so the logarithm of the smaller one of distribution function and tail is concave
in u, and Halley's iteration on it converges from anywhere: h = log S - log s with h' = ±D/S and
h'' = h' ((log D)' - h'), D the density of u. Gamma starts from Wilson and Hilferty's cube
(Proc. Nat. Acad. Sci. 17, 1931), Beta from a normal u, both for small shapes from the leading
power, which is exact where x is tiny. The result is as good as the incomplete function is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun.compiler.vecmath.beta_integrals import beta_weight, tails
from bibun.compiler.vecmath.gamma_integrals import weight
from bibun.compiler.vecmath.num import Num, call, isnan, kernel, parts, repeat, sqrt, where, widened

INF, NAN = float("inf"), float("nan")
STEPS = 60
CLOSE = 2.0**-50


def _solve(
    u: Num, home: Num, goal: Num, lower: Num, active: Num,
    local: Callable[[Num], tuple[Num, Num, Num]],
) -> Num:  # fmt: skip
    """u where the distribution function (where `lower`) or its tail is `goal`, starting from u.

    `local(u)`: the one that is meant, the density of u, and its logarithm's slope. Where they
    underflow, u goes half the way home, to the mode.
    """
    target = call("log", goal)

    def step(k: Num, u: Num) -> tuple[Any, Num]:
        s, d, turn = local(u)
        h = call("log", s) - target
        slope = where(lower, d, -d) / s
        newton = -h / slope
        bend = 1.0 + 0.5 * newton * (turn - slope)
        bend = where(bend > 0.5, where(bend < 2.0, bend, 2.0), 0.5)
        change = newton / bend
        change = where((s > 0.0) & (d > 0.0), change, 0.5 * (home - u))
        return (u + change,), abs(change) > CLOSE * (1.0 + abs(u))

    return repeat(active, (u,), step, STEPS)[0]


def _normal(goal: Num, lower: Num) -> Num:
    """The normal quantile to three digits (Abramowitz and Stegun 26.2.22), for goal <= 1/2."""
    t = sqrt(-2.0 * call("log", goal))
    z = t - (2.30753 + 0.27061 * t) / (1.0 + t * (0.99229 + 0.04481 * t))
    return where(lower, -z, z)


def _gamma(a: Num, p: Num, tail: bool) -> Num:
    """x with P(a, x) = p, or with Q(a, x) = p if `tail`."""
    inside = (a > 0.0) & (a < INF) & (p > 0.0) & (p < 1.0)
    shape, p_ = where(inside, a, 1.0), where(inside, p, 0.5)
    half = p_ <= 0.5
    goal = where(half, p_, 1.0 - p_)
    lower = ~half if tail else half
    cube = 1.0 + (_normal(goal, lower) * sqrt(shape) - 1.0 / 3.0) / (3.0 * shape)
    power = (call("log", where(lower, goal, 1.0 - goal)) + call("lgamma", shape + 1.0)) / shape
    safe = where(cube > 0.3, cube, 0.3)
    u = where((cube > 0.3) & (shape > 0.5), call("log", shape) + 3.0 * call("log", safe), power)
    # what is left of the tail at a + L + √(2aL) is less than e^-L (Chernoff's bound)
    rest = -call("log", goal)
    most = call("log", shape + rest + sqrt(2.0 * shape * rest))
    u = where(~lower & ((most < u) | ((goal < 0.01) & (shape <= 0.5))), most, u)

    def local(u: Num) -> tuple[Num, Num, Num]:
        x = call("exp", u)
        s = where(lower, call("igamma", shape, x), call("igammac", shape, x))
        return s, weight(shape, x, (x - shape) / shape), shape - x

    exact = lower & (power < -40.0)
    u = _solve(where(exact, power, u), call("log", shape), goal, lower, inside & ~exact, local)
    x = call("exp", u)
    ends = (a > 0.0) & (a < INF)
    none, all_ = (1.0, 0.0) if tail else (0.0, 1.0)
    x = where(inside, x, NAN)
    x = where(ends & (p == none), 0.0, where(ends & (p == all_), INF, x))
    return where(isnan(a) | isnan(p), NAN, x)


@widened
@kernel
def igamma_inv(a: Num, p: Num) -> Num:
    return _gamma(a, p, tail=False)


@widened
@kernel
def igammac_inv(a: Num, q: Num) -> Num:
    return _gamma(a, q, tail=True)


def _beta(a: Num, b: Num, p: Num) -> tuple[Num, Num]:
    """x with I_x(a, b) = p, and log(x/(1 - x))."""
    shapes = (a > 0.0) & (b > 0.0) & (a < INF) & (b < INF)
    inside = shapes & (p > 0.0) & (p < 1.0)
    a_, b_ = where(inside, a, 1.0), where(inside, b, 1.0)
    p_ = where(inside, p, 0.5)
    lower = p_ <= 0.5
    goal = where(lower, p_, 1.0 - p_)

    def point(u: Num) -> tuple[Num, Num]:
        e = call("exp", -abs(u))
        small, large = e / (1.0 + e), 1.0 / (1.0 + e)
        up = u > 0.0
        return where(up, large, small), where(up, small, large)

    def local(u: Num) -> tuple[Num, Num, Num]:
        x, y = point(u)
        below, above = tails(a_, b_, x, y)
        return where(lower, below, above), beta_weight(a_, b_, x, y), a_ * y - b_ * x

    # about normal with variance 1/a + 1/b, or about a power
    own = where(lower, a_, b_)
    home = call("log", a_) - call("log", b_)
    middle = home + _normal(goal, lower) * sqrt(1.0 / a_ + 1.0 / b_)
    size = call("lgamma", own + 1.0) + call("lgamma", where(lower, b_, a_))
    power = (call("log", goal) + size - call("lgamma", a_ + b_)) / own
    start = where(own < 0.6, where(lower, power, -power), middle)
    exact = (own < 0.6) & (power < -600.0) & (a_ + b_ < 1e100)
    u = _solve(start, home, goal, lower, inside & ~exact, local)
    x, _ = point(u)
    none, all_ = shapes & (p == 0.0), shapes & (p == 1.0)
    return (
        where(inside, x, where(none, 0.0, where(all_, 1.0, p.const(NAN)))),
        where(inside, u, where(none, -INF, where(all_, INF, p.const(NAN)))),
    )


betainc_inv, betainc_inv_logit = parts("betainc_inv betainc_inv_logit", _beta, widen=True)
