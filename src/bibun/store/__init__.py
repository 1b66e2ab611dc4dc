"""`bibun.store`: trees of arrays on disk, with the names of `orbax.checkpoint`.

    from bibun import store
    checkpointer = store.StandardCheckpointer()
    checkpointer.save(path, state)
    checkpointer.wait_until_finished()
    state = checkpointer.restore(path, target)

A checkpoint is a directory: arrays in safetensors, structure in JSON, a manifest with checksums.
It is there whole or not at all, whenever the process is killed, and reading one runs no
code from it. The format is in docs/design/store.md, byte by byte.
"""

from __future__ import annotations

from bibun.store import args
from bibun.store.checkpointer import (
    AsyncCheckpointer,
    Checkpointer,
    PyTreeCheckpointer,
    StandardCheckpointer,
)
from bibun.store.errors import CheckpointError, CheckpointMismatchError, CorruptCheckpointError
from bibun.store.handlers import (
    ArrayCheckpointHandler,
    CompositeCheckpointHandler,
    JsonCheckpointHandler,
    PyTreeCheckpointHandler,
    StandardCheckpointHandler,
)
from bibun.store.manager import CheckpointManager, CheckpointManagerOptions

__all__ = [
    "ArrayCheckpointHandler", "AsyncCheckpointer", "CheckpointError", "CheckpointManager",
    "CheckpointManagerOptions", "CheckpointMismatchError", "Checkpointer",
    "CompositeCheckpointHandler", "CorruptCheckpointError", "JsonCheckpointHandler",
    "PyTreeCheckpointHandler", "PyTreeCheckpointer", "StandardCheckpointHandler",
    "StandardCheckpointer", "args",
]  # fmt: skip
