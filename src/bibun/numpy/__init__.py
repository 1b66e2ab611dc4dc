"""`bibun.numpy`: NumPy's functions on bibun arrays; they differentiate, batch and compile.

Importing it installs the operators of arrays. Rooms: `elementwise`, `arithmetic`, `formulas`,
`reductions`, `cumulative`, `shape`, `joining`, `creation`, `indexing`, `taking`, `at`,
`contraction`, `sorting`, `statistics`, `calculus`, `functional`, `data_types`; `linalg` is the
submodule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bibun.array import Array
from bibun.numpy import operators  # noqa: F401  (installs them)
from bibun.numpy.arithmetic import *  # noqa: F403
from bibun.numpy.calculus import *  # noqa: F403
from bibun.numpy.contraction import *  # noqa: F403
from bibun.numpy.creation import *  # noqa: F403
from bibun.numpy.cumulative import *  # noqa: F403
from bibun.numpy.data_types import *  # noqa: F403
from bibun.numpy.elementwise import *  # noqa: F403
from bibun.numpy.formulas import *  # noqa: F403
from bibun.numpy.functional import *  # noqa: F403
from bibun.numpy.indexing import *  # noqa: F403
from bibun.numpy.joining import *  # noqa: F403
from bibun.numpy.reductions import *  # noqa: F403
from bibun.numpy.shape import *  # noqa: F403
from bibun.numpy.sorting import *  # noqa: F403
from bibun.numpy.statistics import *  # noqa: F403
from bibun.numpy.taking import *  # noqa: F403

if TYPE_CHECKING:
    from bibun.numpy import fft, linalg

__all__ = ["Array", "fft", "linalg"]


def __getattr__(name: str) -> Any:
    if name in ("fft", "linalg"):
        import importlib

        return importlib.import_module(f"bibun.numpy.{name}")
    raise AttributeError(f"module 'bibun.numpy' has no attribute {name!r}")
