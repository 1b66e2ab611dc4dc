"""`Optimizer`: a transformation of `bibun.optim` with its state, for the parameters of a module."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import optim, tree
from bibun.nn.graph import Object
from bibun.nn.state import State, state, update
from bibun.nn.variables import OptState, OptVariable, Param, Variable


class Optimizer(Object):
    """Steps of `tx` for the Variables of a module that `wrt` takes.

    `optimizer.update(model, grads)` writes new parameters into the model; `grads` is what
    `nn.grad` of a function of the model gives. Further keywords go to `tx.update`.
    Errors: ValueError for gradients of other Variables.

    >>> from bibun import nn, optim
    >>> import bibun.numpy as bnp
    >>> model = nn.Linear(2, 1, rngs=nn.Rngs(0))
    >>> optimizer = nn.Optimizer(model, optim.sgd(0.1), wrt=nn.Param)
    >>> @nn.jit
    ... def step(model, optimizer, x):
    ...     loss, grads = nn.value_and_grad(lambda m: (m(x) ** 2).mean())(model)
    ...     optimizer.update(model, grads)
    ...     return loss
    >>> losses = [float(step(model, optimizer, bnp.ones((3, 2)))) for _ in range(50)]
    >>> losses[-1] < 1e-6, int(optimizer.step.value)
    (True, 50)
    """

    def __init__(self, model: Any, tx: Any, *, wrt: Any = Param) -> None:
        self.step = OptState(bnp.zeros((), int))
        self.tx = tx
        self.wrt = wrt
        params = state(model, wrt)
        if not tree.leaves(params):
            raise ValueError("Optimizer: the module has no Variable that wrt takes")
        self.opt_state = tree.map(OptVariable, tx.init(params.to_pure_dict()))

    def update(self, model: Any, grads: Any, **kwargs: Any) -> None:
        """One step: new parameters of the model, a new state of the optimizer."""
        params = state(model, self.wrt).to_pure_dict()
        given = grads.to_pure_dict() if isinstance(grads, State) else grads
        if tree.structure(given) != tree.structure(params):
            raise ValueError(
                "Optimizer.update: the gradients are not those of the parameters it was made for: "
                f"{tree.structure(given)} against {tree.structure(params)}"
            )
        boxes, structure = tree.flatten(self.opt_state, is_leaf=lambda x: isinstance(x, Variable))
        before = structure.unflatten([b.value for b in boxes])
        updates, after = optim.with_extra_args_support(self.tx).update(
            given, before, params, **kwargs
        )
        update(model, State(optim.apply_updates(params, updates)))
        for box, value in zip(boxes, structure.flatten_up_to(after), strict=True):
            box.value = value
        self.step.value = self.step.value + 1


class ModelAndOptimizer(Optimizer):
    """An `Optimizer` that holds its model: `update(grads)` writes into it.

    >>> from bibun import nn, optim
    >>> import bibun.numpy as bnp
    >>> state = nn.ModelAndOptimizer(nn.Linear(2, 1, rngs=nn.Rngs(0)), optim.sgd(0.5))
    >>> grads = nn.grad(lambda m: m(bnp.ones(2)).sum())(state.model)
    >>> state.update(grads); state.model.bias.value
    Array([-0.5], dtype=float64)
    """

    def __init__(self, model: Any, tx: Any, *, wrt: Any = Param) -> None:
        super().__init__(model, tx, wrt=wrt)
        self.model = model

    def update(self, grads: Any, **kwargs: Any) -> None:  # type: ignore[override]
        super().update(self.model, grads, **kwargs)
