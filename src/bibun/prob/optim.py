"""Optimizers by NumPyro's names: thin faces of `bibun.optimizers` and `bibun.optim`, for SVI.

An optimizer here is an object with `init`, `update` and `get_params`, as SVI takes and as a loop
of one's own may use: `state = opt.init(params)`, `state = opt.update(grads, state)`,
`opt.get_params(state)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bibun.numpy as bnp
from bibun import optim, optimizers, tree
from bibun.solvers import BFGS
from bibun.transforms import jacfwd, value_and_grad


class _Optimizer:
    """The triple (init, update, get_params) of `bibun.optimizers`, with its step count."""

    def __init__(self, triple: Any) -> None:
        self.init_fn, self.update_fn, self.params_fn = triple

    def init(self, params: Any) -> tuple[Any, Any]:
        """(number of steps done, the optimizer's state) at starting parameters."""
        return bnp.asarray(0), self.init_fn(params)

    def update(self, grads: Any, state: tuple[Any, Any], **extra: Any) -> tuple[Any, Any]:
        """The state after a step down `grads`. `extra`: what a line search needs."""
        step, inner = state
        return step + 1, self.update_fn(step, grads, inner)

    def get_params(self, state: tuple[Any, Any]) -> Any:
        """The parameters at a state."""
        return self.params_fn(state[1])

    def eval_and_update(
        self, fn: Callable[[Any], tuple[Any, Any]], state: tuple[Any, Any],
        forward_mode_differentiation: bool = False,
    ) -> tuple[tuple[Any, Any], tuple[Any, Any]]:  # fmt: skip
        """((loss, aux), next state) for `fn(params) -> (loss, aux)`."""
        params = self.get_params(state)
        if forward_mode_differentiation:
            (loss, aux), grads = fn(params), jacfwd(lambda p: fn(p)[0])(params)
        else:
            (loss, aux), grads = value_and_grad(fn, has_aux=True)(params)
        extra = {"value": loss, "grad": grads, "value_fn": lambda p: fn(p)[0]}
        return (loss, aux), self.update(grads, state, **extra)

    def eval_and_stable_update(
        self, fn: Callable[[Any], tuple[Any, Any]], state: tuple[Any, Any],
        forward_mode_differentiation: bool = False,
    ) -> tuple[tuple[Any, Any], tuple[Any, Any]]:  # fmt: skip
        """As `eval_and_update`, but the state stays where loss or new state are not finite."""
        out, moved = self.eval_and_update(fn, state, forward_mode_differentiation)
        return out, moved_if_finite(out[0], moved, state)


def moved_if_finite(loss: Any, moved: Any, before: Any) -> Any:
    """The state `moved` where it and the loss are finite, else the state `before`."""
    finite = bnp.isfinite(loss)
    for x in tree.leaves(moved):
        finite = finite & bnp.all(bnp.isfinite(x))
    return tree.map(lambda a, b: bnp.where(finite, a, b), moved, before)


def _named(name: str, make: Callable[..., Any]) -> type[_Optimizer]:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        _Optimizer.__init__(self, make(*args, **kwargs))

    doc = (
        f"`bibun.optimizers.{make.__name__}` as an object for SVI; its arguments are the same.\n\n"
        f"    >>> opt = {name}(0.1{', 0.9' if name == 'Momentum' else ''})\n"
        '    >>> state = opt.update({"x": 1.0}, opt.init({"x": 1.0}))\n'
        '    >>> bool(opt.get_params(state)["x"] < 1.0)\n    True\n'
    )
    return type(name, (_Optimizer,), {"__init__": __init__, "__doc__": doc, "__module__": __name__})


Adagrad = _named("Adagrad", optimizers.adagrad)
Adam = _named("Adam", optimizers.adam)
Momentum = _named("Momentum", optimizers.momentum)
RMSProp = _named("RMSProp", optimizers.rmsprop)
RMSPropMomentum = _named("RMSPropMomentum", optimizers.rmsprop_momentum)
SGD = _named("SGD", optimizers.sgd)
SM3 = _named("SM3", optimizers.sm3)


class ClippedAdam(_Optimizer):
    """Adam on gradients whose elements are cut to [-clip_norm, clip_norm].

    >>> opt = ClippedAdam(0.1, clip_norm=1.0)
    >>> state = opt.update({"x": 1e9}, opt.init({"x": 1.0}))
    >>> round(float(opt.get_params(state)["x"]), 6)
    0.9
    """

    def __init__(self, *args: Any, clip_norm: float = 10.0, **kwargs: Any) -> None:
        super().__init__(optimizers.adam(*args, **kwargs))
        self.clip_norm = float(clip_norm)

    def update(self, grads: Any, state: tuple[Any, Any], **extra: Any) -> tuple[Any, Any]:
        cut = tree.map(lambda g: bnp.clip(g, -self.clip_norm, self.clip_norm), grads)
        return super().update(cut, state)


class _FromTransformation(_Optimizer):
    """A transformation of `bibun.optim`, which may look at the parameters and the loss."""

    def __init__(self, transformation: Any) -> None:
        self.transformation = optim.with_extra_args_support(transformation)
        super().__init__((self._start, None, lambda state: state[0]))

    def _start(self, params: Any) -> tuple[Any, Any]:
        return params, self.transformation.init(params)

    def update(self, grads: Any, state: tuple[Any, Any], **extra: Any) -> tuple[Any, Any]:
        step, (params, inner) = state
        updates, inner = self.transformation.update(grads, inner, params, **extra)
        return step + 1, (optim.apply_updates(params, updates), inner)


def optax_to_numpyro(transformation: Any) -> _Optimizer:
    """A transformation of `bibun.optim` as an optimizer here; SVI takes either.

    >>> opt = optax_to_numpyro(optim.sgd(0.5))
    >>> float(opt.get_params(opt.update({"x": 1.0}, opt.init({"x": 1.0})))["x"])
    0.5
    """
    return _FromTransformation(transformation)


class Minimize(_Optimizer):
    """A whole minimisation a step, by BFGS: for losses without noise, such as with AutoDelta.

    `method`: "BFGS". Other keywords are those of `bibun.solvers.BFGS`: `maxiter`, `tol`, ...

    >>> opt = Minimize()
    >>> def loss(p):
    ...     return (p["x"] - 3.0) ** 2, None
    >>> (value, _), state = opt.eval_and_update(loss, opt.init({"x": 0.0}))
    >>> round(float(opt.get_params(state)["x"]), 6)
    3.0
    """

    def __init__(self, method: str = "BFGS", **kwargs: Any) -> None:
        if method != "BFGS":
            raise ValueError(f"Minimize: method must be 'BFGS', got {method!r}")
        super().__init__((lambda params: params, None, lambda params: params))
        self.kwargs = kwargs

    def update(self, grads: Any, state: tuple[Any, Any], **extra: Any) -> tuple[Any, Any]:
        """Errors: ValueError: it needs the loss itself, `eval_and_update`."""
        raise ValueError("Minimize needs the loss, not its gradients: use eval_and_update")

    def eval_and_update(
        self, fn: Callable[[Any], tuple[Any, Any]], state: tuple[Any, Any],
        forward_mode_differentiation: bool = False,
    ) -> tuple[tuple[Any, Any], tuple[Any, Any]]:  # fmt: skip
        """((loss, aux), next state): both at the minimum found from the state."""
        if forward_mode_differentiation:
            raise NotImplementedError("Minimize takes gradients by reverse mode")
        solver = BFGS(fun=lambda params: fn(params)[0], **self.kwargs)
        params, _ = solver.run(tree.map(bnp.asarray, state[1]))
        return fn(params), (state[0] + 1, params)


def as_optimizer(given: Any) -> _Optimizer:
    """What SVI takes, as an optimizer of this module.

    Errors: TypeError for what is neither that, nor a transformation of `bibun.optim`, nor a
    triple of `bibun.optimizers`.
    """
    if isinstance(given, _Optimizer):
        return given
    if hasattr(given, "init") and hasattr(given, "update"):
        return _FromTransformation(given)
    if isinstance(given, tuple) and len(given) == 3:
        return _Optimizer(given)
    raise TypeError(
        "SVI: optim must be an optimizer of bibun.prob.optim, a gradient transformation of "
        f"bibun.optim or a triple of bibun.optimizers, got {type(given).__name__}"
    )


__all__ = [
    "Adagrad", "Adam", "ClippedAdam", "Minimize", "Momentum", "RMSProp", "RMSPropMomentum", "SGD",
    "SM3", "optax_to_numpyro",
]  # fmt: skip
