"""All ops by name. A missing rule fails here, at import, with the op's name."""

from __future__ import annotations

from bibun.ops.op import CALL, CONTROL, EFFECT, ELEMENTWISE, INDEX_MAP, LIBRARY, REDUCTION, Op

_KINDS = {ELEMENTWISE, INDEX_MAP, REDUCTION, LIBRARY, CONTROL, CALL, EFFECT}
_ops: dict[str, Op] = {}


def register(op: Op) -> Op:
    """Enter an op. Errors: TypeError for a missing rule, ValueError for a name taken."""
    if op.kind not in _KINDS:
        raise TypeError(f"op {op.name!r}: unknown kind {op.kind!r}")
    for rule in ("type_rule", "eval", "batch", "samples"):
        if not callable(getattr(op, rule)):
            raise TypeError(f"op {op.name!r} has no {rule} rule")
    if op.lower is None and op.kind != CALL:
        raise TypeError(f"op {op.name!r} has no lower rule")
    if op.kind == CONTROL and op.linearize is None and op.jvp is not None:
        raise TypeError(f"op {op.name!r} runs sub-programs and has no linearize rule")
    if not op.doc.strip():
        raise TypeError(f"op {op.name!r} has no documentation")
    if op.name in _ops:
        raise ValueError(f"op {op.name!r} is registered twice")
    _ops[op.name] = op
    return op


def get(name: str) -> Op:
    return _ops[name]


def all_ops() -> dict[str, Op]:
    """Every registered op, by name."""
    import bibun.ops  # noqa: F401  (its import registers the rooms)

    return dict(_ops)
