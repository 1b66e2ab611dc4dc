"""What a vector of lanes does together: rare paths, loops to each lane's end, kernels.

`rare` jumps over code that no lane needs; `repeat` is a loop whose lanes stop one by one, the
rest frozen, until none is left or the limit is reached. Series and continued fractions of the
special functions are such loops: bounded, total, and as short as the slowest lane of the block.
`math` calls a kernel of vector math as a function, made once per module, dtype and width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bibun.compiler.text import Function, llvm_type
from bibun.dtypes import bool_, int64

if TYPE_CHECKING:
    from bibun.compiler.values import Val


class Masked:
    """The part of `ValueBuilder` in which lanes differ."""

    short_loop = False  # whether what is emitted is the body of a loop, and short

    def rare(self, cond: Val, slow: Callable[[], Any], fast: Any) -> Any:
        """`slow()` in the lanes where `cond`, else `fast`; `slow` is skipped if none is.

        `fast`, and then also what `slow` returns, may be a tuple of Vals.
        """
        if not isinstance(fast, tuple):
            return self.rare(cond, lambda: (slow(),), (fast,))[0]
        before, body, after = (self.fn.label(p) for p in ("rare", "slow", "merge"))
        self.fn.jump(before)
        self.fn.block(before)
        some = self.any(cond)
        fast = [self.wide(f, max(cond.width, f.width)) for f in fast]
        self.fn.branch(some.name, body, after, rare=True)
        self.fn.block(body)
        merged = [self.select(cond, s, f) for s, f in zip(slow(), fast, strict=True)]
        last = self.fn.label("slowend")
        self.fn.jump(last)
        self.fn.block(last)
        self.fn.jump(after)
        self.fn.block(after)
        return tuple(
            self._new(
                f"phi {llvm_type(m.dtype, m.width)} "
                f"[ {m.name}, %{last} ], [ {self.wide(f, m.width).name}, %{before} ]",
                m.dtype,
                m.width,
            )
            for m, f in zip(merged, fast, strict=True)
        )

    def usually(self, fast: Val, unless: Callable[[], Val], slow: Callable[[], Val]) -> Val:
        """`slow()`, which equals `fast` where not `unless()`, and nearly everywhere.

        As a rule that is `slow`, without a jump. But scalars in a short loop are links of a
        chain: the next turn waits for `fast` alone, and the processor guesses the rest.
        """
        if not self.short_loop or fast.width > 1 or fast.dtype.kind == "c":
            return slow()
        return self.rare(unless(), slow, fast)

    def repeat(
        self, most: int, step: Callable[..., tuple[Any, Any]], state: tuple[Val, ...], active: Val
    ) -> tuple[Val, ...]:
        """`state` after steps in the lanes of `active`, each until its own end.

        `step(k, *state)` gives the new state and a condition to go on; a lane takes at most
        `most` steps. k counts them, an int64 for all lanes.
        """
        w = max(active.width, *(s.width for s in state))
        state = tuple(self.wide(s, w) for s in state)
        active = self.wide(active, w)
        before, head, latch, after = (
            self.fn.label(p) for p in ("before", "step", "latch", "stepped")
        )
        some = self.any(active)
        self.fn.jump(before)
        self.fn.block(before)
        self.fn.branch(some.name, head, after)
        self.fn.block(head)
        names = [self.fn.fresh("s") for _ in range(len(state) + 2)]
        at = len(self.fn.lines)  # the phis go here, once the values of the latch are known
        k, mask = self._named(names[0], int64, 1), self._named(names[1], bool_, w)
        old = [self._named(n, s.dtype, w) for n, s in zip(names[2:], state, strict=True)]
        stepped, go_on = step(k, *old)
        new = [self.select(mask, self.wide(s, w), o) for s, o in zip(stepped, old, strict=True)]
        left = self.wide(self.bit_and(mask, go_on), w)
        following = self._new(f"add i64 {k.name}, 1", int64, 1)
        more = self.bit_and(
            self.any(left), self._new(f"icmp slt i64 {following.name}, {most}", bool_, 1)
        )
        self.fn.jump(latch)
        self.fn.block(latch)
        self.fn.branch(more.name, head, after)
        starts = [(k, "0", following), (mask, active.name, left)]
        starts += [(o, s.name, n) for o, s, n in zip(old, state, new, strict=True)]
        self.fn.lines[at:at] = [
            f"  {v.name} = phi {llvm_type(v.dtype, v.width)} "
            f"[ {first}, %{before} ], [ {last.name}, %{latch} ]"
            for v, first, last in starts
        ]
        self.fn.block(after)
        return tuple(
            self._new(
                f"phi {llvm_type(s.dtype, w)} [ {s.name}, %{before} ], [ {n.name}, %{latch} ]",
                s.dtype,
                w,
            )
            for s, n in zip(state, new, strict=True)
        )

    def _named(self, name: str, dtype: np.dtype, width: int) -> Val:
        from bibun.compiler.values import Val

        if width == 1:
            self.fn.types[name] = llvm_type(dtype)
        return Val(name, dtype, width)

    # tables and vector math ------------------------------------------------------------------

    def table(self, values: Sequence[Any], dtype: Any, index: Val) -> Val:
        """`values[index]` from a constant table; the index must be in range."""
        dtype = np.dtype(dtype)
        name = self.module.table(values, dtype)
        t = llvm_type(dtype)
        index = self.convert(index, int64)
        w = index.width
        if w == 1:
            p = self.fn.assign(f"getelementptr {t}, ptr {name}, i64 {index.name}")
            return self._new(f"load {t}, ptr {p}", dtype, 1)
        index = self.wide(index, w)
        p = self.fn.assign(f"getelementptr {t}, ptr {name}, <{w} x i64> {index.name}")
        vt = llvm_type(dtype, w)
        suffix = f"v{w}{dtype.kind}{8 * dtype.itemsize}.v{w}p0"
        f = self.module.declare(
            f"llvm.masked.gather.{suffix}", f"{vt} (<{w} x ptr>, i32, <{w} x i1>, {vt})"
        )
        mask = f"<{w} x i1> splat (i1 true)"
        return self._new(
            f"call {vt} {f}(<{w} x ptr> {p}, i32 {dtype.itemsize}, {mask}, {vt} poison)", dtype, w
        )

    def math(self, name: str, *xs: Val) -> Val:
        """Call the vector math kernel `name`, made once per module, dtype and width.

        Kernels that are parts of one computation are one function with several results;
        LLVM merges its calls on equal arguments and drops results that nobody asks for.
        """
        from bibun.compiler.vecmath import KERNELS

        ys, w = self.unify(*xs)
        dtype = ys[0].dtype
        kernel = KERNELS[name]
        family, count, index = getattr(kernel, "part", (name, 1, 0))
        symbol = f"@bm.{family}.{dtype.str[1:]}.v{w}"
        t = llvm_type(dtype, w)
        result = t if not hasattr(kernel, "part") else "{" + ", ".join([t] * count) + "}"
        key = (family, dtype.str, w)
        if key not in self.module.math:
            self.module.math[key] = None  # a kernel may call others, not itself
            emit = getattr(kernel, "whole", kernel)
            self.module.math[key] = self._define_math(emit, symbol, result, dtype, w, len(ys))
        made = self.module.math[key]
        args = ", ".join(f"{t} {y.name}" for y in ys)
        call = f"call {result} {symbol}({args})"
        whole = self.fn.assigned(call) if hasattr(kernel, "part") else None  # by the other part
        if whole is None and made is not None:
            made.uses += 1
        if hasattr(kernel, "part"):
            call = f"extractvalue {result} {whole or self.fn.assign(call)}, {index}"
        return self._new(call, dtype, w)

    def _define_math(
        self, emit: Callable[..., Any], symbol: str, result: str, dtype: np.dtype, w: int,
        arity: int,
    ) -> Function:  # fmt: skip
        from bibun.compiler.values import Val, ValueBuilder

        t = llvm_type(dtype, w)
        params = ", ".join(f"{t} %x{k}" for k in range(arity))
        fn = self.module.function(
            f"define internal {result} {symbol}({params}) nounwind willreturn nosync memory(none)"
        )
        b = ValueBuilder(self.module, fn, w)
        outs = emit(b, *(Val(f"%x{k}", dtype, w) for k in range(arity)))
        if not isinstance(outs, list):
            fn.emit(f"ret {result} {b.wide(outs, w).name}")
            return fn
        made = "poison"
        for k, out in enumerate(outs):
            made = fn.assign(f"insertvalue {result} {made}, {t} {b.wide(out, w).name}, {k}")
        fn.emit(f"ret {result} {made}")
        return fn
