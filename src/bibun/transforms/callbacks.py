"""`pure_callback` and `io_callback`: Python functions in the middle of compiled ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun import tree
from bibun.dtypes import canonical
from bibun.ir.types import ArrayType
from bibun.ops.control import callback as rooms
from bibun.trace.core import as_value
from bibun.transforms.flat import check_callable


def host_function(
    function: Callable[..., Any], structure: Any, out_structure: Any
) -> rooms.HostFunction:
    """`function` as one of flat arrays; `out_structure` None for results that are ignored."""
    name = getattr(function, "__name__", type(function).__name__)

    def call(*arrays: np.ndarray) -> list[Any]:
        args, kwargs = tree.unflatten(structure, arrays)
        out = function(*args, **kwargs)
        if out_structure is None:
            return []
        leaves, found = tree.flatten(out)
        if found != out_structure:
            raise TypeError(f"{name} returned {found}, declared was {out_structure}")
        return leaves

    return rooms.HostFunction(call, name)


def _declared(what: str, result_shape_dtypes: Any) -> tuple[tuple[ArrayType, ...], Any]:
    leaves, structure = tree.flatten(result_shape_dtypes)
    for leaf in leaves:
        if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
            raise TypeError(
                f"{what}: result_shape_dtypes must hold arrays or bibun.ShapeDtypeStruct, got "
                f"{type(leaf).__name__}: {leaf!r}"
            )
    return tuple(ArrayType(tuple(x.shape), canonical(x.dtype)) for x in leaves), structure


def pure_callback(
    callback: Callable[..., Any],
    result_shape_dtypes: Any,
    *args: Any,
    vmap_method: str | None = None,
    **kwargs: Any,
) -> Any:
    """`callback(*args, **kwargs)`, called with NumPy arrays when compiled code gets there.

    For functions without side effects: a call whose result nobody needs may be left out, and
    equal calls merged. `result_shape_dtypes` is a pytree of arrays or `ShapeDtypeStruct` that
    says what the callback returns. The arrays it is given are read-only.

    `vmap_method`: under `vmap`, "sequential" calls it for each lane; "expand_dims" once with the
    lane axis in front of every array, of length 1 for those without lanes; "broadcast_all" the
    same with full length. None is an error.

    Errors: what the callback raises; ShapeError or DTypeError where a result is not as declared;
    DifferentiationError under a derivative, unless inside a `custom_jvp` or `custom_vjp`.

    >>> import numpy as np, bibun
    >>> shape = bibun.ShapeDtypeStruct((3,), float)
    >>> f = bibun.jit(lambda x: bibun.pure_callback(np.sort, shape, x) * 2)
    >>> np.asarray(f(np.array([3.0, 1.0, 2.0]))).tolist()
    [2.0, 4.0, 6.0]
    """
    check_callable(callback, "pure_callback")
    if vmap_method not in rooms.VMAP_METHODS:
        known = ", ".join(map(repr, rooms.VMAP_METHODS))
        raise ValueError(f"pure_callback: vmap_method must be one of {known}, got {vmap_method!r}")
    leaves, structure = tree.flatten((args, kwargs))
    types, out_structure = _declared("pure_callback", result_shape_dtypes)
    outs = rooms.pure_callback(
        *map(as_value, leaves), function=host_function(callback, structure, out_structure),
        out_types=types, vmap_method=vmap_method,
    )  # fmt: skip
    return tree.unflatten(out_structure, outs)


def io_callback(
    callback: Callable[..., Any],
    result_shape_dtypes: Any,
    *args: Any,
    ordered: bool = False,
    **kwargs: Any,
) -> Any:
    """`callback(*args, **kwargs)`, for functions that do something besides.

    It is called exactly once each time compiled code gets there: never left out or merged, and
    in the order of the program, whether `ordered` or not. An `ordered` one cannot be batched;
    else `vmap` calls it for each lane. Arguments, results and errors as for `pure_callback`.

    >>> import bibun
    >>> seen = []
    >>> def f(x):
    ...     bibun.io_callback(lambda v: seen.append(float(v)), None, x * 2)
    ...     return x
    >>> _ = bibun.jit(f)(1.5)
    >>> seen
    [3.0]
    """
    check_callable(callback, "io_callback")
    leaves, structure = tree.flatten((args, kwargs))
    types, out_structure = _declared("io_callback", result_shape_dtypes)
    function = host_function(callback, structure, out_structure if types else None)
    outs = rooms.io_callback(
        *map(as_value, leaves), function=function, out_types=types, ordered=bool(ordered)
    )
    return tree.unflatten(out_structure, outs)
