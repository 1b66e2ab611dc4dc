"""Elementwise ops: derivatives at special points, exact integer rules, errors, conventions.

What every op must satisfy is in tests/contract; here is what is particular.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibun.array import Array
from bibun.compiler.jit import jit
from bibun.errors import DifferentiationError, DTypeError, ShapeError
from bibun.ir.program import Equation, Literal, Var
from bibun.ir.types import ArrayType
from bibun.ops import elementwise as el
from bibun.ops.families.elementwise import align_batch, unbroadcast
from bibun.transforms import grad, jvp, vjp

INF, NAN = np.inf, np.nan


def value(x):
    return x._value if isinstance(x, Array) else np.asarray(x)


def slope(fun, x):
    return float(value(grad(fun)(x)))


# derivatives where care is needed -----------------------------------------------------------


@pytest.mark.parametrize(
    ("fun", "x", "want"),
    [
        (el.abs, 0.0, 0.0),
        (el.sqrt, 0.0, INF),
        (lambda x: el.max(x, 0.0), 0.0, 0.5),
        (lambda x: el.min(x, 0.0), 0.0, 0.5),
        (lambda x: el.max(x, x), 2.0, 1.0),
        (lambda x: el.max(x, 0.0), 1.0, 1.0),
        (lambda x: el.max(x, 0.0), -1.0, 0.0),
        (lambda x: el.pow(x, 2.0), 0.0, 0.0),
        (lambda x: el.pow(x, 1.0), 0.0, 1.0),
        (lambda x: el.pow(x, 0.0), 0.0, 0.0),
        (lambda y: el.pow(0.0, y), 2.0, 0.0),
        (lambda x: el.integer_pow(x, y=0), 0.0, 0.0),
        (lambda x: el.integer_pow(x, y=2), 0.0, 0.0),
        (lambda x: el.integer_pow(x, y=-1), 2.0, -0.25),
        (el.bessel_i1e, 0.0, 0.5),
        (el.sign, 0.0, 0.0),
        (el.floor, 1.5, 0.0),
        (el.logistic, 0.0, 0.25),
        (el.erf, 0.0, 2 / np.sqrt(np.pi)),
        (el.log1p, 0.0, 1.0),
    ],
)
def test_derivative_at_a_special_point(fun, x, want):
    assert slope(fun, x) == want


@pytest.mark.parametrize("x", [-1.0, 0.0, 4.0])
def test_where_gives_the_true_gradient(x):
    """The branch not taken is inf or nan; its zero cotangent stays zero, to second order."""

    def f(x):
        return el.where(el.gt(x, 0.0), el.mul(el.sqrt(x), el.log(x)), 0.0)

    def exact(x):
        return 0.0 if x <= 0 else (np.log(x) / 2 + 1) / np.sqrt(x)

    def exact2(x):
        return 0.0 if x <= 0 else -np.log(x) / 4 / x**1.5

    def forward(f):
        return lambda x: jvp(f, (x,), (1.0,))[1]

    assert slope(f, x) == pytest.approx(exact(x), abs=1e-15)
    assert float(value(forward(f)(x))) == pytest.approx(exact(x), abs=1e-15)
    for outer in (grad, forward):
        for inner in (grad, forward):
            got = float(value(outer(inner(f))(x)))
            assert got == pytest.approx(exact2(x), abs=1e-15), (outer, inner)
    if x <= 0:
        assert slope(grad(grad(f)), x) == 0.0
        assert float(value(jit(grad(grad(grad(f))))(x))) == 0.0


def test_absorb_mul_keeps_the_second_derivative():
    """½ sin² x at 0: a `where(t == 0, 0, t * g)` instead of absorb_mul would give 0."""

    def half_square(x):
        return el.mul(0.5, el.square(el.sin(x)))

    assert slope(half_square, 0.0) == 0.0
    assert slope(grad(half_square), 0.0) == 1.0
    assert slope(grad(grad(half_square)), 0.3) == pytest.approx(-2 * np.sin(0.6))
    f = lambda x: el.mul(el.sin(x), el.sin(x))  # noqa: E731
    assert slope(grad(f), 0.0) == 2.0


def test_absorb_mul_value():
    t, g = np.array([0.0, -0.0, 0.0, 1.0, 0.0]), np.array([INF, NAN, 3.0, NAN, -INF])
    np.testing.assert_array_equal(value(el.absorb_mul(t, g)), [0, 0, 0, NAN, 0])
    np.testing.assert_array_equal(value(jit(el.absorb_mul)(t, g)), [0, 0, 0, NAN, 0])


def test_operands_that_do_not_matter_get_zero_not_nan():
    x = np.array([0.0, 1.0])
    _, t = jvp(el.log, (x,), (np.array([0.0, 2.0]),))
    np.testing.assert_array_equal(value(t), [0.0, 2.0])


def test_gradient_in_the_shape_of_a_gamma():
    """dP/da against SciPy differences, through the op."""
    from scipy.special import gammainc

    a, x, h = 2.3, 1.7, 1e-5
    want = (gammainc(a + h, x) - gammainc(a - h, x)) / (2 * h)
    assert slope(lambda a: el.igamma(a, x), a) == pytest.approx(want, rel=1e-8)


def test_derivative_in_the_order_of_polygamma_is_a_clear_error():
    with pytest.raises(DifferentiationError, match="its order, which is a whole number"):
        grad(lambda m: el.polygamma(m, 1.5))(2.0)


# complex conventions ---------------------------------------------------------------------------


def test_complex_transposes_do_not_conjugate():
    z = np.array([1.0 + 2.0j, -0.5 + 0.3j])
    ct = np.array([0.7 - 0.2j, 1.1 + 0.4j])
    pull = lambda f, c: value(vjp(f, z)[1](c)[0])  # noqa: E731
    np.testing.assert_allclose(pull(lambda z: el.mul(z, z), ct), 2 * z * ct)
    np.testing.assert_allclose(pull(el.conj, ct), ct.conj())
    np.testing.assert_allclose(pull(el.real, ct.real), ct.real + 0j)
    np.testing.assert_allclose(pull(el.imag, ct.real), -1j * ct.real)
    np.testing.assert_allclose(pull(el.abs, ct.real), ct.real * z.conj() / abs(z))


def test_gradient_of_a_modulus_at_zero_is_zero():
    np.testing.assert_array_equal(value(vjp(el.abs, 0j)[1](1.0)[0]), 0)


# integers ------------------------------------------------------------------------------


small = st.integers(-128, 127)


@given(small, small)
def test_integer_division_truncates_and_is_total(x, y):
    a, b = np.int8(x), np.int8(y)
    q = int(value(el.div(np.array(a), np.array(b))))
    r = int(value(el.rem(np.array(a), np.array(b))))
    if y == 0:
        assert (q, r) == (-1, x)
    else:
        exact = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
        assert q == (exact + 128) % 256 - 128
        assert r == x - exact * y


@given(st.integers(-9, 9), st.integers(-3, 12))
def test_integer_power(x, y):
    got = int(value(el.pow(np.array(x), np.array(y))))
    want = x**y if y >= 0 else (int(x**y) if x else 0)
    assert got == want


@pytest.mark.parametrize("fun", [el.div, el.rem, el.pow, el.shift_right_arithmetic])
def test_compiled_integers_equal_eager_ones(fun):
    rng = np.random.default_rng(1)
    x = rng.integers(-128, 128, 500).astype(np.int8)
    y = rng.integers(-128, 128, 500).astype(np.int8)
    np.testing.assert_array_equal(value(jit(fun)(x, y)), value(fun(x, y)))


def test_bits():
    x = np.array([0, 1, -1, 255, 1 << 40])
    np.testing.assert_array_equal(value(el.population_count(x)), [0, 1, 64, 8, 1])
    np.testing.assert_array_equal(value(el.clz(x)), [64, 63, 0, 56, 23])
    np.testing.assert_array_equal(value(el.shift_left(x, np.full(5, 64))), 0)


def test_conversion_saturates():
    x = np.array([NAN, INF, -INF, 1e30, -1e30, 2.9, -2.9])
    info = np.iinfo(np.int64)
    want = [0, info.max, info.min, info.max, info.min, 2, -2]
    np.testing.assert_array_equal(value(el.convert(x, new_dtype=np.dtype("int64"))), want)
    unsigned = value(el.convert(x, new_dtype=np.dtype("uint8")))
    np.testing.assert_array_equal(unsigned, [0, 255, 0, 255, 0, 2, 0])


# special functions against other sources ----------------------------------------------------------


@pytest.mark.parametrize("a", [0.01, 0.4, 1.3, 7.0, 100.0, 1e4])
@pytest.mark.parametrize("ratio", [0.1, 0.9, 1.0, 1.1, 3.0])
def test_implicit_gamma_gradient(a, ratio):
    """-(dP/da)/p by mpmath's differentiation of P at 40 digits."""
    mp = pytest.importorskip("mpmath")
    with mp.workdps(40):
        x = a * ratio
        p = mp.mpf(x) ** (mp.mpf(a) - 1) * mp.exp(-mp.mpf(x)) / mp.gamma(mp.mpf(a))
        # on the side where the tail is small, so that nothing cancels
        lower = ratio < 1

        def tail(s):
            ends = (0, mp.mpf(x)) if lower else (mp.mpf(x), mp.inf)
            return mp.gammainc(s, *ends, regularized=True)

        if a * abs(ratio - 1) > 60 * np.sqrt(a):
            pytest.skip("the density underflows any working precision")
        want = (-1 if lower else 1) * mp.diff(tail, mp.mpf(a)) / p
    got = float(value(el.random_gamma_grad(a, x)))
    assert got == pytest.approx(float(want), rel=1e-11)


def test_beta_integral_derivatives():
    mp = pytest.importorskip("mpmath")
    for a, b, x in [(0.6, 0.8, 0.3), (3.0, 1.2, 0.8), (50.0, 70.0, 0.4), (8.0, 5.0, 0.6)]:
        with mp.workdps(40):
            ia = mp.diff(lambda s: mp.betainc(s, b, 0, x, regularized=True), a)  # noqa: B023
            ib = mp.diff(lambda s: mp.betainc(a, s, 0, x, regularized=True), b)  # noqa: B023
        assert slope(lambda s: el.betainc(s, b, x), a) == pytest.approx(float(ia), rel=1e-10)  # noqa: B023
        assert slope(lambda s: el.betainc(a, s, x), b) == pytest.approx(float(ib), rel=1e-10)  # noqa: B023


def test_polygamma():
    from scipy.special import polygamma

    x = np.array([0.4, 1.3, 7.0])
    for m in range(4):
        got = value(el.polygamma(np.full(3, float(m)), x))
        np.testing.assert_allclose(got, polygamma(m, x), rtol=1e-14)


@pytest.mark.parametrize(
    "fun",
    [el.exp, el.log, el.log1p, el.expm1, el.sqrt, el.sin, el.cos, el.tan, el.tanh, el.sinh, el.cosh,
     el.asin, el.acos, el.atan, el.asinh, el.acosh, el.atanh, el.abs, el.sign, el.rsqrt],
)  # fmt: skip
def test_compiled_complex_functions(fun):
    """All quadrants, near and far from the origin, against NumPy."""
    rng = np.random.default_rng(7)
    z = (rng.standard_normal(300) + 1j * rng.standard_normal(300)) * 10.0 ** rng.uniform(-6, 1, 300)
    got, want = value(jit(fun)(z)), value(fun(z))
    assert np.max(np.abs(got - want) / np.abs(want)) < 1e-12


@pytest.mark.parametrize(
    "fun",
    [el.exp, el.exp2, el.log, el.log2, el.sqrt, el.sin, el.cos, el.tan, el.tanh, el.sinh, el.cosh,
     el.asin, el.acos, el.atan, el.asinh, el.acosh, el.atanh],
)  # fmt: skip
def test_complex_branch_cuts_and_overflow(fun):
    """On the axes with zeros of either sign, beside the cuts, and where results overflow."""
    v = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-10, -1e-10, 1e150, -1e150])
    z = np.array([complex(x, y) for x in v for y in v])
    got, want = value(jit(fun)(z)), value(fun(z))
    for g, w in ((got.real, want.real), (got.imag, want.imag)):
        np.testing.assert_allclose(g, w, rtol=1e-12, atol=0)
        np.testing.assert_array_equal(np.signbit(g[w == 0]), np.signbit(w[w == 0]))


def test_nextafter_moves_with_its_argument():
    from bibun.transforms import grad, jvp

    f = lambda x: el.nextafter(x, np.float64(9.0))  # noqa: E731
    assert float(grad(f)(2.0)) == 1.0
    _, t = jvp(lambda x, y: el.nextafter(x, y), (2.0, 9.0), (0.5, 3.0))
    assert float(t) == 0.5


def test_complex_log1p_of_small_numbers():
    mp = pytest.importorskip("mpmath")
    z = np.array([1e-9 + 2e-8j, -3e-5 - 1e-6j, 1e-20j, 0.3 - 0.2j])
    with mp.workdps(60):
        want = np.array([complex(mp.log(1 + mp.mpc(c))) for c in z])
    for run in (el.log1p, jit(el.log1p)):
        np.testing.assert_allclose(value(run(z)), want, rtol=1e-14)


# types, shapes, errors ----------------------------------------------------------------------------


def test_errors_name_op_and_operands():
    with pytest.raises(ShapeError, match=r"add: shapes \(2,\), \(3,\) cannot be broadcast"):
        el.add(np.ones(2), np.ones(3))
    with pytest.raises(DTypeError, match="mul: operands have dtypes f64, i64"):
        el.mul(np.ones(2), np.ones(2, int))
    with pytest.raises(DTypeError, match="sin is defined for floats, complex numbers, got i64"):
        el.sin(np.arange(3))
    with pytest.raises(DTypeError, match="negative power -2"):
        jit(lambda x: el.integer_pow(x, y=-2))(np.arange(3))
    with pytest.raises(DTypeError, match="must be boolean or integer"):
        jit(el.select)(np.ones(2), np.ones(2), np.ones(2))
    with pytest.raises(DTypeError, match="same width"):
        el.bitcast(np.ones(2), new_dtype=np.dtype("int32"))


def test_no_warnings_in_any_thread():
    seen = []

    def work():
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            el.log(np.array([0.0, -1.0]))
            el.div(np.ones(2), np.zeros(2))
            el.exp(np.array(1e4))
            seen.extend(found)

    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not seen
    with pytest.warns(RuntimeWarning):  # the user's own NumPy is left alone
        np.log(np.array(0.0))


def test_unbroadcast_is_the_transpose_of_broadcasting():
    ct = np.arange(24.0).reshape(2, 3, 4)
    for shape in [(), (4,), (1,), (3, 1), (1, 1, 4), (2, 1, 1), (2, 3, 4)]:
        got = value(unbroadcast(Array(ct), ArrayType(shape, ct.dtype)))
        v = np.random.default_rng(0).standard_normal(shape)
        assert got.shape == shape
        np.testing.assert_allclose(np.sum(got * v), np.sum(ct * v))


def test_batch_alignment_leaves_well_alone():
    x, y = np.ones((3, 4)), np.float64(2.0)
    aligned, dim = align_batch([x, y], [1, None])
    assert aligned[0] is x and dim == 1
    aligned, dim = align_batch([x, np.ones((4, 5, 6))], [0, 0][:1] + [None])
    assert dim == 0 and value(aligned[0]).shape == (3, 1, 1, 4)


def _eq(op, *inputs):
    atoms = [Literal(np.float64(v), ArrayType((), np.dtype(float))) if not isinstance(v, Var) else v
             for v in inputs]  # fmt: skip
    out = Var(op.type_rule(*(a.type for a in atoms)))
    return Equation(op, atoms, [out], {}), atoms


def test_simplification_respects_signed_zeros_and_shapes():
    x = Var(ArrayType((), np.dtype(float)))
    for op, args, want in [
        (el.add, (x, -0.0), x),
        (el.add, (x, 0.0), None),  # -0. + 0. is 0.
        (el.sub, (x, 0.0), x),
        (el.sub, (x, -0.0), None),
        (el.mul, (x, 1.0), x),
        (el.mul, (x, 0.0), None),  # inf * 0. is nan
    ]:
        eq, _ = _eq(op, *args)
        assert op.simplify(eq) is want, (op, args)
    eq, atoms = _eq(el.absorb_mul, 0.0, x)
    assert el.absorb_mul.simplify(eq) is atoms[0]
    wide = Var(ArrayType((3,), np.dtype(float)))
    one = Var(ArrayType((1,), np.dtype(float)))
    eq = Equation(el.select, [wide, one, one], [wide], {})
    assert el.select.simplify(eq) is None  # the case is narrower than the result


def test_select_takes_keys_and_clamps_integers():
    which = np.array([-3, 0, 1, 9])
    cases = [np.full(4, float(k)) for k in range(3)]
    for run in (el.select, jit(el.select)):
        np.testing.assert_array_equal(value(run(which, *cases)), [0, 0, 1, 2])


def test_eager_erf_inv():
    """Against SciPy to a few units in the last place, at the edges, and without importing it."""
    from scipy.special import erfinv

    from bibun.ops.elementwise.inverse_erf import erf_inv

    rng = np.random.default_rng(0)
    near_one, near_zero = 1 - 10.0 ** rng.uniform(-16, 0, 3000), 10.0 ** rng.uniform(-300, 0, 3000)
    split = [0.85, np.nextafter(0.85, 1)]
    size = np.concatenate([rng.uniform(0, 1, 40_000), near_one, near_zero, split])
    x = np.concatenate([size, -size])
    np.testing.assert_allclose(erf_inv(x), erfinv(x), rtol=2e-15, atol=0)
    with np.errstate(all="ignore"):
        out = erf_inv(np.array([1.0, -1.0, 2.0, np.nan, 0.0, -0.0, np.inf]))
    np.testing.assert_array_equal(out, [np.inf, -np.inf, np.nan, np.nan, 0.0, -0.0, np.nan])
    assert np.signbit(out[5]) and not np.signbit(out[4])
    assert erf_inv(np.float32(0.5)).dtype == np.float32
    code = "import bibun, sys; bibun.random.normal(bibun.random.key(0), (5,)); print('scipy.special' in sys.modules)"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False"], done.stderr
