"""Loops, memory and calls: the part of the Builder protocol above single values.

A nest runs its last axis in blocks of `LANES` elements and one other block for what is
left, all as straight vector code, so no loop vectoriser has to guess, and reductions have
the same lanes and order on every CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.compiler.exits import ExitEmitter
from bibun.compiler.memory import SMALL_BLOCK, STACK_LIMIT, Arena
from bibun.compiler.text import Function, Module, llvm_type
from bibun.compiler.values import Val
from bibun.dtypes import KEY, bool_, int8, int64

LANES = 8  # the fixed logical width of vector code, in elements


def lane_blocks(n: int, width: int = LANES) -> tuple[int, int]:
    """How an axis is cut: the number of blocks of `width`, and the width of the last block.

    What fits in one block is one block of its own width.
    """
    return divmod(n, width) if n > width else (0, n)


def _registers(width: int) -> list[tuple[int, int]]:
    """A vector in memory as pieces whose widths are powers of two: (start, width) of each.

    LLVM holds a vector of any other width in scalars wherever it lives from one block of code to
    another. Read and written in pieces, an array that it takes out of memory is in vectors.
    """
    found, at = [], 0
    while at < width:
        count = 1 << ((width - at).bit_length() - 1)
        found.append((at, count))
        at += count
    return found


def memory_type(dtype: np.dtype) -> str:
    """The LLVM type of one element in memory."""
    if dtype.kind == "b":
        return "i8"
    if dtype.kind == "c":
        return "{ double, double }" if dtype.itemsize == 16 else "{ float, float }"
    return llvm_type(dtype)


class Slot:
    """A mutable variable on the stack; mem2reg makes it a register."""

    __slots__ = ("b", "ptr", "dtype", "width")

    def __init__(self, b: LoopBuilder, dtype: np.dtype, width: int) -> None:
        self.b = b
        self.dtype = dtype
        self.width = width
        if dtype.kind == "c":
            part = np.dtype(f"f{dtype.itemsize // 2}")
            self.ptr: Any = (Slot(b, part, width), Slot(b, part, width))
        else:
            self.ptr = b.fn.alloca(llvm_type(dtype, width), align=64 if width > 1 else 8)

    def get(self) -> Val:
        if self.dtype.kind == "c":
            return self.b.complex(self.ptr[0].get(), self.ptr[1].get())
        t = llvm_type(self.dtype, self.width)
        return self.b._new(f"load {t}, ptr {self.ptr}", self.dtype, self.width)

    def set(self, value: Val) -> None:
        if self.dtype.kind == "c":
            self.ptr[0].set(value.re)
            self.ptr[1].set(value.im)
            return
        value = self.b.wide(value, self.width)
        self.b.fn.emit(f"store {llvm_type(self.dtype, self.width)} {value.name}, ptr {self.ptr}")


class LoopBuilder(ExitEmitter):
    """Values plus loops, branches, memory and calls to the outside."""

    def __init__(self, module: Module, fn: Function) -> None:
        super().__init__(module, fn, 1)
        self.arena = Arena()
        self.stack = 0
        self.arena_pointers: dict[int, str] = {}

    # control flow ---------------------------------------------------------------------

    def loop(
        self, lo: Val | int, hi: Val | int, body: Callable[[Val], None], step: int = 1
    ) -> None:
        """`for i in range(lo, hi, step)`; `body` gets the index. What runs once is no loop."""
        lo, hi = self.index(lo), self.index(hi)
        if lo.known is not None and hi.known is not None:
            if hi.known <= lo.known:
                return
            if hi.known - lo.known <= step:
                body(lo)
                return
        fn = self.fn
        pre, head, inner, latch, done = (
            fn.label(p) for p in ("pre", "head", "body", "latch", "done")
        )
        i, following, go = fn.fresh("i"), fn.fresh("n"), fn.fresh("c")
        fn.types[i] = "i64"
        fn.jump(pre)
        fn.block(pre)
        fn.jump(head)
        fn.block(head)
        fn.emit(f"{i} = phi i64 [ {lo.name}, %{pre} ], [ {following}, %{latch} ]")
        fn.emit(f"{go} = icmp slt i64 {i}, {hi.name}")
        fn.branch(go, inner, done)
        fn.block(inner)
        body(Val(i, int64))
        fn.jump(latch)
        fn.block(latch)
        fn.emit(f"{following} = add nsw i64 {i}, {step}")
        fn.jump(head)
        fn.block(done)

    def while_(self, cond: Callable[[], Val], body: Callable[[], None]) -> None:
        fn = self.fn
        head, inner, done = fn.label("while"), fn.label("body"), fn.label("done")
        fn.jump(head)
        fn.block(head)
        go = cond()
        fn.branch(self.wide(go, 1).name, inner, done)
        fn.block(inner)
        body()
        fn.jump(head)
        fn.block(done)

    def if_(
        self, cond: Val, then: Callable[[], None], otherwise: Callable[[], None] | None = None
    ) -> None:
        fn = self.fn
        if cond.known is not None:
            branch = then if cond.known else otherwise
            if branch is not None:
                branch()
            return
        yes, no, after = fn.label("then"), fn.label("else"), fn.label("after")
        fn.branch(cond.name, yes, no)
        fn.block(yes)
        then()
        fn.jump(after)
        fn.block(no)
        if otherwise is not None:
            otherwise()
        fn.jump(after)
        fn.block(after)

    def index(self, i: Val | int) -> Val:
        return i if isinstance(i, Val) else self.const(int(i), int64)

    def nest(self, shape: Sequence[int], body: Callable[[list[Val]], None]) -> None:
        """Loops over all indices of `shape`, the last axis in vector blocks."""
        if 0 in shape:
            return
        shape = tuple(shape)
        if not shape:
            body([])
            return
        self.rows(shape[:-1], lambda idx: self.blocks(shape[-1], lambda i: body([*idx, i])))

    def rows(
        self, outer: Sequence[int], body: Callable[[list[Val]], None], idx: Sequence[Val] = ()
    ) -> None:
        """Loops over all axes but the one in lanes."""
        if len(idx) == len(outer):
            body(list(idx))
        elif outer[len(idx)] == 1:
            self.rows(outer, body, (*idx, self.const(0, int64)))
        else:
            self.loop(0, outer[len(idx)], lambda i: self.rows(outer, body, (*idx, i)))

    def blocks(self, n: int, body: Callable[[Val], None], width: int = LANES) -> None:
        """`body` over 0..n in vector blocks; sets `width`."""
        full, rest = lane_blocks(n, width)
        before = self.width
        if full:
            self.width = width
            self.loop(0, full * width, lambda i: body(self.lanes(i)), step=width)
        if rest:
            self.width = rest
            body(self.lanes(self.const(full * width, int64)))
        self.width = before

    def slot(self, init: Val, width: int = 1) -> Slot:
        s = Slot(self, init.dtype, max(width, init.width))
        s.set(init)
        return s

    # memory ------------------------------------------------------------------------------

    def allocate(self, nbytes: int, align: int = 16) -> tuple[str, tuple[int, int] | None]:
        """A pointer to static memory, and its arena block if it is not on the stack."""
        if nbytes <= SMALL_BLOCK and self.stack + nbytes <= STACK_LIMIT:
            self.stack += nbytes
            return self.fn.alloca(f"[{max(nbytes, 1)} x i8]", align=align), None
        block = self.arena.allocate(nbytes)
        name = self.arena_pointers.get(block[0])
        if name is None:
            name = self.arena_pointers[block[0]] = f"%arena.{block[0]}"
        return name, block

    def scratch(self, count: int, dtype: Any) -> str:
        """Static temporary memory for `count` elements, kept until the call ends."""
        dtype = np.dtype(dtype)
        return self.allocate(max(count, 1) * dtype.itemsize)[0]

    def offset(self, ptr: str, index: Val | int, dtype: Any) -> str:
        index = self.index(index)
        if index.known == 0:
            return ptr
        t = memory_type(np.dtype(dtype))
        return self.fn.assign(f"getelementptr {t}, ptr {ptr}, i64 {index.name}")

    def load(self, ptr: str, index: Val | int, dtype: Any) -> Val:
        """Elements at `ptr[index]`: scalar, contiguous vector, or lane by lane."""
        dtype = np.dtype(dtype)
        index = self.index(index)
        if index.width > 1:
            if not (index.affine and index.stride == 1):
                return self.per_lane(lambda i: self.load(ptr, i, dtype), index)
            return self._load_wide(self.offset(ptr, index.base, dtype), dtype, index.width)
        p = self.offset(ptr, index, dtype)
        if dtype.kind == "c":
            part = np.dtype(f"f{dtype.itemsize // 2}")
            return self.complex(self.load(p, 0, part), self.load(p, 1, part))
        value = self._new(f"load {memory_type(dtype)}, ptr {p}", dtype, 1)
        return self._to_bool(value) if dtype.kind == "b" else value

    def _to_bool(self, byte: Val) -> Val:
        t = f"<{byte.width} x i8>" if byte.width > 1 else "i8"
        zero = "zeroinitializer" if byte.width > 1 else "0"
        return self._new(f"icmp ne {t} {byte.name}, {zero}", bool_, byte.width)

    def _load_wide(self, p: str, dtype: np.dtype, w: int) -> Val:
        if dtype.kind == "c":
            part = np.dtype(f"f{dtype.itemsize // 2}")
            both = self._load_wide(p, part, 2 * w)
            even, odd = range(0, 2 * w, 2), range(1, 2 * w, 2)
            return self.complex(self.pick(both, even), self.pick(both, odd))
        if dtype.kind == "b":
            return self._to_bool(self._load_wide(p, np.dtype(np.int8), w))
        align = dtype.itemsize if dtype != KEY else 4
        value: Val | None = None
        for at, count in _registers(w):
            t = memory_type(dtype) if count == 1 else f"<{count} x {memory_type(dtype)}>"
            q = self.offset(p, at, dtype)
            part = self._new(f"load {t}, ptr {q}, align {align}", dtype, count)
            value = part if value is None else self.concatenate(value, part)
        return value  # type: ignore[return-value]

    def concatenate(self, x: Val, y: Val) -> Val:
        """The lanes of `x`, then the fewer ones of `y`."""
        w = x.width + y.width
        t, n = llvm_type(x.dtype, x.width), x.width
        if y.width == 1:
            spread = self.pick(x, [*range(n), 0])
            one = llvm_type(y.dtype)
            return self._new(
                f"insertelement {llvm_type(x.dtype, w)} {spread.name}, {one} {y.name}, i64 {n}",
                x.dtype, w,
            )  # fmt: skip
        mask = ", ".join(f"i32 {k}" if k < y.width else "i32 poison" for k in range(n))
        wide = self._new(
            f"shufflevector {llvm_type(y.dtype, y.width)} {y.name}, "
            f"{llvm_type(y.dtype, y.width)} poison, <{n} x i32> <{mask}>", x.dtype, n,
        )  # fmt: skip
        mask = ", ".join(f"i32 {k}" for k in range(w))
        return self._new(
            f"shufflevector {t} {x.name}, {t} {wide.name}, <{w} x i32> <{mask}>", x.dtype, w
        )

    def pick(self, x: Val, lanes: Sequence[int], y: Val | None = None) -> Val:
        """The lanes of `x` (then `y`) with the given numbers."""
        w = len(lanes)
        if y is None and w == x.width and all(k == lane for k, lane in enumerate(lanes)):
            return x
        if x.dtype.kind == "c":
            re, im = (None, None) if y is None else (y.re, y.im)
            return self.complex(self.pick(x.re, lanes, re), self.pick(x.im, lanes, im))
        if x.width == 1 and y is None:
            return self.wide(x, w)
        if x.width == 1 or w == 1:
            return self._assemble(
                [self.lane(x, k) if k < x.width else self.lane(y, k - x.width) for k in lanes]  # type: ignore[arg-type]
            )
        x = self.wide(x, x.width)
        t = llvm_type(x.dtype, x.width)
        mask = ", ".join(f"i32 {k}" for k in lanes)
        other = y.name if y is not None else "poison"
        return self._new(
            f"shufflevector {t} {x.name}, {t} {other}, <{w} x i32> <{mask}>", x.dtype, w
        )

    def fold(
        self, acc: tuple[Val, ...], merge: Callable[[tuple[Val, ...], tuple[Val, ...]], Any]
    ) -> tuple[Val, ...]:
        """The lanes of accumulators merged into one, by halves; a rest joins a half as wide.

        Integers, whose order changes nothing, go in neighbouring pairs: in the tree of halves
        x86's code generation (LLVM 22.1) sees a sum of small integers, and aborts the process
        where that sum is spread over an odd number of lanes again.
        """

        def take(xs: tuple[Val, ...], lanes: range) -> tuple[Val, ...]:
            return tuple(self.pick(x, lanes) for x in xs)

        width = max(a.width for a in acc)
        half = at = 1 << (width.bit_length() - 1)
        pairs = all(a.dtype.kind in "iu" for a in acc)
        total = take(acc, range(half))
        while half > 1:
            if pairs:
                first, second = range(0, half, 2), range(1, half, 2)
            else:
                first, second = range(half // 2), range(half // 2, half)
            total, half = merge(take(total, first), take(total, second)), half // 2
            if width & half:
                total, at = merge(total, take(acc, range(at, at + half))), at + half
        return total

    def whole(self, ptr: str, count: int, dtype: Any) -> Val:
        """The `count` elements at `ptr` as the lanes of one value."""
        if count == 1:
            return self.load(ptr, 0, dtype)
        return self._load_wide(ptr, np.dtype(dtype), count)

    def store_whole(self, ptr: str, value: Val) -> None:
        """All lanes of a value, one after the other from `ptr` on."""
        if value.width == 1:
            self.store(ptr, 0, value)
        else:
            self._store_wide(ptr, value)

    def store(self, ptr: str, index: Val | int, value: Val) -> None:
        """Store a scalar or a vector; a wide value wants a wide (or affine) index."""
        index = self.index(index)
        dtype = value.dtype
        w = max(index.width, value.width)
        if w > 1:
            value = self.wide(value, w)
            if index.affine and index.stride == 1:
                self._store_wide(self.offset(ptr, index.base, dtype), value)
            else:
                for k in range(w):
                    self.store(ptr, self.lane(index, k), self.lane(value, k))
            return
        p = self.offset(ptr, index, dtype)
        if dtype.kind == "c":
            self.store(p, 0, value.re)
            self.store(p, 1, value.im)
            return
        if dtype.kind == "b":
            byte = self.fn.assign(f"zext i1 {value.name} to i8")
            self.fn.emit(f"store i8 {byte}, ptr {p}")
            return
        self.fn.emit(f"store {llvm_type(dtype)} {value.name}, ptr {p}")

    def _store_wide(self, p: str, value: Val) -> None:
        w, dtype = value.width, value.dtype
        if dtype.kind == "c":
            order = [k for pair in ((j, w + j) for j in range(w)) for k in pair]
            re, im = self.wide(value.re, w), self.wide(value.im, w)
            self._store_wide(p, self.pick(re, order, im))
            return
        if dtype.kind == "b":
            byte = self._new(f"zext <{w} x i1> {value.name} to <{w} x i8>", np.dtype(np.int8), w)
            self._store_wide(p, byte)
            return
        align = dtype.itemsize if dtype != KEY else 4
        value = self.wide(value, w)
        for at, count in _registers(w):
            part = value if count == w else self.pick(value, range(at, at + count))
            q = self.offset(p, at, dtype)
            self.fn.emit(f"store {llvm_type(dtype, count)} {part.name}, ptr {q}, align {align}")

    def copy(self, dest: str, source: str, count: Val | int, dtype: Any) -> None:
        """memmove of `count` elements."""
        if dest == source:
            return
        count = self.mul(self.index(count), self.const(np.dtype(dtype).itemsize, int64))
        f = self.module.declare("llvm.memmove.p0.p0.i64", "void (ptr, ptr, i64, i1)")
        self.module.symbols.add("memmove")
        self.fn.emit(f"call void {f}(ptr {dest}, ptr {source}, i64 {count.name}, i1 false)")

    def fill(self, dest: str, value: Val, count: Val | int) -> None:
        count = self.index(count)
        if count.known is not None:
            self.blocks(int(count.known), lambda i: self.store(dest, i, value))
        else:
            self.loop(0, count, lambda i: self.store(dest, i, value))

    # the outside ---------------------------------------------------------------------------

    def call(self, symbol: str, args: Sequence[Any], returns: str = "void") -> Any:
        """Call an external C or Fortran function; args are pointers (str) or scalar Vals."""
        texts = []
        for a in args:
            if isinstance(a, str):
                texts.append(("ptr", a))
            else:
                texts.append((llvm_type(a.dtype), a.name))
        types = ", ".join(t for t, _ in texts)
        f = self.module.external(symbol, f"{returns} ({types})")
        line = f"call {returns} {f}({', '.join(f'{t} {v}' for t, v in texts)})"
        if returns == "void":
            self.fn.emit(line)
            return None
        name = self.fn.assign(line)
        if returns == "ptr":
            return name
        dtype = {"double": np.float64, "float": np.float32, "i64": np.int64, "i32": np.int32}
        self.fn.types[name] = returns
        return Val(name, np.dtype(dtype[returns]))

    def routine(
        self, key: Any, args: Sequence[str | Val], body: Callable[..., None]
    ) -> None:
        """Call the module's function `key`, emitted at its first call: `body(*parameters)`.

        It sees its arguments (pointers and scalars) and no other value, and cannot fail.
        """
        types = ["ptr" if isinstance(a, str) else llvm_type(a.dtype) for a in args]
        name = self.module.routines.get(key)
        if name is None:
            name = self.module.routines[key] = f"@bibun.routine{len(self.module.routines)}"
            names = [f"%p{k}" for k in range(len(args))]
            header = ", ".join(f"{t} {n}" for t, n in zip(types, names, strict=True))
            outer, width = self.fn, self.width
            self.fn = self.module.function(f"define internal void {name}({header}) noinline")
            self.width = 1
            self.fn.block("start")
            body(*(n if isinstance(a, str) else Val(n, a.dtype)
                   for n, a in zip(names, args, strict=True)))  # fmt: skip
            self.fn.emit("ret void")
            self.fn.entry.append("  br label %start")
            self.fn, self.width = outer, width
        given = (f"{t} {a if isinstance(a, str) else a.name}"
                 for t, a in zip(types, args, strict=True))  # fmt: skip
        self.fn.emit(f"call void {name}({', '.join(given)})")

    def ref(self, value: Any, ctype: str = "i32") -> str:
        """A pointer to a stack slot that holds `value` (a number, a character, a Val)."""
        if isinstance(value, str):
            value, ctype = ord(value), "i8"
        if isinstance(value, Val):
            dtype = value.dtype
            slot = self.fn.alloca(memory_type(dtype))
            self.store(slot, 0, value)
            return slot
        dtype = {"i32": np.int32, "i64": np.int64, "i8": np.int8, "double": np.float64,
                 "float": np.float32, "f64": np.float64, "f32": np.float32,
                 "complex128": np.complex128, "complex64": np.complex64}[ctype]  # fmt: skip
        return self.ref(self.const(value, np.dtype(dtype)))

    def byte(self, value: int) -> Val:
        return self.const(value, int8)
