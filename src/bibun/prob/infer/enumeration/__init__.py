"""Enumeration: discrete latent variables summed out, and drawn back."""

from __future__ import annotations

from bibun.prob.infer.enumeration.posterior import infer_discrete
from bibun.prob.infer.enumeration.sites import config_enumerate, enum, markov

__all__ = ["config_enumerate", "enum", "infer_discrete", "markov"]
