"""`bibun gallery`: run the worked examples and put their figures on one page.

The examples are plain scripts, each with a function `main(out)` that writes its figures into the
folder `out`; `gallery.toml` beside them says which figures those are and what to say about them.
In a checkout they are in `examples/`; an installed bibun carries them as `bibun/examples`.

They run one after another in this process, so that a figure's time is that of the computation
and not of imports. One that fails is reported on the page and at the end; the others are drawn.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import time
import tomllib
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bibun
from bibun.cli.errors import Stopped, UserError

LANGUAGES = ("en", "ja")
DESCRIPTION = """\
Run the worked examples, a folder a chapter, and write their figures and one HTML page that
shows them with the code that drew them (DIR/index.html; it needs no other file)."""


@dataclass(frozen=True)
class Figure:
    """A picture that an example draws, and what is said about it, by language."""

    number: str
    file: str
    title: dict[str, str]
    text: dict[str, str]


@dataclass
class Example:
    """A script, its figures, and what came of running it."""

    script: Path
    chapter: dict[str, str]
    figures: list[Figure] = field(default_factory=list)
    seconds: float | None = None
    failure: str | None = None

    @property
    def name(self) -> str:
        """The script as a reader finds it: folder and file."""
        return f"{self.script.parent.name}/{self.script.name}"


def folder() -> Path:
    """Where the examples are: in the installed package, else in the checkout around it."""
    package = Path(bibun.__file__).parent
    for candidate in (package / "examples", package.parents[1] / "examples"):
        if (candidate / "gallery.toml").is_file():
            return candidate
    raise UserError(f"the examples are not there: no examples/gallery.toml beside {package}")


def catalogue(root: Path | None = None) -> list[Example]:
    """All examples, in the order of the page.

    root: the folder of `gallery.toml`, bibun's own unless given. Errors: UserError where the
    table names a script that is not there or lacks a text.
    """
    root = folder() if root is None else root
    table = tomllib.loads((root / "gallery.toml").read_text(encoding="utf-8"))
    examples: dict[Path, Example] = {}
    for chapter in table["chapter"]:
        heading = {language: chapter[language] for language in LANGUAGES}
        for entry in chapter["figure"]:
            script = root / chapter["folder"] / entry["script"]
            if not script.is_file():
                raise UserError(f"gallery.toml: figure {entry['number']}: no file {script}")
            title, text = ({k: entry[k][what] for k in LANGUAGES} for what in ("title", "text"))
            example = examples.setdefault(script, Example(script, heading))
            example.figures.append(Figure(entry["number"], entry["file"], title, text))
    return list(examples.values())


def chosen(examples: Sequence[Example], only: Sequence[str]) -> list[Example]:
    """The examples that draw one of the figures asked for: "2.1", or "7" for all of 7.x."""
    if not only:
        return list(examples)
    wanted = {part.strip() for text in only for part in text.split(",") if part.strip()}
    numbers = [f.number for e in examples for f in e.figures]

    def fits(number: str, want: str) -> bool:
        return number.lower() == want.lower() or number.lower().startswith(want.lower() + ".")

    unknown = sorted(w for w in wanted if not any(fits(n, w) for n in numbers))
    if unknown:
        raise UserError(
            f"--only: there is no figure {', '.join(unknown)}; there are {', '.join(numbers)}"
        )
    return [e for e in examples if any(fits(f.number, w) for f in e.figures for w in wanted)]


def run(example: Example, out: Path) -> None:
    """Run one example; its time and, if it fails, why are noted in it."""
    import matplotlib
    import matplotlib.pyplot as plt

    for figure in example.figures:
        (out / figure.file).unlink(missing_ok=True)  # an earlier run's is not this run's
    start = time.perf_counter()
    try:
        with matplotlib.rc_context():
            runpy.run_path(str(example.script))["main"](out)
        lacking = [f.file for f in example.figures if not (out / f.file).is_file()]
        if lacking:
            raise FileNotFoundError(f"main(out) did not write {', '.join(lacking)}")
    except Exception as error:
        # from the example's own lines on; what called it is of no interest
        lines = traceback.format_exception(error)
        example.failure = "".join(lines[:1] + lines[2:] if len(lines) > 2 else lines)
    finally:
        example.seconds = time.perf_counter() - start
        plt.close("all")


def gallery(given: argparse.Namespace, command: Sequence[str]) -> int:
    """Draw, write the page, say what came of it; 0, or 1 where an example failed."""
    examples = chosen(catalogue(), given.only or [])
    if given.list:
        for example in examples:
            for figure in example.figures:
                print(f"{figure.number:>6}  {figure.title['en']}  ({example.name})")
        return 0
    try:
        import matplotlib
    except ImportError:
        raise UserError("figures need matplotlib: pip install 'bibun[plots]'") from None
    from tqdm import tqdm

    from bibun.cli.gallery_page import page

    matplotlib.use("Agg")
    out: Path = given.out
    figures = out / "figures"
    try:
        figures.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror or error}") from None
    start = time.perf_counter()
    quiet = None if given.progress is None else not given.progress  # None: ask the terminal
    with tqdm(examples, unit="example", disable=quiet) as bar:
        for example in bar:
            bar.set_description(example.name)
            try:
                run(example, figures)
            except KeyboardInterrupt:
                raise Stopped(f"stopped; the figures drawn so far are in {figures}") from None
            numbers = ", ".join(f.number for f in example.figures)
            how = "FAILED" if example.failure else f"{example.seconds:.1f} s"
            bar.write(f"{how:>8}  {example.name}  ({numbers})", file=sys.stdout)
    index = out / "index.html"
    index.write_text(
        page(examples, figures, seconds=time.perf_counter() - start, command=command),
        encoding="utf-8",
    )
    failed = [e for e in examples if e.failure]
    for example in failed:
        print(f"\n{example.name} failed:\n{example.failure}", file=sys.stderr)
    drawn = sum(len(e.figures) for e in examples if not e.failure)
    print(f"{drawn} figures, {len(failed)} examples failed: {index}")
    return 1 if failed else 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `bibun gallery`."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("site"), metavar="DIR", help="folder (default: site/)")
    add(
        "--only", action="append", metavar="FIGURES",
        help="some figures, as 2.1 or 3.8; a chapter, as 7; several with commas",
    )  # fmt: skip
    add("--list", action="store_true", help="name the figures and draw nothing")
    add(
        "--progress", action=argparse.BooleanOptionalAction, default=None,
        help="progress bar (default: where standard error is a terminal)",
    )  # fmt: skip
