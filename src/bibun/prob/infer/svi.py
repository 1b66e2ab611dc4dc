"""Stochastic variational inference: fit a guide's parameters by gradients of an ELBO.

Parameters are optimised in unconstrained space; the constraint of each `param` statement says
how to get back. All steps of `run` are one compiled loop, cut into pieces only so that a
progress bar can move and Ctrl-C is heard.

Source: Hoffman et al. (2013); names are NumPyro's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun import lax, random, tree
from bibun.compiler import jit
from bibun.prob import handlers
from bibun.prob.distributions import biject_to
from bibun.prob.distributions import constraints as c
from bibun.prob.infer.elbo import Trace, guided_traces
from bibun.prob.infer.util import split_arguments
from bibun.prob.optim import as_optimizer


class SVIState(NamedTuple):
    """The optimizer's state, parameters included; values of mutable sites, if any; a random key."""

    optim_state: Any
    mutable_state: Any
    rng_key: Any


class SVIRunResult(NamedTuple):
    """Constrained parameters, the final state, and the loss of each step."""

    params: dict[str, Any]
    state: SVIState
    losses: Any


class SVI:
    """Fit `guide` to `model` with optimizer `optim` by minimising `loss`.

    `optim`: a transformation of `bibun.optim` (`optim.adam(1e-2)`), a triple of
    `bibun.optimizers` or an optimizer of `bibun.prob.optim`. `loss`: `Trace_ELBO()`,
    `TraceMeanField_ELBO()`, `TraceGraph_ELBO()`, `TraceEnum_ELBO()`, `RenyiELBO()`.
    `static_kwargs` go to model and guide at every call.

    >>> import bibun.prob as prob
    >>> import bibun.prob.distributions as dist
    >>> from bibun import optim
    >>> from bibun.prob.infer import SVI, Trace_ELBO
    >>> from bibun.prob.infer.autoguide import AutoNormal
    >>> def model(y):
    ...     mu = prob.sample("mu", dist.Normal(0.0, 10.0))
    ...     with prob.plate("n", 4):
    ...         prob.sample("y", dist.Normal(mu, 1.0), obs=y)
    >>> guide = AutoNormal(model)
    >>> svi = SVI(model, guide, optim.adam(0.05), Trace_ELBO())
    >>> result = svi.run(0, 1000, bnp.array([2.0, 3.0, 3.0, 4.0]), progress_bar=False)
    >>> result.losses.shape, abs(float(result.params["mu_auto_loc"]) - 3.0) < 0.3
    ((1000,), True)
    """

    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        optim: Any,
        loss: Any,
        **static_kwargs: Any,
    ) -> None:
        if isinstance(loss, type) or not hasattr(loss, "loss"):
            raise TypeError(
                "SVI: loss must be an ELBO such as Trace_ELBO(), made by its class, got "
                f"{loss.__name__ if isinstance(loss, type) else type(loss).__name__}"
            )
        self.model = model
        self.guide = guide
        self.loss = loss
        self.optim = optim
        self.static_kwargs = static_kwargs
        self._optimizer = as_optimizer(optim)
        self._transforms: dict[str, Any] = {}
        self._compiled: dict[Any, Any] = {}

    def init(
        self, rng_key: Any, *args: Any, init_params: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> SVIState:
        """Run guide and model once, gather their parameters, and start the optimizer.

        `init_params`: constrained starting values by name, instead of those of the `param`
        statements.
        """
        key = handlers.as_key(rng_key)
        keys = random.split(key)
        kwargs = {**self.static_kwargs, **kwargs}
        model_trace, guide_trace = guided_traces(
            keys[1], init_params or {}, self.model, self.guide, args, kwargs,
            check=getattr(self.loss, "draws_everything", True),
        )  # fmt: skip
        params, self._transforms = starting_params(model_trace, guide_trace)
        state = {
            site["name"]: site["kwargs"].get("read", lambda site=site: site["value"])()
            for site in (*model_trace.values(), *guide_trace.values())
            if site["type"] == "mutable"
        }
        if state and not hasattr(self.loss, "loss_with_mutable_state"):
            raise TypeError(
                f"mutable sites {sorted(state)} need a loss with loss_with_mutable_state, such as "
                f"Trace_ELBO; got {type(self.loss).__name__}"
            )
        return SVIState(self._optimizer.init(params), state or None, keys[0])

    def _constrain(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {k: self._transforms[k](v) for k, v in params.items()}

    def get_params(self, svi_state: SVIState) -> dict[str, Any]:
        """The constrained parameters at a state."""
        return self._constrain(self._optimizer.get_params(svi_state.optim_state))

    def _loss_at(self, key: Any, state: SVIState, args: Any, kwargs: Any) -> Callable[[Any], Any]:
        """The loss as a function of the unconstrained parameters, and the mutable state after."""
        kwargs = {**self.static_kwargs, **kwargs}
        run, mutable = (self.model, self.guide, *args), state.mutable_state

        def loss(params: Any) -> tuple[Any, Any]:
            known = self._constrain(params)
            if mutable is None:
                return self.loss.loss(key, known, *run, **kwargs), None
            known |= tree.map(lambda x: x, mutable)  # containers that a run may change
            found = self.loss.loss_with_mutable_state(key, known, *run, **kwargs)
            return found["loss"], found["mutable_state"]

        return loss

    def _step(
        self, how: Callable[..., Any], state: SVIState, args: Any, kwargs: Any, forward: bool
    ) -> tuple[SVIState, Any]:
        keys = random.split(state.rng_key)
        loss = self._loss_at(keys[1], state, args, kwargs)
        (value, mutable), moved = how(loss, state.optim_state, forward)
        return SVIState(moved, mutable, keys[0]), value

    def update(
        self, svi_state: SVIState, *args: Any, forward_mode_differentiation: bool = False,
        **kwargs: Any,
    ) -> tuple[SVIState, Any]:  # fmt: skip
        """One step: the next state, and the loss before the step."""
        how = self._optimizer.eval_and_update
        return self._step(how, svi_state, args, kwargs, forward_mode_differentiation)

    def stable_update(
        self, svi_state: SVIState, *args: Any, forward_mode_differentiation: bool = False,
        **kwargs: Any,
    ) -> tuple[SVIState, Any]:  # fmt: skip
        """As `update`, but stays where it is when the loss or a gradient is not finite."""
        how = self._optimizer.eval_and_stable_update
        return self._step(how, svi_state, args, kwargs, forward_mode_differentiation)

    def evaluate(self, svi_state: SVIState, *args: Any, **kwargs: Any) -> Any:
        """The loss at a state, without a step."""
        keys = random.split(svi_state.rng_key)
        params = self._optimizer.get_params(svi_state.optim_state)
        return self._loss_at(keys[1], svi_state, args, kwargs)(params)[0]

    def run(
        self,
        rng_key: Any,
        num_steps: int,
        *args: Any,
        progress_bar: bool = True,
        stable_update: bool = False,
        forward_mode_differentiation: bool = False,
        init_state: SVIState | None = None,
        init_params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> SVIRunResult:
        """`num_steps` steps; `init_state` goes on from an earlier run's.

        A loss that is not finite is a RuntimeWarning that tells at which step it came, unless
        `stable_update` skips such steps.
        """
        if not isinstance(num_steps, int | np.integer) or num_steps < 1:
            raise ValueError(f"num_steps must be a positive integer, got {num_steps!r}")
        state = init_state
        if state is None:
            state = self.init(rng_key, *args, init_params=init_params, **kwargs)
        elif not self._transforms:
            raise ValueError("init_state is of another SVI object: call init on this one first")
        piece = max(1, int(num_steps) // 20) if progress_bar else int(num_steps)
        data, advance = self._loop(
            piece, args, kwargs, stable_update, forward_mode_differentiation
        )
        losses: list[np.ndarray] = []
        with _Bar(int(num_steps), progress_bar) as bar:
            left = int(num_steps)
            while left:
                n = min(piece, left)
                state, rows = advance(state, n, data)
                losses.append(np.asarray(rows)[:n])
                left -= n
                bar.update(n, losses)
        params = self.get_params(state)
        if not stable_update:
            _warn_unless_finite(np.concatenate(losses), params)
        return SVIRunResult(params, state, bnp.asarray(np.concatenate(losses)))

    def _loop(
        self, piece: int, args: Any, kwargs: Any, stable: bool, forward: bool
    ) -> tuple[Any, Callable[..., Any]]:
        """The arrays among the arguments, and the compiled `(state, n, arrays) -> …`."""
        leaves, structure = tree.flatten((args, kwargs))
        shapes = tuple(
            (np.shape(x), str(x.dtype)) if hasattr(x, "dtype") else (type(x), repr(x))
            for x in leaves
        )
        data, rebuild = split_arguments(args, kwargs)
        known = (piece, structure, shapes, stable, forward)
        step = self.stable_update if stable else self.update

        def advance(state: SVIState, n: Any, arrays: Any) -> Any:
            a, k = rebuild(arrays)

            def body(i: Any, carry: Any) -> Any:
                state, losses = carry
                state, loss = step(state, *a, forward_mode_differentiation=forward, **k)
                return state, losses.at[i].set(loss, mode="promise_in_bounds")

            return lax.fori_loop(0, n, body, (state, bnp.zeros((piece,))))

        if known not in self._compiled:
            self._compiled[known] = jit(advance)
        return data, self._compiled[known]


def starting_params(*traces: Trace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Unconstrained starting values of the param sites of traces, and the ways back, by name.

    Errors: ValueError where there are none, or where one does not satisfy its constraint.
    """
    params: dict[str, Any] = {}
    transforms: dict[str, Any] = {}
    for site in (site for trace in traces for site in trace.values()):
        if site["type"] != "param" or site["name"] in params:
            continue
        name = site["name"]
        constraint = site["kwargs"].get("constraint", c.real)
        transforms[name] = biject_to(constraint)
        value = tree.map(_float, site["value"])
        params[name] = tree.map(_float, transforms[name]._inverse(value))
        if not all(np.all(np.isfinite(np.asarray(x))) for x in tree.leaves(params[name])):
            raise ValueError(
                f"param({name!r}): the starting value {value} does not satisfy its constraint, "
                f"{constraint!r}"
            )
    if not params:
        raise ValueError("neither guide nor model has a param statement: nothing to optimise")
    return params, transforms


def _warn_unless_finite(losses: np.ndarray, params: Mapping[str, Any]) -> None:
    bad = np.flatnonzero(~np.isfinite(losses))
    if not bad.size:
        return
    lost = [k for k, v in params.items()
            if not all(np.all(np.isfinite(np.asarray(x))) for x in tree.leaves(v))]  # fmt: skip
    warnings.warn(
        f"SVI: the loss was {losses[bad[0]]} at step {bad[0]}, and not finite at {bad.size} of "
        f"{losses.size} steps"
        + (f"; the parameters {', '.join(lost)} are not finite" if lost else "")
        + ". Take a smaller step size, clip gradients (bibun.optim.clip_by_global_norm), or "
        "stable_update=True, which skips such steps; if it was so from step 0, look at the "
        "starting values and the data.",
        RuntimeWarning, stacklevel=3,
    )  # fmt: skip


def _float(x: Any) -> Any:
    x = bnp.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(float)


class _Bar:
    """A progress bar with the average loss of the last piece, or nothing."""

    def __init__(self, total: int, show: bool) -> None:
        self.bar: Any = None
        if show:
            from tqdm import tqdm

            self.bar = tqdm(total=total, unit="step")

    def __enter__(self) -> _Bar:
        return self

    def update(self, n: int, losses: list[np.ndarray]) -> None:
        if self.bar is not None:
            self.bar.update(n)
            first, last = losses[0][0], losses[-1].mean()
            self.bar.set_postfix_str(f"init loss: {first:.4f}, avg loss: {last:.4f}")

    def __exit__(self, *exc: object) -> None:
        if self.bar is not None:
            self.bar.close()
