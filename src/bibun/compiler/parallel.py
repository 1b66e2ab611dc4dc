"""Threads: fork and join around the outermost loop of a large kernel.

The loop's range is cut into at most `CHUNKS` pieces, by its length alone. A chunk becomes
one call of an outlined function; the threads of the call's team (`team`) claim chunks. Reductions
keep one set of partial accumulators per chunk, merged in order of the chunks, so results do not
depend on the number of threads, only on the shape. Only loops long enough to pay for starting
or waking a thread (`WORTH`) are split.

Outlining works on the text: what the region uses of the values around it is found by name,
put into an environment block, and loaded under the same names at the region's start.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bibun.compiler.builder import LoopBuilder
from bibun.compiler.team import TEAM, add_support, empty
from bibun.compiler.text import Function
from bibun.compiler.values import Val
from bibun.dtypes import int64

CHUNKS = 16
WORTH = 250_000  # estimated nanoseconds of work
PIECE_NS, MIN_PIECE = 35_000, 64  # of a library call that is split: work, rows
NS_PER_COST = 0.12  # of one element in vector code, for an op of cost 1

_NAME = re.compile(r"%[A-Za-z_.][\w.]*")
_DEFINED = re.compile(r"^\s*(%[\w.]+) = ")


class ParallelEmitter(LoopBuilder):
    """Outlines regions and forks them."""

    team: str | None = None  # the call's threads, if it has regions
    regions = 0
    inside = False  # whether the present place is in a region
    depth = 0  # how many loops the present place is in

    def loop(
        self, lo: Val | int, hi: Val | int, body: Callable[[Val], None], step: int = 1
    ) -> None:
        self.depth += 1
        super().loop(lo, hi, body, step)
        self.depth -= 1

    def while_(self, cond: Callable[[], Val], body: Callable[[], None]) -> None:
        self.depth += 1
        super().while_(cond, body)
        self.depth -= 1

    def fork(self, chunks: int, body: Callable[[Val], None]) -> None:
        """Run `body(k)` for k in 0..chunks, in threads; it is emitted into a function."""
        outer = self.fn
        if self.team is None:
            add_support(self.module)
            self.team = outer.alloca(TEAM, align=64)
            outer.entry += [f"  {line}" for line in empty(self.team)]
        self.regions += 1
        name = f"@bibun.region{self.regions}"
        region = Function(self.module, f"define internal void {name}(ptr noalias %env, i64 %chunk)")
        self.module.functions.append(region)
        region.count = outer.count + 1_000_000 * self.regions  # names must not collide
        region.types = outer.types
        self.fn = region
        self.inside = True
        self.depth += 1
        region.block("start")
        body(Val("%chunk", int64))
        region.emit("ret void")
        self.depth -= 1
        self.inside = False
        self.fn = outer
        captured = self._captured(region)
        block = outer.alloca(f"[{max(len(captured), 1)} x i64]", align=16)
        loads = []
        for k, used in enumerate(captured):
            t = outer.types.get(used, "ptr")
            p = outer.assign(f"getelementptr i64, ptr {block}, i64 {k}")
            outer.emit(f"store {t} {used}, ptr {p}")
            loads.append(f"  %env.{k} = getelementptr i64, ptr %env, i64 {k}")
            loads.append(f"  {used} = load {t}, ptr %env.{k}")
        region.entry = [*loads, *region.entry, "  br label %start"]
        count = self.const(chunks, int64)
        outer.emit(
            f"call void @bibun.fork(ptr %ctx, ptr {self.team}, ptr {name}, ptr {block}, "
            f"i64 {count.name})"
        )

    def disband(self) -> None:
        """End the call's threads: it returns, or Python is visited."""
        if self.team is not None and not self.inside:
            self.fn.emit(f"call void @bibun.disband(ptr {self.team})")

    def in_pieces(self, n: int, ns: float, body: Callable[[Val, Val], None]) -> None:
        """`body(start, length)` for pieces of range(n): `ns` nanoseconds of work in all.

        Pieces are as long as starting threads is worth, whatever their number.
        """
        pieces = min(CHUNKS, n // MIN_PIECE, int(ns / PIECE_NS))
        if self.depth or pieces < 2:
            body(self.const(0, int64), self.const(n, int64))
            return
        pieces = 1 << (pieces.bit_length() - 1)
        size = -(-n // (8 * pieces)) * 8

        def piece(k: Val) -> None:
            start = self.mul(k, self.const(size, int64))
            rest = self.sub(self.const(n, int64), start)
            body(start, self.min(self.const(size, int64), rest))

        self.fork(-(-n // size), piece)

    @staticmethod
    def _captured(region: Function) -> list[str]:
        """Names the region uses and does not define, in order of first use."""
        defined = {"%env", "%chunk", "%bibun.ctx"}
        used: dict[str, None] = {}
        labels = {line[:-1] for line in region.lines if line.endswith(":")}
        for line in [*region.entry, *region.lines]:
            made = _DEFINED.match(line)
            if made:
                defined.add(made.group(1))
            for n in _NAME.findall(line):
                if n[1:] not in labels:
                    used[n] = None
        return [n for n in used if n not in defined]

    def worth_threads(self, elements: int, cost: float) -> bool:
        """Whether a loop at the present place is long enough to be split."""
        return self.depth == 0 and elements * max(cost, 1.0) * NS_PER_COST > WORTH


def cut(n: int) -> tuple[int, int]:
    """(number of chunks, length of each but the last) of a loop over `n` steps."""
    size = -(-n // CHUNKS)
    return -(-n // size), size


