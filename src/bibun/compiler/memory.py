"""Where values are: registers, memory, or nowhere yet; and the arena that memory is cut from.

The arena is planned while code is emitted: emission order is execution order, so a free list
kept during emission is a correct allocation, and the whole call needs one `malloc` of the
high-water mark. That block stays with the call's context for the next call: fresh memory from
the system costs a page fault every 4 kB, which was most of the time of a gradient through a long
scan. Blocks of at most 4 kB are stack slots instead, which LLVM's SROA turns into
registers wherever they are only used at constant indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bibun.ir.program import Atom
from bibun.ir.types import ArrayType

if TYPE_CHECKING:
    from bibun.compiler.emit import Emitter, Frame
    from bibun.compiler.values import Val

SMALL_BLOCK = 4096  # bytes; at most this goes on the stack
STACK_LIMIT = 192 * 1024  # bytes of stack slots in one function
ALIGN = 64
KEEP = 1 << 28  # bytes; a larger arena is given back after its call

SUPPORT = """
define internal noalias ptr @bibun.arena(ptr %ctx, i64 %bytes) noinline {{
entry:
  %slot = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {arena}
  %old = load ptr, ptr %slot
  %has = icmp ne ptr %old, null
  br i1 %has, label %look, label %make
look:
  %room = load i64, ptr %old
  %fits = icmp uge i64 %room, %bytes
  br i1 %fits, label %ready, label %drop
drop:
  call void @free(ptr %old)
  store ptr null, ptr %slot
  br label %make
make:
  %total = add i64 %bytes, 128
  %new = call ptr @malloc(i64 %total)
  %null = icmp eq ptr %new, null
  br i1 %null, label %none, label %keep
keep:
  store i64 %bytes, ptr %new
  store ptr %new, ptr %slot
  br label %ready
ready:
  %block = phi ptr [ %old, %look ], [ %new, %keep ]
  %int = ptrtoint ptr %block to i64
  %up = add i64 %int, 127
  %aligned = and i64 %up, -64
  %base = inttoptr i64 %aligned to ptr
  ret ptr %base
none:
  ret ptr null
}}

define internal void @bibun.arena_done(ptr %ctx) noinline {{
entry:
  %slot = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {arena}
  %old = load ptr, ptr %slot
  call void @free(ptr %old)
  store ptr null, ptr %slot
  ret void
}}
"""


class Scalar:
    """A value of one element, in a register."""

    __slots__ = ("val",)

    def __init__(self, val: Val) -> None:
        self.val = val


class Memory:
    """A contiguous row-major array at `ptr`. `mutable`: may be overwritten once dead."""

    __slots__ = ("ptr", "mutable", "block")

    def __init__(
        self, ptr: str, mutable: bool = False, block: tuple[int, int] | None = None
    ) -> None:
        self.ptr = ptr
        self.mutable = mutable
        self.block = block


class Inlined:
    """A lazy value: its equation is emitted wherever an element is read."""

    __slots__ = ("equation",)

    def __init__(self, equation: Any) -> None:
        self.equation = equation


Storage = Scalar | Memory | Inlined


class Arena:
    """First-fit free list over one block whose size is known when emission ends."""

    def __init__(self) -> None:
        self.size = 0
        self.free: list[tuple[int, int]] = []  # (offset, size), by offset

    def allocate(self, size: int) -> tuple[int, int]:
        size = -(-size // ALIGN) * ALIGN
        for i, (offset, room) in enumerate(self.free):
            if room >= size:
                if room == size:
                    del self.free[i]
                else:
                    self.free[i] = (offset + size, room - size)
                return (offset, size)
        if self.free and sum(self.free[-1]) == self.size:
            offset, _ = self.free.pop()  # extend the last hole
        else:
            offset = self.size
        self.size = offset + size
        return (offset, size)

    def release(self, block: tuple[int, int]) -> None:
        merged = []
        for piece in sorted([*self.free, block]):
            if merged and sum(merged[-1]) == piece[0]:
                merged[-1] = (merged[-1][0], merged[-1][1] + piece[1])
            else:
                merged.append(piece)
        self.free = merged


class Source:
    """An input of a lowering rule; see `bibun.ir.builder`.

    A rule with loops and branches of its own reads `fresh`: a value that was computed inside
    one of its blocks does not reach the others.
    """

    __slots__ = ("em", "frame", "atom", "type", "fresh")

    def __init__(self, em: Emitter, frame: Frame, atom: Atom, fresh: bool = False) -> None:
        self.fresh = fresh
        self.em = em
        self.frame = frame
        self.atom = atom
        self.type: Any = atom.type

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    @property
    def dtype(self) -> np.dtype:
        return self.type.dtype

    @property
    def ptr(self) -> str:
        return self.em.memory_of(self.frame, self.atom).ptr

    @property
    def storage(self) -> Storage:
        """Where the value is, to read: whoever gets it, a loop's body say, may not overwrite it."""
        found = self.em.storage_of(self.frame, self.atom)
        if isinstance(found, Memory) and found.mutable:
            return Memory(found.ptr)
        return found

    def read(self, idx: Sequence[Val]) -> Val:
        if self.fresh:
            self.frame.memo = {}
        return self.em.read(self.frame, self.atom, idx)


class Dest:
    """An output of a lowering rule, in memory (one element: a stack slot)."""

    __slots__ = ("em", "type", "memory")

    def __init__(self, em: Emitter, type: ArrayType, memory: Memory) -> None:
        self.em = em
        self.type = type
        self.memory = memory

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    @property
    def dtype(self) -> np.dtype:
        return self.type.dtype

    @property
    def ptr(self) -> str:
        return self.memory.ptr

    def read(self, idx: Sequence[Val]) -> Val:
        return self.em.load_at(self.memory.ptr, self.type, idx)

    def store(self, idx: Sequence[Val], value: Val) -> None:
        self.em.store_at(self.memory.ptr, self.type, idx, value)
