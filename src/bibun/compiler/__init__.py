"""From programs to native code.

Importing this package installs the compiler in the context that structured ops are run by;
LLVM itself is loaded when something is compiled first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bibun.compiler.jit import Jitted, jit
from bibun.config import config
from bibun.transforms.context import CONTEXT

__all__ = ["Jitted", "jit"]


def _execute(program: Any, args: Sequence[Any]) -> list[Any]:
    if config.disable_jit:
        return CONTEXT.interpret(program, args)
    from bibun.compiler import pipeline

    return pipeline.execute(program, args)


def _structured(op: Any, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    from bibun.compiler import pipeline

    return pipeline.execute_structured(op, args, params)


CONTEXT.install_execute(_execute)
CONTEXT.compiled_structured = _structured
