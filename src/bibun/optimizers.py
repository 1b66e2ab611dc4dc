"""`bibun.optimizers`: optimizers as triples `(init, update, get_params)`.

    init, update, get_params = optimizers.adam(1e-1)
    state = init(params)
    state = update(i, grads, state)      # i: the step number, from 0
    params = get_params(state)

The face that JAX's example libraries have, over `bibun.optim`: the state is the parameters
and the state of a chain of gradient transformations. `step_size` is a number or a schedule
`step_size(i)`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import optim, tree

Schedule = Callable[[Any], Any]


class Optimizer(NamedTuple):
    """`init_fn(params)`, `update_fn(i, grads, state)`, `params_fn(state)`."""

    init_fn: Callable[[Any], Any]
    update_fn: Callable[[Any, Any, Any], Any]
    params_fn: Callable[[Any], Any]


class OptimizerState(NamedTuple):
    """The parameters, and what the optimizer remembers."""

    params: Any
    inner: Any


def from_transformation(tx: Any, step_size: Any) -> Optimizer:
    """The triple of a transformation whose updates are to be taken `step_size(i)` times, downhill.

    >>> from bibun import optim, optimizers
    >>> init, update, get_params = optimizers.from_transformation(optim.identity(), 0.5)
    >>> float(get_params(update(0, 1.0, init(2.0))))
    1.5
    """
    schedule = make_schedule(step_size)

    def init(params: Any) -> OptimizerState:
        params = tree.map(_floating, params)
        return OptimizerState(params, tx.init(params))

    def update(i: Any, grads: Any, state: OptimizerState) -> OptimizerState:
        steps, inner = tx.update(grads, state.inner, state.params)
        size = schedule(i)
        params = tree.map(lambda p, u: (p - size * u).astype(p.dtype), state.params, steps)
        return OptimizerState(params, inner)

    return Optimizer(init, update, lambda state: state.params)


def optimizer(opt_maker: Callable[..., Any]) -> Callable[..., Optimizer]:
    """A decorator that makes an optimizer of pytrees from one of single arrays.

    `opt_maker(…)` returns `init(x)`, `update(i, g, state)` and `get_params(state)` for an array x.
    Errors: ValueError for gradients of another structure than the parameters.

    >>> @optimizer
    ... def slow_sgd(step_size):
    ...     return lambda x: x, lambda i, g, x: x - step_size / (1 + i) * g, lambda x: x
    >>> init, update, get_params = slow_sgd(0.5)
    >>> {k: float(v) for k, v in get_params(update(0, {"a": 1.0}, init({"a": 2.0}))).items()}
    {'a': 1.5}
    """

    @functools.wraps(opt_maker)
    def made(*args: Any, **kwargs: Any) -> Optimizer:
        init_one, update_one, params_of = opt_maker(*args, **kwargs)

        def init(params: Any) -> OptimizerState:
            params = tree.map(_floating, params)
            return OptimizerState(params, [init_one(x) for x in tree.leaves(params)])

        def update(i: Any, grads: Any, state: OptimizerState) -> OptimizerState:
            leaves, given = tree.flatten(grads)
            structure = tree.structure(state.params)
            if given != structure:
                raise ValueError(
                    f"gradients have the structure {given}, the parameters {structure}"
                )
            states = [update_one(i, g, s) for g, s in zip(leaves, state.inner, strict=True)]
            params = tree.unflatten(structure, [bnp.asarray(params_of(s)) for s in states])
            return OptimizerState(params, states)

        return Optimizer(init, update, lambda state: state.params)

    return made


def _floating(p: Any) -> Any:
    p = bnp.asarray(p)
    return p if p.dtype.kind in "fc" else p.astype(float)


def sgd(step_size: Any) -> Optimizer:
    """Gradient steps.

    >>> init, update, get_params = sgd(0.1)
    >>> float(get_params(update(0, 1.0, init(0.0))))
    -0.1
    """
    return from_transformation(optim.identity(), step_size)


def momentum(step_size: Any, mass: float) -> Optimizer:
    """Gradient steps with momentum: v = mass v + g."""
    return from_transformation(optim.trace(mass), step_size)


def nesterov(step_size: Any, mass: float) -> Optimizer:
    """Gradient steps with Nesterov's momentum."""
    return from_transformation(optim.trace(mass, nesterov=True), step_size)


class _AdagradState(NamedTuple):
    squares: Any
    mean: Any


def adagrad(step_size: Any, momentum: float = 0.9) -> Optimizer:
    """AdaGrad (Duchi et al., 2011) whose steps have momentum."""

    def init(params: Any) -> _AdagradState:
        zeros = tree.map(bnp.zeros_like, params)
        return _AdagradState(zeros, zeros)

    def update(grads: Any, state: _AdagradState, params: Any = None) -> Any:
        squares = tree.map(lambda s, g: s + bnp.square(g), state.squares, grads)
        steps = tree.map(
            lambda g, s: bnp.where(s > 0, g / bnp.sqrt(bnp.where(s > 0, s, 1.0)), 0.0),
            grads, squares,
        )  # fmt: skip
        mean = tree.map(
            lambda m, u: (1.0 - momentum) * u + momentum * m, state.mean, steps
        )
        return mean, _AdagradState(squares, mean)

    return from_transformation(optim.GradientTransformation(init, update), step_size)


def rmsprop(step_size: Any, gamma: float = 0.9, eps: float = 1e-8) -> Optimizer:
    """RMSProp: g / sqrt(running mean of g² + eps)."""
    return from_transformation(optim.scale_by_rms(gamma, eps), step_size)


def rmsprop_momentum(
    step_size: Any, gamma: float = 0.9, eps: float = 1e-8, momentum: float = 0.9
) -> Optimizer:
    """RMSProp whose steps have momentum; step sizes are inside the momentum."""
    schedule = make_schedule(step_size)
    inner = optim.scale_by_rms(gamma, eps)

    def init(params: Any) -> Any:
        return bnp.asarray(0), inner.init(params), tree.map(bnp.zeros_like, params)

    def update(grads: Any, state: Any, params: Any = None) -> Any:
        i, rms, velocity = state
        steps, rms = inner.update(grads, rms)
        velocity = tree.map(lambda m, u: momentum * m + schedule(i) * u, velocity, steps)
        return velocity, (i + 1, rms, velocity)

    return from_transformation(optim.GradientTransformation(init, update), 1.0)


def adam(step_size: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Adam (Kingma & Ba, 2015).

    >>> init, update, get_params = adam(0.1)
    >>> round(float(get_params(update(0, 42.0, init(1.0)))), 6)
    0.9
    """
    return from_transformation(optim.scale_by_adam(b1, b2, eps), step_size)


def adamax(step_size: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """AdaMax: Adam with the infinity norm; eps is added to the divisor."""

    def init(params: Any) -> Any:
        zeros = tree.map(bnp.zeros_like, params)
        return bnp.asarray(0), zeros, zeros

    def update(grads: Any, state: Any, params: Any = None) -> Any:
        i, m, u = state
        m = tree.map(lambda m, g: (1 - b1) * g + b1 * m, m, grads)
        u = tree.map(lambda u, g: bnp.maximum(b2 * u, bnp.abs(g)), u, grads)
        scale = 1.0 / (1.0 - bnp.asarray(b1) ** (i + 1))
        return tree.map(lambda m, u: scale * m / (u + eps), m, u), (i + 1, m, u)

    return from_transformation(optim.GradientTransformation(init, update), step_size)


def sm3(step_size: Any, momentum: float = 0.9) -> Optimizer:
    """SM3 (Anil et al., 2019)."""
    return from_transformation(optim.scale_by_sm3(momentum, eps=0.0), step_size)


# step sizes ---------------------------------------------------------------------------


def constant(step_size: Any) -> Schedule:
    """Always the same."""
    return lambda i: step_size


def exponential_decay(step_size: Any, decay_steps: Any, decay_rate: Any) -> Schedule:
    """`step_size * decay_rate ** (i / decay_steps)`.

    >>> float(exponential_decay(1.0, 2, 0.25)(1))
    0.5
    """
    return lambda i: step_size * bnp.asarray(decay_rate) ** (bnp.asarray(i) / decay_steps)


def inverse_time_decay(
    step_size: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False
) -> Schedule:
    """`step_size / (1 + decay_rate * i / decay_steps)`."""
    return optim.inverse_time_decay(step_size, decay_steps, decay_rate, staircase)


def polynomial_decay(
    step_size: Any, decay_steps: Any, final_step_size: Any, power: Any = 1.0
) -> Schedule:
    """From `step_size` to `final_step_size` along `(1 - i / decay_steps) ** power`."""
    return optim.polynomial_schedule(step_size, final_step_size, power, decay_steps)


def piecewise_constant(boundaries: Sequence[Any], values: Sequence[Any]) -> Schedule:
    """`values[k]` where i is above k of the boundaries.

    Errors: ValueError unless there is one value more than boundaries.

    >>> float(piecewise_constant([2, 5], [1.0, 0.1, 0.01])(3))
    0.1
    """
    where = bnp.asarray(boundaries)
    sizes = bnp.asarray(values)
    if where.ndim != 1 or sizes.ndim != 1 or sizes.shape[0] != where.shape[0] + 1:
        raise ValueError(
            f"piecewise_constant: {where.shape[0] if where.ndim else 0} boundaries need one value "
            f"more, got shapes {where.shape} and {sizes.shape}"
        )
    return lambda i: sizes[bnp.sum(bnp.asarray(i) > where)]


def make_schedule(scalar_or_schedule: Any) -> Schedule:
    """A schedule as it is, a number as a constant one."""
    if callable(scalar_or_schedule):
        return scalar_or_schedule
    if bnp.ndim(scalar_or_schedule) == 0:
        return constant(scalar_or_schedule)
    raise TypeError(
        "step_size must be a number or a function of the step number, got "
        f"{type(scalar_or_schedule).__name__}"
    )


# gradients ----------------------------------------------------------------------------


def l2_norm(values: Any) -> Any:
    """The Euclidean norm of all leaves together.

    >>> float(l2_norm([3.0, {"a": 4.0}]))
    5.0
    """
    return optim.global_norm(values)


def clip_grads(grads: Any, max_norm: Any) -> Any:
    """Gradients scaled down to a Euclidean norm of at most `max_norm`.

    >>> [round(float(x), 6) for x in clip_grads([3.0, 4.0], 1.0)]
    [0.6, 0.8]
    """
    return optim.clip_by_global_norm(max_norm).update(grads, None)[0]
