"""The exceptions bibun raises, each a subclass of the Python error a user would expect."""

from __future__ import annotations

from typing import Any


class BibunError(Exception):
    """Root of the errors that only bibun raises."""


class LocatedError(BibunError):
    """An error about what the user wrote: the message ends with the user's source line.

    `locate` gives that line; `bibun.trace.sites`, which knows whose a frame is, sets it.
    """

    locate: Any = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        said = bool(args) and "\nAt " in str(args[0])
        self.where = "" if said or LocatedError.locate is None else LocatedError.locate()

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}\nAt {self.where}" if self.where else text


class TracerError(BibunError, TypeError):
    """A traced value was used where Python needs a concrete one."""


class ConcretizationError(TracerError):
    """`bool`, `int`, `float`, `__array__` … was asked of a value that is not known yet."""


class LeakedTracerError(TracerError):
    """A traced value escaped the transformation that made it."""


class ShapeError(LocatedError, ValueError):
    """Shapes that do not fit each other."""


class DTypeError(LocatedError, TypeError):
    """A dtype an operation is not defined for."""


class DifferentiationError(LocatedError, TypeError):
    """A derivative that does not exist or was not defined."""


class SpecError(BibunError, AssertionError):
    """A program breaks the rules of the IR: a bug in bibun, never in user code."""


class CompileError(BibunError, RuntimeError):
    """LLVM refused the module that bibun made: a bug in bibun, never in user code."""


class IndexOutOfBoundsError(BibunError, IndexError):
    """An index is outside its axis; the message has index, axis, size and source line."""


class NonFiniteError(BibunError, FloatingPointError):
    """`debug_nans` found the operation that first made a nan."""


class NotPositiveDefiniteError(BibunError, ValueError):
    """A matrix that had to be positive definite is not."""
