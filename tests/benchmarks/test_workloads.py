"""Every workload of `benchmarks/` computes, on bibun and at a small size, what it should.

No timing here. The references are NumPy's: closed forms where there are any, complex steps
and central differences of an independent NumPy version elsewhere, quadrature and published
moments for the samplers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.stack import Stack
from benchmarks.worker import leaves
from benchmarks.workloads import REGISTRY, nuts

import bibun

POSTERIORS = Path(__file__).resolve().parents[3] / "shared" / "reference_posteriors"
# jax.random.normal(jax.random.PRNGKey(0), (5,)), JAX 0.10.2 with jax_enable_x64
NORMALS = [
    -0.2058421394796434,
    -0.7847657764467411,
    1.8160866726679836,
    0.1878440128937887,
    0.08086788103743275,
]
FUNCTIONS = [name for name, w in REGISTRY.items() if not w.sampler]
SAMPLERS = [name for name, w in REGISTRY.items() if w.sampler]


def run(name: str) -> tuple[Any, Any]:
    """Result and arguments of a workload at its small size, as NumPy arrays."""
    function, arguments = REGISTRY[name].make(Stack("bibun"), small=True)
    result = function(*arguments)
    return bibun.device_get(result), bibun.device_get(arguments)


def complex_step(f: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """The gradient of a real-analytic scalar function, to rounding."""
    out = np.empty(np.shape(x))
    for k in np.ndindex(out.shape):
        moved = np.array(x, dtype=complex)
        moved[k] += 1e-30j
        out[k] = np.imag(f(moved)) / 1e-30
    return out


# references: arguments of the workload -> its result ----------------------------------------------


def abs_sin(x: Any) -> Any:
    return np.sign(x) + np.cos(x)


def twice_log_cos_sin(x: Any) -> Any:
    def once(v: Any) -> Any:
        return np.log(np.cos(v) * np.sin(v)) + np.sin(v)

    return complex_step(lambda v: once(once(v)).sum(), x)


def five_functions(x: Any) -> Any:
    def f(v: Any) -> Any:
        # NumPy's complex log1p loses a tiny imaginary part, so log(1 + v)
        return np.sum(np.exp(v) * np.log(1 + v) + np.tanh(v) * np.sqrt(v) + np.arctan(v))

    return complex_step(f, x)


def scan_divisions(x: Any) -> Any:
    def f(c: Any) -> Any:
        for _ in range(7):
            c = 1.0 / (0.05 + c)
        return c

    return complex_step(f, x)


def scan_inputs(xs: Any) -> Any:
    def f(v: Any) -> Any:
        y = 1.0
        for x in v:
            y = y * x + 1.0 / x
        return y

    return complex_step(f, xs)


def scan_matrices(matrices: Any) -> Any:
    def f(c: Any) -> Any:
        for _ in range(5):
            c = np.tanh(c + 0.03 * (c @ np.roll(c, -1, axis=0)))
        return c.sum()

    return list(complex_step(f, np.array(matrices)))


def kepler(e: Any, m: Any) -> Any:
    x = np.array(m)
    for _ in range(200):  # a contraction: converges for every e < 1
        x = m + e * np.sin(x)
    return x, 1.0 / (1.0 - e * np.cos(x))


def normals(key: Any) -> Any:
    return np.array(NORMALS)


def option(spot: Any, key: Any) -> Any:
    paths, steps = 200, 9
    z = np.asarray(bibun.random.normal(bibun.random.PRNGKey(1), (steps, paths)))
    growth = (0.01 - 0.005) / steps + 0.1 * np.sqrt(1 / steps) * z
    factor = np.exp(growth.sum(axis=0))
    gap = 10.0 * (spot * factor - 100.0)
    inside = 1.0 / (1.0 + np.exp(-gap))
    discount = np.exp(-0.01)
    price = discount * np.mean(np.logaddexp(0.0, gap)) / 10.0
    delta = discount * np.mean(inside * factor)
    return price, delta, discount * np.mean(10.0 * inside * (1.0 - inside) * factor**2)


def process(p: Any, t: Any, y: Any) -> Any:
    def f(q: Any) -> Any:  # complex steps pass through solve, but not through slogdet
        k = q[0] * np.exp(-((t[:, None] - t) ** 2) / (2 * q[1] ** 2)) + q[2] ** 2 * np.eye(len(t))
        log_det = np.sum(np.log(np.diag(upper(k))))
        return -0.5 * (y @ np.linalg.solve(k, y) + log_det + len(t) * np.log(2 * np.pi))

    def upper(k: Any) -> Any:  # Gaussian elimination, no pivots: positive definite
        k = k.copy()
        for j in range(len(k)):
            k[j + 1 :] -= np.outer(k[j + 1 :, j] / k[j, j], k[j])
        return k

    return np.real(f(np.asarray(p, dtype=complex))), complex_step(f, p)


def adam_step(t: Any, state: Any) -> Any:
    p, m, v = state
    r1, r2 = p[0] + 2 * p[1] - 7, 2 * p[0] + p[1] - 5
    g = np.array([2 * r1 + 4 * r2, 4 * r1 + 2 * r2])
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    change = 0.1 * (m / (1 - 0.9**3)) / (np.sqrt(v / (1 - 0.999**3)) + 1e-8)
    return p - change, m, v


def mlp(layers: Any, x: Any, y: Any) -> Any:
    (w1, b1), (w2, b2) = layers

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return np.mean((np.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2)

    at = [w1, b1, w2, b2]
    grads = [
        complex_step(lambda v, k=k: loss(*at[:k], v, *at[k + 1 :]), at[k]) for k in range(len(at))
    ]
    return [(grads[0], grads[1]), (grads[2], grads[3])]


def logistic_gradient(w: Any, x: Any, y: Any) -> Any:
    return x.T @ (1.0 / (1.0 + np.exp(-x @ w)) - y)


REFERENCES: dict[str, Callable[..., Any]] = {
    "abs-sin": abs_sin,
    "twice-log-cos-sin": twice_log_cos_sin,
    "five-functions": five_functions,
    "scan-divisions": scan_divisions,
    "scan-inputs": scan_inputs,
    "scan-matrices": scan_matrices,
    "kepler": kepler,
    "normals": normals,
    "option": option,
    "gp-101": process,
    "gp-1000": process,
    "adam-step": adam_step,
    "mlp": mlp,
    "logistic-gradient": logistic_gradient,
    "eager": lambda x: np.sum(np.sin(x) * x + 1),
    "eager-grad": lambda x: np.cos(x) * x + np.sin(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_value(name: str) -> None:
    result, arguments = run(name)
    expected = leaves(REFERENCES[name](*arguments))
    got = leaves(result)
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_full_sizes_are_those_of_the_table() -> None:
    """The arguments a benchmark times: long enough, in double precision."""
    for name, size in (("abs-sin", 10**6), ("scan-inputs", 10**4), ("kepler", 10**6)):
        _, arguments = REGISTRY[name].make(Stack("bibun"))
        assert np.size(arguments[-1]) == size
        assert arguments[-1].dtype == np.float64


# samplers -----------------------------------------------------------------------------------------


def sine_moments() -> dict[str, tuple[Any, Any]]:
    x, y = nuts.sine_data()

    def log_density(phase: Any, sigma: Any) -> Any:
        residual = y - np.sin(x + phase[..., None])
        return -np.sum(residual**2, -1) / (2 * sigma**2) - len(y) * np.log(sigma) - sigma

    grid = np.meshgrid(np.linspace(-np.pi, np.pi, 801), np.linspace(0.05, 3, 800), indexing="ij")
    return moments(dict(zip(("phase", "sigma"), grid, strict=True)), log_density(*grid))


def moments(at: dict[str, np.ndarray], log_density: np.ndarray) -> dict[str, tuple[Any, Any]]:
    """Mean and sd of each coordinate of a grid with these log densities."""
    w = np.exp(log_density - log_density.max())
    w /= w.sum()
    found = {}
    for name, x in at.items():
        mean = np.sum(w * x)
        found[name] = (mean, np.sqrt(np.sum(w * (x - mean) ** 2)))
    return found


def schools_moments() -> dict[str, tuple[Any, Any]]:
    path = POSTERIORS / "eight_schools-eight_schools_noncentered" / "reference.json"
    if not path.exists():
        pytest.skip(f"needs the reference posteriors in {POSTERIORS}")
    params = json.loads(path.read_text())["params"]
    return {name: (params[name]["mean"], params[name]["sd"]) for name in ("mu", "tau")}


def logistic_moments() -> dict[str, tuple[Any, Any]]:
    """By importance sampling from the normal approximation at the mode."""
    x, y = nuts.logistic_data(100, 3)
    w = np.zeros(3)
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ w))
        precision = (x.T * (p * (1 - p))) @ x + np.eye(3)
        w = w + np.linalg.solve(precision, x.T @ (y - p) - w)
    root = np.linalg.cholesky(np.linalg.inv(precision))
    z = np.random.default_rng(0).normal(size=(20000, 3))
    draws = w + z @ root.T
    eta = draws @ x.T
    log_density = np.sum(y * eta - np.logaddexp(0, eta), -1) - np.sum(draws**2, -1) / 2
    weight = np.exp(log_density + np.sum(z**2, -1) / 2 - np.max(log_density))
    weight /= weight.sum()
    mean = weight @ draws
    return {"w": (mean, np.sqrt(weight @ (draws - mean) ** 2))}


def process_moments() -> dict[str, tuple[Any, Any]]:
    t, y = nuts.process_data(30)
    axes = [np.geomspace(0.02, 4, 26), np.geomspace(0.01, 12, 28), np.geomspace(0.003, 12, 28)]
    sigma, tau, a = (v.ravel() for v in np.meshgrid(*axes, indexing="ij"))
    distance = (t[:, None] - t) ** 2
    k = a[:, None, None] * np.exp(-distance / 2 / tau[:, None, None] ** 2)
    k += sigma[:, None, None] ** 2 * np.eye(len(t))
    sign, log_det = np.linalg.slogdet(k)
    quadratic = np.linalg.solve(k, np.broadcast_to(y[:, None], (len(k), len(t), 1)))[..., 0] @ y
    log_density = -0.5 * (quadratic + log_det) - sigma - tau - a
    log_density += np.log(sigma * tau * a)  # the grid is even in the logarithms
    return moments({"sigma": sigma, "tau": tau, "a": a}, log_density)


MOMENTS: dict[str, Callable[[], dict[str, tuple[Any, Any]]]] = {
    "nuts-sine": sine_moments,
    "nuts-schools": schools_moments,
    "nuts-logistic": logistic_moments,
    "nuts-gp": process_moments,
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_moments(name: str) -> None:
    """Means within five Monte Carlo errors, sds within 30 %, of what others compute."""
    from bibun.prob.diagnostics import ess_bulk

    expected = MOMENTS[name]()
    function, arguments = REGISTRY[name].make(Stack("bibun"), small=True)
    first = function(5, *arguments)
    draws = {k: np.stack([first[k], function(6, *arguments)[k]]) for k in first}
    assert set(expected) <= set(draws)
    for site, (mean, sd) in expected.items():
        x = draws[site]
        assert x.shape[:2] == (2, 500)
        assert not np.array_equal(x[0], x[1])  # another seed, other draws
        ess = ess_bulk(x)
        assert np.all(ess > 60), (site, ess)
        error = sd / np.sqrt(ess)
        assert np.all(np.abs(x.mean(axis=(0, 1)) - mean) < 5 * error), (site, x.mean(), mean)
        np.testing.assert_allclose(x.std(axis=(0, 1)), sd, rtol=0.3, err_msg=site)


def test_every_workload_is_checked() -> None:
    assert set(REFERENCES) == set(FUNCTIONS)
    assert set(MOMENTS) == set(SAMPLERS)
