"""Gradient descent, with backtracking and Nesterov's acceleration.

The step x⁺ = y - t ∇f(y) is taken with the largest t of a backtracking sequence for which the
quadratic model with curvature 1/t bounds f from above (Beck & Teboulle, FISTA, 2009); with
`acceleration`, y is the extrapolated point, and the momentum starts anew where it points
uphill (O'Donoghue & Candès, 2015).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bibun.solvers.proximal_gradient import ProximalGradientState, ProximalSteps

GradientDescentState = ProximalGradientState


@dataclasses.dataclass(eq=False)
class GradientDescent(ProximalSteps):
    """Minimize a smooth function by gradient steps.

    `fun(params, *args, **kwargs)` returns a scalar (and an auxiliary output if `has_aux`; and
    its gradient if `value_and_grad`). `stepsize`: fixed if positive, found by backtracking
    otherwise (0). `error` is the norm of the gradient.

    >>> import bibun
    >>> from bibun import solvers
    >>> gd = solvers.GradientDescent(fun=lambda x, a: (x - a) ** 2, maxiter=500)
    >>> params, state = gd.run(init_params=0.0, a=3.0)
    >>> round(float(params), 6), bool(state.converged)
    (3.0, True)
    >>> round(float(bibun.grad(lambda a: gd.run(0.0, a=a).params)(3.0)), 6)
    1.0
    """

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        return super()._problem(params, (None, *args), kwargs)  # no proximal operator
