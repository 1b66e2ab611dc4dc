"""All operations: importing this package imports every room, so the registry is complete.

One room per op or small family; each is listed here.
"""

from __future__ import annotations

import importlib

_ROOMS = """
    elementwise reduce shape index dot cumulative sort check random_bits stop_gradient after
    linalg fft special
    control.call control.custom_jvp control.custom_vjp control.remat control.linear_solve
    control.cond control.while_loop control.scan control.ragged control.masking control.callback
""".split()

for _room in _ROOMS:
    importlib.import_module(f"bibun.ops.{_room}")
