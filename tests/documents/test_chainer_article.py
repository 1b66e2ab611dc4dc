"""Document 2, the article on double backpropagation in Chainer: its listings, word for word.

`import chainer` is `import bibun.variable as chainer`, and so on; nothing else is changed.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm


def test_tldr() -> None:
    import bibun.variable as chainer
    from bibun.variable import Variable

    x = Variable(np.array(0.3))
    y = x**3.0
    (gy,) = chainer.grad([y], [x], enable_double_backprop=True)
    (ggy,) = chainer.grad([gy], [x])
    assert ggy.data == pytest.approx(6 * 0.3, rel=1e-15)

    y = x**3.0
    y.backward(enable_double_backprop=True)
    gy = x.grad_var
    x.cleargrad()  # reset as x.grad = 0
    gy.backward()
    ggy = x.grad_var
    assert ggy.data == pytest.approx(6 * 0.3, rel=1e-15)


def test_with_grad(capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    import bibun.variable as chainer
    from bibun.variable import Variable

    x = Variable(np.array(2.0))  # x = 2.0
    y = x ** 2. + x + 1.0  # y = x^2 + x + 1  # fmt: skip

    gy, = chainer.grad([y], [x], enable_double_backprop=True)  # gy = dy/dx = 2x + 1  # fmt: skip
    print(gy)  # variable(5.0)

    ggy, = chainer.grad([gy], [x])  # ggy = dydy/dxdx = 2  # fmt: skip
    print(ggy)  # variable(2.0)
    assert capsys.readouterr().out == "variable(5.0)\nvariable(2.0)\n"


def test_with_backward(capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    import bibun.variable as chainer  # noqa: F401
    from bibun.variable import Variable

    x = Variable(np.array(2.0))  # x = 2.0
    y = x ** 2. + x + 1.0  # y = x^2 + x + 1  # fmt: skip

    y.backward(enable_double_backprop=True)
    gy = x.grad_var  # gy = dy/dx = 2x + 1
    print(gy)  # variable(5.0)

    x.cleargrad()  # reset as x.grad = 0

    gy.backward()
    ggy = x.grad_var  # ggy = dydy/dxdx = 2
    print(ggy)  # variable(2.0)
    assert capsys.readouterr().out == "variable(5.0)\nvariable(2.0)\n"


# The Greeks ---------------------------------------------------------------------------------------

GREEKS = '''
import numpy as np
import bibun.variable as chainer
from bibun.variable import Variable
import bibun.variable.functions as F
from math import exp


def main():
    stock_price = 100.0
    strike = 100.0
    years = 1.0
    risk_free_rate = 0.01
    volatility = 0.1
    n_paths = 100000
    n_steps = 100

    times = np.linspace(0, years, n_steps, dtype=np.float64)

    r = risk_free_rate
    v = volatility
    k = strike
    T = years
    initial_stocks = Variable(stock_price * np.ones((n_paths,), dtype=np.float64))
    currents = initial_stocks
    for c, n in zip(times[:-1], times[1:]):
        dt = n - c
        zs = np.random.normal(0.0, 1.0, currents.shape)
        currents = currents * F.broadcast(np.exp((r - 0.5 * v * v) * dt + v * dt ** 0.5 * zs))

    call_price = F.average(exp(-r * T) * F.softplus(currents - k, beta=10))  # you should smooth the relu to calculate gamma
    # call_price = F.average(exp(-r * T) * F.relu(currents - k))
    print('call price: {0}'.format(call_price))
    deltas = F.sum(chainer.grad([call_price], [initial_stocks], enable_double_backprop=True)[0])
    print('call delta: {0}'.format(deltas))
    gammas = chainer.grad([deltas], [initial_stocks], enable_double_backprop=True)
    print('call gamma: {0}'.format(np.sum(gammas)))


if __name__ == '__main__':
    main()
'''  # noqa: E501


def black_scholes(s: float, k: float, r: float, v: float, T: float) -> tuple[float, ...]:
    d1 = (math.log(s / k) + (r + v * v / 2) * T) / (v * math.sqrt(T))
    d2 = d1 - v * math.sqrt(T)
    return (
        s * norm.cdf(d1) - k * math.exp(-r * T) * norm.cdf(d2),
        float(norm.cdf(d1)),
        float(norm.pdf(d1) / (s * v * math.sqrt(T))),
    )


def standard_errors(n: int = 100000) -> tuple[float, ...]:
    """Of the estimators of price, delta, gamma, from a sample drawn in one step."""
    s, k, r, v, T = 100.0, 100.0, 0.01, 0.1, 1.0
    z = np.random.default_rng(0).normal(size=n)
    e = np.exp((r - 0.5 * v * v) * T + v * z)
    x = 10 * (s * e - k)
    p = 1 / (1 + np.exp(-x))
    one = math.exp(-r * T)
    samples = one * np.logaddexp(x, 0) / 10, one * p * e, one * 10 * p * (1 - p) * e * e
    return tuple(float(a.std() / math.sqrt(n)) for a in samples)


def test_greeks(capsys: pytest.CaptureFixture[str]) -> None:
    np.random.seed(2017)
    start = time.perf_counter()
    exec(compile(GREEKS, "greeks.py", "exec"), {"__name__": "__main__"})
    seconds = time.perf_counter() - start
    lines = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert lines["call price"].startswith("variable(")
    numbers = [float(text.removeprefix("variable(").rstrip(")")) for text in lines.values()]
    wanted = black_scholes(100.0, 100.0, 0.01, 0.1, 1.0)
    # smoothing the payoff shifts the price by about a thousandth
    for got, want, error, shift in zip(
        numbers, wanted, standard_errors(), (1e-3, 1e-4, 1e-4), strict=True
    ):
        assert abs(got - want) < 4 * error + shift
    assert seconds < 10


def test_greeks_cost_about_a_forward_pass() -> None:
    """A backward pass takes at most twice the time of the plain NumPy forward pass."""
    import bibun.variable as chainer
    import bibun.variable.functions as F
    from bibun.variable import Variable

    r, v, k, dt = 0.01, 0.1, 100.0, 1 / 30

    def forward(s: Any) -> Any:
        for _ in range(30):
            zs = np.random.normal(0.0, 1.0, s.shape)
            s = s * np.exp((r - 0.5 * v * v) * dt + v * dt**0.5 * zs)
        return s

    def numpy_pass() -> None:
        s = forward(100.0 * np.ones(100_000))
        x = 10 * (s - k)
        np.mean(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))) / 10

    def recorded() -> tuple[Any, Any]:
        s0 = Variable(100.0 * np.ones(100_000))
        return s0, F.average(F.softplus(forward(s0) - k, beta=10))

    def timed(f: Any) -> tuple[float, Any]:
        start = time.perf_counter()
        out = f()
        return time.perf_counter() - start, out

    back = lambda y, x: chainer.grad([y], [x], enable_double_backprop=True)
    best = {"numpy": 1e9, "forward": 1e9, "delta": 1e9, "gamma": 1e9}
    for _ in range(4):
        t, _ = timed(numpy_pass)
        best["numpy"] = min(best["numpy"], t)
        t, (s0, price) = timed(recorded)
        best["forward"] = min(best["forward"], t)
        t, (delta,) = timed(lambda p=price, s=s0: back(p, s))
        best["delta"] = min(best["delta"], t)
        total = F.sum(delta)
        t, _ = timed(lambda d=total, s=s0: back(d, s))
        best["gamma"] = min(best["gamma"], t)
    for name in ("forward", "delta", "gamma"):
        assert best[name] < 2 * best["numpy"], best
