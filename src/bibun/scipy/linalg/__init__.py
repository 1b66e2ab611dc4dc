"""`bibun.scipy.linalg`: SciPy's linear algebra on stacks of matrices, differentiable.

`_factor`: factorisations and solutions with given factors; `_functions`: functions of matrices
(exponential, logarithm, square root, polar factor); `_special`: matrices of special structure.
What means the same in NumPy is `bibun.numpy.linalg`'s.
"""

from __future__ import annotations

from bibun.numpy.contraction import kron
from bibun.numpy.linalg import LinAlgError, det, inv, lstsq, norm, pinv, svdvals
from bibun.scipy.linalg import _factor, _functions, _special
from bibun.scipy.linalg._factor import *  # noqa: F403
from bibun.scipy.linalg._functions import *  # noqa: F403
from bibun.scipy.linalg._special import *  # noqa: F403

__all__ = [
    *_factor.__all__, *_functions.__all__, *_special.__all__, "LinAlgError", "det", "inv", "kron",
    "lstsq", "norm", "pinv", "svdvals",
]  # fmt: skip
