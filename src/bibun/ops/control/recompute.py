"""Loops whose backward pass computes again what it has no room to keep.

Reverse mode reads the states of a loop in the opposite order. Keeping all n of them takes the
memory of n carries; keeping none, and starting afresh for each, n² / 2 iterations. Between the
two: cut the loop into segments, keep the carry at the start of each, and run a segment again,
keeping all of *its* states, when the backward pass comes to it. With segments inside segments, L
levels of loops in all, about L n^(1/L) carries are held at once and each iteration is run L
times (Griewank & Walther, "Algorithm 799: Revolve", 2000, have the least possible number of
runs for a number of carries; nested segments need a few more and no schedule at run time).

Nothing here knows of derivatives: a segment is an ordinary loop inside an ordinary
`checkpoint`. So the result nests, batches, and differentiates in every mode and order, and a
second derivative is held to a budget as the first is.

A `scan` knows its length n, so it is cut into equal segments of b^(L-1) iterations, b = n^(1/L)
rounded up; what is left over is cut by the next smaller power, and so on. A loop of unknown
length cannot be: there the j-th segment of a level has j parts, so that n iterations make about
√(2n) segments of at most √(2n), and on L levels C(s + L - 1, L) iterations come from s parts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bibun.ir.program import Program
from bibun.ir.types import ArrayType, Type
from bibun.ops import shape
from bibun.ops.control.associative_scan import slice_axis
from bibun.ops.control.common import INT_TYPE, build, memo, split
from bibun.ops.control.remat import checkpoint
from bibun.ops.control.scan import scan
from bibun.ops.control.while_loop import while_
from bibun.ops.elementwise import add, and_, lt
from bibun.trace.replay import replay

_SCAN_LEVELS = 8
_WHILE_LEVELS = 5
_EXPECTED = 1_000_000  # iterations a loop of unknown length is planned for


class Schedule(NamedTuple):
    """How a loop is cut: `levels` of loops; `single`: each iteration is a segment of its own.

    With `single` only carries are kept, so that their number is known; without, the innermost
    segments keep whatever their iterations need, and each is run once less.
    """

    levels: int
    single: bool


_UNITS = {"": 1}
for _power, _letter in enumerate("kMGT", 1):
    _UNITS.update({_letter: 1000**_power, f"{_letter}i": 1024**_power})


def _carries(what: str, given: Any, types: Sequence[Type]) -> int:
    """A memory budget as a number of carries. Errors: TypeError, ValueError."""
    if isinstance(given, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([kKMGT]i?)?B\s*", given)
        if found is None:
            raise ValueError(
                f"{what}: checkpoint={given!r} is no number of bytes; write '200 kB', '64 MB' or "
                "'1.5 GiB'"
            )
        total = float(found[1]) * _UNITS[(found[2] or "").replace("K", "k")]
        one = sum(t.size * t.dtype.itemsize for t in types if isinstance(t, ArrayType))
        return max(int(total // max(one, 1)), 1)
    if isinstance(given, int | np.integer):
        if given < 1:
            raise ValueError(f"{what}: checkpoint must be at least 1 carry, got {given}")
        return int(given)
    raise TypeError(
        f"{what}: checkpoint must be True, a number of carries, or bytes as in '64 MB'; got "
        f"{type(given).__name__}"
    )


def _root(n: int, power: int) -> int:
    """The least b with b**power >= n."""
    b = max(int(round(n ** (1.0 / power))) - 1, 1)
    while b**power < n:
        b += 1
    return b


def _parts(n: int, levels: int) -> int:
    """The least s from which `levels` levels of growing segments make n iterations."""
    s = 1
    while math.comb(s + levels - 1, levels) < n:
        s += 1
    return s


def schedule(what: str, given: Any, types: Sequence[Type], length: int | None) -> Schedule | None:
    """The schedule that `checkpoint=given` asks for; None where everything is to be kept."""
    if given is None or given is False:
        return None
    if given is True:
        return Schedule(2, False)
    budget = _carries(what, given, types)
    if length is None:
        sizes = {n: n * _parts(_EXPECTED, n) for n in range(1, _WHILE_LEVELS + 1)}
    else:
        sizes = {n: n * _root(length, n) for n in range(1, _SCAN_LEVELS + 1)}
    for levels, size in sizes.items():
        if size <= budget:
            return Schedule(levels, True)
    return Schedule(min(sizes, key=sizes.__getitem__), True)


@memo
def _segment(program: Program) -> Program:
    """A call of the program that keeps its inputs alone."""
    return build(
        lambda *args: checkpoint(*args, program=program), program.in_types, program.name
    )


# known length -------------------------------------------------------------------------------


@memo
def _level(
    program: Program, num_consts: int, num_carry: int, base: int, level: int, single: bool,
    reverse: bool, unroll: int,
) -> Program:  # fmt: skip
    """A body that does base**(level - 1) iterations of `program`, on as many rows of the xs."""
    if level == 1:
        return _segment(program) if single else program
    inner = _level(program, num_consts, num_carry, base, level - 1, single, reverse, unroll)
    rows, part = base ** (level - 1), base ** (level - 2)
    consts, carry, xs = split(program.in_types, num_consts, num_carry)

    def run(*args: Any) -> list[Any]:
        c, k, x = split(args, num_consts, num_carry)
        return _run(inner, c, k, x, base, part, reverse, unroll if level == 2 else 1)

    types = [*consts, *carry, *(t.with_shape((rows, *t.shape)) for t in xs)]  # type: ignore[union-attr]
    return _segment(build(run, types, program.name))


def _run(
    body: Program, consts: Any, carry: Any, xs: Any, count: int, part: int, reverse: bool,
    unroll: int,
) -> list[Any]:  # fmt: skip
    """`count` runs of a body that takes `part` rows at a time."""
    if part > 1:
        xs = [shape.reshape(x, shape=(count, part, *x.shape[1:])) for x in xs]
    outs = scan(
        *consts, *carry, *xs, program=body, num_consts=len(consts), num_carry=len(carry),
        length=count, reverse=reverse, unroll=unroll,
    )  # fmt: skip
    carry, ys = split(outs, len(carry))
    if part > 1:
        ys = [shape.reshape(y, shape=(count * part, *y.shape[2:])) for y in ys]
    return [*carry, *ys]


def bounded_scan(
    consts: Sequence[Any], carry: Sequence[Any], xs: Sequence[Any], *, program: Program,
    length: int, reverse: bool, unroll: int, plan: Schedule,
) -> list[Any]:  # fmt: skip
    """What `scan` returns, with a backward pass that keeps to the plan."""
    base = max(_root(length, plan.levels), 2)
    left, pieces = length, []
    for level in range(plan.levels, 0, -1):
        part = base ** (level - 1)
        count = left // part
        if not (count or level == 1 and not pieces):
            continue
        body = _level(
            program, len(consts), len(carry), base, level, plan.single, reverse, unroll
        )
        # In order of running: from the end if in reverse.
        start = left - count * part if reverse else length - left
        rows = [slice_axis(x, 0, start, start + count * part) for x in xs]
        hint = unroll if level == 1 else 1
        outs = _run(body, consts, carry, rows, count, part, reverse, hint)
        carry, ys = split(outs, len(carry))
        pieces.append(ys)
        left -= count * part
    if reverse:
        pieces.reverse()
    ys = [
        column[0] if len(column) == 1 else shape.concatenate(*column, axis=0)
        for column in zip(*pieces, strict=True)
    ]
    return [*carry, *ys]


# unknown length -------------------------------------------------------------------------------


@memo
def _iteration(body: Program, num_cond_consts: int, num_consts: int, single: bool,
                 extra: tuple[Type, ...]) -> Program:  # fmt: skip
    """One iteration as (constants of the condition, constants, limit, carry) -> carry."""
    inner = _segment(body) if single else body
    consts, carry = split(body.in_types, num_consts)

    def run(*args: Any) -> list[Any]:
        _, c, _, k = split(args, num_cond_consts, num_consts, 1)
        return replay(inner, [*c, *k])

    return build(run, [*extra, *consts, INT_TYPE, *carry], body.name)


@memo
def _growing(
    body: Program, cond: Program, num_cond_consts: int, num_consts: int, level: int, single: bool
) -> Program:
    """(constants of the condition, constants, limit, carry) -> carry: `limit` growing parts."""
    extra = tuple(cond.in_types[:num_cond_consts])
    if level == 0:
        return _iteration(body, num_cond_consts, num_consts, single, extra)
    consts, carry = split(body.in_types, num_consts)

    def run(*args: Any) -> list[Any]:
        cc, c, limit, k = split(args, num_cond_consts, num_consts, 1)
        return _parts_loop(body, cond, cc, c, limit, k, level, single)

    return _segment(build(run, [*extra, *consts, INT_TYPE, *carry], body.name))


@memo
def _limited(cond: Program, num_consts: int, limited: bool) -> Program:
    """The condition with a counter before the carry, and a limit of it as first constant."""
    consts, carry = split(cond.in_types, num_consts)

    def run(*args: Any) -> list[Any]:
        limit, c, (i,), k = split(args, int(limited), num_consts, 1)
        (go,) = replay(cond, [*c, *k])
        return [and_(lt(i, limit[0]), go)] if limited else [go]

    return build(run, [*[INT_TYPE] * limited, *consts, INT_TYPE, *carry], cond.name)


@memo
def _counting_parts(part: Program, num_consts: int) -> Program:
    """A body that runs the part with the number of its iteration as limit."""
    consts, _, carry = split(part.in_types, num_consts, 1)

    def run(*args: Any) -> list[Any]:
        c, (i,), k = split(args, num_consts, 1)
        after = add(i, np.int64(1))
        return [after, *replay(part, [*c, after, *k])]

    return build(run, [*consts, INT_TYPE, *carry], part.name)


def _parts_loop(
    body: Program, cond: Program, cond_consts: Any, consts: Any, limit: Sequence[Any], carry: Any,
    level: int, single: bool,
) -> list[Any]:  # fmt: skip
    """Parts of 1, 2, 3, … while the condition holds, and while there are fewer than `limit`."""
    num_cond, num = len(cond_consts), len(consts)
    part = _growing(body, cond, num_cond, num, level - 1, single)
    outs = while_(
        *limit, *cond_consts, *cond_consts, *consts, np.int64(0), *carry,
        cond=_limited(cond, num_cond, bool(limit)), body=_counting_parts(part, num_cond + num),
        num_cond_consts=len(limit) + num_cond, num_body_consts=num_cond + num,
    )  # fmt: skip
    return outs[1:]


def bounded_while(
    cond_consts: Sequence[Any], consts: Sequence[Any], carry: Sequence[Any], *, cond: Program,
    body: Program, plan: Schedule,
) -> list[Any]:  # fmt: skip
    """What `while` returns, with a backward pass that keeps to the plan."""
    return _parts_loop(body, cond, cond_consts, consts, (), carry, plan.levels, plan.single)


@memo
def _below(program: Program, num_consts: int) -> Program:
    """Whether the first carry of a body is less than a constant."""
    types = program.in_types[num_consts:]
    return build(lambda upper, i, *_: [lt(i, upper)], [types[0], *types], "below")


def bounded_count(
    upper: Any, consts: Sequence[Any], carry: Sequence[Any], *, program: Program, plan: Schedule
) -> list[Any]:
    """The body run while the first carry, which it increments, is less than `upper`."""
    return bounded_while(
        [upper], consts, carry, cond=_below(program, len(consts)), body=program, plan=plan
    )
