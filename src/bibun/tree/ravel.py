"""A tree of arrays as one vector, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bibun.tree.core import flatten


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All leaves in one vector of their common dtype, and the function that goes back.

    Shapes: leaves of any shapes; the vector has the sum of their sizes. Going back restores
    shapes and dtypes. Errors: ValueError for a vector of another length.

    >>> vector, back = ravel({"a": 1.0, "b": [2.0, 3.0]})
    >>> vector.shape
    (3,)
    >>> sorted(back(vector * 2))
    ['a', 'b']
    """
    # The one upward import of this package: packing needs array operations, which rest on
    # trees themselves; it is resolved when called.
    from bibun import numpy as bnp

    found, treedef = flatten(tree)
    arrays = [bnp.asarray(leaf) for leaf in found]
    shapes = [a.shape for a in arrays]
    dtypes = [a.dtype for a in arrays]
    sizes = [a.size for a in arrays]
    total = sum(sizes)
    if arrays:
        common = bnp.result_type(*arrays)
        vector = bnp.concatenate([bnp.ravel(a).astype(common) for a in arrays])
    else:
        vector = bnp.zeros(0)

    def unravel(vector: Any) -> Any:
        vector = bnp.asarray(vector)
        if vector.shape != (total,):
            raise ValueError(f"unravel: expected a vector of shape ({total},), got {vector.shape}")
        pieces, start = [], 0
        for shape, dtype, size in zip(shapes, dtypes, sizes, strict=True):
            piece = vector[start : start + size].reshape(shape)
            pieces.append(piece if piece.dtype == dtype else piece.astype(dtype))
            start += size
        return treedef.unflatten(pieces)

    return vector, unravel


ravel_pytree = ravel
