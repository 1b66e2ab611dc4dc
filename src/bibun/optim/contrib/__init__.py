"""Newer optimizers, by Optax's names: without schedules, without a learning rate, on plateaus."""

from __future__ import annotations

from bibun.optim.contrib.adaptation import (
    DAdaptAdamWState,
    ProdigyState,
    dadapt_adamw,
    prodigy,
)
from bibun.optim.contrib.distance import (
    DoGState,
    DoWGState,
    dog,
    dowg,
    scale_by_dog,
    scale_by_dowg,
)
from bibun.optim.contrib.momenta import (
    ScaleByAdemamixState,
    ScaleBySimplifiedAdEMAMixState,
    ademamix,
    adopt,
    scale_by_ademamix,
    scale_by_adopt,
    scale_by_simplified_ademamix,
    simplified_ademamix,
)
from bibun.optim.contrib.momo import MomoAdamState, MomoState, momo, momo_adam
from bibun.optim.contrib.plateau import ReduceLROnPlateauState, reduce_on_plateau
from bibun.optim.contrib.schedule_free import (
    ScheduleFreeState,
    schedule_free,
    schedule_free_adamw,
    schedule_free_eval_params,
    schedule_free_sgd,
)

__all__ = [
    "DAdaptAdamWState", "DoGState", "DoWGState", "MomoAdamState", "MomoState", "ProdigyState",
    "ReduceLROnPlateauState", "ScaleByAdemamixState", "ScaleBySimplifiedAdEMAMixState",
    "ScheduleFreeState", "ademamix", "adopt", "dadapt_adamw", "dog", "dowg", "momo", "momo_adam",
    "prodigy", "reduce_on_plateau", "scale_by_ademamix", "scale_by_adopt", "scale_by_dog",
    "scale_by_dowg", "scale_by_simplified_ademamix", "schedule_free", "schedule_free_adamw",
    "schedule_free_eval_params", "schedule_free_sgd", "simplified_ademamix",
]  # fmt: skip
