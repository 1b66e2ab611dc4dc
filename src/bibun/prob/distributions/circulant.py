"""Normal vectors with a circulant covariance: stationary on a circle.

Fourier's basis diagonalises every circulant matrix, so that density and draws cost n log n.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import random
from bibun.errors import ShapeError
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.distribution import Distribution, Shape, one_of, parameter
from bibun.prob.distributions.special import LOG_2PI


class CirculantNormal(Distribution):
    """Normal vectors whose covariance C_ij = row[(i - j) mod n] is circulant.

    `loc` (..., n); one of `covariance_row` (..., n), the first row, and `covariance_rfft`
    (..., n // 2 + 1), the real part of its Fourier transform, the eigenvalues.
    Source: Wood and Chan (1994).

    >>> d = CirculantNormal(bnp.zeros(4), covariance_row=bnp.array([2.0, 0.5, 0.0, 0.5]))
    >>> d.variance.round(6).tolist(), d.covariance_rfft.round(6).tolist()
    ([2.0, 2.0, 2.0, 2.0], [3.0, 2.0, 1.0])
    """

    arg_constraints = {
        "loc": c.real_vector,
        "covariance_row": c.positive_definite_circulant_vector,
        "covariance_rfft": c.independent(c.positive, 1),
    }
    support = c.real_vector
    reparametrized_params = tuple(arg_constraints)
    _fields = ("loc", "covariance_rfft")

    def __init__(
        self,
        loc: Any,
        covariance_row: Any = None,
        covariance_rfft: Any = None,
        *,
        validate_args: bool | None = None,
    ) -> None:
        name, given = one_of(
            "CirculantNormal", covariance_row=covariance_row, covariance_rfft=covariance_rfft
        )
        loc = parameter("loc", loc)
        n = np.shape(loc)[-1] if np.ndim(loc) else 0
        want = n if name == "covariance_row" else n // 2 + 1
        if n == 0 or np.shape(given)[-1:] != (want,):
            raise ShapeError(
                f"CirculantNormal: loc needs shape (..., n), and {name} {want} elements for "
                f"n = {n}; got shapes {np.shape(loc)} and {np.shape(given)}"
            )
        if name == "covariance_row":
            given = bnp.fft.rfft(given).real
        self._setup(validate_args, loc=loc, covariance_rfft=given)

    def _compute_shapes(self) -> tuple[Shape, Shape]:
        return super()._compute_shapes()[0], self.loc.shape[-1:]

    @property
    def _multiplicity(self) -> np.ndarray:
        """How often each eigenvalue occurs: twice, but for the first and, n even, the last."""
        n = self.event_shape[0]
        times = np.full(n // 2 + 1, 2.0)
        times[0] = 1.0
        if n % 2 == 0:
            times[-1] = 1.0
        return times

    @property
    def _log_det(self) -> Any:
        return bnp.sum(self._multiplicity * bnp.log(self.covariance_rfft), axis=-1)

    def _log_prob(self, value: Any) -> Any:
        n = self.event_shape[0]
        wave = bnp.fft.rfft(value - self.loc)
        power = (bnp.square(wave.real) + bnp.square(wave.imag)) / self.covariance_rfft
        m = bnp.sum(self._multiplicity * power, axis=-1) / n
        return -0.5 * (n * LOG_2PI + self._log_det + m)

    def sample(self, key: Any, sample_shape: Shape = ()) -> Any:
        # the symmetric square root of the covariance, applied in Fourier's basis
        z = bnp.fft.rfft(random.normal(key, self.shape(sample_shape)))
        return self.loc + bnp.fft.irfft(z * bnp.sqrt(self.covariance_rfft), self.event_shape[0])

    @property
    def covariance_row(self) -> Any:
        """The first row of the covariance."""
        return bnp.fft.irfft(self.covariance_rfft, self.event_shape[0])

    @property
    def covariance_matrix(self) -> Any:
        n = self.event_shape[0]
        index = (np.arange(n)[:, None] - np.arange(n)) % n
        full = bnp.take(self.covariance_row, index, axis=-1)
        return bnp.broadcast_to(full, (*self.batch_shape, n, n))

    @property
    def mean(self) -> Any:
        return bnp.broadcast_to(self.loc, self.shape())

    @property
    def variance(self) -> Any:
        return bnp.broadcast_to(self.covariance_row[..., :1], self.shape())

    def entropy(self) -> Any:
        return self._wide(0.5 * (self.event_shape[0] * (1 + LOG_2PI) + self._log_det))
