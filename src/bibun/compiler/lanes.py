"""Lane blocks: a batched `while` whose lanes do not wait for each other.

`vmap` turns a while loop whose condition differs between lanes into one loop over arrays,
under a mask: right, but every iteration sweeps all lanes through memory until the slowest is
done. If the loop's programs touch each lane on its own, the order may be turned around: for
each block of `BLOCK` lanes, carries in vector registers, iterate until that block is done.
A lane that is done keeps its carry (the mask sees to it), so the results are the same.

Whether a program is of this kind is found by emitting it: each lane's values may be read at
the lane's own index only. Anything else, and what was emitted is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bibun.compiler.memory import Scalar, Source
from bibun.compiler.plan import is_small
from bibun.compiler.tapes import TapeEmitter
from bibun.compiler.values import Val
from bibun.dtypes import int64
from bibun.ir.program import Literal, Program
from bibun.ir.types import ArrayType
from bibun.ops.op import ELEMENTWISE, INDEX_MAP, REDUCTION

BLOCK = 32  # lanes in flight: several vectors, so that one's latency hides behind the others'
LEAST = 16  # lanes; with fewer, lockstep is one block anyway


class NotLanes(Exception):
    """A program does something else than work on each lane alone."""


class LaneSource:
    """A value of the present block: may be read at the lanes' own index, or is one element."""

    __slots__ = ("type", "value", "index")

    def __init__(self, type: ArrayType, value: Val, index: Val) -> None:
        self.type = type
        self.value = value
        self.index = index

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    @property
    def dtype(self) -> Any:
        return self.type.dtype

    def read(self, idx: Sequence[Val]) -> Val:
        if self.type.size != 1 and (len(idx) != 1 or idx[0] is not self.index):
            raise NotLanes
        return self.value


class LaneEmitter(TapeEmitter):
    """Emits lane blocks."""

    literal: Any

    def lane_while(
        self, cond: Program, body: Program, cond_consts: Sequence[Source],
        consts: Sequence[Source], inits: Sequence[Source], outs: Sequence[Any], lanes: int,
        cost: int,
    ) -> bool:  # fmt: skip
        """Emit the loop in blocks, if its programs allow it; otherwise nothing, and False."""
        types = [s.type for s in (*cond_consts, *consts, *inits)]
        if lanes < LEAST or not all(isinstance(t, ArrayType) for t in types):
            return False
        if len(outs) != len(inits):  # it writes a tape, one element an iteration of all lanes
            return False
        if any(not is_small(t) and t.shape != (lanes,) for t in (s.type for s in inits)):
            return False
        fn = self.fn
        mark = len(fn.lines), len(fn.entry), self.depth, self.width
        try:
            self.blocks(
                lanes,
                lambda i: self._block(cond, body, cond_consts, consts, inits, outs, lanes, i, cost),
                width=BLOCK,
            )
        except NotLanes:
            del fn.lines[mark[0] :], fn.entry[mark[1] :]
            self.depth, self.width = mark[2:]
            return False
        return True

    def _block(
        self, cond: Program, body: Program, cond_consts: Sequence[Source],
        consts: Sequence[Source], inits: Sequence[Source], outs: Sequence[Any], lanes: int,
        index: Val, cost: int,
    ) -> None:  # fmt: skip
        def at_lane(s: Source) -> Any:
            if is_small(s.type):
                return LaneSource(s.type, self._element(s), index)
            if s.type.shape == (lanes,):
                return LaneSource(s.type, s.read([index]), index)
            return s  # an array that all lanes share

        fixed_cond = [at_lane(s) for s in cond_consts]
        fixed = [at_lane(s) for s in consts]
        slots = []
        for s in inits:
            lane = not is_small(s.type)
            value = s.read([index]) if lane else self._element(s)
            slots.append(self.slot(value, self.width if lane else 1))

        def carries() -> list[LaneSource]:
            return [LaneSource(s.type, v.get(), index) for s, v in zip(inits, slots, strict=True)]

        def go() -> Val:
            (result,) = self._run(cond, [*fixed_cond, *carries()], index, lanes)
            return self.any(result)

        def step() -> None:
            self.poll(cost)
            results = self._run(body, [*fixed, *carries()], index, lanes)
            for slot, value in zip(slots, results, strict=True):
                slot.set(value)

        self.while_(go, step)
        for out, slot in zip(outs, slots, strict=True):
            if is_small(out.type):
                self.store(out.ptr, 0, slot.get())
            else:
                self.store(out.ptr, index, slot.get())

    def _element(self, s: Source) -> Val:
        storage = s.storage
        if isinstance(storage, Scalar):
            return storage.val
        return s.read([self.const(0, int64)] * s.type.ndim)

    def _run(
        self, program: Program, ins: Sequence[Any], index: Val, lanes: int
    ) -> list[Val]:
        """The outputs of a program for one block."""
        env: dict[Any, Any] = dict(zip(program.inputs, ins, strict=True))

        def source(a: Any) -> Any:
            if type(a) is Literal:
                return LaneSource(a.type, self.literal(a), index)
            return env[a]

        outer = self.equation
        try:
            for eq in program.equations:
                if len(eq.outputs) != 1:
                    raise NotLanes
                (out,) = eq.outputs
                self.equation = eq
                value = self._lane_value(eq, source, index, lanes)
                env[out] = LaneSource(out.type, value, index)  # type: ignore[arg-type]
        finally:
            self.equation = outer
        results = []
        for a in program.outputs:
            s = source(a)
            if not isinstance(s, LaneSource):
                raise NotLanes
            results.append(s.value)
        return results

    def _lane_value(self, eq: Any, source: Any, index: Val, lanes: int) -> Val:
        kind, (out,) = eq.op.kind, eq.outputs
        sources = [source(a) for a in eq.inputs]
        if not is_small(out.type) and out.type.shape != (lanes,):
            raise NotLanes
        if kind == ELEMENTWISE:
            if not all(isinstance(s, LaneSource) for s in sources):
                raise NotLanes
            return eq.op.lower(self, *(s.value for s in sources), **eq.params)
        if kind == INDEX_MAP:
            idx = [index] if out.type.shape == (lanes,) else [self.const(0, int64)] * out.type.ndim
            return eq.op.lower(self, idx, sources, out.type, **eq.params)
        if kind == REDUCTION and out.type.dtype.kind == "b" and out.type.shape == ():
            # Whether any (all) lanes hold: of the block, which is on its own now.
            (s,) = sources
            if not isinstance(s, LaneSource) or s.type.shape != (lanes,):
                raise NotLanes
            value = self.wide(s.value, self.width)
            init = eq.op.lower.init(self, s.dtype, **eq.params)
            acc = eq.op.lower.step(self, init, value, [index], **eq.params)
            return self.fold_booleans(acc[0], eq)
        raise NotLanes

    def fold_booleans(self, x: Val, eq: Any) -> Val:
        """One boolean from a block's lanes by the reduction's own merge."""
        while x.width > 1:
            half = x.width // 2
            low, high = self.pick(x, range(half)), self.pick(x, range(half, 2 * half))
            rest = [self.lane(x, k) for k in range(2 * half, x.width)]
            (x,) = eq.op.lower.merge(self, (low,), (high,), **eq.params)
            for r in rest:
                (x,) = eq.op.lower.merge(self, (x,), (self._spread(r, x.width),), **eq.params)
        return x

    def _spread(self, x: Val, width: int) -> Val:
        return self.wide(x, width) if width > 1 else x
