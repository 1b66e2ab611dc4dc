"""Saving and restoring, at once or in a thread.

A save has two halves. In the caller's thread the value is looked at: its structure is written
down, and what could still change (NumPy arrays; bibun's cannot) is copied if the rest is to run
later. Then everything is written to a temporary directory and renamed (`atomic.py`). An
asynchronous checkpointer does the second half in a thread, one save at a time; its errors
come out of the next call to it, at the latest of `wait_until_finished`.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bibun.store import args as store_args
from bibun.store import atomic
from bibun.store.errors import CheckpointError, CorruptCheckpointError
from bibun.store.folder import Folder, ReplacedError, Writer
from bibun.store.handlers import (
    HANDLERS,
    CompositeCheckpointHandler,
    StandardCheckpointHandler,
    handler_of,
)

PathLike = str | os.PathLike[str]
_ATTEMPTS = 20  # readings of a checkpoint that is replaced while it is read


class Checkpointer:
    """Saves and restores with a handler; a call returns when all is on the disk.

    `handler`: `CompositeCheckpointHandler("state", "metadata")` for several items, or one of
    `StandardCheckpointHandler`, `PyTreeCheckpointHandler`, `JsonCheckpointHandler`,
    `ArrayCheckpointHandler`. `verify`: check every byte that is read against its checksum;
    without, arrays are mapped and read only where they are used.

    Errors: FileExistsError where something is and `force` is not given; CheckpointMismatchError,
    CorruptCheckpointError, CheckpointError (see `bibun.store.errors`); OSError of the disk.

    >>> import tempfile
    >>> import bibun.numpy as bnp
    >>> from bibun import store
    >>> path = tempfile.mkdtemp() + "/run"
    >>> checkpointer = store.Checkpointer(store.CompositeCheckpointHandler("state", "metadata"))
    >>> checkpointer.save(path, args=store.args.Composite(
    ...     state=store.args.StandardSave({"w": bnp.ones(2)}),
    ...     metadata=store.args.JsonSave({"epoch": 3})))
    >>> checkpointer.restore(path, args=store.args.Composite(
    ...     metadata=store.args.JsonRestore())).metadata
    {'epoch': 3}
    >>> checkpointer.restore(path).state["w"]
    Array([1., 1.], dtype=float64)
    """

    asynchronous = False

    def __init__(self, handler: Any, *, verify: bool = True) -> None:
        self.handler = handler
        self.verify = verify

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is under way."""

    # saving ---------------------------------------------------------------------------------------

    def save(self, directory: PathLike, *items: Any, args: Any = None, force: bool = False) -> None:
        """Save to a directory that does not exist yet, or with `force` in place of what is there.

        `args`: one of `bibun.store.args`; or the value itself, for a handler of one kind.
        """
        path, write = self._prepare(directory, items, args, force)
        self._commit(path, write, force)

    def _prepare(
        self, directory: PathLike, items: tuple[Any, ...], args: Any, force: bool
    ) -> tuple[Path, Callable[[Writer], None]]:
        path = atomic.absolute(directory)
        if not force:
            atomic.refuse_existing(path)
        if len(items) + (args is not None) != 1:
            raise TypeError("save(directory, args=...) takes what to save once")
        given = items[0] if items else args
        if isinstance(self.handler, CompositeCheckpointHandler):
            return path, self._composite(given)
        handler = self.handler
        if not isinstance(given, store_args.CheckpointArgs):
            given = handler.save_args(given)
        _same_kind(handler, given, handler.save_args)
        write = handler.prepare(given, "", self.asynchronous)

        def whole(writer: Writer) -> None:
            write(writer)
            writer.finish({"": handler.kind}, composite=False)

        return path, whole

    def _composite(self, given: Any) -> Callable[[Writer], None]:
        if not isinstance(given, store_args.Composite):
            raise TypeError(f"give args=args.Composite(name=...), not {type(given).__name__}")
        kinds, writes = {}, []
        for name, item in given.items():
            self.handler.check(name)
            if not isinstance(item, store_args.CheckpointArgs) or item.kind not in HANDLERS:
                raise TypeError(
                    f"the item {name!r} is a {type(item).__name__}; wrap it, for example in "
                    "args.StandardSave"
                )
            handler = self.handler.handlers.get(name) or HANDLERS[item.kind]
            _same_kind(handler, item, handler.save_args)
            kinds[name] = handler.kind
            writes.append(handler.prepare(item, f"{name}/", self.asynchronous))

        def write(writer: Writer) -> None:
            for w in writes:
                w(writer)
            writer.finish(kinds, composite=True)

        return write

    def _commit(self, path: Path, write: Callable[[Writer], None], force: bool) -> None:
        with atomic.replacing(path, force) as work:
            write(Writer(work))

    # restoring ------------------------------------------------------------------------------------

    def restore(self, directory: PathLike, *items: Any, args: Any = None, item: Any = None) -> Any:
        """What was saved. `args`: what to restore, and the target it must fit.

        Without args everything is restored as it was saved. `item`: a target, for a handler of
        one kind. Arrays are views of the file's memory map, read when used, and stay valid when
        the checkpoint is replaced or deleted.
        """
        if len(items) + (args is not None) + (item is not None) > 1:
            raise TypeError("restore(directory, args=...) takes what to restore once")
        given = items[0] if items else args if args is not None else item
        return self._read(directory, lambda folder: self._restore(folder, given))

    def metadata(self, directory: PathLike) -> Any:
        """Structure, shapes and dtypes, without reading an array: `ShapeDtypeStruct` leaves."""

        def look(folder: Folder) -> Any:
            if folder.composite:
                return store_args.Composite({
                    n: handler_of(k, folder).metadata(folder, f"{n}/")
                    for n, k in folder.items.items()
                })  # fmt: skip
            return handler_of(folder.items[""], folder).metadata(folder, "")

        return self._read(directory, look)

    def _read(self, directory: PathLike, use: Callable[[Folder], Any]) -> Any:
        return self.read_now(directory, use)

    def read_now(self, directory: PathLike, use: Callable[[Folder], Any]) -> Any:
        """What `use(folder)` gives, on one whole checkpoint even where it is being replaced."""
        path = atomic.absolute(directory)
        for _ in range(_ATTEMPTS):
            found = atomic.locate(path)
            try:
                folder = Folder(found, self.verify)
            except ReplacedError:
                continue
            except (CheckpointError, FileNotFoundError):
                if atomic.locate(path) != found:
                    continue
                raise
            with folder:
                try:
                    return use(folder)
                except (CorruptCheckpointError, FileNotFoundError):
                    if not folder.moved():
                        raise
        raise CheckpointError(f"{path} is replaced faster than it can be read")

    def _restore(self, folder: Folder, given: Any) -> Any:
        if not isinstance(self.handler, CompositeCheckpointHandler):
            return self._restore_single(folder, given)
        if not folder.composite:
            raise CheckpointError(
                f"{folder.path} holds one item of the kind {folder.items.get('')!r}, not several: "
                "restore it with StandardCheckpointer or a Checkpointer of its handler"
            )
        if given is None:
            given = store_args.Composite(dict.fromkeys(folder.items))
        if not isinstance(given, store_args.Composite):
            raise TypeError(f"give args=args.Composite(name=...), not {type(given).__name__}")
        out = {}
        for name, item in given.items():
            self.handler.check(name)
            if name not in folder.items:
                raise CheckpointError(
                    f"{folder.path} has no item {name!r}; it has "
                    f"{', '.join(map(repr, folder.items)) or 'none'}"
                )
            handler = handler_of(folder.items[name], folder)
            if item is not None:
                _same_kind(handler, item, handler.restore_args, str(folder.path / name))
            out[name] = handler.restore(folder, f"{name}/", item)
        return store_args.Composite(out)

    def _restore_single(self, folder: Folder, given: Any) -> Any:
        if folder.composite:
            raise CheckpointError(
                f"{folder.path} holds the items {', '.join(map(repr, folder.items))}: restore it "
                "with Checkpointer(CompositeCheckpointHandler(...))"
            )
        handler = self.handler
        if folder.items.get("") != handler.kind:
            raise CheckpointError(
                f"{folder.path} was saved as {folder.items.get('')!r}, and this checkpointer "
                f"restores {handler.kind!r}"
            )
        if given is not None and not isinstance(given, store_args.CheckpointArgs):
            given = handler.restore_args(given)
        if given is not None:
            _same_kind(handler, given, handler.restore_args)
        return handler.restore(folder, "", given)


def _same_kind(handler: Any, given: Any, wanted: type, what: str = "this item") -> None:
    if getattr(given, "kind", None) != handler.kind or not isinstance(given, wanted):
        raise TypeError(f"{what} takes args.{wanted.__name__}, got {type(given).__name__}")


_unfinished: weakref.WeakSet[AsyncCheckpointer] = weakref.WeakSet()


class AsyncCheckpointer(Checkpointer):
    """A Checkpointer whose `save` returns at once and writes in a thread.

    Nothing of bibun's is copied (arrays do not change). `wait_until_finished` returns when all
    is on the disk, and raises what went wrong; so does the next `save` or `restore`. Python does
    not exit before a save has ended.

    >>> import tempfile
    >>> import bibun.numpy as bnp
    >>> from bibun import store
    >>> path = tempfile.mkdtemp() + "/w"
    >>> with store.AsyncCheckpointer(store.StandardCheckpointHandler()) as checkpointer:
    ...     checkpointer.save(path, args=store.args.StandardSave([bnp.arange(3), 0.5]))
    ...     checkpointer.wait_until_finished()
    ...     checkpointer.restore(path)
    [Array([0, 1, 2], dtype=int64), 0.5]
    """

    asynchronous = True

    def __init__(self, handler: Any, *, verify: bool = True, timeout_secs: int = 600) -> None:
        super().__init__(handler, verify=verify)
        self.timeout_secs = timeout_secs
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def save(self, directory: PathLike, *items: Any, args: Any = None, force: bool = False) -> None:
        """Begin to save; see `Checkpointer.save`. Waits for a save that is under way."""
        self.wait_until_finished()
        path, write = self._prepare(directory, items, args, force)
        self._start(lambda: self._commit(path, write, force))

    def _start(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except BaseException as e:  # raised where the result is asked for
                self._error = e
                _unfinished.add(self)

        self._thread = threading.Thread(target=run, name="bibun.store")
        self._thread.start()

    def wait_until_finished(self) -> None:
        """Return when the last save is on the disk. Errors: whatever that save failed with."""
        thread = self._thread
        if thread is not None:
            thread.join(self.timeout_secs)
            if thread.is_alive():
                raise TimeoutError(f"the save is not finished after {self.timeout_secs} seconds")
        self._thread = None
        error, self._error = self._error, None
        _unfinished.discard(self)
        if error is not None:
            raise error

    def _read(self, directory: PathLike, use: Callable[[Folder], Any]) -> Any:
        self.wait_until_finished()
        return super()._read(directory, use)

    def close(self) -> None:
        """Wait for a save that is under way; raises what it failed with."""
        self.wait_until_finished()


@atexit.register
def _tell() -> None:
    """Errors of saves that nobody waited for are not lost."""
    for checkpointer in list(_unfinished):
        print(f"bibun.store: a save failed: {checkpointer._error}", file=sys.stderr)


class StandardCheckpointer(AsyncCheckpointer):
    """Saves trees in a thread: `save(path, tree)`, `wait_until_finished()`, `restore(path)`.

    `restore(path, target)`: `target` is a tree of arrays or `bibun.ShapeDtypeStruct` that the
    checkpoint must fit; the result has its classes. Without, classes come back as dicts.

    >>> import tempfile
    >>> import bibun, bibun.numpy as bnp
    >>> from bibun import store
    >>> path = tempfile.mkdtemp() + "/state"
    >>> checkpointer = store.StandardCheckpointer()
    >>> checkpointer.save(path, {"w": bnp.ones((2, 3)), "step": 7})
    >>> checkpointer.wait_until_finished()
    >>> checkpointer.restore(path)["step"]
    7
    >>> target = {"w": bibun.ShapeDtypeStruct((3, 2), float), "step": 0}
    >>> checkpointer.restore(path, target)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    bibun.store.errors.CheckpointMismatchError: ... the leaf ['w'] is float64[2, 3] there...
    """

    def __init__(self, *, verify: bool = True, timeout_secs: int = 600) -> None:
        super().__init__(StandardCheckpointHandler(), verify=verify, timeout_secs=timeout_secs)

    def save(self, directory: PathLike, state: Any, *, force: bool = False) -> None:  # type: ignore[override]
        """Begin to save a tree of arrays, numbers and strings."""
        super().save(directory, args=_wrapped(state, store_args.StandardSave), force=force)

    def restore(self, directory: PathLike, target: Any = None, *, strict: bool = True) -> Any:  # type: ignore[override]
        """The tree, or one like `target`. Errors: CheckpointMismatchError names the leaf.

        `strict=False` is refused, as by `store.args.StandardRestore`.
        """
        args = store_args.StandardRestore(target, strict=strict)
        if isinstance(target, store_args.CheckpointArgs):
            args = target
        return super().restore(directory, args=args)


class PyTreeCheckpointer(Checkpointer):
    """A Checkpointer of trees: `save(path, tree)`, `restore(path, item=target)`.

    >>> import tempfile
    >>> import bibun.numpy as bnp
    >>> from bibun import store
    >>> path = tempfile.mkdtemp() + "/state"
    >>> store.PyTreeCheckpointer().save(path, {"w": bnp.ones(2)})
    >>> store.PyTreeCheckpointer().restore(path, item={"w": bnp.zeros(2)})
    {'w': Array([1., 1.], dtype=float64)}
    """

    def __init__(self, *, verify: bool = True) -> None:
        super().__init__(StandardCheckpointHandler(), verify=verify)

    def save(self, directory: PathLike, item: Any, *, force: bool = False) -> None:  # type: ignore[override]
        """Save a tree of arrays, numbers and strings."""
        super().save(directory, args=_wrapped(item, store_args.StandardSave), force=force)


def _wrapped(x: Any, kind: type) -> Any:
    return x if isinstance(x, store_args.CheckpointArgs) else kind(x)
