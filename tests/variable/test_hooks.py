"""Hooks, debug mode, recomputation, gradient checks, and what else Chainer's users call."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import pytest

import bibun.variable as chainer
import bibun.variable.functions as F
from bibun.variable import FunctionHook, FunctionNode, Variable
from bibun.variable.function_hooks import PrintHook, TimerHook
from bibun.variable.gradient_check import check_backward, check_double_backward, numerical_grad
from bibun.variable.utils import type_check

rng = np.random.default_rng(4)


class Log(FunctionHook):
    name = "Log"

    def __init__(self) -> None:
        self.seen: list[tuple] = []

    def added(self, function):
        self.seen.append(("added", function))

    def deleted(self, function):
        self.seen.append(("deleted", function))

    def forward_preprocess(self, function, in_data):
        self.seen.append(("before", function.label, len(in_data)))

    def forward_postprocess(self, function, in_data):
        self.seen.append(("after", function.label, len(in_data)))

    def backward_preprocess(self, function, in_data, out_grad):
        self.seen.append(("back", function.label, [x is not None for x in in_data], out_grad))

    def backward_postprocess(self, function, in_data, out_grad):
        self.seen.append(("done", function.label))


def test_hooks_see_every_call() -> None:
    x, log = Variable(np.array([1.0, 2.0])), Log()
    with log:
        assert chainer.get_function_hooks() == {"Log": log}
        y = F.sum(x * x)
        with pytest.raises(KeyError, match="on already"), Log():
            pass
        y.backward()
    assert not chainer.get_function_hooks()
    assert [s[:2] for s in log.seen[:5]] == [
        ("added", None), ("before", "_ * _"), ("after", "_ * _"), ("before", "Sum"),
        ("after", "Sum"),
    ]  # fmt: skip
    back = [s for s in log.seen if s[0] == "back"]
    assert [s[1] for s in back] == ["Sum", "_ * _"]
    assert back[1][2] == [True, True]  # what was retained
    assert np.array_equal(back[1][3][0], [1.0, 1.0])
    assert log.seen[-1] == ("deleted", None)
    n = len(log.seen)
    F.exp(x)
    assert len(log.seen) == n


def test_hooks_see_what_is_not_recorded_and_only_their_thread() -> None:
    x, log = Variable(np.array([1.0, 2.0])), Log()
    with log, chainer.no_backprop_mode():
        assert F.exp(x).creator is None
        thread = threading.Thread(target=lambda: F.log(x))
        thread.start()
        thread.join()
    assert [s[1] for s in log.seen if s[0] == "before"] == ["Exp"]


def test_hook_of_one_function() -> None:
    class Square(FunctionNode):
        def forward(self, inputs):
            self.retain_inputs((0,))
            return (inputs[0] ** 2,)

        def backward(self, indexes, grad_outputs):
            return (2.0 * self.get_retained_inputs()[0] * grad_outputs[0],)

    log, f = Log(), Square()
    f.add_hook(log, "mine")
    assert f.local_function_hooks == {"mine": log}
    with pytest.raises(KeyError, match="already"):
        f.add_hook(log, "mine")
    y = f(Variable(np.array(3.0)))
    y.backward()
    assert [s[:2] for s in log.seen] == [
        ("added", f), ("before", "Square"), ("after", "Square"), ("back", "Square"),
        ("done", "Square"),
    ]  # fmt: skip
    f.delete_hook("mine")
    with pytest.raises(KeyError, match="no hook"):
        f.delete_hook("mine")
    with pytest.raises(TypeError, match="FunctionHook"):
        f.add_hook(print)


def test_timer() -> None:
    class Slow(FunctionNode):
        def forward(self, inputs):
            time.sleep(0.02)
            return (inputs[0] * 2,)

        def backward(self, indexes, grad_outputs):
            return (grad_outputs[0] * 2.0,)

    hook, x = TimerHook(), Variable(np.array(1.0))
    with hook:
        y = Slow()(x) + Slow()(x)
        y.backward()
    found = hook.summary()
    assert found["Slow"]["occurrence"] == 4
    assert found["Slow"]["elapsed_time"] >= 0.04
    assert hook.total_time() >= 0.04
    assert hook.total_time() <= sum(t for _, t in hook.call_history)
    out = io.StringIO()
    hook.print_report(file=out)
    lines = out.getvalue().splitlines()
    assert lines[0].split() == ["FunctionName", "ElapsedTime", "Occurrence"]
    assert lines[1].split()[0] == "Slow"
    assert lines[1].split()[1].endswith("ms")
    out = io.StringIO()
    hook.print_report(unit="us", file=out)
    assert float(out.getvalue().splitlines()[1].split()[1].removesuffix("us")) >= 4e4
    with pytest.raises(ValueError, match="unit"):
        hook.print_report(unit="hours")


def test_print_hook() -> None:
    out = io.StringIO()
    with PrintHook(file=out, end="|\n"):
        F.exp(Variable(np.array([1.0, 2.0]))).sum().backward()
    text = out.getvalue()
    assert "function\tExp|\n" in text
    assert "mean=1.5, std=0.5" in text
    assert "output gradient|" in text


def test_debug_mode() -> None:
    x = Variable(np.array([-1.0, 4.0]))
    assert not chainer.is_debug()
    F.sqrt(x)
    with chainer.DebugMode(True), pytest.raises(RuntimeError, match="nan in a result of Sqrt"):
        F.sqrt(x)
    assert not chainer.is_debug()
    chainer.set_debug(True)
    try:
        assert chainer.is_debug()
        with pytest.raises(RuntimeError, match="Sqrt"), chainer.no_backprop_mode():
            F.sqrt(x)

        class Bad(FunctionNode):
            def forward(self, inputs):
                return (inputs[0] * 1,)

            def backward(self, indexes, grad_outputs):
                return (grad_outputs[0] * np.nan,)

        with chainer.DebugMode(False):
            (y,) = Bad().apply((x,))
            (g,) = chainer.grad([y], [x])
        assert np.isnan(g.data).all()

        class Worse(Bad):
            def backward(self, indexes, grad_outputs):
                return (Variable(grad_outputs[0].data * np.nan),)

        (y,) = Worse().apply((x,))
        with pytest.raises(RuntimeError, match="gradient of input 0 that Worse"):
            chainer.grad([y], [x])
    finally:
        chainer.set_debug(False)


def test_global_settings() -> None:
    seen = []
    look = lambda: seen.append(chainer.config.train)  # noqa: E731
    chainer.global_config.train = False
    try:
        look()
        with chainer.using_config("train", True):
            look()
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
        look()
    finally:
        chainer.global_config.train = True
    assert seen == [False, True, False, False]
    with chainer.using_config("train", False, chainer.global_config):
        look()
    look()
    assert seen[4:] == [False, True]
    with pytest.raises(AttributeError, match="there are: enable_backprop, train, type_check"):
        chainer.global_config.trian = True
    out = io.StringIO()
    chainer.config.show(file=out)
    assert out.getvalue().split()[:2] == ["enable_backprop", "True"]


# recomputation ------------------------------------------------------------------------------------


def test_forget() -> None:
    a, W = Variable(rng.normal(size=(2, 3))), Variable(rng.normal(size=(3, 3)))
    calls = []

    def f(x, y):
        calls.append(1)
        h = F.tanh(F.matmul(x, W)) * y
        return h, F.sum(h * h)

    def total(fun, a):
        h, s = fun(a, a + 1.0)
        return F.sum(h) + s

    plain = total(f, a)
    calls.clear()
    saved = total(lambda *xs: F.forget(f, *xs), a)
    assert len(calls) == 1
    assert saved.data == pytest.approx(plain.data, rel=1e-14)
    for enable in (False, True):
        want = chainer.grad([plain], [a, W], enable_double_backprop=True)
        got = chainer.grad([saved], [a, W], enable_double_backprop=enable)
        for g, w in zip(got, want, strict=True):
            assert np.allclose(g.data, w.data, rtol=1e-12)
        assert (got[0].creator is not None) is enable
    second = [chainer.grad([F.sum(g * g)], [a, W]) for g in (got[0], want[0])]
    for g, w in zip(*second, strict=True):
        assert np.allclose(g.data, w.data, rtol=1e-11)
    saved.backward()
    assert np.allclose(W.grad, want[1].data, rtol=1e-12)


def test_forget_counts_no_way_twice() -> None:
    a = Variable(np.array(2.0))
    b = a * 3.0  # captured, and made of another captured one; the argument twice
    y = F.forget(lambda x, z: x * z * a * b, a, a)
    (g,) = chainer.grad([y], [a], enable_double_backprop=True)  # 3 a^4
    assert g.data == pytest.approx(12 * 2.0**3)
    assert chainer.grad([g], [a])[0].data == pytest.approx(36 * 2.0**2)


def test_forget_of_a_mask() -> None:
    x, mask = Variable(np.array([1.0, 2.0, 3.0])), np.array([True, False, True])
    y = F.forget(lambda x, m: F.sum(x[m] ** 2), x, mask)
    (g,) = chainer.grad([y], [x], enable_double_backprop=True)
    assert np.array_equal(g.data, [2.0, 0.0, 6.0])


def test_forget_keeps_nothing_in_between() -> None:
    x = Variable(np.ones(3))
    y = F.forget(lambda x: F.exp(F.exp(F.exp(x))), x)
    assert y.rank == 1
    assert y.creator_node.inputs == (x.node,)
    with chainer.no_backprop_mode():
        assert F.forget(F.exp, x).creator is None
    with pytest.raises(TypeError, match="must return Variables"):
        F.forget(lambda x: x.array, x)
    with pytest.raises(TypeError, match="callable"):
        F.forget(3, x)


# gradient checks --------------------------------------------------------------------------------


class Wrong(FunctionNode):
    """x³, with a gradient and a second derivative as wrong as asked for."""

    def __init__(self, first: float, second: float) -> None:
        self.first, self.second = first, second

    def forward(self, inputs):
        self.retain_inputs((0,))
        return (inputs[0] ** 3,)

    def backward(self, indexes, grad_outputs):
        (x,) = self.get_retained_inputs()
        if self.second != 1:
            x = WrongSquareRoot(self.second)(x * x)
        return (3.0 * self.first * x * x * grad_outputs[0],)


class WrongSquareRoot(FunctionNode):
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, inputs):
        self.retain_inputs((0,))
        return (np.sqrt(inputs[0]),)

    def backward(self, indexes, grad_outputs):
        (x,) = self.get_retained_inputs()
        return (grad_outputs[0] * self.factor / (2.0 * F.sqrt(x)),)


def test_check_backward() -> None:
    np.random.seed(0)  # of the directions
    x, g = rng.uniform(1, 2, size=3), rng.normal(size=3)
    right = lambda x: Wrong(1, 1)(x)  # noqa: E731
    check_backward(right, x, g)
    check_backward(lambda x: F.sum(right(x)), x, None)
    check_backward(lambda x: (x, right(x)), x, (g, g))
    check_backward(lambda x, y: (right(x) * y, F.exp(y)), (x, x), (g, None))
    with pytest.raises(AssertionError, match="random direction"):
        check_backward(lambda x: Wrong(1.01, 1)(x), x, g)
    W = Variable(rng.normal(size=(3, 3)))
    check_backward(lambda x: F.matmul(x, W), x[None], g[None], params=W)
    before = W.array
    check_backward(lambda x: F.matmul(x, W), x[None].astype("f"), g[None], W, dtype=np.float64)
    assert W.array is before
    check_backward(lambda i, x: x[i], (np.array([0, 0, 2]), x), g)
    with pytest.raises(AssertionError, match="argument 1 got no gradient"):
        check_backward(lambda x, y: F.exp(x), (x, x), g)
    check_backward(lambda x, y: F.exp(x), (x, x), g, no_grads=[False, True])
    with pytest.raises(ValueError, match="dtype"):
        check_backward(right, x, g, dtype=int)


def test_check_double_backward() -> None:
    np.random.seed(0)
    x, g, gg = rng.uniform(1, 2, size=3), rng.normal(size=3), rng.normal(size=3)
    check_double_backward(lambda x: Wrong(1, 1)(x), x, g, gg)
    check_double_backward(lambda x: F.sum(F.exp(x)), x, None, gg)
    with pytest.raises(AssertionError, match="random direction"):
        check_double_backward(lambda x: Wrong(1, 1.01)(x), x, g, gg)
    W = Variable(rng.normal(size=(3, 3)))
    check_double_backward(
        lambda x: F.tanh(F.matmul(x, W)), x[None], g[None], gg[None], W, np.eye(3)
    )


def test_numerical_grad() -> None:
    x, y = rng.normal(size=3), rng.normal(size=3)
    keep = x.copy()
    gx, gy = numerical_grad(lambda: (x * y, x**2), (x, y), (np.ones(3), None), eps=1e-4)
    assert np.allclose(gx, y, rtol=1e-7)
    assert np.allclose(gy, x, rtol=1e-7)
    assert np.array_equal(x, keep)
    with pytest.raises(TypeError, match="float"):
        numerical_grad(lambda: (x,), (np.arange(3),), (None,))


# what else --------------------------------------------------------------------------------------


def test_backward_from_several() -> None:
    x = Variable(np.array([1.0, 2.0]))
    y, z = x * x, F.sum(3.0 * x)
    chainer.backward([y, z], [Variable(np.array([1.0, 10.0])), None])
    assert np.array_equal(x.grad, [5.0, 43.0])
    assert np.array_equal(y.grad, [1.0, 10.0])
    with pytest.raises(ValueError, match="occurs twice"):
        chainer.backward([z, z])
    with pytest.raises(TypeError, match="backward: outputs must be a list"):
        chainer.backward(z)


def test_loss_scale() -> None:
    x = Variable(np.array(3.0))
    (x * x).backward(loss_scale=8.0)
    assert x.grad == 48.0
    assert chainer.grad([x * x], [x], loss_scale=2.0)[0].data == 12.0


def test_backward_may_return_all_gradients_or_accumulate() -> None:
    class Product(FunctionNode):
        def forward(self, inputs):
            self.retain_inputs((0, 1))
            return (inputs[0] * inputs[1],)

        def backward(self, indexes, grad_outputs):
            a, b = self.get_retained_inputs()
            return b * grad_outputs[0], a * grad_outputs[0]

    class Accumulating(Product):
        def backward_accumulate(self, indexes, grad_outputs, grad_inputs):
            found = self.backward(indexes, grad_outputs)
            return tuple(
                found[k] if g is None else found[k] + g
                for k, g in zip(indexes, grad_inputs, strict=True)
            )

    for kind in (Product, Accumulating):
        a, b = Variable(np.array(2.0)), Variable(np.array(5.0), requires_grad=False)
        assert float(chainer.grad([kind()(a, b)], [a])[0]) == 5.0
        c = Variable(np.array(3.0))
        y = kind()(a, c) + kind()(a, a) + a
        ga, gc = chainer.grad([y], [a, c], enable_double_backprop=True)
        assert (float(ga), float(gc)) == (3.0 + 4.0 + 1.0, 2.0)
        assert float(chainer.grad([ga], [a])[0]) == 2.0


def test_nodes_and_arrays() -> None:
    x = Variable(np.array([1.0, 2.0]), grad=np.array([3.0, 4.0]))
    assert np.array_equal(x.node.grad, [3.0, 4.0])
    assert x.node.grad_var is x.grad_var
    y = F.exp(x)
    z = Variable(np.array([9.0, 9.0]))
    z.set_creator(y.creator_node)
    assert (z.creator_node, z.rank) == (y.creator_node, 1)
    assert y.creator_node.output_data[0] is y.array  # exp retains its result
    assert F.sin(x).creator_node.output_data == (None,)
    assert x.to_cpu() is None
    assert chainer.as_array(x) is x.array
    assert chainer.as_array(3) == 3
    assert np.allclose(x.mean(weights=np.array([1.0, 3.0])).data, 1.75)
    assert np.allclose(F.mean(x, weights=np.array([1.0, 3.0])).data, 1.75)


def test_r2_score_by_column() -> None:
    p, t = rng.normal(size=(2, 5, 2))
    t[:, 1] = 3.0
    raw = F.r2_score(p, t, multioutput="raw_values").data
    want = 1 - ((p - t)[:, 0] ** 2).sum() / ((t[:, 0] - t[:, 0].mean()) ** 2).sum()
    assert np.allclose(raw, [want, 0.0])
    assert F.r2_score(p, t).data == pytest.approx(want / 2)
    with pytest.raises(ValueError, match="raw_values"):
        F.r2_score(p, t, multioutput="variance_weighted")


def test_graph_options() -> None:
    from bibun.variable.computational_graph import build_computational_graph

    y = Variable(np.array(1.0), name="speed") * 2.0
    assert "speed: float64" in build_computational_graph([y]).dump()
    assert "speed" not in build_computational_graph([y], show_name=False).dump()
    plain = build_computational_graph([y], variable_style={"shape": "box"}, rankdir="BT").dump()
    assert 'shape="box"];' in plain
    assert "rankdir=BT" in plain
    with pytest.raises(ValueError, match="remove_split"):
        build_computational_graph([y], remove_split=False)
    with pytest.raises(ValueError, match="rankdir"):
        build_computational_graph([y], rankdir="UP")


# types --------------------------------------------------------------------------------------------


class Dot(FunctionNode):
    def check_type_forward(self, in_types):
        type_check.argname(in_types, ("x", "w"))
        x, w = in_types
        type_check.expect(
            x.dtype.kind == "f",
            x.ndim == 2,
            x.shape[1] == w.shape[0],
            type_check.prod(w.shape[1:]) >= 2,
        )

    def forward_cpu(self, inputs):
        return (inputs[0] @ inputs[1],)


def test_type_check() -> None:
    x = np.ones((2, 3))
    assert Dot()(x, np.ones((3, 2))).shape == (2, 2)
    for args, message in (
        ((x.astype(int), x),
         r"Dot of \(int64\[2, 3\], .*expected x.dtype.kind == 'f'\n  x.dtype.kind is 'i'"),
        ((x, x),
         r"expected x.shape\[1\] == w.shape\[0\]\n  x.shape\[1\] is 3\n  w.shape\[0\] is 2"),
        ((x, np.ones((3, 1))),
         r"expected prod\(w.shape\[1:\]\) >= 2\n  prod\(w.shape\[1:\]\) is 1"),
        ((x,), r"expected in_types.size\(\) == 2\n  in_types.size\(\) is 1"),
    ):  # fmt: skip
        with pytest.raises(type_check.InvalidType, match=message):
            Dot().apply(args)
    with chainer.using_config("type_check", False), pytest.raises(ValueError):
        Dot()(x, x)
    info = type_check.types_of((x,))[0]
    assert type_check.eval(2 * info.shape[1] + 1) == 7
    assert str(2 * info.shape[1] + 1) == "2 * in_types[0].shape[1] + 1"
    assert [type_check.eval(n) for n in info.shape] == [2, 3]
    assert type_check.same_types(x, x)


def test_older_functions_check_types_too() -> None:
    class Twice(chainer.Function):
        def check_type_forward(self, in_types):
            (x,) = in_types
            type_check.expect(x.dtype == np.float64, x.ndim < 2)

        def forward_cpu(self, inputs):
            return (2 * inputs[0],)

        def backward_cpu(self, inputs, grad_outputs):
            return (2 * grad_outputs[0],)

    x = Variable(np.ones(2))
    F.sum(Twice()(x)).backward()
    assert np.array_equal(x.grad, [2.0, 2.0])
    with pytest.raises(type_check.InvalidType, match="dtype == float64"):
        Twice()(np.ones(2, np.float32))
    with pytest.raises(NotImplementedError, match="defines no forward"):
        FunctionNode()(x)


def test_a_parameter_without_initializer_is_nan() -> None:
    p = chainer.Parameter(None, (2,), "w")
    assert np.isnan(p.array).all()
    assert p.name == "w"
