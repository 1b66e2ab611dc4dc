"""Clipping of gradients: by value, by each leaf's norm, by the norm of all, adaptively."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import tree, vmap
from bibun.optim.base import (
    EmptyState,
    GradientTransformation,
    global_norm,
    need_params,
    stateless,
)
from bibun.optim.moments import squared


def clip(max_delta: Any) -> GradientTransformation:
    """Each element into [-max_delta, max_delta].

    >>> from bibun import optim
    >>> float(optim.clip(1.0).update(-3.0, None)[0])
    -1.0
    """
    return stateless(
        lambda updates, params: tree.map(lambda g: bnp.clip(g, -max_delta, max_delta), updates)
    )


def _shrink(g: Any, size: Any, limit: Any) -> Any:
    g = bnp.asarray(g)
    factor = bnp.where(size < limit, 1.0, limit / bnp.where(size < limit, 1.0, size))
    return g * factor.astype(g.dtype)


def clip_by_block_rms(threshold: float) -> GradientTransformation:
    """Each leaf scaled down to a root mean square of at most `threshold`."""

    def one(u: Any) -> Any:
        return _shrink(u, bnp.sqrt(bnp.mean(bnp.square(u))), threshold)

    return stateless(lambda updates, params: tree.map(one, updates))


def clip_by_global_norm(max_norm: float) -> GradientTransformation:
    """All leaves scaled down together to a Euclidean norm of at most `max_norm` (Pascanu, 2013).

    >>> from bibun import optim
    >>> [round(float(x), 6) for x in optim.clip_by_global_norm(1.0).update([3.0, 4.0], None)[0]]
    [0.6, 0.8]
    """

    def f(updates: Any, params: Any) -> Any:
        size = global_norm(updates)
        return tree.map(lambda g: _shrink(g, size, max_norm), updates)

    return stateless(f)


def unitwise_norm(x: Any, axis: Any = None) -> Any:
    """The norm of each unit of an array, in its shape: a column, all axes but the last, or `axis`.

    A vector is one unit.
    """
    x = bnp.asarray(x)
    if axis is None:
        axis = None if x.ndim <= 1 else 0 if x.ndim == 2 else tuple(range(x.ndim - 1))
    square = bnp.sum(squared(x), axis=axis, keepdims=True)
    return bnp.broadcast_to(bnp.sqrt(square), x.shape)


def unitwise_clip(g_norm: Any, max_norm: Any, grad: Any, div_eps: float = 1e-6) -> Any:
    """`grad` with units longer than `max_norm` scaled down to it."""
    return bnp.where(g_norm < max_norm, grad, grad * (max_norm / bnp.maximum(g_norm, div_eps)))


def adaptive_grad_clip(
    clipping: float, eps: float = 1e-3, axis: Any = None
) -> GradientTransformation:
    """Each unit's gradient at most `clipping` times the norm of its weights (Brock et al., 2021).

    A unit is a column of a matrix (all axes but the last of a larger array), a whole vector, or
    what the axes `axis` span.
    """

    def one(g: Any, p: Any) -> Any:
        g = bnp.asarray(g)
        limit = clipping * bnp.maximum(unitwise_norm(p, axis), eps)
        return unitwise_clip(unitwise_norm(g, axis), limit, g)

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        need_params(params, "adaptive_grad_clip")
        return tree.map(one, updates, params), state

    return GradientTransformation(lambda params: EmptyState(), update)


def per_example_global_norm_clip(grads: Any, l2_norm_clip: Any) -> tuple[Any, Any]:
    """The sum over examples of gradients clipped to a global norm, and how many were clipped.

    grads: leaves with the examples on axis 0. For differential privacy (Abadi et al., 2016).

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> grads = bnp.array([[3.0, 4.0], [0.5, 0.0]])
    >>> total, clipped = optim.per_example_global_norm_clip(grads, 1.0)
    >>> bnp.round(total, 6).tolist(), int(clipped)
    ([1.1, 0.8], 1)
    """
    grads = tree.map(bnp.asarray, grads)
    sizes = {g.shape[:1] for g in tree.leaves(grads)}
    if len(sizes) != 1 or () in sizes:
        raise ValueError(
            "per-example clipping: every leaf needs the examples on axis 0, got shapes "
            f"{[g.shape for g in tree.leaves(grads)]}"
        )
    norms = vmap(global_norm)(grads)
    factors = bnp.minimum(l2_norm_clip / bnp.where(norms > 0, norms, l2_norm_clip), 1.0)
    total = tree.map(lambda g: bnp.tensordot(factors, g, axes=1), grads)
    return total, bnp.sum(factors < 1.0)


def per_example_layer_norm_clip(
    grads: Any, global_l2_norm_clip: Any, uniform: bool = True
) -> tuple[Any, Any]:
    """`per_example_global_norm_clip` of each leaf, the bound divided among them.

    `uniform`: into equal squares; else by the leaves' sizes. Returns sums and counts, leaf by leaf.
    """
    leaves, structure = tree.flatten(tree.map(bnp.asarray, grads))
    sizes = [1 if uniform else g[0].size for g in leaves]
    clipped = [
        per_example_global_norm_clip(g, global_l2_norm_clip * (size / sum(sizes)) ** 0.5)
        for g, size in zip(leaves, sizes, strict=True)
    ]
    return (
        tree.unflatten(structure, [c[0] for c in clipped]),
        tree.unflatten(structure, [c[1] for c in clipped]),
    )
