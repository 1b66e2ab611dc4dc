"""From a program to something that can be called: the passes in order, and the memo.

    simplify -> canonical text -> (cache?) -> plan, emit -> LLVM -> native function

The canonical text leaves out source lines and float data, so equal programs share native
code; what differs (where errors point, the constants) is put around it here.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bibun.array import Array
from bibun.config import config
from bibun.ir.program import Equation, Program, Var
from bibun.ir.serialize import canonical_text
from bibun.ir.spec import verify
from bibun.ir.types import ArrayType, RaggedType
from bibun.ops.nan_checks import with_nan_checks
from bibun.ops.op import EFFECT, LIBRARY
from bibun.runtime.ragged import lend, take
from bibun.trace.core import as_value, concrete, type_of
from bibun.trace.sites import current_site

_ENTRY = "bibun_main"
_native: OrderedDict[str, Any] = OrderedDict()  # key -> NativeFunction, recently used last
_NATIVE_LIMIT = 4096
_lock = threading.Lock()


class Compiled:
    """A program ready to run: `compiled(list of np.ndarray) -> list of np.ndarray`."""

    __slots__ = ("program", "call", "pool", "key", "from_cache", "timings")

    def __init__(self, program: Program, call: Any, pool: np.ndarray | None, key: str) -> None:
        self.program = program
        self.call = call
        self.pool = pool
        self.key = key
        self.from_cache = False
        self.timings: dict[str, float] = {}

    def __call__(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        if self.pool is not None:
            arrays = [*arrays, self.pool]
        return self.call(arrays)


class _Callbacks(Sequence[Any]):
    """The callback table of a program: slot k runs its k-th library equation in Python."""

    def __init__(self, program: Program) -> None:
        from bibun.compiler.walk import walk

        self.equations = [eq for eq in walk(program) if eq.op.kind == LIBRARY]
        self.made: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self.equations)

    def __getitem__(self, k: Any) -> Any:
        made = self.made.get(k)
        if made is None:
            from bibun.runtime.context import Callback

            eq = self.equations[k]

            def run(*arrays: np.ndarray) -> list[np.ndarray]:
                out = eq.op.eval(*arrays, **eq.params)
                return list(out) if eq.op.multiple_results else [out]

            made = self.made[k] = Callback(
                run, [a.type for a in eq.inputs], [v.type for v in eq.outputs]
            )
        return made


def prepare(program: Program) -> Program:
    """The passes before emission."""
    from bibun.compiler.simplify import simplify

    if config.debug_nans:
        program = with_nan_checks(program)
    result = simplify(program)
    if config.verify:
        verify(result, "after simplify")
    return result


def emit_text(program: Program, pool: dict[float, int]) -> tuple[str, set[str]]:
    """LLVM IR of a prepared program, and the external symbols it uses."""
    from bibun.compiler.emit import Emitter

    emitter = Emitter(_ENTRY, program, pool)
    return emitter.function(), emitter.module.symbols


def compile_program(program: Program) -> Compiled:
    """Native code for a program, from memory, from disk, or made now."""
    from bibun.compiler.cache import load_or_compile
    from bibun.compiler.walk import walk
    from bibun.runtime.call import NativeCall

    start = time.perf_counter()
    program = prepare(program)
    simplified = time.perf_counter()
    pool: dict[float, int] = {}
    text = canonical_text(program, pool)
    key = hashlib.sha256(text.encode()).hexdigest()
    hashed = time.perf_counter()
    emitted = 0.0

    def make() -> tuple[str, set[str]]:
        nonlocal emitted
        begin = time.perf_counter()
        made = emit_text(program, pool)
        emitted = time.perf_counter() - begin
        return made

    with _lock:
        native = _native.get(key)
        if native is not None:
            _native.move_to_end(key)
    from_cache = True
    if native is None:
        native, from_cache = load_or_compile(key, make, _ENTRY)
        with _lock:
            _native[key] = native
            while len(_native) > _NATIVE_LIMIT:
                _native.popitem(last=False)
    in_types = list(program.in_types)
    constants = None
    if pool:
        constants = np.array(list(pool), np.float64)
        in_types.append(ArrayType(constants.shape, constants.dtype))
    failures = {}
    limits = False  # whether the code may start threads or grow tapes
    for n, eq in enumerate(walk(program)):
        if eq.op.kind == EFFECT or has_ragged(v.type for v in eq.outputs):
            failures[n] = (eq.op, eq.params, eq.site)
        limits = limits or any(is_large(a.type) for a in (*eq.inputs, *eq.outputs))
    call = NativeCall(
        native,
        in_types,  # type: ignore[arg-type]
        program.out_types,  # type: ignore[arg-type]
        failures,
        _Callbacks(program),  # type: ignore[arg-type]
        limits=limits,
    )
    compiled = Compiled(program, call, constants, key)
    compiled.from_cache = from_cache
    compiled.timings = {
        "simplify": simplified - start,
        "hash": hashed - simplified,
        "emit": emitted,
        "total": time.perf_counter() - start,
        **{f"llvm {k}": v for k, v in getattr(native, "timings", {}).items() if not from_cache},
    }
    return compiled


class _Memo:
    """Compiled programs by identity; keeps the programs alive so identities stay theirs."""

    def __init__(self, limit: int = 1024) -> None:
        self.entries: OrderedDict[Any, tuple[Any, Compiled]] = OrderedDict()
        self.limit = limit
        self.lock = threading.Lock()

    def get(self, key: Any, keep: Any, make: Any) -> Compiled:
        with self.lock:
            entry = self.entries.get(key)
            if entry is not None:
                self.entries.move_to_end(key)
                return entry[1]
        compiled = make()
        with self.lock:
            self.entries[key] = (keep, compiled)
            while len(self.entries) > self.limit:
                self.entries.popitem(last=False)
        return compiled


_by_identity = _Memo()
_single: OrderedDict[Any, Program] = OrderedDict()  # structured ops as programs of their own


def is_large(type: Any) -> bool:
    """Whether a value may be worth a thread, or is a tape."""
    return isinstance(type, RaggedType) or type.size >= 1024


def has_ragged(types: Iterable[Any]) -> bool:
    return any(isinstance(t, RaggedType) for t in types)


def execute(program: Program, args: Sequence[Any]) -> list[Any]:
    """Run a program on concrete values natively, compiling it the first time."""
    compiled = _by_identity.get(id(program), program, lambda: compile_program(program))
    arrays = []
    keep: list[Any] = []
    for a, t in zip(args, program.in_types, strict=True):
        if isinstance(t, RaggedType):
            arrays.append(lend(a, keep))
            continue
        v = concrete(as_value(a))
        arrays.append(v if v.dtype == t.dtype else v.astype(t.dtype))  # type: ignore[union-attr]
    outs = compiled(arrays)
    return [
        take(o, t) if isinstance(t, RaggedType) else Array(o, t.weak)
        for o, t in zip(outs, program.out_types, strict=True)
    ]


def _identity(p: Any) -> Any:
    """A hashable stand-in for a parameter: programs by identity."""
    if isinstance(p, Program):
        return ("program", id(p))
    if isinstance(p, tuple):
        return tuple(_identity(q) for q in p)
    return p


def execute_structured(op: Any, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """Run one loop or branch on concrete values, as a program of one equation."""
    types = tuple(type_of(a) for a in args)
    site = current_site(2)  # errors name it, and one body may be run from two places
    key = (op, types, site, tuple((k, _identity(p)) for k, p in params.items()))
    program = _single.get(key)
    if program is None:
        inputs = [Var(t) for t in types]
        outs = [Var(t) for t in op.type_rule(*types, **params)]
        program = Program(inputs, [Equation(op, inputs, outs, params, site)], outs)
        _single[key] = program  # keeps `params`, and so the identities in the key, alive
        while len(_single) > 1024:
            _single.popitem(last=False)
    return execute(program, args)
