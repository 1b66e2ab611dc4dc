"""One thread makes a thing, and the others that want it meanwhile wait for it.

Threads that call a new function at once would each compile it, one after the other, since LLVM
is entered by one thread at a time. Here the first of them is in flight for the key, and the
rest take what it brings. If it fails, each of them tries itself and gets the error as its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from typing import Any


class _Flight:
    __slots__ = ("landed", "result")

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.result: Any = None


class Flights:
    """`flights.share(key, make)`: `make()`, or what another thread's `make()` of the key returned.

    >>> Flights().share("k", lambda: 3)
    3
    """

    def __init__(self) -> None:
        self._start()
        if hasattr(os, "register_at_fork"):  # a child has none of the threads that are in flight
            os.register_at_fork(after_in_child=self._start)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._out: dict[Hashable, _Flight] = {}

    def share(self, key: Hashable, make: Callable[[], Any]) -> Any:
        with self._lock:
            flight = self._out.get(key)
            first = flight is None
            if flight is None:
                flight = self._out[key] = _Flight()
        if not first:
            flight.landed.wait()
            return make() if flight.result is None else flight.result
        try:
            flight.result = make()
            return flight.result
        finally:
            with self._lock:
                self._out.pop(key, None)
            flight.landed.set()
