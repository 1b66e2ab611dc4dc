"""The skew normal distribution.

F(z) = Φ(z) - 2 T(z, a) with Owen's T (Azzalini 1985), which in the lighter tail, z < 0 < a, is a
difference of nearly equal numbers. There F(z) = ∫ f(z - u) du over u > 0, whose integrand falls
like exp(-(1 + a²)|z|u), by Gauss–Laguerre quadrature: to about 1e-14 of itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bibun.numpy.data_types import finfo
from bibun.numpy.elementwise import where
from bibun.numpy.reductions import sum as sum_
from bibun.ops import elementwise as el
from bibun.scipy import special
from bibun.scipy.stats._family import Continuous, continuous
from bibun.scipy.stats._inverse import inverse

_NODES, _WEIGHTS = np.polynomial.laguerre.laggauss(40)


def _logpdf(z: Any, a: Any) -> Any:
    return math.log(2) - 0.5 * z * z - 0.5 * math.log(2 * math.pi) + special.log_ndtr(a * z)


def _log_tail(z: Any, a: Any) -> Any:
    """log F for z < 0 < a."""
    rate = -(1 + a * a) * z
    v = _NODES.astype(z.dtype)
    u = v / rate[..., None]
    at, slope = z[..., None], a[..., None]
    ratio = u * (at - 0.5 * u) + special.log_ndtr(slope * (at - u)) - special.log_ndtr(slope * at)
    total = sum_(_WEIGHTS.astype(z.dtype) * el.exp(ratio + v), -1)
    return _logpdf(z, a) + el.log(total / rate)


def _split(z: Any, a: Any) -> tuple[Any, Any, Any]:
    """Whether z is in the lighter tail; log F there, and F elsewhere."""
    decay = (1 + a * a) * z * z
    huge = 1e-4 * float(finfo(z.dtype).max)  # beyond, F is 0 and its terms overflow
    light = (a > 0) & (z < 0) & (decay > 2.5) & (decay < huge)
    far, slope = where(light, z, -2.0), where(light, a, 1.0)
    near, other = where(light, 0.0, z), where(light, 0.0, a)
    return light, _log_tail(far, slope), special.ndtr(near) - 2 * special.owens_t(near, other)


def _cdf(z: Any, a: Any) -> Any:
    light, log_tail, rest = _split(z, a)
    return where(light, el.exp(log_tail), rest)


def _logcdf(z: Any, a: Any) -> Any:
    light, log_tail, rest = _split(z, a)
    most = rest > 0.5
    upper = el.log1p(-_cdf(where(most, -z, 0.0), -a))
    return where(light, log_tail, where(most, upper, el.log(where(most, 1.0, rest))))


continuous(
    "skewnorm",
    globals(),
    Continuous(
        logpdf=_logpdf,
        cdf=_cdf,
        sf=lambda z, a: _cdf(-z, -a),
        logcdf=_logcdf,
        logsf=lambda z, a: _logcdf(-z, -a),
        ppf=inverse(_cdf, _logpdf, -math.inf, math.inf),
        isf=inverse(lambda z, a: _cdf(-z, -a), _logpdf, -math.inf, math.inf, rising=False),
    ),
    title="the skew normal distribution of skewness parameter a",
    shapes=("a",),
    example=(
        "0.5",
        "2.0",
        "-0.523545 0.592417 0.408301 0.591699 -0.89575 -0.524758 0.313129 1.03347",
    ),
)
