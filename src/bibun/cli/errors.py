"""What goes wrong on the user's side, as one clear message that names the place."""

from __future__ import annotations

import linecache
import os
import sysconfig
from pathlib import Path
from types import TracebackType

import bibun

_PACKAGE = os.path.dirname(os.path.abspath(bibun.__file__)) + os.sep
_INSTALLED = tuple(
    os.path.abspath(p) + os.sep
    for p in {sysconfig.get_paths()[k] for k in ("stdlib", "purelib", "platlib")}
)


class UserError(Exception):
    """Ends the command with this message and exit status 2."""


class Stopped(Exception):
    """Ctrl-C before there was anything to keep: exit status 130."""


def shown(path: str | Path) -> str:
    """A path as the user would type it: relative where it is below the working directory."""
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _user_frame(trace: TracebackType | None) -> tuple[str, int, str] | None:
    """File, line and function of the innermost frame of the user's own code."""
    found = None
    while trace is not None:
        code = trace.tb_frame.f_code
        name = os.path.abspath(code.co_filename)
        if not name.startswith((_PACKAGE, *_INSTALLED)) and not code.co_filename.startswith("<"):
            found = (code.co_filename, trace.tb_lineno, code.co_name)
        trace = trace.tb_next
    return found


def describe_failure(what: str, error: BaseException) -> str:
    """What failed, the user's line, and the error, without a traceback."""
    lines = [what]
    linecache.checkcache()
    if isinstance(error, SyntaxError) and error.filename:
        lines.append(f"  {shown(error.filename)}, line {error.lineno}")
        text = (error.text or linecache.getline(error.filename, error.lineno or 0)).strip()
        if text:
            lines.append(f"      {text}")
        lines.append(f"  {type(error).__name__}: {error.msg}")
    else:
        frame = _user_frame(error.__traceback__)
        if frame is not None:
            filename, line, function = frame
            inside = "" if function == "<module>" else f", in {function}"
            lines.append(f"  {shown(filename)}, line {line}{inside}")
            text = linecache.getline(filename, line).strip()
            if text:
                lines.append(f"      {text}")
        message = str(error).strip("'\"" if isinstance(error, KeyError) else "")
        first, *rest = f"{type(error).__name__}: {message}".splitlines()
        lines += [f"  {first}", *(f"  {r}" for r in rest)]
    return "\n".join(lines)
