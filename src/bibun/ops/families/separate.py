"""Which outputs of an equation depend on some of its inputs, and the part that does not.

An equation of an arithmetic op depends on whatever it is given. One that runs a program need
not: of a loop that counts and multiplies, the count is known where the product is a linear
unknown. Reverse mode evaluates what is known first, so it must be able to tell, through calls in
loops in calls. An op says so in its `separate(flags, **params)`, which returns the outputs' flags
and a function that gives, for the outputs that are not flagged, the positions of the inputs they
need and the parameters of an equation of the same op that computes them alone.
"""

from __future__ import annotations

from bibun.ir.program import Equation

Flags = tuple[bool, ...]


def dependent_outputs(eq: Equation, flags: Flags) -> Flags:
    """For each output, whether it depends on the flagged inputs."""
    if eq.op.separate is None or not any(flags):
        return (any(flags),) * len(eq.outputs)
    return tuple(eq.op.separate(flags, **eq.params)[0])


def known_part(eq: Equation, flags: Flags) -> Equation:
    """The equation of the outputs that do not depend on the flagged inputs; effects left out."""
    dependent, part = eq.op.separate(flags, **eq.params)
    inputs, params = part()
    outputs = [v for v, flag in zip(eq.outputs, dependent, strict=True) if not flag]
    return Equation(eq.op, [eq.inputs[i] for i in inputs], outputs, params, eq.site)
