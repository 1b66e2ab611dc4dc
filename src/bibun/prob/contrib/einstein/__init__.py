"""Stein variational inference; see `steinvi.py`."""

from __future__ import annotations

from bibun.prob.contrib.einstein.mixture_guide_predictive import MixtureGuidePredictive
from bibun.prob.contrib.einstein.stein_kernels import (
    GraphicalKernel,
    IMQKernel,
    LinearKernel,
    MixtureKernel,
    ProbabilityProductKernel,
    RandomFeatureKernel,
    RBFKernel,
    SteinKernel,
)
from bibun.prob.contrib.einstein.steinvi import ASVGD, SVGD, SteinVI

__all__ = [
    "ASVGD", "SVGD", "GraphicalKernel", "IMQKernel", "LinearKernel", "MixtureGuidePredictive",
    "MixtureKernel", "ProbabilityProductKernel", "RBFKernel", "RandomFeatureKernel", "SteinKernel",
    "SteinVI",
]  # fmt: skip
