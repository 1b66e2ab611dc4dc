"""All operations: importing this package imports every room, so the registry is complete.

One room per op or small family; each is listed here, in an order that respects what they
build on.
"""

from __future__ import annotations

import bibun.ops.elementwise  # noqa: F401
