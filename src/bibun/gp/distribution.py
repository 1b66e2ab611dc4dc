"""A process as a distribution, for models of `bibun.prob`."""

from __future__ import annotations

from typing import Any

from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape


class ProcessDistribution(Distribution):
    """The values of a process at its points, noise included: a normal vector.

    Made by `GaussianProcess.distribution()`. The density costs what the solver's costs.

    >>> from bibun import numpy as bnp
    >>> from bibun.gp import GaussianProcess, kernels
    >>> gp = GaussianProcess(kernels.quasisep.Exp(), bnp.arange(3.0), diag=1.0)
    >>> round(float(gp.distribution().log_prob(bnp.zeros(3))), 4)
    -3.7615
    """

    arg_constraints: dict[str, c.Constraint] = {}
    support = c.real_vector
    _fields = ("gp",)

    def __init__(self, gp: Any, *, validate_args: bool | None = None) -> None:
        self.gp = gp
        self._validate = self._validate_default if validate_args is None else validate_args

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return (), (self.gp.num_data,)

    def _log_prob(self, value: Any) -> Any:
        return self.gp.log_probability(value)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self.gp.sample(key, sample_shape)

    @property
    def mean(self) -> Any:
        return self.gp.loc

    @property
    def variance(self) -> Any:
        return self.gp.variance

    @property
    def covariance_matrix(self) -> Any:
        return self.gp.covariance

    def entropy(self) -> Any:
        return self.gp.solver.normalization() + 0.5 * self.gp.num_data
