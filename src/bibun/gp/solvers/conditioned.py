"""The process given observations, at test points: what the solver of the data says of them."""

from __future__ import annotations

from typing import Any

from bibun import random
from bibun.gp.kernels.base import Kernel
from bibun.gp.noise import Noise
from bibun.gp.solvers.base import Solver
from bibun.gp.solvers.direct import DirectSolver


class ConditionedSolver(Solver):
    """Lazy: variances and draws need no covariance matrix where the data's solver needs none.

    `noise` is that of the test points. `part` is the kernel of a component of the process, None
    for all of it.
    """

    data: Solver
    part: Kernel | None

    @classmethod
    def build(cls, kernel: Kernel, X: Any, noise: Noise) -> Solver:
        raise TypeError("a ConditionedSolver is made by GaussianProcess.condition")

    def variance(self) -> Any:
        return self.data.posterior_variance(self.X, self.part) + self.noise.diagonal(self.size())

    def covariance(self) -> Any:
        return self.noise.add_to(self.data.posterior_covariance(self.X, self.X, self.part))

    def draw(self, key: Any, count: int) -> Any:
        key, key_noise = random.split(key)
        drawn = self.data.posterior_draw(key, self.X, count, self.part)
        return drawn + self.noise.draw(key_noise, self.size(), count)

    # a density is asked for rarely: the factor is made when it is
    def _direct(self) -> Solver:
        return DirectSolver.build(self.kernel, self.X, self.noise)

    def normalization(self) -> Any:
        return self._direct().normalization()

    def quadratic(self, y: Any) -> Any:
        return self._direct().quadratic(y)

    def solve(self, y: Any) -> Any:
        return self._direct().solve(y)
