"""Transformations of functions of modules: `nn.jit`, `nn.grad`, `nn.vmap`, `nn.scan`, `nn.remat`.

Each is bibun's own transformation of the pure function that `calls.py` makes; what is here is
which values it acts on. Changes that the function makes to its arguments come out: a running
statistic, a counter of random keys, a Variable noted with `sow`, a layer put in the place of
another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import bibun
from bibun import lax, tree
from bibun import numpy as bnp
from bibun.nn.calls import _LEAVES, CallData, CallPlan, Inside, Static, count, run, unbound
from bibun.nn.filters import predicate
from bibun.nn.graph import Builder, is_node
from bibun.nn.state import State
from bibun.nn.variables import Param, make
from bibun.transforms import ShapeDtypeStruct


def _wraps(f: Callable[..., Any]) -> Any:
    return functools.wraps(f, updated=()) if hasattr(f, "__name__") else lambda g: g


class Jitted:
    """A function that `nn.jit` returned."""

    def __init__(self, f: Callable[..., Any], static: Any, names: Any) -> None:
        self.fun, self.owner = unbound(f)
        functools.update_wrapper(self, self.fun, updated=())
        self.static = static
        self.names = names
        fun = self.fun

        def pure(data: CallData) -> Any:
            return run(fun, data)

        pure.__name__ = getattr(fun, "__name__", type(fun).__name__)
        if (bound := getattr(fun, "__self__", None)) is not None:
            pure.__self__ = bound  # type: ignore[attr-defined]  # its attributes are watched
        self.compiled = bibun.jit(pure)

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        return self if obj is None else functools.partial(self, obj)

    def _plan(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CallPlan:
        if self.owner:
            args = (*self.owner, *args)
        if self.static:
            places = {k + len(args) if k < 0 else k for k in self.static}
            args = tuple(Static(a) if k in places else a for k, a in enumerate(args))
        if self.names:
            kwargs = {k: Static(v) if k in self.names else v for k, v in kwargs.items()}
        return CallPlan(args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        plan = self._plan(args, kwargs)
        return plan.apply(self.compiled(CallData(plan.walked.desc, plan.values)))

    def explain(self) -> str:
        """What was traced and compiled, why, and what it cost."""
        return self.compiled.explain()

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The stages of compilation for these arguments, to read."""
        plan = self._plan(args, kwargs)
        return self.compiled.lower(CallData(plan.walked.desc, plan.values))


def _tuple(x: Any) -> tuple[Any, ...]:
    return () if x is None else (x,) if isinstance(x, int | str) else tuple(x)


def jit(
    f: Callable[..., Any] | None = None,
    *,
    static_argnums: Any = None,
    static_argnames: Any = None,
    donate_argnums: Any = None,
    donate_argnames: Any = None,
) -> Any:
    """Compile a function of modules and arrays; changes it makes to modules come out.

    Functions and strings among the arguments are static. A module, or a method of one, may be
    given itself. `donate_*` change nothing, as in `bibun.jit`. Errors: as `bibun.jit`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> norm = nn.BatchNorm(2, rngs=nn.Rngs(0))
    >>> y = nn.jit(norm)(bnp.array([[0.0, 1.0], [2.0, 3.0]]))
    >>> norm.mean.value
    Array([0.01, 0.02], dtype=float64)
    """
    if f is None:
        return functools.partial(jit, static_argnums=static_argnums,
                                 static_argnames=static_argnames)  # fmt: skip
    return Jitted(f, _tuple(static_argnums), frozenset(_tuple(static_argnames)))


def cached_partial(f: Callable[..., Any], *cached_args: Any) -> Callable[..., Any]:
    """f with its first arguments given, as `functools.partial`.

    In flax it also keeps what was found out about the modules among them; here that is kept with
    the modules themselves, by any `nn.jit`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> step = nn.cached_partial(nn.jit(lambda m, x: m(x)), nn.Linear(2, 1, rngs=nn.Rngs(0)))
    >>> step(bnp.ones((3, 2))).shape
    (3, 1)
    """
    return functools.partial(f, *cached_args)


# derivatives --------------------------------------------------------------------------------------


class DiffState:
    """Which argument to differentiate by, and which of its Variables: `DiffState(0, Param)`."""

    def __init__(self, argnum: int, filter: Any) -> None:
        self.argnum = argnum
        self.filter = filter


def value_and_grad(
    f: Callable[..., Any] | None = None,
    *,
    argnums: Any = 0,
    wrt: Any = Param,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Any:
    """The value of a function of modules and the gradient by the `Param`s of one or several.

    `argnums`: a number, a `DiffState` (which says which Variables), or a tuple of these; `wrt`:
    the filter where a number says none. A gradient by a module is a `State`, by arrays what it
    is in `bibun.grad`. `has_aux`: the function returns `(value, anything)`, and so does this.
    Errors: ValueError where no Variable is taken; as `bibun.grad`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> model = nn.Linear(2, 1, rngs=nn.Rngs(0))
    >>> loss, grads = nn.value_and_grad(lambda m, x: m(x).sum())(model, bnp.ones((3, 2)))
    >>> grads.bias.value, grads.kernel.value.shape
    (Array([3.], dtype=float64), (2, 1))
    """
    if f is None:
        return functools.partial(value_and_grad, argnums=argnums, wrt=wrt, has_aux=has_aux,
                                 holomorphic=holomorphic)  # fmt: skip
    fun, owner = unbound(f)
    single = not isinstance(argnums, tuple | list)
    wanted = [a if isinstance(a, DiffState) else DiffState(a, wrt)
              for a in ([argnums] if single else argnums)]  # fmt: skip

    @_wraps(f)
    def both(*args: Any, **kwargs: Any) -> Any:
        args = (*owner, *args)
        plan = CallPlan(args, kwargs)
        walked = plan.walked
        filters = {d.argnum % len(args): predicate(d.filter) for d in wanted}
        chosen = []
        for k, (holder, _) in enumerate(walked.slots):
            takes = filters.get(walked.owners[k])
            if takes is not None:
                kind = walked.kinds[k]
                box = plan.values[k] if kind is None else make(kind[0], kind[1], plan.values[k])
                if holder is _LEAVES or takes(walked.paths[k], box):
                    chosen.append(k)
        for n in filters:
            if n not in {walked.owners[k] for k in chosen}:
                raise ValueError(
                    f"argument {n} has nothing to differentiate by: no Variable that the filter "
                    "takes (Param, unless wrt or DiffState says another)"
                )

        def pure(given: list[Any]) -> Any:
            values = list(plan.values)
            for k, v in zip(chosen, given, strict=True):
                values[k] = v
            inside = Inside(walked.desc, values)
            out = fun(*inside.args, **inside.kwargs)
            value, aux = out if has_aux else (out, None)
            return value, inside.leave((value, aux))

        (value, outcome), grads = bibun.value_and_grad(pure, has_aux=True, holomorphic=holomorphic)(
            [plan.values[k] for k in chosen]
        )
        _, aux = plan.apply(outcome)
        by_slot = dict(zip(chosen, grads, strict=True))
        found = tuple(_gradient(plan, args, d.argnum % len(args), by_slot) for d in wanted)
        return ((value, aux) if has_aux else value), (found[0] if single else found)

    return both


def _gradient(plan: CallPlan, args: Any, argnum: int, by_slot: dict[int, Any]) -> Any:
    """The gradient by one argument: objects in it as States, arrays as they are."""
    walked = plan.walked
    slots = [k for k in range(len(walked.slots)) if walked.owners[k] == argnum]
    parts, structure = tree.flatten(args[argnum], is_leaf=is_node)
    # The slots of an argument are those of its parts, in order; an empty path begins a leaf.
    out: list[Any] = []
    rest = iter(slots)
    first = sum(tree.structure(a, is_leaf=is_node).num_leaves for a in args[:argnum])
    rows = walked.desc.desc[2][first:]
    for part, row in zip(parts, rows, strict=False):
        mine = [next(rest) for _ in range(count(row))]
        if not is_node(part):
            out.append(by_slot[mine[0]] if mine and mine[0] in by_slot else part)
            continue
        flat = {}
        for k in mine:
            if k in by_slot:
                kind = walked.kinds[k]
                g = by_slot[k]
                flat[walked.paths[k]] = g if kind is None else make(kind[0], kind[1], g)
        single = len(flat) == 1 and () in flat
        out.append(flat[()] if single else State.from_flat_path(flat))
    return structure.unflatten(out)


def grad(
    f: Callable[..., Any] | None = None,
    *,
    argnums: Any = 0,
    wrt: Any = Param,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Any:
    """The gradient of a function of modules; with `has_aux`, `(gradient, anything)`.

    Arguments as for `value_and_grad`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> model = nn.Linear(2, 1, rngs=nn.Rngs(0))
    >>> nn.grad(lambda m, x: m(x).sum())(model, bnp.ones((3, 2))).bias.value
    Array([3.], dtype=float64)
    """
    if f is None:
        return functools.partial(grad, argnums=argnums, wrt=wrt, has_aux=has_aux,
                                 holomorphic=holomorphic)  # fmt: skip
    both = value_and_grad(f, argnums=argnums, wrt=wrt, has_aux=has_aux, holomorphic=holomorphic)

    @_wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return gradient


def remat(f: Callable[..., Any] | None = None, *, policy: Any = None) -> Any:
    """`bibun.checkpoint` of a function of modules: recompute in the backward pass, keep less.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> layer = nn.Linear(2, 2, rngs=nn.Rngs(0))
    >>> nn.remat(lambda m, x: nn.tanh(m(x)))(layer, bnp.zeros(2))
    Array([0., 0.], dtype=float64)
    """
    if f is None:
        return functools.partial(remat, policy=policy)
    fun, owner = unbound(f)

    @_wraps(f)
    def lifted(*args: Any, **kwargs: Any) -> Any:
        plan = CallPlan((*owner, *args), kwargs)
        pure = bibun.checkpoint(functools.partial(run, fun), policy=policy)
        return plan.apply(pure(CallData(plan.walked.desc, plan.values)))

    return lifted


def eval_shape(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a function returns, with `ShapeDtypeStruct`s for arrays and nothing computed.

    >>> from bibun import nn
    >>> nn.eval_shape(lambda: nn.Linear(2, 3, rngs=nn.Rngs(0))).kernel.value
    ShapeDtypeStruct(shape=(2, 3), dtype=float64)
    """
    fun, owner = unbound(f)
    plan = CallPlan((*owner, *args), kwargs)
    outcome = bibun.eval_shape(functools.partial(run, fun), CallData(plan.walked.desc, plan.values))
    b = Builder(
        [tree.map(lambda x: ShapeDtypeStruct(bnp.shape(x), bnp.result_type(x)), v)
         for v in plan.values])  # fmt: skip
    b.build(plan.walked.desc.desc)
    plan.walked = _Copy(plan.walked, b)
    return plan.apply(outcome)


class _Copy:
    """The walk of a copy: its own objects and slots."""

    def __init__(self, walked: Any, b: Builder) -> None:
        self.desc, self.nodes, self.slots = walked.desc, b.nodes, b.slots


# mapped axes --------------------------------------------------------------------------------------


class Carry:
    """In `nn.scan`: the argument, and the part of the result, that is handed from step to step."""


class StateAxes(Mapping[Any, Any]):
    """Axes for parts of a module's state: `StateAxes({Param: 0, ...: None})`."""

    def __init__(self, axes: Mapping[Any, Any]) -> None:
        self.axes = dict(axes)

    def __getitem__(self, key: Any) -> Any:
        return self.axes[key]

    def __iter__(self) -> Any:
        return iter(self.axes)

    def __len__(self) -> int:
        return len(self.axes)

    def axis(self, path: Any, box: Any) -> Any:
        """The axis of a Variable. Errors: ValueError where no filter takes it."""
        for f, axis in self.axes.items():
            if predicate(f)(path, box):
                return axis
        raise ValueError(f"StateAxes: no filter takes {'.'.join(map(str, path))}; add ...: None")


def _axis_leaf(x: Any) -> bool:
    return x is None or x is Carry or isinstance(x, int | StateAxes)


def _slot_axes(plan: CallPlan, args: Sequence[Any], in_axes: Any, name: str) -> list[Any]:
    """The axis of each value of the arguments."""
    if _axis_leaf(in_axes):
        in_axes = (in_axes,) * len(args)
    if len(in_axes) != len(args):
        raise ValueError(f"{name}: in_axes has {len(in_axes)} entries for {len(args)} arguments")
    by_leaf: list[Any] = []
    for axes, arg in zip(in_axes, args, strict=True):
        by_leaf += _broadcast(axes, arg)
    rows = plan.walked.desc.desc[2]
    out: list[Any] = []
    for axes, row in zip([*by_leaf, *[0] * (len(rows) - len(by_leaf))], rows, strict=True):
        for _ in range(count(row)):
            k = len(out)
            if isinstance(axes, StateAxes):
                kind = plan.walked.kinds[k]
                value = plan.values[k]
                box = value if kind is None else make(kind[0], kind[1], value)
                out.append(axes.axis(plan.walked.paths[k], box))
            else:
                out.append(axes)
    return out


def _broadcast(axes: Any, x: Any) -> list[Any]:
    """The axis of each leaf (objects are leaves) of a tree, from a prefix of it."""
    if _axis_leaf(axes):
        return [axes] * tree.structure(x, is_leaf=is_node).num_leaves
    prefix, structure = tree.flatten(axes, is_leaf=_axis_leaf)
    return [a for p, sub in zip(prefix, structure.flatten_up_to(x), strict=True)
            for a in _broadcast(p, sub)]  # fmt: skip


def _one(x: Any, axis: Any) -> Any:
    """The type of one element along an axis, for every array of a tree."""

    def leaf(a: Any) -> Any:
        shape = list(bnp.shape(a))
        if axis is not None:
            del shape[axis]
        return ShapeDtypeStruct(tuple(shape), bnp.result_type(a))

    return tree.map(leaf, x)


def vmap(f: Callable[..., Any] | None = None, *, in_axes: Any = 0, out_axes: Any = 0,
         axis_size: int | None = None) -> Any:  # fmt: skip
    """Map a function of modules over an axis of their values; new values of theirs come out mapped.

    `in_axes`: an axis or None for each argument, or `StateAxes` for a module. A value that is not
    mapped must not change. `out_axes`: the axis of the results. Errors: ValueError for a change
    of a value that is not mapped; as `bibun.vmap`.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> layers = nn.vmap(lambda rngs: nn.Linear(2, 3, rngs=rngs))(nn.Rngs(0).split(5))
    >>> layers.kernel.value.shape
    (5, 2, 3)
    >>> nn.vmap(lambda m, x: m(x), in_axes=(0, None))(layers, bnp.ones(2)).shape
    (5, 3)
    """
    if f is None:
        return functools.partial(vmap, in_axes=in_axes, out_axes=out_axes, axis_size=axis_size)
    fun, owner = unbound(f)

    @_wraps(f)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        args = (*owner, *args)
        axes_in = (0, *in_axes) if owner and isinstance(in_axes, tuple) else in_axes
        plan = CallPlan(args, kwargs)
        axes = _slot_axes(plan, args, axes_in, "vmap")
        desc = plan.walked.desc
        probe = bibun.eval_shape(
            functools.partial(run, fun),
            CallData(desc, [_one(v, a) for v, a in zip(plan.values, axes, strict=True)]),
        )
        note = unstructural(probe.note, "vmap")
        for k in note.changed:
            if axes[k] is None:
                raise ValueError(
                    f"vmap: {'.'.join(map(str, plan.walked.paths[k]))} is not mapped and was "
                    "changed; give its module an axis, or StateAxes that map it"
                )
        n_out = len(probe.values) - len(note.changed)
        if isinstance(out_axes, int) or out_axes is None:
            result_axes = [out_axes] * n_out
        else:
            result_axes = _out_axes(out_axes, note, n_out)
        outs = bibun.vmap(
            lambda *values: run(fun, CallData(desc, values)).values,
            in_axes=tuple(axes),
            out_axes=[*(axes[k] for k in note.changed), *result_axes],
            axis_size=axis_size,
        )(*plan.values)
        probe.values = outs
        return plan.apply(probe)

    return mapped


def _out_axes(out_axes: Any, note: Any, n: int) -> list[Any]:
    """The axis of each value of the result, from a prefix of it."""
    leaf_axes = _broadcast(out_axes, note.out[1].unflatten([0] * note.out[1].num_leaves))
    axes = [a for a, row in zip(leaf_axes, note.out[2], strict=True) for _ in range(count(row))]
    assert len(axes) == n
    return axes


def unstructural(note: Any, name: str) -> Any:
    """The note of a call. Errors: ValueError where it changed structure."""
    if note.structural:
        raise ValueError(
            f"{name}: the function added, removed or exchanged objects or static attributes of "
            "its arguments; do that outside"
        )
    return note


def scan(
    f: Callable[..., Any] | None = None,
    *,
    in_axes: Any = (Carry, 0),
    out_axes: Any = (Carry, 0),
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
) -> Any:
    """A loop over an axis of arguments, modules among them: layers stacked, or steps of time.

    `in_axes`: for each argument an axis, None (the same at each step), `Carry`, or for a module
    `StateAxes`, whose axes may be `Carry` too: what a step changes, the next one sees. Changes of
    a value with an axis are stacked; one with None must not change. `out_axes` likewise for the
    result: `Carry`, an axis, or a tuple of these.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> layers = nn.vmap(lambda rngs: nn.Linear(3, 3, rngs=rngs))(nn.Rngs(0).split(5))
    >>> deep = nn.scan(lambda m, x: nn.tanh(m(x)), in_axes=(0, nn.Carry), out_axes=nn.Carry)
    >>> deep(layers, bnp.ones(3)).shape
    (3,)
    """
    if f is None:
        return functools.partial(scan, in_axes=in_axes, out_axes=out_axes, length=length,
                                 reverse=reverse, unroll=unroll)  # fmt: skip
    fun, owner = unbound(f)

    @_wraps(f)
    def looped(*args: Any, **kwargs: Any) -> Any:
        args = (*owner, *args)
        plan = CallPlan(args, kwargs)
        axes = _slot_axes(plan, args, in_axes, "scan")
        return _scan(fun, plan, args, in_axes, axes, out_axes, length, reverse, unroll)

    return looped


def _scan(
    fun: Any, plan: CallPlan, args: Any, in_axes: Any, axes: list[Any], out_axes: Any,
    length: int | None, reverse: bool, unroll: int,
) -> Any:  # fmt: skip
    walked = plan.walked
    carried_args = [k for k, a in enumerate(in_axes) if a is Carry]
    if len(carried_args) > 1:
        raise ValueError("scan: one argument at most is Carry; put several into a tuple")
    if carried_args and any(map(is_node, tree.leaves(args[carried_args[0]], is_leaf=is_node))):
        raise ValueError("scan: carry a module's state with StateAxes({...: Carry}), not as Carry")
    slots = range(len(axes))
    moved = [k for k in slots if axes[k] is not None and axes[k] is not Carry]
    carried = [k for k in slots if axes[k] is Carry]
    user = [k for k in carried if walked.slots[k][0] is _LEAVES]
    several = isinstance(out_axes, tuple)
    positions = [k for k, a in enumerate(out_axes if several else (out_axes,)) if a is Carry]
    if len(positions) != len(carried_args):
        raise ValueError("scan: Carry stands in both in_axes and out_axes, or in neither")
    notes: list[Any] = []

    def body(carry: list[Any], xs: list[Any]) -> Any:
        values = list(plan.values)
        for k, v in zip([*carried, *moved], [*carry, *xs], strict=True):
            values[k] = v
        inside = Inside(walked.desc, values)
        out = fun(*inside.args, **inside.kwargs)
        outs = list(out) if several else [out]
        next_user: list[Any] = []
        if positions:
            next_user, structure = tree.flatten(outs.pop(positions[0]))
            before = tree.structure(args[carried_args[0]])
            if structure != before:
                raise TypeError(f"scan: the carry came in as {before} and went out as {structure}")
        outcome = inside.leave(tuple(outs))
        note = unstructural(outcome.note, "scan")
        new = dict(zip(note.changed, outcome.values, strict=False))
        for k in new:
            if axes[k] is None:
                raise ValueError(
                    f"scan: {'.'.join(map(str, walked.paths[k]))} is the same at each step and was "
                    "changed; give it an axis, or Carry, in StateAxes"
                )
        after = dict(zip(user, next_user, strict=True))
        after |= {k: new.get(k, values[k]) for k in carried if k not in after}
        stacked = [new[k] for k in note.changed if axes[k] is not Carry]
        notes.append((note, outcome))
        return [after[k] for k in carried], (stacked, outcome.values[len(note.changed) :])

    xs = [tree.map(lambda a, axis=axes[k]: bnp.moveaxis(a, axis, 0), plan.values[k]) for k in moved]
    last, (stacked, outs) = lax.scan(
        body, [plan.values[k] for k in carried], xs, length=length, reverse=reverse, unroll=unroll
    )
    note, outcome = notes[-1]
    final = dict(zip(carried, last, strict=True))
    fresh = iter(stacked)
    changed = [final[k] if axes[k] is Carry
               else tree.map(lambda a, axis=axes[k]: bnp.moveaxis(a, 0, axis), next(fresh))
               for k in note.changed]  # fmt: skip
    result_axes = [a for a in (out_axes if several else (out_axes,)) if a is not Carry]
    leaf_axes = _out_axes(tuple(result_axes), note, len(outs))
    outcome.values = [*changed, *(bnp.moveaxis(v, 0, a) for v, a in
                                  zip(outs, leaf_axes, strict=True))]  # fmt: skip
    results = list(plan.apply(outcome))
    if positions:
        carry_structure = tree.structure(args[carried_args[0]])
        results.insert(positions[0], carry_structure.unflatten([final[k] for k in user]))
    return tuple(results) if several else results[0]
