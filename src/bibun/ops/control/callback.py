"""Python functions called from compiled code: `pure_callback`, `io_callback`, `debug_callback`.

The function is a parameter of the equation, with the types of its results; compiled code knows
only the number of the equation's slot and leaves for Python there (`runtime.context`). An
exception it raises ends the native call and arrives where the call was made.

pure_callback   may be merged, dropped and moved like any computation. Batched as its
                `vmap_method` says.
io_callback     is an effect: happens once each time it is reached, in the program's order.
debug_callback  too, without results; derivatives pass it by, so it sees primal values.

The last two, batched, happen lane after lane; and not in lanes that are switched off, where they
take the mask as their last operand (`has_active=True`), as checks do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from bibun.errors import DifferentiationError, DTypeError, ShapeError
from bibun.ir.types import ArrayType
from bibun.ops import shape as shapes
from bibun.ops.control.common import build, front, lanes
from bibun.ops.control.scan import scan
from bibun.ops.op import LIBRARY, Op, Sample
from bibun.ops.registry import register
from bibun.trace.core import EVAL, type_of, using_trace

VMAP_METHODS = (None, "sequential", "sequential_unrolled", "expand_dims", "broadcast_all",
                "legacy_vectorized")  # fmt: skip

Types = tuple[ArrayType, ...]


class HostFunction:
    """A Python function of NumPy arrays that returns a list of them, and how to name it."""

    __slots__ = ("call", "name")

    def __init__(self, call: Callable[..., Sequence[Any]], name: str) -> None:
        self.call = call
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


def _run(what: str, arrays: Sequence[Any], function: HostFunction, out_types: Types) -> list[Any]:
    given = []
    for a in arrays:
        view = np.asarray(a).view()
        view.flags.writeable = False
        given.append(view)
    with using_trace(EVAL):
        found = list(function.call(*given))
    if len(found) != len(out_types):
        raise TypeError(
            f"{what}: {function.name} returned {len(found)} arrays, declared were {len(out_types)}"
        )
    results = []
    for k, (value, t) in enumerate(zip(found, out_types, strict=True)):
        array = np.asarray(value)
        if array.shape != t.shape:
            raise ShapeError(
                f"{what}: result {k} of {function.name} has shape {array.shape}, declared was {t}"
            )
        if array.dtype != t.dtype and not np.can_cast(array.dtype, t.dtype, "same_kind"):
            raise DTypeError(
                f"{what}: result {k} of {function.name} is {array.dtype}, declared was {t}"
            )
        results.append(array.astype(t.dtype))  # a copy: the function may keep its own
    return results


def _along(size: int, op: Op, args: Sequence[Any], dims: Any, params: Any) -> Any:
    """One call a lane, in order."""
    mapped = tuple(d is not None for d in dims)
    args = [front(a, d) for a, d in zip(args, dims, strict=True)]
    types = [type_of(a) for a in args]
    one = [t.with_shape(t.shape[1:]) if m else t for t, m in zip(types, mapped, strict=True)]  # type: ignore[union-attr]
    fixed = [k for k, m in enumerate(mapped) if not m]
    moving = [k for k, m in enumerate(mapped) if m]

    def body(*values: Any) -> list[Any]:
        order = dict(zip((*fixed, *moving), values, strict=True))
        return list(op(*(order[k] for k in range(len(mapped))), **params))

    program = build(body, [one[k] for k in (*fixed, *moving)], params["function"].name)
    outs = scan(
        *(args[k] for k in (*fixed, *moving)), program=program, num_consts=len(fixed),
        num_carry=0, length=size, reverse=False,
    )  # fmt: skip
    return outs, [0] * len(outs)


# pure -----------------------------------------------------------------------------------------


def _type(*types: ArrayType, out_types: Types, **params: Any) -> list[ArrayType]:
    return list(out_types)


def _pure_eval(*arrays: Any, function: HostFunction, out_types: Types, vmap_method: Any) -> Any:
    return _run("pure_callback", arrays, function, out_types)


def _pure_batch(size: int, args: Any, dims: Any, /, **params: Any) -> Any:
    method, function = params["vmap_method"], params["function"]
    if method is None:
        raise NotImplementedError(
            f"pure_callback: vmap of {function.name} needs to know how: give vmap_method="
            "'sequential' (a call for each lane), 'expand_dims' or 'broadcast_all' (one call with "
            "all lanes)"
        )
    if method in ("sequential", "sequential_unrolled"):
        return _along(size, pure_callback, args, dims, params)
    given = []
    for a, d in zip(args, dims, strict=True):
        if d is not None:
            given.append(front(a, d))
        elif method == "broadcast_all":
            given.append(lanes(a, size))
        elif method == "expand_dims":
            given.append(shapes.expand_dims(a, axes=(0,)))
        else:
            given.append(a)
    wide = tuple(t.with_shape((size, *t.shape)) for t in params["out_types"])
    outs = pure_callback(*given, **{**params, "out_types": wide})
    return outs, [0] * len(outs)


def _no_derivative(what: str) -> Callable[..., NoReturn]:
    def rule(primals: Any, tangents: Any, **params: Any) -> NoReturn:
        raise DifferentiationError(
            f"{what}: nothing is known of the derivative of {params['function'].name}; give it a "
            "rule with bibun.custom_jvp or bibun.custom_vjp, or use bibun.lax.stop_gradient"
        )

    return rule


# effects ------------------------------------------------------------------------------------


def _effect_eval(what: str) -> Callable[..., Any]:
    def eval(
        *arrays: Any, function: HostFunction, out_types: Types, ordered: bool,
        has_active: bool = False,
    ) -> list[Any]:  # fmt: skip
        if has_active:
            *arrays, active = arrays  # type: ignore[assignment]
            if not active:
                return [np.zeros(t.shape, t.dtype) for t in out_types]
        return _run(what, arrays, function, out_types)

    return eval


def _io_batch(size: int, args: Any, dims: Any, /, **params: Any) -> Any:
    if params["ordered"]:
        raise ValueError(
            f"io_callback: {params['function'].name} is ordered, and lanes of a vmap have no order"
        )
    return _along(size, io_callback, args, dims, params)


def _lower(of: Callable[[], Op]) -> Callable[..., None]:
    return lambda b, ins, outs, **params: b.callback(of(), ins, outs, params)


def _samples(results: bool = True, **params: Any) -> Callable[[], list[Sample]]:
    """An array and a scalar, multiplied or ignored."""

    def made() -> list[Sample]:
        x, y = np.linspace(-1.0, 1.0, 3), np.float64(2.0)
        function = HostFunction(lambda x, y: [x * y] if results else [], "product")
        types = (ArrayType((3,), np.dtype(np.float64)),) if results else ()
        return [Sample(x, y, function=function, out_types=types, diff=(), **params)]

    return made


pure_callback = register(
    Op(
        "pure_callback",
        LIBRARY,
        type_rule=_type,
        eval=_pure_eval,
        jvp=_no_derivative("pure_callback"),
        batch=_pure_batch,
        lower=_lower(lambda: pure_callback),
        multiple_results=True,
        cost=100.0,
        samples=_samples(vmap_method="sequential"),
        doc="`pure_callback(*args, function, out_types, vmap_method)`: what a Python function "
        "returns.",
    )
)  # fmt: skip

io_callback = register(
    Op(
        "io_callback",
        LIBRARY,
        type_rule=_type,
        eval=_effect_eval("io_callback"),
        jvp=_no_derivative("io_callback"),
        batch=_io_batch,
        lower=_lower(lambda: io_callback),
        multiple_results=True,
        has_effects=True,
        cost=100.0,
        samples=_samples(ordered=False),
        doc="`io_callback(*args, function, out_types, ordered)`: a Python function's results, and "
        "what else it does.",
    )
)  # fmt: skip

debug_callback = register(
    Op(
        "debug_callback",
        LIBRARY,
        type_rule=_type,
        eval=_effect_eval("debug.callback"),
        batch=lambda size, args, dims, /, **p: _along(size, debug_callback, args, dims, p),
        lower=_lower(lambda: debug_callback),
        multiple_results=True,
        has_effects=True,
        cost=100.0,
        samples=_samples(ordered=False, results=False),
        doc="`debug_callback(*args, function, out_types=(), ordered)`: a Python function is "
        "called.",
    )
)  # fmt: skip
