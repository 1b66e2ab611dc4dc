"""Discrete variables summed out along a loop: the forward algorithm, for any body.

One step of the loop runs with two sets of axes: those of the variables of the step before, seen
through the carry, and those of its own. The *message* alpha is a set of factors over the
variables of the step before; the step joins it with its own factors, eliminates the old
variables, and what is left, over the new ones, is the next message. So time is linear in the
number of steps and memory does not grow with them (only derivatives keep a row a step).

The first step runs by itself, as its carry has no axes yet. Between steps the axes of the new
variables are moved to the places of the old.

To draw the variables back, the tables of each step's eliminations are kept, and a loop from the
last step to the first draws each step's variables given those after it: forward filtering,
backward sampling; with maxima in place of sums, Viterbi's algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun import lax, random, tree
from bibun.errors import ShapeError
from bibun.prob.contrib.control_flow import body_of_loop, split_trace
from bibun.prob.infer.enumeration import sites as en
from bibun.prob.infer.enumeration.factors import Factor, Plates, Step, draw_back, eliminate
from bibun.prob.primitives import Messenger
from bibun.transforms import eval_shape

OLD = "@before"  # what is put after the name of a variable of the step before
Key = tuple[tuple[str, ...], Plates]


class _Facts:
    """What a step is, whatever its arrays: filled while it is traced."""

    def __init__(self) -> None:
        self.sites: dict[str, Any] = {}
        self.homes: dict[str, Plates] = {}
        self.supports: dict[str, Any] = {}
        self.frames: dict[str, dict[str, int]] = {}
        self.axes: dict[int, str] = {}
        self.scales: dict[Key, Any] = {}
        self.steps: list[tuple[str, tuple[str, ...], Plates]] = []


class _Loop:
    """The steps of one loop under one `enum` handler."""

    def __init__(self, f: Any, inside: Sequence[Messenger], outer: en.enum) -> None:
        self.f = f
        self.inside = inside
        self.outer = outer
        self.first = outer.first
        self.globals = dict(outer.axes)
        self.global_homes = dict(outer.homes)
        self.plate_scales: dict[str, float] = {}
        self.facts = _Facts()

    def run(
        self, carry: Any, row: Any, key: Any, old: dict[int, str]
    ) -> tuple[Any, Any, dict[str, Any], list[Factor]]:
        """The body once: carry, y, the arrays of sites to announce, and its factors."""
        x, t = row
        facts = self.facts
        spread = en.enum(first_available_dim=self.first)
        with body_of_loop(self.inside, t, key, (self.outer, spread)) as trace:
            spread.axes.update(self.globals)
            spread.axes.update(old)
            spread._born.update(dict.fromkeys(spread.axes, ()))
            carry, y = self.f(carry, x)
        factors, homes, scales = en.trace_factors(trace)
        self.plate_scales |= scales
        new = {d: v for d, v in spread.axes.items() if v in homes}
        shown = {}
        for name, site in trace.items():
            if name in homes:
                facts.homes[name] = homes[name]
                facts.supports.setdefault(name, site["enum_support"])  # the first step's
                facts.frames[name] = {f.name: f.dim for f in site["cond_indep_stack"]}
            elif site["type"] != "sample" or site["is_observed"]:
                continue
            else:
                shown[name] = site
        if old and list(new.values()) != list(facts.axes.values()):
            raise ValueError("scan: the steps of the loop enumerate different sites")
        facts.axes = new
        return carry, y, split_trace(shown, facts.sites), factors

    def message(
        self, factors: list[Factor], old: bool, maximise: bool
    ) -> tuple[dict[Key, Any], list[Any]]:
        """Eliminate the old variables: the message to the next step, and what was joined."""
        facts = self.facts
        homes = {**self.global_homes, **facts.homes}
        keep = set(homes)
        if old:
            homes |= {name + OLD: home for name, home in facts.homes.items()}
        left, steps = eliminate(factors, homes, keep, self.plate_scales, maximise)
        out: dict[Key, Any] = {}
        for f in left:
            key = f.names, f.plates
            facts.scales[key] = f.scale
            out[key] = out[key] + f.table if key in out else f.table
        facts.steps = [(s.variable, s.joined.names, s.joined.plates) for s in steps]
        return out, [s.joined.table for s in steps]

    def factors_of(self, alpha: dict[Key, Any]) -> list[Factor]:
        """A message as factors over variables of the step before."""
        local = self.facts.homes
        return [
            Factor(
                tuple(n + OLD if n in local else n for n in names), table, plates,
                self.facts.scales[names, plates],
            )
            for (names, plates), table in alpha.items()
        ]  # fmt: skip

    def moved(self, carry: Any, pairs: list[tuple[int, int]]) -> Any:
        """The carry with the axes of this step's variables where the last step's were."""
        depth = max((-new for new, _ in pairs), default=0)

        def move(x: Any) -> Any:
            x = bnp.asarray(x)
            if x.ndim < -self.first or not pairs:
                return x
            x = bnp.reshape(x, (1,) * (depth - x.ndim) + x.shape)
            for new, old in pairs:
                if x.shape[old] != 1:
                    raise ShapeError(
                        "scan: the carry depends on an enumerated variable of the step before "
                        f"last (its shape is {x.shape}); only the last step's may be carried, "
                        "and as values without event axes"
                    )
                x = bnp.swapaxes(x, new, old)
            while x.ndim and x.shape[0] == 1 and x.ndim > -min(o for _, o in pairs):
                x = bnp.squeeze(x, axis=0)
            return x

        return tree.map(move, carry)


def scan_enumerated(
    f: Any, init: Any, xs: Any, order: Any, rng_key: Any, inside: Sequence[Messenger],
    outer: en.enum, maximise: bool = False,
) -> Any:  # fmt: skip
    """`scan` of `contrib.control_flow` under `enum`; see the top of this file."""
    n = int(np.shape(order)[0])
    loop = _Loop(f, inside, outer)
    facts = loop.facts
    maximise = outer.maximise
    first = tree.map(lambda x: x[0], (xs, order))
    rest = tree.map(lambda x: x[1:], (xs, order))
    keys: Any = None if rng_key is None else random.split(rng_key, n)
    key0 = None if keys is None else keys[0]
    carry, y, shown, factors = loop.run(init, first, key0, {})
    alpha, _ = loop.message(factors, False, maximise)
    born = dict(facts.axes)
    tables: list[Any] = []
    ys, arrays = tree.map(lambda a: bnp.asarray(a)[None], (y, shown))
    if n > 1:
        places = list(born)

        def step(state: Any, row: Any) -> Any:
            carry, alpha = state
            row, key = row
            old = {d: v + OLD for d, v in born.items()}
            carry, y, shown, factors = loop.run(carry, row, key, old)
            now, joined = loop.message(factors + loop.factors_of(alpha), True, maximise)
            # a factor that only one of the steps has is 1 in the other
            return (loop.moved(carry, list(zip(facts.axes, places, strict=True))), now), (
                y, shown, joined,
            )  # fmt: skip

        rows = (rest, None if keys is None else keys[1:])
        one = tree.map(lambda a: a[0], rows)
        for _ in range(4):  # the factors of a message settle after a step or two
            shapes = eval_shape(lambda c, a: step((c, a), one)[0], carry, alpha)
            known = {
                k: bnp.broadcast_to(alpha.get(k, bnp.zeros(())), s.shape)
                for k, s in shapes[1].items()
            } | {k: v for k, v in alpha.items() if k not in shapes[1]}
            settled = known.keys() == shapes[1].keys() and all(
                np.shape(v) == shapes[1][k].shape for k, v in alpha.items()
            ) and alpha.keys() == known.keys()  # fmt: skip
            alpha = known
            if settled:
                break

        def keyed(state: Any, row: Any) -> Any:
            (carry, now), out = step(state, row)
            missing = {k: bnp.zeros(np.shape(v)) for k, v in alpha.items() if k not in now}
            return (carry, {k: (now | missing)[k] for k in alpha}), out

        (carry, alpha), (y, shown, tables) = lax.scan(keyed, (carry, alpha), rows)
        ys, arrays = tree.map(
            lambda a, b: bnp.concatenate([bnp.broadcast_to(a, (1, *b.shape[1:])), b]),
            (ys, arrays), (y, shown),
        )  # fmt: skip
    more = {"counted": True}
    left = [
        Factor(names, table, plates, facts.scales[names, plates])
        for (names, plates), table in alpha.items()
    ]
    outer.announce_loop(left, dict(facts.homes), _drawer(loop, tables, order, n))
    return carry, ys, arrays, facts.sites, more


def _drawer(loop: _Loop, tables: list[Any], order: Any, n: int) -> Any:
    """The function that draws all steps' variables, given those of the last."""
    facts = loop.facts
    names, steps = list(facts.homes), list(facts.steps)

    def draw(found: dict[str, Any], key: Any, maximise: bool) -> dict[str, Any]:
        fixed = {v: found[v] for v in loop.global_homes}
        last = {v: found[v] for v in names}
        plates = {v: last[v][0] for v in names}

        def back(state: Any, row: Any) -> Any:
            indices, key = state
            key, now = random.split(key)
            known = {v: (plates[v], indices[v]) for v in names} | fixed
            joined = [
                Step(v, Factor(axes, table, ps))
                for (v, axes, ps), table in zip(steps, row, strict=True)
            ]
            drawn = draw_back(joined, now, known, maximise)
            before = {
                v: aligned_to(drawn[v + OLD], plates[v]) if v + OLD in drawn else indices[v]
                for v in names
            }
            return (before, key), indices

        start = {v: last[v][1] for v in names}
        if n == 1:
            stacked = {v: start[v][None] for v in names}
        else:
            (first, _), rest = lax.scan(back, (start, key), tables, reverse=True)
            stacked = {v: bnp.concatenate([first[v][None], rest[v]]) for v in names}
        when = bnp.argsort(order)  # a loop that runs backwards has its last step first
        return {
            v: bnp.take(
                facts.supports[v],
                en.placed(plates[v], stacked[v][when], facts.frames[v], leading=1), axis=0,
            )
            for v in names
        }  # fmt: skip

    return draw


def aligned_to(drawn: tuple[tuple[str, ...], Any], plates: tuple[str, ...]) -> Any:
    """Drawn indices with their plates in the given order."""
    names, index = drawn
    return bnp.transpose(index, tuple(names.index(p) for p in plates)) if plates else index
