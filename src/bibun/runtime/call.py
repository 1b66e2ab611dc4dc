"""Calling a native function with NumPy arrays.

`NativeCall` allocates the outputs, passes addresses, and turns a status into an exception.
The GIL is released while native code runs. Calls may run in many threads at once and
re-enter one another; each owns a `Context` from the pool for as long as it lasts.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bibun.config import config
from bibun.ir.types import ArrayType, RaggedType
from bibun.runtime.context import Callback, acquire, release
from bibun.runtime.entry import CallPlan, fast_entry
from bibun.runtime.failures import Failure, raise_status
from bibun.runtime.ragged import discard

_PORTABLE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _prepared(array: np.ndarray) -> np.ndarray:
    """The array itself where native code can read it, else a copy."""
    flags = array.flags
    if flags.c_contiguous and flags.aligned:
        return array
    return array.copy(order="C")


class NativeCall:
    """`call(arrays) -> new arrays`: a native function with the types of what goes in and out.

    `native`: a `NativeFunction` with the entry `i32 f(ptr ctx, ptr inputs, ptr outputs)`.
    `out_types`: shapes and dtypes of the outputs, which are allocated here, uninitialised.
    `failures`: what the ordinals in `ctx.equation` stand for. `callbacks`: the numbered
    slots. `limits`: False if the code neither grows tapes nor starts threads.

    The caller vouches for shapes and dtypes; arrays that are not contiguous or not aligned
    are copied. Inputs are never written. Ragged lists go in and come out as their handles
    (`bibun.runtime.ragged`).
    """

    __slots__ = (
        "native", "in_types", "out_types", "failures", "callbacks", "limits",
        "_count", "_lists", "_shapes", "_plan", "_plan_address", "_entry", "_function",
    )  # fmt: skip

    def __init__(
        self,
        native: Any,
        in_types: Sequence[ArrayType],
        out_types: Sequence[ArrayType],
        failures: Mapping[int, Failure] | None = None,
        callbacks: Sequence[Callback] = (),
        limits: bool = True,
    ) -> None:
        self.native = native
        self.in_types = tuple(in_types)
        self.out_types = tuple(out_types)
        self.failures = {k: Failure(*v) for k, v in (failures or {}).items()}
        self.callbacks = tuple(callbacks)
        self.limits = limits
        self._count = len(self.in_types) + len(self.out_types)
        self._lists = [k for k, t in enumerate(self.out_types) if isinstance(t, RaggedType)]
        handle = (3,), np.dtype(np.int64)
        self._shapes = [
            handle if isinstance(t, RaggedType) else (t.shape, t.dtype) for t in self.out_types
        ]
        self._plan = CallPlan(native.address, len(self.in_types), len(self.out_types))
        self._plan_address = ctypes.addressof(self._plan)
        self._function = _PORTABLE(native.address)
        self._entry = fast_entry()

    def __call__(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        if len(arrays) != len(self.in_types):
            raise TypeError(f"expected {len(self.in_types)} arrays, got {len(arrays)}")
        empty = np.empty
        outputs = [empty(shape, dtype) for shape, dtype in self._shapes]
        for k in self._lists:
            outputs[k][:] = 0
        context = acquire()
        try:
            if context.capacity < self._count:
                context.reserve(self._count)
            if self.limits:
                self._set_limits(context.struct)
            if self.callbacks:
                context.callbacks = self.callbacks
            entry = self._entry
            if entry is None:
                status = self._portable(context, arrays, outputs)
            else:
                status = entry(self._plan_address, context.address, arrays, outputs)
                if status < 0:
                    arrays = [_prepared(a) for a in arrays]
                    status = entry(self._plan_address, context.address, arrays, outputs)
            if status:
                for k in self._lists:
                    discard(outputs[k], self.out_types[k])  # type: ignore[arg-type]
                raise_status(status, context, self.failures)
        finally:
            release(context)
        return outputs

    @staticmethod
    def _set_limits(struct: Any) -> None:
        struct.ragged_limit = config.read("ragged_memory_limit")
        struct.thread_count = config.read("num_threads") or _CORES

    def _portable(
        self, context: Any, arrays: list[np.ndarray], outputs: list[np.ndarray]
    ) -> int:
        """The way that asks NumPy for addresses and assumes no object layout."""
        context.start()
        arrays = [_prepared(a) for a in arrays]
        pointers = context._pointers
        for i, a in enumerate((*arrays, *outputs)):
            pointers[i] = a.__array_interface__["data"][0]
        ins = context.struct.pointers
        return self._function(context.address, ins, ins + 8 * len(arrays))
