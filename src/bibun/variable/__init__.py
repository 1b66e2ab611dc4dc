"""`bibun.variable`: define-by-run, with Chainer's names.

    import bibun.variable as chainer
    from bibun.variable import Variable
    import bibun.variable.functions as F

A computation on Variables is recorded while it runs; `y.backward()` and `grad([y], [x])` go back
through the record. There is one engine: a function of the graph is a program of bibun's ops,
and its backward step the derived `vjp` of that program, so every function can be differentiated
any number of times. See docs/design/variable.md.
"""

from __future__ import annotations

from typing import Any

from bibun.variable import operators  # noqa: F401  (installs them)
from bibun.variable.backprop import backward, grad
from bibun.variable.configuration import (
    DebugMode,
    config,
    force_backprop_mode,
    global_config,
    is_debug,
    no_backprop_mode,
    set_debug,
    using_config,
)
from bibun.variable.function_hook import FunctionHook, get_function_hooks
from bibun.variable.function_node import Function, FunctionNode
from bibun.variable.lifting import lift
from bibun.variable.variable import Parameter, Variable, as_array, as_variable

_MODULES = ("computational_graph", "function_hooks", "functions", "gradient_check", "utils")

__all__ = [
    "DebugMode", "Function", "FunctionHook", "FunctionNode", "Parameter", "Variable", "as_array",
    "as_variable", "backward", "computational_graph", "config", "force_backprop_mode",
    "function_hooks", "functions", "get_function_hooks", "global_config", "grad",
    "gradient_check", "is_debug", "lift", "no_backprop_mode", "set_debug", "using_config", "utils",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        import importlib

        return importlib.import_module(f"bibun.variable.{name}")
    raise AttributeError(f"module 'bibun.variable' has no attribute {name!r}")
