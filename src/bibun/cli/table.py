"""Reading a table: a header row that names the columns, then numbers.

Commas, semicolons, tabs or blanks separate the values (the header tells which); with
semicolons, a comma may be the decimal sign. Lines that start with `#` and empty lines are
skipped, columns without a name (a written index) are ignored. Cells stay text until a column
is asked for, so that text in a column that no model wants does no harm.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibun.cli.errors import UserError, shown

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "--", "."})
_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


@dataclass
class Table:
    """The cells of a file, column by column, with the line that each row came from."""

    path: Path
    cells: dict[str, list[str]]
    lines: list[int]
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def columns(self) -> list[str]:
        return list(self.cells)

    def find(self, name: str) -> str | None:
        """The column an argument called `name` means: that name, or one written as Python would.

        A column `RV (m/s)` reaches the argument `RV_m_s`.
        """
        if name in self.cells:
            return name
        matches = [c for c in self.cells if re.sub(r"\W+", "_", c).strip("_") == name]
        return matches[0] if len(matches) == 1 else None

    def missing(self, column: str) -> list[int]:
        """The rows (from 0) where a column has no value."""
        return [k for k, text in enumerate(self.cells[column]) if text.lower() in MISSING]

    def without(self, rows: set[int]) -> Table:
        """The table without some rows."""
        keep = [k for k in range(len(self)) if k not in rows]
        cells = {c: [v[k] for k in keep] for c, v in self.cells.items()}
        return Table(self.path, cells, [self.lines[k] for k in keep], self.decimal_comma)

    def numbers(self, column: str) -> np.ndarray:
        """A column as float64; int64 or bool where all of it is written so.

        Errors: UserError that names line, column and text of the first cell that is none.
        """
        texts = self.cells[column]
        absent = self.missing(column)
        if absent:
            k = absent[0]
            more = f" (and {len(absent) - 1} more rows)" if len(absent) > 1 else ""
            raise UserError(
                f"{self.place(k, column)}: the value is missing ({texts[k]!r}){more}. "
                "Fill it in, take the row out, or let `--missing drop` leave such rows out"
            )
        if all(t.lower() in _BOOLEANS for t in texts):
            return np.array([_BOOLEANS[t.lower()] for t in texts])
        if all(_INTEGER.fullmatch(t) for t in texts):
            values = [int(t) for t in texts]
            if max(map(abs, values)) < 2**63:
                return np.array(values, dtype=np.int64)
        return np.array([self._number(k, column, t) for k, t in enumerate(texts)])

    def _number(self, k: int, column: str, text: str) -> float:
        plain = text
        if self.decimal_comma and _DECIMAL_COMMA.fullmatch(text):
            plain = text.replace(",", ".")
        try:
            if "_" in plain:
                raise ValueError
            value = float(plain)
        except ValueError:
            raise UserError(
                f"{self.place(k, column)}: expected a number, found {text!r}"
            ) from None
        if not np.isfinite(value):
            raise UserError(
                f"{self.place(k, column)}: {text!r} is not finite, and no likelihood can use it. "
                "Mend it or take the row out"
            )
        return value

    def place(self, row: int, column: str) -> str:
        return f"{shown(self.path)}, line {self.lines[row]} (row {row + 1}), column {column!r}"

    def suggestion(self, name: str) -> str:
        """A hint at a column with a similar name, or an empty string."""
        lowered = {c.lower(): c for c in self.cells}
        close = difflib.get_close_matches(name.lower(), lowered, n=1)
        return f"; did you mean {lowered[close[0]]!r}?" if close else ""


def read_table(path: Path) -> Table:
    """Read a file. Errors: UserError for a file that cannot be read as a table."""
    text = _text(path)
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise UserError(f"{shown(path)}: the file is empty; expected a header row and data")
    separator = _separator(lines[0][1])
    rows = list(_rows(lines, separator))
    first, header = rows[0]
    _check_header(path, first, header)
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise UserError(
                f"{shown(path)}, line {line}: {len(row)} values, but the header names "
                f"{len(header)} columns ({', '.join(c or '(unnamed)' for c in header)})"
            )
    if len(rows) == 1:
        raise UserError(f"{shown(path)}: there is a header row and no data below it")
    cells = {
        name: [row[k] for _, row in rows[1:]] for k, name in enumerate(header) if name
    }
    return Table(path, cells, [line for line, _ in rows[1:]], decimal_comma=separator == ";")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{shown(path)}: there is no such data file") from None
    except IsADirectoryError:
        raise UserError(f"{shown(path)}: is a directory; expected a table (CSV)") from None
    except UnicodeDecodeError as e:
        raise UserError(
            f"{shown(path)}: is no text file in UTF-8 (byte {e.start}); expected a table (CSV)"
        ) from None
    except OSError as e:
        raise UserError(f"{shown(path)}: cannot be read: {e.strerror}") from None


def _separator(header: str) -> str | None:
    """The character that separates values; None for blanks."""
    bare = re.sub(r'"[^"]*"', "", header)
    counts = {s: bare.count(s) for s in (";", "\t", ",")}
    best = max(counts, key=lambda s: counts[s])
    if counts[best]:
        return best
    return None if len(bare.split()) > 1 else ","


def _rows(
    lines: list[tuple[int, str]], separator: str | None
) -> Iterator[tuple[int, list[str]]]:
    for number, line in lines:
        if separator is None:
            yield number, line.split()
        else:
            (row,) = csv.reader([line], delimiter=separator, skipinitialspace=True)
            yield number, [cell.strip() for cell in row]


def _check_header(path: Path, line: int, header: list[str]) -> None:
    def is_number(text: str) -> bool:
        try:
            float(text)
        except ValueError:
            return False
        return True

    if all(is_number(c) for c in header):
        raise UserError(
            f"{shown(path)}, line {line}: the first row must name the columns, "
            f"but it holds numbers ({', '.join(header[:4])}{', …' if len(header) > 4 else ''})"
        )
    named = [c for c in header if c]
    for name in named:
        if named.count(name) > 1:
            raise UserError(f"{shown(path)}, line {line}: two columns are named {name!r}")
