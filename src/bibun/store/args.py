"""What to save, or to restore, and how: the `args` of checkpointers.

    args.Composite(state=args.StandardSave(state), metadata=args.JsonSave({"epoch": 3}))

`Standard…` and `PyTree…` are trees of arrays and Python values, `Json…` what JSON can say,
`Array…` one array. A `…Restore` may have the target that it must fit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any


@dataclasses.dataclass
class CheckpointArgs:
    """Base of all args. `kind`: the handler that understands them."""

    item: Any = None
    kind = ""


@dataclasses.dataclass
class StandardSave(CheckpointArgs):
    """Save a tree of arrays, Python numbers and strings.

    Errors: ValueError for `save_args`, Orbax's way to store other dtypes than the arrays have.
    """

    save_args: Any = None
    kind = "standard"

    def __post_init__(self) -> None:
        if self.save_args is not None:
            raise ValueError(
                "save_args is not supported: arrays are stored in the dtype they have; convert the "
                "tree first, as in bibun.tree.map(lambda a: a.astype('float32'), tree)"
            )


@dataclasses.dataclass
class StandardRestore(CheckpointArgs):
    """Restore a tree; `item`: a tree of arrays or `bibun.ShapeDtypeStruct` that it must fit.

    Errors: ValueError for `strict=False`, which in Orbax cuts and pads arrays to fit the target.
    """

    strict: bool = True
    kind = "standard"

    def __post_init__(self) -> None:
        if not self.strict:
            raise ValueError(
                "strict=False is not supported: an array is never cut or padded in silence to fit "
                "a target. Restore without a target, and change the shapes yourself"
            )


class PyTreeSave(StandardSave):
    """Save a tree; the same as `StandardSave`."""


class PyTreeRestore(StandardRestore):
    """Restore a tree; the same as `StandardRestore`."""


@dataclasses.dataclass
class JsonSave(CheckpointArgs):
    """Save what JSON can say: dicts with string keys, lists, strings, numbers, booleans, None."""

    kind = "json"


@dataclasses.dataclass
class JsonRestore(CheckpointArgs):
    """Restore what `JsonSave` saved."""

    kind = "json"


@dataclasses.dataclass
class ArraySave(CheckpointArgs):
    """Save one array, bibun's or NumPy's."""

    kind = "array"


@dataclasses.dataclass
class ArrayRestore(CheckpointArgs):
    """Restore one array; `item`: an array or `ShapeDtypeStruct` that it must fit."""

    kind = "array"


class Composite(Mapping[str, Any]):
    """Several named items; also what restoring several gives: `restored.state`.

    >>> both = Composite(state=1, metadata=2)
    >>> both.state, both["metadata"], list(both)
    (1, 2, ['state', 'metadata'])
    """

    def __init__(self, *args: Any, **items: Any) -> None:
        self.__dict__["_items"] = dict(*args, **items)

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_items" not in self.__dict__:
            raise AttributeError(name)
        if name not in self._items:
            raise AttributeError(f"there is no item {name!r}; there are {list(self._items)}")
        return self._items[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a Composite cannot be changed")

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def keys(self) -> KeysView[str]:
        return self._items.keys()

    def values(self) -> ValuesView[Any]:
        return self._items.values()

    def items(self) -> ItemsView[str, Any]:
        return self._items.items()

    def __repr__(self) -> str:
        return f"Composite({', '.join(f'{k}={v!r}' for k, v in self._items.items())})"
