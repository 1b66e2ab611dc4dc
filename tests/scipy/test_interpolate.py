"""`bibun.scipy.interpolate` and `ndimage` against SciPy, and their derivatives."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.interpolate as reference
import scipy.ndimage
import scipy.sparse.linalg

import bibun
import bibun.numpy as bnp
from bibun.scipy import interpolate, ndimage

RNG = np.random.default_rng(7)
X = np.array([0.0, 0.4, 1.5, 2.0, 3.7, 4.1])
Y = RNG.standard_normal((6, 2))
AT = np.array([-0.3, 0.0, 0.2, 0.4, 1.9, 3.0, 4.1, 4.6])


def central(f, x, h=1e-5):
    return (np.asarray(f(x + h)) - np.asarray(f(x - h))) / (2 * h)


CONDITIONS = ["not-a-knot", "natural", "clamped", ((1, 0.3), (2, -0.7)), ("natural", "not-a-knot"),
              ("not-a-knot", "clamped")]  # fmt: skip


@pytest.mark.parametrize("bc", CONDITIONS, ids=str)
@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_cubic_spline(bc, n):
    if isinstance(bc[0], tuple):
        mine = theirs = tuple((k, np.full(2, v)) for k, v in bc)
    else:
        mine = theirs = bc
    ours, want = (
        interpolate.CubicSpline(X[:n], Y[:n], bc_type=mine),
        reference.CubicSpline(X[:n], Y[:n], bc_type=theirs),
    )
    for nu in range(4):
        np.testing.assert_allclose(np.asarray(ours(AT, nu)), want(AT, nu), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(
        np.asarray(ours.integrate(0.1, 1.9)), want.integrate(0.1, 1.9), rtol=1e-11
    )
    np.testing.assert_allclose(
        np.asarray(ours.derivative()(AT)), want.derivative()(AT), rtol=1e-10, atol=1e-10
    )
    np.testing.assert_allclose(
        np.asarray(ours.antiderivative(2)(AT)), want.antiderivative(2)(AT), rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_periodic_spline(n):
    y = Y[:n].copy()
    y[-1] = y[0]
    ours = interpolate.CubicSpline(X[:n], y, bc_type="periodic")
    want = reference.CubicSpline(X[:n], y, bc_type="periodic")
    for nu in range(3):
        np.testing.assert_allclose(np.asarray(ours(AT, nu)), want(AT, nu), rtol=1e-10, atol=1e-10)
    with pytest.raises(ValueError, match=r"y\[0\]"):
        interpolate.CubicSpline(X, Y, bc_type="periodic")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_axes_and_shapes(axis):
    y = np.moveaxis(RNG.standard_normal((6, 2, 3)), 0, axis)
    at = AT.reshape(2, 4)
    ours, want = interpolate.CubicSpline(X, y, axis), reference.CubicSpline(X, y, axis)
    assert ours(at).shape == want(at).shape
    np.testing.assert_allclose(np.asarray(ours(at)), want(at), rtol=1e-10, atol=1e-10)
    assert ours(0.5).shape == want(0.5).shape


LOCAL = ["PchipInterpolator", "Akima1DInterpolator"]


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("n", [2, 3, 6])
def test_local_interpolants(name, n):
    y = np.concatenate([Y, [[1.0, 1.0]] * 3])[:n]
    ours, want = getattr(interpolate, name)(X[:n], y), getattr(reference, name)(X[:n], y)
    for nu in (0, 1):
        np.testing.assert_allclose(np.asarray(ours(AT, nu)), want(AT, nu), rtol=1e-11, atol=1e-12)


def test_makima_hermite_and_flat_data():
    flat = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 2.0])
    for method in ("akima", "makima"):
        ours = interpolate.Akima1DInterpolator(X, flat, method=method, extrapolate=True)
        want = reference.Akima1DInterpolator(X, flat, method=method, extrapolate=True)
        np.testing.assert_allclose(np.asarray(ours(AT)), want(AT), rtol=1e-11, atol=1e-12)
    ours, want = interpolate.PchipInterpolator(X, flat), reference.PchipInterpolator(X, flat)
    np.testing.assert_allclose(np.asarray(ours(AT)), want(AT), rtol=1e-11, atol=1e-12)
    slopes = RNG.standard_normal((6, 2))
    ours = interpolate.CubicHermiteSpline(X, Y, slopes)
    np.testing.assert_allclose(
        np.asarray(ours(AT)), reference.CubicHermiteSpline(X, Y, slopes)(AT), rtol=1e-11
    )


@pytest.mark.parametrize("make", ["CubicSpline", *LOCAL])
def test_derivatives_of_interpolants(make):
    """In the point, the values and the knots; compiled; and under vmap over the values."""

    def f(x, y, at):
        return bnp.sum(bnp.sin(getattr(interpolate, make)(x, y)(at)))

    y, at = Y[:, 0], AT[2:6] + 0.05
    for k in range(3):
        args = [bnp.array(X), bnp.array(y), bnp.array(at)]
        g = bibun.jit(bibun.grad(f, k))(*args)
        t = RNG.standard_normal(args[k].shape)
        moved = [list(args), list(args)]
        moved[0][k], moved[1][k] = args[k] + 1e-5 * t, args[k] - 1e-5 * t
        want = (float(f(*moved[0])) - float(f(*moved[1]))) / 2e-5
        np.testing.assert_allclose(np.sum(np.asarray(g) * t), want, rtol=1e-7, atol=1e-9)
    many = bibun.vmap(lambda y: getattr(interpolate, make)(X, y)(at))(bnp.array(Y.T))
    want = getattr(reference, make)(X, Y)(at)
    np.testing.assert_allclose(np.asarray(many), want.T, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("kind", ["linear", "nearest", "previous", "next", "cubic", "zero"])
@pytest.mark.parametrize("fill", ["extrapolate", 2.0, (1.0, 3.0)])
def test_interp1d(kind, fill):
    ours = interpolate.interp1d(X, Y, kind, axis=0, fill_value=fill)
    want = reference.interp1d(X, Y, kind, axis=0, fill_value=fill, bounds_error=False)
    np.testing.assert_allclose(np.asarray(ours(AT)), want(AT), rtol=1e-10, atol=1e-11)


GRID = (X, np.array([0.0, 1.0, 1.5, 3.0, 4.0]), np.array([-1.0, 0.0, 0.5, 1.0]))
VALUES = RNG.standard_normal((6, 5, 4, 2))
INSIDE = np.stack([RNG.uniform(g[0], g[-1], 9) for g in GRID], -1)


@pytest.mark.parametrize("method", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_regular_grid(method, d):
    values = VALUES[(..., *([0] * (3 - d)), slice(None))] if d < 3 else VALUES
    values = values if d == 3 else VALUES[:, :, 0] if d == 2 else VALUES[:, 0, 0]
    grid, at = GRID[:d], INSIDE[:, :d]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # SciPy's default solver is iterative, to six digits
        exact = {"solver": scipy.sparse.linalg.spsolve} if method == "cubic" else {}
        want = reference.RegularGridInterpolator(grid, values, method, **exact)(at)
    ours = interpolate.RegularGridInterpolator(grid, values, method)
    np.testing.assert_allclose(np.asarray(ours(at)), want, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(np.asarray(bibun.jit(ours)(at)), want, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(np.asarray(ours(tuple(at.T))), want, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(
        np.asarray(interpolate.interpn(grid, values, at, method)), want, rtol=1e-9, atol=1e-10
    )


def test_outside_a_grid():
    at = np.array([[0.5, 9.0], [0.5, np.nan], [0.5, 1.0]])
    grid, values = GRID[:2], VALUES[:, :, 0, 0]
    ours = interpolate.RegularGridInterpolator(grid, values)
    for f in (ours, bibun.jit(ours)):
        with pytest.raises(ValueError, match=r"9\.0 is outside .* 0\.0 to 4\.0"):
            f(bnp.array(at))
    for fill in (np.nan, -5.0, None):
        want = reference.RegularGridInterpolator(grid, values, bounds_error=False, fill_value=fill)(
            at
        )
        got = interpolate.RegularGridInterpolator(grid, values, bounds_error=False, fill_value=fill)
        np.testing.assert_allclose(np.asarray(got(at)), want, rtol=1e-12)


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_derivatives_on_a_grid(method):
    def f(x, values, at):
        grid = (x, GRID[1])
        return bnp.sum(interpolate.RegularGridInterpolator(grid, values, method)(at) ** 2)

    args = [bnp.array(X), bnp.array(VALUES[:, :, 0, 0]), bnp.array(INSIDE[:, :2])]
    for k in range(3):
        g = bibun.jit(bibun.grad(f, k))(*args)
        t = RNG.standard_normal(args[k].shape) * (1 if k == 1 else 0.1)
        if k == 0:
            t[0] = t[-1] = 0  # points stay inside
        up, down = list(args), list(args)
        up[k], down[k] = args[k] + 1e-5 * t, args[k] - 1e-5 * t
        want = (float(f(*up)) - float(f(*down))) / 2e-5
        np.testing.assert_allclose(np.sum(np.asarray(g) * t), want, rtol=1e-6, atol=1e-8)


IMAGE = RNG.standard_normal((4, 5))
PLACES = [np.array([[-1.3, 0.0, 0.5, 1.2], [2.999, 3.0, 3.4, 9.1]]),
          np.array([[0.5, -0.2, 4.0, 4.3], [2.2, 3.999, -6.0, 1.0]])]  # fmt: skip


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("mode", ["constant", "nearest", "mirror", "reflect", "wrap", "grid-wrap",
                                  "grid-constant", "grid-mirror"])  # fmt: skip
def test_map_coordinates(order, mode):
    want = scipy.ndimage.map_coordinates(IMAGE, PLACES, order=order, mode=mode, cval=0.7)
    for f in (
        ndimage.map_coordinates,
        bibun.jit(ndimage.map_coordinates, static_argnums=(2, 3, 4)),
    ):
        got = f(bnp.array(IMAGE), [bnp.array(p) for p in PLACES], order, mode, 0.7)
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12, atol=1e-13)


def test_map_coordinates_derivatives_and_dtypes():
    at = [np.array([0.3, 1.6, 2.2]), np.array([3.4, 0.1, 1.7])]

    def f(x, c):
        return bnp.sum(ndimage.map_coordinates(x, [c, at[1]], 1) ** 2)

    gx, gc = bibun.jit(bibun.grad(f, (0, 1)))(bnp.array(IMAGE), bnp.array(at[0]))
    t = RNG.standard_normal(IMAGE.shape)
    want = central(lambda h: f(bnp.array(IMAGE + h * t), at[0]), 0.0)
    np.testing.assert_allclose(np.sum(np.asarray(gx) * t), want, rtol=1e-8)
    want = central(lambda h: f(bnp.array(IMAGE), at[0] + h), 0.0)
    np.testing.assert_allclose(np.sum(np.asarray(gc)), want, rtol=1e-8)
    whole = ndimage.map_coordinates(bnp.array([0, 10, 20]), [bnp.array([0.26])], 1)
    assert whole.dtype == np.int64
    assert int(whole[0]) == 3


@pytest.mark.parametrize(("call", "word"), [
    (lambda: interpolate.CubicSpline([0.0, 0.0, 1.0], [1.0, 2.0, 3.0]), "increasing"),
    (lambda: interpolate.CubicSpline([0.0, 1.0], [1.0, 2.0, 3.0]), "expected x"),
    (lambda: interpolate.CubicSpline(X, Y, bc_type="free"), "bc_type"),
    (lambda: interpolate.RegularGridInterpolator((X,), Y[:3]), "points"),
    (lambda: interpolate.RegularGridInterpolator((X,), Y, "spline"), "method"),
    (lambda: interpolate.RegularGridInterpolator((X[::-1],), Y), "ascend"),
    (lambda: ndimage.map_coordinates(bnp.ones(3), [bnp.zeros(1)], 6), "order"),
    (lambda: ndimage.map_coordinates(bnp.ones(3), [bnp.zeros(1)] * 2, 1), "coordinates"),
    (lambda: ndimage.map_coordinates(bnp.ones(3), [bnp.zeros(1)], 1, "edge"), "mode"),
])  # fmt: skip
def test_errors(call, word):
    with pytest.raises((ValueError, NotImplementedError), match=word):
        call()
