"""Kernels between particles, for Stein's variational gradient.

A kernel is made anew at each step from the particles: `compute(key, particles, particle_info,
loss_fn)` gives a function of two of them, (d,) and (d,). Its result is a number (mode "norm"), one
number a coordinate (mode "vector"), or a matrix (mode "matrix"). Names are NumPyro's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import bibun.numpy as bnp
from bibun import random
from bibun.prob.distributions import biject_to
from bibun.prob.distributions import constraints as c
from bibun.prob.infer.autoguide import AutoNormal

Function = Callable[[Any, Any], Any]
Info = Mapping[str, tuple[int, int]]


def _bandwidth_factor(n: float) -> float:
    return 1.0 / math.log(n) if n > 1 else 1.0


def median_bandwidth(particles: Any, factor: Callable[[float], float], by_axis: bool) -> Any:
    """factor(n) times the squared median distance of (n, d), over all axes or by each."""
    apart = particles[:, None, :] - particles[None, :, :]
    if by_axis:
        middle = bnp.median(bnp.abs(apart), axis=(0, 1))
    else:  # a derivative of the norm at 0 is never taken: bandwidths are constants
        middle = bnp.median(bnp.sqrt(bnp.sum(apart**2, axis=-1)))
    return middle**2 * factor(particles.shape[0]) + 1e-5


class SteinKernel:
    """Base class. `mode`: "norm", "vector" or "matrix", the kind of result."""

    modes: tuple[str, ...] = ("norm", "vector")

    def __init__(self, mode: str) -> None:
        if mode not in self.modes:
            raise ValueError(f"{type(self).__name__}: mode must be in {self.modes}, got {mode!r}")
        self.mode = mode

    def compute(
        self, rng_key: Any, particles: Any, particle_info: Info, loss_fn: Callable[[Any], Any]
    ) -> Function:
        """The function of two particles. `particle_info`: parameter -> its columns (from, to)."""
        raise NotImplementedError


class RBFKernel(SteinKernel):
    """exp(-|x - y|² / h), h the squared median distance times `bandwidth_factor(n)`.

    `bandwidth_factor`: 1 / log(n) by default. `matrix_mode`: what stands on the diagonal in mode
    "matrix", the "norm_diag" or the "vector_diag". Source: Liu & Wang (2016).

    >>> x = bnp.array([[0.0], [2.0]])
    >>> k = RBFKernel(bandwidth_factor=lambda n: 1.0).compute(None, x, {}, None)
    >>> round(float(k(x[0], x[1])), 4)  # the median of 0, 2, 2, 0 is 1
    0.0183
    """

    modes = ("norm", "vector", "matrix")

    def __init__(
        self,
        mode: str = "norm",
        matrix_mode: str = "norm_diag",
        bandwidth_factor: Callable[[float], float] = _bandwidth_factor,
    ) -> None:
        super().__init__(mode)
        if matrix_mode not in ("norm_diag", "vector_diag"):
            raise ValueError(
                f"RBFKernel: matrix_mode must be 'norm_diag' or 'vector_diag', got {matrix_mode!r}"
            )
        self.matrix_mode = matrix_mode
        self.bandwidth_factor = bandwidth_factor

    def compute(
        self, rng_key: Any, particles: Any, particle_info: Info, loss_fn: Callable[[Any], Any]
    ) -> Function:
        by_axis = self.mode == "vector" or (
            self.mode == "matrix" and self.matrix_mode == "vector_diag"
        )
        h = median_bandwidth(particles, self.bandwidth_factor, by_axis)
        size = particles.shape[1]

        def kernel(x: Any, y: Any) -> Any:
            squares = (x - y) ** 2
            value = bnp.exp(-(squares if by_axis else bnp.sum(squares)) / h)
            return value * bnp.eye(size) if self.mode == "matrix" else value

        return kernel


class IMQKernel(SteinKernel):
    """(c² + |x - y|²)^β, the inverse multiquadric: c `const`, β `expon` in (-1, 0).

    Source: Gorham & Mackey (2017).
    """

    def __init__(self, mode: str = "norm", const: float = 1.0, expon: float = -0.5) -> None:
        super().__init__(mode)
        if not const > 0 or not -1 < expon < 0:
            raise ValueError(
                f"IMQKernel: const must be positive, expon in (-1, 0), got {const}, {expon}"
            )
        self.const, self.expon = float(const), float(expon)

    def compute(
        self, rng_key: Any, particles: Any, particle_info: Info, loss_fn: Callable[[Any], Any]
    ) -> Function:
        def kernel(x: Any, y: Any) -> Any:
            squares = (x - y) ** 2
            apart = bnp.sum(squares) if self.mode == "norm" else squares
            return (self.const**2 + apart) ** self.expon

        return kernel


class LinearKernel(SteinKernel):
    """x·y + 1: matches means and covariances. Source: Liu & Wang (2018)."""

    def __init__(self, mode: str = "norm") -> None:
        super().__init__(mode)

    def compute(
        self, rng_key: Any, particles: Any, particle_info: Info, loss_fn: Callable[[Any], Any]
    ) -> Function:
        def kernel(x: Any, y: Any) -> Any:
            return (bnp.sum(x * y) if self.mode == "norm" else x * y) + 1.0

        return kernel


class RandomFeatureKernel(SteinKernel):
    """The mean of φ(x) φ(y) over random waves φ(z) = √2 cos(w·z / h + b), as many as particles.

    `bandwidth_subset`: how many of the particles the bandwidth h is taken from (None: all).
    Source: Liu & Wang (2018); Rahimi & Recht (2007).
    """

    modes = ("norm",)

    def __init__(
        self,
        mode: str = "norm",
        bandwidth_subset: int | None = None,
        bandwidth_factor: Callable[[float], float] = _bandwidth_factor,
    ) -> None:
        super().__init__(mode)
        if bandwidth_subset is not None and bandwidth_subset < 2:
            raise ValueError(f"bandwidth_subset must be at least 2, got {bandwidth_subset}")
        self.bandwidth_subset = bandwidth_subset
        self.bandwidth_factor = bandwidth_factor

    def compute(
        self, rng_key: Any, particles: Any, particle_info: Info, loss_fn: Callable[[Any], Any]
    ) -> Function:
        keys = random.split(rng_key, 3)
        some = particles
        if self.bandwidth_subset is not None:
            some = random.permutation(keys[2], particles)[: self.bandwidth_subset]
        h = bnp.sqrt(median_bandwidth(some, self.bandwidth_factor, False))
        w = random.normal(keys[0], particles.shape)
        b = random.uniform(keys[1], (particles.shape[0],), maxval=2 * math.pi)

        def feature(x: Any) -> Any:
            return math.sqrt(2.0) * bnp.cos(w @ x / h + b)

        return lambda x, y: bnp.mean(feature(x) * feature(y))


class MixtureKernel(SteinKernel):
    """Σ w_i k_i of kernels of one mode. Source: Ai et al. (2023)."""

    modes = ("norm", "vector", "matrix")

    def __init__(
        self, ws: Sequence[float], kernel_fns: Sequence[SteinKernel], mode: str = "norm"
    ) -> None:
        super().__init__(mode)
        if len(ws) != len(kernel_fns) or not ws or min(ws) <= 0:
            raise ValueError("MixtureKernel: expected as many positive weights as kernels")
        other = [type(k).__name__ for k in kernel_fns if k.mode != mode]
        if other:
            raise ValueError(f"MixtureKernel: {other} are not of its mode, {mode!r}")
        self.ws, self.kernel_fns = list(ws), list(kernel_fns)

    def compute(
        self, rng_key: Any, particles: Any, particle_info: Info, loss_fn: Callable[[Any], Any]
    ) -> Function:
        parts = [k.compute(rng_key, particles, particle_info, loss_fn) for k in self.kernel_fns]
        return lambda x, y: sum(w * k(x, y) for w, k in zip(self.ws, parts, strict=True))


class GraphicalKernel(SteinKernel):
    """A kernel of its own for each parameter, blocks on the diagonal of a matrix.

    `local_kernel_fns`: parameter -> kernel; `default_kernel_fn` for the others. Source: Wang, Zeng
    & Liu (2018).
    """

    modes = ("matrix",)

    def __init__(
        self,
        mode: str = "matrix",
        local_kernel_fns: Mapping[str, SteinKernel] | None = None,
        default_kernel_fn: SteinKernel | None = None,
    ) -> None:
        super().__init__(mode)
        self.local_kernel_fns = dict(local_kernel_fns or {})
        self.default_kernel_fn = RBFKernel() if default_kernel_fn is None else default_kernel_fn

    def compute(
        self, rng_key: Any, particles: Any, particle_info: Info, loss_fn: Callable[[Any], Any]
    ) -> Function:
        unknown = self.local_kernel_fns.keys() - particle_info.keys()
        if unknown:
            raise ValueError(
                f"GraphicalKernel: there are no parameters {sorted(unknown)}, only "
                f"{sorted(particle_info)}"
            )
        parts = []
        for name, (start, end) in particle_info.items():
            kernel = self.local_kernel_fns.get(name, self.default_kernel_fn)
            info = {name: (0, end - start)}
            local = kernel.compute(rng_key, particles[:, start:end], info, loss_fn)
            parts.append((start, end, local))

        def whole(x: Any, y: Any) -> Any:
            out = bnp.zeros((x.shape[0], x.shape[0]))
            for start, end, local in parts:
                value = local(x[start:end], y[start:end])
                block = value if bnp.ndim(value) == 2 else value * bnp.eye(end - start)
                out = out.at[start:end, start:end].set(block)
            return out

        return whole


class ProbabilityProductKernel(SteinKernel):
    """∫ p^ρ q^ρ between the normals of two particles of an `AutoNormal`, without its constants.

    `guide`: that guide, for which it is made. `scale`: ρ. Source: Jebara, Kondor & Howard (2004),
    equation 5.
    """

    modes = ("norm",)

    def __init__(self, guide: Any, scale: float = 1.0, mode: str = "norm") -> None:
        super().__init__(mode)
        if not isinstance(guide, AutoNormal):
            raise TypeError(
                "ProbabilityProductKernel: guide must be the AutoNormal that is fitted, got "
                f"{type(guide).__name__}"
            )
        self.scale = float(scale)

    def compute(
        self, rng_key: Any, particles: Any, particle_info: Info, loss_fn: Callable[[Any], Any]
    ) -> Function:
        places = []
        for name, (start, end) in particle_info.items():
            if name.endswith("_loc"):
                other = name[: -len("_loc")] + "_scale"
                if other not in particle_info:
                    raise ValueError(f"ProbabilityProductKernel: no {other!r}; use AutoNormal")
                places.append((slice(start, end), slice(*particle_info[other])))
        positive = biject_to(c.softplus_positive)

        def kernel(x: Any, y: Any) -> Any:
            total: Any = 0.0
            for loc, scale in places:
                a, b = 1.0 / positive(x[scale]) ** 2, 1.0 / positive(y[scale]) ** 2
                # a x² + b y² - (a x + b y)² / (a + b)
                total = total + bnp.sum(a * b / (a + b) * (x[loc] - y[loc]) ** 2)
            return bnp.exp(-0.5 * self.scale * total)

        return kernel
