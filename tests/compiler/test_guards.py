"""What a compiled method read of its objects is part of its key."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import grad, jit, vmap


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
