"""`Array`: an immutable n-dimensional array in NumPy memory.

`Value` is what arrays and tracers have in common; `bibun.numpy` installs the operators
and methods on it, so this module knows no operation. Creating an Array never copies;
`bibun.numpy.array` copies, `asarray` shares.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.ir.types import ArrayType


class Value:
    """Base of `Array` and of every tracer; its operators are installed by `bibun.numpy`."""

    __slots__ = ("__weakref__",)
    __array_priority__ = 200

    type: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    @property
    def dtype(self) -> np.dtype:
        return self.type.dtype

    @property
    def ndim(self) -> int:
        return len(self.type.shape)

    @property
    def size(self) -> int:
        return self.type.size

    @property
    def weak(self) -> bool:
        return self.type.weak


class Array(Value):
    """An immutable array of numbers. Made by `bibun.numpy.array`, `zeros`, … and by every op.

    >>> import bibun.numpy as bnp
    >>> bnp.array([1.0, 2.0]) * 3
    Array([3., 6.], dtype=float64)
    """

    __slots__ = ("_value", "_weak")

    def __init__(self, value: np.ndarray, weak: bool = False) -> None:
        self._value = value
        self._weak = weak

    @property
    def type(self) -> ArrayType:
        v = self._value
        return ArrayType(v.shape, v.dtype, self._weak)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @property
    def dtype(self) -> np.dtype:
        return self._value.dtype

    @property
    def ndim(self) -> int:
        return self._value.ndim

    @property
    def size(self) -> int:
        return self._value.size

    @property
    def weak(self) -> bool:
        return self._weak
