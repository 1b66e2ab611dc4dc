"""Inference: samplers, chains, predictions."""

from __future__ import annotations

from bibun.prob.infer.barker import BarkerMH
from bibun.prob.infer.elbo import RenyiELBO, Trace_ELBO, TraceMeanField_ELBO
from bibun.prob.infer.enumeration import config_enumerate, infer_discrete, markov
from bibun.prob.infer.hmc import HMC, NUTS, HMCState
from bibun.prob.infer.likelihood import log_likelihood
from bibun.prob.infer.mcmc import MCMC
from bibun.prob.infer.predictive import Predictive
from bibun.prob.infer.svi import SVI, SVIRunResult, SVIState
from bibun.prob.infer.util import (
    constrain_fn,
    init_to_mean,
    init_to_median,
    init_to_sample,
    init_to_uniform,
    init_to_value,
    log_density,
    potential_energy,
    unconstrain_fn,
)

__all__ = [
    "BarkerMH", "config_enumerate", "constrain_fn", "HMC", "HMCState", "infer_discrete",
    "init_to_mean", "init_to_median", "init_to_sample", "init_to_uniform", "init_to_value",
    "log_density", "log_likelihood", "markov", "MCMC", "NUTS", "potential_energy", "Predictive",
    "RenyiELBO", "SVI", "SVIRunResult", "SVIState", "Trace_ELBO", "TraceMeanField_ELBO",
    "unconstrain_fn",
]  # fmt: skip
