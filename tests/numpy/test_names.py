"""`from bibun.numpy import *`: every function, no module of the implementation."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType
from typing import Any

import numpy as np

import bibun.numpy as bnp


def test_import_star_gives_the_functions() -> None:
    names: dict[str, Any] = {}
    exec("from bibun.numpy import *", names)
    assert float(names["sin"](1.0)) == float(np.sin(1.0))
    for name in ("array", "arange", "where", "einsum", "bool", "float32", "pi", "linalg", "r_"):
        assert names[name] is getattr(bnp, name)
    assert "elementwise" not in names
    assert "annotations" not in names
    modules = {n for n, v in names.items() if isinstance(v, ModuleType)}
    assert modules == {"linalg", "fft"}


def test_all_lists_what_is_public() -> None:
    public = {
        n for n, v in vars(bnp).items()
        if not n.startswith("_") and not isinstance(v, ModuleType)
    } - {"Any", "ModuleType", "TYPE_CHECKING", "annotations"}  # fmt: skip
    assert public <= set(bnp.__all__)
    assert len(set(bnp.__all__)) == len(bnp.__all__)
    assert {"sin", "sum", "matmul", "fft", "__array_namespace_info__"} <= set(bnp.__all__)


def test_the_submodules_are_still_loaded_when_asked_for() -> None:
    code = "import bibun.numpy, sys; print([m for m in sys.modules if m.endswith(('linalg', 'fft'))"
    code += " and m.startswith('bibun.numpy')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
