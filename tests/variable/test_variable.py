"""`Variable`, `backward` and `grad`: the semantics of define-by-run, as Chainer defines them."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import bibun.numpy as bnp
import bibun.variable as chainer
import bibun.variable.functions as F
from bibun.variable import Parameter, Variable, as_variable


def v(*numbers: float) -> Variable:
    return Variable(np.array(numbers if len(numbers) > 1 else numbers[0], dtype=float))


# What a Variable is -------------------------------------------------------------------------------


def test_holds_the_array_it_was_given() -> None:
    a = np.arange(6.0).reshape(2, 3)
    x = Variable(a, name="x")
    assert x.data is a
    assert x.array is a
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((2, 3), 2, 6, np.float64, 2)
    assert x.name == "x"
    assert x.creator is None
    assert x.grad is None
    assert x.requires_grad
    assert x.xp is np
    b = bnp.arange(3.0)
    assert Variable(b).data is b
    assert Variable(b).xp is bnp


def test_results_are_arrays_of_the_kind_of_the_inputs() -> None:
    assert type((v(1, 2) * 2.0).data) is np.ndarray
    assert type((v(1, 2) + np.ones(2)).data) is np.ndarray
    x = Variable(bnp.ones(2))
    y = F.sin(x) * 2
    assert isinstance(y.data, bnp.ndarray)
    y.grad = bnp.ones(2)
    y.backward()
    assert isinstance(x.grad, bnp.ndarray)
    w = v(1, 2)
    F.sum(w * w).backward()
    assert type(w.grad) is np.ndarray


def test_float32_stays_float32() -> None:
    x = Variable(np.ones(3, np.float32))
    y = F.sum(2 * F.exp(x) ** 2.0 / 3.0 - 1)
    assert y.dtype == np.float32
    y.backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("bad", [[1.0, 2.0], "x", object(), np.array(["a"]), v(1.0)])
def test_refuses_what_is_no_array(bad: object) -> None:
    with pytest.raises(TypeError, match="a Variable holds"):
        Variable(bad)


def test_text() -> None:
    assert str(v(5.0)) == "variable(5.0)"
    assert repr(v(5.0)) == "variable(5.0)"
    assert f"{v(5.0)}" == "variable(5.0)"
    assert f"{v(5.0):.3f}" == "5.000"
    assert repr(v(1, 2)) == "variable([1., 2.])"
    assert str(v(1, 2)) == "variable([1. 2.])"
    assert repr(Variable(np.zeros((0, 2)))) == "variable([], shape=(0, 2))"
    assert str(Variable(np.array(3), name="n")) == "variable n(3)"
    assert "- creator: Sin" in F.sin(v(1.0)).debug_print()
    assert "(2, 3), float64" in Variable(np.zeros((2, 3))).summary()


def test_numbers_leave_the_graph() -> None:
    x = v(2.5)
    assert float(x) == 2.5
    assert int(x) == 2
    assert x.item() == 2.5
    assert bool(x)
    assert type(np.asarray(v(1, 2))) is np.ndarray
    assert np.sum([v(1, 2), v(3, 4)]) == 10
    assert np.array_equal(v(1, 2) == 1, [True, False])
    assert np.array_equal(v(1, 3) > v(2, 2), [False, True])
    assert len({x, x, v(2.5)}) == 2  # hashed by identity


def test_iteration_and_indices() -> None:
    x = Variable(np.arange(6.0).reshape(2, 3))
    rows = list(x)
    assert [r.shape for r in rows] == [(3,), (3,)]
    F.sum(rows[1] * rows[0]).backward()
    assert np.array_equal(x.grad, [[3, 4, 5], [0, 1, 2]])
    with pytest.raises(TypeError, match="0-d"):
        iter(v(1.0))
    with pytest.raises(IndexError, match=r"index 2 .*size 2[\s\S]*test_variable.py"):
        x[2]


@pytest.mark.parametrize(
    "index",
    [
        0, -1, (1, 2), slice(None), slice(None, None, -1), (slice(None), 1), Ellipsis, None,
        (None, 1), [0, 0, 1], (np.array([0, 1, 1]), np.array([2, 0, 0])), np.array([True, False]),
        np.array([[True, False, True], [False, False, True]]), (slice(0, 1), [0, 2]), np.int64(1),
        (1, slice(3, 0, -2)),
    ],
    ids=str,
)  # fmt: skip
def test_every_index_and_its_gradient(index: object) -> None:
    a = np.arange(6.0).reshape(2, 3)
    x = Variable(a)
    y = x[index]
    assert np.array_equal(y.data, a[index])
    w = np.random.default_rng(0).normal(size=y.shape)
    F.sum(y * y * w).backward()
    want = np.zeros_like(a)
    np.add.at(want, index, 2 * w * a[index])
    assert np.allclose(x.grad, want, rtol=1e-15)


# Operators ------------------------------------------------------------------------------------

OPERATORS = {
    "a + b": lambda a, b: a + b, "a - b": lambda a, b: a - b, "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b, "a ** b": lambda a, b: a**b, "a // b": lambda a, b: a // b,
    "a % b": lambda a, b: a % b, "a @ b": lambda a, b: a @ b, "-a + b": lambda a, b: -a + b,
    "abs(a) + b": lambda a, b: abs(a) + b, "+a - b": lambda a, b: +a - b,
}  # fmt: skip


@pytest.mark.parametrize("other", ["variable", "array", "number"])
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name: str, other: str, swap: bool) -> None:
    f = OPERATORS[name]
    a, b = np.array([1.3, 0.7, 2.2]), np.array([0.4, 1.6, 0.9])
    if other == "number":
        if name == "a @ b":
            pytest.skip("a matrix product with a number")
        b = 1.7
    x, y = Variable(a), Variable(b) if other == "variable" else b
    out = f(y, x) if swap else f(x, y)
    assert isinstance(out, Variable)
    assert np.allclose(out.data, f(b, a) if swap else f(a, b), rtol=1e-15)
    h = 1e-6
    if out.ndim:
        out = F.sum(out * np.array([1.0, 2.0, 3.0]))
    scale = np.array([1.0, 2.0, 3.0])
    out.backward()
    total = lambda a, b: np.sum((f(b, a) if swap else f(a, b)) * (scale if name != "a @ b" else 1))
    for k in range(3):
        d = np.zeros(3)
        d[k] = h
        want = (total(a + d, b) - total(a - d, b)) / (2 * h)
        assert x.grad[k] == pytest.approx(want, rel=1e-7, abs=1e-8)
        if other == "variable":
            want = (total(a, b + d) - total(a, b - d)) / (2 * h)
            assert y.grad[k] == pytest.approx(want, rel=1e-7, abs=1e-8)


def test_broadcasting_sums_the_gradient() -> None:
    x, y, s = Variable(np.ones((2, 3))), Variable(np.arange(3.0)), v(2.0)
    F.sum(x * y * s).backward()
    assert np.array_equal(y.grad, [4, 4, 4])
    assert s.grad == 6


def test_powers_at_zero() -> None:
    """The document's x ** 2. is smooth at 0, to any order."""
    x = v(0.0)
    y = x**2.0
    for want in (0.0, 2.0):
        (y,) = chainer.grad([y], [x], enable_double_backprop=True)
        assert y.data == want
    assert chainer.grad([y], [x], enable_double_backprop=True) == [None] or float(
        chainer.grad([y], [x])[0]
    ) == 0.0


# backward ---------------------------------------------------------------------------------------


def test_backward_accumulates_in_leaves() -> None:
    x = v(3.0)
    (x * x).backward()
    (x * 2).backward()
    assert x.grad == 8.0
    x.cleargrad()
    assert x.grad is None
    x.zerograd()
    assert x.grad == 0.0
    (x * x).backward()
    assert x.grad == 6.0


def test_a_variable_used_many_times() -> None:
    x = v(2.0)
    y = x * x
    z = y * y + y * x  # x⁴ + x³
    z.backward()
    assert x.grad == 4 * 8 + 3 * 4


def test_what_lies_between() -> None:
    x = v(2.0)
    y = F.sin(x)
    z = y * y
    z.backward()
    assert y.grad is None
    assert z.grad == 1.0
    x.cleargrad()
    z.backward(retain_grad=True)
    assert y.grad == pytest.approx(2 * np.sin(2.0))


def test_backward_of_an_array_needs_its_gradient() -> None:
    x = v(1, 2, 3)
    y = x * x
    with pytest.raises(ValueError, match=r"shape \(3,\) needs its gradient set"):
        y.backward()
    y.grad = np.array([1.0, 0.0, 2.0])
    y.backward()
    assert np.array_equal(x.grad, [2, 0, 12])
    one = Variable(np.ones((1, 1)))
    (one * 3).backward()  # one element: 1 is understood
    assert np.array_equal(one.grad, [[3.0]])


def test_constants_get_no_gradient() -> None:
    x, c = v(2.0), Variable(np.array(3.0), requires_grad=False)
    y = x * c
    y.backward()
    assert c.grad is None
    assert not (c * 2).requires_grad
    assert (c * 2).creator is None
    n = Variable(np.array([0, 1]))
    y = F.sum(v(5, 6)[n] * n)
    y.backward()
    assert n.grad is None


def test_backward_of_a_leaf_does_nothing() -> None:
    x = v(2.0)
    x.backward()
    assert x.grad is None


def test_double_and_triple_backprop_through_backward() -> None:
    x = v(0.7)
    y = F.exp(F.sin(x)) / x
    f = [lambda t: np.exp(np.sin(t)) / t]
    want = _derivatives(0.7)
    for k in range(1, 4):
        x.cleargrad()
        y.backward(enable_double_backprop=True)
        y = x.grad_var
        assert float(y.data) == pytest.approx(want[k], rel=1e-12)
    assert f


def _derivatives(x: float) -> list[float]:
    import mpmath

    return [
        float(mpmath.diff(lambda t: mpmath.exp(mpmath.sin(t)) / t, x, k)) for k in range(5)
    ]


def test_without_double_backprop_gradients_have_no_graph() -> None:
    x = v(2.0)
    y = x**3
    y.backward()
    assert x.grad_var.creator is None
    (g,) = chainer.grad([y], [x])
    assert g.creator is None


# grad -------------------------------------------------------------------------------------------


def test_grad_touches_nothing() -> None:
    x, w = v(2.0), v(3.0)
    h = x * w
    y = h * x
    gx, gw, gh = chainer.grad([y], [x, w, h])
    assert (float(gx), float(gw), float(gh)) == (12.0, 4.0, 2.0)
    assert x.grad is w.grad is h.grad is y.grad is None


def test_grad_orders_one_to_four() -> None:
    x = v(0.7)
    y = F.exp(F.sin(x)) / x
    want = _derivatives(0.7)
    for k in range(1, 5):
        (y,) = chainer.grad([y], [x], enable_double_backprop=True)
        assert float(y) == pytest.approx(want[k], rel=1e-11)


def test_grad_of_several() -> None:
    x, w = v(1, 2), v(3, 4)
    ys = [x * w, F.sum(x)]
    gx, gw = chainer.grad(ys, [x, w], [Variable(np.array([1.0, 10.0])), None])
    assert np.array_equal(gx.data, [4, 41])
    assert np.array_equal(gw.data, [1, 20])
    (gx,) = chainer.grad([ys[0]], [x], grad_inputs=[Variable(np.array([100.0, 100.0]))])
    assert np.array_equal(gx.data, [103, 104])


def test_grad_set_and_retained() -> None:
    x = v(2.0)
    h = x * x
    y = h * h
    chainer.grad([y], [x], set_grad=True, retain_grad=True)
    assert x.grad == 32.0
    assert h.grad == 8.0
    assert y.grad is None


def test_grad_of_what_is_not_connected() -> None:
    x, w = v(2.0), v(3.0)
    assert chainer.grad([x * x], [w]) == [None]
    assert chainer.grad([w], [x, w])[1].data == 1.0


def test_grad_visits_only_what_lies_between() -> None:
    class Trap(chainer.FunctionNode):
        def forward(self, inputs):
            return (inputs[0] * 1.0,)

        def backward(self, indexes, grad_outputs):
            raise AssertionError("this is not on the way")

    x, w = v(2.0), v(3.0)
    (trapped,) = Trap().apply((w,))
    y = x * trapped
    assert chainer.grad([y], [x])[0].data == 3.0
    with pytest.raises(AssertionError, match="not on the way"):
        chainer.grad([y], [w])


def test_grad_complains_clearly() -> None:
    x = v(2.0)
    y = x * x
    with pytest.raises(TypeError, match=r"outputs must be a list.*write \[output\]"):
        chainer.grad(y, [x])
    with pytest.raises(TypeError, match="one is float"):
        chainer.grad([y], [1.0])
    with pytest.raises(ValueError, match=r"grad_outputs has shape \(2,\)"):
        chainer.grad([y], [x], [Variable(np.ones(2))])
    with pytest.raises(TypeError, match="one entry for each of the outputs"):
        chainer.grad([y], [x], [])
    with pytest.raises(ValueError, match="shape"):
        x.grad = np.ones(3)
    with pytest.raises(TypeError, match="dtype float32"):
        x.grad = np.array(1.0, np.float32)


def test_gradient_penalty() -> None:
    """WGAN-GP's use of double backprop: a loss made of a gradient, then trained on."""
    rng = np.random.default_rng(0)
    x, W = Variable(rng.normal(size=(4, 3))), Variable(rng.normal(size=(1, 3)))

    def penalty(W):
        y = F.tanh(F.linear(x, W))
        (gx,) = chainer.grad([y], [x], enable_double_backprop=True)
        return F.mean((F.sqrt(F.sum(gx * gx, axis=1)) - 1.0) ** 2)

    (g,) = chainer.grad([penalty(W)], [W])
    h = 1e-6
    for k in range(3):
        d = np.zeros((1, 3))
        d[0, k] = h
        up, down = penalty(Variable(W.data + d)), penalty(Variable(W.data - d))
        assert g.data[0, k] == pytest.approx(float(up - down) / (2 * h), rel=1e-7)


# The graph --------------------------------------------------------------------------------------


def test_creator_and_rank() -> None:
    x = v(2.0)
    y = F.sin(x)
    z = y + x
    assert y.creator.label == "Sin"
    assert z.creator.label == "_ + _"
    assert (x.rank, y.rank, z.rank) == (0, 1, 2)
    assert z.creator.inputs[0] is y.node


def test_unchain() -> None:
    x = v(2.0)
    y = x * x
    z = y * y
    y.unchain()
    z.backward()
    assert x.grad is None
    x = v(2.0)
    y = x * x
    z = y * 3.0
    z.unchain_backward()
    assert y.creator is None
    assert z.creator is None
    z.backward()
    assert x.grad is None


def test_truncated_backpropagation() -> None:
    h, w = v(1.0), v(0.5)
    for t in range(6):
        h = h * w
        if t == 2:
            h.unchain_backward()
    h.backward()
    assert w.grad == pytest.approx(3 * 0.5**2 * 0.5**3)


def test_no_backprop_mode() -> None:
    x = v(2.0)
    with chainer.no_backprop_mode():
        y = x * x
        with chainer.force_backprop_mode():
            z = x * x
    assert y.creator is None
    assert not y.requires_grad
    assert z.creator is not None
    with chainer.using_config("enable_backprop", False):
        assert (x + 1).creator is None
    assert chainer.config.enable_backprop
    with pytest.raises(AttributeError, match="no setting 'tarin'"), chainer.using_config(
        "tarin", True
    ):
        pass


def test_settings_are_each_threads_own() -> None:
    seen = []
    with chainer.no_backprop_mode():
        t = threading.Thread(target=lambda: seen.append(chainer.config.enable_backprop))
        t.start()
        t.join()
    assert seen == [True]


def test_arrays_nobody_needs_are_freed() -> None:
    """sin retains its input, exp its output, + nothing."""
    x = v(1, 2, 3)
    a = x + 1.0
    b = F.exp(a)
    c = b + 1.0
    d = F.sum(c)
    refs = {n: weakref.ref(q.data) for n, q in zip("abc", (a, b, c), strict=True)}
    del a, b, c
    gc.collect()
    alive = {n for n, r in refs.items() if r() is not None}
    assert alive == {"b"}
    d.backward()
    assert np.allclose(x.grad, np.exp(x.data + 1), rtol=1e-15)


def test_graph_goes_with_its_last_variable() -> None:
    x = v(1.0)
    y = F.sin(F.exp(x))
    ref = weakref.ref(y.creator)
    gc.disable()
    try:
        del y
        assert ref() is None  # no cycle: freed without the collector
    finally:
        gc.enable()


def test_a_retained_output_that_was_dropped() -> None:
    x = v(0.3, 0.4)
    a, b = F.split_axis(F.exp(x) * 1.0, 2, axis=0)
    del a
    F.sum(b * b).backward(enable_double_backprop=True)
    assert np.allclose(x.grad, [0, 2 * np.exp(0.8)])


def test_deep_graphs_do_not_recurse() -> None:
    x = v(1.0)
    y = x
    for _ in range(5000):
        y = y * 1.0001
    y.backward()
    assert float(x.grad) == pytest.approx(1.0001**5000, rel=1e-10)
    y.unchain_backward()


def test_copies_and_pickles() -> None:
    x = Variable(np.arange(3.0), name="x", grad=np.ones(3))
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert np.array_equal(y.data, x.data)
        assert np.array_equal(y.grad, x.grad)
        assert y.name == "x"
    assert copy.copy(x).data is x.data


def test_plain_gradient_descent() -> None:
    """`x.data -= lr * x.grad`, the way it is done."""
    x = v(5.0, -3.0)
    for _ in range(200):
        loss = F.sum((x - np.array([1.0, 2.0])) ** 2)
        x.cleargrad()
        loss.backward()
        x.data -= 0.1 * x.grad
    assert np.allclose(x.data, [1, 2])


def test_parameter() -> None:
    p = Parameter(0.5, (2, 3), name="W")
    assert p.shape == (2, 3)
    q = Parameter(np.zeros(2))
    assert q.is_initialized
    r = Parameter(1.0)
    assert not r.is_initialized
    assert repr(r) == "variable(None)"
    r.initialize(4)
    assert np.array_equal(r.data, np.ones(4))
    F.sum(p * p).backward()
    assert np.array_equal(p.grad, np.ones((2, 3)))


def test_copydata_addgrad() -> None:
    x, y = v(1, 2), v(3, 4)
    a = x.data
    x.copydata(y)
    assert x.data is a
    assert np.array_equal(a, [3, 4])
    with pytest.raises(ValueError, match=r"copydata: .* \(2,\) from \(\)"):
        x.copydata(v(1))
    x.grad, y.grad = np.ones(2), np.full(2, 2.0)
    x.addgrad(y)
    assert np.array_equal(x.grad, [3, 3])
    assert as_variable(x) is x
