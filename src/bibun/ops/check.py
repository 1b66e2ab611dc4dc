"""Checks: conditions that end the computation with an error the user can act on.

A check is an effect. It has no output, is never dropped or moved past its guard, and where
a branch or loop was turned into masks it takes the mask as its last operand, `active`
(`has_active=True`; see `masked`): what no active lane does is not checked. Eager code
raises at once. Compiled code records which equation failed and with what numbers, leaves
the call, and `raise_failure` makes the same exception from that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from bibun.errors import (
    DTypeError,
    IndexOutOfBoundsError,
    NonFiniteError,
    NotPositiveDefiniteError,
    ShapeError,
)
from bibun.ir.types import ArrayType
from bibun.ops.families.elementwise import align_batch, broadcast_shapes
from bibun.ops.families.shape import INT64, clear_errors, numpy_of
from bibun.ops.op import EFFECT, Op, Sample
from bibun.ops.registry import register
from bibun.trace.sites import current_site, describe

# What `error=` of a check may name.
ERRORS: dict[str, type[Exception]] = {
    "index": IndexOutOfBoundsError,
    "value": ValueError,
    "shape": ShapeError,
    "nonfinite": NonFiniteError,
    "not_positive_definite": NotPositiveDefiniteError,
    "zero_division": ZeroDivisionError,
    "arithmetic": ArithmeticError,
    "assertion": AssertionError,
    "runtime": RuntimeError,
}
MAX_PAYLOAD = 8  # numbers that compiled code can hand to the message


def message_of(op: Op, params: dict[str, Any], payload: Sequence[Any]) -> str:
    """What a failed check says, without the place."""
    if op is check_index:
        return (
            f"{params['what']} {payload[0]} is out of bounds for axis {params['axis']} "
            f"with size {params['size']}"
        )
    if "message" in params:
        return params["message"].format(*payload)
    shown = ", ".join(map(str, payload))
    return f"{op.name} failed" + (f" with {shown}" if shown else "")


def raise_failure(
    op: Op, params: dict[str, Any], payload: Sequence[Any], site: int
) -> NoReturn:
    """Raise the exception of a check that failed with these numbers at this site."""
    error = ERRORS[params.get("error", "index" if op is check_index else "runtime")]
    raise error(f"{message_of(op, params, payload)}\nAt {describe(site)}")


def masked(op: Op, args: Sequence[Any], params: dict[str, Any], mask: Any) -> tuple[Any, Any]:
    """(args, params) of the same check, made only where `mask` holds."""
    if not params.get("has_active"):
        return (*args, mask), {**params, "has_active": True}
    from bibun.ops.elementwise import and_

    return (*args[:-1], and_(args[-1], mask)), params


# what both checks do -----------------------------------------------------------------------------


def _check_op(
    name: str,
    *,
    type_rule: Callable[..., Any],
    bad: Callable[..., Any],
    bad_lowered: Callable[..., Any],
    payload_from: int,
    samples: Callable[[], list[Sample]],
    doc: str,
) -> Op:
    """A check of its first operand: `bad(x, **params)` in NumPy, `bad_lowered(b, x, **params)`.

    The operands from `payload_from` on are the numbers for the message.
    """

    def split(args: Sequence[Any], params: dict[str, Any]) -> tuple[list[Any], Any]:
        if params.get("has_active"):
            return list(args[:-1]), args[-1]
        return list(args), None

    def typed(*types: ArrayType, **params: Any) -> list[ArrayType]:
        operands, active = split(types, params)
        if active is not None and active.dtype.kind != "b":
            raise DTypeError(f"{name}: `active` must be boolean, got {active}")
        if len(operands) - payload_from > MAX_PAYLOAD:
            raise ShapeError(f"{name}: at most {MAX_PAYLOAD} numbers can be reported")
        broadcast_shapes(name, *(t.shape for t in types))
        type_rule(*operands, **params)
        return []

    def eval(*args: Any, **params: Any) -> list[Any]:
        arrays, active = split([numpy_of(a) for a in args], params)
        failing = bad(arrays[0], **params)
        if active is not None:
            failing = failing & active
        if np.any(failing):
            everything = np.broadcast_arrays(failing, *arrays[payload_from:])
            where = int(np.argmax(everything[0]))
            shown = [a.reshape(-1)[where].item() for a in everything[1:]]
            raise_failure(op, params, shown, current_site())
        return []

    def batch(lanes: int, args: Any, dims: Any, /, **params: Any) -> Any:
        aligned, _ = align_batch(args, dims)
        op(*aligned, **params)
        return [], []

    def lower(b: Any, ins: Any, outs: Any, **params: Any) -> None:
        shape = broadcast_shapes(name, *(s.shape for s in ins))

        def element(idx: list[Any]) -> None:
            def read(source: Any) -> Any:
                skip = len(shape) - len(source.shape)
                return source.read(
                    [b.const(0, INT64) if n == 1 else i
                     for n, i in zip(source.shape, idx[skip:], strict=True)]
                )  # fmt: skip

            operands, active = split([read(s) for s in ins], params)
            failing = bad_lowered(b, operands[0], **params)
            if active is not None:
                failing = b.bit_and(failing, active)
            b.fail(failing, *operands[payload_from:])

        if 0 not in shape:
            b.nest(shape, element)

    op = Op(
        name,
        EFFECT,
        type_rule=typed,
        eval=clear_errors(typed, eval),
        batch=batch,
        lower=lower,
        multiple_results=True,
        has_effects=True,
        samples=samples,
        doc=doc,
    )
    return register(op)


# check_index -------------------------------------------------------------------------------------


def _index_type(i: ArrayType, *, axis: int, size: int, what: str, wraps: bool = False,
                has_active: bool = False) -> None:  # fmt: skip
    if i.dtype.kind not in "iu":
        raise DTypeError(f"check_index: an index must be an integer, got {i}")


def _index_bad(i: np.ndarray, size: int, wraps: bool = False, **params: Any) -> Any:
    return (i < (-size if wraps and i.dtype.kind == "i" else 0)) | (i >= size)


def _index_bad_lowered(b: Any, i: Any, size: int, wraps: bool = False, **params: Any) -> Any:
    unsigned = i.dtype.kind == "u"
    i = b.convert(i, INT64)
    low = b.const(-size if wraps and not unsigned else 0, INT64)
    return b.bit_or(b.compare("lt", i, low), b.compare("ge", i, b.const(size, INT64)))


check_index = _check_op(
    "check_index",
    type_rule=_index_type,
    bad=_index_bad,
    bad_lowered=_index_bad_lowered,
    payload_from=0,
    samples=lambda: [
        Sample(np.int64(2), axis=0, size=3, what="index"),
        Sample(np.array([[0, 4], [3, 1]], np.int32), axis=1, size=5, what="index"),
        Sample(np.array([-3, 2]), axis=0, size=3, what="index", wraps=True),
        Sample(np.array([7, 1], np.uint8), np.array([False, False]), axis=0, size=3, what="index",
               has_active=True),
        Sample(np.zeros((0, 2), np.int64), axis=0, size=0, what="index"),
    ],
    doc="`check_index(i, axis, size, what, wraps=False)`: IndexOutOfBoundsError unless all "
    "0 <= i < size (-size <= i where `wraps`); names the first offending index, axis, size.",
)  # fmt: skip


# check_true --------------------------------------------------------------------------------------


def _true_type(pred: ArrayType, *payload: ArrayType, error: str, message: str,
               has_active: bool = False) -> None:  # fmt: skip
    if pred.dtype.kind != "b":
        raise DTypeError(f"check_true: the predicate must be boolean, got {pred}")
    if error not in ERRORS:
        raise ValueError(f"check_true: error must be one of {', '.join(ERRORS)}, got {error!r}")


check_true = _check_op(
    "check_true",
    type_rule=_true_type,
    bad=lambda pred, **params: ~pred,
    bad_lowered=lambda b, pred, **params: b.bit_not(pred),
    payload_from=1,
    samples=lambda: [
        Sample(np.True_, error="value", message="never"),
        Sample(np.array([True, True]), np.array([1.0, 2.0]), np.int64(3), error="value",
               message="{} against {}"),
        Sample(np.array([[False], [True]]), np.array([0.5, 1.5]), np.array([[False], [False]]),
               error="assertion", message="{}", has_active=True),
    ],
    doc="`check_true(pred, *payload, error, message)`: the exception named by `error` unless "
    "all of pred holds; `message` is formatted with the payload where it first fails.",
)  # fmt: skip
