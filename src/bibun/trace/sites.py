"""Sites: where in the user's code an operation was written.

A site number is an index into a process-wide table. Finding the line means walking the
stack to the first frame outside bibun; the table holds code object and instruction, and
the line number is worked out only when an error wants it. A site may have a note on why code
of that line runs (`noted`): the derivative of an operation runs where the operation was written.
"""

from __future__ import annotations

import os
import sys
import threading
from types import CodeType
from typing import Any, NamedTuple

from bibun.errors import LocatedError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Libraries that call array code on a user's behalf: the line to show is the one that called them.
_BETWEEN = (
    os.sep + "functools.py",
    *(f"-packages{os.sep}{name}{os.sep}" for name in ("numpy", "pandas", "scipy", "xarray")),
)
_table: list[tuple[Any, ...] | None] = [None]  # code, instruction, and perhaps a note
_index: dict[tuple[Any, ...], int] = {}
_internal: dict[int, CodeType] = {}  # code of libraries, by identity: hashing code is slow
_lock = threading.Lock()


class Site(NamedTuple):
    """A place in source code."""

    filename: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.line} in {self.function}"


class _Forced(threading.local):
    """Nonzero while a program is replayed: its equations keep the sites that they have."""

    site: int = 0


forced = _Forced()


def _is_internal(code: CodeType) -> bool:
    name = code.co_filename
    return name.startswith((_PACKAGE, "<frozen")) or any(part in name for part in _BETWEEN)


def current_site(depth: int = 1) -> int:
    """The site number of the innermost frame outside bibun (0: none)."""
    if forced.site:
        return forced.site
    frame = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        if id(code) not in _internal:
            key = (code, frame.f_lasti)
            site = _index.get(key)
            if site is not None:
                return site
            if not _is_internal(code):
                return _number(key)
            _internal[id(code)] = code
        frame = frame.f_back  # type: ignore[assignment]
    return 0


def _number(key: tuple[Any, ...]) -> int:
    with _lock:
        site = _index.get(key)
        if site is None:
            _table.append(key)
            site = _index[key] = len(_table) - 1
    return site


DERIVATIVE, BACKWARD = "derivative", "backward pass"


def noted(site: int, why: str, op: str) -> int:
    """The same place, with the note that it runs for the `DERIVATIVE` or in the `BACKWARD` of op.

    A note that is there names the operation that the user wrote: its `op` stays.
    """
    entry = _table[site]
    if entry is None:
        return site
    key = (*entry[:2], why, entry[3] if len(entry) > 2 else op)
    return _index.get(key) or _number(key)


def note_of(site: int, op: str) -> str:
    """What is noted, for an error of `op` there: ", in the backward pass of sin", or nothing.

    A derivative's rule computes the operation itself too; that is no more than the forward pass.
    """
    entry = _table[site]
    if entry is None or len(entry) == 2 or (entry[2] == DERIVATIVE and entry[3] == op):
        return ""
    return f", in the {entry[2]} of {entry[3]}"


def lookup(site: int) -> Site | None:
    """The place a site number stands for."""
    entry = _table[site] if 0 <= site < len(_table) else None
    if entry is None:
        return None
    code, lasti = entry[:2]
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= lasti < end and number is not None:
            line = number
            break
    return Site(code.co_filename, line, getattr(code, "co_qualname", code.co_name))


def source_line(site: int) -> str:
    """The text of the line, or an empty string where the file is not there."""
    import linecache

    place = lookup(site)
    return linecache.getline(place.filename, place.line).strip() if place else ""


def _here() -> str:
    """The user's line that is running, for errors; empty where no code but bibun's is."""
    site = current_site(2)
    return describe(site) if site else ""


def describe(site: int) -> str:
    """`file:line in function` with the source line below it, for error messages."""
    place = lookup(site)
    if place is None:
        return "(unknown place)"
    text = source_line(site)
    return f"{place}" + (f"\n    {text}" if text else "")


LocatedError.locate = _here
