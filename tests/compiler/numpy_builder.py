"""The value part of the Builder protocol, evaluated with NumPy arrays: a second way.

Kernels run on whole arrays at once, without the emitter or LLVM's optimiser, so a result
that differs from the compiled one points at the compiler, and one that does not at the
kernel. `fma` alone is native (NumPy has none), as one tiny LLVM loop.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.compiler.engine import compile_module
from bibun.compiler.vecmath import KERNELS

_COMPARE = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip

_FMA = """
declare {t} @llvm.fma.{s}({t}, {t}, {t})
define void @fma(ptr %x, ptr %y, ptr %z, ptr %o, i64 %n) {{
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %j, %body ]
  %go = icmp slt i64 %i, %n
  br i1 %go, label %body, label %done
body:
  %px = getelementptr {t}, ptr %x, i64 %i
  %py = getelementptr {t}, ptr %y, i64 %i
  %pz = getelementptr {t}, ptr %z, i64 %i
  %po = getelementptr {t}, ptr %o, i64 %i
  %a = load {t}, ptr %px
  %b = load {t}, ptr %py
  %c = load {t}, ptr %pz
  %r = call {t} @llvm.fma.{s}({t} %a, {t} %b, {t} %c)
  store {t} %r, ptr %po
  %j = add i64 %i, 1
  br label %head
done:
  ret void
}}
"""


@functools.cache
def _native_fma(dtype: np.dtype) -> tuple[Any, Any]:
    names = {"t": "double", "s": "f64"} if dtype.itemsize == 8 else {"t": "float", "s": "f32"}
    native = compile_module(_FMA.format(**names), "fma")
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, ctypes.c_int64)
    return kind(native.address), native


class NumpyBuilder:
    """Vals are arrays."""

    def const(self, value: Any, dtype: Any) -> np.ndarray:
        return np.asarray(value, dtype)

    def add(self, x: Any, y: Any) -> np.ndarray:
        return x + y

    def sub(self, x: Any, y: Any) -> np.ndarray:
        return x - y

    def mul(self, x: Any, y: Any) -> np.ndarray:
        return x * y

    def div(self, x: Any, y: Any) -> np.ndarray:
        return x / y

    def neg(self, x: Any) -> np.ndarray:
        return -x

    def abs(self, x: Any) -> np.ndarray:
        return np.abs(x)

    def sqrt(self, x: Any) -> np.ndarray:
        return np.sqrt(x)

    def rint(self, x: Any) -> np.ndarray:
        return np.rint(x)

    def floor(self, x: Any) -> np.ndarray:
        return np.floor(x)

    def copysign(self, x: Any, y: Any) -> np.ndarray:
        return np.copysign(x, y)

    def fma(self, x: Any, y: Any, z: Any) -> np.ndarray:
        x, y, z = (np.ascontiguousarray(v) for v in np.broadcast_arrays(x, y, z))
        out = np.empty_like(x)
        _native_fma(x.dtype)[0](*(v.ctypes.data for v in (x, y, z, out)), x.size)
        return out

    def compare(self, how: str, x: Any, y: Any) -> np.ndarray:
        return _COMPARE[how](x, y)

    def select(self, cond: Any, x: Any, y: Any) -> np.ndarray:
        return np.where(cond, x, y)

    def usually(self, fast: Any, unless: Callable[[], Any], slow: Callable[[], Any]) -> Any:
        return slow()

    def rare(self, cond: Any, slow: Callable[[], Any], fast: Any) -> Any:
        return tuple(np.where(cond, s, f) for s, f in zip(slow(), fast, strict=True))

    def repeat(self, most: int, step: Callable[..., Any], state: Any, active: Any) -> Any:
        shape = np.broadcast_shapes(np.shape(active), *map(np.shape, state))
        state, active = [np.broadcast_to(s, shape) for s in state], np.broadcast_to(active, shape)
        for k in range(most):
            if not active.any():
                break
            new, go_on = step(np.int64(k), *state)
            state = [np.where(active, n, s) for n, s in zip(new, state, strict=True)]
            active = active & go_on
        return tuple(state)

    def bit_and(self, x: Any, y: Any) -> np.ndarray:
        return x & y

    def bit_or(self, x: Any, y: Any) -> np.ndarray:
        return x | y

    def bit_xor(self, x: Any, y: Any) -> np.ndarray:
        return x ^ y

    def bit_not(self, x: Any) -> np.ndarray:
        return ~x

    def shift_left(self, x: Any, y: Any) -> np.ndarray:
        return x << y

    def shift_right_logical(self, x: Any, y: Any) -> np.ndarray:
        unsigned = np.dtype(f"u{x.dtype.itemsize}")
        return (x.view(unsigned) >> y.astype(unsigned)).view(x.dtype)

    def bitcast(self, x: Any, dtype: np.dtype) -> np.ndarray:
        return np.asarray(x).view(dtype)

    def convert(self, x: Any, dtype: np.dtype) -> np.ndarray:
        return np.asarray(x).astype(dtype)

    def table(self, values: Any, dtype: np.dtype, index: Any) -> np.ndarray:
        return np.asarray(values, dtype)[index]  # raises where out of range

    def math(self, name: str, *xs: Any) -> np.ndarray:
        return KERNELS[name](self, *xs)


def evaluate(name: str, *xs: Any) -> np.ndarray:
    """A kernel over arrays, by NumPy."""
    with np.errstate(all="ignore"):
        return KERNELS[name](NumpyBuilder(), *xs)
