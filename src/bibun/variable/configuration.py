"""What a computation with Variables depends on besides its arguments.

Two settings, each thread's own: `enable_backprop` (whether the graph is recorded) and `train`
(whether dropout drops and batch normalization uses the batch).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

_DEFAULTS = {"enable_backprop": True, "train": True}


class Config(threading.local):
    """Settings of this thread, as attributes."""

    enable_backprop: bool
    train: bool

    def __init__(self) -> None:
        for name, value in _DEFAULTS.items():
            super().__setattr__(name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _DEFAULTS:
            known = ", ".join(_DEFAULTS)
            raise AttributeError(f"bibun.variable has no setting {name!r}; there are: {known}")
        super().__setattr__(name, bool(value))


config = Config()


@contextlib.contextmanager
def using_config(name: str, value: Any, config: Config = config) -> Iterator[None]:
    """A setting changed inside a `with` block, in this thread.

    >>> from bibun.variable import config, using_config
    >>> with using_config("train", False):
    ...     config.train
    False
    """
    before = getattr(config, name) if name in _DEFAULTS else None
    setattr(config, name, value)
    try:
        yield
    finally:
        setattr(config, name, before)


def no_backprop_mode() -> contextlib.AbstractContextManager[None]:
    """`with no_backprop_mode():` results inside have no graph, and keep nothing alive."""
    return using_config("enable_backprop", False)


def force_backprop_mode() -> contextlib.AbstractContextManager[None]:
    """`with force_backprop_mode():` the graph is recorded, inside `no_backprop_mode` too."""
    return using_config("enable_backprop", True)
