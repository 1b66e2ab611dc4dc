"""Functions that users write: `FunctionNode`, `Function`, `lift`."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
import bibun.variable as chainer
import bibun.variable.functions as F
from bibun import lax
from bibun.variable import Function, FunctionNode, Variable, lift


class ExpSin(FunctionNode):
    """exp(sin(x)), retaining both ends: written as in Chainer's guide."""

    def forward(self, inputs):
        self.retain_inputs((0,))
        self.retain_outputs((0,))
        return (np.exp(np.sin(inputs[0])),)

    def backward(self, indexes, grad_outputs):
        (x,) = self.get_retained_inputs()
        (y,) = self.get_retained_outputs()
        return (grad_outputs[0] * y * F.cos(x),)


class MulAdd(FunctionNode):
    def forward(self, inputs):
        self.retain_inputs((0, 1))
        a, b, c = inputs
        return (a * b + c,)

    def backward(self, indexes, grad_outputs):
        a, b = self.get_retained_inputs()
        (g,) = grad_outputs
        all_of_them = (b * g, a * g, g)
        return tuple(all_of_them[k] for k in indexes)


def test_function_node_to_third_order() -> None:
    x, x2 = Variable(np.array([0.3, -1.2])), Variable(np.array([0.3, -1.2]))
    (y,) = ExpSin().apply((x,))
    y2 = F.exp(F.sin(x2))
    for _ in range(3):
        (y,) = chainer.grad([F.sum(y * y)], [x], enable_double_backprop=True)
        (y2,) = chainer.grad([F.sum(y2 * y2)], [x2], enable_double_backprop=True)
        assert np.allclose(y.data, y2.data, rtol=1e-13)


def test_only_the_inputs_asked_for() -> None:
    a, b = Variable(np.array(2.0)), Variable(np.array(3.0))
    c = np.array(4.0)  # an array: a constant
    (y,) = MulAdd().apply((a, b, c))
    assert float(y) == 10.0
    assert [float(g) for g in chainer.grad([y], [b, a])] == [2.0, 3.0]
    (gb,) = chainer.grad([y], [b], enable_double_backprop=True)
    assert float(chainer.grad([gb], [a])[0]) == 1.0


def test_several_outputs_of_which_one_is_used() -> None:
    seen = []

    class SinCos(FunctionNode):
        def forward(self, inputs):
            self.retain_inputs((0,))
            return np.sin(inputs[0]), np.cos(inputs[0])

        def backward(self, indexes, grad_outputs):
            seen.append(tuple(g is None for g in grad_outputs))
            (x,) = self.get_retained_inputs()
            total = None
            for g, d in zip(grad_outputs, (F.cos(x), -F.sin(x)), strict=True):
                if g is not None:
                    total = g * d if total is None else total + g * d
            return (total,)

    x = Variable(np.array(0.5))
    s, c = SinCos().apply((x,))
    (s * 2.0).backward()
    assert x.grad == pytest.approx(2 * np.cos(0.5))
    x.cleargrad()
    (s * c).backward()
    assert x.grad == pytest.approx(np.cos(1.0))
    assert seen == [(False, True), (False, False)]


def test_old_style_function() -> None:
    class Cube(Function):
        def forward(self, inputs):
            return (inputs[0] ** 3,)

        def backward(self, inputs, grad_outputs):
            return (3 * inputs[0] ** 2 * grad_outputs[0],)

    x = Variable(np.array(2.0))
    f = Cube()
    y = f(x)
    assert y.creator is f
    assert f.label == "Cube"
    y.backward()
    assert x.grad == 12.0
    x.cleargrad()
    with pytest.raises(RuntimeError, match="write it as a FunctionNode"):
        y.backward(enable_double_backprop=True)


def test_old_style_function_of_several() -> None:
    class Divmod(Function):
        def forward(self, inputs):
            self.retain_inputs((1,))
            return inputs[0] // inputs[1], inputs[0] % inputs[1]

        def backward(self, inputs, grad_outputs):
            assert inputs[0] is None
            return grad_outputs[1], None

    x, y = Variable(np.array(7.0)), Variable(np.array(3.0))
    q, r = Divmod()(x, y)
    assert (float(q), float(r)) == (2.0, 1.0)
    r.backward()
    assert x.grad == 1.0
    assert y.grad is None


def test_mistakes_are_named() -> None:
    class NoTuple(FunctionNode):
        def forward(self, inputs):
            return inputs[0]

    class Shape(FunctionNode):
        def forward(self, inputs):
            return (inputs[0].sum(),)

        def backward(self, indexes, grad_outputs):
            return (grad_outputs[0],)

    class Arrays(FunctionNode):
        def forward(self, inputs):
            return (inputs[0] * 1.0,)

        def backward(self, indexes, grad_outputs):
            return (grad_outputs[0].data,)

    class Count(Arrays):
        def backward(self, indexes, grad_outputs):
            return ()

    x = Variable(np.ones(3))
    with pytest.raises(TypeError, match="NoTuple.forward must return a tuple"):
        NoTuple().apply((x,))
    with pytest.raises(NotImplementedError, match="defines no forward"):
        FunctionNode().apply((x,))
    with pytest.raises(ValueError, match=r"input 0 that Shape.backward returned has shape \(\)"):
        Shape().apply((x,))[0].backward()
    y = F.sum(Arrays().apply((x,))[0])
    with pytest.raises(TypeError, match="Arrays.backward returned ndarray"):
        y.backward()
    y = F.sum(Count().apply((x,))[0])
    with pytest.raises(ValueError, match="must return a tuple of 1"):
        y.backward()
    f = ExpSin()
    f.apply((x,))
    with pytest.raises(RuntimeError, match="applied only once"):
        f.apply((x,))


# lift: bibun's functions in the graph ------------------------------------------------------------


def test_lift_compiled_loops_and_custom_rules() -> None:
    @bibun.jit
    def collatz_like(x):  # a loop of unknown length
        return lax.while_loop(lambda s: s[0] > 1.0, lambda s: (s[0] * 0.5, s[1] * s[0]), (x, x))[1]

    @bibun.custom_vjp
    def half_gradient(x):
        return x * x

    half_gradient.defvjp(lambda x: (x * x, x), lambda x, u: (x * u,))  # half of it
    x = Variable(np.array(5.0))
    y = lift(collatz_like)(x)
    assert float(y) == pytest.approx(float(collatz_like(5.0)))
    gx, = chainer.grad([y], [x], enable_double_backprop=True)
    assert float(gx) == pytest.approx(float(bibun.grad(collatz_like)(5.0)))
    ggx, = chainer.grad([gx], [x])
    assert float(ggx) == pytest.approx(float(bibun.grad(bibun.grad(collatz_like))(5.0)))
    assert float(chainer.grad([lift(half_gradient)(x)], [x])[0]) == 5.0


def test_lift_trees_and_statics() -> None:
    def f(tree, power, *, flag=False):
        s = bnp.sum(tree["a"] ** power) + tree["b"][0]
        return {"s": -s if flag else s, "n": tree["b"]}

    g = lift(f)
    a, b = Variable(np.array([1.0, 2.0])), Variable(np.array([3.0, 4.0]))
    out = g({"a": a, "b": b}, 3, flag=True)
    assert isinstance(out["s"], Variable)
    ga, gb = chainer.grad([out["s"], F.sum(out["n"])], [a, b])
    assert np.array_equal(ga.data, [-3, -12])
    assert np.array_equal(gb.data, [0, 1])


def test_lift_sees_what_a_closure_sees_now() -> None:
    scale = 2.0
    f = lift(lambda x: x * scale)
    x = Variable(np.array(3.0))
    assert float(f(x)) == 6.0
    scale = 5.0
    assert float(f(x)) == 15.0
    assert float(chainer.grad([f(x)], [x])[0]) == 5.0


def test_lift_captured_arrays() -> None:
    w = np.array([1.0, 2.0, 3.0])
    f = lift(lambda x: bnp.sum(bnp.sin(x * w)))
    x = Variable(np.array([0.1, 0.2, 0.3]))
    (g,) = chainer.grad([f(x)], [x], enable_double_backprop=True)
    assert np.allclose(g.data, w * np.cos(x.data * w))
    (h,) = chainer.grad([F.sum(g)], [x])
    assert np.allclose(h.data, -w * w * np.sin(x.data * w))
