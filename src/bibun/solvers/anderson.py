"""Anderson acceleration of fixed-point iterations.

The next point combines the last m with weights α, Σα = 1, that minimize ‖Σ αᵢ (T(xᵢ) - xᵢ)‖:
x⁺ = Σ αᵢ (xᵢ + β (T(xᵢ) - xᵢ)). Anderson (1965); Walker & Ni (2011). The normal equations of the
small least-squares problem get a relative `ridge`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun.solvers.base import is_converged, norm, reason
from bibun.solvers.fixed_point import FixedPointIteration


class AndersonState(NamedTuple):
    """State: iterations, ½‖T(x) - x‖², ‖T(x) - x‖, status; last points and residuals."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    points: Any
    residuals: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


@dataclasses.dataclass(eq=False)
class AndersonAcceleration(FixedPointIteration):
    """Find a fixed point in fewer iterations than `FixedPointIteration`.

    `history_size`: how many points are combined. `mixing_frequency`: combine every so many
    iterations, plain steps between. `beta`: how far towards T.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> x, state = solvers.AndersonAcceleration(lambda x: bnp.cos(x)).run(1.0)
    >>> round(float(x), 6), int(state.iter_num) < 15
    (0.739085, True)
    """

    history_size: int = 5
    mixing_frequency: int = 1
    beta: float = 1.0
    ridge: float = 1e-10

    def _start(self, p: Any, x: Any) -> AndersonState:
        _, aux = p.residual(x)
        infinite = bnp.full((), bnp.inf, dtype=x.dtype)
        empty = bnp.zeros((self.history_size, x.shape[0]), dtype=x.dtype)
        return AndersonState(
            bnp.asarray(0), infinite, infinite, bnp.asarray(0), empty, empty, aux
        )

    def _step(self, p: Any, x: Any, state: AndersonState) -> tuple[Any, AndersonState]:
        image, aux = p.residual(x)
        r = image - x
        mixed, points, residuals, good = extrapolate(
            state.points, state.residuals, x, r, state.iter_num, self.beta, self.ridge
        )
        mix = bnp.equal(bnp.remainder(state.iter_num + 1, self.mixing_frequency), 0)
        mix = mix & (state.iter_num > 0) & good
        error = norm(r)
        done = error <= self.tol
        new = bnp.where(mix & ~done, mixed, image)
        return new, AndersonState(
            state.iter_num + 1, 0.5 * error * error, error, self._status(error), points,
            residuals, aux,
        )  # fmt: skip


def extrapolate(
    points: Any, residuals: Any, x: Any, r: Any, count: Any, beta: float, ridge: float
) -> tuple[Any, Any, Any, Any]:
    """Anderson's next point after x, whose residual is r, and the histories with both in them.

    `count`: how many points came before. Returns (point, points, residuals, is it usable).
    """
    m = points.shape[0]
    k = bnp.remainder(count, m)
    points, residuals = points.at[k].set(x), residuals.at[k].set(r)
    known = bnp.arange(m) <= count
    gram = bnp.where(known[:, None] & known[None, :], residuals @ residuals.T, 0.0)
    trace = bnp.sum(bnp.diagonal(gram))
    scale = bnp.where(trace > 0, trace, 1.0)
    # empty places: weight zero, through a unit diagonal
    diagonal = bnp.where(known, ridge, 1.0)
    weights = bnp.linalg.solve(
        gram / scale + bnp.diag(diagonal).astype(x.dtype), known.astype(x.dtype)
    )
    total = bnp.sum(weights)
    weights = weights / bnp.where(total != 0, total, 1.0)
    mixed = weights @ (points + beta * residuals)
    return mixed, points, residuals, bnp.all(bnp.isfinite(mixed)) & (total != 0)
