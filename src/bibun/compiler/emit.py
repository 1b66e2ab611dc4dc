"""Emission: a planned program becomes the text of one LLVM function.

`Emitter.body` emits a program into the present place: the whole of a function, the body of
a loop, a branch. It walks the plan's units; each value's whereabouts is a `Storage` in the
frame. Outputs may be given destinations; a root is written straight to its destination
when nothing alive is still there (a loop's old carry), else to a temporary that is copied
at the end. An op that updates part of an array (`alias`) takes over the array's memory when
it is dead and may be overwritten: so carries are updated in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.compiler.kernels import KernelEmitter
from bibun.compiler.lanes import LaneEmitter
from bibun.compiler.libraries import is_blas
from bibun.compiler.memory import KEEP, SUPPORT, Dest, Inlined, Memory, Scalar, Source, Storage
from bibun.compiler.plan import KERNEL, SCALAR, VIEW, Plan, Unit, is_small, make_plan
from bibun.compiler.tapes import HANDLE_BYTES
from bibun.compiler.text import Module
from bibun.compiler.values import Val
from bibun.compiler.walk import library_ordinals, number_equations
from bibun.dtypes import int64
from bibun.ir.program import Atom, Equation, Literal, Program, Var
from bibun.ir.serialize import pooled
from bibun.ir.types import ArrayType, RaggedType
from bibun.ops.op import ELEMENTWISE
from bibun.runtime import context as abi

# Multiplications in an equation from which on BLAS may use its threads: for a matrix product,
# and for factorisations, which fork and join once a block. Busy cores make the latter many
# times slower (docs/design/linear-algebra.md).
THREADED_PRODUCT, THREADED_BLAS = 2e9, 2e10

SHORT = 12  # a loop with a body of fewer equations takes what the chain through it takes


class Frame:
    """The state of one program's emission."""

    __slots__ = ("plan", "env", "memo", "flat", "owned", "tapes", "unit", "tiles",
                 "preloaded", "tiled_flat", "again")  # fmt: skip

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.env: dict[Var, Storage] = {}
        self.memo: dict[Any, Any] = {}
        self.flat = False
        self.owned: dict[Var, Memory] = {}  # memory to release when the variable dies
        self.tapes: set[Var] = set()  # lists made here
        self.unit = 0
        self.tiles: list[Any] = []  # of the present kernel: staged values and their memory
        self.preloaded: list[Any] = []  # staged values of the present block
        self.tiled_flat = False
        self.again = False  # whether the present kernel may compute elements twice


class Emitter(KernelEmitter, LaneEmitter):
    """Emits programs; the Builder that lowering rules see."""

    def __init__(self, name: str, program: Program, pool: dict[float, int] | None = None) -> None:
        module = Module()
        header = f"define i32 @{name}(ptr noalias %ctx, ptr noalias %ins, ptr noalias %outs)"
        super().__init__(module, module.function(header))
        self.root = program
        self.plans: dict[int, Plan] = {}
        self.ordinals = number_equations(program)
        self.equation: Equation | None = None
        self.serial_blas = False  # whether BLAS is kept from using threads here
        self.slots = {n: k for k, n in enumerate(library_ordinals(program))}
        self.pool = pool or {}
        self.pooled: dict[float, Val] = {}  # float data, loaded once at the start
        self.status = self.fn.alloca("i32")

    # a whole function ---------------------------------------------------------------------

    def function(self) -> str:
        """Emit the program as the native entry; returns the module's text."""
        fn = self.fn
        fn.block("start")
        fn.emit(f"store i32 0, ptr {self.status}")
        storages: list[Storage] = []
        for k, v in enumerate(self.root.inputs):
            slot = fn.assign(f"getelementptr ptr, ptr %ins, i64 {k}")
            p = fn.assign(f"load ptr, ptr {slot}")
            storages.append(self.arrive(v.type, p))
        if self.pool:
            slot = fn.assign(f"getelementptr ptr, ptr %ins, i64 {len(storages)}")
            p = fn.assign(f"load ptr, ptr {slot}")
            for value, k in self.pool.items():
                self.pooled[value] = self.load(p, k, np.dtype(np.float64))
        dests, lists = [], []
        for k, a in enumerate(self.root.outputs):
            slot = fn.assign(f"getelementptr ptr, ptr %outs, i64 {k}")
            p = fn.assign(f"load ptr, ptr {slot}")
            if isinstance(a.type, RaggedType):  # grows in the call's own blocks, then leaves
                own = self.allocate(HANDLE_BYTES)[0]
                lists.append((own, p, a.type))
                p = own
            dests.append(Memory(p))
        self.body(self.root, storages, dests)
        for own, p, type in lists:
            self.tape_export(own, p, type)
        fn.jump("exit")
        self._finish()
        return abi.LLVM_TYPE + "\n" + self.module.text()

    def arrive(self, type: Any, ptr: str) -> Storage:
        """The storage of an input at `ptr`: one element is loaded at once."""
        if is_small(type):
            return Scalar(self.load(ptr, 0, type.dtype))
        return Memory(ptr)

    def _finish(self) -> None:
        fn = self.fn
        head = []
        if self.arena.size:
            self.module.external("malloc", "ptr (i64)")
            self.module.external("free", "void (ptr)")
            self.module.support.append(SUPPORT.format(arena=abi.FIELDS["arena"]))
            head.append(
                f"  %arena = call noalias ptr @bibun.arena(ptr %ctx, i64 {self.arena.size})"
            )
            for offset, name in self.arena_pointers.items():
                head.append(f"  {name} = getelementptr i8, ptr %arena, i64 {offset}")
            fn.entry.append("  %arena.null = icmp eq ptr %arena, null")
            fn.entry.append("  br i1 %arena.null, label %nomemory, label %start")
            fn.block("nomemory")
            fn.emit(f"store i32 {abi.STATUS['OUT_OF_MEMORY']}, ptr {self.status}")
            fn.jump("exit")
        else:
            fn.entry.append("  br label %start")
        fn.entry[:0] = head
        fn.block("exit")
        self.disband()
        if self.arena.size > KEEP:
            fn.emit("call void @bibun.arena_done(ptr %ctx)")
        for line in self.cleanup():
            fn.emit(line)
        fn.emit(f"%result = load i32, ptr {self.status}")
        fn.emit("ret i32 %result")

    # a program in place ------------------------------------------------------------------------

    def plan_of(self, program: Program) -> Plan:
        plan = self.plans.get(id(program))
        if plan is None:
            plan = self.plans[id(program)] = make_plan(program)
        return plan

    def body(
        self,
        program: Program,
        inputs: Sequence[Storage],
        dests: Sequence[Memory | None] | None = None,
    ) -> list[Storage]:
        """Emit `program`; outputs with a destination are there afterwards."""
        frame = Frame(self.plan_of(program))
        frame.env.update(zip(program.inputs, inputs, strict=True))
        dests = list(dests) if dests is not None else [None] * len(program.outputs)
        wanted: dict[Var, Memory] = {}
        for a, d in zip(program.outputs, dests, strict=True):
            if d is not None and type(a) is Var and a not in wanted:
                wanted[a] = d
        saved = self.equation
        for i, unit in enumerate(frame.plan.units):
            frame.unit = i
            self.emit_unit(frame, unit, wanted)
            for v in unit.reads:
                self.release_dead(frame, v, i)
            for eq in unit.equations:
                for v in eq.outputs:
                    self.release_dead(frame, v, i)
        results = [self.storage_of(frame, a) for a in program.outputs]
        self.deliver(program, results, dests, set(frame.tapes))
        handed_on = [r for r, d in zip(results, dests, strict=True) if d is None]
        for memory in frame.owned.values():
            if memory.block is not None and not any(r is memory for r in handed_on):
                self.arena.release(memory.block)
        self.equation = saved
        return results

    def release_dead(self, frame: Frame, var: Var, i: int) -> None:
        home = frame.plan.home.get(var, var)
        if frame.plan.last.get(home, -1) <= i:
            if var in frame.tapes and var not in frame.plan.program.outputs:
                frame.tapes.discard(var)
                self.tape_free(frame.env[var].ptr, var.type)  # type: ignore[union-attr, arg-type]
            memory = frame.owned.pop(home, None)
            if memory is not None and memory.block is not None:
                self.arena.release(memory.block)

    def deliver(
        self,
        program: Program,
        results: Sequence[Storage],
        dests: Sequence[Memory | None],
        owned: set[Var],
    ) -> None:
        """Move outputs to their destinations, as if all at once; `owned` lists change hands."""
        moves = []
        targets = {d.ptr for d in dests if d is not None}
        for a, r, d in zip(program.outputs, results, dests, strict=True):
            if d is None or (isinstance(r, Memory) and r.ptr == d.ptr):
                continue
            if isinstance(r, Memory) and r.ptr in targets and isinstance(a.type, ArrayType):
                temporary, block = self.allocate(a.type.size * a.type.dtype.itemsize)
                self.copy(temporary, r.ptr, a.type.size, a.type.dtype)
                moves.append((a, Memory(temporary, block=block), d))
            else:
                moves.append((a, r, d))
        for a, r, d in moves:
            if isinstance(r, Scalar):
                self.store(d.ptr, 0, r.val)
            elif isinstance(a.type, RaggedType):
                if a in owned:
                    self.copy(d.ptr, r.ptr, HANDLE_BYTES // 8, int64)
                else:
                    self.borrow(r.ptr, d.ptr)
            else:
                assert isinstance(r, Memory)
                self.copy(d.ptr, r.ptr, a.type.size, a.type.dtype)
                if r.block is not None and not r.mutable:
                    self.arena.release(r.block)

    # units ------------------------------------------------------------------------------------

    def emit_unit(self, frame: Frame, unit: Unit, wanted: dict[Var, Memory]) -> None:
        self.equation = unit.equations[0]
        if unit.kind == SCALAR:
            eq = unit.equations[0]
            frame.memo = {}
            zero = self.const(0, int64)
            value = self.element(frame, eq, [zero] * eq.outputs[0].type.ndim)  # type: ignore[union-attr]
            frame.env[eq.outputs[0]] = Scalar(value)
        elif unit.kind == VIEW:
            eq = unit.equations[0]
            frame.env[eq.outputs[0]] = self.storage_of(frame, eq.inputs[0])
        elif unit.kind == KERNEL:
            self.emit_kernel(frame, unit, wanted)
        else:
            self.emit_step(frame, unit.equations[0], unit, wanted)

    def emit_step(
        self, frame: Frame, eq: Equation, unit: Unit, wanted: dict[Var, Memory]
    ) -> None:
        ins = [Source(self, frame, a, fresh=True) for a in eq.inputs]
        outs = []
        for k, v in enumerate(eq.outputs):
            if k == 0 and eq.op.alias is not None:
                memory = self.take_over(frame, eq, unit, wanted)
            else:
                memory = self.destination(frame, v, unit, wanted)
            outs.append(Dest(self, v.type, memory))  # type: ignore[arg-type]
        frame.memo = {}
        self.width = 1
        eq.op.lower(self, ins, outs, **eq.params)
        self.equation = eq
        for v, out in zip(eq.outputs, outs, strict=True):
            if is_small(v.type):
                frame.env[v] = Scalar(self.load(out.ptr, 0, v.type.dtype))  # type: ignore[union-attr]
            else:
                frame.env[v] = out.memory

    def new_memory(self, frame: Frame, var: Var) -> Memory:
        type = var.type
        if isinstance(type, RaggedType):
            frame.tapes.add(var)
            return Memory(self.allocate(HANDLE_BYTES)[0])
        ptr, block = self.allocate(max(type.size, 1) * type.dtype.itemsize)
        memory = Memory(ptr, mutable=True, block=block)
        frame.owned[var] = memory
        return memory

    def destination(
        self, frame: Frame, var: Var, unit: Unit, wanted: dict[Var, Memory]
    ) -> Memory:
        """Where a value that is written as a whole goes."""
        d = wanted.get(var)
        if d is not None and not is_small(var.type) and self.vacant(frame, unit, d, None):
            return d
        return self.new_memory(frame, var)

    def vacant(self, frame: Frame, unit: Unit, d: Memory, taken: Var | None) -> bool:
        """Whether writing to `d` in this unit destroys nothing that is still to be read."""
        plan = frame.plan
        for v, storage in frame.env.items():
            if not isinstance(storage, Memory) or storage.ptr != d.ptr or v is taken:
                continue
            home = plan.home.get(v, v)
            last = max(plan.last.get(v, -1), plan.last.get(home, -1))
            if last > frame.unit:
                return False
            if last == frame.unit and not (
                unit.kind == KERNEL and self.same_index_only(frame, unit, v)
            ):
                return False
        return True

    def same_index_only(self, frame: Frame, unit: Unit, var: Var) -> bool:
        """Whether a kernel reads `var` only at the index it is about to write."""
        plan = frame.plan
        if var.type.shape != unit.space:  # type: ignore[union-attr]
            return False

        seen: set[int] = set()

        def check(eq: Equation) -> bool:
            if id(eq) in seen:  # found good, or the answer is no already
                return True
            seen.add(id(eq))
            for a in eq.inputs:
                if type(a) is not Var:
                    continue
                direct = eq.op.kind == ELEMENTWISE and a.type.shape == unit.space
                if a is var and not direct:
                    return False
                if a in plan.lazy:
                    if not (check(plan.producer[a]) if direct else not self.mentions(plan, a, var)):
                        return False
            return True

        return all(check(eq) for eq in unit.equations)

    def mentions(self, plan: Plan, lazy: Var, var: Var) -> bool:
        """Whether the inlined expression `lazy` reads the memory of `var`."""
        home = plan.home.get(var, var)
        stack, seen = [lazy], {lazy}
        while stack:
            for a in plan.producer[stack.pop()].inputs:
                if type(a) is not Var or a in seen:
                    continue
                if plan.home.get(a, a) is home:
                    return True
                seen.add(a)
                if a in plan.lazy:
                    stack.append(a)
        return False

    def take_over(
        self, frame: Frame, eq: Equation, unit: Unit, wanted: dict[Var, Memory]
    ) -> Memory:
        """Memory for an op that updates its input `alias`, with that input's value in it."""
        plan = frame.plan
        out = eq.outputs[0]
        a = eq.inputs[eq.op.alias]
        source = self.storage_of(frame, a)
        if isinstance(source, Memory) and type(a) is Var and not is_small(out.type):
            home = plan.home.get(a, a)
            dead = max(plan.last.get(a, -1), plan.last.get(home, -1)) <= frame.unit
            others = [x for k, x in enumerate(eq.inputs) if k != eq.op.alias]
            clash = any(
                type(x) is Var
                and (plan.home.get(x, x) is home or (x in plan.lazy and self.mentions(plan, x, a)))
                for x in others
            )
            unshared = not any(
                v is not a and v is not home and isinstance(s, Memory) and s.ptr == source.ptr
                and plan.last.get(v, -1) > frame.unit
                for v, s in frame.env.items()
            )  # fmt: skip
            if dead and not clash and unshared and source.mutable:
                if home in frame.owned:
                    frame.owned[out] = frame.owned.pop(home)
                return source
        d = wanted.get(out)
        if d is None or is_small(out.type) or not self.vacant(frame, unit, d, None):
            d = self.new_memory(frame, out)
        if isinstance(source, Memory):
            self.copy(d.ptr, source.ptr, out.type.size, out.type.dtype)
        else:
            src = Source(self, frame, a, fresh=True)
            self.nest(
                out.type.shape, lambda idx: self.store_at(d.ptr, out.type, idx, src.read(idx))
            )
        return d

    # reading -------------------------------------------------------------------------------------

    def literal(self, atom: Literal) -> Val:
        """A literal's value; float data comes from the pool, for it is not part of the code."""
        if self.pooled and pooled(atom):
            return self.convert(self.pooled[float(atom.value)], atom.type.dtype)
        return self.const(atom.value, atom.type.dtype)

    def storage_of(self, frame: Frame, atom: Atom) -> Storage:
        if type(atom) is Literal:
            return Scalar(self.literal(atom))
        storage = frame.env.get(atom)  # type: ignore[arg-type]
        if storage is None:
            return Inlined(frame.plan.producer[atom])  # type: ignore[index]
        return storage

    def memory_of(self, frame: Frame, atom: Atom) -> Memory:
        """The value in memory, put there now if it was not."""
        storage = self.storage_of(frame, atom)
        if isinstance(storage, Memory):
            return storage
        type: Any = atom.type
        ptr, block = self.allocate(max(type.size, 1) * type.dtype.itemsize)
        source = Source(self, frame, atom, fresh=True)
        self.nest(type.shape, lambda idx: self.store_at(ptr, type, idx, source.read(idx)))
        return Memory(ptr, block=None)

    def read(self, frame: Frame, atom: Atom, idx: Sequence[Val]) -> Val:
        """One element (per lane) of a value."""
        storage = self.storage_of(frame, atom)
        if type(storage) is Scalar:
            return storage.val
        key = self.memo_key(atom, idx)
        hit = frame.memo.get(key)
        if hit is not None:
            return hit[0]
        if type(storage) is Memory:
            if frame.flat:
                value = self.load(storage.ptr, idx[0], atom.type.dtype)  # type: ignore[union-attr]
            else:
                value = self.load_at(storage.ptr, atom.type, idx)  # type: ignore[arg-type]
        else:
            value = self.element(frame, storage.equation, idx)  # type: ignore[union-attr]
        frame.memo[key] = (value, idx)
        return value

    @staticmethod
    def memo_key(atom: Atom, idx: Sequence[Val]) -> tuple[Any, ...]:
        """What identifies an element within one block of straight-line code."""
        return (id(atom), *(i.known if i.known is not None else id(i) for i in idx))

    def element(self, frame: Frame, eq: Equation, idx: Sequence[Val]) -> Val:
        """One element of an elementwise or index-map equation."""
        outer = self.equation
        self.equation = eq
        if eq.op.kind == ELEMENTWISE:
            args = []
            ndim = len(idx)
            for a in eq.inputs:
                shape = a.type.shape  # type: ignore[union-attr]
                if frame.flat:
                    at = idx if not is_small(a.type) else []
                elif not shape:
                    at = []
                else:
                    at = [
                        self.const(0, int64) if n == 1 else i
                        for n, i in zip(shape, idx[ndim - len(shape) :], strict=True)
                    ]
                args.append(self.read(frame, a, at))
            value = eq.op.lower(self, *args, **eq.params)
        elif frame.flat and eq.op.reinterpret:
            value = self.read(frame, eq.inputs[0], idx)  # of a line, at the same position
        else:
            ins = [Source(self, frame, a) for a in eq.inputs]
            value = eq.op.lower(self, list(idx), ins, eq.outputs[0].type, **eq.params)
        self.equation = outer
        return value

    def linear(self, type: ArrayType, idx: Sequence[Val]) -> Val:
        """The row-major position of an index."""
        position, stride = None, type.size
        for n, i in zip(type.shape, idx, strict=True):
            stride //= max(n, 1)
            step = i if stride == 1 else self.mul(i, self.const(stride, int64))
            position = step if position is None else self.add(position, step)
        return self.const(0, int64) if position is None else position

    def load_at(self, ptr: str, type: ArrayType, idx: Sequence[Val]) -> Val:
        return self.load(ptr, self.linear(type, idx), type.dtype)

    def store_at(self, ptr: str, type: ArrayType, idx: Sequence[Val], value: Val) -> None:
        self.store(ptr, self.linear(type, idx), value)

    # sub-programs, calls -----------------------------------------------------------------------

    def program(
        self, program: Program, ins: Sequence[Any], outs: Sequence[Any] = ()
    ) -> list[Storage]:
        """Emit a sub-program here. `ins`: Sources or storages; `outs`: Dests, memories, None."""
        storages = [s.storage if isinstance(s, Source) else s for s in ins]
        dests = [d.memory if isinstance(d, Dest) else d for d in outs] or None
        saved, self.short_loop = self.short_loop, len(program.equations) <= SHORT
        try:
            return self.body(program, storages, dests)
        finally:
            self.short_loop = saved

    def call(self, symbol: str, args: Sequence[Any], returns: str = "void") -> Any:
        """Call an external function; BLAS on small operands without its threads.

        OpenBLAS wakes its threads for a fraction of a millisecond's work and lets them spin,
        which costs more than it gains, and everything if the cores are busy.
        """
        limit = THREADED_PRODUCT if symbol.endswith("gemm") else THREADED_BLAS
        if self.serial_blas or not is_blas(symbol) or self.blas_work() > limit:
            return super().call(symbol, args, returns)
        result = None

        def call() -> None:
            nonlocal result
            result = super(Emitter, self).call(symbol, args, returns)

        self.without_blas_threads(call)
        return result

    def without_blas_threads(self, body: Callable[[], None]) -> None:
        before = super().call("blas_get_num_threads", [], "i32")
        one = self.const(1, before.dtype)
        threaded = self.compare("ne", before, one)
        self.if_(threaded, lambda: self.set_blas_threads(one))
        saved, self.serial_blas = self.serial_blas, True
        body()
        self.serial_blas = saved
        self.if_(threaded, lambda: self.set_blas_threads(before))

    def in_pieces(self, n: int, ns: float, body: Callable[[Val, Val], None]) -> None:
        """Pieces in threads of ours, where BLAS would not use its own."""
        if self.blas_work() > THREADED_PRODUCT:
            body(self.const(0, int64), self.const(n, int64))
        else:
            self.without_blas_threads(lambda: super(Emitter, self).in_pieces(n, ns, body))

    def set_blas_threads(self, n: Val) -> None:
        super().call("blas_set_num_threads", [n])

    def blas_work(self) -> float:
        """About how many multiplications the present equation takes."""
        eq = self.equation
        assert eq is not None
        types = [a.type for a in (*eq.inputs, *eq.outputs) if isinstance(a.type, ArrayType)]
        shape = max((t.shape[-2:] for t in types if t.ndim > 1), key=np.prod, default=(1, 1))
        return float(np.prod(shape)) * max(shape)
