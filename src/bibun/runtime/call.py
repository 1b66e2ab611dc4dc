"""Calling a native function with NumPy arrays.

`NativeCall` allocates the outputs, passes addresses, and turns a status into an exception.
The GIL is released while native code runs. Calls may run in many threads at once and
re-enter one another; each owns a `Context` for as long as it lasts.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from bibun.config import config
from bibun.ir.types import ArrayType, RaggedType
from bibun.runtime import context as contexts
from bibun.runtime import plan as plans
from bibun.runtime.context import Callback, acquire, release
from bibun.runtime.entry import entry_is_due
from bibun.runtime.failures import Failure, raise_status
from bibun.runtime.layout import measure
from bibun.runtime.ragged import discard

_PORTABLE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

_BUILTIN = type(len)


def call_limits() -> tuple[int, int]:
    """Threads and bytes of tapes that one call may use."""
    return config.read("num_threads") or _CORES, config.read("ragged_memory_limit")


def _prepared(array: np.ndarray) -> np.ndarray:
    """The array itself where native code can read it, else a copy."""
    flags = array.flags
    if type(array) is np.ndarray and flags.c_contiguous and flags.aligned:
        return array
    return np.array(array, order="C")


def _addresses(arrays: Sequence[np.ndarray]) -> Any:
    """A C array of where their data is.

    Asking NumPy makes a dict for each: half the time of a call with many arrays.
    """
    known = measure()
    if known is None:
        found = [a.__array_interface__["data"][0] for a in arrays]
    else:
        at = known["array_data"]
        found = [ctypes.c_size_t.from_address(id(a) + at).value for a in arrays]
    return (ctypes.c_void_p * len(found))(*found)


_decref = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_DecRef", ctypes.pythonapi))


def _taken(struct: contexts.CtxStruct) -> list[np.ndarray]:
    """The results that the native entry left in the ctx of a failed call."""
    kept, struct.outputs = struct.outputs, None
    if not kept:
        raise MemoryError("no memory for the results of a failed call")
    outputs = ctypes.cast(kept, ctypes.py_object).value
    _decref(outputs)
    return outputs


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
        "_lists", "_entry", "_function",
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
        self.callbacks = callbacks if callbacks else ()
        self.limits = limits
        self._lists = [k for k, t in enumerate(self.out_types) if isinstance(t, RaggedType)]
        self._function = _PORTABLE(native.address)
        self._entry: Any = 0  # calls so far; later the entry, or None where there is none

    def _plan(self) -> Any | None:
        """The entry from lists of arrays to lists of arrays."""
        steps = plans.raw_steps(len(self.in_types))
        return self.plan(steps, plans.list_steps(len(self.out_types)), [])

    def plan(
        self,
        steps: list[Any],
        build: list[Any],
        keep: list[Any],
        first: Sequence[np.ndarray] = (),
        last: Sequence[np.ndarray] = (),
    ) -> Any | None:
        """An entry of this function for other forms of arguments and results; None if there
        is none. Its results must go through `failed` where they are an int."""
        outs = plans.output_steps(self.out_types, keep)
        try:
            return plans.Plan(
                self.native.address, steps, outs, build, (keep, self.native),
                [_prepared(a) for a in first], [_prepared(a) for a in last],
                self.callbacks or None, bool(self._lists),
            ).call  # fmt: skip
        except plans.NoPlan:
            return None

    def __call__(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        if len(arrays) != len(self.in_types):
            raise TypeError(f"expected {len(self.in_types)} arrays, got {len(arrays)}")
        entry = self._entry
        if type(entry) is not _BUILTIN:
            if type(entry) is int:
                size = 8 + len(arrays) + len(self.out_types)  # a call costs as much as 8 arrays
                self._entry = self._plan() if entry_is_due(entry + 1, size) else entry + 1
            return self._portable(arrays)
        limits = call_limits() if self.limits else ()
        outputs = entry(arrays, *limits)
        if outputs is None:
            release(acquire())  # there may be none idle
            arrays = [_prepared(a) for a in arrays]
            outputs = entry(arrays, *limits)
            if outputs is None:
                return self._portable(arrays)
        if type(outputs) is int:
            self.failed(outputs)
        return outputs

    def failed(self, address: int) -> NoReturn:
        """Raise what the call in the `ctx` at this address ended with."""
        context = contexts.context_at(address)
        try:
            if self._lists:
                self._discard(_taken(context.struct))
            raise_status(context.struct.status, context, self.failures)
        finally:
            release(context)

    def _discard(self, outputs: Any) -> None:
        for k in self._lists:
            discard(outputs[k], self.out_types[k])  # type: ignore[arg-type]

    def _portable(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The way through ctypes, which needs no native entry."""
        arrays = [_prepared(a) for a in arrays]
        outputs = [
            np.zeros(3, np.int64) if isinstance(t, RaggedType) else np.empty(t.shape, t.dtype)
            for t in self.out_types
        ]
        ins, outs = _addresses(arrays), _addresses(outputs)
        context = acquire()
        try:
            context.start()
            struct = context.struct
            struct.callbacks = id(self.callbacks)
            struct.thread_count, struct.ragged_limit = call_limits()
            status = self._function(
                context.address, ctypes.addressof(ins), ctypes.addressof(outs)
            )
            if status:
                self._discard(outputs)
                raise_status(status, context, self.failures)
        finally:
            release(context)
        return outputs
