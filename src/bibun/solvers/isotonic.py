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
        i, top, sums, counts = carry  # blocks 0 … top; element i comes next
        mean = sums / bnp.maximum(counts, 1)
        merge = (top > 0) & (mean[bnp.maximum(top - 1, 0)] > mean[bnp.maximum(top, 0)])

        def merged() -> Any:
            s = sums.at[top - 1].add(sums[top]).at[top].set(0.0)
            c = counts.at[top - 1].add(counts[top]).at[top].set(0)
            return i, top - 1, s, c

        def pushed() -> Any:
            return i + 1, top + 1, sums.at[top + 1].set(y[i]), counts.at[top + 1].set(1)

        return lax.cond(merge, merged, pushed)

    def go_on(carry: Any) -> Any:
        i, top, sums, counts = carry
        mean = sums / bnp.maximum(counts, 1)
        violated = (top > 0) & (mean[bnp.maximum(top - 1, 0)] > mean[bnp.maximum(top, 0)])
        return (i < n) | violated

    start = (
        bnp.asarray(0), bnp.asarray(-1), bnp.zeros_like(y), bnp.zeros(n, dtype=int)
    )  # fmt: skip
    counts = lax.while_loop(go_on, one, start)[3]
    return bnp.searchsorted(bnp.cumsum(counts), bnp.arange(n), side="right")


def isotonic_l2_pav(
    y: Any, y_min: Any = -float("inf"), y_max: Any = float("inf"), increasing: bool = True
) -> Any:
    """The monotone sequence x within [y_min, y_max] that minimizes ‖x - y‖².

    y: a vector. `increasing=False`: a sequence that never grows. O(n); differentiable.

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
