"""LLVM, through llvmlite: text of a module in, native function out.

The way: parse, verify, optimise, emit an object file (bytes), link those bytes. Linking
always starts from bytes, so an object from the disk cache and a fresh one go the same way.
All modules live in one LLJIT, each in a library of its own; when the last reference to its
`NativeFunction` goes, so does its code. JITLink places a module's code and data in one
block, which makes the small code model safe anywhere in the address space.

Floating point stays as written: no fast-math flags, and the code generator fuses no
multiply and add of its own accord (only `llvm.fma`, where the emitter wrote it).

LLVM is entered by one thread at a time, and `os.fork` waits until none is inside: a child
that inherits a lock of LLVM's, held by a thread it does not have, would wait for ever. So
nothing of LLVM's is freed outside the lock either: code that is no longer referred to is put
aside, and freed at the next compilation.

Pipelines. The emitter writes explicit vector code, so neither vectoriser runs below "O3".

- "O0": nothing.
- "O1", what programs are compiled with: math kernels inlined, registers, value numbering,
  dead stores and code, order of integer sums (which frees what does not change in a loop),
  combining. Half the time of "O2", within 3 % of its speed (docs/design/compile-time.md).
- "O2": LLVM's own simplification of functions (loop-invariant code, unrolling of short
  loops, jump threading …) without vectorisers.
- "O3": the same with both vectorisers.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from bibun.compiler.link import load_object, resolve
from bibun.compiler.machine import LEVEL
from bibun.compiler.native import NativeFunction
from bibun.errors import CompileError

_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )
_library_ids = itertools.count()
_unused: list[Any] = []  # trackers of code to be freed

_LEAN = (
    "always_inliner", "sroa", "simplify_cfg", "new_gvn", "dead_store_elimination",
    "aggressive_dce", "reassociate", "instruction_combine", "simplify_cfg",
)  # fmt: skip


class _Linked:
    """Code in LLVM's hands."""

    __slots__ = ("tracker",)

    def __init__(self, tracker: Any) -> None:
        self.tracker = tracker

    def __del__(self) -> None:
        if _unused is not None:  # at exit the module may be gone already
            _unused.append(self.tracker)


@functools.cache
def host_cpu() -> tuple[str, str]:
    """Name and feature string of this machine's CPU, as LLVM knows them."""
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # not known for this architecture
        features = ""
    return llvm.get_host_cpu_name(), features


def description() -> str:
    """LLVM's version and what it knows of the machine."""
    version = ".".join(map(str, llvm.llvm_version_info))
    cpu, features = host_cpu()
    triple = llvm.get_process_triple()
    return f"llvmlite {llvmlite.__version__} llvm {version} {triple} {cpu} {features}"


@functools.cache
def _machine() -> llvm.TargetMachine:
    with _lock:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        triple = llvm.get_process_triple()
        if os.name == "nt":
            triple += "-elf"  # LLVM's linkers load ELF everywhere, COFF only in part
        cpu, features = host_cpu()
        return llvm.Target.from_triple(triple).create_target_machine(
            cpu=cpu, features=features, opt=1, reloc="pic", codemodel="small", jit=True
        )


@functools.cache
def _jit() -> llvm.LLJIT:
    return llvm.create_lljit_compiler(_machine(), use_jit_link=True, suppress_errors=True)


MANY_PHIS = 100


def _lean_passes(ir_text: str) -> list[str]:
    """The passes of O1.

    LLVM's global value numbering aborts the process when its fixpoint looks at one value a
    hundred times, which takes a change that travels through about as many joins of control
    flow. With so many it is left out: there it found nothing, and was a third of the time.
    """
    many = ir_text.count(" = phi ") >= MANY_PHIS
    return [name for name in _LEAN if not (many and name == "new_gvn")]


def _pipeline(opt: str, ir_text: str) -> Callable[[Any], None]:
    """The function that optimises a module at a level."""
    if opt == "O0":
        return lambda module: None
    if opt not in ("O1", "O2", "O3"):
        raise ValueError(f"opt must be 'O0', 'O1', 'O2' or 'O3', not {opt!r}")
    options = llvm.create_pipeline_tuning_options(speed_level=int(opt[1]))
    options.loop_vectorization = options.slp_vectorization = opt == "O3"
    options.loop_interleaving = opt == "O3"
    builder = llvm.create_pass_builder(_machine(), options)
    if opt == "O1":
        passes = llvm.create_new_module_pass_manager()
        for name in _lean_passes(ir_text):
            getattr(passes, f"add_{name}_pass")()
    else:
        passes = builder.getModulePassManager()
    return lambda module: passes.run(module, builder)


def _numbered(text: str, message: str) -> str:
    """The lines of the IR around the one that LLVM's message names."""
    found = re.search(r":(\d+):\d+: error", message)
    if not found:
        return ""
    at = int(found.group(1))
    lines = text.splitlines()
    return "\n".join(
        f"{'>' if n == at else ' '} {n:5d} {lines[n - 1]}"
        for n in range(max(1, at - 4), min(len(lines), at + 3) + 1)
    )


_ARRAY = re.compile(r"^  (%\S+) = alloca \[\d+ x i8\]")
_INSIDE = re.compile(r"^  (%\S+) = getelementptr \S+, ptr (%[^\s,]+)")
_READ = re.compile(r"^  %\S+ = load (?=<[^>]*>, ptr (%[^\s,]+))")


def _volatile_arrays(ir_text: str) -> str:
    """The module with volatile vector loads from local arrays."""
    arrays: set[str] = set()
    lines = ir_text.split("\n")
    for k, line in enumerate(lines):
        if line.startswith("define"):
            arrays.clear()
        elif (found := _ARRAY.match(line)) or (found := _INSIDE.match(line)) and found[2] in arrays:
            arrays.add(found[1])
        elif (found := _READ.match(line)) and found[1] in arrays:
            lines[k] = f"{line[: found.end()]}volatile {line[found.end() :]}"
    return "\n".join(lines)


def _optimised(ir_text: str, opt: str, timings: dict[str, float]) -> Any:
    """Parse, verify and optimise; the caller holds the lock."""
    start = time.perf_counter()
    machine = _machine()
    context = llvm.create_context()
    try:
        module = llvm.parse_assembly(ir_text, context)
    except RuntimeError as e:
        lines = _numbered(ir_text, str(e))
        raise CompileError(f"LLVM cannot parse the module:\n{e}\n{lines}") from e
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    parsed = time.perf_counter()
    try:
        module.verify()
    except RuntimeError as e:
        raise CompileError(f"LLVM finds the module wrong:\n{e}") from e
    verified = time.perf_counter()
    _pipeline(opt, ir_text)(module)
    try:
        module.verify()
    except RuntimeError:
        # SROA of LLVM 22.1 merges vector stores that fill a local array out of order into a
        # value used before its definition, and code generation would abort the process. It
        # leaves volatile loads alone; slower, and rare.
        module = llvm.parse_assembly(_volatile_arrays(ir_text), context)
        module.triple = machine.triple
        module.data_layout = str(machine.target_data)
        _pipeline(opt, ir_text)(module)
        module.verify()
    done = time.perf_counter()
    timings.update(parse=parsed - start, verify=verified - parsed, optimise=done - verified)
    return module


def optimised_text(ir_text: str, opt: str = LEVEL) -> str:
    """The module after optimisation, as text: for people."""
    with _lock:
        module = _optimised(ir_text, opt, {})
        text = str(module)
        del module
    return text


def assembly(ir_text: str, opt: str = LEVEL) -> str:
    """The machine code of the module as assembly text: for people."""
    with _lock:
        module = _optimised(ir_text, opt, {})
        text = _machine().emit_assembly(module)
        del module
    return text


def compile_object(
    ir_text: str, opt: str = LEVEL, timings: dict[str, float] | None = None
) -> bytes:
    """An object file, as bytes, for this machine's CPU.

    `ir_text` is an LLVM module without triple and data layout. `timings` gets seconds by
    stage. Errors: CompileError for what LLVM refuses, with the lines in question.
    """
    timings = {} if timings is None else timings
    with _lock:
        module = _optimised(ir_text, opt, timings)
        start = time.perf_counter()
        data = _machine().emit_object(module)
        timings["emit"] = time.perf_counter() - start
        del module
    return data


def link(data: bytes, entry: str, outside: dict[str, int]) -> tuple[int, Any]:
    """The address of `entry` in an object file, linked by LLVM, and what keeps its code.

    `outside`: addresses of the functions it calls. Errors: CompileError for what LLVM refuses.
    """
    with _lock:
        _unused.clear()
        library = llvm.JITLibraryBuilder().add_object_img(data).export_symbol(entry)
        for name, address in outside.items():
            library.import_symbol(name, address)
        try:
            tracker = library.link(_jit(), f"bibun{next(_library_ids)}")
        except RuntimeError as e:
            raise CompileError(f"LLVM cannot link {entry!r}: {e}") from e
    return tracker[entry], _Linked(tracker)


def compile_module(
    ir_text: str, entry: str, symbols: set[str] | None = None, opt: str = LEVEL
) -> NativeFunction:
    """Compile and link the module; the function `entry` is ready to call.

    `symbols`: the outside functions the emitter knows it uses; an unknown one is reported
    before LLVM starts. Errors: CompileError.
    """
    if symbols:
        resolve(symbols)
    timings: dict[str, float] = {}
    return load_object(compile_object(ir_text, opt, timings), entry, timings)
