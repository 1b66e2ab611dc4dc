"""Kernels: one loop nest that computes several roots over the same index space.

Inside the nest each root is one element (or one vector of lanes) of straight-line code;
what several roots share is computed once. All reads of an index happen before all stores to
it, so a root may overwrite an array that the kernel reads at the same index.

Reductions. Let the reduced axes be cut into the trailing ones, which the innermost loops run
over, and the rest. Over the trailing axes the accumulators are registers: one set of LANES
lanes for the full vector blocks and one narrower set for the last block, combined at the end
as a binary tree over lanes. If other axes are reduced too, partial results are merged into
accumulators in memory, one per output element. The order is a function of the shape alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bibun.compiler.builder import LANES, Slot, lane_blocks
from bibun.compiler.memory import Inlined, Memory, Scalar
from bibun.compiler.parallel import ParallelEmitter, cut
from bibun.compiler.plan import prod
from bibun.compiler.values import Val
from bibun.dtypes import int64
from bibun.ir.program import Equation, Var
from bibun.ir.types import ArrayType
from bibun.ops.op import REDUCTION

DEAR = 40.0  # cost of an op whose code is long
TILE = 512  # elements of a staged value that are computed ahead: a few kB, in the first cache

if TYPE_CHECKING:
    from bibun.compiler.emit import Frame
    from bibun.compiler.plan import Plan, Unit


class Reduction:
    """One reduction inside a kernel."""

    __slots__ = (
        "equation", "reducer", "params", "axes", "kept", "depth", "partial", "wide", "tail",
        "memory", "target",
    )  # fmt: skip

    def __init__(self, equation: Equation, ndim: int, flat: bool) -> None:
        self.equation = equation
        self.reducer = equation.op.lower
        self.params = equation.params
        axes = set(range(ndim)) if flat else {int(a) for a in equation.params["axes"]}
        self.axes = axes
        self.kept = [k for k in range(ndim) if k not in axes]
        depth = ndim
        while depth > 0 and depth - 1 in axes:
            depth -= 1
        self.depth = depth  # the accumulators live inside this many loops
        self.partial = any(k < depth for k in axes)  # merges into memory
        self.wide: list[Slot] = []
        self.tail: list[Slot] = []
        self.memory: list[tuple[str, Any]] = []
        self.target: Memory | None = None


class KernelEmitter(ParallelEmitter):
    """Emits kernels; `Emitter` adds reading and everything else."""

    read: Any
    memo_key: Any
    element: Any
    store_at: Any
    destination: Any
    allocate: Any

    def emit_kernel(self, frame: Frame, unit: Unit, wanted: dict[Var, Memory]) -> None:
        space = (prod(unit.space),) if unit.flat else unit.space
        reductions = []
        stores: list[tuple[Equation, Memory]] = []
        for eq in unit.equations:
            (v,) = eq.outputs
            if eq.op.kind == REDUCTION:
                reductions.append(Reduction(eq, len(space), unit.flat))
            elif v in frame.plan.stored:
                stores.append((eq, self.destination(frame, v, unit, wanted)))
        for r in reductions:
            self.prepare(frame, r, unit, wanted)

        for eq in unit.equations:
            if eq.op.kind != REDUCTION:
                frame.env[eq.outputs[0]] = Inlined(eq)

        frame.tiled_flat = unit.flat
        def body(idx: list[Val], tail: bool) -> None:
            frame.memo = {self.memo_key(v, idx): (value, idx) for v, value in frame.preloaded}
            frame.flat = unit.flat
            done: dict[Any, Val] = {}
            for eq in unit.equations:
                if eq.op.kind != REDUCTION:
                    done[id(eq)] = self.read(frame, eq.outputs[0], idx)
            for r in reductions:
                self.step(frame, r, idx, tail)
            for eq, memory in stores:
                where = ArrayType(space, eq.outputs[0].type.dtype)
                self.store_at(memory.ptr, where, idx, done[id(eq)])
            frame.flat = False

        cost = sum(frame.plan.cost[eq.outputs[0]] for eq in unit.equations)
        frame.again = (
            not reductions and not unit.staged and _is_dear(frame.plan, unit)
            and not any(self.in_place(frame, eq.outputs[0], memory) for eq, memory in stores)
        )  # fmt: skip
        if self.worth_threads(prod(space), cost) and all(map(_splits, reductions)):
            self.split_levels(frame, unit, space, reductions, body)
        elif self.worth_threads(prod(space), cost) and _columns_apart(space, reductions):
            self.split_columns(frame, unit, space, body)
        elif 0 not in space:  # else `prepare` has written what there is
            frame.tiles = [(v, self.scratch(TILE, v.type.dtype)) for v in unit.staged]  # type: ignore[union-attr]
            self.levels(frame, space, 0, [], reductions, body)
        self.width = 1
        frame.memo = {}
        frame.tiles = []
        for r in reductions:
            self.complete(frame, r)
        for eq, memory in stores:
            frame.env[eq.outputs[0]] = memory

    # loops with accumulators ---------------------------------------------------------------

    def levels(
        self,
        frame: Frame,
        space: Sequence[int],
        k: int,
        idx: list[Val],
        reductions: list[Reduction],
        body: Any,
    ) -> None:
        """Loop k of the nest and all inside it."""
        ndim = len(space)
        last = space[-1] if ndim else 1
        for r in reductions:
            if r.depth == k and k < ndim:
                self.start(r, last)
        if k == ndim:
            body(idx, False)
        elif k == ndim - 1:
            full, rest = lane_blocks(space[k])
            whole = lambda lane: body([*idx, lane], False)  # noqa: E731
            if full and rest and frame.again:
                self.width, last = LANES, self.const(space[k] - LANES, int64)
                self.loop(0, space[k], lambda i: whole(self.lanes(self.min(i, last))), step=LANES)
            else:
                if full:
                    self.vector_loop(frame, idx, 0, full * LANES, whole)
                if rest:
                    self.width = rest
                    body([*idx, self.lanes(self.const(full * LANES, int64))], True)
            self.width = 1
        elif space[k] == 1:
            self.levels(frame, space, k + 1, [*idx, self.const(0, int64)], reductions, body)
        else:
            self.loop(
                0,
                space[k],
                lambda i: self.levels(frame, space, k + 1, [*idx, i], reductions, body),
            )
        for r in reductions:
            if r.depth == k and k < ndim:
                self.finish(r, idx)

    def in_place(self, frame: Frame, var: Var, memory: Memory) -> bool:
        """Whether an array that may be read is where a root is written."""
        return any(
            isinstance(m, Memory) and m.ptr == memory.ptr and v is not var
            for v, m in frame.env.items()
        )

    def vector_loop(
        self, frame: Frame, outer: list[Val], lo: Any, hi: Any, run: Callable[[Val], None]
    ) -> None:
        """The innermost loop in full vector blocks; staged values a tile ahead of their use."""
        self.width = LANES
        if not frame.tiles:
            self.loop(lo, hi, lambda i: run(self.lanes(i)), step=LANES)
            return
        hi = self.index(hi)

        def tile(start: Val) -> None:
            end = self.min(self.add(start, self.const(TILE, int64)), hi)

            def fill(i: Val) -> None:
                lane = self.lanes(i)
                frame.memo = {}
                for v, ptr in frame.tiles:
                    value = self.read(frame, v, [*outer, lane])
                    self.store(ptr, self.lanes(self.sub(i, start)), value)

            def use(i: Val) -> None:
                at = self.lanes(self.sub(i, start))
                frame.preloaded = [
                    (v, self.load(ptr, at, v.type.dtype)) for v, ptr in frame.tiles  # type: ignore[union-attr]
                ]
                run(self.lanes(i))
                frame.preloaded = []

            flat, frame.flat = frame.flat, len(outer) == 0 and frame.tiled_flat
            self.loop(start, end, fill, step=LANES)
            frame.flat = flat
            self.loop(start, end, use, step=LANES)

        self.loop(lo, hi, tile, step=TILE)

    def split_levels(
        self,
        frame: Frame,
        unit: Unit,
        space: Sequence[int],
        reductions: list[Reduction],
        body: Any,
    ) -> None:
        """The outermost loop in chunks, each with accumulators of its own."""
        whole = [r for r in reductions if r.depth == 0]
        full, rest = lane_blocks(space[0]) if len(space) == 1 else (space[0], 0)
        step = LANES if len(space) == 1 else 1
        chunks, size = cut(full)
        partial: dict[int, list[tuple[str, Slot]]] = {}
        for r in whole:
            self.start(r, space[-1])
            partial[id(r)] = [
                (self.allocate(chunks * s.width * s.dtype.itemsize)[0], s)
                for s in (*r.wide, *r.tail)
            ]

        def chunk(k: Val) -> None:
            lo, hi = self.region(frame, unit, k, size * step, full * step)
            for r in whole:
                self.start(r, space[-1])

            if step == LANES:
                self.vector_loop(frame, [], lo, hi, lambda lane: body([lane], False))
                self.width = 1
            else:
                self.loop(
                    lo, hi, lambda i: self.levels(frame, space, 1, [i], reductions, body)
                )
            for r in whole:
                for (ptr, _), s in zip(partial[id(r)], (*r.wide, *r.tail), strict=True):
                    self.save_lanes(ptr, k, s)

        self.fork(chunks, chunk)
        for r in whole:
            self.start(r, space[-1])
            self.loop(0, chunks, lambda k, r=r: self.merge_chunk(r, partial[id(r)], k))
        if rest:
            self.width = rest
            body([self.lanes(self.const(full * LANES, int64))], True)
            self.width = 1
        for r in whole:
            self.finish(r, [])

    def region(self, frame: Frame, unit: Unit, k: Val, size: int, end: int) -> tuple[Val, Val]:
        """The range of chunk k; its tiles are on the stack of its thread, not in the one arena."""
        frame.tiles = [
            (v, self.fn.alloca(f"[{TILE * v.type.dtype.itemsize} x i8]", align=64))  # type: ignore[union-attr]
            for v in unit.staged
        ]
        lo = self.mul(k, self.const(size, int64))
        return lo, self.min(self.add(lo, self.const(size, int64)), self.const(end, int64))

    def split_columns(
        self, frame: Frame, unit: Unit, space: Sequence[int], body: Callable[..., None]
    ) -> None:
        """The innermost loop in chunks: sums over outer axes alone, a column is one thread's."""
        full, rest = lane_blocks(space[-1])
        chunks, size = cut(full)
        outer = space[:-1]

        def chunk(k: Val) -> None:
            lo, hi = self.region(frame, unit, k, size * LANES, full * LANES)

            def row(idx: list[Val]) -> None:
                self.vector_loop(frame, idx, lo, hi, lambda lane: body([*idx, lane], False))
                self.width = 1

            self.rows(outer, row)

        self.fork(chunks, chunk)

        def end_of_row(idx: list[Val]) -> None:
            self.width = rest
            body([*idx, self.lanes(self.const(full * LANES, int64))], True)
            self.width = 1

        if rest:
            self.rows(outer, end_of_row)

    def save_lanes(self, ptr: str, k: Val, s: Slot) -> None:
        """Row k of a chunk's saved accumulators."""
        at = self.offset(ptr, self.mul(k, self.const(s.width, int64)), s.dtype)
        if s.width == 1:
            self.store(at, 0, s.get())
        else:
            self._store_wide(at, s.get())

    def merge_chunk(self, r: Reduction, saved: list[tuple[str, Slot]], k: Val) -> None:
        """Merge the saved accumulators of chunk k into the present ones."""
        at = 0
        for slots in (r.wide, r.tail):
            loaded = []
            for s in slots:
                p = self.offset(saved[at][0], self.mul(k, self.const(s.width, int64)), s.dtype)
                loaded.append(
                    self.load(p, 0, s.dtype)
                    if s.width == 1
                    else self._load_wide(p, s.dtype, s.width)
                )
                at += 1
            if slots:
                merged = r.reducer.merge(
                    self, tuple(s.get() for s in slots), tuple(loaded), **r.params
                )
                for s, a in zip(slots, merged, strict=True):
                    s.set(a)

    def start(self, r: Reduction, last: int) -> None:
        """Fresh register accumulators for the trailing reduced axes."""
        dtype = r.equation.inputs[0].type.dtype  # type: ignore[union-attr]
        full, rest = lane_blocks(last)
        init = r.reducer.init(self, dtype, **r.params)
        r.wide = [self.slot(a, LANES) for a in init] if full else []
        r.tail = [self.slot(a, rest) for a in init] if rest else []

    def step(self, frame: Frame, r: Reduction, idx: list[Val], tail: bool) -> None:
        x = self.read(frame, r.equation.inputs[0], idx)
        if r.depth == len(idx) and idx:
            self.merge_into_memory(r, idx, None, x)
            return
        if not idx:
            slots = r.wide or r.tail
            if not slots:  # a reduction over a 0-d space
                dtype = r.equation.inputs[0].type.dtype  # type: ignore[union-attr]
                init = r.reducer.init(self, dtype, **r.params)
                r.wide = slots = [self.slot(a) for a in init]
        else:
            slots = r.tail if tail else r.wide
        acc = tuple(s.get() for s in slots)
        acc = r.reducer.step(self, acc, x, idx, **r.params)
        for s, a in zip(slots, acc, strict=True):
            s.set(a)

    def finish(self, r: Reduction, idx: list[Val]) -> None:
        """The trailing axes are done: combine lanes, and store or merge the result."""
        acc = self.gather_lanes(r)
        if r.partial:
            self.merge_into_memory(r, idx, acc, None)
        else:
            self.put(r, [idx[k] for k in r.kept], acc)

    def gather_lanes(self, r: Reduction) -> tuple[Val, ...]:
        """One accumulator per output element, from the lanes of both sets."""
        parts = [tuple(s.get() for s in slots) for slots in (r.wide, r.tail) if slots]
        if not parts:
            dtype = r.equation.inputs[0].type.dtype  # type: ignore[union-attr]
            return r.reducer.init(self, dtype, **r.params)
        results = [
            self.fold(acc, lambda x, y: r.reducer.merge(self, x, y, **r.params)) for acc in parts
        ]
        out = results[0]
        for other in results[1:]:
            out = r.reducer.merge(self, out, other, **r.params)
        return out

    # accumulators in memory -------------------------------------------------------------------

    def prepare(self, frame: Frame, r: Reduction, unit: Unit, wanted: dict[Var, Memory]) -> None:
        """Before the nest: the output's memory, and accumulators there if need be."""
        out = r.equation.outputs[0]
        if out.type.size != 1:  # type: ignore[union-attr]
            r.target = self.destination(frame, out, unit, wanted)
        else:
            ptr, _ = self.allocate(out.type.dtype.itemsize)  # type: ignore[union-attr]
            r.target = Memory(ptr)
        x: Any = r.equation.inputs[0].type
        if 0 in unit.space:
            init = r.reducer.init(self, x.dtype, **r.params)
            self.nest(out.type.shape, lambda at: self.put_at(r, at, init))  # type: ignore[union-attr]
        elif r.partial:
            self.width = 1
            init = r.reducer.init(self, x.dtype, **r.params)
            count = out.type.size  # type: ignore[union-attr]
            for a in init:
                ptr, _ = self.allocate(count * a.dtype.itemsize)
                self.fill(ptr, a, count)
                r.memory.append((ptr, a.dtype))

    def merge_into_memory(
        self, r: Reduction, idx: list[Val], acc: tuple[Val, ...] | None, x: Val | None
    ) -> None:
        where = self.kept_position(r, [idx[k] for k in r.kept])
        old = tuple(self.load(p, where, d) for p, d in r.memory)
        if acc is None:
            new = r.reducer.step(self, old, x, idx, **r.params)
        else:
            new = r.reducer.merge(self, old, acc, **r.params)
        for (p, _), a in zip(r.memory, new, strict=True):
            self.store(p, where, a)

    def kept_position(self, r: Reduction, kept: Sequence[Val]) -> Val:
        shape = self.kept_shape(r)
        return self.linear(ArrayType(shape, int64), kept)  # type: ignore[attr-defined]

    def kept_shape(self, r: Reduction) -> tuple[int, ...]:
        x: Any = r.equation.inputs[0].type
        return tuple(x.shape[k] for k in r.kept)

    def put(self, r: Reduction, kept: Sequence[Val], acc: tuple[Val, ...]) -> None:
        value = r.reducer.final(self, acc, **r.params)
        assert r.target is not None
        self.store(r.target.ptr, self.kept_position(r, kept), value)

    def put_at(self, r: Reduction, at: Sequence[Val], acc: tuple[Val, ...]) -> None:
        assert r.target is not None
        value = r.reducer.final(self, acc, **r.params)
        self.store_at(r.target.ptr, r.equation.outputs[0].type, at, value)

    def complete(self, frame: Frame, r: Reduction) -> None:
        """After the nest: finish memory accumulators and publish the result."""
        out = r.equation.outputs[0]
        assert r.target is not None
        if r.memory:
            def finish(i: Val) -> None:
                acc = tuple(self.load(p, i, d) for p, d in r.memory)
                self.store(r.target.ptr, i, r.reducer.final(self, acc, **r.params))  # type: ignore[union-attr]

            self.blocks(out.type.size, finish)  # type: ignore[union-attr]
        elif r.depth == 0 and not r.equation.inputs[0].type.shape:  # type: ignore[union-attr]
            acc = tuple(s.get() for s in r.wide)
            self.store(r.target.ptr, 0, r.reducer.final(self, acc, **r.params))
        if out.type.size == 1:  # type: ignore[union-attr]
            frame.env[out] = Scalar(self.load(r.target.ptr, 0, out.type.dtype))  # type: ignore[union-attr]
        else:
            frame.env[out] = r.target


def _is_dear(plan: Plan, unit: Unit) -> bool:
    """Whether a kernel has an op of much code, inlined ones included."""
    seen: set[Var] = set()
    stack = list(unit.equations)
    while stack:
        eq = stack.pop()
        if eq.op.cost >= DEAR:
            return True
        below = {a for a in eq.inputs if type(a) is Var and a in plan.lazy} - seen
        stack += [plan.producer[a] for a in below]
        seen |= below
    return False


def _columns_apart(space: Sequence[int], reductions: Sequence[Reduction]) -> bool:
    """Whether each element of the last axis has accumulators of its own, and there are many."""
    last = len(space) - 1
    return last > 0 and space[last] >= 2 * LANES and all(last in r.kept for r in reductions)


def _splits(r: Reduction) -> bool:
    """Whether the rows of a reduction's space may be computed apart."""
    return r.depth == 0 or 0 in r.kept
