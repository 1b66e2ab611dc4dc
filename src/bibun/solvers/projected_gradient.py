"""Projected gradient descent: minimization over a convex set.

Gradient steps followed by the projection onto the set: proximal gradient descent whose
operator is the projection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from bibun.solvers.prox import make_prox_from_projection
from bibun.solvers.proximal_gradient import ProximalGradientState, ProximalSteps

ProjectedGradientState = ProximalGradientState


@dataclasses.dataclass(eq=False)
class ProjectedGradient(ProximalSteps):
    """Minimize a smooth function over a set known by its projection.

    `projection(x, hyperparams)`: see `bibun.solvers.projection`.
    `run(init_params, hyperparams_proj, *args, **kwargs)`; hyperparameters may be differentiated.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> pg = solvers.ProjectedGradient(lambda x: bnp.sum((x - 2.0) ** 2),
    ...                                solvers.projection.projection_box)
    >>> [round(float(v), 6) for v in pg.run(bnp.zeros(2), (0.0, bnp.array([1.0, 3.0]))).params]
    [1.0, 2.0]
    """

    projection: Callable[..., Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.prox = make_prox_from_projection(self.projection)  # type: ignore[misc]

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> Any:
        if "hyperparams_proj" in kwargs:
            kwargs = {**kwargs, "hyperparams_prox": kwargs["hyperparams_proj"]}
            del kwargs["hyperparams_proj"]
        return super()._problem(params, args, kwargs)
