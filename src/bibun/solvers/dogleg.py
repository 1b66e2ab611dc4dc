"""Powell's dogleg: a trust region with a path of two straight pieces.

Inside the (scaled) trust region of radius Δ the step goes along the steepest descent direction
to the Cauchy point and from there towards the Gauss–Newton point. Powell (1970); Nocedal &
Wright, *Numerical Optimization*, 2nd ed., §4.1; Madsen, Nielsen & Tingleff (2004), §3.3.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bibun import lax
from bibun import numpy as bnp
from bibun.solvers import loop
from bibun.solvers.base import norm
from bibun.solvers.least_squares import LeastSquaresSolver, LeastSquaresState


@dataclasses.dataclass(eq=False)
class Dogleg(LeastSquaresSolver):
    """Minimize ½‖residual_fun(params, *args, **kwargs)‖² within a trust region.

    `initial_radius`: of the first region, relative to the scaled start (MINPACK's factor).

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> dl = solvers.Dogleg(lambda x: bnp.stack([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]]))
    >>> [round(float(v), 6) for v in dl.run(bnp.array([-1.2, 1.0])).params]
    [1.0, 1.0]
    """

    initial_radius: float = 100.0
    maxiter: int = dataclasses.field(default=1000, kw_only=True)

    def _damping(self, x: Any, jacobian: Any, scale: Any) -> Any:
        size = norm(scale * x)
        return self.initial_radius * bnp.where(size > 0, size, 1.0)

    def _step(self, p: Any, x: Any, state: LeastSquaresState) -> Any:
        r, j, radius, scale = state.residual, state.jacobian, state.damping, state.scale
        js = j / scale  # in scaled parameters
        g = js.T @ r
        jg = js @ g
        square, curvature = bnp.sum(g * g), bnp.sum(jg * jg)
        cauchy = -square / bnp.where(curvature > 0, curvature, 1.0) * g
        newton = _gauss_newton(js, r)
        newton = bnp.where(bnp.all(bnp.isfinite(newton)), newton, cauchy)
        d = _dogleg(cauchy, newton, g, radius)
        model = r + js @ d
        predicted = state.value - 0.5 * bnp.sum(model * model)
        new = x + d / scale
        r_new, aux_new = p.residual(new)
        value = 0.5 * bnp.sum(r_new * r_new)
        actual = state.value - value
        gain = bnp.where(
            bnp.isfinite(value), actual / bnp.where(predicted > 0, predicted, 1.0), -1.0
        )
        length = norm(d)
        radius = bnp.where(
            gain < 0.25, 0.25 * length,
            bnp.where(gain > 0.75, bnp.maximum(radius, 3.0 * length), radius),
        )

        def accept() -> Any:
            j_new = p.jacobian(new, r.shape[0])
            return new, value, r_new, j_new, self._scale(j_new, scale), aux_new

        def reject() -> Any:
            return x, state.value, r, j, scale, state.aux

        at, value, r, j, scale, aux = loop.cond(gain > 1e-4, accept, reject)
        error = norm(j.T @ r)
        actual = bnp.where(bnp.isfinite(actual), actual, bnp.inf)
        status = self._end(error, actual, predicted, state.value, d / scale, x)
        return at, LeastSquaresState(
            state.iter_num + 1, value, error, status, r, j, radius, state.growth, scale, aux
        )


def _gauss_newton(j: Any, r: Any) -> Any:
    """The shortest d that minimizes ‖J d + r‖, but for what half the digits cannot tell from zero.

    In a flat valley the Jacobian is nearly singular and the step along it is rounding error: with
    it, Biggs' exponential (Moré, Garbow & Hillstrom 1981, 18) took 400 steps or failed, without it
    60.
    """
    if j.shape[0] < j.shape[1]:
        return -(bnp.linalg.pinv(j) @ r)
    q, upper = lax.linalg.qr(j, full_matrices=False)
    return -(bnp.linalg.pinv(upper, rtol=bnp.finfo(r.dtype).eps ** 0.5) @ (q.T @ r))


def _dogleg(cauchy: Any, newton: Any, g: Any, radius: Any) -> Any:
    """The point of the dogleg path at distance `radius`, or its end."""
    short = norm(cauchy) >= radius
    along = -g * radius / bnp.maximum(norm(g), 1e-300)
    leg = newton - cauchy
    a, b = bnp.sum(leg * leg), bnp.sum(cauchy * leg)
    c = bnp.sum(cauchy * cauchy) - radius * radius
    root = bnp.sqrt(bnp.maximum(b * b - a * c, 0.0))
    # the stable one of the two formulas for the positive root
    t = bnp.where(b > 0, -c / bnp.maximum(b + root, 1e-300), (root - b) / bnp.maximum(a, 1e-300))
    bent = cauchy + bnp.clip(t, 0.0, 1.0) * leg
    return bnp.where(norm(newton) <= radius, newton, bnp.where(short, along, bent))
