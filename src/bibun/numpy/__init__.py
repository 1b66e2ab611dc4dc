"""`bibun.numpy`: NumPy's functions on bibun arrays; they differentiate, batch and compile.

Importing it installs the operators of arrays. Rooms: `elementwise`, `arithmetic`, `formulas`,
`reductions`, `cumulative`, `shape`, `joining`, `padding`, `creation`, `grids`, `indexing`,
`taking`, `at`, `contraction`, `sorting`, `statistics`, `calculus`, `functional`, `bits`, `files`,
`data_types`, `namespace`; `ufuncs` gives functions NumPy's methods; `linalg` and `fft` are
submodules.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from bibun.array import Array
from bibun.numpy import operators, ufuncs  # noqa: F401  (install themselves)
from bibun.numpy.arithmetic import *  # noqa: F403
from bibun.numpy.bits import *  # noqa: F403
from bibun.numpy.calculus import *  # noqa: F403
from bibun.numpy.contraction import *  # noqa: F403
from bibun.numpy.creation import *  # noqa: F403
from bibun.numpy.cumulative import *  # noqa: F403
from bibun.numpy.data_types import *  # noqa: F403
from bibun.numpy.data_types import bool_ as bool
from bibun.numpy.elementwise import *  # noqa: F403
from bibun.numpy.files import *  # noqa: F403
from bibun.numpy.formulas import *  # noqa: F403
from bibun.numpy.functional import *  # noqa: F403
from bibun.numpy.grids import *  # noqa: F403
from bibun.numpy.indexing import *  # noqa: F403
from bibun.numpy.joining import *  # noqa: F403
from bibun.numpy.namespace import __array_api_version__, __array_namespace_info__
from bibun.numpy.padding import *  # noqa: F403
from bibun.numpy.reductions import *  # noqa: F403
from bibun.numpy.shape import *  # noqa: F403
from bibun.numpy.sorting import *  # noqa: F403
from bibun.numpy.statistics import *  # noqa: F403
from bibun.numpy.taking import *  # noqa: F403

if TYPE_CHECKING:
    from bibun.numpy import fft, linalg

# what the rooms export; their modules, imported above, are attributes of this package
__all__ = [
    "Array", "__array_api_version__", "__array_namespace_info__", "bool", "fft", "linalg",
]  # fmt: skip
__all__ += [
    name
    for name, value in globals().items()
    if not name.startswith("_")
    and name not in __all__
    and name not in ("Any", "ModuleType", "TYPE_CHECKING", "annotations")
    and not isinstance(value, ModuleType)
]


def __getattr__(name: str) -> Any:
    if name in ("fft", "linalg"):
        import importlib

        return importlib.import_module(f"bibun.numpy.{name}")
    raise AttributeError(f"module 'bibun.numpy' has no attribute {name!r}")
