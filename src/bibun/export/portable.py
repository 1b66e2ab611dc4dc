"""`save` and `load`: a program on disk, for a process that does not have its source.

What is stored is the program as bibun traced it (`program_json.py`), the arrays that it captured,
and the structure of arguments and result, as one checkpoint of `bibun.store`: atomic,
checksummed, versioned, nothing pickled. It is portable: native code is made, or found in the
object cache, where it is loaded, so a program saved on one machine runs on any other. Because it
is the program and not machine code, what is loaded can be differentiated, batched and compiled
into others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import bibun
from bibun import store, tree
from bibun.array import Array
from bibun.errors import BibunError, ShapeError
from bibun.export import program_json
from bibun.export.errors import ExportError
from bibun.export.to_jax import placeholder
from bibun.ir.program import Program
from bibun.ir.spec import verify
from bibun.ops.check import ERRORS  # noqa: F401  (its import registers the checks)
from bibun.store import structure as shapes
from bibun.trace.core import as_value, type_of
from bibun.trace.replay import replay
from bibun.transforms import ShapeDtypeStruct

FORMAT = "bibun.export"
VERSION = 1


def save(path: str | os.PathLike[str], f: Callable[..., Any], *specs: Any, **named: Any) -> None:
    """Save the program of a function, for arguments like `specs`.

    `specs`: pytrees of arrays or `bibun.ShapeDtypeStruct`; only shapes and dtypes count. What was
    there is replaced, in one step. Errors: ExportError for what only this process has (a host
    callback); as `bibun.jit`; OSError of the disk.

    >>> import tempfile, bibun
    >>> import bibun.numpy as bnp
    >>> from bibun import export
    >>> path = tempfile.mkdtemp() + "/norm"
    >>> export.save(path, lambda x: bnp.sqrt(bnp.sum(x * x)), bibun.ShapeDtypeStruct((2,), float))
    >>> norm = export.load(path)
    >>> norm(bnp.array([3.0, 4.0])), bibun.grad(norm)(bnp.array([3.0, 4.0]))
    (Array(5., dtype=float64), Array([0.6, 0.8], dtype=float64))
    """
    if not callable(f):
        raise TypeError(f"save(path, f, *specs) expects a function, got {type(f).__name__}")

    def example(x: Any) -> Any:
        if isinstance(x, ShapeDtypeStruct):
            return placeholder(x.shape, x.dtype, x.weak_type)
        return x

    jitted = bibun.jit(lambda *a, **k: f(*a, **k))
    jitted.__name__ = getattr(f, "__name__", type(f).__name__)
    args = tree.map(example, (specs, named))
    trace = jitted.trace(*args[0], **args[1])
    program = trace.closed.program
    result = tree.unflatten(trace.out_tree, list(range(len(program.outputs))))
    document = {
        "format": FORMAT,
        "version": VERSION,
        "bibun": bibun.__version__,
        "program": program_json.write(program),
        "arguments": shapes.outline(args)[0],
        "result": shapes.outline(result)[0],
        "settings": {"enable_x64": bool(bibun.config.config.enable_x64)},
    }
    consts = [as_value(c) for c in trace.closed.consts]
    with store.Checkpointer(store.CompositeCheckpointHandler("program", "captured")) as out:
        out.save(
            path,
            args=store.args.Composite(
                program=store.args.JsonSave(document),
                captured=store.args.StandardSave([Array(c._value) for c in consts]),
            ),
            force=True,
        )


class Exported:
    """A program that `load` read: a function like any other.

    `in_tree`: the arguments it takes, `(args, kwargs)` of `ShapeDtypeStruct`s; `program`: its IR.
    """

    def __init__(self, program: Program, consts: list[Any], document: dict[str, Any]) -> None:
        self.program = program
        n = len(consts)
        types = program.in_types[n:]
        self.in_tree = _kwargs(shapes.build(document["arguments"], [
            ShapeDtypeStruct(t.shape, t.dtype, t.weak) for t in types]))  # fmt: skip
        self.__name__ = program.name
        self._types = types
        self._result = document["result"]
        self._structure = tree.structure(self.in_tree)
        self._run = bibun.jit(lambda *xs: replay(program, [*consts, *xs]))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        if structure != self._structure:
            raise TypeError(
                f"{self.__name__} takes arguments of the structure {self._structure}, "
                f"got {structure}"
            )
        for k, (x, t) in enumerate(zip(leaves, self._types, strict=True)):
            got = type_of(x)
            if got.matches(t):
                continue
            if got.shape != t.shape or not got.weak:  # type: ignore[union-attr]
                raise ShapeError(f"{self.__name__}: argument leaf {k} must be {t}, got {got}")
            leaves[k] = bibun.numpy.asarray(x, dtype=t.dtype)
        return shapes.build(self._result, self._run(*leaves))

    def __repr__(self) -> str:
        return f"Exported({self.__name__}: {', '.join(map(str, self._types))})"


def _kwargs(x: Any) -> Any:
    return x if x[1] else (x[0], {})


def load(path: str | os.PathLike[str]) -> Exported:
    """Read a program that `save` wrote; what comes back is called as the function was.

    Named tuples and classes in the result come back as dicts. Errors: CorruptCheckpointError for a
    damaged file, ExportError for one of another kind or of a newer bibun, FileNotFoundError.

    >>> import tempfile, bibun
    >>> import bibun.numpy as bnp
    >>> from bibun import export
    >>> path = tempfile.mkdtemp() + "/double"
    >>> export.save(path, lambda x: 2 * x, bnp.ones(2))
    >>> export.load(path)
    Exported(<lambda>: f64[2])
    """
    found = store.Checkpointer(store.CompositeCheckpointHandler()).restore(path)
    where = os.fspath(path)
    try:
        document = found["program"]
        if document["format"] != FORMAT:
            raise KeyError("format")
    except (KeyError, TypeError):
        raise ExportError(f"{where} is a checkpoint, but not one that export.save wrote") from None
    if document["version"] > VERSION:
        raise ExportError(
            f"{where} has version {document['version']} of the format; this bibun, "
            f"{bibun.__version__}, reads up to {VERSION}"
        )
    try:
        program = verify(program_json.read(document["program"]), where)
        consts = list(found["captured"])
        if len(consts) > len(program.inputs):
            raise ValueError("more captured arrays than inputs")
        for c, t in zip(consts, program.in_types, strict=False):
            if not type_of(c).matches(t):
                raise ValueError(f"a captured array is {type_of(c)}, the program wants {t}")
        return Exported(program, consts, document)
    except ExportError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError, BibunError) as e:
        raise store.CorruptCheckpointError(
            f"{where} holds no program that can be run: {type(e).__name__}: {e}"
        ) from None
