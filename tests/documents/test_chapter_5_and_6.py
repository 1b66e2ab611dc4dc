"""Document 1, chapters 5 and 6: optimizers, differentiable solvers, pytrees."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as jnp


# Booth function
def booth(x, y):
    f = (x + 2.0 * y - 7.0) ** 2 + (2.0 * x + y - 5.0) ** 2
    return f  # noqa: RET504


def objective(r):
    f = booth(r[0], r[1])
    return f  # noqa: RET504


def booth_gradient(r: np.ndarray) -> np.ndarray:
    a, b = r[0] + 2 * r[1] - 7, 2 * r[0] + r[1] - 5
    return np.array([2 * a + 4 * b, 4 * a + 2 * b])


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_5_1_1_optimizers(name: str) -> None:
    from bibun import optimizers, value_and_grad

    def step(t, opt_state):
        value, grads = value_and_grad(objective)(get_params(opt_state))
        opt_state = opt_update(t, grads, opt_state)
        return value, opt_state

    # (the document's calls pass opt_update here too, which its definition does not take)
    def doopt(r0, opt_init, get_params, Nstep):
        opt_state = opt_init(r0)
        xtraj = [r0[0]]
        ytraj = [r0[1]]

        for t in range(Nstep):
            value, opt_state = step(t, opt_state)
            p = get_params(opt_state)
            xtraj.append(p[0])
            ytraj.append(p[1])
        return xtraj, ytraj, p

    make = {"adam": lambda: optimizers.adam(1e0), "sgd": lambda: optimizers.sgd(1e-1)}[name]
    opt_init, opt_update, get_params = make()
    r0 = jnp.array([7.5, -7.5])
    xtraj, ytraj, p = doopt(r0, opt_init, get_params, 100)

    # figure 5.1: the trajectories, step by step, against the textbook's formulas in NumPy
    r, m, v = np.array([7.5, -7.5]), np.zeros(2), np.zeros(2)
    want = [r]
    for t in range(100):
        g = booth_gradient(r)
        if name == "sgd":
            r = r - 0.1 * g
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            r = r - (m / (1 - 0.9 ** (t + 1))) / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
        want.append(r)
    got = np.stack([np.asarray(xtraj, float), np.asarray(ytraj, float)], axis=1)
    assert np.allclose(got, want, rtol=1e-9, atol=1e-9)
    if name == "sgd":
        assert np.allclose(p, [1.0, 3.0], atol=1e-8)  # the minimum

    # the contour of the figure
    x, y = jnp.linspace(-5, 15, 50), jnp.linspace(-10, 10, 50)
    g = booth(x[:, None] * jnp.ones((50, 50)), y[None, :] * jnp.ones((50, 50)))
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.plot(xtraj, ytraj, lw=0.75)
    plt.contour(x, y, jnp.log(g.T), levels=10)
    plt.close("all")


def test_5_2_solution_and_its_derivative() -> None:
    import bibun.solvers as jaxopt

    np.random.seed(1)

    def f(x, a):
        return (x - jnp.sin(a)) ** 2

    gd = jaxopt.GradientDescent(fun=f, maxiter=500)

    def g(a):
        res = gd.run(init_params=np.random.normal(0.0, 1.0), a=a)
        params, state = res
        return params

    assert float(g(0.1)) == pytest.approx(np.sin(0.1), abs=1e-3)  # the tolerance of the solver
    from bibun import grad

    dg = grad(g)
    assert float(dg(-0.2)) == pytest.approx(0.9800666, abs=1e-7)
    assert float(dg(-0.2)) == pytest.approx(np.cos(0.2), rel=1e-9)


def test_6_pytrees() -> None:
    """The chapter is a heading, `tree_map`; here it is."""
    from bibun.tree import leaves, map

    params = {"W": jnp.ones((2, 2)), "b": [jnp.zeros(2), 3.0]}
    doubled = map(lambda x: 2 * x, params)
    assert [float(jnp.sum(x)) for x in leaves(doubled)] == [8.0, 0.0, 6.0]
    g = bibun.grad(lambda p: jnp.sum(p["W"] ** 2) + p["b"][1] * jnp.sum(p["b"][0]))(params)
    assert np.array_equal(g["W"], 2 * np.ones((2, 2)))
    assert np.array_equal(g["b"][0], [3.0, 3.0])
    assert float(g["b"][1]) == 0.0
