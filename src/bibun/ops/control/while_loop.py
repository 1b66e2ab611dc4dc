"""`while`: a body run as long as a condition holds.

The body is `(consts, carry) -> (carry, y)`. The ys, one an iteration, come out as ragged
lists; users have none, the linearized loop has its tape there. Its linear part is a
`counted_loop` over that tape, because the number of iterations is known by then. So reverse
mode, of any order, costs one tape element an iteration.

Batched, a `while` whose condition is the same for all lanes stays as it is. Otherwise the
lanes run in lockstep: a mask is carried, a lane whose condition has failed keeps its carry,
and effects and inner loops run under the mask. `num_lanes` says so to the compiler, which may
then let each block of lanes run to its own end (`bibun.compiler.lanes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.config import config
from bibun.errors import DifferentiationError, ShapeError
from bibun.ir.program import Equation, Program
from bibun.ir.types import ArrayType, Type
from bibun.ops import shape
from bibun.ops.control import lowering
from bibun.ops.control.common import (
    BOOL_TYPE,
    INT_TYPE,
    Flags,
    build,
    check_carry,
    check_operands,
    dependence,
    either,
    fixpoint,
    front,
    keep,
    lane_select,
    lanes,
    memo,
    place,
    positions,
    restrict,
    rewire,
    run_structured,
    scatter,
    split,
    stacked,
    with_axis,
)
from bibun.ops.control.loops import changing, doubled, start_tangents, taped
from bibun.ops.control.masking import lane_program, masked_or_same, masks, run_lanes
from bibun.ops.control.ragged import Tapes
from bibun.ops.control.scan import counted_loop
from bibun.ops.elementwise import add, and_, lt, mul, sin
from bibun.ops.op import CONTROL, Op, Sample, is_linear
from bibun.ops.reduce import reduce_or
from bibun.ops.registry import register
from bibun.trace.core import as_value
from bibun.trace.replay import replay
from bibun.trace.stage import stage_program


def _type(
    *types: Type, cond: Program, body: Program, num_cond_consts: int, num_body_consts: int,
    num_lanes: int | None = None,
) -> list[Type]:  # fmt: skip
    cond_consts, body_consts, carry = split(types, num_cond_consts, num_body_consts)
    check_operands("while", cond, [*cond_consts, *carry], "the condition")
    check_operands("while", body, [*body_consts, *carry], "the body")
    if len(cond.outputs) != 1 or not cond.out_types[0].matches(BOOL_TYPE):
        listed = ", ".join(map(str, cond.out_types))
        raise ShapeError(f"while: the condition must return one bool[], got {listed}")
    before = body.in_types[num_body_consts:]
    check_carry("while", before, body.out_types[: len(carry)])
    return [*before, *(stacked(t, None) for t in body.out_types[len(carry) :])]


def _interpret(
    args: Sequence[Any], *, cond: Program, body: Program, num_cond_consts: int,
    num_body_consts: int, num_lanes: int | None = None,
) -> list[Any]:  # fmt: skip
    cond_consts, body_consts, carry = split(args, num_cond_consts, num_body_consts)
    num_carry = len(carry)
    tapes = Tapes(body.out_types[num_carry:], place("while loop"))
    count = 0
    while as_value(replay(cond, [*cond_consts, *carry])[0])._value:
        outs = [as_value(o) for o in replay(body, [*body_consts, *carry])]
        carry = outs[:num_carry]
        tapes.put(count, outs[num_carry:])
        count += 1
    return [*carry, *tapes.done(count)]


def _eval(ctx: Any, args: Sequence[Any], **params: Any) -> list[Any]:
    return run_structured(ctx, while_, args, params, _interpret)


def _blind(cond: Program, extra: Sequence[Type]) -> Program:
    """A condition that is handed more carries and does not look at them."""
    return rewire(cond, (*range(len(cond.inputs)), *extra))


# derivatives --------------------------------------------------------------------------------


def _jvp(
    ctx: Any, primals: Any, tangents: Any, *, cond: Program, body: Program,
    num_cond_consts: int, num_body_consts: int, num_lanes: int | None = None,
) -> tuple[list[Any], list[Any]]:  # fmt: skip
    cond_consts, consts, init = split(primals, num_cond_consts, num_body_consts)
    _, dconsts, dinit = split(tangents, num_cond_consts, num_body_consts)
    num_carry, num_ys = len(init), len(body.outputs) - len(init)
    const, start = (tuple(t is not None for t in ts) for ts in (dconsts, dinit))

    def step(flags: Flags) -> tuple[Any, Flags]:
        jp, out = ctx.jvp(body, (*const, *flags), (*flags, *(False,) * num_ys))
        return (jp, tuple(out)), tuple(out)[:num_carry]

    carry, (jp, out_nonzero) = fixpoint(start, step)
    moving = start_tangents(body, num_body_consts, carry, start, keep(dinit, start))
    extra = [t.tangent() for t in keep(body.in_types[num_body_consts:], carry)]
    outs = while_(
        *cond_consts, *consts, *keep(dconsts, const), *init, *moving,
        cond=_blind(cond, extra),
        body=doubled(jp, num_body_consts, num_carry, const, carry, (), out_nonzero),
        num_cond_consts=num_cond_consts, num_body_consts=num_body_consts + sum(const),
        num_lanes=num_lanes,
    )  # fmt: skip
    carry_out, dcarry, ys, dys = split(outs, num_carry, sum(carry), num_ys)
    return carry_out + ys, scatter(dcarry, carry) + scatter(dys, out_nonzero[num_carry:])


@memo
def _counting(body: Program, num_consts: int, num_carry: int) -> Program:
    """A body with the number of iterations as one more carry, the last."""
    consts, carry = split(body.in_types, num_consts)

    def run(*args: Any) -> list[Any]:
        outs, ys = split(replay(body, args[:-1]), num_carry)
        return [*outs, add(args[-1], np.int64(1)), *ys]

    return build(run, [*consts, *carry, INT_TYPE], body.name)


def _linearize(
    ctx: Any, primals: Any, nonzero: Any, *, cond: Program, body: Program,
    num_cond_consts: int, num_body_consts: int, num_lanes: int | None = None,
) -> tuple[list[Any], Flags, Any]:  # fmt: skip
    cond_consts, consts, init = split(primals, num_cond_consts, num_body_consts)
    cond_const, const, start = map(tuple, split(nonzero, num_cond_consts, num_body_consts))
    num_carry, num_ys = len(init), len(body.outputs) - len(init)
    plan = taped(ctx, body, num_body_consts, num_carry, const, start, ())
    common = {"num_cond_consts": num_cond_consts, "num_body_consts": num_body_consts}
    if not plan.any_nonzero:
        outs = while_(*primals, cond=cond, body=body, **common)
        return outs, (False,) * len(outs), lambda *tangents: []
    outs = while_(
        *cond_consts, *consts, *init, np.int64(0),
        cond=_blind(cond, [INT_TYPE]),
        body=_counting(plan.primal, num_body_consts, num_carry), **common,
    )  # fmt: skip
    carry, (count,), ys, tape = split(outs, num_carry, 1, num_ys)

    def linear(*tangents: Any) -> list[Any]:
        # the condition has no derivative, but what it captures may have tangents
        _, dconsts, dinit = split(tangents, sum(cond_const), sum(const))
        dcarry = start_tangents(body, num_body_consts, plan.carry_nonzero, start, dinit)
        invariant = [consts[k] for k in plan.invariant]
        return counted_loop(
            count, *invariant, *dconsts, *dcarry, *tape,
            program=plan.linear, num_consts=len(invariant) + len(dconsts),
            num_carry=len(dcarry), reverse=False,
        )  # fmt: skip

    return carry + ys, (*plan.carry_nonzero, *plan.y_nonzero), linear


def _separate(
    flags: Flags, *, cond: Program, body: Program, num_cond_consts: int, num_body_consts: int,
    num_lanes: int | None = None,
) -> Any:  # fmt: skip
    """Which outputs depend on flagged operands, and the loop of the rest."""
    cond_const, const, start = map(tuple, split(flags, num_cond_consts, num_body_consts))

    def reach(flags: Flags) -> tuple[Flags, Flags]:
        out = dependence(body, (*const, *flags))
        return out, out[: len(start)]

    carry, out = fixpoint(start, reach)
    dependent = (*carry, *out[len(start) :])
    if any(dependence(cond, (*cond_const, *carry))):
        return (True,) * len(dependent), None

    def part() -> Any:
        known, known_cond = positions((*const, *carry)), positions((*cond_const, *carry))
        params = {
            "cond": restrict(cond, known_cond, (0,)),
            "body": restrict(body, known, positions(dependent)),
            "num_cond_consts": len(positions(cond_const)),
            "num_body_consts": len(positions(const)),
        }  # fmt: skip
        return (*positions(cond_const), *(num_cond_consts + i for i in known)), params

    return dependent, part


def _transpose(
    ctx: Any, cts: Any, *args: Any, cond: Program, body: Program, num_cond_consts: int,
    num_body_consts: int, num_lanes: int | None = None,
) -> list[Any]:  # fmt: skip
    """Run what is not linear to learn the number of iterations; then it is a counted loop."""
    cond_consts, consts, init = split(args, num_cond_consts, num_body_consts)
    const = tuple(map(is_linear, consts))

    def reach(flags: Flags) -> tuple[None, Flags]:
        return None, dependence(body, (*const, *flags))[: len(init)]

    carry, _ = fixpoint(map(is_linear, init), reach)
    if any(dependence(cond, (*map(is_linear, cond_consts), *carry))):
        raise DifferentiationError(
            "a while loop cannot be transposed whose condition depends on what it is to be linear "
            f"in. It is {place('loop')}"
        )
    known = [k for k, flag in enumerate(carry) if not flag]
    known_consts = [k for k, flag in enumerate(const) if not flag]
    num_known, at = len(known_consts), num_body_consts
    part = restrict(body, (*known_consts, *(at + k for k in known)), tuple(known))
    go = restrict(cond, (*range(num_cond_consts), *(num_cond_consts + k for k in known)), (0,))
    outs = while_(
        *cond_consts, *(consts[k] for k in known_consts), *(init[k] for k in known), np.int64(0),
        cond=_blind(go, [INT_TYPE]), body=_counting(part, num_known, len(known)),
        num_cond_consts=num_cond_consts, num_body_consts=num_known,
    )  # fmt: skip
    found = counted_loop.transpose(
        ctx, cts, outs[-1], *consts, *init, program=body, num_consts=num_body_consts,
        num_carry=len(init), reverse=False,
    )  # fmt: skip
    return [*(None for _ in cond_consts), *found[1:]]


# lanes ---------------------------------------------------------------------------------------


def _batch(
    ctx: Any, size: int, args: Any, dims: Any, *, cond: Program, body: Program,
    num_cond_consts: int, num_body_consts: int, num_lanes: int | None = None,
) -> tuple[list[Any], list[Any]]:  # fmt: skip
    values = [front(x, d) for x, d in zip(args, dims, strict=True)]
    cond_consts, consts, init = split(values, num_cond_consts, num_body_consts)
    cond_const, const, start = (
        tuple(d is not None for d in ds) for ds in split(dims, num_cond_consts, num_body_consts)
    )
    num_carry = len(init)
    num_ys = len(body.outputs) - num_carry

    def step(flags: Flags, body: Program = body, mask: Flags = ()) -> tuple[Any, Flags]:
        want = (*flags, *(False,) * num_ys)
        lane_body, out = ctx.batch(body, size, (*mask, *const, *flags), want)
        return (lane_body, tuple(out)), tuple(out)[:num_carry]

    carry, (lane_body, mapped) = fixpoint(start, step)
    lane_cond, (uneven,) = ctx.batch(cond, size, (*cond_const, *carry))
    if uneven:  # lanes stop at different times: whatever the body changes has lanes
        carry = either(carry, changing(body, num_body_consts, num_carry))
        under_mask = lane_program(body)
        carry, (lane_body, mapped) = fixpoint(carry, lambda flags: step(flags, under_mask, (True,)))
        lane_cond, _ = ctx.batch(lane_program(cond), size, (True, *cond_const, *carry), True)
    init = [
        lanes(x, size) if flag and not had else x
        for x, flag, had in zip(init, carry, start, strict=True)
    ]
    if uneven:
        every = shape.broadcast_to(np.bool_(True), shape=(size,))
        checks = config.debug_nans
        (active,) = run_lanes(lane_cond, [every, *cond_consts, *init], checks)
        outs = while_(
            *cond_consts, *consts, active, *init,
            cond=_any_active(lane_body, size, num_body_consts),
            body=_lockstep(
                lane_body, lane_cond, num_cond_consts, num_body_consts, carry, checks
            ),
            num_cond_consts=0, num_body_consts=num_cond_consts + num_body_consts, num_lanes=size,
        )[1:]  # fmt: skip
    else:
        outs = while_(
            *cond_consts, *consts, *init, cond=lane_cond, body=lane_body,
            num_cond_consts=num_cond_consts, num_body_consts=num_body_consts,
        )  # fmt: skip
    return outs, [0 if flag else None for flag in (*carry, *mapped[num_carry:])]


@memo
def _any_active(body: Program, size: int, num_consts: int) -> Program:
    """Whether any lane goes on: looks at the mask, the first carry."""
    carry = body.in_types[1 + num_consts :]
    types = [with_axis(BOOL_TYPE, size), *carry]
    return build(lambda active, *_: [reduce_or(active, axes=(0,))], types, "any")


@memo
def _lockstep(
    body: Program, cond: Program, num_cond_consts: int, num_consts: int, carry: Flags,
    checks: bool,
) -> Program:  # fmt: skip
    """(cond consts, consts, mask, carry) -> (mask, carry, ys), all under the mask."""
    (mask,), cond_consts, _ = split(cond.in_types, 1, num_cond_consts)
    _, consts, types = split(body.in_types, 1, num_consts)

    def run(*args: Any) -> list[Any]:
        cc, c, (active,), before = split(args, num_cond_consts, num_consts, 1)
        after, ys = split(run_lanes(body, [active, *c, *before], checks), len(before))
        kept = [
            lane_select(active, new, old) if flag else new
            for new, old, flag in zip(after, before, carry, strict=True)
        ]
        (more,) = run_lanes(cond, [active, *cc, *kept], checks)
        return [and_(active, more), *kept, *ys]

    return build(run, [*cond_consts, *consts, mask, *types], body.name)


@masks("while")
def _masked(active: Any, eq: Equation, ins: list[Any]) -> Any:
    """Under a mask a loop does not start. While it runs its mask is true."""
    cond = _guarded(eq.params["cond"])
    count = eq.params["num_cond_consts"] + 1
    return while_(active, *ins, **{**eq.params, "cond": cond, "num_cond_consts": count})


@memo
def _guarded(cond: Program) -> Program:
    def run(active: Any, *args: Any) -> list[Any]:
        extra, program = masked_or_same(active, cond)
        return [and_(active, *replay(program, [*extra, *args]))]

    return build(run, [BOOL_TYPE, *cond.in_types], cond.name)


def _samples() -> list[Sample]:
    f, i = ArrayType((2,), np.dtype(np.float64)), INT_TYPE
    cond = stage_program(lambda n, k, x: [lt(k, n)], [i, i, f], "cond")
    body = stage_program(lambda c, k, x: [add(k, np.int64(1)), mul(c, sin(x))], [f, i, f], "body")
    common = {"cond": cond, "body": body, "num_cond_consts": 1, "num_body_consts": 1}
    two, c = np.array([0.3, -0.7]), np.array([1.1, 0.6])
    return [
        Sample(np.int64(3), c, np.int64(0), two, **common),
        Sample(np.int64(3), c, np.int64(3), two, **common),
    ]


while_ = register(
    Op(
        "while",
        CONTROL,
        type_rule=_type,
        eval=_eval,
        jvp=_jvp,
        linearize=_linearize,
        transpose=_transpose,
        separate=_separate,
        batch=_batch,
        lower=lowering.while_lower,
        multiple_results=True,
        structured=True,
        samples=_samples,
        doc=(
            "`while(*cond_consts, *body_consts, *carry; cond, body, num_cond_consts, "
            "num_body_consts)`: the last carry of `body: (consts, carry) -> (carry, y)` run "
            "while `cond: (consts, carry) -> bool[]` holds, and the ys as ragged lists."
        ),
    )
)
