"""Tables of log factors with named axes, and the elimination of variables from them.

A model with discrete variables is a product of factors f(variables); summing the variables out
one after another, each time joining only the factors that hold the variable, costs the size
of the largest joined table and not that of the joint one. With plates (repeated,
conditionally independent parts) the rule is the same from the innermost plate outwards:
eliminate the variables that live in exactly these plates, then multiply the results over the
plates that no remaining variable lives in.

What was joined at each step is remembered; walking back through it draws the variables from
their joint posterior, or reads off the most probable values where maxima replaced the sums.

Sources: Zhang and Poole (1994), variable elimination; Obermeyer et al. (2019), "Tensor variable
elimination for plated factor graphs", algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun import random
from bibun.scipy.special import logsumexp

Plates = frozenset


class Factor(NamedTuple):
    """A log factor: an array whose axes are named after variables and plates, in order.

    `scale`: what the log of the whole connected factor is to be multiplied by in the end.
    """

    names: tuple[str, ...]
    table: Any
    plates: Plates
    scale: Any = None

    def sizes(self) -> dict[str, int]:
        return dict(zip(self.names, np.shape(self.table), strict=True))


class Step(NamedTuple):
    """One variable eliminated: the table it was eliminated from."""

    variable: str
    joined: Factor


def aligned(f: Factor, names: Sequence[str]) -> Any:
    """The table with axes `names`, of length 1 where the factor has none."""
    order = [f.names.index(n) for n in names if n in f.names]
    table = bnp.transpose(f.table, tuple(order)) if order else f.table
    have = f.sizes()
    return bnp.reshape(table, tuple(have.get(n, 1) for n in names))


def joined(factors: Sequence[Factor]) -> Factor:
    """The product of factors (sum of logs).

    Errors: ValueError where their scales differ: a sum of powers has no common exponent.
    """
    if len(factors) == 1:
        return factors[0]
    names = tuple(dict.fromkeys(n for f in factors for n in f.names))
    table = aligned(factors[0], names)
    for f in factors[1:]:
        table = table + aligned(f, names)
    return Factor(
        names, table, Plates().union(*(f.plates for f in factors)), _common_scale(factors)
    )


def _common_scale(factors: Sequence[Factor]) -> Any:
    first = factors[0].scale
    for f in factors[1:]:
        same = f.scale is first or (
            isinstance(f.scale, int | float)
            and isinstance(first, int | float)
            and math.isclose(f.scale, first)
        )
        if not same:
            raise ValueError(
                "sites that share an enumerated variable have different scales "
                f"({first} and {f.scale}); put all of them under the same `scale` handler"
            )
    return first


def _log_sum(table: Any, axis: int) -> Any:
    return logsumexp(table, axis=axis)


def _log_max(table: Any, axis: int) -> Any:
    return bnp.max(table, axis=axis)


def _without(f: Factor, name: str, reduce: Callable[[Any, int], Any]) -> Factor:
    axis = f.names.index(name)
    return f._replace(
        names=f.names[:axis] + f.names[axis + 1 :], table=reduce(f.table, axis)
    )  # fmt: skip


def _components(factors: Sequence[Factor], local: Collection[str]) -> list[list[Factor]]:
    """Groups of factors connected through the variables `local`."""
    groups: list[tuple[set[str], list[Factor]]] = []
    for f in factors:
        mine = set(f.names) & set(local)
        members = [f]
        apart = []
        for names, group in groups:
            if names & mine:
                mine |= names
                members = group + members
            else:
                apart.append((names, group))
        groups = [*apart, (mine, members)]
    return [group for _, group in groups]


def _cheapest(factors: Sequence[Factor], local: Collection[str]) -> str:
    """The variable whose elimination makes the smallest table; the first of equals."""

    def cost(v: str) -> int:
        sizes: dict[str, int] = {}
        for f in factors:
            if v in f.names:
                sizes |= f.sizes()
        return math.prod(sizes.values())

    return min(local, key=cost)


def eliminate(
    factors: Sequence[Factor],
    homes: Mapping[str, Plates],
    keep: Collection[str] = (),
    plate_scales: Mapping[str, float] | None = None,
    maximise: bool = False,
) -> tuple[list[Factor], list[Step]]:
    """Sum (or maximise) all variables out but those to `keep`.

    `homes`: the plates each variable lives in. `plate_scales`: size / subsample size of plates,
    a power that the product over the plate is raised to. Returns the factors that are left (of
    kept variables, and one without any), and the steps in order.

    Errors: ValueError where a factor couples variables of plates that do not nest, for then no
    order of elimination avoids the joint table over a plate.
    """
    reduce = _log_max if maximise else _log_sum
    steps: list[Step] = []
    left: list[Factor] = []
    total: Any = None
    pending = list(factors)
    while pending:
        leaf = max((f.plates for f in pending), key=len)
        group = [f for f in pending if f.plates == leaf]
        pending = [f for f in pending if f.plates != leaf]
        # in the order of the program, whatever the hashes of names are
        local = [v for v, home in homes.items() if home == leaf and v not in keep]
        for component in _components(group, local):
            inside = [v for v in local if any(v in f.names for f in component)]
            while inside:
                v = _cheapest(component, inside)
                inside.remove(v)
                table = joined([f for f in component if v in f.names])
                steps.append(Step(v, table))
                component = [f for f in component if v not in f.names]
                component.append(_without(table, v, reduce))
            f = joined(component)
            remaining = [n for n in f.names if n in homes]
            target = Plates().union(*(homes[v] for v in remaining))
            if not target <= leaf:
                raise ValueError(
                    f"a site outside of plate {sorted(target - leaf)} depends on the enumerated "
                    f"variables {remaining}, which live in it"
                )
            if target == leaf and remaining:
                if not all(v in keep for v in remaining):
                    raise ValueError(
                        f"the enumerated variables {remaining} live in different plates and "
                        f"are coupled in plates {sorted(leaf)}: no order of elimination avoids "
                        "a table exponential in the plates' sizes"
                    )
                left.append(f)
                continue
            for name in sorted(leaf - target):
                f = _without(f, name, lambda t, axis: bnp.sum(t, axis=axis))
                power = (plate_scales or {}).get(name, 1.0)
                if power != 1.0:
                    f = f._replace(table=power * f.table)
            f = f._replace(plates=target)
            if remaining:
                pending.append(f)
            else:
                value = f.table if f.scale is None else f.scale * f.table
                total = value if total is None else total + value
    if total is not None:
        left.append(Factor((), total, Plates()))
    return left, steps


def draw_back(
    steps: Sequence[Step],
    key: Any,
    known: Mapping[str, tuple[tuple[str, ...], Any]],
    maximise: bool = False,
) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Indices of the eliminated variables: a joint draw, or the joint maximum.

    `known`: indices of kept variables. Values are pairs (names of plate axes, indices).
    """
    found = dict(known)
    keys = random.split(key, max(len(steps), 1))
    for k, (variable, f) in enumerate(reversed(steps)):
        plates = tuple(n for n in f.names if n in f.plates)
        others = tuple(n for n in f.names if n not in f.plates and n != variable)
        table = aligned(f, (*plates, *others, variable))
        for other in others:  # the axis after the plates, one by one
            names, index = found[other]
            at = len(plates)
            index = aligned(Factor(names, index, Plates(names)), plates)
            wide = table.shape[:at] + (1,) + table.shape[at + 1 :]
            index = bnp.broadcast_to(
                bnp.reshape(index, index.shape + (1,) * (table.ndim - at)), wide
            )
            table = bnp.take_along_axis(table, index, axis=at)
            table = bnp.squeeze(table, axis=at)
        if maximise:
            chosen = bnp.argmax(table, axis=-1)
        else:
            chosen = random.categorical(keys[k], table, axis=-1)
        found[variable] = (plates, chosen)
    return found
