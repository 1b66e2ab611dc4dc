"""A kernel mapped over arrays: for tests and for the table of errors."""

from __future__ import annotations

import numpy as np

from bibun.compiler.text import Module, llvm_type
from bibun.compiler.values import Val, ValueBuilder


def map_function(name: str, kernel: str, dtype: np.dtype, width: int, arity: int = 1) -> str:
    """IR text of `void name(ptr* args, ptr out, i64 n)`: a kernel over arrays; for tests."""
    module = Module()
    t = llvm_type(dtype)
    params = ", ".join(f"ptr %p{k}" for k in range(arity))
    fn = module.function(f"define void @{name}({params}, ptr %out, i64 %n)")
    b = ValueBuilder(module, fn, width)
    fn.emit("br label %head")
    fn.block("head")
    fn.emit("%i = phi i64 [ 0, %entry ], [ %next, %latch ]")
    fn.emit("%go = icmp slt i64 %i, %n")
    fn.branch("%go", "body", "done")
    fn.block("body")
    vt = llvm_type(dtype, width)
    xs = []
    for k in range(arity):
        p = fn.assign(f"getelementptr {t}, ptr %p{k}, i64 %i")
        xs.append(Val(fn.assign(f"load {vt}, ptr {p}, align {dtype.itemsize}"), dtype, width))
    y = b.math(kernel, *xs)
    q = fn.assign(f"getelementptr {t}, ptr %out, i64 %i")
    fn.emit(f"store {vt} {y.name}, ptr {q}, align {dtype.itemsize}")
    fn.jump("latch")
    fn.block("latch")
    fn.emit(f"%next = add i64 %i, {width}")
    fn.jump("head")
    fn.block("done")
    fn.emit("ret void")
    return module.text()
