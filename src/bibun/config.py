"""Settings, read at trace time and part of every compiled function's key.

`config.update(name, value)` changes a setting for the process, `config.using(name=value)`
for a block of code in this thread. JAX's option names are accepted as aliases.
"""

from __future__ import annotations

import contextlib
import operator
import os
import threading
from collections.abc import Iterator
from typing import Any

_ALIASES = {
    "jax_enable_x64": "enable_x64",
    "jax_debug_nans": "debug_nans",
    "jax_disable_jit": "disable_jit",
}

_DEFAULTS: dict[str, Any] = {
    "enable_x64": True,  # False: the default float, int and complex are 32-bit ones
    "debug_nans": False,  # compiled and eager checks after each operation
    "disable_jit": False,  # run jitted functions and loops op by op in Python
    "cache_dir": None,  # None: the user's cache directory; "" switches the cache off
    "cache_max_bytes": 1 << 30,
    "num_threads": 0,  # 0: as many as the machine has cores
    "ragged_memory_limit": 4 << 30,  # bytes one call may spend on tapes of unknown length
    "verify": False,  # run the verifier after every pass (the tests do)
}


def _from_environment(name: str, default: Any) -> Any:
    text = os.environ.get(f"BIBUN_{name.upper()}")
    if text is None:
        return default
    if isinstance(default, bool):
        return text.lower() in ("1", "true", "yes", "on")
    if isinstance(default, int):
        try:
            return _checked(name, int(text))
        except ValueError as e:
            raise ValueError(f"the environment variable BIBUN_{name.upper()}: {e}") from None
    return text


# Largest values: native code has 32 bits for the one and 64 for the other.
_BOUNDS = {
    "num_threads": (1 << 31) - 1, "ragged_memory_limit": (1 << 63) - 1,
    "cache_max_bytes": (1 << 63) - 1,
}  # fmt: skip


def _checked(name: str, value: Any) -> Any:
    """The value of a setting, as what it is read as. Errors: TypeError, ValueError."""
    given = f"{type(value).__name__} {str(value)[:60]!r}"
    if name in _BOUNDS:
        try:
            number = None if isinstance(value, bool) else operator.index(value)
        except TypeError:
            number = None
        if number is None:
            raise TypeError(f"setting {name!r} is a whole number, got {given}")
        if not 0 <= number <= _BOUNDS[name]:
            raise ValueError(f"setting {name!r} is from 0 to {_BOUNDS[name]}, got {number}")
        return number
    if name == "cache_dir":
        if value is not None and not isinstance(value, str | os.PathLike):
            raise TypeError(f"setting {name!r} is a path, '' (no cache) or None, got {given}")
        return value
    if isinstance(value, str) or value not in (True, False):
        raise TypeError(f"setting {name!r} is True or False, got {given}")
    return bool(value)


_TRACED = ("enable_x64", "debug_nans", "disable_jit")
DISABLE_JIT = _TRACED.index("disable_jit")  # in what `trace_key` returns


class Config:
    """Process-wide settings with thread-local overrides.

    >>> from bibun.config import config
    >>> with config.using(debug_nans=True):
    ...     config.debug_nans
    True
    """

    def __init__(self) -> None:
        self._values = {k: _from_environment(k, v) for k, v in _DEFAULTS.items()}
        self._local = threading.local()
        self.overrides = 0  # blocks of `using` that are open, in any thread
        self._lock = threading.Lock()
        self.key = tuple(self._values[name] for name in _TRACED)
        self.watch_nans = bool(self._values["debug_nans"])  # whether any thread may want it

    def _resolve(self, name: str) -> str:
        name = _ALIASES.get(name, name)
        if name not in self._values:
            known = ", ".join(sorted(self._values))
            raise AttributeError(f"no setting named {name!r}; there are: {known}")
        return name

    def read(self, name: str) -> Any:
        values = self._values
        if name not in values:
            name = self._resolve(name)
        if self.overrides:
            overrides = getattr(self._local, "overrides", None)
            if overrides and name in overrides:
                return overrides[name]
        return values[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.read(name)

    def update(self, name: str, value: Any) -> None:
        """Change a setting for the whole process. Errors: AttributeError, TypeError, ValueError."""
        name = self._resolve(name)
        self._values[name] = _checked(name, value)
        self.watch_nans = self.watch_nans or self.read("debug_nans")
        self.key = tuple(self._values[name] for name in _TRACED)

    @contextlib.contextmanager
    def using(self, **settings: Any) -> Iterator[None]:
        """Change settings inside a `with` block, in this thread only."""
        before = getattr(self._local, "overrides", None) or {}
        names = [self._resolve(k) for k in settings]
        checked = {k: _checked(k, v) for k, v in zip(names, settings.values(), strict=True)}
        self.watch_nans = self.watch_nans or checked.get("debug_nans", False)
        self._local.overrides = {**before, **checked}
        with self._lock:
            self.overrides += 1
        try:
            yield
        finally:
            self._local.overrides = before
            with self._lock:
                self.overrides -= 1

    def trace_key(self) -> tuple[Any, ...]:
        """The settings that change what a function traces or compiles to."""
        overrides = getattr(self._local, "overrides", None) if self.overrides else None
        if not overrides:
            return self.key
        return tuple(overrides.get(name, self._values[name]) for name in _TRACED)


config = Config()
update = config.update
