"""LAMB: Adam with a trust ratio for each layer (You et al., 2020)."""

from __future__ import annotations

from typing import Any

from bibun.optim.adam import scale_by_adam
from bibun.optim.base import GradientTransformation, ScalarOrSchedule, chain
from bibun.optim.decay import add_decayed_weights
from bibun.optim.scaling import scale_by_learning_rate, scale_by_trust_ratio


def lamb(
    learning_rate: ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-6,
    eps_root: float = 0.0, weight_decay: float = 0.0, mask: Any = None,
) -> GradientTransformation:  # fmt: skip
    """LAMB."""
    return chain(
        scale_by_adam(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_trust_ratio(),
        scale_by_learning_rate(learning_rate),
    )
