"""Hooks: user code that runs before and after each function of the graph, forwards and backwards.

A hook is on while it is open as a context, for all functions of this thread, or added to one
function (`FunctionNode.add_hook`). `bibun.variable.function_hooks` has ready ones.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bibun.variable.function_node import FunctionNode


class _Hooks(threading.local):
    def __init__(self) -> None:
        self.open: dict[str, FunctionHook] = {}


_hooks = _Hooks()


def get_function_hooks() -> dict[str, FunctionHook]:
    """The hooks that are on in this thread, by name."""
    return _hooks.open


def hooks_of(function: FunctionNode) -> tuple[FunctionHook, ...]:
    """The hooks that a call of a function runs, those of the thread first."""
    own = function._local_hooks
    if not own and not _hooks.open:
        return ()
    return (*_hooks.open.values(), *(own.values() if own else ()))


class FunctionHook:
    """Base class of hooks: overwrite the methods that matter.

    in_data: the arrays a function was applied to (backwards: those that it retained, None for
    the others); out_grad: gradients of its outputs, as arrays or None.

    >>> import numpy as np, bibun.variable.functions as F
    >>> from bibun.variable import FunctionHook, Variable
    >>> class Names(FunctionHook):
    ...     def forward_preprocess(self, function, in_data):
    ...         print(function.label)
    >>> with Names():
    ...     y = F.exp(Variable(np.array(0.0))) + 1.0
    Exp
    _ + _
    """

    name = "FunctionHook"

    def __enter__(self) -> Any:
        if self.name in _hooks.open:
            raise KeyError(
                f"a hook named {self.name!r} is on already; give this one another name attribute"
            )
        _hooks.open[self.name] = self
        self.added(None)
        return self

    def __exit__(self, *error: Any) -> None:
        _hooks.open.pop(self.name).deleted(None)

    def added(self, function: FunctionNode | None) -> None:
        """The hook was put on a function, or (None) on all."""

    def deleted(self, function: FunctionNode | None) -> None:
        """The hook was taken away."""

    def forward_preprocess(self, function: FunctionNode, in_data: tuple[Any, ...]) -> None:
        """Before `forward`."""

    def forward_postprocess(self, function: FunctionNode, in_data: tuple[Any, ...]) -> None:
        """After `forward`."""

    def backward_preprocess(
        self, function: FunctionNode, in_data: tuple[Any, ...], out_grad: tuple[Any, ...]
    ) -> None:
        """Before `backward`."""

    def backward_postprocess(
        self, function: FunctionNode, in_data: tuple[Any, ...], out_grad: tuple[Any, ...]
    ) -> None:
        """After `backward`."""
