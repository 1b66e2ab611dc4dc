"""Compiled objects on disk, so that a program compiles once for a machine, not per process.

An entry is one file, named by the SHA-256 of all that its object depends on: the program,
the settings, and the versions of bibun, of the pipelines, of LLVM, and the CPU. The file
starts with the SHA-256 of its name and the rest, which is compared before anyone looks at the
rest: a damaged object would kill the process inside LLVM's linker, and another program's object
under this name would read what is not there. Then come the length of a small JSON record, the
record, and the object.

    checksum (32) | length of record (8, little-endian) | record | object

Writers write a temporary file and rename it, so readers see whole entries or none, however
many processes share the directory. Directories are private (0700), files too (0600), since
what they hold will be executed; a directory that belongs to somebody else is not used. A
directory over its bound loses the entries that were used least recently; the file `size` says
how large it is, more or less, since looking at every entry takes a second where there are many.
Whatever goes wrong with the disk, compiling goes on without it, and `stats` counts what happened.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bibun.compiler.flights import Flights
from bibun.compiler.link import load_object
from bibun.compiler.machine import LEVEL, version_key
from bibun.compiler.native import NativeFunction
from bibun.config import config
from bibun.errors import CompileError

FORMAT = 2
_SUFFIX = ".bco"
_CHECKSUM = hashlib.sha256().digest_size


@dataclass
class Stats:
    """What the cache did in this process."""

    hits: int = 0
    misses: int = 0
    damaged: int = 0
    stored: int = 0
    evicted: int = 0
    errors: int = 0
    last_error: str = field(default="", compare=False)

    def failed(self, e: OSError) -> None:
        self.errors += 1
        self.last_error = f"{type(e).__name__}: {e}"


stats = Stats()
_flights = Flights()


@functools.cache
def _source_stamp() -> str:
    """Names this very bibun: by what was installed, or the sizes and times of its sources.

    The version alone would let a changed emitter meet objects of the one before.
    """
    package = Path(__file__).resolve().parent.parent
    version = sys.modules["bibun"].__version__
    stamp = hashlib.sha256(version.encode())
    record = package.parent / f"bibun-{version}.dist-info" / "RECORD"
    try:  # an installer's list of all files with their hashes; not of files that are edited
        if package.parent.name == "site-packages":
            stamp.update(record.read_bytes())
            return stamp.hexdigest()
    except OSError:
        pass
    for folder in ("compiler", "ops", "runtime", "ir"):
        for path, _, names in sorted(os.walk(package / folder)):
            for name in sorted(names):
                if name.endswith(".py"):
                    info = os.stat(os.path.join(path, name))
                    stamp.update(f"{name} {info.st_size} {info.st_mtime_ns}\n".encode())
    return stamp.hexdigest()


def default_directory() -> Path:
    """The user's cache directory on this platform."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "bibun"


def directory() -> Path | None:
    """Where entries are now: the setting `cache_dir`, or the user's; None if switched off."""
    setting = config.read("cache_dir")
    if setting == "":
        return None
    try:
        return default_directory() if setting is None else Path(setting).expanduser()
    except RuntimeError:  # no home directory
        return None


def make_key(*parts: Any) -> str:
    """The key of what `parts` describe (their `str`), on this machine with this software."""
    digest = hashlib.sha256()
    for part in (FORMAT, _source_stamp(), version_key(), *parts):
        data = str(part).encode()
        digest.update(struct.pack("<Q", len(data)))
        digest.update(data)
    return digest.hexdigest()


def _trusted(folder: Path) -> None:
    """Errors: PermissionError for a directory that is not ours alone to write."""
    if hasattr(os, "getuid"):
        info = folder.stat()
        if info.st_uid not in (os.getuid(), 0) or info.st_mode & 0o022:
            raise PermissionError(f"{folder} can be written by others; it must be private (0700)")


def _checksum(key: str, body: bytes) -> bytes:
    digest = hashlib.sha256(key.encode())
    digest.update(body)
    return digest.digest()


def _decode(key: str, data: bytes) -> tuple[dict[str, Any], bytes] | None:
    body = data[_CHECKSUM:]
    if len(body) < 8 or _checksum(key, body) != data[:_CHECKSUM]:
        return None
    (length,) = struct.unpack_from("<Q", body)
    return json.loads(body[8 : 8 + length]), body[8 + length :]


class Cache:
    """Entries in one directory.

    `get(key)` -> (metadata, object) or None; `put(key, object, metadata)`. Neither raises
    for what the disk does.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._lock = threading.Lock()

    def path(self, key: str) -> Path:
        return self.folder / key[:2] / (key + _SUFFIX)

    def get(self, key: str) -> tuple[dict[str, Any], bytes] | None:
        """The entry, verified; a damaged one is removed and counts as missing."""
        path = self.path(key)
        try:
            data = path.read_bytes()
            if hasattr(os, "getuid") and path.stat().st_uid not in (os.getuid(), 0):
                raise PermissionError(f"{path} belongs to another user")
            _trusted(self.folder)
        except FileNotFoundError:
            stats.misses += 1
            return None
        except OSError as e:
            stats.failed(e)
            return None
        entry = _decode(key, data)
        if entry is None:
            stats.damaged += 1
            self.discard(key)
            return None
        stats.hits += 1
        with contextlib.suppress(OSError):
            os.utime(path)  # used now: eviction goes by this time
        return entry

    def put(self, key: str, data: bytes, metadata: dict[str, Any] | None = None) -> None:
        """Store an entry, and drop old ones if the directory has grown over its bound."""
        import tempfile  # with all it imports as dear as tracing a small program

        record = json.dumps(metadata or {}, sort_keys=True).encode()
        body = struct.pack("<Q", len(record)) + record + data
        path = self.path(key)
        if len(body) > self.max_bytes:
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _trusted(self.folder)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")  # mode 0600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_checksum(key, body))
                    file.write(body)
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as e:
            stats.failed(e)
            return
        stats.stored += 1
        self._bound(len(body) + _CHECKSUM)

    def discard(self, key: str) -> None:
        """Remove an entry if it is there."""
        with contextlib.suppress(OSError):
            self.path(key).unlink()

    def _bound(self, added: int) -> None:
        with self._lock:
            try:
                handle = os.open(self.folder / "size", os.O_RDWR | os.O_CREAT, 0o600)
                with open(handle, "r+b", buffering=0) as file:
                    known = file.read(20)
                    total = int(known) + added if known.isdigit() else None
                    if total is None or total > self.max_bytes:
                        total = self._evict()
                    file.seek(0)
                    file.write(b"%020d" % total)
            except OSError as e:
                stats.failed(e)

    def _evict(self) -> int:
        """Drop the least recently used entries until the rest fits in 7/8 of the bound."""
        entries = []
        for folder in os.scandir(self.folder):
            if not folder.is_dir(follow_symlinks=False) or len(folder.name) != 2:
                continue
            for file in os.scandir(folder):
                with contextlib.suppress(OSError):
                    info = file.stat(follow_symlinks=False)
                    entries.append((info.st_mtime, info.st_size, file.path))
        total = sum(size for _, size, _ in entries)
        if total <= self.max_bytes:
            return total
        for _, size, path in sorted(entries):
            if total <= self.max_bytes * 7 // 8:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                stats.evicted += 1
            total -= size
        return total


@functools.lru_cache(maxsize=16)
def _cache_at(folder: Path, max_bytes: int) -> Cache:
    return Cache(folder, max_bytes)


def current() -> Cache | None:
    """The cache the settings ask for, or None."""
    folder = directory()
    return None if folder is None else _cache_at(folder, config.read("cache_max_bytes"))


def get(key: str) -> bytes | None:
    """The object stored under `key`, or None."""
    cache = current()
    entry = cache.get(key) if cache else None
    return entry[1] if entry else None


def put(key: str, data: bytes, metadata: dict[str, Any] | None = None) -> None:
    """Store an object under `key` (from `make_key`)."""
    cache = current()
    if cache:
        cache.put(key, data, metadata)


def load_or_compile(
    key: str,
    make: Callable[[], tuple[str, set[str] | None]],
    entry: str,
    opt: str = LEVEL,
    metadata: dict[str, Any] | None = None,
) -> tuple[NativeFunction, bool]:
    """The native function under `key`, and whether the cache served it.

    `make()` -> (IR text, symbols the emitter knows of) is called only if it must be
    compiled. An entry that no longer links is rebuilt. Threads that ask for the same at once get
    one function.
    """
    key = make_key(key, entry, opt)
    return _flights.share(key, lambda: _load_or_compile(key, make, entry, opt, metadata or {}))


def _load_or_compile(
    key: str, make: Callable[[], Any], entry: str, opt: str, metadata: dict[str, Any]
) -> tuple[NativeFunction, bool]:
    cache = current()
    if cache:
        found = cache.get(key)
        if found is not None:
            try:
                return load_object(found[1], entry), True
            except CompileError:
                stats.damaged += 1
                cache.discard(key)
    from bibun.compiler import engine

    text, symbols = make()
    native = engine.compile_module(text, entry, symbols, opt)
    if cache:
        cache.put(key, native.object_bytes, {"entry": entry, **metadata})
    return native, False


def _digest(ir_text: str) -> str:
    return hashlib.sha256(ir_text.encode()).hexdigest()


def cached_module(ir_text: str, entry: str) -> NativeFunction:
    """`compile_module`, with the text itself as the key."""
    return load_or_compile(_digest(ir_text), lambda: (ir_text, None), entry)[0]


def holds_module(ir_text: str, entry: str) -> bool:
    """Whether `cached_module` of the same has something to load."""
    cache = current()
    return cache is not None and cache.path(make_key(_digest(ir_text), entry, LEVEL)).exists()
