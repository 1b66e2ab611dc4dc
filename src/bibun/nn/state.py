"""States: the data of a graph as a nested mapping, and a graph taken apart and put together.

`split(model, Param, ...)` gives the description and one `State` for each filter; `merge` is its
inverse; `update(model, state)` writes values into the objects that are there. A State is a
pytree whose leaves are the arrays, so optimizers, checkpoints and transformations take it as it
is. A shared Variable is in it once, at the first place from which it is reached.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bibun import tree
from bibun.nn.filters import predicate
from bibun.nn.graph import (
    GraphDef,
    Object,
    Path,
    Plan,
    Walker,
    build,
    is_node,
    plan_of,
    structure_changed,
)
from bibun.nn.variables import Variable, make
from bibun.tree import DictKey


class State(Mapping[Any, Any]):
    """A nested mapping from names and numbers to Variables (or bare arrays).

    `state["layers"][0]["kernel"]` and `state.layers[0].kernel` are the same Variable.

    >>> from bibun import nn
    >>> state = nn.state(nn.Linear(2, 1, rngs=nn.Rngs(0)))
    >>> state.bias.value, [tuple(x.shape) for x in __import__("bibun").tree.leaves(state)]
    (Array([0.], dtype=float64), [(1,), (2, 1)])
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = ()) -> None:
        rows = dict(items)
        self._items = {k: State(v) if type(v) is dict else v for k, v in sorted(
            rows.items(), key=lambda r: (type(r[0]).__name__, r[0]))}  # fmt: skip

    def __getitem__(self, key: Any) -> Any:
        return self._items[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        old = self._items.get(key)
        if isinstance(old, Variable) and not isinstance(value, Variable):
            value = old.replace(value)
        self._items = State({**self._items, key: value})._items

    def __delitem__(self, key: Any) -> None:
        del self._items[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_items":
            raise AttributeError(name)
        if name not in self._items:
            raise AttributeError(f"this State has no {name!r}; it has {list(self._items)}")
        return self._items[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __or__(self, other: Any) -> Any:
        return merge_state(self, other)

    def __repr__(self) -> str:
        return f"State({{{', '.join(f'{k!r}: {v!r}' for k, v in self._items.items())}}})"

    # views --------------------------------------------------------------------------------------

    def flat_state(self) -> dict[Path, Any]:
        """Path to Variable, in one level."""
        return dict(_flat(self, ()))

    @classmethod
    def from_flat_path(cls, flat: Mapping[Path, Any] | Iterable[tuple[Path, Any]]) -> State:
        """The inverse of `flat_state`."""
        root: dict[Any, Any] = {}
        for path, x in dict(flat).items():
            at = root
            for key in path[:-1]:
                at = at.setdefault(key, {})
            at[path[-1]] = x
        return cls(root)

    def filter(self, *filters: Any) -> Any:
        """The part, or parts, that filters take."""
        return filter_state(self, *filters)

    def to_pure_dict(self) -> dict[Any, Any]:
        """Nested dicts of bare arrays."""
        return {
            k: v.to_pure_dict() if isinstance(v, State) else _bare(v)
            for k, v in self._items.items()
        }

    def replace_by_pure_dict(self, pure: Mapping[Any, Any]) -> None:
        """Take the values of nested dicts of arrays, in place."""
        for k, v in pure.items():
            if isinstance(v, Mapping):
                self._items[k].replace_by_pure_dict(v)
            else:
                self[k] = v


def _flat(state: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    for k, v in state.items():
        if isinstance(v, State):
            yield from _flat(v, (*path, k))
        else:
            yield (*path, k), v


def _bare(x: Any) -> Any:
    return x._value if isinstance(x, Variable) else x


def _register() -> None:
    def flat(s: State) -> Any:
        return s._items.values(), tuple(s._items)

    def pairs(s: State) -> Any:
        return ((DictKey(k), v) for k, v in s._items.items()), tuple(s._items)

    def join(keys: Any, children: Any) -> State:
        s = object.__new__(State)
        s._items = dict(zip(keys, children, strict=True))
        return s

    tree.register_pytree_node(State, flat, join, pairs)


_register()


def _entries(plan: Plan) -> Iterator[tuple[Path, Any]]:
    """(path, Variable or array) of each value; Variables are copies."""
    for path, kind, value in zip(
        plan.graphdef.paths, plan.graphdef.kinds, plan.values(), strict=True
    ):
        yield path, (value if kind is None else make(kind[0], kind[1], value))


def _sorted_out(
    entries: Iterable[tuple[Path, Any]], filters: tuple[Any, ...], complete: bool
) -> list[State]:
    predicates = [predicate(f) for f in filters]
    found: list[dict[Path, Any]] = [{} for _ in filters]
    for path, x in entries:
        for p, into in zip(predicates, found, strict=True):
            if p(path, x):
                into[path] = x
                break
        else:
            if complete:
                raise ValueError(
                    f"no filter takes {'.'.join(map(str, path))}, a {type(x).__name__}; add ... as "
                    "the last filter for all that is left"
                )
    return [State.from_flat_path(f) for f in found]


def split(node: Any, *filters: Any) -> Any:
    """The description of a graph and its state, or one state for each filter.

    The first filter that takes a Variable gets it. Errors: ValueError where none does.

    >>> from bibun import nn
    >>> graphdef, params, rest = nn.split(nn.BatchNorm(2, rngs=nn.Rngs(0)), nn.Param, ...)
    >>> list(params), list(rest)
    (['bias', 'scale'], ['mean', 'var'])
    """
    plan = plan_of(node) if is_node(node) else _tree_plan(node)
    if isinstance(node, Variable):
        raise TypeError("split takes a module; a Variable holds one value")
    states = _sorted_out(_entries(plan), filters or (...,), True)
    return (plan.graphdef, *states)


def _tree_plan(x: Any) -> Plan:
    w = Walker()
    return w.plan(w.walk(x, [x], 0, (), False))


def merge(graphdef: GraphDef, state: Any, *states: Any) -> Any:
    """A new graph of a description and the states that `split` gave.

    Errors: ValueError naming what the states lack, or have too much.
    """
    flat = merge_state(state, *states).flat_state()
    lacking = [p for p in graphdef.paths if p not in flat]
    extra = flat.keys() - set(graphdef.paths)
    if lacking or extra:
        parts = [f"they lack {_names(lacking)}"] if lacking else []
        parts += [f"the graph has no {_names(extra)}"] if extra else []
        raise ValueError(f"merge: the states do not fit the graph: {' and '.join(parts)}")
    return build(graphdef, [_bare(flat[p]) for p in graphdef.paths])


class Applied:
    """A method of a graph in pieces: called, it works on a graph put together for the call."""

    def __init__(self, graphdef: GraphDef, states: tuple[Any, ...], way: Path = ()) -> None:
        self._graphdef, self._states, self._way = graphdef, states, way

    def __getattr__(self, name: str) -> Applied:
        if name.startswith("__"):
            raise AttributeError(name)
        return Applied(self._graphdef, self._states, (*self._way, (getattr, name)))

    def __getitem__(self, key: Any) -> Applied:
        return Applied(self._graphdef, self._states, (*self._way, (operator.getitem, key)))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        whole = merge(self._graphdef, *self._states)
        method = whole
        for get, key in self._way:
            method = get(method, key)
        return method(*args, **kwargs), split(whole)


def call(graphdef_state: tuple[GraphDef, Any]) -> Applied:
    """`graphdef.apply(state)` of the pair that `split` gives.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> pair = nn.split(nn.Sequential(nn.Linear(2, 1, rngs=nn.Rngs(0))))
    >>> y, pair = nn.call(pair).layers[0](bnp.ones(2))
    """
    graphdef, *states = graphdef_state
    return graphdef.apply(*states)


def _names(paths: Iterable[Path]) -> str:
    return ", ".join(sorted(".".join(map(str, p)) for p in paths))


def merge_state(state: Any, *states: Any) -> State:
    """One state of several; the last that has a path says its value."""
    flat: dict[Path, Any] = {}
    for s in (state, *states):
        flat |= (s if isinstance(s, State) else State(s)).flat_state()
    return State.from_flat_path(flat)


def split_state(state: State, first: Any, *filters: Any) -> Any:
    """States, one a filter. Errors: ValueError where no filter takes a path."""
    parts = _sorted_out(state.flat_state().items(), (first, *filters), True)
    return tuple(parts) if filters else parts[0]


def filter_state(state: State, first: Any, *filters: Any) -> Any:
    """As `split_state`, and what no filter takes is left out."""
    parts = _sorted_out(state.flat_state().items(), (first, *filters), False)
    return tuple(parts) if filters else parts[0]


def map_state(f: Callable[[Path, Any], Any], state: State) -> State:
    """The state of `f(path, variable)` of each Variable.

    >>> from bibun import nn
    >>> state = nn.state(nn.Linear(2, 1, rngs=nn.Rngs(0)))
    >>> nn.map_state(lambda path, v: v.replace(v.value + 1), state).bias.value
    Array([1.], dtype=float64)
    """
    return State.from_flat_path({p: f(p, x) for p, x in state.flat_state().items()})


def pure(x: Any) -> Any:
    """A pytree whose Variables are what they hold: a State of bare arrays of a State.

    >>> from bibun import nn
    >>> nn.pure(nn.state(nn.Linear(2, 1, rngs=nn.Rngs(0)))).bias
    Array([0.], dtype=float64)
    """
    return tree.map(_bare, x, is_leaf=lambda v: isinstance(v, Variable))


def find_duplicates(node: Any) -> list[list[Path]]:
    """The paths of each object that is reached by several ways, the first way first.

    >>> from bibun import nn
    >>> layer = nn.Linear(2, 2, rngs=nn.Rngs(0))
    >>> nn.find_duplicates(nn.Sequential(layer, nn.tanh, layer))
    [[('layers', 0), ('layers', 2)]]
    """
    ways: dict[int, list[Path]] = {}
    stack = list(_objects(node))
    while stack:
        path, x = stack.pop()
        known = ways.setdefault(id(x), [])
        known.append(path)
        if len(known) == 1:
            stack += [((*path, *way), c) for way, c in reversed(list(_held(x)))]
    return [paths for paths in ways.values() if len(paths) > 1]


def to_flat_state(state: State) -> list[tuple[Path, Any]]:
    """(path, Variable) pairs, in order."""
    return list(state.flat_state().items())


def from_flat_state(flat: Any) -> State:
    """The inverse of `to_flat_state`."""
    return State.from_flat_path(flat)


def to_pure_dict(state: State) -> dict[Any, Any]:
    """Nested dicts of bare arrays."""
    return state.to_pure_dict()


def restore_int_paths(pure: Mapping[Any, Any]) -> dict[Any, Any]:
    """Nested dicts whose keys of digits are numbers again, after a store that has only names.

    >>> from bibun import nn
    >>> nn.restore_int_paths({"layers": {"0": 1.0}})
    {'layers': {0: 1.0}}
    """
    return {
        int(k) if isinstance(k, str) and k.isdigit() else k: (
            restore_int_paths(v) if isinstance(v, Mapping) else v)
        for k, v in pure.items()
    }  # fmt: skip


def replace_by_pure_dict(state: State, pure: Mapping[Any, Any]) -> None:
    """Take the values of nested dicts of arrays, in place."""
    state.replace_by_pure_dict(pure)


def state(node: Any, *filters: Any) -> Any:
    """The state of a graph: all of it, or the part that each filter takes.

    >>> from bibun import nn
    >>> list(nn.state(nn.BatchNorm(2, rngs=nn.Rngs(0)), nn.BatchStat))
    ['mean', 'var']
    """
    plan = plan_of(node) if is_node(node) else _tree_plan(node)
    parts = _sorted_out(_entries(plan), filters or (...,), False)
    return parts[0] if len(parts) == 1 else tuple(parts)


variables = state


def graphdef(node: Any) -> GraphDef:
    """The description of a graph."""
    return plan_of(node).graphdef


def update(node: Any, state: Any, *states: Any) -> None:
    """Write the values of states into a graph, in place.

    Errors: ValueError naming a path that the graph does not have.
    """
    plan = plan_of(node)
    place = {p: k for k, p in enumerate(plan.graphdef.paths)}
    flat = merge_state(state, *states).flat_state()
    unknown = flat.keys() - place.keys()
    if unknown:
        raise ValueError(f"update: the graph has no {_names(unknown)}")
    for path, x in flat.items():
        plan.put(place[path], _bare(x))


def pop(node: Any, *filters: Any) -> Any:
    """Take Variables out of a graph, in place; their state, one for each filter.

    >>> from bibun import nn
    >>> class Noted(nn.Module):
    ...     def __call__(self, x):
    ...         self.sow(nn.Intermediate, "seen", x)
    ...         return x
    >>> m = Noted(); _ = m(3.0)
    >>> nn.pop(m, nn.Intermediate).seen.value, nn.state(m)
    ((3.0,), State({}))
    """
    if not filters:
        raise ValueError("pop takes at least one filter: which Variables?")
    predicates = [predicate(f) for f in filters]
    found: list[dict[Path, Any]] = [{} for _ in filters]
    taken: dict[int, Any] = {}
    for path, x in list(iter_graph(node)):
        if isinstance(x, Variable):
            for p, into in zip(predicates, found, strict=True):
                if p(path, x):
                    into[path] = taken[id(x)] = x
                    break
    for _, holder in list(iter_graph(node)):
        held = holder.__dict__ if isinstance(holder, Object) else holder
        if isinstance(held, dict):
            for k in [k for k, v in held.items() if id(v) in taken]:
                structure_changed(holder)
                dict.__delitem__(held, k)
        elif isinstance(held, list) and any(id(v) in taken for v in held):
            structure_changed(holder)
            list.__setitem__(held, slice(None), [v for v in held if id(v) not in taken])
    states = [State.from_flat_path(f) for f in found]
    return states[0] if len(states) == 1 else tuple(states)


def clone(node: Any) -> Any:
    """A copy of a graph: other objects, the same arrays."""
    plan = plan_of(node)
    return build(plan.graphdef, plan.values())


def _objects(x: Any) -> Iterator[tuple[Path, Any]]:
    """An object by the empty way, or those that a pytree is of, by the ways to them."""
    if is_node(x):
        yield (), x
    elif x is not None and not tree.all_leaves([x], is_node):
        for p, c in tree.leaves_with_path(x, is_leaf=is_node):
            if is_node(c):
                yield tuple([k.idx if hasattr(k, "idx") else k.simple() for k in p]), c


def _held(x: Any) -> Iterator[tuple[Path, Any]]:
    """The objects that an object holds, itself or in pytrees, by the ways to them."""
    if isinstance(x, Variable):
        return
    rows: Any = enumerate(x) if isinstance(x, list) else (
        x if isinstance(x, dict) else x.__dict__).items()  # fmt: skip
    for k, c in rows:
        for way, found in _objects(c):
            yield (k, *way), found


def iter_graph(node: Any) -> Iterator[tuple[Path, Any]]:
    """(path, object) of all objects of a graph, each once, children before their parents."""
    seen: set[int] = set()

    def visit(x: Any, path: Path) -> Iterator[tuple[Path, Any]]:
        if id(x) not in seen:
            seen.add(id(x))
            for way, c in _held(x):
                yield from visit(c, (*path, *way))
            yield path, x

    for way, x in _objects(node):
        yield from visit(x, way)


def iter_modules(node: Any) -> Iterator[tuple[Path, Any]]:
    """(path, module) of all modules of a graph, children before their parents."""
    from bibun.nn.module import Module

    return ((p, x) for p, x in iter_graph(node) if isinstance(x, Module))


def iter_children(node: Any) -> Iterator[tuple[Any, Any]]:
    """(name, module) of the modules that are attributes of a module."""
    from bibun.nn.module import Module

    return ((k, x) for k, x in sorted(vars(node).items()) if isinstance(x, Module))
