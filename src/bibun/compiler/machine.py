"""What a compiled object depends on besides its program: the machine, LLVM, the pipeline.

LLVM can say what the machine is, but to ask it is to load it, which a program that comes
from the cache can do without. So on Linux the kernel is asked, and LLVM is known by the text
of its package's version; elsewhere LLVM answers for both.
"""

from __future__ import annotations

import functools
import importlib.util
import platform
from pathlib import Path

LEVEL = "O1"  # the pipeline of `engine` that programs are compiled with

# The lines of /proc/cpuinfo that say what the processor can do, on x86 and on Arm.
_TELLING = frozenset((
    "vendor_id", "cpu family", "model", "model name", "stepping", "flags",
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision", "Features",
))  # fmt: skip


def _processor() -> str | None:
    """The kernel's description of the first processor, if there is one."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            text = file.read(1 << 14)
    except OSError:
        return None
    first = text.partition("\n\n")[0]
    pairs = [line.partition(":") for line in first.splitlines()]
    told = [f"{key.strip()}={value.strip()}" for key, _, value in pairs if key.strip() in _TELLING]
    known = any(t.startswith(("flags=", "Features=")) for t in told)
    return "; ".join(told) if known else None


def _llvmlite() -> str | None:
    """The text of llvmlite's version file, without importing it."""
    spec = importlib.util.find_spec("llvmlite")
    if spec is None or spec.origin is None:
        return None
    try:
        return Path(spec.origin).with_name("_version.py").read_text()
    except OSError:
        return None


@functools.cache
def version_key() -> str:
    """All about LLVM and the machine that an object file depends on."""
    processor, llvmlite = _processor(), _llvmlite()
    if processor is None or llvmlite is None:
        from bibun.compiler import engine

        return engine.description()
    return f"{platform.machine()} {processor} {llvmlite}"
