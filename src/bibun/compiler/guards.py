"""Guards: what a traced function read of an object's attributes.

While a method is traced, its `self` gets a subclass of its own class that notes every attribute
read; an object found in an attribute is watched in turn, also inside lists and dicts, so that
`self.layers[0].order` is a guard too. An attribute is what lies in the object's dict, in a slot,
or as data in its class; what a property or a method reads is noted when it reads. That there
was none of a name is a guard as well. The trace is good as long as these attributes hold the
same objects, or equal numbers, strings and containers of these. Arrays are compared by identity:
they are captured by identity too.

Two kinds of objects keep their class, because others look it up. A pytree node of the user's
(and an object whose class cannot be replaced) is held whole: all of its attributes are guards,
read or not. One whose class says `__bibun_state__` (a module of `bibun.nn`) is held as a tree:
its structure and its leaves.

A trace made inside another one, or found there, passes its reads on: what an inner method
read, the outer function depends on.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from types import MemberDescriptorType
from typing import Any

from bibun import tree
from bibun.array import Value

_PLAIN = (int, float, complex, str, bytes, bool, type(None), frozenset)
_lock = threading.RLock()
_classes: dict[type, type] = {}
_MISSING = object()  # there is no attribute or item of that name
_BEHAVIOUR = object()  # a method, a property: what it reads is noted, it is not

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


def is_state(x: Any) -> bool:
    """Whether all that an object is, is in its tree: a module of `bibun.nn`."""
    return getattr(type(x), "__bibun_state__", False) is True


def owners(fun: Any) -> list[Any]:
    """The objects that a function is a method of, through partials and wrappers."""
    found = []
    while fun is not None:
        owner = getattr(fun, "__self__", None)
        inner = fun.func if isinstance(fun, functools.partial) else inspect.getattr_static(
            fun, "__wrapped__", None)  # fmt: skip
        if owner is None and inner is None and not inspect.isroutine(fun):
            owner = fun  # an object that can be called
        if owner is not None and not inspect.isclass(owner):
            found.append(owner)
        fun = inner
    return found


def _dict_of(x: Any) -> dict[str, Any]:
    """The attributes in an object's dict; reading them so is not noted."""
    try:
        return object.__getattribute__(x, "__dict__")
    except AttributeError:
        return {}


def _attribute(x: Any, name: str) -> Any:
    """What an attribute of x holds, without running code of its class."""
    held = _dict_of(x).get(name, _MISSING)
    if held is not _MISSING:
        return held
    for cls in type(x).__mro__:
        if name in cls.__dict__:
            found = cls.__dict__[name]
            if type(found) is not MemberDescriptorType:
                return _BEHAVIOUR if hasattr(type(found), "__get__") else found
            try:
                return found.__get__(x)
            except AttributeError:
                return _MISSING
    return _MISSING


def _names(x: Any) -> list[str]:
    """The names of all attributes that x itself holds."""
    slots = [
        name
        for cls in type(x).__mro__
        for name, found in cls.__dict__.items()
        if type(found) is MemberDescriptorType and name != "__dict__"
    ]
    return [*_dict_of(x), *slots]


def _follow(x: Any, step: Any) -> Any:
    """What is found at a step of a path; `_MISSING` where there is nothing."""
    if type(step) is not Item:
        return _attribute(x, step)
    try:
        return dict.get(x, step.key, _MISSING) if isinstance(x, dict) else x[step.key]
    except (LookupError, TypeError):
        return _MISSING


class Guards:
    """Attributes read during a trace: path -> what it held then.

    The first `given` roots are the watched objects, which a caller hands in again; the others
    are objects that inner traces depend on.
    """

    __slots__ = ("reads", "roots", "given", "_watched", "_whole")

    def __init__(self, objects: Sequence[Any]) -> None:
        self.reads: dict[Path, Any] = {}
        self.roots: list[Any] = list(objects)
        self.given = len(self.roots)
        self._watched: list[tuple[Any, tuple[Guards, Path]]] = []
        self._whole: dict[int, Any] = {}

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
        if is_state(x):
            self.reads.setdefault(path, _snapshot(x))
            return
        entry = (self, path)
        with _lock:
            logs = _active.get(id(x))
            if logs is None:
                if not _watchable(x):
                    return
                if not _replace_class(x):
                    self._hold_whole(x, path)
                    return
                logs = _active[id(x)] = []
            elif any(g is self for g, _ in logs):
                return
            logs.append(entry)
            self._watched.append((x, entry))

    def _hold_whole(self, x: Any, path: Path) -> None:
        if id(x) not in self._whole:
            self._whole[id(x)] = x
            for name in _names(x):
                self.note((*path, name), _attribute(x, name))

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
                    object.__setattr__(x, "__class__", type(x).__mro__[1])
            self._watched.clear()
            self._whole.clear()


class _Tracing(threading.local):
    def __init__(self) -> None:
        self.guards: list[Guards] = []  # of the traces being made in this thread, outermost first


_tracing = _Tracing()
_active: dict[int, list[tuple[Guards, Path]]] = {}


class _Held:
    """What a container or a tree held: its class and a copy of its contents."""

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
    if is_state(x):
        return _Held(type(x), tree.flatten(x))
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
    if type(held) is tuple:
        leaves, structure = tree.flatten(now)
        return structure == held[1] and all(map(_same, held[0], leaves))
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
    module = type(x).__module__.partition(".")[0]
    return (
        module not in ("builtins", "bibun", "numpy", "functools")
        and not isinstance(x, type | Value)
        and not is_state(x)
        and (hasattr(x, "__dict__") or bool(_names(x)))
    )


def _replace_class(x: Any) -> bool:
    """Give x the class that notes what is read; False where it must or can only keep its own."""
    if not tree.all_leaves([x]):
        return False
    made = _watched_class(type(x))
    try:
        object.__setattr__(x, "__class__", made)
    except TypeError:
        return False
    return True


def _watched_class(cls: type) -> type | None:
    made = _classes.get(cls)
    if made is None:

        def __getattribute__(self: Any, name: str) -> Any:
            try:
                value = cls.__getattribute__(self, name)
            finally:
                logs = _active.get(id(self))
                if logs:
                    _note(tuple(logs), self, name)
            return value

        try:
            body = {"__getattribute__": __getattribute__, "__slots__": ()}
            made = type(cls.__name__, (cls,), body)
        except Exception:  # whatever the class does with its subclasses: it cannot be watched
            return None
        _classes[cls] = made
    return made


def _note(logs: Sequence[tuple[Guards, Path]], x: Any, name: str) -> None:
    """An attribute of x was read, or asked for in vain."""
    if name == "__dict__":  # may be read for any of them
        names = list(_dict_of(x))
    else:
        names = [] if name.startswith("__") else [name]
    for n in names:
        value = _attribute(x, n)
        if value is not _BEHAVIOUR:
            for guards, path in logs:
                guards.note((*path, n), value)


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
