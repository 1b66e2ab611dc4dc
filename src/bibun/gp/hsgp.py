"""Hilbert space approximations: a stationary process as M sines with normal weights.

On a box [-ell, ell]^d the Laplacian with zero boundary values has eigenfunctions and values

    φ_j(x) = Π_i sin(√λ_ji (x_i + ell_i)) / √ell_i,    √λ_ji = j_i π / (2 ell_i),  j_i = 1..m_i (1)

and a kernel of spectral density S is k(x, x') ≈ Σ_j S(√λ_j) φ_j(x) φ_j(x'). The frequencies
and functions depend on the points and the box alone: a step of a sampler costs O(n M), or,
with the weights integrated out (`LowRankSolver`), O(n M²). The box should hold the points
with room to spare, ell about max|x| plus two or more scales (1.5 max|x| or more), and m reach
frequencies of a few over the scale: m of about 3.4 ell / scale for an RBF kernel.

Source: Solin & Särkkä, "Hilbert space methods for reduced-rank Gaussian process regression"
(2020); Riutort-Mayol et al., "Practical Hilbert space approximate Bayesian Gaussian processes"
(2022). Function names follow `numpyro.contrib.hsgp`.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import prob, vmap
from bibun.errors import ShapeError
from bibun.gp._record import static
from bibun.gp.kernels import stationary
from bibun.gp.kernels.base import Kernel
from bibun.prob import distributions as dist


def _box(ell: Any, m: Any, dim: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """Half widths and numbers of functions, one a dimension. Errors: ValueError, ShapeError."""
    def per_dimension(name: str, x: Any) -> np.ndarray:
        x = np.asarray(x)
        if x.shape not in ((), (1,), (dim,)):
            raise ShapeError(
                f"HSGP: {name} must be a number or one a dimension, shape ({dim},), got {x.shape}"
            )
        return np.broadcast_to(x, (dim,))

    widths = per_dimension("ell", ell).astype(float)
    counts = tuple(int(k) for k in per_dimension("m", m))
    if not (widths > 0).all() or min(counts) < 1:
        raise ValueError(f"HSGP: ell and m must be positive, got ell={ell}, m={m}")
    return widths, counts


def _points(x: Any) -> Any:
    """Points as (n, d)."""
    x = bnp.asarray(x)
    if x.ndim not in (1, 2):
        raise ShapeError(f"HSGP: points must have shape (n,) or (n, d), got {x.shape}")
    return x[:, None] if x.ndim == 1 else x


def sqrt_eigenvalues(ell: Any, m: Any, dim: int = 1) -> np.ndarray:
    """√λ of equation (1), the angular frequencies, (dim, M), M the product of all m.

    >>> sqrt_eigenvalues(ell=math.pi / 2, m=3).tolist()
    [[1.0, 2.0, 3.0]]
    """
    widths, counts = _box(ell, m, dim)
    orders = np.array(list(itertools.product(*(range(1, k + 1) for k in counts))), float)
    return (orders * math.pi / (2 * widths)).T


def eigenindices(m: Any, dim: int = 1) -> np.ndarray:
    """The orders j of equation (1), (dim, M), from 1.

    >>> eigenindices([2, 1], 2).tolist()
    [[1, 2], [1, 1]]
    """
    return np.rint(sqrt_eigenvalues(math.pi / 2, m, dim)).astype(int)


def eigenfunctions(x: Any, ell: Any, m: Any) -> Any:
    """φ of equation (1) at points (n,) or (n, d): (n, M).

    >>> eigenfunctions(np.array([0.0, 0.5]), ell=1.0, m=4).shape
    (2, 4)
    """
    x = _points(x)
    widths, _ = _box(ell, m, x.shape[1])
    frequencies = sqrt_eigenvalues(ell, m, x.shape[1])
    waves = bnp.sin((x + widths)[:, :, None] * frequencies) / np.sqrt(widths)[:, None]
    return bnp.prod(waves, axis=1)


def spectral_densities(kernel: Kernel, ell: Any, m: Any, dim: int = 1) -> Any:
    """The kernel's spectral density at each frequency, (M,)."""
    return vmap(kernel.spectral_density)(bnp.asarray(sqrt_eigenvalues(ell, m, dim).T))


class HSGP(Kernel):
    """The approximation of a stationary kernel, itself a kernel, on the box [-ell, ell]^d.

    `ell` and `m`, numbers or one a dimension, are fixed; centre the points first, or give
    `center`. As a kernel of `GaussianProcess` the weights are integrated out in O(n M²).
    `features(X)` @ weights with standard normal weights is the process: for other likelihoods.

    Errors: NotImplementedError for kernels without a spectral density here.

    >>> from bibun.gp import kernels
    >>> k = kernels.Matern52(scale=0.5)
    >>> approximate = HSGP(k, ell=3.0, m=60)
    >>> error = approximate.evaluate(0.0, 0.3) - k.evaluate(0.0, 0.3)
    >>> bool(abs(error) < 1e-4)
    True
    """

    kernel: Kernel
    ell: Any = static()
    m: Any = static()
    center: Any = 0.0

    def __post_init__(self) -> None:
        # static fields are compared and hashed
        plain = {n: np.asarray(getattr(self, n)).tolist() for n in ("ell", "m")}
        self._set(**{n: tuple(v) if isinstance(v, list) else v for n, v in plain.items()})
        self._convert(center=1)

    def features(self, X: Any) -> Any:
        """√S φ at points (n,) or (n, d): (n, M)."""
        X = _points(X) - self.center
        density = spectral_densities(self.kernel, self.ell, self.m, X.shape[1])
        return eigenfunctions(X, self.ell, self.m) * bnp.sqrt(density)

    def matrix(self, X1: Any, X2: Any) -> Any:
        return bnp.matmul(self.features(X1), bnp.transpose(self.features(X2)))

    def evaluate(self, X1: Any, X2: Any) -> Any:
        X1, X2 = bnp.asarray(X1), bnp.asarray(X2)
        return self.matrix(X1[None], X2[None])[0, 0]


# NumPyro's functions -------------------------------------------------------------------------


def _kernel(kind: type, alpha: Any, length: Any) -> Kernel:
    return alpha * kind(scale=length)


_MATERN = {0.5: stationary.Exp, 1.5: stationary.Matern32, 2.5: stationary.Matern52}


def _matern(nu: float) -> type:
    if nu not in _MATERN:
        raise ValueError(f"HSGP: nu must be one of {', '.join(map(str, _MATERN))}, got {nu}")
    return _MATERN[nu]


def diag_spectral_density_squared_exponential(
    alpha: Any, length: Any, ell: Any, m: Any, dim: int = 1
) -> Any:
    """Spectral densities of alpha times the RBF kernel of scale `length`, (M,)."""
    return spectral_densities(_kernel(stationary.ExpSquared, alpha, length), ell, m, dim)


def diag_spectral_density_matern(
    nu: float, alpha: Any, length: Any, ell: Any, m: Any, dim: int = 1
) -> Any:
    """Spectral densities of alpha times the Matérn kernel of order nu, (M,)."""
    return spectral_densities(_kernel(_matern(nu), alpha, length), ell, m, dim)


def _in_model(x: Any, kernel: Kernel, ell: Any, m: Any, non_centered: bool) -> Any:
    x = _points(x)
    root = bnp.sqrt(spectral_densities(kernel, ell, m, x.shape[1]))
    return linear_approximation(eigenfunctions(x, ell, m), root, root.shape, non_centered)


def hsgp_squared_exponential(
    x: Any, alpha: Any, length: Any, ell: Any, m: Any, non_centered: bool = True
) -> Any:
    """In a model: the process with kernel alpha RBF(length) at x, (n,), from a site "beta".

    `alpha` is the variance, as in NumPyro. Several in one model: wrap each in `handlers.scope`.
    """
    kernel = _kernel(stationary.ExpSquared, alpha, length)
    return _in_model(x, kernel, ell, m, non_centered)


def hsgp_matern(
    x: Any, nu: float, alpha: Any, length: Any, ell: Any, m: Any, non_centered: bool = True
) -> Any:
    """In a model: the process with kernel alpha Matérn(nu, length) at x, from a site "beta"."""
    return _in_model(x, _kernel(_matern(nu), alpha, length), ell, m, non_centered)


def diag_spectral_density_rational_quadratic(
    alpha: Any, length: Any, scale_mixture: Any, ell: Any, m: Any, dim: int = 1
) -> Any:
    """Spectral densities of alpha times the rational quadratic kernel, (M,)."""
    return spectral_densities(_rational(alpha, length, scale_mixture), ell, m, dim)


def _rational(alpha: Any, length: Any, scale_mixture: Any) -> Kernel:
    return alpha * stationary.RationalQuadratic(scale=length, alpha=scale_mixture)


def hsgp_rational_quadratic(
    x: Any, alpha: Any, length: Any, scale_mixture: Any, ell: Any, m: Any,
    non_centered: bool = True,
) -> Any:  # fmt: skip
    """In a model: the process with kernel alpha (1 + r²/2aℓ²)^-a at x, a `scale_mixture`."""
    return _in_model(x, _rational(alpha, length, scale_mixture), ell, m, non_centered)


def spectral_density_squared_exponential(dim: int, w: Any, alpha: Any, length: Any) -> Any:
    """The spectral density of alpha times the RBF kernel at a frequency w, (dim,)."""
    return _at(_kernel(stationary.ExpSquared, alpha, length), dim, w)


def spectral_density_matern(dim: int, nu: float, w: Any, alpha: Any, length: Any) -> Any:
    """The spectral density of alpha times the Matérn kernel of order nu at w, (dim,)."""
    return _at(_kernel(_matern(nu), alpha, length), dim, w)


def spectral_density_rational_quadratic(
    dim: int, w: Any, alpha: Any, length: Any, scale_mixture: Any
) -> Any:
    """The spectral density of alpha times the rational quadratic kernel at w, (dim,)."""
    return _at(_rational(alpha, length, scale_mixture), dim, w)


def _at(kernel: Kernel, dim: int, w: Any) -> Any:
    return kernel.spectral_density(bnp.broadcast_to(bnp.asarray(w), (dim,)))


def linear_approximation(phi: Any, spd: Any, m: Any, non_centered: bool = True) -> Any:
    """In a model: Σ_j φ_j s_j β_j with weights from a site "beta", `spd` being s.

    `phi`: (n, M); `spd`: square roots of spectral densities, (M,); `m`: M, or its factors.
    """
    if math.prod(np.atleast_1d(m).tolist()) != np.shape(spd)[-1]:
        raise ShapeError(f"HSGP: m={m} functions, but spd has shape {np.shape(spd)}")
    if non_centered:
        beta = prob.sample("beta", dist.Normal(bnp.zeros(np.shape(spd)), 1.0).to_event(1))
        return bnp.matmul(phi, spd * beta)
    return bnp.matmul(phi, prob.sample("beta", dist.Normal(0.0, spd).to_event(1)))


# the periodic kernel -------------------------------------------------------------------------


def diag_spectral_density_periodic(alpha: Any, length: Any, m: int) -> Any:
    """The first m weights q² of the cosine series of the periodic kernel, (m,):

        alpha² exp(-2 sin²(w0 r / 2) / length²) = Σ_j q²_j cos(j w0 r)

    They are alpha² c_j I_j(a) e^-a with a = 1 / length², c_0 = 1, otherwise 2; the Bessel functions
    by the trapezoidal rule on their integral over a circle, which is exact to rounding.

    >>> q2 = diag_spectral_density_periodic(1.5, 0.7, 20)
    >>> round(float(bnp.sum(q2)), 10)  # at r = 0
    2.25
    """
    nodes = max(1024, 8 * m)
    angle = (np.arange(nodes) + 0.5) * math.pi / nodes
    a = 1.0 / bnp.asarray(length) ** 2
    waves = np.cos(np.arange(m)[:, None] * angle) * np.where(np.arange(m) > 0, 2.0, 1.0)[:, None]
    bessel = bnp.matmul(waves, bnp.exp(a * (np.cos(angle) - 1.0))) / nodes
    return alpha**2 * bnp.maximum(bessel, 1e-30)  # rounding may leave less than nothing


def eigenfunctions_periodic(x: Any, w0: Any, m: int) -> tuple[Any, Any]:
    """cos(j w0 x) and sin(j w0 x), j = 0, ..., m - 1, at points (n,): twice (n, m).

    `w0`: 2π over the period.
    """
    x = bnp.asarray(x)
    if x.ndim != 1:
        raise ShapeError(f"HSGP: points of a periodic kernel must have shape (n,), got {x.shape}")
    angle = x[:, None] * w0 * np.arange(m)
    return bnp.cos(angle), bnp.sin(angle)


def hsgp_periodic_non_centered(x: Any, alpha: Any, length: Any, w0: Any, m: int) -> Any:
    """In a model: the periodic process at x, (n,), from sites "beta_cos", "beta_sin".

    `alpha`: its standard deviation; `length`: its scale; `w0`: 2π over its period; see
    `diag_spectral_density_periodic`. Weights have the standard deviations q: NumPyro 0.22
    multiplies them by q², whose process has another kernel.
    """
    if m < 2:
        raise ValueError(f"HSGP: m must be at least 2 for a periodic kernel, got {m}")
    q = bnp.sqrt(diag_spectral_density_periodic(alpha, length, m))
    cosines, sines = eigenfunctions_periodic(x, w0, m)
    with prob.plate("cos_basis", m):
        beta_cos = prob.sample("beta_cos", dist.Normal(0.0, 1.0))
    with prob.plate("sin_basis", m - 1):
        beta_sin = prob.sample("beta_sin", dist.Normal(0.0, 1.0))
    return bnp.matmul(cosines, q * beta_cos) + bnp.matmul(sines[:, 1:], q[1:] * beta_sin)
