"""`jit`: a Python function as one native function.

A call flattens its arguments, looks up what was compiled for their structure, shapes and
dtypes, and runs it. On a miss the function is traced to a program and the program compiled.
Under another transformation (`grad(jit(f))`, `jit` inside `jit`) the traced program is bound
as one `call` equation, which every transformation knows how to take apart.

Captured arrays are inputs held by identity, never baked in. What a traced method read of
its `self` is a guard: if an attribute has changed, the function is traced again.
"""

from __future__ import annotations

import functools
import inspect
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bibun import tree
from bibun.array import Array
from bibun.compiler.guards import Guards, is_state, owners, watching
from bibun.config import DISABLE_JIT, config
from bibun.dtypes import scalar_dtype
from bibun.ir.program import Closed
from bibun.ir.types import RaggedType
from bibun.runtime.call import call_limits
from bibun.runtime.entry import entry_is_due
from bibun.runtime.plan import NoPlan, argument_steps, result_steps
from bibun.trace.core import EVAL, Tracer, as_value, leaked, settled, state, type_of
from bibun.trace.stage import stage

_SCALARS = (float, int, bool, complex)
_LEAVES = frozenset((Array, np.ndarray, *_SCALARS))
WARN_AFTER = 16  # compilations of one function before it is said that this may be a mistake


class Trace:
    """One traced version of a jitted function."""

    __slots__ = (
        "closed", "out_tree", "guards", "compiled", "call", "pool", "consts", "seconds", "why",
        "made_for", "rebuild", "calls",
    )  # fmt: skip

    def __init__(self, closed: Closed, out_tree: Any, guards: Guards, seconds: float) -> None:
        self.closed = closed
        self.out_tree = out_tree
        self.guards = guards
        self.compiled: Any = None
        self.call: Any = None
        self.pool: np.ndarray | None = None
        self.consts: list[np.ndarray] = []
        self.rebuild: Any = None
        self.seconds = seconds
        self.why = ""
        self.made_for: Any = None
        self.calls = 0  # that went the general way

    def compile(self) -> None:
        """Get native code, and a way to make the result from its outputs."""
        from bibun.compiler.pipeline import compile_program

        self.compiled = compile_program(self.closed.program)
        self.pool = self.compiled.pool
        for c in self.closed.consts:
            if isinstance(c, Tracer):  # kept from a transformation that is over
                raise leaked(c)
        self.consts = [as_value(c)._value for c in self.closed.consts]
        weak = [t.weak for t in self.closed.program.out_types]
        out_tree = self.out_tree
        if tree.treedef_is_leaf(out_tree):
            self.rebuild = lambda outs: Array(outs[0], weak[0])
        elif out_tree == tree.structure((0,) * len(weak)):
            self.rebuild = lambda outs: tuple(map(Array, outs, weak))
        else:
            self.rebuild = lambda outs: out_tree.unflatten(map(Array, outs, weak))
        self.call = self.compiled.call  # last: a trace with a call is ready for other threads

    def direct(self, args: tuple[Any, ...], settings: Any) -> Direct | None:
        """The native way for arguments like these, where there is one."""
        keep: list[Any] = []
        weak = [t.weak for t in self.closed.program.out_types]
        if any(isinstance(t, RaggedType) for t in self.closed.program.out_types):
            return None
        try:
            steps = argument_steps(args, self.closed.in_types, keep)
        except NoPlan:
            return None
        results = result_steps(tree.unflatten(self.out_tree, range(len(weak))), weak)
        rebuild = None
        if results is None:
            results = result_steps(list(range(len(weak))), weak)
            rebuild = self.out_tree.unflatten
        last = [] if self.pool is None else [self.pool]
        call = self.compiled.call
        entry = call.plan(steps, results, keep, self.consts, last)
        return entry and Direct(entry, settings, call.failed, call.limits, rebuild)


class Direct(NamedTuple):
    """How to run one trace from the arguments themselves: see `bibun.runtime.entry`."""

    entry: Any
    settings: Any  # the settings it is good for
    failed: Any
    limits: bool
    rebuild: Any  # from a list of results; None where the entry builds all


def quick_leaves(args: tuple[Any, ...]) -> tuple[list[Any], tuple[int, ...]] | None:
    """Leaves and structure of arguments that are arrays, numbers or tuples of these.

    Flattening these here takes a third of the time of the general way; None for others. The
    structure is a tuple of ints: 0 for a leaf, n + 1 for a tuple of n.
    """
    leaves: list[Any] = []
    structure = []
    for a in args:
        if type(a) in _LEAVES:
            leaves.append(a)
            structure.append(0)
        elif type(a) is tuple:
            for b in a:
                if type(b) not in _LEAVES:
                    return None
            leaves += a
            structure.append(len(a) + 1)
        else:
            return None
    return leaves, tuple(structure)


def exact(x: Any) -> Any:
    """What equals only what computes the same: 1, 1.0 and True are equal, and so are both zeros."""
    if type(x) is tuple:
        return (tuple, *map(exact, x))
    return type(x), repr(x) if type(x) in (float, complex) else x


class Jitted:
    """A function that `jit` returned."""

    def __init__(
        self,
        fun: Callable[..., Any],
        static_argnums: tuple[int, ...],
        static_argnames: tuple[str, ...],
    ) -> None:
        functools.update_wrapper(self, fun, updated=())
        self.__name__ = getattr(fun, "__name__", type(fun).__name__)
        self.fun = fun
        self.made_of: tuple[Any, ...] = (fun, static_argnums, static_argnames)
        self.owners = owners(fun)
        self.static_argnums = static_argnums
        self.static_argnames = frozenset(static_argnames)
        self.statics = bool(static_argnums or static_argnames)
        self.traces: dict[Any, list[Trace]] = {}
        self.history: list[Trace] = []
        self.direct: Direct | None = None  # for arguments like those of an earlier call

    def __reduce__(self) -> Any:
        """By its name where that finds it, as functions are pickled and copied; else anew."""
        path = getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(self.__module__)
        for name in path.split("."):
            found = getattr(found, name, None)
        return path if found is self else (type(self), self.made_of)

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        return self if obj is None else types.MethodType(self, obj)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        direct = self.direct
        if direct is not None and not kwargs and state.trace is EVAL:
            entry, settings, failed, limits, rebuild = direct
            if config.key is settings and not config.overrides:
                out = entry(args, *call_limits()) if limits else entry(args)
                if out is not None:
                    if type(out) is int:
                        failed(out)
                    return out if rebuild is None else rebuild(out)
        return self.general(args, kwargs)

    def general(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call with arguments of any kind."""
        settings = config.trace_key()
        if settings[DISABLE_JIT]:
            return self.fun(*args, **kwargs)
        quick = quick_leaves(args) if not kwargs and not self.statics else None
        if quick is not None:
            leaves, key = quick
            statics: Any = ()
        else:
            leaves, key, statics = self.split(args, kwargs)
        if state.trace is not EVAL:
            return self.bind(leaves, key, statics, args, kwargs)
        arrays = []
        signature: list[Any] = [key, settings]
        for x in leaves:
            if type(x) is Array:
                v = x._value
                signature += (v.shape, v.dtype, x._weak)
            elif type(x) in _SCALARS:
                v = np.asarray(x, scalar_dtype(x))
                signature.append(type(x))
            elif isinstance(x, Tracer):
                return self.bind(leaves, key, statics, args, kwargs)
            else:
                v = self.checked(as_value, x)._value
                signature += (v.shape, v.dtype, False)
            arrays.append(v)
        full = tuple(signature)
        found = self.traces.get(full)
        if found is not None and not found[0].guards.reads:
            trace = found[0]
        else:
            trace = self.find(full, statics) or self.trace_for(
                full, [type_of(x) for x in leaves], args, kwargs, statics
            )
        if trace.call is None:
            trace.compile()
        if trace.consts:
            arrays = trace.consts + arrays
        if trace.pool is not None:
            arrays.append(trace.pool)
        out = trace.rebuild(trace.call(arrays))
        trace.calls += 1
        # more than once: arguments may change from call to call
        due = entry_is_due(trace.calls)
        if due and not kwargs and not self.statics and not trace.guards.reads:
            self.direct = trace.direct(args, settings)
        return out

    # tracing ----------------------------------------------------------------------------------

    def split(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Any, Any]:
        """Leaves of the dynamic arguments; a key of all else; the static arguments."""
        if not self.statics:
            leaves, structure = tree.flatten((args, kwargs))
            return leaves, structure, ()
        n = len(args)
        positions = {k + n if k < 0 else k for k in self.static_argnums}
        dynamic = tuple(None if k in positions else a for k, a in enumerate(args))
        named = {k: v for k, v in kwargs.items() if k not in self.static_argnames}
        static = tuple((k, args[k]) for k in sorted(positions) if k < n) + tuple(
            (k, kwargs[k]) for k in sorted(kwargs) if k in self.static_argnames
        )
        for k, v in static:
            try:
                hash(v)
            except TypeError:
                raise TypeError(
                    f"static argument {k!r} of {self.__name__} must be hashable, got "
                    f"{type(v).__name__}: {str(v)[:80]}. Pass arrays as ordinary arguments, and "
                    "lists as tuples; a dataclass is hashable with eq=False or frozen=True."
                ) from None
        leaves, structure = tree.flatten((dynamic, named))
        return leaves, (structure, tuple((k, exact(v)) for k, v in static)), static

    def find(self, key: Any, statics: Any) -> Trace | None:
        """The trace for a key whose guards hold."""
        for trace in self.traces.get(key, ()):
            if not trace.guards.reads or trace.guards.hold(self.watched(statics)):
                return trace
        return None

    def watched(self, statics: Any) -> list[Any]:
        """Objects whose attributes a trace may depend on: `self` of a method, static arguments."""
        return [*(v for _, v in statics), *self.owners]

    def trace_for(
        self,
        key: Any,
        in_types: Sequence[Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        statics: Any,
    ) -> Trace:
        begin = time.perf_counter()
        structure = self.structure(args, kwargs)
        out_tree: Any = None

        def flat(*tracers: Any) -> list[Any]:
            nonlocal out_tree
            new_args, new_kwargs = self._rebuild(structure, tracers, statics)
            out = self.fun(*new_args, **new_kwargs)
            outs, out_tree = tree.flatten(out)
            for o in outs:
                check_output(o, self.__name__)
            return outs

        with watching(self.watched(statics)) as guards:
            closed = stage(flat, in_types, self.__name__)
        closed = Closed(closed.program, [settled(c) for c in closed.consts])
        trace = Trace(closed, out_tree, guards, time.perf_counter() - begin)
        trace.made_for = (structure, statics)
        trace.why = self._why(in_types, structure, statics)
        if not any(isinstance(c, Tracer) for c in closed.consts):
            self.traces.setdefault(key, []).append(trace)
            self.history.append(trace)
            if len(self.history) == WARN_AFTER:
                warnings.warn(
                    f"{self.__name__} has been traced {WARN_AFTER} times, each for other "
                    "shapes, dtypes or static values; f.explain() tells which. Make what "
                    "changes an ordinary array argument if you can.",
                    stacklevel=4,
                )
        return trace

    def structure(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The structure of the dynamic arguments."""
        _, key, _ = self.split(args, kwargs)
        return key[0] if self.statics else key

    def _rebuild(
        self, structure: Any, tracers: Sequence[Any], statics: Any
    ) -> tuple[list[Any], dict[str, Any]]:
        new_args, new_kwargs = tree.unflatten(structure, tracers)
        new_args = list(new_args)
        for k, v in statics:
            if isinstance(k, int):
                new_args[k] = v
            else:
                new_kwargs[k] = v
        return new_args, new_kwargs

    def _why(self, in_types: Sequence[Any], structure: Any, statics: Any) -> str:
        """What is new, against the latest trace."""
        if not self.history:
            return "first call"
        last = self.history[-1]
        if last.made_for[0] != structure:
            return "the structure of the arguments changed"
        if last.made_for[1] != statics:
            return "a static argument changed"
        for k, (a, b) in enumerate(zip(last.closed.in_types, in_types, strict=True)):
            if a != b:
                return f"leaf {k}: {a} became {b}"
        name = last.guards.changed(self.watched(statics))
        return f"the attribute {name} changed" if name else "a setting changed"

    def bind(
        self, leaves: list[Any], key: Any, statics: Any, args: tuple[Any, ...], kwargs: dict
    ) -> Any:
        """Under another transformation: the whole function as one equation."""
        from bibun.ops.control.call import call

        trace = self.trace_of(leaves, key, statics, args, kwargs)
        if trace.guards.reads:
            trace.guards.pass_on(self.watched(statics))
        outs = call(
            *trace.closed.consts, *leaves, program=trace.closed.program, name=self.__name__
        )
        return tree.unflatten(trace.out_tree, outs)

    def checked(self, convert: Callable[[Any], Any], x: Any) -> Any:
        """`convert(x)` of a leaf. Errors: TypeError that tells what the function may be given."""
        try:
            return convert(x)
        except TypeError as error:
            raise TypeError(
                f"{self.__name__}: an argument that jit cannot trace: {error}. What is no array, "
                "number or pytree of these must be static (static_argnums; 0 for the self of a "
                "method) or have its class registered with bibun.tree"
            ) from None

    # looking inside --------------------------------------------------------------------------

    def trace_of(
        self, leaves: Sequence[Any], key: Any, statics: Any, args: Any, kwargs: Any
    ) -> Trace:
        """The trace for leaves of any kind, made if need be."""
        in_types = [self.checked(type_of, x) for x in leaves]
        full = (key, config.trace_key(), *in_types)
        return self.find(full, statics) or self.trace_for(full, in_types, args, kwargs, statics)

    def trace(self, *args: Any, **kwargs: Any) -> Trace:
        """Trace for these arguments (or find the trace made before)."""
        leaves, key, statics = self.split(args, kwargs)
        return self.trace_of(leaves, key, statics, args, kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The stages of compilation for these arguments, to read: `.as_text()`, `.compile()`.

        >>> import bibun, bibun.numpy as bnp
        >>> text = bibun.jit(lambda x: bnp.sin(x) * 2).lower(bnp.ones(3)).as_text()
        >>> "sin" in text and "define" in text
        True
        """
        from bibun.compiler.explain import Lowered

        return Lowered(self.trace(*args, **kwargs).closed.program)

    def explain(self) -> str:
        """What was traced and compiled, why, and what it cost.

        >>> import bibun
        >>> f = bibun.jit(lambda x: x + 1)
        >>> _ = f(1.0); _ = f(2)
        >>> print(f.explain().splitlines()[0])
        <lambda>: 2 traces
        """
        from bibun.compiler.explain import explain

        return explain(self)

    def clear_cache(self) -> None:
        """Forget all traces of this function."""
        self.traces.clear()
        self.history.clear()
        self.direct = None

    def eval_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Shapes and dtypes of the result, without computing it; as `bibun.eval_shape`."""
        from bibun.transforms import eval_shape

        return eval_shape(self, *args, **kwargs)


def check_output(x: Any, name: str) -> None:
    try:
        type_of(x)
    except TypeError as e:
        raise TypeError(
            f"{name} returned a leaf that is no array: {type(x).__name__} {str(x)[:60]!r}. A "
            "jitted function returns arrays and numbers in pytrees."
        ) from e


def check_statics(
    signature: inspect.Signature, nums: tuple[Any, ...], names: tuple[Any, ...]
) -> None:
    """Errors: ValueError for static arguments that the function does not have."""
    kinds = [p.kind for p in signature.parameters.values()]
    count = sum(k in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
                for k in kinds)  # fmt: skip
    wrong: list[Any] = []
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        wrong += [k for k in nums if not -count <= k < count]
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        wrong += [n for n in names if n not in signature.parameters]
    if wrong:
        raise ValueError(
            f"jit: static arguments {', '.join(map(repr, wrong))} are none of the function's, "
            f"whose arguments are {signature}"
        )


def _tuple(x: int | str | Iterable[Any] | None) -> tuple[Any, ...]:
    if x is None:
        return ()
    return (x,) if isinstance(x, int | str) else tuple(x)


def jit(
    fun: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Iterable[int] | None = None,
    static_argnames: str | Iterable[str] | None = None,
    donate_argnums: Any = None,
    donate_argnames: Any = None,
    keep_unused: bool = False,
    inline: bool = False,
) -> Any:
    """Compile a function whole to native code, on its first call for each kind of argument.

    Arguments and results are pytrees of arrays. `static_argnums`, `static_argnames`: hashable
    arguments that the function may branch on; a new value is a new compilation. Attributes
    that a method reads of `self` are watched, and a change traces again; the `self` of a method of
    a `bibun.nn.Module` is an argument. `donate_*`, `keep_unused` and `inline` are accepted for
    compatibility; they change nothing here.

    Errors: TypeError for an unhashable static argument or a result that is no array; TracerError
    where a method of a module changes its module (`bibun.nn.jit` brings such changes out).

    >>> import bibun, bibun.numpy as bnp
    >>> @bibun.jit
    ... def norm(x):
    ...     return bnp.sqrt(bnp.sum(x * x))
    >>> float(norm(bnp.array([3.0, 4.0])))
    5.0
    """
    if fun is None:
        return functools.partial(
            jit, static_argnums=static_argnums, static_argnames=static_argnames
        )
    if not callable(fun):
        raise TypeError(f"jit expects a function, got {type(fun).__name__}")
    if isinstance(fun, Jitted) and static_argnums is None and static_argnames is None:
        return fun
    nums, names = _tuple(static_argnums), _tuple(static_argnames)
    try:
        signature = inspect.signature(fun)
    except (TypeError, ValueError):
        signature = inspect.Signature()
    else:
        check_statics(signature, nums, names)
    parameters = list(signature.parameters)
    names = (*names, *(parameters[k] for k in nums if -len(parameters) <= k < len(parameters)))
    extra = tuple(parameters.index(n) for n in _tuple(static_argnames) if n in parameters)
    if is_state(getattr(fun, "__self__", fun)):
        from bibun.compiler.methods import OwnedMethod

        return OwnedMethod(fun, (*nums, *extra), names)
    return Jitted(fun, (*nums, *extra), names)


