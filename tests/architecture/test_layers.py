"""The house rules of DESIGN.md §2, read off the source: layers, op names, file sizes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "bibun"

# Bottom to top. A module may import from its own layer and from those below it.
LAYERS = [
    {"errors", "dtypes", "config", "tree", "tree_util"},
    {"ir"},
    {"array"},
    {"trace"},
    {"ops"},
    {"transforms", "debug"},
    {"compiler", "runtime"},
    {"numpy", "scipy", "lax", "random", "machine", "image"},
    {"variable", "dual", "optim", "optimizers", "solvers", "nn", "store", "prob", "gp", "testing"}
    | {"export"},
    {"cli", "__main__"},
]
RANK = {name: k for k, layer in enumerate(LAYERS) for name in layer}

# Imports that point up, made when they are needed: from which part to which, and what for.
LATE = {
    ("trace", "ops"): "what debug_nans says of an op that ran eagerly",
    ("tree", "numpy"): "ravel_pytree, which concatenates",
    ("scipy", "solvers"): "scipy.optimize.minimize, a face of the solvers",
}

FILES = sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    """The top-level part of the package a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path, inside_functions: bool = True) -> list[tuple[str, int]]:
    """Names of the parts of bibun that a file imports, with line numbers."""
    tree = ast.parse(path.read_text())
    top = set(map(id, tree.body))
    found = []
    for node in ast.walk(tree):
        if not inside_functions and id(node) not in top:
            continue
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
            if node.module == "bibun":
                names = [f"bibun.{a.name}" for a in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "bibun" and len(parts) > 1 and parts[1] in RANK:
                found.append((parts[1], node.lineno))
    return found


def test_every_part_has_a_layer() -> None:
    assert {room(p) for p in FILES} - set(RANK) == {"__init__"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        return
    bad = [
        f"line {line}: {here} imports {name}"
        for name, line in imports(path, inside_functions=False)
        if RANK[name] > RANK[here]
    ]
    assert not bad, "\n".join(bad)


def test_imports_inside_functions_point_down_too() -> None:
    """But for a few, each with its reason; an exception that is no longer needed goes."""
    found = {
        (room(p), name)
        for p in FILES
        if room(p) in RANK
        for name, _ in imports(p)
        if RANK[name] > RANK[room(p)]
    }
    assert found == set(LATE)


def op_names() -> set[str]:
    from bibun.ops.registry import all_ops

    return set(all_ops())


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if room(p) in ("transforms", "compiler")],
    ids=lambda p: str(p.relative_to(SOURCE)),
)
def test_transforms_and_compiler_name_no_op(path: Path) -> None:
    """No comparison of an op's name with a string, and none of an op with one of `ops`."""
    if "vecmath" in path.parts:
        return
    names = op_names()
    tree = ast.parse(path.read_text())
    rooms = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bibun.ops")
        for alias in node.names
        if alias.name in names
    }
    bad = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            text = ast.unparse(node)
            mentions = [
                n.value
                for n in ast.walk(node)
                if isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value in names
            ]
            sides = {n.id for n in (node.left, *node.comparators) if isinstance(n, ast.Name)}
            if (mentions and ".name" in text) or sides & rooms:
                bad.append(f"line {node.lineno}: {text}")
    assert not bad, "\n".join(bad)


def test_the_rules_of_an_op_are_in_one_room() -> None:
    """A file, or a folder whose rooms share something; what families give does not count."""
    import types

    from bibun.ops.registry import all_ops

    rules = ("type_rule", "eval", "jvp", "transpose", "batch", "lower", "linearize", "samples")
    scattered = {}
    for name, op in all_ops().items():
        found = [getattr(op, r) for r in rules]
        modules = {f.__module__ for f in found if isinstance(f, types.FunctionType)}
        own = {m for m in modules if not m.startswith("bibun.ops.families")}
        if len(own) > 1 and len({m.rpartition(".")[0] for m in own}) > 1:
            scattered[name] = sorted(own)
    assert not scattered


def test_every_file_opens_with_a_docstring() -> None:
    missing = [
        str(p.relative_to(SOURCE))
        for p in FILES
        if p.read_text().strip() and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert not missing, missing


def test_no_file_is_two_things() -> None:
    """A file that passes about 600 lines is probably two things."""
    long = {
        str(p.relative_to(SOURCE)): n for p in FILES if (n := len(p.read_text().splitlines())) > 650
    }
    assert not long, long


def test_import_is_light() -> None:
    """`import bibun` loads neither LLVM nor SciPy nor anything heavy."""
    import subprocess
    import sys

    code = (
        "import sys, bibun; heavy = {'llvmlite', 'scipy', 'matplotlib', 'arviz', 'tqdm', 'rich', "
        "'xarray', 'mpmath'} & set(sys.modules); print(sorted(heavy))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]", out.stdout


def test_files_that_the_pages_name_exist() -> None:
    """ARCHITECTURE.md and the decisions speak of files as they are now."""
    root = SOURCE.parents[1]
    here = {p.name for folder in ("src", "tests", "benchmarks") for p in (root / folder).rglob("*")}
    missing = []
    for page in (root / "ARCHITECTURE.md", *sorted((root / "docs" / "design").glob("*.md"))):
        text = page.read_text()
        for name in re.findall(r"`([\w./-]+\.py)`", text):
            if name.rpartition("/")[2] not in here:
                missing.append(f"{page.name}: {name}")
        for name in re.findall(r"`((?:src|tests|docs|benchmarks|examples)/[\w./-]*)`", text):
            if not (root / name).exists():
                missing.append(f"{page.name}: {name}")
    assert not missing, "\n".join(missing)
