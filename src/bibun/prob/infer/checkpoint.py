"""A run of MCMC on disk: killed at any moment, it goes on and gives the same draws.

A transition is a function of a chain's state alone (the random key is part of it), and so is what
happens at the end of an adaptation window. How many transitions share a native call depends
on the clock, but no number does. So state, draws so far and place in the schedule are all there
is to a chain; after each chunk it leaves these in one tuple, `Chain.mark`, and a thread
writes the marks of all chains to disk every few seconds while they run on. `bibun.store`
makes each save atomic. Resuming puts the marks back.

The draws are then those of an unbroken run, bit for bit, provided that model, data, options,
software and processor are the same. A fingerprint of these is stored with the run. A different
model, data or option is an error, for the draws would belong to no posterior at all;
other software or another processor is a warning, for only roundings change. As a fingerprint cannot
see everything (a helper function, an array in a closure), the log density at each chain's
position is computed again and compared as well.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import inspect
import os
import platform
import textwrap
import threading
import time
import types
import typing
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import bibun
from bibun import random, store, tree
from bibun.array import Array
from bibun.config import config
from bibun.prob.infer.hmc import HMCState
from bibun.store import args as store_args
from bibun.store import atomic

VERSION = 2
EVERY = 5.0  # seconds between saves
_NO_OPTIONS = ("model", "potential_fn", "flat", "init_strategy", "moves")
SHARE = 20.0  # a save that takes t seconds is followed by at least SHARE * t without one


class Mark(NamedTuple):
    """Where a chain is: consistent in itself, replaced as a whole.

    `moved`: transitions of warmup done; `window`: adaptation windows whose end has been dealt with,
    and one more when warmup is over; `done`: draws kept.
    """

    state: HMCState
    moved: int = 0
    window: int = 0
    done: int = 0


class Run(NamedTuple):
    """A run read back from disk."""

    key: Any
    warm: bool
    marks: list[Mark]
    draws: list[np.ndarray]
    stats: list[dict[str, np.ndarray]]


def _checkpointer() -> store.Checkpointer:
    return store.Checkpointer(store.CompositeCheckpointHandler("run", "chains"))


# The fingerprint ------------------------------------------------------------------------------


def _digest(*parts: Any) -> str:
    h = hashlib.sha256()
    for p in parts:
        h.update(p if isinstance(p, bytes) else str(p).encode())
        h.update(b"\0")
    return h.hexdigest()[:32]


def _code(code: types.CodeType) -> str:
    constants = [_code(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return _digest(code.co_code, code.co_names, code.co_varnames, constants)


def function_text(f: Any) -> str:
    """The source of a function without comments and layout; of its bytecode where there is none.

    Seen through: partials, methods, handlers around a model.

    >>> def f(x): return x  # a comment
    >>> function_text(print)
    'print'
    """
    layers = []
    while True:
        if isinstance(f, functools.partial):
            f = f.func
        elif inspect.ismethod(f):
            f = f.__func__
        elif callable(getattr(f, "fn", None)):
            layers.append(type(f).__qualname__)
            f = f.fn
        elif hasattr(f, "__wrapped__"):
            f = f.__wrapped__
        else:
            break
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(f))).body
        if not isinstance(definition, ast.FunctionDef):
            raise SyntaxError("a lambda: its lines may hold others too")
        text = ast.unparse(definition)
    except (OSError, TypeError, ValueError, SyntaxError):  # no source, or more than the function
        code = getattr(f, "__code__", getattr(type(f).__call__, "__code__", None))
        text = _code(code) if code is not None else getattr(f, "__qualname__", repr(type(f)))
    return " ".join([*layers, text])


def _leaf_text(x: Any) -> str:
    if isinstance(x, Array | np.ndarray | np.generic):
        a = np.ascontiguousarray(np.asarray(x._value if isinstance(x, Array) else x))
        return f"{a.dtype}{list(np.shape(x))} {_digest(a.tobytes())}"
    if isinstance(x, bool | int | float | complex | str | bytes):
        return f"{type(x).__name__} {x!r}"
    if isinstance(x, tuple | list):
        return f"[{', '.join(map(_leaf_text, x))}]"
    if isinstance(x, Mapping):
        return f"{{{', '.join(f'{k!r}: {_leaf_text(v)}' for k, v in x.items())}}}"
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        values = {f.name: getattr(x, f.name) for f in dataclasses.fields(x)}
        return f"{type(x).__qualname__} {_leaf_text(values)}"
    if callable(x):
        return f"function {_digest(function_text(x))}"
    return type(x).__qualname__


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def fingerprint(mcmc: Any, args: Any, kwargs: Any) -> dict[str, dict[str, str]]:
    """What the draws depend on besides the key, as texts: model, data, options, environment."""
    from importlib.metadata import version

    sampler = mcmc.sampler
    data = {}
    for name, value in (("args", args), ("kwargs", kwargs)):
        for path, leaf in tree.leaves_with_path(value):
            data[name + tree.keystr(path)] = _leaf_text(leaf)
    options = {"sampler": type(sampler).__name__}
    for name, value in sorted(vars(sampler).items()):
        # where a chain began is in its state; what a set-up leaves behind is no option
        if not name.startswith("_") and name not in _NO_OPTIONS:
            options[name] = _leaf_text(value) if value is not None else "None"
    options |= {
        "num_warmup": str(mcmc.num_warmup), "num_chains": str(mcmc.num_chains),
        "enable_x64": str(config.enable_x64),
    }  # fmt: skip
    return {
        "model": {"source": _digest(function_text(sampler.model or sampler.potential_fn))},
        "data": data,
        "options": options,
        "environment": {
            "bibun": bibun.__version__,
            "python": platform.python_version(),
            **{p: version(p) for p in ("numpy", "scipy", "llvmlite")},
            "processor": _processor(),
        },
    }


def compare(
    stored: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]], path: Any
) -> None:
    """Say how two fingerprints differ.

    Errors: CheckpointMismatchError for another model, other data or options; a RuntimeWarning for
    other software or another processor.
    """

    def differences(part: str) -> list[str]:
        a, b = stored.get(part, {}), now[part]
        return [
            f"{k}: {a.get(k, 'absent')} when it was stored, {b.get(k, 'absent')} now"
            for k in dict.fromkeys([*a, *b])
            if a.get(k) != b.get(k)
        ]

    wrong = {p: d for p in ("model", "data", "options") if (d := differences(p))}
    if wrong:
        text = "".join(f"\n  {part}: {d}" for part, ds in wrong.items() for d in ds)
        raise store.CheckpointMismatchError(
            f"the run in {path} cannot go on here, because it was another run:{text}\n"
            "resume with the model, data and options it began with, or begin anew"
        )
    if other := differences("environment"):
        warnings.warn(
            f"the run in {path} was begun elsewhere, so its draws may not be bit for bit those of "
            f"an unbroken run: {'; '.join(other)}",
            RuntimeWarning,
            stacklevel=5,
        )


# Writing ------------------------------------------------------------------------------------------


class Saver:
    """Stores chains while they run: at once, every few seconds, and at the end.

    A context manager around the running of the chains. A save that fails while they run is a
    warning and tried again later; `finish` raises if the last one fails.
    """

    def __init__(
        self, path: str | os.PathLike[str], chains: Sequence[Any], about: dict[str, Any],
        every: float = EVERY, replace: bool = False,
    ) -> None:  # fmt: skip
        self.path, self.chains, self.about, self.every = path, chains, about, every
        self.replace = replace
        self.error: OSError | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="bibun.checkpoint", daemon=True)

    def save(self) -> None:
        """Store where every chain is now."""
        marks = [c.mark for c in self.chains]
        chains = [
            {
                "state": {tree.keystr(p): x for p, x in tree.leaves_with_path(m.state)},
                "draws": _rows(c.draws, m.done),
                "stats": {name: _rows(rows, m.done) for name, rows in c.stats.items()},
            }
            for c, m in zip(self.chains, marks, strict=True)
        ]
        places = [{"moved": m.moved, "window": m.window, "done": m.done} for m in marks]
        _checkpointer().save(
            self.path,
            args=store_args.Composite(
                run=store_args.JsonSave({**self.about, "chains": places}),
                chains=store_args.StandardSave(chains),
            ),
            force=self.replace,
        )
        self.replace = True

    def __enter__(self) -> Saver:
        self.save()  # what is wrong with the path or the disk comes out before any work is done
        self._thread.start()
        return self

    def _work(self) -> None:
        wait = self.every
        while not self._end.wait(wait):
            begin = time.perf_counter()
            try:
                self.save()
            except OSError as e:
                warnings.warn(f"{e}; the run goes on", RuntimeWarning, stacklevel=1)
            wait = max(self.every, SHARE * (time.perf_counter() - begin))

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()
        try:
            self.save()
        except OSError as e:
            self.error = e

    def finish(self) -> None:
        """Raise if the last save failed; called when the draws are safe in memory."""
        if self.error is not None:
            raise self.error


def _rows(pieces: list[np.ndarray], count: int) -> np.ndarray:
    """The first `count` rows of what a chain has put down; it may be adding to the list."""
    pieces = list(pieces)
    return np.concatenate(pieces)[:count] if pieces else np.zeros((0,))


def describe(fingerprints: dict[str, Any], key: Any, warm: bool) -> dict[str, Any]:
    """What is stored once a run."""
    data = np.asarray(random.key_data(key))
    return {
        "what": "mcmc", "version": VERSION, "fingerprint": fingerprints, "warm": warm,
        "key": data.tolist(), "typed_key": np.asarray(key).dtype != np.uint32,
    }  # fmt: skip


# Reading ------------------------------------------------------------------------------------------


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether there is something at the path, also half way through being replaced."""
    return os.path.lexists(atomic.locate(atomic.absolute(path)))


def refuse_existing(path: str | os.PathLike[str]) -> None:
    """Errors: FileExistsError that says how to go on."""
    if exists(path):
        raise FileExistsError(
            17, "a run is stored here: mcmc.resume(path, *args) goes on with it, "
            "run(..., checkpoint=path, resume=True) goes on or begins", os.fspath(path),
        )  # fmt: skip


def load(path: str | os.PathLike[str], mcmc: Any, now: dict[str, Any], wanted: Any = None) -> Run:
    """Read a run back. `now`: the fingerprint it must have; `wanted`: the key, or None for any.

    Errors: FileNotFoundError; those of `bibun.store`; CheckpointMismatchError (see `compare`).
    """
    found = _checkpointer().restore(path)
    about = found.get("run")
    if not isinstance(about, dict) or about.get("what") != "mcmc":
        raise store.CheckpointError(f"{path} is a checkpoint, but not of a run of MCMC")
    if about["version"] != VERSION:
        raise store.CheckpointError(
            f"{path} is a run in version {about['version']} of its format; this bibun reads "
            f"{VERSION}"
        )
    compare(about["fingerprint"], now, path)
    key = Array(np.asarray(about["key"], dtype=np.uint32))
    if about["typed_key"]:
        key = random.wrap_key_data(key)
    if wanted is not None and not np.array_equal(random.key_data(wanted), about["key"]):
        raise store.CheckpointMismatchError(
            f"the run in {path} began with another rng_key; mcmc.resume(path, *args) takes its own"
        )
    marks, draws, stats = [], [], []
    for place, chain in zip(about["chains"], found.chains, strict=True):
        kind = getattr(mcmc.sampler, "state_type", HMCState)
        state = _fill(kind, "", dict(chain["state"]), path)
        marks.append(Mark(state, place["moved"], place["window"], place["done"]))
        # copies: a resumed run replaces the file these are mapped from
        draws.append(np.array(chain["draws"]))
        stats.append({k: np.array(v) for k, v in chain["stats"].items()})
        if place["done"] > mcmc.num_samples:
            raise store.CheckpointMismatchError(
                f"{path} has {place['done']} draws a chain already, more than "
                f"num_samples={mcmc.num_samples}: num_samples may grow, not shrink"
            )
    return Run(key, about["warm"], marks, draws, stats)


def _fill(kind: Any, where: str, leaves: dict[str, Any], path: Any) -> Any:
    """A named tuple of arrays from its leaves; fields that are named tuples are gone into."""
    hints = typing.get_type_hints(kind)
    values = []
    for name in kind._fields:
        here = f"{where}.{name}"
        if hasattr(hints[name], "_fields"):
            values.append(_fill(hints[name], here, leaves, path))
        elif here in leaves:
            a = leaves[here]
            values.append(Array(np.array(a), a.weak) if isinstance(a, Array) else a)
        else:
            raise store.CheckpointMismatchError(
                f"{path} has no {here[1:]} in a chain's state: it is of another version of bibun"
            )
    return kind(*values)


def check_density(
    marks: Sequence[Mark], value_and_grad: Callable[[Any], tuple[Any, Any]], path: Any
) -> None:
    """Compare the potential at each chain's position with the one stored.

    Errors: CheckpointMismatchError: the model or something that it reads is not what it was.
    """
    for k, mark in enumerate(marks):
        then, now = float(mark.state.potential_energy), float(value_and_grad(mark.state.z)[0])
        if not np.isclose(then, now, rtol=1e-6, atol=1e-6):
            raise store.CheckpointMismatchError(
                f"the run in {path} cannot go on here: the log density at the position of chain "
                f"{k} was {-then!r} and is {-now!r} now, so the model, or a function or an array "
                "that it reads, has changed"
            )
