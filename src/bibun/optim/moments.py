"""Running averages of gradients and their squares, and the correction for their start at zero."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun import tree


def squared(g: Any) -> Any:
    """|g|², real also for complex g."""
    return bnp.real(bnp.conj(g) * g) if bnp.asarray(g).dtype.kind == "c" else g * g


def update_moment(updates: Any, moments: Any, decay: Any, order: int) -> Any:
    """`decay * m + (1 - decay) * g^order` for each leaf."""
    power = {1: lambda g: g, 2: squared}[order]
    return tree.map(lambda g, m: (1 - decay) * power(g) + decay * m, updates, moments)


def bias_correction(moments: Any, decay: Any, count: Any) -> Any:
    """Moments divided by `1 - decay^count`, count ≥ 1 (Kingma & Ba, 2015, §3)."""
    factor = 1 - bnp.asarray(decay) ** bnp.asarray(count)
    return tree.map(lambda m: m / factor.astype(m.dtype), moments)


def first_moment(updates: Any, mu: Any, b1: Any, count: Any, nesterov: bool) -> Any:
    """The corrected first moment, with Nesterov's look-ahead."""
    if not nesterov:
        return bias_correction(mu, b1, count)
    ahead = bias_correction(mu, b1, count + 1)
    now = bias_correction(tree.map(bnp.asarray, updates), b1, count)
    return tree.map(lambda m, g: b1 * m + (1 - b1) * g, ahead, now)


def real_zeros_like(params: Any) -> Any:
    """Zeros for second moments: real also where the parameters are complex."""
    from bibun.optim.base import as_float

    return tree.map(lambda p: bnp.zeros_like(bnp.real(as_float(p))), params)


def rate_at(rate: Any, count: Any) -> Any:
    """A number, or a schedule's value at this count."""
    return rate(count) if callable(rate) else rate
