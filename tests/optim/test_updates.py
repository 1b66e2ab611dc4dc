"""Each optimizer against its paper's formula, written in NumPy, over several steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import jit, optim

RATE = 0.1
STEPS = 6
START = np.array([[1.0, -2.0], [0.5, 3.0]])


def gradients() -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.normal(size=START.shape) * 10.0**k for k in rng.integers(-2, 2, STEPS)]


def average(decay: float, start: Any = 0.0) -> Callable[[Any], Any]:
    held = start

    def add(x: Any) -> Any:
        nonlocal held
        held = decay * held + (1 - decay) * x
        return held

    return add


Formula = Callable[[], Callable[[int, np.ndarray, np.ndarray], np.ndarray]]
FORMULAS: dict[str, tuple[Any, Formula]] = {}


def formula(name: str, tx: Any) -> Callable[[Formula], Formula]:
    def keep(f: Formula) -> Formula:
        FORMULAS[name] = tx, f
        return f

    return keep


@formula("sgd", optim.sgd(RATE))
def _():
    return lambda t, g, p: -RATE * g


@formula("momentum", optim.sgd(RATE, momentum=0.9))
def _():
    held = 0.0

    def step(t, g, p):
        nonlocal held
        held = g + 0.9 * held
        return -RATE * held

    return step


@formula("nesterov", optim.sgd(RATE, momentum=0.9, nesterov=True))
def _():
    held = 0.0

    def step(t, g, p):
        nonlocal held
        held = g + 0.9 * held
        return -RATE * (g + 0.9 * held)

    return step


def adam_like(
    *, decay: float = 0.0, nesterov: bool = False, amsgrad: bool = False, eps: float = 1e-8
) -> Formula:
    def make():
        m, v = average(0.9), average(0.999)
        top = 0.0

        def step(t, g, p):
            nonlocal top
            mean = m(g)
            second = v(g * g) / (1 - 0.999**t)
            first = mean / (1 - 0.9**t)
            if nesterov:
                first = 0.9 * mean / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
            if amsgrad:
                second = top = np.maximum(top, second)
            return -RATE * (first / (np.sqrt(second) + eps) + decay * p)

        return step

    return make


formula("adam", optim.adam(RATE))(adam_like())
formula("nadam", optim.nadam(RATE))(adam_like(nesterov=True))
formula("adamw", optim.adamw(RATE, weight_decay=0.05))(adam_like(decay=0.05))
formula("amsgrad", optim.amsgrad(RATE))(adam_like(amsgrad=True))


@formula("adamax", optim.adamax(RATE))
def _():
    m, u = average(0.9), 0.0

    def step(t, g, p):
        nonlocal u
        u = np.maximum(np.abs(g) + 1e-8, 0.999 * u)
        return -RATE * m(g) / (1 - 0.9**t) / u

    return step


@formula("radam", optim.radam(RATE))
def _():
    m, v = average(0.9), average(0.999)
    limit = 2 / (1 - 0.999) - 1

    def step(t, g, p):
        first, second = m(g) / (1 - 0.9**t), v(g * g) / (1 - 0.999**t)
        rho = limit - 2 * t * 0.999**t / (1 - 0.999**t)
        if rho < 5:
            return -RATE * first
        r = np.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
        return -RATE * r * first / (np.sqrt(second) + 1e-8)

    return step


@formula("adabelief", optim.adabelief(RATE))
def _():
    m, s = average(0.9), average(0.999)

    def step(t, g, p):
        mean = m(g)
        spread = s((g - mean) ** 2)
        return -RATE * mean / (1 - 0.9**t) / (np.sqrt(spread / (1 - 0.999**t) + 1e-16) + 1e-16)

    return step


@formula("adagrad", optim.adagrad(RATE))
def _():
    total = 0.1

    def step(t, g, p):
        nonlocal total
        total = total + g * g
        return -RATE * g / np.sqrt(total + 1e-7)

    return step


@formula("adadelta", optim.adadelta(RATE))
def _():
    squares, moves = average(0.9), average(0.9)
    held = 0.0

    def step(t, g, p):
        nonlocal held
        u = np.sqrt(held + 1e-6) / np.sqrt(squares(g * g) + 1e-6) * g
        held = moves(u * u)
        return -RATE * u

    return step


@formula("rmsprop", optim.rmsprop(RATE))
def _():
    v = average(0.9)
    return lambda t, g, p: -RATE * g / np.sqrt(v(g * g) + 1e-8)


@formula("rmsprop-centered-momentum", optim.rmsprop(RATE, centered=True, momentum=0.9))
def _():
    m, v = average(0.9), average(0.9)
    held = 0.0

    def step(t, g, p):
        nonlocal held
        second = v(g * g)
        held = 0.9 * held - RATE * g / np.sqrt(second - m(g) ** 2 + 1e-8)
        return held

    return step


@formula("lion", optim.lion(RATE, weight_decay=0.01))
def _():
    held = 0.0

    def step(t, g, p):
        nonlocal held
        u = np.sign(0.9 * held + 0.1 * g)
        held = 0.99 * held + 0.01 * g
        return -RATE * (u + 0.01 * p)

    return step


@formula("lamb", optim.lamb(RATE, weight_decay=0.01))
def _():
    inner = adam_like(decay=0.01, eps=1e-6)()

    def step(t, g, p):
        u = inner(t, g, p) / -RATE
        return -RATE * u * np.linalg.norm(p) / np.linalg.norm(u)

    return step


@formula("lars", optim.lars(RATE, weight_decay=0.01))
def _():
    held = 0.0

    def step(t, g, p):
        nonlocal held
        u = g + 0.01 * p
        held = 0.9 * held - RATE * 0.001 * np.linalg.norm(p) / np.linalg.norm(u) * u
        return held

    return step


@formula("yogi", optim.yogi(RATE))
def _():
    m, v = average(0.9, 1e-6), 1e-6

    def step(t, g, p):
        nonlocal v
        v = v - 0.001 * np.sign(v - g * g) * g * g
        return -RATE * m(g) / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-3)

    return step


@formula("novograd", optim.novograd(RATE, weight_decay=0.01))
def _():
    v, held = 0.0, 0.0

    def step(t, g, p):
        nonlocal v, held
        v = np.sum(g * g) if t == 1 else 0.25 * v + 0.75 * np.sum(g * g)
        held = 0.9 * held + g / (np.sqrt(v) + 1e-6) + 0.01 * p
        return -RATE * held

    return step


@formula("sm3", optim.sm3(RATE))
def _():
    rows, columns, held = np.zeros(2), np.zeros(2), 0.0

    def step(t, g, p):
        nonlocal rows, columns, held
        v = np.minimum(rows[:, None], columns[None, :]) + g * g
        rows, columns = v.max(1), v.max(0)
        held = 0.9 * held + 0.1 * g / np.sqrt(v + 1e-8)
        return -RATE * held

    return step


def run(update: Callable[..., Any], state: Any) -> Iterator[tuple[np.ndarray, Any]]:
    params = {"w": bnp.asarray(START)}
    for g in gradients():
        updates, state = update({"w": g}, state, params)
        params = optim.apply_updates(params, updates)
        yield np.asarray(params["w"]), state


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_formula(name: str, compiled: bool) -> None:
    tx, make = FORMULAS[name]
    step, p = make(), START
    update = jit(tx.update) if compiled else tx.update
    found = run(update, tx.init({"w": bnp.asarray(START)}))
    for t, (g, (got, _)) in enumerate(zip(gradients(), found, strict=True), 1):
        p = p + step(t, g, p)
        np.testing.assert_allclose(got, p, rtol=1e-9, atol=1e-12, err_msg=f"{name}, step {t}")


def test_every_optimizer_keeps_types_and_structure() -> None:
    params = {"a": bnp.ones(3, "float32"), "b": [bnp.asarray(2.0)]}
    for name, (tx, _) in FORMULAS.items():
        state = tx.init(params)
        updates, after = tx.update(params, state, params)
        new = optim.apply_updates(params, updates)
        assert new["a"].dtype == np.float32, name
        assert new["a"].shape == (3,)
        from bibun import tree

        assert tree.structure(after) == tree.structure(state), name
