"""Control flow over functions that change modules: `cond`, `switch`, `while_loop`, `fori_loop`.

A branch, or a step of a loop, works on copies of its modules, as under every transformation of
`lift.py`. What any branch changes all of them return; what a step changes is carried to the next
one, and what it leaves alone (the parameters, mostly) is not carried at all. So each is
tried once on shapes alone before it runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import bibun
from bibun import lax, tree
from bibun import numpy as bnp
from bibun.nn.calls import _LEAVES, CallData, CallPlan, Inside, Outcome, run, unbound
from bibun.nn.graph import is_node
from bibun.nn.lift import unstructural


class _Owned:
    """Functions, and the modules that some of them are methods of, as further arguments."""

    def __init__(self, functions: Sequence[Callable[..., Any]]) -> None:
        self.owners: list[Any] = []
        self.functions = []
        for f in functions:
            fun, owner = unbound(f)
            self.functions.append(self._taking(fun, len(self.owners), len(owner)))
            self.owners += owner

    def _taking(self, fun: Callable[..., Any], first: int, count: int) -> Callable[..., Any]:
        def taking(*args: Any, lead: tuple[Any, ...] = ()) -> Any:
            n = len(self.owners)
            return fun(*args[first : first + count], *lead, *args[n:])

        return taking


def _branches(name: str, choose: Callable[..., Any], branches: Sequence[Callable[..., Any]],
              operands: Sequence[Any]) -> Any:  # fmt: skip
    owned = _Owned(branches)
    plan = CallPlan((*owned.owners, *operands), {})
    desc = plan.walked.desc
    data = CallData(desc, plan.values)
    probes = [bibun.eval_shape(functools.partial(run, f), data) for f in owned.functions]
    notes = [unstructural(p.note, name) for p in probes]
    if any(note.out != notes[0].out for note in notes):
        raise TypeError(
            f"{name}: the branches return different things: "
            + "; ".join(f"{note.out[1]}" for note in notes)
        )
    changed = sorted({k for note in notes for k in note.changed})

    def branch(f: Callable[..., Any]) -> Callable[..., Any]:
        def pure(values: list[Any]) -> Any:
            outcome = run(f, CallData(desc, values))
            own = outcome.note.changed
            new = dict(zip(own, outcome.values, strict=False))
            return [new.get(k, values[k]) for k in changed], outcome.values[len(own) :]

        return pure

    new, outs = choose([branch(f) for f in owned.functions], plan.values)
    notes[0].changed = changed
    return plan.apply(Outcome(notes[0], [*new, *outs]))


def cond(
    pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any
) -> Any:
    """`lax.cond` of functions of modules: one of them is called, and what it changes comes out.

    Errors: TypeError where they return different things, ValueError where one adds or removes
    objects; as `lax.cond`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> counter = nn.Dict(n=nn.Variable(bnp.zeros((), int)))
    >>> def up(c): c.n.value += 1; return c.n.value
    >>> nn.cond(bnp.array(True), up, lambda c: c.n.value, counter), counter.n.value
    (Array(1, dtype=int64), Array(1, dtype=int64))
    """
    choose = lambda fs, values: lax.cond(pred, fs[0], fs[1], values)  # noqa: E731
    return _branches("cond", choose, (true_fun, false_fun), operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`lax.switch` of functions of modules; see `nn.cond`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> layers = [nn.Linear(2, 2, rngs=nn.Rngs(k)) for k in range(3)]
    >>> nn.switch(1, layers, bnp.ones(2)).shape
    (2,)
    """
    choose = lambda fs, values: lax.switch(index, fs, values)  # noqa: E731
    return _branches("switch", choose, branches, operands)


class _Loop:
    """A step `f(*lead, val)` that returns val again, with the modules it got."""

    def __init__(self, name: str, functions: Sequence[Callable[..., Any]], init_val: Any,
                 lead: tuple[Any, ...]) -> None:  # fmt: skip
        self.name = name
        self.owned = _Owned(functions)
        self.plan = plan = CallPlan((*self.owned.owners, init_val), {})
        self.leaves, self.structure = tree.flatten(init_val, is_leaf=is_node)
        slots = plan.walked.slots
        self.own = [k for k, (holder, _) in enumerate(slots) if holder is _LEAVES]
        probe = bibun.eval_shape(lambda lead, data: self._step(lead, data)[0], lead,
                                 CallData(plan.walked.desc, plan.values))  # fmt: skip
        self.changed = unstructural(probe.note, name).changed
        self.carried = [*self.own, *self.changed]

    def _step(self, lead: tuple[Any, ...], data: CallData) -> tuple[Outcome, list[Any]]:
        """What the step changed, and the arrays of the val that it returned."""
        inside = Inside(data.desc, data.values)
        out = self.owned.functions[-1](*inside.args, lead=lead)
        before = tree.flatten(inside.args[-1], is_leaf=is_node)[0]
        after, structure = tree.flatten(out, is_leaf=is_node)
        if structure != self.structure:
            raise TypeError(
                f"{self.name}: the value came in as {self.structure} and went out as {structure}"
            )
        for old, new in zip(before, after, strict=True):
            if (is_node(old) or is_node(new)) and old is not new:
                raise TypeError(
                    f"{self.name}: a step must return the modules that it got, at their places; "
                    f"it returned {type(new).__name__} for {type(old).__name__}"
                )
        first = len(self.plan.leaves) - len(after)
        arrays = [after[self.plan.walked.slots[k][1] - first] for k in self.own]
        return inside.leave(None), arrays

    def values(self, carry: Sequence[Any]) -> list[Any]:
        values = list(self.plan.values)
        for k, v in zip(self.carried, carry, strict=True):
            values[k] = v
        return values

    def body(self, lead: tuple[Any, ...], carry: list[Any]) -> list[Any]:
        values = self.values(carry)
        outcome, arrays = self._step(lead, CallData(self.plan.walked.desc, values))
        new = dict(zip(outcome.note.changed, outcome.values, strict=False))
        return [*arrays, *(new.get(k, values[k]) for k in self.changed)]

    def holds(self, carry: list[Any]) -> Any:
        """Whether the loop goes on: the first of the functions, which must change nothing."""
        inside = Inside(self.plan.walked.desc, self.values(carry))
        found = self.owned.functions[0](*inside.args)
        note = inside.leave(None).note
        if note.structural or note.changed:
            raise ValueError(f"{self.name}: the condition changes a module")
        return found

    def start(self) -> list[Any]:
        return [self.plan.values[k] for k in self.carried]

    def end(self, carry: Sequence[Any]) -> Any:
        """Write what has changed; the last value."""
        slots = self.plan.walked.slots
        leaves = list(self.leaves)
        first = len(self.plan.leaves) - len(leaves)
        for k, v in zip(self.carried, carry, strict=True):
            if slots[k][0] is _LEAVES:
                leaves[slots[k][1] - first] = v
            else:
                self.plan.put(k, v)
        return self.structure.unflatten(leaves)


def while_loop(
    cond_fun: Callable[..., Any], body_fun: Callable[..., Any], init_val: Any
) -> Any:
    """`lax.while_loop` whose value holds modules: what a step changes in them, the next one sees.

    The step returns the modules that it got. Errors: TypeError where it returns another
    structure, ValueError where it adds or removes objects; as `lax.while_loop`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> counter = nn.Dict(n=nn.Variable(bnp.zeros((), int)))
    >>> def step(val): c, x = val; c.n.value += 1; return c, 2 * x
    >>> _, x = nn.while_loop(lambda val: val[1] < 100, step, (counter, 1.0))
    >>> float(x), counter.n.value
    (128.0, Array(7, dtype=int64))
    """
    loop = _Loop("while_loop", (cond_fun, body_fun), init_val, ())
    return loop.end(
        lax.while_loop(loop.holds, functools.partial(loop.body, ()), loop.start())
    )


def fori_loop(
    lower: Any, upper: Any, body_fun: Callable[..., Any], init_val: Any, *, unroll: Any = None
) -> Any:
    """`lax.fori_loop` of `body_fun(i, val)` whose value holds modules; see `nn.while_loop`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> layer = nn.Linear(2, 2, rngs=nn.Rngs(0))
    >>> _, x = nn.fori_loop(0, 3, lambda i, val: (val[0], val[0](val[1])), (layer, bnp.ones(2)))
    >>> bool(bnp.allclose(x, layer(layer(layer(bnp.ones(2))))))
    True
    """
    loop = _Loop("fori_loop", (body_fun,), init_val, (bnp.asarray(0),))
    step = lambda i, carry: loop.body((i,), carry)  # noqa: E731
    return loop.end(lax.fori_loop(lower, upper, step, loop.start(), unroll=unroll))
