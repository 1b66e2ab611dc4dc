"""Objects as data: a graph of modules is a static description and a flat list of values.

A module refers to others, to Variables, to arrays, to numbers and functions; the same Variable may
be reached by two ways and must stay one. `walk` goes once through the graph, gives each object a
number, writes down everything that is not an array as one nested tuple (`GraphDef`), and
notes where each value sits (a *slot*). `build` goes back. All else rests on these two: a module
is a pytree whose children are the values, `split` sorts the values by kind, and transformations
(`lift.py`) rebuild a copy inside and carry what changed back out.

The description is compared and hashed at every call of a compiled function, and walking costs
Python time for each attribute. So a `Plan` (description and slots) is kept with the root for as
long as no planned object has changed its structure: `Object.__setattr__` and the containers
count such changes, in one number for the process. What then remains of a call is reading slots.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from bibun import tree
from bibun.nn.variables import Variable, is_array, make, metadata_key
from bibun.tree import GetAttrKey, KeyEntry, SequenceKey

Path = tuple[Any, ...]
_version = [0]  # changes of structure of objects that are in some plan
SCALARS = (bool, int, float, complex)


def structure_changed(x: Any) -> None:
    """An object's attributes are other ones now: plans that it is part of are void."""
    if x._planned:
        _version[0] += 1


class Object:
    """Base of all that is a node of a graph: modules, random streams, optimizers, metrics."""

    __slots__ = ("_planned", "_plan", "_calls", "__dict__", "__weakref__")
    __bibun_state__ = True  # for `bibun.jit`: all that it is, is in its tree

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = object.__new__(cls)
        object.__setattr__(self, "_planned", False)
        object.__setattr__(self, "_plan", None)
        object.__setattr__(self, "_calls", None)
        return self

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register_node(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__
        if type(value) in (list, dict):
            value = contain(value)
        if not (is_array(value) and is_array(held.get(name))):
            structure_changed(self)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        structure_changed(self)
        object.__delattr__(self, name)

    def __getstate__(self) -> Any:
        return dict(self.__dict__)

    def __setstate__(self, saved: dict[str, Any]) -> None:
        structure_changed(self)
        self.__dict__.update(saved)


class List(list):
    """A list that is part of a graph: of modules, Variables, arrays, numbers.

    A plain list assigned to an attribute of a module becomes one.
    """

    __slots__ = ("_planned", "_plan", "_calls", "__weakref__")

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(map(contain, items))
        self._planned = False
        self._plan: Any = None
        self._calls: Any = None

    def __reduce__(self) -> Any:
        return type(self), (list(self),)

    def __setitem__(self, k: Any, x: Any) -> None:
        structure_changed(self)
        super().__setitem__(k, [*map(contain, x)] if isinstance(k, slice) else contain(x))

    def append(self, x: Any) -> None:
        structure_changed(self)
        super().append(contain(x))

    def insert(self, k: Any, x: Any) -> None:
        structure_changed(self)
        super().insert(k, contain(x))

    def extend(self, items: Iterable[Any]) -> None:
        structure_changed(self)
        super().extend(map(contain, items))

    def __iadd__(self, items: Iterable[Any]) -> Any:
        self.extend(items)
        return self

    __hash__ = object.__hash__  # type: ignore[assignment]


class Dict(dict):
    """A dict that is part of a graph; `d.name` is `d["name"]`.

    A plain dict assigned to an attribute of a module becomes one. Keys are strings and numbers.
    """

    __slots__ = ("_planned", "_plan", "_calls", "__weakref__")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__({k: contain(v) for k, v in dict(*args, **kwargs).items()})
        object.__setattr__(self, "_planned", False)
        object.__setattr__(self, "_plan", None)
        object.__setattr__(self, "_calls", None)

    def __reduce__(self) -> Any:
        return type(self), (dict(self),)

    def __setitem__(self, k: Any, x: Any) -> None:
        structure_changed(self)
        super().__setitem__(k, contain(x))

    def update(self, *args: Any, **kwargs: Any) -> None:
        for k, v in dict(*args, **kwargs).items():
            self[k] = v

    def setdefault(self, k: Any, default: Any = None) -> Any:
        if k not in self:
            self[k] = default
        return self[k]

    def __ior__(self, other: Any) -> Any:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self:
            raise AttributeError(f"this Dict has no {name!r}; it has {list(self)}")
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    __hash__ = object.__hash__  # type: ignore[assignment]


def _counting(cls: type, *names: str) -> None:
    """Methods that change a container and take nothing in count the change."""

    def counting(do: Any) -> Any:
        @functools.wraps(do)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            structure_changed(self)
            return do(self, *args, **kwargs)

        return method

    for name in names:
        setattr(cls, name, counting(getattr(cls.__base__, name)))


_counting(List, "pop", "remove", "clear", "reverse", "sort", "__delitem__", "__imul__")
_counting(Dict, "pop", "popitem", "clear", "__delitem__")


def contain(x: Any) -> Any:
    """Plain lists and dicts as `List` and `Dict`; all else as it is."""
    if type(x) is list:
        return List(x)
    return Dict(x) if type(x) is dict else x


NODES = (Object, Variable, List, Dict)


def is_node(x: Any) -> bool:
    return isinstance(x, NODES)


class GraphDef:
    """All of a graph that is not data: classes, names, static attributes, who shares what.

    Hashable and comparable; `paths` tells where each value of the graph sits.
    """

    __slots__ = ("desc", "paths", "kinds", "entries", "_hash")

    def __init__(self, desc: Any, paths: Sequence[Path], kinds: Sequence[Any]) -> None:
        self.desc = desc
        self.paths = tuple(paths)
        self.kinds = tuple(kinds)  # of each value: (class, metadata) of its Variable, or None
        self.entries = tuple(map(_PathKey, self.paths))
        self._hash = hash(desc)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is GraphDef and self._hash == other._hash and self.desc == other.desc
        )

    def apply(self, state: Any, *states: Any) -> Any:
        """Methods of the graph of these states, as functions: (result, (description, state)).

        >>> from bibun import nn
        >>> import bibun.numpy as bnp
        >>> graphdef, state = nn.split(nn.BatchNorm(1, momentum=0.5, rngs=nn.Rngs(0)))
        >>> y, (graphdef, new) = graphdef.apply(state)(bnp.array([[1.0], [3.0]]))
        >>> state.mean.value, new.mean.value
        (Array([0.], dtype=float64), Array([1.], dtype=float64))
        """
        from bibun.nn.state import Applied

        return Applied(self, (state, *states))

    def __repr__(self) -> str:
        rows = ", ".join(
            f"{str(k)}: {kind[0].__name__ if kind else 'array'}"
            for k, kind in zip(self.entries, self.kinds, strict=True)
        )
        return f"GraphDef({rows})"


def _PathKey(path: Path) -> KeyEntry:  # noqa: N802  (makes a key)
    """The key of a value in a module's pytree: the whole way to it."""
    if len(path) == 1:
        return GetAttrKey(path[0]) if isinstance(path[0], str) else SequenceKey(path[0])
    return GetAttrKey(".".join(map(str, path))) if path else GetAttrKey("value")


class Plan:
    """A walked graph: its description, the slots of its values, its objects by number."""

    __slots__ = ("graphdef", "slots", "nodes", "version")

    def __init__(self, graphdef: GraphDef, slots: list[Any], nodes: list[Any]) -> None:
        self.graphdef = graphdef
        self.slots = slots  # (holder, key): a Variable and None, or a mapping or list and its key
        self.nodes = nodes
        self.version = _version[0]

    def values(self) -> list[Any]:
        return [h._value if k is _BOX else h[k] for h, k in self.slots]

    def put(self, k: int, value: Any) -> None:
        """Write a value into slot k."""
        holder, key = self.slots[k]
        if key is _BOX:
            holder.value = value
        elif isinstance(holder, dict):
            dict.__setitem__(holder, key, value)
        elif isinstance(holder, List):
            list.__setitem__(holder, key, value)
        else:  # inside a tuple, which is replaced as a whole
            values = self.values()
            values[k] = value
            Builder(values, self.nodes).build(self.graphdef.desc)


_BOX = object()


class Walker:
    """One walk, over one or several roots that may share objects."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.nodes: list[Any] = []
        self.slots: list[Any] = []
        self.paths: list[Path] = []
        self.kinds: list[Any] = []

    def leaf(self, holder: Any, key: Any, path: Path, kind: Any = None) -> None:
        self.slots.append((holder, key))
        self.paths.append(path)
        self.kinds.append(kind)

    def walk(self, x: Any, holder: Any, key: Any, path: Path, inside: bool) -> Any:
        """The description of x, at `holder[key]`; `inside` an object, numbers are static."""
        if is_node(x):
            known = self.seen.get(id(x))
            if known is not None:
                return ("r", known)
            self.seen[id(x)] = len(self.nodes)
            self.nodes.append(x)
            cls = type(x)
            if isinstance(x, Variable):
                metadata = tuple([(k, static(v, path)) for k, v in metadata_key(x._metadata)])
                self.leaf(x, _BOX, path, (cls, x._metadata))
                return ("v", cls, metadata)
            if isinstance(x, List):
                return ("l", cls, tuple(self.walk(c, x, k, (*path, k), True)
                                        for k, c in enumerate(x)))  # fmt: skip
            held = x if isinstance(x, Dict) else x.__dict__
            names = sorted(held, key=lambda n: (type(n).__name__, n))
            rows = tuple((n, self.walk(held[n], held, n, (*path, n), True)) for n in names)
            return ("d" if held is x else "o", cls, rows)
        if is_array(x):
            self.leaf(holder, key, path)
            return ("a",)
        if type(x) in SCALARS:
            if inside:
                return static(x, path)
            self.leaf(holder, key, path)
            return ("a",)
        if x is not None and not tree.all_leaves([x], is_node):
            return self.subtree(x, path, inside)
        if inside or x is None or isinstance(x, str) or callable(x):
            return static(x, path)
        self.leaf(holder, key, path)
        return ("a",)

    def subtree(self, x: Any, path: Path, inside: bool) -> Any:
        """A container of no kind of ours: a tuple, a named tuple, a registered class."""
        pairs, structure = tree.flatten_with_path(x, is_leaf=is_node)
        children = [c for _, c in pairs]
        paths = [(*path, *(k.simple() if not isinstance(k, SequenceKey) else k.idx for k in p))
                 for p, _ in pairs]  # fmt: skip
        rows = tuple(
            self.walk(c, children, k, p, inside)
            for k, (c, p) in enumerate(zip(children, paths, strict=True))
        )
        return ("t", structure, rows)

    def plan(self, desc: Any) -> Plan:
        return Plan(GraphDef(desc, self.paths, self.kinds), self.slots, self.nodes)


def static(x: Any, path: Path) -> Any:
    """The description of a value that is not data: equal only for what is the same."""
    if type(x) is float:
        return ("s", float, repr(x))
    try:
        hash(x)
    except TypeError:
        where = ".".join(map(str, path)) or "the top"
        raise TypeError(
            f"the attribute {where} is a {type(x).__name__}, which is neither data (arrays, "
            "Variables, modules, pytrees of these) nor hashable, so it cannot be told whether it "
            "has changed. Make it an array, a tuple, or a registered pytree"
        ) from None
    return ("s", type(x), x)


def plan_of(root: Any) -> Plan:
    """The plan of an object, kept with it as long as it holds."""
    kept = getattr(root, "_plan", None)
    if kept is not None and kept.version == _version[0]:
        return kept
    w = Walker()
    desc = w.walk(root, None, None, (), True)
    made = w.plan(desc)
    keep(made, root)
    return made


def keep(plan: Plan, root: Any = None) -> None:
    """From now on, changes of the plan's objects are counted; a root holds its plan."""
    for x in plan.nodes:
        if not isinstance(x, Variable):
            object.__setattr__(x, "_planned", True)
    if root is not None and not isinstance(root, Variable):
        object.__setattr__(root, "_plan", plan)


class Builder:
    """Rebuilds what a Walker walked. `existing[k]`: the object to fill in as number k, or None."""

    def __init__(self, values: Iterable[Any], existing: Sequence[Any] = ()) -> None:
        self.values = iter(values)
        self.existing = existing
        self.nodes: list[Any] = []
        self.slots: list[Any] = []

    def made(self, cls: type) -> Any:
        k = len(self.nodes)
        x = self.existing[k] if k < len(self.existing) else None
        if x is None:
            x = cls.__new__(cls)
            if cls is not Object and not issubclass(cls, Object):
                x.__init__()
        self.nodes.append(x)
        return x

    def build(self, desc: Any, holder: Any = None, key: Any = None) -> Any:
        kind = desc[0]
        if kind == "v":
            _, cls, metadata = desc
            k = len(self.nodes)
            x = self.existing[k] if k < len(self.existing) else None
            value = next(self.values)
            if x is None:
                x = make(cls, {n: restored(v) for n, v in metadata}, value)
            elif x._value is not value:
                x.value = value
            self.nodes.append(x)
            self.slots.append((x, _BOX))
            return x
        if kind == "a":
            self.slots.append((holder, key))
            return next(self.values)
        if kind == "s":
            return restored(desc)
        if kind == "r":
            return self.nodes[desc[1]]
        if kind == "t":
            children: list[Any] = []
            for k, c in enumerate(desc[2]):
                children.append(self.build(c, children, k))
            return desc[1].unflatten(children)
        _, cls, rows = desc
        x = self.made(cls)
        structure_changed(x)
        if kind == "l":
            items: list[Any] = []
            for k, c in enumerate(rows):
                items.append(self.build(c, x, k))
            list.__setitem__(x, slice(None), items)
            return x
        held = x if kind == "d" else x.__dict__
        dict.clear(held)
        for n, c in rows:
            dict.__setitem__(held, n, self.build(c, held, n))
        return x


def restored(desc: Any) -> Any:
    return float(desc[2]) if desc[1] is float else desc[2]


def build(graphdef: GraphDef, values: Iterable[Any]) -> Any:
    """The graph of a description with these values; its plan comes with it."""
    b = Builder(values)
    root = b.build(graphdef.desc)
    keep(Plan(graphdef, b.slots, b.nodes), root)
    return root


def register_node(cls: type) -> None:
    """Make a class of objects a pytree node: its children are the values of its whole graph."""

    def pairs(x: Any) -> tuple[Any, GraphDef]:
        plan = plan_of(x)
        return zip(plan.graphdef.entries, plan.values(), strict=True), plan.graphdef

    def flat(x: Any) -> tuple[Any, GraphDef]:
        plan = plan_of(x)
        return plan.values(), plan.graphdef

    tree.register_pytree_node(cls, flat, build, pairs)


register_node(Object)
register_node(List)
register_node(Dict)
