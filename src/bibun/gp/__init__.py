"""Gaussian processes: kernels, exact and fast solvers, processes as distributions.

    from bibun.gp import GaussianProcess, kernels

    kernel = 1.5 * kernels.Matern32(scale=2.0)
    gp = GaussianProcess(kernel, t, diag=0.1)
    gp.log_probability(y)
    mean, variance = gp.predict(y, t_new, return_var=True)

Kernels and processes are pytrees: all of it compiles, differentiates, batches, and works in
models. Names follow tinygp.
"""

from __future__ import annotations

from bibun.gp import hsgp, kernels, means, noise, solvers, transforms
from bibun.gp.hsgp import HSGP
from bibun.gp.process import ConditionResult, GaussianProcess

__all__ = [
    "HSGP", "ConditionResult", "GaussianProcess", "hsgp", "kernels", "means", "noise", "solvers",
    "transforms",
]  # fmt: skip
