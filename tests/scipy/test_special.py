"""`bibun.scipy.special` against SciPy, its derivatives against differences and mpmath."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import scipy.special as reference

import bibun
import bibun.numpy as bnp
from bibun.scipy import special

pytestmark = pytest.mark.filterwarnings("ignore:non-integer arg")

P = np.array([0.01, 0.3, 0.55, 0.97])  # probabilities
Q = np.array([0.4, 1.3, 2.2, 7.0])  # positive
A = np.array([0.6, 1.5, 3.0, 12.0])  # parameters
B = np.array([0.8, 2.5, 1.2, 25.0])
X = np.array([-2.1, -0.6, 0.3, 1.7])  # both signs
N = np.array([0.0, 1.0, 2.0, 5.0])  # whole

ON_LINE = (
    "gamma gammaln digamma psi erf erfc erfcx erfi dawsn log_ndtr ndtr expit j0 j1 i0 i1 i0e i1e "
    "expi log_expit exprel exp10 cosm1 expm1 exp2 sici_0 shichi_0 fresnel_0 fresnel_1 cbrt softplus"
).split()
ON_HALF_LINE = (
    "y0 y1 k0 k1 k0e k1e exp1 sici_1 shichi_1 spence entr loggamma log1p factorial"
).split()
ON_INTERVAL = "ndtri logit erfcinv erfinv ellipk ellipe".split()

# name -> columns of arguments, and the arguments that have derivatives
CASES: dict[str, tuple[tuple[np.ndarray, ...], tuple[int, ...]]] = {
    **dict.fromkeys(ON_LINE, ((X,), (0,))),
    **dict.fromkeys(ON_HALF_LINE, ((Q,), (0,))),
    **dict.fromkeys(ON_INTERVAL, ((P,), (0,))),
    "round": ((X,), ()), "gammasgn": ((X,), ()),
    "polygamma": ((N, Q), (1,)), "zeta": ((A + 1, Q), (0, 1)),
    "gammainc": ((A, Q), (0, 1)), "gammaincc": ((A, Q), (0, 1)),
    "gammaincinv": ((A, P), (0, 1)), "gammainccinv": ((A, P), (0, 1)),
    "betainc": ((A, B, P), (0, 1, 2)), "betaincc": ((A, B, P), (0, 1, 2)),
    "betaincinv": ((A, B, P), (0, 1, 2)), "beta": ((A, B), (0, 1)), "betaln": ((A, B), (0, 1)),
    "stdtr": ((A, X), (0, 1)), "stdtrit": ((A, P), (0, 1)),
    "jv": ((A, Q), (0, 1)), "yv": ((A, Q), (0, 1)), "iv": ((A, Q), (0, 1)),
    "ive": ((A, Q), (0, 1)),
    "kv": ((A, Q), (0, 1)), "kve": ((A, Q), (0, 1)), "kn": ((N, Q), (1,)), "yn": ((N, Q), (1,)),
    "jn": ((N, Q), (1,)), "expn": ((N, Q), (1,)),
    "hyp1f1": ((A, B, X), (0, 1, 2)), "hyp2f1": ((A, B, A + 2, P - 0.4), (0, 1, 2, 3)),
    "xlogy": ((Q, A), (0, 1)), "xlog1py": ((Q, A), (0, 1)), "rel_entr": ((Q, A), (0, 1)),
    "kl_div": ((Q, A), (0, 1)), "poch": ((Q, A), (0, 1)), "binom": ((B + 3, Q), (0, 1)),
    "boxcox": ((Q, X), (0, 1)), "boxcox1p": ((Q, X), (0, 1)), "inv_boxcox": ((P, X), (0, 1)),
    "inv_boxcox1p": ((P, X), (0, 1)), "huber": ((A, X), (0, 1)), "pseudo_huber": ((A, X), (0, 1)),
    "chdtr": ((A, Q), (0, 1)), "chdtrc": ((A, Q), (0, 1)), "chdtri": ((A, P), (0, 1)),
    "gdtr": ((A, B, Q), (0, 1, 2)), "gdtrc": ((A, B, Q), (0, 1, 2)), "pdtr": ((N, Q), (1,)),
    "pdtrc": ((N, Q), (1,)), "bdtr": ((N, N + 3, P), (2,)), "bdtrc": ((N, N + 3, P), (2,)),
    "nbdtr": ((N, N + 3, P), (2,)), "nbdtrc": ((N, N + 3, P), (2,)),
    "fdtr": ((A, B, Q), (0, 1, 2)), "fdtrc": ((A, B, Q), (0, 1, 2)),
    "owens_t": ((X, Q), (0, 1)), "rgamma": ((X,), (0,)), "zetac": ((A + 1,), (0,)),
    "voigt_profile": ((X, A, Q), (0, 1, 2)), "spherical_jn": ((N, Q), (1,)),
    "spherical_yn": ((N, Q), (1,)), "spherical_in": ((N, Q), (1,)), "spherical_kn": ((N, Q), (1,)),
    "ellipkinc": ((X, P), (0, 1)), "ellipeinc": ((X, P), (0, 1)),
    **{f"airy_{k}": ((X,), (0,)) for k in range(4)},
    "jve": ((A, Q), (0, 1)), "yve": ((A, Q), (0, 1)),
    "fdtri": ((A, B, P), (0, 1, 2)), "comb": ((N + 3, N), ()), "perm": ((N + 3, N), ()),
}  # fmt: skip


def function(module, name):
    base, _, which = name.partition("_")
    if which.isdigit():
        return lambda *a: getattr(module, base)(*a)[int(which)]
    return getattr(module, name)


def scipys(name):
    if name == "softplus":
        return lambda x: np.logaddexp(0, x)
    return function(reference, name)


def outer(columns):
    """Every combination of the columns' elements."""
    return [g.ravel() for g in np.meshgrid(*columns, indexing="ij")]


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    with np.errstate(all="ignore"):
        grid = outer(CASES[name][0])
        want = scipys(name)(*grid)
    got = function(special, name)(*map(bnp.array, grid))
    assert got.dtype == np.float64
    np.testing.assert_allclose(np.asarray(got), want, rtol=2e-12, atol=1e-300)


@pytest.mark.parametrize("name", CASES)
def test_jit_vmap_and_single_precision(name):
    f, columns = function(special, name), CASES[name][0]
    want = np.asarray(f(*map(bnp.array, columns)))
    np.testing.assert_allclose(
        np.asarray(bibun.jit(f)(*map(bnp.array, columns))), want, rtol=1e-12, atol=1e-300
    )
    np.testing.assert_allclose(
        np.asarray(bibun.jit(bibun.vmap(f))(*map(bnp.array, columns))),
        want,
        rtol=1e-12,
        atol=1e-300,
    )
    narrow = f(*(bnp.array(c, dtype=bnp.float32) for c in columns))
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(np.asarray(narrow), want, rtol=3e-4, atol=1e-6)


def differences(f, columns, k):
    """Eighth order."""
    x = np.abs(columns[k])
    h = 2e-3 * np.minimum(np.minimum(1.0, x), np.where(x < 1, 1 - x, 1))
    total = 0.0
    for step, w in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
        at = []
        for sign in (1, -1):
            moved = list(columns)
            moved[k] = columns[k] + sign * step * h
            at.append(np.asarray(f(*map(bnp.array, moved))))
        total = total + w * (at[0] - at[1]) / h
    return total


@pytest.mark.parametrize(("name", "k"), [(n, k) for n, (_, d) in CASES.items() for k in d])
def test_first_and_second_derivatives(name, k):
    f, columns = function(special, name), CASES[name][0]
    before, after = columns[:k], columns[k + 1 :]

    def slope(x):
        return bibun.jvp(lambda y: f(*before, y, *after), (x,), (bnp.ones_like(x),))[1]

    def pull(g):
        return bibun.grad(lambda y: bnp.sum(g(y)))

    x = bnp.array(columns[k])
    want = differences(f, columns, k)
    np.testing.assert_allclose(np.asarray(slope(x)), want, rtol=2e-8, atol=1e-9)
    got = pull(lambda y: f(*before, y, *after))(x)
    np.testing.assert_allclose(np.asarray(got), want, rtol=2e-8, atol=1e-9)
    want = differences(slope, columns[k : k + 1], 0)
    np.testing.assert_allclose(np.asarray(pull(slope)(x)), want, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(("name", "exact"), [
    ("kv", lambda v, x: mp.besselk(v, x)), ("zeta", lambda s, q: mp.zeta(s, q)),
    ("hyp1f1", lambda a, x: mp.hyp1f1(a, 2.5, x)), ("gammainc", lambda a, x:
     mp.gammainc(a, 0, x, regularized=True)),
])  # fmt: skip
def test_derivatives_in_orders_by_mpmath(name, exact):
    for v, x in ((1.4, 0.7), (2.6, 3.3), (7.5, 9.1)):
        if name == "hyp1f1":
            got = bibun.grad(lambda a: special.hyp1f1(a, 2.5, x))(v)  # noqa: B023
        else:
            got = bibun.grad(lambda a: getattr(special, name)(a, x))(v)  # noqa: B023
        with mp.workdps(30):
            want = float(mp.diff(lambda t: exact(t, x), v))  # noqa: B023
        np.testing.assert_allclose(float(got), want, rtol=1e-11)


@pytest.mark.parametrize(("name", "orders"), [
    ("hyp1f1", (1, 0)), ("hyp1f1", (0, 2)), ("hyp1f1", (1, 1)), ("hyp2f1", (1, 0, 0)),
    ("hyp2f1", (0, 0, 2)), ("hyp2f1", (1, 1, 0)), ("hyp2f1", (0, 1, 1)),
])  # fmt: skip
def test_hypergeometric_functions_in_their_parameters(name, orders):
    """Against mpmath: far left, at 0, and for Gauss's up to the singularity at 1."""
    f, exact = getattr(special, name), getattr(mp, name)
    x = np.array([-300.0, -0.3, 0.0, 0.7, 1 - 1e-6] if name == "hyp2f1" else
                 [-800.0, -0.5, 0.0, 2.0, 300.0])  # fmt: skip
    *top, x = outer((np.array([0.4, 3.3]),) * (len(orders) - 1) + (x,))
    at = [*top, np.full_like(x, 2.6), x]
    g = f
    for k, n in enumerate(orders):
        for _ in range(n):
            g = bibun.grad(g, k)
    got = np.asarray(bibun.vmap(g)(*at))
    for row, y in zip(zip(*at, strict=True), got, strict=True):
        with mp.workdps(50):
            row = tuple(map(mp.mpf, row))
            want = mp.diff(exact, row, (*orders, 0), h=mp.mpf(10) ** -12)
            assert abs(y - want) <= 1e-11 * max(abs(want), 1e-3 * abs(exact(*row))), row


def lower_gamma(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def lower_beta(a, b, x):
    return mp.betainc(a, b, 0, x, regularized=True)


def gamma_density(a, x):
    return mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))


def beta_density(a, b, x):
    return mp.exp((a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x)) / mp.beta(a, b)


@pytest.mark.parametrize(("name", "orders"), [
    ("gammainc", (2, 0)), ("gammainc", (1, 1)), ("gammainc", (2, 1)), ("gammainc", (3, 0)),
    ("betainc", (2, 0, 0)), ("betainc", (1, 1, 0)), ("betainc", (0, 2, 0)), ("betainc", (1, 0, 1)),
    ("betainc", (0, 2, 1)),
])  # fmt: skip
def test_higher_derivatives_in_shapes(name, orders):
    """Against mpmath at small, middling and large shapes, in the tails and between."""
    f = getattr(special, name)
    whole, density = {"gammainc": (lower_gamma, gamma_density),
                      "betainc": (lower_beta, beta_density)}[name]  # fmt: skip
    exact = density if orders[-1] else whole
    quantile = getattr(special, f"{name}inv")
    shapes = np.array([0.03, 0.8, 4.0, 60.0])
    columns = outer((shapes,) * (len(orders) - 1) + (np.array([1e-4, 0.3, 0.98]),))
    at = [*columns[:-1], np.asarray(quantile(*columns))]
    keep = (at[-1] > 1e-60) & (at[-1] < 1 - 1e-9 if name == "betainc" else True)
    at = [c[keep] for c in at]
    g = f
    for k, n in enumerate(orders):
        for _ in range(n):
            g = bibun.grad(g, k)
    got = np.asarray(bibun.vmap(g)(*at))
    for row, y in zip(zip(*at, strict=True), got, strict=True):
        with mp.workdps(45):
            row = tuple(map(mp.mpf, row))
            want = mp.diff(exact, row, (*orders[:-1], 0), h=mp.mpf(10) ** -9)
            p = exact(*row)
            floor = 1e-3 * (p if orders[-1] else p * (1 - p))
            assert abs(y - want) <= 3e-11 * max(abs(want), floor), (row, y, want)


@pytest.mark.parametrize(("name", "exact"), [
    ("jv", mp.besselj), ("yv", mp.bessely), ("iv", mp.besseli),
    ("ive", lambda v, x: mp.besseli(v, x) * mp.exp(-x)), ("kv", mp.besselk),
    ("spherical_jn", lambda v, x: mp.besselj(v + 0.5, x) * mp.sqrt(mp.pi / 2 / x)),
])  # fmt: skip
def test_bessel_functions_in_their_orders(name, exact):
    """First, second and mixed derivatives, at orders negative, whole, large, at x small, next to
    the order, large; errors against the size of what oscillates."""
    f = getattr(special, name)
    v, x = outer((np.array([-1.7, 0.0, 3.2, 30.5]), np.array([0.01, 3.0, 29.0])))
    if name.startswith("spherical"):
        v, x = v[np.abs(v) < 4], x[np.abs(v) < 4]
    by_order = bibun.vmap(bibun.grad(f))
    mixed = bibun.vmap(bibun.grad(bibun.grad(f), 1))
    twice = bibun.vmap(bibun.jacfwd(bibun.grad(f)))
    for g, orders in ((by_order, (1, 0)), (twice, (2, 0)), (mixed, (1, 1))):
        got = np.asarray(g(v, x))
        with mp.workdps(50):
            for row, y in zip(zip(v, x, strict=True), got, strict=True):
                at = tuple(map(mp.mpf, row))
                want = mp.diff(exact, at, orders, h=mp.mpf(10) ** -15)
                size = max(abs(want), 1e-2 * abs(exact(*at)))
                assert abs(y - want) <= 2e-11 * size, (row, orders)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_order_derivatives_keep_their_precision_and_ends(dtype):
    v, x = outer((np.array([0.5, 2.0], dtype), np.array([0.0, 1.0, np.inf, np.nan, -1.0], dtype)))
    for name in ("jv", "yv", "ive"):
        y = np.asarray(bibun.vmap(bibun.grad(getattr(special, name)))(v, x)).reshape(2, -1)
        assert y.dtype == dtype
        assert (y[:, 0] == (-np.inf if name == "yv" else 0)).all()
        assert np.isfinite(y[:, 1]).all()
        assert (y[:, 2] == 0).all()
        assert np.isnan(y[:, 3:]).all()


@pytest.mark.parametrize(("name", "exact"), [("ellipkinc", mp.ellipf), ("ellipeinc", mp.ellipe)])
def test_incomplete_elliptic_integrals_in_the_parameter(name, exact):
    """At any angle, for parameters far below zero and close to one."""
    f = getattr(special, name)
    phi, m = outer((np.array([0.01, 1.5, np.pi / 2, -2.0, 9.9]), np.array([-1e5, 0.0, 1 - 1e-7])))
    slope = bibun.vmap(bibun.grad(f, 1))
    curve = bibun.vmap(bibun.grad(bibun.grad(f, 1), 1))
    for n, g in ((1, slope), (2, curve)):
        for row, y in zip(zip(phi, m, strict=True), np.asarray(g(phi, m)), strict=True):
            with mp.workdps(50):
                at = tuple(map(mp.mpf, row))
                want = mp.diff(exact, at, (0, n), h=mp.mpf(10) ** -16)
                assert abs(y - want) <= 1e-11 * abs(want), (row, n)
    assert np.isnan(float(slope(bnp.array([1.0]), bnp.array([np.nan]))[0]))
    assert not float(slope(bnp.array([1.0]), bnp.array([-np.inf]))[0]) > 0  # and it ends


def test_hankel_functions_are_j_and_y():
    got = bibun.jit(special.hankel1)(A, Q)
    np.testing.assert_allclose(got, reference.hankel1(A, Q), rtol=1e-12)
    np.testing.assert_allclose(special.hankel2(A, Q), reference.hankel2(A, Q), rtol=1e-12)


@pytest.mark.parametrize("name", ["jvp", "yvp", "ivp", "kvp"])
def test_argument_derivatives_by_name(name):
    for n in (0, 1, 2, 5):
        got = getattr(special, name)(A, Q, n)
        np.testing.assert_allclose(got, getattr(reference, name)(A, Q, n), rtol=1e-10)


@pytest.mark.parametrize("name", ["jn", "yn", "in", "kn"])
def test_spherical_slopes(name):
    name = f"spherical_{name}"
    n, z = outer((np.arange(4), Q))
    want = getattr(reference, name)(n, z, derivative=True)
    np.testing.assert_allclose(getattr(special, name)(n, z, derivative=True), want, rtol=1e-12)
    if name[-2] in "ji":
        got = getattr(special, name)(np.arange(3), 0.0, True)
        np.testing.assert_allclose(got, [0, 1 / 3, 0], atol=1e-300)


EDGES = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-300, 1e300, -1e300, 0.5])


@pytest.mark.parametrize(
    "name",
    "expi exp1 dawsn erfi ellipk ellipe "
    "erfcx log_ndtr ndtr ndtri logit expit log_expit entr exprel xlogy xlog1py rel_entr "
    "huber erfcinv i0e exp10".split(),
)
def test_special_values(name):
    f = getattr(reference, name)
    arity = f.nin
    grid = outer([EDGES] * arity)
    with np.errstate(all="ignore"):
        want = f(*grid)
    for g in (getattr(special, name), bibun.jit(getattr(special, name))):
        np.testing.assert_allclose(np.asarray(g(*map(bnp.array, grid))), want, rtol=1e-12)


@pytest.mark.parametrize("s", [-5.5, -2.0, -1.0, 0.0, 0.5, 0.99, 1.01, 2.0, 30.0])
def test_riemann_zeta_on_the_real_line(s):
    np.testing.assert_allclose(float(special.zeta(s)), float(mp.zeta(s)), rtol=1e-12, atol=1e-15)
    want = float(mp.zeta(s, derivative=1))
    np.testing.assert_allclose(float(bibun.grad(special.zeta)(s)), want, rtol=1e-10)


def test_betaln_does_not_cancel():
    """A large and a small argument: the difference of gammalns would lose 10 digits."""
    for a, b in ((1e8, 2.5), (1e10, 1e-3), (1e6, 1e6), (12.0, 3e5)):
        with mp.workdps(40):
            want = float(mp.log(mp.beta(a, b)))
        np.testing.assert_allclose(float(special.betaln(a, b)), want, rtol=1e-13)


def test_log_ndtr_far_tail_has_its_gradient():
    for x in (-1e4, -200.0, -40.0, -3.0, 0.0, 3.0, 12.0):
        with mp.workdps(50):
            density = mp.exp(-(mp.mpf(x) ** 2) / 2) / mp.sqrt(2 * mp.pi)
            want = float(density / (mp.erfc(-mp.mpf(x) / mp.sqrt(2)) / 2))
        got = bibun.jit(bibun.grad(special.log_ndtr))(x)
        np.testing.assert_allclose(float(got), want, rtol=1e-13)


def test_xlogy_gradients_at_zero():
    """d(x log y)/dx = log y at x = 0 too, and 0 in y even at y = 0."""
    assert float(bibun.grad(special.xlogy)(0.0, 3.0)) == pytest.approx(np.log(3.0))
    assert float(bibun.grad(special.xlogy, 1)(0.0, 0.0)) == 0.0


A2 = np.array([[0.3, -np.inf, 1000.0], [-1000.0, 2.0, 1.0]])
FACTOR = np.array([[1.0, 2.0, -0.5], [0.0, -1.0, 3.0]])


@pytest.mark.parametrize("kw", [
    {}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"axis": (0, 1)}, {"b": FACTOR},
    {"b": np.abs(FACTOR), "axis": 1}, {"b": FACTOR, "axis": 1, "return_sign": True},
])  # fmt: skip
def test_logsumexp(kw):
    with np.errstate(all="ignore"):
        want = reference.logsumexp(A2, **kw)
    got = special.logsumexp(bnp.array(A2), **kw)
    for g, w in zip(got, want, strict=True) if kw.get("return_sign") else [(got, want)]:
        np.testing.assert_allclose(np.asarray(g), w, rtol=1e-14)


def test_logsumexp_derivatives():
    x = bnp.array([0.3, 1.0, -2.0])
    np.testing.assert_allclose(
        np.asarray(bibun.grad(special.logsumexp)(x)), reference.softmax(np.asarray(x)), rtol=1e-14
    )
    p = reference.softmax(np.asarray(x))
    np.testing.assert_allclose(
        np.asarray(bibun.hessian(special.logsumexp)(x)), np.diag(p) - np.outer(p, p), atol=1e-15
    )
    empty = bibun.grad(special.logsumexp)(bnp.full(2, -bnp.inf))
    assert np.all(np.asarray(empty) == 0)
    assert float(special.logsumexp(bnp.full(2, -bnp.inf))) == -np.inf


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_softmax(axis):
    x = np.array([[0.3, 1000.0, 3.0], [-1.0, 2.0, 1.0]])
    for name in ("softmax", "log_softmax"):
        np.testing.assert_allclose(
            np.asarray(getattr(special, name)(bnp.array(x), axis=axis)),
            getattr(reference, name)(x, axis=axis), rtol=1e-14,
        )  # fmt: skip


def test_multigammaln_and_bessel_jn():
    a = np.array([2.5, 4.0])
    got = special.multigammaln(bnp.array(a), 3)
    np.testing.assert_allclose(np.asarray(got), reference.multigammaln(a, 3), rtol=1e-14)
    got = special.bessel_jn(bnp.array(Q), v=3)
    np.testing.assert_allclose(np.asarray(got), reference.jv(np.arange(4)[:, None], Q), rtol=1e-14)


UFUNCS = sorted(
    n for n, f in vars(reference).items() if isinstance(f, np.ufunc) and hasattr(special, n)
)


def test_scipys_own_functions_dispatch():
    """`scipy.special.f(bibun value)` is bibun's f: eager, differentiated, compiled."""
    assert len(UFUNCS) > 80
    for name in UFUNCS:
        ufunc = getattr(reference, name)
        args = {"n": N, "v": N + 0.5}
        columns = [args.get("n") if name in ("expn", "kn", "yn") and i == 0 else P
                   for i in range(ufunc.nin)]  # fmt: skip
        if name.startswith("eval_"):  # the degree is a Python integer
            got = ufunc(2, *columns[1:-1], bnp.array(columns[-1]))
        else:
            got = ufunc(bnp.array(columns[0]), *columns[1:])
        for leaf in got if isinstance(got, tuple) else (got,):
            assert isinstance(leaf, bibun.Array), name
    g = bibun.jit(bibun.grad(lambda x: reference.gammaln(x) * reference.zeta(x, 2.0)))(3.0)
    with mp.workdps(25):
        want = mp.diff(lambda x: mp.loggamma(x) * mp.zeta(x, 2), 3)
    assert float(g) == pytest.approx(float(want), rel=1e-12)


@pytest.mark.parametrize(("call", "word"), [
    (lambda: special.jvp(0.5, 1.0, -1), "at least 0"),
    (lambda: special.comb(5, 2, exact=True), "math.comb"),
    (lambda: special.multigammaln(1.0, 0), "positive"),
    (lambda: special.gammaln([1.0, 2.0]), "gammaln"),
])  # fmt: skip
def test_errors_say_what_to_do(call, word):
    with pytest.raises(Exception, match=word):
        call()


POLYNOMIALS = {
    "eval_legendre": (), "eval_chebyt": (), "eval_chebyu": (), "eval_hermite": (),
    "eval_hermitenorm": (), "eval_laguerre": (), "eval_genlaguerre": (0.7,),
    "eval_gegenbauer": (0.7,),
}  # fmt: skip


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_orthogonal_polynomials(name):
    f = getattr(special, name)
    x = bnp.array(X)
    for n in range(5):
        want = getattr(reference, name)(n, *POLYNOMIALS[name], X)
        np.testing.assert_allclose(f(n, *POLYNOMIALS[name], x), want, rtol=1e-12, atol=1e-13)
    slope = bibun.jit(bibun.grad(lambda x: bnp.sum(f(4, *POLYNOMIALS[name], x))))(x)
    want = differences(lambda x: f(4, *POLYNOMIALS[name], x), (X,), 0)
    np.testing.assert_allclose(slope, want, rtol=1e-9, atol=1e-9)
    with pytest.raises(ValueError, match="degree must be at least 0"):
        f(-1, *POLYNOMIALS[name], x)


def test_spherical_harmonics():
    theta, phi = np.array([0.0, 0.3, 1.2, 2.5]), np.array([2.0, 0.4, -1.0, 3.0])
    for n in range(5):
        for m in range(-n - 1, n + 2):
            got = special.sph_harm_y(n, m, theta, phi)
            want = reference.sph_harm_y(n, m, theta, phi) if abs(m) <= n else 0
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    n = np.arange(5)[:, None]
    got = bibun.jit(lambda n, t, p: special.sph_harm_y(n, 2, t, p, n_max=4))(n, theta, phi)
    np.testing.assert_allclose(got, reference.sph_harm_y(n, 2, theta, phi), atol=1e-14)
    # the Laplacian on the sphere: Y'' + cot θ Y' - m²/sin²θ Y = -n (n + 1) Y
    f = lambda t: special.sph_harm_y(4, 2, t, 0.3).real  # noqa: E731
    y, slope, curve = f(0.7), bibun.grad(f)(0.7), bibun.grad(bibun.grad(f))(0.7)
    np.testing.assert_allclose(
        curve + slope / np.tan(0.7) - 4 / np.sin(0.7) ** 2 * y, -20 * y, rtol=1e-12
    )
    with pytest.raises(ValueError, match="n_max"):
        bibun.jit(lambda n: special.sph_harm_y(n, 0, 0.1, 0.2))(3)
    with pytest.raises(TypeError, match="integers"):
        special.sph_harm_y(1.5, 0, 0.1, 0.2)


@pytest.mark.parametrize("transform", [lambda f: f, bibun.jit, bibun.vmap])
def test_functions_of_the_complex_plane(transform):
    z = np.array([0.7 - 0.4j, -1.1 + 0.9j, 2.5 + 0.1j, 0.2 + 3.0j])
    got = transform(special.wofz)(z)
    np.testing.assert_allclose(got, reference.wofz(z), rtol=1e-13)
    for k in (-1, 0, 2):
        w = transform(lambda z, k=k: special.lambertw(z, k))(z)
        np.testing.assert_allclose(w, reference.lambertw(z, k), rtol=1e-13)
    assert bibun.grad(lambda x: special.lambertw(x).real)(0.0) == 1.0
    slope = bibun.grad(special.lambertw, holomorphic=True)(1.0 + 0.5j)
    w = reference.lambertw(1.0 + 0.5j)
    np.testing.assert_allclose(slope, w / ((1.0 + 0.5j) * (1 + w)), rtol=1e-13)
    slope = bibun.grad(special.wofz, holomorphic=True)(1.0 + 0.5j)
    h = 1e-6
    want = (reference.wofz(1.0 + h + 0.5j) - reference.wofz(1.0 - h + 0.5j)) / (2 * h)
    np.testing.assert_allclose(slope, want, rtol=1e-8)


def test_bernoulli_numbers():
    np.testing.assert_allclose(special.bernoulli(10), reference.bernoulli(10), rtol=1e-11)
    assert special.bernoulli(1)[1] == -0.5
    with pytest.raises(ValueError, match="at least 0"):
        special.bernoulli(-1)
