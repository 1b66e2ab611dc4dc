"""`linear_solve`: the solution of a linear system by an algorithm of the user's.

Four programs take the same captured values first: `program` solves A x = b, `matvec` is
x ↦ A x, and `adjoint` and `rmatvec` are the same for the transposed system. The derivative of
a solution is a solution, dx = A⁻¹ (db - dA x), and its transpose a transposed solution, so
nothing is ever differentiated through the algorithm. What `program` and `adjoint` give beyond the
solution (how many steps it took, say) is handed out, and constant to derivatives.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.errors import DifferentiationError
from bibun.ops.control.call import bring_front, check_inputs
from bibun.ops.op import CALL, Op, Sample, is_linear
from bibun.ops.registry import register
from bibun.trace.core import type_of


def _type_rule(*types: Any, program: Any, **params: Any) -> list[Any]:
    """The types of the solution, and of what comes with it."""
    check_inputs("linear_solve", program, types)
    return list(program.out_types)


def _change(ctx: Any, primals: Any, solution: Any, nonzero: Any, matvec: Any) -> Any:
    """A linear function: tangents of the captured values -> dA x."""
    nc = len(nonzero)
    lin = ctx.linearize(matvec, (*nonzero, *[False] * len(solution)), True)
    args = [*primals[:nc], *solution]
    outs = ctx.run(lin.primal, args)
    count = len(matvec.outputs)
    residuals = [
        r if i is None else args[i] for r, i in zip(outs[count:], lin.forwarded, strict=True)
    ]
    return lambda tangents: ctx.run(lin.linear, [*residuals, *tangents])


def _linearize(ctx: Any, primals: Any, nonzero: Any, num_consts: int, **params: Any) -> Any:
    from bibun.ops.elementwise import neg, sub
    from bibun.ops.families.tangents import zeros_of

    bs = primals[num_consts:]
    outs = linear_solve(*primals, num_consts=num_consts, **params)
    of_consts = tuple(nonzero[:num_consts])
    change = None
    if any(of_consts):
        change = _change(ctx, primals, outs[: len(bs)], of_consts, params["matvec"])

    def linear(*tangents: Any) -> Any:
        some = iter(tangents)
        dc = [next(some) for nz in of_consts if nz]
        db = [next(some) if nz else None for nz in nonzero[num_consts:]]
        moved = [None] * len(db) if change is None else change(dc)
        right = []
        for b, t, m in zip(bs, db, moved, strict=True):
            if t is None:
                right.append(zeros_of(type_of(b)) if m is None else neg(m))
            else:
                right.append(t if m is None else sub(t, m))
        moves = linear_solve(*primals[:num_consts], *right, num_consts=num_consts, **params)
        return moves[: len(bs)]

    return list(outs), tuple(k < len(bs) for k in range(len(outs))), linear


def _jvp(ctx: Any, primals: Any, tangents: Any, **params: Any) -> Any:
    nonzero = tuple(t is not None for t in tangents)
    outs, moving, linear = _linearize(ctx, primals, nonzero, **params)
    found = iter(linear(*(t for t in tangents if t is not None)))
    return outs, [next(found) if m else None for m in moving]


def _transpose(
    ctx: Any, cts: Any, *args: Any, program: Any, matvec: Any, adjoint: Any, rmatvec: Any,
    num_consts: int, name: str,
) -> Any:  # fmt: skip
    from bibun.ops.families.tangents import zeros_of

    consts = args[:num_consts]
    if adjoint is None:
        raise DifferentiationError(
            f"reverse mode through the linear solve {name!r} needs transpose_solve= (or "
            "symmetric=True)"
        )
    if any(map(is_linear, consts)):
        raise DifferentiationError("a solution is not linear in the matrix")
    count = len(args) - num_consts
    full = [
        zeros_of(t) if ct is None else ct
        for ct, t in zip(cts[:count], program.out_types[:count], strict=True)
    ]
    outs = linear_solve(
        *consts, *full, program=adjoint, matvec=rmatvec, adjoint=program, rmatvec=matvec,
        num_consts=num_consts, name=name,
    )  # fmt: skip
    return [None] * num_consts + list(outs[:count])


def _batch(
    ctx: Any, size: int, args: Any, dims: Any, num_consts: int, name: str, **programs: Any
) -> Any:
    from bibun.ops.families.shape import mapped_front

    mapped = (*(d is not None for d in dims[:num_consts]), *[True] * (len(args) - num_consts))
    batched = {
        key: None if p is None else ctx.batch(p, size, mapped, True)[0]
        for key, p in programs.items()
    }
    outs = linear_solve(
        *bring_front(args[:num_consts], dims[:num_consts]),
        *(mapped_front(b, d, size)
          for b, d in zip(args[num_consts:], dims[num_consts:], strict=True)),
        num_consts=num_consts, name=name, **batched,
    )  # fmt: skip
    return outs, [0] * len(outs)


def _samples() -> list[Sample]:
    from bibun.ops.elementwise import div, mul
    from bibun.trace.stage import stage_program

    a, b = np.linspace(1.0, 2.0, 3), np.array([0.5, -1.0, 2.0])
    types = [type_of(a), type_of(b)]
    solve = stage_program(lambda a, b: [div(b, a)], types)
    multiply = stage_program(lambda a, x: [mul(a, x)], types)
    programs = {"program": solve, "matvec": multiply, "adjoint": solve, "rmatvec": multiply}
    return [Sample(a, b, num_consts=1, name="sample", **programs)]


linear_solve = register(
    Op(
        "linear_solve",
        CALL,
        type_rule=_type_rule,
        eval=lambda ctx, args, program, **params: ctx.execute(program, args),
        jvp=_jvp,
        linearize=_linearize,
        transpose=_transpose,
        batch=_batch,
        lower=None,
        multiple_results=True,
        structured=True,
        samples=_samples,
        doc="`linear_solve(*consts, *b, program, matvec, adjoint, rmatvec, num_consts, name)`: "
        "the x that `program` finds, and what else it gives; derivatives are solutions of the same "
        "or transposed system.",
    )
)
