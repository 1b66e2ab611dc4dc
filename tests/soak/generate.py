"""Random programs.

The generator keeps an environment of named example values and runs each statement eagerly as
it is written, so that it knows shapes, dtypes and sizes of values and drops what raises,
overflows or grows. The bodies of loops and branches are written the same way, in a copy of the
environment with examples for the parameters; they may read anything defined outside.
"""

from __future__ import annotations

import math
import random
import warnings
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.config import config
from tests.soak import expressions
from tests.soak.program import HEADER, Block, Program, Statement, drop_unused

SIZES = [1, 2, 3, 7, 8, 9, 15, 16, 17, 33]
MAX_ELEMENTS = 2500
MODES = {
    "jit": 10,
    "compiled_loops": 2,
    "grad": 6,
    "jvp": 3,
    "vmap": 5,
    "vmap_grad": 3,
    "grad_vmap": 2,
    "hessian": 2,
    "hvp": 1,
    "grad_jit": 2,
    "vmap_jit": 1,
    "checkpoint_grad": 1,
    "jacobian": 2,
    "vmap_vmap": 2,
    "debug_nans": 1,
    "cached": 1,
}
# without derivatives
PLAIN = "jit compiled_loops vmap vmap_vmap vmap_jit debug_nans cached".split()


class Var:
    """A name with the shape and dtype of its example."""

    __slots__ = ("name", "shape", "dtype")

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.shape = tuple(value.shape)
        self.dtype = np.dtype(value.dtype)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def kind(self) -> str:
        return self.dtype.kind

    def __repr__(self) -> str:
        return self.name


class Scope:
    """The names that may be read, and the block that is being written."""

    def __init__(self, env: dict[str, Any], vars: list[Var], depth: int) -> None:
        self.env = env
        self.vars = vars
        self.depth = depth
        self.statements: list[Statement] = []

    def child(self) -> Scope:
        return Scope(dict(self.env), list(self.vars), self.depth + 1)


def fine(value: Any, wild: bool, large: bool) -> bool:
    """Whether an example is small enough, and of a size to keep on computing with."""
    a = np.asarray(value)
    limit = 1_200_000 if large else MAX_ELEMENTS
    if a.size > limit or a.ndim > 4 or a.dtype.kind not in "fciub":
        return False
    if a.dtype.kind in "fc" and a.size and not wild:
        with np.errstate(all="ignore"):
            return bool(np.all(np.isfinite(a)) and np.max(np.abs(a)) < 1e4)
    return True


class Generator:
    """Writes one program from a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.count = 0
        self.wild = False  # nan, inf and the ends of the integers among the inputs
        self.large = False  # arrays of a size that is worth threads
        self.deep = False  # control flow in control flow, four deep

    # small choices ---------------------------------------------------------------------

    def fresh(self, prefix: str = "t") -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def pick(self, scope: Scope, want: Any = None) -> Var | None:
        """A name whose type suits, the latest more likely."""
        suited = [v for v in scope.vars if want is None or want(v)]
        if not suited:
            return None
        if self.chance(0.6):
            suited = suited[-4:]
        return self.rng.choice(suited)

    def shape(self) -> tuple[int, ...]:
        r = self.rng
        if self.large and r.random() < 0.6:
            return r.choice(
                [(300_000,), (300_001,), (500, 700), (1000, 257), (9, 40_000), (40_000, 9)]
            )
        ndim = r.choices([0, 1, 2, 3], [3, 6, 4, 1.5])[0]
        if ndim and r.random() < 0.05:
            dims = [r.choice([0, 1, 3, 8]) for _ in range(ndim)]
            dims[r.randrange(ndim)] = 0
            return tuple(dims)
        if ndim == 1:
            return (r.choice(SIZES),)
        return tuple(r.choice([1, 2, 3, 4, 7, 8, 9] if ndim == 3 else SIZES) for _ in range(ndim))

    # the program ---------------------------------------------------------------------------

    def program(self) -> Program:
        r = self.rng
        mode = r.choices(list(MODES), list(MODES.values()))[0]
        small = mode == "hessian"
        self.wild = mode in PLAIN and self.chance(0.12)
        self.large = mode in ("jit", "grad", "jvp") and self.chance(0.03)
        self.deep = not self.large and self.chance(0.15)
        env: dict[str, Any] = {}
        exec(HEADER, env)
        scope = Scope(env, [], 0)
        inputs: list[str] = []
        params: list[str] = []
        for k in range(r.choice([1, 2, 2, 3])):
            kinds, weights = (
                ["f8", "f4", "i8", "i4", "b1", "c16", "u1", "c8"],
                [10, 2, 3, 1, 1, 1, 0.5, 0.3],
            )
            kind = r.choices(kinds, weights)[0]
            if k == 0 and mode not in PLAIN:
                kind = "f8"
            shape = r.choice([(), (2,), (3,), (2, 2), (1,)]) if small else self.shape()
            name = f"x{k}"
            text = self.array(shape, kind)
            if shape == () and kind == "f8" and self.chance(0.3) and "vmap" not in mode:
                text = repr(round(r.uniform(-2, 2), 3))
            inputs.append(text)
            params.append(name)
            self.define(scope, name, bnp.asarray(eval(text, dict(env))))
        captured = []
        for k in range(r.choice([0, 0, 1, 2])):
            kind = r.choice(["f8", "f8", "i8", "f4", "b1"])
            shape = r.choice([(), (2,), (3,)]) if small else self.shape()
            name = f"K{k}"
            line = f"{name} = bnp.asarray({self.array(shape, kind)})"
            exec(line, env)
            captured.append(line)
            self.define(scope, name, env[name])
        with config.using(disable_jit=True), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with np.errstate(all="ignore"):
                self.fill(scope, r.randint(1, 5) if small else r.randint(2, 12))
        body = Block("f", params, scope.statements, self.results(scope))
        drop_unused(body)
        return Program(self.seed, inputs, captured, body, mode, self.options(mode, scope, params))

    def results(self, scope: Scope) -> str:
        own = {n for s in scope.statements for n in s.outs}
        late = [v.name for v in scope.vars if v.name in own] or [v.name for v in scope.vars]
        n = self.rng.choice([2, 3, 4])
        chosen = late[-1:] + [self.rng.choice(late) for _ in range(n - 1)]
        if self.chance(0.1):
            chosen.append(self.rng.choice(scope.vars).name)  # an input as it came
        return f"({', '.join(chosen)},)"

    def options(self, mode: str, scope: Scope, params: list[str]) -> dict[str, object]:
        r = self.rng
        if "vmap" not in mode:
            return {}
        types = {v.name: v for v in scope.vars}
        axes = [None if r.random() < 0.25 else r.randint(0, types[p].ndim) for p in params]
        if all(a is None for a in axes):
            axes[0] = 0
        return {
            "axes": axes,
            "size": r.choice([2, 3] if mode == "vmap_vmap" else [1, 2, 3, 3, 5, 8, 9]),
        }

    def array(self, shape: tuple[int, ...], kind: str) -> str:
        seed = self.rng.randrange(10**6)
        rng = f"np.random.default_rng({seed})"
        if kind in ("f8", "f4"):
            text = f"{rng}.normal(size={shape})"
        elif kind == "b1":
            return f"{rng}.random(size={shape}) < 0.5"
        elif kind in ("c16", "c8"):
            text = f"({rng}.normal(size={shape}) + 1j * {rng}.uniform(size={shape}))"
        elif kind == "u1":
            return f"{rng}.integers(0, 256, size={shape}, dtype='u1')"
        else:
            text = f"{rng}.integers(-4, 12, size={shape})"
        text = f"np.asarray({text}, {kind!r})"
        if self.wild and self.chance(0.7):
            text = f"wild({text}, {seed})"
        if len(shape) >= 2 and self.chance(0.15):  # memory that is not contiguous
            return f"np.asfortranarray({text})"
        if len(shape) >= 1 and self.chance(0.1):
            return f"np.flip({text})"
        return text

    def define(self, scope: Scope, name: str, value: Any) -> None:
        scope.env[name] = value
        scope.vars.append(Var(name, value))

    # statements -------------------------------------------------------------------------

    def fill(self, scope: Scope, n: int) -> None:
        """Write about n statements."""
        tries = 0
        while len(scope.statements) < n and tries < 6 * n:
            tries += 1
            chances = (0.5, 0.45, 0.4, 0.3) if self.deep else (0.22, 0.12)
            control = chances[scope.depth] if scope.depth < len(chances) else 0.0
            try:
                if self.chance(control):
                    self.control(scope)
                else:
                    self.expression(scope)
            except (ValueError, TypeError, IndexError, ZeroDivisionError, OverflowError):
                continue
            except (np.linalg.LinAlgError, AttributeError, NotImplementedError, MemoryError):
                continue

    def expression(self, scope: Scope) -> None:
        text = expressions.draw(self, scope)
        if text is not None:
            self.accept(scope, text, [])

    def accept(
        self, scope: Scope, text: str, blocks: list[Block], examples: tuple[Any, ...] | None = None
    ) -> bool:
        """Run a statement, and keep it if its results are fine.

        With `examples` the functions are run on these first, whether the statement calls them
        or not.
        """
        env = dict(scope.env)
        for b in blocks:
            exec("\n".join(b.render(0)), env)
        for b in blocks if examples is not None else ():
            env[b.name](*examples)
        value = eval(text, env)
        values = list(value) if isinstance(value, tuple | list) else [value]
        if not all(fine(v, self.wild, self.large) for v in values):
            return False
        names = [self.fresh() for _ in values]
        outs = {n: (tuple(v.shape), np.dtype(v.dtype)) for n, v in zip(names, values, strict=True)}
        if not names:
            return False
        if isinstance(value, tuple | list) and len(values) == 1:
            text = f"{text}[0]"
        scope.statements.append(Statement(outs, text, blocks))
        for n, v in zip(names, values, strict=True):
            self.define(scope, n, v)
        return True

    def fitted(self, scope: Scope, like: Var) -> str:
        """An expression with the shape and dtype of `like`, made of something else."""
        r = self.rng
        same = [v for v in scope.vars if v.shape == like.shape and v.dtype == like.dtype]
        x = self.pick(scope)
        assert x is not None
        if same and self.chance(0.5):
            return r.choice(same[-5:]).name
        scalar = f"{x}.sum()" if x.kind != "c" or like.kind == "c" else f"bnp.abs({x}).sum()"
        if like.kind == "f":
            return f"(0.5 * {like} + bnp.tanh({scalar})).astype({str(like.dtype)!r})"
        if like.kind == "c":
            return f"(0.5 * {like} + bnp.tanh(bnp.abs({x}).sum())).astype({str(like.dtype)!r})"
        if like.kind == "b":
            return f"({like} ^ (bnp.abs({scalar}) > 1))"
        number = f"bnp.clip(bnp.abs({scalar}), 0, 9)"
        return f"({like} + {number}.astype({str(like.dtype)!r}))"

    # control flow ---------------------------------------------------------------------------

    def control(self, scope: Scope) -> None:
        how = self.rng.choice(
            ["scan", "scan", "fori", "while", "cond", "cond", "switch", "map", "jit", "checkpoint",
             "vmap", "grad", "custom_vjp", "custom_jvp", "associative_scan", "jvp"]
        )  # fmt: skip
        getattr(self, f"_{how}")(scope)

    def block(self, scope: Scope, params: list[tuple[str, Any]], n: int) -> tuple[Scope, list[Var]]:
        inner = scope.child()
        own = []
        for name, value in params:
            self.define(inner, name, value)
            own.append(inner.vars[-1])
        self.fill(inner, n)
        return inner, own

    def carries(self, scope: Scope) -> list[Var]:
        chosen: list[Var] = []
        for _ in range(self.rng.choice([1, 1, 2, 2, 3])):
            v = self.pick(scope, lambda v: v.size <= 300)
            if v is not None:
                chosen.append(v)
        if chosen and self.chance(0.3):
            chosen.append(self.rng.choice(chosen))  # one value in two carries
        return chosen

    def next_carry(self, inner: Scope, own: list[Var]) -> list[str]:
        """The carry after an iteration: passed on, swapped, updated in part, or new."""
        r = self.rng
        out = []
        for v in own:
            same = [w for w in own if w.shape == v.shape and w.dtype == v.dtype and w is not v]
            if same and self.chance(0.4):
                out.append(r.choice(same).name)
            elif self.chance(0.15):
                out.append(v.name)
            elif v.ndim and v.size and self.chance(0.4):
                update = expressions.update(self, inner, v)
                out.append(update or self.fitted(inner, v))
            else:
                out.append(self.fitted(inner, v))
        return out

    def _scan(self, scope: Scope) -> None:
        r = self.rng
        carries = self.carries(scope)
        xs = [
            v
            for v in (self.pick(scope, lambda v: v.ndim and v.shape[0] <= 9) for _ in range(2))
            if v
        ]
        if len(xs) == 2 and xs[0].shape[0] != xs[1].shape[0]:
            xs = xs[:1]
        if self.chance(0.3):
            xs = []
        length = xs[0].shape[0] if xs else r.choice([0, 1, 2, 3, 5])
        names = [self.fresh("c") for _ in carries]
        rows = [self.fresh("r") for _ in xs]
        examples = [(n, scope.env[v.name]) for n, v in zip(names, carries, strict=True)]
        for n, x in zip(rows, xs, strict=True):
            value = scope.env[x.name]
            examples.append((n, value[0] if length else bnp.zeros(x.shape[1:], x.dtype)))
        inner, own = self.block(scope, examples, r.randint(1, 4))
        after = self.next_carry(inner, own[: len(carries)])
        ys = [r.choice(inner.vars).name for _ in range(r.choice([0, 1, 1, 2]))]
        if not after and not ys:
            return
        c, x = self.fresh("carry"), self.fresh("x")
        block = Block(
            self.fresh("body"), [c, x], inner.statements, f"({_tuple(after)}, {_tuple(ys)})"
        )
        head = []
        if names:
            head.append(_unpack(names, c))
        if rows:
            head.append(_unpack(rows, x))
        block.statements[:0] = head
        given = _tuple([x.name for x in xs]) if xs else "None"
        extra = f", length={length}" if not xs else ""
        if self.chance(0.3):
            extra += ", reverse=True"
        if self.chance(0.1):
            extra += ", unroll=2"
        extra += self.budget()
        init = _tuple([v.name for v in carries])
        text = f"bibun.tree.leaves(lax.scan({block.name}, {init}, {given}{extra}))"
        rows = tuple(v for _, v in examples[len(names) :])
        carry = tuple(v for _, v in examples[: len(names)])
        self.accept(scope, text, [block], (carry, rows))

    def budget(self) -> str:
        """What reverse mode may keep of a loop."""
        if not self.chance(0.2):
            return ""
        return f", checkpoint={self.rng.choice(['True', '1', '4', '300', repr('2 kB')])}"

    def count(self, scope: Scope) -> str:
        """A small number of iterations, known or not."""
        v = self.pick(scope, lambda v: v.kind in "iu" and v.size == 1)
        if v is not None and self.chance(0.6):
            return f"bnp.clip({v}.reshape(()), 0, 5)"
        return str(self.rng.choice([0, 1, 2, 3, 5]))

    def _fori(self, scope: Scope) -> None:
        carries = self.carries(scope)
        if not carries:
            return
        i = self.fresh("i")
        names = [self.fresh("c") for _ in carries]
        examples = [(n, scope.env[v.name]) for n, v in zip(names, carries, strict=True)]
        inner, own = self.block(scope, [(i, bnp.asarray(1)), *examples], self.rng.randint(0, 4))
        after = self.next_carry(inner, own[1:])
        c = self.fresh("carry")
        block = Block(self.fresh("body"), [i, c], inner.statements, _tuple(after))
        block.statements[:0] = [_unpack(names, c)]
        low = self.rng.choice(["0", "0", "1", "-2"])
        init = _tuple([v.name for v in carries])
        self.accept(
            scope,
            f"lax.fori_loop({low}, {self.count(scope)}, {block.name}, {init}{self.budget()})",
            [block],
            (bnp.asarray(1), tuple(v for _, v in examples)),
        )

    def _while(self, scope: Scope) -> None:
        carries = self.carries(scope)
        k = self.fresh("k")
        names = [self.fresh("c") for _ in carries]
        examples = [(n, scope.env[v.name]) for n, v in zip(names, carries, strict=True)]
        inner, own = self.block(scope, [(k, bnp.asarray(0)), *examples], self.rng.randint(0, 4))
        after = self.next_carry(inner, own[1:])
        c = self.fresh("carry")
        block = Block(self.fresh("body"), [c], inner.statements, _tuple([f"{k} + 1", *after]))
        block.statements[:0] = [_unpack([k, *names], c)]
        d = self.fresh("carry")
        test = f"{d}[0] < {self.count(scope)}"
        extra = self.pick(scope, lambda v: v.kind == "f")
        if extra is not None and self.chance(0.4):
            test = f"({test}) & (bnp.abs({extra}).sum() + {d}[0] < {self.rng.choice([3, 10, 100])})"
        cond = Block(self.fresh("go"), [d], [], test)
        init = _tuple(["0", *(v.name for v in carries)])
        self.accept(
            scope,
            f"lax.while_loop({cond.name}, {block.name}, {init}{self.budget()})",
            [cond, block],
            ((bnp.asarray(0), *(v for _, v in examples)),),
        )

    def _branches(self, scope: Scope, n: int) -> tuple[list[Block], list[Var], tuple[Any, ...]]:
        operands = [v for v in (self.pick(scope) for _ in range(self.rng.choice([0, 1, 2]))) if v]
        results = [v for v in (self.pick(scope) for _ in range(self.rng.choice([1, 2]))) if v]
        blocks = []
        for _ in range(n):
            names = [self.fresh("a") for _ in operands]
            examples = [(m, scope.env[v.name]) for m, v in zip(names, operands, strict=True)]
            inner, _ = self.block(scope, examples, self.rng.randint(0, 3))
            after = [self.fitted(inner, v) for v in results]
            blocks.append(Block(self.fresh("branch"), names, inner.statements, _tuple(after)))
        return blocks, operands, tuple(scope.env[v.name] for v in operands)

    def _cond(self, scope: Scope) -> None:
        x = self.pick(scope, lambda v: v.kind != "c")
        if x is None:
            return
        blocks, operands, examples = self._branches(scope, 2)
        pred = f"{x}.sum() > {self.rng.choice(['0', '1', '0.25'])}"
        args = ", ".join([pred, *(b.name for b in blocks), *(v.name for v in operands)])
        self.accept(scope, f"lax.cond({args})", blocks, examples)

    def _switch(self, scope: Scope) -> None:
        x = self.pick(scope, lambda v: v.kind in "iu" and v.size)
        blocks, operands, examples = self._branches(scope, self.rng.choice([1, 2, 3]))
        index = f"{x}.reshape(-1)[0]" if x is not None else "1"
        names = ", ".join(b.name for b in blocks)
        args = ", ".join([index, f"[{names}]", *(v.name for v in operands)])
        self.accept(scope, f"lax.switch({args})", blocks, examples)

    def _function(
        self, scope: Scope, want: Any = None, floats: bool = False
    ) -> tuple[Block, list[Var]] | None:
        """A function of one or two values of the scope."""
        args = [v for v in (self.pick(scope, want) for _ in range(self.rng.choice([1, 2]))) if v]
        if not args:
            return None
        names = [self.fresh("a") for _ in args]
        examples = [(m, scope.env[v.name]) for m, v in zip(names, args, strict=True)]
        inner, own = self.block(scope, examples, self.rng.randint(1, 4))
        if floats:
            result = self.pick(inner, lambda v: v.kind == "f")
            if result is None:
                return None
            returns = f"({result} * {own[0]}.sum()).sum().astype('f8')"
        else:
            returns = self.results(inner)
        return Block(self.fresh("g"), names, inner.statements, returns), args

    def _jit(self, scope: Scope, wrap: str = "bibun.jit") -> None:
        made = self._function(scope)
        if made is not None:
            block, args = made
            given = ", ".join(v.name for v in args)
            self.accept(scope, f"{wrap}({block.name})({given})", [block])

    def _checkpoint(self, scope: Scope) -> None:
        self._jit(scope, "bibun.checkpoint")

    def _map(self, scope: Scope) -> None:
        x = self.pick(scope, lambda v: v.ndim and 0 < v.shape[0] <= 9)
        if x is None:
            return
        a = self.fresh("a")
        inner, _ = self.block(scope, [(a, scope.env[x.name][0])], self.rng.randint(1, 3))
        block = Block(self.fresh("g"), [a], inner.statements, self.results(inner))
        extra = f", batch_size={self.rng.choice([1, 2, 4])}" if self.chance(0.3) else ""
        self.accept(scope, f"lax.map({block.name}, {x}{extra})", [block])

    def _vmap(self, scope: Scope) -> None:
        x = self.pick(scope, lambda v: v.ndim and v.size and min(v.shape) <= 9)
        if x is None:
            return
        axis = min(range(x.ndim), key=lambda k: x.shape[k])
        value = scope.env[x.name]
        a = self.fresh("a")
        inner, _ = self.block(scope, [(a, bnp.moveaxis(value, axis, 0)[0])], self.rng.randint(1, 4))
        block = Block(self.fresh("g"), [a], inner.statements, self.results(inner))
        self.accept(scope, f"bibun.vmap({block.name}, in_axes={axis})({x})", [block])

    def _grad(self, scope: Scope) -> None:
        made = self._function(scope, lambda v: v.dtype == np.float64, floats=True)
        if made is not None:
            block, args = made
            given = ", ".join(v.name for v in args)
            nums = tuple(range(len(args)))
            self.accept(scope, f"bibun.grad({block.name}, argnums={nums})({given})", [block])

    def _jvp(self, scope: Scope) -> None:
        made = self._function(scope, lambda v: v.dtype == np.float64, floats=True)
        if made is not None:
            block, args = made
            given = _tuple([v.name for v in args])
            along = _tuple([f"bnp.cos({v})" for v in args])
            self.accept(scope, f"bibun.jvp({block.name}, {given}, {along})", [block])

    def _associative_scan(self, scope: Scope) -> None:
        x = self.pick(scope, lambda v: v.ndim and v.kind in "fiu")
        if x is None:
            return
        k = self.rng.randrange(x.ndim)
        how = self.rng.choice(["a + b", "bnp.maximum(a, b)", "bnp.minimum(a, b)"])
        if x.kind == "f":
            how = self.rng.choice([how, "bnp.tanh(a) * bnp.tanh(b)", "bnp.logaddexp(a, b)"])
        block = Block(self.fresh("op"), ["a", "b"], [], how)
        extra = ", reverse=True" if self.chance(0.3) else ""
        self.accept(scope, f"lax.associative_scan({block.name}, {x}{extra}, axis={k})", [block])

    def _custom_vjp(self, scope: Scope) -> None:
        """sin with a rule that is not its derivative, so that one sees whether it is used."""
        x = self.pick(scope, lambda v: v.dtype == np.float64)
        if x is None:
            return
        f, fwd, bwd = (self.fresh(p) for p in ("g", "fwd", "bwd"))
        blocks = [
            Block(f, ["a"], [], "bnp.sin(a)"),
            Block(fwd, ["a"], [], "(bnp.sin(a), (a, a.sum()))"),
            Block(bwd, ["res", "ct"], [], "(ct * (res[0] + bnp.tanh(res[1])),)"),
        ]
        self.accept(scope, f"with_vjp({f}, {fwd}, {bwd})({x})", blocks)

    def _custom_jvp(self, scope: Scope) -> None:
        x = self.pick(scope, lambda v: v.dtype == np.float64)
        if x is None:
            return
        f, rule = self.fresh("g"), self.fresh("rule")
        blocks = [
            Block(f, ["a"], [], "bnp.cos(a)"),
            Block(rule, ["p", "t"], [], "(bnp.cos(p[0]), t[0] * (p[0] + bnp.tanh(p[0].sum())))"),
        ]
        self.accept(scope, f"with_jvp({f}, {rule})({x})", blocks)


def _tuple(names: list[str]) -> str:
    return f"({', '.join(names)}{',' if names else ''})"


class _Unpack(Statement):
    """`a, b = carry`: never in the way of the minimiser."""

    def constant(self) -> Statement:
        return self


def _unpack(names: list[str], of: str) -> Statement:
    text = f"{of}[0]" if len(names) == 1 else of
    return _Unpack(dict.fromkeys(names, ((), np.dtype("f8"))), text)
