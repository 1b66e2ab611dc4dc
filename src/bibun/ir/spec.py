"""The verifier: the rules every program obeys, checked after each pass where `verify` is on."""

from __future__ import annotations

from typing import Any

from bibun.errors import SpecError
from bibun.ir.program import Equation, Literal, Program, Var, subprograms


def verify(program: Program, where: str = "") -> Program:
    """Check a program and all inside it; returns it.

    Errors: SpecError naming the rule that is broken and the equation.
    """
    defined: set[Var] = set()

    def bad(rule: str, eq: Equation | None = None) -> SpecError:
        place = f"\n  in {eq!r}" if eq is not None else ""
        return SpecError(f"{where or program.name or 'program'}: {rule}{place}")

    def define(v: Any, eq: Equation | None) -> None:
        if type(v) is not Var:
            raise bad(f"{v!r} is defined but is no variable", eq)
        if v in defined:
            raise bad(f"{v!r} is defined twice", eq)
        defined.add(v)

    def use(a: Any, eq: Equation | None) -> None:
        if type(a) is Literal:
            if a.type.shape != () or a.value.dtype != a.type.dtype:
                raise bad(f"literal {a!r} does not have its type", eq)
        elif a not in defined:
            raise bad(f"{a!r} is used before it is defined", eq)

    for v in program.inputs:
        define(v, None)
    for eq in program.equations:
        for a in eq.inputs:
            use(a, eq)
        for name, sub in subprograms(eq.params):
            verify(sub, f"{where or program.name}/{eq.op.name}.{name}")
        expected = eq.op.type_rule(*[a.type for a in eq.inputs], **eq.params)
        types = list(expected) if eq.op.multiple_results else [expected]
        if len(types) != len(eq.outputs):
            raise bad(f"{len(eq.outputs)} outputs where {len(types)} belong", eq)
        for v, t in zip(eq.outputs, types, strict=True):
            if not v.type.matches(t):
                raise bad(f"output {v!r} should have type {t}", eq)
            define(v, eq)
    for a in program.outputs:
        use(a, None)
    return program
