"""Losses that compare: masks by their overlap, embeddings by their distances, items by rank.

Dice: Milletari, Navab & Ahmadi (2016), Tversky's weights: Salehi et al. (2017). NT-Xent: Chen et
al. (2020), with labels in place of pairs. Triplets: Schroff, Kalenichenko & Philbin (2015).
"""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun.nn import log_softmax, sigmoid, softmax
from bibun.optim.losses.regression import cosine_similarity

_REDUCTIONS = {
    "mean": lambda loss: bnp.mean(loss, axis=-1), "sum": lambda loss: bnp.sum(loss, axis=-1),
    "none": lambda loss: loss,
}  # fmt: skip


def dice_loss(
    predictions: Any, targets: Any, *, class_weights: Any = None, smooth: float = 1.0,
    alpha: float = 0.5, beta: float = 0.5, apply_softmax: bool = True, reduction: str = "mean",
    ignore_background: bool = False, axis: Any = None,
) -> Any:  # fmt: skip
    """1 - (overlap + smooth) / (overlap + alpha · surplus + beta · missed + smooth), of each class.

    predictions: logits (batch, …, classes), probabilities with `apply_softmax=False`; targets:
    one-hot masks of that shape; with one class (which may be left out) a sigmoid takes the place
    of the softmax. `reduction` over classes: "mean", "sum" or "none"; `ignore_background`: without
    class 0; `axis`: the axes summed over, by default all but the first and the last.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> mask = bnp.array([[1.0, 0.0, 1.0]])
    >>> round(float(optim.losses.binary_dice_loss(100.0 * mask - 50.0, mask)[0]), 6)
    0.0
    """
    x, y = bnp.asarray(predictions), bnp.asarray(targets)
    x = x[..., None] if x.ndim == y.ndim - 1 else x
    y = y[..., None] if y.ndim == x.ndim - 1 else y
    if x.shape != y.shape:
        raise ValueError(f"dice_loss: predictions have shape {x.shape}, targets {y.shape}")
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction must be one of {sorted(_REDUCTIONS)}, got {reduction!r}")
    p = x
    if apply_softmax:
        p = sigmoid(x) if x.shape[-1] == 1 else softmax(x, axis=-1)
    axis = tuple(range(1, p.ndim - 1)) if axis is None else axis
    overlap = bnp.sum(p * y, axis=axis)
    surplus, missed = bnp.sum(p, axis=axis) - overlap, bnp.sum(y, axis=axis) - overlap
    loss = 1.0 - (overlap + smooth) / (overlap + alpha * surplus + beta * missed + smooth)
    if class_weights is not None:
        loss = loss * bnp.asarray(class_weights)
    if ignore_background and p.shape[-1] > 1:
        loss = loss[..., 1:]
    return _REDUCTIONS[reduction](loss)


def multiclass_generalized_dice_loss(
    predictions: Any, targets: Any, *, smooth: float = 1.0, apply_softmax: bool = True,
    ignore_background: bool = False,
) -> Any:  # fmt: skip
    """The mean `dice_loss`, rare classes weighted by 1 / frequency² (Sudre et al., 2017)."""
    y = bnp.asarray(targets)
    counts = bnp.sum(y, axis=tuple(range(y.ndim - 1)))
    weights = 1.0 / (counts**2 + 1e-7)
    weights = weights / bnp.sum(weights) * weights.shape[0]
    return bnp.mean(dice_loss(
        predictions, y, class_weights=weights, smooth=smooth, apply_softmax=apply_softmax,
        reduction="none", ignore_background=ignore_background,
    ))  # fmt: skip


def binary_dice_loss(
    predictions: Any, targets: Any, *, smooth: float = 1.0, apply_sigmoid: bool = True
) -> Any:
    """`dice_loss` of one class: logits (batch, …) and masks of that shape."""
    x, y = bnp.asarray(predictions), bnp.asarray(targets)
    if x.ndim == y.ndim and x.shape[-1] != 1:
        x, y = x[..., None], y[..., None]
    return dice_loss(x, y, smooth=smooth, apply_softmax=apply_sigmoid)


def ntxent(embeddings: Any, labels: Any, temperature: float = 0.07) -> Any:
    """Mean -log of each pair of one label against it and all pairs of other labels.

    embeddings: (batch, features); labels: (batch,) integers.
    """
    x, y = bnp.asarray(embeddings), bnp.asarray(labels)
    if y.shape[0] != x.shape[0]:
        raise ValueError(f"ntxent: {x.shape[0]} embeddings, {y.shape[0]} labels")
    eps = float(bnp.finfo(x.dtype).eps)
    near = cosine_similarity(x[None, :, :], x[:, None, :], eps) / temperature
    same = bnp.equal(y[:, None], y[None, :])
    pairs = same & ~bnp.eye(x.shape[0], dtype=bool)
    others = bnp.where(same, -bnp.inf, near)
    top = bnp.maximum(bnp.max(near, axis=1, keepdims=True), bnp.max(others, axis=1, keepdims=True))
    apart = bnp.sum(bnp.exp(others - top), axis=1, keepdims=True)
    loss = bnp.log(bnp.exp(near - top) + apart) - (near - top)
    return bnp.sum(bnp.where(pairs, loss, 0.0)) / bnp.sum(pairs)


def triplet_margin_loss(
    anchors: Any, positives: Any, negatives: Any, axis: int = -1, norm_degree: float = 2,
    margin: float = 1.0, eps: float = 1e-6,
) -> Any:  # fmt: skip
    """max(0, ‖anchor - positive‖ - ‖anchor - negative‖ + margin), in the p-norm `norm_degree`.

    >>> import bibun.numpy as bnp
    >>> from bibun import optim
    >>> far, here = bnp.array([5.0, 0.0]), bnp.zeros(2)
    >>> float(optim.losses.triplet_margin_loss(here, here, far))
    0.0
    """
    a = bnp.asarray(anchors)

    def distance(b: Any) -> Any:
        power = bnp.sum((a - bnp.asarray(b)) ** norm_degree, axis=axis)
        return (power + eps) ** (1.0 / norm_degree)

    return bnp.maximum(distance(positives) - distance(negatives) + margin, 0.0)


def ranking_softmax_loss(
    logits: Any, labels: Any, *, where: Any = None, weights: Any = None, reduce_fn: Any = bnp.mean
) -> Any:
    """-Σ label · log softmax(logits) over the items of a list (ListNet; Cao et al., 2007).

    logits, labels: (…, items). `where`: items that count; a list without any counts nothing.
    `weights` of items; `reduce_fn(losses, where=)` over lists, or None.
    """
    x, y = bnp.asarray(logits), bnp.asarray(labels) * 1.0
    if weights is not None:
        y = y * bnp.asarray(weights)
    if where is not None:
        y, x = bnp.where(where, y, 0.0), bnp.where(where, x, -bnp.inf)
        some = bnp.any(where, axis=-1)
        x = bnp.where(some[..., None], x, 0.0)
    parts = y * bnp.where(bnp.isfinite(x), log_softmax(x, axis=-1), 0.0)
    loss = -bnp.sum(parts, axis=-1)
    if where is None:
        return loss if reduce_fn is None else reduce_fn(loss)
    if reduce_fn is None:
        return bnp.where(some, loss, 0.0)
    reduced = reduce_fn(loss, where=some)
    return bnp.where(bnp.any(some), reduced, 0.0)
