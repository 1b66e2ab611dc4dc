"""Ways out of a native call, and to Python in its middle.

A failing check stores which equation it was and a few numbers, and jumps to the function's one
exit with a status; so do a callback that raised and a Ctrl-C found while polling. Loops
count their estimated time down in `ctx.poll_countdown` and visit Python when it is up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.compiler.text import llvm_type
from bibun.compiler.values import Val, ValueBuilder
from bibun.dtypes import int64
from bibun.runtime import context as abi


class ExitEmitter(ValueBuilder):
    """Failures, callbacks and polling."""

    status: str
    equation: Any
    ordinals: dict[int, int]
    slots: dict[int, int]
    store: Any
    disband: Any

    def fail(self, cond: Val, *payload: Val) -> None:
        """Where `cond` holds: record this equation and the payload, and leave the call."""
        if cond.known is not None and not cond.known:
            return
        fn = self.fn
        bad, on = fn.label("fail"), fn.label("on")
        fn.branch(self.any(cond).name, bad, on)
        fn.block(bad)
        lane = self.first_lane(cond)
        shown = payload[: abi.PAYLOAD_SIZE]
        for k, p in enumerate(shown):
            self.store_payload(k, self.dynamic_lane(p, lane))
        if len(shown) < abi.PAYLOAD_SIZE:
            fn.emit(f"store i8 0, ptr {self.field('payload_kind', len(shown))}")
        assert self.equation is not None
        self.leave("FAILED", self.ordinals[id(self.equation)])
        fn.block(on)

    def field(self, name: str, k: int | None = None) -> str:
        """The address of a field of the call's context (element k of an array field)."""
        at = f", i32 {k}" if k is not None else ""
        return self.fn.assign(
            f"getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {abi.FIELDS[name]}{at}"
        )

    def leave(self, status: str, ordinal: int = 0) -> None:
        """End the block by leaving the call with a status."""
        self.fn.emit(f"store i32 {ordinal}, ptr {self.field('equation')}")
        self.fn.emit(f"store i32 {abi.STATUS[status]}, ptr {self.status}")
        self.fn.jump("exit")

    def store_payload(self, k: int, value: Val) -> None:
        """One number for the error message, with its kind beside it."""
        kind = value.dtype.kind
        value = self.real(value) if kind == "c" else value
        code = {"f": abi.PAYLOAD_FLOAT, "c": abi.PAYLOAD_FLOAT, "b": abi.PAYLOAD_BOOL,
                "u": abi.PAYLOAD_UINT}.get(kind, abi.PAYLOAD_INT)  # fmt: skip
        dtype = np.dtype(np.float64) if kind in "fc" else int64
        self.store(self.field("payload", k), 0, self.convert(value, dtype))
        self.fn.emit(f"store i8 {code}, ptr {self.field('payload_kind', k)}")

    def first_lane(self, cond: Val) -> Val:
        if cond.width == 1:
            return self.const(0, int64)
        w = cond.width
        bits = self.fn.assign(f"bitcast <{w} x i1> {cond.name} to i{w}")
        wide = self.fn.assign(f"zext i{w} {bits} to i64")
        return self.intrinsic("cttz", Val(wide, int64))

    def dynamic_lane(self, x: Val, lane: Val) -> Val:
        if x.width == 1:
            return x
        if x.dtype.kind == "c":
            return self.complex(self.dynamic_lane(x.re, lane), self.dynamic_lane(x.im, lane))
        x = self.wide(x, x.width)
        t = llvm_type(x.dtype, x.width)
        return self._new(f"extractelement {t} {x.name}, i64 {lane.name}", x.dtype, 1)

    def callback(self, op: Any, ins: Sequence[Any], outs: Sequence[Any], params: dict) -> None:
        """Run the op's `eval` in Python on arrays in native memory."""
        assert self.equation is not None
        ordinal = self.ordinals[id(self.equation)]
        slot = self.slots[ordinal]
        fn = self.fn
        tables = []
        for group in (ins, outs):
            table = fn.alloca(f"[{max(len(group), 1)} x ptr]")
            for k, s in enumerate(group):
                p = fn.assign(f"getelementptr ptr, ptr {table}, i64 {k}")
                fn.emit(f"store ptr {s.ptr}, ptr {p}")
            tables.append(table)
        fn.emit(f"store i64 {slot}, ptr {self.field('callback_slot')}")
        fn.emit(f"store ptr {tables[0]}, ptr {self.field('callback_ins')}")
        fn.emit(f"store ptr {tables[1]}, ptr {self.field('callback_outs')}")
        self.disband()
        target = fn.assign(f"load ptr, ptr {self.field('callback')}")
        fn.assign(f"call i32 {target}(ptr %ctx)")
        left = fn.assign(f"load i64, ptr {self.field('callback_slot')}")
        bad = fn.assign(f"icmp ne i64 {left}, {abi.CALLED}")
        failed, on = fn.label("raised"), fn.label("on")
        fn.branch(bad, failed, on)
        fn.block(failed)
        self.leave("CALLBACK_ERROR", ordinal)
        fn.block(on)

    def poll(self, nanoseconds: int = 100) -> None:
        """Let Ctrl-C through: counts the time down, and when it is up calls back to Python."""
        fn = self.fn
        p = self.field("poll_countdown")
        before = fn.assign(f"load i64, ptr {p}")
        after = fn.assign(f"sub i64 {before}, {nanoseconds}")
        fn.emit(f"store i64 {after}, ptr {p}")
        due = fn.assign(f"icmp sle i64 {after}, 0")
        ask, stop, on = fn.label("poll"), fn.label("stop"), fn.label("on")
        fn.branch(due, ask, on)
        fn.block(ask)
        self.disband()
        target = fn.assign(f"load ptr, ptr {self.field('poll')}")
        code = fn.assign(f"call i32 {target}(ptr %ctx)")
        interrupted = fn.assign(f"icmp ne i32 {code}, 0")
        fn.branch(interrupted, stop, on)
        fn.block(stop)
        self.leave("INTERRUPTED")
        fn.block(on)
