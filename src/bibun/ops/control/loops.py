"""The rules that `scan` and `counted_loop` share.

Both run a program `(consts, carry, x) -> (carry, y)` once for each slice. They differ in
where the number of iterations comes from (a parameter; a leading operand) and so in how
slices are stacked (an array axis; a ragged list). All else is here, once:

jvp        one loop over carries and tangents side by side.
linearize  the loop itself, which also stacks what the linear part will need (the tape), and
           a linear loop over the tangents. What the body merely forwards is not stacked: a
           constant stays a constant, a slice is read from the input it came from.
transpose  a loop in the other direction that carries cotangents, and sums those of constants.
batch      a loop over lanes. If the number of iterations differs from lane to lane, it is the
           largest, and a lane that is done keeps its carry.

Which carries have a tangent, a cotangent or a lane axis is found by fixpoint.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bibun.config import config
from bibun.errors import DifferentiationError
from bibun.ir.program import Program
from bibun.ir.types import RaggedType
from bibun.ops.control.common import (
    INT_TYPE,
    Flags,
    build,
    check_carry,
    dependence,
    drop,
    either,
    fixpoint,
    front,
    keep,
    lane_select,
    lanes,
    memo,
    positions,
    restrict,
    rewire,
    scatter,
    split,
    with_axis,
)
from bibun.ops.control.masking import lane_program, run_lanes
from bibun.ops.elementwise import add, lt, sub
from bibun.ops.families.tangents import add_tangents, zeros_of
from bibun.ops.op import is_linear
from bibun.trace.core import type_of
from bibun.trace.replay import replay


class LoopKind(NamedTuple):
    """What tells the two loops apart: the number of leading operands and their op."""

    lead: int
    op: Any


# linear parts: shared with `while` --------------------------------------------------------


class Taped(NamedTuple):
    """A body split for reverse mode.

    `primal` returns the body's outputs and then what goes on the tape. `linear` is the body of
    the linear loop: (invariants, tangents of consts; tangents of carry; tape, forwarded
    slices, tangents of slices). `invariant` and `slices` are positions among the body's consts
    and slices of what it forwards.
    """

    primal: Program
    linear: Program
    carry_nonzero: Flags
    y_nonzero: Flags
    invariant: tuple[int, ...]
    slices: tuple[int, ...]

    @property
    def any_nonzero(self) -> bool:
        return any(self.carry_nonzero) or any(self.y_nonzero)


def taped(
    ctx: Any, program: Program, num_consts: int, num_carry: int,
    const: Flags, carry: Flags, x: Flags,
) -> Taped:  # fmt: skip
    """Linearize a loop body, with the carries that get a tangent found by fixpoint."""
    key = (taped, num_consts, const, carry, x)
    found = program.memo.get(key)
    if found is not None:
        return found
    num_ys = len(program.outputs) - num_carry

    def step(flags: Flags) -> tuple[Any, Flags]:
        lin = ctx.linearize(program, (*const, *flags, *x), (*flags, *(False,) * num_ys))
        return lin, lin.out_nonzero[:num_carry]

    carry_nonzero, lin = fixpoint(carry, step)
    num_outs, x_at = len(program.outputs), num_consts + num_carry
    invariant, slices, tape = [], [], []  # the residuals, by what becomes of them
    for r, source in enumerate(lin.forwarded):
        if source is not None and source < num_consts:
            invariant.append(r)
        elif source is not None and source >= x_at:
            slices.append(r)
        else:
            tape.append(r)
    saved = (*range(num_outs), *(num_outs + r for r in tape))
    primal = rewire(lin.primal, tuple(range(len(lin.primal.inputs))), saved)
    tangents = range(lin.num_residuals, len(lin.linear.inputs))
    dconsts, dcarry, dxs = split(tangents, sum(const), sum(carry_nonzero))
    found = program.memo[key] = Taped(
        primal,
        rewire(lin.linear, (*invariant, *dconsts, *dcarry, *tape, *slices, *dxs)),
        carry_nonzero,
        tuple(lin.out_nonzero[num_carry:]),
        tuple(lin.forwarded[r] for r in invariant),
        tuple(lin.forwarded[r] - x_at for r in slices),
    )
    return found


def start_tangents(program: Program, at: int, nonzero: Flags, given: Flags, tangents: Any) -> list:
    """Tangents of the carries with `nonzero`: those `given`, zeros for the others."""
    given_tangents = scatter(list(tangents), given)
    return [
        zeros_of(program.inputs[at + k].type.tangent()) if t is None else t
        for k, (t, flag) in enumerate(zip(given_tangents, nonzero, strict=True))
        if flag
    ]


def doubled(program: Program, num_consts: int, num_carry: int, const: Flags, carry: Flags,
            x: Flags, out_nonzero: Flags) -> Program:  # fmt: skip
    """A jvp program in a loop's order: each group followed by its tangents."""
    num_in, num_out = len(const) + len(carry) + len(x), len(out_nonzero)
    ins = split(range(num_in), num_consts, num_carry)
    tans = split(range(num_in, len(program.inputs)), sum(const), sum(carry))
    outs = split(range(num_out), num_carry)
    out_tans = split(range(num_out, len(program.outputs)), sum(out_nonzero[:num_carry]))
    order = [i for pair in zip(ins, tans, strict=True) for group in pair for i in group]
    out_order = [i for pair in zip(outs, out_tans, strict=True) for group in pair for i in group]
    return rewire(program, tuple(order), tuple(out_order))


# the rules ---------------------------------------------------------------------------------


def jvp(
    loop: LoopKind, ctx: Any, primals: Any, tangents: Any,
    *, program: Program, num_consts: int, num_carry: int, **rest: Any,
) -> tuple[list[Any], list[Any]]:  # fmt: skip
    lead, consts, init, xs = split(primals, loop.lead, num_consts, num_carry)
    _, dconsts, dinit, dxs = split(tangents, loop.lead, num_consts, num_carry)
    const, start, x = (tuple(t is not None for t in ts) for ts in (dconsts, dinit, dxs))
    num_ys = len(program.outputs) - num_carry

    def step(flags: Flags) -> tuple[Any, Flags]:
        jp, out = ctx.jvp(program, (*const, *flags, *x), (*flags, *(False,) * num_ys))
        return (jp, tuple(out)), tuple(out)[:num_carry]

    carry, (jp, out_nonzero) = fixpoint(start, step)
    body = doubled(jp, num_consts, num_carry, const, carry, x, out_nonzero)
    moving = start_tangents(program, num_consts, carry, start, keep(dinit, start))
    outs = loop.op(
        *lead, *consts, *keep(dconsts, const), *init, *moving, *xs, *keep(dxs, x),
        program=body, num_consts=num_consts + sum(const), num_carry=num_carry + sum(carry), **rest,
    )  # fmt: skip
    carry_out, dcarry, ys, dys = split(outs, num_carry, sum(carry), num_ys)
    return carry_out + ys, scatter(dcarry, carry) + scatter(dys, out_nonzero[num_carry:])


def linearize(
    loop: LoopKind, ctx: Any, primals: Any, nonzero: Any,
    *, program: Program, num_consts: int, num_carry: int, **rest: Any,
) -> tuple[list[Any], Flags, Any]:  # fmt: skip
    lead, consts, init, xs = split(primals, loop.lead, num_consts, num_carry)
    _, const, start, x = map(tuple, split(nonzero, loop.lead, num_consts, num_carry))
    plan = taped(ctx, program, num_consts, num_carry, const, start, x)
    if not plan.any_nonzero:
        outs = loop.op(
            *primals, program=program, num_consts=num_consts, num_carry=num_carry, **rest
        )
        return outs, (False,) * len(outs), lambda *tangents: []
    num_outs = len(program.outputs)
    outs = loop.op(
        *lead, *consts, *init, *xs,
        program=plan.primal, num_consts=num_consts, num_carry=num_carry, **rest,
    )  # fmt: skip
    outs, tape = split(outs, num_outs)

    def linear(*tangents: Any) -> list[Any]:
        dconsts, dinit, dxs = split(tangents, sum(const), sum(start))
        carry = start_tangents(program, num_consts, plan.carry_nonzero, start, dinit)
        invariant = [consts[k] for k in plan.invariant]
        slices = [xs[k] for k in plan.slices]
        return loop.op(
            *lead, *invariant, *dconsts, *carry, *tape, *slices, *dxs,
            program=plan.linear, num_consts=len(invariant) + len(dconsts),
            num_carry=len(carry), **rest,
        )  # fmt: skip

    return outs, (*plan.carry_nonzero, *plan.y_nonzero), linear


def separate(
    lead: int, flags: Flags, *, program: Program, num_consts: int, num_carry: int, **rest: Any
) -> Any:
    """Which outputs of a loop depend on flagged operands, and the loop of the rest."""
    first, const, start, x = map(tuple, split(flags, lead, num_consts, num_carry))
    if any(first):
        return (True,) * len(program.outputs), None

    def reach(flags: Flags) -> tuple[Flags, Flags]:
        out = dependence(program, (*const, *flags, *x))
        return out, out[:num_carry]

    carry, out = fixpoint(start, reach)
    dependent = (*carry, *out[num_carry:])

    def part() -> Any:
        known = positions((*const, *carry, *x))
        params = {
            "program": restrict(program, known, positions(dependent)),
            "num_consts": len(positions(const)), "num_carry": len(positions(carry)), **rest,
        }  # fmt: skip
        return (*range(lead), *(lead + i for i in known)), params

    return dependent, part


def transpose(
    loop: LoopKind, ctx: Any, cts: Any, *args: Any,
    program: Program, num_consts: int, num_carry: int, reverse: bool, **rest: Any,
) -> list[Any]:  # fmt: skip
    lead, consts, init, xs = split(args, loop.lead, num_consts, num_carry)
    if any(map(is_linear, lead)):
        raise DifferentiationError(f"{loop.op.name}: the number of iterations is not linear")
    const, x = tuple(map(is_linear, consts)), tuple(map(is_linear, xs))

    def reach(flags: Flags) -> tuple[Flags, Flags]:
        out = dependence(program, (*const, *flags, *x))
        return out, out[:num_carry]

    carry, depends = fixpoint(map(is_linear, init), reach)
    known_carry = _known_carries(
        loop, lead, consts, init, xs, const, carry, x,
        program=program, num_consts=num_consts, reverse=reverse, **rest,
    )  # fmt: skip
    ct_carry, ct_ys = split(cts, num_carry)
    y = tuple(c is not None and d for c, d in zip(ct_ys, depends[num_carry:], strict=True))
    linear = (*const, *carry, *x)

    def step(flags: Flags) -> tuple[Any, Flags]:
        tp, nonzero = ctx.transpose(program, linear, (*flags, *y))
        groups = split(nonzero, sum(const), sum(carry))
        return (tp, *map(tuple, groups)), tuple(map(bool, scatter(groups[1], carry)))

    seen = tuple(c is not None and lin for c, lin in zip(ct_carry, carry, strict=True))
    moving, (tp, const_out, carry_out, x_out) = fixpoint(seen, step)
    sums = tuple(const_out)
    body = _backward(
        tp, num_consts - sum(const), num_carry - sum(carry), len(xs) - sum(x),
        sums, tuple(keep(moving, carry)), x_out,
    )  # fmt: skip
    in_types = program.in_types
    start = [zeros_of(t.tangent()) for t in keep(keep(in_types[:num_consts], const), sums)]
    for k, flag in enumerate(moving):
        if flag:
            ct = ct_carry[k]
            start.append(zeros_of(in_types[num_consts + k].tangent()) if ct is None else ct)
    outs = loop.op(
        *lead, *drop(consts, const), *start, *known_carry, *drop(xs, x), *keep(ct_ys, y),
        program=body, num_consts=num_consts - sum(const), num_carry=len(start),
        reverse=not reverse, **rest,
    )  # fmt: skip
    ct_consts, ct_init, ct_xs = split(outs, sum(sums), sum(moving))
    return [
        *(None for _ in lead),
        *scatter(scatter(ct_consts, sums), const),
        *(c if is_linear(i) else None for c, i in zip(scatter(ct_init, moving), init, strict=True)),
        *scatter(scatter(ct_xs, x_out), x),
    ]


def _known_carries(
    loop: LoopKind, lead: Any, consts: Any, init: Any, xs: Any, const: Flags, carry: Flags,
    x: Flags, *, program: Program, num_consts: int, **rest: Any,
) -> list[Any]:  # fmt: skip
    """The values, stacked, that carries which are not linear have at the start of each pass."""
    which = [k for k, linear in enumerate(carry) if not linear]
    if not which:
        return []
    flags = (*const, *carry, *x)
    inputs = tuple(i for i, linear in enumerate(flags) if not linear)
    part = restrict(program, inputs, tuple(which))
    num = len(consts) - sum(const)
    both = Program(
        part.inputs, part.equations, [*part.outputs, *part.inputs[num : num + len(which)]]
    )
    outs = loop.op(
        *lead, *drop(consts, const), *(init[k] for k in which), *drop(xs, x),
        program=both, num_consts=num, num_carry=len(which), **rest,
    )  # fmt: skip
    return outs[len(which) :]


@memo
def _backward(
    tp: Program, num_consts: int, num_known: int, num_xs: int,
    sums: Flags, moving: Flags, x_out: Flags,
) -> Program:  # fmt: skip
    """A transposed body as a loop body: sums for constants, then cotangents of carries.

    `tp` takes (consts, known carries, xs, cts of carries, cts of ys) and returns cotangents of
    the linear consts, carries and xs; `sums`, `moving` and `x_out` say which of them to keep.
    """
    num_moving = sum(moving)
    consts, known, xs, cts, ct_ys = split(
        tp.in_types, num_consts, num_known, num_xs, num_moving
    )
    totals = [t for t, flag in zip(tp.out_types, sums, strict=False) if flag]

    def run(*args: Any) -> list[Any]:
        c, total, ct, k, x, ct_y = split(
            args, num_consts, len(totals), num_moving, num_known, num_xs
        )
        outs = replay(tp, [*c, *k, *x, *ct, *ct_y])
        ct_consts, ct_carry, ct_xs = split(outs, len(sums), len(moving))
        grown = [add_tangents(t, g) for t, g in zip(total, keep(ct_consts, sums), strict=True)]
        return [*grown, *keep(ct_carry, moving), *keep(ct_xs, x_out)]

    return build(run, [*consts, *totals, *cts, *known, *xs, *ct_ys], "backward")


def batch(
    loop: LoopKind, ctx: Any, size: int, args: Any, dims: Any,
    *, program: Program, num_consts: int, num_carry: int, **rest: Any,
) -> tuple[list[Any], list[Any]]:  # fmt: skip
    lead, consts, init, xs = split(args, loop.lead, num_consts, num_carry)
    dlead, dconsts, dinit, dxs = split(dims, loop.lead, num_consts, num_carry)
    num_ys = len(program.outputs) - num_carry
    const, start, x = (tuple(d is not None for d in ds) for ds in (dconsts, dinit, dxs))
    uneven = bool(dlead) and dlead[0] is not None
    if uneven:  # a lane that is done keeps its carry, so every carry that changes has lanes
        program = lane_program(program)
        const = (True, *const)
        start = either(start, changing(program, num_consts + 1, num_carry))

    def step(flags: Flags) -> tuple[Any, Flags]:
        want = (*flags, *(False,) * num_ys)
        body, out = ctx.batch(program, size, (*const, *flags, *x), want)
        return (body, tuple(out)), tuple(out)[:num_carry]

    carry, (body, mapped) = fixpoint(start, step)
    consts = [front(c, d) for c, d in zip(consts, dconsts, strict=True)]
    init = [
        lanes(c, size) if flag and d is None else front(c, d)
        for c, d, flag in zip(init, dinit, carry, strict=True)
    ]
    xs = [front(v, d, 1) for v, d in zip(xs, dxs, strict=True)]
    if uneven:
        outs = _uneven(
            loop, size, lead[0], consts, init, xs, body, carry, num_consts, num_carry, **rest
        )
    else:
        outs = loop.op(
            *lead, *consts, *init, *xs,
            program=body, num_consts=num_consts, num_carry=num_carry, **rest,
        )  # fmt: skip
    y_dims = [0 if isinstance(type_of(y), RaggedType) else 1 for y in outs[num_carry:]]
    return outs, [
        *(0 if flag else None for flag in carry),
        *(d if flag else None for d, flag in zip(y_dims, mapped[num_carry:], strict=True)),
    ]


def changing(program: Program, at: int, num_carry: int) -> Flags:
    """Which carries the body may change: all that it does not hand on as they came."""
    return tuple(
        program.outputs[k] is not program.inputs[at + k] for k in range(num_carry)
    )


def _uneven(
    loop: LoopKind, size: int, n: Any, consts: Any, init: Any, xs: Any, body: Program,
    carry: Flags, num_consts: int, num_carry: int, *, reverse: bool, **rest: Any,
) -> list[Any]:  # fmt: skip
    """Lanes with different numbers of iterations: run the largest, hold those that are done."""
    from bibun.ops.reduce import reduce_max

    most = reduce_max(n, axes=(0,)) if size else INT_TYPE.dtype.type(0)
    first = sub(most, INT_TYPE.dtype.type(1)) if reverse else INT_TYPE.dtype.type(0)
    held = _hold(body, size, num_consts, num_carry, carry, reverse, config.debug_nans)
    outs = loop.op(
        most, n, *consts, first, *init, *xs,
        program=held, num_consts=num_consts + 1, num_carry=num_carry + 1, reverse=reverse, **rest,
    )  # fmt: skip
    return outs[1:]


@memo
def _hold(
    body: Program, size: int, num_consts: int, num_carry: int, carry: Flags, reverse: bool,
    checks: bool,
) -> Program:  # fmt: skip
    """A body of lanes, masked by its first input, that runs lane k while i < n[k]."""
    _, consts, carries, xs = split(body.in_types, 1, num_consts, num_carry)
    one = INT_TYPE.dtype.type(-1 if reverse else 1)

    def run(*args: Any) -> list[Any]:
        (n,), c, (i,), before, x = split(args, 1, num_consts, 1, num_carry)
        active = lt(i, n)
        after, ys = split(run_lanes(body, [active, *c, *before, *x], checks), num_carry)
        kept = [
            lane_select(active, new, old) if flag else new
            for new, old, flag in zip(after, before, carry, strict=True)
        ]
        return [add(i, one), *kept, *ys]

    types = [with_axis(INT_TYPE, size), *consts, INT_TYPE, *carries, *xs]
    program = build(run, types, body.name)
    check_carry("counted_loop", carries, program.out_types[1 : 1 + num_carry])
    return program
