"""The tables that the native entry reads: a plan and its steps, as they are in memory."""

from __future__ import annotations

import ctypes

# Kinds of steps. For arguments, for outputs to allocate, for results to build.
_NAMES = "ARRAY NDARRAY FLOAT INT BOOL TUPLE LIST DICT NONE RAW HANDLE".split()
KINDS = {name: k for k, name in enumerate(_NAMES)}
ARRAY, NDARRAY, FLOAT, INT, BOOL, TUPLE, LIST, DICT, NONE, RAW, HANDLE = KINDS.values()


class Step(ctypes.Structure):
    """One node of a tree of arguments or results."""

    _fields_ = (
        ("kind", ctypes.c_int64),
        ("type", ctypes.c_void_p),  # the object's exact class
        ("count", ctypes.c_int64),  # of items, keys or dimensions
        ("descr", ctypes.c_void_p),  # the dtype of an array
        ("items", ctypes.c_void_p),  # sizes of dimensions, or keys of a dict
        ("weak", ctypes.c_void_p),  # what `Array._weak` is
    )


class PlanStruct(ctypes.Structure):
    """All that the entry must know of one compiled function; see `bibun.runtime.plan`."""

    _fields_ = (
        ("function", ctypes.c_void_p),
        ("steps", ctypes.c_void_p),  # what the arguments are
        ("outs", ctypes.c_void_p),  # arrays to allocate
        ("build", ctypes.c_void_p),  # what the results are
        ("first", ctypes.c_void_p),  # addresses of arrays that go before the arguments
        ("first_count", ctypes.c_int64),
        ("last", ctypes.c_void_p),  # and after them
        ("last_count", ctypes.c_int64),
        ("in_count", ctypes.c_int64),  # all of them
        ("out_count", ctypes.c_int64),
        ("keep", ctypes.c_int64),  # whether results of a failed call are kept, in ctx
        ("callbacks", ctypes.c_void_p),
        ("pool", ctypes.c_void_p),  # the list of addresses of idle ctx
        ("none", ctypes.c_void_p),
        ("true", ctypes.c_void_p),
        ("str", ctypes.c_void_p),
        ("ndarray", ctypes.c_void_p),
    )
