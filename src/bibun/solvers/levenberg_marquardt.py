"""Levenberg–Marquardt: damped Gauss–Newton.

Steps solve min ‖J d + r‖² + μ‖D d‖² by QR of the stacked matrix; D are the column norms of J,
never decreasing (Moré, 1978), so that the method does not depend on the scale of the
parameters. μ follows Nielsen's rule (1999): it shrinks smoothly with the gain ratio, and grows
ever faster while steps fail. Madsen, Nielsen & Tingleff (2004), §3.2.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bibun import numpy as bnp
from bibun.solvers import loop
from bibun.solvers.base import norm
from bibun.solvers.least_squares import LeastSquaresSolver, LeastSquaresState, damped_step


@dataclasses.dataclass(eq=False)
class LevenbergMarquardt(LeastSquaresSolver):
    """Minimize ½‖residual_fun(params, *args, **kwargs)‖².

    `damping_parameter`: μ of the first step, relative to the columns' norms.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> lm = solvers.LevenbergMarquardt(lambda x: bnp.stack([10.0 * (x[1] - x[0] ** 2), 1 - x[0]]))
    >>> [round(float(v), 6) for v in lm.run(bnp.array([-1.2, 1.0])).params]
    [1.0, 1.0]
    """

    damping_parameter: float = 1e-3
    maxiter: int = dataclasses.field(default=1000, kw_only=True)

    def _damping(self, x: Any, jacobian: Any, scale: Any) -> Any:
        return bnp.full((), self.damping_parameter, dtype=x.dtype)

    def _step(self, p: Any, x: Any, state: LeastSquaresState) -> Any:
        r, j, mu, scale = state.residual, state.jacobian, state.damping, state.scale
        d = damped_step(j, r, mu, scale)
        model = j @ d
        moved = scale * d
        predicted = 0.5 * bnp.sum(model * model) + mu * bnp.sum(moved * moved)
        new = x + d
        r_new, aux_new = p.residual(new)
        value = 0.5 * bnp.sum(r_new * r_new)
        actual = state.value - value
        gain = actual / bnp.where(predicted > 0, predicted, 1.0)
        good = (gain > 1e-4) & bnp.isfinite(value)

        def accept() -> Any:
            j_new = p.jacobian(new, r.shape[0])
            shrink = bnp.maximum(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3)
            return (
                new, value, r_new, j_new, bnp.maximum(mu * shrink, 1e-16),
                bnp.full_like(mu, 2.0), self._scale(j_new, scale), aux_new,
            )  # fmt: skip

        def reject() -> Any:
            return (
                x, state.value, r, j, bnp.minimum(mu * state.growth, 1e32), 2.0 * state.growth,
                scale, state.aux,
            )  # fmt: skip

        new, value, r_new, j_new, mu, growth, scale, aux = loop.cond(good, accept, reject)
        error = norm(j_new.T @ r_new)
        actual = bnp.where(bnp.isfinite(actual), actual, bnp.inf)
        status = self._end(error, actual, predicted, state.value, d, x)
        return new, LeastSquaresState(
            state.iter_num + 1, value, error, status, r_new, j_new, mu, growth, scale, aux
        )
