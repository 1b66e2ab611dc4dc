"""Document 1, chapters 1 and 2, listing by listing: the imports are bibun's, the rest is the text.

Where the document draws a figure, the test draws it too and holds the curves against formulas.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close_figures() -> Any:
    yield
    plt.close("all")


def curves(ax: Any = None) -> list[np.ndarray]:
    """The y values of the lines drawn."""
    return [np.asarray(line.get_ydata(), float) for line in (ax or plt.gca()).lines]


def test_1_1_1_minimal_automatic_differentiation() -> None:
    def mul(x, y):
        a, b = x
        c, d = y
        return a * c, a * d + b * c

    def add(x, y):
        a, b = x
        c, d = y
        return a + c, b + d

    import numpy as np

    def cos(x):
        a, b = x
        return np.cos(a), -np.sin(a) * b

    def sin(x):
        a, b = x
        return np.sin(a), np.cos(a) * b

    def log(x):
        a, b = x
        return np.log(a), b / a

    f = lambda x: add(log(mul(cos(x), sin(x))), sin(x))
    df = lambda x: f([x, 1.0])
    assert df(1.0) == pytest.approx((0.05324076815279066, -0.37501280285243144), rel=1e-15)
    g = lambda x: f(f(x))
    dg = lambda x: g([x, 1.0])
    assert dg(1.0) == pytest.approx((-2.8816056725768977, -7.391555094461485), rel=1e-15)

    # and by bibun itself
    import bibun
    import bibun.numpy as jnp

    F = lambda x: jnp.log(jnp.cos(x) * jnp.sin(x)) + jnp.sin(x)
    G = lambda x: F(F(x))
    assert bibun.value_and_grad(F)(1.0) == pytest.approx(df(1.0), rel=1e-15)
    assert bibun.value_and_grad(G)(1.0) == pytest.approx(dg(1.0), rel=1e-15)


def test_2_1_1_one_variable() -> None:
    import bibun.numpy as jnp

    def f(x):
        return jnp.abs(x) + jnp.sin(x)

    f = lambda x: jnp.abs(x) + jnp.sin(x)  # noqa: F811  (the document defines it twice)
    from bibun import grad

    df = grad(f)
    assert float(df(1.0)) == pytest.approx(1.5403023058681398, rel=1e-15)
    assert str(df(1.0)).startswith("1.5403023")
    assert df(1.0).dtype == np.float64
    assert float(df(1)) == float(df(1.0))  # the document's footnote: an error in JAX
    ddf = grad(grad(f))
    assert float(ddf(1.0)) == pytest.approx(-np.sin(1.0), rel=1e-15)

    xarr = jnp.linspace(-10, 10, 100)
    with pytest.raises(TypeError, match="returns a scalar"):
        df(xarr)

    from bibun import vmap

    dfv = vmap(grad(f))
    assert isinstance(dfv(xarr), jnp.ndarray)

    import matplotlib.pyplot as plt

    plt.plot(xarr, f(xarr), ".", label=r"$f(x)=|x|+\sin{x}$")
    plt.plot(xarr, dfv(xarr), ".", label="f'(x)")
    plt.xlabel("x")
    plt.legend()
    x = np.linspace(-10, 10, 100)
    assert np.allclose(curves()[0], np.abs(x) + np.sin(x), rtol=1e-14)
    assert np.allclose(curves()[1], np.sign(x) + np.cos(x), rtol=1e-14)


def test_2_1_2_several_variables() -> None:
    import bibun.numpy as jnp
    from bibun import grad, vmap

    def g(x, y, z):
        return jnp.sqrt(x**2 + 2 * y**2 + 3 * z**2)

    dgdx = grad(g, argnums=0)
    assert float(dgdx(1.0, 1.0, 1.0)) == pytest.approx(0.4082482904638631, rel=1e-15)
    dgdy = grad(g, argnums=1)
    assert float(dgdy(1.0, 1.0, 1.0)) == pytest.approx(0.8164965809277261, rel=1e-15)
    dgdr = grad(g, argnums=(0, 1, 2))
    assert [float(d) for d in dgdr(1.0, 1.0, 1.0)] == pytest.approx(
        [0.4082482904638631, 0.8164965809277261, 1.2247448713915892], rel=1e-15
    )

    xv = jnp.linspace(-10, 10, 100)
    with pytest.raises(TypeError, match="scalar"):
        dgdr(xv, 1.0, 1.0)
    dgdrv = vmap(grad(g, argnums=(0, 1, 2)), (0, None, None), 0)
    dd = dgdrv(xv, 1.0, 1.0)
    plt.plot(xv, dd[0], label=r"$\partial_x g(x,1,1)$")
    plt.plot(xv, dd[1], label=r"$\partial_y g(x,1,1)$")
    plt.plot(xv, dd[2], label=r"$\partial_z g(x,1,1)$")
    plt.xlabel("x")
    plt.legend()
    x = np.linspace(-10, 10, 100)
    r = np.sqrt(x**2 + 5)
    for drawn, want in zip(curves(), (x / r, 2 / r, 3 / r), strict=True):
        assert np.allclose(drawn, want, rtol=1e-14)


def test_2_1_3_vectors() -> None:
    import bibun.numpy as jnp
    from bibun import grad, vmap

    def f(x, y):
        return jnp.dot(x, y)

    x, y = jnp.linspace(0, 1, 11), jnp.linspace(1, 2, 11)
    assert np.array_equal(grad(f, argnums=0)(x, y), np.linspace(1, 2, 11))
    X = jnp.linspace(0, 1, 55).reshape(5, 11)
    each = vmap(grad(f, argnums=0), (0, None), 0)(X, y)
    assert np.array_equal(each, np.tile(np.linspace(1, 2, 11), (5, 1)))
    Y = jnp.linspace(1, 2, 55).reshape(5, 11)
    both = vmap(grad(f, argnums=0), (0, 0), 0)(X, Y)
    assert float(both[0, 0]) == 1.0
    assert np.array_equal(both, np.linspace(1, 2, 55).reshape(5, 11))


def test_2_1_4_utility_function() -> None:
    import bibun.numpy as jnp
    from bibun import grad, vmap

    def u(x):
        return jnp.log(1.0 + x)

    def ARA(xarr):
        den = vmap(grad(grad(u)))
        bun = vmap(grad(u))
        return -den(xarr) / bun(xarr)

    def RRA(xarr):
        den = vmap(grad(grad(u)))
        bun = vmap(grad(u))
        return -den(xarr) / bun(xarr) * xarr

    x_ = jnp.linspace(0, 3, 100)
    plt.plot(x_, u(x_), label="$u(x)$")
    plt.plot(x_, ARA(x_), label="ARA", ls="dashed")
    plt.plot(x_, RRA(x_), label="RRA", ls="dotted")
    plt.legend()
    plt.xlabel("$x$")
    plt.xlim(0.0, 3.0)
    plt.ylim(0, 3)
    x = np.linspace(0, 3, 100)
    for drawn, want in zip(curves(), (np.log(1 + x), 1 / (1 + x), x / (1 + x)), strict=True):
        assert np.allclose(drawn, want, rtol=1e-13)


def test_2_1_4_with_a_control_parameter() -> None:
    import bibun.numpy as jnp
    from bibun import grad, vmap

    def u(x, A):
        return jnp.log(A + x)

    def dARA(xarr, A):
        den = grad(grad(u, argnums=(0)), argnums=(0))
        bun = grad(u, argnums=(0))

        g = lambda x, A: -den(x, A) / bun(x, A)
        h = vmap(grad(g, argnums=(0)), (0, None), 0)
        return h(xarr, A)

    def dRRA(xarr, A):
        den = grad(grad(u, argnums=(0)), argnums=(0))
        bun = grad(u, argnums=(0))
        g = lambda x, A: -den(x, A) / bun(x, A) * x
        h = vmap(grad(g, argnums=(0)), (0, None), 0)
        return h(xarr, A)

    Aarr = [-1.0, 0.0, 1.0]
    fig = plt.figure(figsize=(15, 3))
    for i, Ain in enumerate(Aarr):
        ax = fig.add_subplot(1, 3, i + 1)
        x_ = jnp.linspace(-Ain + 0.5, -Ain + 3, 100)
        plt.title("A=" + str(Ain))
        ax.plot(x_, u(x_, Ain), label="$u(x)$")
        ax.plot(x_, dARA(x_, Ain), label=r"$\partial_x$ARA$(x)$", ls="dashed")
        ax.plot(x_, dRRA(x_, Ain), label=r"$\partial_x$RRA$(x)$", ls="dotted")
        plt.legend()
        plt.xlabel("$x$")
        x = np.linspace(-Ain + 0.5, -Ain + 3, 100)
        wanted = np.log(Ain + x), -1 / (Ain + x) ** 2, Ain / (Ain + x) ** 2
        for drawn, want in zip(curves(ax), wanted, strict=True):
            assert np.allclose(drawn, want, rtol=1e-12, atol=1e-12)


def test_2_2_scan_in_python() -> None:
    import bibun.lax
    import bibun.numpy as jnp

    def scan(f, init, xs, length=None):
        if xs is None:
            xs = [None] * length
        carry = init
        ys = []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, np.stack(ys)

    step = lambda c, x: (c * x + 1.0, c - x)
    xs = jnp.array([1.0, 2.0, 3.0])
    for ours, theirs in zip(bibun.lax.scan(step, 2.0, xs), scan(step, 2.0, xs), strict=True):
        assert np.array_equal(ours, theirs)
    one = lambda c, _: (0.5 * c, c)
    for ours, theirs in zip(
        bibun.lax.scan(one, 8.0, None, length=3), scan(one, 8.0, None, 3), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_2_2_scan_rewritten_and_as_a_plain_loop() -> None:
    import bibun
    import bibun.lax
    import bibun.numpy as jnp

    n = 3

    def scan(f, x0, length=n):
        step = [None] * n
        x = x0
        narr = []
        for i in step:
            x, null = f(x, i)
            narr.append(null)
        return x, np.stack(narr)

    def scan_eq(f, x0, n):
        x = x0
        for i in range(0, n):  # noqa: B007, PIE808
            x = f(x)
        return x

    step = lambda x, null: (1.0 / (1.0 + x), x)
    x0 = jnp.array(0.3)
    for ours, theirs in zip(bibun.lax.scan(step, x0, None, n), scan(step, x0), strict=True):
        assert np.array_equal(ours, theirs)
    loop = lambda x: scan_eq(lambda x: step(x, None)[0], x, n)
    assert float(loop(0.3)) == float(scan(step, x0)[0])
    # a plain Python loop differentiates and compiles too
    assert float(bibun.jit(bibun.grad(loop))(0.3)) == pytest.approx(h_sp(0.3), rel=1e-15)


def h_sp(x: Any) -> Any:
    """Equation 2.15, which the document gets from SymPy."""
    return -1 / ((1 + 1 / (1 + 1 / (x + 1))) ** 2 * (1 + 1 / (x + 1)) ** 2 * (x + 1) ** 2)


def test_2_2_for_loop() -> None:
    import bibun.numpy as jnp
    from bibun import grad
    from bibun.lax import scan

    def f(x, null):
        x = 1.0 / (1.0 + x)
        return x, null

    def g(x0):
        x, null = scan(f, x0, None, 3)
        return x

    from bibun import jit, vmap

    h = jit(vmap(grad(g)))
    xarr = jnp.linspace(0, 1, 100)
    harr = h(xarr)

    fig = plt.figure()
    ax = fig.add_subplot(211)
    plt.plot(xarr, h_sp(xarr) - harr)
    plt.ylabel("sympy-jax")
    ax = fig.add_subplot(212)
    plt.plot(xarr, harr)
    plt.xlabel("$x$")
    plt.ylabel(r"$\partial_x f(f(f(x)))$")
    plt.show()
    # the document's figure shows an agreement of 6 or 7 digits, in single precision
    assert np.max(np.abs(curves(fig.axes[0])[0])) < 2e-16
    assert np.allclose(curves(ax)[0], h_sp(np.linspace(0, 1, 100)), rtol=4e-16)


def test_2_2_for_loop_against_sympy() -> None:
    """The document checks with SymPy; and a SymPy expression's code runs on bibun values."""
    sp = pytest.importorskip("sympy")
    import bibun.numpy as jnp
    from bibun import grad, vmap
    from bibun.lax import scan

    x = sp.Symbol("x")

    def f_sp(x):
        return 1 / (1 + x)

    h = sp.lambdify(x, sp.diff(f_sp(f_sp(f_sp(x))), x), "numpy")

    def g(x0):
        x, _ = scan(lambda x, null: (1.0 / (1.0 + x), null), x0, None, 3)
        return x

    xarr = jnp.linspace(0, 1, 100)
    assert np.allclose(h(xarr), h_sp(np.asarray(xarr)), rtol=1e-14)
    assert np.allclose(h(xarr), vmap(grad(g))(xarr), rtol=1e-14)


def test_2_2_1_derivative_in_the_inputs_of_scan() -> None:
    import bibun.numpy as jnp
    from bibun import grad, jit
    from bibun.lax import scan

    def g(y, x):
        y = y * x + 1.0 / x
        return y, None

    @jit
    def f(xs):
        y0 = 1.0
        y, null = scan(g, y0, xs)
        return y

    h = grad(f)
    xs = jnp.array([1.0, 2.0, 4.0, 5.0])
    assert np.allclose(h(xs), [0.0, 35.0, 22.1875, 18.21], rtol=1e-15)

    # to the digits the document prints in single precision, and exactly
    found = h(jnp.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]))
    printed = [0.0, 35280.0, 29493.332, 23135.0, 18662.559, 15572.979, 13350.7705, 11682.194]
    assert np.allclose(found, printed, rtol=1e-7)
    assert np.allclose(found, [float(d) for d in _exact_gradient(8)], rtol=1e-15)


def _exact_gradient(n: int) -> list[Fraction]:
    xs = [Fraction(k) for k in range(1, n + 1)]
    ys = [Fraction(1)]
    for x in xs:
        ys.append(ys[-1] * x + 1 / x)
    grads, ct = [], Fraction(1)
    for x, y in zip(reversed(xs), reversed(ys[:-1]), strict=True):
        grads.append(ct * (y - 1 / x**2))
        ct *= x
    return grads[::-1]


def test_2_3_jit_and_classes() -> None:
    import bibun.numpy as jnp
    from bibun import grad, jit, vmap
    from bibun.lax import scan

    def f(x, null):
        x = 1.0 / (1.0 + x)
        return x, null

    from functools import partial

    class fcjax(object):  # noqa: UP004
        def __init__(self, c, n):
            self.c = c
            self.n = n

        def f(self, x, null):
            x = self.c / (self.c + x)
            return x, null

        @partial(jit, static_argnums=(0,))
        def g(self, x0):
            x, null = scan(f, x0, None, self.n)
            return x

        @partial(jit, static_argnums=(0,))
        def h(self, x0):
            hh = vmap(grad(self.g))
            return hh(x0)

    xarr = jnp.linspace(0, 1, 100)
    for i in range(1, 4):
        fcc = fcjax(1.0, i)
        plt.plot(xarr, fcc.h(xarr), label="n=" + str(i))
    plt.legend()
    plt.show()

    x = np.linspace(0, 1, 100)
    wanted = [-1 / (1 + x) ** 2, 1 / (2 + x) ** 2, h_sp(x)]
    for drawn, want in zip(curves(), wanted, strict=True):
        assert np.allclose(drawn, want, rtol=1e-15)

    fcc = fcjax(1.0, 1)
    fcc.n = 2
    assert np.allclose(fcc.h(xarr), wanted[1], rtol=1e-15)
    fcc.n = 3
    # The document warns that the compiled method goes on with n = 2. Not here.
    assert np.allclose(fcc.h(xarr), wanted[2], rtol=1e-15)
    fcc.n = 2
    assert np.allclose(fcc.h(xarr), wanted[1], rtol=1e-15)
