"""What a gradient transformation is, and how to put them together.

A *gradient transformation* is a pair of pure functions: `init(params)` makes a state,
`update(updates, state, params)` turns one pytree of updates (gradients, to begin with) into
another. An optimizer is a chain of them whose last link points downhill:
`params + updates` is the next point. Since each link is a value, optimizers compose.

The interface is Optax's (DeepMind, 2020); states are named tuples, so that they are pytrees.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from bibun import numpy as bnp
from bibun import tree

ScalarOrSchedule = Any  # a number, or a function from the step count to one


class GradientTransformation(NamedTuple):
    """`init(params) -> state` and `update(updates, state, params=None) -> (updates, state)`."""

    init: Callable[[Any], Any]
    update: Callable[..., tuple[Any, Any]]


class GradientTransformationExtraArgs(NamedTuple):
    """A transformation whose `update` also takes keyword arguments (value, grad, value_fn, …)."""

    init: Callable[[Any], Any]
    update: Callable[..., tuple[Any, Any]]


class EmptyState(NamedTuple):
    """The state of a transformation that has none."""


def zeros_like(params: Any, dtype: Any = None) -> Any:
    """Zeros in the shape of a pytree of parameters; integers count as floats."""
    return tree.map(lambda p: bnp.zeros_like(as_float(p), dtype=dtype), params)


def as_float(x: Any) -> Any:
    """An array with a floating (or complex) dtype."""
    x = bnp.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(float)


def need_params(params: Any, name: str) -> None:
    """Errors: ValueError where a transformation that needs the parameters did not get them."""
    if params is None:
        raise ValueError(
            f"{name} needs the current parameters: call update(updates, state, params)"
        )


def with_extra_args_support(tx: Any) -> GradientTransformationExtraArgs:
    """The transformation with an `update` that accepts, and drops, keyword arguments."""
    if isinstance(tx, GradientTransformationExtraArgs):
        return tx

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        del extra
        return tx.update(updates, state, params)

    return GradientTransformationExtraArgs(tx.init, update)


def identity() -> GradientTransformation:
    """Updates as they are."""
    return GradientTransformation(lambda params: EmptyState(), lambda u, s, params=None: (u, s))


def set_to_zero() -> GradientTransformation:
    """Zero updates: freezes the parameters it is applied to."""
    return stateless(lambda updates, params: tree.map(bnp.zeros_like, updates))


def stateless(f: Callable[[Any, Any], Any]) -> GradientTransformation:
    """A transformation without state, from `f(updates, params) -> updates`.

    >>> from bibun import optim
    >>> halve = optim.stateless(lambda g, p: optim.tree_scale(0.5, g))
    >>> float(halve.update(4.0, halve.init(1.0))[0])
    2.0
    """
    return GradientTransformation(
        lambda params: EmptyState(), lambda u, state, params=None: (f(u, params), state)
    )


def stateless_with_tree_map(f: Callable[[Any, Any], Any]) -> GradientTransformation:
    """A transformation without state, from `f(update, param) -> update` for each leaf."""

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        need_params(params, "this transformation")
        return tree.map(f, updates, params), state

    return GradientTransformation(lambda params: EmptyState(), update)


def chain(*transformations: Any) -> GradientTransformationExtraArgs | GradientTransformation:
    """One transformation after the other; the state is the tuple of theirs.

    >>> from bibun import optim
    >>> tx = optim.chain(optim.clip(1.0), optim.scale(-0.1))
    >>> float(tx.update(5.0, tx.init(0.0))[0])
    -0.1
    """
    links = [with_extra_args_support(t) for t in transformations]

    def init(params: Any) -> Any:
        return tuple(t.init(params) for t in links)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        if len(state) != len(links):
            raise ValueError(
                f"chain of {len(links)} transformations got {len(state)} states: pass the "
                "state that its own init or update returned"
            )
        after = []
        for t, s in zip(links, state, strict=True):
            updates, s = t.update(updates, s, params, **extra)
            after.append(s)
        return updates, tuple(after)

    if any(isinstance(t, GradientTransformationExtraArgs) for t in transformations):
        return GradientTransformationExtraArgs(init, update)
    return GradientTransformation(init, update)


def named_chain(*named: tuple[str, Any]) -> GradientTransformationExtraArgs:
    """`chain` whose state is a dict by the names given: `named_chain(("clip", clip(1.0)), …)`."""
    names = [n for n, _ in named]
    if len(set(names)) != len(names):
        raise ValueError(f"named_chain: names must differ, got {names}")
    links = [(n, with_extra_args_support(t)) for n, t in named]

    def init(params: Any) -> Any:
        return {n: t.init(params) for n, t in links}

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        after = {}
        for n, t in links:
            updates, after[n] = t.update(updates, state[n], params, **extra)
        return updates, after

    return GradientTransformationExtraArgs(init, update)


def apply_updates(params: Any, updates: Any) -> Any:
    """`params + updates`, leaf by leaf, in the dtype of the parameters. None: no update.

    >>> from bibun import optim
    >>> {k: float(v) for k, v in optim.apply_updates({"a": 1.0}, {"a": -0.25}).items()}
    {'a': 0.75}
    """

    def add(u: Any, p: Any) -> Any:
        if u is None:
            return p
        p = as_float(p)
        return (p + u).astype(p.dtype)

    return tree.map(add, updates, params, is_leaf=lambda x: x is None)


def incremental_update(new_tensors: Any, old_tensors: Any, step_size: Any) -> Any:
    """`step_size * new + (1 - step_size) * old`: Polyak averaging of parameters."""
    return tree.map(
        lambda n, o: step_size * n + (1.0 - step_size) * o, new_tensors, old_tensors
    )


def periodic_update(
    new_tensors: Any, old_tensors: Any, steps: Any, update_period: int
) -> Any:
    """`new` where `steps` is a multiple of `update_period`, else `old`."""
    take = bnp.equal(bnp.remainder(steps, update_period), 0)
    return tree.map(lambda n, o: bnp.where(take, n, o), new_tensors, old_tensors)


# arithmetic of pytrees --------------------------------------------------------------------------


_map = tree.map  # where an argument is called tree


def tree_add(tree_x: Any, tree_y: Any, *other_trees: Any) -> Any:
    """The sum of two or more trees, leaf by leaf.

    >>> tree_add({"a": 1.0}, {"a": 2.0}, {"a": 4.0})
    {'a': 7.0}
    """
    trees = (tree_x, tree_y, *other_trees)
    return tree.map(lambda *leaves: functools.reduce(operator.add, leaves), *trees)


def tree_sub(tree_x: Any, tree_y: Any) -> Any:
    """x - y, leaf by leaf."""
    return tree.map(operator.sub, tree_x, tree_y)


def tree_scale(scalar: Any, tree: Any) -> Any:
    """scalar x, leaf by leaf."""
    return _map(lambda x: scalar * x, tree)


def tree_cast(tree_x: Any, dtype: Any) -> Any:
    """Leaves of another dtype; as they are for None."""
    if dtype is None:
        return tree_x
    return tree.map(lambda x: bnp.asarray(x).astype(dtype), tree_x)


def tree_vdot(tree_x: Any, tree_y: Any) -> Any:
    """The inner product of two pytrees, real for complex ones."""
    parts = zip(tree.leaves(tree_x), tree.leaves(tree_y), strict=True)
    return sum((bnp.sum(bnp.real(bnp.conj(x) * y)) for x, y in parts), start=bnp.asarray(0.0))


def global_norm(updates: Any) -> Any:
    """The Euclidean norm of all leaves together; a scalar.

    >>> from bibun import optim
    >>> float(optim.global_norm({"a": 3.0, "b": [4.0]}))
    5.0
    """
    return bnp.sqrt(tree_vdot(updates, updates))


def safe_increment(count: Any) -> Any:
    """count + 1, staying at the largest value of its dtype."""
    count = bnp.asarray(count)
    top = bnp.iinfo(count.dtype).max
    return bnp.where(count < top, count + 1, count)
