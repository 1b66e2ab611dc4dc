"""`python -m benchmarks.calls`: what a call of a jitted function costs around its native code.

Functions that compute next to nothing, so that all of the time is the way there and back. Two
figures each: the native entry alone, called as `Jitted.__call__` calls it, and the whole call
from Python. Beside them the two ways that do without the entry: the general way of a function,
and the arrays of one through ctypes (`NativeCall` where no object's layout could be measured).

A figure is processor time of this thread for one call, the mean over enough calls for `SECONDS`
and the least of several such: what others do on the machine can only add. The loop around the
call is in it; a call of an empty Python function stands beside as the measure of that. The table
goes into docs/design/calls.md, between the markers.
"""

from __future__ import annotations

import argparse
import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from benchmarks.report import distrust, rewrite
from benchmarks.runner import ROOT
from benchmarks.stack import Stack
from benchmarks.workloads.learning import adam_step

NOTE = ROOT / "docs" / "design" / "calls.md"
SECONDS = 0.05  # that one of the several takes, about
READY = 4  # calls after which a function has its native way


def nanoseconds(statement: str, names: dict[str, Any], repetitions: int) -> float:
    """Processor time of this thread for one execution of a statement, the least of several."""
    timer = timeit.Timer(statement, timer=time.thread_time, globals=names)
    number = 1
    while (spent := timer.timeit(number)) < SECONDS / 4:
        number *= 4
    number = max(1, int(number * SECONDS / spent))
    return min(timer.repeat(repetitions, number)) / number * 1e9


def cases() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    """What is called -> a function and its arguments."""
    import bibun
    import bibun.numpy as bnp

    def doubled(tree: Any) -> Any:
        return bibun.tree.map(lambda x: x * 2.0, tree)

    eight = [bnp.full((2,), float(k)) for k in range(8)]
    return {
        "no argument, one number out": (lambda: bnp.asarray(1.0), ()),
        "one array in, one out": (doubled, (eight[0],)),
        "a list of eight arrays in and out": (doubled, (eight,)),
        "a dict of eight arrays in and out": (
            doubled, ({f"k{k}": x for k, x in enumerate(eight)},)
        ),
    }  # fmt: skip


def ready(jitted: Any, args: tuple[Any, ...]) -> Any:
    """The function after its first calls. Errors: RuntimeError where it has no native way."""
    for _ in range(READY):
        jitted(*args)
    if jitted.direct is None:
        raise RuntimeError(f"{jitted.__name__} has no native entry here: nothing to measure")
    return jitted


def row(jitted: Any, args: tuple[Any, ...], repetitions: int) -> tuple[float, float]:
    """Nanoseconds of the entry alone and of the whole call."""
    f = ready(jitted, args)
    entry = f.direct.entry
    if entry(args) is None:
        raise RuntimeError(f"the entry of {f.__name__} refuses the arguments it was made from")
    names = {"f": f, "entry": entry, "args": args, **{f"a{k}": a for k, a in enumerate(args)}}
    call = f"f({', '.join(f'a{k}' for k in range(len(args)))})"
    return nanoseconds("entry(args)", names, repetitions), nanoseconds(call, names, repetitions)


def other_ways(repetitions: int) -> dict[str, float]:
    """Nanoseconds of the ways beside the entry, for one number in and one out."""
    import bibun

    f = ready(bibun.jit(lambda x: x * 2.0), (3.0,))
    ((trace,),) = f.traces.values()
    leaf = [bibun.numpy.asarray(3.0)._value]
    names = {"general": f.general, "portable": trace.call._portable, "leaf": leaf}
    return {
        "the general way: one number in, one out":
            nanoseconds("general((3.0,), {})", names, repetitions),
        "the portable way through ctypes, the arrays alone":
            nanoseconds("portable(leaf)", names, repetitions),
    }  # fmt: skip


def table(repetitions: int) -> str:
    """All figures, in Markdown."""
    import bibun

    def empty() -> None: ...

    found: list[tuple[str, float | None, float]] = [
        ("a call of an empty Python function", None, nanoseconds("f()", {"f": empty}, repetitions))
    ]
    for name, (fun, args) in cases().items():
        found.append((name, *row(bibun.jit(fun), args, repetitions)))
    step, args = adam_step(Stack("bibun"))
    name = "Adam step: a number and three arrays in, three out"
    found.append((name, *row(step, args, repetitions)))
    found += [(name, None, ns) for name, ns in other_ways(repetitions).items()]
    lines = ["| what, CPU ns of one call | entry alone | all |", "|---|---:|---:|"]
    for name, entry, whole in found:
        lines.append(f"| {name} | {'' if entry is None else f'{entry:.0f}'} | {whole:.0f} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    from benchmarks.machine import Others, describe

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--print", action="store_true", help="leave the design note as it is")
    given = parser.parse_args(arguments)
    others = Others()
    rows = table(given.repetitions)
    busy = others.share()
    machine = describe()
    text = (
        f"Thread time, least of {given.repetitions}, {datetime.now(UTC):%Y-%m-%d} at "
        f"{machine['commit']} on {machine['processor']}, {machine['system']}, Python "
        f"{machine['python']}.\n\n{rows}"
    )
    text += distrust(busy)
    print(text)
    if not given.print:
        rewrite(NOTE, text)


if __name__ == "__main__":
    main()
