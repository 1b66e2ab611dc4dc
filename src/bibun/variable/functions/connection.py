"""Linear maps and embeddings."""

from __future__ import annotations

from typing import Any

import bibun.numpy as bnp
from bibun.variable.functions._common import function


@function
def linear(x: Any, W: Any, b: Any = None, n_batch_axes: int = 1) -> Any:
    """x Wᵀ + b, the axes of x after the first `n_batch_axes` taken as one."""
    batch = x.shape[:n_batch_axes]
    y = bnp.matmul(bnp.reshape(x, (*batch, -1)), bnp.transpose(W))
    return y if b is None else y + b


@function
def bilinear(
    e1: Any, e2: Any, W: Any, V1: Any = None, V2: Any = None, b: Any = None
) -> Any:
    """Σ e1[j] e2[k] W[j, k, l], plus e1 V1 + e2 V2 + b if they are given."""
    e1, e2 = (bnp.reshape(e, (e.shape[0], -1)) for e in (e1, e2))
    y = bnp.einsum("ij,ik,jkl->il", e1, e2, W)
    return y if V1 is None else y + bnp.matmul(e1, V1) + bnp.matmul(e2, V2) + b


@function
def embed_id(x: Any, W: Any, ignore_label: int | None = None) -> Any:
    """W[x]: the row of W for each integer of x, zeros for `ignore_label`."""
    if ignore_label is None:
        return W[x]
    counts = x != ignore_label
    return bnp.where(counts[..., None], W[bnp.where(counts, x, 0)], 0.0)


__all__ = ["bilinear", "embed_id", "linear"]
