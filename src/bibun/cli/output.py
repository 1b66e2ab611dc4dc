"""Results appear whole or not at all.

Everything is written to a hidden folder beside the results (on the same file system) and
moved in at the end, file by file, each replacement atomic. If one of them fails, those done
are undone. What an earlier run left is harmed only by a run that succeeded.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from bibun.cli.errors import UserError, shown

FILES = ("posterior.nc", "trace.png", "pair.png", "predictive.png", "report.html")


class Staging:
    """A hidden folder for the files of a run; `publish` moves them to their place."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = Path()

    def __enter__(self) -> Staging:
        out = self.out
        if out.exists() and not out.is_dir():
            raise UserError(f"{shown(out)}: is a file; --out needs a directory")
        for name in FILES:
            if (out / name).is_dir():
                raise UserError(f"{shown(out / name)}: is a directory where a result should go")
        parent = out
        while not parent.exists():
            parent = parent.parent
        if not parent.is_dir():
            raise UserError(f"{shown(out)}: cannot be made, since {shown(parent)} is a file")
        try:
            self.folder = Path(tempfile.mkdtemp(prefix=".bibun-fit-", dir=parent))
        except OSError as e:
            raise UserError(f"{shown(out)}: cannot be written: {_reason(e, parent)}") from None
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def writing(self, name: str, size: int = 0) -> Iterator[Path]:
        """The path to write a result to; `size`: bytes that must be free for it.

        Asking for the space beforehand is for HDF5, which leaves a process in ruins when a
        disk fills up under it. Errors: UserError where the disk refuses.
        """
        path = self.folder / name
        try:
            if size:
                _reserve(path, size)
            yield path
        except OSError as e:
            raise self._refused(name, e) from None

    def publish(self) -> list[Path]:
        """Move the files into place. Errors: UserError; then everything is as it was."""
        names = [n for n in FILES if (self.folder / n).exists()]
        stale = [n for n in FILES if n not in names]
        saved = self.folder / "earlier"
        made = not self.out.exists()
        done: list[str] = []
        name = ""
        try:
            saved.mkdir()
            self.out.mkdir(parents=True, exist_ok=True)
            for name in (*names, *stale):
                if (self.out / name).exists():
                    _keep(self.out / name, saved / name)
            for name in names:
                os.replace(self.folder / name, self.out / name)
                done.append(name)
            for name in stale:  # of an earlier run: it would not belong to these results
                (self.out / name).unlink(missing_ok=True)
                done.append(name)
        except OSError as e:
            for undone in done:
                if (saved / undone).exists():
                    os.replace(saved / undone, self.out / undone)
                else:
                    (self.out / undone).unlink(missing_ok=True)
            if made:
                with contextlib.suppress(OSError):
                    self.out.rmdir()
            raise self._refused(name, e) from None
        return [self.out / n for n in names]

    def _refused(self, name: str, error: OSError) -> UserError:
        return UserError(
            f"{shown(self.out / name)}: cannot be written: {_reason(error, self.folder)}. "
            f"Nothing in {shown(self.out)} was changed"
        )


def _reserve(path: Path, size: int) -> None:
    """Fill a file and remove it. Errors: OSError where there is no room."""
    try:
        with open(path, "wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
    finally:
        path.unlink(missing_ok=True)


def _keep(path: Path, saved: Path) -> None:
    """A second name for a file; a copy where the file system has no links."""
    try:
        os.link(path, saved)
    except OSError:
        shutil.copy2(path, saved)


def _reason(error: OSError, where: Path) -> str:
    if error.errno == errno.ENOSPC:
        free = shutil.disk_usage(where).free
        return f"the disk is full ({free / 1e6:.1f} MB free where {shown(where.parent)} is)"
    if error.errno == errno.EDQUOT:
        return "your disk quota is used up"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission to write in {shown(where)}"
    if error.errno == errno.EROFS:
        return "the file system is read-only"
    if error.errno is not None:
        return os.strerror(error.errno).lower()
    return str(error).splitlines()[0] if str(error) else type(error).__name__
