"""Random walks and solutions of stochastic differential equations, as sequences in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun import lax, random
from bibun import numpy as bnp
from bibun.errors import ShapeError
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, parameter
from bibun.prob.distributions.multivariate import MultivariateNormal
from bibun.prob.distributions.real_line import Normal
from bibun.prob.distributions.special import LOG_2PI
from bibun.prob.distributions.transforms import sum_rightmost
from bibun.prob.distributions.vector_transforms import RecursiveLinearTransform
from bibun.transforms import vmap


class GaussianRandomWalk(Distribution):
    """Sums of `num_steps` independent normal steps of standard deviation `scale`.

    >>> d = GaussianRandomWalk(2.0, num_steps=3)
    >>> d.variance.tolist()
    [4.0, 8.0, 12.0]
    """

    arg_constraints = {"scale": c.positive}
    support = c.real_vector
    reparametrized_params = ("scale",)
    _static = ("num_steps",)

    def __init__(
        self, scale: Any = 1.0, num_steps: int = 1, *, validate_args: bool | None = None
    ) -> None:
        if not isinstance(num_steps, int) or num_steps < 1:
            raise ValueError(f"GaussianRandomWalk: num_steps must be positive, got {num_steps!r}")
        self.num_steps = num_steps
        self._setup(validate_args, scale=scale)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return np.shape(self.scale), (self.num_steps,)

    def _log_prob(self, value: Any) -> Any:
        steps = bnp.concatenate([value[..., :1], value[..., 1:] - value[..., :-1]], axis=-1)
        n = self.num_steps
        square = bnp.sum(steps * steps, axis=-1) / bnp.square(self.scale)
        return -0.5 * square - n * (bnp.log(self.scale) + 0.5 * LOG_2PI)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        steps = random.normal(key, self.shape(sample_shape))
        return bnp.cumsum(steps, axis=-1) * bnp.asarray(self.scale)[..., None]

    @property
    def mean(self) -> Any:
        return bnp.zeros(self.shape())

    @property
    def variance(self) -> Any:
        v = bnp.square(bnp.asarray(self.scale))[..., None] * np.arange(1.0, self.num_steps + 1)
        return bnp.broadcast_to(v, self.shape())

    def entropy(self) -> Any:
        return self.num_steps * (bnp.log(self.scale) + 0.5 * (1 + LOG_2PI))


class GaussianStateSpace(Distribution):
    """States z_t = A z_(t-1) + normal innovations, t = 1 … `num_steps`, from `initial_value`.

    `transition_matrix` A (..., n, n); one of `covariance_matrix`, `precision_matrix` and
    `scale_tril` (..., n, n) of the innovations; `initial_value` z_0 (..., n), 0 by default.
    Draws have event shape (num_steps, n).

    >>> d = GaussianStateSpace(3, bnp.eye(1), scale_tril=bnp.eye(1))
    >>> d.variance[:, 0].tolist()
    [1.0, 2.0, 3.0]
    """

    arg_constraints = {
        "transition_matrix": c.real_matrix,
        "covariance_matrix": c.positive_definite,
        "precision_matrix": c.positive_definite,
        "scale_tril": c.lower_cholesky,
        "initial_value": c.real_vector,
    }
    support = c.real_matrix
    reparametrized_params = tuple(arg_constraints)
    _fields = ("transition_matrix", "scale_tril", "initial_value")
    _static = ("num_steps",)

    def __init__(
        self,
        num_steps: int,
        transition_matrix: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        initial_value: Any = None,
        *,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(num_steps, int) or num_steps < 1:
            raise ValueError(f"GaussianStateSpace: num_steps must be positive, got {num_steps!r}")
        self.num_steps = num_steps
        noise = MultivariateNormal(
            0.0, covariance_matrix=covariance_matrix, precision_matrix=precision_matrix,
            scale_tril=scale_tril, validate_args=validate_args,
        )  # fmt: skip
        n = noise.event_shape[0]
        start = bnp.zeros(n) if initial_value is None else parameter("initial_value", initial_value)
        transition = parameter("transition_matrix", transition_matrix)
        if np.shape(transition)[-2:] != (n, n) or np.shape(start)[-1:] != (n,):
            raise ShapeError(
                f"GaussianStateSpace: innovations of {n} elements need a transition_matrix "
                f"(..., {n}, {n}) and an initial_value (..., {n}), got shapes "
                f"{np.shape(transition)} and {np.shape(start)}"
            )
        self._setup(
            validate_args,
            transition_matrix=transition,
            scale_tril=noise.scale_tril,
            initial_value=start,
        )

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, _ = super()._compute_shapes()
        return batch, (self.num_steps, self.scale_tril.shape[-1])

    @property
    def transform(self) -> RecursiveLinearTransform:
        """From innovations to states."""
        return RecursiveLinearTransform(self.transition_matrix, self.initial_value)

    def _noise(self, scale_tril: Any) -> MultivariateNormal:
        return MultivariateNormal(0.0, scale_tril=scale_tril, validate_args=False)

    def _log_prob(self, value: Any) -> Any:
        innovations = self.transform._inverse(value)
        noise = self._noise(self.scale_tril[..., None, :, :])
        return bnp.sum(noise.log_prob(innovations), axis=-1)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        z = random.normal(key, self.shape(sample_shape))
        innovations = bnp.matmul(z, bnp.swapaxes(self.scale_tril, -1, -2))
        return self.transform(innovations)

    @property
    def covariance_matrix(self) -> Any:
        """That of the innovations."""
        return self._noise(self.scale_tril).covariance_matrix

    @property
    def mean(self) -> Any:
        return self.transform(bnp.zeros(self.shape()))

    @property
    def variance(self) -> Any:
        n = self.event_shape[-1]
        a = self.transition_matrix
        noise = bnp.broadcast_to(self.covariance_matrix, (*self.batch_shape, n, n))

        def step(p: Any, _: Any) -> Any:
            p = bnp.matmul(bnp.matmul(a, p), bnp.swapaxes(a, -1, -2)) + noise
            return p, bnp.diagonal(p, axis1=-2, axis2=-1)

        _, rows = lax.scan(step, bnp.zeros_like(noise), None, length=self.num_steps)
        return bnp.moveaxis(rows, 0, -2)

    def entropy(self) -> Any:
        return self._wide(self.num_steps * self._noise(self.scale_tril).entropy())


class EulerMaruyama(Distribution):
    """Euler and Maruyama's discretisation of dx = f(x, t) dt + g(x, t) dW at the times `t`.

    `t`: increasing, (..., n); `sde_fn(x, t)` returns drift f and diffusion g for one state of
    the event shape of `init_dist`, the law of the state at the first time. Draws have event
    shape (n, *state). The noise is diagonal.

    >>> from bibun.prob import distributions as dist
    >>> d = dist.EulerMaruyama(bnp.arange(5.0), lambda x, t: (-x, 0.1), dist.Normal(0.0, 1.0))
    >>> d.event_shape
    (5,)
    """

    arg_constraints = {"t": c.ordered_vector}
    _fields = ("t", "init_dist")
    _static = ("sde_fn",)

    def __init__(
        self,
        t: Any,
        sde_fn: Callable[[Any, Any], tuple[Any, Any]],
        init_dist: Distribution,
        *,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(init_dist, Distribution):
            raise TypeError(
                f"EulerMaruyama: init_dist must be a distribution, got {type(init_dist).__name__}"
            )
        self.sde_fn = sde_fn
        self.init_dist = init_dist
        t = parameter("t", t)
        if np.ndim(t) < 1 or np.shape(t)[-1] < 2:
            raise ValueError(f"EulerMaruyama: t needs at least two times, got shape {np.shape(t)}")
        self._setup(validate_args, t=t)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, event = self.init_dist.shapes
        return np.broadcast_shapes(self.t.shape[:-1], batch), (*self.t.shape[-1:], *event)

    @property
    def support(self) -> Any:  # type: ignore[override]
        return c.independent(c.real, self.event_dim)

    @property
    def has_rsample(self) -> bool:
        return self.init_dist.has_rsample

    def _step(self, x: Any, t: Any, dt: Any) -> tuple[Any, Any]:
        """Mean and standard deviation of the next state."""
        drift, diffusion = self.sde_fn(x, t)
        return x + dt * drift, bnp.sqrt(dt) * diffusion

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_init, k_noise = random.split(key)
        batch = (*sample_shape, *self.batch_shape)
        n, state = self.t.shape[-1], self.init_dist.event_shape
        start = self.init_dist.expand(batch).sample(k_init)
        noise = random.normal(k_noise, (*batch, n - 1, *state))
        times = bnp.broadcast_to(self.t, (*batch, n))

        def path(start: Any, noise: Any, t: Any) -> Any:
            def step(x: Any, inputs: Any) -> Any:
                z, now, dt = inputs
                mean, sd = self._step(x, now, dt)
                x = mean + sd * z
                return x, x

            _, rest = lax.scan(step, start, (noise, t[:-1], t[1:] - t[:-1]))
            return bnp.concatenate([start[None], rest], axis=0)

        for _ in batch:
            path = vmap(path)
        return path(start, noise, times)

    def _log_prob(self, value: Any) -> Any:
        n, dim = self.t.shape[-1], self.init_dist.event_dim
        batch = np.broadcast_shapes(np.shape(value)[: np.ndim(value) - 1 - dim], self.batch_shape)
        value = bnp.broadcast_to(value, (*batch, *self.event_shape))
        times = bnp.broadcast_to(self.t, (*batch, n))
        index = (..., slice(None), *(slice(None),) * dim)
        at = lambda a, b: value[(*index[:1], slice(a, b), *index[2:])]  # noqa: E731
        step = self._step
        for _ in range(len(batch) + 1):
            step = vmap(step)
        mean, sd = step(at(0, n - 1), times[..., :-1], times[..., 1:] - times[..., :-1])
        lp = Normal(mean, sd, validate_args=False).log_prob(at(1, n))
        first = value[(*index[:1], 0, *index[2:])]
        return self.init_dist.log_prob(first) + sum_rightmost(lp, 1 + dim)
