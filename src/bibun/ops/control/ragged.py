"""Ragged lists: what a loop of unknown length writes down for its reverse pass.

A value of type `ragged[T]` is a list of elements of type T whose length is known only when
it has been computed. T may be an array, or a ragged list again: the tape of a loop inside a
loop. Loops make and consume these lists whole, one element an iteration: `while` and
`counted_loop` return their per-iteration results as ragged lists, `counted_loop` (and
`scan`, for lists of lists) reads them one element an iteration. So a pullback never
mutates a tape, and every order of derivative costs one element an iteration: there is no
accumulation into a list, which would copy it.

Past its end a ragged list reads as zeros. This makes the empty list the zero of its type,
whatever the length of its partner, so a zero cotangent needs no length. Only two ops are
left: `ragged_empty`, the zero, and `ragged_length`. Sums and selections of ragged lists are
counted loops (`bibun.ops.control.common.ragged_map`).

A mapped axis of a batched ragged list is axis 0 of every element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bibun.array import Array, Value
from bibun.config import config
from bibun.ir.types import ArrayType, RaggedType, Type, dtype_name
from bibun.ops.control import lowering
from bibun.ops.op import LIBRARY, Op, Sample
from bibun.ops.registry import register

_INT = np.dtype(np.int64)


class Ragged(Value):
    """A computed ragged list: rows of one NumPy buffer, or a tuple of ragged lists.

    Immutable; `read(i)` is a view, and zeros past the end.
    """

    __slots__ = ("_element", "_items")

    def __init__(self, element: Type, items: np.ndarray | Sequence[Ragged]) -> None:
        self._element = element
        self._items = items

    @property
    def type(self) -> RaggedType:
        return RaggedType(self._element)

    @property
    def rows(self) -> np.ndarray:
        """The elements of a list of arrays as one array, stacked on axis 0."""
        if isinstance(self._element, RaggedType):
            raise TypeError(f"a {self.type} has no rows: its elements have no common length")
        return self._items  # type: ignore[return-value]

    def __len__(self) -> int:
        return len(self._items)

    def read(self, i: int) -> Value:
        if i < len(self._items):
            item = self._items[i, ...] if type(self._items) is np.ndarray else self._items[i]
            return Array(item) if isinstance(item, np.ndarray) else item
        return zero_value(self._element)

    def __repr__(self) -> str:
        return f"Ragged({self.type}, length={len(self)})"


def zero_value(type: Type) -> Value:
    """The zero of a type, computed now."""
    if isinstance(type, RaggedType):
        return empty_value(type.element)
    return Array(np.broadcast_to(np.zeros((), type.dtype), type.shape))


def empty_value(element: Type) -> Ragged:
    """A ragged list without elements."""
    if isinstance(element, RaggedType):
        return Ragged(element, ())
    return Ragged(element, np.empty((0, *element.shape), element.dtype))


class Tapes:
    """Collects the per-iteration results of one running loop as ragged lists.

    Appending is amortised O(1): buffers double. Errors: MemoryError naming the loop once all
    its buffers together pass `config.ragged_memory_limit`.
    """

    __slots__ = ("elements", "stores", "where", "limit", "held", "nested")

    def __init__(self, elements: Sequence[Type], where: str, count: int = 16) -> None:
        self.elements = list(elements)
        self.where = where
        self.limit = config.ragged_memory_limit
        self.held = 0
        self.nested = [isinstance(t, RaggedType) for t in self.elements]
        self.stores: list[Any] = []
        for t, nested in zip(self.elements, self.nested, strict=True):
            self.stores.append({} if nested else self._buffer(t, max(count, 1)))

    def _buffer(self, t: Any, rows: int) -> np.ndarray:
        self.held += rows * t.size * t.dtype.itemsize
        if self.held > self.limit:
            listed = ", ".join(map(str, self.elements))
            raise MemoryError(
                f"the tape of {self.where} would take more than config.ragged_memory_limit = "
                f"{self.limit} bytes; each iteration writes {listed}. Raise the limit, save "
                "less in the body, or stop the loop earlier."
            )
        return np.empty((rows, *t.shape), t.dtype)

    def put(self, i: int, values: Sequence[Any]) -> None:
        for k, value in enumerate(values):
            store = self.stores[k]
            if self.nested[k]:
                store[i] = value
                continue
            if i >= len(store):
                grown = self._buffer(self.elements[k], 2 * len(store))
                grown[: len(store)] = store
                self.held -= store.nbytes
                store = self.stores[k] = grown
            store[i] = value._value

    def done(self, count: int) -> list[Ragged]:
        """The finished lists. A buffer more than half empty gives its memory back."""
        lists = []
        for t, store, nested in zip(self.elements, self.stores, self.nested, strict=True):
            if nested:
                lists.append(Ragged(t, tuple(store[i] for i in range(count))))
            else:
                rows = store[:count]
                rows = rows.copy() if 2 * count < len(store) else rows
                rows.flags.writeable = False
                lists.append(Ragged(t, rows))
        return lists


def _sample_lists() -> list[Sample]:
    rows = Ragged(ArrayType((2,), np.dtype(np.float64)), np.arange(6.0).reshape(3, 2))
    return [Sample(rows), Sample(Ragged(rows.type, (rows, rows)))]


def _no_inputs(ctx: Any, size: int, args: Any, dims: Any, **params: Any) -> Any:
    raise AssertionError("an op without inputs has nothing mapped")


ragged_empty = register(
    Op(
        "ragged_empty",
        LIBRARY,
        type_rule=lambda *, element: RaggedType(element),
        eval=lambda ctx, args, *, element: empty_value(element),
        batch=_no_inputs,
        lower=lowering.ragged_lower["ragged_empty"],
        structured=True,
        samples=lambda: [
            Sample(element=ArrayType((3,), np.dtype(np.float32))),
            Sample(element=RaggedType(ArrayType((), _INT))),
        ],
        doc="`ragged_empty(element=T)`: the ragged list without elements, the zero of ragged[T].",
    )
)


def _length_type(x: Type) -> ArrayType:
    if not isinstance(x, RaggedType):
        name = dtype_name(x.dtype)
        raise TypeError(f"ragged_length: expected a ragged list, got an array of {name}")
    return ArrayType((), _INT)


ragged_length = register(
    Op(
        "ragged_length",
        LIBRARY,
        type_rule=_length_type,
        eval=lambda ctx, args: Array(np.asarray(len(args[0]), _INT)),
        batch=lambda ctx, size, args, dims: (ragged_length(args[0]), None),
        lower=lowering.ragged_lower["ragged_length"],
        structured=True,
        samples=_sample_lists,
        doc="`ragged_length(x)`: the number of elements of a ragged list, an int64.",
    )
)
