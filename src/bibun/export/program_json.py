"""A program as JSON, and back: what `save` writes and `load` reads.

    {"inputs": [type, …], "equations": [[op, [atom, …], [type, …], {param: value, …}], …],
     "outputs": [atom, …], "name": "…"}

Variables are numbered in the order of definition: inputs first, then the outputs of each
equation. An atom is a number, or `{"literal": [dtype, hex of its bytes], "weak": …}`; a type is
`[dtype, shape]`, with `"weak"` as third element where it is, or `{"ragged": type}`. Parameters are
JSON values, or objects with one key that says what they are: `tuple`, `dict`, `program`, `dtype`,
`type`, `array`, `rule`, `passes`, `complex`, `float` (hex, so that nan and -0.0 survive). Nothing
names code: ops are looked up in bibun's registry, and what is read is verified before it is run.

Derivative rules of custom functions are made, and written too. A rule that differentiates its
own function would have no end: two orders are written, the next one is an error when it is asked
for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun.dtypes import canonical
from bibun.export.errors import ExportError
from bibun.ir.program import Equation, Literal, Program, Var
from bibun.ir.types import ArrayType, RaggedType
from bibun.ops.control.custom_vjp import Passes
from bibun.ops.control.rules import Rule
from bibun.ops.registry import all_ops
from bibun.store.tensors import dtype_name, dtype_of
from bibun.trace.sites import describe

ORDERS = 2


def _dtype(text: str) -> np.dtype:
    dtype = dtype_of(text)
    if dtype.kind != "V" and canonical(dtype) != dtype:
        raise ValueError(f"{text!r} is no dtype of programs")
    return dtype


def write_type(t: Any) -> Any:
    """A type as JSON."""
    if isinstance(t, RaggedType):
        return {"ragged": write_type(t.element)}
    return [dtype_name(t.dtype), list(t.shape), *(["weak"] if t.weak else [])]


def read_type(x: Any) -> Any:
    """A type from JSON."""
    if isinstance(x, dict):
        return RaggedType(read_type(x["ragged"]))
    dtype, shape, *weak = x
    if any(type(n) is not int or n < 0 for n in shape) or weak not in ([], ["weak"]):
        raise ValueError(f"{x} is no type")
    return ArrayType(tuple(shape), _dtype(dtype), bool(weak))


def write(program: Program, depth: int = 0) -> dict[str, Any]:
    """A program as JSON. Errors: ExportError for a parameter that only this process has."""
    numbers: dict[Var, int] = {}

    def define(v: Var) -> Any:
        numbers[v] = len(numbers)
        return write_type(v.type)

    def atom(a: Any) -> Any:
        if type(a) is not Literal:
            return numbers[a]
        value = np.asarray(a.value)
        out: dict[str, Any] = {"literal": [dtype_name(value.dtype), _hex(value)]}
        return out | ({"weak": True} if a.type.weak else {})

    inputs = [define(v) for v in program.inputs]
    equations = []
    for eq in program.equations:
        params = {}
        for k, v in eq.params.items():
            try:
                params[k] = _write_param(v, depth)
            except TypeError as e:
                raise ExportError(
                    f"the op {eq.op.name!r} cannot be saved: its parameter {k!r} is {e}, which "
                    f"only this process has\nAt {describe(eq.site)}"
                ) from None
        ins = [atom(a) for a in eq.inputs]
        equations.append([eq.op.name, ins, [define(v) for v in eq.outputs], params])
    outputs = [atom(a) for a in program.outputs]
    return {"inputs": inputs, "equations": equations, "outputs": outputs, "name": program.name}


def _hex(a: np.ndarray) -> str:
    return np.ascontiguousarray(a, a.dtype.newbyteorder("<") if a.dtype.kind != "V" else None
                                ).tobytes().hex()  # fmt: skip


def _write_param(v: Any, depth: int) -> Any:
    if v is None or type(v) in (bool, int, str):
        return v
    if type(v) is float:
        return {"float": v.hex()}
    if type(v) is complex:
        return {"complex": [v.real.hex(), v.imag.hex()]}
    if isinstance(v, Program):
        return {"program": write(v, depth)}
    if isinstance(v, tuple | list):
        return {"tuple": [_write_param(x, depth) for x in v]}
    if isinstance(v, dict) and all(isinstance(k, str) for k in v):
        return {"dict": {k: _write_param(x, depth) for k, x in v.items()}}
    if isinstance(v, np.dtype) or (isinstance(v, type) and issubclass(v, np.generic)):
        return {"dtype": dtype_name(np.dtype(v))}
    if isinstance(v, ArrayType | RaggedType):
        return {"type": write_type(v)}
    if isinstance(v, np.ndarray | np.generic) and np.asarray(v).dtype.kind in "biufc":
        a = np.asarray(v)
        return {"array": [dtype_name(a.dtype), list(a.shape), _hex(a)]}
    if isinstance(v, Rule):
        return {"rule": _write_param(v.force(), depth + 1) if depth < ORDERS else None}
    if isinstance(v, Passes):
        return {"passes": [_write_param(p, depth) for p in (v.fwd, v.bwd, v.outputs)]}
    raise TypeError(f"a {type(v).__name__}")


def read(x: Any) -> Program:
    """A program from JSON. Errors: ValueError, KeyError or TypeError for what is none."""
    ops = all_ops()
    variables: list[Var] = []

    def define(t: Any) -> Var:
        variables.append(Var(read_type(t)))
        return variables[-1]

    def atom(a: Any) -> Any:
        if type(a) is int:
            if not 0 <= a < len(variables):
                raise ValueError(f"there is no variable {a}")
            return variables[a]
        dtype, text = a["literal"]
        value = _array(dtype, [], text)[()]
        return Literal(value, ArrayType((), value.dtype, bool(a.get("weak", False))))

    inputs = [define(t) for t in x["inputs"]]
    equations = []
    for name, ins, outs, params in x["equations"]:
        if name not in ops:
            raise ExportError(f"the program uses the op {name!r}, which this bibun does not have")
        atoms = [atom(a) for a in ins]
        given = {k: _read_param(v) for k, v in params.items()}
        equations.append(Equation(ops[name], atoms, [define(t) for t in outs], given))
    if not isinstance(x["name"], str):
        raise ValueError("a name that is no text")
    return Program(inputs, equations, [atom(a) for a in x["outputs"]], x["name"])


def _array(dtype: str, shape: list[int], text: str) -> np.ndarray:
    t = _dtype(dtype)
    raw = bytes.fromhex(text)
    a = np.frombuffer(raw, t if t.kind == "V" else t.newbyteorder("<"))
    return a.astype(t, copy=False).reshape(shape)


def _read_passes(x: Any) -> Passes:
    fwd, bwd, outputs = map(_read_param, x)
    return Passes(fwd, bwd, outputs)


def _absent() -> Any:
    raise ExportError(
        f"a custom function is differentiated inside its own rule more than {ORDERS} times; that "
        "far its rule was saved"
    )


def _read_rule(x: Any) -> Rule:
    if x is None:
        return Rule(_absent)
    made = _read_param(x)
    return Rule(lambda: made, made)


_READ = {
    "float": float.fromhex,
    "complex": lambda x: complex(*map(float.fromhex, x)),
    "program": read,
    "tuple": lambda x: tuple(map(_read_param, x)),
    "dict": lambda x: {k: _read_param(v) for k, v in x.items()},
    "dtype": _dtype,
    "type": read_type,
    "array": lambda x: _array(*x),
    "rule": _read_rule,
    "passes": _read_passes,
}


def _read_param(x: Any) -> Any:
    if not isinstance(x, dict):
        if x is None or type(x) in (bool, int, str):
            return x
        raise ValueError(f"a parameter {x!r}")
    ((kind, value),) = x.items()
    return _READ[kind](value)
