"""Guides made from their models: joint normals of several shapes, points, Laplace's method."""

from __future__ import annotations

from bibun.prob.infer.autoguide.base import AutoGuide
from bibun.prob.infer.autoguide.batched import (
    AutoBatchedLowRankMultivariateNormal,
    AutoBatchedMultivariateNormal,
)
from bibun.prob.infer.autoguide.compose import AutoGuideList
from bibun.prob.infer.autoguide.continuous import (
    AutoContinuous,
    AutoDiagonalNormal,
    AutoLaplaceApproximation,
    AutoLowRankMultivariateNormal,
    AutoMultivariateNormal,
)
from bibun.prob.infer.autoguide.dais import AutoDAIS, AutoSurrogateLikelihoodDAIS
from bibun.prob.infer.autoguide.flows import AutoBNAFNormal, AutoIAFNormal
from bibun.prob.infer.autoguide.semi_dais import AutoSemiDAIS
from bibun.prob.infer.autoguide.sites import AutoDelta, AutoNormal

__all__ = [
    "AutoBNAFNormal", "AutoBatchedLowRankMultivariateNormal", "AutoBatchedMultivariateNormal",
    "AutoContinuous", "AutoDAIS", "AutoDelta", "AutoDiagonalNormal", "AutoGuide", "AutoGuideList",
    "AutoIAFNormal", "AutoLaplaceApproximation", "AutoLowRankMultivariateNormal",
    "AutoMultivariateNormal", "AutoNormal", "AutoSemiDAIS", "AutoSurrogateLikelihoodDAIS",
]  # fmt: skip
