"""`odeint`: initial value problems by Dormand and Prince's method of order 5(4).

One `scan` over the times asked for, and in it a `while_loop` of steps with error control; the
solution between steps is the method's own interpolant of order 4. Derivatives, in both modes
and of every order, are those of this algorithm ("discretise, then differentiate"); the choice
of step sizes counts as constant. Everything works on one flat vector; any pytree may go in.

Source: E. Hairer, S. Nørsett, G. Wanner, "Solving Ordinary Differential Equations I", II.4-6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bibun.numpy as bnp
from bibun import tree
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import concrete, promote_inexact

__all__ = ["odeint"]

_C = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_A = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
# the difference of the solutions of order 5 and 4
_E = (
    71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40,
)  # fmt: skip
# the last coefficient of the interpolant (Hairer's dopri5.f)
_D = (
    -12715105075 / 11282082432, 0.0, 87487479700 / 32700410799, -10690763975 / 1880347072,
    701980252875 / 199316789632, -1453857185 / 822651844, 69997945 / 29380423,
)  # fmt: skip


def _combined(weights: Any, slopes: Any) -> Any:
    return sum(w * k for w, k in zip(weights, slopes, strict=True) if w)


def _step(f: Callable[..., Any], y: Any, k1: Any, t: Any, h: Any) -> tuple[Any, ...]:
    """(y at t + h, its slope, the error, coefficients of the interpolant)."""
    slopes = [k1]
    for c, row in zip(_C, _A, strict=True):
        slopes.append(f(y + h * _combined(row, slopes), t + c * h))
    new = y + h * _combined(_A[-1], slopes[:-1])
    change = new - y
    bend = h * k1 - change
    inner = (
        y, change, bend, change - h * slopes[-1] - bend, h * _combined(_D, slopes),
    )  # fmt: skip
    return new, slopes[-1], h * _combined(_E, slopes), inner


def _between(inner: Any, theta: Any) -> Any:
    """The interpolant at the fraction theta of the last step."""
    r1, r2, r3, r4, r5 = inner
    rest = 1 - theta
    return r1 + theta * (r2 + rest * (r3 + theta * (r4 + rest * r5)))


def odeint(
    func: Callable[..., Any], y0: Any, t: Any, args: tuple[Any, ...] = (), *,
    tfirst: bool = False, rtol: Any = 1.4e-8, atol: Any = 1.4e-8, h0: Any = 0.0,
    hmax: Any = 0.0, mxstep: int = 100_000,
) -> Any:  # fmt: skip
    """Solve dy/dt = func(y, t, *args) from y0 at t[0]; the solution at all times t.

    y0: an array or pytree, which func's result must match; t: (n,) ascending or descending,
    n >= 1. tfirst: func(t, y, *args). rtol, atol: of the error of a step (RMS norm). h0, hmax:
    first and largest step, 0 for automatic. Returns y0's structure with a first axis of n.
    Differentiable in y0, t, args and what func captures, in both modes.

    Errors: RuntimeError, in compiled code too, after `mxstep` steps between two times.

    >>> import bibun, bibun.numpy as bnp
    >>> from bibun.scipy.integrate import odeint
    >>> decay = lambda rate: odeint(lambda y, t: -rate * y, 1.0, bnp.array([0.0, 2.0]))[-1]
    >>> round(float(decay(0.5)), 6), round(float(bibun.grad(decay)(0.5)), 6)
    (0.367879, -0.735759)
    """
    from bibun import lax
    from bibun.ops.check import check_true
    from bibun.transforms import stop_gradient

    leaves = [bnp.asarray(v) for v in tree.leaves(y0)]
    y0 = tree.unflatten(tree.structure(y0), promote_inexact("odeint", *leaves))
    flat, back = tree.ravel(y0)
    if flat.size == 0:
        raise ShapeError("odeint: y0 has no elements")
    real = bnp.real(flat).dtype
    times = bnp.asarray(t).astype(real)
    if times.ndim != 1 or times.shape[0] == 0:
        raise ShapeError(f"odeint: t must be (n,) with n >= 1, got shape {times.shape}")
    known = concrete(times)
    if known is not None and not (
        (known[1:] >= known[:-1]).all() or (known[1:] <= known[:-1]).all()
    ):
        raise ValueError("odeint: t must ascend or descend")
    sign = stop_gradient(bnp.where(times[-1] < times[0], -1.0, 1.0).astype(real))
    clock = sign * times

    def f(y: Any, tau: Any) -> Any:
        now = sign * tau
        out = func(now, back(y), *args) if tfirst else func(back(y), now, *args)
        if tree.structure(out) != tree.structure(y0):
            raise TypeError(
                f"odeint: func returned {tree.structure(out)}, y0 is {tree.structure(y0)}"
            )
        slope = tree.ravel(out)[0]
        if slope.shape != y.shape:
            raise ShapeError(
                f"odeint: func returned {slope.shape[0]} numbers for a state of {y.shape[0]}"
            )
        return (sign * slope).astype(y.dtype)

    def size(err: Any, a: Any, b: Any) -> Any:
        """The error of a step in units of the tolerance, constant for derivatives."""
        err, a, b = (bnp.abs(stop_gradient(v)) for v in (err, a, b))
        ratio = err / (atol + rtol * bnp.maximum(a, b))
        return bnp.sqrt(bnp.mean(ratio * ratio))

    limit = bnp.inf if isinstance(hmax, int | float) and hmax == 0 else hmax
    slope0 = f(flat, clock[0])
    if isinstance(h0, int | float) and h0 == 0:
        first = _first_step(f, flat, slope0, clock[0], size)
    else:
        first = bnp.asarray(h0).astype(real)
    first = bnp.minimum(stop_gradient(first), limit)

    def unreached(target: Any) -> Callable[[Any], Any]:
        # a nan ends the loop: it would never arrive
        return lambda state: (state[3] < target) & (state[6] < mxstep) & (state[4] > 0)

    def advance(state: Any) -> Any:
        y, k, before, now, h, inner, count = state
        h = bnp.minimum(h, limit)
        new, slope, err, parts = _step(f, y, k, now, h)
        ratio = size(err, y, new)
        good = ratio <= 1
        grow = bnp.clip(0.9 * bnp.maximum(ratio, 1e-10) ** -0.2, 0.2, 10.0)
        grow = bnp.where(good, grow, bnp.minimum(grow, 1.0))
        nowhere = now + h <= now  # the step is below rounding: the solution is singular
        following = stop_gradient(bnp.where(nowhere, bnp.nan, h * grow))

        def pick(a: Any, b: Any) -> Any:
            return bnp.where(good, a, b)

        return (
            pick(new, y), pick(slope, k), pick(now, before), pick(now + h, now), following,
            tuple(map(pick, parts, inner)), count + 1,
        )  # fmt: skip

    def to(state: Any, target: Any) -> Any:
        state = lax.while_loop(unreached(target), advance, (*state, 0))
        y, _, before, now, h, inner, count = state
        late = now < target
        check_true(
            ~(late & (count >= mxstep)), target, now, error="runtime",
            message=f"odeint: {mxstep} steps did not reach t = {{}} (±), they ended at {{}}",
        )  # fmt: skip
        width = bnp.where(now > before, now - before, 1.0)
        theta = bnp.where(now > before, (target - before) / width, 1.0)
        out = bnp.where(late, bnp.nan, _between(inner, theta))
        return state[:-1], out

    zero = bnp.zeros_like(flat)
    start = (flat, slope0, clock[0], clock[0], first, (flat, zero, zero, zero, zero))
    if times.shape[0] == 1:
        rows = flat[None]
    else:
        _, rows = lax.scan(to, start, clock[1:])
        rows = bnp.concatenate([flat[None], rows])
    return _unraveled(rows, y0)


def _unraveled(rows: Value, y0: Any) -> Any:
    """(n, size) as y0's structure with a first axis of n."""
    out, start = [], 0
    for leaf in tree.leaves(y0):
        leaf = bnp.asarray(leaf)
        part = rows[:, start : start + leaf.size]
        out.append(part.reshape(rows.shape[0], *leaf.shape))
        start += leaf.size
    return tree.unflatten(tree.structure(y0), out)


def _first_step(f: Any, y: Any, slope: Any, now: Any, size: Any) -> Any:
    """Hairer's guess: an explicit Euler step tells the second derivative."""
    d0, d1 = size(y, y, y), size(slope, y, y)
    small = (d0 < 1e-5) | (d1 < 1e-5)
    h = bnp.where(small, 1e-6, 0.01 * d0 / bnp.where(small, 1.0, d1))
    d2 = size(f(y + h * slope, now + h) - slope, y, y) / h
    largest = bnp.maximum(d1, d2)
    flat = largest <= 1e-15
    new = bnp.where(
        flat, bnp.maximum(1e-6, h * 1e-3), (0.01 / bnp.where(flat, 1.0, largest)) ** 0.2
    )
    return bnp.minimum(100 * h, new)
