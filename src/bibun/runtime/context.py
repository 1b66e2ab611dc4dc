"""`ctx`: what a native call and Python share while the call runs.

Native code gets a pointer to this struct as its first argument. It writes status, equation
and payload when it fails; it counts down and calls `poll` in long loops; it calls
`callback` to run Python code in the middle. Both are called as `i32 (ptr ctx)`, and a
result other than 0 means: leave with the status `INTERRUPTED` or `CALLBACK_ERROR`.

Each call in progress owns one `Context`; idle ones wait in a list, so calls may run in many
threads and re-enter one another. Forked children own copies of them.

Python runs signal handlers when bytecode starts, *before* a function's own `try`, and an
exception that leaves a ctypes callback is lost. So poll and callback are not functions:
they resume a generator, which is suspended inside its `try`, and no Ctrl-C gets past it.

Polling aims at one visit to Python in 50 ms: the time between visits is measured, and the
countdown for the next stretch set from it. A unit of the countdown is about a nanosecond of
work; the emitter takes off an estimate for each turn of an outer loop.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from bibun.ir.types import ArrayType

# Status codes.
OK, FAILED, INTERRUPTED, CALLBACK_ERROR, OUT_OF_MEMORY, RAGGED_LIMIT, NONFINITE = range(7)
STATUS = {
    "OK": OK, "FAILED": FAILED, "INTERRUPTED": INTERRUPTED, "CALLBACK_ERROR": CALLBACK_ERROR,
    "OUT_OF_MEMORY": OUT_OF_MEMORY, "RAGGED_LIMIT": RAGGED_LIMIT, "NONFINITE": NONFINITE,
}  # fmt: skip

# What a payload element is: its 64 bits are to be read as one of these.
PAYLOAD_NONE, PAYLOAD_INT, PAYLOAD_FLOAT, PAYLOAD_BOOL, PAYLOAD_UINT = range(5)
PAYLOAD_SIZE = 8

# What a callback leaves in `callback_slot` when it ends well. Its result cannot say that: where
# Python's stack ends at the very call, ctypes prints the error and returns anything.
CALLED = -1

POLL_START = 1 << 20  # units before the first poll: about a millisecond
POLL_SECONDS = 0.05


class CtxStruct(ctypes.Structure):
    """The memory layout of `ctx`; `LLVM_TYPE` and `FIELDS` say the same to the emitter."""

    _fields_ = (
        ("status", ctypes.c_int32),
        ("equation", ctypes.c_int32),  # ordinal of the failing equation
        ("payload", ctypes.c_int64 * PAYLOAD_SIZE),
        ("payload_kind", ctypes.c_int8 * PAYLOAD_SIZE),
        ("callback", ctypes.c_void_p),  # i32 (ptr ctx), reads the three fields below
        ("callback_slot", ctypes.c_int64),
        ("callback_ins", ctypes.c_void_p),
        ("callback_outs", ctypes.c_void_p),
        ("poll", ctypes.c_void_p),  # i32 (ptr ctx), sets poll_countdown
        ("poll_countdown", ctypes.c_int64),
        ("interrupt", ctypes.c_int32),  # set when the call is to be left, for its threads
        ("thread_count", ctypes.c_int32),
        ("ragged_limit", ctypes.c_int64),  # bytes
        ("ragged_used", ctypes.c_int64),
        ("arena", ctypes.c_void_p),  # a block kept between calls; its first word is its size
        ("polls", ctypes.c_int64),  # of this call so far: 0 or 1
        ("callbacks", ctypes.c_void_p),  # the Python sequence of `Callback`s of the program
        ("outputs", ctypes.c_void_p),  # results of a failed call, where these are kept
    )


_LLVM = {
    ctypes.c_int32: "i32", ctypes.c_int64: "i64", ctypes.c_void_p: "ptr",
    ctypes.c_int64 * PAYLOAD_SIZE: f"[{PAYLOAD_SIZE} x i64]",
    ctypes.c_int8 * PAYLOAD_SIZE: f"[{PAYLOAD_SIZE} x i8]",
}  # fmt: skip
# The struct for the emitter, and the number of each field for getelementptr.
LLVM_TYPE = f"%bibun.ctx = type {{ {', '.join(_LLVM[t] for _, t in CtxStruct._fields_)} }}"
FIELDS = {name: i for i, (name, _) in enumerate(CtxStruct._fields_)}

_PYTHON_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)


class Callback:
    """A Python function that native code may call through a numbered slot.

    `function(*arrays)` gets copies of the inputs (read-only) and returns one array for each
    of `out_types` (a sequence; None where there are none). Native code passes pointers to
    contiguous memory of these types.
    """

    __slots__ = ("function", "in_types", "out_types")

    def __init__(
        self,
        function: Callable[..., Sequence[Any] | None],
        in_types: Sequence[ArrayType],
        out_types: Sequence[ArrayType],
    ) -> None:
        self.function = function
        self.in_types = tuple(in_types)
        self.out_types = tuple(out_types)

    def run(self, ins: int, outs: int) -> None:
        """Call the function on the memory at the addresses in the tables `ins` and `outs`."""
        args = []
        for address, t in zip(_table(ins, len(self.in_types)), self.in_types, strict=True):
            data = (ctypes.c_char * (t.size * t.dtype.itemsize)).from_address(address).raw
            array = np.frombuffer(data, t.dtype) if data else np.zeros(t.size, t.dtype)
            args.append(array.reshape(t.shape))
        results = self.function(*args)
        results = () if results is None else tuple(results)
        if len(results) != len(self.out_types):
            raise TypeError(
                f"a callback must return {len(self.out_types)} arrays, it returned {len(results)}"
            )
        for address, t, result in zip(
            _table(outs, len(results)), self.out_types, results, strict=True
        ):
            array = np.asarray(result, dtype=t.dtype, order="C")
            if array.shape != t.shape:
                raise ValueError(f"a callback must return {t}, it returned shape {array.shape}")
            if array.nbytes:
                memory = (ctypes.c_char * array.nbytes).from_address(address)
                np.frombuffer(memory, t.dtype).reshape(t.shape)[...] = array


def _table(address: int, count: int) -> list[int]:
    return list((ctypes.c_void_p * count).from_address(address)) if count else []


class Context:
    """One `ctx` struct with the Python side of its callbacks."""

    __slots__ = (
        "struct", "address", "exception", "_generators", "_entries", "_callbacks", "_polled_at",
        "_stretch",
    )  # fmt: skip

    def __init__(self) -> None:
        self.struct = CtxStruct()
        self.address = ctypes.addressof(self.struct)
        self.exception: BaseException | None = None
        # not `ctypes.cast`, which turns a RecursionError into one of its own
        self._callbacks = ctypes.py_object.from_buffer(self.struct, CtxStruct.callbacks.offset)
        self._polled_at = 0.0
        self._stretch = 0
        self._generators = (self._serve(self._set_countdown), self._serve(self._call_back))
        for generator in self._generators:
            next(generator)
        self._entries = tuple(_PYTHON_ENTRY(g.send) for g in self._generators)
        self.struct.poll, self.struct.callback = (
            ctypes.c_void_p.from_buffer(e).value for e in self._entries
        )

    def start(self) -> None:
        """Make the struct ready for a call (the native entry does the same)."""
        s = self.struct
        s.status = OK
        s.interrupt = 0
        s.ragged_used = 0
        s.polls = 0
        s.poll_countdown = POLL_START

    def _serve(self, work: Callable[[], None]) -> Generator[int, int, None]:
        """Do `work` each time native code calls; 0 if it went well, and 1 ever after if not.

        An interrupt may come at any resumption, call or backward jump; all of them are
        inside the `try`. A context that served an exception is not used again.
        """
        try:
            while True:
                yield 0
                work()
        except GeneratorExit:
            return
        except BaseException as e:
            self.exception = e
            self.struct.interrupt = 1
        while True:
            yield 1

    def _call_back(self) -> None:
        s = self.struct
        self._callbacks.value[s.callback_slot].run(s.callback_ins, s.callback_outs)
        s.callback_slot = CALLED

    def _set_countdown(self) -> None:
        s = self.struct
        now = time.perf_counter()
        if s.polls:
            used = self._stretch - s.poll_countdown
            rate = used / max(now - self._polled_at, 1e-6)
            stretch = int(min(max(rate * POLL_SECONDS, 1), 16 * self._stretch))
        else:
            stretch = POLL_START
        s.polls = 1
        self._polled_at = now
        self._stretch = s.poll_countdown = stretch


contexts: dict[int, Context] = {}  # all that are in use or idle, by address
idle: list[int] = []  # the addresses of idle ones; the native entry pops and appends too


def acquire() -> Context:
    """An idle context, or a new one."""
    try:
        return contexts[idle.pop()]
    except IndexError:
        context = Context()
        contexts[context.address] = context
        return context


def release(context: Context) -> None:
    """Hand a context back after its call has ended."""
    if context.exception is None:
        idle.append(context.address)
    else:
        contexts.pop(context.address, None)


def context_at(address: int) -> Context:
    """The context of an address; the native entry leaves that of a failed call to its caller."""
    return contexts[address]
