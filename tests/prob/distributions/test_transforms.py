"""Constraints and transforms: inverses, log-determinants, shapes, errors."""

from __future__ import annotations

import numpy as np
import pytest

from bibun import jit, vmap
from bibun import numpy as bnp
from bibun.errors import ShapeError
from bibun.prob import distributions as dist
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions import transforms as t

X2 = np.array([0.3, -1.2])
X3 = np.array([0.3, -1.2, 0.7])
X5 = np.array([0.3, -1.2, 0.7, 2.0, -0.4])
X6 = np.array([0.3, -1.2, 0.7, 0.1, -0.4, 0.2])
M = np.array([[0.3, -1.2], [0.7, 2.0], [-0.4, 0.2]])
ZERO = np.array(0.4)
P3 = np.array([0.2, 0.3, 0.5])
SPD = np.array([[2.0, 0.5], [0.5, 1.0]])
TRIL = np.array([[1.4, 0.0], [0.4, 0.9]])
CORR = np.array([[1.0, 0.3], [0.3, 1.0]])


def lower(y):
    """The free coordinates of a matrix: those of its lower triangle."""
    return y[np.tril_indices(y.shape[-1])]


def below(y):
    return y[np.tril_indices(y.shape[-1], -1)]


def full(v):
    """A symmetric matrix of order 2 from its lower triangle."""
    return np.array([[v[0], v[1]], [v[1], v[2]]])


def unit(v):
    return np.array([[1.0, v[0]], [v[0], 1.0]])


def head(y):
    return y[:-1]


def half(y):
    """The free real coordinates of a real series' Fourier coefficients."""
    return np.concatenate([y.real, y.imag[1:]]) if y.ndim == 1 else y


def both(y):
    return np.stack([y.real, y.imag], axis=-1).ravel()


# transform, x, free coordinates of y (a chart), and x from its own free coordinates
CASES = [
    (t.IdentityTransform(), ZERO, None, None),
    (t.AffineTransform(0.5, -2.0), ZERO, None, None),
    (t.ExpTransform(), ZERO, None, None),
    (t.SigmoidTransform(), ZERO, None, None),
    (t.SoftplusTransform(), ZERO, None, None),
    (t.TanhTransform(), ZERO, None, None),
    (t.PowerTransform(2.5), ZERO, None, None),
    (t.ComposeTransform([t.ExpTransform(), t.AffineTransform(1.0, 3.0)]), ZERO, None, None),
    (t.IndependentTransform(t.ExpTransform(), 1), X3, None, None),
    (t.ExpTransform().inv, ZERO, None, None),
    (t.StickBreakingTransform(), X2, head, None),
    (t.OrderedTransform(), X3, None, None),
    (t.L1BallTransform(), X3, None, None),
    (t.SimplexToOrderedTransform(0.3), P3, None, lambda v: np.append(v, 1 - v.sum())),
    (t.LowerCholeskyTransform(), X3, lower, None),
    (t.SoftplusLowerCholeskyTransform(), X3, lower, None),
    (t.ScaledUnitLowerCholeskyTransform(), X3, lower, None),
    (t.CorrCholeskyTransform(), X3, below, None),
    (t.CholeskyTransform(), SPD, lower, full),
    (t.CorrMatrixCholeskyTransform(), CORR, below, unit),
    (t.LowerCholeskyAffine(bnp.array(X2), bnp.array(TRIL)), X2, None, None),
    (t.RecursiveLinearTransform(bnp.array([[0.8, 0.1], [-0.2, 0.9]]), bnp.array(X2)), M, None,
     None),
    (t.CatTransform([t.ExpTransform(), t.AffineTransform(0.5, -2.0)], -1, [2, 1]), X3, None, None),
    (t.ComplexTransform(), X2, both, None),
    (t.PermuteTransform(bnp.array([2, 0, 1])), X3, None, None),
    (t.ReshapeTransform((2, 3), (6,)), X6, None, None),
    (t.UnpackTransform(lambda x: x[::-1], lambda y: y[::-1]), X3, None, None),
    (t.DiscreteCosineTransform(), X5, None, None),
    (t.DiscreteCosineTransform(dim=-2, smooth=1.0), M, None, None),
    (t.HaarTransform(), X5, None, None),
    (t.HaarTransform(dim=-2, flip=True), M, None, None),
    (t.RealFastFourierTransform((5,)), X5, half, None),
    (t.PackRealFastFourierCoefficientsTransform((5,)), X5, half, None),
    (t.ZeroSumTransform(1), X2, None, None),
]  # fmt: skip


def label(case):
    return type(case[0]).__name__ if isinstance(case, tuple) else None


@pytest.mark.parametrize("case", CASES, ids=label)
def test_bijection_and_log_determinant(case):
    transform, x, chart, build = case
    y = transform(bnp.asarray(x))
    back = np.asarray(transform.inv(y))
    np.testing.assert_allclose(back, x, rtol=1e-9, atol=1e-12)
    again = np.asarray(jit(lambda x: transform(x))(x))
    np.testing.assert_allclose(again, np.asarray(y), rtol=1e-12, atol=1e-14)
    if not isinstance(transform, t.UnpackTransform):
        assert transform.forward_shape(np.shape(x)) == np.shape(y)
        assert transform.inverse_shape(np.shape(y)) == np.shape(x)
        assert np.all(np.asarray(transform.codomain(y)))
    two = np.asarray(vmap(lambda x: transform(x))(bnp.stack([bnp.asarray(x)] * 2)))
    np.testing.assert_allclose(two, np.stack([np.asarray(y)] * 2), rtol=1e-10, atol=1e-13)

    # the Jacobian in free coordinates, by central differences
    free = x.ravel() if build is None else {full: lower, unit: below}.get(build, head)(x)
    make = (lambda v: v.reshape(x.shape)) if build is None else build
    read = chart or (lambda y: y.ravel())
    rows = []
    for i in range(free.size):
        h = 1e-6 * np.eye(free.size)[i]
        ends = [read(np.asarray(transform(bnp.asarray(make(free + s * h))))) for s in (1, -1)]
        rows.append((ends[0] - ends[1]) / 2e-6)
    jacobian = np.array(rows)
    # for isometries into a larger space the volume is that of the image
    log_volume = 0.5 * np.linalg.slogdet(jacobian @ jacobian.T)[1]
    ladj = float(np.sum(np.asarray(transform.log_abs_det_jacobian(bnp.asarray(x), y))))
    assert ladj == pytest.approx(log_volume, abs=2e-8)


def test_every_transform_has_a_row():
    held = {n for n, k in vars(t).items() if isinstance(k, type) and issubclass(k, t.Transform)
            and not n.startswith("_")}  # fmt: skip
    here = {label(case) for case in CASES}
    assert held - here == {"Transform", "AbsTransform"}  # the base, and one that is two to one


# constraint, a value inside, one outside
INSIDE = [
    (c.real, 0.4, np.nan),
    (c.positive, 0.4, -0.4),
    (c.nonnegative, 0.4, -0.4),
    (c.less_than(2.0), 1.0, 3.0),
    (c.interval(1.0, 2.0), 1.5, 3.0),
    (c.open_interval(1.0, 2.0), 1.5, 1.0),
    (c.unit_interval, 0.5, 1.5),
    (c.circular, 3.0, 4.0),
    (c.softplus_positive, 0.5, -0.5),
    (c.simplex, P3, P3 * 2),
    (c.ordered_vector, np.sort(X3), -np.sort(X3)),
    (c.positive_ordered_vector, np.sort(X3) + 2, np.sort(X3)),
    (c.lower_cholesky, TRIL, TRIL.T),
    (c.softplus_lower_cholesky, TRIL, -TRIL),
    (c.scaled_unit_lower_cholesky, TRIL, -TRIL),
    (c.corr_cholesky, np.linalg.cholesky(CORR), TRIL),
    (c.corr_matrix, CORR, SPD),
    (c.positive_definite, SPD, -SPD),
    (c.l1_ball, X3 / 3, X3),
    (c.real_vector, X3, X3 * np.nan),
    (c.cat([c.positive, c.real_vector.base_constraint], -1, [1, 2]), X3, -X3),
    (c.zero_sum(1), X3 - X3.mean(), X3),
]


@pytest.mark.parametrize("case", INSIDE, ids=lambda k: repr(k[0])[:30])
def test_constraints_and_their_bijections(case):
    constraint, inside, outside = case
    assert np.all(np.asarray(constraint(bnp.asarray(inside))))
    assert not np.all(np.asarray(constraint(bnp.asarray(outside))))
    assert np.all(np.asarray(constraint(constraint.feasible_like(bnp.asarray(inside)))))
    transform = dist.biject_to(constraint)
    x = np.asarray(transform.inv(bnp.asarray(inside)))
    assert np.isfinite(x).all()
    np.testing.assert_allclose(np.asarray(transform(bnp.asarray(x))), inside, rtol=1e-7, atol=1e-9)
    far = np.asarray(transform(bnp.asarray(x * 3 + 1)))
    assert np.all(np.asarray(constraint(bnp.asarray(far))))


CHECKED = [
    (c.complex, 1 + 2j, complex(np.nan, 0)),
    (c.sphere, np.array([0.6, 0.8]), X2),
    (c.positive_definite_circulant_vector, np.array([2.0, 0.5, 0.5]), np.array([0.5, 2.0, 2.0])),
    (c.positive_semidefinite, np.ones((2, 2)), -SPD),
    (c.boolean, 1, 2),
    (c.integers, -3, 0.5),
    (c.nonnegative_integer, 0, -1),
    (c.integer_interval(1, 3), 3, 4),
    (c.multinomial(3), np.array([1, 2]), np.array([1, 1])),
]


@pytest.mark.parametrize("case", CHECKED, ids=lambda k: repr(k[0])[:30])
def test_constraints_without_bijection(case):
    constraint, inside, outside = case
    assert np.all(np.asarray(constraint(bnp.asarray(inside))))
    assert not np.all(np.asarray(constraint(bnp.asarray(outside))))
    with pytest.raises(NotImplementedError, match="no bijection"):
        dist.biject_to(constraint)


def test_dependent():
    assert c.is_dependent(c.dependent) and not c.is_dependent(c.real)


def test_cat_keeps_elements_apart():
    constraint = c.cat([c.positive, c.unit_interval], dim=-1, lengths=[1, 2])
    assert constraint(bnp.array([3.0, 0.5, 2.0])).tolist() == [True, True, False]
    assert constraint == c.cat([c.positive, c.unit_interval], -1, [1, 2])
    assert constraint != c.cat([c.positive, c.unit_interval], -1, [2, 1])


@pytest.mark.parametrize(
    "call, kind, words",
    [
        (lambda: t.CatTransform([]), ValueError, "at least one"),
        (lambda: t.CatTransform([t.ExpTransform()], -1, [1, 2]), ValueError, "expected 1 lengths"),
        (lambda: t.CatTransform([t.ExpTransform()], -1, [2])(bnp.zeros(3)), ShapeError, "need 2"),
        (lambda: t.ComplexTransform()(bnp.zeros(3)), ShapeError, "length 2"),
        (lambda: t.ReshapeTransform((2,), (3,)), ShapeError, "same number"),
        (lambda: t.ReshapeTransform((2, 2), (4,))(bnp.zeros(3)), ShapeError, "ends in"),
        (lambda: t.UnpackTransform(lambda x: x).inv(bnp.zeros(3)), NotImplementedError, "pack_fn"),
        (lambda: t.HaarTransform(dim=1), ValueError, "negative integer"),
        (lambda: t.RealFastFourierTransform((2, 3)), ShapeError, "transformed axes"),
        (lambda: t.PackRealFastFourierCoefficientsTransform().inv(bnp.zeros(2) * 1j), ValueError,
         "needs transform_shape"),
        (lambda: t.LowerCholeskyAffine(0.0, bnp.zeros((2, 3))), ShapeError, r"\(\.\.\., n, n\)"),
        (lambda: t.RecursiveLinearTransform(bnp.zeros(3)), ShapeError, r"\(\.\.\., n, n\)"),
    ],
)  # fmt: skip
def test_errors_say_what_was_expected(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_compositions_that_change_the_number_of_event_axes():
    """Jacobians of vectors to matrices and back, with elementwise parts before and after."""
    x = bnp.asarray(np.random.default_rng(0).normal(size=(4, 6)))
    scaled = t.ComposeTransform([t.AffineTransform(0.5, 2.0), t.LowerCholeskyTransform()])
    plain = t.LowerCholeskyTransform()
    y = scaled(x)
    exact = plain.log_abs_det_jacobian(0.5 + 2.0 * x, y) + 6 * np.log(2.0)
    np.testing.assert_allclose(scaled.log_abs_det_jacobian(x, y), exact, rtol=1e-12)
    order = np.array([3, 1, 0, 5, 4, 2])
    flat = t.ComposeTransform(
        [t.AffineTransform(0.0, 3.0), t.ReshapeTransform((6,), (2, 3)), t.PermuteTransform(order)]
    )
    m = bnp.reshape(x, (4, 2, 3))
    got = flat.log_abs_det_jacobian(m, flat(m))
    np.testing.assert_allclose(got, np.full(4, 6 * np.log(3.0)), rtol=1e-12)
    np.testing.assert_allclose(flat(m), 3.0 * np.asarray(x)[:, order])
