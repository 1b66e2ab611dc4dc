"""Guards: what a traced function read of an object's attributes.

While a method is traced, its `self` (any watched object with ordinary attributes) gets a
subclass of its own class that notes every attribute read. The trace is good as long as
these attributes hold the same objects, or equal numbers, strings and tuples of these.
Arrays are compared by identity: they are captured by identity too.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from bibun.array import Value

_PLAIN = (int, float, complex, str, bytes, bool, type(None), tuple, frozenset)
_lock = threading.RLock()
_classes: dict[type, type] = {}


class Guards:
    """Attributes read during a trace: (position of the object, name, value then)."""

    __slots__ = ("reads", "count")

    def __init__(self) -> None:
        self.reads: dict[tuple[int, str], Any] = {}
        self.count = 0

    def hold(self, objects: list[Any]) -> bool:
        """Whether all that was read is as it was."""
        for (k, name), value in self.reads.items():
            now = vars(objects[k]).get(name, _MISSING)
            if now is value:
                continue
            if type(now) is not type(value) or not isinstance(now, _PLAIN) or now != value:
                return False
        return True


_MISSING = object()


def _watchable(x: Any) -> bool:
    cls = type(x)
    return (
        hasattr(x, "__dict__")
        and cls.__module__ != "builtins"
        and not isinstance(x, type | Value)
        and cls.__setattr__ is object.__setattr__
    )


def _watched_class(cls: type) -> type | None:
    made = _classes.get(cls)
    if made is None:

        def __getattribute__(self: Any, name: str) -> Any:
            value = cls.__getattribute__(self, name)
            log = _active.get(id(self))
            if log is not None and name in cls.__getattribute__(self, "__dict__"):
                guards, k = log
                guards.reads.setdefault((k, name), value)
            return value

        try:
            made = type(cls.__name__, (cls,), {"__getattribute__": __getattribute__, "__slots__": ()})
        except TypeError:
            return None
        _classes[cls] = made
    return made


_active: dict[int, tuple[Guards, int]] = {}


@contextlib.contextmanager
def watching(objects: list[Any]) -> Iterator[Guards]:
    """Note the attributes of `objects` that are read inside the block."""
    guards = Guards()
    changed: list[tuple[Any, type]] = []
    if objects:
        with _lock:
            for k, x in enumerate(objects):
                if not _watchable(x) or id(x) in _active:
                    continue
                cls = type(x)
                watched = _watched_class(cls)
                if watched is None:
                    continue
                try:
                    x.__class__ = watched
                except TypeError:
                    continue
                _active[id(x)] = (guards, k)
                changed.append((x, cls))
    try:
        yield guards
    finally:
        with _lock:
            for x, cls in changed:
                x.__class__ = cls
                del _active[id(x)]
