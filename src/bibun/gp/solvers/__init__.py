"""Solvers: the linear algebra of processes behind one small interface."""

from __future__ import annotations

from bibun.gp.solvers.base import Solver
from bibun.gp.solvers.conditioned import ConditionedSolver
from bibun.gp.solvers.direct import DirectSolver
from bibun.gp.solvers.low_rank import LowRankSolver
from bibun.gp.solvers.quasisep import QuasisepSolver

__all__ = ["ConditionedSolver", "DirectSolver", "LowRankSolver", "QuasisepSolver", "Solver"]
