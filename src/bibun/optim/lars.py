"""LARS: momentum with a trust ratio for each layer (You, Gitman & Ginsburg, 2017)."""

from __future__ import annotations

from typing import Any

from bibun.optim.base import GradientTransformation, ScalarOrSchedule, chain
from bibun.optim.decay import add_decayed_weights
from bibun.optim.masking import masked
from bibun.optim.momentum import trace
from bibun.optim.scaling import scale_by_learning_rate, scale_by_trust_ratio


def lars(
    learning_rate: ScalarOrSchedule, weight_decay: float = 0.0, weight_decay_mask: Any = True,
    trust_coefficient: float = 0.001, eps: float = 0.0, trust_ratio_mask: Any = True,
    momentum: float = 0.9, nesterov: bool = False,
) -> GradientTransformation:  # fmt: skip
    """LARS. The masks say which leaves decay and which are rescaled."""
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        masked(scale_by_trust_ratio(0.0, trust_coefficient, eps), trust_ratio_mask),
        scale_by_learning_rate(learning_rate),
        trace(momentum, nesterov),
    )
