"""Ops that rearrange: broadcast, reshape, transpose, slice, reverse, iota, concatenate, pad."""

from bibun.ops.shape.boxes import concatenate, pad, slice
from bibun.ops.shape.layout import (
    broadcast_to,
    copy,
    expand_dims,
    inverse,
    iota,
    reshape,
    rev,
    squeeze,
    sum_to,
    transpose,
)

__all__ = [
    "broadcast_to", "concatenate", "copy", "expand_dims", "inverse", "iota", "pad", "reshape",
    "rev", "slice", "squeeze", "sum_to", "transpose",
]  # fmt: skip
