"""Linking: from an object file in memory to a callable address, without surprises.

The dynamic linkers inside LLVM look for unknown symbols in the whole process, and some
link a symbol that nobody has as address zero; the call then kills Python. So the symbols
an object needs are read from its own symbol table here, and each is resolved from bibun's
table (`libraries`) before anything is linked. Reading the table, not the IR, catches
what the code generator added by itself (`memcpy`, `fma`, …). Then the object is placed
(`place`), or where that is not for it, linked by LLVM.

Three formats of object files are read: ELF, Mach-O and COFF, 64 bits each. Only undefined
external symbols are of interest, so each reader is a few lines.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

from bibun.compiler import libraries
from bibun.compiler.native import NativeFunction
from bibun.compiler.place import place, probe
from bibun.errors import CompileError

# Symbols that the linker defines itself.
_LINKER_DEFINED = frozenset({"_GLOBAL_OFFSET_TABLE_", "__dso_handle", "_fltused"})


def _cstring(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()


def _elf(data: bytes) -> Iterator[str]:
    (sections,) = struct.unpack_from("<Q", data, 0x28)
    entry_size, count = struct.unpack_from("<HH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, sections + i * entry_size)
               for i in range(count)]  # fmt: skip
    for _, kind, _, _, offset, size, link, _, _, each in headers:
        if kind == 2:  # SHT_SYMTAB
            strings = headers[link][4]
            for at in range(offset, offset + size, each):
                name, info, _, section = struct.unpack_from("<IBBH", data, at)
                if section == 0 and name and info >> 4 in (1, 2):  # global or weak
                    yield _cstring(data, strings + name)


def _macho(data: bytes) -> Iterator[str]:
    (commands,) = struct.unpack_from("<I", data, 16)
    at = 32
    for _ in range(commands):
        command, size = struct.unpack_from("<II", data, at)
        if command == 2:  # LC_SYMTAB
            symbols, count, strings, _ = struct.unpack_from("<4I", data, at + 8)
            for i in range(count):
                name, kind, _, _, _ = struct.unpack_from("<IBBHQ", data, symbols + 16 * i)
                if kind & 0x0E == 0 and kind & 1 and not kind & 0xE0:  # undefined, external
                    yield _cstring(data, strings + name).removeprefix("_")
        at += size


def _coff(data: bytes) -> Iterator[str]:
    symbols, count = struct.unpack_from("<II", data, 8)
    strings = symbols + 18 * count
    i = 0
    while i < count:
        raw, _, section, _, storage, extra = struct.unpack_from("<8sIhHBB", data, symbols + 18 * i)
        if section == 0 and storage == 2:  # undefined, external
            zeros, offset = struct.unpack("<II", raw)
            yield raw.rstrip(b"\0").decode() if zeros else _cstring(data, strings + offset)
        i += 1 + extra


def undefined_symbols(data: bytes) -> set[str]:
    """The names of the external symbols that an object file needs.

    Errors: CompileError for bytes that are no 64-bit little-endian object file.
    """
    try:
        if data[:6] == b"\x7fELF\x02\x01":
            found = set(_elf(data))
        elif data[:4] == b"\xcf\xfa\xed\xfe":
            found = set(_macho(data))
        elif data[:2] in (b"\x64\x86", b"\x64\xaa"):
            found = set(_coff(data))
        else:
            raise CompileError(f"not an object file this system can load: {data[:8]!r}")
    except (struct.error, IndexError, ValueError, OverflowError) as e:
        raise CompileError(f"damaged object file: {e}") from e
    return found - _LINKER_DEFINED


def resolve(symbols: set[str]) -> dict[str, int]:
    """Addresses of all `symbols`. Errors: CompileError that names those nobody has."""
    table = {s: libraries.address(s) for s in symbols}
    missing = sorted(s for s, a in table.items() if not a)
    if missing:
        raise CompileError(
            f"compiled code needs {', '.join(missing)}, which bibun's table of outside "
            "functions does not have (bibun.compiler.libraries)"
        )
    return table  # type: ignore[return-value]


def load_object(
    data: bytes, entry: str, timings: dict[str, float] | None = None
) -> NativeFunction:
    """Link an object file that `engine.compile_object` made and find `entry` in it.

    Errors: CompileError for a symbol that is not in bibun's table, for damaged bytes,
    where `entry` is not defined, and where the system lets no new code run.
    """
    timings = {} if timings is None else timings
    start = time.perf_counter()
    outside = resolve(undefined_symbols(data))
    found = place(data, entry, outside)
    if found is None:
        from bibun.compiler import engine

        probe()
        found = engine.link(data, entry, outside)
    timings["link"] = time.perf_counter() - start
    address, code = found
    return NativeFunction(entry, address, data, frozenset(outside), timings, code)
