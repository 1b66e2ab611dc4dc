"""`bibun.scipy`: SciPy's functions on bibun arrays; they differentiate, batch and compile.

Submodules, found on first use: `special`, `linalg`, `stats`, `optimize`, `signal`,
`interpolate`, `ndimage`, `integrate`, `fft`, `cluster`, `sparse`.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "cluster", "fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal",
    "sparse", "special", "stats",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"bibun.scipy.{name}")
    raise AttributeError(f"module 'bibun.scipy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
