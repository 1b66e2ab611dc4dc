"""Transformations for part of the parameters: `masked`, `partition` (`multi_transform`).

A masked-out place is a `MaskedNode`, an empty container: transformations that map over
leaves walk past it, so the inner transformation keeps no state there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bibun import tree
from bibun.optim.base import (
    GradientTransformationExtraArgs,
    set_to_zero,
    with_extra_args_support,
)


class MaskedNode(NamedTuple):
    """A place without leaves."""


class MaskedState(NamedTuple):
    """The state of the inner transformation."""

    inner_state: Any


class PartitionState(NamedTuple):
    """The states of the inner transformations, by label."""

    inner_states: Any


def _hide(mask: Any, values: Any) -> Any:
    """The tree with MaskedNode where the mask, a prefix of it, is false."""
    return tree.map(lambda m, v: v if m else MaskedNode(), mask, values)


def masked(
    inner: Any, mask: Any | Callable[[Any], Any]
) -> GradientTransformationExtraArgs:
    """`inner` for the leaves where `mask` is true; other updates pass unchanged.

    `mask`: a pytree of bools, a prefix of the parameters, or a function from the parameters
    (or updates) to one.

    >>> from bibun import optim
    >>> tx = optim.masked(optim.scale(10.0), {"a": True, "b": False})
    >>> u, _ = tx.update({"a": 1.0, "b": 1.0}, tx.init({"a": 0.0, "b": 0.0}))
    >>> u["a"], u["b"]
    (10.0, 1.0)
    """
    inner = with_extra_args_support(inner)

    def find(values: Any) -> Any:
        return mask(values) if callable(mask) else mask

    def init(params: Any) -> MaskedState:
        return MaskedState(inner.init(_hide(find(params), params)))

    def update(updates: Any, state: MaskedState, params: Any = None, **extra: Any) -> Any:
        m = find(updates)
        seen = None if params is None else _hide(m, params)
        new, s = inner.update(_hide(m, updates), state.inner_state, seen, **extra)
        out = tree.map(lambda m, n, old: n if m else old, m, new, updates)
        return out, MaskedState(s)

    return GradientTransformationExtraArgs(init, update)


def partition(
    transforms: Mapping[Any, Any], param_labels: Any | Callable[[Any], Any]
) -> GradientTransformationExtraArgs:
    """Another transformation for each label; `param_labels` is a pytree of labels.

    `param_labels` may be a prefix of the parameters, or a function from them to labels.
    Errors: ValueError for a label without a transformation.

    >>> from bibun import optim
    >>> tx = optim.partition({"w": optim.scale(-1.0), "b": optim.set_to_zero()},
    ...                      {"x": "w", "y": "b"})
    >>> u, _ = tx.update({"x": 1.0, "y": 1.0}, tx.init({"x": 0.0, "y": 0.0}))
    >>> float(u["x"]), float(u["y"])
    (-1.0, 0.0)
    """

    def labels_of(values: Any) -> Any:
        labels = param_labels(values) if callable(param_labels) else param_labels
        unknown = {x for x in tree.leaves(labels) if x not in transforms}
        if unknown:
            raise ValueError(
                f"partition: no transformation for the labels {sorted(map(str, unknown))}; there "
                f"are {sorted(map(str, transforms))}"
            )
        return labels

    def one(label: Any) -> GradientTransformationExtraArgs:
        return masked(
            transforms[label], lambda values: tree.map(lambda x: x == label, labels_of(values))
        )

    links = {label: one(label) for label in transforms}

    def init(params: Any) -> PartitionState:
        return PartitionState({label: t.init(params) for label, t in links.items()})

    def update(updates: Any, state: PartitionState, params: Any = None, **extra: Any) -> Any:
        after = {}
        for label, t in links.items():
            updates, after[label] = t.update(updates, state.inner_states[label], params, **extra)
        return updates, PartitionState(after)

    return GradientTransformationExtraArgs(init, update)


multi_transform = partition


def freeze(mask: Any) -> GradientTransformationExtraArgs:
    """Zero updates where the mask is true; others pass unchanged."""
    return masked(set_to_zero(), mask)


def selective_transform(optimizer: Any, *, freeze_mask: Any) -> GradientTransformationExtraArgs:
    """`optimizer` where `freeze_mask` is false, zero updates where it is true.

    >>> from bibun import optim
    >>> tx = optim.selective_transform(optim.sgd(1.0), freeze_mask={"a": True, "b": False})
    >>> p = {"a": 1.0, "b": 1.0}
    >>> {k: float(v) for k, v in tx.update(p, tx.init(p), p)[0].items()}
    {'a': 0.0, 'b': -1.0}
    """
    labels = tree.map(lambda frozen: "freeze" if frozen else "train", freeze_mask)
    return partition({"train": optimizer, "freeze": set_to_zero()}, labels)
