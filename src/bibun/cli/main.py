"""The command `bibun`: arguments, and what an end means to the shell.

Exit status: 0 done; 1 a fault of bibun; 2 something to mend on the user's side, said in one
message; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import bibun

FIT = """\
Fit a probabilistic model to a table.

MODEL is a Python file with a function `model` whose parameters are columns of DATA. Draws of
its posterior are made with NUTS; the summary is printed, and the posterior (netCDF), plots
and one HTML report are written.

The model file may set defaults for these options: settings = {"samples": 2000, "x": "t",
"show": ["K", "jitter"], "init": {"K": 5.0}}."""


ABOUT = """\
Differentiable programming and Bayesian inference for Python.

  bibun fit model.py data.csv --out results/    draw from a model's posterior, and report
  bibun gallery --out site/                     draw the figures of the worked examples

As a library: import bibun; python -c "import bibun; help(bibun.grad)"."""


def parser() -> argparse.ArgumentParser:
    from bibun.cli import gallery, options

    top = argparse.ArgumentParser(
        prog="bibun", description=ABOUT, epilog="bibun COMMAND --help: the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"bibun {bibun.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    fit = commands.add_parser(
        "fit", help="fit a model to a table", description=FIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    options.add_arguments(fit)
    fit.set_defaults(run=_fit)
    shown = commands.add_parser(
        "gallery", help="draw the figures of the worked examples",
        description=gallery.DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    gallery.add_arguments(shown)
    shown.set_defaults(run=gallery.gallery)
    return top


def _fit(given: argparse.Namespace, command: Sequence[str]) -> int:
    from bibun.cli.fit import fit

    return fit(given, list(command))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments:
        parser().print_help(sys.stderr)
        return 2
    given = parser().parse_args(arguments)
    from bibun.cli.errors import Stopped, UserError

    try:
        return given.run(given, ["bibun", *arguments])
    except UserError as e:
        print(f"bibun {given.command}: {e}", file=sys.stderr)
        return 2
    except (Stopped, KeyboardInterrupt) as e:
        what = str(e) or "stopped; nothing was written"
        print(f"\nbibun {given.command}: {what}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
