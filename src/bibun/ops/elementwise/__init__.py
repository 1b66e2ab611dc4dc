"""Elementwise ops, one room per op or small family."""

from __future__ import annotations

from bibun.ops.elementwise import (  # noqa: F401
    absorb,
    arithmetic,
    bitwise,
    comparison,
    complex,
    convert,
    exponential,
    hyperbolic,
    rounding,
    select,
    trigonometric,
)
