"""Mirror descent: gradient steps in another geometry.

x⁺ = projection_grad(x, ∇f(x), stepsize, hyperparams); with the entropy as the mirror map on the
simplex these are the multiplicative updates x⁺ ∝ x exp(-t ∇f) (Beck & Teboulle, 2003).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import grad as gradient
from bibun import numpy as bnp
from bibun import tree
from bibun.solvers.base import IterativeSolver, flat, is_converged, norm, reason
from bibun.solvers.proximal_gradient import _Composite


class MirrorDescentState(NamedTuple):
    """State: iterations, objective, length of the last step, status."""

    iter_num: Any
    value: Any
    error: Any
    status: Any
    aux: Any

    converged = property(is_converged)
    reason = property(reason)


def projection_grad_simplex(x: Any, grad: Any, stepsize: Any, hyperparams: Any = None) -> Any:
    """The entropic step on the simplex (all leaves together), whose sum is 1."""
    del hyperparams
    v, back = tree.ravel(x)
    g, _ = tree.ravel(grad)
    logits = bnp.log(bnp.maximum(v, bnp.finfo(v.dtype).tiny)) - stepsize * g
    w = bnp.exp(logits - bnp.max(logits))
    return back(w / bnp.sum(w))


@dataclasses.dataclass(eq=False)
class MirrorDescent(IterativeSolver):
    """Minimize over a set whose geometry is given by a mirror map.

    `projection_grad(x, grad, stepsize, hyperparams)` returns the next point;
    `MirrorDescent.make_projection_grad(projection, mapping_fun)` makes one from a projection in
    the dual space and the mirror map. Default: the entropic step on the simplex.
    `stepsize`: a number or a function of the iteration. `run(init_params, hyperparams_proj,
    *args, **kwargs)`. `state.error` is ‖x⁺ - x‖ / stepsize.

    >>> import bibun.numpy as bnp
    >>> from bibun import solvers
    >>> md = solvers.MirrorDescent(lambda x: bnp.sum((x - bnp.array([0.7, 0.3])) ** 2))
    >>> [round(float(v), 4) for v in md.run(bnp.ones(2) / 2, None).params]
    [0.7, 0.3]
    """

    fun: Callable[..., Any]
    projection_grad: Callable[..., Any] = projection_grad_simplex
    stepsize: float | Callable[[Any], Any] = 1.0
    value_and_grad: bool = False
    has_aux: bool = False
    prox = None  # a plain attribute: no field of the dataclass

    @staticmethod
    def make_projection_grad(
        projection: Callable[..., Any], mapping_fun: Callable[[Any], Any]
    ) -> Callable[..., Any]:
        """`projection(∇φ(x) - t g, hyperparams)` for a mirror map φ (`mapping_fun`)."""

        def projection_grad(x: Any, grad: Any, stepsize: Any, hyperparams: Any) -> Any:
            dual = gradient(mapping_fun)(x)
            return projection(
                tree.map(lambda d, g: d - stepsize * g, dual, grad), hyperparams
            )

        return projection_grad

    def _problem(self, params: Any, args: tuple[Any, ...], kwargs: dict) -> _Composite:
        if "hyperparams_proj" in kwargs:
            kwargs = {**kwargs, "hyperparams_prox": kwargs["hyperparams_proj"]}
            del kwargs["hyperparams_proj"]
        return _Composite(self, params, args, kwargs)

    def _next(self, p: Any, x: Any, g: Any, size: Any) -> Any:
        return flat(self.projection_grad(p.back(x), p.back(g), size, p.hyper))[0]

    def _residual(self, p: Any, x: Any) -> Any:
        return x - self._next(p, x, p.grad(x), 1.0)

    def _start(self, p: Any, x: Any) -> MirrorDescentState:
        value, aux = p.full(x)
        return MirrorDescentState(
            bnp.asarray(0), value, bnp.full_like(value, bnp.inf), bnp.asarray(0),
            aux,
        )  # fmt: skip

    def _step(self, p: Any, x: Any, state: MirrorDescentState) -> Any:
        size = self.stepsize(state.iter_num) if callable(self.stepsize) else self.stepsize
        _, _, g = p.value_and_grad(x)
        new = self._next(p, x, g, size)
        value, aux = p.full(new)
        error = norm(new - x) / size
        return new, MirrorDescentState(
            state.iter_num + 1, value, error, self._status(error), aux
        )
