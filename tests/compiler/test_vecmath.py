"""Vector math against mpmath: errors over the whole range, and special values."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp

from bibun.compiler.vecmath import KERNELS
from bibun.compiler.vecmath.cases import CASES, float32, float64
from bibun.compiler.vecmath.coefficients import (
    PAYNE_HANEK,
    POLY,
    POW_INVERSE,
    POW_LOG,
    POW_LOG_LOW,
)
from bibun.compiler.vecmath.errors import (
    FIXED,
    PAGE,
    compiled,
    exact_values,
    page,
    special_values,
    stored,
    ulps,
    worst,
)

sys.path.insert(0, str(Path(__file__).parent))
from numpy_builder import evaluate

INF, NAN = math.inf, math.nan
BOTH = [float64, float32]


def test_every_kernel_is_measured() -> None:
    assert set(CASES) == set(KERNELS)


def test_a_program_imports_the_kernels_it_uses() -> None:
    code = (
        "import sys, bibun, bibun.numpy as bnp; bibun.jit(bnp.exp)(1.0);"
        "print(*(m.rpartition('.')[2] for m in sys.modules if '.vecmath.' in m))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={**os.environ, "BIBUN_CACHE_DIR": ""})  # fmt: skip
    found = done.stdout.split()
    assert "exp" in found and not {"bessel", "special_coefficients", "integrals"} & set(found)


def test_the_page_is_what_was_stored() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text, stored()) == text
    assert list(stored()) == list(CASES)


@pytest.mark.parametrize("dtype", BOTH, ids=str)
@pytest.mark.parametrize("name", sorted(CASES))
def test_errors_are_those_of_the_table(name: str, dtype: np.dtype) -> None:
    """A fixed sample does no worse than the table says, nor the table than is promised."""
    entry, case = stored()[name][dtype.name], CASES[name]
    assert entry["bound"] == case.limit(dtype)
    assert entry["ulp"] <= entry["bound"]
    error, at = worst(name, dtype, points=FIXED[1], seed=FIXED[0])
    assert error <= entry["ulp"], at
    # the worst argument of the table has the error that the table gives
    x = [np.full(1, float(v), dtype) for v in entry["at"]]
    got = compiled(name, dtype, case.arity)(*x)
    floors = [floor for floor, _ in case.arguments(np.random.default_rng(0), 8, dtype)]
    errors = [ulps(got, exact_values(case, x), floor)[0] for floor in {0.0, *floors}]
    assert min(abs(e - entry["ulp"]) for e in errors) <= 0.002
    if case.arity == 1:
        assert [f"{v:.6g}" for v in special_values(name, dtype)] == entry["special"]


@pytest.mark.parametrize("dtype", BOTH, ids=str)
@pytest.mark.parametrize("name", sorted(CASES))
def test_compiled_is_the_algorithm(name: str, dtype: np.dtype) -> None:
    """Bit for bit what NumPy computes from the same kernel, for vectors and scalars."""
    case = CASES[name]
    rng = np.random.default_rng(3)
    edge = np.array([0, -0.0, 1, -1, 0.5, 2, 3, -2.5, INF, -INF, NAN, 1e-40, 1e30], dtype)
    for _, xs in case.arguments(rng, 60, dtype):
        xs = [np.concatenate([x, rng.permutation(edge)]) for x in xs]
        expected = evaluate(name, *xs)
        for width in (1, 3, 8):
            got = compiled(name, dtype, case.arity, width)(*xs)
            np.testing.assert_array_equal(got, expected)
            real = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(got[real]), np.signbit(expected[real]))


LN_MAX = 709.782712893384
PI = math.pi
SPECIAL: dict[str, list[tuple[float, float]]] = {
    "exp": [(0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (NAN, NAN), (1000, INF), (-1000, 0),
            (1e308, INF), (-1e308, 0), (1e-320, 1)],
    "exp2": [(0, 1), (INF, INF), (-INF, 0), (NAN, NAN), (10, 1024), (-3, 0.125), (2000, INF),
             (-2000, 0), (1, 2), (-1, 0.5)],
    "expm1": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -1), (NAN, NAN), (-100, -1), (1000, INF),
              (1e-42, 1e-42), (-1e-42, -1e-42), (1e30, INF), (-1e30, -1)],
    "log": [(0, -INF), (-0.0, -INF), (1, 0), (INF, INF), (-INF, NAN), (-1, NAN), (NAN, NAN),
            (-1e-42, NAN)],
    "log2": [(0, -INF), (-0.0, -INF), (1, 0), (INF, INF), (-1, NAN), (NAN, NAN), (8, 3),
             (2.0**-149, -149), (2.0**100, 100)],
    "log10": [(0, -INF), (-0.0, -INF), (1, 0), (INF, INF), (-1, NAN), (NAN, NAN),
              *((10.0**k, k) for k in range(11))],
    "log1p": [(0, 0), (-0.0, -0.0), (-1, -INF), (INF, INF), (-INF, NAN), (-1.5, NAN),
              (NAN, NAN), (1e-42, 1e-42), (-1e-42, -1e-42)],
    "sin": [(0, 0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN), (1e-42, 1e-42)],
    "cos": [(0, 1), (-0.0, 1), (INF, NAN), (-INF, NAN), (NAN, NAN), (1e-42, 1)],
    "tan": [(0, 0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN), (-1e-42, -1e-42)],
    "asin": [(0, 0), (-0.0, -0.0), (1, PI / 2), (-1, -PI / 2), (1.5, NAN), (-INF, NAN),
             (NAN, NAN), (1e-42, 1e-42), (INF, NAN)],
    "acos": [(0, PI / 2), (-0.0, PI / 2), (1, 0), (-1, PI), (1.5, NAN), (-INF, NAN), (NAN, NAN)],
    "atan": [(0, 0), (-0.0, -0.0), (INF, PI / 2), (-INF, -PI / 2), (NAN, NAN), (1e-42, 1e-42),
             (1e38, PI / 2)],
    "sinh": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN), (1000, INF),
             (-1000, -INF), (1e-42, 1e-42)],
    "cosh": [(0, 1), (-0.0, 1), (INF, INF), (-INF, INF), (NAN, NAN), (1000, INF), (-1000, INF)],
    "tanh": [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (NAN, NAN), (100, 1), (1e-42, 1e-42)],
    "asinh": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN), (-1e-42, -1e-42)],
    "acosh": [(1, 0), (0.5, NAN), (-INF, NAN), (INF, INF), (NAN, NAN), (0, NAN)],
    "atanh": [(0, 0), (-0.0, -0.0), (1, INF), (-1, -INF), (1.5, NAN), (INF, NAN), (NAN, NAN),
              (1e-42, 1e-42)],
    "cbrt": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN), (27, 3), (-8, -2),
             (2.0**-147, 2.0**-49)],
    "erf": [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (NAN, NAN), (10, 1), (-10, -1)],
    "erfc": [(0, 1), (INF, 0), (-INF, 2), (NAN, NAN), (30, 0), (-10, 2)],
    "erf_inv": [(0, 0), (-0.0, -0.0), (1, INF), (-1, -INF), (1.5, NAN), (-INF, NAN),
                (NAN, NAN)],
    "lgamma": [(0, INF), (-0.0, INF), (1, 0), (2, 0), (-1, INF), (-5, INF), (INF, INF),
               (-INF, INF), (NAN, NAN), (3, math.log(2))],
    "digamma": [(0, -INF), (-0.0, INF), (-1, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
}  # fmt: skip


@pytest.mark.parametrize("dtype", BOTH, ids=str)
@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_special_values(name: str, dtype: np.dtype) -> None:
    with np.errstate(over="ignore"):  # 1e308 is inf in float32
        x, y = np.array(SPECIAL[name]).T.astype(dtype)
    for got in (compiled(name, dtype)(x), evaluate(name, x)):
        np.testing.assert_array_equal(got, y)
        real = ~np.isnan(y)
        np.testing.assert_array_equal(np.signbit(got[real]), np.signbit(y[real]))


# The table of C99, annex F.9.4.4.
POW = [
    (0, -1, INF), (-0.0, -1, -INF), (0, -3, INF), (-0.0, -3, -INF), (0, -2, INF), (-0.0, -2, INF),
    (0, -0.5, INF), (-0.0, -0.5, INF), (0, -INF, INF), (-0.0, -INF, INF), (0, 3, 0),
    (-0.0, 3, -0.0), (0, 2, 0), (-0.0, 2, 0), (-0.0, 0.5, 0), (-1, INF, 1), (-1, -INF, 1),
    (1, 5, 1), (1, NAN, 1), (1, INF, 1), (1, -INF, 1), (0, 0, 1), (NAN, 0, 1), (INF, 0, 1),
    (-2, -0.0, 1), (-2, 0.5, NAN), (-2, 3, -8), (-2, 2, 4), (-2, -1, -0.5), (0.5, -INF, INF),
    (2, -INF, 0), (-0.5, -INF, INF), (-2, -INF, 0), (0.5, INF, 0), (2, INF, INF), (-0.5, INF, 0),
    (-2, INF, INF), (-INF, -3, -0.0), (-INF, -2, 0), (-INF, 3, -INF), (-INF, 2, INF),
    (-INF, 0.5, INF), (-INF, -0.5, 0), (INF, -2, 0), (INF, 0.5, INF), (NAN, 1, NAN), (2, NAN, NAN),
    (-1, 1e10, 1), (-1, 3, -1), (-1, 1e30, 1), (10, 3, 1000), (3, 2, 9), (2, 0.5, math.sqrt(2)),
    (2, 5000, INF), (2, -5000, 0), (-2, 5001, -INF), (-2, -5001, -0.0), (1e30, 1e30, INF),
    (1e30, -1e30, 0), (-INF, INF, INF), (-INF, -INF, 0), (INF, INF, INF), (0, INF, 0),
    (-0.0, INF, 0), (2, 1, 2), (-2, 1, -2), (7, -1, 1 / 7),
]  # fmt: skip


@pytest.mark.parametrize("dtype", BOTH, ids=str)
def test_pow_special_values(dtype: np.dtype) -> None:
    x, y, z = np.array(POW).T.astype(dtype)
    for got in (compiled("pow", dtype, 2)(x, y), evaluate("pow", x, y)):
        np.testing.assert_array_equal(got, z)
        real = ~np.isnan(z)
        np.testing.assert_array_equal(np.signbit(got[real]), np.signbit(z[real]))


@pytest.mark.parametrize("dtype", BOTH, ids=str)
def test_atan2_special_values(dtype: np.dtype) -> None:
    """Every pair of signs, zeros, infinities and extreme magnitudes, as in libm."""
    info = np.finfo(dtype)
    v = np.array([0, 1, 2.5, INF, info.max, info.tiny, info.smallest_subnormal], dtype)
    v = np.concatenate([v, -v, [dtype.type(NAN)]])
    y, x = (a.ravel() for a in np.meshgrid(v, v))
    got = compiled("atan2", dtype, 2)(y, x)
    expected = np.arctan2(y, x)
    np.testing.assert_allclose(got, expected, rtol=3 * info.eps, atol=info.smallest_subnormal)
    real = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[real]), np.signbit(expected[real]))


def test_overflow_and_underflow_thresholds() -> None:
    x = np.array([LN_MAX, np.nextafter(LN_MAX, INF), -745.1332191019411, -745.1332191019412])
    y = compiled("exp", float64)(x)
    assert np.isfinite(y[0])
    assert y[1] == INF
    assert y[2] == 5e-324
    assert y[3] == 0.0
    x = np.array([710.4758600739439, 710.475860073944])
    for name in ("sinh", "cosh"):
        y = compiled(name, float64)(x)
        assert np.isfinite(y[0])
        assert y[1] == INF
    z = compiled("expm1", float64)(np.array([LN_MAX, np.nextafter(LN_MAX, INF)]))
    assert np.isfinite(z[0])
    assert z[1] == INF


def test_subnormal_results_round_once() -> None:
    x = np.random.default_rng(0).uniform(-745.2, -708, 300)
    assert ulps(compiled("exp", float64)(x), exact_values(CASES["exp"], [x])).max() <= 0.75


def test_arguments_nearest_to_multiples_of_half_pi() -> None:
    """The doubles hardest to reduce (Kahan; Muller, Elementary Functions, ch. 11)."""
    hard = np.array(
        [6381956970095103.0 * 2.0**797, 1e22,
         math.pi, math.pi / 2, 3 * math.pi / 2, 1e5 * math.pi, 2.0**1023, 2.0**30, 2.0**30 - 0.5,
         355.0, 710.0, 1068966896.0, 103993.0, 411557987.0, 3294198.0]
    )  # fmt: skip
    for name in ("sin", "cos", "tan"):
        error = ulps(compiled(name, float64)(hard), exact_values(CASES[name], [hard]))
        assert error.max() <= 1.0
    # far from multiples too: the whole exponent range, each significand random
    rng = np.random.default_rng(5)
    x = np.ldexp(rng.uniform(1, 2, 994), np.arange(30, 1024))
    assert ulps(compiled("sin", float64)(x), exact_values(CASES["sin"], [x])).max() <= 1.0


def test_log_and_gamma_keep_relative_accuracy_at_their_zeros() -> None:
    eps = np.finfo(float64).eps
    near = 1 + eps * np.array([1, 2, 3, 10, 1e3, 1e6, -0.5, -1, -5, -1e4])
    for name, x in (("log", near), ("log2", near), ("log10", near), ("lgamma", near),
                    ("lgamma", 1 + near)):  # fmt: skip
        error = ulps(compiled(name, float64)(x), exact_values(CASES[name], [x]))
        assert error.max() <= 4.0, name


def test_monotone_across_seams() -> None:
    """No step where an algorithm changes: neighbours differ by at most their own slope."""
    seams = {"tanh": 0.62, "sinh": 1.0, "erf": 1.0, "asin": 0.5, "atan": 1.0}
    for name, seam in seams.items():
        x = seam + np.spacing(seam) * np.arange(-200, 200)
        y = compiled(name, float64)(x)
        assert (np.diff(y) >= -2 * np.spacing(y[1:])).all()


def test_erf_inv_inverts_erf_in_the_tails() -> None:
    x = np.concatenate([1 - 2.0 ** -np.arange(2.0, 54), -1 + 2.0 ** -np.arange(2.0, 54)])
    y = compiled("erf_inv", float64)(x)
    with mp.workdps(40):
        for a, b in zip(x, y, strict=True):
            # erf(b) - a over the slope is the error of b
            slope = 2 / mp.sqrt(mp.pi) * mp.exp(-(mp.mpf(b) ** 2))
            assert abs((mp.erf(mp.mpf(b)) - a) / slope) <= 4 * np.spacing(abs(b))


def test_tables_are_what_they_say() -> None:
    """Sample coefficients and all tables against mpmath: the file is generated, not typed."""
    with mp.workdps(60):
        for c, head, low in zip(POW_INVERSE, POW_LOG, POW_LOG_LOW, strict=True):
            assert c * 256 == round(c * 256)  # few bits: m*c - 1 is exact
            assert head * 2**42 == round(head * 2**42)
            assert abs(mp.mpf(head) + mp.mpf(low) + mp.log(c)) < mp.mpf(2) ** -94
    with mp.workdps(450):
        for k in range(32):
            total = sum(mp.mpf(part[k]) for part in PAYNE_HANEK)
            turns = (2 / mp.pi * mp.mpf(2) ** (32 * k) - total) / 2**25
            assert abs(turns - mp.nint(turns)) < mp.mpf(2) ** -180
    assert POLY["sin"][8][0] == pytest.approx(-1 / 6, rel=1e-14)
    assert POLY["lgamma"][8][0] == pytest.approx(1 - np.euler_gamma, rel=1e-15)


@pytest.mark.parametrize(("one", "other"), [("sin", "cos"), ("sinh", "cosh")])
def test_pairs_share_their_work(one: str, other: str) -> None:
    """A program that uses both of an argument does the arithmetic of one."""
    import re

    import bibun
    import bibun.numpy as bnp

    def work(fun: object) -> int:
        """The kernel calls and fused multiply-adds that are left after optimisation."""
        text = bibun.jit(fun).lower(np.linspace(0, 1, 64)).as_text("optimized")
        return len(re.findall(r"call .*@(?:bm\.|llvm\.fma)", text))

    f, g = getattr(bnp, one), getattr(bnp, other)
    alone = work(f)
    assert alone > 0
    assert work(lambda x: f(x) - g(x)) == alone
    assert work(lambda x: f(x) - g(x + 1.0)) > alone
