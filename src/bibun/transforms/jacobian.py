"""Jacobians and Hessians: a derivative applied to a whole basis at once.

`jacfwd` pushes the standard basis of the inputs forward, `jacrev` pulls that of the outputs
back; both under `vmap`. The result is a pytree of outputs whose leaves are pytrees of inputs,
with shape `output.shape + input.shape`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.errors import DifferentiationError
from bibun.ops.families.shape import move_axis
from bibun.ops.families.tangents import first, identity_rows, stack_front
from bibun.ops.shape import reshape
from bibun.ops.shape import slice as slice_op
from bibun.trace.core import type_of
from bibun.transforms.batch import batch_flat, batched_to_front
from bibun.transforms.derivatives import jvp, vjp
from bibun.transforms.flat import (
    as_user,
    check_callable,
    float0_zeros,
    name_of,
    of_chosen,
    wraps,
)
from bibun.transforms.grad import differentiable, grad
from bibun.tree import flatten, unflatten


def _basis(leaves: Sequence[Any]) -> tuple[list[Any], int]:
    """For each leaf its part of the standard basis of all leaves together, stacked in front."""
    sizes = [x.size for x in leaves]
    total = sum(sizes)
    parts, start = [], 0
    for x, n in zip(leaves, sizes, strict=True):
        rows = identity_rows(total, start, n, x.dtype)
        parts.append(reshape(rows, shape=(total, *x.shape)))
        start += n
    return parts, total


def _cut(stack: Any, leaves: Sequence[Any], axis: int) -> list[Any]:
    """A stack over the basis of all leaves, cut and folded into one array for each leaf."""
    shape = stack.shape
    pieces, start = [], 0
    for x in leaves:
        n = x.size
        starts = [0] * len(shape)
        limits = list(shape)
        starts[axis], limits[axis] = start, start + n
        piece = slice_op(
            stack, starts=tuple(starts), limits=tuple(limits), strides=(1,) * len(shape)
        )
        pieces.append(
            as_user(reshape(piece, shape=(*shape[:axis], *x.shape, *shape[axis + 1 :])))
        )
        start += n
    return pieces


def _check_output(leaves: Sequence[Any], what: str, fun: Any, holomorphic: bool) -> None:
    for o in leaves:
        kind = o.dtype.kind
        if holomorphic and kind != "c":
            raise DifferentiationError(
                f"{what} with holomorphic=True needs complex results, but {name_of(fun)} "
                f"returned {type_of(o)}"
            )
        if not holomorphic and what == "jacrev" and kind != "f":
            raise DifferentiationError(
                f"jacrev needs real floating-point results, but {name_of(fun)} returned "
                f"{type_of(o)}"
            )


def jacfwd(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """The Jacobian by forward mode: best for tall ones (more outputs than inputs).

    The result has shape `output.shape + input.shape` for each pair of output and input leaf.
    Inputs must be real unless `holomorphic`. With `has_aux` the result is `(jacobian, aux)`.

    >>> import numpy as np
    >>> from bibun.transforms import jacfwd
    >>> jacfwd(lambda x: x * x)(np.array([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float64)
    """
    check_callable(fun, "jacfwd")

    @wraps(fun, "jacfwd")
    def jacobian_fun(*args: Any, **kwargs: Any) -> Any:
        part, chosen = of_chosen(fun, argnums, args, kwargs, "jacfwd")
        leaves, tree = flatten(chosen)
        leaves = [differentiable(x, "jacfwd", holomorphic) for x in leaves]
        if not holomorphic and any(x.dtype.kind == "c" for x in leaves):
            raise DifferentiationError(
                "jacfwd needs real arguments, or holomorphic=True for complex ones"
            )
        basis, total = _basis(leaves)
        seen: list[Any] = [None, None]

        def push(*ts: Any) -> list[Any]:
            out, tangent, *aux = jvp(
                part, (unflatten(tree, leaves),), (unflatten(tree, ts),), has_aux=has_aux
            )
            outs, seen[0] = flatten(out)
            kept, seen[1] = flatten(aux)
            moved = [t for t in flatten(tangent)[0] if t.dtype.kind in "fc"]
            return [*moved, *outs, *kept]

        stacks, dims = batch_flat(push, total, basis, [0] * len(basis))
        count = seen[0].num_leaves
        extra = seen[1].num_leaves
        rest = [
            x if d is None else first(x, d)  # nothing but the tangents differs along the basis
            for x, d in list(zip(stacks, dims, strict=True))[len(stacks) - count - extra :]
        ]
        outs, aux = rest[:count], unflatten(seen[1], rest[count:])
        _check_output(outs, "jacfwd", fun, holomorphic)
        moved = iter(zip(stacks, dims, strict=True))
        columns = [
            stack_front(*next(moved), total) if o.dtype.kind in "fc" else None for o in outs
        ]
        result = []
        for o, c in zip(outs, columns, strict=True):
            if o.dtype.kind in "fc":
                pieces = _cut(move_axis(c, 0, len(o.shape)), leaves, len(o.shape))
            else:
                pieces = [float0_zeros((*o.shape, *x.shape)) for x in leaves]
            result.append(unflatten(tree, pieces))
        jac = unflatten(seen[0], result)
        return (jac, aux[0]) if has_aux else jac

    return jacobian_fun


def jacrev(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """The Jacobian by reverse mode: best for wide ones (more inputs than outputs).

    The result has shape `output.shape + input.shape` for each pair of output and input leaf.
    Outputs must be real unless `holomorphic`. With `has_aux` the result is `(jacobian, aux)`.

    >>> import numpy as np
    >>> from bibun.transforms import jacrev
    >>> jacrev(lambda x: x * x)(np.array([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float64)
    """
    check_callable(fun, "jacrev")

    @wraps(fun, "jacrev")
    def jacobian_fun(*args: Any, **kwargs: Any) -> Any:
        part, chosen = of_chosen(fun, argnums, args, kwargs, "jacrev")
        leaves, tree = flatten(chosen)
        leaves = [differentiable(x, "jacrev", holomorphic, allow_int) for x in leaves]
        out, pull, *aux = vjp(part, unflatten(tree, leaves), has_aux=has_aux)
        outs, out_tree = flatten(out)
        _check_output(outs, "jacrev", fun, holomorphic)
        basis, total = _basis(outs)
        real = [x.dtype.kind in "fc" for x in leaves]

        def rows(*cts: Any) -> list[Any]:
            found = flatten(pull(unflatten(out_tree, cts))[0])[0]
            return [f for f, r in zip(found, real, strict=True) if r]

        stacks, _ = batched_to_front(rows, total, basis, [True] * len(basis), True)
        some = iter(stacks)
        columns = [
            _cut(next(some), outs, 0)
            if r
            else [float0_zeros((*o.shape, *x.shape)) for o in outs]
            for x, r in zip(leaves, real, strict=True)
        ]
        jac = unflatten(
            out_tree,
            [unflatten(tree, [c[i] for c in columns]) for i in range(len(outs))],
        )
        return (jac, aux[0]) if has_aux else jac

    return jacobian_fun


jacobian = jacrev


def hessian(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """The matrix of second derivatives: forward mode over reverse mode.

    For input leaves x, y the block has shape `output.shape + x.shape + y.shape`.

    >>> import numpy as np
    >>> from bibun.transforms import hessian
    >>> hessian(lambda x: x * x * x)(2.0)
    Array(12., dtype=float64)
    """
    return jacfwd(
        jacrev(fun, argnums, has_aux=has_aux, holomorphic=holomorphic),
        argnums,
        has_aux=has_aux,
        holomorphic=holomorphic,
    )


def hvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> Any:
    """The Hessian of a scalar function times a vector, without the Hessian.

    Forward mode over reverse mode, with respect to the first argument: `tangents` is a tuple
    like `primals`; costs a few evaluations of `fun`.

    >>> import numpy as np
    >>> from bibun.transforms import hvp
    >>> hvp(lambda x: (x * x * x).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    Array([ 6., 12.], dtype=float64)
    """
    return jvp(grad(fun), primals, tangents)[1]
