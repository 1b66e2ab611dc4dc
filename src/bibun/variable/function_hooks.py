"""Hooks ready to use: `TimerHook` measures functions, `PrintHook` prints what they see."""

from __future__ import annotations

import sys
import time
from typing import Any

from bibun.variable.function_hook import FunctionHook
from bibun.variable.variable import Variable

__all__ = ["PrintHook", "TimerHook"]

_UNITS = {"sec": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


class TimerHook(FunctionHook):
    """Wall-clock seconds of each function, forwards and backwards.

    A backward step calls functions of its own, `SumGrad` for example: they are in the history
    before it, with their own time, which is part of its time and counts once in the total.

    >>> import numpy as np, bibun.variable.functions as F
    >>> from bibun.variable import Variable
    >>> from bibun.variable.function_hooks import TimerHook
    >>> hook = TimerHook()
    >>> with hook:
    ...     F.sum(F.exp(Variable(np.zeros(3)))).backward()
    >>> [name for name, seconds in hook.call_history]
    ['Exp', 'Sum', 'SumGrad', 'Sum', 'ExpGrad', 'Exp']
    """

    name = "TimerHook"

    def __init__(self) -> None:
        self.call_history: list[tuple[str, float]] = []
        self._starts: list[float] = []
        self._total = 0.0

    def forward_preprocess(self, function: Any, in_data: Any) -> None:
        self._starts.append(time.perf_counter())

    def forward_postprocess(self, function: Any, in_data: Any) -> None:
        seconds = time.perf_counter() - self._starts.pop()
        self.call_history.append((function.label, seconds))
        if not self._starts:
            self._total += seconds

    def backward_preprocess(self, function: Any, in_data: Any, out_grad: Any) -> None:
        self.forward_preprocess(function, in_data)

    def backward_postprocess(self, function: Any, in_data: Any, out_grad: Any) -> None:
        self.forward_postprocess(function, in_data)

    def total_time(self) -> float:
        """All seconds together."""
        return self._total

    def summary(self) -> dict[str, dict[str, Any]]:
        """For each function's name, `elapsed_time` in seconds and `occurrence`, its calls."""
        found: dict[str, dict[str, Any]] = {}
        for name, seconds in self.call_history:
            entry = found.setdefault(name, {"elapsed_time": 0.0, "occurrence": 0})
            entry["elapsed_time"] += seconds
            entry["occurrence"] += 1
        return found

    def print_report(self, unit: str = "auto", file: Any = None) -> None:
        """A table of `summary()`, the slowest first. unit: sec, ms, us, ns, or auto by row."""
        if unit != "auto" and unit not in _UNITS:
            raise ValueError(f"print_report: unit must be auto or one of {list(_UNITS)}")
        rows = sorted(self.summary().items(), key=lambda row: -row[1]["elapsed_time"])
        width = max([len("FunctionName"), *(len(name) for name, _ in rows)])
        file = sys.stdout if file is None else file
        print(f"{'FunctionName':<{width}}  {'ElapsedTime':>14}  {'Occurrence':>10}", file=file)
        for name, entry in rows:
            seconds = entry["elapsed_time"]
            found = unit
            if unit == "auto":
                found = next((u for u, k in _UNITS.items() if seconds * k >= 1), "ns")
            text = f"{seconds * _UNITS[found]:.2f}{found}"
            print(f"{name:<{width}}  {text:>14}  {entry['occurrence']:>10}", file=file)


class PrintHook(FunctionHook):
    """Each function's name, inputs and gradients of outputs, as they come by.

    sep, end, file, flush: as of `print`.
    """

    name = "PrintHook"

    def __init__(
        self, sep: str | None = None, end: str = "\n", file: Any = None, flush: bool = True
    ) -> None:
        self.sep, self.end, self.file, self.flush = sep, end, file, flush

    def _print(self, *what: Any) -> None:
        print(*what, sep=self.sep, end=self.end, file=self.file, flush=self.flush)

    def _arrays(self, title: str, arrays: tuple[Any, ...]) -> None:
        self._print(title)
        for array in arrays:
            if array is None:
                self._print("(none)")
            else:
                self._print(Variable(array, requires_grad=False).debug_print())

    def forward_preprocess(self, function: Any, in_data: Any) -> None:
        self._print(f"function\t{function.label}")
        self._arrays("input data", in_data)

    def backward_preprocess(self, function: Any, in_data: Any, out_grad: Any) -> None:
        self._print(f"function\t{function.label}")
        self._arrays("input data", in_data)
        self._arrays("output gradient", out_grad)
