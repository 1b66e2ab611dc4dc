"""Keys: making, splitting, folding, and their two forms.

A key is typed (`key(0)`, one element of dtype `key<fry>`) or raw (`PRNGKey(0)`, two uint32
words). Every function takes both and answers in the form it was given. The same key always
gives the same numbers: split it, and use each part once.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.dtypes import KEY, canonical, is_integer, uint32, uint64
from bibun.errors import DTypeError, ShapeError
from bibun.ops.elementwise import and_, convert
from bibun.ops.random_bits import bits_to_key, threefry, unwrap_key, wrap_key
from bibun.ops.shape import iota, reshape
from bibun.trace.core import type_of

_ALGORITHMS = (None, "threefry2x32", "fry")


def as_shape(name: str, shape: Any) -> tuple[int, ...]:
    """`shape` as a tuple of ints; an int means one axis. Errors: TypeError, ShapeError."""
    if isinstance(shape, int | np.integer):
        shape = (shape,)
    try:
        dims = tuple(operator.index(n) for n in shape)
    except TypeError:
        raise TypeError(
            f"random.{name}: shape must be a tuple of Python integers, got {shape!r}"
        ) from None
    if any(n < 0 for n in dims):
        raise ShapeError(f"random.{name}: shape {dims} has a negative length")
    return dims


def is_key(x: Any) -> bool:
    """Whether `x` is an array of typed keys.

    >>> from bibun import random
    >>> random.is_key(random.key(0)), random.is_key(random.PRNGKey(0))
    (True, False)
    """
    return getattr(x, "dtype", None) == KEY


def as_keys(name: str, key: Any) -> tuple[Any, bool]:
    """Typed keys of either form, and whether they came typed."""
    t = type_of(key) if not isinstance(key, list | tuple) else type_of(np.asarray(key))
    if t.dtype == KEY:
        return key, True
    if t.dtype == uint32 and t.shape[-1:] == (2,):
        return wrap_key(bnp.asarray(key)), False
    raise TypeError(
        f"random.{name}: expected a key from bibun.random.key(seed), or raw key data of dtype "
        f"uint32 and shape (2,), got {t}"
    )


def as_key(name: str, key: Any) -> Any:
    """One typed key. Errors: TypeError for no key, ShapeError for an array of keys."""
    keys, _ = as_keys(name, key)
    if keys.shape != ():
        raise ShapeError(
            f"random.{name} takes a single key, got keys of shape {keys.shape}; "
            "use bibun.vmap to draw for each of them"
        )
    return keys


def derive(key: Any, n: int) -> tuple[Any, ...]:
    """The `n` keys of `split` as scalars: compiled code keeps them in registers."""
    return tuple(bits_to_key(threefry(key, np.uint64(i))) for i in range(n))


def counters(shape: tuple[int, ...]) -> Any:
    """0, 1, 2, … in row-major order, as uint64."""
    if shape == ():
        return np.uint64(0)
    flat = iota(shape=(math.prod(shape),), dtype=uint64, axis=0)
    return flat if len(shape) == 1 else reshape(flat, shape=shape)


def _seed(seed: Any, impl: str | None) -> Any:
    if impl not in _ALGORITHMS:
        raise ValueError(f"the only generator is 'threefry2x32', got impl={impl!r}")
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool):
        if not -(2**63) <= seed < 2**63:
            raise OverflowError(f"a seed must fit in 64 bits, got {seed}")
        return bnp.asarray(np.array(int(seed) & 0xFFFFFFFFFFFFFFFF, np.uint64))
    t = type_of(seed)
    if not is_integer(t.dtype) or t.shape != ():
        raise TypeError(f"a seed must be one integer, got {t}")
    if t.dtype.itemsize < 8:
        # JAX: a narrow seed is the low word, so a negative one does not reach the high word
        return convert(convert(seed, new_dtype=uint32), new_dtype=uint64)
    return convert(seed, new_dtype=uint64)


def key(seed: Any, *, impl: str | None = None) -> Any:
    """A typed key from an integer seed: a scalar of dtype `key<fry>`.

    Errors: TypeError for a seed that is not an integer scalar, OverflowError beyond 64 bits.

    >>> from bibun import random
    >>> random.key_data(random.key(42)).tolist()
    [0, 42]
    """
    return bits_to_key(_seed(seed, impl))


def PRNGKey(seed: Any, *, impl: str | None = None) -> Any:
    """A raw key, uint32[2], from an integer seed.

    >>> from bibun import random
    >>> random.PRNGKey(7).tolist()
    [0, 7]
    """
    return unwrap_key(key(seed, impl=impl))


def _in_form(keys: Any, typed: bool) -> Any:
    return keys if typed else unwrap_key(keys)


def split(key: Any, num: int | Sequence[int] = 2) -> Any:
    """`num` new keys from one: shape `(num,)`, or `num` itself where it is a tuple.

    >>> from bibun import random
    >>> k1, k2 = random.split(random.key(0))
    >>> random.split(random.PRNGKey(0), 3).shape
    (3, 2)
    """
    keys, typed = as_keys("split", key)
    if keys.shape != ():
        raise ShapeError(
            f"random.split takes a single key, got keys of shape {keys.shape}; use bibun.vmap"
        )
    return _in_form(bits_to_key(threefry(keys, counters(as_shape("split", num)))), typed)


def fold_in(key: Any, data: Any) -> Any:
    """A new key from a key and an integer, which is taken modulo 2**32.

    >>> from bibun import random
    >>> random.fold_in(random.key(0), 5).shape
    ()
    """
    keys, typed = as_keys("fold_in", key)
    if isinstance(data, int):
        n: Any = np.uint64(data & 0xFFFFFFFF)
    else:
        t = type_of(data)
        if not is_integer(t.dtype) or t.shape != ():
            raise TypeError(f"random.fold_in: data must be one integer, got {t}")
        n = and_(convert(data, new_dtype=uint64), np.uint64(0xFFFFFFFF))
    if keys.shape != ():
        raise ShapeError(
            f"random.fold_in takes a single key, got keys of shape {keys.shape}; use bibun.vmap"
        )
    return _in_form(bits_to_key(threefry(keys, n)), typed)


def key_data(keys: Any) -> Any:
    """The words of typed keys: uint32[..., 2]. Raw keys come back as they are.

    >>> from bibun import random
    >>> random.key_data(random.key(7)).tolist()
    [0, 7]
    """
    typed, was_typed = as_keys("key_data", keys)
    return unwrap_key(typed) if was_typed else bnp.asarray(keys)


def wrap_key_data(key_bits_array: Any, *, impl: str | None = None) -> Any:
    """Typed keys from their words, uint32[..., 2].

    >>> from bibun import random
    >>> key = random.wrap_key_data(random.key_data(random.key(0)))
    >>> bool(random.normal(key) == random.normal(random.key(0)))
    True
    """
    if impl not in _ALGORITHMS:
        raise ValueError(f"the only generator is 'threefry2x32', got impl={impl!r}")
    return wrap_key(bnp.asarray(key_bits_array))


def key_impl(keys: Any) -> str:
    """The name of the generator: always `threefry2x32`.

    >>> from bibun import random
    >>> random.key_impl(random.key(0))
    'threefry2x32'
    """
    as_keys("key_impl", keys)
    return "threefry2x32"


def clone(key: Any) -> Any:
    """The same key again, where reuse is meant.

    >>> from bibun import random
    >>> key = random.key(0)
    >>> bool(random.normal(random.clone(key)) == random.normal(key))
    True
    """
    as_keys("clone", key)
    return key


def float_dtype(name: str, dtype: Any) -> np.dtype:
    """The floating dtype asked for. Errors: DTypeError for another kind."""
    dt = canonical(float if dtype is None else dtype)
    if dt.kind != "f":
        raise DTypeError(f"random.{name}: dtype must be float32 or float64, got {dt}")
    return dt


def sample_shape(name: str, shape: Any, *params: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to draw: that of the parameters, or `shape`, to which they must broadcast."""
    joint = np.broadcast_shapes(*params) if params else ()
    if shape is None:
        return joint
    shape = as_shape(name, shape)
    try:
        fits = np.broadcast_shapes(shape, joint) == shape
    except ValueError:
        fits = False
    if not fits:
        listed = ", ".join(map(str, params))
        raise ShapeError(
            f"random.{name}: parameters of shape {listed} do not broadcast to shape {shape}"
        )
    return shape


__all__ = [
    "PRNGKey", "clone", "fold_in", "key", "key_data", "key_impl", "split", "wrap_key_data",
]  # fmt: skip
