"""What a kernel is, and the kernels that are made of others.

A kernel is its value at two points, `evaluate(x1, x2)`, each a number, a vector of features
or any pytree of them; `kernel(X1, X2)` maps it over both sets of points, a matrix, and
`kernel(X)` over pairs of equal points, the variances. Everything else is algebra: sums,
products and multiples of kernels are kernels.

Names follow tinygp (Foreman-Mackey).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bibun import numpy as bnp
from bibun import tree, vmap
from bibun.errors import ShapeError
from bibun.gp._record import Record, coordinates, static


class Kernel(Record):
    """Base class of kernels. A subclass lists its parameters and writes `evaluate`.

    >>> class Brownian(Kernel):
    ...     rate: float
    ...     def evaluate(self, X1, X2):
    ...         return self.rate * bnp.minimum(X1, X2)
    >>> (2.0 * Brownian(1.5))(np.array([1.0, 2.0]), np.array([3.0])).tolist()
    [[3.0], [6.0]]
    """

    _priority = 0

    def evaluate(self, X1: Any, X2: Any) -> Any:
        """The covariance of the process at two points, a scalar."""
        raise NotImplementedError(f"{type(self).__name__} must define evaluate(X1, X2)")

    def evaluate_diag(self, X: Any) -> Any:
        """The variance at one point."""
        return self.evaluate(X, X)

    def matrix(self, X1: Any, X2: Any) -> Any:
        """`evaluate` of every point of X1 with every point of X2."""
        return vmap(lambda x1: vmap(lambda x2: self.evaluate(x1, x2))(X2))(X1)

    def __call__(self, X1: Any, X2: Any = None) -> Any:
        """The (n1, n2) covariance matrix of two sets of points; of one set, its variances."""
        X1, _ = coordinates(X1, "X1")
        if X2 is None:
            return vmap(self.evaluate_diag)(X1)
        X2, _ = coordinates(X2, "X2")
        one, two = ([np.shape(x)[1:] for x in tree.leaves(X)] for X in (X1, X2))
        if one != two:
            raise ShapeError(
                f"{type(self).__name__}: points of X1 and X2 must have the same features, got "
                f"shapes {[np.shape(x) for x in tree.leaves(X1)]} and "
                f"{[np.shape(x) for x in tree.leaves(X2)]}"
            )
        return self.matrix(X1, X2)

    def spectral_density(self, omega: Any) -> Any:
        """∫ k(τ) exp(-i ω·τ) dτ at an angular frequency (d,), for stationary kernels.

        Errors: NotImplementedError for kernels that have none here.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no spectral density here; those with one: ExpSquared, "
            "Exp, Matern32, Matern52, and their sums and multiples"
        )

    # algebra: of two kernels, the one of higher priority says what they make together ---------

    def __add__(self, other: Any) -> Kernel:
        return NotImplemented if _defers(self, other) else Sum(self, as_kernel(other))

    def __radd__(self, other: Any) -> Kernel:
        # sum([k1, k2, ...]) starts with 0
        return self if type(other) is int and other == 0 else Sum(as_kernel(other), self)

    def __mul__(self, other: Any) -> Kernel:
        return NotImplemented if _defers(self, other) else Product(self, as_kernel(other))

    def __rmul__(self, other: Any) -> Kernel:
        return Product(as_kernel(other), self)


def _defers(kernel: Kernel, other: Any) -> bool:
    return isinstance(other, Kernel) and other._priority > kernel._priority


def as_kernel(x: Any) -> Kernel:
    """A kernel as it is, a number as a `Constant`."""
    return x if isinstance(x, Kernel) else Constant(x)


class Constant(Kernel):
    """The same covariance for all pairs: k = value.

    >>> float(Constant(2.0).evaluate(0.0, 1.0))
    2.0
    """

    value: Any

    def __post_init__(self) -> None:
        self._convert(value=0)

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return bnp.asarray(self.value)


class Sum(Kernel):
    """k = k1 + k2: independent processes added."""

    kernel1: Kernel
    kernel2: Kernel
    _infix = "+"

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return self.kernel1.evaluate(X1, X2) + self.kernel2.evaluate(X1, X2)

    def matrix(self, X1: Any, X2: Any) -> Any:
        return self.kernel1.matrix(X1, X2) + self.kernel2.matrix(X1, X2)

    def evaluate_diag(self, X: Any) -> Any:
        return self.kernel1.evaluate_diag(X) + self.kernel2.evaluate_diag(X)

    def spectral_density(self, omega: Any) -> Any:
        return self.kernel1.spectral_density(omega) + self.kernel2.spectral_density(omega)


class Product(Kernel):
    """k = k1 k2; with a `Constant`, a multiple."""

    kernel1: Kernel
    kernel2: Kernel
    _infix = "*"

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return self.kernel1.evaluate(X1, X2) * self.kernel2.evaluate(X1, X2)

    def matrix(self, X1: Any, X2: Any) -> Any:
        return self.kernel1.matrix(X1, X2) * self.kernel2.matrix(X1, X2)

    def evaluate_diag(self, X: Any) -> Any:
        return self.kernel1.evaluate_diag(X) * self.kernel2.evaluate_diag(X)

    def spectral_density(self, omega: Any) -> Any:
        for factor, kernel in ((self.kernel1, self.kernel2), (self.kernel2, self.kernel1)):
            if isinstance(factor, Constant):
                return factor.value * kernel.spectral_density(omega)
        return super().spectral_density(omega)


class Custom(Kernel):
    """A kernel from a function of two points.

    >>> k = Custom(lambda x1, x2: bnp.exp(-bnp.abs(x1 - x2)))
    >>> float(k.evaluate(1.0, 1.0))
    1.0
    """

    function: Callable[[Any, Any], Any] = static()

    def evaluate(self, X1: Any, X2: Any) -> Any:
        return self.function(X1, X2)


class Conditioned(Kernel):
    """The covariance of a process given observations at X.

    k(x1, x2) - k(x1, X) K⁻¹ k(X, x2), with the solver's K, noise included.
    """

    solver: Any
    kernel: Kernel

    def evaluate(self, X1: Any, X2: Any) -> Any:
        X1, X2 = (tree.map(lambda x: bnp.asarray(x)[None], X) for X in (X1, X2))
        return self.matrix(X1, X2)[0, 0]

    def matrix(self, X1: Any, X2: Any) -> Any:
        return self.solver.posterior_covariance(X1, X2, self.kernel)
