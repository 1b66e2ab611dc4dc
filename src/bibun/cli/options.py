"""The options of `bibun fit`: from the command line, else from the model file's `settings`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bibun.cli.errors import UserError

STARTS = ("uniform", "median", "mean", "sample")


@dataclass
class Options:
    """What a fit is told to do."""

    model_file: Path
    data_file: Path
    out: Path = Path("results")
    model: str = "model"
    chains: int = 4
    warmup: int = 1000
    samples: int = 1000
    seed: int = 0
    observed: list[str] = field(default_factory=list)
    x: str | None = None
    show: list[str] = field(default_factory=list)
    target_accept: float = 0.8
    max_tree_depth: int = 10
    dense_mass: bool = False
    missing: str = "error"
    init: Any = "uniform"
    progress: bool | None = None
    traceback: bool = False

    def check(self) -> None:
        """Errors: UserError naming the option, what it got and what fits."""
        for name, least in (("chains", 1), ("warmup", 0), ("samples", 1), ("seed", 0)):
            value = getattr(self, name)
            if value < least:
                raise UserError(f"--{name} must be at least {least}, got {value}")
        if not 0.0 < self.target_accept < 1.0:
            raise UserError(f"--target-accept must be between 0 and 1, got {self.target_accept}")
        if not 1 <= self.max_tree_depth <= 20:
            raise UserError(f"--max-tree-depth must be from 1 to 20, got {self.max_tree_depth}")
        if self.missing not in ("error", "drop"):
            raise UserError(f"--missing must be 'error' or 'drop', got {self.missing!r}")
        if isinstance(self.init, str) and self.init not in STARTS:
            raise UserError(
                f"settings['init'] must be a dict of starting values or one of {STARTS}, "
                f"got {self.init!r}"
            )


def names(value: Any) -> list[str]:
    """A list of names from "a,b", ["a", "b"] or ["a,b", "c"]."""
    parts = [value] if isinstance(value, str) else list(value)
    return [n.strip() for part in parts for n in str(part).split(",") if n.strip()]


def combine(given: argparse.Namespace, settings: Mapping[str, Any]) -> Options:
    """The command line over the model file's settings over the defaults."""
    said = {k: v for k, v in vars(given).items() if v is not None}
    known = {f.name for f in fields(Options)}
    merged = {k: v for k, v in {**settings, **said}.items() if k in known}
    for key in ("observed", "show"):
        if key in merged:
            merged[key] = names(merged[key])
    options = Options(**merged)
    options.check()
    return options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `bibun fit`. No defaults here: None means that nothing was said."""
    d = Options(Path(), Path())
    add = parser.add_argument
    add("model_file", metavar="MODEL", type=Path, help="Python file with the model, a function")
    add("data_file", metavar="DATA", type=Path, help="table (CSV) whose columns the model takes")
    add("--out", type=Path, metavar="DIR", help=f"where the results go (default: {d.out}/)")
    add("--model", metavar="NAME", help=f"name of the function (default: {d.model})")
    run = parser.add_argument_group("sampling")
    add = run.add_argument
    add("--chains", type=int, metavar="N", help=f"independent chains (default: {d.chains})")
    add("--warmup", type=int, metavar="N", help=f"warmup draws a chain (default: {d.warmup})")
    add("--samples", type=int, metavar="N", help=f"kept draws a chain (default: {d.samples})")
    add("--seed", type=int, metavar="N", help=f"same seed, same draws (default: {d.seed})")
    add(
        "--target-accept", type=float, metavar="P",
        help=f"acceptance the step size aims at; higher is slower and safer (default: "
        f"{d.target_accept})",
    )  # fmt: skip
    add(
        "--max-tree-depth", type=int, metavar="N",
        help=f"at most 2^N - 1 gradients a draw (default: {d.max_tree_depth})",
    )  # fmt: skip
    add(
        "--dense-mass", action=argparse.BooleanOptionalAction, default=None,
        help="learn correlations between parameters, not only their scales",
    )  # fmt: skip
    data = parser.add_argument_group("data and plots")
    add = data.add_argument
    add(
        "--observed", action="append", metavar="NAMES",
        help="columns or sites to predict (default: the sites that observe a column)",
    )  # fmt: skip
    add(
        "--missing", choices=("error", "drop"),
        help="what to do with rows that lack a value the model takes (default: error)",
    )  # fmt: skip
    add("--x", metavar="COLUMN", help="column along which predictions are drawn")
    add("--show", action="append", metavar="NAMES", help="sites in table and plots, in this order")
    add(
        "--progress", action=argparse.BooleanOptionalAction, default=None,
        help="progress bar (default: where standard error is a terminal)",
    )  # fmt: skip
    add("--traceback", action="store_true", default=None, help="show where an error came from")
