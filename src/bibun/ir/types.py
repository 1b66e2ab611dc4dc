"""The types of values in the IR: what is known of a value before it is computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import FLOAT0, KEY


class ArrayType:
    """Shape, dtype, and whether the dtype is weak (came from a Python scalar).

    Equality and hash ignore nothing: a weak float64 differs from a strong one.
    """

    __slots__ = ("shape", "dtype", "weak", "_hash")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, weak: bool = False) -> None:
        self.shape = shape
        self.dtype = dtype
        self.weak = weak
        self._hash = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        n = 1
        for s in self.shape:
            n *= s
        return n

    def __eq__(self, other: Any) -> bool:
        return (
            type(other) is ArrayType
            and self.shape == other.shape
            and self.dtype == other.dtype
            and self.weak == other.weak
        )

    def __hash__(self) -> int:
        h = self._hash
        if h is None:
            h = self._hash = hash((self.shape, self.dtype, self.weak))
        return h

    def strong(self) -> ArrayType:
        """The same, not weak."""
        return ArrayType(self.shape, self.dtype) if self.weak else self

    def with_shape(self, shape: tuple[int, ...]) -> ArrayType:
        """The same with another shape."""
        return ArrayType(tuple(shape), self.dtype, self.weak)

    def matches(self, other: Any) -> bool:
        """Equal up to weakness."""
        return (
            isinstance(other, ArrayType)
            and self.shape == other.shape
            and self.dtype == other.dtype
        )

    def tangent(self) -> ArrayType:
        """The type of a tangent: itself for floats, float0 for the rest."""
        if self.dtype.kind in "fc":
            return self.strong()
        return ArrayType(self.shape, FLOAT0)

    def __repr__(self) -> str:
        short = dtype_name(self.dtype)
        return f"{short}[{','.join(map(str, self.shape))}]" + ("*" if self.weak else "")


class RaggedType:
    """A list of elements of one type whose length is known only at run time.

    The tape of a loop of unknown length: `while` and `counted_loop` return such lists whole, and
    `counted_loop` reads one, an element an iteration (docs/design/loops.md).
    """

    __slots__ = ("element",)

    def __init__(self, element: ArrayType) -> None:
        self.element = element

    def __eq__(self, other: Any) -> bool:
        return type(other) is RaggedType and self.element == other.element

    def __hash__(self) -> int:
        return hash((RaggedType, self.element))

    weak = False

    def strong(self) -> RaggedType:
        return self

    def matches(self, other: Any) -> bool:
        return isinstance(other, RaggedType) and self.element.matches(other.element)

    def tangent(self) -> RaggedType:
        return RaggedType(self.element.tangent())

    def __repr__(self) -> str:
        return f"ragged[{self.element}]"


Type = ArrayType | RaggedType

_SHORT = {"b": "bool", "i": "i", "u": "u", "f": "f", "c": "c"}


def dtype_name(dtype: np.dtype) -> str:
    """`f64`, `i32`, `bool`, `key<fry>`, `float0`: how dtypes print in programs."""
    if dtype == KEY:
        return "key<fry>"
    if dtype == FLOAT0:
        return "float0"
    short = _SHORT[dtype.kind]
    return short if dtype.kind == "b" else f"{short}{8 * dtype.itemsize}"
