"""A linked function: an address, and what keeps its code in memory."""

from __future__ import annotations

from typing import Any


class NativeFunction:
    """A linked function and the code it keeps alive.

    `address` is where it starts; `object_bytes` is the object file it was linked from;
    `symbols` the outside functions it calls; `timings` seconds by stage (parse, verify,
    optimise, emit, link).
    """

    __slots__ = (
        "entry", "address", "object_bytes", "symbols", "timings", "_code", "__weakref__",
    )  # fmt: skip

    def __init__(
        self,
        entry: str,
        address: int,
        object_bytes: bytes,
        symbols: frozenset[str],
        timings: dict[str, float],
        code: Any,
    ) -> None:
        self.entry = entry
        self.address = address
        self.object_bytes = object_bytes
        self.symbols = symbols
        self.timings = timings
        self._code = code  # its end is the end of the code

    def __repr__(self) -> str:
        return f"<native {self.entry} at {self.address:#x}, {len(self.object_bytes)} bytes>"
