"""The record of an operation: everything bibun knows about it, in one place.

A room (a module of `bibun.ops`) makes one `Op`, or a small family of them, and registers
it. Transformations and compiler read the record and never ask for an op by name.

The rules, with the conventions they all share. `args` are values of the current trace
(arrays, tracers, Python scalars); operands of one op have equal dtypes unless it says
otherwise; a Python scalar takes the dtype of the arrays beside it.

- `type_rule(*types, **params)` -> type (a list for `multiple_results`). Raises ShapeError
  or DTypeError with what was given and what was expected.
- `eval(*arrays, **params)` -> NumPy result(s). May return views; must not write.
- `jvp(primals, tangents, **params)` -> (primal_out, tangent_out). A tangent that is zero
  is None, on the way in (not all are None) and out. Written with ops. Products with what
  depends on primals alone are `absorb_mul(tangent, factor)`. The rule runs in linearize
  with tangents staged and the rest computed, so an op call must not mix nonlinear work on
  primals with tangents. `jvp=None`: the op has no derivative (integers, comparisons): its
  outputs' tangents are None.
- `transpose(cts, *args, **params)` -> a sequence with the cotangent of each arg, None for
  those that are not linear or get nothing. Linear args arrive as `Linear(type)`. `cts` is
  one value, or a list with None for zeros for `multiple_results`.
- `batch(size, args, dims, **params)` -> (out, dim) or (outs, dims). `dims[i]` is the mapped
  axis of arg i, None where unmapped; at least one is mapped.
- `lower`: see `bibun.ir.builder`; its signature depends on `kind`.
- `linearize(ctx, primals, nonzero, **params)` -> (primals_out, out_nonzero, linear_fn):
  only structured control and custom rules; `linear_fn(*tangents)` gets the tangents whose
  `nonzero` is true and returns those whose `out_nonzero` is true.

Structured ops (`structured=True`) take a context first in eval, jvp, transpose, batch and
linearize: `rule(ctx, ...)`; see `bibun.transforms.context`. Their eval is
`eval(ctx, args, **params)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun.ir.types import Type
from bibun.trace.core import state

# Kinds: how the compiler treats an op. See `bibun.ir.builder` for each kind's `lower`.
ELEMENTWISE = "elementwise"  # one output element from the input elements at that index
INDEX_MAP = "index map"  # one output element from input elements at computed indices
REDUCTION = "reduction"  # an associative combination along axes
LIBRARY = "library"  # whole arrays in memory: loops of its own, BLAS, LAPACK, sorting
CONTROL = "control"  # runs sub-programs: loops and branches
CALL = "call"  # one sub-program, run as it stands: inlined before compiling
EFFECT = "effect"  # checks, prints, callbacks: never dropped, duplicated or reordered


class Linear:
    """Stands for a linear argument in a transpose rule: only its type is known."""

    __slots__ = ("type",)

    def __init__(self, type: Type) -> None:
        self.type = type

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape  # type: ignore[union-attr]

    @property
    def dtype(self) -> Any:
        return self.type.dtype  # type: ignore[union-attr]

    def __repr__(self) -> str:
        return f"Linear({self.type})"


def is_linear(x: Any) -> bool:
    return type(x) is Linear


class Sample:
    """Inputs on which the contract test checks an op.

    `args` are NumPy arrays or Python scalars; `diff` the indices of the arguments to
    differentiate (default: all floating and complex ones); `smooth=False` leaves finite
    differences out (a kink is near).
    """

    __slots__ = ("args", "params", "diff", "smooth")

    def __init__(
        self, *args: Any, diff: Sequence[int] | None = None, smooth: bool = True, **params: Any
    ) -> None:
        self.args = args
        self.params = params
        self.diff = diff
        self.smooth = smooth


class Op:
    """An operation. Calling it binds it in the current trace."""

    __slots__ = (
        "name", "kind", "type_rule", "eval", "jvp", "transpose", "batch", "lower", "linearize",
        "stage", "multiple_results", "structured", "has_effects", "linear", "commutative",
        "identity", "absorbing", "cost", "alias", "lazy_inputs", "reinterpret", "branches",
        "simplify", "rewrite", "separate", "samples", "doc",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: str,
        *,
        type_rule: Callable[..., Any],
        eval: Callable[..., Any],
        batch: Callable[..., Any],
        lower: Callable[..., Any] | None,
        jvp: Callable[..., Any] | None = None,
        transpose: Callable[..., Any] | None = None,
        linearize: Callable[..., Any] | None = None,
        stage: Callable[..., Any] | None = None,
        multiple_results: bool = False,
        structured: bool = False,
        has_effects: bool = False,
        commutative: bool = False,
        identity: tuple[Any, Any] = (None, None),
        absorbing: Any = None,
        cost: float = 1.0,
        alias: int | None = None,
        lazy_inputs: bool = False,
        reinterpret: bool = False,
        branches: bool = False,
        simplify: Callable[..., Any] | None = None,
        rewrite: Callable[..., Any] | None = None,
        separate: Callable[..., Any] | None = None,
        samples: Callable[[], list[Sample]] | None = None,
        doc: str = "",
    ) -> None:
        self.name = name
        self.kind = kind
        self.type_rule = type_rule
        self.eval = eval
        self.jvp = jvp
        self.transpose = transpose
        self.batch = batch
        self.lower = lower
        self.linearize = linearize
        self.stage = stage  # StageTrace calls it first: (trace, args, params) -> new ones
        self.multiple_results = multiple_results
        self.structured = structured
        self.has_effects = has_effects
        self.linear = transpose is not None
        self.commutative = commutative
        self.identity = identity  # (left, right): a literal operand equal to it vanishes
        self.absorbing = absorbing
        self.cost = cost  # of one element, in additions
        self.alias = alias  # the input whose dead buffer the output may take over
        self.lazy_inputs = lazy_inputs  # LIBRARY: reads inputs through `read` only
        self.reinterpret = reinterpret  # same elements in the same order: may share memory
        self.branches = branches  # its native form branches on data, unpredictably
        self.simplify = simplify  # (eq) -> atom that equals its output, or None
        self.rewrite = rewrite  # (ctx, eq, producer) -> equal equations, or None; until None
        self.separate = separate  # (flags of inputs, **params): `ops/families/separate.py`
        self.samples = samples
        self.doc = doc or (type_rule.__doc__ or "")

    def __call__(self, *args: Any, **params: Any) -> Any:
        return state.trace.process(self, args, params)

    def __repr__(self) -> str:
        return f"<op {self.name}>"
