"""Distances between points."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun.gp._record import Record


class Distance(Record):
    """Base class: `distance(X1, X2)` and its square, of two points."""

    def distance(self, X1: Any, X2: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define distance(X1, X2)")

    def squared_distance(self, X1: Any, X2: Any) -> Any:
        return bnp.square(self.distance(X1, X2))


class L1Distance(Distance):
    """Σ |x1 - x2|.

    >>> float(L1Distance().distance(bnp.array([0.0, 1.0]), bnp.array([2.0, 0.0])))
    3.0
    """

    def distance(self, X1: Any, X2: Any) -> Any:
        return bnp.sum(bnp.abs(X1 - X2))


class L2Distance(Distance):
    """√Σ (x1 - x2)², with derivative 0 where both points are the same.

    >>> float(L2Distance().distance(bnp.array([0.0, 4.0]), bnp.array([3.0, 0.0])))
    5.0
    """

    def distance(self, X1: Any, X2: Any) -> Any:
        if bnp.ndim(X1) == 0:
            return bnp.abs(X1 - X2)
        squared = self.squared_distance(X1, X2)
        return bnp.where(squared > 0, bnp.sqrt(squared), 0.0)

    def squared_distance(self, X1: Any, X2: Any) -> Any:
        return bnp.sum(bnp.square(X1 - X2))
