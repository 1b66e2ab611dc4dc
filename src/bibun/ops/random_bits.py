"""Random bits: the threefry2x32 block cipher in counter mode, and typed keys.

A key is two 32-bit words. Its n-th block of 64 random bits is the cipher of the counter n,
so that any element of a random array can be computed by itself: `threefry` is elementwise,
and fuses into what consumes it. 64-bit values hold a pair of words with the first word
high, as JAX orders them; the memory of a key has the first word at the lower address.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.dtypes import KEY, uint32, uint64
from bibun.errors import DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import broadcast_shapes, elementwise_batch
from bibun.ops.families.shape import move_axis
from bibun.ops.op import ELEMENTWISE, INDEX_MAP, Op, Sample
from bibun.ops.registry import register

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_MASK = 0xFFFFFFFF
_BLOCK = 1 << 14  # elements ciphered at a time, so that the words stay in the cache

KEY_FIELD = KEY.names[0]  # type: ignore[index]


def _expect(name: str, what: str, type: ArrayType, dtype: np.dtype) -> None:
    if type.dtype != dtype:
        raise DTypeError(f"{name}: {what} must be {ArrayType((), dtype)!r}, got {type}")


# the cipher ----------------------------------------------------------------------


def _cipher_ints(k0: int, k1: int, x0: int, x1: int) -> int:
    """One block in Python integers: for one element that is faster than NumPy."""
    schedule = (k0, k1, k0 ^ k1 ^ _PARITY)
    x0 = (x0 + k0) & _MASK
    x1 = (x1 + k1) & _MASK
    for i in range(5):
        for r in _ROTATIONS[i & 1]:
            x0 = (x0 + x1) & _MASK
            x1 = (((x1 << r) & _MASK) | (x1 >> (32 - r))) ^ x0
        x0 = (x0 + schedule[(i + 1) % 3]) & _MASK
        x1 = (x1 + schedule[(i + 2) % 3] + i + 1) & _MASK
    return (x0 << 32) | x1


def _cipher_arrays(k0: np.ndarray, k1: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """Blocks for one-dimensional arrays; the key's words have length 1 or that of `counter`."""
    schedule = (k0, k1, k0 ^ k1 ^ np.uint32(_PARITY))
    x0 = (counter >> np.uint64(32)).astype(np.uint32) + k0
    x1 = counter.astype(np.uint32) + k1
    spare = np.empty_like(x1)
    for i in range(5):
        for r in _ROTATIONS[i & 1]:
            x0 += x1
            np.right_shift(x1, np.uint32(32 - r), out=spare)
            np.left_shift(x1, np.uint32(r), out=x1)
            x1 |= spare
            x1 ^= x0
        x0 += schedule[(i + 1) % 3]
        x1 += schedule[(i + 2) % 3]
        x1 += np.uint32(i + 1)
    return (x0.astype(np.uint64) << np.uint64(32)) | x1


def _threefry_eval(key: Any, counter: Any) -> np.ndarray:
    key = np.asarray(key)
    words = key[KEY_FIELD]
    if isinstance(counter, int) or counter.ndim == 0:
        if key.ndim == 0:
            n = int(counter)
            k0, k1 = words.tolist()
            return np.asarray(_cipher_ints(k0, k1, n >> 32, n & _MASK), dtype=np.uint64)
        counter = np.asarray(counter, dtype=np.uint64)
    shape = np.broadcast_shapes(key.shape, counter.shape)
    flat = np.ascontiguousarray(np.broadcast_to(counter, shape)).reshape(-1)
    if key.size == 1:
        words = words.reshape(1, 2)
    else:
        words = np.broadcast_to(words, (*shape, 2)).reshape(-1, 2)
    out = np.empty(flat.size, np.uint64)
    for lo in range(0, flat.size, _BLOCK):
        part = slice(lo, lo + _BLOCK)
        w = words if key.size == 1 else words[part]
        out[part] = _cipher_arrays(w[:, 0], w[:, 1], flat[part])
    return out.reshape(shape)


def _threefry_type(key: ArrayType, counter: ArrayType) -> ArrayType:
    _expect("threefry", "the key", key, KEY)
    _expect("threefry", "the counter", counter, uint64)
    return ArrayType(broadcast_shapes("threefry", key.shape, counter.shape), uint64)


def _threefry_lower(b: Any, key: Any, counter: Any) -> Any:
    def u32(n: int) -> Any:
        return b.const(np.uint32(n), uint32)

    def high(x: Any) -> Any:
        return b.convert(b.shift_right_logical(x, b.const(np.uint64(32), uint64)), uint32)

    bits = b.bitcast(key, uint64)
    k0, k1 = b.convert(bits, uint32), high(bits)
    schedule = (k0, k1, b.bit_xor(b.bit_xor(k0, k1), u32(_PARITY)))
    x0 = b.add(high(counter), k0)
    x1 = b.add(b.convert(counter, uint32), k1)
    for i in range(5):
        for r in _ROTATIONS[i & 1]:
            x0 = b.add(x0, x1)
            x1 = b.bit_xor(b.rotate_left(x1, r), x0)
        x0 = b.add(x0, schedule[(i + 1) % 3])
        x1 = b.add(b.add(x1, schedule[(i + 2) % 3]), u32(i + 1))
    shifted = b.shift_left(b.convert(x0, uint64), b.const(np.uint64(32), uint64))
    return b.bit_or(shifted, b.convert(x1, uint64))


def _keys(*words: Sequence[int]) -> np.ndarray:
    return np.array(words, np.uint32).view(KEY)[..., 0]


threefry = register(
    Op(
        "threefry",
        ELEMENTWISE,
        type_rule=_threefry_type,
        eval=_threefry_eval,
        batch=elementwise_batch(lambda: threefry),
        lower=_threefry_lower,
        cost=80.0,
        samples=lambda: [
            Sample(_keys((0, 42))[0], np.uint64(0)),
            Sample(_keys((7, 42))[0], np.arange(6, dtype=np.uint64).reshape(2, 3) << np.uint64(30)),
            Sample(_keys((1, 2), (3, 4), (5, 6)), np.arange(3, dtype=np.uint64)),
        ],
        doc="The 64 random bits of a key at a counter: threefry2x32 with 20 rounds. "
        "key[...], u64[...] -> u64[...]; words are packed with the first one high.",
    )
)


# keys and their words ---------------------------------------------------------------


def _bits_to_key_eval(bits: Any) -> np.ndarray:
    bits = np.asarray(bits, dtype=np.uint64)
    swapped = (bits >> np.uint64(32)) | (bits << np.uint64(32))
    return np.asarray(swapped).view(KEY)


def _bits_to_key_type(bits: ArrayType) -> ArrayType:
    _expect("bits_to_key", "the operand", bits, uint64)
    return ArrayType(bits.shape, KEY)


def _bits_to_key_lower(b: Any, bits: Any) -> Any:
    return b.bitcast(b.rotate_left(bits, 32), KEY)


bits_to_key = register(
    Op(
        "bits_to_key",
        ELEMENTWISE,
        type_rule=_bits_to_key_type,
        eval=_bits_to_key_eval,
        batch=elementwise_batch(lambda: bits_to_key),
        lower=_bits_to_key_lower,
        samples=lambda: [Sample(np.array([1, 2**40 + 5], np.uint64)), Sample(np.uint64(3))],
        doc="The key whose first word is the high half of a u64, its second the low half.",
    )
)


def _wrap_type(words: ArrayType) -> ArrayType:
    _expect("wrap_key", "the words", words, uint32)
    if words.shape[-1:] != (2,):
        raise ShapeError(f"wrap_key: key data must have shape (..., 2), got {words.shape}")
    return ArrayType(words.shape[:-1], KEY)


def _wrap_lower(b: Any, idx: Any, ins: Any, out_type: Any) -> Any:
    def word(k: int) -> Any:
        return b.convert(ins[0].read([*idx, b.const(k, np.int64)]), uint64)

    high = b.shift_left(word(1), b.const(np.uint64(32), uint64))
    return b.bitcast(b.bit_or(word(0), high), KEY)


wrap_key = register(
    Op(
        "wrap_key",
        INDEX_MAP,
        type_rule=_wrap_type,
        eval=lambda words: np.ascontiguousarray(words).view(KEY)[..., 0],
        batch=lambda size, args, dims: (wrap_key(move_axis(args[0], dims[0], 0)), 0),
        lower=_wrap_lower,
        samples=lambda: [
            Sample(np.array([1, 2], np.uint32)),
            Sample(np.arange(12, dtype=np.uint32).reshape(3, 2, 2)),
        ],
        doc="Raw key data as typed keys: u32[..., 2] -> key[...].",
    )
)


def _unwrap_type(keys: ArrayType) -> ArrayType:
    _expect("unwrap_key", "the operand", keys, KEY)
    return ArrayType((*keys.shape, 2), uint32)


def _unwrap_lower(b: Any, idx: Any, ins: Any, out_type: Any) -> Any:
    bits = b.bitcast(ins[0].read(idx[:-1]), uint64)
    shift = b.mul(b.convert(idx[-1], uint64), b.const(np.uint64(32), uint64))
    return b.convert(b.shift_right_logical(bits, shift), uint32)


unwrap_key = register(
    Op(
        "unwrap_key",
        INDEX_MAP,
        type_rule=_unwrap_type,
        eval=lambda keys: np.asarray(keys)[KEY_FIELD],
        batch=lambda size, args, dims: (unwrap_key(move_axis(args[0], dims[0], 0)), 0),
        lower=_unwrap_lower,
        samples=lambda: [Sample(_keys((1, 2))[0]), Sample(_keys((1, 2), (3, 4)))],
        doc="Typed keys as raw key data: key[...] -> u32[..., 2].",
    )
)
