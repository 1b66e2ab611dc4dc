"""`inject_hyperparams`: hyperparameters that live in the state, where they can be changed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun.optim.base import (
    GradientTransformationExtraArgs,
    safe_increment,
    with_extra_args_support,
)


class InjectHyperparamsState(NamedTuple):
    """Step count, the hyperparameters by name, and the state of the optimizer."""

    count: Any
    hyperparams: dict[str, Any]
    inner_state: Any


def inject_hyperparams(
    inner_factory: Callable[..., Any], static_args: str | Iterable[str] = (),
    hyperparam_dtype: Any = None,
) -> Callable[..., GradientTransformationExtraArgs]:
    """A factory of optimizers whose numbers are part of the state; schedules are followed there.

    `static_args`: names of arguments that stay fixed; `hyperparam_dtype`: of the numbers.

    >>> from bibun import optim
    >>> tx = optim.inject_hyperparams(optim.sgd)(learning_rate=0.1)
    >>> s = tx.init(0.0)
    >>> s.hyperparams["learning_rate"] = 0.5
    >>> float(tx.update(1.0, s)[0])
    -0.5
    """
    fixed = {static_args} if isinstance(static_args, str) else set(static_args)
    signature = inspect.signature(inner_factory)

    def number(value: Any) -> Any:
        value = bnp.asarray(value)
        return value if hyperparam_dtype is None else value.astype(hyperparam_dtype)

    @functools.wraps(inner_factory)
    def factory(*args: Any, **kwargs: Any) -> GradientTransformationExtraArgs:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        schedules, numbers, other = {}, {}, {}
        for name, value in bound.arguments.items():
            if name in fixed or isinstance(value, bool) or value is None:
                other[name] = value
            elif callable(value):
                schedules[name] = value
            elif isinstance(value, int | float) or hasattr(value, "dtype"):
                numbers[name] = value
            else:
                other[name] = value

        def made(hyperparams: dict[str, Any]) -> GradientTransformationExtraArgs:
            return with_extra_args_support(inner_factory(**other, **hyperparams))

        def init(params: Any) -> InjectHyperparamsState:
            first = {k: number(v) for k, v in numbers.items()}
            first |= {k: number(f(0)) for k, f in schedules.items()}
            return InjectHyperparamsState(bnp.asarray(0), first, made(first).init(params))

        def update(
            updates: Any, state: InjectHyperparamsState, params: Any = None, **extra: Any
        ) -> Any:
            now = dict(state.hyperparams)
            now |= {k: number(f(state.count)) for k, f in schedules.items()}
            out, inner = made(now).update(updates, state.inner_state, params, **extra)
            return out, InjectHyperparamsState(safe_increment(state.count), now, inner)

        return GradientTransformationExtraArgs(init, update)

    return factory
