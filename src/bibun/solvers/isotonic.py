"""Isotonic regression: the monotone sequence nearest to a given one.

Pool adjacent violators (Barlow et al., 1972; Best & Chakravarti, 1990): blocks that break the
order are merged into their mean, in one pass over the data with a stack of blocks. Which block
an element belongs to does not change with small changes of the data, so the derivative is that of
the blocks' means.
"""

from __future__ import annotations

from typing import Any

from bibun import lax, stop_gradient
from bibun import numpy as bnp


def _blocks(y: Any) -> Any:
    """The number of the block, counted from 0, for each element of an increasing fit."""
    n = y.shape[0]

    def one(carry: Any) -> Any:
        # blocks 0 … top, of which the last two may have to be merged; element i comes next
        i, top, merge, sums, counts = carry
        to = bnp.where(merge, top - 1, top + 1)
        last, here = bnp.maximum(top, 0), bnp.maximum(to, 0)
        total = bnp.where(merge, sums[here] + sums[last], y[bnp.minimum(i, n - 1)])
        count = bnp.where(merge, counts[here] + counts[last], 1)
        sums, counts = sums.at[to].set(total), counts.at[to].set(count)
        before = bnp.maximum(to - 1, 0)
        merge_next = (to > 0) & (sums[before] / counts[before] > total / count)
        return bnp.where(merge, i, i + 1), to, merge_next, sums, counts

    start = (
        bnp.asarray(0), bnp.asarray(-1), bnp.asarray(False), bnp.zeros_like(y),
        bnp.ones(n, dtype=int),
    )  # fmt: skip
    _, top, _, _, counts = lax.while_loop(lambda c: (c[0] < n) | c[2], one, start)
    counts = bnp.where(bnp.arange(n) <= top, counts, 0)
    return bnp.searchsorted(bnp.cumsum(counts), bnp.arange(n), side="right")


def isotonic_l2_pav(
    y: Any, y_min: Any = -float("inf"), y_max: Any = float("inf"), increasing: bool = True
) -> Any:
    """The monotone sequence x within [y_min, y_max] that minimizes ‖x - y‖².

    y: a vector. `increasing=False`: a sequence that never grows. O(n log n); differentiable.

    >>> import bibun.numpy as bnp
    >>> [float(v) for v in isotonic_l2_pav(bnp.array([1.0, 3.0, 2.0, 4.0]))]
    [1.0, 2.5, 2.5, 4.0]
    """
    y = bnp.asarray(y) * 1.0
    if y.ndim != 1:
        raise ValueError(f"isotonic_l2_pav takes a vector, got shape {y.shape}")
    if not increasing:
        return -isotonic_l2_pav(-y, -bnp.asarray(y_max), -bnp.asarray(y_min))
    if y.shape[0] == 0:
        return y
    block = _blocks(stop_gradient(y))
    sums = bnp.zeros_like(y).at[block].add(y)
    counts = bnp.zeros_like(y).at[block].add(1.0)
    return bnp.clip((sums / bnp.maximum(counts, 1.0))[block], y_min, y_max)
