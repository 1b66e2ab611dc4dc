"""The native entry: from Python objects to compiled code and back, without ctypes.

A call of a jitted function spends more time in Python than a small kernel runs: flattening
the arguments, making a key of shapes and dtypes, allocating results, asking for addresses.
All of that is done here, in native code, from a *plan* (`bibun.runtime.plan`): a table of
steps that says what the arguments must look like, what is to be allocated, and what is to be
built of the results. The entry walks the arguments beside the steps; where they differ in
anything, nothing has happened, and the caller takes the general way.

The entry is a builtin function of Python (`PyCFunction`), so a call of it costs a few tens
of nanoseconds; it is the same code for all plans. It reads objects at measured offsets
(`bibun.runtime.layout`) and makes and releases them through Python's own interface. The
interpreter's lock is given up while compiled code runs; the arrays that go in are held.

What it returns: the results; None where the arguments are not those of the plan (or no idle
`ctx` is there); an int, the address of the `ctx`, where compiled code returned a status.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from bibun.runtime.entry_text import PYTHON, text
from bibun.runtime.layout import measure, numpy_empty


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("method", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_METH_FASTCALL = 0x0080
_NAME = "bibun_entry"
EARLY = 2
PRICE = 8192  # arrays, in and out, of calls without the entry (and 8 a call): then it is compiled
_spent = 0  # those of this process so far


class _Maker:
    """Makes builtin functions of the one native entry."""

    def __init__(self, native: Any) -> None:
        self.native = native  # keeps the code alive
        self.definition = _MethodDef(b"bibun_entry", native.address, _METH_FASTCALL, None)
        # a prototype of our own: `pythonapi.PyCFunction_NewEx` is everybody's
        prototype = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
        )
        self.new = prototype(("PyCFunction_NewEx", ctypes.pythonapi))

    def __call__(self, address: int, keep: Any) -> Any:
        """A function that runs the plan at `address`; it keeps `keep` alive, and its own code.

        (Two threads that ask for the first maker get one each, and one of the two is lost.)
        """
        return self.new(ctypes.addressof(self.definition), (address, keep, self), None)


@functools.cache
def _source() -> str | None:
    """The entry's module, or None where objects' layout could not be made sure of."""
    offsets = measure()
    return None if offsets is None else text(offsets)


@functools.cache
def _stored() -> bool:
    from bibun.compiler.cache import holds_module

    source = _source()
    return source is None or holds_module(source, _NAME)


def entry_is_due(calls: int, arrays: int = 0) -> bool:
    """Whether a function that was called this many times shall have an entry now.

    From the second call on, asked at powers of two, where the entry's code is at hand. On a
    machine's first run of bibun it has to be compiled, which takes 30 ms: for a process that calls
    a lot, counted here by the `arrays` that go in and out. The next process has it from the disk.
    """
    global _spent
    _spent += arrays
    if calls < EARLY or calls & (calls - 1):
        return False
    return _spent >= PRICE or entry_maker.cache_info().currsize > 0 or _stored()


@functools.cache
def entry_maker() -> _Maker | None:
    """What makes entries, or None where objects' layout could not be made sure of."""
    from bibun.compiler import libraries
    from bibun.compiler.cache import cached_module

    source = _source()
    if source is None:
        return None
    for name in PYTHON:
        function = getattr(ctypes.pythonapi, name)
        libraries.register(name, ctypes.cast(function, ctypes.c_void_p).value or 0)
    libraries.register("bibun_numpy_empty", numpy_empty())
    return _Maker(cached_module(source, _NAME))
