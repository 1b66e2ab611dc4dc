"""Guards: what a traced function read of an object's attributes.

While a method is traced, its `self` (any watched object with ordinary attributes) gets a
subclass of its own class that notes every attribute read; an object found in an attribute
is watched in turn, also inside lists and dicts, so that `self.layers[0].order` is a guard
too. The trace is good as long as these attributes hold the same objects, or equal numbers,
strings and containers of these. Arrays are compared by identity: they are captured by
identity too.

A trace made inside another one, or found there, passes its reads on: what an inner method
read, the outer function depends on.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from bibun.array import Value

_PLAIN = (int, float, complex, str, bytes, bool, type(None), frozenset)
_lock = threading.RLock()
_classes: dict[type, type] = {}
_MISSING = object()

Path = tuple[Any, ...]  # the number of a root, then names of attributes and `Item`s


class Item:
    """A step of a path: into a container, at `key`."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return type(other) is Item and other.key == self.key

    def __hash__(self) -> int:
        return hash((Item, self.key))

    def __str__(self) -> str:
        return f"[{self.key!r}]"


def _follow(x: Any, step: Any) -> Any:
    """What is found at a step of a path; `_MISSING` where there is nothing."""
    if type(step) is not Item:
        return getattr(x, "__dict__", {}).get(step, _MISSING)
    try:
        return dict.get(x, step.key, _MISSING) if isinstance(x, dict) else x[step.key]
    except (LookupError, TypeError):
        return _MISSING


class Guards:
    """Attributes read during a trace: path -> what it held then.

    The first `given` roots are the watched objects, which a caller hands in again; the others
    are objects that inner traces depend on.
    """

    __slots__ = ("reads", "roots", "given", "_watched")

    def __init__(self, objects: Sequence[Any]) -> None:
        self.reads: dict[Path, Any] = {}
        self.roots: list[Any] = list(objects)
        self.given = len(self.roots)
        self._watched: list[tuple[Any, tuple[Guards, Path]]] = []

    def hold(self, objects: Sequence[Any]) -> bool:
        """Whether all that was read is as it was; `objects` are the roots of now."""
        return self.changed(objects) is None

    def changed(self, objects: Sequence[Any]) -> str | None:
        """The attribute that is not as it was, as `Model.layer.size`; None if all are."""
        for path, before in self.reads.items():
            root = now = self._root(path, objects)
            for name in path[1:]:
                now = _follow(now, name)
            if now is not before and not _same(before, now):
                return ".".join([type(root).__name__, *map(str, path[1:])])
        return None

    def _root(self, path: Path, objects: Sequence[Any]) -> Any:
        return objects[path[0]] if path[0] < self.given else self.roots[path[0]]

    def pass_on(self, objects: Sequence[Any]) -> None:
        """Let the traces that are being made depend on what this one read."""
        if not _tracing.guards:
            return
        for path in self.reads:
            x = self._root(path, objects)
            for outer in _tracing.guards:
                outer.watch_root(x)
            for name in path[1:]:  # reading notes it, where x is watched
                x = _follow(x, name) if type(name) is Item else getattr(x, name, None)

    def watch_root(self, x: Any) -> None:
        if not any(x is r for r in self.roots):
            self.roots.append(x)
            self.watch(x, (len(self.roots) - 1,))

    def watch(self, x: Any, path: Path) -> None:
        """Note what is read of x from now on, under `path`."""
        entry = (self, path)
        with _lock:
            logs = _active.get(id(x))
            if logs is None:
                if not _watchable(x) or (made := _watched_class(type(x))) is None:
                    return
                try:
                    x.__class__ = made
                except TypeError:
                    return
                logs = _active[id(x)] = []
            elif any(g is self for g, _ in logs):
                return
            logs.append(entry)
            self._watched.append((x, entry))

    def note(self, path: Path, value: Any) -> None:
        """An attribute was read: it is a guard, and so is what is read of objects in it."""
        if path not in self.reads:
            self.reads[path] = _snapshot(value)
            for x, at in _objects_in(value, path):
                self.watch(x, at)

    def stop(self) -> None:
        with _lock:
            for x, entry in self._watched:
                logs = _active[id(x)]
                logs.remove(entry)
                if not logs:
                    del _active[id(x)]
                    x.__class__ = type(x).__mro__[1]
            self._watched.clear()


class _Tracing(threading.local):
    def __init__(self) -> None:
        self.guards: list[Guards] = []  # of the traces being made in this thread, outermost first


_tracing = _Tracing()
_active: dict[int, list[tuple[Guards, Path]]] = {}


class _Held:
    """What a container held: its class and a copy of its contents."""

    __slots__ = ("kind", "contents")

    def __init__(self, kind: type, contents: Any) -> None:
        self.kind = kind
        self.contents = contents


def _snapshot(x: Any) -> Any:
    """Containers are copied, so that a change inside is a change."""
    if isinstance(x, list | tuple | deque):
        return _Held(type(x), [_snapshot(v) for v in x])
    if isinstance(x, dict):
        return _Held(type(x), {k: _snapshot(v) for k, v in x.items()})
    return _Held(type(x), set(x)) if isinstance(x, set) else x


def _same(before: Any, now: Any) -> bool:
    if now is before:
        return True
    if type(before) is not _Held:
        if type(now) is not type(before) or type(now) not in _PLAIN:
            return False
        return repr(now) == repr(before) if type(now) in (float, complex) else now == before
    if type(now) is not before.kind:
        return False
    held = before.contents
    if type(held) is set:
        return now == held
    if len(now) != len(held):
        return False
    if type(held) is dict:
        return list(now) == list(held) and all(_same(v, now[k]) for k, v in held.items())
    return all(map(_same, held, now))


def _objects_in(x: Any, path: Path) -> Iterator[tuple[Any, Path]]:
    """The objects at and in a value, with their paths."""
    if isinstance(x, dict):
        for k, v in x.items():
            yield from _objects_in(v, (*path, Item(k)))
    elif isinstance(x, list | tuple | deque):
        for k, v in enumerate(x):
            yield from _objects_in(v, (*path, Item(k)))
    if _watchable(x) or id(x) in _active:
        yield x, path


def _watchable(x: Any) -> bool:
    cls = type(x)
    module = cls.__module__.partition(".")[0]
    return (
        hasattr(x, "__dict__")
        and module not in ("builtins", "bibun", "numpy", "functools")
        and not isinstance(x, type | Value)
        and cls.__setattr__ is object.__setattr__
    )


def _watched_class(cls: type) -> type | None:
    made = _classes.get(cls)
    if made is None:

        def __getattribute__(self: Any, name: str) -> Any:
            value = cls.__getattribute__(self, name)
            logs = _active.get(id(self))
            if logs:
                held = cls.__getattribute__(self, "__dict__")
                if name == "__dict__":  # may be read for any of them
                    for guards, path in tuple(logs):
                        for n, v in tuple(held.items()):
                            guards.note((*path, n), v)
                elif name in held:
                    for guards, path in tuple(logs):
                        guards.note((*path, name), value)
            return value

        try:
            body = {"__getattribute__": __getattribute__, "__slots__": ()}
            made = type(cls.__name__, (cls,), body)
        except TypeError:
            return None
        _classes[cls] = made
    return made


@contextlib.contextmanager
def watching(objects: Sequence[Any]) -> Iterator[Guards]:
    """Note the attributes of `objects` that are read inside the block."""
    guards = Guards(objects)
    _tracing.guards.append(guards)
    try:
        for k, x in enumerate(guards.roots):
            guards.watch(x, (k,))
        yield guards
    finally:
        _tracing.guards.pop()
        guards.stop()
        guards.pass_on(guards.roots)
