"""`switch`: one of several branches, chosen by an integer.

All branches take the same operands and return values of the same types. `lax.cond` is a
switch of two. The index is clamped to the branches there are.

Linearized, each branch returns what its linear part will need. These residuals share slots:
the first float64 vector of every branch, say, goes into one slot, and a branch that has
none fills it with zeros. What a branch merely forwards is no residual.

Batched with one index for all lanes, a switch stays a switch. With an index a lane, all
branches run under masks and the results are selected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.config import config
from bibun.errors import DifferentiationError, ShapeError
from bibun.ir.program import Equation, Program
from bibun.ir.types import ArrayType, Type
from bibun.ops.control import lowering
from bibun.ops.control.common import (
    INT_TYPE,
    Flags,
    build,
    check_match,
    check_operands,
    drop,
    either,
    front,
    keep,
    lane_select,
    memo,
    rewire,
    run_structured,
    scatter,
    split,
)
from bibun.ops.control.masking import lane_program, masked, masks, needs_mask, run_lanes
from bibun.ops.elementwise import clamp, mul, sin
from bibun.ops.elementwise import eq as equal
from bibun.ops.families.tangents import zeros_of
from bibun.ops.op import CONTROL, Op, Sample, is_linear
from bibun.ops.registry import register
from bibun.trace.core import as_value
from bibun.trace.replay import replay
from bibun.trace.stage import stage_program

Branches = tuple[Program, ...]


def _type(index: Type, *operands: Type, branches: Branches) -> list[Type]:
    if not index.matches(INT_TYPE):
        raise ShapeError(f"switch: the index must be i64[], got {index}")
    if not branches:
        raise ShapeError("switch: there must be at least one branch")
    for k, branch in enumerate(branches):
        check_operands("switch", branch, operands, f"branch {k}")
        if len(branch.outputs) != len(branches[0].outputs):
            raise ShapeError(
                f"switch: branch 0 returns {len(branches[0].outputs)} values, branch {k} "
                f"{len(branch.outputs)}"
            )
        for j, (want, got) in enumerate(zip(branches[0].out_types, branch.out_types, strict=True)):
            check_match("switch", f"result {j} of branch {k}", want, got)
    return list(branches[0].out_types)


def _interpret(args: Sequence[Any], *, branches: Branches) -> list[Any]:
    index, *operands = args
    k = min(max(int(index._value), 0), len(branches) - 1)
    return [as_value(o) for o in replay(branches[k], operands)]


def _eval(ctx: Any, args: Sequence[Any], **params: Any) -> list[Any]:
    return run_structured(ctx, switch, args, params, _interpret)


def _union(flags: Sequence[Flags]) -> Flags:
    return tuple(any(column) for column in zip(*flags, strict=True))


# derivatives --------------------------------------------------------------------------------


def _jvp(
    ctx: Any, primals: Any, tangents: Any, *, branches: Branches
) -> tuple[list[Any], list[Any]]:
    nonzero = tuple(t is not None for t in tangents[1:])
    out = _union([tuple(ctx.jvp(b, nonzero)[1]) for b in branches])
    doubled = tuple(ctx.jvp(b, nonzero, out)[0] for b in branches)
    outs = switch(*primals, *keep(tangents[1:], nonzero), branches=doubled)
    primal_out, tangent_out = split(outs, len(out))
    return primal_out, scatter(tangent_out, out)


@memo
def _split_branches(
    first: Program, branches: Branches, ctx: Any, nonzero: Flags
) -> tuple[Branches, Branches, Flags, tuple[int, ...]]:
    """Primal branches with residual slots, linear branches, nonzero outputs, forwarded operands.

    The linear branches take (forwarded operands, slots, tangents).
    """
    out = _union([tuple(ctx.linearize(b, nonzero).out_nonzero) for b in branches])
    parts = [ctx.linearize(b, nonzero, out) for b in branches]
    forwarded = sorted({i for p in parts for i in p.forwarded if i is not None})
    slots: dict[tuple[Type, int], int] = {}  # the n-th residual of a type -> its slot
    places: list[dict[int, int]] = []  # for each branch: slot -> residual
    for p in parts:
        counts: dict[Type, int] = {}
        place: dict[int, int] = {}
        for r, source in enumerate(p.forwarded):
            if source is None:
                t = p.linear.inputs[r].type
                counts[t] = counts.get(t, 0) + 1
                place[slots.setdefault((t, counts[t]), len(slots))] = r
        places.append(place)
    types = [t for t, _ in slots]
    num_outs = len(first.outputs)
    primal, linear = [], []
    for p, place in zip(parts, places, strict=True):
        primal.append(_with_slots(p.primal, num_outs, tuple(types), tuple(place.items())))
        source = {i: r for r, i in enumerate(p.forwarded) if i is not None}
        ins: list[Any] = [source.get(i, first.inputs[i].type) for i in forwarded]
        ins += [place.get(s, t) for s, t in enumerate(types)]
        ins += range(p.num_residuals, len(p.linear.inputs))
        linear.append(rewire(p.linear, tuple(ins)))
    return tuple(primal), tuple(linear), out, tuple(forwarded)


@memo
def _with_slots(
    primal: Program, num_outs: int, types: tuple[Type, ...], place: tuple[tuple[int, int], ...]
) -> Program:
    """A primal branch whose residuals are in their slots, zeros in the others."""
    filled = dict(place)

    def run(*args: Any) -> list[Any]:
        outs, residuals = split(replay(primal, args), num_outs)
        return outs + [
            residuals[filled[s]] if s in filled else zeros_of(t) for s, t in enumerate(types)
        ]

    return build(run, primal.in_types, primal.name)


def _linearize(
    ctx: Any, primals: Any, nonzero: Any, *, branches: Branches
) -> tuple[list[Any], Flags, Any]:
    index, *operands = primals
    primal, linear, out, forwarded = _split_branches(
        branches[0], branches, ctx, tuple(nonzero[1:])
    )
    outs, slots = split(switch(index, *operands, branches=primal), len(out))

    def run_linear(*tangents: Any) -> list[Any]:
        if not any(out):
            return []
        known = [operands[i] for i in forwarded]
        return switch(index, *known, *slots, *tangents, branches=linear)

    return outs, out, run_linear


def _transpose(ctx: Any, cts: Any, index: Any, *operands: Any, branches: Branches) -> list[Any]:
    if is_linear(index):
        raise DifferentiationError("switch: the index is not linear")
    linear = tuple(map(is_linear, operands))
    given = tuple(ct is not None for ct in cts)
    parts = [ctx.transpose(b, linear, given) for b in branches]
    nonzero = _union([tuple(nz) for _, nz in parts])
    wanted = tuple(k for k, flag in enumerate(nonzero) if flag)
    backward = tuple(rewire(p, tuple(range(len(p.inputs))), wanted) for p, _ in parts)
    if not wanted:
        return [None] * (1 + len(operands))
    outs = switch(index, *drop(operands, linear), *keep(cts, given), branches=backward)
    return [None, *scatter(scatter(outs, nonzero), linear)]


# lanes ---------------------------------------------------------------------------------------


def _batch(
    ctx: Any, size: int, args: Any, dims: Any, *, branches: Branches
) -> tuple[list[Any], list[Any]]:
    index, *operands = (front(x, d) for x, d in zip(args, dims, strict=True))
    mapped = tuple(d is not None for d in dims[1:])
    if dims[0] is None:
        out = (False,) * len(branches[0].outputs)
        for b in branches:
            out = either(out, ctx.batch(b, size, mapped)[1])
        lane_branches = tuple(ctx.batch(b, size, mapped, out)[0] for b in branches)
        outs = switch(index, *operands, branches=lane_branches)
        return outs, [0 if flag else None for flag in out]
    index = clamp(np.int64(0), index, np.int64(len(branches) - 1))
    outs: list[Any] = []
    for k, b in enumerate(branches):
        active = equal(index, np.int64(k))
        lane_branch, _ = ctx.batch(lane_program(b), size, (True, *mapped), True)
        found = run_lanes(lane_branch, [active, *operands], config.debug_nans)
        if k == 0:
            outs = found
        else:
            outs = [lane_select(active, f, o) for f, o in zip(found, outs, strict=True)]
    return outs, [0] * len(outs)


@masks("switch")
def _masked(active: Any, eq: Equation, ins: list[Any]) -> Any:
    branches = eq.params["branches"]
    if not any(map(needs_mask, branches)):
        return switch(*ins, branches=branches)
    index, *operands = ins
    return switch(index, active, *operands, branches=tuple(map(masked, branches)))


def _samples() -> list[Sample]:
    f = ArrayType((3,), np.dtype(np.float64))
    branches = (
        stage_program(lambda x, y: [mul(x, sin(y)), x], [f, f], "first"),
        stage_program(lambda x, y: [mul(x, x), mul(y, 2.0)], [f, f], "second"),
        stage_program(lambda x, y: [mul(1.5, y), y], [f, f], "third"),
    )
    x, y = np.array([0.3, -0.7, 1.2]), np.array([1.1, 0.6, -0.4])
    return [Sample(np.int64(k), x, y, branches=branches) for k in (-1, 1, 5)]


switch = register(
    Op(
        "switch",
        CONTROL,
        type_rule=_type,
        eval=_eval,
        jvp=_jvp,
        linearize=_linearize,
        transpose=_transpose,
        batch=_batch,
        lower=lowering.switch_lower,
        multiple_results=True,
        structured=True,
        samples=_samples,
        doc="`switch(index, *operands; branches)`: the results of the branch with that number.",
    )
)
