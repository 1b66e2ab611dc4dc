"""`Array`: an immutable n-dimensional array in NumPy memory.

`Value` is what arrays and tracers have in common; `bibun.numpy` installs the operators
and methods on it, so this module knows no operation. Creating an Array never copies;
`bibun.numpy.array` copies, `asarray` shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

    if TYPE_CHECKING:  # what `bibun.numpy.operators` installs, for readers of types
        # fmt: off
        def __add__(self, other: Any) -> Any: ...
        def __radd__(self, other: Any) -> Any: ...
        def __sub__(self, other: Any) -> Any: ...
        def __rsub__(self, other: Any) -> Any: ...
        def __mul__(self, other: Any) -> Any: ...
        def __rmul__(self, other: Any) -> Any: ...
        def __truediv__(self, other: Any) -> Any: ...
        def __rtruediv__(self, other: Any) -> Any: ...
        def __floordiv__(self, other: Any) -> Any: ...
        def __rfloordiv__(self, other: Any) -> Any: ...
        def __mod__(self, other: Any) -> Any: ...
        def __rmod__(self, other: Any) -> Any: ...
        def __pow__(self, other: Any) -> Any: ...
        def __rpow__(self, other: Any) -> Any: ...
        def __matmul__(self, other: Any) -> Any: ...
        def __rmatmul__(self, other: Any) -> Any: ...
        def __and__(self, other: Any) -> Any: ...
        def __rand__(self, other: Any) -> Any: ...
        def __or__(self, other: Any) -> Any: ...
        def __ror__(self, other: Any) -> Any: ...
        def __xor__(self, other: Any) -> Any: ...
        def __rxor__(self, other: Any) -> Any: ...
        def __lshift__(self, other: Any) -> Any: ...
        def __rlshift__(self, other: Any) -> Any: ...
        def __rshift__(self, other: Any) -> Any: ...
        def __rrshift__(self, other: Any) -> Any: ...
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...
        def __neg__(self) -> Any: ...
        def __pos__(self) -> Any: ...
        def __abs__(self) -> Any: ...
        def __invert__(self) -> Any: ...
        def __getitem__(self, index: Any) -> Any: ...
        def __getattr__(self, name: str) -> Any: ...
        def __len__(self) -> int: ...
        def __iter__(self) -> Any: ...
        def __float__(self) -> float: ...
        def __int__(self) -> int: ...
        def __index__(self) -> int: ...
        # fmt: on


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

    # Arrays do not change, so a copy is the array itself.

    def __copy__(self) -> Array:
        return self

    def __deepcopy__(self, memo: Any) -> Array:
        return self

    def __reduce__(self) -> Any:
        return Array, (np.ascontiguousarray(self._value).reshape(self.shape), self._weak)

    # Text: as NumPy prints, with the dtype always said.

    def _dtype_text(self) -> str:
        return str(self.dtype) if self.dtype.names is None else self.dtype.names[0]

    def __repr__(self) -> str:
        tail = f", dtype={self._dtype_text()}" + (", weak=True" if self._weak else "") + ")"
        body = np.array2string(self._value, separator=", ", prefix="Array(", suffix=tail)
        if self.size == 0 and self.shape != (0,):
            body = f"[], shape={self.shape}"
        return f"Array({body}{tail}"

    def __str__(self) -> str:
        return str(self._value[()])

    def __format__(self, spec: str) -> str:
        if self.ndim == 0 and self.dtype.names is None:
            return format(self._value.item(), spec)
        if spec:
            raise TypeError(f"an array of shape {self.shape} cannot be formatted with {spec!r}")
        return str(self)

    # Sharing memory with other libraries. What is exported is read-only.

    def __dlpack__(
        self,
        *,
        stream: None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: Any = None,
        copy: bool | None = None,
    ) -> Any:
        """The DLPack capsule; a consumer that knows no read-only memory gets a copy."""
        if copy or max_version is None or max_version < (1, 0):
            return self._value.copy().__dlpack__(max_version=max_version, dl_device=dl_device)
        view = self._value.view()
        view.flags.writeable = False
        return view.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._value.__dlpack_device__()
