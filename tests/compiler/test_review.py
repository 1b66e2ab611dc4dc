"""What a review of the compiler found: each test failed once."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.compiler.simplify import simplify
from bibun.config import config
from bibun.dtypes import FLOAT0, KEY


def test_staged_tiles_belong_to_one_thread() -> None:
    """Threads of one kernel had computed staged values into the same tile."""
    x = np.random.default_rng(0).uniform(0.01, 3.0, 400_003)

    def f(x: object) -> object:
        return bnp.tanh(bnp.sin(bnp.exp(-x)) * 0.9)

    with config.using(num_threads=4):
        got = bibun.jit(lambda x: lax.erf_inv(f(x)))(x)
    whole = bibun.jit(f)(x)
    np.testing.assert_array_equal(got, bibun.jit(lax.erf_inv)(whole))


@pytest.mark.parametrize("step", [0.37, 0.77, 11.3])
def test_constants_in_lane_blocks_are_the_programs_own(step: float) -> None:
    """Programs that differ in float data share code; lane blocks had it baked in."""
    x = np.linspace(1.0, 50.0, 40)

    def one(x: object) -> object:
        return lax.while_loop(lambda c: c < 100.0 + step, lambda c: c * 1.3 + step, x)

    expected = x.copy()
    for k in range(x.size):
        while expected[k] < 100.0 + step:
            expected[k] = expected[k] * 1.3 + step
    np.testing.assert_allclose(bibun.jit(bibun.vmap(one))(x), expected, rtol=1e-14)


def test_signatures_tell_structured_dtypes_apart() -> None:
    """Keys and float0 share NumPy's type number: one was read as the other, past its end."""
    f = bibun.jit(lambda x: x)
    assert f(bibun.random.split(bibun.random.key(0), 3)).dtype == KEY
    assert f(np.zeros(3, FLOAT0)).dtype == FLOAT0


@pytest.mark.parametrize("loop", [False, True])
def test_planning_shared_reads_is_not_exponential(loop: bool) -> None:
    """x * x, forty times: each reading of x had been followed anew."""

    def power(x: object) -> object:
        for _ in range(40):
            x = x * x
        return x

    def f(x: object) -> object:
        return lax.fori_loop(0, 2, lambda i, c: power(c), x) if loop else power(x)

    np.testing.assert_array_equal(bibun.jit(f)(np.ones((10, 10))), np.ones((10, 10)))


def test_long_chains_are_not_inlined_without_end() -> None:
    """An unrolled loop of a thousand steps had recursed through Python's stack."""

    def f(x: object) -> object:
        for _ in range(1500):
            x = bnp.sin(x) + 1.0
        return x

    expected = np.full(100, 0.3)
    for _ in range(1500):
        expected = np.sin(expected) + 1.0
    np.testing.assert_allclose(bibun.jit(f)(np.full(100, 0.3)), expected, rtol=1e-12)


def test_fission_does_not_trade_a_loop_for_gigabytes() -> None:
    """The bound on what moves out of a loop is on all slices of it, not on one."""

    def f(x: object, c: object) -> object:
        return lax.scan(lambda s, x: (s * 0.5 + bnp.exp(x * c), s[0]), c, x)

    program = bibun.jit(f).trace(np.linspace(0.0, 1.0, 100_000), np.ones(5000)).closed.program
    sizes = [v.type.size for eq in simplify(program).equations for v in eq.outputs]
    assert max(sizes) <= 100_000


class _Layer:
    def __init__(self, factor: float) -> None:
        self.factor = factor


class _Model:
    def __init__(self) -> None:
        self.ordered = OrderedDict(a=1.0)
        self.recent = deque([1.0])
        self.layers = [_Layer(1.0)]
        self.named = {"a": (_Layer(1.0),)}
        self.hidden = 1.0

    def run(self, x: object) -> object:
        x = x * self.ordered["a"] * self.recent[0] * self.layers[0].factor
        return x * self.named["a"][0].factor * vars(self)["hidden"]


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.ordered.update(a=5.0),
        lambda m: m.recent.__setitem__(0, 5.0),
        lambda m: setattr(m.layers[0], "factor", 5.0),
        lambda m: m.layers.__setitem__(0, _Layer(5.0)),
        lambda m: setattr(m.named["a"][0], "factor", 5.0),
        lambda m: setattr(m, "hidden", 5.0),
    ],
)
def test_guards_see_into_containers(change: Callable[[_Model], None]) -> None:
    """Subclasses of dict, deques, objects in lists and `vars` had been taken as they once were."""
    model = _Model()
    f = bibun.jit(model.run)
    assert float(f(2.0)) == 2.0
    assert type(model.layers[0]) is _Layer
    change(model)
    assert float(f(2.0)) == 10.0
    assert float(f(3.0)) == 15.0
    assert len(f.history) == 2


def test_equal_static_values_of_other_types_are_other_programs() -> None:
    """1, 1.0 and True are equal and hash alike, and so do both zeros."""
    f = bibun.jit(lambda k, x: x + k[0], static_argnums=0)
    kinds = [f((k,), np.array([1, 2])).dtype.kind for k in (1, 1.0, True)]
    assert kinds == ["i", "f", "i"]
    g = bibun.jit(lambda k, x: x / k, static_argnums=0)
    assert [float(g(k, 1.0)) for k in (0.0, -0.0)] == [np.inf, -np.inf]


def test_guards_tell_the_zeros_apart() -> None:
    """An attribute that became -0.0 had been taken for 0.0."""
    layer = _Layer(0.0)

    class Division:
        def __init__(self) -> None:
            self.layer = layer

        def run(self, x: object) -> object:
            return x / self.layer.factor

    f = bibun.jit(Division().run)
    assert float(f(1.0)) == np.inf
    layer.factor = -0.0
    assert float(f(1.0)) == -np.inf
