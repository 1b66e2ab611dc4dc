"""Fusion: which values are stored, which are recomputed, and what shares a loop nest.

A value of one element lives in a register and is computed where it stands. A larger value
is either *lazy*, inlined into whatever reads it, or a *root*: computed by a loop nest, and
stored if anything outside that nest reads it. Reductions are roots over the space of their
input. Roots over the same space share one nest (a *kernel*) when each reads the others only
at its own index; inside a nest every lazy value is computed once per element and shared, so
a loss and its gradient come out of a single pass over the data.

Elementwise values and index maps are lazy when they are cheap, or read once by something
that does not repeat the work. What a library call, a loop or the caller wants in memory is
a root. Joining a kernel must not create a cycle: a root joins only if nothing else it needs
depends on that kernel.

An op that branches on its data (`erf_inv` in its tails) pays for each mispredicted branch with
the latency of all that it waits for. A dear value is therefore not fused into it but *staged*:
computed into a tile in the cache just before.

The plan knows kinds of ops, not ops. It depends on the program alone and is made once.
"""

from __future__ import annotations

import heapq
from typing import Any

from bibun.ir.program import Equation, Literal, Program, Var, equation_has_effects
from bibun.ir.types import ArrayType
from bibun.ops.op import EFFECT, ELEMENTWISE, INDEX_MAP, LIBRARY, REDUCTION

STAGED_COST = 40.0  # what is dearer than this is not inlined into an op that branches
STAGED_SIZE = 4096  # … in kernels of at least so many elements
CHEAP = 3.0  # a value this cheap per element is recomputed rather than stored
MAX_DEPTH = 64  # of inlined values; emission recurses into them
_JOIN_WINDOW = 6  # how many recent kernels over a space are tried for a new root

SCALAR, KERNEL, STEP, VIEW = "scalar", "kernel", "step", "view"


class Unit:
    """A step of the schedule: one equation, or a kernel with several roots."""

    __slots__ = ("kind", "equations", "space", "deps", "order", "flat", "reads", "staged")

    def __init__(self, kind: str, order: int, space: tuple[int, ...] = ()) -> None:
        self.kind = kind
        self.equations: list[Equation] = []
        self.space = space
        self.deps: set[Unit] = set()
        self.order = order
        self.flat = False
        self.staged: list[Var] = []  # lazy values that are computed a tile ahead
        self.reads: dict[Var, None] = {}  # values in memory or registers that it reads


class Plan:
    """The schedule of a program.

    `units` in order of execution; `producer` maps each variable to its equation; `lazy` are
    the inlined variables; `stored` those roots that need memory; `last` the index of the last
    unit that reads a variable (len(units) for outputs).
    """

    __slots__ = ("program", "units", "producer", "lazy", "stored", "last", "home", "cost")

    def __init__(self, program: Program) -> None:
        self.program = program
        self.units: list[Unit] = []
        self.producer: dict[Var, Equation] = {}
        self.lazy: set[Var] = set()
        self.stored: set[Var] = set()
        self.last: dict[Var, int] = {}
        self.home: dict[Var, Var] = {}  # a view -> the variable whose memory it shares
        self.cost: dict[Var, float] = {}  # of one element, what is inlined included


def is_small(type: Any) -> bool:
    """One element: lives in a register."""
    return isinstance(type, ArrayType) and type.size == 1


def prod(shape: tuple[int, ...]) -> int:
    """The number of elements of a shape."""
    n = 1
    for s in shape:
        n *= s
    return n


def squeezed(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]


def is_line(shape: tuple[int, ...]) -> bool:
    return len(shape) == 1


def make_plan(program: Program) -> Plan:
    return _Planner(program).run()


class _Planner:
    def __init__(self, program: Program) -> None:
        self.plan = Plan(program)
        self.program = program
        self.uses: dict[Var, list[Equation]] = {}
        self.outputs = {a for a in program.outputs if type(a) is Var}
        for eq in program.equations:
            for a in {x for x in eq.inputs if type(x) is Var}:
                self.uses.setdefault(a, []).append(eq)
            for v in eq.outputs:
                self.plan.producer[v] = eq
        self.cost = self.plan.cost
        self.leaves: dict[Var, dict[Var, bool]] = {}  # of lazy values: leaf -> same index only
        self.depth: dict[Var, int] = {}  # of lazy values: inlined values in a row below
        self.known_flat: dict[tuple[int, tuple[int, ...]], bool] = {}
        self.unit_of: dict[Var, Unit] = {}
        self.units: list[Unit] = []
        self.kernels: dict[tuple[int, ...], list[Unit]] = {}
        self.last_effect: Unit | None = None

    # what is lazy -------------------------------------------------------------------

    def wants_memory(self, eq: Equation, var: Var) -> bool:
        """Whether `eq` needs `var` in memory rather than element by element."""
        op = eq.op
        if op.kind in (ELEMENTWISE, INDEX_MAP, REDUCTION):
            if not op.reinterpret or self.cost.get(var, CHEAP) < CHEAP and is_line(var.type.shape):
                return False  # the position in a line of elements is the index
            return squeezed(eq.inputs[0].type.shape) != squeezed(eq.outputs[0].type.shape)
        if op.kind == LIBRARY and op.lazy_inputs:
            return op.alias is not None and eq.inputs[op.alias] is var
        return True

    def repeats(self, eq: Equation, var: Var) -> float:
        """How many times `eq` reads each element of `var`, about."""
        if eq.op.kind == REDUCTION:
            return 1.0
        size = max(var.type.size, 1)
        if eq.op.kind == LIBRARY:
            return 1.0
        return max((o.type.size for o in eq.outputs), default=1) / size

    def is_lazy(self, eq: Equation) -> bool:
        (var,) = eq.outputs
        if var in self.outputs or self.depth[var] > MAX_DEPTH:
            return False
        readers = self.uses.get(var, [])
        if any(self.wants_memory(r, var) for r in readers):
            return False
        if self.cost[var] <= CHEAP:
            return True
        return len(readers) == 1 and self.repeats(readers[0], var) <= 1.0

    # bookkeeping of what reads what ------------------------------------------------------

    def reads_of(self, eq: Equation) -> dict[Var, bool]:
        """Leaves that computing one element of `eq` reads, and whether at the same index."""
        found: dict[Var, bool] = {}
        for a in eq.inputs:
            if type(a) is not Var:
                continue
            if eq.op.kind == ELEMENTWISE:
                same = a.type.shape == eq.outputs[0].type.shape
            else:
                same = eq.op.kind == REDUCTION
            if a in self.plan.lazy:
                for leaf, leaf_same in self.leaves[a].items():
                    found[leaf] = found.get(leaf, True) and leaf_same and same
            else:
                found[a] = found.get(a, True) and same
        return found

    def new_unit(self, kind: str, eq: Equation, reads: dict[Var, bool], space: Any = ()) -> Unit:
        unit = Unit(kind, len(self.units), space)
        self.units.append(unit)
        self.add(unit, eq, reads)
        return unit

    def add(self, unit: Unit, eq: Equation, reads: dict[Var, bool]) -> None:
        unit.equations.append(eq)
        for leaf in reads:
            producer = self.unit_of.get(leaf)
            if producer is not None and producer is not unit:
                unit.deps.add(producer)
            unit.reads[leaf] = None
        for v in eq.outputs:
            self.unit_of[v] = unit

    def reaches(self, start: set[Unit], goal: Unit) -> bool:
        """Whether any of `start` is `goal` or depends on it."""
        stack, seen = list(start), set(start)
        while stack:
            unit = stack.pop()
            if unit is goal:
                return True
            for d in unit.deps:
                if d not in seen:
                    seen.add(d)
                    stack.append(d)
        return False

    def join_or_open(self, eq: Equation, space: tuple[int, ...]) -> None:
        reads = self.reads_of(eq)
        recent = self.kernels.setdefault(space, [])
        for unit in reversed(recent[-_JOIN_WINDOW:]):
            others = set()
            legal = True
            for leaf, same in reads.items():
                producer = self.unit_of.get(leaf)
                if producer is unit:
                    reduced = self.plan.producer[leaf].op.kind == REDUCTION
                    if reduced or not same:
                        legal = False
                        break
                elif producer is not None:
                    others.add(producer)
            if legal and not self.reaches(others, unit):
                self.add(unit, eq, reads)
                return
        recent.append(self.new_unit(KERNEL, eq, reads, space))

    # the pass ------------------------------------------------------------------------------

    def run(self) -> Plan:
        for eq in self.program.equations:
            self.place(eq)
        self.read_first()
        self.order()
        self.flatten()
        self.stages()
        self.lifetimes()
        return self.plan

    def place(self, eq: Equation) -> None:
        op = eq.op
        pull = op.kind in (ELEMENTWISE, INDEX_MAP)
        if pull or op.kind == REDUCTION:
            lazy = self.plan.lazy
            below = dict.fromkeys(a for a in eq.inputs if type(a) is Var and a in lazy)
            self.cost[eq.outputs[0]] = op.cost + sum(self.cost[a] for a in below)
            self.depth[eq.outputs[0]] = 1 + max((self.depth[a] for a in below), default=0)
        if pull:
            (out,) = eq.outputs
            if is_small(out.type):
                self.new_unit(SCALAR, eq, self.reads_of(eq))
                return
            if op.reinterpret and eq.inputs[0] not in self.plan.lazy:
                source = eq.inputs[0]
                self.new_unit(VIEW, eq, self.reads_of(eq))
                self.plan.home[out] = self.plan.home.get(source, source)  # type: ignore[arg-type]
                return
            if self.is_lazy(eq):
                self.plan.lazy.add(out)
                self.leaves[out] = self.reads_of(eq)
                return
            self.join_or_open(eq, out.type.shape)
        elif op.kind == REDUCTION:
            self.join_or_open(eq, eq.inputs[0].type.shape)
        else:
            unit = self.new_unit(STEP, eq, self.reads_of(eq))
            if op.kind == EFFECT or equation_has_effects(eq):
                if self.last_effect is not None:
                    unit.deps.add(self.last_effect)
                self.last_effect = unit

    def read_first(self) -> None:
        """An op that may take over its input's memory runs after what else reads that input.

        So `x.at[i].set(x[j]).at[j].set(x[i])` updates x in place: both elements are read
        before the first is written. Where that is impossible the op copies.
        """
        homes = self.plan.home
        readers: dict[Any, list[Unit]] = {}
        for unit in self.units:
            for v in unit.reads:
                readers.setdefault(homes.get(v, v), []).append(unit)
        for unit in self.units:
            eq = unit.equations[0]
            if unit.kind != STEP or eq.op.alias is None or type(eq.inputs[eq.op.alias]) is not Var:
                continue
            taken = eq.inputs[eq.op.alias]
            for other in readers.get(homes.get(taken, taken), ()):
                if other.order > unit.order and not self.reaches({other}, unit):
                    unit.deps.add(other)

    def stages(self) -> None:
        """Dear values that feed a branching op are computed a tile ahead of it."""
        lazy, cost = self.plan.lazy, self.cost
        for unit in self.plan.units:
            if unit.kind != KERNEL or prod(unit.space) < STAGED_SIZE:
                continue
            stack = list(unit.equations)
            seen: set[int] = set()
            while stack:
                eq = stack.pop()
                if id(eq) in seen or eq.op.kind not in (ELEMENTWISE, REDUCTION):
                    continue
                seen.add(id(eq))
                for a in eq.inputs:
                    if type(a) is not Var or a not in lazy or a.type.shape != unit.space:
                        continue
                    if eq.op.branches and cost[a] >= STAGED_COST:
                        unit.staged.append(a)
                    else:
                        stack.append(self.plan.producer[a])

    def order(self) -> None:
        """Topological order, earliest equation first."""
        waiting = {u: len(u.deps) for u in self.units}
        followers: dict[Unit, list[Unit]] = {}
        for u in self.units:
            for d in u.deps:
                followers.setdefault(d, []).append(u)
        ready = [u.order for u in self.units if waiting[u] == 0]
        heapq.heapify(ready)
        result = []
        while ready:
            u = self.units[heapq.heappop(ready)]
            result.append(u)
            for f in followers.get(u, ()):
                waiting[f] -= 1
                if waiting[f] == 0:
                    heapq.heappush(ready, f.order)
        assert len(result) == len(self.units), "fusion made a cycle"
        self.plan.units = result

    def flatten(self) -> None:
        """Kernels whose every access is at the same index may run over one flat axis."""
        for unit in self.plan.units:
            if unit.kind == KERNEL and len(unit.space) > 1:
                unit.flat = all(self.is_flat(eq, unit.space) for eq in unit.equations)

    def is_flat(self, eq: Equation, space: tuple[int, ...]) -> bool:
        key = id(eq), space
        known = self.known_flat.get(key)
        if known is None:
            known = self.known_flat[key] = self.reads_flat(eq, space)
        return known

    def reads_flat(self, eq: Equation, space: tuple[int, ...]) -> bool:
        if eq.op.kind == REDUCTION:
            if len(eq.params["axes"]) != len(space):
                return False
            return self.flat_input(eq.inputs[0], space)
        if eq.op.kind == INDEX_MAP and eq.op.reinterpret and is_line(eq.inputs[0].type.shape):
            return not self.plan.producer[eq.inputs[0]].inputs  # an index alone, like iota
        if eq.op.kind != ELEMENTWISE:
            return False
        return all(self.flat_input(a, space) for a in eq.inputs)

    def flat_input(self, a: Any, space: tuple[int, ...]) -> bool:
        if type(a) is Literal or is_small(a.type):
            return True
        if a.type.shape != space:
            return False
        return a not in self.plan.lazy or self.is_flat(self.plan.producer[a], space)

    def lifetimes(self) -> None:
        plan = self.plan
        end = len(plan.units)
        readers: dict[Var, set[Unit]] = {}
        for i, unit in enumerate(plan.units):
            for v in unit.reads:
                plan.last[v] = i
                readers.setdefault(v, set()).add(unit)
        for v in self.outputs:
            plan.last[v] = end
        for view, home in plan.home.items():
            plan.last[home] = max(plan.last.get(home, 0), plan.last.get(view, 0))
        for unit in plan.units:
            if unit.kind != KERNEL:
                continue
            for eq in unit.equations:
                (v,) = eq.outputs
                outside = readers.get(v, set()) - {unit}
                if eq.op.kind == REDUCTION or v in self.outputs or outside:
                    plan.stored.add(v)
