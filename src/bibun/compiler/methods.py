"""`jit` of a method whose object is a tree: the object is an argument.

The parameters of a `bibun.nn.Module` change with each step of training. As guards they would
trace again each time; as arguments they are data. The object inside is then a copy, so what the
method does to it would be lost: that is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from bibun import tree
from bibun.compiler.jit import Jitted, Trace
from bibun.errors import TracerError


class OwnedMethod(Jitted):
    """A bound method, or an object that can be called, that `jit` was given."""

    def __init__(
        self, method: Any, static_argnums: tuple[int, ...], static_argnames: tuple[str, ...]
    ) -> None:
        self.owner = getattr(method, "__self__", method)
        fun = type(method).__call__ if self.owner is method else method.__func__
        after_owner = tuple(k + 1 if k >= 0 else k for k in static_argnums)
        super().__init__(_unchanging(fun), after_owner, static_argnames)
        self.made_of = (method, static_argnums, static_argnames)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(self.owner, *args, **kwargs)

    def trace(self, *args: Any, **kwargs: Any) -> Trace:
        """Trace for these arguments (or find the trace made before)."""
        return super().trace(self.owner, *args, **kwargs)


def _unchanging(fun: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which may not change its object."""

    @functools.wraps(fun)
    def method(owner: Any, *args: Any, **kwargs: Any) -> Any:
        before, structure = tree.flatten(owner)
        out = fun(owner, *args, **kwargs)
        after, now = tree.flatten(owner)
        if now != structure or any(a is not b for a, b in zip(before, after, strict=True)):
            raise TracerError(
                f"{fun.__qualname__} changes its {type(owner).__name__}, and bibun.jit compiles a "
                "pure function: the change would be lost. Use bibun.nn.jit, which brings it out"
            )
        return out

    return method
