"""What a jitted function is given, and what is done with it, when a user errs."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import grad, jit, vmap
from bibun.errors import LeakedTracerError


class Model:
    def __init__(self, slope: float) -> None:
        self.slope = slope
        self.compiled = jit(self.line)

    def line(self, x: Any) -> Any:
        return self.slope * x

    @jit
    def bare(self, x: Any) -> Any:
        return x


@jit
def doubled(x: Any) -> Any:
    return 2 * x


def test_an_object_that_is_no_array_is_told_of_static_arguments() -> None:
    for call in (Model(1.0).bare, grad(Model(1.0).bare), jit(Model(1.0).bare)):
        with pytest.raises(TypeError, match=r"bare[\s\S]*Model[\s\S]*; 0 for the self"):
            call(1.0)


def test_static_arguments_that_the_function_does_not_have() -> None:
    with pytest.raises(ValueError, match=r"static arguments 3 .*\(x, y\)"):
        jit(lambda x, y: x, static_argnums=3)
    with pytest.raises(ValueError, match="'n'"):
        jit(lambda x: x, static_argnames="n")
    assert float(jit(lambda *xs: xs[0], static_argnums=4)(1.0)) == 1.0
    assert float(jit(lambda x, **options: x, static_argnames="n")(1.0, n="a")) == 1.0
    assert float(jit(lambda x, n: x, static_argnums=-1)(1.0, "a")) == 1.0


def test_a_jitted_function_is_pickled_and_copied_by_its_name() -> None:
    doubled(1.0)  # compiled: holds native memory
    assert pickle.loads(pickle.dumps(doubled)) is doubled
    assert copy.deepcopy(doubled) is doubled


def test_a_copied_object_has_its_own_jitted_method() -> None:
    first = Model(2.0)
    assert float(first.compiled(1.0)) == 2.0
    second = copy.deepcopy(first)
    second.slope = 3.0
    assert float(second.compiled(1.0)) == 3.0 and float(first.compiled(1.0)) == 2.0
    layer = bibun.nn.Linear(2, 1, rngs=bibun.nn.Rngs(0))
    apply = copy.deepcopy(jit(layer))
    assert np.array_equal(apply(bnp.ones(2)), layer(bnp.ones(2)))


def test_a_tracer_kept_from_another_jit() -> None:
    kept: list[Any] = []
    jit(lambda x: (kept.append(x), x)[1])(1.0)
    for f in (jit(lambda y: y + kept[0]), grad(jit(lambda y: y + kept[0]))):
        with pytest.raises(LeakedTracerError, match="after the function"):
            f(1.0)


def test_masked_elements_are_not_taken_for_numbers() -> None:
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    for f in (bnp.asarray, bnp.sum, jit(bnp.sum), vmap(bnp.sin), lambda m: bnp.ones(2) * m,
              lambda m: bibun.lax.add(bnp.ones(2), m)):  # fmt: skip
        with pytest.raises(TypeError, match=r"masked array[\s\S]*filled"):
            f(masked)
    assert np.array_equal(bnp.asarray(np.ma.array([1.0, 2.0])), [1.0, 2.0])


def test_errors_show_the_users_line_and_not_one_of_a_library_between() -> None:
    series = pytest.importorskip("pandas").Series([1.0])
    with pytest.raises(TypeError, match=r"test_jit_arguments.py:\d+ in [\s\S]*x \* series"):
        jit(lambda x: x * series)(1.0)
