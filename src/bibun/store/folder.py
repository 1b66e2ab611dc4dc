"""The inside of a checkpoint: a manifest, and the files it vouches for.

`bibun.json` names every other file with its size and a checksum, and has one of its own, so that
any difference from what was saved is noticed. A `Folder` opens the directory once and every
file relative to it: a checkpoint that is replaced meanwhile stays one checkpoint to its
reader. (Windows opens no directories: there files are opened by their paths, and a reader who finds
that the directory is another one begins again.) Links are not followed, and no name leads outside
the directory.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bibun.store import tensors
from bibun.store.errors import CheckpointError, CorruptCheckpointError

MANIFEST = "bibun.json"
FORMAT, VERSION = "bibun.store", 1
RELATIVE = os.open in os.supports_dir_fd  # whether files are opened relative to a directory
_NOT_IN_NAMES = frozenset("\0\\:")  # the latter two separate parts of paths on Windows
_ITEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. \-]*\Z")


def check_item_name(name: str) -> str:
    """The name of an item of a composite: it becomes a directory's.

    Errors: ValueError where it would lead elsewhere.
    """
    if not isinstance(name, str) or not _ITEM.match(name):
        raise ValueError(
            f"{name!r} cannot name an item: use letters, digits, '_', '-', '.' and spaces, not "
            "beginning with '.' or '-'; a path would lead outside the checkpoint"
        )
    return name


def _dump(x: Any) -> bytes:
    return json.dumps(x, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Writer:
    """Writes the files of one checkpoint into a directory, and its manifest last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, dict[str, Any]] = {}

    def json(self, name: str, content: Any) -> None:
        """Write a JSON file."""
        data = _dump(content)
        self._write(name, data)
        self.files[name] = {"bytes": len(data), "sha256": _digest(data)}

    def tensors(self, name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
        """Write arrays; the CRC-32 of each."""
        with self._open(name) as file:
            header, sums = tensors.write(file, arrays)
            size = file.tell()
        self.files[name] = {"bytes": size, "header_sha256": _digest(header)}
        return sums

    def finish(self, items: Mapping[str, str], composite: bool) -> None:
        """Write the manifest: the kind of each item, and all files."""
        import bibun

        body = {
            "items": dict(items), "composite": composite, "files": self.files,
            "bibun": bibun.__version__,
        }  # fmt: skip
        text = {"format": FORMAT, "version": VERSION, "sha256": _digest(_dump(body)), "body": body}
        self._write(MANIFEST, _dump(text))

    def _write(self, name: str, data: bytes) -> None:
        with self._open(name) as file:
            file.write(data)

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[Any]:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        with open(path, "xb", buffering=0) as raw:
            yield _Whole(raw)
            os.fsync(raw.fileno())


class _Whole:
    """An unbuffered file whose `write` writes all or raises."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.tell = raw.tell

    def write(self, data: Any) -> None:
        rest = memoryview(data)
        while len(rest):
            rest = rest[self.raw.write(rest) :]


class _Held:
    """A directory held open: its files are those of one checkpoint, whatever its path names."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def identity(self) -> os.stat_result:
        return os.fstat(self.fd)

    def open(self, parts: list[str]) -> int:
        """A file below it. Errors: OSError where a component is a link."""
        at, opened = self.fd, []
        try:
            for k, part in enumerate(parts):
                last = k == len(parts) - 1
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                at = os.open(part, flags if last else flags | os.O_DIRECTORY, dir_fd=at)
                opened.append(at)
        except OSError:
            for fd in opened:
                os.close(fd)
            raise
        for fd in opened[:-1]:
            os.close(fd)
        return at

    def close(self) -> None:
        os.close(self.fd)


class _Named:
    """A directory by its path, where none can be held open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found = os.stat(path)
        if not stat.S_ISDIR(self.found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", str(path))

    def identity(self) -> os.stat_result:
        return self.found

    def open(self, parts: list[str]) -> int:
        """A file below it. Errors: OSError where a component is a link."""
        at = self.path
        for part in parts:
            at = at / part
            found = os.lstat(at)
            reparse = getattr(found, "st_file_attributes", 0) & _REPARSE_POINT
            if reparse or stat.S_ISLNK(found.st_mode):
                raise OSError(errno.ELOOP, "it is a link", str(at))
        return os.open(at, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def close(self) -> None:
        pass


_REPARSE_POINT = 0x400  # Windows' attribute of links and junctions


class ReplacedError(CheckpointError):
    """The directory went while it was being opened: another is there, or none."""


class Folder:
    """A checkpoint opened for reading; a context manager.

    Errors: FileNotFoundError where nothing is; CheckpointError for something else than a
    checkpoint, or one of a later version; CorruptCheckpointError for a damaged one; ReplacedError.
    """

    def __init__(self, path: Path, verify: bool = True) -> None:
        self.path = path
        self.verify = verify
        try:
            self.root = _Held(path) if RELATIVE else _Named(path)
        except FileNotFoundError:
            raise FileNotFoundError(2, "there is no checkpoint", str(path)) from None
        except NotADirectoryError:
            raise CheckpointError(
                f"{path} is a file; a bibun checkpoint is a directory with {MANIFEST} in it"
            ) from None
        try:
            self._manifest()
        except BaseException as e:
            gone = isinstance(e, CheckpointError) and self.moved()
            self.root.close()
            if gone:
                raise ReplacedError(*e.args) from None
            raise

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *exc: object) -> None:
        self.root.close()

    def moved(self) -> bool:
        """Whether the path is another directory by now, or none."""
        try:
            now, then = os.stat(self.path), self.root.identity()
        except OSError:
            return True
        return (now.st_ino, now.st_dev) != (then.st_ino, then.st_dev)

    def _manifest(self) -> None:
        where = self.path / MANIFEST
        try:
            fd = self._open(MANIFEST)
        except FileNotFoundError:
            raise CheckpointError(
                f"{self.path} is not a bibun checkpoint: it has no {MANIFEST}"
            ) from None
        with os.fdopen(fd, "rb") as file:
            data = file.read()
        try:
            text = json.loads(data)
            if text["format"] != FORMAT or not isinstance(text["version"], int):
                raise CheckpointError(f"{where} is of the format {text['format']!r}, not {FORMAT}")
            if text["version"] > VERSION:
                raise CheckpointError(
                    f"{where} is of version {text['version']} of the format; this bibun reads up "
                    f"to {VERSION}: use a newer one"
                )
            body = text["body"]
            if _digest(_dump(body)) != text["sha256"]:
                raise CorruptCheckpointError(f"{where} is damaged: its checksum is wrong")
            self.items: dict[str, str] = dict(body["items"])
            self.composite: bool = body["composite"]
            self.files: dict[str, dict[str, Any]] = dict(body["files"])
        except CheckpointError:
            raise
        except (ValueError, KeyError, TypeError, RecursionError) as e:
            raise CorruptCheckpointError(f"{where} is damaged: {type(e).__name__}: {e}") from None

    def _open(self, name: str) -> int:
        """A file descriptor; no component may be a link or lead upwards."""
        parts = name.split("/")
        if len(parts) > 2 or any(p in ("", ".", "..") or set(p) & _NOT_IN_NAMES for p in parts):
            raise CheckpointError(f"{self.path}: the name {name!r} leads outside the checkpoint")
        try:
            at = self.root.open(parts)
        except FileNotFoundError:
            raise
        except OSError as e:
            raise CheckpointError(
                f"{self.path / name} is not a plain file inside the checkpoint ({e.strerror})"
            ) from None
        if not stat.S_ISREG(os.fstat(at).st_mode):
            os.close(at)
            raise CheckpointError(f"{self.path / name} is not a plain file")
        return at

    @contextlib.contextmanager
    def _vouched(self, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
        entry = self.files.get(name)
        where = self.path / name
        if not isinstance(entry, dict):
            raise CorruptCheckpointError(f"{self.path} is damaged: its manifest lacks {name}")
        try:
            fd = self._open(name)
        except FileNotFoundError:
            raise CorruptCheckpointError(f"{self.path} is damaged: {name} is missing") from None
        try:
            size = os.fstat(fd).st_size
            if size != entry.get("bytes"):
                raise CorruptCheckpointError(
                    f"{where} is damaged: it has {size} bytes, and {entry.get('bytes')} were saved"
                )
            yield fd, entry
        finally:
            os.close(fd)

    def json(self, name: str) -> Any:
        """The content of a JSON file."""
        where = self.path / name
        with self._vouched(name) as (fd, entry):
            with os.fdopen(os.dup(fd), "rb") as file:
                data = file.read()
            if _digest(data) != entry.get("sha256"):
                raise CorruptCheckpointError(f"{where} is damaged: its checksum is wrong")
        try:
            return json.loads(data.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as e:
            raise CorruptCheckpointError(f"{where} is damaged: {e}") from None

    def tensors(self, name: str) -> tensors.Tensors:
        """The arrays of a safetensors file, mapped."""
        with self._vouched(name) as (fd, entry):
            found = tensors.Tensors(fd, str(self.path / name))
        if _digest(found.header) != entry.get("header_sha256"):
            raise CorruptCheckpointError(f"{self.path / name} is damaged: its header was changed")
        return found
