"""Test problems for minimizers and least squares.

`SMOOTH`: the classical functions of two and four variables. `LEAST_SQUARES`: problems of Moré,
Garbow & Hillstrom, "Testing unconstrained optimization software", ACM TOMS 7 (1981), by their
numbers there, with the standard starts; `least` is the known minimum of ‖r‖² (None: several,
or not known), written from the paper's formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp


class Smooth(NamedTuple):
    name: str
    fun: Callable[[Any], Any]
    start: tuple[float, ...]
    least: float


class LeastSquares(NamedTuple):
    name: str
    residual: Callable[[Any], Any]
    start: np.ndarray
    least: tuple[float, ...]  # local minima of ‖r‖² that count as solved


def rosenbrock(x: Any) -> Any:
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def beale(x: Any) -> Any:
    a, b = x[0], x[1]
    return (
        (1.5 - a + a * b) ** 2 + (2.25 - a + a * b**2) ** 2 + (2.625 - a + a * b**3) ** 2
    )


def booth(x: Any) -> Any:
    return (x[0] + 2.0 * x[1] - 7.0) ** 2 + (2.0 * x[0] + x[1] - 5.0) ** 2


def himmelblau(x: Any) -> Any:
    return (x[0] ** 2 + x[1] - 11.0) ** 2 + (x[0] + x[1] ** 2 - 7.0) ** 2


def powell(x: Any) -> Any:
    return (
        (x[0] + 10.0 * x[1]) ** 2 + 5.0 * (x[2] - x[3]) ** 2 + (x[1] - 2.0 * x[2]) ** 4
        + 10.0 * (x[0] - x[3]) ** 4
    )  # fmt: skip


def wood(x: Any) -> Any:
    return (
        100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2 + 90.0 * (x[3] - x[2] ** 2) ** 2
        + (1.0 - x[2]) ** 2 + 10.0 * (x[1] + x[3] - 2.0) ** 2 + 0.1 * (x[1] - x[3]) ** 2
    )  # fmt: skip


def extended_rosenbrock(x: Any) -> Any:
    return bnp.sum(100.0 * (x[1::2] - x[::2] ** 2) ** 2 + (1.0 - x[::2]) ** 2)


SMOOTH = [
    Smooth("rosenbrock", rosenbrock, (-1.2, 1.0), 0.0),
    Smooth("rosenbrock-far", rosenbrock, (-12.0, 10.0), 0.0),
    Smooth("beale", beale, (1.0, 1.0), 0.0),
    Smooth("booth", booth, (7.5, -7.5), 0.0),
    Smooth("himmelblau", himmelblau, (0.0, 0.0), 0.0),
    Smooth("powell", powell, (3.0, -1.0, 0.0, 1.0), 0.0),
    Smooth("wood", wood, (-3.0, -1.0, -3.0, -1.0), 0.0),
    Smooth("extended-rosenbrock", extended_rosenbrock, (-1.2, 1.0) * 10, 0.0),
]


def _i(n: int) -> np.ndarray:
    return np.arange(1.0, n + 1.0)


def freudenstein_roth(x: Any) -> Any:
    a, b = x[0], x[1]
    return bnp.stack(
        [-13.0 + a + ((5.0 - b) * b - 2.0) * b, -29.0 + a + ((b + 1.0) * b - 14.0) * b]
    )


def powell_badly_scaled(x: Any) -> Any:
    return bnp.stack([1e4 * x[0] * x[1] - 1.0, bnp.exp(-x[0]) + bnp.exp(-x[1]) - 1.0001])


def brown_badly_scaled(x: Any) -> Any:
    return bnp.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2.0])


def beale_residual(x: Any) -> Any:
    return np.array([1.5, 2.25, 2.625]) - x[0] * (1.0 - x[1] ** _i(3))


def jennrich_sampson(x: Any) -> Any:
    i = _i(10)
    return 2.0 + 2.0 * i - (bnp.exp(i * x[0]) + bnp.exp(i * x[1]))


def helical_valley(x: Any) -> Any:
    theta = bnp.arctan2(x[1], x[0]) / (2.0 * np.pi)
    return bnp.stack(
        [10.0 * (x[2] - 10.0 * theta), 10.0 * (bnp.sqrt(x[0] ** 2 + x[1] ** 2) - 1.0), x[2]]
    )


BARD = np.array(
    [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
)


def bard(x: Any) -> Any:
    u = _i(15)
    v = 16.0 - u
    w = np.minimum(u, v)
    return BARD - (x[0] + u / (v * x[1] + w * x[2]))


GAUSS = np.array([0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989])
GAUSS = np.concatenate([GAUSS, GAUSS[-2::-1]])


def gaussian(x: Any) -> Any:
    t = (8.0 - _i(15)) / 2.0
    return x[0] * bnp.exp(-x[1] * (t - x[2]) ** 2 / 2.0) - GAUSS


MEYER = np.array(
    [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820,
     3307, 2872],
    dtype=float,
)  # fmt: skip


def meyer(x: Any) -> Any:
    t = 45.0 + 5.0 * _i(16)
    return x[0] * bnp.exp(x[1] / (t + x[2])) - MEYER


def box3(x: Any) -> Any:
    t = 0.1 * _i(10)
    return (
        bnp.exp(-t * x[0]) - bnp.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10.0 * t))
    )


def powell_singular(x: Any) -> Any:
    return bnp.stack(
        [
            x[0] + 10.0 * x[1], 5.0**0.5 * (x[2] - x[3]), (x[1] - 2.0 * x[2]) ** 2,
            10.0**0.5 * (x[0] - x[3]) ** 2,
        ]
    )  # fmt: skip


def wood_residual(x: Any) -> Any:
    return bnp.stack(
        [
            10.0 * (x[1] - x[0] ** 2), 1.0 - x[0], 90.0**0.5 * (x[3] - x[2] ** 2), 1.0 - x[2],
            10.0**0.5 * (x[1] + x[3] - 2.0), 0.1**0.5 * (x[1] - x[3]),
        ]
    )  # fmt: skip


KOWALIK_Y = np.array(
    [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
)
KOWALIK_U = np.array([4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])


def kowalik_osborne(x: Any) -> Any:
    u = KOWALIK_U
    return KOWALIK_Y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def brown_dennis(x: Any) -> Any:
    t = _i(20) / 5.0
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


OSBORNE_1 = np.array(
    [0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685,
     0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448,
     0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406]
)  # fmt: skip


def osborne_1(x: Any) -> Any:
    t = 10.0 * (_i(33) - 1.0)
    return OSBORNE_1 - (x[0] + x[1] * bnp.exp(-t * x[3]) + x[2] * bnp.exp(-t * x[4]))


def biggs_exp6(x: Any) -> Any:
    t = 0.1 * _i(13)
    y = np.exp(-t) - 5.0 * np.exp(-10.0 * t) + 3.0 * np.exp(-4.0 * t)
    return (
        x[2] * bnp.exp(-t * x[0]) - x[3] * bnp.exp(-t * x[1]) + x[5] * bnp.exp(-t * x[4]) - y
    )


def watson(x: Any) -> Any:
    n = x.shape[0]
    t = _i(29)[:, None] / 29.0
    j = np.arange(n)
    slope = (j[1:] * t ** (j[1:] - 1)) @ x[1:]
    value = (t**j) @ x
    return bnp.concatenate(
        [slope - value**2 - 1.0, bnp.stack([x[0], x[1] - x[0] ** 2 - 1.0])]
    )


def penalty_1(x: Any) -> Any:
    return bnp.concatenate(
        [1e-5**0.5 * (x - 1.0), bnp.reshape(bnp.sum(x * x) - 0.25, (1,))]
    )


def variably_dimensioned(x: Any) -> Any:
    s = bnp.sum(_i(x.shape[0]) * (x - 1.0))
    return bnp.concatenate([x - 1.0, bnp.stack([s, s**2])])


def trigonometric(x: Any) -> Any:
    n = x.shape[0]
    return n - bnp.sum(bnp.cos(x)) + _i(n) * (1.0 - bnp.cos(x)) - bnp.sin(x)


def brown_almost_linear(x: Any) -> Any:
    n = x.shape[0]
    head = x[:-1] + bnp.sum(x) - (n + 1.0)
    return bnp.concatenate([head, bnp.reshape(bnp.prod(x) - 1.0, (1,))])


def discrete_boundary_value(x: Any) -> Any:
    n = x.shape[0]
    h = 1.0 / (n + 1.0)
    padded = bnp.concatenate([bnp.zeros(1), x, bnp.zeros(1)])
    return 2.0 * x - padded[:-2] - padded[2:] + h**2 * (x + _i(n) * h + 1.0) ** 3 / 2.0


def discrete_integral_equation(x: Any) -> Any:
    n = x.shape[0]
    h = 1.0 / (n + 1.0)
    t = _i(n) * h
    cubes = (x + t + 1.0) ** 3
    lower = np.tril(np.outer(1.0 - t, t))
    upper = np.triu(np.outer(t, 1.0 - t), 1)
    return x + h / 2.0 * ((lower + upper) @ cubes)


def broyden_tridiagonal(x: Any) -> Any:
    padded = bnp.concatenate([bnp.zeros(1), x, bnp.zeros(1)])
    return (3.0 - 2.0 * x) * x - padded[:-2] - 2.0 * padded[2:] + 1.0


def linear_full_rank(x: Any) -> Any:
    m, n = 20, x.shape[0]
    mean = 2.0 * bnp.sum(x) / m
    return bnp.concatenate([x - mean - 1.0, bnp.zeros(m - n) - mean - 1.0])


def linear_rank_1(x: Any) -> Any:
    return _i(20) * bnp.sum(_i(x.shape[0]) * x) - 1.0


def chebyquad(x: Any) -> Any:
    n = x.shape[0]
    y = 2.0 * x - 1.0
    rows, before, now = [], bnp.ones_like(y), y
    for k in range(1, n + 1):
        target = -1.0 / (k**2 - 1.0) if k % 2 == 0 else 0.0
        rows.append(bnp.mean(now) - target)
        before, now = now, 2.0 * y * now - before
    return bnp.stack(rows)


def _at(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def _boundary_start(n: int) -> np.ndarray:
    t = _i(n) / (n + 1.0)
    return t * (t - 1.0)


LEAST_SQUARES = [
    LeastSquares(
        "1 rosenbrock", lambda x: bnp.stack([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]]),
        _at(-1.2, 1.0), (0.0,),
    ),
    LeastSquares("2 freudenstein-roth", freudenstein_roth, _at(0.5, -2.0), (0.0, 48.98425)),
    LeastSquares("3 powell badly scaled", powell_badly_scaled, _at(0.0, 1.0), (0.0,)),
    LeastSquares("4 brown badly scaled", brown_badly_scaled, _at(1.0, 1.0), (0.0,)),
    LeastSquares("5 beale", beale_residual, _at(1.0, 1.0), (0.0,)),
    LeastSquares("6 jennrich-sampson", jennrich_sampson, _at(0.3, 0.4), (124.362,)),
    LeastSquares("7 helical valley", helical_valley, _at(-1.0, 0.0, 0.0), (0.0,)),
    LeastSquares("8 bard", bard, _at(1.0, 1.0, 1.0), (8.21487e-3, 17.4286)),
    LeastSquares("9 gaussian", gaussian, _at(0.4, 1.0, 0.0), (1.12793e-8,)),
    LeastSquares("10 meyer", meyer, _at(0.02, 4000.0, 250.0), (87.9458,)),
    LeastSquares("12 box 3d", box3, _at(0.0, 10.0, 20.0), (0.0,)),
    LeastSquares("13 powell singular", powell_singular, _at(3.0, -1.0, 0.0, 1.0), (0.0,)),
    LeastSquares("14 wood", wood_residual, _at(-3.0, -1.0, -3.0, -1.0), (0.0,)),
    LeastSquares(
        "15 kowalik-osborne", kowalik_osborne, _at(0.25, 0.39, 0.415, 0.39),
        (3.07505e-4, 1.02734e-3),
    ),
    LeastSquares("16 brown-dennis", brown_dennis, _at(25.0, 5.0, -5.0, -1.0), (85822.2,)),
    LeastSquares("17 osborne 1", osborne_1, _at(0.5, 1.5, -1.0, 0.01, 0.02), (5.46489e-5,)),
    LeastSquares(
        "18 biggs exp6", biggs_exp6, _at(1.0, 2.0, 1.0, 1.0, 1.0, 1.0), (0.0, 5.65565e-3)
    ),
    LeastSquares("20 watson 6", watson, np.zeros(6), (2.28767e-3,)),
    LeastSquares("20 watson 9", watson, np.zeros(9), (1.39976e-6,)),
    LeastSquares("23 penalty I", penalty_1, _i(10), (7.08765e-5,)),
    LeastSquares("25 variably dimensioned", variably_dimensioned, 1.0 - _i(10) / 10, (0.0,)),
    LeastSquares("26 trigonometric", trigonometric, np.full(10, 0.1), (0.0, 2.79506e-5)),
    LeastSquares("27 brown almost-linear", brown_almost_linear, np.full(10, 0.5), (0.0, 1.0)),
    LeastSquares("28 boundary value", discrete_boundary_value, _boundary_start(10), (0.0,)),
    LeastSquares("29 integral equation", discrete_integral_equation, _boundary_start(10), (0.0,)),
    LeastSquares("30 broyden tridiagonal", broyden_tridiagonal, -np.ones(10), (0.0,)),
    LeastSquares("32 linear, full rank", linear_full_rank, np.ones(10), (10.0,)),
    LeastSquares("33 linear, rank 1", linear_rank_1, np.ones(10), (20 * 19 / (2 * 41.0),)),
    LeastSquares("35 chebyquad 7", chebyquad, _i(7) / 8.0, (0.0,)),
    LeastSquares("35 chebyquad 8", chebyquad, _i(8) / 9.0, (3.51687e-3,)),
]  # fmt: skip


def is_solved(value: float, least: tuple[float, ...] | float) -> bool:
    """Whether ‖r‖² (or f) is a known minimum, to four digits."""
    wanted = least if isinstance(least, tuple) else (least,)
    return any(abs(value - v) <= 1e-7 + 1e-4 * abs(v) for v in wanted)
