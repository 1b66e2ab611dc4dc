"""A Gaussian process at a set of points: density, draws, and what data say of other points.

With X the points of the data, K the kernel's matrix there, Σ that of the noise and m the mean,

    y ~ N(m(X), K + Σ)                                                                    (1)
    f(X*) | y ~ N(m(X*) + K*ᵀ (K + Σ)⁻¹ (y - m(X)),  K** - K*ᵀ (K + Σ)⁻¹ K*)              (2)

with K* = k(X, X*) and K** = k(X*, X*). An observation at X* has the noise's covariance added
to that of (2). Source: Rasmussen & Williams, "Gaussian Processes for Machine Learning" (2006),
section 2.2; equations 8.26, 8.38 and 8.41 of document 1. Names follow tinygp.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypedDict, Unpack

from bibun import numpy as bnp
from bibun.errors import ShapeError
from bibun.gp import means
from bibun.gp._record import Record, brief, coordinates
from bibun.gp.distribution import ProcessDistribution
from bibun.gp.kernels.base import Conditioned, Kernel
from bibun.gp.kernels.quasisep import Quasisep
from bibun.gp.noise import Dense, Homoscedastic, Noise, as_noise
from bibun.gp.solvers import (
    ConditionedSolver,
    DirectSolver,
    LowRankSolver,
    QuasisepSolver,
    Solver,
)


class ConditionResult(NamedTuple):
    """What `GaussianProcess.condition` returns."""

    log_probability: Any
    """The log marginal likelihood of the data, log p(y)."""
    gp: GaussianProcess
    """The process given the data, at the test points."""


class ConditionOptions(TypedDict, total=False):
    """The options of `GaussianProcess.condition`."""

    diag: Any
    noise: Noise | None
    include_mean: bool
    include_noise: bool
    kernel: Kernel | None


class GaussianProcess(Record):
    """A process with a kernel at points X: (n,), (n, d), or a pytree of arrays (n, ...).

    `diag`, a number or one variance a point, or `noise`, a model of `bibun.gp.noise`, is the
    covariance of the observations' noise. Without either, `diag` is √eps of the dtype (1.5e-8), a
    jitter that lets most kernels be factored. `mean` is a number, a function of one point or
    a mean of `bibun.gp.means`. `solver` is a class of `bibun.gp.solvers`; without it, it is
    `QuasisepSolver`, O(n), for sums and products of `kernels.quasisep`, `LowRankSolver` for
    `HSGP`, both with independent noise, and `DirectSolver` for all else.

    Errors: NotPositiveDefiniteError where the covariance matrix is known and is not positive
    definite (under `jit` the log density is nan instead), ShapeError for sizes that do not
    fit, ValueError for points that are not sorted where the solver wants them sorted.

    >>> from bibun.gp import kernels
    >>> t = bnp.array([0.0, 1.0, 2.0])
    >>> gp = GaussianProcess(2.0 * kernels.Matern32(1.5), t, diag=0.1)
    >>> y = bnp.array([0.5, 0.0, -0.5])
    >>> round(float(gp.log_probability(y)), 4)
    -3.4847
    >>> mean, variance = gp.predict(y, bnp.array([0.5, 1.5]), return_var=True)
    >>> mean.shape, variance.shape
    ((2,), (2,))
    """

    kernel: Kernel
    X: Any
    mean_function: means.MeanBase
    noise: Noise
    solver: Solver

    def __init__(
        self,
        kernel: Kernel,
        X: Any,
        *,
        diag: Any = None,
        noise: Noise | None = None,
        mean: Any = None,
        solver: type[Solver] | None = None,
    ) -> None:
        if not isinstance(kernel, Kernel):
            raise TypeError(
                f"GaussianProcess: kernel must be a kernel of bibun.gp.kernels, got "
                f"{type(kernel).__name__}"
            )
        X, n = coordinates(X)
        model = as_noise(diag, noise, n)
        if model is None:
            model = Homoscedastic(math.sqrt(float(bnp.finfo(float).eps)))
        if solver is None:
            solver = _solver_of(kernel, model)
        self._set(
            kernel=kernel, X=X, mean_function=means.as_mean(mean), noise=model,
            solver=solver.build(kernel, X, model),
        )  # fmt: skip

    def __repr__(self) -> str:
        given, kernel, mean = "", self.kernel, self.mean_function
        if isinstance(self.solver, ConditionedSolver):
            given = f" given {self.solver.data.size()}"
            kernel, mean = kernel.kernel, mean.mean  # type: ignore[attr-defined]
        return (
            f"GaussianProcess({self.num_data} points{given}, kernel={brief(kernel)}, "
            f"mean={brief(mean)}, noise={brief(self.noise)}, solver={type(self.solver).__name__})"
        )

    @property
    def num_data(self) -> int:
        """The number of points."""
        return self.solver.size()

    @property
    def loc(self) -> Any:
        """The mean at the points, (n,)."""
        return self._mean_at(self.X)

    @property
    def mean(self) -> Any:
        """The mean at the points, (n,)."""
        return self.loc

    @property
    def variance(self) -> Any:
        """The variances at the points, noise included, (n,)."""
        return self.solver.variance()

    @property
    def covariance(self) -> Any:
        """The covariance matrix at the points, noise included, (n, n)."""
        return self.solver.covariance()

    def _mean_at(self, X: Any) -> Any:
        if isinstance(self.solver, ConditionedSolver):
            m = self.mean_function
            value = self.solver.data.posterior_mean(X, m.alpha, self.solver.part)
            return value if m.mean is None else value + m.mean.at(X)
        return self.mean_function.at(X)

    def _residual(self, y: Any) -> Any:
        """y - mean, with an error for any shape but (..., n)."""
        y = bnp.asarray(y)
        n = self.num_data
        if y.ndim == 0 or y.shape[-1] != n:
            raise ShapeError(
                f"GaussianProcess: y must have shape ({n},), one value a point of X, got {y.shape}"
            )
        return y - self.loc

    # density and draws ------------------------------------------------------------------------

    def log_probability(self, y: Any) -> Any:
        """log p(y) of equation (1), the log marginal likelihood, for y (..., n)."""
        r = self._residual(y)
        if r.ndim == 1:
            quadratic = self.solver.quadratic(r)
        else:
            columns = bnp.transpose(bnp.reshape(r, (-1, r.shape[-1])))
            quadratic = bnp.reshape(self.solver.quadratic(columns), r.shape[:-1])
        return -0.5 * quadratic - self.solver.normalization()

    def sample(self, key: Any, shape: tuple[int, ...] = ()) -> Any:
        """Draws of shape (*shape, n), noise included.

        >>> from bibun import random
        >>> from bibun.gp import kernels
        >>> gp = GaussianProcess(kernels.ExpSquared(), bnp.linspace(0, 1, 4))
        >>> gp.sample(random.key(0), (3,)).shape
        (3, 4)
        """
        shape = tuple(shape)
        drawn = bnp.transpose(self.solver.draw(key, math.prod(shape)))
        return self.loc + bnp.reshape(drawn, (*shape, self.num_data))

    def distribution(self) -> ProcessDistribution:
        """This process as a distribution for models: prob.sample("y", gp.distribution(), obs=y).

        >>> from bibun.gp import kernels
        >>> GaussianProcess(kernels.ExpSquared(), bnp.linspace(0, 1, 4)).distribution()
        ProcessDistribution(batch_shape=(), event_shape=(4,))
        """
        return ProcessDistribution(self)

    numpyro_dist = distribution

    # given data -------------------------------------------------------------------------------

    def condition(
        self,
        y: Any,
        X_test: Any = None,
        *,
        diag: Any = None,
        noise: Noise | None = None,
        include_mean: bool = True,
        include_noise: bool = False,
        kernel: Kernel | None = None,
    ) -> ConditionResult:
        """The process given observations y (n,), at X_test (the data's points if None).

        The covariance is that of the process itself, equation (2), unless noise is asked for:
        `include_noise` adds the process' own noise, `diag` or `noise` other noise of the test
        points. `kernel` asks for one component of a sum of kernels, with `include_mean=False`
        without the mean function.

        Errors: ValueError for `include_noise` where the noise at the test points is not known.

        >>> from bibun.gp import kernels
        >>> t = bnp.linspace(0, 3, 7)
        >>> gp = GaussianProcess(kernels.ExpSquared(), t, diag=0.01)
        >>> given = gp.condition(bnp.sin(t), bnp.array([1.0])).gp
        >>> round(float(given.loc[0]), 2), bool(given.variance[0] < 0.01)
        (0.84, True)
        """
        r = self._residual(y)
        if r.ndim != 1:
            raise ShapeError(
                f"condition: y must have shape ({self.num_data},), got {bnp.shape(y)}; use vmap "
                "for several sets of observations"
            )
        if isinstance(self.solver, ConditionedSolver):
            # given data before: from here on, a process as any other
            solver: Solver = DirectSolver.build(self.kernel, self.X, self.noise)
        else:
            solver = self.solver
        if X_test is None:
            X, n = self.X, self.num_data
        else:
            X, n = coordinates(X_test, "X_test")
        model = as_noise(diag, noise, n, "X_test")
        if include_noise:
            if model is not None:
                raise ValueError("condition: give include_noise, or diag or noise, not both")
            model = self._noise_at(X_test)
        alpha = solver.solve(r)
        log_probability = -0.5 * bnp.sum(r * alpha) - solver.normalization()
        full = self.kernel if kernel is None else kernel
        mean = means.Conditioned(
            self.X, alpha, full, self.mean_function if include_mean else None
        )
        given = object.__new__(GaussianProcess)
        model = Homoscedastic(0.0) if model is None else model
        posterior = Conditioned(solver, full)
        given._set(
            kernel=posterior, X=X, mean_function=mean, noise=model,
            solver=ConditionedSolver(posterior, X, model, solver, kernel),
        )  # fmt: skip
        return ConditionResult(log_probability, given)

    def _noise_at(self, X_test: Any) -> Noise:
        if X_test is None or isinstance(self.noise, Homoscedastic):
            return self.noise
        raise ValueError(
            f"include_noise: the noise of this process, {type(self.noise).__name__}, is known at "
            "the data's points only; give the test points' variances as diag"
        )

    def predict(
        self,
        y: Any,
        X_test: Any = None,
        *,
        return_var: bool = False,
        return_cov: bool = False,
        **options: Unpack[ConditionOptions],
    ) -> Any:
        """The mean at X_test given y; with it the variances or the covariance matrix.

        `options` are those of `condition`: `diag`, `noise`, `include_mean`, `include_noise`,
        `kernel`.

        >>> from bibun.gp import kernels
        >>> t = bnp.linspace(0, 3, 7)
        >>> gp = GaussianProcess(kernels.ExpSquared(), t, diag=0.01)
        >>> _, f = gp.predict(bnp.sin(t), bnp.array([1.0]), return_var=True)
        >>> _, d = gp.predict(bnp.sin(t), bnp.array([1.0]), return_var=True, include_noise=True)
        >>> round(float(d[0] - f[0]), 10)
        0.01
        """
        if return_var and return_cov:
            raise ValueError("predict: ask for return_var or return_cov, not both")
        given = self.condition(y, X_test, **options).gp
        if return_var:
            return given.loc, given.variance
        if return_cov:
            return given.loc, given.covariance
        return given.loc


def _solver_of(kernel: Kernel, noise: Noise) -> type[Solver]:
    """The fastest solver that takes a kernel and noise."""
    if isinstance(noise, Dense):
        return DirectSolver
    if isinstance(kernel, Quasisep):
        return QuasisepSolver
    return LowRankSolver if hasattr(kernel, "features") else DirectSolver
