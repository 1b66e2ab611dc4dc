"""`bibun.scipy.sparse`: systems known by what they do to a vector, `linalg`."""

from __future__ import annotations

from bibun.scipy.sparse import linalg

__all__ = ["linalg"]
