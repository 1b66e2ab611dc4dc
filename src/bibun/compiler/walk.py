"""The one order in which the equations of a program and of all in it are numbered.

Native code reports failures and asks for callbacks by these numbers, also when it came from
the cache and nothing was emitted; so both sides count here.
"""

from __future__ import annotations

from bibun.ir.program import Equation, Program, subprograms
from bibun.ops.op import LIBRARY


def number_equations(program: Program) -> dict[int, int]:
    """Equation identity -> its position in a walk of the program and all that is in it."""
    numbers: dict[int, int] = {}
    for n, eq in enumerate(walk(program)):
        numbers.setdefault(id(eq), n)
    return numbers


def walk(program: Program) -> list[Equation]:
    """All equations, those of sub-programs after the equation that holds them."""
    found: list[Equation] = []
    stack = list(reversed(program.equations))
    while stack:
        eq = stack.pop()
        found.append(eq)
        for _, sub in reversed(subprograms(eq.params)):
            stack.extend(reversed(sub.equations))
    return found


def library_ordinals(program: Program) -> list[int]:
    """The ordinals of library equations: slot k of the callback table is the k-th of them."""
    return [n for n, eq in enumerate(walk(program)) if eq.op.kind == LIBRARY]
