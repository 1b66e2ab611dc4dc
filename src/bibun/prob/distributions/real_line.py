"""Distributions on the whole real line, by location and scale, and their halves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape
from bibun.prob.distributions.special import LOG_2PI
from bibun.scipy.special import (
    digamma,
    erf,
    erfinv,
    expit,
    gammaln,
    i0e,
    i1e,
    log_ndtr,
    ndtr,
    ndtri,
    stdtr,
    stdtrit,
)

_LOC_SCALE = {"loc": c.real, "scale": c.positive}


class LocationScale(Distribution):
    """x = loc + scale z. A subclass gives what it is for the standard z.

    `_standard_log_prob(z)` lacks the log scale; `_standard_sample(key, shape)`; `_standard_cdf`,
    `_standard_icdf`; `_moments` holds mean and variance of z, `_entropy` its entropy.
    """

    arg_constraints = _LOC_SCALE
    support = c.real
    reparametrized_params = ("loc", "scale")
    _moments: tuple[float, float] = (math.nan, math.nan)
    _entropy = math.nan

    def __init__(
        self, loc: Any = 0.0, scale: Any = 1.0, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, loc=loc, scale=scale)

    def _z(self, value: Any) -> Any:
        return (value - self.loc) * (1.0 / self.scale)  # one division for all values

    def _log_prob(self, value: Any) -> Any:
        return self._standard_log_prob(self._z(value)) - bnp.log(self.scale)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return self.loc + self._standard_sample(key, self.shape(sample_shape)) * self.scale

    @property
    def mean(self) -> Any:
        return self._wide(self.loc + self.scale * self._moments[0])

    @property
    def variance(self) -> Any:
        return self._wide(bnp.square(self.scale) * self._moments[1])

    def cdf(self, value: Any) -> Any:
        return self._standard_cdf(self._z(value))

    def icdf(self, q: Any) -> Any:
        return self.loc + self.scale * self._standard_icdf(q)

    def entropy(self) -> Any:
        return self._wide(self._entropy + bnp.log(self.scale))


class Normal(LocationScale):
    """Normal with mean `loc` and standard deviation `scale`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Normal(1.0, 2.0).log_prob(2.0)), 6)
    -1.737086
    """

    _moments = (0.0, 1.0)
    _entropy = 0.5 * (1.0 + LOG_2PI)
    _standard_cdf = staticmethod(ndtr)
    _standard_icdf = staticmethod(ndtri)
    _standard_sample = staticmethod(random.normal)

    def _standard_log_prob(self, z: Any) -> Any:
        return -0.5 * (z * z) - 0.5 * LOG_2PI

    def log_cdf(self, value: Any) -> Any:
        """The logarithm of the cdf, exact far out on the left."""
        return log_ndtr((value - self.loc) / self.scale)


class Cauchy(LocationScale):
    """Cauchy. Its mean and variance do not exist.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Cauchy(1.0, 2.0).cdf(3.0)), 4)
    0.75
    """

    _entropy = math.log(4 * math.pi)
    _standard_sample = staticmethod(random.cauchy)

    def _standard_log_prob(self, z: Any) -> Any:
        return -math.log(math.pi) - bnp.log1p(z * z)

    def _standard_cdf(self, z: Any) -> Any:
        return bnp.arctan(z) / math.pi + 0.5

    def _standard_icdf(self, q: Any) -> Any:
        return bnp.tan(math.pi * (q - 0.5))


class Laplace(LocationScale):
    """Double exponential.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Laplace(0.0, 2.0).variance), 4)
    8.0
    """

    _moments = (0.0, 2.0)
    _entropy = 1.0 + math.log(2.0)
    _standard_sample = staticmethod(random.laplace)

    def _standard_log_prob(self, z: Any) -> Any:
        return -bnp.abs(z) - math.log(2.0)

    def _standard_cdf(self, z: Any) -> Any:
        tail = 0.5 * bnp.exp(-bnp.abs(z))
        return bnp.where(z < 0, tail, 1 - tail)

    def _standard_icdf(self, q: Any) -> Any:
        a = q - 0.5
        return -bnp.sign(a) * bnp.log1p(-2 * bnp.abs(a))


class Logistic(LocationScale):
    """Logistic.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Logistic(1.0, 2.0).cdf(1.0)), 4)
    0.5
    """

    _moments = (0.0, math.pi**2 / 3)
    _entropy = 2.0
    _standard_cdf = staticmethod(expit)
    _standard_sample = staticmethod(random.logistic)

    def _standard_log_prob(self, z: Any) -> Any:
        a = bnp.abs(z)
        return -a - 2 * bnp.log1p(bnp.exp(-a))

    def _standard_icdf(self, q: Any) -> Any:
        return bnp.log(q) - bnp.log1p(-q)


class Gumbel(LocationScale):
    """Gumbel of maxima.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.Gumbel(0.0, 1.0).mean), 4)
    0.5772
    """

    _moments = (np.euler_gamma, math.pi**2 / 6)
    _entropy = 1.0 + np.euler_gamma
    _standard_sample = staticmethod(random.gumbel)

    def _standard_log_prob(self, z: Any) -> Any:
        return -(z + bnp.exp(-z))

    def _standard_cdf(self, z: Any) -> Any:
        return bnp.exp(-bnp.exp(-z))

    def _standard_icdf(self, q: Any) -> Any:
        return -bnp.log(-bnp.log(q))


class StudentT(LocationScale):
    """Student's t with `df` degrees of freedom, location and scale.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.StudentT(4.0, 1.0, 3.0).variance), 4)
    18.0
    """

    arg_constraints = {"df": c.positive, **_LOC_SCALE}
    reparametrized_params = ("df", "loc", "scale")

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, df=df, loc=loc, scale=scale)

    def _standard_log_prob(self, z: Any) -> Any:
        half = 0.5 * self.df
        return (
            gammaln(half + 0.5) - gammaln(half) - 0.5 * bnp.log(self.df * math.pi)
            - (half + 0.5) * bnp.log1p(z * z / self.df)
        )  # fmt: skip

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_normal, k_chi2 = random.split(key)
        shape = self.shape(sample_shape)
        chi2 = random.gamma(k_chi2, 0.5 * self.df, shape) / 0.5
        return self.loc + self.scale * (random.normal(k_normal, shape) * bnp.sqrt(self.df / chi2))

    def _standard_cdf(self, z: Any) -> Any:
        return stdtr(self.df, z)

    def _standard_icdf(self, q: Any) -> Any:
        return stdtrit(self.df, q)

    @property
    def mean(self) -> Any:
        return self._wide(bnp.where(bnp.asarray(self.df) > 1, self.loc, np.nan))

    @property
    def variance(self) -> Any:
        df = bnp.asarray(self.df)
        finite = df / bnp.where(df > 2, df - 2, 1.0)
        factor = bnp.where(df > 2, finite, bnp.where(df > 1, np.inf, np.nan))
        return self._wide(bnp.square(self.scale) * factor)

    def entropy(self) -> Any:
        half = 0.5 * self.df
        beta = gammaln(half) + gammaln(0.5) - gammaln(half + 0.5)
        h = (half + 0.5) * (digamma(half + 0.5) - digamma(half)) + 0.5 * bnp.log(self.df) + beta
        return self._wide(h + bnp.log(self.scale))


class HalfLine(Distribution):
    """|x| for a centred distribution: its density doubled on the positive side."""

    arg_constraints = {"scale": c.positive}
    support = c.nonnegative
    reparametrized_params = ("scale",)
    _whole: type[LocationScale]

    def __init__(self, scale: Any = 1.0, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, scale=scale)

    def _full(self) -> LocationScale:
        return self._whole(0.0, self.scale, validate_args=False)

    def _log_prob(self, value: Any) -> Any:
        return self._full()._log_prob(value) + math.log(2.0)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return bnp.abs(self._full().sample(key, sample_shape))

    def icdf(self, q: Any) -> Any:
        return self._full().icdf((q + 1) / 2)

    def entropy(self) -> Any:
        return self._full().entropy() - math.log(2.0)


class HalfNormal(HalfLine):
    """|x| for x normal with mean 0 and standard deviation `scale`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.HalfNormal(2.0).mean), 4)
    1.5958
    """

    _whole = Normal

    def cdf(self, value: Any) -> Any:
        return erf(value / (self.scale * math.sqrt(2.0)))

    def icdf(self, q: Any) -> Any:
        return self.scale * math.sqrt(2.0) * erfinv(q)

    @property
    def mean(self) -> Any:
        return self._wide(math.sqrt(2 / math.pi) * self.scale)

    @property
    def variance(self) -> Any:
        return self._wide((1 - 2 / math.pi) * bnp.square(self.scale))


class HalfCauchy(HalfLine):
    """|x| for x Cauchy at 0 with the given scale. Mean and variance are infinite.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.HalfCauchy(2.0).cdf(2.0)), 4)
    0.5
    """

    _whole = Cauchy

    def cdf(self, value: Any) -> Any:
        return 2 / math.pi * bnp.arctan(value / self.scale)

    @property
    def mean(self) -> Any:
        return self._wide(np.inf)

    @property
    def variance(self) -> Any:
        return self._wide(np.inf)


class LogNormal(Distribution):
    """exp(x) for x normal with mean `loc` and standard deviation `scale`.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.LogNormal(0.0, 1.0).mean), 4)
    1.6487
    """

    arg_constraints = _LOC_SCALE
    support = c.positive
    reparametrized_params = ("loc", "scale")

    def __init__(
        self, loc: Any = 0.0, scale: Any = 1.0, *, validate_args: bool | None = None
    ) -> None:
        self._setup(validate_args, loc=loc, scale=scale)

    def _normal(self) -> Normal:
        return Normal(self.loc, self.scale, validate_args=False)

    def _log_prob(self, value: Any) -> Any:
        log = bnp.log(value)
        return self._normal()._log_prob(log) - log

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        return bnp.exp(self._normal().sample(key, sample_shape))

    def cdf(self, value: Any) -> Any:
        return self._normal().cdf(bnp.log(value))

    def icdf(self, q: Any) -> Any:
        return bnp.exp(self._normal().icdf(q))

    @property
    def mean(self) -> Any:
        return self._wide(bnp.exp(self.loc + bnp.square(self.scale) / 2))

    @property
    def variance(self) -> Any:
        s2 = bnp.square(self.scale)
        return self._wide(bnp.expm1(s2) * bnp.exp(2 * self.loc + s2))

    def entropy(self) -> Any:
        return self._normal().entropy() + self._wide(self.loc)


class VonMises(Distribution):
    """Von Mises on the circle, with mean direction `loc` and concentration.

    >>> from bibun.prob import distributions as dist
    >>> round(float(dist.VonMises(1.0, 2.0).mean), 4)
    1.0
    """

    arg_constraints = {"loc": c.real, "concentration": c.positive}
    support = c.circular
    reparametrized_params = ("loc",)

    def __init__(self, loc: Any, concentration: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, loc=loc, concentration=concentration)

    def _log_prob(self, value: Any) -> Any:
        # exponents relative to the mode: k cos(d) - k - log(2 pi I0e(k))
        k = self.concentration
        return k * (bnp.cos(value - self.loc) - 1) - (LOG_2PI + bnp.log(i0e(k)))

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        """Best and Fisher's rejection from a wrapped Cauchy (1979)."""
        from bibun.lax import while_loop

        shape = self.shape(sample_shape)
        k = bnp.broadcast_to(bnp.asarray(self.concentration, dtype=float), shape)
        tau = 1 + bnp.sqrt(1 + 4 * k * k)
        rho = (tau - bnp.sqrt(2 * tau)) / (2 * k)
        r = bnp.where(k < 1e-5, 1 / bnp.maximum(k, 1e-300), (1 + rho * rho) / (2 * rho))

        def body(state: Any) -> Any:
            key, angle, done = state
            keys = random.split(key, 4)
            u1, u2, u3 = (random.uniform(keys[i], shape) for i in (1, 2, 3))
            z = bnp.cos(math.pi * u1)
            w = (1 + r * z) / (r + z)
            y = k * (r - w)
            accept = (y * (2 - y) > u2) | (bnp.log(y / u2) + 1 >= y)
            new = bnp.sign(u3 - 0.5) * bnp.arccos(bnp.clip(w, -1.0, 1.0))
            return keys[0], bnp.where(done, angle, new), done | accept

        start = (random.wrap_key_data(random.key_data(key)), bnp.zeros(shape),
                 bnp.zeros(shape, bool))  # fmt: skip
        _, angle, _ = while_loop(lambda s: bnp.any(~s[2]), body, start)
        return (angle + self.loc + math.pi) % (2 * math.pi) - math.pi

    @property
    def mean(self) -> Any:
        """The circular mean."""
        return self._wide((self.loc + math.pi) % (2 * math.pi) - math.pi)

    @property
    def variance(self) -> Any:
        """The circular variance, 1 - I1(k) / I0(k)."""
        return self._wide(1 - i1e(self.concentration) / i0e(self.concentration))
