"""Drawing a recorded computation, as text for Graphviz.

    graph = build_computational_graph([loss])
    open("graph.dot", "w").write(graph.dump())        # dot -Tpdf graph.dot -o graph.pdf
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bibun.variable.function_node import FunctionNode
from bibun.variable.variable import Variable, VariableNode

_VARIABLE_STYLE = {"shape": "octagon", "fillcolor": "#E0E0E0", "style": "filled"}
_FUNCTION_STYLE = {"shape": "record", "fillcolor": "#6495ED", "style": "filled"}


class ComputationalGraph:
    """Nodes and edges of a recorded computation; `dump()` is its drawing."""

    def __init__(
        self,
        nodes: Sequence[Any],
        edges: Sequence[tuple[Any, Any]],
        variable_style: dict[str, str],
        function_style: dict[str, str],
        rankdir: str,
        remove_variable: bool,
        show_name: bool,
    ) -> None:
        self.nodes = list(nodes)
        self.edges = list(edges)
        self.variable_style = variable_style
        self.function_style = function_style
        self.rankdir = rankdir
        self.remove_variable = remove_variable
        self.show_name = show_name

    def dump(self, format: str = "dot") -> str:
        """The graph as text in Graphviz's language. Errors: ValueError for another format."""
        if format != "dot":
            raise ValueError(f"format must be 'dot', got {format!r}")
        names = {node: f"n{k}" for k, node in enumerate(self.nodes)}
        lines = ["digraph graphname {", f"  rankdir={self.rankdir};"]
        for node, name in names.items():
            style = (
                self.function_style if isinstance(node, FunctionNode) else self.variable_style
            )
            attributes = {"label": _label(node, self.show_name), **style}
            text = ", ".join(f"{k}={_quoted(v)}" for k, v in attributes.items())
            lines.append(f"  {name} [{text}];")
        lines += [f"  {names[a]} -> {names[b]};" for a, b in self.edges]
        return "\n".join([*lines, "}"])


def _label(node: Any, show_name: bool) -> str:
    name = node.name if show_name and isinstance(node, VariableNode) else None
    return f"{name}: {node.label}" if name else node.label


def _quoted(text: str) -> str:
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def build_computational_graph(
    outputs: Sequence[Any],
    remove_split: bool = True,
    variable_style: dict[str, str] | str = "default",
    function_style: dict[str, str] | str = "default",
    rankdir: str = "TB",
    remove_variable: bool = False,
    show_name: bool = True,
) -> ComputationalGraph:
    """The graph that led to `outputs` (a list of Variables).

    `remove_variable` draws functions only; `show_name` writes the names of Variables. The styles
    are Graphviz attributes, instead of the default ones; `rankdir`: TB, BT, LR or RL.
    `remove_split` must be True. Errors: ValueError.

    >>> import numpy as np
    >>> from bibun.variable import Variable
    >>> x = Variable(np.array(1.0), name="x")
    >>> print(build_computational_graph([x * x], remove_variable=True).dump())
    digraph graphname {
      rankdir=TB;
      n0 [label="_ * _", shape="record", fillcolor="#6495ED", style="filled"];
    }
    """
    if not remove_split:
        raise ValueError("build_computational_graph: remove_split must be True")
    if rankdir not in ("TB", "BT", "LR", "RL"):
        raise ValueError(f"build_computational_graph: rankdir is TB, BT, LR or RL, got {rankdir!r}")
    nodes: dict[Any, None] = {}
    edges: dict[tuple[Any, Any], None] = {}
    stack = [y.node if isinstance(y, Variable) else y for y in outputs]
    for node in stack:
        nodes[node] = None
    seen: set[Any] = set()
    while stack:
        variable = stack.pop()
        function = variable.creator_node
        if function is None or function.inputs is None:
            continue
        edges[function, variable] = None
        if function in seen:
            continue
        seen.add(function)
        nodes[function] = None
        for x in function.inputs:
            nodes[x] = None
            edges[x, function] = None
            stack.append(x)
    if remove_variable:
        makers = {v: f for f, v in edges if isinstance(f, FunctionNode)}
        links = {
            (makers[a], b): None
            for a, b in edges
            if isinstance(b, FunctionNode) and a in makers
        }
        nodes = {n: None for n in nodes if isinstance(n, FunctionNode)}
        edges = links  # type: ignore[assignment]
    return ComputationalGraph(
        list(nodes),
        list(edges),
        _VARIABLE_STYLE if isinstance(variable_style, str) else dict(variable_style),
        _FUNCTION_STYLE if isinstance(function_style, str) else dict(function_style),
        rankdir,
        remove_variable,
        show_name,
    )
