"""Functions on Variables, with the names and keywords of `chainer.functions`.

    import bibun.variable.functions as F

They take Variables and arrays and return Variables. Each is a function of bibun arrays, lifted:
its derivatives, of any order, are derived.
"""

from __future__ import annotations

from bibun.variable.functions import (
    activation,
    array,
    connection,
    convolution,
    evaluation,
    loss,
    math,
    noise,
    normalization,
    pooling,
    recompute,
    recurrent,
    sampling,
    sequences,
    vocabulary,
)
from bibun.variable.functions.activation import *  # noqa: F403
from bibun.variable.functions.array import *  # noqa: F403
from bibun.variable.functions.connection import *  # noqa: F403
from bibun.variable.functions.convolution import *  # noqa: F403
from bibun.variable.functions.evaluation import *  # noqa: F403
from bibun.variable.functions.loss import *  # noqa: F403
from bibun.variable.functions.math import *  # noqa: F403
from bibun.variable.functions.noise import *  # noqa: F403
from bibun.variable.functions.normalization import *  # noqa: F403
from bibun.variable.functions.pooling import *  # noqa: F403
from bibun.variable.functions.recompute import *  # noqa: F403
from bibun.variable.functions.recurrent import *  # noqa: F403
from bibun.variable.functions.sampling import *  # noqa: F403
from bibun.variable.functions.sequences import *  # noqa: F403
from bibun.variable.functions.vocabulary import *  # noqa: F403

_ROOMS = (
    activation, array, connection, convolution, evaluation, loss, math, noise, normalization,
    pooling, recompute, recurrent, sampling, sequences, vocabulary,
)  # fmt: skip
__all__ = sorted(name for room in _ROOMS for name in room.__all__)
