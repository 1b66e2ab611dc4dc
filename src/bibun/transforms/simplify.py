"""Smaller equal programs: common subexpressions and dead code.

Only what every transformation wants is here; the compiler simplifies further. Equations
keep their sites (of two equal ones, the first's). Effects are neither merged nor dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bibun.ir.program import Atom, Equation, Literal, Program, Var, equation_has_effects


def atom_key(atom: Atom) -> Any:
    """Equal for atoms that are sure to have equal values."""
    if type(atom) is Literal:
        return (atom.type, atom.value.tobytes())
    return atom


def merge_equal(equations: Sequence[Equation], renamed: dict[Var, Atom]) -> list[Equation]:
    """Equations with `renamed` applied and duplicates left out; `renamed` grows."""
    seen: dict[Any, tuple[Var, ...]] = {}
    kept = []
    for eq in equations:
        inputs = tuple([renamed.get(a, a) for a in eq.inputs])  # type: ignore[call-overload]
        if inputs != eq.inputs:
            eq = eq.replace(inputs=inputs)
        if not equation_has_effects(eq):
            key = (eq.op, tuple(map(atom_key, inputs)), tuple(eq.params.items()))
            try:
                first = seen.setdefault(key, eq.outputs)
            except TypeError:  # a parameter that cannot be hashed: not merged
                first = eq.outputs
            if first is not eq.outputs:
                renamed.update(zip(eq.outputs, first, strict=True))
                continue
        kept.append(eq)
    return kept


def drop_dead(equations: Sequence[Equation], outputs: Sequence[Atom]) -> list[Equation]:
    """The equations that the outputs, or effects, need."""
    needed: set[Any] = set(outputs)
    kept = []
    for eq in reversed(equations):
        if any(v in needed for v in eq.outputs) or equation_has_effects(eq):
            kept.append(eq)
            needed.update(eq.inputs)
    kept.reverse()
    return kept


def simplify(program: Program) -> Program:
    """An equal program without duplicates and dead code; the inputs stay as they are."""
    renamed: dict[Var, Atom] = {}
    equations = merge_equal(program.equations, renamed)
    outputs = [renamed.get(a, a) for a in program.outputs]  # type: ignore[call-overload]
    return Program(program.inputs, drop_dead(equations, outputs), outputs, program.name)
