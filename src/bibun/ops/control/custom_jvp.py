"""`custom_jvp`: a function that comes with its own derivative rule.

On concrete values the parameters hold flat Python functions and nothing is staged, so both
function and rule may use plain Python control flow. Inside a program being staged, both
become programs, and what they captured becomes their leading arguments (`num_consts`).

`program(*args)` -> outputs. `rule(*args, *tangents)` -> outputs and as many tangents, where
`tangents` are those of the floating and complex arguments, zeros written out; the tangent
of an output that has none is a placeholder.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import DifferentiationError
from bibun.ir.program import Program, Var
from bibun.ops.control.call import bring_front, call_type, transpose_call
from bibun.ops.families.tangents import has_tangent, instantiate
from bibun.ops.op import CALL, Op, Sample
from bibun.ops.registry import register
from bibun.trace.core import type_of
from bibun.trace.stage import stage


def run_custom(ctx: Any, args: Any, program: Any, **params: Any) -> Any:
    """Evaluate the function itself."""
    if isinstance(program, Program):
        return ctx.execute(program, args)
    return ctx.run(program, args)


def with_consts(program: Program, before: Any, own: int, after: Any) -> Program:
    """A program that takes, around its own `own` leading inputs, others that it ignores.

    `before` and `after` are the types of the inputs to put in.
    """
    inputs = [
        *(Var(t) for t in before),
        *program.inputs[:own],
        *(Var(t) for t in after),
        *program.inputs[own:],
    ]
    return Program(inputs, program.equations, program.outputs, program.name)


def refuse_closure(name: str, kind: str, nonzero: Any) -> None:
    """Errors: DifferentiationError if a captured value is being differentiated."""
    if any(nonzero):
        raise DifferentiationError(
            f"the {kind} function {name!r} uses a value from an enclosing scope that is being "
            "differentiated, and its rule says nothing about it. Pass the value as an argument, "
            "or stop_gradient it."
        )


def _stage(trace: Any, args: Any, params: dict[str, Any]) -> Any:
    if isinstance(params["program"], Program):
        return None
    types = [type_of(a) for a in args]
    name = params["name"]
    tangents = [t.tangent() for t in types if has_tangent(t)]
    primal = stage(params["program"], types, name)
    rule = stage(params["rule"], [*types, *tangents], name)
    mine = [type_of(c) for c in primal.consts]
    theirs = [type_of(c) for c in rule.consts]
    consts = [*primal.consts, *rule.consts]
    staged = {
        "program": with_consts(primal.program, [], len(mine), theirs),
        "rule": with_consts(rule.program, mine, len(theirs), []),
        "name": name,
        "num_consts": len(consts),
    }
    return [*consts, *args], staged


def _jvp(
    ctx: Any, primals: Any, tangents: Any, program: Any, rule: Any, name: str, num_consts: int
) -> Any:
    refuse_closure(name, "custom_jvp", [t is not None for t in tangents[:num_consts]])
    given = [
        instantiate(t, p)
        for p, t in list(zip(primals, tangents, strict=True))[num_consts:]
        if has_tangent(type_of(p))
    ]
    both = ctx.run(rule, [*primals, *given])
    count = len(both) // 2
    outs = both[:count]
    return outs, [
        t if has_tangent(type_of(o)) else None for o, t in zip(outs, both[count:], strict=True)
    ]


def _batch(
    ctx: Any, size: int, args: Any, dims: Any, program: Any, rule: Any, name: str, num_consts: int
) -> Any:
    mapped = tuple(d is not None for d in dims)
    args = bring_front(args, dims)
    of_tangents = tuple(
        m
        for m, a in list(zip(mapped, args, strict=True))[num_consts:]
        if has_tangent(type_of(a))
    )
    outs = custom_jvp(
        *args,
        program=ctx.batch_fun(program, size, mapped),
        rule=ctx.batch_fun(rule, size, mapped + of_tangents),
        name=name,
        num_consts=num_consts,
    )
    return outs, [0] * len(outs)


def _transpose(ctx: Any, cts: Any, *args: Any, program: Any, **params: Any) -> Any:
    from bibun.ops.control.call import call

    return transpose_call(call, ctx, cts, args, program)


def _samples() -> list[Sample]:
    from bibun.ops.elementwise import cos, mul, sin
    from bibun.trace.stage import stage_program

    x = np.linspace(0.1, 2.0, 3)
    t = type_of(x)
    program = stage_program(lambda a: [sin(a)], [t])
    rule = stage_program(lambda a, da: [sin(a), mul(da, cos(a))], [t, t])
    return [Sample(x, program=program, rule=rule, name="sample", num_consts=0)]


custom_jvp = register(
    Op(
        "custom_jvp",
        CALL,
        type_rule=call_type,
        eval=run_custom,
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
        lower=None,
        stage=_stage,
        multiple_results=True,
        structured=True,
        samples=_samples,
        doc="`custom_jvp(*args, program, rule, name, num_consts)`: program, differentiated by rule.",
    )
)
