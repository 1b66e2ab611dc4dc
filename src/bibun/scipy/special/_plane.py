"""Functions of complex variables, and Voigt's profile, which is the real part of one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun.array import Value
from bibun.numpy._common import as_int, promote_inexact, value
from bibun.ops import elementwise as el
from bibun.ops import special as sp

__all__ = ["lambertw", "voigt_profile", "wofz"]


def _complex(name: str, z: Any) -> Value:
    z = value(name, "z", promote_inexact(name, z)[0])
    return z if z.dtype.kind == "c" else el.complex(z, z * 0)


def wofz(z: Any, /) -> Value:
    """Faddeeva's function w(z) = exp(-z²) erfc(-iz), complex.

    >>> from bibun.scipy import special
    >>> round(float(special.wofz(1j).real), 6)
    0.427584
    """
    return sp.faddeeva(_complex("wofz", z))


def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Value:
    """The k-th branch of Lambert's W, the solutions of W exp(W) = z; complex.

    k: an integer. `tol`: of the iteration, as in SciPy, whose default gives full precision; only
    it is accepted.

    Errors: ValueError for another `tol`.

    >>> from bibun.scipy import special
    >>> round(float(special.lambertw(1.0).real), 6)
    0.567143
    """
    if tol != 1e-8:
        raise ValueError(f"lambertw: tol is always 1e-8, which gives full precision; got {tol}")
    return sp.lambert(_complex("lambertw", z), branch=as_int("lambertw", "k", k))


def voigt_profile(x: Any, sigma: Any, gamma: Any, /) -> Value:
    """Voigt's profile: the density of the sum of Normal(0, sigma) and Cauchy(0, gamma).

    sigma > 0, gamma >= 0.

    >>> from bibun.scipy import special
    >>> round(float(special.voigt_profile(1.0, 1.0, 0.5)), 6)
    0.20018
    """
    x, sigma, gamma = (
        value("voigt_profile", a, v)
        for a, v in zip(
            ("x", "sigma", "gamma"), promote_inexact("voigt_profile", x, sigma, gamma), strict=True
        )
    )
    x, gamma = np.broadcast_arrays(x / sigma, gamma / sigma)
    w = sp.faddeeva(el.complex(x * math.sqrt(0.5), gamma * math.sqrt(0.5)))
    return el.real(w) / (sigma * math.sqrt(2 * math.pi))
