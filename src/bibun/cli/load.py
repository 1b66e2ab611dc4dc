"""From a model file and a table to a model with its data.

A model file is Python: a function, `model` unless another is named, whose parameters are
columns of the table, and perhaps `settings`, a dict of defaults for the command's options.
Its folder is on the import path, so that it may be split into modules.
"""

from __future__ import annotations

import difflib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bibun import random
from bibun.cli.errors import UserError, describe_failure, shown
from bibun.cli.table import Table
from bibun.prob import handlers

SETTINGS: dict[str, tuple[type, ...]] = {
    "chains": (int,),
    "warmup": (int,),
    "samples": (int,),
    "seed": (int,),
    "target_accept": (float, int),
    "max_tree_depth": (int,),
    "dense_mass": (bool,),
    "observed": (str, list, tuple),
    "x": (str,),
    "show": (str, list, tuple),
    "init": (dict, str),
    "missing": (str,),
}


@dataclass
class Site:
    """A statement of the model, as one run of it showed."""

    name: str
    kind: str  # "latent", "observed" or "deterministic"
    shape: tuple[int, ...]
    distribution: str = ""
    value: np.ndarray | None = None  # of an observed site
    column: str | None = None  # whose values an observed site has


@dataclass
class Job:
    """A model bound to its data."""

    path: Path
    name: str
    source: str
    function: Callable[..., Any]
    arguments: dict[str, np.ndarray]
    table: Table
    sites: dict[str, Site] = field(default_factory=dict)

    def run(self, arguments: Mapping[str, Any]) -> Any:
        """The model as a function of one dict, so that no column clashes with an option."""
        return self.function(**arguments)

    def of_kind(self, kind: str) -> list[Site]:
        return [s for s in self.sites.values() if s.kind == kind]


def load_module(path: Path, show_traceback: bool = False) -> tuple[ModuleType, str]:
    """Run a model file; the module and its source. Errors: UserError with the user's line."""
    try:
        source = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{shown(path)}: there is no such model file") from None
    except IsADirectoryError:
        raise UserError(f"{shown(path)}: is a directory; expected a Python file") from None
    except UnicodeDecodeError:
        raise UserError(f"{shown(path)}: is no text file; expected Python source") from None
    except OSError as e:
        raise UserError(f"{shown(path)}: cannot be read: {e.strerror}") from None
    if path.suffix != ".py":
        raise UserError(f"{shown(path)}: expected a Python file (.py) that defines the model")
    module = ModuleType("bibun_model")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pickles look there
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    with failures(f"{shown(path)}: the model file failed", show_traceback):
        exec(compile(source, str(path), "exec"), module.__dict__)
    return module, source


class failures:
    """Turn whatever the user's code raises into a UserError that shows the user's line."""

    def __init__(self, what: str, show_traceback: bool) -> None:
        self.what = what
        self.show_traceback = show_traceback

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, KeyboardInterrupt | UserError):
            return
        if self.show_traceback:
            traceback.print_exception(error)
        hint = "" if self.show_traceback else "\n  (--traceback shows where it came from)"
        raise UserError(describe_failure(self.what, error) + hint) from None


def read_settings(module: ModuleType, path: Path) -> dict[str, Any]:
    """The file's `settings`, checked. Errors: UserError naming the key."""
    settings = getattr(module, "settings", {})
    if not isinstance(settings, Mapping):
        raise UserError(f"{shown(path)}: `settings` must be a dict, got {type(settings).__name__}")
    for key, value in settings.items():
        if key not in SETTINGS:
            close = difflib.get_close_matches(str(key), SETTINGS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise UserError(
                f"{shown(path)}: settings has no option {key!r}{hint} "
                f"(there are: {', '.join(SETTINGS)})"
            )
        wanted = SETTINGS[key]
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            kinds = " or ".join(t.__name__ for t in wanted)
            raise UserError(
                f"{shown(path)}: settings[{key!r}] must be of type {kinds}, got {value!r}"
            )
    return dict(settings)


def find_function(module: ModuleType, path: Path, name: str) -> Callable[..., Any]:
    """The model function. Errors: UserError listing the functions that are there."""
    function = getattr(module, name, None)
    if callable(function):
        return function
    there = [
        k
        for k, v in vars(module).items()
        if inspect.isfunction(v) and v.__module__ == module.__name__
    ]
    listed = f"it defines: {', '.join(there)}" if there else "it defines no function"
    raise UserError(f"{shown(path)}: no function {name!r} ({listed}); choose one with --model NAME")


def bind_columns(
    function: Callable[..., Any], name: str, path: Path, table: Table, missing: str
) -> tuple[dict[str, np.ndarray], Table, int]:
    """The model's arguments from the table: (arguments, the table used, rows dropped).

    Errors: UserError for a parameter without default that no column has.
    """
    columns: dict[str, str] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.kind == parameter.POSITIONAL_ONLY:
            raise UserError(
                f"{shown(path)}: {name}() takes {parameter.name!r} by position only; columns are "
                "passed by name"
            )
        column = table.find(parameter.name)
        if column is not None:
            columns[parameter.name] = column
        elif parameter.default is parameter.empty:
            raise UserError(
                f"{shown(table.path)}: no column {parameter.name!r}, which {name}() of "
                f"{shown(path)} needs{table.suggestion(parameter.name)} "
                f"(columns: {', '.join(table.columns) or 'none has a name'})"
            )
    if not columns:
        raise UserError(
            f"{shown(path)}: {name}() takes no column of {shown(table.path)} "
            f"(columns: {', '.join(table.columns)})"
        )
    dropped: set[int] = set()
    if missing == "drop":
        for column in columns.values():
            dropped.update(table.missing(column))
        if len(dropped) == len(table):
            raise UserError(f"{shown(table.path)}: every row lacks a value; nothing is left")
        table = table.without(dropped)
    return {a: table.numbers(c) for a, c in columns.items()}, table, len(dropped)


def trace_model(job: Job, seed: int) -> dict[str, Site]:
    """Run the model once, and describe its statements."""
    seeded = handlers.seed(job.run, rng_seed=random.PRNGKey(seed))
    trace = handlers.trace(seeded).get_trace(job.arguments)
    sites = {}
    for name, message in trace.items():
        if message["type"] == "deterministic":
            sites[name] = Site(name, "deterministic", np.shape(message["value"]))
        elif message["type"] == "sample" and not message["is_observed"]:
            kind = type(message["fn"]).__name__
            sites[name] = Site(name, "latent", np.shape(message["value"]), kind)
        elif message["type"] == "sample" and not message["infer"].get("is_auxiliary"):
            value = np.asarray(message["value"])
            kind = type(message["fn"]).__name__
            sites[name] = Site(name, "observed", value.shape, kind, value, _same(job, value))
    return sites


def _same(job: Job, value: np.ndarray) -> str | None:
    """The argument whose values these are."""
    for name, column in job.arguments.items():
        if column.shape == value.shape and np.array_equal(column, value):
            return name
    return None


def choose_observed(job: Job, names: list[str]) -> list[Site]:
    """The sites to predict: those named (by column or site), or those that observe a column."""
    observed = job.of_kind("observed")
    if not names:
        return [s for s in observed if s.column is not None] or observed
    chosen = []
    for name in names:
        matching = [s for s in observed if name in (s.column, s.name)]
        if not matching:
            there = ", ".join(
                s.name if s.column in (None, s.name) else f"{s.name} (column {s.column})"
                for s in observed
            )
            raise UserError(
                f"--observed {name}: no site of {shown(job.path)} observes a column of that name "
                f"or is called so (observed: {there or 'nothing'})"
            )
        chosen += [s for s in matching if s not in chosen]
    return chosen
