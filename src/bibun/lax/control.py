"""Loops and branches: `scan`, `while_loop`, `fori_loop`, `cond`, `switch`, `map`, ….

These functions take Python functions of pytrees, trace them once and hand programs to the
ops of `bibun.ops.control`. All of them differentiate in forward and reverse mode, batch and
nest. Under `config.disable_jit` they are plain Python loops and branches.

Loops take `checkpoint=`, a budget for what reverse mode keeps: `True`, a number of carries, or
bytes as in `"64 MB"` (`bibun.ops.control.recompute`, docs/design/loops.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun import tree
from bibun.config import config
from bibun.dtypes import default_int, promote
from bibun.ir.program import Closed
from bibun.ir.types import ArrayType, Type
from bibun.lax._bodies import cast, fit, here, leaves_of, name_of, settle, trace_body, values
from bibun.lax.branches import cond, switch
from bibun.numpy._common import as_int
from bibun.ops import shape as shape_ops
from bibun.ops.control import associative_scan as _associative
from bibun.ops.control import recompute
from bibun.ops.control.scan import counted_loop as counted_op
from bibun.ops.control.scan import scan as scan_op
from bibun.ops.control.while_loop import while_ as while_op
from bibun.ops.elementwise import add, sub
from bibun.ops.elementwise import max as maximum
from bibun.ops.families.shape import move_axis
from bibun.trace.core import as_value, concrete, type_of
from bibun.transforms.batch import batched_to_front

__all__ = ["associative_scan", "cond", "fori_loop", "map", "scan", "switch", "while_loop"]

_INT64 = np.dtype(np.int64)


# scan -----------------------------------------------------------------------------------------


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    *,
    checkpoint: bool | int | str | None = None,
) -> tuple[Any, Any]:
    """Run `carry, y = f(carry, x)` over the leading axis of `xs`; the last carry and all ys.

    `init` and `xs` are pytrees; every leaf of `xs` has the same leading axis, `length` if that
    is given (it must be where `xs` has no leaves). Leaves of the ys get that axis in front. A
    carry keeps its structure, shapes and dtypes. `reverse` goes from the last slice to the
    first, and puts each y where its x was. `unroll` is a hint to the compiler.

    Reverse mode keeps what each iteration needs. With `checkpoint=True` it keeps about 2√n
    iterations' worth and runs each once more; with a number k at most k carries (as few as
    it can if k is too small for the length), bytes of them with `"64 MB"`, and runs each
    iteration the fewer times the larger the budget is. Under `disable_jit` everything is kept.

    Errors: ValueError for lengths that differ or are missing; TypeError, ShapeError or
    DTypeError, with the leaf's path, for a carry that changes.

    >>> import numpy as np
    >>> total, partial = scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 4.0]))
    >>> float(total), np.asarray(partial).tolist()
    (7.0, [1.0, 3.0, 7.0])
    """
    carry, carry_tree = leaves_of(init, "scan: init")
    rows, xs_tree = leaves_of(xs, "scan: xs")
    length = _length(xs, rows, length)
    if config.disable_jit:
        return _python_scan(f, init, rows, xs_tree, length, reverse)
    x_types = [_row(type_of(x)) for x in rows]
    y_tree: Any = None

    def trace(types: Sequence[Type]) -> tuple[Closed, list[Type], Any]:
        after: list[Type] = []
        after_tree: Any = None

        def flat(*args: Any) -> list[Any]:
            nonlocal after, after_tree, y_tree
            c = tree.unflatten(carry_tree, args[: len(carry)])
            out, y = _pair(f, f(c, tree.unflatten(xs_tree, args[len(carry) :])))
            outs, after_tree = leaves_of(out, "scan: carry")
            ys, y_tree = leaves_of(y, "scan: y")
            outs = fit(outs, types)
            after = [type_of(o) for o in outs]
            return outs + ys

        closed = trace_body(flat, [*types, *x_types], name_of(f))
        return closed, after, after_tree

    closed, types = settle("scan", init, [type_of(c) for c in carry], trace, carry_tree)
    carry = [cast(c, t.dtype) for c, t in zip(carry, types, strict=True)]  # type: ignore[union-attr]
    plan = recompute.schedule("scan", checkpoint, types, length)
    outs = _scan(
        plan, closed, carry, rows, length, bool(reverse), length if unroll is True else int(unroll)
    )
    return (
        tree.unflatten(carry_tree, outs[: len(carry)]),
        tree.unflatten(y_tree, outs[len(carry) :]),
    )


def _scan(
    plan: recompute.Schedule | None, closed: Closed, carry: Sequence[Any], rows: Sequence[Any],
    length: int, reverse: bool, unroll: int,
) -> list[Any]:  # fmt: skip
    if plan is not None:
        return recompute.bounded_scan(
            closed.consts, carry, rows, program=closed.program, length=length, reverse=reverse,
            unroll=unroll, plan=plan,
        )  # fmt: skip
    return scan_op(
        *closed.consts, *carry, *rows, program=closed.program, num_consts=len(closed.consts),
        num_carry=len(carry), length=length, reverse=reverse, unroll=unroll,
    )  # fmt: skip


def _row(t: Any) -> ArrayType:
    return ArrayType(t.shape[1:], t.dtype, t.weak)


def _length(xs: Any, rows: Sequence[Any], length: Any) -> int:
    """The number of slices. Errors: ValueError with every leaf's length."""
    sizes = [x.shape[0] if x.shape else None for x in rows]
    if length is not None:
        length = as_int("scan", "length", length)
        if length < 0:
            raise ValueError(f"scan: length must not be negative, got {length}")
    elif not rows:
        raise ValueError(f"scan: give xs with at least one array, or length.{here()}")
    wanted = sizes[0] if length is None else length
    if any(n != wanted for n in sizes):
        paths = [tree.keystr(p) for p, _ in tree.leaves_with_path(xs)]
        listed = ", ".join(f"xs{p}: {x.shape}" for p, x in zip(paths, rows, strict=True))
        given = "" if length is None else f" = length = {length}"
        raise ValueError(
            f"scan: every array of xs must have the same leading axis{given}; got {listed}."
            f"{here()}"
        )
    return wanted  # type: ignore[return-value]


def _pair(f: Callable[..., Any], out: Any) -> tuple[Any, Any]:
    if not isinstance(out, tuple | list) or len(out) != 2:
        raise TypeError(
            f"scan: {name_of(f)} must return a pair (carry, y), got {type(out).__name__}"
            f"{here()}"
        )
    return out[0], out[1]


def _take(x: Any, i: int) -> Any:
    row = _associative.slice_axis(x, 0, i, i + 1)
    return shape_ops.squeeze(row, axes=(0,))


def _python_scan(
    f: Callable[..., Any], carry: Any, rows: Sequence[Any], xs_tree: Any, length: int, reverse: bool
) -> tuple[Any, Any]:
    """`scan` as a Python loop."""
    if not length:
        with config.using(disable_jit=False):
            return scan(f, carry, tree.unflatten(xs_tree, rows), length, reverse)
    ys: list[Any] = [None] * length
    for i in range(length - 1, -1, -1) if reverse else range(length):
        x = tree.unflatten(xs_tree, [_take(row, i) for row in rows])
        carry, ys[i] = _pair(f, f(values(carry), x))
    return values(carry), tree.map(lambda *leaves: _stack(leaves), *ys)


def _stack(leaves: Sequence[Any]) -> Any:
    return shape_ops.concatenate(
        *(shape_ops.expand_dims(as_value(x), axes=(0,)) for x in leaves), axis=0
    )


# while ------------------------------------------------------------------------------------------


def while_loop(
    cond_fun: Callable[[Any], Any],
    body_fun: Callable[[Any], Any],
    init_val: Any,
    *,
    checkpoint: bool | int | str | None = None,
) -> Any:
    """`val = body_fun(val)` while `cond_fun(val)` holds; the last `val`.

    The carry is a pytree that keeps its structure, shapes and dtypes; `cond_fun` returns a
    bool scalar. Differentiable in both modes: reverse mode writes a tape, one element an
    iteration (MemoryError beyond `config.ragged_memory_limit`).

    With `checkpoint` the tape is short: about √(2n) carries and as many iterations for n
    iterations if True, which runs each once more; with a number k of carries, or bytes of
    them as in `"64 MB"`, on as many levels of recomputation as keep a million iterations within
    the budget, at most five. Under `disable_jit` everything is kept.

    >>> float(while_loop(lambda x: x < 100.0, lambda x: x * 3.0, 2.0))
    162.0
    """
    init, structure = leaves_of(init_val, "while_loop: init_val")
    if config.disable_jit:
        return _python_while(cond_fun, body_fun, init_val)
    count = len(init)

    def trace(types: Sequence[Type]) -> tuple[Closed, list[Type], Any]:
        after: list[Type] = []
        after_tree: Any = None

        def flat(*args: Any) -> list[Any]:
            nonlocal after, after_tree
            outs, after_tree = leaves_of(
                body_fun(tree.unflatten(structure, args)), "while_loop: carry"
            )
            outs = fit(outs, types)
            after = [type_of(o) for o in outs]
            return outs

        return trace_body(flat, types, name_of(body_fun)), after, after_tree

    body, types = settle(
        "while_loop", init_val, [type_of(x) for x in init], trace, structure
    )

    def flat_cond(*args: Any) -> list[Any]:
        return [_predicate(cond_fun, cond_fun(tree.unflatten(structure, args)))]

    cond_closed = trace_body(flat_cond, types, name_of(cond_fun))
    init = [cast(x, t.dtype) for x, t in zip(init, types, strict=True)]  # type: ignore[union-attr]
    plan = recompute.schedule("while_loop", checkpoint, types, None)
    if plan is not None:
        outs = recompute.bounded_while(
            cond_closed.consts, body.consts, init, cond=cond_closed.program, body=body.program,
            plan=plan,
        )  # fmt: skip
        return tree.unflatten(structure, outs)
    outs = while_op(
        *cond_closed.consts, *body.consts, *init,
        cond=cond_closed.program, body=body.program,
        num_cond_consts=len(cond_closed.consts), num_body_consts=len(body.consts),
    )  # fmt: skip
    return tree.unflatten(structure, outs[:count])


def _predicate(fun: Callable[..., Any], out: Any) -> Any:
    """The condition's value as a bool scalar. Errors: TypeError saying what it was."""
    leaves, structure = tree.flatten(out)
    if len(leaves) != 1 or structure != tree.structure(0):
        raise TypeError(
            f"while_loop: {name_of(fun)} must return one bool scalar, got {structure}.{here()}"
        )
    x = as_value(leaves[0])
    t = type_of(x)
    if t.shape != () or t.dtype.kind != "b":  # type: ignore[union-attr]
        raise TypeError(f"while_loop: {name_of(fun)} must return a bool scalar, got {t}.{here()}")
    return x


def _python_while(cond_fun: Callable[..., Any], body_fun: Callable[..., Any], val: Any) -> Any:
    """`while_loop` as a Python loop; traced where the condition is not known."""
    while True:
        val = values(val)
        known = concrete(cond_fun(val))
        if known is None:
            with config.using(disable_jit=False):
                return while_loop(cond_fun, body_fun, val)
        if not known:
            return val
        val = body_fun(val)


def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: Callable[[Any, Any], Any],
    init_val: Any,
    *,
    unroll: int | bool | None = None,
    checkpoint: bool | int | str | None = None,
) -> Any:
    """`val = body_fun(i, val)` for i = lower, …, upper - 1; the last `val`.

    Bounds that are Python integers make a `scan`. Arrays, traced ones among them, make a loop
    that counts when it runs: no other program for another bound. Both differentiate in
    forward and reverse mode. `checkpoint` is a budget for what reverse mode keeps: for known
    bounds as in `scan`, for others as in `while_loop`.

    Errors: TypeError for bounds that are not integer scalars; those of `scan` for the carry.

    >>> int(fori_loop(1, 5, lambda i, x: x * i, 1))
    24
    """
    for what, x in (("lower", lower), ("upper", upper)):
        t = type_of(x)
        if t.shape != () or t.dtype.kind not in "iu":  # type: ignore[union-attr]
            raise TypeError(f"fori_loop: {what} must be an integer scalar, got {t}.{here()}")
    known = [concrete(x) for x in (lower, upper)]
    if config.disable_jit and all(k is not None for k in known):
        val = values(init_val)
        for i in range(int(known[0]), int(known[1])):
            val = values(body_fun(i, val))
        return val
    static = isinstance(lower, int | np.integer) and isinstance(upper, int | np.integer)
    first, structure = leaves_of(init_val, "fori_loop: init_val")
    dtype, weak = promote([(type_of(x).dtype, type_of(x).weak) for x in (lower, upper)])  # type: ignore[union-attr]
    if dtype.kind not in "iu":
        dtype = default_int()
    i_type = ArrayType((), dtype, weak)
    one = dtype.type(1)

    def trace(types: Sequence[Type]) -> tuple[Closed, list[Type], Any]:
        after: list[Type] = []
        after_tree: Any = None

        def flat(i: Any, *args: Any) -> list[Any]:
            nonlocal after, after_tree
            outs, after_tree = leaves_of(
                body_fun(i, tree.unflatten(structure, args)), "fori_loop: carry"
            )
            outs = fit(outs, types)
            after = [type_of(o) for o in outs]
            return [add(i, one), *outs]

        return trace_body(flat, [i_type, *types], name_of(body_fun)), after, after_tree

    closed, types = settle(
        "fori_loop", init_val, [type_of(x) for x in first], trace, structure
    )
    first = [cast(x, t.dtype) for x, t in zip(first, types, strict=True)]  # type: ignore[union-attr]
    start = dtype.type(lower) if static else cast(as_value(lower), dtype)
    length = max(int(upper) - int(lower), 0) if static else None
    plan = recompute.schedule("fori_loop", checkpoint, types, length)
    if length is not None:
        hint = 1 if unroll in (None, False) else length if unroll is True else int(unroll)
        outs = _scan(plan, closed, [start, *first], (), length, False, hint)
    elif plan is not None:
        outs = recompute.bounded_count(
            cast(as_value(upper), dtype), closed.consts, [start, *first], program=closed.program,
            plan=plan,
        )  # fmt: skip
    else:
        span = sub(cast(as_value(upper), _INT64), cast(as_value(lower), _INT64))
        count = maximum(span, np.int64(0))
        outs = counted_op(
            count, *closed.consts, start, *first, program=closed.program,
            num_consts=len(closed.consts), num_carry=1 + len(first), reverse=False,
        )  # fmt: skip
    return tree.unflatten(structure, outs[1:])


# map and associative_scan ---------------------------------------------------------------


def map(f: Callable[[Any], Any], xs: Any, *, batch_size: int | None = None) -> Any:
    """`f` of each slice of `xs` along the leading axis, one after another; results stacked.

    Like `vmap`, with the memory of one slice at a time, or of `batch_size` slices, which are
    computed together.

    >>> import numpy as np
    >>> np.asarray(map(lambda x: x * x, np.arange(4))).tolist()
    [0, 1, 4, 9]
    """
    if batch_size is None:
        return scan(lambda _, x: ((), f(x)), (), xs)[1]
    if batch_size < 1:
        raise ValueError(f"map: batch_size must be at least 1, got {batch_size}")
    rows, structure = leaves_of(xs, "map: xs")
    length = _length(xs, rows, None)
    full, rest = divmod(length, batch_size)
    results = []
    if full:
        blocks = [
            shape_ops.reshape(
                _associative.slice_axis(x, 0, 0, full * batch_size),
                shape=(full, batch_size, *x.shape[1:]),
            )
            for x in rows
        ]
        whole = map(lambda block: _lanes(f, block), tree.unflatten(structure, blocks))
        results.append(
            tree.map(
                lambda y: shape_ops.reshape(y, shape=(full * batch_size, *y.shape[2:])), whole
            )
        )
    if rest or not full:
        tail = [_associative.slice_axis(x, 0, full * batch_size, length) for x in rows]
        results.append(_lanes(f, tree.unflatten(structure, tail)))
    if len(results) == 1:
        return results[0]
    return tree.map(lambda a, b: shape_ops.concatenate(a, b, axis=0), *results)


def _lanes(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` of all slices at once."""
    rows, structure = leaves_of(xs, "map: xs")
    out_tree: Any = None

    def flat(*args: Any) -> list[Any]:
        nonlocal out_tree
        outs, out_tree = leaves_of(f(tree.unflatten(structure, args)), "map: result")
        return outs

    outs, _ = batched_to_front(flat, rows[0].shape[0], rows, [True] * len(rows), True)
    return tree.unflatten(out_tree, outs)


def associative_scan(
    fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """All prefixes of `elems` along `axis`, combined by an associative function.

    `fn(a, b)` combines two pytrees of the structure of `elems` slice by slice (it must be
    vectorised over `axis`); result k is the combination of elements 0, …, k, or with `reverse`
    that of the last one down to k. Depth is logarithmic in the length (Blelloch, 1990).

    Errors: ValueError for lengths that differ; TypeError where `fn` changes the structure.

    >>> import numpy as np
    >>> np.asarray(associative_scan(lambda a, b: a + b, np.arange(5))).tolist()
    [0, 1, 3, 6, 10]
    """
    leaves, structure = leaves_of(elems, "associative_scan: elems")
    if not leaves:
        return elems
    axes = [_axis(x, axis) for x in leaves]
    sizes = {x.shape[a] for x, a in zip(leaves, axes, strict=True)}
    if len(sizes) != 1:
        listed = ", ".join(str(x.shape) for x in leaves)
        raise ValueError(f"associative_scan: lengths along axis {axis} differ: {listed}")
    leaves = [move_axis(x, a, 0) for x, a in zip(leaves, axes, strict=True)]

    def flat(a: list[Any], b: list[Any]) -> list[Any]:
        # fn sees the axis where the user has it
        a, b = ([move_axis(x, 0, k) for x, k in zip(v, axes, strict=True)] for v in (a, b))
        out = fn(tree.unflatten(structure, a), tree.unflatten(structure, b))
        outs, out_tree = leaves_of(out, "associative_scan: result")
        if out_tree != structure:
            raise TypeError(
                f"associative_scan: fn takes {structure} and returned {out_tree}.{here()}"
            )
        return [
            cast(move_axis(o, k, 0), type_of(x).dtype)  # type: ignore[union-attr]
            for o, x, k in zip(outs, leaves, axes, strict=True)
        ]

    if reverse:
        leaves = [shape_ops.rev(x, axes=(0,)) for x in leaves]
    outs = _associative.associative_scan(flat, leaves, 0)
    if reverse:
        outs = [shape_ops.rev(x, axes=(0,)) for x in outs]
    return tree.unflatten(
        structure, [move_axis(x, 0, a) for x, a in zip(outs, axes, strict=True)]
    )


def _axis(x: Any, axis: int) -> int:
    nd = len(x.shape)
    if not -nd <= axis < nd:
        raise ValueError(f"associative_scan: axis {axis} is out of range for shape {x.shape}")
    return axis % nd
