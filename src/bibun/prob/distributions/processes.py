"""Random walks and solutions of stochastic differential equations, as sequences in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun import lax, random
from bibun import numpy as bnp
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, parameter
from bibun.prob.distributions.real_line import Normal
from bibun.prob.distributions.special import LOG_2PI
from bibun.prob.distributions.transforms import sum_rightmost
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


class EulerMaruyama(Distribution):
    """Euler and Maruyama's discretisation of dx = f(x, t) dt + g(x, t) dW at the times `t`.

    `t`: increasing, (..., n); `sde_fn(x, t)` returns drift f and diffusion g for one state of
    the event shape of `init_dist`, the law of the state at the first time. Draws have event
    shape (n, *state). The noise is diagonal.
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
