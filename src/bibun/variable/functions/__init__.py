"""Functions on Variables, with the names and keywords of `chainer.functions`.

    import bibun.variable.functions as F

They take Variables and arrays and return Variables. Each is a function of bibun arrays, lifted:
its derivatives, of any order, are derived.
"""

from __future__ import annotations

from bibun.variable.functions import (
    activation,
    array,
    evaluation,
    loss,
    math,
    network,
    windows,
)
from bibun.variable.functions.activation import *  # noqa: F403
from bibun.variable.functions.array import *  # noqa: F403
from bibun.variable.functions.evaluation import *  # noqa: F403
from bibun.variable.functions.loss import *  # noqa: F403
from bibun.variable.functions.math import *  # noqa: F403
from bibun.variable.functions.network import *  # noqa: F403
from bibun.variable.functions.windows import *  # noqa: F403

__all__ = sorted(
    name
    for room in (activation, array, evaluation, loss, math, network, windows)
    for name in room.__all__
)
