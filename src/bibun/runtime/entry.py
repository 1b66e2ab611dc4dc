"""The fast entry: one native call from a list of NumPy arrays into compiled code.

Asking NumPy for an array's address from Python costs more than a small kernel runs. The
entry is a few lines of native code that read the address and the flags straight from the
array objects in a Python list: list -> array object -> data. An array that is not
contiguous or not aligned is reported, and the caller copies it.

The offsets it needs have been the same in every CPython and NumPy that bibun supports, but
they are not promised. So they are *measured* at first use, against arrays whose address is
known; where the measurement fails (another Python, a debug build), `fast_entry` is None and
calls take the portable way through ctypes.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any

import numpy as np

from bibun.runtime.context import FIELDS, LLVM_TYPE, OK, POLL_START

_C_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400
_WANTED = _C_CONTIGUOUS | _ALIGNED


class CallPlan(ctypes.Structure):
    """What the entry must know of the function it calls."""

    _fields_ = (
        ("function", ctypes.c_void_p),
        ("inputs", ctypes.c_int64),
        ("outputs", ctypes.c_int64),
    )


PROTOTYPE = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.py_object, ctypes.py_object
)


def _word(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def _measure() -> tuple[int, int, int] | None:
    """Offsets of the item table in a list, and of data and flags in an array."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    arrays = [np.zeros(3), np.zeros((4, 4))[:, 1], np.zeros((2, 2), np.float32)[:1]]
    words = range(16, 128, 8)
    basic = list.__basicsize__
    items = [
        o for o in range(16, basic, 8)
        if (table := _word(id(arrays) + o)) > 1 << 16 and table % 8 == 0
    ]  # fmt: skip
    items = [o for o in items if [_word(_word(id(arrays) + o) + 8 * i) for i in range(3)]
             == [id(a) for a in arrays]]  # fmt: skip
    size = np.ndarray.__basicsize__
    data = [o for o in words if o < size
            and all(_word(id(a) + o) == a.__array_interface__["data"][0] for a in arrays)
            ]  # fmt: skip
    if len(items) != 1 or not data:
        return None
    readonly = np.zeros(3)
    readonly.flags.writeable = False
    odd = np.zeros(25, np.uint8)[1:].view(np.float64)
    samples = [*arrays, readonly, odd, np.zeros((2, 3)).T, np.array(1.0)]
    flags = [
        o for o in range(16, min(size, 128), 4)
        if all((ctypes.c_int32.from_address(id(a) + o).value & (_WANTED | _WRITEABLE))
               == (a.flags.num & (_WANTED | _WRITEABLE)) for a in samples)
    ]  # fmt: skip
    return (items[0], data[0], flags[0]) if len(flags) == 1 else None


_IR = """
{ctx}

define i32 @bibun_entry(ptr %plan, ptr %ctx, ptr %in_list, ptr %out_list) {{
start:
  %fn = load ptr, ptr %plan
  %np = getelementptr i8, ptr %plan, i64 8
  %n = load i64, ptr %np
  %mp = getelementptr i8, ptr %plan, i64 16
  %m = load i64, ptr %mp
  %pointers_p = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {pointers}
  %ins = load ptr, ptr %pointers_p
  %outs = getelementptr ptr, ptr %ins, i64 %n
  %status = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {status}
  store i32 {ok}, ptr %status
  %interrupt = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {interrupt}
  store i32 0, ptr %interrupt
  %used = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {ragged_used}
  store i64 0, ptr %used
  %countdown = getelementptr %bibun.ctx, ptr %ctx, i32 0, i32 {poll_countdown}
  store i64 {poll_start}, ptr %countdown
  %in_items_p = getelementptr i8, ptr %in_list, i64 {items}
  %in_items = load ptr, ptr %in_items_p
  %out_items_p = getelementptr i8, ptr %out_list, i64 {items}
  %out_items = load ptr, ptr %out_items_p
  br label %in_head
in_head:
  %i = phi i64 [ 0, %start ], [ %i1, %in_store ]
  %in_more = icmp slt i64 %i, %n
  br i1 %in_more, label %in_body, label %out_head
in_body:
  %ia_p = getelementptr ptr, ptr %in_items, i64 %i
  %ia = load ptr, ptr %ia_p
  %if_p = getelementptr i8, ptr %ia, i64 {flags}
  %if = load i32, ptr %if_p
  %if_m = and i32 %if, {wanted}
  %good = icmp eq i32 %if_m, {wanted}
  br i1 %good, label %in_store, label %bad
bad:
  %i32 = trunc i64 %i to i32
  %code = xor i32 %i32, -1
  ret i32 %code
in_store:
  %id_p = getelementptr i8, ptr %ia, i64 {data}
  %id = load ptr, ptr %id_p
  %is_p = getelementptr ptr, ptr %ins, i64 %i
  store ptr %id, ptr %is_p
  %i1 = add i64 %i, 1
  br label %in_head
out_head:
  %o = phi i64 [ 0, %in_head ], [ %o1, %out_body ]
  %out_more = icmp slt i64 %o, %m
  br i1 %out_more, label %out_body, label %go
out_body:
  %oa_p = getelementptr ptr, ptr %out_items, i64 %o
  %oa = load ptr, ptr %oa_p
  %od_p = getelementptr i8, ptr %oa, i64 {data}
  %od = load ptr, ptr %od_p
  %os_p = getelementptr ptr, ptr %outs, i64 %o
  store ptr %od, ptr %os_p
  %o1 = add i64 %o, 1
  br label %out_head
go:
  %result = call i32 %fn(ptr %ctx, ptr %ins, ptr %outs)
  ret i32 %result
}}
"""


@functools.cache
def fast_entry() -> Any | None:
    """`entry(plan address, ctx address, list of inputs, list of outputs) -> status`.

    A negative result -1-i says that input i is not contiguous and aligned; nothing ran.
    None where the layout of lists and arrays could not be made sure of.
    """
    from bibun.compiler.cache import cached_module

    offsets = _measure()
    if offsets is None:
        return None
    items, data, flags = offsets
    text = _IR.format(
        ctx=LLVM_TYPE, ok=OK, poll_start=POLL_START, wanted=_WANTED,
        items=items, data=data, flags=flags, **FIELDS,
    )  # fmt: skip
    native = cached_module(text, "bibun_entry", opt="O1")
    entry = PROTOTYPE(native.address)
    entry.native = native  # type: ignore[attr-defined]  # keeps the code alive
    return entry
