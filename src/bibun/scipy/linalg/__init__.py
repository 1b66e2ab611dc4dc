"""`bibun.scipy.linalg`: SciPy's linear algebra on stacks of matrices, differentiable.

`_factor`: factorisations and solutions with given factors; `_equations`: matrix equations, systems
of special form, reduced forms; `_functions`: functions of matrices by their own algorithms
(exponential, logarithm, square root, polar factor); `_spectral`: functions by eigenvalues;
`_special`: matrices of special structure.
What means the same in NumPy is `bibun.numpy.linalg`'s.
"""

from __future__ import annotations

from bibun.numpy.contraction import kron
from bibun.numpy.linalg import LinAlgError, lstsq, norm, pinv, svdvals
from bibun.scipy.linalg import _equations, _factor, _functions, _special, _spectral
from bibun.scipy.linalg._equations import *  # noqa: F403
from bibun.scipy.linalg._factor import *  # noqa: F403
from bibun.scipy.linalg._functions import *  # noqa: F403
from bibun.scipy.linalg._special import *  # noqa: F403
from bibun.scipy.linalg._spectral import *  # noqa: F403

__all__ = [
    *_equations.__all__, *_factor.__all__, *_functions.__all__, *_special.__all__,
    *_spectral.__all__, "LinAlgError", "kron", "lstsq", "norm", "pinv", "svdvals",
]  # fmt: skip
