"""All operations: importing this package imports every room, so the registry is complete.

One room per op or small family; each is listed here.
"""

from __future__ import annotations

import bibun.ops.check
import bibun.ops.control
import bibun.ops.cumulative
import bibun.ops.dot
import bibun.ops.elementwise
import bibun.ops.index
import bibun.ops.linalg
import bibun.ops.random_bits
import bibun.ops.reduce
import bibun.ops.shape
import bibun.ops.sort  # noqa: F401
