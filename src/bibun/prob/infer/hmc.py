"""HMC and NUTS kernels: a transition, its state, and warmup around it.

A transition and the per-draw part of adaptation are one function of the state, so that many
of them run in one native call (`mcmc.py`). What happens at the ends of adaptation windows
(new mass matrix, step size search restarted) happens between calls, here, in NumPy.

Sources: Neal 2011 (HMC); Hoffman & Gelman 2014 and Betancourt 2017 (NUTS); names and options
are NumPyro's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun import lax, random
from bibun.compiler import jit
from bibun.errors import ShapeError
from bibun.prob.infer import adaptation as ad
from bibun.prob.infer import mass
from bibun.prob.infer import trajectory as tr
from bibun.prob.infer.initialization import init_to_uniform
from bibun.prob.infer.util import FlatModel, find_valid_initial, split_arguments
from bibun.transforms import custom_vjp, jacfwd, value_and_grad


class HMCState(NamedTuple):
    """The state of a chain, and the statistics of its last transition."""

    i: Any
    z: Any
    z_grad: Any
    potential_energy: Any
    energy: Any
    num_steps: Any
    accept_prob: Any
    mean_accept_prob: Any
    diverging: Any
    adapt_state: AdaptState
    rng_key: Any


class AdaptState(NamedTuple):
    """What warmup learns."""

    step_size: Any
    metric: tr.Metric
    dual_averaging: ad.DualAveraging
    moments: ad.Moments


class HMC:
    """Hamiltonian Monte Carlo with a fixed trajectory length.

    `model`: a probabilistic program; or `potential_fn`: a function of a flat vector of
    unconstrained parameters. `step_size`, `inverse_mass_matrix`: starting values, adapted in
    warmup unless switched off. `num_steps` or `trajectory_length`: how far to go.
    `target_accept_prob`: what the step size is adapted to. `kinetic_fn`: computes the kinetic
    energy from (inverse mass matrix, momentum); momenta are normal, so it must be half the
    squared norm, up to a constant. `dense_mass`: learn a full mass matrix (True), scales alone
    (False), a full one where there are at most 64 parameters (None), or full ones for groups of
    sites ([("a", "b"), ("c",)]) and scales for the others. `inverse_mass_matrix`: a vector, a
    matrix, or {("a", "b"): …} by groups of sites. `adapt_step_size`, `adapt_mass_matrix`,
    `regularize_mass_matrix`, `find_heuristic_step_size`: what warmup does. `mass_matrix_from`:
    "gradients", estimate it from draws and gradients; "draws", from draws alone, in Stan's and
    NumPyro's windows; None, what mixes better: from draws alone where scales are learned in a
    long window, else from both. `init_strategy`: one of `init_to_*`.
    `forward_mode_differentiation`: gradients by forward mode, for a model with a part that has
    only a JVP.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import HMC, MCMC
    >>> def model():
    ...     prob.sample("x", dist.Normal(0.0, 1.0))
    >>> mcmc = MCMC(HMC(model, num_steps=5), num_warmup=50, num_samples=50, progress_bar=False)
    >>> mcmc.run(0)
    >>> mcmc.get_samples()["x"].shape
    (50,)
    """

    def __init__(
        self,
        model: Callable[..., Any] | None = None,
        potential_fn: Callable[[Any], Any] | None = None,
        kinetic_fn: Callable[[Any, Any], Any] | None = None,
        step_size: float = 1.0,
        inverse_mass_matrix: Any = None,
        adapt_step_size: bool = True,
        adapt_mass_matrix: bool = True,
        dense_mass: bool | Sequence[tuple[str, ...]] | None = None,
        target_accept_prob: float = 0.8,
        num_steps: int | None = None,
        trajectory_length: float | None = None,
        init_strategy: Callable[..., Any] = init_to_uniform,
        find_heuristic_step_size: bool = False,
        regularize_mass_matrix: bool = True,
        forward_mode_differentiation: bool = False,
        mass_matrix_from: str | None = None,
    ) -> None:
        if (model is None) == (potential_fn is None):
            raise ValueError("give exactly one of `model` and `potential_fn`")
        if not 0.0 < target_accept_prob < 1.0:
            raise ValueError(f"target_accept_prob must be in (0, 1), got {target_accept_prob}")
        if not step_size > 0:
            raise ValueError(f"step_size must be positive, got {step_size}")
        if num_steps is not None and trajectory_length is not None:
            raise ValueError("give num_steps or trajectory_length, not both")
        if isinstance(num_steps, int) and num_steps < 1:
            raise ValueError(f"num_steps must be at least 1, got {num_steps}")
        if not callable(init_strategy):
            raise TypeError(
                "init_strategy must be one of bibun.prob.infer.init_to_*, or a function of a "
                f"site, got {type(init_strategy).__name__}"
            )
        self.model = model
        self.potential_fn = potential_fn
        if kinetic_fn is not None and not callable(kinetic_fn):
            raise TypeError(f"kinetic_fn must be callable, got {type(kinetic_fn).__name__}")
        self.step_size = float(step_size)
        self.inverse_mass_matrix = inverse_mass_matrix
        self.adapt_step_size = adapt_step_size
        self.adapt_mass_matrix = adapt_mass_matrix
        self.kinetic_fn = kinetic_fn
        self.dense_mass = mass.blocks(dense_mass)
        self.target_accept_prob = float(target_accept_prob)
        self.num_steps = num_steps
        self.trajectory_length = (
            2 * math.pi if trajectory_length is None and num_steps is None else trajectory_length
        )
        self.init_strategy = init_strategy
        self.find_heuristic_step_size = find_heuristic_step_size
        self.regularize_mass_matrix = regularize_mass_matrix
        self.forward_mode_differentiation = bool(forward_mode_differentiation)
        if mass_matrix_from not in (None, "gradients", "draws"):
            raise ValueError(
                f"mass_matrix_from must be 'gradients', 'draws' or None, got {mass_matrix_from!r}"
            )
        self.mass_matrix_from = mass_matrix_from
        self.flat: FlatModel | None = None

    def __getstate__(self) -> dict[str, Any]:
        """The options: what `setup` leaves behind (`flat`, `_...`) does not travel."""
        options = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        return {**options, "flat": None}

    # one transition -----------------------------------------------------------------------------

    def _kinetic(self, metric: tr.Metric) -> tr.Metric | tr.GivenKinetic:
        """The metric with the kinetic energy that was asked for."""
        return metric if self.kinetic_fn is None else tr.GivenKinetic(metric, self.kinetic_fn)

    def _transition(
        self, potential: Callable[[Any], Any], state: HMCState, key: Any
    ) -> tuple[tr.Proposal, Any, Any, Any]:
        """(where it ends, number of leapfrog steps, acceptance, diverging)."""
        metric, step = self._kinetic(state.adapt_state.metric), state.adapt_state.step_size
        start = tr.launch(metric, state.z, state.z_grad, key)
        energy0 = state.potential_energy + tr.kinetic(metric, start.r)
        if self.num_steps is not None:
            count: Any = bnp.asarray(self.num_steps)
        else:
            count = bnp.maximum(1, bnp.floor(self.trajectory_length / step)).astype(int)
        count = bnp.where(bnp.isinf(energy0), 1, count)  # see `_evaluator`

        def move(_: Any, carry: Any) -> Any:
            return tr.leapfrog(potential, metric, step, carry[0])

        first = start, state.potential_energy, state.z_grad
        end, value, grad = lax.fori_loop(0, count, move, first)
        energy = value + tr.kinetic(metric, end.r)
        error = energy - energy0
        error = bnp.where(bnp.isnan(error), bnp.inf, error)
        accept = bnp.minimum(1.0, bnp.exp(-error))
        take = tr.unit(tr.words(key, 0)) < accept
        there = tr.Proposal(end.z, grad, value, energy)
        here = tr.Proposal(state.z, state.z_grad, state.potential_energy, energy0)
        return tr.choose(take, there, here), count, accept, error > tr.DIVERGENCE

    def transition(
        self, potential: Callable[[Any], Any], state: HMCState, adapting: Any, learning: Any
    ) -> HMCState:
        """One draw. `adapting`: move the step size; `learning`: gather the mass matrix."""
        next_key, key = random.split(state.rng_key)
        end, steps, accept, diverging = self._transition(potential, state, key)
        a = state.adapt_state
        da = a.dual_averaging
        if self.adapt_step_size:
            moved = ad.dual_averaging_update(da, accept, self.target_accept_prob)
            da = ad.DualAveraging(
                *(bnp.where(adapting, x, y) for x, y in zip(moved, da, strict=True))
            )
            step = bnp.where(adapting, bnp.exp(da.log_step), a.step_size)
        else:
            step = a.step_size
        moments = a.moments
        if self.adapt_mass_matrix:
            moments = lax.cond(learning, lambda: self._gather(moments, end), lambda: moments)
        i = state.i + 1
        mean = state.mean_accept_prob + (accept - state.mean_accept_prob) / i
        return HMCState(
            i, *end, steps, accept, mean, diverging,
            AdaptState(step, a.metric, da, moments), next_key,
        )  # fmt: skip

    def _moments(self, dimension: int, dense: bool) -> ad.Moments:
        return ad.moments_init(dimension, dense, 1 if self.mass_matrix_from == "draws" else 2)

    def _gather(self, m: ad.Moments, end: tr.Proposal) -> ad.Moments:
        return ad.moments_update(m, bnp.stack([end.z, end.grad][: m.mean.shape[0]]))

    def _inverse_mass(self, variances: np.ndarray, m: ad.Moments) -> np.ndarray:
        """What a window has taught, by the estimate that is best for its kind and length.

        `variances`: those of the metric so far.
        """
        kind = self.mass_matrix_from
        if kind is None:
            few = float(np.asarray(m.count)) < ad.MANY
            kind = "gradients" if few or len(m.m2.shape) == 3 else "draws"
        if kind == "gradients":
            return ad.fisher_metric(m, variances, self.regularize_mass_matrix)
        return ad.draws_covariance(m, self.regularize_mass_matrix)

    # the model --------------------------------------------------------------------------------

    def setup(self, rng_key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Potential:
        """The potential as a function of (vector, data arrays), for one model and its data."""
        if self.potential_fn is not None:
            fn = self.potential_fn
            return Potential(self._differentiable(lambda z, data: fn(z)), [], None)
        flat = self.flat = FlatModel(self.model, args, kwargs, rng_key)  # type: ignore[arg-type]
        data, potential, constrain = flat.functions(args, kwargs)
        return Potential(self._differentiable(potential), data, constrain)

    def _differentiable(self, potential: Callable[..., Any]) -> Callable[..., Any]:
        """The potential, its gradient by forward mode if that was asked for."""
        if not self.forward_mode_differentiation:
            return potential

        def forward_only(z: Any, data: Any) -> Any:
            @custom_vjp
            def at(z: Any) -> Any:
                return potential(z, data)

            slopes = jacfwd(lambda z: potential(z, data))
            at.defvjp(lambda z: (potential(z, data), slopes(z)), lambda g, u: (u * g,))
            return at(z)

        return forward_only

    def renew(self, potential: Potential, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Other data of the same structure and shapes for a potential that is set up."""
        if self.flat is not None:
            self.flat.args, self.flat.kwargs = tuple(args), dict(kwargs)
            potential.data = split_arguments(args, kwargs)[0]

    def init(self, potential: Potential, rng_key: Any, init_params: Any = None) -> HMCState:
        """A chain's first state: a valid starting point, unit (or given) mass, first step size."""
        key_start, key_chain = random.split(rng_key)
        if init_params is not None:
            z = bnp.asarray(init_params, dtype=float)
            if z.ndim != 1 or (self.flat is not None and z.shape != (self.flat.dimension,)):
                wanted = "one axis" if self.flat is None else f"shape ({self.flat.dimension},)"
                raise ShapeError(
                    f"init_params: the start of a chain is a vector of {wanted}, or a dict of "
                    f"unconstrained values by site; got shape {z.shape}"
                )
            dimension = z.shape[0]
        elif self.flat is not None:
            dimension = self.flat.dimension
        else:
            raise ValueError("with potential_fn, run(...) needs init_params")
        blank = self._blank(dimension, key_chain)
        vg = self._evaluator(potential, blank)
        if init_params is None:
            assert self.flat is not None
            z, value, grad = find_valid_initial(self.flat, vg, self.init_strategy, key_start)
        else:
            value, grad = vg(z)
            if not (np.isfinite(np.asarray(value)) and np.all(np.isfinite(np.asarray(grad)))):
                value, _ = potential.value_and_grad()(z)
                why = f"\n{self.flat.report(z)}" if self.flat is not None else ""
                raise RuntimeError(f"the given starting point has potential {value}{why}")
        state = blank._replace(z=z, z_grad=grad, potential_energy=value)
        if self.find_heuristic_step_size and self.adapt_step_size:
            step = bnp.asarray(self._reasonable_step(vg, state), dtype=float)
            adapt = blank.adapt_state._replace(
                step_size=step, dual_averaging=ad.dual_averaging_init(step)
            )
            state = state._replace(adapt_state=adapt)
        return state

    def _blank(self, dimension: int, key: Any) -> HMCState:
        """A state at zero, with the metric and the step size that a chain starts with."""
        metric = self._metric(self.inverse_mass_matrix, dimension)
        dense = metric.root is not None
        step = bnp.asarray(self.step_size, dtype=float)
        zero, zeros = bnp.zeros(()), bnp.zeros(dimension)
        adapt = AdaptState(
            step, metric, ad.dual_averaging_init(step), self._moments(dimension, dense)
        )
        return HMCState(
            bnp.asarray(0), zeros, zeros, zero, zero, bnp.asarray(0), zero, zero,
            bnp.asarray(False), adapt, key,
        )  # fmt: skip

    def _evaluator(
        self, potential: Potential, blank: HMCState
    ) -> Callable[[Any], tuple[Any, Any]]:
        """Potential and gradient at a point, by the compiled transitions if it can be.

        A program of its own for the potential would take a third of the time to compile that
        the transitions take. With scales of zero a trajectory stays where it is, and from an
        infinite potential its first step is accepted wherever potential and gradient are finite;
        elsewhere the potential stays infinite.
        """
        runner = potential.runner
        if runner is None or self.kinetic_fn is not None:
            return potential.value_and_grad()
        a = blank.adapt_state
        metric = a.metric._replace(scale=bnp.zeros(blank.z.shape))
        fixed = blank._replace(
            potential_energy=bnp.asarray(np.inf, dtype=float), adapt_state=a._replace(metric=metric)
        )

        def evaluate(z: Any) -> tuple[Any, Any]:
            state, _, _ = runner(fixed._replace(z=z), 1, False, False, potential.data)
            return state.potential_energy, state.z_grad

        return evaluate

    def _metric(self, given: Any, dimension: int) -> tr.Metric:
        if given is None:
            full = self.dense_mass
            if full is None:  # from draws alone, a full matrix takes too many of them
                full = self.mass_matrix_from != "draws" and dimension <= ad.FULL
            given = np.eye(dimension) if full else np.ones(dimension)
        if isinstance(given, Mapping):
            given = mass.from_sites(given, self.flat)
            if self.dense_mass not in (None, False) and given.ndim == 1:
                given = np.diag(given)
        cov = mass.only_blocks(np.asarray(given, dtype=float), self.dense_mass, self.flat)
        if cov.shape not in ((dimension,), (dimension, dimension)):
            raise ValueError(
                f"inverse_mass_matrix has shape {cov.shape}; the model has {dimension} "
                f"unconstrained parameters, so ({dimension},) or ({dimension}, {dimension}) fits"
            )
        return mass.metric(cov)

    def _reasonable_step(self, vg: Any, state: HMCState) -> float:
        """A step whose one-step acceptance crosses 0.8 (Hoffman & Gelman 2014, algorithm 4)."""
        metric = state.adapt_state.metric
        rng = np.random.default_rng(np.asarray(random.key_data(state.rng_key)))
        r = rng.normal(size=state.z.shape[0])

        def force(grad: Any) -> np.ndarray:
            return np.asarray(metric.pull(grad))

        slope, value = force(state.z_grad), np.asarray(state.potential_energy)
        step, direction = self.step_size, 0
        energy0 = value + 0.5 * r @ r
        for _ in range(60):
            half = r - 0.5 * step * slope
            new_value, new_grad = vg(state.z + step * metric.push(bnp.array(half)))
            new_r = half - 0.5 * step * force(new_grad)
            error = float(np.asarray(new_value)) + 0.5 * new_r @ new_r - energy0
            now = 1 if error < -math.log(0.8) else -1
            if not np.isfinite(error):
                now = -1
            if direction and now != direction:
                break
            direction = now
            step *= 2.0**direction
        return step

    def windows(self, num_warmup: int) -> list[tuple[int, int, bool]]:
        """The schedule of warmup: (start, end, whether the mass matrix is learned in it)."""
        plan = ad.windows if self.mass_matrix_from == "draws" else ad.early_windows
        return plan(num_warmup)

    def end_window(self, state: HMCState, learned: bool, last: bool) -> HMCState:
        """After an adaptation window: a new mass matrix, and the step size search anew."""
        a = state.adapt_state
        step = a.step_size
        if self.adapt_step_size:
            step = bnp.asarray(np.exp(np.asarray(a.dual_averaging.log_step_avg)))
        metric, moments = a.metric, a.moments
        if learned and self.adapt_mass_matrix:
            cov = self._inverse_mass(np.asarray(metric.scale) ** 2, moments)
            metric = self._metric(cov, state.z.shape[0])
            moments = self._moments(state.z.shape[0], cov.ndim == 2)
        settled = learned and float(np.asarray(a.dual_averaging.count)) >= ad.MANY
        da = a.dual_averaging if last else ad.dual_averaging_init(step, settled)
        return state._replace(adapt_state=AdaptState(step, metric, da, moments))


class Potential:
    """A potential with its data, and the compiled functions made of it.

    `runner`: the compiled transitions on it, where a run has them (`chain.make_runner`).
    """

    def __init__(
        self, fn: Callable[[Any, Any], Any], data: list[Any], constrain: Callable[..., Any] | None
    ) -> None:
        self.fn = fn
        self.data = data
        self.constrain = constrain
        self.runner: Callable[..., Any] | None = None
        self._vg = jit(value_and_grad(fn))

    def value_and_grad(self) -> Callable[[Any], tuple[Any, Any]]:
        return lambda z: self._vg(z, self.data)


class NUTS(HMC):
    """The No-U-Turn Sampler: HMC that finds its trajectory length itself.

    Multinomial sampling along the trajectory, generalised U-turn criterion. `max_tree_depth`:
    at most 2^max_tree_depth - 1 leapfrog steps a draw; a pair is (in warmup, after it). The other
    options are those of `HMC`.

    Sources: Hoffman & Gelman 2014; Betancourt 2017.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun.prob.infer import MCMC, NUTS
    >>> def model(y):
    ...     mu = prob.sample("mu", dist.Normal(0.0, 10.0))
    ...     prob.sample("y", dist.Normal(mu, 1.0), obs=y)
    >>> import numpy as np
    >>> mcmc = MCMC(NUTS(model), num_warmup=200, num_samples=400, progress_bar=False)
    >>> mcmc.run(1, np.array([1.0, 2.0, 3.0]))
    >>> abs(float(mcmc.get_samples()["mu"].mean()) - 2.0) < 0.2
    True
    """

    def __init__(
        self,
        model: Callable[..., Any] | None = None,
        potential_fn: Callable[[Any], Any] | None = None,
        kinetic_fn: Callable[[Any, Any], Any] | None = None,
        step_size: float = 1.0,
        inverse_mass_matrix: Any = None,
        adapt_step_size: bool = True,
        adapt_mass_matrix: bool = True,
        dense_mass: bool | Sequence[tuple[str, ...]] | None = None,
        target_accept_prob: float = 0.8,
        max_tree_depth: int | tuple[int, int] = 10,
        init_strategy: Callable[..., Any] = init_to_uniform,
        find_heuristic_step_size: bool = False,
        regularize_mass_matrix: bool = True,
        forward_mode_differentiation: bool = False,
        mass_matrix_from: str | None = None,
    ) -> None:
        super().__init__(
            model,
            potential_fn,
            kinetic_fn,
            step_size,
            inverse_mass_matrix,
            adapt_step_size,
            adapt_mass_matrix,
            dense_mass,
            target_accept_prob,
            num_steps=1,
            init_strategy=init_strategy,
            find_heuristic_step_size=find_heuristic_step_size,
            regularize_mass_matrix=regularize_mass_matrix,
            forward_mode_differentiation=forward_mode_differentiation,
            mass_matrix_from=mass_matrix_from,
        )
        depths = max_tree_depth if isinstance(max_tree_depth, tuple | list) else (max_tree_depth,)
        if len(depths) not in (1, 2) or not all(1 <= d <= 20 for d in depths):
            raise ValueError(
                "max_tree_depth must be from 1 to 20, or a pair of such (in warmup, after it), "
                f"got {max_tree_depth}"
            )
        self.max_tree_depth = max_tree_depth

    def transition(
        self, potential: Callable[[Any], Any], state: HMCState, adapting: Any, learning: Any
    ) -> HMCState:
        if not isinstance(self.max_tree_depth, tuple | list):
            return super().transition(potential, state, adapting, learning)
        now = copy.copy(self)
        now._limit = bnp.where(adapting, *self.max_tree_depth)
        now.max_tree_depth = max(self.max_tree_depth)
        return HMC.transition(now, potential, state, adapting, learning)

    _limit: Any = None  # a depth that depends on whether this is warmup

    def _transition(
        self, potential: Callable[[Any], Any], state: HMCState, key: Any
    ) -> tuple[tr.Proposal, Any, Any, Any]:
        metric, step = self._kinetic(state.adapt_state.metric), state.adapt_state.step_size
        start = tr.launch(metric, state.z, state.z_grad, key)
        tree = tr.build_tree(
            potential, metric, step, start, state.z_grad, state.potential_energy, key,
            self.max_tree_depth, self._limit,
        )  # fmt: skip
        accept = tree.sum_accept / tree.num_leaves
        return tree.proposal, tree.num_leaves, accept, tree.diverging
