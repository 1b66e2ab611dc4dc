"""A model as a picture: its sites, its plates, and which site's distribution depends on which.

Dependence is read off the traced program: the parameters of a site's distribution are computed from
the values of the sites that they depend on, whatever the model did in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bibun import tree
from bibun.ir.program import Var
from bibun.prob import handlers
from bibun.prob.distributions.distribution import (
    ExpandedDistribution,
    Independent,
    MaskedDistribution,
)
from bibun.transforms import make_program


class Dot(str):
    """A graph in Graphviz's language; in a notebook it shows as a picture if Graphviz is there."""

    def _repr_svg_(self) -> str | None:
        try:
            import graphviz

            return graphviz.Source(str(self)).pipe("svg", encoding="utf-8")
        except (ImportError, RuntimeError):
            return None


def dependencies(
    model: Callable[..., Any], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
) -> dict[str, list[str]]:
    """For each sample site of a model: the latent sites that its distribution depends on.

    >>> import bibun.prob as prob, bibun.prob.distributions as dist
    >>> def model():
    ...     a = prob.sample("a", dist.Normal())
    ...     prob.sample("b", dist.Normal(2 * a, 1.0))
    >>> dependencies(model)
    {'a': [], 'b': ['a']}
    """
    kwargs = kwargs or {}
    seeded = handlers.seed(model, rng_seed=0)
    first = handlers.trace(seeded).get_trace(*args, **kwargs)
    latent = {
        k: s["value"] for k, s in first.items() if s["type"] == "sample" and not s["is_observed"]
    }
    names = [k for k, s in first.items() if s["type"] == "sample"]

    def parameters(values: list[Any]) -> list[list[Any]]:
        given = dict(zip(latent, values, strict=True))
        trace = handlers.trace(handlers.substitute(seeded, data=given)).get_trace(*args, **kwargs)
        found = [tree.leaves(trace[k]["fn"]) for k in names]
        counts[:] = [len(leaves) for leaves in found]
        return found

    counts: list[int] = []
    closed = make_program(parameters)(list(latent.values()))
    program, captured = closed.program, len(closed.consts)
    owner: dict[Any, set[str]] = {
        v: {k} for v, k in zip(program.inputs[captured:], latent, strict=True)
    }  # one array a site
    for e in program.equations:
        parents = set().union(*(owner.get(x, set()) for x in e.inputs if isinstance(x, Var)))
        for out in e.outputs:
            owner[out] = parents
    result: dict[str, list[str]] = {}
    at = 0
    for name, n in zip(names, counts, strict=True):
        outputs = program.outputs[at : at + n]
        at += n
        parents = set().union(*(owner.get(x, set()) for x in outputs if isinstance(x, Var)))
        result[name] = [k for k in names if k in parents and k != name]
    return result


def render_model(
    model: Callable[..., Any],
    model_args: Sequence[Any] = (),
    model_kwargs: Mapping[str, Any] | None = None,
    filename: str | None = None,
    render_distributions: bool = False,
) -> Dot:
    """The graph of a model as Graphviz text: observed sites shaded, plates as boxes.

    `filename`: where to write it; .dot and .gv as text, other endings (.svg, .pdf, .png) as a
    picture, for which the package graphviz and its program are needed.
    `render_distributions`: with a list of the sites' distributions.
    """
    kwargs = model_kwargs or {}
    seeded = handlers.seed(model, rng_seed=0)
    trace = handlers.trace(seeded).get_trace(*model_args, **kwargs)
    sites = {k: s for k, s in trace.items() if s["type"] == "sample"}
    edges = dependencies(model, model_args, kwargs)
    lines = ["digraph {"]

    def write(names: list[str], depth: int, indent: str) -> None:
        groups: dict[Any, list[str]] = {}
        for k in names:
            frames = sites[k]["cond_indep_stack"][::-1]  # outermost first
            if len(frames) > depth:
                groups.setdefault(frames[depth], []).append(k)
            else:
                fill = ' style=filled fillcolor="gray"' if sites[k]["is_observed"] else ""
                lines.append(f'{indent}"{k}" [shape=ellipse{fill}]')
        for frame, members in groups.items():
            lines.append(f'{indent}subgraph "cluster_{frame.name}_{len(lines)}" {{')
            lines.append(f'{indent}  label="{frame.name} ({frame.size})" labeljust=r labelloc=b')
            write(members, depth + 1, indent + "  ")
            lines.append(indent + "}")

    write(list(sites), 0, "  ")
    lines += [f'  "{a}" -> "{b}"' for b, parents in edges.items() for a in parents]
    if render_distributions:
        rows = "".join(f"{k} ~ {_name(s['fn'])}\\l" for k, s in sites.items())
        lines.append(f'  "distributions" [shape=plaintext label="{rows}"]')
    dot = Dot("\n".join([*lines, "}"]) + "\n")
    if filename is not None:
        _write(dot, Path(filename))
    return dot


def _name(fn: Any) -> str:
    """The distribution's name, without what plates and `to_event` put around it."""
    while isinstance(fn, ExpandedDistribution | Independent | MaskedDistribution):
        fn = fn.base_dist
    return type(fn).__name__


def _write(dot: Dot, path: Path) -> None:
    if path.suffix in (".dot", ".gv"):
        path.write_text(dot, encoding="utf-8")
        return
    try:
        import graphviz
    except ImportError as e:
        raise ImportError(
            f"render_model: {path.suffix} needs the package graphviz (and its program dot); .dot "
            "and .gv need nothing"
        ) from e
    graphviz.Source(str(dot)).render(outfile=path)
