"""Conversions between dtypes: by value (`convert`) and by bits (`bitcast`).

Float to integer truncates towards zero and saturates; nan gives 0. Complex to real drops
the imaginary part, whose derivative is then zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import FLOAT0, KEY
from bibun.errors import DTypeError
from bibun.ir.types import ArrayType, dtype_name
from bibun.ops.families.elementwise import ANY, elementwise_batch, quietly
from bibun.ops.op import ELEMENTWISE, Op, Sample
from bibun.ops.registry import register
from bibun.trace.core import type_of


def _convert_type(x: Any, *, new_dtype: Any, weak: bool = False) -> ArrayType:
    new = np.dtype(new_dtype)
    if x.dtype != new and (x.dtype.kind not in ANY or new.kind not in ANY):
        raise DTypeError(f"convert: {dtype_name(x.dtype)} has no value as {dtype_name(new)}")
    return ArrayType(x.shape, new, weak)


def _to_dtype(x: Any, *, new_dtype: Any, weak: bool = False) -> Any:
    x, new = np.asarray(x), np.dtype(new_dtype)
    if x.dtype == new:
        return x
    if x.dtype.kind not in ANY or new.kind not in ANY:
        _convert_type(type_of(x), new_dtype=new)
    if x.dtype.kind == "c" and new.kind not in "cb":
        x = x.real
    if x.dtype.kind == "f" and new.kind in "iu":
        return _saturate(x, new)
    return x.astype(new)


def _saturate(x: np.ndarray, new: np.dtype) -> np.ndarray:
    """Float to integer: nan gives 0, what does not fit the nearest that does."""
    info = np.iinfo(new)
    x = x.astype(np.float64)
    high = x >= float(info.max)
    low = x < float(info.min)
    inside = np.where(high | low | (x != x), 0.0, x).astype(new)
    return np.where(high, new.type(info.max), np.where(low, new.type(info.min), inside))


def _convert_jvp(primals: Any, tangents: Any, *, new_dtype: Any, weak: bool = False) -> Any:
    out = convert(primals[0], new_dtype=new_dtype, weak=weak)
    new = np.dtype(new_dtype)
    if new.kind not in "fc":
        return out, None
    return out, convert(tangents[0], new_dtype=new)


def _convert_transpose(ct: Any, x: Any, *, new_dtype: Any, weak: bool = False) -> list[Any]:
    return [convert(ct, new_dtype=x.dtype)]


def _convert_samples() -> list[Sample]:
    floats = np.array([-2.5, 0.0, 0.4, 3.7, 100.0])
    wild = np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, 2.0**63, -(2.0**63), 255.5, -0.9])
    ints = np.array([-3, 0, 1, 127, 40000])
    names = ("bool", "int8", "uint8", "int32", "int64", "uint64", "float32", "float64",
             "complex64", "complex128")  # fmt: skip
    found = [Sample(floats, new_dtype=np.dtype("float64")), Sample(floats[1], new_dtype=int64)]
    for name in names:
        new = np.dtype(name)
        exact = new.itemsize >= (16 if new.kind == "c" else 8)
        diff = None if new.kind in "fc" and exact else ()
        found += [
            Sample(floats, new_dtype=new, diff=diff),
            Sample(floats.astype(np.float32), new_dtype=new, diff=()),
            Sample(ints, new_dtype=new),
            Sample(ints.astype(np.uint8), new_dtype=new),
            Sample(ints > 0, new_dtype=new),
            Sample(floats + 0.5j, new_dtype=new, diff=diff),
        ]
        if new.kind in "iu":
            found.append(Sample(wild, new_dtype=new, diff=()))
    return found


int64 = np.dtype(np.int64)

convert = register(
    Op(
        "convert",
        ELEMENTWISE,
        type_rule=_convert_type,
        eval=quietly(_to_dtype),
        batch=elementwise_batch(lambda: convert),
        lower=lambda b, x, *, new_dtype, weak=False: b.convert(x, np.dtype(new_dtype)),
        jvp=_convert_jvp,
        transpose=_convert_transpose,
        simplify=lambda eq: (
            eq.inputs[0] if eq.inputs[0].type.dtype == eq.outputs[0].type.dtype else None
        ),
        samples=_convert_samples,
        doc="x with another dtype; floats to integers truncate and saturate, nan gives 0.",
    )
)


# Bits ------------------------------------------------------------------------------------


def _bitcast_type(x: Any, *, new_dtype: Any) -> ArrayType:
    new = np.dtype(new_dtype)
    for dt in (x.dtype, new):
        if dt in (FLOAT0, KEY) or dt.kind not in "biuf":
            raise DTypeError(f"bitcast: {dtype_name(dt)} has no bits of its own here")
    if new.itemsize != x.dtype.itemsize or "b" in (new.kind, x.dtype.kind) and new != x.dtype:
        raise DTypeError(
            f"bitcast: {dtype_name(x.dtype)} and {dtype_name(new)} must have the same width"
        )
    return ArrayType(x.shape, new)


def _bitcast_eval(x: Any, *, new_dtype: Any) -> Any:
    x = np.asarray(x)
    _bitcast_type(type_of(x), new_dtype=new_dtype)
    return x.view(np.dtype(new_dtype)) if x.ndim else x.reshape(1).view(new_dtype).reshape(())


bitcast = register(
    Op(
        "bitcast",
        ELEMENTWISE,
        type_rule=_bitcast_type,
        eval=_bitcast_eval,
        batch=elementwise_batch(lambda: bitcast),
        lower=lambda b, x, *, new_dtype: b.bitcast(x, np.dtype(new_dtype)),
        samples=lambda: [
            Sample(np.array([1.5, -0.0, np.inf]), new_dtype=np.dtype("int64"), diff=()),
            Sample(np.array([1.5, -2.0]), new_dtype=np.dtype("uint64"), diff=()),
            Sample(np.array(1.5, np.float32), new_dtype=np.dtype("uint32"), diff=()),
            Sample(np.array([0, -1, 1 << 62]), new_dtype=np.dtype("float64")),
            Sample(np.array([-1, 5], np.int8), new_dtype=np.dtype("uint8")),
        ],
        doc="The same bits read as another dtype of the same width.",
    )
)
