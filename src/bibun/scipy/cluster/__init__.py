"""`bibun.scipy.cluster`: vector quantisation, `vq`."""

from __future__ import annotations

from bibun.scipy.cluster import vq

__all__ = ["vq"]
