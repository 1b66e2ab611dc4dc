"""Filters: which Variables are meant, as predicates of path and Variable.

A filter is a type (`Param`), `...` or True (all), None or False (none), a string (the `tag` of a
random stream's Variables), a predicate `f(path, variable)`, or a list or tuple of these (any).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Predicate = Callable[[tuple[Any, ...], Any], bool]


class OfType:
    """What is of a type, or holds a value of it."""

    def __init__(self, type: type) -> None:
        self.type = type

    def __call__(self, path: tuple[Any, ...], x: Any) -> bool:
        return isinstance(x, self.type)


class WithTag:
    """Variables whose metadata `tag` is this."""

    def __init__(self, tag: str) -> None:
        self.tag = tag

    def __call__(self, path: tuple[Any, ...], x: Any) -> bool:
        return getattr(x, "_metadata", {}).get("tag") == self.tag


class PathContains:
    """What sits under a name or number; with `exact=False` under a name that contains this one."""

    def __init__(self, key: Any, exact: bool = True) -> None:
        self.key = key
        self.exact = exact

    def __call__(self, path: tuple[Any, ...], x: Any) -> bool:
        if self.exact:
            return self.key in path
        return any(str(self.key) in str(part) for part in path)


class Any_:
    """What one of several filters takes."""

    def __init__(self, *filters: Any) -> None:
        self.predicates = [predicate(f) for f in filters]

    def __call__(self, path: tuple[Any, ...], x: Any) -> bool:
        return any(p(path, x) for p in self.predicates)


class All:
    """What each of several filters takes.

    >>> from bibun import nn
    >>> nn.filter_state(nn.state(nn.Linear(2, 3, rngs=nn.Rngs(0))),
    ...     nn.All(nn.Param, nn.PathContains("bias")))
    State({'bias': Param(Array([0., 0., 0.], dtype=float64))})
    """

    def __init__(self, *filters: Any) -> None:
        self.predicates = [predicate(f) for f in filters]

    def __call__(self, path: tuple[Any, ...], x: Any) -> bool:
        return all(p(path, x) for p in self.predicates)


class Not:
    """What a filter does not take."""

    def __init__(self, filter: Any) -> None:
        self.predicate = predicate(filter)

    def __call__(self, path: tuple[Any, ...], x: Any) -> bool:
        return not self.predicate(path, x)


class Everything:
    """All."""

    def __call__(self, path: tuple[Any, ...], x: Any) -> bool:
        return True


class Nothing:
    """None at all."""

    def __call__(self, path: tuple[Any, ...], x: Any) -> bool:
        return False


def predicate(filter: Any) -> Predicate:
    """The predicate of a filter. Errors: TypeError for what is no filter."""
    if filter is ... or filter is True:
        return Everything()
    if filter is None or filter is False:
        return Nothing()
    if isinstance(filter, type):
        return OfType(filter)
    if isinstance(filter, str):
        return WithTag(filter)
    if isinstance(filter, list | tuple):
        return Any_(*filter)
    if callable(filter):
        return filter
    raise TypeError(
        f"a filter is a type, ..., None, a tag, a predicate or a list of these; got {filter!r}"
    )
