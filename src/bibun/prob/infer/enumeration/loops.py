"""Discrete variables summed out along a loop: the forward algorithm, for any body.

One step of the loop runs with several sets of axes: those of the variables of the `history` steps
before, seen through the carry, and those of its own. The *message* alpha is a set of factors over
the variables of the steps before; the step joins it with its own factors, eliminates the oldest
variables, which no later step sees, and what is left is the next message. So time is linear in the
number of steps and memory does not grow with them (only derivatives keep a row a step).

The first `history` steps run by themselves, as their carries have fewer axes. Between steps the
axes move on: each set to the places of the set before it, those of the new variables to the first.
They lie left of all plates and of whatever axes the carry has by itself.

To draw the variables back, the tables of each step's eliminations are kept, and a loop from the
last step to the first draws the oldest variables of each step given those after them: forward
filtering, backward sampling; with maxima in place of sums, Viterbi's algorithm.
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

Key = tuple[tuple[str, ...], Plates]


def aged(name: str, steps: int) -> str:
    """The name of a variable as it is `steps` steps later."""
    return f"{name}[-{steps}]" if steps else name


class _Facts:
    """What a step is, whatever its arrays: filled while it is traced."""

    def __init__(self) -> None:
        self.sites: dict[str, Any] = {}
        self.homes: dict[str, Plates] = {}
        self.supports: dict[str, Any] = {}
        self.frames: dict[str, dict[str, int]] = {}
        self.new: list[int] = []  # the axes of a step's own variables
        self.names: list[str] = []  # and whose they are
        self.scales: dict[Key, Any] = {}
        self.steps: list[tuple[str, tuple[str, ...], Plates]] = []


class _Loop:
    """The steps of one loop under one `enum` handler."""

    def __init__(
        self, f: Any, inside: Sequence[Messenger], outer: en.enum, history: int, natural: int
    ) -> None:
        self.f = f
        self.inside = inside
        self.outer = outer
        self.visible = history  # how many steps back a step sees
        self.history = max(history, 1)  # and for how many variables are kept
        self.depth = max(natural, -outer.first - 1)  # of axes that no variable of the loop has
        self.globals = dict(outer.axes)
        self.global_homes = dict(outer.homes)
        self.plate_scales: dict[str, float] = {}
        self.slots: list[list[int]] = []  # the axes of the variables 1, 2, … steps back
        self.facts = _Facts()

    def run(
        self, carry: Any, row: Any, key: Any
    ) -> tuple[Any, Any, dict[str, Any], list[Factor]]:
        """The body once: carry, y, the arrays of sites to announce, and its factors."""
        x, t = row
        facts = self.facts
        spread = en.enum(first_available_dim=self.outer.first)
        with body_of_loop(self.inside, t, key, (self.outer, spread)) as trace:
            spread.leftmost = -self.depth - 1
            spread.axes.update(self.globals)
            for age, dims in enumerate(self.slots, 1):
                names = (aged(name, age) for name in facts.names)
                spread.axes.update(zip(dims, names, strict=True))
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
        if self.slots and list(new.values()) != facts.names:
            raise ValueError("scan: the steps of the loop enumerate different sites")
        facts.new, facts.names = list(new), list(new.values())
        return carry, y, split_trace(shown, facts.sites), factors

    def homes_by_age(self, ages: Sequence[int]) -> dict[str, Plates]:
        return {aged(v, k): home for k in ages for v, home in self.facts.homes.items()}

    def message(
        self, factors: list[Factor], maximise: bool
    ) -> tuple[dict[Key, Any], list[Any]]:
        """Eliminate what no later step sees: the message to the next, and what was joined."""
        facts = self.facts
        seen = self.global_homes | self.homes_by_age(range(self.history))
        homes = seen | self.homes_by_age(range(self.history, len(self.slots) + 1))
        left, steps = eliminate(factors, homes, set(seen), self.plate_scales, maximise)
        out: dict[Key, Any] = {}
        for f in left:
            key = f.names, f.plates
            facts.scales[key] = f.scale
            out[key] = out[key] + f.table if key in out else f.table
        facts.steps = [(s.variable, s.joined.names, s.joined.plates) for s in steps]
        return out, [s.joined.table for s in steps]

    def factors_of(self, alpha: dict[Key, Any]) -> list[Factor]:
        """A message as the next step sees it: its variables a step older."""
        older = {
            aged(v, k): aged(v, k + 1) for v in self.facts.homes for k in range(self.history)
        }
        return [
            Factor(
                tuple(older.get(n, n) for n in names), table, plates,
                self.facts.scales[names, plates],
            )
            for (names, plates), table in alpha.items()
        ]  # fmt: skip

    def moved(self, x: Any) -> Any:
        """A value of this step as the next one sees it: each set of axes one place on."""
        x = bnp.asarray(x)
        chain = [self.facts.new, *self.slots]
        if x.ndim <= self.depth or not self.facts.new:
            return x
        deepest = max(-d for dims in chain for d in dims)
        x = bnp.reshape(x, (1,) * (deepest - x.ndim) + x.shape)
        order = list(range(-x.ndim, 0))
        for source, place in zip(chain, chain[1:] + chain[:1], strict=True):
            for s, p in zip(source, place, strict=True):
                order[p] = s
        x = bnp.transpose(x, order)
        kept = max(-d for dims in (*self.slots, self.facts.new)[: self.history] for d in dims)
        while x.ndim > kept and x.shape[0] == 1:
            x = bnp.squeeze(x, axis=0)
        return x

    def carried(self, carry: Any) -> Any:
        """The carry as the next step sees it.

        Errors: ShapeError where it depends on a variable that the next step must not see.
        """
        chain = [self.facts.new, *self.slots]
        own = {d for dims in chain[: self.visible] for d in dims} | self.globals.keys()

        def check(x: Any) -> Any:
            shape = np.shape(x)
            for d in range(-len(shape), -self.depth):
                if shape[d] != 1 and d not in own:
                    raise ShapeError(
                        f"scan: with history={self.visible} the next step sees the enumerated "
                        f"sites of {self.visible} before it, as values without event axes; the "
                        f"carry depends on others (its shape is {shape}). Give a larger history"
                    )
            return self.moved(x)

        return tree.map(check, carry)


def _joined_rows(first: list[Any], rest: Any) -> Any:
    """Values of the first steps and the stacked ones of the others, along one axis."""

    def join(*parts: Any) -> Any:
        *one, more = parts
        one = [bnp.asarray(x)[None] for x in one]
        rows = one if more is None else [*one, bnp.asarray(more)]
        rank = max(x.ndim for x in rows)
        rows = [
            bnp.reshape(x, (x.shape[0],) + (1,) * (rank - x.ndim) + x.shape[1:]) for x in rows
        ]
        shape = np.broadcast_shapes(*(x.shape[1:] for x in rows))
        return bnp.concatenate([bnp.broadcast_to(x, (x.shape[0], *shape)) for x in rows])

    if rest is None:
        return tree.map(lambda *xs: join(*xs, None), *first)
    return tree.map(join, *first, rest)


def _of_one_kind(first: list[dict[str, Any]], rest: Any) -> None:
    """Give sites of the first steps the distribution of later ones where theirs is not alike.

    That is so under an enumerated site, whose axis lies elsewhere. What a site weighs is in the
    factors of its step; handlers outside read only support and shape.
    """

    def kind(fn: Any) -> Any:
        leaves, structure = tree.flatten(fn)
        return structure, [np.shape(x) for x in leaves]

    for name, last in first[-1].items():
        if "fn" not in last:
            continue
        model = last["fn"] if rest is None else tree.map(lambda x: x[0], rest[name]["fn"])
        for site in (step[name] for step in first):
            if kind(site["fn"]) != kind(model):
                site["fn"] = model


def scan_enumerated(
    f: Any, init: Any, xs: Any, order: Any, rng_key: Any, inside: Sequence[Messenger],
    outer: en.enum, history: int,
) -> Any:  # fmt: skip
    """`scan` of `contrib.control_flow` under `enum`; see the top of this file."""
    n = int(np.shape(order)[0])
    natural = max((np.ndim(x) for x in tree.leaves(init)), default=0)
    loop = _Loop(f, inside, outer, min(history, n), natural)
    history = loop.history
    facts = loop.facts
    maximise = outer.maximise
    keys: Any = None if rng_key is None else random.split(rng_key, n)
    rows = (xs, order), keys
    carry, alpha = init, {}
    plain: Any = None  # the y of the first step: what has its shape in all has no moving axes
    ys: list[Any] = []
    arrays: list[Any] = []

    def step(carry: Any, alpha: dict[Key, Any], row: Any) -> Any:
        row, key = row
        carry, y, shown, factors = loop.run(carry, row, key)
        now, joined = loop.message(factors + loop.factors_of(alpha), maximise)
        if plain is not None:
            y = tree.map(lambda a, b: a if np.shape(a) == np.shape(b) else loop.moved(a), y, plain)
        return loop.carried(carry), now, y, shown, joined

    for i in range(history):
        carry, alpha, y, shown, _ = step(carry, alpha, tree.map(lambda x, i=i: x[i], rows))
        loop.slots.append(facts.new)
        plain = y if i == 0 else plain
        ys.append(y)
        arrays.append(shown)
    tables: list[Any] = []
    last = None, None
    if n > history:
        rest = tree.map(lambda x: x[history:], rows)
        one = tree.map(lambda x: x[0], rest)
        for _ in range(4 + 2 * history):  # the factors of a message settle after some steps
            shapes = eval_shape(lambda c, a: step(c, a, one)[:2], carry, alpha)
            # a factor that only one of the steps has is 1 in the other
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
            carry, now, *out = step(*state, row)
            missing = {k: bnp.zeros(np.shape(v)) for k, v in alpha.items() if k not in now}
            return (carry, {k: (now | missing)[k] for k in alpha}), out

        (carry, alpha), (*last, tables) = lax.scan(keyed, (carry, alpha), rest)
    left = [
        Factor(names, table, plates, facts.scales[names, plates])
        for (names, plates), table in alpha.items()
    ]
    places = {
        aged(v, k): d for k, dims in enumerate(loop.slots)
        for v, d in zip(facts.names, dims, strict=True)
    }  # fmt: skip
    homes = loop.homes_by_age(range(history))
    outer.announce_loop(left, homes, places, _drawer(loop, tables, order, n))
    _of_one_kind(arrays, last[1])
    return carry, _joined_rows(ys, last[0]), _joined_rows(arrays, last[1]), facts.sites


def _drawer(loop: _Loop, tables: list[Any], order: Any, n: int) -> Any:
    """The function that draws all steps' variables, given those of the last."""
    facts = loop.facts
    names, steps = list(facts.homes), list(facts.steps)

    def draw(found: dict[str, Any], key: Any, maximise: bool) -> dict[str, Any]:
        fixed = {v: found[v] for v in loop.global_homes}
        plates = {v: found[v][0] for v in names}
        window = {
            v: [aligned_to(found[aged(v, k)], plates[v]) for k in range(loop.history)]
            for v in names
        }

        def back(state: Any, row: Any) -> Any:
            window, key = state
            key, now = random.split(key)
            known = fixed | {
                aged(v, k): (plates[v], index)
                for v in names for k, index in enumerate(window[v])
            }  # fmt: skip
            joined = [
                Step(v, Factor(axes, table, ps))
                for (v, axes, ps), table in zip(steps, row, strict=True)
            ]
            drawn = draw_back(joined, now, known, maximise)
            oldest = {v: aligned_to(drawn[aged(v, loop.history)], plates[v]) for v in names}
            return ({v: [*window[v][1:], oldest[v]] for v in names}, key), oldest

        stacked = {v: bnp.stack(window[v][::-1]) for v in names}
        if n > loop.history:
            _, early = lax.scan(back, (window, key), tables, reverse=True)
            stacked = {v: bnp.concatenate([early[v], stacked[v]]) for v in names}
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
