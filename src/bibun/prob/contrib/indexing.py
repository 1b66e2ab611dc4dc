"""Indexing that stays right when indices are enumerated: advanced indices broadcast in front."""

from __future__ import annotations

from typing import Any

import numpy as np

import bibun.numpy as bnp


class Vindex:
    """`Vindex(x)[i, :, j]`: batch axes of all indices broadcast; slices keep their axes behind.

    NumPy puts the broadcast axes of `x[i, :, j]` in front, but those of `x[..., j]` where `j`
    stood; here `...` stands for batch axes that broadcast with the indices. With scalar
    indices it is `x[i, :, j]`, so a model reads the same with and without enumeration.

    >>> x = bnp.reshape(bnp.arange(12), (3, 4))
    >>> Vindex(x)[bnp.array([[0], [2]]), bnp.array([1, 3])].tolist()
    [[1, 3], [9, 11]]
    >>> Vindex(x)[..., bnp.array([[[1]], [[3]]])].shape
    (2, 1, 3)
    """

    def __init__(self, tensor: Any) -> None:
        self._tensor = bnp.asarray(tensor)

    def __getitem__(self, args: Any) -> Any:
        return vindex(self._tensor, args)


def vindex(tensor: Any, args: Any) -> Any:
    """`Vindex(tensor)[args]`."""
    args = args if isinstance(args, tuple) else (args,)
    for a in args:
        if isinstance(a, slice) and a != slice(None):
            raise NotImplementedError("Vindex: of slices, only a full `:` is supported")
        if a is None:
            raise NotImplementedError("Vindex: None is not supported; reshape the result")
    if any(a is Ellipsis for a in args[1:]):
        raise NotImplementedError("Vindex: `...` may only be the first index")
    width = tensor.ndim
    # all indices have the same broadcast batch, so that its axes come out in front
    arrays = [bnp.asarray(a) for a in args if a is not Ellipsis and not isinstance(a, slice)]
    if args[0] is Ellipsis:
        rest = args[1:]
        batch = width - len(rest)
        kept = sum(isinstance(a, slice) for a in rest)
        fronts = [
            bnp.reshape(bnp.arange(n), (n,) + (1,) * (batch - 1 - k))
            for k, n in enumerate(tensor.shape[:batch])
        ]
        shape = np.broadcast_shapes(tensor.shape[:batch], *(a.shape for a in arrays))
    else:
        rest, fronts = args + (slice(None),) * (width - len(args)), []
        kept = sum(isinstance(a, slice) for a in rest)
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
    index: list[Any] = [bnp.broadcast_to(f, shape) for f in fronts]
    order: list[int] = []  # the sliced axes, behind
    for k, a in enumerate(rest):
        if isinstance(a, slice):
            order.append(len(fronts) + k)
        else:
            index.append(bnp.broadcast_to(bnp.asarray(a), shape))
    axes = [k for k in range(width) if k not in order]
    moved = bnp.transpose(tensor, (*axes, *order))
    out = moved[tuple(index)] if index else moved
    assert out.ndim == len(shape) + kept
    return out
