"""Kernels against formulas written down once more in NumPy, their algebra, their trees."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma as gamma_function
from scipy.special import kv

import bibun
import bibun.numpy as bnp
from bibun import tree
from bibun.errors import ShapeError
from bibun.gp import kernels, transforms

RNG = np.random.default_rng(0)
T1, T2 = RNG.normal(size=6), RNG.normal(size=4)
X1, X2 = RNG.normal(size=(6, 3)), RNG.normal(size=(4, 3))


def matern(nu, r):
    """By Bessel functions (Rasmussen & Williams, equation 4.14)."""
    x = np.sqrt(2 * nu) * np.where(r == 0, 1, r)
    k = 2 ** (1 - nu) / gamma_function(nu) * x**nu * kv(nu, x)
    return np.where(r == 0, 1.0, k)


# name: (kernel, function of distance)
STATIONARY = {
    "ExpSquared": (kernels.ExpSquared(0.7), lambda r: np.exp(-((r / 0.7) ** 2) / 2)),
    "Exp": (kernels.Exp(0.7), lambda r: matern(0.5, r / 0.7)),
    "Matern32": (kernels.Matern32(0.7), lambda r: matern(1.5, r / 0.7)),
    "Matern52": (kernels.Matern52(0.7), lambda r: matern(2.5, r / 0.7)),
    "Cosine": (kernels.Cosine(0.7), lambda r: np.cos(2 * np.pi * r / 0.7)),
    "ExpSineSquared": (
        kernels.ExpSineSquared(0.7, gamma=1.3),
        lambda r: np.exp(-1.3 * np.sin(np.pi * r / 0.7) ** 2),
    ),
    "RationalQuadratic": (
        kernels.RationalQuadratic(0.7, alpha=1.3),
        lambda r: (1 + (r / 0.7) ** 2 / 2.6) ** -1.3,
    ),
}


def distances(a, b):
    d = a[:, None] - b[None]
    return np.abs(d) if d.ndim == 2 else np.sqrt((d**2).sum(-1))


@pytest.mark.parametrize("name", STATIONARY)
def test_stationary(name):
    kernel, formula = STATIONARY[name]
    for a, b in ((T1, T2), (X1, X2), (X1, X1)):
        expected = formula(distances(a, b))
        np.testing.assert_allclose(kernel(a, b), expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(bibun.jit(kernel)(a, b), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(kernel(X1), np.ones(6))


@pytest.mark.parametrize("name", ["ExpSquared", "Exp", "Matern32", "Matern52"])
def test_ard_is_scaled_features(name):
    kind = getattr(kernels, name)
    scale = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(kind(scale)(X1, X2), kind()(X1 / scale, X2 / scale), rtol=1e-13)
    with pytest.raises(ShapeError, match="one number a feature"):
        kind(scale)(X1[:, :2], X2[:, :2])
    # the derivative where points are equal is not nan
    g = bibun.grad(lambda s: bnp.sum(kind(s)(X1, X1)))(scale)
    h = 1e-6
    for i in range(3):
        e = np.eye(3)[i] * h
        up, down = (np.sum(np.asarray(kind(s)(X1, X1))) for s in (scale + e, scale - e))
        np.testing.assert_allclose(g[i], (up - down) / (2 * h), rtol=1e-6)


def test_l1_distance():
    k = kernels.Exp(2.0, kernels.L1Distance())
    expected = np.exp(-np.abs(X1[:, None] - X2).sum(-1) / 2)
    np.testing.assert_allclose(k(X1, X2), expected, rtol=1e-13)


def test_inner_products():
    cases = {
        kernels.DotProduct(): X1 @ X2.T,
        kernels.Linear(2.0, [1.0, 0.0, -1.0], 0.5): 4 * (X1 - [1, 0, -1]) @ (X2 - [1, 0, -1]).T
        + 0.25,
        kernels.Polynomial(order=3, scale=1.5, sigma=0.8): (X1 @ X2.T / 2.25 + 0.64) ** 3,
        kernels.Constant(1.7): np.full((6, 4), 1.7),
        kernels.White(1.7): np.zeros((6, 4)),
    }
    for kernel, expected in cases.items():
        np.testing.assert_allclose(kernel(X1, X2), expected, rtol=1e-12)
    np.testing.assert_array_equal(kernels.White(1.7)(X1, X1), 1.7 * np.eye(6))


def test_algebra():
    a, b = kernels.ExpSquared(1.2), kernels.Matern32(0.4)
    A, B = np.asarray(a(T1, T2)), np.asarray(b(T1, T2))
    np.testing.assert_allclose((2.0 * a + b * a + 3.0)(T1, T2), 2 * A + A * B + 3, rtol=1e-13)
    np.testing.assert_allclose((1.0 + a * 0.5)(T1, T2), 1 + 0.5 * A, rtol=1e-13)
    np.testing.assert_allclose(sum([a, b])(T1, T2), A + B, rtol=1e-13)
    np.testing.assert_allclose((bnp.array(2.0) * a)(T1), np.full(6, 2.0))
    custom = kernels.Custom(lambda x, y: x * y)
    np.testing.assert_allclose((custom + a)(T1, T2), np.outer(T1, T2) + A, rtol=1e-12)


def test_transforms():
    k = kernels.Matern52()
    M = RNG.normal(size=(2, 3))
    L = np.array([[1.0, 0, 0], [0.5, 2, 0], [-0.3, 0.1, 0.7]])
    inverse = np.linalg.inv(L).T
    cases = [
        (transforms.Transform(bnp.sin, k), np.sin(X1), np.sin(X2)),
        (transforms.Linear(2.0, k), 2 * X1, 2 * X2),
        (transforms.Linear(np.array([1.0, 2, 3]), k), X1 * [1, 2, 3], X2 * [1, 2, 3]),
        (transforms.Linear(M, k), X1 @ M.T, X2 @ M.T),
        (transforms.Cholesky(L, k), X1 @ inverse, X2 @ inverse),
        (transforms.Cholesky.from_parameters([1.0, 2, 0.7], [0.5, -0.3, 0.1], k),
         X1 @ inverse, X2 @ inverse),
        (transforms.Subspace(1, k), X1[:, 1], X2[:, 1]),
        (transforms.Subspace([0, 2], k), X1[:, [0, 2]], X2[:, [0, 2]]),
    ]  # fmt: skip
    for kernel, a, b in cases:
        np.testing.assert_allclose(kernel(X1, X2), k(a, b), rtol=1e-12, atol=1e-14)
    with pytest.raises(ShapeError, match="wants points of shape"):
        transforms.Linear(M, k)(X1[:, :2], X2[:, :2])


def test_points_may_be_trees():
    class Both(kernels.Kernel):
        weight: float

        def evaluate(self, X1, X2):
            return self.weight * X1["a"] * X2["a"] * bnp.where(X1["b"] == X2["b"], 1.0, 0.5)

    X = {"a": T1, "b": np.arange(6) % 2}
    expected = 2 * np.outer(T1, T1) * np.where(X["b"][:, None] == X["b"], 1, 0.5)
    np.testing.assert_allclose(Both(2.0)(X, X), expected)
    assert len(tree.leaves(Both(2.0))) == 1


def test_kernels_are_trees():
    k = 2.0 * kernels.ExpSquared(1.5) + kernels.Polynomial(order=2, scale=0.5)
    leaves, structure = tree.flatten(k)
    assert leaves == [2.0, 1.5, 0.5, 0.0]
    doubled = tree.map(lambda x: 2 * x, k)
    assert doubled.kernel1.kernel2.scale == 3.0
    assert tree.structure(doubled) == structure
    g = bibun.jit(bibun.grad(lambda k: k.evaluate(0.3, 0.8)))(k)
    assert type(g) is type(k)
    np.testing.assert_allclose(g.kernel1.kernel1.value, np.exp(-(0.25 / 1.5**2) / 2))
    batch = bibun.vmap(lambda s: kernels.Matern32(s).evaluate(0.0, 1.0))(bnp.array([1.0, 2.0]))
    np.testing.assert_allclose(batch, [matern(1.5, 1.0), matern(1.5, 0.5)])
    with pytest.raises(Exception, match="frozen|cannot assign"):
        k.kernel1 = k


def test_errors():
    with pytest.raises(ShapeError, match="same features"):
        kernels.Exp()(X1, X2[:, :2])
    with pytest.raises(ValueError, match="gamma must be given"):
        kernels.ExpSineSquared(1.0)
    with pytest.raises(ShapeError, match="at most 1 axes"):
        kernels.Exp(np.ones((2, 2)))
    with pytest.raises(TypeError, match="parameter scale"):
        kernels.Exp("long")
    with pytest.raises(ValueError, match="whole number"):
        kernels.Polynomial(order=0.5)
    with pytest.raises(NotImplementedError, match="spectral density"):
        kernels.Cosine().spectral_density(1.0)


# kernels with a state -----------------------------------------------------------------------------

q = kernels.quasisep
QUASISEP = {
    "Exp": q.Exp(0.7, sigma=1.3),
    "Matern32": q.Matern32(0.7, sigma=1.3),
    "Matern52": q.Matern52(0.7, sigma=1.3),
    "Cosine": q.Cosine(0.7, sigma=1.3),
    "Celerite": q.Celerite(a=1.2, b=0.1, c=0.5, d=3.0),
    "SHO": q.SHO(omega=3.0, quality=4.0, sigma=1.3),
    "SHO overdamped": q.SHO(omega=3.0, quality=0.2, sigma=1.3),
    "SHO critical": q.SHO(omega=3.0, quality=0.5, sigma=1.3),
    "sum": q.Matern32(0.7) + 0.5 * q.SHO(omega=3.0, quality=4.0),
    "product": q.Matern52(2.0) * q.Cosine(0.7),
    "offset": 2.0 + q.Exp(1.5) * kernels.Constant(0.3),
    "CARMA": q.CARMA([1.2, 0.9, 2.0], [1.0, 0.5]),
    "three": (q.Exp(1.0) + q.Matern32(2.0)) * q.SHO(omega=2.0, quality=3.0),
}


@pytest.mark.parametrize("name", QUASISEP)
def test_state_space_is_the_kernel(name):
    """Equation (1) of kernels/quasisep.py against the closed forms."""
    kernel = QUASISEP[name]
    assert isinstance(kernel, q.Quasisep)
    by_state = bibun.vmap(
        lambda a: bibun.vmap(lambda b: q.Quasisep.evaluate(kernel, a, b))(T2)
    )(T1)
    np.testing.assert_allclose(by_state, kernel(T1, T2), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", QUASISEP)
def test_transitions_compose(name):
    kernel = QUASISEP[name]
    whole = kernel.transition_matrix(0.9)
    parts = kernel.transition_matrix(0.5) @ kernel.transition_matrix(0.4)
    np.testing.assert_allclose(whole, parts, rtol=1e-11, atol=1e-13)


def test_quasisep_is_the_plain_kernel():
    for name in ("Exp", "Matern32", "Matern52", "Cosine"):
        plain, fast = getattr(kernels, name)(0.7), getattr(q, name)(0.7)
        np.testing.assert_allclose(fast(T1, T2), plain(T1, T2), rtol=1e-12, atol=1e-14)


def test_carma_by_the_roots_of_its_polynomial():
    """Kelly et al. 2014, equation 4; and its errors."""
    alpha, beta = np.array([1.2, 0.9, 2.0]), np.array([1.0, 0.5])
    roots = np.roots([1.0, *alpha[::-1]])
    assert np.all(roots.real < 0)
    for tau in (0.0, 0.7, 3.0):
        exact = 0.0
        for k, r in enumerate(roots):
            others = np.delete(roots, k)
            top = np.polyval(beta[::-1], r) * np.polyval(beta[::-1], -r) * np.exp(r * tau)
            exact += top / (-2 * r.real * np.prod((others - r) * (np.conj(others) + r)))
        assert float(q.CARMA(alpha, beta).evaluate(1.0, 1.0 + tau)) == pytest.approx(exact.real)
    with pytest.raises(ShapeError, match="q < p"):
        q.CARMA([1.0], [1.0, 2.0])


@pytest.mark.parametrize("quality", [0.2, 0.499, 0.5, 0.501, 3.0])
def test_sho_is_smooth_across_critical_damping(quality):
    """Against celerite's formulas (Foreman-Mackey et al. 2017, equation 20)."""
    w, tau = 2.0, 1.3

    def formula(quality):
        eta = np.sqrt(np.abs(1 - 1 / (4 * quality**2)) + 0j)
        x = eta * w * tau
        damped = np.exp(-w * tau / (2 * quality))
        if quality < 0.5:
            return damped * (np.cosh(x) + np.sinh(x) / (2 * eta * quality))
        if quality == 0.5:
            return damped * (1 + w * tau)
        return damped * (np.cos(x) + np.sin(x) / (2 * eta * quality))

    def value(quality):
        return q.SHO(w, quality).evaluate(0.0, tau)

    np.testing.assert_allclose(value(quality), formula(quality).real, rtol=1e-10)
    h = 1e-5
    slope = (value(quality + h) - value(quality - h)) / (2 * h)
    np.testing.assert_allclose(bibun.grad(value)(quality), slope, rtol=1e-7)


def test_mixed_sums_are_plain_kernels():
    k = q.Exp(1.0) + kernels.ExpSquared(2.0)
    assert not isinstance(k, q.Quasisep)
    k = kernels.ExpSquared(2.0) * q.Exp(1.0)
    assert not isinstance(k, q.Quasisep)
    expected = np.exp(-np.abs(T1[:, None] - T2) - (T1[:, None] - T2) ** 2 / 8)
    np.testing.assert_allclose(k(T1, T2), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["ExpSquared", "Exp", "Matern32", "Matern52"])
def test_spectral_densities(name):
    """Their Fourier integral is the kernel; in two dimensions, their integral is k(0) = 1."""
    kernel = 1.7 * getattr(kernels, name)(0.6)
    for tau in (0.0, 0.4):
        back, _ = quad(
            lambda w, tau: float(kernel.spectral_density(w)) * np.cos(w * tau) / np.pi,
            0, 400, args=(tau,), limit=400,
        )  # fmt: skip
        np.testing.assert_allclose(back, kernel.evaluate(0.0, tau), atol=5e-3)
    density = bibun.jit(lambda w: kernel.spectral_density(bnp.stack([w, 0.0 * w])))
    total, _ = quad(lambda w: float(density(w)) * w / (2 * np.pi), 0, 2000, limit=400)
    np.testing.assert_allclose(total, 1.7, rtol=2e-3)
