"""`checkpoint`: a call whose backward pass keeps the inputs and computes the rest again.

Forwards it is a plain call. Its linear function is a call of one program that first
recomputes the residuals from the inputs and then applies the linear part. Transposing that
call evaluates the recomputation in the backward pass, from inputs that are held back until a
cotangent is known (`ops.after`): else a compiler that merges equal values would undo it.

A policy may keep some intermediate values: it is asked once, when the function is traced,
and its choices become `save_point` marks, which survive every transformation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.ir.program import Equation, Literal, Program, Var
from bibun.ir.types import ArrayType
from bibun.ops.after import after, first_element
from bibun.ops.control.call import batch_call, call_type, jvp_call, separate_call, transpose_call
from bibun.ops.control.common import build, memo, split
from bibun.ops.op import CALL, ELEMENTWISE, Op, Sample
from bibun.ops.registry import register
from bibun.trace.replay import replay
from bibun.trace.sites import forced
from bibun.trace.stage import stage_program

save_point = register(
    Op(
        "save_point",
        ELEMENTWISE,
        type_rule=lambda x: x,
        eval=lambda x: x,
        jvp=lambda primals, tangents: (save_point(*primals), tangents[0]),
        batch=lambda size, args, dims: (save_point(*args), dims[0]),
        lower=lambda b, x: x,
        simplify=lambda eq: eq.inputs[0],  # when compiling: all transformations are done
        cost=0.0,
        samples=lambda: [Sample(np.linspace(-1.0, 1.0, 3)), Sample(np.arange(3))],
        doc="`save_point(x)`: x, which an enclosing checkpoint keeps for the backward pass.",
    )
)

Policy = Callable[..., bool]


def mark_saved(program: Program, policy: Policy) -> Program:
    """The program with a `save_point` after each equation that the policy wants kept.

    `policy(op, *input_types, **params)` tells whether the results of an equation are kept.
    """
    equations: list[Equation] = []
    renamed: dict[Any, Var] = {}
    for eq in program.equations:
        inputs = [renamed.get(a, a) for a in eq.inputs]
        equations.append(eq.replace(inputs=inputs))
        if policy(eq.op, *(a.type for a in eq.inputs), **eq.params):
            for v in eq.outputs:
                renamed[v] = Var(v.type)
                equations.append(Equation(save_point, [v], [renamed[v]], {}, eq.site))
    outputs = [renamed.get(a, a) for a in program.outputs]
    return Program(program.inputs, equations, outputs, program.name)


def recompute_and_apply(lin: Any, count: int) -> tuple[Program, list[Var]]:
    """(saved..., inputs..., tangents...) -> tangents out, and which values are saved."""
    primal: Program = lin.primal
    saved = [eq.outputs[0] for eq in primal.equations if eq.op is save_point]

    def fun(*args: Any) -> list[Any]:
        env: dict[Any, Any] = dict(zip((*saved, *primal.inputs), args, strict=False))
        site = forced.site
        try:
            for eq in primal.equations:
                if eq.op is save_point:
                    continue
                forced.site = eq.site or site
                ins = [a.value if type(a) is Literal else env[a] for a in eq.inputs]
                outs = eq.op(*ins, **eq.params)
                env.update(
                    zip(eq.outputs, outs if eq.op.multiple_results else [outs], strict=True)
                )
        finally:
            forced.site = site
        residuals = [
            a.value if type(a) is Literal else env[a] for a in primal.outputs[count:]
        ]
        return replay(lin.linear, [*residuals, *args[len(saved) + len(primal.inputs) :]])

    tangents = lin.linear.in_types[lin.num_residuals :]
    types = [*(v.type for v in saved), *primal.in_types, *tangents]
    return stage_program(fun, types, primal.name), saved


def _eval(ctx: Any, args: Any, program: Program, prevent_cse: bool = True) -> Any:
    return ctx.execute(program, args)


def _linearize(
    ctx: Any, primals: Any, nonzero: Any, program: Program, prevent_cse: bool = True
) -> Any:
    nonzero = tuple(nonzero)
    key = ("checkpoint", nonzero)
    if key not in program.memo:
        lin = ctx.linearize(program, nonzero)
        count = len(program.outputs)
        both, saved = recompute_and_apply(lin, count)
        forward = Program(
            lin.primal.inputs,
            lin.primal.equations,
            [*lin.primal.outputs[:count], *saved],
            program.name,
        )
        program.memo[key] = ctx.simplify(forward), ctx.simplify(both), lin.out_nonzero
    forward, both, out_nonzero = program.memo[key]
    outs = checkpoint(*primals, program=forward, prevent_cse=prevent_cse)
    count = len(program.outputs)
    saved_values = outs[count:]

    def linear(*tangents: Any) -> Any:
        return checkpoint(
            *saved_values, *primals, *tangents, program=both, prevent_cse=prevent_cse
        )

    return outs[:count], out_nonzero, linear


def _transpose(ctx: Any, cts: Any, *args: Any, program: Program, prevent_cse: bool = True) -> Any:
    """Cotangents of the linear arguments: what was not saved is computed again, and now only."""
    late = _late if prevent_cse else None
    return transpose_call(checkpoint, ctx, cts, args, program, late, prevent_cse=prevent_cse)


@memo
def _late(transposed: Program, num_known: int) -> Program:
    """A transposed program that waits for its first cotangent before it computes anything."""
    types = transposed.in_types
    tokens = [
        k for k, t in enumerate(types) if k >= num_known and isinstance(t, ArrayType) and t.size
    ]
    if not tokens:
        return transposed

    def run(*args: Any) -> list[Any]:
        token = first_element(args[tokens[0]])
        known, cts = split(args, num_known)
        late = [
            after(x, token) if isinstance(t, ArrayType) else x
            for x, t in zip(known, types, strict=False)
        ]
        return replay(transposed, [*late, *cts])

    return build(run, types, transposed.name)


def _samples() -> list[Sample]:
    from bibun.ops.elementwise import exp, sin
    from bibun.trace.core import type_of

    x = np.linspace(0.1, 2.0, 3)
    program = stage_program(lambda a: [exp(sin(a))], [type_of(x)])
    return [Sample(x, program=program)]


checkpoint = register(
    Op(
        "checkpoint",
        CALL,
        type_rule=call_type,
        eval=_eval,
        jvp=lambda ctx, primals, tangents, **p: jvp_call(checkpoint, ctx, primals, tangents, **p),
        linearize=_linearize,
        transpose=_transpose,
        batch=lambda ctx, size, args, dims, **p: batch_call(checkpoint, ctx, size, args, dims, **p),
        separate=separate_call,
        lower=None,
        multiple_results=True,
        structured=True,
        samples=_samples,
        doc=(
            "`checkpoint(*args, program, prevent_cse=True)`: the outputs of the program, "
            "recomputed when needed; with prevent_cse not before a cotangent is known."
        ),
    )
)


def everything_saveable(op: Any, *types: Any, **params: Any) -> bool:
    """Keep all: as without checkpoint."""
    return True


def nothing_saveable(op: Any, *types: Any, **params: Any) -> bool:
    """Recompute all: the default."""
    return False


def dots_saveable(op: Any, *types: Any, **params: Any) -> bool:
    """Keep the results of contractions, recompute the rest."""
    return op.name == "dot_general"


def dots_with_no_batch_dims_saveable(op: Any, *types: Any, **params: Any) -> bool:
    """Keep the results of contractions without batch axes."""
    return op.name == "dot_general" and not params["dimension_numbers"][1][0]


def save_any_of(policies: Sequence[Policy]) -> Policy:
    """Keep what any of the policies keeps."""
    return lambda op, *types, **params: any(p(op, *types, **params) for p in policies)
