"""Data without their mean, or without least-squares lines."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.array import Value
from bibun.numpy._common import axis_index, promote_inexact, value

__all__ = ["detrend"]


def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0,
            overwrite_data: bool = False) -> Value:  # fmt: skip
    """The data without its mean ("constant") or least-squares line ("linear") along an axis.

    bp: where new lines begin.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> print(signal.detrend(bnp.array([1.0, 2.0, 6.0]), type="constant"))
    [-2. -1.  3.]
    """
    if type not in ("linear", "l", "constant", "c"):
        raise ValueError(f"detrend: type must be 'linear' or 'constant', got {type!r}")
    (x,) = promote_inexact("detrend", bnp.asarray(data))
    x = value("detrend", "data", x)
    k = axis_index("detrend", axis, x.ndim)
    x = bnp.moveaxis(x, k, -1)
    if type in ("constant", "c"):
        return bnp.moveaxis(x - bnp.mean(x, -1, keepdims=True), -1, k)
    n = x.shape[-1]
    breaks = sorted({0, n, *np.atleast_1d(np.asarray(bp)).astype(int).tolist()})
    if breaks[0] < 0 or breaks[-1] > n:
        raise ValueError(f"detrend: bp must lie between 0 and {n}, got {bp}")
    parts = []
    for lo, hi in itertools.pairwise(breaks):
        design = np.stack([np.ones(hi - lo), np.arange(1, hi - lo + 1) / (hi - lo)], 1)
        basis = np.linalg.qr(design)[0].astype(x.dtype)  # the line is a projection
        part = x[..., lo:hi]
        parts.append(part - (part @ basis) @ basis.T)
    return bnp.moveaxis(bnp.concatenate(parts, -1), -1, k)
