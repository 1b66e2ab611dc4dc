"""Placing an object file in memory without LLVM.

Loading LLVM takes longer than all else that a program from the cache needs: its library is
mapped, relocated and wrapped in Python in about 25 ms, the link itself takes 0.2. And an
object of ours needs little: code, constants, and the distances between them. So on Linux on
x86-64 this module does what a linker would: it lays the sections out in one block, fills in
the distances, puts a jump for each outside function behind the code, and makes the code
executable and the rest read-only. An object with anything else in it (another machine,
writable data, a relocation not known here) is not placed, and goes to LLVM's linker.

ELF as in the System V ABI (gABI, chapter 4; AMD64 supplement, §4.4): sections, symbols,
relocations R_X86_64_PC32 and PLT32, both S + A - P in 32 bits.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import struct
import sys
from typing import Any

import numpy as np

from bibun.errors import CompileError

ENABLED = sys.platform == "linux" and platform.machine() == "x86_64"

_SECTION = np.dtype([
    ("name", "<u4"), ("type", "<u4"), ("flags", "<u8"), ("address", "<u8"), ("offset", "<u8"),
    ("size", "<u8"), ("link", "<u4"), ("info", "<u4"), ("align", "<u8"), ("each", "<u8"),
])  # fmt: skip
_SYMBOL = np.dtype([
    ("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"),
    ("size", "<u8"),
])  # fmt: skip
_RELOCATION = np.dtype([("offset", "<u8"), ("info", "<u8"), ("addend", "<i8")])

_PROGBITS, _SYMTAB, _RELA, _UNWIND = 1, 2, 4, 0x70000001
_WRITE, _ALLOC, _EXECUTE = 1, 2, 4
_PC32, _PLT32 = 2, 4
_UNDEFINED, _RESERVED = 0, 0xFF00
_KIND = b"\x01\x00\x3e\x00"  # an object to be linked, for x86-64
_JUMP = b"\xff\x25\x00\x00\x00\x00"  # jmp *(%rip): to the address in the 8 bytes behind it
_JUMP_SIZE = 16


class _NotPlaced(Exception):
    """The object needs what only LLVM's linker knows."""


class Code:
    """A block of memory with code in it; unmapped when the last reference goes."""

    __slots__ = ("memory", "address")

    def __init__(self, image: np.ndarray, executable: int) -> None:
        try:
            self.memory = _changed(image, executable)
        except OSError:
            self.memory = _from_file(image)
        self.address = np.frombuffer(self.memory, np.uint8).__array_interface__["data"][0]


def _changed(image: np.ndarray, executable: int) -> mmap.mmap:
    """The image in memory, made code up to `executable` and constants from there on."""
    memory = mmap.mmap(-1, len(image), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory[:] = image.tobytes()
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    address = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
    for at, size, how in (
        (address, executable, mmap.PROT_READ | mmap.PROT_EXEC),
        (address + executable, len(image) - executable, mmap.PROT_READ),
    ):
        if size and protect(at, size, how):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return memory


def _from_file(image: np.ndarray) -> mmap.mmap:
    """The image as a file without a name, mapped as code: where memory that was writable may not
    become code (systemd's MemoryDenyWriteExecute, SELinux). Errors: CompileError."""
    try:
        file = os.memfd_create("bibun")
        try:
            os.truncate(file, len(image))
            os.pwrite(file, image.tobytes(), 0)
            untracked = {"trackfd": False} if sys.version_info >= (3, 13) else {}
            return mmap.mmap(
                file, len(image), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC,
                **untracked,
            )  # fmt: skip
        finally:
            os.close(file)
    except (OSError, AttributeError) as e:
        raise refused(e) from e


def refused(why: object) -> CompileError:
    """What is said where the system lets no new code run."""
    return CompileError(
        f"the system does not let this process run code that it has made ({why}): a policy like "
        "systemd's MemoryDenyWriteExecute or SELinux's execmem forbids it. Allow it for this "
        "program, or run without compiling: bibun.config.update('disable_jit', True)"
    )


def probe() -> None:
    """Raise CompileError where memory may not become code; LLVM's linker would abort there."""
    if sys.platform == "linux":
        try:
            _changed(np.zeros(mmap.PAGESIZE, np.uint8), mmap.PAGESIZE)
        except OSError as e:
            raise refused(e) from e


def _pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def _string(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()


def place(data: bytes, entry: str, outside: dict[str, int]) -> tuple[int, Any] | None:
    """The address of `entry` and what keeps its code; None if the object is not placed here.

    `outside`: addresses of the functions that the object calls. Errors: CompileError where no
    new code may be run.
    """
    if not ENABLED or data[:6] != b"\x7fELF\x02\x01" or data[16:20] != _KIND:
        return None
    try:
        return _place(data, entry, outside)
    except (_NotPlaced, ValueError, KeyError, IndexError, OverflowError, struct.error, OSError):
        return None


def _place(data: bytes, entry: str, outside: dict[str, int]) -> tuple[int, Any]:
    (table,) = struct.unpack_from("<Q", data, 0x28)
    (count,) = struct.unpack_from("<H", data, 0x3C)
    sections = np.frombuffer(data, _SECTION, count, table)
    placed, executable, size = _layout(sections, len(data), len(outside))
    (at,) = np.nonzero(sections["type"] == _SYMTAB)[0]
    head = sections[at]
    symbols = np.frombuffer(data, _SYMBOL, int(head["size"]) // 24, int(head["offset"]))
    strings = int(sections[head["link"]]["offset"])

    image = np.zeros(size, np.uint8)
    for k, start in placed.items():
        s = sections[k]
        n, offset = int(s["size"]), int(s["offset"])
        image[start : start + n] = np.frombuffer(data, np.uint8, n, offset)
    jumps = executable - _JUMP_SIZE * len(outside)  # at the end of the code's pages
    stubs: dict[str, int] = {}
    for name, address in outside.items():
        stubs[name] = jumps
        stub = _JUMP + struct.pack("<Q", address)
        image[jumps : jumps + len(stub)] = np.frombuffer(stub, np.uint8)
        jumps += _JUMP_SIZE

    # where each symbol is in the image; -1 for those that are nowhere
    where = np.full(len(symbols), -1, np.int64)
    external = np.zeros(len(symbols), bool)
    starts = np.full(len(sections), -1, np.int64)
    starts[list(placed)] = list(placed.values())
    inside = (symbols["section"] != _UNDEFINED) & (symbols["section"] < _RESERVED)
    start = starts[symbols["section"][inside]]
    where[inside] = np.where(start < 0, -1, start + symbols["value"][inside].astype(np.int64))
    for k in np.nonzero(symbols["section"] == _UNDEFINED)[0]:
        name = _string(data, strings + int(symbols[k]["name"]))
        if name:
            where[k], external[k] = stubs[name], True

    for s in sections[sections["type"] == _RELA]:
        target = placed.get(int(s["info"]))
        if target is not None:
            n = int(s["size"]) // 24
            _relocate(
                image, target, np.frombuffer(data, _RELOCATION, n, int(s["offset"])), where,
                external,
            )  # fmt: skip

    for k in np.nonzero((symbols["info"] >> 4 == 1) & inside)[0]:
        if where[k] >= 0 and _string(data, strings + int(symbols[k]["name"])) == entry:
            code = Code(image, executable)
            return code.address + int(where[k]), code
    raise _NotPlaced(f"{entry} is not defined")


def _layout(sections: np.ndarray, length: int, outside: int) -> tuple[dict[int, int], int, int]:
    """Where each section goes: code, jumps, then on pages of their own the constants.

    Also the size of the part with code, and of all. `length`: bytes of the object.
    """
    placed: dict[int, int] = {}
    size = executable = 0
    for wanted in (_EXECUTE, 0):
        for k, s in enumerate(sections):
            flags = int(s["flags"])
            if not flags & _ALLOC or s["type"] == _UNWIND or flags & _EXECUTE != wanted:
                continue
            if s["type"] != _PROGBITS or flags & _WRITE or flags >= 0x400:
                raise _NotPlaced("a section of another kind")
            align = max(int(s["align"]), 1)
            if align > mmap.PAGESIZE or int(s["offset"]) + int(s["size"]) > length:
                raise _NotPlaced("a section that does not fit")
            placed[k] = size = -(-size // align) * align
            size += int(s["size"])
        if wanted:
            size = executable = _pages(size + _JUMP_SIZE * (outside + 1))
    return placed, executable, max(_pages(size), mmap.PAGESIZE)


def _relocate(
    image: np.ndarray,
    target: int,
    relocations: np.ndarray,
    where: np.ndarray,
    external: np.ndarray,
) -> None:
    """Fill in the distances from one section to the symbols it refers to."""
    kinds = relocations["info"] & 0xFFFFFFFF
    symbol = relocations["info"] >> 32
    to = where[symbol]
    if np.any((kinds != _PC32) & (kinds != _PLT32)) or np.any(to < 0):
        raise _NotPlaced("a relocation of another kind")
    if np.any(external[symbol] & (kinds != _PLT32)):
        raise _NotPlaced("an outside function that is not only called")
    at = target + relocations["offset"].astype(np.int64)
    distance = to + relocations["addend"] - at
    if np.any(at < target) or np.any(at + 4 > len(image)):
        raise _NotPlaced("a place outside the section")
    if np.any(distance != distance.astype(np.int32)):
        raise _NotPlaced("a distance of more than 32 bits")
    image[at[:, None] + np.arange(4)] = distance.astype("<i4").view(np.uint8).reshape(-1, 4)
