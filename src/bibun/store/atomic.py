"""A directory that appears whole or not at all.

A save writes into a hidden sibling of its goal, forces every file and the directory itself to
the disk, and then renames: the one step at which the checkpoint comes into being. Killed
before, the goal is what it was; killed after, it is the new one. What a killed writer leaves
is a hidden directory, which the next save to the same place sweeps away.

A directory that exists cannot be renamed over. With `force` the two are *exchanged*, which
Linux does in one step (`renameat2`, RENAME_EXCHANGE). Elsewhere, and on file systems without it
(NFS), the old one is first set aside under a name that readers know, so that at any instant a whole
checkpoint is found: `locate` looks there when the goal is missing.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

POSIX = os.name == "posix"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


def absolute(path: str | os.PathLike[str]) -> Path:
    """The path a user means, absolute, without following a link at its end.

    Errors: ValueError for an empty name or the root directory.
    """
    found = Path(os.path.abspath(os.path.expanduser(os.fspath(path))))
    if not os.fspath(path) or not found.name:
        raise ValueError(f"{os.fspath(path)!r} cannot hold a checkpoint: give a directory's path")
    return found


def sync_directory(path: Path) -> None:
    """Force a directory's entries to the disk."""
    if not POSIX:  # Windows opens no directories
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.bibun-old")


def locate(path: Path) -> Path:
    """Where the checkpoint of this path is: there, or set aside by a killed replacement."""
    aside = _aside(path)
    if not os.path.lexists(path) and aside.is_dir():
        # between the two looks the replacement may have finished
        return path if os.path.lexists(path) else aside
    return path


def refuse_existing(path: Path) -> None:
    """Errors: FileExistsError that says what to do."""
    if os.path.lexists(locate(path)):
        raise FileExistsError(
            errno.EEXIST, "there is something already; force=True replaces it", str(path)
        )


@contextlib.contextmanager
def replacing(path: Path, force: bool = False) -> Iterator[Path]:
    """A fresh directory that takes the place of `path` when the block ends without an error.

    Errors: FileExistsError if `path` exists and not `force`; OSError of the disk, with what was
    written removed and `path` as it was.
    """
    if not force:
        refuse_existing(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    work = path.with_name(f"{_prefix(path)}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        work.mkdir()
        yield work
        for folder, _, _ in os.walk(work, topdown=False):
            sync_directory(Path(folder))
        _commit(work, path, force)
    except OSError as e:
        if isinstance(e, FileExistsError):
            raise
        why = e.strerror or str(e)
        raise type(e)(
            e.errno or errno.EIO,
            f"saving the checkpoint failed: {why}; what was at its place before is unchanged",
            str(path),
        ) from e
    finally:  # also after an exchange, when this is the old one
        shutil.rmtree(work, ignore_errors=True)


def discard(path: Path) -> None:
    """Delete a checkpoint: it is gone in one step, its bytes a moment later."""
    work = path.with_name(f"{_prefix(path)}{os.getpid()}-{secrets.token_hex(4)}")
    os.rename(locate(path), work)
    sync_directory(path.parent)
    shutil.rmtree(work, ignore_errors=True)


def _commit(work: Path, path: Path, force: bool) -> None:
    if not os.path.lexists(path):
        os.rename(work, path)
    elif not force:
        refuse_existing(path)
    elif not path.is_dir() or path.is_symlink():
        raise NotADirectoryError(
            errno.ENOTDIR, "it is not a directory, so it is not replaced", str(path)
        )
    elif not _exchange(work, path):
        aside = _aside(path)
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(path, aside)
        os.rename(work, path)
    sync_directory(path.parent)
    shutil.rmtree(_aside(path), ignore_errors=True)  # `path` is whole: nobody looks there


@functools.cache
def _renameat2() -> ctypes._NamedFuncPointer | None:
    if not POSIX:
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is not None:
        function.argtypes = [
            ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint,
        ]  # fmt: skip
    return function


def _exchange(a: Path, b: Path) -> bool:
    """Swap two directories in one step; False where the file system cannot."""
    function = _renameat2()
    if function is None:
        return False
    if function(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(b))


def _prefix(path: Path) -> str:
    return f".{path.name}.bibun-tmp-{socket.gethostname()}-"


def sweep(path: Path) -> None:
    """Remove what killed writers of this machine left beside `path`."""
    prefix = _prefix(path)
    with os.scandir(path.parent) as entries:
        left = [e.name for e in entries if e.name.startswith(prefix)]
    for name in left:
        pid = name.removeprefix(prefix).split("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(path.parent / name, ignore_errors=True)


def _alive(pid: int) -> bool:
    if not POSIX:  # there os.kill would end it
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _alive_on_windows(pid: int) -> bool:
    query, denied, still_active = 0x1000, 5, 259
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    kernel.OpenProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel.OpenProcess(query, False, pid))
    if not process:
        return ctypes.get_last_error() == denied  # type: ignore[attr-defined]
    code = ctypes.c_ulong(still_active)
    kernel.GetExitCodeProcess(process, ctypes.byref(code))
    kernel.CloseHandle(process)
    return code.value == still_active
