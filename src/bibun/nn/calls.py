"""Calls of functions of objects as calls of functions of arrays.

A lifted function goes in three steps. Outside, the arguments are walked: one description, the
values (`CallPlan`). Inside the transformation a copy of the objects is built from the values it
hands in, the user's function runs on the copies, and what has changed is found by comparing with
what came in (`Inside.leave`): new values of known slots, or, where objects were added or removed,
the new graph. Outside again, the caller's own objects are written to and the result is built;
an object that was an argument is itself again, wherever it appears in the result.

In the steady state of a compiled step nothing is walked: the plan is kept with the first object
among the arguments, and holds until some object changes its structure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun import tree
from bibun.nn import graph
from bibun.nn.graph import _BOX, Builder, GraphDef, Path, Walker, is_node, static
from bibun.nn.variables import Variable

_KEPT = 8  # plans of calls that an object holds


class _Leaves:
    """Stands for the holder of the arguments that are no objects."""


_LEAVES = _Leaves()


class Static:
    """An argument that is not data."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Walked:
    """What a walk over the arguments found."""

    __slots__ = ("desc", "slots", "nodes", "paths", "kinds", "owners", "version")

    desc: Any
    slots: list[Any]
    nodes: list[Any]
    paths: list[Path]
    kinds: list[Any]
    owners: list[Any]  # of each slot: the number (or name) of the argument it belongs to
    version: int


def _static(x: Any) -> bool:
    return type(x) is Static or isinstance(x, str) or callable(x)


def _walk(walker: Walker, structure: Any, leaves: Sequence[Any]) -> Any:
    """The description of a flattened tree of objects, arrays, numbers, functions and strings."""
    rows = []
    for k, x in enumerate(leaves):
        if is_node(x):
            rows.append(walker.walk(x, None, None, (), True))
        elif _static(x):
            rows.append(static(x.value if type(x) is Static else x, ()))
        else:
            walker.leaf(_LEAVES, k, ())
            rows.append(("a",))
    return ("t", structure, tuple(rows))


class CallPlan:
    """The arguments of one call: description, values, and where the values came from."""

    def __init__(self, args: Any, kwargs: Any) -> None:
        self.leaves, self.structure = tree.flatten((args, kwargs), is_leaf=is_node)
        roots = [x for x in self.leaves if is_node(x)]
        home = roots[0] if roots and not isinstance(roots[0], Variable) else None
        kept = key = None
        if home is not None:
            key = (self.structure, *(
                id(x) if is_node(x) else static(x.value if type(x) is Static else x, ())
                if _static(x) else None for x in self.leaves))  # fmt: skip
            if (plans := home._calls) is None:
                plans = {}
                object.__setattr__(home, "_calls", plans)
            kept = plans.get(key)
        if kept is None or kept.version != graph._version[0]:
            kept = self._fresh(args, kwargs)
            if home is not None:
                if len(plans) >= _KEPT:
                    plans.clear()
                plans[key] = kept
        self.walked = kept
        leaves = self.leaves
        self.values = [
            h._value if k is _BOX else leaves[k] if h is _LEAVES else h[k] for h, k in kept.slots
        ]

    def _fresh(self, args: Any, kwargs: Any) -> Walked:
        w = Walker()
        desc = _walk(w, self.structure, self.leaves)
        out = Walked()
        plan = w.plan(desc)
        graph.keep(plan)
        out.desc, out.slots, out.nodes = plan.graphdef, w.slots, w.nodes
        out.paths, out.kinds, out.version = w.paths, w.kinds, graph._version[0]
        counts = [(k, tree.structure(a, is_leaf=is_node).num_leaves) for k, a in enumerate(args)]
        counts += [(k, tree.structure(kwargs[k], is_leaf=is_node).num_leaves)
                   for k in sorted(kwargs)]  # fmt: skip
        names = [k for k, n in counts for _ in range(n)]
        out.owners = []
        for row, name in zip(desc[2], names, strict=True):
            out.owners += [name] * count(row)
        return out

    def put(self, k: int, value: Any) -> None:
        """Write a value into slot k, in the caller's object."""
        holder, key = self.walked.slots[k]
        if key is _BOX:
            holder.value = value
        elif isinstance(holder, dict):
            dict.__setitem__(holder, key, value)
        else:
            list.__setitem__(holder, key, value)

    def apply(self, outcome: Outcome) -> Any:
        """Write to the caller's objects what changed inside; the result."""
        note = outcome.note
        known = self.walked.nodes
        if not note.structural:
            for k, v in zip(note.changed, outcome.values, strict=False):
                self.put(k, v)
            if note.plain is not None:
                return note.plain.unflatten(outcome.values[len(note.changed) :])
            b = Builder(outcome.values[len(note.changed) :])
            b.nodes = list(known)
        else:
            existing = [None if k is None else known[k] for k in note.origin]
            b = Builder(outcome.values, existing)
            b.build(note.after)
        return b.build(note.out)


def count(desc: Any) -> int:
    """How many values a description has."""
    kind = desc[0]
    if kind in ("v", "a"):
        return 1
    if kind in ("s", "r"):
        return 0
    return sum(count(r[1] if kind in ("o", "d") else r) for r in desc[2])


class CallData:
    """Description and values of a call, as a pytree."""

    __slots__ = ("desc", "values")

    def __init__(self, desc: GraphDef, values: Any) -> None:
        self.desc = desc
        self.values = values


class Note:
    """What of an outcome is not data."""

    __slots__ = ("structural", "changed", "origin", "after", "out", "plain")

    structural: bool
    changed: list[int]
    origin: list[int | None]
    after: Any
    out: Any
    plain: Any  # the structure of a result without objects and static values: a quick way


class Outcome:
    """What a call changed and returned, as a pytree."""

    __slots__ = ("note", "values")

    def __init__(self, note: Note, values: Any) -> None:
        self.note = note
        self.values = values


tree.register_pytree_node(
    CallData, lambda c: (tuple(c.values), c.desc), lambda desc, values: CallData(desc, values)
)
tree.register_pytree_node(
    Outcome, lambda o: (tuple(o.values), o.note), lambda note, values: Outcome(note, list(values))
)


class Inside:
    """The copies that a lifted function works on."""

    def __init__(self, desc: GraphDef, values: Sequence[Any]) -> None:
        self.desc = desc
        self.values = list(values)
        b = Builder(self.values)
        self.args, self.kwargs = b.build(desc.desc)
        self.nodes = b.nodes

    def leave(self, out: Any) -> Outcome:
        """What has changed, and the result."""
        w = Walker()
        leaves, structure = tree.flatten((self.args, self.kwargs), is_leaf=is_node)
        for k, row in enumerate(self.desc.desc[2]):
            if row[0] == "s":  # a number, perhaps: it was not data, and is not now
                leaves[k] = Static(leaves[k])
        after = _walk(w, structure, leaves)
        n = len(w.slots)
        note = Note()
        same = len(w.nodes) == len(self.nodes) and all(
            a is b for a, b in zip(w.nodes, self.nodes, strict=True)
        )
        note.structural = not (same and after == self.desc.desc)
        out_leaves, out_structure = tree.flatten(out, is_leaf=is_node)
        start = len(w.slots)
        note.out = _walk(w, out_structure, out_leaves)
        values = [
            h._value if k is _BOX
            else h[k] if h is not _LEAVES
            else (leaves if j < n else out_leaves)[k]
            for j, (h, k) in enumerate(w.slots)
        ]  # fmt: skip
        changed = []
        if not note.structural:
            changed = [
                k
                for k in range(n)
                if values[k] is not self.values[k] and w.slots[k][0] is not _LEAVES
            ]
        if any(type(w.slots[k][0]) is list for k in changed):
            note.structural = True  # inside a tuple, which is replaced as a whole
        plain = all(r == ("a",) for r in note.out[2])
        note.plain = out_structure if plain else None
        if note.structural:
            numbers = {id(x): k for k, x in enumerate(self.nodes)}
            note.origin = [numbers.get(id(x)) for x in w.nodes]
            note.after, note.changed = after, []
        else:
            note.origin, note.after = [], None
            note.changed = changed
            values = [*(values[k] for k in note.changed), *values[start:]]
        return Outcome(note, values)


def run(f: Callable[..., Any], data: CallData) -> Outcome:
    """The pure function of a call: build, run, compare."""
    inside = Inside(data.desc, data.values)
    return inside.leave(f(*inside.args, **inside.kwargs))


def unbound(f: Callable[..., Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function, and the object it is a method of if that is a node: an argument like others."""
    owner = getattr(f, "__self__", None)
    if owner is not None and is_node(owner):
        return f.__func__, (owner,)  # type: ignore[attr-defined]
    if is_node(f):
        return type(f).__call__, (f,)
    return f, ()
