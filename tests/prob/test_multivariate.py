"""Distributions of vectors and matrices, and the bijections onto their supports."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats as ss
from scipy import special

import bibun
from bibun import numpy as bnp
from bibun import random
from bibun.prob import distributions as dist
from bibun.prob.distributions import biject_to, constraints

COV = np.array([[2.0, 0.6, 0.1], [0.6, 1.0, -0.2], [0.1, -0.2, 0.5]])
LOC = np.array([1.0, -1.0, 0.5])
X = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, -1.0]])


@pytest.mark.parametrize(
    "form",
    [
        {"covariance_matrix": COV},
        {"precision_matrix": np.linalg.inv(COV)},
        {"scale_tril": np.linalg.cholesky(COV)},
    ],
    ids=lambda f: next(iter(f)),
)
def test_multivariate_normal(form):
    d = dist.MultivariateNormal(LOC, **form)
    assert d.batch_shape == () and d.event_shape == (3,)
    twin = ss.multivariate_normal(LOC, COV)
    np.testing.assert_allclose(np.asarray(d.log_prob(X)), twin.logpdf(X), rtol=1e-10)
    np.testing.assert_allclose(np.asarray(d.covariance_matrix), COV, rtol=1e-10)
    np.testing.assert_allclose(np.asarray(d.precision_matrix), np.linalg.inv(COV), rtol=1e-9)
    np.testing.assert_allclose(np.asarray(d.variance), np.diag(COV), rtol=1e-10)
    np.testing.assert_allclose(float(d.entropy()), twin.entropy(), rtol=1e-10)
    x = np.asarray(d.sample(random.key(0), (4000,)))
    np.testing.assert_allclose(x.mean(0), LOC, atol=0.1)
    np.testing.assert_allclose(np.cov(x.T), COV, atol=0.15)


def test_multivariate_normal_batches():
    tril = np.linalg.cholesky(COV)
    d = dist.MultivariateNormal(np.stack([LOC, -LOC]), scale_tril=tril)
    assert d.batch_shape == (2,)
    lp = np.asarray(d.log_prob(X))
    for i, m in enumerate((LOC, -LOC)):
        assert lp[i] == pytest.approx(ss.multivariate_normal(m, COV).logpdf(X[i]))
    e = dist.MultivariateNormal(LOC, scale_tril=np.stack([tril, 2 * tril]))
    lp = np.asarray(e.log_prob(X))
    assert lp[1] == pytest.approx(ss.multivariate_normal(LOC, 4 * COV).logpdf(X[1]))
    assert e.sample(random.key(0), (5,)).shape == (5, 2, 3)


def test_multivariate_normal_gradient():
    def density(c):
        cov = bnp.array(COV) + c * bnp.eye(3)
        return bnp.sum(dist.MultivariateNormal(LOC, covariance_matrix=cov).log_prob(X))

    h = 1e-5
    slope = (float(density(0.1 + h)) - float(density(0.1 - h))) / (2 * h)
    assert float(bibun.grad(density)(0.1)) == pytest.approx(slope, rel=1e-6)


def test_multivariate_normal_errors():
    with pytest.raises(ValueError, match="exactly one of covariance_matrix"):
        dist.MultivariateNormal(LOC)
    with pytest.raises(ValueError, match=r"does not fit covariance_matrix of shape \(3, 3\)"):
        dist.MultivariateNormal(np.zeros(2), COV)


def test_multivariate_student():
    tril = np.linalg.cholesky(COV)
    d = dist.MultivariateStudentT(5.0, LOC, tril)
    twin = ss.multivariate_t(LOC, COV, df=5)
    np.testing.assert_allclose(np.asarray(d.log_prob(X)), twin.logpdf(X), rtol=1e-10)
    assert d.sample(random.key(0), (4,)).shape == (4, 3)


def test_dirichlet():
    a = np.array([0.7, 2.0, 3.0])
    d, twin = dist.Dirichlet(a), ss.dirichlet(a)
    x = np.array([0.2, 0.3, 0.5])
    assert float(d.log_prob(x)) == pytest.approx(twin.logpdf(x))
    assert float(d.entropy()) == pytest.approx(twin.entropy())
    np.testing.assert_allclose(np.asarray(d.mean), twin.mean())
    np.testing.assert_allclose(np.asarray(d.variance), twin.var())
    draws = np.asarray(d.sample(random.key(1), (3000,)))
    np.testing.assert_allclose(draws.mean(0), twin.mean(), atol=0.02)


def test_multinomial():
    p = np.array([0.2, 0.3, 0.5])
    d, twin = dist.Multinomial(10, p), ss.multinomial(10, p)
    x = np.array([[3, 3, 4], [0, 0, 10]])
    np.testing.assert_allclose(np.asarray(d.log_prob(x)), twin.logpmf(x), rtol=1e-10)
    draws = np.asarray(d.sample(random.key(1), (500,)))
    assert (draws.sum(-1) == 10).all()
    np.testing.assert_allclose(draws.mean(0), 10 * p, atol=0.4)


def test_lkj_density_is_uniform_over_correlations_at_one():
    # two dimensions: the correlation has density (1 - r^2)^(eta - 1) up to its constant
    from scipy.integrate import quad

    def density(r, eta):
        tril = np.array([[1.0, 0.0], [r, np.sqrt(1 - r * r)]])
        # from the factor to r: the Jacobian of r -> r is 1, the diagonal is not free
        return float(bnp.exp(dist.LKJCholesky(2, eta).log_prob(tril)))

    for eta in (1.0, 2.5):
        total, _ = quad(lambda r, eta=eta: density(r, eta) / np.sqrt(1 - r * r)
                        * np.sqrt(1 - r * r), -1, 1)  # fmt: skip
        assert total == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("method", ["onion", "cvine"])
def test_lkj_draws(method):
    eta = bnp.array([2.0, 0.7])
    d = dist.LKJ(4, eta, sample_method=method)
    r = np.asarray(d.sample(random.key(0), (2000,)))
    assert r.shape == (2000, 2, 4, 4) and bool(bnp.all(d.support(r)))
    for k, e in enumerate((2.0, 0.7)):
        for i, j in itertools.combinations(range(4), 2):
            # marginally (r + 1) / 2 is Beta(eta + (n - 2) / 2, same)
            assert ss.kstest((r[:, k, i, j] + 1) / 2, ss.beta(e + 1, e + 1).cdf).pvalue > 1e-4
        # the determinant is a product of independent betas: of 1 - p², p the partial correlations
        det = np.linalg.slogdet(r[:, k])[1]
        powers = e + 0.5 * np.repeat([2, 1, 0], [3, 2, 1])
        mean = (special.digamma(powers) - special.digamma(powers + 0.5)).sum()
        assert abs(det.mean() - mean) < 4 * det.std() / np.sqrt(2000)
    with pytest.raises(ValueError, match="onion"):
        dist.LKJCholesky(3, 1.0, sample_method="vine")


CONSTRAINTS = {
    "real": (constraints.real, ()),
    "positive": (constraints.positive, ()),
    "unit_interval": (constraints.unit_interval, ()),
    "interval": (constraints.interval(-1.0, 3.0), ()),
    "greater_than": (constraints.greater_than(2.0), ()),
    "less_than": (constraints.less_than(2.0), ()),
    "softplus_positive": (constraints.softplus_positive, ()),
    "real_vector": (constraints.real_vector, (3,)),
    "simplex": (constraints.simplex, (4,)),
    "ordered": (constraints.ordered_vector, (4,)),
    "positive_ordered": (constraints.positive_ordered_vector, (4,)),
    "lower_cholesky": (constraints.lower_cholesky, (3, 3)),
    "softplus_lower_cholesky": (constraints.softplus_lower_cholesky, (3, 3)),
    "scaled_unit": (constraints.scaled_unit_lower_cholesky, (3, 3)),
    "corr_cholesky": (constraints.corr_cholesky, (4, 4)),
    "corr_matrix": (constraints.corr_matrix, (3, 3)),
    "positive_definite": (constraints.positive_definite, (3, 3)),
}


def free_elements(constraint, y):
    """The coordinates of the manifold: what the density is with respect to."""
    if y.ndim == 0:
        return y
    n = y.shape[-1]
    if constraint is constraints.simplex:
        return y[:-1]
    if constraint.event_dim == 2:
        corr = constraint in (constraints.corr_cholesky, constraints.corr_matrix)
        rows, cols = np.tril_indices(n, -1 if corr else 0)
        return y[rows, cols]
    return bnp.ravel(y)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_bijections(name):
    constraint, shape = CONSTRAINTS[name]
    t = biject_to(constraint)
    x_shape = t.inverse_shape(shape)
    assert t.forward_shape(x_shape) == shape
    for scale in (0.3, 2.0):
        x = scale * random.normal(random.key(4), (5, *x_shape))
        y = t(x)
        assert y.shape == (5, *shape)
        assert np.asarray(constraint(y)).all()
        np.testing.assert_allclose(np.asarray(t._inverse(y)), np.asarray(x), rtol=1e-5, atol=1e-6)
        ladj = np.asarray(t.log_abs_det_jacobian(x, y))
        assert ladj.shape == (5,)
        jacobian = bibun.jacfwd(lambda v: free_elements(constraint, t(v)))(x[0])
        size = int(np.prod(x_shape))
        _, expected = np.linalg.slogdet(np.asarray(jacobian).reshape(size, size))
        assert ladj[0] == pytest.approx(expected, rel=1e-6, abs=1e-7)
        np.testing.assert_allclose(
            np.asarray(bibun.vmap(lambda v: t.log_abs_det_jacobian(v, t(v)))(x)), ladj, rtol=1e-10
        )


def test_discrete_has_no_bijection():
    with pytest.raises(NotImplementedError, match="discrete"):
        biject_to(constraints.boolean)


def test_constraints_compare():
    assert constraints.interval(0.0, 2.0) == constraints.interval(0.0, 2.0)
    assert constraints.interval(0.0, 2.0) != constraints.interval(0.0, 3.0)
    assert constraints.positive != constraints.nonnegative
    assert "lower_bound=0" in repr(constraints.positive)


def test_transformed_distribution():
    t = dist.transforms
    d = dist.TransformedDistribution(
        dist.Normal(0.3, 0.7), [t.ExpTransform(), t.AffineTransform(1.0, 2.0)]
    )
    twin = dist.LogNormal(0.3, 0.7)
    y = np.array([1.5, 3.0])
    expected = np.asarray(twin.log_prob((y - 1) / 2)) - np.log(2)
    np.testing.assert_allclose(np.asarray(d.log_prob(y)), expected, rtol=1e-12)
    v = dist.TransformedDistribution(
        dist.Normal(np.zeros(3), 1.0).to_event(1), t.StickBreakingTransform()
    )
    assert v.event_shape == (4,) and v.batch_shape == ()
    x = v.sample(random.key(0), (6,))
    assert x.shape == (6, 4) and v.log_prob(x).shape == (6,)


def test_delta_unit_improper():
    d = dist.Delta(2.0, log_density=-1.0)
    assert float(d.log_prob(2.0)) == -1.0 and float(d.log_prob(2.1)) == -np.inf
    u = dist.Unit(bnp.array([1.0, 2.0]))
    assert u.log_prob(u.sample(None)).tolist() == [1.0, 2.0]
    i = dist.ImproperUniform(constraints.ordered_vector, (), (3,))
    x = i.sample(random.key(0), (2,))
    assert x.shape == (2, 3) and i.log_prob(x).tolist() == [0.0, 0.0]
