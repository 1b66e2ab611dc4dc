"""What a computation with Variables depends on besides its arguments.

Settings are each thread's own (`config`) and fall back to those of all threads
(`global_config`): `enable_backprop` (whether the graph is recorded), `train` (whether dropout drops
and batch normalization uses the batch), `type_check` (whether functions' `check_type_forward` is
asked) and `debug` (whether results and gradients are looked through for nan).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

_DEFAULTS = {"enable_backprop": True, "train": True, "type_check": True, "debug": False}


def _check(name: str) -> None:
    if name not in _DEFAULTS:
        known = ", ".join(_DEFAULTS)
        raise AttributeError(f"bibun.variable has no setting {name!r}; there are: {known}")


class LocalConfig(threading.local):
    """Settings of this thread, as attributes; deleting one brings back the global setting.

    The class has the global settings as its attributes, so that to read one costs a look-up.
    """

    enable_backprop: bool
    train: bool
    type_check: bool
    debug: bool

    def __getattr__(self, name: str) -> Any:
        _check(name)
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        _check(name)
        super().__setattr__(name, bool(value))

    def show(self, file: Any = None) -> None:
        """Print every setting."""
        for name in _DEFAULTS:
            print(f"{name:<16} {getattr(self, name)}", file=file)


for _name, _value in _DEFAULTS.items():
    setattr(LocalConfig, _name, _value)


class GlobalConfig:
    """Settings of all threads that have none of their own, as attributes."""

    def __getattr__(self, name: str) -> Any:
        _check(name)
        return getattr(LocalConfig, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _check(name)
        setattr(LocalConfig, name, bool(value))

    show = LocalConfig.show


config = LocalConfig()
global_config = GlobalConfig()


@contextlib.contextmanager
def using_config(name: str, value: Any, config: Any = config) -> Iterator[None]:
    """A setting changed inside a `with` block, in this thread (`global_config`: in all).

    >>> from bibun.variable import config, using_config
    >>> with using_config("train", False):
    ...     config.train
    False
    """
    # a setting that a thread had not is taken away again; global ones are always there
    had = not isinstance(config, LocalConfig) or name in vars(config)
    before = getattr(config, name, None)
    setattr(config, name, value)
    try:
        yield
    finally:
        if had:
            setattr(config, name, before)
        else:
            delattr(config, name)


def no_backprop_mode() -> contextlib.AbstractContextManager[None]:
    """`with no_backprop_mode():` results inside have no graph, and keep nothing alive."""
    return using_config("enable_backprop", False)


def force_backprop_mode() -> contextlib.AbstractContextManager[None]:
    """`with force_backprop_mode():` the graph is recorded, inside `no_backprop_mode` too."""
    return using_config("enable_backprop", True)


def is_debug() -> bool:
    """Whether results and gradients are looked through for nan."""
    return config.debug


def set_debug(debug: bool) -> None:
    """Whether results and gradients of functions are looked through for nan, in this thread.

    A nan is then a RuntimeError that names the function. (`bibun.config`'s `debug_nans` looks at
    every op.)
    """
    config.debug = debug


class DebugMode:
    """`with DebugMode(True):` `set_debug` inside a block."""

    def __init__(self, debug: bool) -> None:
        self._change = using_config("debug", debug)

    def __enter__(self) -> None:
        self._change.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._change.__exit__(*error)
