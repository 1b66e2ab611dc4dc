"""Errors of `bibun.export`."""

from __future__ import annotations


class ExportError(ValueError):
    """A program, or a part of one, that cannot be exported."""
