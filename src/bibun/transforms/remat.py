"""`checkpoint`: keep the inputs, compute the rest again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from bibun.ops.control.remat import (
    checkpoint as checkpoint_op,
)
from bibun.ops.control.remat import (
    dots_saveable,
    dots_with_no_batch_dims_saveable,
    everything_saveable,
    mark_saved,
    nothing_saveable,
    save_any_of,
)
from bibun.trace.core import as_value, type_of
from bibun.trace.stage import stage
from bibun.transforms.flat import Flat, argnums_of_names, check_callable, normalize_argnums, wraps
from bibun.tree import flatten, unflatten

checkpoint_policies = SimpleNamespace(
    everything_saveable=everything_saveable,
    nothing_saveable=nothing_saveable,
    dots_saveable=dots_saveable,
    checkpoint_dots=dots_saveable,
    dots_with_no_batch_dims_saveable=dots_with_no_batch_dims_saveable,
    checkpoint_dots_with_no_batch_dims=dots_with_no_batch_dims_saveable,
    save_any_of=lambda *policies: save_any_of(policies),
)


def checkpoint(
    fun: Callable[..., Any] | None = None,
    *,
    policy: Callable[..., bool] | None = None,
    prevent_cse: bool = True,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Callable[..., Any]:
    """A function whose intermediate values are not kept for the backward pass.

    Values and derivatives are those of `fun`; memory is traded for time. `policy(op, *types,
    **params)` may keep some results (see `checkpoint_policies`). The function is traced, so
    Python control flow on its arguments needs them in `static_argnums` (or, by keyword too, in
    `static_argnames`). `prevent_cse=False` lets
    the compiler merge what is computed again with what was computed before, or compute it for
    all iterations of a loop together: then only eager code saves memory.

    >>> from bibun.transforms import checkpoint, grad
    >>> float(grad(checkpoint(lambda x: x * x * x))(2.0))
    12.0
    """
    if fun is None:
        return lambda f: checkpoint(
            f, policy=policy, prevent_cse=prevent_cse, static_argnums=static_argnums,
            static_argnames=static_argnames,
        )  # fmt: skip
    check_callable(fun, "checkpoint")
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    static = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    placed = argnums_of_names(fun, names, "checkpoint: static_argnames") if names else []

    @wraps(fun, "checkpoint")
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        at = normalize_argnums(static, len(args), "checkpoint") if static else ()
        at = (*at, *(i for i in placed if i < len(args)))
        traced = [a for i, a in enumerate(args) if i not in at]
        kept = {k: kwargs.pop(k) for k in names if k in kwargs}
        leaves, tree = flatten((traced, kwargs))
        values = [as_value(x) for x in leaves]

        def call(dynamic: Sequence[Any], named: dict[str, Any]) -> Any:
            some = iter(dynamic)
            full = [a if i in at else next(some) for i, a in enumerate(args)]
            return fun(*full, **named, **kept)  # type: ignore[misc]

        flat = Flat(call, tree)
        closed = stage(flat, [type_of(v) for v in values], getattr(fun, "__name__", ""))
        program = closed.program if policy is None else mark_saved(closed.program, policy)
        outs = checkpoint_op(
            *closed.consts, *values, program=program, prevent_cse=bool(prevent_cse)
        )
        return unflatten(flat.out_tree, outs)

    return recomputed


remat = checkpoint
