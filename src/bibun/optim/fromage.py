"""Fromage: steps relative to each leaf's norm (Bernstein et al., 2020)."""

from __future__ import annotations

from bibun.optim.base import GradientTransformation, chain
from bibun.optim.decay import add_decayed_weights
from bibun.optim.scaling import scale_by_learning_rate, scale_by_trust_ratio


def fromage(learning_rate: float, min_norm: float = 1e-6) -> GradientTransformation:
    """(w - η ‖w‖ g / ‖g‖) / √(1 + η²), norms at least `min_norm`. η is a number.

    Errors: TypeError for a schedule.

    >>> from bibun import optim
    >>> tx = optim.fromage(0.75)
    >>> round(float(tx.update(2.0, tx.init(1.0), 1.0)[0]), 12)
    -0.8
    """
    if callable(learning_rate):
        raise TypeError("fromage: learning_rate must be a number; use inject_hyperparams for a "
                        "schedule")  # fmt: skip
    shrink = 1.0 / (1.0 + learning_rate**2) ** 0.5
    return chain(
        scale_by_trust_ratio(min_norm),
        scale_by_learning_rate(learning_rate * shrink),
        add_decayed_weights(shrink - 1.0),
    )
