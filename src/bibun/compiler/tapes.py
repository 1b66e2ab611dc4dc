"""Tapes: growable lists in native memory, and what loops need of storage.

A ragged value is a handle of three words {data, length, capacity}. Blocks of data are
malloc'ed with a header that links them into a list rooted in the call's frame, so that every
way out of the call, errors and Ctrl-C included, frees them all. A tape that dies earlier is
freed where it dies. A handle copied from somebody else's tape is borrowed (capacity -1).
`ctx.ragged_used` is charged for each block; above `ctx.ragged_limit` the call leaves with
RAGGED_LIMIT.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.compiler.memory import Dest, Memory, Scalar, Source, Storage
from bibun.compiler.parallel import ParallelEmitter
from bibun.compiler.plan import is_small
from bibun.compiler.values import Val
from bibun.dtypes import int8, int64
from bibun.ir.types import RaggedType
from bibun.runtime import context as abi

HANDLE_BYTES = 24

_SUPPORT = """
define internal ptr @bibun.block(ptr %ctx, ptr %root, i64 %bytes) noinline {{
entry:
  %total = add i64 %bytes, 64
  %used.p = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {used}
  %used = load i64, ptr %used.p
  %now = add i64 %used, %total
  %limit.p = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {limit}
  %limit = load i64, ptr %limit.p
  %over = icmp sgt i64 %now, %limit
  br i1 %over, label %no, label %ask
ask:
  %block = call ptr @malloc(i64 %total)
  %null = icmp eq ptr %block, null
  br i1 %null, label %no, label %link
link:
  store i64 %now, ptr %used.p
  %next.p = getelementptr ptr, ptr %root, i64 1
  %first = load ptr, ptr %next.p
  store ptr %root, ptr %block
  %b.next = getelementptr ptr, ptr %block, i64 1
  store ptr %first, ptr %b.next
  %b.size = getelementptr i64, ptr %block, i64 2
  store i64 %total, ptr %b.size
  store ptr %block, ptr %next.p
  %some = icmp ne ptr %first, null
  br i1 %some, label %back, label %done
back:
  store ptr %block, ptr %first
  br label %done
done:
  %data = getelementptr i8, ptr %block, i64 64
  ret ptr %data
no:
  ret ptr null
}}

define internal void @bibun.unblock(ptr %ctx, ptr %data) noinline {{
entry:
  %block = getelementptr i8, ptr %data, i64 -64
  %prev = load ptr, ptr %block
  %b.next = getelementptr ptr, ptr %block, i64 1
  %next = load ptr, ptr %b.next
  %b.size = getelementptr i64, ptr %block, i64 2
  %size = load i64, ptr %b.size
  %used.p = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {used}
  %used = load i64, ptr %used.p
  %now = sub i64 %used, %size
  store i64 %now, ptr %used.p
  %p.next = getelementptr ptr, ptr %prev, i64 1
  store ptr %next, ptr %p.next
  %some = icmp ne ptr %next, null
  br i1 %some, label %back, label %done
back:
  store ptr %prev, ptr %next
  br label %done
done:
  call void @free(ptr %block)
  ret void
}}

define internal void @bibun.unblock_all(ptr %ctx, ptr %root) noinline {{
entry:
  %next.p = getelementptr ptr, ptr %root, i64 1
  br label %head
head:
  %first = load ptr, ptr %next.p
  %more = icmp ne ptr %first, null
  br i1 %more, label %drop, label %done
drop:
  %data = getelementptr i8, ptr %first, i64 64
  call void @bibun.unblock(ptr %ctx, ptr %data)
  br label %head
done:
  ret void
}}

define internal i1 @bibun.reserve(ptr %ctx, ptr %root, ptr %handle, i64 %bytes) {{
entry:
  %len.p = getelementptr i64, ptr %handle, i64 1
  %cap.p = getelementptr i64, ptr %handle, i64 2
  %len = load i64, ptr %len.p
  %cap = load i64, ptr %cap.p
  %room = icmp slt i64 %len, %cap
  br i1 %room, label %ok, label %grow
grow:
  %twice = shl i64 %cap, 1
  %small = icmp slt i64 %twice, 16
  %newcap = select i1 %small, i64 16, i64 %twice
  %size = mul i64 %newcap, %bytes
  %new = call ptr @bibun.block(ptr %ctx, ptr %root, i64 %size)
  %null = icmp eq ptr %new, null
  br i1 %null, label %no, label %move
move:
  %old = load ptr, ptr %handle
  %had = icmp ne ptr %old, null
  br i1 %had, label %carry, label %set
carry:
  %keep = mul i64 %len, %bytes
  call void @llvm.memcpy.p0.p0.i64(ptr %new, ptr %old, i64 %keep, i1 false)
  call void @bibun.unblock(ptr %ctx, ptr %old)
  br label %set
set:
  store ptr %new, ptr %handle
  store i64 %newcap, ptr %cap.p
  br label %ok
ok:
  ret i1 true
no:
  ret i1 false
}}
"""


def element_bytes(type: RaggedType) -> int:
    """The size of one element of a list."""
    if isinstance(type.element, RaggedType):
        return HANDLE_BYTES
    return max(type.element.size * type.element.dtype.itemsize, 1)


class TapeEmitter(ParallelEmitter):
    """What loops need of the emitter: homes, slices, places, tapes, switch."""

    root_list: str | None = None
    copy: Any
    store_at: Any
    field: Any
    leave: Any

    # carries and slices -------------------------------------------------------------------

    def move(self, source: Source, dest: Dest) -> None:
        """Copy a value into a destination."""
        storage = source.storage
        if isinstance(dest.type, RaggedType):
            self.borrow(storage.ptr, dest.ptr)  # type: ignore[union-attr]
        elif isinstance(storage, Memory):
            self.copy(dest.ptr, storage.ptr, dest.type.size, dest.type.dtype)
        else:
            self.nest(
                dest.shape, lambda idx: self.store_at(dest.ptr, dest.type, idx, source.read(idx))
            )

    def home(self, dest: Dest) -> Storage:
        """The present value of a carry that lives in `dest`."""
        if is_small(dest.type):
            return Scalar(self.load(dest.ptr, 0, dest.dtype))
        return Memory(dest.ptr, mutable=True)

    def slice_of(self, source: Source, i: Val) -> Storage:
        """Element `i` along the first axis of a stacked array, or of a list: zeros past its end."""
        if isinstance(source.type, RaggedType):
            data = self.fn.assign(f"load ptr, ptr {source.ptr}")
            within = self.compare("lt", i, self.tape_length(source.ptr))
            p = self.element_ptr(source.type, data, i)
            zeros = self.zeros(element_bytes(source.type))
            p = self.fn.assign(f"select i1 {within.name}, ptr {p}, ptr {zeros}")
            element = source.type.element
            return Scalar(self.load(p, 0, element.dtype)) if is_small(element) else Memory(p)
        storage = source.storage
        type = source.type.with_shape(source.shape[1:])
        if isinstance(storage, Scalar):  # one slice of one element
            return storage
        size = self.const(type.size, int64)
        p = self.offset(source.ptr, self.mul(i, size), type.dtype)
        return Scalar(self.load(p, 0, type.dtype)) if is_small(type) else Memory(p)

    def place_of(self, dest: Dest, i: Val) -> Memory:
        """Where element `i` of a stacked output or of a list is to be written."""
        if isinstance(dest.type, RaggedType):
            data = self.fn.assign(f"load ptr, ptr {dest.ptr}")
            return Memory(self.element_ptr(dest.type, data, i))
        size = dest.type.size // max(dest.shape[0], 1)
        return Memory(self.offset(dest.ptr, self.mul(i, self.const(size, int64)), dest.dtype))

    def element_ptr(self, type: RaggedType, data: str, i: Val) -> str:
        at = self.mul(i, self.const(element_bytes(type), int64))
        return self.fn.assign(f"getelementptr i8, ptr {data}, i64 {at.name}")

    def zeros(self, count: int) -> str:
        """Zero bytes to read: an element past the end of a list."""
        name = f"@bibun.zeros.{count}"
        line = f"{name} = internal global [{count} x i8] zeroinitializer, align 64"
        if line not in self.module.support:
            self.module.support.append(line)
        return name

    # tapes --------------------------------------------------------------------------------------

    def root_of_tapes(self) -> str:
        """The head of the list of blocks; first use adds the support functions."""
        if self.root_list is None:
            self.root_list = self.fn.alloca("[4 x ptr]")
            self.fn.entry.append(f"  store [4 x ptr] zeroinitializer, ptr {self.root_list}")
            self.module.external("malloc", "ptr (i64)")
            self.module.external("free", "void (ptr)")
            self.module.declare("llvm.memcpy.p0.p0.i64", "void (ptr, ptr, i64, i1)")
            self.module.symbols.add("memcpy")
            self.module.support.append(
                _SUPPORT.format(used=abi.FIELDS["ragged_used"], limit=abi.FIELDS["ragged_limit"])
            )
        return self.root_list

    def cleanup(self) -> list[str]:
        if self.root_list is None:
            return []
        return [f"call void @bibun.unblock_all(ptr %ctx, ptr {self.root_list})"]

    def _word(self, handle: str, k: int) -> str:
        return self.fn.assign(f"getelementptr i64, ptr {handle}, i64 {k}") if k else handle

    def tape_start(self, handle: str, type: RaggedType, count: Val) -> None:
        """An empty list, or one with room and length for `count` elements."""
        root = self.root_of_tapes()
        fn = self.fn
        if count.known == 0:
            fn.emit(f"store [3 x i64] zeroinitializer, ptr {handle}")
            return
        size = self.mul(count, self.const(element_bytes(type), int64))
        data = fn.assign(f"call ptr @bibun.block(ptr %ctx, ptr {root}, i64 {size.name})")
        self._check_room(fn.assign(f"icmp ne ptr {data}, null"))
        fn.emit(f"store ptr {data}, ptr {handle}")
        for k in (1, 2):
            fn.emit(f"store i64 {count.name}, ptr {self._word(handle, k)}")

    def _check_room(self, ok: str) -> None:
        bad, on = self.fn.label("full"), self.fn.label("on")
        self.fn.branch(ok, on, bad)
        self.fn.block(bad)
        ordinal = self.ordinals[id(self.equation)]  # type: ignore[attr-defined]
        self.leave("RAGGED_LIMIT", ordinal)
        self.fn.block(on)

    def tape_grow(self, dest: Dest) -> Memory:
        """Room for one more element, and where it goes."""
        root = self.root_of_tapes()
        n = element_bytes(dest.type)  # type: ignore[arg-type]
        self._check_room(
            self.fn.assign(
                f"call i1 @bibun.reserve(ptr %ctx, ptr {root}, ptr {dest.ptr}, i64 {n})"
            )
        )
        data = self.fn.assign(f"load ptr, ptr {dest.ptr}")
        return Memory(self.element_ptr(dest.type, data, self.tape_length(dest.ptr)))  # type: ignore[arg-type]

    def tape_commit(self, dest: Dest) -> None:
        """The element that `tape_grow` made room for is there."""
        p = self._word(dest.ptr, 1)
        n = self.fn.assign(f"load i64, ptr {p}")
        more = self.fn.assign(f"add i64 {n}, 1")
        self.fn.emit(f"store i64 {more}, ptr {p}")

    def tape_length(self, handle: str) -> Val:
        return self._new(f"load i64, ptr {self._word(handle, 1)}", int64, 1)

    def borrow(self, source: str, dest: str) -> None:
        """Copy a handle whose blocks stay somebody else's."""
        self.copy(dest, source, 2, int64)
        self.fn.emit(f"store i64 -1, ptr {self._word(dest, 2)}")

    def tape_free(self, handle: str, type: RaggedType) -> None:
        """Give back a list that nothing reads any more."""
        capacity = self._new(f"load i64, ptr {self._word(handle, 2)}", int64, 1)

        def drop() -> None:
            data = self.fn.assign(f"load ptr, ptr {handle}")
            inner = type.element
            if isinstance(inner, RaggedType):
                self.loop(
                    0,
                    self.tape_length(handle),
                    lambda i: self.tape_free(self.element_ptr(type, data, i), inner),
                )
            self.fn.emit(f"call void @bibun.unblock(ptr %ctx, ptr {data})")

        self.if_(self.compare("gt", capacity, self.const(0, int64)), drop)

    def tape_export(self, handle: str, dest: str, type: RaggedType) -> None:
        """Copy a list to memory that outlives the call and is the caller's to free.

        `dest` is an empty list; it is right at every moment, so that the caller can free what
        is there if memory runs out half way.
        """
        malloc = self.module.external("malloc", "ptr (i64)")
        count = self.tape_length(handle)
        n, inner = element_bytes(type), type.element
        size = self.mul(count, self.const(n, int64))

        def move() -> None:
            fn = self.fn
            data = fn.assign(f"call ptr {malloc}(i64 {size.name})")
            null = fn.assign(f"icmp eq ptr {data}, null")
            bad, on = fn.label("full"), fn.label("on")
            fn.branch(null, bad, on)
            fn.block(bad)
            self.leave("OUT_OF_MEMORY")
            fn.block(on)
            source = fn.assign(f"load ptr, ptr {handle}")
            if isinstance(inner, RaggedType):
                self.fill(data, self.const(0, int64), self.mul(count, self.const(n // 8, int64)))
            else:
                self.copy(data, source, size, int8)
            fn.emit(f"store ptr {data}, ptr {dest}")
            fn.emit(f"store i64 {count.name}, ptr {self._word(dest, 1)}")
            if isinstance(inner, RaggedType):
                self.loop(0, count, lambda i: self.tape_export(
                    self.element_ptr(type, source, i), self.element_ptr(type, data, i), inner
                ))  # fmt: skip

        self.if_(self.compare("gt", count, self.const(0, int64)), move)

    # branches ------------------------------------------------------------------------------------

    def switch(self, index: Val, branches: Sequence[Callable[[], None]]) -> None:
        """Run branch `index`, clamped to those there are."""
        fn = self.fn
        low = self.max(index, self.const(0, int64))
        labels = [fn.label("case") for _ in branches]
        after = fn.label("after")
        cases = " ".join(f"i64 {k}, label %{label}" for k, label in enumerate(labels[:-1]))
        fn.emit(f"switch i64 {low.name}, label %{labels[-1]} [ {cases} ]")
        for label, branch in zip(labels, branches, strict=True):
            fn.block(label)
            branch()
            fn.jump(after)
        fn.block(after)
