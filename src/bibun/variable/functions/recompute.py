"""Memory for time: functions whose insides are computed again on the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun.variable.backprop import gradients_within
from bibun.variable.configuration import config, force_backprop_mode
from bibun.variable.function_hook import FunctionHook
from bibun.variable.function_node import FunctionNode
from bibun.variable.functions.array import copy
from bibun.variable.variable import Variable, VariableNode, as_variable


class _Watch(FunctionHook):
    """Which functions are called."""

    def __init__(self) -> None:
        self.called: list[FunctionNode] = []
        self.name = f"_Watch {id(self)}"

    def forward_postprocess(self, function: FunctionNode, in_data: tuple[Any, ...]) -> None:
        self.called.append(function)


class _Forgotten(FunctionNode):
    """A call of a function of Variables. Inputs: its arguments, then what it captured."""

    def __init__(self, fun: Callable[..., Any], count: int, name: str, outs: Any) -> None:
        self.fun, self.count, self.name = fun, count, name
        self.found = tuple([y.array for y in outs])

    @property
    def label(self) -> str:
        return f"forget({self.name})"

    def forward(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        self.retain_inputs(range(len(inputs)))
        found, self.found = self.found, ()
        return found

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        again = config.enable_backprop  # are the gradients to be part of the graph?
        inputs = list(self.get_retained_inputs())
        xs, captured = inputs[: self.count], inputs[self.count :]
        with force_backprop_mode():
            xs = [copy(x) for x in xs] if again else _copies(xs)
            with _Watch() as watch:
                outs = _tuple(self.fun(*xs))
        pairs = [(y, g) for y, g in zip(outs, grad_outputs, strict=True) if g is not None]
        wanted = [[*xs, *captured][k] for k in indexes]
        return tuple(gradients_within(watch.called, pairs, wanted))


def _copies(xs: list[Variable]) -> list[Variable]:
    return [Variable(x.array, requires_grad=x.requires_grad) for x in xs]


def _tuple(ys: Any) -> tuple[Variable, ...]:
    ys = tuple(ys) if isinstance(ys, tuple | list) else (ys,)
    for y in ys:
        if not isinstance(y, Variable):
            raise TypeError(
                f"forget: the function must return Variables, got {type(y).__name__}"
            )
    return ys


def forget(func: Callable[..., Any], *xs: Any) -> Any:
    """func(*xs) without keeping what it computes in between: it is computed again backwards.

    func takes and returns Variables, one or a tuple, and must do the same both times. Variables
    that it captures get their gradients too. Errors: TypeError where it returns no Variables.

    >>> import numpy as np, bibun.variable.functions as F
    >>> from bibun.variable import Variable
    >>> x = Variable(np.array(2.0))
    >>> F.forget(lambda x: F.log(x) * x, x).backward()
    >>> x.grad_var
    variable(1.6931471805599454)
    """
    if not callable(func):
        raise TypeError(f"forget: func must be callable, got {type(func).__name__}")
    args = [as_variable(x) for x in xs]
    name = getattr(func, "__name__", type(func).__name__)
    if not config.enable_backprop:
        return func(*args)
    copies = _copies(args)
    with _Watch() as watch:
        outs = _tuple(func(*copies))
    node = _Forgotten(func, len(args), name, outs)
    made, own = set(watch.called), {x.node for x in copies}
    captured: dict[VariableNode, Variable] = {}
    for function in watch.called:
        for x in function.inputs or ():
            if x.requires_grad and x not in own and x.creator_node not in made:
                captured[x] = x.get_variable()
    results = node.apply([*args, *captured.values()])
    return results[0] if len(results) == 1 else results


__all__ = ["forget"]
