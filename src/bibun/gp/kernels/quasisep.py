"""Kernels of one ordered coordinate whose covariance matrices cost O(n).

Such a process is what one observes of a vector x(t) of m numbers that forgets its past, a
linear stochastic differential equation in its stationary state:

    k(s, t) = h(t)ᵀ Φ(t - s) P h(s)   for s <= t,                                    (1)

with `transition_matrix` Φ(dt), `stationary_covariance` P = Cov[x] and `observation_model` h. The
covariance matrix of sorted points is then determined by O(n m²) numbers, and so is its
Cholesky factor (`solvers/quasisep.py`). Sums and products of such kernels are such kernels.

The state's components are scaled by the kernel's rate, so that Φ and P are of order one
whatever the units. Matérn: Hartikainen & Särkkä 2010; celerite and SHO: Foreman-Mackey et al.
2017, AJ 154, 220. Unlike tinygp's, Φ acts on the state from the left and is a function of the
time that passed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.errors import ShapeError
from bibun.gp.kernels import base
from bibun.scipy.linalg import expm, solve_continuous_lyapunov

# powers of the nilpotent part of the generator, and P, of Matérn processes of unit rate
_MATERN = {
    1: ([], np.eye(1)),
    2: ([np.array([[1.0, 1.0], [-1.0, -1.0]])], np.eye(2)),
    3: (
        [
            np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [-1.0, -3.0, -2.0]]),
            np.array([[1.0, 2.0, 1.0], [-1.0, -2.0, -1.0], [1.0, 2.0, 1.0]]),
        ],
        np.array([[1.0, 0.0, -1 / 3], [0.0, 1 / 3, 0.0], [-1 / 3, 0.0, 1.0]]),
    ),
}


class Quasisep(base.Kernel):
    """Base class: a subclass writes the three parts of equation (1), each of one point.

    >>> k = Matern32(scale=2.0) + 0.5 * SHO(omega=3.0, quality=4.0)
    >>> isinstance(k, Quasisep), k.stationary_covariance().shape
    (True, (4, 4))
    """

    _priority = 1

    def coord_to_sortable(self, X: Any) -> Any:
        """The coordinate, a number, along which points are sorted."""
        return X

    def stationary_covariance(self) -> Any:
        """P, (m, m); only P h is ever used."""
        raise NotImplementedError(f"{type(self).__name__} must define stationary_covariance()")

    def observation_model(self, X: Any) -> Any:
        """h at a point, (m,)."""
        raise NotImplementedError(f"{type(self).__name__} must define observation_model(X)")

    def transition_matrix(self, dt: Any) -> Any:
        """Φ over a time dt >= 0, (m, m)."""
        raise NotImplementedError(f"{type(self).__name__} must define transition_matrix(dt)")

    def evaluate(self, X1: Any, X2: Any) -> Any:
        t1, t2 = self.coord_to_sortable(X1), self.coord_to_sortable(X2)
        h1, h2 = self.observation_model(X1), self.observation_model(X2)
        P = self.stationary_covariance()
        Phi = self.transition_matrix(bnp.abs(t2 - t1))
        return bnp.where(t2 >= t1, h2 @ Phi @ P @ h1, h1 @ Phi @ P @ h2)

    def __add__(self, other: Any) -> base.Kernel:
        right = as_quasisep(other)
        return base.Sum(self, other) if right is None else Sum(self, right)

    def __radd__(self, other: Any) -> base.Kernel:
        if type(other) is int and other == 0:
            return self
        left = as_quasisep(other)
        return base.Sum(other, self) if left is None else Sum(left, self)

    def __mul__(self, other: Any) -> base.Kernel:
        right = as_quasisep(other)
        return base.Product(self, other) if right is None else _product(self, right)

    def __rmul__(self, other: Any) -> base.Kernel:
        left = as_quasisep(other)
        return base.Product(other, self) if left is None else _product(left, self)


def as_quasisep(x: Any) -> Quasisep | None:
    """A number or constant as a kernel of this kind; None for kernels that are not."""
    if isinstance(x, Quasisep):
        return x
    if isinstance(x, base.Constant):
        x = x.value
    return None if isinstance(x, base.Kernel) else Constant(x)


def _product(left: Quasisep, right: Quasisep) -> Quasisep:
    for factor, kernel in ((left, right), (right, left)):
        if isinstance(factor, Constant):
            return Scale(kernel, factor.value)
    return Product(left, right)


def _block_diagonal(a: Any, b: Any) -> Any:
    m, k = a.shape[0], b.shape[0]
    return bnp.pad(a, [(0, k), (0, k)]) + bnp.pad(b, [(m, 0), (m, 0)])


class Sum(Quasisep):
    """The sum of two: both states side by side."""

    kernel1: Quasisep
    kernel2: Quasisep
    _infix = "+"

    def coord_to_sortable(self, X: Any) -> Any:
        return self.kernel1.coord_to_sortable(X)

    def stationary_covariance(self) -> Any:
        return _block_diagonal(
            self.kernel1.stationary_covariance(), self.kernel2.stationary_covariance()
        )

    def observation_model(self, X: Any) -> Any:
        return bnp.concatenate(
            [self.kernel1.observation_model(X), self.kernel2.observation_model(X)]
        )

    def transition_matrix(self, dt: Any) -> Any:
        return _block_diagonal(
            self.kernel1.transition_matrix(dt), self.kernel2.transition_matrix(dt)
        )

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return self.kernel1.evaluate(X1, X2) + self.kernel2.evaluate(X1, X2)


def _kron(a: Any, b: Any) -> Any:
    m, k = a.shape[0], b.shape[0]
    if a.ndim == 1:
        return bnp.reshape(a[:, None] * b, (m * k,))
    return bnp.reshape(a[:, None, :, None] * b[None, :, None, :], (m * k, m * k))


class Product(Quasisep):
    """The product of two: the Kronecker product of both states."""

    kernel1: Quasisep
    kernel2: Quasisep
    _infix = "*"

    def coord_to_sortable(self, X: Any) -> Any:
        return self.kernel1.coord_to_sortable(X)

    def stationary_covariance(self) -> Any:
        return _kron(self.kernel1.stationary_covariance(), self.kernel2.stationary_covariance())

    def observation_model(self, X: Any) -> Any:
        return _kron(self.kernel1.observation_model(X), self.kernel2.observation_model(X))

    def transition_matrix(self, dt: Any) -> Any:
        return _kron(self.kernel1.transition_matrix(dt), self.kernel2.transition_matrix(dt))

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return self.kernel1.evaluate(X1, X2) * self.kernel2.evaluate(X1, X2)


class Scale(Quasisep):
    """A multiple."""

    kernel: Quasisep
    value: Any

    def __post_init__(self) -> None:
        self._convert(value=0)

    def coord_to_sortable(self, X: Any) -> Any:
        return self.kernel.coord_to_sortable(X)

    def stationary_covariance(self) -> Any:
        return self.value * self.kernel.stationary_covariance()

    def observation_model(self, X: Any) -> Any:
        return self.kernel.observation_model(X)

    def transition_matrix(self, dt: Any) -> Any:
        return self.kernel.transition_matrix(dt)

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return self.value * self.kernel.evaluate(X1, X2)


class Constant(Quasisep):
    """The same covariance for all pairs: an unknown offset."""

    value: Any

    def __post_init__(self) -> None:
        self._convert(value=0)

    def stationary_covariance(self) -> Any:
        return bnp.reshape(bnp.asarray(self.value), (1, 1))

    def observation_model(self, X: Any) -> Any:
        return bnp.ones(1)

    def transition_matrix(self, dt: Any) -> Any:
        return bnp.ones((1, 1))

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return bnp.asarray(self.value)


class _Matern(Quasisep):
    """sigma² times the Matérn kernel of order m - 1/2: Φ = exp(-x) Σ (N x)^k / k!, x = rate dt."""

    scale: Any = 1.0
    sigma: Any = 1.0
    _states = 1

    def __post_init__(self) -> None:
        self._convert(scale=0, sigma=0)

    def _x(self, dt: Any) -> Any:
        return math.sqrt(2 * self._states - 1) / self.scale * dt

    def stationary_covariance(self) -> Any:
        return self.sigma * self.sigma * bnp.asarray(_MATERN[self._states][1])

    def observation_model(self, X: Any) -> Any:
        return bnp.asarray(np.eye(self._states)[0])

    def transition_matrix(self, dt: Any) -> Any:
        x = self._x(dt)
        total, power = np.eye(self._states), 1.0
        for k, nilpotent in enumerate(_MATERN[self._states][0], 1):
            power = power * x / k
            total = total + nilpotent * power
        return bnp.exp(-x) * total


class Exp(_Matern):
    """k = sigma² exp(-τ / scale): Matérn 1/2, the Ornstein-Uhlenbeck process.

    >>> float(Exp(1.0, sigma=2.0).evaluate(0.0, 1.0)) == 4 * math.exp(-1)
    True
    """

    _states = 1

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return self.sigma * self.sigma * bnp.exp(-self._x(bnp.abs(X1 - X2)))


class Matern32(_Matern):
    """k = sigma² (1 + x) exp(-x), x = √3 τ / scale.

    >>> float(Matern32(2.0).evaluate(1.0, 1.0))
    1.0
    """

    _states = 2

    def evaluate(self, X1: Any, X2: Any) -> Any:
        x = self._x(bnp.abs(X1 - X2))
        return self.sigma * self.sigma * (1 + x) * bnp.exp(-x)


class Matern52(_Matern):
    """k = sigma² (1 + x + x²/3) exp(-x), x = √5 τ / scale.

    >>> float(Matern52(2.0).evaluate(1.0, 1.0))
    1.0
    """

    _states = 3

    def evaluate(self, X1: Any, X2: Any) -> Any:
        x = self._x(bnp.abs(X1 - X2))
        return self.sigma * self.sigma * (1 + x + x * x / 3) * bnp.exp(-x)


def _rotation(angle: Any) -> Any:
    c, s = bnp.cos(angle), bnp.sin(angle)
    return bnp.stack([bnp.stack([c, s]), bnp.stack([-s, c])])


class Cosine(Quasisep):
    """k = sigma² cos(2π τ / scale): `scale` is the period.

    >>> round(float(Cosine(2.0).evaluate(0.0, 1.0)), 12)
    -1.0
    """

    scale: Any = 1.0
    sigma: Any = 1.0

    def __post_init__(self) -> None:
        self._convert(scale=0, sigma=0)

    def stationary_covariance(self) -> Any:
        return self.sigma * self.sigma * bnp.eye(2)

    def observation_model(self, X: Any) -> Any:
        return bnp.asarray([1.0, 0.0])

    def transition_matrix(self, dt: Any) -> Any:
        return _rotation(2 * math.pi * dt / self.scale)

    def evaluate(self, X1: Any, X2: Any) -> Any:
        tau = bnp.abs(X1 - X2)
        return self.sigma * self.sigma * bnp.cos(2 * math.pi * tau / self.scale)


class Celerite(Quasisep):
    """k = exp(-c τ) (a cos(d τ) + b sin(d τ)).

    Positive definite where a c >= |b d| (equation 8 of Foreman-Mackey et al. 2017).

    >>> float(Celerite(a=2.0, b=0.1, c=1.0, d=3.0).evaluate(0.0, 0.0))
    2.0
    """

    a: Any
    b: Any
    c: Any
    d: Any

    def __post_init__(self) -> None:
        self._convert(a=0, b=0, c=0, d=0)

    def stationary_covariance(self) -> Any:
        # its second diagonal element never meets h
        a, b = bnp.broadcast_arrays(self.a, self.b)
        return bnp.stack([bnp.stack([a, b]), bnp.stack([b, a])])

    def observation_model(self, X: Any) -> Any:
        return bnp.asarray([1.0, 0.0])

    def transition_matrix(self, dt: Any) -> Any:
        return bnp.exp(-self.c * dt) * _rotation(self.d * dt)

    def evaluate(self, X1: Any, X2: Any) -> Any:
        tau = bnp.abs(X1 - X2)
        wave = self.a * bnp.cos(self.d * tau) + self.b * bnp.sin(self.d * tau)
        return bnp.exp(-self.c * tau) * wave


def _damped(a: Any, u: Any) -> tuple[Any, Any]:
    """exp(-a) cosh θ and exp(-a) sinh(θ) / θ where θ² = u, any sign of u, |Re θ| <= a.

    By cos and sin, by power series near 0, where both meet, and by exponentials.
    """
    decay = bnp.exp(-a)
    near = bnp.abs(u) < 1e-2
    wave = bnp.sqrt(bnp.where(u < 0, -u, 1.0))
    growth = bnp.sqrt(bnp.where(u > 0, u, 1.0))
    series = [1 + u * (1 / k + u * (1 / k2 + u * (1 / k3 + u / k4)))
              for k, k2, k3, k4 in ((2, 24, 720, 40320), (6, 120, 5040, 362880))]  # fmt: skip
    slow, fast = bnp.exp(growth - a), bnp.exp(-growth - a)
    c = bnp.where(u < 0, decay * bnp.cos(wave), 0.5 * (slow + fast))
    s = bnp.where(u < 0, decay * bnp.sin(wave) / wave, 0.5 * (slow - fast) / growth)
    return bnp.where(near, decay * series[0], c), bnp.where(near, decay * series[1], s)


class SHO(Quasisep):
    """A stochastically driven, damped harmonic oscillator, of any damping.

    Angular frequency `omega` undamped, `quality` factor (1/2 is critical damping), standard
    deviation `sigma`.

    >>> float(SHO(omega=1.0, quality=0.5).evaluate(0.0, 2.0)) == 3 * math.exp(-2)
    True
    """

    omega: Any
    quality: Any
    sigma: Any = 1.0

    def __post_init__(self) -> None:
        self._convert(omega=0, quality=0, sigma=0)

    def _waves(self, dt: Any) -> tuple[Any, Any, Any, Any]:
        """x = omega dt, a = x / 2 quality, and (C, S) with Φ = exp(-a) exp(θ ...)."""
        x = self.omega * dt
        a = 0.5 * x / self.quality
        return x, a, *_damped(a, a * a - x * x)

    def stationary_covariance(self) -> Any:
        return self.sigma * self.sigma * bnp.eye(2)

    def observation_model(self, X: Any) -> Any:
        return bnp.asarray([1.0, 0.0])

    def transition_matrix(self, dt: Any) -> Any:
        x, a, c, s = self._waves(dt)
        return bnp.stack([bnp.stack([c + a * s, x * s]), bnp.stack([-x * s, c - a * s])])

    def evaluate(self, X1: Any, X2: Any) -> Any:
        _, a, c, s = self._waves(bnp.abs(X1 - X2))
        return self.sigma * self.sigma * (c + a * s)


class CARMA(Quasisep):
    """A continuous-time autoregressive moving average of order (p, q), q < p.

    The process is Σ β_j x⁽ʲ⁾ of derivatives of x, where x⁽ᵖ⁾ + α_{p-1} x⁽ᵖ⁻¹⁾ + … + α_0 x is white
    noise of unit intensity. `alpha`: (p,), from α_0; `beta`: (q + 1,), from β_0. It is stationary
    where all roots of the polynomial of α have negative real parts.

    Source: Kelly et al. 2014, ApJ 788, 33; parameters are tinygp's.

    >>> ou = CARMA(alpha=[0.5], beta=[1.0])  # x' + x / 2 is noise: the covariance is exp(-τ / 2)
    >>> abs(float(ou.evaluate(0.0, 2.0)) - math.exp(-1)) < 1e-12
    True
    """

    alpha: Any
    beta: Any

    def __post_init__(self) -> None:
        self._convert(alpha=1, beta=1)
        p, q = bnp.shape(self.alpha), bnp.shape(self.beta)
        if len(p) != 1 or len(q) != 1 or not 1 <= q[0] <= p[0]:
            raise ShapeError(
                "CARMA: alpha must have shape (p,) and beta (q + 1,) with q < p, got "
                f"{p} and {q}"
            )

    def _generator(self) -> Any:
        """A of dx/dt = A x + noise in the last component, (p, p)."""
        p = self.alpha.shape[0]
        return bnp.concatenate([np.eye(p)[1:], -bnp.asarray(self.alpha)[None]])

    def stationary_covariance(self) -> Any:
        p = self.alpha.shape[0]
        noise = np.zeros((p, p))
        noise[-1, -1] = 1.0
        return solve_continuous_lyapunov(self._generator(), -noise)

    def observation_model(self, X: Any) -> Any:
        return bnp.pad(bnp.asarray(self.beta), (0, self.alpha.shape[0] - self.beta.shape[0]))

    def transition_matrix(self, dt: Any) -> Any:
        return expm(self._generator() * dt)


Matern12 = Exp
