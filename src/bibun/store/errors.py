"""What can be wrong with a checkpoint. What can be wrong with a disk stays `OSError`."""

from __future__ import annotations

from bibun.errors import BibunError


class CheckpointError(BibunError, ValueError):
    """A checkpoint cannot be read: not one of ours, of another version, or another kind."""


class CorruptCheckpointError(CheckpointError):
    """What is on disk is not what was saved: a flipped bit, a truncated file, a missing part."""


class CheckpointMismatchError(CheckpointError):
    """A checkpoint does not fit the target: structure, shape or dtype of a leaf differ."""
