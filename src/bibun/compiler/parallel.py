"""Threads: fork and join around the outermost loop of a large kernel.

The loop's range is cut into at most `CHUNKS` pieces, by its length alone. A chunk becomes
one call of an outlined function; threads take chunks in turn. Reductions keep one set of
partial accumulators per chunk, merged in order of the chunks, so results do not depend on
the number of threads, only on the shape. No pool is kept: threads live for one loop, so
`fork` is safe, and only loops long enough to pay for starting them (`WORTH`) are split.

Outlining works on the text: what the region uses of the values around it is found by name,
put into an environment block, and loaded under the same names at the region's start.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from bibun.compiler.builder import LoopBuilder
from bibun.compiler.text import Function
from bibun.compiler.values import Val
from bibun.dtypes import int64
from bibun.runtime import context as abi

CHUNKS = 16
WORTH = 400_000  # estimated nanoseconds of work
PIECE_NS, MIN_PIECE = 150_000, 32  # of a library call that is split: work, rows
NS_PER_COST = 0.12  # of one element in vector code, for an op of cost 1

_NAME = re.compile(r"%[A-Za-z_.][\w.]*")
_DEFINED = re.compile(r"^\s*(%[\w.]+) = ")

_POSIX = """
define internal ptr @bibun.worker(ptr %job) {
entry:
  call void @bibun.share(ptr %job)
  ret ptr null
}

define internal i64 @bibun.spawn(ptr %handle, ptr %job) {
entry:
  %attr = alloca [128 x i8], align 16
  %a = call i32 @pthread_attr_init(ptr %attr)
  %b = call i32 @pthread_attr_setstacksize(ptr %attr, i64 1048576)
  %r = call i32 @pthread_create(ptr %handle, ptr %attr, ptr @bibun.worker, ptr %job)
  %c = call i32 @pthread_attr_destroy(ptr %attr)
  %ok = icmp eq i32 %r, 0
  %out = zext i1 %ok to i64
  ret i64 %out
}

define internal void @bibun.join(ptr %handle) {
entry:
  %h = load i64, ptr %handle
  %r = call i32 @pthread_join(i64 %h, ptr null)
  ret void
}
"""
_POSIX_SYMBOLS = {
    "pthread_create": "i32 (ptr, ptr, ptr, ptr)",
    "pthread_join": "i32 (i64, ptr)",
    "pthread_attr_init": "i32 (ptr)",
    "pthread_attr_setstacksize": "i32 (ptr, i64)",
    "pthread_attr_destroy": "i32 (ptr)",
}

_WINDOWS = """
define internal i32 @bibun.worker(ptr %job) {
entry:
  call void @bibun.share(ptr %job)
  ret i32 0
}

define internal i64 @bibun.spawn(ptr %handle, ptr %job) {
entry:
  %h = call ptr @CreateThread(ptr null, i64 1048576, ptr @bibun.worker, ptr %job, i32 0, ptr null)
  store ptr %h, ptr %handle
  %ok = icmp ne ptr %h, null
  %out = zext i1 %ok to i64
  ret i64 %out
}

define internal void @bibun.join(ptr %handle) {
entry:
  %h = load ptr, ptr %handle
  %w = call i32 @WaitForSingleObject(ptr %h, i32 -1)
  %c = call i32 @CloseHandle(ptr %h)
  ret void
}
"""
_WINDOWS_SYMBOLS = {
    "CreateThread": "ptr (ptr, i64, ptr, ptr, i32, ptr)",
    "WaitForSingleObject": "i32 (ptr, i32)",
    "CloseHandle": "i32 (ptr)",
}

# A job is {function, environment, first chunk, stride, number of chunks, unused...}: 64 bytes.
_COMMON = """
define internal void @bibun.share(ptr %job) {{
entry:
  %fn = load ptr, ptr %job
  %env.p = getelementptr i64, ptr %job, i64 1
  %env = load ptr, ptr %env.p
  %first.p = getelementptr i64, ptr %job, i64 2
  %first = load i64, ptr %first.p
  %stride.p = getelementptr i64, ptr %job, i64 3
  %stride = load i64, ptr %stride.p
  %count.p = getelementptr i64, ptr %job, i64 4
  %count = load i64, ptr %count.p
  br label %head
head:
  %k = phi i64 [ %first, %entry ], [ %next, %body ]
  %go = icmp slt i64 %k, %count
  br i1 %go, label %body, label %done
body:
  call void %fn(ptr %env, i64 %k)
  %next = add i64 %k, %stride
  br label %head
done:
  ret void
}}

define internal void @bibun.fork(ptr %ctx, ptr %fn, ptr %env, i64 %count) {{
entry:
  %jobs = alloca [64 x [8 x i64]], align 64
  %handles = alloca [64 x i64], align 16
  %asked.p = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {threads}
  %asked32 = load i32, ptr %asked.p
  %asked = sext i32 %asked32 to i64
  %many = icmp sgt i64 %asked, 64
  %capped = select i1 %many, i64 64, i64 %asked
  %less = icmp slt i64 %capped, %count
  %wanted = select i1 %less, i64 %capped, i64 %count
  %few = icmp slt i64 %wanted, 1
  %threads = select i1 %few, i64 1, i64 %wanted
  br label %head
head:
  %t = phi i64 [ 0, %entry ], [ %t.next, %filled ]
  %more = icmp slt i64 %t, %threads
  br i1 %more, label %fill, label %start
fill:
  %job = getelementptr [8 x i64], ptr %jobs, i64 %t
  store ptr %fn, ptr %job
  %j.env = getelementptr i64, ptr %job, i64 1
  store ptr %env, ptr %j.env
  %j.first = getelementptr i64, ptr %job, i64 2
  store i64 %t, ptr %j.first
  %j.stride = getelementptr i64, ptr %job, i64 3
  store i64 %threads, ptr %j.stride
  %j.count = getelementptr i64, ptr %job, i64 4
  store i64 %count, ptr %j.count
  br label %filled
filled:
  %t.next = add i64 %t, 1
  br label %head
start:
  br label %spawn.head
spawn.head:
  %s = phi i64 [ 1, %start ], [ %s.next, %spawned ]
  %s.more = icmp slt i64 %s, %threads
  br i1 %s.more, label %spawn, label %own
spawn:
  %s.job = getelementptr [8 x i64], ptr %jobs, i64 %s
  %s.handle = getelementptr i64, ptr %handles, i64 %s
  %ok = call i64 @bibun.spawn(ptr %s.handle, ptr %s.job)
  %s.flag = getelementptr i64, ptr %s.job, i64 5
  store i64 %ok, ptr %s.flag
  br label %spawned
spawned:
  %s.next = add i64 %s, 1
  br label %spawn.head
own:
  call void @bibun.share(ptr %jobs)
  br label %join.head
join.head:
  %w = phi i64 [ 1, %own ], [ %w.next, %joined ]
  %w.more = icmp slt i64 %w, %threads
  br i1 %w.more, label %wait, label %done
wait:
  %w.job = getelementptr [8 x i64], ptr %jobs, i64 %w
  %w.flag = getelementptr i64, ptr %w.job, i64 5
  %started = load i64, ptr %w.flag
  %was = icmp ne i64 %started, 0
  br i1 %was, label %join, label %instead
join:
  %w.handle = getelementptr i64, ptr %handles, i64 %w
  call void @bibun.join(ptr %w.handle)
  br label %joined
instead:
  call void @bibun.share(ptr %w.job)
  br label %joined
joined:
  %w.next = add i64 %w, 1
  br label %join.head
done:
  ret void
}}
"""


class ParallelEmitter(LoopBuilder):
    """Outlines regions and forks them."""

    forks = False  # whether the module has the support functions
    regions = 0
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
        self._add_support()
        outer = self.fn
        self.regions += 1
        name = f"@bibun.region{self.regions}"
        region = Function(self.module, f"define internal void {name}(ptr noalias %env, i64 %chunk)")
        self.module.functions.append(region)
        region.count = outer.count + 1_000_000 * self.regions  # names must not collide
        region.types = outer.types
        self.fn = region
        self.depth += 1
        region.block("start")
        body(Val("%chunk", int64))
        region.emit("ret void")
        self.depth -= 1
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
        outer.emit(f"call void @bibun.fork(ptr %ctx, ptr {name}, ptr {block}, i64 {count.name})")

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

    def _add_support(self) -> None:
        if self.forks:
            return
        self.forks = True
        windows = sys.platform == "win32"
        for symbol, signature in (_WINDOWS_SYMBOLS if windows else _POSIX_SYMBOLS).items():
            self.module.external(symbol, signature)
        self.module.support.append(_COMMON.format(threads=abi.FIELDS["thread_count"]))
        self.module.support.append(_WINDOWS if windows else _POSIX)

    def worth_threads(self, elements: int, cost: float) -> bool:
        """Whether a loop at the present place is long enough to be split."""
        return self.depth == 0 and elements * max(cost, 1.0) * NS_PER_COST > WORTH


def cut(n: int) -> tuple[int, int]:
    """(number of chunks, length of each but the last) of a loop over `n` steps."""
    size = -(-n // CHUNKS)
    return -(-n // size), size


