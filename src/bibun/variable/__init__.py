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
from bibun.variable.backprop import grad
from bibun.variable.configuration import (
    config,
    force_backprop_mode,
    no_backprop_mode,
    using_config,
)
from bibun.variable.function_node import Function, FunctionNode
from bibun.variable.lifting import lift
from bibun.variable.variable import Parameter, Variable, as_variable

__all__ = [
    "Function",
    "FunctionNode",
    "Parameter",
    "Variable",
    "as_variable",
    "computational_graph",
    "config",
    "force_backprop_mode",
    "functions",
    "grad",
    "lift",
    "no_backprop_mode",
    "using_config",
]


def __getattr__(name: str) -> Any:
    if name in ("functions", "computational_graph"):
        import importlib

        return importlib.import_module(f"bibun.variable.{name}")
    raise AttributeError(f"module 'bibun.variable' has no attribute {name!r}")
