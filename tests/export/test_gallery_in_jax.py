"""What the examples compute, in JAX: the same values, and JAX's gradients of them are bibun's."""

from __future__ import annotations

import functools
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import export, optimizers, random, tree
from bibun.prob.infer.util import log_density

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
pytest.importorskip("matplotlib")

EXAMPLES = Path(__file__).parents[2] / "examples"


@functools.cache
def script(name: str) -> dict[str, Any]:
    folder = str((EXAMPLES / name).parent)
    sys.path.insert(0, folder)  # as Python does for the script that it runs
    try:
        return runpy.run_path(str(EXAMPLES / name))
    finally:
        sys.path.remove(folder)


def density(model: Any, *data: Any, **named: Any) -> Any:
    return lambda params: log_density(model, data, named, params)[0]


def booth() -> Any:
    s = script("ch5_optimization/booth.py")

    def last(start: Any) -> Any:
        state = optimizers.adam(0.1)
        x = state[0](start)
        for t in range(3):
            x = state[1](t, bibun.grad(s["booth"])(state[2](x)), x)
        return s["booth"](state[2](x))

    return last, np.array([3.0, -2.0])


def network() -> Any:
    s = script("ch6_pytrees/network.py")
    layers = tree.map(np.asarray, s["initial"](random.key(0)))
    x = np.linspace(-1, 1, 7)[:, None]
    return lambda layers: s["loss"](layers, x, np.sin(x)), layers


def velocity() -> Any:
    s = script("radial_velocity/kepler.py")
    t = np.linspace(0, 30, 9)

    def f(p: Any) -> Any:
        return s["radial_velocity"](t, p[0], p[1], p[2], p[3], p[4])

    return f, np.array([20.9, 1.5, 4.0, 0.1, -0.2])


def co2() -> Any:
    s = script("mauna_loa/model.py")
    t = np.linspace(0, 3, 12)
    y = np.sin(t)
    return lambda z: s["negative_log_posterior"](z, t, y), np.full(len(s["PRIORS"]), 0.1)


def signal() -> Any:
    s = script("ch8_gaussian_processes/signal.py")
    t = np.linspace(0, 20, 15)
    d = np.cos(t)

    def f(p: Any) -> Any:
        return s["process"](t, **p).log_probability(d)

    return f, dict(s["TRUTH"])


def blurred() -> Any:
    s = script("ch7_curve_fitting/blurred.py")
    return density(s["model"], y=np.asarray(s["blurred"](3.0))), {"width": 2.5, "sigma": 0.3}


CASES = {
    "one_variable": lambda: (script("ch2_derivatives/one_variable.py")["f"], 0.7),
    "several_variables": lambda: (
        lambda p: script("ch2_derivatives/several_variables.py")["g"](*p), np.array([0.3, 0.5, 2.0])
    ),
    "a continued fraction": lambda: (script("ch2_derivatives/loop.py")["fraction"], 0.7),
    "kepler": lambda: (
        lambda p: script("ch3_implicit_functions/kepler.py")["anomaly"](p[0], p[1]),
        np.array([0.4, 1.1]),
    ),
    "steps of Adam on Booth's function": booth,
    "a network": network,
    "radial velocity": velocity,
    "Mauna Loa": co2,
    "a signal and a trend": signal,
    "a blurred line": blurred,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str) -> None:
    f, at = CASES[name]()
    total = lambda p: bnp.sum(f(p))  # noqa: E731
    theirs = jax.jit(jax.value_and_grad(export.to_jax(total)))(tree.map(np.asarray, at))
    ours = bibun.jit(bibun.value_and_grad(total))(at)
    for a, b in zip(tree.leaves(theirs), tree.leaves(ours), strict=True):
        assert np.all(np.isfinite(b))
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_a_solver_goes_over_with_bibuns_derivative() -> None:
    """A loop until convergence: JAX has no reverse mode through it, so bibun's goes over."""
    minimum = script("ch5_optimization/solution.py")["minimum"]
    for f in (minimum, bibun.grad(minimum)):
        a = np.linspace(0.1, 6.0, 5)
        np.testing.assert_allclose(
            jax.jit(jax.vmap(export.to_jax(f)))(a), bibun.vmap(f)(a), rtol=1e-7, atol=1e-9
        )


def test_walkers_go_the_same_ways() -> None:
    visits = script("ch4_arrays_and_loops/walkers.py")["visits"]
    small = {"WALKERS": 30, "STEPS": 40}
    visits.fun.__globals__.update(small)
    count, inside = visits(random.key(4))
    there = jax.jit(export.to_jax(visits))(jax.random.key(4))
    assert np.array_equal(np.asarray(there[0]), count)
    np.testing.assert_allclose(there[1], inside, rtol=1e-15)
    assert int(count.sum()) <= 30 * 40
