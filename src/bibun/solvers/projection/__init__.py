"""Euclidean and other projections onto convex sets.

`sets.py`: sets of vectors; `transport.py`: matrices with given row and column sums.
"""

from __future__ import annotations

from bibun.solvers.projection.sets import (
    projection_affine_set,
    projection_box,
    projection_box_section,
    projection_halfspace,
    projection_hypercube,
    projection_hyperplane,
    projection_l1_ball,
    projection_l1_sphere,
    projection_l2_ball,
    projection_l2_sphere,
    projection_linf_ball,
    projection_non_negative,
    projection_polyhedron,
    projection_simplex,
    projection_sparse_simplex,
)
from bibun.solvers.projection.transport import (
    kl_projection_birkhoff,
    kl_projection_transport,
    projection_birkhoff,
    projection_transport,
)

__all__ = [
    "kl_projection_birkhoff", "kl_projection_transport", "projection_affine_set",
    "projection_birkhoff", "projection_box", "projection_box_section", "projection_halfspace",
    "projection_hypercube", "projection_hyperplane", "projection_l1_ball", "projection_l1_sphere",
    "projection_l2_ball", "projection_l2_sphere", "projection_linf_ball",
    "projection_non_negative", "projection_polyhedron", "projection_simplex",
    "projection_sparse_simplex", "projection_transport",
]  # fmt: skip
