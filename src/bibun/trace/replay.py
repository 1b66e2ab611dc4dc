"""Replaying a program: binding its equations, one after another, in the current trace.

What an equation binds keeps the equation's site, so that a transformed program still knows
the user's lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.ir.program import Equation, Literal, Program
from bibun.trace.sites import forced


def replay(
    program: Program,
    args: Sequence[Any],
    call: Callable[[Equation, list[Any]], Any] | None = None,
) -> list[Any]:
    """The outputs of a program for `args`; `call(equation, inputs)` may bind in its place."""
    if len(args) != len(program.inputs):
        raise TypeError(f"program takes {len(program.inputs)} inputs, got {len(args)}")
    env: dict[Any, Any] = dict(zip(program.inputs, args, strict=True))
    site = forced.site
    try:
        for eq in program.equations:
            ins = [a.value if type(a) is Literal else env[a] for a in eq.inputs]
            forced.site = eq.site or site
            outs = eq.op(*ins, **eq.params) if call is None else call(eq, ins)
            if eq.op.multiple_results:
                env.update(zip(eq.outputs, outs, strict=True))
            else:
                env[eq.outputs[0]] = outs
    finally:
        forced.site = site
    return [a.value if type(a) is Literal else env[a] for a in program.outputs]
