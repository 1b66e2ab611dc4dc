"""`bibun.lax`: the ops with JAX's names, and structured control flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bibun.compiler  # noqa: F401  (so that loops outside of jit run as native code too)
from bibun.lax import (
    arrays,
    control,
    convolution,
    elementwise,
    indexing,
    more,
    slicing,
    solve,
    windows,
)
from bibun.lax.arrays import *  # noqa: F403
from bibun.lax.control import *  # noqa: F403
from bibun.lax.convolution import *  # noqa: F403
from bibun.lax.elementwise import *  # noqa: F403
from bibun.lax.indexing import *  # noqa: F403
from bibun.lax.more import *  # noqa: F403
from bibun.lax.slicing import *  # noqa: F403
from bibun.lax.solve import *  # noqa: F403
from bibun.lax.windows import *  # noqa: F403

if TYPE_CHECKING:
    from bibun.lax import linalg

__all__ = [
    *arrays.__all__, *control.__all__, *convolution.__all__, *elementwise.__all__,
    *indexing.__all__, *more.__all__, *slicing.__all__, *solve.__all__, *windows.__all__, "linalg",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "linalg":
        import importlib

        return importlib.import_module("bibun.lax.linalg")
    raise AttributeError(f"module 'bibun.lax' has no attribute {name!r}")
