"""Making functions of the graph from functions of bibun arrays, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.errors import ShapeError
from bibun.variable.lifting import lift


def function(fun: Callable[..., Any]) -> Callable[..., Any]:
    """A pure function of bibun arrays as a function of Variables, one node of the graph."""
    return lift(fun, memo=True)


def named(name: str, fun: Callable[..., Any], doc: str) -> Callable[..., Any]:
    """`fun` of `bibun.numpy` or `bibun.lax` under Chainer's name."""
    label = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    lifted = lift(fun, name=label, memo=True)
    lifted.__name__ = lifted.__qualname__ = name
    lifted.__module__ = "bibun.variable.functions"
    lifted.__doc__ = doc
    return lifted


def reduced(loss: Any, reduce: str, how: dict[str, Callable[[Any], Any]], name: str) -> Any:
    """A loss by element, reduced as asked for. Errors: ValueError naming the choices."""
    choices = {"no": lambda x: x, **how}
    if reduce not in choices:
        raise ValueError(f"{name}: reduce must be one of {sorted(choices)}, got {reduce!r}")
    return choices[reduce](loss)


def along(x: Any, values: Any, axis: int, name: str) -> Any:
    """`values` (one dimension or more) lined up with the axes of x from `axis` on."""
    shape = x.shape[axis : axis + values.ndim]
    if values.shape != shape:
        raise ShapeError(
            f"{name}: an array of shape {values.shape} does not fit axes {axis} to "
            f"{axis + values.ndim - 1} of one of shape {x.shape}"
        )
    return values.reshape((1,) * axis + values.shape + (1,) * (x.ndim - axis - values.ndim))


def tuple_of(x: int | Sequence[int], count: int, name: str) -> tuple[int, ...]:
    """A number for each of `count` dimensions."""
    if isinstance(x, int):
        return (x,) * count
    found = tuple(int(n) for n in x)
    if len(found) != count:
        raise ValueError(f"{name} must be a number or {count} numbers, got {x!r}")
    return found
