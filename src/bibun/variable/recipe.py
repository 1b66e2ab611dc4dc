"""Recipes: functions of arrays as programs, and the programs of their pullbacks.

A function applied to Variables is staged once for each kind of argument, by the same tracer
that serves `jit`, and its backward step is not written by anybody: it is the program of
bibun's `vjp` of that program,

    (inputs, outputs, cotangents of the outputs) -> cotangents of the inputs,

simplified. Being a program like any other, it has a pullback in turn, so every function
can be differentiated as often as one likes.

What a backward step must remember is read off its program: the inputs that it uses, and the
outputs: where the pullback would compute again what the function returned (`exp`, `tanh`,
`softmax`), that value becomes an input, "retained". What nothing uses is not kept alive.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from bibun import tree
from bibun.array import Value
from bibun.config import config
from bibun.ir.program import Closed, Equation, Program, Var
from bibun.ir.types import Type
from bibun.trace.core import EVAL, as_value, using_trace
from bibun.trace.replay import replay
from bibun.trace.stage import stage
from bibun.transforms import vjp
from bibun.transforms.simplify import drop_dead, simplify

_LIMIT = 4096  # recipes kept; beyond it all are forgotten and made again when needed


class Recipe:
    """A flat function of arrays as a program whose first inputs are the captured `consts`."""

    __slots__ = ("program", "consts", "_pullbacks")

    def __init__(self, closed: Closed) -> None:
        program = closed.program
        # Shared by all calls of the function: whoever runs it says where in the user's code.
        equations = [eq.replace(site=0) for eq in program.equations]
        self.program = Program(program.inputs, equations, program.outputs, program.name)
        self.consts = closed.consts
        self._pullbacks: dict[Any, Pullback] = {}

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        outs = replay(self.program, [*self.consts, *values])
        return [o if isinstance(o, Value) else as_value(o) for o in outs]

    @property
    def out_types(self) -> tuple[Type, ...]:
        return self.program.out_types

    def pullback(self, wanted: tuple[bool, ...]) -> Pullback:
        """The pullback onto the inputs that are `wanted`."""
        found = self._pullbacks.get(wanted)
        if found is None:
            found = self._pullbacks[wanted] = make_pullback(self, wanted)
        return found


class Pullback:
    """The backward step of a recipe, itself a recipe.

    It takes the inputs numbered `xs`, the outputs numbered `ys`, and a cotangent for each
    output numbered `live` (those with a derivative); it returns one cotangent for each
    wanted input.
    """

    __slots__ = ("recipe", "wanted", "xs", "ys", "live", "_parts")

    def __init__(
        self,
        recipe: Recipe,
        wanted: tuple[bool, ...],
        xs: tuple[int, ...],
        ys: tuple[int, ...],
        live: tuple[int, ...],
    ) -> None:
        self.recipe = recipe
        self.wanted = wanted
        self.xs = xs
        self.ys = ys
        self.live = live
        self._parts: dict[tuple[int, ...], Recipe] = {}

    def only(self, targets: Sequence[int]) -> Recipe:
        """The recipe that returns only the cotangents of the inputs `targets`."""
        key = tuple(targets)
        found = self._parts.get(key)
        if found is None:
            order = [k for k, w in enumerate(self.wanted) if w]
            program = self.recipe.program
            if list(key) == order:
                found = self.recipe
            else:
                outs = [program.outputs[order.index(k)] for k in key]
                part = Program(program.inputs, drop_dead(program.equations, outs), outs)
                found = Recipe(Closed(part, self.recipe.consts))
            self._parts[key] = found
        return found


def make_pullback(recipe: Recipe, wanted: tuple[bool, ...]) -> Pullback:
    """The program of the vjp of a recipe, taking retained outputs where it can."""
    program = recipe.program
    first = len(recipe.consts)
    count = len(program.inputs)
    diff = [first + k for k, w in enumerate(wanted) if w]
    live = tuple(k for k, t in enumerate(program.out_types) if t.dtype.kind in "fc")  # type: ignore[union-attr]

    def both(*args: Any) -> list[Any]:
        def forward(*chosen: Any) -> Any:
            inputs = list(args[:count])
            for k, x in zip(diff, chosen, strict=True):
                inputs[k] = x
            outs = replay(program, inputs)
            return [outs[k] for k in live], outs

        _, pull, outs = vjp(forward, *[args[k] for k in diff], has_aux=True)
        return [*outs, *pull(list(args[count:]))]

    types = [t.strong() for t in program.in_types]
    seeds = [program.out_types[k].tangent() for k in live]
    with using_trace(EVAL):
        closed = stage(both, [*types, *seeds], f"{program.name}_pullback")
    whole = simplify(closed.program)

    # The forward pass has made the checks, and its results can be handed in.
    equations = [eq for eq in whole.equations if eq.outputs]
    outs, cts = whole.outputs[: len(program.outputs)], whole.outputs[len(program.outputs) :]
    own_inputs = set(whole.inputs)
    handed: dict[Var, tuple[int, Var]] = {}
    for k, atom in enumerate(outs):
        if type(atom) is Var and atom not in own_inputs and atom not in handed:
            handed[atom] = (k, Var(atom.type))
    renamed = {atom: new for atom, (_, new) in handed.items()}
    equations = [_rename(eq, renamed) for eq in equations]
    cts = [renamed.get(a, a) for a in cts]  # type: ignore[call-overload]
    equations = drop_dead(equations, cts)

    used = {a for eq in equations for a in eq.inputs} | set(cts)
    captured = whole.inputs[: len(closed.consts)]
    given = whole.inputs[len(closed.consts) :]
    consts = [
        (v, c)
        for v, c in zip([*captured, *given[:first]], [*closed.consts, *recipe.consts], strict=True)
        if v in used
    ]
    xs = [k for k in range(count - first) if given[first + k] in used]
    ys = [(k, v) for k, v in handed.values() if v in used]
    inputs = [
        *(v for v, _ in consts),
        *(given[first + k] for k in xs),
        *(v for _, v in ys),
        *given[count:],
    ]
    pulled = Program(inputs, equations, cts, f"{program.name}_pullback")
    return Pullback(
        Recipe(Closed(pulled, [c for _, c in consts])),
        wanted,
        tuple(xs),
        tuple(k for k, _ in ys),
        live,
    )


def _rename(eq: Equation, renamed: dict[Var, Var]) -> Equation:
    inputs = [renamed.get(a, a) for a in eq.inputs]  # type: ignore[call-overload]
    return eq.replace(inputs=inputs) if inputs != list(eq.inputs) else eq


# Recipes by function and kind of argument --------------------------------------------------------

_memo: dict[Any, tuple[Recipe, Any]] = {}


def recipe_for(
    fun: Callable[..., Any],
    structure: Any,
    static: Sequence[tuple[int, Any]],
    values: Sequence[Value],
    memo: bool = True,
) -> tuple[Recipe, Any]:
    """The recipe of `fun(*args, **kwargs)` and the structure of its result.

    `structure` is the tree of (args, kwargs); its leaves are the `static` ones, with their
    places, and `values` in between. With `memo` the function must be pure: what it reads
    besides its arguments is read once.
    """
    key = None
    if memo:
        try:
            key = (
                fun,
                structure,
                tuple([(k, _frozen(x)) for k, x in static]),
                tuple([v.type for v in values]),
                config.trace_key(),
            )
            found = _memo.get(key)
            if found is not None:
                return found
        except TypeError:  # something that cannot be hashed: made each time
            key = None
    out_tree: Any = None

    def flat(*tracers: Any) -> list[Any]:
        nonlocal out_tree
        args, kwargs = tree.unflatten(structure, merge(static, tracers))
        outs, out_tree = tree.flatten(fun(*args, **kwargs))
        return [o if isinstance(o, Value) else as_value(o) for o in outs]

    with using_trace(EVAL):
        closed = stage(flat, [v.type for v in values], getattr(fun, "__name__", "function"))
    made = Recipe(closed), out_tree
    if key is not None:
        if len(_memo) >= _LIMIT:
            _memo.clear()
        _memo[key] = made
    return made


def merge(static: Sequence[tuple[int, Any]], values: Sequence[Any]) -> list[Any]:
    """Leaves in order, from the static ones with their places and the others."""
    leaves = list(values)
    for k, x in static:  # ascending
        leaves.insert(k, x)
    return leaves


def _frozen(x: Any) -> Hashable:
    """Equal only for what means the same: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if isinstance(x, float | complex):
        return type(x), repr(x)
    if isinstance(x, slice):
        return slice, _frozen(x.start), _frozen(x.stop), _frozen(x.step)
    hash(x)
    return type(x), x


def dynamic(x: Any) -> bool:
    """Whether a leaf is an array, and so an input of the program."""
    return isinstance(x, Value | np.ndarray)
