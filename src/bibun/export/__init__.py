"""`bibun.export`: programs for elsewhere.

`to_jax(f)` makes a function of JAX, to run on GPUs, TPUs and meshes; `save(path, f, *specs)` and
`load(path)` carry a program to another process, without its source.
"""

from __future__ import annotations

from bibun.export.errors import ExportError
from bibun.export.from_jax import from_jax
from bibun.export.portable import Exported, load, save
from bibun.export.to_jax import to_jax

__all__ = ["ExportError", "Exported", "from_jax", "load", "save", "to_jax"]
