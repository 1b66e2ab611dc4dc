"""What a compiled method read of its objects is part of its key."""

from __future__ import annotations

import dataclasses
import types
from functools import cached_property, partial
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import grad, jit, tree, vmap


class Line:
    def __init__(self, slope: float) -> None:
        self.slope = slope


class Model:
    def __init__(self) -> None:
        self.c = 2.0
        self.line = Line(3.0)
        self.options = {"power": 2}
        self.sizes = [1, 2]
        self.table = np.array([1.0, 2.0])

    @partial(jit, static_argnums=0)
    def f(self, x: Any) -> Any:
        return self.c * x

    @partial(jit, static_argnums=0)
    def outer(self, x: Any) -> Any:
        return vmap(grad(self.f))(x)

    @partial(jit, static_argnums=0)
    def deep(self, x: Any) -> Any:
        return self.line.slope * x ** self.options["power"] + sum(self.sizes)

    @partial(jit, static_argnums=0)
    def reads_table(self, x: Any) -> Any:
        return bnp.sum(self.table * x)


def test_attribute() -> None:
    m = Model()
    assert float(m.f(1.0)) == 2.0
    m.c = 5.0
    assert float(m.f(1.0)) == 5.0
    m.c = 2.0
    traces = len(Model.f.history)
    assert float(m.f(1.0)) == 2.0
    assert len(Model.f.history) == traces  # the first trace is good again
    assert "the attribute Model.c changed" in Model.f.explain()


def test_a_method_called_by_a_compiled_method() -> None:
    m = Model()
    x = np.ones(2)
    for c in (2.0, 7.0, 2.0, 8.0):
        m.c = c
        assert np.array_equal(m.outer(x), [c, c])


def test_a_method_called_by_a_compiled_function() -> None:
    m = Model()
    f = jit(lambda x: m.f(x) + 1)
    for c in (2.0, 7.0, 2.0):
        m.c = c
        assert float(f(1.0)) == c + 1
        assert float(jit(grad(m.f))(1.0)) == c


def test_paths_and_containers() -> None:
    m = Model()
    assert float(m.deep(2.0)) == 3 * 4 + 3
    m.line.slope = 1.0
    assert float(m.deep(2.0)) == 4 + 3
    m.options["power"] = 3
    assert float(m.deep(2.0)) == 8 + 3
    m.sizes.append(4)
    assert float(m.deep(2.0)) == 8 + 7
    m.line = Line(10.0)
    assert float(m.deep(2.0)) == 80 + 7
    traces = len(Model.deep.history)
    m.line = Line(10.0)  # another object that says the same: its identity is not known yet
    assert float(m.deep(2.0)) == 80 + 7
    assert len(Model.deep.history) <= traces + 1


def test_bound_methods_and_partials() -> None:
    m = Model()

    class Plain:
        c = 1.0

        def __init__(self) -> None:
            self.k = 2.0

        def g(self, x: Any) -> Any:
            return self.k * x

    p = Plain()
    f = jit(p.g)
    assert float(f(3.0)) == 6.0
    p.k = 5.0
    assert float(f(3.0)) == 15.0
    assert type(p) is Plain  # its class is its own again
    assert type(m) is Model


def test_arrays_are_known_by_identity() -> None:
    m = Model()
    assert float(m.reads_table(1.0)) == 3.0
    m.table = np.array([5.0, 6.0])
    assert float(m.reads_table(1.0)) == 11.0


def test_class_is_restored_after_an_error() -> None:
    class Bad:
        def __init__(self) -> None:
            self.n = 1
            self.line = Line(1.0)

        @partial(jit, static_argnums=0)
        def f(self, x: Any) -> Any:
            raise ValueError(str(self.line.slope + self.n))

    b = Bad()
    with pytest.raises(ValueError, match="2.0"):
        b.f(1.0)
    assert type(b) is Bad
    assert type(b.line) is Line


def test_jitted_functions_in_attributes_do_not_retrace() -> None:
    class Holder:
        def __init__(self) -> None:
            self.step = jit(lambda x: x + 1)

        @partial(jit, static_argnums=0)
        def f(self, x: Any) -> Any:
            return self.step(x) * 2

    h = Holder()
    for _ in range(5):
        assert float(h.f(1.0)) == 4.0
    assert len(Holder.f.history) == 1
    assert bibun.Array is not None


class OwnSetattr:
    def __init__(self) -> None:
        self.k = 2.0

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def g(self, x: Any) -> Any:
        return self.k * x


class Slots:
    __slots__ = ("k",)

    def __init__(self) -> None:
        self.k = 2.0

    def g(self, x: Any) -> Any:
        return self.k * x


class Properties:
    def __init__(self) -> None:
        self._k = 2.0

    @property
    def k(self) -> float:
        return self._k

    @k.setter
    def k(self, value: float) -> None:
        self._k = value

    @cached_property
    def root(self) -> Any:
        return self.k

    def g(self, x: Any) -> Any:
        return self.k * x


@dataclasses.dataclass
class Data:
    k: float = 2.0

    def g(self, x: Any) -> Any:
        return self.k * x


@dataclasses.dataclass(frozen=True)
class Frozen:
    k: float = 2.0

    def g(self, x: Any) -> Any:
        return self.k * x


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlots:
    k: float = 2.0

    def g(self, x: Any) -> Any:
        return self.k * x


class InClass:
    k = 2.0

    def g(self, x: Any) -> Any:
        return self.k * x


class Maybe:
    def g(self, x: Any) -> Any:
        return getattr(self, "k", 2.0) * x


class Answers:
    """An attribute that `__getattr__` makes of another."""

    def __init__(self) -> None:
        self.table = {"k": 2.0}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.table[name]

    def g(self, x: Any) -> Any:
        return self.k * x


class Refuses:
    """A class that allows no subclass: it is held whole."""

    def __init__(self) -> None:
        self.k = 2.0
        self.line = Line(1.0)

    def __init_subclass__(cls) -> None:
        raise RuntimeError("final")

    def g(self, x: Any) -> Any:
        return self.k * self.line.slope * x


@tree.register_pytree_node_class
class Node:
    """A pytree node: its class must stay, or it would be a leaf in its own methods."""

    def __init__(self, k: Any) -> None:
        self.k = k

    def tree_flatten(self) -> Any:
        return (self.k,), None

    @classmethod
    def tree_unflatten(cls, _: Any, children: Any) -> Any:
        return cls(*children)

    def g(self, x: Any) -> Any:
        return tree.reduce(lambda a, b: a + b, tree.map(lambda v: v * x, self))


OBJECTS = [
    OwnSetattr, Slots, Properties, Data, Frozen, FrozenSlots, InClass, Maybe, Answers, Refuses,
    lambda: Node(2.0),
]  # fmt: skip


@pytest.mark.parametrize("make", OBJECTS)
def test_objects_of_all_kinds(make: Any) -> None:
    p = make()
    cls = type(p)
    f = jit(p.g)
    derivative = jit(grad(p.g))
    assert float(f(3.0)) == 6.0
    assert float(f(3.0)) == 6.0
    assert len(f.history) == 1
    assert float(derivative(3.0)) == 2.0
    if make is Answers:
        p.table["k"] = 5.0
    else:
        object.__setattr__(p, "k", 5.0)
    assert float(f(3.0)) == 15.0
    assert float(f(3.0)) == 15.0
    assert float(derivative(3.0)) == 5.0
    assert len(f.history) == 2
    assert type(p) is cls


@pytest.mark.parametrize("make", OBJECTS)
def test_objects_in_attributes(make: Any) -> None:
    class Holder:
        def __init__(self) -> None:
            self.parts = {"first": [make()]}

        def h(self, x: Any) -> Any:
            return self.parts["first"][0].g(x) + 1

    holder = Holder()
    part = holder.parts["first"][0]
    f = jit(holder.h)
    assert float(f(3.0)) == 7.0
    if make is Answers:
        part.table["k"] = 5.0
    else:
        object.__setattr__(part, "k", 5.0)
    assert float(f(3.0)) == 16.0
    assert float(f(3.0)) == 16.0
    assert len(f.history) == 2


def test_an_object_held_whole_has_its_objects_watched() -> None:
    p = Refuses()
    f = jit(p.g)
    assert float(f(3.0)) == 6.0
    p.line.slope = 2.0
    assert float(f(3.0)) == 12.0
    p.line = Line(3.0)
    assert float(f(3.0)) == 18.0
    assert "Refuses.line" in f.explain()


def test_an_attribute_that_was_not_there() -> None:
    p = Maybe()
    f = jit(p.g)
    assert float(f(3.0)) == 6.0
    p.k = 5.0  # type: ignore[attr-defined]
    assert float(f(3.0)) == 15.0
    del p.k  # type: ignore[attr-defined]
    assert float(f(3.0)) == 6.0
    assert len(f.history) == 2


def test_data_of_the_class() -> None:
    class Counted(InClass):
        pass

    p = Counted()
    f = jit(p.g)
    assert float(f(3.0)) == 6.0
    Counted.k = 4.0
    assert float(f(3.0)) == 12.0
    p.k = 5.0  # hides it
    assert float(f(3.0)) == 15.0


def test_an_object_that_can_be_called_and_partials_of_methods() -> None:
    class Callable:
        def __init__(self) -> None:
            self.k = 2.0

        def __call__(self, x: Any, y: Any = 1.0) -> Any:
            return self.k * x * y

    p = Callable()
    functions = [jit(p), jit(partial(p.__call__, y=1.0)), jit(vmap(p))]
    x = np.array([3.0])
    assert [float(f(x)[0]) for f in functions] == [6.0] * 3
    p.k = 5.0
    assert [float(f(x)[0]) for f in functions] == [15.0] * 3


def test_simple_namespaces() -> None:
    class Holder:
        def __init__(self) -> None:
            self.options = types.SimpleNamespace(k=2.0)

        def h(self, x: Any) -> Any:
            return self.options.k * x

    holder = Holder()
    f = jit(holder.h)
    assert float(f(3.0)) == 6.0
    holder.options.k = 5.0
    assert float(f(3.0)) == 15.0
