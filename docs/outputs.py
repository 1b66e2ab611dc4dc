"""Run the code of the pages, and write what it prints into them.

    python docs/outputs.py            all pages
    python docs/outputs.py docs/how-it-works.md

A page's Python blocks run in one namespace, from the top down. A `text` block after one is its
output. Japanese pages take theirs from the English ones, whose code they have. A test compares
(tests/docs/); this command is for when the change is meant.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parent
FENCE = re.compile(r"^```(\S+|\{[^}]*\})\n(.*?)^```$", re.S | re.M)


@dataclass
class Ran:
    """A block of code that ran: what it printed, and the block of output after it, if any."""

    number: int
    printed: str
    output: re.Match[str] | None

    @property
    def of_this_machine(self) -> bool:
        """Whether the output is said to be that of one machine: its fence has a title."""
        return self.output is not None and "title=" in self.output[1]


def pages() -> list[Path]:
    """The written pages; not the decisions, whose code is in pieces."""
    found = (*DOCS.glob("*.md"), *DOCS.glob("tutorial/*.md"), *DOCS.glob("ja/**/*.md"))
    return sorted(found)


def english(page: Path) -> Path:
    """The page whose code a page has: its own, or that of its English twin."""
    inside = page.relative_to(DOCS)
    return DOCS / inside.relative_to("ja") if inside.parts[0] == "ja" else page


def run(page: Path) -> Iterator[Ran]:
    """Run a page's code in the current directory, a block at a time."""
    namespace: dict = {"__name__": "__main__"}
    blocks = list(FENCE.finditer(page.read_text(encoding="utf-8")))
    for k, block in enumerate(blocks):
        if block[1] != "python":
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            name = f"{page.relative_to(DOCS)}, block {k + 1}"
            exec(compile(block[2], name, "exec"), namespace)
        after = blocks[k + 1] if k + 1 < len(blocks) else None
        is_output = after is not None and re.match(r"text$|\{\.text", after[1])
        yield Ran(k + 1, out.getvalue(), after if is_output else None)


def refresh(page: Path) -> bool:
    """Rewrite a page's outputs; whether anything changed."""
    text = page.read_text(encoding="utf-8")
    parts, end = [], 0
    for ran in run(page):
        if ran.output is not None:
            parts += [text[end : ran.output.start(2)], ran.printed.rstrip() + "\n"]
            end = ran.output.end(2)
    new = "".join((*parts, text[end:]))
    page.write_text(new, encoding="utf-8")
    return new != text


def copy_outputs(page: Path) -> bool:
    """Give a Japanese page the outputs of its English twin; whether anything changed."""
    text = page.read_text(encoding="utf-8")
    theirs = iter(FENCE.findall(english(page).read_text(encoding="utf-8")))

    def replaced(block: re.Match[str]) -> str:
        fence, body = next(theirs)
        return f"```{fence}\n{body}```"

    new = FENCE.sub(replaced, text)
    page.write_text(new, encoding="utf-8")
    return new != text


def main(names: list[str]) -> None:
    chosen = [Path(n).resolve() for n in names] or pages()
    os.chdir(tempfile.mkdtemp())  # pages write files
    for page in sorted(chosen, key=lambda p: english(p) != p):
        changed = refresh(page) if english(page) == page else copy_outputs(page)
        if changed:
            print(page.relative_to(DOCS))


if __name__ == "__main__":
    main(sys.argv[1:])
