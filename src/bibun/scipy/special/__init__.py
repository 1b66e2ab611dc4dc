"""`bibun.scipy.special`: special functions and their derivatives.

`_table`: functions that are one op; `_gamma`: the gamma family; `_bessel`; `_logs`: functions
around logarithms, entropies, sums of exponentials; `_distributions`: distribution functions
under their old names; `_plane`: functions of complex variables; `_polynomials`: orthogonal
polynomials and spherical harmonics.
"""

from __future__ import annotations

from bibun.numpy.elementwise import rint as round
from bibun.scipy.special import (
    _bessel,
    _distributions,
    _gamma,
    _logs,
    _plane,
    _polynomials,
    _table,
)
from bibun.scipy.special._bessel import *  # noqa: F403
from bibun.scipy.special._distributions import *  # noqa: F403
from bibun.scipy.special._gamma import *  # noqa: F403
from bibun.scipy.special._logs import *  # noqa: F403
from bibun.scipy.special._plane import *  # noqa: F403
from bibun.scipy.special._polynomials import *  # noqa: F403
from bibun.scipy.special._table import *  # noqa: F403

__all__ = [
    *_bessel.__all__, *_distributions.__all__, *_gamma.__all__, *_logs.__all__, *_plane.__all__,
    *_polynomials.__all__, *_table.__all__,
    "round",
]  # fmt: skip
