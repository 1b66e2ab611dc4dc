"""The stubs say what the modules have."""

from __future__ import annotations

import ast
import importlib
import inspect

import pytest

from tests.typing import make_stubs


@pytest.mark.parametrize("module", make_stubs.TABLES)
def test_stubs_name_functions_that_exist_with_their_parameters(module: str) -> None:
    m = importlib.import_module(module)
    tree = ast.parse(make_stubs.path(module).read_text(encoding="utf-8"))
    declared = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    del declared["__getattr__"]
    gone = [n for n in declared if not hasattr(m, n)]
    assert not gone, f"{gone}: make stubs"
    for name, node in declared.items():
        real = inspect.signature(getattr(m, name)).parameters
        args = node.args
        given = [*args.posonlyargs, *args.args, *args.kwonlyargs]
        starred = [a for a in (args.vararg, args.kwarg) if a is not None]
        assert {a.arg for a in (*given, *starred)} == set(real), f"{name}: make stubs"
        assert ast.get_docstring(node), name
    assert len(declared) > 0.8 * len(m.__all__), "make stubs"


@pytest.mark.parametrize("module", make_stubs.LAZY)
def test_stubs_import_what_exists(module: str) -> None:
    tree = ast.parse(make_stubs.path(module).read_text(encoding="utf-8"))
    found = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "bibun":
            for alias in node.names:
                home = importlib.import_module(node.module)
                value = getattr(importlib.import_module(module), alias.name)
                assert getattr(home, alias.name) is value
                found += 1
    assert found > 20
