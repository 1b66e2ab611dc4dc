"""Reverse mode: a linear program run backwards.

Each equation's transpose rule turns cotangents of its outputs into cotangents of its linear
inputs; where a value was used twice they add. A zero cotangent is None and costs nothing.
Programs from linearization are linear throughout; programs from elsewhere (a user's
function, the body of a loop) may also compute with their non-linear inputs, and that part
is evaluated forwards first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bibun.config import config
from bibun.errors import DifferentiationError
from bibun.ir.program import Atom, Equation, Literal, Program, Var
from bibun.ops.families.separate import dependent_outputs, known_part
from bibun.ops.families.tangents import add_tangents
from bibun.ops.op import Linear, is_linear
from bibun.trace.sites import BACKWARD, describe, forced, noted
from bibun.transforms.context import CONTEXT


def backward_pass(
    equations: Sequence[Equation],
    known: dict[Var, Any],
    outputs: Sequence[Atom],
    cts: Sequence[Any],
    not_linear: dict[Var, Equation] | None = None,
) -> dict[Var, Any]:
    """Cotangents by variable, for those inputs that get any.

    `known` has the values of all variables that are not linear; every equation has a linear
    input. `cts` has one cotangent for each output, None for zero. `not_linear` are variables
    that depend on linear inputs in a way that is no linear map: an error if they matter.
    """
    env: dict[Var, Any] = {}
    for atom, ct in zip(outputs, cts, strict=True):
        if ct is not None and type(atom) is Var and atom not in known:
            if not_linear and atom in not_linear:
                raise _no_transpose(not_linear[atom])
            env[atom] = add_tangents(env.get(atom), ct)
    site = forced.site
    noting = config.watch_nans and config.debug_nans
    try:
        for eq in reversed(equations):
            op = eq.op
            if op.multiple_results:
                ct = [env.pop(v, None) for v in eq.outputs]
                if all(c is None for c in ct):
                    continue
            else:
                ct = env.pop(eq.outputs[0], None)
                if ct is None:
                    continue
            if op.transpose is None:
                raise _no_transpose(eq)
            args = []
            for a in eq.inputs:
                if type(a) is Literal:
                    args.append(a.value)
                elif a in known:
                    args.append(known[a])
                elif not_linear and a in not_linear:
                    raise _no_transpose(not_linear[a])
                else:
                    args.append(Linear(a.type))
            forced.site = eq.site or site
            if noting:
                forced.site = noted(forced.site, BACKWARD, op.name)
            try:
                if op.structured:
                    results = op.transpose(CONTEXT, ct, *args, **eq.params)
                else:
                    results = op.transpose(ct, *args, **eq.params)
            except (TypeError, AttributeError) as error:
                if sum(map(is_linear, args)) > 1 and "Linear" in str(error):
                    raise _product(eq) from error
                raise
            for a, c in zip(eq.inputs, results, strict=True):
                if c is not None and type(a) is Var and a not in known:
                    before = env.get(a)
                    env[a] = c if before is None else add_tangents(before, c)
    finally:
        forced.site = site
    return env


def transpose_program(
    program: Program, args: Sequence[Any], linear: Sequence[bool], cts: Iterable[Any]
) -> list[Any]:
    """Cotangents (None: zero) of the linear inputs of a program, in the current trace.

    `args` has the values of the inputs that are not linear (the entries of the others are
    ignored); `cts` a cotangent or None for each output.
    """
    known: dict[Var, Any] = {}
    depends: set[Var] = set()
    for v, x, is_lin in zip(program.inputs, args, linear, strict=True):
        if is_lin:
            depends.add(v)
        else:
            known[v] = x
    backwards = []
    not_linear: dict[Var, Equation] = {}
    site = forced.site

    def evaluate(eq: Equation) -> None:
        forced.site = eq.site or site
        ins = [a.value if type(a) is Literal else known[a] for a in eq.inputs]
        outs = eq.op(*ins, **eq.params)
        known.update(zip(eq.outputs, outs if eq.op.multiple_results else [outs], strict=True))

    try:
        for eq in program.equations:
            flags = tuple(a in depends for a in eq.inputs)
            if any(flags):
                dependent = dependent_outputs(eq, flags)
                depends.update(v for v, flag in zip(eq.outputs, dependent, strict=True) if flag)
                backwards.append(eq)
                if not all(dependent):
                    evaluate(known_part(eq, flags))
                cause = eq if eq.op.transpose is None else next(
                    (not_linear[a] for a in eq.inputs if a in not_linear), None
                )
                if cause is not None:
                    not_linear.update(dict.fromkeys(eq.outputs, cause))
                continue
            evaluate(eq)
    finally:
        forced.site = site
    env = backward_pass(backwards, known, program.outputs, list(cts), not_linear)
    return [env.get(v) for v, lin in zip(program.inputs, linear, strict=True) if lin]


def _no_transpose(eq: Equation) -> DifferentiationError:
    return DifferentiationError(
        f"operation {eq.op.name!r} has no transpose rule, so a function that applies it to "
        "a tangent (or to the input of linear_transpose) cannot be run backwards: it is not "
        f"linear.\nAt {describe(eq.site)}"
    )


def _product(eq: Equation) -> DifferentiationError:
    return DifferentiationError(
        f"operation {eq.op.name!r} is linear in each operand, but here more than one of them "
        "depends on what is to be transposed: the function is not linear.\n"
        f"At {describe(eq.site)}"
    )
