"""Enumeration under the names that NumPyro has it: `numpyro.contrib.funsor`."""

from __future__ import annotations

from bibun.prob.infer.enumeration import config_enumerate, enum, infer_discrete, markov

__all__ = ["config_enumerate", "enum", "infer_discrete", "markov"]
