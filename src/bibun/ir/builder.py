"""What a `lower` rule may use: the protocol between ops and the emitter.

A lower rule emits LLVM IR through a `Builder` and never sees the rest of the compiler.
Code is written once for any width: a `Val` is one scalar, or one vector of `b.width`
lanes of the innermost loop; the builder widens what is uniform. The signature of `lower`
depends on the op's kind.

ELEMENTWISE   `lower(b, *vals, **params) -> Val`
    The output element from the input elements. Emit straight-line code: no branches;
    `b.select` between alternatives; total for every input (no poison, no trap).
INDEX_MAP     `lower(b, idx, ins, out_type, **params) -> Val`
    The output element at `idx` (a list of int64 Vals, one per output axis), read through
    `ins[k].read(list_of_index_vals)`. `ins[k].shape` and `.dtype` are there. Indices must
    be in bounds; build them with `b.add`, `b.mul`, `b.clip` …: an index that is
    `base + stride*lane` stays known as such and becomes a contiguous load.
REDUCTION     `lower` is a `Reducer`; the op has `axes` among its params.
LIBRARY       `lower(b, ins, outs, **params) -> None`
    Whole arrays. `outs[k].store(idx, val)` or `outs[k].ptr`; `ins[k].read(idx)`, and
    `ins[k].ptr`, a pointer to contiguous row-major memory. An op with `lazy_inputs` reads
    through `.read` only, and its inputs need not be in memory. An op with `alias=k` finds
    input k's value already in `outs[0]` (copied there only if it had to be).
CONTROL, EFFECT   `lower(b, ins, outs, **params) -> None` like LIBRARY, with `b.program`.

Booleans are `i1` in Vals and bytes in memory; `read`, `store`, `load` convert. Complex
numbers are one Val with two parts. Keys are 64-bit integers whose low word is key[0].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from bibun.ir.program import Program
from bibun.ir.types import ArrayType


class Val(Protocol):
    """A scalar, or a vector with one element per lane."""

    dtype: np.dtype


class Ptr(Protocol):
    """A pointer into memory."""


class Source(Protocol):
    """An input array: in memory, in registers, or computed as it is read."""

    type: ArrayType
    shape: tuple[int, ...]
    dtype: np.dtype
    ptr: Ptr

    def read(self, idx: Sequence[Val]) -> Val: ...


class Dest(Protocol):
    """An output array."""

    type: ArrayType
    shape: tuple[int, ...]
    dtype: np.dtype
    ptr: Ptr

    def store(self, idx: Sequence[Val], value: Val) -> None: ...

    def read(self, idx: Sequence[Val]) -> Val: ...


class Slot(Protocol):
    """A mutable scalar variable (becomes a register)."""

    def get(self) -> Val: ...

    def set(self, value: Val) -> None: ...


class Reducer:
    """How a reduction combines. Accumulators are tuples of Vals.

    `init(b, dtype, **params)` -> accumulators; `step(b, acc, x, idx, **params)` -> acc takes
    one element, with its index in the input; `merge(b, acc1, acc2, **params)` -> acc combines
    two partial results (it must be associative and commutative: lane k holds elements k, k+W,
    …, so neither has the lower indices); `final(b, acc, **params)` -> the output element.
    """

    __slots__ = ("init", "step", "merge", "final")

    def __init__(
        self,
        init: Callable[..., tuple[Any, ...]],
        step: Callable[..., tuple[Any, ...]],
        merge: Callable[..., tuple[Any, ...]],
        final: Callable[..., Any] = lambda b, acc, **params: acc[0],
    ) -> None:
        self.init = init
        self.step = step
        self.merge = merge
        self.final = final


class Builder(Protocol):
    """Emits code at the present insertion point."""

    width: int

    # values -----------------------------------------------------------------
    def const(self, value: Any, dtype: Any) -> Val: ...
    def add(self, x: Val, y: Val) -> Val: ...  # int (wrapping), float, complex
    def sub(self, x: Val, y: Val) -> Val: ...
    def mul(self, x: Val, y: Val) -> Val: ...
    def div(self, x: Val, y: Val) -> Val: ...  # float, complex; int: truncating, x/0 = -1, total
    def rem(self, x: Val, y: Val) -> Val: ...  # C's: sign of x; int x%0 = x, total
    def neg(self, x: Val) -> Val: ...
    def abs(self, x: Val) -> Val: ...  # real only
    def min(self, x: Val, y: Val) -> Val: ...  # nan wins
    def max(self, x: Val, y: Val) -> Val: ...
    def clip(self, x: Val, lo: Val, hi: Val) -> Val: ...
    def fma(self, x: Val, y: Val, z: Val) -> Val: ...  # vector math and reductions only
    def sqrt(self, x: Val) -> Val: ...
    def floor(self, x: Val) -> Val: ...
    def ceil(self, x: Val) -> Val: ...
    def trunc(self, x: Val) -> Val: ...
    def rint(self, x: Val) -> Val: ...  # to nearest, ties to even
    def copysign(self, x: Val, y: Val) -> Val: ...
    def compare(self, how: str, x: Val, y: Val) -> Val: ...  # eq ne lt le gt ge; ne true on nan
    def select(self, cond: Val, x: Val, y: Val) -> Val: ...

    def usually(self, fast: Val, unless: Callable[[], Val], slow: Callable[[], Val]) -> Val:
        """`slow()`, which is `fast` nearly everywhere: everywhere but where `unless()`."""
        ...

    def bit_and(self, x: Val, y: Val) -> Val: ...  # integers and bools
    def bit_or(self, x: Val, y: Val) -> Val: ...
    def bit_xor(self, x: Val, y: Val) -> Val: ...
    def bit_not(self, x: Val) -> Val: ...
    def shift_left(self, x: Val, y: Val) -> Val: ...  # total: a count >= bits gives 0
    def shift_right_logical(self, x: Val, y: Val) -> Val: ...
    def shift_right_arithmetic(self, x: Val, y: Val) -> Val: ...  # count >= bits: all sign
    def rotate_left(self, x: Val, count: int) -> Val: ...  # unsigned, 0 < count < bits
    def intrinsic(self, name: str, x: Val) -> Val: ...  # ctpop, ctlz, cttz, bswap …
    def convert(self, x: Val, dtype: np.dtype) -> Val: ...  # as NumPy's astype, but total
    def bitcast(self, x: Val, dtype: np.dtype) -> Val: ...  # same width
    def math(self, name: str, *xs: Val) -> Val: ...  # a kernel of bibun.compiler.vecmath
    def complex(self, re: Val, im: Val) -> Val: ...
    def real(self, x: Val) -> Val: ...
    def imag(self, x: Val) -> Val: ...

    # loops and memory -----------------------------------------------------------
    def nest(self, shape: Sequence[int], body: Callable[[list[Val]], None]) -> None: ...
    def loop(self, lo: Val | int, hi: Val | int, body: Callable[[Val], None]) -> None: ...
    def while_(self, cond: Callable[[], Val], body: Callable[[], None]) -> None: ...
    def if_(
        self, cond: Val, then: Callable[[], None], otherwise: Callable[[], None] | None = None
    ) -> None: ...
    def slot(self, init: Val, width: int = 1) -> Slot: ...  # at least `width` lanes
    def scratch(self, count: int, dtype: np.dtype) -> Ptr: ...  # uninitialised, static size
    def offset(self, ptr: Ptr, index: Val | int, dtype: np.dtype) -> Ptr: ...
    def load(self, ptr: Ptr, index: Val | int, dtype: np.dtype) -> Val: ...
    def store(self, ptr: Ptr, index: Val | int, value: Val) -> None: ...
    def whole(self, ptr: Ptr, count: int, dtype: np.dtype) -> Val: ...  # as lanes of one value
    def store_whole(self, ptr: Ptr, value: Val) -> None: ...  # all its lanes
    def pick(self, x: Val, lanes: Sequence[int], y: Val | None = None) -> Val: ...  # of x, then y
    def fold(self, acc: tuple[Val, ...], merge: Callable[..., Any]) -> tuple[Val, ...]: ...  # lanes
    def copy(self, dest: Ptr, source: Ptr, count: Val | int, dtype: np.dtype) -> None: ...
    def fill(self, dest: Ptr, value: Val, count: Val | int) -> None: ...

    # the outside -----------------------------------------------------------------
    def call(self, symbol: str, args: Sequence[Any], returns: str = "void") -> Val | None: ...
    def ref(self, value: int | float | str | Val, ctype: str = "i32") -> Ptr: ...
    def routine(
        self, key: Any, args: Sequence[Ptr | Val], body: Callable[..., None]
    ) -> None: ...  # a function of the module, emitted once: `body(*parameters)`

    def in_pieces(self, n: int, ns: float, body: Callable[[Val, Val], None]) -> None:
        """`body(start, length)` for pieces of range(n), in threads if `ns` are worth it."""
        ...

    def fail(self, cond: Val, *payload: Val) -> None: ...  # where cond: record, leave the call
    def callback(
        self, op: Any, ins: Sequence[Source], outs: Sequence[Dest], params: dict
    ) -> None: ...

    # sub-programs ------------------------------------------------------------------
    def program(self, program: Program, ins: Sequence[Source], outs: Sequence[Dest]) -> None: ...
