"""How each kind of item is written and read.

A handler works in three steps: `prepare` looks at the value at once, in the caller's thread, so
that what cannot be saved is an error there; `write` may run later in another thread; `restore`
reads. `prefix` is the item's directory in a composite ("state/") or empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from bibun.array import Array
from bibun.store import args as store_args
from bibun.store import structure
from bibun.store.errors import CheckpointError
from bibun.store.folder import Folder, Writer, check_item_name

Write = Callable[[Writer], None]
TREE, ARRAYS, DATA = "tree.json", "arrays.safetensors", "data.json"


class StandardCheckpointHandler:
    """Trees: `tree.json` and `arrays.safetensors`."""

    kind = "standard"
    save_args: type = store_args.StandardSave
    restore_args: type = store_args.StandardRestore

    def prepare(self, args: Any, prefix: str, copy: bool) -> Write:
        """Look at the tree now; the function returned writes it."""
        document, arrays = structure.encode(args.item, copy)

        def write(writer: Writer) -> None:
            sums = writer.tensors(prefix + ARRAYS, arrays)
            for leaf in document["leaves"]:
                if "tensor" in leaf:
                    leaf["crc32"] = sums[leaf["tensor"]]
            writer.json(prefix + TREE, document)

        return write

    def _document(self, folder: Folder, prefix: str) -> dict[str, Any]:
        return structure.checked(folder.json(prefix + TREE), str(folder.path / (prefix + TREE)))

    def restore(self, folder: Folder, prefix: str, args: Any) -> Any:
        """The tree, its arrays mapped from the file."""
        document = self._document(folder, prefix)
        mapped = folder.tensors(prefix + ARRAYS)

        def load(leaf: dict[str, Any]) -> np.ndarray:
            crc = leaf.get("crc32", -1) if folder.verify else None
            return mapped.read(str(leaf.get("tensor")), leaf["dtype"], tuple(leaf["shape"]), crc)

        what = f"the checkpoint {folder.path / prefix}"
        if args is None or args.item is None:
            return structure.decode(document, load)
        return structure.fit(document, args.item, load, what)

    def metadata(self, folder: Folder, prefix: str) -> Any:
        """The tree with `bibun.ShapeDtypeStruct` for arrays; no array is read."""
        return structure.abstract(self._document(folder, prefix))


class PyTreeCheckpointHandler(StandardCheckpointHandler):
    """Trees; the same as `StandardCheckpointHandler`."""


class ArrayCheckpointHandler(StandardCheckpointHandler):
    """One array: a tree that is a leaf."""

    kind = "array"
    save_args = store_args.ArraySave
    restore_args = store_args.ArrayRestore

    def prepare(self, args: Any, prefix: str, copy: bool) -> Write:
        if not isinstance(args.item, Array | np.ndarray | np.generic):
            raise TypeError(
                f"ArraySave takes an array, got {type(args.item).__name__}; "
                "StandardSave takes trees"
            )
        return super().prepare(args, prefix, copy)


class JsonCheckpointHandler:
    """What JSON can say: `data.json`."""

    kind = "json"
    save_args: type = store_args.JsonSave
    restore_args: type = store_args.JsonRestore

    def prepare(self, args: Any, prefix: str, copy: bool) -> Write:
        """Turn the value into text now. Errors: TypeError naming what JSON cannot say."""
        _check_json(args.item, "")
        content = json.loads(json.dumps(args.item))  # a copy: others may change theirs
        return lambda writer: writer.json(prefix + DATA, content)

    def restore(self, folder: Folder, prefix: str, args: Any) -> Any:
        """The value; tuples have become lists."""
        return folder.json(prefix + DATA)

    def metadata(self, folder: Folder, prefix: str) -> None:
        """None: JSON has no shapes."""
        return


def _check_json(x: Any, path: str) -> None:
    if isinstance(x, dict):
        for k, v in x.items():
            if not isinstance(k, str):
                raise TypeError(
                    f"JsonSave: the key {k!r} at {path or 'the top'} is not a string, "
                    "and JSON would give it back as one"
                )
            _check_json(v, f"{path}[{k!r}]")
    elif isinstance(x, list | tuple):
        for k, v in enumerate(x):
            _check_json(v, f"{path}[{k}]")
    elif x is not None and not isinstance(x, str | int | float):
        raise TypeError(
            f"JsonSave: {path or 'the value'} is a {type(x).__name__}, which JSON cannot say; "
            "use StandardSave for arrays"
        )


HANDLERS = {
    h.kind: h for h in (
        StandardCheckpointHandler(), JsonCheckpointHandler(), ArrayCheckpointHandler()
    )
}  # fmt: skip


def handler_of(kind: str, folder: Folder) -> Any:
    """The handler of a kind of item. Errors: CheckpointError for a kind unknown here."""
    if kind not in HANDLERS:
        raise CheckpointError(f"{folder.path} has an item of the unknown kind {kind!r}")
    return HANDLERS[kind]


class CompositeCheckpointHandler:
    """Several named items, each with args of its own; each in a directory of its own.

    `names`: the items there may be (none: any); `handlers`: items with their handlers.
    """

    def __init__(self, *names: str, **handlers: Any) -> None:
        self.handlers = {check_item_name(n): None for n in names} | handlers

    def check(self, name: str) -> None:
        """Errors: ValueError for an item that was not announced."""
        check_item_name(name)
        if self.handlers and name not in self.handlers:
            raise ValueError(
                f"there is no item {name!r}; CompositeCheckpointHandler was given "
                f"{', '.join(map(repr, self.handlers))}"
            )
