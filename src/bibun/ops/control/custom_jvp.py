"""`custom_jvp`: a function that comes with its own derivative rule.

On concrete values the parameters hold flat Python functions and nothing is staged, so both
function and rule may use plain Python control flow. Inside a program being staged, the
function becomes a program, the rule a `Rule` that makes one when it is needed, and what they
captured becomes their leading arguments (`num_consts`). `owner` is the user's object, by which
a rule that calls its own function is recognised.

`program(*args)` -> outputs. `rule(*args, *tangents)` -> outputs and as many tangents, where
`tangents` are those of the floating and complex arguments, zeros written out; the tangent
of an output that has none is a placeholder.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import DifferentiationError
from bibun.ir.program import Program
from bibun.ops.control.call import bring_front, call_type, transpose_call
from bibun.ops.control.rules import Rule, discover, is_plain, over_consts, unite
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


def refuse_closure(name: str, kind: str, nonzero: Any) -> None:
    """Errors: DifferentiationError if a captured value is being differentiated."""
    if any(nonzero):
        raise DifferentiationError(
            f"the {kind} function {name!r} uses a value from an enclosing scope that is being "
            "differentiated, and its rule says nothing about it. Pass the value as an argument, "
            "or stop_gradient it."
        )


def _stage(trace: Any, args: Any, params: dict[str, Any]) -> Any:
    fun, rule, owner = params["program"], params["rule"], params["owner"]
    if isinstance(fun, Program):
        return None
    name = params["name"]
    types = [type_of(a) for a in args]
    both = [*types, *(t.tangent() for t in types if has_tangent(t))]
    primal = stage(fun, types, name)
    consts, made = list(primal.consts), None
    if is_plain(owner):
        lazy = None
    else:
        derivative, recursive = discover(owner, lambda: stage(rule, both, name))
        consts = unite(primal.consts, derivative.consts)
        if not recursive:
            made = over_consts(derivative, consts, name)
        lazy = Rule(lambda: over_consts(stage(rule, both, name), consts, name), made)
    staged = {
        "program": over_consts(primal, consts, name),
        "rule": lazy,
        "name": name,
        "num_consts": len(consts),
        "owner": None,
    }
    return [*consts, *args], staged


def _jvp(
    ctx: Any, primals: Any, tangents: Any, program: Any, rule: Any, name: str, num_consts: int,
    owner: Any,
) -> Any:  # fmt: skip
    refuse_closure(name, "custom_jvp", [t is not None for t in tangents[:num_consts]])
    given = [
        instantiate(t, p)
        for p, t in list(zip(primals, tangents, strict=True))[num_consts:]
        if has_tangent(type_of(p))
    ]
    both = ctx.run(rule.force() if isinstance(rule, Rule) else rule, [*primals, *given])
    count = len(both) // 2
    outs = both[:count]
    return outs, [
        t if has_tangent(type_of(o)) else None for o, t in zip(outs, both[count:], strict=True)
    ]


def _batch(
    ctx: Any, size: int, args: Any, dims: Any, program: Any, rule: Any, name: str,
    num_consts: int, owner: Any,
) -> Any:  # fmt: skip
    mapped = tuple(d is not None for d in dims)
    args = bring_front(args, dims)
    of_tangents = tuple(
        m
        for m, a in list(zip(mapped, args, strict=True))[num_consts:]
        if has_tangent(type_of(a))
    )
    both = mapped + of_tangents
    if isinstance(rule, Rule):
        rule = rule.derive((size, both), lambda p: ctx.batch_fun(p, size, both))
    else:
        rule = ctx.batch_fun(rule, size, both)
    outs = custom_jvp(
        *args,
        program=ctx.batch_fun(program, size, mapped),
        rule=rule,
        name=name,
        num_consts=num_consts,
        owner=owner,
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
    params = {"rule": Rule(lambda: rule), "name": "sample", "num_consts": 0, "owner": None}
    return [Sample(x, program=program, **params)]


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
        doc="`custom_jvp(*args, program, rule, …)`: the program, differentiated by the rule.",
    )
)
