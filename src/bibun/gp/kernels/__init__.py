"""Kernels: covariance functions of processes, in any number of dimensions.

`quasisep` has those of one ordered coordinate whose linear algebra is O(n).
"""

from __future__ import annotations

from bibun.gp.kernels import quasisep
from bibun.gp.kernels.base import Conditioned, Constant, Custom, Kernel, Product, Sum
from bibun.gp.kernels.distance import Distance, L1Distance, L2Distance
from bibun.gp.kernels.products import DotProduct, Linear, Polynomial, White
from bibun.gp.kernels.stationary import (
    RBF,
    Cosine,
    Exp,
    ExpSineSquared,
    ExpSquared,
    Matern12,
    Matern32,
    Matern52,
    RationalQuadratic,
    Stationary,
)

__all__ = [
    "RBF", "Conditioned", "Constant", "Cosine", "Custom", "Distance", "DotProduct", "Exp",
    "ExpSineSquared", "ExpSquared", "Kernel", "L1Distance", "L2Distance", "Linear", "Matern12",
    "Matern32", "Matern52", "Polynomial", "Product", "RationalQuadratic", "Stationary", "Sum",
    "White", "quasisep",
]  # fmt: skip
