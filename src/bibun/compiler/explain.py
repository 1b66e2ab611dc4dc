"""Looking inside: what `f.lower(...)` and `f.explain()` show."""

from __future__ import annotations

from typing import Any

from bibun.compiler import pipeline
from bibun.compiler.plan import KERNEL, Plan, make_plan
from bibun.ir.program import Program

_STAGES = ("ir", "loops", "llvm", "optimized", "assembly")


class Lowered:
    """The stages of one program, from what was traced to machine code."""

    def __init__(self, program: Program) -> None:
        self.traced = program
        self.program = pipeline.prepare(program)

    def as_text(self, stage: str | None = None) -> str:
        """All of IR, loop nests and LLVM, or one of: ir, loops, llvm, optimized, assembly."""
        if stage is not None and stage not in _STAGES:
            raise ValueError(f"no stage {stage!r}; there are: {', '.join(_STAGES)}")
        if stage is None:
            return "\n\n".join(
                f"-- {s} --\n{self.as_text(s)}" for s in ("ir", "loops", "llvm")
            )
        if stage == "ir":
            return str(self.program)
        if stage == "loops":
            return describe_plan(make_plan(self.program))
        text, _ = pipeline.emit_text(self.program, {})
        if stage == "llvm":
            return text
        from bibun.compiler import engine

        if stage == "optimized":
            return engine.optimised_text(text)
        return engine.assembly(text)

    def compile(self) -> Any:
        """The native function: call it with a list of NumPy arrays."""
        return pipeline.compile_program(self.traced)


def describe_plan(plan: Plan) -> str:
    """The schedule: kernels with their index space, and what each computes."""
    lines = []
    for unit in plan.units:
        names = ", ".join(eq.op.name for eq in unit.equations)
        if unit.kind == KERNEL:
            space = "x".join(map(str, unit.space)) or "1"
            flat = " (flat)" if unit.flat else ""
            inlined = _inlined(plan, unit)
            also = f"  inlining {', '.join(inlined)}" if inlined else ""
            lines.append(f"loop over {space}{flat}: {names}{also}")
        else:
            lines.append(f"{unit.kind}: {names}")
    return "\n".join(lines)


def _inlined(plan: Plan, unit: Any) -> list[str]:
    found: dict[Any, str] = {}
    stack = [a for eq in unit.equations for a in eq.inputs]
    while stack:
        a = stack.pop()
        if a in plan.lazy and a not in found:
            eq = plan.producer[a]
            found[a] = eq.op.name
            stack.extend(eq.inputs)
    return list(found.values())


def explain(f: Any) -> str:
    """A report of the traces of a jitted function."""
    n = len(f.history)
    lines = [f"{f.__name__}: {n} trace{'s' if n != 1 else ''}"]
    for k, trace in enumerate(f.history):
        lines.append(f"  [{k}] {trace.why}; traced in {1e3 * trace.seconds:.1f} ms")
        types = ", ".join(map(str, trace.closed.in_types))
        lines.append(f"      arguments: {types}; captured arrays: {len(trace.closed.consts)}")
        if trace.compiled is not None:
            t = trace.compiled.timings
            source = "from the cache" if trace.compiled.from_cache else "compiled"
            spent = ", ".join(f"{name} {1e3 * s:.1f}" for name, s in t.items())
            lines.append(f"      {source} (ms: {spent})")
    return "\n".join(lines)
