"""Loop fission: what a scan's body computes without the carry moves out of the loop.

A body often does work for each slice that no other iteration waits for: 1/x of an input, a
random number, a projection of the data. In the loop that work is scalar and sits between the
steps of a chain. Outside it is one vectorised map over all slices, computed before the scan
and read as further slices; what depends on no slice at all is computed once.

Only work that is worth a round trip through memory is moved (`WORTH` per stored element), and
only as much as fits `MAX_BYTES`.
"""

from __future__ import annotations

from typing import Any

from bibun.ir.program import Equation, Program, Var
from bibun.ir.types import ArrayType
from bibun.ops.control.common import split
from bibun.ops.op import ELEMENTWISE, INDEX_MAP, REDUCTION
from bibun.ops.shape import copy

WORTH = 4.0  # cost per stored element from which on moving pays
MAX_BYTES = 1 << 26

_MOVABLE = (ELEMENTWISE, INDEX_MAP, REDUCTION)


def fission(ctx: Any, eq: Equation, producer: Any = None) -> list[Equation] | None:
    """Equations equal to a scan, with the carry-free work of its body in front; None: no gain."""
    params = eq.params
    program: Program = params["program"]
    num_consts, num_carry, length = params["num_consts"], params["num_carry"], params["length"]
    if length < 2:
        return None
    consts, carry, xs = split(program.inputs, num_consts, num_carry)
    moved = _moved(program, set(carry))
    if not moved:
        return None
    invariant, mapped = _by_slices(moved, set(xs))
    rest = [e for e in program.equations if id(e) not in moved]
    wanted = _frontier(program, rest)
    stored = [v.type for e in mapped for v in e.outputs if v in wanted]
    if length * sum(t.size * t.dtype.itemsize for t in stored) > MAX_BYTES:  # type: ignore[union-attr]
        return None
    outer_consts, outer_carry, outer_xs = split(eq.inputs, num_consts, num_carry)

    before: list[Equation] = []
    known = dict(zip(consts, outer_consts, strict=True))
    for e in invariant:
        outs = [Var(v.type) for v in e.outputs]
        before.append(
            e.replace(inputs=tuple(known.get(a, a) for a in e.inputs), outputs=tuple(outs))
        )
        known.update(zip(e.outputs, outs, strict=True))
    fixed = [v for e in invariant for v in e.outputs if v in wanted or _used(v, mapped)]
    new_slices: list[Var] = []
    stacked: list[Any] = []
    if mapped:
        new_slices = [v for e in mapped for v in e.outputs if v in wanted]
        taken = [*consts, *fixed]
        sub = Program([*taken, *xs], mapped, new_slices)
        batched, _ = ctx.batch(
            sub, length, (False,) * len(taken) + (True,) * len(xs), (True,) * len(new_slices)
        )
        inner = dict(zip(batched.inputs, [*(known[v] for v in taken), *outer_xs], strict=True))
        for e in batched.equations:
            outs = [Var(v.type) for v in e.outputs]
            before.append(
                e.replace(inputs=tuple(inner.get(a, a) for a in e.inputs), outputs=tuple(outs))
            )
            inner.update(zip(e.outputs, outs, strict=True))
        stacked = [inner.get(a, a) for a in batched.outputs]
    whole = dict(zip([*xs, *new_slices], [*outer_xs, *stacked], strict=True))
    outputs, results = list(program.outputs[:num_carry]), list(eq.outputs[:num_carry])
    for a, v in zip(program.outputs[num_carry:], eq.outputs[num_carry:], strict=True):
        if a in whole:  # a slice handed on: the stacked array itself
            before.append(Equation(copy, [whole[a]], [v], {}, eq.site))
        else:
            outputs.append(a)
            results.append(v)
    body = Program([*consts, *fixed, *carry, *xs, *new_slices], rest, outputs, program.name)
    inputs = [*outer_consts, *(known[v] for v in fixed), *outer_carry, *outer_xs, *stacked]
    loop = eq.replace(
        inputs=tuple(inputs),
        outputs=tuple(results),
        params={**params, "program": body, "num_consts": num_consts + len(fixed)},
    )
    return [*before, loop]


def _moved(program: Program, carry: set[Var]) -> dict[int, Equation]:
    """The carry-free equations worth moving, with all they need."""
    free: dict[Var, Equation | None] = {v: None for v in program.inputs if v not in carry}
    cost: dict[Var, float] = {}
    for e in program.equations:
        if e.op.kind not in _MOVABLE or e.op.has_effects or len(e.outputs) != 1:
            continue
        if any(type(a) is Var and a not in free for a in e.inputs):
            continue
        (out,) = e.outputs
        if not isinstance(out.type, ArrayType):
            continue
        free[out] = e
        cost[out] = e.op.cost * max(
            [out.type.size, *(a.type.size for a in e.inputs if e.op.kind == REDUCTION)], default=1
        ) + sum(cost.get(a, 0.0) for a in e.inputs if type(a) is Var)
    kept = {id(e) for e in program.equations if not any(v in free for v in e.outputs)}
    edge = {
        a
        for e in program.equations
        if id(e) in kept
        for a in e.inputs
        if type(a) is Var and free.get(a) is not None
    } | {a for a in program.outputs if type(a) is Var and free.get(a) is not None}
    worth = [v for v in edge if cost[v] >= WORTH * max(v.type.size, 1)]  # type: ignore[union-attr]
    moved: dict[int, Equation] = {}
    stack = list(worth)
    while stack:
        e = free.get(stack.pop())
        if e is not None and id(e) not in moved:
            moved[id(e)] = e
            stack.extend(a for a in e.inputs if type(a) is Var)
    return {id(e): e for e in program.equations if id(e) in moved}


def _by_slices(moved: dict[int, Equation], xs: set[Var]) -> tuple[list[Equation], list[Equation]]:
    """The equations that depend on no slice, and those that do."""
    sliced = set(xs)
    invariant, mapped = [], []
    for e in moved.values():
        if any(a in sliced for a in e.inputs):
            sliced.update(e.outputs)
            mapped.append(e)
        else:
            invariant.append(e)
    return invariant, mapped


def _frontier(program: Program, rest: list[Equation]) -> set[Any]:
    """What the remaining body reads."""
    return {a for e in rest for a in e.inputs} | set(program.outputs)


def _used(v: Var, equations: list[Equation]) -> bool:
    return any(v in e.inputs for e in equations)
