"""The house rules of DESIGN.md §2, read off the source: layers, op names, file sizes."""

from __future__ import annotations

import ast
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
    {"numpy", "scipy", "lax", "random"},
    {"variable", "optim", "optimizers", "solvers", "nn", "store", "prob", "gp", "testing"}
    | {"export"},
    {"cli"},
]
RANK = {name: k for k, layer in enumerate(LAYERS) for name in layer}

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


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    here = room(path)
    if here not in RANK:  # __init__.py, py.typed, __main__
        return
    bad = [
        f"line {line}: {here} imports {name}"
        for name, line in imports(path, inside_functions=False)
        if RANK[name] > RANK[here]
    ]
    assert not bad, "\n".join(bad)


def op_names() -> set[str]:
    from bibun.ops.registry import all_ops

    return set(all_ops())


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if room(p) in ("transforms", "compiler")],
    ids=lambda p: str(p.relative_to(SOURCE)),
)
def test_transforms_and_compiler_name_no_op(path: Path) -> None:
    """No comparison of an op's name with a string, and no `op is something`."""
    if "vecmath" in path.parts:
        return
    names = op_names()
    tree = ast.parse(path.read_text())
    bad = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            text = ast.unparse(node)
            mentions = [
                n.value
                for n in ast.walk(node)
                if isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value in names
            ]
            if mentions and ".name" in text:
                bad.append(f"line {node.lineno}: {text}")
    assert not bad, "\n".join(bad)


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
