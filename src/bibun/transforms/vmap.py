"""`vmap`: a function of one example as a function of a batch."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from bibun.errors import ShapeError
from bibun.ops.families.shape import move_axis
from bibun.ops.families.tangents import stack_front
from bibun.trace.core import as_value, type_of
from bibun.transforms.batch import batch_flat
from bibun.transforms.flat import Flat, as_user, check_callable, name_of, wraps
from bibun.tree import broadcast_prefix, flatten, keystr, leaves_with_path, unflatten


def vmap(
    fun: Callable[..., Any],
    in_axes: int | None | Sequence[Any] = 0,
    out_axes: Any = 0,
    axis_size: int | None = None,
) -> Callable[..., Any]:
    """Map a function over an axis of its arguments, all at once.

    `in_axes` is an int, None (not mapped), or a tuple with an int, None or a pytree prefix for
    each positional argument; keyword arguments are mapped over axis 0. `out_axes` says where
    the mapped axis goes in the outputs; None asks for an output that is the same for all.
    Negative axes count from the end. Errors: ShapeError where mapped sizes differ, ValueError
    for axes that do not fit.

    >>> import numpy as np
    >>> from bibun.transforms import vmap
    >>> vmap(lambda x, y: x * y, in_axes=(0, None))(np.arange(3.0), 2.0)
    Array([0., 2., 4.], dtype=float64)
    """
    check_callable(fun, "vmap")
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    name = name_of(fun)

    @wraps(fun, "vmap")
    def mapped(*args: Any, **kwargs: Any) -> Any:
        if isinstance(in_axes, tuple) and len(in_axes) != len(args):
            raise ValueError(
                f"vmap of {name}: in_axes has {len(in_axes)} entries for "
                f"{len(args)} positional arguments"
            )
        leaves, tree = flatten((args, kwargs))
        axes = broadcast_prefix(in_axes, args, _is_none, what="in_axes", of="args")
        axes += [0] * (len(leaves) - len(axes))
        values = [x if a is None else as_value(x) for x, a in zip(leaves, axes, strict=True)]
        dims: list[int | None] = []
        for i, (x, a) in enumerate(zip(values, axes, strict=True)):
            dims.append(None if a is None else _axis(a, x, i, (args, kwargs), name))
        size = _size(values, dims, axis_size, (args, kwargs), name)

        def call(all_args: tuple[Any, ...], all_kwargs: dict[str, Any]) -> Any:
            return fun(*all_args, **all_kwargs)

        flat = Flat(call, tree)
        outs, out_dims = batch_flat(flat, size, values, dims)
        out = unflatten(flat.out_tree, outs)
        wanted = broadcast_prefix(out_axes, out, _is_none, what="out_axes", of="the output")
        placed = [
            _place(o, d, w, size, name) for o, d, w in zip(outs, out_dims, wanted, strict=True)
        ]
        return unflatten(flat.out_tree, placed)

    return mapped


def _is_none(x: Any) -> bool:
    return x is None


def _where(tree: Any, index: int) -> str:
    path, _ = leaves_with_path(tree)[index]
    head, rest = path[0], path[1:]
    first = "args" if getattr(head, "idx", getattr(head, "key", 0)) == 0 else "kwargs"
    return f"{first}{keystr(tuple(rest))}"


def _axis(axis: Any, x: Any, index: int, tree: Any, name: str) -> int:
    """A non-negative axis of `x`. Errors: TypeError, ValueError naming argument and shape."""
    try:
        a = operator.index(axis)
    except TypeError:
        raise TypeError(
            f"vmap of {name}: in_axes must hold ints and None, got {axis!r} for "
            f"{_where(tree, index)}"
        ) from None
    ndim = len(x.shape)
    if not -ndim <= a < ndim:
        raise ValueError(
            f"vmap of {name}: cannot map over axis {a} of {_where(tree, index)}, "
            f"which has shape {x.shape}"
        )
    return a % ndim


def _size(
    values: Sequence[Any], dims: Sequence[int | None], given: int | None, tree: Any, name: str
) -> int:
    size = given
    for x, d in zip(values, dims, strict=True):
        if d is None:
            continue
        if size is None:
            size = x.shape[d]
        elif x.shape[d] != size:
            listed = "\n".join(
                f"  {_where(tree, i)} of shape {v.shape}: axis {k} has size {v.shape[k]}"
                for i, (v, k) in enumerate(zip(values, dims, strict=True))
                if k is not None
            )
            asked = f"axis_size={given} was given, and\n" if given is not None else "\n"
            raise ShapeError(f"vmap of {name}: mapped axes differ in size: {asked}{listed}")
    if size is None:
        raise ValueError(
            f"vmap of {name}: no argument is mapped (in_axes is None everywhere, or there are no "
            "arguments), so the size of the batch is unknown. Pass axis_size"
        )
    return size


def _place(out: Any, dim: int | None, wanted: Any, size: int, name: str) -> Any:
    if wanted is None:
        if dim is not None:
            raise ValueError(
                f"vmap of {name}: out_axes is None for an output of type {type_of(out)} that "
                "depends on mapped arguments"
            )
        return as_user(out)
    ndim = len(type_of(out).shape) + (dim is None)  # type: ignore[union-attr]
    a = operator.index(wanted)
    if not -ndim <= a < ndim:
        raise ValueError(
            f"vmap of {name}: out_axes {a} is out of range for an output of {ndim} dimensions"
        )
    front = dim if dim is not None else 0
    out = out if dim is not None else stack_front(out, None, size)
    return as_user(move_axis(out, front, a % ndim))
