"""Block coordinate descent: one coordinate (or row) after the other, in full steps.

minimize f(x, data) + Σ_j g(x_j), f(x) = subfun(X x): for each j in turn a gradient step with the
curvature L_j along j alone, then the block's prox. The predictions X x are kept, so a step
costs one column of X. Beck & Tetruashvili (2013); for the lasso this is glmnet's method.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import grad as gradient
from bibun import lax, tree, vmap
from bibun import numpy as bnp
from bibun.solvers.base import RUNNING, IterativeSolver, flat, is_converged, reason
from bibun.solvers.objective import CompositeLinearFunction
from bibun.solvers.proximal_gradient import _Composite


class BlockCoordinateDescentState(NamedTuple):
    """State: sweeps, f, length of the last sweep's change, status; predictions X x."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    predictions: Any

    converged = property(is_converged)
    reason = property(reason)


@dataclasses.dataclass(eq=False)
class BlockCoordinateDescent(IterativeSolver):
    """Minimize a composite linear function plus a separable term.

    `fun`: an `objective.CompositeLinearFunction`; `block_prox(x_j, hyperparams, scaling)` the
    operator for one coordinate (or row of a matrix of params). `run(init_params,
    hyperparams_prox, *args)`, mostly with args = (data,), data = (X, y). `maxiter` counts sweeps
    over all coordinates.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> lasso = solvers.BlockCoordinateDescent(
    ...     solvers.objective.least_squares, solvers.prox.prox_lasso)
    >>> data = bnp.array([[1.0, 0.0], [0.0, 2.0]]), bnp.array([3.0, 0.1])
    >>> [round(float(v), 6) for v in lasso.run(bnp.zeros(2), 0.5, data).params]
    [2.0, 0.0]
    """

    fun: Any
    block_prox: Callable[..., Any]
    tol: float = dataclasses.field(default=1e-4, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.fun, CompositeLinearFunction):
            raise TypeError(
                "BlockCoordinateDescent: fun must be an objective.CompositeLinearFunction, got "
                f"{self.fun!r}"
            )

    @property
    def prox(self) -> Callable[..., Any]:
        """The operator for all coordinates."""
        return lambda x, hyper, scaling: vmap(
            lambda row: self.block_prox(row, hyper, scaling))(x)  # fmt: skip

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> _Composite:
        if not tree.treedef_is_leaf(tree.structure(params)) or bnp.ndim(params) not in (1, 2):
            raise TypeError(
                "BlockCoordinateDescent: params must be one array of coordinates, or of rows"
            )
        return _Composite(self, params, args, kwargs)

    def _residual(self, p: Any, x: Any) -> Any:
        return x - p.prox(x - p.grad(x), 1.0)

    def _start(self, p: Any, x: Any) -> BlockCoordinateDescentState:
        predictions = self.fun.matrix(*p.args, **p.kwargs) @ p.back(x)
        value = p.value(x)
        far = bnp.full_like(value, bnp.inf)
        return BlockCoordinateDescentState(
            bnp.asarray(0), value, far, bnp.asarray(RUNNING), predictions
        )

    def _step(self, p: Any, x: Any, state: BlockCoordinateDescentState) -> Any:
        features = self.fun.matrix(*p.args, **p.kwargs)
        bounds = self.fun.columnwise_lipschitz_const(*p.args, **p.kwargs)
        sizes = 1.0 / bnp.where(bounds > 0, bounds, 1.0)
        slope = gradient(lambda predictions: self.fun.subfun(predictions, *p.args, **p.kwargs))
        linear = None if self.fun.linear is None else self.fun.linear(*p.args, **p.kwargs)

        def one(j: Any, carry: Any) -> Any:
            w, predictions, total = carry
            column = features[:, j]
            g = column @ slope(predictions)
            g = g if linear is None else g + linear[j]
            new = self.block_prox(w[j] - sizes[j] * g, p.hyper, sizes[j])
            change = new - w[j]
            moved = column * change if change.ndim == 0 else column[:, None] * change
            return w.at[j].set(new), predictions + moved, total + bnp.sum(change * change)

        w = p.back(x)
        first = (w, state.predictions, bnp.zeros((), x.dtype))
        w, predictions, total = lax.fori_loop(0, w.shape[0], one, first)
        error = bnp.where(total > 0, bnp.sqrt(bnp.where(total > 0, total, 1.0)), 0.0)
        x = flat(w)[0]
        value = p.value(x)
        return x, BlockCoordinateDescentState(
            state.iter_num + 1, value, error, self._status(error, value=value), predictions
        )
