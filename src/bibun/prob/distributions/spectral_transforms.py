"""Orthogonal changes of basis: cosines, Haar's wavelets, Fourier coefficients.

A series that is smooth in time has few large coefficients in these bases, and coefficients
that are nearly independent, which samplers and mean-field guides like better than a walk.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun.errors import ShapeError
from bibun.prob.distributions import constraints as c
from bibun.prob.distributions.constraints import Constraint
from bibun.prob.distributions.transforms import Transform
from bibun.scipy.fft import dct, idct


class _Orthogonal(Transform):
    """An isometry along the axis `dim`, counted from the right."""

    dim = -1

    def __init__(self, dim: int) -> None:
        if not isinstance(dim, int) or dim >= 0:
            raise ValueError(f"{type(self).__name__}: dim must be a negative integer, got {dim!r}")
        self.dim = dim

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return c.independent(c.real, -self.dim)

    codomain = domain  # type: ignore[assignment]

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.zeros(np.shape(x)[: self.dim])


class DiscreteCosineTransform(_Orthogonal):
    """The orthonormal cosine transform of type II along `dim`.

    `smooth` weights frequency k by (k + 1/2)**smooth, with geometric mean 1: 0 takes white
    noise to white noise, 1 a Brownian path to white noise.

    >>> DiscreteCosineTransform()(bnp.ones(4)).round(6).tolist()
    [2.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, dim: int = -1, smooth: float = 0.0) -> None:
        super().__init__(dim)
        self.smooth = float(smooth)

    def _weights(self, shape: tuple[int, ...]) -> np.ndarray:
        n = shape[self.dim]
        logs = self.smooth * np.log(np.arange(n) + 0.5)
        return np.exp(logs - logs.mean()).reshape((n,) + (1,) * (-self.dim - 1))

    def __call__(self, x: Any) -> Any:
        return dct(x, type=2, norm="ortho", axis=self.dim) * self._weights(np.shape(x))

    def _inverse(self, y: Any) -> Any:
        return idct(y / self._weights(np.shape(y)), type=2, norm="ortho", axis=self.dim)


class HaarTransform(_Orthogonal):
    """Haar's orthonormal wavelets along `dim`, the mean first, then details coarse to fine.

    Any length: an odd element left over at a level goes behind that level's details. `flip`
    turns the axis round before.

    >>> HaarTransform()(bnp.array([1.0, 1.0, 1.0, 1.0])).round(6).tolist()
    [2.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, dim: int = -1, flip: bool = False) -> None:
        super().__init__(dim)
        self.flip = bool(flip)

    def _turned(self, x: Any) -> Any:
        return bnp.flip(x, axis=self.dim) if self.flip else x

    def __call__(self, x: Any) -> Any:
        rest = bnp.moveaxis(self._turned(x), self.dim, -1)
        parts: list[Any] = []
        while rest.shape[-1] > 1:
            n = rest.shape[-1] // 2
            even, odd, end = rest[..., 0 : 2 * n : 2], rest[..., 1 : 2 * n : 2], rest[..., 2 * n :]
            parts = [(even - odd) * math.sqrt(0.5), end, *parts]
            rest = (even + odd) * math.sqrt(0.5)
        return bnp.moveaxis(bnp.concatenate([rest, *parts], axis=-1), -1, self.dim)

    def _inverse(self, y: Any) -> Any:
        y = bnp.moveaxis(y, self.dim, -1)
        lengths = [y.shape[-1]]
        while lengths[-1] > 1:
            lengths.append(lengths[-1] // 2)
        rest = y[..., :1]
        for length in reversed(lengths[:-1]):
            n = length // 2  # y holds the coarser part, n details, an odd end
            detail, end = y[..., n : 2 * n], y[..., 2 * n : length]
            pairs = bnp.stack([rest + detail, rest - detail], axis=-1) * math.sqrt(0.5)
            rest = bnp.concatenate([bnp.reshape(pairs, (*y.shape[:-1], 2 * n)), end], axis=-1)
        return self._turned(bnp.moveaxis(rest, -1, self.dim))


class RealFastFourierTransform(Transform):
    """The discrete Fourier transform of reals over the last `transform_ndims` axes.

    `transform_shape`: the lengths of these axes; needed for the inverse where the last is odd.

    >>> RealFastFourierTransform((3,))(bnp.ones(3)).real.tolist()
    [3.0, 0.0]
    """

    def __init__(
        self, transform_shape: int | tuple[int, ...] | None = None, transform_ndims: int = 1
    ) -> None:
        shape = (transform_shape,) if isinstance(transform_shape, int) else transform_shape
        if shape is not None and len(shape) != transform_ndims:
            raise ShapeError(
                f"RealFastFourierTransform: transform_shape {tuple(shape)} for "
                f"{transform_ndims} transformed axes"
            )
        self.transform_shape = None if shape is None else tuple(shape)
        self.transform_ndims = transform_ndims

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return c.independent(c.real, self.transform_ndims)

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        return c.independent(c.complex, self.transform_ndims)

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-self.transform_ndims, 0))

    def __call__(self, x: Any) -> Any:
        return bnp.fft.rfftn(x, self.transform_shape, self._axes)

    def _inverse(self, y: Any) -> Any:
        return bnp.fft.irfftn(y, self.transform_shape, self._axes)

    def _full(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.transform_shape is None:
            return tuple(shape)
        return (*shape[: len(shape) - self.transform_ndims], *self.transform_shape)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        full = self._full(shape)
        return (*full[:-1], full[-1] // 2 + 1)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._full((*shape[:-1], 2 * (shape[-1] - 1)))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        """Of the map to the free real coordinates: each conjugate pair counts once."""
        cut = np.ndim(x) - self.transform_ndims
        event = self._full(np.shape(x))[cut:]
        size = math.prod(event)
        alone = math.prod(2 - n % 2 for n in event)  # coefficients that are their own conjugate
        value = 0.5 * (size * math.log(size) - math.log(2.0) * (size - alone))
        return bnp.broadcast_to(value, np.shape(x)[:cut])


class PackRealFastFourierCoefficientsTransform(Transform):
    """n reals to the n // 2 + 1 coefficients of a real Fourier transform: real parts first.

    `transform_shape` (n,) is needed for the inverse.

    >>> PackRealFastFourierCoefficientsTransform((3,))(bnp.array([1.0, 2.0, 3.0])).tolist()
    [(1+0j), (2+3j)]
    """

    domain = c.real_vector
    codomain = c.independent(c.complex, 1)

    def __init__(self, transform_shape: tuple[int, ...] | None = None) -> None:
        if transform_shape is not None and len(transform_shape) != 1:
            raise ShapeError(
                "PackRealFastFourierCoefficientsTransform: expected a shape of one axis, got "
                f"{tuple(transform_shape)}"
            )
        self.shape = None if transform_shape is None else tuple(transform_shape)

    def _length(self) -> int:
        if self.shape is None:
            raise ValueError(
                "PackRealFastFourierCoefficientsTransform: the inverse needs transform_shape, "
                "since n and n + 1 reals may give one number of coefficients"
            )
        return self.shape[0]

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.shape is not None and tuple(shape[-1:]) != self.shape:
            raise ShapeError(
                f"PackRealFastFourierCoefficientsTransform: expected a last axis of {self.shape}, "
                f"got shape {tuple(shape)}"
            )
        return (*shape[:-1], shape[-1] // 2 + 1)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], self._length())

    def __call__(self, x: Any) -> Any:
        n_real = self.forward_shape(np.shape(x))[-1]
        n = np.shape(x)[-1]
        none = bnp.zeros_like(x[..., :1])
        last = none if n % 2 == 0 else none[..., :0]
        return x[..., :n_real] + 1j * bnp.concatenate([none, x[..., n_real:], last], axis=-1)

    def _inverse(self, y: Any) -> Any:
        n = self._length()
        return bnp.concatenate([y.real, y.imag[..., 1 : n - n // 2]], axis=-1)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return bnp.zeros(np.shape(x)[:-1])
