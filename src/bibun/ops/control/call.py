"""`jit`: one sub-program, run as it stands; and what the ops that call programs share.

The op is what `bibun.jit` binds when it meets another transformation. Its rules transform
the program; the compiler inlines it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.errors import ShapeError
from bibun.ir.program import Program
from bibun.ops.control.common import dependence, positions, restrict
from bibun.ops.families.shape import move_axis
from bibun.ops.op import CALL, Op, Sample, is_linear
from bibun.ops.registry import register


def check_inputs(name: str, program: Program, types: Sequence[Any]) -> None:
    """Errors: ShapeError unless `types` fit the program's inputs up to weakness."""
    wanted = program.in_types
    fits = len(types) == len(wanted)
    if not fits or not all(t.matches(w) for t, w in zip(types, wanted, strict=True)):
        raise ShapeError(
            f"{name}: the program takes ({', '.join(map(str, wanted))}), "
            f"got ({', '.join(map(str, types))})"
        )


def call_type(*types: Any, program: Program, **params: Any) -> list[Any]:
    """The output types of the program called."""
    check_inputs("call", program, types)
    return list(program.out_types)


def bring_front(args: Sequence[Any], dims: Sequence[int | None]) -> list[Any]:
    """Arguments with mapped axes in front."""
    return [a if d is None else move_axis(a, d, 0) for a, d in zip(args, dims, strict=True)]


def transpose_call(
    op: Any, ctx: Any, cts: Any, args: Any, program: Program,
    change: Callable[[Program, int], Program] | None = None, **params: Any,
) -> Any:  # fmt: skip
    """Cotangents of the linear arguments of a call, by calling the transposed program.

    `change(transposed, number of known arguments)` returns the program to call in its place.
    """
    linear = tuple(map(is_linear, args))
    ct_nonzero = tuple(ct is not None for ct in cts)
    transposed, nonzero = ctx.transpose(program, linear, ct_nonzero)
    known = [a for a in args if not is_linear(a)]
    if change is not None:
        transposed = change(transposed, len(known))
    outs = op(*known, *(ct for ct in cts if ct is not None), program=transposed, **params)
    found = iter([o if nz else None for o, nz in zip(outs, nonzero, strict=True)])
    return [next(found) if lin else None for lin in linear]


def separate_call(flags: Any, program: Program, **params: Any) -> Any:
    """Which outputs of a call depend on flagged inputs, and the call of the rest."""
    dependent = dependence(program, tuple(flags))

    def part() -> Any:
        known = positions(flags)
        return known, {"program": restrict(program, known, positions(dependent)), **params}

    return dependent, part


def batch_call(
    op: Any, ctx: Any, size: int, args: Any, dims: Any, program: Program, **params: Any
) -> Any:
    """A call of the batched program."""
    mapped = tuple(d is not None for d in dims)
    batched, flags = ctx.batch(program, size, mapped)
    outs = op(*bring_front(args, dims), program=batched, **params)
    return outs, [0 if f else None for f in flags]


def jvp_call(
    op: Any, ctx: Any, primals: Any, tangents: Any, program: Program, **params: Any
) -> Any:
    """A call of the program that computes tangents too."""
    nonzero = tuple(t is not None for t in tangents)
    both, out_nonzero = ctx.jvp(program, nonzero)
    outs = op(*primals, *(t for t in tangents if t is not None), program=both, **params)
    count = len(program.outputs)
    some = iter(outs[count:])
    return outs[:count], [next(some) if nz else None for nz in out_nonzero]


def _eval(ctx: Any, args: Any, program: Program, name: str = "") -> Any:
    return ctx.execute(program, args)


def linearize_call(
    op: Any, ctx: Any, primals: Any, nonzero: Any, program: Program, name: str = ""
) -> Any:
    """A call of the primal program, and a plain one of the linear program."""
    lin = ctx.linearize(program, tuple(nonzero))
    count = len(program.outputs)
    outs = op(*primals, program=lin.primal, name=name)
    residuals = [
        r if i is None else primals[i] for r, i in zip(outs[count:], lin.forwarded, strict=True)
    ]

    def linear(*tangents: Any) -> Any:
        return call(*residuals, *tangents, program=lin.linear, name=name)

    return outs[:count], lin.out_nonzero, linear


def _samples() -> list[Sample]:
    from bibun.ops.elementwise import mul, sin
    from bibun.trace.core import type_of
    from bibun.trace.stage import stage_program

    x, y = np.linspace(0.1, 2.0, 3), np.float64(1.5)
    program = stage_program(lambda a, b: [mul(sin(a), b), mul(b, b)], [type_of(x), type_of(y)])
    return [Sample(x, y, program=program)]


def call_op(name: str, eval: Callable[..., Any], samples: Callable[[], Any], doc: str) -> Op:
    """An op that runs its `program`, and whose every transform is a call of another program."""
    op = Op(
        name,
        CALL,
        type_rule=call_type,
        eval=eval,
        jvp=lambda ctx, primals, tangents, **p: jvp_call(op, ctx, primals, tangents, **p),
        linearize=lambda ctx, primals, nonzero, **p: linearize_call(op, ctx, primals, nonzero, **p),
        transpose=lambda ctx, cts, *args, **p: transpose_call(op, ctx, cts, args, **p),
        batch=lambda ctx, size, args, dims, **p: batch_call(op, ctx, size, args, dims, **p),
        separate=separate_call,
        lower=None,
        multiple_results=True,
        structured=True,
        samples=samples,
        doc=doc,
    )
    return register(op)


call = call_op("jit", _eval, _samples, "`jit(*args, program, name)`: the outputs of the program.")
