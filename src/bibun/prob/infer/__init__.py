"""Inference: samplers, chains, predictions."""

from __future__ import annotations

from bibun.prob.infer.aies import AIES
from bibun.prob.infer.barker import BarkerMH
from bibun.prob.infer.composite import CustomGibbs, DiscreteGibbs, Gibbs
from bibun.prob.infer.discrete_gibbs import DiscreteHMCGibbs
from bibun.prob.infer.ecs import HMCECS
from bibun.prob.infer.elbo import ELBO, RenyiELBO, Trace_ELBO, TraceMeanField_ELBO
from bibun.prob.infer.elbo_enum import TraceEnum_ELBO
from bibun.prob.infer.elbo_graph import TraceGraph_ELBO
from bibun.prob.infer.enumeration import config_enumerate, infer_discrete, markov
from bibun.prob.infer.ess import ESS
from bibun.prob.infer.gibbs import HMCGibbs
from bibun.prob.infer.hmc import HMC, NUTS, HMCState
from bibun.prob.infer.initialization import (
    init_to_feasible,
    init_to_mean,
    init_to_median,
    init_to_sample,
    init_to_uniform,
    init_to_value,
)
from bibun.prob.infer.initialize import ModelInfo, ParamInfo, initialize_model
from bibun.prob.infer.likelihood import log_likelihood
from bibun.prob.infer.map import MAP, MAPResult
from bibun.prob.infer.mcmc import MCMC
from bibun.prob.infer.mixed_hmc import MixedHMC
from bibun.prob.infer.predictive import Predictive
from bibun.prob.infer.psis import psis_diagnostic
from bibun.prob.infer.sa import SA
from bibun.prob.infer.svi import SVI, SVIRunResult, SVIState
from bibun.prob.infer.util import constrain_fn, log_density, potential_energy, unconstrain_fn

__all__ = [
    "AIES", "BarkerMH", "config_enumerate", "constrain_fn", "CustomGibbs", "DiscreteGibbs",
    "DiscreteHMCGibbs", "ELBO", "ESS", "Gibbs", "HMC", "HMCECS", "HMCGibbs", "HMCState",
    "infer_discrete", "init_to_feasible", "init_to_mean", "init_to_median", "init_to_sample",
    "init_to_uniform", "init_to_value", "initialize_model", "log_density", "log_likelihood", "MAP",
    "MAPResult", "markov", "MCMC", "MixedHMC", "ModelInfo", "NUTS", "ParamInfo",
    "potential_energy", "Predictive", "psis_diagnostic", "RenyiELBO", "SA", "SVI", "SVIRunResult",
    "SVIState", "Trace_ELBO", "TraceEnum_ELBO", "TraceGraph_ELBO", "TraceMeanField_ELBO",
    "unconstrain_fn",
]  # fmt: skip
