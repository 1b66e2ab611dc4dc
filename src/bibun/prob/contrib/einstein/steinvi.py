"""Stein variational inference: particles that go where the posterior is, and keep apart.

Particle i moves along

    φ(x_i) = 1/n Σ_j [ k(x_j, x_i) ∇L(x_j) + ∇_{x_j} k(x_j, x_i) ]                            (1)

uphill in L, averaged over its neighbours, and away from them. In `SVGD` a particle is a point in
the model's unconstrained space and L the log density there: many particles are a sample. In
`SteinVI` a particle is the parameters of a guide, and the particles a mixture of guides q_j: L(x_i)
is the mixture's evidence bound with draws of component i, E log p(z, y) - log 1/n Σ_j q_j(z).

Sources: Liu & Wang (2016) for (1); Rønning et al., "ELBOing Stein: Variational Bayes with Stein
mixture inference" (2024); D'Angelo & Fortuin (2021) for the annealing. Names are NumPyro's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import lax, random, tree
from bibun.prob import handlers
from bibun.prob.contrib.einstein.stein_kernels import SteinKernel
from bibun.prob.infer.autoguide import AutoDelta, AutoGuide
from bibun.prob.infer.elbo import Trace, Trace_ELBO, check_reparametrized, guided_traces
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.infer.svi import SVI, SVIRunResult, SVIState, starting_params
from bibun.prob.infer.util import trace_log_density
from bibun.prob.optim import moved_if_finite
from bibun.scipy.special import logsumexp
from bibun.transforms import jacfwd, value_and_grad, vmap


class SteinVI(SVI):
    """Fit a mixture of `num_stein_particles` guides by Stein's variational gradient.

    `kernel_fn`: one of `stein_kernels`. `num_elbo_particles`: draws of each component a step.
    `loss_temperature`, `repulsion_temperature`: factors of the two terms of equation (1).
    `non_mixture_guide_params_fn(name)`: which of the guide's parameters all components share, as
    they share the model's. Parameters of the mixture have a leading axis of particles; where
    their start is a function of a key, or the guide is an autoguide, each starts elsewhere.

    >>> import bibun.prob as prob, bibun.prob.distributions as dist
    >>> from bibun.prob.contrib.einstein import RBFKernel
    >>> from bibun.prob.optim import Adagrad
    >>> def model():
    ...     prob.sample("x", dist.Normal(3.0, 0.5))
    >>> def guide():
    ...     m = prob.param("m", lambda key: random.normal(key))
    ...     s = prob.param("s", 1.0, constraint=dist.constraints.positive)
    ...     prob.sample("x", dist.Normal(m, s))
    >>> stein = SteinVI(model, guide, Adagrad(0.5), RBFKernel(), num_stein_particles=3)
    >>> fit = stein.run(0, 200, progress_bar=False)
    >>> fit.params["m"].shape, abs(float(fit.params["m"].mean()) - 3.0) < 0.3
    ((3,), True)
    """

    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        optim: Any,
        kernel_fn: SteinKernel,
        num_stein_particles: int = 10,
        num_elbo_particles: int = 10,
        loss_temperature: float = 1.0,
        repulsion_temperature: float = 1.0,
        non_mixture_guide_params_fn: Callable[[str], bool] = lambda name: False,
        **static_kwargs: Any,
    ) -> None:
        if num_stein_particles < 1 or num_elbo_particles < 1:
            raise ValueError("num_stein_particles and num_elbo_particles must be positive")
        if not isinstance(kernel_fn, SteinKernel):
            raise TypeError(f"kernel_fn must be a Stein kernel, got {type(kernel_fn).__name__}")
        super().__init__(model, guide, optim, Trace_ELBO(num_elbo_particles), **static_kwargs)
        self.kernel_fn = kernel_fn
        self.num_stein_particles = int(num_stein_particles)
        self.num_elbo_particles = int(num_elbo_particles)
        self.loss_temperature = loss_temperature
        self.repulsion_temperature = repulsion_temperature
        self.non_mixture_guide_params_fn = non_mixture_guide_params_fn
        self.guide_sites: list[str] = []  # the parameters of the mixture

    # start ------------------------------------------------------------------------------------

    def init(
        self, rng_key: Any, *args: Any, init_params: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> SVIState:
        """The particles' starting places. `init_params`: constrained; all particles' alike."""
        keys = random.split(handlers.as_key(rng_key), self.num_stein_particles + 1)
        kwargs = {**self.static_kwargs, **kwargs}
        starts: list[dict[str, Any]] = []
        for k in range(self.num_stein_particles):
            guide = self.guide
            if k and isinstance(guide, AutoGuide):  # another start
                guide = copy.copy(guide)
                guide.flat = None
            traces = guided_traces(
                keys[k], init_params or {}, self.model, guide, args, kwargs, check=False
            )
            check_reparametrized(traces[1])
            _no_mutable_sites(*traces)
            values, self._transforms = starting_params(*traces)
            starts.append(values)
        self.guide_sites = [
            name for name in starts[0]
            if name not in traces[0] and not self.non_mixture_guide_params_fn(name)
        ]  # fmt: skip
        if not self.guide_sites:
            raise ValueError("the guide has no parameters for a mixture of particles")
        params = {
            name: bnp.stack([s[name] for s in starts]) if name in self.guide_sites else value
            for name, value in starts[0].items()
        }
        return SVIState(self._optimizer.init(params), None, keys[-1])

    def _constrain(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {
            k: vmap(self._transforms[k])(v) if k in self.guide_sites else self._transforms[k](v)
            for k, v in params.items()
        }

    # one step ---------------------------------------------------------------------------------

    def _bound(self, one: Any, every: Any, common: Any, key: Any, args: Any, kwargs: Any) -> Any:
        """L of a particle: `one` and `every` hold its own and all particles' parameters."""
        common = {k: self._transforms[k](v) for k, v in common.items()}
        mine = {k: self._transforms[k](v) for k, v in one.items()}

        def draw(key: Any) -> Any:
            model_trace, guide_trace = guided_traces(
                key, {**common, **mine}, self.model, self.guide, args, kwargs, check=False
            )

            def component(u: Any) -> Any:
                params = {**common, **{k: self._transforms[k](v) for k, v in u.items()}}
                known = handlers.substitute(handlers.seed(self.guide, rng_seed=key), data=params)
                again = handlers.replay(known, trace=guide_trace)
                return trace_log_density(handlers.trace(again).get_trace(*args, **kwargs))

            log_q = logsumexp(vmap(component)(every), axis=0) - math.log(self.num_stein_particles)
            return trace_log_density(model_trace) - log_q

        return bnp.mean(vmap(draw)(random.split(key, self.num_elbo_particles)))

    def _temperature(self, state: SVIState) -> Any:
        return self.loss_temperature

    def _forces(self, state: SVIState, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
        """(next key, the loss, what the optimizer is to go down)."""
        n = self.num_stein_particles
        kwargs = {**self.static_kwargs, **kwargs}
        keys = random.split(state.rng_key, 3)
        params = self._optimizer.get_params(state.optim_state)
        mixture = {k: params[k] for k in self.guide_sites}
        common = {k: v for k, v in params.items() if k not in mixture}
        info, at = {}, 0
        for name, v in mixture.items():
            width = math.prod(v.shape[1:])
            info[name] = (at, at + width)
            at += width
        flat = bnp.concatenate([bnp.reshape(v, (n, -1)) for v in mixture.values()], axis=1)

        def apart(x: Any) -> dict[str, Any]:
            """Parameters by name in a particle (d,), or in all of them (n, d)."""
            return {
                k: bnp.reshape(x[..., a:b], (*x.shape[:-1], *mixture[k].shape[1:]))
                for k, (a, b) in info.items()
            }

        particle_keys = random.split(keys[1], n)

        def total(flat: Any, common: Any) -> Any:
            every = apart(lax.stop_gradient(flat))
            bounds = vmap(lambda x, key: self._bound(apart(x), every, common, key, args, kwargs))(
                flat, particle_keys
            )
            return bnp.sum(bounds)

        value, (uphill, shared) = value_and_grad(total, argnums=(0, 1))(flat, common)

        def loss_of(x: Any) -> Any:
            every = apart(flat)
            return -self._bound(apart(x), every, common, particle_keys[0], args, kwargs)

        kernel = self.kernel_fn.compute(keys[2], flat, info, loss_of)
        mode = self.kernel_fn.mode
        heat = self._temperature(state)

        def pair(x: Any, y: Any, g: Any) -> Any:
            """What the particle x with gradient g does to y."""
            k, slope = kernel(x, y), jacfwd(kernel)(x, y)
            if mode == "norm":
                pull, push = k * g, slope
            elif mode == "vector":
                pull, push = k * g, bnp.diagonal(slope)
            else:  # (d, d) and (d, d, d): the divergence of each row
                pull, push = k @ g, bnp.trace(slope, axis1=1, axis2=2)
            return heat * pull + self.repulsion_temperature * push

        def moved(y: Any) -> Any:
            return bnp.mean(vmap(lambda x, g: pair(x, y, g))(flat, uphill), axis=0)

        down = apart(-vmap(moved)(flat)) | tree.map(lambda g: -g / n, shared)
        return keys[0], -value / n, down

    def update(self, svi_state: SVIState, *args: Any, **kwargs: Any) -> tuple[SVIState, Any]:
        """One step: the next state, and the mean loss of the particles before it."""
        if kwargs.pop("forward_mode_differentiation", False):
            raise NotImplementedError("SteinVI takes gradients by reverse mode")
        key, loss, down = self._forces(svi_state, args, kwargs)
        return SVIState(self._optimizer.update(down, svi_state.optim_state), None, key), loss

    def stable_update(self, svi_state: SVIState, *args: Any, **kwargs: Any) -> Any:
        """As `update`, but stays where it is when the loss or a force is not finite."""
        moved, loss = self.update(svi_state, *args, **kwargs)
        kept = moved_if_finite(loss, moved.optim_state, svi_state.optim_state)
        return SVIState(kept, None, moved.rng_key), loss

    def evaluate(self, svi_state: SVIState, *args: Any, **kwargs: Any) -> Any:
        """The mean loss of the particles, without a step."""
        return self._forces(svi_state, args, kwargs)[1]


def _no_mutable_sites(*traces: Trace) -> None:
    """Errors: NotImplementedError: each particle would leave a state of its own."""
    found = sorted({k for t in traces for k, site in t.items() if site["type"] == "mutable"})
    if found:
        raise NotImplementedError(
            f"SteinVI: the mutable sites {found} would have one state a particle; use SVI, or a "
            "model without them"
        )


class SVGD(SteinVI):
    """Stein variational gradient descent: the particles are points of the posterior.

    `guide_kwargs`: of the `AutoDelta` that holds the particles. Parameters are constrained values,
    `{site}_auto_loc`; `Predictive(model, guide=svgd.guide, params=fit.params, batch_ndims=1,
    num_samples=1)` predicts with each. Source: Liu & Wang (2016).

    >>> import bibun.prob as prob, bibun.prob.distributions as dist
    >>> from bibun.prob.contrib.einstein import RBFKernel
    >>> from bibun.prob.optim import Adagrad
    >>> def model():
    ...     prob.sample("x", dist.Normal(1.0, 2.0))
    >>> svgd = SVGD(model, Adagrad(0.5), RBFKernel(), num_stein_particles=20)
    >>> x = svgd.run(0, 500, progress_bar=False).params["x_auto_loc"]
    >>> abs(float(x.mean()) - 1.0) < 0.1, abs(float(x.std()) - 2.0) < 0.4
    (True, True)
    """

    def __init__(
        self,
        model: Callable[..., Any],
        optim: Any,
        kernel_fn: SteinKernel,
        num_stein_particles: int = 10,
        guide_kwargs: Mapping[str, Any] | None = None,
        **static_kwargs: Any,
    ) -> None:
        options = {"init_loc_fn": init_to_uniform, **(guide_kwargs or {})}
        super().__init__(
            model, AutoDelta(model, **options), optim, kernel_fn, num_stein_particles, 1,
            **static_kwargs,
        )  # fmt: skip

    def _bound(self, one: Any, every: Any, common: Any, key: Any, args: Any, kwargs: Any) -> Any:
        mine, bent = {}, 0.0
        for name, u in one.items():
            mine[name] = self._transforms[name](u)
            bent = bent + bnp.sum(self._transforms[name].log_abs_det_jacobian(u, mine[name]))
        common = {k: self._transforms[k](v) for k, v in common.items()}
        model_trace, _ = guided_traces(
            key, {**common, **mine}, self.model, self.guide, args, kwargs, check=False
        )
        return trace_log_density(model_trace) + bent


class ASVGD(SVGD):
    """SVGD whose attraction comes and goes `num_cycles` times, so that particles find all modes.

    In each cycle the first term of equation (1) is multiplied by (time in the cycle)^p, p
    `transition_speed`. Source: D'Angelo & Fortuin (2021).
    """

    def __init__(
        self,
        model: Callable[..., Any],
        optim: Any,
        kernel_fn: SteinKernel,
        num_stein_particles: int = 10,
        num_cycles: int = 10,
        transition_speed: float = 10,
        guide_kwargs: Mapping[str, Any] | None = None,
        **static_kwargs: Any,
    ) -> None:
        if num_cycles < 1 or not transition_speed > 0:
            raise ValueError("ASVGD: num_cycles and transition_speed must be positive")
        super().__init__(
            model, optim, kernel_fn, num_stein_particles, guide_kwargs, **static_kwargs
        )
        self.num_cycles = int(num_cycles)
        self.transition_speed = float(transition_speed)
        self._length = 0.0

    def _temperature(self, state: SVIState) -> Any:
        if not self._length:
            raise ValueError("ASVGD: cycles need a number of steps: use run(rng_key, num_steps)")
        phase = bnp.remainder(state.optim_state[0] + 1.0, self._length) / self._length
        return bnp.where(phase == 0.0, 1.0, phase) ** self.transition_speed

    def run(self, rng_key: Any, num_steps: int, *args: Any, **kwargs: Any) -> SVIRunResult:
        """`num_steps` steps, in `num_cycles` cycles; other options are those of `SVI.run`."""
        if isinstance(num_steps, int | np.integer) and num_steps < self.num_cycles:
            raise ValueError(f"ASVGD: {num_steps} steps are fewer than {self.num_cycles} cycles")
        if self._length != num_steps / self.num_cycles:
            self._compiled.clear()
            self._length = num_steps / self.num_cycles
        return super().run(rng_key, num_steps, *args, **kwargs)
