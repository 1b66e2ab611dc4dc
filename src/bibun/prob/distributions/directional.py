"""Distributions of directions: pairs of angles, skewed angles, points of a sphere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import roots_genlaguerre

from bibun import numpy as bnp
from bibun import random
from bibun.errors import ShapeError
from bibun.lax import while_loop
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, _Wrapper, one_of, parameter
from bibun.prob.distributions.real_line import VonMises
from bibun.prob.distributions.special import LOG_2PI
from bibun.scipy.special import i0e, logsumexp, ndtr


def _wrapped(angle: Any) -> Any:
    """An angle in [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


class SineBivariateVonMises(Distribution):
    """Pairs of angles: k1 cos(x - m1) + k2 cos(y - m2) + rho sin(x - m1) sin(y - m2).

    `phi_loc`, `psi_loc` are m1 and m2, `phi_concentration`, `psi_concentration` k1 and k2;
    one of `correlation` rho and `weighted_correlation` rho / sqrt(k1 k2). For rho**2 > k1 k2
    there are two modes.

    The norm is an integral over one angle of a periodic function, by the trapezoidal rule,
    which is exact to rounding for concentrations up to about 10⁴. Draws of that angle are by
    rejection from an angular central Gaussian, those of the other, given it, von Mises.
    Sources: Singh, Hnizdo and Demchuk (2002); Kent, Ganeiber and Mardia (2018).

    >>> from bibun.prob import distributions as dist
    >>> d = dist.SineBivariateVonMises(0.0, 0.0, 2.0, 3.0, correlation=0.5)
    >>> d.event_shape
    (2,)
    """

    arg_constraints = {
        "phi_loc": c.circular,
        "psi_loc": c.circular,
        "phi_concentration": c.positive,
        "psi_concentration": c.positive,
        "correlation": c.real,
    }
    support = c.independent(c.circular, 1)
    _nodes = np.linspace(-math.pi, math.pi, 1024, endpoint=False)

    def __init__(
        self,
        phi_loc: Any,
        psi_loc: Any,
        phi_concentration: Any,
        psi_concentration: Any,
        correlation: Any = None,
        weighted_correlation: Any = None,
        *,
        validate_args: bool | None = None,
    ) -> None:
        name, correlation = one_of(
            "SineBivariateVonMises", correlation=correlation,
            weighted_correlation=weighted_correlation,
        )  # fmt: skip
        if name == "weighted_correlation":
            correlation = correlation * bnp.sqrt(bnp.asarray(phi_concentration) * psi_concentration)
        self._setup(
            validate_args,
            phi_loc=phi_loc,
            psi_loc=psi_loc,
            phi_concentration=phi_concentration,
            psi_concentration=psi_concentration,
            correlation=correlation,
        )

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return super()._compute_shapes()[0], (2,)

    def _second(self, sine: Any) -> Any:
        """The concentration of the second angle where the sine of the first is this."""
        pull = self.correlation * sine
        return bnp.sqrt(bnp.square(self.psi_concentration) + pull * pull)

    @property
    def _log_norm(self) -> Any:
        wide = [bnp.asarray(self._wide(x))[..., None] for x in (
            self.phi_concentration, self.psi_concentration, self.correlation)]  # fmt: skip
        k = bnp.sqrt(bnp.square(wide[1]) + bnp.square(wide[2] * np.sin(self._nodes)))
        logs = wide[0] * np.cos(self._nodes) + k + bnp.log(i0e(k))
        return logsumexp(logs, axis=-1) - math.log(len(self._nodes)) + 2 * LOG_2PI

    def _log_prob(self, value: Any) -> Any:
        x, y = value[..., 0] - self.phi_loc, value[..., 1] - self.psi_loc
        lp = self.phi_concentration * bnp.cos(x) + self.psi_concentration * bnp.cos(y)
        return lp + self.correlation * bnp.sin(x) * bnp.sin(y) - self._log_norm

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_first, k_second = random.split(key)
        shape = (*sample_shape, *self.batch_shape)
        cosine, sine = self._first(k_first, shape)
        lean = bnp.arctan(self.correlation * sine / self.psi_concentration)
        other = VonMises(lean, self._second(sine), validate_args=False).sample(k_second)
        first = bnp.arctan2(sine, cosine) + self.phi_loc
        return _wrapped(bnp.stack([first, other + self.psi_loc], axis=-1))

    def _first(self, key: Any, shape: Shape) -> tuple[Any, Any]:
        """Cosine and sine of draws of the first angle, about its location."""
        k1, k2 = bnp.asarray(self.phi_concentration), self.psi_concentration
        # exp(-lam sin²) bounds the density; shifted so that both exponents are not negative
        lam = 0.5 * (k1 - bnp.square(self.correlation) / k2)
        least = bnp.minimum(lam, 0.0)
        a_cos, a_sin = -least, lam - least
        size = bnp.maximum(a_cos, a_sin)
        b = 1 + 1 / (bnp.sqrt(1 + size * size) + size)  # of the tightest envelope
        top = k2 + bnp.log(i0e(k2))

        def body(state: Any) -> Any:
            key, cosine, sine, done = state
            keys = random.split(key, 3)
            z = random.normal(keys[1], (2, *shape))
            x, y = z[0] / bnp.sqrt(1 + 2 * a_cos / b), z[1] / bnp.sqrt(1 + 2 * a_sin / b)
            r = bnp.sqrt(x * x + y * y)
            x, y = x / r, y / r
            k = self._second(y)
            log_f = k1 * (x - 1) + least + k + bnp.log(i0e(k)) - top
            log_g = 1 - b / 2 + bnp.log(b / 2 + a_cos * x * x + a_sin * y * y)
            take = bnp.log(random.uniform(keys[2], shape)) < log_f + log_g
            new = ~done & take
            return keys[0], bnp.where(new, x, cosine), bnp.where(new, y, sine), done | take

        start = (random.wrap_key_data(random.key_data(key)), bnp.ones(shape), bnp.zeros(shape),
                 bnp.zeros(shape, bool))  # fmt: skip
        _, cosine, sine, _ = while_loop(lambda s: bnp.any(~s[3]), body, start)
        return cosine, sine

    @property
    def mean(self) -> Any:
        """The circular means."""
        means = [self._wide(_wrapped(x)) for x in (self.phi_loc, self.psi_loc)]
        return bnp.stack(means, axis=-1)


class SineSkewed(_Wrapper):
    """Angles of a symmetric distribution, skewed by a factor 1 + sum skewness sin(x - mean).

    `base_dist`: on a torus, of event shape (d,), such as `VonMises(…).to_event(1)` or
    `SineBivariateVonMises`; `skewness`: (..., d), absolute values summing to at most 1.
    Source: Ameijeiras-Alonso and Ley (2019), equation 2.1.

    >>> from bibun.prob import distributions as dist
    >>> base = dist.VonMises(bnp.zeros(1), 2.0).to_event(1)
    >>> skewed = SineSkewed(base, bnp.array([0.5]))
    >>> x = bnp.array([0.5 * math.pi])
    >>> round(float(bnp.exp(skewed.log_prob(x) - base.log_prob(x))), 6)
    1.5
    """

    _fields = ("base_dist", "skewness")
    arg_constraints = {"skewness": c.l1_ball}
    support = c.independent(c.circular, 1)

    def __init__(
        self, base_dist: Distribution, skewness: Any, *, validate_args: bool | None = None
    ) -> None:
        self._wrap(base_dist, validate_args, skewness=parameter("skewness", skewness))
        if self._validate:
            self._validate_parameters()

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, event = self.base_dist.shapes
        if len(event) != 1 or np.shape(self.skewness)[-1:] != event:
            raise ShapeError(
                "SineSkewed: skewness needs one number for each angle of an event; the base has "
                f"event shape {event}, skewness shape {np.shape(self.skewness)}"
            )
        return np.broadcast_shapes(batch, self.skewness.shape[:-1]), event

    @property
    def has_rsample(self) -> bool:
        return False

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        return False

    def _tilt(self, x: Any) -> Any:
        return bnp.sum(self.skewness * bnp.sin(x - self.base_dist.mean), axis=-1)

    def _log_prob(self, value: Any) -> Any:
        return self.base_dist.log_prob(value) + bnp.log1p(self._tilt(value))

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        k_base, k_skew = random.split(key)
        x = self.base_dist.expand(self.batch_shape).sample(k_base, sample_shape)
        u = random.uniform(k_skew, x.shape[:-1])
        stays = (u <= 0.5 + 0.5 * self._tilt(x))[..., None]
        return _wrapped(bnp.where(stays, x, 2 * self.base_dist.mean - x))

    @property
    def mean(self) -> Any:
        """The centre of symmetry of the base, not the circular mean of the draws."""
        return bnp.broadcast_to(self.base_dist.mean, self.shape())

    @property
    def variance(self) -> Any:
        raise self._missing("variance")


class ProjectedNormal(Distribution):
    """Directions x / |x| of normal vectors with mean `concentration` and unit covariance.

    Source: Hernandez-Stumpfhauser, Breidt and van der Woerd (2017).

    >>> d = ProjectedNormal(bnp.zeros(2))
    >>> round(float(bnp.exp(d.log_prob(bnp.array([0.6, 0.8]))) * 2 * math.pi), 6)
    1.0
    """

    arg_constraints = {"concentration": c.real_vector}
    support = c.sphere
    reparametrized_params = ("concentration",)

    def __init__(self, concentration: Any, *, validate_args: bool | None = None) -> None:
        self._setup(validate_args, concentration=concentration)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        batch, _ = super()._compute_shapes()
        n = self.concentration.shape[-1]
        if n < 2:
            raise ShapeError(f"ProjectedNormal: needs at least 2 dimensions, got {n}")
        return batch, (n,)

    def _log_prob(self, value: Any) -> Any:
        # along the ray a normal about t, across it one at a distance r from the mean
        n = self.event_shape[0]
        t = bnp.sum(self.concentration * value, axis=-1)
        r2 = bnp.sum(bnp.square(self.concentration - t[..., None] * value), axis=-1)
        return _log_ray(t, n) - 0.5 * r2 - 0.5 * (n - 1) * LOG_2PI

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        x = self.concentration + random.normal(key, self.shape(sample_shape))
        return x / bnp.sqrt(bnp.sum(x * x, axis=-1, keepdims=True))

    @property
    def mean(self) -> Any:
        """The mean direction: the concentration, of length 1; nan where it is 0."""
        norm = bnp.sqrt(bnp.sum(bnp.square(self.concentration), axis=-1, keepdims=True))
        return self.concentration / norm

    mode = mean


_FAR = -2.0


def _log_ray(t: Any, n: int) -> Any:
    """log of the integral of x**(n - 1) times a unit normal about t, over positive x."""
    # integrals of x**k: I_0 = Phi(t), I_1 = phi(t) + t Phi(t), I_k = t I_(k-1) + (k-1) I_(k-2)
    near = bnp.maximum(t, _FAR)
    before, here = ndtr(near), bnp.exp(-0.5 * near * near - 0.5 * LOG_2PI) + near * ndtr(near)
    for k in range(2, n):
        before, here = here, near * here + (k - 1) * before
    # where the terms cancel: x = u / |t| under the weight u**(n-1) exp(-u), by Gauss's rule
    nodes, weights = roots_genlaguerre(48, n - 1)
    far = bnp.minimum(t, _FAR)
    terms = np.log(weights) - 0.5 * bnp.square(nodes / far[..., None])
    tail = logsumexp(terms, axis=-1) - n * bnp.log(-far) - 0.5 * far * far - 0.5 * LOG_2PI
    return bnp.where(t > _FAR, bnp.log(here), tail)
