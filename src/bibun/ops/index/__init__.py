"""Indexing with values: boxes at computed places, gathers, scatters.

Integer operands are indices as they stand: nothing wraps (the NumPy layer turns negative
indices into positive ones before) and nothing raises (that is `bibun.ops.check`). Out of
bounds is decided by `mode`.
"""

from bibun.ops.index.gather import gather, take_along
from bibun.ops.index.scatter import scatter, scatter_add, scatter_max, scatter_min, scatter_mul
from bibun.ops.index.slices import dynamic_slice, dynamic_update_slice

__all__ = [
    "dynamic_slice", "dynamic_update_slice", "gather", "scatter", "scatter_add", "scatter_max",
    "scatter_min", "scatter_mul", "take_along",
]  # fmt: skip
